/* SPDX-License-Identifier: MIT */
/* elaborate_expr.c: expressions to terms. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "elaborate_internal.h"

Span site_of(Elab *e, Span sp) { return e->instance && e->instance->std ? e->instance->site : sp; }

/* `x |> f(a)` spans its whole pipe; the call itself is only the last piece. */
Span call_span(const Expr *call)
{
    return call->piped ? (Span){call->span.source, call->text_span.lo, call->span.hi} : call->span;
}

void mark(Elab *e, Span sp)
{
    sp = site_of(e, sp);
    for (Frame *f = e->frame; f; f = f->outer)
        f->fn->span = sp;
}

bool dtype_named(const char *name, DType *dt)
{
    for (int i = 0; i < DT_COUNT; i++) {
        if (str_eq(name, dtype_name((DType)i))) {
            *dt = (DType)i;
            return true;
        }
    }
    return false;
}

/* ---- names --------------------------------------------------------------------------------------------- */

Binding *find_binding(Elab *e, const char *name)
{
    for (Scope *s = e->scope; s; s = s->outer) {
        elab_search(e, s->at.n);
        for (int i = s->at.n - 1; i >= 0; i--)
            if (str_eq(s->at.at[i].name, name))
                return &s->at.at[i];
    }
    return NULL;
}

void bind(Elab *e, const char *name, Term t)
{
    t = watched(e, name, t);
    elab_search(e, e->scope->at.n);
    for (int i = 0; i < e->scope->at.n; i++) {
        if (str_eq(e->scope->at.at[i].name, name)) {
            e->scope->at.at[i].term = t;
            return;
        }
    }
    Binding b = {.name = name, .term = t, .state = -1, .stream = -1};
    vec_push(e->a, &e->scope->at, b);
}

/* Names that every program knows. */
static bool builtin_name(Elab *e, const char *name, Term *t)
{
    DType dt;
    if (str_eq(name, "training"))
        *t = term_bool(e->training);
    else if (str_eq(name, "none"))
        *t = (Term){.kind = TERM_ABSENT};
    else if (str_eq(name, "infinity"))
        *t = term_float((double)INFINITY);
    else if (str_eq(name, "pi"))
        *t = term_float(3.14159265358979323846);
    else if (dtype_named(name, &dt))
        *t = term_string(dtype_name(dt));
    else
        return false;
    return true;
}

static void suggest_name(Elab *e, const char *name)
{
    VEC(const char *) names = {0};
    for (Scope *s = e->scope; s; s = s->outer)
        for (int i = 0; i < s->at.n; i++)
            vec_push(e->a, &names, s->at.at[i].name);
    for (int i = 0; i < e->symbols.n; i++)
        if (e->symbols.at[i].def->kind == DEF_CONST && !e->symbols.at[i].std && is_visible(e, &e->symbols.at[i]))
            vec_push(e->a, &names, e->symbols.at[i].def->name.text);
    vec_push(e->a, &names, "training");
    vec_push(e->a, &names, "infinity");
    const char *near = nearest_name(name, names.at, names.n);
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
}

static Term eval_name(Elab *e, const Expr *x)
{
    Binding *b = find_binding(e, x->text);
    if (b) {
        Term t = b->term;
        return here(e, x->span, &t) ? t : term_error();
    }
    Symbol *s = find_symbol(e, x->text);
    if (s && s->def->kind == DEF_CONST)
        return const_value(e, s);
    Term t;
    if (builtin_name(e, x->text, &t))
        return t;
    if (s || find_builtin(x->text)) {
        elab_error(e, x->span, "`%s` is %s; it is called: %s(...)", x->text,
                   s && s->def->kind == DEF_LAYER ? "a layer" : "a function", x->text);
        return term_error();
    }
    elab_error(e, x->span, "unknown name `%s`", x->text);
    suggest_name(e, x->text);
    return term_error();
}

/* hidden.kernel: a parameter of a layer called before. */
static const char *field_path(Elab *e, const Expr *x)
{
    if (x->kind == EX_NAME)
        return x->text;
    if (x->kind != EX_FIELD)
        return NULL;
    const char *base = field_path(e, x->base);
    return base ? arena_printf(e->a, "%s.%s", base, x->text) : NULL;
}

static Term eval_field(Elab *e, const Expr *x)
{
    const char *path = field_path(e, x);
    if (!path) {
        elab_error(e, x->span, "only a parameter is read by path: layer.parameter");
        return term_error();
    }
    const char *full = path_join(e->a, e->instance->path, path);
    int i = find_entry(e, &e->known.params, e->m->params.at, e->m->params.n, full);
    Frame *root = root_frame(e);
    if (i >= 0 && root != e->init && root != e->consts && e->phase != PHASE_UPDATE) {
        Entry *p = &e->m->params.at[i];
        Term t = {.kind = TERM_TENSOR,
                  .node = root_input(e, ROLE_PARAM, i, p->name, p->type),
                  .frame = root,
                  .origin = "param",
                  .span = p->span};
        return here(e, x->span, &t) ? t : term_error();
    }
    elab_error(e, x->span, "no parameter `%s` here", path);
    VEC(const char *) names = {0};
    size_t n = strlen(e->instance->path);
    for (int k = 0; k < e->m->params.n; k++) {
        const char *name = e->m->params.at[k].name;
        if (strncmp(name, e->instance->path, n) == 0)
            vec_push(e->a, &names, name + (n && name[n] == '.' ? n + 1 : n));
    }
    const char *near = nearest_name(path, names.at, names.n);
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
    return term_error();
}

