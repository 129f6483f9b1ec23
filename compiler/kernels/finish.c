/* SPDX-License-Identifier: MIT */
/* finish.c: element work that a tile does on its sums before it stores them: a bias, an activation. A loop of its own loads and
 * stores every sum again, which takes a core without vectors as long as several multiply-adds. */
#include "lower.h"

enum {
    MOST_FINISHED = 6,      /* operations: they are written out for each sum of a tile */
    FEW_STEPS = 64,         /* of a sum: with more, what a loop would cost is little beside it */
};

static bool is_cheap(Op op)
{
    return op == OP_ADD || op == OP_SUB || op == OP_MUL || op == OP_NEG || op == OP_MAX2 || op == OP_MIN2;
}

/* Made by the kernel itself. */
static bool is_made_here(const Kernel *k, Buffer *b)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].buffer && buffer_root(k->stages.at[i]->items.at[j].buffer) == buffer_root(b))
                return true;
    return false;
}

bool finish_is_sum(const Stage *s, const Ex *e)
{
    return e->kind == X_LOAD && buffer_root(e->buffer) == buffer_root(s->items.at[0].buffer) && lin_eq(e->at, s->items.at[0].at);
}

/* The same for all rows: a number for each column, or for all. */
static bool is_by_column(const Kernel *k, const Tile *t, const Stage *s, const Ex *e)
{
    return e->kind == X_LOAD && e->dt == DT_F32 && !is_made_here(k, e->buffer) && lin_is_affine(e->at) && (!t->m || !lin_uses(e->at, t->m)) &&
           (lin_factor(e->at, s->loop[0]) == 1 || !lin_uses(e->at, s->loop[0]));
}

static bool is_fit(Arena *a, const Kernel *k, const Tile *t, const Stage *s, const Ex *e, int *left, ExList *operands)
{
    if (e->kind == X_CONST || finish_is_sum(s, e))
        return e->dt == DT_F32;
    if (e->kind == X_LOAD) {
        if (!is_by_column(k, t, s, e) || operands->n == FINISH_OPERANDS)
            return false;
        vec_push(a, operands, (Ex *)e);
        return true;
    }
    if (e->kind != X_OP || e->dt != DT_F32 || !is_cheap(e->op) || --*left < 0)
        return false;
    for (int i = 0; i < e->nin; i++)
        if (!is_fit(a, k, t, s, e->in[i], left, operands))
            return false;
    return true;
}

static int64_t steps_of(const Tile *t)
{
    int64_t steps = 1;
    for (int i = 0; i < t->nk; i++)
        steps *= t->k[i].var->extent;
    return steps;
}

/* Whether the stage stores what the tile does, where the tile does. */
static bool is_in_place(Arena *a, const Tile *t, const Stage *tile, const Stage *s)
{
    const Item *item = &s->items.at[0];
    if (!item->buffer || buffer_root(item->buffer) != buffer_root(tile->items.at[0].buffer) || lin_factor(item->at, s->loop[0]) != 1)
        return false;
    const Lin *rest = lin_without(a, item->at, s->loop[0]);
    if (t->m && lin_factor(rest, t->m) != t->c_m)
        return false;
    return lin_eq(t->m ? lin_without(a, rest, t->m) : rest, t->c_at);
}

bool tile_may_finish(Arena *a, const Kernel *k, int stage, ExList *operands)
{
    const Stage *tile = stage > 0 ? k->stages.at[stage - 1] : NULL, *s = k->stages.at[stage];
    const Tile *t = tile ? tile->tile : NULL;
    int left = MOST_FINISHED;
    return t && s->kind == STAGE_MAP && s->items.n == 1 && s->nloop == 1 &&
           t->schedule.lanes == 1 && t->schedule.panel_tiles == 0 && t->schedule.k_split < 0 && t->schedule.outside < 0 && !t->inner &&
           s->loop[0]->extent == t->n->extent && s->items.at[0].unit->type.dt == DT_F32 &&
           is_in_place(a, t, tile, s) && is_fit(a, k, t, s, s->items.at[0].value, &left, operands);
}

void finish_tiles(Plan *p)
{
    if (!p->target->issue || p->target->calls_gemm)
        return;
    for (int i = 0; i < p->kernels.n; i++) {
        Kernel *k = p->kernels.at[i];
        for (int j = 1; j < k->stages.n; j++) {
            ExList operands = {0};
            Tile *t = k->stages.at[j - 1]->tile;
            if (!t || steps_of(t) > FEW_STEPS || !tile_may_finish(p->a, k, j, &operands))
                continue;
            k->stages.at[j]->in_tile = true;
            t->finish = k->stages.at[j];
            t->operands = operands;
        }
    }
}
