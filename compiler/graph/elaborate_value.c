/* SPDX-License-Identifier: MIT */
/* elaborate_value.c: compile-time values. Integers are 64 bits and diagnosed where they overflow, floats are
 * double; a number is rounded once, where it enters a tensor. */
#include <math.h>
#include <string.h>

#include "elaborate_internal.h"

Term term_error(void) { return (Term){.kind = TERM_ERROR}; }

Term term_int(int64_t x) { return (Term){.kind = TERM_INT, .integer = x}; }

Term term_float(double x) { return (Term){.kind = TERM_FLOAT, .number = x}; }

Term term_bool(bool x) { return (Term){.kind = TERM_BOOL, .integer = x}; }

Term term_string(const char *text) { return (Term){.kind = TERM_STRING, .text = text}; }

Term term_list(const Term *item, int n)
{
    const int64_t most = INT64_MAX / 2;
    int64_t size = 1;
    for (int i = 0; i < n && size < most; i++)
        size += item[i].size < most - size ? item[i].size + 1 : most - size;
    return (Term){.kind = TERM_LIST, .item = item, .n = n, .size = size};
}

Term term_shape(Arena *a, const int64_t *dim, int rank)
{
    Term *item = NEWN(a, Term, rank + 1);
    for (int i = 0; i < rank; i++)
        item[i] = term_int(dim[i]);
    return term_list(item, rank);
}

bool is_error(Term t) { return t.kind == TERM_ERROR; }

bool is_number(Term t) { return t.kind == TERM_INT || t.kind == TERM_FLOAT; }

bool is_tensor(Term t) { return t.kind == TERM_TENSOR; }

bool is_static(Term t)
{
    if (t.kind == TERM_LIST) {
        for (int i = 0; i < t.n; i++)
            if (!is_static(t.item[i]))
                return false;
        return true;
    }
    return is_number(t) || t.kind == TERM_BOOL || t.kind == TERM_STRING || t.kind == TERM_CALLABLE ||
           t.kind == TERM_ABSENT;
}

double term_number(Term t) { return t.kind == TERM_FLOAT ? t.number : (double)t.integer; }

/* Of static values. */
static bool term_same(Term x, Term y)
{
    if (is_number(x) && is_number(y))
        return x.kind == TERM_INT && y.kind == TERM_INT ? x.integer == y.integer
                                                        : term_number(x) == term_number(y);
    if (x.kind != y.kind)
        return false;
    if (x.kind == TERM_ABSENT)
        return true;
    if (x.kind == TERM_STRING)
        return str_eq(x.text, y.text);
    if (x.kind == TERM_CALLABLE)
        return x.callable == y.callable;
    if (x.kind == TERM_BOOL)
        return x.integer == y.integer;
    if (x.kind != TERM_LIST || x.n != y.n)
        return false;
    for (int i = 0; i < x.n; i++)
        if (!term_same(x.item[i], y.item[i]))
            return false;
    return true;
}

/* ---- describing ---------------------------------------------------------------------------------------- */

/* A static value as the source would write it. */
static void put_static(StrBuf *sb, Term t)
{
    if (t.kind == TERM_INT)
        sb_printf(sb, "%lld", (long long)t.integer);
    else if (t.kind == TERM_FLOAT)
        sb_printf(sb, "%g", t.number);
    else if (t.kind == TERM_BOOL)
        sb_puts(sb, t.integer ? "true" : "false");
    else if (t.kind == TERM_STRING)
        sb_printf(sb, "\"%s\"", t.text);
    else if (t.kind == TERM_ABSENT)
        sb_puts(sb, "none");
    else if (t.kind == TERM_CALLABLE)
        sb_printf(sb, "`%s`", callable_name(t.callable));
    else if (t.kind == TERM_LIST) {
        sb_putc(sb, '[');
        for (int i = 0; i < t.n; i++) {
            sb_puts(sb, i ? ", " : "");
            if (i == 8) {
                sb_puts(sb, "...");
                break;
            }
            put_static(sb, t.item[i]);
        }
        sb_putc(sb, ']');
    } else
        sb_puts(sb, "a tensor");
}

const char *term_describe(Elab *e, Term t)
{
    StrBuf sb = {.a = e->a};
    switch (t.kind) {
    case TERM_ERROR:
        return "an error";
    case TERM_NONE:
        return "nothing";
    case TERM_TENSOR:
        return type_text(e->a, example_type(t));
    case TERM_TUPLE:
        return arena_printf(e->a, "%d results", t.n);
    case TERM_RATIO:
        return "a ratio, which only a metric can be";
    case TERM_INT:
        sb_puts(&sb, "the integer ");
        break;
    case TERM_FLOAT:
        sb_puts(&sb, "the number ");
        break;
    case TERM_BOOL:
    case TERM_ABSENT:
        break;
    case TERM_STRING:
        sb_puts(&sb, "the string ");
        break;
    case TERM_CALLABLE:
        sb_puts(&sb, "the layer ");
        break;
    case TERM_LIST:
        sb_puts(&sb, "the list ");
        break;
    }
    put_static(&sb, t);
    return sb_text(&sb);
}

