/* SPDX-License-Identifier: MIT-0 */
/* Float functions without libm, in plain C99 (and C++): no tables, no branches, no errno, so that the loops
 * around them vectorise. gcc wants -O2 -fno-math-errno -fno-trapping-math for that, clang -O2
 * -fno-math-errno; never -ffast-math, which takes the roundings out on which they rest. NaN, infinities,
 * signed zeros and subnormals are what C's annex F says. Without contraction to FMA every machine computes
 * the same bits. docs/accuracy.md has the measured errors; tests/runtime/minimax.py made the polynomials.
 *
 *   float      dl_exp dl_log dl_tanh dl_sigmoid dl_erf dl_sqrt dl_pow   dl_abs dl_floor dl_rem dl_max dl_min
 *   integers   dl_add_i32 dl_sub_i32 dl_mul_i32 dl_neg_i32 dl_abs_i32 dl_floordiv_i32 dl_rem_i32
 *              dl_i32_of dl_u8_of
 */
#ifndef DL_MATH_H
#define DL_MATH_H

#ifndef DL_HAVE_STDINT /* define it where the fixed-width types are there already and <stdint.h> is not */
#include <stdint.h>
#endif

/* Loops vectorise only if the calls in them are inlined. Firmware built for size may prefer not to. */
#ifndef DL_INLINE
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define DL_INLINE static inline __attribute__((always_inline))
#else
#define DL_INLINE static inline
#endif
#endif

#define DL_INFINITY dl_float(0x7F800000u)
#define DL_NAN      dl_float(0x7FC00000u)

/* -- bits ------------------------------------------------------------------------------------------------ */

DL_INLINE uint32_t dl_bits(float x)
{
    union {
        float f;
        uint32_t u;
    } v;

    v.f = x;
    return v.u;
}

DL_INLINE float dl_float(uint32_t bits)
{
    union {
        uint32_t u;
        float f;
    } v;

    v.u = bits;
    return v.f;
}

/* |x| */
DL_INLINE float dl_abs(float x)
{
    return dl_float(dl_bits(x) & 0x7FFFFFFFu);
}

/* size, which is not negative, with the sign of x. */
DL_INLINE float dl_signed(float size, float x)
{
    return dl_float(dl_bits(size) | (dl_bits(x) & 0x80000000u));
}

/* x without the lower half of its significand: 12 bits stay, so the product of two such floats is exact, and
 * what was taken away, x - dl_upper(x), is exact too. */
DL_INLINE float dl_upper(float x)
{
    return dl_float(dl_bits(x) & 0xFFFFF000u);
}

/* c ? x : y, for c 0 or 1, where compilers would rather branch. */
DL_INLINE float dl_pick(int c, float x, float y)
{
    const uint32_t mask = 0u - (uint32_t)c;

    return dl_float((dl_bits(x) & mask) | (dl_bits(y) & ~mask));
}

/* The upper half of the 64-bit product. */
DL_INLINE uint32_t dl_mul_high(uint32_t x, uint32_t y)
{
    return (uint32_t)(((uint64_t)x * y) >> 32);
}

/* -- order and rounding ---------------------------------------------------------------------------------- */

/* The larger and the smaller of two; NaN if either is NaN; y if they are equal. */
DL_INLINE float dl_max(float x, float y)
{
    const float larger = x > y ? x : y;     /* two plain choices: compilers vectorise these */

    return x != x ? x : larger;
}

DL_INLINE float dl_min(float x, float y)
{
    const float smaller = x < y ? x : y;

    return x != x ? x : smaller;
}

/* The largest integer not above x. From 2^23 on every float is an integer. */
DL_INLINE float dl_floor(float x)
{
    const int within = dl_abs(x) < 8388608.0f;
    const float small = dl_pick(within, x, 0.0f);
    const float cut = (float)(int32_t)small; /* towards zero */

    return dl_pick(within, dl_signed(cut - (float)(cut > small), x), x); /* the sign is there to keep -0 */
}

