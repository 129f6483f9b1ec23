/* SPDX-License-Identifier: MIT */
/* whole_graph.h: functions made at random, the same for the same seed. Every value is a whole number that a
 * float holds exactly, however it is computed: values that could grow are clamped first. */
#ifndef TEST_WHOLE_GRAPH_H
#define TEST_WHOLE_GRAPH_H

#include "graph/ir.h"

enum { MOST_ELEMENTS = 1500, CLAMP = 4 };

typedef struct Grower {
    Arena *a;
    Fn *fn;
    VEC(Node *) node; /* f32 and i32 */
    VEC(double) most; /* by node of the list: no element is larger in size */
    int ninput, depth;
    uint64_t state;
} Grower;

static int64_t draw(Grower *g, int64_t n)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return (int64_t)((g->state >> 16) % (uint64_t)n);
}

static void keep(Grower *g, Node *n, double most)
{
    if (type_count(n->type) > MOST_ELEMENTS)
        return;
    vec_push(g->a, &g->node, n);
    vec_push(g->a, &g->most, most);
}

static Node *new_input(Grower *g, Type t, const char *name)
{
    int index = g->ninput++;
    return fn_input(g->fn, draw(g, 3) ? ROLE_INPUT : ROLE_PARAM, index, name, t);
}

/* A value not above CLAMP in size. */
static Node *clamped(Grower *g, Node *x)
{
    Node *top = node_full(g->fn, x->type, CLAMP), *bottom = node_full(g->fn, x->type, -CLAMP);
    return node_binary(g->fn, OP_MAX2, node_binary(g->fn, OP_MIN2, x, top), bottom);
}

/* A value of the list, the later ones more likely; what is large is clamped. *most: how large it is. */
static Node *pick(Grower *g, DType dt, double limit, double *most)
{
    for (int tries = 0; tries < 30; tries++) {
        int i = (int)draw(g, g->node.n);
        if (draw(g, 2))
            i = g->node.n - 1 - (int)draw(g, g->node.n < 4 ? g->node.n : 4);
        if (g->node.at[i]->type.dt != dt)
            continue;
        *most = g->most.at[i];
        if (*most <= limit)
            return g->node.at[i];
        *most = CLAMP;
        return clamped(g, g->node.at[i]);
    }
    *most = 3;
    Type t = type_make(dt, 2, (int64_t[]){1 + draw(g, 9), 1 + draw(g, 5)});
    return g->depth ? node_full(g->fn, t, 2) : new_input(g, t, "x");
}

/* Another value of this type: from the list, made by broadcasting, or new. */
static Node *partner(Grower *g, Type t, double limit, double *most)
{
    int start = (int)draw(g, g->node.n);
    for (int k = 0; k < g->node.n; k++) {
        int i = (start + k) % g->node.n;
        if (type_eq(g->node.at[i]->type, t) && g->most.at[i] <= limit) {
            *most = g->most.at[i];
            return g->node.at[i];
        }
    }
    *most = 3;
    if (t.rank && draw(g, 3)) {
        Type row = t;
        int axis = (int)draw(g, t.rank), at[MAX_RANK];
        row = type_drop(t, axis);
        for (int i = 0; i < row.rank; i++)
            at[i] = i < axis ? i : i + 1;
        Node *x = g->depth ? node_full(g->fn, row, 1) : new_input(g, row, "x");
        return node_broadcast(g->fn, x, t, at);
    }
    return g->depth ? node_full(g->fn, t, -2) : new_input(g, t, "x");
}

/* ---- one operation each
 * ------------------------------------------------------------------------------------------------ */
static void grow_unary(Grower *g)
{
    static const Op ops[] = {OP_NEG, OP_ABS, OP_FLOOR, OP_STOP};
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    keep(g, node_unary(g->fn, ops[draw(g, LEN(ops))], x), most);
}

static void grow_binary(Grower *g)
{
    static const Op ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_MAX2, OP_MIN2};
    double x_most, y_most;
    DType dt = draw(g, 6) ? DT_F32 : DT_I32;
    Node *x = pick(g, dt, 1000, &x_most), *y = partner(g, x->type, 1000, &y_most);
    Op op = ops[draw(g, LEN(ops))];
    keep(g, node_binary(g->fn, op, x, y), op == OP_MUL ? x_most * y_most : x_most + y_most);
}

