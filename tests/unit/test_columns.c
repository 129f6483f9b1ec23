/* SPDX-License-Identifier: MIT */
/* test_columns.c: which sums of columns are vectors in registers, how many columns and rows at a time, and that the verifier of plans
 * notices where they cannot be; and how many lanes sums of rows have. What they add up to is for tests/graphs/column_sums.ir and rows_left_over.ir. */
#include "read_graph.h"

#include <string.h>

#include "kernels/verify.h"

static Arena *arena;

static Plan *plan_of(const char *text, const Target *target)
{
    Diag *d = diag_new(arena);
    Plan *p = lower(arena, d, read_graph_for(arena, d, text), target);
    assert_null(plan_verify(arena, p));
    return p;
}

/* Of a plan, the stage that goes by columns. */
static Stage *columns_of(const Plan *p)
{
    for (int i = 0; i < p->kernels.n; i++)
        for (int j = 0; j < p->kernels.at[i]->stages.n; j++)
            if (p->kernels.at[i]->stages.at[j]->kind == STAGE_REDUCE && p->kernels.at[i]->stages.at[j]->vector)
                return p->kernels.at[i]->stages.at[j];
    StrBuf sb = {.a = arena};
    plan_print(&sb, p);
    fail_msg("nothing goes by columns in\n%s", sb_text(&sb));
    return NULL;
}

#define SUM(shape, columns) "func f(x: f32[" shape "] input 0) { %1 = sum(x) axes=[0] : f32[" columns "] return output 0 y = %1 }"
#define MAXIMUM "func f(x: f32[25, 64] input 0) { %1 = max(x) axes=[0] : f32[64] return output 0 y = %1 }"
#define CHOICE "func f(x: f32[25, 64] input 0) { %1 = exp(x) : f32[25, 64] %2 = sum(%1) axes=[0] : f32[64] return output 0 y = %2 }"

static void chosen(void **state)
{
    (void)state;
    static const struct {
        const char *text, *target;
        int wide, together, lanes;
    } rows[] = {
        {SUM("25, 64", "64"), "x86-64-v4", 16, 4, 1},       /* 25 rows do not go in pairs */
        {SUM("48, 64", "64"), "x86-64-v4", 16, 4, 2},
        {SUM("48, 8", "8"), "x86-64-v4", 8, 1, 8},          /* half a vector */
        {SUM("48, 8", "8"), "x86-64", 4, 2, 4},
        {SUM("48, 640", "640"), "x86-64-v4", 16, 8, 1},
        {SUM("48, 12", "12"), "x86-64-v4", 0, 0, 1},        /* a quarter of one: loops of plain C */
        {SUM("48, 12", "12"), "x86-64-v3", 4, 3, 2},
        {SUM("12, 32", "32"), "x86-64-v4", 16, 2, 2},       /* few rows: more side by side are not worth adding up at the end */
        {MAXIMUM, "x86-64-v4", 0, 0, 1},
        {CHOICE, "x86-64-v4", 0, 0, 1},                     /* functions are the compiler's to make vectors of */
        {SUM("48, 64", "64"), "generic", 0, 0, 1},
    };
    for (int i = 0; i < LEN(rows); i++) {
        const Stage *s = columns_of(plan_of(rows[i].text, target_find(rows[i].target)));
        StrBuf sb = {.a = arena};
        plan_print(&sb, plan_of(rows[i].text, target_find(rows[i].target)));
        if (s->wide != rows[i].wide || s->together != rows[i].together || s->lanes != rows[i].lanes)
            fail_msg("row %d: %d vectors of %d, %d rows\n%s", i, s->together, s->wide, s->lanes, sb_text(&sb));
    }
}