/* x - y floor(x / y), Python's % within rounding. */
DL_INLINE float dl_rem(float x, float y)
{
    return x - y * dl_floor(x / y);
}

/* -- exponentials ---------------------------------------------------------------------------------------- */

/* e^x = significand * 2^(*n - 0x4B400000) for |x| < 2^21, the significand between 0.7 and 1.42.
 * n = round(x / ln 2) by adding 1.5 * 2^23, which leaves it in the low bits; x - n ln 2 in two pieces, the
 * first exact; the second joins the polynomial's tail, so that only the two last additions round on the scale
 * of the result. */
DL_INLINE float dl_exp_parts(float x, uint32_t *n)
{
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float count = shifted - 12582912.0f;
    const float rest = x - count * 0.693359375f; /* exact: the constant has 9 bits */
    const float small = count * -2.12194440e-4f; /* ln 2 less the constant */
    const float r = rest - small;
    float tail = 1.38201378e-3f;

    tail = tail * r + 8.36868584e-3f;
    tail = tail * r + 4.16682735e-2f;
    tail = tail * r + 1.66665211e-1f;
    tail = tail * r + 0.49999994f;
    *n = dl_bits(shifted);
    return 1.0f + (rest + (tail * (r * r) - small));
}

/* e^x for |x| <= 87; NaN for NaN. */
DL_INLINE float dl_exp_normal(float x)
{
    uint32_t n;
    const float significand = dl_exp_parts(x, &n);

    return significand * dl_float((n << 23) + 0x3F800000u);
}

/* e^x. The power of two comes in two halves, each a normal number: the second product overflows to infinity
 * or rounds to a subnormal as it should. */
DL_INLINE float dl_exp(float x)
{
    uint32_t n, half;
    float significand;

    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    significand = dl_exp_parts(x, &n);
    n -= 0x4B400000u - 254u; /* both halves biased */
    half = n >> 1;
    return significand * dl_float(half << 23) * dl_float((n - half) << 23);
}

