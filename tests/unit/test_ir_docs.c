/* SPDX-License-Identifier: MIT */
/* test_ir_docs.c: docs/ops.md is what the table says, and the graphs shown in docs/ir.md are real ones.
 * BLESS=1 build/tests/test_ir_docs   writes docs/ops.md anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "graph/attr.h"

static const struct {
    OpClass class;
    const char *title;
} sections[] = {
    {CLASS_LEAF, "Leaves"},
    {CLASS_ELEMENT, "Element-wise: result[i] depends on operands[i] alone"},
    {CLASS_MOVE, "Moves: result[i] is one element of an operand, or padding, chosen by i alone"},
    {CLASS_REDUCE, "Reductions"},
    {CLASS_CONTRACT, "Contractions"},
    {CLASS_INDEX, "Indices"},
    {CLASS_LOOP, "Loops"},
};

static void write_attributes(StrBuf *sb, const OpInfo *info)
{
    const AttrKindInfo *fields = attr_fields(info->attr);
    const char *space = "";
    for (int i = 0; i < fields->n; i++) {
        const AttrField *f = &fields->field[i];
        if (f->kind == FIELD_TYPE || f->kind == FIELD_DTYPE)
            sb_printf(sb, "%stype", space);
        else if (f->key)
            sb_printf(sb, "%s`%s`", space, f->key);
        space = ", ";
    }
}

/* A bar in a table's cell needs a backslash. */
static void write_cell(StrBuf *sb, const char *text)
{
    for (const char *c = text; *c; c++)
        sb_printf(sb, "%s%c", *c == '|' ? "\\" : "", *c);
}

static void write_row(StrBuf *sb, const OpInfo *info)
{
    sb_printf(sb, "| `%s` | ", info->text);
    if (info->nin < 0)
        sb_puts(sb, "any");
    else
        sb_printf(sb, "%d", info->nin);
    sb_puts(sb, " | ");
    write_attributes(sb, info);
    sb_printf(sb, " | %s | ", info->grad ? "yes" : "");
    write_cell(sb, info->doc);
    sb_puts(sb, " |\n");
}

static const char *table(Arena *a)
{
    StrBuf sb = {.a = a};
    sb_puts(&sb, "# Operations\n\n"
                 "Made from `compiler/graph/ops.def` by `make docs/ops.md`; `docs/ir.md` explains what the columns "
                 "mean.\nThe attribute \"type\" is the one behind the colon.\n");
    for (int i = 0; i < LEN(sections); i++) {
        sb_printf(&sb, "\n## %s\n\n| operation | operands | attributes | gradient | meaning |\n|---|---|---|---|---|\n",
                  sections[i].title);
        for (int op = 0; op < OP_COUNT; op++)
            if (op_info((Op)op)->class == sections[i].class)
                write_row(&sb, op_info((Op)op));
    }
    return sb_text(&sb);
}

static void the_table_is_fresh(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *want = table(a), *why = NULL, *path = "docs/ops.md";
    size_t n = 0;
    if (getenv("BLESS") && !file_write(a, path, want, strlen(want), &why))
        fail_msg("%s: %s", path, why);
    char *found = file_read(a, path, &n, &why);
    if (!found)
        fail_msg("%s: %s", path, why);
    if (!str_eq(found, want))
        fail_msg("%s is stale: make docs/ops.md", path);
    arena_free(a);
}

static void check_block(Arena *a, const char *text, size_t n)
{
    Diag *d = diag_new(a);
    StrBuf sb = {.a = a};
    Fn *fn = fn_parse(a, d, diag_add_source(d, "docs/ir.md", text, n));
    if (!fn)
        fail_msg("%.*s\n%s", (int)n, text, diag_text(d, a));
    assert_null(fn_verify(a, fn, NULL));
    fn_print(&sb, fn);
    assert_string_equal(sb_text(&sb), arena_strndup(a, text, n));
}

static void shown_graphs_are_real(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *why = NULL, *open = "```ir\n", *close = "```";
    size_t n = 0;
    char *at = file_read(a, "docs/ir.md", &n, &why);
    int found = 0;
    if (!at)
        fail_msg("docs/ir.md: %s", why);
    while ((at = strstr(at, open))) {
        at += strlen(open);
        char *end = strstr(at, close);
        assert_non_null(end);
        check_block(a, at, (size_t)(end - at));
        at = end + strlen(close);
        found++;
    }
    assert_true(found > 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_fresh),
        cmocka_unit_test(shown_graphs_are_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
