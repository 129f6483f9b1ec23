/* SPDX-License-Identifier: MIT */
/* compile.c: from the options of a command to a model's plans, the same way for each of them. */
#include "compile.h"

/* The same machine with the options' threads, and the same bits. */
static const Target *compile_target(Arena *a, const Compile *c, const Target *target)
{
    return target_deterministic(a, target_with_threads(a, target, (int)c->threads), c->deterministic);
}

int compile_settle(Arena *a, const Command *command, Compile *c, const char *target, bool in_memory)
{
    int status = choice_settle(a, command, &c->choice, &c->options);
    if (status < 0)
        status = target_settle(command, c->target_name ? c->target_name : target, in_memory, &c->target);
    if (status < 0)
        c->target = compile_target(a, c, target_optimized(a, c->target, c->optimize));
    c->options.sparing |= c->budget.ram > 0 || c->options.micro_batch > 0;
    return status;
}

bool compile_plans(Arena *a, Diag *d, const Module *m, const Compile *c, bool baked, ModulePlans *plans, BudgetReport *kept,
                   const char **why)
{
    *why = NULL;
    Schedules *schedules = c->schedule ? schedules_open(a, d, c->schedule, why) : NULL;
    if (c->schedule && !schedules)
        return false;
    *kept = (BudgetReport){0};
    *plans = module_plans(a, d, m, c->target, schedules);
    if (schedules)
        schedules_check(schedules);
    if (baked)
        plans->init = NULL;
    if (c->budget.ram && !diag_errors(d))
        budget_keep(a, d, m, &c->budget, baked, plans, kept);
    return !diag_errors(d);
}
