/* SPDX-License-Identifier: MIT */
/* block.c: what only a kernel itself reads needs no more room than one turn of its outer loops does, where each reads what it has made itself; of a kernel
 * with tiles, row by row or by its next tile, than the rows of one block: the gradient between its product and the optimizer's update, for one, or an
 * attention's scores. */
#include "lower.h"

typedef struct Shrink {         /* values of a kernel that share a storage */
    const Kernel *k;
    const Tile *first;          /* the kernel's, or NULL */
    const Buffer *root;
    int64_t width;              /* elements of a row */
    VEC(Ex *) loads;
} Shrink;

static bool is_shrunk(const Shrink *s, Buffer *b)
{
    return b && buffer_root(b) == s->root;
}

static void find_loads(Shrink *s, Ex *e)
{
    for (int i = 0; i < s->loads.n; i++)
        if (s->loads.at[i] == e)
            return;
    if (e->kind == X_LOAD && is_shrunk(s, e->buffer))
        vec_push(s->k->a, &s->loads, e);
    for (int i = 0; i < e->part.n; i++)
        find_loads(s, e->part.at[i]);
}

/* The place in its row of what lies at a place in the whole tensor. */
static const Lin *place_in_row(const Shrink *s, const Lin *at)
{
    for (int i = 0; i < s->k->nouter; i++)
        at = lin_without(s->k->a, at, s->k->outer[i]);
    return at;
}

/* Elements of the block from one row of the tiles' first axis to the next. */
static int64_t row_step(const Shrink *s)
{
    return s->width * tile_inner(s->first);
}

/* From a place in the whole tensor to the same element's in the block, at row m; without m at the block's first row, from which
 * tiles count. */
static const Lin *place_in_block(const Shrink *s, const Lin *at, Var *m)
{
    Arena *a = s->k->a;
    at = place_in_row(s, at);
    if (m)
        at = lin_add(a, at, lin_scale(a, lin_var(a, m), row_step(s)));
    if (m && s->first->inner)
        at = lin_add(a, at, lin_scale(a, lin_var(a, s->first->inner), s->width));
    return s->first && s->first->block ? lin_add(a, at, lin_scale(a, lin_var(a, s->first->block), -row_step(s))) : at;
}

/* Everything that lies along the outer loops must lie in the row it is for. */
static bool stays_in_row(const Shrink *s, const Lin *at)
{
    int64_t lo, hi;
    at = place_in_row(s, at);
    for (int i = 0; i < s->k->nouter; i++)
        if (lin_uses(at, s->k->outer[i]))
            return false;
    lin_range(at, &lo, &hi);
    return lo >= 0 && hi < s->width;
}

/* A left operand. */
static bool operand_stays_in_row(const Shrink *s, const Tile *t)
{
    const Lin *at = lin_add(s->k->a, t->a_at, tile_left_column(s->k->a, t));
    for (int i = 0; i < t->nk; i++)
        at = lin_add(s->k->a, at, lin_scale(s->k->a, lin_var(s->k->a, t->k[i].var), t->k[i].a));
    return stays_in_row(s, at) && (!t->m || t->a_m == row_step(s)) && (!t->inner || t->a_inner == s->width);
}

static bool item_stays_in_row(const Shrink *s, const Stage *stage, const Item *item)
{
    if (stage->kind == STAGE_TILE)
        return stays_in_row(s, lin_add(s->k->a, stage->tile->c_at, lin_var(s->k->a, stage->tile->n)));
    return stays_in_row(s, item->at);
}

static bool all_stay_in_row(Shrink *s)
{
    for (int i = 0; i < s->k->stages.n; i++) {
        const Stage *stage = s->k->stages.at[i];
        if (stage->tile && (is_shrunk(s, stage->tile->b) || (is_shrunk(s, stage->tile->a) && !operand_stays_in_row(s, stage->tile))))
            return false;
        for (int j = 0; j < stage->items.n; j++) {
            const Item *item = &stage->items.at[j];
            if (item->value)
                find_loads(s, item->value);
            if (is_shrunk(s, item->buffer) && !item_stays_in_row(s, stage, item))
                return false;
        }
    }
    for (int i = 0; i < s->loads.n; i++)
        if (!stays_in_row(s, s->loads.at[i]->at))
            return false;
    return true;
}

static void shrink(const Shrink *s)
{
    Var *m = s->first ? s->first->m : NULL;
    const int64_t rows = m ? s->first->schedule.rows * tile_inner(s->first) : 1;
    for (int i = 0; i < s->loads.n; i++)
        s->loads.at[i]->at = place_in_block(s, s->loads.at[i]->at, m);
    for (int i = 0; i < s->k->stages.n; i++) {
        Stage *stage = s->k->stages.at[i];
        Tile *t = stage->tile;
        if (t && is_shrunk(s, t->a)) {
            t->a_at = place_in_block(s, t->a_at, NULL);
            t->a_m = t->m ? row_step(s) : 0;
            t->a_inner = t->inner ? s->width : 0;
        }
        for (int j = 0; j < stage->items.n; j++) {
            Item *item = &stage->items.at[j];
            if (!is_shrunk(s, item->buffer))
                continue;
            item->at = place_in_block(s, item->at, t ? NULL : m);
            if (t) {
                t->c_at = item->at;
                t->c_m = row_step(s);
                t->c_inner = s->width;
            }
            item->buffer->block = true;
            item->buffer->type = type_make(item->buffer->type.dt, 2, (int64_t[]){rows, s->width});
        }
    }
}

int64_t unit_row(const Kernel *k, const Unit *u)
{
    int64_t width = type_count(u->type);
    for (int i = 0; i < k->nouter; i++)
        width = width % k->outer[i]->extent ? 0 : width / k->outer[i]->extent;
    return width;
}

static void shrink_values(const Step *step)
{
    const Kernel *k = step->kernel;
    const Tile *first = kernel_tile(k);
    if (k->stages.n < 2 || (first ? k->stages.at[0]->tile != first : !k->nouter))
        return;
    if (first && first->schedule.outside >= 0 && !panel_is_whole(first))     /* what lies behind the tile waits for all panels and blocks */
        return;
    for (int i = 0; i < k->units.n; i++) {
        const Unit *u = k->units.at[i];
        if (!u->buffer || u->buffer->kind != BUFFER_ARENA || u->buffer->block || !unit_row(k, u) || (!first && unit_row(k, u) == type_count(u->type)))
            continue;
        const Buffer *root = buffer_root(u->buffer);
        Shrink s = {.k = k, .first = first, .root = root, .width = unit_row(k, u)};
        if (root->kind == BUFFER_ARENA && root->first == step->at && root->last == step->at && all_stay_in_row(&s))
            shrink(&s);
    }
}

static void shrink_in_steps(Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN)
            shrink_in_steps(steps[i]->body.at, steps[i]->body.n);
        else
            shrink_values(steps[i]);
}

void shrink_to_blocks(Plan *p)
{
    shrink_in_steps(p->steps.at, p->steps.n);
}
