/* SPDX-License-Identifier: MIT */
/* emit_module.c: a module as one C file and its header: parameter structs, kernels, entry points. */
#include "emit_struct.h"

#include "runtime/dl_status.h"

#include <inttypes.h>
#include <string.h>

/* ---- entry points ---------------------------------------------------------------------------------- */
typedef enum Entrance { ENTER_INIT, ENTER_START, ENTER_INFER, ENTER_TRAIN, ENTER_GRADIENTS, ENTER_EVALUATE, ENTRANCES } Entrance;

static const struct { const char *name, *prefix, *comment; } entrance[ENTRANCES] = {
    [ENTER_INIT] = {"init", "init_", "Initial values from a seed."},
    [ENTER_START] = {"start", "start_", "What inference keeps from call to call, as it is before the first."},
    [ENTER_INFER] = {"infer", "infer_", "Outputs of one batch."},
    [ENTER_TRAIN] = {"train_step", "train_", "One optimizer step on the first `count` examples of a batch; metrics are means before the step."},
    [ENTER_GRADIENTS] = {"gradients", "gradients_", "Gradients of the mean loss of the first `count` examples, for optimizers of one's own."},
    [ENTER_EVALUATE] = {"evaluate", "evaluate_", "Loss and metrics summed over the first `count` examples, so that batches add up."},
};

static Plan *plan_of(const ModulePlans *plans, Entrance e)
{
    Plan *const all[ENTRANCES] = {plans->init, plans->start, plans->infer, plans->train_step, plans->gradients, plans->evaluate};
    return all[e];
}

const char *entrance_word(const Module *m, const char *function)
{
    return m->stepwise && str_eq(function, entrance[ENTER_INFER].name) ? "step" : function;
}

static const char *entrance_name(const Module *m, Entrance e)
{
    return entrance_word(m, entrance[e].name);
}

static const char *entrance_comment(const Module *m, Entrance e)
{
    return e == ENTER_INFER && m->stepwise ? "Outputs of one time step, of each sequence of a batch." : entrance[e].comment;
}

static const Target *target_of(const ModulePlans *plans)
{
    for (int at = 0; at < ENTRANCES; at++)
        if (plan_of(plans, (Entrance)at))
            return plan_of(plans, (Entrance)at)->target;
    BUG("a module without functions");
}

typedef struct Emit {
    StrBuf *sb;
    Arena *a, *work;
    Diag *d;
    const Module *m;
    const ModulePlans *plans;
    const EmitOptions *o;
} Emit;

static bool reads_role(const Plan *p, Role role)
{
    for (int i = 0; p && i < p->fn->input.n; i++)
        if (p->fn->input.at[i].role == role)
            return true;
    return false;
}

static bool needs_seed(const ModulePlans *plans)
{
    return reads_role(plans->train_step, ROLE_SEED) || reads_role(plans->gradients, ROLE_SEED);
}

static void put_parameter(StrBuf *sb, const char *format, ...) PRINTF(2, 3);
static void put_parameter(StrBuf *sb, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sb_printf(sb, "%s%s", sb->n ? ", " : "", text);
}

static void put_tensors(Emit *e, StrBuf *sb, const Entry *entry, int n, bool written)
{
    for (int i = 0; i < n; i++)
        put_parameter(sb, "%s%s *%s", written ? "" : "const ", c_type(entry[i].type.dt), c_identifier(e->a, entry[i].name));
}

