/* SPDX-License-Identifier: MIT */
/* examples.c: through each operation, where operands have the examples that its result has. */
#include "examples.h"

#include <string.h>

int64_t axis_stride(Type t, int axis)
{
    int64_t stride = 1;
    for (int i = axis + 1; i < t.rank; i++)
        stride *= t.dim[i];
    return stride;
}

bool examples_at(Type t, int64_t batch, int64_t stride, int *axis)
{
    for (int i = 0; i < t.rank && stride > 0; i++) {
        int64_t own = axis_stride(t, i);
        if (own > stride || t.dim[i] < batch)
            continue;
        *axis = i;
        return stride % own == 0 && own * t.dim[i] % (stride * batch) == 0;
    }
    return false;
}

/* The stride of examples that are on this axis as they are on `from` of another type. */
static int64_t moved(Type t, int axis, Type was, int from, int64_t stride)
{
    return axis_stride(t, axis) * (stride / axis_stride(was, from));
}

static int index_of(const int *list, int n, int what)
{
    for (int i = 0; i < n; i++)
        if (list[i] == what)
            return i;
    return -1;
}

/* ---- the rules: n's examples are on `axis` -------------------------------------------------------------------- */
/* Operand i has them on its own axis `at`. */
static bool from(const Node *n, int axis, int64_t stride, int64_t *in, int i, int at)
{
    in[i] = moved(n->in[i]->type, at, n->type, axis, stride);
    return n->in[i]->type.dim[at] == n->type.dim[axis];
}

static bool wanted_broadcast(const Node *n, int axis, int64_t stride, int64_t *in)
{
    int at = index_of(n->attr.broadcast.axis, n->attr.broadcast.n, axis);
    return at < 0 || n->in[0]->type.dim[at] == 1 || from(n, axis, stride, in, 0, at);
}

static bool wanted_dot(const Node *n, int axis, int64_t stride, int64_t *in)
{
    const Attr *a = &n->attr;
    int nbatch = a->dot.nbatch, at = nbatch;
    if (axis < nbatch)
        return from(n, axis, stride, in, 0, a->dot.lhs_batch[axis]) && from(n, axis, stride, in, 1, a->dot.rhs_batch[axis]);
    for (int i = 0; i < 2; i++) {
        const int *batch = i ? a->dot.rhs_batch : a->dot.lhs_batch, *contract = i ? a->dot.rhs_contract : a->dot.lhs_contract;
        for (int k = 0; k < n->in[i]->type.rank; k++) {
            if (index_of(batch, nbatch, k) >= 0 || index_of(contract, a->dot.ncontract, k) >= 0)
                continue;
            if (at++ == axis)
                return from(n, axis, stride, in, i, k);
        }
    }
    return false;
}

static bool wanted_conv(const Node *n, int axis, int64_t stride, int64_t *in)
{
    if (axis == 0)
        return from(n, axis, stride, in, 0, 0);
    return axis == n->type.rank - 1 && n->attr.conv.groups == 1 && from(n, axis, stride, in, 1, n->in[1]->type.rank - 1);
}

static bool wanted_gather(const Node *n, int axis, int64_t stride, int64_t *in)
{
    int ni = n->in[1]->type.rank;
    return axis < ni ? from(n, axis, stride, in, 1, axis) : from(n, axis, stride, in, 0, axis - ni + 1);
}

static bool wanted_concat(const Node *n, int axis, int64_t stride, int64_t *in)
{
    bool goes = axis != n->attr.axis.axis;
    for (int i = 0; i < n->nin && goes; i++)
        goes = from(n, axis, stride, in, i, axis);
    return goes;
}

/* Axes that disappear stand in front of it as well. */
static bool wanted_reduced(const Node *n, int axis, int64_t stride, int64_t *in)
{
    int at = axis;
    for (int i = 0; i < n->attr.axes.n; i++)
        at += n->attr.axes.axis[i] <= at;
    return from(n, axis, stride, in, 0, at);
}

static bool wanted_window(const Node *n, int axis, int64_t stride, int64_t *in)
{
    int windowed = n->attr.window.axis;
    if (n->op == OP_WINDOW)
        return axis != windowed && axis != windowed + 1 && from(n, axis, stride, in, 0, axis < windowed ? axis : axis - 1);
    return axis != windowed && from(n, axis, stride, in, 0, axis < windowed ? axis : axis + 1);
}

/* Which operands have them: a row each. */
static bool wanted_at(const Node *n, int64_t batch, int axis, int64_t stride, int64_t *in)
{
    int at;
    switch (n->op) {
    case OP_RESHAPE:
        in[0] = stride;
        return examples_at(n->in[0]->type, batch, stride, &at);
    case OP_PERMUTE:
        return from(n, axis, stride, in, 0, n->attr.axes.axis[axis]);
    case OP_BROADCAST:
        return wanted_broadcast(n, axis, stride, in);
    case OP_SLICE:
        return n->attr.slice.stride[axis] == 1 && from(n, axis, stride, in, 0, axis);
    case OP_PAD:
    case OP_AGAIN:
        return from(n, axis, stride, in, 0, axis);
    case OP_REVERSE:
        return index_of(n->attr.axes.axis, n->attr.axes.n, axis) < 0 && from(n, axis, stride, in, 0, axis);
    case OP_CONCAT:
        return wanted_concat(n, axis, stride, in);
    case OP_WINDOW:
    case OP_FOLD:
        return wanted_window(n, axis, stride, in);
    case OP_SUM:
    case OP_MAX:
    case OP_ARGMAX:
        return wanted_reduced(n, axis, stride, in);
    case OP_DOT:
        return wanted_dot(n, axis, stride, in);
    case OP_CONV:
        return wanted_conv(n, axis, stride, in);
    case OP_GATHER:
        return wanted_gather(n, axis, stride, in);
    default:
        return false;
    }
}

