/* SPDX-License-Identifier: MIT */
/* test_source_commands.c: commands about the text of models. */
#include "command_fixture.h"
#include "graph/elaborate.h"

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

/* ---- dlc doc --------------------------------------------------------------------------------------- */
static const char *const documented =
    "import \"parts.dl\"\n"
    "# Everything about dense.\n"
    "\n"
    "# Ours. It is better:\n"
    "#   in every way.\n"
    "layer dense(x: f32[..., I]; # the input\n"
    "        units, wide=[1,2,]) {\n"
    "    if units > 3 { param w:f32[I,units]=zeros( ) }\n"
    "    return x\n"
    "}\n"
    "model m { input x: f32[3]; output y = dense(x, 4); train { target t: f32; loss = y } }\n"
    "const N=3*2 # six\n";

static void with_documented(Fixture *f)
{
    write_text(f, "a.dl", documented);
    write_text(f, "parts.dl", "layer part(x: f32[...]) { return x }\n");
}

static void expect_out(Fixture *f, const char *text)
{
    assert_string_equal(captured(f, "stderr"), "");
    assert_string_equal(captured(f, "stdout"), text);
}

static void doc_of_the_library(void **state)
{
    Fixture *f = *state;
    RUN(0, "$DLC doc gelu | sed 's/line .*/line N/'");
    expect_out(f, "layer gelu(x: f32[...]; approximate = false) -> f32[...]\n\n"
                  "    Hendrycks and Gimpel, 2016: x * P(X <= x) for a normal X; the tanh form is their "
                  "approximation.\n\n"
                  "std/activations.dl, line N\n");
    RUN(0, "$DLC doc range");
    expect_out(
        f, "range(start, [stop])\n\n    a list: 0, 1, ... up to, but not including, stop; or from start\n\n"
           "built in\n");
    RUN(0, "$DLC doc tanh");
    expect_out(f, "tanh(x)\n\n    hyperbolic tangent\n\nbuilt in\n");
    RUN(0, "$DLC doc");
    EXPECT_OUT("std/dense.dl: Dense layers, with Keras's defaults");
    EXPECT_OUT("\n  relu6                       min(max(x, 0), 6)\n");
    EXPECT_OUT("\n  scaled_dot_product_attention  Each query");
    EXPECT_OUT("\nBuilt-in functions: Arguments in brackets");
    EXPECT_OUT("\n  tanh                        hyperbolic tangent\n");
    RUN(1, "$DLC doc sofmax");
    assert_string_equal(captured(f, "stdout"), "");
    assert_string_equal(captured(f, "stderr"), "dlc: nothing is called sofmax (did you mean softmax?)\n");
    RUN(1, "$DLC doc quinquireme");
    assert_string_equal(captured(f, "stderr"), "dlc: nothing is called quinquireme\n");
}

static void doc_of_a_file(void **state)
{
    Fixture *f = *state;
    with_documented(f);
    RUN(0, "$DLC doc dense a.dl");
    expect_out(f, "layer dense(x: f32[..., I]; units, wide = [1, 2])\n\n    Ours. It is better:\n      in "
                  "every way.\n\n"
                  "    param w: f32[I, units] = zeros()\n\na.dl, line 6\n");
    RUN(0, "$DLC doc - m < a.dl");
    expect_out(f, "model m\n\n    input x: f32[3]\n    output y = dense(x, 4)\n    target t: f32\n\n<stdin>, "
                  "line 11\n");
    RUN(0, "$DLC doc part a.dl && $DLC doc N a.dl && $DLC doc relu a.dl");
    EXPECT_OUT("layer part(x: f32[...])\n\nparts.dl, line 1\n");
    EXPECT_OUT("\nconst N = 3 * 2\n\na.dl, line 12\n");
    EXPECT_OUT("layer relu(x");
    RUN(0, "$DLC doc a.dl");
    expect_out(f, "a.dl: Everything about dense.\n"
                  "  dense                       Ours.\n"
                  "  m                           model m\n"
                  "  N                           const N = 3 * 2\n"
                  "parts.dl\n"
                  "  part                        layer part(x: f32[...])\n");
    RUN(0, "$DLC doc --markdown a.dl");
    expect_out(f, "\n## a.dl\n\nEverything about dense.\n\n"
                  "- `layer dense(x: f32[..., I]; units, wide = [1, 2])`\\\n"
                  "  Ours. It is better:   in every way.\\\n"
                  "  Keeps `param w: f32[I, units] = zeros()`.\n"
                  "- `model m`\\\n  Keeps `input x: f32[3]`, `output y = dense(x, 4)`, `target t: f32`.\n"
                  "- `const N = 3 * 2`\n"
                  "\n## parts.dl\n\n- `layer part(x: f32[...])`\n");
}

static void doc_refuses(void **state)
{
    Fixture *f = *state;
    write_text(f, "wrong.dl", "model m {\n");
    static const struct {
        int status;
        const char *command, *message;
    } cases[] = {
        {1, "$DLC doc dense wrong.dl", "wrong.dl:1:9: error: this '{' is never closed"},
        {1, "$DLC doc missing.dl", "missing.dl: No such file or directory"},
        {2, "$DLC doc dense relu", "dlc doc: expected one name and one file\n"},
        {2, "$DLC doc a.dl wrong.dl", "dlc doc: expected one name and one file\n"},
        {2, "$DLC doc --markdown relu", "dlc doc: --markdown is for the list\n"},
        {2, "$DLC doc a b.dl c", "too many operands"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        RUN(cases[i].status, cases[i].command);
        EXPECT_ERR(cases[i].message);
        assert_string_equal(captured(f, "stdout"), "");
    }
}

static void the_library_page_is_fresh(void **state)
{
    Fixture *f = *state;
    size_t bytes;
    const char *why, *page = file_read(f->a, "docs/library.md", &bytes, &why);
    RUN(0, "$DLC doc --markdown");
    if (!str_eq(page, captured(f, "stdout")))
        fail_msg("docs/library.md is stale: make docs/library.md");
}

/* In the form the listing shows. */
static void builtins_are_documented(void **state)
{
    (void)state;
    BuiltinDoc b;
    int n = 0;
    for (; builtin_doc(n, &b); n++)
        if (!*b.doc || strchr(b.doc, '\n') || b.doc[strlen(b.doc) - 1] == '.')
            fail_msg("%s: expected a line without a full stop, found \"%s\"", b.name, b.doc);
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fmt_writes_files),
        TEST(fmt_reads_standard_input),
        TEST(fmt_keeps_links_and_permissions),
        TEST(fmt_leaves_wrong_files),
        TEST(doc_of_the_library),
        TEST(doc_of_a_file),
        TEST(doc_refuses),
        TEST(the_library_page_is_fresh),
        cmocka_unit_test(builtins_are_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
