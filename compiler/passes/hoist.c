/* SPDX-License-Identifier: MIT */
/* hoist.c: what a scan computes from its inputs alone leaves it, and so does what it only yields or
 * accumulates (sink.c).
 *
 *     before the loop   whatever depends on invariants alone; contractions of slices, for all steps at once
 *     in the loop       what the carries need
 *     after the loop    contractions nobody in the loop reads; sums over the steps
 *     around a strip    both of these, where all steps at once are too much (strips.c)
 *
 * An LSTM keeps one product in its loop, h · recurrent_kernel; x · kernel is one product before it, and in
 * the training step the gradients of kernel, recurrent_kernel and bias are one contraction each after it.
 *
 * needs: a function that verifies. gives: an equal one (sums over the steps may be added in another
 * order), without unused results, yields, carries, invariants and slices. Loops in loops are done first. */
#include "hoisting.h"
#include "passes.h"

bool *stepped_operands(const Hoist *h, const Node *n)
{
    bool *stepped = NEWN(h->fn->a, bool, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        stepped[i] = is_stepped(h, n->in[i]);
    return stepped;
}

Node *outside_of(Hoist *h, const Node *n)
{
    Node **in = NEWN(h->fn->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = h->outside[n->in[i]->id];
    return batch_node(h->fn, n, in, stepped_operands(h, n), h->steps);
}

/* ---- what is known of the body ------------------------------------------------------------------------- */

/* Live over any number of steps: what the used results need, and the carries that those need. */
static void find_live(Hoist *h)
{
    Arena *a = h->fn->a;
    VEC(Node *) roots = {0};
    bool *rooted = NEWN(a, bool, h->ncarry + 1), more;
    for (int i = 0; i < h->ncarry + h->nyield; i++) {
        if (!h->used[i])
            continue;
        vec_push(a, &roots, h->body->result.at[i].node);
        if (i < h->ncarry)
            rooted[i] = true;
    }
    do {
        more = false;
        h->live = reached_from(a, h->body, roots.n, roots.at);
        for (int i = 0; i < h->ncarry; i++) {
            if (rooted[i] || !h->live[h->body->input.at[i].node->id])
                continue;
            rooted[i] = more = true;
            vec_push(a, &roots, h->body->result.at[i].node);
        }
    } while (more);
    for (int i = 0; i < h->ncarry; i++)
        h->live[h->body->input.at[i].node->id] = rooted[i];
}

static Kind kind_of_input(const Node *n)
{
    switch (n->attr.input.role) {
    case ROLE_CARRY:
        return KIND_LATE;
    case ROLE_SLICE:
        return KIND_EARLY;
    default:
        return KIND_FIXED;
    }
}

/* Constants are as cheap in the loop as outside, unless work is done on them. */
static Kind kind_of(const Hoist *h, const Node *n)
{
    if (n->op == OP_INPUT)
        return kind_of_input(n);
    OpClass class = op_info(n->op)->class;
    bool cheap = n->op == OP_CONST || n->op == OP_IOTA || class == CLASS_MOVE || class == CLASS_ELEMENT;
    Kind kind = cheap ? KIND_CONST : KIND_FIXED;
    for (int i = 0; i < n->nin; i++)
        kind = h->kind[n->in[i]->id] > kind ? h->kind[n->in[i]->id] : kind;
    return kind;
}

static bool is_batchable(const Hoist *h, const Node *n)
{
    if (h->kind[n->id] != KIND_EARLY)
        return false;
    if (n->op == OP_INPUT)
        return true;
    for (int i = 0; i < n->nin; i++)
        if (is_stepped(h, n->in[i]) && !h->batchable[n->in[i]->id])
            return false;
    return can_batch(n, stepped_operands(h, n), h->steps);
}

static void classify(Hoist *h)
{
    Arena *a = h->fn->a;
    int n = h->body->node.n + 1;
    h->kind = NEWN(a, Kind, n);
    h->outside = NEWN(a, Node *, n);
    h->batchable = NEWN(a, bool, n);
    h->hoisted = NEWN(a, bool, n);
    h->yield = NEWN(a, int, n);
    find_live(h);
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *x = h->body->node.at[id];
        h->kind[id] = kind_of(h, x);
        h->batchable[id] = is_batchable(h, x);
    }
}

/* ---- before the loop ----------------------------------------------------------------------------------- */

/* Everything live that is the same at every step, made in fn. */
static void make_fixed(Hoist *h)
{
    Arena *a = h->fn->a;
    VEC(Node *) roots = {0};
    Node **map = NEWN(a, Node *, h->body->node.n + 1);
    for (int i = h->ncarry; i < h->scan->nin; i++) {
        int id = h->body->input.at[i].node->id;
        h->outside[id] = h->scan->in[i];
        if (i >= h->ncarry + h->nslice)
            map[id] = h->scan->in[i];
    }
    for (int id = 0; id < h->body->node.n; id++)
        if (h->live[id] && !is_stepped(h, h->body->node.at[id]) && h->body->node.at[id]->op != OP_SCAN)
            vec_push(a, &roots, h->body->node.at[id]);
    graft(h->fn, h->body, roots.n, roots.at, map, NULL);
    for (int i = 0; i < roots.n; i++)
        h->outside[roots.at[i]->id] = map[roots.at[i]->id];
}

/* The contractions that leave, and what they are made of, for all steps at once. */
static void make_early(Hoist *h)
{
    bool *wanted = NEWN(h->fn->a, bool, h->body->node.n + 1);
    for (int id = h->body->node.n - 1; id >= 0; id--) {
        const Node *n = h->body->node.at[id];
        wanted[id] |= h->hoisted[id];
        for (int i = 0; i < n->nin && wanted[id] && !h->outside[id]; i++)
            wanted[n->in[i]->id] = true;
    }
    for (int id = 0; id < h->body->node.n; id++)
        if (wanted[id] && !h->outside[id])
            h->outside[id] = outside_of(h, h->body->node.at[id]);
}

/* ---- the loop that remains ----------------------------------------------------------------------------- */

/* Is n's value worth taking from outside? Moves of it are made in the loop again, as index arithmetic. */
static bool enters_as_invariant(const Hoist *h, const Node *n)
{
    return h->kind[n->id] == KIND_FIXED && n->op != OP_INPUT && n->op != OP_SCAN &&
           op_info(n->op)->class != CLASS_MOVE;
}

/* map[id]: what the remaining body has instead of these nodes. */
static void enter_inputs(const Hoist *h, Loop *l, Node **map, int *carry)
{
    for (int i = 0; i < h->scan->nin; i++) {
        const Port *port = &h->body->input.at[i];
        int id = port->node->id;
        if (!h->live[id])
            continue;
        if (i >= h->ncarry + h->nslice) {
            map[id] = loop_invariant(l, port->name, h->scan->in[i]);
        } else if (i >= h->ncarry) {
            map[id] = loop_slice(l, port->name, h->scan->in[i]);
        } else if (!h->accumulates[i]) {
            carry[i] = loop_carry(l, port->name, h->scan->in[i]);
            map[id] = l->carry.at[carry[i]].in;
        }
    }
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        if (h->live[id] && enters_as_invariant(h, n))
            map[id] = loop_invariant(l, n->name, h->outside[id]);
        else if (h->hoisted[id])
            map[id] = loop_slice(l, n->name, h->outside[id]);
    }
}

