/* SPDX-License-Identifier: MIT */
/* emit_fetch.c: what a tile fetches into the cache for those after it: see kernels/fetch.c. */
#include "emit_internal.h"

#include <inttypes.h>

/* A line of one of the next rows a step. */
static void fetch_rows(Out *o, const Tile *t, int rows)
{
    const char *k = t->k[0].var->name;
    int64_t lines = ((t->schedule.k_split >= 0 ? t->schedule.k_block : t->k[0].var->extent) + LINE - 1) / LINE;
    line(o, "DL_PREFETCH(a, at + (%d + %s / %" PRId64 ") * %" PRId64 " + %s %% %" PRId64 " * %d);", rows, k, lines, t->a_m, k, lines, LINE);
}

void print_fetch(Out *o, const Tile *t, int rows)
{
    if (tile_fetches_rows(t))
        fetch_rows(o, t, rows);
}

void print_fetch_columns(Out *o, const Tile *t)
{
    if (tile_fetches_columns(t))
        line(o, "DL_PREFETCH(bk, next);");
}

/* From a tile's columns to those that are next: of the same block, or the first of the block behind it. */
void print_next_columns(Out *o, const Tile *t)
{
    const int64_t last = t->n->extent - column_step(t), far = next_block(t) - last;
    if (!tile_fetches_columns(t))
        return;
    if (last)
        line(o, "const int next = n < %" PRId64 " ? %" PRId64 " : %" PRId64 ";", last, column_step(t), far);
    else
        line(o, "const int next = %" PRId64 ";", far);
}

const char *fetch_argument(Out *o, const Tile *t)
{
    const Var *v = fetching_loop(o->k, t);
    const int lines = tile_lines(&t->schedule);
    if (!tile_fetches_columns(t))
        return "";
    if (lines == 1)
        return ", next";
    const char *turn = v == t->block ? arena_printf(o->a, "%s / %d", v->name, t->schedule.rows) : v->name;
    return arena_printf(o->a, ", next + %s %% %d * %d", turn, lines, LINE);
}
