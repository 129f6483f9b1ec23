/* SPDX-License-Identifier: MIT */
/* test_std.c: the standard library against its formulas, worked out in plain C. */
#include "elaborate_check.h"

#include <stdlib.h>

/* Numbers from -1 to 1, the same every time. */
static void fill(double *x, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (double)(seed >> 8) / (1 << 23) - 1;
    }
}

static Value infer(Built *b, const double *x)
{
    Given given = {"x", x};
    Value *out = run_fn(b, b->m->infer, &given, 1);
    assert_non_null(out);
    return out[0];
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* ---- activations --------------------------------------------------------------------------------------- */

static double ref_relu(double x) { return x > 0 ? x : 0; }
static double ref_relu6(double x) { return fmin(fmax(x, 0), 6); }
static double ref_leaky(double x) { return x > 0 ? x : 0.3 * x; }
static double ref_elu(double x) { return x > 0 ? x : exp(x) - 1; }
static double ref_softplus(double x) { return log1p(exp(x)); }
static double ref_softsign(double x) { return x / (1 + fabs(x)); }
static double ref_silu(double x) { return x * sigmoid(x); }
static double ref_hard(double x) { return fmin(fmax(x + 3, 0), 6) / 6; }
static double ref_gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }
static double ref_gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

static void test_activations(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        double (*ref)(double);
    } rows[] = {
        {"relu", ref_relu},
        {"relu6", ref_relu6},
        {"leaky_relu", ref_leaky},
        {"elu", ref_elu},
        {"softplus", ref_softplus},
        {"softsign", ref_softsign},
        {"silu", ref_silu},
        {"swish", ref_silu},
        {"hard_sigmoid", ref_hard},
        {"gelu", ref_gelu},
        {"gelu(approximate = true)", ref_gelu_tanh},
        {"sigmoid", sigmoid},
        {"tanh", tanh},
    };
    static const double x[] = {-7, -2.5, -0.5, 0, 0.25, 1, 4, 8};
    for (int r = 0; r < LEN(rows); r++) {
        Arena *a = arena_new();
        double want[LEN(x)];
        for (int i = 0; i < LEN(x); i++)
            want[i] = rows[r].ref(x[i]);
        Built b =
            build(arena_printf(a, "model t { input x: f32[8]; output y = x |> %s }", rows[r].call), 1, false);
        check_values(rows[r].call, infer(&b, x), want, LEN(x), 1e-6);
        done(b);
        arena_free(a);
    }
}

/* In f32, 1 + e^-20 is 1 and e^-1e-9 too: what is left of these is a value and not 0. */
static void test_small_values_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *of_x;
        double x, want;
    } rows[] = {
        {"softplus(x)", -20, 2.0611536e-9},
        {"elu(x)", -1e-9, -1e-9},
        {"binary_cross_entropy(x, full(1, []))", 25, 1.3887944e-11},
    };
    for (int r = 0; r < LEN(rows); r++) {
        Arena *a = arena_new();
        Built b = build(arena_printf(a, "model t { input x: f32; output y = %s }", rows[r].of_x), 1, false);
        Value in = value_new(a, type_make(DT_F32, 1, (int64_t[]){1})), out;
        const char *why = NULL;
        in.at[0] = rows[r].x;
        assert_true(fn_interpret(a, b.m->infer, PRECISION_F32, &in, &out, &why));
        if (!(fabs(out.at[0] / rows[r].want - 1) < 1e-6))
            fail_msg("%s is %g, not %g", rows[r].of_x, out.at[0], rows[r].want);
        done(b);
        arena_free(a);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 1000, 1001, 1002};
    double want[6], logs[6], z = exp(-2) + exp(-1) + 1;
    for (int i = 0; i < 6; i++) {
        want[i] = exp(i % 3 - 2) / z;
        logs[i] = log(want[i]);
    }
    Built b = build("model t { input x: f32[3]; output y = softmax(x) }", 2, false);
    check_values("softmax", infer(&b, x), want, 6, 1e-12);
    done(b);
    b = build("model t { input x: f32[3]; output y = log_softmax(x) }", 2, false);
    check_values("log_softmax", infer(&b, x), logs, 6, 1e-12);
    done(b);
    b = build("model t { input x: f32[3, 1]; output y = softmax(x, axis = 0) }", 2, false);
    check_values("softmax over time", infer(&b, x), want, 6, 1e-12);
    done(b);
}

