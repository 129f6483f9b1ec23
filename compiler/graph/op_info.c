/* SPDX-License-Identifier: MIT */
/* op_info.c: ops.def as a table. */
#include "attr.h"
#include "../ops/ops.h"

static const OpInfo rows[OP_COUNT] = {
#define OP(NAME, text, nin, class, attr, shape, grad, eval, cost, c, doc)                                    \
    [OP_##NAME] = {text, nin, CLASS_##class, ATTR_##attr, shape, grad, eval, cost, c, doc},
#include "ops.def"
#undef OP
};

const OpInfo *op_info(Op op)
{
    if ((unsigned)op >= OP_COUNT)
        BUG("operation %d does not exist", (int)op);
    return &rows[op];
}

Op op_named(const char *text)
{
    int op = 0;
    while (op < OP_COUNT && !str_eq(rows[op].text, text))
        op++;
    return (Op)op;
}

static const char *const role_names[] = {
    [ROLE_INPUT] = "input",         [ROLE_TARGET] = "target",       [ROLE_PARAM] = "param",
    [ROLE_STATE] = "state",         [ROLE_STREAM] = "stream",       [ROLE_OPTIMIZER] = "optimizer", [ROLE_GRADIENT] = "gradient",
    [ROLE_SEED] = "seed",           [ROLE_STEP] = "step",           [ROLE_COUNT] = "count",
    [ROLE_OUTPUT] = "output",       [ROLE_LOSS] = "loss",           [ROLE_METRIC] = "metric",
    [ROLE_VALUE] = "value",         [ROLE_CARRY] = "carry",         [ROLE_SLICE] = "slice",
    [ROLE_INVARIANT] = "invariant", [ROLE_YIELD] = "yield",
};

const char *role_name(Role role)
{
    return (unsigned)role < (unsigned)LEN(role_names) ? role_names[role] : "?";
}

const char *node_infer(Arena *a, Op op, int nin, Node *const *in, const Attr *attr, Type *t)
{
    const OpInfo *info = op_info(op);
    if (nin < 0 || (info->nin >= 0 && nin != info->nin))
        return arena_printf(a, "%s takes %d operand%s, not %d", info->text, info->nin,
                            info->nin == 1 ? "" : "s", nin);
    for (int i = 0; i < nin; i++)
        if (in[i]->op == OP_SCAN && op != OP_RESULT)
            return "a scan is no value; its results are";
    const char *why = attr_problem(a, info->attr, attr);
    if (!why)
        why = info->shape(a, in, nin, attr, t);
    return why ? why : type_problem(a, *t);
}

bool is_element(const Node *n)
{
    return op_info(n->op)->class == CLASS_ELEMENT;
}

bool is_const(const Node *n, double *value)
{
    while (n->op == OP_BROADCAST || n->op == OP_RESHAPE)
        n = n->in[0];
    if (n->op == OP_CONST) {
        *value = n->attr.constant.value;
        return true;
    }
    if (n->op != OP_CAST || !is_const(n->in[0], value))
        return false;
    *value = dtype_convert(*value, n->in[0]->type.dt, n->type.dt);
    if (n->type.dt == DT_F32)
        *value = (float)*value;
    return true;
}
