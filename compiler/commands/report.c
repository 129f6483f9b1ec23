/* SPDX-License-Identifier: MIT */
/* report.c: `--report`: what each kernel computes and touches, and what the whole needs. */
#include "report.h"

#include "commands.h"

#include <inttypes.h>
#include <string.h>

typedef struct Row {
    const char *function, *kernel;
    int64_t calls;                                  /* a kernel in a loop runs once a step of it */
    int64_t macs;                                   /* of all calls */
    int64_t parameters, state, constants, arena;    /* bytes of the tensors it touches, each once */
} Row;

typedef VEC(Row) RowList;

typedef struct Report {
    Arena *a;
    const Module *m;
    bool baked, json;
    RowList rows;
} Report;

/* ---- measuring ------------------------------------------------------------------------------------- */
/* NULL: the caller's examples, counts and seeds. */
static int64_t *column_of(Row *row, const Buffer *b, bool baked)
{
    if (b->kind == BUFFER_ARENA)
        return &row->arena;
    if (b->kind != BUFFER_PORT)
        return NULL;
    switch (b->role) {
    case ROLE_PARAM:
        return baked ? &row->constants : &row->parameters;
    case ROLE_STATE:
        return baked ? &row->constants : &row->state;
    case ROLE_STREAM:
    case ROLE_OPTIMIZER:
        return &row->state;
    default:
        return NULL;
    }
}

static void add_kernel(Report *r, const char *function, const Kernel *k, int64_t calls)
{
    Row row = {.function = function, .kernel = k->name, .calls = calls, .macs = k->macs * calls};
    for (int i = 0; i < k->args.n; i++) {
        const Buffer *b = buffer_root(k->args.at[i]);
        int64_t *column = column_of(&row, b, r->baked);
        if (column)
            *column += type_bytes(b->type);
    }
    vec_push(r->a, &r->rows, row);
}

static void add_steps(Report *r, const char *function, Step *const *step, int n, int64_t calls)
{
    for (int i = 0; i < n; i++) {
        if (step[i]->kind == STEP_SCAN)
            add_steps(r, function, step[i]->body.at, step[i]->body.n, calls * step[i]->time->extent);
        else
            add_kernel(r, function, step[i]->kernel, calls);
    }
}

static int64_t entries_bytes(const Entry *entry, int n)
{
    int64_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += type_bytes(entry[i].type);
    return bytes;
}

/* Of a whole function: what the module keeps for it (`trains`: the optimizer's, `streams`: those), and its arena. */
static Row total_of(const Report *r, const char *function, const Plan *p, bool trains, bool streams)
{
    Row total = {.function = function, .kernel = "in all", .calls = 1, .arena = p->arena_bytes};
    const Module *m = r->m;
    for (int i = 0; i < r->rows.n; i++)
        total.macs += r->rows.at[i].macs;
    int64_t parameters = entries_bytes(m->params.at, m->params.n),
            states = entries_bytes(m->states.at, m->states.n);
    total.parameters = r->baked ? 0 : parameters;
    total.state = (r->baked ? 0 : states) + (trains ? entries_bytes(m->optimizer.at, m->optimizer.n) : 0) +
                  (streams ? m->batch * entries_bytes(m->streams.at, m->streams.n) : 0);
    total.constants = r->baked ? parameters + states : 0;
    return total;
}

/* ---- printing -------------------------------------------------------------------------------------- */
static void print_row(const Report *r, const Row *row, bool total, int width)
{
    if (!r->json) {
        printf("%-*s %8" PRId64 " %14" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
               width, row->kernel, row->calls, row->macs, row->parameters, row->state, row->constants,
               row->arena);
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "function", json_string(row->function));
    if (!total)
        json_object_set_new(line, "kernel", json_string(row->kernel));
    json_object_set_new(line, total ? "total" : "calls", total ? json_true() : json_integer(row->calls));
    json_object_set_new(line, "macs", json_integer(row->macs));
    json_object_set_new(line, "parameter_bytes", json_integer(row->parameters));
    json_object_set_new(line, "state_bytes", json_integer(row->state));
    json_object_set_new(line, "constant_bytes", json_integer(row->constants));
    json_object_set_new(line, "arena_bytes", json_integer(row->arena));
    json_print(line);
}

static int kernel_width(const Report *r)
{
    size_t width = strlen("in all");
    for (int i = 0; i < r->rows.n; i++)
        width = strlen(r->rows.at[i].kernel) > width ? strlen(r->rows.at[i].kernel) : width;
    return (int)width;
}

