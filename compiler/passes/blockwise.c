/* SPDX-License-Identifier: MIT */
/* blockwise.c: an attention's gradients are made a block of rows at a time, so that what is as large as its scores is not stored as a
 * whole; of long texts the scores themselves are made again there.
 *
 *     s = q k'; w = exp(s - m); ... ds = f(w, dy v'); dq = ds k; dk = ds' q; dv = w' dy        s, w, ds: [.., S, T]
 *         ->   scan over examples { scan over blocks of rows { s = q_i k'; ..; yield ds k; dk += ds' q_i; dv += w' dy_i } }
 *
 * This is the backward pass of Dao, "FlashAttention-2" (2023), algorithm 2, with one loop instead of two: m and the sum of w are
 * there from the forward pass, and a block is as wide as all keys. It knows nothing of attention: what is *wide* is a product in batches
 * that is larger than both factors, and work by element on it. What makes nothing wide any more, sums and products with
 * other tensors, are *sinks*. Those that nothing wide waits for are made by the loop, where one of them adds up over the rows, and with
 * them sums of a row that nothing else needs. The others, of the forward pass, stay as they are: their kernels keep a few rows of what
 * is wide (kernels/chain.c). Where that is not many times as large as what it is made of, they store what the loop would make again
 * by products and functions: each of its elements is read sooner than a row of q meets one of k.
 *
 * needs: a function that is differentiated and hoisted. gives: the same results; what is added up over blocks is the same but for
 * roundings. */
#include "blockwise.h"

#include <string.h>

enum {
    GROWTH = 2,             /* a wide product is so many times as large as its factors together, at the least */
    LEAST_PART = 8,         /* of what a block may hold it has such a part, or a loop is not worth what its turns cost */
    KEPT_GROWTH = 4,        /* what is wide is stored where it is no more than so many times as large as those factors: a text of eight
                               times the elements of a head's query */
    KEPT_COST = 10,         /* and takes so many element operations, as exponentials do, or is a product */
};

/* ---- what is wide ---------------------------------------------------------------------------------------- */
static bool grows(const Node *n, int64_t most)
{
    int64_t elements = type_count(n->type);
    return n->op == OP_DOT && n->attr.dot.nbatch && n->type.rank > 2 && elements > most &&
           elements >= GROWTH * (type_count(n->in[0]->type) + type_count(n->in[1]->type));
}

/* The first of those that n belongs to; shortens the way there. */
static int first_of(int *part, int id)
{
    while (part[id] != id)
        id = part[id] = part[part[id]];
    return id;
}

/* By node: the first of what is wide together with it, that is, connected by work by element; -1: it is not wide. */
static int *find_wide(Arena *a, const Fn *fn, int64_t most)
{
    int *part = NEWN(a, int, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        part[id] = grows(n, most) ? id : -1;
        for (int i = 0; is_element(n) && i < n->nin; i++) {
            if (part[n->in[i]->id] < 0 || !shape_eq(n->in[i]->type, n->type))
                continue;
            const int other = first_of(part, n->in[i]->id), own = part[id] < 0 ? other : first_of(part, id);
            part[id] = part[own > other ? own : other] = own < other ? own : other;
        }
    }
    for (int id = 0; id < fn->node.n; id++)
        part[id] = part[id] < 0 ? -1 : first_of(part, id);
    return part;
}

/* ---- sinks ------------------------------------------------------------------------------------------------- */
static bool is_wide(const Block *b, const Node *n)
{
    return b->part[n->id] == b->first;
}

static int wide_operand(const Block *b, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (is_wide(b, n->in[i]))
            return i;
    return -1;
}

/* Lists the sinks that nothing wide waits for, nor any other of them. */
static void find_sinks(Block *b)
{
    const int n = b->old->node.n;
    bool *awaited = NEWN(b->a, bool, n + 1);
    for (int id = n - 1; id > b->first; id--) {
        const Node *x = b->old->node.at[id];
        const int from = wide_operand(b, x);
        const bool wide = is_wide(b, x), sink = from >= 0 && !wide;
        for (int i = 0; (wide || sink || awaited[id]) && i < x->nin; i++)
            awaited[x->in[i]->id] |= !is_wide(b, x->in[i]);
        if (!sink || awaited[id])
            continue;
        vec_push(b->a, &b->sinks, x);
        vec_push(b->a, &b->from, from);
    }
}

/* ---- what is made of whole rows, for what is wide ------------------------------------------------------------- */
/* Puts axes of one element in, or takes them out. */
static bool is_stretch(const Node *n)
{
    int from = 0, to = 0;
    const Type x = n->in[0]->type, y = n->type;
    for (;;) {
        while (from < x.rank && x.dim[from] == 1)
            from++;
        while (to < y.rank && y.dim[to] == 1)
            to++;
        if (from == x.rank || to == y.rank)
            return from == x.rank && to == y.rank;
        if (x.dim[from++] != y.dim[to++])
            return false;
    }
}

