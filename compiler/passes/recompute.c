/* SPDX-License-Identifier: MIT */
/* recompute.c: a value is made again for its late users rather than kept for them.
 *
 *     x = f(w); ... g = h(..); ... u(x, g)   ->   x = f(w); ... g = h(..); ... u(f(again(w, g)), g)
 *
 * `again` makes the second f another node than the first one, although their operands are equal, and keeps it from being run
 * before g is there. The same numbers come out, random draws too: these are made of a seed, a step and a position.
 *
 * needs: a function that is differentiated and hoisted. gives: the same results. */
#include "recomputing.h"

/* What a value is read through. */
const Node *again_of(const Node *n)
{
    while (n->op == OP_AGAIN)
        n = n->in[0];
    return n;
}

static Node *rebuilt(Again *g, const Node *n, Node *const *in)
{
    Span span = g->to->span;
    g->to->span = n->span;
    Node *made = node_make_as_is(g->to, n->op, n->nin, in, &n->attr);
    g->to->span = span;
    if (!made->name)
        made->name = n->name;
    return made;
}

/* Constants, and what is only a position: nothing is kept for them. */
static bool is_free(const Node *n)
{
    return n->op == OP_CONST || n->op == OP_IOTA;
}

static Node *built(Again *g, const Node *n);

bool again_is_there(const Again *g, const Node *n)
{
    return n != g->what->node && (g->what->there[n->id] || n->op == OP_INPUT || n->op == OP_CHECK);
}

Node *made_again(Again *g, const Node *n)
{
    n = again_of(n);
    if (g->made[n->id])
        return g->made[n->id];
    if (is_free(n))
        return built(g, n);
    if (n == g->what->node && g->what->by_example)
        return g->made[n->id] = again_by_example(g);
    Node **in = NEWN(g->to->a, Node *, n->nin + 2);
    if (again_is_there(g, n)) {
        in[0] = built(g, n);
        in[1] = built(g, g->what->after);
        return g->made[n->id] = node_make_as_is(g->to, OP_AGAIN, 2, in, NULL);
    }
    for (int i = 0; i < n->nin; i++)
        in[i] = made_again(g, n->in[i]);
    return g->made[n->id] = rebuilt(g, n, in);
}

/* A late user's operand: with the value made again in the place of the old one, also inside what is worked out on the way. */
static Node *seen_late(Again *g, const Node *n)
{
    if (n == g->what->node)
        return made_again(g, n);
    if (g->late[n->id])
        return g->late[n->id];
    g->late[n->id] = built(g, n);
    if (g->what->stored[n->id] || n->op == OP_SCAN || n->op == OP_INPUT)
        return g->late[n->id];
    bool other = false;
    Node **in = NEWN(g->to->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++) {
        in[i] = n->op == OP_AGAIN && i ? built(g, n->in[i]) : seen_late(g, n->in[i]);
        other |= in[i] != built(g, n->in[i]);
    }
    if (other)
        g->late[n->id] = n->op == OP_AGAIN ? in[0] : rebuilt(g, n, in);
    return g->late[n->id];
}

/* The new one of n. Operands are mostly there; where what is made again waits for a younger node, that is made now. */
static Node *built(Again *g, const Node *n)
{
    if (g->map[n->id])
        return g->map[n->id];
    Node **in = NEWN(g->to->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = g->what->late[n->id] ? seen_late(g, n->in[i]) : built(g, n->in[i]);
    return g->map[n->id] = rebuilt(g, n, in);
}

Fn *recompute(Arena *a, const Fn *fn, const Recompute *what)
{
    int n = fn->node.n;
    if (what->by_example && !goes_by_example(a, fn, what))
        return NULL;
    Again g = {.from = fn, .to = fn_new(a, fn->name), .what = what};
    g.to->span = fn->span;
    g.map = NEWN(a, Node *, n + 1);
    g.made = NEWN(a, Node *, n + 1);
    g.late = NEWN(a, Node *, n + 1);
    for (int i = 0; i < fn->input.n; i++)
        g.map[fn->input.at[i].node->id] = node_rebuild(g.to, fn->input.at[i].node, NULL);
    for (int id = 0; id < n; id++)
        built(&g, fn->node.at[id]);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(g.to, port->role, port->index, port->name, g.map[port->node->id]);
    }
    return fn_prune(g.to);
}
