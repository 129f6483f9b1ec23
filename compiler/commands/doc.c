/* SPDX-License-Identifier: MIT */
/* doc.c: `dlc doc`: what definitions are for: the library's, the built-in functions, and those of a file. */
#include "commands.h"

#include "../std/std.h"
#include "../syntax/format.h"

#include <string.h>

enum { NAME_COLUMN = 26 };

/* A definition, a built-in function, or a comment that stands alone in its file. */
typedef struct DocItem {
    const char *name; /* NULL: a comment */
    const char *signature;
    const char *doc;   /* lines; "" where there are none */
    StringList keeps;  /* parameters and states; of a model inputs, outputs and targets */
    const char *where; /* "std/dense.dl, line 4" */
} DocItem;

typedef struct Section {
    const char *name; /* of the file */
    VEC(DocItem) items;
} Section;

typedef struct Doc {
    Arena *a;
    Diag *d;
    VEC(Section *) sections;
} Doc;

/* ---- gathering ------------------------------------------------------------------------------------- */
static Section *add_section(Doc *x, const char *name)
{
    Section *section = NEW(x->a, Section);
    section->name = name;
    vec_push(x->a, &x->sections, section);
    return section;
}

static void gather_kept(Doc *x, const PieceList *pieces, const Block *block, StringList *out)
{
    for (int i = 0; i < block->n; i++) {
        const Stmt *s = block->at[i];
        switch (s->kind) {
        case ST_PARAM:
        case ST_STATE:
        case ST_STREAM:
        case ST_INPUT:
        case ST_OUTPUT:
        case ST_TARGET:
            vec_push(x->a, out, format_line(x->a, pieces, s->span));
            break;
        default:
            gather_kept(x, pieces, &s->body, out);
            gather_kept(x, pieces, &s->orelse, out);
        }
    }
}

static uint32_t head_end(const PieceList *pieces, const Def *def)
{
    for (int i = 0; def->kind != DEF_CONST && i < pieces->n; i++)
        if (pieces->at[i].lo >= def->span.lo && pieces->at[i].text[0] == '{')
            return pieces->at[i].lo;
    return def->span.hi;
}

static DocItem item_of(Doc *x, const PieceList *pieces, const Def *def)
{
    const Span head = {def->span.source, def->span.lo, head_end(pieces, def)};
    DocItem item = {.name = def->name.text, .doc = def->doc ? def->doc : ""};
    item.signature = format_line(x->a, pieces, head);
    item.where = arena_printf(x->a, "%s, line %d", diag_source_name(x->d, def->span.source),
                              diag_line(x->d, def->span, NULL));
    gather_kept(x, pieces, &def->body, &item.keeps);
    return item;
}

static void add_comment(Doc *x, Section *section, StrBuf *sb)
{
    if (sb->n)
        vec_push(x->a, &section->items, ((DocItem){.doc = sb_text(sb)}));
    *sb = (StrBuf){.a = x->a};
}

/* Comments from lo to hi, where a definition begins, in lines of their own; but not those right above it. */
static void gather_comments(Doc *x, Section *section, const PieceList *pieces, uint32_t lo, uint32_t hi)
{
    StrBuf sb = {.a = x->a};
    for (int i = 0; i < pieces->n; i++) {
        const Piece *p = &pieces->at[i];
        if (p->lo < lo)
            continue;
        if (p->gap)
            add_comment(x, section, &sb);
        if (p->lo >= hi)
            return;
        int lead = 1 + (p->bytes > 1 && p->text[1] == ' ');
        if (p->text[0] == '#' && p->broken)
            sb_printf(&sb, "%s%.*s", sb.n ? "\n" : "", p->bytes - lead, p->text + lead);
    }
    add_comment(x, section, &sb);
}

static void gather_program(Doc *x, const char *name, const Program *program)
{
    Section *section = add_section(x, name);
    if (!program->defs.n)
        return;
    const PieceList *pieces = pieces_read(x->a, x->d, program->defs.at[0]->span.source);
    uint32_t at = 0;
    for (int i = 0; i < program->defs.n; i++) {
        const Def *def = program->defs.at[i];
        gather_comments(x, section, pieces, at, def->span.lo);
        if (def->kind != DEF_IMPORT)
            vec_push(x->a, &section->items, item_of(x, pieces, def));
        at = def->span.hi;
    }
    gather_comments(x, section, pieces, at, UINT32_MAX);
}

