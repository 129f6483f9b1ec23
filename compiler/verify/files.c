/* SPDX-License-Identifier: MIT */
/* files.c: the very files that `dlc -o` writes, and one that includes them and calls their kernels and
 * functions. */
#include "model.h"

#include "../emit/runtime_text.h"

#include <string.h>

/* ---- structs and pointers of an entry point, from and to the tensors of a call ----------------------- */
typedef struct Caller {
    Arena *a;
    StrBuf *sb;
    const Module *m;
    const Fn *fn;
    bool trains; /* train_step: step and seed are the optimizer's */
    int threads;
} Caller;

static const char *identifier(Caller *c, Role role, int index)
{
    const Module *m = c->m;
    const Entry *entry = role == ROLE_INPUT       ? &m->inputs.at[index]
                         : role == ROLE_TARGET    ? &m->targets.at[index]
                         : role == ROLE_OUTPUT    ? &m->outputs.at[index]
                         : role == ROLE_STATE     ? &m->states.at[index]
                         : role == ROLE_STREAM    ? &m->streams.at[index]
                         : role == ROLE_OPTIMIZER ? &m->optimizer.at[index]
                         : role == ROLE_METRIC    ? &m->metrics.at[index]
                                                  : &m->params.at[index];
    return c_identifier(c->a, entry->name);
}

/* The struct that holds tensors of this role; NULL for others. */
static const char *owner(Role role)
{
    switch (role) {
    case ROLE_PARAM:
        return "params";
    case ROLE_STATE:
        return "state";
    case ROLE_STREAM:
        return "stream";
    case ROLE_OPTIMIZER:
        return "optimizer";
    case ROLE_GRADIENT:
        return "gradients";
    case ROLE_METRIC:
    case ROLE_LOSS:
        return "metrics";
    default:
        return NULL;
    }
}

static const char *member(Caller *c, const Port *port)
{
    return port->role == ROLE_LOSS
               ? "metrics.loss"
               : arena_printf(c->a, "%s.%s", owner(port->role), identifier(c, port->role, port->index));
}

static void put_input(Caller *c, int i)
{
    const Port *port = &c->fn->input.at[i];
    StrBuf *sb = c->sb;
    if (owner(port->role))
        sb_printf(sb, "    dlv_copy(&%s, in[%d], sizeof %s);\n", member(c, port), i, member(c, port));
    else if (port->role == ROLE_SEED)
        sb_printf(sb,
                  "    %s = (uint64_t)((const uint32_t *)in[%d])[0] | (uint64_t)((const uint32_t "
                  "*)in[%d])[1] << 32;\n",
                  c->trains ? "optimizer.seed" : "seed", i, i);
    else if (port->role == ROLE_STEP)
        sb_printf(sb, "    %s = *(const int32_t *)in[%d]%s;\n", c->trains ? "optimizer.step" : "step", i,
                  c->trains ? " - 1" : "");
    else if (port->role == ROLE_COUNT)
        sb_printf(sb, "    count = *(const int32_t *)in[%d];\n", i);
    else
        sb_printf(sb, "    %s = in[%d];\n", identifier(c, port->role, port->index), i);
}

static void put_result(Caller *c, int i)
{
    const Port *port = &c->fn->result.at[i];
    const char *to = arena_printf(c->a, "out[%d]", i);
    for (int k = 0; k < c->fn->input.n; k++)
        if (c->fn->input.at[k].role == port->role && c->fn->input.at[k].index == port->index)
            to = arena_printf(c->a, "in[%d]", k);
    if (owner(port->role))
        sb_printf(c->sb, "    dlv_copy(%s, &%s, sizeof %s);\n", to, member(c, port), member(c, port));
}

static void put_pointers(Caller *c, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        sb_printf(c->sb, "    %s *%s = 0;\n", c_type(entry[i].type.dt), c_identifier(c->a, entry[i].name));
}

static void put_names(Caller *c, StrBuf *sb, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        sb_printf(sb, "%s, ", c_identifier(c->a, entry[i].name));
}

/* ---- one entry point ----------------------------------------------------------------------------------- */
enum { INFERS = 1, LEARNS = 2, UPDATES = 4, FIRST = 8 };
static const struct {
    const char *name;
    int kind;
} entrances[] = {
    {"init", FIRST | UPDATES}, {"start", FIRST},      {"infer", INFERS},
    {"evaluate", LEARNS},      {"gradients", LEARNS}, {"train_step", LEARNS | UPDATES},
};

static int entrance_of(const char *name)
{
    int i = 0;
    while (!str_eq(entrances[i].name, name))
        i++;
    return i;
}

