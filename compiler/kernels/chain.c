/* SPDX-License-Identifier: MIT */
/* chain.c: a contraction of rows that its own kernel has just made.
 *
 * Where a contraction's left operand is made by another contraction and work on its rows (scores, their softmax), and its right
 * operand differs from one outer position to the next (values, of each example and head), both become tiles of one kernel. They
 * share a block of rows, and what lies between them is as large as that block: it stays in the cache however long the rows are. */
#include "lower.h"

static bool is_batched(const Node *n)
{
    return n->op == OP_DOT && n->attr.dot.nbatch > 0;
}

static bool makes(const Group *g, const Buffer *b)
{
    for (int i = 0; i < g->units.n; i++)
        if (g->units.at[i]->buffer == b)
            return true;
    return false;
}

bool may_chain(Lower *c, const Unit *u, int group)
{
    const Group *g = group < 0 ? NULL : c->groups.at[group];
    const Unit *first = g ? g->units.at[0] : NULL;
    Contraction k, k_first;
    if (!g || !is_batched(u->node) || first->kind != UNIT_VALUE || !is_batched(first->node) || u->max_outer != g->outer)
        return false;
    if (!contraction_analyse(c, u->node, &k) || !contraction_analyse(c, first->node, &k_first))
        return false;
    const int rows = tile_choose(c, &k).row_axis;
    return rows >= 0 && rows == tile_choose(c, &k_first).row_axis && makes(g, k.a) && !makes(g, k.b);
}

const Tile *kernel_tile(const Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++)
        if (k->stages.at[i]->kind == STAGE_TILE)
            return k->stages.at[i]->tile;
    return NULL;
}

/* Tiles of one kernel have the same rows, those of the one that has the fewest, and are made block by block. */
void share_rows(Kernel *k, Tile *t)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Tile *other = k->stages.at[i]->tile;
        if (!other)
            continue;
        if (other->schedule.rows < t->schedule.rows)
            t->schedule.rows = other->schedule.rows;
        t->block = other->block;
        t->number++;
    }
    if (t->schedule.rows < tile_extent(t) && !t->block) {
        t->block = NEW(k->a, Var);
        *t->block = (Var){.id = k->nvar++, .extent = t->m->extent, .name = arena_printf(k->a, "%s_0", t->m->name)};
    }
    tile_forms(k->a, t);
    for (int i = 0; i < k->stages.n; i++) {
        Tile *other = k->stages.at[i]->tile;
        if (!other)
            continue;
        other->block = t->block;
        if (other->schedule.rows == t->schedule.rows)
            continue;
        other->schedule.rows = t->schedule.rows;
        tile_forms(k->a, other);
    }
}

static bool loads(const Ex *e, const Buffer *b)
{
    if (e->kind == X_LOAD && e->buffer == b)
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (loads(e->part.at[i], b))
            return true;
    return false;
}

bool stage_loads(const Stage *s, const Buffer *b)
{
    for (int i = 0; i < s->items.n; i++)
        if (s->items.at[i].value && loads(s->items.at[i].value, b))
            return true;
    return s->tile && (s->tile->a == b || s->tile->b == b);
}

static bool stage_stores(const Stage *s, const Buffer *b)
{
    for (int i = 0; i < s->items.n; i++)
        if (s->items.at[i].buffer == b)
            return true;
    return false;
}

bool crosses_rows(const Kernel *k, const Buffer *b)
{
    bool stored = false, crossed = false;
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        crossed |= stored && (s->kind == STAGE_TILE || s->behind_rows);
        if (crossed && stage_loads(s, b))
            return true;
        stored |= stage_stores(s, b);
    }
    return false;
}
