/* SPDX-License-Identifier: MIT */
/* test_verify.c: dlc verify finds what is broken on purpose, and names the kernel; healthy code passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "compiler/pipeline.h"
#include "compiler/verify/bound.h"
#include "compiler/verify/model.h"
#include "plan_faults.h"

/* ---- models: the examples, smaller ----------------------------------------------------------------- */
typedef struct Example {
    const char *file; /* of dsl_examples, without .dl */
    Setting set[4];
    int nset;
    const char *replace[8][2]; /* sizes that are no constants */
    int most;                  /* spots of a kind in a function */
    bool two_axes;             /* tiles have rows of two axes where they can */
} Example;

/* No example has these: streams, states, loops that run backwards, an integer drawn from random numbers. */
static const char *const listener =
    "model listener {\n"
    "    input frames: f32[4, 3]\n"
    "    input tone: i32\n"
    "    h = lstm(batch_norm(frames), 5, stateful = true)\n"
    "    backwards = for f in reverse(frames) { s = 0.5 * h + sum(f); yield s }\n"
    "    stream loudest: f32 = 0\n"
    "    loudest <- max(loudest, max(frames))\n"
    "    z = concat([dense(h, 3), backwards[2, :3], one_hot(tone, 4)])\n"
    "    output y = dense(z, 2) * loudest\n"
    "    train {\n"
    "        target t: f32[2]\n"
    "        loss = sum((dense(z, 2) - t) ^ 2)\n"
    "        optimizer adam()\n"
    "    }\n"
    "}\n";

static const Example examples[] = {
    {"axpy", .most = 2},
    {"mlp", .replace = {{"28, 28, 1", "3, 4, 1"}, {"(128)", "(13)"}}, .most = 1},
    {"cnn", .replace = {{"28, 28, 1", "18, 18, 1"}, {"(32,", "(5,"}, {"(64,", "(7,"}, {"(64)", "(6)"}},
     .most = 1},
    {"rnn", {{"LENGTH", "5"}, {"VOCABULARY", "11"}}, 2, {{"64", "6"}}, .most = 2},
    {"attention", {{"LENGTH", "4"}, {"VOCABULARY", "9"}}, 2, {{"64", "5"}}, .most = 1},
    {"listener", .most = 1},
    {"encoder", {{"LENGTH", "4"}, {"VOCABULARY", "9"}, {"WIDTH", "8"}, {"BLOCKS", "1"}}, 4, .most = 1},
    {"cnn", .replace = {{"28, 28, 1", "18, 18, 1"}, {"(32,", "(5,"}, {"(64,", "(7,"}, {"(64)", "(6)"}},
     .most = 1, .two_axes = true},
};

static const char *replaced(Arena *a, const char *text, const char *from, const char *to)
{
    StrBuf sb = {.a = a};
    for (const char *at; (at = strstr(text, from)) != NULL; text = at + strlen(from))
        sb_printf(&sb, "%.*s%s", (int)(at - text), text, to);
    sb_puts(&sb, text);
    return sb_text(&sb);
}

static Module *read_model(Arena *a, Diag *d, const Example *e)
{
    const char *path = arena_printf(a, "dsl_examples/%s.dl", e->file), *why;
    size_t bytes;
    const char *text = str_eq(e->file, "listener") ? listener : file_read(a, path, &bytes, &why);
    assert_non_null(text);
    for (int i = 0; i < LEN(e->replace) && e->replace[i][0]; i++)
        text = replaced(a, text, e->replace[i][0], e->replace[i][1]);
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .set = e->set, .nset = e->nset};
    options.train = strstr(text, "train {") != NULL;
    Module *m = pipeline_text(a, d, path, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return m;
}

/* ---- one function and its traces ------------------------------------------------------------------- */
typedef struct Subject {
    Arena *a;
    const char *name;
    Plan *p;
    const char **buffer_name;
    Trace *trace[GIVENS];
    Jit *jit;       /* closed by who opened the subject */
    Code code;
    Tensors *tensors;
} Subject;

static const char *code_what = "as it is";

