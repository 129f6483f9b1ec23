/* SPDX-License-Identifier: MIT */
/* element.c: element-wise operations: operands and result have one shape. First the shape rules they share,
 * then of each operation its value and its gradient. x, y: operands; n: the result; dy: its gradient,
 * which formulas of two operands call dz.
 *
 * i32 wraps around. A division by zero gives 0 in i32, and its remainder x. Every gradient is written in
 * operations that have one themselves, so that gradients can be differentiated again. */
#include "ops.h"
#include "../graph/gradient.h"

#include <math.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------ */
static const char *want_number(Arena *a, Type t)
{
    if (t.dt == DT_F32 || t.dt == DT_I32)
        return NULL;
    return arena_printf(a, "computes with f32 or i32, not %s", type_text(a, t));
}

static const char *want(Arena *a, Type t, DType dt)
{
    return t.dt == dt ? NULL : arena_printf(a, "needs %s, not %s", dtype_name(dt), type_text(a, t));
}

static const char *want_equal(Arena *a, Node *const *in)
{
    if (type_eq(in[0]->type, in[1]->type))
        return NULL;
    return arena_printf(a, "the operands differ: %s and %s", type_text(a, in[0]->type),
                        type_text(a, in[1]->type));
}

SHAPE(same1)
{
    (void)a, (void)nin, (void)attr;
    *t = in[0]->type;
    return NULL;
}

SHAPE(arith1)
{
    shape_same1(a, in, nin, attr, t);
    return want_number(a, *t);
}

SHAPE(float1)
{
    shape_same1(a, in, nin, attr, t);
    return want(a, *t, DT_F32);
}

SHAPE(bool1)
{
    shape_same1(a, in, nin, attr, t);
    return want(a, *t, DT_BOOL);
}

SHAPE(arith2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_arith1(a, in, nin, attr, t);
}

SHAPE(float2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_float1(a, in, nin, attr, t);
}

SHAPE(bool2)
{
    const char *why = want_equal(a, in);
    return why ? why : shape_bool1(a, in, nin, attr, t);
}

SHAPE(compare)
{
    (void)nin, (void)attr;
    *t = type_with(in[0]->type, DT_BOOL);
    return want_equal(a, in);
}

SHAPE(order)
{
    const char *why = shape_compare(a, in, nin, attr, t);
    if (!why && in[0]->type.dt == DT_BOOL)
        why = arena_printf(a, "orders numbers, not %s", type_text(a, in[0]->type));
    return why;
}

/* ---- values ------------------------------------------------------------------------------------------ */
static double wrap(DType dt, double exact)
{
    return dt == DT_I32 ? wrap_i32(exact) : exact;
}

#define EVAL1(name, formula)                                                                                 \
    void eval_##name(EvalCtx *e, const Node *n)                                                              \
    {                                                                                                        \
        DType dt = n->type.dt;                                                                               \
        int64_t count = type_count(n->type);                                                                 \
        const double *in = eval_in(e, n, 0);                                                                 \
        double *y = eval_out(e, n);                                                                          \
        (void)dt;                                                                                            \
        for (int64_t i = 0; i < count; i++) {                                                                \
            double x = in[i];                                                                                \
            y[i] = (formula);                                                                                \
        }                                                                                                    \
    }

#define EVAL2(name, formula)                                                                                 \
    void eval_##name(EvalCtx *e, const Node *n)                                                              \
    {                                                                                                        \
        DType dt = n->type.dt;                                                                               \
        int64_t count = type_count(n->type);                                                                 \
        const double *in0 = eval_in(e, n, 0), *in1 = eval_in(e, n, 1);                                       \
        double *z = eval_out(e, n);                                                                          \
        (void)dt;                                                                                            \
        for (int64_t i = 0; i < count; i++) {                                                                \
            double x = in0[i], y = in1[i];                                                                   \
            z[i] = (formula);                                                                                \
        }                                                                                                    \
    }

