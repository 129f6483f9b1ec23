/* SPDX-License-Identifier: MIT */
/* plan_memory.c: offsets in one arena, from lifetimes. Two buffers share bytes only when they do not live at once. */
#include "kernel.h"

#include <stdlib.h>

enum { ALIGN = 16 };

static int64_t padded(const Buffer *b)
{
    return (type_bytes(b->type) + ALIGN - 1) / ALIGN * ALIGN;
}

static bool meet(const Buffer *x, const Buffer *y)
{
    return x->first <= y->last && y->first <= x->last;
}

static int64_t length(const Buffer *b)
{
    return b->last - b->first + 1;
}

static int by_size(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    int64_t p = padded(a), q = padded(b);
    return p != q ? (p < q ? 1 : -1) : a->first != b->first ? a->first - b->first : a->id - b->id;
}

static int by_area(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    int64_t p = padded(a) * length(a), q = padded(b) * length(b);
    return p != q ? (p < q ? 1 : -1) : a->id - b->id;
}

static int by_start(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return a->first != b->first ? a->first - b->first : by_size(x, y);
}

static int by_length(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return length(a) != length(b) ? (length(a) < length(b) ? 1 : -1) : by_size(x, y);
}

/* The lowest offset at which b fits among those placed before it, which are in the order of their offsets. */
static int64_t lowest_fit(Buffer *const *placed, int n, const Buffer *b)
{
    int64_t offset = 0, size = padded(b);
    for (int i = 0; i < n; i++) {
        const Buffer *o = placed[i];
        if (!meet(o, b))
            continue;
        if (o->offset >= offset + size)
            break;
        int64_t end = o->offset + padded(o);
        offset = end > offset ? end : offset;
    }
    return offset;
}

/* Places the buffers in this order; the arena's size. `placed` has room for all. */
static int64_t place(Buffer *const *order, int n, Buffer **placed)
{
    int64_t end = 0;
    for (int i = 0; i < n; i++) {
        Buffer *b = order[i];
        b->offset = lowest_fit(placed, i, b);
        end = b->offset + padded(b) > end ? b->offset + padded(b) : end;
        int at = i;
        for (; at > 0 && placed[at - 1]->offset > b->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = b;
    }
    return end;
}

/* The most bytes that live at once: what no placement can beat. */
static int64_t live_bound(const Plan *p, Buffer *const *buffers, int n)
{
    int64_t most = 0, live = 0, *change = NEWN(p->a, int64_t, p->nstep + 1);
    for (int i = 0; i < n; i++) {
        change[buffers[i]->first] += padded(buffers[i]);
        change[buffers[i]->last + 1] -= padded(buffers[i]);
    }
    for (int at = 0; at < p->nstep; at++) {
        live += change[at];
        most = live > most ? live : most;
    }
    return most;
}

void plan_memory(Plan *p)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_area, by_start, by_length};
    Buffer **order = NEWN(p->a, Buffer *, p->buffers.n);
    Buffer **placed = NEWN(p->a, Buffer *, p->buffers.n);
    int64_t *best = NEWN(p->a, int64_t, p->buffers.n);
    int n = 0;
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        if (b->kind == BUFFER_ARENA && !b->alias && b->first >= 0)
            order[n++] = b;
    }
    p->arena_bound = live_bound(p, order, n);
    p->arena_bytes = -1;
    for (int i = 0; i < LEN(orders) && p->arena_bytes != p->arena_bound; i++) {
        qsort(order, (size_t)n, sizeof *order, orders[i]);
        int64_t bytes = place(order, n, placed);
        if (p->arena_bytes >= 0 && bytes >= p->arena_bytes)
            continue;
        p->arena_bytes = bytes;
        for (int k = 0; k < n; k++)
            best[order[k]->id] = order[k]->offset;
    }
    for (int i = 0; i < n; i++)
        order[i]->offset = best[order[i]->id];
}
