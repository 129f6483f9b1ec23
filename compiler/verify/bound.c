/* SPDX-License-Identifier: MIT */
/* bound.c: values with their errors, node by node. */
#include "bound.h"

#include <float.h>
#include <math.h>
#include <string.h>

void bounded_prepare(Bounded *b, Arena *a, const Fn *fn)
{
    int n = fn->node.n + 1;
    *b = (Bounded){.e = {.a = a, .fn = fn, .precision = PRECISION_F64}};
    b->e.value = NEWN(a, Value, n);
    b->e.tuple = NEWN(a, Value *, n);
    b->e.kept = NEWN(a, void *, n);
    b->error = NEWN(a, double *, n);
    b->room = NEWN(a, double *, n);
    b->body = NEWN(a, Bounded *, n);
    for (int id = 0; id < fn->node.n; id++)
        b->e.value[id].type = fn->node.at[id]->type;
}

/* ---- rounding -------------------------------------------------------------------------------------- */
/* Units of 2^-24 of the result by which an element-wise operation on f32 may be off: what C rounds itself,
 * and functions of the runtime, which are off by less than 4 units in the last place (docs/accuracy.md), but
 * for those that only choose. */
static double rounding(Op op)
{
    const char *c = op_info(op)->c;
    if (!c || op == OP_ABS || op == OP_FLOOR)
        return 0;
    return !strncmp(c, "dl_", 3) ? 8 : *c == '/' ? 2 : 1;
}

/* Relative to the sum of the terms' magnitudes; the first 2 are the term's own product and its store. */
static double of_sum(int64_t terms)
{
    double n = (double)terms;
    return float_unit() * (2 + fmin(n, 8 * sqrt(n)));
}

static int64_t terms(const Node *n)
{
    int64_t count = 1;
    switch (n->op) {
    case OP_DOT:
        for (int i = 0; i < n->attr.dot.ncontract; i++)
            count *= n->in[0]->type.dim[n->attr.dot.lhs_contract[i]];
        return count;
    case OP_CONV:
        for (int i = 0; i <= n->attr.conv.nspatial; i++)
            count *= n->in[1]->type.dim[i];
        return count;
    case OP_FOLD:
        return n->in[0]->type.dim[n->attr.window.axis + 1];
    case OP_SCATTER:
        return type_count(n->in[0]->type);
    default:
        return type_count(n->in[0]->type) / type_count(n->type);
    }
}

/* ---- trying operands ------------------------------------------------------------------------------- */
static double *spare(Bounded *b, int which, int64_t count)
{
    if (count > b->spare_count) {
        b->spare_count = count;
        memset(b->spare, 0, sizeof b->spare);
    }
    if (!b->spare[which])
        b->spare[which] = NEWN(b->e.a, double, b->spare_count);
    return b->spare[which];
}

/* n computed into `out` from these operands instead of its own (NULL: its own). */
static void try_operands(Bounded *b, const Node *n, double *const *in, double *out)
{
    double *old[4], *old_out = b->e.value[n->id].at;
    if (n->nin > LEN(old))
        BUG("%s has %d operands", op_info(n->op)->text, n->nin);
    for (int i = 0; i < n->nin; i++)
        old[i] = b->e.value[n->in[i]->id].at;
    for (int i = 0; i < n->nin; i++)
        if (in[i])
            b->e.value[n->in[i]->id].at = in[i];
    b->e.value[n->id].at = out;
    op_info(n->op)->eval(&b->e, n);
    for (int i = 0; i < n->nin; i++)
        b->e.value[n->in[i]->id].at = old[i];
    b->e.value[n->id].at = old_out;
}

static int64_t largest_count(const Node *n)
{
    int64_t most = type_count(n->type);
    for (int i = 0; i < n->nin; i++)
        most = type_count(n->in[i]->type) > most ? type_count(n->in[i]->type) : most;
    return most;
}

