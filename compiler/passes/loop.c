/* SPDX-License-Identifier: MIT */
/* loop.c: scans being made: operands taken once, and on closing whatever is not needed left out. */
#include "loop.h"

Loop *loop_new(Fn *fn, const char *name, int64_t length, bool reverse)
{
    Loop *l = NEW(fn->a, Loop);
    l->fn = fn;
    l->body = fn_new(fn->a, name);
    l->body->span = fn->span;
    l->length = length;
    l->reverse = reverse;
    return l;
}

static const char *named(const char *name, const Node *n)
{
    return name ? name : n->name;
}

int loop_carry(Loop *l, const char *name, Node *init)
{
    int index = l->ncarry++;
    Node *in = fn_input(l->body, ROLE_CARRY, index, named(name, init), init->type);
    LoopInput carry = {.name = named(name, init), .outer = init, .in = in, .next = in, .index = index};
    vec_push(l->fn->a, &l->carry, carry);
    return index;
}

void loop_next(Loop *l, int carry, Node *next)
{
    if (carry < 0 || carry >= l->carry.n || !type_eq(next->type, l->carry.at[carry].in->type))
        BUG("carry %d goes on as another type", carry);
    l->carry.at[carry].next = next;
}

Node *loop_invariant(Loop *l, const char *name, Node *outer)
{
    double value;
    if (is_const(outer, &value))
        return node_full(l->body, outer->type, value);
    for (int i = 0; i < l->invariant.n; i++)
        if (l->invariant.at[i].outer == outer)
            return l->invariant.at[i].in;
    Node *in = fn_input(l->body, ROLE_INVARIANT, l->invariant.n, named(name, outer), outer->type);
    LoopInput invariant = {.name = named(name, outer), .outer = outer, .in = in};
    vec_push(l->fn->a, &l->invariant, invariant);
    return in;
}

/* The step's part of a broadcast that repeats its operand along the steps; NULL where it does not. */
static Node *unchanging(Loop *l, Node *outer)
{
    Node *x = outer->op == OP_BROADCAST ? outer->in[0] : NULL;
    if (!x || (x->type.rank && outer->attr.broadcast.axis[0] == 0 && x->type.dim[0] != 1))
        return NULL;
    bool leads = x->type.rank && outer->attr.broadcast.axis[0] == 0;
    int axis[MAX_RANK];
    for (int i = leads; i < x->type.rank; i++)
        axis[i - leads] = outer->attr.broadcast.axis[i] - 1;
    Node *all = loop_invariant(l, NULL, x);
    Node *part = leads ? node_reshape(l->body, all, x->type.rank - 1, x->type.dim + 1) : all;
    return node_broadcast(l->body, part, type_drop(outer->type, 0), axis);
}

Node *loop_slice(Loop *l, const char *name, Node *outer)
{
    double value;
    Type t = type_drop(outer->type, 0);
    if (outer->type.dim[0] != l->length)
        BUG("a slice of %lld steps in a loop of %lld", (long long)outer->type.dim[0], (long long)l->length);
    if (is_const(outer, &value))
        return node_full(l->body, t, value);
    for (int i = 0; i < l->slice.n; i++)
        if (l->slice.at[i].outer == outer)
            return l->slice.at[i].in;
    Node *in = unchanging(l, outer);
    if (in)
        return in;
    in = fn_input(l->body, ROLE_SLICE, l->slice.n, named(name, outer), t);
    LoopInput slice = {.name = named(name, outer), .outer = outer, .in = in};
    vec_push(l->fn->a, &l->slice, slice);
    return in;
}

int loop_yield(Loop *l, const char *name, Node *value)
{
    for (int i = 0; i < l->yield.n; i++)
        if (l->yield.at[i].value == value)
            return i;
    LoopYield yield = {.name = named(name, value), .value = value};
    vec_push(l->fn->a, &l->yield, yield);
    return l->yield.n - 1;
}

/* ---- closing ------------------------------------------------------------------------------------------- */

/* Has the carry its initial value at every step? */
static bool never_changes(const LoopInput *carry)
{
    double first, next;
    if (carry->next == carry->in)
        return true;
    return is_const(carry->outer, &first) && is_const(carry->next, &next) && first == next;
}

