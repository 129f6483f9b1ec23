/* SPDX-License-Identifier: MIT */
/* grow.h: what the files share that make graphs: pick.c (operands), grow_moves.c, grow_sums.c (reductions,
 * contractions, indices), grow_loops.c (loops, and what models are made of), grow.c (any element-wise row;
 * the table; the graph). */
#ifndef TEST_GROW_H
#define TEST_GROW_H

#include "graphs.h"

enum { MOST_ELEMENTS = 1500, MOST_WORK = 60000, CLAMP = 4, TRIES = 12 };

typedef enum Mood { WHOLE, REAL, SPECIAL } Mood;

typedef struct Grower {
    Arena *a;
    Fn *fn;
    VEC(Node *) node;
    VEC(double) most; /* by node of the list */
    Mood mood;
    bool as_is; /* nothing is simplified as it is made */
    bool loops; /* more of them, with longer bodies */
    int ninput, nparam, depth;
    uint64_t *state;
} Grower;

/* ---- pick.c ---- */
int64_t draw(Grower *g, int64_t n);
bool chance(Grower *g, int one_in);
/* Takes a value into the list; a NULL is passed over. */
void keep(Grower *g, Node *n, double most);
/* The node, or NULL where these do not fit together or would be too large. */
Node *make(Grower *g, Op op, int nin, Node *const *in, const Attr *attr);
Node *make1(Grower *g, Op op, Node *x, const Attr *attr);
Node *make2(Grower *g, Op op, Node *x, Node *y);
Node *full(Grower *g, Type t, double value);
double some_number(Grower *g, DType dt);
int64_t some_extent(Grower *g);
Type some_type(Grower *g, DType dt);
DType some_dtype(Grower *g);
/* An input of the function; in a body, which has only those of its loop, a constant. */
Node *new_input(Grower *g, Type t, const char *name);
double input_most(const Grower *g, DType dt);
/* A value not above CLAMP in size; one of the list, clamped if it may be larger than `limit`. */
Node *clamped(Grower *g, Node *x);
Node *limited(Grower *g, int i, double limit, double *most);
/* A value of the list of this element type (DT_COUNT: any), the later ones more likely, limited; or a new
 * one. */
Node *pick(Grower *g, DType dt, double limit, double *most);
Node *pick_ranked(Grower *g, DType dt, double limit, double *most, int least, int greatest);
/* Something smaller stretched to t; another value of this type: from the list, stretched, or new. */
Node *stretched(Grower *g, Type t, double *most);
Node *partner(Grower *g, Type t, double limit, double *most);

/* ---- one operation each ---- */
void grow(Grower *g); /* any */
typedef void Maker(Grower *g);
Maker grow_input, grow_const, grow_iota;
Maker grow_reshape, grow_permute, grow_broadcast, grow_slice, grow_pad, grow_waiting, grow_reverse, grow_concat,
    grow_window, grow_fold;
Maker grow_sum, grow_max, grow_argmax, grow_dot, grow_conv, grow_check, grow_gather, grow_scatter;
Maker grow_random, grow_scan;
Maker grow_parts, grow_softmax, grow_normalized, grow_pool, grow_again;
int some_axes(Grower *g, int rank, int *axis);

#endif
