/* SPDX-License-Identifier: MIT */
/* bound.c: interval-like interpretation: each element's value, and how far off compiled code may legitimately
 * be.
 *
 * The value is the interpreter's, in double. The error follows from the operands' errors and from the
 * operation's own roundings, after the standard model fl(x op y) = (x op y)(1 + d), |d| <= u = 2^-24 (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2.2); n additions in any order, contracted or not, are off
 * by at most about n u sum|x| (4.2). Two refinements make most comparisons sharp:
 *
 *   - what a float holds exactly is not rounded: sums of multiples of 2^k are exact while the sum of their
 * sizes stays below 2^24 2^k;
 *   - an error of infinity says "anything": where a comparison, a truncation or a position hangs on
 * roundings, beyond a pole, or where numbers overflow. It spreads to what is computed from it, and is
 * counted, so that one sees how much was not compared.
 *
 * Integers and booleans are right or unknown. The sign of a zero is not fixed: what depends on it is unknown.
 */
#include "graphs.h"
#include "compiler/ops/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROUND 0x1p-24
#define TINY  0x1p-149

/* ---- what must be known of element-wise operations ----------------------------------------------- */
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

/* ---- one function's evaluation ------------------------------------------------------------------- */
typedef struct Run Run;
struct Run {
    Arena *a;
    EvalCtx e;       /* values */
    double **error;  /* by node id */
    Run **body;      /* by node id of a scan */
    double ***tuple; /* by node id of a scan: its results' errors */
    Outcome outcome;
    double *scratch[8]; /* by use, grown as needed */
    int64_t room[8];
};

static double *scratch(Run *r, int use, int64_t n)
{
    if (r->room[use] < n) {
        r->scratch[use] = NEWN(r->a, double, n);
        r->room[use] = n;
    }
    return r->scratch[use];
}

static void run_prepare(Run *r, Arena *a, const Fn *fn)
{
    *r = (Run){.a = a};
    eval_prepare(&r->e, a, fn, PRECISION_F64);
    r->error = NEWN(a, double *, fn->node.n + 1);
    r->body = NEWN(a, Run *, fn->node.n + 1);
    r->tuple = NEWN(a, double **, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op != OP_SCAN)
            r->error[id] = NEWN(a, double, type_count(fn->node.at[id]->type));
}

/* The operation upon other numbers than its operands' own; pads give `padding`. */
static void evaluate(Run *r, const Node *n, const double *const *in, double padding, double *out)
{
    Node leaf[8], **operand = NULL, *few[8], copy = *n;
    Value few_values[9], *value = few_values;
    operand = few;
    Node *leaves = leaf;
    if (n->nin > LEN(leaf)) {
        leaves = NEWN(r->a, Node, n->nin);
        operand = NEWN(r->a, Node *, n->nin);
        value = NEWN(r->a, Value, n->nin + 1);
    }
    for (int i = 0; i < n->nin; i++) {
        leaves[i] = *n->in[i];
        leaves[i].id = i;
        operand[i] = &leaves[i];
        value[i] = (Value){n->in[i]->type, (double *)in[i]};
    }
    copy.id = n->nin;
    copy.in = operand;
    if (n->op == OP_PAD)
        copy.attr.pad.value = padding;
    value[n->nin] = (Value){n->type, out};
    void *few_kept[9] = {0}, **kept = n->nin < LEN(few_kept) ? few_kept : NEWN(r->a, void *, n->nin + 1);
    kept[n->nin] = r->e.kept[n->id];
    EvalCtx e = {.a = r->a, .fn = r->e.fn, .precision = PRECISION_F64, .value = value, .kept = kept};
    op_info(n->op)->eval(&e, &copy);
    r->e.kept[n->id] = kept[n->nin];
}

static const double *value_in(const Run *r, const Node *n, int i)
{
    return r->e.value[n->in[i]->id].at;
}

static const double *error_in(const Run *r, const Node *n, int i)
{
    return r->error[n->in[i]->id];
}

static double largest_error(const Run *r, const Node *x)
{
    double most = 0;
    for (int64_t i = 0, n = type_count(x->type); i < n; i++)
        most = r->error[x->id][i] > most ? r->error[x->id][i] : most;
    return most;
}

