/* SPDX-License-Identifier: MIT */
/* A training step that meets an index out of range says so and changes nothing of what its caller keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "compiler/jit/execute.h"
#include "compiler/pipeline.h"
#include "runtime/dl_status.h"

#include <string.h>

static const char *const models[] = {
    /* running statistics are known long before the label is looked at */
    "model m { input x: f32[6]; h = x |> dense(5) |> batch_norm |> relu; logits = dense(h, 3)\n"
    "output probs = softmax(logits)\n"
    "train { target label: i32; loss = cross_entropy(logits, label); optimizer adam() } }\n",
    /* the label is looked at inside of a loop */
    "model m { input x: f32[4, 6]; h = x |> dense(5) |> batch_norm\n"
    "total = for row in h { yield row }\n"
    "logits = dense(sum(total, axis = 0), 3); output probs = softmax(logits)\n"
    "train { target label: i32[2]; losses = for l in label { yield cross_entropy(logits, l) }\n"
    "loss = mean(losses); optimizer sgd(momentum = 0.9) } }\n",
};

static void *tensor(Arena *a, const Port *port, int32_t label)
{
    Type t = port->node->type;
    char *bytes = arena_alloc(a, (size_t)type_bytes(t));
    for (int64_t i = 0; i < type_count(t); i++) {
        if (t.dt == DT_F32)
            ((float *)bytes)[i] = 0.01f * (float)(i % 13) + 0.5f;
        else if (t.dt == DT_I32)
            ((int32_t *)bytes)[i] = port->role == ROLE_TARGET && i == type_count(t) - 1 ? label : 1;
    }
    return bytes;
}

/* One training step whose last label is `label`; counts the bytes of inputs it changed. */
static int step(Arena *a, const char *engine, const char *text, int32_t label, int64_t *changed)
{
    Diag *d = diag_new(a);
    const ElaborateOptions options = {.batch = 1, .train_batch = 4, .train = true};
    const Module *m = pipeline_text(a, d, "m.dl", text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    static const char *const names[] = {"train_step"};
    const char *why = NULL;
    Executable *x = executable_new(a, d, engine, 1, false, &m->train_step, names, 1, &why);
    if (!x)
        fail_msg("%s", why);
    const Fn *fn = m->train_step;
    void **in = NEWN(a, void *, fn->input.n), **before = NEWN(a, void *, fn->input.n), **out = NEWN(a, void *, fn->result.n);
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = tensor(a, &fn->input.at[i], label);
        before[i] = tensor(a, &fn->input.at[i], label);
    }
    for (int i = 0; i < fn->result.n; i++)
        out[i] = arena_alloc(a, (size_t)type_bytes(fn->result.at[i].node->type));
    int status = executable_call(x, 0, in, out);
    *changed = 0;
    for (int i = 0; i < fn->input.n; i++)
        for (int64_t k = 0; k < type_bytes(fn->input.at[i].node->type); k++)
            *changed += ((char *)in[i])[k] != ((char *)before[i])[k];
    executable_close(x);
    return status;
}

static void bad_label_changes_nothing(void **state)
{
    static const char *const engines[] = {"interpret", "tcc"};
    (void)state;
    for (int i = 0; i < LEN(models); i++)
        for (int e = 0; e < LEN(engines); e++) {
            Arena *a = arena_new();
            int64_t changed;
            assert_int_equal(step(a, engines[e], models[i], 2, &changed), DL_OK);
            assert_true(changed > 100);
            assert_int_equal(step(a, engines[e], models[i], 3, &changed), DL_INDEX);
            assert_int_equal(changed, 0);
            assert_int_equal(step(a, engines[e], models[i], -1, &changed), DL_INDEX);
            assert_int_equal(changed, 0);
            arena_free(a);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_label_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
