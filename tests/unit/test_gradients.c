/* SPDX-License-Identifier: MIT */
/* Every row of ops.def that has a gradient, at several shapes: the gradient against finite differences of
 * the interpreter in double, and the gradient of the gradient likewise. Then the rules at corners. Scans:
 * test_scan_gradients.c. */
#include "gradient_check.h"

enum { MAX_INPUTS = 8, VARIANTS = 6 };

/* A case builds the operation's operands as inputs of fn, and the operation. */
typedef struct Case Case;
struct Case {
    Op op;
    Node *(*build)(Fn *fn, const Case *c, int variant);
    double lo, hi;    /* where the operands' values lie */
    const char *zero; /* a letter an input: '0' where its gradient is zero; NULL: nowhere */
    int variants;
};

static int64_t index_limit[MAX_INPUTS]; /* integers: below which to draw */

static Type shape_of(DType dt, int rank, const int64_t *dim)
{
    return type_make(dt, rank, dim);
}

#define F32(...) shape_of(DT_F32, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static Node *input(Fn *fn, int index, Type t)
{
    return fn_input(fn, ROLE_INPUT, index, NULL, t);
}

static Node *index_input(Fn *fn, int index, Type t, int64_t limit)
{
    index_limit[index] = limit;
    return node_check_index(fn, fn_input(fn, ROLE_INPUT, index, NULL, type_with(t, DT_I32)), limit);
}

static Type element_shape(int variant)
{
    const Type shapes[VARIANTS] = {type_scalar(DT_F32), F32(1),       F32(7),
                                   F32(3, 5),           F32(1, 4, 1), F32(2, 3, 2, 2)};
    return shapes[variant];
}

/* ---- element-wise -------------------------------------------------------------------------------------- */
static Node *build_unary(Fn *fn, const Case *c, int variant)
{
    return node_unary(fn, c->op, input(fn, 0, element_shape(variant)));
}

static Node *build_binary(Fn *fn, const Case *c, int variant)
{
    Node *x = input(fn, 0, element_shape(variant));
    return node_binary(fn, c->op, x, input(fn, 1, x->type));
}

/* f32 to f32 passes; what went through an integer does not */
static Node *build_cast(Fn *fn, const Case *c, int variant)
{
    (void)c;
    Node *x = input(fn, 0, element_shape(variant)), *y = input(fn, 1, x->type);
    Attr attr = {.dtype = {.dt = DT_F32}};
    Node *cast = node_make_as_is(fn, OP_CAST, 1, &x, &attr);
    return node_binary(fn, OP_ADD, cast, node_cast(fn, node_cast(fn, y, DT_I32), DT_F32));
}

static Node *build_select(Fn *fn, const Case *c, int variant)
{
    (void)c;
    Node *x = input(fn, 0, element_shape(variant)), *y = input(fn, 1, x->type), *z = input(fn, 2, x->type);
    return node_select(fn, node_binary(fn, OP_LT, x, node_full(fn, x->type, 0.7)), y, z);
}

/* exponents known at compile time, with the whole ones that have rules of their own */
static Node *build_pow_const(Fn *fn, const Case *c, int variant)
{
    static const double exponent[VARIANTS] = {2, 0.5, 3, 1.5, -1, -2.5};
    return node_binary_const(fn, c->op, input(fn, 0, element_shape(variant)), exponent[variant]);
}

/* the same operand twice: both contributions arrive */
static Node *build_twice(Fn *fn, const Case *c, int variant)
{
    Node *x = input(fn, 0, element_shape(variant));
    return node_binary(fn, c->op, x, node_binary(fn, OP_MUL, x, x));
}

/* ---- moves --------------------------------------------------------------------------------------------- */
static Node *build_reshape(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const struct {
        int64_t from[3];
        int rank;
        int64_t to[4];
    } shapes[VARIANTS] = {{{2, 3, 4}, 1, {24}},         {{1, 1, 1}, 0, {0}},       {{3, 5, 1}, 2, {5, 3}},
                          {{2, 2, 7}, 4, {7, 1, 2, 2}}, {{1, 6, 1}, 3, {2, 1, 3}}, {{4, 3, 2}, 2, {6, 4}}};
    Node *x = input(fn, 0, shape_of(DT_F32, 3, shapes[variant].from));
    return node_reshape(fn, x, shapes[variant].rank, shapes[variant].to);
}

