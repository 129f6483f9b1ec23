/* SPDX-License-Identifier: MIT */
/* abreast.c: rows of few columns, two of them side by side in a vector.
 *
 * A result of half as many columns as a vector has room for leaves half of each multiply-add unused. Where rows follow one another in
 * the left operand as they do in the result (a depthwise convolution that moves by one), a vector of either is two rows, and one of the
 * right operand is doubled. Where a row reads single elements, two steps of k stand side by side instead: of the left operand two
 * neighbours, again and again,
 *
 *     x0 x1 x0 x1 x0 x1 ...       of the right one two steps, made        b00 b10 b01 b11 b02 b12 ...
 *
 * so that a multiply-add makes both, and at the end neighbours are added up: of two rows, to a vector that has both. */
#include "tile_schedule.h"

enum {
    MOST_WRITTEN = 16,              /* steps */
    SPARE = 3,                      /* registers */
};

bool tile_pairs_steps(const Tile *t)
{
    return t->schedule.abreast > 1 && !t->a_n;
}

bool pairs_steps(const Contraction *k, const TileSchedule *s)
{
    return s->abreast > 1 && !k->sa[k->n_axis];
}

/* Of the steps that are written out, how many follow one another in both operands. */
static int64_t run(const Contraction *k, const TileSchedule *s)
{
    int64_t n = 1;
    for (int i = k->nloop - 1; i >= 0 && n < s->unroll && k->loop[i].a == n && k->loop[i].b == n * s->lanes; i--)
        n = n * k->loop[i].extent < s->unroll ? n * k->loop[i].extent : s->unroll;
    return n;
}

double paired_steps(const Contraction *k, const TileSchedule *s)
{
    const int64_t n = run(k, s);
    return (double)((n + 1) / 2) / (double)n;
}

/* Those of steps that find no other are kept apart. */
int tile_vectors(const Contraction *k, const TileSchedule *s, int rows)
{
    if (pairs_steps(k, s))
        return run(k, s) % 2 ? 2 * rows : rows;
    return (rows + s->abreast - 1) / s->abreast;
}

static bool steps_are_neighbours(const Contraction *k, const Target *target, const TileSchedule *s)
{
    const int last = k->nloop - 1;
    return !target->deterministic && !k->group && last >= 0 && k->loop[last].tap < 0 && k->loop[last].a == 1 && k->loop[last].b == s->lanes &&
           k->loop[last].extent > 1;
}

bool may_be_abreast(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return s->columns == 1 && s->lanes > 1 && 2 * s->lanes <= target->lanes && s->lanes == k->extent[k->n_axis] && !target->calls_gemm;
}

const char *abreast_fits(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (s->abreast == 1)
        return NULL;
    if (s->abreast != 2 || !may_be_abreast(k, target, s))
        return "abreast is 1, or 2 where all columns are half of a vector";
    if (s->row_axis < 0 || s->row_axis != k->n_axis - 1 || s->row_axes != 1 || s->panel_tiles || schedule_has_blocks(s) || s->unroll == 1)
        return "rows abreast want the axis before the columns, steps written out, and neither panels nor blocks";
    if (k->sa[k->n_axis] ? k->sa[s->row_axis] != s->lanes : !steps_are_neighbours(k, target, s))
        return "rows abreast follow one another in the left operand, or the steps of the innermost loop do";
    return NULL;
}

/* Vectors of the sums, of what they are multiplied with, and of the right operand one, or all that rows share. */
static bool registers_hold(const Contraction *k, const Target *target, const TileSchedule *s)
{
    return tile_vectors(k, s, s->rows) + (pairs_steps(k, s) ? 1 : s->unroll) + SPARE <= target->registers;
}

bool next_abreast(const Contraction *k, const Target *target, TileSchedule *s)
{
    while (++s->unroll <= MOST_WRITTEN)
        if (!abreast_fits(k, target, s) && unroll_fits(k, s) && registers_hold(k, target, s))
            return true;
    return false;
}
