/* SPDX-License-Identifier: MIT */
/* verify_rows.c: may threads take examples through a loop of kernels, each its own? All that is written in the loop has a part for each
 * share of the examples, which alone is written and read there by kernels that are at that share. Shares no code with split_rows.c. */
#include "verify.h"

typedef struct Shares {
    Arena *a;
    const Plan *p;
    const int64_t *rows;        /* of the loop */
    int64_t batch;
    int64_t *each;              /* by storage: elements of an example; 0: nothing is written there */
    const Kernel *k;
    const Var *v;               /* its loop that is cut, */
    int64_t from, to;           /* and the positions of it that are the share's, */
    int share;                  /* this one */
    const char *why;
} Shares;

static void complain(Shares *x, const char *what)
{
    if (!x->why)
        x->why = arena_printf(x->a, "%s: %s", x->k->name, what);
}

/* The first row of a tile's block. */
static int64_t block_begin(const Tile *t, int64_t block)
{
    int large, nlarge;
    tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge);
    return block < nlarge ? block * large : nlarge * large + (block - nlarge) * (large - 1);
}

static void enter(Shares *x)
{
    const Tile *t = x->k->stages.at[0]->tile;
    const int64_t from = row_turn(x->k, x->rows[x->share], x->batch), to = row_turn(x->k, x->rows[x->share + 1], x->batch);
    if (from < 0 || to < 0 || from > to)
        complain(x, "has no turn that begins with a share of the examples");
    const bool block = t && t->block == x->k->split.var[0];
    x->v = block ? t->m : x->k->split.var[0];
    x->from = block ? block_begin(t, from) : from;
    x->to = block ? block_begin(t, to) : to;
}

/* All places lie in the share's part of each `period` elements. */
static bool is_in_part(Shares *x, const Lin *at, int64_t each)
{
    const int64_t period = each * x->batch, f = lin_factor(at, x->v);
    int64_t lo = at->constant % period, hi;
    lo += lo < 0 ? period : 0;
    hi = lo;
    for (int i = 0; i < at->n; i++) {
        const Atom *atom = at->term[i].atom;
        const int64_t factor = at->term[i].factor, first = factor * atom->lo, last = factor * atom->hi;
        if (atom->kind == ATOM_VAR && (atom->var == x->v || factor % period == 0))
            continue;
        if (lin_uses(atom->of ? atom->of : lin_const(x->a, 0), x->v))
            return false;
        lo += first < last ? first : last;
        hi += first < last ? last : first;
    }
    return f > 0 && lo + f * x->from >= x->rows[x->share] * each && hi + f * (x->to - 1) < x->rows[x->share + 1] * each;
}

static bool is_seen(const Buffer *b)
{
    const Buffer *root = buffer_root((Buffer *)b);
    return root->kind != BUFFER_LOCAL && !root->block && !b->block;
}

static void check_read(void *context, const Load *load)
{
    Shares *x = context;
    const int64_t each = is_seen(load->buffer) ? x->each[buffer_root(load->buffer)->id] : 0;
    if (each && !is_in_part(x, load->at, each))
        complain(x, "reads what another share of the examples writes");
}

static void check_reads(Shares *x, const Stage *s)
{
    for (int operand = 0; s->tile && operand < 2; operand++)
        check_read(x, &(Load){.buffer = operand ? s->tile->b : s->tile->a, .at = operand_index(x->a, s->tile, operand)});
    for (int j = 0; j < s->items.n; j++) {
        if (s->items.at[j].value)
            visit_loads(x->a, s->items.at[j].value, check_read, x);
        visit_index_loads(x->a, s->items.at[j].at, check_read, x);
    }
}

static void check_write(Shares *x, const Stage *s, const Item *item)
{
    if (!item->buffer || !is_seen(item->buffer))
        return;
    const Lin *at = store_index(x->a, s, item);
    const int64_t each = lin_factor(at, x->v) * x->v->extent / x->batch;
    int64_t *known = &x->each[buffer_root(item->buffer)->id];
    if (each <= 0 || (*known && *known != each) || !is_in_part(x, at, each))
        complain(x, "writes what is another share's of the examples");
    *known = each;
}

static void check_kernel(Shares *x, bool reads)
{
    if (!x->k->by_rows || x->k->split.n != 1)
        complain(x, "is not cut along examples that threads share");
    for (x->share = 0; x->share < x->p->target->threads.n && !x->why; x->share++) {
        enter(x);
        for (int i = 0; i < x->k->stages.n && !x->why; i++) {
            const Stage *s = x->k->stages.at[i];
            if (reads)
                check_reads(x, s);
            for (int j = 0; j < s->items.n && !reads; j++)
                check_write(x, s, &s->items.at[j]);
        }
    }
}

static void check_steps(Shares *x, Step *const *steps, int n, bool reads)
{
    for (int i = 0; i < n && !x->why; i++) {
        if (steps[i]->kind == STEP_SCAN && (steps[i]->rows || steps[i]->grain))
            x->why = "a loop that threads share stands in another one";
        else if (steps[i]->kind == STEP_SCAN)
            check_steps(x, steps[i]->body.at, steps[i]->body.n, reads);
        else {
            x->k = steps[i]->kernel;
            check_kernel(x, reads);
        }
    }
}

static void check_loop(Shares *x, const Step *loop)
{
    const int n = x->p->target->threads.n;
    x->rows = loop->rows;
    x->batch = loop->rows[n];
    x->each = NEWN(x->a, int64_t, x->p->buffers.n + 1);
    if (loop->grain || loop->rows[0])
        x->why = "a loop's shares do not begin with the first example";
    for (int i = 0; i < n; i++)
        if (loop->rows[i + 1] <= loop->rows[i])
            x->why = "a loop's shares are not in order";
    for (int reads = 0; reads < 2; reads++)
        check_steps(x, loop->body.at, loop->body.n, reads);
}

static void find_loops(Shares *x, Step *const *steps, int n)
{
    for (int i = 0; i < n && !x->why; i++) {
        if (steps[i]->kind == STEP_SCAN && steps[i]->rows)
            check_loop(x, steps[i]);
        else if (steps[i]->kind == STEP_SCAN)
            find_loops(x, steps[i]->body.at, steps[i]->body.n);
        else if (steps[i]->kernel->by_rows) {
            x->k = steps[i]->kernel;
            complain(x, "nobody shares the examples it is cut along");
        }
    }
}

const char *verify_rows(Arena *a, const Plan *p)
{
    Shares x = {.a = arena_inner(a), .p = p};
    find_loops(&x, p->steps.at, p->steps.n);
    const char *why = x.why ? arena_strdup(a, x.why) : NULL;
    arena_free(x.a);
    return why;
}
