/* SPDX-License-Identifier: MIT */
/* examples.h: where a tensor has the examples of a batch.
 *
 * In row-major order a tensor of `batch` examples is [before, batch, stride]: `stride` elements of one example stand side by
 * side. This one number says where the examples are, also where their axis has been moved, or merged with others. */
#ifndef DLC_EXAMPLES_H
#define DLC_EXAMPLES_H

#include "../graph/ir.h"

enum { SAME = 0 };      /* instead of a stride: the same for all examples */

int64_t axis_stride(Type t, int axis);      /* elements from one position to the next */

/* Can a tensor of this type have them at that stride? *axis: the one that they are on. */
bool examples_at(Type t, int64_t batch, int64_t stride, int *axis);

/* Of a node that has the examples at `stride`, where each operand must have them: in[i], or SAME. False where the node would mix
 * examples, or nothing is known of it. Loops are none of these. */
bool examples_wanted(const Node *n, int64_t batch, int64_t stride, int64_t *in);

/* Where n has them, when operand i has them at in[i] (SAME: it may be either). False where n mixes them. */
bool examples_follow(Arena *a, const Node *n, int64_t batch, const int64_t *in, int64_t *stride);

/* Does n add up over the examples, so that its value for a batch is the sum of its values for parts of it? Then in[i] is also
 * filled in for operands that were SAME and have to be divided like the others. */
bool examples_add_up(const Node *n, int64_t batch, int64_t *in);

/* Of a sum, a maximum or the like: does it run over the axis that they are on? */
bool examples_reduced(const Node *n, int64_t batch, int64_t stride);

/* The type, and the attribute of such a node, for `part` examples instead of the batch. */
Type examples_type(Type t, int64_t batch, int64_t stride, int64_t part);
Attr examples_attr(const Node *n, int64_t batch, int64_t stride, int64_t part);

#endif
