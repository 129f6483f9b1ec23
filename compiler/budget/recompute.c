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
    MOST_DESCENTS = 3,      /* that fail: each step is half as long as the one before */
    MOST_TRIALS = 400000,   /* nodes lowered for one way through the choices */
    WORTH_PRUNING = 100,    /* what costs less than this part of all multiply-accumulates is not looked at again */
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
    const Node *without;        /* or: what it is made of at step `to`, and shall be there for one example at a time; else NULL */
    int64_t saves, macs;
    double worth;
} Gap;

/* What segments begin with (pin_narrows): made again like anything else; from each other alone; or not, until nothing else helps. */
typedef enum Pins { PINS_NONE, PINS_SOFT, PINS_HARD } Pins;

/* A choice, so that it is found again in a plan that lacks some of those before it: the node by what it looks like and how many
 * of the kind come before it. */
typedef struct Which {
    Span span;
    Op op;
    Type type;
    int rank;
} Which;

typedef struct Move {
    Which node, without;
    bool remade;                /* or a gap: */
    int gap, way;               /* between which of the steps that touch the node */
} Move;

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
    int64_t *live, *above;      /* by step: bytes; those above the limit */
    Touches *touched;           /* by node, in the order of the steps */
    Unit **maker;               /* by node */
    bool *stored, *there, *late;    /* by node, as in Recompute */
    Pins pins;
    bool *pinned;               /* by node */
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
    if (g->without && (n == g->without || (s->maker[n->id] && s->maker[n->id]->step >= g->to)))
        return false;
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
    if (g->without)
        g->macs -= node_macs(g->node);      /* which is not made any more */
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

static bool is_large(const Search *s, const Node *n)
{
    return in_arena(s, n) && type_bytes(n->type) * LEAST >= s->f->limit;
}

/* What the loss is made of, by node. */
static const bool *find_forward(const Search *s)
{
    int n = s->fn->node.n;
    bool *forward = NEWN(s->a, bool, n + 1);
    const Node *loss = fn_find_result(s->fn, ROLE_LOSS, 0);
    if (loss)
        forward[loss->id] = true;
    for (int i = n - 1; i >= 0; i--)
        for (int k = 0; forward[i] && k < s->fn->node.at[i]->nin; k++)
            forward[s->fn->node.at[i]->in[k]->id] = true;
    return forward;
}

/* The last step at which the forward pass touches n. */
static int last_forward(const Search *s, const bool *forward, const Node *n)
{
    const Touches *t = &s->touched[n->id];
    int last = -1;
    for (int i = 0; i < t->n; i++)
        if (forward[t->at[i].unit->node->id])
            last = t->at[i].step;
    return last;
}

/* Where the way to the loss is narrow: a large tensor that is all that is kept of what comes before it. It is what a segment
 * begins with: the rest of the segment can be made again from it. */
static void pin_narrows(Search *s)
{
    int n = s->fn->node.n;
    const bool *forward = find_forward(s);
    int *last = NEWN(s->a, int, n + 1);
    Numbers large = {0};
    for (int i = 0; i < n; i++) {
        last[i] = last_forward(s, forward, s->fn->node.at[i]);
        if (forward[i] && s->maker[i] && is_large(s, s->fn->node.at[i]))
            vec_push(s->a, &large, i);
    }
    for (int i = 0; i < large.n; i++) {
        int x = large.at[i], made = s->maker[x]->step;
        s->pinned[x] = true;
        for (int k = 0; k < large.n && s->pinned[x]; k++)
            if (k != i && s->maker[large.at[k]]->step <= made)
                s->pinned[x] = last[large.at[k]] <= made;
    }
    for (int i = 0; i + 1 < large.n; i++)       /* of a tensor and the next, if that is made of it alone, the second */
        if (s->pinned[large.at[i]] && s->pinned[large.at[i + 1]] && last[large.at[i]] <= s->maker[large.at[i + 1]]->step)
            s->pinned[large.at[i]] = false;
}

