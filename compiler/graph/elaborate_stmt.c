/* SPDX-License-Identifier: MIT */
/* elaborate_stmt.c: statements, in order. */
#include "elaborate_internal.h"

static bool in_model(Elab *e, const Stmt *s, const char *what)
{
    if (!e->instance->caller && !e->frame->outer && e->phase != PHASE_UPDATE)
        return true;
    elab_error(e, s->span, "%s belongs in a model's own body", what);
    return false;
}

/* ---- assignment ---------------------------------------------------------------------------------------- */

static int depth_of(const char *path)
{
    int dots = 0;
    for (; *path; path++)
        dots += *path == '.';
    return dots;
}

/* What a layer calls its result gives way to the name its caller has for it: logits rather than classifier.y. */
static void name_node(Elab *e, const char *name, Term t)
{
    if (!is_tensor(t) || t.node->op == OP_INPUT || t.node->op == OP_CONST || t.frame != e->frame || root_frame(e) == e->init)
        return;
    const char *path = path_join(e->a, e->instance->own, name);
    if (!t.node->name || depth_of(path) < depth_of(t.node->name))
        t.node->name = path;
}

static void assign(Elab *e, Name name, Term t)
{
    Binding *b = find_binding(e, name.text);
    if (b && b->assignable) {
        elab_error(e, name.span, "`%s` outlives the call; it is written with `<-`", name.text);
        return;
    }
    if (t.kind == TERM_NONE) {
        elab_error(e, name.span, "there is no value to assign to `%s`", name.text);
        t = term_error();
    }
    name_node(e, name.text, t);
    if (is_tensor(t) && !t.origin) {
        t.origin = "value";
        t.span = site_of(e, name.span);
    }
    bind(e, name.text, t);
}

static void unpack(Elab *e, const Stmt *s, Term t)
{
    bool parts = t.kind == TERM_TUPLE || t.kind == TERM_LIST;
    if (!is_error(t) && (!parts || t.n != s->names.n)) {
        elab_error(e, s->span, "%d names for %s", s->names.n, term_describe(e, t));
        t = term_error();
    }
    for (int i = 0; i < s->names.n; i++)
        assign(e, s->names.at[i], is_error(t) ? t : t.item[i]);
}

static void run_assign(Elab *e, const Stmt *s)
{
    Term t = eval(e, s->value);
    if (s->names.n > 1)
        unpack(e, s, t);
    else
        assign(e, s->names.at[0], t);
}

/* ---- declarations -------------------------------------------------------------------------------------- */

/* A parameter, a state, a stream or an input of this name; false once diagnosed. */
bool declare(Elab *e, Name name)
{
    elab_search(e, e->instance->declared.n);
    if (name_listed(&e->instance->declared, name.text)) {
        elab_error(e, name.span, "`%s` is declared twice", name.text);
        if (e->instance->repeats)
            diag_help(e->d, "inside `repeat`, parameters belong in a layer: each call has its own");
        return false;
    }
    vec_push(e->a, &e->instance->declared, name);
    return true;
}

bool may_add(Elab *e, const Stmt *s, const char *path, int found)
{
    if (found >= 0 || !e->instance->shared)
        return true;
    elab_error(e, s->span, "there is no `%s` to share: the first call has none", path);
    bind(e, s->names.at[0].text, term_error());
    return false;
}

static void run_param(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Type t;
    if (root_frame(e) == e->init || e->phase == PHASE_UPDATE || root_frame(e) == e->consts) {
        elab_error(e, s->span, "a parameter belongs in a layer or a model");
        bind(e, name.text, term_error());
        return;
    }
    if (!eval_type(e, s->type, &t) || !declare(e, name)) {
        bind(e, name.text, term_error());
        return;
    }
    const char *path = path_join(e->a, e->instance->path, name.text);
    int i = find_entry(e, &e->known.params, e->m->params.at, e->m->params.n, path);
    if (t.dt != DT_F32) {
        elab_error(e, s->type->span, "a parameter must be f32 to be trained, found %s", dtype_name(t.dt));
        bind(e, name.text, term_error());
        return;
    }
    if (!may_add(e, s, path, i))
        return;
    if (i < 0) {
        Entry entry = {.name = path, .type = t, .span = site_of(e, s->span), .trainable = true, .param = -1};
        Node *init = initial_value(e, path, &t, s->value, s->span);
        i = e->m->params.n;
        vec_push(e->a, &e->m->params, entry);
        if (init)
            fn_result(e->init->fn, ROLE_PARAM, i, path, init);
    }
    if (!type_eq(e->m->params.at[i].type, t)) {
        elab_error(e, s->span, "`%s` is %s, and was %s", path, type_text(e->a, t),
                   type_text(e->a, e->m->params.at[i].type));
        bind(e, name.text, term_error());
        return;
    }
    mark(e, s->span);
    Term p = {.kind = TERM_TENSOR,
              .node = root_input(e, ROLE_PARAM, i, path, e->m->params.at[i].type),
              .frame = root_frame(e),
              .origin = "param",
              .span = site_of(e, name.span)};
    bind(e, name.text, p);
}

