/* SPDX-License-Identifier: MIT */
/* remat_turns.c: what decisions about tensors come to.
 *
 * The tasks run in the plan's order. In front of each, what it reads and is not there is made again, and before that what that is
 * made of, and so on. Element work that only one value of the task reads is done where it is read instead. Then nobody needs
 * some of what was made first: it is left out. Last come the lives of all copies, and the bytes of each round. */
#include "remat.h"

#include <string.h>

enum { ELEMENTS_A_MAC = 8 };    /* element operations are worth as much as a multiply-accumulate: they stream */

typedef struct Walk {
    const Model *m;
    const Decision *decision;
    Turns *t;
    int now;                    /* the task whose turn it is */
} Walk;

static const Tensor *tensor(const Walk *w, int i)
{
    return &w->m->tensor.at[i];
}

/* About the time that a large tensor is in. */
static Decision decided(const Walk *w, int i)
{
    const Tensor *x = tensor(w, i);
    int touched = w->t->touched[i];
    return w->decision[x->decision + (touched ? touched - 1 : 0)];
}

static bool is_live(const Walk *w, int i)
{
    return !tensor(w, i)->large || w->t->live[i] >= 0;
}

/* ---- putting a round together -------------------------------------------------------------------------- */
static bool is_made(const Parts *p, int i)
{
    for (int k = 0; k < p->made.n; k++)
        if (p->made.at[k].tensor == i)
            return true;
    return false;
}

static void add_made(Walk *w, Parts *p, int i, bool again)
{
    const Tensor *x = tensor(w, i);
    Made made = {.tensor = i, .copy = -1, .again = again, .kept = !again};
    for (int k = 0; x->unit->kind == UNIT_LOOP && k < p->made.n; k++)
        made.along |= tensor(w, p->made.at[k].tensor)->unit == x->unit;
    vec_push(w->m->a, &p->made, made);
    p->scratch += again ? x->inner + x->packs : 0;
}

static void add_seen(Walk *w, Parts *p, int i)
{
    Seen seen = {w->t->live[i], i};
    for (int k = 0; k < p->seen.n; k++)
        if (p->seen.at[k].copy == seen.copy)
            return;
    if (seen.copy >= 0)
        vec_push(w->m->a, &p->seen, seen);
}

static void make(Walk *w, int i, bool by_example);

/* All that tensor i is made of. `by_example`: what is not there is made so, where it can. */
static void add_reads(Walk *w, Parts *p, int i, bool by_example)
{
    const Tensor *x = tensor(w, i);
    for (int k = 0; k < x->reads.n; k++) {
        const Read *r = &x->reads.at[k];
        const Tensor *y = tensor(w, r->tensor);
        if (is_made(p, r->tensor))
            continue;
        bool one = by_example && r->by_example && y->goes_by_example && !y->private;
        bool in_line = r->in_line && !(y->anchored && p->anchored) && (!by_example || !r->by_example || y->goes_by_example);
        if (!y->private && (is_live(w, r->tensor) || !(in_line || one))) {
            if (!is_live(w, r->tensor))
                make(w, r->tensor, decided(w, r->tensor) & BY_EXAMPLE);
            add_seen(w, p, r->tensor);
            continue;
        }
        p->anchored |= y->anchored;
        add_reads(w, p, r->tensor, by_example && r->by_example);
        add_made(w, p, r->tensor, true);
        if (one && !in_line) {
            p->by_example = true;
            p->scratch += y->bytes / y->batch;
        }
    }
}

static Parts *parts_begin(Walk *w, bool anchored)
{
    Turns *t = w->t;
    if (t->depth == t->parts.n)
        vec_push(w->m->a, &t->parts, NEW(w->m->a, Parts));
    Parts *p = t->parts.at[t->depth++];
    p->made.n = p->seen.n = 0;
    p->by_example = false;
    p->anchored = anchored;
    p->scratch = 0;
    return p;
}

/* The round that is put together runs now. */
static void run(Walk *w, Parts *p, int task)
{
    Turns *t = w->t;
    Arena *a = w->m->a;
    Round round = {.task = task, .now = w->now, .by_example = p->by_example, .made = t->made.n, .nmade = p->made.n, .seen = t->seen.n,
                   .nseen = p->seen.n, .scratch = p->scratch};
    int now = t->round.n;
    for (int k = 0; k < p->made.n; k++) {
        Made made = p->made.at[k];
        if (made.kept) {
            Life life = {.tensor = made.tensor, .from = now, .to = now};
            made.copy = t->live[made.tensor] = t->copy.n;
            vec_push(a, &t->copy, life);
        }
        vec_push(a, &t->made, made);
    }
    for (int k = 0; k < p->seen.n; k++)
        vec_push(a, &t->seen, p->seen.at[k]);
    vec_push(a, &t->round, round);
    t->depth--;
}

