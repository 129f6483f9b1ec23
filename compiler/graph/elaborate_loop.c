/* SPDX-License-Identifier: MIT */
/* elaborate_loop.c: `for a in x, b in y { ... yield e }` to a scan.
 *
 * The body becomes a function of its own. What it carries must have one type and one batchedness at every
 * step, which is only known once the body has been run: so it is run, the carried values are widened to what
 * came out, and it is run again until nothing changes (each run only ever adds a batch axis or replaces a
 * number, so this ends). */
#include "elaborate_internal.h"

typedef struct Carry {
    const char *name;
    Term initial; /* in the enclosing frame: of the final type */
    bool number;  /* began as a compile-time number: takes the type of what it becomes */
    bool fresh;   /* not read before it is assigned: only its last value matters */
    Node *input;
    Term next;
} Carry;

typedef struct Loop {
    const Expr *x;
    int nover;
    Term over[8];
    int64_t length;
    VEC(Carry) carry;
    Frame *frame;
    Scope *scope;
    TermList yields;
    bool yield_tuple;
} Loop;

/* What a trial run may have added, to be taken back. Parameters stay: the next run finds them again. */
typedef struct Mark {
    int calls, declared, draws, penalties;
} Mark;

static Mark take_mark(Elab *e)
{
    return (Mark){e->instance->calls.n, e->instance->declared.n, e->instance->draws, e->penalties.n};
}

static void roll_back(Elab *e, Mark m)
{
    forget_calls(e->instance, m.calls);
    e->instance->declared.n = m.declared;
    e->instance->draws = m.draws;
    e->penalties.n = m.penalties;
}

/* ---- what is looped over ------------------------------------------------------------------------------- */

static bool eval_clauses(Elab *e, Loop *l)
{
    const Expr *x = l->x;
    if (x->clauses.n > LEN(l->over))
        return elab_error(e, x->span, "a loop over more than %d tensors", LEN(l->over)), false;
    bool ok = true;
    for (int i = 0; i < x->clauses.n; i++) {
        const Expr *over = x->clauses.at[i].over;
        Term t = term_tensor(e, over->span, "what is looped over", eval(e, over), DT_COUNT);
        l->over[i] = t;
        if (is_error(t)) {
            ok = false;
            continue;
        }
        Type type = example_type(t);
        if (type.rank == 0) {
            elab_error(e, over->span, "a loop runs over the leading axis; %s has none", term_describe(e, t));
            ok = false;
        } else if (ok && i > 0 && type.dim[0] != l->length) {
            elab_error(e, over->span, "a loop over %lld and %lld steps at once", (long long)l->length,
                       (long long)type.dim[0]);
            note_operand(e, x->clauses.at[0].over, l->over[0]);
            note_operand(e, over, t);
            ok = false;
        } else if (i == 0)
            l->length = type.dim[0];
    }
    l->nover = x->clauses.n;
    return ok;
}

/* Time in front: [batch, T, ...] becomes [T, batch, ...]. */
static Node *time_first(Elab *e, Term t)
{
    if (!t.batched)
        return t.node;
    int axis[MAX_RANK] = {1, 0};
    for (int i = 2; i < t.node->type.rank; i++)
        axis[i] = i;
    return node_permute(e->frame->fn, t.node, axis);
}

/* ---- carries ------------------------------------------------------------------------------------------- */

static bool add_carry(Elab *e, Loop *l, Name name)
{
    Binding *b = find_binding(e, name.text);
    if (!b)
        return true; /* reading it will say that it is unknown */
    Carry c = {.name = name.text, .number = is_number(b->term) || b->term.weak};
    if (b->assignable)
        return elab_error(e, name.span, "a state cannot change inside a loop"), false;
    c.initial =
        term_tensor(e, name.span, arena_printf(e->a, "the carried `%s`", name.text), b->term, DT_COUNT);
    c.initial.weak = b->term.kind == TERM_INT || b->term.weak;
    c.initial.origin = b->term.origin;
    vec_push(e->a, &l->carry, c);
    return !is_error(c.initial);
}

