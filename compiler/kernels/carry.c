/* SPDX-License-Identifier: MIT */
/* carry.c: where what a loop carries lies, and what it stacks.
 *
 * A carry has a tensor of its own, which is overwritten at the end of each turn. Where a loop stacks what it carries as it was before
 * each step, as gradients want it, the carry rolls through that stack instead: step t reads it in slot t, where it stays, and leaves the
 * next one in slot t + 1. There is one slot more than steps. A yield of the next values is the same stack from slot 1 on. Loops run
 * forwards for that; where they stand in one another, as a loop over strips around one over steps, the inner one's stack is part
 * of the outer one's, and its last value lies where the next turn puts its first. */
#include "lower.h"

static const Node *yielded(const Node *scan, int yield)
{
    return same_elements(scan->attr.scan.body->result.at[scan->attr.scan.ncarry + yield].node);
}

/* Which yield of a scan inside is yielded again; -1: none. */
static int yield_inside(const Node *n)
{
    return n->op == OP_RESULT ? n->attr.index.index - n->in[0]->attr.scan.ncarry : -1;
}

/* Whether the yield is the first that stacks its value: another one is a copy. */
static bool is_first(const Node *scan, int yield)
{
    for (int i = 0; i < yield; i++)
        if (yielded(scan, i) == yielded(scan, yield))
            return false;
    return true;
}

/* The carry that a yield stacks as it was before each step; -1: none. */
static int carry_before(const Node *scan, int yield)
{
    const Node *n = yielded(scan, yield);
    bool is_carry = n->op == OP_INPUT && n->attr.input.role == ROLE_CARRY;
    return is_carry && !scan->attr.scan.reverse && is_first(scan, yield) ? n->attr.input.index : -1;
}

/* The same, in this loop or in one inside it: the type of the carry; NULL: none. */
static const Type *rolling_type(const Node *scan, int yield)
{
    const Node *n = yielded(scan, yield);
    if (carry_before(scan, yield) >= 0)
        return &n->type;
    bool inside = yield_inside(n) >= 0 && !scan->attr.scan.reverse && is_first(scan, yield);
    return inside ? rolling_type(n->in[0], yield_inside(n)) : NULL;
}

/* The carry of this loop that such a yield stacks, step by step of the loops inside, where each hands its last value to the next
 * turn; -1: none. */
static int carry_through(const Node *scan, int yield)
{
    const Fn *body = scan->attr.scan.body;
    const Node *n = yielded(scan, yield);
    if (carry_before(scan, yield) >= 0 || !rolling_type(scan, yield))
        return carry_before(scan, yield);
    int inner = carry_through(n->in[0], yield_inside(n));
    const Node *first = inner < 0 ? n : n->in[0]->in[inner];
    if (first->op != OP_INPUT || first->attr.input.role != ROLE_CARRY)
        return -1;
    const Node *next = same_elements(body->result.at[first->attr.input.index].node);
    bool hands_on = next->op == OP_RESULT && next->in[0] == n->in[0] && next->attr.index.index == inner;
    return hands_on ? first->attr.input.index : -1;
}

/* The yield that stacks the carry of which this one stacks the next values; -1: none. */
static int yield_before(const Node *scan, int yield)
{
    const Node *n = yielded(scan, yield);
    if (rolling_type(scan, yield) || !is_first(scan, yield))
        return -1;
    for (int i = 0; i < scan->attr.scan.nyield; i++) {
        const int carry = carry_before(scan, i);
        const Node *other = yielded(scan, i);
        if (carry >= 0 ? same_elements(scan->attr.scan.body->result.at[carry].node) == n
                       : yield_inside(n) >= 0 && carry_through(scan, i) >= 0 && other->in[0] == n->in[0] &&
                             yield_before(n->in[0], yield_inside(n)) == yield_inside(other))
            return i;
    }
    return -1;
}

