/* SPDX-License-Identifier: MIT */
/* live.c: the bytes that a plan's tensors take, step by step. */
#include "fit.h"

int64_t *live_bytes(Arena *a, const Plan *p)
{
    int64_t *live = NEWN(a, int64_t, p->nstep + 2);
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (!is_placed(b))
            continue;
        live[b->first] += b->room;
        live[b->last + 1] -= b->room;
    }
    for (int at = 1; at <= p->nstep; at++)
        live[at] += live[at - 1];
    return live;
}

int fullest_step(Arena *a, const Plan *p)
{
    const int64_t *live = live_bytes(a, p);
    int fullest = 0;
    for (int at = 0; at < p->nstep; at++)
        fullest = live[at] > live[fullest] ? at : fullest;
    return fullest;
}