/* Of what was priced last: no large tensor is needed but those that segments begin with. */
static bool comes_from_pins(const Search *s)
{
    for (int i = 0; i < s->fn->node.n; i++)
        if (s->there[i] && !s->pinned[i] && is_large(s, s->fn->node.at[i]))
            return false;
    return true;
}

/* What u's kernel makes for later steps may be made by example, so that a large tensor it is made of is never there whole:
 * one read by `at`, u or what the same kernel makes for it. */
static void find_remade(Search *s, const Unit *u, const Unit *at)
{
    const Touches *t = &s->touched[u->node->id];
    if (!is_large(s, u->node) || t->at[t->n - 1].step <= u->step || is_result_copied(t, 0))
        return;
    for (int i = 0; i < at->needs.n; i++) {
        const Unit *o = at->needs.at[i];
        if (o->kind != UNIT_VALUE || !s->stored[o->node->id])
            continue;
        if (o->step == u->step) {
            find_remade(s, u, o);
            continue;
        }
        Gap g = {.node = u->node, .from = -1, .to = u->step, .without = o->node};
        int64_t bytes = type_bytes(o->node->type);
        if (!is_large(s, o->node))
            continue;
        g.saves = s->above[u->step] < bytes ? s->above[u->step] : bytes;
        if (price(s, &g))
            vec_push(s->a, &s->gaps, g);
    }
}