/* Makes in the loop what carries and yields need. */
static void fill_body(Hoist *h, Loop *l, Node **map, const int *carry)
{
    Arena *a = h->fn->a;
    VEC(Node *) roots = {0};
    for (int i = 0; i < h->ncarry; i++)
        if (carry[i] >= 0)
            vec_push(a, &roots, h->body->result.at[i].node);
    for (int id = 0; id < h->body->node.n; id++)
        if (sink_is_yielded(h, h->body->node.at[id]))
            vec_push(a, &roots, h->body->node.at[id]);
    graft(l->body, h->body, roots.n, roots.at, map, NULL);
    for (int i = 0; i < h->ncarry; i++)
        if (carry[i] >= 0)
            loop_next(l, carry[i], map[h->body->result.at[i].node->id]);
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        h->yield[id] = sink_is_yielded(h, n) ? loop_yield(l, n->name, map[id]) : -1;
    }
}

static void hoist_scan(Fn *fn, const Node *scan, int64_t room, bool stays, const bool *used, Node **out);

static void hoist_in_strips(Hoist *h, int64_t steps, Node **out)
{
    hoist_scan(h->fn, strips_scan(h, steps), h->room, true, h->used, out);
    for (int i = h->ncarry; i < h->ncarry + h->nyield; i++)
        if (h->used[i])
            out[i] = strips_joined(h->fn, out[i]);
}