static void run_input(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    bool target = s->kind == ST_TARGET;
    Type t;
    if (!in_model(e, s, target ? "a target" : "an input") || !eval_type(e, s->type, &t) ||
        !shape_allowed(e, s->type->span, t, true) || !declare(e, name)) {
        bind(e, name.text, term_error());
        return;
    }
    int n = target ? e->m->targets.n : e->m->inputs.n;
    NameIndex *known = target ? &e->known.targets : &e->known.inputs;
    int i = find_entry(e, known, target ? e->m->targets.at : e->m->inputs.at, n, name.text);
    if (i < 0) {
        Entry entry = {.name = name.text, .type = t, .span = s->span, .param = -1, .batched = true};
        i = n;
        if (target)
            vec_push(e->a, &e->m->targets, entry);
        else
            vec_push(e->a, &e->m->inputs, entry);
    }
    Term x = term_node(
        e, root_input(e, target ? ROLE_TARGET : ROLE_INPUT, i, name.text, type_insert(t, 0, e->batch)), true);
    x.origin = target ? "target" : "input";
    x.span = name.span;
    bind(e, name.text, x);
}

static void run_output(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Expr read = {.kind = EX_NAME, .text = name.text, .span = name.span};
    Term t = eval(e, s->value ? s->value : &read);
    if (!in_model(e, s, "an output"))
        return;
    Span at = s->value ? s->value->span : name.span;
    t = term_tensor(e, at, arena_printf(e->a, "the output `%s`", name.text), t, DT_COUNT);
    if (s->value)
        assign(e, name, t);
    if (is_error(t) || !shape_allowed(e, at, example_type(t), true))
        return;
    int i = find_entry(e, &e->known.outputs, e->m->outputs.at, e->m->outputs.n, name.text);
    if (i < 0) {
        Entry entry = {
            .name = name.text, .type = example_type(t), .span = s->span, .param = -1, .batched = true};
        i = e->m->outputs.n;
        vec_push(e->a, &e->m->outputs, entry);
    }
    if (e->phase != PHASE_INFER)
        return;
    if (fn_find_result(e->frame->fn, ROLE_OUTPUT, i)) {
        elab_error(e, s->span, "two outputs named `%s`", name.text);
        return;
    }
    fn_result(e->frame->fn, ROLE_OUTPUT, i, name.text, spread(e, t, example_type(t), true));
}

/* ---- flow ---------------------------------------------------------------------------------------------- */

static Term collect(Elab *e, const ExprList *values)
{
    if (values->n == 1)
        return eval(e, values->at[0]);
    Term *item = NEWN(e->a, Term, values->n + 1);
    for (int i = 0; i < values->n; i++) {
        item[i] = eval(e, values->at[i]);
        if (is_error(item[i]))
            return item[i];
    }
    return (Term){.kind = TERM_TUPLE, .item = item, .n = values->n};
}

static void run_return(Elab *e, const Stmt *s)
{
    bool loop = e->instance->loops > 0;
    if (loop || !e->instance->caller) {
        elab_error(e, s->span,
                   loop ? "`return` inside a loop; `yield` gives a step's value"
                        : "a model does not return; `output NAME = ...` gives a result");
        return;
    }
    e->instance->result = collect(e, &s->values);
    e->instance->returned = true;
}

static void run_yield(Elab *e, const Stmt *s)
{
    Term t = collect(e, &s->values);
    if (e->instance->loops == 0)
        elab_error(e, s->span, "`yield` belongs in the body of a `for`");
    else if (e->instance->yielded)
        elab_error(e, s->span, "a loop's body yields once; `yield a, b` gives several values");
    e->instance->yielded = true;
    e->instance->yield = t;
}

static void run_if(Elab *e, const Stmt *s)
{
    bool yes;
    Term c = eval(e, s->value);
    if (is_tensor(c)) {
        elab_error(e, s->value->span, "`if` is decided at compile time, found a tensor: %s",
                   term_describe(e, c));
        diag_help(e->d, "where(condition, a, b) chooses element by element");
    } else if (want_bool(e, s->value->span, "a condition", c, &yes))
        run_block(e, yes ? &s->body : &s->orelse);
}