/* What was made again for this round alone is gone. */
static void forget(Walk *w, const Parts *p)
{
    for (int k = 0; k < p->seen.n; k++) {
        int i = p->seen.at[k].tensor;
        if (tensor(w, i)->large && (decided(w, i) & (DROP | LINGER)) == DROP)
            w->t->live[i] = -1;
    }
}

/* A loop has all its results made; those that the task reads as well need not be made twice. */
static void add_results(Walk *w, Parts *p, int i)
{
    const Tensor *x = tensor(w, i);
    const Numbers *makes = &w->m->task.at[x->task].makes;
    for (int k = 0; x->unit->kind == UNIT_LOOP && k < makes->n; k++) {
        int other = makes->at[k], next = w->t->touched[other];
        const Tensor *y = tensor(w, other);
        if (other == i)
            continue;
        add_made(w, p, other, true);
        p->made.at[p->made.n - 1].kept = y->large && !is_live(w, other) && next < y->touches.n && y->touches.at[next] == w->now;
        if (!p->made.at[p->made.n - 1].kept)
            p->scratch += y->bytes;
    }
}

static void make(Walk *w, int i, bool by_example)
{
    Parts *p = parts_begin(w, tensor(w, i)->anchored || !is_element(tensor(w, i)->node));
    add_reads(w, p, i, by_example && tensor(w, i)->goes_by_example);
    add_results(w, p, i);
    add_made(w, p, i, true);
    p->made.at[p->made.n - 1].kept = true;
    run(w, p, -1);
    forget(w, p);
}

/* ---- tasks --------------------------------------------------------------------------------------------- */
/* The task has touched what it makes and reads: the time behind it begins. */
static void pass(Walk *w, int task)
{
    const Numbers *touches = &w->m->task.at[task].touches;
    for (int k = 0; k < touches->n; k++) {
        int i = touches->at[k];
        w->t->touched[i]++;
        if (decided(w, i) & DROP)
            w->t->live[i] = -1;
    }
}

/* Is something that the tensor reads not there? *alone: it reads nothing that its task has yet to make. */
static bool lacks(const Walk *w, const Tensor *x, bool *alone)
{
    bool some = false;
    for (int k = 0; k < x->reads.n; k++) {
        const Tensor *y = tensor(w, x->reads.at[k].tensor);
        if (y->private)
            some |= lacks(w, y, alone);
        else if (y->task == x->task)
            *alone = false;
        else
            some |= x->reads.at[k].by_example && !is_live(w, x->reads.at[k].tensor);
    }
    return some;
}

/* It shall be made with what is not there one example at a time. */
static bool begins_by_example(const Walk *w, int i)
{
    const Tensor *x = tensor(w, i);
    bool alone = true;
    return x->large && x->goes_by_example && (w->decision[x->decision] & FIRST_BY_EXAMPLE) && lacks(w, x, &alone) && alone;
}

static void run_task(Walk *w, int task)
{
    const Numbers *makes = &w->m->task.at[task].makes;
    Parts *p = parts_begin(w, true);
    for (int k = 0; k < makes->n; k++) {
        if (begins_by_example(w, makes->at[k])) {
            make(w, makes->at[k], true);
            continue;
        }
        add_reads(w, p, makes->at[k], false);
        add_made(w, p, makes->at[k], false);
    }
    p->scratch += w->m->task.at[task].scratch;
    vec_push(w->m->a, &w->t->start, w->t->round.n);
    run(w, p, task);
    pass(w, task);
}

/* ---- what it comes to ---------------------------------------------------------------------------------- */
/* Does a round make something that is no large tensor? */
static bool is_wanted(const Walk *w, const Round *r)
{
    for (int k = 0; k < r->nmade; k++) {
        const Made *made = &w->t->made.at[r->made + k];
        const Tensor *x = tensor(w, made->tensor);
        if (!x->large && !x->private && !made->again && x->unit->kind != UNIT_PACK)
            return true;
        if (made->copy >= 0 && w->t->copy.at[made->copy].needed)
            return true;
    }
    return false;
}

/* From the last round to the first: who is needed, and how long copies live. */
static void find_lives(Walk *w)
{
    Turns *t = w->t;
    for (int now = t->round.n - 1; now >= 0; now--) {
        Round *r = &t->round.at[now];
        r->idle = !is_wanted(w, r);
        for (int k = 0; !r->idle && k < r->nseen; k++) {
            Life *life = &t->copy.at[t->seen.at[r->seen + k].copy];
            life->to = life->needed ? life->to : now;
            life->needed = true;
        }
    }
}

static void add_costs(Walk *w)
{
    Turns *t = w->t;
    int64_t elements = 0;
    t->cost = 0;
    for (int now = 0; now < t->round.n; now++)
        for (int k = 0; !t->round.at[now].idle && k < t->round.at[now].nmade; k++) {
            const Made *made = &t->made.at[t->round.at[now].made + k];
            const Tensor *x = tensor(w, made->tensor);
            if (made->along)
                continue;
            t->cost += x->macs;
            elements += x->elements;
        }
    t->cost += elements / ELEMENTS_A_MAC;
}

