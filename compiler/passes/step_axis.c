/* SPDX-License-Identifier: MIT */
/* step_axis.c: where an axis of time, or of rows, goes in operations that treat each step of it alone. */
#include "step_axis.h"

static int listed_before(const int *axis, int n, int limit)
{
    int below = 0;
    for (int i = 0; i < n; i++)
        below += axis[i] < limit;
    return below;
}

static int listed_at(const int *axis, int n, int wanted)
{
    for (int i = 0; i < n; i++)
        if (axis[i] == wanted)
            return i;
    return -1;
}

/* The axis of `to` in front of which as many elements lie as in front of `axis` of `from`, and as many along
 * it; -1: none. */
static int reshaped_axis(Type from, Type to, int axis)
{
    int64_t before = 1, passed = 1;
    for (int i = 0; i < axis; i++)
        before *= from.dim[i];
    for (int i = 0; i < to.rank; passed *= to.dim[i++])
        if (passed == before && to.dim[i] == from.dim[axis])
            return i;
    return -1;
}

static int behind_reduction(const Node *n, int axis, const char **why)
{
    *why = "it reduces over time";
    return listed_at(n->attr.axes.axis, n->attr.axes.n, axis) >= 0
               ? -1
               : axis - listed_before(n->attr.axes.axis, n->attr.axes.n, axis);
}

static int behind_dot(const Node *n, int i, int axis, const char **why)
{
    const int *batch = i ? n->attr.dot.rhs_batch : n->attr.dot.lhs_batch;
    const int *contract = i ? n->attr.dot.rhs_contract : n->attr.dot.lhs_contract;
    const int nbatch = n->attr.dot.nbatch, ncontract = n->attr.dot.ncontract;
    const int paired = listed_at(batch, nbatch, axis);
    if (paired >= 0)
        return paired;
    *why = "it adds up products over time";
    if (listed_at(contract, ncontract, axis) >= 0)
        return -1;
    const int free = axis - listed_before(batch, nbatch, axis) - listed_before(contract, ncontract, axis);
    return i ? n->in[0]->type.rank - ncontract + free : nbatch + free;
}

static int behind_fold(const Node *n, int axis, const char **why)
{
    *why = "its windows overlap in time";
    const int folded = n->attr.window.axis;
    return axis < folded ? axis : axis > folded + 1 ? axis - 1 : -1;
}

static int behind_gather(const Node *n, int i, int axis, const char **why)
{
    *why = "it chooses among steps";
    return i ? axis : axis ? n->in[1]->type.rank + axis - 1 : -1;
}

static int behind_scatter(const Node *n, int i, int axis, const char **why)
{
    *why = "it reduces over time";
    return i && axis >= n->in[0]->type.rank ? axis - n->in[0]->type.rank + 1 : -1;
}

int axis_behind(const Node *n, int i, int axis, const char **why)
{
    int to = -1;
    switch (n->op) {
    case OP_RESHAPE:
        *why = "it mixes time with another axis";
        return reshaped_axis(n->in[0]->type, n->type, axis);
    case OP_PERMUTE:
        return listed_at(n->attr.axes.axis, n->attr.axes.n, axis);
    case OP_BROADCAST:
        return n->attr.broadcast.axis[axis];
    case OP_REVERSE:
        *why = "it begins at the end";
        return listed_at(n->attr.axes.axis, n->attr.axes.n, axis) < 0 ? axis : -1;
    case OP_CONCAT:
        *why = "it puts other steps in front or behind";
        return axis != n->attr.axis.axis ? axis : -1;
    case OP_WINDOW:
        return axis > n->attr.window.axis ? axis + 1 : axis;
    case OP_FOLD:
        return behind_fold(n, axis, why);
    case OP_SUM:
    case OP_MAX:
    case OP_ARGMAX:
        return behind_reduction(n, axis, why);
    case OP_DOT:
        return behind_dot(n, i, axis, why);
    case OP_CONV:
        *why = "it adds up products over time";
        return i == 0 && axis <= n->attr.conv.nspatial ? axis : -1;
    case OP_GATHER:
        return behind_gather(n, i, axis, why);
    case OP_SCATTER:
        return behind_scatter(n, i, axis, why);
    case OP_SCAN:
    case OP_RESULT:
        BUG("%s is not one step", op_info(n->op)->text);
    default: /* by element; slices and padding */
        to = axis;
    }
    return to;
}

int axis_before(const Node *n, int i, int axis)
{
    if (n->op == OP_DOT)
        return axis < n->attr.dot.nbatch ? (i ? n->attr.dot.rhs_batch : n->attr.dot.lhs_batch)[axis] : -1;
    return op_info(n->op)->class == CLASS_ELEMENT || n->op == OP_CONCAT ? axis : -1;
}

Attr attr_of_part(const Node *n, int axis, int64_t extent)
{
    Attr attr = n->attr;
    switch (n->op) {
    case OP_RESHAPE:
        attr.shape.type.dim[axis] = extent;
        break;
    case OP_BROADCAST:
        attr.broadcast.type.dim[axis] = extent;
        break;
    case OP_SLICE:
        attr.slice.start[axis] = 0;
        attr.slice.limit[axis] = extent;
        break;
    case OP_PAD:
        attr.pad.lo[axis] = attr.pad.hi[axis] = 0;
        break;
    default:
        break;
    }
    return attr;
}
