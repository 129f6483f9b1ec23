/* SPDX-License-Identifier: MIT */
/* The distance of a float from what it should be, and the functions of dl_math.h beside libm's in double. */
#ifndef ULP_H
#define ULP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* |got - exact| in units in the last place of exact: 2^-149 where floats are subnormal, and infinity stands
 * where the next float, 2^128, would. Infinite if one is NaN and the other is not, or if a zero has the wrong
 * sign. */
static inline double ulp_error(float got, double exact)
{
    const double top = 0x1p128;
    uint64_t bits;
    int exponent;
    double unit, g = got;

    if (isnan(got) || isnan(exact))
        return isnan(got) && isnan(exact) ? 0 : INFINITY;
    if (got == 0 && !signbit(got) != !signbit(exact))
        return INFINITY;
    g = g > top ? top : g < -top ? -top : g;
    exact = exact > top ? top : exact < -top ? -top : exact;
    memcpy(&bits, &exact, sizeof bits);
    exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    exponent = exponent < -126 ? -126 : exponent > 127 ? 127 : exponent;
    bits = (uint64_t)(exponent - 23 + 1023) << 52;
    memcpy(&unit, &bits, sizeof unit);
    return fabs(g - exact) / unit;
}

static inline double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static inline double rsqrt(double x)
{
    return 1 / sqrt(x);
}

/* F(name, libm's name, bound): functions of one argument, in the order of the tables, and the most they may be off, in
 * units in the last place. */
/* clang-format off */
#define EACH_FUNCTION(F) \
    F(exp, exp, 1.0) \
    F(expm1, expm1, 2.0) \
    F(log, log, 1.0) \
    F(log1p, log1p, 1.0) \
    F(tanh, tanh, 2.75) \
    F(sigmoid, sigmoid, 2.5) \
    F(erf, erf, 1.5) \
    F(sin, sin, 1.0) \
    F(cos, cos, 1.0) \
    F(rsqrt, rsqrt, 1.5) \
    F(sqrt, sqrt, 0.5) \
    F(sqrt_soft, sqrt, 0.5)
/* clang-format on */

#define ADD_ONE(name, reference, bound) +1
enum { FUNCTIONS = EACH_FUNCTION(ADD_ONE), BLOCK = 4096 }; /* BLOCK: elements in one call */

/* The functions as one compiler with one set of flags made them: variant.c with -DVARIANT=name. Fields and
 * not an array of literals, so that tcc makes one too. */
typedef struct Variant {
    void (*function[FUNCTIONS])(const float *x, float *y); /* y[i] = f(x[i]), BLOCK times */
    void (*pow)(const float *x, const float *e, float *y);
    void (*uniform)(float *y);
} Variant;

#endif
