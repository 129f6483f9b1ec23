/* SPDX-License-Identifier: MIT */
/* index.c: operations over indices; one out of range ends the evaluation. gather and scatter_add are each
 * other's adjoint. dy: the result's gradient. */
#include "ops.h"
#include "../graph/gradient.h"

#include <string.h>

static const char *want_index(Arena *a, Type t)
{
    return t.dt == DT_I32 ? NULL : arena_printf(a, "an index is i32, not %s", type_text(a, t));
}

static const char *want_limit(Arena *a, int64_t limit)
{
    if (limit >= 1 && limit <= (int64_t)INT32_MAX + 1)
        return NULL;
    return arena_printf(a, "limit %lld is not an extent an i32 can index", (long long)limit);
}

SHAPE(check)
{
    (void)nin;
    *t = in[0]->type;
    const char *why = want_index(a, *t);
    return why ? why : want_limit(a, attr->limit.limit);
}

static bool index_fits(EvalCtx *e, double index, int64_t limit)
{
    if (index >= 0 && index < (double)limit)
        return true;
    e->why = arena_printf(e->a, "index %.0f is out of range: 0 <= index < %lld", index, (long long)limit);
    return false;
}

EVAL(check)
{
    const double *x = eval_in(e, n, 0);
    double *y = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++) {
        if (!index_fits(e, x[i], n->attr.limit.limit))
            return;
        y[i] = x[i];
    }
}

/* index's axes, then all but the first of rows' */
static const char *rows_by_index(Arena *a, Type index, Type rows, int skip, Type *t)
{
    if (index.rank + rows.rank - skip > MAX_RANK)
        return arena_printf(a, "the result would have %d axes", index.rank + rows.rank - skip);
    *t = type_with(index, rows.dt);
    for (int i = skip; i < rows.rank; i++)
        *t = type_insert(*t, t->rank, rows.dim[i]);
    return NULL;
}

SHAPE(gather)
{
    (void)nin, (void)attr;
    Type table = in[0]->type, index = in[1]->type;
    if (table.rank < 1)
        return "the table needs an axis to index";
    const char *why = want_index(a, index);
    return why ? why : rows_by_index(a, index, table, 1, t);
}

/* y[i.., r..] = table[index[i..], r..] */
EVAL(gather)
{
    Type table = n->in[0]->type;
    const double *rows = eval_in(e, n, 0), *index = eval_in(e, n, 1);
    double *y = eval_out(e, n);
    int64_t row = type_count(table) / table.dim[0], count = type_count(n->in[1]->type);
    for (int64_t i = 0; i < count; i++) {
        if (!index_fits(e, index[i], table.dim[0]))
            return;
        memcpy(y + i * row, rows + (int64_t)index[i] * row, sizeof *y * (size_t)row);
    }
}

/* y[i] = table[index[i]]: d table = scatter_add(index, dy) */
GRAD(gather)
{
    Node *table = n->in[0], *index = n->in[1];
    grad_into(g, table, node_scatter_add(g->fn, index, dy, table->type.dim[0]));
}

SHAPE(scatter)
{
    (void)nin;
    Type index = in[0]->type, updates = in[1]->type;
    const char *why = want_index(a, index);
    if (!why)
        why = want_limit(a, attr->limit.limit);
    if (why)
        return why;
    if (updates.dt != DT_F32 && updates.dt != DT_I32)
        return arena_printf(a, "adds f32 or i32, not %s", type_text(a, updates));
    if (updates.rank < index.rank || updates.rank - index.rank >= MAX_RANK)
        return arena_printf(a, "updates %s for indices %s", type_text(a, updates), type_text(a, index));
    Type leading = updates;
    while (leading.rank > index.rank)
        leading = type_drop(leading, leading.rank - 1);
    if (!shape_eq(leading, index))
        return arena_printf(a, "updates %s for indices %s", type_text(a, updates), type_text(a, index));
    *t = type_make(updates.dt, 1, &attr->limit.limit);
    for (int i = index.rank; i < updates.rank; i++)
        *t = type_insert(*t, t->rank, updates.dim[i]);
    return NULL;
}

/* y = 0; y[index[i..], r..] += updates[i.., r..] */
EVAL(scatter)
{
    const double *index = eval_in(e, n, 0), *updates = eval_in(e, n, 1);
    double *y = eval_out(e, n);
    int64_t count = type_count(n->in[0]->type), row = type_count(n->in[1]->type) / count;
    memset(y, 0, sizeof *y * (size_t)type_count(n->type));
    for (int64_t i = 0; i < count; i++) {
        if (!index_fits(e, index[i], n->type.dim[0]))
            return;
        for (int64_t r = 0; r < row; r++)
            y[(int64_t)index[i] * row + r] += updates[i * row + r];
    }
    for (int64_t i = 0, size = type_count(n->type); i < size && n->type.dt == DT_I32; i++)
        y[i] = wrap_i32(y[i]);
}

/* y[index[i]] += updates[i]: d updates = gather(dy, index) */
GRAD(scatter)
{
    grad_into(g, n->in[1], node_gather(g->fn, dy, n->in[0]));
}
