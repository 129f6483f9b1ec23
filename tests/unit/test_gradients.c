/* SPDX-License-Identifier: MIT */
/* Every row of ops.def that has a gradient, at several shapes: the gradient against finite differences of
 * the interpreter in double, and the gradient of the gradient likewise. Prints the worst error of each. Then
 * the rules at corners. Scans: test_scan_gradients.c. */
#include "gradient_check.h"
#include "read_graph.h"
#include "gradient_cases.h"

enum { MAX_INPUTS = 8, LEVELS = 2 };
static const double tolerance[LEVELS] = {1e-6, 1e-6}; /* relative; 1e-4 would do for the second */

/* Operands of one operation, whichever table they come from. */
typedef struct Case {
    Op op;
    const char *text; /* of the whole function */
    double lo, hi;
    const char *zero;
} Case;

static Arena *arena; /* of the cases */
static VEC(Case) cases;
static double worst[OP_COUNT][LEVELS];

/* ---- the cases ----------------------------------------------------------------------------------------- */
static const char *const names[] = {"a", "b", "c", "d"};

static void put_inputs(StrBuf *sb, int n, const char *const *type)
{
    sb_puts(sb, "func case(");
    for (int i = 0; i < n; i++)
        sb_printf(sb, "%s%s: %s input %d", i ? ", " : "", names[i], type[i], i);
    sb_puts(sb, ") { ");
}

/* $ is the shape */
static void put_text(StrBuf *sb, const char *text, const char *shape)
{
    sb_puts(sb, text[0] == '%' ? "" : "%9 = ");
    for (; *text; text++)
        if (*text == '$')
            sb_puts(sb, shape);
        else
            sb_putc(sb, *text);
    sb_puts(sb, " return output 0 = %9 }");
}

static void add_element_case(const ElementCase *c, const char *shape)
{
    static const char *const list[] = {"", "a", "a, b", "a, b, c"};
    int n = c->text ? c->ninput : op_info(c->op)->nin;
    const char *type = arena_printf(arena, "f32%s", shape);
    StrBuf sb = {.a = arena};
    put_inputs(&sb, n, (const char *[]){type, type, type});
    put_text(&sb, c->text ? c->text : arena_printf(arena, "%s(%s)", op_info(c->op)->text, list[n]), shape);
    vec_push(arena, &cases, ((Case){c->op, sb_text(&sb), c->lo, c->hi, c->zero}));
}

static void add_text_case(const TextCase *c)
{
    int n = 0;
    StrBuf sb = {.a = arena};
    while (n < LEN(c->type) && c->type[n])
        n++;
    put_inputs(&sb, n, c->type);
    put_text(&sb, c->text, "");
    /* powers want a base that is positive */
    vec_push(arena, &cases,
             ((Case){c->op, sb_text(&sb), c->op == OP_POW ? 0.4 : -1, c->op == OP_POW ? 2 : 1, c->zero}));
}

static int make_cases(void **state)
{
    (void)state;
    arena = arena_new();
    for (int i = 0; i < LEN(element_cases); i++)
        for (int s = 0; s < LEN(element_shapes); s++)
            add_element_case(&element_cases[i], element_shapes[s]);
    for (int i = 0; i < LEN(text_cases); i++)
        add_text_case(&text_cases[i]);
    return 0;
}

/* The function as written, nothing simplified; its result is taken from its ports. */
static Fn *parse_case(Arena *a, const char *text, Node **result)
{
    Fn *fn = read_graph(a, text);
    *result = fn->result.at[0].node;
    fn->result.n = 0;
    return fn;
}

/* ---- the tables are complete --------------------------------------------------------------------------- */
/* What an operation's cases have shown: first operands, of so many shapes, ranks, and kinds of extents. */
typedef struct Shown {
    VEC(Type) shape;
    bool rank[MAX_RANK + 1], one, odd, even;
} Shown;

static void show(Shown *seen, Type t)
{
    for (int i = 0; i < t.rank; i++) {
        seen->one |= t.dim[i] == 1;
        seen->odd |= t.dim[i] > 1 && t.dim[i] % 2 == 1;
        seen->even |= t.dim[i] % 2 == 0;
    }
    seen->rank[t.rank] = true;
    for (int i = 0; i < seen->shape.n; i++)
        if (type_eq(seen->shape.at[i], t))
            return;
    vec_push(arena, &seen->shape, t);
}

