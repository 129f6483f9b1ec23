/* SPDX-License-Identifier: MIT */
/* verify_loads.c: every load in an expression, with what guards it. */
#include "verify.h"

enum { BUDGET = 200000 };   /* visits to expressions: far more than any kernel has, unless guards nest without end */

typedef struct Walk {
    Arena *a;
    VisitLoad *visit;
    void *context;
    VEC(Guard) guards;
    VEC(bool) seen; /* by expression: met without guards around it */
    int budget;
} Walk;

static void walk_lin(Walk *w, const Lin *x);

static void walk_guarded(Walk *w, const Ex *e);

static void walk_ex(Walk *w, const Ex *e)
{
    if (w->budget-- <= 0)
        return;
    while (w->seen.n <= e->id)
        vec_push(w->a, &w->seen, false);
    if (w->guards.n == 0 && w->seen.at[e->id])
        return;
    w->seen.at[e->id] |= w->guards.n == 0;
    if (e->kind == X_LOAD) {
        Load load = {e->buffer, e->at, w->guards.at, w->guards.n};
        w->visit(w->context, &load);
    }
    if (e->at)
        walk_lin(w, e->at);
    for (int i = 0; i < e->nguard; i++)
        walk_lin(w, e->guard[i].at);
    if (e->kind == X_GUARD)
        walk_guarded(w, e);
    for (int i = e->kind == X_GUARD; i < e->nin; i++)
        walk_ex(w, e->in[i]);
}

static void walk_guarded(Walk *w, const Ex *e)
{
    int outside = w->guards.n;
    for (int i = 0; i < e->nguard; i++)
        vec_push(w->a, &w->guards, e->guard[i]);
    walk_ex(w, e->in[0]);
    w->guards.n = outside;
}

static void walk_lin(Walk *w, const Lin *x)
{
    for (int i = 0; i < x->n; i++) {
        if (x->term[i].atom->kind == ATOM_VALUE)
            walk_ex(w, x->term[i].atom->value);
        else if (x->term[i].atom->of)
            walk_lin(w, x->term[i].atom->of);
    }
}

void visit_loads(Arena *a, const Ex *e, VisitLoad *visit, void *context)
{
    Walk w = {.a = a, .visit = visit, .context = context, .budget = BUDGET};
    walk_ex(&w, e);
}

void visit_index_loads(Arena *a, const Lin *x, VisitLoad *visit, void *context)
{
    Walk w = {.a = a, .visit = visit, .context = context, .budget = BUDGET};
    walk_lin(&w, x);
}
