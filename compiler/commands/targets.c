/* SPDX-License-Identifier: MIT */
/* targets.c: `dlc targets`, and what every command with a --target makes of it. */
#include "commands.h"

static const char *kib(Arena *a, int64_t bytes)
{
    return bytes ? arena_printf(a, "%lld", (long long)(bytes / 1024)) : "-";
}

static void print_target(Arena *a, const char *name, const Target *t)
{
    printf("%-16s%5d%10d%6d%8d%6d%6s%8s%8s%6s  %s\n", name, t->lanes, t->registers, t->pipes, t->latency, t->loads,
           t->issue ? arena_printf(a, "%d", t->issue) : "-", kib(a, t->l1), kib(a, t->l2),
           t->l2_width ? arena_printf(a, "%d", t->l2_width) : "-", t->machine);
}

static void print_targets(Arena *a)
{
    printf("%-16s%5s%10s%6s%8s%6s%6s%8s%8s%6s  %s\n", "target", "lanes", "registers", "FMAs", "latency", "loads", "issue",
           "L1 KiB", "L2 KiB", "B/clk", "machine");
    for (int i = 0; target_at(i); i++)
        if (!target_at(i)->calls_gemm)
            print_target(a, target_at(i)->name, target_at(i));
    const Target *native = target_find("native");
    print_target(a, "native", native);
    printf("\nnative is %s with the caches this machine has. Flags that make their code fast, as emitted files say them:\n\n",
           native->name);
    for (int i = 0; target_at(i); i++)
        if (!target_at(i)->calls_gemm)
            printf("%-16s%s\n", target_at(i)->name, target_advice(a, target_at(i), ", "));
}

int target_settle(const Command *command, const char *name, bool in_memory, const Target **target)
{
    *target = target_find(name);
    return *target && (in_memory || !(*target)->calls_gemm) ? -1
               : options_complain(command, "--target %s: no such target; dlc targets lists them", name);
}

const Target *target_optimized(Arena *a, const Target *target, const char *optimize)
{
    return optimize && str_eq(optimize, "size") ? target_compact(a, target) : target;
}

int cmd_targets(Arena *a, int argc, char **argv)
{
    const Command command = {
        .name = "dlc targets",
        .operands = "[--help]",
        .summary = "Prints what --target may be, and what dlc takes each machine for: floats a vector holds, vector registers, "
                   "multiply-adds begun each cycle and cycles until one is done, vectors loaded each cycle, instructions begun each cycle "
                   "by cores that take them in order, kilobytes of the caches of one core, bytes from L2 each cycle. On scalar machines a vector is one float.",
        .max_operands = 0,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    print_targets(a);
    return EXIT_OK;
}
