/* SPDX-License-Identifier: MIT */
/* plan_memory.c: offsets in one arena, from lifetimes. Two buffers share bytes only when they do not live at once. */
#include "place.h"

#include <stdlib.h>
#include <string.h>

enum {
    APART = 64,         /* threads write no line of the cache that another one reads */
    MANY = 2000,        /* buffers, from which trying each against all others takes too long */
    MOST_HOLES = 64,    /* looked at for one of these */
    PROMOTED = 100,     /* tried where bytes count, or buffers are few */
    FEW = 100,          /* buffers: to place these again takes no time */
};

/* Of where a tensor begins, in bytes: no vector lies in two lines of the cache; where bytes count, 16 do. */
static int64_t alignment(const Plan *p)
{
    const int vector = p->sparing ? 0 : p->target->lanes * (int)sizeof(float);
    return vector > 16 ? vector : 16;
}

static bool meet(const Buffer *x, const Buffer *y)
{
    return x->first <= y->last && y->first <= x->last;
}

static int64_t length(const Buffer *b)
{
    return b->last - b->first + 1;
}

int by_size(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    int64_t p = a->room, q = b->room;
    return p != q ? (p < q ? 1 : -1) : a->first != b->first ? a->first - b->first : a->id - b->id;
}

int by_area(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    int64_t p = a->room * length(a), q = b->room * length(b);
    return p != q ? (p < q ? 1 : -1) : a->id - b->id;
}

int by_start(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return a->first != b->first ? a->first - b->first : by_size(x, y);
}

static int by_length(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return length(a) != length(b) ? (length(a) < length(b) ? 1 : -1) : by_size(x, y);
}

int64_t lowest_fit(Buffer *const *placed, int n, const Buffer *b)
{
    int64_t offset = 0, size = b->room;
    for (int i = 0; i < n; i++) {
        const Buffer *o = placed[i];
        if (!meet(o, b))
            continue;
        if (o->offset >= offset + size)
            break;
        int64_t end = o->offset + o->room;
        offset = end > offset ? end : offset;
    }
    return offset;
}

void put_by_offset(Buffer **placed, int n, Buffer *b)
{
    for (; n > 0 && placed[n - 1]->offset > b->offset; n--)
        placed[n] = placed[n - 1];
    placed[n] = b;
}

/* Places the buffers in this order; the arena's size. `placed` has room for all. */
static int64_t place(Buffer *const *order, int n, Buffer **placed)
{
    int64_t end = 0;
    for (int i = 0; i < n; i++) {
        Buffer *b = order[i];
        b->offset = lowest_fit(placed, i, b);
        end = b->offset + b->room > end ? b->offset + b->room : end;
        put_by_offset(placed, i, b);
    }
    return end;
}

/* ---- very many buffers: as they begin and end ------------------------------------------------------ */
typedef struct Block {
    int64_t offset, bytes;
    struct Block *below, *above;    /* in the arena, */
    struct Block *before, *after;   /* and among the holes, the latest first */
    bool hole;
} Block;

typedef struct Holes {
    Arena *a;
    Block *top;         /* the last block; it is no hole */
    Block *first;       /* of the holes */
} Holes;

static void hole_remove(Holes *h, Block *b)
{
    *(b->before ? &b->before->after : &h->first) = b->after;
    if (b->after)
        b->after->before = b->before;
    b->hole = false;
}

static void hole_add(Holes *h, Block *b)
{
    b->before = NULL;
    b->after = h->first;
    if (h->first)
        h->first->before = b;
    h->first = b;
    b->hole = true;
}

/* The lower part of a block; the upper one is a new block, a hole. */
static void split(Holes *h, Block *b, int64_t bytes)
{
    Block *rest = NEW(h->a, Block);
    *rest = (Block){.offset = b->offset + bytes, .bytes = b->bytes - bytes, .below = b, .above = b->above};
    b->above->below = rest;
    b->above = rest;
    b->bytes = bytes;
    hole_add(h, rest);
}

static Block *on_top(Holes *h, int64_t bytes)
{
    Block *b = NEW(h->a, Block);
    *b = (Block){.offset = h->top ? h->top->offset + h->top->bytes : 0, .bytes = bytes, .below = h->top};
    if (h->top)
        h->top->above = b;
    return h->top = b;
}

/* The smallest of the latest holes that is large enough, or what lies behind everything. */
static Block *take(Holes *h, int64_t bytes)
{
    Block *best = NULL;
    int looked = 0;
    for (Block *b = h->first; b && looked < MOST_HOLES; b = b->after, looked++)
        if (b->bytes >= bytes && (!best || b->bytes < best->bytes || (b->bytes == best->bytes && b->offset < best->offset)))
            best = b;
    if (!best)
        return on_top(h, bytes);
    hole_remove(h, best);
    if (best->bytes > bytes)
        split(h, best, bytes);
    return best;
}

/* b with the block above it. */
static void merge(Holes *h, Block *b)
{
    Block *above = b->above;
    hole_remove(h, above);
    b->bytes += above->bytes;
    b->above = above->above;
    b->above->below = b;
}

static void give_back(Holes *h, Block *b)
{
    if (b == h->top) {
        h->top = b->below;
        if (h->top && h->top->hole) {
            hole_remove(h, h->top);
            h->top = h->top->below;     /* no two holes lie side by side */
        }
        if (h->top)
            h->top->above = NULL;
        return;
    }
    hole_add(h, b);
    if (b->above->hole)
        merge(h, b);
    if (b->below && b->below->hole)
        merge(h, b->below);
}

