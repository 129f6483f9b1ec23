/* SPDX-License-Identifier: MIT */
/* library.c: the library against numbers dlc has no part in.
 *
 *     library ENGINE FAMILY.dl      every case of a family, with interpret64, tcc or cc; speaks TAP
 *     library --cover FAMILY.dl... EXEMPT.txt      whether every definition of the library is called by a
 * case
 *
 * FAMILY.safetensors beside FAMILY.dl holds for each model case_NAME
 *     NAME/given/TENSOR             parameters, states, inputs, targets (the examples in front)
 *     NAME/expected/output.TENSOR   of inference
 *     NAME/expected/init.TENSOR     of init with seed 1
 *     NAME/expected/metric.NAME     of evaluation: the mean over the examples
 *     NAME/expected/gradient.TENSOR in training, at the given parameters; of `loss`, its value
 *     NAME/expected/step.loss       at the beginning of each of as many steps
 *     NAME/expected/after.TENSOR    parameters and states behind these steps
 * (case.py writes them). A number may be off by LIMIT times the largest magnitude in its tensor, or in all
 * gradients of the case for a gradient that is rounding noise there. All cases of a family are compiled at
 * once, and of a case what something is expected of, since compilers are slow; init is interpreted where its
 * results are not looked at. */
#include "compiler/commands/commands.h"
#include "compiler/commands/session.h"
#include "compiler/pipeline.h"
#include "compiler/std/std.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *engine;
    double limit;
} limits[] = {{"interpret64", 2e-6}, {"tcc", 1e-5}, {"cc", 1e-5}};

static const double noise = 1e-9; /* of the largest gradient: less is zero, but for rounding in double */

typedef struct Case {
    const char *name;
    Module *m;
    Session *s;
    ArrayList found; /* by the names above, without NAME/expected/ */
    unsigned calls;  /* bits 1u << CALL_INFER, ...: what is compared */
    int first;       /* of its functions in the executable */
} Case;

typedef struct Family {
    Arena *a;
    Diag *d;
    const char *path, *text, *engine;
    size_t bytes;
    double limit;
    ArrayList arrays;
    VEC(Case) cases;
    Executable *x;
} Family;

static const char *const call_name[CALLS] = {"init", "start", "infer", "evaluate", "gradients", "train_step"};

/* NAME/KIND/TENSOR, or NULL. */
static const Array *find(Family *f, const Case *c, const char *kind, const char *tensor)
{
    return array_find(&f->arrays, arena_printf(f->a, "%s/%s/%s", c->name, kind, tensor));
}

/* ---- building -------------------------------------------------------------------------------------- */
/* In front of what the model's first input is given. */
static int64_t examples_of(Family *f, const Case *c, const Def *def)
{
    for (int i = 0; i < def->body.n; i++) {
        const Stmt *s = def->body.at[i];
        const Array *x = s->kind == ST_INPUT ? find(f, c, "given", s->names.at[0].text) : NULL;
        if (x && x->type.rank > 0)
            return x->type.dim[0];
    }
    return 1;
}