/* scan and result have a file of their own */
static void test_every_differentiable_row_has_its_cases(void **state)
{
    (void)state;
    Shown *seen = NEWN(arena, Shown, OP_COUNT);
    for (int i = 0; i < cases.n; i++) {
        Node *result;
        Fn *fn = parse_case(arena, cases.at[i].text, &result);
        bool there = false;
        for (int k = 0; k < fn->node.n; k++)
            there |= fn->node.at[k]->op == cases.at[i].op;
        if (!there)
            fail_msg("%s has no %s", cases.at[i].text, op_info(cases.at[i].op)->text);
        show(&seen[cases.at[i].op], fn->input.at[0].node->type);
    }
    for (Op op = 0; op < OP_COUNT; op++) {
        if (!op_info(op)->grad || op_info(op)->class == CLASS_LOOP)
            continue;
        int least = 0;
        while (least < 5 && !seen[op].rank[least])
            least++;
        for (int rank = least; rank <= 5; rank++)
            if (!seen[op].rank[rank])
                fail_msg("%s has no case of rank %d", op_info(op)->text, rank);
        if (seen[op].shape.n < 5 || !seen[op].one || !seen[op].odd || !seen[op].even)
            fail_msg("%s has %d shapes; wanted are five, with extents of 1, odd and even", op_info(op)->text,
                     seen[op].shape.n);
    }
}

/* ---- the checks ---------------------------------------------------------------------------------------- */

/* An input that is an index is below this. */
static int64_t index_limit(const Fn *fn, const Node *index)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        if (n->op == OP_GATHER && n->in[1] == index)
            return n->in[0]->type.dim[0];
        if (n->op == OP_SCATTER && n->in[0] == index)
            return n->type.dim[0];
    }
    fail_msg("%s: an integer that is no index", fn->name);
    return 1;
}

static void fill_inputs(const Fn *fn, Value *in, uint64_t *random, double lo, double hi)
{
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        in[i] = value_new(fn->a, port->node->type);
        int64_t n = type_count(in[i].type);
        if (port->role == ROLE_TARGET)
            for (int64_t j = 0; j < n; j++)
                in[i].at[j] = check_uniform(random, 0.3, 1);
        else if (in[i].type.dt == DT_I32)
            for (int64_t j = 0; j < n; j++)
                in[i].at[j] = (double)(check_random(random) % (uint64_t)index_limit(fn, port->node));
        else
            fill_apart(in[i], random, lo, hi, port->index);
    }
}

static Value ones(Arena *a, Type t)
{
    Value v = value_new(a, t);
    for (int64_t i = 0; i < type_count(t); i++)
        v.at[i] = 1;
    return v;
}

static int f32_inputs(const Fn *fn, Node **node, int *index)
{
    int n = 0;
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].node->type.dt == DT_F32) {
            node[n] = fn->input.at[i].node;
            index[n++] = i;
        }
    return n;
}

static Node *total(Fn *fn, Node *x)
{
    int axis[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        axis[i] = i;
    return node_reduce(fn, OP_SUM, x, x->type.rank, axis);
}

static Node *weighed(Fn *fn, int index, Node *x)
{
    return total(fn, node_binary(fn, OP_MUL, x, fn_input(fn, ROLE_TARGET, index, NULL, x->type)));
}

static void check_zero(const Case *c, const char *what, int n, const int *wrt, const Value *gradient)
{
    for (int k = 0; k < n; k++) {
        char expected = c->zero ? c->zero[wrt[k]] : '-';
        int64_t nonzero = 0;
        for (int64_t i = 0; i < type_count(gradient[k].type); i++)
            nonzero += gradient[k].at[i] != 0;
        if ((expected == '0' && nonzero) || (expected == '-' && !nonzero))
            fail_msg("%s: %lld elements of the gradient of input %d are not 0", what, (long long)nonzero,
                     wrt[k]);
    }
}

/* level 1: gradients of Σ weight·result; level 2: of Σ weight·gradient, by the inputs and by the first
 * weights. */
static void check_case(const Case *c, int level)
{
    Arena *a = arena_new();
    const char *what = arena_printf(a, "%s, level %d", c->text, level);
    uint64_t random = (uint64_t)(c - cases.at);
    Node *result, *wrt[2 * MAX_INPUTS], *out[2 * MAX_INPUTS];
    Fn *fn = parse_case(a, c->text, &result);
    int index[2 * MAX_INPUTS];
    int nwrt = f32_inputs(fn, wrt, index);
    Node *loss = weighed(fn, 0, result), *one = node_const(fn, DT_F32, 1);
    for (int i = 1; i < level; i++) {
        gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
        loss = node_const(fn, DT_F32, 0);
        for (int k = 0; k < nwrt; k++)
            loss = node_binary(fn, OP_ADD, loss, weighed(fn, k + 1, out[k]));
        nwrt = f32_inputs(fn, wrt, index);
    }
    fn_result(fn, ROLE_LOSS, 0, NULL, loss);
    Fn *forward = pruned(fn);
    gradients_in(fn, 1, &loss, &one, nwrt, wrt, out);
    for (int k = 0; k < nwrt; k++)
        fn_result(fn, ROLE_GRADIENT, k, NULL, out[k]);

    Value in[2 * MAX_INPUTS], values[2 * MAX_INPUTS], weight = ones(a, loss->type);
    const char *why = NULL;
    int64_t nonzero;
    fill_inputs(fn, in, &random, c->lo, c->hi);
    if (!fn_interpret(a, pruned(fn), PRECISION_F64, in, values, &why))
        fail_msg("%s: %s", what, why);
    double error = check_differences_within(tolerance[level - 1], what, forward, in, &weight, nwrt, index,
                                            values + 1, &nonzero);
    worst[c->op][level - 1] = fmax(worst[c->op][level - 1], error);
    if (level == 1)
        check_zero(c, what, nwrt - 1, index, values + 1); /* the last input is the weight */
    arena_free(a);
}

static void test_gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < cases.n; i++)
        check_case(&cases.at[i], 1);
}

