/* SPDX-License-Identifier: MIT */
/* sink.c: what a loop only yields or accumulates is made after it, for all steps at once.
 *
 *     acc' = acc + dot(x_t, y_t)        -> dot over the steps too, after the loop
 *     acc' = acc + sum(x_t)             -> sum over the steps too
 *     yield dot(h_t, w), not used else  -> yield h_t; dot(h, w) after the loop
 *
 * Decisions walk the body backwards (a value is wanted, so its operands are), making walks it forwards. */
#include "hoisting.h"

/* ---- carries that only accumulate ---------------------------------------------------------------------- */

static void count_uses(Hoist *h)
{
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        for (int i = 0; h->live[id] && i < n->nin; i++)
            h->uses[n->in[i]->id]++;
    }
    for (int i = 0; i < h->body->result.n; i++)
        if (i < h->ncarry ? h->live[h->body->input.at[i].node->id] : h->used[i])
            h->uses[h->body->result.at[i].node->id]++;
}

/* The only live node that reads n. */
static Node *only_user(const Hoist *h, const Node *n)
{
    for (int id = n->id + 1; id < h->body->node.n; id++) {
        Node *user = h->body->node.at[id];
        for (int i = 0; h->live[id] && i < user->nin; i++)
            if (user->in[i] == n)
                return user;
    }
    return NULL;
}

/* Follows carry c upwards through additions that nothing else reads; true when that ends at its next
 * value. */
static bool only_accumulates(const Hoist *h, int c, bool mark)
{
    const Node *at = h->body->input.at[c].node, *end = h->body->result.at[c].node;
    if (h->stays || at->type.dt != DT_F32 || !h->used[c] || at == end || !can_stack(at, h->steps))
        return false;
    while (at != end) {
        const Node *user = h->uses[at->id] == 1 ? only_user(h, at) : NULL;
        if (!user || (user->op != OP_ADD && !(user->op == OP_SUB && user->in[0] == at)))
            return false;
        at = user;
        if (mark)
            h->in_sum[at->id] = true;
    }
    return h->uses[end->id] == 1;
}

/* ---- sums over the steps ------------------------------------------------------------------------------- */

/* How the sum of n over the steps is made. */
typedef enum SumBy {
    SUM_YIELD,      /* from n, stacked */
    SUM_CONST,      /* n is the same at every step: times their number */
    SUM_MOVED,      /* the same operation on the operand's sum (or both operands') */
    SUM_SCALED,     /* likewise; the other operand is the same at every step */
    SUM_CONTRACTED, /* a contraction over the steps too */
    SUM_REDUCED,    /* a sum over the steps too */
    SUM_SCATTERED,  /* one scatter of all steps' updates */
} SumBy;

static bool is_linear(const Node *n)
{
    switch (n->op) {
    case OP_NEG:
    case OP_ADD:
    case OP_SUB:
    case OP_RESHAPE:
    case OP_PERMUTE:
    case OP_BROADCAST:
    case OP_SLICE:
    case OP_REVERSE:
    case OP_WINDOW:
    case OP_FOLD:
        return true;
    case OP_PAD:
        return n->attr.pad.value == 0;
    default:
        return false;
    }
}

static bool has_room(const Hoist *h, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i]->type.rank + 2 > MAX_RANK || !can_stack(n->in[i], h->steps))
            return false;
    return n->op != OP_DOT || n->attr.dot.ncontract + n->attr.dot.nbatch < MAX_RANK;
}

static SumBy sum_by(const Hoist *h, const Node *n)
{
    bool first = n->nin > 0 && is_stepped(h, n->in[0]), second = n->nin > 1 && is_stepped(h, n->in[1]);
    if (!is_stepped(h, n))
        return SUM_CONST;
    if (!h->compresses[n->id])
        return SUM_YIELD;
    switch (n->op) {
    case OP_MUL:
    case OP_DIV:
        return SUM_SCALED;
    case OP_DOT:
    case OP_CONV:
        return first && second ? SUM_CONTRACTED : SUM_SCALED;
    case OP_SUM:
        return h->compresses[n->in[0]->id] ? SUM_MOVED : SUM_REDUCED;
    case OP_SCATTER:
        return first ? SUM_SCATTERED : SUM_SCALED;
    default:
        return SUM_MOVED;
    }
}