/* ---- gradients --------------------------------------------------------------------------------------- */
static Node *zeros(Fn *fn, const Node *like)
{
    return node_full(fn, like->type, 0);
}

/* Where the condition holds dy, elsewhere 0. A product with a mask would turn an infinite dy into NaN. */
static Node *where(Fn *fn, Node *condition, Node *dy)
{
    return node_select(fn, condition, dy, zeros(fn, dy));
}

/* ---- one operand ------------------------------------------------------------------------------------- */
EVAL1(neg, dt == DT_I32 ? wrap(dt, 0 - x) : -x)

/* −x: dx = −dy */
GRAD(neg)
{
    grad_into(g, n->in[0], node_unary(g->fn, OP_NEG, dy));
}

EVAL1(abs, wrap(dt, fabs(x)))

/* |x|: dx = dy·sign(x), 0 at 0; a NaN stays one in the value, its gradient is dy */
GRAD(abs)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *zero = zeros(fn, x);
    Node *falling = node_unary(fn, OP_NEG, dy);
    Node *sloped = node_select(fn, node_binary(fn, OP_LT, x, zero), falling, dy);
    grad_into(g, x, node_select(fn, node_binary(fn, OP_EQ, x, zero), zero, sloped));
}

EVAL1(exp, exp(x))

/* y = e^x: dx = dy·y */
GRAD(exp)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, n));
}

EVAL1(expm1, expm1(x))

/* y = e^x − 1: dx = dy·(y + 1) */
GRAD(expm1)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, node_binary_const(g->fn, OP_ADD, n, 1)));
}

EVAL1(log, log(x))

/* ln x: dx = dy / x */
GRAD(log)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_DIV, dy, n->in[0]));
}

EVAL1(log1p, log1p(x))

/* ln (1 + x): dx = dy / (1 + x) */
GRAD(log1p)
{
    Node *x = n->in[0];
    grad_into(g, x, node_binary(g->fn, OP_DIV, dy, node_binary_const(g->fn, OP_ADD, x, 1)));
}

EVAL1(sqrt, sqrt(x))

/* y = √x: dx = dy·½ / y */
GRAD(sqrt)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_DIV, node_binary_const(g->fn, OP_MUL, dy, 0.5), n));
}

EVAL1(rsqrt, 1 / sqrt(x))

/* y = 1 / √x: dx = −½·dy·y³ */
GRAD(rsqrt)
{
    Fn *fn = g->fn;
    Node *cube = node_binary(fn, OP_MUL, node_binary(fn, OP_MUL, n, n), n);
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, node_binary_const(fn, OP_MUL, cube, -0.5)));
}

EVAL1(sin, sin(x))

/* sin x: dx = dy·cos x */
GRAD(sin)
{
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, node_unary(g->fn, OP_COS, n->in[0])));
}

EVAL1(cos, cos(x))

/* cos x: dx = −dy·sin x */
GRAD(cos)
{
    Node *slope = node_binary(g->fn, OP_MUL, dy, node_unary(g->fn, OP_SIN, n->in[0]));
    grad_into(g, n->in[0], node_unary(g->fn, OP_NEG, slope));
}

EVAL1(tanh, tanh(x))

/* y = tanh x: dx = dy·(1 − y²) */
GRAD(tanh)
{
    Fn *fn = g->fn;
    Node *square = node_binary(fn, OP_MUL, n, n);
    Node *slope = node_binary(fn, OP_SUB, node_full(fn, n->type, 1), square);
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, slope));
}

EVAL1(sigmoid, 1 / (1 + exp(-x)))

/* y = 1 / (1 + e^−x): dx = dy·y·(1 − y) */
GRAD(sigmoid)
{
    Fn *fn = g->fn;
    Node *slope = node_binary(fn, OP_MUL, n, node_binary(fn, OP_SUB, node_full(fn, n->type, 1), n));
    grad_into(g, n->in[0], node_binary(fn, OP_MUL, dy, slope));
}

