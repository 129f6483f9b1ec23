/* SPDX-License-Identifier: MIT */
/* test_syntax_errors.c: what the parser says about sources that are no programs, and that it survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "syntax/ast.h"

typedef struct Parsed {
    Arena *a;
    Diag *d;
    Program *program;
} Parsed;

static Parsed parse_bytes(const char *source, size_t bytes)
{
    Parsed x = {.a = arena_new()};
    x.d = diag_new(x.a);
    x.program = parse_program(x.a, x.d, diag_add_source(x.d, "t.dl", source, bytes));
    assert_non_null(x.program);
    return x;
}

static Parsed parse(const char *source)
{
    return parse_bytes(source, strlen(source));
}

/* ---- messages ------------------------------------------------------------------------------------------ */

typedef struct Case {
    const char *source, *text;
} Case;

static void messages(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"model m {\n    y = f(a b)\n}\n",
         "t.dl:2:13: error: expected ')', '=', ',' or an operator, found 'b'\n"
         "    2 |     y = f(a b)\n"
         "      |             ^\n"},
        {"model m {\n    y = \n}\n",
         "t.dl:3:1: error: expected an expression, found '}'\n"
         "    3 | }\n"
         "      | ^\n"},
        {"model m {\n    ouput probs = softmax(y)\n}\n",
         "t.dl:2:11: error: expected end of line, '<-', '=', ',', '}' or an operator, found 'probs'\n"
         "    2 |     ouput probs = softmax(y)\n"
         "      |           ^^^^^\n"
         "      help: did you mean 'output'?\n"},
        {"layr f(x: f32) {\n}\n",
         "t.dl:1:1: error: expected a definition, found 'layr'\n"
         "    1 | layr f(x: f32) {\n"
         "      | ^^^^\n"
         "      help: did you mean 'layer'?\n"},
        {"layer f(x f32) {\n}\n",
         "t.dl:1:11: error: expected ':', found 'f32'\n"
         "    1 | layer f(x f32) {\n"
         "      |           ^^^\n"},
        {"layer f(x: f32)\n{\n}\n",
         "t.dl:1:16: error: expected '->' or '{', found the end of the line\n"
         "    1 | layer f(x: f32)\n"
         "      |                ^\n"
         "      help: '{' stays on the line it belongs to\n"},
        {"model m {\n    if c {\n    }\n    else {\n    }\n}\n",
         "t.dl:4:5: error: expected end of line, '}' or a statement, found 'else'\n"
         "    4 |     else {\n"
         "      |     ^^^^\n"
         "      help: 'else' stays on the line of the '}' before it\n"},
        {"model m {\n    if a = b {\n        c = 1\n    }\n}\n",
         "t.dl:2:10: error: expected '{' or an operator, found '='\n"
         "    2 |     if a = b {\n"
         "      |          ^\n"
         "      help: '==' compares\n"},
        {"model m { y = x <-1 }",
         "t.dl:1:17: error: expected end of line, '}' or an operator, found '<-'\n"
         "    1 | model m { y = x <-1 }\n"
         "      |                 ^^\n"
         "      help: '<-' updates a state; a comparison is written with spaces, x < -1\n"},
        {"model m { y = a && b ** c }",
         "t.dl:1:17: error: '&&' is written 'and' here\n"
         "    1 | model m { y = a && b ** c }\n"
         "      |                 ^^\n"
         "t.dl:1:22: error: '**' is written '^' here\n"
         "    1 | model m { y = a && b ** c }\n"
         "      |                      ^^\n"},
        {"model m {\n\tx = [1,\n\t\t2\n}\n",
         "t.dl:4:1: error: expected ',', ']' or an operator, found '}'\n"
         "    4 | }\n"
         "      | ^\n"
         "      = '[' is still open (line 2)\n"},
        {"model m {\n    y = 1\n",
         "t.dl:1:9: error: this '{' is never closed\n"
         "    1 | model m {\n"
         "      |         ^\n"
         "      = the end of the file comes before its '}' (line 2)\n"},
        {"model m {\n    if c {\n    y = 1\n}\nlayer f() {\n}\n",
         "t.dl:1:9: error: this '{' is never closed\n"
         "    1 | model m {\n"
         "      |         ^\n"
         "      = 'layer' comes before its '}' (line 5)\n"},
        {"const X = (1 + 2\n",
         "t.dl:1:11: error: this '(' is never closed\n"
         "    1 | const X = (1 + 2\n"
         "      |           ^\n"
         "      = the end of the file comes before its ')' (line 1)\n"},
        {"const X = 1\n}\nconst Y = 2\n",
         "t.dl:2:1: error: expected a definition, found '}'\n"
         "    2 | }\n"
         "      | ^\n"},
        {"const X = a < b < c\n",
         "t.dl:1:17: error: expected end of line or an operator, found '<'\n"
         "    1 | const X = a < b < c\n"
         "      |                 ^\n"},
        {"const X = \"abc\n",
         "t.dl:1:11: error: this string is not closed on its line\n"
         "    1 | const X = \"abc\n"
         "      |           ^^^^\n"},
        {"const X = \"a\\qc\"\n",
         "t.dl:1:13: error: unknown escape in a string\n"
         "    1 | const X = \"a\\qc\"\n"
         "      |             ^^\n"
         "      help: known are \\n, \\t, \\r, \\\" and \\\\\n"},
        {"const X = 3x + 1e\n",
         "t.dl:1:11: error: '3x' is neither a number nor a name\n"
         "    1 | const X = 3x + 1e\n"
         "      |           ^^\n"
         "t.dl:1:16: error: '1e' is neither a number nor a name\n"
         "    1 | const X = 3x + 1e\n"
         "      |                ^^\n"},
        {"const X = 9223372036854775808\n",
         "t.dl:1:11: error: this integer is larger than 64 bits hold\n"
         "    1 | const X = 9223372036854775808\n"
         "      |           ^^^^^^^^^^^^^^^^^^^\n"},
        {"const X = 1e999\n",
         "t.dl:1:11: error: this number is larger than a double holds\n"
         "    1 | const X = 1e999\n"
         "      |           ^^^^^\n"},
        {"const X = 1 $ é\n",
         "t.dl:1:13: error: unexpected character '$'\n"
         "    1 | const X = 1 $ é\n"
         "      |             ^\n"
         "t.dl:1:15: error: unexpected character 'é'\n"
         "    1 | const X = 1 $ é\n"
         "      |               ^\n"},
        {"model m { train { loss = f(x) as l; z = (a + b) as c } }",
         "t.dl:1:49: error: expected end of line, '}' or an operator, found 'as'\n"
         "    1 | model m { train { loss = f(x) as l; z = (a + b) as c } }\n"
         "      |                                                 ^^\n"
         "      help: 'as' names a call: dense(x, 10) as classifier\n"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Parsed x = parse(cases[i].source);
        assert_string_equal(diag_text(x.d, x.a), cases[i].text);
        arena_free(x.a);
    }
}

