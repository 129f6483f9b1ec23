/* SPDX-License-Identifier: MIT */
/* test_graph.c: making, sharing, copying and checking graphs. */
#include "graph_fixture.h"

#include <math.h>

/* ---- types -------------------------------------------------------------------------------------------------------- */
static void types(void **state)
{
    (void)state;
    Type t = f32(3, 2, 3, 4);
    assert_string_equal(type_text(a, t), "f32[2, 3, 4]");
    assert_string_equal(type_text(a, type_scalar(DT_BOOL)), "bool");
    assert_int_equal(type_count(t), 24);
    assert_int_equal(type_count(type_scalar(DT_I32)), 1);
    assert_int_equal(type_bytes(t), 96);
    assert_int_equal(type_bytes(type_with(t, DT_U8)), 24);
    assert_true(type_eq(type_drop(t, 1), f32(2, 2, 4)));
    assert_true(type_eq(type_drop(t, 2), f32(2, 2, 3)));
    assert_true(type_eq(type_insert(t, 0, 9), f32(4, 9, 2, 3, 4)));
    assert_true(type_eq(type_insert(t, 3, 9), f32(4, 2, 3, 4, 9)));
    assert_false(type_eq(t, type_with(t, DT_I32)));
    assert_true(shape_eq(t, type_with(t, DT_I32)));
    assert_null(type_problem(a, t));
    assert_non_null(type_problem(a, f32(2, 3, 0)));
    Type dropped = type_drop(t, 0), made = f32(2, 3, 4);
    assert_memory_equal(&dropped, &made, sizeof made);
}

static void conversions(void **state)
{
    (void)state;
    assert_true(dtype_convert(-1.9, DT_F32, DT_I32) == -1);
    assert_true(dtype_convert(1e300, DT_F32, DT_I32) == INT32_MAX);
    assert_true(dtype_convert(NAN, DT_F32, DT_U8) == 0);
    assert_true(dtype_convert(-1, DT_I32, DT_U8) == 255);
    assert_true(dtype_convert(0.25, DT_F32, DT_BOOL) == 1);
    assert_true(dtype_holds(DT_F32, 0.5) && dtype_holds(DT_F32, NAN) && !dtype_holds(DT_F32, 0.1));
    assert_false(dtype_holds(DT_F32, 1e300));
    assert_true(dtype_holds(DT_I32, -2147483648.0) && !dtype_holds(DT_I32, 2147483648.0));
    assert_true(dtype_holds(DT_U8, 255) && !dtype_holds(DT_U8, -1) && !dtype_holds(DT_U8, 0.5));
}

/* ---- sharing ------------------------------------------------------------------------------------------------------ */
static void equal_nodes_are_one(void **state)
{
    (void)state;
    Node *x = input(0, f32(2, 3, 4)), *y = input(1, f32(2, 3, 4));
    assert_ptr_equal(input(0, f32(2, 3, 4)), x);
    assert_ptr_equal(node_binary(fn, OP_ADD, x, y), node_binary(fn, OP_ADD, x, y));
    assert_ptr_not_equal(node_binary(fn, OP_ADD, x, y), node_binary(fn, OP_ADD, y, x));
    assert_ptr_not_equal(node_binary(fn, OP_ADD, x, y), node_binary(fn, OP_SUB, x, y));
    assert_ptr_equal(node_const(fn, DT_F32, 0.1), node_const(fn, DT_F32, (double)0.1f));
    assert_ptr_equal(node_const(fn, DT_F32, NAN), node_const(fn, DT_F32, -NAN));
    assert_ptr_not_equal(node_const(fn, DT_F32, 0.0), node_const(fn, DT_F32, -0.0));
    assert_ptr_not_equal(node_const(fn, DT_F32, 1), node_const(fn, DT_I32, 1));
    assert_ptr_equal(node_reduce(fn, OP_SUM, x, 1, (int[]){1}), node_reduce(fn, OP_SUM, x, 1, (int[]){1}));
    assert_ptr_not_equal(node_reduce(fn, OP_SUM, x, 1, (int[]){1}), node_reduce(fn, OP_SUM, x, 1, (int[]){0}));
    assert_ptr_not_equal(fn_input(fn, ROLE_PARAM, 0, "x0", f32(2, 3, 4)), x);
}

