/* SPDX-License-Identifier: MIT */
/* Simplification and composition: each rule does what it says. Random graphs (tests/graphs) have the same values before
 * and after. */
#include "gradient_check.h"

#define F32(...) type_make(DT_F32, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

/* A convolution over a dilated operand as it is, and what is made of it; NULL where the draw fits nothing. */
static Node *dilated_conv(Fn *fn, Node *const *in, uint64_t *random, Node **rewritten)
{
    Attr attr = {.conv = {.nspatial = in[0]->type.rank - 2, .groups = 2}};
    const char *why;
    Type t;
    for (int i = 0; i < attr.conv.nspatial; i++) {
        attr.conv.stride[i] = attr.conv.rhs_dilation[i] = 1;
        attr.conv.lhs_dilation[i] = 1 + (int64_t)(check_random(random) % 4);
        attr.conv.pad_lo[i] = (int64_t)(check_random(random) % 9) - 4;
        attr.conv.pad_hi[i] = (int64_t)(check_random(random) % 9) - 4;
        if (attr.conv.lhs_dilation[i] == 1)
            attr.conv.stride[i] = attr.conv.rhs_dilation[i] = 1 + (int64_t)(check_random(random) % 2);
    }
    why = node_infer(fn->a, OP_CONV, 2, in, &attr, &t);
    if (why)
        return NULL;
    *rewritten = node_conv(fn, in[0], in[1], &attr);
    return node_make_as_is(fn, OP_CONV, 2, in, &attr);
}

/* Sums of small integers: exact in any order. */
static void test_phases_of_a_convolution(void **state)
{
    (void)state;
    int rewritten = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        Arena *a = arena_new();
        Fn *fn = fn_new(a, "phases");
        uint64_t random = seed;
        Type x = F32(2, 1 + seed % 5, 4), w = F32(1 + seed % 4, 2, 6);
        if (seed % 2) {
            x = type_insert(x, 2, 1 + (int64_t)(seed / 2 % 4));
            w = type_insert(w, 1, 1 + (int64_t)(seed / 2 % 3));
        }
        Node *in[] = {fn_input(fn, ROLE_INPUT, 0, "x", x), fn_input(fn, ROLE_INPUT, 1, "w", w)}, *other;
        Node *conv = dilated_conv(fn, in, &random, &other);
        Value value[] = {value_new(a, x), value_new(a, w)}, out[2];
        const char *why;
        if (conv) {
            fn_result(fn, ROLE_OUTPUT, 0, NULL, conv);
            fn_result(fn, ROLE_OUTPUT, 1, NULL, other);
            for (int i = 0; i < 2; i++)
                for (int64_t j = 0; j < type_count(value[i].type); j++)
                    value[i].at[j] = (double)(check_random(&random) % 9) - 4;
            assert_true(fn_interpret(a, fn, PRECISION_F32, value, out, &why));
            for (int64_t j = 0; j < type_count(conv->type); j++)
                if (out[0].at[j] != out[1].at[j])
                    fail_msg("convolution %llu, element %lld: %g became %g", (unsigned long long)seed,
                             (long long)j, out[0].at[j], out[1].at[j]);
            rewritten += other != conv;
        }
        arena_free(a);
    }
    assert_true(rewritten > 150);
}

/* ---- single rules -------------------------------------------------------------------------------------- */
static Node *input(Fn *fn, int index, Type t)
{
    return fn_input(fn, ROLE_INPUT, index, NULL, t);
}

/* The gradient of split(x, 3): three pads, added from the right, are one concatenation. */
static void test_parts_become_one_concatenation(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "parts");
    Node *x[3], *sum = NULL;
    for (int i = 2; i >= 0; i--) {
        x[i] = input(fn, i, F32(4, 2));
        Node *part = node_pad(fn, x[i], (int64_t[]){0, i * 2}, (int64_t[]){0, 4 - i * 2}, NULL, 0);
        sum = sum ? node_binary(fn, OP_ADD, sum, part) : part;
    }
    assert_int_equal(sum->op, OP_CONCAT);
    assert_int_equal(sum->nin, 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(sum->in[i], x[i]);
    arena_free(a);
}

/* Attention's transposes are contracted where they lie. */
static void test_transposes_become_contracting_axes(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "scores");
    Node *q = input(fn, 0, F32(2, 5, 3, 4)),
         *k = input(fn, 1, F32(2, 7, 3, 4)); /* [batch, time, head, feature] */
    Node *qh = node_permute(fn, q, (int[]){0, 2, 1, 3}), *kh = node_permute(fn, k, (int[]){0, 2, 3, 1});
    Node *scores = node_matmul(fn, qh, kh);
    assert_int_equal(scores->op, OP_DOT);
    assert_ptr_equal(scores->in[0], q);
    assert_ptr_equal(scores->in[1], k);
    assert_true(type_eq(scores->type, F32(2, 3, 5, 7)));
    arena_free(a);
}

