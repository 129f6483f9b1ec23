/* SPDX-License-Identifier: MIT */
/* model.c: what every command that reads a model shares. */
#include "commands.h"

#include <string.h>

int bad(const char *format, ...)
{
    va_list args;
    fputs("dlc: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_BAD;
}

int choice_settle(Arena *a, const Command *command, const ModelChoice *choice, ElaborateOptions *options)
{
    Setting *set = NEWN(a, Setting, choice->set.n + 1);
    for (int i = 0; i < choice->set.n; i++) {
        const char *text = choice->set.at[i], *equals = strchr(text, '=');
        if (!equals || equals == text || !equals[1])
            return options_complain(command, "--set %s: expected CONST=VALUE", text);
        set[i] = (Setting){arena_strndup(a, text, (size_t)(equals - text)), equals + 1};
    }
    options->model = choice->name;
    options->set = set;
    options->nset = choice->set.n;
    return -1;
}

Module *model_read(Arena *a, Diag *d, const char *path, const ElaborateOptions *options)
{
    Module *m = pipeline_module(a, d, path, options, NULL, NULL);
    if (!m)
        diag_print(d, stderr);
    return m;
}

static bool block_trains(const Block *block)
{
    for (int i = 0; i < block->n; i++) {
        const Stmt *s = block->at[i];
        if (s->kind == ST_TRAIN || block_trains(&s->body) || block_trains(&s->orelse))
            return true;
    }
    return false;
}

bool model_trains(const Def *model)
{
    return block_trains(&model->body);
}

/* Where there are several and none was chosen, the first; elaboration will say what is wrong with that. */
static const Def *find_model(const Program *program, const char *name)
{
    for (int i = 0; i < program->defs.n; i++) {
        const Def *def = program->defs.at[i];
        if (def->kind == DEF_MODEL && (!name || str_eq(def->name.text, name)))
            return def;
    }
    return NULL;
}

Module *model_read_whole(Arena *a, Diag *d, const char *path, ElaborateOptions *options)
{
    const Program *program = program_read(a, d, path);
    const Def *def = program ? find_model(program, options->model) : NULL;
    options->train = def && model_trains(def);
    Module *m = pipeline_build(a, d, program, options, NULL, NULL);
    if (!m)
        diag_print(d, stderr);
    return m;
}

static Plan *plan_of(Arena *a, Diag *d, const Fn *fn, const Target *target, Schedules *schedules)
{
    return fn ? lower_with(a, d, fn, target, schedules) : NULL;
}

ModulePlans module_plans(Arena *a, Diag *d, const Module *m, const Target *target, Schedules *schedules)
{
    return (ModulePlans){
        .init = plan_of(a, d, m->init, target, schedules),
        .start = plan_of(a, d, m->start, target, schedules),
        .infer = plan_of(a, d, m->infer, target, schedules),
        .train_step = plan_of(a, d, m->train_step, target, schedules),
        .gradients = plan_of(a, d, m->gradients, target, schedules),
        .evaluate = plan_of(a, d, m->evaluate, target, schedules),
    };
}

Plan *module_plan(const ModulePlans *plans, const char *function)
{
    const struct {
        const char *name;
        Plan *plan;
    } all[] = {{"init", plans->init},           {"start", plans->start},         {"infer", plans->infer},
               {"train_step", plans->train_step}, {"gradients", plans->gradients}, {"evaluate", plans->evaluate}};
    for (int i = 0; i < LEN(all); i++)
        if (str_eq(all[i].name, function))
            return all[i].plan;
    return NULL;
}

const char *kernel_places(Arena *a, Diag *d, const Plan *p, const Kernel *k)
{
    StrBuf sb = {.a = a};
    int last = 0, column;
    for (int i = 0; i < k->spans.n && i < 6; i++) {
        Span sp = k->spans.at[i];
        int line = diag_line(d, sp, &column);
        const char *word = span_word(p, sp);
        const char *file = diag_source_name(d, sp.source), *slash = strrchr(file, '/');
        if (line && line != last)
            sb_printf(&sb, "%s%s:%d", sb.n ? ", " : "", slash ? slash + 1 : file, line);
        sb_printf(&sb, "%s%s", word ? (line == last ? ", " : " ") : "", word ? word : "");
        last = line;
    }
    return sb_text(&sb);
}
