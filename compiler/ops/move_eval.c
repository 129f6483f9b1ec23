/* SPDX-License-Identifier: MIT */
/* move_eval.c: values of operations that move elements; each is a strided copy. */
#include "ops.h"
#include "walk.h"

#include <string.h>

#define EVAL(name) void eval_##name(EvalCtx *e, const Node *n)

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