static Jit *compile(Subject *s, Arena *scratch, Code *code)
{
    MemoryFunction function = {.name = s->name, .plan = s->p};
    const char *why = NULL;
    Arena *own = s->p->a;
    s->p->a = scratch;
    Jit *jit = jit_tcc(scratch, code_source(scratch, &function, 1), s->p->target, &why);
    s->p->a = own;
    for (int i = 0; s->buffer_name && i < s->p->buffers.n; i++)
        s->p->buffers.at[i]->name = s->buffer_name[i];
    if (!jit || !code_find(scratch, jit, &function, code, &why))
        fail_msg("%s: %s; %s", s->name, why, code_what);
    return jit;
}

static bool verified(Subject *s, const Code *code, Fault *fault)
{
    for (int i = 0; i < LEN(s->trace); i++)
        if (!check_alone(s->a, s->trace[i], code, fault) || !check_replay(s->a, s->trace[i], code, fault))
            return false;
    return true;
}

/* Schedules in which every contraction that can have rows of two axes has them. */
static Schedules *two_axes(Arena *a, const Fn *fn, const Target *target)
{
    Schedules *all = schedules_new(a, diag_new(a)), *chosen = schedules_new(a, diag_new(a));
    schedules_collect(all);
    lower_with(a, NULL, fn, target, all);
    const Candidates *found;
    for (int i = 0; (found = schedules_candidates(all, i)); i++)
        for (int k = 0, done = 0; k < found->n && !done; k++)
            if (found->s[k].row_axes == 2) {
                schedules_add(chosen, found->function, found->name, found->s[k]);
                done = 1;
            }
    return chosen;
}

static void open_subject(Subject *s, Arena *a, const char *name, const Fn *fn, bool two, Tensors *tensors)
{
    const Target *target = target_find("generic");
    *s = (Subject){.a = a, .name = name, .tensors = tensors};
    s->p = lower_with(a, NULL, fn, target, two ? two_axes(a, fn, target) : NULL);
    const char *why;
    for (int i = 0; i < GIVENS; i++) {
        tensors_number(tensors, ROLE_COUNT, given_partly((Given)i) ? 1 : 2);
        s->trace[i] = trace_record(a, s->p, tensors_for(tensors, a, fn), (Given)i, &why);
        assert_non_null(s->trace[i]);
    }
    s->jit = compile(s, a, &s->code);
    s->buffer_name = NEWN(a, const char *, s->p->buffers.n + 1);
    for (int i = 0; i < s->p->buffers.n; i++)
        s->buffer_name[i] = s->p->buffers.at[i]->name;
    Fault fault;
    if (!verified(s, &s->code, &fault))
        fail_msg("healthy %s: %s %s, %s[...] = %.9g, not %.9g", name, fault.kernel ? fault.kernel->name : "",
                 fault.text, fault.tensor ? fault.tensor : "", fault.found, fault.expected);
}

/* ---- faults that change nothing -------------------------------------------------------------------- */
enum { FILLS = 12, ROOM = 4096 };

/* One kernel's tensors: chance everywhere, but for indices, which are those of the trace. */
static void fill(const Moment *m, unsigned char **arg, uint64_t seed)
{
    const Kernel *k = m->kernel;
    Random r = random_start(seed, 7);
    for (int i = 0; i < k->args.n; i++)
        for (int64_t at = 0; at < (type_bytes(k->args.at[i]->type) + 2 * ROOM) / 4; at++)
            ((float *)(void *)arg[i])[at] = (float)random_normal(&r);
    for (int i = 0; i < m->in.n; i++) {
        const Region *in = &m->in.at[i];
        int64_t bytes = dtype_bytes(in->buffer->type.dt);
        for (int j = 0; in->buffer->type.dt != DT_F32 && j < k->args.n; j++)
            if (k->args.at[j] == buffer_root(in->buffer))
                memcpy(arg[j] + ROOM + in->first * bytes, in->bits, (size_t)(in->count * bytes));
    }
}

typedef struct KernelRun {
    KernelCall *call;
    void **arg;
    int *time, status;
} KernelRun;

static void run_kernel(void *context)
{
    KernelRun *run = context;
    run->status = run->call(run->arg, run->time);
}

