/* SPDX-License-Identifier: MIT */
/* verify.h: shared by verify.c, verify_access.c, verify_loads.c, verify_between.c, verify_reads.c, verify_split.c, verify_parts.c, verify_turns.c, verify_rows.c and verify_memory.c. */
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
/* In each turn of the loops of kernels around k, no element that is loaded is one at y, whatever k's own loops do: as a carry and its next
 * value, which lie in two slots of a stack. */
bool are_apart(Arena *a, const Kernel *k, const Load *load, const Lin *y);

/* One kernel, being looked at. */
typedef struct Check {
    Arena *a;
    const Kernel *k;
    const Stage *s;
    int stage, item; /* being looked at */
    const char *why; /* the first complaint */
} Check;
void check_complain(Check *c, const char *format, ...) PRINTF(2, 3);      /* c->why, if it is the first */
const char *check_label(const Buffer *b);
const Lin *store_index(Arena *a, const Stage *s, const Item *item); /* where a stage puts an item */
const Lin *operand_index(Arena *a, const Tile *t, int operand);     /* where a tile reads its left operand, 0, or its right one */

int tap_guards(Arena *a, const Tile *t, Guard guard[MAX_K]);        /* where its taps lie on the data: returns how many guards that are */

/* verify_between.c */
void check_accesses(Check *c);

/* verify_reads.c: NULL, or which kernel reads what it is not put behind. */
const char *verify_reads(Arena *a, const Plan *p);

/* verify_split.c: NULL, or why a kernel's pieces may not run at once. */
const char *verify_split(Arena *a, const Plan *p, const Kernel *k);

/* verify_parts.c: a place in a turn's part of a tensor, time * part + 0 .. part - 1; whether all that a loop touches of a storage lies in
 * the turns' own parts; elements of a value that are the turn's and all that k touches of it, 0: there is more. */
bool lies_in_part(Arena *a, const Var *time, const Lin *at, int64_t part, const Guard *guard, int nguard);
bool turns_have_parts(Arena *a, const Step *loop, const Buffer *root);
int64_t part_of_turn(Arena *a, const Kernel *k, const Buffer *value, const Var *time);

/* verify_turns.c: NULL, or why the turns of a loop of kernels may not run at once. */
const char *verify_turns(Arena *a, const Plan *p);

/* verify_rows.c: NULL, or why threads may not share the examples of a loop. */
const char *verify_rows(Arena *a, const Plan *p);

/* verify_memory.c: NULL, or what is wrong with orders and offsets. */
const char *verify_order(Arena *a, const Plan *p);
const char *verify_arena(Arena *a, const Plan *p);

#endif
