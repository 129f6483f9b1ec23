/* SPDX-License-Identifier: MIT */
/* stage_reduce.c: sums, maxima and positions of maxima as stages: by rows, or by columns that are collected in memory. */
#include "stages.h"

enum {
    LONG_REDUCTION = 32,    /* elements from which accumulators side by side are worth it without vectors */
    FEWEST_LANES = 4,       /* a vector */
    MIN_LANES = 8,          /* accumulators for targets whose vectors hold fewer floats */
    LONG_COLUMN = 128,      /* elements from which lanes are worth it */
    COLUMNS_AT_ONCE = 128,  /* sums of columns under way: eight vectors of sixteen floats */
};

static Op reduction_of(const Node *n)
{
    return n->op == OP_MAX || n->op == OP_ARGMAX ? n->op : OP_SUM;
}

/* The smallest step along v of what e loads, or of those loads that go along `with` too. */
static int64_t smallest_step(const Ex *e, const Var *v, const Var *with, int64_t best)
{
    if (e->kind == X_LOAD && (!with || lin_uses(e->at, with))) {
        int64_t step = lin_factor(e->at, v);
        step = step < 0 ? -step : step;
        if (step && (!best || step < best))
            best = step;
    }
    for (int i = 0; i < e->nin; i++)
        best = smallest_step(e->in[i], v, with, best);
    return best;
}

/* Whether e steps from one float to the next along the column, and not along what is reduced; a value of the whole row does not count. */
static bool goes_by_columns(const Ex *e, const Var *column, const Var *reduced)
{
    return column->extent >= 4 && smallest_step(e, column, NULL, 0) == 1 && smallest_step(e, reduced, column, 0) != 1;
}

/* Whether all that e loads along v is loaded from the end to the start. */
static bool goes_back(const Ex *e, const Var *v, bool *loads)
{
    bool back = true;
    if (e->kind == X_LOAD && lin_uses(e->at, v)) {
        *loads = true;
        back = lin_factor(e->at, v) < 0;
    }
    for (int i = 0; i < e->nin; i++)
        back &= goes_back(e->in[i], v, loads);
    return back;
}

/* gcc 12 adds up wrong elements where the inner of two loops over one sum goes back by single floats and the outer one does not: it takes
 * them for a vector whose order does not matter, and reads behind it. Such a sum begins at the other end. Where all machines are to have the
 * same bits a contraction keeps its order, which is that of other targets' tiles. */
static bool turns_around(const Making *m, const Unit *u, const Ex *value, const Var *last)
{
    bool loads = false, contracts = op_info(u->node->op)->class == CLASS_CONTRACT;
    return (u->node->op == OP_SUM || (contracts && !m->c->p->target->deterministic)) && goes_back(value, last, &loads) && loads;
}

static Ex *turned_around(Making *m, const Unit *u, const Lin *const *index, const Lin **reduced, int nr)
{
    const Lin *end = lin_scale(m->k->a, reduced[nr - 1], -1);
    int64_t lo, hi;
    lin_range(end, &lo, &hi);
    reduced[nr - 1] = lin_offset(m->k->a, end, -lo);
    return resolve_reduced(&m->b, m->c, u->node, index, reduced);
}

/* Accumulators side by side along the stage's last loop, a vector of them; a position knows of one only. Where that is the only loop some may
 * be left over. Where all machines are to have the same bits there is one: which loops are whose depends on the target. */
static int lanes_for(const Making *m, const Stage *s)
{
    const Target *t = m->c->p->target;
    const int64_t extent = s->loop[s->nloop - 1]->extent;
    const bool leaves = t->lanes > 1 && s->nloop == s->nparallel + 1;
    int lanes = t->lanes > MIN_LANES ? t->lanes : MIN_LANES;
    for (int i = 0; i < s->items.n; i++)
        if (s->items.at[i].reduce == OP_ARGMAX)
            return 1;
    while (leaves ? lanes > extent : extent % lanes != 0)
        lanes /= 2;
    if (t->compact || t->deterministic || (t->lanes == 1 && extent < LONG_REDUCTION))
        return 1;
    return t->lanes > 1 && lanes < FEWEST_LANES ? 1 : lanes;
}

/* The reduced value in the last stage's loops, where this has just these loops and makes what is reduced. */
static bool join_reduction(Making *m, Unit *u, int nr, const int64_t *extent)
{
    if (!m->k->stages.n || u->type.rank > outer_axes(m))
        return false;
    Stage *s = m->k->stages.at[m->k->stages.n - 1];
    if ((s->kind != STAGE_MAP && (s->kind != STAGE_REDUCE || s->nparallel)) || !same_loops(s, nr, extent))
        return false;
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    unit_index(m, u, s, index);
    for (int i = 0; i < nr; i++)
        reduced[i] = lin_var(m->k->a, s->loop[i]);
    Ex *value = resolve_reduced(&m->b, m->c, u->node, index, reduced);
    if (reads_stage(value, s) || turns_around(m, u, value, s->loop[nr - 1]))
        return false;
    s->kind = STAGE_REDUCE;
    s->nparallel = 0;
    add_item(m, s, u, value, lin_flatten(m->k->a, u->type, index), reduction_of(u->node));
    s->lanes = lanes_for(m, s);
    return true;
}

