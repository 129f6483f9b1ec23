/* SPDX-License-Identifier: MIT */
/* elaborate_builtin.c: the functions the language is born with. One row each; whatever the language can say itself is in
 * compiler/std instead. Axes are the example's and may be negative. */
#include <math.h>
#include <string.h>

#include "elaborate_internal.h"

/* ---- arguments ---------------------------------------------------------------------------------------------------------- */

Span arg_span(const Args *g, int i)
{
    return g->arg[i].from ? g->arg[i].from->span : g->sp;
}

bool arg_tensor(Elab *e, const Args *g, int i, DType dt, Term *t)
{
    *t = term_tensor(e, arg_span(g, i), arena_printf(e->a, "an operand of `%s`", g->name), g->arg[i].term, dt);
    return !is_error(*t);
}

static bool axis_in_range(Elab *e, Span sp, int rank, int64_t *axis)
{
    if (*axis >= -rank && *axis < rank) {
        *axis += *axis < 0 ? rank : 0;
        return true;
    }
    if (rank == 0)
        elab_error(e, sp, "axis %lld of a scalar, which has none", (long long)*axis);
    else
        elab_error(e, sp, "axis %lld is out of range; the example has axes 0 to %d", (long long)*axis, rank - 1);
    return false;
}

bool arg_axis(Elab *e, const Args *g, int i, int rank, int fallback, int *axis)
{
    int64_t x = fallback;
    if (g->arg[i].given && !want_int(e, arg_span(g, i), "an axis", g->arg[i].term, &x))
        return false;
    if (!axis_in_range(e, arg_span(g, i), rank, &x))
        return false;
    *axis = (int)x;
    return true;
}

/* One axis or a list of them, made increasing; every axis where none is given. */
bool arg_axes(Elab *e, const Args *g, int i, int rank, int *n, int *axis)
{
    int64_t list[MAX_RANK];
    bool chosen[MAX_RANK] = {false};
    int count = 0;
    if (!g->arg[i].given) {
        *n = rank;
        for (int k = 0; k < rank; k++)
            axis[k] = k;
        return true;
    }
    if (!want_ints(e, arg_span(g, i), "an axis", g->arg[i].term, MAX_RANK, list, &count))
        return false;
    for (int k = 0; k < count; k++) {
        if (!axis_in_range(e, arg_span(g, i), rank, &list[k]))
            return false;
        if (chosen[list[k]])
            return elab_error(e, arg_span(g, i), "axis %lld is named twice", (long long)list[k]), false;
        chosen[list[k]] = true;
    }
    *n = 0;
    for (int k = 0; k < rank; k++)
        if (chosen[k])
            axis[(*n)++] = k;
    return true;
}

/* ---- element-wise ---------------------------------------------------------------------------------------------------------- */

typedef double Math(double);