static bool prefixed(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* Models without inputs or outputs of interest have these, since a model needs some. */
static bool is_unused(const char *name)
{
    return str_eq(name, "unused") || str_eq(name, "unused_out");
}

/* The calls that what is expected of a case needs, and those whose results must not go without. */
static unsigned calls_of(Family *f, const Case *c)
{
    static const struct {
        const char *prefix;
        Call call;
    } rows[] = {{"init.", CALL_INIT},          {"output.", CALL_INFER},    {"metric.", CALL_EVALUATE},
                {"gradient.", CALL_GRADIENTS}, {"step.", CALL_TRAIN_STEP}, {"after.", CALL_TRAIN_STEP}};
    const char *mine = arena_printf(f->a, "%s/expected/", c->name);
    unsigned calls = c->m->metrics.n ? 1u << CALL_EVALUATE : 0;
    if (c->m->train_step && c->m->states.n)
        calls |= 1u << CALL_TRAIN_STEP;
    for (int i = 0; i < c->m->outputs.n; i++)
        calls |= is_unused(c->m->outputs.at[i].name) ? 0 : 1u << CALL_INFER;
    for (int i = 0; i < f->arrays.n; i++)
        for (int r = 0; r < LEN(rows); r++)
            if (prefixed(f->arrays.at[i].name, mine) &&
                prefixed(f->arrays.at[i].name + strlen(mine), rows[r].prefix))
                calls |= 1u << rows[r].call;
    return calls;
}

static bool add_case(Family *f, const Def *def)
{
    Case c = {.name = def->name.text + strlen("case_")};
    int64_t n = examples_of(f, &c, def);
    const char *why;
    ElaborateOptions options = {
        .model = def->name.text, .batch = n, .train_batch = n, .train = model_trains(def)};
    c.m = pipeline_text(f->a, f->d, f->path, f->text, f->bytes, &options, NULL, NULL);
    if (!c.m)
        return false;
    c.calls = calls_of(f, &c);
    c.s = session_open(f->a, f->d, c.m, c.calls | 1u << CALL_INIT, "interpret64", 1, false,
                       &why); /* for its tensors, and init */
    vec_push(f->a, &f->cases, c);
    return true;
}

/* Every function of every case in one executable. */
static bool compile(Family *f, const char **why)
{
    int n = f->cases.n * CALLS;
    Fn **fn = NEWN(f->a, Fn *, n);
    const char **name = NEWN(f->a, const char *, n);
    for (int i = 0; i < f->cases.n; i++) {
        Case *c = &f->cases.at[i];
        c->first = i * CALLS;
        for (int k = 0; k < CALLS; k++) {
            fn[c->first + k] = c->calls & 1u << k ? c->s->fn[k] : NULL;
            name[c->first + k] = arena_printf(f->a, "%s_%s", c->name, call_name[k]);
        }
    }
    f->x = executable_new(f->a, f->d, f->engine, 1, false, fn, name, n, why);
    return f->x != NULL;
}

/* ---- running --------------------------------------------------------------------------------------- */
static bool call(Family *f, Case *c, Call which)
{
    return executable_call(f->x, c->first + which, c->s->in[which], c->s->out[which]) == 0;
}

static void keep(Family *f, Case *c, const char *name, Type type, const void *data)
{
    array_add(f->a, &c->found, name, (Array){type, arena_dup(f->a, data, (size_t)type_bytes(type))});
}

static void keep_results(Family *f, Case *c, Call which, Role role, const char *prefix)
{
    const Fn *fn = c->s->fn[which];
    for (int i = 0; i < fn->result.n; i++) {
        const Port *p = &fn->result.at[i];
        if (p->role == role)
            keep(f, c, arena_printf(f->a, "%s%s", prefix, p->name), p->node->type, c->s->out[which][i]);
    }
}

static void keep_weights(Family *f, Case *c, const char *prefix)
{
    for (int i = 0; i < session_nweight(c->s); i++) {
        void *tensor;
        const Entry *e = session_weight(c->s, i, &tensor);
        keep(f, c, arena_printf(f->a, "%s%s", prefix, e->name), e->type, tensor);
    }
}

static bool give(Family *f, Case *c, const Entry *e, Role role, int index)
{
    const Array *x = find(f, c, "given", e->name);
    if (!x)
        return false;
    Type t = e->batched ? type_insert(e->type, 0, c->m->batch) : e->type;
    if (!shape_eq(x->type, t) || x->type.dt != t.dt) {
        printf("# %s: %s is given as %s\n", c->name, e->name, type_text(f->a, x->type));
        return false;
    }
    memcpy(session_tensor(c->s, role, index), x->data, (size_t)type_bytes(t));
    return true;
}

/* What init made stays where nothing is given for a parameter or state; inputs and targets must be given. */
static bool give_all(Family *f, Case *c)
{
    const Module *m = c->m;
    bool ok = true;
    for (int i = 0; i < m->params.n; i++)
        give(f, c, &m->params.at[i], ROLE_PARAM, i);
    for (int i = 0; i < m->states.n; i++)
        give(f, c, &m->states.at[i], ROLE_STATE, i);
    for (int i = 0; i < m->inputs.n; i++)
        ok &= give(f, c, &m->inputs.at[i], ROLE_INPUT, i);
    for (int i = 0; i < m->targets.n; i++)
        ok &= give(f, c, &m->targets.at[i], ROLE_TARGET, i);
    if (!ok)
        printf("# %s: an input or a target is not given\n", c->name);
    return ok;
}

/* Evaluation gives sums over the examples; what is kept are means. */
static bool evaluate(Family *f, Case *c)
{
    Scores scores = scores_new(f->a, c->m);
    if (!call(f, c, CALL_EVALUATE))
        return false;
    scores_clear(&scores);
    scores_add(&scores, c->s, c->m->train_batch, false);
    for (int i = 1; i < scores.n; i++) {
        float mean = (float)scores_value(&scores, i);
        keep(f, c, arena_printf(f->a, "metric.%s", scores.name[i]), type_scalar(DT_F32), &mean);
    }
    return true;
}

static bool steps(Family *f, Case *c)
{
    const Array *wanted = find(f, c, "expected", "step.loss");
    int64_t n = wanted ? wanted->type.dim[0] : 1;
    Array losses = array_new(f->a, type_make(DT_F32, 1, &n));
    for (int64_t i = 0; i < n; i++) {
        session_step(c->s, (int32_t)i + 1);
        if (!call(f, c, CALL_TRAIN_STEP))
            return false;
        ((float *)losses.data)[i] = *(const float *)session_tensor(c->s, ROLE_LOSS, 0);
    }
    array_add(f->a, &c->found, "step.loss", losses);
    keep_weights(f, c, "after.");
    return true;
}

static bool gradients(Family *f, Case *c)
{
    if (!call(f, c, CALL_GRADIENTS))
        return false;
    keep(f, c, "gradient.loss", type_scalar(DT_F32), session_tensor(c->s, ROLE_LOSS, 0));
    keep_results(f, c, CALL_GRADIENTS, ROLE_GRADIENT, "gradient.");
    return give_all(f, c); /* running statistics begin anew */
}

static bool infer(Family *f, Case *c)
{
    if (!call(f, c, CALL_INFER))
        return false;
    keep_results(f, c, CALL_INFER, ROLE_OUTPUT, "output.");
    return true;
}

static bool init(Family *f, Case *c)
{
    const char *why;
    if (c->calls & 1u << CALL_INIT ? !call(f, c, CALL_INIT) : !session_call(c->s, CALL_INIT, &why))
        return false;
    keep_weights(f, c, "init.");
    return give_all(f, c);
}

static bool run(Family *f, Case *c)
{
    static const struct {
        Call call;
        bool (*run)(Family *f, Case *c);
    } rows[] = {{CALL_INFER, infer},
                {CALL_EVALUATE, evaluate},
                {CALL_GRADIENTS, gradients},
                {CALL_TRAIN_STEP, steps}};
    session_seed(c->s, 1);
    session_count(c->s, c->m->batch);
    session_step(c->s, 1);
    bool ok = init(f, c);
    for (int i = 0; i < LEN(rows); i++)
        if (c->calls & 1u << rows[i].call)
            ok = ok && rows[i].run(f, c);
    return ok;
}

/* ---- comparing ------------------------------------------------------------------------------------- */
static double largest(Array x)
{
    double most = 0;
    for (int64_t i = 0; i < type_count(x.type); i++)
        most = fmax(most, isfinite(array_at(x, i)) ? fabs(array_at(x, i)) : 0);
    return most;
}

/* Of entries that are not equal; infinities and NaN must be where they are expected. */
static double difference(Array x, Array y)
{
    double most = 0;
    for (int64_t i = 0; i < type_count(x.type); i++) {
        double u = array_at(x, i), v = array_at(y, i);
        if (u == v || (isnan(u) && isnan(v)))
            continue;
        most = fmax(most, isfinite(u) && isfinite(v) ? fabs(u - v) : INFINITY);
    }
    return most;
}

static bool compare(Family *f, const Case *c, const char *tensor, Array want, double gradients, double *worst)
{
    const Array *found = array_find(&c->found, tensor);
    if (!found || !shape_eq(found->type, want.type)) {
        printf("# %s: %s: %s\n", c->name, tensor, found ? "another shape" : "missing");
        return false;
    }
    double scale = largest(want), off = difference(*found, want);
    if (!strncmp(tensor, "gradient.", 9) && scale <= noise * gradients)
        scale = gradients;
    off = off == 0 ? 0 : off / fmax(scale, 1e-30);
    *worst = fmax(*worst, off);
    if (off > f->limit)
        printf("# %s: %s: off by %.2g of %.3g, the largest; %.0e is allowed\n", c->name, tensor, off, scale,
               f->limit);
    return off <= f->limit;
}

static bool must_be_expected(const Case *c, const char *name)
{
    for (int i = 0; i < c->m->states.n; i++)
        if (prefixed(name, "after.") && str_eq(name + strlen("after."), c->m->states.at[i].name))
            return true;
    return prefixed(name, "gradient.") || prefixed(name, "metric.") ||
           (prefixed(name, "output.") && !is_unused(name + strlen("output.")));
}

/* Every expected number is there and right; and no output, gradient, metric or state was left without one. */
static bool compare_all(Family *f, const Case *c, double *worst)
{
    const char *prefix = arena_printf(f->a, "%s/expected/", c->name);
    double gradients = 0;
    bool ok = true;
    int n = 0;
    for (int i = 0; i < c->found.n; i++) {
        const char *name = c->found.at[i].name;
        if (must_be_expected(c, name) && !find(f, c, "expected", name)) {
            printf("# %s: %s: nothing is expected of it\n", c->name, name);
            ok = false;
        }
        if (prefixed(name, "gradient."))
            gradients = fmax(gradients, largest(c->found.at[i].array));
    }
    for (int i = 0; i < f->arrays.n; i++)
        if (prefixed(f->arrays.at[i].name, prefix)) {
            ok &=
                compare(f, c, f->arrays.at[i].name + strlen(prefix), f->arrays.at[i].array, gradients, worst);
            n++;
        }
    if (!n)
        printf("# %s: nothing is expected\n", c->name);
    return ok && n;
}

/* ---- a family -------------------------------------------------------------------------------------- */
static const char *beside(Arena *a, const char *path, const char *extension)
{
    const char *dot = strrchr(path, '.');
    return arena_printf(a, "%.*s%s", (int)(dot ? dot - path : (long)strlen(path)), path, extension);
}

static const Program *read_family(Family *f, const char **why)
{
    Diag *first = diag_new(f->a); /* what it has to say is said again as the cases are elaborated */
    f->text = path_read(f->a, f->path, &f->bytes, why);
    if (!f->text)
        return NULL;
    return parse_program(f->a, first, diag_add_source(first, f->path, f->text, f->bytes));
}

static int check_family(Family *f)
{
    const char *why = "";
    for (int i = 0; i < LEN(limits); i++)
        if (str_eq(limits[i].engine, f->engine))
            f->limit = limits[i].limit;
    const Program *program = read_family(f, &why);
    bool ok = f->limit > 0 && program &&
              safetensors_read(f->a, beside(f->a, f->path, ".safetensors"), &f->arrays, &why);
    for (int i = 0; ok && i < program->defs.n; i++)
        if (program->defs.at[i]->kind == DEF_MODEL)
            ok = add_case(f, program->defs.at[i]);
    if (!ok || !compile(f, &why)) {
        diag_print(f->d, stderr);
        fprintf(stderr, "library: %s: %s\n", f->path, why);
        return 1;
    }
    int failed = 0;
    double worst = 0;
    for (int i = 0; i < f->cases.n; i++) {
        Case *c = &f->cases.at[i];
        if (run(f, c) ? compare_all(f, c, &worst) : (printf("# %s: a call failed\n", c->name), false))
            continue;
        failed++;
    }
    printf("# %d cases, worst %.1e of %.0e\n", f->cases.n, worst, f->limit);
    executable_close(f->x);
    return failed || f->cases.n == 0;
}

/* ---- cover ----------------------------------------------------------------------------------------- */
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether `name` is called: the word before a parenthesis (an optimizer, a layer) or behind |>. */
static bool calls(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
        bool piped = at - text >= 3 && !strncmp(at - 3, "|> ", 3);
        if ((at == text || !is_word(at[-1])) && (at[n] == '(' || (piped && !is_word(at[n]))))
            return true;
    }
    return false;
}

