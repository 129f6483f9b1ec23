/* SPDX-License-Identifier: MIT */
/* test_std_gradients.c: the gradient of every layer and loss of the library, by its parameters and its input,
 * against differences of its value in double. */
#include "elaborate_check.h"

#include "passes/passes.h"

typedef struct Row {
    const char *shape; /* of the input u; u is x plus a parameter, so that its gradient shows */
    const char *call;
    const char *zero; /* a parameter whose gradient is zero in exact arithmetic; NULL: none */
} Row;

static const Row rows[] = {
    {"f32[5]", "relu(u)", NULL},
    {"f32[5]", "relu(u, 0.1, 0.8, 0.3)", NULL},
    {"f32[5]", "relu6(6 * u)", NULL},
    {"f32[2, 3]", "prelu(u, shared_axes = [0])", NULL},
    {"f32[5]", "selu(u)", NULL},
    {"f32[5]", "celu(u, 0.7)", NULL},
    {"f32[5]", "exponential(u)", NULL},
    {"f32[5]", "squareplus(u)", NULL},
    {"f32[5]", "log_sigmoid(u)", NULL},
    {"f32[5]", "mish(u)", NULL},
    {"f32[2, 4]", "glu(u)", NULL},
    {"f32[5]", "hard_silu(2 * u)", NULL},
    {"f32[5]", "hard_swish(2 * u)", NULL},
    {"f32[5]", "hard_tanh(2 * u)", NULL},
    {"f32[5]", "tanh_shrink(u)", NULL},
    {"f32[5]", "soft_shrink(u, 0.2)", NULL},
    {"f32[5]", "hard_shrink(u, 0.2)", NULL},
    {"f32[5]", "leaky_relu(u)", NULL},
    {"f32[5]", "elu(u)", NULL},
    {"f32[5]", "softplus(u)", NULL},
    {"f32[5]", "softsign(u)", NULL},
    {"f32[5]", "silu(u)", NULL},
    {"f32[5]", "swish(u)", NULL},
    {"f32[5]", "hard_sigmoid(2 * u)", NULL},
    {"f32[5]", "gelu(u)", NULL},
    {"f32[5]", "gelu(u, approximate = true)", NULL},
    {"f32[5]", "clamp(u, -0.5, 0.5)", NULL},
    {"f32[2, 5]", "softmax(u)", NULL},
    {"f32[2, 5]", "softmax(u, axis = 0)", NULL},
    {"f32[2, 5]", "log_softmax(u)", NULL},
    {"f32[2, 3]", "dense(u, 4)", NULL},
    {"f32[2, 3]", "dense(u, 4, use_bias = false)", NULL},
    {"f32[3]", "embedding(iota(4), 6, 3) * u", NULL},
    {"f32[5, 6, 2]", "conv2d(u, 3, 3)", NULL},
    {"f32[5, 6, 2]", "conv2d(u, 3, [2, 3], strides = 2, padding = \"same\")", NULL},
    {"f32[4, 5, 2]", "max_pool2d(u)", NULL},
    {"f32[5, 5, 2]", "max_pool2d(u, 3, strides = 2, padding = \"same\")", NULL},
    {"f32[4, 5, 2]", "avg_pool2d(u)", NULL},
    {"f32[5, 5, 2]", "avg_pool2d(u, 3, strides = 2, padding = \"same\")", NULL},
    {"f32[3, 3, 2]", "global_avg_pool2d(u)", NULL},
    {"f32[3, 3, 2]", "global_max_pool2d(u)", NULL},
    {"f32[2, 6]", "layer_norm(u)", NULL},
    {"f32[2, 6]", "batch_norm(u)", NULL},
    {"f32[20]", "dropout(u, 0.5)", NULL},
    {"f32[4, 3]", "lstm(u, 2, return_sequences = true)", NULL},
    {"f32[4, 3]", "lstm(u, 2)", NULL},
    {"f32[4, 3]", "lstm(u, 2, return_sequences = true) |> lstm(3)", NULL},
    {"f32[4, 3]", "simple_rnn(u, 2, return_sequences = true)", NULL},
    {"f32[3, 2]", "scaled_dot_product_attention(u, 2 * u, u + 1)", NULL},
    {"f32[3, 2]", "scaled_dot_product_attention(u, 2 * u, u + 1, causal = true)", NULL},
    {"f32[3, 4]", "multi_head_attention(u, u, 2, 3)", "multi_head_attention_1.key.bias"},
    {"f32[3, 4]", "multi_head_attention(u, u, 2, 3, causal = true)", "multi_head_attention_1.key.bias"},
    {"f32[4, 3]", "cross_entropy(u, 2 - iota(4) // 2)", NULL},
    {"f32[4, 3]", "categorical_cross_entropy(u, softmax(3 * x))", NULL},
    {"f32[4]", "binary_cross_entropy(u, sigmoid(x))", NULL},
    {"f32[4, 3]", "cross_entropy(u, 2 - iota(4) // 2, label_smoothing = 0.1)", NULL},
    {"f32[4, 3]", "cross_entropy(exp(u), 2 - iota(4) // 2, from_logits = false)", NULL},
    {"f32[4]", "binary_cross_entropy(sigmoid(u), sigmoid(x), from_logits = false)", NULL},
    {"f32[4]", "binary_focal_cross_entropy(u, sigmoid(x), 1.5, 0.25)", NULL},
    {"f32[4]", "mean_absolute_percentage_error(u, 3 * x)", NULL},
    {"f32[4]", "mean_squared_logarithmic_error(exp(u), exp(x))", NULL},
    {"f32[4]", "log_cosh(u, 3 * x)", NULL},
    {"f32[4]", "hinge(u, where(x > 0, 1.0, -1.0))", NULL},
    {"f32[4]", "squared_hinge(u, where(x > 0, 1.0, -1.0))", NULL},
    {"f32[4, 3]", "categorical_hinge(u, one_hot(2 - iota(4) // 2, 3))", NULL},
    {"f32[4, 3]", "kl_divergence(softmax(u), softmax(x))", NULL},
    {"f32[4]", "poisson(exp(u), exp(x))", NULL},
    {"f32[4, 3]", "cosine_similarity(u, x)", NULL},
    {"f32[4, 3]", "unit_vector(u, axis = 0)", NULL},
    {"f32[4]", "mean_squared_error(u, 3 * x)", NULL},
    {"f32[4]", "mean_absolute_error(u, 3 * x)", NULL},
    {"f32[4]", "huber(3 * u, x)", NULL},
    {"f32[2, 3]", "batch_variance_of(u)", NULL},
};

