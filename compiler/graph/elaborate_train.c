/* SPDX-License-Identifier: MIT */
/* elaborate_train.c: the train block: loss, metrics, and the optimizer's update of every parameter. */
#include <string.h>

#include "elaborate_internal.h"

/* ---- over the batch ------------------------------------------------------------------------------------ */

static Node *count_node(Elab *e)
{
    Frame *root = root_frame(e);
    Node *count = root_input(e, ROLE_COUNT, 0, "count", type_scalar(DT_I32));
    return frame_capture(e, e->frame, root, count);
}

/* Examples beyond the count are filled up and must not matter: they become 0. x is [batch, ...]. */
static Node *only_counted(Elab *e, Node *x)
{
    Fn *fn = e->frame->fn;
    Type rows = type_make(DT_I32, 1, &e->batch);
    Node *count = node_broadcast(fn, count_node(e), rows, (int[]){0});
    Node *counts = node_binary(fn, OP_LT, node_iota(fn, rows, 0), count);
    Node *mask = node_broadcast(fn, counts, type_with(x->type, DT_BOOL), (int[]){0});
    return node_select(fn, mask, x, node_full(fn, x->type, 0));
}

static Node *over_count(Elab *e, Node *sum)
{
    Fn *fn = e->frame->fn;
    Node *count = node_cast(fn, count_node(e), DT_F32);
    return node_binary(fn, OP_DIV, sum, node_broadcast(fn, count, sum->type, NULL));
}

/* The mean over the examples that count: what normalisation needs. Exists only while training. */
Term elab_batch_mean(Elab *e, Span sp, Term x)
{
    if (e->phase != PHASE_LOSS || root_frame(e) == e->init) {
        elab_error(e, sp, "`batch_mean` reaches across the batch and exists only while training");
        diag_help(e->d, "put it into `if training { ... }`");
        return term_error();
    }
    if (x.node->type.dt != DT_F32) {
        elab_error(e, sp, "`batch_mean` takes f32, found %s", term_describe(e, x));
        return term_error();
    }
    if (!x.batched)
        return x;
    Node *sum = node_reduce(e->frame->fn, OP_SUM, only_counted(e, x.node), 1, (int[]){0});
    return term_node(e, over_count(e, sum), false);
}

static Term as_f32(Elab *e, Term t)
{
    return t.node->type.dt == DT_F32 ? t : term_node(e, node_cast(e->frame->fn, t.node, DT_F32), t.batched);
}

/* One number per example: what a loss or a metric says, averaged over its further axes. */
static Term per_example(Elab *e, Span sp, const char *what, Term t)
{
    t = term_tensor(e, sp, what, t, DT_F32);
    if (is_error(t))
        return t;
    int axis[MAX_RANK], n = example_type(t).rank;
    for (int i = 0; i < n; i++)
        axis[i] = i;
    t = elab_mean(e, sp, as_f32(e, t), n, axis, false);
    if (!t.batched)
        t = term_node(e, spread(e, t, example_type(t), true), true);
    return t;
}

/* x is [batch]. */
static Node *sum_over_batch(Elab *e, Node *x)
{
    return node_reduce(e->frame->fn, OP_SUM, only_counted(e, x), 1, (int[]){0});
}

/* The sum over the examples that count; in training divided by their number. */
static Node *over_batch(Elab *e, Term t)
{
    Node *sum = sum_over_batch(e, t.node);
    return e->phase == PHASE_LOSS ? over_count(e, sum) : sum;
}

/* ---- statements ---------------------------------------------------------------------------------------- */

static void run_loss(Elab *e, const Stmt *s)
{
    Term t = eval(e, s->value);
    mark(e, s->span);
    if (e->has_loss)
        elab_error(e, s->span, "a model has one loss; write the sum of its parts");
    e->has_loss = true;
    e->loss = per_example(e, s->value->span, "the loss", t);
}

static void metric_result(Elab *e, Span sp, const char *name, const char *ratio, Node *value)
{
    int i = find_entry(e, &e->known.metrics, e->m->metrics.at, e->m->metrics.n, name);
    if (i < 0) {
        Entry entry = {.name = name, .type = type_scalar(DT_F32), .span = sp, .param = -1, .ratio = ratio};
        i = e->m->metrics.n;
        vec_push(e->a, &e->m->metrics, entry);
    }
    fn_result(e->frame->fn, ROLE_METRIC, i, name, value);
}

