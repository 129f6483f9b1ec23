/* SPDX-License-Identifier: MIT */
/* groups.c: convolutions in groups of few channels, whose vectors have columns of several groups.
 *
 * Of the left operand each group wants elements of its own. Where a group has as many columns as channels, a vector of the left operand
 * has those of the same groups; a step picks a channel of each, once for each of its columns:
 *
 *     x0 x1 x2 x3 | x4 x5 x6 x7 | ...     of channel 1     x1 x1 x1 x1 | x5 x5 x5 x5 | ...
 *
 * Which one has to be known when the code is written. In a convolution the channels are steps, which are written out, with the taps that
 * follow along the rows inside, so that what several rows read is picked once. In a kernel's gradient they are rows, of which a tile has
 * all. Where a group has one channel, each element is repeated as it is loaded. */
#include "tile_schedule.h"

enum {
    MOST_CHANNELS = 8,
    MOST_WRITTEN = 32,      /* steps of all channels with the taps inside */
    IN_QUARTER = 4,         /* elements that instructions move about by what is written in them; by others, registers say how, */
    SPARE = 2,              /* of which some more are needed */
    LEAST_ROWS = 4,         /* for which a vector is worth picking, where there are so many */
};

bool groups_fill_vectors(int64_t group, int64_t channels, int lanes)
{
    if (channels == 1)
        return (group == 2 || group == 4) && lanes / group >= 4;
    return channels == group && group > 1 && group <= MOST_CHANNELS && lanes >= LEAST_LANES && lanes % (2 * group) == 0;
}

bool tile_spans_groups(const Tile *t)
{
    return groups_fill_vectors(t->group, t->channels, t->schedule.lanes);
}

bool spans_groups(const Contraction *k, const TileSchedule *s)
{
    return groups_fill_vectors(k->group, k->channels, s->lanes);
}

void find_channels(Contraction *k)
{
    k->channels = k->group && k->a_group == 1;
    k->channel_axis = -1;
    for (int i = 0; i < k->naxis && k->group && k->a_group > 1; i++)
        if (i != k->n_axis && k->sa[i] == 1 && k->extent[i] == k->a_group) {
            k->channels = k->a_group;
            k->channel_axis = i;
        }
}

int channel_loop(const Contraction *k)
{
    for (int i = k->nloop - 1; i >= 0 && k->channels > 1 && k->channel_axis > k->n_axis; i--)
        if (k->loop[i].a == 1 && k->loop[i].extent == k->channels && k->loop[i].tap < 0)
            return i;
    return -1;
}

void stand_taps_inside(Contraction *k, const Target *target)
{
    const int last = k->nloop - 1, rows = k->n_axis - 1;
    if (target->deterministic || last < 1 || channel_loop(k) != last || !groups_fill_vectors(k->group, k->channels, target->lanes) ||
        k->loop[last - 1].extent * k->channels > MOST_WRITTEN || (k->loop[last - 1].tap >= 0 && k->tap[k->loop[last - 1].tap].out != rows))
        return;
    const int64_t extent = k->loop[last].extent, a = k->loop[last].a, b = k->loop[last].b;
    k->loop[last] = k->loop[last - 1];
    k->loop[last - 1].extent = extent;
    k->loop[last - 1].a = a;
    k->loop[last - 1].b = b;
    k->loop[last - 1].tap = -1;
}

int steps_of_groups(const Contraction *k, const TileSchedule *s)
{
    int64_t steps = 1;
    for (int i = channel_loop(k); i >= 0 && i < k->nloop && k->channels > 1 && spans_groups(k, s); i++)
        steps *= k->loop[i].extent;
    return (int)steps;
}

bool groups_pay(const Contraction *k, const Target *target, const TileSchedule *s)
{
    if (k->channels < 2 || !spans_groups(k, s))
        return true;
    const int rows = s->rows * tile_inner_rows(k, s);
    if (s->row_axis >= 0 && rows < LEAST_ROWS && k->extent[s->row_axis] >= LEAST_ROWS)
        return false;
    const int64_t taps = s->unroll > 1 ? s->unroll / k->channels : 1, ways = k->channels > IN_QUARTER ? k->channels : 0;
    return (rows + taps) * s->columns + ways + SPARE <= target->registers;
}

const char *groups_fit(const Contraction *k, const TileSchedule *s)
{
    if (k->channels < 2 || !spans_groups(k, s))
        return NULL;
    if (channel_loop(k) >= 0)
        return s->unroll == steps_of_groups(k, s) ? NULL : "vectors of several groups want the steps of all their channels written out";
    return s->row_axis == k->channel_axis && s->rows >= k->channels && s->unroll == 1 ? NULL : "vectors of several groups want all their channels as rows";
}
