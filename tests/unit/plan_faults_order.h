/* SPDX-License-Identifier: MIT */
/* plan_faults_order.h: faults in the order of steps, in memory, and in what units wait for. */
#ifndef DLC_PLAN_FAULTS_ORDER_H
#define DLC_PLAN_FAULTS_ORDER_H

#include "plan_faults_tiles.h"
#include "plan_faults_values.h"

/* ---- steps and memory ------------------------------------------------------------------------------ */
static inline bool is_kernel_step(const Spot *s)
{
    return s->step->kind == STEP_KERNEL;
}

static inline bool is_carry_copy(const Spot *s)
{
    const Unit *u = s->k ? s->k->units.at[0] : NULL;
    return u && u->kind == UNIT_COPY && u->from && u->context->parent;
}

static inline void drop_step(Planter *p, const Spot *s)
{
    say(p, "%s does not run", s->k->name);
    drop_at(p, *s->steps, sizeof **s->steps, s->nstep, s->i);
}

static inline bool has_next(const Spot *s)
{
    return is_kernel_step(s) && s->i + 1 < *s->nstep && (*s->steps)[s->i + 1]->kind == STEP_KERNEL;
}

static inline void swap_steps(Planter *p, const Spot *s)
{
    Step *next = (*s->steps)[s->i + 1];
    say(p, "%s runs before %s", next->kernel->name, s->k->name);
    SET(p, (*s->steps)[s->i], next);
    SET(p, (*s->steps)[s->i + 1], s->step);
    vec_push(p->a, &p->guilty, next->kernel);
}

static inline bool is_loop(const Spot *s)
{
    return s->step->kind == STEP_SCAN && s->step->time->extent > 1;
}

static inline void blame_loop(Planter *p, const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++) {
        if (loop->body.at[i]->kind == STEP_KERNEL)
            vec_push(p->a, &p->guilty, loop->body.at[i]->kernel);
        else
            blame_loop(p, loop->body.at[i]);
    }
}

static inline void turn_loop(Planter *p, const Spot *s)
{
    say(p, "the loop over %s runs the other way", s->step->time->name);
    SET(p, s->step->reverse, !s->step->reverse);
    blame_loop(p, s->step);
}

static inline void miss_last_turn(Planter *p, const Spot *s)
{
    say(p, "the loop over %s ends one too early", s->step->time->name);
    SET(p, s->step->time->extent, s->step->time->extent - 1);
    blame_loop(p, s->step);
}

static inline bool live_together(const Buffer *x, const Buffer *y)
{
    return x->first <= y->last && y->first <= x->last;
}

static inline void blame_writers(Planter *p, const Buffer *b)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int u = 0; u < p->p->kernels.at[k]->units.n; u++) {
            Buffer *made = p->p->kernels.at[k]->units.at[u]->buffer;
            if (made && buffer_root(made) == b)
                vec_push(p->a, &p->guilty, p->p->kernels.at[k]);
        }
}

static inline void find_pairs(Planter *p)
{
    for (int i = 0; i < p->p->buffers.n; i++)
        for (int k = 0; k < i; k++) {
            Buffer *b = p->p->buffers.at[i], *other = p->p->buffers.at[k];
            if (b->kind == BUFFER_ARENA && other->kind == BUFFER_ARENA && !b->alias && !other->alias &&
                b->first >= 0 && other->first >= 0 && live_together(b, other))
                vec_push(p->a, &p->spots, ((Spot){.b = b, .other = other}));
        }
}

static inline void overlap(Planter *p, const Spot *s)
{
    say(p, "%s lies on %s", s->b->name, s->other->name);
    int64_t room = s->other->offset + type_bytes(s->b->type);
    if (room > p->p->arena_bytes)
        SET(p, p->p->arena_bytes, room);
    SET(p, s->b->offset, s->other->offset);
    for (int i = 0; i < p->p->buffers.n; i++) { /* it may be longer than the other, and lie on more */
        const Buffer *x = p->p->buffers.at[i];
        if (x->kind == BUFFER_ARENA && !x->alias && x->offset < room &&
            x->offset + type_bytes(x->type) > s->b->offset)
            blame_writers(p, x);
    }
}

static inline void share(Planter *p, const Spot *s)
{
    say(p, "%s is made in place of %s", s->b->name, s->other->name);
    overlap(p, s);
}

static inline void find_dead_pairs(Planter *p) /* what the plan could take for dead one step too early */
{
    find_pairs(p);
    int n = 0;
    for (int i = 0; i < p->spots.n; i++)
        if (p->spots.at[i].b->first == p->spots.at[i].other->last &&
            p->spots.at[i].b->type.dt == p->spots.at[i].other->type.dt)
            p->spots.at[n++] = p->spots.at[i];
    p->spots.n = n;
}

/* ---- what units wait for --------------------------------------------------------------------------- */
/* Which of u's needs, or reads, b is; -1: none. */
static inline int need_of(const Unit *u, const Buffer *b)
{
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i]->buffer == b)
            return i;
    return -1;
}

static inline int read_of(const Unit *u, const Buffer *b)
{
    for (int i = 0; i < u->reads.n; i++)
        if (u->reads.at[i] == b)
            return i;
    return -1;
}

/* Not where it may be a carry in the same stack that it reads. */
static inline bool has_need(const Unit *u, const Buffer *b)
{
    return !u->reads_carry && (need_of(u, b) >= 0 || read_of(u, b) >= 0);
}

static inline void forget_need(Planter *p, Unit *u, const Buffer *b)
{
    say(p, "a unit does not wait for %s, which it reads", b->name ? b->name : "a buffer");
    if (need_of(u, b) >= 0)
        drop_at(p, u->needs.at, sizeof *u->needs.at, &u->needs.n, need_of(u, b));
    else
        drop_at(p, u->reads.at, sizeof *u->reads.at, &u->reads.n, read_of(u, b));
}

static inline bool needs_load(const Spot *s)
{
    return is_load(s) && has_need(s->item->unit, s->e->buffer);
}

static inline void forget_load(Planter *p, const Spot *s)
{
    forget_need(p, s->item->unit, s->e->buffer);
}

static inline bool needs_left(const Spot *s)
{
    return is_tile(s) && has_need(s->s->items.at[0].unit, s->s->tile->a);
}

static inline void forget_left(Planter *p, const Spot *s)
{
    forget_need(p, s->s->items.at[0].unit, s->s->tile->a);
}

static inline bool needs_right(const Spot *s)
{
    return is_tile(s) && has_need(s->s->items.at[0].unit, s->s->tile->b);
}

static inline void forget_right(Planter *p, const Spot *s)
{
    forget_need(p, s->s->items.at[0].unit, s->s->tile->b);
}

#endif