static const char *signature(Emit *e, Entrance at)
{
    StrBuf sb = {.a = e->a};
    const Plan *p = plan_of(e->plans, at);
    const char *name = e->o->name;
    bool trains = at == ENTER_INIT || at == ENTER_TRAIN, whole = !e->o->placement;
    for (int r = 0; !whole && r < e->o->placement->memories->n; r++)
        if (memory_is_used(e->o->placement, r))
            put_parameter(&sb, "%s_%s *%s", name, e->o->placement->memories->at[r].name, e->o->placement->memories->at[r].name);
    if (whole && e->m->params.n && !e->o->baked)
        put_parameter(&sb, "%s%s_params *params", trains ? "" : "const ", name);
    if (whole && e->m->states.n && !e->o->baked)
        put_parameter(&sb, "%s%s_state *state", trains || at == ENTER_GRADIENTS ? "" : "const ", name);
    if (whole && e->m->streams.n && (at == ENTER_START || at == ENTER_INFER))
        put_parameter(&sb, "%s_stream *stream", name);
    if (whole && e->o->train && trains)
        put_parameter(&sb, "%s_optimizer *optimizer", name);
    if (at == ENTER_INIT)
        put_parameter(&sb, "uint64_t seed");
    if (at == ENTER_GRADIENTS && reads_role(p, ROLE_SEED))
        put_parameter(&sb, "uint64_t seed, int32_t step");
    if (at >= ENTER_INFER)
        put_tensors(e, &sb, e->m->inputs.at, e->m->inputs.n, false);
    if (at == ENTER_INFER)
        put_tensors(e, &sb, e->m->outputs.at, e->m->outputs.n, true);
    if (at >= ENTER_TRAIN) {
        put_tensors(e, &sb, e->m->targets.at, e->m->targets.n, false);
        put_parameter(&sb, "int32_t count");
    }
    if (at == ENTER_GRADIENTS)
        put_parameter(&sb, "%s_params *gradients", name);
    if (at >= ENTER_TRAIN)
        put_parameter(&sb, "%s_metrics *metrics", name);
    if (whole)
        put_parameter(&sb, "void *arena");
    if (p->target->threads.n > 1)
        put_parameter(&sb, "struct dl_pool *pool");
    return arena_printf(e->a, "dl_status %s_%s(%s)", name, entrance_name(e->m, at), sb_text(&sb));
}

/* What stands in front of a member of NAME_params and its like. */
static const char *owner(const Emit *e, const char *kind, Role role, int index)
{
    const Placement *p = e->o->placement;
    return p ? arena_printf(e->a, "%s->%s.", p->memories->at[placement_of(p, role, index)].name, kind) : arena_printf(e->a, "%s->", kind);
}

static const char *kept_pointer(const Emit *e, const char *kind, const Buffer *b, const Entry *entry)
{
    const char *identifier = c_identifier(e->a, entry[b->index].name);
    if (e->o->baked && (b->role == ROLE_PARAM || b->role == ROLE_STATE))
        return arena_printf(e->a, "%s_weight_%s", e->o->name, identifier);
    return arena_printf(e->a, "%s%s", owner(e, kind, b->role, b->index), identifier);
}

/* The C expression that points to a port's tensor inside an entry point. */
static const char *port_pointer(void *context, const Buffer *b)
{
    Emit *e = context;
    const Module *m = e->m;
    switch (b->role) {
    case ROLE_INPUT:
        return c_identifier(e->a, m->inputs.at[b->index].name);
    case ROLE_TARGET:
        return c_identifier(e->a, m->targets.at[b->index].name);
    case ROLE_OUTPUT:
        return c_identifier(e->a, m->outputs.at[b->index].name);
    case ROLE_PARAM:
        return kept_pointer(e, "params", b, m->params.at);
    case ROLE_STATE:
        return kept_pointer(e, "state", b, m->states.at);
    case ROLE_STREAM:
        return kept_pointer(e, "stream", b, m->streams.at);
    case ROLE_OPTIMIZER:
        return kept_pointer(e, "optimizer", b, m->optimizer.at);
    case ROLE_GRADIENT:
        return arena_printf(e->a, "gradients->%s", c_identifier(e->a, m->params.at[b->index].name));
    case ROLE_LOSS:
        return "&metrics->loss";
    case ROLE_METRIC:
        return arena_printf(e->a, "&metrics->%s", c_identifier(e->a, m->metrics.at[b->index].name));
    case ROLE_SEED:
        return "words";
    case ROLE_STEP:
        return "&step";
    case ROLE_COUNT:
        return "&count";
    default:
        BUG("a %s port in an entry point", role_name(b->role));
    }
}

