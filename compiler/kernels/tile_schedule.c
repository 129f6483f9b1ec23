/* SPDX-License-Identifier: MIT */
/* tile_schedule.c: how a contraction is cut into register tiles, by a model of what a tile costs on the target.
 *
 * One step of k in a tile of R rows and V vectors makes R·V multiply-adds and loads R elements of a (spread over a vector; V
 * vectors each where a has the columns too) and V vectors of b. It takes as long as the slowest of
 *     multiply-adds   R·V / pipes
 *     loads           (R + V) / loads
 *     latency         of one multiply-add, since every sum waits for itself
 *     b from L2       V vectors / l2_width, where b's part does not stay in L1
 *     instructions    all of these and a loop's, where the core takes them in order: tile_unroll.c
 * What a tile costs besides, to begin, to store its sums and to come back for more, is a few cycles a sum. The schedule is the
 * one whose tiles together cost least.
 *
 * Where b does not stay in L1, and there are rows enough to pay for it, the columns of a tile are copied to an array first, a
 * panel, which all rows then use: its rows lie one behind the other, and on whole lines of the cache. Where L2 has room for all
 * columns, they are one panel, and what follows the sums of a few rows finds them in L1. A panel that is otherwise too
 * large for L1 holds a block of the steps of k only, and the tiles add to what is there (Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", 2008).
 *
 * Blocks of k serve without panels, too: all tiles add the steps of a block to their sums before the next block begins, so that what a
 * block needs of both operands stays in L2, or in L1. So the gradient of a convolution's weights reads each image once, not once for
 * each of its tiles, and weights larger than L2 are read once. */
#include "lower.h"

#include <stdlib.h>
#include <string.h>

enum {
    TALLEST = 16,           /* rows of a tile */
    WIDEST = 16,            /* vectors of a row */
    LEAST_LANES = 4,        /* floats of the narrowest vector */
    MOST_GEMM_ROWS = 256,   /* of one call of dl_gemm */
    MOST_EDGE_TILES = 6,    /* tiles that need a function of their own */
    LINE = 16,              /* floats of a line of the cache */
    FAR = 1024,             /* elements between rows from which each lies on a page of its own */
    MOST_PANEL = 96 << 10,  /* bytes of a panel: it lies on the stack */
    MOST_ONE_PANEL = 256 << 10,     /* and of one that is all there is, where L2 has four times as much */
    MOST_TILES = 4,         /* of a panel */
    LEAST_STEPS = 64,       /* of a tile that fetches for the next one */
    LEAST_REUSE = 16,       /* rows that use a copy: with nine, tiles without were a tenth faster */
    REUSE = 128,            /* rows for which copying does not count: a step takes as long as three rows of it, about */
};

static const double LITTLE = 1.2, UNPAIRED = 0.25, WRITTEN = 0.002;    /* of a step written out: code, for what it does not gain */
static const double ONE_PANEL = 0.97;   /* of what tiles cost, where what follows them need not wait for all */

static int64_t steps(const Contraction *k)
{
    int64_t n = 1;
    for (int i = k->n_axis + 1; i < k->naxis; i++)
        n *= k->extent[i];
    return n;
}

static int64_t right_bytes(const Contraction *k)
{
    return 4 * steps(k) * k->extent[k->n_axis];
}

/* Of the right operand, and of the left one what the rows need. */
static int64_t both_bytes(const Contraction *k, const TileSchedule *s)
{
    return right_bytes(k) + 4 * steps(k) * (s->row_axis < 0 ? 1 : k->extent[s->row_axis]);
}

static int64_t blocks_of(const Contraction *k, const TileSchedule *s)
{
    int64_t n = s->k_split >= 0 ? k->loop[s->k_split].extent / s->k_block : 1;
    for (int i = 0; i < s->k_outer; i++)
        n *= k->loop[i].extent;
    return n;
}

/* Without panels. */
static bool has_blocks(const TileSchedule *s)
{
    return !s->panel_tiles && (s->k_split >= 0 || s->k_outer);
}

