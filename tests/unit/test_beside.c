/* SPDX-License-Identifier: MIT */
/* test_beside.c: which rows tiles fetch for the stages behind them: those of tensors that are far and as long as the product's, all of them; and of
 * what they store, the next ones;
 * and which tiles ask for the left operand some steps further on; that such code is right, and that the verifier of plans notices what it has no
 * address of. */
#include "compare.h"

static Arena *arena;

/* Rows of a product and of another tensor, less their mean; the product is wanted for nothing else. */
#define CENTERED(rows, steps) \
    "func f(x: f32[" rows ", " steps "] input 0, w: f32[" steps ", 128] param 0, y: f32[" rows ", 128] input 1) { " \
    "%3 = dot(x, w) contract=[1]/[0] %4 = add(%3, y) %5 = sum(%4) axes=[1] : f32[" rows "] %6 = broadcast(%5) axes=[0] : f32[" rows ", 128] " \
    "%7 = sub(%4, %6) return output 0 z = %7 }"

static Tile *tile_of(Plan *p)
{
    assert_null(plan_verify(arena, p));
    StrBuf sb = {.a = arena};
    plan_print(&sb, p);
    if (p->kernels.n != 1)
        fail_msg("not one kernel:\n%s", sb_text(&sb));
    assert_non_null(p->kernels.at[0]->stages.at[0]->tile);
    return p->kernels.at[0]->stages.at[0]->tile;
}

static Tile *planned(const char *text, const char *target)
{
    return tile_of(lower(arena, NULL, read_graph(arena, text), target_find(target)));
}

static void whole_rows(void **state)
{
    (void)state;
    const Tile *t = planned(CENTERED("197", "128"), "x86-64-v4");
    assert_int_equal(t->beside.n, 2);       /* y, and z, where the sums of both wait for their mean */
    assert_string_equal(t->beside.at[0].buffer->name, "y");
    assert_string_equal(t->beside.at[1].buffer->name, "z");
    const int64_t share = (int64_t)t->schedule.rows * t->schedule.lanes * t->schedule.columns, all = 128 * beside_step(t);
    assert_in_range(all, share, share + 127);
}

static void nothing_else(void **state)
{
    (void)state;
    assert_int_equal(planned(CENTERED("64", "128"), "x86-64-v4")->beside.n, 0);        /* near */
    assert_int_equal(planned(CENTERED("197", "32"), "x86-64-v4")->beside.n, 0);        /* too little time */
    assert_int_equal(planned(CENTERED("197", "128"), "cortex-m7")->beside.n, 0);       /* no second cache */
}

/* A tile that adds y itself. */
#define ADDED(columns) \
    "func f(x: f32[512, 128] input 0, w: f32[128, " columns "] param 0, y: f32[512, " columns "] input 1) { " \
    "%3 = dot(x, w) contract=[1]/[0] %4 = add(%3, y) return output 0 z = %4 }"

static void next_rows(void **state)
{
    (void)state;
    const Tile *t = planned(ADDED("128"), "x86-64-v4");
    assert_int_equal(t->beside.n, 1);
    assert_string_equal(t->beside.at[0].buffer->name, "z");       /* y it asks for in the turn before */
    assert_int_equal(t->beside.at[0].further, t->schedule.rows * 128);
    assert_int_equal(planned(ADDED("32"), "x86-64-v4")->beside.n, 0);        /* tiles as wide as the rows: caches see them coming */
    assert_int_equal(planned(ADDED("128"), "cortex-m7")->beside.n, 0);
    if (!jit_has_cc())
        skip();
    Case *c = case_new(arena, "fetching the next rows", read_graph(arena, ADDED("128")), 0);
    assert_int_equal(check_cases(arena, &c, 1, "next_rows", target_find("native"), jit_cc), 0);
}

/* Rows of a left operand, all of its columns, or the first ones, with a gap behind each row. */
#define PRODUCT(all) \
    "func f(x: f32[64, " all "] input 0, w: f32[128, 128] param 0) { %2 = slice(x) start=[0, 0] limit=[64, 128] stride=[1, 1] " \
    "%3 = dot(%2, w) contract=[1]/[0] return output 0 z = %3 }"

/* Of each contraction the cheapest schedule that fetches rows. */
static Schedules *with_rows(Arena *a, const Case *c, const Target *target)
{
    Schedules *all = schedules_new(a, diag_new(a)), *chosen = schedules_new(a, diag_new(a));
    const Candidates *found;
    schedules_collect(all);
    lower_with(a, NULL, c->fn, target, all);
    for (int i = 0; (found = schedules_candidates(all, i)); i++)
        for (int k = 0; k < found->n; k++)
            if (found->s[k].prefetch == FETCH_ROWS) {
                schedules_add(chosen, found->function, found->name, found->s[k]);
                break;
            }
    return chosen;
}

