/* SPDX-License-Identifier: MIT */
/* micro_batch.c: a batch's work is done for a few examples at a time, in a loop, and what is summed over the batch is added up.
 *
 *     y = f(x, w); l = sum(y); w' = w - sum(g(x, w))
 *         ->  l, d = scan over parts of x { l += sum(f(x_part, w)); d += sum(g(x_part, w)) }; w' = w - d
 *
 * Everything is of one of these kinds; examples.c knows how they follow from each other:
 *
 *     FREE    depends on no example: it stays outside, and enters the loop whole, or divided where it meets what is divided
 *     SPLIT   has the examples along some axis: it is made in the loop
 *     TOTAL   is summed over the examples: the loop carries it
 *     LATE    depends on a total: it is made behind the loop
 *
 * A sum over the examples that is larger than what it is made of, such as the gradient of a table's rows or of a large matrix, is LATE
 * as well: the loop yields what it is made of, and all of it is added up at once.
 *
 * Who needs a total to make something of each example mixes the examples, and there is no such loop.
 *
 * needs: a function that is differentiated and hoisted; hoisting afterwards would undo it. gives: the same results, but that sums over
 * the examples are added up part by part. A draw of random numbers is divided like anything else: its numbers stay the examples'. */
#include "micro_batching.h"
#include "passes.h"

/* ---- making it --------------------------------------------------------------------------------------------------- */
static Node *make(Part *p, const Node *n, Node *const *in, const Attr *attr)
{
    Span span = p->to->span;
    p->to->span = n->span;
    Node *made = node_make(p->to, n->op, n->nin, in, attr);
    p->to->span = span;
    if (!made->name)
        made->name = n->name;
    return made;
}

/* Outside of the loop: the examples of x in front, `size` of them at each step. */
static Node *in_front(Fn *fn, Node *x, int64_t parts, int64_t size, int64_t stride, Type part)
{
    int64_t before = type_count(x->type) / (parts * size * stride);
    Type t = type_insert(part, 0, parts);
    if (before > 1) {
        x = node_reshape(fn, x, 3, (int64_t[]){before, parts, size * stride});
        x = node_permute(fn, x, (int[]){1, 0, 2});
    }
    return node_reshape(fn, x, t.rank, t.dim);
}

/* The other way: from what the steps yield. */
static Node *in_place(Fn *fn, Node *x, int64_t parts, int64_t size, int64_t stride, Type t)
{
    int64_t before = type_count(x->type) / (parts * size * stride);
    if (before > 1) {
        x = node_reshape(fn, x, 3, (int64_t[]){parts, before, size * stride});
        x = node_permute(fn, x, (int[]){1, 0, 2});
    }
    return node_reshape(fn, x, t.rank, t.dim);
}

static Node *slice_of(Part *p, const Node *n, int64_t stride)
{
    Micro *g = p->g;
    Type t = examples_type(n->type, g->batch, stride, g->size);
    return loop_slice(g->loop, n->name, in_front(g->fn, g->outer[n->id], g->loop->length, g->size, stride, t));
}

/* Constants and positions: nothing is kept for them. */
static bool is_closed(const Node *n)
{
    while (op_info(n->op)->class == CLASS_MOVE && n->nin == 1)
        n = n->in[0];
    return n->op == OP_CONST || n->op == OP_IOTA;
}

