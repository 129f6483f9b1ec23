/* SPDX-License-Identifier: MIT */
/* bound.h: the interpreter in double, and for each element how far off float arithmetic may be.
 *
 * An f32 operation rounds by at most u = 2^-24 of its result, a function of runtime/dl_math.h by the units in
 * the last place that docs/accuracy.md measures; a sum of n terms by min(n, 8·sqrt(n))·u of the sum of their
 * magnitudes, whatever its order (N. Higham, T. Mary, A new approach to probabilistic rounding error
 * analysis, 2019: lambda = 8). What an operand is off goes through the operation itself, tried at both ends
 * of where it may lie; so a comparison, an argmax or a cast near its edge is known to be undecided. */
#ifndef DLC_BOUND_H
#define DLC_BOUND_H

#include "../lab/lab.h"
#include "../ops/ops.h"

/* One function being evaluated. Operands' values and errors are set before a node's. */
typedef struct Bounded {
    EvalCtx e;             /* its values */
    double **error;        /* by node id: an array, INFINITY where nothing is known; NULL: exact */
    double **room;         /* by node id: an array for errors, made when first needed */
    struct Bounded **body; /* by node id: a scan's */
    Random *chance;        /* NULL: nothing is moved */
    double *spare[5];      /* room for operands that are tried, and for results */
    int64_t spare_count;
} Bounded;

/* Values get room when first computed; e.value[id].at of an input is set by the caller. */
void bounded_prepare(Bounded *b, Arena *a, const Fn *fn);
/* Computes n from its operands; false with e.why where an index is out of range. */
bool bounded_node(Bounded *b, const Node *n);
/* The whole function, loops too, each node's elements moved by chance within the node's own rounding: one of
 * the results that float arithmetic may have. (Bounds of whole functions would be of no use: they assume the
 * worst of each operation, and grow without end in loops.) */
bool run_by_chance(Bounded *b, const Value *in, Random *chance);
/* The whole function without chance, but with errors: of each element of what adds up (contractions, sums,
 * loops) `margin` times the most that runs by chance made of it; of what is made of these element by element
 * what operations are at both ends of where their operands may lie. So what hangs on a rounding, as a quotient
 * does whose divisor is nearly 0, has a large error, or an infinite one, where few runs meet what may become
 * of it. */
bool run_by_ends(Bounded *b, const Value *in, const Bounded *chance, int nchance, double margin);
double apart(double x, double y); /* how far; NaN is at NaN's place, and infinitely far from numbers */

static inline double float_unit(void)
{
    return 0x1p-24;
}

#endif
