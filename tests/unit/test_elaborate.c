/* SPDX-License-Identifier: MIT */
/* test_elaborate.c: what expressions and statements of the language compute, against values worked out by
 * hand. */
#include "elaborate_check.h"

/* ---- one input, one output, two examples --------------------------------------------------------------- */

typedef struct Case {
    const char *text; /* model body; a definition may stand before a line `--` */
    double in[24];
    int nout;
    double out[24];
} Case;

static const char *model_of(Arena *a, const char *text)
{
    const char *cut = strstr(text, "--\n");
    return cut ? arena_printf(a, "%.*s\nmodel t {\n%s\n}\n", (int)(cut - text), text, cut + 3)
               : arena_printf(a, "model t {\n%s\n}\n", text);
}

static void check_case(const Case *c)
{
    Arena *a = arena_new();
    Built b = build(model_of(a, c->text), 2, false);
    Given x = {"x", c->in};
    Value *out = run_fn(&b, b.m->infer, &x, 1);
    assert_non_null(out);
    check_values(c->text, out[0], c->out, c->nout, 1e-6);
    done(b);
    arena_free(a);
}

static void check_cases(const Case *cases, int n)
{
    for (int i = 0; i < n; i++)
        check_case(&cases[i]);
}

static void test_arithmetic(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[2]; output y = x * 2 + 1", {1, 2, 3, 4}, 4, {3, 5, 7, 9}},
        {"input x: f32[2]; output y = 7 // 2 + x ^ 2 - 6 / 4", {1, 2, 3, 4}, 4, {2.5, 5.5, 10.5, 17.5}},
        {"input x: f32[2]; output y = -x ^ 2", {1, 2, 3, 4}, 4, {-1, -4, -9, -16}},
        {"input x: f32[2]; output y = x // 2 + x % 2", {5, -1, 2.5, 4}, 4, {3, 0, 1.5, 2}},
        {"input x: i32[2]; output y = x // 2 * 10 + x % 2", {5, -1, -4, 4}, 4, {21, -9, -20, 20}},
        {"input x: f32[2]; output y = 2 ^ x", {1, 2, 3, 4}, 4, {2, 4, 8, 16}},
        {"input x: f32[2]; output y = x ^ 0.5 + x ^ 1.5", {1, 4, 9, 16}, 4, {2, 10, 30, 68}},
        {"input x: f32[2]; output y = where(x > 2 and not (x == 4), x, -1)",
         {1, 2, 3, 4},
         4,
         {-1, -1, 3, -1}},
        {"input x: f32[2]; output y = x * where(x > 2, 1, where(x > 1, -1, 0))",
         {1, 2, 3, 4},
         4,
         {0, -2, 3, 4}},
        {"input x: f32[2]; output y = where(x >= 2 or x != x, 1, 0)", {1, 2, 3, 4}, 4, {0, 1, 1, 1}},
        {"input x: f32[2]; output y = max(x, 2) * min(x, 3)", {1, 2, 3, 4}, 4, {2, 4, 9, 12}},
        {"input x: i32[2]; output y = cast(x, f32) / 2", {1, 2, 3, 4}, 4, {0.5, 1, 1.5, 2}},
        {"input x: f32[2]; output y = floor(x) + abs(x)", {-1.5, 2, 3.25, 0}, 4, {-0.5, 4, 6.25, 0}},
        {"input x: f32[]; output y = x + [1, 2, 3]", {1, 10}, 6, {2, 3, 4, 11, 12, 13}},
        {"input x: f32[2]; output y = sin(x) ^ 2 + cos(x) ^ 2", {0, 1, -2, 1e9}, 4, {1, 1, 1, 1}},
        {"input x: f32[1]; output y = sin(x * sin(pi / 2) + cos(pi))", {1, 3}, 2, {0, 0.90929743}},
        {"input x: f32[2]; output y = rsqrt(x) + rsqrt(4)", {1, 4, 0.25, 100}, 4, {1.5, 1, 2.5, 0.6}},
        {"input x: f32[2]; output y = log1p(expm1(x)) + log1p(expm1(1))",
         {1, 1e-12, -3, 5},
         4,
         {2, 1 + 1e-12, -2, 6}},
        {"input x: f32[2]; output y = full(sqrt(4), [2]) + log(exp(1)) * x", {1, 2, 3, 4}, 4, {3, 4, 5, 6}},
    };
    check_cases(cases, LEN(cases));
}

