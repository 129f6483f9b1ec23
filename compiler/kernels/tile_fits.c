/* SPDX-License-Identifier: MIT */
/* tile_fits.c: which schedules there can be for a contraction on a target. */
#include "tile_schedule.h"

enum {
    MOST_PANEL = 96 << 10,          /* bytes of a panel: it lies on the stack; */
    MOST_ONE_PANEL = 256 << 10,     /* and of one that is all there is, where L2 has four times as much */
};

int64_t contraction_columns(const Contraction *k)
{
    return k->group ? k->group : k->extent[k->n_axis];
}

/* A tile has columns of one group, which read the same of the left operand, or vectors of several; and makes no column twice where there are groups. Where
 * vectors run along k it has all columns. */
bool tile_width_fits(const Contraction *k, const TileSchedule *s)
{
    const int64_t width = (int64_t)s->lanes * s->columns, extent = contraction_columns(k);
    if (k->k_lanes)
        return s->lanes == 1 && width == extent;
    if (spans_groups(k, s))
        return width <= k->extent[k->n_axis];
    return width <= extent && (!k->group || extent % width == 0);
}

/* A single row uses each vector of b at once, which then needs no register. */
bool tile_has_one_row(const Contraction *k)
{
    for (int i = 0; i < k->n_axis; i++)
        if (k->extent[i] > 1)
            return false;
    return true;
}

/* May its steps run backwards in odd turns of the loop around it? */
bool tile_may_zigzag(const Contraction *k, const TileSchedule *s)
{
    return k->turn && k->nloop == 1 && k->loop[0].tap < 0 && s->outside < 0 && s->unroll == 1;
}

/* May a tile fetch the rows of the next one? They lie along k, one behind the other. */
bool tile_may_prefetch(const Contraction *k, const TileSchedule *s)
{
    return s->lanes > 1 && s->row_axis >= 0 && s->row_axes == 1 && k->extent[s->row_axis] > s->rows && s->k_split < 0 && k->nloop == 1 &&
           k->loop[0].tap < 0 && k->loop[0].a == 1 && k->sa[s->row_axis] == k->loop[0].extent && k->sa[k->n_axis] == 0 && !k->group && s->unroll == 1;
}

/* May it fetch the columns of the next tiles, as fetch.c says? */
bool tile_may_fetch_columns(const Contraction *k, const TileSchedule *s)
{
    int64_t turns = 0;
    int large, nlarge;
    for (int i = 0, at = 0; i < k->n_axis; i++)
        if (i != s->row_axis && !(s->row_axes == 2 && i == s->row_axis + 1) && at++ >= s->outside && k->extent[i] > turns)
            turns = k->extent[i];
    if (s->row_axis >= 0 && turns < tile_lines(s))
        turns = tile_rows(k->extent[s->row_axis], s->rows, &large, &nlarge);
    return s->lanes > 1 && schedule_has_blocks(s) && s->unroll == 1 && turns >= tile_lines(s);
}

/* And the next block, as it lies? Its rows follow one another. */
bool tile_may_fetch_block(const Contraction *k, const TileSchedule *s)
{
    const int last = k->nloop - 1;
    return last >= 0 && k->loop[last].tap < 0 && k->loop[last].b == k->extent[k->n_axis] && tile_may_fetch_columns(k, s);
}

/* May it fetch lines of the result that the next tiles store? Not where they find their sums there, and add to them. */
bool tile_may_fetch_result(const TileSchedule *s)
{
    return s->lanes > 1 && s->row_axis >= 0 && s->k_split < 0 && !s->k_outer;
}

bool tile_may_fetch(const Contraction *k, const TileSchedule *s, Prefetch what)
{
    switch (what) {
    case FETCH_ROWS:
        return tile_may_prefetch(k, s);
    case FETCH_COLUMNS:
        return tile_may_fetch_columns(k, s);
    case FETCH_BLOCK:
        return tile_may_fetch_block(k, s);
    case FETCH_RESULT:
        return tile_may_fetch_result(s);
    default:
        return true;
    }
}

int contraction_tap(const Contraction *k, int axis)
{
    for (int i = 0; i < k->ntap; i++)
        if (k->tap[i].out == axis || k->tap[i].k == axis)
            return i;
    return -1;
}

/* Whether the taps of the i-th loop of k hang on that axis of the result. */
bool contraction_hangs_on(const Contraction *k, int i, int axis)
{
    return k->loop[i].tap >= 0 && k->tap[k->loop[i].tap].out == axis;
}

