/* SPDX-License-Identifier: MIT */
/* Rows: networks for pictures in turns give the values of the whole picture, from wherever the loop ends; and
 * what cannot be taken apart so is refused. */
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
    const char *name, *body; /* of a model whose input is x, [12, 7, 2] */
    int loops;               /* ways there are to take it apart: ends times rows in a turn of 1, 2, 3, 4 */
} Case;

static const Case cases[] = {
    {"same",
     "h = x |> conv2d(3, 3, padding = \"same\") |> relu\n"
     "output y = h |> conv2d(2, 5, padding = \"same\") |> sigmoid",
     16},
    {"valid", "output y = x |> conv2d(3, [3, 2]) |> tanh |> conv2d(2, 2, dilation_rate = 2) |> relu", 10},
    {"strides",
     "h = x |> conv2d(3, 3, strides = 2, padding = \"same\") |> relu\n"
     "output y = h |> depthwise_conv2d(3, padding = \"same\") |> conv2d(4, 1, strides = 3) |> tanh",
     6},
    {"cropped", "output y = x |> conv2d(3, 3) |> relu |> conv2d(2, 2) |> relu |> max_pool2d(2) |> tanh", 12},
    {"residual",
     "h = x |> conv2d(2, 3, padding = \"same\") |> batch_norm\n"
     "h = relu(h + x)\n"
     "y = h |> conv2d(4, 3, strides = 2, padding = \"same\") |> relu |> conv2d(4, 3, padding = \"same\")\n"
     "output y = relu(y + conv2d(h, 4, 1, strides = 2)) |> global_avg_pool2d |> dense(3)",
     25},
    {"pooled",
     "h = x |> conv2d(3, 3, padding = \"same\") |> max_pool2d(2)\n"
     "output y = h |> avg_pool2d(2, strides = 1) |> global_max_pool2d",
     6},
    {"padded",
     "h = x |> conv2d(2, 3, padding = \"same\")\n"
     "h = pad(h, [[2, 3], [1, 0], [0, 0]], 0.75) |> conv2d(3, [4, 2])\n"
     "output y = h |> max_pool2d(3, strides = 2, padding = \"same\") |> tanh",
     7},
    {"above",
     "output y = x |> conv2d(2, 3, padding = \"same\") |> pad([[3, 1], [0, 0], [0, 0]], 0.75) |> conv2d(2, "
     "[2, 1]) |> relu",
     8},
    {"other_axis",
     "output y = relu(pad(x[:, 1:], [[0, 0], [0, 2], [0, 0]]) |> conv2d(2, [3, 1], padding = \"same\"))", 8},
};

static const Case refused[] = {
    {"whole", "output y = softmax(x, axis = 0) |> relu", 4},
    {"upside_down", "output y = relu(reverse(x, axis = 0) + x)", 0},
    {"both", "h = x |> conv2d(2, 3) |> relu\noutput y = sum(h)\noutput z = tanh(conv2d(h, 1, 3))", 4},
    {"cut", "output y = relu(x[1:])", 0},
    {"spread", "output y = relu(convolution(x, full(0.5, [1, 1, 2, 3]), input_dilation = 2))", 0},
    {"by_row", "param p: f32[12, 7, 2] = ones()\noutput y = relu(x * p)", 0},
};

static Module *model(Arena *a, const Case *c, int64_t batch)
{
    Diag *d = diag_new(a);
    const char *text = arena_printf(a, "model rows {\ninput x: f32[12, 7, 2]\n%s\n}\n", c->body);
    const ElaborateOptions options = {.batch = batch, .train_batch = 1};
    Module *m = pipeline_text(a, d, c->name, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return m;
}

static void fill(Value v, int seed)
{
    for (int64_t i = 0; i < type_count(v.type); i++)
        v.at[i] = 0.5 + sin((double)(i * i % 97 + seed));
}

static void interpret(Arena *a, const Fn *fn, Value *out)
{
    Value in[32];
    const char *why;
    assert_true(fn->input.n <= 32);
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        fill(in[i], 10 * (int)fn->input.at[i].role + fn->input.at[i].index);
    }
    if (!fn_interpret(a, fn, PRECISION_F64, in, out, &why))
        fail_msg("%s", why);
}

/* `exact`: to the bit; where sums go over the rows, nearly. */
static void assert_same(const char *what, Arena *a, const Fn *x, const Fn *y, bool exact)
{
    Value *p = NEWN(a, Value, x->result.n), *q = NEWN(a, Value, x->result.n);
    interpret(a, x, p);
    interpret(a, y, q);
    for (int i = 0; i < x->result.n; i++)
        for (int64_t k = 0; k < type_count(p[i].type); k++)
            if (!(fabs(p[i].at[k] - q[i].at[k]) <= (exact ? 0 : 1e-12)))
                fail_msg("%s: element %lld is %.17g, not %.17g", what, (long long)k, q[i].at[k], p[i].at[k]);
}

static bool is_end(const Node *n)
{
    return n->op != OP_INPUT && (n->type.rank == 4 || n->op == OP_SUM || n->op == OP_MAX) &&
           (op_info(n->op)->class == CLASS_ELEMENT || op_info(n->op)->class == CLASS_REDUCE);
}

static int take_apart(const Case *c, int64_t batch)
{
    int ways = 0;
    Arena *a = arena_new();
    const Fn *fn = model(a, c, batch)->infer;
    const Node *input = fn_find_input(fn, ROLE_INPUT, 0);
    for (int id = 0; id < fn->node.n; id++)
        for (int rows = 1; rows <= 4; rows++) {
            const Node *end = fn->node.at[id], *guilty = NULL;
            Fn *made = is_end(end) ? stream_rows(a, fn, input, end, rows) : NULL;
            if (!made)
                continue;
            const char *what = arena_printf(a, "%s, %%%d, %d rows, batch %d", c->name, id, rows, (int)batch);
            const char *why = fn_verify(a, made, &guilty);
            if (why)
                fail_msg("%s: %s: %s", what, why, guilty ? node_text(a, guilty) : "");
            assert_same(what, a, fn, made, end->op != OP_SUM);
            assert_non_null(lower(a, NULL, made, target_find("generic")));
            ways++;
        }
    arena_free(a);
    return ways;
}

static void test_same_values(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(cases); i++)
        for (int64_t batch = 1; batch <= 2; batch++)
            if (take_apart(&cases[i], batch) != cases[i].loops)
                fail_msg("%s can be taken apart in %d ways", cases[i].name, take_apart(&cases[i], batch));
}

static void test_refused(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(refused); i++)
        if (take_apart(&refused[i], 1) != refused[i].loops)
            fail_msg("%s can be taken apart in %d ways", refused[i].name, take_apart(&refused[i], 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_values),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