/* 1 / (1 + e^-x), by e^-|x|, which cannot overflow. */
DL_INLINE float dl_sigmoid(float x)
{
    const float e = dl_exp(-dl_abs(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* tanh x: odd polynomial below 0.625, from there 1 - 2 / (e^2|x| + 1); 1 from 9.02 on. */
DL_INLINE float dl_tanh(float x)
{
    const float size = dl_abs(x);
    const float square = size * size;
    float p = -5.69611648e-3f, far = size > 10.0f ? 10.0f : size;

    p = p * square + 2.06308067e-2f;
    p = p * square + -5.37370555e-2f;
    p = p * square + 1.33314088e-1f;
    p = p * square + -3.33332807e-1f;
    p = size + size * (square * p);
    far = 1.0f - 2.0f / (dl_exp_normal(far + far) + 1.0f);
    return dl_signed(size < 0.625f ? p : far, x);
}

/* The error function: odd polynomial below 0.9, from there 1 - e^q(|x|) where q is close to log erfc; 1
 * from 3.92 on. */
DL_INLINE float dl_erf(float x)
{
    const float size = dl_abs(x);
    const float square = size * size;
    const float far = size > 4.0f ? 4.0f : size;
    float p = -6.06748974e-4f, q = 1.98211565e-4f;

    p = p * square + 5.00711566e-3f;
    p = p * square + -2.67752465e-2f;
    p = p * square + 1.12820245e-1f;
    p = p * square + -3.76125097e-1f;
    p = p * square + 1.28379151e-1f;
    p = size + size * p;
    q = q * far + -3.06542753e-3f;
    q = q * far + 2.23150142e-2f;
    q = q * far + -1.04113355e-1f;
    q = q * far + -6.36976361e-1f;
    q = q * far + -1.12779713f;
    q = q * far + -1.66464641e-4f;
    return dl_signed(size < 0.9f ? p : 1.0f - dl_exp_normal(q), x);
}

/* -- logarithm and power --------------------------------------------------------------------------------- */

/* x = significand * 2^*exponent for positive finite x, the significand in [sqrt(1/2), sqrt(2)). */
DL_INLINE float dl_log_parts(float x, float *exponent)
{
    const int tiny = x < 1.17549435e-38f; /* subnormal: work with 2^24 x */
    const uint32_t bits = dl_bits(tiny ? x * 16777216.0f : x) + (0x3F800000u - 0x3F3504F3u);

    *exponent = (float)((int32_t)(bits >> 23) - 127 - 24 * tiny);
    return dl_float((bits & 0x007FFFFFu) + 0x3F3504F3u);
}

/* log x = e ln 2 + log(1 + f). e ln 2 again in two pieces, the first exact; what the sum of it and f rounds
 * away is kept and joins the small terms. */
DL_INLINE float dl_log(float x)
{
    float e, p = 6.75097555e-2f;
    const float f = dl_log_parts(x, &e) - 1.0f;
    const float large = e * 0.693359375f;
    const float sum = large + f;
    const float lost = f - (sum - large);
    float y;

    p = p * f + -1.16714597e-1f;
    p = p * f + 1.18835673e-1f;
    p = p * f + -1.24060310e-1f;
    p = p * f + 1.42203271e-1f;
    p = p * f + -1.66679963e-1f;
    p = p * f + 2.00020730e-1f;
    p = p * f + -2.50000089e-1f;
    p = p * f + 3.33333135e-1f;
    y = sum + (lost + (e * -2.12194440e-4f + (p * f - 0.5f) * (f * f)));
    y = x > 0.0f ? y : (x < 0.0f ? DL_NAN : -DL_INFINITY);
    return x < DL_INFINITY ? y : x; /* infinity and NaN as they are */
}

/* log2 of positive finite x = the result (12 bits) + *low, good to about 36 bits.
 * With f = significand - 1, s = f / (2 + f), z = s^2:  log2(1 + f) = s 2/ln 2 (1 + z/3 + z^2/5 + ...). Each
 * quantity is a 12-bit piece and a small rest: products of such pieces are exact, with or without
 * contraction. */
static inline float dl_log2_parts(float x, float *low)
{
    float e;
    const float m = dl_log_parts(x, &e);
    const float f = m - 1.0f;
    const float d_up = dl_upper(m + 1.0f), d_low = m - (d_up - 1.0f);
    const float s_up = dl_upper(f / (m + 1.0f));
    const float s_low = ((f - s_up * d_up) - s_up * d_low) / (m + 1.0f);
    const float z_all = s_up * s_up, z_up = dl_upper(z_all);
    const float z_low = (z_all - z_up) + s_low * (s_up + s_up + s_low);
    const float z = z_up + z_low;
    /* 2/ln 2 = 2.8847656 + 0.00062446, a third of it = 0.96166992 + 0.00012677 */
    const float third_low = 1.26772051e-4f + z * ((0.337826997f * z + 0.411849767f) * z + 0.577080190f);
    const float first = z_up * 0.961669922f; /* exact */
    const float rest = 6.24456792e-4f + (z_low * 0.961669922f + z * third_low);
    const float t_up = dl_upper(2.884765625f + (first + rest));
    const float t_low = ((2.884765625f - t_up) + first) + rest;
    const float p_up = s_up * t_up; /* exact */
    const float p_low = s_up * t_low + s_low * (t_up + t_low);
    const float up = dl_upper(e + (p_up + p_low));

    *low = ((e - up) + p_up) + p_low;
    return up;
}

/* 2^(up + low), where low is small beside up. */
static inline float dl_exp2_parts(float up, float low)
{
    float shifted, r, p = 1.53299930e-4f;
    uint32_t n, half;

    /* Out of reach on either side: stay where the result is infinity or 0. There low may be large, so hold
     * it. */
    up = dl_pick(up > 129.0f, 129.0f, up);
    up = dl_pick(up < -151.0f, -151.0f, up);
    low = dl_pick(low > 0.5f, 0.5f, low);
    low = dl_pick(low < -0.5f, -0.5f, low);
    shifted = (up + low) + 12582912.0f;
    r = (up - (shifted - 12582912.0f)) + low;
    n = dl_bits(shifted) - (0x4B400000u - 254u);
    half = n >> 1;
    p = p * r + 1.33911881e-3f;
    p = p * r + 9.61849838e-3f;
    p = p * r + 5.55035919e-2f;
    p = p * r + 2.40226477e-1f;
    p = p * r + 6.93147182e-1f;
    return (1.0f + p * r) * dl_float(half << 23) * dl_float((n - half) << 23);
}

/* x^y with all of C's special cases: 1 for y = 0 and for x = 1 whatever the other is, NaN for negative x and
 * y not an integer, the sign of x where y is an odd integer. */
static inline float dl_pow(float x, float y)
{
    const float size = dl_abs(x);
    /* from 2^24 on, y is an even integer */
    const float power = dl_pick(dl_abs(y) < 16777216.0f, dl_abs(y), 16777216.0f);
    const int32_t whole = (int32_t)power;
    const int integer = (float)whole == power;
    const uint32_t sign = ((uint32_t)(whole & integer) << 31) & dl_bits(x);
    float low, up = dl_log2_parts(size, &low), z, result;

    /* from 2^31 on, y takes every size but 1 to infinity or 0 */
    z = dl_pick(y > 4294967296.0f, 4294967296.0f, y);
    z = dl_pick(z < -4294967296.0f, -4294967296.0f, z);
    low = z * low + (z - dl_upper(z)) * up;
    up = dl_upper(z) * up; /* exact */
    up = dl_pick(size == 0.0f, -z * DL_INFINITY, up);
    up = dl_pick(size == DL_INFINITY, z * DL_INFINITY, up);
    result = dl_float(dl_bits(dl_exp2_parts(up, low)) | sign);
    result = dl_pick((x < 0.0f) & (size < DL_INFINITY) & !integer, DL_NAN, result);
    result = dl_pick((x != x) | (y != y), x + y, result);
    return dl_pick((x == 1.0f) | (y == 0.0f), 1.0f, result);
}

/* -- square root ----------------------------------------------------------------------------------------- */

/* The square root, correctly rounded, in 32-bit integers. With x = m 4^k, m in [1, 4): Newton's iteration for
 * 1 / sqrt(m), then the truncated root, put right by the exact remainder, then rounded by it. */
static inline float dl_sqrt_soft(float x)
{
    const int tiny = x < 1.17549435e-38f; /* subnormal: work with 2^24 x */
    const uint32_t bits = dl_bits(tiny ? x * 16777216.0f : x);
    const uint32_t exponent = bits >> 23, odd = ~exponent & 1u;
    const uint32_t significand = (bits & 0x007FFFFFu) | 0x00800000u;
    const uint32_t m = significand << (7u + odd); /* 2^30 m */
    uint32_t y;                                   /* 2^31 / sqrt(m) */
    uint32_t q;                                   /* 2^23 sqrt(m) */
    int32_t rest; /* 2^46 m - q^2: so small that its low 32 bits are all of it */
    float root;

    y = 2813783737u - 2u * dl_mul_high(m, 1668073440u) + 2u * dl_mul_high(dl_mul_high(m, m), 807199536u);
    y = dl_mul_high(y, (3u << 28) - dl_mul_high(dl_mul_high(m, y), y)) << 3;
    y = dl_mul_high(y, (3u << 28) - dl_mul_high(dl_mul_high(m, y), y)) << 3;
    y = dl_mul_high(y, (3u << 28) - dl_mul_high(dl_mul_high(m, y), y)) << 3;
    q = dl_mul_high(m, y) >> 6;
    rest = (int32_t)((significand << (23u + odd)) - q * q);
    q -= (uint32_t)(rest < 0);
    rest = (int32_t)((significand << (23u + odd)) - q * q);
    q += (uint32_t)(rest > (int32_t)(2u * q));
    rest = (int32_t)((significand << (23u + odd)) - q * q);
    q += (uint32_t)(rest > (int32_t)q);
    root = dl_float((((exponent + 127u) >> 1) << 23) + (q - 0x00800000u) - (tiny ? 12u << 23 : 0u));
    return ((x > 0.0f) & (x < DL_INFINITY)) ? root : x < 0.0f ? DL_NAN : x;
}

/* Where the machine has an instruction for it, and the compiler may use it without setting errno, that: the
 * same bits. */
#if defined(__GNUC__) && defined(__NO_MATH_ERRNO__) &&                                                       \
    (defined(__SSE2__) || defined(__aarch64__) || defined(__wasm__) || defined(__riscv_flen) ||              \
     (defined(__ARM_FP) && (__ARM_FP & 4)))
#define DL_SQRT_INLINE 1
#else
#define DL_SQRT_INLINE 0
#endif

DL_INLINE float dl_sqrt(float x)
{
#if DL_SQRT_INLINE
    return __builtin_sqrtf(x);
#else
    return dl_sqrt_soft(x);
#endif
}

/* -- integers -------------------------------------------------------------------------------------------- */

/* Arithmetic of i32 wraps around, like two's complement. */
DL_INLINE int32_t dl_add_i32(int32_t x, int32_t y)
{
    return (int32_t)((uint32_t)x + (uint32_t)y);
}

DL_INLINE int32_t dl_sub_i32(int32_t x, int32_t y)
{
    return (int32_t)((uint32_t)x - (uint32_t)y);
}

DL_INLINE int32_t dl_mul_i32(int32_t x, int32_t y)
{
    return (int32_t)((uint32_t)x * (uint32_t)y);
}

DL_INLINE int32_t dl_neg_i32(int32_t x)
{
    return (int32_t)(0u - (uint32_t)x);
}

DL_INLINE int32_t dl_abs_i32(int32_t x)
{
    return x < 0 ? dl_neg_i32(x) : x;
}

/* floor(x / y) and x - y floor(x / y): Python's // and %. x // 0 is 0 and x % 0 is x; -2^31 // -1 wraps
 * around to -2^31. */
DL_INLINE int32_t dl_floordiv_i32(int32_t x, int32_t y)
{
    const int32_t d = ((y == 0) | (y == -1)) ? 1 : y; /* the two that machines trap on */
    const int32_t q = x / d - ((x % d != 0) & ((x ^ d) < 0));

    return y == 0 ? 0 : y == -1 ? dl_neg_i32(x) : q;
}

DL_INLINE int32_t dl_rem_i32(int32_t x, int32_t y)
{
    const int32_t d = ((y == 0) | (y == -1)) ? 1 : y;
    const int32_t r = x % d;

    return y == 0 ? x : ((r != 0) & ((r ^ d) < 0)) ? r + d : r;
}

/* x towards zero; the nearest i32 where it does not fit; 0 for NaN. */
DL_INLINE int32_t dl_i32_of(float x)
{
    const int fits = (x >= -2147483648.0f) & (x < 2147483648.0f);
    const int32_t beyond = x > 0.0f ? 2147483647 : x < 0.0f ? -2147483647 - 1 : 0;
    const int32_t cut = (int32_t)(fits ? x : 0.0f);

    return fits ? cut : beyond;
}

/* The same for u8: 0 to 255. */
DL_INLINE uint8_t dl_u8_of(float x)
{
    const float low = x > 0.0f ? x : 0.0f; /* NaN too is 0 */

    return (uint8_t)(int32_t)(low < 255.0f ? low : 255.0f);
}

#endif
