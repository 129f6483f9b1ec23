/* SPDX-License-Identifier: MIT */
/* str.c: string buffers, hashing and the nearest name. */
#include "base.h"

#include <string.h>

enum { NAME_BOUND = 128 };      /* longer texts are not compared letter by letter */

/* Room for n more bytes and the NUL. */
static void sb_reserve(StrBuf *sb, size_t n)
{
    if (sb->cap - sb->n > n)
        return;
    size_t cap = sb->cap ? sb->cap : 64;
    while (cap - sb->n <= n)
        cap *= 2;
    char *wider = arena_alloc(sb->a, cap);
    if (sb->n)
        memcpy(wider, sb->at, sb->n);
    sb->at = wider;
    sb->cap = cap;
}

static void sb_add(StrBuf *sb, const char *bytes, size_t n)
{
    sb_reserve(sb, n);
    if (n)
        memcpy(sb->at + sb->n, bytes, n);
    sb->n += n;
    sb->at[sb->n] = 0;
}

void sb_putc(StrBuf *sb, char c)
{
    sb_add(sb, &c, 1);
}

void sb_puts(StrBuf *sb, const char *text)
{
    sb_add(sb, text, strlen(text));
}

void sb_vprintf(StrBuf *sb, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        BUG("bad format: %s", format);
    sb_reserve(sb, (size_t)n);
    vsnprintf(sb->at + sb->n, (size_t)n + 1, format, args);
    sb->n += (size_t)n;
}

void sb_printf(StrBuf *sb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sb_vprintf(sb, format, args);
    va_end(args);
}

const char *sb_text(StrBuf *sb)
{
    return sb->at ? sb->at : "";
}

bool str_eq(const char *x, const char *y)
{
    return x == y || (x && y && strcmp(x, y) == 0);
}

uint64_t hash_bytes(const void *bytes, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

/* ---- a number for each text: open addressing, at most half full ---------------------------------------- */
static StrCount *find_slot(const StrMap *m, const char *key)
{
    size_t i = hash_bytes(key, strlen(key)) & (m->slots - 1);
    while (m->slot[i].key && strcmp(m->slot[i].key, key))
        i = (i + 1) & (m->slots - 1);
    return &m->slot[i];
}

static void widen(StrMap *m)
{
    const StrMap old = *m;
    m->slots = old.slots ? 2 * old.slots : 16;
    m->slot = NEWN(m->a, StrCount, m->slots);
    for (size_t i = 0; i < old.slots; i++)
        if (old.slot[i].key)
            *find_slot(m, old.slot[i].key) = old.slot[i];
}

int *str_map(StrMap *m, const char *key)
{
    if (2 * m->used >= m->slots)
        widen(m);
    StrCount *slot = find_slot(m, key);
    if (!slot->key) {
        slot->key = key;
        m->used++;
    }
    return &slot->n;
}

/* ---- nearest name -------------------------------------------------------------------------------------- */
static int min3(int x, int y, int z)
{
    int low = x < y ? x : y;
    return low < z ? low : z;
}

/* Insertions, deletions, replacements and swaps of neighbours, each counting one. */
int edit_distance(const char *x, const char *y)
{
    int nx = (int)strnlen(x, NAME_BOUND), ny = (int)strnlen(y, NAME_BOUND);
    if (nx == NAME_BOUND || ny == NAME_BOUND)
        return str_eq(x, y) ? 0 : NAME_BOUND;
    int rows[3][NAME_BOUND];
    int *two_up = rows[0], *up = rows[1], *row = rows[2];
    for (int j = 0; j <= ny; j++)
        row[j] = j;
    for (int i = 1; i <= nx; i++) {
        int *spare = two_up;
        two_up = up, up = row, row = spare;
        row[0] = i;
        for (int j = 1; j <= ny; j++) {
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (x[i - 1] != y[j - 1]));
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
                row[j] = min3(row[j], row[j], two_up[j - 2] + 1);
        }
    }
    return row[ny];
}

const char *nearest_name(const char *name, const char *const *candidates, int n)
{
    const char *nearest = NULL;
    int bound = (int)strnlen(name, NAME_BOUND) / 3, best = bound + 1;
    for (int i = 0; i < n; i++) {
        int distance = candidates[i] ? edit_distance(name, candidates[i]) : best;
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
