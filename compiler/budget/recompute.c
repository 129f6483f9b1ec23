/* SPDX-License-Identifier: MIT */
/* recompute.c: which values are made again rather than kept.
 *
 * A tensor lies idle between two steps that touch it. Over each such gap in which more is live than fits, what is saved is
 * the bytes above the limit that the tensor makes, summed over the steps of the gap; what it costs are the multiply-accumulates
 * and elements of making it again. The best ratio is taken, the function planned again, and so on: each round looks at a real
 * plan, so that what it has been told of in-place work, fusion and order is true. */
#include "fit.h"

#include "../kernels/lower.h"
#include "../passes/passes.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP = 8,               /* the part of the arena that is to be saved next; */
    MOST_DESCENTS = 3,      /* where that fails, half of it, so often */
    MOST_ROUNDS = 400,
    MOST_FAILURES = 12,     /* tried without gain, one after the other */
    MOST_NODES = 200,       /* made again for one value */
    LEAST = 200,            /* a tensor of less than this part of the limit is not worth it */
    SMALL = 64,             /* a tensor of so much less is kept rather than made again */
    ELEMENTS_A_MAC = 8,     /* element operations are worth as much as a multiply-accumulate: they stream */
};

typedef struct Gap {            /* in which a tensor lies idle */
    const Node *node;
    int from, to;               /* steps that touch it; none between them does */
    int64_t saves, macs;
    double worth;
} Gap;

typedef struct Touch {
    int step;
    Unit *unit;                 /* that makes or reads it */
} Touch;

typedef VEC(Touch) Touches;

typedef struct Search {
    Fit *f;
    Arena *a;
    const Plan *p;
    const Fn *fn;
    int64_t *above;             /* by step: bytes above the limit */
    Touches *touched;           /* by node, in the order of the steps */
    Unit **maker;               /* by node */
    bool *stored, *there, *late;    /* by node, as in Recompute */
    Marks marks;
    VEC(Gap) gaps;
} Search;

/* ---- when what is touched ------------------------------------------------------------------------------ */
static void touch(Search *s, const Node *n, Unit *u)
{
    Touches *t = &s->touched[n->id];
    Touch touch = {u->step, u};
    int at = t->n;
    vec_push(s->a, t, touch);
    for (; at > 0 && t->at[at - 1].step > u->step; at--)
        t->at[at] = t->at[at - 1];
    t->at[at] = touch;
}

/* Everything stored that u is made of, seen through what is not. */
static void touch_operands(Search *s, const Node *n, Unit *u)
{
    for (int i = 0; i < read_operands(n); i++) {
        const Node *x = n->in[i];
        if (!marks_add(&s->marks, x->id))
            continue;
        if (s->stored[x->id])
            touch(s, x, u);
        else if (x->op != OP_SCAN)
            touch_operands(s, x, u);
    }
}

static void find_touched(Search *s)
{
    for (int i = 0; i < s->fn->node.n; i++)
        s->stored[i] = s->p->held[i] != NULL;
    for (int i = 0; i < s->p->units.n; i++) {
        Unit *u = s->p->units.at[i];
        const Node *n = u->node;
        marks_clear(s->a, &s->marks, s->fn->node.n);
        if (s->stored[n->id])
            touch(s, n, u);
        if (u->kind == UNIT_VALUE || u->kind == UNIT_LOOP)
            s->maker[n->id] = u;
        if (u->kind == UNIT_VALUE || u->kind == UNIT_LOOP || !s->stored[n->id])
            touch_operands(s, n, u);
    }
    for (int i = 0; i < s->fn->node.n; i++) {
        const Node *n = s->fn->node.at[i];
        if (n->op == OP_RESULT && s->maker[n->in[0]->id]) {
            s->maker[i] = s->maker[n->in[0]->id];
            touch(s, n, s->maker[i]);
        }
    }
}

/* ---- what making it again costs ------------------------------------------------------------------------ */
static bool in_arena(const Search *s, const Node *n)
{
    const Buffer *b = s->p->held[n->id];
    return b && b->kind == BUFFER_ARENA;
}

/* Is n there at the gap's end anyway, or so small that it may be kept until then? */
static bool is_there(const Search *s, const Gap *g, const Node *n)
{
    const Touches *t = &s->touched[n->id];
    if (n->op == OP_INPUT || n->op == OP_CHECK)
        return true;
    return in_arena(s, n) && t->n &&
           (t->at[t->n - 1].step >= g->to || type_bytes(n->type) * SMALL <= type_bytes(g->node->type));
}

