/* SPDX-License-Identifier: MIT */
/* compact_scatter.c: a large table that a few rows are added to, of zeros otherwise, is kept as these rows.
 *
 *     scatter_add(index[n], updates[n, r...], V)  ->  gather(rows, place)
 *         first[n] = the first m with index[m] = index[n]
 *         rows     = scatter_add(first + 1, updates, N + 1)                       [N + 1, r...], row 0 stays zero
 *         place    = scatter_add(index, first[n] = n ? n + 1 : 0, V)              [V]: where row v is; 0 without one
 *
 * So the gradient of an embedding needs the rows of a batch and an integer a word. The rows are added up in the old order: the
 * same numbers come out.
 *
 * needs: nothing. gives: the same results, made of compact tables where that takes less. */
#include "passes.h"

/* Worth it where what is kept is less than half, and comparing all indices with all is no more work than the zeros. */
static bool is_sparse(const Node *n)
{
    if (n->op != OP_SCATTER || n->type.dt != DT_F32)
        return false;
    int64_t count = type_count(n->in[0]->type), words = n->type.dim[0], row = type_count(n->type) / words;
    return 2 * ((count + 1) * row + words) < words * row && count * count <= words * row && count < INT32_MAX;
}

static Node *compact(Fn *fn, const Node *n, Node *const *in)
{
    int64_t count = type_count(n->in[0]->type);
    Node *index = node_reshape(fn, in[0], 1, &count), *updates = in[1];
    Type rows = n->type, square = type_make(DT_I32, 2, (int64_t[]){count, count});
    rows.dim[0] = count;
    updates = node_reshape(fn, updates, rows.rank, rows.dim);
    Node *mine = node_broadcast(fn, index, square, (int[]){0}), *others = node_broadcast(fn, index, square, (int[]){1});
    Node *same = node_cast(fn, node_binary(fn, OP_EQ, mine, others), DT_I32);
    Node *first = node_reduce(fn, OP_ARGMAX, same, 1, (int[]){1});
    Node *number = node_iota(fn, index->type, 0);
    Node *from_1 = node_binary_const(fn, OP_ADD, first, 1);
    Node *table = node_scatter_add(fn, from_1, updates, count + 1);
    Node *none = node_full(fn, index->type, 0), *is_first = node_binary(fn, OP_EQ, first, number);
    Node *leads = node_select(fn, is_first, from_1, none);
    return node_gather(fn, table, node_scatter_add(fn, index, leads, n->type.dim[0]));
}

Fn *compact_scatter(Arena *a, const Fn *fn, const Node **what)
{
    bool *result = NEWN(a, bool, fn->node.n + 1);
    for (int i = 0; i < fn->result.n; i++)
        result[fn->result.at[i].node->id] = true;
    *what = NULL;
    Fn *to = fn_new(a, fn->name);
    to->span = fn->span;
    Node **map = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        map[fn->input.at[i].node->id] = node_rebuild(to, fn->input.at[i].node, NULL);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (map[id])
            continue;
        Node **in = NEWN(a, Node *, n->nin + 1);
        for (int i = 0; i < n->nin; i++)
            in[i] = map[n->in[i]->id];
        Span span = to->span;
        to->span = n->span;
        bool sparse = is_sparse(n) && !result[id];
        map[id] = sparse ? compact(to, n, in) : node_make_as_is(to, n->op, n->nin, in, &n->attr);
        to->span = span;
        if (sparse && (!*what || type_bytes(n->type) > type_bytes((*what)->type)))
            *what = n;
        if (!map[id]->name)
            map[id]->name = n->name;
    }
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(to, port->role, port->index, port->name, map[port->node->id]);
    }
    return *what ? fn_prune(to) : NULL;
}