const char *span_text(Elab *e, Span sp)
{
    if (sp.source == 0)
        return "";
    size_t bytes;
    const char *text = diag_source_text(e->d, sp.source, &bytes);
    char *copy = arena_strndup(e->a, text + sp.lo, sp.hi - sp.lo);
    size_t n = 0;
    for (; copy[n] && copy[n] != '\n'; n++)
        ;
    if (copy[n] == 0 && n <= 32)
        return copy;
    return arena_printf(e->a, "%.*s...", n < 28 ? (int)n : 28, copy);
}

void note_term(Elab *e, const char *label, Term t)
{
    if (is_error(t))
        return;
    const char *place = is_tensor(t) && t.origin ? diag_place(e->d, t.span) : NULL;
    if (place)
        diag_note(e->d, "%s : %s (%s, %s)", label, term_describe(e, t), t.origin, place);
    else
        diag_note(e->d, "%s : %s", label, term_describe(e, t));
}

void note_operand(Elab *e, const Expr *x, Term t)
{
    if (x)
        note_term(e, span_text(e, x->span), t);
}

/* ---- arithmetic ---------------------------------------------------------------------------------------- */

static Term overflow(Elab *e, Span sp, Operator op, Term x, Term y)
{
    elab_error(e, sp, "integer overflow: %lld %s %lld does not fit 64 bits", (long long)x.integer,
               operator_text(op), (long long)y.integer);
    return term_error();
}

static bool int_pow(int64_t x, int64_t n, int64_t *out)
{
    int64_t y = 1;
    for (;;) {
        if ((n & 1) && __builtin_mul_overflow(y, x, &y))
            return false;
        n >>= 1;
        if (n == 0)
            break;
        if (__builtin_mul_overflow(x, x, &x))
            return false;
    }
    *out = y;
    return true;
}

static int64_t floor_div(int64_t x, int64_t y)
{
    int64_t q = x / y;
    return q - (x % y != 0 && (x < 0) != (y < 0));
}

static Term fold_int(Elab *e, Span sp, Operator op, Term x, Term y)
{
    int64_t a = x.integer, b = y.integer, r = 0;
    bool fits = true;
    switch (op) {
    case OPR_ADD:
        fits = !__builtin_add_overflow(a, b, &r);
        break;
    case OPR_SUB:
        fits = !__builtin_sub_overflow(a, b, &r);
        break;
    case OPR_MUL:
        fits = !__builtin_mul_overflow(a, b, &r);
        break;
    case OPR_POW:
        if (b < 0)
            return term_float(pow((double)a, (double)b));
        fits = int_pow(a, b, &r);
        break;
    default:
        if (b == 0) {
            elab_error(e, sp, "division by zero");
            return term_error();
        }
        if (op == OPR_DIV)
            return term_float((double)a / (double)b);
        fits = !(a == INT64_MIN && b == -1);
        if (fits)
            r = op == OPR_FLOOR_DIV ? floor_div(a, b) : a - b * floor_div(a, b);
    }
    return fits ? term_int(r) : overflow(e, sp, op, x, y);
}

static Term fold_float(Elab *e, Span sp, Operator op, double a, double b)
{
    if ((op == OPR_DIV || op == OPR_FLOOR_DIV || op == OPR_REM) && b == 0) {
        elab_error(e, sp, "division by zero");
        return term_error();
    }
    switch (op) {
    case OPR_ADD:
        return term_float(a + b);
    case OPR_SUB:
        return term_float(a - b);
    case OPR_MUL:
        return term_float(a * b);
    case OPR_DIV:
        return term_float(a / b);
    case OPR_FLOOR_DIV:
        return term_float(floor(a / b));
    case OPR_REM:
        return term_float(a - b * floor(a / b));
    default:
        return term_float(pow(a, b));
    }
}

static Term fold_compare(Operator op, double a, double b)
{
    switch (op) {
    case OPR_LT:
        return term_bool(a < b);
    case OPR_LE:
        return term_bool(a <= b);
    case OPR_GT:
        return term_bool(a > b);
    default:
        return term_bool(a >= b);
    }
}

/* [1] + shape, [0] * 3 */
static bool fold_list(Elab *e, Operator op, Term x, Term y, Term *out)
{
    if (op == OPR_ADD && x.kind == TERM_LIST && y.kind == TERM_LIST) {
        Term *item = NEWN(e->a, Term, x.n + y.n + 1);
        for (int i = 0; i < x.n + y.n; i++)
            item[i] = i < x.n ? x.item[i] : y.item[i - x.n];
        *out = term_list(item, x.n + y.n);
        return true;
    }
    if (op == OPR_MUL && x.kind == TERM_LIST && y.kind == TERM_INT && y.integer >= 0 && y.integer <= 1000 &&
        x.n <= 1000) {
        int n = x.n * (int)y.integer;
        Term *item = NEWN(e->a, Term, n + 1);
        for (int i = 0; i < n; i++)
            item[i] = x.item[i % x.n];
        *out = term_list(item, n);
        return true;
    }
    return false;
}