/* A line of EXEMPT.txt: NAME: why it has no case. */
static bool exempt(Arena *a, const char *text, const char *name)
{
    const char *line = strstr(text, arena_printf(a, "\n%s: ", name));
    return line && line[strlen(name) + 3] > ' ';
}

static int check_cover(Arena *a, char **argv, int n)
{
    StrBuf cases = {.a = a}, exempted = {.a = a};
    const char *why;
    size_t bytes;
    for (int i = 0; i < n; i++) {
        const char *text = path_read(a, argv[i], &bytes, &why);
        if (!text) {
            fprintf(stderr, "library: %s\n", why);
            return 1;
        }
        bool last = i == n - 1;
        sb_puts(last ? &exempted : &cases, "\n");
        sb_puts(last ? &exempted : &cases, text);
    }
    int nstd, bad = 0, total = 0;
    const Program *const *std = std_programs(a, diag_new(a), &nstd);
    for (int i = 0; i < nstd; i++)
        for (int k = 0; k < std[i]->defs.n; k++) {
            const char *name = std[i]->defs.at[k]->name.text;
            bool called = calls(sb_text(&cases), name), excused = exempt(a, sb_text(&exempted), name);
            total++;
            if (called == excused) {
                printf("# %s: %s\n", name,
                       called ? "exempt, but a case calls it" : "no case calls it, and it is not exempt");
                bad++;
            }
        }
    printf("# %d definitions\n", total);
    return bad > 0;
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    int status = 2;
    if (argc > 3 && !strcmp(argv[1], "--cover"))
        status = check_cover(a, argv + 2, argc - 2);
    else if (argc == 3)
        status = check_family(&(Family){.a = a, .d = diag_new(a), .engine = argv[1], .path = argv[2]});
    else
        fprintf(stderr, "usage: library ENGINE FAMILY.dl | library --cover FAMILY.dl... EXEMPT.txt\n");
    arena_free(a);
    return status;
}