static void grow_select(Grower *g)
{
    static const Op ops[] = {OP_LT, OP_LE, OP_EQ};
    double x_most, y_most;
    Node *x = pick(g, DT_F32, 1e6, &x_most), *y = partner(g, x->type, 1e6, &y_most);
    Node *condition = node_binary(g->fn, ops[draw(g, 3)], x, y);
    if (draw(g, 4) == 0)
        condition = node_unary(g->fn, OP_NOT, condition);
    Node *value = draw(g, 3) ? node_select(g->fn, condition, x, y) : node_cast(g->fn, condition, DT_F32);
    keep(g, value, x_most > y_most ? x_most + 1 : y_most + 1);
}

static void grow_cast(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most), *i = node_cast(g->fn, x, DT_I32);
    keep(g, i, most);
    keep(g, node_cast(g->fn, i, DT_F32), most);
}

static void grow_reshape(Grower *g)
{
    double most;
    Node *x = pick(g, draw(g, 8) ? DT_F32 : DT_I32, 1e6, &most);
    int64_t rest = type_count(x->type), dim[MAX_RANK];
    int rank = 0;
    while (rest > 1 && rank < 4) {
        int64_t d = 1 + draw(g, rest < 12 ? rest : 12);
        if (rest % d == 0) {
            dim[rank++] = d;
            rest /= d;
        }
    }
    dim[rank++] = rest;
    keep(g, node_reshape(g->fn, x, rank, dim), most);
}

static void grow_permute(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    int axis[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        int k = (int)draw(g, i + 1);
        axis[i] = axis[k];
        axis[k] = i;
    }
    keep(g, node_permute(g->fn, x, axis), most);
}

static void grow_broadcast(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    int64_t extent = 1 + draw(g, 5);
    if (x->type.rank < 5 && type_count(x->type) * extent <= MOST_ELEMENTS)
        keep(g, node_insert_axis(g->fn, x, (int)draw(g, x->type.rank + 1), extent), most);
}

static void grow_slice(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    int64_t start[MAX_RANK], limit[MAX_RANK], stride[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        start[i] = draw(g, 2) ? 0 : draw(g, x->type.dim[i]);
        limit[i] = start[i] + 1 + draw(g, x->type.dim[i] - start[i]);
        stride[i] = 1 + draw(g, 3);
    }
    keep(g, node_slice(g->fn, x, start, limit, stride), most);
}

static void grow_pad(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    int64_t lo[MAX_RANK], hi[MAX_RANK], interior[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        lo[i] = draw(g, 3);
        hi[i] = draw(g, 3);
        interior[i] = draw(g, 2) ? 0 : draw(g, 3);
    }
    if (type_count(x->type) < 60)
        keep(g, node_pad(g->fn, x, lo, hi, interior, (double)draw(g, 2)), most + 1);
}

static void grow_reverse(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    int axis[MAX_RANK], n = 0;
    for (int i = 0; i < x->type.rank; i++)
        if (draw(g, 2))
            axis[n++] = i;
    if (n)
        keep(g, node_reverse(g->fn, x, n, axis), most);
}

static void grow_concat(Grower *g)
{
    double most, y_most;
    Node *x = pick(g, DT_F32, 1e6, &most);
    if (!x->type.rank)
        return;
    int axis = (int)draw(g, x->type.rank);
    Node *y = partner(g, x->type, 1e6, &y_most);
    if (draw(g, 2))
        y = node_slice_axis(g->fn, y, axis, draw(g, y->type.dim[axis]), y->type.dim[axis], 1);
    Node *part[3] = {x, y, x};
    keep(g, node_concat(g->fn, 2 + (int)draw(g, 2), part, axis), most > y_most ? most : y_most);
}

/* A window, and perhaps its adjoint behind it. */
static void grow_window(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 1000, &most);
    if (!x->type.rank || x->type.rank > 5)
        return;
    int axis = (int)draw(g, x->type.rank);
    int64_t extent = x->type.dim[axis], dilation = 1 + draw(g, 2), stride = 1 + draw(g, 3);
    int64_t size = 1 + draw(g, (extent - 1) / dilation + 1);
    Node *w = node_window(g->fn, x, axis, size, stride, dilation);
    keep(g, w, most);
    if (!draw(g, 2))
        return;
    if (draw(g, 2))
        w = node_binary(g->fn, OP_ADD, w, w);
    int64_t windows = w->type.dim[axis], reach = (windows - 1) * stride + (size - 1) * dilation + 1;
    keep(g, node_fold(g->fn, w, axis, stride, dilation, reach + draw(g, 2) * draw(g, stride)),
         2 * most * (double)size);
}

