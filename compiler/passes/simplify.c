/* SPDX-License-Identifier: MIT */
/* simplify.c: local rewrites, tried whenever a node is made.
 *
 * needs: operands that are nodes of fn, and an attribute and type that fit them. gives: an equal node that
 * is no more work, or NULL. Rules are directional: each leads to a smaller or a more canonical graph, so
 * they end. Values are kept to the bit but for the sign of zero (x + 0 is x); x * 0 is not 0, for x may be
 * NaN. */
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

/* ---- any element-wise operation ------------------------------------------------------------------------ */
/* op(constants) -> a constant: the interpreter's own evaluation, rounded to the element type. */
static Node *fold_constants(const Wanted *w)
{
    double value[3];
    if (w->t.rank || w->nin > LEN(value))
        return NULL;
    for (int i = 0; i < w->nin; i++) {
        if (w->in[i]->op != OP_CONST)
            return NULL;
        value[i] = w->in[i]->attr.constant.value;
    }
    return node_const(w->fn, w->t.dt, eval_numbers(w->fn->a, w->op, w->t, w->attr, w->nin, w->in, value));
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

/* ---- one rule, one operation --------------------------------------------------------------------------- */
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

static Node *negated(const Node *n)
{
    return n->op == OP_NEG ? n->in[0] : NULL;
}

/* x + neg y -> x - y, x - neg y -> x + y */
static Node *right_is_negated(const Wanted *w)
{
    Node *y = negated(w->in[1]);
    return y ? node_binary(w->fn, w->op == OP_ADD ? OP_SUB : OP_ADD, w->in[0], y) : NULL;
}

/* neg x + y -> y - x */
static Node *left_is_negated(const Wanted *w)
{
    Node *x = negated(w->in[0]);
    return x ? node_binary(w->fn, OP_SUB, w->in[1], x) : NULL;
}

/* neg x * neg y -> x * y; the same for a quotient */
static Node *both_negated(const Wanted *w)
{
    Node *x = negated(w->in[0]), *y = negated(w->in[1]);
    return x && y ? node_binary(w->fn, w->op, x, y) : NULL;
}

/* Exponents that need no power: 0, 1, 2, 3, -1. A cube is rounded twice, which is still no worse than a
 * power's own error. */
static Node *small_exponent(const Wanted *w)
{
    Node *x = w->in[0];
    double exponent;
    if (!is_const(w->in[1], &exponent))
        return NULL;
    if (exponent == 0)
        return node_full(w->fn, w->t, 1);
    if (exponent == 1)
        return x;
    if (exponent == 2)
        return node_binary(w->fn, OP_MUL, x, x);
    if (exponent == 3)
        return node_binary(w->fn, OP_MUL, node_binary(w->fn, OP_MUL, x, x), x);
    if (exponent == -1)
        return node_binary(w->fn, OP_DIV, node_full(w->fn, w->t, 1), x);
    return NULL;
}

/* not c ? x : y -> c ? y : x */
static Node *select_by_not(const Wanted *w)
{
    Node *c = w->in[0];
    return c->op == OP_NOT ? node_select(w->fn, c->in[0], w->in[2], w->in[1]) : NULL;
}

/* c ? (c ? x : y) : z -> c ? x : z, and the same on the other side */
static Node *select_again(const Wanted *w)
{
    Node *x = w->in[1], *y = w->in[2];
    if (x->op == OP_SELECT && x->in[0] == w->in[0])
        return node_select(w->fn, w->in[0], x->in[1], y);
    if (y->op == OP_SELECT && y->in[0] == w->in[0])
        return node_select(w->fn, w->in[0], x, y->in[2]);
    return NULL;
}

/* An index that was checked against as low a limit. */
static Node *checked_before(const Wanted *w)
{
    const Node *x = w->in[0];
    return x->op == OP_CHECK && x->attr.limit.limit <= w->attr->limit.limit ? w->in[0] : NULL;
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

/* A scalar in another shape is a repeated scalar, which more rules know. */
static Node *reshape_scalar(const Wanted *w)
{
    return w->in[0]->type.rank == 0 ? repeat(w, w->in[0]) : NULL;
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

/* ---- axes of extent 1 ---------------------------------------------------------------------------------- */
/* The axes of other extents; returns how many. */
static int long_axes(Type t, int *axis)
{
    int n = 0;
    for (int i = 0; i < t.rank; i++)
        if (t.dim[i] != 1)
            axis[n++] = i;
    return n;
}

/* Only axes of extent 1 change places. */
static Node *permute_units(const Wanted *w)
{
    int last = -1;
    for (int i = 0; i < w->t.rank; i++) {
        if (w->t.dim[i] == 1)
            continue;
        if (w->attr->axes.axis[i] < last)
            return NULL;
        last = w->attr->axes.axis[i];
    }
    return node_reshape(w->fn, w->in[0], w->t.rank, w->t.dim);
}

/* Only axes of extent 1 are new. */
static Node *broadcast_units(const Wanted *w)
{
    Node *x = w->in[0];
    bool fits = x->type.rank > 0 && type_count(x->type) == type_count(w->t);
    return fits ? node_reshape(w->fn, x, w->t.rank, w->t.dim) : NULL;
}

/* broadcast of a reshape that only inserts and removes axes of extent 1 -> broadcast of what has none */
static Node *broadcast_inserted(const Wanted *w)
{
    Node *x = w->in[0], *source = x->op == OP_RESHAPE ? x->in[0] : NULL;
    int of_x[MAX_RANK], of_source[MAX_RANK], to[MAX_RANK] = {0};
    int64_t dim[MAX_RANK];
    if (!source)
        return NULL;
    int n = long_axes(x->type, of_x);
    if (n == x->type.rank || n != long_axes(source->type, of_source))
        return NULL;
    for (int i = 0; i < n; i++) {
        dim[i] = x->type.dim[of_x[i]];
        to[i] = w->attr->broadcast.axis[of_x[i]];
        if (dim[i] != source->type.dim[of_source[i]])
            return NULL;
    }
    return node_broadcast(w->fn, node_reshape(w->fn, source, n, dim), w->t, to);
}

/* sum, max, argmax: an axis of extent 1 is only dropped */
static Node *reduce_units(const Wanted *w)
{
    Node *x = w->in[0];
    Type t = x->type;
    Attr attr = {0};
    int dropped = 0;
    for (int i = 0; i < w->attr->axes.n; i++) {
        int axis = w->attr->axes.axis[i];
        if (x->type.dim[axis] == 1)
            t = type_drop(t, axis - dropped++);
        else
            attr.axes.axis[attr.axes.n++] = axis - dropped;
    }
    if (!dropped)
        return NULL;
    x = node_reshape(w->fn, x, t.rank, t.dim);
    return node_make(w->fn, w->op, 1, &x, &attr);
}

/* The axis of t with so many elements from one position to the next, and so many positions; -1: none. */
static int axis_with(Type t, int64_t stride, int64_t extent)
{
    for (int i = t.rank - 1; i >= 0; i--) {
        if (stride == 1 && t.dim[i] == extent)
            return i;
        if (stride % t.dim[i])
            return -1;
        stride /= t.dim[i];
    }
    return -1;
}

/* sum, max, argmax of a reshape that has the axes as they were -> reshape of the smaller result */
static Node *reduce_reshaped(const Wanted *w)
{
    const Node *x = w->in[0];
    Node *from = x->op == OP_RESHAPE ? x->in[0] : NULL;
    Attr attr = {.axes.n = w->attr->axes.n};
    for (int i = 0; from && i < attr.axes.n; i++) {
        int64_t stride = 1;
        for (int k = w->attr->axes.axis[i] + 1; k < x->type.rank; k++)
            stride *= x->type.dim[k];
        attr.axes.axis[i] = axis_with(from->type, stride, x->type.dim[w->attr->axes.axis[i]]);
        if (attr.axes.axis[i] < 0)
            return NULL;
    }
    return from ? node_reshape(w->fn, node_make(w->fn, w->op, 1, &from, &attr), w->t.rank, w->t.dim) : NULL;
}

static Node *no_axes(const Wanted *w)
{
    return w->attr->axes.n == 0 ? w->in[0] : NULL;
}

static Node *position_of_one(const Wanted *w)
{
    return w->attr->axes.n == 0 ? node_full(w->fn, w->t, 0) : NULL;
}

/* ---- moves of moves ------------------------------------------------------------------------------------ */
static Node *reverse_twice(const Wanted *w)
{
    const Node *x = w->in[0];
    bool same = x->op == OP_REVERSE && memcmp(&x->attr.axes, &w->attr->axes, sizeof x->attr.axes) == 0;
    return same ? x->in[0] : NULL;
}

/* The slice of `x` from `start`, as long as the one that is wanted. */
static Node *slice_from(const Wanted *w, Node *x, const int64_t *start, const int64_t *stride)
{
    int64_t limit[MAX_RANK] = {0};
    for (int i = 0; i < w->t.rank; i++)
        limit[i] = start[i] + (w->t.dim[i] - 1) * stride[i] + 1;
    return node_slice(w->fn, x, start, limit, stride);
}

static Node *slice_twice(const Wanted *w)
{
    const Node *x = w->in[0];
    int64_t start[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
    if (x->op != OP_SLICE)
        return NULL;
    for (int i = 0; i < w->t.rank; i++) {
        start[i] = x->attr.slice.start[i] + w->attr->slice.start[i] * x->attr.slice.stride[i];
        stride[i] = x->attr.slice.stride[i] * w->attr->slice.stride[i];
    }
    return slice_from(w, x->in[0], start, stride);
}

/* A slice that stays inside of one operand. */
static Node *slice_of_concat(const Wanted *w)
{
    const Node *x = w->in[0];
    if (x->op != OP_CONCAT)
        return NULL;
    int axis = x->attr.axis.axis;
    int64_t start[MAX_RANK], first = w->attr->slice.start[axis], stride = w->attr->slice.stride[axis];
    int64_t last = first + (w->t.dim[axis] - 1) * stride, at = 0;
    memcpy(start, w->attr->slice.start, sizeof start);
    for (int i = 0; i < x->nin; i++) {
        int64_t next = at + x->in[i]->type.dim[axis];
        start[axis] = first - at;
        if (first >= at && last < next)
            return slice_from(w, x->in[i], start, w->attr->slice.stride);
        at = next;
    }
    return NULL;
}

/* A slice that keeps off the padding. */
static Node *slice_of_pad(const Wanted *w)
{
    const Node *x = w->in[0];
    int64_t start[MAX_RANK] = {0};
    if (x->op != OP_PAD)
        return NULL;
    for (int i = 0; i < w->t.rank; i++) {
        int64_t lo = x->attr.pad.lo[i],
                last = w->attr->slice.start[i] + (w->t.dim[i] - 1) * w->attr->slice.stride[i];
        if (x->attr.pad.interior[i] || w->attr->slice.start[i] < lo || last >= lo + x->in[0]->type.dim[i])
            return NULL;
        start[i] = w->attr->slice.start[i] - lo;
    }
    return slice_from(w, x->in[0], start, w->attr->slice.stride);
}

static Node *pad_twice(const Wanted *w)
{
    const Node *x = w->in[0];
    int64_t lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0};
    if (x->op != OP_PAD || x->attr.pad.value != w->attr->pad.value)
        return NULL;
    for (int i = 0; i < w->t.rank; i++) {
        if (w->attr->pad.interior[i])
            return NULL;
        lo[i] = x->attr.pad.lo[i] + w->attr->pad.lo[i];
        hi[i] = x->attr.pad.hi[i] + w->attr->pad.hi[i];
    }
    return node_pad(w->fn, x->in[0], lo, hi, x->attr.pad.interior, w->attr->pad.value);
}

static Node *concat_one(const Wanted *w)
{
    return w->nin == 1 ? w->in[0] : NULL;
}

/* Doubling a tensor again and again must not make a part of every copy. */
enum { MAX_PARTS = 256 };

/* concat(concat(x, y), z) -> concat(x, y, z) */
static Node *concat_nested(const Wanted *w)
{
    int axis = w->attr->axis.axis, n = 0;
    bool nested = false;
    for (int i = 0; i < w->nin; i++) {
        bool inner = w->in[i]->op == OP_CONCAT && w->in[i]->attr.axis.axis == axis;
        n += inner ? w->in[i]->nin : 1;
        nested |= inner;
    }
    if (!nested || n > MAX_PARTS)
        return NULL;
    Node **in = NEWN(w->fn->a, Node *, n);
    n = 0;
    for (int i = 0; i < w->nin; i++) {
        bool inner = w->in[i]->op == OP_CONCAT && w->in[i]->attr.axis.axis == axis;
        for (int k = 0; inner && k < w->in[i]->nin; k++)
            in[n++] = w->in[i]->in[k];
        if (!inner)
            in[n++] = w->in[i];
    }
    return node_concat(w->fn, n, in, axis);
}

/* Zeros around x along one axis alone: that axis, or -1. */
static int padded_axis(const Node *n)
{
    int axis = -1;
    if (n->op != OP_PAD || n->attr.pad.value != 0)
        return -1;
    for (int i = 0; i < n->type.rank; i++) {
        if (n->attr.pad.interior[i] || (axis >= 0 && n->type.dim[i] != n->in[0]->type.dim[i]))
            return -1;
        if (n->type.dim[i] != n->in[0]->type.dim[i])
            axis = i;
    }
    return axis;
}

/* x in its place among zeros + y in the place right behind (or before) -> both in their place: what the
 * gradients of the parts of a split add up to. */
static Node *pads_side_by_side(const Wanted *w)
{
    int axis = padded_axis(w->in[0]);
    if (axis < 0 || padded_axis(w->in[1]) != axis)
        return NULL;
    bool turned = w->in[0]->attr.pad.lo[axis] > w->in[1]->attr.pad.lo[axis];
    const Node *x = w->in[turned], *y = w->in[!turned];
    if (x->attr.pad.lo[axis] + x->in[0]->type.dim[axis] != y->attr.pad.lo[axis])
        return NULL;
    Node *both = node_concat(w->fn, 2, (Node *[]){x->in[0], y->in[0]}, axis);
    int64_t lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0};
    lo[axis] = x->attr.pad.lo[axis];
    hi[axis] = y->attr.pad.hi[axis];
    return node_pad(w->fn, both, lo, hi, NULL, 0);
}

/* ---- contractions -------------------------------------------------------------------------------------- */
static bool listed(const int *axis, int n, int a)
{
    for (int i = 0; i < n; i++)
        if (axis[i] == a)
            return true;
    return false;
}

/* dot(permute x, y) -> dot(x, y) over other axes, when the free axes stay in order; the same on the right. */
static Node *dot_of_permute(const Wanted *w)
{
    for (int side = 0; side < 2; side++) {
        const Node *x = w->in[side];
        Attr attr = *w->attr;
        int *batch = side ? attr.dot.rhs_batch : attr.dot.lhs_batch, last = -1;
        int *contract = side ? attr.dot.rhs_contract : attr.dot.lhs_contract;
        bool fits = x->op == OP_PERMUTE;
        for (int i = 0; fits && i < x->type.rank; i++) {
            if (listed(batch, attr.dot.nbatch, i) || listed(contract, attr.dot.ncontract, i))
                continue;
            fits = x->attr.axes.axis[i] > last;
            last = x->attr.axes.axis[i];
        }
        if (!fits)
            continue;
        for (int i = 0; i < attr.dot.nbatch; i++)
            batch[i] = x->attr.axes.axis[batch[i]];
        for (int i = 0; i < attr.dot.ncontract; i++)
            contract[i] = x->attr.axes.axis[contract[i]];
        return node_dot(w->fn, side ? w->in[0] : x->in[0], side ? x->in[0] : w->in[1], &attr);
    }
    return NULL;
}

/* Without the products with the zeros of a dilated operand. */
static Node *by_phase(const Wanted *w)
{
    return conv_phases(w->fn, w->in, w->attr, w->t);
}

/* ---- the table: tried from the left -------------------------------------------------------------------- */
enum { MAX_RULES = 6 };

static Rule *const rules[OP_COUNT][MAX_RULES] = {
    [OP_NEG] = {undo_twice},
    [OP_NOT] = {undo_twice},
    [OP_STOP] = {keep_once},
    [OP_CAST] = {same_type},
    [OP_ADD] = {constant_right, right_is_0, right_is_negated, left_is_negated, pads_side_by_side},
    [OP_SUB] = {right_is_0, right_is_negated},
    [OP_MUL] = {constant_right, right_is_1, both_negated},
    [OP_DIV] = {right_is_1, both_negated},
    [OP_POW] = {small_exponent},
    [OP_EQ] = {constant_right},
    [OP_AND] = {constant_right},
    [OP_OR] = {constant_right},
    [OP_SELECT] = {known_condition, select_by_not, select_again},
    [OP_CHECK] = {checked_before},
    [OP_RESHAPE] = {same_type, reshape_twice, reshape_scalar, move_repeated},
    [OP_PERMUTE] = {permute_nothing, permute_twice, move_repeated, permute_units},
    [OP_BROADCAST] = {same_type, broadcast_twice, broadcast_units, broadcast_inserted},
    [OP_SLICE] = {same_type, move_repeated, slice_twice, slice_of_concat, slice_of_pad},
    [OP_PAD] = {same_type, pad_repeated, pad_twice},
    [OP_REVERSE] = {no_axes, move_repeated, reverse_twice},
    [OP_CONCAT] = {concat_one, move_repeated, concat_nested},
    [OP_WINDOW] = {move_repeated},
    [OP_SUM] = {no_axes, reduce_units, reduce_reshaped},
    [OP_MAX] = {no_axes, reduce_units, reduce_reshaped},
    [OP_ARGMAX] = {position_of_one, reduce_units, reduce_reshaped},
    [OP_DOT] = {dot_of_permute},
    [OP_CONV] = {by_phase},
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