/* Names the body assigns, does not read before, and whose last value is wanted after the loop. */
static void find_fresh(Elab *e, const Loop *l, NameList *fresh)
{
    NameList assigned = {0};
    names_assigned(e->a, &l->x->body, &assigned);
    for (int i = 0; i < assigned.n; i++) {
        const char *name = assigned.at[i].text;
        bool again = (e->instance->repeats || e->frame->outer) && find_binding(e, name);
        bool carried = false;
        for (int k = 0; k < l->carry.n; k++)
            carried |= str_eq(l->carry.at[k].name, name);
        if (!carried && name_used_after(e->a, &e->instance->def->body, name, l->x->span, again))
            vec_push(e->a, fresh, assigned.at[i]);
    }
}

static void start_body(Elab *e, Loop *l)
{
    l->frame = NEW(e->a, Frame);
    l->frame->fn = fn_new(e->a, "body");
    l->frame->outer = e->frame;
    l->frame->length = l->length;
    l->scope = NEW(e->a, Scope);
    l->scope->outer = e->scope;
    Node *front[LEN(l->over)];
    for (int i = 0; i < l->nover; i++)
        front[i] = time_first(e, l->over[i]);
    e->frame = l->frame;
    e->scope = l->scope;
    mark(e, l->x->span);
    for (int i = 0; i < l->carry.n; i++) {
        Carry *c = &l->carry.at[i];
        c->input = fn_input(e->frame->fn, ROLE_CARRY, i, c->name, c->initial.node->type);
        Term t = term_node(e, c->input, c->initial.batched);
        t.weak = c->initial.weak;
        t.origin = "carried";
        t.span = l->x->span;
        if (!c->fresh)
            bind(e, c->name, t);
    }
    for (int i = 0; i < l->nover; i++) {
        Name name = l->x->clauses.at[i].name;
        Term t = term_node(e, frame_slice_input(e, e->frame, front[i], name.text), l->over[i].batched);
        t.origin = "loop variable";
        t.span = name.span;
        bind(e, name.text, t);
    }
}

/* The carried value of a step, made to fit the carry; *changed where the carry must be widened first. */
static bool fit_carry(Elab *e, const Loop *l, Carry *c, bool *changed)
{
    Binding *b = find_binding(e, c->name);
    Term t = b ? b->term : c->initial;
    Type want = example_type(c->initial);
    if (t.kind == TERM_TUPLE || t.kind == TERM_NONE || t.kind == TERM_STRING || t.kind == TERM_CALLABLE ||
        t.kind == TERM_ABSENT)
        return elab_error(e, l->x->span, "`%s` cannot be carried: it is %s", c->name, term_describe(e, t)),
               false;
    t = term_tensor(e, l->x->span, arena_printf(e->a, "the carried `%s`", c->name), t, want.dt);
    if (is_error(t))
        return false;
    if (!c->initial.weak || t.node->type.dt == DT_I32)
        t.weak = false;
    for (int i = 0; i < l->frame->each.n && !t.batched; i++)
        if (l->frame->each.at[i] == (int)(c - l->carry.at))
            t = term_node(e, spread(e, t, example_type(t), true), true);
    Type got = example_type(t);
    bool stretch = !type_eq(got, want);
    Type both;
    if (stretch && got.dt == want.dt && broadcast_shapes(got, want, &both) && type_eq(both, want)) {
        t = term_node(e, spread(e, t, want, t.batched), t.batched);
        stretch = false;
    }
    if (stretch && !c->number) {
        elab_error(e, l->x->span, "`%s` is %s before the loop and %s after a step", c->name,
                   type_text(e->a, want), type_text(e->a, got));
        note_term(e, arena_printf(e->a, "%s at first", c->name), c->initial);
        note_term(e, arena_printf(e->a, "%s after a step", c->name), t);
        return false;
    }
    got = example_type(t);
    if (!type_eq(got, want) || (t.batched && !c->initial.batched)) {
        *changed = true;
        c->next = t;
        return true;
    }
    c->next = term_node(e, spread(e, t, want, c->initial.batched), c->initial.batched);
    return true;
}

