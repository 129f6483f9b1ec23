/* SPDX-License-Identifier: MIT */
/* plan_faults_tiles.h: faults in tiles. */
#ifndef DLC_PLAN_FAULTS_TILES_H
#define DLC_PLAN_FAULTS_TILES_H

#include "plan_planting.h"

/* ---- tiles ----------------------------------------------------------------------------------------- */
static inline bool is_tile(const Spot *s)
{
    return s->s->kind == STAGE_TILE;
}

static inline bool has_rows(const Spot *s)
{
    return is_tile(s) && s->s->tile->m && s->s->tile->m->extent > 1;
}

static inline bool has_sum(const Spot *s)
{
    return is_tile(s) && s->s->tile->nk && s->s->tile->k[0].var->extent > 2;
}

static inline bool has_taps(const Spot *s)
{
    for (int i = 0; is_tile(s) && i < s->s->tile->nk; i++)
        if (s->s->tile->k[i].tapped)
            return true;
    return false;
}

static inline Tap *tap_of(const Spot *s)
{
    int i = 0;
    while (!s->s->tile->k[i].tapped)
        i++;
    return &s->s->tile->k[i].tap;
}

static inline void shift_left(Planter *p, const Spot *s)
{
    say(p, "a tile's left operand begins one element too far");
    SET(p, s->s->tile->a_at, lin_offset(p->a, s->s->tile->a_at, 1));
}

static inline void shift_right(Planter *p, const Spot *s)
{
    say(p, "a tile's right operand begins one element too far");
    SET(p, s->s->tile->b_at, lin_offset(p->a, s->s->tile->b_at, 1));
}

static inline void shift_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result begins one element too far");
    SET(p, s->s->tile->c_at, lin_offset(p->a, s->s->tile->c_at, 1));
}

static inline void stretch_rows(Planter *p, const Spot *s)
{
    say(p, "a tile's rows are one element too far apart");
    SET(p, s->s->tile->a_m, s->s->tile->a_m + 1);
}

static inline void stretch_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result's rows are one element too far apart");
    SET(p, s->s->tile->c_m, s->s->tile->c_m + 1);
}

static inline bool has_two_axes(const Spot *s)
{
    return is_tile(s) && s->s->tile->inner;
}

static inline void stretch_inner_rows(Planter *p, const Spot *s)
{
    say(p, "a tile's rows of the second axis are one element too far apart");
    SET(p, s->s->tile->a_inner, s->s->tile->a_inner + 1);
}

static inline void stretch_inner_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result's rows of the second axis are one element too far apart");
    SET(p, s->s->tile->c_inner, s->s->tile->c_inner + 1);
}

static inline void stretch_sum(Planter *p, const Spot *s)
{
    int last = s->s->tile->nk - 1;
    say(p, "a tile's sum steps one element too far");
    SET(p, s->s->tile->k[last].b, s->s->tile->k[last].b + 1);
}

/* Where the taps hang on the tile's rows, its forms follow from them. */
static inline void form_again(Planter *p, const Spot *s)
{
    Tile formed = *s->s->tile;
    memset(&formed.forms, 0, sizeof formed.forms);
    memset(&formed.runs, 0, sizeof formed.runs);
    memset(&formed.inner_form, 0, sizeof formed.inner_form);
    tile_forms(p->a, &formed);
    SET(p, s->s->tile->forms, formed.forms);
    SET(p, s->s->tile->runs, formed.runs);
    SET(p, s->s->tile->inner_form, formed.inner_form);
}

static inline void miss_last_term(Planter *p, const Spot *s)
{
    Var *v = s->s->tile->k[0].var;
    say(p, "a tile's sum misses its last term");
    SET(p, v->extent, v->extent - 1);
    form_again(p, s);
}

static inline bool has_tail(const Spot *s)
{
    const Tile *t = is_tile(s) ? s->s->tile : NULL;
    int64_t width = t ? (int64_t)t->schedule.lanes * t->schedule.columns : 1;
    return t && t->n->extent > width && t->n->extent % width;
}

static inline void miss_tail(Planter *p, const Spot *s)
{
    Tile *t = s->s->tile;
    say(p, "a tile misses its last columns");
    int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns;
    SET(p, t->n->extent, t->n->extent / width * width);
}

static inline bool has_groups(const Spot *s)
{
    return is_tile(s) && s->s->tile->group;
}

static inline void mistake_group(Planter *p, const Spot *s)
{
    say(p, "a tile's columns read the group's beside theirs");
    SET(p, s->s->tile->group, s->s->tile->group * 2);
}

static inline void shift_tap(Planter *p, const Spot *s)
{
    say(p, "taps begin one too early");
    SET(p, tap_of(s)->pad, tap_of(s)->pad + 1);
    form_again(p, s);
}

static inline void loosen_tap(Planter *p, const Spot *s)
{
    say(p, "taps end one too late");
    SET(p, tap_of(s)->extent, tap_of(s)->extent + 1);
    form_again(p, s);
}

static inline void tighten_tap(Planter *p, const Spot *s)
{
    say(p, "taps end one too early");
    SET(p, tap_of(s)->extent, tap_of(s)->extent - 1);
    form_again(p, s);
}

/* ---- rows ------------------------------------------------------------------------------------------ */
static inline bool is_stored_before(const Spot *s, const Buffer *b)
{
    for (int i = 0; i < s->i; i++)
        for (int j = 0; j < s->k->stages.at[i]->items.n; j++)
            if (s->k->stages.at[i]->items.at[j].buffer == b)
                return true;
    return false;
}

/* A stage of several rows that reads what an earlier one has made of its row, in the place where the others have theirs. */
static inline bool keeps_its_row(const Spot *s)
{
    const Tile *t = kernel_tile(s->k);
    bool keeps = false;
    for (int i = 0; i < s->k->locals.n; i++)
        keeps |= is_stored_before(s, s->k->locals.at[i]) && stage_loads(s->s, s->k->locals.at[i]);
    return keeps && !is_tile(s) && t && t->m && t->m->extent > 1 && t->schedule.rows > 1;
}

static inline void wait_for_rows(Planter *p, const Spot *s)
{
    say(p, "all rows go by before a stage");
    SET(p, s->s->behind_rows, true);
}

#endif
