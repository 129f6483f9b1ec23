/* SPDX-License-Identifier: MIT */
/* Micro-batches: training functions that work on a few examples at a time give what those of the whole batch give, draws of random
 * numbers and incomplete batches included; and models that mix examples are refused, where they do. */
#include "read_graph.h"

#include <math.h>

#include "kernels/kernel.h"
#include "passes/passes.h"
#include "pipeline.h"

enum { BATCH = 6 };

typedef struct Case {
    const char *name, *body; /* of a model with `train` */
} Case;

#define CLASSIFY "output p = softmax(y)\ntrain {\ntarget t: i32\nloss = cross_entropy(y, t)\noptimizer adam()\n"

static const Case cases[] = {
    {"cnn",
     "input x: f32[9, 8, 2]\n"
     "h = x |> conv2d(3, 3, padding = \"same\") |> relu |> max_pool2d(2) |> dropout(0.4)\n"
     "h = h |> depthwise_conv2d(3, depth_multiplier = 2) |> conv2d(3, 2, strides = 2, padding = \"same\") |> tanh\n"
     "y = h |> flatten |> dense(20) |> relu |> dropout(0.5) |> dense(4)\n" CLASSIFY
     "metric accuracy = argmax(y) == t\n}"},
    {"lstm",
     "input x: i32[5]\n"
     "y = x |> embedding(30, 4) |> lstm(6, return_sequences = true) |> dropout(0.2) |> lstm(5) |> dense(3)\n" CLASSIFY
     "clip global_norm(0.5)\npenalty 0.1 * sum(dense_1.kernel ^ 2)\n}"},
    {"gru",
     "input x: f32[4, 3]\ninput length: i32\n"
     "y = x |> bidirectional(gru(4), mask = iota(4) < length) |> dense(3)\n" CLASSIFY
     "metric sure = ratio(max(softmax(y)) > 0.35, t > 0)\n}"},
    {"drawing_loop",
     "input x: f32[4, 3]\nparam w: f32[3, 3] = uniform(-1, 1)\nh = x[0]\n"
     "hs = for x_t in x {\nh = dropout(tanh(h @ w + x_t), 0.3)\nyield h * dropout(x_t, 0.5)\n}\n"
     "y = mean(hs, axis = 0) + h\n" CLASSIFY "}"},
    {"encoder",
     "input x: f32[4, 6]\nparam places: f32[4, 6] = uniform(-1, 1)\nx = x + places\n"
     "x = layer_norm(x + dropout(multi_head_attention(x, x, 2, 3), 0.1))\n"
     "y = x |> dense(8, gelu) |> dense(6) |> mean(axis = 0) |> dense(3)\n" CLASSIFY "}"},
    {"regression",
     "input x: f32[7]\nstate seen: f32[2] = zeros()\n"
     "y = x |> dense(9) |> group_norm(3) |> sigmoid |> dense(2)\noutput z = y + seen\n"
     "train {\ntarget t: f32[2]\nloss = mean_squared_error(y, t)\noptimizer sgd(momentum = 0.9)\nclip norm(0.3)\n"
     "penalty l1(dense_1.kernel, 0.01)\n}"},
    {"siamese",
     "input a: f32[5]\ninput b: f32[5]\np = dense(a, 8) as tower\nq = dense(b, 8) as same tower\n"
     "d = sqrt(sum((p - q) ^ 2) + 1e-3)\noutput z = d\n"
     "train {\ntarget t: f32\nloss = t * d ^ 2 + (1 - t) * max(2 - d, 0) ^ 2\noptimizer adam()\n}"},
    {"physics",
     "input x: f32\nu = sum(tanh(dense(stack([x, x ^ 2]), 6)) |> dense(1))\nslope = gradient(u, x)\noutput z = slope\n"
     "train {\ntarget t: f32\nloss = (u - t) ^ 2 + slope ^ 2\noptimizer adam()\n}"},
    {"tied",
     "input x: i32[3]\nh = embedding(x, 20, 4) as words |> mean(axis = 0)\ny = h @ transpose(words.embeddings)\n" CLASSIFY "}"},
};

typedef struct Refused {
    const char *name, *body, *text; /* the text that mixes examples begins so */
} Refused;