/* Takes an input over, with a number no other of its role has. */
static void adopt(Loop *to, Role role, LoopInput input, Node **map)
{
    Node *old = input.in;
    int index = role == ROLE_CARRY ? input.index : role == ROLE_SLICE ? to->slice.n : to->invariant.n;
    input.in = map[old->id] = fn_input(to->body, role, index, input.name, old->type);
    if (role == ROLE_CARRY)
        vec_push(to->fn->a, &to->carry, input);
    else if (role == ROLE_SLICE)
        vec_push(to->fn->a, &to->slice, input);
    else
        vec_push(to->fn->a, &to->invariant, input);
}

/* The same loop, its inputs chosen anew: carries that never change become invariants; of the others, and
 * of slices and invariants, only those that are live (by body node id) come along. */
static Loop *again(const Loop *l, const bool *live)
{
    Arena *a = l->fn->a;
    Loop *to = loop_new(l->fn, l->body->name, l->length, l->reverse);
    Node **map = NEWN(a, Node *, l->body->node.n + 1);
    VEC(Node *) roots = {0};
    to->ncarry = l->ncarry;
    for (int i = 0; i < l->carry.n; i++) {
        const LoopInput *carry = &l->carry.at[i];
        if (live[carry->in->id] && !never_changes(carry))
            adopt(to, ROLE_CARRY, *carry, map);
    }
    for (int i = 0; i < l->slice.n; i++)
        if (live[l->slice.at[i].in->id])
            adopt(to, ROLE_SLICE, l->slice.at[i], map);
    for (int i = 0; i < l->invariant.n; i++)
        if (live[l->invariant.at[i].in->id])
            adopt(to, ROLE_INVARIANT, l->invariant.at[i], map);
    for (int i = 0; i < l->carry.n; i++) {
        const LoopInput *carry = &l->carry.at[i];
        if (live[carry->in->id] && never_changes(carry))
            map[carry->in->id] = loop_invariant(to, carry->name, carry->outer);
    }
    for (int i = 0; i < to->carry.n; i++)
        vec_push(a, &roots, to->carry.at[i].next);
    for (int i = 0; i < l->yield.n; i++)
        vec_push(a, &roots, l->yield.at[i].value);
    graft(to->body, l->body, roots.n, roots.at, map, NULL);
    for (int i = 0; i < to->carry.n; i++)
        to->carry.at[i].next = map[to->carry.at[i].next->id];
    for (int i = 0; i < l->yield.n; i++) {
        LoopYield yield = {l->yield.at[i].name, map[l->yield.at[i].value->id]};
        vec_push(a, &to->yield, yield);
    }
    return to;
}

/* live[id] for the body's nodes: what the yields and the wanted carries need, over any number of steps. */
static bool *live_nodes(const Loop *l, const bool *carry_wanted)
{
    Arena *a = l->fn->a;
    VEC(Node *) roots = {0};
    bool *used = NEWN(a, bool, l->carry.n + 1), *live, more = true;
    for (int i = 0; i < l->yield.n; i++)
        vec_push(a, &roots, l->yield.at[i].value);
    for (int i = 0; i < l->carry.n; i++)
        if ((used[i] = carry_wanted[l->carry.at[i].index]))
            vec_push(a, &roots, l->carry.at[i].next);
    do {
        live = reached_from(a, l->body, roots.n, roots.at);
        more = false;
        for (int i = 0; i < l->carry.n; i++) {
            if (used[i] || !live[l->carry.at[i].in->id])
                continue;
            used[i] = more = true;
            vec_push(a, &roots, l->carry.at[i].next);
        }
    } while (more);
    for (int i = 0; i < l->carry.n; i++)
        live[l->carry.at[i].in->id] = used[i];
    return live;
}

/* The stacked value of a yield that needs no loop; NULL for others. */
static Node *outside_yield(const Loop *l, Node *value)
{
    double constant;
    if (value->op == OP_INPUT) {
        for (int i = 0; i < l->slice.n; i++)
            if (l->slice.at[i].in == value)
                return l->slice.at[i].outer;
        for (int i = 0; i < l->invariant.n; i++)
            if (l->invariant.at[i].in == value)
                return node_insert_axis(l->fn, l->invariant.at[i].outer, 0, l->length);
    }
    if (is_const(value, &constant))
        return node_full(l->fn, type_insert(value->type, 0, l->length), constant);
    return NULL;
}

