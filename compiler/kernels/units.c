/* SPDX-License-Identifier: MIT */
/* units.c: a function's units: where each is stored, what it needs, and in which order they stand; and the contexts (function,
 * scan body) they stand in. What a loop carries and stacks is carry.c's. */
#include "lower.h"

#include <string.h>

/* ---- storage --------------------------------------------------------------------------------------- */
/* Leaves, scans and their results have storage of their own. */
static bool may_be_stored(const Node *n)
{
    OpClass class = op_info(n->op)->class;
    return n->op == OP_RANDOM || (class != CLASS_LEAF && class != CLASS_LOOP);
}

Buffer *buffer_new(Plan *p, BufferKind kind, Type t, const char *name)
{
    Buffer *buffer = NEW(p->a, Buffer);
    *buffer = (Buffer){.id = p->buffers.n, .kind = kind, .type = t, .name = name};
    vec_push(p->a, &p->buffers, buffer);
    return buffer;
}

Unit *unit_new(Lower *c, UnitKind kind, const Node *n, Buffer *buffer, const Lin *base)
{
    Unit *u = NEW(c->a, Unit);
    *u = (Unit){.kind = kind, .node = n, .context = c, .type = n->type, .buffer = buffer, .group = -1};
    u->base = base ? base : lin_const(c->a, 0);
    u->max_outer = n->type.rank;
    if (op_info(n->op)->class == CLASS_CONTRACT && kind == UNIT_VALUE && !is_outer_product(n) && n->type.rank)
        u->max_outer--;
    if (n->op == OP_CONCAT && kind == UNIT_VALUE)
        u->max_outer = n->attr.axis.axis;
    return u;
}

static void store_in(Lower *c, const Node *n, Buffer *buffer, const Lin *base)
{
    c->stored[n->id] = true;
    c->cost[n->id] = 1;
    c->unit[n->id] = unit_new(c, UNIT_VALUE, n, buffer, base);
}

void store_node(Lower *c, const Node *n)
{
    if (!may_be_stored(n) || c->stored[n->id])
        return;
    store_in(c, n, buffer_new(c->p, BUFFER_ARENA, n->type, n->name), NULL);
    c->unit[n->id]->private = true;     /* until another kernel is seen to read it */
}

/* ---- results --------------------------------------------------------------------------------------- */
/* The node whose elements, in row-major order, are n's. */
const Node *same_elements(const Node *n)
{
    while (n->op == OP_RESHAPE || n->op == OP_STOP)
        n = n->in[0];
    return n;
}

/* Whether the value of n can be made where somebody wants it. */
static bool is_made_anywhere(const Lower *c, const Node *n)
{
    const Node *source = same_elements(n);
    bool computed = may_be_stored(source) && source->op != OP_CHECK && op_info(source->op)->class != CLASS_MOVE;
    return (computed || source->op == OP_CONCAT) && !c->stored[source->id];
}

/* A result's value is made in its place where it can be; otherwise it is copied there once everything else is done. */
static void place_result(Lower *c, const Node *n, Buffer *buffer, const Lin *base)
{
    if (is_made_anywhere(c, n))
        store_in(c, same_elements(n), buffer, base);
    else
        vec_push(c->a, &c->copies, unit_new(c, UNIT_COPY, n, buffer, base));
}

static const char *port_identifier(Lower *c, const Port *port)
{
    return port->name ? arena_strdup(c->a, port->name) : arena_printf(c->a, "%s_%d", role_name(port->role), port->index);
}

Buffer *port_buffer(Lower *c, const Port *port)
{
    const Node *in = fn_find_input(c->fn, port->role, port->index);
    Buffer *buffer = in ? c->unit[in->id]->buffer : buffer_new(c->p, BUFFER_PORT, port->node->type, port_identifier(c, port));
    buffer->role = port->role;
    buffer->index = port->index;
    buffer->written = true;
    return buffer;
}

