/* SPDX-License-Identifier: MIT */
/* scan_eval.c: running a loop's body step by step. */
#include "ops.h"

#include <string.h>

/* What one scan needs for all its steps; made once, also for all the runs of a loop around it. */
typedef struct Loop {
    EvalCtx body;
    Value *in;   /* the body's inputs: carries in the scan's results, slices, invariants */
    Value *next; /* carries, until every one of them has been read */
} Loop;

static size_t value_bytes(Type t)
{
    return sizeof(double) * (size_t)type_count(t);
}

static Loop *loop_new(EvalCtx *e, const Node *n)
{
    Loop *l = NEW(e->a, Loop);
    const Fn *body = n->attr.scan.body;
    eval_prepare(&l->body, e->a, body, e->precision);
    l->in = NEWN(e->a, Value, n->nin + 1);
    l->next = NEWN(e->a, Value, n->attr.scan.ncarry + 1);
    for (int i = 0; i < n->attr.scan.ncarry; i++)
        l->next[i] = value_new(e->a, n->in[i]->type);
    Value *tuple = NEWN(e->a, Value, body->result.n + 1);
    for (int i = 0; i < body->result.n; i++) {
        Type t = body->result.at[i].node->type;
        tuple[i] = value_new(e->a, i < n->attr.scan.ncarry ? t : type_insert(t, 0, n->attr.scan.length));
    }
    e->tuple[n->id] = tuple;
    return l;
}

/* Carries start from their operands and live in the scan's results; invariants are the operands. */
static void loop_start(EvalCtx *e, const Node *n, Loop *l)
{
    int ncarry = n->attr.scan.ncarry, nslice = n->attr.scan.nslice;
    for (int i = 0; i < ncarry; i++) {
        Value *carry = &e->tuple[n->id][i];
        memcpy(carry->at, eval_in(e, n, i), value_bytes(carry->type));
        l->in[i] = *carry;
    }
    for (int i = ncarry; i < n->nin; i++)
        l->in[i] = e->value[n->in[i]->id];
    for (int i = ncarry; i < ncarry + nslice; i++)
        l->in[i].type = type_drop(l->in[i].type, 0);
}

static bool loop_step(EvalCtx *e, const Node *n, Loop *l, int64_t step)
{
    int ncarry = n->attr.scan.ncarry;
    const Fn *body = n->attr.scan.body;
    for (int i = ncarry; i < ncarry + n->attr.scan.nslice; i++)
        l->in[i].at = e->value[n->in[i]->id].at + step * type_count(l->in[i].type);
    if (!eval_run(&l->body, l->in)) {
        e->why = l->body.why;
        return false;
    }
    for (int i = 0; i < body->result.n; i++) {
        Value *from = &l->body.value[body->result.at[i].node->id];
        int64_t count = type_count(from->type);
        double *to = i < ncarry ? l->next[i].at : e->tuple[n->id][i].at + step * count;
        memcpy(to, from->at, sizeof *to * (size_t)count);
    }
    for (int i = 0; i < ncarry; i++)
        memcpy(l->in[i].at, l->next[i].at, value_bytes(l->in[i].type));
    return true;
}

void eval_scan(EvalCtx *e, const Node *n)
{
    if (!e->kept[n->id])
        e->kept[n->id] = loop_new(e, n);
    Loop *l = e->kept[n->id];
    int64_t length = n->attr.scan.length;
    loop_start(e, n, l);
    for (int64_t i = 0; i < length; i++)
        if (!loop_step(e, n, l, n->attr.scan.reverse ? length - 1 - i : i))
            return;
}

void eval_result(EvalCtx *e, const Node *n)
{
    const Value *picked = &e->tuple[n->in[0]->id][n->attr.index.index];
    memcpy(eval_out(e, n), picked->at, value_bytes(picked->type));
}
