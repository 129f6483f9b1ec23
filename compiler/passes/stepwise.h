/* SPDX-License-Identifier: MIT */
/* stepwise.h: shared by stepwise.c, which has a rule for each operation, and step_memory.c, which has what
 * they remember. */
#ifndef DLC_PASSES_STEPWISE_H
#define DLC_PASSES_STEPWISE_H

#include "step_axis.h"

typedef enum FlowKind {
    FLOW_FIXED, /* depends on no input: the same at every step, along any axis */
    FLOW_TIMED, /* has an axis of time */
    FLOW_NOW,   /* what the steps so far make of it: the sequence's value behind the last */
    FLOW_NONE,  /* cannot be had step by step, which has been said */
} FlowKind;

/* A node of the whole sequence. Element j along `axis` is known once step j + offset has come, j < n. */
typedef struct Flow {
    FlowKind kind;
    int axis;
    int64_t n, offset;
    const Node *ahead; /* who first had elements behind the last step; NULL: they all come in time */
    Node *step;        /* TIMED: of one step, extent 1 along axis; FIXED, NOW: all of it */
} Flow;

typedef struct Repeated {
    int axis;  /* the one that was asked for, from 1; 0: none was */
    Node *one; /* an extent of 1; NULL: it may differ along the axis */
} Repeated;

typedef struct Stepwise {
    Arena *a;
    Diag *d;
    Module *m;
    const Fn *old;
    Fn *fn, *start;        /* of one step; of what streams begin with */
    Flow *flow;            /* by node of old */
    Node ***results;       /* by scan over time: its carries behind this step, then what it yields */
    Node **begun;          /* by node: the same in `start`, where it is known there */
    Repeated *repeated[2]; /* by node: in fn, and in start */
    int64_t length;        /* of the sequence */
    Node *count; /* i32: steps that came before this one, `length` at the most; NULL while nobody asked */
    StrMap names;
} Stepwise;

bool is_timed(const Stepwise *s, const Node *n);

/* ---- step_memory.c: streams, and what is made of them ---- */
typedef struct Memory {
    int index;   /* of the module's streams */
    bool apart;  /* has the batch's axis in front; otherwise each example keeps the same */
    Node *value; /* as the call before left it */
} Memory;
/* What is kept, in the type of `beginning`, a node of start; and what it is at the next call. */
Memory remember(Stepwise *s, const char *name, Span span, Node *beginning);
void leave(Stepwise *s, const Memory *kept, Node *value);
/* `late` from the step on at which there are `offset` before, `early` until then. */
Node *from_step(Stepwise *s, int64_t offset, Node *late, Node *early);
/* A fixed node, in fn. */
Node *fixed_in(Stepwise *s, Fn *fn, Node *n);
/* In fn, an extent of 1 of a fixed tensor that is the same all along the axis; NULL where it is not known to
 * be. */
Node *repeated_in(Stepwise *s, Fn *fn, Node *n, int axis);
/* A fixed tensor's part at this step, of extent 1 along the axis; aligned with what is `offset` steps late.
 */
Node *fixed_part(Stepwise *s, Node *n, int axis, int64_t offset);
/* n's one step in `start` at all times before the first. Only padding is there: without an early element no
 * one reads it. NULL where it is not the same at all of them. */
Node *before_start(Stepwise *s, const Node *n);
/* x, one step of n, behind the `reach` steps before it; `early` in start is each of those before the first.
 */
Node *with_past(Stepwise *s, const Node *n, Node *x, Node *early, int axis, int64_t reach);
/* The operand's step, as it was `by` steps ago. */
Node *delayed(Stepwise *s, const Node *n, int64_t by);

#endif
