/* SPDX-License-Identifier: MIT */
/* Layers and losses of the standard library: the gradients differentiate() gives for a model, before and
 * after hoisting, against finite differences of its loss, in double. */
#include "gradient_check.h"

#include "compiler/graph/elaborate.h"
#include "compiler/std/std.h"

typedef struct Layer {
    const char *name;   /* of the layer it tests */
    const char *input;  /* shape of x: an input plus a parameter, so that gradients reach it */
    const char *y;      /* the expression */
    const char *output; /* its shape */
    const char *still;  /* parameters whose gradient is zero, if any */
} Layer;

static const Layer layers[] = {
    {"relu", "5", "relu(x)", "5", NULL},
    {"relu6", "5", "relu6(x * 5)", "5", NULL},
    {"leaky_relu", "5", "leaky_relu(x)", "5", NULL},
    {"elu", "5", "elu(x)", "5", NULL},
    {"softplus", "5", "softplus(x)", "5", NULL},
    {"softsign", "5", "softsign(x)", "5", NULL},
    {"silu", "5", "silu(x)", "5", NULL},
    {"swish", "5", "swish(x)", "5", NULL},
    {"hard_sigmoid", "5", "hard_sigmoid(x)", "5", NULL},
    {"gelu", "5", "gelu(x)", "5", NULL},
    {"gelu", "5", "gelu(x, approximate = true)", "5", NULL},
    {"softmax", "2, 3", "softmax(x)", "2, 3", NULL},
    {"softmax", "3, 2", "softmax(x, axis = 0)", "3, 2", NULL},
    {"log_softmax", "2, 3", "log_softmax(x)", "2, 3", NULL},
    {"scaled_dot_product_attention", "3, 4", "scaled_dot_product_attention(x, x * x, tanh(x))", "3, 4", NULL},
    {"scaled_dot_product_attention", "3, 2", "scaled_dot_product_attention(x, x * x, tanh(x), causal = true)",
     "3, 2", NULL},
    /* adding the same to every score of a row changes no softmax */
    {"multi_head_attention", "3, 4", "multi_head_attention(x, x, 2, 3)", "3, 4",
     "multi_head_attention_1.key.bias"},
    {"split_heads", "3, 4", "split_heads(exp(x), 2)", "2, 3, 2", NULL},
    {"cross_entropy", "2, 3", "cross_entropy(x, [2, 0])", "2", NULL},
    {"categorical_cross_entropy", "3", "categorical_cross_entropy(x, softmax(x * x))", "", NULL},
    {"binary_cross_entropy", "5", "binary_cross_entropy(x, sigmoid(x * 3))", "5", NULL},
    {"mean_squared_error", "5", "mean_squared_error(x, exp(x))", "", NULL},
    {"mean_absolute_error", "5", "mean_absolute_error(x, 0.3 * exp(x))", "", NULL},
    {"huber", "5", "huber(3 * x, x * x)", "", NULL},
    {"dense", "4", "dense(x, 3)", "3", NULL},
    {"dense", "2, 4", "dense(x, 3, use_bias = false)", "2, 3", NULL},
    {"embedding", "3", "embedding([1, 0, 1], 3, 2) * reshape(x, [3, 1])", "3, 2", NULL},
    {"conv2d", "5, 4, 2", "conv2d(x, 3, 2)", "4, 3, 3", NULL},
    {"conv2d", "5, 4, 2", "conv2d(x, 2, 3, strides = 2, padding = \"same\")", "3, 2, 2", NULL},
    {"max_pool2d", "5, 4, 2", "max_pool2d(x, 2)", "2, 2, 2", NULL},
    {"max_pool2d", "5, 5, 1", "max_pool2d(x, 3, strides = 2, padding = \"same\")", "3, 3, 1", NULL},
    {"avg_pool2d", "5, 4, 2", "avg_pool2d(x, 2)", "2, 2, 2", NULL},
    {"avg_pool2d", "5, 4, 1", "avg_pool2d(x, 3, strides = 2, padding = \"same\")", "3, 2, 1", NULL},
    {"global_avg_pool2d", "3, 2, 2", "global_avg_pool2d(x)", "2", NULL},
    {"global_max_pool2d", "3, 2, 2", "global_max_pool2d(x)", "2", NULL},
    {"layer_norm", "2, 4", "layer_norm(x)", "2, 4", NULL},
    {"batch_norm", "3, 2", "batch_norm(x)", "3, 2", NULL},
    {"dropout", "7", "dropout(x, 0.4)", "7", NULL},
    {"batch_variance", "3", "training ? batch_variance(x) * x : x", "3", NULL},
    {"clamp", "5", "clamp(x, -0.5, 0.55)", "5", NULL},
    {"lstm", "4, 3", "lstm(x, 2)", "2", NULL},
    {"lstm", "3, 2", "lstm(x, 2, return_sequences = true)", "3, 2", NULL},
    {"simple_rnn", "4, 3", "simple_rnn(x, 2)", "2", NULL},
    {"simple_rnn", "3, 2", "simple_rnn(x, 2, return_sequences = true)", "3, 2", NULL},
};

