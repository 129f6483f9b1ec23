/* SPDX-License-Identifier: MIT */
/* The freestanding runtime against libm and wide integers. `make docs/accuracy.md` is the
 * dense sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compiler/emit/emit.h"
#include "runtime/dl_math.h"
#include "runtime/dl_status.h"
#include "tests/runtime/ulp.h"

#define SAME(got, expected) assert_true(same_float(got, expected))
#define COUNT(array)        (sizeof(array) / sizeof((array)[0]))

/* The same bits, or both NaN. */
static int same_float(float x, float y)
{
    if (x != x && y != y)
        return 1;
    if (dl_bits(x) == dl_bits(y))
        return 1;
    print_error("%.9g (%08x) is not %.9g (%08x)\n", x, (unsigned)dl_bits(x), y, (unsigned)dl_bits(y));
    return 0;
}

/* -- math -- */

static const struct {
    const char *name;
    float (*function)(float);
    double (*reference)(double);
    double bound; /* ulp */
} one[] = {
#define ROW(name, reference, bound) {"dl_" #name, dl_##name, reference, bound},
    EACH_FUNCTION(ROW)
#undef ROW
};

static void errors_stay_in_bounds(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT(one); f++) {
        double worst = 0;
        float at = 0;

        for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 2053) {
            const float x = dl_float((uint32_t)bits);
            const double ulp = ulp_error(one[f].function(x), one[f].reference(x));
            if (ulp > worst) {
                worst = ulp;
                at = x;
            }
        }
        if (worst > one[f].bound)
            fail_msg("%s is off by %g ulp at %.9g", one[f].name, worst, at);
    }
}

/* docs/accuracy.md has a row for each function, of errors within its bound. */
static void documented_errors_are_in_bounds(void **state)
{
    char line[1000];
    int found[FUNCTIONS] = {0};
    FILE *f = fopen("docs/accuracy.md", "r");

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f) && !strstr(line, "## Speed"))
        for (int i = 0; i < FUNCTIONS; i++) {
            char name[40];
            if (sscanf(line, "| %39s |", name) != 1 || strcmp(name, one[i].name))
                continue;
            for (const char *at = strstr(line + 2, "| "); at && at[2] != '\n' && at[2]; at = strstr(at + 2, "| "), found[i]++)
                if (!(strtod(at + 2, NULL) <= one[i].bound + 0.0005))
                    fail_msg("docs/accuracy.md: %s above %g", line, one[i].bound);
        }
    fclose(f);
    for (int i = 0; i < FUNCTIONS; i++)
        if (found[i] != 5)
            fail_msg("docs/accuracy.md: %s has %d columns", one[i].name, found[i]);
}

