/* SPDX-License-Identifier: MIT */
/* text.h: tokens of the graph's text form, and what is written alike wherever it stands: numbers, types, roles. Private to parse.c
 * and text.c. */
#ifndef DLC_GRAPH_TEXT_H
#define DLC_GRAPH_TEXT_H

#include "ir.h"

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_NAME,   /* x, classifier.kernel, inf */
    TOKEN_LABEL,  /* %7 */
    TOKEN_NUMBER, /* -1.5e-3, -inf */
    TOKEN_STRING, /* text is without quotes and escapes */
    TOKEN_MARK,   /* one character */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    const char *text;
    Span span;
} Token;

typedef struct Parser {
    Arena *a;
    Diag *d;
    int source;
    const char *text;
    size_t size, at;
    Token token; /* the next one */
    int depth;   /* functions around */
} Parser;

/* All of these are false after an error, which has been said. */
bool fail(Parser *p, Span span, const char *format, ...) PRINTF(3, 4);
bool advance(Parser *p);                            /* the next token */
bool unexpected(Parser *p, const char *wanted);     /* says so; false */
bool expect_mark(Parser *p, char mark);
bool expect_word(Parser *p, const char *word);
bool is_mark(const Parser *p, char mark);
bool is_word(const Parser *p, const char *word);
bool at_name(const Parser *p);                      /* a name or a string */

bool parse_integer(Parser *p, int64_t low, int64_t high, int64_t *value);
bool parse_int(Parser *p, int *value);
bool parse_double(Parser *p, double *value);
bool parse_type(Parser *p, Type *t);                /* f32[8, 4] */
bool parse_role(Parser *p, Role *role);

#endif
