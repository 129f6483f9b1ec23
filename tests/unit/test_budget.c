/* SPDX-License-Identifier: MIT */
/* test_budget.c: plans that keep a budget compute the same numbers as those that need not, and what `freeze` makes needless is gone. */
#include "read_graph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/budget/fit.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"

static Module *build_text(Arena *a, Diag *d, const char *text, int64_t batch)
{
    ElaborateOptions o = {.batch = batch, .train_batch = batch, .train = true};
    Module *m = pipeline_text(a, d, "test.dl", text, strlen(text), &o, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return m;
}

/* ---- the same numbers --------------------------------------------------------------------------------- */
static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Inputs by what they are for, the same for every function. */
static Value *draw_inputs(Arena *a, const Fn *fn, int64_t batch)
{
    Value *in = NEWN(a, Value, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        uint32_t state = (uint32_t)port->role * 977u + (uint32_t)port->index * 31u + 5u;
        in[i] = value_new(a, port->node->type);
        for (int64_t k = 0; k < type_count(in[i].type); k++) {
            double x = draw(&state) / 16777216.0;
            in[i].at[k] = in[i].type.dt == DT_F32 ? (double)(float)(port->role == ROLE_OPTIMIZER ? x : x - 0.5) : (double)(int)(x * 8);
            if (port->role == ROLE_COUNT)
                in[i].at[k] = (double)(batch - 1);
            if (port->role == ROLE_STEP)
                in[i].at[k] = 3;
        }
    }
    return in;
}

static Value *run(Arena *a, const Fn *fn, int64_t batch)
{
    const char *why = NULL;
    Value *out = NEWN(a, Value, fn->result.n + 1);
    for (int i = 0; i < fn->result.n; i++)
        out[i] = value_new(a, fn->result.at[i].node->type);
    if (!fn_interpret(a, fn, PRECISION_F32, draw_inputs(a, fn, batch), out, &why))
        fail_msg("%s", why);
    return out;
}

static int result_of(const Fn *fn, Role role, int index)
{
    for (int i = 0; i < fn->result.n; i++)
        if (fn->result.at[i].role == role && fn->result.at[i].index == index)
            return i;
    return -1;
}

/* `exact`: to the bit; where sums are added up in another order, nearly. */
static void check_same(Arena *a, const Fn *fn, const Fn *other, int64_t batch, bool exact)
{
    const Value *x = run(a, fn, batch), *y = run(a, other, batch);
    assert_int_equal(fn->result.n, other->result.n);
    for (int i = 0; i < fn->result.n; i++) {
        int k = result_of(other, fn->result.at[i].role, fn->result.at[i].index);
        assert_true(k >= 0);
        for (int64_t at = 0; at < type_count(x[i].type); at++)
            if (!(fabs(x[i].at[at] - y[k].at[at]) <= (exact ? 0 : 2e-5)))
                fail_msg("%s, element %lld: %.9g is not %.9g", fn->result.at[i].name, (long long)at, y[k].at[at], x[i].at[at]);
    }
}

static bool has_means(const BudgetReport *report, const char *means)
{
    for (int i = 0; i < report->choices.n; i++)
        if (str_eq(report->choices.at[i].means, means) && !report->choices.at[i].refused)
            return true;
    return false;
}

/* In `part` of the training step's arena; micro-batches only where `rounded`. */
static void check_kept(const char *text, int64_t batch, double part, const char *means, bool rounded)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const Module *m = build_text(a, d, text, batch);
    const Target *target = target_deterministic(a, target_find("generic"), !rounded);
    ModulePlans plans = {.train_step = lower(a, d, m->train_step, target)};
    int64_t arena = plans.train_step->arena_bytes;
    BudgetReport report;
    Budget budget = {.ram = INT32_MAX};
    assert_true(budget_keep(a, d, m, &budget, false, &plans, &report));
    assert_true(report.choices.n == 0 && report.arena == arena);    /* what fits stays as it is */
    budget.ram = report.kept + (int64_t)((double)arena * part);
    if (!budget_keep(a, d, m, &budget, false, &plans, &report))
        fail_msg("%s", diag_text(d, a));
    assert_true(report.kept + plans.train_step->arena_bytes <= budget.ram);
    assert_true(has_means(&report, means));
    assert_int_equal(has_means(&report, "micro-batch"), rounded);
    const Node *guilty;
    assert_null(fn_verify(a, plans.train_step->fn, &guilty));
    check_same(a, m->train_step, plans.train_step->fn, batch, !rounded);
    arena_free(a);
}