/* ---- layers -------------------------------------------------------------------------------------------- */

static void test_dense(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[2, 3]; output y = dense(x, 2) }", 2, false);
    double x[12], want[8];
    fill(x, 12, 1);
    fill(b.param[1].at, 2, 2);
    for (int r = 0; r < 4; r++)
        for (int u = 0; u < 2; u++) {
            want[r * 2 + u] = b.param[1].at[u];
            for (int k = 0; k < 3; k++)
                want[r * 2 + u] += x[r * 3 + k] * b.param[0].at[k * 2 + u];
        }
    check_values("dense", infer(&b, x), want, 8, 1e-12);
    done(b);
}

typedef struct Conv {
    int h, w, c, kh, kw, o, stride, same;
} Conv;

static int positions(int n, int k, int s, bool same, int *before)
{
    int out = same ? (n + s - 1) / s : (n - k) / s + 1;
    int total = (out - 1) * s + k - n;
    *before = same && total > 0 ? total / 2 : 0;
    return out;
}

static void check_conv(Conv k)
{
    Arena *a = arena_new();
    Built b = build(
        arena_printf(a,
                     "model t { input x: f32[%d, %d, %d]\n output y = conv2d(x, %d, [%d, %d], strides = %d, "
                     "padding = \"%s\") }",
                     k.h, k.w, k.c, k.o, k.kh, k.kw, k.stride, k.same ? "same" : "valid"),
        1, false);
    int top, left, oh = positions(k.h, k.kh, k.stride, k.same, &top),
                   ow = positions(k.w, k.kw, k.stride, k.same, &left);
    double *x = NEWN(a, double, k.h *k.w *k.c), *want = NEWN(a, double, oh *ow *k.o);
    fill(x, k.h * k.w * k.c, 3);
    fill(b.param[1].at, k.o, 4);
    for (int i = 0; i < oh * ow * k.o; i++) {
        int y0 = i / k.o / ow * k.stride - top, x0 = i / k.o % ow * k.stride - left;
        want[i] = b.param[1].at[i % k.o];
        for (int j = 0; j < k.kh * k.kw * k.c; j++) {
            int r = y0 + j / k.c / k.kw, q = x0 + j / k.c % k.kw;
            if (r >= 0 && r < k.h && q >= 0 && q < k.w)
                want[i] += x[(r * k.w + q) * k.c + j % k.c] * b.param[0].at[j * k.o + i % k.o];
        }
    }
    check_values("conv2d", infer(&b, x), want, oh * ow * k.o, 1e-12);
    done(b);
    arena_free(a);
}

static void test_conv2d(void **state)
{
    (void)state;
    static const Conv cases[] = {
        {5, 6, 2, 3, 3, 3, 1, false}, {5, 6, 2, 3, 3, 3, 1, true},  {5, 6, 1, 2, 2, 2, 1, true},
        {6, 5, 2, 3, 2, 3, 2, true},  {7, 7, 1, 3, 3, 1, 2, false}, {5, 5, 3, 4, 4, 2, 3, true},
        {3, 3, 2, 1, 1, 4, 1, true},  {4, 4, 1, 5, 5, 1, 1, true},
    };
    for (int i = 0; i < LEN(cases); i++)
        check_conv(cases[i]);
}

