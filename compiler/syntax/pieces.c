/* SPDX-License-Identifier: MIT */
/* pieces.c: a source as tokens and comments that know where blanks and line ends may stand between them. */
#include "format.h"
#include "parse.h"
#include "parser.h"

#include <string.h>

enum { TAB = 8 };

typedef struct Open {
    enum { OPEN_BLOCK, OPEN_PAREN, OPEN_LIST, OPEN_INDEX } kind;
    int questions;      /* '?' whose ':' is still to come */
} Open;

typedef struct Reader {
    Arena *a;
    const char *text;   /* of the source */
    uint32_t at;        /* read so far */
    int column;         /* there */
    PieceList *out;
    VEC(Open) open;     /* at[0] is the file */
    int last;           /* the piece before, without comments */
    int token;          /* its; TOK_SEP in front of a statement, '?' for the ':' of a choice */
    bool sign;          /* it is a sign, or the ':' of a slice: nothing stands behind it */
    bool names_only;    /* the statement so far is `a, b`: it may become `a, b = ...` */
} Reader;

static Open *innermost(Reader *r)
{
    return &r->open.at[r->open.n - 1];
}

static bool at_start(const Reader *r)
{
    return r->token == TOK_SEP || r->token == '{';
}

/* ---- blanks -------------------------------------------------------------------------------------------- */

static bool is_opener(int token)
{
    return token == '(' || token == '[';
}

static bool is_closer(int token)
{
    return token == ')' || token == ']';
}

static bool is_sign(const Reader *r, int token)
{
    return token == '-' && !token_ends_operand(r->token);
}

/* `a ? b : c`, rather than `x: f32` or `x[a:b]` */
static bool is_choice(Reader *r, int token)
{
    return token == ':' && innermost(r)->questions > 0;
}

static bool is_slice(Reader *r, int token)
{
    return token == ':' && innermost(r)->kind == OPEN_INDEX && !is_choice(r, token);
}

static bool blank_before(Reader *r, int token)
{
    if (is_opener(r->token) || r->token == '.' || r->sign)
        return false;
    if (r->token == ',' || r->token == ';')
        return !is_closer(token);
    switch (token) {
    case ')': case ']': case '}': case ',': case ';': case '.': return false;
    case ':': return is_choice(r, token);
    case '(': return r->token != TOK_NAME;
    case '[': return !token_ends_operand(r->token);
    default: return true;
    }
}

/* ---- line ends ----------------------------------------------------------------------------------------- */

static Rank rank_behind_comma(Reader *r)
{
    if (innermost(r)->kind == OPEN_INDEX)
        return RANK_LAST;
    return innermost(r)->kind == OPEN_BLOCK && r->names_only ? RANK_NONE : RANK_COMMA;
}

/* Of a line end between the token before and this one. */
static Rank rank_before(Reader *r, int token)
{
    bool in_block = innermost(r)->kind == OPEN_BLOCK;
    if (token == TOK_PIPE)
        return RANK_PIPE;
    if (r->sign || is_closer(token))
        return RANK_NONE;
    switch (r->token) {
    case ';': return RANK_SEMICOLON;
    case ',': return rank_behind_comma(r);
    case '(': case '[': return RANK_LAST;
    case '=': case TOK_UPDATE: return in_block ? RANK_LAST : RANK_NONE;
    case TOK_OR: case TOK_AND: case '?': return RANK_LOGIC;
    case ':': case '.': case TOK_NOT: case TOK_ARROW: case TOK_IN: case TOK_AS: case TOK_PIPE:
        return RANK_NONE;
    default: return token_continues(r->token) ? RANK_OPERATOR : RANK_NONE;
    }
}

/* ---- brackets ------------------------------------------------------------------------------------------ */

static void open_bracket(Reader *r, int token)
{
    Open open = {.kind = token == '{' ? OPEN_BLOCK : token == '(' ? OPEN_PAREN : OPEN_LIST};
    if (token == '[' && token_ends_operand(r->token))
        open.kind = OPEN_INDEX;
    vec_push(r->a, &r->open, open);
}

static int depth_of(const Reader *r)
{
    int depth = 0;
    while (r->open.at[r->open.n - 1 - depth].kind != OPEN_BLOCK)
        depth++;
    return depth;
}

static void pass_bracket(Reader *r, int token)
{
    if (is_opener(token) || token == '{')
        open_bracket(r, token);
    else if (is_closer(token) || token == '}')
        r->open.n--;
    else if (token == '?')
        innermost(r)->questions++;
    else if (is_choice(r, token))
        innermost(r)->questions--;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Goes on to `to`; how many line ends were passed. */
static int advance(Reader *r, uint32_t to)
{
    int lines = 0;
    for (; r->at < to; r->at++) {
        unsigned char c = (unsigned char)r->text[r->at];
        if (c == '\n') {
            lines++;
            r->column = 0;
        } else if (c == '\t') {
            r->column += TAB - r->column % TAB;
        } else if ((c & 0xc0) != 0x80) {
            r->column++;
        }
    }
    return lines;
}

static bool may_begin_line(const Reader *r, int token, Rank rank)
{
    bool behind_comment = r->out->n && r->out->at[r->out->n - 1].token == TOK_COMMENT;
    return token == TOK_COMMENT || behind_comment || at_start(r) || rank != RANK_NONE || is_closer(token);
}

static void put(Reader *r, const Token *t, Piece piece)
{
    int lines = advance(r, t->span.lo);
    piece.token = t->kind;
    piece.lo = t->span.lo;
    piece.text = r->text + t->span.lo;
    piece.bytes = (int)(t->span.hi - t->span.lo);
    while (piece.bytes && strchr(" \t\r", piece.text[piece.bytes - 1]))
        piece.bytes--;
    piece.broken = (lines > 0 && may_begin_line(r, t->kind, piece.rank)) || !r->out->n;
    piece.gap = lines > 1;
    piece.column = r->column;
    advance(r, t->span.hi);
    piece.width = r->column - piece.column;
    vec_push(r->a, r->out, piece);
}

static void read_token(Reader *r, const Token *t)
{
    bool choice = is_choice(r, t->kind), sign = is_sign(r, t->kind) || is_slice(r, t->kind);
    Piece piece = {.blank = blank_before(r, t->kind), .depth = depth_of(r), .rank = rank_before(r, t->kind)};
    put(r, t, piece);
    pass_bracket(r, t->kind);
    r->names_only = (r->names_only || at_start(r)) && (t->kind == TOK_NAME || t->kind == ',');
    r->sign = sign;
    r->token = choice ? '?' : t->kind;
    r->last = r->out->n - 1;
}

PieceList *pieces_read(Arena *a, Diag *d, int source)
{
    TokenList tokens = {0};
    Reader r = {.a = a, .out = NEW(a, PieceList), .token = TOK_SEP};
    r.text = diag_source_text(d, source, NULL);
    int errors = diag_errors(d);
    parse_recorded(a, d, source, &tokens);
    if (diag_errors(d) > errors)
        return NULL;
    vec_push(a, &r.open, (Open){.kind = OPEN_BLOCK});
    for (int i = 0; i < tokens.n; i++) {
        const Token *t = &tokens.at[i];
        switch (t->kind) {
        case TOK_COMMENT: put(&r, t, (Piece){.depth = depth_of(&r), .rank = RANK_NONE}); break;
        case TOK_SEP:
            r.out->at[r.last].ends = true;
            r.token = TOK_SEP;
            break;
        case TOK_END: break;
        default: read_token(&r, t);
        }
    }
    return r.out;
}
