/* SPDX-License-Identifier: MIT */
/* pipeline.c: the compiler on one page, up to kernels (kernels/plan.c: lower) and C (emit/). */
#include "pipeline.h"

#include "graph/ir.h"
#include "passes/passes.h"
#include "std/std.h"

#include <string.h>

/* ---- functions ------------------------------------------------------------------------------------- */
static Fn **function_slot(Module *m, int i, const char **name)
{
    Fn **const slot[] = {&m->init, &m->start, &m->infer, &m->loss, &m->evaluate, &m->update, &m->gradients, &m->train_step};
    static const char *const names[] = {"init", "start", "infer", "loss", "evaluate", "update", "gradients", "train_step"};
    if (i < 0 || i >= LEN(slot))
        return NULL;
    *name = names[i];
    return slot[i];
}

const char *module_function(const Module *m, int i, Fn **fn)
{
    const char *name = NULL;
    Fn **slot = function_slot((Module *)m, i, &name);
    if (slot)
        *fn = *slot;
    return name;
}

/* ---- passes ---------------------------------------------------------------------------------------- */
static void run_stepwise(Module *m, Diag *d)
{
    if (m->stepwise)
        stepwise(m, d);
}

static void run_on_each(Module *m, Fn *pass(Fn *))
{
    const char *name;
    Fn **slot;
    for (int i = 0; (slot = function_slot(m, i, &name)) != NULL; i++)
        if (*slot)
            *slot = pass(*slot);
}

static void run_crop(Module *m, Diag *d)
{
    (void)d;
    run_on_each(m, crop);
}

/* Only where parameters and states stay as they are. Before stepwise, whose steps have the bits of the whole. */
static void run_shifts(Module *m, Diag *d)
{
    (void)d;
    if (m->infer)
        m->infer = merge_shifts(m->infer);
    if (m->evaluate)
        m->evaluate = merge_shifts(m->evaluate);
}

static void run_differentiate(Module *m, Diag *d)
{
    (void)d;
    if (m->loss)
        m->gradients = differentiate(m, m->loss);
}

static void run_compose(Module *m, Diag *d)
{
    (void)d;
    if (m->gradients)
        m->train_step = compose_train_step(m, m->gradients, m->update);
}

static Fn *hoisted(Fn *fn)
{
    return hoist(fn, HOIST_ROOM);
}

static void run_hoist(Module *m, Diag *d)
{
    (void)d;
    run_on_each(m, hoisted);
}

static Fn *in_blocks(Fn *fn)
{
    return blockwise(fn, BLOCK_ELEMENTS, false);
}

static Fn *in_blocks_sparing(Fn *fn)
{
    return blockwise(fn, BLOCK_ELEMENTS, true);
}

static void run_blockwise(Module *m, Diag *d)
{
    (void)d;
    run_on_each(m, m->sparing ? in_blocks_sparing : in_blocks);
}

/* An evaluation mixes no examples that training does not; where it is there without the others, it is left as it is. */
static void run_micro_batch(Module *m, Diag *d)
{
    Fn **const slot[] = {&m->gradients, &m->train_step, &m->evaluate};
    if (!m->micro_batch)
        return;
    if (!m->gradients) {
        diag_error(d, (Span){0}, "--micro-batch is for training, and nothing here trains");
        return;
    }
    if (m->train_batch % m->micro_batch) {
        diag_error(d, (Span){0}, "--micro-batch %lld: it has to divide the batch, %lld", (long long)m->micro_batch,
                   (long long)m->train_batch);
        return;
    }
    for (int i = 0; i < LEN(slot) && m->micro_batch < m->train_batch; i++) {
        const Node *mixes = micro_batch_mixes(m->a, *slot[i], m->train_batch);
        if (mixes) {
            diag_error(d, mixes->span, "--micro-batch: this mixes the examples of a batch");
            return;
        }
        *slot[i] = micro_batch(m->a, *slot[i], m->train_batch, m->micro_batch);
    }
}

static const Pass passes[] = {
    {"shifts", run_shifts, "of inference: channels of a convolution or product are scaled once and shifted once"},
    {"stepwise", run_stepwise, "where it is asked for: inference of one time step, which keeps what it needs of the others"},
    {"crop", run_crop, "of each value is made what others read of it"},
    {"differentiate", run_differentiate, "gradients of the loss, as an ordinary function"},
    {"compose", run_compose, "gradients and optimizer in one training step"},
    {"hoist", run_hoist, "what loops compute from their inputs alone, or only accumulate, leaves them"},
    {"blockwise", run_blockwise, "gradients of attention are made a block of rows at a time, of long texts with scores made again"},
    {"micro_batch", run_micro_batch, "where it is asked for: training does its work for a few examples at a time"},
};

const Pass *pipeline_pass(int i)
{
    return i >= 0 && i < LEN(passes) ? &passes[i] : NULL;
}

static void verify_module(const Module *m, const char *pass)
{
    const char *name, *wrong;
    Fn *fn = NULL;
    for (int i = 0; (name = module_function(m, i, &fn)) != NULL; i++) {
        const Node *guilty = NULL;
        if (!fn || !(wrong = fn_verify(m->a, fn, &guilty)))
            continue;
        StrBuf sb = {.a = m->a};
        fn_print(&sb, fn);
        BUG("after %s, %s of %s is unsound: %s\n%s\n%s", pass, name, m->name, wrong,
            guilty ? node_text(m->a, guilty) : "", sb_text(&sb));
    }
}

/* ---- the way in ------------------------------------------------------------------------------------ */
Module *pipeline_build_with(Arena *a, Diag *d, const Program *program, const Program *const *std, int nstd,
                            const ElaborateOptions *options, AfterPass *after, void *context)
{
    Module *m = elaborate(a, d, program, std, nstd, options);
    if (!m || diag_errors(d))
        return NULL;
    verify_module(m, "elaborate");
    if (after)
        after(context, "elaborate", m);
    m->stepwise = options->stepwise;
    m->micro_batch = options->micro_batch;
    m->sparing = options->sparing;
    for (int i = 0; i < LEN(passes); i++) {
        passes[i].run(m, d);
        if (diag_errors(d))
            return NULL;
        verify_module(m, passes[i].name);
        if (after)
            after(context, passes[i].name, m);
    }
    return m;
}

Module *pipeline_build(Arena *a, Diag *d, const Program *program, const ElaborateOptions *options, AfterPass *after,
                       void *context)
{
    int nstd;
    if (!program || diag_errors(d))
        return NULL;
    const Program *const *std = std_programs(a, d, &nstd);
    return pipeline_build_with(a, d, program, std, nstd, options, after, context);
}

Module *pipeline_module(Arena *a, Diag *d, const char *path, const ElaborateOptions *options, AfterPass *after, void *context)
{
    return pipeline_build(a, d, program_read(a, d, path), options, after, context);
}

Module *pipeline_text(Arena *a, Diag *d, const char *name, const char *text, size_t bytes, const ElaborateOptions *options,
                      AfterPass *after, void *context)
{
    return pipeline_build(a, d, program_read_text(a, d, name, text, bytes), options, after, context);
}
