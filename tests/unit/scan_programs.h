/* SPDX-License-Identifier: MIT */
/* scan_programs.h: small programs with loops, for the tests of gradients and of hoisting. */
#ifndef DLC_SCAN_PROGRAMS_H
#define DLC_SCAN_PROGRAMS_H

#include "gradient_check.h"

#define F32(...) type_make(DT_F32, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

enum { MAX_INPUTS = 16 };

static Node *input(Fn *fn, int index, const char *name, Type t)
{
    return fn_input(fn, ROLE_INPUT, index, name, t);
}

static Node *matmul_add(Fn *fn, Node *x, Node *w, Node *h, Node *u)
{
    return node_binary(fn, OP_ADD, node_matmul(fn, x, w), node_matmul(fn, h, u));
}

static Node *gate(Fn *fn, Node *z, int i, int64_t units)
{
    return node_slice_axis(fn, z, 1, i * units, (i + 1) * units, 1);
}

/* ---- programs: each makes its inputs and gives results ------------------------------------------------- */

typedef struct Program {
    const char *name;
    int (*build)(Fn *fn, int variant, Node **result);
    int variants;
    const char *zero; /* by input: '0' where the gradient is zero; NULL: nowhere */
} Program;

/* The LSTM of the standard library: carries h, c; slice x; invariants kernel, recurrent kernel, bias;
 * yields h. */
static int build_lstm(Fn *fn, int variant, Node **result)
{
    static const int64_t sizes[][4] = {{4, 2, 3, 2}, {2, 1, 2, 3}, {3, 3, 1, 1}, {5, 1, 2, 2}, {2, 2, 2, 1}};
    int64_t steps = sizes[variant][0], batch = sizes[variant][1], in = sizes[variant][2],
            units = sizes[variant][3];
    Fn *body = fn_new(fn->a, "lstm");
    Node *h = fn_input(body, ROLE_CARRY, 0, "h", F32(batch, units));
    Node *c = fn_input(body, ROLE_CARRY, 1, "c", F32(batch, units));
    Node *x = fn_input(body, ROLE_SLICE, 0, "x", F32(batch, in));
    Node *kernel = fn_input(body, ROLE_INVARIANT, 0, "kernel", F32(in, 4 * units));
    Node *recurrent = fn_input(body, ROLE_INVARIANT, 1, "recurrent_kernel", F32(units, 4 * units));
    Node *bias = fn_input(body, ROLE_INVARIANT, 2, "bias", F32(4 * units));
    Node *z = matmul_add(body, x, kernel, h, recurrent);
    z = node_binary(body, OP_ADD, z, node_broadcast_trailing(body, bias, z->type));
    Node *i = node_unary(body, OP_SIGMOID, gate(body, z, 0, units)),
         *f = node_unary(body, OP_SIGMOID, gate(body, z, 1, units));
    Node *g = node_unary(body, OP_TANH, gate(body, z, 2, units)),
         *o = node_unary(body, OP_SIGMOID, gate(body, z, 3, units));
    c = node_binary(body, OP_ADD, node_binary(body, OP_MUL, f, c), node_binary(body, OP_MUL, i, g));
    h = node_binary(body, OP_MUL, o, node_unary(body, OP_TANH, c));
    fn_result(body, ROLE_CARRY, 0, "h", h);
    fn_result(body, ROLE_CARRY, 1, "c", c);
    fn_result(body, ROLE_YIELD, 0, "h", h);
    Node *zero = node_full(fn, F32(batch, units), 0);
    Node *in_nodes[] = {zero,
                        zero,
                        input(fn, 0, "x", F32(steps, batch, in)),
                        input(fn, 1, "kernel", kernel->type),
                        input(fn, 2, "recurrent_kernel", recurrent->type),
                        input(fn, 3, "bias", bias->type)};
    Node *scan = node_scan(fn, body, 2, 1, 1, variant == 3, LEN(in_nodes), in_nodes);
    if (variant == 1 || variant == 3) { /* the last state alone */
        result[0] = node_result(fn, scan, 0);
        return 1;
    }
    result[0] = node_result(fn, scan, 2);
    result[1] = node_result(fn, scan, 1);
    return variant == 2 ? 2 : 1;
}

