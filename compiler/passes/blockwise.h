/* SPDX-License-Identifier: MIT */
/* blockwise.h: shared by blockwise.c (what is wide, and what is made of it in blocks), blockwise_axis.c (which axes of operands are
 * the rows') and blockwise_make.c (the loops).
 *
 * Glossary: wide a product larger than its factors, and work by element on it; sink what makes something that is not wide of it;
 * axes of rows those of what is wide, but for the last. */
#ifndef DLC_BLOCKWISE_H
#define DLC_BLOCKWISE_H

#include "passes.h"

typedef struct Use {        /* what is made in the loop, or enters it; a tensor may be there in two ways, as rows and as columns */
    const Node *node;
    int axis[MAX_RANK];     /* by axis of rows: its own axis, -1 without one */
    int entry;              /* by number; -1: made inside */
    Node *made;             /* in the innermost body */
    struct Use *next;       /* another one of the node */
} Use;

typedef struct Block {
    Arena *a;
    const Fn *old;
    int64_t most;           /* elements a block may have */
    bool sparing;           /* nothing is kept that can be made again */
    Type type;              /* of all that is wide, but for the kind of elements; the last axis is no row's */
    const int *part;        /* by node: the first of what is wide together with it, or -1 */
    int first;              /* that of what is made here */
    bool *row;              /* by node: of a row of what is wide, and only it is made of it: is made in the loop as well */
    bool *kept;             /* by node: wide, made outside as well, and stored there for the loop */
    Use **use;              /* by node */
    VEC(const Node *) sinks;
    VEC(int) from;          /* by sink: which of its operands is wide */
    VEC(Use *) entries;
    int64_t size[MAX_RANK]; /* by axis of rows: in a block */
} Block;

/* What n is in the loop where axis[] are its own axes, by axis of rows; NULL: it is not there. */
Use *blockwise_use(const Block *b, const Node *n, const int *axis);

/* blockwise_axis.c: by axis of rows the axes of n's operand i, where n's own are axis[]; those of a sink's operand i; the axis of a sink
 * that what is wide has as axis r, -1: it adds up along it. */
void blockwise_operand_axes(const Block *b, const Node *n, int i, const int *axis, int *own);
void blockwise_sink_axes(const Block *b, int sink, int i, int *axis);
int blockwise_sink_axis(const Block *b, int sink, int r);

/* blockwise_make.c: loops along all axes of rows from r on that are cut, of value[] by entry; what they make, by sink, to out[]. */
void blockwise_loops(Block *b, Fn *fn, int r, Node *const *value, Node **out);

#endif