static Term unary(Elab *e, const Args *g, Op op, Math *math)
{
    Term t = g->arg[0].term;
    if (math && is_number(t)) {
        double y = math(term_number(t));
        if (isnan(y))
            return elab_error(e, g->sp, "%s of %s is not a number", g->name, term_describe(e, t)), term_error();
        return term_float(y);
    }
    return elab_unary(e, g->sp, op, t, g->arg[0].from);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static Term bi_exp(Elab *e, const Args *g) { return unary(e, g, OP_EXP, exp); }
static Term bi_log(Elab *e, const Args *g) { return unary(e, g, OP_LOG, log); }
static Term bi_sqrt(Elab *e, const Args *g) { return unary(e, g, OP_SQRT, sqrt); }
static Term bi_tanh(Elab *e, const Args *g) { return unary(e, g, OP_TANH, tanh); }
static Term bi_sigmoid(Elab *e, const Args *g) { return unary(e, g, OP_SIGMOID, sigmoid); }
static Term bi_erf(Elab *e, const Args *g) { return unary(e, g, OP_ERF, erf); }
static Term bi_stop(Elab *e, const Args *g) { return unary(e, g, OP_STOP, NULL); }

static Term bi_floor(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (is_number(t) && fabs(floor(term_number(t))) < 9e15)
        return t.kind == TERM_INT ? t : term_int((int64_t)floor(t.number));
    return elab_unary(e, g->sp, OP_FLOOR, t, g->arg[0].from);
}

static Term bi_abs(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (t.kind == TERM_INT)
        return t.integer < 0 ? fold_unary(e, g->sp, OPR_NEG, t) : t;
    return unary(e, g, OP_ABS, fabs);
}

static Term bi_where(Elab *e, const Args *g)
{
    const Expr *from[] = {g->arg[0].from, g->arg[1].from, g->arg[2].from};
    Term x[] = {g->arg[0].term, g->arg[1].term, g->arg[2].term};
    if (x[0].kind == TERM_BOOL)
        return x[0].integer ? x[1] : x[2];
    return elementwise(e, g->sp, OP_SELECT, 3, x, from);
}

static Term bi_cast(Elab *e, const Args *g)
{
    Term to = g->arg[1].term, t = g->arg[0].term;
    DType dt;
    if (to.kind != TERM_STRING || !dtype_named(to.text, &dt))
        return elab_error(e, arg_span(g, 1), "cast needs an element type: f32, i32, bool or u8"), term_error();
    if (is_number(t) && dt == DT_F32)
        return term_float(term_number(t));
    if (is_number(t) && dt == DT_I32) {
        if (!(fabs(term_number(t)) < 2147483648.0))
            return elab_error(e, g->sp, "%s does not fit i32", term_describe(e, t)), term_error();
        return term_int((int64_t)trunc(term_number(t)));
    }
    if (!arg_tensor(e, g, 0, DT_COUNT, &t))
        return term_error();
    if (t.node->type.dt == dt) {
        t.weak = false;
        return t;
    }
    return term_node(e, node_cast(e->frame->fn, t.node, dt), t.batched);
}

/* ---- reductions --------------------------------------------------------------------------------------------------------------- */

/* x axis? keepdims? at positions 0, axis_at, axis_at + 1 */
static bool reduction(Elab *e, const Args *g, int axis_at, Term *x, int *n, int *axis, bool *keep)
{
    *keep = false;
    if (!arg_tensor(e, g, 0, DT_F32, x))
        return false;
    if (g->arg[axis_at + 1].given && !want_bool(e, arg_span(g, axis_at + 1), "keepdims", g->arg[axis_at + 1].term, keep))
        return false;
    if (x->node->type.dt != DT_F32 && x->node->type.dt != DT_I32) {
        elab_error(e, g->sp, "`%s` takes f32 or i32, found %s", g->name, term_describe(e, *x));
        return false;
    }
    return arg_axes(e, g, axis_at, example_type(*x).rank, n, axis);
}

static Term bi_sum(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    return reduction(e, g, 1, &x, &n, axis, &keep) ? elab_reduce(e, g->sp, OP_SUM, x, n, axis, keep) : term_error();
}

static Term bi_mean(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    if (!reduction(e, g, 1, &x, &n, axis, &keep))
        return term_error();
    if (x.node->type.dt != DT_F32)
        return elab_error(e, g->sp, "`mean` takes f32, found %s", term_describe(e, x)), term_error();
    return elab_mean(e, g->sp, x, n, axis, keep);
}

static Term negative(Elab *e, Term x)
{
    return term_node(e, node_unary(e->frame->fn, OP_NEG, x.node), x.batched);
}

/* max(a, b) element by element; max(x, axis = ...) over axes. The same for min. */
static Term extreme(Elab *e, const Args *g, bool max)
{
    Term a = g->arg[0].term, b = g->arg[1].term, x;
    int n, axis[MAX_RANK];
    bool keep;
    if (g->arg[1].given) {
        if (g->arg[2].given || g->arg[3].given)
            return elab_error(e, g->sp, "`%s` takes two values, or one and an axis", g->name), term_error();
        if (is_number(a) && is_number(b))
            return (term_number(a) > term_number(b)) == max ? a : b;
        const Expr *from[] = {g->arg[0].from, g->arg[1].from};
        return elementwise(e, g->sp, max ? OP_MAX2 : OP_MIN2, 2, (Term[]){a, b}, from);
    }
    if (!reduction(e, g, 2, &x, &n, axis, &keep))
        return term_error();
    if (max)
        return elab_reduce(e, g->sp, OP_MAX, x, n, axis, keep);
    return negative(e, elab_reduce(e, g->sp, OP_MAX, negative(e, x), n, axis, keep));
}

static Term bi_max(Elab *e, const Args *g) { return extreme(e, g, true); }
static Term bi_min(Elab *e, const Args *g) { return extreme(e, g, false); }

static Term arg_extreme(Elab *e, const Args *g, bool max)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    if (!reduction(e, g, 1, &x, &n, axis, &keep))
        return term_error();
    return elab_reduce(e, g->sp, OP_ARGMAX, max ? x : negative(e, x), n, axis, keep);
}

