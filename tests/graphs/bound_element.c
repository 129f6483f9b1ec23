/* SPDX-License-Identifier: MIT */
/* bound_element.c: what element-wise operations do to the errors of their operands. */
#include "bound.h"

#include <float.h>
#include <math.h>

typedef struct Rule {
    Op op;
    double ulps;  /* the largest error of the compiled operation; 0.5: correctly rounded. docs/accuracy.md has
                     the measured ones */
    bool whole;   /* of whole numbers it makes whole numbers */
    int positive; /* operands that mostly should be positive, as bits */
    int pole;     /* operands at whose zero something unbounded may happen, as bits */
} Rule;

static const Rule rules[] = {
    {OP_NEG, 0, true, 0, 0},    {OP_ABS, 0, true, 0, 0},     {OP_FLOOR, 0, true, 0, 0},
    {OP_NOT, 0, true, 0, 0},    {OP_STOP, 0, true, 0, 0},    {OP_CAST, 0.5, true, 0, 0},
    {OP_ADD, 0.5, true, 0, 0},  {OP_SUB, 0.5, true, 0, 0},   {OP_MUL, 0.5, true, 0, 0},
    {OP_MAX2, 0, true, 0, 0},   {OP_MIN2, 0, true, 0, 0},    {OP_EQ, 0, true, 0, 0},
    {OP_LT, 0, true, 0, 0},     {OP_LE, 0, true, 0, 0},      {OP_AND, 0, true, 0, 0},
    {OP_OR, 0, true, 0, 0},     {OP_SELECT, 0, true, 0, 0},  {OP_DIV, 0.5, false, 2, 2},
    {OP_REM, 1, true, 2, 2},    {OP_SQRT, 0.5, false, 1, 0}, {OP_EXP, 2, false, 0, 0},
    {OP_LOG, 2, false, 1, 1},   {OP_TANH, 3, false, 0, 0},   {OP_SIGMOID, 3, false, 0, 0},
    {OP_ERF, 2, false, 0, 0},   {OP_POW, 3, false, 1, 1},    {OP_EXPM1, 3, false, 0, 0},
    {OP_LOG1P, 3, false, 1, 0}, {OP_RSQRT, 2, false, 1, 1},  {OP_SIN, 2, false, 0, 0},
    {OP_COS, 2, false, 0, 0},
};

/* Any other function of the runtime: docs/accuracy.md has none with 4 units. */
static const Rule unlisted = {OP_COUNT, 4, false, 0, -1};

static const Rule *rule_of(Op op)
{
    for (int i = 0; i < LEN(rules); i++)
        if (rules[i].op == op)
            return &rules[i];
    return &unlisted;
}

bool keeps_whole(Op op)
{
    return op_info(op)->class != CLASS_ELEMENT || rule_of(op)->whole;
}

int must_be_positive(Op op)
{
    return rule_of(op)->positive;
}

static bool is_whole(double x)
{
    return fabs(x) < 0x1p22 && x == floor(x);
}

/* How far the operation itself rounds, operands being what they are. */
static double rounding(const Node *n, const Rule *rule, double value, const double *x)
{
    if (n->type.dt != DT_F32 || !isfinite(value) || rule->ulps == 0)
        return 0;
    if (n->op == OP_REM) {
        if (is_whole(x[0]) && is_whole(x[1]))
            return 0;
        double quotient = x[0] / x[1];
        bool near = fabs(quotient - round(quotient)) <= 2 * ROUND * fabs(quotient) + TINY;
        return near ? INFINITY : 2 * ROUND * (fabs(x[0]) + fabs(x[1]));
    }
    if (rule->ulps == 0.5 && (double)(float)value == value)
        return 0;
    return rule->ulps * (2 * ROUND * fabs(value) + TINY);
}

typedef struct Element {
    double value[3], error[3];
} Element;

static double evaluate_one(Run *r, const Node *n, const double *x)
{
    Node scalar = *n, leaf[3], *in[3];
    double number[4] = {0};
    Value value[4];
    for (int i = 0; i < n->nin; i++) {
        leaf[i] = (Node){.id = i, .type = type_scalar(n->in[i]->type.dt)};
        in[i] = &leaf[i];
        number[i] = x[i];
        value[i] = (Value){leaf[i].type, &number[i]};
    }
    scalar.id = n->nin;
    scalar.type = type_scalar(n->type.dt);
    scalar.in = in;
    value[n->nin] = (Value){scalar.type, &number[n->nin]};
    EvalCtx e = {.a = r->a, .precision = PRECISION_F64, .value = value};
    op_info(n->op)->eval(&e, &scalar);
    return number[n->nin];
}

