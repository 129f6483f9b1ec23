/* SPDX-License-Identifier: MIT */
/* test_handed.c: work is shared by two threads where it outweighs the hand-over, and what one of them has to fetch from the other's cache
 * counts: handed.c. A row of these products takes some 1024 cycles; 30 000 have to be saved, and a few more for what is fetched. */
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
    assert_true(is_shared("func f(x: f32[68, 64] input 0, w: f32[64, 256] param 0) {"
                          " %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }"));
}

static void product_too_small_to_share(void **state)
{
    (void)state;
    assert_false(is_shared("func f(x: f32[56, 64] input 0, w: f32[64, 256] param 0) {"
                           " %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }"));
}

/* The rows of x are cut among the threads, but each reads all 64 KB of v, half of which the other one has made. */
static void product_of_what_is_made_elsewhere(void **state)
{
    (void)state;
    assert_false(is_shared("func f(x: f32[68, 64] input 0, w: f32[64, 256] param 0) {"
                           " %1 = neg(w) %2 = dot(x, %1) contract=[1]/[0] return output 0 y = %2 }"));
}

/* Such a one has enough to do. */
static void larger_product_of_what_is_made_elsewhere(void **state)
{
    (void)state;
    assert_true(is_shared("func f(x: f32[88, 64] input 0, w: f32[64, 256] param 0) {"
                          " %1 = neg(w) %2 = dot(x, %1) contract=[1]/[0] return output 0 y = %2 }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_of_what_both_have),
        cmocka_unit_test(product_too_small_to_share),
        cmocka_unit_test(product_of_what_is_made_elsewhere),
        cmocka_unit_test(larger_product_of_what_is_made_elsewhere),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
