/* SPDX-License-Identifier: MIT */
/* micro_batch.c: the batch's examples are worked on a few at a time. */
#include "fit.h"

#include "../passes/passes.h"

/* The largest parts that fit; else, where `nearest`, those that need least. Models that mix examples stay as they are, and the
 * report says which place does. */
static void divide(Fit *f, bool nearest)
{
    const Node *mixes = f->batch > 1 ? micro_batch_mixes(f->a, f->plan->fn, f->batch) : NULL;
    Plan *best = f->plan;
    int64_t size = 0;
    if (mixes && !nearest)
        vec_push(f->a, &f->choices, ((Choice){.function = f->function, .means = "micro-batch", .what = mixes, .refused = true}));
    for (int64_t n = f->batch / 2; n > 0 && !mixes && best->arena_bytes > f->limit; n--) {
        Plan *p = f->batch % n ? NULL : fit_lower(f, f->a, micro_batch(f->a, f->plan->fn, f->batch, n));
        if (!p || p->arena_bytes >= best->arena_bytes)
            continue;
        best = p;
        size = n;
    }
    if (best == f->plan || (best->arena_bytes > f->limit && !nearest))
        return;
    fit_take(f, best, "micro-batch", NULL);
    f->choices.at[f->choices.n - 1].examples = size;
}

/* Sums over the examples are rounded otherwise: not where the bits have to be those of any other plan. */
void fit_micro_batch(Fit *f)
{
    if (!f->plan->target->deterministic)
        divide(f, false);
    Fit *whole = NEW(f->a, Fit);
    *whole = *f;
    f->whole = whole;
}

void fit_least_batch(Fit *f)
{
    Fit whole = *f->whole;
    if (f->plan->target->deterministic)
        return;
    divide(&whole, true);
    divide(f, true);
    if (whole.plan->arena_bytes < f->plan->arena_bytes)
        *f = whole;
}
