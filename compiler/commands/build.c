/* SPDX-License-Identifier: MIT */
/* build.c: `dlc model.dl -o model.c`: a model as C. */
#include "compile.h"

#include "../emit/emit.h"
#include "../passes/passes.h"
#include "memory.h"
#include "promises.h"
#include "report.h"

#include <ctype.h>
#include <string.h>

typedef struct Build {
    Arena *a;
    Diag *d;
    Compile c;
    int64_t train_batch; /* 0: not given */
    const char *path, *output, *weights, *name, *memory, *cc;
    const Memories *memories;
    bool report, json;
    BudgetReport kept;
    const Module *m;
    ModulePlans plans;
    EmitOptions emit;
    const char *source, *header; /* what becomes of it */
} Build;

/* ---- names ----------------------------------------------------------------------------------------- */
static bool is_identifier(const char *name)
{
    if (!isalpha((unsigned char)*name))
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

static bool ends_in(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n > m && str_eq(text + n - m, ending);
}

/* "out/cnn.c" -> "out/cnn" */
static const char *stem_of(Arena *a, const char *path)
{
    return arena_strndup(a, path, strlen(path) - strlen(".c"));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- the weights that become constants ------------------------------------------------------------- */
static bool bake(Build *b, Module *m, const char **why)
{
    int n = m->params.n + m->states.n;
    Array *found = NEWN(b->a, Array, n + 1);
    if (!weights_load(b->a, b->weights, m, found, why))
        return false;
    const float **weights = NEWN(b->a, const float *, n + 1);
    for (int i = 0; i < n; i++)
        weights[i] = found[i].data;
    if (!b->c.deterministic) {    /* what is folded is rounded otherwise than where it is computed at run time */
        m->infer = scale_weights(m->infer);
        weights = fold_weights(m, weights);
    }
    b->emit.weights = weights;
    b->emit.baked = true;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------------- */
static void emit(Build *b, const char *stem)
{
    b->emit.file_name = base_name(stem);
    b->source = emit_source(b->a, b->d, b->m, &b->plans, &b->emit);
    b->header = emit_header(b->a, b->m, &b->plans, &b->emit);
}

static int write_files(Build *b, const char *stem)
{
    bool to_stdout = str_eq(b->output, "-");
    const char *failed, *why;
    FileText files[] = {
        {arena_printf(b->a, "%s.h", stem), b->header, strlen(b->header)},
        {b->output, b->source, strlen(b->source)},
    };
    bool ok = to_stdout ? files_write(b->a, files + 1, 1, &failed, &why)
                        : files_write(b->a, files, 2, &failed, &why);
    return ok ? EXIT_OK : bad("%s: %s", failed, why);
}

static int64_t memories_bytes(const Memories *memories)
{
    int64_t bytes = 0;
    for (int i = 0; i < memories->n; i++)
        bytes += memories->at[i].bytes;
    return bytes;
}

/* More of what a budget takes; its choices come behind those that were made before. */
static bool keep_less(Build *b, int64_t ram)
{
    const Budget budget = {.ram = ram, .quiet = true};
    BudgetReport more;
    bool kept = budget_keep(b->a, b->d, b->m, &budget, b->emit.baked, &b->plans, &more);
    for (int i = 0; i < more.choices.n; i++)
        vec_push(b->a, &b->kept.choices, more.choices.at[i]);
    b->kept.kept = more.kept;
    b->kept.arena = more.arena;
    return kept;
}

/* As it is planned; where that does not fit, as for a budget of all memories together, and of less and less, since tensors leave gaps. */
static bool place_all(Build *b, const char **why)
{
    enum { TRIES = 12 };
    int64_t ram = memories_bytes(b->memories);
    bool more = true;
    for (int i = 0; i < TRIES; i++, ram -= ram / 32) {
        b->emit.placement = memories_place(b->a, b->m, b->memories, &b->plans, b->emit.baked, b->emit.train, why);
        if (b->emit.placement || !more)
            break;
        more = keep_less(b, ram);
    }
    if (!b->emit.placement)
        *why = arena_printf(b->a, "--memory %s: %s", b->memory, *why);
    return b->emit.placement != NULL;
}

static int complained(const Build *b)
{
    diag_print(b->d, stderr);
    return EXIT_BAD;
}

/* The functions' plans, for the target, within the budget; and where their tensors lie. False with *why, or what is said in d. */
static bool plan(Build *b, const char **why)
{
    bool planned = compile_plans(b->a, b->d, b->m, &b->c, b->emit.baked, &b->plans, &b->kept, why);
    if (b->m->params.n + b->m->states.n == 0)
        b->plans.init = NULL;
    return planned && (!b->memories || place_all(b, why));
}

static bool measured_by(const Build *b, Measured *measured, const char **why)
{
    const char *wrong;
    if (measure(b->a, b->cc, b->c.target, b->emit.file_name, b->source, b->header, measured, &wrong))
        return true;
    *why = arena_printf(b->a, "--cc: %s", wrong);
    return false;
}

/* The code as its compiler sees it. Where it is too large it is written anew, compactly. */
static bool measure_code(Build *b, const char *stem, Measured *measured, const char **why)
{
    if (!measured_by(b, measured, why))
        return false;
    int64_t bytes = flash_of(measured);
    const Target *compact = target_optimized(b->a, b->c.target, "size");
    if (!b->c.budget.flash || bytes <= b->c.budget.flash || (b->c.optimize && str_eq(b->c.optimize, "size")))
        return true;
    const Build fast = *b;
    const Measured as_fast = *measured;
    b->c.target = compact;
    *measured = (Measured){0};
    if (!plan(b, why))
        return false;
    emit(b, stem);
    if (!measured_by(b, measured, why))
        return false;
    if (flash_of(measured) < bytes) {
        vec_push(b->a, &b->kept.choices, ((Choice){.function = "all", .means = "size", .saved = bytes - flash_of(measured)}));
        return true;
    }
    *b = fast;
    *measured = as_fast;
    return true;
}

/* Sizes first: they may be what a file is refused for. */
static int write_and_report(Build *b)
{
    Measured measured = {0};
    const char *stem = b->output && !str_eq(b->output, "-") ? stem_of(b->a, b->output) : b->emit.name, *why;
    if (b->output || b->cc)
        emit(b, stem);
    if (b->cc && !measure_code(b, stem, &measured, &why))
        return diag_errors(b->d) ? complained(b) : bad("%s", why);
    const Plan *main_plan = b->plans.train_step ? b->plans.train_step : b->plans.infer;
    if (b->cc && !promises_kept(b->a, b->d, b->m, main_plan->fn->span, &b->c.budget, b->emit.baked, &measured))
        return complained(b);
    int status = b->output ? write_files(b, stem) : EXIT_OK;
    if (status == EXIT_OK && b->report)
        report_print(b->a, b->m, &b->plans, &b->emit, b->json);
    if (status == EXIT_OK && b->report && (b->c.budget.ram || b->kept.choices.n))
        report_budget(b->a, b->d, &b->kept, b->c.budget.ram > 0, b->json);
    if (status == EXIT_OK && b->report && b->cc)
        report_measured(b->a, b->m, b->emit.name, &b->plans, &measured, b->json);
    return status;
}

static int build(Build *b)
{
    const char *why;
    Module *m = model_read(b->a, b->d, b->path, &b->c.options);
    if (!m)
        return EXIT_BAD;
    b->m = m;
    b->emit.train = b->c.options.train;
    b->emit.name = b->name ? b->name : b->m->name;
    if (b->weights && !bake(b, m, &why))
        return bad("%s", why);
    if (!c_names_apart(b->a, b->d, b->m, b->c.options.train))
        return complained(b);
    if (!plan(b, &why))
        return diag_errors(b->d) ? complained(b) : bad("%s", why);
    return write_and_report(b);
}

/* ---- the command line ------------------------------------------------------------------------------ */
static int check_usage(Build *b, const Command *command)
{
    if (!b->output && !b->report)
        return options_complain(command, "-o FILE.c is missing");
    if (b->output && !str_eq(b->output, "-") && !ends_in(base_name(b->output), ".c"))
        return options_complain(command, "-o %s: expected a name that ends in .c, or -", b->output);
    if (b->output && str_eq(b->output, "-") && b->report)
        return options_complain(command, "-o - and --report both want standard output");
    if (b->json && !b->report)
        return options_complain(command, "--json is for --report");
    if (b->cc && !b->report && !b->c.budget.flash && !b->c.budget.stack)
        return options_complain(command, "--cc is for --report, --flash and --stack");
    if ((b->c.budget.flash || b->c.budget.stack) && !b->cc)
        return options_complain(command, "--flash and --stack want --cc COMMAND: a compiler alone can tell");
    if (b->weights && b->c.options.train)
        return options_complain(command, "--weights makes constants of what --train trains: choose one");
    if (b->c.options.stepwise && b->c.options.train)
        return options_complain(command, "--streaming takes single steps and --train whole sequences: write two files");
    if (b->train_batch && !b->c.options.train)
        return options_complain(command, "--train-batch is for --train");
    if (b->c.options.micro_batch && !b->c.options.train)
        return options_complain(command, "--micro-batch is for --train");
    const char *why;
    if (b->memory && !(b->memories = memories_read(b->a, b->memory, &why)))
        return options_complain(command, "--memory %s: %s", b->memory, why);
    b->c.options.sparing |= b->memory != NULL;
    if (b->name && !is_identifier(b->name))
        return options_complain(command, "--name %s: expected a letter, then letters, digits and underscores",
                                b->name);
    return -1;
}

int cmd_build(Arena *a, int argc, char **argv)
{
    Build b = {.a = a, .d = diag_new(a), .c = {.options = {.batch = 1}, .threads = 1}};
    const Option rows[] = {
        {"output", 'o', OPTION_TEXT, &b.output, "FILE.c",
         "the C file; its header is named alike. -: C on standard output, no header", 0, 0},
        {"train", 't', OPTION_FLAG, &b.c.options.train, NULL, "also gradients, training step and evaluation", 0,
         0},
        {"batch", 'b', OPTION_INT, &b.c.options.batch, "N", "examples of one inference (default 1)", 1,
         1000000},
        {"train-batch", 0, OPTION_INT, &b.train_batch, "N", "examples of one training step (default 32)", 1,
         1000000},
        {"weights", 'w', OPTION_TEXT, &b.weights, "W.safetensors", "make these weights constants of the file",
         0, 0},
        OPTIONS_COMPILE(b.c, "what the C is for (default generic: portable C99)"),
        {"memory", 0, OPTION_TEXT, &b.memory, "NAME=SIZE[@CYCLES],...",
         "place tensors in these memories, what is used most in the fastest", 0, 0},
        {"name", 'n', OPTION_TEXT, &b.name, "NAME", "the prefix of every symbol (default: the model's name)",
         0, 0},
        {"flash", 0, OPTION_BYTES, &b.c.budget.flash, "BYTES", "code and constants fit into so many bytes, or an error; wants --cc", 0, 0},
        {"stack", 0, OPTION_BYTES, &b.c.budget.stack, "BYTES", "no call needs more stack, or an error; wants --cc", 0, 0},
        {"report", 'r', OPTION_FLAG, &b.report, NULL, "multiply-accumulates and bytes, per kernel and in all",
         0, 0},
        {"cc", 'c', OPTION_TEXT, &b.cc, "COMMAND",
         "the report has code and stack too, measured with this compiler (gcc) and the target's flags", 0, 0},
        {"json", 0, OPTION_FLAG, &b.json, NULL, "the report as one JSON object a line", 0, 0},
    };
    const Command command = {
        .name = "dlc",
        .operands = "[options] MODEL.dl -o MODEL.c",
        .summary = "Writes a model as C: MODEL.c and MODEL.h. - reads the model from standard input.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = compile_settle(a, &command, &b.c, "generic", false);
    if (status < 0)
        status = check_usage(&b, &command);
    if (status >= 0)
        return status;
    b.c.options.train_batch = b.train_batch ? b.train_batch : 32;
    b.path = operands.at[0];
    return build(&b);
}