/* Is the sum of n better made of something else than stacked n? Needs the answers for n's operands. */
static bool compresses(const Hoist *h, const Node *n)
{
    bool first = n->nin > 0 && is_stepped(h, n->in[0]), second = n->nin > 1 && is_stepped(h, n->in[1]);
    if (!is_stepped(h, n) || n->op == OP_INPUT || h->cone[n->id])
        return false;
    switch (n->op) {
    case OP_SUM:
    case OP_DOT:
    case OP_CONV:
    case OP_SCATTER:
        return has_room(h, n);
    case OP_MUL:
        return !(first && second) && h->compresses[n->in[first ? 0 : 1]->id];
    case OP_DIV:
        return !second && h->compresses[n->in[0]->id];
    default:
        break;
    }
    if (!is_linear(n))
        return false;
    if (n->op == OP_BROADCAST && type_count(n->in[0]->type) < type_count(n->type))
        return can_stack(n->in[0], h->steps);
    for (int i = 0; i < n->nin; i++)
        if (is_stepped(h, n->in[i]) && !h->compresses[n->in[i]->id])
            return false;
    return true;
}

/* ---- what is sunk -------------------------------------------------------------------------------------- */

static bool is_enlarging_move(const Node *n)
{
    return op_info(n->op)->class == CLASS_MOVE && n->nin == 1 &&
           type_count(n->in[0]->type) <= type_count(n->type);
}

/* can_leave[id]: nothing in the loop needs it, it has a rule, and its users can leave too. */
static bool *find_leaving(const Hoist *h)
{
    bool *can = NEWN(h->fn->a, bool, h->body->node.n + 1);
    for (int id = h->body->node.n - 1; id >= 0; id--) {
        const Node *n = h->body->node.at[id];
        can[id] = h->live[id] && is_stepped(h, n) && n->op != OP_INPUT && !h->cone[id] &&
                  can_batch(n, stepped_operands(h, n), h->steps);
    }
    for (int id = h->body->node.n - 1; id >= 0;
         id--) { /* users first: their answer is final when we come by */
        const Node *n = h->body->node.at[id];
        bool apart = h->in_sum[id] || (h->want_sum[id] && sum_by(h, n) != SUM_YIELD);
        if (!h->live[id] || can[id] || apart)
            continue;
        for (int i = 0; i < n->nin; i++)
            can[n->in[i]->id] = false;
    }
    return can;
}

/* Contractions leave, and what reads them; where no carry remains, everything that can. Contractions that
 * something in the loop reads are made before it, where that can be. */
static void choose_sunk(Hoist *h)
{
    bool *can = find_leaving(h), empty = true;
    for (int i = 0; i < h->ncarry; i++)
        empty &= h->accumulates[i] || !h->live[h->body->input.at[i].node->id];
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        bool follows = empty || op_info(n->op)->class == CLASS_CONTRACT;
        for (int i = 0; i < n->nin; i++)
            follows |= h->sunk[n->in[i]->id];
        h->sunk[id] = can[id] && follows && !h->stays;
        h->hoisted[id] = h->live[id] && !can[id] && h->batchable[id] && !h->stays &&
                         op_info(n->op)->class == CLASS_CONTRACT;
    }
}

/* Which sums and stacked values are wanted, from the results down. */
static void want_of_sum(Hoist *h, const Node *n)
{
    switch (sum_by(h, n)) {
    case SUM_CONST:
        return;
    case SUM_YIELD:
        h->want_outside[n->id] = true;
        return;
    case SUM_MOVED:
        for (int i = 0; i < n->nin; i++)
            h->want_sum[n->in[i]->id] = true;
        return;
    case SUM_SCALED:
        for (int i = 0; i < n->nin; i++)
            if (is_stepped(h, n->in[i]))
                h->want_sum[n->in[i]->id] = true;
        return;
    case SUM_CONTRACTED:
    case SUM_REDUCED:
    case SUM_SCATTERED:
        for (int i = 0; i < n->nin; i++)
            h->want_outside[n->in[i]->id] = true;
        return;
    }
}