static bool uses_port(const Plan *p, Role role)
{
    for (int i = 0; i < p->buffers.n; i++)
        if (p->buffers.at[i]->kind == BUFFER_PORT && p->buffers.at[i]->role == role && p->buffers.at[i]->first >= 0)
            return true;
    return false;
}

static void put_unused(Emit *e, const Plan *p, Role role, int index, const char *name)
{
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (b->kind == BUFFER_PORT && b->role == role && b->index == index && b->first >= 0)
            return;
    }
    sb_printf(e->sb, "    (void)%s;\n", c_identifier(e->a, name));
}

static void put_unused_memories(Emit *e, Entrance at, const Plan *p)
{
    const Placement *to = e->o->placement;
    for (int r = 0; r < to->memories->n; r++) {
        bool scalars = e->o->train && (at == ENTER_INIT || at == ENTER_TRAIN) && placement_of(to, ROLE_STEP, 0) == r;
        if (memory_is_used(to, r) && !scalars && !plan_uses_memory(to, p, r))
            sb_printf(e->sb, "    (void)%s;\n", to->memories->at[r].name);
    }
}

static void put_unused_structs(Emit *e, Entrance at, const Plan *p)
{
    if (e->m->params.n && !e->o->baked && !uses_port(p, ROLE_PARAM))
        sb_puts(e->sb, "    (void)params;\n");
    if (e->m->states.n && !e->o->baked && !uses_port(p, ROLE_STATE))
        sb_puts(e->sb, "    (void)state;\n");
    if (e->m->streams.n && at == ENTER_INFER && !uses_port(p, ROLE_STREAM))
        sb_puts(e->sb, "    (void)stream;\n");
}

static void put_unused_ports(Emit *e, Entrance at, const Plan *p)
{
    if (e->o->placement)
        put_unused_memories(e, at, p);
    else
        put_unused_structs(e, at, p);
    for (int i = 0; at >= ENTER_INFER && i < e->m->inputs.n; i++)
        put_unused(e, p, ROLE_INPUT, i, e->m->inputs.at[i].name);
    for (int i = 0; at >= ENTER_TRAIN && i < e->m->targets.n; i++)
        put_unused(e, p, ROLE_TARGET, i, e->m->targets.at[i].name);
    if (at == ENTER_GRADIENTS && reads_role(p, ROLE_SEED) && !uses_port(p, ROLE_STEP))
        sb_puts(e->sb, "    (void)step;\n");
}

static void put_entrance(Emit *e, Entrance at)
{
    Plan *p = plan_of(e->plans, at);
    if (!p)
        return;
    StrBuf *sb = e->sb;
    const char *optimizer = e->o->train ? owner(e, "optimizer", ROLE_STEP, 0) : NULL;
    emit_line(sb, 0, signature(e, at));
    sb_puts(sb, "{\n");
    if (at >= ENTER_TRAIN)
        sb_printf(sb, "    if (count < 1 || count > %" PRId64 ")\n        return DL_COUNT;\n", e->m->train_batch);
    if (uses_port(p, ROLE_SEED)) {
        const char *seed = at == ENTER_TRAIN ? arena_printf(e->a, "%sseed", optimizer) : "seed";
        sb_printf(sb, "    const int32_t words[2] = {(int32_t)(uint32_t)%s, (int32_t)(uint32_t)(%s >> 32)};\n", seed, seed);
    } else if (at == ENTER_INIT && !(e->o->train && needs_seed(e->plans))) {
        sb_puts(sb, "    (void)seed;\n");
    }
    if (at == ENTER_TRAIN)
        sb_printf(sb, "    const int32_t step = %sstep + 1;\n", optimizer);
    put_unused_ports(e, at, p);
    emit_steps(sb, p, port_pointer, e, false);
    if (at == ENTER_TRAIN)
        sb_printf(sb, "    %sstep = step;\n", optimizer);
    if (at == ENTER_INIT && e->o->train)
        sb_printf(sb, "    %sstep = 0;\n", optimizer);
    if (at == ENTER_INIT && e->o->train && needs_seed(e->plans))
        sb_printf(sb, "    %sseed = seed;\n", optimizer);
    if (at >= ENTER_TRAIN)
        sb_puts(sb, "    metrics->count = count;\n");
    sb_puts(sb, "    return DL_OK;\n}\n\n");
}