static void bytes_that_are_not_text(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        size_t bytes;
        const char *found;
    } cases[] = {
        {"const X = 1\0const Y = 2", 23, "t.dl:1:12: error: byte 0x00 is not text"},
        {"# \xff", 3, "t.dl:1:3: error: byte 0xff is not text"},
        {"# \xc3", 3, "byte 0xc3"},
        {"# \xc0\x80", 4, "byte 0xc0"},
        {"# \xe0\x80\x80", 5, "byte 0xe0"},
        {"# \xed\xa0\x80", 5, "byte 0xed"},
        {"# \xf4\x90\x80\x80", 6, "byte 0xf4"},
        {"# \x80", 3, "byte 0x80"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Parsed x = parse_bytes(cases[i].source, cases[i].bytes);
        assert_int_equal(diag_errors(x.d), 1);
        assert_non_null(strstr(diag_text(x.d, x.a), cases[i].found));
        arena_free(x.a);
    }
    Parsed x = parse("# gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\nconst X = \"\xe2\x82\xac\"");
    assert_int_equal(diag_errors(x.d), 0);
    arena_free(x.a);
}

/* ---- recovery ------------------------------------------------------------------------------------------ */

static void one_run_reports_several_errors(void **state)
{
    (void)state;
    static const char source[] = "model m {\n"
                                 "    input x: f32[3\n"           /* 1: at 'y', the next line, still within [ */
                                 "    y = x\n"
                                 "    z = for a of x {\n"         /* 2: the loop's body goes with it */
                                 "        yield a a a\n"
                                 "    }\n"
                                 "    w = z z; v = 1\n"           /* 3 */
                                 "    if v { u = ) } else { t = 2 }\n"    /* 4 */
                                 "    good = 1\n"
                                 "}\n"
                                 "layer f(x y) {\n"               /* 5: its body is read all the same */
                                 "    y = x; return ]\n"          /* 6 */
                                 "}\n"
                                 "const A = \n"
                                 "const B = 2\n";                 /* 7: the line before goes on: a name, then B */
    static const int lines[] = {3, 4, 7, 8, 11, 12, 15};
    Parsed x = parse(source);
    const char *text = diag_text(x.d, x.a);
    assert_int_equal(diag_errors(x.d), LEN(lines));
    for (int i = 0; i < LEN(lines); i++)
        assert_non_null(strstr(text, arena_printf(x.a, "t.dl:%d:", lines[i])));
    assert_int_equal(x.program->defs.n, 1);
    const Block *body = &x.program->defs.at[0]->body;
    assert_string_equal(body->at[body->n - 1]->names.at[0].text, "good");
    assert_string_equal(body->at[0]->names.at[0].text, "v");
    arena_free(x.a);
}

