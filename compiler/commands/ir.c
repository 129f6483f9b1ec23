/* SPDX-License-Identifier: MIT */
/* ir.c: `dlc ir`: what a model has become after a stage: the tree, the graph after each pass, the kernels. */
#include "compile.h"

#include "../kernels/kernel.h"

#include <string.h>

enum { FUNCTIONS = 16 };

/* Stages besides the passes. The last ones are parts of one lowering; fuse shows its whole result, like plan. */
static const char *const tree_stage = "parse", *const graph_stage = "elaborate", *const everything = "all";
static const struct {
    const char *name;
    void (*print)(StrBuf *sb, const Plan *p);
} plan_stages[] = {{"fuse", plan_print}, {"schedule", plan_print_schedule}, {"plan", plan_print}};

typedef struct Dump {
    Arena *a;
    Diag *d;
    Compile c;
    const char *path, *after, *function;
    bool shown;                  /* anything, of a function */
    const char *last[FUNCTIONS]; /* what was printed of each function before */
} Dump;

/* ---- which stages ---------------------------------------------------------------------------------- */
static StringList stage_names(Arena *a)
{
    StringList names = {0};
    vec_push(a, &names, tree_stage);
    vec_push(a, &names, graph_stage);
    for (int i = 0; pipeline_pass(i); i++)
        vec_push(a, &names, pipeline_pass(i)->name);
    for (int i = 0; i < LEN(plan_stages); i++)
        vec_push(a, &names, plan_stages[i].name);
    vec_push(a, &names, everything);
    return names;
}

static const char *joined(Arena *a, const StringList *names)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i < names->n; i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", names->at[i]);
    return sb_text(&sb);
}

/* "differentiate,hoist" */
static StringList wanted_stages(Arena *a, const char *after)
{
    StringList names = {0};
    for (const char *at = after;; at++) {
        size_t n = strcspn(at, ",");
        vec_push(a, &names, arena_strndup(a, at, n));
        at += n;
        if (!*at)
            return names;
    }
}

static bool listed(const StringList *names, const char *name)
{
    for (int i = 0; i < names->n; i++)
        if (str_eq(names->at[i], name))
            return true;
    return false;
}

static bool wanted(const Dump *dump, const char *stage)
{
    StringList names = wanted_stages(dump->a, dump->after);
    return listed(&names, stage) || listed(&names, everything);
}

static bool wants_plan(const Dump *dump)
{
    bool any = false;
    for (int i = 0; i < LEN(plan_stages); i++)
        any |= wanted(dump, plan_stages[i].name);
    return any;
}

/* ---- printing -------------------------------------------------------------------------------------- */
static void show(Dump *dump, int i, const char *stage, const char *name, const char *text)
{
    bool same = dump->last[i] && str_eq(dump->last[i], text);
    printf("# after %s: %s%s\n%s%s", stage, name, same ? " (unchanged)" : "", same ? "" : text, "\n");
    dump->last[i] = text;
    dump->shown = true;
}

static bool chosen(const Dump *dump, const char *name)
{
    return !dump->function || str_eq(dump->function, name);
}

static void after_pass(void *context, const char *pass, const Module *m)
{
    Dump *dump = context;
    const char *name;
    Fn *fn = NULL;
    if (!wanted(dump, pass))
        return;
    for (int i = 0; (name = module_function(m, i, &fn)) != NULL; i++) {
        if (!fn || !chosen(dump, name))
            continue;
        StrBuf sb = {.a = dump->a};
        fn_print(&sb, fn);
        show(dump, i, pass, name, sb_text(&sb));
    }
}

/* What stages show alike, once, as the last of them. */
static void show_plan(Dump *dump, int i, const char *name, const Plan *p)
{
    for (int k = 0; k < LEN(plan_stages); k++) {
        bool again = false;
        for (int later = k + 1; later < LEN(plan_stages); later++)
            again |= plan_stages[later].print == plan_stages[k].print && wanted(dump, plan_stages[later].name);
        if (again || !wanted(dump, plan_stages[k].name))
            continue;
        StrBuf sb = {.a = dump->a};
        plan_stages[k].print(&sb, p);
        show(dump, i, plan_stages[k].name, name, sb_text(&sb));
    }
}

