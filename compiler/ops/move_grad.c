/* SPDX-License-Identifier: MIT */
/* move_grad.c: gradients of moves: each is the adjoint move. x: operand, dy: the result's gradient. */
#include "ops.h"
#include "../passes/passes.h"

/* reshape: dx = dy in x's shape */
void grad_reshape(GradCtx *g, Node *n, Node *dy)
{
    Node *x = n->in[0];
    grad_into(g, x, node_reshape(g->fn, dy, x->type.rank, x->type.dim));
}

/* permute by p: dx = dy permuted by p⁻¹ */
void grad_permute(GradCtx *g, Node *n, Node *dy)
{
    int inverse[MAX_RANK];
    for (int i = 0; i < n->attr.axes.n; i++)
        inverse[n->attr.axes.axis[i]] = i;
    grad_into(g, n->in[0], node_permute(g->fn, dy, inverse));
}

/* broadcast: dx = the sum of dy over every axis along which x is repeated */
void grad_broadcast(GradCtx *g, Node *n, Node *dy)
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
    Node *sum = nrepeated ? node_reduce(g->fn, OP_SUM, dy, nrepeated, repeated) : dy;
    grad_into(g, x, node_reshape(g->fn, sum, x->type.rank, x->type.dim));
}

/* slice start:limit:stride: dx = dy with zeros before, behind, and stride − 1 between its elements */
void grad_slice(GradCtx *g, Node *n, Node *dy)
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

/* pad: dx = dy where x's elements went: a slice from lo, interior + 1 apart */
void grad_pad(GradCtx *g, Node *n, Node *dy)
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

/* reverse: dx = dy reversed */
void grad_reverse(GradCtx *g, Node *n, Node *dy)
{
    grad_into(g, n->in[0], node_reverse(g->fn, dy, n->attr.axes.n, n->attr.axes.axis));
}

/* concat: each operand's gradient is its part of dy */
void grad_concat(GradCtx *g, Node *n, Node *dy)
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

/* window: dx = fold(dy): what was read several times adds up */
void grad_window(GradCtx *g, Node *n, Node *dy)
{
    Node *x = n->in[0];
    int axis = n->attr.window.axis;
    grad_into(g, x,
              node_fold(g->fn, dy, axis, n->attr.window.stride, n->attr.window.dilation, x->type.dim[axis]));
}

/* fold: dx = window(dy) */
void grad_fold(GradCtx *g, Node *n, Node *dy)
{
    int axis = n->attr.window.axis;
    int64_t size = n->in[0]->type.dim[axis + 1];
    grad_into(g, n->in[0],
              node_window(g->fn, dy, axis, size, n->attr.window.stride, n->attr.window.dilation));
}
