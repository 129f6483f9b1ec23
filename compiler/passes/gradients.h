/* SPDX-License-Identifier: MIT */
/* gradients.h: what differentiate.c and the gradient of scans share. */
#ifndef DLC_GRADIENTS_H
#define DLC_GRADIENTS_H

#include "loop.h"
#include "passes.h"

/* gradients_in, with NULL for gradients that are zero, and the scans that were made again added to swaps. */
void gradients_swapping(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt,
                        Node *const *wrt, Node **out, Swaps *swaps);

#endif
