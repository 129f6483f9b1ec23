/* SPDX-License-Identifier: MIT */
/* parse.c: the parser's door, and how a syntax error is put into words. */
#include "parse.h"
#include "parser.h"

#include <string.h>

enum {
    LABELS_MAX = 128,           /* more than the grammar has tokens */
    FOUND_MAX = 40,             /* bytes quoted of what was found */
};

/* ---- messages ------------------------------------------------------------------------------------------ */

/* Where all of what begins with `sign` is expected, the tokens are not listed: the label is. */
typedef struct Group {
    const char *sign, *label;
    const char *tokens;         /* each with a blank before and behind */
} Group;

static const Group groups[] = {
    {"model", "a definition", " model layer optimizer initializer const import end of file  end of line "},
    {"return", "a statement",
     " input output param state stream return yield if repeat require train target optimizer metric clip freeze"
     " penalty name integer number string true false for not ( [ - "},
    {"integer", "an expression", " name integer number string true false for not ( [ - "},
    {"+", "an operator", " + - * / // % @ ^ == != < <= > >= and or ? |> . [ ( as "},
};


static bool has(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (names[i] && str_eq(names[i], name))
            return true;
    return false;
}

/* Bison spells one-character tokens with quotes. */
static const char *unquoted(Parser *p, const char *name)
{
    size_t n = strlen(name);
    return n == 3 && name[0] == '\'' && name[2] == '\'' ? arena_strndup(p->a, name + 1, 1) : name;
}

/* Drops what group g stands for from the names; true when it was among them. */
static bool take_group(Parser *p, const Group *g, const char **names, int n)
{
    if (!has(names, n, g->sign))
        return false;
    for (int i = 0; i < n; i++)
        if (names[i] && strstr(g->tokens, arena_printf(p->a, " %s ", names[i])))
            names[i] = NULL;
    return true;
}

/* A token on its own: those that stand for many are described, the others quoted. */
static const char *label_of(Parser *p, const char *name)
{
    static const char *const described[] = {"name", "a name", "string", "a string", "end of line", "end of line"};
    for (int i = 0; i < LEN(described); i += 2)
        if (str_eq(name, described[i]))
            return described[i + 1];
    return arena_printf(p->a, "'%s'", name);
}

/* "',', ')' or an operator" */
static const char *expected_text(Parser *p, const char *const *expected, int n)
{
    const char *names[LABELS_MAX], *labels[LABELS_MAX + LEN(groups)], *taken[LEN(groups)];
    int nlabel = 0, ntaken = 0;
    for (int i = 0; i < n; i++)
        names[i] = unquoted(p, expected[i]);
    for (int i = 0; i < LEN(groups); i++)
        if (take_group(p, &groups[i], names, n))
            taken[ntaken++] = groups[i].label;
    for (int i = 0; i < n; i++)
        if (names[i])
            labels[nlabel++] = label_of(p, names[i]);
    for (int i = 0; i < ntaken; i++)
        labels[nlabel++] = taken[i];
    StrBuf sb = {.a = p->a};
    for (int i = 0; i < nlabel; i++)
        sb_printf(&sb, "%s%s", i == 0 ? "" : i == nlabel - 1 ? " or " : ", ", labels[i]);
    return sb_text(&sb);
}

const char *token_text(Parser *p, int token, Span sp)
{
    if (token == TOK_END)
        return "the end of the file";
    if (sp.lo == sp.hi)
        return "the end of the line";
    size_t n = sp.hi - sp.lo;
    const char *dots = n > FOUND_MAX ? "..." : "", *mark = token == TOK_STRING ? "" : "'";
    while (n > FOUND_MAX || (n < sp.hi - sp.lo && ((unsigned char)p->text[sp.lo + n] & 0xc0) == 0x80))
        n--;
    return arena_printf(p->a, "%s%.*s%s%s", mark, (int)n, p->text + sp.lo, dots, mark);
}

