/* SPDX-License-Identifier: MIT */
/* blockwise_make.c: the loops over blocks of rows that blockwise.c has planned, and what is in them. */
#include "blockwise.h"
#include "loop.h"

/* ---- the innermost body ------------------------------------------------------------------------------------------ */
/* With so many elements along an axis of the result, where the attribute says how many. */
static Attr attr_of_block(const Node *n, const Attr *attr, int axis, int64_t size)
{
    Attr part = *attr;
    if (n->op == OP_BROADCAST)
        part.broadcast.type.dim[axis] = size;
    else if (n->op == OP_RESHAPE)
        part.shape.type.dim[axis] = size;
    return part;
}

static Node *inside(Block *b, Fn *body, const Node *n, const int *axis)
{
    Use *u = blockwise_use(b, n, axis);
    Node **in = NEWN(b->a, Node *, n->nin + 1);
    Attr attr = n->attr;
    int own[MAX_RANK];
    if (u->made)
        return u->made;
    for (int i = 0; i < n->nin; i++) {
        blockwise_operand_axes(b, n, i, axis, own);
        in[i] = inside(b, body, n->in[i], own);
    }
    for (int r = 0; r < b->type.rank - 1; r++)
        if (axis[r] >= 0)
            attr = attr_of_block(n, &attr, axis[r], b->size[r]);
    body->span = n->span;
    u->made = node_make(body, n->op, n->nin, in, &attr);
    if (!u->made->name)
        u->made->name = n->name;
    return u->made;
}

static void make_sinks(Block *b, Fn *body, Node *const *value, Node **out)
{
    for (int i = 0; i < b->entries.n; i++)
        b->entries.at[i]->made = value[i];
    for (int s = 0; s < b->sinks.n; s++) {
        const Node *n = b->sinks.at[s];
        Node *in[2];
        int axis[MAX_RANK];
        for (int i = 0; i < n->nin; i++) {
            blockwise_sink_axes(b, s, i, axis);
            in[i] = inside(b, body, n->in[i], axis);
        }
        body->span = n->span;
        out[s] = node_make(body, n->op, n->nin, in, &n->attr);
    }
}

/* ---- loops --------------------------------------------------------------------------------------------------------- */
/* x with its axis `axis` cut into blocks, their number first. */
static Node *cut(Fn *fn, Node *x, int axis, int64_t size)
{
    Type t = type_insert(x->type, axis, x->type.dim[axis] / size);
    int order[MAX_RANK] = {axis};
    t.dim[axis + 1] = size;
    for (int i = 1; i < t.rank; i++)
        order[i] = i - (i <= axis);
    return node_permute(fn, node_reshape(fn, x, t.rank, t.dim), order);
}

/* The other way round. */
static Node *join(Fn *fn, Node *x, int axis)
{
    int order[MAX_RANK];
    Type t = type_drop(x->type, 0);
    t.dim[axis] *= x->type.dim[0];
    for (int i = 0; i < x->type.rank; i++)
        order[i] = i < axis ? i + 1 : i == axis ? 0 : i;
    return node_reshape(fn, node_permute(fn, x, order), t.rank, t.dim);
}

/* Along axis r of rows. */
static void make_loop(Block *b, Fn *fn, int r, Node *const *value, Node **out)
{
    const int n = b->entries.n, ns = b->sinks.n;
    Loop *l = loop_new(fn, "block", b->type.dim[r] / b->size[r], false);
    Node **in = NEWN(b->a, Node *, n + 1), **made = NEWN(b->a, Node *, ns), **carries = NEWN(b->a, Node *, ns + 1),
         **yields = NEWN(b->a, Node *, ns + 1);
    int *at = NEWN(b->a, int, ns);
    bool *wanted = NEWN(b->a, bool, ns + 1);
    for (int i = 0; i < n; i++) {
        const Use *u = b->entries.at[i];
        in[i] = u->axis[r] < 0 ? loop_invariant(l, u->node->name, value[i])
                               : loop_slice(l, u->node->name, cut(fn, value[i], u->axis[r], b->size[r]));
    }
    blockwise_loops(b, l->body, r + 1, in, made);
    for (int s = 0; s < ns; s++) {
        const Node *sink = b->sinks.at[s];
        fn->span = l->body->span = sink->span;
        if (blockwise_sink_axis(b, s, r) >= 0) {
            at[s] = loop_yield(l, sink->name, made[s]);
            continue;
        }
        at[s] = loop_carry(l, sink->name ? sink->name : "sum", node_full(fn, made[s]->type, 0));
        loop_next(l, at[s], node_binary(l->body, OP_ADD, l->carry.at[at[s]].in, made[s]));
        wanted[at[s]] = true;
    }
    loop_close(l, wanted, carries, yields);
    for (int s = 0; s < ns; s++) {
        const int axis = blockwise_sink_axis(b, s, r);
        out[s] = axis < 0 ? carries[at[s]] : join(fn, yields[at[s]], axis);
    }
}

/* Along all axes of rows from r on that are cut. */
void blockwise_loops(Block *b, Fn *fn, int r, Node *const *value, Node **out)
{
    while (r < b->type.rank - 1 && b->size[r] == b->type.dim[r])
        r++;
    if (r < b->type.rank - 1)
        make_loop(b, fn, r, value, out);
    else
        make_sinks(b, fn, value, out);
}