static const Refused refused[] = {
    {"batch_norm", "input x: f32[5]\ny = x |> dense(4) |> batch_norm |> dense(3)\n" CLASSIFY "}", "x |> dense(4) |> batch_norm"},
    {"batch_mean",
     "input x: f32[5]\ny = dense(x, 3)\nif training {\ny = y - batch_mean(y)\n}\n" CLASSIFY "}",
     "y = y - batch_mean(y)"},
};

static Module *model(Arena *a, Diag *d, const char *name, const char *body, int64_t size)
{
    const char *text = arena_printf(a, "model micro {\n%s\n}\n", body);
    const ElaborateOptions options = {.batch = 1, .train_batch = BATCH, .train = true, .micro_batch = size};
    return pipeline_text(a, d, name, text, strlen(text), &options, NULL, NULL);
}

static void fill(Value v, Role role, int index, int count)
{
    for (int64_t i = 0; i < type_count(v.type); i++)
        v.at[i] = role == ROLE_COUNT         ? count
                : role == ROLE_STEP          ? 2
                : v.type.dt == DT_I32        ? (double)((i + index) % 3)
                : role == ROLE_OPTIMIZER     ? 0.01
                                             : 0.2 + sin((double)(i * i % 97 + 10 * (int)role + index));
}

static Value *interpret(Arena *a, const Fn *fn, int count)
{
    Value *in = NEWN(a, Value, fn->input.n), *out = NEWN(a, Value, fn->result.n);
    const char *why;
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        fill(in[i], fn->input.at[i].role, fn->input.at[i].index, count);
    }
    if (!fn_interpret(a, fn, PRECISION_F64, in, out, &why))
        fail_msg("%s", why);
    return out;
}

/* The sums are added up in another order, in double. */
static void assert_same(const char *what, Arena *a, const Fn *x, const Fn *y, int count)
{
    const Value *p = interpret(a, x, count), *q = interpret(a, y, count);
    assert_int_equal(x->result.n, y->result.n);
    for (int i = 0; i < x->result.n; i++)
        for (int64_t k = 0; k < type_count(p[i].type); k++)
            if (!(fabs(p[i].at[k] - q[i].at[k]) <= 1e-9 * (1 + fabs(p[i].at[k]))))
                fail_msg("%s: %s, %d examples: element %lld is %.17g, not %.17g", what, x->result.at[i].name, count, (long long)k,
                         q[i].at[k], p[i].at[k]);
}

static bool has_loop_of(const Fn *fn, int64_t steps)
{
    bool has = false;
    for (int i = 0; i < fn->node.n; i++)
        has |= fn->node.at[i]->op == OP_SCAN && fn->node.at[i]->attr.scan.length == steps && str_eq(fn->node.at[i]->attr.scan.body->name, "micro_batch");
    return has;
}

static void test_same_values(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(cases); i++)
        for (int64_t size = 1; size <= 3; size++) {
            Arena *a = arena_new();
            Diag *d = diag_new(a);
            const Module *whole = model(a, d, cases[i].name, cases[i].body, 0);
            const Module *micro = whole ? model(a, d, cases[i].name, cases[i].body, size) : NULL;
            if (!micro)
                fail_msg("%s", diag_text(d, a));
            const Fn *from[] = {whole->gradients, whole->train_step, whole->evaluate};
            const Fn *to[] = {micro->gradients, micro->train_step, micro->evaluate};
            for (int k = 0; k < LEN(from); k++) {
                const char *what = arena_printf(a, "%s, %s of %d at a time", cases[i].name, from[k]->name, (int)size);
                assert_true(has_loop_of(to[k], BATCH / size));
                assert_same(what, a, from[k], to[k], BATCH);
                assert_same(what, a, from[k], to[k], 4);
                assert_non_null(lower(a, d, to[k], target_find("generic")));
            }
            arena_free(a);
        }
}

/* ---- sums that a loop of the function's own carries ---- */
/* Of steps in strips of two, as hoisting leaves long loops: what the inner loop adds up, the outer one does. `carry` is what becomes of its sum,
 * `inner` what the inner loop begins with. */
