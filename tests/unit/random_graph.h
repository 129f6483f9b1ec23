/* SPDX-License-Identifier: MIT */
/* random_graph.h: random nodes, made as they are, without simplification. */
#ifndef DLC_RANDOM_GRAPH_H
#define DLC_RANDOM_GRAPH_H

#include "gradient_check.h"

#define F32(...) type_make(DT_F32, LEN(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

enum { POOL = 40 };

typedef struct Pool {
    Fn *fn;
    uint64_t random;
    Node *at[POOL + 8];
    int n;
} Pool;

static inline int below(Pool *p, int n)
{
    return (int)(check_random(&p->random) % (uint64_t)n);
}

static inline Node *any(Pool *p)
{
    return p->at[below(p, p->n)];
}

static inline Node *make(Pool *p, Op op, int nin, Node *const *in, const Attr *attr)
{
    Attr none = {0};
    return node_make_as_is(p->fn, op, nin, in, attr ? attr : &none);
}

static inline Node *full(Pool *p, Type t, double value)
{
    Attr constant = {.constant = {.value = value, .dt = t.dt}}, broadcast = {.broadcast = {.type = t}};
    Node *scalar = make(p, OP_CONST, 0, NULL, &constant);
    return t.rank ? make(p, OP_BROADCAST, 1, &scalar, &broadcast) : scalar;
}

/* Not a constant: operations on constants are folded, and then rounded to float. */
static inline Node *varying(Pool *p)
{
    double value;
    Node *x = any(p);
    while (is_const(x, &value))
        x = any(p);
    return x;
}

static inline Node *like(Pool *p, const Node *x)
{
    static const double values[] = {0, 1, -1, 2, 0.5};
    for (int i = 0; i < 8; i++) {
        Node *y = any(p);
        if (type_eq(x->type, y->type))
            return y;
    }
    return full(p, x->type, values[below(p, LEN(values))]);
}

static inline Node *random_unary(Pool *p)
{
    static const Op ops[] = {OP_NEG, OP_ABS, OP_EXP, OP_TANH, OP_SIGMOID, OP_STOP, OP_FLOOR, OP_NEG, OP_NEG};
    Node *x = varying(p);
    return make(p, ops[below(p, LEN(ops))], 1, &x, NULL);
}

static inline Node *random_binary(Pool *p)
{
    static const Op ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_MAX2, OP_MIN2, OP_ADD, OP_SUB};
    Node *x = varying(p), *in[] = {x, like(p, x)};
    if (below(p, 3) == 0) {
        in[0] = in[1];
        in[1] = x;
    }
    return make(p, ops[below(p, LEN(ops))], 2, in, NULL);
}

static inline Node *random_power(Pool *p)
{
    static const double exponents[] = {0, 1, 2, 0.5};
    Node *x = varying(p), *in[] = {x, full(p, x->type, exponents[below(p, LEN(exponents))])};
    return make(p, OP_POW, 2, in, NULL);
}

static inline Node *random_select(Pool *p)
{
    Node *x = any(p), *y = like(p, x), *condition = make(p, OP_LT, 2, (Node *[]){x, y}, NULL);
    if (below(p, 2))
        condition = make(p, OP_NOT, 1, &condition, NULL);
    Node *in[] = {condition, x, y};
    Node *first = make(p, OP_SELECT, 3, in, NULL);
    in[1 + below(p, 2)] = below(p, 2) ? first : full(p, x->type, 0);
    return make(p, OP_SELECT, 3, in, NULL);
}

/* The same elements with axes of extent 1 put in or taken out, or all in a row. */
static inline Node *random_reshape(Pool *p)
{
    Node *x = any(p);
    Type t = x->type;
    int kind = below(p, 3);
    if (kind == 0 && t.rank < 5)
        t = type_insert(t, below(p, t.rank + 1), 1);
    else if (kind == 1)
        t = F32(type_count(t));
    else
        for (int i = t.rank - 1; i >= 0; i--)
            if (t.dim[i] == 1)
                t = type_drop(t, i);
    Attr attr = {.shape = {.type = t}};
    return make(p, OP_RESHAPE, 1, &x, &attr);
}

static inline Node *random_permute(Pool *p)
{
    Node *x = any(p);
    Attr attr = {.axes = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        int j = below(p, i + 1);
        attr.axes.axis[i] = attr.axes.axis[j];
        attr.axes.axis[j] = i;
    }
    return make(p, OP_PERMUTE, 1, &x, &attr);
}

