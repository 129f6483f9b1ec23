/* SPDX-License-Identifier: MIT */
/* elaborate_call.c: calls of definitions: a path of its own for each call, its body run in place. */
#include <ctype.h>
#include <string.h>

#include "elaborate_internal.h"

/* ---- types --------------------------------------------------------------------------------------------- */

static bool type_dtype(Elab *e, const TypeExpr *type, DType *dt)
{
    if (dtype_named(type->dtype, dt))
        return true;
    static const char *const names[] = {"f32", "i32", "bool", "u8"};
    elab_error(e, type->span, "unknown element type `%s`; there are f32, i32, bool and u8", type->dtype);
    const char *near = nearest_name(type->dtype, names, LEN(names));
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
    return false;
}

/* What a dimension of a type stands for: one extent, a list of them, or the leading axes of a formal. */
static bool eval_extents(Elab *e, const Dim *d, int64_t *extent, int *n)
{
    const Instance *i = e->instance;
    if (d->ellipsis && !i->has_rest)
        return elab_error(e, d->span, "`...` stands for the leading axes of a formal; there is none here"),
               false;
    if (d->ellipsis) {
        *n = i->nrest;
        memcpy(extent, i->rest, sizeof *extent * (size_t)i->nrest);
        return true;
    }
    if (!want_ints(e, d->span, "an extent", eval(e, d->extent), MAX_RANK, extent, n))
        return false;
    for (int k = 0; k < *n; k++)
        if (extent[k] < 1 || extent[k] > MAX_EXTENT)
            return elab_error(e, d->span, "an extent of %lld; it must be from 1 to %lld",
                              (long long)extent[k], (long long)MAX_EXTENT),
                   false;
    return true;
}

/* A type whose every name is known: of an input, a parameter, a state. */
bool eval_type(Elab *e, const TypeExpr *type, Type *out)
{
    DType dt;
    int64_t dim[2 * MAX_RANK];
    int rank = 0, more;
    if (!type_dtype(e, type, &dt))
        return false;
    for (int i = 0; i < type->dims.n; i++) {
        if (!eval_extents(e, &type->dims.at[i], dim + rank, &more))
            return false;
        rank += more;
        if (rank > MAX_RANK)
            return elab_error(e, type->span, "at most %d axes are possible", MAX_RANK), false;
    }
    *out = type_make(dt, rank, dim);
    return shape_allowed(e, type->span, *out, false);
}

static bool is_free_dim(Elab *e, const Expr *x)
{
    if (x->kind != EX_NAME || !isupper((unsigned char)x->text[0]) || find_binding(e, x->text))
        return false;
    Symbol *s = find_symbol(e, x->text);
    return !s || s->def->kind != DEF_CONST;
}

static void put_dim_names(Elab *e, StrBuf *sb, const Expr *x)
{
    if (!x)
        return;
    put_dim_names(e, sb, x->base);
    put_dim_names(e, sb, x->right);
    Binding *b = x->kind == EX_NAME ? find_binding(e, x->text) : NULL;
    if (!b || b->term.kind != TERM_INT)
        return;
    sb_printf(sb, "%s%s = %lld", sb->n ? ", " : "", x->text, (long long)b->term.integer);
    if (b->term.origin)
        sb_printf(sb, " (from `%s`)", b->term.origin);
}

/* What the names of a type are bound to: "where T = 5 (from `x`), D = 3". */
static void note_dims(Elab *e, const TypeExpr *want)
{
    StrBuf sb = {.a = e->a};
    for (int i = 0; i < want->dims.n; i++)
        put_dim_names(e, &sb, want->dims.at[i].extent);
    if (sb.n)
        diag_note(e->d, "where %s", sb_text(&sb));
}

/* Complains in the caller's text, with the callee's names still in scope for the notes. */
static bool mismatch(Elab *e, const TypeExpr *want, const char *callee, const char *formal, Span at, Term t,
                     const Expr *from)
{
    Instance *callee_instance = e->instance;
    if (callee_instance->caller)
        e->instance = callee_instance->caller;
    if (formal)
        elab_error(e, at, "`%s` of `%s` must be %s, found %s", formal, callee, span_text(e, want->span),
                   term_describe(e, t));
    else
        elab_error(e, at, "`%s` must give %s, found %s", callee, span_text(e, want->span),
                   term_describe(e, t));
    if (from && t.origin)
        note_operand(e, from, t);
    e->instance = callee_instance;
    note_dims(e, want);
    if (callee_instance->has_rest && callee_instance->nrest > 0)
        for (int i = 0; i < want->dims.n; i++)
            if (want->dims.at[i].ellipsis)
                diag_note(e->d, "where ... = %s",
                          type_text(e->a, type_make(DT_F32, callee_instance->nrest, callee_instance->rest)) +
                              3);
    return false;
}