static void grow_reduce(Grower *g)
{
    static const Op ops[] = {OP_SUM, OP_SUM, OP_MAX, OP_ARGMAX};
    double most;
    Node *x = pick(g, draw(g, 8) ? DT_F32 : DT_I32, 1000, &most);
    int axis[MAX_RANK], n = 0;
    double count = 1;
    for (int i = 0; i < x->type.rank; i++)
        if (draw(g, 2)) {
            axis[n++] = i;
            count *= (double)x->type.dim[i];
        }
    Op op = ops[draw(g, LEN(ops))];
    if (n)
        keep(g, node_reduce(g->fn, op, x, n, axis),
             op == OP_SUM   ? most * count
             : op == OP_MAX ? most
                            : count);
}

static void grow_dot(Grower *g)
{
    double x_most, y_most;
    Node *x = pick(g, DT_F32, 60, &x_most), *y = pick(g, DT_F32, 60, &y_most);
    if (draw(g, 3) == 0 && !g->depth && x->type.rank) {
        y = new_input(g, type_make(DT_F32, 2, (int64_t[]){x->type.dim[x->type.rank - 1], 1 + draw(g, 33)}),
                      "x");
        y_most = 3;
    }
    Attr at = {0};
    bool used[MAX_RANK] = {false};
    double k = 1;
    int64_t count = type_count(x->type) * type_count(y->type);
    for (int i = 0; i < x->type.rank; i++)
        for (int j = 0; j < y->type.rank; j++) {
            if (used[j] || x->type.dim[i] != y->type.dim[j])
                continue;
            used[j] = true;
            bool batch = draw(g, 4) == 0;
            int n = batch ? at.dot.nbatch++ : at.dot.ncontract++;
            (batch ? at.dot.lhs_batch : at.dot.lhs_contract)[n] = i;
            (batch ? at.dot.rhs_batch : at.dot.rhs_contract)[n] = j;
            count /= x->type.dim[i] * (batch ? 1 : x->type.dim[i]);
            k *= batch ? 1 : (double)x->type.dim[i];
            break;
        }
    int rank = x->type.rank + y->type.rank - at.dot.nbatch - 2 * at.dot.ncontract;
    if (count <= MOST_ELEMENTS && rank <= 5)
        keep(g, node_dot(g->fn, x, y, &at), x_most * y_most * k);
}

static void grow_conv(Grower *g)
{
    double x_most;
    Node *x = pick(g, DT_F32, 60, &x_most);
    int ns = x->type.rank - 2;
    if (ns < 1 || ns > 2 || g->depth)
        return;
    Attr at = {.conv = {.nspatial = ns}};
    int64_t channels = x->type.dim[ns + 1], dim[MAX_RANK];
    at.conv.groups = draw(g, 4) ? 1 : channels;
    for (int i = 0; i < ns; i++) {
        at.conv.stride[i] = 1 + draw(g, 2);
        at.conv.lhs_dilation[i] = draw(g, 4) ? 1 : 2;
        at.conv.rhs_dilation[i] = draw(g, 4) ? 1 : 2;
        dim[i] = 1 + draw(g, 3);
        at.conv.pad_lo[i] = draw(g, 3) + (dim[i] - 1) * at.conv.rhs_dilation[i];
        at.conv.pad_hi[i] = draw(g, 3) - (at.conv.pad_lo[i] > 1);
    }
    dim[ns] = channels / at.conv.groups;
    dim[ns + 1] = (1 + draw(g, 9)) * (at.conv.groups > 1 ? at.conv.groups : 1);
    double k = 9 * (double)channels;
    Type t;
    Node *kernel = new_input(g, type_make(DT_F32, ns + 2, dim), "x");
    if (type_count(x->type) < 300 && !node_infer(g->a, OP_CONV, 2, (Node *[]){x, kernel}, &at, &t))
        keep(g, node_conv(g->fn, x, kernel, &at), 3 * x_most * k);
}

static void grow_index(Grower *g)
{
    double most;
    Node *x = pick(g, DT_F32, 60, &most);
    if (!x->type.rank || g->depth)
        return;
    Type t = type_make(DT_I32, (int)draw(g, 3), (int64_t[]){1 + draw(g, 5), 1 + draw(g, 3)});
    int64_t limit = x->type.dim[0];
    Node *index = new_input(g, t, arena_printf(g->a, "index%lld", (long long)limit));
    if (draw(g, 2))
        index = node_check_index(g->fn, index, limit);
    Node *y = node_gather(g->fn, x, index);
    if (type_count(y->type) > MOST_ELEMENTS)
        return;
    keep(g, y, most);
    if (draw(g, 2))
        keep(
            g,
            node_scatter_add(g->fn, index, draw(g, 2) ? node_unary(g->fn, OP_NEG, y) : y, limit + draw(g, 3)),
            most * 15);
}