static int64_t elements_of(const Node *n)
{
    int64_t elements = type_count(n->type);
    for (int i = 0; n->op != OP_SCAN && i < n->nin; i++)
        elements = type_count(n->in[i]->type) > elements ? type_count(n->in[i]->type) : elements;
    if (n->op != OP_SCAN)
        return elements * (op_info(n->op)->cost + 1);
    elements = 0;
    for (int i = 0; i < n->attr.scan.body->node.n; i++)
        elements += elements_of(n->attr.scan.body->node.at[i]);
    return elements * n->attr.scan.length;
}

/* Adds what has to be made again for n; false where that is too much. */
static bool add_cost(Search *s, Gap *g, const Node *n, int *nodes, int64_t *elements)
{
    while (n->op == OP_AGAIN)
        n = n->in[0];
    if (!marks_add(&s->marks, n->id) || n->op == OP_CONST || n->op == OP_IOTA)
        return true;
    if (n != g->node && is_there(s, g, n)) {
        s->there[n->id] = true;
        return true;
    }
    if (++*nodes > MOST_NODES)
        return false;
    g->macs += node_macs(n);
    *elements += elements_of(n);
    for (int i = 0; i < n->nin; i++)
        if (!add_cost(s, g, n->in[i], nodes, elements))
            return false;
    return true;
}

static bool price(Search *s, Gap *g)
{
    int nodes = 0;
    int64_t elements = 0;
    g->macs = 0;
    memset(s->there, 0, sizeof *s->there * (size_t)s->fn->node.n);
    marks_clear(s->a, &s->marks, s->fn->node.n);
    if (!add_cost(s, g, g->node, &nodes, &elements))
        return false;
    g->worth = (double)g->saves / ((double)g->macs + (double)elements / ELEMENTS_A_MAC + 1);
    return true;
}

/* ---- gaps ---------------------------------------------------------------------------------------------- */
static int64_t saved_in(const Search *s, const Node *n, int from, int to)
{
    int64_t saves = 0, bytes = type_bytes(n->type);
    for (int at = from + 1; at < to; at++)
        saves += s->above[at] < bytes ? s->above[at] : bytes;
    return saves;
}

/* A result's value is wanted in its place in the end. */
static bool is_result_copied(const Touches *t, int from)
{
    for (int i = from; i < t->n; i++)
        if (t->at[i].unit->kind == UNIT_COPY && t->at[i].unit->buffer->kind == BUFFER_PORT)
            return true;
    return false;
}

static int by_worth(const void *x, const void *y)
{
    const Gap *a = x, *b = y;
    return a->worth != b->worth ? (a->worth < b->worth ? 1 : -1) : a->node->id != b->node->id ? a->node->id - b->node->id : a->from - b->from;
}

static void find_gaps(Search *s)
{
    for (int i = 0; i < s->fn->node.n; i++) {
        const Node *n = s->fn->node.at[i];
        const Touches *t = &s->touched[i];
        bool large = in_arena(s, n) && type_bytes(n->type) * LEAST >= s->f->limit;
        for (int k = 0; large && k + 1 < t->n; k++) {
            Gap g = {.node = n, .from = t->at[k].step, .to = t->at[k + 1].step};
            g.saves = g.to > g.from + 1 ? saved_in(s, n, g.from, g.to) : 0;
            if (g.saves && !is_result_copied(t, k + 1) && price(s, &g))
                vec_push(s->a, &s->gaps, g);
        }
    }
    qsort(s->gaps.at, (size_t)s->gaps.n, sizeof *s->gaps.at, by_worth);
}

/* ---- doing it ------------------------------------------------------------------------------------------ */
/* What needs no late user, by node: it can be waited for. */
static const bool *find_early(const Search *s)
{
    bool *early = NEWN(s->a, bool, s->fn->node.n + 1);
    for (int i = 0; i < s->fn->node.n; i++) {
        early[i] = !s->late[i];
        for (int k = 0; k < s->fn->node.at[i]->nin && early[i]; k++)
            early[i] = early[s->fn->node.at[i]->in[k]->id];
    }
    return early;
}

/* The last work inside the gap; NULL without any. */
static const Node *find_after(const Search *s, const Gap *g)
{
    const Node *after = NULL;
    const bool *early = find_early(s);
    int best = g->from;
    for (int i = 0; i < s->fn->node.n; i++) {
        const Unit *u = s->maker[i];
        const Node *n = s->fn->node.at[i];
        if (u && early[i] && n->op != OP_SCAN && s->stored[i] && u->step > best && u->step < g->to) {
            best = u->step;
            after = n;
        }
    }
    return after;
}

/* What x meets in its late user n: the other operand, of as many elements, where n or something worked out on the way to it
 * brings the two together. Made before x is made again, it may stand for several tensors that it is made of. */
