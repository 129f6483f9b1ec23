/* SPDX-License-Identifier: MIT */
/* nodes.c: one constructor per operation, all through node_make. */
#include "ir.h"

static Node *make1(Fn *fn, Op op, Node *x, const Attr *attr)
{
    return node_make(fn, op, 1, &x, attr);
}

static void check_count(int n, const char *what)
{
    if (n < 0 || n > MAX_RANK)
        BUG("%s: %d axes", what, n);
}

static int copy_axes(int *to, int n, const int *axis, const char *what)
{
    check_count(n, what);
    for (int i = 0; i < n; i++)
        to[i] = axis[i];
    return n;
}

/* ---- leaves -------------------------------------------------------------------------------------------- */
Node *node_const(Fn *fn, DType dt, double value)
{
    Attr attr = {.constant = {.value = dt == DT_F32 ? (double)(float)value : value, .dt = dt}};
    return node_make(fn, OP_CONST, 0, NULL, &attr);
}

Node *node_full(Fn *fn, Type t, double value)
{
    return node_broadcast(fn, node_const(fn, t.dt, value), t, NULL);
}

Node *node_iota(Fn *fn, Type t, int axis)
{
    if (axis < 0 || axis >= t.rank)
        BUG("iota along axis %d of rank %d", axis, t.rank);
    t.dt = DT_I32;
    Attr attr = {.shape = {.type = type_make(DT_I32, 1, &t.dim[axis])}};
    return node_broadcast(fn, node_make(fn, OP_IOTA, 0, NULL, &attr), t, &axis);
}

Node *node_random(Fn *fn, Type t, uint32_t salt, Node *seed, Node *step)
{
    Attr attr = {.random = {.type = t, .salt = salt}};
    return node_make(fn, OP_RANDOM, 2, (Node *[]){seed, step}, &attr);
}

/* ---- element-wise -------------------------------------------------------------------------------------- */
Node *node_unary(Fn *fn, Op op, Node *x)
{
    return make1(fn, op, x, NULL);
}

Node *node_binary(Fn *fn, Op op, Node *x, Node *y)
{
    return node_make(fn, op, 2, (Node *[]){x, y}, NULL);
}

Node *node_binary_const(Fn *fn, Op op, Node *x, double y)
{
    return node_binary(fn, op, x, node_full(fn, x->type, y));
}

Node *node_select(Fn *fn, Node *condition, Node *x, Node *y)
{
    return node_make(fn, OP_SELECT, 3, (Node *[]){condition, x, y}, NULL);
}

Node *node_cast(Fn *fn, Node *x, DType dt)
{
    Attr attr = {.dtype = {.dt = dt}};
    return make1(fn, OP_CAST, x, &attr);
}

/* ---- moves --------------------------------------------------------------------------------------------- */
Node *node_reshape(Fn *fn, Node *x, int rank, const int64_t *dim)
{
    Attr attr = {.shape = {.type = type_make(x->type.dt, rank, dim)}};
    return make1(fn, OP_RESHAPE, x, &attr);
}

Node *node_permute(Fn *fn, Node *x, const int *axis)
{
    Attr attr = {0};
    attr.axes.n = copy_axes(attr.axes.axis, x->type.rank, axis, "permute");
    return make1(fn, OP_PERMUTE, x, &attr);
}

Node *node_broadcast(Fn *fn, Node *x, Type t, const int *axis)
{
    Attr attr = {0};
    attr.broadcast.n = copy_axes(attr.broadcast.axis, x->type.rank, axis, "broadcast");
    attr.broadcast.type = type_with(t, x->type.dt);
    return make1(fn, OP_BROADCAST, x, &attr);
}

Node *node_broadcast_trailing(Fn *fn, Node *x, Type t)
{
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < x->type.rank; i++)
        axis[i] = t.rank - x->type.rank + i;
    return node_broadcast(fn, x, t, axis);
}

Node *node_insert_axis(Fn *fn, Node *x, int axis, int64_t extent)
{
    int where[MAX_RANK] = {0};
    for (int i = 0; i < x->type.rank; i++)
        where[i] = i < axis ? i : i + 1;
    return node_broadcast(fn, x, type_insert(x->type, axis, extent), where);
}

Node *node_slice(Fn *fn, Node *x, const int64_t *start, const int64_t *limit, const int64_t *stride)
{
    Attr attr = {0};
    attr.slice.n = x->type.rank;
    for (int i = 0; i < x->type.rank; i++) {
        attr.slice.start[i] = start[i];
        attr.slice.limit[i] = limit[i];
        attr.slice.stride[i] = stride ? stride[i] : 1;
    }
    return make1(fn, OP_SLICE, x, &attr);
}

Node *node_slice_axis(Fn *fn, Node *x, int axis, int64_t start, int64_t limit, int64_t stride)
{
    int64_t from[MAX_RANK] = {0}, to[MAX_RANK], by[MAX_RANK];
    if (axis < 0 || axis >= x->type.rank)
        BUG("slice along axis %d of rank %d", axis, x->type.rank);
    for (int i = 0; i < x->type.rank; i++) {
        to[i] = x->type.dim[i];
        by[i] = 1;
    }
    from[axis] = start;
    to[axis] = limit;
    by[axis] = stride;
    return node_slice(fn, x, from, to, by);
}

