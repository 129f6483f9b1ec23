/* SPDX-License-Identifier: MIT */
/* rebuild.c: the shape of every pass: walk old nodes in order, make them again. */
#include "ir.h"

/* Marks what `n` needs, itself included; stops at nodes already in `map` (map may be NULL). Ids order
 * operands before uses, so one backward walk is enough once the roots are marked. */
static void mark_needed(const Fn *fn, bool *needed, Node *const *map)
{
    for (int id = fn->node.n - 1; id >= 0; id--) {
        const Node *n = fn->node.at[id];
        if (!needed[id] || (map && map[id]))
            continue;
        for (int i = 0; i < n->nin; i++)
            needed[n->in[i]->id] = true;
    }
}

static bool *needed_by_results(Arena *a, const Fn *fn, Node *const *map)
{
    bool *needed = NEWN(a, bool, fn->node.n + 1);
    for (int i = 0; i < fn->result.n; i++)
        needed[fn->result.at[i].node->id] = true;
    mark_needed(fn, needed, map);
    return needed;
}

static Node *rebuild(Fn *fn, const Node *n, Node *const *in, bool as_is)
{
    Span span = fn->span;
    fn->span = n->span;
    Node *made;
    if (n->op == OP_INPUT)
        made = fn_input(fn, n->attr.input.role, n->attr.input.index, n->name, n->type);
    else if (as_is)
        made = node_make_as_is(fn, n->op, n->nin, in, &n->attr);
    else
        made = node_make(fn, n->op, n->nin, in, &n->attr);
    fn->span = span;
    if (!made->name && n->name)
        made->name = arena_strdup(fn->a, n->name);
    return made;
}

Node *node_rebuild(Fn *fn, const Node *n, Node *const *in)
{
    return rebuild(fn, n, in, false);
}

static void copy_needed(Fn *to, const Fn *from, const bool *needed, Node **map, bool as_is)
{
    int widest = 0;
    for (int id = 0; id < from->node.n; id++)
        widest = from->node.at[id]->nin > widest ? from->node.at[id]->nin : widest;
    Node **in = NEWN(to->a, Node *, widest + 1);
    for (int id = 0; id < from->node.n; id++) {
        const Node *n = from->node.at[id];
        if (!needed[id] || map[id])
            continue;
        for (int i = 0; i < n->nin; i++)
            in[i] = map[n->in[i]->id];
        map[id] = rebuild(to, n, in, as_is);
    }
}

void fn_inline(Fn *to, const Fn *from, Node **map)
{
    copy_needed(to, from, needed_by_results(to->a, from, map), map, false);
}

static bool is_body_port(Role role)
{
    return role == ROLE_CARRY || role == ROLE_SLICE || role == ROLE_INVARIANT;
}

Fn *fn_prune(const Fn *old)
{
    Fn *fn = fn_new(old->a, old->name);
    fn->span = old->span;
    Node **map = NEWN(fn->a, Node *, old->node.n + 1);
    bool *needed = needed_by_results(fn->a, old, NULL);
    for (int i = 0; i < old->input.n; i++) {
        const Port *port = &old->input.at[i];
        if (needed[port->node->id] || is_body_port(port->role))
            map[port->node->id] = rebuild(fn, port->node, NULL, true);
    }
    copy_needed(fn, old, needed, map, true);
    for (int i = 0; i < old->result.n; i++) {
        const Port *port = &old->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn;
}
