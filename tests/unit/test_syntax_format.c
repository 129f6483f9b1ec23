/* SPDX-License-Identifier: MIT */
/* test_syntax_format.c: the house layout. Every model of the project, and every block of its pages, is laid
 * out, and again with all its names so long that hardly a statement fits into a line. Runs in the project's
 * folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "syntax/format.h"
#include "syntax/parse.h"
#include "parser.h"

static const char *format(Arena *a, const char *text)
{
    Diag *d = diag_new(a);
    const char *formatted = format_source(a, d, diag_add_source(d, "t.dl", text, strlen(text)));
    if (!formatted)
        fail_msg("%s", diag_text(d, a));
    return formatted;
}

/* ---- cases --------------------------------------------------------------------------------------------- */

static void check_case(const char *source, const char *expected)
{
    Arena *a = arena_new();
    const char *formatted = format(a, source);
    assert_string_equal(formatted, expected);
    assert_string_equal(format(a, formatted), expected);
    arena_free(a);
}

/* A statement in a block, a line each in both. */
static void check_statement(const char *source, const char *expected)
{
    Arena *a = arena_new();
    StrBuf sb = {.a = a};
    sb_puts(&sb, "model m {\n");
    for (const char *line = expected; *line; line += strcspn(line, "\n"), line += *line == '\n')
        sb_printf(&sb, "    %.*s\n", (int)strcspn(line, "\n"), line);
    sb_puts(&sb, "}\n");
    check_case(arena_printf(a, "model m {\n%s\n}\n", source), sb_text(&sb));
    arena_free(a);
}

typedef struct Case {
    const char *source, *expected;
} Case;

static void blanks(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"y=a+b*c//d%e@f^g", "y = a + b * c // d % e @ f ^ g"},
        {"y = - a - -b^-2 + f ( - c , -1 )", "y = -a - -b ^ -2 + f(-c, -1)"},
        {"y = not(a)or not b and(c)", "y = not (a) or not b and (c)"},
        {"y=a?b:c?-d:e", "y = a ? b : c ? -d : e"},
        {"y = x [ 1 : 3 , : , :: - 1 , ... , a ? b : c , a ? b : c : d ]",
         "y = x[1:3, :, ::-1, ..., a ? b : c, a ? b : c:d]"},
        {"y = [ [ 1,2 ] ,[3 ,4,] , ] [ 0 ] [ 1 ]", "y = [[1, 2], [3, 4]][0][1]"},
        {"y = f( axis=- 1,keep = [ ] )as g . b", "y = f(axis = -1, keep = []) as g.b"},
        {"y = x|>f|>g(1)as h", "y = x |> f |> g(1) as h"},
        {"y = x < - 1", "y = x < -1"},
        {"m<-m - 1", "m <- m - 1"},
        {"a,b=f( )", "a, b = f()"},
        {"param w:f32[I,4*units]=zeros()", "param w: f32[I, 4 * units] = zeros()"},
        {"input   x : f32 [ ... , 3 ]", "input x: f32[..., 3]"},
        {"state s=0; stream t : f32=1; freeze a . b; penalty -s",
         "state s = 0\nstream t: f32 = 1\nfreeze a.b\npenalty -s"},
        {"return-a,[b]", "return -a, [b]"},
        {"require a==1,\"a  #  \\\"b\"", "require a == 1, \"a  #  \\\"b\""},
        {"y = 1e-7 + 1E+3 + .5 + 0.50 + 007", "y = 1e-7 + 1E+3 + .5 + 0.50 + 007"},
        {"y = ((a)) * (b + c) - (d * e)", "y = ((a)) * (b + c) - (d * e)"},
        {"if(a){y=1}else if b{y=2}else{y=3}",
         "if (a) {\n    y = 1\n} else if b {\n    y = 2\n} else {\n    y = 3\n}"},
        {"repeat 3{}\nif a{}else{ }", "repeat 3 {}\nif a {} else {}"},
        {"y = for a in x,b in[c] { yield a,b }", "y = for a in x, b in [c] {\n    yield a, b\n}"},
        {"y=sum(for a in x{z=a;yield z},axis=0)",
         "y = sum(for a in x {\n    z = a\n    yield z\n}, axis = 0)"},
        {"y = for a in x { yield a }[0] - 1 |> f", "y = for a in x {\n    yield a\n}[0] - 1 |> f"},
        {"train{loss=a;optimizer sgd( )\nmetric m=b}",
         "train {\n    loss = a\n    optimizer sgd()\n    metric m = b\n}"},
    };
    for (int i = 0; i < LEN(cases); i++)
        check_statement(cases[i].source, cases[i].expected);
}

