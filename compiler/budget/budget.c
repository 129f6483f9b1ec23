/* SPDX-License-Identifier: MIT */
/* budget.c: the means in their order, what a module needs with them, and what is said where that is not enough. */
#include "fit.h"

#include "../passes/passes.h"

#include <inttypes.h>
#include <stdlib.h>

/* The ladder: what costs least comes first. */
static Means *const ladder[] = {fit_order, fit_rows, fit_compact, fit_micro_batch, fit_recompute, fit_least_batch};

/* ---- one function --------------------------------------------------------------------------------------- */
Plan *fit_lower(const Fit *f, Arena *a, const Fn *fn)
{
    const Plan *p = f->plan;
    return lower_sparing(a, p->d, fn, p->target, p->schedules);
}

int64_t plan_macs(const Plan *p)
{
    int64_t macs = 0;
    for (int i = 0; i < p->units.n; i++)
        if (p->units.at[i]->kind == UNIT_VALUE || p->units.at[i]->kind == UNIT_LOOP)
            macs += node_macs(p->units.at[i]->node);
    return macs;
}

void fit_take(Fit *f, Plan *plan, const char *means, const Node *what)
{
    Choice choice = {.function = f->function, .means = means, .what = what, .macs = plan_macs(plan) - plan_macs(f->plan)};
    choice.saved = what ? type_bytes(what->type) : f->plan->arena_bytes - plan->arena_bytes;
    f->plan = plan;
    f->choices.at = arena_dup(f->a, f->choices.at, sizeof choice * (size_t)f->choices.n);      /* others may go another way from here */
    f->choices.cap = f->choices.n;
    vec_push(f->a, &f->choices, choice);
}

void fit_order(Fit *f)
{
    Plan *p = fit_lower(f, f->a, f->plan->fn);
    if (p && p->arena_bytes < f->plan->arena_bytes)
        fit_take(f, p, "order", NULL);
}

void fit_compact(Fit *f)
{
    const Node *what;
    const Fn *fn = compact_scatter(f->a, f->plan->fn, 0, &what);
    Plan *p = fn ? fit_lower(f, f->a, fn) : NULL;
    if (p)
        fit_take(f, p, "compact", what);
}

static void climb(Fit *f)
{
    for (int k = 0; k < LEN(ladder) && f->plan->arena_bytes > f->limit; k++)
        ladder[k](f);
}

/* A batch that is done by parts may need few bytes as it is. Other means want it as a whole: they begin with far more, and may not get
 * below that. */
static void fit_once(Fit *f)
{
    if (f->plan->fn == f->plan->whole || f->plan->arena_bytes <= f->limit) {
        climb(f);
        return;
    }
    Fit parts = *f;
    fit_order(&parts);
    if (parts.plan->arena_bytes > f->limit) {
        f->plan = lower_whole(f->plan);
        climb(f);
    }
    if (parts.plan->arena_bytes <= f->limit || parts.plan->arena_bytes <= f->plan->arena_bytes)
        *f = parts;
}

/* The search goes another way for each limit. What it does not find for one it may on its way to the least of all; so whatever is said
 * to be the least can be had. */
static void fit(Fit *f)
{
    Fit least = *f;
    fit_once(f);
    if (f->plan->arena_bytes <= f->limit)
        return;
    least.limit = 1;
    fit_once(&least);
    if (least.plan->arena_bytes < f->plan->arena_bytes)
        *f = least;
}

/* ---- what is kept between calls ------------------------------------------------------------------------- */
static int64_t entries_bytes(const Entry *entry, int n)
{
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += type_bytes(entry[i].type);
    return bytes;
}

enum { SEED_AND_STEP = 16 };    /* bytes of an optimizer's struct besides its tensors, padding with them */

typedef struct Kept {
    int64_t parameters, states, optimizer;
} Kept;

static Kept kept_between_calls(const Module *m, const ModulePlans *plans, bool baked)
{
    Kept kept = {0};
    if (!baked) {
        kept.parameters = entries_bytes(m->params.at, m->params.n);
        kept.states = entries_bytes(m->states.at, m->states.n);
    }
    kept.states += m->batch * entries_bytes(m->streams.at, m->streams.n);
    if (plans->train_step)
        kept.optimizer = entries_bytes(m->optimizer.at, m->optimizer.n) + SEED_AND_STEP;
    return kept;
}

