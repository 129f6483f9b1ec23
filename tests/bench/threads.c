/* SPDX-License-Identifier: MIT */
/* What a second thread brings and costs, as JSON: how many times the arithmetic of one core two have, and what it takes to hand half a
 * kernel over: of arithmetic alone, and of one whose operands lie half in the other core's cache, as a network's kernels do.
 *
 *     make build/bench/threads && build/bench/threads
 *
 * Figures are the best of many short runs, one thread and two in turn: on a busy machine they are what it can do when it is let. */
#define _GNU_SOURCE
#include "runtime/dl_threads.c"

#include <stdio.h>
#include <time.h>

enum { FLOATS = 8192, ACCUMULATORS = 24, LANES = 16, RUNS = 3000 };
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

typedef struct Kernel {
    float *from, *to;
    int steps; /* of arithmetic for each grain */
} Kernel;

static volatile float sink[2 * LINE];

/* Independent chains of multiply-adds. */
static void compute(const void *arguments, int thread, int from, int to)
{
    const Kernel *k = arguments;
    lanes sum[ACCUMULATORS];
    for (int i = 0; i < ACCUMULATORS; i++)
        sum[i] = (lanes){0} + (float)i;
    for (long step = (long)(to - from) * k->steps; step > 0; step--)
#pragma GCC unroll 24
        for (int i = 0; i < ACCUMULATORS; i++)
            sum[i] = sum[i] * 0.999f + 0.001f;
    for (int i = 1; i < ACCUMULATORS; i++)
        sum[0] += sum[i];
    sink[thread * LINE] = sum[0][0];
}

/* Reads its operand from the other end than it writes its result: half of it is what the other thread has made. */
static void touch(const void *arguments, int thread, int from, int to)
{
    const Kernel *k = arguments;
    (void)thread;
    for (int i = from; i < to; i++) {
        float x = k->from[FLOATS - 1 - i];
        for (int step = 0; step < k->steps; step++)
            x = x * 0.999f + 0.001f;
        k->to[i] = x;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* Microseconds of the work and of the work that follows on it, at best: by one thread, and by the pool's. */
static void measure(dl_pool *pool, const dl_work *work, const dl_work *next, double *one, double *two)
{
    *one = *two = 1e30;
    for (int run = 0; run < RUNS; run++)
        for (int n = 0; n < 2; n++) {
            double begin = now(), *best = n ? two : one;
            dl_parallel(n ? pool : NULL, work);
            dl_parallel(n ? pool : NULL, next);
            double took = now() - begin;
            *best = took < *best ? took : *best;
        }
}

int main(void)
{
    static float x[FLOATS], y[FLOATS];
    dl_pool *pool = dl_threads_open(2);
    if (!pool)
        return 1;
    double one, two;
    const Kernel large = {x, y, 200}, small = {x, y, 5}, there = {x, y, 8}, back = {y, x, 8};
    const dl_work peak = {compute, &large, 256, 1, 2, 0}, short_one = {compute, &small, 64, 4, 2, 0};
    measure(pool, &peak, &peak, &one, &two);
    printf("{\"peak_ratio\": %.2f", one / two);
    measure(pool, &short_one, &short_one, &one, &two);
    printf(", \"hand_over_us\": %.2f, \"of_us\": %.2f", (two - one / 2) / 2, one / 2);
    const dl_work out = {touch, &there, FLOATS, 512, 2, 0}, home = {touch, &back, FLOATS, 512, 2, 0};
    measure(pool, &out, &home, &one, &two);
    printf(", \"with_operands_us\": %.2f, \"of_operands_us\": %.2f}\n", (two - one / 2) / 2, one / 2);
    dl_threads_close(pool);
    return 0;
}
