/* SPDX-License-Identifier: MIT */
/* fit.h: one function being made to fit; shared by the driver and the means, a file each. */
#ifndef DLC_FIT_H
#define DLC_FIT_H

#include "../kernels/kernel.h"
#include "budget.h"

typedef struct Fit {
    Arena *a;
    const char *function;
    int64_t batch;          /* examples of a training function; 0: of another */
    int64_t limit;          /* bytes of the arena */
    Plan *plan;             /* the best so far */
    VEC(Choice) choices;    /* that led to it */
    const struct Fit *whole;    /* as it was before anything was made again */
} Fit;

/* Lowers a function as the best plan was, kernels in the order that keeps few bytes. */
Plan *fit_lower(const Fit *f, Arena *a, const Fn *fn);
/* This plan is the best now, by that means. */
void fit_take(Fit *f, Plan *plan, const char *means, const Node *what);      /* what: not kept; NULL: the whole function */
int64_t plan_macs(const Plan *p);

/* ---- live.c: how many bytes live at each step ---- */
int64_t *live_bytes(Arena *a, const Plan *p);          /* by step */

int fullest_step(Arena *a, const Plan *p);             /* where most bytes live */

/* ---- means: each makes f->plan smaller, or leaves it; stops where it fits ---- */
typedef void Means(Fit *f);
Means fit_order;            /* budget.c: kernels in another order */
Means fit_compact;          /* budget.c: gradients of large tables are kept as the rows that a batch touches */
Means fit_rows;             /* rows.c: pictures in rows */
Means fit_micro_batch;      /* micro_batch.c: a few examples of the batch at a time, as many as fit */
Means fit_recompute;        /* recompute.c, and remat_*.c: values are made again rather than kept */
Means fit_least_batch;      /* micro_batch.c: as few examples at a time as helps, where nothing else was enough */

#endif
