/* SPDX-License-Identifier: MIT */
/* elaborate_state.c: what outlives a call: initial values, states of the model, and streams, of which each example has its
 * own. */
#include <string.h>

#include "elaborate_internal.h"

/* ---- initial values ------------------------------------------------------------------------------------ */

/* In frame `at`: of type t, or (NULL) of its own; the error term once diagnosed. */
static Term initial_term(Elab *e, Frame *at, const char *path, const Type *t, const Expr *value, Span sp)
{
    Frame *frame = e->frame;
    Instance maker = *e->instance, *instance = e->instance;
    const Term *shape = e->shape;
    Term dims = t ? term_shape(e->a, t->dim, t->rank) : term_error();
    maker.path = maker.own = path; /* draws depend on it alone */
    maker.draws = maker.loops = maker.repeats = 0;
    maker.calls.n = maker.calls.cap = 0;
    maker.calls.at = NULL;
    memset(maker.latest, 0, sizeof maker.latest);
    e->frame = at;
    e->instance = &maker;
    e->shape = t ? &dims : NULL;
    mark(e, sp);
    Term v = eval(e, value);
    mark(e, sp);
    if (!is_error(v) && t) {
        v = term_tensor(e, value->span, "the initial value", v, t->dt);
        if (!is_error(v) && v.node->type.dt != t->dt) {
            elab_error(e, value->span, "the initial value must be %s, found %s", dtype_name(t->dt),
                       term_describe(e, v));
            v = term_error();
        }
        v = elab_full(e, value->span, v, *t);
    } else if (!is_error(v))
        v = term_tensor(e, value->span, "the initial value", v, DT_COUNT);
    e->frame = frame;
    e->instance = instance;
    e->shape = shape;
    return v;
}

Node *initial_value(Elab *e, const char *path, const Type *t, const Expr *value, Span sp)
{
    Term v = initial_term(e, e->init, path, t, value, sp);
    return is_error(v) ? NULL : v.node;
}

/* ---- declarations -------------------------------------------------------------------------------------- */

static void bind_lasting(Elab *e, const char *name, Term t, int state, int stream)
{
    bind(e, name, t);
    Binding *b = find_binding(e, name);
    b->state = state;
    b->stream = stream;
    b->assignable = true;
}

/* What both begin with: where it may stand, its type if one is written, a name of its own. */
static bool declare_lasting(Elab *e, const Stmt *s, const char *what, Type *t)
{
    if (root_frame(e) == e->init || root_frame(e) == e->consts) {
        elab_error(e, s->span, "a %s belongs in a layer or a model", what);
        return false;
    }
    return (!s->type || eval_type(e, s->type, t)) && declare(e, s->names.at[0]);
}

/* The path of a state that may be new: -1 once diagnosed. */
static int state_index(Elab *e, const Stmt *s, const char *path, const Type *t)
{
    int i = find_entry(e, &e->known.states, e->m->states.at, e->m->states.n, path);
    if (i >= 0 || !may_add(e, s, path, i))
        return i;
    Node *init = initial_value(e, path, t, s->value, s->span);
    if (!init)
        return -1;
    Entry entry = {.name = path, .type = init->type, .span = site_of(e, s->span), .param = -1};
    i = e->m->states.n;
    vec_push(e->a, &e->m->states, entry);
    fn_result(e->init->fn, ROLE_STATE, i, path, init);
    return i;
}

void run_state(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Type t;
    if (e->instance->def->kind == DEF_OPTIMIZER) {
        run_optimizer_state(e, s);
        return;
    }
    const char *path = path_join(e->a, e->instance->path, name.text);
    int i = declare_lasting(e, s, "state", &t) ? state_index(e, s, path, s->type ? &t : NULL) : -1;
    if (i < 0) {
        bind(e, name.text, term_error());
        return;
    }
    while (e->state.n <= i)
        vec_push(e->a, &e->state, NULL);
    if (!e->state.at[i])
        e->state.at[i] = root_input(e, ROLE_STATE, i, path, e->m->states.at[i].type);
    Term v = {.kind = TERM_TENSOR,
              .node = e->state.at[i], /* as a call before has left it, where one shares it */
              .frame = root_frame(e),
              .origin = "state",
              .span = site_of(e, name.span)};
    bind_lasting(e, name.text, v, i, -1);
}

/* In the root frame, for every example alike; NULL once diagnosed. */
static Node *stream_beginning(Elab *e, const Stmt *s, const char *path, const Type *t, Type *example)
{
    Term v = initial_term(e, root_frame(e), path, t, s->value, s->span);
    if (is_error(v))
        return NULL;
    if (v.batched) {
        elab_error(e, s->value->span, "a stream begins alike for every example, this value depends on one");
        return NULL;
    }
    *example = v.node->type;
    if (!shape_allowed(e, s->value->span, *example, true))
        return NULL;
    Frame *frame = e->frame;
    e->frame = root_frame(e);
    Node *all = spread(e, v, *example, true);
    e->frame = frame;
    return all;
}