/* n, the same for all examples, in the loop. */
static Node *whole(Part *p, const Node *n)
{
    if (p->whole[n->id])
        return p->whole[n->id];
    if (p->outermost && !is_closed(n))
        return p->whole[n->id] = loop_invariant(p->g->loop, n->name, p->g->outer[n->id]);
    Node **in = NEWN(p->g->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = whole(p, n->in[i]);
    return p->whole[n->id] = make(p, n, in, &n->attr);
}

static Node *divided(Part *p, const Node *n, int64_t stride);

static Node **operands(Part *p, const Node *n, const int64_t *at)
{
    Node **in = NEWN(p->g->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = at[i] ? divided(p, n->in[i], at[i]) : whole(p, n->in[i]);
    return in;
}

static void make_parts(Part *p);

static Fn *make_body(Part *p)
{
    Micro *g = p->g;
    const Fn *from = p->from;
    p->to = fn_new(g->a, from->name);
    p->to->span = from->span;
    for (int i = 0; i < from->input.n; i++) {
        const Port *port = &from->input.at[i];
        const Node *n = port->node;
        bool has = p->kind[n->id] == SPLIT, sum = p->kind[n->id] == TOTAL;
        Type t = has ? examples_type(n->type, g->batch, p->at[n->id], g->size) : n->type;
        *(has || sum ? &p->part[n->id] : &p->whole[n->id]) = fn_input(p->to, port->role, port->index, port->name, t);
    }
    make_parts(p);
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        const Node *n = port->node, *in = port->role == ROLE_CARRY ? from->input.at[i].node : n;
        fn_result(p->to, port->role, port->index, port->name,
                  p->kind[in->id] == SPLIT ? divided(p, n, p->at[in->id]) : p->kind[in->id] == TOTAL ? p->part[n->id] : whole(p, n));
    }
    return p->to;
}

/* Sums that a scan carries begin with those of the parts before. */
static void carry_sums(Part *p, const Node *n, Node **in)
{
    Micro *g = p->g;
    Part *body = p->body[n->id];
    body->carry = NEWN(g->a, int, n->attr.scan.ncarry + 1);
    for (int i = 0; i < n->attr.scan.ncarry; i++) {
        bool sum = body->kind[body->from->input.at[i].node->id] == TOTAL;
        body->carry[i] = sum ? loop_carry(g->loop, body->from->input.at[i].name, g->outer[n->in[i]->id]) : -1;
        if (sum)
            in[i] = g->loop->carry.at[body->carry[i]].in;
    }
}

static Node *made_scan(Part *p, const Node *n)
{
    Part *body = p->body[n->id];
    int64_t *at = NEWN(p->g->a, int64_t, n->nin + 1);
    for (int i = 0; body && i < n->nin; i++)
        at[i] = body->at[body->from->input.at[i].node->id];
    for (int i = 0; !body && i < n->attr.scan.nslice; i++)
        at[i] = type_count(n->in[i]->type) / p->g->batch;
    Attr attr = n->attr;
    Node **in = operands(p, n, at);
    if (body)
        attr.scan.body = make_body(body);
    else
        attr.scan.length = p->g->size;
    if (body && p->outermost)
        carry_sums(p, n, in);
    Node *made = make(p, n, in, &attr);
    for (int i = 0; body && p->outermost && i < n->attr.scan.ncarry; i++)
        if (body->carry[i] >= 0)
            loop_next(p->g->loop, body->carry[i], node_result(p->to, made, i));
    return made;
}

/* Behind the other operand, where that is made in the loop as well. */
static Node *read_again(Part *p, const Node *n, int64_t stride)
{
    const Node *other = n->in[1];
    Node *in[] = {divided(p, n->in[0], stride), NULL};
    in[1] = p->kind[other->id] == SPLIT ? divided(p, other, p->at[other->id]) : p->kind[other->id] == TOTAL ? p->part[other->id] : NULL;
    return in[1] ? make(p, n, in, &n->attr) : in[0];
}

/* n for a part of the examples, in the loop. */
static Node *divided(Part *p, const Node *n, int64_t stride)
{
    Micro *g = p->g;
    bool has = p->kind[n->id] == SPLIT;
    if (has && p->part[n->id])
        return p->part[n->id];
    int64_t *in = NEWN(g->a, int64_t, n->nin + 1);
    Node *made;
    if (n->op == OP_SCAN)
        made = made_scan(p, n);
    else if (has && n->op == OP_RESULT)
        made = node_result(p->to, divided(p, n->in[0], 0), n->attr.index.index);
    else if (is_sliced(p, n, stride, in))
        made = slice_of(p, n, stride);
    else if (n->op == OP_AGAIN)
        made = read_again(p, n, stride);
    else {
        Attr attr = examples_attr(n, g->batch, stride, g->size);
        made = make(p, n, operands(p, n, in), &attr);
    }
    if (has)
        p->part[n->id] = made;
    return made;
}

/* A total of this part of the examples. */
static Node *partial(Part *p, const Node *n)
{
    int64_t *at = known_operands(p, n);
    Node **in = NEWN(p->g->a, Node *, n->nin + 1);
    if (n->op == OP_RESULT)
        return node_result(p->to, divided(p, n->in[0], 0), n->attr.index.index);
    if (p->kind[n->in[0]->id] == TOTAL) {
        for (int i = 0; i < n->nin; i++)
            in[i] = p->part[n->in[i]->id];
        return make(p, n, in, &n->attr);
    }
    examples_add_up(n, p->g->batch, at);
    return make(p, n, operands(p, n, at), &n->attr);
}

static void make_parts(Part *p)
{
    for (int id = 0; id < p->from->node.n; id++) {
        const Node *n = p->from->node.at[id];
        if (!p->live[id])
            continue;
        if (p->kind[id] == SPLIT)
            divided(p, n, p->at[id]);
        else if (p->kind[id] == TOTAL && n->op != OP_INPUT)
            p->part[id] = partial(p, n);
    }
}

static void make_outer(Micro *g, const Part *p, Kind kind)
{
    for (int id = 0; id < p->from->node.n; id++) {
        const Node *n = p->from->node.at[id];
        if (!p->live[id] || p->kind[id] != kind || g->outer[id])
            continue;
        Node **in = NEWN(g->a, Node *, n->nin + 1);
        for (int i = 0; i < n->nin; i++)
            in[i] = g->outer[n->in[i]->id];
        g->outer[id] = n->op == OP_AGAIN && !in[1] ? in[0] : node_rebuild(g->fn, n, in);
    }
}

/* Which nodes are wanted behind the loop. */
static bool *wanted_behind(const Part *p)
{
    bool *wanted = NEWN(p->g->a, bool, p->from->node.n + 1);
    for (int id = 0; id < p->from->node.n; id++)
        for (int i = 0; p->live[id] && p->kind[id] == LATE && !is_carried_sum(p, p->from->node.at[id]) && i < p->from->node.at[id]->nin; i++)
            wanted[p->from->node.at[id]->in[i]->id] = true;
    for (int i = 0; i < p->from->result.n; i++)
        wanted[p->from->result.at[i].node->id] = true;
    return wanted;
}

/* What the loop carries and yields. */
static void leave_loop(Micro *g, Part *p)
{
    const bool *wanted = wanted_behind(p);
    int n = p->from->node.n;
    Loop *l = g->loop;
    int *number = NEWN(g->a, int, n + 1);
    for (int id = 0; id < n; id++) {
        const Node *x = p->from->node.at[id];
        if (wanted[id] && p->kind[id] == TOTAL) {
            number[id] = loop_carry(l, x->name, node_full(g->fn, x->type, 0));
            loop_next(l, number[id], node_binary(l->body, OP_ADD, l->carry.at[number[id]].in, p->part[id]));
        } else if (wanted[id] && p->kind[id] == SPLIT && !g->outer[id]) {
            number[id] = loop_yield(l, x->name, p->part[id]);
        }
    }
    bool *all = NEWN(g->a, bool, l->ncarry + 1);
    Node **carried = NEWN(g->a, Node *, l->ncarry + 1), **yielded = NEWN(g->a, Node *, l->yield.n + 1);
    for (int i = 0; i < l->ncarry; i++)
        all[i] = true;
    loop_close(l, all, carried, yielded);
    for (int id = 0; id < n; id++)
        if (p->live[id] && is_carried_sum(p, p->from->node.at[id]))
            g->outer[id] = carried[p->body[p->from->node.at[id]->in[0]->id]->carry[p->from->node.at[id]->attr.index.index]];
        else if (wanted[id] && p->kind[id] == TOTAL)
            g->outer[id] = carried[number[id]];
        else if (wanted[id] && p->kind[id] == SPLIT && !g->outer[id])
            g->outer[id] = in_place(g->fn, yielded[number[id]], l->length, g->size, p->at[id], p->from->node.at[id]->type);
}

Fn *micro_batch(Arena *a, const Fn *from, int64_t batch, int64_t size)
{
    Micro g = {.a = a, .batch = batch, .size = size, .fn = fn_new(a, from->name)};
    Part *p = micro_batch_kinds(&g, from);
    if (g.mixes)
        return NULL;
    g.fn->span = from->span;
    g.outer = NEWN(a, Node *, from->node.n + 1);
    for (int i = 0; i < from->input.n; i++)
        g.outer[from->input.at[i].node->id] = node_rebuild(g.fn, from->input.at[i].node, NULL);
    make_outer(&g, p, FREE);
    g.loop = loop_new(g.fn, "micro_batch", batch / size, false);
    p->to = g.loop->body;
    make_parts(p);
    leave_loop(&g, p);
    make_outer(&g, p, LATE);
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        fn_result(g.fn, port->role, port->index, port->name, g.outer[port->node->id]);
    }
    return fn_prune(g.fn);
}