static Term bi_argmax(Elab *e, const Args *g) { return arg_extreme(e, g, true); }
static Term bi_argmin(Elab *e, const Args *g) { return arg_extreme(e, g, false); }

static Term bi_batch_mean(Elab *e, const Args *g)
{
    Term x;
    return arg_tensor(e, g, 0, DT_F32, &x) ? elab_batch_mean(e, g->sp, x) : term_error();
}

/* ---- moves ----------------------------------------------------------------------------------------------------------------------- */

static Term bi_transpose(Elab *e, const Args *g)
{
    Term x;
    int axis[MAX_RANK];
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    int rank = example_type(x).rank;
    if (rank < 2) {
        elab_error(e, g->sp, "`transpose` swaps the last two axes; %s has fewer", term_describe(e, x));
        return term_error();
    }
    for (int i = 0; i < rank; i++)
        axis[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return elab_permute(e, x, axis);
}

static Term bi_permute(Elab *e, const Args *g)
{
    Term x;
    int64_t list[MAX_RANK];
    int n, axis[MAX_RANK], seen = 0;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !want_ints(e, arg_span(g, 1), "axes", g->arg[1].term, MAX_RANK, list, &n))
        return term_error();
    int rank = example_type(x).rank;
    for (int i = 0; i < n; i++) {
        if (!axis_in_range(e, arg_span(g, 1), rank, &list[i]))
            return term_error();
        axis[i] = (int)list[i];
        seen |= 1 << axis[i];
    }
    if (n != rank || seen != (1 << rank) - 1) {
        elab_error(e, arg_span(g, 1), "`permute` must name each of the %d axes of %s once", rank, term_describe(e, x));
        return term_error();
    }
    return elab_permute(e, x, axis);
}

static Term bi_reshape(Elab *e, const Args *g)
{
    Term x;
    int64_t dim[MAX_RANK], known = 1;
    int n, open = -1;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !want_ints(e, arg_span(g, 1), "a shape", g->arg[1].term, MAX_RANK, dim, &n))
        return term_error();
    int64_t count = type_count(example_type(x));
    bool fits = true;
    for (int i = 0; i < n && fits; i++) {
        if (dim[i] == -1 && open < 0)
            open = i;
        else
            fits = dim[i] >= 1 && !__builtin_mul_overflow(known, dim[i], &known);
    }
    if (fits && open >= 0)
        fits = count % known == 0;
    if (!fits || (open < 0 && known != count)) {
        elab_error(e, g->sp, "%s, of %lld elements, cannot be reshaped to %s", term_describe(e, x), (long long)count,
                   term_describe(e, g->arg[1].term) + strlen("the list "));
        return term_error();
    }
    if (open >= 0)
        dim[open] = count / known;
    if (n + (x.batched ? 1 : 0) > MAX_RANK)
        return elab_error(e, g->sp, "a shape of %d axes is too deep", n), term_error();
    return elab_reshape(e, x, type_make(x.node->type.dt, n, dim));
}

static Term bi_flatten(Elab *e, const Args *g)
{
    Term x;
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    int64_t count = type_count(example_type(x));
    return elab_reshape(e, x, type_make(x.node->type.dt, 1, &count));
}

