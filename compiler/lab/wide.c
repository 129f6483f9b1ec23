/* SPDX-License-Identifier: MIT */
/* wide.c: the element types files know, narrowed to the graph's four. */
#include "lab.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the readers copy little-endian data as it stands");

static const struct {
    int bytes;
    DType dt;       /* read as */
} filetypes[FT_COUNT] = {
    [FT_BOOL] = {1, DT_BOOL}, [FT_U8] = {1, DT_U8},   [FT_I8] = {1, DT_I32},  [FT_I16] = {2, DT_I32},
    [FT_U16] = {2, DT_I32},   [FT_I32] = {4, DT_I32}, [FT_U32] = {4, DT_I32}, [FT_I64] = {8, DT_I32},
    [FT_U64] = {8, DT_I32},   [FT_F16] = {2, DT_F32}, [FT_BF16] = {2, DT_F32}, [FT_F32] = {4, DT_F32},
    [FT_F64] = {8, DT_F32},
};

int64_t filetype_bytes(FileType ft)
{
    return filetypes[ft].bytes;
}

DType filetype_dtype(FileType ft)
{
    return filetypes[ft].dt;
}

static uint64_t raw_bits(const uint8_t *p, int size, bool big_endian)
{
    uint64_t raw = 0;
    for (int i = 0; i < size; i++)
        raw |= (uint64_t)p[big_endian ? size - 1 - i : i] << (8 * i);
    return raw;
}

/* IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. */
static double half_value(uint32_t raw)
{
    int exponent = raw >> 10 & 31, fraction = raw & 1023;
    double size;
    if (exponent == 31)
        size = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        size = ldexp(fraction, -24);
    else
        size = ldexp(1024 + fraction, exponent - 25);
    return raw & 0x8000 ? -size : size;
}

static double single_value(uint32_t raw)
{
    float value;
    memcpy(&value, &raw, sizeof value);
    return value;
}

/* Integers beyond 2^53 are rounded: they fit no narrower type either way. */
static double wide_value(FileType ft, uint64_t raw)
{
    double value;
    switch (ft) {
    case FT_BOOL:
        return raw != 0;
    case FT_I8:
        return (int8_t)raw;
    case FT_I16:
        return (int16_t)raw;
    case FT_I32:
        return (int32_t)raw;
    case FT_I64:
        return (double)(int64_t)raw;
    case FT_F16:
        return half_value((uint32_t)raw);
    case FT_BF16:
        return single_value((uint32_t)raw << 16);
    case FT_F32:
        return single_value((uint32_t)raw);
    case FT_F64:
        memcpy(&value, &raw, sizeof value);
        return value;
    default:
        return (double)raw;
    }
}

/* Nothing to convert: the file's bytes are the array's. */
static bool same_bytes(FileType ft, bool big_endian)
{
    return ft == FT_U8 || (!big_endian && (ft == FT_I32 || ft == FT_F32));
}

bool filetype_read(FileType ft, bool big_endian, const void *bytes, int64_t count, void *out, int64_t *bad,
                   double *value)
{
    DType dt = filetypes[ft].dt;
    int size = filetypes[ft].bytes;
    if (same_bytes(ft, big_endian)) {
        if (count)
            memcpy(out, bytes, (size_t)(count * size));
        return true;
    }
    Array to = {{.dt = dt}, out};
    const uint8_t *p = bytes;
    for (int64_t i = 0; i < count; i++, p += size) {
        double v = wide_value(ft, raw_bits(p, size, big_endian));
        if (!array_holds(dt, v)) {
            *bad = i;
            *value = v;
            return false;
        }
        array_set(to, i, v);
    }
    return true;
}

bool filetype_array(Arena *a, FileType ft, bool big_endian, const void *bytes, Type t, Array *out,
                    const char **why)
{
    t.dt = filetypes[ft].dt;
    if (same_bytes(ft, big_endian) && (uintptr_t)bytes % 16 == 0) {
        *out = (Array){t, (void *)(uintptr_t)bytes};
        return true;
    }
    *out = array_new(a, t);
    int64_t bad;
    double value;
    if (filetype_read(ft, big_endian, bytes, type_count(t), out->data, &bad, &value))
        return true;
    *why = arena_printf(a, "element %lld is %.17g, which does not fit %s", (long long)bad, value,
                        dtype_name(t.dt));
    return false;
}

bool shape_count(int rank, const int64_t *dim, int64_t *count)
{
    int64_t size = 1, n = 1;
    for (int i = 0; i < rank; i++) {
        /* an extent of 0 must not hide others that overflow: strides are computed from them */
        if (dim[i] < 0 || __builtin_mul_overflow(size, dim[i] ? dim[i] : 1, &size) || size > INT64_C(1) << 56)
            return false;
        n *= dim[i];
    }
    *count = n;
    return true;
}
