/* SPDX-License-Identifier: MIT */
/* lab_fixture.h: a fresh folder and an arena for each test, and commands run with their output kept. */
#ifndef LAB_FIXTURE_H
#define LAB_FIXTURE_H

#include "lab/lab.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct Fixture {
    Arena *a;
    char *dir;              /* a fresh folder */
} Fixture;

static inline int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    f->a = arena_new();
    f->dir = arena_printf(f->a, "%s/dlc-data-XXXXXX", P_tmpdir);
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static inline int teardown(void **state)
{
    Fixture *f = *state;
    int status = system(arena_printf(f->a, "rm -rf '%s'", f->dir));
    arena_free(f->a);
    free(f);
    return status;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline void expect_text(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("expected \"%s\" in \"%s\"", part, text ? text : "(null)");
}

static inline const char *in(Fixture *f, const char *name)
{
    return arena_printf(f->a, "%s/%s", f->dir, name);
}

static inline void write_text(Fixture *f, const char *name, const char *text)
{
    const char *why;
    assert_true(path_write(f->a, in(f, name), text, strlen(text), &why));
}

/* Standard output and error go to files meanwhile. */
typedef struct Captured {
    int out, err;           /* the real ones */
} Captured;

static inline void send_to(int fd, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    dup2(fileno(file), fd);
    fclose(file);
}

static inline Captured capture(Fixture *f)
{
    fflush(stdout);
    fflush(stderr);
    Captured c = {dup(1), dup(2)};
    send_to(1, in(f, "stdout"));
    send_to(2, in(f, "stderr"));
    return c;
}

static inline void release(Captured c)
{
    fflush(stdout);
    fflush(stderr);
    dup2(c.out, 1);
    dup2(c.err, 2);
    close(c.out);
    close(c.err);
}

static inline const char *captured(Fixture *f, const char *name)
{
    size_t n;
    const char *why, *text = file_read(f->a, in(f, name), &n, &why);
    assert_non_null(text);
    return text;
}

enum { MAX_ARGS = 32 };

/* The words of a line as argv. */
static inline int split_line(Fixture *f, const char *line, char **argv)
{
    int argc = 0;
    for (char *word = strtok(arena_strdup(f->a, line), " "); word && argc < MAX_ARGS - 1;
         word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

static inline int data_command(Fixture *f, const char *line)
{
    char *argv[MAX_ARGS];
    int argc = split_line(f, line, argv);
    Captured c = capture(f);
    int status = cmd_data(argc, argv);
    release(c);
    return status;
}

#endif
