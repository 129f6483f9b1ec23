/* SPDX-License-Identifier: MIT */
/* tile_cost.c: a model of what a schedule's tiles cost on the target.
 *
 * One step of k in a tile of R rows and V vectors makes R·V multiply-adds and loads R elements of a (spread over a vector; V
 * vectors each where a has the columns too) and V vectors of b. It takes as long as the slowest of
 *     multiply-adds   R·V / pipes
 *     loads           (R + V) / loads, R less what steps that are written out share
 *     latency         of one multiply-add, since every sum waits for itself
 *     b from L2       V vectors / l2_width, where b's part does not stay in L1
 *     instructions    all of these and a loop's, where the core takes them in order: tile_unroll.c
 * Of vectors, R is how many rows have a tap in a step, on average: near the edges of a small image few do.
 * What a tile costs besides, to begin, to store its sums and to come back for more, is a few cycles a sum. The schedule is the
 * one whose tiles together cost least.
 */
#include "tile_schedule.h"

#include <stdlib.h>

enum {
    FAR = 1024,             /* elements between rows from which each lies on a page of its own: of so many */
    PAGES = 48,             /* some of which the first translation buffer has to spare, of 64 or 96 */
    FORESEEN = 512,         /* bytes of a piece of a row from beyond L2, of which half the time is spent waiting for the first */
    K_LANES_SUM = 8,        /* cycles to add up a vector's elements, and to store the sum; */
    PAIRED_SUM = 4,         /* or those of a row whose steps stand in pairs */
    WAY = 4096,             /* bytes of L1 of which each address has one place: those of a page */
};

static const double LITTLE = 1.2, UNPAIRED = 0.25, BUSY = 8;

int64_t contraction_steps(const Contraction *k)
{
    int64_t n = 1;
    for (int i = k->n_axis + 1; i < k->naxis; i++)
        n *= k->extent[i];
    return n;
}

int64_t tile_right_bytes(const Contraction *k)
{
    return 4 * contraction_steps(k) * k->extent[k->n_axis];
}

/* Of it what one tile reads. */
int64_t tile_column_bytes(const Contraction *k, const TileSchedule *s)
{
    return 4 * contraction_steps(k) * s->lanes * s->columns;
}

/* Of the left operand what the rows need for so many columns: each group reads channels of its own. */
int64_t tile_left_bytes(const Contraction *k, const TileSchedule *s, int64_t columns)
{
    const int64_t groups = k->group && columns > k->group ? columns / k->group : 1;
    return 4 * contraction_steps(k) * (s->row_axis < 0 ? 1 : k->extent[s->row_axis]) * groups;
}

int64_t tile_both_bytes(const Contraction *k, const TileSchedule *s)
{
    return tile_right_bytes(k) + tile_left_bytes(k, s, k->extent[k->n_axis]);
}

int64_t schedule_blocks(const Contraction *k, const TileSchedule *s)
{
    int64_t n = s->k_split >= 0 ? k->loop[s->k_split].extent / s->k_block : 1;
    for (int i = 0; i < s->k_outer; i++)
        n *= k->loop[i].extent;
    return n;
}

/* Without panels. */
bool schedule_has_blocks(const TileSchedule *s)
{
    return !s->panel_tiles && (s->k_split >= 0 || s->k_outer);
}

/* Rows that are neighbours in a, of which no step shares elements with another: a streams through the tiles, too. */
static bool streams_left(const Contraction *k, const TileSchedule *s)
{
    return s->row_axis >= 0 && k->sa[s->row_axis] == 1 && k->nloop && llabs(k->loop[k->nloop - 1].a) >= s->rows;
}

/* A kernel's gradient whose steps are not cut. All its tiles run through the same rows of both operands, so that L2 keeps these while there
 * is room for them and the result. */
static bool whole_gradient(const Contraction *k, const TileSchedule *s)
{
    return streams_left(k, s) && !s->panel_tiles && !schedule_has_blocks(s);
}

/* Bytes of b that come each cycle from where it lies, where a tile reads `width` columns of its rows: half where the rest of the row is
 * in the way; from beyond L2 a quarter, and less of short pieces of rows, since caches do not foresee them. */