/* Which of c's results, yields of the scan it is the body of, is yield `yield` of a scan in it: that is stacked where the result goes. -1: none. */
static int yielded_again(const Lower *c, const Node *scan, int yield)
{
    for (int i = c->parent ? c->scan->attr.scan.ncarry : c->fn->result.n; i < c->fn->result.n; i++) {
        const Node *n = same_elements(c->fn->result.at[i].node);
        if (n->op == OP_RESULT && n->in[0] == scan && yield_inside(n) == yield)
            return i - c->scan->attr.scan.ncarry;
    }
    return -1;
}

/* The function's result that is what yield `yield` of a scan in it stacks, in a tensor that is the caller's and holds nothing yet; NULL: none. */
static const Port *stacking_port(const Lower *c, const Node *scan, int yield)
{
    if (c->parent || rolling_type(scan, yield) || yield_before(scan, yield) >= 0)
        return NULL;
    for (int i = 0; i < c->fn->result.n; i++) {
        const Port *port = &c->fn->result.at[i];
        const Node *n = same_elements(port->node);
        if (n->op == OP_RESULT && n->in[0] == scan && yield_inside(n) == yield && !fn_find_input(c->fn, port->role, port->index))
            return port;
    }
    return NULL;
}

bool is_stacked_by_loop(const Lower *c, const Port *port)
{
    const Node *n = same_elements(port->node);
    return yield_inside(n) >= 0 && stacking_port(c, n->in[0], yield_inside(n)) == port;
}

/* Where a step's part of a yield goes. */
const Lin *slot_of(const Lower *c, int yield)
{
    int64_t count = type_count(c->fn->result.at[c->scan->attr.scan.ncarry + yield].node->type);
    return lin_add(c->a, c->stacked_at[yield], lin_scale(c->a, lin_var(c->a, c->time), count));
}

/* `turns` slots behind where a carry's stack begins. */
static const Lin *slot_behind(const Lower *c, int carry, int64_t turns)
{
    if (c->rolls[carry] < 0)
        return lin_const(c->a, 0);
    return lin_offset(c->a, c->stacked_at[c->rolls[carry]], turns * type_count(c->carry_type[carry]));
}

const Lin *first_slot(const Lower *c, int carry)
{
    return slot_behind(c, carry, 0);
}

const Lin *carry_slot(const Lower *c, int carry)
{
    return c->rolls[carry] < 0 ? lin_const(c->a, 0) : slot_of(c, c->rolls[carry]);
}

const Lin *next_slot(const Lower *c, int carry)
{
    return lin_offset(c->a, carry_slot(c, carry), type_count(c->carry_type[carry]));
}

bool is_next_slot(const Unit *u)
{
    const Lower *c = u->context;
    for (int i = 0; c->parent && i < c->scan->attr.scan.ncarry; i++)
        if (c->carry[i] == u->buffer && c->rolls[i] >= 0)
            return true;
    return false;
}

bool yield_has_place(const Lower *c, int yield)
{
    const Node *n = yielded(c->scan, yield);
    if (yield_inside(n) >= 0 && yielded_again(c, n->in[0], yield_inside(n)) == yield)
        return true;
    int carry = carry_before(c->scan, yield), before = yield_before(c->scan, yield);
    if (carry >= 0)
        return c->rolls[carry] == yield;
    carry = before < 0 ? -1 : carry_before(c->scan, before);
    return carry >= 0 && c->rolls[carry] == before && c->stacked[yield] == c->stacked[before] &&
           lin_eq(slot_of(c, yield), next_slot(c, carry));
}

/* A stack of its own, the caller's tensor, or what the loop around stacks. */
static void place_yield(Lower *c, int yield, int again)
{
    const Port *port = &c->fn->result.at[c->scan->attr.scan.ncarry + yield], *caller = stacking_port(c->parent, c->scan, yield);
    const Type *rolling = rolling_type(c->scan, yield);
    Type t = type_insert(port->node->type, 0, c->scan->attr.scan.length);
    if (rolling && !c->p->sparing)
        t = type_insert(*rolling, 0, type_count(t) / type_count(*rolling) + 1);
    c->stacked[yield] = again >= 0 ? c->parent->stacked[again] : caller ? port_buffer(c->parent, caller) : buffer_new(c->p, BUFFER_ARENA, t, port->name);
    c->stacked_at[yield] = again < 0 ? lin_const(c->a, 0) : slot_of(c->parent, again);
}

