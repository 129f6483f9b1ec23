/* SPDX-License-Identifier: MIT */
/* files.c: base/file.c with the path in the message, and folders. */
#include "lab.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_read(Arena *a, const char *path, size_t *bytes, const char **why)
{
    const char *reason;
    char *text = file_read(a, path, bytes, &reason);
    if (!text)
        *why = arena_printf(a, "%s: %s", path, reason);
    return text;
}

bool path_write(Arena *a, const char *path, const void *bytes, size_t n, const char **why)
{
    const char *reason;
    if (file_write(a, path, bytes, n, &reason))
        return true;
    *why = arena_printf(a, "%s: %s", path, reason);
    return false;
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool folders_make(Arena *a, const char *path, const char **why)
{
    char *part = arena_strdup(a, path);
    for (char *at = part + 1; *part; at++) {
        char c = *at;
        if (c && c != '/')
            continue;
        *at = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            *why = arena_printf(a, "%s: %s", part, strerror(errno));
            return false;
        }
        if (!c)
            break;
        *at = c;
    }
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    *why = arena_printf(a, "%s: not a folder", path);
    return false;
}