static Module *elaborated(Arena *a, const char *what, const char *text)
{
    Diag *d = diag_new(a);
    int nstd = 0;
    const Program *const *std = std_programs(a, d, &nstd);
    Program *program = parse_program(a, d, diag_add_source(d, what, text, strlen(text)));
    ElaborateOptions options = {.batch = 1, .train_batch = 3, .train = true};
    Module *m = diag_errors(d) ? NULL : elaborate(a, d, program, std, nstd, &options);
    if (!m)
        fail_msg("%s: %s", what, diag_text(d, a));
    return m;
}

static void fill(const Fn *fn, const Module *m, Value *in, uint64_t seed)
{
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        in[i] = value_new(fn->a, port->node->type);
        for (int64_t j = 0; j < type_count(in[i].type); j++)
            in[i].at[j] = port->role == ROLE_COUNT  ? (double)m->train_batch
                          : port->role == ROLE_STEP ? 1
                          : port->role == ROLE_SEED ? (double)(j + 5)
                                                    : check_uniform(&seed, 0.3, 1);
        if (port->role == ROLE_PARAM || port->role == ROLE_INPUT)
            fill_apart(in[i], &seed, -0.8, 0.9, i % 4);
    }
}

/* What the differences are taken of: the loss. */
static Value *loss_alone(Arena *a, const Fn *fn)
{
    Value *weight = NEWN(a, Value, fn->result.n + 1);
    for (int i = 0; i < fn->result.n; i++) {
        weight[i] = value_new(a, fn->result.at[i].node->type);
        if (fn->result.at[i].role == ROLE_LOSS)
            weight[i].at[0] = 1;
    }
    return weight;
}

static void check_gradients(const Layer *layer, const char *what, const Module *m, const Fn *gradients)
{
    Arena *a = m->a;
    const Node *guilty = NULL;
    const char *why = fn_verify(a, gradients, &guilty);
    if (why)
        fail_msg("%s: %s", what, why);
    Value in[32], out[32];
    fill(m->loss, m, in, 11);
    assert_int_equal(gradients->input.n, m->loss->input.n);
    if (!fn_interpret(a, gradients, PRECISION_F64, in, out, &why))
        fail_msg("%s: %s", what, why);
    Value *weight = loss_alone(a, m->loss);
    for (int i = 0; i < gradients->result.n; i++) {
        const Port *port = &gradients->result.at[i];
        if (port->role != ROLE_GRADIENT)
            continue;
        int at = 0;
        while (m->loss->input.at[at].role != ROLE_PARAM || m->loss->input.at[at].index != port->index)
            at++;
        check_differences(what, m->loss, in, weight, 1, &at, &out[i]);
        double largest = 0;
        for (int64_t j = 0; j < type_count(out[i].type); j++)
            largest = fmax(largest, fabs(out[i].at[j]));
        bool still = str_eq(layer->still, m->params.at[port->index].name);
        if (still != (largest < 1e-12))
            fail_msg("%s: the largest gradient of %s is %g", what, m->params.at[port->index].name, largest);
    }
}

static void test_gradients_of_the_standard_layers(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(layers); i++) {
        Arena *a = arena_new();
        const Layer *l = &layers[i];
        const char *text =
            arena_printf(a,
                         "model m {\n    input a: f32[%s]\n    param p: f32[%s] = zeros()\n    x = a + p\n"
                         "    y = %s\n    output out = y\n    train {\n        target w: f32%s%s%s\n"
                         "        loss = sum(y * w)\n        optimizer sgd()\n    }\n}\n",
                         l->input, l->input, l->y, *l->output ? "[" : "", l->output, *l->output ? "]" : "");
        Module *m = elaborated(a, l->y, text);
        Fn *gradients = differentiate(m, m->loss);
        check_gradients(l, l->y, m, gradients);
        check_gradients(l, arena_printf(a, "%s, hoisted", l->y), m, hoist(gradients, HOIST_ROOM));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_the_standard_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