static void check_pool(Conv k, bool max)
{
    Arena *a = arena_new();
    Built b =
        build(arena_printf(a,
                           "model t { input x: f32[%d, %d, %d]\n output y = %s(x, [%d, %d], strides = %d, "
                           "padding = \"%s\") }",
                           k.h, k.w, k.c, max ? "max_pool2d" : "avg_pool2d", k.kh, k.kw, k.stride,
                           k.same ? "same" : "valid"),
              1, false);
    int top, left, oh = positions(k.h, k.kh, k.stride, k.same, &top),
                   ow = positions(k.w, k.kw, k.stride, k.same, &left);
    double *x = NEWN(a, double, k.h *k.w *k.c), *want = NEWN(a, double, oh *ow *k.c);
    fill(x, k.h * k.w * k.c, 5);
    for (int i = 0; i < oh * ow * k.c; i++) {
        int y0 = i / k.c / ow * k.stride - top, x0 = i / k.c % ow * k.stride - left, n = 0;
        double largest = -INFINITY, sum = 0;
        for (int j = 0; j < k.kh * k.kw; j++) {
            int r = y0 + j / k.kw, q = x0 + j % k.kw;
            if (r < 0 || r >= k.h || q < 0 || q >= k.w)
                continue;
            double v = x[(r * k.w + q) * k.c + i % k.c];
            largest = fmax(largest, v);
            sum += v;
            n++;
        }
        want[i] = max ? largest : sum / n;
    }
    check_values("pool", infer(&b, x), want, oh * ow * k.c, 1e-12);
    done(b);
    arena_free(a);
}

static void test_pooling(void **state)
{
    (void)state;
    static const Conv cases[] = {
        {4, 4, 2, 2, 2, 0, 2, false}, {5, 5, 1, 2, 2, 0, 2, false}, {5, 5, 1, 2, 2, 0, 2, true},
        {5, 6, 2, 3, 2, 0, 1, true},  {6, 5, 1, 3, 3, 0, 2, true},
    };
    for (int i = 0; i < LEN(cases); i++) {
        check_pool(cases[i], true);
        check_pool(cases[i], false);
    }
}

static void test_layer_norm(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[2, 4]; output y = layer_norm(x) }", 1, false);
    double x[8], want[8];
    fill(x, 8, 6);
    fill(b.param[0].at, 4, 7);
    fill(b.param[1].at, 4, 8);
    for (int r = 0; r < 2; r++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < 4; i++)
            mean += x[r * 4 + i] / 4;
        for (int i = 0; i < 4; i++)
            variance += (x[r * 4 + i] - mean) * (x[r * 4 + i] - mean) / 4;
        for (int i = 0; i < 4; i++)
            want[r * 4 + i] =
                (x[r * 4 + i] - mean) / sqrt(variance + 0.001) * b.param[0].at[i] + b.param[1].at[i];
    }
    check_values("layer_norm", infer(&b, x), want, 8, 1e-6);
    done(b);
}

/* One example through an LSTM of `u` units; hs: [t, u]. */
static void plain_lstm(const double *x, int t, int in, int u, const double *k, const double *r,
                       const double *bias, double *hs)
{
    double h[8] = {0}, c[8] = {0};
    for (int s = 0; s < t; s++) {
        double gate[32];
        for (int j = 0; j < 4 * u; j++) {
            gate[j] = bias[j];
            for (int i = 0; i < in; i++)
                gate[j] += x[s * in + i] * k[i * 4 * u + j];
            for (int i = 0; i < u; i++)
                gate[j] += h[i] * r[i * 4 * u + j];
        }
        for (int j = 0; j < u; j++) {
            c[j] = sigmoid(gate[u + j]) * c[j] + sigmoid(gate[j]) * tanh(gate[2 * u + j]);
            h[j] = sigmoid(gate[3 * u + j]) * tanh(c[j]);
            hs[s * u + j] = h[j];
        }
    }
}

static void test_lstm(void **state)
{
    (void)state;
    enum { B = 2, T = 4, I = 3, U = 2 };
    double x[B * T * I], hs[B * T * U], last[B * U];
    fill(x, LEN(x), 9);
    Built b =
        build("model t { input x: f32[4, 3]; output y = lstm(x, 2, return_sequences = true) }", B, false);
    for (int e = 0; e < B; e++)
        plain_lstm(x + e * T * I, T, I, U, b.param[0].at, b.param[1].at, b.param[2].at, hs + e * T * U);
    const double bias[] = {0, 0, 1, 1, 0, 0, 0, 0};
    check_values("unit_forget_bias", b.param[2], bias, 8, 0);
    check_values("lstm", infer(&b, x), hs, LEN(hs), 1e-12);
    done(b);
    b = build("model t { input x: f32[4, 3]; output y = lstm(x, 2) }", B, false);
    for (int e = 0; e < B; e++)
        memcpy(last + e * U, hs + (e * T + T - 1) * U, sizeof(double) * U);
    check_values("lstm's last", infer(&b, x), last, LEN(last), 1e-12);
    done(b);
}