static Node *build_permute(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const int axis[VARIANTS][4] = {{3, 0, 1, 2}, {1, 2, 3, 0}, {0, 2, 1, 3},
                                          {3, 2, 1, 0}, {2, 3, 1, 0}, {1, 0, 3, 2}};
    return node_permute(fn, input(fn, 0, variant == 5 ? F32(1, 5, 1, 3) : F32(2, 3, 4, 2)), axis[variant]);
}

static Node *build_broadcast(Fn *fn, const Case *c, int variant)
{
    (void)c;
    const struct {
        Type from, to;
        int axis[3];
    } shapes[VARIANTS] = {{type_scalar(DT_F32), F32(3, 2), {0}}, {F32(3), F32(2, 3, 2), {1}},
                          {F32(1, 3), F32(4, 3), {0, 1}},        {F32(2, 1, 3), F32(2, 5, 4, 3), {0, 2, 3}},
                          {F32(1), F32(7, 1, 2), {1}},           {F32(3, 1, 1), F32(3, 1, 5), {0, 1, 2}}};
    return node_broadcast(fn, input(fn, 0, shapes[variant].from), shapes[variant].to, shapes[variant].axis);
}

static Node *build_slice(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const int64_t at[VARIANTS][3][2] = {{{0, 0}, {7, 5}, {1, 1}}, {{2, 1}, {6, 4}, {1, 1}},
                                               {{0, 1}, {7, 5}, {3, 2}}, {{6, 4}, {7, 5}, {1, 1}},
                                               {{1, 0}, {6, 5}, {4, 3}}, {{0, 2}, {1, 5}, {5, 7}}};
    Node *x = input(fn, 0, F32(7, 5));
    Attr attr = {.slice = {.n = 2}};
    for (int i = 0; i < 2; i++) {
        attr.slice.start[i] = at[variant][0][i];
        attr.slice.limit[i] = at[variant][1][i];
        attr.slice.stride[i] = at[variant][2][i];
    }
    return node_make_as_is(fn, OP_SLICE, 1, &x, &attr);
}

static Node *build_pad(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const int64_t at[VARIANTS][3][2] = {{{1, 0}, {0, 2}, {0, 0}}, {{0, 0}, {0, 0}, {2, 1}},
                                               {{2, 1}, {1, 3}, {1, 0}}, {{0, 0}, {1, 0}, {0, 3}},
                                               {{3, 3}, {0, 0}, {0, 1}}, {{0, 0}, {0, 0}, {0, 0}}};
    Node *x = input(fn, 0, variant == 4 ? F32(1, 3) : F32(3, 4));
    Attr attr = {.pad = {.n = 2, .value = variant == 2 ? 1.5 : 0}};
    for (int i = 0; i < 2; i++) {
        attr.pad.lo[i] = at[variant][0][i];
        attr.pad.hi[i] = at[variant][1][i];
        attr.pad.interior[i] = at[variant][2][i];
    }
    return node_make_as_is(fn, OP_PAD, 1, &x, &attr);
}

static Node *build_reverse(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const struct {
        int n, axis[3];
    } axes[VARIANTS] = {{1, {0}}, {1, {2}}, {2, {0, 2}}, {3, {0, 1, 2}}, {1, {1}}, {2, {1, 2}}};
    Node *x = input(fn, 0, variant == 4 ? F32(2, 1, 3) : F32(3, 2, 5));
    return node_reverse(fn, x, axes[variant].n, axes[variant].axis);
}

static Node *build_concat(Fn *fn, const Case *c, int variant)
{
    (void)c;
    static const struct {
        int n, axis;
    } kinds[VARIANTS] = {{2, 0}, {3, 1}, {2, 2}, {1, 1}, {4, 0}, {3, 2}};
    int n = kinds[variant].n, axis = kinds[variant].axis;
    Node *x[4];
    for (int i = 0; i < n; i++) {
        Type t = F32(2, 3, 2);
        t.dim[axis] = i + 1;
        x[i] = input(fn, i, t);
    }
    if (variant == 2)
        x[1] = x[0]; /* one operand twice */
    Attr attr = {.axis = {.axis = axis}};
    return node_make_as_is(fn, OP_CONCAT, n, x, &attr);
}

