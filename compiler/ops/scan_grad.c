/* SPDX-License-Identifier: MIT */
/* scan_grad.c: the gradient of a loop is a loop that runs the other way.
 *
 *     forward   c, slices, invariants      -> body -> c', yields
 *     backward  dc', dyields, residuals,   -> body -> dc, dslices          and for each invariant v an
 *               slices, invariants                                         accumulator a -> a + dv
 *
 * The backward body is the gradient of the forward body, made in a copy of it (the workshop). What it
 * needs of the forward body's values comes from slices and invariants where it can, is computed again
 * where that is cheap, and is otherwise a residual: one more yield of the forward scan, which is made
 * again with them. The function's other users of the forward scan are told to take the new one (Swaps), so
 * that it runs once. */
#include "ops.h"
#include "../passes/loop.h"

/* How the backward body gets a value of the forward body. */
typedef enum Supply {
    SUPPLY_UNKNOWN,
    SUPPLY_INPUT,    /* a slice, an invariant, a constant */
    SUPPLY_AGAIN,    /* computed again from what is supplied */
    SUPPLY_RESIDUAL, /* yielded by the forward scan */
    SUPPLY_BACKWARD, /* depends on a cotangent: made in the backward body */
} Supply;

typedef struct ScanGrad {
    GradCtx *g;
    Node *scan;
    const Fn *body;
    int ncarry, nslice, nyield, nin;
    Node **dresult;   /* by result: cotangents from outside, or NULL */
    bool *carried;    /* by carry: it needs a cotangent carry */
    bool *active;     /* by input: the gradient is of use */
    Fn *shop;         /* the workshop: the body's copy, cotangents as further inputs, gradients */
    int nforward;     /* the shop's nodes below are the body's copy */
    Node **in;        /* by input: in the shop */
    Node **result;    /* by result: in the shop */
    Node **cotangent; /* by result: an input of the shop, or NULL */
    Node **gradient;  /* by input: in the shop, or NULL */
    Swaps swaps;      /* inner scans that were made again */
    Node **instead;   /* by shop id, for swaps */
    Supply *supply;   /* by shop id */
    VEC(Node *) residual;
    int *yield;    /* by shop id of a residual: which yield of the forward scan it is */
    Node *forward; /* the scan made again, or the same */
} ScanGrad;

/* ---- which inputs and results matter ------------------------------------------------------------------- */

static bool passes_gradient(const Node *n)
{
    return n->type.dt == DT_F32 && op_info(n->op)->grad;
}

/* By body id: an f32 that depends on an input whose gradient is of use, in this step or an earlier one. */
static bool *depends_on_active(const ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    bool *depends = NEWN(a, bool, s->body->node.n + 1), more;
    for (int i = 0; i < s->nin; i++)
        depends[s->body->input.at[i].node->id] = grad_wanted(s->g, s->scan->in[i]);
    do {
        more = false;
        for (int id = 0; id < s->body->node.n; id++) {
            const Node *n = s->body->node.at[id];
            for (int i = 0; i < n->nin && passes_gradient(n); i++)
                depends[id] |= depends[n->in[i]->id];
        }
        for (int i = 0; i < s->ncarry; i++) {
            bool *carry = &depends[s->body->input.at[i].node->id];
            if (*carry || !depends[s->body->result.at[i].node->id])
                continue;
            *carry = more = true;
        }
    } while (more);
    return depends;
}

/* By body id: a result that has a cotangent depends on it, in this step or a later one. */
static bool *matters(const ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    bool *used = NEWN(a, bool, s->body->node.n + 1), more;
    for (int i = 0; i < s->ncarry + s->nyield; i++)
        used[s->body->result.at[i].node->id] |= s->dresult[i] != NULL;
    do {
        more = false;
        for (int id = s->body->node.n - 1; id >= 0; id--) {
            const Node *n = s->body->node.at[id];
            for (int i = 0; i < n->nin && used[id] && passes_gradient(n); i++)
                used[n->in[i]->id] = true;
        }
        for (int i = 0; i < s->ncarry; i++) {
            bool *next = &used[s->body->result.at[i].node->id];
            if (*next || !used[s->body->input.at[i].node->id])
                continue;
            *next = more = true;
        }
    } while (more);
    return used;
}