static void run_repeat(Elab *e, const Stmt *s)
{
    int64_t n;
    if (!want_int(e, s->value->span, "the number of repeats", eval(e, s->value), &n))
        return;
    if (n < 0 || n > MAX_REPEAT) {
        elab_error(e, s->value->span, "%lld repeats; from 0 to %d are possible", (long long)n, MAX_REPEAT);
        return;
    }
    int errors = diag_errors(e->d);
    e->instance->repeats++;
    for (int64_t i = 0;
         i < n && diag_errors(e->d) == errors && !e->instance->returned && elab_tick(e, s->span); i++)
        run_block(e, &s->body);
    e->instance->repeats--;
}

static void run_require(Elab *e, const Stmt *s)
{
    bool holds;
    if (!want_bool(e, s->value->span, "a requirement", eval(e, s->value), &holds) || holds)
        return;
    Term text = s->message ? eval(e, s->message) : term_string("a requirement does not hold");
    if (is_error(text))
        return;
    const char *message = text.kind == TERM_STRING ? text.text : "a requirement does not hold";
    Instance *i = e->instance;
    if (!i->caller) {
        elab_error(e, s->span, "%s", message);
        return;
    }
    e->instance = i->caller;
    elab_error(e, i->site, "%s", message);
    e->instance = i;
    diag_note_at(e->d, s->span, "required by `%s`", i->def->name.text);
    i->returned = true;                 /* what follows relies on it */
    i->result = term_error();
}

static void run_penalty(Elab *e, const Stmt *s)
{
    if (e->phase != PHASE_LOSS || e->instance->shared) /* of shared parameters, once */
        return;
    Frame *frame = e->frame;
    e->frame = root_frame(e); /* a loop's steps have one set of parameters, and one penalty of them */
    Term t = term_tensor(e, s->value->span, "a penalty", eval(e, s->value), DT_F32);
    e->frame = frame;
    if (is_error(t))
        return;
    if (t.batched || t.node->type.rank != 0 || t.node->type.dt != DT_F32) {
        elab_error(e, s->value->span,
                   "a penalty is one f32 number that depends on no example; found %s%s",
                   term_describe(e, t), t.batched ? " for each example" : "");
        return;
    }
    vec_push(e->a, &e->penalties, t);
}

static void run_expression(Elab *e, const Stmt *s)
{
    Term t = eval(e, s->value);
    if (is_error(t) || t.kind == TERM_NONE || s->value->kind == EX_FOR)
        return;
    elab_error(e, s->span, "this value is not used");
    diag_help(e->d, "give it a name: y = %s", span_text(e, s->span));
}

static void run_train(Elab *e, const Stmt *s)
{
    if (!in_model(e, s, "`train`"))
        return;
    if (e->train && e->train != s) {
        elab_error(e, s->span, "a model has one `train` block");
        diag_note_at(e->d, e->train->span, "the first");
        return;
    }
    e->train = s;
    if (e->phase != PHASE_LOSS && e->phase != PHASE_EVALUATE)
        return;
    e->in_train = true;
    run_block(e, &s->body);
    e->in_train = false;
}

static void run_stmt(Elab *e, const Stmt *s)
{
    switch (s->kind) {
    case ST_ERROR:
        break;
    case ST_ASSIGN:
        run_assign(e, s);
        break;
    case ST_UPDATE:
        run_update(e, s);
        break;
    case ST_EXPR:
        run_expression(e, s);
        break;
    case ST_INPUT:
        run_input(e, s);
        break;
    case ST_OUTPUT:
        run_output(e, s);
        break;
    case ST_PARAM:
        run_param(e, s);
        break;
    case ST_STATE:
        run_state(e, s);
        break;
    case ST_STREAM:
        run_stream(e, s);
        break;
    case ST_RETURN:
        run_return(e, s);
        break;
    case ST_YIELD:
        run_yield(e, s);
        break;
    case ST_IF:
        run_if(e, s);
        break;
    case ST_REPEAT:
        run_repeat(e, s);
        break;
    case ST_REQUIRE:
        run_require(e, s);
        break;
    case ST_TRAIN:
        run_train(e, s);
        break;
    case ST_PENALTY:
        run_penalty(e, s);
        break;
    case ST_TARGET:
        if (e->in_train)
            run_input(e, s);
        else
            elab_error(e, s->span, "a target belongs in `train { ... }`");
        break;
    case ST_LOSS:
    case ST_OPTIMIZER:
    case ST_METRIC:
    case ST_CLIP:
    case ST_FREEZE:
        run_train_stmt(e, s);
        break;
    }
}

void run_block(Elab *e, const Block *body)
{
    for (int i = 0; i < body->n && !e->instance->returned; i++) {
        if (!elab_tick(e, body->at[i]->span))
            return;
        mark(e, body->at[i]->span);
        run_stmt(e, body->at[i]);
    }
}
