/* SPDX-License-Identifier: MIT */
/* ranges.c: loops over element work cut into ranges in which it is known where guards hold.
 *
 * What lies in a padded window, or between the steps of a strided one, is guarded; where the innermost loop has a guard in it, even one that
 * stands still there, compilers load element by element. So the loops are made in ranges, [0, 1), [1, 55), or every other
 * position, of which each has guards that always hold or never, and therefore none. */
#include "stages.h"

enum {
    MOST_GUARDED = 64,  /* bits of a signature */
    MOST_STEP = 4,
    MOST_STAGES = 32,   /* of a kernel: 5 by 5 for windows of five, or of three beside the data */
};

typedef struct Guarded {    /* values with guards that hang on one loop, and nothing else */
    const Ex *at[MOST_GUARDED];
    int n;
    bool many;
} Guarded;

/* At v = x: of an index in which only v varies. */
static int64_t index_at(const Lin *at, int64_t x)
{
    int64_t sum = at->constant;
    for (int i = 0; i < at->n; i++) {
        const Atom *atom = at->term[i].atom;
        int64_t of = atom->kind == ATOM_VAR ? x : index_at(atom->of, x);
        sum += at->term[i].factor * (atom->kind == ATOM_DIV ? of / atom->by : atom->kind == ATOM_REM ? of % atom->by : of);
    }
    return sum;
}

static bool only_uses(const Lin *at, const Var *v)
{
    for (int i = 0; i < at->n; i++) {
        const Atom *atom = at->term[i].atom;
        if (atom->kind == ATOM_VALUE || (atom->kind == ATOM_VAR ? atom->var != v : !only_uses(atom->of, v)))
            return false;
    }
    return true;
}

static void find_guarded(Arena *a, const Ex *e, const Var *v, StrMap *seen, Guarded *found)
{
    int *known = str_map(seen, arena_printf(a, "%d", e->id));
    bool any = false;
    if ((*known)++)
        return;
    for (int i = 0; i < e->nguard; i++)
        any |= only_uses(e->guard[i].at, v);
    if (any && found->n < MOST_GUARDED)
        found->at[found->n++] = e;
    else
        found->many |= any;
    for (int i = 0; i < e->part.n; i++)
        find_guarded(a, e->part.at[i], v, seen, found);
}

/* Whether all of e's guards that hang on v alone hold at v = x. */
static bool holds_at(const Ex *e, const Var *v, int64_t x)
{
    bool all = true;
    for (int i = 0; all && i < e->nguard; i++) {
        const Guard *guard = &e->guard[i];
        const int64_t at = only_uses(guard->at, v) ? index_at(guard->at, x) : guard->lo;
        all = at >= guard->lo && at < guard->hi;
    }
    return all;
}

/* A bit for each value whose guards hold. Which of several does not is all the same: between a stride's steps a window may lie beside the
 * data, too. */
static uint64_t signature(const Guarded *guarded, const Var *v, int64_t x)
{
    uint64_t bits = 0;
    for (int i = 0; i < guarded->n; i++)
        bits |= (uint64_t)holds_at(guarded->at[i], v, x) << i;
    return bits;
}

/* Positions of one signature, `step` apart; false where these are too many ranges. */
static bool cut(const Guarded *guarded, const Var *v, int64_t step, Ranges *to)
{
    to->n = 0;
    for (int64_t from = 0; from < step && from < v->extent; from++)
        for (int64_t x = from; x < v->extent; x += step) {
            if (x > from && signature(guarded, v, x) == signature(guarded, v, x - step)) {
                to->at[to->n - 1].count++;
                continue;
            }
            if (to->n == MOST_RANGES)
                return false;
            to->at[to->n++] = (Range){x, step, 1};
        }
    return true;
}

/* The fewest ranges; none where there is nothing to know. */
static Ranges ranges_of(Arena *a, const Stage *s, const Var *v)
{
    Guarded guarded = {.n = 0};
    StrMap seen = {.a = a};
    Ranges best = {.n = 0};
    for (int i = 0; i < s->items.n; i++)
        find_guarded(a, s->items.at[i].value, v, &seen, &guarded);
    for (int64_t step = 1; guarded.n && !guarded.many && step <= MOST_STEP; step++) {
        Ranges found;
        if (cut(&guarded, v, step, &found) && found.n > 1 && (!best.n || found.n < best.n))
            best = found;
    }
    return best;
}

/* The first axis of each loop. */
static int loop_axes(const Making *m, int *axis)
{
    int n = 0, rank = m->g->units.at[0]->type.rank;
    for (int i = 0; i < rank; i++) {
        axis[n++] = i;
        while (m->merged[i])
            i++;
    }
    return n;
}

void find_ranges(Making *m, const Stage *s)
{
    int axis[MAX_RANK], n = loop_axes(m, axis), stages = 1;
    int64_t turns = 1;
    for (int i = 0; i < s->nloop; i++)
        turns *= s->loop[i]->extent;
    if (turns < WORTH_RANGES)
        return;
    for (int i = 0; i + (m->split != 0) < n; i++) {
        Ranges found = ranges_of(m->k->a, s, s->loop[i]);
        if (!found.n || stages * found.n > MOST_STAGES)
            continue;
        stages *= found.n;
        m->ranges[axis[i]] = found;
    }
}

int before_ranges(const Making *m)
{
    int rank = m->g->units.at[0]->type.rank, first = 0, axes = 0;
    while (first < rank && !m->ranges[first].n)
        first++;
    if (first == rank)
        return 0;
    while (axes < first && !m->merged[axes])
        axes++;
    return axes;
}
