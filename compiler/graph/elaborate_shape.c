/* SPDX-License-Identifier: MIT */
/* elaborate_shape.c: terms that are nodes, continued: products, reductions, moves, random draws. */
#include <string.h>

#include "elaborate_internal.h"

/* ---- @ ------------------------------------------------------------------------------------------------- */

/* One side of a product: [batch][lead...][own] and the contracted axis. */
typedef struct Side {
    Node *node;
    int lead;           /* axes before the last two, the batch included */
    int own;            /* 1 where it has an axis of its own, 0 for a vector */
    int contract, free; /* positions in node; free is -1 for a vector */
} Side;

static Side left_side(Term x)
{
    int rank = x.node->type.rank, vector = example_type(x).rank == 1;
    return (Side){x.node, rank - (vector ? 1 : 2), !vector, rank - 1, vector ? -1 : rank - 2};
}

static Side right_side(Term y)
{
    int rank = y.node->type.rank, vector = example_type(y).rank == 1;
    return (Side){y.node, rank - (vector ? 1 : 2), !vector, vector ? rank - 1 : rank - 2,
                  vector ? -1 : rank - 1};
}

static Term product_error(Elab *e, Span sp, const char *why, Term x, Term y, const Expr *xe, const Expr *ye)
{
    elab_error(e, sp, "%s", why);
    note_operand(e, xe, x);
    note_operand(e, ye, y);
    return term_error();
}

/* Without shared leading axes: x[lead..., m, k] @ y[k, n], or x[m, k] @ y[lead..., k, n] turned round after.
 */
static Node *dot_plain(Elab *e, Side x, Side y)
{
    Attr attr = {.dot = {.ncontract = 1, .lhs_contract = {x.contract}, .rhs_contract = {y.contract}}};
    Node *n = node_dot(e->frame->fn, x.node, y.node, &attr);
    if (y.lead == 0 || x.own == 0)
        return n;
    int axis[MAX_RANK] = {0}, k = 0; /* n is [m, lead..., own] */
    for (int i = 1; i <= y.lead; i++)
        axis[k++] = i;
    axis[k++] = 0;
    if (y.own)
        axis[k++] = y.lead + 1;
    return node_permute(e->frame->fn, n, axis);
}

static Node *dot_batched(Elab *e, Side x, Side y)
{
    Attr attr = {
        .dot = {
            .nbatch = x.lead, .ncontract = 1, .lhs_contract = {x.contract}, .rhs_contract = {y.contract}}};
    for (int i = 0; i < x.lead; i++)
        attr.dot.lhs_batch[i] = attr.dot.rhs_batch[i] = i;
    return node_dot(e->frame->fn, x.node, y.node, &attr);
}

/* The term broadcast to the leading axes `lead` (of the example), keeping its last `keep` axes. */
static Term with_lead(Elab *e, Term t, Type lead, int keep, bool batched)
{
    Type own = example_type(t), want = lead;
    want.dt = own.dt;
    for (int i = 0; i < keep; i++)
        want = type_insert(want, want.rank, own.dim[own.rank - keep + i]);
    return term_node(e, spread(e, t, want, batched), batched);
}

static Type lead_type(Type t, int keep) { return type_make(t.dt, t.rank > keep ? t.rank - keep : 0, t.dim); }

static bool product_size_allowed(Elab *e, Span sp, Type lead, Side x, Side y, bool batched)
{
    if (lead.rank + x.own + y.own > MAX_RANK)
        return shape_allowed(e, sp, lead, batched) &&
               (elab_error(e, sp, "the product has too many axes"), false);
    if (x.own)
        lead = type_insert(lead, lead.rank, x.node->type.dim[x.free]);
    if (y.own)
        lead = type_insert(lead, lead.rank, y.node->type.dim[y.free]);
    return shape_allowed(e, sp, lead, batched);
}