/* The largest power of two of which every finite element that is sure is a multiple. */
static double grain(const Run *r, const Node *x)
{
    int least = 2000;
    const double *value = r->e.value[x->id].at, *error = r->error[x->id];
    for (int64_t i = 0, n = type_count(x->type); i < n; i++) {
        if (error[i] || !isfinite(value[i]) || value[i] == 0)
            continue;
        int exponent;
        int64_t significand = (int64_t)ldexp(frexp(value[i], &exponent), 53);
        int low = exponent - 53 + __builtin_ctzll((uint64_t)significand);
        least = low < least ? low : least;
    }
    return least == 2000 ? 1 : ldexp(1, least);
}

/* ---- element-wise -------------------------------------------------------------------------------- */
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

static void bound_element(Run *r, const Node *n)
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

/* ---- sums ---------------------------------------------------------------------------------------- */
static double finite_size(double x)
{
    return isfinite(x) ? fabs(x) : 0;
}

/* Operations that add elements of operand `of` up: sum, fold, scatter_add. */
static void bound_sum(Run *r, const Node *n, int of)
{
    const Node *x = n->in[of];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *size = scratch(r, 0, count), *one = scratch(r, 1, count), *unsure = scratch(r, 4, count);
    double *sizes = scratch(r, 2, results), *terms = scratch(r, 3, results), *carried = r->error[n->id];
    const double *in[2] = {value_in(r, n, 0), n->nin > 1 ? value_in(r, n, 1) : NULL},
                 *value = eval_out(&r->e, n);
    for (int64_t i = 0; i < count; i++) {
        size[i] = finite_size(in[of][i]) + error_in(r, n, of)[i];
        one[i] = 1;
        unsure[i] = error_in(r, n, of)[i] > 0;
    }
    const double *original = in[of];
    if (x->type.dt != DT_F32) { /* exact, or unknown: errors cannot be added up where sums wrap around */
        in[of] = unsure, evaluate(r, n, in, 0, carried);
        for (int64_t i = 0; i < results; i++)
            carried[i] = carried[i] > 0 ? INFINITY : 0;
        return;
    }
    in[of] = error_in(r, n, of), evaluate(r, n, in, 0, carried);
    in[of] = size, evaluate(r, n, in, 0, sizes);
    in[of] = one, evaluate(r, n, in, 0, terms);
    in[of] = original;
    double step = grain(r, x);
    for (int64_t i = 0; i < results; i++) {
        bool exact = carried[i] == 0 && (terms[i] <= 1 || sizes[i] <= 0x1p24 * step);
        if (!isfinite(value[i]))
            carried[i] =
                isfinite(carried[i]) && (isnan(value[i]) || sizes[i] < 0.99 * FLT_MAX) ? 0 : INFINITY;
        else if (sizes[i] > 0.99 * FLT_MAX && terms[i] > 1)
            carried[i] = INFINITY;
        else if (!exact)
            carried[i] += 1.01 * terms[i] * (ROUND * sizes[i] + TINY);
    }
}

/* ---- products ------------------------------------------------------------------------------------ */
static double terms_of(const Node *n)
{
    double terms = 1;
    Type kernel = n->in[1]->type;
    if (n->op == OP_DOT)
        for (int i = 0; i < n->attr.dot.ncontract; i++)
            terms *= (double)n->in[0]->type.dim[n->attr.dot.lhs_contract[i]];
    else
        terms = (double)type_count(kernel) / (double)kernel.dim[kernel.rank - 1];
    return terms;
}