static bool match_rest(Instance *i, Type t, int first, int n)
{
    if (!i->has_rest) {
        i->has_rest = true;
        i->nrest = n;
        for (int k = 0; k < n; k++)
            i->rest[k] = t.dim[first + k];
        return true;
    }
    bool same = i->nrest == n;
    for (int k = 0; k < n && same; k++)
        same = i->rest[k] == t.dim[first + k];
    return same;
}

/* Whether t is of a declared type; capital names not known yet are bound. In the callee's scope. `formal`
 * NULL: its result. */
bool match_type(Elab *e, const TypeExpr *want, const char *callee, const char *formal, Span at, Term t,
                const Expr *from)
{
    DType dt;
    Type type = example_type(t);
    int rest = -1, fixed = want->dims.n;
    if (!type_dtype(e, want, &dt))
        return false;
    for (int i = 0; i < want->dims.n; i++)
        if (want->dims.at[i].ellipsis)
            rest = i, fixed--;
    if (dt != type.dt || (rest < 0 ? type.rank != fixed : type.rank < fixed))
        return mismatch(e, want, callee, formal, at, t, from);
    if (rest >= 0 && !match_rest(e->instance, type, rest, type.rank - fixed))
        return mismatch(e, want, callee, formal, at, t, from);
    for (int i = 0; i < want->dims.n; i++) {
        const Dim *d = &want->dims.at[i];
        int axis = rest >= 0 && i > rest ? i + type.rank - fixed - 1 : i;
        int64_t extent;
        if (d->ellipsis)
            continue;
        if (is_free_dim(e, d->extent)) {
            Term bound = term_int(type.dim[axis]);
            bound.origin = formal;
            bind(e, d->extent->text, bound);
            continue;
        }
        if (!want_int(e, d->span, "an extent", eval(e, d->extent), &extent))
            return false;
        if (extent != type.dim[axis])
            return mismatch(e, want, callee, formal, at, t, from);
    }
    return true;
}

/* ---- instances ----------------------------------------------------------------------------------------- */

Instance *instance_new(Elab *e, const Symbol *s, const char *path, Span site)
{
    Instance *i = NEW(e->a, Instance);
    i->def = s->def;
    i->program = s->program;
    i->std = s->std;
    i->path = i->own = path;
    i->shared = e->instance && e->instance->shared;
    i->caller = e->instance;
    i->site = site_of(e, site);
    i->scope = NEW(e->a, Scope);
    names_differentiated(e->a, &s->def->body, &i->watched);
    return i;
}

Saved enter_instance(Elab *e, Instance *i)
{
    Saved saved = {e->scope, e->instance, e->shape};
    e->scope = i->scope;
    e->instance = i;
    e->shape = NULL;
    e->depth++;
    return saved;
}

void leave_instance(Elab *e, Saved saved)
{
    e->scope = saved.scope;
    e->instance = saved.instance;
    e->shape = saved.shape;
    e->depth--;
}

/* `as same NAME`: the call before whose parameters this one has; NULL once diagnosed. */
static const char *shared_call(Elab *e, const Expr *call, const Def *def)
{
    const Instance *i = e->instance;
    VEC(const char *) names = {0};
    for (int k = i->calls.n - 1; k >= 0; k--) {
        const CallName *c = &i->calls.at[k];
        if (c->call->same)
            continue;
        vec_push(e->a, &names, c->call->as.text ? c->call->as.text : c->name);
        if (!str_eq(c->name, call->as.text) && !str_eq(c->call->as.text, call->as.text))
            continue;
        if (c->def == def)
            return c->name;
        elab_error(e, call->as.span, "`%s` is a `%s`, not a `%s`", call->as.text, c->def->name.text, def->name.text);
        diag_note_at(e->d, c->call->span, "called");
        return NULL;
    }
    elab_error(e, call->as.span, "no call before is named `%s`", call->as.text);
    const char *near = nearest_name(call->as.text, names.at, names.n);
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
    return NULL;
}

/* The instance of a call in the current scope, named; NULL once diagnosed. */
static Instance *named_instance(Elab *e, const Expr *call, const Symbol *s)
{
    const Instance *in = e->instance;
    const char *shared = call->same ? shared_call(e, call, s->def) : NULL;
    if (call->same && !shared)
        return NULL;
    const char *name = name_call(e, call, s->def);
    Instance *i = instance_new(e, s, path_join(e->a, in->path, shared ? shared : name), call_span(call));
    i->own = path_join(e->a, in->own, name);
    i->shared |= call->same;
    return i;
}