static inline Node *random_broadcast(Pool *p)
{
    Node *x = any(p);
    Attr attr = {.broadcast = {.n = x->type.rank, .type = x->type}};
    for (int i = 0; i < x->type.rank; i++) {
        attr.broadcast.axis[i] = i;
        if (x->type.dim[i] == 1 && below(p, 2))
            attr.broadcast.type.dim[i] = 2;
    }
    if (x->type.rank < 5) {
        int at = below(p, x->type.rank + 1);
        attr.broadcast.type = type_insert(attr.broadcast.type, at, 1 + below(p, 2));
        for (int i = at; i < x->type.rank; i++)
            attr.broadcast.axis[i]++;
    }
    return make(p, OP_BROADCAST, 1, &x, &attr);
}

static inline Node *random_slice(Pool *p)
{
    Node *x = any(p);
    Attr attr = {.slice = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        int64_t extent = x->type.dim[i];
        attr.slice.start[i] = below(p, 2) ? 0 : below(p, (int)extent);
        attr.slice.limit[i] = extent - (extent - attr.slice.start[i] > 1 ? below(p, 2) : 0);
        attr.slice.stride[i] = 1 + below(p, 4) / 3;
    }
    return make(p, OP_SLICE, 1, &x, &attr);
}

static inline Node *random_pad(Pool *p)
{
    Node *x = any(p);
    Attr attr = {.pad = {.n = x->type.rank, .value = below(p, 3) ? 0 : 1}};
    int axis = x->type.rank ? below(p, x->type.rank) : 0;
    for (int i = axis; i < x->type.rank && i <= axis; i++) {
        attr.pad.lo[i] = below(p, 3);
        attr.pad.hi[i] = below(p, 3);
        attr.pad.interior[i] = below(p, 6) == 0;
    }
    return make(p, OP_PAD, 1, &x, &attr);
}

static inline Node *random_concat(Pool *p)
{
    Node *x = any(p);
    if (!x->type.rank)
        return NULL;
    Attr attr = {.axis = {.axis = below(p, x->type.rank)}};
    return make(p, OP_CONCAT, 2, (Node *[]){x, like(p, x)}, &attr);
}

/* A split's gradient: parts put back into their places and added. */
static inline Node *random_parts(Pool *p)
{
    Node *x = any(p), *y = like(p, x), *in[2];
    if (!x->type.rank)
        return NULL;
    int axis = below(p, x->type.rank);
    for (int i = 0; i < 2; i++) {
        Attr attr = {.pad = {.n = x->type.rank}};
        attr.pad.lo[axis] = i ? x->type.dim[axis] + below(p, 2) : 0;
        attr.pad.hi[axis] = x->type.dim[axis] * 2 + 1 - x->type.dim[axis] - attr.pad.lo[axis];
        Node *part = i ? y : x;
        in[i ^ below(p, 1)] = make(p, OP_PAD, 1, &part, &attr);
    }
    return make(p, OP_ADD, 2, in, NULL);
}

static inline Node *random_reverse(Pool *p)
{
    Node *x = any(p);
    Attr attr = {0};
    for (int i = 0; i < x->type.rank; i++)
        if (below(p, 2))
            attr.axes.axis[attr.axes.n++] = i;
    Node *y = make(p, OP_REVERSE, 1, &x, &attr);
    return below(p, 3) ? y : make(p, OP_REVERSE, 1, &y, &attr);
}

static inline Node *random_reduce(Pool *p)
{
    Node *x = any(p);
    Attr attr = {0};
    for (int i = 0; i < x->type.rank; i++)
        if (below(p, 2))
            attr.axes.axis[attr.axes.n++] = i;
    Op op = (Op[]){OP_SUM, OP_MAX, OP_ARGMAX}[below(p, 3)];
    Node *y = make(p, op, 1, &x, &attr);
    Attr cast = {.dtype = {.dt = DT_F32}};
    return op == OP_ARGMAX ? make(p, OP_CAST, 1, &y, &cast) : y;
}

/* x with itself over an axis, the operands permuted. */
static inline Node *random_dot(Pool *p)
{
    Node *x = any(p), *in[2];
    if (x->type.rank < 1 || x->type.rank > 3)
        return NULL;
    int axis = below(p, x->type.rank), batch = below(p, x->type.rank);
    Attr attr = {.dot = {.ncontract = 1, .nbatch = batch != axis}};
    for (int i = 0; i < 2; i++) {
        Attr permute = {.axes = {.n = x->type.rank}};
        int turn = below(p, x->type.rank);
        int *contract = i ? attr.dot.rhs_contract : attr.dot.lhs_contract;
        int *shared = i ? attr.dot.rhs_batch : attr.dot.lhs_batch;
        for (int k = 0; k < x->type.rank; k++) {
            permute.axes.axis[k] = (k + turn) % x->type.rank;
            if (permute.axes.axis[k] == axis)
                contract[0] = k;
            if (permute.axes.axis[k] == batch)
                shared[0] = k;
        }
        in[i] = make(p, OP_PERMUTE, 1, &x, &permute);
    }
    return make(p, OP_DOT, 2, in, &attr);
}

#endif