/* What stands behind a list's end, or in the padding of a union, must not tell nodes apart. */
static void stray_bytes_do_not_matter(void **state)
{
    (void)state;
    Node *x = input(0, f32(2, 3, 4));
    Attr clean = {0}, dirty;
    clean.axes.n = 1;
    memset(&dirty, 0x5a, sizeof dirty);
    dirty.axes.n = 1;
    dirty.axes.axis[0] = 0;
    assert_ptr_equal(node_make(fn, OP_SUM, 1, &x, &dirty), node_make(fn, OP_SUM, 1, &x, &clean));
    assert_null(fn_verify(a, fn, NULL));
}

static void random_numbers_are_drawn_once(void **state)
{
    (void)state;
    Node *seed = fn_input(fn, ROLE_SEED, 0, "seed", type_make(DT_I32, 1, (int64_t[]){2}));
    Node *step = fn_input(fn, ROLE_STEP, 0, "step", type_scalar(DT_I32));
    assert_ptr_equal(node_random(fn, f32(1, 3), 7, seed, step), node_random(fn, f32(1, 3), 7, seed, step));
    assert_ptr_not_equal(node_random(fn, f32(1, 3), 7, seed, step), node_random(fn, f32(1, 3), 8, seed, step));
    assert_ptr_not_equal(node_random(fn, f32(1, 3), 7, seed, step), node_random(fn, f32(1, 4), 7, seed, step));
}

/* The table grows: every node is still found. */
static void many_nodes(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    Node *x = input(0, type_scalar(DT_F32)), *first[MANY];
    for (int i = 0; i < MANY; i++)
        first[i] = node_binary_const(fn, OP_SUB, x, i + 1);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(node_binary_const(fn, OP_SUB, x, i + 1), first[i]);
    assert_int_equal(fn->node.n, 1 + 2 * MANY);
    assert_null(fn_verify(a, fn, NULL));
}

static void ports(void **state)
{
    (void)state;
    Node *x = input(0, f32(1, 3));
    fn_result(fn, ROLE_OUTPUT, 0, "y", x);
    assert_ptr_equal(fn_find_input(fn, ROLE_INPUT, 0), x);
    assert_null(fn_find_input(fn, ROLE_INPUT, 1));
    assert_ptr_equal(fn_find_result(fn, ROLE_OUTPUT, 0), x);
    assert_null(fn_find_result(fn, ROLE_LOSS, 0));
}

/* ---- local rewrites ------------------------------------------------------------------------------------------------ */
static void identities_vanish(void **state)
{
    (void)state;
    Node *x = input(0, f32(2, 3, 4)), *c = fn_input(fn, ROLE_INPUT, 1, "c", type_with(f32(2, 3, 4), DT_BOOL));
    int64_t none[2] = {0, 0}, all[2] = {3, 4}, ones[2] = {1, 1};
    assert_ptr_equal(node_binary_const(fn, OP_ADD, x, 0), x);
    assert_ptr_equal(node_binary(fn, OP_ADD, node_full(fn, x->type, 0), x), x);
    assert_ptr_equal(node_binary_const(fn, OP_SUB, x, 0), x);
    assert_ptr_equal(node_binary_const(fn, OP_MUL, x, 1), x);
    assert_ptr_equal(node_binary_const(fn, OP_DIV, x, 1), x);
    assert_ptr_equal(node_unary(fn, OP_NEG, node_unary(fn, OP_NEG, x)), x);
    assert_ptr_equal(node_cast(fn, x, DT_F32), x);
    assert_ptr_equal(node_reshape(fn, x, 2, all), x);
    assert_ptr_equal(node_reshape(fn, node_reshape(fn, x, 1, (int64_t[]){12}), 2, all), x);
    assert_ptr_equal(node_permute(fn, node_permute(fn, x, (int[]){1, 0}), (int[]){1, 0}), x);
    assert_ptr_equal(node_broadcast_trailing(fn, x, x->type), x);
    assert_ptr_equal(node_slice(fn, x, none, all, ones), x);
    assert_ptr_equal(node_pad(fn, x, none, none, none, 7), x);
    assert_ptr_equal(node_reverse(fn, x, 0, NULL), x);
    assert_ptr_equal(node_reduce(fn, OP_SUM, x, 0, NULL), x);
    assert_ptr_equal(node_concat(fn, 1, &x, 0), x);
    assert_ptr_equal(node_select(fn, c, x, x), x);
    assert_ptr_equal(node_select(fn, node_full(fn, c->type, 1), x, node_unary(fn, OP_NEG, x)), x);
    assert_int_equal(node_unary(fn, OP_STOP, x)->op, OP_STOP);
    assert_int_equal(node_binary_const(fn, OP_MUL, x, 0)->op, OP_MUL); /* x may be NaN */
}