static double right_width(const Contraction *k, const Target *target, const TileSchedule *s, int64_t width)
{
    const bool far = whole_gradient(k, s) ? 4 * tile_both_bytes(k, s) > 3 * target->l2
                                          : tile_both_bytes(k, s) / (schedule_has_blocks(s) ? schedule_blocks(k, s) : 1) > target->l2 / 2;
    const double bytes = far ? target->l2_width / 4.0 : target->l2_width;
    if (width >= k->extent[k->n_axis])
        return bytes;
    return tile_right_bytes(k) > target->l2 * 3 / 4 && far ? bytes * 4.0 * (double)width / (4.0 * (double)width + FORESEEN) : bytes / 2;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Whether a tile's columns, read from rows that lie far apart, push each other out of L1: those of steps that are a way's bytes apart
 * have the same few lines to lie in. */
static bool push_out(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const int64_t row = 4 * k->extent[k->n_axis];
    return (int64_t)s->lanes * s->columns < k->extent[k->n_axis] &&
           contraction_steps(k) / schedule_blocks(k, s) > target->l1 / common_divisor(row, WAY);
}

/* Whether b, or a tile's columns of a block, do not stay in L1 between two tiles. */
bool tile_is_streamed(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (schedule_has_blocks(s))
        return target->l2_width && (tile_column_bytes(k, s) / schedule_blocks(k, s) > target->l1 / 2 || push_out(k, target, s));
    return target->l2_width && tile_right_bytes(k) > target->l1 / 2;
}

/* A product by a matrix that is the same in each step of a recurrence, and that nothing follows: L2 has the matrix from the step before, where a
 * panel would be copied anew, and nobody waits for whole rows. */
bool tile_finds_right(const Contraction *k, const TileSchedule *s)
{
    return k->alike && k->nloop == 1 && k->loop[0].tap < 0 && s->row_axes == 1 && !streams_left(k, s);
}

/* What columns lose that come from L2 for each tile, since lines of L1 that lie a row apart push each other out. Of a product of matrices
 * they foresee one another, and next to nothing is lost; nor where the left operand streams as well, for which a panel has no room. */
static double pushed_out(const Contraction *k, const TileSchedule *s)
{
    if (s->lanes == 1 || s->row_axes != 1 || contraction_tap(k, s->row_axis) >= 0)
        return 1.1;
    if (tile_finds_right(k, s))
        return 1;
    if (k->nloop == 1 && tile_rows_within(k, s) <= (s->row_axis < 0 ? 1.0 : (double)k->extent[s->row_axis]))
        return 1.02;
    return streams_left(k, s) || k->group ? 1.05 : 1.1;
}

static double tapped_part(const Contraction *k, int axis)
{
    const int tap = contraction_tap(k, axis);
    return tap < 0 ? 1 : k->tap[tap].part;
}

static bool gives_rows(const TileSchedule *s, int axis)
{
    return axis == s->row_axis || (s->row_axes == 2 && axis == s->row_axis + 1);
}

/* Of the steps those that have a tap along the axes that are, or are not, rows: those of rows leave some of the rows out. */
static double taken_part(const Contraction *k, const TileSchedule *s, bool rows)
{
    double part = 1;
    for (int i = 0; i < k->n_axis && (s->lanes > 1 || k->k_lanes); i++)
        part *= gives_rows(s, i) == rows ? tapped_part(k, i) : 1;
    return part;
}

bool reads_by_column(const Contraction *k, const TileSchedule *s)
{
    return k->sa[k->n_axis] || spans_groups(k, s);
}

/* Vectors that a step picks from those of several groups' channels, which keeps the core from as many multiply-adds. */
static double picked(const Contraction *k, const TileSchedule *s, double left)
{
    return k->channels > 1 && spans_groups(k, s) ? left * s->columns : 0;
}

/* Cycles of one step of k. */
static double step_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    const double taking = rows * taken_part(k, s, true), sums = taking * s->columns;
    const double left = taking * unrolled_left(k, target, rows, s) / rows;
    double loads = (reads_by_column(k, s) ? left * s->columns : left) + s->columns;
    int64_t width = (int64_t)s->columns * s->lanes;
    if (s->lanes > 1 && taking <= 3 && s->columns > 1)   /* gcc loads b again for each row rather than keep it, for AVX2 */
        loads += sums - s->columns;
    double cost = (sums + picked(k, s, left)) / target->pipes;
    if (loads / target->loads > cost)
        cost = loads / target->loads;
    if (target->latency > cost)
        cost = target->latency;
    if (target->issue) {    /* and not all that might be begun together is */
        const double all = unrolled_cost(k, target, rows, s);
        cost = (all > cost ? all : cost) + all * UNPAIRED;
    }
    if (!s->panel_tiles && tile_is_streamed(k, target, s)) {
        int64_t elements = width + (!streams_left(k, s) ? 0 : spans_groups(k, s) ? width : rows) + (schedule_has_blocks(s) && width < k->extent[k->n_axis] ? LINE : 0);
        double come = 4.0 * (double)elements / right_width(k, target, s, width);
        cost = come > cost ? come : cost;
    }
    return cost + 0.25;     /* the loop itself */
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

/* Cycles to copy a tile's columns, all steps: as long as they take to come, or a few a vector, twice as many where L1 does not hold the
 * panel. */
static double copy_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t width = (int64_t)s->columns * s->lanes;
    double panel = 4.0 * (double)(width * s->panel_tiles * contraction_steps(k));
    if (s->k_split >= 0)
        panel *= (double)s->k_block / (double)k->loop[s->k_split].extent;
    double come = 4.0 * (double)width / right_width(k, target, s, width * s->panel_tiles);
    double store = (panel > (double)target->l1 ? 5 : 2.5) * s->columns;
    return (double)contraction_steps(k) * (come > store ? come : store);
}

