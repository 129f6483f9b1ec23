/* SPDX-License-Identifier: MIT */
/* test_graph_text.c: printing and reading graphs. */
#include "graph_fixture.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>

/* ---- text ----------------------------------------------------------------------------------------------------------- */
static void odd_names_go_round(void **state)
{
    (void)state;
    fn->name = "a function";
    Node *x = fn_input(fn, ROLE_INPUT, 0, "two words", f32(1, 3));
    Node *y = fn_input(fn, ROLE_PARAM, 0, "same", f32(1, 3)), *z = fn_input(fn, ROLE_PARAM, 1, "same", f32(1, 3));
    Node *unnamed = fn_input(fn, ROLE_PARAM, 2, NULL, f32(1, 3));
    Node *sum = node_binary(fn, OP_ADD, node_binary(fn, OP_ADD, x, y), node_binary(fn, OP_ADD, z, unnamed));
    sum->name = "tab\there, a \"quote\", \\ and \xc3\xa9";
    fn_result(fn, ROLE_OUTPUT, 0, "9 lives", sum);
    fn_result(fn, ROLE_OUTPUT, 1, "", x);
    const char *text = print(fn);
    assert_string_equal(print(parse(text)), text);
    assert_string_equal(parse(text)->node.at[sum->id]->name, sum->name);
    assert_string_equal(parse(text)->input.at[1].name, "same");
    assert_null(parse(text)->input.at[3].name);
}

/* Inputs made late are numbered first, so that what is read prints alike. */
static void late_inputs_go_round(void **state)
{
    (void)state;
    Node *x = fn_input(fn, ROLE_INPUT, 0, NULL, f32(1, 3)), *e = node_unary(fn, OP_EXP, x);
    Node *y = fn_input(fn, ROLE_INPUT, 1, NULL, f32(1, 3));
    fn_result(fn, ROLE_OUTPUT, 0, NULL, node_binary(fn, OP_ADD, e, y));
    const char *text = print(fn);
    assert_string_equal(text, "func f(%0: f32[3] input 0, %1: f32[3] input 1) {\n"
                              "    %2 = exp(%0) : f32[3]\n"
                              "    %3 = add(%2, %1) : f32[3]\n"
                              "    return output 0 = %3\n"
                              "}\n");
    assert_string_equal(print(parse(text)), text);
    assert_string_equal(node_text(a, e), "%1 = exp(%0) : f32[3]");
}

static void long_lines_break(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++)
        fn_result(fn, ROLE_OUTPUT, i, "a_name", input(i, f32(2, 100, 100)));
    const char *text = print(fn);
    assert_non_null(strstr(text, "func f(\n        x0: f32[100, 100] input 0,\n        x1:"));
    assert_non_null(strstr(text, "    return\n        output 0 a_name = x0,\n"));
    assert_string_equal(print(parse(text)), text);
}

/* What was dumped is what is read: nothing is rewritten on the way in. */
static void reading_does_not_rewrite(void **state)
{
    (void)state;
    const char *text = "func f(x: f32[3] input 0) {\n"
                       "    %1 = const() value=0 : f32\n"
                       "    %2 = broadcast(%1) axes=[] : f32[3]\n"
                       "    %3 = add(x, %2) : f32[3]\n"
                       "    %4 = neg(%3) : f32[3]\n"
                       "    %5 = neg(%4) : f32[3]\n"
                       "    return output 0 = %5\n"
                       "}\n";
    assert_string_equal(print(parse(text)), text);
}

static void types_may_be_left_out(void **state)
{
    (void)state;
    Fn *parsed = parse("# by hand\nfunc (x: f32[2,3] input 0) { %sum = sum(x) axes=[1] # no type\n %b = neg(%sum)\n"
                       "return output 0 = %b }");
    assert_string_equal(print(parsed), "func (x: f32[2, 3] input 0) {\n"
                                       "    %1 = sum(x) axes=[1] : f32[2]\n"
                                       "    %2 = neg(%1) : f32[2]\n"
                                       "    return output 0 = %2\n"
                                       "}\n");
}

static void doubles_print_shortest(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},           {1.0 / 3, "0.33333334"}, {100000, "100000"},      {1e30, "1e+30"},
                 {-2.5, "-2.5"},         {1e-45, "1e-45"},        {16777217, "16777216"}, {3.4028234663852886e38, "3.4028235e+38"},
                 {9999999, "9999999"}};
    for (int i = 0; i < LEN(cases); i++) {
        const char *text = node_text(a, node_const(fn, DT_F32, cases[i].value));
        const char *want = arena_printf(a, "value=%s :", cases[i].text);
        if (!strstr(text, want))
            fail_msg("%s has no %s", text, want);
    }
}

