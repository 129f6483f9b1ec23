/* SPDX-License-Identifier: MIT */
/* move.c: operations that move elements: each value is a strided copy, each gradient the adjoint move; and
 * fold, the adjoint of window. x: operand, dy: the result's gradient. */
#include "ops.h"
#include "walk.h"
#include "../graph/gradient.h"

#include <string.h>

static const char *want_axes(Arena *a, int n, Type t)
{
    return n == t.rank ? NULL : arena_printf(a, "%d axes described, %s has %d", n, type_text(a, t), t.rank);
}

SHAPE(reshape)
{
    (void)nin;
    *t = attr->shape.type;
    const char *why = type_problem(a, *t);
    if (!why && (t->dt != in[0]->type.dt || type_count(*t) != type_count(in[0]->type)))
        why = arena_printf(a, "%s has other elements than %s", type_text(a, in[0]->type), type_text(a, *t));
    return why;
}

/* reshape: dx = dy in x's shape */
GRAD(reshape)
{
    Node *x = n->in[0];
    grad_into(g, x, node_reshape(g->fn, dy, x->type.rank, x->type.dim));
}

SHAPE(again)
{
    (void)a, (void)nin, (void)attr;
    *t = in[0]->type;
    return NULL;
}

/* again(x, after): dx = dy */
GRAD(again)
{
    grad_into(g, n->in[0], dy);
}

SHAPE(permute)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->axes.n, x);
    if (why)
        return why;
    bool seen[MAX_RANK] = {false};
    *t = type_scalar(x.dt);
    for (int i = 0; i < x.rank; i++) {
        int axis = attr->axes.axis[i];
        if (axis < 0 || axis >= x.rank || seen[axis])
            return arena_printf(a, "axes must name each axis of %s once", type_text(a, x));
        seen[axis] = true;
        *t = type_insert(*t, i, x.dim[axis]);
    }
    return NULL;
}

/* Fills the result from x, whose strides along the result's axes are given. */
static void copy_from(EvalCtx *e, const Node *n, const double *x, const int64_t *xstride)
{
    int64_t ystride[MAX_RANK];
    type_strides(n->type, ystride);
    walk_copy(n->type.rank, n->type.dim, eval_out(e, n), ystride, x, xstride);
}

/* y[i] = x[j], j[axis[k]] = i[k] */
EVAL(permute)
{
    int64_t xstride[MAX_RANK], along[MAX_RANK];
    type_strides(n->in[0]->type, xstride);
    for (int i = 0; i < n->type.rank; i++)
        along[i] = xstride[n->attr.axes.axis[i]];
    copy_from(e, n, eval_in(e, n, 0), along);
}

/* permute by p: dx = dy permuted by p⁻¹ */
GRAD(permute)
{
    int inverse[MAX_RANK];
    for (int i = 0; i < n->attr.axes.n; i++)
        inverse[n->attr.axes.axis[i]] = i;
    grad_into(g, n->in[0], node_permute(g->fn, dy, inverse));
}

SHAPE(broadcast)
{
    (void)nin;
    Type x = in[0]->type;
    *t = attr->broadcast.type;
    const int *axis = attr->broadcast.axis;
    const char *why = type_problem(a, *t);
    if (!why)
        why = want_axes(a, attr->broadcast.n, x);
    if (!why && t->rank < x.rank)
        why = arena_printf(a, "%s has more axes than %s", type_text(a, x), type_text(a, *t));
    if (!why)
        why = axes_problem(a, attr->broadcast.n, axis, t->rank);
    if (!why && t->dt != x.dt)
        why = arena_printf(a, "gives %s from %s", dtype_name(t->dt), dtype_name(x.dt));
    if (why)
        return why;
    for (int i = 0; i < x.rank; i++)
        if (x.dim[i] != 1 && x.dim[i] != t->dim[axis[i]])
            return arena_printf(a, "axis %d of %s cannot become axis %d of %s", i, type_text(a, x), axis[i],
                                type_text(a, *t));
    return NULL;
}