/* ---- declarations ---------------------------------------------------------------------------------- */
static int64_t most(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

static int64_t streams_bytes(const Module *m)
{
    int64_t bytes = 0;
    for (int i = 0; i < m->streams.n; i++)
        bytes += m->batch * type_bytes(m->streams.at[i].type);
    return bytes;
}

static int64_t arena_of(const Plan *p)
{
    return p ? p->arena_bytes : 0;
}

static void put_arena_constants(Emit *e)
{
    const Module *m = e->m;
    const char *name = e->o->name, *big = upper(e->a, name);
    StrBuf *sb = e->sb;
    if (e->plans->infer)
        sb_printf(sb, "#define %s_BATCH %" PRId64 "\n", big, m->batch);
    if (e->plans->infer && !e->o->placement)
        sb_printf(sb, "#define %s_ARENA_BYTES %" PRId64 "   /* scratch for %s_%s%s%s%s, aligned to 64; contents need not survive between calls */\n",
                  big, most(most(arena_of(e->plans->infer), arena_of(e->plans->start)), 1), name,
                  entrance_name(m, ENTER_INFER),
                  m->streams.n ? " and " : "", m->streams.n ? name : "", m->streams.n ? "_start" : "");
    if (e->o->train)
        sb_printf(sb, "#define %s_TRAIN_BATCH %" PRId64 "\n", big, m->train_batch);
    if (e->o->train && !e->o->placement)
        sb_printf(sb, "#define %s_TRAIN_ARENA_BYTES %" PRId64 "   /* for the training functions, likewise */\n", big,
                  most(most(arena_of(e->plans->train_step), arena_of(e->plans->gradients)), most(arena_of(e->plans->evaluate), 1)));
    if (e->plans->init && !e->o->placement)
        sb_printf(sb, "#define %s_INIT_ARENA_BYTES %" PRId64 "   /* for %s_init, likewise */\n", big, most(arena_of(e->plans->init), 1), name);
    sb_putc(sb, '\n');
}

/* What the caller keeps, a struct a kind. */
static void put_kept_structs(Emit *e)
{
    const Module *m = e->m;
    const char *name = e->o->name;
    StrBuf *sb = e->sb;
    if (m->params.n && !e->o->baked)
        put_struct(sb, e->a, name, "params", m->params.at, m->params.n, 1, "Trainable tensors, in declaration order, row-major.");
    if (m->states.n && !e->o->baked)
        put_struct(sb, e->a, name, "state", m->states.at, m->states.n, 1, "What the model keeps besides its parameters: running statistics.");
    if (m->streams.n)
        put_struct(sb, e->a, name, "stream", m->streams.at, m->streams.n, m->batch,
                   arena_printf(e->a, "What inference keeps from call to call, of each example of the batch: %" PRId64 " bytes.",
                                streams_bytes(m)));
    if (!e->o->train)
        return;
    sb_printf(sb, "/* What the optimizer keeps from step to step. */\ntypedef struct %s_optimizer {\n", name);
    put_optimizer_scalars(sb, needs_seed(e->plans), 4);
    put_members(sb, e->a, m->optimizer.at, m->optimizer.n, 1, 4);
    put_struct_end(sb, e->a, name, "optimizer", m->optimizer.at, m->optimizer.n, 1);
}

static void put_metrics(Emit *e)
{
    const Module *m = e->m;
    StrBuf *sb = e->sb;
    sb_printf(sb, "/* Means over the examples of a call; evaluate: sums. */\ntypedef struct %s_metrics {\n    float loss;\n", e->o->name);
    for (int i = 0; i < m->metrics.n; i++) {
        const Entry *metric = &m->metrics.at[i];
        sb_printf(sb, "    float %s;", c_identifier(e->a, metric->name));
        if (metric->ratio)
            sb_printf(sb, "   /* %s is the first of these by the second; both are sums, in training too */", metric->ratio);
        sb_putc(sb, '\n');
    }
    sb_printf(sb, "    int32_t count;   /* examples that counted */\n} %s_metrics;\n\n", e->o->name);
}

static void put_declarations(Emit *e)
{
    put_arena_constants(e);
    if (e->o->placement)
        put_memory_structs(e->sb, e->a, e->o->name, e->m, e->o->placement, needs_seed(e->plans));
    if (e->o->placement && e->plans->gradients)
        put_struct(e->sb, e->a, e->o->name, "params", e->m->params.at, e->m->params.n, 1,
                   arena_printf(e->a, "A tensor for each parameter: what %s_gradients gives, wherever its caller keeps that.", e->o->name));
    if (!e->o->placement)
        put_kept_structs(e);
    if (e->o->train)
        put_metrics(e);
}

static void put_shapes(Emit *e, const char *what, const Entry *entry, int n, int64_t batch)
{
    for (int i = 0; i < n; i++) {
        Type t = type_with_batch(entry[i], batch);
        sb_printf(e->sb, " * %-8s %s: %s", what, c_identifier(e->a, entry[i].name), type_text(e->a, t));
        if (entry[i].delay)
            sb_printf(e->sb, "; from call %" PRId64 " on, nothing before", entry[i].delay + 1);
        sb_putc(e->sb, '\n');
    }
}

static void put_prototypes(Emit *e)
{
    if (target_of(e->plans)->threads.n > 1)
        sb_puts(e->sb, "/* Threads that share the work of a call: dl_threads.h has them. NULL: the caller does it all. */\n"
                       "struct dl_pool;\n\n");
    for (int at = 0; at < ENTRANCES; at++) {
        if (!plan_of(e->plans, (Entrance)at))
            continue;
        int64_t batch = at == ENTER_INFER ? e->m->batch : e->m->train_batch;
        sb_printf(e->sb, "/* %s", entrance_comment(e->m, (Entrance)at));
        if (at >= ENTER_INFER) {
            sb_putc(e->sb, '\n');
            put_shapes(e, "in", e->m->inputs.at, e->m->inputs.n, batch);
            if (at == ENTER_INFER)
                put_shapes(e, "out", e->m->outputs.at, e->m->outputs.n, batch);
            else
                put_shapes(e, "in", e->m->targets.at, e->m->targets.n, batch);
        }
        sb_puts(e->sb, " */\n");
        emit_line(e->sb, 0, arena_printf(e->a, "%s;", signature(e, (Entrance)at)));
        sb_putc(e->sb, '\n');
    }
}

const char *emit_header(Arena *a, const Module *m, const ModulePlans *plans, const EmitOptions *options)
{
    StrBuf sb = {.a = a};
    Emit e = {.sb = &sb, .a = a, .m = m, .plans = plans, .o = options};
    const char *guard = upper(a, options->name);
    sb_printf(&sb, "/* Generated by dlc from model %s; do not edit. docs/c-api.md says how these functions are used. */\n#ifndef %s_H\n"
                   "#define %s_H\n\n#include <stdint.h>\n\n#include \"dl_status.h\"\n\n",
              m->name, guard, guard);
    sb_printf(&sb, "#if DL_API_VERSION != %d\n#error \"made for version %d of dlc's C interface; dl_status.h is of another one\"\n#endif\n\n",
              DL_API_VERSION, DL_API_VERSION);
    sb_puts(&sb, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    put_declarations(&e);
    put_prototypes(&e);
    sb_puts(&sb, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    return sb_text(&sb);
}

/* ---- the source ------------------------------------------------------------------------------------ */
static void put_weights(Emit *e)
{
    for (int i = 0; i < e->m->params.n + e->m->states.n; i++) {
        const Entry *entry = i < e->m->params.n ? &e->m->params.at[i] : &e->m->states.at[i - e->m->params.n];
        int64_t n = type_count(entry->type);
        sb_printf(e->sb, "static const float %s_weight_%s[%" PRId64 "] = {   /* %s */", e->o->name, c_identifier(e->a, entry->name), n,
                  type_text(e->a, entry->type));
        for (int64_t k = 0; k < n; k++)
            sb_printf(e->sb, "%s%s", k % 8 ? ", " : k ? ",\n    " : "\n    ", c_float(e->a, (double)e->o->weights[i][k]));
        sb_puts(e->sb, "\n};\n\n");
    }
}

static void put_kernels(Emit *e, Entrance at)
{
    Plan *p = plan_of(e->plans, at);
    for (int i = 0; p && i < p->kernels.n; i++)
        emit_kernel(e->sb, e->work, p, p->kernels.at[i]);
    if (p)
        emit_turns(e->sb, p, false);
}

static void name_kernels(Emit *e)
{
    Share share = {.a = arena_inner(e->a)};
    for (int at = 0; at < ENTRANCES; at++) {
        Plan *p = plan_of(e->plans, (Entrance)at);
        if (!p)
            continue;
        name_buffers(p);
        share_kernels(&share, p, entrance[at].prefix);
    }
}

static void put_heading(Emit *e, const Target *target)
{
    sb_printf(e->sb, "/* Generated by dlc from model %s, target %s; do not edit.\n", e->m->name, target->name);
    sb_printf(e->sb, " * Fast with %s.\n", target_advice(e->a, target, ",\n * "));
    sb_puts(e->sb, target->deterministic ? " * The same bits with any flags but -ffast-math and clang's -ffp-contract=fast."
                                         : " * Right with any flags but -ffast-math.");
    if (e->o->train && target->slow_subnormals)
        sb_puts(e->sb, "\n * Training takes numbers below 2^-126 for zeros: dl_flush.h.");
    sb_puts(e->sb, " */\n");
}

/* Vectors wider than the machine's are cut up so badly that scalar code would be faster. */
static void put_needs(Emit *e, const Target *target)
{
    if (target->needs)
        sb_printf(e->sb, "#if !(%s)\n#error \"for %s: compile it with the flags above, or choose another --target\"\n#endif\n\n",
                  target->needs, target->name);
}

const char *emit_source(Arena *a, Diag *d, const Module *m, const ModulePlans *plans, const EmitOptions *options)
{
    StrBuf body = {.a = a}, sb = {.a = a};
    Emit e = {.sb = &body, .a = a, .work = arena_inner(a), .d = d, .m = m, .plans = plans, .o = options};
    name_kernels(&e);
    if (options->baked)
        put_weights(&e);
    for (int at = 0; at < ENTRANCES; at++) {
        put_kernels(&e, (Entrance)at);
        put_entrance(&e, (Entrance)at);
    }
    e.sb = &sb;
    put_heading(&e, target_of(plans));
    put_needs(&e, target_of(plans));
    sb_puts(&sb, emit_exact(target_of(plans)));
    sb_printf(&sb, "#include \"%s.h\"\n\n", options->file_name);
    emit_runtime(&sb, sb_text(&body), false);
    sb_putc(&sb, '\n');
    sb_puts(&sb, sb_text(&body));
    return sb_text(&sb);
}