#define WIDE_SUM "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void line_ends(void **state)
{
    (void)state;
    static const Case cases[] = {
        /* kept where they stood in lists, behind operators, in chains; not elsewhere */
        {"k = [\n[1, 0],\n  [0, 1],\n]", "k = [\n    [1, 0],\n    [0, 1],\n]"},
        {"y = f(a,\nb, g(\nc)\n)", "y = f(a,\n    b, g(\n        c)\n)"},
        {"y = a +\nb", "y = a +\n    b"},
        {"y =\na", "y =\n    a"},
        {"y = (a\n+ b)", "y = (a + b)"},
        {"y = f(a\n, axis =\n0)", "y = f(a, axis = 0)"},
        {"logits = x\n\n|> f |> g\n  |> h", "logits = x\n    |> f |> g\n    |> h"},
        {"y = (x\n|> f)", "y = (x\n    |> f)"},
        /* made where a line is too wide: outermost, behind commas first */
        {"y = f(g(" WIDE_SUM ", 1), 2, 3, cccccccccc)", "y = f(g(" WIDE_SUM ", 1), 2, 3,\n    cccccccccc)"},
        {"y = f(" WIDE_SUM " + cccccccc + ddddd)", "y = f(" WIDE_SUM " + cccccccc +\n    ddddd)"},
        {"y = " WIDE_SUM " + f(ccccccccccc, d)", "y = " WIDE_SUM " +\n    f(ccccccccccc, d)"},
        {"require a == 1 or a == 2, \"" WIDE_SUM " + ccccccc\"",
         "require a == 1 or a == 2,\n    \"" WIDE_SUM " + ccccccc\""},
        {"y = x |> f(1) |> g(" WIDE_SUM ") |> h |> i",
         "y = x\n    |> f(1)\n    |> g(" WIDE_SUM ")\n    |> h\n    |> i"},
        {"a, b = split(" WIDE_SUM ", ccc, 2)", "a, b = split(" WIDE_SUM ", ccc,\n    2)"},
        {"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy = \"" WIDE_SUM "\"",
         "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy =\n    \"" WIDE_SUM "\""},
        {"y = \"" WIDE_SUM "aaaaaaaaaaaaaaaaaaaaaaaaaaaa\" + b",
         "y =\n    \"" WIDE_SUM "aaaaaaaaaaaaaaaaaaaaaaaaaaaa\" +\n    b"},
        {"if " WIDE_SUM " == 1 and cccccccc == 2 { y = 1 }",
         "if " WIDE_SUM " == 1 and\n        cccccccc == 2 {\n    y = 1\n}"},
        {"hs = for a in f(" WIDE_SUM "), b in c { yield a }",
         "hs = for a in f(" WIDE_SUM "),\n        b in c {\n    yield a\n}"},
    };
    for (int i = 0; i < LEN(cases); i++)
        check_statement(cases[i].source, cases[i].expected);
}

static void comments(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"#a \t\n  # b\n\n\n\n# c", "#a\n# b\n\n# c\n"},
        {"const A = 1 # a\nconst B = 22 # b\n", "const A = 1  # a\nconst B = 22  # b\n"},
        {"const A = 1   # a\nconst BBBBBB = 22# b\n", "const A = 1   # a\nconst BBBBBB = 22  # b\n"},
        {"const A=1      # a\nconst BBB = 22 # b\n", "const A = 1     # a\nconst BBB = 22  # b\n"},
        {"const A = 1         # a\n                    # goes on\n# b\nconst B = 2\n",
         "const A = 1         # a\n                    # goes on\n# b\nconst B = 2\n"},
        {"model m { # a\n# b\n\n  y = 1 # c\n\n# d\n}# e\n",
         "model m {  # a\n    # b\n\n    y = 1  # c\n\n    # d\n}  # e\n"},
        {"model m {\n    y = f(a, # a\n# b\nc # c\n, d) # d\n}",
         "model m {\n    y = f(a,  # a\n        # b\n        c  # c\n        , d)  # d\n}\n"},
        {"model m {\n    y = x   # x\n# then\n|> f# f\n}",
         "model m {\n    y = x   # x\n        # then\n        |> f  # f\n}\n"},
        {"model m { y = 1; z = 2   # z\n}   # m\n", "model m {\n    y = 1\n    z = 2  # z\n}   # m\n"},
        {"model m {\n# only\n}", "model m {\n    # only\n}\n"},
        {"layer f( # a\n; # b\nk) {}", "layer f(  # a\n        ;  # b\n        k) {}\n"},
    };
    for (int i = 0; i < LEN(cases); i++)
        check_case(cases[i].source, cases[i].expected);
}

