/* SPDX-License-Identifier: MIT */
/* tile_schedule.c: how a contraction is cut into register tiles: of the ways there are (tile_fits.c) the one that costs least by a model of
 * the target (tile_cost.c).
 *
 * Where b does not stay in L1, and there are rows enough to pay for it, the columns of a tile are copied to an array first, a
 * panel, which all rows then use: its rows lie one behind the other, and on whole lines of the cache. Where L2 has room for all
 * columns, they are one panel, and what follows the sums of a few rows finds them in L1; where nothing does, a strip that L1 holds is copied in
 * half the time. A panel that is otherwise too
 * large for L1 holds a block of the steps of k only, and the tiles add to what is there (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", 2008).
 *
 * Blocks of k serve without panels, too: all tiles add the steps of a block to their sums before the next block begins, so that what a
 * block needs of both operands stays in L2, or in L1. So the gradient of a convolution's weights reads each image once, not once for
 * each of its tiles, and weights larger than L2 are read once.
 */
#include "tile_schedule.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_TILES = 4,         /* of a panel */
    FEW_STEPS = 16,         /* of a sum, which are written out */
    LEAST_STEPS = 64,       /* of a tile that fetches for the next one */
    LINE_COMES = 24,        /* vectors multiplied and added while a line comes from beyond L2, and more than that */
    LEAST_REUSE = 16,       /* rows that use a copy: with nine, tiles without were a tenth faster */
    HALF_PAGE = 2048,       /* bytes */
    PIECE = 256,            /* bytes of a row that are copied at once, or more: of half as many, tiles took a twentieth longer */
    REUSE = 128,            /* rows for which copying does not count: a step takes as long as three rows of it, about */
};

static const double WRITTEN = 0.002;     /* of a step written out: code, for what it does not gain */
static const double ONE_PANEL = 0.97;    /* of what tiles cost, where what follows them need not wait for all; */
static const double WHOLE_ROWS = 0.8;   /* where whole rows come from beyond L2 and go there, that lie half a page apart or more */

/* One row that streams through a right operand not much larger than L1, at each turn of a loop: what the last turn read last is still
 * there, and is read first. */
static bool is_better_zigzag(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return s->lanes > 1 && tile_has_one_row(k) && tile_may_zigzag(k, s) && tile_is_streamed(k, target, s) && tile_right_bytes(k) <= 4 * target->l1 && !target->calls_gemm;
}

/* Tiles walk through the left operand in as many places as they have rows, which is more than caches foresee. Where L2 does not have
 * it anyway, and there are steps enough to hide that it comes. */
static bool is_better_prefetched(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t left = 4 * contraction_steps(k);
    for (int i = 0; i < k->n_axis; i++)
        left *= k->sa[i] ? k->extent[i] : 1;
    return k->alone && tile_may_prefetch(k, s) && target->l2_width && contraction_steps(k) >= LEAST_STEPS && left > target->l2 / 2;
}

/* Whether all rows of a block are those of one loop around the tiles': with more of them, as over images, its lines would be asked for
 * again and again, which takes longer than to wait for columns. */
static bool block_is_for_one_loop(const Contraction *k, const TileSchedule *s)
{
    int loops = 0;
    for (int i = 0, at = 0; i < k->n_axis; i++)
        if (i != s->row_axis && at++ >= s->outside)
            loops += k->extent[i] > 1;
    return loops <= 1;
}

/* Where L2 does not have the right operand, the columns that come next have the time of those that are there, or the next block that of
 * this one. */
static Prefetch best_of_right(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (!tile_may_fetch_columns(k, s) || tile_right_bytes(k) <= target->l2 / 2)
        return FETCH_NOTHING;
    const bool both_fit = 2 * tile_right_bytes(k) / schedule_blocks(k, s) <= target->l2 / 2;
    return both_fit && block_is_for_one_loop(k, s) && tile_may_fetch_block(k, s) ? FETCH_BLOCK : FETCH_COLUMNS;
}

/* Where there is little to compute for each line that is stored, it is waited for: caches do not foresee what is written as well as what
 * is read. */
static bool is_better_fetching_result(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return k->alone && tile_may_fetch_result(s) && target->l2_width && k->stacked > target->l2 / 4 &&
           contraction_steps(k) * LINE <= LINE_COMES * s->lanes;
}

