/* SPDX-License-Identifier: MIT */
/* bound.h: interval-like interpretation: each element's value, and how far off compiled code may legitimately
 * be.
 *
 * The value is the interpreter's, in double. The error follows from the operands' errors and from the
 * operation's own roundings, after the standard model fl(x op y) = (x op y)(1 + d), |d| <= u = 2^-24 (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2.2); n additions in any order, contracted or not, are off
 * by at most about n u sum|x| (4.2). Two refinements make most comparisons sharp:
 *
 *   - what a float holds exactly is not rounded: sums of multiples of 2^k are exact while the sum of their
 *     sizes stays below 2^24 2^k;
 *   - an error of infinity says "anything": where a comparison, a truncation or a position hangs on
 *     roundings, beyond a pole, or where numbers overflow. It spreads to what is computed from it, and is
 *     counted, so that one sees how much was not compared.
 *
 * Integers and booleans are right or unknown. The sign of a zero is not fixed: what depends on it is unknown.
 */
#ifndef TEST_BOUND_H
#define TEST_BOUND_H

#include "compiler/ops/ops.h"
#include "graphs.h"

#define ROUND 0x1p-24
#define TINY  0x1p-149

/* One function's evaluation. */
typedef struct Run Run;
struct Run {
    Arena *a;
    EvalCtx e;       /* values */
    double **error;  /* by node id */
    Run **body;      /* by node id of a scan */
    double ***tuple; /* by node id of a scan: its results' errors */
    Outcome outcome;
    double *scratch[8]; /* by use, grown as needed */
    int64_t room[8];
};

static inline const double *value_in(const Run *r, const Node *n, int i)
{
    return r->e.value[n->in[i]->id].at;
}

static inline const double *error_in(const Run *r, const Node *n, int i)
{
    return r->error[n->in[i]->id];
}

/* ---- bound.c ------------------------------------------------------------------------------------- */
/* The operation upon other numbers than its operands' own; pads give `padding`. */
void evaluate(Run *r, const Node *n, const double *const *in, double padding, double *out);
double largest_error(const Run *r, const Node *x);

/* ---- how far off the results of a node may be: into r->error[n->id] -------------------------------- */
void bound_element(Run *r, const Node *n);     /* bound_element.c */
void bound_sum(Run *r, const Node *n, int of); /* bound_sums.c */
void bound_product(Run *r, const Node *n);
void bound_max(Run *r, const Node *n);
void bound_argmax(Run *r, const Node *n);
void bound_gather(Run *r, const Node *n);
void bound_scatter(Run *r, const Node *n);

#endif
