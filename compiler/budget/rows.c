/* SPDX-License-Identifier: MIT */
/* rows.c: pictures of inference's layers are made a few rows at a time, so that no layer's are ever there as
 * a whole.
 *
 * Where most is live, a loop over rows (passes/rows.c) may begin at any tensor before and end at any behind;
 * the smallest pairs are tried. Another loop may follow where that is not enough. */
#include "fit.h"

#include "../passes/passes.h"

#include <stdlib.h>

enum {
    MOST_LOOPS = 3,
    MOST_TRIES = 16,   /* for one */
    MOST_TENSORS = 64, /* on either side of where most is live */
    MOST_ROWS = 4,     /* of the last layer, in a turn */
};

typedef struct Region {
    const Node *input, *end;
    int64_t bytes; /* that stay in the arena: of both */
} Region;

typedef struct Regions {
    Fit *f;
    Arena *a; /* of one search */
    VEC(const Node *) inputs, ends;
    VEC(Region) list;
} Regions;

static bool is_picture(const Node *n)
{
    return n->type.rank == 4;
}

static bool reduces_picture(const Node *n)
{
    return (n->op == OP_SUM || n->op == OP_MAX) && is_picture(n->in[0]);
}

static int64_t bytes_held(const Plan *p, const Node *n)
{
    Buffer *b = p->held[n->id];
    return b && buffer_root(b)->kind == BUFFER_ARENA ? type_bytes(n->type) : 0;
}

/* What a kernel leaves for others: the last of its units. */
static void list_tensors(Regions *r)
{
    const Plan *p = r->f->plan;
    const int fullest = fullest_step(r->a, p);
    const Node **made = NEWN(r->a, const Node *, p->nstep + 1);
    for (int i = 0; i < p->units.n; i++) {
        const Unit *u = p->units.at[i];
        if (u->kind == UNIT_VALUE && (!made[u->step] || made[u->step]->id < u->node->id))
            made[u->step] = u->node;
    }
    for (int id = 0; id < p->fn->node.n; id++) {
        const Node *n = p->fn->node.at[id];
        if (n->op == OP_INPUT && n->attr.input.role == ROLE_INPUT && is_picture(n))
            vec_push(r->a, &r->inputs, n);
        if (n->op == OP_RESHAPE && n->in[0]->op == OP_RESULT && is_picture(n))
            vec_push(r->a, &r->inputs, n); /* of a loop before */
        if (reduces_picture(n) && r->ends.n < MOST_TENSORS)
            vec_push(r->a, &r->ends, n);
    }
    for (int at = fullest - 1; at >= 0 && r->inputs.n < MOST_TENSORS; at--)
        if (made[at] && is_picture(made[at]))
            vec_push(r->a, &r->inputs, made[at]);
    for (int at = fullest; at < p->nstep && r->ends.n < MOST_TENSORS; at++)
        if (made[at] && is_picture(made[at]))
            vec_push(r->a, &r->ends, made[at]);
}

static int by_bytes(const void *x, const void *y)
{
    const Region *a = x, *b = y;
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? -1 : 1) : a->end->id - b->end->id;
}

static void list_regions(Regions *r)
{
    const Plan *p = r->f->plan;
    list_tensors(r);
    for (int i = 0; i < r->inputs.n; i++)
        for (int k = 0; k < r->ends.n; k++) {
            Region region = {r->inputs.at[i], r->ends.at[k], 0};
            region.bytes = bytes_held(p, region.input) + bytes_held(p, region.end);
            if (region.input->id < region.end->id && region.bytes < p->arena_bytes)
                vec_push(r->a, &r->list, region);
        }
    if (r->list.n)
        qsort(r->list.at, (size_t)r->list.n, sizeof *r->list.at, by_bytes);
}

/* The plan of the function with this loop in it; NULL where there is none. */
static Plan *try_region(const Fit *f, Arena *a, const Region *region, int64_t rows)
{
    Fn *fn = stream_rows(a, f->plan->fn, region->input, region->end, rows);
    return fn ? fit_lower(f, a, fn) : NULL;
}

/* What fits with the fewest multiply-accumulates is better than what does not fit, and of that the smallest.
 */
static bool is_better(int64_t limit, int64_t bytes, int64_t macs, int64_t best_bytes, int64_t best_macs)
{
    if (bytes <= limit && best_bytes <= limit)
        return macs < best_macs;
    return bytes < best_bytes;
}

/* The best region; its end is NULL where none saves anything. */
static Region best_region(const Fit *f, Regions *r)
{
    Region best = {0};
    int64_t bytes = f->plan->arena_bytes, macs = plan_macs(f->plan);
    for (int i = 0, tries = 0; i < r->list.n && tries < MOST_TRIES; i++) {
        Arena *a = arena_inner(r->a);
        Plan *p = try_region(f, a, &r->list.at[i], 1);
        tries += p != NULL;
        if (p && is_better(f->limit, p->arena_bytes, plan_macs(p), bytes, macs)) {
            best = r->list.at[i];
            bytes = p->arena_bytes;
            macs = plan_macs(p);
        }
        arena_free(a);
    }
    return best;
}

/* As many rows in a turn as fit: fewer of them are copied. */
static bool take_region(Fit *f, const Region *region)
{
    for (int64_t rows = MOST_ROWS; rows; rows /= 2) {
        Plan *p = try_region(f, f->a, region, rows);
        if (!p || (rows > 1 && p->arena_bytes > f->limit) || p->arena_bytes >= f->plan->arena_bytes)
            continue;
        fit_take(f, p, "rows", NULL);
        f->choices.at[f->choices.n - 1].what = region->end;
        return true;
    }
    return false;
}

void fit_rows(Fit *f)
{
    bool more = fn_find_result(f->plan->fn, ROLE_OUTPUT, 0) != NULL;
    for (int loop = 0; loop < MOST_LOOPS && more && f->plan->arena_bytes > f->limit; loop++) {
        Regions r = {.f = f, .a = arena_inner(f->a)};
        list_regions(&r);
        const Region best = best_region(f, &r);
        more = best.end && take_region(f, &best);
        arena_free(r.a);
    }
}