static const char normalized[] =
    "model m {\n    input x: f32[8, 8, 2]\n    y = x |> conv2d(8, 3, padding = \"same\") |> batch_norm |> relu\n"
    "    z = y |> conv2d(8, 3, padding = \"same\") |> batch_norm |> relu |> conv2d(8, 3, padding = \"same\") |> batch_norm\n"
    "    y = relu(y + z) |> conv2d(8, 3, 2, padding = \"same\") |> batch_norm |> relu\n"
    "    h = y |> global_avg_pool2d |> dense(8)\n    output p = softmax(h)\n"
    "    train {\n        target t: i32\n        loss = cross_entropy(h, t)\n        optimizer adam()\n    }\n}\n";
static const char pictures[] =
    "model m {\n    input x: f32[12, 12, 2]\n    y = x\n    repeat 3 {\n        y = y |> conv2d(8, 3, padding = \"same\") |> gelu\n    }\n"
    "    h = y |> global_avg_pool2d |> dense(8)\n    output p = softmax(h)\n"
    "    train {\n        target t: i32\n        loss = cross_entropy(h, t)\n        optimizer adam()\n    }\n}\n";
static const char dropping[] =
    "model m {\n    input x: f32[16]\n    h = x\n    repeat 5 {\n        h = dropout(gelu(dense(h, 64)), 0.3) |> layer_norm\n    }\n"
    "    output y = dense(h, 8)\n"
    "    train {\n        target t: i32\n        loss = cross_entropy(dense(h, 8) as out, t)\n        optimizer sgd(momentum = 0.9)\n    }\n}\n";
static const char tokens[] =
    "model m {\n    input x: i32[4]\n    h = embedding(x, 400, 8) |> flatten |> dense(8)\n    output y = softmax(h)\n"
    "    train {\n        target t: i32\n        loss = cross_entropy(h, t)\n        optimizer adam()\n    }\n}\n";
static const char recurrent[] =
    "model m {\n    input x: f32[6, 4]\n    h = x |> lstm(16, return_sequences = true) |> lstm(16) |> dense(8)\n    output y = h\n"
    "    train {\n        target t: i32\n        loss = cross_entropy(h, t)\n        optimizer adam()\n    }\n}\n";

static void normalized_pictures(void **state)
{
    (void)state;
    check_kept(normalized, 4, 0.6, "recompute", false);
}

static void random_draws(void **state)
{
    (void)state;
    check_kept(dropping, 8, 0.46, "recompute", false);
}

static void a_large_table(void **state)
{
    (void)state;
    check_kept(tokens, 4, 0.5, "compact", false);
}

static void loops(void **state)
{
    (void)state;
    check_kept(recurrent, 4, 0.77, "recompute", false);
}

static void micro_batches(void **state)
{
    (void)state;
    check_kept(pictures, 8, 0.49, "micro-batch", true);
}

/* A large batch goes by parts through a small cache, in few bytes: what a budget begins with otherwise, the whole batch, is no smaller. */
static void parts_are_small(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const Module *m = build_text(a, d, pictures, 32);
    Target *target = arena_dup(a, target_find("generic"), sizeof *target);
    target->l2 = 32768;
    Plan *const planned = lower(a, d, m->infer, target);
    assert_ptr_not_equal(planned->fn, planned->whole);
    ModulePlans plans = {.infer = planned};
    Budget budget = {.ram = 1, .quiet = true};
    BudgetReport report;
    assert_true(lower_whole(planned)->arena_bytes > 2 * planned->arena_bytes);
    assert_false(budget_keep(a, d, m, &budget, false, &plans, &report));
    assert_true(report.arena == plans.infer->arena_bytes && report.arena <= planned->arena_bytes);
    arena_free(a);
}