/* A list's items, copied so that they may be changed. */
static bool arg_items(Elab *e, const Args *g, int i, int *n, Term **item)
{
    Term t = g->arg[i].term;
    if (t.kind != TERM_LIST || t.n == 0) {
        elab_error(e, arg_span(g, i), "`%s` takes a list of tensors: %s([a, b])", g->name, g->name);
        return false;
    }
    *n = t.n;
    *item = arena_dup(e->a, t.item, sizeof(Term) * (size_t)t.n);
    return true;
}

static Term bi_concat(Elab *e, const Args *g)
{
    Term *item;
    int n, axis;
    if (!arg_items(e, g, 0, &n, &item))
        return term_error();
    Term first = term_tensor(e, g->sp, "an item", item[0], DT_COUNT);
    if (is_error(first) || !arg_axis(e, g, 1, example_type(first).rank, 0, &axis))
        return term_error();
    return elab_concat(e, g->sp, n, item, axis);
}

static Term bi_stack(Elab *e, const Args *g)
{
    Term *item;
    int n, axis;
    if (!arg_items(e, g, 0, &n, &item))
        return term_error();
    Term first = term_tensor(e, g->sp, "an item", item[0], DT_COUNT);
    if (is_error(first) || !arg_axis(e, g, 1, example_type(first).rank + 1, 0, &axis))
        return term_error();
    return elab_stack(e, g->sp, n, item, axis, DT_COUNT);
}

static Term bi_split(Elab *e, const Args *g)
{
    Term x;
    int64_t parts;
    int axis;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !want_int(e, arg_span(g, 1), "the number of parts", g->arg[1].term, &parts) ||
        !arg_axis(e, g, 2, example_type(x).rank, 0, &axis))
        return term_error();
    int64_t extent = example_type(x).dim[axis];
    if (parts < 1 || extent % parts != 0) {
        elab_error(e, g->sp, "axis %d of %s cannot be split into %lld equal parts", axis, term_describe(e, x),
                   (long long)parts);
        return term_error();
    }
    Term *item = NEWN(e->a, Term, parts);
    for (int64_t i = 0; i < parts; i++)
        item[i] = elab_slice_axis(e, x, axis, i * (extent / parts), extent / parts, 1);
    return (Term){.kind = TERM_TUPLE, .item = item, .n = (int)parts};
}

static Term bi_reverse(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    Args one = *g;
    int rank = example_type(x).rank;
    if (!g->arg[1].given) {
        n = 1;
        axis[0] = 0;
        if (rank == 0)
            return elab_error(e, g->sp, "a scalar has no axis to reverse"), term_error();
    } else if (!arg_axes(e, &one, 1, rank, &n, axis))
        return term_error();
    for (int i = 0; i < n; i++)
        axis[i] += x.batched ? 1 : 0;
    return term_node(e, node_reverse(e->frame->fn, x.node, n, axis), x.batched);
}

static Term bi_gather(Elab *e, const Args *g)
{
    Term x, index;
    int axis;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !arg_tensor(e, g, 1, DT_I32, &index) ||
        !arg_axis(e, g, 2, example_type(x).rank, 0, &axis))
        return term_error();
    if (index.node->type.dt != DT_I32)
        return elab_error(e, arg_span(g, 1), "an index must be i32, found %s", term_describe(e, index)), term_error();
    return elab_gather(e, g->sp, x, axis, index);
}

static Term bi_check_index(Elab *e, const Args *g)
{
    Term x;
    int64_t limit;
    if (!arg_tensor(e, g, 0, DT_I32, &x) || !want_int(e, arg_span(g, 1), "the limit", g->arg[1].term, &limit))
        return term_error();
    if (x.node->type.dt != DT_I32)
        return elab_error(e, arg_span(g, 0), "an index must be i32, found %s", term_describe(e, x)), term_error();
    if (limit < 1 || limit > MAX_EXTENT)
        return elab_error(e, arg_span(g, 1), "a limit of %lld", (long long)limit), term_error();
    return term_node(e, node_check_index(e->frame->fn, x.node, limit), x.batched);
}

