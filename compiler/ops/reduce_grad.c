/* SPDX-License-Identifier: MIT */
/* reduce_grad.c: gradients of reductions over axes. x: operand, dy: the result's gradient. */
#include "ops.h"
#include "../passes/passes.h"

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
void grad_sum(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], spread(g->fn, dy, n));
}

/* max x: dx = dy where x is the first maximum in row-major order of the reduced axes, else 0 */
void grad_max(GradCtx *g, Node *n, Node *dy)
{
    Fn *fn = g->fn;
    Node *x = n->in[0];
    Node *first = node_reduce(fn, OP_ARGMAX, x, n->attr.axes.n, n->attr.axes.axis);
    Node *here = node_binary(fn, OP_EQ, positions(fn, n), spread(fn, first, n));
    grad_into(g, x, node_select(fn, here, spread(fn, dy, n), node_full(fn, x->type, 0)));
}