static void test_broadcasting(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[2, 2]; output y = x - mean(x, axis = -1, keepdims = true)",
         {1, 3, 5, 9, 0, 2, 4, 4},
         8,
         {-1, 1, -2, 2, -1, 1, 0, 0}},
        {"input x: f32[2]; output y = reshape(x, [2, 1]) * x", {1, 2, 3, 4}, 8, {1, 2, 2, 4, 9, 12, 12, 16}},
        {"input x: f32[2]; output y = x + full(1, [2, 2])", {1, 2, 3, 4}, 8, {2, 3, 2, 3, 4, 5, 4, 5}},
        {"input x: f32[2]; output y = broadcast_to(sum(x), [3])", {1, 2, 3, 4}, 6, {3, 3, 3, 7, 7, 7}},
        {"input x: f32[1]; output y = full(5, [2])", {0, 0}, 4, {5, 5, 5, 5}},
    };
    check_cases(cases, LEN(cases));
}

static void test_reductions(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[2, 2]; output y = sum(x)", {1, 2, 3, 4, 5, 6, 7, 8}, 2, {10, 26}},
        {"input x: f32[2, 2]; output y = sum(x, axis = 0)", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {4, 6, 12, 14}},
        {"input x: f32[2, 2]; output y = mean(x, axis = [0, -1])", {1, 2, 3, 4, 5, 6, 7, 8}, 2, {2.5, 6.5}},
        {"input x: f32[2, 2]; output y = max(x, axis = 1) - min(x)",
         {1, 2, 3, 4, 5, 6, 7, 9},
         4,
         {1, 3, 1, 4}},
        {"input x: f32[3]; output y = argmax(x) * 10 + argmin(x)", {1, 5, 5, 3, 2, 9}, 2, {10, 21}},
        {"input x: f32[3]; output y = argmax(x) == 1", {1, 5, 5, 3, 2, 9}, 2, {1, 0}},
    };
    check_cases(cases, LEN(cases));
}

static void test_products(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[2]; output y = x @ x", {1, 2, 3, 4}, 2, {5, 25}},
        {"input x: f32[2]; output y = x @ [[1, 2, 3], [4, 5, 6]]", {1, 2, 3, 4}, 6, {9, 12, 15, 19, 26, 33}},
        {"input x: f32[2]; output y = [[1, 2], [3, 4], [5, 6]] @ x",
         {1, 2, 3, 4},
         6,
         {5, 11, 17, 11, 25, 39}},
        {"input x: f32[2, 2]; output y = x @ transpose(x)",
         {1, 2, 3, 4, 0, 1, 1, 0},
         8,
         {5, 11, 11, 25, 1, 0, 0, 1}},
        {"input x: f32[2, 2]; output y = [[1, 1]] @ x", {1, 2, 3, 4, 0, 1, 1, 0}, 4, {4, 6, 1, 1}},
        {"input x: f32[2, 2]; output y = x @ x[0]", {1, 2, 3, 4, 0, 1, 1, 0}, 4, {5, 11, 1, 0}},
        {"input x: f32[2, 1, 2]; output y = x @ [[1], [10]]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {21, 43, 65, 87}},
        {"input x: f32[2, 1, 2]; output y = [[2, 0], [0, 3]] @ transpose(x)",
         {1, 2, 3, 4, 5, 6, 7, 8},
         8,
         {2, 6, 6, 12, 10, 18, 14, 24}},
    };
    check_cases(cases, LEN(cases));
}

static void test_moves(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[2, 2]; output y = flatten(transpose(x))",
         {1, 2, 3, 4, 5, 6, 7, 8},
         8,
         {1, 3, 2, 4, 5, 7, 6, 8}},
        {"input x: f32[2, 1, 2]; output y = permute(x, [2, 0, 1])",
         {1, 2, 3, 4, 5, 6, 7, 8},
         8,
         {1, 3, 2, 4, 5, 7, 6, 8}},
        {"input x: f32[4]; output y = reshape(x, [2, -1])[1]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {3, 4, 7, 8}},
        {"input x: f32[2]; output y = concat([x, [9], x])", {1, 2, 3, 4}, 10, {1, 2, 9, 1, 2, 3, 4, 9, 3, 4}},
        {"input x: f32[2]; output y = stack([x, -x], axis = 1)",
         {1, 2, 3, 4},
         8,
         {1, -1, 2, -2, 3, -3, 4, -4}},
        {"input x: f32[4]; a, b = split(x, 2); output y = a - b",
         {1, 2, 3, 5, 5, 6, 7, 9},
         4,
         {-2, -3, -2, -3}},
        {"input x: f32[2, 2]; a, b = split(x, 2, axis = 1); output y = a + b",
         {1, 2, 3, 4, 5, 6, 7, 8},
         4,
         {3, 7, 11, 15}},
        {"input x: f32[2]; output y = pad(x, [[1, 2]], 7)", {1, 2, 3, 4}, 10, {7, 1, 2, 7, 7, 7, 3, 4, 7, 7}},
        {"input x: f32[3]; output y = reverse(x)", {1, 2, 3, 4, 5, 6}, 6, {3, 2, 1, 6, 5, 4}},
        {"input x: f32[3]; output y = window(x, 0, 2)", {1, 2, 3, 4, 5, 6}, 8, {1, 2, 2, 3, 4, 5, 5, 6}},
    };
    check_cases(cases, LEN(cases));
}

