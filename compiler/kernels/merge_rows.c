/* SPDX-License-Identifier: MIT */
/* merge_rows.c: outer loops of a contraction that become one.
 *
 * Where a convolution's kernel is a single point, positions of a picture, and the pictures, follow one another in what it reads and in
 * what it makes: 32 pictures of 3x3 are 288 rows, which can be cut into tiles of twelve rather than of two. */
#include "stages.h"

enum { ENOUGH = 5 };        /* rows for a tile; not by target, since the schedules of one name contractions as others do */

/* Divisions in the indices of all that follows the contraction. */
static int divisions_behind(Making *m)
{
    Kernel *k = m->k;
    const int nvar = k->nvar, nouter = k->nouter;
    make_in(m, m->c->work);     /* what is tried is soon forgotten */
    make_outer(m, &m->g->shape);
    for (int i = 1; i < m->g->units.n; i++)
        add_unit(m, m->g->units.at[i]);
    const int n = stages_divisions(m);
    forget_here(m);
    make_in(m, m->c->a);
    arena_reset(m->c->work);
    k->nvar = nvar;
    k->nouter = nouter;
    return n;
}

static bool is_contraction(const Unit *u)
{
    return u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_CONTRACT;
}

static bool has_one_contraction(const Group *g)
{
    for (int i = 1; i < g->units.n; i++)
        if (is_contraction(g->units.at[i]) || g->units.at[i]->kind == UNIT_PACK)
            return false;
    return is_contraction(g->units.at[0]);
}

/* Merges axis and the one behind it where nothing has to be divided for that, or false. */
static bool try_merge(Making *m, Contraction *k, int axis, int divisions)
{
    if (!contraction_merges(k, axis))
        return false;
    m->merged[axis] = true;
    m->k->nouter--;
    if (divisions_behind(m) <= divisions) {
        contraction_merge(k, axis);
        return true;
    }
    m->merged[axis] = false;
    m->k->nouter++;
    return false;
}

void merge_rows(Making *m)
{
    const int outer = m->k->nouter;
    Contraction k;
    if (outer < 2 || !has_one_contraction(m->g) || !contraction_in(m, m->g->units.at[0], &k) || outer != k.n_axis || k.extent[outer - 1] >= ENOUGH)
        return;
    const int divisions = divisions_behind(m);
    for (int i = outer - 2; i >= 0 && try_merge(m, &k, i, divisions);)
        i--;
}
