/* SPDX-License-Identifier: MIT */
/* plan_planting.h: changes to a plan that can be taken out again, and where in it they can stand. */
#ifndef DLC_PLAN_PLANTING_H
#define DLC_PLAN_PLANTING_H

#include <stdlib.h>
#include <string.h>

#include "compiler/kernels/lower.h"
#include "compiler/verify/verify.h"

/* ---- changes that can be undone -------------------------------------------------------------------- */
typedef struct Change {
    void *at, *old;
    size_t bytes;
} Change;

typedef struct Spot { /* where a fault of some kind can stand */
    Kernel *k;
    Stage *s;
    Item *item;
    Ex *e;
    int i;
    Step ***steps; /* a list of steps, and its length */
    int *nstep;
    Step *step;
    Buffer *b, *other;
} Spot;

typedef struct Planter {
    Arena *a;
    Plan *p;
    VEC(Change) changes;
    VEC(Spot) spots;
    VEC(const Kernel *) guilty; /* who may be named */
    const char *what;           /* the change, in words */
} Planter;

static inline void set_bytes(Planter *p, void *at, const void *new, size_t bytes)
{
    vec_push(p->a, &p->changes, ((Change){at, arena_dup(p->a, at, bytes), bytes}));
    memcpy(at, new, bytes);
}

#define SET(p, place, value)                                                                                 \
    do {                                                                                                     \
        __typeof__(place) new_value = (value);                                                               \
        set_bytes(p, &(place), &new_value, sizeof new_value);                                                \
    } while (0)

/* One of a list's n elements, of so many bytes each, is left out. */
static inline void drop_at(Planter *p, void *list, size_t bytes, int *n, int i)
{
    set_bytes(p, list, list, bytes * (size_t)*n);
    memmove((char *)list + bytes * (size_t)i, (char *)list + bytes * (size_t)(i + 1), bytes * (size_t)(*n - i - 1));
    SET(p, *n, *n - 1);
}

static inline void take_out(Planter *p)
{
    for (int i = p->changes.n - 1; i >= 0; i--)
        memcpy(p->changes.at[i].at, p->changes.at[i].old, p->changes.at[i].bytes);
    p->changes.n = p->guilty.n = 0;
}

static inline void say(Planter *p, const char *format, ...) PRINTF(2, 3);
static inline void say(Planter *p, const char *format, ...)
{
    StrBuf sb = {.a = p->a};
    va_list args;
    va_start(args, format);
    sb_vprintf(&sb, format, args);
    va_end(args);
    p->what = sb_text(&sb);
}

/* ---- where: expressions ---------------------------------------------------------------------------- */
typedef bool Fits(const Spot *s);

static inline void visit_ex(Planter *p, Spot at, Ex *e, Fits *fits);

static inline void visit_index(Planter *p, Spot at, const Lin *x, Fits *fits)
{
    for (int i = 0; x && i < x->n; i++)
        if (x->term[i].atom->kind == ATOM_VALUE)
            visit_ex(p, at, x->term[i].atom->value, fits);
}

static inline void visit_ex(Planter *p, Spot at, Ex *e, Fits *fits)
{
    at.e = e;
    for (int i = 0; i < p->spots.n; i++)
        if (p->spots.at[i].e == e)
            return;
    if (fits(&at))
        vec_push(p->a, &p->spots, at);
    visit_index(p, at, e->at, fits);
    for (int i = 0; i < e->nin; i++)
        visit_ex(p, at, e->in[i], fits);
}

static inline void each_item(Planter *p, Fits *fits, bool values)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int s = 0; s < p->p->kernels.at[k]->stages.n; s++) {
            Stage *stage = p->p->kernels.at[k]->stages.at[s];
            for (int i = 0; i < stage->items.n; i++) {
                Spot at = {.k = p->p->kernels.at[k], .s = stage, .item = &stage->items.at[i], .i = i};
                if (values && at.item->value)
                    visit_ex(p, at, at.item->value, fits);
                else if (!values && fits(&at))
                    vec_push(p->a, &p->spots, at);
            }
        }
}

static inline void each_stage(Planter *p, Fits *fits)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int s = 0; s < p->p->kernels.at[k]->stages.n; s++) {
            Spot at = {.k = p->p->kernels.at[k], .s = p->p->kernels.at[k]->stages.at[s], .i = s};
            if (fits(&at))
                vec_push(p->a, &p->spots, at);
        }
}

static inline void each_step_in(Planter *p, Fits *fits, Step ***steps, int *n, Step *loop)
{
    for (int i = 0; i < *n; i++) {
        Step *step = (*steps)[i];
        Spot at = {.k = step->kernel, .step = step, .steps = steps, .nstep = n, .i = i};
        if (fits(&at))
            vec_push(p->a, &p->spots, at);
        if (step->kind == STEP_SCAN)
            each_step_in(p, fits, &step->body.at, &step->body.n, step);
    }
    (void)loop;
}

#endif
