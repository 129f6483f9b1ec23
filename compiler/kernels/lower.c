/* SPDX-License-Identifier: MIT */
/* lower.c: the value of a node at an index, as an expression over loads from stored nodes. Moves disappear into indices. */
#include "lower.h"

#include <math.h>
#include <string.h>

/* ---- making expressions, equal ones once ----------------------------------------------------------- */
static bool guards_eq(const Ex *x, const Ex *y)
{
    if (x->nguard != y->nguard)
        return false;
    for (int i = 0; i < x->nguard; i++)
        if (x->guard[i].lo != y->guard[i].lo || x->guard[i].hi != y->guard[i].hi ||
            !lin_eq(x->guard[i].at, y->guard[i].at))
            return false;
    return true;
}

static bool ex_eq(const Ex *x, const Ex *y)
{
    return x->kind == y->kind && x->dt == y->dt && x->op == y->op && x->nin == y->nin &&
           !memcmp(x->in, y->in, sizeof x->in) && !memcmp(&x->value, &y->value, sizeof x->value) &&
           x->buffer == y->buffer && x->salt == y->salt && x->unit == y->unit && !x->at == !y->at &&
           (!x->at || lin_eq(x->at, y->at)) && guards_eq(x, y);
}

static Ex **ex_bucket(Build *b, const Ex *e)
{
    struct { int64_t op, place; double value; const void *in[LEN(e->in)], *buffer; } key = {
        .op = e->kind * OP_COUNT + e->op, .place = e->at ? e->at->constant : 0, .value = e->value, .buffer = e->buffer};
    memcpy(key.in, e->in, sizeof key.in);
    return &b->bucket[hash_bytes(&key, sizeof key) % LEN(b->bucket)];
}

static Ex *ex_make(Build *b, Ex e)
{
    Ex **bucket = ex_bucket(b, &e);
    for (Ex *known = *bucket; known; known = known->next)
        if (ex_eq(known, &e))
            return known;
    Ex *made = NEW(b->a, Ex);
    *made = e;
    made->id = b->n++;
    made->next = *bucket;
    *bucket = made;
    for (int i = 0; i < e.nin; i++)
        vec_push(b->a, &made->part, e.in[i]);
    if (e.at)
        lin_values(b->a, e.at, &made->part);
    for (int i = 0; i < e.nguard; i++)
        lin_values(b->a, e.guard[i].at, &made->part);
    return made;
}

Ex *ex_const(Build *b, DType dt, double value)
{
    return ex_make(b, (Ex){.kind = X_CONST, .dt = dt, .value = value});
}

static Ex *ex_index(Build *b, const Lin *at)
{
    return at->n ? ex_make(b, (Ex){.kind = X_INDEX, .dt = DT_I32, .at = at})
                 : ex_const(b, DT_I32, (double)at->constant);
}

Ex *ex_load(Build *b, Buffer *buffer, DType dt, const Lin *at)
{
    return ex_make(b, (Ex){.kind = X_LOAD, .dt = dt, .buffer = buffer, .at = at});
}

Ex *ex_op(Build *b, Op op, DType dt, Ex *x, Ex *y, Ex *z)
{
    Ex e = {.kind = X_OP, .dt = dt, .op = op, .nin = op_info(op)->nin, .in = {x, y, z}};
    return ex_make(b, e);
}

/* then where every guard holds, else `otherwise`; guards that always hold are left out. */
static Ex *ex_guard(Build *b, int n, const Guard *guard, Ex *then, Ex *otherwise)
{
    Guard *kept = NEWN(b->a, Guard, n);
    int nkept = 0;
    for (int i = 0; i < n; i++) {
        int64_t lo, hi;
        lin_range(guard[i].at, &lo, &hi);
        if (hi < guard[i].lo || lo >= guard[i].hi)
            return otherwise;
        if (lo < guard[i].lo || hi >= guard[i].hi)
            kept[nkept++] = guard[i];
    }
    if (!nkept || then == otherwise)
        return then;
    return ex_make(b, (Ex){.kind = X_GUARD, .dt = then->dt, .nin = 2, .in = {then, otherwise}, .nguard = nkept, .guard = kept});
}

