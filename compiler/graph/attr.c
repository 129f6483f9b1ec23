/* SPDX-License-Identifier: MIT */
/* attr.c: which members each kind of attribute has, and the canonical form of one. */
#include "attr.h"

#include <math.h>
#include <string.h>

#define AT(member) offsetof(Attr, member)
#define ONE(key, kind, member) {key, kind, AT(member), 0, 1, false}
#define MAYBE(key, kind, member) {key, kind, AT(member), 0, 1, true}
#define MANY(key, kind, member, counter, most) {key, kind, AT(member), AT(counter), most, false}
#define PAIR(key, kind, member1, member2, counter, most)                                                     \
    {key, kind, AT(member1), AT(counter), most, true}, {NULL, kind, AT(member2), AT(counter), most, true}

static const AttrKindInfo kinds[] = {
    [ATTR_NONE] = {0, {{0}}},
    [ATTR_INPUT] = {3,
                    {ONE("role", FIELD_ROLE, input.role), ONE("index", FIELD_INT, input.index),
                     ONE("type", FIELD_TYPE, input.type)}},
    [ATTR_CONST] = {2, {ONE("value", FIELD_DOUBLE, constant.value), ONE("dt", FIELD_DTYPE, constant.dt)}},
    [ATTR_AXIS] = {1, {ONE("axis", FIELD_INT, axis.axis)}},
    [ATTR_AXES] = {1, {MANY("axes", FIELD_INTS, axes.axis, axes.n, MAX_RANK)}},
    [ATTR_BROADCAST] = {2,
                        {MANY("axes", FIELD_INTS, broadcast.axis, broadcast.n, MAX_RANK),
                         ONE("type", FIELD_TYPE, broadcast.type)}},
    [ATTR_SHAPE] = {1, {ONE("type", FIELD_TYPE, shape.type)}},
    [ATTR_SLICE] = {3,
                    {MANY("start", FIELD_I64S, slice.start, slice.n, MAX_RANK),
                     MANY("limit", FIELD_I64S, slice.limit, slice.n, MAX_RANK),
                     MANY("stride", FIELD_I64S, slice.stride, slice.n, MAX_RANK)}},
    [ATTR_PAD] = {4,
                  {MANY("lo", FIELD_I64S, pad.lo, pad.n, MAX_RANK),
                   MANY("hi", FIELD_I64S, pad.hi, pad.n, MAX_RANK),
                   MANY("interior", FIELD_I64S, pad.interior, pad.n, MAX_RANK),
                   ONE("value", FIELD_DOUBLE, pad.value)}},
    [ATTR_WINDOW] = {5,
                     {ONE("axis", FIELD_INT, window.axis), ONE("size", FIELD_I64, window.size),
                      ONE("stride", FIELD_I64, window.stride), ONE("dilation", FIELD_I64, window.dilation),
                      MAYBE("extent", FIELD_I64, window.extent)}},
    [ATTR_DTYPE] = {1, {ONE("dt", FIELD_DTYPE, dtype.dt)}},
    [ATTR_RANDOM] = {2, {ONE("salt", FIELD_U32, random.salt), ONE("type", FIELD_TYPE, random.type)}},
    [ATTR_LIMIT] = {1, {ONE("limit", FIELD_I64, limit.limit)}},
    [ATTR_DOT] = {4,
                  {PAIR("batch", FIELD_INTS, dot.lhs_batch, dot.rhs_batch, dot.nbatch, MAX_RANK),
                   PAIR("contract", FIELD_INTS, dot.lhs_contract, dot.rhs_contract, dot.ncontract,
                        MAX_RANK)}},
    [ATTR_CONV] = {6,
                   {MANY("stride", FIELD_I64S, conv.stride, conv.nspatial, MAX_SPATIAL),
                    MANY("pad_lo", FIELD_I64S, conv.pad_lo, conv.nspatial, MAX_SPATIAL),
                    MANY("pad_hi", FIELD_I64S, conv.pad_hi, conv.nspatial, MAX_SPATIAL),
                    MANY("lhs_dilation", FIELD_I64S, conv.lhs_dilation, conv.nspatial, MAX_SPATIAL),
                    MANY("rhs_dilation", FIELD_I64S, conv.rhs_dilation, conv.nspatial, MAX_SPATIAL),
                    ONE("groups", FIELD_I64, conv.groups)}},
    [ATTR_SCAN] = {6,
                   {ONE("carries", FIELD_INT, scan.ncarry), ONE("slices", FIELD_INT, scan.nslice),
                    ONE("yields", FIELD_INT, scan.nyield), ONE("length", FIELD_I64, scan.length),
                    MAYBE("reverse", FIELD_BOOL, scan.reverse), ONE("body", FIELD_BODY, scan.body)}},
    [ATTR_INDEX] = {1, {ONE("index", FIELD_INT, index.index)}},
};