static void test_indexing(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[3]; output y = x[0] + x[-1]", {1, 2, 3, 4, 5, 6}, 2, {4, 10}},
        {"input x: f32[3]; output y = x[1:]", {1, 2, 3, 4, 5, 6}, 4, {2, 3, 5, 6}},
        {"input x: f32[3]; output y = x[::2] * x[:-1]", {1, 2, 3, 4, 5, 6}, 4, {1, 6, 16, 30}},
        {"input x: f32[4]; output y = x[::-2]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {4, 2, 8, 6}},
        {"input x: f32[4]; output y = x[2:0:-1]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {3, 2, 7, 6}},
        {"input x: f32[2, 2]; output y = x[..., 1]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {2, 4, 6, 8}},
        {"input x: f32[2, 2]; output y = x[1, :]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {3, 4, 7, 8}},
        {"input x: f32[3]; output y = x[argmax(x)]", {1, 5, 2, 4, 3, 6}, 2, {5, 6}},
        {"input x: i32[2]; t = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]; output y = t[x]",
         {0, 2, 1, 1},
         8,
         {1, 2, 5, 6, 3, 4, 3, 4}},
        {"input x: i32[]; t = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]; output y = t[:, x]",
         {0, 2},
         4,
         {1, 4, 3, 6}},
        {"input x: f32[2, 2]; output y = x[:, iota(2)[1]]", {1, 2, 3, 4, 5, 6, 7, 8}, 4, {2, 4, 6, 8}},
        {"input x: f32[3]; i = 0; output y = x[iota(3)[1]]", {1, 2, 3, 4, 5, 6}, 2, {2, 5}},
    };
    check_cases(cases, LEN(cases));
}

/* ---- layers, dims, names ------------------------------------------------------------------------------- */

static void test_layers(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"layer add(a: f32[..., D], b: f32[D]; by = 1) -> f32[..., D] { return a + b * by * D }\n--\n"
         "input x: f32[2]; output y = add(x, [1, 2], by = 10)",
         {1, 2, 3, 4},
         4,
         {21, 42, 23, 44}},
        {"layer two(a: f32[D]) { return a, -a }\n--\ninput x: f32[2]; p, q = two(x); output y = p - q",
         {1, 2, 3, 4},
         4,
         {2, 4, 6, 8}},
        {"layer outer(a: f32[T, D]; n) -> f32[T - n + 1, D] { return a[n - 1:] }\n--\n"
         "input x: f32[3, 1]; output y = x |> outer(2)",
         {1, 2, 3, 4, 5, 6},
         4,
         {2, 3, 5, 6}},
        {"layer even(; n) { if n % 2 == 0 { return 1 } else { return 0 } }\n--\n"
         "input x: f32[1]; output y = x + even(4) + 10 * even(3)",
         {1, 2},
         2,
         {2, 3}},
        {"layer f(a: f32[D]; k = D + 1) { return a * k }\n--\ninput x: f32[2]; output y = f(x)",
         {1, 2, 3, 4},
         4,
         {3, 6, 9, 12}},
        {"const N = 3\nconst M = N * 2\n--\ninput x: f32[1]; output y = x * M", {1, 2}, 2, {6, 12}},
        {"layer f(a: f32[]) { return a + 1 }\n--\ninput x: f32[]; output y = f(x) + f(2)", {1, 2}, 2, {5, 6}},
        {"input x: f32[2]; y = x; repeat 3 { y = y * 2 }; output z = y", {1, 2, 3, 4}, 4, {8, 16, 24, 32}},
        {"input x: f32[2]; n = 0; repeat 4 { n = n + 2 }; output z = x + n",
         {1, 2, 3, 4},
         4,
         {9, 10, 11, 12}},
        {"input x: f32[1]; y = training ? x : -x; if not training and 2 > 1 { y = y * 2 }; output z = y",
         {1, 2},
         2,
         {-2, -4}},
        {"input x: f32[2, 3]; require shape(x)[1:] == [3] and ndim(x) == 2 and size(x) == 6 and len(x) == 2, "
         "\"no\"\n"
         "output y = sum(x)",
         {1, 2, 3, 4, 5, 6, 1, 1, 1, 1, 1, 1},
         2,
         {21, 6}},
        {"layer relu(a: f32[...]) { return a * 0 }\n--\ninput x: f32[2]; output y = relu(x) + leaky_relu(x)",
         {1, -10, 3, 4},
         4,
         {1, -3, 3, 4}},
    };
    check_cases(cases, LEN(cases));
}

static void test_layers_as_attributes(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"layer f(a: f32[D]; g = abs) { return g(a) + 10 }\n--\n"
         "input x: f32[2]; output y = f(x) + 100 * f(x, relu)",
         {1, -2, 3, 4},
         4,
         {1111, 1012, 1313, 1414}},
        {"layer f(a: f32[D]; g = leaky_relu(negative_slope = 0.5)) { return g(a) }\n"
         "layer h(a: f32[D]; g) { return f(a, g) + f(a) }\n--\n"
         "input x: f32[2]; output y = h(x, leaky_relu(0.25))",
         {1, -4, 3, 4},
         4,
         {2, -3, 6, 8}},
        {"layer f(a: f32[D]; g = D > 2 ? relu : D > 1 ? abs : none) { return g == none ? a : g(a) }\n--\n"
         "input x: f32[2]; output y = f(x) + f(x[:1]) + f(x, training ? abs : leaky_relu(1))",
         {1, -2, 3, 4},
         4,
         {3, 1, 9, 11}},
        {"layer times(a: f32[D], b: f32[D]; k) { return k * a * b }\n"
         "layer f(a: f32[D]; g) { t = for v in a { yield sum(g([v], [v])) }; return t }\n--\n"
         "input x: f32[2]; output y = f(x, times(3))",
         {1, 2, 3, 4},
         4,
         {3, 12, 27, 48}},
        {"layer relu(a: f32[D]) { return a + 1 }\nlayer f(a: f32[D]; g) { return g(a) }\n--\n"
         "input x: f32[2]; output y = f(x, relu)",
         {1, 2, 3, 4},
         4,
         {2, 3, 4, 5}},
        {"initializer twice(shape, of = ones(), by = 2) { return by * of(shape) }\n"
         "layer f(a: f32[D]; init) { param w: f32[D] = init(); return w * a }\n--\n"
         "input x: f32[2]; output y = f(x, twice(constant(0.5))) + f(x, init = twice(by = 3))",
         {1, 2, 3, 4},
         4,
         {4, 8, 12, 16}},
    };
    check_cases(cases, LEN(cases));
}