static void constants_fold(void **state)
{
    (void)state;
    double v = 0;
    Type t = f32(2, 3, 4);
    Node *two = node_full(fn, t, 2), *three = node_full(fn, t, 3);
    Node *sum = node_binary(fn, OP_ADD, two, three);
    assert_true(is_const(sum, &v) && v == 5);
    assert_int_equal(sum->op, OP_BROADCAST);
    assert_true(is_const(node_unary(fn, OP_EXP, node_const(fn, DT_F32, 1)), &v) && v == (double)(float)exp(1));
    assert_true(is_const(node_binary(fn, OP_DIV, node_const(fn, DT_I32, -7), node_const(fn, DT_I32, 2)), &v) && v == -4);
    assert_true(is_const(node_cast(fn, node_full(fn, t, 2.7), DT_I32), &v) && v == 2);
    assert_true(is_const(node_reshape(fn, sum, 1, (int64_t[]){12}), &v) && v == 5);
    assert_true(is_const(node_slice_axis(fn, sum, 0, 1, 3, 1), &v) && v == 5);
    assert_ptr_equal(node_permute(fn, sum, (int[]){1, 0}), node_full(fn, f32(2, 4, 3), 5));
    assert_true(is_const(node_pad(fn, sum, (int64_t[]){1, 0}, (int64_t[]){0, 1}, NULL, 5), &v) && v == 5);
    assert_false(is_const(node_pad(fn, sum, (int64_t[]){1, 0}, (int64_t[]){0, 1}, NULL, 4), &v));
    assert_false(is_const(input(0, t), &v));
}

/* An element-wise operation on repeated scalars is computed once. */
static void scalars_are_computed_once(void **state)
{
    (void)state;
    Type t = f32(2, 3, 4);
    Node *step = input(0, type_scalar(DT_F32));
    Node *rate = node_binary(fn, OP_DIV, node_full(fn, t, 1), node_broadcast(fn, step, t, NULL));
    assert_int_equal(rate->op, OP_BROADCAST);
    assert_int_equal(rate->in[0]->op, OP_DIV);
    assert_int_equal(rate->in[0]->type.rank, 0);
}

static void constants_stand_right(void **state)
{
    (void)state;
    Node *x = input(0, f32(1, 3)), *one = node_full(fn, x->type, 3);
    assert_ptr_equal(node_binary(fn, OP_MUL, one, x), node_binary(fn, OP_MUL, x, one));
    assert_ptr_equal(node_binary(fn, OP_ADD, one, x)->in[0], x);
    assert_ptr_equal(node_binary(fn, OP_MAX2, one, x)->in[0], one); /* whose gradient goes right at a tie */
    assert_ptr_equal(node_binary(fn, OP_SUB, one, x)->in[0], one);
}