/* The operand at one end of where it may lie, or NULL where it is exact. */
static double *at_end(Bounded *b, const Node *n, int i, bool high)
{
    const double *x = eval_in(&b->e, n, i), *error = b->error[n->in[i]->id];
    if (!error)
        return NULL;
    double *to = spare(b, i, largest_count(n));
    for (int64_t k = 0; k < type_count(n->in[i]->type); k++)
        to[k] = high ? x[k] + error[k] : x[k] - error[k];
    return to;
}

static void widen(double *error, const double *value, const double *tried, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double off = fabs(tried[i] - value[i]);
        if (tried[i] == value[i])
            off = 0;
        error[i] = off <= error[i] ? error[i] : isnan(off) ? INFINITY : off;
    }
}

/* All combinations of the operands' ends: right for what is monotone in each operand. */
static void through_ends(Bounded *b, const Node *n, double *error)
{
    int64_t count = type_count(n->type);
    double *out = spare(b, 4, largest_count(n));
    for (int ends = 0; ends < 1 << n->nin; ends++) {
        double *in[4] = {0};
        bool new = true;
        for (int i = 0; i < n->nin; i++) {
            bool high = ends >> i & 1;
            for (int k = 0; k < i; k++) /* the same operand twice lies at one place */
                new &= n->in[k] != n->in[i] || (ends >> k & 1) == high;
            new &= !high || b->error[n->in[i]->id];
        }
        for (int i = 0; new &&i < n->nin; i++)
            in[i] = at_end(b, n, i, ends >> i & 1);
        if (!new)
            continue;
        try_operands(b, n, in, out);
        widen(error, eval_out(&b->e, n), out, count);
    }
}

/* ---- one class of operations each ------------------------------------------------------------------ */
static double *or_zeros(Bounded *b, const Node *n, int i, int which)
{
    const double *error = b->error[n->in[i]->id];
    int64_t count = type_count(n->in[i]->type);
    double *to = spare(b, which, largest_count(n));
    if (error)
        memcpy(to, error, sizeof *to * (size_t)count);
    else
        memset(to, 0, sizeof *to * (size_t)count);
    return to;
}

/* Errors move as values do; what padding puts in is exact. */
static void move_errors(Bounded *b, const Node *n, double *error)
{
    Node moved = *n;
    if (n->op == OP_PAD)
        moved.attr.pad.value = 0;
    if (n->op == OP_CONCAT) { /* any number of operands */
        double **old = NEWN(b->e.a, double *, n->nin), *old_out = b->e.value[n->id].at;
        int64_t most = largest_count(n);
        double *zeros = NEWN(b->e.a, double, most);
        for (int i = 0; i < n->nin; i++)
            old[i] = b->e.value[n->in[i]->id].at;
        for (int i = 0; i < n->nin; i++)
            b->e.value[n->in[i]->id].at = b->error[n->in[i]->id] ? b->error[n->in[i]->id] : zeros;
        b->e.value[n->id].at = error;
        op_info(n->op)->eval(&b->e, n);
        for (int i = 0; i < n->nin; i++)
            b->e.value[n->in[i]->id].at = old[i];
        b->e.value[n->id].at = old_out;
        return;
    }
    double *in[4] = {or_zeros(b, n, 0, 0)};
    try_operands(b, &moved, in, error);
    const double *index = n->op == OP_GATHER ? b->error[n->in[1]->id] : NULL;
    int64_t row = index ? type_count(n->type) / type_count(n->in[1]->type) : 1;
    for (int64_t i = 0; index && i < type_count(n->type); i++)
        if (index[i / row] > 0)
            error[i] = INFINITY;
}

static double *magnitudes(Bounded *b, const Node *n, int i, int which)
{
    const double *x = eval_in(&b->e, n, i);
    double *to = spare(b, which, largest_count(n));
    for (int64_t k = 0; k < type_count(n->in[i]->type); k++)
        to[k] = fabs(x[k]);
    return to;
}

