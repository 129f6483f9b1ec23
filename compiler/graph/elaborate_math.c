/* SPDX-License-Identifier: MIT */
/* elaborate_math.c: the built-in functions of elements and the reductions. Numbers are worked out now. */
#include <math.h>

#include "elaborate_internal.h"
#include "../ops/ops.h"

/* ---- element-wise -------------------------------------------------------------------------------------- */

/* Of a number now, by the interpreter's own evaluation; of a tensor when the program runs. */
static Term unary(Elab *e, const Args *g, Op op)
{
    Term t = g->arg[0].term;
    if (!is_number(t))
        return elab_unary(e, g->sp, op, t, g->arg[0].from);
    Type scalar = type_scalar(DT_F32);
    Node x = {.op = OP_CONST, .type = scalar}, *in = &x;
    double y = eval_numbers(e->a, op, scalar, &(Attr){0}, 1, &in, (double[]){term_number(t)});
    if (isnan(y))
        return elab_error(e, g->sp, "%s of %s is not a number", g->name, term_describe(e, t)), term_error();
    return term_float(y);
}

Term bi_element(Elab *e, const Args *g)
{
    return unary(e, g, op_named(g->name));
}

Term bi_stop(Elab *e, const Args *g)
{
    return elab_unary(e, g->sp, OP_STOP, g->arg[0].term, g->arg[0].from);
}

Term bi_floor(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (is_number(t) && fabs(floor(term_number(t))) < 9e15)
        return t.kind == TERM_INT ? t : term_int((int64_t)floor(t.number));
    return elab_unary(e, g->sp, OP_FLOOR, t, g->arg[0].from);
}

Term bi_abs(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (t.kind == TERM_INT)
        return t.integer < 0 ? fold_unary(e, g->sp, OPR_NEG, t) : t;
    return unary(e, g, OP_ABS);
}

Term bi_where(Elab *e, const Args *g)
{
    const Expr *from[] = {g->arg[0].from, g->arg[1].from, g->arg[2].from};
    Term x[] = {g->arg[0].term, g->arg[1].term, g->arg[2].term};
    if (x[0].kind == TERM_BOOL)
        return x[0].integer ? x[1] : x[2];
    return elementwise(e, g->sp, OP_SELECT, 3, x, from);
}

Term bi_cast(Elab *e, const Args *g)
{
    Term to = g->arg[1].term, t = g->arg[0].term;
    DType dt;
    if (to.kind != TERM_STRING || !dtype_named(to.text, &dt))
        return elab_error(e, arg_span(g, 1), "cast needs an element type: f32, i32, bool or u8"),
               term_error();
    if (is_number(t) && dt == DT_F32)
        return term_float(term_number(t));
    if (is_number(t) && dt == DT_I32) {
        if (!(fabs(term_number(t)) < 2147483648.0))
            return elab_error(e, g->sp, "%s does not fit i32", term_describe(e, t)), term_error();
        return term_int((int64_t)trunc(term_number(t)));
    }
    if (!arg_tensor(e, g, 0, DT_COUNT, &t))
        return term_error();
    if (t.node->type.dt == dt) {
        t.weak = false;
        return t;
    }
    return term_node(e, node_cast(e->frame->fn, t.node, dt), t.batched);
}

/* ---- reductions ---------------------------------------------------------------------------------------- */

/* x axis? keepdims? at positions 0, axis_at, axis_at + 1 */
static bool reduction(Elab *e, const Args *g, int axis_at, Term *x, int *n, int *axis, bool *keep)
{
    *keep = false;
    if (!arg_tensor(e, g, 0, DT_F32, x))
        return false;
    if (g->arg[axis_at + 1].given &&
        !want_bool(e, arg_span(g, axis_at + 1), "keepdims", g->arg[axis_at + 1].term, keep))
        return false;
    if (x->node->type.dt != DT_F32 && x->node->type.dt != DT_I32) {
        elab_error(e, g->sp, "`%s` takes f32 or i32, found %s", g->name, term_describe(e, *x));
        return false;
    }
    return arg_axes(e, g, axis_at, example_type(*x).rank, n, axis);
}

Term bi_sum(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    return reduction(e, g, 1, &x, &n, axis, &keep) ? elab_reduce(e, g->sp, OP_SUM, x, n, axis, keep)
                                                   : term_error();
}

Term bi_mean(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    if (!reduction(e, g, 1, &x, &n, axis, &keep))
        return term_error();
    if (x.node->type.dt != DT_F32)
        return elab_error(e, g->sp, "`mean` takes f32, found %s", term_describe(e, x)), term_error();
    return elab_mean(e, g->sp, x, n, axis, keep);
}

static Term negative(Elab *e, Term x)
{
    return term_node(e, node_unary(e->frame->fn, OP_NEG, x.node), x.batched);
}

/* max(a, b) element by element; max(x, axis = ...) over axes. The same for min. */
static Term extreme(Elab *e, const Args *g, bool max)
{
    Term a = g->arg[0].term, b = g->arg[1].term, x;
    int n, axis[MAX_RANK];
    bool keep;
    if (g->arg[1].given) {
        if (g->arg[2].given || g->arg[3].given)
            return elab_error(e, g->sp, "`%s` takes two values, or one and an axis", g->name), term_error();
        if (is_number(a) && is_number(b))
            return (term_number(a) > term_number(b)) == max ? a : b;
        const Expr *from[] = {g->arg[0].from, g->arg[1].from};
        return elementwise(e, g->sp, max ? OP_MAX2 : OP_MIN2, 2, (Term[]){a, b}, from);
    }
    if (!reduction(e, g, 2, &x, &n, axis, &keep))
        return term_error();
    if (max)
        return elab_reduce(e, g->sp, OP_MAX, x, n, axis, keep);
    return negative(e, elab_reduce(e, g->sp, OP_MAX, negative(e, x), n, axis, keep));
}

Term bi_max(Elab *e, const Args *g) { return extreme(e, g, true); }
Term bi_min(Elab *e, const Args *g) { return extreme(e, g, false); }

static Term arg_extreme(Elab *e, const Args *g, bool max)
{
    Term x;
    int n, axis[MAX_RANK];
    bool keep;
    if (!reduction(e, g, 1, &x, &n, axis, &keep))
        return term_error();
    return elab_reduce(e, g->sp, OP_ARGMAX, max ? x : negative(e, x), n, axis, keep);
}

Term bi_argmax(Elab *e, const Args *g) { return arg_extreme(e, g, true); }
Term bi_argmin(Elab *e, const Args *g) { return arg_extreme(e, g, false); }

Term bi_batch_mean(Elab *e, const Args *g)
{
    Term x;
    return arg_tensor(e, g, 0, DT_F32, &x) ? elab_batch_mean(e, g->sp, x) : term_error();
}
