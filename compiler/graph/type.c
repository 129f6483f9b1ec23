/* SPDX-License-Identifier: MIT */
/* type.c: element types and shapes. */
#include "ir.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t bytes;
} dtypes[DT_COUNT] = {
    [DT_BOOL] = {"bool", 1},
    [DT_U8] = {"u8", 1},
    [DT_I32] = {"i32", 4},
    [DT_F32] = {"f32", 4},
};

Type type_make(DType dt, int rank, const int64_t *dim)
{
    if (rank < 0 || rank > MAX_RANK)
        BUG("a type of rank %d", rank);
    Type t = {.dt = dt, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    return t;
}

Type type_scalar(DType dt)
{
    return type_make(dt, 0, NULL);
}

Type type_with(Type t, DType dt)
{
    t.dt = dt;
    return t;
}

bool shape_eq(Type x, Type y)
{
    if (x.rank != y.rank)
        return false;
    for (int i = 0; i < x.rank; i++)
        if (x.dim[i] != y.dim[i])
            return false;
    return true;
}

bool type_eq(Type x, Type y)
{
    return x.dt == y.dt && shape_eq(x, y);
}

int64_t type_count(Type t)
{
    int64_t n = 1;
    for (int i = 0; i < t.rank; i++)
        n *= t.dim[i];
    return n;
}

int64_t dtype_bytes(DType dt)
{
    return dtypes[dt].bytes;
}

int64_t type_bytes(Type t)
{
    return type_count(t) * dtype_bytes(t.dt);
}

const char *dtype_name(DType dt)
{
    return (unsigned)dt < DT_COUNT ? dtypes[dt].name : "?";
}

const char *type_text(Arena *a, Type t)
{
    StrBuf sb = {.a = a};
    sb_puts(&sb, dtype_name(t.dt));
    for (int i = 0; i < t.rank && i < MAX_RANK; i++)
        sb_printf(&sb, "%s%lld", i ? ", " : "[", (long long)t.dim[i]);
    if (t.rank > 0)
        sb_putc(&sb, ']');
    return sb_text(&sb);
}

Type type_drop(Type t, int axis)
{
    if (axis < 0 || axis >= t.rank)
        BUG("axis %d dropped from rank %d", axis, t.rank);
    memmove(t.dim + axis, t.dim + axis + 1, sizeof *t.dim * (size_t)(t.rank - axis - 1));
    t.dim[--t.rank] = 0;
    return t;
}

Type type_insert(Type t, int axis, int64_t extent)
{
    if (axis < 0 || axis > t.rank || t.rank == MAX_RANK)
        BUG("axis %d inserted into rank %d", axis, t.rank);
    memmove(t.dim + axis + 1, t.dim + axis, sizeof *t.dim * (size_t)(t.rank - axis));
    t.dim[axis] = extent;
    t.rank++;
    return t;
}

const char *type_problem(Arena *a, Type t)
{
    if ((unsigned)t.dt >= DT_COUNT)
        return "unknown element type";
    if (t.rank < 0 || t.rank > MAX_RANK)
        return arena_printf(a, "rank %d, but at most %d axes are possible", t.rank, MAX_RANK);
    int64_t count = 1;
    for (int i = 0; i < t.rank; i++) {
        if (t.dim[i] < 1)
            return arena_printf(a, "axis %d of %s has extent %lld; every extent is at least 1", i,
                                type_text(a, t), (long long)t.dim[i]);
        if (t.dim[i] > MAX_COUNT / count)
            return arena_printf(a, "%s is too large", type_text(a, t));
        count *= t.dim[i];
    }
    return NULL;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

double dtype_convert(double value, DType from, DType to)
{
    switch (to) {
    case DT_BOOL:
        return value != 0;
    case DT_U8:
        return from == DT_F32 ? (isnan(value) ? 0 : clamp(trunc(value), 0, 255))
                              : (double)((int64_t)value & 255);
    case DT_I32:
        return from == DT_F32 ? (isnan(value) ? 0 : clamp(trunc(value), INT32_MIN, INT32_MAX)) : value;
    default:
        return value;
    }
}

bool dtype_holds(DType dt, double value)
{
    switch (dt) {
    case DT_BOOL:
        return value == 0 || value == 1;
    case DT_U8:
        return value >= 0 && value <= 255 && value == trunc(value);
    case DT_I32:
        return value >= INT32_MIN && value <= INT32_MAX && value == trunc(value);
    default:
        return isnan(value) || isinf(value) || (fabs(value) <= 3.5e38 && (double)(float)value == value);
    }
}
