/* SPDX-License-Identifier: MIT */
/* block.c: a tile's result that only its own kernel reads, row by row behind the tile, needs no more room
 * than the rows of one block: the gradient between its product and the optimizer's update, for one. */
#include "lower.h"

/* From a place in the whole result to the same element's in the block: the outer loops go, but for the row.
 */
static const Lin *place_in_block(const Kernel *k, const Tile *t, const Lin *at)
{
    for (int i = 0; i < k->nouter; i++)
        at = lin_without(k->a, at, k->outer[i]);
    if (!t->m)
        return at;
    at = lin_add(k->a, at, lin_scale(k->a, lin_var(k->a, t->m), t->n->extent));
    return t->block ? lin_add(k->a, at, lin_scale(k->a, lin_var(k->a, t->block), -t->n->extent)) : at;
}

typedef VEC(Ex *) Loads;

static void find_loads(const Kernel *k, Ex *e, const Buffer *b, Loads *loads)
{
    for (int i = 0; i < loads->n; i++)
        if (loads->at[i] == e)
            return;
    if (e->kind == X_LOAD && e->buffer == b)
        vec_push(k->a, loads, e);
    for (int i = 0; i < e->part.n; i++)
        find_loads(k, e->part.at[i], b, loads);
}

/* Everything that lies along the other outer loops must lie in the row it is read for. */
static bool stays_in_row(const Kernel *k, const Tile *t, const Lin *at)
{
    int64_t lo, hi;
    for (int i = 0; i < k->nouter; i++) {
        at = lin_without(k->a, at, k->outer[i]);
        if (lin_uses(at, k->outer[i]))
            return false;
    }
    lin_range(at, &lo, &hi);
    return lo >= 0 && hi < t->n->extent;
}

static void shrink_result(const Step *step)
{
    Kernel *k = step->kernel;
    Stage *s = k->stages.at[0];
    if (s->kind != STAGE_TILE || k->stages.n < 2)
        return;
    Tile *t = s->tile;
    Buffer *b = s->items.at[0].buffer;
    if (b->kind != BUFFER_ARENA || b->first != step->at || b->last != step->at || b->shared || b->alias)
        return;
    Loads loads = {0};
    for (int i = 1; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            find_loads(k, k->stages.at[i]->items.at[j].value, b, &loads);
    for (int i = 0; i < loads.n; i++)
        if (!stays_in_row(k, t, loads.at[i]->at))
            return;
    for (int i = 0; i < loads.n; i++)
        loads.at[i]->at = place_in_block(k, t, loads.at[i]->at);
    int rows = t->m ? t->schedule.rows : 1;
    b->block = true;
    b->type = type_make(b->type.dt, 2, (int64_t[]){rows, t->n->extent});
    t->c_m = t->n->extent;
    t->c_at = lin_const(k->a, 0);
    if (t->block)
        t->c_at = lin_scale(k->a, lin_var(k->a, t->block), -t->c_m);
    s->items.at[0].at = t->c_at;
}

static void shrink_in_steps(Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN)
            shrink_in_steps(steps[i]->body.at, steps[i]->body.n);
        else
            shrink_result(steps[i]);
}

void shrink_to_blocks(Plan *p)
{
    shrink_in_steps(p->steps.at, p->steps.n);
}
