/* SPDX-License-Identifier: MIT */
/* check.c: `dlc check`: diagnostics alone, of every model in a file, of its inference and its training. */
#include "commands.h"

/* With diagnostics of its own, so that one model's errors do not hide another's. */
static bool check_model(Arena *a, const Diag *read, const Program *program, const Def *model, ElaborateOptions options)
{
    Diag *d = diag_again(a, read);
    if (model) {
        options.model = model->name.text;
        options.train = model_trains(model);
    }
    const Module *m = pipeline_build(a, d, program, &options, NULL, NULL);
    if (m)
        module_plans(a, d, m, target_find("generic"), NULL);
    diag_print(d, stderr);
    return diag_errors(d) == 0;
}

static bool check_file(Arena *a, const char *path, const ElaborateOptions *options)
{
    bool ok = true, any = false;
    Diag *d = diag_new(a);
    const Program *program = program_read(a, d, path);
    diag_print(d, stderr);
    if (diag_errors(d))
        return false;
    for (int i = 0; i < program->defs.n; i++) {
        const Def *def = program->defs.at[i];
        if (def->kind != DEF_MODEL || (options->model && !str_eq(options->model, def->name.text)))
            continue;
        any = true;
        ok &= check_model(a, d, program, def, *options);
    }
    ElaborateOptions none = *options; /* a file to be imported; an empty one, or --model, hears that there is no model */
    none.definitions = program->defs.n > 0 && !options->model;
    return any ? ok : check_model(a, d, program, NULL, none);
}

int cmd_check(Arena *a, int argc, char **argv)
{
    ModelChoice choice = {0};
    ElaborateOptions options = {.batch = 1, .train_batch = 1};
    const Option rows[] = {OPTION_MODEL(choice), OPTION_SET(choice)};
    const Command command = {
        .name = "dlc check",
        .operands = "[options] MODEL.dl...",
        .summary =
            "Says what is wrong with models, with their inference and their training, and writes nothing.\n"
            "All models of a file are checked unless --model chooses one; of a file without models, to be imported, its\n"
            "names and constants. - is standard input.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = -1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = choice_settle(a, &command, &choice, &options);
    if (status >= 0)
        return status;
    status = EXIT_OK;
    for (int i = 0; i < operands.n; i++)
        if (!check_file(a, operands.at[i], &options))
            status = EXIT_BAD;
    return status;
}