/* Element work on a carry that nothing else reads, such as adding to a sum. */
static bool is_added_to(const Lower *c, const Node *n, const Node *carry)
{
    bool reads = false;
    for (int i = 0; i < n->nin; i++)
        reads |= n->in[i] == carry;
    return reads && is_element(n) && c->uses[carry->id] == 1;
}

/* Whether the next value of a carry is to be made in its place, if settle_in_place finds that it may be. Where bytes count the order of
 * kernels is to be free of who reads what was there before. */
static bool replaces_carry(const Lower *c, const Node *n, const Node *carry)
{
    return is_made_anywhere(c, n) && (!c->p->sparing || is_added_to(c, n, carry));
}

static void place_body_results(Lower *c)
{
    int ncarry = c->scan->attr.scan.ncarry;
    for (int i = 0; i < c->fn->result.n; i++) {
        const Node *n = c->fn->result.at[i].node;
        if (i >= ncarry && yield_has_place(c, i - ncarry))
            continue;
        if (i < ncarry && c->rolls[i] >= 0) {
            place_result(c, n, c->carry[i], next_slot(c, i));
        } else if (i < ncarry && replaces_carry(c, n, c->fn->input.at[i].node)) {
            place_result(c, n, c->carry[i], NULL);
        } else if (i >= ncarry) {
            place_result(c, n, c->stacked[i - ncarry], slot_of(c, i - ncarry));
        } else if (n->op == OP_RESULT) {        /* what a loop leaves lies in a place of its own until the next turn */
            vec_push(c->a, &c->copies, unit_new(c, UNIT_COPY, n, c->carry[i], NULL));
        } else if (n->op != OP_INPUT || n->attr.input.role != ROLE_CARRY || n->attr.input.index != i) {
            Buffer *next = buffer_new(c->p, BUFFER_ARENA, n->type, arena_printf(c->a, "next_%s", c->carry[i]->name));
            place_result(c, n, next, NULL);
            Unit *copy = unit_new(c, UNIT_COPY, n, c->carry[i], NULL);
            copy->from = next;
            vec_push(c->a, &c->copies, copy);
        }
    }
}

void place_results(Lower *c)
{
    if (c->parent) {
        place_body_results(c);
        return;
    }
    for (int i = 0; i < c->fn->result.n; i++) {
        const Port *port = &c->fn->result.at[i];
        if (!is_stacked_by_loop(c, port))
            place_result(c, port->node, port_buffer(c, port), NULL);
    }
}

/* ---- pieces ---------------------------------------------------------------------------------------- */
/* Whether x, an operand of a concatenation, can be made in its part of that: nothing else reads it or the contraction it is. */
static bool is_piece(const Lower *c, const Node *x)
{
    for (; x->op == OP_RESHAPE; x = x->in[0])
        if (c->uses[x->id] != 1)
            return false;
    return op_info(x->op)->class == CLASS_CONTRACT && !is_outer_product(x) && c->uses[x->id] == 1 && !c->stored[x->id];
}

/* n's operands follow one another in memory, and all are pieces, none of them twice. */
static bool has_pieces(const Lower *c, const Node *n)
{
    for (int i = 0; i < n->attr.axis.axis; i++)
        if (n->type.dim[i] != 1)
            return false;
    for (int i = 0; i < n->nin; i++)
        if (!is_piece(c, n->in[i]) || (i && n->in[i] == n->in[0]))      /* that counts as one use */
            return false;
    return true;
}

void place_pieces(Lower *c)
{
    for (int i = 0; i < c->fn->node.n; i++) {
        const Node *n = c->fn->node.at[i];
        if (n->op != OP_CONCAT || c->stored[i] || !has_pieces(c, n))
            continue;
        c->joined[i] = buffer_new(c->p, BUFFER_ARENA, n->type, n->name);
        for (int64_t k = 0, at = 0; k < n->nin; at += type_count(n->in[k++]->type))
            store_in(c, same_elements(n->in[k]), c->joined[i], lin_const(c->a, at));
    }
}

/* ---- sets ------------------------------------------------------------------------------------------ */
void marks_clear(Arena *a, Marks *m, int n)
{
    if (n > m->cap)
        *m = (Marks){.at = NEWN(a, int, 2 * n), .cap = 2 * n};
    m->now++;
}

