/* SPDX-License-Identifier: MIT */
/* walk.h: strided loops for the interpreter. A walk visits a box of elements in row-major order and
 * follows one offset per axis stride; the innermost axis is a plain loop. */
#ifndef DLC_WALK_H
#define DLC_WALK_H

#include "../graph/ir.h"

/* y[sum i*ystride] = x[sum i*xstride] over the box. */
static inline void walk_copy(int rank, const int64_t *dim, double *y, const int64_t *ystride, const double *x,
                             const int64_t *xstride)
{
    if (rank == 0) {
        *y = *x;
        return;
    }
    for (int64_t i = 0; i < dim[0]; i++) {
        if (rank == 1)
            y[i * ystride[0]] = x[i * xstride[0]];
        else
            walk_copy(rank - 1, dim + 1, y + i * ystride[0], ystride + 1, x + i * xstride[0], xstride + 1);
    }
}

/* The same, adding: an element of y may be met often. */
static inline void walk_add(int rank, const int64_t *dim, double *y, const int64_t *ystride, const double *x,
                            const int64_t *xstride)
{
    if (rank == 0) {
        *y += *x;
        return;
    }
    for (int64_t i = 0; i < dim[0]; i++) {
        if (rank == 1)
            y[i * ystride[0]] += x[i * xstride[0]];
        else
            walk_add(rank - 1, dim + 1, y + i * ystride[0], ystride + 1, x + i * xstride[0], xstride + 1);
    }
}

/* The offsets of a box's elements in row-major order; room for all of them at `at`. Returns the end. */
static inline int64_t *walk_offsets(int rank, const int64_t *dim, const int64_t *stride, int64_t base,
                                    int64_t *at)
{
    if (rank == 0) {
        *at = base;
        return at + 1;
    }
    for (int64_t i = 0; i < dim[0]; i++)
        at = walk_offsets(rank - 1, dim + 1, stride + 1, base + i * stride[0], at);
    return at;
}

#endif
