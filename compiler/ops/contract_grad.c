/* SPDX-License-Identifier: MIT */
/* contract_grad.c: gradients of dot and convolution, which are dots and convolutions. dy: the result's
 * gradient. */
#include "ops.h"
#include "../graph/gradient.h"

/* ---- dot ----------------------------------------------------------------------------------------------- */

/* One operand's side of a dot: its axes by what becomes of them. Free axes are in increasing order. */
typedef struct Side {
    const Node *x;
    const int *batch, *contract;
    int free[MAX_RANK], nfree;
} Side;

static bool listed(const int *axis, int n, int a)
{
    for (int i = 0; i < n; i++)
        if (axis[i] == a)
            return true;
    return false;
}

static Side side_of(const Node *dot, int operand)
{
    Side s = {.x = dot->in[operand],
              .batch = operand ? dot->attr.dot.rhs_batch : dot->attr.dot.lhs_batch,
              .contract = operand ? dot->attr.dot.rhs_contract : dot->attr.dot.lhs_contract};
    for (int a = 0; a < s.x->type.rank; a++)
        if (!listed(s.batch, dot->attr.dot.nbatch, a) && !listed(s.contract, dot->attr.dot.ncontract, a))
            s.free[s.nfree++] = a;
    return s;
}

/* Which axis of `of` stands for axis `a` of `other`, a contracted axis. */
static int partner(const Side *of, const Side *other, int ncontract, int a)
{
    for (int i = 0; i < ncontract; i++)
        if (other->contract[i] == a)
            return of->contract[i];
    BUG("axis %d is not contracted", a);
}

/* y = dot(l, r) has axes [batch, free of l, free of r].
 *     dl = dot(dy, r) over r's free axes: [batch, free of l, contracted axes of r in r's order]
 *     dr = dot(l, dy) over l's free axes: [batch, contracted axes of l in l's order, free of r]
 * each permuted into its operand's layout. */
static Node *grad_dot_side(GradCtx *g, Node *n, Node *dy, int operand)
{
    int nbatch = n->attr.dot.nbatch, ncontract = n->attr.dot.ncontract;
    Side mine = side_of(n, operand), other = side_of(n, !operand);
    Attr attr = {.dot = {.nbatch = nbatch, .ncontract = other.nfree}};
    int *dy_batch = operand ? attr.dot.rhs_batch : attr.dot.lhs_batch;
    int *dy_contract = operand ? attr.dot.rhs_contract : attr.dot.lhs_contract;
    int *other_batch = operand ? attr.dot.lhs_batch : attr.dot.rhs_batch;
    int *other_contract = operand ? attr.dot.lhs_contract : attr.dot.rhs_contract;
    int other_at = operand ? nbatch : nbatch + mine.nfree; /* where dy keeps the other's free axes */
    for (int i = 0; i < nbatch; i++) {
        dy_batch[i] = i;
        other_batch[i] = other.batch[i];
    }
    for (int i = 0; i < other.nfree; i++) {
        dy_contract[i] = other_at + i;
        other_contract[i] = other.free[i];
    }
    Node *d = operand ? node_dot(g->fn, n->in[0], dy, &attr) : node_dot(g->fn, dy, n->in[1], &attr);

    /* place[i]: which axis of the operand the i-th axis of d is */
    int place[MAX_RANK], at = 0;
    for (int i = 0; i < nbatch; i++)
        place[at++] = mine.batch[i];
    for (int i = 0; i < mine.nfree && !operand; i++)
        place[at++] = mine.free[i];
    for (int a = 0; a < other.x->type.rank; a++)
        if (listed(other.contract, ncontract, a))
            place[at++] = partner(&mine, &other, ncontract, a);
    for (int i = 0; i < mine.nfree && operand; i++)
        place[at++] = mine.free[i];
    int axis[MAX_RANK];
    for (int i = 0; i < at; i++)
        axis[place[i]] = i;
    return node_permute(g->fn, d, axis);
}

/* z = Σ x·y: dx = Σ dz·y over the free axes of y, dy = Σ x·dz over those of x; each is a dot */
GRAD(dot)
{
    for (int operand = 0; operand < 2; operand++)
        if (grad_wanted(g, n->in[operand]))
            grad_into(g, n->in[operand], grad_dot_side(g, n, dy, operand));
}

/* ---- convolution ------------------------------------------------------------------------------------------
 *     y[n, o, q] = Σ over k, c of x'[n, o·stride + k·rhs_dilation, c] · w[k, c, q]
 * where x' is x with lhs_dilation − 1 zeros between its elements, pad_lo zeros before and pad_hi zeros
 * behind. */

/* Elements of `n` after zeros were put between them. */
static int64_t dilated(int64_t n, int64_t dilation)
{
    return (n - 1) * dilation + 1;
}