EVAL1(erf, erf(x))

/* erf x: dx = dy·2/√π·e^(−x²) */
GRAD(erf)
{
    Fn *fn = g->fn;
    Node *x = n->in[0];
    Node *bell = node_unary(fn, OP_EXP, node_unary(fn, OP_NEG, node_binary(fn, OP_MUL, x, x)));
    Node *slope = node_binary_const(fn, OP_MUL, bell, 1.12837916709551257390); /* 2/√π */
    grad_into(g, x, node_binary(fn, OP_MUL, dy, slope));
}

EVAL1(floor, floor(x))

EVAL1(not, x == 0)

/* The same elements in the same order: stop_gradient, reshape. */
EVAL(copy)
{
    memcpy(eval_out(e, n), eval_in(e, n, 0), sizeof(double) * (size_t)type_count(n->type));
}

SHAPE(cast)
{
    (void)nin;
    *t = type_with(in[0]->type, attr->dtype.dt);
    return (unsigned)t->dt < DT_COUNT ? NULL : arena_printf(a, "element type %d does not exist", (int)t->dt);
}

EVAL1(cast, dtype_convert(x, n->in[0]->type.dt, dt))

/* f32 to f32: dx = dy; conversions from and to other types pass nothing */
GRAD(cast)
{
    if (n->in[0]->type.dt == DT_F32)
        grad_into(g, n->in[0], dy);
}

/* ---- two operands and three -------------------------------------------------------------------------- */
EVAL2(add, wrap(dt, x + y))

/* z = x + y: dx = dz, dy = dz */
GRAD(add)
{
    grad_into(g, n->in[0], dy);
    grad_into(g, n->in[1], dy);
}

EVAL2(sub, wrap(dt, x - y))

/* z = x − y: dx = dz, dy = −dz */
GRAD(sub)
{
    grad_into(g, n->in[0], dy);
    grad_into(g, n->in[1], node_unary(g->fn, OP_NEG, dy));
}

/* i32 products need 62 bits: more than a double holds. */
static double product(DType dt, double x, double y)
{
    return dt == DT_I32 ? (double)(int32_t)(uint32_t)((int64_t)x * (int64_t)y) : x * y;
}

EVAL2(mul, product(dt, x, y))

/* z = x·y: dx = dz·y, dy = dz·x */
GRAD(mul)
{
    if (n->in[0] == n->in[1]) {
        grad_into(g, n->in[0], node_binary_const(g->fn, OP_MUL, node_binary(g->fn, OP_MUL, dy, n->in[0]), 2));
        return;
    }
    grad_into(g, n->in[0], node_binary(g->fn, OP_MUL, dy, n->in[1]));
    grad_into(g, n->in[1], node_binary(g->fn, OP_MUL, dy, n->in[0]));
}

static double quotient(DType dt, double x, double y)
{
    if (dt != DT_I32)
        return x / y;
    return y == 0 ? 0 : wrap(dt, floor(x / y));
}

EVAL2(div, quotient(dt, x, y))

/* z = x / y: dx = dz / y, dy = −dz / y · z */
GRAD(div)
{
    Fn *fn = g->fn;
    Node *dx = node_binary(fn, OP_DIV, dy, n->in[1]);
    grad_into(g, n->in[0], dx);
    if (grad_wanted(g, n->in[1]))
        grad_into(g, n->in[1], node_unary(fn, OP_NEG, node_binary(fn, OP_MUL, dx, n)));
}

static double remainder_of(DType dt, double x, double y)
{
    if (dt == DT_I32 && y == 0)
        return x;
    return x - y * floor(x / y);
}

EVAL2(rem, remainder_of(dt, x, y))

EVAL2(pow, pow(x, y))