/* In the enclosing frame: the initial value takes the type a step gave it. */
static bool widen_carry(Elab *e, Carry *c)
{
    Type want = example_type(c->next), have = example_type(c->initial);
    bool batched = c->next.batched || c->initial.batched;
    double value;
    if (type_eq(c->next.node->type, c->initial.node->type) && c->next.batched == c->initial.batched)
        return true;
    if (!type_eq(want, have) && is_const(c->initial.node, &value))
        c->initial = term_node(e, node_full(e->frame->fn, want, value), false);
    else if (want.dt != have.dt)
        c->initial = term_node(e, node_cast(e->frame->fn, c->initial.node, want.dt), c->initial.batched);
    c->initial.weak = false;
    c->initial = term_node(e, spread(e, c->initial, want, batched), batched);
    return true;
}

/* A fresh name's carry can begin once a step has shown its type. */
static bool add_fresh(Elab *e, Loop *l, const NameList *fresh, bool *changed)
{
    for (int i = 0; i < fresh->n; i++) {
        Binding *b = NULL;
        for (int k = 0; k < l->scope->at.n; k++)
            if (str_eq(l->scope->at.at[k].name, fresh->at[i].text))
                b = &l->scope->at.at[k];
        if (!b || is_static(b->term) || !is_tensor(b->term))
            continue;
        Carry c = {.name = fresh->at[i].text, .fresh = true};
        Frame *inner = e->frame;
        e->frame = inner->outer;
        Type t = b->term.node->type;
        c.initial = term_node(e, node_full(e->frame->fn, t, 0), b->term.batched);
        e->frame = inner;
        vec_push(e->a, &l->carry, c);
        *changed = true;
    }
    return true;
}

/* ---- the value ----------------------------------------------------------------------------------------- */

static bool collect_yields(Elab *e, Loop *l)
{
    Term y = e->instance->yield;
    l->yields.n = 0;
    if (!e->instance->yielded)
        return true;
    l->yield_tuple = y.kind == TERM_TUPLE;
    for (int i = 0; i < (l->yield_tuple ? y.n : 1); i++) {
        Term t = term_tensor(e, l->x->span, "what is yielded", l->yield_tuple ? y.item[i] : y, DT_COUNT);
        if (is_error(t))
            return false;
        if (t.node->type.rank + 1 > MAX_RANK)
            return elab_error(e, l->x->span, "what is yielded has too many axes"), false;
        if (!shape_allowed(e, l->x->span, type_insert(example_type(t), 0, l->length), t.batched))
            return false;
        vec_push(e->a, &l->yields, t);
    }
    return true;
}

/* One run of the body. false after a diagnostic; *changed where it must run again. */
static bool run_body(Elab *e, Loop *l, const NameList *fresh, bool first, bool *changed)
{
    Scope *scope = e->scope;
    Frame *frame = e->frame;
    bool yielded = e->instance->yielded;
    Term yield = e->instance->yield;
    int errors = diag_errors(e->d);
    *changed = false;
    start_body(e, l);
    e->instance->yielded = false;
    e->instance->loops++;
    run_block(e, &l->x->body);
    e->instance->loops--;
    mark(e, l->x->span);
    bool ok = diag_errors(e->d) == errors && !e->gave_up;
    for (int i = 0; i < l->carry.n && ok; i++)
        ok = fit_carry(e, l, &l->carry.at[i], changed);
    if (ok && first)
        ok = add_fresh(e, l, fresh, changed);
    ok = ok && collect_yields(e, l);
    e->instance->yielded = yielded;
    e->instance->yield = yield;
    e->scope = scope;
    e->frame = frame;
    for (int i = 0; i < l->carry.n && ok && *changed; i++)
        if (l->carry.at[i].next.node)
            ok = widen_carry(e, &l->carry.at[i]);
    for (int i = 0; i < l->carry.n; i++)
        if (*changed)
            l->carry.at[i].next = (Term){0};
    return ok;
}

static int port_rank(const Port *p) { return p->role == ROLE_CARRY ? 0 : p->role == ROLE_SLICE ? 1 : 2; }