/* The report says which place mixes them. */
static void micro_batches_are_refused(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const Module *m = build_text(a, d, normalized, 4);
    ModulePlans plans = {.train_step = lower(a, d, m->train_step, target_find("generic"))};
    Budget budget = {.ram = INT32_MAX};
    BudgetReport report;
    assert_true(budget_keep(a, d, m, &budget, false, &plans, &report));
    budget.ram = report.kept + report.arena * 3 / 5;
    assert_true(budget_keep(a, d, m, &budget, false, &plans, &report));
    int refused = 0;
    for (int i = 0; i < report.choices.n; i++)
        refused += report.choices.at[i].refused && report.choices.at[i].what;
    assert_int_equal(refused, 1);
    assert_true(has_means(&report, "recompute") && !has_means(&report, "micro-batch"));
    arena_free(a);
}

/* ---- by example ------------------------------------------------------------------------------------------- */
static const char chain[] = "func f(x: f32[3, 3] input 0, w: f32[3, 3] param 0) { %2 = dot(x, w) contract=[1]/[0] %3 = dot(%2, w) contract=[1]/[0] "
                            "%4 = sum(%2) axes=[0] %5 = broadcast(%4) axes=[1] : f32[3, 3] %6 = mul(%3, %5) return output 0 y = %6 }";

static int count_ops(const Fn *fn, Op op)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++)
        n += fn->node.at[i]->op == op;
    return n;
}

static Job job(Arena *a, const Node *first, const Node *second, bool again)
{
    Job j = {.nmakes = second ? 2 : 1, .makes = NEWN(a, const Node *, 2), .again = NEWN(a, bool, 2), .reads = NEWN(a, JobValue, 2), .waited = 0};
    j.makes[0] = first;
    j.makes[1] = second;
    j.again[0] = j.again[1] = again;
    return j;
}

typedef struct Chain {
    const Node *product, *second, *first, *sum;
    bool *stored;
} Chain;

static Chain chain_of(Arena *a, const Fn *fn)
{
    const Node *product = fn->result.at[0].node;
    Chain c = {product, product->in[0], product->in[0]->in[0], product->in[1]->in[0], NEWN(a, bool, fn->node.n)};
    c.stored[c.second->id] = c.stored[c.first->id] = c.stored[c.sum->id] = c.stored[product->id] = true;
    return c;
}

/* Both products again, for what multiplies the second one; by example, where the first is there for one at a time. */
static const Fn *second_again(Arena *a, const Fn *fn, bool by_example)
{
    const Chain c = chain_of(a, fn);
    Job jobs[] = {job(a, c.first, NULL, false), job(a, c.sum, NULL, false), job(a, c.first, c.second, true), job(a, c.product, NULL, false)};
    jobs[1].reads[jobs[1].nreads++] = (JobValue){c.first, 0, false};
    jobs[2].by_example = by_example;
    jobs[3].reads[jobs[3].nreads++] = (JobValue){c.second, 2, true};
    jobs[3].reads[jobs[3].nreads++] = (JobValue){c.sum, 1, false};
    return rematerialize(a, fn, c.stored, jobs, LEN(jobs));
}

/* The sum again, by example: which a sum over all examples cannot be. */
static const Fn *sum_again(Arena *a, const Fn *fn)
{
    const Chain c = chain_of(a, fn);
    Job jobs[] = {job(a, c.first, c.second, false), job(a, c.first, c.sum, true), job(a, c.product, NULL, false)};
    jobs[1].by_example = true;
    jobs[2].reads[jobs[2].nreads++] = (JobValue){c.second, 0, true};
    jobs[2].reads[jobs[2].nreads++] = (JobValue){c.sum, 1, false};
    return rematerialize(a, fn, c.stored, jobs, LEN(jobs));
}

