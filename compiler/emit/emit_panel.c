/* SPDX-License-Identifier: MIT */
/* emit_panel.c: a contraction in blocks of the steps of k, between which its sums wait in memory, and one whose right operand is
 * copied by panels: a tile's columns, for such a block. */
#include "emit_internal.h"

#include <inttypes.h>
#include <string.h>

/* The loop over the tiles of a panel, by their first columns. */
static int open_tiles(Out *o, const Tile *t)
{
    const int64_t width = t->schedule.lanes * t->schedule.columns;
    if (t->schedule.panel_tiles <= 1)
        return 0;
    open_block(o, arena_printf(o->a, "for (int p = 0; p < %" PRId64 "; p += %" PRId64 ") {", width * t->schedule.panel_tiles, width));
    return 1;
}

/* The k loops, around loops over the columns. */
static void print_copy(Out *o, const Tile *t)
{
    StrBuf to = {.a = o->a}, from = {.a = o->a};
    for (int i = 0; i < t->nk; i++) {
        const char *v = t->k[i].var->name, *in = v;
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s++) {", v, v, k_steps(t, i), v));
        sb_printf(&to, "%s * %" PRId64 " + ", v, t->k[i].panel);
        if (i == t->schedule.k_split)
            in = arena_printf(o->a, "(%s_0 + %s)", v, v);
        sb_printf(&from, "%s * %" PRId64 " + ", in, t->k[i].b);
    }
    int opened = open_tiles(o, t);
    if (opened)
        sb_printf(&to, "p * %" PRId64 " + ", panel_rows(t));
    open_block(o, arena_printf(o->a, "for (int j = 0; j < %d; j++) {", t->schedule.lanes * t->schedule.columns));
    line(o, "panel[%sj] = (%s)[%sj];", sb_text(&to), tile_pointer(o, t->b, t->b_at, tile_column(o, t)), sb_text(&from));
    close_loops(o, t->nk + opened + 1);
}

/* All rows, inside of a panel's loops. */
static void print_tiles(Out *o, const Stage *tile)
{
    const Tile *t = tile->tile;
    int opened = open_tiles(o, t);
    o->wants_rows = false;
    opened += open_outer(o, t, t->schedule.outside, o->k->nouter);
    opened += open_rows(o, t);
    print_tile(o, tile);
    o->block = NULL;
    close_loops(o, opened);
}

/* The first stage behind the tile that it does not do itself; 0: none. */
static int stages_behind(const Out *o)
{
    for (int i = 1; i < o->k->stages.n; i++)
        if (!o->k->stages.at[i]->in_tile)
            return i;
    return 0;
}

static void print_stages(Out *o, const Stage *tile)
{
    const Tile *t = tile->tile;
    o->wants_rows = true;
    int opened = open_outer(o, t, t->schedule.outside, o->k->nouter);
    opened += open_rows(o, t);
    print_rows(o, stages_behind(o), t);
    o->block = NULL;
    close_loops(o, opened);
}

/* The loops over blocks, by the first step of each. */
static int open_blocks(Out *o, const Tile *t)
{
    int opened = 0;
    for (int i = 0; i < t->nk; i++) {
        const char *v = t->k[i].var->name;
        if (!k_is_cut(t, i))
            continue;
        open_block(o, arena_printf(o->a, "for (int %s_0 = 0; %s_0 < %" PRId64 "; %s_0 += %" PRId64 ") {", v, v, t->k[i].var->extent, v,
                                   k_steps(t, i)));
        opened++;
    }
    return opened;
}

/* Of the panel that has all columns: what lies behind the tiles of some rows is done before the next rows. */
static void print_one_panel(Out *o, const Stage *tile)
{
    const Tile *t = tile->tile;
    o->wants_rows = stages_behind(o) > 0;
    int opened = open_outer(o, t, t->schedule.outside, o->k->nouter);
    opened += open_rows(o, t);
    int tiles = open_tiles(o, t);
    print_tile(o, tile);
    close_loops(o, tiles);
    if (stages_behind(o))
        print_rows(o, stages_behind(o), t);
    o->block = NULL;
    close_loops(o, opened);
}

void print_k_blocks(Out *o, const Stage *tile)
{
    const Tile *t = tile->tile;
    const int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns * t->schedule.panel_tiles;
    int opened = 0;
    if (width)
        line(o, "float panel[%" PRId64 "] DL_ALIGNED;", panel_rows(t) * width);
    if (width && t->n->extent != width) {
        open_steps(o, t);
        opened++;
    }
    opened += open_blocks(o, t);
    if (width)
        print_copy(o, t);
    else if (t->n->extent != column_step(t)) {      /* a block's columns stay in L1 for all rows */
        open_steps(o, t);
        opened++;
    }
    print_next_columns(o, t);
    if (panel_is_whole(t)) {
        print_one_panel(o, tile);
        return;
    }
    print_tiles(o, tile);
    close_loops(o, opened);
    if (stages_behind(o))
        print_stages(o, tile);
}
