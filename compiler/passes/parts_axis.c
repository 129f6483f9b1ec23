/* SPDX-License-Identifier: MIT */
/* parts_axis.c: along which axis the examples of a batch lie, operation by operation, and what adds up over them.
 *
 * Nothing is known of a model: all that has extents of the batch along one axis, and comes from an input of the batch by operations that
 * keep positions along this axis apart, is of examples. */
#include "parts.h"

/* May operand x, which is made outside, be given in parts along its first axis? What repeats something smaller is repeated inside. */
static bool may_enter(const Parts *p, const Node *x)
{
    if (x->op == OP_BROADCAST) {
        int from = broadcast_source(x, 0);
        return from < 0 || (from == 0 && may_enter(p, x->in[0]));
    }
    return x->type.rank && x->type.rank < MAX_RANK && x->type.dim[0] == p->batch;
}

static int at_of(const Parts *p, const Node *n)
{
    return p->rule[n->id].at;
}

static bool has_axis(const Attr *attr, int axis)
{
    for (int i = 0; i < attr->axes.n; i++)
        if (attr->axes.axis[i] == axis)
            return true;
    return false;
}

int broadcast_source(const Node *n, int at)
{
    for (int i = 0; i < n->attr.broadcast.n; i++)
        if (n->attr.broadcast.axis[i] == at && n->in[0]->type.dim[i] == n->type.dim[at] && n->type.dim[at] > 1)
            return i;
    return -1;
}

/* Side by side: what is of examples has them first, and so has the rest. */
static bool first_axis(const Parts *p, const Node *n, PartRule *r)
{
    bool any = false;
    for (int i = 0; i < n->nin; i++) {
        if (at_of(p, n->in[i]) > 0 || (at_of(p, n->in[i]) < 0 && !may_enter(p, n->in[i])))
            return false;
        any |= at_of(p, n->in[i]) == 0;
    }
    *r = (PartRule){.at = 0};
    return any;
}

/* The axis of the result whose positions are those along the operand's axis, or several times them. */
static int reshaped_axis(const Node *n, int64_t batch, int at)
{
    int64_t inner = 1, seen = 1;
    for (int i = at + 1; i < n->in[0]->type.rank; i++)
        inner *= n->in[0]->type.dim[i];
    for (int i = n->type.rank - 1; i >= 0 && seen <= inner; i--) {
        if (seen == inner && n->type.dim[i] > 1)
            return n->type.dim[i] % batch ? -1 : i;
        seen *= n->type.dim[i];
    }
    return -1;
}

static int dropped_before(const Attr *attr, int axis)
{
    int n = 0;
    for (int i = 0; i < attr->axes.n; i++)
        n += attr->axes.axis[i] < axis;
    return n;
}

static int moved_axis(const Parts *p, const Node *n, int at)
{
    const Attr *attr = &n->attr;
    switch (n->op) {
    case OP_RESHAPE:
        return reshaped_axis(n, p->batch, at);
    case OP_PERMUTE:
        for (int i = 0; i < attr->axes.n; i++)
            if (attr->axes.axis[i] == at)
                return i;
        return -1;
    case OP_BROADCAST:
        return n->in[0]->type.dim[at] == n->type.dim[attr->broadcast.axis[at]] ? attr->broadcast.axis[at] : -1;
    case OP_SLICE:
        return attr->slice.start[at] == 0 && attr->slice.stride[at] == 1 && n->type.dim[at] == n->in[0]->type.dim[at] ? at : -1;
    case OP_PAD:
        return n->type.dim[at] == n->in[0]->type.dim[at] ? at : -1;
    case OP_REVERSE:
        return has_axis(attr, at) ? -1 : at;
    case OP_WINDOW:
        return attr->window.axis == at ? -1 : attr->window.axis < at ? at + 1 : at;
    default:
        return -1;
    }
}

