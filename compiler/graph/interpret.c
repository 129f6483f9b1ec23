/* SPDX-License-Identifier: MIT */
/* interpret.c: the oracle. Every node in turn, by its row's own evaluation, naively and in double.
 *
 * PRECISION_F32 rounds each f32 element to float when its node is done: inside a node (a sum, a dot)
 * everything is double. Compiled code adds in float, so it differs by its own rounding, and is compared
 * within a tolerance. */
#include "ir.h"
#include "../ops/ops.h"

#include <string.h>

Value value_new(Arena *a, Type t)
{
    return (Value){.type = t, .at = NEWN(a, double, type_count(t))};
}

void eval_prepare(EvalCtx *e, Arena *a, const Fn *fn, Precision precision)
{
    *e = (EvalCtx){.a = a, .fn = fn, .precision = precision};
    e->value = NEWN(a, Value, fn->node.n + 1);
    e->tuple = NEWN(a, Value *, fn->node.n + 1);
    e->kept = NEWN(a, void *, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (n->op != OP_INPUT && n->op != OP_SCAN)
            e->value[id] = value_new(a, n->type);
    }
}

static void round_to_float(Value *v)
{
    for (int64_t i = 0, count = type_count(v->type); i < count; i++)
        v->at[i] = (double)(float)v->at[i];
}

bool eval_run(EvalCtx *e, const Value *in)
{
    const Fn *fn = e->fn;
    e->why = NULL;
    for (int i = 0; i < fn->input.n; i++)
        e->value[fn->input.at[i].node->id] = in[i];
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (n->op == OP_INPUT)
            continue;
        op_info(n->op)->eval(e, n);
        if (e->why)
            return false;
        if (e->precision == PRECISION_F32 && n->type.dt == DT_F32 && n->op != OP_SCAN)
            round_to_float(&e->value[id]);
    }
    return true;
}

double eval_numbers(Arena *a, Op op, Type t, const Attr *attr, int nin, Node *const *in, const double *value)
{
    enum { MOST = 3 };
    double number[MOST + 1] = {0};
    Value values[MOST + 1];
    Node leaf[MOST], *operand[MOST];
    Node n = {.id = nin, .op = op, .type = t, .nin = nin, .in = operand, .attr = *attr};
    if (nin > MOST)
        BUG("%s has %d operands", op_info(op)->text, nin);
    for (int i = 0; i < nin; i++) {
        leaf[i] = (Node){.id = i, .op = OP_CONST, .type = in[i]->type};
        operand[i] = &leaf[i];
        number[i] = value[i];
        values[i] = (Value){in[i]->type, &number[i]};
    }
    values[nin] = (Value){t, &number[nin]};
    EvalCtx e = {.a = a, .precision = PRECISION_F64, .value = values};
    op_info(op)->eval(&e, &n);
    return number[nin];
}

bool fn_interpret_all(Arena *a, const Fn *fn, Precision precision, const Value *in, Value *out, Value *all,
                      const char **why)
{
    EvalCtx e;
    eval_prepare(&e, a, fn, precision);
    for (int i = 0; i < fn->input.n; i++)
        if (!type_eq(in[i].type, fn->input.at[i].node->type))
            BUG("input %d of %s is %s, not %s", i, fn->name ? fn->name : "?",
                type_text(a, fn->input.at[i].node->type), type_text(a, in[i].type));
    bool fine = eval_run(&e, in);
    if (!fine && why)
        *why = e.why;
    for (int id = 0; all && id < fn->node.n; id++)
        all[id] = e.value[id];
    for (int i = 0; fine && i < fn->result.n; i++) {
        const Value *v = &e.value[fn->result.at[i].node->id];
        out[i] = (Value){v->type, arena_dup(a, v->at, sizeof *v->at * (size_t)type_count(v->type))};
    }
    return fine;
}

bool fn_interpret(Arena *a, const Fn *fn, Precision precision, const Value *in, Value *out, const char **why)
{
    return fn_interpret_all(a, fn, precision, in, out, NULL, why);
}
