/* SPDX-License-Identifier: MIT */
/* verify_memory.c: are values there when they are read, and does nothing lie on top of them? Shares no code
 * with plan_memory.c, nor lifetimes with plan.c. The invariants stand in verify.c. */
#include "place.h"
#include "verify.h"

#include <stdlib.h>
#include <string.h>

typedef struct Walk {
    Arena *a;
    const Plan *p;
    Buffer **content; /* by storage: whose value it holds; NULL: nobody's */
    int *overwritten; /* by buffer: the list of steps that did so last, by number */
    int levels;       /* numbers given */
    int *from, *to;   /* by storage: positions of its first and last use, loops taken whole */
    int at;           /* counts kernels as they are met */
    int first, last;  /* what is used now is used at these positions; */
    bool in_loop;     /* they are a loop's, which what is used outside of it too has to outlast, */
    bool by_rows;     /* and all it uses, since threads that share its examples are at different steps */
    const char *why;
    const Kernel *k;
} Walk;

static void complain(Walk *w, const char *what, const Buffer *b, const char *rest)
{
    if (!w->why)
        w->why = arena_printf(w->a, "%s: %s %s %s", w->k ? w->k->name : "memory", what,
                              b->name ? b->name : "an unnamed buffer", rest);
}

/* ---- order ----------------------------------------------------------------------------------------- */
static bool is_input(const Plan *p, const Buffer *b)
{
    return b->kind == BUFFER_PORT && fn_find_input(p->fn, b->role, b->index);
}

static void read_buffer(Walk *w, Buffer *b)
{
    Buffer *root = buffer_root(b);
    if (root->kind == BUFFER_LOCAL)
        return;
    if (!w->content[root->id])
        complain(w, "reads", b, "before it is written");
    else if (w->content[root->id] != b)
        complain(w, "reads", b, "where another value has been put");
}

static void read_load(void *context, const Load *load)
{
    read_buffer(context, load->buffer);
}

static void run_kernel(Walk *w, const Kernel *k)
{
    w->k = k;
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->tile) {
            read_buffer(w, s->tile->a);
            read_buffer(w, s->tile->b);
        }
        for (int j = 0; j < s->items.n; j++) {
            const Item *item = &s->items.at[j];
            if (item->value)
                visit_loads(w->a, item->value, read_load, w);
            visit_index_loads(w->a, item->at, read_load, w);
            if (item->buffer)
                w->content[buffer_root(item->buffer)->id] = item->buffer;
        }
    }
    w->k = NULL;
}

/* A kernel must not want the old contents of what a step in front of it has overwritten. */
static void check_old_contents(Walk *w, const Kernel *k, int level)
{
    w->k = k;
    for (int i = 0; i < k->units.n; i++)
        for (int r = 0; r < k->units.at[i]->reads.n; r++)
            if (w->overwritten[k->units.at[i]->reads.at[r]->id] == level)
                complain(w, "wants what stood in", k->units.at[i]->reads.at[r], "before it was overwritten");
    w->k = NULL;
}

static void mark_writes(Walk *w, const Kernel *k, int level)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].buffer)
                w->overwritten[k->stages.at[i]->items.at[j].buffer->id] = level;
}

static void run_steps(Walk *w, Step *const *steps, int n, int level);

/* The next turn finds what this one has left; but where each has a part of its own, what was there before the loop. */
static void run_loop(Walk *w, const Step *loop)
{
    const size_t bytes = sizeof(Buffer *) * (size_t)w->p->buffers.n;
    Buffer **before = arena_dup(w->a, w->content, bytes);
    run_steps(w, loop->body.at, loop->body.n, ++w->levels);
    for (int i = 0; i < w->p->buffers.n; i++)
        if (before[i] && before[i] != w->content[i] && turns_have_parts(w->a, loop, w->p->buffers.at[i]))
            w->content[i] = before[i];
    run_steps(w, loop->body.at, loop->body.n, ++w->levels);
}

/* level: a number of this list of steps' own */
static void run_steps(Walk *w, Step *const *steps, int n, int level)
{
    for (int i = 0; i < n; i++) {
        if (steps[i]->kind == STEP_KERNEL) {
            check_old_contents(w, steps[i]->kernel, level);
            run_kernel(w, steps[i]->kernel);
            mark_writes(w, steps[i]->kernel, level);
            continue;
        }
        run_loop(w, steps[i]);
    }
}

