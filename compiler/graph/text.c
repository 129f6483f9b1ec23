/* SPDX-License-Identifier: MIT */
/* text.c: the graph's text form, token by token. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokens -------------------------------------------------------------------------------------------- */
bool fail(Parser *p, Span span, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diag_error(p->d, span, "%s", text);
    return false;
}

static int peek(const Parser *p)
{
    return p->at < p->size ? (unsigned char)p->text[p->at] : 0;
}

static bool is_name_char(int c)
{
    return isalnum(c) || c == '_' || c == '.';
}

static void skip_space(Parser *p)
{
    while (p->at < p->size) {
        if (peek(p) == '#')
            while (p->at < p->size && peek(p) != '\n')
                p->at++;
        else if (isspace(peek(p)))
            p->at++;
        else
            return;
    }
}

/* A number runs over letters too (1e5, -inf); whoever wants it checks it. A sign belongs to it at the front
 * and behind e. */
static void skip_number(Parser *p)
{
    p->at++;
    while (is_name_char(peek(p)) ||
           ((peek(p) == '-' || peek(p) == '+') && (p->text[p->at - 1] == 'e' || p->text[p->at - 1] == 'E')))
        p->at++;
}

static int hex_digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind the opening quote. */
static bool read_string(Parser *p, StrBuf *sb)
{
    while (p->at < p->size && peek(p) != '"' && peek(p) != '\n') {
        int c = peek(p);
        p->at++;
        if (c == '\\') {
            c = peek(p);
            p->at += p->at < p->size;
            if (c == 'x' && p->at + 1 < p->size) {
                int high = hex_digit(peek(p)), low = hex_digit((unsigned char)p->text[p->at + 1]);
                c = high < 0 || low < 0 ? 0 : high * 16 + low;
                p->at += 2;
            }
        }
        if (!c)
            return false;
        sb_putc(sb, (char)c);
    }
    if (peek(p) != '"')
        return false;
    p->at++;
    return true;
}

bool advance(Parser *p)
{
    skip_space(p);
    size_t from = p->at;
    int c = peek(p);
    Token *t = &p->token;
    StrBuf string = {.a = p->a};
    if (p->at >= p->size) {
        t->kind = TOKEN_END;
    } else if (c == '"') {
        t->kind = TOKEN_STRING;
        p->at++;
        if (!read_string(p, &string))
            return fail(p, (Span){p->source, (uint32_t)from, (uint32_t)p->at},
                        "a string without an end or with a strange escape");
    } else if (isalpha(c) || c == '_') {
        t->kind = TOKEN_NAME;
        while (is_name_char(peek(p)))
            p->at++;
    } else if (c == '%') {
        t->kind = TOKEN_LABEL;
        p->at++;
        while (is_name_char(peek(p)))
            p->at++;
    } else if (isdigit(c) || c == '-') {
        t->kind = TOKEN_NUMBER;
        skip_number(p);
    } else {
        t->kind = TOKEN_MARK;
        p->at++;
    }
    t->span = (Span){p->source, (uint32_t)from, (uint32_t)p->at};
    t->text = t->kind == TOKEN_STRING ? sb_text(&string) : arena_strndup(p->a, p->text + from, p->at - from);
    return true;
}

bool is_mark(const Parser *p, char mark)
{
    return p->token.kind == TOKEN_MARK && p->token.text[0] == mark;
}

bool is_word(const Parser *p, const char *word)
{
    return p->token.kind == TOKEN_NAME && str_eq(p->token.text, word);
}

bool unexpected(Parser *p, const char *wanted)
{
    if (p->token.kind == TOKEN_END)
        return fail(p, p->token.span, "the text ends where %s should stand", wanted);
    return fail(p, p->token.span, "\"%.40s\" where %s should stand", p->token.text, wanted);
}

bool expect_mark(Parser *p, char mark)
{
    char wanted[] = {'"', mark, '"', 0};
    return is_mark(p, mark) ? advance(p) : unexpected(p, wanted);
}

bool expect_word(Parser *p, const char *word)
{
    return is_word(p, word) ? advance(p) : unexpected(p, word);
}

bool at_name(const Parser *p)
{
    return p->token.kind == TOKEN_NAME || p->token.kind == TOKEN_STRING;
}

bool parse_integer(Parser *p, int64_t low, int64_t high, int64_t *value)
{
    char *end;
    if (p->token.kind != TOKEN_NUMBER)
        return unexpected(p, "an integer");
    errno = 0;
    long long v = strtoll(p->token.text, &end, 10);
    if (*end || errno || v < low || v > high)
        return fail(p, p->token.span, "\"%.40s\" is no integer from %lld to %lld", p->token.text,
                    (long long)low, (long long)high);
    *value = v;
    return advance(p);
}

bool parse_int(Parser *p, int *value)
{
    int64_t wide = 0;
    if (!parse_integer(p, INT32_MIN, INT32_MAX, &wide))
        return false;
    *value = (int)wide;
    return true;
}

bool parse_double(Parser *p, double *value)
{
    char *end;
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_NAME)
        return unexpected(p, "a number");
    *value = strtod(p->token.text, &end);
    if (*end || end == p->token.text)
        return unexpected(p, "a number");
    return advance(p);
}

/* f32[8, 4] */
bool parse_type(Parser *p, Type *t)
{
    Span span = p->token.span;
    memset(t, 0, sizeof *t);
    while (t->dt < DT_COUNT && !is_word(p, dtype_name(t->dt)))
        t->dt++;
    if (t->dt == DT_COUNT)
        return unexpected(p, "a type");
    if (!advance(p))
        return false;
    if (!is_mark(p, '['))
        return true;
    do {
        if (!advance(p))
            return false;
        if (t->rank == MAX_RANK)
            return fail(p, p->token.span, "at most %d axes are possible", MAX_RANK);
        if (!parse_integer(p, 1, MAX_COUNT, &t->dim[t->rank++]))
            return false;
    } while (is_mark(p, ','));
    if (!expect_mark(p, ']'))
        return false;
    const char *why = type_problem(p->a, *t);
    return why ? fail(p, span, "%s", why) : true;
}

bool parse_role(Parser *p, Role *role)
{
    int i = 0;
    while (role_name((Role)i)[0] != '?' && !is_word(p, role_name((Role)i)))
        i++;
    if (role_name((Role)i)[0] == '?')
        return unexpected(p, "a role");
    *role = (Role)i;
    return advance(p);
}