static void empty_lines(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"\n\nconst A = 1", "const A = 1\n"},
        {"const A = 1\n\n\n\nconst B = 2\n\n\n", "const A = 1\n\nconst B = 2\n"},
        {"const A = 1\nmodel m {}\nconst B = 2\nconst C = 3",
         "const A = 1\n\nmodel m {}\n\nconst B = 2\nconst C = 3\n"},
        {"# head\n# of the file\nmodel m {}\n# f\n# is\nlayer f() {}\n# g\n\nlayer g() {}",
         "# head\n# of the file\nmodel m {}\n\n# f\n# is\nlayer f() {}\n\n# g\n\nlayer g() {}\n"},
        {"model m {\n\n\n    a = 1\n\n\n    b = 2\n\n}\n", "model m {\n    a = 1\n\n    b = 2\n}\n"},
        {"model m {\r\n    a = 1\r\n    # b \r\n}\r\n", "model m {\n    a = 1\n    # b\n}\n"},
        {"\xef\xbb\xbf"
         "const A = 1\n",
         "const A = 1\n"},
        {"import  \"a.dl\"", "import \"a.dl\"\n"},
    };
    for (int i = 0; i < LEN(cases); i++)
        check_case(cases[i].source, cases[i].expected);
}

static void wrong_sources(void **state)
{
    (void)state;
    Arena *a = arena_new();
    static const char *const sources[] = {"model m {", "model m { y = }", "model m { y = \"a }", "\xff",
                                          "const A = $"};
    for (int i = 0; i < LEN(sources); i++) {
        Diag *d = diag_new(a);
        assert_null(format_source(a, d, diag_add_source(d, "t.dl", sources[i], strlen(sources[i]))));
        assert_int_not_equal(diag_errors(d), 0);
    }
    arena_free(a);
}

/* ---- everything there is ------------------------------------------------------------------------------- */

static PieceList *pieces_of(Arena *a, const char *text)
{
    Diag *d = diag_new(a);
    return pieces_read(a, d, diag_add_source(d, "t.dl", text, strlen(text)));
}

static bool may_go(const Piece *p)
{
    return p->token == ',' || p->token == ';';
}

/* Tokens and comments of both, but for separators, are the same in the same order; lines keep to the width
 * where they can. */
static void check_pieces(Arena *a, const char *before, const char *after)
{
    PieceList *x = pieces_of(a, before), *y = pieces_of(a, after);
    int i = 0, j = 0;
    for (;; i++, j++) {
        while (i < x->n && may_go(&x->at[i]))
            i++;
        while (j < y->n && may_go(&y->at[j]))
            j++;
        if (i == x->n || j == y->n)
            break;
        const Piece *p = &x->at[i], *q = &y->at[j];
        if (p->token != q->token || p->bytes != q->bytes || memcmp(p->text, q->text, (size_t)p->bytes) != 0)
            fail_msg("%.*s has become %.*s in\n%s", p->bytes, p->text, q->bytes, q->text, after);
        if (q->column + q->width > FORMAT_WIDTH && q->token != TOK_COMMENT && q->rank != RANK_NONE &&
            !q->broken)
            fail_msg("%.*s stands too far right in\n%s", q->bytes, q->text, after);
    }
    assert_true(i == x->n && j == y->n);
}

/* format_source itself compares the trees. */
static void check_source(Arena *a, const char *name, const char *text)
{
    const char *formatted = format(a, text), *again = format(a, formatted);
    if (!str_eq(formatted, again))
        fail_msg("%s becomes\n%s---- and that\n%s", name, formatted, again);
    check_pieces(a, text, formatted);
}

/* The source with `more` behind every name, and every comment. */
static const char *with_longer_names(Arena *a, const char *text, const char *more)
{
    PieceList *pieces = pieces_of(a, text);
    StrBuf sb = {.a = a};
    uint32_t at = 0;
    for (int i = 0; i < pieces->n; i++) {
        const Piece *p = &pieces->at[i];
        bool name = p->token == TOK_NAME && !str_eq(arena_strndup(a, p->text, (size_t)p->bytes), "loss");
        uint32_t end = p->lo + (uint32_t)p->bytes;
        sb_printf(&sb, "%.*s%s", (int)(end - at), text + at, name || p->token == TOK_COMMENT ? more : "");
        at = end;
    }
    sb_puts(&sb, text + at);
    return sb_text(&sb);
}

/* The source with line ends behind each comma and operator where they may be. */
static const char *with_shorter_lines(Arena *a, const char *text)
{
    PieceList *pieces = pieces_of(a, text);
    StrBuf sb = {.a = a};
    uint32_t at = 0;
    for (int i = 0; i < pieces->n; i++) {
        const Piece *p = &pieces->at[i];
        sb_printf(&sb, "%.*s%s", (int)(p->lo - at), text + at, p->rank != RANK_NONE ? "\n\t  \n" : "");
        at = p->lo;
    }
    sb_puts(&sb, text + at);
    return sb_text(&sb);
}

