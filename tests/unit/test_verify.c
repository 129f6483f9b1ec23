/* SPDX-License-Identifier: MIT */
/* test_verify.c: what dlc verify makes of gradients, of whole calls, of indices; how far results may be off. */
#include "read_graph.h"
#include "verify_subjects.h"

#include <math.h>

#include "compiler/verify/bound.h"

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

/* y[i] = 1 / (|sum of x[i]| + 1e-9), with sums of about 0 and 6, the terms added in another order: then the first
 * is 0. */
static int other_order(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    (void)in, (void)arena, (void)pool;
    ((float *)out[0])[0] = 1e9f;
    ((float *)out[0])[1] = 1.0f / 6;
    return 0;
}

static int not_this_one(void *const *in, void *const *out, void *arena, struct dl_pool *pool)
{
    other_order(in, out, arena, pool);
    ((float *)out[0])[1] = 1e9f;
    return 0;
}

/* A divisor that is nothing but rounding: the quotient may be anything, but its neighbour may not. */
static void divisors_of_nearly_nothing(void **state)
{
    (void)state;
    static const struct {
        JitFunction *entry;
        bool fine;
    } rows[] = {{other_order, true}, {not_this_one, false}};
    static const float x[] = {1, -1, 3e-8f, 1, 2, 3};
    static const char text[] = "model t { input x: f32[3]; output y = 1 / (abs(sum(x)) + 0.000000001) }\n";
    Arena *a = arena_new();
    ElaborateOptions options = {.batch = 2, .train_batch = 2};
    Module *m = pipeline_text(a, diag_new(a), "divisors", text, sizeof text - 1, &options, NULL, NULL);
    Tensors tensors;
    const char *why;
    assert_non_null(m);
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    for (int i = 0; i < LEN(x); i++)
        tensor_find(&tensors, ROLE_INPUT, 0)->value.at[i] = (double)x[i];
    for (int i = 0; i < LEN(rows); i++) {
        Verdict verdict = {.a = a};
        Whole w = {a, m, &tensors, &verdict, 1, false};
        const Plan *plan = lower_with(a, NULL, m->infer, target_find("generic"), NULL);
        Code code = {.plan = plan, .entry = rows[i].entry};
        whole_call(&w, "infer", &code, "");
        assert_int_equal(verdict.faults.n, 0);
        assert_int_equal(verdict.rows.n, 1);
        const Row *row = &verdict.rows.at[0];
        if (row->fine != rows[i].fine)
            fail_msg("entry %d is called %s: off by %g of %g", i, row->fine ? "right" : "wrong", row->error,
                     row->allowed);
    }
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
        const char *text = arena_printf(
            a,
            "func f(x: f32[1, 8] input 0, y: f32[1, 8] input 1) { %%2 = sum(x) axes=[1] : f32[1] "
            "%%3 = sum(y) axes=[1] : f32[1] %%4 = %s return output 0 z = %s }",
            rows[i].op, strstr(rows[i].op, "%9") ? "%9" : "%4");
        const Fn *fn = read_graph(a, text);
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

/* Rounding moves no square below 0, where its root would be no number; a sum of 0 it moves both ways. */
static void signs_by_chance(void **state)
{
    (void)state;
    static const char text[] =
        "func f(x: f32[2] input 0, y: f32[2] input 1) { %2 = mul(x, x) : f32[2] %3 = sqrt(%2) : f32[2] "
        "%4 = sum(y) axes=[0] : f32 return output 0 root = %3, output 1 total = %4 }";
    static double x[] = {0, 1e-23}, y[] = {1, -1};
    Arena *a = arena_new();
    const Fn *fn = read_graph(a, text);
    const Value in[] = {{fn->input.at[0].node->type, x}, {fn->input.at[1].node->type, y}};
    int below = 0, runs = 20;
    for (int seed = 0; seed < runs; seed++) {
        Bounded b;
        Random chance = random_start((uint64_t)seed, 0);
        bounded_prepare(&b, a, fn);
        assert_true(run_by_chance(&b, in, &chance));
        const double *root = b.e.value[fn->result.at[0].node->id].at;
        assert_true(root[0] == 0 && root[1] >= 0);
        below += b.e.value[fn->result.at[1].node->id].at[0] < 0;
    }
    assert_in_range(below, 1, runs - 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),
        cmocka_unit_test(limits),
        cmocka_unit_test(corners),
        cmocka_unit_test(wrong_gradients),
        cmocka_unit_test(entry_points),
        cmocka_unit_test(divisors_of_nearly_nothing),
        cmocka_unit_test(signs_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
