/* SPDX-License-Identifier: MIT */
/* blockwise_axis.c: from an axis of what is wide to the axis of an operand, or of a sink, that goes along with it. */
#include "blockwise.h"

static int free_axis(const Node *n, int i, int k)
{
    const int *batch = i ? n->attr.dot.rhs_batch : n->attr.dot.lhs_batch;
    const int *contract = i ? n->attr.dot.rhs_contract : n->attr.dot.lhs_contract;
    for (int axis = 0; axis < n->in[i]->type.rank; axis++) {
        bool named = false;
        for (int j = 0; j < n->attr.dot.nbatch; j++)
            named |= batch[j] == axis;
        for (int j = 0; j < n->attr.dot.ncontract; j++)
            named |= contract[j] == axis;
        if (!named && k-- == 0)
            return axis;
    }
    return -1;
}

/* The axis of operand i that becomes the result's axis r, -1: none. */
static int dot_axis(const Node *n, int i, int r)
{
    const int nbatch = n->attr.dot.nbatch, left = n->in[0]->type.rank - nbatch - n->attr.dot.ncontract;
    if (r < nbatch)
        return (i ? n->attr.dot.rhs_batch : n->attr.dot.lhs_batch)[r];
    if (r < nbatch + left)
        return i ? -1 : free_axis(n, 0, r - nbatch);
    return i ? free_axis(n, 1, r - nbatch - left) : -1;
}

static int broadcast_axis(const Node *n, int r)
{
    for (int i = 0; i < n->attr.broadcast.n; i++)
        if (n->attr.broadcast.axis[i] == r && n->in[0]->type.dim[i] == n->type.dim[r])
            return i;
    return -1;
}

/* Axes of more than one element keep their order. */
static int stretched_axis(const Node *n, int r)
{
    int before = 0;
    for (int i = 0; i < r; i++)
        before += n->type.dim[i] > 1;
    for (int i = 0; n->type.dim[r] > 1 && i < n->in[0]->type.rank; i++)
        if (n->in[0]->type.dim[i] > 1 && before-- == 0)
            return i;
    return -1;
}

static int operand_axis(const Node *n, int i, int r)
{
    if (r < 0)
        return -1;
    if (n->op == OP_RESHAPE)
        return stretched_axis(n, r);
    return n->op == OP_DOT ? dot_axis(n, i, r) : n->op == OP_BROADCAST ? broadcast_axis(n, r) : r;
}

void blockwise_operand_axes(const Block *b, const Node *n, int i, const int *axis, int *own)
{
    for (int r = 0; r < MAX_RANK; r++)
        own[r] = r < b->type.rank - 1 ? operand_axis(n, i, axis[r]) : -1;
}

static int paired(const int *one, const int *other, int n, int axis)
{
    for (int i = 0; i < n; i++)
        if (one[i] == axis)
            return other[i];
    return -1;
}

/* The axis of a product's other operand that meets axis `axis` of operand `from`. */
static int met_axis(const Node *n, int from, int axis)
{
    const Attr *at = &n->attr;
    const int batch = from ? paired(at->dot.rhs_batch, at->dot.lhs_batch, at->dot.nbatch, axis)
                           : paired(at->dot.lhs_batch, at->dot.rhs_batch, at->dot.nbatch, axis);
    const int contract = from ? paired(at->dot.rhs_contract, at->dot.lhs_contract, at->dot.ncontract, axis)
                              : paired(at->dot.lhs_contract, at->dot.rhs_contract, at->dot.ncontract, axis);
    return batch >= 0 ? batch : contract;
}

/* By axis of rows: that of the sink's operand i. */
void blockwise_sink_axes(const Block *b, int sink, int i, int *axis)
{
    for (int r = 0; r < MAX_RANK; r++)
        axis[r] = r >= b->type.rank - 1 ? -1 : i == b->from.at[sink] ? r : met_axis(b->sinks.at[sink], b->from.at[sink], r);
}

/* The axis of a sink that what is wide has as axis r; -1: it adds up along it. */
int blockwise_sink_axis(const Block *b, int sink, int r)
{
    const Node *n = b->sinks.at[sink];
    if (n->op == OP_DOT) {
        for (int to = 0; to < n->type.rank; to++)
            if (dot_axis(n, b->from.at[sink], to) == r)
                return to;
        return -1;
    }
    int to = r;
    for (int i = 0; i < n->attr.axes.n; i++) {
        if (n->attr.axes.axis[i] == r)
            return -1;
        to -= n->attr.axes.axis[i] < r;
    }
    return to;
}
