/* SPDX-License-Identifier: MIT */
/* test_pool.c: in which order dl_threads.c's threads take a work's iterations, and that emitted loops ask for the one they had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "emit/emit.h"
#include "kernels/kernel.h"
#include "pipeline.h"
#include "runtime/dl_flush.h"
#include "runtime/dl_threads.h"

enum { COUNT = 64 };

/* ---- the pool -------------------------------------------------------------------------------------------- */
static int taken[COUNT];        /* by iteration: how often */
static int order[COUNT], n;     /* of the caller's own */
static atomic_int begun;

/* The other threads wait until the caller has begun, so that it finds its whole share. */
static void note(const void *arguments, int thread, int from, int to)
{
    const int backwards = *(const int *)arguments;
    while (thread && !atomic_load(&begun))
        ;
    for (int i = from; i < to; i++) {
        taken[i]++;
        if (!thread)
            order[n++] = backwards ? to - 1 - (i - from) : i;
    }
    if (!thread)
        atomic_store(&begun, 1);
}

static void check_order(dl_pool *pool, int threads, int backwards)
{
    const int first = backwards ? COUNT / threads - 1 : 0, step = backwards ? -1 : 1;
    n = 0;
    atomic_store(&begun, 0);
    for (int i = 0; i < COUNT; i++)
        taken[i] = 0;
    dl_parallel(pool, &(const dl_work){note, &backwards, COUNT, 1, threads, backwards});
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(taken[i], 1);
    assert_true(n > 0);
    for (int i = 0; i < n && order[i] < COUNT / threads; i++)     /* then what it takes of the others' */
        assert_int_equal(order[i], first + step * i);
}

static void begins_where_it_should(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 4; threads *= 2) {
        dl_pool *pool = dl_threads_open(threads);
        assert_non_null(pool);
        for (int i = 0; i < 100; i++)
            check_order(pool, threads, i % 2);
        dl_threads_close(pool);
    }
}

static atomic_int wrong;        /* pieces */
static unsigned subnormals;     /* how the caller takes them */

/* The last piece ends where the work does, also where its grain is larger; no more threads take part than it has room for; and they take subnormal
 * numbers as the caller does. */
static void note_piece(const void *arguments, int thread, int from, int to)
{
    const dl_work *work = arguments;
    if (thread >= work->threads || from % work->grain || from >= to || to > work->count || dl_subnormals() != subnormals)
        atomic_fetch_add(&wrong, 1);
    for (int i = from; i < to && i < COUNT; i++)
        taken[i]++;
    usleep(20);         /* long enough for a thread that should not to take some */
}

static void keeps_to_the_work(void **state)
{
    (void)state;
    dl_pool *pool = dl_threads_open(4);
    assert_non_null(pool);
    for (int i = 0; i < 60; i++) {
        dl_work work = {note_piece, &work, COUNT - 1 - i % 5, 3, 2 + i % 2, 0};
        memset(taken, 0, sizeof taken);
        const unsigned before = dl_subnormals();
        dl_set_subnormals(i / 2 % 2 ? DL_FLUSHES : 0);
        subnormals = dl_subnormals();
        dl_parallel(pool, &work);
        dl_set_subnormals(before);
        assert_int_equal(atomic_load(&wrong), 0);
        for (int k = 0; k < COUNT; k++)
            assert_int_equal(taken[k], k < work.count);
    }
    dl_threads_close(pool);
}

/* ---- emitted loops --------------------------------------------------------------------------------------- */
static void loops_keep_their_direction(void **state)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    const ElaborateOptions o = {.batch = 1, .train_batch = 32, .train = true};
    const Module *m = pipeline_module(a, d, "dsl_examples/resnet.dl", &o, NULL, NULL);
    Plan *p = lower(a, d, m->train_step, target_with_threads(a, target_find("x86-64-v4"), 2));
    MemoryFunction f = {.name = "f", .plan = p};
    const char *text = emit_memory(a, &f, 1);
    int forwards = 0, backwards = 0;
    (void)state;
    for (int i = 0; i < p->steps.n; i++) {
        const Step *s = p->steps.at[i];
        if (s->kind != STEP_SCAN || !s->grain)
            continue;
        const char *at = strstr(text, arena_printf(a, "static void f_turns%d(", s->at));
        assert_non_null(at);
        at = strstr(at, "    for (");
        const char *loop = s->reverse ? "    for (int t = to - 1; t >= from; t--) {" : "    for (int t = from; t < to; t++) {";
        assert_memory_equal(at, loop, strlen(loop));
        at = strstr(at, arena_printf(a, "dl_work){f_turns%d, ", s->at));
        assert_non_null(at);
        assert_memory_equal(strstr(at, ");") - 2, s->reverse ? "1}" : "0}", 2);
        *(s->reverse ? &backwards : &forwards) += 1;
    }
    assert_true(forwards > 1 && backwards > 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_where_it_should),
        cmocka_unit_test(keeps_to_the_work),
        cmocka_unit_test(loops_keep_their_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