/* Whether a stack of `yield` has a slot behind its last one, or what stands there comes later. Where bytes count there is no such slot:
 * another tensor may take the stack's place, which is as large. */
static bool has_room(const Lower *c, int yield)
{
    if (c->p->sparing)
        return false;
    int again = yielded_again(c->parent, c->scan, yield);
    return again < 0 || (rolling_type(c->parent->scan, again) && has_room(c->parent, again));
}

/* The yield in whose stack this one is, a slot further; -1: it has another place. */
static int slot_before(const Lower *c, int yield)
{
    int before = yielded_again(c->parent, c->scan, yield) < 0 ? yield_before(c->scan, yield) : -1;
    return before >= 0 && has_room(c, before) ? before : -1;
}

static void place_yields(Lower *c)
{
    const Node *scan = c->scan;
    for (int i = 0; i < scan->attr.scan.nyield; i++)
        if (slot_before(c, i) < 0)
            place_yield(c, i, yielded_again(c->parent, scan, i));
    for (int i = 0; i < scan->attr.scan.nyield; i++) {
        int before = slot_before(c, i);
        if (before < 0)
            continue;
        c->stacked[i] = c->stacked[before];
        c->stacked_at[i] = lin_offset(c->a, c->stacked_at[before], type_count(*rolling_type(scan, before)));
    }
}

/* Which carries roll, and a tensor for each of the others. */
static void place_carries(Lower *c)
{
    int ncarry = c->scan->attr.scan.ncarry;
    for (int i = 0; i < ncarry; i++) {
        c->carry_type[i] = c->fn->input.at[i].node->type;
        c->rolls[i] = -1;
    }
    for (int i = 0; i < c->scan->attr.scan.nyield; i++)
        if (carry_before(c->scan, i) >= 0 && has_room(c, i))
            c->rolls[carry_before(c->scan, i)] = i;
    for (int i = 0; i < ncarry; i++)
        if (c->rolls[i] < 0) {
            const char *name = c->fn->input.at[i].name;
            c->carry[i] = buffer_new(c->p, BUFFER_ARENA, c->carry_type[i], name ? name : "carry");
        }
}

void place_loop(Lower *c)
{
    int ncarry = c->scan->attr.scan.ncarry, nyield = c->scan->attr.scan.nyield;
    c->carry = NEWN(c->a, Buffer *, ncarry + 1);
    c->rolls = NEWN(c->a, int, ncarry + 1);
    c->carry_type = NEWN(c->a, Type, ncarry + 1);
    c->stacked = NEWN(c->a, Buffer *, nyield + 1);
    c->stacked_at = NEWN(c->a, const Lin *, nyield + 1);
    c->time = NEW(c->a, Var);
    *c->time = (Var){.id = FIRST_TIME - c->p->nloop++, .extent = c->scan->attr.scan.length};
    int nested = 0;
    for (const Lower *outer = c->parent; outer->parent; outer = outer->parent)
        nested++;
    c->time->name = nested ? arena_printf(c->a, "t%d", nested) : "t";
    place_carries(c);
    place_yields(c);
    for (int i = 0; i < ncarry; i++)
        if (c->rolls[i] >= 0)
            c->carry[i] = c->stacked[c->rolls[i]];
}

Buffer *loop_result(const Lower *c, const Node *n, const Lin **at)
{
    const Lower *body = c->body[n->in[0]->id];
    int i = n->attr.index.index, ncarry = n->in[0]->attr.scan.ncarry;
    *at = i < ncarry ? slot_behind(body, i, body->time->extent) : body->stacked_at[i - ncarry];
    return i < ncarry ? body->carry[i] : body->stacked[i - ncarry];
}