/* axis, size, stride, dilation of windows over [2, extent, 3] (or [extent]) */
static const int64_t windows[VARIANTS][5] = {
    /* extent axis size stride dilation */
    {6, 1, 2, 2, 1}, {7, 1, 3, 1, 1}, {7, 1, 2, 3, 1}, {9, 1, 3, 2, 2}, {5, 0, 5, 1, 1}, {8, 0, 1, 3, 1}};

static Type windowed_shape(int variant)
{
    int64_t extent = windows[variant][0];
    return windows[variant][1] ? F32(2, extent, 3) : F32(extent);
}

static Node *build_window(Fn *fn, const Case *c, int variant)
{
    (void)c;
    const int64_t *w = windows[variant];
    return node_window(fn, input(fn, 0, windowed_shape(variant)), (int)w[1], w[2], w[3], w[4]);
}

static Node *build_fold(Fn *fn, const Case *c, int variant)
{
    (void)c;
    const int64_t *w = windows[variant];
    int axis = (int)w[1];
    Type t = windowed_shape(variant);
    int64_t count = (w[0] - ((w[2] - 1) * w[4] + 1)) / w[3] + 1;
    t.dim[axis] = w[2];
    return node_fold(fn, input(fn, 0, type_insert(t, axis, count)), axis, w[3], w[4], w[0]);
}

/* ---- reductions ---------------------------------------------------------------------------------------- */
static Node *build_reduce(Fn *fn, const Case *c, int variant)
{
    static const struct {
        int n, axis[3];
    } axes[VARIANTS] = {{1, {0}}, {1, {2}}, {2, {0, 2}}, {3, {0, 1, 2}}, {1, {1}}, {2, {1, 2}}};
    Node *x = input(fn, 0, variant == 4 ? F32(2, 1, 3) : variant == 5 ? F32(3, 2, 4) : F32(2, 3, 5));
    return node_reduce(fn, c->op, x, axes[variant].n, axes[variant].axis);
}

/* ---- contractions -------------------------------------------------------------------------------------- */
static Node *build_dot(Fn *fn, const Case *c, int variant)
{
    (void)c;
    const struct {
        Type x, y;
        Attr attr;
    } kinds[] = {
        /* matrices; vectors; outer product; full contraction; stacks of matrices */
        {F32(3, 4), F32(4, 2), {.dot = {0, 1, {0}, {0}, {1}, {0}}}},
        {F32(5), F32(5), {.dot = {0, 1, {0}, {0}, {0}, {0}}}},
        {F32(3), F32(2), {.dot = {0, 0, {0}, {0}, {0}, {0}}}},
        {F32(2, 3), F32(3, 2), {.dot = {0, 2, {0}, {0}, {0, 1}, {1, 0}}}},
        {F32(2, 3, 4), F32(2, 4, 5), {.dot = {1, 1, {0}, {0}, {2}, {1}}}},
        /* transposed operands; batch axes inside and crossed; several free and contracted axes out of
         * order; extents of 1 */
        {F32(4, 3), F32(2, 4), {.dot = {0, 1, {0}, {0}, {0}, {1}}}},
        {F32(3, 2, 4, 5), F32(5, 4, 2, 1), {.dot = {2, 1, {1, 3}, {2, 0}, {2}, {1}}}},
        {F32(2, 3, 4, 2), F32(4, 3, 2, 2), {.dot = {0, 3, {0}, {0}, {2, 0, 1}, {0, 2, 1}}}},
        {F32(2, 3, 2), F32(2, 3, 2), {.dot = {1, 0, {1}, {1}, {0}, {0}}}},
        {F32(1, 1), F32(1, 3), {.dot = {0, 1, {0}, {0}, {0}, {0}}}},
        {F32(3, 2), F32(2, 3), {.dot = {2, 0, {0, 1}, {1, 0}, {0}, {0}}}},
    };
    Node *x = input(fn, 0, kinds[variant].x);
    return node_dot(fn, x, input(fn, 1, kinds[variant].y), &kinds[variant].attr);
}