const char *verify_order(Arena *a, const Plan *p)
{
    Walk w = {.a = a, .p = p, .content = NEWN(a, Buffer *, p->buffers.n), .overwritten = NEWN(a, int, p->buffers.n)};
    for (int i = 0; i < p->buffers.n; i++)
        if (is_input(p, p->buffers.at[i]))
            w.content[i] = p->buffers.at[i];
    run_steps(&w, p->steps.at, p->steps.n, ++w.levels);
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        if (b->kind == BUFFER_PORT && b->written && w.content[i] != b)
            complain(&w, "the result", b, "is not what its tensor holds in the end");
    }
    return w.why;
}

/* ---- lifetimes ------------------------------------------------------------------------------------- */
static void stretch(Walk *w, int id)
{
    if (w->from[id] < 0 || w->first < w->from[id])
        w->from[id] = w->first;
    if (w->last > w->to[id])
        w->to[id] = w->last;
}

static void use(Walk *w, Buffer *b)
{
    const Buffer *root = buffer_root(b);
    int id = root->id;
    if (w->in_loop && root->turn)
        stretch(w, root->turn->id);
    if (w->in_loop && !w->by_rows && w->from[id] >= w->first && w->to[id] <= w->last)
        return;
    stretch(w, id);
}

static void use_load(void *context, const Load *load)
{
    use(context, load->buffer);
}

static void use_kernel(Walk *w, const Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->tile) {
            use(w, s->tile->a);
            use(w, s->tile->b);
        }
        for (int j = 0; j < s->items.n; j++) {
            if (s->items.at[j].value)
                visit_loads(w->a, s->items.at[j].value, use_load, w);
            visit_index_loads(w->a, s->items.at[j].at, use_load, w);
            if (s->items.at[j].buffer)
                use(w, s->items.at[j].buffer);
        }
    }
}

/* What is used in a loop and outside of it must outlast every turn of the loop. (What is used only inside is
 * written there before it is read, by the order of the steps.) */
static void use_steps(Walk *w, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++) {
        if (steps[i]->kind == STEP_KERNEL) {
            w->first = w->last = ++w->at;
            use_kernel(w, steps[i]->kernel);
            continue;
        }
        use_steps(w, steps[i]->body.at, steps[i]->body.n);
    }
}

static void use_again(Walk *w, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_KERNEL)
            use_kernel(w, steps[i]->kernel);
        else
            use_again(w, steps[i]->body.at, steps[i]->body.n);
}

static void outlast_loops(Walk *w, Step *const *steps, int n, int *at)
{
    for (int i = 0; i < n; i++) {
        if (steps[i]->kind == STEP_KERNEL) {
            ++*at;
            continue;
        }
        int start = *at + 1;
        outlast_loops(w, steps[i]->body.at, steps[i]->body.n, at);
        w->in_loop = true;
        w->by_rows = steps[i]->rows != NULL;
        w->first = start;
        w->last = *at;
        use_again(w, steps[i]->body.at, steps[i]->body.n);
    }
}

/* ---- overlaps -------------------------------------------------------------------------------------- */
/* Over the steps: which storage reaches highest in the arena. A node of the tree stands for some steps; `whole`: of storages that
 * are alive at all of them, `any`: at one of them at least. */
typedef struct Tops {
    const Buffer **whole, **any;
} Tops;

static int64_t end_of(const Buffer *b)
{
    return b ? b->offset + type_bytes(b->type) : 0;
}

static const Buffer *higher(const Buffer *x, const Buffer *y)
{
    return end_of(y) > end_of(x) ? y : x;
}

/* The highest one alive at a step of first .. last; node stands for lo .. hi. */
static const Buffer *tops_find(const Tops *t, int node, int lo, int hi, int first, int last)
{
    if (last < lo || hi < first)
        return NULL;
    if (first <= lo && hi <= last)
        return t->any[node];
    int middle = lo + (hi - lo) / 2;
    const Buffer *below = tops_find(t, 2 * node, lo, middle, first, last);
    const Buffer *above = tops_find(t, 2 * node + 1, middle + 1, hi, first, last);
    return higher(t->whole[node], higher(below, above));
}

static void tops_add(Tops *t, int node, int lo, int hi, int first, int last, const Buffer *b)
{
    if (last < lo || hi < first)
        return;
    t->any[node] = higher(t->any[node], b);
    if (first <= lo && hi <= last) {
        t->whole[node] = higher(t->whole[node], b);
        return;
    }
    int middle = lo + (hi - lo) / 2;
    tops_add(t, 2 * node, lo, middle, first, last, b);
    tops_add(t, 2 * node + 1, middle + 1, hi, first, last, b);
}

