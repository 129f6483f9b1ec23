/* SPDX-License-Identifier: MIT */
/* crop.c: what nobody reads is not computed. A pooling by twos reads 10 of 11 rows, so that the convolution before it
 * makes 10, of 12 rows of what it reads itself; of a text whose last position alone is classified the last layer works on
 * that position.
 *
 * From the results down each node has a box, the smallest that holds all that others read of it. Then each is made
 * again as large as its box. (LLVM calls such elements demanded.)
 *
 * needs: a sound function. gives: one of the same results, to the bit. */
#include "step_axis.h"

#include <string.h>

typedef struct Box {
    bool read;
    int64_t lo[MAX_RANK], hi[MAX_RANK]; /* lo <= position < hi */
} Box;

typedef struct Crop {
    const Fn *old;
    Fn *fn;
    Box *box;   /* by node of the old function, as all of these */
    Fn **body;  /* of scans: cropped in turn */
    Node **map; /* the node in fn, of the box's extents */
} Crop;

static bool is_whole(const Box *b, Type t)
{
    for (int i = 0; i < t.rank; i++)
        if (b->lo[i] || b->hi[i] != t.dim[i])
            return false;
    return true;
}

static void take_whole(Box *b, Type t)
{
    b->read = true;
    for (int i = 0; i < t.rank; i++) {
        b->lo[i] = 0;
        b->hi[i] = t.dim[i];
    }
}

static void join(Box *b, const Box *more, int rank)
{
    for (int i = 0; i < rank; i++) {
        b->lo[i] = !b->read || more->lo[i] < b->lo[i] ? more->lo[i] : b->lo[i];
        b->hi[i] = !b->read || more->hi[i] > b->hi[i] ? more->hi[i] : b->hi[i];
    }
    b->read = true;
}

/* ---- what is read ------------------------------------------------------------------------------------ */
/* Position p along an axis is made of `length` positions of the operand from p * stride + start on, where it has them. */
typedef struct Reach {
    int64_t start, stride, length;
} Reach;

static Reach reach(const Node *n, int axis)
{
    const Attr *attr = &n->attr;
    if (n->op == OP_SLICE)
        return (Reach){attr->slice.start[axis], attr->slice.stride[axis], 1};
    if (n->op == OP_PAD)
        return (Reach){-attr->pad.lo[axis], 1, 1};
    if (n->op == OP_WINDOW && axis == attr->window.axis)
        return (Reach){0, attr->window.stride, (attr->window.size - 1) * attr->window.dilation + 1};
    if (n->op == OP_CONV && axis)
        return (Reach){-attr->conv.pad_lo[axis - 1], attr->conv.stride[axis - 1],
                       (n->in[1]->type.dim[axis - 1] - 1) * attr->conv.rhs_dilation[axis - 1] + 1};
    return (Reach){0, 1, 1};
}

/* Is the operation one of which a part is the same operation of parts? Where an index is out of range the call fails,
 * whoever reads it. */
static bool has_parts(const Node *n)
{
    const OpClass class = op_info(n->op)->class;
    return n->op == OP_CONST || (n->nin > 0 && n->op != OP_RANDOM && n->op != OP_CHECK && class != CLASS_LOOP);
}

/* The axis of the result along which positions of the operand's are read in turn; -1: each position needs them all. */
static int axis_of_parts(const Node *n, int i, int axis)
{
    const char *why;
    if (!has_parts(n) || n->in[i]->type.dim[axis] == 1 || (n->op == OP_AGAIN && i) || (n->op == OP_PAD && n->attr.pad.interior[axis]) ||
        (n->op == OP_CONV && i == 0 && axis && axis <= n->attr.conv.nspatial && n->attr.conv.lhs_dilation[axis - 1] != 1))
        return -1;
    return axis_behind(n, i, axis, &why);
}

/* What n reads of operand i for the box b of its own. */
static Box box_read(const Node *n, int i, const Box *b)
{
    Box of;
    const Type t = n->in[i]->type;
    take_whole(&of, t);
    for (int axis = 0; axis < t.rank; axis++) {
        const int to = axis_of_parts(n, i, axis);
        if (to < 0)
            continue;
        const Reach r = reach(n, axis);
        const int64_t lo = b->lo[to] * r.stride + r.start, hi = (b->hi[to] - 1) * r.stride + r.start + r.length;
        of.lo[axis] = lo > 0 ? lo : 0;
        of.hi[axis] = hi < t.dim[axis] ? hi : t.dim[axis];
    }
    return of;
}

/* Along which axes can a part of n be made? Where a part would be of padding alone, in none. */
static void find_axes(const Node *n, const Box *b, bool *can)
{
    for (int axis = 0; axis < n->type.rank; axis++)
        can[axis] = n->op == OP_BROADCAST;
    for (int i = 0; i < n->nin; i++) {
        const Box of = box_read(n, i, b);
        for (int axis = 0; axis < n->in[i]->type.rank; axis++) {
            const int to = axis_of_parts(n, i, axis);
            if (to >= 0)
                can[to] = of.lo[axis] < of.hi[axis];
        }
    }
}

static void read_operands(Crop *c, const Node *n)
{
    bool can[MAX_RANK] = {false};
    Box *b = &c->box[n->id];
    find_axes(n, b, can);
    for (int axis = 0; axis < n->type.rank; axis++)
        if (!can[axis]) {
            b->lo[axis] = 0;
            b->hi[axis] = n->type.dim[axis];
        }
    for (int i = 0; i < n->nin; i++) {
        const Box of = box_read(n, i, b);
        join(&c->box[n->in[i]->id], &of, n->in[i]->type.rank);
    }
}

