/* SPDX-License-Identifier: MIT */
/* test_ops.c: every row of ops.def: its text goes round, its shape rule complains, its evaluation agrees with a formula
 * written here. A row without a case fails `every_row_is_tested`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"
#include "../../runtime/dl_random.h"

static bool value_tested[OP_COUNT], error_tested[OP_COUNT];

/* ---- inputs ----------------------------------------------------------------------------------------------------- */
static uint32_t random_word(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static double random_float(const char *name)
{
    static const double special[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e-40, 3e38};
    if (strncmp(name, "special", 7) == 0 && random_word() % 2)
        return (double)(float)special[random_word() % LEN(special)];
    return (double)(float)((double)random_word() / 1e9 - 2.1);
}

static double random_integer(const char *name)
{
    static const double special[] = {INT32_MIN, INT32_MAX, 0, -1, 1, -7, 65536};
    if (strncmp(name, "index", 5) == 0)
        return random_word() % 3;
    if (strncmp(name, "zero", 4) == 0)
        return 0;
    if (strncmp(name, "special", 7) == 0 && random_word() % 2)
        return special[random_word() % LEN(special)];
    return (double)(int)(random_word() % 21) - 10;
}

/* What an input holds follows from its name: special..., index... (0..2), zero..., otherwise small numbers. */
static Value random_value(Arena *a, const Port *port)
{
    Value v = value_new(a, port->node->type);
    for (int64_t i = 0; i < type_count(v.type); i++)
        v.at[i] = v.type.dt == DT_F32    ? random_float(port->name)
                  : v.type.dt == DT_BOOL ? random_word() % 2
                  : v.type.dt == DT_U8   ? random_word() % 256
                                         : random_integer(port->name);
    return v;
}

/* ---- one case --------------------------------------------------------------------------------------------------- */
/* The expected element of the last result at index i. */
typedef double Expect(const Value *in, const int64_t *i);

static double at(Value v, const int64_t *i)
{
    int64_t position = 0;
    for (int k = 0; k < v.type.rank; k++)
        position = position * v.type.dim[k] + i[k];
    return v.at[position];
}

#define AT(v, ...) at(v, (const int64_t[]){__VA_ARGS__})

static Fn *parse(Arena *a, const char *text)
{
    Diag *d = diag_new(a);
    Fn *fn = fn_parse(a, d, diag_add_source(d, "test.ir", text, strlen(text)));
    if (!fn)
        fail_msg("%s\n%s", text, diag_text(d, a));
    return fn;
}

static const char *print(Arena *a, const Fn *fn)
{
    StrBuf sb = {.a = a};
    fn_print(&sb, fn);
    return sb_text(&sb);
}

static void check_same_nodes(const Fn *x, const Fn *y)
{
    assert_int_equal(x->node.n, y->node.n);
    for (int i = 0; i < x->node.n; i++) {
        Node *m = x->node.at[i], *n = y->node.at[i];
        assert_int_equal(m->op, n->op);
        assert_true(type_eq(m->type, n->type));
        if (m->op != OP_SCAN)
            assert_memory_equal(&m->attr, &n->attr, sizeof m->attr);
    }
}

static void check_round_trip(Arena *a, const Fn *fn)
{
    const Node *guilty = NULL;
    const char *text = print(a, fn), *why = fn_verify(a, fn, &guilty);
    Fn *again = parse(a, text);
    if (why)
        fail_msg("%s: %s", text, why);
    assert_string_equal(print(a, again), text);
    check_same_nodes(fn, again);
}

static bool agrees(double x, double y, double tolerance)
{
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y);
    return x == y || fabs(x - y) <= tolerance * (1 + fabs(y));
}

static void check_values(Arena *a, const Fn *fn, const Value *in, Precision precision, Expect *expect)
{
    const char *why = NULL;
    Value out[8];
    int64_t i[MAX_RANK + 1] = {0};
    if (!fn_interpret(a, fn, precision, in, out, &why))
        fail_msg("%s: %s", print(a, fn), why);
    Value v = out[fn->result.n - 1];
    assert_true(type_eq(v.type, fn->result.at[fn->result.n - 1].node->type));
    for (int64_t n = 0; n < type_count(v.type); n++) {
        for (int64_t k = v.type.rank - 1, rest = n; k >= 0; k--) {
            i[k] = rest % v.type.dim[k];
            rest /= v.type.dim[k];
        }
        double want = expect(in, i);
        if (!agrees(v.at[n], precision == PRECISION_F32 && v.type.dt == DT_F32 ? (double)(float)want : want,
                    precision == PRECISION_F64 ? 1e-12 : 1e-5))
            fail_msg("%s: element %d is %.17g, not %.17g", print(a, fn), (int)n, v.at[n], want);
        if (precision == PRECISION_F32 && v.type.dt == DT_F32)
            assert_true(isnan(v.at[n]) || (double)(float)v.at[n] == v.at[n]);
    }
}

static void check_case(const char *text, Expect *expect)
{
    Arena *a = arena_new();
    Fn *fn = parse(a, text);
    Value in[8];
    check_round_trip(a, fn);
    for (int i = 0; i < fn->input.n; i++)
        in[i] = random_value(a, &fn->input.at[i]);
    check_values(a, fn, in, PRECISION_F64, expect);
    check_values(a, fn, in, PRECISION_F32, expect);
    arena_free(a);
}

/* ---- element-wise ----------------------------------------------------------------------------------------------- */
static int32_t wrap(int64_t x)
{
    return (int32_t)(uint32_t)x;
}

static int64_t floor_div(int64_t x, int64_t y)
{
    int64_t q = x / y;
    return q * y != x && (x < 0) != (y < 0) ? q - 1 : q;
}

#define FORMULA(name, formula)                                                                                     \
    static double name(const Value *in, const int64_t *i)                                                          \
    {                                                                                                              \
        double x = at(in[0], i), y = at(in[1], i), z = at(in[2], i);                                               \
        (void)x, (void)y, (void)z;                                                                                 \
        return formula;                                                                                            \
    }

FORMULA(neg_f, 0.0 - x == 0 ? -x : 0.0 - x)
FORMULA(neg_i, wrap(-(int64_t)x))
FORMULA(abs_f, x < 0 ? -x : x)
FORMULA(abs_i, x < 0 ? wrap(-(int64_t)x) : x)
FORMULA(exp_f, exp(x))
FORMULA(expm1_f, fabs(x) < 1e-5 ? x + x * x / 2 : exp(x) - 1)
FORMULA(log_f, log(x))
FORMULA(log1p_f, fabs(x) < 1e-5 ? x - x * x / 2 : log(1 + x))
FORMULA(sqrt_f, sqrt(x))
FORMULA(rsqrt_f, 1 / sqrt(x))
FORMULA(sin_f, sin(x))
FORMULA(cos_f, cos(x))
FORMULA(tanh_f, x > 20 ? 1 : x < -20 ? -1 : (exp(2 * x) - 1) / (exp(2 * x) + 1))
FORMULA(sigmoid_f, 0.5 + 0.5 * tanh(x / 2))
FORMULA(erf_f, 1 - erfc(x))
FORMULA(floor_f, isfinite(x) && fabs(x) < 1e15 ? (double)((int64_t)x - (x < (double)(int64_t)x)) : x)
FORMULA(not_b, x == 0 ? 1 : 0)
FORMULA(same, x)
FORMULA(add_f, x + y)
FORMULA(add_i, wrap((int64_t)x + (int64_t)y))
FORMULA(sub_f, x - y)
FORMULA(sub_i, wrap((int64_t)x - (int64_t)y))
FORMULA(mul_f, x *y)
FORMULA(mul_i, wrap((int64_t)x * (int64_t)y))
FORMULA(div_f, x / y)
FORMULA(div_i, y == 0 ? 0 : wrap(floor_div((int64_t)x, (int64_t)y)))
FORMULA(rem_f, x - floor(x / y) * y)
FORMULA(rem_i, y == 0 ? x : (double)((int64_t)x - floor_div((int64_t)x, (int64_t)y) * (int64_t)y))
FORMULA(pow_f, pow(x, y))
FORMULA(max_f, isnan(x) || isnan(y) ? NAN : x > y ? x : y)
FORMULA(min_f, isnan(x) || isnan(y) ? NAN : x < y ? x : y)
FORMULA(eq_f, x == y)
FORMULA(lt_f, x < y)
FORMULA(le_f, x <= y)
FORMULA(and_b, x && y)
FORMULA(or_b, x || y)
FORMULA(select_f, x ? y : z)
FORMULA(to_bool, x != 0)
FORMULA(float_to_i, isnan(x) ? 0 : x >= 2147483647 ? 2147483647 : x <= -2147483648.0 ? -2147483648.0 : (double)(int64_t)x)
FORMULA(float_to_u8, isnan(x) || x < 0 ? 0 : x >= 255 ? 255 : (double)(int64_t)x)
FORMULA(int_to_u8, (uint8_t)(int64_t)x)

