/* SPDX-License-Identifier: MIT */
/* test_split_rows.c: loops of which threads share the examples: which do, and that plan_verify knows when they must not. */
#include "plan_case.h"

#include "compiler/emit/emit.h"

/* A recurrence over five steps of 24 examples; what stands in the text's place makes the next h of h and p, a product. */
#define RECURRENCE(step, results, outside) \
    "func f(x: f32[24, 5, 8] input 0, u: f32[8, 8] param 0, w: f32[8, 8] param 1, h0: f32[24, 8] state 0) { %1 = permute(x) axes=[1, 0, 2] " \
    "%2 = scan(h0, %1, u, w) carries=1 slices=1 yields=1 length=5 reverse=0 " \
    "body=func b(h: f32[24, 8] carry 0, s: f32[24, 8] slice 0, u: f32[8, 8] invariant 0, w: f32[8, 8] invariant 1) { " \
    "%1 = dot(h, u) contract=[1]/[0] %2 = add(%1, s) %3 = tanh(%2) " step " return carry 0 h = %8, yield 0 y = %3 } " \
    "%3 = result(%2) index=0 : f32[24, 8] %4 = result(%2) index=1 : f32[5, 24, 8] " outside " return state 0 h = %3, output 0 y = " results " }"
static const char recurrence[] = RECURRENCE("%4 = dot(%3, w) contract=[1]/[0] %5 = dot(%4, u) contract=[1]/[0] %6 = dot(%5, w) contract=[1]/[0] "
                                        "%8 = dot(%6, u) contract=[1]/[0]", "%4", "");
/* Examples meet: in the order of examples, each with the next one, in a sum over all of them, in a product with all. */
static const char reversed[] = RECURRENCE("%7 = reverse(%3) axes=[0] %8 = dot(%7, w) contract=[1]/[0]", "%4", "");
static const char shifted[] = RECURRENCE("%4 = slice(%3) start=[1, 0] limit=[24, 8] stride=[1, 1] %5 = pad(%4) lo=[0, 0] hi=[1, 0] "
                                     "interior=[0, 0] value=0 %8 = dot(%5, w) contract=[1]/[0]", "%4", "");
static const char summed[] = RECURRENCE("%5 = sum(%3) axes=[0] %6 = broadcast(%5) axes=[1] : f32[24, 8] %8 = add(%6, %1)", "%4", "");
static const char crossed[] = RECURRENCE("%6 = dot(%3, %3) contract=[1]/[1] %8 = dot(%6, %3) contract=[1]/[0]", "%4", "");

static const char large[] =
    "func f(e: f32[32, 1] input 0, x: f32[5, 32, 64] input 1, u: f32[64, 64] param 0, h0: f32[32, 64] state 0) { %1 = scan(h0, x, u) carries=1 "
    "slices=1 yields=0 length=5 reverse=0 body=func b(h: f32[32, 64] carry 0, s: f32[32, 64] slice 0, u: f32[64, 64] invariant 0) { "
    "%1 = dot(h, u) contract=[1]/[0] %2 = add(%1, s) %3 = tanh(%2) return carry 0 h = %3 } %2 = result(%1) index=0 : f32[32, 64] "
    "return state 0 h = %2 }";

static const Target *few_threads(int hand_over)
{
    Target *target = arena_dup(arena, target_with_threads(arena, target_find("generic"), 3), sizeof *target);
    target->threads.hand_over = hand_over;
    return target;
}

static Step *loop_of(const Plan *p)
{
    for (int i = 0; i < p->steps.n; i++)
        if (p->steps.at[i]->kind == STEP_SCAN)
            return p->steps.at[i];
    fail_msg("no loop");
    return NULL;
}

static Plan *shared(Step **loop)
{
    Plan *p = plan_for(recurrence, few_threads(0));
    *loop = loop_of(p);
    assert_non_null((*loop)->rows);
    return p;
}

static void which_loops(void **state)
{
    (void)state;
    Step *loop;
    Plan *p = shared(&loop);
    assert_null(plan_verify(arena, p));
    assert_int_equal(loop->rows[0], 0);
    assert_int_equal(loop->rows[3], 24);
    for (int i = 0; i < loop->body.n; i++)
        for (int t = 0; t < 3; t++)
            assert_true(row_turn(loop->body.at[i]->kernel, loop->rows[t], 24) >= 0);
    assert_null(loop_of(plan_for(recurrence, few_threads(1000000)))->rows);
    assert_null(loop_of(plan_for(recurrence, target_find("generic")))->rows);
    assert_null(loop_of(plan_for(reversed, few_threads(0)))->rows);
    assert_null(loop_of(plan_for(shifted, few_threads(0)))->rows);
    assert_null(loop_of(plan_for(summed, few_threads(0)))->rows);
    assert_null(loop_of(plan_for(crossed, few_threads(0)))->rows);
}

