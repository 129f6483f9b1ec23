/* SPDX-License-Identifier: MIT */
/* passes.h: graph to graph. Each pass rebuilds, states what it needs and gives, and is verified after. */
#ifndef DLC_PASSES_H
#define DLC_PASSES_H

#include "../graph/ir.h"

/* ---- differentiate.c ---- */
struct GradCtx {
    Fn *fn;                 /* where gradient nodes are made */
    int n;                  /* nodes the function had before: what is differentiated */
    bool *wanted;           /* by id: f32, and depends on what is differentiated by */
    Node **gradient;        /* by id: the sum so far, or NULL */
    struct Swaps *swaps;    /* scans made again with more yields: see passes/loop.h */
};
bool grad_wanted(const GradCtx *g, const Node *x);  /* false: grad_into would drop it, so it need not be made */
void grad_into(GradCtx *g, Node *x, Node *dx);      /* adds dx to x's gradient */
/* Results of fn plus d(loss)/d(param) as ROLE_GRADIENT for each parameter (zeros where it does not matter,
 * or is frozen). The results' order: gradients, then loss's own. */
Fn *differentiate(const Module *m, const Fn *loss);
/* d(sum(results[i] * seed[i]))/d(wrt[j]) made inside fn (zeros where there is none); the general form the
 * others stand on. A scan on the way stays, and a second one with more yields stands beside it;
 * differentiate takes that one for both. */
void gradients_in(Fn *fn, int n, Node *const *results, Node *const *seeds, int nwrt, Node *const *wrt,
                  Node **out);

/* ---- compose.c: gradients and update in one function ---- */
Fn *compose_train_step(const Module *m, const Fn *gradients, const Fn *update);

/* ---- simplify.c: the local rewrites node_make tries; NULL where none fits ---- */
Node *simplify_node(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr, Type t);

/* ---- conv_phases.c: a convolution over a dilated operand as plain ones; NULL where it is none, or has other strides -- */
Node *conv_phases(Fn *fn, Node *const *in, const Attr *attr, Type t);

/* ---- hoist.c: what a scan computes from its inputs alone, and what it only accumulates, leaves the loop  */
Fn *hoist(const Fn *fn);

#endif