static void special_values(void **state)
{
    const float inf = INFINITY, tiny = 0x1p-149f;

    (void)state;
    SAME(dl_exp(0.0f), 1.0f);
    SAME(dl_exp(-0.0f), 1.0f);
    SAME(dl_exp(inf), inf);
    SAME(dl_exp(-inf), 0.0f);
    SAME(dl_exp(NAN), NAN);
    SAME(dl_exp(88.7228317f), 0x1.ffff08p127f);
    SAME(dl_exp(88.8f), inf);
    SAME(dl_exp(-103.9f), tiny);
    SAME(dl_exp(-104.0f), 0.0f);
    SAME(dl_log(0.0f), -inf);
    SAME(dl_log(-0.0f), -inf);
    SAME(dl_log(1.0f), 0.0f);
    SAME(dl_log(inf), inf);
    SAME(dl_log(-inf), NAN);
    SAME(dl_log(-tiny), NAN);
    SAME(dl_log(NAN), NAN);
    SAME(dl_log(tiny), -0x1.9d1da0p6f);
    SAME(dl_tanh(0.0f), 0.0f);
    SAME(dl_tanh(-0.0f), -0.0f);
    SAME(dl_tanh(inf), 1.0f);
    SAME(dl_tanh(-inf), -1.0f);
    SAME(dl_tanh(NAN), NAN);
    SAME(dl_tanh(tiny), tiny);
    SAME(dl_tanh(-tiny), -tiny);
    SAME(dl_sigmoid(0.0f), 0.5f);
    SAME(dl_sigmoid(inf), 1.0f);
    SAME(dl_sigmoid(-inf), 0.0f);
    SAME(dl_sigmoid(NAN), NAN);
    SAME(dl_sigmoid(-103.9f), tiny);
    SAME(dl_expm1(0.0f), 0.0f);
    SAME(dl_expm1(-0.0f), -0.0f);
    SAME(dl_expm1(tiny), tiny);
    SAME(dl_expm1(-tiny), -tiny);
    SAME(dl_expm1(inf), inf);
    SAME(dl_expm1(-inf), -1.0f);
    SAME(dl_expm1(88.8f), inf);
    SAME(dl_expm1(NAN), NAN);
    SAME(dl_log1p(0.0f), 0.0f);
    SAME(dl_log1p(-0.0f), -0.0f);
    SAME(dl_log1p(tiny), tiny);
    SAME(dl_log1p(-tiny), -tiny);
    SAME(dl_log1p(-1.0f), -inf);
    SAME(dl_log1p(-1.5f), NAN);
    SAME(dl_log1p(inf), inf);
    SAME(dl_log1p(-inf), NAN);
    SAME(dl_log1p(NAN), NAN);
    SAME(dl_sin(0.0f), 0.0f);
    SAME(dl_sin(-0.0f), -0.0f);
    SAME(dl_sin(tiny), tiny);
    SAME(dl_sin(-tiny), -tiny);
    SAME(dl_sin(inf), NAN);
    SAME(dl_sin(-inf), NAN);
    SAME(dl_sin(NAN), NAN);
    SAME(dl_cos(0.0f), 1.0f);
    SAME(dl_cos(-0.0f), 1.0f);
    SAME(dl_cos(tiny), 1.0f);
    SAME(dl_cos(inf), NAN);
    SAME(dl_cos(NAN), NAN);
    SAME(dl_rsqrt(0.0f), inf);
    SAME(dl_rsqrt(-0.0f), -inf);
    SAME(dl_rsqrt(4.0f), 0.5f);
    SAME(dl_rsqrt(inf), 0.0f);
    SAME(dl_rsqrt(-1.0f), NAN);
    SAME(dl_rsqrt(NAN), NAN);
    SAME(dl_erf(0.0f), 0.0f);
    SAME(dl_erf(-0.0f), -0.0f);
    SAME(dl_erf(inf), 1.0f);
    SAME(dl_erf(-inf), -1.0f);
    SAME(dl_erf(NAN), NAN);
    SAME(dl_erf(-tiny), -tiny);
    SAME(dl_max(1.0f, NAN), NAN);
    SAME(dl_max(NAN, 1.0f), NAN);
    SAME(dl_max(1.0f, 2.0f), 2.0f);
    SAME(dl_min(1.0f, NAN), NAN);
    SAME(dl_min(NAN, 1.0f), NAN);
    SAME(dl_min(1.0f, 2.0f), 1.0f);
    SAME(dl_abs(-0.0f), 0.0f);
    SAME(dl_abs(-inf), inf);
    SAME(dl_abs(-NAN), NAN);
}

/* The floats nearest to multiples of pi/2 relative to their size (by continued fractions of 2^e 2 / pi),
 * those on either side of where reduction begins, and the largest. */
static void angles_are_reduced_well(void **state)
{
    static const float near[] = {0x1.f37c8ap95f, 0x1.47d0fep34f, 0x1.32ede2p85f, 0x1.628d4cp40f,
                                 0x1.130930p76f, 0x1.921fb6p0f,  0x1.921fb4p0f,  0x1.921fb4p-1f,
                                 0x1.921fb6p-1f, 0x1.fffffep127f};
    double least = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(near); i++) {
        assert_true(ulp_error(dl_sin(near[i]), sin(near[i])) < 1);
        assert_true(ulp_error(dl_cos(near[i]), cos(near[i])) < 1);
        SAME(dl_sin(-near[i]), -dl_sin(near[i]));
        SAME(dl_cos(-near[i]), dl_cos(near[i]));
        least = fmin(least, fmin(fabs(sin(near[i])), fabs(cos(near[i]))));
    }
    assert_true(least < 1.7e-9);
}

