/* SPDX-License-Identifier: MIT */
/* test_gradient_builtin.c: gradient(y, x) in programs: its value, and, as part of a loss, its own gradient, against finite
 * differences in double. */
#include "gradient_check.h"

#include "compiler/pipeline.h"

typedef struct Case {
    const char *name, *shape; /* of x: an input plus a parameter, so that both kinds of difference can be taken */
    const char *body;         /* gives the name y its value, one number, computed from the name x */
    const char *still;        /* the second derivative is zero by this parameter */
} Case;

static const char *const definitions =
    "layer critic(x: f32[...]) { return sum(x |> flatten |> dense(3) as a |> tanh |> dense(1) as b) }\n"
    "layer steepness(x: f32[D]) {\n y = critic(x) as c\n slope = gradient(y, x)\n return (sqrt(sum(slope ^ 2)) - 1) ^ 2\n}\n"
    "layer siamese(x: f32[D]) { a = critic(x) as tower; b = critic(1 - 2 * x) as same tower; return a * b }\n";

static const Case cases[] = {
    {"elements", "5", "y = sum(sin(x) * exp(x) + x ^ 3)", NULL},
    {"dense", "4", "y = critic(x)", "critic_1.b.bias"},
    {"moves", "2, 3", "y = sum(reshape(transpose(x), [6]) ^ 3 * cast(iota(6), f32)) + sum(reverse(x, 1)[:, 1:] * x[:, :2] ^ 2)", NULL},
    {"undone moves", "2, 3", "y = sum(transpose(transpose(x)) ^ 3) + sum(reshape(reshape(x, [6]), [3, 2]) ^ 4)", NULL},
    {"by what rewrites would leave out", "2, 3",
     "z = reshape(x, [6])\n u = sum(reshape(z, [2, 3]) ^ 3)\n a_1 = -x\n v = sum((-a_1) ^ 4)\n"
     " y = sum(gradient(u, z) * z ^ 2) + sum(gradient(v, a_1) * x) + 0 * u",
     NULL},
    {"parts", "6", "b, c = split(x, 2)\n y = sum(concat([x[:2], x[2:]]) ^ 3) + sum(stack([c, b]) ^ 4)", NULL},
    {"reductions", "3, 4", "y = max(x) ^ 3 + sum(softmax(x) * x ^ 2) + mean(sum(x, axis = 0) ^ 2)", NULL},
    {"indices", "4", "y = sum(gather(x, [1, 1, 3]) ^ 3)", NULL},
    {"convolution", "5, 4, 2", "y = sum(tanh(conv2d(x, 2, 3, padding = \"same\")) ^ 2)", NULL},
    {"attention", "3, 4", "y = sum(scaled_dot_product_attention(x, x * x, tanh(x)) ^ 2)", NULL},
    {"a loop", "4, 3", "y = sum(lstm(x, 2) ^ 2)", NULL},
    {"in a loop", "4, 3",
     "h = full(0, [3])\n slopes = for x_t in x {\n  h = tanh(h * 0.5 + x_t)\n  e = sum(h ^ 3)\n  yield gradient(e, x_t)\n }\n"
     " y = sum(slopes * x)",
     NULL},
    {"of a step's beginning", "4, 3",
     "h = full(0.1, [3])\n slopes = for x_t in x {\n  now = h\n  e = sum(tanh(now + x_t) ^ 2)\n  yield gradient(e, h) * x_t\n"
     "  h = tanh(h + x_t)\n }\n y = sum(slopes)",
     NULL},
    {"twice", "3", "u = sum(sin(x) * x)\n u_x = gradient(u, x)\n y = sum(u_x * gradient(sum(u_x ^ 2), x))", NULL},
    {"a layer's own", "4", "y = steepness(x)", "steepness_1.c.b.bias"},
    {"a layer shared", "4", "y = siamese(x)", NULL},
    {"by name and position", "3", "z = x * x\n u = sum(z ^ 3)\n y = sum(gradient(x = z, y = u)) + sum(u |> gradient(z))", NULL},
};

static Module *built(Arena *a, const Case *c)
{
    const char *text = arena_printf(
        a,
        "%smodel m {\n input a: f32[%s]\n param p: f32[%s] = zeros()\n x = a + p\n %s\n slope = gradient(y, x)\n"
        " output value = y\n output result = slope\n"
        " train {\n  target w: f32[%s]\n  loss = sum(slope * w)\n  optimizer sgd()\n }\n}\n",
        definitions, c->shape, c->shape, c->body, c->shape);
    Diag *d = diag_new(a);
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .train = true};
    Module *m = pipeline_text(a, d, c->name, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s: %s", c->name, diag_text(d, a));
    return m;
}

static Value *filled(const Fn *fn)
{
    uint64_t seed = 5;
    Value *in = NEWN(fn->a, Value, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        in[i] = value_new(fn->a, port->node->type);
        if (port->role == ROLE_COUNT)
            in[i].at[0] = 2;
        else
            fill_apart(in[i], &seed, -0.8, 0.9, i % 4);
    }
    return in;
}

static int port_at(const Port *port, int n, Role role, int index)
{
    for (int i = 0; i < n; i++)
        if (port[i].role == role && port[i].index == index)
            return i;
    fail_msg("no %s %d", role_name(role), index);
    return -1;
}