static Node *build_conv(Fn *fn, const Case *c, int variant)
{
    (void)c;
    const struct {
        Type x, w;
        Attr attr;
    } kinds[] = {
        /* plain; strided with rows left over; "same" padding; dilated kernel; dilated input */
        {F32(2, 5, 4, 2), F32(3, 2, 2, 3), {.conv = {2, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 1}}},
        {F32(1, 6, 7, 2), F32(3, 2, 2, 2), {.conv = {2, {2, 3}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 1}}},
        {F32(2, 4, 3, 1), F32(3, 3, 1, 2), {.conv = {2, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1}}},
        {F32(1, 7, 5, 2), F32(3, 2, 2, 2), {.conv = {2, {1, 1}, {0, 1}, {1, 0}, {1, 1}, {2, 3}, 1}}},
        {F32(1, 3, 4, 2), F32(2, 3, 2, 2), {.conv = {2, {1, 1}, {1, 0}, {0, 2}, {2, 3}, {1, 1}, 1}}},
        /* everything at once; groups; depthwise with two results a channel; strided groups */
        {F32(1, 4, 5, 2), F32(2, 3, 2, 1), {.conv = {2, {2, 3}, {2, 2}, {1, 1}, {2, 2}, {1, 1}, 1}}},
        {F32(2, 4, 4, 4), F32(2, 2, 2, 6), {.conv = {2, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 2}}},
        {F32(1, 5, 4, 3), F32(3, 3, 1, 6), {.conv = {2, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 3}}},
        {F32(3, 6, 3, 4), F32(2, 1, 2, 2), {.conv = {2, {3, 2}, {1, 0}, {0, 1}, {1, 1}, {2, 1}, 2}}},
        /* one axis; three; 1x1 strided; padding beyond the kernel's reach; a kernel that mostly sees
         * padding */
        {F32(2, 7, 2), F32(3, 2, 2), {.conv = {1, {2}, {1}, {0}, {1}, {1}, 1}}},
        {F32(1, 3, 2, 4, 1),
         F32(2, 2, 2, 1, 2),
         {.conv = {3, {1, 1, 2}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {1, 1, 1}, 1}}},
        {F32(2, 5, 6, 2), F32(1, 1, 2, 3), {.conv = {2, {2, 3}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 1}}},
        {F32(1, 3, 3, 1), F32(2, 1, 1, 2), {.conv = {2, {1, 2}, {3, 2}, {2, 4}, {1, 1}, {1, 1}, 1}}},
        {F32(1, 2, 1), F32(5, 1, 1), {.conv = {1, {3}, {4}, {3}, {2}, {1}, 1}}},
        {F32(1, 1, 1, 1), F32(1, 1, 1, 1), {.conv = {2, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, 1}}},
        /* rows behind the last window, more than the padding */
        {F32(1, 8, 1), F32(2, 1, 2), {.conv = {1, {5}, {0}, {1}, {1}, {1}, 1}}},
        {F32(1, 4, 1), F32(2, 1, 2), {.conv = {1, {6}, {1}, {0}, {2}, {1}, 1}}},
    };
    Node *x = input(fn, 0, kinds[variant].x);
    return node_conv(fn, x, input(fn, 1, kinds[variant].w), &kinds[variant].attr);
}

/* ---- indices ------------------------------------------------------------------------------------------- */
static const struct {
    int table, index;
    int64_t table_dim[3], index_dim[2];
} gathers[VARIANTS] = {{2, 1, {4, 3}, {5}},       {1, 1, {6}, {3}},       {2, 0, {3, 2}, {0}},
                       {3, 2, {4, 2, 2}, {3, 2}}, {2, 2, {1, 2}, {2, 2}}, {1, 0, {5}, {0}}};