typedef struct ElementCase {
    Op op;
    const char *in[3], *out;    /* element types */
    Expect *expect;
} ElementCase;

static const ElementCase element_cases[] = {
    {OP_NEG, {"f32"}, "f32", neg_f},
    {OP_NEG, {"i32"}, "i32", neg_i},
    {OP_ABS, {"f32"}, "f32", abs_f},
    {OP_ABS, {"i32"}, "i32", abs_i},
    {OP_EXP, {"f32"}, "f32", exp_f},
    {OP_EXPM1, {"f32"}, "f32", expm1_f},
    {OP_LOG, {"f32"}, "f32", log_f},
    {OP_LOG1P, {"f32"}, "f32", log1p_f},
    {OP_SQRT, {"f32"}, "f32", sqrt_f},
    {OP_RSQRT, {"f32"}, "f32", rsqrt_f},
    {OP_SIN, {"f32"}, "f32", sin_f},
    {OP_COS, {"f32"}, "f32", cos_f},
    {OP_TANH, {"f32"}, "f32", tanh_f},
    {OP_SIGMOID, {"f32"}, "f32", sigmoid_f},
    {OP_ERF, {"f32"}, "f32", erf_f},
    {OP_FLOOR, {"f32"}, "f32", floor_f},
    {OP_NOT, {"bool"}, "bool", not_b},
    {OP_STOP, {"f32"}, "f32", same},
    {OP_STOP, {"u8"}, "u8", same},
    {OP_CAST, {"f32"}, "f32", same},
    {OP_CAST, {"f32"}, "i32", float_to_i},
    {OP_CAST, {"f32"}, "u8", float_to_u8},
    {OP_CAST, {"f32"}, "bool", to_bool},
    {OP_CAST, {"i32"}, "f32", same},
    {OP_CAST, {"i32"}, "u8", int_to_u8},
    {OP_CAST, {"u8"}, "f32", same},
    {OP_CAST, {"u8"}, "i32", same},
    {OP_CAST, {"bool"}, "f32", same},
    {OP_CAST, {"bool"}, "i32", same},
    {OP_ADD, {"f32", "f32"}, "f32", add_f},
    {OP_ADD, {"i32", "i32"}, "i32", add_i},
    {OP_SUB, {"f32", "f32"}, "f32", sub_f},
    {OP_SUB, {"i32", "i32"}, "i32", sub_i},
    {OP_MUL, {"f32", "f32"}, "f32", mul_f},
    {OP_MUL, {"i32", "i32"}, "i32", mul_i},
    {OP_DIV, {"f32", "f32"}, "f32", div_f},
    {OP_DIV, {"i32", "i32"}, "i32", div_i},
    {OP_REM, {"f32", "f32"}, "f32", rem_f},
    {OP_REM, {"i32", "i32"}, "i32", rem_i},
    {OP_POW, {"f32", "f32"}, "f32", pow_f},
    {OP_MAX2, {"f32", "f32"}, "f32", max_f},
    {OP_MAX2, {"i32", "i32"}, "i32", max_f},
    {OP_MIN2, {"f32", "f32"}, "f32", min_f},
    {OP_MIN2, {"i32", "i32"}, "i32", min_f},
    {OP_EQ, {"f32", "f32"}, "bool", eq_f},
    {OP_EQ, {"i32", "i32"}, "bool", eq_f},
    {OP_EQ, {"bool", "bool"}, "bool", eq_f},
    {OP_LT, {"f32", "f32"}, "bool", lt_f},
    {OP_LT, {"i32", "i32"}, "bool", lt_f},
    {OP_LE, {"f32", "f32"}, "bool", le_f},
    {OP_LE, {"u8", "u8"}, "bool", le_f},
    {OP_AND, {"bool", "bool"}, "bool", and_b},
    {OP_OR, {"bool", "bool"}, "bool", or_b},
    {OP_SELECT, {"bool", "f32", "f32"}, "f32", select_f},
    {OP_SELECT, {"bool", "u8", "u8"}, "u8", select_f},
};

static void check_element(const ElementCase *c, const char *shape)
{
    char text[600];
    int n = op_info(c->op)->nin, used = snprintf(text, sizeof text, "func f(");
    for (int i = 0; i < 3; i++) /* every case has three inputs, so that a formula may look at them */
        used += snprintf(text + used, sizeof text - (size_t)used, "%sspecial%d: %s%s input %d", i ? ", " : "", i,
                         i < n ? c->in[i] : "f32", shape, i);
    used += snprintf(text + used, sizeof text - (size_t)used, ") { %%3 = %s(special0%s%s) : %s%s return output 0 = %%3 }",
                     op_info(c->op)->text, n > 1 ? ", special1" : "", n > 2 ? ", special2" : "", c->out, shape);
    check_case(text, c->expect);
    value_tested[c->op] = true;
}

static void elements(void **state)
{
    static const char *const shapes[] = {"", "[1]", "[7]", "[3, 5]", "[1, 1, 2]", "[2, 1, 3, 1, 2, 1, 1, 3]"};
    (void)state;
    for (int i = 0; i < LEN(element_cases); i++)
        for (int s = 0; s < LEN(shapes); s++)
            check_element(&element_cases[i], shapes[s]);
}

/* ---- everything else: text and formula -------------------------------------------------------------------------- */
#define EXPECT(name, formula)                                                                                      \
    static double name(const Value *in, const int64_t *i)                                                          \
    {                                                                                                              \
        (void)in, (void)i;                                                                                         \
        return formula;                                                                                            \
    }

EXPECT(first_input, at(in[0], i))
EXPECT(two_and_half, 2.5)
EXPECT(minus_zero, -0.0)
EXPECT(minus_infinity, -INFINITY)
EXPECT(not_a_number, NAN)
EXPECT(float_tenth, (double)0.1f)
EXPECT(big_integer, -2147483648.0)
EXPECT(one, 1)
EXPECT(byte, 200)
EXPECT(position, (double)i[0])
EXPECT(random_3_5, dl_uniform((uint32_t)(int)in[0].at[0], (uint32_t)(int)in[0].at[1], (uint32_t)(int)in[1].at[0], 77u,
                              (uint32_t)(i[0] * 5 + i[1])))