/* Replaces one scan of fn; out[i] is result i where used[i]. */
static void hoist_scan(Fn *fn, const Node *scan, int64_t room, bool stays, const bool *used, Node **out)
{
    Arena *a = fn->a;
    Hoist h = {.fn = fn, .scan = scan, .body = scan->attr.scan.body, .used = used};
    h.room = room;
    h.stays = stays;
    h.ncarry = scan->attr.scan.ncarry;
    h.nslice = scan->attr.scan.nslice;
    h.nyield = scan->attr.scan.nyield;
    h.steps = scan->attr.scan.length;
    classify(&h);
    make_fixed(&h);
    sink_plan(&h);
    int64_t strip = strip_steps(&h);
    if (strip) {
        hoist_in_strips(&h, strip, out);
        return;
    }
    make_early(&h);

    Loop *l = loop_new(fn, h.body->name, h.steps, scan->attr.scan.reverse);
    Node **map = NEWN(a, Node *, h.body->node.n + 1);
    int *carry = NEWN(a, int, h.ncarry + 1);
    for (int i = 0; i < h.ncarry; i++)
        carry[i] = -1;
    enter_inputs(&h, l, map, carry);
    fill_body(&h, l, map, carry);
    Node **carry_out = NEWN(a, Node *, l->ncarry + 1), **yield_out = NEWN(a, Node *, l->yield.n + 1);
    bool *wanted = NEWN(a, bool, l->ncarry + 1);
    for (int i = 0; i < h.ncarry; i++)
        if (carry[i] >= 0)
            wanted[carry[i]] = used[i];
    loop_close(l, wanted, carry_out, yield_out);
    sink_make(&h, yield_out);
    for (int i = 0; i < h.ncarry + h.nyield; i++) {
        const Node *result = h.body->result.at[i].node;
        if (!used[i])
            continue;
        if (i >= h.ncarry)
            out[i] = is_stepped(&h, result) ? h.outside[result->id]
                                            : node_insert_axis(fn, h.outside[result->id], 0, h.steps);
        else
            out[i] = h.accumulates[i] ? sink_total(&h, i) : carry_out[carry[i]];
    }
}

/* The scan without what is not needed; its operands' constants and repetitions show in the body. Returns
 * what is left of it, or NULL. */
static const Node *tidy_scan(Fn *fn, const Node *scan, const bool *used, Node **out)
{
    Arena *a = fn->a;
    const Fn *body = scan->attr.scan.body;
    int ncarry = scan->attr.scan.ncarry, nslice = scan->attr.scan.nslice, nresult = body->result.n;
    Loop *l = loop_new(fn, body->name, scan->attr.scan.length, scan->attr.scan.reverse);
    Node **map = NEWN(a, Node *, body->node.n + 1), **roots = NEWN(a, Node *, nresult + 1);
    int *yield = NEWN(a, int, nresult + 1);
    for (int i = 0; i < scan->nin; i++) {
        const Port *port = &body->input.at[i];
        Node **to = &map[port->node->id];
        if (i < ncarry) {
            int carry = loop_carry(l, port->name, scan->in[i]);
            *to = l->carry.at[carry].in;
            continue;
        }
        *to = i < ncarry + nslice ? loop_slice(l, port->name, scan->in[i])
                                  : loop_invariant(l, port->name, scan->in[i]);
    }
    for (int i = 0; i < nresult; i++)
        roots[i] = body->result.at[i].node;
    graft(l->body, body, nresult, roots, map, NULL);
    for (int i = 0; i < nresult; i++) {
        if (i < ncarry)
            loop_next(l, i, map[roots[i]->id]);
        else if (used[i])
            yield[i] = loop_yield(l, body->result.at[i].name, map[roots[i]->id]);
    }
    Node **yield_out = NEWN(a, Node *, l->yield.n + 1);
    const Node *left = loop_close(l, used, out, yield_out);
    for (int i = ncarry; i < nresult; i++)
        if (used[i])
            out[i] = yield_out[yield[i]];
    return left;
}

