/* SPDX-License-Identifier: MIT */
/* traffic.h: what a kernel's call computes and moves, read off its loops and indices. */
#ifndef DLC_TRAFFIC_H
#define DLC_TRAFFIC_H

#include "../kernels/kernel.h"

typedef struct Touch { /* of one tensor by one call */
    const Buffer *buffer; /* a root */
    int64_t read, written; /* bytes, each element once */
} Touch;

typedef struct Traffic {
    double operations; /* floating-point: a multiply-add is two */
    double slots;      /* cycles of one arithmetic pipe, per lane of a vector: a multiply-add is one, an exponential eighteen */
    int64_t read, written;
    VEC(Touch) touches;
} Traffic;

Traffic traffic_of(Arena *a, const Kernel *k);

#endif