static void test_tensors_with_defaults(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"layer f(a: f32[D], b: f32[D] = none; by = 2) { return b == none ? a * by : a * by + b }\n--\n"
         "input x: f32[2]; output y = f(x) + f(x, 3) + 100 * f(x, 4, b = x) + 1000 * f(x, b = none)",
         {1, 2, 3, 4},
         4,
         {2505, 5010, 7515, 10020}},
        {"layer f(a: f32[D], b: f32[n] = 10 + full(0, [n]), c: f32[D] = a; n = D + 1) { return a * sum(b) + c }\n--\n"
         "input x: f32[1]; output y = f(x) + f(x, 3, c = [100]) + f(x, n = 1, b = [7])",
         {1, 2},
         2,
         {159, 218}},
        {"layer g(a: f32[D], m: bool[D] = none; k) { return m != none ? where(m, a, k) : a }\n"
         "layer f(a: f32[D], m: bool[D] = none; h = g(5)) { return h(a, m = m) }\n--\n"
         "input x: f32[2]; output y = f(x) + f(x, m = x > 2)",
         {1, 2, 3, 4},
         4,
         {6, 7, 6, 8}},
    };
    check_cases(cases, LEN(cases));
}

static void check_names(const char *text, const char *const *names, int n)
{
    Built b = build(text, 2, false);
    assert_int_equal(b.m->params.n, n);
    for (int i = 0; i < n; i++)
        assert_string_equal(b.m->params.at[i].name, names[i]);
    done(b);
}