bool marks_add(Marks *m, int i)
{
    bool fresh = m->at[i] != m->now;
    m->at[i] = m->now;
    return fresh;
}

/* ---- units in order, and what they need ------------------------------------------------------------ */
void need_unit(Lower *c, Unit *u, Unit *needed)
{
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i] == needed)
            return;
    vec_push(c->a, &u->needs, needed);
}

static void need_buffer(Lower *c, Unit *u, Buffer *buffer)
{
    for (int i = 0; i < u->reads.n; i++)
        if (u->reads.at[i] == buffer)
            return;
    vec_push(c->a, &u->reads, buffer);
    vec_push(c->a, &buffer->readers, u);
}

/* u waits for n, which it does not read. */
static void follow_value(Lower *c, Unit *u, const Node *n)
{
    Unit *maker = n->op == OP_RESULT ? c->unit[n->in[0]->id] : c->stored[n->id] ? c->unit[n->id] : NULL;
    if (maker)
        vec_push(c->a, &u->follows, maker);
}

static void need_value(Lower *c, Unit *u, const Node *n);

static void need_operands(Lower *c, Unit *u, const Node *n)
{
    for (int i = 0; i < read_operands(n); i++)
        need_value(c, u, n->in[i]);
    for (int i = read_operands(n); i < n->nin; i++)
        follow_value(c, u, n->in[i]);
}

static void need_value(Lower *c, Unit *u, const Node *n)
{
    if (!marks_add(&c->marks, n->id))
        return;
    if (c->stored[n->id]) {
        need_unit(c, u, c->unit[n->id]);
    } else if (n->op == OP_INPUT) {
        if (c->unit[n->id])
            need_buffer(c, u, c->unit[n->id]->buffer);
        else if (n->attr.input.role == ROLE_CARRY && c->rolls[n->attr.input.index] >= 0)
            u->reads_carry = true;
        else if (n->attr.input.role == ROLE_CARRY)
            need_buffer(c, u, c->carry[n->attr.input.index]);
    } else if (n->op == OP_RESULT) {
        need_unit(c, u, c->unit[n->in[0]->id]);
    } else {
        if (n->op == OP_CHECK)
            need_unit(c, u, c->check[n->id]);
        need_operands(c, u, n);
    }
}

static void need_loop_operands(Lower *c, Unit *u)
{
    const Node *n = u->node;
    Lower *body = c->body[n->id];
    int first = n->attr.scan.ncarry + n->attr.scan.nslice;      /* of the invariants */
    for (int i = 0; i < n->nin; i++)
        if (i < first || !is_read_packed(body, body->fn->input.at[i].node))
            need_value(c, u, n->in[i]);
}

static void find_needs(Lower *c, Unit *u)
{
    Unit *pack = u->kind == UNIT_VALUE ? right_pack(c, u->node) : NULL;
    marks_clear(c->a, &c->marks, c->fn->node.n);
    if (pack) {
        need_value(c, u, u->node->in[0]);
        if (pack->context == c)     /* else it was made in front of a loop around this */
            need_unit(c, u, pack);
        return;
    }
    for (int i = 0; u->from && i < c->copies.n; i++)
        if (c->copies.at[i]->buffer == u->from) {
            need_unit(c, u, c->copies.at[i]);
            return;
        }
    if (u->kind == UNIT_LOOP)
        need_loop_operands(c, u);
    else if (u->kind == UNIT_VALUE || u->kind == UNIT_CHECK)
        need_operands(c, u, u->node);
    else
        need_value(c, u, u->node);
}

void push_unit(Lower *c, Unit *u)
{
    u->id = c->units.n;
    vec_push(c->a, &c->units, u);
}