/* The same numbers: 0 and -0 are, and any two NaN. */
static bool same_numbers(const void *x, const void *y, int64_t bytes)
{
    const float *f = x, *g = y;
    if (!memcmp(x, y, (size_t)bytes))
        return true;
    for (int64_t i = 0; i < bytes / 4; i++)
        if (!(f[i] == g[i] || (isnan(f[i]) && isnan(g[i]))) && memcmp(&f[i], &g[i], 4))
            return false;
    return !memcmp((const char *)x + bytes / 4 * 4, (const char *)y + bytes / 4 * 4, (size_t)(bytes % 4));
}

/* Does the kernel leave the same in all memory as before it was changed? */
static bool same_kernel(const Code *was, const Code *is, const Moment *m, uint64_t seed)
{
    Arena *a = arena_new();
    const Kernel *k = m->kernel;
    unsigned char **memory[2];
    bool same = true;
    for (int side = 0; side < 2; side++) {
        memory[side] = NEWN(a, unsigned char *, k->args.n + 1);
        KernelRun run = {(side ? is : was)->kernel[k->id], NEWN(a, void *, k->args.n + 1),
                         NEWN(a, int, k->scans.n + 1), 0};
        for (int i = 0; i < k->args.n; i++) {
            memory[side][i] = arena_alloc(a, (size_t)type_bytes(k->args.at[i]->type) + 2 * ROOM + 64);
            run.arg[i] = memory[side][i] + ROOM;
        }
        for (int i = 0; i < k->scans.n; i++)
            for (int w = 0; w < m->when.n; w++)
                if (m->when.at[w].time == k->scans.at[i])
                    run.time[i] = (int)m->when.at[w].at;
        fill(m, memory[side], seed);
        same &= code_survives(run_kernel, &run) && !run.status;
    }
    for (int i = 0; i < k->args.n; i++)
        same &= same_numbers(memory[0][i], memory[1][i], type_bytes(k->args.at[i]->type) + 2 * ROOM);
    arena_free(a);
    return same;
}

typedef struct EntryRun {
    JitFunction *entry;
    void **in, **out, *arena;
} EntryRun;

static void run_entry(void *context)
{
    EntryRun *run = context;
    run->entry(run->in, run->out, run->arena, NULL);
}

/* Whole calls on random inputs and weights: the same bits in everything the caller sees. */
static bool same_entry(const Subject *s, const Code *is, uint64_t seed)
{
    Arena *a = arena_new();
    const Fn *fn = s->p->fn;
    Random r = random_start(seed, 8);
    Value *in = tensors_for(s->tensors, a, fn);
    EntryRun run[2];
    bool same = true;
    for (int i = 0; i < fn->input.n; i++) {
        in[i].at = arena_dup(a, in[i].at, sizeof(double) * (size_t)type_count(in[i].type));
        for (int64_t k = 0; in[i].type.dt == DT_F32 && k < type_count(in[i].type); k++)
            in[i].at[k] *= random_range(&r, 0.5, 1.5);
    }
    for (int side = 0; side < 2; side++) {
        run[side] = (EntryRun){side ? is->entry : s->code.entry, NEWN(a, void *, fn->input.n + 1),
                               NEWN(a, void *, fn->result.n + 1),
                               arena_alloc(a, (size_t)s->p->arena_bytes + 2 * ROOM)};
        memset(run[side].arena, 0xff, (size_t)s->p->arena_bytes + 2 * ROOM);
        for (int i = 0; i < fn->input.n; i++)
            run[side].in[i] = value_bits(a, in[i]);
        for (int i = 0; i < fn->result.n; i++)
            run[side].out[i] = arena_alloc(a, (size_t)type_bytes(fn->result.at[i].node->type) + 2 * ROOM);
        same &= code_survives(run_entry, &run[side]);
    }
    for (int i = 0; i < fn->input.n; i++)
        same &= same_numbers(run[0].in[i], run[1].in[i], type_bytes(in[i].type));
    for (int i = 0; i < fn->result.n; i++)
        same &= same_numbers(run[0].out[i], run[1].out[i], type_bytes(fn->result.at[i].node->type));
    arena_free(a);
    return same;
}

/* No test can find what makes no difference. That it makes none is shown: no number changes, neither of the
 * kernel's on a dozen random fillings of its memory at each of its steps, nor of whole calls. */
