/* SPDX-License-Identifier: MIT */
/* linear_sum.c: sums as gradients want them. A sum over axes is linear: a factor that stands still along them leaves it, and so does what is
 * added. What is left are sums that several gradients share: of dy and of dy·x in a normalization, say, and those that the function
 * itself has made of x. Each example is summed up alone, and the examples last, so that it is done while an example is at hand. */
#include "gradient.h"

#include <string.h>

enum {
    DEEPEST = 6,        /* of additions in additions; they may share operands */
    LONG_ENOUGH = 32,   /* elements of an example to sum up alone */
};

/* ---- factors ------------------------------------------------------------------------------------------------------- */
static bool is_among(int axis, int n, const int *axes)
{
    for (int i = 0; i < n; i++)
        if (axes[i] == axis)
            return true;
    return false;
}

/* Whether x repeats the same along all of these axes. */
static bool stands_still(const Node *x, int n, const int *axes)
{
    if (x->op != OP_BROADCAST)
        return false;
    for (int i = 0; i < x->attr.broadcast.n; i++)
        if (x->in[0]->type.dim[i] > 1 && is_among(x->attr.broadcast.axis[i], n, axes))
            return false;
    return true;
}

static bool has_factor(const Node *x, int n, const int *axes, int depth)
{
    switch (x->op) {
    case OP_NEG:
        return has_factor(x->in[0], n, axes, depth);
    case OP_MUL:
        return stands_still(x->in[0], n, axes) || stands_still(x->in[1], n, axes);
    case OP_ADD:
    case OP_SUB:
        for (int i = 0; i < 2; i++)
            if (depth == 0 || !(stands_still(x->in[i], n, axes) || has_factor(x->in[i], n, axes, depth - 1)))
                return stands_still(x->in[1 - i], n, axes) && depth > 0;
        return true;
    default:
        return false;
    }
}

/* ---- sums ---------------------------------------------------------------------------------------------------------- */
/* A broadcast without the axes along which it stands still. */
static Node *without_axes(Fn *fn, const Node *x, int n, const int *axes)
{
    int64_t dim[MAX_RANK];
    int to[MAX_RANK], rank = 0;
    Type t = x->type;
    for (int i = n - 1; i >= 0; i--)
        t = type_drop(t, axes[i]);
    for (int i = 0; i < x->attr.broadcast.n; i++) {
        int axis = x->attr.broadcast.axis[i], dropped = 0;
        if (is_among(axis, n, axes))
            continue;
        for (int k = 0; k < n; k++)
            dropped += axes[k] < axis;
        dim[rank] = x->in[0]->type.dim[i];
        to[rank++] = axis - dropped;
    }
    return node_broadcast(fn, node_reshape(fn, x->in[0], rank, dim), t, to);
}

static double extent_of(const Node *x, int n, const int *axes)
{
    double count = 1;
    for (int i = 0; i < n; i++)
        count *= (double)x->type.dim[axes[i]];
    return count;
}

/* The function's own sum of x, if it has one: x is not taken apart then, whose parts would have to be kept for that. */
static Node *sum_of(Fn *fn, Node *x, int n, const int *axes)
{
    Attr attr = {.axes = {.n = n}};
    memcpy(attr.axes.axis, axes, sizeof *axes * (size_t)n);
    return node_find(fn, OP_SUM, 1, &x, &attr);
}

static Node *sum_over(Fn *fn, Node *x, int n, const int *axes, int depth)
{
    Node *there = sum_of(fn, x, n, axes);
    if (there)
        return there;
    if (stands_still(x, n, axes))
        return node_binary_const(fn, OP_MUL, without_axes(fn, x, n, axes), extent_of(x, n, axes));
    if (!has_factor(x, n, axes, depth))
        return node_reduce(fn, OP_SUM, x, n, axes);
    if (x->op == OP_NEG)
        return node_unary(fn, OP_NEG, sum_over(fn, x->in[0], n, axes, depth));
    if (x->op == OP_MUL) {
        int still = stands_still(x->in[0], n, axes) ? 0 : 1;
        Node *factor = without_axes(fn, x->in[still], n, axes);
        return node_binary(fn, OP_MUL, sum_over(fn, x->in[1 - still], n, axes, depth), factor);
    }
    Node *right = sum_over(fn, x->in[1], n, axes, depth - 1);
    return node_binary(fn, x->op, sum_over(fn, x->in[0], n, axes, depth - 1), right);
}

Node *node_linear_sum(Fn *fn, Node *x, int n, const int *axes)
{
    if (n < 2 || axes[0] != 0 || x->type.dim[0] == 1 || extent_of(x, n - 1, axes + 1) < LONG_ENOUGH)
        return sum_over(fn, x, n, axes, DEEPEST);
    Node *each = sum_over(fn, x, n - 1, axes + 1, DEEPEST);
    return sum_over(fn, each, 1, axes, DEEPEST);
}
