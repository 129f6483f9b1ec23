/* SPDX-License-Identifier: MIT */
/* schedules.c: files of schedules, for every command with a --schedule. */
#include "commands.h"

static bool is_function(const char *name)
{
    const Module none = {0};
    const char *known;
    Fn *fn;
    for (int i = 0; (known = module_function(&none, i, &fn)) != NULL; i++)
        if (str_eq(name, known))
            return true;
    return false;
}

Schedules *schedules_open(Arena *a, Diag *d, const char *path, const char **why)
{
    size_t bytes;
    const char *text = file_read(a, path, &bytes, why);
    if (!text) {
        *why = arena_printf(a, "%s: %s", path, *why);
        return NULL;
    }
    Schedules *all = schedules_new(a, d);
    schedules_read(all, diag_add_source(d, path, text, bytes), is_function);
    return all;
}