/* Tidies the scan, then hoists what is left of it. */
static void replace_scan(Fn *fn, const Node *scan, int64_t room, const bool *used, Node **out)
{
    Arena *a = fn->a;
    int n = scan->attr.scan.body->result.n;
    const Node *left = tidy_scan(fn, scan, used, out);
    if (!left)
        return;
    bool *still_used = NEWN(a, bool, n + 1);
    Node **made = NEWN(a, Node *, n + 1);
    for (int i = 0; i < n; i++)
        if (used[i] && out[i]->op == OP_RESULT && out[i]->in[0] == left)
            still_used[out[i]->attr.index.index] = true;
    hoist_scan(fn, left, room, false, still_used, made);
    for (int i = 0; i < n; i++)
        if (used[i] && out[i]->op == OP_RESULT && out[i]->in[0] == left)
            out[i] = made[out[i]->attr.index.index];
}

/* ---- the function -------------------------------------------------------------------------------------- */

/* used[id]: by scan, which of its results live nodes read. */
static bool **used_results(const Fn *fn, const bool *live)
{
    bool **used = NEWN(fn->a, bool *, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (n->op == OP_SCAN)
            used[id] = NEWN(fn->a, bool, n->attr.scan.body->result.n + 1);
        else if (n->op == OP_RESULT && live[id])
            used[n->in[0]->id][n->attr.index.index] = true;
    }
    return used;
}

/* A scan as the old one, with its body hoisted. */
static Node *with_hoisted_body(Fn *fn, const Node *n, Node *const *in, int64_t room)
{
    Attr attr = n->attr;
    attr.scan.body = hoist(n->attr.scan.body, room);
    return node_make(fn, OP_SCAN, n->nin, in, &attr);
}

static void copy_inputs(Fn *to, const Fn *from, Node **map)
{
    for (int i = 0; i < from->input.n; i++)
        map[from->input.at[i].node->id] = node_rebuild(to, from->input.at[i].node, NULL);
}

/* The function with its inputs and what its results need, in order. */
static Fn *tidy(const Fn *from)
{
    Fn *fn = fn_new(from->a, from->name);
    Node **map = NEWN(fn->a, Node *, from->node.n + 1);
    fn->span = from->span;
    copy_inputs(fn, from, map);
    fn_inline(fn, from, map);
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return fn;
}

static bool has_loop(const Fn *fn)
{
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op == OP_SCAN)
            return true;
    return false;
}

Fn *hoist(Fn *from, int64_t room)
{
    Arena *a = from->a;
    if (!has_loop(from))
        return from;
    Fn *fn = fn_new(a, from->name);
    Node **map = NEWN(a, Node *, from->node.n + 1), **roots = NEWN(a, Node *, from->result.n + 1);
    Node ***out = NEWN(a, Node **, from->node.n + 1);
    for (int i = 0; i < from->result.n; i++)
        roots[i] = from->result.at[i].node;
    bool *live = reached_from(a, from, from->result.n, roots), **used = used_results(from, live);
    copy_inputs(fn, from, map);
    for (int id = 0; id < from->node.n; id++) {
        const Node *n = from->node.at[id];
        if (!live[id] || map[id])
            continue;
        if (n->op == OP_RESULT) {
            map[id] = out[n->in[0]->id][n->attr.index.index];
            continue;
        }
        Node **in = NEWN(a, Node *, n->nin + 1);
        for (int i = 0; i < n->nin; i++)
            in[i] = map[n->in[i]->id];
        if (n->op != OP_SCAN) {
            map[id] = node_rebuild(fn, n, in);
            continue;
        }
        fn->span = n->span;
        out[id] = NEWN(a, Node *, n->attr.scan.body->result.n + 1);
        replace_scan(fn, with_hoisted_body(fn, n, in, room), room, used[id], out[id]);
    }
    fn->span = from->span;
    for (int i = 0; i < from->result.n; i++) {
        const Port *port = &from->result.at[i];
        fn_result(fn, port->role, port->index, port->name, map[port->node->id]);
    }
    return tidy(fn);
}
