/* SPDX-License-Identifier: MIT */
/* simplify.c: local rewrites, tried whenever a node is made.
 *
 * needs: operands that are nodes of fn, and an attribute and type that fit them. gives: an equal node that is no more
 * work, or NULL. Rules are directional: each leads to a smaller or a more canonical graph, so they end. Values are kept
 * to the bit but for the sign of zero (x + 0 is x); x * 0 is not 0, for x may be NaN. */
#include "passes.h"
#include "../ops/ops.h"

#include <string.h>

typedef struct Wanted {
    Fn *fn;
    Op op;
    int nin;
    Node *const *in;
    const Attr *attr;
    Type t;
} Wanted;

typedef Node *Rule(const Wanted *w);

static bool is_value(const Node *n, double value)
{
    double v;
    return is_const(n, &v) && v == value;
}

/* A scalar repeated over a shape: the scalar. */
static Node *repeated_scalar(const Node *n)
{
    return n->op == OP_BROADCAST && n->in[0]->type.rank == 0 ? n->in[0] : NULL;
}

static Node *repeat(const Wanted *w, Node *scalar)
{
    return node_broadcast(w->fn, scalar, w->t, NULL);
}

/* ---- any element-wise operation --------------------------------------------------------------------------------- */
/* op(constants) -> a constant: the interpreter's own evaluation, rounded to the element type. */
static Node *fold_constants(const Wanted *w)
{
    enum { MOST = 3 };
    double value[MOST + 1] = {0};
    Value values[MOST + 1];
    Node n = {.id = w->nin, .op = w->op, .type = w->t, .nin = w->nin, .in = (Node **)w->in, .attr = *w->attr};
    Node leaves[MOST], *in[MOST];
    if (w->t.rank || w->nin > MOST)
        return NULL;
    for (int i = 0; i < w->nin; i++) {
        if (w->in[i]->op != OP_CONST)
            return NULL;
        leaves[i] = *w->in[i];
        leaves[i].id = i;
        in[i] = &leaves[i];
        value[i] = w->in[i]->attr.constant.value;
        values[i] = (Value){w->in[i]->type, &value[i]};
    }
    n.in = in;
    values[w->nin] = (Value){w->t, &value[w->nin]};
    EvalCtx e = {.a = w->fn->a, .precision = PRECISION_F32, .value = values};
    op_info(w->op)->eval(&e, &n);
    return node_const(w->fn, w->t.dt, value[w->nin]);
}

/* op(repeated scalars) -> the scalar op, repeated */
static Node *compute_once(const Wanted *w)
{
    Node *scalars[3];
    if (w->nin > LEN(scalars))
        return NULL;
    for (int i = 0; i < w->nin; i++) {
        scalars[i] = repeated_scalar(w->in[i]);
        if (!scalars[i])
            return NULL;
    }
    return repeat(w, node_make(w->fn, w->op, w->nin, scalars, w->attr));
}

/* ---- one rule, one operation ------------------------------------------------------------------------------------ */
/* c op x -> x op c. Not for max2 and min2, whose gradients tell the sides apart. */
static Node *constant_right(const Wanted *w)
{
    double v;
    if (!is_const(w->in[0], &v) || is_const(w->in[1], &v))
        return NULL;
    return node_binary(w->fn, w->op, w->in[1], w->in[0]);
}

static Node *right_is_0(const Wanted *w)
{
    return is_value(w->in[1], 0) ? w->in[0] : NULL;
}

static Node *right_is_1(const Wanted *w)
{
    return is_value(w->in[1], 1) ? w->in[0] : NULL;
}

/* neg neg x -> x, not not x -> x, stop stop x -> stop x once */
static Node *undo_twice(const Wanted *w)
{
    return w->in[0]->op == w->op ? w->in[0]->in[0] : NULL;
}

static Node *keep_once(const Wanted *w)
{
    return w->in[0]->op == w->op ? w->in[0] : NULL;
}

/* x -> x where the type says that nothing happens */
static Node *same_type(const Wanted *w)
{
    return type_eq(w->t, w->in[0]->type) ? w->in[0] : NULL;
}

