/* SPDX-License-Identifier: MIT */
/* work.h: what a model has to compute, whatever code does it: the bound that benchmarks are read against. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "graph/ir.h"

/* Multiply-accumulates of all contractions of fn, loops included. With `training` those of its gradients, too: a product as large
 * for each operand that hangs on a parameter. Padding counts, as it does in everybody's tables. */
int64_t work_macs(const Fn *fn, bool training);

/* Contractions with parameters, for when each is read from a cache or memory and used little: `times` it is read, of `bytes`; `among`
 * bytes of parameters are read between two times. */
typedef struct Stream {
    int64_t macs, bytes, times, among;
} Stream;
typedef VEC(Stream) StreamList;
void work_streams(Arena *a, const Fn *fn, StreamList *list);

#endif
