/* SPDX-License-Identifier: MIT */
/* std.h: the standard library's sources, embedded. The table is generated from compiler/std/NAME.dl by
 * embed.sh. */
#ifndef DLC_STD_H
#define DLC_STD_H

#include "../syntax/ast.h"

typedef struct StdSource {
    const char *name; /* "std/dense.dl" */
    const char *text;
    size_t bytes;
} StdSource;

extern const StdSource std_sources[];
extern const int std_nsources;

/* The library, parsed: *n programs for elaborate(). */
const Program *const *std_programs(Arena *a, Diag *d, int *n);

#endif
