/* SPDX-License-Identifier: MIT */
/* loop.h: scans being made or changed by passes. A Loop is a scan whose body is still open; loop_close
 * makes the scan.
 *
 * Glossary: l loop, outer a node of the function the scan will stand in, in what the body sees of it. */
#ifndef DLC_LOOP_H
#define DLC_LOOP_H

#include "../graph/gradient.h"

/* ---- loop.c -------------------------------------------------------------------------------------------- */
typedef struct LoopInput {
    const char *name;
    Node *outer;        /* operand of the scan; for a carry its initial value */
    Node *in;           /* the body's input */
    Node *next;         /* carries: the value for the next step */
    int index;          /* carries: as numbered by loop_carry */
} LoopInput;

typedef struct LoopYield {
    const char *name;
    Node *value;        /* of the body */
} LoopYield;

typedef struct Loop {
    Fn *fn;             /* where the scan will stand */
    Fn *body;           /* open: its inputs are in no order yet, its results not set */
    int64_t length;
    bool reverse;
    VEC(LoopInput) carry, slice, invariant;
    VEC(LoopYield) yield;
    int ncarry;         /* carries ever added: indices are below */
} Loop;

Loop *loop_new(Fn *fn, const char *name, int64_t length, bool reverse);
/* A carry with its initial value; returns its number. Its body node is l->carry.at[number].in until
 * loop_close. */
int loop_carry(Loop *l, const char *name, Node *init);
void loop_next(Loop *l, int carry, Node *next);
/* What the body sees of `outer` at each step: its slice, or all of it. The same operand is taken once;
 * constants, and slices of what does not change along the steps, do not become slices. */
Node *loop_slice(Loop *l, const char *name, Node *outer);
Node *loop_invariant(Loop *l, const char *name, Node *outer);
/* The yield's number; equal values are yielded once. */
int loop_yield(Loop *l, const char *name, Node *value);
/* Makes the scan, without what nobody needs: carry_out[i] is the final value of carry i where
 * carry_wanted[i], else NULL; yield_out[i] is yield i, stacked. Carries that never change become
 * invariants, yields of slices and invariants are taken from outside. Returns the scan; NULL where nothing
 * is left of it. */
Node *loop_close(Loop *l, const bool *carry_wanted, Node **carry_out, Node **yield_out);

/* ---- batch.c: one step's work for all steps at once ---------------------------------------------------- */
/* Is there a rule for n when these operands differ from step to step (at least one does), and room for the result? */
bool can_batch(const Node *n, const bool *stepped, int64_t steps);
/* Can n be had for all steps: an axis more, and not too many elements? */
bool can_stack(const Node *n, int64_t steps);
/* n for all steps: operands that are stepped have a leading axis of `steps`, and so has the result. Needs
 * can_batch. */
Node *batch_node(Fn *fn, const Node *n, Node *const *in, const bool *stepped, int64_t steps);
/* A dot's attribute when the left or right operand has got a leading axis. */
Attr dot_one_further(const Attr *dot, bool lhs, bool rhs);

#endif
