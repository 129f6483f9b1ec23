/* SPDX-License-Identifier: MIT */
/* verify.c: `dlc verify`: the compiled code of a user's model against the reference interpreter, kernel by
 * kernel. */
#include "compile.h"

#include "../verify/model.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct Verification {
    Arena *a;
    Diag *d;
    Compile c;
    const char *path, *weights, *engine, *cc;
    int64_t batch, steps;
    uint64_t seed;
    bool json;
    const JitEngine *jit;
} Verification;

/* ---- compiling ------------------------------------------------------------------------------------- */
static Jit *compile(void *context, const Module *m, const MemoryFunction *functions, int n, const char **why)
{
    Verification *v = context;
    int nfile;
    if (!v->cc)
        return v->jit->compile(v->a, code_source(v->a, functions, n), v->c.target, why);
    const FileText *file = code_files(v->a, v->d, m, functions, n, &nfile);
    return jit_files(v->a, v->cc, file, nfile, why);
}

/* ---- text ------------------------------------------------------------------------------------------ */
static const char *index_text(Arena *a, const Fault *fault)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i < fault->type.rank; i++)
        sb_printf(&sb, "%s%" PRId64, i ? ", " : "", fault->index[i]);
    return sb_text(&sb);
}

static void print_fault(Verification *v, const Fault *fault)
{
    const char *where = fault->kernel ? kernel_places(v->a, v->d, fault->plan, fault->kernel) : "";
    printf("WRONG: ");
    if (fault->kernel)
        printf("%s: kernel %s%s%s%s %s\n", fault->plan->fn->name, fault->kernel->name, *where ? " (" : "",
               where, *where ? ")" : "", fault->text);
    else
        printf("%s\n", fault->text);
    if (fault->has_element)
        printf("    %s : %s, element [%s] is %.9g; expected %.9g, off by at most %.2g; %" PRId64
               " of %" PRId64 " elements are wrong\n",
               fault->tensor, type_text(v->a, fault->type), index_text(v->a, fault), fault->found,
               fault->expected, fault->slack, fault->wrong, fault->of);
}

static void print_heading(const char *last)
{
    printf("\n%-11s %-9s %-28s %-20s %10s %10s %10s\n", "function", "", "tensor", "type", "error", "allowed",
           last);
}

static void print_row(Verification *v, const Row *row, const char *last)
{
    printf("%-11s %-9s %-28s %-20s %10.2g %10.2g %10s %s", row->function, row->how, row->name,
           type_text(v->a, row->type), row->error, row->allowed, last, row->fine ? "ok" : "WRONG");
    if (row->corners)
        printf(" (%" PRId64 " at a corner)", row->corners);
    putchar('\n');
}

static void print_verdict(Verification *v, const Verdict *verdict)
{
    for (int i = 0; i < verdict->nfunction; i++)
        printf("%-11s %d kernels, %d calls: %s\n", verdict->function[i].function,
               verdict->function[i].kernels, verdict->function[i].calls,
               verdict->function[i].fine ? "each is right, alone and in its place" : "WRONG");
    for (int i = 0; i < verdict->faults.n; i++)
        print_fault(v, &verdict->faults.at[i]);
    if (verdict->differences.n)
        print_heading("samples");
    for (int i = 0; i < verdict->differences.n; i++)
        print_row(v, &verdict->differences.at[i],
                  arena_printf(v->a, "%" PRId64, verdict->differences.at[i].samples));
    if (verdict->rows.n)
        print_heading("in float");
    for (int i = 0; i < verdict->rows.n; i++)
        print_row(v, &verdict->rows.at[i], arena_printf(v->a, "%.2g", verdict->rows.at[i].rounding));
}

/* ---- JSON ------------------------------------------------------------------------------------------ */
static json_t *shape_json(Type t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t.rank; i++)
        json_array_append_new(shape, json_integer(t.dim[i]));
    return shape;
}

static void fault_json(Verification *v, const Fault *fault)
{
    json_t *o = json_object();
    json_object_set_new(o, "fault", json_string(fault->text));
    json_object_set_new(o, "function", json_string(fault->plan->fn->name));
    if (fault->kernel) {
        json_object_set_new(o, "kernel", json_string(fault->kernel->name));
        json_object_set_new(o, "place", json_string(kernel_places(v->a, v->d, fault->plan, fault->kernel)));
    }
    if (fault->has_element) {
        json_t *index = json_array();
        for (int i = 0; i < fault->type.rank; i++)
            json_array_append_new(index, json_integer(fault->index[i]));
        json_object_set_new(o, "tensor", json_string(fault->tensor));
        json_object_set_new(o, "shape", shape_json(fault->type));
        json_object_set_new(o, "index", index);
        json_object_set_new(o, "expected", json_number(fault->expected));
        json_object_set_new(o, "found", json_number(fault->found));
        json_object_set_new(o, "allowed", json_number(fault->slack));
    }
    json_print(o);
}