static bool is_of_rows(const Block *b, const Node *n)
{
    bool row = false;
    if (n->op == OP_SUM || n->op == OP_MAX)
        return is_wide(b, n->in[0]) && n->attr.axes.n == 1 && n->attr.axes.axis[0] == b->type.rank - 1;
    for (int i = 0; i < n->nin; i++) {
        if (is_wide(b, n->in[i]))
            return false;
        row |= b->row[n->in[i]->id];
    }
    return row && (is_element(n) || n->op == OP_BROADCAST || (n->op == OP_RESHAPE && is_stretch(n)));
}

/* Of sums and maxima of rows, and what is made of them by element, leaves those that nothing outside of the loop needs: the sum in
 * the gradient of a softmax, but not its maximum. */
static void find_rows(Block *b)
{
    const Fn *fn = b->old;
    bool *live = NEWN(b->a, bool, fn->node.n + 1), *sink = NEWN(b->a, bool, fn->node.n + 1);
    b->row = NEWN(b->a, bool, fn->node.n + 1);
    for (int s = 0; s < b->sinks.n; s++)
        sink[b->sinks.at[s]->id] = true;
    for (int i = 0; i < fn->result.n; i++)
        live[fn->result.at[i].node->id] = true;
    for (int id = b->first; id < fn->node.n; id++)
        b->row[id] = !sink[id] && !is_wide(b, fn->node.at[id]) && is_of_rows(b, fn->node.at[id]);
    for (int id = fn->node.n - 1; id >= b->first; id--) {
        const Node *n = fn->node.at[id];
        const bool inside = sink[id] || b->row[id] || is_wide(b, n);
        for (int i = 0; i < n->nin; i++) {
            const bool made = b->row[n->in[i]->id] || is_wide(b, n->in[i]);
            live[n->in[i]->id] |= (live[id] && !sink[id]) || (inside && !made);
        }
        b->row[id] &= !live[id];
    }
}

/* ---- what is wide and stored ----------------------------------------------------------------------------------- */
static bool is_made_by_loop(const Block *b, const Node *n)
{
    for (int s = 0; s < b->sinks.n; s++)
        if (b->sinks.at[s] == n)
            return true;
    return b->row[n->id];
}

static bool is_costly(const Node *n)
{
    return n->op == OP_DOT || op_info(n->op)->cost >= KEPT_COST;
}

/* What sinks outside of the loop are made of. */
static void find_kept(Block *b)
{
    const Node *product = b->old->node.at[b->first];
    const int64_t factors = type_count(product->in[0]->type) + type_count(product->in[1]->type);
    bool *outside = NEWN(b->a, bool, b->old->node.n + 1);
    b->kept = NEWN(b->a, bool, b->old->node.n + 1);
    if (b->sparing || type_count(b->type) > KEPT_GROWTH * factors)
        return;
    for (int id = b->old->node.n - 1; id >= b->first; id--) {
        const Node *n = b->old->node.at[id];
        const bool wide = is_wide(b, n);
        b->kept[id] = wide && outside[id] && is_costly(n);
        for (int i = 0; (wide ? outside[id] : !is_made_by_loop(b, n)) && i < n->nin; i++)
            outside[n->in[i]->id] |= is_wide(b, n->in[i]);
    }
}

/* ---- what the loop makes, and what enters it ----------------------------------------------------------------- */
/* Elements that n is made of, where that is work by element and repetition. */
static int64_t made_of(const Node *n)
{
    int64_t elements = n->op == OP_CONST ? 0 : type_count(n->type);
    if (n->op != OP_BROADCAST && !is_element(n))
        return elements;
    int64_t all = 0;
    for (int i = 0; i < n->nin && all < elements; i++)
        all += made_of(n->in[i]);
    return all;
}

/* Of a row what the block has: not of all rows, as columns. */
static bool is_in_block(const Block *b, const int *axis)
{
    for (int r = 0; r < b->type.rank - 1; r++)
        if (axis[r] < 0 && b->size[r] < b->type.dim[r])
            return false;
    return true;
}

static bool is_made_inside(const Block *b, const Node *n, const int *axis)
{
    return (is_wide(b, n) && !b->kept[n->id]) || (b->row[n->id] && is_in_block(b, axis)) || n->op == OP_CONST || GROWTH * made_of(n) <= type_count(n->type);
}

Use *blockwise_use(const Block *b, const Node *n, const int *axis)
{
    Use *u = b->use[n->id];
    while (u && memcmp(u->axis, axis, sizeof u->axis))
        u = u->next;
    return u;
}

/* Lists what n, with these axes, needs. */
static void use(Block *b, const Node *n, const int *axis)
{
    int own[MAX_RANK];
    if (blockwise_use(b, n, axis))
        return;
    Use *u = NEW(b->a, Use);
    *u = (Use){.node = n, .entry = -1, .next = b->use[n->id]};
    memcpy(u->axis, axis, sizeof u->axis);
    b->use[n->id] = u;
    if (!is_made_inside(b, n, axis)) {
        u->entry = b->entries.n;
        vec_push(b->a, &b->entries, u);
        return;
    }
    for (int i = 0; i < n->nin; i++) {
        blockwise_operand_axes(b, n, i, axis, own);
        use(b, n->in[i], own);
    }
}

