/* SPDX-License-Identifier: MIT-0 */
/* Float functions without libm, in plain C99 (and C++): no branches, no errno, and no tables but the bits of
 * 2 / pi, so that the loops around them vectorise. gcc wants -O2 -fno-math-errno -fno-trapping-math for that,
 * clang -O2 -fno-math-errno; never -ffast-math, which takes the roundings out on which they rest. NaN,
 * infinities, signed zeros and subnormals are what C's annex F says. Without contraction to FMA every machine
 * computes the same bits. docs/accuracy.md has the measured errors; tests/runtime/minimax.py made the
 * polynomials. */
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
    const float larger = x > y ? x : y; /* two plain choices: compilers vectorise these */

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

/* e^r - 1 - r for |r| <= ln 2 / 2. */
DL_INLINE float dl_exp_tail(float r)
{
    float tail = 1.38201378e-3f;

    tail = tail * r + 8.36868584e-3f;
    tail = tail * r + 4.16682735e-2f;
    tail = tail * r + 1.66665211e-1f;
    tail = tail * r + 0.49999994f;
    return tail * (r * r);
}

/* round(x / ln 2) for |x| < 2^21, by adding 1.5 * 2^23, and a bias with it: of *n count the low nine bits, which hold
 * the number and the bias, as an exponent's field wants them. */
DL_INLINE float dl_exp_count(float x, int bias, uint32_t *n)
{
    const float shift = 12582912.0f + (float)bias;
    const float shifted = x * 1.44269504f + shift;

    *n = dl_bits(shifted);
    return shifted - shift;
}

/* e^x = (1 + the result) 2^count, the result between -0.3 and 0.42. ln 2 is in two pieces, of which the first has 9
 * bits and its multiple none to round. */
DL_INLINE float dl_exp_parts(float x, int bias, uint32_t *n)
{
    const float count = dl_exp_count(x, bias, n);
    const float r = (x - count * 0.693359375f) - count * -2.12194440e-4f;

    return r + dl_exp_tail(r);
}

/* e^x 2^(bias - 127), if that is a normal number; NaN for NaN. */
DL_INLINE float dl_exp_normal(float x, int bias)
{
    uint32_t n;
    const float significand = 1.0f + dl_exp_parts(x, bias, &n);

    return significand * dl_float(n << 23);
}

/* e^x. The rest's second piece joins the tail, so that only the two last additions round on the scale of the
 * result. The power of two comes in two halves, each a normal number: the second product overflows to infinity or
 * rounds to a subnormal as it should. Both limits are tests of x itself: where the second is one of what the first
 * leaves, gcc follows what one says of the other, and then there are three. */
DL_INLINE float dl_exp(float x)
{
    const float below = x > 89.0f ? 89.0f : x;
    uint32_t n, half;
    float count, rest, small, significand;

    x = x < -104.0f ? -104.0f : below;
    count = dl_exp_count(x, 254, &n); /* both halves biased */
    rest = x - count * 0.693359375f;
    small = count * -2.12194440e-4f;
    significand = 1.0f + (rest + (dl_exp_tail(rest - small) - small));
    half = n >> 1;
    return significand * dl_float(half << 23) * dl_float((n - half) << 23);
}

/* Half of e^x - 1 = (2^n - 1) + 2^n r, where r is e^x / 2^n - 1: small x, whose n is 0, lose nothing. All of 2^128
 * would be beyond what is finite. */
DL_INLINE float dl_half_expm1(float x)
{
    uint32_t n;
    const float r = dl_exp_parts(x, 126, &n), half = dl_float(n << 23);

    return (half - 0.5f) + half * r;
}

DL_INLINE float dl_expm1(float x)
{
    const float below = x > 89.0f ? 89.0f : x;
    const float y = 2.0f * dl_half_expm1(x < -20.0f ? -20.0f : below);

    return dl_abs(x) < 1e-30f ? x : y; /* -0, and subnormals, of which half is no float */
}

