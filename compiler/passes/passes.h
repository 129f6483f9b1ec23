/* SPDX-License-Identifier: MIT */
/* passes.h: graph to graph. Each pass rebuilds, states what it needs and gives, and is verified after. */
#ifndef DLC_PASSES_H
#define DLC_PASSES_H

#include "../graph/ir.h"

/* ---- stepwise.c: inference of one time step, whose memory are streams; errors in d where it needs the whole sequence ---- */
void stepwise(Module *m, Diag *d);

/* ---- crop.c: of each value what others read; fn itself where that is everything ---- */
Fn *crop(Fn *fn);

/* ---- differentiate.c ---- */
/* Results of fn plus d(loss)/d(param) as ROLE_GRADIENT for each parameter (zeros where it does not matter,
 * or is frozen). The results' order: gradients, then loss's own. */
Fn *differentiate(const Module *m, const Fn *loss);

/* ---- compose.c: gradients and update in one function ---- */
Fn *compose_train_step(const Module *m, const Fn *gradients, const Fn *update);

/* ---- simplify.c: the local rewrites node_make tries; NULL where none fits ---- */
Node *simplify_node(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr, Type t);

/* ---- conv_phases.c: a convolution over a dilated operand as plain ones; NULL where it is none, or has other strides -- */
Node *conv_phases(Fn *fn, Node *const *in, const Attr *attr, Type t);

/* ---- hoist.c: what a scan computes from its inputs alone, and what it only accumulates, leaves the loop; where that is twice `room`
 * bytes or more for all steps, it leaves loops of some of them (strips.c) ---- */
enum { HOIST_ROOM = 384 << 10 };        /* part of a usual second cache, so that there is room for what else a step reads */
Fn *hoist(Fn *fn, int64_t room);

/* ---- blockwise.c: attention's gradients are made a block of rows at a time, of so many elements at the most, where scores have more;
 * `sparing`: all scores are made again for that, not only those of long texts ---- */
enum { BLOCK_ELEMENTS = 1 << 16 };      /* a block, and what becomes of it, stay in the second cache */
Fn *blockwise(Fn *fn, int64_t most, bool sparing);

/* ---- micro_batch.c: a batch's work is done for `size` examples at a time, in a loop, and sums over them are added up ---- */
/* The first node that mixes examples, so that it cannot be; NULL where it can. */
const Node *micro_batch_mixes(Arena *a, const Fn *fn, int64_t batch);
Fn *micro_batch(Arena *a, const Fn *fn, int64_t batch, int64_t size);       /* size divides batch; NULL where it cannot be */

/* ---- rematerialize.c: a function's values made by jobs, one job after the other, some of them by several ---- */
typedef struct JobValue {
    const Node *node;           /* of the old function, stored there */
    int job;                    /* that makes it */
    bool waits;                 /* to be read behind all jobs before, where some of them made something again */
} JobValue;
typedef struct Job {
    int nmakes;
    const Node **makes;         /* operands first; in the end every stored node, each by one job at least */
    bool *again;                /* and whether it is, or is made for, a value that was made before: behind all jobs before it */
    int nreads;
    JobValue *reads;            /* what it is made of, and whose it takes */
    bool by_example;            /* its last is made by a loop over the examples, with what else it makes inside as far as that can be */
    int waited;                 /* of makes: what later jobs can wait for; -1: none */
} Job;
Fn *rematerialize(Arena *a, const Fn *fn, const bool *stored, const Job *job, int njob);

/* ---- by_example.c: a chain of work that treats the examples of a batch alike, in a loop over them ---- */
typedef struct Outside {        /* of that loop */
    void *context;
    bool (*is_inside)(void *context, const Node *n);    /* it is made there, for one example at a time */
    Node *(*value)(void *context, const Node *n);       /* the new one of what enters */
    Fn *to;                     /* what it is made in */
} Outside;
/* May n be made so? Then `enters` is told of what enters it by examples. */
bool reads_by_example(Arena *a, const Node *n, const Outside *out, void (*enters)(void *context, const Node *n));
Node *make_by_example(const Node *n, const Outside *out);     /* NULL where it may not */

/* ---- compact_scatter.c: tables of zeros, of `least` bytes or more, that a few rows are added to are kept as these rows. NULL without one;
 * otherwise *what is the largest ---- */
Fn *compact_scatter(Arena *a, const Fn *fn, int64_t least, const Node **what);

/* ---- scale_weights.c: scales and shifts of channels go into the weights before them, where weights are constants ---- */
Fn *scale_weights(Fn *fn);
Fn *merge_shifts(Fn *fn);       /* where they are none: one scale and one shift, of weights, are left */

/* ---- fold_weights.c: what infer makes of its weights alone is a weight; returns those that are left, as infer numbers them ---- */
const float **fold_weights(Module *m, const float *const *weights);

/* ---- rows.c: `rows` rows at a time of all that lies between an input and `end`, in a loop; NULL where that cannot be ---- */
Fn *stream_rows(Arena *a, const Fn *fn, const Node *input, const Node *end, int64_t rows);

/* ---- parts.c: loops over parts of a batch that fit into the cache. NULL where there are none ---- */
typedef struct PartLimits {
    int64_t l2;             /* bytes of the cache; 0: no loops */
    bool exact;             /* no sum is cut into parts */
    bool always;            /* an example at a time whatever it costs: for tests */
} PartLimits;
Fn *by_parts(Arena *a, const Fn *fn, PartLimits limits);

#endif