/* The source with comments and line ends strewn in, where it may still be read; else NULL. */
static const char *with_comments(Arena *a, const char *text, uint32_t seed)
{
    static const char *const strewn[] = {" # a\n", "\n\n   # b\n", "\n", "   # c\n          # d\n"};
    PieceList *pieces = pieces_of(a, text);
    StrBuf sb = {.a = a};
    uint32_t at = 0;
    for (int i = 0; i < pieces->n; i++) {
        const Piece *p = &pieces->at[i];
        seed = seed * 1664525 + 1013904223;
        bool here = (p->rank != RANK_NONE || p->broken) && seed >> 29 == 0;
        sb_printf(&sb, "%.*s%s", (int)(p->lo - at), text + at, here ? strewn[seed >> 16 & 3] : "");
        at = p->lo;
    }
    sb_puts(&sb, text + at);
    return pieces_of(a, sb_text(&sb)) ? sb_text(&sb) : NULL;
}

static int checked, strewn;

static void check_variants(Arena *a, const char *name, const char *text)
{
    Diag *d = diag_new(a);
    parse_program(a, d, diag_add_source(d, name, text, strlen(text)));
    if (diag_errors(d))
        return;
    checked++;
    check_source(a, name, text);
    check_source(a, name, with_longer_names(a, text, checked % 2 ? "_long" : "_that_is_quite_long"));
    check_source(
        a, name,
        with_longer_names(a, text, "_that_is_as_long_as_hardly_any_name_of_anybodys_will_ever_be_I_hope"));
    check_source(a, name, with_shorter_lines(a, text));
    for (uint32_t seed = 0; seed < 3; seed++) {     /* others in each source */
        const char *other = with_comments(a, text, 3 * (uint32_t)checked + seed);
        if (other)
            check_source(a, name, other);
        strewn += other != NULL;
    }
}

static const char *read_file(Arena *a, const char *path)
{
    size_t bytes;
    const char *why, *text = file_read(a, path, &bytes, &why);
    if (!text)
        fail_msg("%s: %s", path, why);
    return text;
}

/* The blocks of a page that begin with ```dl. */
static void check_page(Arena *a, const char *path)
{
    const char *at = read_file(a, path), *end;
    while ((at = strstr(at, "\n```dl")) != NULL && (end = strstr(at + 1, "\n```\n")) != NULL) {
        const char *text = strchr(at + 1, '\n') + 1;
        if (text < end)
            check_variants(a, path, arena_strndup(a, text, (size_t)(end + 1 - text)));
        at = end + 1;
    }
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && str_eq(name + n - m, end);
}

static void check_folder(const char *folder)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        Arena *a = arena_new();
        const char *path = arena_printf(a, "%s/%s", folder, entry->d_name);
        if (ends_in(path, ".dl"))
            check_variants(a, path, read_file(a, path));
        if (ends_in(path, ".md"))
            check_page(a, path);
        arena_free(a);
    }
    closedir(dir);
}

static void all_models(void **state)
{
    (void)state;
    static const char *const folders[] = {".",
                                          "docs",
                                          "compiler/std",
                                          "dsl_examples",
                                          "tests/unit",
                                          "tests/errors",
                                          "tests/errors/imports",
                                          "tests/library/cases",
                                          "tests/differential",
                                          "tests/models/mini"};
    for (int i = 0; i < LEN(folders); i++) {
        int before = checked;
        check_folder(folders[i]);
        assert_true(checked > before);
    }
    assert_true(2 * strewn > 3 * checked);
}

/* What we write ourselves: `make fmt`. */
static void ours_are_formatted(void **state)
{
    (void)state;
    static const char *const folders[] = {"compiler/std", "dsl_examples"};
    for (int i = 0; i < LEN(folders); i++) {
        struct dirent **entry;
        int n = scandir(folders[i], &entry, NULL, alphasort);
        assert_true(n > 2);
        for (int k = 0; k < n; k++) {
            Arena *a = arena_new();
            const char *path = arena_printf(a, "%s/%s", folders[i], entry[k]->d_name);
            if (ends_in(path, ".dl") && !str_eq(format(a, read_file(a, path)), read_file(a, path)))
                fail_msg("%s: dlc fmt lays it out otherwise", path);
            arena_free(a);
            free(entry[k]);
        }
        free(entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks),
        cmocka_unit_test(line_ends),
        cmocka_unit_test(comments),
        cmocka_unit_test(empty_lines),
        cmocka_unit_test(wrong_sources),
        cmocka_unit_test(all_models),
        cmocka_unit_test(ours_are_formatted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