/* 1 / (1 + e^-x), of which both are divided by 2^64: neither overflows, and the quotient rounds where the result is
 * a subnormal. */
DL_INLINE float dl_sigmoid(float x)
{
    const float unit = 5.42101086e-20f; /* 2^-64 */
    const float below = x > 40.0f ? 40.0f : x;

    x = x < -104.0f ? -104.0f : below;
    return unit / (unit + dl_exp_normal(-x, 127 - 64));
}

/* tanh |x| = h / (h + 1), where h is half of e^2|x| - 1; 1 from 9.02 on. */
DL_INLINE float dl_tanh(float x)
{
    const float size = dl_abs(x), far = size > 10.0f ? 10.0f : size;
    const float h = dl_half_expm1(far + far);

    return dl_signed(h / (h + 1.0f), x);
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
    return dl_signed(size < 0.9f ? p : 1.0f - dl_exp_normal(q, 127), x);
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

/* log x + more = e ln 2 + log(1 + f) + more for positive finite x and small `more`. e ln 2 again in two
 * pieces, the first exact; what the sum of it and f rounds away is kept and joins the small terms. */
DL_INLINE float dl_log_plus(float x, float more)
{
    float e, p = 6.75097555e-2f;
    const float f = dl_log_parts(x, &e) - 1.0f;
    const float large = e * 0.693359375f;
    const float sum = large + f;
    const float lost = (f - (sum - large)) + more;

    p = p * f + -1.16714597e-1f;
    p = p * f + 1.18835673e-1f;
    p = p * f + -1.24060310e-1f;
    p = p * f + 1.42203271e-1f;
    p = p * f + -1.66679963e-1f;
    p = p * f + 2.00020730e-1f;
    p = p * f + -2.50000089e-1f;
    p = p * f + 3.33333135e-1f;
    return sum + (lost + (e * -2.12194440e-4f + (p * f - 0.5f) * (f * f)));
}

DL_INLINE float dl_log(float x)
{
    float y = dl_log_plus(x, 0.0f);

    y = x > 0.0f ? y : (x < 0.0f ? DL_NAN : -DL_INFINITY);
    return x < DL_INFINITY ? y : x; /* infinity and NaN as they are */
}

/* log(1 + x) = log u + log(1 + (x - (u - 1)) / u), u being 1 + x rounded: the second is what was rounded
 * away. */
DL_INLINE float dl_log1p(float x)
{
    const float u = 1.0f + x;
    float y = dl_log_plus(u, (x - (u - 1.0f)) / u);

    y = u > 0.0f ? y : (u < 0.0f ? DL_NAN : -DL_INFINITY);
    y = u < DL_INFINITY ? y : u;
    return x == 0.0f ? x : y; /* -0 */
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

/* -- sine and cosine ------------------------------------------------------------------------------------ */

/* |x| - *quarters pi/2 = the result + *low, between -pi/4 and pi/4, for finite x; *quarters modulo 4, in the
 * low bits. Payne and Hanek's reduction (Radian reduction for trigonometric functions, 1983): |x| is an
 * integer m times a power of two, and of 2 / pi only those bits matter that m moves neither beyond 4 nor
 * below what the worst float needs. That is a window of 96; where it begins goes by whole bytes, the rest of
 * the shift into m. */
DL_INLINE float dl_reduce_quarters(float x, uint32_t *quarters, float *low)
{
    static const uint32_t two_over_pi[25] = {/* 32 zeros and then its bits, from every eighth bit on */
                                             0x00000000u, 0x000000A2u, 0x0000A2F9u, 0x00A2F983u, 0xA2F9836Eu,
                                             0xF9836E4Eu, 0x836E4E44u, 0x6E4E4415u, 0x4E441529u, 0x441529FCu,
                                             0x1529FC27u, 0x29FC2757u, 0xFC2757D1u, 0x2757D1F5u, 0x57D1F534u,
                                             0xD1F534DDu, 0xF534DDC0u, 0x34DDC0DBu, 0xDDC0DB62u, 0xC0DB6295u,
                                             0xDB629599u, 0x6295993Cu, 0x95993C43u, 0x993C4390u, 0x3C439041u};
    const float size = dl_abs(x);
    const int within = size < 0.785398163f; /* pi/4: x as it is */
    const float held = dl_pick(size <= 3.40282347e+38f, size, 3.40282347e+38f);
    const uint32_t bits = dl_bits(dl_pick(within, 0.5f, held));
    const uint32_t m = (uint32_t)(int32_t)dl_float((bits & 0x03FFFFFFu) + 0x4B000000u); /* below 2^31 */
    const int at = (int)(bits >> 26) - 15;
    /* the upper 64 of the product's 96 bits: 2 for quarters, the others behind the point; 1/2 is added, to
     * round */
    const uint64_t product = (uint64_t)m * two_over_pi[at + 4] + dl_mul_high(m, two_over_pi[at + 8]);
    const uint32_t up = (uint32_t)(product >> 32) + m * two_over_pi[at] + 0x20000000u,
                   down = (uint32_t)product;
    /* the part behind the point less 1/2 in pieces that floats hold: 22, 24 and 16 bits */
    const float first = (float)((int32_t)((up & 0x3FFFFFFFu) >> 8) - 0x200000) * 2.38418579e-7f;
    const float second = (float)(int32_t)((up & 0xFFu) << 16 | down >> 16) * 1.42108547e-14f;
    const float third = (float)(int32_t)(down & 0xFFFFu) * 2.16840434e-19f;
    const float part = first + second, part_low = (second - (part - first)) + third;
    /* times pi/2 = 1.5703125 + 4.83826792e-4; the product of two upper halves is exact */
    const float part_up = dl_upper(part);
    const float rest = (part - part_up) * 1.5703125f + (part * 4.83826792e-4f + part_low * 1.57079633f);

    *quarters = (up >> 30) & ((uint32_t)within - 1u);
    *low = dl_pick(within, 0.0f, rest);
    return dl_pick(within, size, part_up * 1.5703125f);
}

/* The sine of an angle of so many quarters of a turn more than up + low, its sign turned by that of `sign`.
 */
DL_INLINE float dl_sin_parts(float up, float low, uint32_t quarters, uint32_t sign)
{
    const float r = up + low, z = r * r, half = 0.5f * z, one_less = 1.0f - half;
    float s = -1.95180997e-4f, c = 2.44325529e-5f;

    s = s * z + 8.33218824e-3f;
    s = s * z + -1.66666552e-1f;
    s = up + (low + s * z * r);
    c = c * z + -1.38873106e-3f;
    c = c * z + 4.16666456e-2f;
    c = one_less + (((1.0f - one_less) - half) + (c * (z * z) - r * (low - (r - up))));
    return dl_float(dl_bits(dl_pick((int)(quarters & 1u), c, s)) ^ (quarters & 2u) << 30 ^ sign);
}

DL_INLINE float dl_sin(float x)
{
    uint32_t quarters;
    float low;
    const float up = dl_reduce_quarters(x, &quarters, &low);
    const float y = dl_sin_parts(up, low, quarters, dl_bits(x) & 0x80000000u);

    return dl_abs(x) < DL_INFINITY ? y : DL_NAN;
}

DL_INLINE float dl_cos(float x)
{
    uint32_t quarters;
    float low;
    const float up = dl_reduce_quarters(x, &quarters, &low);
    const float y = dl_sin_parts(up, low, quarters + 1u, 0u);

    return dl_abs(x) < DL_INFINITY ? y : DL_NAN;
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

/* 1 / sqrt(x), by two correct roundings; for zero the infinity of its sign. */
DL_INLINE float dl_rsqrt(float x)
{
    return 1.0f / dl_sqrt(x);
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
