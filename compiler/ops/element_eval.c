/* SPDX-License-Identifier: MIT */
/* element_eval.c: values of element-wise operations.
 *
 * i32 wraps around. A division by zero gives 0 in i32, and its remainder x. */
#include "ops.h"

#include <math.h>
#include <string.h>

static double wrap(DType dt, double exact)
{
    return dt == DT_I32 ? wrap_i32(exact) : exact;
}

/* i32 products need 62 bits: more than a double holds. */
static double product(DType dt, double x, double y)
{
    return dt == DT_I32 ? (double)(int32_t)(uint32_t)((int64_t)x * (int64_t)y) : x * y;
}

static double quotient(DType dt, double x, double y)
{
    if (dt != DT_I32)
        return x / y;
    return y == 0 ? 0 : wrap(dt, floor(x / y));
}

static double remainder_of(DType dt, double x, double y)
{
    if (dt == DT_I32 && y == 0)
        return x;
    return x - y * floor(x / y);
}

static double greater(double x, double y)
{
    return x > y || x != x ? x : y;
}

static double smaller(double x, double y)
{
    return x < y || x != x ? x : y;
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

EVAL1(neg, dt == DT_I32 ? wrap(dt, 0 - x) : -x)
EVAL1(abs, wrap(dt, fabs(x)))
EVAL1(exp, exp(x))
EVAL1(expm1, expm1(x))
EVAL1(log, log(x))
EVAL1(log1p, log1p(x))
EVAL1(sqrt, sqrt(x))
EVAL1(rsqrt, 1 / sqrt(x))
EVAL1(sin, sin(x))
EVAL1(cos, cos(x))
EVAL1(tanh, tanh(x))
EVAL1(sigmoid, 1 / (1 + exp(-x)))
EVAL1(erf, erf(x))
EVAL1(floor, floor(x))
EVAL1(not, x == 0)
EVAL1(cast, dtype_convert(x, n->in[0]->type.dt, dt))

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

EVAL2(add, wrap(dt, x + y))
EVAL2(sub, wrap(dt, x - y))
EVAL2(mul, product(dt, x, y))
EVAL2(div, quotient(dt, x, y))
EVAL2(rem, remainder_of(dt, x, y))
EVAL2(pow, pow(x, y))
EVAL2(max2, greater(x, y))
EVAL2(min2, smaller(x, y))
EVAL2(eq, x == y)
EVAL2(lt, x < y)
EVAL2(le, x <= y)
EVAL2(and, x != 0 && y != 0)
EVAL2(or, x != 0 || y != 0)

void eval_select(EvalCtx *e, const Node *n)
{
    const double *c = eval_in(e, n, 0), *x = eval_in(e, n, 1), *y = eval_in(e, n, 2);
    double *z = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++)
        z[i] = c[i] != 0 ? x[i] : y[i];
}

/* The same elements in the same order: stop_gradient, reshape. */
void eval_copy(EvalCtx *e, const Node *n)
{
    memcpy(eval_out(e, n), eval_in(e, n, 0), sizeof(double) * (size_t)type_count(n->type));
}
