/* SPDX-License-Identifier: MIT */
/* latency.c: what processors would wait for.
 *
 * Chains of slow functions, as tanh(c) of a cell c that is made of tanh and sigmoid: both wait for each other in every turn of a loop,
 * which few processors can overlap with the next turn; and clang 14 does not make vectors of so long a body. In a loop of its own the
 * second one waits for nothing.
 *
 * A row's maximum, and the exponentials of what lies below it: the one is a chain of comparisons down to one lane, and the others are so
 * many instructions that the next row's chain is not among those that a processor looks at meanwhile. Where a block of rows is at hand,
 * the maxima of all of them come first. */
#include "lower.h"

enum { SLOW = 10 };         /* cost of a function whose result is long in coming */

static bool is_slow(const Ex *e)
{
    return e->kind == X_OP && op_info(e->op)->cost >= SLOW;
}

static const Ex *value_in_stage(const Stage *s, const Unit *u)
{
    for (int i = 0; i < s->items.n; i++)
        if (s->items.at[i].unit == u)
            return s->items.at[i].value;
    return NULL;
}

/* Is a slow function's result in e, or in a value of the stage that e uses? */
static bool has_slow(const Stage *s, const Ex *e)
{
    const Ex *made = e->kind == X_UNIT ? value_in_stage(s, e->unit) : NULL;
    if (is_slow(e) || (made && has_slow(s, made)))
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (has_slow(s, e->part.at[i]))
            return true;
    return false;
}

static bool uses_slow_value(const Stage *s, const Ex *e)
{
    if (e->kind == X_UNIT && has_slow(s, e))
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (uses_slow_value(s, e->part.at[i]))
            return true;
    return false;
}

bool waits_for_slow(const Stage *s, const Ex *e)
{
    if (is_slow(e) && uses_slow_value(s, e))
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (waits_for_slow(s, e->part.at[i]))
            return true;
    return false;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */
static bool is_of_a_row(const Kernel *k, const Item *item)
{
    return unit_row(k, item->unit) == 1;
}

/* Is more than a number a row made since the last tile, in front of stage i, and read from there on? */
static bool carries_rows(const Kernel *k, int i)
{
    for (int made = i - 1; made >= 0 && k->stages.at[made]->kind != STAGE_TILE; made--)
        for (int j = 0; j < k->stages.at[made]->items.n; j++) {
            const Item *item = &k->stages.at[made]->items.at[j];
            for (int read = i; read < k->stages.n && item->buffer && !is_of_a_row(k, item); read++)
                if (stage_loads(k->stages.at[read], item->buffer))
                    return true;
        }
    return false;
}

void put_behind_rows(const Kernel *k)
{
    const Tile *t = kernel_tile(k);
    for (int i = 2; t && t->m && t->schedule.rows > 1 && i < k->stages.n; i++) {
        const Stage *from = k->stages.at[i - 1];
        Stage *s = k->stages.at[i];
        const bool reduces = from->kind == STAGE_REDUCE && !from->nparallel && from->items.n == 1;
        s->behind_rows = reduces && s->kind != STAGE_TILE && stage_loads(s, from->items.at[0].buffer) && !carries_rows(k, i);
    }
}
