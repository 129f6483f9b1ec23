/* SPDX-License-Identifier: MIT */
/* A training CNN, three steps and an inference, by pools of as many threads as the arguments say (0: none): a line for each
 * with a hash of every bit that comes out. Batches are full and not, and one label is out of range. */
#include "cnn.h"
#include "dl_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cnn_params params;
static cnn_optimizer optimizer;
static cnn_metrics metrics;
static float images[CNN_TRAIN_BATCH][784], probs[CNN_BATCH][10];
static int32_t labels[CNN_TRAIN_BATCH];
static uint64_t hash;

static void add(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ ((const unsigned char *)at)[i]) * 1099511628211u;
}

static dl_status train(int32_t count, void *arena, struct dl_pool *pool)
{
    (void)pool;
#if THREADS
    return cnn_train_step(&params, &optimizer, images[0], labels, count, &metrics, arena, pool);
#else
    return cnn_train_step(&params, &optimizer, images[0], labels, count, &metrics, arena);
#endif
}

static dl_status infer(void *arena, struct dl_pool *pool)
{
    (void)pool;
#if THREADS
    return cnn_infer(&params, images[0], probs[0], arena, pool);
#else
    return cnn_infer(&params, images[0], probs[0], arena);
#endif
}

static dl_status init(void *arena, struct dl_pool *pool)
{
    (void)pool;
#if THREADS
    return cnn_init(&params, &optimizer, 7, arena, pool);
#else
    return cnn_init(&params, &optimizer, 7, arena);
#endif
}

static void inputs(void)
{
    uint32_t x = 1;
    for (int i = 0; i < CNN_TRAIN_BATCH; i++) {
        for (int k = 0; k < 784; k++)
            images[i][k] = (float)((x = x * 1664525u + 1013904223u) >> 8) / 16777216.0f;
        labels[i] = i % 10;
    }
}

static int run(struct dl_pool *pool)
{
    void *arena = aligned_alloc(64, (CNN_TRAIN_ARENA_BYTES + CNN_ARENA_BYTES + CNN_INIT_ARENA_BYTES + 63) / 64 * 64);
    hash = 14695981039346656037u;
    inputs();
    int fine = arena && init(arena, pool) == DL_OK;
    for (int32_t step = 0; step < 3; step++) {
        fine &= train(CNN_TRAIN_BATCH - step, arena, pool) == DL_OK;
        add(&metrics, sizeof metrics);
    }
    const cnn_params before = params;
    labels[1] = 10;
    fine &= train(2, arena, pool) == DL_INDEX && !memcmp(&before, &params, sizeof params);
    fine &= infer(arena, pool) == DL_OK;
    add(&params, sizeof params);
    add(&optimizer, sizeof optimizer);
    add(probs, sizeof probs);
    free(arena);
    return fine;
}

int main(int argc, char **argv)
{
    int fine = 1;
    for (int i = 1; i < argc; i++) {
        const int threads = atoi(argv[i]);
        struct dl_pool *pool = threads ? dl_threads_open(threads) : NULL;
        fine &= (threads == 0 || pool) && run(pool);
        dl_threads_close(pool);
        printf("%016llx\n", (unsigned long long)hash);
    }
    fine &= !dl_threads_open(0) && !dl_threads_open(DL_THREADS_MOST + 1);
    dl_threads_close(NULL);
    return !fine;
}
