/* SPDX-License-Identifier: MIT */
/* leaf.c: shapes of operations without tensor operands. */
#include "ops.h"

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)

SHAPE(input)
{
    (void)a, (void)in, (void)nin;
    *t = attr->input.type;
    return NULL;
}

SHAPE(const)
{
    (void)in, (void)nin;
    *t = type_scalar(attr->constant.dt);
    if ((unsigned)t->dt >= DT_COUNT)
        return "unknown element type";
    if (!dtype_holds(t->dt, attr->constant.value))
        return arena_printf(a, "%.17g is no value of %s", attr->constant.value, dtype_name(t->dt));
    return NULL;
}

SHAPE(iota)
{
    (void)in, (void)nin;
    *t = attr->shape.type;
    if (t->dt == DT_I32 && t->rank == 1)
        return NULL;
    return arena_printf(a, "gives i32[n], not %s", type_text(a, *t));
}

SHAPE(random)
{
    (void)nin;
    Type seed = in[0]->type, step = in[1]->type;
    *t = attr->random.type;
    if (seed.dt != DT_I32 || seed.rank != 1 || seed.dim[0] != 2)
        return arena_printf(a, "the seed is i32[2], not %s", type_text(a, seed));
    if (step.dt != DT_I32 || step.rank != 0)
        return arena_printf(a, "the step is i32, not %s", type_text(a, step));
    if (t->dt != DT_F32)
        return arena_printf(a, "gives f32, not %s", dtype_name(t->dt));
    return NULL;
}