/* Bytes of b that come each cycle from where it lies, where a tile reads `width` columns of its rows: from beyond L2 a
 * quarter, and half where the rest of the row is in the way. */
static double right_width(const Contraction *k, const Target *target, const TileSchedule *s, int64_t width)
{
    double bytes = target->l2_width;
    if (both_bytes(k, s) / (has_blocks(s) ? blocks_of(k, s) : 1) > target->l2 / 2)
        bytes /= 4;
    return width < k->extent[k->n_axis] ? bytes / 2 : bytes;
}

/* Whether b, or a block of it, does not stay in L1 between two tiles. */
static bool is_streamed(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return target->l2_width && right_bytes(k) / (has_blocks(s) ? blocks_of(k, s) : 1) > target->l1 / 2;
}

/* A single row uses each vector of b at once, which then needs no register. */
static bool has_one_row(const Contraction *k)
{
    for (int i = 0; i < k->n_axis; i++)
        if (k->extent[i] > 1)
            return false;
    return true;
}

/* May its steps run backwards in odd turns of the loop around it? */
static bool may_zigzag(const Contraction *k, const TileSchedule *s)
{
    return k->turn && k->nloop == 1 && k->loop[0].tap < 0 && s->outside < 0 && s->unroll == 1;
}

/* One row that streams through a right operand not much larger than L1, at each turn of a loop: what the last turn read last is still
 * there, and is read first. */
static bool is_better_zigzag(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return s->lanes > 1 && has_one_row(k) && may_zigzag(k, s) && is_streamed(k, target, s) && right_bytes(k) <= 4 * target->l1 && !target->calls_gemm;
}

/* May a tile fetch the rows of the next one, a line of the cache a step? They lie along k. */
static bool may_prefetch(const Contraction *k, const TileSchedule *s)
{
    return s->lanes > 1 && s->row_axis >= 0 && s->row_axes == 1 && k->extent[s->row_axis] > s->rows && s->rows <= LINE && k->nloop == 1 &&
           k->loop[0].tap < 0 && k->loop[0].a == 1 && k->sa[k->n_axis] == 0 && s->unroll == 1;
}

/* Tiles walk through the left operand in as many places as they have rows, which is more than caches foresee. Where L2 does not have
 * it anyway, and there are steps enough to hide that it comes. */
static bool is_better_prefetched(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t left = 4 * steps(k), block = s->k_split >= 0 ? s->k_block : steps(k);
    for (int i = 0; i < k->n_axis; i++)
        left *= k->sa[i] ? k->extent[i] : 1;
    return k->alone && may_prefetch(k, s) && target->l2_width && block >= LEAST_STEPS && left > target->l2 / 2;
}

/* Rows that are neighbours in a, of which no step shares elements with another: a streams through the tiles, too. */
static bool streams_left(const Contraction *k, const TileSchedule *s)
{
    return s->row_axis >= 0 && k->sa[s->row_axis] == 1 && k->nloop && llabs(k->loop[k->nloop - 1].a) >= s->rows;
}

/* Cycles of one step of k. */
static double step_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    int columns = s->columns, sums = rows * columns, loads = (k->sa[k->n_axis] ? sums : rows) + columns;
    int64_t width = (int64_t)columns * s->lanes;
    if (s->lanes > 1 && rows <= 4 && columns > 1)   /* gcc loads b again for each row rather than keep it: 72 to 81 % */
        loads += sums - columns;
    double cost = (double)sums / target->pipes;
    if ((double)loads / target->loads > cost)
        cost = (double)loads / target->loads;
    if (target->latency > cost)
        cost = target->latency;
    if (target->issue) {    /* and not all that might be begun together is */
        const double all = unrolled_cost(k, target, rows, s);
        cost = (all > cost ? all : cost) + all * UNPAIRED;
    }
    if (!s->panel_tiles && is_streamed(k, target, s)) {
        double come = 4.0 * (double)(width + (streams_left(k, s) ? rows : 0)) / right_width(k, target, s, width);
        cost = come > cost ? come : cost;
    }
    return cost + 0.25;     /* the loop itself */
}