/* Both square roots have the bits of libm's, which IEEE 754 fixes. */
static void square_roots_are_exact(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 1021) {
        const float x = dl_float((uint32_t)bits);
        if (!same_float(dl_sqrt_soft(x), sqrtf(x)) || !same_float(dl_sqrt(x), sqrtf(x)))
            fail_msg("at %.9g", x);
    }
    for (uint32_t root = 1; root < 4096; root++) { /* exact squares and their neighbours */
        const uint32_t square = dl_bits((float)(root * root));
        for (uint32_t near = square - 2; near <= square + 2; near++)
            SAME(dl_sqrt_soft(dl_float(near)), sqrtf(dl_float(near)));
    }
    for (uint32_t bits = 0; bits < 4096; bits++) /* the smallest subnormals */
        SAME(dl_sqrt_soft(dl_float(bits)), sqrtf(dl_float(bits)));
    SAME(dl_sqrt_soft(-0.0f), -0.0f);
    SAME(dl_sqrt_soft(-1.0f), NAN);
    SAME(dl_sqrt_soft(INFINITY), INFINITY);
}

static void floor_is_exact(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 2053)
        if (!same_float(dl_floor(dl_float((uint32_t)bits)), floorf(dl_float((uint32_t)bits))))
            fail_msg("at %.9g", dl_float((uint32_t)bits));
    SAME(dl_floor(-0.0f), -0.0f);
    SAME(dl_floor(-0x1p-149f), -1.0f);
    SAME(dl_floor(8388607.5f), 8388607.0f);
    SAME(dl_rem(7.0f, 3.0f), 1.0f);
    SAME(dl_rem(-7.0f, 3.0f), 2.0f);
    SAME(dl_rem(7.0f, -3.0f), -2.0f);
}

static void pow_in_special_cases(void **state)
{
    static const float value[] = {
        0.0f,           -0.0f,       1.0f,  -1.0f,       0.5f,      -0.5f,       2.0f,
        -2.0f,          3.0f,        -3.0f, INFINITY,    -INFINITY, NAN,         0x1p-149f,
        -0x1p-149f,     0x1p-126f,   1e30f, -1e30f,      3e38f,     -3e38f,      8388607.0f,
        -8388607.0f,    16777215.0f, 2.5f,  16777216.0f, -2.5f,     1.0f / 3.0f, 0x1.000002p0f,
        0x1.fffffep-1f, 4e9f,        -4e9f};

    (void)state;
    for (size_t i = 0; i < COUNT(value); i++)
        for (size_t j = 0; j < COUNT(value); j++) {
            const double ulp = ulp_error(dl_pow(value[i], value[j]), pow(value[i], value[j]));
            if (ulp > 2)
                fail_msg("%.9g ^ %.9g is %.9g, off by %g ulp", value[i], value[j], dl_pow(value[i], value[j]),
                         ulp);
        }
}

/* What optimizers ask for, then exponents that put the result of any base between the smallest and the
 * largest float. */
static void pow_stays_in_bounds(void **state)
{
    static const float beta[] = {0.5f, 0.9f, 0.99f, 0.999f, 0.9999f, 0.99999f};
    double worst = 0;
    uint32_t r = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(beta); i++)
        for (uint32_t step = 0; step < 200000; step += step < 1000 ? 1 : 37)
            worst = fmax(worst, ulp_error(dl_pow(beta[i], (float)step), pow(beta[i], (double)step)));
    for (int i = 0; i < 500000; i++) {
        float x, y;
        r = r * 1664525u + 1013904223u;
        x = dl_float(r >> 1);
        r = r * 1664525u + 1013904223u;
        y = (float)((r * 0x1p-32 * 278 - 150) / log2(x));
        worst = fmax(worst, ulp_error(dl_pow(x, y), pow(x, y)));
    }
    for (int i = 0; i < 200000; i++) { /* negative bases: the exponent is whole, or the result NaN */
        float x, y;
        r = r * 1664525u + 1013904223u;
        x = -(float)(exp((r >> 8) * 0x1p-24 * 20 - 10));
        r = r * 1664525u + 1013904223u;
        y = (float)((int)(r >> 8) % 128 - 64) * (i % 4 ? 1.0f : 0.5f);
        worst = fmax(worst, ulp_error(dl_pow(x, y), pow(x, y)));
    }
    if (worst > 2)
        fail_msg("off by %g ulp", worst);
}

/* Without contraction every compiler and machine has these bits. */
static void bits_are_the_same_everywhere(void **state)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a by words */

    (void)state;
#ifdef __FP_FAST_FMAF
    return; /* contracts, unless told not to */
