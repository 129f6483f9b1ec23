/* SPDX-License-Identifier: MIT */
/* parts.h: shared by parts.c (which loops there are), parts_axis.c (what becomes of the examples' axis), parts_make.c (making them) and
 * parts_center.c (sums of squares that wait for no mean).
 *
 * Glossary: part some examples of a batch, one behind the other; level which loop over parts a node stands in. */
#ifndef DLC_PARTS_H
#define DLC_PARTS_H

#include "passes.h"

/* What n is where its operands are there for a part of the batch. */
typedef struct PartRule {
    int at;                 /* its axis along which examples lie; -1: none */
    bool sums;              /* a sum or maximum over them: the parts' own ones make the whole one; at is -1 */
    int operand[3];         /* likewise of each operand, -1: it is read whole; the n-th operand's is [n % 3] */
    int nsliced;            /* of a loop over the examples: operands behind so many are read whole; otherwise 0 */
} PartRule;

typedef VEC(const Node *) NodeList;

typedef struct Parts {
    Arena *a;
    const Fn *from;
    int64_t batch;
    PartLimits limits;
    PartRule *rule;         /* by node; at -1 and no sum: made outside of loops, like inputs */
    int *level;             /* by node: its loop; of what is made outside, the first loop that may read it */
    bool *still;            /* by node: it is the same in every call */
    bool *fresh;            /* by node of a loop: stored where it is wanted outside of its loop; others are made again there */
    int nlevel;
    int64_t *turns;         /* by level: of its loop; 1: no loop, it is made outside */
    /* who is wanted, from the results down */
    bool *out, *yield;      /* by node: in the function, out of its loop */
    int *inside;            /* by node: the last level whose loop was seen to want it */
    NodeList *made;         /* by level: what its loop makes, its own nodes and others' */
    NodeList *own, *others; /* by level: the nodes of its loop, and what is made outside before it */
} Parts;

/* parts_axis.c: whether anything is known of n, whose operands have the examples along rule[]'s axes. */
bool part_rule(const Parts *p, const Node *n, PartRule *r);
int part_operand(const PartRule *r, int i);
/* Which axis of a broadcast's operand becomes axis `at` of the result; -1: none. */
int broadcast_source(const Node *n, int at);
Attr part_attr(const Parts *p, const Node *n, int64_t turns);

/* parts_center.c: sums of squared distances from what comes later as those from about the example's mean, and that one's distance.
 * NULL where there are none. */
Fn *parts_center(const Parts *p);

/* parts_make.c */
Fn *parts_make(Parts *p);

#endif
