/* SPDX-License-Identifier: MIT */
/* Trains learn_gru.dl or learn_attention.dl (--name net, --memory ccm=...,sram=...) on sequences that it draws itself: program STEPS. It
 * prints how the loss falls, and hashes of all losses and of what was learned in the end. */
#include "learn.h"
#include "net.h"

enum { LENGTH = 12, KINDS = 4, TENTHS = 10 };

static METAL_CCM _Alignas(64) net_ccm ccm;
static _Alignas(64) net_sram sram;

static uint32_t draw(void)
{
    static uint32_t random = 1; /* Knuth's MMIX is wider; this is of Numerical Recipes */
    return (random = random * 1664525u + 1013904223u) >> 16;
}

/* Tokens 0 to 7 are of kind 0 to 3, each two; the label is the kind that is there most often, of equals the first. */
static void draw_sequence(int32_t *tokens, int32_t *label)
{
    int count[KINDS] = {0, 0, 0, 0};
    const uint32_t favourite = draw() % 8;
    for (int i = 0; i < LENGTH; i++) {
        tokens[i] = (int32_t)(draw() % 3 ? draw() % 8 : favourite);
        count[tokens[i] % KINDS]++;
    }
    *label = 0;
    for (int kind = 1; kind < KINDS; kind++)
        if (count[kind] > count[*label])
            *label = kind;
}

int metal_main(int argc, char **argv)
{
    static int32_t tokens[NET_TRAIN_BATCH][LENGTH], label[NET_TRAIN_BATCH];
    const int steps = argc > 1 ? metal_atoi(argv[1]) : 100;
    uint32_t hash = METAL_HASH;
    net_metrics metrics;
    float loss = 0, first = 0;
    metal_paint_stack();
    if (steps < TENTHS || net_init(&ccm, &sram, 7) != DL_OK)
        return 2;
    for (int step = 1; step <= steps; step++) {
        for (int i = 0; i < NET_TRAIN_BATCH; i++)
            draw_sequence(tokens[i], &label[i]);
        if (net_train_step(&ccm, &sram, tokens[0], label, NET_TRAIN_BATCH, &metrics) != DL_OK)
            return 3;
        hash = metal_hash(hash, &metrics.loss, sizeof metrics.loss);
        loss += metrics.loss / (float)(steps / TENTHS);
        if (step % (steps / TENTHS))
            continue;
        metal_print("step %d: loss %f\n", step, (double)loss);
        first = first == 0 ? loss : first;
        metrics.loss = loss;
        loss = 0;
    }
    metal_print("losses %x\n", hash);
    uint32_t learned = words_hash(&ccm.params, sizeof ccm.params);
#ifdef NET_SRAM_PARAMS_SIGNATURE
    learned += words_hash(&sram.params, sizeof sram.params);
#endif
    metal_print("learned %x\n", learned);
    metal_print("stack %d\n", (int)metal_painted_used());
    return metrics.loss < 0.8f * first ? 0 : 1;
}
