/* SPDX-License-Identifier: MIT */
/* fetch.c: what is fetched into the cache while a tile is made: the rows that the next one reads of the left operand, the columns that
 * the next ones read of the right one, or the lines that the next ones store, of a result that no cache has.
 *
 * Columns are for blocks of k without panels. There all rows go through a block's columns before the next columns, so that these have
 * the time of all of them to come: in each turn of one of the loops over rows, each step fetches one of its lines. */
#include "lower.h"

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
    return t->schedule.prefetch == FETCH_COLUMNS;
}

bool tile_fetches_result(const Tile *t)
{
    return t->schedule.prefetch == FETCH_RESULT;
}

int64_t next_block(const Tile *t)
{
    for (int i = t->nk - 1; i >= 0; i--)
        if (k_is_cut(t, i))
            return k_steps(t, i) * t->k[i].b;
    return 0;
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