static Node *build_gather(Fn *fn, const Case *c, int variant)
{
    (void)c;
    Node *table = input(fn, 0, shape_of(DT_F32, gathers[variant].table, gathers[variant].table_dim));
    Type t = shape_of(DT_I32, gathers[variant].index, gathers[variant].index_dim);
    return node_gather(fn, table, index_input(fn, 1, t, table->type.dim[0]));
}

static Node *build_scatter(Fn *fn, const Case *c, int variant)
{
    (void)c;
    Type index = shape_of(DT_I32, gathers[variant].index, gathers[variant].index_dim);
    Type updates = type_with(index, DT_F32);
    for (int i = 1; i < gathers[variant].table; i++)
        updates.dim[updates.rank++] = gathers[variant].table_dim[i];
    int64_t limit = gathers[variant].table_dim[0];
    Node *x = input(fn, 0, updates);
    return node_scatter_add(fn, index_input(fn, 1, index, limit), x, limit);
}

static const Case cases[] = {
    {OP_NEG, build_unary, -1, 1, NULL, VARIANTS},
    {OP_ABS, build_unary, -1, 1, NULL, VARIANTS},
    {OP_EXP, build_unary, -2, 2, NULL, VARIANTS},
    {OP_EXPM1, build_unary, -2, 2, NULL, VARIANTS},
    {OP_LOG, build_unary, 0.3, 3, NULL, VARIANTS},
    {OP_LOG1P, build_unary, -0.6, 3, NULL, VARIANTS},
    {OP_SQRT, build_unary, 0.3, 3, NULL, VARIANTS},
    {OP_RSQRT, build_unary, 0.3, 3, NULL, VARIANTS},
    {OP_SIN, build_unary, -4, 4, NULL, VARIANTS},
    {OP_COS, build_unary, -4, 4, NULL, VARIANTS},
    {OP_TANH, build_unary, -2, 2, NULL, VARIANTS},
    {OP_SIGMOID, build_unary, -3, 3, NULL, VARIANTS},
    {OP_ERF, build_unary, -2, 2, NULL, VARIANTS},
    {OP_CAST, build_cast, 0.1, 0.9, "-0", VARIANTS},
    {OP_ADD, build_binary, -1, 1, NULL, VARIANTS},
    {OP_SUB, build_binary, -1, 1, NULL, VARIANTS},
    {OP_MUL, build_binary, -1, 1, NULL, VARIANTS},
    {OP_MUL, build_twice, -1, 1, NULL, VARIANTS},
    {OP_DIV, build_binary, 0.5, 2, NULL, VARIANTS},
    {OP_POW, build_binary, 0.4, 2, NULL, VARIANTS},
    {OP_POW, build_pow_const, 0.4, 2, NULL, VARIANTS},
    {OP_MAX2, build_binary, -1, 1, "??", VARIANTS},
    {OP_MAX2, build_twice, -1, 1, NULL, VARIANTS},
    {OP_MIN2, build_binary, -1, 1, "??", VARIANTS},
    {OP_SELECT, build_select, 0.1, 2, "0??", VARIANTS},
    {OP_RESHAPE, build_reshape, -1, 1, NULL, VARIANTS},
    {OP_PERMUTE, build_permute, -1, 1, NULL, VARIANTS},
    {OP_BROADCAST, build_broadcast, -1, 1, NULL, VARIANTS},
    {OP_SLICE, build_slice, -1, 1, NULL, VARIANTS},
    {OP_PAD, build_pad, -1, 1, NULL, VARIANTS},
    {OP_REVERSE, build_reverse, -1, 1, NULL, VARIANTS},
    {OP_CONCAT, build_concat, -1, 1, "????", VARIANTS},
    {OP_WINDOW, build_window, -1, 1, NULL, VARIANTS},
    {OP_FOLD, build_fold, -1, 1, NULL, VARIANTS},
    {OP_SUM, build_reduce, -1, 1, NULL, VARIANTS},
    {OP_MAX, build_reduce, -1, 1, NULL, VARIANTS},
    {OP_DOT, build_dot, -1, 1, NULL, 11},
    {OP_CONV, build_conv, -1, 1, NULL, 17},
    {OP_GATHER, build_gather, -1, 1, NULL, VARIANTS},
    {OP_SCATTER, build_scatter, -1, 1, NULL, VARIANTS},
};