static void row_json(const Row *row, bool differences)
{
    json_t *o = json_object();
    json_object_set_new(o, "function", json_string(row->function));
    if (*row->how)
        json_object_set_new(o, "call", json_string(row->how));
    json_object_set_new(o, "tensor", json_string(row->name));
    json_object_set_new(o, "shape", shape_json(row->type));
    json_object_set_new(o, "error", json_number(row->error));
    json_object_set_new(o, "allowed", json_number(row->allowed));
    json_object_set_new(o, "against", json_string(differences ? "differences" : "interpreter"));
    if (differences) {
        json_object_set_new(o, "samples", json_integer(row->samples));
        json_object_set_new(o, "corners", json_integer(row->corners));
    } else {
        json_object_set_new(o, "float", json_number(row->rounding));
    }
    json_object_set_new(o, "ok", json_boolean(row->fine));
    json_print(o);
}

static void verdict_json(Verification *v, const Verdict *verdict)
{
    for (int i = 0; i < verdict->faults.n; i++)
        fault_json(v, &verdict->faults.at[i]);
    for (int i = 0; i < verdict->differences.n; i++)
        row_json(&verdict->differences.at[i], true);
    for (int i = 0; i < verdict->rows.n; i++)
        row_json(&verdict->rows.at[i], false);
}

/* ---- the command ----------------------------------------------------------------------------------- */
static int count_wrong(const Verdict *verdict)
{
    int wrong = verdict->faults.n;
    for (int i = 0; i < verdict->differences.n; i++)
        wrong += !verdict->differences.at[i].fine;
    for (int i = 0; i < verdict->rows.n; i++)
        wrong += !verdict->rows.at[i].fine;
    return wrong;
}

static int verify(Verification *v)
{
    const char *why = NULL;
    v->c.options.batch = v->c.options.train_batch = v->batch;
    const Module *m = v->c.options.stepwise ? model_read(v->a, v->d, v->path, &v->c.options)
                                          : model_read_whole(v->a, v->d, v->path, &v->c.options);
    if (!m)
        return EXIT_BAD;
    Array *found = v->weights ? NEWN(v->a, Array, m->params.n + m->states.n + 1) : NULL;
    if (found && !weights_load(v->a, v->weights, m, found, &why))
        return bad("%s", why);
    VerifyOptions options = {.seed = v->seed, .steps = (int)v->steps, .weights = found, .files = v->cc != NULL};
    BudgetReport kept;
    bool planned = compile_plans(v->a, v->d, m, &v->c, false, &options.plans, &kept, &why);
    const Verdict *verdict = planned ? verify_model(v->a, m, v->c.target, compile, v, &options, &why) : NULL;
    diag_print(v->d, stderr);
    if (!verdict)
        return why ? bad("%s", why) : EXIT_BAD;
    int wrong = count_wrong(verdict);
    if (v->json) {
        verdict_json(v, verdict);
    } else {
        printf("%s: %s for target %s, compiled by %s; batch %" PRId64 ", seed %" PRIu64 "\n\n", m->name,
               v->cc ? "the files of dlc -o" : "code in memory", v->c.target->name,
               v->cc ? v->cc : v->jit->name, v->batch, v->seed);
        print_verdict(v, verdict);
        printf("\n%s\n", wrong ? "the compiled code is WRONG" : "the compiled code is right");
    }
    return wrong ? EXIT_BAD : EXIT_OK;
}

int cmd_verify(Arena *a, int argc, char **argv)
{
    Verification v = {.a = a, .d = diag_new(a), .c = {.threads = 1}, .batch = 3, .steps = 3, .seed = 1};
    const Option rows[] = {
        {"jit", 'j', OPTION_CHOICE, &v.engine, "cc|tcc",
         "check code in memory, compiled so (default: cc, or tcc without one)", 0, 0},
        {"cc", 'c', OPTION_TEXT, &v.cc, "COMMAND",
         "check the files that dlc -o writes, compiled by this: \"gcc -O3 -march=native\"", 0, 0},
        {"batch", 'b', OPTION_INT, &v.batch, "N", "examples of a call, of inference and training (default 3)",
         1, 1000000},
        {"steps", 'n', OPTION_INT, &v.steps, "N", "training steps (default 3)", 1, 1000},
        {"seed", 's', OPTION_SEED, &v.seed, "N", "of inputs and weights (default 1)", 0, 0},
        {"weights", 'w', OPTION_TEXT, &v.weights, "W.safetensors",
         "weights to start from (default: initial ones)", 0, 0},
        OPTIONS_COMPILE(v.c, "what these files are for (default generic)"),
        OPTION_JSON(v.json),
    };
    const Command command = {
        .name = "dlc verify",
        .operands = "[options] MODEL.dl",
        .summary = "Checks a model's compiled code, kernel by kernel, against the reference interpreter.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0 && v.cc && v.engine)
        status = options_complain(&command, "--cc and --jit both say who compiles: choose one");
    if (status < 0 && v.cc && !v.cc[strspn(v.cc, " ")])
        status = options_complain(&command, "--cc: expected a compiler's command");
    if (status < 0 && v.c.target_name && !v.cc)
        status = options_complain(&command, "--target is for --cc; code in memory is for this machine");
    v.jit = jit_engine(v.engine);
    if (status < 0)
        status = compile_settle(a, &command, &v.c, v.cc ? "generic" : v.jit->target, !v.cc);
    if (status >= 0)
        return status;
    v.path = operands.at[0];
    return verify(&v);
}