EXPECT(random_1, dl_uniform((uint32_t)(int)in[0].at[0], (uint32_t)(int)in[0].at[1], (uint32_t)(int)in[1].at[0],
                            4294967295u, 0))

EXPECT(row_major_3_4, in[0].at[i[0] * 4 + i[1]])
EXPECT(only_element, in[0].at[0])
EXPECT(permute_120, AT(in[0], i[2], i[0], i[1])) /* result axes are operand axes 1, 2, 0 */
EXPECT(transpose, AT(in[0], i[1], i[0]))
EXPECT(along_axis_1, AT(in[0], i[1]))
EXPECT(stretch_0, AT(in[0], 0, i[2]))
EXPECT(slice_odd, AT(in[0], 1 + 2 * i[0], 2, i[2]))
EXPECT(reverse_02, AT(in[0], 2 - i[0], i[1], 3 - i[2]))
EXPECT(concat_1, i[1] < 2 ? AT(in[0], i[0], i[1]) : i[1] < 3 ? AT(in[1], i[0], i[1] - 2) : AT(in[0], i[0], i[1] - 3))
EXPECT(window_2_by_3, AT(in[0], i[0], i[1] * 3 + i[2] * 2, i[3]))
EXPECT(window_all, AT(in[0], i[0] + i[1]))

/* axis 0: one before, two between, none behind; axis 1: none before, none between, three behind */
static double padded(const Value *in, const int64_t *i)
{
    int64_t row = i[0] - 1;
    return row >= 0 && row % 3 == 0 && i[1] < 2 ? AT(in[0], row / 3, i[1]) : -1.5;
}

static double folded(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t o = 0; o < 3; o++)
        for (int64_t k = 0; k < 2; k++)
            if (o * 3 + k * 2 == i[1])
                sum += AT(in[0], i[0], o, k, i[2]);
    return sum;
}

static double folded_integers(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t o = 0; o < 3; o++)
        for (int64_t k = 0; k < 3; k++)
            sum += o + k == i[0] ? AT(in[0], o, k) : 0;
    return wrap((int64_t)sum);
}

static double sum_02(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t j = 0; j < 3; j++)
        for (int64_t k = 0; k < 5; k++)
            sum += AT(in[0], j, i[0], k);
    return sum;
}

static double sum_all(const Value *in, const int64_t *i)
{
    (void)i;
    double sum = 0;
    for (int64_t j = 0; j < type_count(in[0].type); j++)
        sum += in[0].at[j];
    return sum;
}

static double sum_all_integers(const Value *in, const int64_t *i)
{
    return wrap((int64_t)sum_all(in, i));
}

/* over axes 0 and 2 of [3, 2, 5]: row-major position of the first largest, NaN never being larger */
static int64_t best_02(const Value *in, const int64_t *i)
{
    int64_t best = 0;
    double most = -INFINITY;
    for (int64_t p = 0; p < 15; p++) {
        double x = AT(in[0], p / 5, i[0], p % 5);
        if (x > most) {
            best = p;
            most = x;
        }
    }
    return best;
}

/* the same axes: the largest, or NaN where there is one */
static double largest_02(const Value *in, const int64_t *i)
{
    for (int64_t p = 0; p < 15; p++)
        if (isnan(AT(in[0], p / 5, i[0], p % 5)))
            return NAN;
    return AT(in[0], best_02(in, i) / 5, i[0], best_02(in, i) % 5);
}

EXPECT(max_02, largest_02(in, i))
EXPECT(argmax_02, (double)best_02(in, i))
EXPECT(zero, 0)

static double matmul(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t k = 0; k < in[0].type.dim[1]; k++)
        sum += AT(in[0], i[0], k) * AT(in[1], k, i[1]);
    return sum;
}

EXPECT(outer, AT(in[0], i[0]) * AT(in[1], i[1]))

static double inner(const Value *in, const int64_t *i)
{
    (void)i;
    double sum = 0;
    for (int64_t k = 0; k < in[0].type.dim[0]; k++)
        sum += AT(in[0], k) * AT(in[1], k);
    return sum;
}

/* x [k1 3, b 2, m 4, k2 5], y [n 3, k2 5, b 2, k1 3] -> [b, m, n] */
static double dot_general(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t k1 = 0; k1 < 3; k1++)
        for (int64_t k2 = 0; k2 < 5; k2++)
            sum += AT(in[0], k1, i[0], i[1], k2) * AT(in[1], i[2], k2, i[0], k1);
    return sum;
}

/* What a convolution reads at position p of the dilated and padded operand: the operand's index, or -1. */
static int64_t undilate(int64_t p, int64_t dilation, int64_t extent)
{
    return p < 0 || p % dilation || p / dilation >= extent ? -1 : p / dilation;
}

/* one spatial axis: strides and the like as in the case's text */
static double conv1(const Value *in, const int64_t *i, int64_t stride, int64_t lo, int64_t ld, int64_t rd,
                    int64_t groups)
{
    Value x = in[0], kernel = in[1];
    int64_t per_group = kernel.type.dim[1], g = i[2] / (kernel.type.dim[2] / groups);
    double sum = 0;
    for (int64_t k = 0; k < kernel.type.dim[0]; k++)
        for (int64_t c = 0; c < per_group; c++) {
            int64_t p = undilate(i[1] * stride + k * rd - lo, ld, x.type.dim[1]);
            sum += p < 0 ? 0 : AT(x, i[0], p, g * per_group + c) * AT(kernel, k, c, i[2]);
        }
    return sum;
}

EXPECT(conv_plain, conv1(in, i, 1, 0, 1, 1, 1))
EXPECT(conv_all, conv1(in, i, 2, 3, 3, 2, 2))
EXPECT(conv_depthwise, conv1(in, i, 1, 1, 1, 1, 3))
EXPECT(conv_cropped, conv1(in, i, 1, -2, 1, 1, 1))

static double conv2(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t h = 0; h < 3; h++)
        for (int64_t w = 0; w < 2; w++)
            for (int64_t c = 0; c < 2; c++) {
                int64_t p = undilate(i[1] * 2 + h - 1, 1, 5), q = undilate(i[2] + w * 2, 1, 6);
                sum += p < 0 || q < 0 ? 0 : AT(in[0], i[0], p, q, c) * AT(in[1], h, w, c, i[3]);
            }
    return sum;
}

static double conv3(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t k = 0; k < 8; k++)
        sum += AT(in[0], i[0], i[1] + k / 4, i[2] + k / 2 % 2, i[3] + k % 2, 0) *
               AT(in[1], k / 4, k / 2 % 2, k % 2, 0, i[4]);
    return sum;
}

EXPECT(gather_rows, AT(in[0], (int64_t)AT(in[1], i[0], i[1]), i[2]))
EXPECT(gather_one, AT(in[0], (int64_t)in[1].at[0], i[0], i[1]))
EXPECT(gather_scalars, AT(in[0], (int64_t)AT(in[1], i[0])))

static double scattered(const Value *in, const int64_t *i)
{
    double sum = 0;
    for (int64_t j = 0; j < 2; j++)
        for (int64_t k = 0; k < 3; k++)
            if (AT(in[0], j, k) == (double)i[0])
                sum += AT(in[1], j, k, i[1]);
    return sum;
}

EXPECT(scattered_one, i[0] == (int64_t)in[0].at[0] ? AT(in[1], i[1]) : 0)

static double scattered_counts(const Value *in, const int64_t *i)
{
    int64_t sum = 0;
    for (int64_t j = 0; j < 5; j++)
        sum += in[0].at[j] == (double)i[0] ? (int64_t)in[1].at[j] : 0;
    return wrap(sum);
}