static void choose_inputs(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    bool *depends = depends_on_active(s), *used = matters(s);
    s->active = NEWN(a, bool, s->nin + 1);
    s->carried = NEWN(a, bool, s->ncarry + 1);
    for (int i = 0; i < s->nin; i++) {
        const Node *in = s->body->input.at[i].node;
        s->active[i] = depends[in->id] && used[in->id] && in->type.dt == DT_F32;
        if (i < s->ncarry)
            s->carried[i] = depends[in->id] && in->type.dt == DT_F32 && (used[in->id] || s->dresult[i]);
    }
}

/* ---- the workshop -------------------------------------------------------------------------------------- */

static void copy_body(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    const Fn *body = s->body;
    Node **map = NEWN(a, Node *, body->node.n + 1);
    s->shop = fn_new(a, body->name);
    s->shop->span = s->g->fn->span;
    s->in = NEWN(a, Node *, s->nin + 1);
    s->result = NEWN(a, Node *, body->result.n + 1);
    for (int i = 0; i < s->nin; i++)
        s->in[i] = map[body->input.at[i].node->id] = node_rebuild(s->shop, body->input.at[i].node, NULL);
    fn_inline(s->shop, body, map);
    for (int i = 0; i < body->result.n; i++)
        s->result[i] = map[body->result.at[i].node->id];
    s->nforward = s->shop->node.n;
}

/* Makes the gradients of the active inputs, given cotangents of the results. */
static void differentiate_body(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    int nresult = s->ncarry + s->nyield, n = 0, nwrt = 0;
    Node **results = NEWN(a, Node *, nresult + 1), **seeds = NEWN(a, Node *, nresult + 1);
    Node **wrt = NEWN(a, Node *, s->nin + 1), **out = NEWN(a, Node *, s->nin + 1);
    s->cotangent = NEWN(a, Node *, nresult + 1);
    s->gradient = NEWN(a, Node *, s->nin + 1);
    for (int i = 0; i < nresult; i++) {
        if (i < s->ncarry ? !s->carried[i] : !s->dresult[i])
            continue;
        s->cotangent[i] = fn_input(s->shop, ROLE_YIELD, i, NULL, s->result[i]->type);
        results[n] = s->result[i];
        seeds[n++] = s->cotangent[i];
    }
    for (int i = 0; i < s->nin; i++)
        if (s->active[i])
            wrt[nwrt++] = s->in[i];
    gradients_swapping(s->shop, n, results, seeds, nwrt, wrt, out, &s->swaps);
    for (int i = 0, at = 0; i < s->nin; i++)
        if (s->active[i])
            s->gradient[i] = out[at++];
    s->instead = swapped(a, s->shop, &s->swaps);
}

/* ---- what the backward body needs of the forward body -------------------------------------------------- */

static const Node *operand(const ScanGrad *s, const Node *n, int i)
{
    return s->instead[n->in[i]->id];
}

static void mark_backward(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    s->supply = NEWN(a, Supply, s->shop->node.n + 1);
    s->yield = NEWN(a, int, s->shop->node.n + 1);
    for (int i = 0; i < s->ncarry + s->nyield; i++)
        if (s->cotangent[i])
            s->supply[s->cotangent[i]->id] = SUPPLY_BACKWARD;
    for (int id = s->nforward; id < s->shop->node.n; id++) {
        const Node *n = s->shop->node.at[id];
        for (int i = 0; i < n->nin; i++)
            if (s->supply[n->in[i]->id] == SUPPLY_BACKWARD)
                s->supply[id] = SUPPLY_BACKWARD;
    }
}

/* Inputs that every step of either direction sees, and what follows from invariants alone: hoisting finds
 * that it is the same in both loops. Scans are not made twice. */
static void mark_inputs(ScanGrad *s)
{
    for (int i = s->ncarry; i < s->nin; i++)
        s->supply[s->in[i]->id] = SUPPLY_INPUT;
    bool *fixed = NEWN(s->g->fn->a, bool, s->shop->node.n + 1);
    for (int i = s->ncarry + s->nslice; i < s->nin; i++)
        fixed[s->in[i]->id] = true;
    for (int id = 0; id < s->shop->node.n; id++) {
        const Node *n = s->shop->node.at[id];
        if (n->op == OP_INPUT || op_info(n->op)->class == CLASS_LOOP)
            continue;
        fixed[id] = true;
        for (int i = 0; i < n->nin; i++)
            fixed[id] &= fixed[n->in[i]->id];
        if (fixed[id] && s->supply[id] == SUPPLY_UNKNOWN)
            s->supply[id] = n->nin ? SUPPLY_AGAIN : SUPPLY_INPUT;
    }
}

