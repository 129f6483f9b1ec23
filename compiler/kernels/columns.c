/* SPDX-License-Identifier: MIT */
/* columns.c: sums of columns in registers. As plain C each row adds to sums in memory, and the next row's wait until these are stored:
 * half of what a second cache can give. A few vectors of columns are variables instead, with rows side by side where that is too few
 * for additions not to wait for one another. */
#include "kernel.h"

enum {
    UNDER_WAY = 8,          /* vectors that are added to in turn: latency by pipes, of all targets */
    MIN_TURNS = 4,          /* of the loops over rows, from which rows side by side are worth their additions at the end */
};

static bool hangs_on(const Ex *e, const Var *v)
{
    bool any = e->at && lin_uses(e->at, v);
    for (int i = 0; !any && i < e->nguard; i++)
        any = lin_uses(e->guard[i].at, v);
    for (int i = 0; !any && i < e->part.n; i++)
        any = hangs_on(e->part.at[i], v);
    return any;
}

static bool goes_by_one(Arena *a, const Lin *at, const Var *column)
{
    return lin_factor(at, column) == 1 && !lin_uses(lin_without(a, at, column), column);
}

/* Whether a vector of columns has vectors as operands, or what is the same for all columns. */
static bool is_vector(Arena *a, const Ex *e, const Var *column)
{
    if (e->dt != DT_F32)
        return false;
    if (!hangs_on(e, column))
        return true;
    if (e->kind == X_LOAD)
        return goes_by_one(a, e->at, column);
    bool all = e->kind == X_OP && (e->op == OP_ADD || e->op == OP_SUB || e->op == OP_MUL || e->op == OP_DIV || e->op == OP_NEG);
    for (int i = 0; all && i < e->nin; i++)
        all = is_vector(a, e->in[i], column);
    return all;
}

/* What is added wherever the guards hold, which do not hang on the column, and nothing is added elsewhere: a window beside the data. */
const Ex *column_guarded(const Stage *s)
{
    const Ex *e = s->items.at[0].value;
    const Var *column = s->loop[s->nparallel - 1];
    bool over = s->items.n == 1 && e->kind == X_GUARD && e->nin == 2 && e->in[1]->kind == X_CONST && e->dt == DT_F32 && e->in[1]->value == 0;
    for (int i = 0; over && i < e->nguard; i++)
        over = !lin_uses(e->guard[i].at, column);
    return over ? e->in[0] : NULL;
}

static bool are_vectors(Arena *a, const Stage *s)
{
    const Var *column = s->loop[s->nparallel - 1];
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        const Ex *value = column_guarded(s) ? column_guarded(s) : item->value;
        if (item->reduce != OP_SUM || !item->buffer || !hangs_on(value, column) || !is_vector(a, value, column) ||
            !goes_by_one(a, item->at, column))
            return false;
    }
    return true;
}

bool columns_fit(Arena *a, const Kernel *k, const Stage *s)
{
    const Var *column = s->loop[s->nparallel - 1];
    const int64_t most = k->split.n && k->split.var[0] == column ? SPLIT_COLUMNS : column->extent;
    return s->kind == STAGE_REDUCE && s->vector && s->together >= 1 && s->lanes >= 1 && most % (s->wide * s->together) == 0 &&
           s->loop[s->nloop - 1]->extent % s->lanes == 0 && are_vectors(a, s);
}

/* The sums of a stage as vectors of its target, if these are at least half full. */
static void choose(const Plan *p, const Kernel *k, Stage *s)
{
    const Target *target = p->target;
    const Var *column = s->loop[s->nparallel - 1], *last = s->loop[s->nloop - 1];
    const bool split = k->split.n && k->split.var[0] == column;
    const int64_t most = split ? SPLIT_COLUMNS : column->extent, vectors_most = target->registers / 2 / s->items.n;
    int wide = target->lanes;
    while (wide > 4 && most % wide)
        wide /= 2;
    if (most % wide || 2 * wide < target->lanes || vectors_most < 1 || !are_vectors(p->a, s))
        return;
    int together = 1, lanes = 1;
    int64_t rows = 1;
    for (int i = s->nparallel; i < s->nloop; i++)
        rows *= s->loop[i]->extent;
    for (int n = 2; n <= UNDER_WAY && n <= vectors_most; n++)
        together = most % (wide * n) == 0 ? n : together;
    while (!target->deterministic && 2 * lanes * together <= UNDER_WAY && 2 * lanes * together <= vectors_most &&
           last->extent % (2 * lanes) == 0 && rows / (2 * lanes) >= MIN_TURNS)
        lanes *= 2;
    s->wide = wide;
    s->together = together;
    s->lanes = lanes;
}

void choose_columns(Plan *p)
{
    for (int i = 0; p->target->lanes > 1 && i < p->kernels.n; i++)
        for (int j = 0; j < p->kernels.at[i]->stages.n; j++) {
            Stage *s = p->kernels.at[i]->stages.at[j];
            if (s->kind == STAGE_REDUCE && s->vector)
                choose(p, p->kernels.at[i], s);
        }
}