static void test_embedding(void **state)
{
    (void)state;
    Built b = build("model t { input x: i32[3]; output y = embedding(x, 5, 2) }", 1, false);
    const double x[] = {4, 0, 4}, bad[] = {0, 5, 0}, negative[] = {0, -1, 0};
    double *e = b.param[0].at, want[] = {e[8], e[9], e[0], e[1], e[8], e[9]};
    assert_string_equal(b.m->params.at[0].name, "embedding_1.embeddings");
    check_values("embedding", infer(&b, x), want, 6, 0);
    assert_null(run_fn(&b, b.m->infer, &(Given){"x", bad}, 1));
    assert_null(run_fn(&b, b.m->infer, &(Given){"x", negative}, 1));
    done(b);
}

static void test_attention(void **state)
{
    (void)state;
    enum { S = 3, D = 2 };
    Built b = build("model t { input x: f32[3, 2]; output y = scaled_dot_product_attention(x, 2 * x, x + 1, "
                    "causal = true) }",
                    1, false);
    double x[S * D], want[S * D] = {0};
    fill(x, S * D, 10);
    for (int i = 0; i < S; i++) {
        double w[S], z = 0;
        for (int j = 0; j <= i; j++)
            z += w[j] = exp((x[i * D] * 2 * x[j * D] + x[i * D + 1] * 2 * x[j * D + 1]) / sqrt(D));
        for (int j = 0; j <= i; j++)
            for (int d = 0; d < D; d++)
                want[i * D + d] += w[j] / z * (x[j * D + d] + 1);
    }
    check_values("attention", infer(&b, x), want, S * D, 1e-6);
    done(b);
}

/* With one head, it is attention between projections. */
static void test_multi_head_attention(void **state)
{
    (void)state;
    Built b = build("model t {\n input x: f32[3, 4]\n y = multi_head_attention(x, x, 2, 3) as a\n"
                    " q = x @ a.query.kernel\n k = x @ a.key.kernel\n v = x @ a.value.kernel\n"
                    " h0 = scaled_dot_product_attention(q[:, :3], k[:, :3], v[:, :3])\n"
                    " h1 = scaled_dot_product_attention(q[:, 3:], k[:, 3:], v[:, 3:])\n"
                    " output z = y - concat([h0, h1], axis = 1) @ a.output.kernel\n}\n",
                    2, false);
    double x[24], zero[24] = {0};
    fill(x, 24, 11);
    assert_int_equal(b.m->params.n, 8);
    check_values("heads", infer(&b, x), zero, 24, 1e-12);
    done(b);
}

/* ---- initial values ------------------------------------------------------------------------------------ */

static void test_orthogonal(void **state)
{
    (void)state;
    static const int shapes[][2] = {{3, 7}, {7, 3}, {5, 5}, {16, 64}};
    for (int s = 0; s < LEN(shapes); s++) {
        int rows = shapes[s][0], columns = shapes[s][1], n = rows < columns ? rows : columns;
        Arena *a = arena_new();
        Built b = build(
            arena_printf(
                a, "model t { input x: f32[%d]\n param w: f32[%d, %d] = orthogonal()\n output y = x @ w }",
                rows, rows, columns),
            1, false);
        const double *w = b.param[0].at;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double dot = 0;
                for (int k = 0; k < (rows < columns ? columns : rows); k++)
                    dot += rows < columns ? w[i * columns + k] * w[j * columns + k]
                                          : w[k * columns + i] * w[k * columns + j];
                check_near("orthogonal", dot, i == j, 1e-9);
            }
        done(b);
        arena_free(a);
    }
}

