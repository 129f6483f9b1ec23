/* SPDX-License-Identifier: MIT */
/* gradient.h: gradients made inside a function, and copies of parts of functions in which some nodes are taken for others.
 * The rows of ops.def add to their operands' gradients through GradCtx. */
#ifndef DLC_GRADIENT_H
#define DLC_GRADIENT_H

#include "ir.h"

/* ---- graft.c ------------------------------------------------------------------------------------------- */
/* Results of a scan for which those of another, made later with more yields, are to be taken. */
typedef struct Swap {
    Node *old, *new;    /* both OP_RESULT, of one function */
} Swap;
typedef struct Swaps {
    VEC(Swap) list;
} Swaps;

/* instead[n->id] is what to take for n: itself, or the new node of its swap. swaps may be NULL. */
Node **swapped(Arena *a, const Fn *fn, const Swaps *swaps);
/* Makes in `to` what the roots (nodes of `from`) need, in the old order as far as swaps allow. map[n->id],
 * given or made, is the new node; swapped nodes are looked up by the node taken for them, and get their
 * entry too. */
void graft(Fn *to, const Fn *from, int nroots, Node *const *roots, Node **map, const Swaps *swaps);
/* live[n->id] for what the roots need, themselves included. */
bool *reached_from(Arena *a, const Fn *fn, int nroots, Node *const *roots);

/* ---- gradient.c ---------------------------------------------------------------------------------------- */
struct GradCtx {
    Fn *fn;                 /* where gradient nodes are made */
    int n;                  /* nodes the function had before: what is differentiated */
    bool *wanted;           /* by id: f32, and depends on what is differentiated by */
    Node **gradient;        /* by id: the sum so far, or NULL */
    Swaps *swaps;           /* scans made again with more yields */
};
bool grad_wanted(const GradCtx *g, const Node *x);  /* false: grad_into would drop it, so it need not be made */
void grad_into(GradCtx *g, Node *x, Node *dx);      /* adds dx to x's gradient */
/* out[j] = d(sum(results[i] * seeds[i]))/d(wrt[j]), made inside fn; zeros where there is none. A scan on the way
 * stays, and a second one with more yields stands beside it. */
void gradients_in(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt, Node *const *wrt, Node **out);
/* The same with NULL for gradients that are zero, and the scans that were made again added to swaps: grafting the function
 * with these runs each once. */
void gradients_swapping(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt, Node *const *wrt, Node **out,
                        Swaps *swaps);

/* ---- linear_sum.c -------------------------------------------------------------------------------------- */
/* The sum of x over increasing axes, made of sums that others may have, too. */
Node *node_linear_sum(Fn *fn, Node *x, int n, const int *axes);

#endif
