/* SPDX-License-Identifier: MIT */
/* process.c: other programs, compilers above all, and folders for what they read and write. */
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

char **process_words(Arena *a, const char *text, char **argv, int *n)
{
    char *copy = arena_strdup(a, text), *state = NULL;
    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state))
        argv[(*n)++] = word;
    return argv;
}

bool process_run(Arena *a, char **argv, const char *log, const char *made, const char **why)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), status = -1;
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        *why = arena_printf(a, "cannot run %s: %s", argv[0], strerror(error));
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        *why = arena_printf(a, "%s has written no object: is it a compiler?", argv[0]);
        return access(made, F_OK) == 0;
    }
    size_t bytes;
    const char *ignored, *text = file_read(a, log, &bytes, &ignored);
    *why = arena_printf(a, "%s failed:\n%s", argv[0], text ? text : "");
    return false;
}

char *process_folder(Arena *a, const char **why)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(a, "%s/dlc-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (mkdtemp(folder))
        return folder;
    *why = arena_printf(a, "cannot make a folder for compilation: %s", strerror(errno));
    return NULL;
}

bool process_file(Arena *a, const char *path, const void *bytes, size_t n, const char **why)
{
    const char *reason;
    if (file_write(a, path, bytes, n, &reason))
        return true;
    *why = arena_printf(a, "%s: %s", path, reason);
    return false;
}
