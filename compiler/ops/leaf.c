/* SPDX-License-Identifier: MIT */
/* leaf.c: operations without tensor operands: inputs, whose value is given, constants, positions and random
 * numbers. */
#include "ops.h"
#include "../../runtime/dl_random.h"

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

EVAL(const)
{
    eval_out(e, n)[0] = n->attr.constant.value;
}

SHAPE(iota)
{
    (void)in, (void)nin;
    *t = attr->shape.type;
    if (t->dt == DT_I32 && t->rank == 1)
        return NULL;
    return arena_printf(a, "gives i32[n], not %s", type_text(a, *t));
}

EVAL(iota)
{
    double *y = eval_out(e, n);
    for (int64_t i = 0; i < n->type.dim[0]; i++)
        y[i] = (double)i;
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

/* The very numbers the runtime draws: element i is number i of the block that seed, step and salt select. */
EVAL(random)
{
    const double *seed = eval_in(e, n, 0), *step = eval_in(e, n, 1);
    uint32_t lo = (uint32_t)(int32_t)seed[0], hi = (uint32_t)(int32_t)seed[1];
    uint32_t at = (uint32_t)(int32_t)step[0];
    double *y = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++)
        y[i] = (double)dl_uniform(lo, hi, at, n->attr.random.salt, (uint32_t)i);
}
