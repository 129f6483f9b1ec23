/* SPDX-License-Identifier: MIT */
/* arena.c: chunked, zeroed memory, freed whole. Blocks are aligned to 16 bytes, from 1 KiB up to 64. */
#include "base.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 16 };     /* bytes poisoned behind every block, so that overruns inside a chunk are seen */
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { RED_ZONE = 0 };
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum {
    FIRST_CHUNK = 16 << 10,     /* each further chunk is twice the last one, up to LAST_CHUNK */
    LAST_CHUNK = 1 << 20,
    WIDE_BLOCK = 1 << 10,       /* blocks of this size and more are aligned to a cache line */
};

typedef struct Chunk {
    struct Chunk *next;
    size_t bytes;               /* of the whole chunk, this header included */
} Chunk;

struct Arena {
    Chunk *chunks;              /* all of them, to be freed */
    char *at, *end;             /* the free part of the current chunk */
    size_t chunk_bytes;         /* of the next ordinary chunk */
    size_t handed_out;
    size_t limit;               /* 0: none */
    jmp_buf *oom;
    Arena *outer;               /* an inner arena's; it is counted there, and fails as it does */
    Arena *inner, *next;        /* its own inner ones, and the next of the same outer one */
};

static Arena *outermost(Arena *a)
{
    while (a->outer)
        a = a->outer;
    return a;
}

static void out_of_memory(Arena *a)
{
    a = a ? outermost(a) : NULL;
    if (a && a->oom)
        longjmp(*a->oom, 1);
    fputs("dlc: out of memory\n", stderr);
    exit(1);
}

Arena *arena_new(void)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory(NULL);
    a->chunk_bytes = FIRST_CHUNK;
    return a;
}

Arena *arena_inner(Arena *outer)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory(outer);
    *a = (Arena){.chunk_bytes = FIRST_CHUNK, .outer = outer, .next = outer->inner};
    return outer->inner = a;
}

static void chunk_free(Chunk *c)
{
    UNPOISON(c, c->bytes);
    free(c);
}

void arena_free(Arena *a)
{
    if (!a)
        return;
    while (a->inner)
        arena_free(a->inner);
    if (a->outer) {
        Arena **at = &a->outer->inner;
        while (*at != a)
            at = &(*at)->next;
        *at = a->next;
    }
    for (Chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        chunk_free(c);
    }
    free(a);
}

static char *chunk_start(Chunk *c)
{
    return (char *)(c + 1);
}

/* The chunk being filled is kept, so that an arena emptied often asks for no memory. */
void arena_reset(Arena *a)
{
    Chunk *kept = NULL;
    for (Chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        if (a->at >= chunk_start(c) && a->at <= (char *)c + c->bytes)
            kept = c;
        else
            chunk_free(c);
    }
    a->chunks = kept;
    if (!kept)
        return;
    kept->next = NULL;
    UNPOISON(kept, kept->bytes);
    memset(chunk_start(kept), 0, (size_t)(a->at - chunk_start(kept)));
    a->at = chunk_start(kept);
    POISON(a->at, (size_t)(a->end - a->at));
}

void arena_set_oom(Arena *a, jmp_buf *oom)
{
    a->oom = oom;
}

void arena_set_limit(Arena *a, size_t bytes)
{
    a->limit = bytes;
}

size_t arena_bytes(const Arena *a)
{
    return a->handed_out;
}

static char *align_up(char *at, size_t alignment)
{
    return at + (-(uintptr_t)at & (alignment - 1));
}

/* A zeroed chunk with room for `bytes` at any alignment up to 64; its first free byte. */
static char *chunk_add(Arena *a, size_t bytes, char **end)
{
    if (bytes > SIZE_MAX - sizeof(Chunk) - 64)
        out_of_memory(a);
    size_t whole = sizeof(Chunk) + 64 + bytes;
    Chunk *c = calloc(1, whole);
    if (!c)
        out_of_memory(a);
    c->next = a->chunks;
    c->bytes = whole;
    a->chunks = c;
    *end = (char *)c + whole;
    char *at = chunk_start(c);
    POISON(at, (size_t)(*end - at));
    return at;
}

void *arena_alloc(Arena *a, size_t bytes)
{
    Arena *counted = outermost(a);
    if (bytes > SIZE_MAX / 2 || (counted->limit && counted->handed_out + bytes > counted->limit))
        out_of_memory(a);
    size_t alignment = bytes >= WIDE_BLOCK ? 64 : 16;
    size_t taken = (bytes + RED_ZONE + 15) & ~(size_t)15;
    char *block = a->at ? align_up(a->at, alignment) : NULL;
    if (!block || block > a->end || taken > (size_t)(a->end - block)) {
        if (taken > a->chunk_bytes / 4) {       /* a chunk of its own; the current one goes on being filled */
            char *end;
            block = align_up(chunk_add(a, taken, &end), alignment);
        } else {
            a->at = chunk_add(a, a->chunk_bytes, &a->end);
            if (a->chunk_bytes < LAST_CHUNK)
                a->chunk_bytes *= 2;
            block = align_up(a->at, alignment);
            a->at = block + taken;
        }
    } else {
        a->at = block + taken;
    }
    UNPOISON(block, bytes);
    counted->handed_out += bytes;
    return block;
}

void *arena_dup(Arena *a, const void *bytes, size_t n)
{
    void *copy = arena_alloc(a, n);
    if (n)
        memcpy(copy, bytes, n);
    return copy;
}

char *arena_strndup(Arena *a, const char *text, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

char *arena_strdup(Arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_printf(Arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        BUG("bad format: %s", format);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

void *vec_grow(Arena *a, void *at, size_t item, int n, int *cap)
{
    if (*cap > INT_MAX / 2 || (*cap && item > SIZE_MAX / 4 / (size_t)*cap))
        out_of_memory(a);
    int wider = *cap ? *cap * 2 : 4;
    void *copy = arena_alloc(a, item * (size_t)wider);
    if (n)
        memcpy(copy, at, item * (size_t)n);
    *cap = wider;
    return copy;
}
