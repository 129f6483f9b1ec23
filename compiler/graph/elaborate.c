/* SPDX-License-Identifier: MIT */
/* elaborate.c: the entry: definitions, constants and settings, and the runs of a model's body that make its
 * functions. */
#include <ctype.h>
#include <string.h>

#include "elaborate_internal.h"

/* ---- diagnostics --------------------------------------------------------------------------------------- */

/* Where the library's text is at fault, the user's call is shown, with a note on the place inside. Where a
 * user's layer is, the calls that led there follow. */
void elab_error(Elab *e, Span sp, const char *format, ...)
{
    if (e->gave_up)
        return;
    e->gave_up = diag_errors(e->d) >= MAX_ERRORS;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = arena_alloc(e->a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    const Instance *i = e->instance;
    bool std = i && i->std && sp.source != i->site.source;
    diag_error(e->d, std ? i->site : sp, "%s", text);
    if (std) {
        int line = diag_line(e->d, sp, NULL);
        diag_note(e->d, "in `%s` of the library, %s:%d: %s", i->def->name.text,
                  diag_source_name(e->d, sp.source), line, span_text(e, sp));
    }
    for (int shown = 0; i && i->caller && shown < 4; i = i->caller) {
        if (i->std || i->def->kind == DEF_OPTIMIZER)
            continue;
        diag_note_at(e->d, i->site, "in `%s`, called", i->def->name.text);
        shown++;
    }
}

bool elab_tick(Elab *e, Span sp)
{
    int most = e->options->most_nodes ? e->options->most_nodes : MAX_NODES;
    bool large = e->frame && e->frame->fn->node.n > most;
    if (e->gave_up)
        return false;
    if (++e->steps <= MAX_STEPS && !large)
        return true;
    elab_error(e, sp, "the program is too large: more than %d %s", large ? most : MAX_STEPS,
               large ? "operations" : "steps to elaborate");
    e->gave_up = true;
    return false;
}

void elab_search(Elab *e, int n) { e->steps += n / 12; }

/* ---- names --------------------------------------------------------------------------------------------- */

const char *path_join(Arena *a, const char *path, const char *name)
{
    return path[0] ? arena_printf(a, "%s.%s", path, name) : name;
}

int find_entry(Elab *e, NameIndex *known, const Entry *entry, int n, const char *name)
{
    known->map.a = e->a;
    for (; known->n < n; known->n++)
        *str_map(&known->map, entry[known->n].name) = known->n + 1;
    return *str_map(&known->map, name) - 1;
}

/* A file sees its own definitions, those of the files it imports, and the library's; the library sees only its own. */
bool is_visible(Elab *e, const Symbol *s)
{
    const Program *from = e->instance ? e->instance->program : e->program;
    bool visible = s->std || s->program == from;
    for (int i = 0; i < from->imports.n && !visible; i++)
        visible = from->imports.at[i] == s->program;
    return visible;
}

/* The user's definitions come first, and hide the library's. */
Symbol *find_symbol(Elab *e, const char *name)
{
    for (int i = *str_map(&e->named, name) - 1; i >= 0; i = e->symbols.at[i].next)
        if (is_visible(e, &e->symbols.at[i]))
            return &e->symbols.at[i];
    return NULL;
}

static void add_symbol(Elab *e, Symbol s)
{
    int *first = str_map(&e->named, s.def->name.text), last = -1;
    for (int i = *first - 1; i >= 0; i = e->symbols.at[last = i].next) {
        const Symbol *other = &e->symbols.at[i];
        if (other->std != s.std)
            continue;
        elab_error(e, s.def->name.span, "`%s` is defined twice", s.def->name.text);
        diag_note_at(e->d, other->def->name.span, "the first");
        return;
    }
    s.next = -1;
    vec_push(e->a, &e->symbols, s);
    if (last >= 0)
        e->symbols.at[last].next = e->symbols.n - 1;
    else
        *first = e->symbols.n;
}

/* The models of imported files are left out. */
static void add_symbols(Elab *e, const Program *program, bool std)
{
    for (int i = 0; i < program->defs.n; i++) {
        const Symbol s = {.def = program->defs.at[i], .program = program, .std = std};
        if (s.def->kind != DEF_IMPORT && (s.def->kind != DEF_MODEL || program == e->program))
            add_symbol(e, s);
    }
}

/* ---- constants ----------------------------------------------------------------------------------------- */

static Term eval_const(Elab *e, const Expr *x, const Symbol *s)
{
    Scope empty = {0}, *scope = e->scope;
    Instance nobody = {.def = s->def, .program = s->program, .std = s->std, .path = "", .own = "", .scope = &empty};
    Instance *instance = e->instance;
    Frame *frame = e->frame;
    nobody.site = x->span;
    e->scope = &empty;
    e->instance = &nobody;
    e->frame = e->consts;
    Term t = eval(e, x);
    if (!is_error(t) && !is_static(t)) {
        elab_error(e, x->span, "a constant must be known at compile time, found %s", term_describe(e, t));
        t = term_error();
    }
    e->scope = scope;
    e->instance = instance;
    e->frame = frame;
    return t;
}

static bool same_kind(Term x, Term y)
{
    return x.kind == y.kind || (x.kind == TERM_FLOAT && y.kind == TERM_INT);
}

Term const_value(Elab *e, Symbol *s)
{
    if (s->known == CONST_KNOWN)
        return s->term;
    if (s->known == CONST_BUSY) {
        elab_error(e, s->def->span, "the constant `%s` depends on itself", s->def->name.text);
        return term_error();
    }
    if (e->waiting == MAX_CONST_DEPTH) {
        elab_error(e, s->def->span, "more than %d constants wait for each other", MAX_CONST_DEPTH);
        e->gave_up = true;
        return term_error();
    }
    s->known = CONST_BUSY;
    e->waiting++;
    Term t = eval_const(e, s->def->value, s);
    e->waiting--;
    if (s->override) {
        Term set = eval_const(e, s->override, s);
        if (!is_error(set) && !is_error(t) && !same_kind(t, set)) {
            elab_error(e, s->override->span, "`%s` is %s; it cannot be set to %s", s->def->name.text,
                       term_describe(e, t), term_describe(e, set));
            set = term_error();
        }
        t = set;
    }
    s->known = CONST_KNOWN;
    s->term = t;
    return t;
}

static bool is_identifier(const char *name)
{
    if (!name || (!isalpha((unsigned char)name[0]) && name[0] != '_'))
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

/* What has no place in the text says at least which text. */
static const char *file_name(const Elab *e)
{
    return diag_source_name(e->d, e->program->source);
}

static Symbol *find_setting(Elab *e, const char *name)
{
    VEC(const char *) names = {0};
    for (int i = 0; i < e->symbols.n; i++) {
        Symbol *s = &e->symbols.at[i];
        if (s->std || s->def->kind != DEF_CONST)
            continue;
        if (str_eq(s->def->name.text, name))
            return s;
        vec_push(e->a, &names, s->def->name.text);
    }
    diag_error(e->d, (Span){0}, "%s: --set %s: there is no such const", file_name(e), name ? name : "");
    const char *near = name ? nearest_name(name, names.at, names.n) : NULL;
    if (near)
        diag_help(e->d, "did you mean `%s`?", near);
    return NULL;
}

/* --set NAME=VALUE, read as `const NAME = VALUE`. */
static void apply_setting(Elab *e, const Setting *set)
{
    Symbol *s = find_setting(e, set->name);
    if (!s)
        return;
    if (!is_identifier(set->name) || !set->value || !set->value[0]) {
        diag_error(e->d, (Span){0}, "--set %s: a value is missing", set->name);
        return;
    }
    const char *text = arena_printf(e->a, "const %s = %s\n", set->name, set->value);
    int errors = diag_errors(e->d), source = diag_add_source(e->d, "--set", text, strlen(text));
    Program *program = parse_program(e->a, e->d, source);
    if (diag_errors(e->d) > errors)
        return;
    if (program->defs.n != 1 || program->defs.at[0]->kind != DEF_CONST) {
        diag_error(e->d, (Span){0}, "--set %s=%s: not a value", set->name, set->value);
        return;
    }
    s->override = program->defs.at[0]->value;
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

static const Symbol *choose_model(Elab *e, const char *name)
{
    VEC(const char *) names = {0};
    const Symbol *found = NULL;
    for (int i = 0; i < e->symbols.n; i++) {
        const Symbol *s = &e->symbols.at[i];
        if (s->std || s->def->kind != DEF_MODEL)
            continue;
        vec_push(e->a, &names, s->def->name.text);
        if (!name || str_eq(name, s->def->name.text))
            found = s;
    }
    if (names.n == 0) {
        diag_error(e->d, (Span){0}, "%s: there is no model: model NAME { ... }", file_name(e));
        return NULL;
    }
    if (!name && names.n > 1) {
        StrBuf sb = {.a = e->a};
        for (int i = 0; i < names.n; i++)
            sb_printf(&sb, "%s%s", i ? ", " : "", names.at[i]);
        diag_error(e->d, (Span){0}, "%s: there are %d models: %s; --model chooses one", file_name(e), names.n, sb_text(&sb));
        return NULL;
    }
    if (!found) {
        diag_error(e->d, (Span){0}, "%s: there is no model `%s`", file_name(e), name);
        const char *near = nearest_name(name, names.at, names.n);
        if (near)
            diag_help(e->d, "did you mean `%s`?", near);
    }
    return found;
}

static Frame *frame_new(Elab *e, const char *name)
{
    Frame *f = NEW(e->a, Frame);
    f->fn = fn_new(e->a, name);
    return f;
}

/* The order of a function's ports. */
static int role_rank(Role role)
{
    static const Role order[] = {ROLE_PARAM, ROLE_GRADIENT, ROLE_OPTIMIZER, ROLE_STATE,  ROLE_STREAM,
                                 ROLE_INPUT, ROLE_TARGET,   ROLE_SEED,      ROLE_STEP,
                                 ROLE_COUNT, ROLE_OUTPUT,   ROLE_LOSS,      ROLE_METRIC};
    for (int i = 0; i < LEN(order); i++)
        if (order[i] == role)
            return i;
    return LEN(order);
}

static bool port_before(const Port *x, const Port *y)
{
    int rx = role_rank(x->role), ry = role_rank(y->role);
    return rx != ry ? rx < ry : x->index < y->index;
}

/* Merge sort: stable, and no worse for thousands of parameters. */
static void sort_range(Port *p, Port *scratch, int n)
{
    if (n < 2)
        return;
    int half = n / 2;
    sort_range(p, scratch, half);
    sort_range(p + half, scratch, n - half);
    for (int i = 0, x = 0, y = half; i < n; i++) {
        bool right = x == half || (y < n && port_before(&p[y], &p[x]));
        scratch[i] = right ? p[y++] : p[x++];
    }
    memcpy(p, scratch, sizeof *p * (size_t)n);
}

static void sort_ports(Elab *e, Fn *fn)
{
    Port *scratch = NEWN(e->a, Port, fn->input.n + fn->result.n + 1);
    sort_range(fn->input.at, scratch, fn->input.n);
    sort_range(fn->result.at, scratch, fn->result.n);
}

static void add_batched_inputs(Elab *e, Fn *fn, Role role, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        fn_input(fn, role, i, entry[i].name, type_insert(entry[i].type, 0, e->batch));
}

/* Without dead nodes, ports in a fixed order. */
static Fn *finish(Elab *e, Fn *fn, const Swaps *swaps)
{
    fn = fn_prune(e->watches || (swaps && swaps->list.n) ? unwatched(fn, swaps) : fn);
    sort_ports(e, fn);
    return fn;
}

/* The same; inputs and targets stay even where nothing reads them, for they are in the signature. */
static Fn *finish_run(Elab *e, Fn *fn)
{
    fn = finish(e, fn, &e->swaps);
    add_batched_inputs(e, fn, ROLE_INPUT, e->m->inputs.at, e->m->inputs.n);
    if (e->phase != PHASE_INFER)
        add_batched_inputs(e, fn, ROLE_TARGET, e->m->targets.at, e->m->targets.n);
    sort_ports(e, fn);
    return fn;
}

/* Runs the model's body once. The function, not finished yet. */
static Fn *run_model(Elab *e, Phase phase, const char *name)
{
    const Def *model = e->model->def;
    Instance *i = instance_new(e, e->model, "", model->name.span);
    e->phase = phase;
    e->training = phase == PHASE_LOSS;
    e->batch = phase == PHASE_INFER ? e->m->batch : e->m->train_batch;
    e->frame = e->run = frame_new(e, name);
    e->swaps.list.n = 0;
    e->penalties.n = e->metrics.n = 0;
    e->has_loss = false;
    e->state.n = 0;
    Saved saved = enter_instance(e, i);
    run_block(e, &model->body);
    if (phase != PHASE_INFER && e->train && !e->gave_up)
        finish_loss(e, e->train->span);
    leave_instance(e, saved);
    e->model_scope = i->scope;
    return e->frame->fn;
}

static bool failed(const Elab *e) { return diag_errors(e->d) > 0; }

static void run_update_phase(Elab *e)
{
    e->phase = PHASE_UPDATE;
    e->training = true;
    e->batch = 1;
    e->frame = frame_new(e, "update");
    make_update(e);
    if (!failed(e))
        e->m->update = finish(e, e->frame->fn, NULL);
}

/* training = false before true: what both say wrong is said once. */
static void make_functions(Elab *e)
{
    Module *m = e->m;
    const Def *model = e->model->def;
    Fn *fn;
    if (e->options->train) {
        fn = run_model(e, PHASE_EVALUATE, "evaluate");
        if (!e->train && !failed(e))
            elab_error(e, model->name.span, "`%s` has no `train` block", model->name.text);
        if (e->train && !e->gave_up && !failed(e)) {
            m->evaluate = finish_run(e, fn);
            freeze_params(e);
        } else if (e->train && !e->gave_up)
            run_update_phase(e); /* for what it has to say */
    }
    if (failed(e))
        return;
    fn = run_model(e, PHASE_INFER, "infer");
    if (!failed(e) && m->outputs.n == 0)
        elab_error(e, model->name.span, "`%s` has no output: output NAME = value", model->name.text);
    if (failed(e))
        return;
    Fn *start = finish_streams(e, fn);
    m->start = start ? finish(e, start, &e->swaps) : NULL;
    m->infer = finish_run(e, fn);
    if (e->options->train) {
        fn = run_model(e, PHASE_LOSS, "loss");
        if (failed(e))
            return;
        m->loss = finish_run(e, fn);
        run_update_phase(e);
    }
    if (!failed(e))
        m->init = finish(e, e->init->fn, NULL);
}

static bool batch_allowed(Elab *e, int64_t batch)
{
    if (batch >= 1 && batch <= MAX_EXTENT)
        return true;
    diag_error(e->d, (Span){0}, "a batch of %lld; it must be from 1 to %lld", (long long)batch,
               (long long)MAX_EXTENT);
    return false;
}

Module *elaborate(Arena *a, Diag *d, const Program *program, const Program *const *std, int nstd,
                  const ElaborateOptions *options)
{
    Elab e = {.a = a, .d = d, .program = program, .options = options, .named = {.a = a}};
    if (failed(&e))
        return NULL;
    e.m = NEW(a, Module);
    e.m->a = a;
    e.m->batch = options->batch;
    e.m->train_batch = options->train_batch;
    for (int i = 0; i < program->imports.n; i++)
        add_symbols(&e, program->imports.at[i], false);
    add_symbols(&e, program, false);
    for (int i = 0; i < nstd; i++)
        add_symbols(&e, std[i], true);
    for (int i = 0; i < options->nset; i++)
        apply_setting(&e, &options->set[i]);
    e.model = options->definitions ? NULL : choose_model(&e, options->model);
    if ((!e.model && !options->definitions) || !batch_allowed(&e, options->batch) || !batch_allowed(&e, options->train_batch))
        return NULL;
    e.m->name = e.model ? e.model->def->name.text : "";
    e.init = frame_new(&e, "init");
    e.consts = frame_new(&e, "const");
    e.phase = PHASE_INFER;
    e.batch = 1;
    for (int i = 0; i < e.symbols.n; i++)
        if (e.symbols.at[i].def->kind == DEF_CONST && !e.symbols.at[i].std)
            const_value(&e, &e.symbols.at[i]);
    if (!e.model)
        return NULL;
    make_functions(&e);
    return failed(&e) ? NULL : e.m;
}