/* Sums: of the operand's errors, and of rounding. */
static void sum_errors(Bounded *b, const Node *n, double *error)
{
    int at = n->op == OP_SCATTER; /* which operand is added up */
    double factor = of_sum(terms(n));
    double *in[4] = {0}, *size = magnitudes(b, n, at, 0);
    const double *own = b->error[n->in[at]->id];
    bool rounds = n->type.dt == DT_F32;
    for (int64_t k = 0; k < type_count(n->in[at]->type); k++)
        size[k] = (rounds ? factor * size[k] : 0) + (own ? own[k] : 0);
    in[at] = size;
    try_operands(b, n, in, error);
    if (at && b->error[n->in[0]->id])
        for (int64_t i = 0; i < type_count(n->type); i++)
            error[i] = INFINITY;
}

/* A product of one operand with itself: Σ (|x| + ex)² - Σ |x|², and rounding. */
static void square_errors(Bounded *b, const Node *n, double *error)
{
    const double *ex = b->error[n->in[0]->id];
    double *x = magnitudes(b, n, 0, 0), *out = spare(b, 4, largest_count(n)), *in[4] = {x, x};
    try_operands(b, n, in, out);
    for (int64_t i = 0; i < type_count(n->type); i++)
        error[i] = of_sum(terms(n)) * out[i] - (ex ? out[i] : 0);
    if (!ex)
        return;
    for (int64_t k = 0; k < type_count(n->in[0]->type); k++)
        x[k] += ex[k];
    try_operands(b, n, in, out);
    for (int64_t i = 0; i < type_count(n->type); i++)
        error[i] += out[i];
}

/* Products: Σ |x|·(f·|y| + ey) + ex·|y|. */
static void product_errors(Bounded *b, const Node *n, double *error)
{
    double factor = of_sum(terms(n));
    if (n->in[0] == n->in[1]) {
        square_errors(b, n, error);
        return;
    }
    double *x = magnitudes(b, n, 0, 0), *y = magnitudes(b, n, 1, 1), *out = spare(b, 4, largest_count(n));
    const double *ex = b->error[n->in[0]->id], *ey = b->error[n->in[1]->id];
    if (ex) {
        double *in[4] = {(double *)ex, y};
        try_operands(b, n, in, out);
        memcpy(error, out, sizeof *error * (size_t)type_count(n->type));
    }
    for (int64_t k = 0; k < type_count(n->in[1]->type); k++)
        y[k] = factor * y[k] + (ey ? ey[k] : 0);
    double *in[4] = {x, y};
    try_operands(b, n, in, out);
    for (int64_t i = 0; i < type_count(n->type); i++)
        error[i] += out[i];
}

/* The result's element that element `at` of the operand is reduced to. */
static int64_t kept_element(const Node *n, int64_t at)
{
    Type t = n->in[0]->type;
    int64_t index[MAX_RANK], to = 0;
    for (int i = t.rank - 1; i >= 0; i--) {
        index[i] = at % t.dim[i];
        at /= t.dim[i];
    }
    for (int i = 0, r = 0; i < t.rank; i++) {
        if (r < n->attr.axes.n && n->attr.axes.axis[r] == i)
            r++;
        else
            to = to * t.dim[i] + index[i];
    }
    return to;
}

/* Undecided where a second element may be as large as the largest. */
static void argmax_errors(Bounded *b, const Node *n, double *error)
{
    int64_t count = type_count(n->in[0]->type), nout = type_count(n->type);
    const double *x = eval_in(&b->e, n, 0), *ex = b->error[n->in[0]->id];
    double *least = spare(b, 0, largest_count(n)), *rivals = spare(b, 1, largest_count(n));
    for (int64_t i = 0; i < nout; i++) {
        least[i] = -INFINITY;
        rivals[i] = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t to = kept_element(n, i);
        least[to] = fmax(least[to], x[i] - ex[i]);
    }
    for (int64_t i = 0; i < count; i++)
        rivals[kept_element(n, i)] += !(x[i] + ex[i] < least[kept_element(n, i)]);
    for (int64_t i = 0; i < nout; i++)
        error[i] = rivals[i] > 1 ? INFINITY : 0;
}

