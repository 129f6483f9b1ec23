/* SPDX-License-Identifier: MIT */
/* elaborate_gradient.c: gradient(y, x), inside the program.
 *
 * What it is taken by must stand in the graph as a node that y is computed from, whatever rewrites make of what is around
 * it. So a name that some gradient in its definition is taken by is bound to a cast to its own type: node_make leaves such
 * casts out, and a node made as it is stands. Finished functions are made again without them. */
#include "elaborate_internal.h"

Term watched(Elab *e, const char *name, Term t)
{
    bool mine = is_tensor(t) && t.frame == e->frame && t.node->type.dt == DT_F32 && t.node->op != OP_INPUT;
    if (!mine || !e->instance || !name_listed(&e->instance->watched, name))
        return t;
    const Attr attr = {.dtype = {DT_F32}};
    t.node = node_make_as_is(e->frame->fn, OP_CAST, 1, &t.node, &attr);
    e->watches = true;
    return t;
}

Fn *unwatched(const Fn *fn, const Swaps *swaps)
{
    Fn *again = fn_new(fn->a, fn->name);
    Node **map = NEWN(fn->a, Node *, fn->node.n + 1), **root = NEWN(fn->a, Node *, fn->result.n + 1);
    again->span = fn->span;
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(again, fn->input.at[i].node, NULL);
    for (int i = 0; i < fn->result.n; i++)
        root[i] = fn->result.at[i].node;
    graft(again, fn, fn->result.n, root, map, swaps);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(again, port->role, port->index, port->name, map[port->node->id]);
    }
    return again;
}

/* ---- the builtin --------------------------------------------------------------------------------------- */

enum { MAX_BY = 64 };

/* What is differentiated: one number, or one of each example. */
static bool is_differentiated(Elab *e, const Args *g, Term *y)
{
    if (!arg_tensor(e, g, 0, DT_F32, y))
        return false;
    Type t = example_type(*y);
    if (t.dt == DT_F32 && t.rank == 0)
        return true;
    elab_error(e, arg_span(g, 0), "`gradient` is of one f32 number, found %s", term_describe(e, *y));
    if (t.dt == DT_F32)
        diag_help(e->d, "sum(y) is one number");
    return false;
}

/* What a loop carries may have been tried without examples: then it is tried with them next. */
static bool is_carry(Term t) { return t.node->op == OP_INPUT && t.node->attr.input.role == ROLE_CARRY; }

static Term of_each(Elab *e, Term by, Node *slope)
{
    vec_push(e->a, &e->frame->each, by.node->attr.input.index);
    return term_node(e, spread(e, term_node(e, slope, false), slope->type, true), true);
}

/* One of the names it is taken by. */
static bool is_by(Elab *e, const Expr *x, Term by, Term y)
{
    double constant;
    const char *text = span_text(e, x->span);
    bool named = x->kind == EX_NAME || x->kind == EX_FIELD;
    if (is_error(by))
        return false;
    if (!named || !is_tensor(by) || by.node->type.dt != DT_F32 || is_const(by.node, &constant)) {
        elab_error(e, x->span, "a gradient is taken by the name of an f32 tensor, found %s",
                   named ? term_describe(e, by) : arena_printf(e->a, "`%s`", text));
        if (!named)
            diag_help(e->d, "give it a name, and compute what is differentiated from that");
        return false;
    }
    if (by.node->op == OP_INPUT && by.node->attr.input.role == ROLE_INVARIANT) {
        elab_error(e, x->span, "`%s` comes from outside of the loop, where other steps depend on it too", text);
        diag_help(e->d, "take the gradient behind the loop, or by what the step itself begins with");
        return false;
    }
    if (y.batched && !by.batched && !is_carry(by)) {
        elab_error(e, x->span, "`%s` belongs to all examples, what is differentiated to each", text);
        diag_help(e->d, "while training, batch_mean(y) is of all");
        return false;
    }
    return true;
}

/* Doubling a graph again and again must end, and so must walking a large one. */
static bool within_reason(Elab *e, Span sp)
{
    int n = e->frame->fn->node.n;
    e->steps += 2 * n;
    if (n <= MAX_WALKED)
        return elab_tick(e, sp);
    elab_error(e, sp, "the program is too large for a gradient: more than %d operations", MAX_WALKED);
    e->gave_up = true;
    return false;
}

Term bi_gradient(Elab *e, const Args *g)
{
    const Expr *from = g->arg[1].from;
    Term y, given = g->arg[1].term;
    bool list = from->kind == EX_LIST && given.kind == TERM_LIST;
    int n = list ? given.n : 1;
    Node *by[MAX_BY], *out[MAX_BY];
    if (n < 1 || n > MAX_BY)
        return elab_error(e, from->span, "a gradient by %d names; from 1 to %d are possible", n, MAX_BY), term_error();
    bool ok = is_differentiated(e, g, &y);
    for (int i = 0; i < n && ok; i++) {
        Term t = list ? given.item[i] : given;
        ok = is_by(e, list ? from->items.at[i] : from, t, y) && here(e, from->span, &t);
        by[i] = t.node;
    }
    if (!ok || !within_reason(e, g->sp))
        return term_error();
    Node *one = node_full(e->frame->fn, y.node->type, 1);
    Swaps unused = {0};
    gradients_swapping(e->frame->fn, 1, &y.node, &one, n, by, out, e->frame == e->run ? &e->swaps : &unused);
    for (int i = 0; i < n; i++)
        out[i] = out[i] ? out[i] : node_full(e->frame->fn, by[i]->type, 0);
    Term *item = NEWN(e->a, Term, n + 1);
    for (int i = 0; i < n; i++) {
        Term t = list ? given.item[i] : given;
        item[i] = y.batched && !t.batched ? of_each(e, t, out[i]) : term_node(e, out[i], t.batched);
    }
    return list ? term_list(item, n) : item[0];
}