/* Forward values that live backward nodes, and the gradients themselves, read directly. */
static bool *needed_values(const ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    bool *seen = NEWN(a, bool, s->shop->node.n + 1);
    VEC(const Node *) todo = {0};
    for (int i = 0; i < s->nin; i++)
        if (s->gradient[i])
            vec_push(a, &todo, s->instead[s->gradient[i]->id]);
    while (todo.n) {
        const Node *n = todo.at[--todo.n];
        if (seen[n->id])
            continue;
        seen[n->id] = true;
        for (int i = 0; i < n->nin && s->supply[n->id] == SUPPLY_BACKWARD; i++)
            vec_push(a, &todo, operand(s, n, i));
    }
    return seen;
}

/* Better to keep the operands: a move whose operand is no larger than its result, and element-wise work of
 * the gradient's own (1 − y²), which the forward loop would do for nothing else. */
static bool keeps_operands(const ScanGrad *s, const Node *n)
{
    OpClass class = op_info(n->op)->class;
    if (class == CLASS_MOVE && n->nin == 1 && type_count(n->in[0]->type) <= type_count(n->type))
        return true;
    return n->id >= s->nforward && (class == CLASS_MOVE || class == CLASS_ELEMENT);
}

/* Cheaper to compute than to keep, given the operands. */
static bool is_cheap(const Node *n)
{
    switch (n->op) {
    case OP_EQ:
    case OP_LT:
    case OP_LE:
    case OP_NOT:
    case OP_AND:
    case OP_OR:
    case OP_CAST:
    case OP_NEG:
        return true;
    default:
        return op_info(n->op)->class == CLASS_MOVE;
    }
}

static bool all_supplied(const ScanGrad *s, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (s->supply[operand(s, n, i)->id] == SUPPLY_UNKNOWN)
            return false;
    return true;
}

/* Decides for every needed value how it is supplied. */
static void choose_residuals(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    bool *needed = needed_values(s);
    VEC(const Node *) todo = {0};
    for (int id = 0; id < s->shop->node.n; id++)
        if (needed[id])
            vec_push(a, &todo, s->shop->node.at[id]);
    while (todo.n) { /* some pass the need on to their operands */
        const Node *n = todo.at[--todo.n];
        needed[n->id] = true;
        if (s->supply[n->id] != SUPPLY_UNKNOWN || !keeps_operands(s, n))
            continue;
        s->supply[n->id] = SUPPLY_AGAIN;
        for (int i = 0; i < n->nin; i++)
            vec_push(a, &todo, operand(s, n, i));
    }
    for (int id = 0; id < s->shop->node.n; id++) { /* what is not cheap is kept, whatever else is */
        Node *n = s->shop->node.at[id];
        if (needed[id] && s->supply[id] == SUPPLY_UNKNOWN && !is_cheap(n))
            s->supply[id] = SUPPLY_RESIDUAL;
    }
    for (int id = 0; id < s->shop->node.n; id++) { /* what is cheap is kept when its operands are not there */
        Node *n = s->shop->node.at[id];
        if (needed[id] && s->supply[id] == SUPPLY_UNKNOWN)
            s->supply[id] = all_supplied(s, n) ? SUPPLY_AGAIN : SUPPLY_RESIDUAL;
        if (needed[id] && s->supply[id] == SUPPLY_RESIDUAL)
            vec_push(a, &s->residual, n);
    }
}

/* ---- the forward scan with residuals ------------------------------------------------------------------- */

/* Which of the body's own yields the residual is, or -1. */
static int own_yield(const ScanGrad *s, const Node *residual)
{
    for (int i = 0; i < s->nyield; i++)
        if (s->instead[s->result[s->ncarry + i]->id] == residual)
            return i;
    return -1;
}

/* What is yielded for a residual: itself, or its elements in a row where the steps would be one axis too
 * many. */
static Node *yielded(const ScanGrad *s, Node *n)
{
    int64_t count = type_count(n->type);
    return n->type.rank < MAX_RANK ? n : node_reshape(s->shop, n, 1, &count);
}

