/* SPDX-License-Identifier: MIT */
/* array.c: values outside the graph. */
#include "lab.h"

#include <math.h>
#include <string.h>

Array array_new(Arena *a, Type t)
{
    return (Array){t, arena_alloc(a, (size_t)type_bytes(t))};
}

double array_at(Array x, int64_t i)
{
    switch (x.type.dt) {
    case DT_BOOL:
    case DT_U8:
        return ((const uint8_t *)x.data)[i];
    case DT_I32:
        return ((const int32_t *)x.data)[i];
    default:
        return ((const float *)x.data)[i];
    }
}

void array_set(Array x, int64_t i, double value)
{
    switch (x.type.dt) {
    case DT_BOOL:
    case DT_U8:
        ((uint8_t *)x.data)[i] = (uint8_t)value;
        break;
    case DT_I32:
        ((int32_t *)x.data)[i] = (int32_t)value;
        break;
    default:
        ((float *)x.data)[i] = (float)value;
        break;
    }
}

bool array_holds(DType dt, double value)
{
    switch (dt) {
    case DT_BOOL:
        return value == 0 || value == 1;
    case DT_U8:
        return value >= 0 && value <= 255 && value == floor(value);
    case DT_I32:
        return value >= INT32_MIN && value <= INT32_MAX && value == floor(value);
    default:
        return !isfinite(value) || fabs(value) < 0x1.ffffffp127;    /* half a step above the largest float */
    }
}

const Array *array_find(const ArrayList *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (str_eq(list->at[i].name, name))
            return &list->at[i].array;
    return NULL;
}

void array_add(Arena *a, ArrayList *list, const char *name, Array x)
{
    NamedArray named = {name, x};
    vec_push(a, list, named);
}

bool array_convert(Arena *a, Array x, DType dt, const char *name, Array *out, const char **why)
{
    *out = x;
    if (x.type.dt == dt)
        return true;
    *out = array_new(a, type_with(x.type, dt));
    int64_t n = type_count(x.type);
    bool picture = x.type.dt == DT_U8 && dt == DT_F32;
    for (int64_t i = 0; i < n; i++) {
        double value = array_at(x, i);
        if (!array_holds(dt, value)) {
            *why = arena_printf(a, "%s: element %lld is %.9g, which does not fit %s", name, (long long)i,
                                value, dtype_name(dt));
            return false;
        }
        if (picture)
            ((float *)out->data)[i] = (float)value / 255.0f;
        else
            array_set(*out, i, value);
    }
    return true;
}

bool array_load(Arena *a, const char *path, Array *out, const char **why)
{
    size_t n;
    const char *bytes = path_read(a, path, &n, why);
    if (!bytes)
        return false;
    if (n >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0)
        return npy_parse(a, path, bytes, n, out, why);
    if (n >= 2 && (memcmp(bytes, "\x1f\x8b", 2) == 0 || memcmp(bytes, "\0\0", 2) == 0))
        return idx_parse(a, path, bytes, n, out, why);
    *why = arena_printf(a, "%s: neither a .npy file nor an IDX file by its first bytes", path);
    return false;
}