static void bound_product(Run *r, const Node *n)
{
    int64_t results = type_count(n->type);
    double *size[2], *far[2];
    for (int k = 0; k < 2; k++) {
        int64_t count = type_count(n->in[k]->type);
        size[k] = scratch(r, 2 * k, count), far[k] = scratch(r, 2 * k + 1, count);
        for (int64_t i = 0; i < count; i++) {
            size[k][i] = finite_size(value_in(r, n, k)[i]);
            far[k][i] = size[k][i] + error_in(r, n, k)[i];
        }
    }
    double *sizes = scratch(r, 4, results), *error = r->error[n->id], terms = terms_of(n);
    bool sure = largest_error(r, n->in[0]) == 0 && largest_error(r, n->in[1]) == 0;
    const double *value = eval_out(&r->e, n);
    evaluate(r, n, (const double *[]){size[0], size[1]}, 0, sizes);
    evaluate(r, n, (const double *[]){far[0], far[1]}, 0, error);
    double step = grain(r, n->in[0]) * grain(r, n->in[1]);
    for (int64_t i = 0; i < results; i++) {
        double carried = error[i] - sizes[i], most = error[i];
        error[i] = sure ? 0 : carried + 1e-15 * most;
        if (!isfinite(value[i]))
            error[i] = sure && (isnan(value[i]) || most < 0.99 * FLT_MAX) ? 0 : INFINITY;
        else if (most > 0.99 * FLT_MAX || isnan(carried))
            error[i] = INFINITY;
        else if (!sure || most > 0x1p24 * step || step < TINY)
            error[i] += 1.01 * (terms + 1) * (ROUND * most + TINY);
    }
}

/* ---- the largest --------------------------------------------------------------------------------- */
static void bound_max(Run *r, const Node *n)
{
    const Node *x = n->in[0];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *up = scratch(r, 0, count), *down = scratch(r, 1, count), *high = scratch(r, 2, results),
           *low = scratch(r, 3, results);
    for (int64_t i = 0; i < count; i++) {
        up[i] = value_in(r, n, 0)[i] + error_in(r, n, 0)[i];
        down[i] = value_in(r, n, 0)[i] - error_in(r, n, 0)[i];
    }
    evaluate(r, n, (const double *[]){up}, 0, high);
    evaluate(r, n, (const double *[]){down}, 0, low);
    bool sure = largest_error(r, x) < INFINITY;
    for (int64_t i = 0; i < results; i++) {
        double value = eval_out(&r->e, n)[i];
        if (isnan(value) || isinf(value))
            r->error[n->id][i] = sure ? 0 : INFINITY;
        else
            r->error[n->id][i] = isnan(high[i] - low[i]) ? INFINITY : fmax(high[i] - value, value - low[i]);
    }
}

/* Sure where no other element comes near the largest: pushing every element up but the chosen one, and that
 * down, must not change the position. Done by element of the operand: it belongs to the result whose position
 * it may be. */
static void bound_argmax(Run *r, const Node *n)
{
    const Node *x = n->in[0];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *error = r->error[n->id];
    memset(error, 0, sizeof *error * (size_t)results);
    if (largest_error(r, x) == 0)
        return;
    double *moved_values = scratch(r, 0, count), *position = scratch(r, 1, results),
           *owner = scratch(r, 2, count), *rank = scratch(r, 3, count);
    /* owner and place of each element: by walking the operand's indices */
    Type t = x->type;
    int64_t at[MAX_RANK] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t result = 0, place = 0;
        for (int k = 0, next = 0; k < t.rank; k++) {
            bool reduced = next < n->attr.axes.n && n->attr.axes.axis[next] == k;
            next += reduced;
            int64_t *into = reduced ? &place : &result;
            *into = *into * t.dim[k] + at[k];
        }
        owner[i] = (double)result;
        rank[i] = (double)place;
        for (int k = t.rank - 1; k >= 0 && ++at[k] == t.dim[k]; k--)
            at[k] = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        bool chosen = eval_out(&r->e, n)[(int64_t)owner[i]] == rank[i];
        double value = value_in(r, n, 0)[i], off = error_in(r, n, 0)[i];
        if (isinf(off))
            error[(int64_t)owner[i]] = INFINITY;
        moved_values[i] = chosen ? value - off : value + off;
    }
    evaluate(r, n, (const double *[]){moved_values}, 0, position);
    for (int64_t i = 0; i < results; i++)
        if (position[i] != eval_out(&r->e, n)[i])
            error[i] = INFINITY;
    for (int64_t i = 0; i < count;
         i++) { /* equal after the push: the first of them is a matter of roundings */
        double chosen_value = 0, *e = &error[(int64_t)owner[i]];
        bool chosen = eval_out(&r->e, n)[(int64_t)owner[i]] == rank[i];
        if (*e || !chosen)
            continue;
        chosen_value = moved_values[i];
        for (int64_t k = 0; k < count; k++)
            if (k != i && owner[k] == owner[i] && moved_values[k] == chosen_value &&
                (error_in(r, n, 0)[k] || error_in(r, n, 0)[i]))
                *e = INFINITY;
    }
}