static void swap_results(ScanGrad *s)
{
    Fn *fn = s->g->fn;
    for (int id = 0; id < s->g->n; id++) {
        Node *n = fn->node.at[id];
        if (n->op != OP_RESULT || n->in[0] != s->scan)
            continue;
        Swap swap = {n, node_result(fn, s->forward, n->attr.index.index)};
        vec_push(fn->a, &s->g->swaps->list, swap);
    }
}

/* Makes the forward scan again, yielding the residuals too; the same one where there are none to add. */
static void remake_forward(ScanGrad *s)
{
    Arena *a = s->g->fn->a;
    VEC(Node *) roots = {0};
    int nresult = s->ncarry + s->nyield, nyield = s->nyield;
    for (int i = 0; i < nresult; i++)
        vec_push(a, &roots, s->result[i]);
    for (int i = 0; i < s->residual.n; i++) {
        Node *n = s->residual.at[i];
        int own = own_yield(s, n);
        s->yield[n->id] = own >= 0 ? own : nyield++;
        if (own < 0)
            vec_push(a, &roots, yielded(s, n));
    }
    s->forward = s->scan;
    if (nyield == s->nyield && !s->swaps.list.n)
        return;
    Fn *body = fn_new(a, s->body->name);
    Node **map = NEWN(a, Node *, s->shop->node.n + 1);
    body->span = s->body->span;
    for (int i = 0; i < s->nin; i++)
        map[s->in[i]->id] = node_rebuild(body, s->in[i], NULL);
    graft(body, s->shop, roots.n, roots.at, map, &s->swaps);
    for (int i = 0; i < roots.n; i++) {
        const Port *port = i < nresult ? &s->body->result.at[i] : NULL;
        Role role = i < s->ncarry ? ROLE_CARRY : ROLE_YIELD;
        fn_result(body, role, i < s->ncarry ? i : i - s->ncarry, port ? port->name : roots.at[i]->name,
                  map[roots.at[i]->id]);
    }
    Attr attr = s->scan->attr;
    attr.scan.body = body;
    attr.scan.nyield = nyield;
    s->forward = node_make(s->g->fn, OP_SCAN, s->nin, s->scan->in, &attr);
    swap_results(s);
}

/* ---- the backward scan --------------------------------------------------------------------------------- */

/* A cotangent that enters from outside: of a carry, zeros where the final value is not used. */
static void supply_cotangents(ScanGrad *s, Loop *l, Node **map, int *carry)
{
    for (int i = 0; i < s->ncarry + s->nyield; i++) {
        if (!s->cotangent[i])
            continue;
        Node **to = &map[s->cotangent[i]->id];
        if (i >= s->ncarry) {
            *to = loop_slice(l, NULL, s->dresult[i]);
            continue;
        }
        Node *final = s->dresult[i] ? s->dresult[i] : node_full(s->g->fn, s->result[i]->type, 0);
        carry[i] = loop_carry(l, NULL, final);
        *to = l->carry.at[carry[i]].in;
    }
}

static void supply_forward(const ScanGrad *s, Loop *l, Node **map)
{
    bool *read = NEWN(l->fn->a, bool, s->shop->node.n + 1);
    VEC(Node *) todo = {0};
    for (int i = 0; i < s->nin; i++)
        if (s->gradient[i])
            vec_push(l->fn->a, &todo, s->instead[s->gradient[i]->id]);
    while (todo.n) { /* inputs that are really read: others would be dropped again */
        Node *n = todo.at[--todo.n];
        if (read[n->id] || map[n->id])
            continue;
        read[n->id] = true;
        for (int i = 0; i < n->nin && s->supply[n->id] != SUPPLY_RESIDUAL; i++)
            vec_push(l->fn->a, &todo, s->instead[n->in[i]->id]);
    }
    for (int i = s->ncarry; i < s->nin; i++) {
        Node *outer = s->scan->in[i];
        if (read[s->in[i]->id])
            map[s->in[i]->id] = i < s->ncarry + s->nslice ? loop_slice(l, s->in[i]->name, outer)
                                                          : loop_invariant(l, s->in[i]->name, outer);
    }
    for (int i = 0; i < s->residual.n; i++) {
        Node *n = s->residual.at[i];
        Node *all = node_result(s->g->fn, s->forward, s->ncarry + s->yield[n->id]);
        map[n->id] = node_reshape(l->body, loop_slice(l, n->name, all), n->type.rank, n->type.dim);
    }
}