/* The sum of everything there is, of the examples that count. */
static Node *sum_of_all(Elab *e, Term t)
{
    int axis[MAX_RANK], n = example_type(t).rank;
    for (int i = 0; i < n; i++)
        axis[i] = i;
    t = elab_reduce(e, t.span, OP_SUM, as_f32(e, t), n, axis, false);
    return sum_over_batch(e, spread(e, t, example_type(t), true));
}

Term bi_ratio(Elab *e, const Args *g)
{
    Term *item = NEWN(e->a, Term, 2);
    for (int i = 0; i < 2; i++)
        if (!arg_tensor(e, g, i, DT_F32, &item[i]))
            return term_error();
    return (Term){.kind = TERM_RATIO, .item = item, .n = 2, .span = g->sp};
}

/* A mean over the examples; or two sums, to be divided when there are no more batches to add. */
static void run_metric(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    Term t = eval(e, s->value);
    mark(e, s->span);
    if (name_listed(&e->metrics, name.text)) {
        elab_error(e, name.span, "two metrics named `%s`", name.text);
        return;
    }
    vec_push(e->a, &e->metrics, name);
    if (t.kind == TERM_RATIO) {
        Term above = t.item[0], below = t.item[1];
        if (!here(e, s->span, &above) || !here(e, s->span, &below))
            return;
        metric_result(e, s->span, arena_printf(e->a, "%s.numerator", name.text), name.text,
                      sum_of_all(e, above));
        metric_result(e, s->span, arena_printf(e->a, "%s.denominator", name.text), NULL,
                      sum_of_all(e, below));
        return;
    }
    t = per_example(e, s->value->span, arena_printf(e->a, "the metric `%s`", name.text), t);
    if (!is_error(t))
        metric_result(e, s->span, name.text, NULL, over_batch(e, t));
}

static const char *path_text(Elab *e, const Expr *x)
{
    return x->kind == EX_FIELD ? arena_printf(e->a, "%s.%s", path_text(e, x->base), x->text)
           : x->text           ? x->text
                               : "";
}

/* A statement that only stands in train. */
void run_train_stmt(Elab *e, const Stmt *s)
{
    if (!e->in_train || e->instance->caller) {
        elab_error(e, s->span, "this belongs in a model's `train { ... }`");
        return;
    }
    if (e->frame->outer) {
        elab_error(e, s->span, "this cannot stand in a loop");
        return;
    }
    switch (s->kind) {
    case ST_LOSS:
        run_loss(e, s);
        break;
    case ST_METRIC:
        run_metric(e, s);
        break;
    case ST_OPTIMIZER:
        if (e->optimizer && e->optimizer != s)
            elab_error(e, s->span, "a model has one optimizer");
        e->optimizer = s;
        break;
    case ST_CLIP:
        if (e->clip && e->clip != s)
            elab_error(e, s->span, "a model clips its gradients in one way");
        e->clip = s;
        break;
    case ST_FREEZE: {
        Name path = {path_text(e, s->value), s->value->span};
        if (!name_listed(&e->frozen, path.text))
            vec_push(e->a, &e->frozen, path);
        break;
    }
    default:
        BUG("statement kind %d in train", (int)s->kind);
    }
}

void finish_loss(Elab *e, Span sp)
{
    if (!e->has_loss) {
        elab_error(e, sp, "`train` has no loss");
        diag_help(e->d, "loss = cross_entropy(logits, label), for instance");
        return;
    }
    if (is_error(e->loss) || diag_errors(e->d))
        return;
    Fn *fn = e->frame->fn;
    mark(e, e->loss.span.source ? e->loss.span : sp);
    Node *loss = over_batch(e, e->loss);
    for (int i = 0; i < e->penalties.n && e->phase == PHASE_LOSS; i++)
        loss = node_binary(fn, OP_ADD, loss, e->penalties.at[i].node);
    fn_result(fn, ROLE_LOSS, 0, "loss", loss);
    for (int i = 0; i < e->state.n && e->phase == PHASE_LOSS; i++)
        if (e->state.at[i])
            fn_result(fn, ROLE_STATE, i, e->m->states.at[i].name, e->state.at[i]);
}