/* A convolution cannot take padding below 0 from us: cuts off so many of x's elements that the dilated
 * rest, padded by what remains (0 or more), is what the negative padding would have left. false when
 * nothing would be left. */
static bool cut(Fn *fn, Node **x, int axis, int64_t dilation, int64_t *lo, int64_t *hi)
{
    int64_t extent = (*x)->type.dim[axis], start = 0, limit = extent;
    if (*lo < 0) {
        start = (-*lo + dilation - 1) / dilation;
        *lo += start * dilation;
    }
    if (*hi < 0) {
        int64_t dropped = (-*hi + dilation - 1) / dilation;
        limit -= dropped;
        *hi += dropped * dilation;
    }
    if (start >= limit)
        return false;
    *x = node_slice_axis(fn, *x, axis, start, limit, 1);
    return true;
}

/* The kernel a gradient by x is convolved with: reversed in space, and per group with inputs and outputs
 * changed over:
 *     w [k..., C / groups, O] -> [k..., O / groups, C] */
static Node *turned_kernel(Fn *fn, Node *w, int spatial, int64_t groups)
{
    int all[MAX_SPATIAL], axis[MAX_RANK];
    for (int i = 0; i < spatial; i++)
        all[i] = axis[i] = i;
    w = node_reverse(fn, w, spatial, all);
    Type t = w->type;
    int64_t in = t.dim[spatial], out = t.dim[spatial + 1] / groups;
    if (groups == 1) {
        axis[spatial] = spatial + 1;
        axis[spatial + 1] = spatial;
        return node_permute(fn, w, axis);
    }
    /* [k, in, groups, out] -> [k, out, groups, in] */
    t.dim[spatial + 1] = groups;
    t.dim[spatial + 2] = out;
    w = node_reshape(fn, w, spatial + 3, t.dim);
    axis[spatial] = spatial + 2;
    axis[spatial + 1] = spatial + 1;
    axis[spatial + 2] = spatial;
    w = node_permute(fn, w, axis);
    t.dim[spatial] = out;
    t.dim[spatial + 1] = groups * in;
    return node_reshape(fn, w, spatial + 2, t.dim);
}

/* dx[n, i, c] = Σ over o, k with o·stride + k·rhs_dilation = i·lhs_dilation + pad_lo of dy[n, o, q]·w[k,
 * c, q]: a convolution of dy, dilated by stride, with the turned kernel, stepping by lhs_dilation. */
static Node *grad_conv_x(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *w = n->in[1];
    Attr attr = n->attr;
    for (int i = 0; i < n->attr.conv.nspatial; i++) {
        int64_t ld = n->attr.conv.lhs_dilation[i], stride = n->attr.conv.stride[i];
        int64_t reach = dilated(w->type.dim[i], n->attr.conv.rhs_dilation[i]);
        int64_t lo = reach - 1 - n->attr.conv.pad_lo[i];
        /* so long that exactly x's extent comes out */
        int64_t hi = dilated(x->type.dim[i + 1], ld) + reach - 1 - dilated(dy->type.dim[i + 1], stride) - lo;
        if (!cut(fn, &dy, i + 1, stride, &lo, &hi))
            return node_full(fn, x->type, 0);
        attr.conv.pad_lo[i] = lo;
        attr.conv.pad_hi[i] = hi;
        attr.conv.lhs_dilation[i] = stride;
        attr.conv.stride[i] = ld;
    }
    return node_conv(fn, dy, turned_kernel(fn, w, n->attr.conv.nspatial, n->attr.conv.groups), &attr);
}

/* Images as channels: x [N, s..., groups·C] -> [C, s..., groups·N]. */
static Node *images_as_channels(Fn *fn, Node *x, int spatial, int64_t groups)
{
    Type t = x->type;
    int64_t images = t.dim[0], channels = t.dim[spatial + 1] / groups;
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < spatial; i++)
        axis[i + 1] = i + 1;
    if (groups == 1) {
        axis[0] = spatial + 1;
        axis[spatial + 1] = 0;
        return node_permute(fn, x, axis);
    }
    t.dim[spatial + 1] = groups;
    t.dim[spatial + 2] = channels;
    x = node_reshape(fn, x, spatial + 3, t.dim);
    axis[0] = spatial + 2;
    axis[spatial + 1] = spatial + 1;
    axis[spatial + 2] = 0;
    x = node_permute(fn, x, axis);
    t.dim[0] = channels;
    t.dim[spatial + 1] = groups * images;
    return node_reshape(fn, x, spatial + 2, t.dim);
}

/* dw[k, c, q] = Σ over n, o of x'[n, o·stride + k·rhs_dilation, c]·dy[n, o, q]: a convolution of x, its
 * images taken for channels, with dy for the kernel, dilated by stride, stepping by rhs_dilation. It gives
 * [c, k, q]. */
