/* SPDX-License-Identifier: MIT */
/* Trains and asks memories.dl, and prints the bits of what comes out. With WHERE there is a struct for each memory, and PLACES
 * has their pointers. */
#include <stdio.h>
#include <string.h>

#include "memories.h"

#ifdef WHERE
#define OWN(name)   static _Alignas(64) memories_##name name;
WHERE
#define INIT(seed)          memories_init(PLACES, seed)
#define START()             memories_start(PLACES)
#define INFER(x, y)         memories_infer(PLACES, x, y)
#define TRAIN(x, t, n, m)   memories_train_step(PLACES, x, t, n, m)
#define EVALUATE(x, t, n, m) memories_evaluate(PLACES, x, t, n, m)
#define GRADIENTS(x, t, n, g, m) memories_gradients(PLACES, 0x123456789ull, 3, x, t, n, g, m)
#else
static memories_params params;
static memories_state state;
static memories_stream stream;
static memories_optimizer optimizer;
static _Alignas(64) unsigned char arena[MEMORIES_TRAIN_ARENA_BYTES + MEMORIES_ARENA_BYTES + MEMORIES_INIT_ARENA_BYTES];
#define INIT(seed)          memories_init(&params, &state, &optimizer, seed, arena)
#define START()             memories_start(&params, &state, &stream, arena)
#define INFER(x, y)         memories_infer(&params, &state, &stream, x, y, arena)
#define TRAIN(x, t, n, m)   memories_train_step(&params, &state, &optimizer, x, t, n, m, arena)
#define EVALUATE(x, t, n, m) memories_evaluate(&params, &state, x, t, n, m, arena)
#define GRADIENTS(x, t, n, g, m) memories_gradients(&params, &state, 0x123456789ull, 3, x, t, n, g, m, arena)
#endif

static void print_bits(const float *x, int n)
{
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        printf(" %08x", (unsigned)bits);
    }
    putchar('\n');
}

int main(void)
{
    static float x[MEMORIES_TRAIN_BATCH][30], probs[4];
    static int32_t label[MEMORIES_TRAIN_BATCH];
    static memories_params gradients;
    memories_metrics metrics;
    uint32_t random = 1;

    if (INIT(0x123456789ull))
        return 1;
    for (int step = 0; step < 20; step++) {
        for (int i = 0; i < MEMORIES_TRAIN_BATCH; i++) {
            for (int k = 0; k < 30; k++)
                x[i][k] = (float)(int32_t)((random = random * 1664525u + 1013904223u) >> 20) / 2048.0f - 1.0f;
            label[i] = (int32_t)(random >> 24) % 4;
        }
        if (TRAIN(x[0], label, MEMORIES_TRAIN_BATCH - step % 3, &metrics))
            return 2;
        print_bits(&metrics.loss, 1);
    }
    if (EVALUATE(x[0], label, MEMORIES_TRAIN_BATCH, &metrics))
        return 3;
    print_bits(&metrics.loss, 1);
    if (GRADIENTS(x[0], label, MEMORIES_TRAIN_BATCH - 1, &gradients, &metrics))
        return 7;
    print_bits((const float *)&gradients, (int)(sizeof gradients / sizeof(float)));
    if (START())
        return 4;
    for (int i = 0; i < 3; i++) {
        if (INFER(x[i], probs))
            return 5;
        print_bits(probs, 4);
    }
    label[0] = 4;
    return TRAIN(x[0], label, 2, &metrics) == DL_INDEX ? 0 : 6;
}