typedef struct Moments {
    double mean, deviation, lo, hi;
} Moments;

static Moments moments(Value v)
{
    Moments m = {.lo = INFINITY, .hi = -INFINITY};
    int64_t n = type_count(v.type);
    for (int64_t i = 0; i < n; i++)
        m.mean += v.at[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        m.deviation += (v.at[i] - m.mean) * (v.at[i] - m.mean) / (double)n;
        m.lo = fmin(m.lo, v.at[i]);
        m.hi = fmax(m.hi, v.at[i]);
    }
    m.deviation = sqrt(m.deviation);
    return m;
}

/* Draws have the mean, the deviation and the bounds Keras's have. */
static void test_distributions(void **state)
{
    (void)state;
    static const struct {
        const char *init;
        double mean, deviation, bound;
    } rows[] = {
        {"uniform()", 0, 0.1 / 3.4641016, 0.05},
        {"random_uniform(-1, 3)", 1, 4 / 3.4641016, 3},
        {"normal()", 0, 0.05, 0.3},
        {"random_normal(1, 2)", 1, 2, 12},
        {"truncated_normal(0, 1)", 0, 0.87962566, 2},
        {"glorot_uniform()", 0, 0.1, 0.17320509},
        {"glorot_normal()", 0, 0.1, 0.2274},
        {"he_uniform()", 0, 0.14142136, 0.24494898},
        {"he_normal()", 0, 0.14142136, 0.3216},
        {"lecun_uniform()", 0, 0.1, 0.17320509},
        {"lecun_normal()", 0, 0.1, 0.2274},
        {"variance_scaling(3.0, \"fan_out\", \"untruncated_normal\")", 0, 0.17320508, 1},
        {"constant(0.5)", 0.5, 0, 0.5},
        {"ones()", 1, 0, 1},
        {"zeros()", 0, 0, 0},
        {"0.25", 0.25, 0, 0.25},
    };
    for (int i = 0; i < LEN(rows); i++) {
        Arena *a = arena_new();
        Built b = build(
            arena_printf(a, "model t { input x: f32[100]\n param w: f32[100, 100] = %s\n output y = x @ w }",
                         rows[i].init),
            1, false);
        Moments m = moments(b.param[0]);
        check_near(rows[i].init, m.mean, rows[i].mean, 5e-2 * (0.01 + rows[i].deviation));
        check_near(rows[i].init, m.deviation, rows[i].deviation, 0.02 * rows[i].deviation + 1e-12);
        assert_true(m.hi <= rows[i].bound * 1.00001 + 1e-12 && m.lo >= -rows[i].bound * 1.00001 - 1e-12);
        done(b);
        arena_free(a);
    }
}

/* The share of normal draws below each bound is what the distribution says. */
static void test_normal_draws_are_normal(void **state)
{
    (void)state;
    Built b = build("model t { input x: f32[1]\n param w: f32[1, 20000] = normal(0, 1)\n output y = x @ w }",
                    1, false);
    for (double bound = -3; bound <= 3; bound += 0.5) {
        double below = 0, share = 0.5 * (1 + erf(bound / sqrt(2)));
        for (int i = 0; i < 20000; i++)
            below += b.param[0].at[i] < bound;
        assert_true(fabs(below / 20000 - share) < 4 * sqrt(share * (1 - share) / 20000) + 1e-4);
    }
    done(b);
}

static void test_fans(void **state)
{
    (void)state;
    Built b = build(
        "model t { input x: f32[1]\n output y = x * (fan_in([3, 3, 4, 5]) * 1000 + fan_out([3, 3, 4, 5])) + "
        "fan_in([7]) + fan_out([6, 2]) }",
        1, false);
    const double x[] = {1}, want[] = {36045 + 7 + 2};
    check_values("fans", infer(&b, x), want, 1, 0);
    done(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_small_values_are_kept),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_multi_head_attention),
        cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_normal_draws_are_normal),
        cmocka_unit_test(test_fans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
