/* SPDX-License-Identifier: MIT */
/* micro_batch_kinds.c: what of a function depends on the examples, and how; the kinds are micro_batch.c's. Loops' bodies are looked at
 * until nothing changes any more: what a carry becomes, it is at the next step. */
#include "micro_batching.h"
#include "passes.h"

static void refuse(Part *p, const Node *n)
{
    if (!p->g->mixes)
        p->g->mixes = n;
}

static Part *part_new(Micro *g, const Fn *from, bool outermost)
{
    Arena *a = g->a;
    int n = from->node.n + 1;
    Node **roots = NEWN(a, Node *, from->result.n + 1);
    for (int i = 0; i < from->result.n; i++)
        roots[i] = from->result.at[i].node;
    Part *p = NEW(a, Part);
    *p = (Part){.g = g, .from = from, .outermost = outermost};
    p->live = reached_from(a, from, from->result.n, roots);
    p->kind = NEWN(a, Kind, n);
    p->at = NEWN(a, int64_t, n);
    p->body = NEWN(a, Part *, n);
    p->yielded = NEWN(a, bool, n);
    p->part = NEWN(a, Node *, n);
    p->whole = NEWN(a, Node *, n);
    return p;
}

/* ---- what is of which kind ------------------------------------------------------------------------------------- */
static void split(Part *p, const Node *n, int64_t stride)
{
    p->changed |= p->kind[n->id] != SPLIT;
    p->kind[n->id] = SPLIT;
    p->at[n->id] = stride;
}

