/* SPDX-License-Identifier: MIT */
/* test_planted_faults.c: dlc verify finds what is broken on purpose, and names the kernel; healthy code passes. */
#include "verify_subjects.h"

#include <math.h>

#include "plan_faults.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgotten_needs),
        cmocka_unit_test(planted_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