static bool find_boxes(Crop *c)
{
    bool any = false;
    for (int i = 0; i < c->old->result.n; i++)
        take_whole(&c->box[c->old->result.at[i].node->id], c->old->result.at[i].node->type);
    for (int id = c->old->node.n - 1; id >= 0; id--) {
        const Node *n = c->old->node.at[id];
        if (!c->box[id].read)
            continue;
        read_operands(c, n);
        any |= !is_whole(&c->box[id], n->type);
        if (n->op == OP_SCAN) {
            c->body[id] = crop(n->attr.scan.body);
            any |= c->body[id] != n->attr.scan.body;
        }
    }
    return any;
}

/* ---- what is made ------------------------------------------------------------------------------------ */
/* Operand i, of it what n reads; along a convolution's own axes all that there is. */
static Node *exactly(const Crop *c, const Node *n, int i)
{
    const Node *of = n->in[i];
    const Box read = box_read(n, i, &c->box[n->id]), *is = &c->box[of->id];
    int64_t start[MAX_RANK] = {0}, limit[MAX_RANK] = {0};
    for (int axis = 0; axis < of->type.rank; axis++) {
        const bool all = n->op == OP_CONV && axis > 0;
        start[axis] = all ? 0 : read.lo[axis] - is->lo[axis];
        limit[axis] = (all ? is->hi[axis] : read.hi[axis]) - is->lo[axis];
    }
    return node_slice(c->fn, c->map[of->id], start, limit, NULL);
}

/* Padding that is negative leaves out what others read of the operand. */
static void crop_conv(const Crop *c, const Node *n, Attr *attr)
{
    const Box *b = &c->box[n->id], *is = &c->box[n->in[0]->id];
    for (int k = 0; k < attr->conv.nspatial; k++) {
        const Reach r = reach(n, k + 1);
        if (axis_of_parts(n, 0, k + 1) < 0)
            continue;
        const int64_t lo = is->lo[k + 1] - b->lo[k + 1] * r.stride - r.start;
        const int64_t hi = (b->hi[k + 1] - 1) * r.stride + r.start + r.length - is->hi[k + 1];
        attr->conv.pad_lo[k] = lo;
        attr->conv.pad_hi[k] = hi < 0 && -hi < r.stride ? 0 : hi;
    }
}

static Attr attr_of_box(const Crop *c, const Node *n)
{
    const Box *b = &c->box[n->id];
    const Type t = n->type;
    Attr attr = n->attr;
    if (n->op == OP_CONV)
        crop_conv(c, n, &attr);
    for (int i = 0; i < t.rank; i++) {
        const int64_t extent = b->hi[i] - b->lo[i];
        if (n->op == OP_RESHAPE)
            attr.shape.type.dim[i] = extent;
        else if (n->op == OP_BROADCAST)
            attr.broadcast.type.dim[i] = extent;
        else if (n->op == OP_SLICE) {
            attr.slice.start[i] = 0;
            attr.slice.limit[i] = (extent - 1) * attr.slice.stride[i] + 1;
        } else if (n->op == OP_PAD && !attr.pad.interior[i]) {
            const Box of = box_read(n, 0, b);
            attr.pad.lo[i] = of.lo[i] + n->attr.pad.lo[i] - b->lo[i];
            attr.pad.hi[i] = b->hi[i] - n->attr.pad.lo[i] - of.hi[i];
        }
    }
    return attr;
}

static bool is_as_it_was(const Crop *c, const Node *n)
{
    bool was = is_whole(&c->box[n->id], n->type);
    for (int i = 0; i < n->nin; i++)
        was &= is_whole(&c->box[n->in[i]->id], n->in[i]->type);
    return was;
}

static Node *make_again(const Crop *c, const Node *n)
{
    Node made = *n;
    Node **in = NEWN(c->fn->a, Node *, n->nin + 1);
    const bool was = is_as_it_was(c, n);
    for (int i = 0; i < n->nin; i++)
        in[i] = was ? c->map[n->in[i]->id] : exactly(c, n, i);
    if (!was)
        made.attr = attr_of_box(c, n);
    if (n->op == OP_SCAN)
        made.attr.scan.body = c->body[n->id];
    return node_rebuild(c->fn, &made, in);
}

Fn *crop(Fn *old)
{
    Crop c = {.old = old};
    c.box = NEWN(old->a, Box, old->node.n + 1);
    c.body = NEWN(old->a, Fn *, old->node.n + 1);
    if (!find_boxes(&c))
        return old;
    c.fn = fn_new(old->a, old->name);
    c.map = NEWN(old->a, Node *, old->node.n + 1);
    c.fn->span = old->span;
    for (int i = 0; i < old->input.n; i++)
        c.map[old->input.at[i].node->id] = node_rebuild(c.fn, old->input.at[i].node, NULL);
    for (int id = 0; id < old->node.n; id++)
        if (c.box[id].read && !c.map[id])
            c.map[id] = make_again(&c, old->node.at[id]);
    for (int i = 0; i < old->result.n; i++) {
        const Port *port = &old->result.at[i];
        fn_result(c.fn, port->role, port->index, port->name, c.map[port->node->id]);
    }
    return c.fn;
}