/* In inference: output 1 is the gradient of output 0 by the input. */
static void check_value(const Case *c, const Module *m)
{
    const char *why;
    const Fn *fn = m->infer;
    Value *in = filled(fn), *out = NEWN(m->a, Value, fn->result.n + 1), *weight = NEWN(m->a, Value, fn->result.n + 1);
    assert_true(fn_interpret(m->a, fn, PRECISION_F64, in, out, &why));
    for (int i = 0; i < fn->result.n; i++) {
        weight[i] = value_new(m->a, fn->result.at[i].node->type);
        for (int64_t k = 0; k < type_count(weight[i].type); k++)
            weight[i].at[k] = fn->result.at[i].index == 0;
    }
    int wrt = port_at(fn->input.at, fn->input.n, ROLE_INPUT, 0);
    Value slope = out[port_at(fn->result.at, fn->result.n, ROLE_OUTPUT, 1)];
    assert_true(check_differences(c->name, fn, in, weight, 1, &wrt, &slope) > 0);
}

/* In training: the gradients of a loss that is made of gradients. */
static void check_second(const Case *c, const Module *m)
{
    const char *why;
    Value *in = filled(m->loss), *out = NEWN(m->a, Value, m->gradients->result.n + 1);
    Value *weight = NEWN(m->a, Value, m->loss->result.n + 1);
    assert_int_equal(m->loss->input.n, m->gradients->input.n);
    assert_true(fn_interpret(m->a, m->gradients, PRECISION_F64, in, out, &why));
    for (int i = 0; i < m->loss->result.n; i++) {
        weight[i] = value_new(m->a, m->loss->result.at[i].node->type);
        weight[i].at[0] = m->loss->result.at[i].role == ROLE_LOSS;
    }
    for (int p = 0; p < m->params.n; p++) {
        const char *name = m->params.at[p].name;
        const Value *gradient = &out[port_at(m->gradients->result.at, m->gradients->result.n, ROLE_GRADIENT, p)];
        if (!fn_find_input(m->loss, ROLE_PARAM, p)) {
            assert_string_equal(name, c->still);
            continue;
        }
        int wrt = port_at(m->loss->input.at, m->loss->input.n, ROLE_PARAM, p);
        int64_t some = check_differences(arena_printf(m->a, "%s by %s", c->name, name), m->loss, in, weight, 1, &wrt, gradient);
        assert_true(some > 0);
    }
}

static void test_gradients_in_programs(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        Module *m = built(a, &cases[i]);
        check_value(&cases[i], m);
        check_second(&cases[i], m);
        arena_free(a);
    }
}

/* What it means where examples meet, where there is a list, and where nothing depends. */
static void test_what_it_is_of(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    static const char *const text = "model m {\n input x: f32\n input z: f32[2]\n param w: f32 = ones()\n unused = x * 3\n"
                        " y = w * x ^ 2 * sum(z ^ 3)\n by_x, by_z, none = gradient(y, [x, z, unused])\n output a = by_x\n"
                        " output b = by_z\n output c = none\n train {\n  target t: f32\n"
                        "  slope = training ? gradient(batch_mean((y - t) ^ 2), w) : 0\n  loss = slope\n  optimizer sgd()\n }\n}\n";
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .train = true};
    Module *m = pipeline_text(a, d, "m.dl", text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    const char *why;
    const double x[] = {2, -1}, z[] = {1, 2, 0, 3}, t[] = {1, 2};
    const double by_x[] = {2 * 2 * 9, -2 * 27}, by_z[] = {4 * 3, 4 * 12, 0, 27};
    Value in[8], out[8];
    for (int i = 0; i < m->infer->input.n; i++) {
        const Port *port = &m->infer->input.at[i];
        in[i] = value_new(a, port->node->type);
        memcpy(in[i].at, port->role == ROLE_PARAM ? (double[]){1} : port->index ? z : x,
               sizeof(double) * (size_t)type_count(in[i].type));
    }
    assert_true(fn_interpret(a, m->infer, PRECISION_F64, in, out, &why));
    for (int i = 0; i < 2; i++)
        assert_true(fabs(out[0].at[i] - by_x[i]) < 1e-9 && out[2].at[i] == 0);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(out[1].at[i] - by_z[i]) < 1e-9);
    /* d/dw of the mean of (w u - t)^2 is the mean of 2 u (w u - t), u = x^2 sum(z^3): 36 and 27 */
    for (int i = 0; i < m->loss->input.n; i++) {
        const Port *port = &m->loss->input.at[i];
        in[i] = value_new(a, port->node->type);
        const double *from = port->role == ROLE_PARAM    ? (double[]){1}
                             : port->role == ROLE_COUNT  ? (double[]){2}
                             : port->role == ROLE_TARGET ? t
                             : port->index               ? z
                                                         : x;
        memcpy(in[i].at, from, sizeof(double) * (size_t)type_count(in[i].type));
    }
    assert_true(fn_interpret(a, m->loss, PRECISION_F64, in, out, &why));
    double want = (2 * 36.0 * 35 + 2 * 27.0 * 25) / 2;
    int loss = port_at(m->loss->result.at, m->loss->result.n, ROLE_LOSS, 0);
    assert_true(fabs(out[loss].at[0] - want) < 1e-6);
    arena_free(a);
}

/* The loop that a gradient needs more of is taken for the one that was there: forward and backward, and in the loss both
 * once more, backwards. */
static void test_loops_run_once(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    static const char *const text =
        "model m {\n input x: f32[5, 2]\n y = sum(lstm(x, 3))\n output value = y\n output why = gradient(y, x)\n"
        " train {\n  loss = y + sum(gradient(y, x) ^ 2)\n  optimizer sgd()\n }\n}\n";
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .train = true};
    Module *m = pipeline_text(a, d, "m.dl", text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    const Fn *fn[] = {m->infer, m->gradients};
    for (int f = 0; f < 2; f++) {
        int scans = 0;
        for (int i = 0; i < fn[f]->node.n; i++)
            scans += fn[f]->node.at[i]->op == OP_SCAN;
        assert_int_equal(scans, f ? 4 : 2);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_in_programs),
        cmocka_unit_test(test_what_it_is_of),
        cmocka_unit_test(test_loops_run_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