/* All are planned before any is shown: what is wrong with a schedule is known then. What becomes no C is planned where it is asked for. */
static bool show_plans(Dump *dump, const Module *m, const char **why)
{
    ModulePlans plans;
    BudgetReport kept;
    const char *name;
    Fn *fn = NULL;
    if (!compile_plans(dump->a, dump->d, m, &dump->c, false, &plans, &kept, why))
        return false;
    for (int i = 0; (name = module_function(m, i, &fn)) != NULL; i++) {
        const Plan *p = module_plan(&plans, name);
        if (fn && !p && dump->function && chosen(dump, name))
            p = lower(dump->a, dump->d, fn, dump->c.target);
        if (p && chosen(dump, name))
            show_plan(dump, i, name, p);
    }
    return true;
}

/* The tree of the file itself, without what it imports. */
static void show_tree(Dump *dump, const Program *program)
{
    StrBuf sb = {.a = dump->a};
    ast_print(&sb, program);
    fputs(sb_text(&sb), stdout);
}

static int ir(Dump *dump)
{
    const Program *program = program_read(dump->a, dump->d, dump->path);
    if (program && wanted(dump, tree_stage)) {
        show_tree(dump, program);
        if (!diag_errors(dump->d) && str_eq(dump->after, tree_stage))
            return EXIT_OK;
        putchar('\n');
    }
    Module *m = pipeline_build(dump->a, dump->d, program, &dump->c.options, after_pass, dump);
    diag_print(dump->d, stderr);
    if (!m)
        return EXIT_BAD;
    const char *why = NULL;
    if (wants_plan(dump) && !show_plans(dump, m, &why) && why)
        return bad("%s", why);
    if (diag_errors(dump->d)) {
        diag_print(dump->d, stderr);
        return EXIT_BAD;
    }
    if (dump->function && !dump->shown)
        return bad("%s has no function %s after %s%s", m->name, dump->function, dump->after,
                   dump->c.options.train ? "" : " (the training functions need --train)");
    return EXIT_OK;
}

/* ---- the command line ------------------------------------------------------------------------------ */
static int check_stages(const Dump *dump, const Command *command)
{
    StringList names = stage_names(dump->a), stages = wanted_stages(dump->a, dump->after);
    for (int i = 0; i < stages.n; i++) {
        if (listed(&names, stages.at[i]))
            continue;
        return options_complain(command, "--after %s: expected one of %s", stages.at[i],
                                joined(dump->a, &names));
    }
    return -1;
}

static int check_function(const Dump *dump, const Command *command)
{
    Module none = {0};
    StringList names = {0};
    const char *name;
    Fn *fn;
    for (int i = 0; (name = module_function(&none, i, &fn)) != NULL; i++)
        vec_push(dump->a, &names, name);
    if (!dump->function || listed(&names, dump->function))
        return -1;
    return options_complain(command, "--function %s: expected one of %s", dump->function,
                            joined(dump->a, &names));
}

static const char stages_help[] =
    "Stages: %s.\n"
    "parse shows the tree, the passes the graph, fuse and plan the kernels, schedule how contractions are cut into\n"
    "tiles, as --schedule reads it. With all, a function that a pass left as it was is marked (unchanged).";

int cmd_ir(Arena *a, int argc, char **argv)
{
    Dump dump = {.a = a, .d = diag_new(a), .after = "micro_batch", .c = {.threads = 1}};
    dump.c.options = (ElaborateOptions){.batch = 1, .train_batch = 32};
    const Option rows[] = {
        {"after", 'a', OPTION_TEXT, &dump.after, "STAGE[,STAGE]",
         "which stages (default micro_batch, the last pass)", 0, 0},
        {"function", 'f', OPTION_TEXT, &dump.function, "NAME",
         "one function: init, infer, loss, evaluate, update, gradients, train_step", 0, 0},
        {"train", 't', OPTION_FLAG, &dump.c.options.train, NULL, "also the training functions", 0, 0},
        {"batch", 'b', OPTION_INT, &dump.c.options.batch, "N", "examples of one inference (default 1)", 1,
         1000000},
        {"train-batch", 0, OPTION_INT, &dump.c.options.train_batch, "N",
         "examples of one training step (default 32)", 1, 1000000},
        OPTIONS_COMPILE(dump.c, "what kernels are planned for (default generic)"),
    };
    StringList names = stage_names(a);
    const Command command = {
        .name = "dlc ir",
        .operands = "[options] MODEL.dl",
        .summary = "Prints what a model has become after a stage.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
        .epilogue = arena_printf(a, stages_help, joined(a, &names)),
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = check_stages(&dump, &command);
    if (status < 0)
        status = check_function(&dump, &command);
    if (status < 0)
        status = compile_settle(a, &command, &dump.c, "generic", true);
    if (status >= 0)
        return status;
    dump.path = operands.at[0];
    return ir(&dump);
}
