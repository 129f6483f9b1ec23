/* SPDX-License-Identifier: MIT */
/* bound.c: what a function's kernels take at least on a machine.
 *
 * Arithmetic: as if every operation went at the pace of multiply-adds in the widest vectors. Memory: every tensor a call touches
 * is moved once, from where it has to be (see costs_of). A loop's first step finds what was touched before it, all others what
 * the step before left. */
#include "profile.h"

typedef struct Walk {
    Arena *a;
    const Plan *p;
    const Machine *m;
    Traffic *traffic; /* by step */
    Costs costs;
    double *last;     /* by buffer: how much had been touched, in all, when it was touched last; -1: never */
    double touched;
    bool counts;
} Walk;

static bool share_memory(const Buffer *x, const Buffer *y)
{
    return x == y || (x->kind == BUFFER_ARENA && y->kind == BUFFER_ARENA && x->offset < y->offset + type_bytes(y->type) &&
                      y->offset < x->offset + type_bytes(x->type));
}

/* Of what is read: since then; of what is only written: since anything was in its place. */
static double last_touch(const Walk *w, const Touch *t)
{
    double last = -1;
    for (int i = 0; i < w->p->buffers.n; i++) {
        const Buffer *b = w->p->buffers.at[i];
        if (w->last[i] > last && (t->read ? b == t->buffer : share_memory(b, t->buffer)))
            last = w->last[i];
    }
    return last;
}

static int level_of(const Walk *w, double distance)
{
    int i = 0;
    while (i + 1 < w->m->nlevel && distance > (double)w->m->level[i].bytes)
        i++;
    return i;
}

/* As much as possible by copying; what is left is read or filled. */
static double moving_time(const Level *l, double read, double written)
{
    double both = read < written ? read : written;
    return 2 * both / l->copy + (read - both) / l->read + (written - both) / l->fill;
}

static void visit_kernel(Walk *w, const Step *s, int64_t times)
{
    const Traffic *t = &w->traffic[s->at];
    Cost *c = &w->costs.at[s->at];
    double read[MOST_LEVELS] = {0}, written[MOST_LEVELS] = {0};
    for (int i = 0; i < t->touches.n; i++) {
        const Touch *touch = &t->touches.at[i];
        double last = last_touch(w, touch);
        int level = last < 0 ? w->m->nlevel - 1 : level_of(w, w->touched - last);
        read[level] += (double)touch->read;
        written[level] += (double)touch->written;
    }
    for (int i = 0; w->counts && i < w->m->nlevel; i++)
        c->level[i] += (double)times * moving_time(&w->m->level[i], read[i], written[i]);
    for (int i = 0; i < t->touches.n; i++)
        w->last[t->touches.at[i].buffer->id] = w->touched;
    w->touched += (double)(t->read + t->written);
    if (!w->counts)
        return;
    c->kernel = s->kernel;
    c->step = s->at;
    c->calls += times;
    c->operations += (double)times * t->operations;
    c->bytes += (double)times * (double)(t->read + t->written);
    c->compute += (double)times * 2 * t->slots / w->m->flops;
}

static void visit_steps(Walk *w, Step *const *step, int n, int64_t times)
{
    for (int i = 0; i < n; i++) {
        const Step *s = step[i];
        if (s->kind == STEP_KERNEL) {
            visit_kernel(w, s, times);
            continue;
        }
        visit_steps(w, s->body.at, s->body.n, times);
        if (s->time->extent > 1)
            visit_steps(w, s->body.at, s->body.n, times * (s->time->extent - 1));
    }
}

static void find_traffic(Walk *w, Step *const *step, int n)
{
    for (int i = 0; i < n; i++)
        if (step[i]->kind == STEP_KERNEL)
            w->traffic[step[i]->at] = traffic_of(w->a, step[i]->kernel);
        else
            find_traffic(w, step[i]->body.at, step[i]->body.n);
}

static Walk walk_of(Arena *a, const Plan *p)
{
    Walk w = {.a = a, .p = p, .traffic = NEWN(a, Traffic, p->nstep + 1), .last = NEWN(a, double, p->buffers.n + 1)};
    for (int i = 0; i < p->buffers.n; i++)
        w.last[i] = -1;
    find_traffic(&w, p->steps.at, p->steps.n);
    return w;
}

Costs costs_of(Arena *a, const Plan *p, const Machine *m)
{
    Walk w = walk_of(a, p);
    w.m = m;
    for (int i = 0; i < p->nstep; i++)
        vec_push(a, &w.costs, ((Cost){0}));
    for (int call = 0; call < 2; call++) {
        w.counts = call == 1;
        visit_steps(&w, p->steps.at, p->steps.n, 1);
    }
    Costs costs = {0};
    for (int i = 0; i < w.costs.n; i++) {
        Cost *c = &w.costs.at[i];
        for (int k = 0; k < m->nlevel; k++)
            c->memory += c->level[k];
        if (c->kernel)
            vec_push(a, &costs, *c);
    }
    return costs;
}

int64_t plan_bytes(Arena *a, const Plan *p)
{
    Walk w = walk_of(a, p);
    int64_t bytes = p->arena_bytes;
    for (int i = 0; i < p->nstep; i++)
        for (int k = 0; k < w.traffic[i].touches.n; k++) {
            const Buffer *b = w.traffic[i].touches.at[k].buffer;
            bytes += b->kind == BUFFER_PORT && w.last[b->id] < 0 ? type_bytes(b->type) : 0;
            w.last[b->id] = 0;
        }
    return bytes;
}