static bool changes_nothing(const Subject *s, const Planter *p, const Code *is)
{
    for (int fills = 0; fills < FILLS; fills++) {
        const Trace *t = s->trace[fills % GIVENS];
        for (int i = 0; i < t->moments.n; i++)
            for (int k = 0; k < p->guilty.n; k++)
                if (t->moments.at[i]->kernel == p->guilty.at[k] &&
                    !same_kernel(&s->code, is, t->moments.at[i], (uint64_t)fills))
                    return false;
        if (!same_entry(s, is, (uint64_t)fills))
            return false;
    }
    return true;
}

/* ---- planting -------------------------------------------------------------------------------------- */
static struct {
    int planted, found, placed, equivalent;
} tally;

/* What is said of them, all of it at least once; N is a name or a number. */
static const char *const said[] = {
    "computes a wrong value",
    "has not made N, which N reads, by then",
    "has not made this turn's N, which N reads, by then",
    "overwrites N, which N still reads",
    "lets an index pass that is out of range: N[N] = N",
    "refuses indices that are in range",
    "is right alone, and wrong in its place in the arena",
    "never runs",
};
static bool heard[LEN(said)];

/* Does the text begin like this? */
static bool is_like(const char *text, const char *like)
{
    if (!*like)
        return true;
    if (*like != 'N')
        return *text == *like && is_like(text + 1, like + 1);
    for (; *text; text++)
        if (is_like(text + 1, like + 1))
            return true;
    return false;
}

static void hear(const char *text)
{
    for (int i = 0; i < LEN(said); i++)
        heard[i] |= is_like(text, said[i]);
}

static bool is_guilty(const Planter *p, const Kernel *k)
{
    for (int i = 0; i < p->guilty.n; i++)
        if (p->guilty.at[i] == k)
            return true;
    return false;
}

static void try_fault(Subject *s, const char *model, Planter *p, const struct FaultRow *row, const Spot *spot)
{
    Arena *scratch = arena_new();
    Fault fault;
    Code code;
    plant(p, row, spot);
    code_what = p->what;
    Jit *jit = compile(s, scratch, &code);
    tally.planted++;
    bool wrong = false;
    const char *named = "nobody";
    if (!verified(s, &code, &fault)) {
        bool placed = is_guilty(p, fault.kernel);
        tally.found++;
        tally.placed += placed;
        wrong = !placed;
        hear(fault.text);
        named = arena_printf(s->a, "%s %s", fault.kernel ? fault.kernel->name : "no kernel", fault.text);
    } else if (changes_nothing(s, p, &code)) {
        tally.equivalent++;
    } else {
        wrong = true;
    }
    if (wrong)
        print_error("%s, %s, %s in %s: %s; named: %s\n", model, s->name, row->name,
                    spot->k ? spot->k->name : "the plan", p->what, named);
    take_out(p);
    jit_close(jit);
    arena_free(scratch);
}

static void try_faults(Subject *s, const char *model, int most, int turn)
{
    Planter p = {.a = s->a, .p = s->p};
    for (int i = 0; i < LEN(fault_rows); i++) {
        find_spots(&p, &fault_rows[i]);
        int n = p.spots.n < most ? p.spots.n : most;
        for (int k = 0; k < n; k++) /* spread over the function, other places in other functions */
            try_fault(s, model, &p, &fault_rows[i],
                      &p.spots.at[(k * p.spots.n / n + (turn * 7 + i) % p.spots.n) % p.spots.n]);
    }
}

static void planted_faults(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(examples); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        Module *m = read_model(a, d, &examples[i]);
        Fn *const fn[] = {m->init, m->start, m->infer, m->evaluate, m->gradients, m->train_step};
        static const char *const name[] = {"init", "start", "infer", "evaluate", "gradients", "train_step"};
        Tensors tensors;
        const char *why;
        assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
        for (int k = 0; k < LEN(fn); k++) {
            Subject s;
            if (!fn[k] || !fn[k]->node.n)
                continue;
            open_subject(&s, a, name[k], fn[k], examples[i].two_axes, &tensors);
            try_faults(&s, examples[i].file, examples[i].most, 5 * i + k);
            jit_close(s.jit);
        }
        arena_free(a);
    }
    print_message("%d faults planted, %d change nothing; of the others %d found, %d placed\n", tally.planted,
                  tally.equivalent, tally.found, tally.placed);
    for (int i = 0; i < LEN(said); i++)
        if (!heard[i])
            fail_msg("no fault %s", said[i]);
    assert_true(tally.planted - tally.equivalent >= 100);
    assert_int_equal(tally.found, tally.planted - tally.equivalent);
    assert_int_equal(tally.placed, tally.found);
}