/* ---- freeze -------------------------------------------------------------------------------------------- */

static bool under(const char *name, const char *path)
{
    size_t n = strlen(path);
    return strncmp(name, path, n) == 0 && (name[n] == 0 || name[n] == '.');
}

void freeze_params(Elab *e)
{
    for (int i = 0; i < e->frozen.n; i++) {
        bool any = false;
        VEC(const char *) names = {0};
        for (int k = 0; k < e->m->params.n; k++) {
            Entry *p = &e->m->params.at[k];
            vec_push(e->a, &names, p->name);
            for (const char *dot = strchr(p->name, '.'); dot; dot = strchr(dot + 1, '.'))
                vec_push(e->a, &names, arena_strndup(e->a, p->name, (size_t)(dot - p->name)));
            if (!under(p->name, e->frozen.at[i].text))
                continue;
            p->trainable = false;
            any = true;
        }
        if (any)
            continue;
        elab_error(e, e->frozen.at[i].span, "no parameter is named `%s`", e->frozen.at[i].text);
        const char *near = nearest_name(e->frozen.at[i].text, names.at, names.n);
        if (near)
            diag_help(e->d, "did you mean `%s`?", near);
    }
}

/* ---- the optimizer ------------------------------------------------------------------------------------- */

/* The formal of the parameter: the first. */
static const char *param_formal(const Instance *i)
{
    return i->def->tensors.at[0].name.text;
}

/* state m = full_like(0, p): its first value is made in init, where p is the parameter's first value. */
void run_optimizer_state(Elab *e, const Stmt *s)
{
    Name name = s->names.at[0];
    int param = find_entry(e, &e->known.params, e->m->params.at, e->m->params.n, e->instance->path);
    const char *path = arena_printf(e->a, "%s.%s", name.text, e->instance->path);
    Type t;
    if (s->type && !eval_type(e, s->type, &t))
        return;
    if (find_entry(e, &e->known.optimizer, e->m->optimizer.at, e->m->optimizer.n, path) >= 0) {
        elab_error(e, name.span, "`%s` is declared twice", name.text);
        return;
    }
    Scope first = {.outer = e->scope}, *scope = e->scope;
    Term p = {.kind = TERM_TENSOR, .node = fn_find_result(e->init->fn, ROLE_PARAM, param), .frame = e->init};
    e->scope = &first;
    bind(e, param_formal(e->instance), p);
    Node *init = p.node ? initial_value(e, path, s->type ? &t : NULL, s->value, s->span) : NULL;
    e->scope = scope;
    if (!init) {
        bind(e, name.text, term_error());
        return;
    }
    int i = e->m->optimizer.n;
    Entry entry = {.name = path, .type = init->type, .span = site_of(e, s->span), .param = param};
    vec_push(e->a, &e->m->optimizer, entry);
    fn_result(e->init->fn, ROLE_OPTIMIZER, i, path, init);
    mark(e, s->span);
    Term v = term_node(e, fn_input(e->frame->fn, ROLE_OPTIMIZER, i, path, init->type), false);
    v.origin = "state";
    v.span = name.span;
    bind(e, name.text, v);
    Binding *b = find_binding(e, name.text);
    b->state = i;
    b->assignable = true;
}

static Node *gradient_node(Elab *e, int i)
{
    const Entry *p = &e->m->params.at[i];
    return root_input(e, ROLE_GRADIENT, i, p->name, p->type);
}

typedef struct Update {
    const Symbol *s;
    const Expr *call;
    Bound *arg; /* of its attributes */
    Node *step;
    const Symbol *clip; /* NULL where gradients stay as they are */
    Bound *clip_arg;    /* the gradient, to be filled in, and perhaps the norm of all */
} Update;