static Prefetch best_prefetch(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (is_better_prefetched(k, target, s))
        return FETCH_ROWS;
    if (is_better_fetching_result(k, target, s))
        return FETCH_RESULT;
    return best_of_right(k, target, s);
}

/* Loops of a few turns within each other, whose ends are mispredicted, take half as long again as their steps written out. */
static int best_unroll(const Contraction *k, const TileSchedule *s)
{
    TileSchedule whole = *s;
    int loops = 0;
    for (int i = 0; i < k->nloop; i++)
        loops += k->loop[i].extent > 1;
    if (s->lanes == 1 || s->abreast > 1 || s->row_axes == 2 || s->outside >= 0 || reads_by_column(k, s) || loops < 2 || contraction_steps(k) > FEW_STEPS)
        return s->unroll;
    whole.unroll = (int)contraction_steps(k);
    return unroll_fits(k, &whole) ? whole.unroll : s->unroll;
}

/* The most of the loops around panels or blocks that leave rows enough within, or else none but those that b has too. */
static int loops_outside(const Contraction *k, int row_axis)
{
    int64_t rows = row_axis < 0 ? 1 : k->extent[row_axis];
    int outside = k->n_axis - (row_axis >= 0);
    for (int i = k->n_axis - 1; i >= 0 && rows < REUSE; i--) {
        if (i == row_axis)
            continue;
        if (k->sb[i] != 0)
            break;
        rows *= k->extent[i];
        outside--;
    }
    return outside;
}

/* The largest divisor of `extent` that is not above `most`, which is 1 or more. */
static int64_t even_block(int64_t extent, int64_t most)
{
    int64_t block = most < extent ? most : extent;
    while (extent % block)
        block--;
    return block;
}

/* Cuts the outermost loop whose blocks make the panel no larger than `most` bytes, or else the smallest; a loop with taps is not
 * cut. false where the panel remains too large for the stack. */
static bool cut_panel(const Contraction *k, const Target *target, int64_t most, TileSchedule *s)
{
    int64_t step = 4ll * s->lanes * s->columns * s->panel_tiles, least = step * contraction_steps(k);
    s->k_split = -1;
    s->k_block = 0;
    for (int i = 0; i < k->nloop && least > most; i++) {
        int64_t rest = step * (contraction_steps(k) / k->loop[i].extent), room = most / rest > 0 ? most / rest : 1;
        int block = (int)even_block(k->loop[i].extent, room);
        if (k->loop[i].tap >= 0 || rest * block >= least)
            continue;
        least = rest * block;
        s->k_split = i;
        s->k_block = block;
    }
    return least <= panel_room(target);
}

/* ---- the search ------------------------------------------------------------------------------------ */
enum { BLOCKS = -2, BEST = -1, WHOLE = 0 };

typedef struct Search {
    const Contraction *k;
    const Target *target;
    int panel_tiles;        /* so many; WHOLE: none, and no blocks; BLOCKS: none; or BEST, what costs least */
    TileSchedule best;
    double least;
} Search;

/* A panel of a matrix product is a tile's columns, all steps of them, which L1 holds while all rows use them: where nothing but the tile wants
 * rows, L2 keeps the left operand for the next columns, and caches foresee the pieces that are copied. */
static bool is_strip(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return s->panel_tiles == 1 && s->k_split < 0 && k->nloop == 1 && k->loop[0].tap < 0 && !k->rows &&
           s->outside == contraction_loops_of_right(k, s->row_axis) && tile_rows_within(k, s) >= 2 * REUSE &&
           tile_column_bytes(k, s) <= target->l1 * 2 / 3 && tile_finds_both(k, target, s) && 4 * s->lanes * s->columns >= PIECE;
}

/* With one panel rows are stored whole, one behind the other, and what is read with them comes so. With strips of columns each row's piece
 * lies on a page of its own, and caches do not see the next one coming. Of few rows L1 has kept the sums in any case. */
static double panel_gain(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const bool one = tile_is_one_panel(k, s), far = k->stacked && 4 * k->extent[k->n_axis] >= HALF_PAGE;
    if (!one && !is_strip(k, target, s))
        return 1;
    return one && far ? WHOLE_ROWS : tile_finds_right(k, s) || tile_rows_within(k, s) < REUSE ? 1 : ONE_PANEL;
}

