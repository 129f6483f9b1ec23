/* SPDX-License-Identifier: MIT */
/* test_arenas.c: the examples' arenas are hardly larger than what lives in them, a budget of a third costs little, and what dlc
 * gives its own compiled functions begins where large pages do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>

#include "compiler/budget/fit.h"
#include "compiler/jit/execute.h"
#include "compiler/pipeline.h"

#include <stdlib.h>

/* ---- a third ---------------------------------------------------------------------------------------------- */
/* The training step of an example, batch 8, in a third of the scratch that it takes when nothing is made again. */
static void check_third(const char *path)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    ElaborateOptions o = {.batch = 1, .train_batch = 8, .train = true};
    const Module *m = pipeline_module(a, d, path, &o, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    ModulePlans plans = {.train_step = lower(a, d, m->train_step, target_deterministic(a, target_find("generic"), true))};
    const Plan *all = lower_whole(plans.train_step);
    BudgetReport report;
    Budget budget = {.ram = INT32_MAX};
    assert_true(budget_keep(a, d, m, &budget, false, &plans, &report));
    budget.ram = report.kept + all->arena_bytes / 3;
    if (!budget_keep(a, d, m, &budget, false, &plans, &report))
        fail_msg("%s", diag_text(d, a));
    int64_t macs = plan_macs(plans.train_step), more = 0;
    for (int i = 0; i < report.choices.n; i++)
        more += report.choices.at[i].macs;
    printf("    %-30s %9lld of %9lld bytes, %.3f times the multiply-accumulates\n", path, (long long)plans.train_step->arena_bytes,
           (long long)all->arena_bytes, (double)macs / (double)plan_macs(all));
    assert_true(plans.train_step->arena_bytes * 3 <= all->arena_bytes);
    assert_true((double)macs <= 1.4 * (double)plan_macs(all));
    assert_int_equal(more, macs - plan_macs(all));      /* every one has a line in the report */
    arena_free(a);
}

static void a_third(void **state)
{
    (void)state;
    check_third("dsl_examples/resnet.dl");
    check_third("dsl_examples/encoder.dl");
}

/* ---- nothing is wasted ---------------------------------------------------------------------------------- */
static void check_arenas(const char *path)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    ElaborateOptions o = {.batch = 1, .train_batch = 8, .train = true};
    Module *m = pipeline_module(a, d, path, &o, NULL, NULL);
    if (!m) {       /* some do not train */
        o.train = false;
        m = pipeline_module(a, d = diag_new(a), path, &o, NULL, NULL);
    }
    if (!m)
        fail_msg("%s", diag_text(d, a));
    const Fn *const fn[] = {m->infer, m->train_step};
    for (int i = 0; i < LEN(fn); i++) {
        if (!fn[i])
            continue;
        const Plan *as_written = lower(a, d, fn[i], target_find("generic"));
        const Plan *sparing = lower_sparing(a, d, fn[i], target_find("generic"), NULL);
        int64_t bound = as_written->arena_bound < sparing->arena_bound ? as_written->arena_bound : sparing->arena_bound;
        int64_t arena = as_written->arena_bytes < sparing->arena_bytes ? as_written->arena_bytes : sparing->arena_bytes;
        printf("    %-30s %-11s %9lld bytes, sparing %9lld, at least %9lld\n", path, fn[i]->name, (long long)as_written->arena_bytes,
               (long long)sparing->arena_bytes, (long long)bound);
        assert_true(arena <= bound + bound * 3 / 100);
        assert_true(as_written->arena_bytes <= as_written->arena_bound + as_written->arena_bound * 3 / 100);
    }
    arena_free(a);
}

static void arenas_are_what_lives(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("dsl_examples/*.dl", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 10);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_arenas(found.gl_pathv[i]);
    globfree(&found);
}

/* ---- no vector lies in two lines of the cache ------------------------------------------------------------ */
static void check_vectors(const Plan *p, int64_t bytes)
{
    int n = 0;
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (b->kind != BUFFER_ARENA || b->alias || b->first < 0)
            continue;
        if (b->offset % bytes)
            fail_msg("%s begins at %lld", b->name, (long long)b->offset);
        n++;
    }
    assert_true(n > 10);
}

static void vectors_lie_in_one_line(void **state)
{
    static const struct { const char *target; int threads; int64_t bytes; } cases[] = {
        {"x86-64-v4", 1, 64}, {"x86-64-v4", 2, 64}, {"x86-64-v3", 2, 32}, {"generic", 1, 16},
    };
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const ElaborateOptions o = {.batch = 1, .train_batch = 8, .train = true};
    const Module *m = pipeline_module(a, d, "dsl_examples/resnet.dl", &o, NULL, NULL);
    (void)state;
    for (int i = 0; i < LEN(cases); i++)
        check_vectors(lower(a, d, m->train_step, target_with_threads(a, target_find(cases[i].target), cases[i].threads)), cases[i].bytes);
    arena_free(a);
}

/* ---- dlc's own --------------------------------------------------------------------------------------------- */
static void large_scratch_begins_a_large_page(void **state)
{
    static const struct { int64_t bytes; uintptr_t unit; } cases[] = {
        {0, 64}, {1, 64}, {65, 64}, {(2 << 20) - 1, 64}, {2 << 20, 2 << 20}, {(2 << 20) + 1, 2 << 20}, {5000001, 2 << 20},
    };
    (void)state;
    for (int i = 0; i < LEN(cases); i++) {
        char *scratch = scratch_new(cases[i].bytes);
        assert_non_null(scratch);
        assert_int_equal((uintptr_t)scratch % cases[i].unit, 0);
        if (cases[i].bytes)
            scratch[0] = scratch[cases[i].bytes - 1] = 1;
        free(scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_third),
        cmocka_unit_test(arenas_are_what_lives),
        cmocka_unit_test(vectors_lie_in_one_line),
        cmocka_unit_test(large_scratch_begins_a_large_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