/* Cycles to copy a tile's columns, all steps: as long as they take to come, or a few a vector, twice as many where L1 does not hold the
 * panel. */
static double copy_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t width = (int64_t)s->columns * s->lanes;
    double panel = 4.0 * (double)(width * s->panel_tiles * steps(k));
    if (s->k_split >= 0)
        panel *= (double)s->k_block / (double)k->loop[s->k_split].extent;
    double come = 4.0 * (double)width / right_width(k, target, s, width * s->panel_tiles);
    double store = (panel > (double)target->l1 ? 5 : 2.5) * s->columns;
    return (double)steps(k) * (come > store ? come : store);
}

/* How often the tiles' columns are copied: once for each turn of the loops outside. */
static double copies(const Contraction *k, const TileSchedule *s)
{
    double turns = 1;
    for (int i = 0, at = 0; i < k->n_axis; i++)
        if (i != s->row_axis && at++ < s->outside)
            turns *= (double)k->extent[i];
    return turns;
}

/* How many rows use a copy. */
static double rows_within(const Contraction *k, const TileSchedule *s)
{
    double all = 1;
    for (int i = 0; i < k->n_axis; i++)
        all *= (double)k->extent[i];
    return all / copies(k, s);
}

/* Of a tile, all blocks of k together; its sums wait in L2 or beyond. */
static double tile_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    int64_t blocks = blocks_of(k, s);
    double wait = 2;
    if (blocks > 1 && target->l2_width && 4 * rows_within(k, s) * (double)k->extent[k->n_axis] > (double)target->l2 / 2)
        wait = 8.0 * s->lanes / ((double)target->l2_width / 4);
    return (double)steps(k) * step_cost(k, target, rows, s) + (double)blocks * (wait * rows * s->columns + 10);
}

/* Elements from the first to the last of the left operand that the loops from the `outside`-th on read. */
static int64_t left_span(const Contraction *k, const TileSchedule *s)
{
    int64_t span = 1;
    for (int i = 0, at = 0; i < k->naxis; i++)
        if (i >= k->n_axis || i == s->row_axis || at++ >= s->outside)
            span += llabs(k->sa[i]) * (k->extent[i] - 1);
    return span;
}

/* Cycles until both operands have come from beyond L2, a block after the other; panels are paid for by copy_cost. */
static double fetch_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t right = right_bytes(k), left = 4 * left_span(k, s), bytes = left + (has_blocks(s) ? right : 0);
    return left + right > target->l2 / 2 ? copies(k, s) * (double)bytes / ((double)target->l2_width / 4) : 0;
}

/* What threads that share so many turns wait for the one that has most of them: times the cost of the work. A little of it is not
 * worth lower tiles, of which the model thinks too well. */
static double waiting(const Target *target, int64_t turns, double cost)
{
    const int n = target->threads.n;
    double most = (double)(n * ((turns + n - 1) / n)) / (double)turns;
    return n == 1 || cost < 2.0 * target->threads.hand_over ? 1 : most < LITTLE ? LITTLE : most;
}

/* Rows at each position of row_axis. */
static int inner_rows(const Contraction *k, const TileSchedule *s)
{
    return s->row_axes == 2 ? (int)k->extent[s->row_axis + 1] : 1;
}

/* How many of a tile's `rows` along an axis read the same: windows lie over each other. */
static double rows_alike(const Contraction *k, int axis, int64_t rows)
{
    int tap = contraction_tap(k, axis);
    if (tap < 0)
        return 1;
    int64_t taps = k->extent[k->tap[tap].k];
    return (double)(rows < taps ? rows : taps);
}

/* Rows of two axes lie all over the left operand: they are worth it where one axis has too few. Where the operands do not fit into
 * L2, they come again for every tile that differs from others only in its row, or only in its columns, unless all tiles are made in
 * each turn of k's outermost loop. */
