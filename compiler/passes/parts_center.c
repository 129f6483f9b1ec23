/* SPDX-License-Identifier: MIT */
/* parts_center.c: sums of squared distances from something that comes later are made of distances from the example's own mean.
 *
 *     Σ (x - m)² = Σ (x - μ)² + n (μ - m)²      of n elements x of an example, whose mean is μ
 *
 * for any m. So a variance over a batch, whose m is there only when all examples are, needs no second loop over them; all terms are squares, and
 * nothing cancels: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979. */
#include "parts.h"

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

/* m at the sum's shape. */
static Node *reduced_to(Fn *fn, const Node *n, const Node *m, Node *const *map)
{
    int64_t start[MAX_RANK] = {0}, limit[MAX_RANK], stride[MAX_RANK];
    for (int i = 0; i < m->type.rank; i++) {
        limit[i] = is_summed(n, i) ? 1 : m->type.dim[i];
        stride[i] = 1;
    }
    Node *one = node_slice(fn, map[m->id], start, limit, stride);
    return node_reshape(fn, one, n->type.rank, n->type.dim);
}

static Node *centered(Fn *fn, const Node *n, const Distance *d, Node *const *map)
{
    int axis[MAX_RANK];
    double count = (double)(type_count(d->x->type) / type_count(n->type));
    axes_left(n, axis);
    Node *x = map[d->x->id];
    Node *mean = node_binary_const(fn, OP_MUL, node_reduce(fn, OP_SUM, x, n->attr.axes.n, n->attr.axes.axis), 1 / count);
    Node *from = node_binary(fn, OP_SUB, x, node_broadcast(fn, mean, x->type, axis));
    Node *own = node_reduce(fn, OP_SUM, node_binary(fn, OP_MUL, from, from), n->attr.axes.n, n->attr.axes.axis);
    Node *apart = node_binary(fn, OP_SUB, mean, reduced_to(fn, n, d->m, map));
    return node_binary(fn, OP_ADD, own, node_binary_const(fn, OP_MUL, node_binary(fn, OP_MUL, apart, apart), count));
}

Fn *parts_center(const Parts *p)
{
    const Fn *from = p->from;
    Distance d;
    bool any = false;
    for (int id = 0; id < from->node.n && !any; id++)
        any = adds_squares(p, from->node.at[id], &d);
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
        map[id] = adds_squares(p, n, &d) ? centered(fn, n, &d, map) : node_rebuild(fn, n, in);
    }
    fn->span = from->span;
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn;
}
