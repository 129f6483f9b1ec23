/* SPDX-License-Identifier: MIT */
/* Gradients of scans, and their gradients, against finite differences of the interpreter in double. */
#include "scan_programs.h"

/* ---- the checks ---------------------------------------------------------------------------------------- */

static void check_program(const Program *p, int variant, int level)
{
    Arena *a = arena_new();
    const char *what = arena_printf(a, "%s, variant %d, level %d", p->name, variant, level);
    uint64_t random = (uint64_t)variant * 77 + (uint64_t)(p - programs);
    Fn *fn = fn_new(a, "program");
    Node *result[MAX_INPUTS], *wrt[MAX_INPUTS], *out[MAX_INPUTS], *one = node_const(fn, DT_F32, 1);
    int index[MAX_INPUTS], n = p->build(fn, variant, result), nwrt = fn->input.n;
    for (int i = 0; i < nwrt; i++) {
        wrt[i] = fn->input.at[i].node;
        index[i] = i;
    }
    Node *loss = sum_of(fn, 0, n, result);
    if (level == 2) {
        gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
        loss = sum_of(fn, n, nwrt, out);
    }
    Fn *forward = fn_new(a, "forward");
    Node **map = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(forward, fn->input.at[i].node, NULL);
    fn_result(fn, ROLE_LOSS, 0, NULL, loss);
    fn_inline(forward, fn, map);
    fn_result(forward, ROLE_LOSS, 0, NULL, map[loss->id]);
    gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
    for (int k = 0; k < nwrt; k++)
        fn_result(fn, ROLE_GRADIENT, k, NULL, out[k]);

    Value in[2 * MAX_INPUTS], values[MAX_INPUTS], weight = value_new(a, loss->type);
    const char *why = NULL;
    weight.at[0] = 1;
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        fill_apart(in[i], &random, -0.9, 0.9, i % 4);
    }
    if (!fn_interpret(a, pruned(fn), PRECISION_F64, in, values, &why))
        fail_msg("%s: %s", what, why);
    check_differences(what, forward, in, &weight, nwrt, index, values + 1);
    for (int k = 0; k < nwrt && level == 1; k++) {
        int64_t nonzero = 0;
        for (int64_t i = 0; i < type_count(values[k + 1].type); i++)
            nonzero += values[k + 1].at[i] != 0;
        if (!nonzero && (!p->zero || p->zero[k] != '0'))
            fail_msg("%s: the gradient of input %d is zero", what, k);
    }
    arena_free(a);
}

static void every_program_at_level(int level)
{
    for (int i = 0; i < LEN(programs); i++)
        for (int variant = 0; variant < programs[i].variants; variant++)
            check_program(&programs[i], variant, level);
}

static void test_gradients_of_scans_match_differences(void **state)
{
    (void)state;
    every_program_at_level(1);
}

static void test_gradients_of_their_gradients_match_differences(void **state)
{
    (void)state;
    every_program_at_level(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_scans_match_differences),
        cmocka_unit_test(test_gradients_of_their_gradients_match_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