/* Whether the first loops of k, so many, may stand around all rows of two axes. */
bool tile_turns_fit(const Contraction *k, const TileSchedule *s, int loops)
{
    bool fit = true;
    for (int i = 0; i < loops && i < k->nloop; i++)
        fit &= !contraction_hangs_on(k, i, s->row_axis) && !contraction_hangs_on(k, i, s->row_axis + 1);
    return fit;
}

/* Tiles that do not have all taps in every row. */
int tile_edge_tiles(const Contraction *k, int axis, int rows)
{
    int tap = contraction_tap(k, axis), large, nlarge, edges = 0;
    int tiles = tile_rows(k->extent[axis], rows, &large, &nlarge);
    if (tap < 0)
        return 0;
    int64_t stride = k->tap[tap].stride, reach = (k->extent[k->tap[tap].k] - 1) * k->tap[tap].dilation;
    for (int64_t i = 0, at = 0; i < tiles; i++) {
        int64_t end = at + large - (i >= nlarge);
        edges += at * stride < k->tap[tap].pad || (end - 1) * stride + reach - k->tap[tap].pad >= k->tap[tap].extent;
        at = end;
    }
    return edges;
}

/* An axis whose positions may be rows: the right operand does not have it. */
bool contraction_gives_rows(const Contraction *k, int axis, const Target *target)
{
    return k->sb[axis] == 0 && k->extent[axis] > 1 && !(target->calls_gemm && contraction_tap(k, axis) >= 0);
}

/* ---- panels ---------------------------------------------------------------------------------------- */
/* A kernel's loops are the result's axes in order, but for the rows. Those up to the last that b has, too. */
int contraction_loops_of_right(const Contraction *k, int row_axis)
{
    int loops = 0;
    for (int i = 0, at = 0; i < k->n_axis; i++) {
        at += i != row_axis;
        loops = k->sb[i] ? at : loops;
    }
    return loops;
}

bool tile_is_one_panel(const Contraction *k, const TileSchedule *s)
{
    return s->panel_tiles && s->k_split < 0 && k->extent[k->n_axis] == (int64_t)s->panel_tiles * s->lanes * s->columns;
}

int64_t panel_room(const Target *target)
{
    return target->panel ? target->panel : MOST_PANEL;
}

int64_t tile_most_panel(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t room = target->l2 / 4 < MOST_ONE_PANEL ? target->l2 / 4 : MOST_ONE_PANEL;
    return tile_is_one_panel(k, s) && !target->panel && room > MOST_PANEL ? room : panel_room(target);
}

/* Whether each sum runs through what is contracted as its loops do. */
bool tile_keeps_order(const TileSchedule *s)
{
    return !s->zigzag && (s->k_split < 0 || s->k_split == s->k_outer);
}

/* Otherwise the last tile makes some columns of the one before it again. */
bool tile_divides_columns(const Contraction *k, const TileSchedule *s)
{
    return k->extent[k->n_axis] % ((int64_t)s->lanes * s->columns) == 0;
}

/* All positions of the next axis may be rows too, in a kernel whose only contraction it is. */
bool contraction_gives_two(const Contraction *k, int axis, const Target *target)
{
    return k->alone && !target->calls_gemm && axis >= 0 && axis + 1 < k->n_axis && contraction_gives_rows(k, axis + 1, target) &&
           k->extent[axis + 1] <= TALLEST;
}

/* NULL where the steps of k may be cut so. */
static const char *blocks_fit(Arena *a, const Contraction *k, const TileSchedule *s)
{
    int least = contraction_loops_of_right(k, s->row_axis), around = k->n_axis - (s->row_axis >= 0);
    if (!k->alone || s->lanes == 1)
        return "panels and blocks want vectors, and a kernel that begins with its only contraction";
    if (s->outside < (s->panel_tiles ? least : 0) || s->outside > around)
        return arena_printf(a, "outside is from %d to %d", s->panel_tiles ? least : 0, around);
    if (!s->panel_tiles && !tile_divides_columns(k, s))
        return "blocks without panels want tiles that divide the columns evenly";
    if (s->k_split < -1 || s->k_split >= k->nloop)
        return arena_printf(a, "k_split is from -1 to %d", k->nloop - 1);
    if (s->k_split >= 0 && (s->k_block < 1 || k->loop[s->k_split].extent % s->k_block))
        return arena_printf(a, "k_block divides the %lld steps of the loop", (long long)k->loop[s->k_split].extent);
    if (s->k_outer < 0 || s->k_outer > (s->k_split < 0 ? k->nloop : s->k_split))
        return "k_outer is from 0 to k_split, or without that to the loops over what is contracted";
    for (int i = 0; i < k->nloop; i++)
        if ((i < s->k_outer || i == s->k_split) && contraction_hangs_on(k, i, s->row_axis))
            return "the loop whose taps hang on the rows is not cut";
    return NULL;
}