/* Several sums in one pass, in half of the registers. */
static void several(void **state)
{
    (void)state;
    Plan *p = plan_of(SUM("25, 64", "64"), target_find("x86-64-v3"));
    Stage *s = columns_of(p);
    assert_int_equal(s->together, 8);
    for (int together = 4; together; together /= 2) {
        for (int i = s->items.n; i > 0; i--)
            vec_push(arena, &s->items, s->items.at[0]);
        choose_columns(p);
        assert_int_equal(s->together, together);
    }
}

/* The same bits: each column's rows one after the other. */
static void in_order(void **state)
{
    (void)state;
    const Stage *s = columns_of(plan_of(SUM("48, 8", "8"), target_deterministic(arena, target_find("x86-64-v4"), true)));
    assert_int_equal(s->wide, 8);
    assert_int_equal(s->lanes, 1);
}

/* Rows are added up in lanes, as many as a vector has where they are long enough. Of several loops the last fills them all. */
static void rows_in_lanes(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *axes, *sum, *target;
        int lanes;
    } rows[] = {
        {"3, 100", "1", "3", "x86-64-v4", 16},
        {"3, 100", "1", "3", "x86-64-v3", 8},
        {"3, 10", "1", "3", "x86-64-v4", 8},
        {"3, 100", "1", "3", "generic", 4},             /* without vectors all alike */
        {"3, 17", "1", "3", "generic", 1},
        {"5, 3, 8", "0, 2", "3", "x86-64-v4", 8},
        {"5, 3, 12", "0, 2", "3", "x86-64-v4", 4},
        {"5, 3, 17", "0, 2", "3", "x86-64-v4", 1},
    };
    for (int i = 0; i < LEN(rows); i++) {
        const char *text = arena_printf(arena, "func f(x: f32[%s] input 0) { %%1 = sum(x) axes=[%s] : f32[%s] return output 0 y = %%1 }",
                                        rows[i].shape, rows[i].axes, rows[i].sum);
        Plan *p = plan_of(text, target_find(rows[i].target));
        Stage *s = p->kernels.at[0]->stages.at[0];
        assert_int_equal(s->kind, STAGE_REDUCE);
        if (s->vector || s->lanes != rows[i].lanes)
            fail_msg("row %d: %d lanes", i, s->lanes);
        s->lanes = 16;
        const char *why = plan_verify(arena, p);
        assert_true(s->nloop == s->nparallel + 1 ? !why : why && strstr(why, "leave some of an inner loop over"));
    }
}

/* Threads share columns by lines of the cache. */
static void shared(void **state)
{
    (void)state;
    Plan *p = plan_of(SUM("512, 4096", "4096"), target_with_threads(arena, target_find("x86-64-v3"), 2));
    Stage *s = columns_of(p);
    assert_int_equal(p->kernels.at[0]->split.n, 1);
    assert_int_equal(s->wide * s->together, SPLIT_COLUMNS);
    s->together = 4;
    assert_non_null(strstr(plan_verify(arena, p), "no 4 vectors of 8 columns can be added up"));
}

static void wrong(void **state)
{
    (void)state;
    const Target *target = target_find("x86-64-v4");
    const char *complaint = "columns can be added up";
    Plan *p = plan_of(SUM("48, 64", "64"), target);
    columns_of(p)->together = 3;
    assert_non_null(strstr(plan_verify(arena, p), complaint));
    p = plan_of(SUM("48, 64", "64"), target);
    columns_of(p)->lanes = 5;
    assert_non_null(strstr(plan_verify(arena, p), complaint));
    p = plan_of(MAXIMUM, target);
    columns_of(p)->wide = 16;
    columns_of(p)->together = 4;
    assert_non_null(strstr(plan_verify(arena, p), complaint));
    p = plan_of(CHOICE, target);
    columns_of(p)->wide = 16;
    columns_of(p)->together = 4;
    assert_non_null(strstr(plan_verify(arena, p), complaint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen),
        cmocka_unit_test(several),
        cmocka_unit_test(in_order),
        cmocka_unit_test(rows_in_lanes),
        cmocka_unit_test(shared),
        cmocka_unit_test(wrong),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