/* Closes a loop whose every input is needed: the body with its ports in order, the scan, its results. */
static Node *seal(const Loop *l, Node **carry_out, Node **yield_out)
{
    Arena *a = l->fn->a;
    Fn *body = fn_new(a, l->body->name);
    body->span = l->body->span;
    Node **map = NEWN(a, Node *, l->body->node.n + 1);
    VEC(Node *) roots = {0};
    VEC(Node *) in = {0};
    for (int i = 0; i < l->carry.n; i++) {
        const LoopInput *x = &l->carry.at[i];
        map[x->in->id] = fn_input(body, ROLE_CARRY, i, x->name, x->in->type);
        vec_push(a, &in, x->outer);
        vec_push(a, &roots, x->next);
    }
    for (int i = 0; i < l->slice.n; i++) {
        const LoopInput *x = &l->slice.at[i];
        map[x->in->id] = fn_input(body, ROLE_SLICE, i, x->name, x->in->type);
        vec_push(a, &in, x->outer);
    }
    for (int i = 0; i < l->invariant.n; i++) {
        const LoopInput *x = &l->invariant.at[i];
        map[x->in->id] = fn_input(body, ROLE_INVARIANT, i, x->name, x->in->type);
        vec_push(a, &in, x->outer);
    }
    for (int i = 0; i < l->yield.n; i++)
        vec_push(a, &roots, l->yield.at[i].value);
    graft(body, l->body, roots.n, roots.at, map, NULL);
    for (int i = 0; i < l->carry.n; i++)
        fn_result(body, ROLE_CARRY, i, l->carry.at[i].name, map[l->carry.at[i].next->id]);
    for (int i = 0; i < l->yield.n; i++)
        fn_result(body, ROLE_YIELD, i, l->yield.at[i].name, map[l->yield.at[i].value->id]);

    Attr attr = {0};
    attr.scan.body = body;
    attr.scan.ncarry = l->carry.n;
    attr.scan.nslice = l->slice.n;
    attr.scan.nyield = l->yield.n;
    attr.scan.length = l->length;
    attr.scan.reverse = l->reverse;
    Node *scan = node_make(l->fn, OP_SCAN, in.n, in.at, &attr);
    for (int i = 0; i < l->carry.n; i++)
        carry_out[l->carry.at[i].index] = node_result(l->fn, scan, i);
    for (int i = 0; i < l->yield.n; i++)
        yield_out[i] = node_result(l->fn, scan, l->carry.n + i);
    return scan;
}

/* The loop with nothing left to drop. carry_out gets the carries that never change. */
static Loop *settled(Loop *l, const bool *carry_wanted, Node **carry_out)
{
    for (;;) {
        bool changing = true;
        for (int i = 0; i < l->carry.n; i++) {
            if (!never_changes(&l->carry.at[i]))
                continue;
            carry_out[l->carry.at[i].index] = l->carry.at[i].outer;
            changing = false;
        }
        Loop *next = again(l, live_nodes(l, carry_wanted));
        bool same =
            next->slice.n == l->slice.n && next->invariant.n == l->invariant.n && next->carry.n == l->carry.n;
        l = next;
        if (same && changing)
            return l;
    }
}

Node *loop_close(Loop *l, const bool *carry_wanted, Node **carry_out, Node **yield_out)
{
    Arena *a = l->fn->a;
    l = settled(l, carry_wanted, carry_out);
    int nyield = l->yield.n, *inside = NEWN(a, int, nyield + 1), ninside = 0;
    for (int i = 0; i < nyield; i++) {
        yield_out[i] = outside_yield(l, l->yield.at[i].value);
        if (yield_out[i])
            continue;
        l->yield.at[ninside] = l->yield.at[i];
        inside[ninside++] = i;
    }
    l->yield.n = ninside;
    if (ninside < nyield) /* slices that were only there to be yielded */
        l = settled(l, carry_wanted, carry_out);
    if (!l->carry.n && !l->yield.n)
        return NULL;
    Node **made = NEWN(a, Node *, ninside + 1);
    Node *scan = seal(l, carry_out, made);
    for (int i = 0; i < ninside; i++)
        yield_out[inside[i]] = made[i];
    return scan;
}
