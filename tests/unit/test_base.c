/* SPDX-License-Identifier: MIT */
/* test_base.c: memory, text, diagnostics and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

/* ---- arena --------------------------------------------------------------------------------------------- */

static void blocks_are_zeroed_and_aligned(void **state)
{
    (void)state;
    Arena *a = arena_new();
    size_t total = 0;
    for (size_t i = 0; i < 3000; i++) {
        size_t bytes = i * 37 % 5000;
        unsigned char *block = arena_alloc(a, bytes);
        assert_int_equal((uintptr_t)block % (bytes >= 1024 ? 64 : 16), 0);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(block[k], 0);
        memset(block, 0xff, bytes);
        total += bytes;
    }
    assert_int_equal(arena_bytes(a), total);
    arena_free(a);
}

static void huge_blocks_keep_the_current_chunk(void **state)
{
    (void)state;
    Arena *a = arena_new();
    char *before = arena_alloc(a, 16);
    char *huge = arena_alloc(a, 8 << 20);
    char *after = arena_alloc(a, 16);
    huge[(8 << 20) - 1] = 1;
    assert_true(after > before && after - before <= 64);
    arena_free(a);
}

static void limit_jumps_out(void **state)
{
    (void)state;
    Arena *a = arena_new();
    jmp_buf oom;
    arena_set_limit(a, 1000);
    arena_set_oom(a, &oom);
    if (setjmp(oom) == 0) {
        for (;;)
            arena_alloc(a, 100);
    }
    assert_int_equal(arena_bytes(a), 1000);
    if (setjmp(oom) == 0) {
        arena_alloc(a, SIZE_MAX - 8);
        fail();
    }
    arena_free(a);
}

/* What an inner arena holds is counted outside, fails there, goes with a reset, and at the latest with the outer one. */
static void inner_arenas(void **state)
{
    (void)state;
    Arena *a = arena_new(), *inner = arena_inner(a), *other = arena_inner(a), *innermost = arena_inner(inner);
    for (int turn = 0; turn < 50; turn++) {
        for (size_t bytes = 1; bytes < 3u << (turn % 20); bytes *= 3) {
            unsigned char *block = arena_alloc(inner, bytes);
            for (size_t k = 0; k < bytes; k++)
                assert_int_equal(block[k], 0);
            memset(block, 0xff, bytes);
        }
        arena_reset(inner);
    }
    char *first = arena_alloc(inner, 100);
    arena_reset(inner);
    assert_ptr_equal(arena_alloc(inner, 100), first);
    size_t before = arena_bytes(a);
    arena_alloc(innermost, 500);
    assert_int_equal(arena_bytes(a), before + 500);
    arena_free(other);
    jmp_buf oom;
    arena_set_limit(a, arena_bytes(a) + 100);
    arena_set_oom(a, &oom);
    if (setjmp(oom) == 0) {
        arena_alloc(innermost, 101);
        fail();
    }
    arena_free(a);
}

static void texts_are_copied(void **state)
{
    (void)state;
    Arena *a = arena_new();
    char text[] = "abcdef";
    char *whole = arena_strdup(a, text), *part = arena_strndup(a, text, 3);
    char *made = arena_printf(a, "%s-%d", text, 7);
    text[0] = 'x';
    assert_string_equal(whole, "abcdef");
    assert_string_equal(part, "abc");
    assert_string_equal(made, "abcdef-7");
    assert_memory_equal(arena_dup(a, "a\0b", 3), "a\0b", 3);
    arena_free(a);
}