#endif
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 40009) {
        const float x = dl_float((uint32_t)bits), y = dl_float((uint32_t)bits * 2654435761u);
        const float results[] = {dl_exp(x), dl_log(x),    dl_tanh(x),  dl_sigmoid(x),
                                 dl_erf(x), dl_pow(x, y), dl_expm1(x), dl_log1p(x),
                                 dl_sin(x), dl_cos(x),    dl_rsqrt(x)};
        for (size_t i = 0; i < COUNT(results); i++)
            hash = (hash ^ dl_bits(results[i] == results[i] ? results[i] : NAN)) * 0x100000001b3u;
    }
    assert_true(hash == 0x8d0ecc990d7fbc81);
}

/* -- integers -- */

static int64_t floor_div(int64_t x, int64_t y)
{
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static void integers_divide_like_python(void **state)
{
    static const int32_t value[] = {0,  1,  -1,  2,       -2,       3,         -3,        7,
                                    -7, 10, -10, 1000003, -1000003, INT32_MAX, INT32_MIN, INT32_MIN + 1};

    (void)state;
    for (size_t i = 0; i < COUNT(value); i++)
        for (size_t j = 0; j < COUNT(value); j++) {
            const int64_t x = value[i], y = value[j];
            const int64_t q = y ? floor_div(x, y) : 0, r = x - y * q;
            assert_int_equal(dl_floordiv_i32(value[i], value[j]), (int32_t)(uint32_t)q);
            assert_int_equal(dl_rem_i32(value[i], value[j]), r);
        }
}

static void integers_wrap_around(void **state)
{
    (void)state;
    assert_int_equal(dl_add_i32(INT32_MAX, 1), INT32_MIN);
    assert_int_equal(dl_sub_i32(INT32_MIN, 1), INT32_MAX);
    assert_int_equal(dl_mul_i32(65536, 65536), 0);
    assert_int_equal(dl_mul_i32(-3, 5), -15);
    assert_int_equal(dl_neg_i32(INT32_MIN), INT32_MIN);
    assert_int_equal(dl_abs_i32(-5), 5);
    assert_int_equal(dl_abs_i32(INT32_MIN), INT32_MIN);
}

static void floats_become_integers(void **state)
{
    (void)state;
    assert_int_equal(dl_i32_of(2.9f), 2);
    assert_int_equal(dl_i32_of(-2.9f), -2);
    assert_int_equal(dl_i32_of(2147483520.0f), 2147483520);
    assert_int_equal(dl_i32_of(2147483648.0f), INT32_MAX);
    assert_int_equal(dl_i32_of(-2147483648.0f), INT32_MIN);
    assert_int_equal(dl_i32_of(INFINITY), INT32_MAX);
    assert_int_equal(dl_i32_of(-INFINITY), INT32_MIN);
    assert_int_equal(dl_i32_of(NAN), 0);
    assert_int_equal(dl_u8_of(254.9f), 254);
    assert_int_equal(dl_u8_of(1e9f), 255);
    assert_int_equal(dl_u8_of(-3.0f), 0);
    assert_int_equal(dl_u8_of(NAN), 0);
}

/* -- which headers emitted code needs -- */

static void headers_are_those_of_the_code(void **state)
{
    (void)state;
    static const struct {
        const char *body, *includes;
    } rows[] = {
        {"y = dl_exp(x);", "#include \"dl_math.h\"\n"},
        {"/* as dl_exp(x) * 2 */ y = x / 2; /* dl_flush() */", ""},
        {"x = my_dl_exp(y); dl_expx = 0;", ""},
        {"dl_threads = 2; dl_tile = 0;", ""}, /* words of the headers' comments */
        {"dl_word *x; dl_parallel(pool, &work);", "#include \"dl_arena.h\"\n#include \"dl_pool.h\"\n"},
    };
    Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        StrBuf sb = {.a = a};
        emit_runtime(&sb, rows[i].body, false);
        assert_string_equal(sb_text(&sb), rows[i].includes);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_stay_in_bounds),
        cmocka_unit_test(documented_errors_are_in_bounds),
        cmocka_unit_test(special_values),
        cmocka_unit_test(angles_are_reduced_well),
        cmocka_unit_test(square_roots_are_exact),
        cmocka_unit_test(floor_is_exact),
        cmocka_unit_test(pow_in_special_cases),
        cmocka_unit_test(pow_stays_in_bounds),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(integers_divide_like_python),
        cmocka_unit_test(integers_wrap_around),
        cmocka_unit_test(floats_become_integers),
        cmocka_unit_test(headers_are_those_of_the_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