/* ---- the checks ---------------------------------------------------------------------------------------- */

static void fill_inputs(const Fn *fn, Value *in, uint64_t *random, double lo, double hi)
{
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        in[i] = value_new(fn->a, port->node->type);
        int64_t n = type_count(in[i].type);
        if (port->role == ROLE_TARGET)
            for (int64_t j = 0; j < n; j++)
                in[i].at[j] = check_uniform(random, 0.3, 1);
        else if (in[i].type.dt == DT_I32)
            for (int64_t j = 0; j < n; j++)
                in[i].at[j] = (double)(check_random(random) % (uint64_t)index_limit[port->index]);
        else
            fill_apart(in[i], random, lo, hi, port->index);
    }
}

static Value ones(Arena *a, Type t)
{
    Value v = value_new(a, t);
    for (int64_t i = 0; i < type_count(t); i++)
        v.at[i] = 1;
    return v;
}

static int f32_inputs(const Fn *fn, Node **node, int *index)
{
    int n = 0;
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].node->type.dt == DT_F32) {
            node[n] = fn->input.at[i].node;
            index[n++] = i;
        }
    return n;
}

static Node *total(Fn *fn, Node *x)
{
    int axis[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        axis[i] = i;
    return node_reduce(fn, OP_SUM, x, x->type.rank, axis);
}

static Node *weighed(Fn *fn, int index, Node *x)
{
    return total(fn, node_binary(fn, OP_MUL, x, fn_input(fn, ROLE_TARGET, index, NULL, x->type)));
}

static void check_zero(const Case *c, const char *what, int n, const int *wrt, const Value *gradient)
{
    for (int k = 0; k < n; k++) {
        char expected = c->zero ? c->zero[wrt[k]] : '-';
        int64_t nonzero = 0;
        for (int64_t i = 0; i < type_count(gradient[k].type); i++)
            nonzero += gradient[k].at[i] != 0;
        if ((expected == '0' && nonzero) || (expected == '-' && !nonzero))
            fail_msg("%s: %lld elements of the gradient of input %d are not 0", what, (long long)nonzero,
                     wrt[k]);
    }
}

/* level 1: gradients of Σ weight·result; level 2: of Σ weight·gradient, by the inputs and by the first
 * weights. */
static void check_case(const Case *c, int variant, int level)
{
    Arena *a = arena_new();
    const char *what = arena_printf(a, "%s, variant %d, level %d", op_info(c->op)->text, variant, level);
    uint64_t random = (uint64_t)variant * 1000 + c->op;
    Fn *fn = fn_new(a, "case");
    Node *result = c->build(fn, c, variant), *wrt[2 * MAX_INPUTS], *out[2 * MAX_INPUTS];
    int index[2 * MAX_INPUTS];
    int nwrt = f32_inputs(fn, wrt, index);
    Node *loss = weighed(fn, 0, result), *one = node_const(fn, DT_F32, 1);
    for (int i = 1; i < level; i++) {
        gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
        loss = node_const(fn, DT_F32, 0);
        for (int k = 0; k < nwrt; k++)
            loss = node_binary(fn, OP_ADD, loss, weighed(fn, k + 1, out[k]));
        nwrt = f32_inputs(fn, wrt, index);
    }
    Fn *forward = fn_new(a, "forward"), *backward = NULL;
    Node **map = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(forward, fn->input.at[i].node, NULL);
    fn_result(fn, ROLE_LOSS, 0, NULL, loss);
    fn_inline(forward, fn, map);
    fn_result(forward, ROLE_LOSS, 0, NULL, map[loss->id]);
    gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
    for (int k = 0; k < nwrt; k++)
        fn_result(fn, ROLE_GRADIENT, k, NULL, out[k]);
    backward = pruned(fn);

    Value in[2 * MAX_INPUTS], values[2 * MAX_INPUTS], weight = ones(a, loss->type);
    const char *why = NULL;
    fill_inputs(fn, in, &random, c->lo, c->hi);
    if (!fn_interpret(a, backward, PRECISION_F64, in, values, &why))
        fail_msg("%s: %s", what, why);
    check_differences(what, forward, in, &weight, nwrt, index, values + 1);
    if (level == 1)
        check_zero(c, what, nwrt - 1, index, values + 1); /* the last input is the weight */
    arena_free(a);
}

static void every_case_at_level(int level)
{
    for (int i = 0; i < LEN(cases); i++)
        for (int variant = 0; variant < cases[i].variants; variant++)
            check_case(&cases[i], variant, level);
}

static void test_gradients_match_differences(void **state)
{
    (void)state;
    every_case_at_level(1);
}

static void test_gradients_of_gradients_match_differences(void **state)
{
    (void)state;
    every_case_at_level(2);
}

/* scan and result have a file of their own */
static void test_every_differentiable_row_has_a_case(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        int variants = 0;
        for (int i = 0; i < LEN(cases); i++)
            variants += cases[i].op == (Op)op ? cases[i].variants : 0;
        if (op_info((Op)op)->grad && op_info((Op)op)->class != CLASS_LOOP && variants < 5)
            fail_msg("%s has %d cases", op_info((Op)op)->text, variants);
    }
}