/* ---- constructors -------------------------------------------------------------------------------------------------- */
static void constructors_give_shapes(void **state)
{
    (void)state;
    Node *x = input(0, f32(3, 2, 3, 4)), *y = input(1, f32(2, 4, 5)), *z = input(2, f32(3, 2, 4, 5)), *v = input(3, f32(1, 4));
    Node *w = input(4, f32(2, 9, 2));
    assert_true(type_eq(node_matmul(fn, x, y)->type, f32(3, 2, 3, 5)));
    assert_true(type_eq(node_matmul(fn, x, z)->type, f32(3, 2, 3, 5)));
    assert_true(type_eq(node_matmul(fn, x, v)->type, f32(2, 2, 3)));
    assert_true(type_eq(node_matmul(fn, v, y)->type, f32(1, 5)));
    assert_true(type_eq(node_matmul(fn, v, z)->type, f32(2, 2, 5)));
    assert_true(type_eq(node_matmul(fn, v, v)->type, f32(0)));
    assert_true(type_eq(node_insert_axis(fn, y, 1, 7)->type, f32(3, 4, 7, 5)));
    assert_true(type_eq(node_broadcast_trailing(fn, v, x->type)->type, x->type));
    assert_true(type_eq(node_iota(fn, x->type, 2)->type, type_with(x->type, DT_I32)));
    assert_true(type_eq(node_slice_axis(fn, x, 1, 0, 3, 2)->type, f32(3, 2, 2, 4)));
    assert_true(type_eq(node_window(fn, w, 0, 3, 2, 1)->type, f32(3, 4, 3, 2)));
    assert_true(type_eq(node_fold(fn, node_window(fn, w, 0, 3, 2, 1), 0, 2, 1, 9)->type, w->type));
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */
static void prune_keeps_what_is_needed(void **state)
{
    (void)state;
    Node *unused = input(0, f32(1, 3)), *x = input(1, f32(1, 3));
    node_unary(fn, OP_EXP, unused);
    Node *y = node_unary(fn, OP_TANH, x);
    y->name = "y";
    fn_input(fn, ROLE_PARAM, 0, "late", f32(1, 3));
    fn_result(fn, ROLE_OUTPUT, 0, "out", node_binary(fn, OP_ADD, y, fn_find_input(fn, ROLE_PARAM, 0)));
    assert_string_equal(print(fn_prune(fn)), "func f(x1: f32[3] input 1, late: f32[3] param 0) {\n"
                                             "    %2 = tanh(x1) : f32[3] as y\n"
                                             "    %3 = add(%2, late) : f32[3]\n"
                                             "    return output 0 out = %3\n"
                                             "}\n");
    assert_null(fn_verify(a, fn_prune(fn), NULL));
}

static void prune_keeps_the_ports_of_a_body(void **state)
{
    (void)state;
    fn_input(fn, ROLE_CARRY, 0, "h", f32(1, 3));
    Node *x = fn_input(fn, ROLE_SLICE, 0, "x", f32(1, 3));
    fn_input(fn, ROLE_INVARIANT, 0, "w", f32(1, 3));
    fn_result(fn, ROLE_CARRY, 0, "h", x);
    assert_int_equal(fn_prune(fn)->input.n, 3);
}

static void inline_takes_what_is_given(void **state)
{
    (void)state;
    Fn *from = parse("func g(x: f32[3] input 0, y: f32[3] input 1) { %2 = add(x, y) %3 = exp(%2) as e %4 = neg(x) "
                     "return output 0 = %3 }");
    Node *mine = input(5, f32(1, 3)), **map = NEWN(a, Node *, from->node.n);
    map[0] = mine;
    map[1] = node_full(fn, f32(1, 3), 0);
    fn_inline(fn, from, map);
    assert_ptr_equal(map[2], mine);  /* x + 0, rewritten on the way */
    assert_int_equal(map[3]->op, OP_EXP);
    assert_string_equal(map[3]->name, "e");
    assert_null(map[4]);             /* not needed */
    assert_int_equal(fn->input.n, 1);
}

/* ---- the verifier --------------------------------------------------------------------------------------------------- */
static const char *const sound =
    "func f(h: f32[3] input 0, xs: f32[4, 3] input 1, i: i32[2] input 2) {\n"
    "    %3 = scan(h, xs) carries=1 slices=1 yields=0 length=4 body=func step(h: f32[3] carry 0, x: f32[3] slice 0) {\n"
    "        %2 = add(h, x) : f32[3]\n"
    "        return carry 0 h = %2\n"
    "    }\n"
    "    %4 = result(%3) index=0 : f32[3]\n"
    "    %5 = gather(%4, i) : f32[2]\n"
    "    %6 = sum(%5) axes=[0] : f32\n"
    "    return output 0 y = %6, value 0 = %4\n"
    "}\n";

static void expect_complaint(const char *message, int guilty_id)
{
    const Node *guilty = NULL;
    const char *why = fn_verify(a, fn, &guilty);
    if (!why || !strstr(why, message))
        fail_msg("expected %s, found %s", message, why ? why : "nothing");
    assert_int_equal(guilty ? guilty->id : -1, guilty_id);
    StrBuf sb = {.a = a};
    fn_print_error(&sb, fn, guilty, why); /* however broken it is */
    assert_non_null(strstr(sb_text(&sb), arena_printf(a, "# ^ %s\n", why)));
}

static void sound_functions_pass(void **state)
{
    (void)state;
    fn = parse(sound);
    assert_null(fn_verify(a, fn, NULL));
    assert_string_equal(print(fn), sound);
}

#define BREAKS(name, guilty, message, ...)                                                                         \
    static void name(void **state)                                                                                 \
    {                                                                                                              \
        (void)state;                                                                                               \
        fn = parse(sound);                                                                                         \
        Node **n = fn->node.at;                                                                                    \
        (void)n;                                                                                                   \
        __VA_ARGS__;                                                                                               \
        expect_complaint(message, guilty);                                                                         \
    }

static Node *foreign(void)
{
    return fn_input(fn_new(a, "other"), ROLE_INPUT, 0, "x", f32(1, 3));
}

BREAKS(wrong_id, 9, "node at 4 says it is 9", n[4]->id = 9)
BREAKS(wrong_op, 5, "operation 999 does not exist", n[5]->op = (Op)999)
BREAKS(no_operand, 5, "operand 0 is no node of this function", n[5]->in[0] = NULL)
BREAKS(foreign_operand, 5, "operand 0 is no node of this function", n[5]->in[0] = foreign())
BREAKS(later_operand, 4, "operand 0 stands behind its use", n[4]->in[0] = n[6])
BREAKS(own_operand, 6, "operand 0 stands behind its use", n[6]->in[0] = n[6])
BREAKS(too_many_operands, 5, "gather takes 2 operands, not 1", n[5]->nin = 1)
BREAKS(list_too_long, 6, "axes lists 9 numbers, but at most 8", n[6]->attr.axes.n = 9)
BREAKS(list_negative, 6, "axes lists -1 numbers", n[6]->attr.axes.n = -1)
BREAKS(stray_byte, 6, "stray bytes", n[6]->attr.axes.axis[3] = 1)
BREAKS(wrong_axis, 6, "axis 4 is not one of the operand's 1", n[6]->attr.axes.axis[0] = 4)
BREAKS(wrong_type, 5, "is f32[3], the shape rule says f32[2]", n[5]->type.dim[0] = 3)
BREAKS(wrong_dtype, 5, "is i32[2], the shape rule says f32[2]", n[5]->type.dt = DT_I32)
BREAKS(huge_rank, 5, "rank 100", n[5]->type.rank = 100)
BREAKS(zero_extent, 1, "every extent is at least 1", n[1]->attr.input.type.dim[0] = n[1]->type.dim[0] = 0)
BREAKS(scan_used_as_value, 5, "a scan is no value", n[5]->in[0] = n[3])
BREAKS(scan_length, 3, "the scan has 5 steps", n[3]->attr.scan.length = 5)
BREAKS(scan_without_body, 3, "there is no body", n[3]->attr.scan.body = NULL)
BREAKS(open_body, 3, "in its body: operand 0 is no node of this function, in %2",
       n[3]->attr.scan.body->node.at[2]->in[0] = n[0])
BREAKS(body_in_itself, 3, "nested more than", n[3]->attr.scan.body = fn)
BREAKS(body_port_role, 3, "in its body: input 1 is invariant 0, its node slice 0",
       n[3]->attr.scan.body->input.at[1].role = ROLE_INVARIANT)
BREAKS(body_result_role, 3, "result 0 of the body is yield 0, not carry 0",
       n[3]->attr.scan.body->result.at[0].role = ROLE_YIELD)
BREAKS(result_index, 4, "result 1 of a scan that has 1", n[4]->attr.index.index = 1)
BREAKS(input_without_node, -1, "input 0 has no input node", fn->input.at[0].node = foreign())
BREAKS(input_is_no_input, 4, "input 0 has no input node", fn->input.at[0].node = n[4])
BREAKS(input_role, 0, "input 0 is param 0, its node input 0", fn->input.at[0].role = ROLE_PARAM)
BREAKS(input_no_role, 0, "input 0 has no role", fn->input.at[0].role = (Role)99)
BREAKS(input_twice, 0, "stands twice", fn->input.at[1] = fn->input.at[0])
BREAKS(input_without_port, -1, "1 input nodes have no port", fn->input.n--)
BREAKS(result_foreign, -1, "result 0 is no node", fn->result.at[0].node = foreign())
BREAKS(result_is_scan, 3, "result 1 is a scan", fn->result.at[1].node = n[3])
BREAKS(result_twice, 4, "result output 0 stands twice", fn->result.at[1].role = ROLE_OUTPUT)
BREAKS(result_no_role, 6, "result 0 has no role", fn->result.at[0].role = (Role)-1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(types), T(conversions), T(equal_nodes_are_one), T(stray_bytes_do_not_matter),
        T(random_numbers_are_drawn_once), T(many_nodes), T(ports), T(identities_vanish), T(constants_fold),
        T(scalars_are_computed_once), T(constants_stand_right), T(constructors_give_shapes),
        T(prune_keeps_what_is_needed), T(prune_keeps_the_ports_of_a_body), T(inline_takes_what_is_given),
        T(sound_functions_pass), T(wrong_id), T(wrong_op), T(no_operand), T(foreign_operand),
        T(later_operand), T(own_operand), T(too_many_operands), T(list_too_long), T(list_negative),
        T(stray_byte), T(wrong_axis), T(wrong_type), T(wrong_dtype), T(huge_rank), T(zero_extent),
        T(scan_used_as_value), T(scan_length), T(scan_without_body), T(open_body), T(body_in_itself),
        T(body_port_role), T(body_result_role), T(result_index), T(input_without_node), T(input_is_no_input),
        T(input_role), T(input_no_role), T(input_twice), T(input_without_port), T(result_foreign),
        T(result_is_scan), T(result_twice), T(result_no_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