/* ---- moves: the operand's index from the result's -------------------------------------------------- */
static Ex *resolve_pad(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    const Lin *in[MAX_RANK];
    Guard guard[2 * MAX_RANK];
    int nguard = 0;
    const Node *x = n->in[0];
    for (int i = 0; i < n->type.rank; i++) {
        int64_t step = n->attr.pad.interior[i] + 1;
        const Lin *at = lin_offset(b->a, index[i], -n->attr.pad.lo[i]);
        guard[nguard++] = (Guard){at, 0, (x->type.dim[i] - 1) * step + 1};
        if (step > 1)
            guard[nguard++] = (Guard){lin_rem(b->a, at, step), 0, 1};
        in[i] = lin_div(b->a, at, step);
    }
    Ex *outside = ex_const(b, n->type.dt, n->attr.pad.value);
    return ex_guard(b, nguard, guard, resolve(b, c, x, in), outside);
}

static Ex *resolve_move(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    const Node *x = n->in[0];
    const Lin *in[MAX_RANK] = {0};
    switch (n->op) {
    case OP_RESHAPE:
        lin_reshape(b->a, n->type, index, x->type, in);
        break;
    case OP_PERMUTE:
        for (int i = 0; i < x->type.rank; i++)
            in[n->attr.axes.axis[i]] = index[i];
        break;
    case OP_BROADCAST:
        for (int i = 0; i < x->type.rank; i++)
            in[i] = x->type.dim[i] == 1 ? lin_const(b->a, 0) : index[n->attr.broadcast.axis[i]];
        break;
    case OP_SLICE:
        for (int i = 0; i < x->type.rank; i++)
            in[i] = lin_offset(b->a, lin_scale(b->a, index[i], n->attr.slice.stride[i]), n->attr.slice.start[i]);
        break;
    case OP_REVERSE:
        memcpy(in, index, sizeof(Lin *) * (size_t)n->type.rank);
        for (int i = 0; i < n->attr.axes.n; i++) {
            int axis = n->attr.axes.axis[i];
            in[axis] = lin_offset(b->a, lin_scale(b->a, index[axis], -1), n->type.dim[axis] - 1);
        }
        break;
    case OP_WINDOW: {
        int axis = n->attr.window.axis;
        for (int i = 0, j = 0; i < n->type.rank; i++)
            if (i != axis + 1)
                in[j++] = index[i];
        in[axis] = lin_add(b->a, lin_scale(b->a, index[axis], n->attr.window.stride),
                           lin_scale(b->a, index[axis + 1], n->attr.window.dilation));
        break;
    }
    case OP_AGAIN:
        return resolve(b, c, x, index);
    case OP_PAD:
        return resolve_pad(b, c, n, index);
    case OP_CONCAT:
        if (c->joined[n->id])
            return ex_load(b, c->joined[n->id], n->type.dt, lin_flatten(b->a, n->type, index));
        BUG("a concatenation of what lies apart is no move of indices");
    default:
        BUG("%s is no move of indices", op_info(n->op)->text);
    }
    return resolve(b, c, x, in);
}

/* ---- reductions ------------------------------------------------------------------------------------ */
int read_operands(const Node *n)
{
    return n->op == OP_AGAIN ? 1 : n->nin;
}

int reduced_axes(const Node *n, int64_t *extent)
{
    const Attr *at = &n->attr;
    if (n->op == OP_FOLD) {
        extent[0] = n->in[0]->type.dim[at->window.axis + 1];
        return 1;
    }
    if (n->op == OP_DOT) {
        for (int i = 0; i < at->dot.ncontract; i++)
            extent[i] = n->in[0]->type.dim[at->dot.lhs_contract[i]];
        return at->dot.ncontract;
    }
    if (n->op == OP_CONV) {
        int ns = at->conv.nspatial;
        for (int i = 0; i <= ns; i++)
            extent[i] = n->in[1]->type.dim[i];
        return ns + 1;
    }
    for (int i = 0; i < at->axes.n; i++)
        extent[i] = n->in[0]->type.dim[at->axes.axis[i]];
    return at->axes.n;
}