static void test_gradients_of_gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < cases.n; i++)
        check_case(&cases.at[i], 2);
}

static int print_errors(void **state)
{
    (void)state;
    printf("# relative difference of a gradient from finite differences at its worst, and of the gradient's "
           "gradient\n");
    for (Op op = 0; op < OP_COUNT; op++)
        if (op_info(op)->grad && op_info(op)->class != CLASS_LOOP)
            printf("# %-14s %8.1e %8.1e\n", op_info(op)->text, worst[op][0], worst[op][1]);
    arena_free(arena);
    return 0;
}

/* ---- corners ------------------------------------------------------------------------------------------- */
#define F32(...) type_make(DT_F32, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static Node *input(Fn *fn, int index, Type t)
{
    return fn_input(fn, ROLE_INPUT, index, NULL, t);
}

/* Gradients of the sum of `result` by the f32 inputs, with these values of the inputs. */
static void gradients_at(Fn *fn, Node *result, const double *const *values, Value *out)
{
    Node *wrt[MAX_INPUTS], *gradient[MAX_INPUTS], *one = node_full(fn, result->type, 1);
    int index[MAX_INPUTS], n = f32_inputs(fn, wrt, index);
    gradients_in(fn, 1, &result, &one, n, wrt, gradient);
    for (int i = 0; i < n; i++)
        fn_result(fn, ROLE_GRADIENT, i, NULL, gradient[i]);
    Value in[MAX_INPUTS];
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(fn->a, fn->input.at[i].node->type);
        memcpy(in[i].at, values[i], sizeof(double) * (size_t)type_count(in[i].type));
    }
    const char *why = NULL;
    assert_true(fn_interpret(fn->a, pruned(fn), PRECISION_F64, in, out, &why));
}

static void assert_values(const Value *have, const double *want)
{
    for (int64_t i = 0; i < type_count(have->type); i++)
        if (have->at[i] != want[i])
            fail_msg("element %lld is %g, expected %g", (long long)i, have->at[i], want[i]);
}

static void check_corner_unary(Op op, int n, const double *x, const double *want)
{
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "corner");
    Value out[1];
    gradients_at(fn, node_unary(fn, op, input(fn, 0, F32(n))), &x, out);
    assert_values(&out[0], want);
    arena_free(a);
}

static void check_corner_binary(Op op, int n, const double *x, const double *y, const double *dx,
                                const double *dy)
{
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "corner");
    Value out[2];
    Node *left = input(fn, 0, F32(n));
    gradients_at(fn, node_binary(fn, op, left, input(fn, 1, F32(n))), (const double *const[]){x, y}, out);
    assert_values(&out[0], dx);
    assert_values(&out[1], dy);
    arena_free(a);
}

static void test_corners_of_element_operations(void **state)
{
    (void)state;
    check_corner_unary(OP_ABS, 3, (double[]){-2, 0, 3}, (double[]){-1, 0, 1});
    check_corner_binary(OP_MAX2, 3, (double[]){1, 2, 3}, (double[]){2, 2, 2}, (double[]){0, 0, 1},
                        (double[]){1, 1, 0});
    check_corner_binary(OP_MIN2, 3, (double[]){1, 2, 3}, (double[]){2, 2, 2}, (double[]){1, 0, 0},
                        (double[]){0, 1, 1});
    /* x^0 is flat in x, also at 0; 0^y has no slope in y */
    check_corner_binary(OP_POW, 3, (double[]){0, 0, 2}, (double[]){0, 2, 0}, (double[]){0, 0, 0},
                        (double[]){0, 0, log(2)});
}

