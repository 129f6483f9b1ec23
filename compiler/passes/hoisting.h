/* SPDX-License-Identifier: MIT */
/* hoisting.h: what hoist.c and sink.c share: one scan, what is known of its body, what leaves it. */
#ifndef DLC_HOISTING_H
#define DLC_HOISTING_H

#include "loop.h"

/* What a value of the body depends on. */
typedef enum Kind {
    KIND_CONST,     /* nothing */
    KIND_FIXED,     /* invariants: the same at every step */
    KIND_EARLY,     /* slices too: known before the loop runs */
    KIND_LATE,      /* carries */
} Kind;

/* Everything is by id of the body's nodes, unless said otherwise. */
typedef struct Hoist {
    Fn *fn;             /* where the scan stands, being made */
    const Node *scan;   /* the scan to be replaced: a node of fn */
    const Fn *body;
    int ncarry, nslice, nyield;
    int64_t steps;
    int64_t room;       /* bytes for what leaves it for all steps at once */
    bool stays;         /* only what is the same at every step leaves it: strips.c */
    const bool *used;   /* by result: somebody outside reads it */
    bool *live;
    Kind *kind;
    Node **outside;     /* the value outside of the loop, stacked where it differs by step; or NULL */
    bool *batchable;    /* KIND_EARLY, and rules lead from the slices to it */
    bool *hoisted;      /* made before the loop, which sees it as a slice */

    /* sink.c */
    int *uses;          /* live uses, results included */
    bool *accumulates;  /* by carry: only added to, so that the loop need not carry it */
    bool *in_sum;       /* additions of such carries: they go with them */
    bool *cone;         /* the carries that remain need it */
    bool *compresses;   /* its sum over the steps is best made of something other than itself */
    bool *sunk;         /* made after the loop, for all steps at once */
    bool *want_sum, *want_outside;
    int *yield;         /* which yield of the new loop brings it out, or -1 */
    Node **sum;         /* the sum over the steps, outside */
} Hoist;

/* Does n differ from step to step? */
static inline bool is_stepped(const Hoist *h, const Node *n)
{
    return h->kind[n->id] >= KIND_EARLY;
}

/* stepped[i] for n's operands; there is room for MAX_RANK, or as many as n has, whichever is more. */
bool *stepped_operands(const Hoist *h, const Node *n);
/* n's value outside from those of its operands. */
Node *outside_of(Hoist *h, const Node *n);

/* ---- sink.c: what the loop only yields or accumulates is made after it ---- */
/* Decides what leaves. */
void sink_plan(Hoist *h);
/* Must the new loop yield n? */
bool sink_is_yielded(const Hoist *h, const Node *n);
/* Makes what was sunk, given the loop's stacked yields. */
void sink_make(Hoist *h, Node *const *yield_out);
/* The final value of accumulating carry i. */
Node *sink_total(const Hoist *h, int i);

/* ---- strips.c: what leaves a loop may be too large to be made for all steps at once ---- */
/* Once it is known what leaves: how many steps a strip should have; 0: it may be made for all of them. */
int64_t strip_steps(const Hoist *h);
/* The scan as one over strips, in whose body a scan of so many steps is hoisted. It stays; its yields have the strips as another axis, */
Node *strips_scan(const Hoist *h, int64_t steps);
/* which this takes away. */
Node *strips_joined(Fn *fn, Node *x);

#endif