/* Threads share them when dlc profile looks at the time as well: each has a clock of its own, the caller one for the whole loop. */
static void timed_loops(void **state)
{
    (void)state;
    Step *loop;
    MemoryFunction f = {.name = "f", .plan = shared(&loop), .ticks = true};
    const char *text = emit_memory(arena, &f, 1);
    const char *const wanted[] = {"int thread, int from, int to)\n{", "    dlc_tick(thread + 1, -1);\n",
                                  arena_printf(arena, "            dlc_tick(thread + 1, %d);\n", loop->body.at[0]->at),
                                  "    dl_parallel(pool, &(const dl_work){f_rows", arena_printf(arena, "    dlc_tick(0, %d);\n", loop->at)};
    for (int i = 0; i < LEN(wanted); i++) {
        text = strstr(text, wanted[i]);
        if (!text)
            fail_msg("no %s", wanted[i]);
    }
}

/* With one thread tiles have 7 rows, and two would have 14 and 18 of the examples. */
static void even_shares(void **state)
{
    (void)state;
    Target *target = arena_dup(arena, target_with_threads(arena, target_find("x86-64-v4"), 2), sizeof *target);
    target->threads.hand_over = 0;
    const Step *loop = loop_of(plan_for(large, target));
    assert_non_null(loop->rows);
    assert_int_equal(loop->rows[1], 16);
    assert_int_equal(kernel_tile(loop_of(plan_for(large, target_find("x86-64-v4")))->body.at[0]->kernel)->schedule.rows, 7);
}

/* The first kernel of the loop with a tile. */
static Kernel *product(const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++)
        if (kernel_tile(loop->body.at[i]->kernel))
            return loop->body.at[i]->kernel;
    fail_msg("no product");
    return NULL;
}

static void wrong_shares(void **state)
{
    (void)state;
    Step *loop;
    Plan *p = shared(&loop);
    int64_t rows[4] = {0, loop->rows[1] + 1, loop->rows[2], 24};
    loop->rows = rows;
    assert_non_null(strstr(verify_rows(arena, p), "no turn that begins"));
    rows[1] = 0;
    assert_non_null(strstr(verify_rows(arena, p), "not in order"));
    p = shared(&loop);
    loop->body.at[0]->kernel->by_rows = false;
    expect(p, "is not cut along examples");
    p = shared(&loop);
    loop->rows = NULL;
    expect(p, "nobody shares the examples");
    p = shared(&loop);
    loop->grain = 1;
    assert_non_null(verify_rows(arena, p));
}

/* A kernel that reads, or writes, at the next example. */
static void wrong_examples(void **state)
{
    (void)state;
    Step *loop;
    Plan *p = shared(&loop);
    Stage *s = product(loop)->stages.at[0];
    s->tile->a_at = lin_offset(arena, s->tile->a_at, 8);
    assert_non_null(strstr(verify_rows(arena, p), "reads what another share"));
    p = shared(&loop);
    Kernel *k = product(loop);
    s = k->stages.at[k->stages.n - 1];
    Item *last = &s->items.at[s->items.n - 1];
    if (s->tile)
        s->tile->c_at = lin_offset(arena, s->tile->c_at, 8);
    else
        last->at = lin_offset(arena, last->at, 8);
    assert_non_null(strstr(verify_rows(arena, p), "writes what is another share's"));
}

/* Threads are at different steps of the loop: no product has the place of one that is no longer wanted. */
static void wrong_places(void **state)
{
    (void)state;
    Step *loop;
    Plan *p = shared(&loop);
    Buffer *second = item(p, 2, 0)->buffer, *last = item(p, 4, 0)->buffer;
    assert_int_equal(second->first, loop->at);
    assert_int_equal(last->last, loop->end);
    assert_true(second->offset != last->offset);
    second->offset = last->offset;
    expect(p, "lies on another");
    loop->rows = NULL;
    assert_null(verify_arena(arena, p));        /* by one thread it could */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_loops),
        cmocka_unit_test(timed_loops),
        cmocka_unit_test(even_shares),
        cmocka_unit_test(wrong_shares),
        cmocka_unit_test(wrong_examples),
        cmocka_unit_test(wrong_places),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