/* The module's stream and what it begins with: what a call of inference finds is an input of the function. */
static Node *stream_input(Elab *e, const Stmt *s, const char *path, Type example, Node *beginning, int *index)
{
    int i = find_entry(e, &e->known.streams, e->m->streams.at, e->m->streams.n, path);
    if (i < 0) {
        Entry entry = {
            .name = path, .type = example, .span = site_of(e, s->span), .param = -1, .batched = true};
        i = e->m->streams.n;
        vec_push(e->a, &e->m->streams, entry);
        vec_push(e->a, &e->stream, ((Stream){0}));
    }
    Node *input = root_input(e, ROLE_STREAM, i, path, beginning->type);
    if (!e->stream.at[i].value)
        e->stream.at[i] = (Stream){.beginning = beginning, .value = input};
    *index = i;
    return input;
}

/* Kept from call to call in inference alone; where examples are whole, in training and evaluation, each begins anew. */
void run_stream(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Type t, example;
    int index = -1;
    if (e->instance->def->kind == DEF_OPTIMIZER) {
        elab_error(e, s->span, "a stream belongs in a layer or a model");
        bind(e, name.text, term_error());
        return;
    }
    const char *path = path_join(e->a, e->instance->own, name.text);
    Node *n = declare_lasting(e, s, "stream", &t)
                  ? stream_beginning(e, s, path, s->type ? &t : NULL, &example)
                  : NULL;
    if (!n) {
        bind(e, name.text, term_error());
        return;
    }
    if (e->phase == PHASE_INFER)
        n = stream_input(e, s, path, example, n, &index);
    Term v = {.kind = TERM_TENSOR,
              .node = n,
              .frame = root_frame(e),
              .batched = true,
              .origin = "stream",
              .span = site_of(e, name.span)};
    bind_lasting(e, name.text, v, -1, index);
    find_binding(e, name.text)->per_example = true;
}

/* ---- name <- value ------------------------------------------------------------------------------------- */

static bool may_update(Elab *e, const Stmt *s, const Binding *b)
{
    Name name = s->names.at[0];
    if (!b || !b->assignable)
        elab_error(e, name.span, b ? "`%s` is not a state; `=` gives it another value" : "unknown state `%s`",
                   name.text);
    else if (!b->per_example && e->phase != PHASE_UPDATE && e->phase != PHASE_LOSS) {
        elab_error(e, s->span, "a state changes only while training");
        diag_help(e->d, "put the update into `if training { ... }`");
    } else
        return true;
    return false;
}

/* Whether t can be the new value of what is of type `want`. */
static bool fits_lasting(Elab *e, const Stmt *s, const Binding *b, Term t, Type want)
{
    const char *name = s->names.at[0].text;
    if (e->frame->outer) {
        elab_error(e, s->span, "a %s cannot change inside a loop", b->per_example ? "stream" : "state");
        if (b->per_example)
            diag_help(e->d, "carry a name of its own: now = %s before the loop, %s <- now behind it", name, name);
    } else if (t.batched && !b->per_example) {
        elab_error(e, s->value->span, "`%s` belongs to the model, this value to each example", name);
        diag_help(e->d, "batch_mean(x) averages over the examples");
    } else if (example_type(t).dt != want.dt)
        elab_error(e, s->value->span, "`%s` is %s, found %s", name, type_text(e->a, want),
                   term_describe(e, t));
    else
        return true;
    return false;
}

/* A state's or a stream's new value; in an optimizer also the parameter's. */
void run_update(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Term t = eval(e, s->value);
    Binding *b = find_binding(e, name.text);
    if (!may_update(e, s, b) || is_error(t) || is_error(b->term))
        return;
    Type want = example_type(b->term);
    mark(e, s->span);
    t = term_tensor(e, s->value->span, arena_printf(e->a, "`%s`", name.text), t, want.dt);
    if (is_error(t) || !fits_lasting(e, s, b, t, want))
        return;
    t = elab_full(e, s->value->span, t, want);
    if (is_error(t))
        return;
    if (b->per_example)
        t = term_node(e, spread(e, t, want, true), true);
    t.origin = b->term.origin;
    t.span = b->term.span;
    b->term = t;
    if (b->state >= 0 && e->phase == PHASE_LOSS)
        e->state.at[b->state] = t.node;
    if (b->stream >= 0)
        e->stream.at[b->stream].value = t.node;
}

/* ---- streams as functions ------------------------------------------------------------------------------ */

Fn *finish_streams(Elab *e, Fn *infer)
{
    if (!e->m->streams.n)
        return NULL;
    Fn start = *infer;
    memset(&start.result, 0, sizeof start.result);
    start.name = "start";
    for (int i = 0; i < e->stream.n; i++) {
        const Stream *s = &e->stream.at[i];
        const char *name = e->m->streams.at[i].name;
        fn_result(&start, ROLE_STREAM, i, name, s->beginning);
        if (s->value->op != OP_INPUT || s->value->attr.input.role != ROLE_STREAM || s->value->attr.input.index != i)
            fn_result(infer, ROLE_STREAM, i, name, s->value);
    }
    return fn_prune(&start);
}
