/* SPDX-License-Identifier: MIT */
/* live.c: the bytes that a plan's tensors take, step by step. */
#include "fit.h"

enum { ALIGN = 16 };

int64_t *live_bytes(Arena *a, const Plan *p)
{
    int64_t *live = NEWN(a, int64_t, p->nstep + 2);
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (!is_placed(b))
            continue;
        int64_t bytes = (type_bytes(b->type) + ALIGN - 1) / ALIGN * ALIGN;
        live[b->first] += bytes;
        live[b->last + 1] -= bytes;
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
