/* SPDX-License-Identifier: MIT */
/* test_order.c: an order that waits are added to, against searches through all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/kernels/lower.h"

enum { THINGS = 60, TRIES = 1500 };

static bool path(const bool (*wait)[THINGS], int from, int to)
{
    bool found = from == to;
    for (int i = 0; i < THINGS && !found; i++)
        found = wait[from][i] && path(wait, i, to);
    return found;
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

static void check_places(const Order *o, const bool (*wait)[THINGS])
{
    for (int i = 0; i < THINGS; i++) {
        assert_int_equal(o->at.at[o->place.at[i].position], i);
        for (int k = 0; k < THINGS; k++)
            if (wait[i][k])
                assert_true(o->place.at[k].position < o->place.at[i].position);
    }
}

static void check_sorted(const Order *o, const bool (*wait)[THINGS])
{
    const int *sorted = order_sorted(o);
    int at[THINGS];
    for (int i = 0; i < THINGS; i++)
        at[i] = -1;
    for (int i = 0; i < THINGS; i++) {
        assert_in_range(sorted[i], 0, THINGS - 1);
        assert_int_equal(at[sorted[i]], -1);
        at[sorted[i]] = i;
    }
    for (int i = 0; i < THINGS; i++)
        for (int k = 0; k < THINGS; k++)
            if (wait[i][k])
                assert_true(at[k] < at[i]);
}

/* Sparse waits, so that paths stay few: each is allowed where it closes no circle, and just there. */
static void test_random(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        Arena *a = arena_new();
        Order o = {.a = a};
        bool wait[THINGS][THINGS] = {{false}};
        uint32_t r = seed;
        int added = 0;
        for (int i = 0; i < THINGS; i++)
            assert_int_equal(order_add(&o), i);
        for (int i = 0; i < TRIES && added < THINGS + THINGS / 3; i++) {
            int x = (int)draw(&r, THINGS), y = (int)draw(&r, THINGS);
            assert_int_equal(order_waits(&o, x, y), path(wait, x, y));
            bool may = order_may_wait(&o, x, y);
            assert_int_equal(may, !path(wait, y, x));
            if (!may)
                continue;
            order_wait(&o, x, y);
            wait[x][y] = true;
            added++;
            check_places(&o, wait);
        }
        assert_true(added > THINGS);
        check_sorted(&o, wait);
        arena_free(a);
    }
}

/* What nobody waits for stays where it was, and what is waited for comes just before. */
static void test_sorted_late(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Order o = {.a = a};
    for (int i = 0; i < 5; i++)
        order_add(&o);
    order_wait(&o, 1, 3);
    order_wait(&o, 1, 4);
    const int *sorted = order_sorted(&o), expected[] = {0, 3, 4, 1, 2};
    for (int i = 0; i < 5; i++)
        assert_int_equal(sorted[i], expected[i]);
    arena_free(a);
}

/* Waits from the beginning may come in any order; others follow. */
static void test_begin(void **state)
{
    (void)state;
    enum { LONG = 100000 };
    Arena *a = arena_new();
    Order o = {.a = a};
    for (int i = 0; i < LONG; i++)
        order_add(&o);
    for (int i = 1; i < LONG; i++)
        order_begin(&o, i - 1, i);
    order_begun(&o);
    for (int i = 0; i < LONG; i++)
        assert_int_equal(o.place.at[i].position, LONG - 1 - i);
    assert_int_equal(order_add(&o), LONG);
    assert_true(order_may_wait(&o, 10, LONG - 1));
    assert_false(order_may_wait(&o, 11, 10));
    assert_true(order_may_wait(&o, 10, LONG));
    order_wait(&o, 10, LONG);
    assert_true(order_waits(&o, 9, LONG));
    arena_free(a);
}

/* A long chain needs no deep stack; its ends are too far apart to see that they wait for each other, and then the answer is no. */
static void test_far(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    Arena *a = arena_new();
    Order o = {.a = a};
    for (int i = 0; i < LONG; i++)
        order_add(&o);
    for (int i = 1; i < LONG; i++)
        order_wait(&o, i, i - 1);
    assert_false(order_waits(&o, LONG - 1, 0));
    assert_false(order_may_wait(&o, 0, LONG - 1));
    assert_true(order_may_wait(&o, LONG - 1, 0));
    assert_true(order_waits(&o, 100, 0));
    int *sorted = order_sorted(&o);
    for (int i = 0; i < LONG; i++)
        assert_int_equal(sorted[i], i);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_sorted_late),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
