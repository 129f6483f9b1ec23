/* SPDX-License-Identifier: MIT */
/* test_errors.c: programs that must fail, and what is said of them. tests/errors/NAME.dl must give NAME.err,
 * byte for byte. BLESS=1 in the environment writes the .err files instead; the difference is for review. A
 * first line
 * `# options: train`, `# options: model NAME` or `# options: set NAME=VALUE` says how it is compiled.
 * graphs.txt has graphs. Runs in the project's folder; what programs import is in tests/errors/imports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline.h"

#define FOLDER "tests/errors"

static int is_program(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 3 && strcmp(entry->d_name + n - 3, ".dl") == 0;
}

/* The text behind `# options: KEY ` in the first line, or NULL. */
static const char *option(Arena *a, const char *text, const char *key)
{
    const char *lead = "# options: ";
    size_t line = strcspn(text, "\n"), n = strlen(lead), k = strlen(key);
    if (strncmp(text, lead, n) != 0 || strncmp(text + n, key, k) != 0)
        return NULL;
    return n + k < line ? arena_strndup(a, text + n + k + 1, line - n - k - 1) : "";
}

/* Lines of the library are left open, so that a comment more there changes nothing here. */
static const char *without_library_lines(Arena *a, const char *text)
{
    StrBuf sb = {.a = a};
    for (const char *at; (at = strstr(text, "std/")) != NULL;) {
        at += strcspn(at, ":, \n");
        at += strspn(at, ":, line");
        sb_printf(&sb, "%.*s", (int)(at - text), text);
        text = at + strspn(at, "0123456789");
        sb_puts(&sb, text > at ? "N" : "");
    }
    sb_puts(&sb, text);
    return sb_text(&sb);
}

static const char *complaint(Arena *a, const char *name, const char *text, size_t bytes)
{
    Diag *d = diag_new(a);
    ElaborateOptions o = {.batch = 2,
                          .train_batch = 2,
                          .train = option(a, text, "train") != NULL,
                          .model = option(a, text, "model")};
    const char *set = option(a, text, "set");
    const char *equals = set ? strchr(set, '=') : NULL;
    Setting setting = {set ? arena_strndup(a, set, (size_t)(equals - set)) : NULL,
                       equals ? equals + 1 : NULL};
    o.set = &setting;
    o.nset = set ? 1 : 0;
    const Module *m = pipeline_text(a, d, name, text, bytes, &o, NULL, NULL);
    return m ? "no complaint\n" : without_library_lines(a, diag_text(d, a));
}

static bool check(const char *name, bool bless)
{
    Arena *a = arena_new();
    size_t bytes, expected_bytes;
    const char *why, *path = name;
    const char *expected_path = arena_printf(a, "%.*serr", (int)strlen(path) - 2, path);
    const char *text = file_read(a, path, &bytes, &why);
    const char *said = text ? complaint(a, name, text, bytes) : why;
    if (bless)
        assert_true(file_write(a, expected_path, said, strlen(said), &why));
    const char *expected = file_read(a, expected_path, &expected_bytes, &why);
    bool same = expected && strcmp(expected, said) == 0 && strcmp(said, "no complaint\n") != 0;
    if (!same)
        print_message("---- " FOLDER "/%s says\n%s---- expected\n%s", path, said,
                      expected ? expected : "nothing: no .err file\n");
    arena_free(a);
    return same;
}

static void test_programs_that_must_fail(void **state)
{
    (void)state;
    struct dirent **entry;
    assert_int_equal(chdir(FOLDER), 0);
    int n = scandir(".", &entry, is_program, alphasort), wrong = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        wrong += !check(entry[i]->d_name, getenv("BLESS") != NULL);
        free(entry[i]);
    }
    free(entry);
    assert_int_equal(wrong, 0);
}

/* ---- graphs ---------------------------------------------------------------------------------------- */

/* Blocks with an empty line between: a graph, in one line, and what is said of it. */
static const char *graphs_with_complaints(Arena *a, const char *text)
{
    StrBuf sb = {.a = a};
    while (*text) {
        size_t n = strcspn(text, "\n");
        Diag *d = diag_new(a);
        bool read = fn_parse(a, d, diag_add_source(d, "graph.ir", text, n)) != NULL;
        sb_printf(&sb, "%s%.*s\n%s", sb.n ? "\n" : "", (int)n, text, read ? "no complaint\n" : diag_text(d, a));
        const char *next = strstr(text, "\n\n");
        text = next ? next + 2 : "";
    }
    return sb_text(&sb);
}

static void test_graphs_that_must_fail(void **state)
{
    (void)state;
    Arena *a = arena_new();
    size_t bytes;
    const char *why, *path = "graphs.txt", *expected = file_read(a, path, &bytes, &why);
    assert_non_null(expected);
    const char *said = graphs_with_complaints(a, expected);
    if (getenv("BLESS"))
        assert_true(file_write(a, path, said, strlen(said), &why));
    else
        assert_string_equal(said, expected);
    assert_null(strstr(said, "no complaint"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_that_must_fail),     /* goes to FOLDER */
        cmocka_unit_test(test_graphs_that_must_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
