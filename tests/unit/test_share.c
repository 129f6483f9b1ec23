/* SPDX-License-Identifier: MIT */
/* test_share.c: kernels that are alike are one function of the emitted C, and what is wrong with it is still found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compiler/pipeline.h"
#include "compiler/verify/model.h"

/* Layers of two kinds; what trains them is alike too. */
static const char *const tower =
    "model tower {\n"
    "    input x: f32[24]\n"
    "    h = x\n"
    "    repeat %d { h = h |> dense(24) |> tanh }\n"
    "    k = h |> dense(24) |> tanh\n"
    "    output y = dense(k, 24, relu)\n"
    "    train { target t: f32[24]; loss = mean_squared_error(h, t) + mean_squared_error(y, t); optimizer adam() }\n"
    "}\n";

typedef struct Built {
    Arena *a;
    Module *m;
    const char *source;
    ModulePlans plans;
} Built;

static Built build(int layers, int batch)
{
    Built b = {.a = arena_new()};
    Diag *d = diag_new(b.a);
    const char *text = arena_printf(b.a, tower, layers);
    ElaborateOptions options = {.batch = batch, .train_batch = 4, .train = true};
    b.m = pipeline_text(b.a, d, "tower.dl", text, strlen(text), &options, NULL, NULL);
    if (!b.m)
        fail_msg("%s", diag_text(d, b.a));
    const Target *target = target_find("generic");
    b.plans = (ModulePlans){.init = lower(b.a, d, b.m->init, target), .infer = lower(b.a, d, b.m->infer, target),
                            .train_step = lower(b.a, d, b.m->train_step, target)};
    EmitOptions emit = {.name = "tower", .file_name = "tower", .train = true};
    b.source = emit_source(b.a, d, b.m, &b.plans, &emit);
    return b;
}

