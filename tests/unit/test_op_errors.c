/* SPDX-License-Identifier: MIT */
/* test_op_errors.c: the shape rule of every row of ops.def complains of wrong operands and attributes, in words for whoever reads a dump. A
 * row without a case fails `every_row_is_tested`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "graph/ir.h"

static bool error_tested[OP_COUNT];

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
    for (int op = 0; op < OP_COUNT; op++)
        if (!error_tested[op])
            fail_msg("no case makes %s complain", op_info((Op)op)->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_errors),
        cmocka_unit_test(operand_counts),
        cmocka_unit_test(every_row_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