static void bad_text_is_diagnosed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the text ends where func should stand"},
        {"fun f() { return }", "\"fun\" where func should stand"},
        {"func f( { return }", "where an input should stand"},
        {"func f(x: f64 input 0) { return }", "where a type should stand"},
        {"func f(x: f32 inputs 0) { return }", "where a role should stand"},
        {"func f(x: f32 input 99999999999) { return }", "is no integer"},
        {"func f(x: f32 input 0, x: f32 input 1) { return }", "x is there already"},
        {"func f() { %0 = foo() return }", "there is no operation foo"},
        {"func f() { %0 = reshap() return }", "reshape is one"},
        {"func f() { %0 = neg(%1) return }", "%1 has not been defined"},
        {"func f() { %0 = input() role=input index=0 : f32 return }", "there is no operation input"},
        {"func f() { %0 = iota() : i32[3] %0 = iota() : i32[4] return }", "%0 is there already"},
        {"func f() { %0 = iota() axis=0 : i32[3] return }", "iota takes no axis"},
        {"func f() { %0 = const() value=1 value=1 : f32 return }", "takes no second value"},
        {"func f() { %0 = const() value=one : f32 return }", "\"one\" where a number should stand"},
        {"func f() { %0 = iota() : i32[3] as return output 0 = %0 }", "where return should stand"},
        {"func f() { %0 = iota() : i32[3", "the text ends where"},
        {"func f() { return output 0 = %0 }", "%0 has not been defined"},
        {"func f() { %0 = iota() : i32[3] return output 0 = %0, output 0 = %0 }", "output 0 is there already"},
        {"func f() { return } func g() { return }", "\"func\" where the end should stand"},
        {"func \"f\\x00\"() { return }", "a string without an end"},
        {"func \"f() { return }", "a string without an end"},
        {"func f() { return } ?", "\"?\" where the end should stand"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        const char *message;
        if (parse_quietly(cases[i].text, strlen(cases[i].text), &message) || !strstr(message, cases[i].message))
            fail_msg("%s\nexpected %s\nfound %s", cases[i].text, cases[i].message, message);
    }
}

static void deep_nesting_is_diagnosed(void **state)
{
    (void)state;
    StrBuf sb = {.a = a};
    const char *message;
    for (int i = 0; i < 100000; i++)
        sb_puts(&sb, "func f(x: f32 carry 0) { %1 = scan(x) carries=1 slices=0 yields=0 length=1 body=");
    assert_null(parse_quietly(sb_text(&sb), sb.n, &message));
    assert_non_null(strstr(message, "nested more than"));
}

/* ---- golden files --------------------------------------------------------------------------------------------------- */
static void check_golden(const char *path)
{
    const char *why = NULL;
    size_t n = 0;
    char *text = file_read(a, path, &n, &why);
    if (!text)
        fail_msg("%s: %s", path, why);
    Fn *parsed = parse(text);
    assert_null(fn_verify(a, parsed, NULL));
    assert_string_equal(print(parsed), text);
}

static const char *const golden = "tests/golden/ir";

static void golden_files_go_round(void **state)
{
    (void)state;
    int found = 0;
    DIR *dir = opendir(golden);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (strlen(e->d_name) > 3 && str_eq(e->d_name + strlen(e->d_name) - 3, ".ir")) {
            check_golden(arena_printf(a, "%s/%s", golden, e->d_name));
            found++;
        }
    closedir(dir);
    assert_true(found > 0);
}

/* Damaged text ends in a message or in a sound function, never in a crash. */
static void damaged_text_never_crashes(void **state)
{
    (void)state;
    static const char bits[] = "%()[]{}:,=/-\"#0123456789 \nfuncbodyasreturnscan";
    const char *path = arena_printf(a, "%s/scan.ir", golden), *why;
    size_t n = 0;
    char *text = file_read(a, path, &n, &why);
    assert_non_null(text);
    uint32_t seed = 1;
    Arena *outer = a;
    for (int round = 0; round < 20000; round++) {
        a = arena_new();
        char *damaged = arena_strndup(a, text, n);
        size_t length = n;
        for (int i = 0; i < 1 + round % 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            damaged[(seed >> 8) % n] = bits[(seed >> 3) % (sizeof bits - 1)];
            if (seed % 16 == 0)
                length = (seed >> 8) % n;
        }
        Fn *parsed = parse_quietly(damaged, length, NULL);
        if (parsed) {
            assert_null(fn_verify(a, parsed, NULL));
            const char *printed = print(parsed);
            assert_string_equal(print(parse(printed)), printed);
        }
        arena_free(a);
        a = outer;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(odd_names_go_round), T(late_inputs_go_round), T(long_lines_break), T(reading_does_not_rewrite),
        T(types_may_be_left_out), T(doubles_print_shortest), T(bad_text_is_diagnosed),
        T(deep_nesting_is_diagnosed), T(golden_files_go_round), T(damaged_text_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