/* carry h: h' = h * a + x[t] */
static double recurrence(const Value *in, const int64_t *i, int64_t steps, bool reverse)
{
    double h = AT(in[0], i[0]);
    int64_t length = in[1].type.dim[0];
    for (int64_t t = 0; t < steps; t++)
        h = h * AT(in[2], i[0]) + AT(in[1], reverse ? length - 1 - t : t, i[0]);
    return h;
}

EXPECT(scan_last, recurrence(in, i, 4, false))
EXPECT(scan_all, recurrence(in, i + 1, i[0] + 1, false))
EXPECT(scan_reverse, recurrence(in, i + 1, 4 - i[0], true))
EXPECT(scan_swapped, in[i[0] >= 0 ? 1 : 0].at[0]) /* after three swaps the second stands first */
EXPECT(scan_triangle, (double)((i[0] + 1) * 10))  /* the inner loop adds 0 + 1 + 2 + 3 + 4 at every outer step */

#define SCAN_BODY                                                                                                  \
    "body=func step(h: f32[2] carry 0, x: f32[2] slice 0, a: f32[2] invariant 0) {"                                \
    " %3 = mul(h, a) : f32[2] %4 = add(%3, x) : f32[2] as h return carry 0 h = %4, yield 0 = %4 }"
#define SCAN_IN "(h: f32[2] input 0, x: f32[4, 2] input 1, a: f32[2] input 2)"

typedef struct TextCase {
    Op op;
    const char *text;   /* behind "func f" */
    Expect *expect;
} TextCase;

