/* SPDX-License-Identifier: MIT */
/* verify.h: shared by verify.c, verify_access.c, verify_split.c and verify_memory.c. */
#ifndef DLC_KERNEL_VERIFY_H
#define DLC_KERNEL_VERIFY_H

#include "kernel.h"

/* 0 <= x < extent wherever all guards hold. Never false for a sound index; true also where no counterexample
 * was found. */
bool index_in_range(Arena *a, const Lin *x, const Guard *guard, int nguard, int64_t extent);
bool index_is_injective(const Lin *x, Var *const *var, int n);

/* Every buffer that e loads from, once for each index, with the guards that hold there. */
typedef struct Load {
    Buffer *buffer;
    const Lin *at;
    const Guard *guard;
    int nguard;
} Load;
typedef void VisitLoad(void *context, const Load *load);
void visit_loads(Arena *a, const Ex *e, VisitLoad *visit, void *context);
void visit_index_loads(Arena *a, const Lin *x, VisitLoad *visit,
                       void *context); /* of the values in an index */

/* verify_split.c: NULL, or why a kernel's pieces may not run at once. */
const char *verify_split(Arena *a, const Plan *p, const Kernel *k);

/* verify_memory.c: NULL, or what is wrong with orders and offsets. */
const char *verify_order(Arena *a, const Plan *p);
const char *verify_arena(Arena *a, const Plan *p);

#endif
