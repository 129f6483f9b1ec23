/* SPDX-License-Identifier: MIT */
/* trace.c: `dlc trace`: what a model computes from given weights and one given batch, in one file, to compare
 * with another framework: outputs, gradients, the losses of a few training steps, and the parameters behind
 * them. */
#include "commands.h"
#include "session.h"

#include <string.h>

typedef struct Trace {
    Arena *a;
    ModelChoice choice;
    ElaborateOptions options;
    const char *path, *weights, *batch_file, *output, *engine;
    int64_t steps, threads;
    bool deterministic;
    uint64_t seed;
    bool values;
    Session *s;
    ArrayList out;
} Trace;

/* ---- named intermediate values --------------------------------------------------------------------- */
static bool name_taken(const Fn *fn, const char *name)
{
    for (int i = 0; i < fn->result.n; i++)
        if (fn->result.at[i].role == ROLE_VALUE && str_eq(fn->result.at[i].name, name))
            return true;
    return false;
}

/* x, x.2, x.3, ... */
static const char *free_name(Arena *a, const Fn *fn, const char *name)
{
    const char *text = arena_printf(a, "value.%s", name);
    for (int k = 2; name_taken(fn, text); k++)
        text = arena_printf(a, "value.%s.%d", name, k);
    return text;
}

/* The same function with every named value as a result too; what loops name inside stays inside. */
static Fn *with_values(Arena *a, const Fn *infer)
{
    Fn *fn = NEW(a, Fn);
    *fn = *infer;
    memset(&fn->result, 0, sizeof fn->result);
    for (int i = 0; i < infer->result.n; i++)
        vec_push(a, &fn->result, infer->result.at[i]);
    for (int i = 0; i < infer->node.n; i++) {
        Node *n = infer->node.at[i];
        if (!n->name || n->op == OP_INPUT || n->op == OP_SCAN)
            continue;
        Port port = {ROLE_VALUE, fn->result.n - infer->result.n, free_name(a, fn, n->name), n};
        vec_push(a, &fn->result, port);
    }
    return fn;
}

/* ---- the batch ------------------------------------------------------------------------------------- */
static int64_t examples_in(const ArrayList *batch)
{
    for (int i = 0; i < batch->n; i++)
        if (batch->at[i].array.type.rank > 0 && batch->at[i].array.type.dim[0] > 0)
            return batch->at[i].array.type.dim[0];
    return 1;
}

static bool load_batch(Trace *t, const ArrayList *batch, const char **why)
{
    const Module *m = t->s->m;
    int n = m->inputs.n + m->targets.n;
    Entry *wanted = NEWN(t->a, Entry, n + 1);
    Array *found = NEWN(t->a, Array, n + 1);
    for (int i = 0; i < n; i++) {
        wanted[i] = i < m->inputs.n ? m->inputs.at[i] : m->targets.at[i - m->inputs.n];
        wanted[i].type = type_insert(wanted[i].type, 0, m->batch);
    }
    if (!weights_match(t->a, t->batch_file, batch, wanted, n, found, why))
        return false;
    for (int i = 0; i < n; i++)
        memcpy(t->s->fed[i], found[i].data, (size_t)type_bytes(wanted[i].type));
    return true;
}

/* ---- what is traced -------------------------------------------------------------------------------- */
static void keep(Trace *t, const char *name, Type type, const void *data)
{
    array_add(t->a, &t->out, name, (Array){type, arena_dup(t->a, data, (size_t)type_bytes(type))});
}

static void keep_results(Trace *t, Call call, Role role, const char *prefix)
{
    const Fn *fn = t->s->fn[call];
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        if (port->role == role)
            keep(t, arena_printf(t->a, "%s%s", prefix, port->name), port->node->type, t->s->out[call][i]);
    }
}

static void keep_weights(Trace *t, const char *prefix)
{
    for (int i = 0; i < session_nweight(t->s); i++) {
        void *tensor;
        const Entry *e = session_weight(t->s, i, &tensor);
        keep(t, arena_printf(t->a, "%s%s", prefix, e->name), e->type, tensor);
    }
}

static bool trace_inference(Trace *t, const char **why)
{
    if (!session_start(t->s, why) || !session_call(t->s, CALL_INFER, why))
        return false;
    keep_results(t, CALL_INFER, ROLE_OUTPUT, "");
    keep_results(t, CALL_INFER, ROLE_VALUE, "");
    return true;
}