/* ---- what units wait for --------------------------------------------------------------------------- */
/* Each load and operand of a function's kernels, forgotten among what its unit waits for: the plan is unsound, and the kernel named. */
static int forget_needs(Arena *a, const char *model, const Fn *fn)
{
    Planter p = {.a = a, .p = lower(a, NULL, fn, target_find("x86-64-v3"))};
    int planted = 0;
    for (int i = 0; i < LEN(need_rows); i++) {
        find_spots(&p, &need_rows[i]);
        for (int k = 0; k < p.spots.n; k += 1 + p.spots.n / 16, planted++) {
            plant(&p, &need_rows[i], &p.spots.at[k]);
            const char *why = plan_verify(a, p.p), *name = p.spots.at[k].k->name;
            if (!why || strncmp(why, name, strlen(name)) || !strstr(why, "for which it does not wait"))
                fail_msg("%s, %s, %s: %s; said: %s", model, fn->name, name, p.what, why ? why : "nothing");
            take_out(&p);
        }
    }
    assert_null(plan_verify(a, p.p));
    return planted;
}

static void forgotten_needs(void **state)
{
    (void)state;
    int planted = 0;
    for (int i = 0; i < LEN(examples); i++) {
        Arena *a = arena_new();
        const Module *m = read_model(a, diag_new(a), &examples[i]);
        Fn *const fn[] = {m->init, m->start, m->infer, m->evaluate, m->gradients, m->train_step};
        for (int k = 0; k < LEN(fn); k++)
            if (fn[k] && fn[k]->node.n)
                planted += forget_needs(a, examples[i].file, fn[k]);
        arena_free(a);
    }
    assert_true(planted >= 200);
}

/* ---- gradients ------------------------------------------------------------------------------------- */
/* Each gradient in turn a little too large: that one disagrees with differences, the others do not. */
static void wrong_gradients(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Module *m = read_model(a, diag_new(a), &examples[1]);
    Tensors tensors;
    const char *why;
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    for (int wrong = -1; wrong < m->params.n; wrong++) {
        Fn *fn = m->gradients;
        Node *gradient = wrong >= 0 ? fn_find_result(fn, ROLE_GRADIENT, wrong) : NULL;
        Node *larger = gradient ? node_binary_const(fn, OP_MUL, gradient, 1.001) : NULL;
        Fn changed = *fn;
        memset(&changed.result, 0, sizeof changed.result);
        for (int i = 0; i < fn->result.n; i++) {
            Port port = fn->result.at[i];
            if (port.role == ROLE_GRADIENT && port.index == wrong)
                port.node = larger;
            vec_push(a, &changed.result, port);
        }
        Module other = *m;
        other.gradients = &changed;
        Verdict verdict = {.a = a};
        check_differences(&verdict, &other, &tensors, 1);
        assert_int_equal(verdict.differences.n, m->params.n);
        for (int i = 0; i < m->params.n; i++) {
            const Row *row = &verdict.differences.at[i];
            assert_true(row->samples > 0);
            if (row->fine != !(wrong >= 0 && str_eq(row->name, m->params.at[wrong].name)))
                fail_msg("%s is called %s: off by %g of %g", row->name, row->fine ? "right" : "wrong",
                         row->error, row->allowed);
        }
    }
    arena_free(a);
}

/* A corner is no fault, and is counted. */
static void corners(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    static const char text[] =
        "model t { input x: f32[2]; param w: f32[2] = zeros(); y = relu(x * w); output z = y\n"
        "train { loss = sum(y); optimizer sgd() } }\n";
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .train = true};
    Module *m = pipeline_text(a, d, "corner", text, sizeof text - 1, &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    Tensors tensors;
    const char *why;
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    memset(tensor_find(&tensors, ROLE_PARAM, 0)->value.at, 0, 2 * sizeof(double));
    Verdict verdict = {.a = a};
    check_differences(&verdict, m, &tensors, 1);
    assert_int_equal(verdict.differences.n, 1);
    assert_true(verdict.differences.at[0].fine);
    assert_int_equal(verdict.differences.at[0].samples, 0);
    assert_int_equal(verdict.differences.at[0].corners, 3);
    arena_free(a);
}

