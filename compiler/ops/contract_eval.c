/* SPDX-License-Identifier: MIT */
/* contract_eval.c: values of dot and convolution. Products are added up in double. */
#include "ops.h"
#include "walk.h"

#include <string.h>

/* ---- dot ----------------------------------------------------------------------------------------------- */
/* A group of an operand's axes, as the offsets of its elements in row-major order. */
typedef struct Group {
    int64_t n;
    int64_t *offset;
} Group;

static Group group_axes(EvalCtx *e, Type t, int n, const int *axis)
{
    int64_t stride[MAX_RANK], dim[MAX_RANK], along[MAX_RANK];
    Group g = {.n = 1};
    type_strides(t, stride);
    for (int i = 0; i < n; i++) {
        dim[i] = t.dim[axis[i]];
        along[i] = stride[axis[i]];
        g.n *= dim[i];
    }
    g.offset = NEWN(e->a, int64_t, g.n);
    walk_offsets(n, dim, along, 0, g.offset);
    return g;
}

static Group group_free(EvalCtx *e, Type t, int nb, const int *batch, int nc, const int *contract)
{
    bool used[MAX_RANK] = {false};
    int axis[MAX_RANK], n = 0;
    for (int i = 0; i < nb; i++)
        used[batch[i]] = true;
    for (int i = 0; i < nc; i++)
        used[contract[i]] = true;
    for (int i = 0; i < t.rank; i++)
        if (!used[i])
            axis[n++] = i;
    return group_axes(e, t, n, axis);
}

typedef struct DotWalk {
    Group xb, yb, xk, yk, xi, yj;
} DotWalk;

static DotWalk *dot_walk(EvalCtx *e, const Node *n)
{
    Type x = n->in[0]->type, y = n->in[1]->type;
    int nb = n->attr.dot.nbatch, nc = n->attr.dot.ncontract;
    const int *xb = n->attr.dot.lhs_batch, *yb = n->attr.dot.rhs_batch;
    const int *xc = n->attr.dot.lhs_contract, *yc = n->attr.dot.rhs_contract;
    DotWalk *w = NEW(e->a, DotWalk);
    w->xb = group_axes(e, x, nb, xb);
    w->yb = group_axes(e, y, nb, yb);
    w->xk = group_axes(e, x, nc, xc);
    w->yk = group_axes(e, y, nc, yc);
    w->xi = group_free(e, x, nb, xb, nc, xc);
    w->yj = group_free(e, y, nb, yb, nc, yc);
    return w;
}

/* z[b, i, j] = sum over k of x[b, i, k] * y[b, j, k] */
EVAL(dot)
{
    if (!e->kept[n->id])
        e->kept[n->id] = dot_walk(e, n);
    const DotWalk *w = e->kept[n->id];
    double *z = eval_out(e, n);
    memset(z, 0, sizeof *z * (size_t)type_count(n->type));
    for (int64_t b = 0; b < w->xb.n; b++)
        for (int64_t i = 0; i < w->xi.n; i++, z += w->yj.n)
            for (int64_t k = 0; k < w->xk.n; k++) {
                double x = eval_in(e, n, 0)[w->xb.offset[b] + w->xi.offset[i] + w->xk.offset[k]];
                const double *y = eval_in(e, n, 1) + w->yb.offset[b] + w->yk.offset[k];
                for (int64_t j = 0; j < w->yj.n; j++)
                    z[j] += x * y[w->yj.offset[j]];
            }
}

/* ---- convolution --------------------------------------------------------------------------------------- */
/* Adds one kernel tap's share to one output pixel: every group's channels to its share of the outputs. */
static void conv_tap(const double *x, const double *kernel, double *y, int64_t channels, int64_t outputs,
                     int64_t groups)
{
    int64_t per_group = outputs / groups;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t c = 0; c < channels; c++) {
            double value = x[g * channels + c];
            const double *k = kernel + c * outputs + g * per_group;
            for (int64_t o = 0; o < per_group; o++)
                y[g * per_group + o] += value * k[o];
        }
}

/* Where output position o meets tap k along one spatial axis of the operand; false where only padding is. The
 * operand is dilated, then padded (or cropped): position o * stride + k * rhs_dilation - pad_lo of it. */
static bool conv_meets(const Attr *attr, int axis, int64_t o, int64_t k, int64_t extent, int64_t *at)
{
    int64_t dilation = attr->conv.lhs_dilation[axis];
    int64_t p = o * attr->conv.stride[axis] + k * attr->conv.rhs_dilation[axis] - attr->conv.pad_lo[axis];
    if (p < 0 || p % dilation || p / dilation >= extent)
        return false;
    *at = p / dilation;
    return true;
}

/* Recurses over the spatial axes; x, kernel and y point at the elements chosen so far. */
static void conv_axis(const Node *n, int axis, const double *x, const double *kernel, double *y)
{
    Type xt = n->in[0]->type, kt = n->in[1]->type;
    int spatial = n->attr.conv.nspatial;
    int64_t xs[MAX_RANK], ks[MAX_RANK], ys[MAX_RANK];
    if (axis == spatial) {
        conv_tap(x, kernel, y, kt.dim[spatial], kt.dim[spatial + 1], n->attr.conv.groups);
        return;
    }
    type_strides(xt, xs);
    type_strides(kt, ks);
    type_strides(n->type, ys);
    for (int64_t o = 0; o < n->type.dim[axis + 1]; o++)
        for (int64_t k = 0; k < kt.dim[axis]; k++) {
            int64_t at;
            if (conv_meets(&n->attr, axis, o, k, xt.dim[axis + 1], &at))
                conv_axis(n, axis + 1, x + at * xs[axis + 1], kernel + k * ks[axis], y + o * ys[axis + 1]);
        }
}

EVAL(conv)
{
    const double *x = eval_in(e, n, 0), *kernel = eval_in(e, n, 1);
    double *y = eval_out(e, n);
    int64_t batch = n->type.dim[0], ysize = type_count(n->type) / batch,
            xsize = type_count(n->in[0]->type) / batch;
    memset(y, 0, sizeof *y * (size_t)type_count(n->type));
    for (int64_t b = 0; b < batch; b++)
        conv_axis(n, 0, x + b * xsize, kernel, y + b * ysize);
}