static const Fn *strips(Arena *a, const char *carry, const char *inner)
{
    return read_graph(a, arena_printf(a,
        "func f(x: f32[6, 3, 2, 4] input 0, w: f32[4, 4] param 0) {\n%%x = permute(x) axes=[1, 2, 0, 3]\n"
        "%%zero = const() value=0 : f32\n%%h0 = broadcast(%%zero) axes=[] : f32[6, 4]\n"
        "%%s = scan(w, %%h0, %%x, w) carries=2 slices=1 yields=1 length=3 body=func strip(sum: f32[4, 4] carry 0, h: f32[6, 4] carry 1, "
        "x: f32[2, 6, 4] slice 0, w: f32[4, 4] invariant 0) {\n"
        "    %%zero = const() value=0 : f32\n    %%zeros = broadcast(%%zero) axes=[] : f32[4, 4]\n"
        "    %%t = scan(%s, h, x, w) carries=2 slices=1 yields=1 length=2 body=func step(g: f32[4, 4] carry 0, h: f32[6, 4] carry 1, "
        "x: f32[6, 4] slice 0, w: f32[4, 4] invariant 0) {\n"
        "        %%y = dot(h, w) contract=[1]/[0]\n        %%z = add(%%y, x)\n        %%n = tanh(%%z)\n        %%d = dot(h, %%n) contract=[0]/[0]\n"
        "        %%g = add(g, %%d)\n        return carry 0 g = %%g, carry 1 h = %%n, yield 0 y = %%n\n    }\n"
        "    %%g = result(%%t) index=0\n    %%h = result(%%t) index=1\n    %%ys = result(%%t) index=2\n    %%sum = add(sum, %%g)\n"
        "    %%other = mul(sum, %%g)\n    return carry 0 sum = %s, carry 1 h = %%h, yield 0 ys = %%ys\n}\n"
        "%%sum = result(%%s) index=0\n%%ys = result(%%s) index=2\n%%new = sub(w, %%sum)\n"
        "return param 0 w = %%new, output 0 y = %%ys\n}\n", inner, carry));
}

static void test_sums_of_loops(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Fn *fn = strips(a, "%sum", "%zeros");
    assert_null(fn_verify(a, fn, NULL));
    const Fn *micro = micro_batch(a, fn, 6, 2);
    assert_non_null(micro);
    assert_null(fn_verify(a, micro, NULL));
    assert_true(has_loop_of(micro, 3));
    assert_same("strips", a, fn, micro, 6);
    assert_non_null(lower(a, NULL, micro, target_find("generic")));
    /* what is no sum: a product of sums; one to which each strip, or each part, would add its beginning again */
    assert_non_null(micro_batch_mixes(a, strips(a, "%other", "%zeros"), 6));
    assert_non_null(micro_batch_mixes(a, strips(a, "%sum", "w"), 6));
    assert_non_null(micro_batch_mixes(a, strips(a, "%sum", "sum"), 6));
    arena_free(a);
}

/* The examples that do without batch normalization can all be trained so, long sequences too. */
static void test_examples(void **state)
{
    (void)state;
    static const char *const can[] = {"mlp", "cnn", "small_cnn", "sine", "rnn", "attention", "encoder", "gru_attention", "transformer", "siamese"};
    for (int i = 0; i < LEN(can); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        const ElaborateOptions options = {.batch = 1, .train_batch = 8, .train = true, .micro_batch = 4};
        const Module *m = pipeline_module(a, d, arena_printf(a, "dsl_examples/%s.dl", can[i]), &options, NULL, NULL);
        if (!m)
            fail_msg("%s", diag_text(d, a));
        assert_true(has_loop_of(m->train_step, 2));
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(refused); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        assert_null(model(a, d, refused[i].name, refused[i].body, 2));
        const char *text = diag_text(d, a);
        if (!strstr(text, "mixes the examples of a batch") || !strstr(text, refused[i].text))
            fail_msg("%s: %s", refused[i].name, text);
        arena_free(a);
    }
}

static void test_size_must_divide(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    assert_null(model(a, d, cases[0].name, cases[0].body, 4));
    assert_non_null(strstr(diag_text(d, a), "--micro-batch 4: it has to divide the batch, 6"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_values),
        cmocka_unit_test(test_sums_of_loops),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_size_must_divide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