static void vectors_grow(void **state)
{
    (void)state;
    Arena *a = arena_new();
    VEC(int) v = {0};
    for (int i = 0; i < 10000; i++)
        vec_push(a, &v, i * 3);
    assert_int_equal(v.n, 10000);
    for (int i = 0; i < v.n; i++)
        assert_int_equal(v.at[i], i * 3);
    arena_free(a);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void string_buffers_grow(void **state)
{
    (void)state;
    Arena *a = arena_new();
    StrBuf sb = {.a = a};
    assert_string_equal(sb_text(&sb), "");
    for (int i = 0; i < 1000; i++) {
        sb_printf(&sb, "%d", i % 10);
        sb_putc(&sb, ',');
        sb_puts(&sb, "x");
    }
    assert_int_equal(sb.n, 3000);
    assert_int_equal(strlen(sb_text(&sb)), 3000);
    assert_memory_equal(sb.at + 2997, "9,x", 3);
    arena_free(a);
}

static void equality_and_hash(void **state)
{
    (void)state;
    assert_true(str_eq("a", "a") && str_eq(NULL, NULL));
    assert_false(str_eq("a", "b") || str_eq("a", NULL) || str_eq(NULL, "a"));
    assert_true(hash_bytes("", 0) == 0xcbf29ce484222325u);          /* FNV-1a's published values */
    assert_true(hash_bytes("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(hash_bytes("foobar", 6) == 0x85944171f73967e8u);
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("dnese", "dense"), 1);
    char longer[500];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(edit_distance(longer, longer), 0);
    assert_true(edit_distance(longer, "a") > 100);
}

static void nearest_names(void **state)
{
    (void)state;
    static const char *const names[] = {"dense", "embedding", "conv2d", NULL, "relu"};
    assert_string_equal(nearest_name("dens", names, LEN(names)), "dense");
    assert_string_equal(nearest_name("embeding", names, LEN(names)), "embedding");
    assert_string_equal(nearest_name("cond2v", names, LEN(names)), "conv2d");
    assert_null(nearest_name("x", names, LEN(names)));
    assert_null(nearest_name("attention", names, LEN(names)));
    assert_null(nearest_name("dens", NULL, 0));
}

/* ---- diagnostics --------------------------------------------------------------------------------------- */

typedef struct Case {
    const char *source;
    uint32_t lo, hi;
    const char *text;
} Case;

static void messages_show_the_place(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"a = 1\nb = ab * c\n", 10, 12, "x.dl:2:5: error: oops\n    2 | b = ab * c\n      |     ^^\n"},
        {"\tx = y\n", 5, 6, "x.dl:1:6: error: oops\n    1 | \tx = y\n      | \t    ^\n"},
        {"é = ü + 1", 5, 7, "x.dl:1:5: error: oops\n    1 | é = ü + 1\n      |     ^\n"},
        {"f(a,\n  b)", 0, 9, "x.dl:1:1: error: oops\n    1 | f(a,\n      | ^^^^\n"},
        {"a\r\nb\r\n", 3, 6, "x.dl:2:1: error: oops\n    2 | b\n      | ^\n"},
        {"ab", 2, 2, "x.dl:1:3: error: oops\n    1 | ab\n      |   ^\n"},
        {"ab\n", 3, 3, "x.dl:2:1: error: oops\n    2 | \n      | ^\n"},
        {"", 0, 0, "x.dl:1:1: error: oops\n    1 | \n      | ^\n"},
        {"ab", 90, 99, "x.dl:1:3: error: oops\n    1 | ab\n      |   ^\n"},
        {"a\033[1m\377b", 6, 7, "x.dl:1:7: error: oops\n    1 | a?[1m?b\n      |       ^\n"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        int source = diag_add_source(d, "x.dl", cases[i].source, strlen(cases[i].source));
        diag_error(d, (Span){source, cases[i].lo, cases[i].hi}, "oops");
        assert_string_equal(diag_text(d, a), cases[i].text);
        arena_free(a);
    }
}

static void notes_and_help_attach(void **state)
{
    (void)state;
    static const char text[] = "input x\nh = x @ w\n";
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    int source = diag_add_source(d, "mlp.dl", text, sizeof text - 1);
    int other = diag_add_source(d, "std.dl", "one\ntwo", 7);
    diag_error(d, (Span){source, 12, 17}, "x @ w contracts %d with %d", 784, 128);
    diag_note_at(d, (Span){source, 6, 7}, "x : f32[%d]", 784);
    diag_note_at(d, (Span){other, 4, 7}, "called");
    diag_note(d, "plain");
    diag_help(d, "transpose(%s)", "w");
    diag_error(d, (Span){0}, "no place");
    assert_string_equal(diag_text(d, a), "mlp.dl:2:5: error: x @ w contracts 784 with 128\n"
                                         "    2 | h = x @ w\n"
                                         "      |     ^^^^^\n"
                                         "      = x : f32[784] (line 1)\n"
                                         "      = called (std.dl, line 2)\n"
                                         "      = plain\n"
                                         "      help: transpose(w)\n"
                                         "error: no place\n");
    assert_int_equal(diag_errors(d), 2);
    arena_free(a);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    char text[1001];
    memset(text, 'a', 1000);
    text[500] = 'X';
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    int source = diag_add_source(d, "x.dl", text, 1000);
    diag_error(d, (Span){source, 500, 501}, "oops");
    const char *shown = diag_text(d, a);
    assert_true(strlen(shown) < 320);
    const char *line = strchr(shown, '\n') + 1, *under = strchr(line, '\n') + 1;
    assert_int_equal(strchr(line, 'X') - line, strchr(under, '^') - under);
    arena_free(a);
}

static void errors_are_counted_past_the_last_kept(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    for (int i = 0; i < 25; i++) {
        diag_error(d, (Span){0}, "number %d.", i);
        diag_note(d, "note %d.", i);
    }
    assert_int_equal(diag_errors(d), 25);
    const char *text = diag_text(d, a);
    assert_non_null(strstr(text, "number 19."));
    assert_null(strstr(text, "number 20."));
    assert_null(strstr(text, "note 24."));
    assert_non_null(strstr(text, "5 more errors not shown"));
    arena_free(a);
}

static void spans_join(void **state)
{
    (void)state;
    Span joined = span_join((Span){1, 3, 5}, (Span){1, 8, 9}), alone = span_join((Span){0}, (Span){2, 1, 2});
    assert_true(joined.source == 1 && joined.lo == 3 && joined.hi == 9);
    assert_true(alone.source == 2 && alone.lo == 1 && alone.hi == 2);
}

/* ---- files --------------------------------------------------------------------------------------------- */

static int folder_open(void **state)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "%s/dlc-base-XXXXXX", P_tmpdir);
    *state = mkdtemp(folder);
    return *state ? 0 : -1;
}

