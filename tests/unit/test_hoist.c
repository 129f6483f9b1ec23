/* SPDX-License-Identifier: MIT */
/* Hoisting: the same values, and what is promised of the shape of what comes out. */
#include "scan_programs.h"

static void assert_sound(const char *what, const Fn *fn)
{
    const Node *guilty = NULL;
    const char *why = fn_verify(fn->a, fn, &guilty);
    if (why)
        fail_msg("%s: %s: %s", what, why, guilty ? node_text(fn->a, guilty) : "");
}

static void dump(const char *what, const Fn *fn)
{
    StrBuf sb = {.a = fn->a};
    fn_print(&sb, fn);
    fprintf(stderr, "%s\n%s\n", what, sb_text(&sb));
}

static int count_ops(const Fn *fn, Op op)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++)
        n += fn->node.at[i]->op == op;
    return n;
}

static int count_in_bodies(const Fn *fn, Op op)
{
    int n = 0;
    for (int i = 0; i < fn->node.n; i++)
        if (fn->node.at[i]->op == OP_SCAN)
            n += count_ops(fn->node.at[i]->attr.scan.body, op) +
                 count_in_bodies(fn->node.at[i]->attr.scan.body, op);
    return n;
}

/* Both give the same values, to the rounding of another order of addition. */
static void assert_same_values(const char *what, const Fn *x, const Fn *y, uint64_t seed)
{
    Arena *a = arena_new();
    Value in[64], out_x[64], out_y[64];
    const char *why = NULL;
    assert_int_equal(x->input.n, y->input.n);
    assert_int_equal(x->result.n, y->result.n);
    for (int i = 0; i < x->input.n; i++) {
        in[i] = value_new(a, x->input.at[i].node->type);
        fill_apart(in[i], &seed, -0.9, 0.9, i % 4);
    }
    if (!fn_interpret(a, x, PRECISION_F64, in, out_x, &why) ||
        !fn_interpret(a, y, PRECISION_F64, in, out_y, &why))
        fail_msg("%s: %s", what, why);
    for (int i = 0; i < x->result.n; i++)
        for (int64_t j = 0; j < type_count(out_x[i].type); j++) {
            double p = out_x[i].at[j], q = out_y[i].at[j];
            if (!(fabs(p - q) <= 1e-11 * fmax(1, fabs(p))))
                fail_msg("%s: result %d, element %lld: %.15g, then %.15g", what, i, (long long)j, p, q);
        }
    arena_free(a);
}

static Fn *program_fn(Arena *a, const Program *p, int variant)
{
    Fn *fn = fn_new(a, p->name);
    Node *result[MAX_INPUTS];
    int n = p->build(fn, variant, result);
    for (int i = 0; i < n; i++)
        fn_result(fn, ROLE_OUTPUT, i, NULL, result[i]);
    return pruned(fn);
}

/* The program's inputs as parameters, the weighed sum of its results as loss: differentiate's whole way. */
static Fn *gradient_fn(Arena *a, const Program *p, int variant)
{
    Fn *fn = fn_new(a, p->name), *loss = fn_new(a, "loss");
    Node *result[MAX_INPUTS];
    int n = p->build(fn, variant, result);
    Module *m = NEW(a, Module);
    m->a = a;
    Node **map = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        Entry entry = {.name = port->name, .type = port->node->type, .trainable = true};
        vec_push(a, &m->params, entry);
        map[port->node->id] = fn_input(loss, ROLE_PARAM, i, port->name, port->node->type);
    }
    for (int i = 0; i < n; i++)
        fn_result(fn, ROLE_OUTPUT, i, NULL, result[i]);
    fn_inline(loss, fn, map);
    for (int i = 0; i < n; i++)
        result[i] = map[result[i]->id];
    fn_result(loss, ROLE_LOSS, 0, "loss", sum_of(loss, 0, n, result));
    return differentiate(m, loss);
}

static const int64_t rooms[] = {HOIST_ROOM, 100};

static void test_hoisted_programs_give_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(programs); i++)
        for (int variant = 0; variant < programs[i].variants; variant++) {
            Arena *a = arena_new();
            const char *what = arena_printf(a, "%s, variant %d", programs[i].name, variant);
            Fn *fn = program_fn(a, &programs[i], variant);
            assert_sound(what, fn);
            for (int k = 0; k < LEN(rooms); k++) {
                Fn *hoisted = hoist(fn, rooms[k]);
                assert_sound(what, hoisted);
                assert_same_values(what, fn, hoisted, (uint64_t)variant);
            }
            arena_free(a);
        }
}

static void test_hoisted_gradients_give_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < LEN(programs); i++)
        for (int variant = 0; variant < programs[i].variants; variant++) {
            Arena *a = arena_new();
            const char *what = arena_printf(a, "gradients of %s, variant %d", programs[i].name, variant);
            Fn *fn = gradient_fn(a, &programs[i], variant);
            assert_sound(what, fn);
            for (int k = 0; k < LEN(rooms); k++) {
                Fn *hoisted = hoist(fn, rooms[k]);
                assert_sound(what, hoisted);
                assert_same_values(what, fn, hoisted, (uint64_t)variant);
                assert_same_values(what, fn, hoist(hoisted, rooms[k]), (uint64_t)variant);
            }
            arena_free(a);
        }
}

