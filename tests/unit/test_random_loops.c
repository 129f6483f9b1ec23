/* SPDX-License-Identifier: MIT */
/* Random loops: hoisting keeps their values, and those of their gradients, which agree with differences. */
#include "random_graph.h"

enum { STEPS = 3, LOOPS = 150 };

/* ---- bodies of operations without corners -------------------------------------------------------------------- */
static Node *smooth_unary(Pool *p)
{
    static const Op ops[] = {OP_TANH, OP_SIGMOID, OP_NEG, OP_TANH};
    Node *x = varying(p);
    return make(p, ops[below(p, LEN(ops))], 1, &x, NULL);
}

static Node *smooth_binary(Pool *p)
{
    static const Op ops[] = {OP_ADD, OP_SUB, OP_MUL};
    Node *x = varying(p);
    return make(p, ops[below(p, LEN(ops))], 2, (Node *[]){x, like(p, x)}, NULL);
}

static Node *smooth_sum(Pool *p)
{
    Node *x = any(p);
    Attr attr = {0};
    for (int i = 0; i < x->type.rank; i++)
        if (below(p, 2))
            attr.axes.axis[attr.axes.n++] = i;
    return make(p, OP_SUM, 1, &x, &attr);
}

/* Two values over an axis that is as long in both, or over none. */
static Node *product(Pool *p)
{
    Node *x = any(p), *y = any(p);
    if (x->type.rank + y->type.rank > 5)
        return NULL;
    Attr attr = {0};
    for (int i = 0; i < x->type.rank && !attr.dot.ncontract; i++)
        for (int j = 0; j < y->type.rank && !attr.dot.ncontract; j++)
            if (x->type.dim[i] == y->type.dim[j] && below(p, 2)) {
                attr.dot.lhs_contract[0] = i;
                attr.dot.rhs_contract[0] = j;
                attr.dot.ncontract = 1;
            }
    return make(p, OP_DOT, 2, (Node *[]){x, y}, &attr);
}

static Node *(*const smooth[])(Pool *) = {
    smooth_unary,   smooth_unary,     smooth_binary, smooth_binary, smooth_binary, smooth_sum,
    random_reshape, random_permute,   product,       product,       product,       random_dot,
    random_slice,   random_broadcast, random_pad,    random_concat, random_parts,  random_reverse,
};

/* ---- loops --------------------------------------------------------------------------------------------------- */
enum { CARRIES = 4, SLICES = 2, INVARIANTS = 2, YIELDS = 3, OPERANDS = CARRIES + SLICES + INVARIANTS };

/* What a carry becomes: something new, itself and something more, or what it was. */
static Node *next_of(Pool *p, Node *carry)
{
    Node *x = like(p, carry);
    switch (below(p, 5)) {
    case 0:
        return carry;
    case 1:
    case 2:
        return make(p, OP_ADD, 2, (Node *[]){carry, x}, NULL);
    case 3:
        return make(p, OP_TANH, 1, &x, NULL);
    default:
        return x;
    }
}

/* A loop in the loop: over the leading axis of some value, carrying another, reading a third. */
static Node *inner_loop(Pool *p)
{
    Node *slices = any(p), *carry = any(p), *fixed = any(p);
    if (slices->type.rank < 1 || slices->type.dim[0] > 4)
        return NULL;
    Pool inner = {.fn = fn_new(p->fn->a, "inner"), .random = check_random(&p->random)};
    inner.at[inner.n++] = fn_input(inner.fn, ROLE_CARRY, 0, NULL, carry->type);
    inner.at[inner.n++] = fn_input(inner.fn, ROLE_SLICE, 0, NULL, type_drop(slices->type, 0));
    inner.at[inner.n++] = fn_input(inner.fn, ROLE_INVARIANT, 0, NULL, fixed->type);
    while (inner.n < 12) {
        Node *n = smooth[below(&inner, LEN(smooth))](&inner);
        if (n && type_count(n->type) <= 30 && n->type.rank <= 3)
            inner.at[inner.n++] = n;
    }
    fn_result(inner.fn, ROLE_CARRY, 0, NULL, next_of(&inner, inner.at[0]));
    fn_result(inner.fn, ROLE_YIELD, 0, NULL, any(&inner));
    Node *in[] = {carry, slices, fixed};
    Node *scan = node_scan(p->fn, inner.fn, 1, 1, 1, below(p, 2), LEN(in), in);
    p->at[p->n++] = node_result(p->fn, scan, 0);
    return node_result(p->fn, scan, 1);
}

