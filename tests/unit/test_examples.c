/* SPDX-License-Identifier: MIT */
/* test_examples.c: the examples and the programs in docs/language.md elaborate without a word. Runs in the
 * project's folder. */
#include "elaborate_check.h"

#include <dirent.h>
#include <stdlib.h>

static void check_program(const char *what, const char *text)
{
    print_message("%s\n", what);
    Built b = build(text, 3, strstr(text, "train {") != NULL);
    assert_true(b.m->outputs.n > 0);
    done(b);
}

static int is_program(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 3 && strcmp(entry->d_name + n - 3, ".dl") == 0;
}

static void test_examples(void **state)
{
    (void)state;
    struct dirent **entry;
    int n = scandir("dsl_examples", &entry, is_program, alphasort);
    assert_true(n >= 6);
    Arena *a = arena_new();
    for (int i = 0; i < n; i++) {
        size_t bytes;
        const char *why, *path = arena_printf(a, "dsl_examples/%s", entry[i]->d_name);
        const char *text = file_read(a, path, &bytes, &why);
        assert_non_null(text);
        check_program(path, text);
        free(entry[i]);
    }
    free(entry);
    arena_free(a);
}

static void test_programs_of_the_language_page(void **state)
{
    (void)state;
    Arena *a = arena_new();
    size_t bytes;
    const char *why, *fence = "```dl\n";
    const char *text = file_read(a, "docs/language.md", &bytes, &why);
    assert_non_null(text);
    int n = 0;
    for (const char *at = strstr(text, fence); at; at = strstr(at, fence)) {
        at += strlen(fence);
        const char *end = strstr(at, "```");
        assert_non_null(end);
        check_program(arena_printf(a, "program %d of the page", ++n),
                      arena_strndup(a, at, (size_t)(end - at)));
        at = end + 3;
    }
    assert_true(n >= 5);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_programs_of_the_language_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