/* ---- indices ------------------------------------------------------------------------------------- */
static void bound_gather(Run *r, const Node *n)
{
    double *error = r->error[n->id];
    evaluate(r, n, (const double *[]){error_in(r, n, 0), value_in(r, n, 1)}, 0, error);
    int64_t count = type_count(n->in[1]->type), row = type_count(n->type) / count;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; error_in(r, n, 1)[i] && k < row; k++)
            error[i * row + k] = INFINITY;
}

static void bound_scatter(Run *r, const Node *n)
{
    bound_sum(r, n, 1);
    for (int64_t i = 0; largest_error(r, n->in[0]) > 0 && i < type_count(n->type); i++)
        r->error[n->id][i] = INFINITY;
}

/* ---- loops --------------------------------------------------------------------------------------- */
static bool run(Run *r, const Value *in, double *const *error);

static void loop_prepare(Run *r, const Node *n)
{
    const Fn *body = n->attr.scan.body;
    r->body[n->id] = NEW(r->a, Run);
    run_prepare(r->body[n->id], r->a, body);
    r->e.tuple[n->id] = NEWN(r->a, Value, body->result.n + 1);
    r->tuple[n->id] = NEWN(r->a, double *, body->result.n + 1);
    for (int i = 0; i < body->result.n; i++) {
        Type t = body->result.at[i].node->type;
        t = i < n->attr.scan.ncarry ? t : type_insert(t, 0, n->attr.scan.length);
        r->e.tuple[n->id][i] = value_new(r->a, t);
        r->tuple[n->id][i] = NEWN(r->a, double, type_count(t));
    }
}

static bool loop_step(Run *r, const Node *n, int64_t step, Value *in, double **error)
{
    const Fn *body = n->attr.scan.body;
    int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    Run *b = r->body[n->id];
    for (int i = 0; i < n->nin; i++) {
        Value operand = r->e.value[n->in[i]->id];
        double *off = r->error[n->in[i]->id];
        int64_t count = type_count(body->input.at[i].node->type);
        bool slice = i >= ncarry && i < ncarry + nslice;
        in[i] = (Value){body->input.at[i].node->type, slice ? operand.at + step * count : operand.at};
        error[i] = slice ? off + step * count : off;
        if (i < ncarry) {
            in[i].at = r->e.tuple[n->id][i].at;
            error[i] = r->tuple[n->id][i];
        }
    }
    if (!run(b, in, error)) {
        r->outcome = b->outcome;
        return false;
    }
    for (int i = 0; i < body->result.n; i++) {
        int id = body->result.at[i].node->id;
        int64_t count = type_count(b->e.value[id].type), at = i < ncarry ? 0 : step * count;
        memcpy(r->e.tuple[n->id][i].at + at, b->e.value[id].at, sizeof(double) * (size_t)count);
        memcpy(r->tuple[n->id][i] + at, b->error[id], sizeof(double) * (size_t)count);
    }
    return true;
}

static bool bound_scan(Run *r, const Node *n)
{
    int ncarry = n->attr.scan.ncarry;
    if (!r->body[n->id])
        loop_prepare(r, n);
    for (int i = 0; i < ncarry; i++) {
        size_t bytes = sizeof(double) * (size_t)type_count(n->in[i]->type);
        memcpy(r->e.tuple[n->id][i].at, value_in(r, n, i), bytes);
        memcpy(r->tuple[n->id][i], error_in(r, n, i), bytes);
    }
    Value *in = NEWN(r->a, Value, n->nin + 1);
    double **error = NEWN(r->a, double *, n->nin + 1);
    for (int64_t i = 0; i < n->attr.scan.length; i++)
        if (!loop_step(r, n, n->attr.scan.reverse ? n->attr.scan.length - 1 - i : i, in, error))
            return false;
    return true;
}