/* relu(x) = max2(x, 0) has 0 at 0 */
static void test_relu_at_zero(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "relu");
    Value out[1];
    const double x[] = {-1, 0, 2};
    gradients_at(fn, node_binary_const(fn, OP_MAX2, input(fn, 0, F32(3)), 0), (const double *const[]){x},
                 out);
    assert_values(&out[0], (double[]){0, 0, 1});
    arena_free(a);
}

static void test_no_gradient_passes_a_stop(void **state)
{
    (void)state;
    static const Op stops[] = {OP_STOP, OP_FLOOR};
    for (int i = 0; i < LEN(stops); i++)
        check_corner_unary(stops[i], 2, (double[]){0.4, 1.7}, (double[]){0, 0});
}

/* constant exponents at x = 0: 0 and 1 and 2 give no NaN */
static void test_constant_exponents_at_zero(void **state)
{
    (void)state;
    static const double exponent[] = {0, 1, 2, 3}, want[][2] = {{0, 0}, {1, 1}, {0, 4}, {0, 12}};
    for (int i = 0; i < LEN(exponent); i++) {
        Arena *a = arena_new();
        Fn *fn = fn_new(a, "pow");
        Value out[1];
        const double x[] = {0, 2};
        gradients_at(fn, node_binary_const(fn, OP_POW, input(fn, 0, F32(2)), exponent[i]),
                     (const double *const[]){x}, out);
        assert_values(&out[0], want[i]);
        arena_free(a);
    }
}

static void test_maximum_gives_to_the_first_in_row_major_order(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "max");
    Value out[1];
    /* [2, 3, 2] over axes 0 and 2: for the middle axis' 0 the ties are at [0, 0, 1] and [1, 0, 0] */
    const double x[] = {1, 5, 2, 2, 0, 3, 5, 5, 2, 2, 3, 3};
    const double want[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    gradients_at(fn, node_reduce(fn, OP_MAX, input(fn, 0, F32(2, 3, 2)), 2, (int[]){0, 2}),
                 (const double *const[]){x}, out);
    assert_values(&out[0], want);
    arena_free(a);
}

/* A pooling window: max over the two window axes of a windowed image. */
static void test_pooling_gives_to_the_first_in_its_window(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "pool");
    Value out[1];
    Node *x = input(fn, 0, F32(4, 5));
    /* [2, 2, 2, 2]: rows, in a window, columns, in a window */
    Node *w = node_window(fn, node_window(fn, x, 1, 2, 2, 1), 0, 2, 2, 1);
    /* clang-format off */
    const double image[] = {7, 7, 1, 0, 9,
                            7, 7, 1, 1, 9,
                            0, 3, 4, 4, 9,
                            3, 0, 4, 5, 9};
    const double want[] = {1, 0, 1, 0, 0,
                           0, 0, 0, 0, 0,
                           0, 1, 0, 0, 0,
                           0, 0, 0, 1, 0};
    /* clang-format on */
    gradients_at(fn, node_reduce(fn, OP_MAX, w, 2, (int[]){1, 3}), (const double *const[]){image}, out);
    assert_values(&out[0], want);
    arena_free(a);
}

static void test_unused_input_gets_zeros(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Fn *fn = fn_new(a, "unused");
    Value out[2];
    Node *x = input(fn, 0, F32(2));
    input(fn, 1, F32(3));
    const double v[] = {1, 2, 3};
    gradients_at(fn, node_unary(fn, OP_EXP, x), (const double *const[]){v, v}, out);
    assert_values(&out[1], (double[]){0, 0, 0});
    assert_true(out[0].at[0] != 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_differentiable_row_has_its_cases),
        cmocka_unit_test(test_gradients_match_differences),
        cmocka_unit_test(test_gradients_of_gradients_match_differences),
        cmocka_unit_test(test_corners_of_element_operations),
        cmocka_unit_test(test_relu_at_zero),
        cmocka_unit_test(test_no_gradient_passes_a_stop),
        cmocka_unit_test(test_constant_exponents_at_zero),
        cmocka_unit_test(test_maximum_gives_to_the_first_in_row_major_order),
        cmocka_unit_test(test_pooling_gives_to_the_first_in_its_window),
        cmocka_unit_test(test_unused_input_gets_zeros),
    };
    return cmocka_run_group_tests(tests, make_cases, print_errors);
}
