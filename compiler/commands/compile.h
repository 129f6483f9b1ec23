/* SPDX-License-Identifier: MIT */
/* compile.h: what a command's options say of how a model is compiled, and its plans. */
#ifndef DLC_COMPILE_H
#define DLC_COMPILE_H

#include "../budget/budget.h"
#include "commands.h"

typedef struct Compile {
    ModelChoice choice;
    ElaborateOptions options;
    const char *target_name, *schedule, *optimize;      /* NULL: not given */
    int64_t threads;            /* 1, to begin with */
    bool deterministic;
    Budget budget;
    const Target *target;       /* by compile_settle */
} Compile;

/* Rows for a table of options. `what`: of --target. */
#define OPTIONS_COMPILE(to, what)                                                                          \
    OPTION_TARGET((to).target_name, what), OPTION_THREADS((to).threads), OPTION_OPTIMIZE((to).optimize),   \
    OPTION_DETERMINISTIC((to).deterministic), OPTION_MICRO_BATCH((to).options.micro_batch),                \
    OPTION_STREAMING((to).options.stepwise), OPTION_RAM((to).budget.ram), OPTION_SCHEDULE((to).schedule),  \
    OPTION_MODEL((to).choice), OPTION_SET((to).choice)

/* -1, and the choice and the target (without --target the one of that name) are settled; otherwise the status to exit with, after a
 * complaint. */
int compile_settle(Arena *a, const Command *command, Compile *c, const char *target, bool in_memory);
/* The functions' plans, within the budget. `baked`: weights are constants. false with *why, which is NULL where it has been said in d. */
bool compile_plans(Arena *a, Diag *d, const Module *m, const Compile *c, bool baked, ModulePlans *plans, BudgetReport *kept,
                   const char **why);

#endif
