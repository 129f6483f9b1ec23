/* SPDX-License-Identifier: MIT */
/* parts_center.c: sums of squared distances from something that comes later are made of distances from about the example's mean.
 *
 *     Σ (x - m)² = Σ (x - f)² - n (μ - f)² + n (μ - m)²      of n elements x of an example, whose mean is μ = f + Σ (x - f) / n
 *
 * for any m and f. So a variance over a batch, whose m is there only when all examples are, needs no second loop over them, and of an example no
 * second look at its elements: Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983. What cancels is n (μ - f)². With f a mean
 * of k of the elements it is at the most n / k times what is left, since these alone make that k (μ - f)² or more. */
#include "parts.h"

enum {
    APART = 8,      /* f is the mean of every 8th row; */
    FEW = 64,       /* of no more elements than these it is the first: k = 1 */
};

typedef struct Distance {
    const Node *x, *m;          /* m: broadcast to x's shape */
} Distance;

static bool is_summed(const Node *n, int axis)
{
    for (int i = 0; i < n->attr.axes.n; i++)
        if (n->attr.axes.axis[i] == axis)
            return true;
    return false;
}

/* Whether n adds up squares (x - m)² over axes of each example along which m does not change, in a loop after x's. */
static bool adds_squares(const Parts *p, const Node *n, Distance *d)
{
    const Node *square = n->op == OP_SUM ? n->in[0] : NULL, *x, *m;
    if (!square || square->op != OP_MUL || square->in[0] != square->in[1] || square->in[0]->op != OP_SUB)
        return false;
    x = square->in[0]->in[0];
    m = square->in[0]->in[1];
    if (p->rule[n->id].at < 0 || p->rule[x->id].at != 0 || m->op != OP_BROADCAST || p->level[m->id] <= p->level[x->id])
        return false;
    for (int i = 0; i < m->attr.broadcast.n; i++)
        if (m->in[0]->type.dim[i] > 1 && is_summed(n, m->attr.broadcast.axis[i]))
            return false;
    *d = (Distance){x, m};
    return true;
}

/* Axes of a sum's operand that are left, as a broadcast back to it wants them. */
static void axes_left(const Node *n, int *axis)
{
    for (int i = 0, k = 0; i < n->in[0]->type.rank; i++)
        if (!is_summed(n, i))
            axis[k++] = i;
}

static double count_of(const Node *n)
{
    return (double)(type_count(n->in[0]->type) / type_count(n->type));
}

static Node *sum_as(Fn *fn, const Node *n, Node *x)
{
    return node_reduce(fn, OP_SUM, x, n->attr.axes.n, n->attr.axes.axis);
}

/* Of x, which is as large as what n sums up, the first elements along those axes, at n's shape. */
static Node *first_of(Fn *fn, const Node *n, Node *x)
{
    int64_t start[MAX_RANK] = {0}, limit[MAX_RANK], stride[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        limit[i] = is_summed(n, i) ? 1 : x->type.dim[i];
        stride[i] = 1;
    }
    return node_reshape(fn, node_slice(fn, x, start, limit, stride), n->type.rank, n->type.dim);
}

/* f: rows are along the first axis that n sums over. */
static Node *middle_of(Fn *fn, const Node *n, Node *x)
{
    int rows = 0;
    while (!is_summed(n, rows))
        rows++;
    if (count_of(n) <= FEW)
        return first_of(fn, n, x);
    Node *sum = sum_as(fn, n, node_slice_axis(fn, x, rows, 0, x->type.dim[rows], APART));
    return node_binary_const(fn, OP_MUL, sum, 1 / count_of(sum));
}

/* x - f */
static Node *from_middle(Fn *fn, const Node *n, Node *x)
{
    int axis[MAX_RANK];
    axes_left(n, axis);
    return node_binary(fn, OP_SUB, x, node_broadcast(fn, middle_of(fn, n, x), x->type, axis));
}

/* Of an example: both sums are made before what they make, so that one loop makes both. */
typedef struct Sums {
    Node *distances, *squares;      /* Σ (x - f), Σ (x - f)² */
} Sums;

static Sums sums_from_middle(Fn *fn, const Node *n, Node *x)
{
    Node *from = from_middle(fn, n, x), *distances = sum_as(fn, n, from);
    return (Sums){distances, sum_as(fn, n, node_binary(fn, OP_MUL, from, from))};
}

/* Σ x = n f + Σ (x - f) */
static Node *plain_sum(Fn *fn, const Node *n, Node *x)
{
    const Sums sums = sums_from_middle(fn, n, x);
    return node_binary(fn, OP_ADD, node_binary_const(fn, OP_MUL, middle_of(fn, n, x), count_of(n)), sums.distances);
}

static Node *centered(Fn *fn, const Node *n, Node *x, Node *m)
{
    const double count = count_of(n);
    const Sums sums = sums_from_middle(fn, n, x);
    Node *cancels = node_binary_const(fn, OP_MUL, node_binary(fn, OP_MUL, sums.distances, sums.distances), 1 / count);
    Node *own = node_binary(fn, OP_SUB, sums.squares, cancels);
    Node *apart = node_binary(fn, OP_SUB, node_binary_const(fn, OP_MUL, plain_sum(fn, n, x), 1 / count), first_of(fn, n, m));
    return node_binary(fn, OP_ADD, own, node_binary_const(fn, OP_MUL, node_binary(fn, OP_MUL, apart, apart), count));
}

/* By node x: a sum of its squared distances, if there is one. */
static const Node **find_squares(const Parts *p, bool *any)
{
    const Node **squares = NEWN(p->a, const Node *, p->from->node.n + 1);
    Distance d;
    for (int id = 0; id < p->from->node.n; id++)
        if (adds_squares(p, p->from->node.at[id], &d)) {
            squares[d.x->id] = p->from->node.at[id];
            *any = true;
        }
    return squares;
}

/* Whether n sums up x along the same axes. */
static bool adds_alike(const Node *n, const Node *squares)
{
    bool same = n->op == OP_SUM && squares && n->attr.axes.n == squares->attr.axes.n;
    for (int i = 0; same && i < n->attr.axes.n; i++)
        same = n->attr.axes.axis[i] == squares->attr.axes.axis[i];
    return same;
}

static Node *center(const Parts *p, Fn *fn, const Node *n, const Node *const *squares, Node *const *map, Node *const *in)
{
    Distance d;
    if (adds_squares(p, n, &d))
        return centered(fn, n, map[d.x->id], map[d.m->id]);
    return n->op == OP_SUM && adds_alike(n, squares[n->in[0]->id]) ? plain_sum(fn, n, in[0]) : node_rebuild(fn, n, (Node **)in);
}

Fn *parts_center(const Parts *p)
{
    const Fn *from = p->from;
    bool any = false;
    const Node **squares = find_squares(p, &any);
    if (!any)
        return NULL;
    Fn *fn = fn_new(from->a, from->name);
    fn->span = from->span;
    Node **map = NEWN(p->a, Node *, from->node.n + 1), **in = NULL;
    for (int id = 0; id < from->node.n; id++) {
        const Node *n = from->node.at[id];
        in = NEWN(p->a, Node *, n->nin + 1);
        for (int i = 0; i < n->nin; i++)
            in[i] = map[n->in[i]->id];
        fn->span = n->span;
        map[id] = center(p, fn, n, squares, map, in);
    }
    fn->span = from->span;
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn;
}
