/* SPDX-License-Identifier: MIT */
/* fetch.c: what is fetched into the cache while a tile is made: the rows that the next one reads of the left operand, the columns that
 * the next ones read of the right one, or the lines that the next ones store, of a result that no cache has.
 *
 * Columns are for blocks of k without panels. There all rows go through a block's columns before the next columns, so that these have
 * the time of all of them to come: in each turn of one of the loops over rows, each step fetches one of its lines.
 *
 * Where L2 has room for two blocks, it is the whole next block that is fetched meanwhile, in the order in which it lies in memory, each
 * tile's columns a share of it: caches see that coming and run ahead, which they do not with pieces of rows. */
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
