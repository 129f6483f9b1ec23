/* SPDX-License-Identifier: MIT */
/* Trains fading.dl with many words once and then with one alone. FLUSHES: what nothing has been added to for hundreds of steps is 0 then,
 * and not a subnormal number; otherwise some is. Whoever calls finds subnormal numbers as they were, also where a call is refused. */
#include "dl_flush.h"
#include "dl_pool.h"
#include "fading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if THREADS
#include "dl_threads.h"
#define POOL , pool
#else
#define POOL
#endif

enum { STEPS = 400, BATCH = FADING_TRAIN_BATCH };

static fading_params params;
static fading_optimizer optimizer;
static fading_metrics metrics;
static _Alignas(64) unsigned char arena[FADING_TRAIN_ARENA_BYTES + FADING_INIT_ARENA_BYTES];

static int subnormals(const float *x, int n)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += fpclassify(x[i]) == FP_SUBNORMAL;
    return found;
}

static int nonzero(const float *x, int n)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += fpclassify(x[i]) != FP_ZERO;
    return found;
}

/* A step with the words `word`, `word + apart` and so on; the caller takes subnormal numbers as before, whatever it returns. */
static int step(int32_t word, int32_t apart, dl_status expected, dl_pool *pool)
{
    (void)pool;
    int32_t words[BATCH], kinds[BATCH];
    for (int32_t i = 0; i < BATCH; i++)
        words[i] = word + i * apart, kinds[i] = i % 4;
    const unsigned before = dl_subnormals();
    volatile float least = 0x1p-126f;
    const float half = least / 2;
    return fading_train_step(&params, &optimizer, words, kinds, BATCH, &metrics, arena POOL) == expected &&
           dl_subnormals() == before && least / 2 == half;
}

static int fades(dl_pool *pool)
{
    enum { ALL = (int)(sizeof optimizer.m_table_embeddings / sizeof(float)), LAST = ALL / 4096 };
    float *const m = optimizer.m_table_embeddings, *const v = optimizer.v_table_embeddings;
    int fine = fading_init(&params, &optimizer, 1, arena POOL) == DL_OK;
    for (int32_t i = 0; i < 64; i++)
        fine &= step(i, 64, DL_OK, pool);
    fine &= nonzero(m, ALL) >= 64 * LAST;
    for (int i = 0; i < STEPS; i++)
        fine &= step(4095, 0, DL_OK, pool);
    fine &= step(4095, 1, DL_INDEX, pool) && step(-1, 0, DL_INDEX, pool);
    printf("%d are not 0, %d of them subnormal\n", nonzero(m, ALL) + nonzero(v, ALL), subnormals(m, ALL) + subnormals(v, ALL));
    return fine && (FLUSHES ? !nonzero(m, ALL - LAST) && !nonzero(v, ALL - LAST) : subnormals(m, ALL) && subnormals(v, ALL));
}

int main(void)
{
    dl_pool *pool = NULL;
#if THREADS
    pool = dl_threads_open(THREADS);
    if (!pool)
        return 1;
#endif
    int fine = fades(pool);
    const unsigned before = dl_flush(); /* a caller that takes them for zeros finds that as it was */
    fine &= !FLUSHES || fades(pool);
    dl_set_subnormals(before);
#if THREADS
    dl_threads_close(pool);
#endif
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