/* ---- whole calls ----------------------------------------------------------------------------------- */
static int idle(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)in, (void)out, (void)arena, (void)pool;
    return 0;
}

static int refusing(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)in, (void)out, (void)arena, (void)pool;
    return 1;
}

static int beside(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)in, (void)arena, (void)pool;
    ((float *)out[0])[16] = 1;
    return 0;
}

static int crashing(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)in, (void)out, (void)arena, (void)pool;
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
    return 0;
}

/* 1e-9 of what lies in the arena: near enough, but not the same. */
static int leaking(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)pool;
    for (int i = 0; i < 16; i++)
        ((float *)out[0])[i] =
            ((const float *)in[0])[i] * 2 + 1 + (*(unsigned char *)arena == 0xff ? 0.0f : 1e-7f);
    return 0;
}

/* axpy's entry point, in other hands. */
static void entry_points(void **state)
{
    (void)state;
    static const struct {
        JitFunction *entry;
        int faults;
        bool fine; /* of the row, where there is one */
        const char *says;
    } rows[] = {
        {NULL, 0, true, ""},          {idle, 0, false, ""},          {refusing, 1, true, "returns 1"},
        {beside, 1, false, "infer () writes beside the caller's tensors"},
        {crashing, 1, true, "infer () reads or writes memory nobody has"},
        {leaking, 1, true, "infer () depends on what the arena held before"},
    };
    Arena *a = arena_new();
    Module *m = read_model(a, diag_new(a), &examples[0]);
    Tensors tensors;
    const char *why;
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    Subject s;
    open_subject(&s, a, "infer", m->infer, false, &tensors);
    for (int i = 0; i < LEN(rows); i++) {
        Verdict verdict = {.a = a};
        Whole w = {a, m, &tensors, &verdict, 1, false};
        Code code = s.code;
        Plan plan = *code.plan;
        plan.arena_bytes = 64;
        code.plan = &plan;
        code.entry = rows[i].entry ? rows[i].entry : code.entry;
        whole_call(&w, "infer", &code, "");
        assert_int_equal(verdict.faults.n, rows[i].faults);
        if (rows[i].faults && !strstr(verdict.faults.at[0].text, rows[i].says))
            fail_msg("%s", verdict.faults.at[0].text);
        for (int k = 0; k < verdict.rows.n; k++)
            assert_int_equal(verdict.rows.at[k].fine, rows[i].fine);
    }
    jit_close(s.jit);
    arena_free(a);
}