/* ---- running a definition ------------------------------------------------------------------------------ */

static bool is_literal(const Expr *x)
{
    return x->kind == EX_INT || x->kind == EX_FLOAT || x->kind == EX_BOOL || x->kind == EX_STRING ||
           (x->kind == EX_UNARY && is_literal(x->base));
}

static bool default_attributes(Elab *e, const Def *def, const Bound *arg, bool literal)
{
    for (int i = 0; i < def->attributes.n; i++) {
        const Formal *f = &def->attributes.at[i];
        if (arg[i].given || is_literal(f->fallback) != literal)
            continue;
        Term t = eval_attribute(e, f->fallback);
        if (is_error(t))
            return false;
        bind(e, f->name.text, t);
    }
    return true;
}

static bool bind_attributes(Elab *e, const Def *def, const Bound *arg)
{
    for (int i = 0; i < def->attributes.n; i++) {
        const Formal *f = &def->attributes.at[i];
        if (!arg[i].given)
            continue;
        if (!is_static(arg[i].term) && def->kind != DEF_OPTIMIZER) {
            Instance *callee = e->instance;
            e->instance = callee->caller;
            elab_error(e, arg[i].from ? arg[i].from->span : callee->site,
                       "`%s` of `%s` must be known at compile time, found %s", f->name.text, def->name.text,
                       term_describe(e, arg[i].term));
            e->instance = callee;
            return false;
        }
        bind(e, f->name.text, arg[i].term);
    }
    return true;
}

static bool bind_tensor(Elab *e, const Def *def, const Formal *f, Span at, Term t, const Expr *from)
{
    DType dt;
    if (!type_dtype(e, f->type, &dt))
        return false;
    if (!is_tensor(t)) {
        Instance *callee = e->instance;
        e->instance = from && callee->caller ? callee->caller : callee;
        t = term_tensor(e, at, arena_printf(e->a, "`%s` of `%s`", f->name.text, def->name.text), t, dt);
        e->instance = callee;
    }
    bool ok = !is_error(t) && here(e, at, &t) &&
              match_type(e, f->type, def->name.text, f->name.text, at, t, from);
    bind(e, f->name.text, t);
    return ok;
}

/* `none` stands for what is not given, so that a layer can pass on what it was not given either. */
static bool is_given(const Formal *f, const Bound *arg)
{
    return arg->given && !(f->fallback && arg->term.kind == TERM_ABSENT);
}

static bool bind_tensors(Elab *e, const Expr *call, const Def *def, const Bound *arg)
{
    bool ok = true;
    for (int i = 0; i < def->tensors.n && ok; i++)
        if (is_given(&def->tensors.at[i], &arg[i]))
            ok = bind_tensor(e, def, &def->tensors.at[i], arg[i].from ? arg[i].from->span : call_span(call),
                             arg[i].term, arg[i].from);
    return ok;
}

/* After everything else, for they may depend on it. */
static bool default_tensors(Elab *e, const Def *def, const Bound *arg)
{
    bool ok = true;
    for (int i = 0; i < def->tensors.n && ok; i++) {
        const Formal *f = &def->tensors.at[i];
        if (is_given(f, &arg[i]))
            continue;
        Term t = eval(e, f->fallback);
        if (t.kind == TERM_ABSENT)
            bind(e, f->name.text, t);
        else
            ok = !is_error(t) && bind_tensor(e, def, f, f->fallback->span, t, NULL);
    }
    return ok;
}

/* The declared result, checked; a number becomes the tensor it was declared to be. */
static Term check_result(Elab *e, const Def *def, Term t)
{
    if (!def->result || is_error(t))
        return t;
    Instance *callee = e->instance;
    DType dt;
    if (t.kind == TERM_NONE || t.kind == TERM_TUPLE || !type_dtype(e, def->result, &dt)) {
        elab_error(e, def->name.span, "`%s` must give %s, found %s", def->name.text,
                   span_text(e, def->result->span), term_describe(e, t));
        return term_error();
    }
    t = term_tensor(e, def->name.span, "the result", t, dt);
    if (is_error(t))
        return t;
    Span at = callee->std ? callee->site : t.span.source ? t.span : def->name.span;
    if (!match_type(e, def->result, def->name.text, NULL, at, t, NULL))
        return term_error();
    return t;
}