/* y[h] = sum over k of x[o, k] where o * stride + k * dilation = h */
static Ex *resolve_fold_tap(Build *b, Lower *c, const Node *n, const Lin *const *index, const Lin *k)
{
    int axis = n->attr.window.axis;
    int64_t stride = n->attr.window.stride, windows = n->in[0]->type.dim[axis];
    const Lin *in[MAX_RANK];
    const Lin *at = lin_add(b->a, index[axis], lin_scale(b->a, k, -n->attr.window.dilation));
    for (int i = 0; i < n->in[0]->type.rank; i++)
        in[i] = i < axis ? index[i] : i > axis + 1 ? index[i - 1] : k;
    in[axis] = lin_div(b->a, at, stride);
    Guard guard[2] = {{at, 0, (windows - 1) * stride + 1}, {lin_rem(b->a, at, stride), 0, 1}};
    Ex *outside = ex_const(b, n->type.dt, 0);
    return ex_guard(b, 2, guard, resolve(b, c, n->in[0], in), outside);
}

/* Windows that do not overlap: every position has one tap at the most. */
static Ex *resolve_fold_apart(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    int axis = n->attr.window.axis;
    int64_t stride = n->attr.window.stride;
    const Lin *in[MAX_RANK];
    for (int i = 0; i < n->in[0]->type.rank; i++)
        in[i] = i < axis ? index[i] : i > axis + 1 ? index[i - 1] : NULL;
    in[axis] = lin_div(b->a, index[axis], stride);
    in[axis + 1] = lin_rem(b->a, index[axis], stride);
    Guard guard[2] = {{in[axis], 0, n->in[0]->type.dim[axis]}, {in[axis + 1], 0, n->in[0]->type.dim[axis + 1]}};
    Ex *outside = ex_const(b, n->type.dt, 0);
    return ex_guard(b, 2, guard, resolve(b, c, n->in[0], in), outside);
}

static Ex *resolve_dot_term(Build *b, Lower *c, const Node *n, const Lin *const *index, const Lin *const *reduced)
{
    const Lin *in[2][MAX_RANK] = {{0}};
    int at = 0;
    for (int i = 0; i < n->attr.dot.nbatch; i++, at++) {
        in[0][n->attr.dot.lhs_batch[i]] = index[at];
        in[1][n->attr.dot.rhs_batch[i]] = index[at];
    }
    for (int i = 0; i < n->attr.dot.ncontract; i++) {
        in[0][n->attr.dot.lhs_contract[i]] = reduced[i];
        in[1][n->attr.dot.rhs_contract[i]] = reduced[i];
    }
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < n->in[side]->type.rank; i++)
            if (!in[side][i])
                in[side][i] = index[at++];
    Ex *right = resolve(b, c, n->in[1], in[1]);
    return ex_op(b, OP_MUL, n->type.dt, resolve(b, c, n->in[0], in[0]), right, NULL);
}

/* y[n, o, c_out] = sum over k, c of x[n, (o * stride + k * rhs_dilation - pad_lo) / lhs_dilation, c] * w[k, c, c_out];
 * a tap beside the data adds nothing, whatever the kernel has there. */
static Ex *resolve_conv_term(Build *b, Lower *c, const Node *n, const Lin *const *index, const Lin *const *reduced)
{
    int ns = n->attr.conv.nspatial;
    const Lin *x[MAX_RANK], *w[MAX_RANK];
    Guard guard[2 * MAX_SPATIAL];
    int nguard = 0;
    x[0] = index[0];
    for (int i = 0; i < ns; i++) {
        int64_t lhs = n->attr.conv.lhs_dilation[i];
        const Lin *at = lin_add(b->a, lin_scale(b->a, index[i + 1], n->attr.conv.stride[i]),
                                lin_scale(b->a, reduced[i], n->attr.conv.rhs_dilation[i]));
        at = lin_offset(b->a, at, -n->attr.conv.pad_lo[i]);
        guard[nguard++] = (Guard){at, 0, (n->in[0]->type.dim[i + 1] - 1) * lhs + 1};
        if (lhs > 1)
            guard[nguard++] = (Guard){lin_rem(b->a, at, lhs), 0, 1};
        x[i + 1] = lin_div(b->a, at, lhs);
        w[i] = reduced[i];
    }
    int64_t out_group = n->in[1]->type.dim[ns + 1] / n->attr.conv.groups, in_group = n->in[1]->type.dim[ns];
    w[ns] = reduced[ns];
    w[ns + 1] = index[ns + 1];
    x[ns + 1] = lin_add(b->a, reduced[ns], lin_scale(b->a, lin_div(b->a, index[ns + 1], out_group), in_group));
    Ex *weight = resolve(b, c, n->in[1], w);
    Ex *product = ex_op(b, OP_MUL, n->type.dt, resolve(b, c, n->in[0], x), weight, NULL);
    return ex_guard(b, nguard, guard, product, ex_const(b, n->type.dt, 0));
}