/* Initial values that matter, several slices, a yield besides the carry, either direction; one result
 * unused in variant 2. */
static int build_mixed(Fn *fn, int variant, Node **result)
{
    Fn *body = fn_new(fn->a, "mixed");
    Type t = F32(3);
    Node *a = fn_input(body, ROLE_CARRY, 0, "a", t), *b = fn_input(body, ROLE_CARRY, 1, "b", t);
    Node *x = fn_input(body, ROLE_SLICE, 0, "x", t), *y = fn_input(body, ROLE_SLICE, 1, "y", t);
    Node *w = fn_input(body, ROLE_INVARIANT, 0, "w", t);
    Node *next_a = node_binary(body, OP_ADD, node_binary(body, OP_MUL, a, w), x);
    Node *next_b =
        node_binary(body, OP_MUL, node_unary(body, OP_TANH, node_binary(body, OP_ADD, b, next_a)), y);
    fn_result(body, ROLE_CARRY, 0, "a", next_a);
    fn_result(body, ROLE_CARRY, 1, "b", next_b);
    fn_result(body, ROLE_YIELD, 0, "p", node_binary(body, OP_MUL, a, node_unary(body, OP_EXP, w)));
    fn_result(body, ROLE_YIELD, 1, "q",
              node_binary_const(body, OP_MAX2, node_binary(body, OP_MUL, b, x), 0.011));
    int64_t steps = variant == 1 ? 1 : 4;
    Type ts = F32(steps, 3);
    Node *in[] = {input(fn, 0, "a", t), input(fn, 1, "b", t), input(fn, 2, "x", ts), input(fn, 3, "y", ts),
                  input(fn, 4, "w", t)};
    Node *scan = node_scan(fn, body, 2, 2, 2, variant == 3, LEN(in), in);
    int n = 0;
    for (int i = 0; i < 4; i++)
        if (variant != 2 || i != 1)
            result[n++] = node_result(fn, scan, i);
    if (variant == 4) { /* another user of a result */
        result[n++] = node_unary(fn, OP_EXP, result[2]);
    }
    return n;
}

/* A loop in a loop: rows of x from the left, over rows from the top; the inner loop carries, yields, and
 * reads the outer loop's carry and invariants. */
static int build_nested(Fn *fn, int variant, Node **result)
{
    Type t = F32(2);
    Fn *inner = fn_new(fn->a, "inner");
    Node *s = fn_input(inner, ROLE_CARRY, 0, "s", t), *x = fn_input(inner, ROLE_SLICE, 0, "x", t);
    Node *w = fn_input(inner, ROLE_INVARIANT, 0, "w", F32(2, 2)),
         *h = fn_input(inner, ROLE_INVARIANT, 1, "h", t);
    Node *next =
        node_unary(inner, OP_TANH,
                   node_binary(inner, OP_ADD, node_matmul(inner, s, w), node_binary(inner, OP_MUL, x, h)));
    fn_result(inner, ROLE_CARRY, 0, "s", next);
    fn_result(inner, ROLE_YIELD, 0, "e", node_binary(inner, OP_MUL, next, x));

    Fn *outer = fn_new(fn->a, "outer");
    Node *oh = fn_input(outer, ROLE_CARRY, 0, "h", t),
         *row = fn_input(outer, ROLE_SLICE, 0, "row", F32(3, 2));
    Node *ow = fn_input(outer, ROLE_INVARIANT, 0, "w", F32(2, 2)),
         *s0 = fn_input(outer, ROLE_INVARIANT, 1, "s0", t);
    Node *in[] = {variant == 2 ? node_binary(outer, OP_ADD, oh, s0) : s0, row, ow, oh};
    Node *scan = node_scan(outer, inner, 1, 1, 1, variant == 1, LEN(in), in);
    Node *last = node_result(outer, scan, 0), *all = node_result(outer, scan, 1);
    Node *mean = node_reduce(outer, OP_SUM, all, 1, (int[]){0});
    Node *to =
        node_unary(outer, OP_SIGMOID, node_binary(outer, OP_ADD, node_binary(outer, OP_MUL, oh, last), mean));
    fn_result(outer, ROLE_CARRY, 0, "h", to);
    fn_result(outer, ROLE_YIELD, 0, "y", variant == 3 ? all : node_binary(outer, OP_MUL, to, mean));
    Node *operands[] = {input(fn, 0, "h", t), input(fn, 1, "x", F32(2, 3, 2)), input(fn, 2, "w", F32(2, 2)),
                        input(fn, 3, "s0", t)};
    Node *outside = node_scan(fn, outer, 1, 1, 1, variant == 3, LEN(operands), operands);
    result[0] = node_result(fn, outside, 0);
    result[1] = node_result(fn, outside, 1);
    return 2;
}