/* Help where what was meant is plain. */
static void help_with(Parser *p, int found, const char *const *expected, int n)
{
    const char *nearest = NULL;
    if (p->opening.text && p->position <= 2)
        nearest = lex_nearest(p->opening.text, !lex_in_block(p));
    if (nearest && (found == TOK_NAME || found == '{' || found == TOK_STRING))
        diag_help(p->d, "did you mean '%s'?", nearest);
    else if (found == TOK_ELSE)
        diag_help(p->d, "'else' stays on the line of the '}' before it");
    else if (found == TOK_SEP && has(expected, n, "'{'"))
        diag_help(p->d, "'{' stays on the line it belongs to");
    else if (found == TOK_AS)
        diag_help(p->d, "'as' names a call: dense(x, 10) as classifier");
    else if (found == TOK_UPDATE)
        diag_help(p->d, "'<-' updates a state; a comparison is written with spaces, x < -1");
    else if (found == '=' && has(expected, n, "'+'"))
        diag_help(p->d, "'==' compares");
}

void report_syntax(Parser *p, Span sp, int found, const char *const *expected, int n)
{
    if (!p->closing && !p->gave_up) {
        n = n < 0 ? 0 : n > LABELS_MAX ? LABELS_MAX : n;
        const char *wanted = expected_text(p, expected, n);
        const char *text = token_text(p, found, sp);
        if (*wanted)
            diag_error(p->d, sp, "expected %s, found %s", wanted, text);
        else
            diag_error(p->d, sp, "%s was not expected here", text);
        if (found == '}' && p->unclosed.token)
            diag_note_at(p->d, p->unclosed.span, "'%c' is still open", p->unclosed.token);
        help_with(p, found, expected, n);
    }
    lex_recover(p, found);
}

void report_depth(Parser *p, Span sp)
{
    if (p->told_depth)
        return;
    p->told_depth = true;
    diag_error(p->d, sp, "nested too deeply");
    diag_note(p->d, "an expression or block may go %d levels down", TREE_HEIGHT_MAX);
}

/* ---- the door ------------------------------------------------------------------------------------------ */

/* Bytes of the well-formed UTF-8 character at text[i], 0 when it is none. NUL counts as none. */
static uint32_t utf8_length(const unsigned char *text, uint32_t i, uint32_t n)
{
    unsigned char c = text[i];
    if (c < 0x80)
        return c != 0;
    uint32_t length = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (length > n - i)
        return 0;
    for (uint32_t k = 1; k < length; k++)
        if ((text[i + k] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c == 0xe0 && text[i + 1] < 0xa0) || (c == 0xf0 && text[i + 1] < 0x90);
    bool beyond = (c == 0xed && text[i + 1] >= 0xa0) || (c == 0xf4 && text[i + 1] >= 0x90);
    return overlong || beyond ? 0 : length;
}

/* Complains about the first byte that is not text. */
static bool check_text(Parser *p)
{
    if (p->bytes > SOURCE_MAX) {
        diag_error(p->d, (Span){p->source, 0, 0}, "the source is larger than %d MiB", SOURCE_MAX >> 20);
        return false;
    }
    for (uint32_t i = 0, length; i < p->bytes; i += length) {
        length = utf8_length((const unsigned char *)p->text, i, p->bytes);
        if (length)
            continue;
        diag_error(p->d, (Span){p->source, i, i + 1}, "byte 0x%02x is not text", (unsigned char)p->text[i]);
        diag_note(p->d, "a model description is UTF-8 without NUL");
        return false;
    }
    return true;
}

Program *parse_recorded(Arena *a, Diag *d, int source, TokenList *tokens)
{
    size_t bytes;
    const char *text = diag_source_text(d, source, &bytes);
    Parser p = {.a = a, .d = d, .source = source, .text = text, .bytes = (uint32_t)bytes, .last = TOK_SEP};
    p.tokens = tokens;
    p.program = NEW(a, Program);
    p.program->source = source;
    if (!check_text(&p))
        return p.program;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        p.offset = 3;       /* a byte order mark */
    scanner_open(&p);
    dlc_yyparse(&p);
    return p.program;
}

Program *parse_program(Arena *a, Diag *d, int source)
{
    return parse_recorded(a, d, source, NULL);
}
