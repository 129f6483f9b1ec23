/* SPDX-License-Identifier: MIT */
/* bound.c: a graph in turn, loops and all, with the bounds of bound.h. */
#include "bound.h"

#include <float.h>
#include <math.h>
#include <string.h>

static void run_prepare(Run *r, Arena *a, const Fn *fn)
{
    *r = (Run){.a = a};
    eval_prepare(&r->e, a, fn, PRECISION_F64);
    r->error = NEWN(a, double *, fn->node.n + 1);
    r->body = NEWN(a, Run *, fn->node.n + 1);
    r->tuple = NEWN(a, double **, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op != OP_SCAN)
            r->error[id] = NEWN(a, double, type_count(fn->node.at[id]->type));
}

/* The operation upon other numbers than its operands' own; pads give `padding`. */
void evaluate(Run *r, const Node *n, const double *const *in, double padding, double *out)
{
    Node leaf[8], **operand = NULL, *few[8], copy = *n;
    Value few_values[9], *value = few_values;
    operand = few;
    Node *leaves = leaf;
    if (n->nin > LEN(leaf)) {
        leaves = NEWN(r->a, Node, n->nin);
        operand = NEWN(r->a, Node *, n->nin);
        value = NEWN(r->a, Value, n->nin + 1);
    }
    for (int i = 0; i < n->nin; i++) {
        leaves[i] = *n->in[i];
        leaves[i].id = i;
        operand[i] = &leaves[i];
        value[i] = (Value){n->in[i]->type, (double *)in[i]};
    }
    copy.id = n->nin;
    copy.in = operand;
    if (n->op == OP_PAD)
        copy.attr.pad.value = padding;
    value[n->nin] = (Value){n->type, out};
    void *few_kept[9] = {0}, **kept = n->nin < LEN(few_kept) ? few_kept : NEWN(r->a, void *, n->nin + 1);
    kept[n->nin] = r->e.kept[n->id];
    EvalCtx e = {.a = r->a, .fn = r->e.fn, .precision = PRECISION_F64, .value = value, .kept = kept};
    op_info(n->op)->eval(&e, &copy);
    r->e.kept[n->id] = kept[n->nin];
}

double largest_error(const Run *r, const Node *x)
{
    double most = 0;
    for (int64_t i = 0, n = type_count(x->type); i < n; i++)
        most = r->error[x->id][i] > most ? r->error[x->id][i] : most;
    return most;
}

/* ---- loops --------------------------------------------------------------------------------------- */
static bool run(Run *r, const Value *in, double *const *error);

static void loop_prepare(Run *r, const Node *n)
{
    const Fn *body = n->attr.scan.body;
    r->body[n->id] = NEW(r->a, Run);
    run_prepare(r->body[n->id], r->a, body);
    r->e.tuple[n->id] = NEWN(r->a, Value, body->result.n + 1);
    r->tuple[n->id] = NEWN(r->a, double *, body->result.n + 1);
    for (int i = 0; i < body->result.n; i++) {
        Type t = body->result.at[i].node->type;
        t = i < n->attr.scan.ncarry ? t : type_insert(t, 0, n->attr.scan.length);
        r->e.tuple[n->id][i] = value_new(r->a, t);
        r->tuple[n->id][i] = NEWN(r->a, double, type_count(t));
    }
}

static bool loop_step(Run *r, const Node *n, int64_t step, Value *in, double **error)
{
    const Fn *body = n->attr.scan.body;
    int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    Run *b = r->body[n->id];
    for (int i = 0; i < n->nin; i++) {
        Value operand = r->e.value[n->in[i]->id];
        double *off = r->error[n->in[i]->id];
        int64_t count = type_count(body->input.at[i].node->type);
        bool slice = i >= ncarry && i < ncarry + nslice;
        in[i] = (Value){body->input.at[i].node->type, slice ? operand.at + step * count : operand.at};
        error[i] = slice ? off + step * count : off;
        if (i < ncarry) {
            in[i].at = r->e.tuple[n->id][i].at;
            error[i] = r->tuple[n->id][i];
        }
    }
    if (!run(b, in, error)) {
        r->outcome = b->outcome;
        return false;
    }
    for (int i = 0; i < body->result.n; i++) {
        int id = body->result.at[i].node->id;
        int64_t count = type_count(b->e.value[id].type), at = i < ncarry ? 0 : step * count;
        memcpy(r->e.tuple[n->id][i].at + at, b->e.value[id].at, sizeof(double) * (size_t)count);
        memcpy(r->tuple[n->id][i] + at, b->error[id], sizeof(double) * (size_t)count);
    }
    return true;
}

