/* SPDX-License-Identifier: MIT */
/* conv_phases.c: a convolution over a dilated operand, which is what a strided one has as its gradient, without the products
 * with the zeros between the elements.
 *
 *     y[o] = Σ over k of x'[o + k − pad_lo]·w[k],   x'[d·i] = x[i], 0 elsewhere
 *
 * At o = d·q + p, its phase p, only every d-th tap meets an element: k = k0 + d·j with k0 = (pad_lo − p) mod d, so that
 *
 *     y[d·q + p] = Σ over j of x[q + j − (pad_lo − p − k0) / d]·w[k0 + d·j]
 *
 * is a plain convolution with a part of the kernel. The phases are then dealt out to space (Shi and others, "Is the deconvolution layer
 * the same as a convolutional layer?", 2016). Those of an example lie one behind the other, not side by side as channels, so that, of a single
 * example, each is made where it is read. */
#include "passes.h"

enum { MAX_PHASES = 16 };

typedef struct Dilated {
    Fn *fn;
    Node *x, *kernel;
    const Attr *attr;
    Type t;                     /* of the result */
    int64_t extent[MAX_SPATIAL];/* of a phase; the result's, rounded up, where an axis has several */
} Dilated;

static int64_t dilation(const Dilated *c, int axis) { return c->attr->conv.lhs_dilation[axis]; }

static int count_phases(const Attr *attr)
{
    int64_t phases = 1;
    for (int i = 0; i < attr->conv.nspatial && phases <= MAX_PHASES; i++) {
        int64_t d = attr->conv.lhs_dilation[i];
        if (d > 1 && (attr->conv.stride[i] > 1 || attr->conv.rhs_dilation[i] > 1))
            return 1;
        phases *= d;
    }
    return phases > MAX_PHASES ? 1 : (int)phases;
}

/* Along one axis: the taps of phase p, in *kernel, and what surrounds x. false when it has no taps. */
static bool phase_axis(const Dilated *c, int axis, int64_t p, Node **kernel, Attr *attr)
{
    int64_t d = dilation(c, axis), taps = (*kernel)->type.dim[axis];
    if (d == 1)
        return true;
    int64_t shift = c->attr->conv.pad_lo[axis] - p, first = ((shift % d) + d) % d;
    if (first >= taps)
        return false;
    *kernel = node_slice_axis(c->fn, *kernel, axis, first, taps, d);
    attr->conv.lhs_dilation[axis] = 1;
    attr->conv.pad_lo[axis] = (shift - first) / d;
    attr->conv.pad_hi[axis] = c->extent[axis] + (*kernel)->type.dim[axis] - 1 - c->x->type.dim[axis + 1] -
                              attr->conv.pad_lo[axis];
    return true;
}

/* Where a phase begins along each axis. */
static void phase_begin(const Dilated *c, int phase, int64_t *begin)
{
    for (int i = c->attr->conv.nspatial - 1; i >= 0; i--) {
        begin[i] = phase % dilation(c, i);
        phase /= (int)dilation(c, i);
    }
}

/* NULL where it has no taps: all zeros. */
static Node *phase_of(const Dilated *c, int phase)
{
    Attr attr = *c->attr;
    Node *kernel = c->kernel;
    int64_t begin[MAX_SPATIAL];
    phase_begin(c, phase, begin);
    for (int i = attr.conv.nspatial - 1; i >= 0; i--)
        if (!phase_axis(c, i, begin[i], &kernel, &attr))
            return NULL;
    return node_conv(c->fn, c->x, kernel, &attr);
}

static Node *zeros(const Dilated *c)
{
    Type t = c->t;
    for (int i = 0; i < c->attr->conv.nspatial; i++)
        t.dim[i + 1] = c->extent[i];
    return node_full(c->fn, t, 0);
}

/* [N, q..., O] -> [N, 1, q..., O] */
static Node *one_of_all(const Dilated *c, Node *y)
{
    int64_t dim[MAX_RANK] = {y->type.dim[0], 1};
    for (int i = 1; i < y->type.rank; i++)
        dim[i + 1] = y->type.dim[i];
    return node_reshape(c->fn, y, y->type.rank + 1, dim);
}

/* The only phase that has taps, as of a convolution of single points: between its elements are zeros, which nobody stores. It may lie
 * behind the result. */
static Node *spread_out(const Dilated *c, Node *y, int phase)
{
    int64_t begin[MAX_SPATIAL], lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
    phase_begin(c, phase, begin);
    for (int i = 0; i < c->attr->conv.nspatial; i++) {
        const int64_t d = dilation(c, i), left = c->t.dim[i + 1] - begin[i], count = (left + d - 1) / d;
        if (left <= 0)
            return node_full(c->fn, c->t, 0);
        y = node_slice_axis(c->fn, y, i + 1, 0, count, 1);
        lo[i + 1] = begin[i];
        hi[i + 1] = left - (count - 1) * d - 1;
        interior[i + 1] = d - 1;
    }
    return node_pad(c->fn, y, lo, hi, interior, 0);
}

/* [N, phases, q..., O] -> [N, d..., q..., O] -> [N, q0, d0, q1, d1, ..., O] -> [N, q·d..., O], cut to what is wanted. */
static Node *deal_out(const Dilated *c, Node *y)
{
    int spatial = c->attr->conv.nspatial, axis[MAX_RANK] = {0}, rank = 2 * spatial + 2;
    int64_t dim[MAX_RANK];
    dim[0] = c->t.dim[0];
    dim[rank - 1] = c->t.dim[spatial + 1];
    axis[rank - 1] = rank - 1;
    for (int i = 0; i < spatial; i++) {
        dim[i + 1] = dilation(c, i);
        dim[i + 1 + spatial] = c->extent[i];
        axis[2 * i + 1] = i + 1 + spatial;
        axis[2 * i + 2] = i + 1;
    }
    y = node_permute(c->fn, node_reshape(c->fn, y, rank, dim), axis);
    for (int i = 0; i < spatial; i++)
        dim[i + 1] = c->extent[i] * dilation(c, i);
    dim[spatial + 1] = c->t.dim[spatial + 1];
    y = node_reshape(c->fn, y, spatial + 2, dim);
    for (int i = 0; i < spatial; i++)
        y = node_slice_axis(c->fn, y, i + 1, 0, c->t.dim[i + 1], 1);
    return y;
}

Node *conv_phases(Fn *fn, Node *const *in, const Attr *attr, Type t)
{
    Dilated c = {.fn = fn, .x = in[0], .kernel = in[1], .attr = attr, .t = t};
    Node *phase[MAX_PHASES];
    int n = count_phases(attr);
    if (n == 1)
        return NULL;
    for (int i = 0; i < attr->conv.nspatial; i++)
        c.extent[i] = (t.dim[i + 1] + dilation(&c, i) - 1) / dilation(&c, i);
    int only = 0, tapped = 0;
    for (int i = 0; i < n; i++) {
        phase[i] = phase_of(&c, i);
        only = phase[i] ? i : only;
        tapped += phase[i] != NULL;
    }
    if (tapped == 1)
        return spread_out(&c, phase[only], only);
    for (int i = 0; i < n; i++)
        phase[i] = one_of_all(&c, phase[i] ? phase[i] : zeros(&c));
    return deal_out(&c, node_concat(fn, n, phase, 1));
}
