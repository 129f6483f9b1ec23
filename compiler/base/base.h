/* SPDX-License-Identifier: MIT */
/* base.h: memory, text and diagnostics. Knows nothing of tensors.
 *
 * Glossary used everywhere: a arena, sb string buffer, d diagnostics, sp span. */
#ifndef DLC_BASE_H
#define DLC_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LEN(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PRINTF(at, first) __attribute__((format(printf, at, first)))

/* ---- arena.c ----------------------------------------------------------------------------------------------
 * One arena per compilation; everything a compilation makes lives in it and is freed whole. Memory comes
 * zeroed. Allocation never returns NULL: when memory runs out (or the optional limit is passed) the arena jumps
 * to `oom` if the library door has set it, and otherwise ends the process with a message. */
typedef struct Arena Arena;

Arena *arena_new(void);
Arena *arena_inner(Arena *outer);                   /* for what is needed for a while; freed with `outer` at the latest */
void arena_free(Arena *a);
void arena_reset(Arena *a);                         /* everything in it is gone, and it is as good as new */
void *arena_alloc(Arena *a, size_t bytes);
void *arena_dup(Arena *a, const void *bytes, size_t n);
char *arena_strdup(Arena *a, const char *text);
char *arena_strndup(Arena *a, const char *text, size_t n);
char *arena_printf(Arena *a, const char *format, ...) PRINTF(2, 3);
size_t arena_bytes(const Arena *a);                 /* handed out so far */
void arena_set_oom(Arena *a, jmp_buf *oom);         /* NULL: end the process */
void arena_set_limit(Arena *a, size_t bytes);       /* 0: none */

#define NEW(a, T) ((T *)arena_alloc(a, sizeof(T)))
#define NEWN(a, T, n) ((T *)arena_alloc(a, sizeof(T) * (size_t)(n)))

/* ---- vec: a growable array in an arena:  VEC(int) v = {0}; vec_push(a, &v, 3); v.at[0], v.n ------------ */
#define VEC(T)                                                                                               \
    struct {                                                                                                 \
        T *at;                                                                                               \
        int n, cap;                                                                                          \
    }
#define vec_forget(v) ((v)->at = NULL, (v)->n = (v)->cap = 0)    /* what it held is another arena's */
#define vec_push(a, v, x)                                                                                    \
    do {                                                                                                     \
        if ((v)->n == (v)->cap)                                                                              \
            (v)->at = vec_grow(a, (v)->at, sizeof *(v)->at, (v)->n, &(v)->cap);                              \
        (v)->at[(v)->n++] = (x);                                                                             \
    } while (0)
void *vec_grow(Arena *a, void *at, size_t item, int n, int *cap);

/* ---- str.c: string buffer, hashing, nearest name ------------------------------------------------------- */
typedef struct StrBuf {
    Arena *a;
    char *at;           /* always NUL-terminated once something was written; see sb_text */
    size_t n, cap;
} StrBuf;

void sb_putc(StrBuf *sb, char c);
void sb_puts(StrBuf *sb, const char *text);
void sb_printf(StrBuf *sb, const char *format, ...) PRINTF(2, 3);
void sb_vprintf(StrBuf *sb, const char *format, va_list args) PRINTF(2, 0);
const char *sb_text(StrBuf *sb);                    /* "" when empty */
bool str_eq(const char *x, const char *y);          /* NULL equals only NULL */
uint64_t hash_bytes(const void *bytes, size_t n);   /* FNV-1a, 64 bits */
/* A number for each text, 0 at first; {.a = arena} is an empty one. The pointer holds until the next call; the key is kept, not
 * copied. */
typedef struct StrCount {
    const char *key;
    int n;
} StrCount;
typedef struct StrMap {
    Arena *a;
    StrCount *slot;
    size_t slots, used;
} StrMap;
int *str_map(StrMap *m, const char *key);
int edit_distance(const char *x, const char *y);
/* The candidate nearest to `name` when near enough to be a misspelling (distance <= a third of its length), else NULL. */
const char *nearest_name(const char *name, const char *const *candidates, int n);

/* ---- diag.c: sources, spans and messages --------------------------------------------------------------- */
typedef struct Span {
    int source;         /* index into the diagnostics' sources, 1 up; 0: no place */
    uint32_t lo, hi;    /* byte offsets, [lo, hi) */
} Span;

typedef struct Diag Diag;

enum { DIAG_MAX_ERRORS = 20 };

Diag *diag_new(Arena *a);
Diag *diag_again(Arena *a, const Diag *d);             /* the same sources, and no message yet */
/* The text is copied. `name` is what messages print. Returns the source's index for spans. */
int diag_add_source(Diag *d, const char *name, const char *text, size_t bytes);
const char *diag_source_name(const Diag *d, int source);
const char *diag_source_text(const Diag *d, int source, size_t *bytes);
int diag_line(const Diag *d, Span sp, int *column);  /* both count from 1; 0 without a place */
/* "line 7", or "mlp.dl, line 7" where that is not the last error's file; NULL without a place. */
const char *diag_place(const Diag *d, Span sp);
Span span_join(Span x, Span y);                      /* from x's start to y's end */

/* An error at a place; past DIAG_MAX_ERRORS it is counted but not kept. Notes and help attach to the last error.
 *     mlp.dl:7:14: error: x @ w1 contracts 784 with 128
 *         7 |     h = relu(x @ w1 + b1)
 *           |              ^^^^^^
 *           = x  : f32[784]       (input, line 4)
 *           help: w1 looks transposed; ... */
void diag_error(Diag *d, Span sp, const char *format, ...) PRINTF(3, 4);
void diag_note(Diag *d, const char *format, ...) PRINTF(2, 3);
void diag_note_at(Diag *d, Span sp, const char *format, ...) PRINTF(3, 4);   /* ends with "(line N)" of sp */
void diag_help(Diag *d, const char *format, ...) PRINTF(2, 3);
int diag_errors(const Diag *d);
void diag_print(const Diag *d, FILE *out);
const char *diag_text(const Diag *d, Arena *a);      /* what diag_print would print */

/* A mistake of ours, never of the user's: says where and aborts. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *format, ...) PRINTF(3, 4) __attribute__((noreturn));

/* ---- file.c: whole files, written beside and renamed --------------------------------------------------- */
/* The file's bytes in the arena with a NUL behind them, "-" being standard input; NULL with *why set on failure. */
char *file_read(Arena *a, const char *path, size_t *bytes, const char **why);    /* at the most half of the memory there is */
char *file_read_up_to(Arena *a, const char *path, size_t most, size_t *bytes, const char **why);
/* Writes to a temporary beside `path` and renames it; "-" is standard output. Links, and the permissions of a
 * file that is replaced, stay. false with *why set on failure. */
bool file_write(Arena *a, const char *path, const void *bytes, size_t n, const char **why);
/* Whether it could: for who has much to do before. false with *why set, the path in front. */
bool file_can_write(Arena *a, const char *path, const char **why);
typedef struct FileText {
    const char *path;
    const void *bytes;
    size_t n;
} FileText;
/* The same for files that belong together: all are written beside before the first is renamed, so that none appears when
 * there is no room or no permission for one of them. false with the guilty path in *failed. */
bool files_write(Arena *a, const FileText *file, int n, const char **failed, const char **why);

#endif