Ex *resolve_reduced(Build *b, Lower *c, const Node *n, const Lin *const *index, const Lin *const *reduced)
{
    if (n->op == OP_FOLD)
        return resolve_fold_tap(b, c, n, index, reduced[0]);
    if (n->op == OP_DOT)
        return resolve_dot_term(b, c, n, index, reduced);
    if (n->op == OP_CONV)
        return resolve_conv_term(b, c, n, index, reduced);
    const Lin *in[MAX_RANK];
    for (int i = 0, at = 0, r = 0; i < n->in[0]->type.rank; i++) {
        bool gone = r < n->attr.axes.n && n->attr.axes.axis[r] == i;
        in[i] = gone ? reduced[r++] : index[at++];
    }
    return resolve(b, c, n->in[0], in);
}

static Ex *combine(Build *b, const Node *n, Ex *sofar, Ex *best, Ex *value, int64_t position, Ex **new_best)
{
    *new_best = value;
    if (n->op == OP_MAX)
        return ex_op(b, OP_MAX2, n->type.dt, sofar, value, NULL);
    if (n->op != OP_ARGMAX)
        return ex_op(b, OP_ADD, n->type.dt, sofar, value, NULL);
    Ex *greater = ex_op(b, OP_LT, DT_BOOL, best, value, NULL);
    *new_best = ex_op(b, OP_SELECT, value->dt, greater, value, best);
    Ex *here = ex_const(b, DT_I32, (double)position);
    return here == sofar ? sofar : ex_op(b, OP_SELECT, DT_I32, greater, here, sofar);
}

/* A short reduction written out. */
static Ex *resolve_unrolled(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    int64_t extent[MAX_RANK], total = 1;
    int nr = reduced_axes(n, extent);
    if (n->op == OP_FOLD && n->attr.window.dilation == 1 && n->attr.window.stride >= extent[0])
        return resolve_fold_apart(b, c, n, index);
    for (int i = 0; i < nr; i++)
        total *= extent[i];
    Ex *result = ex_const(b, n->type.dt, 0), *best = ex_const(b, n->in[0]->type.dt, n->in[0]->type.dt == DT_F32 ? -INFINITY : INT32_MIN);
    for (int64_t at = 0; at < total; at++) {
        const Lin *reduced[MAX_RANK];
        int64_t rest = at;
        for (int i = nr - 1; i >= 0; i--) {
            reduced[i] = lin_const(b->a, rest % extent[i]);
            rest /= extent[i];
        }
        Ex *value = resolve_reduced(b, c, n, index, reduced);
        if (at == 0 && n->op != OP_ARGMAX) {
            result = value;
        } else {
            result = combine(b, n, result, best, value, at, &best);
        }
    }
    return result;
}

/* ---- leaves ---------------------------------------------------------------------------------------- */
static Ex *resolve_input(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    if (!c->parent)
        return ex_load(b, c->unit[n->id]->buffer, n->type.dt, lin_flatten(b->a, n->type, index));
    int at = n->attr.input.index, ncarry = c->scan->attr.scan.ncarry, nslice = c->scan->attr.scan.nslice;
    if (n->attr.input.role == ROLE_CARRY)
        return ex_load(b, c->carry[at], n->type.dt, lin_add(b->a, carry_slot(c, at), lin_flatten(b->a, n->type, index)));
    if (n->attr.input.role == ROLE_INVARIANT)
        return resolve(b, c->parent, c->scan->in[ncarry + nslice + at], index);
    const Lin *in[MAX_RANK];
    in[0] = lin_var(b->a, c->time);
    memcpy(in + 1, index, sizeof(Lin *) * (size_t)n->type.rank);
    return resolve(b, c->parent, c->scan->in[ncarry + at], in);
}