/* New axes and stretched ones stand still in x. */
EVAL(broadcast)
{
    Type x = n->in[0]->type;
    int64_t xstride[MAX_RANK], along[MAX_RANK] = {0};
    type_strides(x, xstride);
    for (int i = 0; i < x.rank; i++)
        along[n->attr.broadcast.axis[i]] = x.dim[i] == 1 ? 0 : xstride[i];
    copy_from(e, n, eval_in(e, n, 0), along);
}

/* broadcast: dx = the sum of dy over every axis along which x is repeated */
GRAD(broadcast)
{
    Node *x = n->in[0];
    bool kept[MAX_RANK] = {false};
    for (int i = 0; i < x->type.rank; i++) {
        int to = n->attr.broadcast.axis[i];
        kept[to] = x->type.dim[i] == n->type.dim[to];
    }
    int repeated[MAX_RANK], nrepeated = 0;
    for (int i = 0; i < n->type.rank; i++)
        if (!kept[i])
            repeated[nrepeated++] = i;
    Node *sum = nrepeated ? node_linear_sum(g->fn, dy, nrepeated, repeated) : dy;
    grad_into(g, x, node_reshape(g->fn, sum, x->type.rank, x->type.dim));
}

SHAPE(slice)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->slice.n, x);
    if (why)
        return why;
    *t = x;
    for (int i = 0; i < x.rank; i++) {
        int64_t start = attr->slice.start[i], limit = attr->slice.limit[i], stride = attr->slice.stride[i];
        if (start < 0 || limit <= start || limit > x.dim[i] || stride < 1)
            return arena_printf(a, "%lld:%lld:%lld on axis %d of %s", (long long)start, (long long)limit,
                                (long long)stride, i, type_text(a, x));
        t->dim[i] = (limit - start - 1) / stride + 1;
    }
    return NULL;
}

EVAL(slice)
{
    int64_t xstride[MAX_RANK];
    const double *x = eval_in(e, n, 0);
    type_strides(n->in[0]->type, xstride);
    for (int i = 0; i < n->type.rank; i++) {
        x += n->attr.slice.start[i] * xstride[i];
        xstride[i] *= n->attr.slice.stride[i];
    }
    copy_from(e, n, x, xstride);
}

/* slice start:limit:stride: dx = dy with zeros before, behind, and stride − 1 between its elements */
GRAD(slice)
{
    Node *x = n->in[0];
    int64_t lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
    for (int i = 0; i < x->type.rank; i++) {
        int64_t start = n->attr.slice.start[i], stride = n->attr.slice.stride[i];
        lo[i] = start;
        interior[i] = stride - 1;
        hi[i] = x->type.dim[i] - start - ((n->type.dim[i] - 1) * stride + 1);
    }
    grad_into(g, x, node_pad(g->fn, dy, lo, hi, interior, 0));
}

SHAPE(pad)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->pad.n, x);
    if (why)
        return why;
    *t = x;
    for (int i = 0; i < x.rank; i++) {
        int64_t lo = attr->pad.lo[i], hi = attr->pad.hi[i], interior = attr->pad.interior[i];
        if (lo < 0 || hi < 0 || interior < 0 || lo > MAX_COUNT || hi > MAX_COUNT ||
            interior > MAX_COUNT / x.dim[i])
            return arena_printf(a, "padding %lld, %lld, %lld between on axis %d", (long long)lo,
                                (long long)hi, (long long)interior, i);
        t->dim[i] = lo + x.dim[i] + (x.dim[i] - 1) * interior + hi;
    }
    if (!dtype_holds(x.dt, attr->pad.value))
        return arena_printf(a, "%.17g is no value of %s", attr->pad.value, dtype_name(x.dt));
    return NULL;
}

EVAL(pad)
{
    Type t = n->in[0]->type;
    int64_t xstride[MAX_RANK], ystride[MAX_RANK];
    double *y = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++)
        y[i] = n->attr.pad.value;
    type_strides(t, xstride);
    type_strides(n->type, ystride);
    for (int i = 0; i < t.rank; i++) {
        y += n->attr.pad.lo[i] * ystride[i];
        ystride[i] *= n->attr.pad.interior[i] + 1;
    }
    walk_copy(t.rank, t.dim, y, ystride, eval_in(e, n, 0), xstride);
}