/* ---- corners ------------------------------------------------------------------------------------------- */

/* Gradients of the sum of `result` by the f32 inputs, with these values of the inputs. */
static void gradients_at(Fn *fn, Node *result, const double *const *values, Value *out)
{
    Node *wrt[MAX_INPUTS], *gradient[MAX_INPUTS], *one = node_full(fn, result->type, 1);
    int index[MAX_INPUTS], n = f32_inputs(fn, wrt, index);
    gradients_in(fn, 1, &result, &one, n, wrt, gradient);
    for (int i = 0; i < n; i++)
        fn_result(fn, ROLE_GRADIENT, i, NULL, gradient[i]);
    Value in[MAX_INPUTS];
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(fn->a, fn->input.at[i].node->type);
        memcpy(in[i].at, values[i], sizeof(double) * (size_t)type_count(in[i].type));
    }
    const char *why = NULL;
    assert_true(fn_interpret(fn->a, pruned(fn), PRECISION_F64, in, out, &why));
}

static void assert_values(const Value *have, const double *want)
{
    for (int64_t i = 0; i < type_count(have->type); i++)
        if (have->at[i] != want[i])
            fail_msg("element %lld is %g, expected %g", (long long)i, have->at[i], want[i]);
}

static void check_corner_unary(Op op, int n, const double *x, const double *want)
{
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "corner");
    Value out[1];
    gradients_at(fn, node_unary(fn, op, input(fn, 0, F32(n))), &x, out);
    assert_values(&out[0], want);
    arena_free(a);
}

static void check_corner_binary(Op op, int n, const double *x, const double *y, const double *dx,
                                const double *dy)
{
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "corner");
    Value out[2];
    Node *left = input(fn, 0, F32(n));
    gradients_at(fn, node_binary(fn, op, left, input(fn, 1, F32(n))), (const double *const[]){x, y}, out);
    assert_values(&out[0], dx);
    assert_values(&out[1], dy);
    arena_free(a);
}

static void test_corners_of_element_operations(void **state)
{
    (void)state;
    check_corner_unary(OP_ABS, 3, (double[]){-2, 0, 3}, (double[]){-1, 0, 1});
    check_corner_binary(OP_MAX2, 3, (double[]){1, 2, 3}, (double[]){2, 2, 2}, (double[]){0, 0, 1},
                        (double[]){1, 1, 0});
    check_corner_binary(OP_MIN2, 3, (double[]){1, 2, 3}, (double[]){2, 2, 2}, (double[]){1, 0, 0},
                        (double[]){0, 1, 1});
    /* x^0 is flat in x, also at 0; 0^y has no slope in y */
    check_corner_binary(OP_POW, 3, (double[]){0, 0, 2}, (double[]){0, 2, 0}, (double[]){0, 0, 0},
                        (double[]){0, 0, log(2)});
}