/* ---- any node ------------------------------------------------------------------------------------ */
/* Numbers whose error has become large beyond meaning, or that a float may not hold, are unknown. */
static void settle(Run *r, const Node *n)
{
    double *error = r->error[n->id];
    const double *value = eval_out(&r->e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++) {
        double size = fabs(value[i]);
        if (!(error[i] < 1e300) ||
            (error[i] && (n->type.dt != DT_F32 || !isfinite(value[i]) || size + error[i] >= FLT_MAX)) ||
            (n->type.dt == DT_F32 && isfinite(value[i]) && size > FLT_MAX))
            error[i] = INFINITY;
    }
}

static void bound_moved(Run *r, const Node *n)
{
    const double *few[16], **in = n->nin <= LEN(few) ? few : NEWN(r->a, const double *, n->nin);
    for (int i = 0; i < n->nin; i++)
        in[i] = error_in(r, n, i);
    evaluate(r, n, in, 0, r->error[n->id]);
}

static bool bound_node(Run *r, const Node *n)
{
    size_t bytes = sizeof(double) * (size_t)type_count(n->type);
    if (n->op == OP_CHECK && largest_error(r, n->in[0]) > 0) {
        r->outcome = OUTCOME_UNCLEAR;
        return false;
    }
    if (n->op == OP_SCAN)
        return bound_scan(r, n);
    op_info(n->op)->eval(&r->e, n);
    if (r->e.why) {
        r->outcome = n->op == OP_CHECK ? OUTCOME_FAILS : OUTCOME_INVALID;
        return false;
    }
    switch (n->op) {
    case OP_SUM:
    case OP_FOLD:
        bound_sum(r, n, 0);
        break;
    case OP_MAX:
        bound_max(r, n);
        break;
    case OP_ARGMAX:
        bound_argmax(r, n);
        break;
    case OP_DOT:
    case OP_CONV:
        bound_product(r, n);
        break;
    case OP_GATHER:
        bound_gather(r, n);
        break;
    case OP_SCATTER:
        bound_scatter(r, n);
        break;
    case OP_RESULT:
        memcpy(r->error[n->id], r->tuple[n->in[0]->id][n->attr.index.index], bytes);
        break;
    default:
        if (op_info(n->op)->class == CLASS_ELEMENT)
            bound_element(r, n);
        else if (op_info(n->op)->class == CLASS_MOVE || n->op == OP_CHECK)
            bound_moved(r, n);
        else /* leaves: a random number from an unknown seed is unknown */
            for (int64_t i = 0; i < type_count(n->type); i++)
                r->error[n->id][i] =
                    n->nin && largest_error(r, n->in[0]) + largest_error(r, n->in[1]) > 0 ? INFINITY : 0;
    }
    settle(r, n);
    return true;
}

static bool run(Run *r, const Value *in, double *const *error)
{
    const Fn *fn = r->e.fn;
    r->outcome = OUTCOME_FINE;
    r->e.why = NULL;
    for (int i = 0; i < fn->input.n; i++) {
        const Node *n = fn->input.at[i].node;
        size_t bytes = sizeof(double) * (size_t)type_count(n->type);
        if (!r->e.value[n->id].at)
            r->e.value[n->id] = value_new(r->a, n->type);
        memcpy(r->e.value[n->id].at, in[i].at, bytes); /* copies: a carry may become another one */
        memcpy(r->error[n->id], error[i], bytes);
    }
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op != OP_INPUT && !bound_node(r, fn->node.at[id]))
            return false;
    return true;
}

Outcome bound_interpret(Arena *a, const Fn *fn, const Value *in, Bounded *out)
{
    Run r;
    run_prepare(&r, a, fn);
    double **error = NEWN(a, double *, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        error[i] = NEWN(a, double, type_count(in[i].type));
    run(&r, in, error);
    for (int i = 0; r.outcome == OUTCOME_FINE && i < fn->result.n; i++) {
        const Node *n = fn->result.at[i].node;
        out[i] = (Bounded){n->type, r.e.value[n->id].at, r.error[n->id]};
    }
    return r.outcome;
}

bool bound_holds(const Bounded *want, int64_t i, double got)
{
    double value = want->value[i], error = want->error[i];
    if (isinf(error))
        return true;
    if (isnan(value))
        return isnan(got);
    return value == got || fabs(got - value) <= error * (1 + 1e-9);
}