static const Node *find_met(const Search *s, const Node *n, const Node *x, bool *leads)
{
    const Node *met = NULL;
    bool here = false;
    for (int i = 0; i < read_operands(n) && !met; i++) {
        const Node *o = n->in[i];
        bool way = o == x;
        if (!way && !s->stored[o->id] && o->op != OP_SCAN)
            met = find_met(s, o, x, &way);
        here |= way;
    }
    *leads = here;
    for (int i = 0; here && i < read_operands(n) && !met; i++) {
        bool way = n->in[i] == x;
        if (!way && !s->stored[n->in[i]->id] && is_element(n->in[i]) && type_bytes(n->in[i]->type) == type_bytes(x->type)) {
            find_met(s, n->in[i], x, &way);
            met = way ? NULL : n->in[i];
        }
    }
    return met;
}

/* What it meets first. */
static const Node *find_meeting(const Search *s, const Gap *g)
{
    const Touches *t = &s->touched[g->node->id];
    const bool *early = find_early(s);
    const Node *met = NULL;
    bool leads;
    for (int i = 0; i < t->n && !met; i++)
        if (s->late[t->at[i].unit->node->id])
            met = find_met(s, t->at[i].unit->node, g->node, &leads);
    return met && early[met->id] ? met : NULL;
}

/* The plan where g's tensor is made again at the end of the gap; with `meeting`, behind what it meets there. */
static Plan *plan_without(Search *s, Gap *g, Arena *trial, bool meeting)
{
    const Touches *t = &s->touched[g->node->id];
    memset(s->late, 0, sizeof *s->late * (size_t)s->fn->node.n);
    for (int i = 0; i < t->n; i++) {
        const Unit *u = t->at[i].unit;
        if (u->step >= g->to && (u->kind == UNIT_VALUE || u->kind == UNIT_LOOP))
            s->late[u->node->id] = true;
    }
    const Node *after = meeting ? find_meeting(s, g) : find_after(s, g);
    if (!after || !price(s, g))
        return NULL;
    Recompute what = {.node = g->node, .after = after, .stored = s->stored, .late = s->late, .there = s->there};
    return fit_lower(s->f, trial, recompute(trial, s->fn, &what));
}

static Search search_new(Fit *f, Arena *a)
{
    const Plan *p = f->plan;
    int n = p->fn->node.n + 1;
    Search s = {.f = f, .a = a, .p = p, .fn = p->fn, .above = live_bytes(a, p)};
    for (int i = 0; i <= p->nstep; i++)
        s.above[i] = s.above[i] > f->limit ? s.above[i] - f->limit : 0;
    s.touched = NEWN(a, Touches, n);
    s.maker = NEWN(a, Unit *, n);
    s.stored = NEWN(a, bool, n);
    s.there = NEWN(a, bool, n);
    s.late = NEWN(a, bool, n);
    find_touched(&s);
    find_gaps(&s);
    return s;
}

/* The best gap that makes the plan smaller; false without one. */
static bool round_of_search(Fit *f)
{
    Arena *work = arena_inner(f->a);
    Search s = search_new(f, work);
    int64_t least = live_excess(work, f->plan, f->limit);
    Plan *best = NULL;
    const Node *what = NULL;
    for (int i = 0; i < s.gaps.n && i < MOST_FAILURES && !best; i++)
        for (int meeting = 0; meeting < 2; meeting++) {
            Gap *g = &s.gaps.at[i];
            Plan *p = plan_without(&s, g, f->a, meeting);
            int64_t excess = p ? live_excess(work, p, f->limit) : least;
            if (excess >= least)
                continue;
            least = excess;
            best = p;
            what = g->node;
        }
    if (best)
        fit_take(f, best, "recompute", what);
    arena_free(work);
    return best;
}

/* Towards a limit, until no gap is worth anything. */
static void search(Fit *f)
{
    for (int round = 0; round < MOST_ROUNDS && f->plan->arena_bytes > f->limit; round++)
        if (!round_of_search(f))
            return;
}

/* In steps: a limit that is far away makes everything seem in the way. */
void fit_recompute(Fit *f)
{
    Fit best = *f;
    int choices = f->report->choices.n;
    for (int failed = 0; best.plan->arena_bytes > f->limit && failed < MOST_DESCENTS;) {
        Fit try = best;
        try.limit = best.plan->arena_bytes - best.plan->arena_bytes / (STEP << failed);
        try.limit = try.limit > f->limit ? try.limit : f->limit;
        search(&try);
        if (try.plan->arena_bytes < best.plan->arena_bytes) {
            best.plan = try.plan;
            choices = f->report->choices.n;
        } else {
            failed++;
        }
        f->report->choices.n = choices;
    }
    f->plan = best.plan;
}