static void test_the_forward_scan_is_made_once(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = gradient_fn(a, &programs[0], 0);
    assert_int_equal(count_ops(fn, OP_SCAN), 2);
    arena_free(a);
}

static void test_lstm_keeps_one_dot_in_its_loop(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = hoist(program_fn(a, &programs[0], 0), HOIST_ROOM);
    assert_int_equal(count_in_bodies(fn, OP_DOT), 1);
    assert_int_equal(count_ops(fn, OP_DOT), 1);
    arena_free(a);
}

/* Forward: x·kernel before the loop. Backward: dz·recurrent_kernelᵀ in the loop; dx and two weights'
 * gradients after it. */
static void test_lstm_gradients_leave_the_loop(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = hoist(gradient_fn(a, &programs[0], 0), HOIST_ROOM);
    if (getenv("DUMP"))
        dump("lstm", fn);
    assert_int_equal(count_ops(fn, OP_SCAN), 2);
    assert_int_equal(count_in_bodies(fn, OP_DOT), 2);
    assert_int_equal(count_ops(fn, OP_DOT), 4);
    assert_int_equal(count_in_bodies(fn, OP_SUM), 0);
    arena_free(a);
}

/* With room for two of the steps what leaves the loops stays in the loops of strips around them. */
static void test_lstm_gradients_leave_for_strips(void **state)
{
    (void)state;
    const int64_t gates = 2 * 4 * 2 * sizeof(float);    /* of two examples and units */
    Arena *a = arena_new();
    Fn *fn = hoist(gradient_fn(a, &programs[0], 0), 2 * gates);
    if (getenv("DUMP"))
        dump("lstm", fn);
    assert_int_equal(count_ops(fn, OP_SCAN), 2);
    assert_int_equal(count_ops(fn, OP_DOT), 0);
    for (int i = 0; i < fn->node.n; i++)
        if (fn->node.at[i]->op == OP_SCAN) {
            const Fn *strip = fn->node.at[i]->attr.scan.body;
            assert_int_equal(count_ops(strip, OP_SCAN), 1);
            assert_int_equal(count_in_bodies(strip, OP_DOT), 1);
        }
    assert_int_equal(count_in_bodies(fn, OP_DOT), 6);
    arena_free(a);
}

static const Program *program_named(const char *name)
{
    for (int i = 0; i < LEN(programs); i++)
        if (str_eq(programs[i].name, name))
            return &programs[i];
    fail_msg("no program is called %s", name);
    return NULL;
}

static void test_a_loop_without_carries_vanishes(void **state)
{
    (void)state;
    Arena *a = arena_new();
    assert_int_equal(count_ops(hoist(program_fn(a, program_named("map"), 0), HOIST_ROOM), OP_SCAN), 0);
    assert_int_equal(count_ops(hoist(gradient_fn(a, program_named("map"), 0), HOIST_ROOM), OP_SCAN), 0);
    arena_free(a);
}

/* Seven sums go, the carry that goes on stays; nothing that is summed is made in the loop. */
static void test_sums_leave_the_loop(void **state)
{
    (void)state;
    static const Op gone[] = {OP_DOT, OP_CONV, OP_SCATTER, OP_SUM, OP_EXP};
    Arena *a = arena_new();
    Fn *fn = hoist(program_fn(a, program_named("sums"), 0), HOIST_ROOM);
    for (int i = 0; i < fn->node.n; i++)
        if (fn->node.at[i]->op == OP_SCAN)
            assert_int_equal(fn->node.at[i]->attr.scan.ncarry, 1);
    assert_int_equal(count_ops(fn, OP_SCAN), 1);
    for (int i = 0; i < LEN(gone); i++)
        assert_int_equal(count_in_bodies(fn, gone[i]), gone[i] == OP_EXP);
    assert_int_equal(count_ops(fn, OP_DOT), 1);
    assert_int_equal(count_ops(fn, OP_CONV), 1);
    assert_int_equal(count_ops(fn, OP_SCATTER), 1);
    arena_free(a);
}

/* In the inner loop: s·w forward, ds·wᵀ backward. The gradient of w is one contraction over both loops. */
static void test_loops_in_loops_are_done_inside_out(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = hoist(gradient_fn(a, program_named("nested"), 0), HOIST_ROOM);
    assert_int_equal(count_in_bodies(fn, OP_DOT), 2);
    assert_int_equal(count_ops(fn, OP_DOT), 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hoisted_programs_give_the_same),
        cmocka_unit_test(test_hoisted_gradients_give_the_same),
        cmocka_unit_test(test_the_forward_scan_is_made_once),
        cmocka_unit_test(test_lstm_gradients_leave_for_strips),
        cmocka_unit_test(test_lstm_keeps_one_dot_in_its_loop),
        cmocka_unit_test(test_lstm_gradients_leave_the_loop),
        cmocka_unit_test(test_a_loop_without_carries_vanishes),
        cmocka_unit_test(test_sums_leave_the_loop),
        cmocka_unit_test(test_loops_in_loops_are_done_inside_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