static void test_powers_that_are_products(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "powers");
    Node *x = input(fn, 0, F32(3));
    Node *square = node_binary_const(fn, OP_POW, x, 2);
    assert_int_equal(square->op, OP_MUL);
    assert_ptr_equal(node_binary_const(fn, OP_POW, x, 1), x);
    assert_int_equal(node_binary_const(fn, OP_POW, x, 3)->op, OP_MUL);
    assert_int_equal(node_binary_const(fn, OP_POW, x, 0.5)->op, OP_POW);
    arena_free(a);
}

static void test_axes_of_one_are_reshapes(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "units");
    Node *x = input(fn, 0, F32(1, 5, 3));
    assert_int_equal(node_permute(fn, x, (int[]){1, 0, 2})->op, OP_RESHAPE);
    assert_int_equal(node_reduce(fn, OP_SUM, x, 1, (int[]){0})->op, OP_RESHAPE);
    Node *most = node_reduce(fn, OP_MAX, x, 2, (int[]){0, 1});      /* of x itself, since its axis is no other one reshaped */
    assert_int_equal(most->op, OP_RESHAPE);
    assert_int_equal(most->in[0]->op, OP_MAX);
    assert_int_equal(most->in[0]->attr.axes.n, 1);
    assert_ptr_equal(most->in[0]->in[0], x);
    assert_int_equal(node_insert_axis(fn, x, 1, 1)->op, OP_RESHAPE);
    arena_free(a);
}

/* x * 0 may be NaN, so it stays. */
static void test_no_rule_forgets_nan(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "nan");
    Node *x = input(fn, 0, F32(3));
    assert_int_equal(node_binary_const(fn, OP_MUL, x, 0)->op, OP_MUL);
    assert_int_equal(node_binary(fn, OP_SUB, x, x)->op, OP_SUB);
    assert_int_equal(node_binary(fn, OP_DIV, x, x)->op, OP_DIV);
    arena_free(a);
}

/* ---- the training step --------------------------------------------------------------------------------- */

/* loss = sum(w·x·x), one frozen parameter, an update w - 0.1·g. */
static void test_training_step_is_gradients_then_update(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Module m = {.a = a};
    Entry w = {.name = "w", .type = F32(2), .trainable = true}, frozen = {.name = "frozen", .type = F32(2)};
    Entry idle = {.name = "idle", .type = F32(3), .trainable = true};
    vec_push(a, &m.params, w);
    vec_push(a, &m.params, frozen);
    vec_push(a, &m.params, idle);
    Fn *loss = fn_new(a, "loss");
    Node *x = fn_input(loss, ROLE_INPUT, 0, "x", F32(2)), *p = fn_input(loss, ROLE_PARAM, 0, "w", F32(2));
    Node *f = fn_input(loss, ROLE_PARAM, 1, "frozen", F32(2));
    Node *product =
        node_binary(loss, OP_MUL, node_binary(loss, OP_MUL, p, x), node_binary(loss, OP_MUL, x, f));
    fn_result(loss, ROLE_LOSS, 0, "loss", node_reduce(loss, OP_SUM, product, 1, (int[]){0}));
    Fn *update = fn_new(a, "update");
    for (int i = 0; i < 3; i += 2) {
        Type t = m.params.at[i].type;
        Node *old = fn_input(update, ROLE_PARAM, i, NULL, t),
             *g = fn_input(update, ROLE_GRADIENT, i, NULL, t);
        fn_result(update, ROLE_PARAM, i, NULL,
                  node_binary(update, OP_SUB, old, node_binary_const(update, OP_MUL, g, 0.5)));
    }
    Fn *gradients = differentiate(&m, loss);
    assert_non_null(fn_find_result(gradients, ROLE_GRADIENT, 0));
    double zero = 1;
    assert_true(is_const(fn_find_result(gradients, ROLE_GRADIENT, 1), &zero) && zero == 0);
    assert_non_null(fn_find_result(gradients, ROLE_GRADIENT, 2));
    Fn *step = compose_train_step(&m, gradients, update);
    assert_null(fn_verify(a, step, NULL));
    assert_int_equal(step->result.n, 3);
    assert_int_equal(step->input.n, 4);
    Value in[4], out[3];
    const char *why = NULL;
    for (int i = 0; i < step->input.n; i++) {
        in[i] = value_new(a, step->input.at[i].node->type);
        for (int64_t j = 0; j < type_count(in[i].type); j++)
            in[i].at[j] = (double)(j + 2);
    }
    assert_true(fn_interpret(a, step, PRECISION_F64, in, out, &why));
    assert_int_equal(step->result.at[0].role, ROLE_PARAM);
    assert_true(out[0].at[0] == 2 - 0.5 * 8 && out[0].at[1] == 3 - 0.5 * 27);
    assert_true(out[1].at[2] == 4);
    assert_true(out[2].at[0] == 16 + 81);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_of_a_convolution),
        cmocka_unit_test(test_parts_become_one_concatenation),
        cmocka_unit_test(test_transposes_become_contracting_axes),
        cmocka_unit_test(test_powers_that_are_products),
        cmocka_unit_test(test_axes_of_one_are_reshapes),
        cmocka_unit_test(test_no_rule_forgets_nan),
        cmocka_unit_test(test_training_step_is_gradients_then_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
