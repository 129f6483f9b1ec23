/* SPDX-License-Identifier: MIT */
/* graph_fixture.h: a graph to build in for each test, printing and reading. Included by one test file each. */
#ifndef TEST_GRAPH_FIXTURE_H
#define TEST_GRAPH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "graph/ir.h"

static Arena *a; /* one a test */
static Fn *fn;

static inline int setup(void **state)
{
    (void)state;
    a = arena_new();
    fn = fn_new(a, "f");
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static inline Type f32(int rank, ...)
{
    int64_t dim[MAX_RANK];
    va_list args;
    va_start(args, rank);
    for (int i = 0; i < rank; i++)
        dim[i] = va_arg(args, int);
    va_end(args);
    return type_make(DT_F32, rank, dim);
}

static inline Node *input(int index, Type t)
{
    return fn_input(fn, ROLE_INPUT, index, arena_printf(a, "x%d", index), t);
}

static inline const char *print(const Fn *f)
{
    StrBuf sb = {.a = a};
    fn_print(&sb, f);
    return sb_text(&sb);
}

static inline Fn *parse_quietly(const char *text, size_t n, const char **message)
{
    Diag *d = diag_new(a);
    Fn *parsed = fn_parse(a, d, diag_add_source(d, "test.ir", text, n));
    if (message)
        *message = diag_text(d, a);
    return parsed;
}

static inline Fn *parse(const char *text)
{
    const char *message;
    Fn *parsed = parse_quietly(text, strlen(text), &message);
    if (!parsed)
        fail_msg("%s\n%s", text, message);
    return parsed;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
