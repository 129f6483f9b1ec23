/* SPDX-License-Identifier: MIT */
/* test_ir_docs.c: docs/ops.md is what the table says, and the graphs shown in docs/ir.md are real ones.
 * docs/ir.md names everything there is.
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

/* What a row calls its gradient rule. */
static const char *const rule_of[OP_COUNT] = {
#define OP(NAME, text, nin, class, attr, shape, grad, ...) [OP_##NAME] = #grad,
#include "graph/ops.def"
#undef OP
};

/* The formula in the comment above a gradient's rule: what follows the colon. */
static const char *formula_of(Arena *a, Op op)
{
    static const char *const files[] = {"element", "move", "reduce", "contract_grad", "index", "scan_grad"};
    const char *why = NULL;
    for (int i = 0; i < LEN(files); i++) {
        size_t n = 0;
        char *text = file_read(a, arena_printf(a, "compiler/ops/%s.c", files[i]), &n, &why);
        char *rule =
            text ? strstr(text, arena_printf(a, "*/\nGRAD(%s)\n", rule_of[op] + strlen("grad_"))) : NULL;
        if (!rule)
            continue;
        char *begin = rule;
        while (begin > text && strncmp(begin, "/* ", 3))
            begin--;
        StrBuf sb = {.a = a};
        for (char *c = begin + 3; c < rule; c++)
            if (c[0] != '\n')
                sb_putc(&sb, *c);
            else
                c += 2;
        char *comment = arena_strdup(a, sb_text(&sb));
        comment[strlen(comment) - 1] = 0; /* a space */
        const char *formula = strstr(comment, ": dx");
        formula = formula ? formula : strstr(comment, ": ");
        if (!formula)
            fail_msg("the comment above %s has no formula behind a colon", rule_of[op]);
        return formula + 2;
    }
    fail_msg("%s has no comment", rule_of[op]);
    return NULL;
}

/* A bar in a table's cell needs a backslash. */
static void write_cell(StrBuf *sb, const char *text)
{
    for (const char *c = text; *c; c++)
        sb_printf(sb, "%s%c", *c == '|' ? "\\" : "", *c);
}

static void write_row(StrBuf *sb, Op op)
{
    const OpInfo *info = op_info(op);
    sb_printf(sb, "| `%s` | ", info->text);
    if (info->nin < 0)
        sb_puts(sb, "any");
    else
        sb_printf(sb, "%d", info->nin);
    sb_puts(sb, " | ");
    write_attributes(sb, info);
    sb_puts(sb, " | ");
    write_cell(sb, info->doc);
    sb_puts(sb, " | ");
    write_cell(sb, info->grad ? formula_of(sb->a, op) : "");
    sb_puts(sb, " |\n");
}

static const char *table(Arena *a)
{
    StrBuf sb = {.a = a};
    sb_puts(
        &sb,
        "# Operations\n\n"
        "Made from `compiler/graph/ops.def` by `make docs/ops.md`; `docs/ir.md` explains what the columns "
        "mean.\nThe attribute \"type\" is the one behind the colon. Gradients: x and y are operands, and "
        "what is differentiated has the gradient dy, "
        "or dz\nwhere y is an operand; an operand's is dx. Where there is none, none passes.\n");
    for (int i = 0; i < LEN(sections); i++) {
        sb_printf(
            &sb,
            "\n## %s\n\n| operation | operands | attributes | meaning | gradient |\n|---|---|---|---|---|\n",
            sections[i].title);
        for (int op = 0; op < OP_COUNT; op++)
            if (op_info((Op)op)->class == sections[i].class)
                write_row(&sb, (Op)op);
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

/* `text` stands in `page`, in code: not as a part of another word. */
static bool names(const char *page, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t n = strlen(text);
    for (const char *at = strstr(page, text); at; at = strstr(at + 1, text))
        if ((at == page || !strchr(letters, at[-1])) && (!at[n] || !strchr(letters, at[n])))
            return true;
    return false;
}

/* The lines of a page from one that begins with `from` up to one that begins with `to`. */
static const char *part_of_page(Arena *a, const char *path, const char *from, const char *to)
{
    const char *why = NULL;
    size_t n = 0;
    char *page = file_read(a, path, &n, &why);
    if (!page)
        fail_msg("%s: %s", path, why);
    char *begin = strstr(page, arena_printf(a, "\n%s", from));
    char *end = begin ? strstr(begin + 1, arena_printf(a, "\n%s", to)) : NULL;
    if (!end)
        fail_msg("%s has no part from %s to %s", path, from, to);
    return arena_strndup(a, begin, (size_t)(end - begin));
}

/* Operations without attributes are in docs/ops.md, which is made from the rows. */
static void every_attribute_is_explained(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *table = part_of_page(a, "docs/ir.md", "## Attributes", "**scan.**");
    for (Op op = 0; op < OP_COUNT; op++) {
        const AttrKindInfo *fields = attr_fields(op_info(op)->attr);
        const char *row = strstr(table, arena_printf(a, "`%s`", op_info(op)->text));
        for (int i = 0; i < fields->n && op != OP_INPUT; i++) {
            const AttrField *f = &fields->field[i];
            if (!f->key || f->kind == FIELD_TYPE || f->kind == FIELD_DTYPE ||
                (op == OP_WINDOW && str_eq(f->key, "extent")))
                continue;
            if (!row || !names(arena_strndup(a, row, strcspn(row, "\n")), f->key))
                fail_msg("docs/ir.md does not explain %s of %s", f->key, op_info(op)->text);
        }
    }
    arena_free(a);
}

static void every_role_and_type_is_explained(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *roles = part_of_page(a, "docs/ir.md", "## Functions, ports and roles", "## Nodes");
    const char *types = part_of_page(a, "docs/ir.md", "## Types", "## Functions");
    for (Role role = 0; role <= ROLE_YIELD; role++)
        if (!strstr(roles, arena_printf(a, "| `%s` |", role_name(role))))
            fail_msg("docs/ir.md has no role %s", role_name(role));
    for (DType dt = 0; dt < DT_COUNT; dt++)
        if (!strstr(types, arena_printf(a, "`%s`", dtype_name(dt))))
            fail_msg("docs/ir.md has no type %s", dtype_name(dt));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_fresh),
        cmocka_unit_test(shown_graphs_are_real),
        cmocka_unit_test(every_attribute_is_explained),
        cmocka_unit_test(every_role_and_type_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