static void consider(Search *f, TileSchedule s)
{
    if (f->target->deterministic && !tile_keeps_order(&s))
        return;
    if (groups_fit(f->k, &s) || !groups_pay(f->k, f->target, &s) || !unroll_fits(f->k, &s))
        return;
    if (f->panel_tiles != BEST && f->panel_tiles != (schedule_has_blocks(&s) ? BLOCKS : s.panel_tiles))
        return;
    double cost = tile_schedule_cost(f->k, f->target, &s) * (1 + WRITTEN * s.unroll) * panel_gain(f->k, f->target, &s);
    if (f->least > 0 && cost >= f->least)
        return;
    f->best = s;
    f->least = cost;
}

/* Blocks of the i-th loop, one step of those before it: as many steps as leave a block's part of both operands in L2, or of the left one
 * and a tile's columns in L1. */
static void consider_block(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    for (int room = 0; room < 2; room++) {
        int64_t part = room ? tile_column_bytes(k, &s) + tile_left_bytes(k, &s, (int64_t)s.lanes * s.columns) : tile_both_bytes(k, &s);
        for (int i = 0; i < k->nloop; i++)
            part /= i < s.k_outer || i == s.k_split ? k->loop[i].extent : 1;
        int64_t most = (room ? f->target->l1 * 2 / 3 : f->target->l2 / 8) / (part > 0 ? part : 1);
        if (most < 1)
            return;
        s.k_block = (int)even_block(k->loop[s.k_split].extent, most);
        s.prefetch = best_of_right(k, f->target, &s);
        consider(f, s);
    }
}

/* Blocks of k where not all stays in L2: of each loop but that whose taps hang on the rows. The more of those before it stand
 * around the blocks, the nearer lie its elements. */
static void consider_blocks(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    const int least = contraction_loops_of_right(k, s.row_axis), most = loops_outside(k, s.row_axis);
    int outer = 0;
    if (s.lanes < f->target->lanes || !tile_divides_columns(k, &s) || tile_both_bytes(k, &s) <= f->target->l2 / 2)
        return;
    while (outer < k->nloop && !contraction_hangs_on(k, outer, s.row_axis))
        outer++;
    for (s.outside = least; s.outside <= most; s.outside += most > least ? most - least : 1)
        for (s.k_outer = outer; s.k_outer >= 0 && tile_rows_within(k, &s) >= LEAST_REUSE; s.k_outer--)
            for (s.k_split = s.k_outer; s.k_split < k->nloop; s.k_split++)
                if (!contraction_hangs_on(k, s.k_split, s.row_axis))
                    consider_block(f, s);
}

/* All columns as one panel, of a matrix product. */
static void consider_one_panel(Search *f, TileSchedule s)
{
    int64_t width = (int64_t)s.lanes * s.columns, columns = f->k->extent[f->k->n_axis];
    if (!tile_divides_columns(f->k, &s) || f->k->nloop != 1 || f->k->loop[0].tap >= 0)
        return;
    s.panel_tiles = (int)(columns / width);
    s.outside = contraction_loops_of_right(f->k, s.row_axis);
    if (tile_right_bytes(f->k) <= tile_most_panel(f->k, f->target, &s) && tile_rows_within(f->k, &s) >= LEAST_REUSE)
        consider(f, s);
}

static void consider_strip(Search *f, TileSchedule s)
{
    s.panel_tiles = 1;
    s.outside = contraction_loops_of_right(f->k, s.row_axis);
    if (is_strip(f->k, f->target, &s))
        consider(f, s);
}

/* With rows of two axes: all of them in each turn of k's outermost loop, so that what does not fit into L2 is read once. */
static void consider_turns(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    if (k->nloop < 2 || s.lanes == 1 || contraction_loops_of_right(k, s.row_axis) || !tile_divides_columns(k, &s) || !tile_turns_fit(k, &s, 1) ||
        tile_both_bytes(k, &s) <= f->target->l2 / 2)
        return;
    s.outside = 0;
    s.k_outer = 1;
    consider(f, s);
}

