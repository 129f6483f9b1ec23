/* SPDX-License-Identifier: MIT */
/* literal.c: the values of numbers and strings, and what to say about text that begins no token. */
#include "parse.h"
#include "parser.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *slice(Parser *p, Span sp)
{
    return arena_strndup(p->a, p->text + sp.lo, sp.hi - sp.lo);
}

int lex_integer(Parser *p, Value *value, Span sp)
{
    errno = 0;
    value->integer = strtoll(slice(p, sp), NULL, 10);
    if (errno == ERANGE)
        diag_error(p->d, sp, "this integer is larger than 64 bits hold");
    return TOK_INT;
}

int lex_number(Parser *p, Value *value, Span sp)
{
    value->number = strtod(slice(p, sp), NULL);
    if (isinf(value->number))
        diag_error(p->d, sp, "this number is larger than a double holds");
    return TOK_FLOAT;
}

int lex_malformed(Parser *p, Value *value, Span sp)
{
    diag_error(p->d, sp, "'%s' is neither a number nor a name", slice(p, sp));
    value->integer = 0;
    return TOK_INT;
}

/* What `\c` stands for, -1 when nothing. */
static int unescape(char c)
{
    static const char escapes[] = "n\nt\tr\r\"\"\\\\''";
    for (const char *e = escapes; *e; e += 2)
        if (*e == c)
            return e[1];
    return -1;
}

int lex_string(Parser *p, Value *value, Span sp)
{
    StrBuf sb = {.a = p->a};
    uint32_t i = sp.lo + 1;
    for (; i < sp.hi && p->text[i] != '"'; i++) {
        int c = (unsigned char)p->text[i];
        if (c == '\\') {
            c = unescape(p->text[++i]);
            if (c < 0) {
                diag_error(p->d, (Span){sp.source, i - 1, i + 1}, "unknown escape in a string");
                diag_help(p->d, "known are \\n, \\t, \\r, \\\" and \\\\");
                continue;
            }
        }
        sb_putc(&sb, (char)c);
    }
    if (i == sp.hi)
        diag_error(p->d, sp, "this string is not closed on its line");
    value->text = sb_text(&sb);
    return TOK_STRING;
}

int lex_foreign(Parser *p, Span sp)
{
    static const struct {
        const char *text, *ours;
        int token;
    } foreign[] = {
        {"&&", "and", TOK_AND},
        {"||", "or", TOK_OR},
        {"!", "not", TOK_NOT},
        {"**", "^", '^'},
    };
    const char *text = slice(p, sp);
    for (int i = 0; i < LEN(foreign); i++) {
        if (!str_eq(text, foreign[i].text))
            continue;
        diag_error(p->d, sp, "'%s' is written '%s' here", text, foreign[i].ours);
        return foreign[i].token;
    }
    BUG("'%s' is not in the table", text);
}

void lex_stray(Parser *p, Span sp)
{
    unsigned char c = (unsigned char)p->text[sp.lo];
    if (c < ' ' || c == 0x7f)
        diag_error(p->d, sp, "unexpected character 0x%02x", c);
    else
        diag_error(p->d, sp, "unexpected character '%s'", slice(p, sp));
    if (c == '\'')
        diag_help(p->d, "strings stand in double quotes");
}