/* What panels cost where each has groups with channels of their own: the left operand then comes in pieces of rows, which caches do not foresee. */
static double pieces_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (!k->group || tile_is_one_panel(k, s))
        return 0;
    const int64_t columns = (int64_t)s->columns * s->lanes * s->panel_tiles;
    const double piece = 4.0 * (double)k->a_group * (columns > k->group ? (double)columns / (double)k->group : 1);
    return 4.0 * (double)left_span(k, s) / ((double)target->l2_width * piece / (piece + FORESEEN));
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
double tile_rows_within(const Contraction *k, const TileSchedule *s)
{
    double all = 1;
    for (int i = 0; i < k->n_axis; i++)
        all *= (double)k->extent[i];
    return all / copies(k, s);
}

/* Steps that are made one after the other. */
static double steps_in_turn(const Contraction *k, const TileSchedule *s)
{
    const double steps = (double)contraction_steps(k);
    return pairs_steps(k, s) ? steps * paired_steps(k, s) : k->k_lanes ? steps / k->k_lanes : steps;
}

/* Of a tile, all blocks of k together; its sums wait in L2 or beyond. */
static double tile_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    int64_t blocks = schedule_blocks(k, s);
    const double steps = steps_in_turn(k, s);
    rows = s->abreast > 1 && !pairs_steps(k, s) ? tile_vectors(k, s, rows) : rows;
    double wait = k->k_lanes ? K_LANES_SUM : pairs_steps(k, s) ? PAIRED_SUM : 2;
    if (blocks > 1 && target->l2_width && 4 * tile_rows_within(k, s) * (double)k->extent[k->n_axis] > (double)target->l2 / 2)
        wait = 8.0 * s->lanes / ((double)target->l2_width / 4);
    return steps * taken_part(k, s, false) * step_cost(k, target, rows, s) + (double)blocks * (wait * rows * s->columns + 10);
}

/* Whether L2 keeps both operands through the loops from the `outside`-th on. */
bool tile_finds_both(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return 4 * left_span(k, s) + tile_right_bytes(k) <= target->l2 / 2;
}

/* Pieces of the right operand, each of rows behind one another, that a block consists of: those of a page or more. */
static double pieces_of_block(const Contraction *k, const TileSchedule *s)
{
    const int last = k->nloop - 1;
    const int64_t bytes = 4 * k->extent[k->n_axis] * (s->k_split == last ? s->k_block : k->loop[last].extent);
    double n = 1;
    for (int i = s->k_outer; i < last && bytes >= WAY; i++)
        n *= (double)(i == s->k_split ? s->k_block : k->loop[i].extent);
    return n;
}

/* Of the cycles in which the right operand comes from beyond L2, those that are not hidden behind tiles that take `cost`. A block that is
 * fetched is waited for the more, the busier the way is, and the less, the more pieces it has: tiles ask for a few lines of each in turn,
 * and meanwhile caches go on with the others. */
static double waits_for_right(const Contraction *k, const TileSchedule *s, double come, double cost)
{
    if (!schedule_has_blocks(s) || s->prefetch == FETCH_COLUMNS)
        return 0;
    return s->prefetch == FETCH_BLOCK ? come * come / (come + cost) * BUSY / (1 + pieces_of_block(k, s)) : come;
}

/* Cycles until both operands have come from beyond L2, a block after the other; panels are paid for by copy_cost. */
static double fetch_cost(const Contraction *k, const Target *target, const TileSchedule *s, double cost)
{
    const int64_t right = tile_right_bytes(k), left = 4 * left_span(k, s);
    const double width = (double)target->l2_width / 4, times = copies(k, s);
    if (tile_finds_both(k, target, s))
        return 0;
    return times * (double)left / width + waits_for_right(k, s, times * (double)right / width, cost);
}

