/* SPDX-License-Identifier: MIT */
/* parts_axis.c: along which axis the examples of a batch lie, operation by operation, and what adds up over them. examples.c knows of each
 * operation where they go; what loops over parts want besides stands here.
 *
 * Nothing is known of a model: all that has extents of the batch along one axis, and comes from an input of the batch by operations that
 * keep positions along this axis apart, is of examples. */
#include "parts.h"

#include "examples.h"

/* May operand x, which is made outside, be given in parts along its first axis? What repeats something smaller is repeated inside. */
static bool may_enter(const Parts *p, const Node *x)
{
    if (x->op == OP_BROADCAST) {
        int from = broadcast_source(x, 0);
        return from < 0 || (from == 0 && may_enter(p, x->in[0]));
    }
    return x->type.rank && x->type.rank < MAX_RANK && x->type.dim[0] == p->batch;
}

int broadcast_source(const Node *n, int at)
{
    for (int i = 0; i < n->attr.broadcast.n; i++)
        if (n->attr.broadcast.axis[i] == at && n->in[0]->type.dim[i] == n->type.dim[at] && n->type.dim[at] > 1)
            return i;
    return -1;
}

/* The axis all of whose positions are examples, once or several times; -1: they are on none, or on part of one. */
static int axis_of(const Parts *p, const Node *n, int64_t stride)
{
    int axis;
    return stride != SAME && examples_at(n->type, p->batch, stride, &axis) && stride == axis_stride(n->type, axis) ? axis : -1;
}

/* What is stored is stored part by part, so that it has examples first. A move is none of that: it is made where it is read. */
static bool keeps_apart(const Parts *p, const Node *n, int64_t *in, PartRule *r)
{
    int64_t stride, *wanted = NEWN(p->a, int64_t, n->nin + 1);
    bool element = op_info(n->op)->class == CLASS_ELEMENT || n->op == OP_CONCAT, move = op_info(n->op)->class == CLASS_MOVE && !element;
    if (n->op == OP_CHECK || n->op == OP_AGAIN || !examples_follow(p->a, n, p->batch, in, &stride))
        return false;
    examples_wanted(n, p->batch, stride, wanted);
    *r = (PartRule){.at = axis_of(p, n, stride)};
    for (int i = 0; i < n->nin; i++) {
        r->operand[i % LEN(r->operand)] = axis_of(p, n->in[i], wanted[i]);
        if (in[i] != wanted[i] && !(element && may_enter(p, n->in[i])))
            return false;
    }
    return move ? r->at >= 0 : r->at == 0;
}

static bool adds_up(const Parts *p, const Node *n, int64_t *in, PartRule *r)
{
    OpClass class = op_info(n->op)->class;
    *r = (PartRule){.at = -1, .sums = true};
    for (int i = 0; i < n->nin; i++) {
        r->operand[i % LEN(r->operand)] = axis_of(p, n->in[i], in[i]);
        if (r->operand[i % LEN(r->operand)] < 0)
            return false;
    }
    if (n->op == OP_MAX)
        return examples_reduced(n, p->batch, in[0]);
    return (class == CLASS_REDUCE || class == CLASS_CONTRACT) && examples_add_up(n, p->batch, in);
}

/* A loop over the examples themselves, as blockwise.c makes them: for a part of the batch it is shorter. */
static bool goes_over_examples(const Parts *p, const Node *n, const int64_t *in, PartRule *r)
{
    int nslice = n->attr.scan.nslice;
    if (n->attr.scan.ncarry || !nslice || n->attr.scan.length != p->batch)
        return false;
    for (int i = 0; i < n->nin; i++)
        if (in[i] != (i < nslice ? axis_stride(n->in[i]->type, 0) : SAME) && !(i < nslice && !in[i] && may_enter(p, n->in[i])))
            return false;
    *r = (PartRule){.nsliced = nslice};
    return true;
}

bool part_rule(const Parts *p, const Node *n, PartRule *r)
{
    int64_t *in = NEWN(p->a, int64_t, n->nin + 1);
    for (int i = 0; i < n->nin; i++) {
        int at = p->rule[n->in[i]->id].at;
        in[i] = at < 0 ? SAME : axis_stride(n->in[i]->type, at);
    }
    if (n->op == OP_SCAN)
        return goes_over_examples(p, n, in, r);
    if (n->op == OP_RESULT) {
        *r = (PartRule){0};
        return p->rule[n->in[0]->id].at == 0;
    }
    return keeps_apart(p, n, in, r) || adds_up(p, n, in, r);
}

int part_operand(const PartRule *r, int i)
{
    return r->nsliced && i >= r->nsliced ? -1 : r->operand[i % LEN(r->operand)];
}

Attr part_attr(const Parts *p, const Node *n, int64_t turns)
{
    int at = p->rule[n->id].at < 0 ? 0 : p->rule[n->id].at;
    Attr attr = turns == 1 ? n->attr : examples_attr(n, p->batch, axis_stride(n->type, at), p->batch / turns);
    if (n->op == OP_SCAN)
        attr.scan.length /= turns;
    return attr;
}