/* Does the result hang on the sign of a zero? */
static bool sign_matters(Run *r, const Node *n, const Element *x, double value)
{
    bool differs = false;
    for (int i = 0; i < n->nin; i++) {
        if (x->value[i] != 0 || n->in[i]->type.dt != DT_F32)
            continue;
        double other[3] = {x->value[0], x->value[1], x->value[2]};
        for (int sign = 0; sign < 2; sign++) {
            other[i] = sign ? -0.0 : 0.0;
            differs |= evaluate_one(r, n, other) != value;
        }
    }
    return differs;
}

/* Is floor(x / y) the same wherever the two may lie, and however the quotient is rounded? */
static bool same_quotient(const Element *x)
{
    double low = INFINITY, high = -INFINITY;
    for (int corner = 0; corner < 4; corner++) {
        double quotient = (x->value[0] + (corner & 1 ? 1 : -1) * x->error[0]) /
                          (x->value[1] + (corner & 2 ? 1 : -1) * x->error[1]);
        low = fmin(low, quotient - 2 * ROUND * fabs(quotient) - TINY);
        high = fmax(high, quotient + 2 * ROUND * fabs(quotient) + TINY);
    }
    return floor(low) == floor(high);
}

/* The largest difference where the operands move within their errors; the ends are enough for what is
 * monotone between them, and for what is smooth. */
static double moved(Run *r, const Node *n, const Rule *rule, const Element *x, double value)
{
    double most = 0, gap = fabs(x->value[0] - x->value[1]);
    for (int i = 0; i < n->nin; i++)
        if (rule->pole >> i & 1 && x->error[i] && fabs(x->value[i]) <= x->error[i])
            return INFINITY;
    if (n->op == OP_EQ && gap <= x->error[0] + x->error[1])
        return INFINITY;
    if (n->op == OP_SIN || n->op == OP_COS)
        return fmin(x->error[0], 2);
    if (n->op == OP_CAST && n->type.dt == DT_BOOL && fabs(x->value[0]) <= x->error[0])
        return INFINITY;
    if (n->op == OP_REM && !same_quotient(x))
        return INFINITY;
    int corners = n->nin == 1 ? 3 : n->nin == 2 ? 9 : 27;
    for (int corner = 0; corner < corners; corner++) {
        double at[3];
        for (int i = 0, rest = corner; i < n->nin; i++, rest /= 3)
            at[i] = x->value[i] + (rest % 3 - 1) * x->error[i];
        double apart = fabs(evaluate_one(r, n, at) - value);
        if (!(apart <= most))
            most = apart;
        if (isnan(most))
            return INFINITY;
    }
    return most;
}

static double error_of_select(const Node *n, const Element *x)
{
    if (x->error[0] == 0)
        return x->value[0] != 0 ? x->error[1] : x->error[2];
    double apart = x->value[1] == x->value[2] ? 0 : fabs(x->value[1] - x->value[2]);
    return n->type.dt == DT_F32 ? apart + fmax(x->error[1], x->error[2])
           : apart              ? INFINITY
                                : fmax(x->error[1], x->error[2]);
}

static double error_of_element(Run *r, const Node *n, const Rule *rule, const Element *x, double *value)
{
    double most = fmax(x->error[0], fmax(x->error[1], x->error[2]));
    if (n->op == OP_SELECT)
        return error_of_select(n, x);
    if (most == 0) {
        if (isinf(*value) && sign_matters(r, n, x, *value))
            return INFINITY;
        if (n->type.dt == DT_F32 && rule->ulps > 0.5 && fabs(*value) > 1.001 * FLT_MAX)
            *value = *value > 0 ? INFINITY : -INFINITY;
        return rounding(n, rule, *value, x->value);
    }
    if (isinf(most))
        return INFINITY;
    double apart = moved(r, n, rule, x, *value);
    return apart * (1 + 4 * ROUND) + rounding(n, rule, fabs(*value) + apart, x->value);
}

void bound_element(Run *r, const Node *n)
{
    const Rule *rule = rule_of(n->op);
    double *value = eval_out(&r->e, n), *error = r->error[n->id];
    for (int64_t i = 0, count = type_count(n->type); i < count; i++) {
        Element x = {{0}, {0}};
        for (int k = 0; k < n->nin; k++) {
            x.value[k] = value_in(r, n, k)[i];
            x.error[k] = error_in(r, n, k)[i];
        }
        error[i] = error_of_element(r, n, rule, &x, &value[i]);
    }
}
