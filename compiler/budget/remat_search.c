/* SPDX-License-Identifier: MIT */
/* remat_search.c: decisions that fit and cost little, by threshold accepting (Dueck and Scheuer, 1990).
 *
 * One decision after the other is changed and what it comes to worked out. What is better stays, and so does what is a little
 * worse, ever less so. What does not fit costs as well, ever more. No clock and no randomness of the machine's: the same
 * decisions each time. */
#include "remat.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORK = 4000000,         /* rounds worked out, */
    MOST_CHANGES = 20000,   /* and changes that may take */
    PERCENT_UNDONE = 20,    /* of the changes are about what is not kept as it is, */
    PERCENT_DROPPED = 10,   /* and about what is there where too much is */
    TRIES = 64,             /* to find such a one */
};
/* As parts of all multiply-accumulates: how much worse something may be at first; what a tensor of the limit's size costs for each
 * round in which it does not fit, at first and in the end. */
static const double WORSE = 0.04, FIRST_PRICE = 0.5, LAST_PRICE = 3;

typedef struct Search {
    const Model *m;
    int64_t limit;
    uint32_t state;             /* of random numbers */
    Numbers about;              /* decisions that matter */
    Decision *decision, *best;
    int64_t best_peak, best_cost;
    Turns *now, *next;
} Search;

static int draw(Search *s, int below)
{
    s->state = s->state * 1664525u + 1013904223u;
    return (int)((uint64_t)(s->state >> 4) * (uint32_t)below >> 28);
}

/* Nothing runs between two tasks that stand side by side, but for what is not there at first. */
static void list_decisions(Search *s, Arena *a)
{
    for (int i = 0; i < s->m->tensor.n; i++) {
        const Tensor *x = &s->m->tensor.at[i];
        for (int k = 0; x->large && k < x->touches.n; k++)
            if (!k || k == x->touches.n - 1 || x->touches.at[k + 1] > x->touches.at[k] + 1)
                vec_push(a, &s->about, x->decision + k);
    }
}

static int any(Search *s)
{
    return s->about.at[draw(s, s->about.n)];
}

/* One that is not to keep a tensor. */
static int any_undone(Search *s)
{
    int k = any(s);
    for (int i = 0; i < TRIES && !s->decision[k]; i++)
        k = any(s);
    return k;
}

/* About a tensor that is there, and lies idle, where too much is. */
static int any_in_the_way(Search *s)
{
    const Turns *t = s->now;
    int at = draw(s, t->round.n);
    for (int i = 0; i < TRIES && t->bytes.at[at] <= s->limit; i++)
        at = draw(s, t->round.n);
    for (int i = 0; i < TRIES; i++) {
        const Life *life = &t->copy.at[draw(s, t->copy.n)];
        const Tensor *x = &s->m->tensor.at[life->tensor];
        int k = 0;
        if (!x->large || life->from >= at || life->to <= at || t->round.at[life->from].idle)
            continue;
        while (k + 1 < x->touches.n && x->touches.at[k + 1] <= t->round.at[at].now)
            k++;
        return x->decision + k;
    }
    return any(s);
}

static Decision change(Search *s, Decision old)
{
    static const Decision others[] = {0, 0, DROP, DROP, DROP | BY_EXAMPLE, DROP | LINGER, DROP | LINGER | BY_EXAMPLE};
    Decision d = others[draw(s, LEN(others))] | (old & FIRST_BY_EXAMPLE);
    return draw(s, 8) ? d : d ^ FIRST_BY_EXAMPLE;
}

static bool fits_better(const Search *s, const Turns *t)
{
    if (s->best_peak <= s->limit)
        return t->peak <= s->limit && t->cost < s->best_cost;
    return t->peak < s->best_peak;
}

static void keep_best(Search *s, const Turns *t)
{
    if (!fits_better(s, t))
        return;
    memcpy(s->best, s->decision, sizeof *s->best * (size_t)s->m->ndecision);
    s->best_peak = t->peak;
    s->best_cost = t->cost;
}

static void try_change(Search *s, double worse, double price)
{
    int kind = draw(s, 100);
    int k = kind < PERCENT_UNDONE ? any_undone(s) : kind < PERCENT_UNDONE + PERCENT_DROPPED ? any_in_the_way(s) : any(s);
    Decision old = s->decision[k];
    s->decision[k] = change(s, old);
    if (s->decision[k] == old)
        return;
    remat_turns(s->m, s->decision, s->limit, s->next);
    double before = (double)s->now->cost + price * (double)s->now->excess, after = (double)s->next->cost + price * (double)s->next->excess;
    if (after > before + worse * draw(s, 1 << 20) / (1 << 20)) {
        s->decision[k] = old;
        return;
    }
    Turns *was = s->now;
    s->now = s->next;
    s->next = was;
    keep_best(s, s->now);
}

/* What was decided and does not help any more is undone. */
static void tidy(Search *s)
{
    static const Decision plainer[] = {0, (Decision)~FIRST_BY_EXAMPLE, (Decision)~BY_EXAMPLE, (Decision)~LINGER};
    memcpy(s->decision, s->best, sizeof *s->best * (size_t)s->m->ndecision);
    for (int i = 0; i < s->about.n; i++)
        for (int k = 0; k < LEN(plainer); k++) {
            Decision *d = &s->decision[s->about.at[i]], old = *d;
            if (!(old & (Decision)~plainer[k]))
                continue;
            *d &= plainer[k];
            remat_turns(s->m, s->decision, s->limit, s->next);
            if (s->next->cost > s->best_cost || s->next->peak > s->best_peak) {
                *d = old;
                continue;
            }
            s->best_cost = s->next->cost;
            s->best_peak = s->next->peak;
        }
}

Decision *remat_search(Arena *a, const Model *m, int64_t limit, int number)
{
    Search s = {.m = m, .limit = limit, .state = (uint32_t)number * 7919u + 1, .now = turns_new(a, m), .next = turns_new(a, m)};
    s.decision = NEWN(a, Decision, m->ndecision + 1);
    s.best = NEWN(a, Decision, m->ndecision + 1);
    list_decisions(&s, a);
    remat_turns(m, s.decision, limit, s.now);
    s.best_peak = s.now->peak;
    s.best_cost = s.now->cost;
    double all = (double)s.now->cost;
    int n = WORK / (s.now->round.n + 1);
    n = n < MOST_CHANGES ? n : MOST_CHANGES;
    for (int i = 0; i < n && s.about.n; i++) {
        double left = 1 - (double)i / n;
        try_change(&s, WORSE * all * left * left, all / (double)limit * (LAST_PRICE + (FIRST_PRICE - LAST_PRICE) * left * left));
    }
    tidy(&s);
    return s.decision;
}
