/* SPDX-License-Identifier: MIT */
/* tile_unroll.c: how many steps of k a tile writes out one behind the other, for cores that take instructions in order: there each
 * load, and each turn of a loop, takes time of its own.
 *
 * Steps that are written out share the loop's counting, and, where rows read what others read at another step (a window that moves
 * by less than its width), the loads of the left operand. Other cores do not mind the loads; but where both operands are vectors, of a
 * depthwise convolution, compilers find what steps share by themselves, keep it from one turn to the next, and run out of registers. */
#include "tile_schedule.h"

#include <stdlib.h>

enum {
    MOST_WRITTEN = 256,     /* multiply-adds: a kilobyte of code */
    MOST_PLAIN = 4,         /* steps that share nothing but the loop: of one row; with more, compilers run out of registers */
    COUNTING = 3,           /* instructions of a loop's turn */
    REACH = 1020,           /* bytes from a pointer that an instruction can name: Thumb's VLDR */
};

/* A loop whose bounds are known only when it runs. */
static bool is_bounded(const Contraction *k, const TileSchedule *s, int i)
{
    return k->loop[i].tap >= 0 && k->tap[k->loop[i].tap].out != s->row_axis;
}

static bool is_cut(const TileSchedule *s, int i)
{
    return i == s->k_split || i < s->k_outer;
}

/* Whether so many steps end with a turn; *inner: how many of them are of the innermost loop. As tile_unroll sees a tile. */
static bool ends_with_loop(const Contraction *k, const TileSchedule *s, int unroll, int64_t *inner)
{
    int64_t left = unroll;
    int i = k->nloop;
    *inner = 1;
    for (; i > 0 && left > 1 && left % k->loop[i - 1].extent == 0; i--) {
        if (is_bounded(k, s, i - 1) || is_cut(s, i - 1))
            return false;
        *inner = i == k->nloop ? k->loop[i - 1].extent : *inner;
        left /= k->loop[i - 1].extent;
    }
    if (left == 1)
        return true;
    *inner = i == k->nloop ? left : *inner;
    return i > 0 && k->loop[i - 1].tap < 0 && !is_cut(s, i - 1) && k->loop[i - 1].extent % left == 0;
}

/* Steps of single elements, or of vectors that both operands have as they lie. */
static bool may_write_out(const Contraction *k, const TileSchedule *s)
{
    return !k->k_lanes && !(k->channels == 1 && spans_groups(k, s));
}

bool unroll_fits(const Contraction *k, const TileSchedule *s)
{
    int64_t inner;
    return s->unroll >= 1 && (s->unroll == 1 || (s->row_axes != 2 && may_write_out(k, s))) && ends_with_loop(k, s, s->unroll, &inner);
}

/* How many elements of the left operand `rows` rows read in n steps of the innermost loop, where registers hold what is shared. */
static int64_t distinct(const Contraction *k, const Target *target, int rows, const TileSchedule *s, int64_t n)
{
    const int64_t step = llabs(k->loop[k->nloop - 1].a), row = s->row_axis < 0 ? 0 : s->abreast * llabs(k->sa[s->row_axis]);
    const int64_t held = (rows + n + (target->issue && k->sa[k->n_axis] ? 1 : 0)) * s->columns + 1;
    if (n == 1 || !step || !row || pairs_steps(k, s) || held > target->registers)
        return rows * n;
    if (row % step == 0)
        return n + (rows - 1) * (row / step < n ? row / step : n);
    if (step % row == 0)
        return rows + (n - 1) * (step / row < rows ? step / row : rows);
    return rows * n;
}

double unrolled_left(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    int64_t inner;
    return k->nloop && ends_with_loop(k, s, s->unroll, &inner) ? (double)distinct(k, target, rows, s, inner) / (double)inner : rows;
}

double unrolled_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s)
{
    int64_t inner;
    if (!k->nloop || !ends_with_loop(k, s, s->unroll, &inner))
        return 0;
    const double columns = s->columns, left = (k->sa[k->n_axis] ? columns : 1) * unrolled_left(k, target, rows, s);
    const double pointers = (double)((rows - 1) * 4 * llabs(s->row_axis < 0 ? 0 : k->sa[s->row_axis]) / REACH);
    return (rows * columns + columns + left + (COUNTING + pointers) / s->unroll) / target->issue;
}

bool next_unroll(const Contraction *k, const Target *target, TileSchedule *s)
{
    const int sums = s->rows * s->columns;
    const bool vectors = !target->issue && s->lanes > 1 && k->sa[k->n_axis];
    int64_t inner;
    for (int u = s->unroll + 1; (target->issue || vectors) && k->nloop && may_write_out(k, s) && sums * u <= MOST_WRITTEN; u++)
        if (ends_with_loop(k, s, u, &inner) && (!vectors || u == k->loop[k->nloop - 1].extent) &&
            ((s->rows == 1 && u <= MOST_PLAIN) || distinct(k, target, s->rows, s, inner) < s->rows * inner)) {
            s->unroll = u;
            return true;
        }
    return false;
}
