/* SPDX-License-Identifier: MIT */
/* stepwise.h: shared by stepwise.c, which makes the function of one time step, and step_axis.c. */
#ifndef DLC_PASSES_STEPWISE_H
#define DLC_PASSES_STEPWISE_H

#include "passes.h"

typedef enum FlowKind {
    FLOW_FIXED,     /* depends on no input: the same at every step, along any axis */
    FLOW_TIMED,     /* has an axis of time */
    FLOW_NOW,       /* what the steps so far make of it: the sequence's value behind the last */
    FLOW_NONE,      /* cannot be had step by step, which has been said */
} FlowKind;

/* A node of the whole sequence. Element j along `axis` is known once step j + offset has come, j < n. */
typedef struct Flow {
    FlowKind kind;
    int axis;
    int64_t n, offset;
    const Node *ahead;  /* who first had elements behind the last step; NULL: they all come in time */
    Node *step;         /* TIMED: of one step, extent 1 along axis; FIXED, NOW: all of it */
} Flow;

/* ---- step_axis.c: operations that treat each step alone ---- */
/* The result's axis that operand i's axis of time becomes; -1, and why not. */
int axis_behind(const Node *n, int i, int axis, const char **why);
/* The axis of operand i that meets the result's axis `axis` position by position; -1: none does. */
int axis_before(const Node *n, int i, int axis);
/* n's attribute where its result's axis `axis` has one step. */
Attr attr_of_step(const Node *n, int axis);

#endif