static Ex *resolve_gather(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    const Lin *in[MAX_RANK];
    int ni = n->in[1]->type.rank;
    in[0] = lin_value(b->a, resolve(b, c, n->in[1], index), n->in[0]->type.dim[0]);
    for (int i = 1; i < n->in[0]->type.rank; i++)
        in[i] = index[ni + i - 1];
    return resolve(b, c, n->in[0], in);
}

static Ex *resolve_random(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    Ex e = {.kind = X_UNIFORM, .dt = DT_F32, .nin = 3, .salt = n->attr.random.salt};
    for (int i = 0; i < 2; i++) {
        const Lin *word = lin_const(b->a, i);
        e.in[i] = resolve(b, c, n->in[0], &word);
    }
    e.in[2] = resolve(b, c, n->in[1], NULL);
    e.at = lin_flatten(b->a, n->type, index);
    return ex_make(b, e);
}

/* A scan's result outside of it: a carry's buffer holds its last value, a yield's the stack. */
static Ex *resolve_result(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    const Lin *at;
    Buffer *buffer = loop_result(c, n, &at);
    return ex_load(b, buffer, n->type.dt, lin_add(b->a, at, lin_flatten(b->a, n->type, index)));
}

Ex *resolve_body(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    switch (op_info(n->op)->class) {
    case CLASS_LEAF:
        return n->op == OP_INPUT ? resolve_input(b, c, n, index)
             : n->op == OP_CONST ? ex_const(b, n->type.dt, n->attr.constant.value)
             : n->op == OP_IOTA ? ex_index(b, index[0]) : resolve_random(b, c, n, index);
    case CLASS_ELEMENT: {
        Ex *in[3] = {0};
        for (int i = 0; i < n->nin; i++)
            in[i] = resolve(b, c, n->in[i], index);
        if (n->op == OP_STOP || (n->op == OP_CAST && in[0]->dt == n->type.dt))
            return in[0];
        if (n->op == OP_CAST && in[0]->kind == X_CONST)
            return ex_const(b, n->type.dt, dtype_convert(in[0]->value, in[0]->dt, n->type.dt));
        return ex_op(b, n->op, n->type.dt, in[0], in[1], in[2]);
    }
    case CLASS_MOVE:
        return resolve_move(b, c, n, index);
    case CLASS_REDUCE:
        return resolve_unrolled(b, c, n, index);
    case CLASS_CONTRACT:
        if (is_outer_product(n))
            return resolve_reduced(b, c, n, index, NULL);
        break;
    case CLASS_INDEX:
        if (n->op == OP_CHECK)
            return resolve(b, c, n->in[0], index);
        if (n->op == OP_GATHER)
            return resolve_gather(b, c, n, index);
        break;
    case CLASS_LOOP:
        if (n->op == OP_RESULT)
            return resolve_result(b, c, n, index);
        break;
    default:
        break;
    }
    BUG("%s cannot be inlined", op_info(n->op)->text);
}

/* Where element `index` of n lies in its unit's storage. */
static const Lin *flat_in_unit(Build *b, const Unit *u, const Node *n, const Lin *const *index)
{
    const Lin *permuted[MAX_RANK];
    if (u->kind != UNIT_PACK)
        return lin_flatten(b->a, n->type, index);
    for (int i = 0; i < n->type.rank; i++)
        permuted[i] = index[u->permutation[i]];
    return lin_flatten(b->a, u->type, permuted);
}

Ex *resolve(Build *b, Lower *c, const Node *n, const Lin *const *index)
{
    const Unit *u = c->stored[n->id] ? c->unit[n->id] : NULL;
    if (!u)
        return resolve_body(b, c, n, index);
    const Lin *at = flat_in_unit(b, u, n, index);
    if (b->c == c && u->here && lin_eq(u->here, at))
        return ex_make(b, (Ex){.kind = X_UNIT, .dt = n->type.dt, .unit = (Unit *)u});
    return ex_load(b, u->buffer, n->type.dt, lin_add(b->a, u->base, at));
}