static bool is_fit(const Block *b, int sink)
{
    const Node *n = b->sinks.at[sink];
    return n->op == OP_SUM || (n->op == OP_DOT && !is_wide(b, n->in[!b->from.at[sink]]));
}

static void use_sink(Block *b, int sink)
{
    int axis[MAX_RANK];
    for (int i = 0; i < b->sinks.at[sink]->nin; i++) {
        blockwise_sink_axes(b, sink, i, axis);
        use(b, b->sinks.at[sink]->in[i], axis);
    }
}

static bool adds_up(const Block *b)
{
    for (int s = 0; s < b->sinks.n; s++)
        if (blockwise_sink_axis(b, s, b->type.rank - 2) < 0)
            return true;
    return false;
}

static bool is_result(const Block *b)
{
    for (int i = 0; i < b->old->result.n; i++)
        if (is_wide(b, b->old->result.at[i].node))
            return true;
    return false;
}

/* ---- how large a block is -------------------------------------------------------------------------------------- */
static void choose_block(Block *b)
{
    int64_t elements = b->type.dim[b->type.rank - 1];
    for (int r = b->type.rank - 2; r >= 0; r--) {
        int64_t most = elements < b->most ? b->most / elements : 1;
        b->size[r] = b->type.dim[r] < most ? b->type.dim[r] : most;
        while (b->type.dim[r] % b->size[r])
            b->size[r]--;
        elements *= b->type.dim[r];     /* only the outermost axis that is cut has a block of several */
    }
}

/* Blocks of a few rows are not worth what a loop costs. */
static bool is_worth_it(const Block *b)
{
    int64_t elements = b->type.dim[b->type.rank - 1];
    for (int r = 0; r < b->type.rank - 1; r++)
        elements *= b->size[r];
    return LEAST_PART * elements >= b->most;
}

static bool plan_block(Block *b)
{
    find_sinks(b);
    if (!b->sinks.n || !adds_up(b) || is_result(b))
        return false;
    for (int s = 0; s < b->sinks.n; s++)
        if (!is_fit(b, s))
            return false;
    choose_block(b);
    if (!is_worth_it(b))
        return false;
    find_rows(b);
    find_kept(b);
    b->use = NEWN(b->a, Use *, b->old->node.n + 1);
    for (int s = 0; s < b->sinks.n; s++)
        use_sink(b, s);
    return true;
}

/* ---- the function ------------------------------------------------------------------------------------------------------ */
typedef struct Making {
    const Fn *old;
    Fn *fn;
    Block **block;          /* by node: whose sink it is, or NULL */
    Node **map;
} Making;

static Node *built(Making *m, const Node *n);

static void build_block(Making *m, Block *b)
{
    Node **value = NEWN(b->a, Node *, b->entries.n + 1), **out = NEWN(b->a, Node *, b->sinks.n);
    for (int i = 0; i < b->entries.n; i++)
        value[i] = built(m, b->entries.at[i]->node);
    blockwise_loops(b, m->fn, 0, value, out);
    for (int s = 0; s < b->sinks.n; s++) {
        m->map[b->sinks.at[s]->id] = out[s];
        if (!out[s]->name)
            out[s]->name = b->sinks.at[s]->name;
    }
}

/* Operands are mostly there; what a loop needs for sinks behind its first one is made then. */
static Node *built(Making *m, const Node *n)
{
    if (m->map[n->id])
        return m->map[n->id];
    if (m->block[n->id]) {
        build_block(m, m->block[n->id]);
        return m->map[n->id];
    }
    Node **in = NEWN(m->fn->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = built(m, n->in[i]);
    return m->map[n->id] = node_rebuild(m->fn, n, in);
}

/* By node: the block whose sink it is. NULL where there is none. */
static Block **find_blocks(Arena *a, const Fn *fn, int64_t most, bool sparing)
{
    Block **block = NULL;
    const int *part = find_wide(a, fn, most);
    for (int id = 0; id < fn->node.n; id++) {
        if (part[id] != id)
            continue;
        Block *b = NEW(a, Block);
        *b = (Block){.a = a, .old = fn, .most = most, .sparing = sparing, .type = fn->node.at[id]->type, .part = part, .first = id};
        if (!plan_block(b))
            continue;
        block = block ? block : NEWN(a, Block *, fn->node.n + 1);
        for (int s = 0; s < b->sinks.n; s++)
            block[b->sinks.at[s]->id] = b;
    }
    return block;
}

Fn *blockwise(Fn *fn, int64_t most, bool sparing)
{
    Arena *a = fn->a;
    Making m = {.old = fn, .block = find_blocks(a, fn, most, sparing)};
    if (!m.block)
        return fn;
    m.fn = fn_new(a, fn->name);
    m.fn->span = fn->span;
    m.map = NEWN(a, Node *, fn->node.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        m.map[fn->input.at[i].node->id] = node_rebuild(m.fn, fn->input.at[i].node, NULL);
    for (int id = 0; id < fn->node.n; id++)
        built(&m, fn->node.at[id]);
    m.fn->span = fn->span;
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(m.fn, port->role, port->index, port->name, m.map[port->node->id]);
    }
    return fn_prune(m.fn);
}