/* Gradients first; what they did to running statistics is undone by loading the weights again. */
static bool trace_training(Trace *t, const char **why)
{
    int64_t n = t->steps;
    Array losses = array_new(t->a, type_make(DT_F32, 1, &n));
    session_step(t->s, 1);
    if (!session_call(t->s, CALL_GRADIENTS, why) || !session_load(t->s, t->weights, why))
        return false;
    keep_results(t, CALL_GRADIENTS, ROLE_GRADIENT, "gradient.");
    for (int64_t i = 0; i < n; i++) {
        session_step(t->s, (int32_t)i + 1);
        if (!session_call(t->s, CALL_TRAIN_STEP, why))
            return false;
        ((float *)losses.data)[i] = *(const float *)session_tensor(t->s, ROLE_LOSS, 0);
    }
    if (n == 0)
        return true;
    array_add(t->a, &t->out, "losses", losses);
    keep_weights(t, arena_printf(t->a, "after%lld.", (long long)n));
    return true;
}

static bool trace_all(Trace *t, const ArrayList *batch, const char **why)
{
    bool trains = t->s->m->train_step != NULL;
    if (!load_batch(t, batch, why))
        return false;
    session_seed(t->s, t->seed);
    session_count(t->s, t->options.batch);
    if (trains && !session_call(t->s, CALL_INIT, why)) /* the optimizer's states */
        return false;
    if (t->weights && !session_load(t->s, t->weights, why))
        return false;
    return trace_inference(t, why) && (!trains || trace_training(t, why)) &&
           safetensors_write(t->a, t->output, &t->out, why);
}

static int trace(Trace *t)
{
    const char *why;
    ArrayList batch = {0};
    if (!safetensors_read(t->a, t->batch_file, &batch, &why) || !file_can_write(t->a, t->output, &why))
        return bad("%s", why);
    t->options.batch = t->options.train_batch = examples_in(&batch);
    Diag *d = diag_new(t->a);
    Module *m = model_read_whole(t->a, d, t->path, &t->options);
    if (!m)
        return EXIT_BAD;
    if (!t->weights && m->params.n + m->states.n)
        return bad("%s has parameters: --weights W.safetensors is missing", m->name);
    if (t->values)
        m->infer = with_values(t->a, m->infer);
    unsigned training = 1u << CALL_INIT | 1u << CALL_GRADIENTS | 1u << CALL_TRAIN_STEP;
    t->s = session_open(t->a, d, m, SESSION_INFERS | (m->train_step ? training : 0), t->engine, t->threads, t->deterministic, &why);
    if (!t->s)
        return bad("%s", why);
    bool ok = trace_all(t, &batch, &why);
    session_close(t->s);
    return ok ? EXIT_OK : bad("%s", why);
}

int cmd_trace(Arena *a, int argc, char **argv)
{
    Trace t = {.a = a, .steps = 10, .threads = 1, .seed = 1};
    const Option rows[] = {
        {"weights", 'w', OPTION_TEXT, &t.weights, "W.safetensors", "the weights to begin with", 0, 0},
        {"batch", 'b', OPTION_TEXT, &t.batch_file, "B.safetensors",
         "one batch: every input and target by name, examples in front", 0, 0},
        {"steps", 0, OPTION_INT, &t.steps, "N", "training steps on that batch (default 10)", 0, 1000000},
        {"output", 'o', OPTION_TEXT, &t.output, "T.safetensors", "where the trace goes", 0, 0},
        {"values", 0, OPTION_FLAG, &t.values, NULL, "also every named intermediate value of the inference", 0,
         0},
        {"seed", 's', OPTION_SEED, &t.seed, "S", "of dropout (default 1)", 0, 0},
        OPTION_JIT(t.engine),
        OPTION_THREADS(t.threads),
        OPTION_DETERMINISTIC(t.deterministic),
        OPTION_MODEL(t.choice),
        OPTION_SET(t.choice),
    };
    const Command command = {
        .name = "dlc trace",
        .operands = "[options] MODEL.dl --weights W.safetensors --batch B.safetensors -o T.safetensors",
        .summary =
            "Writes what a model computes from given weights and one given batch, to compare with another\n"
            "framework.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
        .epilogue =
            "T.safetensors holds\n"
            "  NAME             every output, of inference\n"
            "  value.NAME       with --values: x of every `x = ...`; value.x.2 is the second of that name\n"
            "and, where the model has a train block,\n"
            "  gradient.NAME    of the mean loss over the batch, for every trainable parameter\n"
            "  losses           f32[N]: the loss of each step, before its update\n"
            "  afterN.NAME      every parameter and state after the N steps",
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = choice_settle(a, &command, &t.choice, &t.options);
    if (status < 0 && !t.batch_file)
        status = options_complain(&command, "--batch B.safetensors is missing");
    if (status < 0 && !t.output)
        status = options_complain(&command, "-o T.safetensors is missing");
    if (status >= 0)
        return status;
    t.path = operands.at[0];
    return trace(&t);
}