/* ---- what stands in the way ----------------------------------------------------------------------------- */
enum { MOST_NAMED = 6 };

static int by_bytes(const void *x, const void *y)
{
    const Node *a = *(const Node *const *)x, *b = *(const Node *const *)y;
    int64_t p = type_bytes(a->type), q = type_bytes(b->type);
    return p != q ? (p < q ? 1 : -1) : a->id - b->id;
}

/* What a person knows it by; a loop's result is what its body makes. */
static const char *name_of(const Node *n)
{
    while (n->op == OP_RESULT && !n->name)
        n = n->in[0]->attr.scan.body->result.at[n->attr.index.index].node;
    return n->name ? n->name : op_info(n->op)->text;
}

/* The largest tensors that are in the arena where it is fullest. */
static void name_tensors(Arena *a, Diag *d, const Plan *p)
{
    int at = fullest_step(a, p), n = 0;
    const Node **node = NEWN(a, const Node *, p->fn->node.n + 1);
    bool *seen = NEWN(a, bool, p->buffers.n + 1);
    for (int i = p->fn->node.n - 1; i >= 0; i--) {
        const Buffer *b = p->held[i] ? buffer_root(p->held[i]) : NULL;
        if (!b || b->kind != BUFFER_ARENA || b->first > at || b->last < at || seen[b->id])
            continue;
        seen[b->id] = true;
        node[n++] = p->fn->node.at[i];
    }
    qsort(node, (size_t)n, sizeof *node, by_bytes);
    for (int i = 0; i < n && i < MOST_NAMED; i++)
        diag_note_at(d, node[i]->span, "%s : %s, %" PRId64 " bytes", name_of(node[i]), type_text(a, node[i]->type),
                     type_bytes(node[i]->type));
}

static void complain(Arena *a, Diag *d, const Budget *budget, const Plan *p, Kept kept, const BudgetReport *report)
{
    int64_t fixed = kept.parameters + kept.states + kept.optimizer;
    diag_error(d, p->fn->span, "--ram %" PRId64 " cannot be kept: %s needs %" PRId64 " bytes, the least that was found", budget->ram,
               p->fn->name, fixed + p->arena_bytes);
    diag_note(d, "parameters %" PRId64 ", states %" PRId64 ", the optimizer's %" PRId64 ", scratch %" PRId64, kept.parameters,
              kept.states, kept.optimizer, p->arena_bytes);
    name_tensors(a, d, p);
    for (int i = 0; i < report->choices.n; i++)
        if (report->choices.at[i].refused && str_eq(report->choices.at[i].function, p->fn->name))
            diag_note_at(d, report->choices.at[i].what->span, "no micro-batches: this mixes the examples of a batch");
}

/* ---- all of them ---------------------------------------------------------------------------------------- */
bool budget_keep(Arena *a, Diag *d, const Module *m, const Budget *budget, bool baked, ModulePlans *plans, BudgetReport *report)
{
    const struct {
        const char *name;
        Plan **plan;
        bool trains;
    } all[] = {{"init", &plans->init, false},             {"start", &plans->start, false},        {"infer", &plans->infer, false},
               {"train_step", &plans->train_step, true}, {"gradients", &plans->gradients, true}, {"evaluate", &plans->evaluate, true}};
    Kept kept = kept_between_calls(m, plans, baked);
    *report = (BudgetReport){.kept = kept.parameters + kept.states + kept.optimizer};
    const Plan *worst = NULL;
    for (int i = 0; i < LEN(all); i++) {
        if (!*all[i].plan)
            continue;
        Fit f = {.a = a, .function = all[i].name, .limit = budget->ram - report->kept, .plan = *all[i].plan};
        f.batch = all[i].trains && !m->micro_batch ? m->train_batch : 0;
        fit(&f);
        *all[i].plan = f.plan;
        for (int k = 0; k < f.choices.n; k++)
            vec_push(a, &report->choices, f.choices.at[k]);
        if (!worst || f.plan->arena_bytes > worst->arena_bytes)
            worst = f.plan;
    }
    report->arena = worst ? worst->arena_bytes : 0;
    if (!worst || report->kept + report->arena <= budget->ram)
        return true;
    if (!budget->quiet)
        complain(a, d, budget, worst, kept, report);
    return false;
}