/* NULL where b may be copied so; without panels and blocks, what is said of them does not count. */
static const char *panels_fit(Arena *a, const Contraction *k, const Target *target, TileSchedule *s)
{
    int64_t width = (int64_t)s->lanes * s->columns, bytes = 4 * width * s->panel_tiles * contraction_steps(k);
    if (s->panel_tiles == 0 && s->k_split < 0 && s->k_outer == 0) {
        s->outside = s->k_split = -1;
        s->k_block = 0;
        return NULL;
    }
    const char *why = blocks_fit(a, k, s);
    if (why || s->panel_tiles == 0)
        return why;
    if (s->panel_tiles < 1 || (s->panel_tiles > 1 && k->extent[k->n_axis] % (width * s->panel_tiles)))
        return "the tiles of a panel are 1, or as many as divide the columns evenly";
    if (s->k_outer || (s->k_split >= 0 && k->loop[s->k_split].tap >= 0))
        return "a panel holds blocks of one loop, which has no taps";
    if (s->k_split >= 0)
        bytes = bytes / k->loop[s->k_split].extent * s->k_block;
    int64_t most = tile_most_panel(k, target, s);
    return bytes > most ? arena_printf(a, "a panel of %lld bytes is above %lld", (long long)bytes, (long long)most) : NULL;
}

const char *tile_schedule_fits(Arena *a, const Contraction *k, const Target *target, TileSchedule *s)
{
    enum { MOST_ROWS = 32 };        /* bits of TilePart.rows */
    int64_t rows = 1;
    if (s->row_axis < -1 || s->row_axis >= k->n_axis)
        return arena_printf(a, "row_axis is from -1 to %d", k->n_axis - 1);
    if (s->row_axis >= 0 && !contraction_gives_rows(k, s->row_axis, target))
        return arena_printf(a, "axis %d gives no rows: it has one position, or the right operand has it", s->row_axis);
    if (s->row_axes != 1 && s->row_axes != 2)
        return "row_axes is 1 or 2";
    if (s->row_axes == 2 && (s->row_axis < 0 || !contraction_gives_two(k, s->row_axis, target)))
        return "two axes of rows want a short second one that gives rows, and a kernel that begins with its only contraction";
    if (s->row_axes == 2 && (s->panel_tiles || s->k_split >= 0 || s->unroll > 1 || !tile_turns_fit(k, s, s->k_outer)))
        return "panels, blocks of a loop of k and steps written out want rows of one axis";
    const int most = (target->calls_gemm ? MOST_GEMM_ROWS : MOST_ROWS) / tile_inner_rows(k, s);
    if (s->rows < 1 || s->rows > most)
        return arena_printf(a, "rows is from 1 to %d", most);
    if (s->lanes < 1 || s->lanes > target->lanes || (s->lanes & (s->lanes - 1)) || (s->lanes > 1 && s->lanes < LEAST_LANES))
        return arena_printf(a, "lanes is 1, or a power of two from %d to the %d of %s", LEAST_LANES, target->lanes, target->name);
    if (s->columns < 1 || s->columns > WIDEST || !tile_width_fits(k, s))
        return arena_printf(a, k->group ? "columns is from 1 to %d, and columns times lanes divides %lld, a group's columns"
                                        : "columns is from 1 to %d, and columns times lanes at most %lld, the result's columns",
                            WIDEST, (long long)contraction_columns(k));
    if (s->row_axis >= 0 && tile_edge_tiles(k, s->row_axis, s->rows) > MOST_EDGE_TILES)
        return arena_printf(a, "so few rows need more than %d tiles at the padded edges", MOST_EDGE_TILES);
    if (!unroll_fits(k, s))
        return "unroll is a number of steps with which a loop over what is contracted ends, as all of the innermost one";
    const char *why = panels_fit(a, k, target, s);
    why = why ? why : abreast_fits(k, target, s);
    why = why ? why : groups_fit(k, s);
    if (why)
        return why;
    if (target->deterministic && !tile_keeps_order(s))
        return "with --deterministic sums keep their order: k_split is k_outer or -1, zigzag 0";
    if (s->zigzag < 0 || s->zigzag > 1 || s->prefetch < FETCH_NOTHING || s->prefetch > FETCH_BLOCK)
        return "prefetch is from 0 to 4, zigzag 0 or 1";
    if (!tile_may_fetch(k, s, (Prefetch)s->prefetch))
        s->prefetch = FETCH_NOTHING;
    s->zigzag &= tile_may_zigzag(k, s);
    int nlarge;
    if (s->row_axis >= 0)
        rows = k->extent[s->row_axis];
    tile_rows(rows, s->rows, &s->rows, &nlarge);
    return NULL;
}
