/* SPDX-License-Identifier: MIT */
/* strips.c: a long loop becomes a loop of strips, each a loop of a few steps, where what leaves a loop for all
 * steps at once would not stay in a cache until it is read.
 *
 *     pre = x · w; for pre_t in pre { ... }   ->   for xs in strips of x { pre = xs · w; for pre_t in pre { ... } }
 *
 * What is computed of a strip's inputs, or of its yields, leaves the inner loop for the strip around it. There
 * it stays: a training step adds each strip's part of a gradient to what the others gave. */
#include "hoisting.h"
#include "passes.h"

static bool is_used_result(const Hoist *h, const Node *n)
{
    for (int i = 0; i < h->body->result.n; i++)
        if (h->used[i] && h->body->result.at[i].node == n)
            return true;
    return false;
}

/* Bytes that a step leaves for work on all steps at once, or takes from it, and that nobody else reads. */
static int64_t bytes_between(const Hoist *h)
{
    int64_t bytes = 0;
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        if (h->hoisted[id] || (sink_is_yielded(h, n) && !is_used_result(h, n)))
            bytes += type_bytes(n->type);
    }
    return bytes;
}

/* One more axis fits in all that has one for the steps. */
static bool has_axis_left(const Hoist *h)
{
    for (int i = h->ncarry; i < h->ncarry + h->nslice; i++)
        if (h->scan->in[i]->type.rank >= MAX_RANK)
            return false;
    for (int i = h->ncarry; i < h->body->result.n; i++)
        if (h->body->result.at[i].node->type.rank + 2 > MAX_RANK)
            return false;
    return true;
}

int64_t strip_steps(const Hoist *h)
{
    int64_t bytes = bytes_between(h);
    if (h->stays || !bytes || h->steps < 2 * h->room / bytes || !has_axis_left(h))
        return 0;
    for (int64_t steps = h->room / bytes; steps > 1; steps--)
        if (h->steps % steps == 0)
            return steps;
    return 0;
}

/* [T, ...] -> [T / steps, steps, ...] */
static Node *in_strips(Fn *fn, Node *x, int64_t steps)
{
    Type t = type_insert(x->type, 0, x->type.dim[0] / steps);
    t.dim[1] = steps;
    return node_reshape(fn, x, t.rank, t.dim);
}

/* What a strip does: the scan with fewer steps, as a function of its own. */
static Fn *strip_body(const Hoist *h, Node *const *operand, int64_t steps)
{
    Arena *a = h->fn->a;
    const Node *scan = h->scan;
    Fn *fn = fn_new(a, h->body->name);
    Node **in = NEWN(a, Node *, scan->nin + 1);
    fn->span = h->fn->span;
    for (int i = 0; i < scan->nin; i++) {
        const Port *port = &h->body->input.at[i];
        bool slice = i >= h->ncarry && i < h->ncarry + h->nslice;
        Type t = slice ? type_drop(operand[i]->type, 0) : operand[i]->type;
        in[i] = fn_input(fn, port->role, port->index, port->name, t);
    }
    Attr attr = scan->attr;
    attr.scan.length = steps;
    Node *inner = node_make(fn, OP_SCAN, scan->nin, in, &attr);
    for (int i = 0; i < h->body->result.n; i++) {
        const Port *port = &h->body->result.at[i];
        fn_result(fn, port->role, port->index, port->name, node_result(fn, inner, i));
    }
    return fn;
}

Node *strips_scan(const Hoist *h, int64_t steps)
{
    Fn *fn = h->fn;
    Node **in = NEWN(fn->a, Node *, h->scan->nin + 1);
    for (int i = 0; i < h->scan->nin; i++)
        in[i] = i >= h->ncarry && i < h->ncarry + h->nslice ? in_strips(fn, h->scan->in[i], steps) : h->scan->in[i];
    Attr attr = h->scan->attr;
    attr.scan.body = hoist(strip_body(h, in, steps), h->room);
    attr.scan.length = h->steps / steps;
    for (int i = 0; i < h->body->result.n; i++) {
        Node *result = attr.scan.body->result.at[i].node;
        result->name = result->name ? result->name : h->body->result.at[i].name;
    }
    return node_make(fn, OP_SCAN, h->scan->nin, in, &attr);
}

Node *strips_joined(Fn *fn, Node *x)
{
    Type t = type_drop(x->type, 0);
    t.dim[0] *= x->type.dim[0];
    return node_reshape(fn, x, t.rank, t.dim);
}
