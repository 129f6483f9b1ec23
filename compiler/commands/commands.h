/* SPDX-License-Identifier: MIT */
/* commands.h: what the user types. One file a command; each returns its exit status, and only main() exits.
 *
 * EXIT_OK (0) done; EXIT_BAD (1) a wrong model, or data or files that cannot be used; EXIT_USAGE (2) a wrong
 * command line. Messages go to standard error; standard output holds results alone, with --json one object a
 * line. */
#ifndef DLC_COMMANDS_H
#define DLC_COMMANDS_H

#include "../emit/emit.h"
#include "../lab/lab.h"
#include "../pipeline.h"

#include <jansson.h>

/* argv[0] is the command's own word. Everything lives in the arena. */
typedef int Run(Arena *a, int argc, char **argv);

Run cmd_build;
Run cmd_check;
Run cmd_train;
Run cmd_eval;
Run cmd_run;
Run cmd_trace;
Run cmd_verify;
Run cmd_profile;
Run cmd_tune;
Run cmd_ir;
Run cmd_targets;
Run cmd_fmt;
Run cmd_doc;

/* ---- model.c: what every command that reads a model shares ----------------------------------------- */
typedef struct ModelChoice {
    const char *name; /* --model; NULL: the file's only one */
    StringList set;   /* --set CONST=VALUE */
} ModelChoice;

/* Rows for a table of options. */
#define OPTION_MODEL(to)                                                                                   \
    {"model", 'm', OPTION_TEXT, &(to).name, "NAME", "which model, where the file holds several", 0, 0}
#define OPTION_SET(to)                                                                                     \
    {"set", 0, OPTION_LIST, &(to).set, "CONST=VALUE", "set a constant; may be repeated", 0, 0}
#define OPTION_STREAMING(to)                                                                               \
    {"streaming", 0, OPTION_FLAG, &(to), NULL, "inference of one time step a call, the leading axis of each input", 0, 0}
#define OPTION_MICRO_BATCH(to)                                                                             \
    {"micro-batch", 0, OPTION_INT, &(to), "N", "training works on N examples of the batch at a time", 1, 1000000}
#define OPTION_RAM(to)                                                                                     \
    {"ram", 0, OPTION_BYTES, &(to), "BYTES",                                                               \
     "parameters, states, the optimizer's and scratch fit into so many bytes (64K, 1M), or an error", 0, 0}
#define OPTION_SCHEDULE(to)                                                                                \
    {"schedule", 0, OPTION_TEXT, &(to), "FILE", "schedules of contractions, by dlc tune or by hand", 0, 0}
#define OPTION_JIT(to)                                                                                     \
    {"jit", 'j', OPTION_CHOICE, &(to), "cc|tcc|interpret",                                                 \
     "how it runs (default: cc, or tcc without one)", 0, 0}
#define OPTION_THREADS(to)                                                                                 \
    {"threads", 0, OPTION_INT, &(to), "N", "threads that share the work of a call (default 1)", 1, 64}
#define OPTION_OPTIMIZE(to)                                                                                \
    {"optimize", 0, OPTION_CHOICE, &(to), "speed|size",                                                    \
     "size: plain loops, and kernels that differ by sizes are one function (default speed)", 0, 0}
#define OPTION_DETERMINISTIC(to)                                                                           \
    {"deterministic", 0, OPTION_FLAG, &(to), NULL, "the same bits on every machine, by every compiler", 0, 0}
#define OPTION_JSON(to)                                                                                    \
    {"json", 0, OPTION_FLAG, &(to), NULL, "one JSON object a line on standard output", 0, 0}

#define OPTION_TARGET(to, what)                                                                            \
    {"target", 0, OPTION_TEXT, &(to), "TARGET", what "; dlc targets lists them", 0, 0}

/* -1, and the choice is in *options; otherwise EXIT_USAGE after a complaint. */
int choice_settle(Arena *a, const Command *command, const ModelChoice *choice, ElaborateOptions *options);
/* targets.c: -1, and the target is in *target; otherwise the status to exit with, after a complaint. `in_memory`:
 * also the one that is only for work in memory. */
int target_settle(const Command *command, const char *name, bool in_memory, const Target **target);
/* The same machine, for what --optimize says (NULL: nothing). */
const Target *target_optimized(Arena *a, const Target *target, const char *optimize);
/* Reads a model and runs the passes; NULL after printing what is wrong with it. */
Module *model_read(Arena *a, Diag *d, const char *path, const ElaborateOptions *options);
/* The same with the training functions where the chosen model has a train block: sets options->train. */
Module *model_read_whole(Arena *a, Diag *d, const char *path, ElaborateOptions *options);
/* Kernels of every function that becomes C. What is too large for C is said in d. */
ModulePlans module_plans(Arena *a, Diag *d, const Module *m, const Target *target, Schedules *schedules);
Plan *module_plan(const ModulePlans *plans, const char *function);      /* "init", ...; NULL where there is none */
/* schedules.c: what a file says of contractions; mistakes are said in d. NULL, with *why set where it cannot be read. */
Schedules *schedules_open(Arena *a, Diag *d, const char *path, const char **why);
/* Where a kernel comes from: "cnn.dl:7 conv2d, relu". */
const char *kernel_places(Arena *a, Diag *d, const Plan *p, const Kernel *k);
bool model_trains(const Def *model); /* has a train block */
/* ---- c_names.c: false, diagnosed, where two names would be one in the C of a module ---- */
bool c_names_apart(Arena *a, Diag *d, const Module *m, bool train);

/* ---- json.c: objects on standard output ------------------------------------------------------------ */
json_t *json_number(double value); /* null where it is not finite, which JSON cannot say */
void json_print(json_t *object);   /* as one line; takes the object */

/* "dlc: ..." on standard error; returns EXIT_BAD. */
int bad(const char *format, ...) PRINTF(1, 2);

#endif