static const char *const helper = "layer batch_variance_of(u: f32[...]) {\n if training {\n  return u * "
                                  "batch_variance(u)\n }\n return u\n}\n";

static double loss_of(Built *b, const Given *given)
{
    Value *out = run_fn(b, b->m->loss, given, 2);
    assert_non_null(out);
    return result_of(b->m->loss, out, ROLE_LOSS, 0).at[0];
}

/* Some elements of a parameter: all of a small one. */
static void check_param(Built *b, const Given *given, const char *what, int i, Value gradient, bool zero)
{
    int64_t n = type_count(b->param[i].type), stride = n / 12 + 1;
    double largest = 0, h = 1e-5;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs(gradient.at[k]));
    if (zero ? largest > 1e-12 : largest == 0)
        fail_msg("%s: the gradient of %s is %g at most", what, b->m->params.at[i].name, largest);
    for (int64_t k = 0; k < n; k += stride) {
        double *at = &b->param[i].at[k], old = *at;
        *at = old + h;
        double above = loss_of(b, given);
        *at = old - h;
        double below = loss_of(b, given);
        *at = old;
        double want = (above - below) / (2 * h);
        if (fabs(want - gradient.at[k]) > 1e-6 * fmax(largest, 1e-3))
            fail_msg("%s: %s[%d]: %.10g, by difference %.10g", what, b->m->params.at[i].name, (int)k,
                     gradient.at[k], want);
    }
}

static void check_row(const Row *r)
{
    Arena *a = arena_new();
    Built b =
        build(arena_printf(a,
                           "%smodel t {\n input x: %s\n param w: %s = random_normal(0, 0.5)\n u = x + w\n"
                           " y = %s\n output z = y\n train {\n  target unused: f32\n"
                           "  loss = sum(y * y + 0.7 * y)\n  optimizer sgd()\n }\n}\n",
                           helper, r->shape, r->shape, r->call),
              3, true);
    Fn *gradients = differentiate(b.m, b.m->loss);
    check_fn(&b, gradients);
    double x[3 * 64], unused[3] = {0};
    unsigned seed = 7;
    for (int i = 0; i < LEN(x); i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (double)(seed >> 8) / (1 << 23) - 1;
    }
    const Given given[] = {{"x", x}, {"unused", unused}};
    for (int i = 0; i < b.m->params.n; i++) /* biases and betas too: away from zero, where corners are */
        for (int64_t k = 0; k < type_count(b.param[i].type); k++)
            b.param[i].at[k] += 0.1 * x[(k + 3 * i) % LEN(x)];
    Value *out = run_fn(&b, gradients, given, 2);
    assert_non_null(out);
    for (int i = 0; i < b.m->params.n; i++)
        check_param(&b, given, r->call, i, result_of(gradients, out, ROLE_GRADIENT, i),
                    str_eq(r->zero, b.m->params.at[i].name) && r->zero);
    done(b);
    arena_free(a);
}

static void test_gradients_of_the_library(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(rows); i++)
        check_row(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients_of_the_library)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