/* ---- making tensors ------------------------------------------------------------------------------------------------------------------ */

static DType value_dtype(Term t)
{
    return is_tensor(t) ? t.node->type.dt : t.kind == TERM_BOOL ? DT_BOOL : DT_F32;
}

static Term bi_full(Elab *e, const Args *g)
{
    Type shape;
    Term v = g->arg[0].term;
    if (!want_shape(e, arg_span(g, 1), "a shape", g->arg[1].term, &shape))
        return term_error();
    return elab_full(e, g->sp, v, type_with(shape, value_dtype(v)));
}

static Term bi_full_like(Elab *e, const Args *g)
{
    Term x;
    if (!arg_tensor(e, g, 1, DT_F32, &x))
        return term_error();
    return elab_full(e, g->sp, g->arg[0].term, example_type(x));
}

static Term bi_broadcast_to(Elab *e, const Args *g)
{
    Term x;
    Type shape;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !want_shape(e, arg_span(g, 1), "a shape", g->arg[1].term, &shape))
        return term_error();
    return elab_full(e, g->sp, x, type_with(shape, x.node->type.dt));
}

static Term bi_iota(Elab *e, const Args *g)
{
    int64_t n;
    if (!want_int(e, arg_span(g, 0), "a length", g->arg[0].term, &n))
        return term_error();
    if (n < 1 || n > MAX_EXTENT)
        return elab_error(e, arg_span(g, 0), "a length of %lld", (long long)n), term_error();
    return term_node(e, node_iota(e->frame->fn, type_make(DT_I32, 1, &n), 0), false);
}

static Term bi_random(Elab *e, const Args *g)
{
    Type shape;
    if (!want_shape(e, arg_span(g, 0), "a shape", g->arg[0].term, &shape))
        return term_error();
    return elab_random(e, g->sp, shape);
}

/* ---- compile-time values ---------------------------------------------------------------------------------------------------------------- */

static Term bi_shape(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (!is_tensor(t))
        return elab_error(e, g->sp, "`shape` takes a tensor, found %s", term_describe(e, t)), term_error();
    Type x = example_type(t);
    return term_shape(e->a, x.dim, x.rank);
}

/* Elements of a tensor, or the product of a list. */
static Term bi_size(Elab *e, const Args *g)
{
    Term t = g->arg[0].term, n = term_int(1);
    if (is_tensor(t))
        return term_int(type_count(example_type(t)));
    if (t.kind != TERM_LIST)
        return elab_error(e, g->sp, "`size` takes a tensor or a list, found %s", term_describe(e, t)), term_error();
    for (int i = 0; i < t.n && !is_error(n); i++)
        n = fold_binary(e, g->sp, OPR_MUL, n, t.item[i]);
    return n;
}

static Term bi_len(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (t.kind == TERM_LIST || t.kind == TERM_TUPLE)
        return term_int(t.n);
    if (is_tensor(t) && example_type(t).rank > 0)
        return term_int(example_type(t).dim[0]);
    return elab_error(e, g->sp, "`len` takes a list or a tensor with axes, found %s", term_describe(e, t)), term_error();
}

static Term bi_ndim(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (!is_tensor(t))
        return elab_error(e, g->sp, "`ndim` takes a tensor, found %s", term_describe(e, t)), term_error();
    return term_int(example_type(t).rank);
}

/* range(n) or range(start, stop): a list of integers, for axes and shapes. */
static Term bi_range(Elab *e, const Args *g)
{
    int64_t start = 0, stop;
    if (!want_int(e, arg_span(g, 0), "a bound of range", g->arg[0].term, &stop))
        return term_error();
    if (g->arg[1].given) {
        start = stop;
        if (!want_int(e, arg_span(g, 1), "a bound of range", g->arg[1].term, &stop))
            return term_error();
    }
    int64_t n;
    if (__builtin_sub_overflow(stop, start, &n) || n > MAX_REPEAT)
        return elab_error(e, g->sp, "this range is too long"), term_error();
    n = n < 0 ? 0 : n;
    Term *item = NEWN(e->a, Term, n + 1);
    for (int64_t i = 0; i < n; i++)
        item[i] = term_int(start + i);
    return term_list(item, (int)n);
}