static bool may_call(Elab *e, const Expr *call, const Def *def)
{
    for (const Instance *i = e->instance; i; i = i->caller) {
        if (i->def != def)
            continue;
        elab_error(e, call->text_span, "`%s` calls itself", def->name.text);
        return false;
    }
    if (e->depth < MAX_CALL_DEPTH)
        return true;
    elab_error(e, call->text_span, "calls are nested deeper than %d", MAX_CALL_DEPTH);
    return false;
}

/* An initializer is given the declared shape, unless the call itself says one. */
static bool shape_is_implied(Elab *e, const Expr *call, const Def *def)
{
    if (!e->shape || def->kind != DEF_INITIALIZER)
        return false;
    for (int i = 0; i < call->args.n; i++)
        if (str_eq(call->args.at[i].name.text, "shape") ||
            (i == 0 && call->args.at[i].value->kind == EX_LIST))
            return false;
    return true;
}

/* Runs a layer or an initializer; `preset`, if any, are arguments it was given where it was passed on. The
 * call's own begin behind the tensors among them. */
Term call_definition(Elab *e, const Expr *call, const Symbol *s, const Bound *preset)
{
    const Def *def = s->def;
    Formals f = formals_of(e, def);
    Bound *arg = NEWN(e->a, Bound, f.n + 1);
    int nt = def->tensors.n;
    if (!may_call(e, call, def))
        return term_error();
    for (int i = 0; i < f.n && preset; i++)
        arg[i] = preset[i];
    bool implied = shape_is_implied(e, call, def);
    if (implied)
        arg[0] = (Bound){.term = *e->shape, .given = true};
    int first = implied ? 1 : 0;
    while (first < nt && arg[first].given)
        first++;
    bool bound = bind_arguments(e, call, &f, first, arg);
    Instance *i = named_instance(e, call, s);
    if (!bound || !i)
        return term_error();
    Saved saved = enter_instance(e, i);
    mark(e, call_span(call));
    bool ok = bind_attributes(e, def, arg + nt) && default_attributes(e, def, arg + nt, true) &&
              bind_tensors(e, call, def, arg) && default_attributes(e, def, arg + nt, false) &&
              default_tensors(e, def, arg);
    Term t = term_error();
    if (ok) {
        int before = diag_errors(e->d);
        run_block(e, &def->body);
        t = i->returned ? i->result : (Term){.kind = diag_errors(e->d) > before ? TERM_ERROR : TERM_NONE};
        t = check_result(e, def, t);
    }
    leave_instance(e, saved);
    mark(e, call_span(call));
    if (is_tensor(t)) {
        t.origin = NULL;
        t.span = site_of(e, call_span(call));
    }
    return t;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static void suggest_callee(Elab *e, const char *name)
{
    BuiltinDoc builtin;
    VEC(const char *) names = {0};
    for (int i = 0; builtin_doc(i, &builtin); i++)
        vec_push(e->a, &names, builtin.name);
    for (int i = 0; i < e->symbols.n; i++) {
        DefKind kind = e->symbols.at[i].def->kind;
        if ((kind == DEF_LAYER || kind == DEF_INITIALIZER) && is_visible(e, &e->symbols.at[i]))
            vec_push(e->a, &names, e->symbols.at[i].def->name.text);
    }
    const char *near = nearest_name(name, names.at, names.n);
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
}

static void eval_arguments_anyway(Elab *e, const Expr *call)
{
    for (int i = 0; i < call->args.n; i++)
        eval(e, call->args.at[i].value);
}

static void not_a_layer(Elab *e, const Expr *call, Term t)
{
    elab_error(e, call->text_span, "`%s` must be a layer to be called; it is %s", call->text,
               term_describe(e, t));
    if (t.kind == TERM_STRING && (find_symbol(e, t.text) || find_builtin(t.text)))
        diag_help(e->d, "a layer is passed by its name, without quotes: %s", t.text);
}

Term eval_call(Elab *e, const Expr *call)
{
    const Binding *value = e->instance ? find_binding(e, call->text) : NULL;
    if (value && value->term.kind == TERM_CALLABLE)
        return call_callable(e, call, value->term.callable);
    Symbol *s = find_symbol(e, call->text);
    const Builtin *b = find_builtin(call->text);
    if (s && (s->def->kind == DEF_LAYER || s->def->kind == DEF_INITIALIZER) && e->instance)
        return call_definition(e, call, s, NULL);
    if (!s && b)
        return call_builtin(e, b, call);
    eval_arguments_anyway(e, call);
    if (s)
        elab_error(e, call->text_span, "`%s` is not a layer and cannot be called here", call->text);
    else if (value)
        not_a_layer(e, call, value->term);
    else {
        elab_error(e, call->text_span, "unknown layer or function `%s`", call->text);
        suggest_callee(e, call->text);
    }
    return term_error();
}
