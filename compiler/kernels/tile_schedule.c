/* SPDX-License-Identifier: MIT */
/* tile_schedule.c: how a contraction is cut into register tiles, by a model of what a tile costs on the target.
 *
 * One step of k in a tile of R rows and V vectors makes R·V multiply-adds and loads R elements of a (spread over a vector; V
 * vectors each where a has the columns too) and V vectors of b. It takes as long as the slowest of
 *     multiply-adds   R·V / pipes
 *     loads           (R + V) / loads
 *     latency         of one multiply-add, since every sum waits for itself
 *     b from L2       V vectors / l2_width, where b's part does not stay in L1
 * What a tile costs besides, to begin, to store its sums and to come back for more, is a few cycles a sum. The schedule is the
 * one whose tiles together cost least. */
#include "lower.h"

#include <stdlib.h>
#include <string.h>

enum {
    TALLEST = 16,           /* rows of a tile */
    WIDEST = 8,             /* vectors of a row */
    LEAST_LANES = 4,        /* floats of the narrowest vector */
    MOST_GEMM_ROWS = 256,   /* of one call of dl_gemm */
    MOST_EDGE_TILES = 6,    /* tiles that need a function of their own */
    FAR = 1024,             /* elements between rows from which each lies on a page of its own */
};

static int64_t steps(const Contraction *k)
{
    int64_t n = 1;
    for (int i = k->n_axis + 1; i < k->naxis; i++)
        n *= k->extent[i];
    return n;
}

/* Cycles of one step of k. */
static double step_cost(const Contraction *k, const Target *target, int rows, int columns, int lanes)
{
    int sums = rows * columns, loads = (k->sa[k->n_axis] ? sums : rows) + columns;
    if (lanes > 1 && rows <= 4 && columns > 1)      /* gcc loads b again for each row rather than keep it: 72 to 81 % */
        loads += sums - columns;
    double cost = (double)sums / target->pipes, b_bytes = 4.0 * columns * lanes;
    if ((double)loads / target->loads > cost)
        cost = (double)loads / target->loads;
    if (target->latency > cost)
        cost = target->latency;
    if (target->l2_width && 4 * steps(k) * k->extent[k->n_axis] > target->l1 / 2 && b_bytes / target->l2_width > cost)
        cost = b_bytes / target->l2_width;
    return cost + 0.25;     /* the loop itself */
}

static double tile_cost(const Contraction *k, const Target *target, int rows, int columns, int lanes)
{
    return (double)steps(k) * step_cost(k, target, rows, columns, lanes) + 2.0 * rows * columns + 10;
}

/* What threads that share so many turns wait for the one that has most of them: times the cost of the work. */
static double waiting(const Target *target, int64_t turns, double cost)
{
    const int n = target->threads.n;
    return n > 1 && cost > 2.0 * target->threads.hand_over ? (double)(n * ((turns + n - 1) / n)) / (double)turns : 1;
}

static double schedule_cost(const Contraction *k, const Target *target, const TileSchedule *s)
{
    int64_t rows = 1, all = 1, width = (int64_t)s->lanes * s->columns;
    for (int i = 0; i < k->n_axis; i++)
        all *= k->extent[i];
    if (s->row_axis >= 0)
        rows = k->extent[s->row_axis];
    int large, nlarge, tiles = tile_rows(rows, s->rows, &large, &nlarge);
    double cost = nlarge * tile_cost(k, target, large, s->columns, s->lanes);
    if (nlarge < tiles)
        cost += (tiles - nlarge) * tile_cost(k, target, large - 1, s->columns, s->lanes);
    cost *= (double)(all / rows) * (double)((k->extent[k->n_axis] + width - 1) / width);
    cost *= waiting(target, all / rows * tiles, cost);
    return s->row_axis >= 0 && llabs(k->sa[s->row_axis]) >= FAR ? 1.25 * cost : cost;
}