static int by_end(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return a->last != b->last ? a->last - b->last : a->id - b->id;
}

/* Places them in the order in which they begin; the arena's size. */
static int64_t place_by_time(Arena *a, Buffer **order, int n, Buffer **ending, Block **block)
{
    Holes h = {.a = a};
    int64_t end = 0;
    for (int i = 0; i < n; i++)
        ending[i] = order[i];
    qsort(order, (size_t)n, sizeof *order, by_start);
    qsort(ending, (size_t)n, sizeof *ending, by_end);
    for (int i = 0, done = 0; i < n; i++) {
        for (; ending[done]->last < order[i]->first; done++)
            give_back(&h, block[ending[done]->id]);
        Block *b = block[order[i]->id] = take(&h, order[i]->room);
        order[i]->offset = b->offset;
        end = b->offset + b->bytes > end ? b->offset + b->bytes : end;
    }
    return end;
}

static void turn_time(Buffer **order, int n)
{
    for (int i = 0; i < n; i++) {
        int first = order[i]->first;
        order[i]->first = -order[i]->last;
        order[i]->last = -first;
    }
}

/* ---- all -------------------------------------------------------------------------------------------- */
/* The most bytes that live at once: what no placement can beat. */
static int64_t live_bound(const Plan *p, Buffer *const *buffers, int n)
{
    int64_t most = 0, live = 0, *change = NEWN(p->a, int64_t, p->nstep + 1);
    for (int i = 0; i < n; i++) {
        change[buffers[i]->first] += buffers[i]->room;
        change[buffers[i]->last + 1] -= buffers[i]->room;
    }
    for (int at = 0; at < p->nstep; at++) {
        live += change[at];
        most = live > most ? live : most;
    }
    return most;
}

typedef struct Best {
    int64_t bytes;      /* of the arena; -1: nothing was tried */
    int64_t bound;      /* nothing takes less */
    int64_t *offset;    /* by buffer */
} Best;

static void keep_better(Best *best, int64_t bytes, Buffer *const *order, int n)
{
    if (best->bytes >= 0 && bytes >= best->bytes)
        return;
    best->bytes = bytes;
    for (int i = 0; i < n; i++)
        best->offset[order[i]->id] = order[i]->offset;
}

/* From the first step on, and from the last one back. */
static void try_times(const Plan *p, Buffer **order, int n, Buffer **ending, Best *best)
{
    Block **block = NEWN(p->a, Block *, p->buffers.n);
    bool turned = false;
    for (int turn = 0; turn < 2 && best->bytes != best->bound; turn++) {
        keep_better(best, place_by_time(p->a, order, n, ending, block), order, n);
        turn_time(order, n);
        turned = !turned;
    }
    if (turned)
        turn_time(order, n);
}

/* Again and again, what ended highest is placed before all others. */
static void try_promoting(Buffer **order, int n, Buffer **placed, Best *best)
{
    for (int turn = 0; turn < PROMOTED && best->bytes != best->bound; turn++) {
        int64_t end = place(order, n, placed);
        keep_better(best, end, order, n);
        int highest = 0;
        while (order[highest]->offset + order[highest]->room != end)
            highest++;
        Buffer *b = order[highest];
        memmove(order + 1, order, sizeof *order * (size_t)highest);
        order[0] = b;
    }
}

static void try_orders(const Plan *p, Buffer **order, int n, Buffer **placed, Best *best)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_area, by_start, by_length};
    for (int i = 0; i < LEN(orders) && best->bytes != best->bound; i++) {
        qsort(order, (size_t)n, sizeof *order, orders[i]);
        keep_better(best, place(order, n, placed), order, n);
        if (p->sparing || n <= FEW)
            try_promoting(order, n, placed, best);
    }
}

/* Of the buffers that lie in `turn`, NULL: in the arena itself. Gives bytes that take all of them, and the most that live at once. */
static Best place_best(const Plan *p, const Buffer *turn)
{
    Buffer **order = NEWN(p->a, Buffer *, p->buffers.n), **scratch = NEWN(p->a, Buffer *, p->buffers.n);
    const int64_t align = alignment(p);
    int n = 0;
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        if (!(turn ? b->turn == turn : is_placed(b)))
            continue;
        b->room = (type_bytes(b->type) + align - 1) / align * align;
        order[n++] = b;
    }
    Best best = {.bytes = -1, .bound = live_bound(p, order, n), .offset = NEWN(p->a, int64_t, p->buffers.n)};
    if (n <= MANY)
        try_orders(p, order, n, scratch, &best);
    try_times(p, order, n, scratch, &best);
    for (int i = 0; i < n; i++)
        *(turn ? &order[i]->inside : &order[i]->offset) = best.offset[order[i]->id];
    return best;
}

bool is_placed(const Buffer *b)
{
    return b->kind == BUFFER_ARENA && !b->alias && !b->turn && b->first >= 0;
}

int64_t thread_stride(const Buffer *b)
{
    const Buffer *turn = buffer_root((Buffer *)b)->turn;
    return turn ? turn->part / dtype_bytes(b->type.dt) : 0;
}

void settle_turns(const Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        if (!b->turn)
            continue;
        b->offset = b->turn->offset + b->inside;
        b->memory = b->turn->memory;
    }
}

void plan_memory(Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *turn = p->buffers.at[i];
        if (turn->part)
            turn->type.dim[1] = turn->part = (place_best(p, turn).bytes + 2 * APART - 1) / APART * APART;
    }
    const Best best = place_best(p, NULL);
    p->arena_bytes = best.bytes;
    p->arena_bound = best.bound;
    settle_turns(p);
}