int64_t *known_operands(const Part *p, const Node *n)
{
    int64_t *in = NEWN(p->g->a, int64_t, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = p->kind[n->in[i]->id] == SPLIT ? p->at[n->in[i]->id] : SAME;
    return in;
}

/* A leaf, and of what is FREE one number an example. */
bool is_sliced(const Part *p, const Node *n, int64_t stride, int64_t *in)
{
    bool given = op_info(n->op)->class == CLASS_LEAF, loop = n->op == OP_SCAN || n->op == OP_RESULT;
    bool small = p->outermost && type_count(n->type) == p->g->batch;
    return given || (p->kind[n->id] != SPLIT && (small || loop)) || !examples_wanted(n, p->g->batch, stride, in);
}

/* n, which depends on no example, is wanted for a part of them. */
static void demand(Part *p, const Node *n, int64_t stride)
{
    int axis;
    if (p->kind[n->id] == SPLIT || !examples_at(n->type, p->g->batch, stride, &axis)) {
        if (p->kind[n->id] != SPLIT || p->at[n->id] != stride)
            refuse(p, n);
        return;
    }
    int64_t *in = NEWN(p->g->a, int64_t, n->nin + 1);
    if (is_sliced(p, n, stride, in)) {
        if (!p->outermost && n->op == OP_INPUT)
            split(p, n, stride);
        else if (!p->outermost)
            refuse(p, n);
        return;
    }
    for (int i = 0; i < n->nin; i++)
        if (in[i])
            demand(p, n->in[i], in[i]);
}

static void demand_operands(Part *p, const Node *n, const int64_t *in)
{
    for (int i = 0; i < n->nin; i++)
        if (in[i] && p->kind[n->in[i]->id] == FREE)
            demand(p, n->in[i], in[i]);
}

static void classify(Part *p);

/* Is this all that becomes of a carry, step by step: something is added to it? */
static bool only_accumulates(const Part *p, const Node *in, const Node *next)
{
    for (const Node *at = in, *user; at != next; at = user) {
        int uses = 0;
        user = NULL;
        for (int id = at->id + 1; id < p->from->node.n; id++)
            for (int i = 0; p->live[id] && i < p->from->node.at[id]->nin; i++)
                if (p->from->node.at[id]->in[i] == at) {
                    user = p->from->node.at[id];
                    uses++;
                }
        if (uses != 1 || (user->op != OP_ADD && (user->op != OP_SUB || user->in[0] != at)))
            return false;
    }
    return true;
}

/* A carry is divided if its first value is, or the next; and a sum over the examples if such sums are added to it. */
static void unite_carries(Part *p, int ncarry)
{
    for (int i = 0; i < ncarry; i++) {
        const Node *in = p->from->input.at[i].node, *next = p->from->result.at[i].node;
        if (p->kind[next->id] == TOTAL && !only_accumulates(p, in, next)) {
            refuse(p, next);
        } else if (p->kind[next->id] == TOTAL) {
            p->changed |= p->kind[in->id] != TOTAL;
            p->kind[in->id] = TOTAL;
        } else if (p->kind[next->id] == SPLIT && p->kind[in->id] == FREE)
            split(p, in, p->at[next->id]);
        else if (p->kind[in->id] == SPLIT && p->kind[next->id] == FREE)
            demand(p, next, p->at[in->id]);
        else if (p->at[in->id] != p->at[next->id])
            refuse(p, next);
    }
}

/* A loop over the examples themselves, as of what is made again for one at a time: it becomes shorter. */
static bool goes_over_examples(const Part *p, const Node *n)
{
    int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    for (int i = 0; i < n->nin; i++) {
        const Node *in = n->in[i];
        if (p->kind[in->id] == SPLIT && (i >= nslice || p->at[in->id] != type_count(in->type) / p->g->batch))
            return false;
    }
    return ncarry == 0 && nslice > 0 && n->attr.scan.length == p->g->batch;
}

/* What is taken for a sum in a body, in the end: nothing else may have been added to it, and nobody but its carry has it. */
static void check_sums(Part *body)
{
    for (int id = 0; id < body->from->node.n; id++) {
        const Node *n = body->from->node.at[id];
        int sums = 0, split = 0;
        for (int i = 0; i < n->nin; i++) {
            sums += body->kind[n->in[i]->id] == TOTAL;
            split += body->kind[n->in[i]->id] == SPLIT;
        }
        if (body->live[id] && body->kind[id] == TOTAL && !split && sums < n->nin)
            refuse(body, n);
    }
    for (int i = 0; i < body->from->result.n; i++) {
        const Port *port = &body->from->result.at[i];
        if (body->kind[port->node->id] == TOTAL && port->role != ROLE_CARRY)
            refuse(body, port->node);
    }
}

static void classify_scan(Part *p, const Node *n)
{
    Micro *g = p->g;
    if (goes_over_examples(p, n)) {
        for (int i = 0; i < n->attr.scan.nslice; i++)
            demand(p, n->in[i], type_count(n->in[i]->type) / g->batch);
        p->kind[n->id] = SPLIT;
        return;
    }
    Part *body = p->body[n->id];
    if (!body)
        body = p->body[n->id] = part_new(g, n->attr.scan.body, false);
    for (int i = 0; i < n->nin; i++) {
        const Node *in = body->from->input.at[i].node;
        int axis;
        if (p->kind[n->in[i]->id] != SPLIT)
            continue;
        if (!examples_at(in->type, g->batch, p->at[n->in[i]->id], &axis))
            refuse(p, n);       /* a loop over the examples */
        else
            split(body, in, p->at[n->in[i]->id]);
    }
    do {
        body->changed = false;
        classify(body);
        unite_carries(body, n->attr.scan.ncarry);
    } while (body->changed && !g->mixes);
    check_sums(body);
    for (int i = 0; i < n->nin && !g->mixes; i++) {
        const Node *in = body->from->input.at[i].node;
        if (body->kind[in->id] == SPLIT && p->kind[n->in[i]->id] == FREE)
            demand(p, n->in[i], body->at[in->id]);
    }
    p->kind[n->id] = SPLIT;
}

static void classify_result(Part *p, const Node *n)
{
    const Part *body = p->body[n->in[0]->id];
    if (!body) {
        split(p, n, type_count(n->type) / p->g->batch);
        return;
    }
    const Node *result = body->from->result.at[n->attr.index.index].node;
    if (body->kind[result->id] == SPLIT) {
        split(p, n, body->at[result->id]);
        return;
    }
    double first = 1;
    const Node *init = n->attr.index.index < n->in[0]->attr.scan.ncarry ? n->in[0]->in[n->attr.index.index] : NULL;
    bool sum = body->kind[result->id] == TOTAL && p->kind[init->id] == FREE;
    if (sum && p->outermost)
        p->kind[n->id] = LATE;      /* the loop over the parts carries it through */
    else if (sum && is_const(init, &first) && first == 0)
        p->kind[n->id] = TOTAL;
    else
        refuse(p, n);
}

bool is_carried_sum(const Part *p, const Node *n)
{
    const Part *body = n->op == OP_RESULT && p->kind[n->id] == LATE ? p->body[n->in[0]->id] : NULL;
    return body && body->kind[body->from->result.at[n->attr.index.index].node->id] == TOTAL;
}

static bool is_linear(const Node *n)
{
    return n->op == OP_ADD || n->op == OP_SUB || n->op == OP_NEG || n->op == OP_SUM || n->op == OP_RESHAPE;
}

/* The bytes of what the loop would have to yield, so that n can be made behind it. */
static int64_t bytes_to_yield(const Part *p, const Node *n)
{
    int64_t bytes = 0;
    for (int i = 0; i < n->nin; i++)
        if (p->kind[n->in[i]->id] == SPLIT && !p->yielded[n->in[i]->id] && n->in[i]->op != OP_INPUT)
            bytes += type_bytes(n->in[i]->type);
    return bytes;
}

static void classify_sum(Part *p, const Node *n, int64_t *in)
{
    p->kind[n->id] = p->outermost && bytes_to_yield(p, n) < type_bytes(n->type) ? LATE : TOTAL;
    for (int i = 0; i < n->nin && p->kind[n->id] == LATE; i++)
        if (p->kind[n->in[i]->id] == SPLIT && !p->yielded[n->in[i]->id]) {
            p->yielded[n->in[i]->id] = true;
            p->changed = true;
        }
    if (p->kind[n->id] == TOTAL)
        demand_operands(p, n, in);
}

static void classify_split(Part *p, const Node *n)
{
    int64_t *in = known_operands(p, n), stride;
    if (n->op == OP_SCAN) {
        classify_scan(p, n);
    } else if (n->op == OP_RESULT) {
        classify_result(p, n);
    } else if (examples_follow(p->g->a, n, p->g->batch, in, &stride)) {
        split(p, n, stride);
        examples_wanted(n, p->g->batch, stride, in);
        demand_operands(p, n, in);
    } else if (examples_add_up(n, p->g->batch, in)) {
        classify_sum(p, n, in);
    } else {
        refuse(p, n);
    }
}

/* What is read again is what it was; where it has to wait for what is made behind the loop, it does not. */
static void classify_again(Part *p, const Node *n)
{
    int x = n->in[0]->id;
    if (p->kind[x] == SPLIT)
        split(p, n, p->at[x]);
    else
        p->kind[n->id] = p->kind[x] == TOTAL ? LATE : p->kind[x];
}

static void classify_input(Part *p, const Node *n)
{
    Role role = n->attr.input.role;
    if (!p->outermost || (role != ROLE_INPUT && role != ROLE_TARGET && role != ROLE_STREAM))
        return;
    if (!n->type.rank || n->type.dim[0] != p->g->batch)
        refuse(p, n);
    else
        split(p, n, type_count(n->type) / p->g->batch);
}

/* A sum over the examples added to what a carry may turn out to be: one as well (check_sums). */
static bool adds_to_carry(const Part *p, const Node *n)
{
    bool adds = false;
    for (int i = 0; i < n->nin; i++)
        adds |= p->kind[n->in[i]->id] == FREE && n->in[i]->op == OP_INPUT && n->in[i]->attr.input.role == ROLE_CARRY;
    return adds;
}

static void classify(Part *p)
{
    for (int id = 0; id < p->from->node.n && !p->g->mixes; id++) {
        const Node *n = p->from->node.at[id];
        int count[LATE + 1] = {0};
        if (!p->live[id])
            continue;
        for (int i = 0; i < n->nin; i++)
            count[p->kind[n->in[i]->id]]++;
        if (n->op == OP_INPUT)
            classify_input(p, n);
        else if (n->op == OP_AGAIN)
            classify_again(p, n);
        else if (count[SPLIT] && (count[TOTAL] || count[LATE]))
            refuse(p, n);
        else if (count[SPLIT])
            classify_split(p, n);
        else if (count[TOTAL] == n->nin && n->nin && is_linear(n))
            p->kind[id] = TOTAL;
        else if ((count[TOTAL] || count[LATE]) && p->outermost)
            p->kind[id] = LATE;
        else if (count[TOTAL] && is_linear(n) && adds_to_carry(p, n))
            p->kind[id] = TOTAL;
        else if (count[TOTAL])
            refuse(p, n);
    }
}

/* What is yielded for one sum is there for others too, which may change what becomes of those. */
Part *micro_batch_kinds(Micro *g, const Fn *fn)
{
    Part *p = part_new(g, fn, true);
    do {
        p->changed = false;
        classify(p);
    } while (p->changed && !g->mixes);
    return p;
}

const Node *micro_batch_mixes(Arena *a, const Fn *fn, int64_t batch)
{
    Micro g = {.a = a, .batch = batch};
    micro_batch_kinds(&g, fn);
    return g.mixes;
}