const AttrKindInfo *attr_fields(AttrKind kind)
{
    if ((unsigned)kind >= (unsigned)LEN(kinds))
        BUG("attribute kind %d does not exist", (int)kind);
    return &kinds[kind];
}

bool field_is_list(const AttrField *f)
{
    return f->kind == FIELD_INTS || f->kind == FIELD_I64S;
}

static Type type_clean(Type t)
{
    Type clean;
    memset(&clean, 0, sizeof clean);
    clean.dt = t.dt;
    clean.rank = t.rank;
    for (int i = 0; i < t.rank && i < MAX_RANK; i++)
        clean.dim[i] = t.dim[i];
    return clean;
}

/* One bit pattern for every NaN; an f32 is rounded. */
static double value_clean(double value, DType dt)
{
    if (isnan(value))
        return NAN;
    return dt == DT_F32 ? (double)(float)value : value;
}

static void field_copy(const AttrField *f, const Attr *from, DType dt, Attr *to)
{
    size_t at = f->offset;
    switch (f->kind) {
    case FIELD_INT:
    case FIELD_BOOL:
        ATTR_AT(int, to, at) = ATTR_GET(int, from, at);
        break;
    case FIELD_I64:
        ATTR_AT(int64_t, to, at) = ATTR_GET(int64_t, from, at);
        break;
    case FIELD_U32:
        ATTR_AT(uint32_t, to, at) = ATTR_GET(uint32_t, from, at);
        break;
    case FIELD_DOUBLE:
        ATTR_AT(double, to, at) = value_clean(ATTR_GET(double, from, at), dt);
        break;
    case FIELD_ROLE:
        ATTR_AT(Role, to, at) = ATTR_GET(Role, from, at);
        break;
    case FIELD_DTYPE:
        ATTR_AT(DType, to, at) = ATTR_GET(DType, from, at);
        break;
    case FIELD_TYPE:
        ATTR_AT(Type, to, at) = type_clean(ATTR_GET(Type, from, at));
        break;
    case FIELD_INTS:
    case FIELD_I64S: {
        size_t item = f->kind == FIELD_INTS ? sizeof(int) : sizeof(int64_t);
        int n = ATTR_GET(int, from, f->count);
        ATTR_AT(int, to, f->count) = n;
        memcpy((char *)to + at, (const char *)from + at, item * (size_t)n);
        break;
    }
    case FIELD_BODY:
        ATTR_AT(Fn *, to, at) = ATTR_GET(Fn *, from, at);
        break;
    }
}

Attr attr_clean(AttrKind kind, const Attr *attr, DType dt)
{
    Attr clean;
    memset(&clean, 0, sizeof clean);
    const AttrKindInfo *info = attr_fields(kind);
    for (int i = 0; i < info->n; i++)
        field_copy(&info->field[i], attr, dt, &clean);
    return clean;
}

const char *attr_problem(Arena *a, AttrKind kind, const Attr *attr)
{
    const AttrKindInfo *info = attr_fields(kind);
    for (int i = 0; i < info->n; i++) {
        const AttrField *f = &info->field[i];
        if (!field_is_list(f))
            continue;
        int n = ATTR_GET(int, attr, f->count);
        if (n < 0 || n > f->most)
            return arena_printf(a, "%s lists %d numbers, but at most %d are possible",
                                f->key ? f->key : "it", n, f->most);
    }
    return NULL;
}