static int by_offset(const void *x, const void *y)
{
    const Buffer *a = *(const Buffer *const *)x, *b = *(const Buffer *const *)y;
    return a->offset != b->offset ? (a->offset > b->offset) - (a->offset < b->offset) : a->id - b->id;
}

/* Storages of a memory, or of each thread's part of `turn`, that are alive together share no byte: from the lowest up, none begins below the
 * end of another that lies lower. */
static void check_overlaps(Walk *w, const Buffer *turn, int memory, int64_t from, int64_t bytes)
{
    int n = 0, last = w->at;
    const Buffer **used = NEWN(w->a, const Buffer *, w->p->buffers.n + 1);
    Tops tops = {NEWN(w->a, const Buffer *, 4 * last + 4), NEWN(w->a, const Buffer *, 4 * last + 4)};
    for (int i = 0; i < w->p->buffers.n; i++) {
        const Buffer *x = w->p->buffers.at[i];
        if (x->kind != BUFFER_ARENA || x->alias || w->from[i] < 0 || x->memory != memory || x->turn != turn)
            continue;
        if (x->offset < from || x->offset % dtype_bytes(x->type.dt) || x->offset + type_bytes(x->type) > from + bytes)
            complain(w, "the buffer", x, turn ? "does not lie in a thread's part" : "does not lie in the arena");
        used[n++] = x;
    }
    qsort(used, (size_t)n, sizeof *used, by_offset);
    for (int i = 0; i < n; i++) {
        const Buffer *x = used[i], *y = tops_find(&tops, 1, 0, last, w->from[x->id], w->to[x->id]);
        if (end_of(y) > x->offset)
            complain(w, "the buffer", x, arena_printf(w->a, "lies on %s", y->name ? y->name : "another"));
        tops_add(&tops, 1, 0, last, w->from[x->id], w->to[x->id], x);
    }
}

static void check_memories(Walk *w)
{
    int n = w->p->memories ? w->p->memories->n : 1;
    for (int i = 0; i < w->p->buffers.n; i++)
        if (w->p->buffers.at[i]->memory < 0 || w->p->buffers.at[i]->memory >= n)
            complain(w, "the buffer", w->p->buffers.at[i], "lies in no memory");
    for (int r = 0; r < n; r++)
        check_overlaps(w, NULL, r, 0, w->p->memories ? w->p->memory_bytes[r] : w->p->arena_bytes);
}

/* Threads are at any steps of the loop at once, each in its part. */
static void check_turns(Walk *w)
{
    for (int i = 0; i < w->p->buffers.n; i++) {
        const Buffer *turn = w->p->buffers.at[i];
        if (!turn->part)
            continue;
        if (type_bytes(turn->type) < turn->part * w->p->target->threads.n)
            complain(w, "the buffer", turn, "has no part for each thread");
        check_overlaps(w, turn, turn->memory, turn->offset, turn->part);
    }
    for (int i = 0; i < w->p->buffers.n; i++) {
        const Buffer *b = w->p->buffers.at[i];
        if (b->turn && (b->memory != b->turn->memory || b->turn->part % dtype_bytes(b->type.dt)))
            complain(w, "the buffer", b, "does not lie in a thread's part");
    }
}

static void check_aliases(Walk *w)
{
    for (int i = 0; i < w->p->buffers.n; i++) {
        Buffer *b = w->p->buffers.at[i];
        if (b->alias && (b->kind != BUFFER_ARENA || type_bytes(b->type) != type_bytes(buffer_root(b)->type) ||
                         b->type.dt != buffer_root(b)->type.dt))
            complain(w, "the buffer", b, "cannot share another's storage");
    }
}

const char *verify_arena(Arena *a, const Plan *p)
{
    Walk w = {.a = a, .p = p, .from = NEWN(a, int, p->buffers.n), .to = NEWN(a, int, p->buffers.n)};
    memset(w.from, -1, sizeof(int) * (size_t)p->buffers.n);
    memset(w.to, -1, sizeof(int) * (size_t)p->buffers.n);
    check_aliases(&w);
    use_steps(&w, p->steps.at, p->steps.n);
    int at = 0;
    outlast_loops(&w, p->steps.at, p->steps.n, &at);
    check_memories(&w);
    check_turns(&w);
    return w.why;
}
