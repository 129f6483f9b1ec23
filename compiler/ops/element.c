/* SPDX-License-Identifier: MIT */
/* element.c: shapes of element-wise operations: operands and result have one shape. */
#include "ops.h"

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)

static const char *want_number(Arena *a, Type t)
{
    if (t.dt == DT_F32 || t.dt == DT_I32)
        return NULL;
    return arena_printf(a, "computes with f32 or i32, not %s", type_text(a, t));
}

static const char *want(Arena *a, Type t, DType dt)
{
    return t.dt == dt ? NULL : arena_printf(a, "needs %s, not %s", dtype_name(dt), type_text(a, t));
}

static const char *want_equal(Arena *a, Node *const *in)
{
    if (type_eq(in[0]->type, in[1]->type))
        return NULL;
    return arena_printf(a, "the operands differ: %s and %s", type_text(a, in[0]->type),
                        type_text(a, in[1]->type));
}

SHAPE(same1)
{
    (void)a, (void)nin, (void)attr;
    *t = in[0]->type;
    return NULL;
}

SHAPE(arith1)
{
    shape_same1(a, in, nin, attr, t);
    return want_number(a, *t);
}

SHAPE(float1)
{
    shape_same1(a, in, nin, attr, t);
    return want(a, *t, DT_F32);
}

SHAPE(bool1)
{
    shape_same1(a, in, nin, attr, t);
    return want(a, *t, DT_BOOL);
}

SHAPE(cast)
{
    (void)nin;
    *t = type_with(in[0]->type, attr->dtype.dt);
    return (unsigned)t->dt < DT_COUNT ? NULL : arena_printf(a, "element type %d does not exist", (int)t->dt);
}

SHAPE(arith2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_arith1(a, in, nin, attr, t);
}

SHAPE(float2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_float1(a, in, nin, attr, t);
}

SHAPE(bool2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_bool1(a, in, nin, attr, t);
}

SHAPE(compare)
{
    (void)nin, (void)attr;
    *t = type_with(in[0]->type, DT_BOOL);
    return want_equal(a, in);
}

SHAPE(order)
{
    const char *why = shape_compare(a, in, nin, attr, t);
    if (!why && in[0]->type.dt == DT_BOOL)
        why = arena_printf(a, "orders numbers, not %s", type_text(a, in[0]->type));
    return why;
}

SHAPE(select)
{
    (void)nin, (void)attr;
    Type condition = in[0]->type;
    *t = in[1]->type;
    const char *why = want(a, condition, DT_BOOL);
    if (!why)
        why = want_equal(a, in + 1);
    if (!why && !shape_eq(condition, *t))
        why = arena_printf(a, "the condition is %s, the alternatives %s", type_text(a, condition),
                           type_text(a, *t));
    return why;
}