/* With panels where b does not stay in L1: of one tile that does, or, to read more of each row, of some that L2 has. */
static void consider_panels(Search *f, TileSchedule s)
{
    int64_t tiles = f->k->extent[f->k->n_axis] / ((int64_t)s.lanes * s.columns);
    bool even = tile_divides_columns(f->k, &s);
    s.outside = s.k_split = -1;
    s.unroll = steps_of_groups(f->k, &s);
    if (s.row_axis >= 0 && tile_edge_tiles(f->k, s.row_axis, s.rows) > MOST_EDGE_TILES)
        return;
    if (s.abreast > 1) {
        while (next_abreast(f->k, f->target, &s))
            consider(f, s);
        return;
    }
    consider(f, s);
    if (s.row_axes == 2)
        consider_turns(f, s);
    for (TileSchedule more = s; s.row_axes == 1 && next_unroll(f->k, f->target, &more);)
        consider(f, more);
    if (!f->k->alone || s.lanes == 1 || s.row_axes == 2 || !tile_is_streamed(f->k, f->target, &s))
        return;
    consider_blocks(f, s);
    consider_one_panel(f, s);
    consider_strip(f, s);
    s.outside = loops_outside(f->k, s.row_axis);
    if (tile_rows_within(f->k, &s) < LEAST_REUSE)
        return;
    for (s.panel_tiles = 1; s.panel_tiles <= MOST_TILES; s.panel_tiles *= 2)
        if ((s.panel_tiles == 1 || (even && tiles % s.panel_tiles == 0)) &&
            cut_panel(f->k, f->target, s.panel_tiles == 1 ? f->target->l1 / 2 : panel_room(f->target), &s))
            consider(f, s);
}

/* All heights of tiles that fit the registers, with rows abreast or without: those that differ once the rows are split evenly. */
static void consider_rows(Search *f, TileSchedule s)
{
    int64_t extent = s.row_axis < 0 ? 1 : f->k->extent[s.row_axis];
    const bool many = f->target->registers >= 32, spare = many && s.lanes > 1 && s.columns == 4;   /* one vector of b may stay in L1 */
    int room = f->target->registers - (spare ? 0 : many + 1) - s.columns, most = room / s.columns, nlarge;
    most = most > TALLEST && s.row_axes == 1 ? TALLEST : most < 1 && tile_has_one_row(f->k) && s.columns + 3 <= f->target->registers ? 1 : most;
    most = s.abreast > 1 ? MOST_ABREAST : most;
    most = f->target->calls_gemm ? MOST_GEMM_ROWS : most / tile_inner_rows(f->k, &s);
    for (int rows = most; rows >= 1; rows--) {
        tile_rows(extent, rows, &s.rows, &nlarge);
        consider_panels(f, s);
        rows = s.rows < rows ? s.rows : rows;
    }
}

/* All widths in vectors of at least so many columns, of `extent`. */
static void consider_widths(Search *f, TileSchedule s, int least, int64_t extent)
{
    for (s.lanes = f->target->lanes; s.lanes >= least; s.lanes /= 2)
        for (s.columns = 1; s.columns <= WIDEST && (int64_t)s.columns * s.lanes <= extent; s.columns++)
            for (s.abreast = 1; s.abreast <= 1 + may_be_abreast(f->k, f->target, &s) && tile_width_fits(f->k, &s); s.abreast++)
                consider_rows(f, s);
}

/* The narrowest vectors that several groups fill; 0: there are none, or too few columns. */
static int least_of_groups(const Contraction *k, const Target *target)
{
    for (int lanes = LEAST_LANES; lanes <= target->lanes && lanes <= k->extent[k->n_axis]; lanes *= 2)
        if (groups_fill_vectors(k->group, k->channels, lanes))
            return lanes;
    return 0;
}

static void consider_columns(Search *f, int axis, int axes)
{
    const Contraction *k = f->k;
    int64_t extent = contraction_columns(k);
    int lanes = f->target->lanes, least = lanes >= LEAST_LANES && extent >= LEAST_LANES && !(k->group % LEAST_LANES) ? LEAST_LANES : 1;
    TileSchedule s = {.row_axis = axis, .row_axes = axes, .abreast = 1, .unroll = 1};
    if (k->k_lanes) {
        s.lanes = 1;
        s.columns = (int)extent;
        consider_rows(f, s);
        return;
    }
    if (least_of_groups(k, f->target)) {
        consider_widths(f, s, least_of_groups(k, f->target), k->extent[k->n_axis]);
        if (k->channels == 1)
            return;
    }
    if (least == 1) {       /* `columns` neighbours are what compilers make a vector of */
        int columns = (int)(k->group ? even_block(extent, f->target->columns) : extent < f->target->columns ? extent : f->target->columns);
        s.lanes = 1;
        for (s.columns = f->target->issue ? 1 : columns; s.columns <= columns; s.columns++)
            if (tile_width_fits(k, &s))
                consider_rows(f, s);
        return;
    }
    consider_widths(f, s, least, extent);
}