/* Carries of integers, booleans on the way, a gather from an invariant table by a counter, a carry that
 * forgets, a carry passed through, a slice yielded as it is. */
static int build_odd(Fn *fn, int variant, Node **result)
{
    Fn *body = fn_new(fn->a, "odd");
    Type t = F32(2), count_type = type_scalar(DT_I32);
    Node *count = fn_input(body, ROLE_CARRY, 0, "count", count_type),
         *m = fn_input(body, ROLE_CARRY, 1, "m", t);
    Node *still = fn_input(body, ROLE_CARRY, 2, "still", t);
    fn_input(body, ROLE_CARRY, 3, "last", t);
    Node *x = fn_input(body, ROLE_SLICE, 0, "x", t),
         *table = fn_input(body, ROLE_INVARIANT, 0, "table", F32(4, 2));
    Node *row = node_gather(body, table, node_check_index(body, count, 4));
    Node *up = node_binary(body, OP_LT, m, x);
    Node *next = node_select(body, up, node_binary(body, OP_MUL, x, row),
                             node_binary(body, OP_ADD, m, node_binary(body, OP_MUL, row, row)));
    fn_result(body, ROLE_CARRY, 0, "count", node_binary(body, OP_ADD, count, node_const(body, DT_I32, 1)));
    fn_result(body, ROLE_CARRY, 1, "m", node_binary(body, OP_MUL, next, still));
    fn_result(body, ROLE_CARRY, 2, "still", still);
    fn_result(body, ROLE_CARRY, 3, "last", node_unary(body, OP_EXP, x));
    fn_result(body, ROLE_YIELD, 0, "x", x);
    fn_result(body, ROLE_YIELD, 1, "m", m);
    fn_result(body, ROLE_YIELD, 2, "up", node_cast(body, up, DT_F32));
    Node *in[] = {node_const(fn, DT_I32, 0), input(fn, 0, "m", t),         input(fn, 1, "still", t),
                  input(fn, 2, "last", t),   input(fn, 3, "x", F32(4, 2)), input(fn, 4, "table", F32(4, 2))};
    Node *scan = node_scan(fn, body, 4, 1, 3, variant == 1, LEN(in), in);
    for (int i = 0; i < 6; i++)
        result[i] = node_result(fn, scan, i + 1);
    return 6;
}