static Node *gradient_in_loop(const ScanGrad *s, Loop *l, Node *const *map, int i)
{
    Node *gradient = s->gradient[i];
    return gradient ? map[gradient->id] : node_full(l->body, s->in[i]->type, 0);
}

static void make_backward(ScanGrad *s)
{
    Fn *fn = s->g->fn;
    Arena *a = fn->a;
    Loop *l = loop_new(fn, arena_printf(a, "%s_backward", s->body->name ? s->body->name : "scan"),
                       s->scan->attr.scan.length, !s->scan->attr.scan.reverse);
    Node **map = NEWN(a, Node *, s->shop->node.n + 1);
    int *number = NEWN(a, int, s->nin + 1); /* by input: the carry or yield that brings its gradient out */
    supply_cotangents(s, l, map, number);
    supply_forward(s, l, map);
    VEC(Node *) roots = {0};
    for (int i = 0; i < s->nin; i++)
        if (s->gradient[i])
            vec_push(a, &roots, s->gradient[i]);
    graft(l->body, s->shop, roots.n, roots.at, map, &s->swaps);

    for (int i = 0; i < s->nin; i++) {
        const char *name = s->in[i]->name;
        if (i < s->ncarry && s->carried[i]) {
            loop_next(l, number[i], gradient_in_loop(s, l, map, i));
        } else if (i >= s->ncarry && i < s->ncarry + s->nslice && s->gradient[i]) {
            number[i] = loop_yield(l, NULL, map[s->gradient[i]->id]);
        } else if (i >= s->ncarry + s->nslice && s->gradient[i]) {
            number[i] = loop_carry(l, name, node_full(fn, s->in[i]->type, 0));
            Node *sum = l->carry.at[number[i]].in;
            loop_next(l, number[i], node_binary(l->body, OP_ADD, sum, map[s->gradient[i]->id]));
        }
    }
    Node **carry_out = NEWN(a, Node *, l->ncarry + 1), **yield_out = NEWN(a, Node *, l->yield.n + 1);
    bool *wanted = NEWN(a, bool, l->ncarry + 1);
    for (int i = 0; i < s->nin; i++)
        if (i < s->ncarry ? s->carried[i] : i >= s->ncarry + s->nslice && s->gradient[i])
            wanted[number[i]] = grad_wanted(s->g, s->scan->in[i]);
    loop_close(l, wanted, carry_out, yield_out);
    for (int i = 0; i < s->nin; i++) {
        bool slice = i >= s->ncarry && i < s->ncarry + s->nslice;
        if (i < s->ncarry ? !s->carried[i] : !s->gradient[i])
            continue;
        Node *d = slice ? yield_out[number[i]] : carry_out[number[i]];
        if (d)
            grad_into(s->g, s->scan->in[i], d);
    }
}

/* By result of the scan: its gradient so far, or NULL. */
static Node **gathered_cotangents(const GradCtx *g, const Node *scan, int nresult)
{
    Node **dresult = NEWN(g->fn->a, Node *, nresult + 1);
    for (int id = scan->id + 1; id < g->n; id++) {
        const Node *n = g->fn->node.at[id];
        if (n->op == OP_RESULT && n->in[0] == scan && n->type.dt == DT_F32)
            dresult[n->attr.index.index] = g->gradient[id];
    }
    return dresult;
}

/* result: its dy waits until the scan is reached, whose own only says that there is one */
GRAD(result)
{
    g->gradient[n->id] = dy;
    if (!g->gradient[n->in[0]->id])
        grad_into(g, n->in[0], node_const(g->fn, DT_F32, 0));
}

/* scan: dx of every operand by a scan that runs the other way (docs/differentiation.md) */
GRAD(scan)
{
    (void)dy;
    ScanGrad s = {.g = g, .scan = n, .body = n->attr.scan.body};
    s.ncarry = n->attr.scan.ncarry;
    s.nslice = n->attr.scan.nslice;
    s.nyield = n->attr.scan.nyield;
    s.nin = n->nin;
    s.dresult = gathered_cotangents(g, n, s.ncarry + s.nyield);
    choose_inputs(&s);
    copy_body(&s);
    differentiate_body(&s);
    mark_backward(&s);
    mark_inputs(&s);
    choose_residuals(&s);
    remake_forward(&s);
    make_backward(&s);
}