/* Equality, and "is it zero": no end need show that the middle differs. */
static void equality_errors(Bounded *b, const Node *n, double *error)
{
    for (int64_t k = 0; k < type_count(n->type); k++) {
        double off = 0, apart = eval_in(&b->e, n, 0)[k] - (n->nin > 1 ? eval_in(&b->e, n, 1)[k] : 0);
        for (int i = 0; i < n->nin; i++)
            off += b->error[n->in[i]->id] ? b->error[n->in[i]->id][k] : 0;
        error[k] = off > 0 && !(fabs(apart) > off);
    }
}

/* Unknown is what comes of the unknown, NaN perhaps; and quotients and powers, where the divisor, or the
 * base, may be 0: the ends need not show either. */
static void at_poles(Bounded *b, const Node *n, double *error)
{
    int at = n->op == OP_POW ? 0 : 1; /* whose 0 it is */
    bool poles = n->op == OP_DIV || n->op == OP_REM || n->op == OP_POW;
    for (int64_t i = 0; i < type_count(n->type); i++) {
        for (int k = 0; k < n->nin; k++)
            if (b->error[n->in[k]->id] && isinf(b->error[n->in[k]->id][i]))
                error[i] = INFINITY;
        const double *off = poles ? b->error[n->in[at]->id] : NULL;
        if (off && off[i] > 0 && fabs(eval_in(&b->e, n, at)[i]) <= off[i] &&
            (n->op != OP_POW || eval_in(&b->e, n, 1)[i] < 1))
            error[i] = INFINITY;
    }
}

/* Sine and cosine have their largest values between the ends; but they change no faster than their operand,
 * and by 2 at the most. */
static void over_waves(Bounded *b, const Node *n, double *error)
{
    const double *off = b->error[n->in[0]->id];
    for (int64_t i = 0; i < type_count(n->type); i++)
        error[i] = fmin(off[i], 2);
}

/* x - y·floor(x / y): roundings of x's size, and a step of y where the quotient is near a whole number. */
static void remainder_errors(Bounded *b, const Node *n, double *error)
{
    const double *x = eval_in(&b->e, n, 0), *y = eval_in(&b->e, n, 1), *r = eval_out(&b->e, n);
    for (int64_t i = 0; i < type_count(n->type); i++) {
        error[i] += 4 * float_unit() * (fabs(x[i]) + fabs(y[i]));
        if (fabs(r[i]) <= error[i] || fabs(y[i] - r[i]) <= error[i])
            error[i] = INFINITY;
    }
}

/* Where float overflows on the way, nothing is known of what comes behind. `factor`: of errors that stand for
 * a sum's size. */
static void past_range(const Node *n, const double *y, double factor, double *error)
{
    for (int64_t i = 0; i < type_count(n->type); i++)
        if (isfinite(y[i]) &&
            (fabs(y[i]) + error[i] > FLT_MAX || (factor > 0 && error[i] > factor * FLT_MAX)))
            error[i] = INFINITY;
}

static void add_rounding(const Node *n, const double *y, double *error)
{
    const double smallest = 1e-44; /* some units of the smallest numbers */
    const double units = rounding(n->op) * float_unit();
    const double products = op_info(n->op)->class == CLASS_CONTRACT ? (double)terms(n) : 0;
    for (int64_t i = 0; i < type_count(n->type); i++) {
        if (n->op == OP_CAST)
            error[i] += fabs((double)(float)y[i] - y[i]);
        else if (units > 0 && !isinf(y[i]) && !isnan(y[i]))
            error[i] += units * fabs(y[i]) + smallest;
        else if (error[i] > 0) /* not where all factors are 0 */
            error[i] += products * smallest;
    }
}

static bool all_zero(const double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(x[i] == 0))
            return false;
    return true;
}

static bool adds_up(const Node *n)
{
    return n->op == OP_SUM || n->op == OP_FOLD || n->op == OP_SCATTER;
}