/* Convolution, pooling and softmax in the body; cotangents that do not change along the steps. */
static int build_image(Fn *fn, int variant, Node **result)
{
    Fn *body = fn_new(fn->a, "image");
    Node *state = fn_input(body, ROLE_CARRY, 0, "state", F32(1, 4, 2)),
         *x = fn_input(body, ROLE_SLICE, 0, "x", F32(1, 4, 2));
    Node *w = fn_input(body, ROLE_INVARIANT, 0, "w", F32(3, 2, 2));
    Attr conv = {.conv = {1, {1}, {1}, {1}, {1}, {1}, 1}};
    Node *y = node_conv(body, variant ? node_binary(body, OP_ADD, x, state) : x, w, &conv);
    Node *pooled = node_reduce(body, OP_MAX, node_window(body, y, 1, 2, 2, 1), 1, (int[]){2});
    Node *e = node_unary(body, OP_EXP, pooled);
    Node *sum = node_insert_axis(body, node_reduce(body, OP_SUM, e, 1, (int[]){2}), 2, 2);
    fn_result(body, ROLE_CARRY, 0, "state", node_binary(body, OP_ADD, state, node_unary(body, OP_TANH, y)));
    fn_result(body, ROLE_YIELD, 0, "p", node_binary(body, OP_DIV, e, sum));
    Node *in[] = {input(fn, 0, "state", F32(1, 4, 2)), input(fn, 1, "x", F32(3, 1, 4, 2)),
                  input(fn, 2, "w", F32(3, 2, 2))};
    Node *scan = node_scan(fn, body, 1, 1, 1, false, LEN(in), in);
    result[0] = node_result(fn, scan, 0);
    result[1] = node_reduce(fn, OP_SUM, node_unary(fn, OP_EXP, node_result(fn, scan, 1)), 1, (int[]){0});
    return 2;
}

/* No carry at all, and a rule for each operation: the loop vanishes. Variant 1 runs backwards. */
static int build_map(Fn *fn, int variant, Node **result)
{
    Fn *body = fn_new(fn->a, "map");
    Node *x = fn_input(body, ROLE_SLICE, 0, "x", F32(2, 3)),
         *y = fn_input(body, ROLE_SLICE, 1, "y", F32(2, 4, 2));
    Node *w = fn_input(body, ROLE_INVARIANT, 0, "w", F32(3, 4)),
         *k = fn_input(body, ROLE_INVARIANT, 1, "k", F32(3, 2, 2));
    Node *table = fn_input(body, ROLE_INVARIANT, 2, "table", F32(3, 2));
    Node *xw = node_matmul(body, x, w); /* [2, 4] */
    Node *wx = node_matmul(body, node_permute(body, w, (int[]){1, 0}), node_permute(body, x, (int[]){1, 0}));
    Attr rows = {.dot = {1, 1, {0}, {0}, {1}, {1}}};
    Node *xy = node_dot(body, xw, y, &rows); /* [2, 2]: both differ, with a batch axis */
    Attr stack = {.dot = {1, 1, {0}, {0}, {2}, {1}}};
    Node *wy =
        node_dot(body, node_insert_axis(body, k, 0, 2), node_permute(body, y, (int[]){0, 2, 1}), &stack);
    Attr conv = {.conv = {1, {1}, {1}, {1}, {1}, {1}, 1}};
    Node *c = node_conv(body, y, k, &conv);                                              /* [2, 4, 2] */
    Node *windows = node_window(body, node_reverse(body, c, 1, (int[]){1}), 1, 2, 1, 1); /* [2, 3, 2, 2] */
    Node *pooled = node_reduce(body, OP_MAX, windows, 1, (int[]){2});                    /* [2, 3, 2] */
    Node *folded = node_fold(body, windows, 1, 1, 1, 4);                                 /* [2, 4, 2] */
    Node *padded =
        node_pad(body, pooled, (int64_t[]){0, 1, 0}, (int64_t[]){0, 0, 0}, (int64_t[]){0, 0, 0}, 0.5);
    Node *first = node_reduce(body, OP_ARGMAX, x, 1, (int[]){1});
    Node *rowsof = node_gather(body, table, node_check_index(body, first, 3)); /* [2, 2] */
    Node *both = node_concat(
        body, 3, (Node *[]){padded, folded, node_broadcast(body, xy, F32(2, 1, 2), (int[]){0, 2})}, 1);
    fn_result(body, ROLE_YIELD, 0, "a", node_unary(body, OP_TANH, xw));
    fn_result(body, ROLE_YIELD, 1, "b", node_binary(body, OP_MUL, wx, node_permute(body, xw, (int[]){1, 0})));
    fn_result(body, ROLE_YIELD, 2, "c", node_slice_axis(body, both, 1, 0, 9, 2));
    fn_result(body, ROLE_YIELD, 3, "d", node_binary(body, OP_ADD, rowsof, xy));
    fn_result(body, ROLE_YIELD, 4, "e", node_reshape(body, wy, 1, (int64_t[]){48}));
    Node *in[] = {input(fn, 0, "x", F32(3, 2, 3)), input(fn, 1, "y", F32(3, 2, 4, 2)),
                  input(fn, 2, "w", F32(3, 4)), input(fn, 3, "k", F32(3, 2, 2)),
                  input(fn, 4, "table", F32(3, 2))};
    Node *scan = node_scan(fn, body, 0, 2, 5, variant == 1, LEN(in), in);
    for (int i = 0; i < 5; i++)
        result[i] = node_result(fn, scan, i);
    return 5;
}

