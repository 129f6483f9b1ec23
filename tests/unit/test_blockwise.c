/* SPDX-License-Identifier: MIT */
/* Blockwise: gradients of attentions made a block of rows at a time are those made at once; nothing as large as the
 * scores is stored any more, whatever the masks, or, of short texts, only what costs much to make again; and what is
 * no such thing stays as it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/kernel.h"
#include "passes/passes.h"
#include "pipeline.h"

#include <string.h>

typedef struct Case {
    const char *name, *body; /* of a model with q, k, v: [2, 24, 3], m: bool[24, 24]; makes y */
    int wide, kept;          /* tensors of 24 * 24 elements and more that are stored: `sparing`, and not */
} Case;

static const Case cases[] = {
    {"plain", "y = scaled_dot_product_attention(q, k, v)", 0, 1},
    {"causal", "y = scaled_dot_product_attention(q, k, v, causal = true)", 0, 1},
    {"masked", "y = scaled_dot_product_attention(q, k, v, mask = m)", 0, 1},
    {"padded", "y = scaled_dot_product_attention(q, k, v, mask = m[:1], causal = true)", 0, 1},
    {"biased", "param bias: f32[2, 24, 1] = uniform(-1, 1)\n"
               "s = tanh(q @ transpose(k) + bias) * 4\nw = exp(s)\ny = (w @ v) / sum(w, axis = -1, keepdims = true)", 0, 2},
    /* nothing waits for these products, so that the loop makes them, too; the gradient of a softmax adds up rows of what is as wide */
    {"divided first", "y = softmax(q @ transpose(k)) @ v", 0, 0},
    {"twice", "s = softmax(q @ transpose(k))\ny = softmax(s * s) @ v", 0, 0},
    {"products", "y = ((q @ transpose(k)) * (v @ transpose(k)) - 1) @ v", 0, 0},
    /* sums of rows that weigh columns: all rows come first */
    {"crossed", "s = tanh(q @ transpose(k))\ny = (s * reshape(sum(s, axis = -1), [2, 1, 24])) @ v", 2, 2},
    {"turned", "y = transpose(softmax(q @ transpose(k))) @ v", 1, 1},
    {"own heads", "y = permute(reshape(multi_head_attention(reshape(permute(q, [1, 0, 2]), [24, 6]), "
                  "reshape(permute(k, [1, 0, 2]), [24, 6]), 2, 3), [24, 2, 3]), [1, 0, 2])", 0, 1},
    /* columns that are cut from rows added up as a whole: these are kept */
    {"cut", "y = softmax(q @ transpose(k))[:, :, :12] @ v[:, :12]", 4, 4},
    /* which weights are dropped is kept, and what they are on the way forward */
    {"dropped", "y = scaled_dot_product_attention(q, k, v, dropout = 0.25)", 2, 3},
};

static const Case refused[] = {
    {"no rows added up", "y = softmax(q @ transpose(stop_gradient(k))) @ stop_gradient(v)", 0, 0},
    {"small", "s = q[:, :4] @ transpose(k[:, :4])\ny = v * sum(softmax(s))", 0, 0},
};

static Module *model(Arena *a, const Case *c)
{
    Diag *d = diag_new(a);
    const char *text = arena_printf(
        a,
        "model blocks {\ninput a: f32[2, 24, 3]\ninput m: bool[24, 24]\nparam p: f32[3, 3] = uniform(-1, 1)\n"
        "q = a @ p\nk = tanh(q)\nparam r: f32[2, 24, 3] = uniform(-1, 1)\nv = a * r\n%s\noutput o = y\n"
        "train {\ntarget w: f32[2, 24, 3]\nloss = sum(y * w)\noptimizer sgd()\n}\n}\n",
        c->body);
    const ElaborateOptions options = {.batch = 1, .train_batch = 2, .train = true};
    Module *m = pipeline_text(a, d, c->name, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s: %s", c->name, diag_text(d, a));
    return m;
}

static void fill(Value v, Role role, int seed)
{
    for (int64_t i = 0; i < type_count(v.type); i++)
        v.at[i] = role == ROLE_COUNT           ? 2
                  : role == ROLE_STEP          ? 3
                  : v.type.dt == DT_BOOL       ? (i * i + seed) % 3 > 0
                  : v.type.dt == DT_I32        ? (double)(i + seed)
                                               : sin((double)(i * i % 97 + seed));
}

static Value *interpret(Arena *a, const Fn *fn)
{
    Value in[32], *out = NEWN(a, Value, fn->result.n);
    const char *why;
    assert_true(fn->input.n <= 32);
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        fill(in[i], fn->input.at[i].role, 10 * (int)fn->input.at[i].role + fn->input.at[i].index);
    }
    if (!fn_interpret(a, fn, PRECISION_F64, in, out, &why))
        fail_msg("%s", why);
    return out;
}