bool bounded_node(Bounded *b, const Node *n)
{
    int64_t count = type_count(n->type);
    OpClass class = op_info(n->op)->class;
    Value *v = &b->e.value[n->id];
    if (!v->at)
        *v = value_new(b->e.a, n->type);
    b->e.why = NULL;
    b->error[n->id] = NULL;
    op_info(n->op)->eval(&b->e, n);
    if (b->e.why)
        return false;
    bool exact = true, sums = adds_up(n);
    for (int i = 0; i < n->nin; i++)
        exact &= !b->error[n->in[i]->id];
    bool rounds =
        n->type.dt == DT_F32 && (rounding(n->op) > 0 || n->op == OP_CAST || sums || class == CLASS_CONTRACT);
    if ((exact && !rounds) || class == CLASS_LEAF)
        return true;
    if (!b->room[n->id])
        b->room[n->id] = NEWN(b->e.a, double, count);
    double *error = b->room[n->id];
    memset(error, 0, sizeof *error * (size_t)count);
    if (class == CLASS_CONTRACT)
        product_errors(b, n, error);
    else if (sums)
        sum_errors(b, n, error);
    else if (class == CLASS_MOVE || n->op == OP_GATHER || n->op == OP_CHECK || n->op == OP_STOP)
        move_errors(b, n, error);
    else if (exact)
        ;
    else if (n->op == OP_ARGMAX)
        argmax_errors(b, n, error);
    else if (n->op == OP_EQ || (n->op == OP_CAST && n->type.dt == DT_BOOL))
        equality_errors(b, n, error);
    else
        through_ends(b, n, error);
    if (!exact && (n->op == OP_SIN || n->op == OP_COS))
        over_waves(b, n, error);
    if (!exact && class == CLASS_ELEMENT && n->type.dt == DT_F32 && n->op != OP_SELECT && n->op != OP_STOP)
        at_poles(b, n, error);
    if (n->type.dt == DT_F32) {
        if (n->op == OP_REM)
            remainder_errors(b, n, error);
        add_rounding(n, v->at, error);
        past_range(n, v->at, sums || class == CLASS_CONTRACT ? of_sum(terms(n)) : 0, error);
    }
    b->e.why = NULL;
    if (!all_zero(error, count))
        b->error[n->id] = error;
    return true;
}

/* ---- whole functions, with chance instead of bounds -------------------------------------------------- */
/* What rounds by itself keeps its sign, and 0 is 0; sums may come to lie on the other side. */
static void move_by_chance(Bounded *b, const Node *n)
{
    double *error = b->error[n->id], *value = eval_out(&b->e, n);
    const bool signs = op_info(n->op)->class == CLASS_ELEMENT;
    for (int64_t i = 0; b->chance && error && i < type_count(n->type); i++) {
        const double moved = value[i] + error[i] * random_range(b->chance, -1, 1);
        value[i] = signs && isfinite(error[i]) && moved * value[i] <= 0 ? 0 : moved;
    }
    b->error[n->id] = NULL;
}

static Bounded *body_of(Bounded *b, const Node *n)
{
    const Fn *body = n->attr.scan.body;
    if (b->body[n->id])
        return b->body[n->id];
    Value *tuple = NEWN(b->e.a, Value, 2 * body->result.n + 1); /* and room for the next carries */
    for (int i = 0; i < body->result.n; i++) {
        Type t = body->result.at[i].node->type;
        tuple[i] = value_new(b->e.a, i < n->attr.scan.ncarry ? t : type_insert(t, 0, n->attr.scan.length));
        tuple[body->result.n + i] = value_new(b->e.a, t);
    }
    b->e.tuple[n->id] = tuple;
    b->body[n->id] = NEW(b->e.a, Bounded);
    bounded_prepare(b->body[n->id], b->e.a, body);
    return b->body[n->id];
}

static void copy_value(double *to, const Value *from)
{
    memcpy(to, from->at, sizeof *to * (size_t)type_count(from->type));
}