/* What tensor x is made of in round r lives on. */
static void outlast(Walk *w, const Round *r, const Tensor *x, int to)
{
    Turns *t = w->t;
    for (int k = 0; k < x->reads.n; k++) {
        const Tensor *y = tensor(w, x->reads.at[k].tensor);
        if (y->task == x->task)
            outlast(w, r, y, to);
        for (int s = 0; s < r->nseen; s++) {
            Life *life = &t->copy.at[t->seen.at[r->seen + s].copy];
            if (life->tensor == x->reads.at[k].tensor && life->to < to)
                life->to = to;
        }
    }
}

/* What overwrites a tensor of the caller's waits for all who read it, and what it is made of waits with it. */
static void delay_overwriting(Walk *w)
{
    Turns *t = w->t;
    for (int i = 0; i < w->m->plan->buffers.n; i++)
        t->last[i] = -1;
    for (int now = 0; now < t->round.n; now++)
        for (int k = 0; !t->round.at[now].idle && k < t->round.at[now].nmade; k++) {
            const Tensor *x = tensor(w, t->made.at[t->round.at[now].made + k].tensor);
            for (int j = 0; j < x->ports.n; j++)
                t->last[x->ports.at[j]] = now;
        }
    for (int i = 0; i < w->m->tensor.n; i++) {
        const Tensor *x = tensor(w, i);
        int first = t->start.at[x->task], last = x->overwrites >= 0 ? t->last[x->overwrites] : -1;
        if (last > first)
            outlast(w, &t->round.at[first], x, last);
    }
}

/* Bytes that need not be there twice: a value takes the place of what it is made of. */
static int64_t bytes_in_place(Walk *w, int now)
{
    Turns *t = w->t;
    const Round *r = &t->round.at[now];
    int64_t bytes = 0;
    for (int k = 0; !r->by_example && k < r->nmade; k++) {
        const Made *made = &t->made.at[r->made + k];
        const Tensor *x = tensor(w, made->tensor);
        bool placed = made->copy < 0 || !x->bytes;
        for (int j = 0; !placed && j < x->reads.n; j++)
            for (int s = 0; x->reads.at[j].in_place && !placed && s < r->nseen; s++) {
                Life *life = &t->copy.at[t->seen.at[r->seen + s].copy];
                if (life->tensor != x->reads.at[j].tensor || life->to != now || life->replaced)
                    continue;
                placed = life->replaced = true;
                bytes += x->bytes;
            }
    }
    return bytes;
}

static void add_bytes(Walk *w, int64_t limit)
{
    Turns *t = w->t;
    const Model *m = w->m;
    t->bytes.n = 0;
    for (int now = 0; now <= t->round.n; now++)
        vec_push(m->a, &t->bytes, 0);
    for (int k = 0; k < t->copy.n; k++) {
        const Life *life = &t->copy.at[k];
        if (t->round.at[life->from].idle)
            continue;
        t->bytes.at[life->from] += tensor(w, life->tensor)->bytes;
        t->bytes.at[life->to + 1] -= tensor(w, life->tensor)->bytes;
    }
    for (int k = 0; k < m->fixed.n; k++) {
        t->bytes.at[t->start.at[m->fixed.at[k].from]] += m->fixed.at[k].bytes;
        t->bytes.at[t->start.at[m->fixed.at[k].to] + 1] -= m->fixed.at[k].bytes;
    }
    int64_t live = 0;
    t->peak = 0;
    t->excess = 0;
    for (int now = 0; now < t->round.n; now++) {
        live += t->bytes.at[now];
        const Round *r = &t->round.at[now];
        t->bytes.at[now] = r->idle ? 0 : live + r->scratch - bytes_in_place(w, now);
        t->peak = t->bytes.at[now] > t->peak ? t->bytes.at[now] : t->peak;
        t->excess += t->bytes.at[now] > limit ? t->bytes.at[now] - limit : 0;
    }
}

Turns *turns_new(Arena *a, const Model *m)
{
    Turns *t = NEW(a, Turns);
    t->live = NEWN(a, int, m->tensor.n + 1);
    t->touched = NEWN(a, int, m->tensor.n + 1);
    t->last = NEWN(a, int, m->plan->buffers.n + 1);
    return t;
}

void remat_turns(const Model *m, const Decision *decision, int64_t limit, Turns *t)
{
    Walk w = {.m = m, .decision = decision, .t = t};
    t->round.n = t->made.n = t->seen.n = t->copy.n = t->start.n = t->depth = 0;
    for (int i = 0; i < m->tensor.n; i++) {
        t->live[i] = -1;
        t->touched[i] = 0;
    }
    for (w.now = 0; w.now < m->task.n; w.now++)
        run_task(&w, w.now);
    find_lives(&w);
    add_costs(&w);
    delay_overwriting(&w);
    add_bytes(&w, limit);
}