/* ---- inputs ---------------------------------------------------------------------------------------- */
static void limits(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    static const char text[] = "model t { input a: i32[4]; input b: i32[2, 3]; input c: i32; input e: "
                               "i32[3]; param w: f32[7, 2] = zeros()\n"
                               "output y = sum(w[reverse(a)[:2]]) + sum(w[flatten(b)]) + cast(c * 2, f32)\n"
                               "output z = sum(check_index(check_index(e, 5), 9)) }\n";
    ElaborateOptions options = {.batch = 50, .train_batch = 50};
    Module *m = pipeline_text(a, d, "limits", text, sizeof text - 1, &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    Tensors tensors;
    const char *why;
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    static const int64_t want[] = {7, 7, 0, 5};
    for (int i = 0; i < LEN(want); i++) {
        const Tensor *x = tensor_find(&tensors, ROLE_INPUT, i);
        double most = 0;
        for (int64_t k = 0; k < type_count(x->value.type); k++)
            most = fmax(most, x->value.at[k]);
        assert_int_equal(x->limit, want[i]);
        assert_int_equal(x->checked, want[i] > 0);
        assert_true(most == (double)(want[i] ? want[i] : 10) - 1); /* all of the range is drawn from */
    }
    arena_free(a);
}

/* ---- bounds ---------------------------------------------------------------------------------------- */
/* f(x, y) of sums of 8 numbers, which are off by some 1e-6 of them. */
static void bounds(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double x, y;        /* what the sums are, nearly */
        double least, most; /* the bound lies between */
    } rows[] = {
        {"add(%2, %3) : f32[1]", 8, 4, 1e-7, 3e-5},
        {"div(%2, %3) : f32[1]", 8, 4, 1e-7, 2e-5},
        {"div(%2, %3) : f32[1]", 8, 0, INFINITY, INFINITY},
        {"sub(%2, %3) : f32[1]", 8, 8, 1e-7, 3e-5},
        {"lt(%2, %3) : bool[1]", 8, 4, 0, 0},
        {"lt(%2, %3) : bool[1]", 8, 8, 1, 1},
        {"eq(%2, %3) : bool[1]", 8, 8, 1, 1},
        {"max2(%2, %3) : f32[1]", 8, 4, 1e-7, 2e-5},
        {"floor(%2) : f32[1]", 8, 0, 1, 1},
        {"floor(%2) : f32[1]", 8.5, 0, 0, 0},
        {"sqrt(%2) : f32[1]", 0, 0, INFINITY, INFINITY},
        {"log(%2) : f32[1]", 8, 0, 1e-7, 1e-5},
        {"pow(%2, %3) : f32[1]", 8, 2, 1e-6, 1e-2},
        {"rem(%2, %3) : f32[1]", 8, 4, INFINITY, INFINITY},
        {"rem(%2, %3) : f32[1]", 9, 4, 1e-7, 1e-4},
        {"cos(%2) : f32[1]", 8, 0, 1e-7, 2e-5},
        {"dot(%2, %2) contract=[0]/[0] : f32", 8, 0, 1e-6, 1e-3},
        {"dot(%2, %3) contract=[0]/[0] : f32", 8, 4, 1e-6, 1e-3},
        {"argmax(%2) axes=[0] : i32", 8, 0, 0, 0},
        {"concat(%2, %3) axis=0 %9 = argmax(%4) axes=[0] : i32", 8, 8, INFINITY, INFINITY},
        {"concat(%2, %3) axis=0 %9 = argmax(%4) axes=[0] : i32", 8, 4, 0, 0},
        {"lt(%2, %3) : bool[1] %9 = select(%4, %2, %3) : f32[1]", 8, 8, 1e-7, 3e-5},
        {"lt(%2, %3) : bool[1] %8 = mul(%3, %3) : f32[1] %9 = select(%4, %2, %8) : f32[1]", 8, 8, 50, 60},
    };
    Arena *a = arena_new();
    for (int i = 0; i < LEN(rows); i++) {
        Diag *d = diag_new(a);
        const char *text = arena_printf(
            a,
            "func f(x: f32[1, 8] input 0, y: f32[1, 8] input 1) { %%2 = sum(x) axes=[1] : f32[1] "
            "%%3 = sum(y) axes=[1] : f32[1] %%4 = %s return output 0 z = %s }",
            rows[i].op, strstr(rows[i].op, "%9") ? "%9" : "%4");
        Fn *fn = fn_parse(a, d, diag_add_source(d, "bounds", text, strlen(text)));
        if (!fn)
            fail_msg("%s\n%s", text, diag_text(d, a));
        Bounded b;
        bounded_prepare(&b, a, fn);
        for (int k = 0; k < 2; k++) {
            Value v = value_new(a, fn->input.at[k].node->type);
            for (int j = 0; j < 8; j++)
                v.at[j] = (k ? rows[i].y : rows[i].x) / 8 + (j % 2 ? 1 : -1);
            b.e.value[fn->input.at[k].node->id] = v;
        }
        for (int id = 0; id < fn->node.n; id++)
            if (fn->node.at[id]->op != OP_INPUT)
                assert_true(bounded_node(&b, fn->node.at[id]));
        const double *error = b.error[fn->result.at[0].node->id];
        double bound = error ? error[0] : 0;
        if (!(bound >= rows[i].least && bound <= rows[i].most))
            fail_msg("%s at %g, %g: a bound of %g, not of %g to %g", rows[i].op, rows[i].x, rows[i].y, bound,
                     rows[i].least, rows[i].most);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),          cmocka_unit_test(limits),       cmocka_unit_test(corners), cmocka_unit_test(forgotten_needs),
        cmocka_unit_test(wrong_gradients), cmocka_unit_test(entry_points), cmocka_unit_test(planted_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
