/* SPDX-License-Identifier: MIT */
/* reduce.c: shapes of reductions; fold stands beside its adjoint in move.c. */
#include "ops.h"

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)

SHAPE(reduce)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = axes_problem(a, attr->axes.n, attr->axes.axis, x.rank);
    if (why)
        return why;
    if (x.dt != DT_F32 && x.dt != DT_I32)
        return arena_printf(a, "computes with f32 or i32, not %s", type_text(a, x));
    *t = x;
    for (int i = attr->axes.n - 1; i >= 0; i--)
        *t = type_drop(*t, attr->axes.axis[i]);
    return NULL;
}

/* Positions are i32. */
SHAPE(argmax)
{
    const char *why = shape_reduce(a, in, nin, attr, t);
    if (why)
        return why;
    if (type_count(in[0]->type) / type_count(*t) > INT32_MAX)
        return "more elements than an i32 can number";
    t->dt = DT_I32;
    return NULL;
}
