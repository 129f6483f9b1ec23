/* SPDX-License-Identifier: MIT */
/* fetch.c: what is fetched into the cache while a tile is made: the rows that the next one reads of the left operand, the columns that
 * the next ones read of the right one, or the lines that the next ones store, of a result that no cache has.
 *
 * Rows are asked for in the order of memory, through one after the other: so caches see them coming, as a tile's own steps, which go on in all of its
 * rows at once, do not let them.
 *
 * Columns are for blocks of k without panels. There all rows go through a block's columns before the next columns, so that these have
 * the time of all of them to come: in each turn of one of the loops over rows, each step fetches one of its lines.
 *
 * Where L2 has room for two blocks, it is the whole next block that is fetched meanwhile, in the order in which it lies in memory, each
 * tile's columns a share of it: caches see that coming and run ahead, which they do not with pieces of rows.
 *
 * A tile whose rows are neighbours in the left operand, as those of a kernel's gradient are, reads a piece of a row of that in each step, and each lies on another
 * line: of a tensor beyond L2 steps ask for what those some steps further on read, also in a block of k. */
#include "lower.h"

enum {
    COME = 300,             /* cycles until a line is there from beyond L2 */
    LEAST_STEPS = 64,       /* of a sum in which that counts */
    SMALL = 8,              /* of L2: a tensor below the 8th may still be there */
};

int tile_lines(const TileSchedule *s)
{
    const int lines = s->lanes * s->columns / LINE;
    return lines > 1 ? lines : 1;
}

bool tile_fetches_rows(const Tile *t)
{
    return t->schedule.prefetch == FETCH_ROWS;
}

bool tile_fetches_columns(const Tile *t)
{
    return t->schedule.prefetch == FETCH_COLUMNS || tile_fetches_block(t);
}

bool tile_fetches_block(const Tile *t)
{
    return t->schedule.prefetch == FETCH_BLOCK;
}

int64_t rows_in_sequence(const Tile *t)
{
    const int last = t->nk - 1;
    return k_steps(t, last) * (last && k_is_joined(t, last - 1) ? t->k[last - 1].var->extent : 1);
}

bool tile_fetches_result(const Tile *t)
{
    return t->schedule.prefetch == FETCH_RESULT;
}

const Var *fetching_loop(const Kernel *k, const Tile *t)
{
    const int lines = tile_lines(&t->schedule);
    const Var *last = NULL;
    int large, nlarge;
    for (int i = 0, at = 0; i < k->nouter; i++) {
        const Var *v = k->outer[k->order[i]];
        if (v == t->m || v == t->inner)
            continue;
        if (at++ >= t->schedule.outside && v->extent >= lines)
            last = v;
    }
    if (!last && t->block && tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge) >= lines)
        last = t->block;
    return last;
}

/* ---- the left operand ------------------------------------------------------------------------------ */
static bool walks_by_rows(const Tile *t)
{
    return t->nk == 1 && !t->k[0].tapped && t->k[0].a >= LINE && k_steps(t, 0) >= LEAST_STEPS && t->m && t->a_m == 1 && !t->a_n && !t->inner && !t->turn;
}

static int steps_between(const Plan *p, const Tile *t)
{
    const TileSchedule *s = &t->schedule;
    const bool far = 4 * type_count(buffer_root(t->a)->type) >= p->target->l2 / SMALL;
    if (!far || !walks_by_rows(t) || t->ahead.n || s->prefetch || s->unroll > 1 || s->lanes < p->target->lanes)
        return 0;
    return COME * p->target->pipes / (s->rows * s->columns) + 1;
}

void fetch_left(Plan *p)
{
    for (int i = 0; i < p->kernels.n && p->target->l2_width && p->target->lanes > 1; i++)
        for (int j = 0; j < p->kernels.at[i]->stages.n; j++)
            if (p->kernels.at[i]->stages.at[j]->tile)
                p->kernels.at[i]->stages.at[j]->tile->lead = steps_between(p, p->kernels.at[i]->stages.at[j]->tile);
}