static const TextCase text_cases[] = {
    {OP_INPUT, "(x: f32[2, 3] input 0) { return output 0 = x }", first_input},
    {OP_INPUT, "(x: i32 param 3) { return output 0 = x }", first_input},
    {OP_INPUT, "(x: u8[1] target 1) { return loss 0 \"odd name\" = x }", first_input},
    {OP_CONST, "() { %0 = const() value=2.5 : f32 as half return output 0 = %0 }", two_and_half},
    {OP_CONST, "() { %0 = const() value=-0 : f32 return output 0 = %0 }", minus_zero},
    {OP_CONST, "() { %0 = const() value=-inf : f32 return output 0 = %0 }", minus_infinity},
    {OP_CONST, "() { %0 = const() value=nan : f32 return output 0 = %0 }", not_a_number},
    {OP_CONST, "() { %0 = const() value=0.1 : f32 return output 0 = %0 }", float_tenth},
    {OP_CONST, "() { %0 = const() value=-2147483648 : i32 return output 0 = %0 }", big_integer},
    {OP_CONST, "() { %0 = const() value=1 : bool return output 0 = %0 }", one},
    {OP_CONST, "() { %0 = const() value=200 : u8 return output 0 = %0 }", byte},
    {OP_IOTA, "() { %0 = iota() : i32[5] return output 0 = %0 }", position},
    {OP_IOTA, "() { %0 = iota() : i32[1] return output 0 = %0 }", zero},
    {OP_RANDOM,
     "(seed: i32[2] seed 0, step: i32 step 0) { %0 = random(seed, step) salt=77 : f32[3, 5] return output 0 = %0 }",
     random_3_5},
    {OP_RANDOM,
     "(seed: i32[2] seed 0, step: i32 step 0) { %0 = random(seed, step) salt=4294967295 : f32 return output 0 = %0 }",
     random_1},
    {OP_RESHAPE, "(x: f32[2, 6] input 0) { %1 = reshape(x) : f32[3, 4] return output 0 = %1 }", row_major_3_4},
    {OP_RESHAPE, "(x: u8[1, 1] input 0) { %1 = reshape(x) : u8 return output 0 = %1 }", only_element},
    {OP_RESHAPE, "(x: bool input 0) { %1 = reshape(x) : bool[1, 1, 1] return output 0 = %1 }", only_element},
    {OP_PERMUTE, "(x: f32[2, 3, 4] input 0) { %1 = permute(x) axes=[1, 2, 0] : f32[3, 4, 2] return output 0 = %1 }",
     permute_120},
    {OP_PERMUTE, "(x: bool[1, 3] input 0) { %1 = permute(x) axes=[1, 0] : bool[3, 1] return output 0 = %1 }", transpose},
    {OP_PERMUTE, "(x: i32 input 0) { %1 = permute(x) axes=[] : i32 return output 0 = %1 }", first_input},
    {OP_BROADCAST, "(x: f32[3] input 0) { %1 = broadcast(x) axes=[1] : f32[2, 3, 4] return output 0 = %1 }", along_axis_1},
    {OP_BROADCAST, "(x: i32 input 0) { %1 = broadcast(x) axes=[] : i32[2, 3] return output 0 = %1 }", only_element},
    {OP_BROADCAST, "(x: u8[1, 4] input 0) { %1 = broadcast(x) axes=[0, 2] : u8[5, 2, 4] return output 0 = %1 }",
     stretch_0},
    {OP_SLICE,
     "(x: f32[6, 4, 3] input 0) { %1 = slice(x) start=[1, 2, 0] limit=[6, 3, 3] stride=[2, 5, 1] : f32[3, 1, 3] "
     "return output 0 = %1 }",
     slice_odd},
    {OP_SLICE, "(x: u8 input 0) { %1 = slice(x) start=[] limit=[] stride=[] : u8 return output 0 = %1 }", first_input},
    {OP_PAD,
     "(x: f32[3, 2] input 0) { %1 = pad(x) lo=[1, 0] hi=[0, 3] interior=[2, 0] value=-1.5 : f32[8, 5] "
     "return output 0 = %1 }",
     padded},
    {OP_PAD, "(x: bool input 0) { %1 = pad(x) lo=[] hi=[] interior=[] value=1 : bool return output 0 = %1 }", first_input},
    {OP_AGAIN, "(x: f32[4] input 0, y: f32 input 1) { %2 = again(x, y) : f32[4] return output 0 = %2 }", first_input},
    {OP_AGAIN, "(x: i32[2, 2] input 0, y: bool[3] input 1) { %2 = again(x, y) : i32[2, 2] return output 0 = %2 }", first_input},
    {OP_REVERSE, "(x: f32[3, 2, 4] input 0) { %1 = reverse(x) axes=[0, 2] : f32[3, 2, 4] return output 0 = %1 }",
     reverse_02},
    {OP_REVERSE, "(x: f32[1] input 0) { %1 = reverse(x) axes=[0] : f32[1] return output 0 = %1 }", first_input},
    {OP_CONCAT,
     "(x: f32[3, 2] input 0, y: f32[3, 1] input 1) { %2 = concat(x, y, x) axis=1 : f32[3, 5] return output 0 = %2 }",
     concat_1},
    {OP_CONCAT, "(x: i32[3] input 0) { %1 = concat(x) axis=0 : i32[3] return output 0 = %1 }", first_input},
    {OP_WINDOW,
     "(x: f32[2, 9, 3] input 0) { %1 = window(x) axis=1 size=2 stride=3 dilation=2 : f32[2, 3, 2, 3] "
     "return output 0 = %1 }",
     window_2_by_3},
    {OP_WINDOW, "(x: bool[4] input 0) { %1 = window(x) axis=0 size=4 stride=9 dilation=1 : bool[1, 4] return output 0 = %1 }",
     window_all},
    {OP_FOLD,
     "(x: f32[2, 3, 2, 3] input 0) { %1 = fold(x) axis=1 size=2 stride=3 dilation=2 extent=10 : f32[2, 10, 3] "
     "return output 0 = %1 }",
     folded},
    {OP_FOLD,
     "(special: i32[3, 3] input 0) { %1 = fold(special) axis=0 size=3 stride=1 dilation=1 extent=5 : i32[5] "
     "return output 0 = %1 }",
     folded_integers},
    {OP_SUM, "(x: f32[3, 2, 5] input 0) { %1 = sum(x) axes=[0, 2] : f32[2] return output 0 = %1 }", sum_02},
    {OP_SUM, "(special: i32[9] input 0) { %1 = sum(special) axes=[0] : i32 return output 0 = %1 }", sum_all_integers},
    {OP_SUM, "(special: f32[1] input 0) { %1 = sum(special) axes=[0] : f32 return output 0 = %1 }", sum_all},
    {OP_SUM, "(x: f32[2, 3] input 0) { %1 = sum(x) axes=[] : f32[2, 3] return output 0 = %1 }", first_input},
    {OP_MAX, "(x: f32[3, 2, 5] input 0) { %1 = max(x) axes=[0, 2] : f32[2] return output 0 = %1 }", max_02},
    {OP_MAX, "(special: f32[3, 2, 5] input 0) { %1 = max(special) axes=[0, 2] : f32[2] return output 0 = %1 }", max_02},
    {OP_MAX, "(x: i32[3, 2, 5] input 0) { %1 = max(x) axes=[0, 2] : i32[2] return output 0 = %1 }", max_02},
    {OP_MAX, "(x: f32 input 0) { %1 = max(x) axes=[] : f32 return output 0 = %1 }", first_input},
    {OP_ARGMAX, "(x: f32[3, 2, 5] input 0) { %1 = argmax(x) axes=[0, 2] : i32[2] return output 0 = %1 }", argmax_02},
    {OP_ARGMAX, "(special: f32[3, 2, 5] input 0) { %1 = argmax(special) axes=[0, 2] : i32[2] return output 0 = %1 }",
     argmax_02},
    {OP_ARGMAX, "(x: i32[3, 2, 5] input 0) { %1 = argmax(x) axes=[0, 2] : i32[2] return output 0 = %1 }", argmax_02},
    {OP_ARGMAX, "(x: f32[1, 1] input 0) { %1 = argmax(x) axes=[0, 1] : i32 return output 0 = %1 }", zero},
    {OP_DOT,
     "(x: f32[3, 7] input 0, y: f32[7, 5] input 1) { %2 = dot(x, y) contract=[1]/[0] : f32[3, 5] return output 0 = %2 }",
     matmul},
    {OP_DOT, "(x: f32[1, 1] input 0, y: f32[1, 1] input 1) { %2 = dot(x, y) contract=[1]/[0] : f32[1, 1] return output 0 = %2 }",
     matmul},
    {OP_DOT, "(x: f32[3] input 0, y: f32[5] input 1) { %2 = dot(x, y) : f32[3, 5] return output 0 = %2 }", outer},
    {OP_DOT, "(x: f32[9] input 0, y: f32[9] input 1) { %2 = dot(x, y) contract=[0]/[0] : f32 return output 0 = %2 }", inner},
    {OP_DOT,
     "(x: f32[3, 2, 4, 5] input 0, y: f32[3, 5, 2, 3] input 1) "
     "{ %2 = dot(x, y) batch=[1]/[2] contract=[0, 3]/[3, 1] : f32[2, 4, 3] return output 0 = %2 }",
     dot_general},
    {OP_CONV,
     "(x: f32[2, 7, 3] input 0, k: f32[3, 3, 4] input 1) { %2 = conv(x, k) stride=[1] pad_lo=[0] pad_hi=[0] "
     "lhs_dilation=[1] rhs_dilation=[1] groups=1 : f32[2, 5, 4] return output 0 = %2 }",
     conv_plain},
    {OP_CONV,
     "(x: f32[2, 5, 4] input 0, k: f32[3, 2, 6] input 1) { %2 = conv(x, k) stride=[2] pad_lo=[3] pad_hi=[1] "
     "lhs_dilation=[3] rhs_dilation=[2] groups=2 : f32[2, 7, 6] return output 0 = %2 }",
     conv_all},
    {OP_CONV,
     "(x: f32[1, 5, 3] input 0, k: f32[3, 1, 6] input 1) { %2 = conv(x, k) stride=[1] pad_lo=[1] pad_hi=[1] "
     "lhs_dilation=[1] rhs_dilation=[1] groups=3 : f32[1, 5, 6] return output 0 = %2 }",
     conv_depthwise},
    {OP_CONV,
     "(x: f32[1, 9, 1] input 0, k: f32[2, 1, 1] input 1) { %2 = conv(x, k) stride=[1] pad_lo=[-2] pad_hi=[-3] "
     "lhs_dilation=[1] rhs_dilation=[1] groups=1 : f32[1, 3, 1] return output 0 = %2 }",
     conv_cropped},
    {OP_CONV,
     "(x: f32[2, 5, 6, 2] input 0, k: f32[3, 2, 2, 3] input 1) { %2 = conv(x, k) stride=[2, 1] pad_lo=[1, 0] "
     "pad_hi=[1, 0] lhs_dilation=[1, 1] rhs_dilation=[1, 2] groups=1 : f32[2, 3, 4, 3] return output 0 = %2 }",
     conv2},
    {OP_CONV,
     "(x: f32[2, 3, 2, 3, 1] input 0, k: f32[2, 2, 2, 1, 2] input 1) { %2 = conv(x, k) stride=[1, 1, 1] "
     "pad_lo=[0, 0, 0] pad_hi=[0, 0, 0] lhs_dilation=[1, 1, 1] rhs_dilation=[1, 1, 1] groups=1 : f32[2, 2, 1, 2, 2] "
     "return output 0 = %2 }",
     conv3},
    {OP_CHECK, "(index: i32[2, 5] input 0) { %1 = check_index(index) limit=3 : i32[2, 5] return output 0 = %1 }",
     first_input},
    {OP_CHECK, "(zero: i32 input 0) { %1 = check_index(zero) limit=1 : i32 return output 0 = %1 }", zero},
    {OP_GATHER,
     "(x: f32[3, 4] input 0, index: i32[2, 5] input 1) { %2 = gather(x, index) : f32[2, 5, 4] return output 0 = %2 }",
     gather_rows},
    {OP_GATHER, "(x: u8[3, 4, 2] input 0, index: i32 input 1) { %2 = gather(x, index) : u8[4, 2] return output 0 = %2 }",
     gather_one},
    {OP_GATHER, "(x: i32[3] input 0, index: i32[6] input 1) { %2 = gather(x, index) : i32[6] return output 0 = %2 }",
     gather_scalars},
    {OP_SCATTER,
     "(index: i32[2, 3] input 0, y: f32[2, 3, 4] input 1) { %2 = scatter_add(index, y) limit=5 : f32[5, 4] "
     "return output 0 = %2 }",
     scattered},
    {OP_SCATTER,
     "(index: i32 input 0, y: f32[4] input 1) { %2 = scatter_add(index, y) limit=3 : f32[3, 4] return output 0 = %2 }",
     scattered_one},
    {OP_SCATTER,
     "(index: i32[5] input 0, special: i32[5] input 1) { %2 = scatter_add(index, special) limit=3 : i32[3] "
     "return output 0 = %2 }",
     scattered_counts},
    {OP_SCAN,
     SCAN_IN "{ %3 = scan(h, x, a) carries=1 slices=1 yields=1 length=4 " SCAN_BODY
             " %4 = result(%3) index=0 : f32[2] as last return output 0 = %4 }",
     scan_last},
    {OP_RESULT,
     SCAN_IN "{ %3 = scan(h, x, a) carries=1 slices=1 yields=1 length=4 " SCAN_BODY
             " %4 = result(%3) index=1 : f32[4, 2] return output 0 = %4 }",
     scan_all},
    {OP_SCAN,
     SCAN_IN "{ %3 = scan(h, x, a) carries=1 slices=1 yields=1 length=4 reverse=1 " SCAN_BODY
             " %4 = result(%3) index=1 : f32[4, 2] return output 0 = %4 }",
     scan_reverse},
    {OP_SCAN,
     "(x: f32[1] input 0, y: f32[1] input 1) { %2 = scan(x, y) carries=2 slices=0 yields=0 length=3 "
     "body=func (x: f32[1] carry 0, y: f32[1] carry 1) { return carry 0 = y, carry 1 = x } "
     "%3 = result(%2) index=0 : f32[1] return output 0 = %3 }",
     scan_swapped},
    {OP_SCAN,
     "() { %0 = const() value=0 : i32 %1 = iota() : i32[3] %2 = iota() : i32[5] "
     "%3 = scan(%0, %1, %2) carries=1 slices=1 yields=1 length=3 "
     "body=func outer(sum: i32 carry 0, i: i32 slice 0, steps: i32[5] invariant 0) {"
     "  %3 = scan(sum, steps) carries=1 slices=1 yields=0 length=5"
     "    body=func inner(sum: i32 carry 0, j: i32 slice 0) { %2 = add(sum, j) : i32 return carry 0 = %2 }"
     "  %4 = result(%3) index=0 : i32"
     "  return carry 0 = %4, yield 0 = %4 }"
     "%4 = result(%3) index=1 : i32[3] return output 0 = %4 }",
     scan_triangle},
};