/* The terms of the additions that carry c goes through. */
static void want_terms(Hoist *h, int c)
{
    const Node *at = h->body->input.at[c].node, *end = h->body->result.at[c].node;
    while (at != end) {
        const Node *user = only_user(h, at);
        h->want_sum[user->in[user->in[0] == at]->id] = true;
        at = user;
    }
}

static void want_sums(Hoist *h)
{
    for (int i = 0; i < h->ncarry; i++)
        if (h->accumulates[i])
            want_terms(h, i);
    for (int id = h->body->node.n - 1; id >= 0; id--)
        if (h->want_sum[id])
            want_of_sum(h, h->body->node.at[id]);
}

/* A value that is wanted outside, and is not there yet, comes from its operands or is yielded. */
static bool comes_from_operands(const Hoist *h, const Node *n)
{
    if (h->stays)
        return false;
    return h->sunk[n->id] || h->batchable[n->id] ||
           (is_enlarging_move(n) && can_batch(n, stepped_operands(h, n), h->steps));
}

static void want_stacked(Hoist *h)
{
    for (int i = h->ncarry; i < h->ncarry + h->nyield; i++)
        if (h->used[i])
            h->want_outside[h->body->result.at[i].node->id] = true;
    for (int id = h->body->node.n - 1; id >= 0; id--) {
        const Node *n = h->body->node.at[id];
        if (!h->want_outside[id] || h->outside[id] || !comes_from_operands(h, n))
            continue;
        for (int i = 0; i < n->nin; i++)
            h->want_outside[n->in[i]->id] = true;
    }
}

void sink_plan(Hoist *h)
{
    Arena *a = h->fn->a;
    int n = h->body->node.n + 1;
    h->uses = NEWN(a, int, n);
    h->accumulates = NEWN(a, bool, h->ncarry + 1);
    h->in_sum = NEWN(a, bool, n);
    h->compresses = NEWN(a, bool, n);
    h->sunk = NEWN(a, bool, n);
    h->want_sum = NEWN(a, bool, n);
    h->want_outside = NEWN(a, bool, n);
    h->sum = NEWN(a, Node *, n);
    count_uses(h);
    VEC(Node *) roots = {0};
    for (int i = 0; i < h->ncarry; i++) {
        h->accumulates[i] = only_accumulates(h, i, false);
        if (h->accumulates[i])
            only_accumulates(h, i, true);
        else if (h->live[h->body->input.at[i].node->id])
            vec_push(a, &roots, h->body->result.at[i].node);
    }
    h->cone = reached_from(a, h->body, roots.n, roots.at);
    for (int id = 0; id < h->body->node.n; id++)
        h->compresses[id] = h->live[id] && compresses(h, h->body->node.at[id]);
    want_sums(h);
    choose_sunk(h);
    want_stacked(h);
}

bool sink_is_yielded(const Hoist *h, const Node *n)
{
    return h->want_outside[n->id] && is_stepped(h, n) && !h->outside[n->id] && !comes_from_operands(h, n);
}

/* ---- making -------------------------------------------------------------------------------------------- */

/* [T, N, s..., groups·C] -> [N, s..., groups·T·C]: the steps' channels side by side within each group. */
static Node *steps_as_channels(Fn *fn, Node *x, int64_t groups)
{
    Type t = x->type;
    int last = t.rank - 1, axis[MAX_RANK];
    int64_t steps = t.dim[0], channels = t.dim[last] / groups;
    t.dim[last] = groups;
    t.dim[t.rank++] = channels;
    x = node_reshape(fn, x, t.rank, t.dim);
    for (int i = 0; i < last; i++)
        axis[i] = i + 1;
    axis[last] = 0;
    axis[last + 1] = last + 1;
    x = node_permute(fn, x, axis); /* [N, s..., groups, T, C] */
    t = type_drop(type_drop(x->type, last + 1), last);
    t.dim[last - 1] = groups * steps * channels;
    return node_reshape(fn, x, t.rank, t.dim);
}