static bool bound_scan(Run *r, const Node *n)
{
    int ncarry = n->attr.scan.ncarry;
    if (!r->body[n->id])
        loop_prepare(r, n);
    for (int i = 0; i < ncarry; i++) {
        size_t bytes = sizeof(double) * (size_t)type_count(n->in[i]->type);
        memcpy(r->e.tuple[n->id][i].at, value_in(r, n, i), bytes);
        memcpy(r->tuple[n->id][i], error_in(r, n, i), bytes);
    }
    Value *in = NEWN(r->a, Value, n->nin + 1);
    double **error = NEWN(r->a, double *, n->nin + 1);
    for (int64_t i = 0; i < n->attr.scan.length; i++)
        if (!loop_step(r, n, n->attr.scan.reverse ? n->attr.scan.length - 1 - i : i, in, error))
            return false;
    return true;
}

/* ---- any node ------------------------------------------------------------------------------------ */
/* Numbers whose error has become large beyond meaning, or that a float may not hold, are unknown. */
static void settle(Run *r, const Node *n)
{
    double *error = r->error[n->id];
    const double *value = eval_out(&r->e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++) {
        double size = fabs(value[i]);
        if (!(error[i] < 1e300) ||
            (error[i] && (n->type.dt != DT_F32 || !isfinite(value[i]) || size + error[i] >= FLT_MAX)) ||
            (n->type.dt == DT_F32 && isfinite(value[i]) && size > FLT_MAX))
            error[i] = INFINITY;
    }
}

static void bound_moved(Run *r, const Node *n)
{
    const double *few[16], **in = n->nin <= LEN(few) ? few : NEWN(r->a, const double *, n->nin);
    for (int i = 0; i < n->nin; i++)
        in[i] = error_in(r, n, i);
    evaluate(r, n, in, 0, r->error[n->id]);
}

static bool bound_node(Run *r, const Node *n)
{
    size_t bytes = sizeof(double) * (size_t)type_count(n->type);
    if (n->op == OP_CHECK && largest_error(r, n->in[0]) > 0) {
        r->outcome = OUTCOME_UNCLEAR;
        return false;
    }
    if (n->op == OP_SCAN)
        return bound_scan(r, n);
    op_info(n->op)->eval(&r->e, n);
    if (r->e.why) {
        r->outcome = n->op == OP_CHECK ? OUTCOME_FAILS : OUTCOME_INVALID;
        return false;
    }
    switch (n->op) {
    case OP_SUM:
    case OP_FOLD:
        bound_sum(r, n, 0);
        break;
    case OP_MAX:
        bound_max(r, n);
        break;
    case OP_ARGMAX:
        bound_argmax(r, n);
        break;
    case OP_DOT:
    case OP_CONV:
        bound_product(r, n);
        break;
    case OP_GATHER:
        bound_gather(r, n);
        break;
    case OP_SCATTER:
        bound_scatter(r, n);
        break;
    case OP_RESULT:
        memcpy(r->error[n->id], r->tuple[n->in[0]->id][n->attr.index.index], bytes);
        break;
    default:
        if (op_info(n->op)->class == CLASS_ELEMENT)
            bound_element(r, n);
        else if (op_info(n->op)->class == CLASS_MOVE || n->op == OP_CHECK)
            bound_moved(r, n);
        else /* leaves: a random number from an unknown seed is unknown */
            for (int64_t i = 0; i < type_count(n->type); i++)
                r->error[n->id][i] =
                    n->nin && largest_error(r, n->in[0]) + largest_error(r, n->in[1]) > 0 ? INFINITY : 0;
    }
    settle(r, n);
    return true;
}

static bool run(Run *r, const Value *in, double *const *error)
{
    const Fn *fn = r->e.fn;
    r->outcome = OUTCOME_FINE;
    r->e.why = NULL;
    for (int i = 0; i < fn->input.n; i++) {
        const Node *n = fn->input.at[i].node;
        size_t bytes = sizeof(double) * (size_t)type_count(n->type);
        if (!r->e.value[n->id].at)
            r->e.value[n->id] = value_new(r->a, n->type);
        memcpy(r->e.value[n->id].at, in[i].at, bytes); /* copies: a carry may become another one */
        memcpy(r->error[n->id], error[i], bytes);
    }
    for (int id = 0; id < fn->node.n; id++)
        if (fn->node.at[id]->op != OP_INPUT && !bound_node(r, fn->node.at[id]))
            return false;
    return true;
}

Outcome bound_interpret(Arena *a, const Fn *fn, const Value *in, Bounded *out)
{
    Run r;
    run_prepare(&r, a, fn);
    double **error = NEWN(a, double *, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        error[i] = NEWN(a, double, type_count(in[i].type));
    run(&r, in, error);
    for (int i = 0; r.outcome == OUTCOME_FINE && i < fn->result.n; i++) {
        const Node *n = fn->result.at[i].node;
        out[i] = (Bounded){n->type, r.e.value[n->id].at, r.error[n->id]};
    }
    return r.outcome;
}

bool bound_holds(const Bounded *want, int64_t i, double got)
{
    double value = want->value[i], error = want->error[i];
    if (isinf(error))
        return true;
    if (isnan(value))
        return isnan(got);
    return value == got || fabs(got - value) <= error * (1 + 1e-9);
}
