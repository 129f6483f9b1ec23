/* SPDX-License-Identifier: MIT */
/* kernels.c: calls each model of kernels.dl once, in a function whose name icount.c knows as a phase. */
#include "metal.h"

#include "conv.h"
#include "conv_first.h"
#include "conv_same.h"
#include "depthwise.h"
#include "lstm_step.h"
#include "matmul.h"
#include "pointwise.h"
#include "pool.h"
#include "probabilities.h"
#include "vector.h"

enum { MOST = 28 * 28 * 32 };
static float x[MOST], y[MOST];
static _Alignas(64) unsigned char arena[1 << 17];

/* Numbers from -0.5 to 0.5: soft floats take less time for some. */
static void fill(float *to, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        to[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
    }
}

/* A function of its own wherever it is called. */
#define PHASE(name)                                                                                          \
    void count_##name(void);                                                                                 \
    __attribute__((noinline)) void count_##name(void)

PHASE(no_more)
{
    __asm__ volatile("");
}

#define KERNEL(name, ...)                                                                                    \
    PHASE(name)                                                                                              \
    {                                                                                                        \
        name##_infer(__VA_ARGS__ x, y, arena);                                                               \
    }
#define WEIGHED(name)                                                                                        \
    static name##_params weights_of_##name;                                                                  \
    KERNEL(name, &weights_of_##name, )

WEIGHED(matmul)
WEIGHED(pointwise)
WEIGHED(vector)
WEIGHED(conv)
WEIGHED(conv_same)
WEIGHED(conv_first)
WEIGHED(depthwise)
WEIGHED(lstm_step)
KERNEL(pool)
KERNEL(probabilities)

#define TRY(name)                                                                                            \
    do {                                                                                                     \
        fill((float *)(void *)&weights_of_##name, sizeof weights_of_##name / sizeof(float));                 \
        count_##name();                                                                                      \
        count_no_more();                                                                                     \
    } while (0)

int metal_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fill(x, MOST);
    TRY(matmul);
    TRY(pointwise);
    TRY(vector);
    TRY(conv);
    TRY(conv_same);
    TRY(conv_first);
    TRY(depthwise);
    TRY(lstm_step);
    count_pool();
    count_no_more();
    count_probabilities();
    count_no_more();
    return 0;
}