/* [T, k..., C, O] -> [k..., T·C, O] */
static Node *steps_as_inputs(Fn *fn, Node *w)
{
    int rank = w->type.rank, axis[MAX_RANK];
    for (int i = 0; i < rank; i++)
        axis[i] = i + 1;
    axis[rank - 3] = 0;
    axis[rank - 2] = rank - 2;
    axis[rank - 1] = rank - 1;
    Type t = type_drop(w->type, 0);
    t.dim[t.rank - 2] *= w->type.dim[0];
    return node_reshape(fn, node_permute(fn, w, axis), t.rank, t.dim);
}

/* Σ over t of x_t · y_t, or of conv(x_t, y_t), as one contraction. */
static Node *contract_steps(Fn *fn, const Node *n, Node *x, Node *y)
{
    if (n->op == OP_CONV) {
        Node *right = steps_as_inputs(fn, y);
        return node_conv(fn, steps_as_channels(fn, x, n->attr.conv.groups), right, &n->attr);
    }
    Attr attr = dot_one_further(&n->attr, true, true);
    for (int i = attr.dot.ncontract++; i > 0; i--) {
        attr.dot.lhs_contract[i] = attr.dot.lhs_contract[i - 1];
        attr.dot.rhs_contract[i] = attr.dot.rhs_contract[i - 1];
    }
    attr.dot.lhs_contract[0] = attr.dot.rhs_contract[0] = 0;
    return node_dot(fn, x, y, &attr);
}

static Node *stacked(const Hoist *h, const Node *n)
{
    Node *x = h->outside[n->id];
    return is_stepped(h, n) ? x : node_insert_axis(h->fn, x, 0, h->steps);
}

static Node *make_sum(const Hoist *h, const Node *n)
{
    Fn *fn = h->fn;
    SumBy by = sum_by(h, n);
    int axis[MAX_RANK] = {0};
    switch (by) {
    case SUM_CONST:
        return node_binary_const(fn, OP_MUL, h->outside[n->id], (double)h->steps);
    case SUM_YIELD:
        return node_reduce(fn, OP_SUM, h->outside[n->id], 1, axis);
    case SUM_CONTRACTED:
        return contract_steps(fn, n, h->outside[n->in[0]->id], h->outside[n->in[1]->id]);
    case SUM_REDUCED:
        for (int i = 0; i < n->attr.axes.n; i++)
            axis[i + 1] = n->attr.axes.axis[i] + 1;
        return node_reduce(fn, OP_SUM, h->outside[n->in[0]->id], n->attr.axes.n + 1, axis);
    case SUM_SCATTERED:
        return node_scatter_add(fn, stacked(h, n->in[0]), stacked(h, n->in[1]), n->attr.limit.limit);
    case SUM_MOVED:
    case SUM_SCALED:
        break;
    }
    Node **in = NEWN(fn->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = by == SUM_MOVED || is_stepped(h, n->in[i]) ? h->sum[n->in[i]->id] : h->outside[n->in[i]->id];
    return node_make(fn, n->op, n->nin, in, &n->attr);
}

void sink_make(Hoist *h, Node *const *yield_out)
{
    Span span = h->fn->span;
    for (int id = 0; id < h->body->node.n; id++) {
        const Node *n = h->body->node.at[id];
        h->fn->span = n->span;
        if (h->want_outside[id] && !h->outside[id])
            h->outside[id] = h->yield[id] >= 0 ? yield_out[h->yield[id]] : outside_of(h, n);
        if (h->want_sum[id])
            h->sum[id] = make_sum(h, n);
    }
    h->fn->span = span;
}

Node *sink_total(const Hoist *h, int c)
{
    const Node *at = h->body->input.at[c].node, *end = h->body->result.at[c].node;
    Node *total = h->scan->in[c];
    while (at != end) {
        const Node *user = only_user(h, at);
        total = node_binary(h->fn, user->op, total, h->sum[user->in[user->in[0] == at]->id]);
        at = user;
    }
    return total;
}