/* The Euclidean norm of all gradients together. */
static Node *global_norm(Elab *e)
{
    Fn *fn = e->frame->fn;
    Node *squares = node_const(fn, DT_F32, 0);
    for (int i = 0; i < e->m->params.n; i++) {
        if (!e->m->params.at[i].trainable)
            continue;
        Node *g = gradient_node(e, i);
        int axis[MAX_RANK], rank = g->type.rank;
        for (int k = 0; k < rank; k++)
            axis[k] = k;
        Node *square = node_binary(fn, OP_MUL, g, g);
        squares =
            node_binary(fn, OP_ADD, squares, rank ? node_reduce(fn, OP_SUM, square, rank, axis) : square);
    }
    return node_unary(fn, OP_SQRT, squares);
}

/* clip NAME(...) calls the layer clip_NAME for each gradient; its tensors are the gradient, and where it asks
 * for a second one, the norm of all of them. */
static bool find_clip(Elab *e, Update *u)
{
    static const char prefix[] = "clip_";
    const Expr *call = e->clip->value;
    u->clip = find_symbol(e, arena_printf(e->a, "%s%s", prefix, call->text));
    if (!u->clip || u->clip->def->kind != DEF_LAYER) {
        VEC(const char *) names = {0};
        for (int i = 0; i < e->symbols.n; i++) {
            const char *name = e->symbols.at[i].def->name.text;
            if (e->symbols.at[i].def->kind == DEF_LAYER && is_visible(e, &e->symbols.at[i]) &&
                strncmp(name, prefix, strlen(prefix)) == 0)
                vec_push(e->a, &names, name + strlen(prefix));
        }
        elab_error(e, call->text_span, "gradients cannot be clipped by `%s`: there is no layer `%s%s`",
                   call->text, prefix, call->text);
        const char *near = nearest_name(call->text, names.at, names.n);
        if (near)
            diag_help(e->d, "did you mean `%s`?", near);
        return false;
    }
    const Def *def = u->clip->def;
    if (def->tensors.n < 1 || def->tensors.n > 2) {
        elab_error(e, def->name.span,
                   "a layer that clips takes a gradient, and perhaps the norm of all: (gradient: "
                   "f32[...], global_norm: f32; ...)");
        return false;
    }
    u->clip_arg = NEWN(e->a, Bound, def->tensors.n + def->attributes.n);
    if (def->tensors.n == 2)
        u->clip_arg[1] = (Bound){.term = term_node(e, global_norm(e), false), .given = true};
    return true;
}

/* NULL with a diagnostic where the layer does not give what a gradient of that shape can be. */
static Node *clipped(Elab *e, const Update *u, Node *g)
{
    const Expr *call = e->clip->value;
    u->clip_arg[0] = (Bound){.term = term_node(e, g, false), .given = true};
    Term t = call_definition(e, call, u->clip, u->clip_arg);
    if (is_error(t))
        return NULL;
    if (is_tensor(t) && type_eq(t.node->type, g->type))
        return t.node;
    elab_error(e, call->span, "`%s` makes of a gradient of type %s %s", u->clip->def->name.text,
               type_text(e->a, g->type), term_describe(e, t));
    return NULL;
}

static bool bind_update_formal(Elab *e, const Update *u, int i, Term t)
{
    const Formal *f = &u->s->def->tensors.at[i];
    if (!match_type(e, f->type, u->s->def->name.text, f->name.text, u->call->span, t, NULL))
        return false;
    bind(e, f->name.text, t);
    return true;
}

static bool bind_update_attributes(Elab *e, const Update *u)
{
    const Def *def = u->s->def;
    for (int i = 0; i < def->attributes.n; i++) {
        const Formal *f = &def->attributes.at[i];
        Term t = u->arg[i].given ? u->arg[i].term : eval(e, f->fallback);
        if (is_error(t))
            return false;
        bind(e, f->name.text, t);
    }
    return true;
}

/* The new value of a parameter and of its states, as results. */
static void update_results(Elab *e, const Instance *i, int param, int first_state)
{
    fn_result(e->frame->fn, ROLE_PARAM, param, i->path, find_binding(e, param_formal(i))->term.node);
    for (int k = 0; k < i->scope->at.n; k++) {
        const Binding *b = &i->scope->at.at[k];
        if (b->assignable && b->state >= first_state)
            fn_result(e->frame->fn, ROLE_OPTIMIZER, b->state, e->m->optimizer.at[b->state].name,
                      b->term.node);
    }
}

