/* SPDX-License-Identifier: MIT */
/* rematerialize.c: a function's values are made in another order, and some of them again where they are wanted late rather than
 * kept.
 *
 *     x = f(w); ... g = h(..); ... u(x, g)   ->   x = f(w); ... g = h(..); ... u(f(again(w, g)), g)
 *
 * `again` makes the second f another node than the first one, although their operands are equal, and keeps it from being run
 * before g is there. The same numbers come out, random draws too: these are made of a seed, a step and a position.
 *
 * needs: a function that is differentiated and hoisted, and jobs that make all of it. gives: the same results. */
#include "passes.h"

#include <string.h>

typedef struct Working {
    Arena *a;
    const Fn *from;
    Fn *to;
    const bool *stored;
    const Job *all, *job;       /* job: the one that is done now */
    Node ***made;               /* by job: the new nodes of what it makes */
    Node **map;                 /* by old node: its latest new one; what is in no job is made once */
    Node **here[2];             /* by old node: in this job; again */
    int *number[2];             /* and the job that is meant */
    Node *waited;               /* the latest of what can be waited for */
    bool again;                 /* something was made again */
} Working;

static Node *rebuilt(const Working *w, const Node *n, Node *const *in)
{
    Span span = w->to->span;
    w->to->span = n->span;
    Node *made = node_make_as_is(w->to, n->op, n->nin, in, &n->attr);
    w->to->span = span;
    if (!made->name)
        made->name = n->name;
    return made;
}

/* Which of the job's values n is; -1: none. */
static int find_made(const Job *job, const Node *n)
{
    for (int i = 0; i < job->nmakes; i++)
        if (job->makes[i] == n)
            return i;
    return -1;
}

/* A value that was made before, as the job shall see it that is done now. */
static Node *read(const Working *w, const Node *n, bool again)
{
    Node *x = w->map[n->id];
    for (int i = 0; w->job && i < w->job->nreads; i++) {
        const JobValue *r = &w->job->reads[i];
        if (r->node != n)
            continue;
        x = w->made[r->job][find_made(&w->all[r->job], n)];
        again |= r->waits && w->again;
    }
    if (!x)
        BUG("%s is read before it is made", n->name ? n->name : op_info(n->op)->text);
    Node *in[] = {x, w->waited};
    return again && w->waited && w->waited != x ? node_make_as_is(w->to, OP_AGAIN, 2, in, NULL) : x;
}

static Node *made(Working *w, const Node *n, bool again);

static Node *operands_made(Working *w, const Node *n, bool again)
{
    if (!n->nin)
        return rebuilt(w, n, NULL);
    Node **in = NEWN(w->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = made(w, n->in[i], again);
    return rebuilt(w, n, in);
}

static bool is_inside(void *context, const Node *n)
{
    const Working *w = context;
    return !w->stored[n->id] || find_made(w->job, n) >= 0;
}

static Node *enters(void *context, const Node *n)
{
    return made(context, n, true);
}

/* n's own value, made in this job. */
static Node *work_out(Working *w, const Node *n, bool again)
{
    const Outside out = {.context = w, .is_inside = is_inside, .value = enters, .to = w->to};
    Node *looped = w->job && w->job->by_example && n == w->job->makes[w->job->nmakes - 1] ? make_by_example(n, &out) : NULL;
    if (looped)
        return looped;
    if (n->op != OP_AGAIN)
        return operands_made(w, n, again);
    Node *in[] = {made(w, n->in[0], again), w->map[n->in[1]->id]};
    return in[1] ? node_make_as_is(w->to, OP_AGAIN, 2, in, NULL) : in[0];
}

/* The new node of n as this job sees it; `again`: read behind all jobs before. */
static Node *made(Working *w, const Node *n, bool again)
{
    int number = w->job ? (int)(w->job - w->all) + 1 : -1;
    int own = w->job && w->stored[n->id] ? find_made(w->job, n) : -1;
    again = own >= 0 ? w->job->again[own] : again;
    if (n->op == OP_CHECK && !w->map[n->id])
        w->map[n->id] = operands_made(w, n, false);
    if (n->op == OP_INPUT || n->op == OP_CHECK || (w->stored[n->id] && own < 0))
        return read(w, n, again);
    if (w->number[again][n->id] == number)
        return w->here[again][n->id];
    Node *x = work_out(w, n, again);
    w->number[again][n->id] = number;
    return w->here[again][n->id] = x;
}

static void work(Working *w, const Job *job)
{
    Node **values = w->made[job - w->all] = NEWN(w->a, Node *, job->nmakes + 1);
    w->job = job;
    for (int i = job->by_example ? job->nmakes - 1 : 0; i < job->nmakes; i++)
        values[i] = made(w, job->makes[i], false);
    for (int i = 0; i < job->nmakes; i++)
        if (values[i] && (!job->again[i] || i == job->nmakes - 1))
            w->map[job->makes[i]->id] = values[i];
    for (int i = 0; i < job->nmakes; i++)
        w->again |= job->again[i];
    if (job->waited >= 0)
        w->waited = values[job->waited];
}

Fn *rematerialize(Arena *a, const Fn *fn, const bool *stored, const Job *job, int njob)
{
    int n = fn->node.n + 1;
    Working w = {.a = a, .from = fn, .to = fn_new(a, fn->name), .stored = stored, .all = job};
    w.to->span = fn->span;
    w.map = NEWN(a, Node *, n);
    w.made = NEWN(a, Node **, njob + 1);
    for (int i = 0; i < 2; i++) {
        w.here[i] = NEWN(a, Node *, n);
        w.number[i] = NEWN(a, int, n);
    }
    for (int i = 0; i < fn->input.n; i++)
        w.map[fn->input.at[i].node->id] = node_rebuild(w.to, fn->input.at[i].node, NULL);
    for (int i = 0; i < njob; i++)
        work(&w, &job[i]);
    w.job = NULL;
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(w.to, port->role, port->index, port->name, made(&w, port->node, false));
    }
    return fn_prune(w.to);
}