/* With rows of one axis, or of two. */
static void consider_axes(Search *f, int axes)
{
    for (int axis = f->k->n_axis - 1; axis >= 0; axis--)
        if (contraction_gives_rows(f->k, axis, f->target) && (axes == 1 || contraction_gives_two(f->k, axis, f->target)))
            consider_columns(f, axis, axes);
}

/* A matrix as wide as the tile, which is what its panel would be: its rows lie one behind the other. */
static bool is_its_panel(const Contraction *k, const TileSchedule *s)
{
    return s->panel_tiles == 1 && tile_is_one_panel(k, s) && k->nloop == 1 && k->loop[0].tap < 0 && k->loop[0].b == k->extent[k->n_axis];
}

TileSchedule tile_schedule(const Contraction *k, const Target *target)
{
    Search f = {.k = k, .target = target, .panel_tiles = BEST};
    consider_axes(&f, 1);
    if (f.least == 0)
        consider_columns(&f, -1, 1);
    consider_axes(&f, 2);
    if (is_its_panel(k, &f.best))
        f.best.panel_tiles = 0, f.best.outside = -1;
    f.best.prefetch = best_prefetch(k, target, &f.best);
    f.best.unroll = best_unroll(k, &f.best);
    f.best.zigzag = !target->deterministic && is_better_zigzag(k, target, &f.best);
    return f.best;
}

/* ---- others ------------------------------------------------------------------------------------------ */
static int by_cost(const void *x, const void *y)
{
    double a = ((const Search *)x)->least, b = ((const Search *)y)->least;
    return (a > b) - (a < b);
}

/* The cheapest heights of tiles so wide: with panels of each size, and without, in blocks and whole. */
static int find_heights(Search *found, int n, int most, const Contraction *k, const Target *target, TileSchedule s)
{
    if (!tile_width_fits(k, &s) || (s.lanes > 1 && s.lanes < LEAST_LANES))
        return n;
    for (int panels = BLOCKS; panels <= MOST_TILES && n < most; panels = panels == BLOCKS ? WHOLE : panels ? 2 * panels : 1) {
        found[n] = (Search){.k = k, .target = target, .panel_tiles = panels};
        consider_rows(&found[n], s);
        n += found[n].least > 0;
    }
    return n;
}

static int find_widths(Search *found, int n, int most, const Contraction *k, const Target *target, TileSchedule s)
{
    for (s.lanes = target->lanes; s.lanes >= 1; s.lanes /= 2)
        for (s.columns = 1; s.columns <= WIDEST; s.columns++)
            for (s.abreast = 1; s.abreast <= 1 + may_be_abreast(k, target, &s); s.abreast++)
                n = find_heights(found, n, most, k, target, s);
    return n;
}

int tile_candidates(const Contraction *k, const Target *target, TileSchedule *list, int most)
{
    enum { MOST = 512 };
    Search found[MOST];
    int n = 0;
    for (int axis = -1; axis < k->n_axis; axis++)
        for (int axes = 1; axes <= 1 + contraction_gives_two(k, axis, target) && (axis < 0 || contraction_gives_rows(k, axis, target)); axes++)
            n = find_widths(found, n, MOST, k, target, (TileSchedule){.row_axis = axis, .row_axes = axes, .abreast = 1, .unroll = 1});
    qsort(found, (size_t)n, sizeof *found, by_cost);
    list[0] = tile_schedule(k, target);
    int at = 1;
    for (int i = 0; i < n; i++)
        found[i].best.prefetch = best_prefetch(k, target, &found[i].best);
    for (int fetched = FETCH_NOTHING; fetched <= FETCH_BLOCK && at < most; fetched++)
        if (fetched != list[0].prefetch && tile_may_fetch(k, &list[0], (Prefetch)fetched)) {
            list[at] = list[0];
            list[at++].prefetch = fetched;
        }
    if (tile_may_zigzag(k, &list[0]) && at < most) {
        list[at] = list[0];
        list[at++].zigzag ^= 1;
    }
    for (int i = 0; i < n && at < most; i++)
        if (memcmp(&found[i].best, &list[0], sizeof *list))
            list[at++] = found[i].best;
    return at;
}