/* ---- operators ----------------------------------------------------------------------------------------- */

static bool needs_graph(Term t) { return is_tensor(t) || (t.kind == TERM_LIST && !is_static(t)); }

static Term eval_unary(Elab *e, const Expr *x)
{
    Term t = eval(e, x->base);
    mark(e, x->span);
    if (is_error(t))
        return t;
    if (needs_graph(t))
        return elab_unary(e, x->span, x->op == OPR_NOT ? OP_NOT : OP_NEG, t, x->base);
    return fold_unary(e, x->span, x->op, t);
}

static bool has_value(Elab *e, const Expr *x, Term t)
{
    if (t.kind == TERM_NONE)
        elab_error(e, x->span, "`%s` gives no value", span_text(e, x->span));
    if (t.kind == TERM_TUPLE)
        elab_error(e, x->span, "`%s` gives %d results; unpack them first: a, b = ...", span_text(e, x->span),
                   t.n);
    return t.kind != TERM_NONE && t.kind != TERM_TUPLE && t.kind != TERM_ERROR;
}

static Term eval_binary(Elab *e, const Expr *x)
{
    Term l = eval(e, x->base);
    if (l.kind == TERM_BOOL && ((x->op == OPR_AND && !l.integer) || (x->op == OPR_OR && l.integer)))
        return l;
    Term r = eval(e, x->right);
    bool lv = is_error(l) || has_value(e, x->base, l), rv = is_error(r) || has_value(e, x->right, r);
    if (is_error(l) || is_error(r) || !lv || !rv)
        return term_error();
    mark(e, x->span);
    if ((x->op == OPR_EQ || x->op == OPR_NE) && (l.kind == TERM_ABSENT || r.kind == TERM_ABSENT))
        return term_bool((l.kind == r.kind) == (x->op == OPR_EQ));
    if (needs_graph(l) || needs_graph(r) || x->op == OPR_MATMUL)
        return elab_binary(e, x->span, x->op, l, r, x->base, x->right);
    return fold_binary(e, x->span, x->op, l, r);
}

/* The branch of a conditional that its condition chooses; NULL after a diagnostic. */
const Expr *chosen_branch(Elab *e, const Expr *x)
{
    bool yes;
    Term c = eval(e, x->condition);
    if (is_tensor(c)) {
        elab_error(e, x->condition->span, "a condition is decided at compile time, found a tensor: %s",
                   term_describe(e, c));
        diag_help(e->d, "where(condition, a, b) chooses element by element");
        return NULL;
    }
    if (!want_bool(e, x->condition->span, "a condition", c, &yes))
        return NULL;
    return yes ? x->base : x->right;
}

static Term eval_list(Elab *e, const Expr *x)
{
    Term *item = NEWN(e->a, Term, x->items.n + 1);
    for (int i = 0; i < x->items.n; i++) {
        item[i] = eval(e, x->items.at[i]);
        if (is_error(item[i]) || !has_value(e, x->items.at[i], item[i]))
            return term_error();
    }
    mark(e, x->span);
    return term_list(item, x->items.n);
}

static Term eval_kind(Elab *e, const Expr *x)
{
    switch (x->kind) {
    case EX_ERROR:
        return term_error();
    case EX_INT:
        return term_int(x->integer);
    case EX_FLOAT:
        return term_float(x->number);
    case EX_BOOL:
        return term_bool(x->integer != 0);
    case EX_STRING:
        return term_string(x->text);
    case EX_NAME:
        return eval_name(e, x);
    case EX_FIELD:
        return eval_field(e, x);
    case EX_LIST:
        return eval_list(e, x);
    case EX_UNARY:
        return eval_unary(e, x);
    case EX_BINARY:
        return eval_binary(e, x);
    case EX_CONDITIONAL:
        return eval(e, chosen_branch(e, x));
    case EX_CALL:
        return eval_call(e, x);
    case EX_INDEX:
        return eval_index(e, x);
    case EX_FOR:
        return eval_for(e, x);
    }
    BUG("expression kind %d", (int)x->kind);
}

/* The value of an expression; what cannot be known now becomes nodes of the current frame. TERM_ERROR once
 * diagnosed. */
Term eval(Elab *e, const Expr *x)
{
    if (!x || !elab_tick(e, x->span))
        return term_error();
    Span sp = x->kind == EX_CALL ? call_span(x) : x->span;
    mark(e, sp);
    Term t = eval_kind(e, x);
    if (t.kind == TERM_TENSOR && !t.span.source)
        t.span = site_of(e, sp);
    if (t.kind == TERM_LIST) {
        e->steps += t.size / LIST_STEP;
        return elab_tick(e, sp) ? t : term_error();
    }
    return t;
}