/* Values of eight axes in the body: one more for the steps does not fit. */
static int build_deep(Fn *fn, int variant, Node **result)
{
    Fn *body = fn_new(fn->a, "deep");
    Type t = F32(2, 1, 1, 2, 1, 1, 1), deep = type_insert(t, 3, 1);
    Node *h = fn_input(body, ROLE_CARRY, 0, "h", t), *sum = fn_input(body, ROLE_CARRY, 1, "sum", t);
    Node *x = fn_input(body, ROLE_SLICE, 0, "x", t), *w = fn_input(body, ROLE_INVARIANT, 0, "w", t);
    Node *wide = node_reshape(body, node_binary(body, OP_ADD, h, x), 8, deep.dim);
    Node *y = node_binary(body, OP_MUL, node_unary(body, OP_TANH, wide), node_reshape(body, w, 8, deep.dim));
    Node *next = node_reshape(body, variant ? node_unary(body, OP_SIGMOID, y) : y, 7, t.dim);
    fn_result(body, ROLE_CARRY, 0, "h", next);
    fn_result(body, ROLE_CARRY, 1, "sum", node_binary(body, OP_ADD, sum, next));
    Type ts = type_insert(t, 0, 3);
    Node *in[] = {input(fn, 0, "h", t), node_full(fn, t, 0), input(fn, 1, "x", ts), input(fn, 2, "w", t)};
    result[0] = node_result(fn, node_scan(fn, body, 2, 1, 0, false, LEN(in), in), 1);
    return 1;
}