static void grow(Grower *g);

/* A loop over the leading axis of something, its body made at random too. */
static void grow_scan(Grower *g)
{
    double most;
    Node *xs = pick(g, DT_F32, CLAMP, &most), *start = pick(g, DT_F32, CLAMP, &most),
         *fixed = pick(g, DT_F32, CLAMP, &most);
    if (!xs->type.rank || g->depth > 1 || type_count(start->type) > 100 || type_count(fixed->type) > 100)
        return;
    Grower body = {.a = g->a, .fn = fn_new(g->a, "step"), .depth = g->depth + 1, .state = g->state};
    Node *carry = fn_input(body.fn, ROLE_CARRY, 0, "c", start->type);
    keep(&body, carry, CLAMP);
    keep(&body, fn_input(body.fn, ROLE_SLICE, 0, "x", type_drop(xs->type, 0)), CLAMP);
    keep(&body, fn_input(body.fn, ROLE_INVARIANT, 0, "w", fixed->type), CLAMP);
    for (int i = 3 + (int)draw(g, 6); i > 0; i--)
        grow(&body);
    Node *next = NULL, *yield = NULL;
    for (int i = 3; i < body.node.n; i++) {
        if (type_eq(body.node.at[i]->type, carry->type))
            next = body.node.at[i];
        if (body.node.at[i]->type.dt == DT_F32 && body.node.at[i]->type.rank < 4 &&
            type_count(body.node.at[i]->type) * xs->type.dim[0] <= MOST_ELEMENTS)
            yield = body.node.at[i];
    }
    next = next ? next : node_unary(body.fn, OP_NEG, carry);
    fn_result(body.fn, ROLE_CARRY, 0, "c", clamped(&body, next));
    fn_result(body.fn, ROLE_YIELD, 0, "y", yield ? clamped(&body, yield) : carry);
    Node *scan =
        node_scan(g->fn, fn_prune(body.fn), 1, 1, 1, draw(g, 2) != 0, 3, (Node *[]){start, xs, fixed});
    keep(g, node_result(g->fn, scan, 0), CLAMP);
    keep(g, node_result(g->fn, scan, 1), CLAMP);
}

static void grow(Grower *g)
{
    static void (*const ways[])(Grower *) = {
        grow_unary,   grow_binary,    grow_binary, grow_binary, grow_select,  grow_cast,   grow_reshape,
        grow_permute, grow_broadcast, grow_slice,  grow_pad,    grow_reverse, grow_concat, grow_window,
        grow_reduce,  grow_reduce,    grow_dot,    grow_dot,    grow_conv,    grow_index,  grow_scan,
    };
    ways[draw(g, LEN(ways))](g);
}

static Fn *random_graph(Arena *a, uint64_t seed)
{
    Grower g = {.a = a, .fn = fn_new(a, "f"), .state = seed * 0x9E3779B97F4A7C15u + 1};
    for (int i = 0; i < 3; i++) {
        Type t = {.dt = DT_F32, .rank = 1 + (int)draw(&g, 4)};
        for (int k = 0; k < t.rank; k++)
            t.dim[k] = 1 + draw(&g, k == 3 ? 4 : 9);
        keep(&g, new_input(&g, t, "x"), 3);
    }
    for (int i = 4 + (int)draw(&g, 20); i > 0; i--)
        grow(&g);
    int noutput = 0;
    for (int i = g.node.n - 1; i >= 0 && noutput < 3; i -= 1 + (int)draw(&g, 3))
        fn_result(g.fn, ROLE_OUTPUT, noutput++, "y", g.node.at[i]);
    for (int i = 0; i < g.fn->input.n; i++) { /* new values for parameters, where the shapes allow */
        const Port *port = &g.fn->input.at[i];
        for (int k = g.node.n - 1; port->role == ROLE_PARAM && k >= 0; k--)
            if (type_eq(g.node.at[k]->type, port->node->type) &&
                (g.node.at[k] != port->node || draw(&g, 2))) {
                fn_result(g.fn, ROLE_PARAM, port->index, port->name, g.node.at[k]);
                break;
            }
    }
    return fn_prune(g.fn);
}

#endif
