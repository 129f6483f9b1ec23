/* SPDX-License-Identifier: MIT */
/* recompute.c: tensors that are made again rather than kept: decided on a model of the plan (remat.h), then done, and planned. */
#include "remat.h"

enum {
    MOST_TRIES = 6,     /* searches, */
    MOST_FITTING = 2,   /* and those among them with a plan that fits: of them the one is taken that computes least */
    MOST_AT_LIMIT = 3,  /* that aim at the limit although the one before did not reach it */
};

/* ---- doing it ------------------------------------------------------------------------------------------ */
typedef struct Doing {
    Arena *a;
    const Model *m;
    const Turns *t;
    int *job;                   /* by round */
} Doing;

static bool is_value(const Tensor *x)
{
    return x->unit->kind == UNIT_VALUE || x->unit->kind == UNIT_LOOP;
}

static Job job_of(const Doing *d, const Round *r)
{
    Job job = {.by_example = r->by_example, .waited = -1};
    job.makes = NEWN(d->a, const Node *, r->nmade + 1);
    job.again = NEWN(d->a, bool, r->nmade + 1);
    job.reads = NEWN(d->a, JobValue, r->nseen + 1);
    for (int i = 0; i < r->nmade; i++) {
        const Made *made = &d->t->made.at[r->made + i];
        const Tensor *x = &d->m->tensor.at[made->tensor];
        if (!is_value(x))
            continue;
        job.waited = x->large && made->copy >= 0 ? job.nmakes : job.waited;
        job.again[job.nmakes] = made->again;
        job.makes[job.nmakes++] = x->node;
    }
    for (int i = 0; i < r->nseen; i++) {
        const Seen *seen = &d->t->seen.at[r->seen + i];
        const Tensor *x = &d->m->tensor.at[seen->tensor];
        if (is_value(x))
            job.reads[job.nreads++] = (JobValue){x->node, d->job[d->t->copy.at[seen->copy].from], x->large};
    }
    return job;
}

static Fn *do_turns(Arena *a, const Model *m, const Turns *t)
{
    const Fn *fn = m->plan->fn;
    Doing d = {.a = a, .m = m, .t = t, .job = NEWN(a, int, t->round.n + 1)};
    Job *job = NEWN(a, Job, t->round.n + 1);
    bool *stored = NEWN(a, bool, fn->node.n + 1);
    int n = 0;
    for (int i = 0; i < fn->node.n; i++)
        stored[i] = m->plan->held[i] != NULL;
    for (int i = 0; i < t->round.n; i++) {
        d.job[i] = n;
        if (!t->round.at[i].idle)
            job[n++] = job_of(&d, &t->round.at[i]);
    }
    return rematerialize(a, fn, stored, job, n);
}

/* ---- what was done ------------------------------------------------------------------------------------- */
typedef struct Remade {         /* a large tensor */
    int times;                  /* that it is made; */
    bool again;                 /* not where the plan has it, or not only there; */
    bool whole;                 /* at least once not for one example at a time */
    int64_t macs;               /* of all times but the first */
    int round;                  /* of a private one: the last that is counted, and 1 */
} Remade;

/* Of x, with what is private to its task. */
static int64_t count_macs(const Model *m, const Tensor *x, int round, Remade *remade)
{
    int64_t macs = x->macs;
    for (int i = 0; i < x->reads.n; i++) {
        int k = x->reads.at[i].tensor;
        if (!m->tensor.at[k].private || remade[k].round == round)
            continue;
        remade[k].round = round;
        macs += count_macs(m, &m->tensor.at[k], round, remade);
    }
    return macs;
}

static void count_remade(const Model *m, const Turns *t, int round, Remade *remade)
{
    const Round *r = &t->round.at[round];
    for (int i = 0; i < r->nmade; i++) {
        const Made *made = &t->made.at[r->made + i];
        const Tensor *x = &m->tensor.at[made->tensor];
        Remade *of = &remade[made->tensor];
        if (!x->large)
            continue;
        of->again |= made->again;
        of->whole |= !r->by_example || made->copy >= 0;
        int64_t macs = count_macs(m, x, round + 1, remade);
        of->macs += of->times++ && !made->along ? macs : 0;
    }
}

static void take(Fit *f, const Model *m, const Turns *t, Plan *p)
{
    Remade *remade = NEWN(f->a, Remade, m->tensor.n + 1);
    for (int i = 0; i < t->round.n; i++)
        if (!t->round.at[i].idle)
            count_remade(m, t, i, remade);
    for (int i = 0; i < m->tensor.n; i++) {
        Choice choice = {.function = f->function, .what = m->tensor.at[i].node, .saved = m->tensor.at[i].bytes, .macs = remade[i].macs};
        choice.means = !remade[i].whole ? "by-example" : remade[i].times > 1 ? "recompute" : "later";
        if (remade[i].again)
            vec_push(f->a, &f->choices, choice);
    }
    f->plan = p;
}

/* ---- the search ---------------------------------------------------------------------------------------- */
/* One that fits is better the less it computes, others the smaller they are. */
static bool is_better(const Plan *x, const Plan *y, int64_t limit)
{
    bool fits = x->arena_bytes <= limit, other = y->arena_bytes <= limit;
    if (fits != other)
        return fits;
    return fits ? plan_macs(x) < plan_macs(y) : x->arena_bytes < y->arena_bytes;
}

/* A plan is not quite what the model says: a lower aim may make up for it. What cannot be reached is approached from above. */
typedef struct Aim {
    int64_t bytes;
    int64_t missed;             /* the largest that was not reached, 0: none */
    int64_t over;               /* the least by which a plan was above the limit whose model was not; INT64_MAX: none */
} Aim;

static void aim_again(Aim *aim, int tries, int64_t limit, int64_t peak, const Plan *p, int64_t least)
{
    if (peak <= limit && p->arena_bytes - limit < aim->over)
        aim->over = p->arena_bytes - limit;
    if (tries < MOST_AT_LIMIT)
        return;
    if (aim->over < INT64_MAX) {
        int64_t lower = limit - aim->over * (tries - MOST_AT_LIMIT + 1);
        aim->bytes = lower > limit / 2 ? lower : limit / 2;
        return;
    }
    if (peak > aim->bytes)
        aim->missed = aim->bytes;
    aim->bytes = ((peak > aim->bytes ? least : aim->bytes) + aim->missed) / 2 + 1;
}

void fit_recompute(Fit *f)
{
    Aim aim = {.bytes = f->limit > 0 ? f->limit : 1, .over = INT64_MAX};
    const Fit before = *f;
    const Model *m = remat_model(f->a, f->plan, aim.bytes);
    Turns *t = turns_new(f->a, m);
    for (int i = 1, fitting = 0; i <= (fitting ? MOST_AT_LIMIT : MOST_TRIES) && fitting < MOST_FITTING && m->ndecision; i++) {
        remat_turns(m, remat_search(f->a, m, aim.bytes, i), aim.bytes, t);
        Plan *p = fit_lower(f, f->a, do_turns(f->a, m, t));
        if (!p)
            continue;
        if (is_better(p, f->plan, f->limit)) {
            *f = before;
            take(f, m, t, p);
        }
        fitting += p->arena_bytes <= f->limit;
        if (p->arena_bytes > f->limit)
            aim_again(&aim, i, f->limit, t->peak, p, f->plan->arena_bytes);
    }
}