static bool is_by_columns(const Stage *s, const Ex *e)
{
    return s->nparallel && goes_by_columns(e, s->loop[s->nparallel - 1], s->loop[s->nloop - 1]);
}

/* So many lanes that a few vectors are added to in turn: one would have to wait for itself. */
static int column_lanes(const Making *m, const Stage *s)
{
    const Target *t = m->c->p->target;
    const int64_t columns = s->loop[s->nparallel - 1]->extent, last = s->loop[s->nloop - 1]->extent;
    int64_t each = 1;
    int lanes = 1;
    for (int i = s->nparallel; i < s->nloop; i++)
        each *= s->loop[i]->extent;
    if (t->lanes == 1 || t->deterministic || each < LONG_COLUMN)
        return 1;
    while (lanes * columns < COLUMNS_AT_ONCE && last % (2 * lanes) == 0)
        lanes *= 2;
    return lanes;
}

/* The sums of u's columns in the last stage's loops, where this has just these loops. */
static bool join_columns(Making *m, Unit *u, int nr, const int64_t *extent)
{
    if (!m->k->stages.n || u->node->op == OP_ARGMAX)
        return false;
    Stage *s = m->k->stages.at[m->k->stages.n - 1];
    int64_t all[2 * MAX_RANK];
    int inner = own_loops(m, u, all);
    if (s->kind != STAGE_REDUCE || !s->vector || s->nparallel != inner)
        return false;
    for (int i = 0; i < nr; i++)
        all[inner + i] = extent[i];
    if (!same_loops(s, inner + nr, all))
        return false;
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    unit_index(m, u, s, index);
    for (int i = 0; i < nr; i++)
        reduced[i] = lin_var(m->k->a, s->loop[inner + i]);
    Ex *value = resolve_reduced(&m->b, m->c, u->node, index, reduced);
    if (reads_stage(value, s) || !is_by_columns(s, value))
        return false;
    add_item(m, s, u, value, lin_flatten(m->k->a, u->type, index), reduction_of(u->node));
    return true;
}

void reduce_stage(Making *m, Unit *u)
{
    int64_t extent[MAX_RANK];
    int nr = reduced_axes(u->node, extent);
    if (join_reduction(m, u, nr, extent) || join_columns(m, u, nr, extent))
        return;
    forget_here(m);
    Stage *s = stage_new(m, STAGE_REDUCE);
    add_inner_loops(m, s, u);
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    unit_index(m, u, s, index);
    for (int i = 0; i < nr; i++) {
        add_loop(m, s, extent[i], "r");
        reduced[i] = lin_var(m->k->a, s->loop[s->nloop - 1]);
    }
    Ex *value = resolve_reduced(&m->b, m->c, u->node, index, reduced);
    if (turns_around(m, u, value, s->loop[s->nloop - 1]) && !is_by_columns(s, value))
        value = turned_around(m, u, index, reduced, nr);
    add_item(m, s, u, value, lin_flatten(m->k->a, u->type, index), reduction_of(u->node));
    if (u->node->op == OP_ARGMAX)
        return;
    s->vector = !m->c->p->target->compact && is_by_columns(s, value);
    s->lanes = s->vector ? column_lanes(m, s) : lanes_for(m, s);
}

bool sums_columns(Arena *a, Lower *c, const Unit *u)
{
    int64_t extent[MAX_RANK];
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    Var var[2 * MAX_RANK], *last = NULL;
    const int rank = u->type.rank, nr = reduced_axes(u->node, extent);
    if (!rank || u->node->op == OP_ARGMAX)
        return false;
    for (int i = 0; i < rank + nr; i++) {
        var[i] = (Var){.id = -1 - i, .extent = i < rank ? u->type.dim[i] : extent[i - rank]};
        *(i < rank ? &index[i] : &reduced[i - rank]) = lin_var(a, &var[i]);
        last = &var[i];
    }
    Build b = {.a = a, .c = c};
    return goes_by_columns(resolve_reduced(&b, c, u->node, index, reduced), &var[rank - 1], last);
}

/* Columns keep their last axis for inner loops where that is the one the operand of their reduction is contiguous along. */
void free_last_axis(Making *m, const Unit *u)
{
    Kernel *k = m->k;
    if (k->nouter != u->type.rank || !k->nouter)
        return;
    for (int i = 1; i < m->g->units.n; i++)
        if (!shape_eq(m->g->units.at[i]->type, u->type))
            return;
    if (sums_columns(k->a, m->c, u))
        k->nouter--;
}
