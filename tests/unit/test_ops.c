/* SPDX-License-Identifier: MIT */
/* test_ops.c: every row of ops.def: its text goes round, its evaluation agrees with a formula written here. A row without a case fails
 * `every_row_is_tested`. */
#include "read_graph.h"

#include <math.h>
#include <stdlib.h>

#include "../../runtime/dl_random.h"

static bool value_tested[OP_COUNT];

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
    Fn *again = read_graph(a, text);
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
    Fn *fn = read_graph(a, text);
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
#include "op_text_cases.h"

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
    Fn *fn = read_graph(a, text);
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
static void every_row_is_tested(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++)
        if (!value_tested[op])
            fail_msg("no case evaluates %s", op_info((Op)op)->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(texts),
        cmocka_unit_test(long_scan),
        cmocka_unit_test(indices_fail),
        cmocka_unit_test(every_row_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