/* d(x^y)/dx = y·x^(y−1), and 0 where y is 0, whatever x is */
static Node *pow_slope(Fn *fn, Node *x, Node *y)
{
    double exponent;
    if (is_const(y, &exponent)) {
        if (exponent == 0)
            return zeros(fn, x);
        if (exponent == 1)
            return node_full(fn, x->type, 1);
        if (exponent == 2)
            return node_binary_const(fn, OP_MUL, x, 2);
        return node_binary_const(fn, OP_MUL, node_binary_const(fn, OP_POW, x, exponent - 1), exponent);
    }
    Node *slope = node_binary(fn, OP_MUL, y, node_binary(fn, OP_POW, x, node_binary_const(fn, OP_SUB, y, 1)));
    Node *zero = zeros(fn, y);
    return node_select(fn, node_binary(fn, OP_EQ, y, zero), zero, slope);
}

/* z = x^y: dx = dz·y·x^(y−1), dy = dz·z·ln x, and 0 where x is 0 */
GRAD(pow)
{
    Fn *fn = g->fn;
    Node *x = n->in[0], *y = n->in[1];
    if (grad_wanted(g, x))
        grad_into(g, x, node_binary(fn, OP_MUL, dy, pow_slope(fn, x, y)));
    if (!grad_wanted(g, y))
        return;
    /* ln 1 where x is 0: an infinity there would come back as NaN when this is differentiated again */
    Node *at_zero = node_binary(fn, OP_EQ, x, zeros(fn, x));
    Node *log = node_unary(fn, OP_LOG, node_select(fn, at_zero, node_full(fn, x->type, 1), x));
    Node *elsewhere = node_binary(fn, OP_MUL, n, log);
    Node *slope = node_select(fn, at_zero, zeros(fn, x), elsewhere);
    grad_into(g, y, node_binary(fn, OP_MUL, dy, slope));
}

static double greater(double x, double y)
{
    return x > y || x != x ? x : y;
}

EVAL2(max2, greater(x, y))

/* z = max(x, y): dx = dz where x > y, which is where z > y: x need not be kept; dy = dz elsewhere */
GRAD(max2)
{
    Fn *fn = g->fn;
    Node *first = node_binary(fn, OP_LT, n->in[1], n);
    grad_into(g, n->in[0], where(fn, first, dy));
    grad_into(g, n->in[1], node_select(fn, first, zeros(fn, dy), dy));
}

static double smaller(double x, double y)
{
    return x < y || x != x ? x : y;
}

EVAL2(min2, smaller(x, y))

/* z = min(x, y): dx = dz where x < y, which is where z < y; dy = dz elsewhere */
GRAD(min2)
{
    Fn *fn = g->fn;
    Node *first = node_binary(fn, OP_LT, n, n->in[1]);
    grad_into(g, n->in[0], where(fn, first, dy));
    grad_into(g, n->in[1], node_select(fn, first, zeros(fn, dy), dy));
}

EVAL2(eq, x == y)
EVAL2(lt, x < y)
EVAL2(le, x <= y)
EVAL2(and, x != 0 && y != 0)
EVAL2(or, x != 0 || y != 0)

SHAPE(select)
{
    (void)nin, (void)attr;
    Type condition = in[0]->type;
    *t = in[1]->type;
    const char *why = want(a, condition, DT_BOOL);
    if (!why)
        why = want_equal(a, in + 1);
    if (!why && !shape_eq(condition, *t))
        why = arena_printf(a, "the condition is %s, the alternatives %s", type_text(a, condition),
                           type_text(a, *t));
    return why;
}

EVAL(select)
{
    const double *c = eval_in(e, n, 0), *x = eval_in(e, n, 1), *y = eval_in(e, n, 2);
    double *z = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++)
        z[i] = c[i] != 0 ? x[i] : y[i];
}

/* z = c ? x : y: dx = dz where c, dy = dz elsewhere */
GRAD(select)
{
    Fn *fn = g->fn;
    grad_into(g, n->in[1], where(fn, n->in[0], dy));
    grad_into(g, n->in[2], node_select(fn, n->in[0], zeros(fn, dy), dy));
}