static bool scan_step(Bounded *b, const Node *n, Value *in, int64_t t)
{
    Bounded *inner = b->body[n->id];
    const Fn *body = n->attr.scan.body;
    Value *tuple = b->e.tuple[n->id];
    int ncarry = n->attr.scan.ncarry, nresult = body->result.n;
    for (int i = 0; i < n->nin; i++) {
        Type type = body->input.at[i].node->type;
        bool slice = i >= ncarry && i < ncarry + n->attr.scan.nslice;
        double *whole = i < ncarry ? tuple[i].at : b->e.value[n->in[i]->id].at;
        in[i] = (Value){type, whole + (slice ? t * type_count(type) : 0)};
    }
    if (!run_by_chance(inner, in, b->chance)) {
        b->e.why = inner->e.why;
        return false;
    }
    for (int i = 0; i < nresult; i++) /* all are read before one is written */
        copy_value(tuple[nresult + i].at, &inner->e.value[body->result.at[i].node->id]);
    for (int i = 0; i < nresult; i++)
        copy_value(tuple[i].at + (i < ncarry ? 0 : t * type_count(tuple[nresult + i].type)),
                   &tuple[nresult + i]);
    return true;
}

static bool run_scan(Bounded *b, const Node *n)
{
    int64_t length = n->attr.scan.length;
    Value *in = NEWN(b->e.a, Value, n->nin + 1);
    body_of(b, n);
    for (int i = 0; i < n->attr.scan.ncarry; i++)
        copy_value(b->e.tuple[n->id][i].at, &b->e.value[n->in[i]->id]);
    for (int64_t step = 0; step < length; step++)
        if (!scan_step(b, n, in, n->attr.scan.reverse ? length - 1 - step : step))
            return false;
    return true;
}

/* n from its operands, whatever it is. */
static bool run_node(Bounded *b, const Node *n)
{
    if (n->op == OP_RESULT)
        b->e.value[n->id] = b->e.tuple[n->in[0]->id][n->attr.index.index];
    if (n->op == OP_INPUT || n->op == OP_RESULT)
        return true;
    return n->op == OP_SCAN ? run_scan(b, n) : bounded_node(b, n);
}

static void run_begin(Bounded *b, const Value *in, Random *chance)
{
    const Fn *fn = b->e.fn;
    b->e.why = NULL;
    b->chance = chance;
    for (int i = 0; i < fn->input.n; i++)
        b->e.value[fn->input.at[i].node->id] = in[i];
}

bool run_by_chance(Bounded *b, const Value *in, Random *chance)
{
    const Fn *fn = b->e.fn;
    run_begin(b, in, chance);
    for (int id = 0; id < fn->node.n; id++) {
        if (!run_node(b, fn->node.at[id]))
            return false;
        move_by_chance(b, fn->node.at[id]);
    }
    return true;
}

/* ---- whole functions, with both ----------------------------------------------------------------------- */
double apart(double x, double y)
{
    double d = fabs(x - y);
    return x == y || (isnan(x) && isnan(y)) ? 0 : isnan(d) ? INFINITY : d;
}

static void take_chances(Bounded *b, const Node *n, const Bounded *chance, int nchance, double margin)
{
    const double *exact = b->e.value[n->id].at;
    if (!b->room[n->id])
        b->room[n->id] = NEWN(b->e.a, double, type_count(n->type));
    double *error = b->error[n->id] = b->room[n->id];
    for (int64_t i = 0; i < type_count(n->type); i++) {
        error[i] = 0;
        for (int k = 0; k < nchance; k++)
            error[i] = fmax(error[i], margin * apart(chance[k].e.value[n->id].at[i], exact[i]));
    }
}

bool run_by_ends(Bounded *b, const Value *in, const Bounded *chance, int nchance, double margin)
{
    const Fn *fn = b->e.fn;
    run_begin(b, in, NULL);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (!run_node(b, n))
            return false;
        if (n->op == OP_RESULT || adds_up(n) || op_info(n->op)->class == CLASS_CONTRACT)
            take_chances(b, n, chance, nchance, margin);
    }
    return true;
}
