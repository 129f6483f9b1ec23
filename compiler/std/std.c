/* SPDX-License-Identifier: MIT */
/* std.c: the standard library, parsed. */
#include "std.h"

const Program *const *std_programs(Arena *a, Diag *d, int *n)
{
    const Program **programs = NEWN(a, const Program *, std_nsources);
    for (int i = 0; i < std_nsources; i++) {
        const StdSource *s = &std_sources[i];
        programs[i] = parse_program(a, d, diag_add_source(d, s->name, s->text, s->bytes));
    }
    *n = std_nsources;
    return programs;
}