static void texts(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(text_cases); i++) {
        char text[2000];
        snprintf(text, sizeof text, "func f%s", text_cases[i].text);
        check_case(text, text_cases[i].expect);
        value_tested[text_cases[i].op] = true;
    }
}

/* ---- a scan of many steps ---------------------------------------------------------------------------------------- */
EXPECT(many_steps, 1e5)

static void long_scan(void **state)
{
    (void)state;
    check_case("func f() { %0 = const() value=0 : f32 %1 = scan(%0) carries=1 slices=0 yields=0 length=100000 "
               "body=func (n: f32 carry 0) { %1 = const() value=1 : f32 %2 = add(n, %1) : f32 return carry 0 = %2 } "
               "%2 = result(%1) index=0 : f32 return output 0 = %2 }",
               many_steps);
}

/* ---- indices out of range ---------------------------------------------------------------------------------------- */
static void check_failure(const char *text, double index, const char *message)
{
    Arena *a = arena_new();
    Fn *fn = parse(a, text);
    const char *why = NULL;
    Value in[2], out[1];
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        if (str_eq(fn->input.at[i].name, "index"))
            in[i].at[type_count(in[i].type) - 1] = index;
    }
    assert_false(fn_interpret(a, fn, PRECISION_F32, in, out, &why));
    assert_non_null(strstr(why, message));
    arena_free(a);
}

static void indices_fail(void **state)
{
    (void)state;
    const char *check = "func f(index: i32[3] input 0) { %1 = check_index(index) limit=4 : i32[3] return output 0 = %1 }";
    const char *gather = "func f(x: f32[4] input 0, index: i32[3] input 1) { %2 = gather(x, index) : f32[3] return output 0 = %2 }";
    const char *scatter = "func f(index: i32[3] input 0, x: f32[3] input 1) "
                          "{ %2 = scatter_add(index, x) limit=4 : f32[4] return output 0 = %2 }";
    const char *inside = "func f(index: i32[3] input 0) { %1 = scan(index) carries=0 slices=1 yields=1 length=3 "
                         "body=func (i: i32 slice 0) { %1 = check_index(i) limit=4 : i32 return yield 0 = %1 } "
                         "%2 = result(%1) index=0 : i32[3] return output 0 = %2 }";
    const char *const all[] = {check, gather, scatter, inside};
    for (int i = 0; i < LEN(all); i++) {
        check_failure(all[i], 4, "index 4 is out of range: 0 <= index < 4");
        check_failure(all[i], -1, "index -1 is out of range");
    }
}

/* ---- shape errors ------------------------------------------------------------------------------------------------ */
typedef struct ErrorCase {
    Op op;
    const char *inputs, *node, *message;
} ErrorCase;

#define CONV1(stride, lo, ld, rd, groups)                                                                          \
    "conv(x, y) stride=[" stride "] pad_lo=[" lo "] pad_hi=[0] lhs_dilation=[" ld "] rhs_dilation=[" rd            \
    "] groups=" groups