/* Arguments in the order of the header. */
static const char *arguments(Caller *c, int at)
{
    StrBuf sb = {.a = c->a};
    const Module *m = c->m;
    int kind = entrances[at].kind;
    bool starts = str_eq(entrances[at].name, "start"), gradients = str_eq(entrances[at].name, "gradients");
    sb_puts(&sb, m->params.n ? "&params, " : "");
    sb_puts(&sb, m->states.n ? "&state, " : "");
    sb_puts(&sb, m->streams.n && (starts || kind & INFERS) ? "&stream, " : "");
    sb_puts(&sb, m->gradients && kind & UPDATES ? "&optimizer, " : "");
    sb_puts(&sb, kind & FIRST && kind & UPDATES ? "seed, " : "");
    sb_puts(&sb, gradients && fn_find_input(c->fn, ROLE_SEED, 0) ? "seed, step, " : "");
    if (!(kind & FIRST))
        put_names(c, &sb, m->inputs.at, m->inputs.n);
    if (kind & INFERS)
        put_names(c, &sb, m->outputs.at, m->outputs.n);
    if (kind & LEARNS)
        put_names(c, &sb, m->targets.at, m->targets.n);
    sb_puts(&sb, kind & LEARNS ? "count, " : "");
    sb_puts(&sb, gradients ? "&gradients, " : "");
    sb_puts(&sb, kind & LEARNS ? "&metrics, " : "");
    sb_puts(&sb, c->threads > 1 ? "arena, pool" : "arena");
    return sb_text(&sb);
}

static void put_structs(Caller *c)
{
    const Module *m = c->m;
    if (m->params.n)
        sb_printf(c->sb, "    static %s_params params%s;\n", m->name, m->gradients ? ", gradients" : "");
    if (m->states.n)
        sb_printf(c->sb, "    static %s_state state;\n", m->name);
    if (m->streams.n)
        sb_printf(c->sb, "    static %s_stream stream;\n", m->name);
    if (m->gradients)
        sb_printf(c->sb, "    static %s_optimizer optimizer;\n    static %s_metrics metrics;\n", m->name,
                  m->name);
}

static void put_entry(Arena *a, StrBuf *sb, const Module *m, const MemoryFunction *f, int at)
{
    Caller c = {a, sb, m, f->plan->fn, str_eq(f->name, "train_step"), f->plan->target->threads.n};
    const char *head = arena_printf(a, "int dlc_%s(void *const *in, void *const *out, void *arena, struct dl_pool *pool)", f->name);
    sb_printf(sb, "%s;\n%s\n{\n", head, head);
    put_structs(&c);
    put_pointers(&c, m->inputs.at, m->inputs.n);
    put_pointers(&c, m->targets.at, m->targets.n);
    put_pointers(&c, m->outputs.at, m->outputs.n);
    sb_printf(sb,
              "    int32_t count = %lld, step = 1;\n    uint64_t seed = 0;\n    (void)in, (void)out, "
              "(void)count, (void)step, (void)seed, (void)pool;\n",
              (long long)m->train_batch);
    for (int i = 0; i < c.fn->input.n; i++)
        put_input(&c, i);
    for (int i = 0; i < c.fn->result.n; i++)
        if (c.fn->result.at[i].role == ROLE_OUTPUT)
            sb_printf(sb, "    %s = out[%d];\n", identifier(&c, ROLE_OUTPUT, c.fn->result.at[i].index), i);
    sb_printf(sb, "    const int status = (int)%s_%s(%s);\n", m->name, entrance_word(m, f->name), arguments(&c, at));
    for (int i = 0; i < c.fn->result.n; i++)
        put_result(&c, i);
    sb_puts(sb, "    return status;\n}\n\n");
}

/* ---- the files ----------------------------------------------------------------------------------------- */
static const char *callers(Arena *a, const Module *m, const MemoryFunction *functions, int n)
{
    StrBuf sb = {.a = a};
    sb_printf(&sb, "#include \"%s.c\"\n\nstruct dl_pool;\n\n", m->name);
    sb_puts(&sb, "static void dlv_copy(void *to, const void *from, unsigned long bytes)\n{\n"
                 "    for (unsigned long i = 0; i < bytes; i++)\n"
                 "        ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];\n}\n\n");
    code_put_pool(&sb, functions, n);
    for (int i = 0; i < n; i++) {
        int at = entrance_of(functions[i].name);
        for (int k = 0; k < functions[i].plan->kernels.n; k++)
            code_put_caller(&sb, functions[i].name, functions[i].plan->kernels.at[k]);
        put_entry(a, &sb, m, &functions[i], at);
    }
    return sb_text(&sb);
}

static FileText text_file(const char *path, const char *text)
{
    return (FileText){path, text, strlen(text)};
}

FileText *code_files(Arena *a, Diag *d, const Module *m, const MemoryFunction *functions, int n, int *nfile)
{
    ModulePlans plans = {0};
    Plan **const slot[] = {&plans.init,     &plans.start,     &plans.infer,
                           &plans.evaluate, &plans.gradients, &plans.train_step};
    for (int i = 0; i < n; i++)
        *slot[entrance_of(functions[i].name)] = functions[i].plan;
    EmitOptions options = {.name = m->name, .file_name = m->name, .train = m->gradients != NULL};
    int at = 0;
    FileText *file = runtime_files(a, 3, &at);
    file[at++] = text_file(arena_printf(a, "%s.c", m->name), emit_source(a, d, m, &plans, &options));
    file[at++] = text_file(arena_printf(a, "%s.h", m->name), emit_header(a, m, &plans, &options));
    file[at++] = text_file("callers.c", callers(a, m, functions, n));
    *nfile = at;
    return file;
}
