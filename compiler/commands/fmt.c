/* SPDX-License-Identifier: MIT */
/* fmt.c: `dlc fmt`: models in the house layout. */
#include "commands.h"

#include "../syntax/format.h"

#include <string.h>

typedef struct Fmt {
    Arena *a;
    bool check;
} Fmt;

static int fmt_file(const Fmt *f, const char *path)
{
    const char *why;
    size_t bytes;
    bool standard = str_eq(path, "-");
    const char *text = file_read_up_to(f->a, path, SOURCE_MAX, &bytes, &why);
    if (!text)
        return bad("%s: %s", path, why);
    Diag *d = diag_new(f->a);
    const char *name = standard ? "<stdin>" : path;
    const char *formatted = format_source(f->a, d, diag_add_source(d, name, text, bytes));
    diag_print(d, stderr);
    if (!formatted)
        return EXIT_BAD;
    bool same = strlen(formatted) == bytes && memcmp(formatted, text, bytes) == 0;
    if (f->check) {
        if (!same)
            puts(name);
        return same ? EXIT_OK : EXIT_BAD;
    }
    if (same && !standard)
        return EXIT_OK;
    return path_write(f->a, path, formatted, strlen(formatted), &why) ? EXIT_OK : bad("%s", why);
}

int cmd_fmt(Arena *a, int argc, char **argv)
{
    Fmt f = {.a = a};
    const Option rows[] = {
        {"check", 'c', OPTION_FLAG, &f.check, NULL,
         "write nothing: print the names of files that would change; exit with 1 if there are any", 0, 0},
    };
    const Command command = {
        .name = "dlc fmt",
        .operands = "[options] MODEL.dl...",
        .summary = "Lays out models: indents, blanks, lines that are too wide. What they mean stays, as do\n"
                   "comments. A file that is laid out so already, or has syntax errors, is left alone.\n"
                   "- is standard input, and goes to standard output.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = -1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    status = EXIT_OK;
    for (int i = 0; i < operands.n; i++)
        if (fmt_file(&f, operands.at[i]) != EXIT_OK)
            status = EXIT_BAD;
    return status;
}