static const ErrorCase error_cases[] = {
    {OP_INPUT, "x: f32[0] input 0", "neg(x)", "\"0\" is no integer from 1"},
    {OP_INPUT, "x: f32[1, 1, 1, 1, 1, 1, 1, 1, 1] input 0", "neg(x)", "at most 8 axes"},
    {OP_INPUT, "x: f32[1000000, 1000000, 1000000] input 0", "neg(x)", "too large"},
    {OP_INPUT, "x: f32 input 0, y: f32 input 0", "neg(x)", "input 0 is there already"},
    {OP_CONST, "", "const() value=1.5 : i32", "1.5 is no value of i32"},
    {OP_CONST, "", "const() value=2 : bool", "2 is no value of bool"},
    {OP_CONST, "", "const() value=256 : u8", "256 is no value of u8"},
    {OP_CONST, "", "const() value=1 : f32[2]", "const gives f32, not f32[2]"},
    {OP_CONST, "", "const() value=1", "needs its type"},
    {OP_CONST, "", "const() : f32", "const needs value="},
    {OP_IOTA, "", "iota() : f32[3]", "gives i32[n], not f32[3]"},
    {OP_IOTA, "", "iota() : i32[3, 4]", "gives i32[n], not i32[3, 4]"},
    {OP_RANDOM, "x: i32[3] input 0, y: i32 input 1", "random(x, y) salt=0 : f32", "the seed is i32[2]"},
    {OP_RANDOM, "x: i32[2] input 0, y: i32[1] input 1", "random(x, y) salt=0 : f32", "the step is i32, not i32[1]"},
    {OP_RANDOM, "x: i32[2] input 0, y: i32 input 1", "random(x, y) salt=0 : i32", "gives f32, not i32"},
    {OP_RANDOM, "x: i32[2] input 0, y: i32 input 1", "random(x, y) salt=-1 : f32", "no integer from 0"},
    {OP_NEG, "x: bool input 0", "neg(x)", "computes with f32 or i32, not bool"},
    {OP_ABS, "x: u8[2] input 0", "abs(x)", "computes with f32 or i32, not u8[2]"},
    {OP_EXP, "x: i32 input 0", "exp(x)", "needs f32, not i32"},
    {OP_EXPM1, "x: i32 input 0", "expm1(x)", "needs f32, not i32"},
    {OP_LOG, "x: i32 input 0", "log(x)", "needs f32, not i32"},
    {OP_LOG1P, "x: i32 input 0", "log1p(x)", "needs f32, not i32"},
    {OP_SQRT, "x: i32 input 0", "sqrt(x)", "needs f32, not i32"},
    {OP_RSQRT, "x: i32 input 0", "rsqrt(x)", "needs f32, not i32"},
    {OP_SIN, "x: bool input 0", "sin(x)", "needs f32, not bool"},
    {OP_COS, "x: u8 input 0", "cos(x)", "needs f32, not u8"},
    {OP_TANH, "x: i32 input 0", "tanh(x)", "needs f32, not i32"},
    {OP_SIGMOID, "x: i32 input 0", "sigmoid(x)", "needs f32, not i32"},
    {OP_ERF, "x: i32 input 0", "erf(x)", "needs f32, not i32"},
    {OP_FLOOR, "x: i32 input 0", "floor(x)", "needs f32, not i32"},
    {OP_NOT, "x: i32 input 0", "not(x)", "needs bool, not i32"},
    {OP_STOP, "x: i32 input 0", "stop_gradient(x, x)", "takes 1 operand, not 2"},
    {OP_CAST, "x: i32 input 0", "cast(x)", "needs its type"},
    {OP_CAST, "x: i32[2] input 0", "cast(x) : f32[3]", "cast gives f32[2], not f32[3]"},
    {OP_ADD, "x: f32[2] input 0, y: f32[3] input 1", "add(x, y)", "differ: f32[2] and f32[3]"},
    {OP_SUB, "x: f32[2] input 0, y: i32[2] input 1", "sub(x, y)", "differ: f32[2] and i32[2]"},
    {OP_MUL, "x: f32[1] input 0, y: f32 input 1", "mul(x, y)", "differ: f32[1] and f32"},
    {OP_DIV, "x: bool input 0, y: bool input 1", "div(x, y)", "computes with f32 or i32"},
    {OP_REM, "x: u8 input 0, y: u8 input 1", "rem(x, y)", "computes with f32 or i32"},
    {OP_POW, "x: i32 input 0, y: i32 input 1", "pow(x, y)", "needs f32, not i32"},
    {OP_MAX2, "x: f32[2, 3] input 0, y: f32[3, 2] input 1", "max2(x, y)", "differ"},
    {OP_MIN2, "x: f32[2, 3] input 0, y: f32[3, 2] input 1", "min2(x, y)", "differ"},
    {OP_EQ, "x: f32 input 0, y: i32 input 1", "eq(x, y)", "differ"},
    {OP_LT, "x: bool input 0, y: bool input 1", "lt(x, y)", "orders numbers, not bool"},
    {OP_LT, "x: f32 input 0, y: i32 input 1", "lt(x, y)", "differ"},
    {OP_LE, "x: f32 input 0, y: i32 input 1", "le(x, y)", "differ"},
    {OP_AND, "x: f32 input 0, y: f32 input 1", "and(x, y)", "needs bool, not f32"},
    {OP_OR, "x: bool input 0, y: f32 input 1", "or(x, y)", "differ"},
    {OP_SELECT, "x: f32 input 0, y: f32 input 1", "select(x, y, y)", "needs bool, not f32"},
    {OP_SELECT, "x: bool[2] input 0, y: f32 input 1", "select(x, y, y)", "the condition is bool[2]"},
    {OP_SELECT, "x: bool input 0, y: f32 input 1", "select(x, x, y)", "differ"},
    {OP_RESHAPE, "x: f32[2, 3] input 0", "reshape(x) : f32[5]", "other elements"},
    {OP_RESHAPE, "x: f32[2, 3] input 0", "reshape(x) : i32[6]", "other elements"},
    {OP_PERMUTE, "x: f32[2, 3] input 0", "permute(x) axes=[0]", "1 axes described, f32[2, 3] has 2"},
    {OP_PERMUTE, "x: f32[2, 3] input 0", "permute(x) axes=[0, 0]", "each axis of f32[2, 3] once"},
    {OP_PERMUTE, "x: f32[2, 3] input 0", "permute(x) axes=[0, -1]", "each axis of f32[2, 3] once"},
    {OP_BROADCAST, "x: f32[2] input 0", "broadcast(x) axes=[0] : f32[3]", "cannot become axis 0 of f32[3]"},
    {OP_BROADCAST, "x: f32[2] input 0", "broadcast(x) axes=[1] : f32[2]", "axis 1 is not one"},
    {OP_BROADCAST, "x: f32[2, 2] input 0", "broadcast(x) axes=[1, 0] : f32[2, 2]", "increasing order"},
    {OP_BROADCAST, "x: f32[2, 2] input 0", "broadcast(x) axes=[0, 1] : f32[2]", "more axes"},
    {OP_BROADCAST, "x: f32[2] input 0", "broadcast(x) axes=[0] : i32[2]", "gives i32 from f32"},
    {OP_SLICE, "x: f32[4] input 0", "slice(x) start=[1] limit=[5] stride=[1]", "1:5:1 on axis 0 of f32[4]"},
    {OP_SLICE, "x: f32[4] input 0", "slice(x) start=[2] limit=[2] stride=[1]", "2:2:1"},
    {OP_SLICE, "x: f32[4] input 0", "slice(x) start=[0] limit=[4] stride=[0]", "0:4:0"},
    {OP_SLICE, "x: f32[4] input 0", "slice(x) start=[0] limit=[4, 4] stride=[1]", "2 numbers, where the other list has 1"},
    {OP_PAD, "x: f32[4] input 0", "pad(x) lo=[-1] hi=[0] interior=[0] value=0", "padding -1"},
    {OP_PAD, "x: u8[4] input 0", "pad(x) lo=[1] hi=[0] interior=[0] value=0.5", "0.5 is no value of u8"},
    {OP_PAD, "x: f32[4] input 0", "pad(x) lo=[1] hi=[0] interior=[9223372036854775807] value=0", "padding 1"},
    {OP_AGAIN, "x: f32[4] input 0", "again(x)", "takes 2 operands, not 1"},
    {OP_REVERSE, "x: f32[4] input 0", "reverse(x) axes=[1]", "axis 1 is not one"},
    {OP_CONCAT, "x: f32[4] input 0", "concat() axis=0", "needs an operand"},
    {OP_CONCAT, "x: f32[4] input 0, y: f32[4, 1] input 1", "concat(x, y) axis=0", "only axis 0 may differ"},
    {OP_CONCAT, "x: f32[4, 2] input 0, y: f32[4, 1] input 1", "concat(x, y) axis=0", "only axis 0 may differ"},
    {OP_CONCAT, "x: f32 input 0", "concat(x) axis=0", "axis 0 of f32"},
    {OP_WINDOW, "x: f32[4] input 0", "window(x) axis=0 size=3 stride=1 dilation=2", "do not hold a window of 3"},
    {OP_WINDOW, "x: f32[4] input 0", "window(x) axis=1 size=3 stride=1 dilation=1", "axis 1 of f32[4]"},
    {OP_WINDOW, "x: f32[4] input 0", "window(x) axis=0 size=0 stride=1 dilation=1", "a window of 0"},
    {OP_WINDOW, "x: f32[4] input 0", "window(x) axis=0 size=9223372036854775807 stride=1 dilation=9", "a window of"},
    {OP_WINDOW, "x: f32[4] input 0", "window(x) axis=0 size=1 stride=1 dilation=1 extent=4", "belongs to fold"},
    {OP_WINDOW, "x: f32[1, 1, 1, 1, 1, 1, 1, 1] input 0", "window(x) axis=0 size=1 stride=1 dilation=1", "axis 0 of"},
    {OP_FOLD, "x: f32[3, 2] input 0", "fold(x) axis=0 size=2 stride=2 dilation=1 extent=9", "not the windows of"},
    {OP_FOLD, "x: f32[3, 2] input 0", "fold(x) axis=0 size=3 stride=2 dilation=1 extent=7", "not the windows of"},
    {OP_FOLD, "x: f32[3, 2] input 0", "fold(x) axis=1 size=2 stride=2 dilation=1 extent=6", "axis 1, and one behind it, of"},
    {OP_FOLD, "x: u8[3, 2] input 0", "fold(x) axis=0 size=2 stride=2 dilation=1 extent=6", "adds f32 or i32"},
    {OP_SUM, "x: f32[3, 2] input 0", "sum(x) axes=[1, 0]", "increasing order"},
    {OP_SUM, "x: bool[3] input 0", "sum(x) axes=[0]", "computes with f32 or i32"},
    {OP_MAX, "x: f32[3, 2] input 0", "max(x) axes=[2]", "axis 2 is not one"},
    {OP_ARGMAX, "x: f32[3, 2] input 0", "argmax(x) axes=[0, 1] : f32", "argmax gives i32, not f32"},
    {OP_ARGMAX, "x: f32[65536, 65536] input 0", "argmax(x) axes=[0, 1]", "more elements than an i32"},
    {OP_DOT, "x: f32[3, 2] input 0, y: f32[3, 2] input 1", "dot(x, y) contract=[1]/[0]", "axis 1 of f32[3, 2] against axis 0"},
    {OP_DOT, "x: f32[3, 2] input 0, y: f32[3, 2] input 1", "dot(x, y) batch=[0]/[0] contract=[0]/[0]", "named twice"},
    {OP_DOT, "x: f32[3, 2] input 0, y: f32[3, 2] input 1", "dot(x, y) contract=[2]/[0]", "axis 2 of f32[3, 2]"},
    {OP_DOT, "x: i32[3] input 0, y: f32[3] input 1", "dot(x, y) contract=[0]/[0]", "needs f32, not i32[3]"},
    {OP_DOT, "x: f32[1, 1, 1, 1, 1] input 0", "dot(x, x)", "would have 10 axes"},
    {OP_DOT, "x: f32[2] input 0", "dot(x, x) contract=[0]", "where \"/\" should stand"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2, 4] input 1", CONV1("0", "0", "1", "1", "1"), "at least 1"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2, 4] input 1", CONV1("1", "-3", "1", "1", "1"), "does not fit"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2, 4] input 1", CONV1("1", "0", "1", "3", "1"), "does not fit"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2, 4] input 1", CONV1("1", "0", "1", "1", "3"), "3 groups of 2 channels"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 1, 4] input 1", CONV1("1", "0", "1", "1", "1"), "takes 1 channels"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2] input 1", CONV1("1", "0", "1", "1", "1"), "1 spatial axes, with"},
    {OP_CONV, "x: f32[1, 5, 2] input 0, y: f32[3, 2, 4] input 1",
     CONV1("1, 1, 1, 1", "0", "1", "1", "1"), "at most 3 numbers"},
    {OP_CHECK, "x: f32 input 0", "check_index(x) limit=3", "an index is i32, not f32"},
    {OP_CHECK, "x: i32 input 0", "check_index(x) limit=0", "limit 0 is not an extent"},
    {OP_GATHER, "x: f32 input 0, y: i32 input 1", "gather(x, y)", "needs an axis to index"},
    {OP_GATHER, "x: f32[3] input 0, y: f32 input 1", "gather(x, y)", "an index is i32, not f32"},
    {OP_GATHER, "x: f32[1, 1, 1, 1, 1, 1] input 0, y: i32[1, 1, 1, 1] input 1", "gather(x, y)", "would have 9 axes"},
    {OP_SCATTER, "x: i32[2] input 0, y: f32[3] input 1", "scatter_add(x, y) limit=4", "updates f32[3] for indices i32[2]"},
    {OP_SCATTER, "x: i32[2] input 0, y: f32 input 1", "scatter_add(x, y) limit=4", "updates f32 for indices i32[2]"},
    {OP_SCATTER, "x: i32[2] input 0, y: f32[2] input 1", "scatter_add(x, y) limit=-4", "limit -4 is not an extent"},
    {OP_SCATTER, "x: i32[2] input 0, y: u8[2] input 1", "scatter_add(x, y) limit=4", "adds f32 or i32"},
    {OP_SCAN, "x: f32 input 0, y: f32[4] input 1",
     "scan(x, y) carries=1 slices=1 yields=0 length=3 body=func (x: f32 carry 0, y: f32 slice 0) { return carry 0 = x }",
     "slice 0 is of f32[4]; the scan has 3 steps"},
    {OP_SCAN, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=3 body=func (x: i32 carry 0) { return carry 0 = x }",
     "carry 0 of the body is i32, the operand gives f32"},
    {OP_SCAN, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=3 body=func (x: f32 carry 0) { return yield 0 = x }",
     "result 0 of the body is yield 0, not carry 0"},
    {OP_SCAN, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=1 length=3 body=func (x: f32 carry 0) { return carry 0 = x }",
     "1 results for 1 carries and 1 yields"},
    {OP_SCAN, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=3 body=func (x: f32 slice 0) { return carry 0 = x }",
     "input 0 of the body is slice 0, not carry 0"},
    {OP_SCAN, "x: f32 input 0", "scan(x) carries=1 slices=0 yields=0 length=0 body=func (x: f32 carry 0) { return carry 0 = x }",
     "0 steps"},
    {OP_SCAN, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=1 body=func (x: f32 carry 0) "
     "{ %1 = cast(x) : i32 return carry 0 = %1 }",
     "enters as f32 and leaves as i32"},
    {OP_SCAN, "x: f32 input 0", "scan(x) carries=1 slices=0 yields=0 length=1 body=func () { return }",
     "0 inputs for 1 operands"},
    {OP_RESULT, "x: f32 input 0", "result(x) index=0", "input has one value"},
    {OP_RESULT, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=1 body=func (x: f32 carry 0) { return carry 0 = x } "
     "%10 = result(%9) index=1",
     "result 1 of a scan that has 1"},
    {OP_RESULT, "x: f32 input 0",
     "scan(x) carries=1 slices=0 yields=0 length=1 body=func (x: f32 carry 0) { return carry 0 = x } %10 = neg(%9)",
     "a scan is no value"},
};