/* A scan, behind its carries' first values. */
static void push_loop(Lower *c, const Node *n)
{
    Unit *loop = c->unit[n->id] = unit_new(c, UNIT_LOOP, n, NULL, NULL);
    push_loop_packs(c, loop, n, n->in);
    for (int k = 0; k < n->attr.scan.ncarry; k++) {
        Unit *first = unit_new(c, UNIT_COPY, n->in[k], c->body[n->id]->carry[k], first_slot(c->body[n->id], k));
        push_unit(c, first);
        need_unit(c, loop, first);
    }
    push_unit(c, loop);
}

static bool loads_elsewhere(const Ex *e, const Buffer *buffer, const Lin *at)
{
    if (e->kind == X_LOAD && e->buffer == buffer && !lin_eq(e->at, at))
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (loads_elsewhere(e->part.at[i], buffer, at))
            return true;
    return false;
}

/* A value that takes the place of one of its own operands must read just the element it writes. */
static bool safe_in_place(Lower *c, const Unit *u)
{
    bool reads = false;
    for (int i = 0; i < u->reads.n; i++)
        reads |= u->reads.at[i] == u->buffer;
    if (!reads)
        return true;
    OpClass class = op_info(u->node->op)->class;
    if (u->kind != UNIT_VALUE || (class != CLASS_ELEMENT && class != CLASS_MOVE) || u->node->op == OP_CONCAT)
        return false;
    Build b = {.a = c->a, .c = c};
    const Lin *index[MAX_RANK];
    Var var[MAX_RANK];
    for (int i = 0; i < u->type.rank; i++) {
        var[i] = (Var){.id = -1 - i, .extent = u->type.dim[i]};
        index[i] = lin_var(c->a, &var[i]);
    }
    return !loads_elsewhere(resolve_body(&b, c, u->node, index), u->buffer, lin_flatten(c->a, u->type, index));
}

static bool has_check(const Fn *fn)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        if (n->op == OP_CHECK || (n->op == OP_SCAN && has_check(n->attr.scan.body)))
            return true;
    }
    return false;
}

static bool may_fail(const Unit *u)
{
    return u->kind == UNIT_CHECK || (u->kind == UNIT_LOOP && has_check(u->node->attr.scan.body));
}

/* A tensor that the caller keeps and that holds something already: a parameter, a state. */
static bool overwrites_input(const Lower *c, const Unit *u)
{
    const Buffer *b = u->buffer;
    return !c->parent && b->kind == BUFFER_PORT && fn_find_input(c->fn, b->role, b->index);
}

/* Who must run before u: readers of what it overwrites; and, where that is the caller's, everyone who may still fail. In the
 * order of the units. */
static void find_behind(Lower *c, Unit *u)
{
    const Buffer *b = u->buffer;
    int nfailing = overwrites_input(c, u) ? c->failing.n : 0;
    for (int i = 0, k = 0; i < b->readers.n || k < nfailing;) {
        Unit *reader = i < b->readers.n ? b->readers.at[i] : NULL, *failing = k < nfailing ? c->failing.at[k] : NULL;
        Unit *v = !failing || (reader && reader->id <= failing->id) ? reader : failing;
        i += v == reader;
        k += v == failing;
        if (v != u && v->context == c)
            vec_push(c->a, &u->behind, v);
    }
}

static bool may_wait_behind(Lower *c, const Unit *u)
{
    for (int i = 0; i < u->behind.n; i++)
        if (!order_may_wait(&c->unit_order, u->id, u->behind.at[i]->id))
            return false;
    return true;
}

static void wait_behind(Lower *c, const Unit *u)
{
    for (int i = 0; i < u->behind.n; i++)
        order_wait(&c->unit_order, u->id, u->behind.at[i]->id);
}

/* Takes the place of what somebody may still want to read: an input, or a carry. */
static bool takes_a_place(const Lower *c, const Unit *u)
{
    bool carry = false;
    for (int i = 0; c->parent && u->kind == UNIT_VALUE && i < c->scan->attr.scan.ncarry; i++)
        carry |= c->carry[i] == u->buffer && c->rolls[i] < 0;
    return carry || u->buffer->kind == BUFFER_PORT;
}

