/* SPDX-License-Identifier: MIT */
/* micro_batching.h: what micro_batch.c and micro_batch_kinds.c share: a function taken apart by what of it belongs to the examples. */
#ifndef DLC_MICRO_BATCHING_H
#define DLC_MICRO_BATCHING_H

#include "examples.h"
#include "loop.h"

typedef enum Kind { FREE, SPLIT, TOTAL, LATE } Kind;

/* The function, or the body of a loop in it, being made for fewer examples. */
typedef struct Part {
    struct Micro *g;
    const Fn *from;
    bool *live;
    Kind *kind;         /* by node */
    int64_t *at;        /* by node: SPLIT ones' examples */
    struct Part **body; /* by node: a scan's */
    bool *yielded;      /* by node: SPLIT ones that are wanted behind the loop */
    int *carry;         /* of a scan's body, by carry: for a sum, the number of the loop's own that goes through it */
    bool outermost, changed;
    Fn *to;             /* making it: where */
    Node **part, **whole;       /* by node: for fewer examples; the same for all */
} Part;

typedef struct Micro {
    Arena *a;
    int64_t batch, size;        /* examples in all, and at a time */
    const Node *mixes;          /* why it cannot be: NULL while it can */
    Fn *fn;                     /* what is made */
    Loop *loop;
    Node **outer;               /* by node of the old function: outside of the loop */
} Micro;

/* ---- micro_batch_kinds.c ---- */
Part *micro_batch_kinds(Micro *g, const Fn *fn);        /* g->mixes: it cannot be */
int64_t *known_operands(const Part *p, const Node *n);  /* their examples' strides, of those that are SPLIT */
/* Of a scan's result: is it a sum over the examples as well, that the scan has carried on? */
bool is_carried_sum(const Part *p, const Node *n);
/* Is n, wanted for a part of the examples, a slice of what is made for all? Else in[] is what it wants of its operands. */
bool is_sliced(const Part *p, const Node *n, int64_t stride, int64_t *in);

#endif