static void gather_library(Doc *x)
{
    int n;
    const Program *const *programs = std_programs(x->a, x->d, &n);
    for (int i = 0; i < n; i++)
        gather_program(x, std_sources[i].name, programs[i]);
}

/* "x axis?" as "(x, [axis])" */
static const char *formals_text(Doc *x, const char *formals)
{
    StrBuf sb = {.a = x->a};
    for (const char *at = formals; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        bool optional = at[n - 1] == '?';
        sb_printf(&sb, optional ? "%s[%.*s]" : "%s%.*s", sb.n ? ", " : "", (int)(n - optional), at);
        at += n;
    }
    return sb_text(&sb);
}

static void gather_builtins(Doc *x)
{
    Section *section = add_section(x, "Built-in functions");
    BuiltinDoc b;
    vec_push(x->a, &section->items,
             ((DocItem){.doc = "Arguments in brackets may be left out, defaults are in parentheses. An axis "
                               "may be negative."}));
    for (int i = 0; builtin_doc(i, &b); i++) {
        const char *signature = arena_printf(x->a, "%s(%s)", b.name, formals_text(x, b.formals));
        vec_push(x->a, &section->items,
                 ((DocItem){.name = b.name, .signature = signature, .doc = b.doc, .where = "built in"}));
    }
}

/* The file's definitions, then those of the files it imports. */
static bool gather_file(Doc *x, const char *path)
{
    const Program *program = program_read(x->a, x->d, path);
    diag_print(x->d, stderr);
    if (!program || diag_errors(x->d))
        return false;
    gather_program(x, str_eq(path, "-") ? "<stdin>" : path, program);
    for (int i = 0; i < program->imports.n; i++)
        if (program->imports.at[i]->defs.n)
            gather_program(x, diag_source_name(x->d, program->imports.at[i]->defs.at[0]->span.source),
                           program->imports.at[i]);
    return true;
}

/* ---- printing -------------------------------------------------------------------------------------- */

/* Lines as one. */
static const char *joined(Arena *a, const char *lines)
{
    char *text = arena_strdup(a, lines);
    for (char *at = text; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    return text;
}

static const char *first_sentence(Arena *a, const char *lines)
{
    const char *text = joined(a, lines), *end = strstr(text, ". ");
    return end ? arena_strndup(a, text, (size_t)(end + 1 - text)) : text;
}

static void list_section(Arena *a, const Section *section)
{
    bool headed = section->items.n && !section->items.at[0].name;
    printf("%s%s%s\n", section->name, headed ? ": " : "",
           headed ? first_sentence(a, section->items.at[0].doc) : "");
    for (int i = 0; i < section->items.n; i++) {
        const DocItem *item = &section->items.at[i];
        if (item->name)
            printf("  %-*s  %s\n", NAME_COLUMN, item->name,
                   *item->doc ? first_sentence(a, item->doc) : item->signature);
    }
}

static void print_indented(const char *lines)
{
    if (*lines)
        putchar('\n');
    for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
        n = strcspn(lines, "\n");
        printf("%s%.*s\n", n ? "    " : "", (int)n, lines);
    }
}

static void print_item(Arena *a, const DocItem *item)
{
    StrBuf keeps = {.a = a};
    for (int i = 0; i < item->keeps.n; i++)
        sb_printf(&keeps, "%s\n", item->keeps.at[i]);
    puts(item->signature);
    print_indented(item->doc);
    print_indented(sb_text(&keeps));
    printf("\n%s\n", item->where);
}