Node *node_pad(Fn *fn, Node *x, const int64_t *lo, const int64_t *hi, const int64_t *interior, double value)
{
    Attr attr = {0};
    attr.pad.n = x->type.rank;
    attr.pad.value = x->type.dt == DT_F32 ? (double)(float)value : value;
    for (int i = 0; i < x->type.rank; i++) {
        attr.pad.lo[i] = lo[i];
        attr.pad.hi[i] = hi[i];
        attr.pad.interior[i] = interior ? interior[i] : 0;
    }
    return make1(fn, OP_PAD, x, &attr);
}

static Node *make_axes(Fn *fn, Op op, Node *x, int n, const int *axis)
{
    Attr attr = {0};
    attr.axes.n = copy_axes(attr.axes.axis, n, axis, op_info(op)->text);
    return make1(fn, op, x, &attr);
}

Node *node_reverse(Fn *fn, Node *x, int n, const int *axis)
{
    return make_axes(fn, OP_REVERSE, x, n, axis);
}

Node *node_concat(Fn *fn, int n, Node *const *x, int axis)
{
    Attr attr = {.axis = {.axis = axis}};
    return node_make(fn, OP_CONCAT, n, x, &attr);
}

Node *node_window(Fn *fn, Node *x, int axis, int64_t size, int64_t stride, int64_t dilation)
{
    Attr attr = {.window = {.axis = axis, .size = size, .stride = stride, .dilation = dilation}};
    return make1(fn, OP_WINDOW, x, &attr);
}

Node *node_fold(Fn *fn, Node *x, int axis, int64_t stride, int64_t dilation, int64_t extent)
{
    if (axis < 0 || axis + 1 >= x->type.rank)
        BUG("fold of axes %d and %d of rank %d", axis, axis + 1, x->type.rank);
    Attr attr = {.window = {axis, x->type.dim[axis + 1], stride, dilation, extent}};
    return make1(fn, OP_FOLD, x, &attr);
}

/* ---- reductions and contractions ----------------------------------------------------------------------- */
Node *node_reduce(Fn *fn, Op op, Node *x, int n, const int *axis)
{
    return make_axes(fn, op, x, n, axis);
}

Node *node_dot(Fn *fn, Node *x, Node *y, const Attr *attr)
{
    return node_make(fn, OP_DOT, 2, (Node *[]){x, y}, attr);
}

Node *node_matmul(Fn *fn, Node *x, Node *y)
{
    int xr = x->type.rank, yr = y->type.rank;
    if (xr < 1 || yr < 1)
        BUG("matmul of ranks %d and %d", xr, yr);
    Attr attr = {0};
    attr.dot.ncontract = 1;
    attr.dot.lhs_contract[0] = xr - 1;
    attr.dot.rhs_contract[0] = yr > 1 ? yr - 2 : 0;
    if (xr > 2 && yr > 2) {
        if (xr != yr)
            BUG("matmul of ranks %d and %d", xr, yr);
        attr.dot.nbatch = xr - 2;
        for (int i = 0; i < xr - 2; i++)
            attr.dot.lhs_batch[i] = attr.dot.rhs_batch[i] = i;
    }
    return node_dot(fn, x, y, &attr);
}

Node *node_conv(Fn *fn, Node *x, Node *kernel, const Attr *attr)
{
    return node_make(fn, OP_CONV, 2, (Node *[]){x, kernel}, attr);
}

/* ---- indices ------------------------------------------------------------------------------------------- */
Node *node_gather(Fn *fn, Node *table, Node *index)
{
    return node_make(fn, OP_GATHER, 2, (Node *[]){table, index}, NULL);
}

Node *node_scatter_add(Fn *fn, Node *index, Node *updates, int64_t extent)
{
    Attr attr = {.limit = {.limit = extent}};
    return node_make(fn, OP_SCATTER, 2, (Node *[]){index, updates}, &attr);
}

Node *node_check_index(Fn *fn, Node *index, int64_t limit)
{
    Attr attr = {.limit = {.limit = limit}};
    return make1(fn, OP_CHECK, index, &attr);
}

/* ---- loops --------------------------------------------------------------------------------------------- */
Node *node_scan(Fn *fn, Fn *body, int ncarry, int nslice, int nyield, bool reverse, int nin, Node *const *in)
{
    if (nslice < 1 || ncarry < 0 || nin < ncarry + nslice || in[ncarry]->type.rank < 1)
        BUG("a scan of %d operands with %d carries needs a slice to say its length", nin, ncarry);
    Attr attr = {0};
    attr.scan.body = body;
    attr.scan.ncarry = ncarry;
    attr.scan.nslice = nslice;
    attr.scan.nyield = nyield;
    attr.scan.length = in[ncarry]->type.dim[0];
    attr.scan.reverse = reverse;
    return node_make(fn, OP_SCAN, nin, in, &attr);
}

Node *node_result(Fn *fn, Node *scan, int index)
{
    Attr attr = {.index = {.index = index}};
    return make1(fn, OP_RESULT, scan, &attr);
}