static void by_example(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Fn *fn = read_graph(a, chain), *again = second_again(a, fn, true);
    assert_int_equal(count_ops(again, OP_SCAN), 1);
    check_same(a, fn, again, 3, true);
    again = sum_again(a, fn);
    assert_int_equal(count_ops(again, OP_SCAN), 0);
    assert_int_equal(again->node.n, fn->node.n + 3);        /* the first product again, of two inputs behind what was there before */
    check_same(a, fn, again, 3, true);
    arena_free(a);
}

/* What is made again, by example or not, is divided like anything else. */
static void again_in_micro_batches(void **state)
{
    (void)state;
    static const char own[] = "func f(x: f32[4, 3] input 0, w: f32[3, 3] param 0) { %2 = dot(x, w) contract=[1]/[0] %3 = dot(%2, w) contract=[1]/[0] "
                              "%4 = sum(%2) axes=[1] %5 = broadcast(%4) axes=[0] : f32[4, 3] %6 = mul(%3, %5) return output 0 y = %6 }";
    for (int by = 0; by < 2; by++) {
        Arena *a = arena_new();
        const Fn *fn = read_graph(a, own);
        const Fn *again = second_again(a, fn, by), *micro = micro_batch(a, again, 4, 2);
        const Node *guilty;
        assert_non_null(micro);
        assert_null(fn_verify(a, micro, &guilty));
        assert_int_equal(count_ops(micro, OP_SCAN), 1);
        for (int i = 0; i < micro->node.n; i++)
            if (micro->node.at[i]->op == OP_SCAN) {
                const Fn *body = micro->node.at[i]->attr.scan.body;
                assert_int_equal(count_ops(body, OP_SCAN), by);
                assert_true(count_ops(body, OP_AGAIN) > 0);
            }
        check_same(a, fn, micro, 4, true);
        arena_free(a);
    }
}

/* ---- freeze ----------------------------------------------------------------------------------------------- */
typedef struct Sizes {
    int64_t arena, moments, macs;
} Sizes;

static Sizes sizes_with(const char *freeze)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const char *text = arena_printf(a, "model m {\n    input x: f32[64]\n    h = x |> dense(32) as a |> tanh |> dense(32) as b |> tanh |> dense(8) as c\n"
                                       "    output y = h\n    train {\n        target t: i32\n        loss = cross_entropy(h, t)\n"
                                       "        optimizer adam()\n%s    }\n}\n", freeze);
    const Module *m = build_text(a, d, text, 16);
    const Plan *p = lower(a, d, m->train_step, target_find("generic"));
    Sizes sizes = {.arena = p->arena_bytes, .macs = plan_macs(p)};
    for (int i = 0; i < m->optimizer.n; i++)
        sizes.moments += type_bytes(m->optimizer.at[i].type);
    arena_free(a);
    return sizes;
}

static void frozen_layers_cost_nothing(void **state)
{
    (void)state;
    enum { A = 64 * 32, B = 32 * 32, C = 32 * 8, FORWARD = 16 * (A + B + C) };
    Sizes all = sizes_with(""), head = sizes_with("        freeze a\n        freeze b\n");
    Sizes biases = sizes_with("        freeze a.kernel\n        freeze b.kernel\n        freeze c.kernel\n");
    assert_int_equal(all.macs, FORWARD + 16 * (A + B + C) + 16 * (B + C));     /* by kernels, by what is before them */
    assert_int_equal(head.macs, FORWARD + 16 * C);
    assert_int_equal(biases.macs, FORWARD + 16 * (B + C));
    assert_int_equal(all.moments, 2 * 4 * (A + 32 + B + 32 + C + 8));
    assert_int_equal(head.moments, 2 * 4 * (C + 8));
    assert_int_equal(biases.moments, 2 * 4 * (32 + 32 + 8));
    assert_true(head.arena < all.arena && biases.arena <= all.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalized_pictures),   cmocka_unit_test(random_draws),
        cmocka_unit_test(a_large_table),         cmocka_unit_test(loops),
        cmocka_unit_test(micro_batches),         cmocka_unit_test(micro_batches_are_refused),   cmocka_unit_test(parts_are_small),
        cmocka_unit_test(by_example),            cmocka_unit_test(again_in_micro_batches),        cmocka_unit_test(frozen_layers_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
