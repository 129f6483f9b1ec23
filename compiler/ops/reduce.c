/* SPDX-License-Identifier: MIT */
/* reduce.c: reductions over axes. Sums are added up in double, in row-major order. x: operand, dy: the
 * result's gradient. */
#include "ops.h"
#include "walk.h"
#include "../graph/gradient.h"

#include <math.h>
#include <string.h>

SHAPE(reduce)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = axes_problem(a, attr->axes.n, attr->axes.axis, x.rank);
    if (why)
        return why;
    if (x.dt != DT_F32 && x.dt != DT_I32)
        return arena_printf(a, "computes with f32 or i32, not %s", type_text(a, x));
    *t = x;
    for (int i = attr->axes.n - 1; i >= 0; i--)
        *t = type_drop(*t, attr->axes.axis[i]);
    return NULL;
}

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

/* `y` has x's shape without the reduced axes; repeats it along them. */
static Node *spread(Fn *fn, Node *y, const Node *n)
{
    int axis[MAX_RANK], kept = 0;
    Type t = n->in[0]->type;
    for (int i = 0, next = 0; i < t.rank; i++) {
        if (next < n->attr.axes.n && n->attr.axes.axis[next] == i)
            next++;
        else
            axis[kept++] = i;
    }
    return node_broadcast(fn, y, type_with(t, y->type.dt), axis);
}

/* i32, of x's shape: each element's position in row-major order of the reduced axes. */
static Node *positions(Fn *fn, const Node *n)
{
    Type x = n->in[0]->type, part = {.dt = DT_I32, .rank = n->attr.axes.n};
    for (int i = 0; i < part.rank; i++)
        part.dim[i] = x.dim[n->attr.axes.axis[i]];
    int64_t count = type_count(part);
    Node *line = node_iota(fn, type_make(DT_I32, 1, &count), 0);
    return node_broadcast(fn, node_reshape(fn, line, part.rank, part.dim), type_with(x, DT_I32),
                          n->attr.axes.axis);
}

/* Σ x: dx = dy, repeated */
GRAD(sum)
{
    grad_into(g, n->in[0], spread(g->fn, dy, n));
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

/* max x: dx = dy where x is the first maximum in row-major order of the reduced axes, else 0 */
GRAD(max)
{
    Fn *fn = g->fn;
    Node *x = n->in[0];
    Node *first = node_reduce(fn, OP_ARGMAX, x, n->attr.axes.n, n->attr.axes.axis);
    Node *wanted = spread(fn, first, n), *here = node_binary(fn, OP_EQ, positions(fn, n), wanted);
    Node *nothing = node_full(fn, x->type, 0);
    grad_into(g, x, node_select(fn, here, spread(fn, dy, n), nothing));
}

/* Positions are i32. */
SHAPE(argmax)
{
    const char *why = shape_reduce(a, in, nin, attr, t);
    if (why)
        return why;
    if (type_count(in[0]->type) / type_count(*t) > INT32_MAX)
        return "more elements than an i32 can number";
    t->dt = DT_I32;
    return NULL;
}

EVAL(argmax)
{
    eval_best(e, n, true);
}
