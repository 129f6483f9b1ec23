/* SPDX-License-Identifier: MIT */
/* verify.c: what holds for every function between any two passes.
 *
 *  Nodes
 *   1. A node's id is its position; its operation exists.
 *   2. Its operands are nodes of the same function and stand before it. So a scan's body is
 *      closed: what it needs from outside comes in as an invariant.
 *   3. Its attribute is in canonical form: lists within bounds, every meaningless byte zero.
 *   4. Its type is the one its row's shape rule gives; extents are at least 1.
 *   5. A scan's body is sound itself, and not nested without end. That its ports fit is part of 4.
 *  Ports
 *   6. Every input port has an input node of the function, of the port's role and index; every input
 *      node has a port.
 *   7. Every result is a node of the function, and a value: no scan.
 *   8. No (role, index) stands twice among the inputs, or among the results.
 *
 * They are checked in this order, node by node, so that a rule may rely on what the operands have passed. */
#include "attr.h"

#include <string.h>

enum { MAX_NESTING = 64 };

typedef struct Verifier {
    Arena *a;
    const Fn *fn;
    int depth;
} Verifier;

/* The ports met so far, by role and index: open addressing, at most half full. */
typedef struct PortSet {
    const Port **slot;
    size_t size;    /* a power of two */
} PortSet;

static const char *verify_fn(Arena *a, const Fn *fn, int depth, const Node **guilty);

static bool belongs(const Fn *fn, const Node *n)
{
    return n && n->id >= 0 && n->id < fn->node.n && fn->node.at[n->id] == n;
}

static const char *verify_operands(const Verifier *v, const Node *n)
{
    if (n->nin < 0 || (n->nin && !n->in))
        return arena_printf(v->a, "has %d operands", n->nin);
    for (int i = 0; i < n->nin; i++) {
        if (!belongs(v->fn, n->in[i]))
            return arena_printf(v->a, "operand %d is no node of this function", i);
        if (n->in[i]->id >= n->id)
            return arena_printf(v->a, "operand %d stands behind its use", i);
    }
    return NULL;
}

static const char *verify_attr(const Verifier *v, const Node *n)
{
    AttrKind kind = op_info(n->op)->attr;
    const char *why = attr_problem(v->a, kind, &n->attr);
    if (why)
        return why;
    Attr clean = attr_clean(kind, &n->attr, n->type.dt);
    return memcmp(&clean, &n->attr, sizeof clean) ? "the attribute has stray bytes" : NULL;
}

static const char *verify_type(const Verifier *v, const Node *n)
{
    Type t;
    const char *why = node_infer(v->a, n->op, n->nin, n->in, &n->attr, &t);
    if (why)
        return why;
    const char *problem = type_problem(v->a, n->type);
    if (problem)
        return problem;
    if (!type_eq(t, n->type))
        return arena_printf(v->a, "is %s, the shape rule says %s", type_text(v->a, n->type),
                            type_text(v->a, t));
    return NULL;
}

static const char *verify_body(const Verifier *v, const Node *n)
{
    if (n->op != OP_SCAN || !n->attr.scan.body)
        return NULL;
    if (v->depth == MAX_NESTING)
        return arena_printf(v->a, "scans are nested more than %d deep", MAX_NESTING);
    const Node *inner = NULL;
    const char *why = verify_fn(v->a, n->attr.scan.body, v->depth + 1, &inner);
    if (!why)
        return NULL;
    return arena_printf(v->a, "in its body: %s%s%s", why, inner ? ", in " : "",
                        inner ? arena_printf(v->a, "%%%d", inner->id) : "");
}

static const char *verify_node(const Verifier *v, int id)
{
    const Node *n = v->fn->node.at[id];
    if (n->id != id)
        return arena_printf(v->a, "node at %d says it is %d", id, n->id);
    if ((unsigned)n->op >= OP_COUNT)
        return arena_printf(v->a, "operation %d does not exist", (int)n->op);
    const char *why = verify_operands(v, n);
    if (!why)
        why = verify_attr(v, n);
    if (!why)
        why = verify_body(v, n);
    return why ? why : verify_type(v, n);
}