static void assert_same(const char *what, Arena *a, const Fn *x, const Fn *y)
{
    const Value *p = interpret(a, x), *q = interpret(a, y);
    assert_int_equal(x->result.n, y->result.n);
    for (int i = 0; i < x->result.n; i++)
        for (int64_t k = 0; k < type_count(p[i].type); k++)
            if (!(fabs(p[i].at[k] - q[i].at[k]) <= 1e-11 * (1 + fabs(p[i].at[k]))))
                fail_msg("%s: result %d, element %lld is %.17g, not %.17g", what, i, (long long)k, q[i].at[k],
                         p[i].at[k]);
}

static int loops_in(const Fn *fn)
{
    int loops = 0;
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op == OP_SCAN)
            loops += 1 + loops_in(fn->node.at[id]->attr.scan.body);
    return loops;
}

/* Tensors of the arena that hold scores of one head or more, of an example. */
static int wide_tensors(Arena *a, const Fn *fn)
{
    int wide = 0;
    const Plan *p = lower(a, NULL, fn, target_find("x86-64-v3"));
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        wide += b->kind == BUFFER_ARENA && b->first >= 0 && !b->alias && type_count(b->type) >= 24 * 24;
    }
    return wide;
}

static void test_same_gradients(void **state)
{
    (void)state;
    static const int64_t most[] = {24 * 24, 8 * 24, 24};
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        const Module *m = model(a, &cases[i]);
        for (int k = 0; k < LEN(most); k++) {
            const char *what = arena_printf(a, "%s, %d elements", cases[i].name, (int)most[k]);
            const Node *guilty = NULL;
            Fn *made = blockwise(m->gradients, most[k], true), *keeping = blockwise(m->gradients, most[k], false);
            const char *why = fn_verify(a, made, &guilty);
            why = why ? why : fn_verify(a, keeping, &guilty);
            if (why)
                fail_msg("%s: %s: %s", what, why, guilty ? node_text(a, guilty) : "");
            if (loops_in(made) < 2 + (k > 0) || loops_in(keeping) != loops_in(made))
                fail_msg("%s: %d and %d loops", what, loops_in(made), loops_in(keeping));
            assert_same(what, a, m->gradients, made);
            assert_same(what, a, m->gradients, keeping);
            if (k > 0 && wide_tensors(a, made) != cases[i].wide)
                fail_msg("%s: %d wide tensors", what, wide_tensors(a, made));
            if (k > 0 && wide_tensors(a, keeping) != cases[i].kept)
                fail_msg("%s: %d wide tensors are kept", what, wide_tensors(a, keeping));
        }
        arena_free(a);
    }
}

static void test_others_stay(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(refused); i++) {
        Arena *a = arena_new();
        const Module *m = model(a, &refused[i]);
        if (blockwise(m->gradients, 100, false) != m->gradients)
            fail_msg("%s is made in blocks", refused[i].name);
        arena_free(a);
    }
    Arena *a = arena_new();
    const Module *m = model(a, &cases[0]);
    assert_ptr_equal(blockwise(m->infer, 24, false), m->infer); /* the forward pass keeps a few rows anyway */
    assert_ptr_equal(blockwise(m->gradients, 4 * 24 * 24, false), m->gradients);
    arena_free(a);
}

/* Bytes of a training step's arena, of two examples with a text of so many words. */
static int64_t training_bytes(Arena *a, int words)
{
    Diag *d = diag_new(a);
    const char *text = arena_printf(a,
                                    "model long {\ninput x: f32[%d, 32]\ny = multi_head_attention(x, x, 2, 16)\noutput o = y\n"
                                    "train {\nloss = sum(y * y)\noptimizer adam()\n}\n}\n",
                                    words);
    const ElaborateOptions options = {.batch = 1, .train_batch = 2, .train = true};
    const Module *m = pipeline_text(a, d, "long", text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return lower(a, d, m->train_step, target_find("x86-64-v3"))->arena_bytes;
}

static void test_memory_grows_with_the_length(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const int64_t bytes = training_bytes(a, 1024), more = training_bytes(a, 2048);
    if (more > 2 * bytes || bytes > 1024 * 1024 * 4)
        fail_msg("%lld bytes for 1024 words, %lld for 2048", (long long)bytes, (long long)more);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_gradients),
        cmocka_unit_test(test_others_stay),
        cmocka_unit_test(test_memory_grows_with_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
