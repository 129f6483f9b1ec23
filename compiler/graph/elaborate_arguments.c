/* SPDX-License-Identifier: MIT */
/* elaborate_arguments.c: arguments to formals; layers and initializers as arguments. */
#include "elaborate_internal.h"

/* ---- arguments ----------------------------------------------------------------------------------------- */

static int find_formal(int n, const char *const *formal, const char *name)
{
    for (int i = 0; i < n; i++)
        if (str_eq(formal[i], name))
            return i;
    return -1;
}

static void unknown_argument(Elab *e, const Argument *arg, const char *callee, int n,
                             const char *const *formal)
{
    elab_error(e, arg->name.span, "`%s` has no argument `%s`", callee, arg->name.text);
    const char *near = nearest_name(arg->name.text, formal, n);
    StrBuf sb = {.a = e->a};
    if (near) {
        diag_help(e->d, "did you mean `%s`?", near);
        return;
    }
    for (int i = 0; i < n; i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", formal[i]);
    if (n)
        diag_note(e->d, "it takes %s", sb_text(&sb));
}

/* Evaluates a call's arguments into out[f->n], where some may be given already; positional ones go to formals
 * from `next` on. false after a diagnostic; every argument is evaluated in any case. */
bool bind_arguments(Elab *e, const Expr *call, const Formals *f, int next, Bound *out)
{
    const char *callee = f->callee, *const *formal = f->name;
    const int nformal = f->n, first = next;
    bool ok = true;
    for (int i = 0; i < call->args.n; i++) {
        const Argument *arg = &call->args.at[i];
        while (next < f->tensors && !f->required[next])
            next++;
        elab_search(e, nformal);
        int at = arg->name.text ? find_formal(nformal, formal, arg->name.text) : next++;
        Term t = at < 0 || at >= f->values ? eval_attribute(e, arg->value) : eval(e, arg->value);
        if (at < 0) {
            unknown_argument(e, arg, callee, nformal, formal);
            ok = false;
        } else if (at >= nformal) {
            if (at == nformal)
                elab_error(e, arg->value->span, "`%s` takes at most %d argument%s", callee,
                           nformal - first, nformal - first == 1 ? "" : "s");
            ok = false;
        } else if (out[at].given) {
            elab_error(e, arg->value->span, "`%s` is given `%s` twice", callee, formal[at]);
            if (out[at].from)
                diag_note(e->d, "`%s` is taken for it already", span_text(e, out[at].from->span));
            ok = false;
        } else {
            if (t.kind == TERM_NONE || t.kind == TERM_TUPLE) {
                elab_error(e, arg->value->span, "an argument must be one value, found %s",
                           term_describe(e, t));
                t = term_error();
            }
            out[at] = (Bound){.term = t, .from = arg->value, .given = true};
            ok &= !is_error(t);
        }
    }
    mark(e, call_span(call));
    for (int i = 0; i < nformal && ok; i++) {
        if (!f->required[i] || out[i].given)
            continue;
        elab_error(e, call->text_span, "`%s` is not given `%s`", callee, formal[i]);
        ok = false;
    }
    return ok;
}

Formals formals_of(Elab *e, const Def *def)
{
    int nt = def->tensors.n, n = nt + def->attributes.n;
    const char **name = NEWN(e->a, const char *, n + 1);
    bool *required = NEWN(e->a, bool, n + 1);
    for (int i = 0; i < n; i++) {
        const Formal *f = i < nt ? &def->tensors.at[i] : &def->attributes.at[i - nt];
        name[i] = f->name.text;
        required[i] = !f->fallback;
    }
    return (Formals){.callee = def->name.text, .n = n, .name = name, .required = required,
                     .tensors = nt, .values = nt};
}

/* ---- layers as values ---------------------------------------------------------------------------------- */

static Term term_callable(Elab *e, const Symbol *s, const Builtin *b, const Bound *arg)
{
    Callable *c = NEW(e->a, Callable);
    *c = (Callable){.symbol = s, .builtin = b, .arg = arg};
    return (Term){.kind = TERM_CALLABLE, .callable = c};
}

/* How many formals a definition is given where it is called: its tensors, or an initializer's shape. */
static int left_open(const Def *def) { return def->kind == DEF_INITIALIZER ? 1 : def->tensors.n; }

/* lstm(64): all but what is left open. */
static Term partial_call(Elab *e, const Expr *call, const Symbol *s)
{
    Formals f = formals_of(e, s->def);
    Bound *arg = NEWN(e->a, Bound, f.n + 1);
    int open = left_open(s->def);
    bool *required = arena_dup(e->a, f.required, sizeof(bool) * (size_t)(f.n + 1));
    for (int i = 0; i < open; i++)
        required[i] = false;
    f.required = required;
    f.tensors = f.values = 0;
    bool ok = bind_arguments(e, call, &f, open, arg);
    for (int i = 0; i < f.n && ok; i++) {
        if (!arg[i].given || (i >= open && is_static(arg[i].term)))
            continue;
        if (i < open)
            elab_error(e, arg[i].from->span, "`%s` is passed as a layer here; `%s` is for whoever calls it",
                       f.callee, f.name[i]);
        else {
            elab_error(e, arg[i].from->span, "`%s` of `%s` must be known at compile time, found %s",
                       f.name[i], f.callee, term_describe(e, arg[i].term));
            diag_help(e->d, "`%s` is passed as a layer here, without its tensors", f.callee);
        }
        ok = false;
    }
    if (ok && call->as.text) {
        elab_error(e, call->as.span, "`%s` is passed as a layer here; a name is for whoever calls it",
                   f.callee);
        ok = false;
    }
    return ok ? term_callable(e, s, NULL, arg) : term_error();
}

static bool is_callable(const Symbol *s)
{
    return s && (s->def->kind == DEF_LAYER || s->def->kind == DEF_INITIALIZER) && left_open(s->def) > 0;
}

/* An attribute's value: whatever is known at compile time, a layer or an initializer among it, by its name or
 * as a call without its tensors. */
Term eval_attribute(Elab *e, const Expr *x)
{
    while (x && x->kind == EX_CONDITIONAL)
        x = chosen_branch(e, x);
    if (!x)
        return term_error();
    bool named = (x->kind == EX_NAME || (x->kind == EX_CALL && !x->piped)) && e->instance;
    if (!named || find_binding(e, x->text))
        return eval(e, x);
    const Symbol *s = find_symbol(e, x->text);
    if (is_callable(s))
        return x->kind == EX_NAME ? term_callable(e, s, NULL, NULL) : partial_call(e, x, s);
    const Builtin *b = s || x->kind == EX_CALL ? NULL : find_builtin(x->text);
    return b ? term_callable(e, NULL, b, NULL) : eval(e, x);
}

Term call_callable(Elab *e, const Expr *call, const Callable *c)
{
    return c->symbol ? call_definition(e, call, c->symbol, c->arg) : call_builtin(e, c->builtin, call);
}

const char *callable_name(const Callable *c)
{
    return c->symbol ? c->symbol->def->name.text : builtin_called(c->builtin);
}