/* What threads that share so many turns wait for the one that has most of them: times the cost of the work. A little of it is not
 * worth lower tiles, of which the model thinks too well. */
static double waiting(const Target *target, int64_t turns, double cost)
{
    const int n = target->threads.n;
    double most = (double)(n * ((turns + n - 1) / n)) / (double)turns;
    return n == 1 || cost < 2.0 * target->threads.hand_over ? 1 : most < LITTLE ? LITTLE : most;
}

/* Of rows that threads share, each from the beginning of a tile on, the most that one has. */
static int64_t largest_share(int64_t rows, int highest, int threads)
{
    int large, nlarge, tiles = tile_rows(rows, highest, &large, &nlarge);
    int64_t from = 0, most = 0;
    for (int i = 1; i <= threads; i++) {
        int64_t end = rows, at = 0;
        for (int t = 0; t < tiles && i < threads; at += t < nlarge ? large : large - 1, t++)
            end = llabs(threads * at - i * rows) < llabs(threads * end - i * rows) ? at : end;
        most = end - from > most ? end - from : most;
        from = end;
    }
    return most;
}

/* What threads that share the examples of a recurrence wait at its end for the one that has most of them: times the cost of the work. */
static double waiting_for_rows(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const int n = target->threads.n;
    if (s->row_axis < 0 || k->extent[s->row_axis] != k->shared || k->shared < n)
        return 1;
    return (double)(n * largest_share(k->shared, s->rows, n)) / (double)k->shared;
}

/* Rows at each position of row_axis. */
int tile_inner_rows(const Contraction *k, const TileSchedule *s)
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
    double all = (double)contraction_steps(k), distinct = all, right = (double)tile_right_bytes(k) * tiles;
    for (int i = 0; i < k->n_axis; i++) {
        all *= (double)k->extent[i];
        distinct *= k->sa[i] ? (double)k->extent[i] / rows_alike(k, i, k->extent[i]) : 1;
        right /= k->sb[i] ? (double)k->extent[i] : 1;
    }
    double left = 4 * all * (k->sa[k->n_axis] ? columns : columns / width);
    left /= rows_alike(k, s->row_axis, s->rows) * rows_alike(k, s->row_axis + 1, k->extent[s->row_axis + 1]);
    if (k->sa[s->row_axis] == 1)    /* of each line only what the tile has rows for, in each of its groups */
        left *= (spans_groups(k, s) ? width : k->group || k->extent[s->row_axis] > LINE ? LINE : (double)k->extent[s->row_axis]) / s->rows;
    distinct *= k->sa[k->n_axis] ? columns : k->group ? columns / (double)k->group : 1;
    double once = 4 * distinct + (double)tile_right_bytes(k);
    bool far = target->l2 && once / (double)schedule_blocks(k, s) > (double)target->l2 / 2;
    double again = far && left + right > once ? (left + right - once) / (target->l2_width / 4.0) : 0;
    return again + 1.1 * cost;
}

/* Pages of the left operand that a tile walks through in its block of steps, where each has few of them. */
static double left_pages(const Contraction *k, const TileSchedule *s)
{
    if (k->nloop != 1 || !streams_left(k, s) || 4 * llabs(k->loop[0].a) < FAR)
        return 0;
    return (double)llabs(k->loop[0].a) / FAR * (double)(s->k_split == 0 ? s->k_block : k->loop[0].extent);
}

double tile_schedule_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const int inner = tile_inner_rows(k, s);
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
    if (!s->panel_tiles && !schedule_has_blocks(s) && tile_is_streamed(k, target, s) && width < k->extent[k->n_axis])
        cost *= pushed_out(k, s);
    if (left_pages(k, s) > PAGES)
        cost *= 1 + 0.15 * left_pages(k, s) / PAGES;
    if (s->panel_tiles)
        cost += copies(k, s) * copy_cost(k, target, s);
    cost *= (double)((k->extent[k->n_axis] + width - 1) / width);
    if (s->panel_tiles)
        cost += copies(k, s) * pieces_cost(k, target, s);
    if (s->row_axes == 1 && (schedule_has_blocks(s) || (s->panel_tiles && streams_left(k, s))))
        cost += fetch_cost(k, target, s, cost);
    if (s->row_axes == 2)
        cost = spread_cost(k, target, s, cost, (double)(all / rows * tiles));
    bool streams = k->sa[k->n_axis] != 0;   /* lower tiles would read both operands again */
    return streams ? cost : cost * waiting(target, all / rows * tiles, cost) * waiting_for_rows(k, target, s);
}
