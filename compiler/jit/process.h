/* SPDX-License-Identifier: MIT */
/* process.h: other programs, compilers above all, and folders for what they read and write. */
#ifndef DLC_PROCESS_H
#define DLC_PROCESS_H

#include "../base/base.h"

/* Adds the words of a text to argv, which has room for them: nothing in it is quoted. */
char **process_words(Arena *a, const char *text, char **argv, int *n);

/* Runs argv[0], which is looked for as a shell does, to make the file `made`. What it says on standard error goes to the file `log`; where it
 * fails, `why` has that, and what it says on standard output is lost. */
bool process_run(Arena *a, char **argv, const char *log, const char *made, const char **why);

/* A new folder that only this user can enter. */
char *process_folder(Arena *a, const char **why);

/* A file that a program is to read; where it cannot be written, `why` names it. */
bool process_file(Arena *a, const char *path, const void *bytes, size_t n, const char **why);

#endif