static Term bi_is_list(Elab *e, const Args *g)
{
    (void)e;
    return term_bool(g->arg[0].term.kind == TERM_LIST);
}

/* ---- the table -------------------------------------------------------------------------------------------------------------------------- */

/* Formals are separated by spaces; a `?` marks one that may be left out. */
struct Builtin {
    const char *name, *formals;
    BuiltinFn *run;
};

static const Builtin builtins[] = {
    {"exp", "x", bi_exp},
    {"log", "x", bi_log},
    {"sqrt", "x", bi_sqrt},
    {"tanh", "x", bi_tanh},
    {"sigmoid", "x", bi_sigmoid},
    {"erf", "x", bi_erf},
    {"abs", "x", bi_abs},
    {"floor", "x", bi_floor},
    {"stop_gradient", "x", bi_stop},
    {"where", "condition x y", bi_where},
    {"cast", "x type", bi_cast},
    {"sum", "x axis? keepdims?", bi_sum},
    {"mean", "x axis? keepdims?", bi_mean},
    {"max", "x y? axis? keepdims?", bi_max},
    {"min", "x y? axis? keepdims?", bi_min},
    {"argmax", "x axis? keepdims?", bi_argmax},
    {"argmin", "x axis? keepdims?", bi_argmin},
    {"batch_mean", "x", bi_batch_mean},
    {"transpose", "x", bi_transpose},
    {"permute", "x axes", bi_permute},
    {"reshape", "x shape", bi_reshape},
    {"flatten", "x", bi_flatten},
    {"concat", "items axis?", bi_concat},
    {"stack", "items axis?", bi_stack},
    {"split", "x parts axis?", bi_split},
    {"reverse", "x axis?", bi_reverse},
    {"pad", "x widths value?", bi_pad},
    {"broadcast_to", "x shape", bi_broadcast_to},
    {"gather", "x index axis?", bi_gather},
    {"check_index", "x limit", bi_check_index},
    {"window", "x axis size stride? dilation?", bi_window},
    {"convolution", "x kernel strides? padding? dilation? groups?", bi_convolution},
    {"full", "value shape", bi_full},
    {"full_like", "value x", bi_full_like},
    {"iota", "n", bi_iota},
    {"random", "shape", bi_random},
    {"shape", "x", bi_shape},
    {"size", "x", bi_size},
    {"len", "x", bi_len},
    {"ndim", "x", bi_ndim},
    {"range", "start stop?", bi_range},
    {"is_list", "x", bi_is_list},
};

const Builtin *find_builtin(const char *name)
{
    for (int i = 0; i < LEN(builtins); i++)
        if (str_eq(builtins[i].name, name))
            return &builtins[i];
    return NULL;
}

int builtin_names(const char **names, int max)
{
    int n = 0;
    for (; n < LEN(builtins) && n < max; n++)
        names[n] = builtins[n].name;
    return n;
}

enum { MAX_FORMALS = 8 };

static int read_formals(Elab *e, const char *text, const char **name, bool *required)
{
    int n = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        bool optional = text[length - 1] == '?';
        name[n] = arena_strndup(e->a, text, length - (optional ? 1 : 0));
        required[n++] = !optional;
        text += length + (text[length] == ' ');
    }
    return n;
}

Term call_builtin(Elab *e, const Builtin *b, const Expr *call)
{
    const char *name[MAX_FORMALS];
    bool required[MAX_FORMALS];
    Bound arg[MAX_FORMALS] = {0};
    int n = read_formals(e, b->formals, name, required);
    if (!bind_arguments(e, call, b->name, n, name, required, 0, NULL, arg))
        return term_error();
    Args g = {.call = call, .name = b->name, .sp = call_span(call), .arg = arg};
    Term t = b->run(e, &g);
    if (call->as.text && is_tensor(t) && !t.node->name)
        t.node->name = path_join(e->a, e->instance->path, call->as.text);
    return t;
}
