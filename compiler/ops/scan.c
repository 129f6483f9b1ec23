/* SPDX-License-Identifier: MIT */
/* scan.c: shapes of the loop and of its results. */
#include "ops.h"

/* What the body's input i must be: a carry, a slice's element or an invariant. */
static Role input_role(const Attr *attr, int i, int *index)
{
    int ncarry = attr->scan.ncarry, nslice = attr->scan.nslice;
    *index = i < ncarry ? i : i < ncarry + nslice ? i - ncarry : i - ncarry - nslice;
    return i < ncarry ? ROLE_CARRY : i < ncarry + nslice ? ROLE_SLICE : ROLE_INVARIANT;
}

static const char *input_problem(Arena *a, Node *const *in, const Attr *attr, int i)
{
    const Port *port = &attr->scan.body->input.at[i];
    int index;
    Role role = input_role(attr, i, &index);
    if (port->role != role || port->index != index)
        return arena_printf(a, "input %d of the body is %s %d, not %s %d", i, role_name(port->role),
                            port->index, role_name(role), index);
    Type want = in[i]->type;
    if (role == ROLE_SLICE) {
        if (want.rank < 1 || want.dim[0] != attr->scan.length)
            return arena_printf(a, "slice %d is of %s; the scan has %lld steps", index, type_text(a, want),
                                (long long)attr->scan.length);
        want = type_drop(want, 0);
    }
    if (!type_eq(port->node->type, want))
        return arena_printf(a, "%s %d of the body is %s, the operand gives %s", role_name(role), index,
                            type_text(a, port->node->type), type_text(a, want));
    return NULL;
}

static const char *result_problem(Arena *a, const Attr *attr, int i)
{
    const Fn *body = attr->scan.body;
    const Port *port = &body->result.at[i];
    bool carry = i < attr->scan.ncarry;
    Role role = carry ? ROLE_CARRY : ROLE_YIELD;
    int index = carry ? i : i - attr->scan.ncarry;
    if (port->role != role || port->index != index)
        return arena_printf(a, "result %d of the body is %s %d, not %s %d", i, role_name(port->role),
                            port->index, role_name(role), index);
    if (!carry && port->node->type.rank == MAX_RANK)
        return arena_printf(a, "yield %d has no room for the axis of the steps", index);
    if (carry && !type_eq(port->node->type, body->input.at[i].node->type))
        return arena_printf(a, "carry %d of the body enters as %s and leaves as %s", index,
                            type_text(a, body->input.at[i].node->type), type_text(a, port->node->type));
    return NULL;
}

SHAPE(scan)
{
    const Fn *body = attr->scan.body;
    int ncarry = attr->scan.ncarry, nslice = attr->scan.nslice, nyield = attr->scan.nyield;
    *t = type_scalar(DT_F32);
    if (!body)
        return "there is no body";
    if (ncarry < 0 || nslice < 0 || nyield < 0 || ncarry > nin || nslice > nin - ncarry)
        return arena_printf(a, "%d carries and %d slices of %d operands, %d yields", ncarry, nslice, nin,
                            nyield);
    if (attr->scan.length < 1 || attr->scan.length > MAX_COUNT)
        return arena_printf(a, "%lld steps", (long long)attr->scan.length);
    if (attr->scan.reverse != 0 && attr->scan.reverse != 1)
        return "reverse is 0 or 1";
    if (body->input.n != nin)
        return arena_printf(a, "the body has %d inputs for %d operands", body->input.n, nin);
    if (body->result.n - ncarry != nyield)
        return arena_printf(a, "the body has %d results for %d carries and %d yields", body->result.n, ncarry,
                            nyield);
    for (int i = 0; i < nin; i++) {
        const char *why = input_problem(a, in, attr, i);
        if (why)
            return why;
    }
    for (int i = 0; i < body->result.n; i++) {
        const char *why = result_problem(a, attr, i);
        if (why)
            return why;
    }
    return NULL;
}

SHAPE(result)
{
    (void)nin;
    if (in[0]->op != OP_SCAN)
        return arena_printf(a, "%s has one value; result picks one of a scan's", op_info(in[0]->op)->text);
    const Attr *scan = &in[0]->attr;
    int index = attr->index.index;
    const Fn *body = scan->scan.body;
    if (index < 0 || index >= body->result.n)
        return arena_printf(a, "result %d of a scan that has %d", index, body->result.n);
    *t = body->result.at[index].node->type;
    if (index >= scan->scan.ncarry)
        *t = type_insert(*t, 0, scan->scan.length);
    return NULL;
}