static void update_param(Elab *e, const Update *u, int i)
{
    const Entry *p = &e->m->params.at[i];
    Node *node = root_input(e, ROLE_PARAM, i, p->name, p->type), *g = gradient_node(e, i);
    if (u->clip && !(g = clipped(e, u, g)))
        return;
    Instance *instance = instance_new(e, u->s, p->name, u->call->span);
    Term formal[] = {term_node(e, node, false), term_node(e, g, false), term_node(e, u->step, false)};
    Saved saved = enter_instance(e, instance);
    mark(e, u->call->span);
    int first_state = e->m->optimizer.n, errors = diag_errors(e->d);
    formal[0].origin = "param";
    formal[0].span = p->span;
    bool ok = true;
    for (int k = 0; k < u->s->def->tensors.n && ok; k++)
        ok = bind_update_formal(e, u, k, formal[k]);
    if (ok && bind_update_attributes(e, u)) {
        find_binding(e, param_formal(instance))->assignable = true;
        run_block(e, &u->s->def->body);
        if (diag_errors(e->d) == errors)
            update_results(e, instance, i, first_state);
    }
    leave_instance(e, saved);
}

static bool find_optimizer(Elab *e, Update *u)
{
    const Expr *call = u->call;
    u->s = find_symbol(e, call->text);
    if (!u->s || u->s->def->kind != DEF_OPTIMIZER) {
        VEC(const char *) names = {0};
        for (int i = 0; i < e->symbols.n; i++)
            if (e->symbols.at[i].def->kind == DEF_OPTIMIZER && is_visible(e, &e->symbols.at[i]))
                vec_push(e->a, &names, e->symbols.at[i].def->name.text);
        elab_error(e, call->text_span, u->s ? "`%s` is not an optimizer" : "unknown optimizer `%s`",
                   call->text);
        const char *near = nearest_name(call->text, names.at, names.n);
        if (near)
            diag_help(e->d, "did you mean `%s`?", near);
        return false;
    }
    const Def *def = u->s->def;
    bool complete = true;
    for (int i = 0; i < def->tensors.n; i++)
        complete &= !def->tensors.at[i].fallback;
    if (def->tensors.n < 2 || def->tensors.n > 3 || !complete) {
        elab_error(e, def->name.span,
                   "an optimizer takes a parameter, its gradient and the step: (p: f32[...], "
                   "gradient: f32[...], step: i32; ...)");
        return false;
    }
    Formals f = formals_of(e, def); /* the tensors are not the caller's to give */
    f.n = f.values = def->attributes.n;
    f.tensors = 0;
    f.name += def->tensors.n;
    f.required += def->tensors.n;
    u->arg = NEWN(e->a, Bound, f.n + 1);
    return bind_arguments(e, call, &f, 0, u->arg);
}

/* Fills the frame's function: parameters, gradients, optimizer states and the step in; the new ones out. */
void make_update(Elab *e)
{
    Instance model = {.def = e->model->def, .program = e->program, .path = "", .own = "", .scope = e->model_scope};
    Scope args = {.outer = e->model_scope};
    Update u = {0};
    if (!e->optimizer) {
        elab_error(e, e->train->span, "`train` has no optimizer");
        diag_help(e->d, "optimizer adam(), for instance");
        return;
    }
    u.call = e->optimizer->value;
    if (u.call->kind != EX_CALL)
        return;
    e->instance = &model;
    e->scope = &args;
    mark(e, u.call->span);
    u.step = fn_input(e->frame->fn, ROLE_STEP, 0, "step", type_scalar(DT_I32));
    bind(e, "step", term_node(e, u.step, false));
    bool ok = find_optimizer(e, &u) && (!e->clip || find_clip(e, &u));
    int errors = diag_errors(e->d);
    for (int i = 0; i < e->m->params.n && ok && diag_errors(e->d) == errors; i++) {
        if (e->m->params.at[i].trainable) /* the others stay as they are: no result */
            update_param(e, &u, i);
    }
    e->instance = NULL;
    e->scope = NULL;
}