/* NumPy's @: vectors, matrices, and stacks of matrices whose leading axes broadcast. */
Term elab_matmul(Elab *e, Span sp, Term x, Term y, const Expr *xe, const Expr *ye)
{
    x = term_tensor(e, sp, "the left side of @", x, DT_F32);
    y = term_tensor(e, sp, "the right side of @", y, DT_F32);
    if (is_error(x) || is_error(y))
        return term_error();
    Type tx = example_type(x), ty = example_type(y), lead;
    if (tx.dt != DT_F32 || ty.dt != DT_F32)
        return product_error(e, sp, "`@` multiplies f32 tensors", x, y, xe, ye);
    if (tx.rank == 0 || ty.rank == 0)
        return product_error(e, sp, "`@` needs at least one axis on each side", x, y, xe, ye);
    Side l = left_side(x), r = right_side(y);
    int64_t kx = l.node->type.dim[l.contract], ky = r.node->type.dim[r.contract];
    if (kx != ky) {
        const char *why = arena_printf(e->a, "`@` contracts %lld with %lld", (long long)kx, (long long)ky);
        product_error(e, sp, why, x, y, xe, ye);
        if (ty.rank == 2 && ty.dim[1] == kx && ye)
            diag_help(e->d, "`%s` looks transposed; transpose(%s) has %lld rows", span_text(e, ye->span),
                      span_text(e, ye->span), (long long)kx);
        return term_error();
    }
    Type lx = lead_type(tx, 1 + l.own), ly = lead_type(ty, 1 + r.own);
    if (!broadcast_shapes(lx, ly, &lead))
        return product_error(e, sp, "`@` cannot broadcast the leading axes", x, y, xe, ye);
    bool batched = x.batched || y.batched;
    if (!product_size_allowed(e, sp, lead, l, r, batched))
        return term_error();
    if (l.lead == 0 || r.lead == 0)
        return term_node(e, dot_plain(e, l, r), batched);
    x = with_lead(e, x, lead, 1 + l.own, batched);
    y = with_lead(e, y, lead, 1 + r.own, batched);
    return term_node(e, dot_batched(e, left_side(x), right_side(y)), batched);
}

/* ---- reductions ---------------------------------------------------------------------------------------- */

Term elab_reshape(Elab *e, Term x, Type example)
{
    Type t = x.batched ? type_insert(example, 0, x.node->type.dim[0]) : example;
    return term_node(e, node_reshape(e->frame->fn, x.node, t.rank, t.dim), x.batched);
}

/* axis: n increasing axes of the example, which disappear or (keep) stay with extent 1. */
Term elab_reduce(Elab *e, Span sp, Op op, Term x, int n, const int *axis, bool keep)
{
    (void)sp;
    Type kept = example_type(x);
    int shifted[MAX_RANK] = {0};
    for (int i = 0; i < n; i++) {
        shifted[i] = axis[i] + (x.batched ? 1 : 0);
        kept.dim[axis[i]] = 1;
    }
    if (n == 0 && op != OP_ARGMAX)
        return x;
    Term r = term_node(e, node_reduce(e->frame->fn, op, x.node, n, shifted), x.batched);
    return keep ? elab_reshape(e, r, type_with(kept, r.node->type.dt)) : r;
}

Term elab_mean(Elab *e, Span sp, Term x, int n, const int *axis, bool keep)
{
    int64_t count = 1;
    Type t = example_type(x);
    for (int i = 0; i < n; i++)
        count *= t.dim[axis[i]];
    Term sum = elab_reduce(e, sp, OP_SUM, x, n, axis, keep);
    if (count == 1)
        return sum;
    return term_node(e, node_binary_const(e->frame->fn, OP_DIV, sum.node, (double)count), x.batched);
}

/* ---- moves --------------------------------------------------------------------------------------------- */

Term elab_permute(Elab *e, Term x, const int *axis)
{
    int full[MAX_RANK] = {0}, b = x.batched ? 1 : 0;
    for (int i = b; i < x.node->type.rank; i++)
        full[i] = axis[i - b] + b;
    return term_node(e, node_permute(e->frame->fn, x.node, full), x.batched);
}

Term elab_slice_axis(Elab *e, Term x, int axis, int64_t start, int64_t count, int64_t stride)
{
    Node *n = node_slice_axis(e->frame->fn, x.node, axis + (x.batched ? 1 : 0), start,
                              start + (count - 1) * stride + 1, stride);
    return term_node(e, n, x.batched);
}

/* All of x as tensors of one element type, batched where any is. */
static bool to_tensors(Elab *e, Span sp, int n, Term *x, DType dt, bool *batched)
{
    *batched = false;
    if (common_dtype(n, x) != DT_COUNT)
        dt = common_dtype(n, x);
    for (int i = 0; i < n; i++) {
        x[i] = term_tensor(e, sp, "an item", x[i], dt);
        if (is_error(x[i]))
            return false;
        *batched |= x[i].batched;
        if (x[i].node->type.dt == x[0].node->type.dt)
            continue;
        elab_error(e, sp, "%s beside %s", term_describe(e, x[i]), term_describe(e, x[0]));
        return false;
    }
    for (int i = 0; i < n; i++)
        if (*batched && !x[i].batched)
            x[i] = term_node(e, spread(e, x[i], example_type(x[i]), true), true);
    return true;
}