/* pad: dx = dy where x's elements went: a slice from lo, interior + 1 apart */
GRAD(pad)
{
    Node *x = n->in[0];
    int64_t start[MAX_RANK] = {0}, limit[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
    for (int i = 0; i < x->type.rank; i++) {
        start[i] = n->attr.pad.lo[i];
        stride[i] = n->attr.pad.interior[i] + 1;
        limit[i] = start[i] + (x->type.dim[i] - 1) * stride[i] + 1;
    }
    grad_into(g, x, node_slice(g->fn, dy, start, limit, stride));
}

SHAPE(reverse)
{
    (void)nin;
    *t = in[0]->type;
    return axes_problem(a, attr->axes.n, attr->axes.axis, t->rank);
}

EVAL(reverse)
{
    int64_t xstride[MAX_RANK];
    const double *x = eval_in(e, n, 0);
    type_strides(n->in[0]->type, xstride);
    for (int i = 0; i < n->attr.axes.n; i++) {
        int axis = n->attr.axes.axis[i];
        x += (n->type.dim[axis] - 1) * xstride[axis];
        xstride[axis] = -xstride[axis];
    }
    copy_from(e, n, x, xstride);
}

/* reverse: dx = dy reversed */
GRAD(reverse)
{
    grad_into(g, n->in[0], node_reverse(g->fn, dy, n->attr.axes.n, n->attr.axes.axis));
}

SHAPE(concat)
{
    int axis = attr->axis.axis;
    if (nin < 1)
        return "needs an operand";
    *t = in[0]->type;
    if (axis < 0 || axis >= t->rank)
        return arena_printf(a, "axis %d of %s", axis, type_text(a, *t));
    for (int i = 1; i < nin; i++) {
        Type x = in[i]->type;
        int64_t extent = x.rank > axis ? x.dim[axis] : 0;
        if (x.rank == t->rank)
            x.dim[axis] = t->dim[axis];
        if (!type_eq(x, *t))
            return arena_printf(a, "operand %d is %s, operand 0 %s; only axis %d may differ", i,
                                type_text(a, in[i]->type), type_text(a, in[0]->type), axis);
        t->dim[axis] += extent;
    }
    return NULL;
}

EVAL(concat)
{
    int axis = n->attr.axis.axis;
    int64_t xstride[MAX_RANK], ystride[MAX_RANK];
    double *y = eval_out(e, n);
    type_strides(n->type, ystride);
    for (int i = 0; i < n->nin; i++) {
        Type t = n->in[i]->type;
        type_strides(t, xstride);
        walk_copy(t.rank, t.dim, y, ystride, eval_in(e, n, i), xstride);
        y += t.dim[axis] * ystride[axis];
    }
}

/* concat: each operand's gradient is its part of dy */
GRAD(concat)
{
    int axis = n->attr.axis.axis;
    int64_t at = 0;
    for (int i = 0; i < n->nin; i++) {
        int64_t next = at + n->in[i]->type.dim[axis];
        if (grad_wanted(g, n->in[i]))
            grad_into(g, n->in[i], node_slice_axis(g->fn, dy, axis, at, next, 1));
        at = next;
    }
}

/* How many windows fit into an extent; 0 when none does. */
static int64_t window_count(const Attr *attr, int64_t extent)
{
    int64_t span = (attr->window.size - 1) * attr->window.dilation + 1;
    return extent < span ? 0 : (extent - span) / attr->window.stride + 1;
}

static const char *window_problem(Arena *a, const Attr *attr)
{
    int64_t size = attr->window.size, stride = attr->window.stride, dilation = attr->window.dilation;
    if (size >= 1 && stride >= 1 && dilation >= 1 && size <= MAX_COUNT / dilation)
        return NULL;
    return arena_printf(a, "a window of %lld every %lld, dilated by %lld", (long long)size, (long long)stride,
                        (long long)dilation);
}

SHAPE(window)
{
    (void)nin;
    Type x = in[0]->type;
    int axis = attr->window.axis;
    const char *why = window_problem(a, attr);
    if (why)
        return why;
    if (axis < 0 || axis >= x.rank || x.rank == MAX_RANK)
        return arena_printf(a, "axis %d of %s", axis, type_text(a, x));
    if (attr->window.extent)
        return "extent belongs to fold";
    int64_t n = window_count(attr, x.dim[axis]);
    if (!n)
        return arena_printf(a, "%lld elements do not hold a window of %lld dilated by %lld",
                            (long long)x.dim[axis], (long long)attr->window.size,
                            (long long)attr->window.dilation);
    *t = x;
    t->dim[axis] = n;
    *t = type_insert(*t, axis + 1, attr->window.size);
    return NULL;
}

/* The strides in the long tensor along the axes of the windows: axis -> [O, size]. */
static void window_strides(const Attr *attr, Type of, int64_t along[MAX_RANK])
{
    int axis = attr->window.axis;
    int64_t stride[MAX_RANK];
    type_strides(of, stride);
    for (int i = 0; i <= of.rank && i < MAX_RANK; i++)
        along[i] = i < axis        ? stride[i]
                   : i == axis     ? stride[axis] * attr->window.stride
                   : i == axis + 1 ? stride[axis] * attr->window.dilation
                                   : stride[i - 1];
}

/* y[.., o, k, ..] = x[.., o * stride + k * dilation, ..] */
EVAL(window)
{
    int64_t along[MAX_RANK];
    window_strides(&n->attr, n->in[0]->type, along);
    copy_from(e, n, eval_in(e, n, 0), along);
}

/* window: dx = fold(dy): what was read several times adds up */
GRAD(window)
{
    Node *x = n->in[0];
    int axis = n->attr.window.axis;
    grad_into(g, x,
              node_fold(g->fn, dy, axis, n->attr.window.stride, n->attr.window.dilation, x->type.dim[axis]));
}

SHAPE(fold)
{
    (void)nin;
    Type x = in[0]->type;
    int axis = attr->window.axis;
    int64_t extent = attr->window.extent;
    const char *why = window_problem(a, attr);
    if (why)
        return why;
    if (axis < 0 || axis >= x.rank - 1)
        return arena_printf(a, "axis %d, and one behind it, of %s", axis, type_text(a, x));
    if (x.dt != DT_F32 && x.dt != DT_I32)
        return arena_printf(a, "adds f32 or i32, not %s", type_text(a, x));
    if (extent < 1 || extent > MAX_COUNT || x.dim[axis + 1] != attr->window.size ||
        x.dim[axis] != window_count(attr, extent))
        return arena_printf(a, "axes %d and %d of %s are not the windows of an extent of %lld", axis,
                            axis + 1, type_text(a, x), (long long)extent);
    *t = type_drop(x, axis + 1);
    t->dim[axis] = extent;
    return NULL;
}

/* y[.., o * stride + k * dilation, ..] += x[.., o, k, ..] */
EVAL(fold)
{
    Type t = n->in[0]->type;
    int64_t along[MAX_RANK], xstride[MAX_RANK];
    double *y = eval_out(e, n);
    memset(y, 0, sizeof *y * (size_t)type_count(n->type));
    window_strides(&n->attr, n->type, along);
    type_strides(t, xstride);
    walk_add(t.rank, t.dim, y, along, eval_in(e, n, 0), xstride);
    for (int64_t i = 0, count = type_count(n->type); i < count && t.dt == DT_I32; i++)
        y[i] = wrap_i32(y[i]);
}

/* fold: dx = window(dy) */
GRAD(fold)
{
    int axis = n->attr.window.axis;
    int64_t size = n->in[0]->type.dim[axis + 1];
    grad_into(g, n->in[0],
              node_window(g->fn, dy, axis, size, n->attr.window.stride, n->attr.window.dilation));
}