static Node *known_condition(const Wanted *w)
{
    double v;
    if (w->in[1] == w->in[2])
        return w->in[1];
    if (!is_const(w->in[0], &v))
        return NULL;
    return v != 0 ? w->in[1] : w->in[2];
}

/* A move of a repeated scalar is the scalar repeated over the new shape. */
static Node *move_repeated(const Wanted *w)
{
    Node *scalar = repeated_scalar(w->in[0]);
    for (int i = 1; i < w->nin && scalar; i++)
        if (repeated_scalar(w->in[i]) != scalar)
            scalar = NULL;
    return scalar ? repeat(w, scalar) : NULL;
}

static Node *pad_repeated(const Wanted *w)
{
    Node *scalar = repeated_scalar(w->in[0]);
    return scalar && is_value(scalar, w->attr->pad.value) ? repeat(w, scalar) : NULL;
}

static Node *reshape_twice(const Wanted *w)
{
    Node *x = w->in[0];
    return x->op == OP_RESHAPE ? node_reshape(w->fn, x->in[0], w->t.rank, w->t.dim) : NULL;
}

static Node *permute_nothing(const Wanted *w)
{
    for (int i = 0; i < w->t.rank; i++)
        if (w->attr->axes.axis[i] != i)
            return NULL;
    return w->in[0];
}

static Node *permute_twice(const Wanted *w)
{
    Node *x = w->in[0];
    if (x->op != OP_PERMUTE)
        return NULL;
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < w->t.rank; i++)
        axis[i] = x->attr.axes.axis[w->attr->axes.axis[i]];
    return node_permute(w->fn, x->in[0], axis);
}

static Node *broadcast_twice(const Wanted *w)
{
    Node *x = w->in[0];
    if (x->op != OP_BROADCAST)
        return NULL;
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < x->attr.broadcast.n; i++)
        axis[i] = w->attr->broadcast.axis[x->attr.broadcast.axis[i]];
    return node_broadcast(w->fn, x->in[0], w->t, axis);
}

static Node *no_axes(const Wanted *w)
{
    return w->attr->axes.n == 0 ? w->in[0] : NULL;
}

static Node *position_of_one(const Wanted *w)
{
    return w->attr->axes.n == 0 ? node_full(w->fn, w->t, 0) : NULL;
}

static Node *concat_one(const Wanted *w)
{
    return w->nin == 1 ? w->in[0] : NULL;
}

/* ---- the table: tried from the left ----------------------------------------------------------------------------- */
enum { MAX_RULES = 6 };

static Rule *const rules[OP_COUNT][MAX_RULES] = {
    [OP_NEG] = {undo_twice},
    [OP_NOT] = {undo_twice},
    [OP_STOP] = {keep_once},
    [OP_CAST] = {same_type},
    [OP_ADD] = {constant_right, right_is_0},
    [OP_SUB] = {right_is_0},
    [OP_MUL] = {constant_right, right_is_1},
    [OP_DIV] = {right_is_1},
    [OP_EQ] = {constant_right},
    [OP_AND] = {constant_right},
    [OP_OR] = {constant_right},
    [OP_SELECT] = {known_condition},
    [OP_RESHAPE] = {same_type, reshape_twice, move_repeated},
    [OP_PERMUTE] = {permute_nothing, permute_twice, move_repeated},
    [OP_BROADCAST] = {same_type, broadcast_twice},
    [OP_SLICE] = {same_type, move_repeated},
    [OP_PAD] = {same_type, pad_repeated},
    [OP_REVERSE] = {no_axes, move_repeated},
    [OP_CONCAT] = {concat_one, move_repeated},
    [OP_WINDOW] = {move_repeated},
    [OP_SUM] = {no_axes},
    [OP_MAX] = {no_axes},
    [OP_ARGMAX] = {position_of_one},
};

Node *simplify_node(Fn *fn, Op op, int nin, Node *const *in, const Attr *attr, Type t)
{
    Wanted w = {fn, op, nin, in, attr, t};
    Node *simpler = NULL;
    if (op_info(op)->class == CLASS_ELEMENT) {
        simpler = fold_constants(&w);
        if (!simpler)
            simpler = compute_once(&w);
    }
    for (int i = 0; i < MAX_RULES && rules[op][i] && !simpler; i++)
        simpler = rules[op][i](&w);
    return simpler;
}
