/* SPDX-License-Identifier: MIT */
/* A model named net, four training steps and one with a batch that is not full: a line for each, its loss and a hash of every
 * parameter, state and moment. STATE: it has running statistics; INPUT, COUNT, VOCABULARY: what an example is made of. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef RAM
/* What was promised, as the header has it. */
_Static_assert(sizeof(net_params) + sizeof(net_optimizer) + NET_TRAIN_ARENA_BYTES <= RAM, "the budget is not kept");
#endif

static net_params params;
static net_optimizer optimizer;
static net_metrics metrics;
static INPUT inputs[NET_TRAIN_BATCH][COUNT];
static int32_t labels[NET_TRAIN_BATCH];
#if STATE
static net_state state;
#define STATE_ARGUMENT &state,
#else
#define STATE_ARGUMENT
#endif

static uint64_t hash(const void *at, size_t bytes)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ ((const unsigned char *)at)[i]) * 1099511628211u;
    return h;
}

int main(void)
{
    uint32_t x = 1;
    void *arena = aligned_alloc(64, (NET_TRAIN_ARENA_BYTES + NET_INIT_ARENA_BYTES + 63) / 64 * 64);
    memset(arena, 0xff, NET_TRAIN_ARENA_BYTES);
    for (int i = 0; i < NET_TRAIN_BATCH; i++) {
        for (int k = 0; k < COUNT; k++) {
            x = x * 1664525u + 1013904223u;
            inputs[i][k] = VOCABULARY ? (INPUT)((x >> 8) % (VOCABULARY + 1)) : (INPUT)((float)(x >> 8) / 16777216.0f);
        }
        labels[i] = i * 7 % 10;
    }
    if (net_init(&params, STATE_ARGUMENT &optimizer, 7, arena) != DL_OK)
        return 1;
    for (int step = 0; step < 5; step++) {
        if (net_train_step(&params, STATE_ARGUMENT &optimizer, inputs[0], labels, step == 4 ? NET_TRAIN_BATCH / 2 : NET_TRAIN_BATCH,
                           &metrics, arena) != DL_OK)
            return 1;
        printf("%a %016llx %016llx\n", metrics.loss, (unsigned long long)hash(&params, sizeof params),
               (unsigned long long)hash(&optimizer, sizeof optimizer));
#if STATE
        printf("%016llx\n", (unsigned long long)hash(&state, sizeof state));
#endif
    }
    free(arena);
    return 0;
}