static void what_was_read_before_an_error_stays(void **state)
{
    (void)state;
    Parsed x = parse("const A = 1\nlayer f() {\n a = 1\n b = (\n");
    assert_int_equal(diag_errors(x.d), 1);
    assert_int_equal(x.program->defs.n, 2);
    assert_int_equal(x.program->defs.at[1]->body.n, 1);
    arena_free(x.a);
    x = parse("layer f() {\n a = 1\nlayer g() {\n b = 1\n}\n");
    assert_int_equal(diag_errors(x.d), 1);
    assert_int_equal(x.program->defs.n, 2);
    assert_string_equal(x.program->defs.at[1]->name.text, "g");
    arena_free(x.a);
}

/* ---- depth --------------------------------------------------------------------------------------------- */

/* head, n times open, middle, n times close, tail: one complaint at most, and that of the depth. */
static void nest(const char *head, const char *open, int n, const char *middle, const char *close,
                 const char *tail, bool too_deep)
{
    Arena *a = arena_new();
    StrBuf sb = {.a = a}, tree = {.a = a};
    sb_puts(&sb, head);
    for (int i = 0; i < n; i++)
        sb_puts(&sb, open);
    sb_puts(&sb, middle);
    for (int i = 0; i < n; i++)
        sb_puts(&sb, close);
    sb_puts(&sb, tail);
    Parsed x = parse(sb_text(&sb));
    assert_int_equal(diag_errors(x.d), too_deep);
    if (too_deep)
        assert_non_null(strstr(diag_text(x.d, x.a), "error: nested too deeply"));
    ast_print(&tree, x.program);
    arena_free(x.a);
    arena_free(a);
}

