/* SPDX-License-Identifier: MIT */
/* contract.c: shapes of dot and convolution. */
#include "ops.h"

/* Marks the axes of one operand that are named; each at most once. */
static const char *mark(Arena *a, Type t, int n, const int *axis, bool *used)
{
    for (int i = 0; i < n; i++) {
        if (axis[i] < 0 || axis[i] >= t.rank)
            return arena_printf(a, "axis %d of %s", axis[i], type_text(a, t));
        if (used[axis[i]])
            return arena_printf(a, "axis %d of %s is named twice", axis[i], type_text(a, t));
        used[axis[i]] = true;
    }
    return NULL;
}

static const char *want_pairs(Arena *a, Type x, Type y, int n, const int *xaxis, const int *yaxis)
{
    for (int i = 0; i < n; i++)
        if (x.dim[xaxis[i]] != y.dim[yaxis[i]])
            return arena_printf(a, "axis %d of %s against axis %d of %s", xaxis[i], type_text(a, x), yaxis[i],
                                type_text(a, y));
    return NULL;
}

static const char *want_floats(Arena *a, Node *const *in)
{
    for (int i = 0; i < 2; i++)
        if (in[i]->type.dt != DT_F32)
            return arena_printf(a, "needs f32, not %s", type_text(a, in[i]->type));
    return NULL;
}

SHAPE(dot)
{
    (void)nin;
    Type x = in[0]->type, y = in[1]->type;
    int nb = attr->dot.nbatch, nc = attr->dot.ncontract;
    const int *xb = attr->dot.lhs_batch, *yb = attr->dot.rhs_batch;
    const int *xc = attr->dot.lhs_contract, *yc = attr->dot.rhs_contract;
    bool xused[MAX_RANK] = {false}, yused[MAX_RANK] = {false};
    const char *why = want_floats(a, in);
    if (!why)
        why = mark(a, x, nb, xb, xused);
    if (!why)
        why = mark(a, y, nb, yb, yused);
    if (!why)
        why = mark(a, x, nc, xc, xused);
    if (!why)
        why = mark(a, y, nc, yc, yused);
    if (!why)
        why = want_pairs(a, x, y, nb, xb, yb);
    if (!why)
        why = want_pairs(a, x, y, nc, xc, yc);
    if (why)
        return why;
    if (x.rank + y.rank - nb - 2 * nc > MAX_RANK)
        return arena_printf(a, "the result would have %d axes", x.rank + y.rank - nb - 2 * nc);
    *t = type_scalar(x.dt);
    for (int i = 0; i < nb; i++)
        *t = type_insert(*t, t->rank, x.dim[xb[i]]);
    for (int i = 0; i < x.rank; i++)
        if (!xused[i])
            *t = type_insert(*t, t->rank, x.dim[i]);
    for (int i = 0; i < y.rank; i++)
        if (!yused[i])
            *t = type_insert(*t, t->rank, y.dim[i]);
    return NULL;
}

/* The extent of one spatial axis of the result; 0 when the kernel does not fit, -1 when an attribute is out
 * of bounds. */
static int64_t conv_extent(const Attr *attr, int axis, int64_t extent, int64_t taps)
{
    int64_t lo = attr->conv.pad_lo[axis], hi = attr->conv.pad_hi[axis], stride = attr->conv.stride[axis];
    int64_t ld = attr->conv.lhs_dilation[axis], rd = attr->conv.rhs_dilation[axis];
    if (stride < 1 || ld < 1 || rd < 1 || ld > MAX_COUNT / extent || rd > MAX_COUNT / taps ||
        lo < -MAX_COUNT || lo > MAX_COUNT || hi < -MAX_COUNT || hi > MAX_COUNT)
        return -1;
    int64_t room = (extent - 1) * ld + 1 + lo + hi - ((taps - 1) * rd + 1);
    return room < 0 ? 0 : room / stride + 1;
}

SHAPE(conv)
{
    (void)nin;
    Type x = in[0]->type, kernel = in[1]->type;
    int n = attr->conv.nspatial, rank = n + 2;
    int64_t groups = attr->conv.groups;
    const char *why = want_floats(a, in);
    if (why)
        return why;
    if (n < 1 || x.rank != rank || kernel.rank != rank)
        return arena_printf(a, "%d spatial axes, with %s and kernel %s", n, type_text(a, x),
                            type_text(a, kernel));
    if (groups < 1 || x.dim[rank - 1] % groups || kernel.dim[rank - 1] % groups)
        return arena_printf(a, "%lld groups of %lld channels to %lld", (long long)groups,
                            (long long)x.dim[rank - 1], (long long)kernel.dim[rank - 1]);
    if (kernel.dim[rank - 2] != x.dim[rank - 1] / groups)
        return arena_printf(a, "the kernel %s takes %lld channels, %s has %lld in each of %lld groups",
                            type_text(a, kernel), (long long)kernel.dim[rank - 2], type_text(a, x),
                            (long long)(x.dim[rank - 1] / groups), (long long)groups);
    *t = x;
    t->dim[rank - 1] = kernel.dim[rank - 1];
    for (int i = 0; i < n; i++) {
        t->dim[i + 1] = conv_extent(attr, i, x.dim[i + 1], kernel.dim[i]);
        if (t->dim[i + 1] < 0)
            return arena_printf(a, "spatial axis %d: stride and dilations are at least 1, and within bounds",
                                i);
        if (t->dim[i + 1] == 0)
            return arena_printf(a, "the kernel %s does not fit into %s along spatial axis %d",
                                type_text(a, kernel), type_text(a, x), i);
    }
    return NULL;
}