static void test_names_of_parameters(void **state)
{
    (void)state;
    static const char *const names[] = {"dense_1.kernel",     "dense_1.bias",
                                        "hidden.kernel",      "dense_2.kernel",
                                        "dense_2.bias",       "block_1.dense_1.kernel",
                                        "block_1.out.kernel", "block_2.dense_1.kernel",
                                        "block_2.out.kernel", "scale"};
    check_names(
        "layer block(x: f32[D]) { return x |> dense(D, use_bias = false) |> dense(D, use_bias = false) as out }\n"
        "model t {\n input x: f32[3]\n h = x |> dense(4) |> dense(2, use_bias = false) as hidden |> "
        "dense(3)\n"
        " repeat 2 { h = block(h) }\n param scale: f32[] = 2\n output y = h * scale\n}\n",
        names, LEN(names));
    static const char *const passed[] = {"f_1.there.kernel", "f_1.there.bias", "f_1.dense_1.kernel"};
    check_names("layer f(x: f32[D]; layer, last) { return last(layer(x) as there) }\n"
                "model t {\n input x: f32[3]\n output y = f(x, dense(3), dense(2, use_bias = false))\n}\n",
                passed, LEN(passed));
    static const char *const repeated[] = {"block_1.kernel", "block_2.kernel", "block_3.kernel"};
    check_names(
        "model t {\n input x: f32[3]\n repeat 3 { x = dense(x, 3, use_bias = false) as block }\n output y = x\n}\n",
        repeated, 3);
}

static void test_parameters_by_path(void **state)
{
    (void)state;
    Built b = build("layer tied(x: f32[D], kernel: f32[D, D]) { return x @ transpose(kernel) }\n"
                    "model t {\n input x: f32[2]\n h = dense(x, 2, use_bias = false) as hidden\n output y = tied(x, "
                    "hidden.kernel) - x\n}\n",
                    1, false);
    assert_int_equal(b.m->params.n, 1);
    const double x[] = {1, 2}, kernel[] = {1, 2, 3, 4}, want[] = {4, 9};
    memcpy(b.param[0].at, kernel, sizeof kernel);
    Given given = {"x", x};
    check_values("tied", run_fn(&b, b.m->infer, &given, 1)[0], want, 2, 1e-12);
    done(b);
}

static void test_initial_values_depend_on_the_path_alone(void **state)
{
    (void)state;
    Built x = build("model t {\n input x: f32[3]\n output y = dense(x, 4) as b\n}\n", 1, false);
    Built y = build("model t {\n input x: f32[3]\n h = dense(x, 3) as a\n output y = dense(h, 4) as b\n}\n",
                    1, false);
    Value u = x.param[param_index(&x, "b.kernel")], v = y.param[param_index(&y, "b.kernel")];
    Value w = y.param[param_index(&y, "a.kernel")];
    check_values("b.kernel", v, u.at, 12, 0);
    assert_true(fabs(u.at[0] - w.at[0]) > 1e-9);
    done(x);
    done(y);
}

static void test_settings(void **state)
{
    (void)state;
    Setting set[] = {{"N", "2 * 4"}};
    Built b = try_build("const N = 3\nmodel t { input x: f32[N]; output y = sum(x) }",
                        (ElaborateOptions){.batch = 1, .train_batch = 1, .set = set, .nset = 1});
    assert_string_equal(diag_text(b.d, b.a), "");
    assert_int_equal(b.m->inputs.at[0].type.dim[0], 8);
    done(b);
}

/* ---- loops --------------------------------------------------------------------------------------------- */

