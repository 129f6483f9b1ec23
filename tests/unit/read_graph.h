/* SPDX-License-Identifier: MIT */
/* read_graph.h: a graph that a test has in writing; a mistake in it fails the test. */
#ifndef TEST_READ_GRAPH_H
#define TEST_READ_GRAPH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "graph/ir.h"

static inline Fn *read_graph_for(Arena *a, Diag *d, const char *text)
{
    Fn *fn = fn_parse(a, d, diag_add_source(d, "test.ir", text, strlen(text)));
    if (!fn)
        fail_msg("%s\n%s", text, diag_text(d, a));
    return fn;
}

static inline Fn *read_graph(Arena *a, const char *text)
{
    return read_graph_for(a, diag_new(a), text);
}

#endif
