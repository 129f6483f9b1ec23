/* SPDX-License-Identifier: MIT */
/* pack.c: copies of a contraction's right operand with its axes in the order that the contraction wants: where there is one, who reads
 * it, and that it is made in front of a loop where it can be. */
#include "lower.h"

#include <string.h>

/* Of a vector and a matrix: each element of the matrix is used once. */
static bool has_one_row(const Node *n)
{
    int64_t summed = 1;
    for (int i = 0; n->op == OP_DOT && i < n->attr.dot.ncontract; i++)
        summed *= n->in[0]->type.dim[n->attr.dot.lhs_contract[i]];
    return n->op == OP_DOT && type_count(n->in[0]->type) == summed;
}

/* Where bytes count, a loop's step that needs each element once takes it from where it lies: a pack would be there as long as the loop. */
static bool does_without(const Lower *c, const Node *of_body)
{
    return c->p->sparing && has_one_row(of_body);
}

static bool wants_pack(Lower *c, const Node *n, int *permutation)
{
    if (c->parent && does_without(c, n))
        return false;
    return op_info(n->op)->class == CLASS_CONTRACT && contraction_tiles(c->p->target, n) && contraction_wants_pack(c, n, permutation);
}

/* The same tensor in the function around a scan, for what the scan's body reads unchanged at every step; or NULL. */
static const Node *outside_of_scan(const Lower *c, const Node *n)
{
    if (!c->parent || n->op != OP_INPUT || n->attr.input.role != ROLE_INVARIANT)
        return NULL;
    return c->scan->in[c->scan->attr.scan.ncarry + c->scan->attr.scan.nslice + n->attr.input.index];
}

/* n's transposed copy in that order of axes, made here or around a loop; NULL where there is none. */
static Unit *pack_of(const Lower *c, const Node *n, const int *permutation)
{
    for (Unit *u = c->pack[n->id]; u; u = u->next_pack)
        if (!memcmp(u->permutation, permutation, sizeof(int) * (size_t)n->type.rank))
            return u;
    const Node *outside = outside_of_scan(c, n);
    return outside ? pack_of(c->parent, outside, permutation) : NULL;
}

Unit *right_pack(Lower *c, const Node *n)
{
    int permutation[MAX_RANK];
    return wants_pack(c, n, permutation) ? pack_of(c, n->in[1], permutation) : NULL;
}

/* Nothing of the body reads an invariant but contractions, which read a copy that was made in front of the loop. */
bool is_read_packed(Lower *body, const Node *x)
{
    int permutation[MAX_RANK];
    for (int i = 0; i < body->fn->node.n; i++) {
        const Node *user = body->fn->node.at[i];
        for (int k = 0; k < user->nin; k++)
            if (user->in[k] == x && !(k == 1 && user->nin == 2 && wants_pack(body, user, permutation)))
                return false;
    }
    for (int i = 0; i < body->fn->result.n; i++)
        if (body->fn->result.at[i].node == x)
            return false;
    return true;
}

/* ---- making them ----------------------------------------------------------------------------------- */
/* x in the order of axes wanted, made once: NULL where it was made before. */
static Unit *push_pack(Lower *c, const Node *x, const int *permutation)
{
    if (pack_of(c, x, permutation))
        return NULL;
    Type t = x->type;
    for (int i = 0; i < t.rank; i++)
        t.dim[i] = x->type.dim[permutation[i]];
    Unit *u = unit_new(c, UNIT_PACK, x, buffer_new(c->p, BUFFER_ARENA, t, x->name), NULL);
    u->type = t;
    memcpy(u->permutation, permutation, sizeof u->permutation);
    u->next_pack = c->pack[x->id];
    c->pack[x->id] = u;
    push_unit(c, u);
    return u;
}

void push_right_pack(Lower *c, const Node *n)
{
    int permutation[MAX_RANK];
    if (wants_pack(c, n, permutation))
        push_pack(c, n->in[1], permutation);
}

/* What the contraction x in a loop wants of its right operand, which c has. */
static void push_loop_pack(Lower *c, Unit *loop, const Node *x, const Node *right)
{
    int permutation[MAX_RANK];
    if (!right || does_without(c, x) || op_info(x->op)->class != CLASS_CONTRACT || !contraction_tiles(c->p->target, x) ||
        !contraction_wants_pack_of(c, x, right, permutation))
        return;
    push_pack(c, right, permutation);
    Unit *pack = pack_of(c, right, permutation);
    if (pack->context == c)     /* else it is made before the scan that c is the body of */
        need_unit(c, loop, pack);
}

void push_loop_packs(Lower *c, Unit *loop, const Node *scan, Node *const *in)
{
    const Fn *body = scan->attr.scan.body;
    const int first = scan->attr.scan.ncarry + scan->attr.scan.nslice;
    Node **given = NEWN(c->a, Node *, body->node.n + 1);
    for (int i = first; i < scan->nin; i++)
        given[body->input.at[i].node->id] = in[i];
    for (int i = 0; i < body->node.n; i++) {
        const Node *x = body->node.at[i];
        Node **operand = x->op == OP_SCAN ? NEWN(c->a, Node *, x->nin + 1) : NULL;
        for (int k = 0; operand && k < x->nin; k++)
            operand[k] = given[x->in[k]->id];
        if (operand)
            push_loop_packs(c, loop, x, operand);
        else if (x->nin == 2)
            push_loop_pack(c, loop, x, given[x->in[1]->id]);
    }
}
