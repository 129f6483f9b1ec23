/* SPDX-License-Identifier: MIT */
/* step_axis.h: operations that treat each step of an axis alone; for stepwise.c, whose steps are time's, and
 * rows.c. */
#ifndef DLC_PASSES_STEP_AXIS_H
#define DLC_PASSES_STEP_AXIS_H

#include "passes.h"

/* The result's axis that axis `axis` of operand i becomes; -1, and why not. */
int axis_behind(const Node *n, int i, int axis, const char **why);
/* The axis of operand i that meets the result's axis `axis` position by position; -1: none does. */
int axis_before(const Node *n, int i, int axis);
/* n's attribute where its result has `extent` steps along its axis `axis`. */
Attr attr_of_part(const Node *n, int axis, int64_t extent);

#endif