static PortSet port_set(Arena *a, int n)
{
    PortSet set = {.size = 4};
    while (set.size < 2 * (size_t)n)
        set.size *= 2;
    set.slot = NEWN(a, const Port *, set.size);
    return set;
}

/* false where a port of this role and index was met before. */
static bool port_is_new(PortSet *set, const Port *port)
{
    uint64_t hash = ((uint64_t)port->role << 32 | (uint32_t)port->index) * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(hash >> 32) & (set->size - 1);
    for (; set->slot[at]; at = (at + 1) & (set->size - 1))
        if (set->slot[at]->role == port->role && set->slot[at]->index == port->index)
            return false;
    set->slot[at] = port;
    return true;
}

static const char *verify_input(const Verifier *v, PortSet *known, int at)
{
    const Port *port = &v->fn->input.at[at];
    const Node *n = port->node;
    if (!belongs(v->fn, n) || n->op != OP_INPUT)
        return arena_printf(v->a, "input %d has no input node of this function", at);
    if (role_name(port->role)[0] == '?')
        return arena_printf(v->a, "input %d has no role", at);
    if (n->attr.input.role != port->role || n->attr.input.index != port->index)
        return arena_printf(v->a, "input %d is %s %d, its node %s %d", at, role_name(port->role), port->index,
                            role_name(n->attr.input.role), n->attr.input.index);
    if (!port_is_new(known, port))
        return arena_printf(v->a, "input %s %d stands twice", role_name(port->role), port->index);
    return NULL;
}

static const char *verify_inputs(const Verifier *v, const Node **guilty)
{
    int nodes = 0;
    PortSet known = port_set(v->a, v->fn->input.n);
    for (int i = 0; i < v->fn->input.n; i++) {
        const char *why = verify_input(v, &known, i);
        *guilty = belongs(v->fn, v->fn->input.at[i].node) ? v->fn->input.at[i].node : NULL;
        if (why)
            return why;
    }
    for (int id = 0; id < v->fn->node.n; id++)
        nodes += v->fn->node.at[id]->op == OP_INPUT;
    *guilty = NULL;
    return nodes == v->fn->input.n
               ? NULL
               : arena_printf(v->a, "%d input nodes have no port", nodes - v->fn->input.n);
}

static const char *verify_results(const Verifier *v, const Node **guilty)
{
    PortSet known = port_set(v->a, v->fn->result.n);
    for (int i = 0; i < v->fn->result.n; i++) {
        const Port *port = &v->fn->result.at[i];
        *guilty = belongs(v->fn, port->node) ? port->node : NULL;
        if (!*guilty)
            return arena_printf(v->a, "result %d is no node of this function", i);
        if (port->node->op == OP_SCAN)
            return arena_printf(v->a, "result %d is a scan, which is no value", i);
        if (role_name(port->role)[0] == '?')
            return arena_printf(v->a, "result %d has no role", i);
        if (!port_is_new(&known, port))
            return arena_printf(v->a, "result %s %d stands twice", role_name(port->role), port->index);
    }
    *guilty = NULL;
    return NULL;
}

static const char *verify_fn(Arena *a, const Fn *fn, int depth, const Node **guilty)
{
    Verifier v = {.a = a, .fn = fn, .depth = depth};
    for (int id = 0; id < fn->node.n; id++) {
        const char *why = verify_node(&v, id);
        *guilty = fn->node.at[id];
        if (why)
            return why;
    }
    const char *why = verify_inputs(&v, guilty);
    return why ? why : verify_results(&v, guilty);
}

const char *fn_verify(Arena *a, const Fn *fn, const Node **guilty)
{
    const Node *unused;
    return verify_fn(a, fn, 0, guilty ? guilty : &unused);
}
