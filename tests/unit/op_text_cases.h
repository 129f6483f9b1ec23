/* SPDX-License-Identifier: MIT */
/* op_text_cases.h: cases of test_ops.c that are not element by element: a function's text, and a formula of its last result's elements.
 * Included there, behind at() and FORMULA(). */
#ifndef TEST_OP_TEXT_CASES_H
#define TEST_OP_TEXT_CASES_H

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

#endif