int contraction_tap(const Contraction *k, int axis)
{
    for (int i = 0; i < k->ntap; i++)
        if (k->tap[i].out == axis || k->tap[i].k == axis)
            return i;
    return -1;
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

typedef struct Search {
    const Contraction *k;
    const Target *target;
    TileSchedule best;
    double least;
} Search;

static void consider(Search *f, TileSchedule s)
{
    if (s.row_axis >= 0 && edge_tiles(f->k, s.row_axis, s.rows) > MOST_EDGE_TILES)
        return;
    double cost = schedule_cost(f->k, f->target, &s);
    if (f->least > 0 && cost >= f->least)
        return;
    f->best = s;
    f->least = cost;
}

/* All heights of tiles that fit the registers: those that differ once the rows are split evenly. */
static void consider_rows(Search *f, TileSchedule s)
{
    int64_t extent = s.row_axis < 0 ? 1 : f->k->extent[s.row_axis];
    int room = f->target->registers - (f->target->registers >= 32) - 1 - s.columns, most = room / s.columns, nlarge;
    most = most > TALLEST ? TALLEST : most;
    most = f->target->calls_gemm ? MOST_GEMM_ROWS : most;
    for (int rows = most; rows >= 1; rows--) {
        tile_rows(extent, rows, &s.rows, &nlarge);
        consider(f, s);
        rows = s.rows < rows ? s.rows : rows;
    }
}

static void consider_columns(Search *f, int axis)
{
    int64_t extent = f->k->extent[f->k->n_axis];
    int lanes = f->target->lanes, least = lanes >= LEAST_LANES && extent >= LEAST_LANES ? LEAST_LANES : 1;
    if (least == 1) {       /* `columns` neighbours are what compilers make a vector of */
        int columns = (int)(extent < f->target->columns ? extent : f->target->columns);
        consider_rows(f, (TileSchedule){.row_axis = axis, .lanes = 1, .columns = columns});
        return;
    }
    for (; lanes >= least; lanes /= 2)
        for (int columns = 1; columns <= WIDEST && (int64_t)columns * lanes <= extent; columns++)
            consider_rows(f, (TileSchedule){.row_axis = axis, .lanes = lanes, .columns = columns});
}

TileSchedule tile_schedule(const Contraction *k, const Target *target)
{
    Search f = {.k = k, .target = target};
    for (int axis = k->n_axis - 1; axis >= 0; axis--)
        if (gives_rows(k, axis, target))
            consider_columns(&f, axis);
    if (f.least == 0)
        consider_columns(&f, -1);
    return f.best;
}

/* ---- others ------------------------------------------------------------------------------------------ */
static int by_cost(const void *x, const void *y)
{
    double a = ((const Search *)x)->least, b = ((const Search *)y)->least;
    return (a > b) - (a < b);
}

int tile_candidates(const Contraction *k, const Target *target, TileSchedule *list, int most)
{
    enum { MOST = 256 };
    Search found[MOST];
    int n = 0;
    for (int axis = -1; axis < k->n_axis; axis++)
        for (int lanes = target->lanes; lanes >= 1 && (axis < 0 || gives_rows(k, axis, target)); lanes /= 2)
            for (int columns = 1; columns <= WIDEST && n < MOST; columns++) {
                TileSchedule s = {.row_axis = axis, .lanes = lanes, .columns = columns};
                found[n] = (Search){.k = k, .target = target};
                if ((int64_t)lanes * columns > k->extent[k->n_axis] || (lanes > 1 && lanes < LEAST_LANES))
                    continue;
                consider_rows(&found[n], s);
                n += found[n].least > 0;
            }
    qsort(found, (size_t)n, sizeof *found, by_cost);
    list[0] = tile_schedule(k, target);
    int at = 1;
    for (int i = 0; i < n && at < most; i++)
        if (memcmp(&found[i].best, &list[0], sizeof *list))
            list[at++] = found[i].best;
    return at;
}

const char *tile_schedule_fits(Arena *a, const Contraction *k, const Target *target, TileSchedule *s)
{
    enum { MOST_ROWS = 32 };        /* bits of TilePart.rows */
    int64_t extent = k->extent[k->n_axis], rows = 1;
    if (s->row_axis < -1 || s->row_axis >= k->n_axis)
        return arena_printf(a, "row_axis is from -1 to %d", k->n_axis - 1);
    if (s->row_axis >= 0 && !gives_rows(k, s->row_axis, target))
        return arena_printf(a, "axis %d gives no rows: it has one position, or the right operand has it", s->row_axis);
    if (s->rows < 1 || s->rows > (target->calls_gemm ? MOST_GEMM_ROWS : MOST_ROWS))
        return arena_printf(a, "rows is from 1 to %d", target->calls_gemm ? MOST_GEMM_ROWS : MOST_ROWS);
    if (s->lanes < 1 || s->lanes > target->lanes || (s->lanes & (s->lanes - 1)) || (s->lanes > 1 && s->lanes < LEAST_LANES))
        return arena_printf(a, "lanes is 1, or a power of two from %d to the %d of %s", LEAST_LANES, target->lanes, target->name);
    if (s->columns < 1 || s->columns > WIDEST || (int64_t)s->columns * s->lanes > extent)
        return arena_printf(a, "columns is from 1 to %d, and columns times lanes at most %lld, the result's columns", WIDEST,
                            (long long)extent);
    if (s->row_axis >= 0 && edge_tiles(k, s->row_axis, s->rows) > MOST_EDGE_TILES)
        return arena_printf(a, "so few rows need more than %d tiles at the padded edges", MOST_EDGE_TILES);
    int nlarge;
    if (s->row_axis >= 0)
        rows = k->extent[s->row_axis];
    tile_rows(rows, s->rows, &s->rows, &nlarge);
    return NULL;
}
