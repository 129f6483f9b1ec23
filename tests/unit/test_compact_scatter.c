/* SPDX-License-Identifier: MIT */
/* test_compact_scatter.c: a table that a few rows are added to is made of these rows, to the same numbers, and is so planned where it is
 * larger than half of the second cache. */
#include "read_graph.h"
#include <string.h>

#include "compiler/kernels/kernel.h"
#include "compiler/passes/passes.h"

/* A table of `words` rows of 24, to which rows are added at an index of that shape. */
static const Fn *table(Arena *a, int words, const char *shape)
{
    const char *index = *shape ? arena_printf(a, "[%s]", shape) : "", *x = *shape ? arena_printf(a, "%s, 24", shape) : "24";
    const char *text = arena_printf(a, "func f(index: i32%s input 0, x: f32[%s] input 1) { %%2 = scatter_add(index, x) limit=%d : f32[%d, 24] "
                                       "%%3 = add(%%2, %%2) : f32[%d, 24] return output 0 y = %%3 }", index, x, words, words, words);
    return read_graph(a, text);
}

static int count_ops(const Fn *fn, Op op)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++)
        n += fn->node.at[i]->op == op;
    return n;
}

/* What it is for indices that go in steps of `step` from `first` on, and begin again at the end. */
static const double *values(Arena *a, const Fn *fn, int words, int first, int step)
{
    const int64_t count = type_count(fn->input.at[0].node->type);
    Value in[2] = {value_new(a, fn->input.at[0].node->type), value_new(a, fn->input.at[1].node->type)};
    Value *out = NEW(a, Value);
    const char *why;
    *out = value_new(a, fn->result.at[0].node->type);
    for (int64_t i = 0; i < count; i++)
        in[0].at[i] = (double)((first + i * step) % words);
    for (int64_t i = 0; i < count * 24; i++)
        in[1].at[i] = (double)(1 + i);
    if (!fn_interpret(a, fn, PRECISION_F32, in, out, &why))
        fail_msg("%s", why);
    return out->at;
}

/* Words that occur never, once and several times; the first and the last one; tables whose rows are and are no square number. */
static void same_numbers(void **state)
{
    (void)state;
    static const struct { int words; const char *shape; int first, step; } row[] = {
        {100, "10", 0, 0}, {100, "3, 4", 99, 0}, {101, "12", 95, 1}, {101, "20", 3, 7}, {130, "5, 3, 2", 129, 64}, {37, "", 36, 0}, {1000, "200", 1, 45},
    };
    for (int i = 0; i < LEN(row); i++) {
        Arena *a = arena_new();
        const Node *what;
        const Fn *fn = table(a, row[i].words, row[i].shape), *rows = compact_scatter(a, fn, 0, &what);
        if (!rows)
            fail_msg("a table of %d rows is not compact", row[i].words);
        assert_null(fn_verify(a, rows, NULL));
        const double *x = values(a, fn, row[i].words, row[i].first, row[i].step);
        const double *y = values(a, rows, row[i].words, row[i].first, row[i].step);
        for (int at = 0; at < row[i].words * 24; at++)
            if (x[at] != y[at])
                fail_msg("table %d, element %d: %g became %g", i, at, x[at], y[at]);
        arena_free(a);
    }
}

/* Not where the rows take half of the table, and not what is asked for itself. */
static void left_as_they_are(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const Node *what;
    assert_null(compact_scatter(a, table(a, 100, "45"), 0, &what));
    assert_non_null(compact_scatter(a, table(a, 100, "10"), 9600, &what));
    assert_null(compact_scatter(a, table(a, 100, "10"), 9601, &what));
    Fn *fn = (Fn *)table(a, 100, "10");
    fn->result.at[0].node = fn->result.at[0].node->in[0];
    assert_null(compact_scatter(a, fn, 0, &what));
    arena_free(a);
}

static void large_ones_are_planned_so(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Target t = *target_find("x86-64-v4");
    t.l2 = 19200;
    assert_int_equal(count_ops(lower(a, NULL, table(a, 100, "10"), &t)->fn, OP_SCAN), 1);
    t.l2 = 19400;
    assert_int_equal(count_ops(lower(a, NULL, table(a, 100, "10"), &t)->fn, OP_SCAN), 0);
    t = *target_find("generic");
    assert_int_equal(count_ops(lower(a, NULL, table(a, 100, "10"), target_compact(a, &t))->fn, OP_SCAN), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_numbers),
        cmocka_unit_test(left_as_they_are),
        cmocka_unit_test(large_ones_are_planned_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
