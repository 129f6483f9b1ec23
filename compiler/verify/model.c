/* SPDX-License-Identifier: MIT */
/* model.c: all functions of a model, verified: each kernel alone, all in their order, and calls as users make
 * them. */
#include "model.h"

#include "../../runtime/dl_threads.h"

typedef struct Function {
    const char *name;
    Plan *plan;         /* NULL: the module has none */
    Code code;
} Function;

enum { INIT, START, INFER, EVALUATE, GRADIENTS, TRAIN_STEP, FUNCTIONS };

typedef struct Verify {
    Arena *a;
    const Module *m;
    Function function[FUNCTIONS];
    Tensors tensors;
    const VerifyOptions *options;
    Verdict *verdict;
    Jit *jit;
} Verify;

static bool build(Verify *v, CompileCode *compile, void *context, const char **why)
{
    MemoryFunction functions[FUNCTIONS];
    int n = 0;
    for (int i = 0; i < FUNCTIONS; i++)
        if (v->function[i].plan)
            functions[n++] = (MemoryFunction){.name = v->function[i].name, .plan = v->function[i].plan};
    v->jit = compile(context, v->m, functions, n, why);
    if (!v->jit)
        return false;
    for (int i = 0, k = 0; i < FUNCTIONS; i++)
        if (v->function[i].plan && !code_find(v->a, v->jit, &functions[k++], &v->function[i].code, why))
            return false;
    return true;
}

/* Kernel by kernel, on values as they are, and on others. */
static void check_kernels(Verify *v, Function *f)
{
    Verdict *to = v->verdict;
    int64_t batch = v->m->train_batch;
    to->function[to->nfunction].function = f->name;
    to->function[to->nfunction].kernels = f->plan->kernels.n;
    bool fine = true;
    for (int given = 0; fine && given < GIVENS; given++) {
        Arena *scratch = arena_new();
        Fault fault;
        const char *why;
        tensors_number(&v->tensors, ROLE_COUNT,
                       (double)(batch > 1 && given_partly((Given)given) ? batch - 1 : batch));
        Trace *t =
            trace_record(scratch, f->plan, tensors_for(&v->tensors, scratch, f->plan->fn), (Given)given, &why);
        if (t)
            to->function[to->nfunction].calls = t->moments.n;
        fine = !t || (check_alone(v->a, t, &f->code, &fault) && check_replay(v->a, t, &f->code, &fault));
        if (!fine)
            vec_push(to->a, &to->faults, fault);
        arena_free(scratch);
    }
    to->function[to->nfunction++].fine = fine;
}

static const char *counted(Verify *v, int64_t count)
{
    tensors_number(&v->tensors, ROLE_COUNT, (double)count);
    return arena_printf(v->a, "count %lld", (long long)count);
}

static void check_calls(Verify *v)
{
    Whole w = {v->a, v->m, &v->tensors, v->verdict, v->options->seed, v->options->files};
    int64_t batch = v->m->train_batch, some = batch > 1 ? batch - 1 : 1;
    for (int i = INFER; i < FUNCTIONS; i++) {
        Function *f = &v->function[i];
        if (!f->plan)
            continue;
        counted(v, batch);
        whole_refusals(&w, f->name, &f->code);
        for (int call = 0; i == INFER && call < (v->m->streams.n ? 2 : 1); call++)
            whole_call(&w, f->name, &f->code, call ? "again" : "");
        for (int part = 0; (i == EVALUATE || i == GRADIENTS) && part < (batch > 1 ? 2 : 1); part++)
            whole_call(&w, f->name, &f->code, counted(v, part ? some : batch));
        for (int step = 1; i == TRAIN_STEP && step <= v->options->steps; step++) {
            tensors_number(&v->tensors, ROLE_STEP, step);
            counted(v, step % 2 ? batch : some);
            whole_call(&w, f->name, &f->code, arena_printf(v->a, "step %d", step));
        }
    }
    for (int i = INIT; i <= START; i++)
        if (v->function[i].plan)
            whole_call(&w, v->function[i].name, &v->function[i].code, "");
}

Verdict *verify_model(Arena *a, const Module *m, const Target *target, CompileCode *compile, void *context,
                      const VerifyOptions *options, const char **why)
{
    Verify v = {.a = a, .m = m, .options = options, .verdict = NEW(a, Verdict)};
    const ModulePlans *plans = &options->plans;
    Plan *const plan[FUNCTIONS] = {plans->init, plans->start, plans->infer, plans->evaluate, plans->gradients, plans->train_step};
    static const char *const name[FUNCTIONS] = {"init",     "start",     "infer",
                                                "evaluate", "gradients", "train_step"};
    v.verdict->a = a;
    for (int i = 0; i < FUNCTIONS; i++)
        v.function[i] = (Function){.name = name[i], .plan = plan[i]};
    if (!tensors_draw(&v.tensors, a, m, options->seed, options->weights, why) ||
        !build(&v, compile, context, why)) {
        jit_close(v.jit);
        return NULL;
    }
    for (int i = 0; i < FUNCTIONS; i++)
        if (v.function[i].plan && v.function[i].plan->kernels.n)
            check_kernels(&v, &v.function[i]);
    /* Not with kernels that may go astray: nobody could come back from another thread. */
    dl_pool *pool = target->threads.n > 1 && !v.verdict->faults.n ? dl_threads_open(target->threads.n) : NULL;
    for (int i = 0; i < FUNCTIONS; i++)
        v.function[i].code.pool = pool;
    tensors_number(&v.tensors, ROLE_COUNT, (double)m->train_batch);
    check_differences(v.verdict, m, &v.tensors, options->seed);
    check_calls(&v);
    dl_threads_close(pool);
    jit_close(v.jit);
    return v.verdict;
}