static int folder_close(void **state)
{
    return rmdir(*state);       /* fails when a test left anything behind, temporaries above all */
}

static void files_are_written_and_read(void **state)
{
    Arena *a = arena_new();
    const char *path = arena_printf(a, "%s/out.bin", (char *)*state), *why = NULL;
    size_t bytes = 0, n = 100000;
    char *data = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(i * 7);
    mode_t mask = umask(027);
    assert_true(file_write(a, path, "old", 3, &why));
    assert_true(file_write(a, path, data, n, &why));
    umask(mask);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char *back = file_read(a, path, &bytes, &why);
    assert_non_null(back);
    assert_int_equal(bytes, n);
    assert_memory_equal(back, data, n);
    assert_int_equal(back[n], 0);
    assert_int_equal(unlink(path), 0);
    arena_free(a);
}

static void links_and_devices_stay(void **state)
{
    Arena *a = arena_new();
    const char *why = NULL, *path = arena_printf(a, "%s/real", (char *)*state);
    const char *link = arena_printf(a, "%s/link", (char *)*state);
    struct stat st;
    size_t bytes;
    assert_true(file_write(a, path, "old", 3, &why));
    assert_int_equal(symlink("real", link), 0);
    assert_true(file_write(a, link, "new", 3, &why));
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_string_equal(file_read(a, path, &bytes, &why), "new");
    assert_true(file_write(a, "/dev/null", "x", 1, &why));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    unlink(link);
    unlink(path);
    arena_free(a);
}

static void failures_say_why_and_leave_nothing(void **state)
{
    Arena *a = arena_new();
    const char *why = NULL, *folder = arena_printf(a, "%s/folder", (char *)*state);
    size_t bytes;
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_false(file_write(a, folder, "x", 1, &why));
    assert_non_null(why);
    why = NULL;
    assert_false(file_write(a, arena_printf(a, "%s/none/x", (char *)*state), "x", 1, &why));
    assert_string_equal(why, "No such file or directory");
    why = NULL;
    assert_null(file_read(a, folder, &bytes, &why));
    assert_non_null(why);
    assert_null(file_read(a, arena_printf(a, "%s/none", (char *)*state), &bytes, &why));
    assert_int_equal(rmdir(folder), 0);
    arena_free(a);
}

/* The write stops half way: the old file is as it was. */
static void a_failed_write_keeps_the_old_file(void **state)
{
    Arena *a = arena_new();
    const char *why = NULL, *path = arena_printf(a, "%s/kept", (char *)*state);
    char *data = arena_alloc(a, 100000);
    size_t bytes;
    assert_true(file_write(a, path, "old", 3, &why));
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok = file_write(a, path, data, 100000, &why);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_false(ok);
    assert_string_equal(why, "File too large");
    assert_string_equal(file_read(a, path, &bytes, &why), "old");
    unlink(path);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_and_aligned),
        cmocka_unit_test(huge_blocks_keep_the_current_chunk),
        cmocka_unit_test(limit_jumps_out),
        cmocka_unit_test(inner_arenas),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(vectors_grow),
        cmocka_unit_test(string_buffers_grow),
        cmocka_unit_test(equality_and_hash),
        cmocka_unit_test(distances),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(messages_show_the_place),
        cmocka_unit_test(notes_and_help_attach),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(errors_are_counted_past_the_last_kept),
        cmocka_unit_test(spans_join),
        cmocka_unit_test(files_are_written_and_read),
        cmocka_unit_test(links_and_devices_stay),
        cmocka_unit_test(failures_say_why_and_leave_nothing),
        cmocka_unit_test(a_failed_write_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
