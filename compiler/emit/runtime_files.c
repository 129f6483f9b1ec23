/* SPDX-License-Identifier: MIT */
/* runtime_files.c: the runtime's headers as files, for compilers that dlc runs. */
#include "runtime_text.h"

#include <string.h>

FileText *runtime_files(Arena *a, int more, int *n)
{
    while (runtime_header(*n))
        ++*n;
    FileText *file = NEWN(a, FileText, *n + more);
    for (int i = 0; i < *n; i++) {
        const char *name = runtime_header(i), *text = arena_printf(a, "#include <stdint.h>\n%s", runtime_text(name));
        file[i] = (FileText){name, text, strlen(text)};
    }
    return file;
}