bool examples_wanted(const Node *n, int64_t batch, int64_t stride, int64_t *in)
{
    int axis;
    memset(in, 0, sizeof *in * (size_t)n->nin);
    if (!examples_at(n->type, batch, stride, &axis))
        return false;
    if (!is_element(n) && n->op != OP_CHECK)
        return wanted_at(n, batch, axis, stride, in);
    for (int i = 0; i < n->nin; i++)
        in[i] = stride;
    return true;
}

/* ---- the other way -------------------------------------------------------------------------------------------- */
/* Do these agree with what is known of the operands? */
static bool agrees(const Node *n, const int64_t *wanted, const int64_t *in)
{
    for (int i = 0; i < n->nin; i++)
        if (in[i] && in[i] != wanted[i])
            return false;
    return true;
}

static int first_given(const Node *n, const int64_t *in)
{
    int i = 0;
    while (i < n->nin && !in[i])
        i++;
    return i;
}

/* The rules are one to one, so that trying the axes of the result finds the one. */
bool examples_follow(Arena *a, const Node *n, int64_t batch, const int64_t *in, int64_t *stride)
{
    int given = first_given(n, in), axis;
    int64_t *wanted = NEWN(a, int64_t, n->nin + 1);
    if (given == n->nin || !examples_at(n->in[given]->type, batch, in[given], &axis))
        return false;
    if (is_element(n) || n->op == OP_RESHAPE || n->op == OP_CHECK) {
        *stride = in[given];
        return examples_wanted(n, batch, *stride, wanted) && agrees(n, wanted, in);
    }
    for (int i = 0; i < n->type.rank; i++) {
        *stride = moved(n->type, i, n->in[given]->type, axis, in[given]);
        if (n->type.dim[i] >= batch && examples_wanted(n, batch, *stride, wanted) && agrees(n, wanted, in))
            return true;
    }
    return false;
}

/* ---- sums over them ------------------------------------------------------------------------------------------- */
/* The two operands have their examples on axes that go together. */
static bool paired(const Node *n, int64_t *in, int i, int axis, int other)
{
    int k = 1 - i;
    int64_t stride = moved(n->in[k]->type, other, n->in[i]->type, axis, in[i]);
    if (n->in[k]->type.dim[other] != n->in[i]->type.dim[axis] || (in[k] && in[k] != stride))
        return false;
    in[k] = stride;
    return true;
}

static bool dot_adds_up(const Node *n, int64_t *in, int i, int axis)
{
    const int *own = i ? n->attr.dot.rhs_contract : n->attr.dot.lhs_contract;
    const int *others = i ? n->attr.dot.lhs_contract : n->attr.dot.rhs_contract;
    int at = index_of(own, n->attr.dot.ncontract, axis);
    return at >= 0 && paired(n, in, i, axis, others[at]);
}

/* The image's examples are among the channels of each group, as the kernel's are. */
static bool conv_adds_up(const Node *n, int64_t batch, int64_t *in, int i, int axis)
{
    Type x = n->in[0]->type, kernel = n->in[1]->type;
    int channels[] = {x.rank - 1, kernel.rank - 2};
    int64_t stride = i ? in[1] / kernel.dim[kernel.rank - 1] : in[0];
    int64_t want[] = {stride, stride * kernel.dim[kernel.rank - 1]};
    for (int k = 0; k < 2; k++) {
        if (in[k] && in[k] != want[k])
            return false;
        in[k] = want[k];
    }
    return axis == channels[i] && kernel.dim[channels[1]] % (stride * batch) == 0;
}

bool examples_reduced(const Node *n, int64_t batch, int64_t stride)
{
    int axis;
    return examples_at(n->in[0]->type, batch, stride, &axis) && index_of(n->attr.axes.axis, n->attr.axes.n, axis) >= 0;
}

bool examples_add_up(const Node *n, int64_t batch, int64_t *in)
{
    int i = first_given(n, in), axis;
    if (i == n->nin || !examples_at(n->in[i]->type, batch, in[i], &axis))
        return false;
    switch (n->op) {
    case OP_SUM:
        return examples_reduced(n, batch, in[i]);
    case OP_DOT:
        return dot_adds_up(n, in, i, axis);
    case OP_CONV:
        return conv_adds_up(n, batch, in, i, axis);
    case OP_SCATTER:
        return axis < n->in[0]->type.rank && paired(n, in, i, axis, axis);
    default:
        return false;
    }
}

/* ---- for fewer ------------------------------------------------------------------------------------------------ */
Type examples_type(Type t, int64_t batch, int64_t stride, int64_t part)
{
    int axis;
    if (!examples_at(t, batch, stride, &axis))
        BUG("no examples at a stride of %lld", (long long)stride);
    t.dim[axis] = t.dim[axis] / batch * part;
    return t;
}

Attr examples_attr(const Node *n, int64_t batch, int64_t stride, int64_t part)
{
    Attr attr = n->attr;
    int axis;
    if (n->op == OP_RESHAPE)
        attr.shape.type = examples_type(attr.shape.type, batch, stride, part);
    else if (n->op == OP_BROADCAST)
        attr.broadcast.type = examples_type(attr.broadcast.type, batch, stride, part);
    else if (n->op == OP_SLICE && examples_at(n->type, batch, stride, &axis))
        attr.slice.limit[axis] = n->type.dim[axis] / batch * part;
    return attr;
}
