/* SPDX-License-Identifier: MIT */
/* test_handed.c: work is shared by two threads where it outweighs the hand-over, and what one of them has to fetch from the other's cache
 * counts: handed.c. A row of these products takes some 1024 cycles; 25 000 have to be saved, and a few more for what is fetched. */
#include "plan_case.h"

/* Of the products' kernel, the last one. */
static bool is_shared(const char *text)
{
    const Plan *p = plan_for(text, target_with_threads(arena, target_find("x86-64-v3"), 2));
    const Kernel *k = p->kernels.at[p->kernels.n - 1];
    assert_non_null(stage(p, p->kernels.n - 1, 0)->tile);
    assert_null(plan_verify(arena, p));
    return k->split.n > 0;
}

static void product_of_what_both_have(void **state)
{
    (void)state;
    assert_true(is_shared("func f(x: f32[56, 64] input 0, w: f32[64, 256] param 0) {"
                          " %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }"));
}

static void product_too_small_to_share(void **state)
{
    (void)state;
    assert_false(is_shared("func f(x: f32[44, 64] input 0, w: f32[64, 256] param 0) {"
                           " %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }"));
}

/* The rows of x are cut among the threads, but each reads all 64 KB of v, half of which the other one has made. */
static void product_of_what_is_made_elsewhere(void **state)
{
    (void)state;
    assert_false(is_shared("func f(x: f32[56, 64] input 0, w: f32[64, 256] param 0) {"
                           " %1 = neg(w) %2 = dot(x, %1) contract=[1]/[0] return output 0 y = %2 }"));
}

/* Such a one has enough to do. */
static void larger_product_of_what_is_made_elsewhere(void **state)
{
    (void)state;
    assert_true(is_shared("func f(x: f32[68, 64] input 0, w: f32[64, 256] param 0) {"
                          " %1 = neg(w) %2 = dot(x, %1) contract=[1]/[0] return output 0 y = %2 }"));
}

/* One product of 56 rows, which is shared where it is alone, and others of 44, which are not. */
static const Plan *plan_of_products(int others)
{
    StrBuf sb = {.a = arena};
    sb_puts(&sb, "func f(x: f32[56, 64] input 0, w: f32[64, 256] param 0");
    for (int i = 1; i <= others; i++)
        sb_printf(&sb, ", x%d: f32[44, 64] input %d", i, i);
    sb_puts(&sb, ") { %1 = dot(x, w) contract=[1]/[0] ");
    for (int i = 1; i <= others; i++)
        sb_printf(&sb, "%%%d = dot(x%d, w) contract=[1]/[0] ", i + 1, i);
    sb_puts(&sb, "return output 0 y = %1");
    for (int i = 1; i <= others; i++)
        sb_printf(&sb, ", output %d y%d = %%%d", i, i, i + 1);
    sb_puts(&sb, " }");
    const Plan *p = plan_for(sb_text(&sb), target_with_threads(arena, target_find("x86-64-v3"), 2));
    assert_null(plan_verify(arena, p));
    return p;
}

static int shared_of(const Plan *p)
{
    int n = 0;
    for (int i = 0; i < p->kernels.n; i++)
        n += p->kernels.at[i]->split.n > 0;
    return n;
}

/* Half of it is more than a twentieth of nine products, and less of 21. */
static void product_among_some_others(void **state)
{
    (void)state;
    assert_int_equal(shared_of(plan_of_products(8)), 1);
}

static void product_among_many_others(void **state)
{
    (void)state;
    assert_int_equal(shared_of(plan_of_products(20)), 0);
}

/* ---- which loops are cut -------------------------------------------------------------------------------- */
static Plan *plan_for_two(const char *text)
{
    Plan *p = plan_for(text, target_with_threads(arena, target_find("x86-64-v4"), 2));
    assert_null(plan_verify(arena, p));
    return p;
}

/* Five tiles of rows are three for one thread and two for the other, eight of columns four for each. What is added to the sums is no hindrance
 * where tiles do it. */
static void product_cut_between_columns(void **state)
{
    static const char gradient[] = "func f(x: f32[320, 64] input 0, y: f32[320, 256] input 1, w: f32[64, 256] param 0) {"
                                   " %1 = dot(x, y) contract=[0]/[0] %2 = add(w, %1) return output 0 z = %2 }";
    (void)state;
    const Plan *p = plan_for_two(gradient);
    const Kernel *k = p->kernels.at[p->kernels.n - 1];
    Stage *added = k->stages.at[1];
    assert_int_equal(k->stages.n, 2);
    assert_true(added->in_tile);
    assert_int_equal(k->split.n, 1);
    assert_ptr_equal(k->split.var[0], k->stages.at[0]->tile->n);
    added->in_tile = false;
    assert_string_equal(strstr(verify_split(arena, p, k), "is cut"), "is cut along a loop that is not around all of it");
}

/* Nine products, each with panels of its own: five and four of them, unless a thread that is done takes one more. */
static void products_one_at_a_time(void **state)
{
    (void)state;
    const Plan *p = plan_for_two("func f(x: f32[1, 9, 512, 392] input 0, w: f32[1, 9, 392, 512] input 1) {"
                                 " %1 = dot(x, w) batch=[0, 1]/[0, 1] contract=[3]/[2] return output 0 y = %1 }");
    const Kernel *k = p->kernels.at[p->kernels.n - 1];
    assert_true(k->stages.at[0]->tile->schedule.outside > 0);
    assert_int_equal(k->split.turns, 9);
    assert_int_equal(k->split.grain, 1);
}

/* ---- sums that move 480 KB, from L2 in 30 000 cycles, of which half can be saved ----------------------- */
static bool sum_is_shared(const char *text, const char *result)
{
    const Plan *p = plan_for(text, target_with_threads(arena, target_find("x86-64-v3"), 2));
    assert_null(plan_verify(arena, p));
    for (int i = 0; i < p->kernels.n; i++)
        for (int k = 0; k < p->kernels.at[i]->args.n; k++) {
            const Buffer *b = p->kernels.at[i]->args.at[k];
            if (b->name && str_eq(b->name, result))
                return p->kernels.at[i]->split.n > 0;
        }
    fail_msg("nobody makes %s", result);
    return false;
}

static void sum_of_what_is_near(void **state)
{
    (void)state;
    assert_false(sum_is_shared("func f(x: f32[40000] input 0, w: f32[40000] param 0) {"
                               " %1 = add(w, x) return output 0 y = %1 }", "y"));
}

/* The call touches 1 MB besides, so that nothing is in L2 any more when the next one begins. */
static void sum_of_what_the_caller_keeps(void **state)
{
    (void)state;
    assert_true(sum_is_shared("func f(x: f32[40000] input 0, w: f32[40000] param 0, v: f32[64, 4096] param 1) {"
                              " %1 = add(w, x) %2 = sum(v) axes=[0] return output 0 y = %1, output 1 z = %2 }", "y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_of_what_both_have),
        cmocka_unit_test(product_too_small_to_share),
        cmocka_unit_test(product_of_what_is_made_elsewhere),
        cmocka_unit_test(larger_product_of_what_is_made_elsewhere),
        cmocka_unit_test(product_among_some_others),
        cmocka_unit_test(product_among_many_others),
        cmocka_unit_test(product_cut_between_columns),
        cmocka_unit_test(products_one_at_a_time),
        cmocka_unit_test(sum_of_what_is_near),
        cmocka_unit_test(sum_of_what_the_caller_keeps),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
