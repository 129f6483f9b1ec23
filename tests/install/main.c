/* SPDX-License-Identifier: MIT */
/* Trains one model, saves it and loads it again; asks the other. */
#include <stdio.h>

#include "dl_store.h"
#include "lines.h"
#ifndef ONE_MODEL
#include "ruler.h"
#endif

static lines_params params;
static lines_optimizer optimizer;
static _Alignas(64) unsigned char arena[LINES_TRAIN_ARENA_BYTES + LINES_INIT_ARENA_BYTES];
static float x[LINES_TRAIN_BATCH][3], t[LINES_TRAIN_BATCH];

int main(void)
{
    static unsigned char memory[4096];
    const dl_device store = dl_store_memory(memory, sizeof memory, 2);
    const dl_part part = {&params, sizeof params, LINES_PARAMS_SIGNATURE};
    lines_metrics metrics;
    float first = 0;

    if (sizeof params.head_hidden_kernel != 3 * HIDDEN * sizeof(float) || lines_init(&params, &optimizer, 1, arena) != DL_OK)
        return 1;
    for (int i = 0; i < LINES_TRAIN_BATCH; i++) {
        for (int k = 0; k < 3; k++)
            x[i][k] = (float)((i * 7 + k * 5) % 11) / 11.0f;
        t[i] = x[i][0] - x[i][2];
    }
    for (int step = 0; step < 200; step++) {
        if (lines_train_step(&params, &optimizer, x[0], t, LINES_TRAIN_BATCH, &metrics, arena) != DL_OK)
            return 2;
        first = step ? first : metrics.loss;
    }
    if (!(metrics.loss < first / 4) || dl_store_save(&store, &part, 1) != DL_OK)
        return 3;
    params.head_last_bias[0] = 99;
    if (dl_store_load(&store, &part, 1) != DL_OK || params.head_last_bias[0] == 99)
        return 4;
#ifndef ONE_MODEL
    float y[RULER_BATCH];
    if (ruler_infer(x[0], y, arena) != DL_OK || y[0] != y[0])
        return 5;
#endif
    printf("%g after %g\n", (double)metrics.loss, (double)first);
    return 0;
}