static double spread_cost(const Contraction *k, const Target *target, const TileSchedule *s, double cost, double tiles)
{
    const double columns = (double)k->extent[k->n_axis], width = (double)s->columns * s->lanes;
    double all = (double)steps(k), distinct = all, right = (double)right_bytes(k) * tiles;
    for (int i = 0; i < k->n_axis; i++) {
        all *= (double)k->extent[i];
        distinct *= k->sa[i] ? (double)k->extent[i] / rows_alike(k, i, k->extent[i]) : 1;
        right /= k->sb[i] ? (double)k->extent[i] : 1;
    }
    double left = 4 * all * (k->sa[k->n_axis] ? columns : columns / width);
    left /= rows_alike(k, s->row_axis, s->rows) * rows_alike(k, s->row_axis + 1, k->extent[s->row_axis + 1]);
    if (k->sa[s->row_axis] == 1)    /* of each line only what the tile has rows for */
        left *= (double)(k->extent[s->row_axis] < LINE ? k->extent[s->row_axis] : LINE) / s->rows;
    distinct *= k->sa[k->n_axis] ? columns : 1;
    double once = 4 * distinct + (double)right_bytes(k);
    bool far = !s->k_outer && target->l2 && once > (double)target->l2 / 2;
    double again = far && left + right > once ? (left + right - once) / (target->l2_width / 4.0) : 0;
    return again + 1.1 * cost;
}

static double schedule_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const int inner = inner_rows(k, s);
    int64_t rows = 1, all = 1, width = (int64_t)s->lanes * s->columns;
    for (int i = 0; i < k->n_axis; i++)
        all *= k->extent[i];
    if (s->row_axis >= 0)
        rows = k->extent[s->row_axis];
    int large, nlarge, tiles = tile_rows(rows, s->rows, &large, &nlarge);
    double cost = nlarge * tile_cost(k, target, large * inner, s);
    if (nlarge < tiles)
        cost += (tiles - nlarge) * tile_cost(k, target, (large - 1) * inner, s);
    all /= inner;
    cost *= (double)(all / rows);
    if (s->row_axis >= 0 && llabs(k->sa[s->row_axis]) >= FAR)
        cost *= 1.25;
    if (!s->panel_tiles && is_streamed(k, target, s) && width < k->extent[k->n_axis])
        cost *= 1.1;        /* lines of the cache that lie a row apart push each other out */
    if (s->panel_tiles)
        cost += copies(k, s) * copy_cost(k, target, s);
    cost *= (double)((k->extent[k->n_axis] + width - 1) / width);
    if (s->row_axes == 1 && (has_blocks(s) || (s->panel_tiles && streams_left(k, s))))
        cost += fetch_cost(k, target, s);
    if (s->row_axes == 2)
        cost = spread_cost(k, target, s, cost, (double)(all / rows * tiles));
    bool streams = k->sa[k->n_axis] != 0;   /* lower tiles would read both operands again */
    return streams ? cost : cost * waiting(target, all / rows * tiles, cost);
}

int contraction_tap(const Contraction *k, int axis)
{
    for (int i = 0; i < k->ntap; i++)
        if (k->tap[i].out == axis || k->tap[i].k == axis)
            return i;
    return -1;
}

/* Whether the taps of the i-th loop of k hang on that axis of the result. */
static bool hangs_on(const Contraction *k, int i, int axis)
{
    return k->loop[i].tap >= 0 && k->tap[k->loop[i].tap].out == axis;
}

/* Whether the first loops of k, so many, may stand around all rows of two axes. */
static bool turns_fit(const Contraction *k, const TileSchedule *s, int loops)
{
    bool fit = true;
    for (int i = 0; i < loops && i < k->nloop; i++)
        fit &= !hangs_on(k, i, s->row_axis) && !hangs_on(k, i, s->row_axis + 1);
    return fit;
}

/* Tiles that do not have all taps in every row. */
static int edge_tiles(const Contraction *k, int axis, int rows)
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
static bool gives_rows(const Contraction *k, int axis, const Target *target)
{
    return k->sb[axis] == 0 && k->extent[axis] > 1 && !(target->calls_gemm && contraction_tap(k, axis) >= 0);
}

