/* SPDX-License-Identifier: MIT */
/* compact_scatter.c: a large table that a few rows are added to, of zeros otherwise, is kept as these rows.
 *
 *     scatter_add(index[n], updates[n, r...], V)  ->  gather(rows, place)
 *         times = scatter_add(index, 1, V)                                        [V]: how often row v is added to
 *         place = times > 0 ? the sum of times up to here : 0                     [V]: where that row is; 0 without one
 *         rows  = scatter_add(place[index], updates, N + 1)                       [N + 1, r...], row 0 stays zero
 *
 * So the gradient of an embedding needs the rows of a batch and an integer a word. The rows are added up in the old order: the
 * same numbers come out.
 *
 * needs: nothing. gives: the same results, made of compact tables where that takes less. */
#include "loop.h"
#include "passes.h"

/* Worth it where what is kept is less than half. */
static bool is_sparse(const Node *n, int64_t least)
{
    if (n->op != OP_SCATTER || n->type.dt != DT_F32 || type_bytes(n->type) < least)
        return false;
    int64_t count = type_count(n->in[0]->type), words = n->type.dim[0], row = type_count(n->type) / words;
    return 2 * ((count + 1) * row + 2 * words) < words * row && count < INT32_MAX;
}

/* The sums of x[0 .. i]: x in as many lanes as steps, each of elements that lie one behind the other; a loop over the steps adds to all lanes at
 * once, and what the lanes before come to is added in the end. */
static Node *sums_up_to(Fn *fn, Node *x)
{
    int64_t lanes = 1, count = type_count(x->type);
    while (lanes * lanes < count)
        lanes++;
    const int64_t steps = (count + lanes - 1) / lanes, all = steps * lanes;
    const Type one = type_make(DT_I32, 1, &lanes), square = type_make(DT_I32, 2, (int64_t[]){lanes, lanes});
    Node *padded = node_pad(fn, x, (int64_t[]){0}, (int64_t[]){all - count}, (int64_t[]){0}, 0);
    Node *columns = node_permute(fn, node_reshape(fn, padded, 2, (int64_t[]){lanes, steps}), (int[]){1, 0});
    Loop *l = loop_new(fn, "sums", steps, false);
    const int sum = loop_carry(l, "sum", node_full(fn, one, 0));
    Node *next = node_binary(l->body, OP_ADD, l->carry.at[sum].in, loop_slice(l, "x", columns)), *total = NULL, *stack = NULL;
    loop_next(l, sum, next);
    loop_yield(l, "sums", next);
    loop_close(l, (bool[]){true}, &total, &stack);
    Node *row = node_iota(fn, square, 0), *earlier = node_binary(fn, OP_LT, node_iota(fn, square, 1), row), *zeros = node_full(fn, square, 0);
    Node *others = node_select(fn, earlier, node_broadcast(fn, total, square, (int[]){1}), zeros);
    Node *before = node_reduce(fn, OP_SUM, others, 1, (int[]){1});
    Node *sums = node_binary(fn, OP_ADD, stack, node_broadcast(fn, before, stack->type, (int[]){1}));
    return node_slice_axis(fn, node_reshape(fn, node_permute(fn, sums, (int[]){1, 0}), 1, &all), 0, 0, count, 1);
}

static Node *compact(Fn *fn, const Node *n, Node *const *in)
{
    Node *times = node_scatter_add(fn, in[0], node_full(fn, in[0]->type, 1), n->type.dim[0]);
    Node *none = node_full(fn, times->type, 0), *sums = sums_up_to(fn, times);
    Node *place = node_select(fn, node_binary(fn, OP_LT, none, times), sums, none);
    return node_gather(fn, node_scatter_add(fn, node_gather(fn, place, in[0]), in[1], type_count(in[0]->type) + 1), place);
}

Fn *compact_scatter(Arena *a, const Fn *fn, int64_t least, const Node **what)
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
        bool sparse = is_sparse(n, least) && !result[id];
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
