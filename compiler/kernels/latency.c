/* SPDX-License-Identifier: MIT */
/* latency.c: chains of slow functions, as tanh(c) of a cell c that is made of tanh and sigmoid.
 *
 * Both wait for each other in every turn of a loop, which few processors can overlap with the next turn; and clang 14 does not
 * make vectors of so long a body. In a loop of its own the second one waits for nothing. */
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
