/* SPDX-License-Identifier: MIT */
/* given.c: values as they stand in memory, and what kernels are given in their place. */
#include "verify.h"

#include "../kernels/verify.h"

#include <math.h>

/* ---- places ---------------------------------------------------------------------------------------- */
Region region_of_turn(Arena *a, const Moment *m, Region place)
{
    const When *turn = m->when.n ? &m->when.at[m->when.n - 1] : NULL;
    const int64_t part = turn ? part_of_turn(a, m->kernel, place.buffer, turn->time) : 0;
    if (!part || place.first || place.count != part * turn->time->extent)
        return place;
    place.first = part * turn->at;
    place.count = part;
    place.bits = (const char *)place.bits + place.first * dtype_bytes(place.buffer->type.dt);
    return place;
}

/* ---- memory ---------------------------------------------------------------------------------------- */
static void bits_set(DType dt, void *bits, int64_t i, double value)
{
    if (dt == DT_F32)
        ((float *)bits)[i] = (float)value;
    else if (dt == DT_I32)
        ((int32_t *)bits)[i] = (int32_t)value;
    else
        ((uint8_t *)bits)[i] = (uint8_t)value;
}

double bits_at(DType dt, const void *bits, int64_t i)
{
    return dt == DT_F32   ? (double)((const float *)bits)[i]
           : dt == DT_I32 ? (double)((const int32_t *)bits)[i]
                          : (double)((const uint8_t *)bits)[i];
}

void *value_bits(Arena *a, Value v)
{
    void *bits = arena_alloc(a, (size_t)type_bytes(v.type));
    for (int64_t i = 0; i < type_count(v.type); i++)
        bits_set(v.type.dt, bits, i, v.at[i]);
    return bits;
}

/* Two significant bits behind the first: values of one magnitude often meet. */
static double coarse(double x)
{
    int exponent;
    double part = frexp(x, &exponent);
    return x == 0 || !isfinite(x) ? x : ldexp(nearbyint(part * 8) / 8, exponent);
}

/* Both signs, also where there are few elements; some zeros where there are many. */
static double by_chance(Random *chance, Given given, int64_t i, int64_t count)
{
    bool large = given == GIVEN_LARGE || given == GIVEN_LARGE_AGAIN;
    double x = fabs(random_normal(chance)) * (large ? 30 : 1);
    if (count > 4 && random_below(chance, 10) == 0)
        return 0;
    return (i % 2 == 0) == (given < GIVEN_SMALL_AGAIN) ? x : -x;
}

void given_change(Random *chance, Given given, UnitKind kind, Value v)
{
    bool random = given >= GIVEN_SMALL && kind == UNIT_VALUE;
    for (int64_t i = 0, count = type_count(v.type); i < count; i++) {
        if (v.type.dt == DT_I32 && random && v.at[i] > 0)
            v.at[i] = given < GIVEN_SMALL_AGAIN ? fmod(v.at[i], 2) : 0;
        if (v.type.dt != DT_F32)
            continue;
        double x = random ? by_chance(chance, given, i, count) : (double)(float)v.at[i];
        v.at[i] = (double)(float)(given == GIVEN_COARSE ? coarse(x) : x);
    }
}
