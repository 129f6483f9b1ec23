/* SPDX-License-Identifier: MIT */
/* timing.c: functions that are run again and again, each kernel with a timer.
 *
 * Other work on the machine makes a run slower, and nothing makes one faster: of every kernel the fastest run counts, and variants
 * run in turn, so that none has the quieter time. */
#include "timing.h"

#include "../verify/model.h"
#include "../../runtime/dl_threads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the clock --------------------------------------------------------------------------------------- */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
static uint64_t ticks(void)
{
    return __builtin_ia32_rdtsc();
}
#else
static uint64_t ticks(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif

/* Of the call that runs, its caller's and then those of who takes part in shared loops: emitted code knows no other way to them. */
enum { APART = 128 }; /* bytes: two lines of a cache, which are fetched together */
static struct {
    _Alignas(APART) uint64_t last;
    uint64_t *spent; /* by step */
} clocks[1 + DL_THREADS_MOST];

/* Behind a step, or at the beginning of a part, -1. */
static void tick(int thread, int step)
{
    uint64_t at = ticks();
    if (step >= 0)
        clocks[thread].spent[step] += at - clocks[thread].last;
    clocks[thread].last = at;
}

/* What a tick of nothing takes. */
static uint64_t tick_cost(void)
{
    uint64_t spent[1], best = UINT64_MAX;
    void (*volatile call)(int thread, int step) = tick; /* as from other code */
    clocks[0].spent = spent;
    for (int run = 0; run < 100; run++) {
        spent[0] = 0;
        clocks[0].last = ticks();
        for (int i = 0; i < 100; i++)
            call(0, 0);
        best = spent[0] < best ? spent[0] : best;
    }
    return best / 100;
}

/* ---- code ------------------------------------------------------------------------------------------ */
bool call_named(const char *name, Call *call)
{
    for (int c = 0; c < CALLS; c++)
        if (str_eq(name, session_call_name((Call)c))) {
            *call = (Call)c;
            return true;
        }
    return false;
}

const char *timing_command(Arena *a, const Target *target, const char *cc)
{
    return !cc || strstr(cc, " -") ? cc : target_command(a, target, cc, "-w");
}

Jit *timing_compile(void *context, const char *source, const char **why)
{
    Timing *t = context;
    if (!t->cc)
        return jit_cc(t->a, source, t->target, why);
    const FileText file = {"timed.c", source, strlen(source)};
    return jit_files(t->a, t->cc, &file, 1, why);
}

bool timing_open(Timing *t, const Module *m)
{
    t->s = session_new(t->a, m, 1u << CALL_INIT | 1u << CALL_START | 1u << t->call);
    return t->s->fn[t->call] != NULL;
}

static bool is_shared(const Step *s)
{
    return s->kind == STEP_SCAN && (s->grain || s->rows);
}

/* Threads that share a loop tick side by side. */
static void count_ticks(Variant *v, Step *const *step, int n, double times)
{
    for (int i = 0; i < n; i++) {
        if (step[i]->kind == STEP_KERNEL || is_shared(step[i]))
            v->ticks[step[i]->at] = times;
        if (step[i]->kind == STEP_SCAN)
            count_ticks(v, step[i]->body.at, step[i]->body.n,
                        times * (double)step[i]->time->extent / (is_shared(step[i]) ? v->plan->target->threads.n : 1));
    }
}

static Variant *variant_new(Timing *t, Plan *plan)
{
    Variant *v = NEW(t->a, Variant);
    int n = plan->nstep + 1;
    *v = (Variant){.plan = plan, .ticks = NEWN(t->a, double, n), .best = NEWN(t->a, uint64_t, n),
                   .seconds = NEWN(t->a, double, n), .best_whole = UINT64_MAX};
    for (int i = 0; i < n; i++)
        v->best[i] = UINT64_MAX;
    count_ticks(v, plan->steps.at, plan->steps.n, 1);
    vec_push(t->a, &t->variants, v);
    return v;
}

/* The first variant makes the weights too. */
Variant *timing_add(Timing *t, Plan *timed, const char **why)
{
    MemoryFunction functions[CALLS];
    Variant *v = NULL;
    int n = 0;
    bool first = !t->variants.n;
    int64_t bytes = 64;
    *why = NULL;
    for (int c = 0; c < CALLS; c++) {
        bool is_timed = c == (int)t->call;
        if (!t->s->fn[c] || !(is_timed || first))
            continue;
        Plan *plan = is_timed ? timed : lower(t->a, t->d, t->s->fn[c], t->target);
        if (!plan || diag_errors(t->d))
            return NULL;
        functions[n++] = (MemoryFunction){session_call_name((Call)c), plan, is_timed};
        bytes = plan->arena_bytes > bytes ? plan->arena_bytes : bytes;
        session_take(t->s, (Call)c, plan->fn);
        v = is_timed ? variant_new(t, plan) : v;
    }
    Jit *jit = timing_compile(t, emit_memory(t->a, functions, n), why);
    if (!jit)
        return NULL;
    for (int i = 0; i < n; i++) {
        Call c = t->call;
        call_named(functions[i].name, &c);
        v->code[c] = (JitFunction *)jit_symbol(jit, arena_printf(t->a, "dlc_%s", functions[i].name));
    }
    *(void (**)(int, int))jit_symbol(jit, "dlc_tick") = tick;
    v->arena = scratch_new(bytes);
    if (!v->arena)
        *why = "there is not enough memory";
    return v->arena ? v : NULL;
}

/* ---- running --------------------------------------------------------------------------------------- */
static void run(Timing *t, Variant *v, Call c)
{
    v->code[c](t->s->in[c], t->s->out[c], v->arena, t->pool);
}

static void clocks_open(Timing *t)
{
    int steps = 0;
    for (int i = 0; i < t->variants.n; i++)
        steps = t->variants.at[i]->plan->nstep > steps ? t->variants.at[i]->plan->nstep : steps;
    for (int thread = 0; thread <= t->target->threads.n; thread++)
        clocks[thread].spent = NEWN(t->a, uint64_t, steps + APART / (int)sizeof(uint64_t));
}

static void first_calls(void *context)
{
    Timing *t = context;
    clocks_open(t);
    session_seed(t->s, 1);
    session_step(t->s, 1);
    session_count(t->s, t->s->m->train_batch);
    session_draw(t->s, t->call);
    for (Call c = CALL_INIT; c <= CALL_START; c++)
        if (t->variants.at[0]->code[c])
            run(t, t->variants.at[0], c);
    for (int i = 0; i < t->variants.n; i++)
        run(t, t->variants.at[i], t->call);
}

bool timing_start(Timing *t)
{
    return code_survives(first_calls, t);
}

/* A shared loop's time goes to its kernels in proportion to what all threads have spent in each. */
static void share_time(const Plan *p, const Step *loop)
{
    uint64_t *spent = clocks[0].spent, all = 1;
    for (int at = loop->at + 1; at < loop->end; at++) {
        for (int thread = 1; thread <= p->target->threads.n; thread++)
            spent[at] += clocks[thread].spent[at];
        all += spent[at];
    }
    const double part = (double)spent[loop->at] / (double)all;
    for (int at = loop->at + 1; at < loop->end; at++)
        spent[at] = (uint64_t)((double)spent[at] * part);
}

static void share_times(const Plan *p, Step *const *step, int n)
{
    for (int i = 0; i < n; i++)
        if (is_shared(step[i]))
            share_time(p, step[i]);
        else if (step[i]->kind == STEP_SCAN)
            share_times(p, step[i]->body.at, step[i]->body.n);
}

static void run_timed(Timing *t, Variant *v)
{
    for (int thread = 0; thread <= t->target->threads.n; thread++)
        memset(clocks[thread].spent, 0, sizeof(uint64_t) * (size_t)(v->plan->nstep + 1));
    uint64_t start = clocks[0].last = ticks();
    run(t, v, t->call);
    uint64_t took = ticks() - start;
    share_times(v->plan, v->plan->steps.at, v->plan->steps.n);
    v->best_whole = took < v->best_whole ? took : v->best_whole;
    for (int i = 0; i < v->plan->nstep; i++)
        v->best[i] = clocks[0].spent[i] < v->best[i] ? clocks[0].spent[i] : v->best[i];
}

static double without(uint64_t ticks_of, uint64_t cost, double times, double second)
{
    uint64_t timer = (uint64_t)((double)cost * times);
    return (double)(ticks_of > timer ? ticks_of - timer : 1) * second;
}

void timing_run(Timing *t, double seconds)
{
    uint64_t cost = tick_cost(), first = ticks();
    double begin = now();
    clocks_open(t);
    for (int64_t round = 0; round < 3 || now() - begin < seconds; round++, t->runs++)
        for (int i = 0; i < t->variants.n; i++)
            run_timed(t, t->variants.at[i]);
    double second = (now() - begin) / (double)(ticks() - first);
    for (int i = 0; i < t->variants.n; i++) {
        Variant *v = t->variants.at[i];
        double times = 0;
        for (int k = 0; k < v->plan->nstep; k++) {
            v->seconds[k] = v->ticks[k] > 0 ? without(v->best[k], cost, v->ticks[k], second) : 0;
            times += v->ticks[k];
        }
        v->whole = without(v->best_whole, cost, times, second);
    }
}

void timing_close(Timing *t)
{
    dl_threads_close(t->pool);
    for (int i = 0; i < t->variants.n; i++)
        free(t->variants.at[i]->arena);
}