static void find_gaps(Search *s)
{
    for (int i = 0; i < s->fn->node.n; i++) {
        const Node *n = s->fn->node.at[i];
        const Touches *t = &s->touched[i];
        bool large = is_large(s, n);
        for (int k = 0; large && k + 1 < t->n; k++) {
            Gap g = {.node = n, .from = t->at[k].step, .to = t->at[k + 1].step};
            g.saves = g.to > g.from + 1 ? saved_in(s, n, g.from, g.to) : 0;
            if (g.saves && !is_result_copied(t, k + 1) && price(s, &g) && (!s->pinned[i] || (s->pins == PINS_SOFT && comes_from_pins(s))))
                vec_push(s->a, &s->gaps, g);
        }
    }
    for (int i = 0; i < s->p->units.n; i++)
        if (s->p->units.at[i]->kind == UNIT_VALUE && s->above[s->p->units.at[i]->step])
            find_remade(s, s->p->units.at[i], s->p->units.at[i]);
    if (s->gaps.n)
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

static bool makes_work(const Node *n)
{
    OpClass class = op_info(n->op)->class;
    return class == CLASS_ELEMENT || class == CLASS_CONTRACT || n->op == OP_RESULT;
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
        if (!way && makes_work(n->in[i]) && type_bytes(n->in[i]->type) == type_bytes(x->type)) {
            if (!s->stored[n->in[i]->id])
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
static Plan *plan_without(Search *s, Gap *g, Arena *trial, bool meeting, bool by_example)
{
    const Touches *t = &s->touched[g->node->id];
    memset(s->late, 0, sizeof *s->late * (size_t)s->fn->node.n);
    for (int i = 0; i < t->n; i++) {
        const Unit *u = t->at[i].unit;
        if (u->step >= g->to && u->node != g->node && (u->kind == UNIT_VALUE || u->kind == UNIT_LOOP))
            s->late[u->node->id] = true;
    }
    const Node *after = meeting ? find_meeting(s, g) : find_after(s, g);
    if (!after || !price(s, g))
        return NULL;
    Recompute what = {.node = g->node, .after = after, .stored = s->stored, .late = s->late, .there = s->there,
                      .by_example = by_example};
    const Fn *fn = recompute(trial, s->fn, &what);
    return fn ? fit_lower(s->f, trial, fn) : NULL;
}

static Search search_new(Fit *f, Arena *a, Pins pins)
{
    const Plan *p = f->plan;
    int n = p->fn->node.n + 1;
    Search s = {.f = f, .a = a, .p = p, .pins = pins, .fn = p->fn, .live = live_bytes(a, p), .above = live_bytes(a, p)};
    for (int i = 0; i <= p->nstep; i++)
        s.above[i] = s.above[i] > f->limit ? s.above[i] - f->limit : 0;
    s.touched = NEWN(a, Touches, n);
    s.maker = NEWN(a, Unit *, n);
    s.stored = NEWN(a, bool, n);
    s.there = NEWN(a, bool, n);
    s.late = NEWN(a, bool, n);
    s.pinned = NEWN(a, bool, n);
    find_touched(&s);
    if (pins)
        pin_narrows(&s);
    find_gaps(&s);
    return s;
}

/* ---- the search ---------------------------------------------------------------------------------------- */
enum { WAYS = 4 };      /* to make a value again: behind what it meets or not, by example or not */

static bool looks_like(const Node *n, const Which *w)
{
    return n->op == w->op && n->span.source == w->span.source && n->span.lo == w->span.lo && n->span.hi == w->span.hi && type_eq(n->type, w->type);
}

static Which which(const Fn *fn, const Node *n)
{
    Which w = {n->span, n->op, n->type, 0};
    for (int i = 0; i < n->id; i++)
        w.rank += looks_like(fn->node.at[i], &w);
    return w;
}

static const Node *find_which(const Fn *fn, const Which *w)
{
    int rank = 0;
    for (int i = 0; i < fn->node.n; i++)
        if (looks_like(fn->node.at[i], w) && rank++ == w->rank)
            return fn->node.at[i];
    return NULL;
}

static Move *move_of(const Search *s, const Gap *g, int way)
{
    Move *m = NEW(s->f->a, Move);
    *m = (Move){.node = which(s->fn, g->node), .way = way, .remade = g->without};
    if (g->without)
        m->without = which(s->fn, g->without);
    const Touches *t = &s->touched[g->node->id];
    while (!m->remade && m->gap + 1 < t->n && !(t->at[m->gap].step == g->from && t->at[m->gap + 1].step == g->to))
        m->gap++;
    return m;
}

/* The best way for the first gap that makes the plan smaller; false where none does. */
static bool round_of_search(Fit *f, Pins pins)
{
    Arena *work = arena_inner(f->a);
    Search s = search_new(f, work, pins);
    int64_t least = live_excess(work, f->plan, f->limit);
    Plan *best = NULL;
    const Node *what = NULL;
    Move *move = NULL;
    for (int i = 0; i < s.gaps.n && i < MOST_FAILURES && !best; i++)
        for (int way = s.gaps.at[i].without ? 2 : 0; way < (s.gaps.at[i].without ? 3 : WAYS) && *f->trials > 0; way++) {
            Gap *g = &s.gaps.at[i];
            Plan *p = plan_without(&s, g, f->a, way & 1, way & 2);
            int64_t excess = p ? live_excess(work, p, f->limit) : least;
            *f->trials -= p ? s.fn->node.n : 0;
            if (excess >= least)
                continue;
            least = excess;
            best = p;
            what = g->node;
            move = move_of(&s, g, way);
        }
    if (best) {
        fit_take(f, best, "recompute", what);
        f->choices.at[f->choices.n - 1].move = move;
    }
    arena_free(work);
    return best;
}

static void approach(Fit *f, Pins pins)
{
    for (int round = 0; round < MOST_ROUNDS && f->plan->arena_bytes > f->limit; round++)
        if (!round_of_search(f, pins))
            return;
}

/* A limit that is far away makes everything seem in the way: it is approached in steps, of a part of the arena. */
static void descend(Fit *f, Pins pins, int step)
{
    for (int failed = 0; f->plan->arena_bytes > f->limit && failed < MOST_DESCENTS;) {
        Fit try = *f;
        int64_t bytes = f->plan->arena_bytes;
        try.limit = bytes - bytes / (step << failed) > f->limit ? bytes - bytes / (step << failed) : f->limit;
        approach(&try, failed ? PINS_NONE : pins);
        if (try.plan->arena_bytes >= f->plan->arena_bytes) {
            failed++;
            continue;
        }
        try.limit = f->limit;
        *f = try;
    }
}

/* One that fits is better the less it computes, others the smaller they are. */
static bool is_better(const Fit *x, const Fit *y)
{
    bool fits = x->plan->arena_bytes <= x->limit, other = y->plan->arena_bytes <= y->limit;
    if (fits != other)
        return fits;
    return fits ? plan_macs(x->plan) < plan_macs(y->plan) : x->plan->arena_bytes < y->plan->arena_bytes;
}

/* The same choice in the plan as it is now; false where there is no such thing any more. */
static bool repeat(Fit *f, const Choice *choice)
{
    Arena *work = arena_inner(f->a);
    const Move *m = choice->move;
    Search s = search_new(f, work, PINS_NONE);
    const Node *n = find_which(s.fn, &m->node);
    Gap g = {.node = n, .without = n && m->remade ? find_which(s.fn, &m->without) : NULL};
    const Touches *t = n ? &s.touched[n->id] : NULL;
    bool found = n && in_arena(&s, n) && (m->remade ? g.without && s.maker[n->id] : m->gap + 1 < t->n);
    if (found && m->remade) {
        g.from = -1;
        g.to = s.maker[n->id]->step;
    } else if (found) {
        g.from = t->at[m->gap].step;
        g.to = t->at[m->gap + 1].step;
    }
    found = found && !is_result_copied(t, m->remade ? 0 : m->gap + 1);
    Plan *p = found ? plan_without(&s, &g, f->a, m->way & 1, m->way & 2) : NULL;
    if (p) {
        fit_take(f, p, "recompute", n);
        f->choices.at[f->choices.n - 1].move = choice->move;
    }
    arena_free(work);
    return p;
}

/* What was chosen early may be needless by what was chosen later: each choice is left out where the others do. */
static void prune(const Fit *from, Fit *best)
{
    for (int i = best->choices.n - 1; i >= from->choices.n; i--) {
        if (best->choices.at[i].macs * WORTH_PRUNING < plan_macs(best->plan))
            continue;
        Fit try = *from;
        for (int k = from->choices.n; k < best->choices.n; k++)
            if (k != i)
                repeat(&try, &best->choices.at[k]);
        if (try.plan->arena_bytes <= try.limit && plan_macs(try.plan) < plan_macs(best->plan)) {
            *best = try;
            i = best->choices.n < i ? best->choices.n : i;
        }
    }
}

/* No order of choices is best for all: what is cheap now may be in the way of what saves more. Several are tried. */
void fit_recompute(Fit *f)
{
    static const struct {
        Pins pins;
        int step;
    } ways[] = {{PINS_SOFT, 1}, {PINS_HARD, 1}, {PINS_SOFT, 8}, {PINS_NONE, 8}, {PINS_NONE, 3}};
    Fit best = *f;
    int64_t trials = MOST_TRIALS;
    for (int i = 0, fitting = 0; i < 2 * LEN(ways) && fitting < 3 && (i < LEN(ways) || !fitting); i++) {
        Fit try = *f;
        try.trials = &trials;
        trials = MOST_TRIALS;
        if (i >= LEN(ways))     /* a lower aim is sometimes reached by choices that the higher one does not ask for */
            try.limit -= try.limit / 16 * 3;
        descend(&try, ways[i % LEN(ways)].pins, ways[i % LEN(ways)].step);
        try.limit = f->limit;
        fitting += try.plan->arena_bytes <= f->limit;
        if (is_better(&try, &best))
            best = try;
    }
    if (best.plan->arena_bytes <= f->limit)
        prune(f, &best);
    *f = best;
}