/* Carries, slices, invariants: the order a scan's operands come in. */
static void sort_ports(Elab *e, Fn *body)
{
    Port *sorted = NEWN(e->a, Port, body->input.n + 1);
    int n = 0;
    for (int rank = 0; rank < 3; rank++)
        for (int i = 0; i < body->input.n; i++)
            if (port_rank(&body->input.at[i]) == rank)
                sorted[n++] = body->input.at[i];
    for (int i = 0; i < n; i++)
        body->input.at[i] = sorted[i];
}

static Node *make_scan(Elab *e, Loop *l)
{
    Fn *body = l->frame->fn;
    int ncarry = l->carry.n, n = 0;
    Node **in = NEWN(e->a, Node *, ncarry + l->frame->captures.n + 1);
    for (int i = 0; i < ncarry; i++) {
        fn_result(body, ROLE_CARRY, i, l->carry.at[i].name, l->carry.at[i].next.node);
        in[n++] = l->carry.at[i].initial.node;
    }
    for (int i = 0; i < l->yields.n; i++)
        fn_result(body, ROLE_YIELD, i, "yield", l->yields.at[i].node);
    for (int slice = 1; slice >= 0; slice--)
        for (int i = 0; i < l->frame->captures.n; i++) {
            const Capture *c = &l->frame->captures.at[i];
            bool input = c->inner->op == OP_INPUT; /* a captured constant needs no input */
            if (c->slice == slice && input)
                in[n++] = c->outer;
        }
    sort_ports(e, body);
    return node_scan(e->frame->fn, body, ncarry, l->frame->nslice, l->yields.n, false, n, in);
}

/* [T, batch, ...] back to [batch, T, ...]. */
static Term stacked(Elab *e, Node *n, bool batched)
{
    if (!batched)
        return term_node(e, n, false);
    int axis[MAX_RANK] = {1, 0};
    for (int i = 2; i < n->type.rank; i++)
        axis[i] = i;
    return term_node(e, node_permute(e->frame->fn, n, axis), true);
}

static Term loop_value(Elab *e, Loop *l)
{
    Node *scan = make_scan(e, l);
    for (int i = 0; i < l->carry.n; i++) {
        Term last = term_node(e, node_result(e->frame->fn, scan, i), l->carry.at[i].initial.batched);
        last.origin = "after the loop";
        last.span = site_of(e, l->x->span);
        bind(e, l->carry.at[i].name, last);
    }
    Term *value = NEWN(e->a, Term, l->yields.n + 1);
    for (int i = 0; i < l->yields.n; i++)
        value[i] = stacked(e, node_result(e->frame->fn, scan, l->carry.n + i), l->yields.at[i].batched);
    if (l->yields.n == 0)
        return (Term){.kind = TERM_NONE};
    return l->yield_tuple ? (Term){.kind = TERM_TUPLE, .item = value, .n = l->yields.n} : value[0];
}

static int loop_depth(Elab *e)
{
    int n = 0;
    for (Frame *f = e->frame; f->outer; f = f->outer)
        n++;
    return n;
}

/* The value of a loop: what its body yields, stacked; no value where it yields nothing. */
Term eval_for(Elab *e, const Expr *x)
{
    Loop l = {.x = x};
    NameList carried = {0}, fresh = {0};
    bool ok = eval_clauses(e, &l), changed = true;
    if (loop_depth(e) >= MAX_LOOP_DEPTH)
        return elab_error(e, x->span, "loops are nested deeper than %d", MAX_LOOP_DEPTH), term_error();
    mark(e, x->span);
    names_carried(e->a, x, &carried);
    for (int i = 0; i < carried.n && ok; i++)
        ok = add_carry(e, &l, carried.at[i]);
    if (!ok)
        return term_error();
    find_fresh(e, &l, &fresh);
    Mark before = take_mark(e);
    for (int run = 0; ok && changed; run++) {
        if (run > 0)
            roll_back(e, before);
        if (run > 2 * l.carry.n + 4)
            return elab_error(e, x->span, "the carried values never settle on a type"), term_error();
        ok = run_body(e, &l, &fresh, run == 0, &changed);
    }
    if (!ok)
        return term_error();
    return loop_value(e, &l);
}
