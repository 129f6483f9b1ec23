/* SPDX-License-Identifier: MIT */
/* Scaling and folding: inference of folded weights gives what it gave, computes nothing of weights alone, and
 * reads no more of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "passes/passes.h"
#include "pipeline.h"

#include <string.h>

typedef struct Case {
    const char *name, *body; /* of a model whose input is x, f32[6, 4] */
    Op gone;                 /* no longer in infer; OP_COUNT: nothing is to be folded */
    int weights;             /* that are left */
} Case;

static const Case cases[] = {
    {"norm", "output y = x |> conv1d(3, 2) |> batch_norm |> relu", OP_MUL, 2},
    {"norm_behind_relu", "output y = x |> conv1d(3, 2) |> relu |> batch_norm", OP_RSQRT, 4},
    {"norm_of_channels", "output y = x |> reshape([6, 4, 1]) |> depthwise_conv2d(3) |> batch_norm |> relu",
     OP_MUL, 2},
    {"norm_of_a_product", "output y = x |> dense(3) |> batch_norm |> tanh", OP_MUL, 2},
    {"a_number", "output y = 0.25 * dense(x, 3)", OP_MUL, 2},
    {"differences", "param a: f32[3] = ones()\noutput y = (dense(x, 3, use_bias = false) - a) * exp(a)",
     OP_EXP, 2},
    {"two_biases", "param a: f32[3] = ones()\noutput y = dense(x, 3) + a", OP_COUNT, 2},
    {"read_twice",
     "param a: f32[4] = ones()\nh = dense(x, 4, use_bias = false) as down\noutput y = (h * a) @ down.kernel",
     OP_COUNT, 2},
    {"wanted_twice",
     "param a: f32[4] = ones()\nh = dense(x, 4, use_bias = false)\noutput y = h * a\noutput z = h", OP_COUNT,
     2},
    {"of_rows", "param a: f32[6, 1] = ones()\noutput y = dense(x, 4, use_bias = false) * a", OP_COUNT, 2},
    {"unit_columns",
     "param w: f32[4, 3] = random_normal(0, 1)\noutput y = x @ (w / sqrt(sum(w ^ 2, axis = 0)))", OP_SQRT, 1},
    {"moved", "h = dense(x, 5) as down\noutput y = h @ transpose(exp(down.kernel))", OP_COUNT, 2},
    {"kept", "param a: f32[4] = ones()\nstream s: f32[4] = zeros()\ns <- s + exp(a)\noutput y = x + s",
     OP_EXP, 1},
    {"large", "param a: f32[6, 1] = ones()\nparam b: f32[4] = ones()\noutput y = x * (a + b)", OP_COUNT, 2},
    {"moved_input",
     "h = reshape(x, [4, 6])\nparam w: f32[6, 3] = random_normal(0, 1)\noutput y = h @ w + mean(x)", OP_COUNT,
     1},
    {"plain", "output y = x |> dense(3) |> tanh", OP_COUNT, 2},
};

static Module *model(Arena *a, const Case *c)
{
    Diag *d = diag_new(a);
    const char *text = arena_printf(a, "model folding {\ninput x: f32[6, 4]\n%s\n}\n", c->body);
    const ElaborateOptions options = {.batch = 2, .train_batch = 1};
    Module *m = pipeline_text(a, d, c->name, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return m;
}

static const float **weights_of(Arena *a, const Module *m)
{
    const int n = m->params.n + m->states.n;
    const float **weights = NEWN(a, const float *, n + 1);
    for (int i = 0; i < n; i++) {
        const Entry *e = i < m->params.n ? &m->params.at[i] : &m->states.at[i - m->params.n];
        float *at = NEWN(a, float, type_count(e->type));
        for (int64_t k = 0; k < type_count(e->type); k++)
            at[k] = (float)(0.9 + 0.5 * sin((double)(k * k % 31 + 7 * i)));
        weights[i] = at;
    }
    return weights;
}

static void interpret(Arena *a, const Module *m, const Fn *fn, const float *const *weights, Value *out)
{
    Value in[32];
    const char *why;
    assert_true(fn->input.n <= 32);
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        const float *at = port->role == ROLE_PARAM   ? weights[port->index]
                          : port->role == ROLE_STATE ? weights[m->params.n + port->index]
                                                     : NULL;
        in[i] = value_new(a, port->node->type);
        for (int64_t k = 0; k < type_count(in[i].type); k++)
            in[i].at[k] = at ? (double)at[k] : cos((double)(k + 3 * port->role));
    }
    if (!fn_interpret(a, fn, PRECISION_F64, in, out, &why))
        fail_msg("%s", why);
}

static int64_t bytes(const Module *m)
{
    int64_t sum = 0;
    for (int i = 0; i < m->params.n; i++)
        sum += type_bytes(m->params.at[i].type);
    for (int i = 0; i < m->states.n; i++)
        sum += type_bytes(m->states.at[i].type);
    return sum;
}

static bool has(const Fn *fn, Op op)
{
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op == op ||
            (fn->node.at[id]->op == OP_SCAN && has(fn->node.at[id]->attr.scan.body, op)))
            return true;
    return false;
}

static bool scales(const Fn *fn)
{
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->name && strstr(fn->node.at[id]->name, "scaled_"))
            return true;
    return false;
}

static void fold(const Case *c)
{
    Arena *a = arena_new();
    Module *m = model(a, c);
    const Fn *before = m->infer;
    const float **weights = weights_of(a, m);
    Value x[4], y[4];
    const Node *guilty = NULL;
    const int64_t size = bytes(m);
    assert_true(before->result.n <= 4 && (c->gone == OP_COUNT || has(before, c->gone)));
    interpret(a, m, before, weights, x);
    m->infer = scale_weights(m->infer);
    weights = fold_weights(m, weights);
    const char *why = fn_verify(a, m->infer, &guilty);
    if (why)
        fail_msg("%s: %s", c->name, why);
    interpret(a, m, m->infer, weights, y);
    for (int i = 0; i < before->result.n; i++)
        for (int64_t k = 0; k < type_count(x[i].type); k++)
            if (!(fabs(x[i].at[k] - y[i].at[k]) <= 2e-6 * fmax(1, fabs(x[i].at[k]))))
                fail_msg("%s: element %lld is %.9g, not %.9g", c->name, (long long)k, y[i].at[k], x[i].at[k]);
    if (c->gone != OP_COUNT && has(m->infer, c->gone))
        fail_msg("%s: %s is still computed", c->name, op_info(c->gone)->text);
    if (c->gone == OP_COUNT && scales(m->infer))
        fail_msg("%s: weights are scaled that others read", c->name);
    if (m->params.n + m->states.n != c->weights || bytes(m) > size)
        fail_msg("%s: %d weights, %lld bytes instead of %lld", c->name, m->params.n + m->states.n,
                 (long long)bytes(m), (long long)size);
    arena_free(a);
}

static void test_folding(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(cases); i++)
        fold(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