static int occurrences(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* With 8 layers more there are 8 times as many calls more of everything: kernels of fills hold 8. */
/* ---- one function ---------------------------------------------------------------------------------- */
static void depth_adds_calls_alone(void **state)
{
    (void)state;
    Built few = build(6, 1), many = build(14, 1);
    int functions = occurrences(few.source, "\nstatic void ");
    assert_true(functions > 5);
    assert_int_equal(occurrences(many.source, "\nstatic void "), functions);
    assert_true(occurrences(many.source, "infer_k0_dense_tanh(") >= 1 + 15);  /* its own text, and inference's calls */
    arena_free(few.a);
    arena_free(many.a);
}

static void all_places_are_named(void **state)
{
    (void)state;
    Built b = build(6, 1);
    const char *comment = strstr(b.source, "/* tower.dl:4: dense, tanh;\n * tower.dl:5: dense, tanh -> f32[1, 24], 576 multiply-accumulates; in 7 places */");
    assert_non_null(comment);
    assert_memory_equal(strchr(strstr(comment, "*/"), '\n') + 1, "static ", 7);
    assert_non_null(strstr(b.source, "/* k5_dense_tanh */"));
    arena_free(b.a);
}

/* What one kernel shows is what it is: another extent, element type, operation, loop or stride is another text. */
static void what_differs_stays_apart(void **state)
{
    (void)state;
    Built b = build(6, 1);
    const Kernel *k0 = b.plans.infer->kernels.at[0], *k1 = b.plans.infer->kernels.at[1];
    const Kernel *last = b.plans.infer->kernels.at[b.plans.infer->kernels.n - 1];
    assert_null(k0->same);
    assert_ptr_equal(k1->same, k0);
    assert_null(last->same);                                /* relu */
    assert_int_equal(k0->others.n, 6);
    assert_int_equal(last->others.n, 0);
    for (int i = 0; i < b.plans.train_step->kernels.n; i++) /* of four examples */
        assert_true(b.plans.train_step->kernels.at[i]->same != k0);
    arena_free(b.a);
}

/* The first sum of a function's text, no step of a loop; NULL where it has none. */
static const char *sum_in(const char *body)
{
    const char *end = strstr(body, "\n}\n"), *sum = body;
    while ((sum = strstr(sum, " += ")) != NULL && sum < end) {
        const char *start = sum;
        while (start[-1] != '\n')
            start--;
        if (!strstr(start, "for (") || strstr(start, "for (") > sum)
            return sum + 1;
        sum++;
    }
    return NULL;
}

/* ---- what is wrong with it ------------------------------------------------------------------------- */
/* A wrong sign in the text of a function with several calls: found, and one of the kernels that call it is named. */
static void faults_are_placed(void **state)
{
    (void)state;
    Built b = build(6, 4);
    Tensors tensors;
    const char *why;
    assert_true(tensors_draw(&tensors, b.a, b.m, 1, NULL, &why));
    tensors_number(&tensors, ROLE_COUNT, 4);
    Plan *p = b.plans.train_step;
    MemoryFunction function = {.name = "train_step", .plan = p};
    Trace *trace = trace_record(b.a, p, tensors_for(&tensors, b.a, p->fn), (Given)0, &why);
    const char *source = code_source(b.a, &function, 1);
    int tried = 0;
    for (int i = 0; i < p->kernels.n; i++) {
        const Kernel *k = p->kernels.at[i];
        if (!k->others.n)
            continue;
        const char *body = strstr(source, k->function);     /* a tile of it, or itself */
        assert_non_null(body);
        const char *sum = sum_in(body);
        if (!sum)
            continue;
        char *wrong = arena_strdup(b.a, source);
        wrong[sum - source] = '-';
        Jit *jit = jit_tcc(b.a, wrong, target_find("tcc"), &why);
        Code code;
        Fault fault;
        assert_non_null(jit);
        assert_true(code_find(b.a, jit, &function, &code, &why));
        assert_false(check_alone(b.a, trace, &code, &fault));
        assert_non_null(fault.kernel);
        assert_string_equal(fault.kernel->function, k->function);
        jit_close(jit);
        tried++;
    }
    assert_true(tried > 0);
    arena_free(b.a);
}

/* ---- little code ----------------------------------------------------------------------------------- */
static const char narrowing[] =
    "model narrowing {\n"
    "    input x: f32[24]\n"
    "    output y = x |> dense(12) |> tanh |> dense(7) |> tanh |> dense(5) |> tanh\n"
    "}\n";

/* Layers of three widths are functions of their sizes; a call that passes a wrong one is found. */
static void widths_are_parameters(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    ElaborateOptions options = {.batch = 2, .train_batch = 2};
    Module *m = pipeline_text(a, d, "narrowing.dl", narrowing, strlen(narrowing), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    Plan *p = lower(a, d, m->infer, target_compact(a, target_find("generic")));
    MemoryFunction function = {.name = "infer", .plan = p};
    const char *source = code_source(a, &function, 1), *why;
    assert_int_equal(p->kernels.n, 6);
    for (int i = 2; i < 5; i++)     /* the last tanh writes elsewhere than it reads */
        assert_ptr_equal(p->kernels.at[i]->same, p->kernels.at[i % 2]);
    assert_string_equal(sizes_passed(a, p->kernels.at[0]), ", 12, 24");
    assert_string_equal(sizes_passed(a, p->kernels.at[2]), ", 7, 12");
    assert_string_equal(sizes_taken(a, p->kernels.at[0]), ", int dl_size_0, int dl_size_1");
    Tensors tensors;
    assert_true(tensors_draw(&tensors, a, m, 1, NULL, &why));
    Trace *trace = trace_record(a, p, tensors_for(&tensors, a, p->fn), (Given)0, &why);
    char *wrong = arena_strdup(a, source), *size = strstr(wrong, ", 7, 12)");
    assert_non_null(size);
    for (char *next = size; (next = strstr(next + 1, ", 7, 12)")) != NULL;)     /* the last is that of the kernel alone */
        size = next;
    size[2] = '6';
    const char *const text[] = {source, wrong};
    for (int i = 0; i < 2; i++) {
        Fault fault;
        Code code;
        Jit *jit = jit_tcc(a, text[i], target_find("tcc"), &why);
        assert_non_null(jit);
        assert_true(code_find(a, jit, &function, &code, &why));
        assert_int_equal(check_alone(a, trace, &code, &fault), i == 0);
        if (i)
            assert_ptr_equal(fault.kernel, p->kernels.at[2]);
        jit_close(jit);
    }
    arena_free(a);
}

/* That two sizes are equal in the first of the kernels does not make them one. */
static void sizes_that_are_equal_once(void **state)
{
    static const char text[] = "model sizes { input x: f32[16]\n output y = x |> dense(16) |> dense(16) |> dense(12) |> dense(8) }\n";
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const ElaborateOptions options = {.batch = 1, .train_batch = 1};
    (void)state;
    const Module *m = pipeline_text(a, d, "sizes.dl", text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    Plan *p = lower(a, d, m->infer, target_compact(a, target_find("generic")));
    emit_memory(a, &(MemoryFunction){.name = "infer", .plan = p}, 1);
    assert_ptr_equal(p->kernels.at[3]->same, p->kernels.at[1]);
    assert_string_equal(sizes_taken(a, p->kernels.at[1]), ", int dl_size_0, int dl_size_1");
    assert_string_equal(sizes_passed(a, p->kernels.at[1]), ", 16, 16");
    assert_string_equal(sizes_passed(a, p->kernels.at[3]), ", 8, 12");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_adds_calls_alone),
        cmocka_unit_test(all_places_are_named),
        cmocka_unit_test(what_differs_stays_apart),
        cmocka_unit_test(faults_are_placed),
        cmocka_unit_test(widths_are_parameters),
        cmocka_unit_test(sizes_that_are_equal_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
