/* SPDX-License-Identifier: MIT */
/* reduce_eval.c: values of reductions. Sums are added up in double, in row-major order. */
#include "ops.h"
#include "walk.h"

#include <math.h>
#include <string.h>

#define EVAL(name) void eval_##name(EvalCtx *e, const Node *n)

EVAL(sum)
{
    Type t = n->in[0]->type;
    int64_t xstride[MAX_RANK], ystride[MAX_RANK], along[MAX_RANK] = {0};
    int64_t count = type_count(n->type);
    double *y = eval_out(e, n);
    memset(y, 0, sizeof *y * (size_t)count);
    type_strides(t, xstride);
    type_strides(n->type, ystride);
    for (int i = 0, next = 0, kept = 0; i < t.rank; i++) {
        if (next < n->attr.axes.n && n->attr.axes.axis[next] == i)
            next++;
        else
            along[i] = ystride[kept++];
    }
    walk_add(t.rank, t.dim, y, along, eval_in(e, n, 0), xstride);
    for (int64_t i = 0; i < count && t.dt == DT_I32; i++)
        y[i] = wrap_i32(y[i]);
}

/* The operand's axes, kept ones and reduced ones apart, as offsets of their elements in row-major order. */
typedef struct Split {
    int64_t nkept, nreduced;
    int64_t *kept, *reduced;
} Split;

static Split *split_axes(EvalCtx *e, const Node *n)
{
    Type t = n->in[0]->type;
    Split *s = NEW(e->a, Split);
    int nkept = 0, nreduced = 0;
    int64_t stride[MAX_RANK], kept[MAX_RANK], kept_stride[MAX_RANK], reduced[MAX_RANK],
        reduced_stride[MAX_RANK];
    type_strides(t, stride);
    for (int i = 0; i < t.rank; i++) {
        if (nreduced < n->attr.axes.n && n->attr.axes.axis[nreduced] == i) {
            reduced[nreduced] = t.dim[i];
            reduced_stride[nreduced++] = stride[i];
        } else {
            kept[nkept] = t.dim[i];
            kept_stride[nkept++] = stride[i];
        }
    }
    s->nkept = type_count(n->type);
    s->nreduced = type_count(t) / s->nkept;
    s->kept = NEWN(e->a, int64_t, s->nkept);
    s->reduced = NEWN(e->a, int64_t, s->nreduced);
    walk_offsets(nkept, kept, kept_stride, 0, s->kept);
    walk_offsets(nreduced, reduced, reduced_stride, 0, s->reduced);
    return s;
}

/* The first of the largest; NaN is never larger. */
static int64_t position_of_max(const double *x, const int64_t *offset, int64_t count)
{
    int64_t best = 0;
    double most = -INFINITY;
    for (int64_t i = 0; i < count; i++)
        if (x[offset[i]] > most) {
            best = i;
            most = x[offset[i]];
        }
    return best;
}

/* NaN where there is one. */
static double largest(const double *x, const int64_t *offset, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (isnan(x[offset[i]]))
            return x[offset[i]];
    return x[offset[position_of_max(x, offset, count)]];
}

static void eval_best(EvalCtx *e, const Node *n, bool position)
{
    if (!e->kept[n->id])
        e->kept[n->id] = split_axes(e, n);
    const Split *s = e->kept[n->id];
    const double *x = eval_in(e, n, 0);
    double *y = eval_out(e, n);
    for (int64_t i = 0; i < s->nkept; i++) {
        const double *from = x + s->kept[i];
        y[i] = position ? (double)position_of_max(from, s->reduced, s->nreduced)
                        : largest(from, s->reduced, s->nreduced);
    }
}

EVAL(max)
{
    eval_best(e, n, false);
}

EVAL(argmax)
{
    eval_best(e, n, true);
}