static const Tile *fetching_rows(const char *text)
{
    const Case *c = case_new(arena, "fetching the left operand", read_graph(arena, text), 0);
    return tile_of(lower_with(arena, NULL, c->fn, target_find("x86-64-v4"), with_rows(arena, c, target_find("x86-64-v4"))));
}

static void rows_behind_each_other(void **state)
{
    (void)state;
    assert_true(tile_fetches_rows(fetching_rows(PRODUCT("128"))));
    assert_false(tile_fetches_rows(fetching_rows(PRODUCT("160"))));
    if (!jit_has_cc())
        skip();
    Case *c = case_new(arena, "fetching the left operand", read_graph(arena, PRODUCT("128")), 0);
    choose_schedules = with_rows;
    assert_int_equal(check_cases(arena, &c, 1, "rows_behind_each_other", target_find("native"), jit_cc), 0);
    choose_schedules = NULL;
}

/* A kernel's gradient: steps read neighbours in one row of x after the other, from beyond L2. */
#define GRADIENT(examples, steps) \
    "func f(x: f32[" examples ", " steps ", 64] input 0, y: f32[" steps ", 256] input 1) { " \
    "%2 = slice(x) start=[1, 0, 0] limit=[2, " steps ", 64] stride=[1, 1, 1] %3 = reshape(%2) : f32[" steps ", 64] " \
    "%4 = dot(%3, y) contract=[0]/[0] return output 0 z = %4 }"

/* One whose steps are blocks: a row is half a page. */
static const char in_blocks[] = "func f(x: f32[512, 512] input 0, y: f32[512, 128] input 1) { %2 = dot(x, y) contract=[0]/[0] return output 0 z = %2 }";

static void steps_further_on_in_blocks(void **state)
{
    (void)state;
    const Tile *t = planned(in_blocks, "x86-64-v4");
    assert_true(k_is_cut(t, 0) && k_steps(t, 0) >= 64 && t->lead > 0 && t->lead < k_steps(t, 0));
    if (!jit_has_cc())
        skip();
    Case *c = case_new(arena, "further steps of blocks", read_graph(arena, in_blocks), 0);
    assert_int_equal(check_cases(arena, &c, 1, "steps_further_on_in_blocks", target_find("native"), jit_cc), 0);
}

static void steps_further_on(void **state)
{
    (void)state;
    const Tile *t = planned(GRADIENT("10", "320"), "x86-64-v4");
    assert_in_range(t->lead * t->schedule.rows * t->schedule.columns, 600, 650);     /* multiply-adds, two a cycle: 300 cycles */
    assert_int_equal(planned(GRADIENT("2", "200"), "x86-64-v4")->lead, 0);       /* near */
    assert_int_equal(planned(GRADIENT("100", "32"), "x86-64-v4")->lead, 0);          /* too few steps */
    assert_int_equal(planned(GRADIENT("10", "320"), "cortex-m7")->lead, 0);          /* no second cache */
    if (!jit_has_cc())
        skip();
    Case *c = case_new(arena, "further steps", read_graph(arena, GRADIENT("20", "320")), 0);
    assert_int_equal(check_cases(arena, &c, 1, "steps_further_on", target_find("native"), jit_cc), 0);
}

static void same_values(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    Target target = *target_find("native");
    target.l2 = 1 << 20;
    if (target.lanes > 1)
        assert_int_equal(tile_of(lower(arena, NULL, read_graph(arena, CENTERED("197", "128")), &target))->beside.n, 2);
    Case *c = case_new(arena, "fetching rows", read_graph(arena, CENTERED("197", "128")), 0);
    assert_int_equal(check_cases(arena, &c, 1, "beside", &target, jit_cc), 0);
}

static void verified(void **state)
{
    (void)state;
    Plan *p = lower(arena, NULL, read_graph(arena, CENTERED("197", "128")), target_find("x86-64-v4"));
    static Buffer other = {.name = "other"};
    tile_of(p)->beside.at[0].buffer = &other;
    const char *why = plan_verify(arena, p);
    assert_non_null(why);
    assert_non_null(strstr(why, "which is no argument"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_rows),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(next_rows),
        cmocka_unit_test(rows_behind_each_other),
        cmocka_unit_test(steps_further_on),
        cmocka_unit_test(steps_further_on_in_blocks),
        cmocka_unit_test(same_values),
        cmocka_unit_test(verified),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