static Node *grad_conv_w(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *w = n->in[1];
    int spatial = n->attr.conv.nspatial;
    int axis[MAX_RANK] = {0};
    Attr attr = n->attr;
    for (int i = 0; i < spatial; i++) {
        int64_t ld = n->attr.conv.lhs_dilation[i], rd = n->attr.conv.rhs_dilation[i];
        int64_t stride = n->attr.conv.stride[i];
        int64_t lo = n->attr.conv.pad_lo[i];
        /* so long that exactly the kernel's extent comes out: rows behind the last window are cut */
        int64_t hi = dilated(dy->type.dim[i + 1], stride) + dilated(w->type.dim[i], rd) - 1 -
                     dilated(x->type.dim[i + 1], ld) - lo;
        if (!cut(fn, &x, i + 1, ld, &lo, &hi))
            return node_full(fn, w->type, 0);
        attr.conv.pad_lo[i] = lo;
        attr.conv.pad_hi[i] = hi;
        attr.conv.rhs_dilation[i] = stride;
        attr.conv.stride[i] = rd;
    }
    /* dy [N, o..., O] -> [o..., N, O] */
    for (int i = 0; i < spatial; i++)
        axis[i] = i + 1;
    axis[spatial] = 0;
    axis[spatial + 1] = spatial + 1;
    Node *kernel = node_permute(fn, dy, axis);
    Node *d = node_conv(fn, images_as_channels(fn, x, spatial, n->attr.conv.groups), kernel, &attr);
    return node_permute(fn, d, axis);
}

/* dw with its roles changed: dy is what is convolved, its images taken for channels, and x the kernel, so that the result is as wide as
 * x's channels. At the reversed tap p = last − k it wants o·stride = t·lhs_dilation + p·rhs_dilation − pad of dy: x's own padding
 * taken from the kernel's reach. It gives [q, p, c]. */
static Node *grad_conv_w_by_channels(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *w = n->in[1];
    const int spatial = n->attr.conv.nspatial;
    int axis[MAX_RANK] = {0}, space[MAX_SPATIAL];
    Attr attr = n->attr;
    for (int i = 0; i < spatial; i++) {
        const int64_t stride = n->attr.conv.stride[i], ld = n->attr.conv.lhs_dilation[i], rd = n->attr.conv.rhs_dilation[i];
        const int64_t reach = dilated(w->type.dim[i], rd) - 1;
        int64_t lo = reach - n->attr.conv.pad_lo[i];
        int64_t hi = reach + dilated(x->type.dim[i + 1], ld) - dilated(dy->type.dim[i + 1], stride) - lo;
        if (!cut(fn, &dy, i + 1, stride, &lo, &hi))
            return node_full(fn, w->type, 0);
        attr.conv.pad_lo[i] = lo;
        attr.conv.pad_hi[i] = hi;
        attr.conv.lhs_dilation[i] = stride;
        attr.conv.rhs_dilation[i] = ld;
        attr.conv.stride[i] = rd;
        space[i] = i;
        axis[i] = i + 1;
    }
    axis[spatial + 1] = spatial + 1;
    Node *left = images_as_channels(fn, dy, spatial, 1), *right = node_permute(fn, x, axis);
    Node *d = node_conv(fn, left, right, &attr);
    axis[spatial] = spatial + 1;
    axis[spatial + 1] = 0;
    return node_reverse(fn, node_permute(fn, d, axis), spatial, space);
}

/* How much of the vectors is used whose elements are so many columns. */
static double filled(int64_t columns)
{
    enum { WIDE = 16 };
    return (double)columns / (double)((columns + WIDE - 1) / WIDE * WIDE);
}

/* Whether the gradient of w is better as wide as x's channels than as y's: without steps, which would leave gaps in dy. */
static bool is_wider_by_channels(const Node *n)
{
    const int spatial = n->attr.conv.nspatial;
    for (int i = 0; i < spatial; i++)
        if (n->attr.conv.stride[i] != 1)
            return false;
    return n->attr.conv.groups == 1 && filled(n->in[0]->type.dim[spatial + 1]) >= 1.25 * filled(n->type.dim[spatial + 1]);
}

/* z = x ∗ w: dx = dz ∗ w turned around and its channels swapped, dw = x ∗ dz with the batch as channels; each
 * is a conv */
GRAD(conv)
{
    if (grad_wanted(g, n->in[0]))
        grad_into(g, n->in[0], grad_conv_x(g, n, dy));
    if (grad_wanted(g, n->in[1]))
        grad_into(g, n->in[1], is_wider_by_channels(n) ? grad_conv_w_by_channels(g, n, dy) : grad_conv_w(g, n, dy));
}
