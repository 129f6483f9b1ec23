/* SPDX-License-Identifier: MIT */
/* gradient_cases.h: operands for every row of ops.def that has a gradient. Included by test_gradients.c,
 * which wants of each row enough shapes, and all ranks from the least it takes to 5. */
#ifndef TEST_GRADIENT_CASES_H
#define TEST_GRADIENT_CASES_H

#include "graph/ir.h"

/* ---- element-wise: one row an operation, tried at each of the shapes -------------------------------------
 */
static const char *const element_shapes[] = {
    "", "[1]", "[7]", "[3, 5]", "[1, 4, 1]", "[2, 3, 2, 2]", "[2, 1, 3, 1, 2]"};

typedef struct ElementCase {
    Op op;
    double lo, hi; /* where the operands' values lie */
    const char
        *text;  /* nodes, the last one %9, of inputs a, b, c; $ is the shape. NULL: the operation alone */
    int ninput; /* with a text */
    const char
        *zero; /* a letter an input: '0' where its gradient is zero, '?' where it may be; NULL: nowhere */
} ElementCase;

static const ElementCase element_cases[] = {
    {OP_NEG, -1, 1, NULL, 0, NULL},
    {OP_ABS, -1, 1, NULL, 0, NULL},
    {OP_EXP, -2, 2, NULL, 0, NULL},
    {OP_EXPM1, -2, 2, NULL, 0, NULL},
    {OP_LOG, 0.3, 3, NULL, 0, NULL},
    {OP_LOG1P, -0.6, 3, NULL, 0, NULL},
    {OP_SQRT, 0.3, 3, NULL, 0, NULL},
    {OP_RSQRT, 0.3, 3, NULL, 0, NULL},
    {OP_SIN, -4, 4, NULL, 0, NULL},
    {OP_COS, -4, 4, NULL, 0, NULL},
    {OP_TANH, -2, 2, NULL, 0, NULL},
    {OP_SIGMOID, -3, 3, NULL, 0, NULL},
    {OP_ERF, -2, 2, NULL, 0, NULL},
    /* f32 to f32 passes; what went through an integer does not */
    {OP_CAST, 0.1, 0.9, "%1 = cast(b) : i32$ %2 = cast(%1) : f32$ %3 = cast(a) : f32$ %9 = add(%3, %2)", 2,
     "-0"},
    {OP_ADD, -1, 1, NULL, 0, NULL},
    {OP_SUB, -1, 1, NULL, 0, NULL},
    {OP_MUL, -1, 1, NULL, 0, NULL},
    /* the same operand twice: both contributions arrive */
    {OP_MUL, -1, 1, "%1 = mul(a, a) %9 = mul(a, %1)", 1, NULL},
    {OP_DIV, 0.5, 2, NULL, 0, NULL},
    {OP_POW, 0.4, 2, NULL, 0, NULL},
    {OP_MAX2, -1, 1, NULL, 0, "??"},
    {OP_MAX2, -1, 1, "%1 = mul(a, a) %9 = max2(a, %1)", 1, NULL},
    {OP_MIN2, -1, 1, NULL, 0, "??"},
    {OP_SELECT, 0.1, 2,
     "%1 = const() value=0.7 : f32 %2 = broadcast(%1) axes=[] : f32$ %3 = lt(a, %2) %9 = select(%3, b, c)", 3,
     "0??"},
};

/* ---- everything else: one row a case --------------------------------------------------------------------
 */
typedef struct TextCase {
    Op op;
    const char *type[4]; /* of inputs a, b, c, d */
    const char *text;    /* the operation, or nodes of which the last is %9 */
    const char *zero;
} TextCase;

/* no operand's gradient need be there: a part of a concat that is used twice, ... */
#define ANY_ZERO "????"

/* clang-format off */
#define POW(exponent) {OP_POW, {"f32[3, 2]"}, "%1 = const() value=" exponent " : f32 %2 = broadcast(%1) axes=[] : f32[3, 2] %9 = pow(a, %2)", NULL}
#define CONV(stride, lo, hi, lhs, rhs, groups)                                                                \
    "conv(a, b) stride=" stride " pad_lo=" lo " pad_hi=" hi " lhs_dilation=" lhs " rhs_dilation=" rhs " groups=" groups

