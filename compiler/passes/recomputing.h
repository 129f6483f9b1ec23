/* SPDX-License-Identifier: MIT */
/* recomputing.h: shared by recompute.c and by_example.c. */
#ifndef DLC_RECOMPUTING_H
#define DLC_RECOMPUTING_H

#include "passes.h"

typedef struct Again {
    const Fn *from;
    Fn *to;
    const Recompute *what;
    Node **map;         /* by old node: the new one, */
    Node **made;        /* made again, */
    Node **late;        /* and as late users see it */
} Again;

/* recompute.c */
const Node *again_of(const Node *n);                    /* what a value is read through: n, or what n waits to read */
bool again_is_there(const Again *g, const Node *n);     /* n need not be made again, only read again */
Node *made_again(Again *g, const Node *n);

/* by_example.c */
bool goes_by_example(Arena *a, const Fn *fn, const Recompute *what);
Node *again_by_example(Again *g);                       /* what->node, made by a loop over its first axis */

#endif
