/* SPDX-License-Identifier: MIT */
/* place.h: several memories of different speed: what lies in which. */
#ifndef DLC_PLACE_H
#define DLC_PLACE_H

#include "kernel.h"

enum { MAX_MEMORIES = 8 };
typedef struct Memory {
    const char *name;           /* an identifier of C */
    int64_t bytes;
    double cycles;              /* to read or write a word there, or anything that compares memories */
} Memory;
typedef struct Memories {
    int n;
    Memory at[MAX_MEMORIES];    /* the fastest first */
} Memories;

typedef struct KeptTensor {           /* what outlives calls: a tensor of the caller's */
    Role role;
    int index;
    const char *name;
    int64_t bytes;
    double accesses;            /* by place_tensors: in one call */
    int memory;                 /* by place_tensors */
} KeptTensor;

typedef struct Placement {
    const Memories *memories;
    int nkept;
    KeptTensor *kept;
    int64_t kept_bytes[MAX_MEMORIES], arena_bytes[MAX_MEMORIES];  /* the arena: as much as the function that needs most */
    double accesses[MAX_MEMORIES];                               /* in one call of the function that counts */
} Placement;

/* Where kept tensors and the arenas' buffers lie: what is used most by its size in the fastest memory that it fits. How often they are
 * used is counted in plan[0]; all plans fit. NULL, and why not, where nothing that was tried does. */
Placement *place_tensors(Arena *a, const Memories *memories, Plan *const *plan, int nplan, KeptTensor *kept, int nkept, const char **why);
const char *placement_verify(Arena *a, const Placement *p, Plan *const *plan, int nplan);   /* NULL when all fits */

/* accesses.c: how often each storage is read or written in one call of the function, by the buffer's id. */
double *count_accesses(Arena *a, const Plan *p);

/* plan_memory.c: what both ways to place buffers are made of. */
int64_t lowest_fit(Buffer *const *placed, int n, const Buffer *b);          /* the lowest offset at which b fits among */
void put_by_offset(Buffer **placed, int n, Buffer *b);                      /* those placed before, in the order of their offsets */
int by_size(const void *x, const void *y);
int by_area(const void *x, const void *y);
int by_start(const void *x, const void *y);

#endif