/* relu(x) = max2(x, 0) has 0 at 0 */
static void test_relu_at_zero(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "relu");
    Value out[1];
    const double x[] = {-1, 0, 2};
    gradients_at(fn, node_binary_const(fn, OP_MAX2, input(fn, 0, F32(3)), 0), (const double *const[]){x},
                 out);
    assert_values(&out[0], (double[]){0, 0, 1});
    arena_free(a);
}

static void test_no_gradient_passes_a_stop(void **state)
{
    (void)state;
    static const Op stops[] = {OP_STOP, OP_FLOOR};
    for (int i = 0; i < LEN(stops); i++)
        check_corner_unary(stops[i], 2, (double[]){0.4, 1.7}, (double[]){0, 0});
}

/* constant exponents at x = 0: 0 and 1 and 2 give no NaN */
static void test_constant_exponents_at_zero(void **state)
{
    (void)state;
    static const double exponent[] = {0, 1, 2, 3}, want[][2] = {{0, 0}, {1, 1}, {0, 4}, {0, 12}};
    for (int i = 0; i < LEN(exponent); i++) {
        Arena *a = arena_new();
        Fn *fn = fn_new(a, "pow");
        Value out[1];
        const double x[] = {0, 2};
        gradients_at(fn, node_binary_const(fn, OP_POW, input(fn, 0, F32(2)), exponent[i]),
                     (const double *const[]){x}, out);
        assert_values(&out[0], want[i]);
        arena_free(a);
    }
}

static void test_maximum_gives_to_the_first_in_row_major_order(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "max");
    Value out[1];
    /* [2, 3, 2] over axes 0 and 2: for the middle axis' 0 the ties are at [0, 0, 1] and [1, 0, 0] */
    const double x[] = {1, 5, 2, 2, 0, 3, 5, 5, 2, 2, 3, 3};
    const double want[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    gradients_at(fn, node_reduce(fn, OP_MAX, input(fn, 0, F32(2, 3, 2)), 2, (int[]){0, 2}),
                 (const double *const[]){x}, out);
    assert_values(&out[0], want);
    arena_free(a);
}

/* A pooling window: max over the two window axes of a windowed image. */
static void test_pooling_gives_to_the_first_in_its_window(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "pool");
    Value out[1];
    Node *x = input(fn, 0, F32(4, 5));
    /* [2, 2, 2, 2]: rows, in a window, columns, in a window */
    Node *w = node_window(fn, node_window(fn, x, 1, 2, 2, 1), 0, 2, 2, 1);
    /* clang-format off */
    const double image[] = {7, 7, 1, 0, 9,
                            7, 7, 1, 1, 9,
                            0, 3, 4, 4, 9,
                            3, 0, 4, 5, 9};
    const double want[] = {1, 0, 1, 0, 0,
                           0, 0, 0, 0, 0,
                           0, 1, 0, 0, 0,
                           0, 0, 0, 1, 0};
    /* clang-format on */
    gradients_at(fn, node_reduce(fn, OP_MAX, w, 2, (int[]){1, 3}), (const double *const[]){image}, out);
    assert_values(&out[0], want);
    arena_free(a);
}

static void test_unused_input_gets_zeros(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "unused");
    Value out[2];
    Node *x = input(fn, 0, F32(2));
    input(fn, 1, F32(3));
    const double v[] = {1, 2, 3};
    gradients_at(fn, node_unary(fn, OP_EXP, x), (const double *const[]){v, v}, out);
    assert_values(&out[1], (double[]){0, 0, 0});
    assert_true(out[0].at[0] != 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_differentiable_row_has_a_case),
        cmocka_unit_test(test_gradients_match_differences),
        cmocka_unit_test(test_gradients_of_gradients_match_differences),
        cmocka_unit_test(test_corners_of_element_operations),
        cmocka_unit_test(test_relu_at_zero),
        cmocka_unit_test(test_no_gradient_passes_a_stop),
        cmocka_unit_test(test_constant_exponents_at_zero),
        cmocka_unit_test(test_maximum_gives_to_the_first_in_row_major_order),
        cmocka_unit_test(test_pooling_gives_to_the_first_in_its_window),
        cmocka_unit_test(test_unused_input_gets_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