static const TextCase text_cases[] = {
    /* exponents known at compile time, with the whole ones that have rules of their own */
    POW("2"), POW("0.5"), POW("3"), POW("1.5"), POW("-1"), POW("-2.5"),

    {OP_RESHAPE, {"f32[2, 3, 4]"}, "reshape(a) : f32[24]", NULL},
    {OP_RESHAPE, {"f32[1, 1, 1]"}, "reshape(a) : f32", NULL},
    {OP_RESHAPE, {"f32"}, "reshape(a) : f32[1, 1]", NULL},
    {OP_RESHAPE, {"f32[6]"}, "reshape(a) : f32[2, 3]", NULL},
    {OP_RESHAPE, {"f32[4, 6]"}, "reshape(a) : f32[8, 3]", NULL},
    {OP_RESHAPE, {"f32[2, 2, 7]"}, "reshape(a) : f32[7, 1, 2, 2]", NULL},
    {OP_RESHAPE, {"f32[7, 1, 2, 2]"}, "reshape(a) : f32[2, 14]", NULL},
    {OP_RESHAPE, {"f32[2, 1, 3, 1, 2]"}, "reshape(a) : f32[4, 3]", NULL},

    {OP_PERMUTE, {"f32"}, "permute(a) axes=[]", NULL},
    {OP_PERMUTE, {"f32[5]"}, "permute(a) axes=[0]", NULL},
    {OP_PERMUTE, {"f32[3, 4]"}, "permute(a) axes=[1, 0]", NULL},
    {OP_PERMUTE, {"f32[3, 1, 2]"}, "permute(a) axes=[2, 0, 1]", NULL},
    {OP_PERMUTE, {"f32[2, 3, 4, 2]"}, "permute(a) axes=[3, 0, 1, 2]", NULL},
    {OP_PERMUTE, {"f32[2, 3, 4, 2]"}, "permute(a) axes=[1, 2, 3, 0]", NULL},
    {OP_PERMUTE, {"f32[2, 3, 4, 2]"}, "permute(a) axes=[2, 3, 1, 0]", NULL},
    {OP_PERMUTE, {"f32[1, 5, 1, 3]"}, "permute(a) axes=[1, 0, 3, 2]", NULL},
    {OP_PERMUTE, {"f32[2, 1, 3, 2, 2]"}, "permute(a) axes=[4, 2, 0, 3, 1]", NULL},

    {OP_BROADCAST, {"f32"}, "broadcast(a) axes=[] : f32[3, 2]", NULL},
    {OP_BROADCAST, {"f32[3]"}, "broadcast(a) axes=[1] : f32[2, 3, 2]", NULL},
    {OP_BROADCAST, {"f32[1]"}, "broadcast(a) axes=[1] : f32[7, 1, 2]", NULL},
    {OP_BROADCAST, {"f32[1, 3]"}, "broadcast(a) axes=[0, 1] : f32[4, 3]", NULL},
    {OP_BROADCAST, {"f32[2, 1, 3]"}, "broadcast(a) axes=[0, 2, 3] : f32[2, 5, 4, 3]", NULL},
    {OP_BROADCAST, {"f32[3, 1, 1]"}, "broadcast(a) axes=[0, 1, 2] : f32[3, 1, 5]", NULL},
    {OP_BROADCAST, {"f32[1, 2, 1, 3]"}, "broadcast(a) axes=[0, 1, 3, 4] : f32[2, 2, 2, 3, 3]", NULL},
    {OP_BROADCAST, {"f32[2, 1, 3, 1, 1]"}, "broadcast(a) axes=[0, 1, 2, 3, 4] : f32[2, 3, 3, 1, 2]", NULL},

    {OP_SLICE, {"f32"}, "slice(a) start=[] limit=[] stride=[]", NULL},
    {OP_SLICE, {"f32[7]"}, "slice(a) start=[1] limit=[6] stride=[3]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[0, 0] limit=[7, 5] stride=[1, 1]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[2, 1] limit=[6, 4] stride=[1, 1]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[0, 1] limit=[7, 5] stride=[3, 2]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[6, 4] limit=[7, 5] stride=[1, 1]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[1, 0] limit=[6, 5] stride=[4, 3]", NULL},
    {OP_SLICE, {"f32[7, 5]"}, "slice(a) start=[0, 2] limit=[1, 5] stride=[5, 7]", NULL},
    {OP_SLICE, {"f32[2, 1, 4]"}, "slice(a) start=[1, 0, 0] limit=[2, 1, 4] stride=[1, 1, 2]", NULL},
    {OP_SLICE, {"f32[2, 3, 2, 2]"}, "slice(a) start=[0, 1, 0, 1] limit=[2, 3, 1, 2] stride=[1, 1, 1, 1]", NULL},
    {OP_SLICE, {"f32[2, 1, 3, 2, 2]"}, "slice(a) start=[0, 0, 0, 1, 0] limit=[2, 1, 3, 2, 2] stride=[1, 1, 2, 1, 1]", NULL},

    {OP_PAD, {"f32"}, "pad(a) lo=[] hi=[] interior=[] value=0", NULL},
    {OP_PAD, {"f32[4]"}, "pad(a) lo=[2] hi=[0] interior=[1] value=-1", NULL},
    {OP_PAD, {"f32[3, 4]"}, "pad(a) lo=[1, 0] hi=[0, 2] interior=[0, 0] value=0", NULL},
    {OP_PAD, {"f32[3, 4]"}, "pad(a) lo=[0, 0] hi=[0, 0] interior=[2, 1] value=0", NULL},
    {OP_PAD, {"f32[3, 4]"}, "pad(a) lo=[2, 1] hi=[1, 3] interior=[1, 0] value=1.5", NULL},
    {OP_PAD, {"f32[3, 4]"}, "pad(a) lo=[0, 0] hi=[1, 0] interior=[0, 3] value=0", NULL},
    {OP_PAD, {"f32[1, 3]"}, "pad(a) lo=[3, 3] hi=[0, 0] interior=[0, 1] value=0", NULL},
    {OP_PAD, {"f32[3, 4]"}, "pad(a) lo=[0, 0] hi=[0, 0] interior=[0, 0] value=0", NULL},
    {OP_PAD, {"f32[2, 1, 3]"}, "pad(a) lo=[0, 1, 1] hi=[1, 0, 0] interior=[0, 0, 1] value=0", NULL},
    {OP_PAD, {"f32[2, 3, 1, 2]"}, "pad(a) lo=[1, 0, 0, 1] hi=[0, 1, 1, 0] interior=[0, 0, 0, 2] value=0", NULL},
    {OP_PAD, {"f32[2, 1, 3, 1, 2]"}, "pad(a) lo=[0, 1, 0, 0, 0] hi=[0, 0, 1, 0, 0] interior=[1, 0, 0, 0, 1] value=0", NULL},

    {OP_AGAIN, {"f32", "f32[2]"}, "again(a, b)", NULL},
    {OP_AGAIN, {"f32[5]", "f32"}, "again(a, b)", NULL},
    {OP_AGAIN, {"f32[4, 3]", "f32"}, "again(a, b)", NULL},
    {OP_AGAIN, {"f32[2, 1, 3]", "f32[2]"}, "again(a, b)", NULL},
    {OP_AGAIN, {"f32[2, 3, 2, 2]", "f32[1]"}, "again(a, b)", NULL},
    {OP_AGAIN, {"f32[2, 1, 3, 2, 2]", "f32"}, "again(a, b)", NULL},
    {OP_REVERSE, {"f32"}, "reverse(a) axes=[]", NULL},
    {OP_REVERSE, {"f32[5]"}, "reverse(a) axes=[0]", NULL},
    {OP_REVERSE, {"f32[4, 3]"}, "reverse(a) axes=[1]", NULL},
    {OP_REVERSE, {"f32[3, 2, 5]"}, "reverse(a) axes=[0]", NULL},
    {OP_REVERSE, {"f32[3, 2, 5]"}, "reverse(a) axes=[0, 2]", NULL},
    {OP_REVERSE, {"f32[3, 2, 5]"}, "reverse(a) axes=[0, 1, 2]", NULL},
    {OP_REVERSE, {"f32[2, 1, 3]"}, "reverse(a) axes=[1]", NULL},
    {OP_REVERSE, {"f32[2, 3, 2, 2]"}, "reverse(a) axes=[1, 3]", NULL},
    {OP_REVERSE, {"f32[2, 1, 3, 2, 2]"}, "reverse(a) axes=[0, 2, 4]", NULL},

    {OP_CONCAT, {"f32[1]", "f32[4]"}, "concat(a, b) axis=0", ANY_ZERO},
    {OP_CONCAT, {"f32[2, 3]", "f32[2, 1]", "f32[2, 2]"}, "concat(a, b, c) axis=1", NULL},
    {OP_CONCAT, {"f32[1, 3, 2]", "f32[2, 3, 2]"}, "concat(a, b) axis=0", NULL},
    {OP_CONCAT, {"f32[2, 1, 2]", "f32[2, 2, 2]", "f32[2, 3, 2]"}, "concat(a, b, c) axis=1", NULL},
    {OP_CONCAT, {"f32[2, 3, 1]"}, "concat(a, a) axis=2", NULL},
    {OP_CONCAT, {"f32[2, 1, 2]"}, "concat(a) axis=1", NULL},
    {OP_CONCAT, {"f32[1, 3, 2]", "f32[2, 3, 2]", "f32[3, 3, 2]", "f32[4, 3, 2]"}, "concat(a, b, c, d) axis=0", NULL},
    {OP_CONCAT, {"f32[2, 1, 3, 1]", "f32[2, 1, 3, 2]"}, "concat(a, b) axis=3", NULL},
    {OP_CONCAT, {"f32[2, 1, 3, 1, 2]", "f32[2, 1, 1, 1, 2]"}, "concat(a, b) axis=2", NULL},

    {OP_WINDOW, {"f32[5]"}, "window(a) axis=0 size=5 stride=1 dilation=1", NULL},
    {OP_WINDOW, {"f32[8]"}, "window(a) axis=0 size=1 stride=3 dilation=1", NULL},
    {OP_WINDOW, {"f32[2, 7]"}, "window(a) axis=1 size=2 stride=2 dilation=3", NULL},
    {OP_WINDOW, {"f32[2, 6, 3]"}, "window(a) axis=1 size=2 stride=2 dilation=1", NULL},
    {OP_WINDOW, {"f32[2, 7, 3]"}, "window(a) axis=1 size=3 stride=1 dilation=1", NULL},
    {OP_WINDOW, {"f32[2, 7, 3]"}, "window(a) axis=1 size=2 stride=3 dilation=1", NULL},
    {OP_WINDOW, {"f32[2, 9, 3]"}, "window(a) axis=1 size=3 stride=2 dilation=2", NULL},
    {OP_WINDOW, {"f32[2, 1, 4, 2]"}, "window(a) axis=2 size=2 stride=1 dilation=2", NULL},
    {OP_WINDOW, {"f32[1, 2, 1, 3, 2]"}, "window(a) axis=3 size=2 stride=1 dilation=1", NULL},

    {OP_FOLD, {"f32[1, 5]"}, "fold(a) axis=0 size=5 stride=1 dilation=1 extent=5", NULL},
    {OP_FOLD, {"f32[3, 1]"}, "fold(a) axis=0 size=1 stride=3 dilation=1 extent=8", NULL},
    {OP_FOLD, {"f32[2, 3, 2]"}, "fold(a) axis=1 size=2 stride=2 dilation=1 extent=7", NULL},
    {OP_FOLD, {"f32[2, 5, 3, 3]"}, "fold(a) axis=1 size=3 stride=1 dilation=1 extent=7", NULL},
    {OP_FOLD, {"f32[2, 2, 2, 3]"}, "fold(a) axis=1 size=2 stride=3 dilation=1 extent=7", NULL},
    {OP_FOLD, {"f32[2, 3, 3, 3]"}, "fold(a) axis=1 size=3 stride=2 dilation=2 extent=9", NULL},
    {OP_FOLD, {"f32[2, 1, 3, 2, 2]"}, "fold(a) axis=2 size=2 stride=1 dilation=1 extent=4", NULL},

    {OP_SUM, {"f32"}, "sum(a) axes=[]", NULL},
    {OP_SUM, {"f32[6]"}, "sum(a) axes=[0]", NULL},
    {OP_SUM, {"f32[4, 3]"}, "sum(a) axes=[0]", NULL},
    {OP_SUM, {"f32[2, 3, 5]"}, "sum(a) axes=[0]", NULL},
    {OP_SUM, {"f32[2, 3, 5]"}, "sum(a) axes=[2]", NULL},
    {OP_SUM, {"f32[2, 3, 5]"}, "sum(a) axes=[0, 2]", NULL},
    {OP_SUM, {"f32[2, 3, 5]"}, "sum(a) axes=[0, 1, 2]", NULL},
    {OP_SUM, {"f32[2, 1, 3]"}, "sum(a) axes=[1]", NULL},
    {OP_SUM, {"f32[3, 2, 4, 1]"}, "sum(a) axes=[1, 2]", NULL},
    {OP_SUM, {"f32[2, 1, 3, 2, 2]"}, "sum(a) axes=[0, 3]", NULL},

    {OP_MAX, {"f32"}, "max(a) axes=[]", NULL},
    {OP_MAX, {"f32[6]"}, "max(a) axes=[0]", NULL},
    {OP_MAX, {"f32[4, 3]"}, "max(a) axes=[0]", NULL},
    {OP_MAX, {"f32[2, 3, 5]"}, "max(a) axes=[0]", NULL},
    {OP_MAX, {"f32[2, 3, 5]"}, "max(a) axes=[2]", NULL},
    {OP_MAX, {"f32[2, 3, 5]"}, "max(a) axes=[0, 2]", NULL},
    {OP_MAX, {"f32[2, 3, 5]"}, "max(a) axes=[0, 1, 2]", NULL},
    {OP_MAX, {"f32[2, 1, 3]"}, "max(a) axes=[1]", NULL},
    {OP_MAX, {"f32[3, 2, 4, 1]"}, "max(a) axes=[1, 2]", NULL},
    {OP_MAX, {"f32[2, 1, 3, 2, 2]"}, "max(a) axes=[0, 3]", NULL},

    /* numbers; vectors; outer product; matrices; full contraction; stacks of matrices */
    {OP_DOT, {"f32", "f32"}, "dot(a, b)", NULL},
    {OP_DOT, {"f32[5]", "f32[5]"}, "dot(a, b) contract=[0]/[0]", NULL},
    {OP_DOT, {"f32[3]", "f32[2]"}, "dot(a, b)", NULL},
    {OP_DOT, {"f32[3, 4]", "f32[4, 2]"}, "dot(a, b) contract=[1]/[0]", NULL},
    {OP_DOT, {"f32[2, 3]", "f32[3, 2]"}, "dot(a, b) contract=[0, 1]/[1, 0]", NULL},
    {OP_DOT, {"f32[2, 3, 4]", "f32[2, 4, 5]"}, "dot(a, b) batch=[0]/[0] contract=[2]/[1]", NULL},
    /* transposed operands; batch axes inside and crossed; several free and contracted axes out of order; extents of 1 */
    {OP_DOT, {"f32[4, 3]", "f32[2, 4]"}, "dot(a, b) contract=[0]/[1]", NULL},
    {OP_DOT, {"f32[3, 2, 4, 5]", "f32[5, 4, 2, 1]"}, "dot(a, b) batch=[1, 3]/[2, 0] contract=[2]/[1]", NULL},
    {OP_DOT, {"f32[2, 3, 4, 2]", "f32[4, 3, 2, 2]"}, "dot(a, b) contract=[2, 0, 1]/[0, 2, 1]", NULL},
    {OP_DOT, {"f32[2, 3, 2]", "f32[2, 3, 2]"}, "dot(a, b) batch=[1]/[1]", NULL},
    {OP_DOT, {"f32[1, 1]", "f32[1, 3]"}, "dot(a, b) contract=[0]/[0]", NULL},
    {OP_DOT, {"f32[3, 2]", "f32[2, 3]"}, "dot(a, b) batch=[0, 1]/[1, 0]", NULL},
    {OP_DOT, {"f32[2, 1, 3, 2, 2]", "f32[2, 3, 1, 2]"}, "dot(a, b) batch=[0, 1]/[3, 2] contract=[2, 4]/[1, 0]", NULL},

    /* plain; strided with rows left over; "same" padding; dilated kernel; dilated input */
    {OP_CONV, {"f32[2, 5, 4, 2]", "f32[3, 2, 2, 3]"}, CONV("[1, 1]", "[0, 0]", "[0, 0]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[1, 6, 7, 2]", "f32[3, 2, 2, 2]"}, CONV("[2, 3]", "[0, 0]", "[0, 0]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[2, 4, 3, 1]", "f32[3, 3, 1, 2]"}, CONV("[1, 1]", "[1, 1]", "[1, 1]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[1, 7, 5, 2]", "f32[3, 2, 2, 2]"}, CONV("[1, 1]", "[0, 1]", "[1, 0]", "[1, 1]", "[2, 3]", "1"), NULL},
    {OP_CONV, {"f32[1, 3, 4, 2]", "f32[2, 3, 2, 2]"}, CONV("[1, 1]", "[1, 0]", "[0, 2]", "[2, 3]", "[1, 1]", "1"), NULL},
    /* everything at once; groups; depthwise with two results a channel; strided groups */
    {OP_CONV, {"f32[1, 4, 5, 2]", "f32[2, 3, 2, 1]"}, CONV("[2, 3]", "[2, 2]", "[1, 1]", "[2, 2]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[2, 4, 4, 4]", "f32[2, 2, 2, 6]"}, CONV("[1, 1]", "[0, 0]", "[0, 0]", "[1, 1]", "[1, 1]", "2"), NULL},
    {OP_CONV, {"f32[1, 5, 4, 3]", "f32[3, 3, 1, 6]"}, CONV("[1, 1]", "[1, 1]", "[1, 1]", "[1, 1]", "[1, 1]", "3"), NULL},
    {OP_CONV, {"f32[3, 6, 3, 4]", "f32[2, 1, 2, 2]"}, CONV("[3, 2]", "[1, 0]", "[0, 1]", "[1, 1]", "[2, 1]", "2"), NULL},
    /* one axis; three; 1x1 strided; padding beyond the kernel's reach; a kernel that mostly sees padding */
    {OP_CONV, {"f32[2, 7, 2]", "f32[3, 2, 2]"}, CONV("[2]", "[1]", "[0]", "[1]", "[1]", "1"), NULL},
    {OP_CONV, {"f32[1, 3, 2, 4, 1]", "f32[2, 2, 2, 1, 2]"}, CONV("[1, 1, 2]", "[0, 1, 0]", "[0, 0, 1]", "[1, 1, 1]", "[1, 1, 1]", "1"), NULL},
    {OP_CONV, {"f32[2, 5, 6, 2]", "f32[1, 1, 2, 3]"}, CONV("[2, 3]", "[0, 0]", "[0, 0]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[1, 3, 3, 1]", "f32[2, 1, 1, 2]"}, CONV("[1, 2]", "[3, 2]", "[2, 4]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[1, 2, 1]", "f32[5, 1, 1]"}, CONV("[3]", "[4]", "[3]", "[2]", "[1]", "1"), NULL},
    {OP_CONV, {"f32[1, 1, 1, 1]", "f32[1, 1, 1, 1]"}, CONV("[1, 1]", "[0, 0]", "[0, 0]", "[1, 1]", "[1, 1]", "1"), NULL},
    /* fewer filters than channels: the kernel's gradient as wide as these; padded within and beyond its reach, dilated */
    {OP_CONV, {"f32[2, 5, 4, 3]", "f32[3, 2, 3, 1]"}, CONV("[1, 1]", "[1, 0]", "[1, 1]", "[1, 1]", "[1, 1]", "1"), NULL},
    {OP_CONV, {"f32[2, 3, 4, 4]", "f32[2, 2, 4, 2]"}, CONV("[1, 1]", "[3, 0]", "[0, 2]", "[1, 2]", "[2, 1]", "1"), NULL},
    {OP_CONV, {"f32[1, 6, 3]", "f32[3, 3, 2]"}, CONV("[1]", "[-1]", "[-2]", "[1]", "[1]", "1"), NULL},
    /* rows behind the last window, more than the padding */
    {OP_CONV, {"f32[1, 8, 1]", "f32[2, 1, 2]"}, CONV("[5]", "[0]", "[1]", "[1]", "[1]", "1"), NULL},
    {OP_CONV, {"f32[1, 4, 1]", "f32[2, 1, 2]"}, CONV("[6]", "[1]", "[0]", "[2]", "[1]", "1"), NULL},

    {OP_GATHER, {"f32[6]", "i32[3]"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[5]", "i32"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[4, 3]", "i32[5]"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[3, 2]", "i32"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[1, 2]", "i32[2, 2]"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[4, 2, 2]", "i32[3, 2]"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[3, 2, 1, 2]", "i32[2]"}, "gather(a, b)", NULL},
    {OP_GATHER, {"f32[2, 1, 3, 1, 2]", "i32[2, 3]"}, "gather(a, b)", NULL},

    {OP_SCATTER, {"f32", "i32"}, "scatter_add(b, a) limit=5", NULL},
    {OP_SCATTER, {"f32[3]", "i32[3]"}, "scatter_add(b, a) limit=6", NULL},
    {OP_SCATTER, {"f32[2]", "i32"}, "scatter_add(b, a) limit=3", NULL},
    {OP_SCATTER, {"f32[5, 3]", "i32[5]"}, "scatter_add(b, a) limit=4", NULL},
    {OP_SCATTER, {"f32[2, 2, 2]", "i32[2, 2]"}, "scatter_add(b, a) limit=1", NULL},
    {OP_SCATTER, {"f32[3, 2, 2, 2]", "i32[3, 2]"}, "scatter_add(b, a) limit=4", NULL},
    {OP_SCATTER, {"f32[2, 1, 3, 1, 2]", "i32[2, 1]"}, "scatter_add(b, a) limit=3", NULL},
};
/* clang-format on */

#endif