/* A result that cannot be made in the place of an input, or of the carry that it is the next value of, is made elsewhere and copied there:
 * where it reads other elements of it than it writes, and where someone who wants the old contents waits for the new. */
static void settle_in_place(Lower *c, Unit *u)
{
    find_behind(c, u);
    if (takes_a_place(c, u) && !(safe_in_place(c, u) && may_wait_behind(c, u))) {
        Unit *copy = unit_new(c, UNIT_COPY, u->node, u->buffer, u->base);
        copy->from = u->buffer = buffer_new(c->p, BUFFER_ARENA, u->type, u->node->name);
        u->base = lin_const(c->a, 0);
        u->behind.n = 0;
        need_unit(c, copy, u);
        push_unit(c, copy);
        order_wait(&c->unit_order, order_add(&c->unit_order), u->id);
        find_behind(c, copy);
        u = copy;
    }
    wait_behind(c, u);
}

/* Behind what they need, and readers of old contents in front of who overwrites them; otherwise as they were. */
static void order_units(Lower *c)
{
    int n = c->units.n;
    c->unit_order.a = c->a;
    for (int i = 0; i < n; i++)
        order_add(&c->unit_order);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c->units.at[i]->needs.n; k++)
            order_begin(&c->unit_order, i, c->units.at[i]->needs.at[k]->id);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c->units.at[i]->follows.n; k++)
            order_begin(&c->unit_order, i, c->units.at[i]->follows.at[k]->id);
    order_begun(&c->unit_order);
    for (int i = 0; i < n; i++)
        if (c->units.at[i]->buffer)
            settle_in_place(c, c->units.at[i]);
    Unit **order = NEWN(c->a, Unit *, c->units.n);
    const int *sorted = order_sorted(&c->unit_order);
    for (int i = 0; i < c->units.n; i++)
        order[i] = c->units.at[sorted[i]];
    c->units.at = order;
    c->units.cap = c->units.n;
}

void list_units(Lower *c)
{
    for (int i = 0; i < c->fn->node.n; i++) {
        const Node *n = c->fn->node.at[i];
        if (n->op == OP_CHECK) {
            c->check[i] = unit_new(c, UNIT_CHECK, n, NULL, NULL);
            push_unit(c, c->check[i]);
        }
        push_right_pack(c, n);
        if (c->stored[i])
            push_unit(c, c->unit[i]);
        if (n->op == OP_SCAN)
            push_loop(c, n);
    }
    for (int i = 0; i < c->copies.n; i++)
        push_unit(c, c->copies.at[i]);
    for (int i = 0; i < c->units.n; i++) {
        find_needs(c, c->units.at[i]);
        if (may_fail(c->units.at[i]))
            vec_push(c->a, &c->failing, c->units.at[i]);
    }
    order_units(c);
}

/* ---- contexts -------------------------------------------------------------------------------------- */
Lower *lower_context(Arena *a, Plan *p, const Fn *fn, Lower *parent, const Node *scan)
{
    Lower *c = NEW(a, Lower);
    int n = fn->node.n;
    *c = (Lower){.a = a, .p = p, .fn = fn, .parent = parent, .scan = scan};
    c->work = parent ? parent->work : arena_inner(a);
    c->uses = NEWN(a, int, n);
    c->moved = NEWN(a, bool, n);
    c->cost = NEWN(a, int, n);
    c->stored = NEWN(a, bool, n);
    c->level = NEWN(a, int, n);
    c->anchor = NEWN(a, const Node *, n);
    c->unit = NEWN(a, Unit *, n);
    c->joined = NEWN(a, Buffer *, n);
    c->check = NEWN(a, Unit *, n);
    c->pack = NEWN(a, Unit *, n);
    c->body = NEWN(a, Lower *, n);
    if (parent) {
        place_loop(c);
        return c;
    }
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        Buffer *buffer = buffer_new(p, BUFFER_PORT, port->node->type, port_identifier(c, port));
        buffer->role = port->role;
        buffer->index = port->index;
        c->unit[port->node->id] = unit_new(c, UNIT_VALUE, port->node, buffer, NULL);
    }
    return c;
}
