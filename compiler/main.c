/* SPDX-License-Identifier: MIT */
/* main.c: finds the command and runs it; nothing else ends the process. */
#include "commands/commands.h"

#include <errno.h>
#include <string.h>

#define VERSION "0.1.0"

static int run_data(Arena *a, int argc, char **argv)
{
    (void)a;
    return cmd_data(argc, argv);
}

static const struct {
    const char *name;
    Run *run;
    const char *summary;
} commands[] = {
    {"train", cmd_train, "train a model on a data folder"},
    {"eval", cmd_eval, "loss and metrics of a trained model"},
    {"run", cmd_run, "a model's outputs for examples of yours, or pictures with their answers"},
    {"trace", cmd_trace, "outputs, gradients and training steps on one batch, to compare with other frameworks"},
    {"verify", cmd_verify, "is a model's compiled code right, and if not, which kernel is wrong?"},
    {"profile", cmd_profile, "where a model's time goes, kernel by kernel, and how near that is to the machine's limits"},
    {"tune", cmd_tune, "try on this machine how a model's contractions are best cut into tiles"},
    {"check", cmd_check, "say what is wrong with a model, and write nothing"},
    {"doc", cmd_doc, "what a layer, another definition or a built-in function is for"},
    {"fmt", cmd_fmt, "lay out models"},
    {"ir", cmd_ir, "what a model has become after a stage of the compiler"},
    {"targets", cmd_targets, "the machines that C can be written for"},
    {"data", run_data, "make data folders: drawn digits, texts as word numbers, files as bytes"},
};

static int help(Arena *a)
{
    char *argv[] = {"dlc", "--help", NULL};
    puts("dlc: deep-learning models, compiled to C.\n\ncommands:");
    printf("  %-10s%s\n", "", "without a command: write a model as C (options below)");
    for (int i = 0; i < LEN(commands); i++)
        printf("  %-10s%s\n", commands[i].name, commands[i].summary);
    puts("\n`dlc COMMAND --help` says more; `dlc --version` which dlc this is.\n\n"
         "exit status: 0 done; 1 a wrong model, or data or files that cannot be used; 2 a wrong command line.\n");
    return cmd_build(a, 2, argv);
}

/* A word that is neither a command, nor an option, nor a file. */
static int unknown_command(const char *word)
{
    const char *names[LEN(commands)];
    for (int i = 0; i < LEN(commands); i++)
        names[i] = commands[i].name;
    const char *near = nearest_name(word, names, LEN(commands));
    fprintf(stderr, near ? "dlc: no command %s (did you mean %s?)" : "dlc: no command %s", word, near);
    fputs("; see dlc --help\n", stderr);
    return EXIT_USAGE;
}

static bool is_word(const char *text)
{
    return *text && *text != '-' && !strpbrk(text, "./") && !path_exists(text);
}

static int run(Arena *a, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (str_eq(word, "--version")) {
        puts("dlc " VERSION);
        return EXIT_OK;
    }
    if (str_eq(word, "--help") || str_eq(word, "-h"))
        return help(a);
    for (int i = 0; i < LEN(commands); i++)
        if (str_eq(word, commands[i].name))
            return commands[i].run(a, argc - 1, argv + 1);
    return is_word(word) ? unknown_command(word) : cmd_build(a, argc, argv);
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    int status = run(a, argc, argv);
    arena_free(a);
    if ((fflush(stdout) || ferror(stdout)) && status == EXIT_OK)
        status = bad("standard output: %s", strerror(errno));
    return status;
}
