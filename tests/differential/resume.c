/* SPDX-License-Identifier: MIT */
/* Training that was saved and loaded again goes on as if it had not stopped: memories.dl, which keeps something of each kind. The power goes
 * away while saving, too. */
#include <stdio.h>
#include <string.h>

#include "dl_store.h"
#include "memories.h"

enum { STEPS = 8, EVERY = 97 };
static memories_params params;
static memories_state state;
static memories_optimizer optimizer;
static _Alignas(64) unsigned char arena[MEMORIES_TRAIN_ARENA_BYTES + MEMORIES_INIT_ARENA_BYTES];
static const dl_part parts[] = {{&params, sizeof params, MEMORIES_PARAMS_SIGNATURE},
                                {&state, sizeof state, MEMORIES_STATE_SIGNATURE},
                                {&optimizer, sizeof optimizer, MEMORIES_OPTIMIZER_SIGNATURE}};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* The losses of so many steps, and in front how many had been made. */
static void train(float *losses)
{
    static float x[MEMORIES_TRAIN_BATCH][30];
    static int32_t label[MEMORIES_TRAIN_BATCH];
    memories_metrics metrics;
    losses[0] = (float)optimizer.step;
    for (int step = 1; step <= STEPS; step++) {
        uint32_t random = (uint32_t)optimizer.step * 2654435761u;
        for (int i = 0; i < MEMORIES_TRAIN_BATCH; i++) {
            for (int k = 0; k < 30; k++)
                x[i][k] = (float)(int32_t)((random = random * 1664525u + 1013904223u) >> 20) / 2048.0f - 1.0f;
            label[i] = (int32_t)(random >> 24) % 4;
        }
        losses[step] = memories_train_step(&params, &state, &optimizer, x[0], label, MEMORIES_TRAIN_BATCH, &metrics, arena) == DL_OK
                           ? metrics.loss
                           : -1;
    }
}

static void forget(void)
{
    memset(&params, 0xff, sizeof params);
    memset(&state, 0xff, sizeof state);
    memset(&optimizer, 0xff, sizeof optimizer);
}

/* A device that stops after so many bytes. */
static dl_device inner;
static long left;

static int cut_write(const dl_device *d, int slot, uint32_t at, const void *from, uint32_t bytes)
{
    const uint32_t n = left < (long)bytes ? (uint32_t)left : bytes;
    (void)d;
    left -= n;
    return inner.write(&inner, slot, at, from, n) || n < bytes;
}

static int whole_read(const dl_device *d, int slot, uint32_t at, void *to, uint32_t bytes)
{
    (void)d;
    return inner.read(&inner, slot, at, to, bytes);
}

static int whole_erase(const dl_device *d, int slot)
{
    (void)d;
    return inner.erase(&inner, slot);
}

static unsigned char flash[65536], before[65536];
static float first[STEPS + 1], second[STEPS + 1], again[STEPS + 1];

/* Loads, and goes on: as the first or the second half; 0 where neither. */
static int goes_on(const dl_device *d)
{
    forget();
    if (dl_store_load(d, parts, PARTS) != DL_OK)
        return 0;
    train(again);
    return !memcmp(again, first, sizeof again) ? 1 : !memcmp(again, second, sizeof again) ? 2 : 0;
}

int main(void)
{
    int olds = 0, news = 0;
    inner = dl_store_memory(flash, sizeof flash, 2);
    dl_device d = inner;
    d.read = whole_read;
    d.write = cut_write;
    d.erase = whole_erase;
    left = 1 << 30;
    if (memories_init(&params, &state, &optimizer, 99, arena) || dl_store_save(&d, parts, PARTS))
        return 1;
    train(first);
    memcpy(before, flash, sizeof flash);
    if (dl_store_save(&d, parts, PARTS))
        return 2;
    train(second);
    if (goes_on(&d) != 2 || !memcmp(first, second, sizeof first) || second[0] != STEPS)
        return 3;
    for (long cut = 0; cut <= (long)dl_store_bytes(parts, PARTS); cut += EVERY) {
        memcpy(flash, before, sizeof flash);
        left = 1 << 30;
        if (goes_on(&d) != 1)               /* which leaves what is to be saved */
            return 4;
        left = cut;
        dl_store_save(&d, parts, PARTS);
        left = 1 << 30;
        const int half = goes_on(&d);
        olds += half == 1;
        news += half == 2;
        if (!half)
            return 5;
    }
    printf("%d of the old, %d of the new\n", olds, news);
    return olds > 100 && dl_store_save(&d, parts, PARTS) == DL_OK ? 0 : 6;
}
