/* SPDX-License-Identifier: MIT */
/* test_source_commands.c: commands about the text of models. */
#include "command_fixture.h"

static const char *const untidy = "model m{input x:f32[3];output y=x*2}# m\n";
static const char *const tidy = "model m {\n    input x: f32[3]\n    output y = x * 2\n}  # m\n";

static void fmt_writes_files(void **state)
{
    Fixture *f = *state;
    write_text(f, "a.dl", untidy);
    write_text(f, "b.dl", tidy);
    RUN(1, "$DLC fmt --check a.dl b.dl");
    assert_string_equal(captured(f, "stdout"), "a.dl\n");
    assert_string_equal(captured(f, "a.dl"), untidy);
    RUN(0, "ls -i b.dl > before && $DLC fmt a.dl b.dl && ls -i b.dl > after && cmp before after");
    assert_string_equal(captured(f, "stdout"), "");
    assert_string_equal(captured(f, "stderr"), "");
    assert_string_equal(captured(f, "a.dl"), tidy);
    assert_string_equal(captured(f, "b.dl"), tidy);
    RUN(0, "$DLC fmt --check a.dl b.dl");
    assert_string_equal(captured(f, "stdout"), "");
}

static void fmt_reads_standard_input(void **state)
{
    Fixture *f = *state;
    write_text(f, "a.dl", untidy);
    RUN(0, "$DLC fmt - < a.dl");
    assert_string_equal(captured(f, "stdout"), tidy);
    RUN(0, "$DLC fmt - < a.dl | $DLC fmt -");
    assert_string_equal(captured(f, "stdout"), tidy);
    RUN(1, "$DLC fmt --check - < a.dl");
    assert_string_equal(captured(f, "stdout"), "<stdin>\n");
    RUN(0, "$DLC fmt - < a.dl | $DLC fmt --check -");
    RUN(1, "$DLC fmt - < a.dl > /dev/full");
    EXPECT_ERR("dlc: -: No space left on device");
}

static void fmt_keeps_links_and_permissions(void **state)
{
    Fixture *f = *state;
    write_text(f, "a.dl", untidy);
    RUN(0, "chmod 640 a.dl && ln -s a.dl link.dl && $DLC fmt link.dl && test -L link.dl && stat -c %a a.dl");
    assert_string_equal(captured(f, "stdout"), "640\n");
    assert_string_equal(captured(f, "a.dl"), tidy);
    if (geteuid() == 0) /* to whom nothing is forbidden */
        return;
    write_text(f, "b.dl", untidy);
    RUN(1, "chmod 440 b.dl && $DLC fmt b.dl");
    EXPECT_ERR("dlc: b.dl: Permission denied");
    assert_string_equal(captured(f, "b.dl"), untidy);
}

static void fmt_leaves_wrong_files(void **state)
{
    Fixture *f = *state;
    static const char *const wrong = "model m{input x:f32[3]; y = }\n";
    write_text(f, "wrong.dl", wrong);
    write_text(f, "a.dl", untidy);
    RUN(1, "$DLC fmt wrong.dl missing.dl . a.dl");
    EXPECT_ERR("wrong.dl:1:29: error: expected an expression, found '}'\n");
    EXPECT_ERR("dlc: missing.dl: No such file or directory\n");
    EXPECT_ERR("dlc: .: Is a directory\n");
    assert_string_equal(captured(f, "wrong.dl"), wrong);
    assert_string_equal(captured(f, "a.dl"), tidy);
    RUN(0, "ls | wc -l");
    assert_string_equal(captured(f, "stdout"), "4\n"); /* no temporary files: wrong.dl a.dl stdout stderr */
    RUN(1, "$DLC fmt - < wrong.dl");
    assert_string_equal(captured(f, "stdout"), "");
    EXPECT_ERR("<stdin>:1:29: error: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fmt_writes_files),
        TEST(fmt_reads_standard_input),
        TEST(fmt_keeps_links_and_permissions),
        TEST(fmt_leaves_wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
