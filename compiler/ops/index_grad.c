/* SPDX-License-Identifier: MIT */
/* index_grad.c: gather and scatter_add are each other's adjoint. dy: the result's gradient. */
#include "ops.h"
#include "../passes/passes.h"

/* y[i] = table[index[i]]: d table = scatter_add(index, dy) */
void grad_gather(GradCtx *g, Node *n, Node *dy)
{
    Node *table = n->in[0], *index = n->in[1];
    grad_into(g, table, node_scatter_add(g->fn, index, dy, table->type.dim[0]));
}

/* y[index[i]] += updates[i]: d updates = gather(dy, index) */
void grad_scatter(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[1], node_gather(g->fn, dy, n->in[0]));
}