static void test_loops(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"input x: f32[3]; s = 0; y = for a in x { s = s + a; yield s }; output z = y",
         {1, 2, 3, 4, 5, 6},
         6,
         {1, 3, 6, 4, 9, 15}},
        {"input x: f32[3]; s = 0; for a in x { s = s + a }; output z = s", {1, 2, 3, 4, 5, 6}, 2, {6, 15}},
        {"input x: f32[2, 2]; y = for a in x { yield sum(a) }; output z = y",
         {1, 2, 3, 4, 5, 6, 7, 8},
         4,
         {3, 7, 11, 15}},
        {"input x: f32[]; a = x; b = x; for i in iota(5) { a, b = step(a, b) }; output z = b",
         {1, 2},
         2,
         {13, 26}},
        {"input x: f32[2]; h = full(0, [2]); hs = for i in iota(3) { h = h + x * cast(i, f32); yield h }; "
         "output z = hs",
         {1, 2, 3, 4},
         12,
         {0, 0, 1, 2, 3, 6, 0, 0, 3, 4, 9, 12}},
        {"input x: f32[3]; for a in x { last = a * 2 }; output z = last", {1, 2, 3, 4, 5, 6}, 2, {6, 12}},
        {"input x: f32[2, 2]; t = 0; for row in x { for a in row { t = t * 2 + a } }; output z = t",
         {1, 2, 3, 4, 0, 1, 0, 1},
         2,
         {26, 5}},
        {"input x: f32[2, 2]; y = for row in x { p = 0; q = for a in row { p = p + a; yield p }; yield q }; "
         "output z = y",
         {1, 2, 3, 4, 5, 6, 7, 8},
         8,
         {1, 3, 3, 7, 5, 11, 7, 15}},
        {"input x: f32[2]; p, q = for a in x, b in reverse(x) { yield a - b, a + b }; output z = p * q",
         {1, 2, 3, 5},
         4,
         {-3, 3, -16, 16}},
        {"input x: f32[2]; n = 0; for a in x { n = n + 1 }; output z = x * cast(n, f32)",
         {1, 2, 3, 5},
         4,
         {2, 4, 6, 10}},
        {"input x: f32[2]; u = 0; for v in [[1.0, 2], [3, 4], [5, 6]] { u = u + v }; output z = x + u",
         {1, 2, 3, 5},
         4,
         {10, 14, 12, 17}},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Case c = cases[i];
        Arena *a = arena_new();
        if (strstr(c.text, "step("))
            c.text = arena_printf(a, "layer step(a: f32[], b: f32[]) { return b, a + b }\n--\n%s", c.text);
        check_case(&c);
        arena_free(a);
    }
}

static void test_layer_in_a_loop_has_one_set_of_parameters(void **state)
{
    (void)state;
    Built b = build("model t {\n input x: f32[3, 2]\n ys = for a in x { yield dense(a, 2) as inner }\n "
                    "output y = ys\n}\n",
                    2, false);
    assert_int_equal(b.m->params.n, 2);
    assert_string_equal(b.m->params.at[0].name, "inner.kernel");
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, kernel[] = {0, 1, 1, 0};
    const double want[] = {2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11};
    memcpy(b.param[0].at, kernel, sizeof kernel);
    Given given = {"x", x};
    check_values("loop", run_fn(&b, b.m->infer, &given, 1)[0], want, 12, 1e-12);
    done(b);
}

/* A node's name is that of the variable, qualified by the path of its layer. */
static void test_nodes_are_named(void **state)
{
    (void)state;
    Built b = build("layer f(x: f32[D]) {\n t = x * 2\n return t + 1\n}\n"
                    "model m {\n input x: f32[3]\n u = f(x) as g\n output y = u * u\n}\n",
                    1, false);
    bool t = false, u = false;
    for (int i = 0; i < b.m->infer->node.n; i++) {
        t |= str_eq(b.m->infer->node.at[i]->name, "g.t");
        u |= str_eq(b.m->infer->node.at[i]->name, "u");
    }
    assert_true(t && u);
    done(b);
}

static void test_library_nodes_carry_the_users_line(void **state)
{
    (void)state;
    Built b =
        build("model m {\n input x: f32[3]\n output y = x\n   |> dense(4)\n   |> softmax\n}\n", 1, false);
    for (int i = 0; i < b.m->infer->node.n; i++) {
        const Node *n = b.m->infer->node.at[i];
        int line = diag_line(b.d, n->span, NULL);
        assert_string_equal(diag_source_name(b.d, n->span.source), "t.dl");
        if (n->op == OP_DOT)
            assert_int_equal(line, 4);
        if (n->op == OP_EXP)
            assert_int_equal(line, 5);
    }
    done(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_broadcasting),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_indexing),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_layers_as_attributes),
        cmocka_unit_test(test_tensors_with_defaults),
        cmocka_unit_test(test_names_of_parameters),
        cmocka_unit_test(test_parameters_by_path),
        cmocka_unit_test(test_initial_values_depend_on_the_path_alone),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_layer_in_a_loop_has_one_set_of_parameters),
        cmocka_unit_test(test_nodes_are_named),
        cmocka_unit_test(test_library_nodes_carry_the_users_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