/* ---- panels ---------------------------------------------------------------------------------------- */
/* A kernel's loops are the result's axes in order, but for the rows. Those up to the last that b has, too. */
static int loops_of_right(const Contraction *k, int row_axis)
{
    int loops = 0;
    for (int i = 0, at = 0; i < k->n_axis; i++) {
        at += i != row_axis;
        loops = k->sb[i] ? at : loops;
    }
    return loops;
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

static bool is_one_panel(const Contraction *k, const TileSchedule *s)
{
    return s->panel_tiles && s->k_split < 0 && k->extent[k->n_axis] == (int64_t)s->panel_tiles * s->lanes * s->columns;
}

/* Bytes of a panel at the most. */
static int64_t most_panel(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t room = target->l2 / 4 < MOST_ONE_PANEL ? target->l2 / 4 : MOST_ONE_PANEL;
    return is_one_panel(k, s) && room > MOST_PANEL ? room : MOST_PANEL;
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
static bool cut_panel(const Contraction *k, int64_t most, TileSchedule *s)
{
    int64_t step = 4ll * s->lanes * s->columns * s->panel_tiles, least = step * steps(k);
    s->k_split = -1;
    s->k_block = 0;
    for (int i = 0; i < k->nloop && least > most; i++) {
        int64_t rest = step * (steps(k) / k->loop[i].extent), room = most / rest > 0 ? most / rest : 1;
        int block = (int)even_block(k->loop[i].extent, room);
        if (k->loop[i].tap >= 0 || rest * block >= least)
            continue;
        least = rest * block;
        s->k_split = i;
        s->k_block = block;
    }
    return least <= MOST_PANEL;
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

/* Whether each sum runs through what is contracted as its loops do. */
static bool keeps_order(const TileSchedule *s)
{
    return !s->zigzag && (s->k_split < 0 || s->k_split == s->k_outer);
}

static void consider(Search *f, TileSchedule s)
{
    if (f->target->deterministic && !keeps_order(&s))
        return;
    if (f->panel_tiles != BEST && f->panel_tiles != (has_blocks(&s) ? BLOCKS : s.panel_tiles))
        return;
    double cost = schedule_cost(f->k, f->target, &s) * (1 + WRITTEN * s.unroll) * (is_one_panel(f->k, &s) ? ONE_PANEL : 1);
    if (f->least > 0 && cost >= f->least)
        return;
    f->best = s;
    f->least = cost;
}

/* Otherwise the last tile makes some columns of the one before it again. */
static bool divides_columns(const Contraction *k, const TileSchedule *s)
{
    return k->extent[k->n_axis] % ((int64_t)s->lanes * s->columns) == 0;
}

/* Blocks of the i-th loop, one step of those before it: as many steps as leave a block's part of both operands in L1 or L2. */
static void consider_block(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    int64_t part = both_bytes(k, &s);
    for (int i = 0; i < k->nloop; i++)
        part /= i < s.k_outer || i == s.k_split ? k->loop[i].extent : 1;
    for (int room = 0; room < 2; room++) {
        int64_t most = (room ? f->target->l1 / 2 : f->target->l2 / 8) / (part > 0 ? part : 1);
        if (most < 1)
            return;
        s.k_block = (int)even_block(k->loop[s.k_split].extent, most);
        consider(f, s);
    }
}

/* Blocks of k where not all stays in L2: of each loop but that whose taps hang on the rows. The more of those before it stand
 * around the blocks, the nearer lie its elements. */
static void consider_blocks(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    const int least = loops_of_right(k, s.row_axis), most = loops_outside(k, s.row_axis);
    int outer = 0;
    if (s.lanes < f->target->lanes || !divides_columns(k, &s) || both_bytes(k, &s) <= f->target->l2 / 2)
        return;
    while (outer < k->nloop && !hangs_on(k, outer, s.row_axis))
        outer++;
    for (s.outside = least; s.outside <= most; s.outside += most > least ? most - least : 1)
        for (s.k_outer = outer; s.k_outer >= 0 && rows_within(k, &s) >= LEAST_REUSE; s.k_outer--)
            for (s.k_split = s.k_outer; s.k_split < k->nloop; s.k_split++)
                if (!hangs_on(k, s.k_split, s.row_axis))
                    consider_block(f, s);
}

/* All columns as one panel, of a matrix product. */
static void consider_one_panel(Search *f, TileSchedule s)
{
    int64_t width = (int64_t)s.lanes * s.columns, columns = f->k->extent[f->k->n_axis];
    if (!divides_columns(f->k, &s) || f->k->nloop != 1 || f->k->loop[0].tap >= 0)
        return;
    s.panel_tiles = (int)(columns / width);
    s.outside = loops_of_right(f->k, s.row_axis);
    if (right_bytes(f->k) <= most_panel(f->k, f->target, &s) && rows_within(f->k, &s) >= LEAST_REUSE)
        consider(f, s);
}

/* With rows of two axes: all of them in each turn of k's outermost loop, so that what does not fit into L2 is read once. */
static void consider_turns(Search *f, TileSchedule s)
{
    const Contraction *k = f->k;
    if (k->nloop < 2 || s.lanes == 1 || loops_of_right(k, s.row_axis) || !divides_columns(k, &s) || !turns_fit(k, &s, 1) ||
        both_bytes(k, &s) <= f->target->l2 / 2)
        return;
    s.outside = 0;
    s.k_outer = 1;
    consider(f, s);
}

/* With panels where b does not stay in L1: of one tile that does, or, to read more of each row, of some that L2 has. */
static void consider_panels(Search *f, TileSchedule s)
{
    int64_t tiles = f->k->extent[f->k->n_axis] / ((int64_t)s.lanes * s.columns);
    bool even = divides_columns(f->k, &s);
    s.outside = s.k_split = -1;
    if (s.row_axis >= 0 && edge_tiles(f->k, s.row_axis, s.rows) > MOST_EDGE_TILES)
        return;
    consider(f, s);
    if (s.row_axes == 2)
        consider_turns(f, s);
    for (TileSchedule more = s; s.row_axes == 1 && next_unroll(f->k, f->target, &more);)
        consider(f, more);
    if (!f->k->alone || s.lanes == 1 || s.row_axes == 2 || !is_streamed(f->k, f->target, &s))
        return;
    consider_blocks(f, s);
    consider_one_panel(f, s);
    s.outside = loops_outside(f->k, s.row_axis);
    if (rows_within(f->k, &s) < LEAST_REUSE)
        return;
    for (s.panel_tiles = 1; s.panel_tiles <= MOST_TILES; s.panel_tiles *= 2)
        if ((s.panel_tiles == 1 || (even && tiles % s.panel_tiles == 0)) &&
            cut_panel(f->k, s.panel_tiles == 1 ? f->target->l1 / 2 : MOST_PANEL, &s))
            consider(f, s);
}

/* All heights of tiles that fit the registers: those that differ once the rows are split evenly. */
static void consider_rows(Search *f, TileSchedule s)
{
    int64_t extent = s.row_axis < 0 ? 1 : f->k->extent[s.row_axis];
    int room = f->target->registers - (f->target->registers >= 32) - 1 - s.columns, most = room / s.columns, nlarge;
    most = most > TALLEST ? TALLEST : most < 1 && has_one_row(f->k) && s.columns + 3 <= f->target->registers ? 1 : most;
    most = f->target->calls_gemm ? MOST_GEMM_ROWS : most / inner_rows(f->k, &s);
    for (int rows = most; rows >= 1; rows--) {
        tile_rows(extent, rows, &s.rows, &nlarge);
        consider_panels(f, s);
        rows = s.rows < rows ? s.rows : rows;
    }
}

/* All positions of the next axis may be rows too, in a kernel whose only contraction it is. */
static bool gives_two(const Contraction *k, int axis, const Target *target)
{
    return k->alone && !target->calls_gemm && axis >= 0 && axis + 1 < k->n_axis && gives_rows(k, axis + 1, target) &&
           k->extent[axis + 1] <= TALLEST;
}

static void consider_columns(Search *f, int axis, int axes)
{
    int64_t extent = f->k->extent[f->k->n_axis];
    int lanes = f->target->lanes, least = lanes >= LEAST_LANES && extent >= LEAST_LANES ? LEAST_LANES : 1;
    if (least == 1) {       /* `columns` neighbours are what compilers make a vector of */
        int columns = (int)(extent < f->target->columns ? extent : f->target->columns);
        for (int more = f->target->issue ? 1 : columns; more <= columns; more++)
            consider_rows(f, (TileSchedule){.row_axis = axis, .row_axes = axes, .lanes = 1, .columns = more, .unroll = 1});
        return;
    }
    for (; lanes >= least; lanes /= 2)
        for (int columns = 1; columns <= WIDEST && (int64_t)columns * lanes <= extent; columns++)
            consider_rows(f, (TileSchedule){.row_axis = axis, .row_axes = axes, .lanes = lanes, .columns = columns, .unroll = 1});
}

/* With rows of one axis, or of two. */
static void consider_axes(Search *f, int axes)
{
    for (int axis = f->k->n_axis - 1; axis >= 0; axis--)
        if (gives_rows(f->k, axis, f->target) && (axes == 1 || gives_two(f->k, axis, f->target)))
            consider_columns(f, axis, axes);
}

TileSchedule tile_schedule(const Contraction *k, const Target *target)
{
    Search f = {.k = k, .target = target, .panel_tiles = BEST};
    consider_axes(&f, 1);
    if (f.least == 0)
        consider_columns(&f, -1, 1);
    consider_axes(&f, 2);
    f.best.prefetch = is_better_prefetched(k, target, &f.best);
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
    if ((int64_t)s.lanes * s.columns > k->extent[k->n_axis] || (s.lanes > 1 && s.lanes < LEAST_LANES))
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
            n = find_heights(found, n, most, k, target, s);
    return n;
}

int tile_candidates(const Contraction *k, const Target *target, TileSchedule *list, int most)
{
    enum { MOST = 512 };
    Search found[MOST];
    int n = 0;
    for (int axis = -1; axis < k->n_axis; axis++)
        for (int axes = 1; axes <= 1 + gives_two(k, axis, target) && (axis < 0 || gives_rows(k, axis, target)); axes++)
            n = find_widths(found, n, MOST, k, target, (TileSchedule){.row_axis = axis, .row_axes = axes, .unroll = 1});
    qsort(found, (size_t)n, sizeof *found, by_cost);
    list[0] = tile_schedule(k, target);
    int at = 1;
    for (int i = 0; i < n; i++)
        found[i].best.prefetch = is_better_prefetched(k, target, &found[i].best);
    if (may_prefetch(k, &list[0]) && at < most) {
        list[at] = list[0];
        list[at++].prefetch ^= 1;
    }
    if (may_zigzag(k, &list[0]) && at < most) {
        list[at] = list[0];
        list[at++].zigzag ^= 1;
    }
    for (int i = 0; i < n && at < most; i++)
        if (memcmp(&found[i].best, &list[0], sizeof *list))
            list[at++] = found[i].best;
    return at;
}

/* NULL where the steps of k may be cut so. */
static const char *blocks_fit(Arena *a, const Contraction *k, const TileSchedule *s)
{
    int least = loops_of_right(k, s->row_axis), around = k->n_axis - (s->row_axis >= 0);
    if (!k->alone || s->lanes == 1)
        return "panels and blocks want vectors, and a kernel that begins with its only contraction";
    if (s->outside < (s->panel_tiles ? least : 0) || s->outside > around)
        return arena_printf(a, "outside is from %d to %d", s->panel_tiles ? least : 0, around);
    if (!s->panel_tiles && !divides_columns(k, s))
        return "blocks without panels want tiles that divide the columns evenly";
    if (s->k_split < -1 || s->k_split >= k->nloop)
        return arena_printf(a, "k_split is from -1 to %d", k->nloop - 1);
    if (s->k_split >= 0 && (s->k_block < 1 || k->loop[s->k_split].extent % s->k_block))
        return arena_printf(a, "k_block divides the %lld steps of the loop", (long long)k->loop[s->k_split].extent);
    if (s->k_outer < 0 || s->k_outer > (s->k_split < 0 ? k->nloop : s->k_split))
        return "k_outer is from 0 to k_split, or without that to the loops over what is contracted";
    for (int i = 0; i < k->nloop; i++)
        if ((i < s->k_outer || i == s->k_split) && hangs_on(k, i, s->row_axis))
            return "the loop whose taps hang on the rows is not cut";
    return NULL;
}

/* NULL where b may be copied so; without panels and blocks, what is said of them does not count. */
static const char *panels_fit(Arena *a, const Contraction *k, const Target *target, TileSchedule *s)
{
    int64_t width = (int64_t)s->lanes * s->columns, bytes = 4 * width * s->panel_tiles * steps(k);
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
    int64_t most = most_panel(k, target, s);
    return bytes > most ? arena_printf(a, "a panel of %lld bytes is above %lld", (long long)bytes, (long long)most) : NULL;
}

const char *tile_schedule_fits(Arena *a, const Contraction *k, const Target *target, TileSchedule *s)
{
    enum { MOST_ROWS = 32 };        /* bits of TilePart.rows */
    int64_t extent = k->extent[k->n_axis], rows = 1;
    if (s->row_axis < -1 || s->row_axis >= k->n_axis)
        return arena_printf(a, "row_axis is from -1 to %d", k->n_axis - 1);
    if (s->row_axis >= 0 && !gives_rows(k, s->row_axis, target))
        return arena_printf(a, "axis %d gives no rows: it has one position, or the right operand has it", s->row_axis);
    if (s->row_axes != 1 && s->row_axes != 2)
        return "row_axes is 1 or 2";
    if (s->row_axes == 2 && (s->row_axis < 0 || !gives_two(k, s->row_axis, target)))
        return "two axes of rows want a short second one that gives rows, and a kernel that begins with its only contraction";
    if (s->row_axes == 2 && (s->panel_tiles || s->k_split >= 0 || s->unroll > 1 || !turns_fit(k, s, s->k_outer)))
        return "panels, blocks of a loop of k and steps written out want rows of one axis";
    const int most = (target->calls_gemm ? MOST_GEMM_ROWS : MOST_ROWS) / inner_rows(k, s);
    if (s->rows < 1 || s->rows > most)
        return arena_printf(a, "rows is from 1 to %d", most);
    if (s->lanes < 1 || s->lanes > target->lanes || (s->lanes & (s->lanes - 1)) || (s->lanes > 1 && s->lanes < LEAST_LANES))
        return arena_printf(a, "lanes is 1, or a power of two from %d to the %d of %s", LEAST_LANES, target->lanes, target->name);
    if (s->columns < 1 || s->columns > WIDEST || (int64_t)s->columns * s->lanes > extent)
        return arena_printf(a, "columns is from 1 to %d, and columns times lanes at most %lld, the result's columns", WIDEST,
                            (long long)extent);
    if (s->row_axis >= 0 && edge_tiles(k, s->row_axis, s->rows) > MOST_EDGE_TILES)
        return arena_printf(a, "so few rows need more than %d tiles at the padded edges", MOST_EDGE_TILES);
    if (!unroll_fits(k, s))
        return "unroll is a number of steps with which a loop over what is contracted ends, as all of the innermost one";
    const char *why = panels_fit(a, k, target, s);
    if (why)
        return why;
    if (target->deterministic && !keeps_order(s))
        return "with --deterministic sums keep their order: k_split is k_outer or -1, zigzag 0";
    if (s->zigzag < 0 || s->zigzag > 1 || s->prefetch < 0 || s->prefetch > 1)
        return "prefetch and zigzag are 0 or 1";
    s->prefetch &= may_prefetch(k, s);
    s->zigzag &= may_zigzag(k, s);
    int nlarge;
    if (s->row_axis >= 0)
        rows = k->extent[s->row_axis];
    tile_rows(rows, s->rows, &s->rows, &nlarge);
    return NULL;
}