static bool reduce_rule(const Node *n, int at, PartRule *r)
{
    bool over = has_axis(&n->attr, at);
    *r = (PartRule){.at = over ? -1 : at - dropped_before(&n->attr, at), .sums = over, .operand = {at}};
    return over ? n->op == OP_SUM || n->op == OP_MAX : r->at == 0;
}

/* Images one by one; or, in the gradient by the kernel, images for channels, which adds up over them. */
static bool conv_rule(const Parts *p, const Node *n, PartRule *r)
{
    int x = at_of(p, n->in[0]), w = at_of(p, n->in[1]), spatial = n->attr.conv.nspatial;
    if (w < 0) {
        *r = (PartRule){.at = 0, .operand = {0, -1}};
        return x == 0;
    }
    *r = (PartRule){.at = -1, .sums = true, .operand = {x, w}};
    return x == spatial + 1 && w == spatial && n->in[1]->type.dim[w] == p->batch &&
           n->in[0]->type.dim[x] == p->batch * n->attr.conv.groups;
}

static int listed_at(int n, const int *list, int axis)
{
    for (int i = 0; i < n; i++)
        if (list[i] == axis)
            return i;
    return -1;
}

static bool dot_rule(const Parts *p, const Node *n, PartRule *r)
{
    const Attr *d = &n->attr;
    int x = at_of(p, n->in[0]), y = at_of(p, n->in[1]);
    *r = (PartRule){.at = -1, .operand = {x, y}};
    if (x >= 0 && y < 0) {      /* rows of a matrix that all examples share */
        bool free = listed_at(d->dot.nbatch, d->dot.lhs_batch, x) < 0 && listed_at(d->dot.ncontract, d->dot.lhs_contract, x) < 0;
        r->at = 0;
        return free && x == 0 && !d->dot.nbatch;
    }
    if (x < 0)
        return false;
    int batch = listed_at(d->dot.nbatch, d->dot.lhs_batch, x), over = listed_at(d->dot.ncontract, d->dot.lhs_contract, x);
    r->sums = over >= 0;
    r->at = over >= 0 ? -1 : 0;
    return over >= 0 ? d->dot.rhs_contract[over] == y : batch == 0 && d->dot.rhs_batch[batch] == y;
}

bool part_rule(const Parts *p, const Node *n, PartRule *r)
{
    int at = n->nin ? at_of(p, n->in[0]) : -1;
    OpClass class = op_info(n->op)->class;
    if (class == CLASS_ELEMENT || n->op == OP_CONCAT)
        return (n->op != OP_CONCAT || n->attr.axis.axis) && n->type.rank && first_axis(p, n, r);
    if (n->op == OP_CONV)
        return conv_rule(p, n, r);
    if (n->op == OP_DOT)
        return dot_rule(p, n, r);
    if (n->op == OP_GATHER) {
        *r = (PartRule){.at = 0, .operand = {-1, 0}};
        return at < 0 && at_of(p, n->in[1]) == 0;
    }
    if (at < 0)
        return false;
    if (n->op == OP_FOLD) {
        *r = (PartRule){.at = 0};
        return at == 0 && n->attr.window.axis > 0;
    }
    if (class == CLASS_REDUCE)
        return reduce_rule(n, at, r);
    *r = (PartRule){.at = moved_axis(p, n, at), .operand = {at}};
    return r->at >= 0;
}

int part_operand(const PartRule *r, int i)
{
    return r->operand[i % 3];
}

Attr part_attr(const Parts *p, const Node *n, int64_t turns)
{
    Attr attr = n->attr;
    int at = p->rule[n->id].at < 0 ? 0 : p->rule[n->id].at;
    if (n->op == OP_RESHAPE)
        attr.shape.type.dim[at] /= turns;
    else if (n->op == OP_BROADCAST)
        attr.broadcast.type.dim[at] /= turns;
    else if (n->op == OP_SLICE)
        attr.slice.limit[at] /= turns;
    return attr;
}