/* Changes x. Equal shapes but for the axis, which must be in range of the first. */
Term elab_concat(Elab *e, Span sp, int n, Term *x, int axis)
{
    bool batched;
    if (!to_tensors(e, sp, n, x, DT_COUNT, &batched))
        return term_error();
    Type out = example_type(x[0]);
    Node **in = NEWN(e->a, Node *, n);
    for (int i = 0; i < n; i++) {
        Type t = example_type(x[i]), u = example_type(x[0]);
        bool ranked = t.rank == u.rank;
        if (ranked)
            t.dim[axis] = u.dim[axis];
        if (!ranked || !type_eq(t, u)) {
            elab_error(e, sp, "concat along axis %d of %s and %s", axis, term_describe(e, x[0]),
                       term_describe(e, x[i]));
            return term_error();
        }
        if (i > 0)
            out.dim[axis] += example_type(x[i]).dim[axis];
        in[i] = x[i].node;
        if (!shape_allowed(e, sp, out, batched))
            return term_error();
    }
    return term_node(e, node_concat(e->frame->fn, n, in, axis + (batched ? 1 : 0)), batched);
}

Term elab_stack(Elab *e, Span sp, int n, const Term *given, int axis, DType dt)
{
    Term *x = NEWN(e->a, Term, n);
    bool batched;
    for (int i = 0; i < n; i++)
        x[i] = given[i];
    if (!to_tensors(e, sp, n, x, dt, &batched))
        return term_error();
    for (int i = 0; i < n; i++) {
        Type t = example_type(x[i]);
        if (!type_eq(t, example_type(x[0]))) {
            elab_error(e, sp, "stack of %s and %s", term_describe(e, x[0]), term_describe(e, x[i]));
            return term_error();
        }
        if (t.rank + 1 + (batched ? 1 : 0) > MAX_RANK)
            return elab_error(e, sp, "the result would have too many axes; at most %d are possible", MAX_RANK), term_error();
    }
    for (int i = 0; i < n; i++)
        x[i] = elab_reshape(e, x[i], type_insert(example_type(x[i]), axis, 1));
    return elab_concat(e, sp, n, x, axis);
}

/* ---- random draws -------------------------------------------------------------------------------------- */

/* Drawn for all steps before the loop and sliced inside it, so that every step has draws of its own. */
static Node *draw(Elab *e, Frame *f, Type t, uint32_t salt, Node *seed, Node *step)
{
    if (!f->outer)
        return node_random(f->fn, t, salt, seed, step);
    Node *all = draw(e, f->outer, type_insert(t, 0, f->length), salt, seed, step);
    return frame_slice_input(e, f, all, "random");
}

static bool random_allowed(Elab *e, Span sp, bool init)
{
    if (init || e->phase == PHASE_LOSS)
        return true;
    if (e->phase == PHASE_UPDATE)
        elab_error(e, sp, "an optimizer cannot draw random numbers");
    else {
        elab_error(e, sp, "random numbers are drawn only while training");
        diag_help(e->d, "put the draw into `if training { ... }`");
    }
    return false;
}

/* Uniform in [0, 1): anew for each example, or once where an initial value is made. */
Term elab_random(Elab *e, Span sp, Type shape)
{
    Frame *root = e->frame;
    int depth = 0;
    for (; root->outer; root = root->outer)
        depth++;
    bool init = root == e->init, batched = !init;
    if (!random_allowed(e, sp, init) || !shape_allowed(e, sp, shape, batched))
        return term_error();
    if (shape.rank + depth + (batched ? 1 : 0) > MAX_RANK) {
        elab_error(e, sp, "a draw of %d axes inside %d loops is too deep", shape.rank, depth);
        return term_error();
    }
    const char *key = arena_printf(e->a, "%s#%d", e->instance->own, e->instance->draws++);
    uint64_t h = hash_bytes(key, strlen(key));
    uint32_t salt = (uint32_t)(h ^ h >> 32);
    Node *seed = root_input(e, ROLE_SEED, 0, "seed", type_make(DT_I32, 1, (int64_t[]){2}));
    Node *step =
        init ? node_const(root->fn, DT_I32, 0) : root_input(e, ROLE_STEP, 0, "step", type_scalar(DT_I32));
    Type t = batched ? type_insert(shape, 0, e->batch) : shape;
    return term_node(e, draw(e, e->frame, type_with(t, DT_F32), salt, seed, step), batched);
}