static bool is_ordering(Operator op) { return op == OPR_LT || op == OPR_LE || op == OPR_GT || op == OPR_GE; }

Term fold_binary(Elab *e, Span sp, Operator op, Term x, Term y)
{
    Term list;
    if (op == OPR_EQ || op == OPR_NE)
        return term_bool(term_same(x, y) == (op == OPR_EQ));
    if ((op == OPR_AND || op == OPR_OR) && x.kind == TERM_BOOL && y.kind == TERM_BOOL)
        return term_bool(op == OPR_AND ? x.integer && y.integer : x.integer || y.integer);
    if (is_number(x) && is_number(y) && is_ordering(op)) {
        if (x.kind == TERM_INT && y.kind == TERM_INT) /* exact beyond 2^53 */
            return fold_compare(op, (x.integer > y.integer) - (x.integer < y.integer), 0);
        return fold_compare(op, term_number(x), term_number(y));
    }
    if (fold_list(e, op, x, y, &list))
        return list;
    bool arithmetic = op >= OPR_ADD && op != OPR_MATMUL && op != OPR_NEG;
    if (!is_number(x) || !is_number(y) || !arithmetic) {
        elab_error(e, sp, "`%s` does not take %s and %s", operator_text(op), term_describe(e, x),
                   term_describe(e, y));
        return term_error();
    }
    if (x.kind == TERM_INT && y.kind == TERM_INT)
        return fold_int(e, sp, op, x, y);
    return fold_float(e, sp, op, term_number(x), term_number(y));
}

Term fold_unary(Elab *e, Span sp, Operator op, Term x)
{
    if (op == OPR_NOT && x.kind == TERM_BOOL)
        return term_bool(!x.integer);
    if (op == OPR_NEG && x.kind == TERM_FLOAT)
        return term_float(-x.number);
    if (op == OPR_NEG && x.kind == TERM_INT)
        return fold_int(e, sp, OPR_SUB, term_int(0), x);
    elab_error(e, sp, "`%s` does not take %s", op == OPR_NOT ? "not" : "-", term_describe(e, x));
    return term_error();
}

/* ---- wanting ------------------------------------------------------------------------------------------- */

static bool unwanted(Elab *e, Span sp, const char *what, const char *kind, Term t)
{
    if (is_error(t))
        return false;
    elab_error(e, sp, "%s must be %s, found %s", what, kind, term_describe(e, t));
    if (is_tensor(t))
        diag_note(e->d, "a tensor's elements are not known at compile time");
    return false;
}

bool want_int(Elab *e, Span sp, const char *what, Term t, int64_t *x)
{
    if (t.kind != TERM_INT)
        return unwanted(e, sp, what, "an integer", t);
    *x = t.integer;
    return true;
}

bool want_bool(Elab *e, Span sp, const char *what, Term t, bool *x)
{
    if (t.kind != TERM_BOOL)
        return unwanted(e, sp, what, "true or false, decided at compile time", t);
    *x = t.integer != 0;
    return true;
}

bool want_number(Elab *e, Span sp, const char *what, Term t, double *x)
{
    if (!is_number(t))
        return unwanted(e, sp, what, "a number", t);
    *x = term_number(t);
    return true;
}

bool want_ints(Elab *e, Span sp, const char *what, Term t, int max, int64_t *x, int *n)
{
    if (t.kind == TERM_INT) {
        x[0] = t.integer;
        *n = 1;
        return true;
    }
    if (t.kind != TERM_LIST || t.n > max)
        return unwanted(e, sp, what, arena_printf(e->a, "an integer or a list of at most %d", max), t);
    for (int i = 0; i < t.n; i++)
        if (!want_int(e, sp, what, t.item[i], &x[i]))
            return false;
    *n = t.n;
    return true;
}

bool want_shape(Elab *e, Span sp, const char *what, Term t, Type *shape)
{
    int64_t dim[MAX_RANK];
    int n;
    if (!want_ints(e, sp, what, t, MAX_RANK, dim, &n))
        return false;
    for (int i = 0; i < n; i++) {
        if (dim[i] < 1 || dim[i] > MAX_EXTENT) {
            elab_error(e, sp, "%s has an extent of %lld; it must be from 1 to %lld", what, (long long)dim[i],
                       (long long)MAX_EXTENT);
            return false;
        }
    }
    *shape = type_make(DT_F32, n, dim);
    return true;
}