/* Carries that only add up, of every kind, beside one that goes on. */
static int build_sums(Fn *fn, int variant, Node **result)
{
    enum { SUMS = 7 };
    Fn *body = fn_new(fn->a, "sums");
    const Type types[SUMS] = {F32(2, 3), F32(1, 2, 4), F32(4, 2), F32(2, 3), F32(3, 2), F32(2), F32(2)};
    Node *sum[SUMS], *f[SUMS];
    for (int i = 0; i < SUMS; i++)
        sum[i] = fn_input(body, ROLE_CARRY, i, NULL, types[i]);
    Node *h = fn_input(body, ROLE_CARRY, SUMS, "h", F32(2)), *x = fn_input(body, ROLE_SLICE, 0, "x", F32(2));
    Node *y = fn_input(body, ROLE_SLICE, 1, "y", F32(3)),
         *image = fn_input(body, ROLE_SLICE, 2, "image", F32(1, 4, 4));
    Node *w = fn_input(body, ROLE_INVARIANT, 0, "w", F32(2)),
         *v = fn_input(body, ROLE_INVARIANT, 1, "v", F32(2, 3));
    Node *next = node_unary(body, OP_TANH, node_binary(body, OP_ADD, node_binary(body, OP_MUL, h, w), x));
    Attr outer = {.dot = {0}}, conv = {.conv = {1, {2}, {0}, {0}, {1}, {1}, 2}};
    Node *product = node_dot(body, next, y, &outer); /* [2, 3] */
    Node *index = node_cast(body, node_binary_const(body, OP_LT, x, 0), DT_I32);
    f[0] = product;
    f[1] = node_conv(body, image, node_broadcast(body, next, F32(2, 2, 4), (int[]){0}), &conv);
    f[2] = node_scatter_add(body, node_check_index(body, index, 4),
                            node_broadcast(body, next, F32(2, 2), (int[]){0}), 4);
    f[3] = node_binary(body, OP_MUL, v, node_reverse(body, node_unary(body, OP_NEG, product), 1, (int[]){1}));
    f[4] = node_binary(
        body, OP_SUB, node_permute(body, product, (int[]){1, 0}),
        node_broadcast(body, node_reduce(body, OP_SUM, product, 1, (int[]){0}), F32(3, 2), (int[]){0}));
    f[5] = node_unary(body, OP_EXP, next);
    f[6] = w;
    for (int i = 0; i < SUMS; i++)
        fn_result(body, ROLE_CARRY, i, NULL,
                  i == 3  ? node_binary(body, OP_SUB, sum[i], f[i])
                  : i % 2 ? node_binary(body, OP_ADD, f[i], sum[i])
                          : node_binary(body, OP_ADD, sum[i], f[i]));
    fn_result(body, ROLE_CARRY, SUMS, "h", next);
    Node *in[SUMS + 6];
    for (int i = 0; i < SUMS; i++)
        in[i] = i == 1 ? node_full(fn, types[i], 0) : input(fn, i, NULL, types[i]);
    in[SUMS] = input(fn, SUMS, "h", F32(2));
    in[SUMS + 1] = input(fn, SUMS + 1, "x", F32(5, 2));
    in[SUMS + 2] = input(fn, SUMS + 2, "y", F32(5, 3));
    in[SUMS + 3] = input(fn, SUMS + 3, "image", F32(5, 1, 4, 4));
    in[SUMS + 4] = input(fn, SUMS + 4, "w", F32(2));
    in[SUMS + 5] = input(fn, SUMS + 5, "v", F32(2, 3));
    Node *scan = node_scan(fn, body, SUMS + 1, 3, 0, variant == 1, LEN(in), in);
    for (int i = 0; i < SUMS + 1; i++)
        result[i] = node_result(fn, scan, i);
    return SUMS + 1;
}

static const Program programs[] = {
    {"lstm", build_lstm, 5, NULL},  {"mixed", build_mixed, 5, NULL}, {"nested", build_nested, 4, NULL},
    {"odd", build_odd, 2, "--0--"}, {"image", build_image, 2, NULL}, {"map", build_map, 2, NULL},
    {"sums", build_sums, 2, NULL},  {"deep", build_deep, 2, NULL},
};

/* ---- losses -------------------------------------------------------------------------------------------- */

static Node *weighed(Fn *fn, int index, Node *x)
{
    int axis[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        axis[i] = i;
    Node *product = node_binary(fn, OP_MUL, x, fn_input(fn, ROLE_TARGET, index, NULL, x->type));
    return node_reduce(fn, OP_SUM, product, x->type.rank, axis);
}

static Node *sum_of(Fn *fn, int first, int n, Node *const *x)
{
    Node *sum = weighed(fn, first, x[0]);
    for (int i = 1; i < n; i++)
        sum = node_binary(fn, OP_ADD, sum, weighed(fn, first + i, x[i]));
    return sum;
}

#endif