static Fn *random_body(Arena *a, Pool *p, const Type *types)
{
    p->fn = fn_new(a, "body");
    p->n = 0;
    for (int i = 0; i < OPERANDS; i++) {
        Role role = i < CARRIES ? ROLE_CARRY : i < CARRIES + SLICES ? ROLE_SLICE : ROLE_INVARIANT;
        int index = i - (role == ROLE_CARRY ? 0 : role == ROLE_SLICE ? CARRIES : CARRIES + SLICES);
        p->at[p->n++] = fn_input(p->fn, role, index, NULL, types[i]);
    }
    while (p->n < 26) {
        Node *n = below(p, 12) ? smooth[below(p, LEN(smooth))](p) : inner_loop(p);
        if (n && type_count(n->type) <= 60 && n->type.rank <= 4)
            p->at[p->n++] = n;
    }
    for (int i = 0; i < CARRIES; i++)
        fn_result(p->fn, ROLE_CARRY, i, NULL, next_of(p, p->fn->input.at[i].node));
    for (int i = 0; i < YIELDS; i++)
        fn_result(p->fn, ROLE_YIELD, i, NULL, any(p));
    return p->fn;
}

/* A loop, and a number from each of its results that is used. */
static Fn *random_loop(Arena *a, uint64_t seed, Module *m)
{
    static const double values[] = {0, 0.5};
    const Type types[OPERANDS] = {F32(2, 3), F32(4), F32(3, 2), F32(2, 3),
                                  F32(2, 3), F32(3), F32(2, 3), F32(3, 4)};
    Pool p = {.random = seed};
    Fn *body = random_body(a, &p, types), *fn = fn_new(a, "loop");
    Node *in[OPERANDS], *loss = node_const(fn, DT_F32, 0);
    int index = 0;
    for (int i = 0; i < OPERANDS; i++) {
        bool slice = i >= CARRIES && i < CARRIES + SLICES, repeated = slice && below(&p, 4) == 0;
        Type t = slice && !repeated ? type_insert(types[i], 0, STEPS) : types[i];
        Entry entry = {.name = "p", .type = t, .trainable = true};
        if (below(&p, 6) == 0) {
            in[i] = node_full(fn, t, values[below(&p, 2)]);
        } else {
            vec_push(a, &m->params, entry);
            in[i] = fn_input(fn, ROLE_PARAM, index++, "p", t);
        }
        if (repeated)
            in[i] = node_insert_axis(fn, in[i], 0, STEPS);
    }
    Node *scan = node_scan(fn, body, CARRIES, SLICES, YIELDS, below(&p, 2), OPERANDS, in);
    for (int i = 0; i < CARRIES + YIELDS; i++) {
        if (below(&p, 3) == 0)
            continue;
        Node *x = node_result(fn, scan, i);
        int axis[MAX_RANK];
        for (int k = 0; k < x->type.rank; k++)
            axis[k] = k;
        x = node_unary(fn, OP_TANH, node_binary_const(fn, OP_MUL, x, 0.25));
        loss = node_binary(fn, OP_ADD, loss, node_reduce(fn, OP_SUM, x, x->type.rank, axis));
    }
    fn_result(fn, ROLE_LOSS, 0, NULL, loss);
    return fn;
}

static void interpret(const char *what, const Fn *fn, const Value *in, Value *out)
{
    const Node *guilty = NULL;
    const char *why = fn_verify(fn->a, fn, &guilty);
    if (why || !fn_interpret(fn->a, fn, PRECISION_F64, in, out, &why))
        fail_msg("%s: %s", what, why);
}

/* Folding a constant rounds it to float: that much may differ. */
static void assert_close(const char *what, const Fn *fn, const Value *x, const Value *y)
{
    for (int i = 0; i < fn->result.n; i++)
        for (int64_t j = 0; j < type_count(x[i].type); j++)
            if (!(fabs(x[i].at[j] - y[i].at[j]) <= 2e-6 * fmax(1, fabs(x[i].at[j]))))
                fail_msg("%s: result %d, element %lld: %.15g became %.15g", what, i, (long long)j, x[i].at[j],
                         y[i].at[j]);
}

static void check_loop(uint64_t seed)
{
    Arena *a = arena_new();
    Module m = {.a = a};
    const char *what = arena_printf(a, "loop %llu", (unsigned long long)seed);
    Fn *fn = random_loop(a, seed, &m), *gradients = differentiate(&m, fn);
    Value in[OPERANDS], x[OPERANDS + 1], y[OPERANDS + 1], weight = value_new(a, type_scalar(DT_F32));
    int wrt[OPERANDS];
    weight.at[0] = 1;
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = value_new(a, fn->input.at[i].node->type);
        fill_apart(in[i], &seed, -0.9, 0.9, i % 4);
        wrt[i] = i;
    }
    interpret(what, fn, in, x);
    interpret(what, hoist(fn), in, y);
    assert_close(what, fn, x, y);
    interpret(what, gradients, in, x);
    interpret(what, hoist(gradients), in, y);
    assert_close(what, gradients, x, y);
    interpret(what, hoist(hoist(gradients)), in, y);
    assert_close(what, gradients, x, y);
    check_differences(what, fn, in, &weight, fn->input.n, wrt, x);
    arena_free(a);
}

static void test_random_loops(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LOOPS; seed++)
        check_loop(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
