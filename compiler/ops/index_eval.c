/* SPDX-License-Identifier: MIT */
/* index_eval.c: values of operations over indices. An index out of range ends the evaluation. */
#include "ops.h"

#include <string.h>

#define EVAL(name) void eval_##name(EvalCtx *e, const Node *n)

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
