/* SPDX-License-Identifier: MIT */
/* gradient_check.h: gradients against central differences of the interpreter, all in double. */
#ifndef DLC_GRADIENT_CHECK_H
#define DLC_GRADIENT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/passes/passes.h"
#include "graph/gradient.h"

static inline uint64_t check_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline double check_uniform(uint64_t *state, double lo, double hi)
{
    return lo + (hi - lo) * (double)(check_random(state) >> 11) * 0x1p-53;
}

/* Distinct values in (lo, hi), so far apart, and so far from 0 and from those of another `salt` (0..3),
 * that no difference taken by the checks crosses a corner. */
static inline void fill_apart(Value v, uint64_t *state, double lo, double hi, int salt)
{
    int64_t n = type_count(v.type);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)(check_random(state) % (uint64_t)(i + 1));
        v.at[i] = v.at[j];
        v.at[j] = (double)i;
    }
    for (int64_t i = 0; i < n; i++) {
        v.at[i] = lo + (hi - lo) * (v.at[i] + 0.22 * salt + check_uniform(state, 0.05, 0.15)) / (double)n;
        if (fabs(v.at[i]) < 0.02)
            v.at[i] += v.at[i] < 0 ? -0.02 : 0.02;
    }
}

/* Σ over results of weight · result. */
static inline double weighted(Arena *scratch, const Fn *fn, const Value *in, const Value *weight)
{
    const char *why = NULL;
    Value *out = NEWN(scratch, Value, fn->result.n + 1);
    if (!fn_interpret(scratch, fn, PRECISION_F64, in, out, &why))
        fail_msg("interpreting %s: %s", fn->name, why);
    double sum = 0;
    for (int i = 0; i < fn->result.n; i++)
        for (int64_t j = 0; j < type_count(out[i].type); j++)
            sum += weight[i].at[j] * out[i].at[j];
    return sum;
}

static inline double difference(const Fn *fn, const Value *in, const Value *weight, double *x, double h)
{
    Arena *scratch = arena_new();
    double was = *x;
    *x = was + h;
    double up = weighted(scratch, fn, in, weight);
    *x = was - h;
    double down = weighted(scratch, fn, in, weight);
    *x = was;
    arena_free(scratch);
    return (up - down) / (2 * h);
}

/* d weighted / d x by central differences, extrapolated (Richardson): the error is of the fourth order in
 * h. */
static inline double finite_difference(const Fn *fn, const Value *in, const Value *weight, double *x)
{
    double h = 5e-4;
    return (4 * difference(fn, in, weight, x, h) - difference(fn, in, weight, x, 2 * h)) / 3;
}

/* The function alone: what its results need, dead nodes dropped, inputs kept (interpreting takes them
 * all). */
static inline Fn *pruned(const Fn *fn)
{
    Fn *to = fn_new(fn->a, fn->name);
    Node **map = NEWN(fn->a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(to, fn->input.at[i].node, NULL);
    fn_inline(to, fn, map);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(to, port->role, port->index, port->name, map[port->node->id]);
    }
    return to;
}

/* Compares gradient (one value per wrt input, an index into fn->input) with differences of Σ weight ·
 * result: relative `tolerance`. Returns the worst relative error, and how many elements of the gradients are
 * not 0. */
static inline double check_differences_within(double tolerance, const char *what, const Fn *fn,
                                              const Value *in, const Value *weight, int nwrt, const int *wrt,
                                              const Value *gradient, int64_t *nonzero)
{
    double worst = 0;
    *nonzero = 0;
    for (int k = 0; k < nwrt; k++)
        for (int64_t i = 0; i < type_count(in[wrt[k]].type); i++) {
            double want = finite_difference(fn, in, weight, &in[wrt[k]].at[i]), have = gradient[k].at[i];
            double error = fabs(want - have) / fmax(fmax(fabs(want), fabs(have)), 0.05);
            *nonzero += have != 0;
            worst = error > worst ? error : worst;
            if (!(error <= tolerance))
                fail_msg("%s: input %d, element %lld: the gradient is %.12g, differences say %.12g", what,
                         wrt[k], (long long)i, have, want);
        }
    return worst;
}

/* The same, relative 1e-6. Returns how many elements are not 0. */
static inline int64_t check_differences(const char *what, const Fn *fn, const Value *in, const Value *weight,
                                        int nwrt, const int *wrt, const Value *gradient)
{
    int64_t nonzero;
    check_differences_within(1e-6, what, fn, in, weight, nwrt, wrt, gradient, &nonzero);
    return nonzero;
}

#endif