static void check_error(const ErrorCase *c)
{
    char text[2000];
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    snprintf(text, sizeof text, "func f(%s) { %%9 = %s return output 0 = %%9 }", c->inputs, c->node);
    Fn *fn = fn_parse(a, d, diag_add_source(d, "test.ir", text, strlen(text)));
    const char *message = diag_text(d, a);
    if (fn || !strstr(message, c->message) || !strstr(message, "test.ir:1:"))
        fail_msg("%s\nexpected: %s\nfound: %s", text, c->message, fn ? "no error" : message);
    assert_int_equal(diag_errors(d), 1);
    error_tested[c->op] = true;
    arena_free(a);
}

static void shape_errors(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(error_cases); i++)
        check_error(&error_cases[i]);
}

/* Every operation with a fixed number of operands refuses one more. */
static void operand_counts(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "f");
    Node *x = fn_input(fn, ROLE_INPUT, 0, "x", type_scalar(DT_F32));
    Node *in[] = {x, x, x, x};
    Attr attr = {0};
    Type t;
    for (int op = 0; op < OP_COUNT; op++)
        if (op_info((Op)op)->nin >= 0)
            assert_non_null(node_infer(a, (Op)op, op_info((Op)op)->nin + 1, in, &attr, &t));
    arena_free(a);
}

static void every_row_is_tested(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        if (!value_tested[op])
            fail_msg("no case evaluates %s", op_info((Op)op)->text);
        if (!error_tested[op])
            fail_msg("no case makes %s complain", op_info((Op)op)->text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),       cmocka_unit_test(texts),        cmocka_unit_test(long_scan),
        cmocka_unit_test(indices_fail),   cmocka_unit_test(shape_errors), cmocka_unit_test(operand_counts),
        cmocka_unit_test(every_row_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
