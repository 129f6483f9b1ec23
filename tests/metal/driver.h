/* SPDX-License-Identifier: MIT */
/* driver.h: on a board, what tests/differential/driver.h is to drivers that reference.c writes: the same functions, of which
 * only this much is a C library's, and an arena with guards. ARENA_MOST says how large that must be. */
#include "metal.h"

#define main metal_main

typedef int FILE;

void *memcpy(void *restrict to, const void *restrict from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memset(void *to, int value, size_t n);

static FILE *records;
static int complaints;

static inline FILE *fopen(const char *path, const char *mode)
{
    static FILE files[2];
    static int n;
    files[n] = metal_must_open(path, mode[0] == 'w');
    return &files[n++];
}

static inline void expect(int holds, const char *what)
{
    if (!holds)
        metal_print("%s\n", what);
    complaints += !holds;
}

static inline void put_text(const char *text)
{
    int32_t n = 0;
    while (text[n])
        n++;
    metal_write(*records, text, n);
}

/* One record: a line `CLASS NAME COUNT`, then the floats. */
static inline void record_line(const char *class_, const char *name, long n)
{
    char count[24], *at = count + sizeof count;
    *--at = 0;
    *--at = '\n';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    put_text(class_);
    put_text(" ");
    put_text(name);
    put_text(" ");
    put_text(at);
}

static inline void record(const char *class_, const char *name, const float *value, long n)
{
    record_line(class_, name, n);
    expect(metal_write(*records, value, (int32_t)(n * 4)) == n * 4, "cannot write the results");
}

/* Of integers and truths, as floats. */
#define RECORD(name_, type)                                                                                  \
    static inline void name_(const char *class_, const char *name, const type *value, long n)                \
    {                                                                                                        \
        record_line(class_, name, n);                                                                        \
        for (long i = 0; i < n; i++) {                                                                       \
            float as_float = (float)value[i];                                                                \
            metal_write(*records, &as_float, 4);                                                             \
        }                                                                                                    \
    }
RECORD(record_i32, int32_t)
RECORD(record_u8, uint8_t)

static inline void load(FILE *in, void *to, size_t bytes)
{
    if (metal_read(*in, to, (int32_t)bytes) != (int32_t)bytes) {
        metal_print("inputs end early\n");
        metal_exit(2);
    }
}

/* What calls with each arena, told apart by its name, use of the stack at the most: `stack NAME BYTES` in the end. */
static struct { const char *arena; int32_t most; } stacks[4];
static int stack_now;

static inline int same_text(const char *x, const char *y)
{
    while (*x && *x == *y)
        x++, y++;
    return *x == *y;
}

static inline void stack_begins(const char *arena)
{
    for (stack_now = 0; stacks[stack_now].arena && !same_text(stacks[stack_now].arena, arena); stack_now++)
        ;
    stacks[stack_now].arena = arena;
    metal_paint_stack();
}

static inline void stack_ends(void)
{
    int32_t used = metal_painted_used();
    stacks[stack_now].most = used > stacks[stack_now].most ? used : stacks[stack_now].most;
}

static inline void print_stacks(void)
{
    for (int i = 0; i < 4 && stacks[i].arena; i++)
        metal_print("stack %s %d\n", stacks[i].arena, stacks[i].most);
}

/* The one arena, so many bytes of it, full of NaN; what follows must be as it was when it is given back. */
enum { GUARD = 64, UNTOUCHED = 0xa5 };
static _Alignas(64) unsigned char arena_bytes[ARENA_MOST + GUARD];
static size_t arena_used;

#define scratch(bytes) scratch_of(#bytes, bytes)
static inline void *scratch_of(const char *name, size_t bytes)
{
    if (bytes > ARENA_MOST) {
        metal_print("the arena is larger than ARENA_MOST\n");
        metal_exit(2);
    }
    arena_used = bytes;
    memset(arena_bytes, 0xff, bytes);
    memset(arena_bytes + bytes, UNTOUCHED, GUARD);
    stack_begins(name);
    return arena_bytes;
}

static inline void free(void *arena)
{
    (void)arena;
    stack_ends();
    for (int i = 0; i < GUARD; i++)
        expect(arena_bytes[arena_used + (size_t)i] == UNTOUCHED, "something is written behind the arena");
}

static inline int fclose(FILE *file)
{
    if (file == records)
        print_stacks();
    metal_close(*file);
    return 0;
}