static void deep_nesting(void **state)
{
    (void)state;
    static const struct {
        const char *head, *open, *middle, *close, *tail;
    } cases[] = {
        {"const X = ", "(", "1", ")", "\n"},
        {"const X = ", "[", "1", "]", "\n"},
        {"const X = ", "f(a, ", "1", ")", "\n"},
        {"const X = ", "x[0, ", "1", "]", "\n"},
        {"const X = ", "-", "1", "", "\n"},
        {"const X = ", "not ", "1", "", "\n"},
        {"const X = ", "a ^ ", "1", "", "\n"},
        {"const X = ", "a ? b : ", "1", "", "\n"},
        {"const X = ", "a ? ", "1", " : b", "\n"},
        {"const X = ", "", "1", " + 1", "\n"},
        {"const X = ", "", "x", ".x", "\n"},
        {"const X = ", "", "x", "[0]", "\n"},
        {"const X = ", "", "x", " |> f", "\n"},
        {"model m { ", "if a { ", "", "} ", "}\n"},
        {"model m { ", "repeat 2 {\n", "", "}\n", "}\n"},
        {"model m { ", "for a in b { ", "", "} ", "}\n"},
        {"model m { ", "a = for a in f(x + ", "", ") { } ", "}\n"},
        {"model m { if c { }", " else if c { }", "", "", "}\n"},
        {"model m { ", "train { ", "", "} ", "}\n"},
        {"model m { ", "{", "", "} ", "}\n"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        bool valid = !strstr(cases[i].open, "f(x +") && !str_eq(cases[i].open, "{");
        if (valid)
            nest(cases[i].head, cases[i].open, 200, cases[i].middle, cases[i].close, cases[i].tail, false);
        if (valid)
            nest(cases[i].head, cases[i].open, 10000, cases[i].middle, cases[i].close, cases[i].tail, true);
        StrBuf sb = {.a = arena_new()};
        sb_puts(&sb, cases[i].head);
        for (int k = 0; k < 10000; k++)
            sb_puts(&sb, cases[i].open);
        Parsed x = parse(sb_text(&sb));     /* never closed */
        assert_true(diag_errors(x.d) > 0);
        arena_free(x.a);
        arena_free(sb.a);
    }
}

/* ---- noise --------------------------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Up to four edits: a byte changed, a stretch removed, a stretch repeated elsewhere, a token put in. */
static size_t mutate(char *text, size_t n, size_t cap, uint32_t *seed)
{
    static const char *const tokens[] = {
        "{", "}", "(", ")", "[", "]", ";", "\n", "|>", " as ", " for ", " in ", "...", "\"", "#", "=", "<-", "->",
        "layer ", "model ", "else ", "if ", "yield ", "^", "-", ":", "?", ",", "1e", "\xc3\xbc", "loss", "train {",
    };
    for (uint32_t edits = 1 + next_random(seed) % 4; edits; edits--) {
        size_t at = next_random(seed) % n, length = next_random(seed) % 40, from = next_random(seed) % n;
        length = length < n - at ? length : n - at;
        length = length < n - from ? length : n - from;
        const char *token = tokens[next_random(seed) % LEN(tokens)];
        switch (next_random(seed) % 4) {
        case 0: text[at] = (char)next_random(seed); break;
        case 1:
            memmove(text + at, text + at + length, n - at - length);
            n -= length == n ? 0 : length;
            break;
        case 2: memmove(text + at, text + from, length); break;
        case 3:
            if (n + strlen(token) > cap)
                break;
            memmove(text + at + strlen(token), text + at, n - at);
            memcpy(text + at, token, strlen(token));
            n += strlen(token);
            break;
        }
    }
    return n;
}

static void noise_is_survived(void **state)
{
    (void)state;
    Arena *a = arena_new();
    size_t bytes;
    const char *why, *source = file_read(a, "tests/unit/language.dl", &bytes, &why);
    assert_non_null(source);
    uint32_t seed = 20260401;
    size_t cap = bytes + 1000;
    char *text = arena_alloc(a, cap);
    int broken = 0;
    for (int round = 0; round < 2000; round++) {
        memcpy(text, source, bytes);
        size_t n = mutate(text, bytes, cap, &seed);
        Parsed x = parse_bytes(text, n);
        StrBuf sb = {.a = x.a};
        ast_print(&sb, x.program);
        broken += diag_errors(x.d) > 0;
        assert_true(diag_errors(x.d) == 0 || *diag_text(x.d, x.a));
        arena_free(x.a);
    }
    assert_true(broken > 1000);
    for (int round = 0; round < 500; round++) {
        size_t n = next_random(&seed) % 300;
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(next_random(&seed) % 128);
        arena_free(parse_bytes(text, n).a);
    }
    arena_free(a);
}

static void empty_sources(void **state)
{
    (void)state;
    static const char *const sources[] = {"", "\n\n", "# only this", ";;;", " \t\r\n", "\xef\xbb\xbf"};
    for (int i = 0; i < LEN(sources); i++) {
        Parsed x = parse(sources[i]);
        assert_int_equal(diag_errors(x.d), 0);
        assert_int_equal(x.program->defs.n, 0);
        arena_free(x.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(bytes_that_are_not_text),
        cmocka_unit_test(one_run_reports_several_errors),
        cmocka_unit_test(what_was_read_before_an_error_stays),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(empty_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