static void print_markdown(Arena *a, const Section *section)
{
    const char *slash = strrchr(section->name, '/');
    printf("\n## %s\n", slash ? slash + 1 : section->name);
    for (int i = 0; i < section->items.n; i++) {
        const DocItem *item = &section->items.at[i];
        const char *doc = joined(a, item->doc);
        if (!item->name) {
            printf("\n%s\n", doc);
            continue;
        }
        bool first = i == 0 || !section->items.at[i - 1].name;
        printf("%s- `%s`%s%s", first ? "\n" : "", item->signature, *doc ? "\\\n  " : "", doc);
        for (int k = 0; k < item->keeps.n; k++)
            printf("%s`%s`", k ? ", " : "\\\n  Keeps ", item->keeps.at[k]);
        puts(item->keeps.n ? "." : "");
    }
}

/* ---- the command ----------------------------------------------------------------------------------- */
static const DocItem *find_item(const Doc *x, const char *name)
{
    for (int i = 0; i < x->sections.n; i++)
        for (int k = 0; k < x->sections.at[i]->items.n; k++)
            if (str_eq(x->sections.at[i]->items.at[k].name, name))
                return &x->sections.at[i]->items.at[k];
    return NULL;
}

static int unknown_name(const Doc *x, const char *name)
{
    StringList names = {0};
    for (int i = 0; i < x->sections.n; i++)
        for (int k = 0; k < x->sections.at[i]->items.n; k++)
            if (x->sections.at[i]->items.at[k].name)
                vec_push(x->a, &names, x->sections.at[i]->items.at[k].name);
    const char *near = nearest_name(name, names.at, names.n);
    return bad(near ? "nothing is called %s (did you mean %s?)" : "nothing is called %s", name, near);
}

/* What the name means in the file, or without one in any. */
static int doc_name(Doc *x, const char *name, const char *path)
{
    if (path && !gather_file(x, path))
        return EXIT_BAD;
    gather_library(x);
    gather_builtins(x);
    const DocItem *item = find_item(x, name);
    if (!item)
        return unknown_name(x, name);
    print_item(x->a, item);
    return EXIT_OK;
}

static const char *const markdown_head =
    "# The standard library\n\n"
    "Made by `make docs/library.md` from `compiler/std/*.dl` and the compiler's table of built-in functions. "
    "Arguments before `;` are\ntensors, those after it are known when the model is compiled; "
    "[language.md](language.md) explains signatures. A definition is a few\nlines of the language: read it "
    "there. `dlc doc NAME` prints what this page says of one of them.";

/* Everything in the file, or without one in the library. */
static int doc_list(Doc *x, const char *path, bool markdown)
{
    if (path && !gather_file(x, path))
        return EXIT_BAD;
    if (!path) {
        gather_library(x);
        gather_builtins(x);
        if (markdown)
            puts(markdown_head);
    }
    for (int i = 0; i < x->sections.n; i++) {
        if (markdown)
            print_markdown(x->a, x->sections.at[i]);
        else
            list_section(x->a, x->sections.at[i]);
    }
    return EXIT_OK;
}

static bool is_path(const char *text)
{
    return str_eq(text, "-") || strpbrk(text, "./");
}

int cmd_doc(Arena *a, int argc, char **argv)
{
    bool markdown = false;
    const Option rows[] = {
        {"markdown", 0, OPTION_FLAG, &markdown, NULL, "the list, in full, as docs/library.md", 0, 0},
    };
    const Command command = {
        .name = "dlc doc",
        .operands = "[options] [NAME] [FILE.dl]",
        .summary = "Says what a definition is for: how it is called, the comment above it, what it keeps, "
                   "where it is.\n"
                   "Without NAME it lists the library and the built-in functions, or what is in FILE.dl.\n"
                   "With FILE.dl, whose name has a dot, NAME is what it means there. - is standard input.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 0,
        .max_operands = 2,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status >= 0)
        return status;
    const char *name = NULL, *path = NULL;
    for (int i = 0; i < operands.n; i++)
        *(is_path(operands.at[i]) ? &path : &name) = operands.at[i];
    if (operands.n == 2 && (!name || !path))
        return options_complain(&command, "expected one name and one file");
    if (name && markdown)
        return options_complain(&command, "--markdown is for the list");
    Doc x = {.a = a, .d = diag_new(a)};
    return name ? doc_name(&x, name, path) : doc_list(&x, path, markdown);
}