static void report_function(Report *r, const char *function, const Plan *p, bool trains, bool streams)
{
    if (!p)
        return;
    r->rows.n = 0;
    add_steps(r, function, p->steps.at, p->steps.n, 1);
    Row total = total_of(r, function, p, trains, streams);
    int width = kernel_width(r);
    if (!r->json)
        printf("%s_%s\n%-*s %8s %14s %12s %12s %12s %12s\n", r->m->name, function, width, "kernel", "calls",
               "MACs", "param B", "state B", "const B", "arena B");
    for (int i = 0; i < r->rows.n; i++)
        print_row(r, &r->rows.at[i], false, width);
    print_row(r, &total, true, width);
    if (!r->json)
        putchar('\n');
}

/* ---- memories -------------------------------------------------------------------------------------- */
static int64_t kept_in(const Placement *p, int memory, Role role)
{
    int64_t bytes = 0;
    for (int i = 0; i < p->nkept; i++)
        bytes += p->kept[i].memory == memory && p->kept[i].role == role ? p->kept[i].bytes : 0;
    return bytes;
}

static void report_memory(const Placement *p, int i, double accesses, bool json)
{
    const Memory *m = &p->memories->at[i];
    int64_t parameters = kept_in(p, i, ROLE_PARAM);
    int64_t state = p->kept_bytes[i] - parameters, used = p->kept_bytes[i] + p->arena_bytes[i];
    if (!json) {
        printf("%-12s %12" PRId64 " %12" PRId64 " %7g %9.1f%% %12" PRId64 " %12" PRId64 " %12" PRId64 "\n", m->name, used, m->bytes, m->cycles,
               accesses > 0 ? 100 * p->accesses[i] / accesses : 0, parameters, state, p->arena_bytes[i]);
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "memory", json_string(m->name));
    json_object_set_new(line, "bytes", json_integer(used));
    json_object_set_new(line, "of_bytes", json_integer(m->bytes));
    json_object_set_new(line, "cycles", json_real(m->cycles));
    json_object_set_new(line, "accesses", json_integer((json_int_t)p->accesses[i]));
    json_object_set_new(line, "parameter_bytes", json_integer(parameters));
    json_object_set_new(line, "state_bytes", json_integer(state));
    json_object_set_new(line, "arena_bytes", json_integer(p->arena_bytes[i]));
    json_print(line);
}

/* Accesses are those of one call: a training step's, or an inference's where there is no training. */
static void report_memories(const Placement *p, bool json)
{
    double accesses = 0;
    for (int i = 0; i < p->memories->n; i++)
        accesses += p->accesses[i];
    if (!json)
        printf("%-12s %12s %12s %7s %10s %12s %12s %12s\n", "memory", "bytes", "of", "cycles", "accesses", "param B", "state B", "arena B");
    for (int i = 0; i < p->memories->n; i++)
        report_memory(p, i, accesses, json);
}

void report_print(Arena *a, const Module *m, const ModulePlans *plans, const EmitOptions *emit, bool json)
{
    Report r = {.a = a, .m = m, .baked = emit->baked, .json = json};
    report_function(&r, entrance_word(m, "infer"), plans->infer, false, true);
    report_function(&r, "start", plans->start, false, true);
    report_function(&r, "train_step", plans->train_step, true, false);
    report_function(&r, "gradients", plans->gradients, false, false);
    report_function(&r, "evaluate", plans->evaluate, false, false);
    report_function(&r, "init", plans->init, plans->train_step != NULL, false);
    if (emit->placement)
        report_memories(emit->placement, json);
}

/* ---- what its compiler says ------------------------------------------------------------------------ */
static void print_stack(Arena *a, const Measured *measured, const char *name, const char *function, bool json)
{
    int64_t bytes = measured_stack(measured, arena_printf(a, "%s_%s", name, function));
    if (!json) {
        printf("%-22s %10" PRId64 "\n", arena_printf(a, "%s_%s", name, function), bytes);
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "function", json_string(function));
    json_object_set_new(line, "stack_bytes", json_integer(bytes));
    json_print(line);
}

void report_measured(Arena *a, const Module *m, const char *name, const ModulePlans *plans, const Measured *measured, bool json)
{
    if (json) {
        json_t *line = json_object();
        json_object_set_new(line, "code_bytes", json_integer(measured->text));
        json_object_set_new(line, "constant_bytes", json_integer(measured->constants));
        json_object_set_new(line, "data_bytes", json_integer(measured->data));
        json_print(line);
    } else {
        printf("compiled: %" PRId64 " bytes of code, %" PRId64 " of constants, %" PRId64 " of data\n%-22s %10s\n", measured->text,
               measured->constants, measured->data, "", "stack B");
    }
    const struct { const char *function; const Plan *plan; } rows[] = {
        {entrance_word(m, "infer"), plans->infer}, {"start", plans->start},       {"train_step", plans->train_step},
        {"gradients", plans->gradients},           {"evaluate", plans->evaluate}, {"init", plans->init},
    };
    for (int i = 0; i < LEN(rows); i++)
        if (rows[i].plan)
            print_stack(a, measured, name, rows[i].function, json);
}
