/* SPDX-License-Identifier: MIT */
/* lex.c: between flex and bison. Settles which line ends end a statement and where words are keywords, closes
 * what the source left open, and skips the rest of a statement that could not be read. */
#include "parse.h"
#include "parser.h"

#include <string.h>

typedef enum Place {
    ANYWHERE,       /* reserved */
    AFTER_OPERAND,  /* `f(x) as y`, `for a in x` */
    AFTER_AS,       /* `f(x) as same y` */
    DECLARATION,    /* begins a statement, a name follows: `state h`, not `state = 1` or `state(x)` */
    STATEMENT,      /* begins a statement, and is not itself assigned, called upon or piped: `yield h` */
    BEFORE_BLOCK,   /* begins a statement, a '{' follows */
    DEFINITION,     /* begins a definition, at the top */
} Place;

typedef struct Word {
    const char *text;
    int token;
    Place place;
} Word;

static const Word words[] = {
    {"and", TOK_AND, ANYWHERE},
    {"else", TOK_ELSE, ANYWHERE},
    {"false", TOK_FALSE, ANYWHERE},
    {"for", TOK_FOR, ANYWHERE},
    {"if", TOK_IF, ANYWHERE},
    {"not", TOK_NOT, ANYWHERE},
    {"or", TOK_OR, ANYWHERE},
    {"return", TOK_RETURN, ANYWHERE},
    {"true", TOK_TRUE, ANYWHERE},
    {"as", TOK_AS, AFTER_OPERAND},
    {"in", TOK_IN, AFTER_OPERAND},
    {"same", TOK_SAME, AFTER_AS},
    {"clip", TOK_CLIP, DECLARATION},
    {"freeze", TOK_FREEZE, DECLARATION},
    {"input", TOK_INPUT, DECLARATION},
    {"metric", TOK_METRIC, DECLARATION},
    {"output", TOK_OUTPUT, DECLARATION},
    {"param", TOK_PARAM, DECLARATION},
    {"state", TOK_STATE, DECLARATION},
    {"stream", TOK_STREAM, DECLARATION},
    {"target", TOK_TARGET, DECLARATION},
    {"penalty", TOK_PENALTY, STATEMENT},
    {"repeat", TOK_REPEAT, STATEMENT},
    {"require", TOK_REQUIRE, STATEMENT},
    {"yield", TOK_YIELD, STATEMENT},
    {"train", TOK_TRAIN, BEFORE_BLOCK},
    {"const", TOK_CONST, DEFINITION},
    {"import", TOK_IMPORT, DEFINITION},
    {"initializer", TOK_INITIALIZER, DEFINITION},
    {"layer", TOK_LAYER, DEFINITION},
    {"model", TOK_MODEL, DEFINITION},
    {"optimizer", TOK_OPTIMIZER, DEFINITION},   /* in a block a DECLARATION */
};

/* A statement goes on in the next line after these. */
static const int operators[] = {
    '+', '-', '*', '/', '%', '@', '^', '<', '>', '=', '?', ':', ',', '.',
    TOK_PIPE, TOK_ARROW, TOK_UPDATE, TOK_FLOOR_DIV, TOK_EQ, TOK_NE, TOK_LE, TOK_GE,
    TOK_NOT, TOK_AND, TOK_OR, TOK_IN, TOK_AS,
};

static const int operand_ends[] = {
    TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_TRUE, TOK_FALSE, ')', ']', '}',
};

static bool among(int token, const int *tokens, int n)
{
    for (int i = 0; i < n; i++)
        if (tokens[i] == token)
            return true;
    return false;
}

bool token_ends_operand(int token)
{
    return among(token, operand_ends, LEN(operand_ends));
}

bool token_continues(int token)
{
    return among(token, operators, LEN(operators));
}

/* ---- where we are -------------------------------------------------------------------------------------- */

static bool at_start(const Parser *p)
{
    return p->last == TOK_SEP || p->last == '{';
}

/* True where line ends count: in a block, or outside everything. */
static bool in_statements(const Parser *p)
{
    return !p->brackets.n || p->brackets.at[p->brackets.n - 1].token == '{';
}

bool lex_in_block(const Parser *p)
{
    return p->brackets.n > 0;
}

/* The text behind the token just read, past blanks. */
static const char *following(const Parser *p)
{
    const char *at = p->text + p->offset;
    return at + strspn(at, " \t\r");
}

static bool name_follows(const Parser *p)
{
    char c = *following(p);
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The word just read is used as a name: assigned, one of several results, a path's head, piped. */
static bool used_as_name(const Parser *p)
{
    const char *next = following(p);
    bool digit_behind = *next && next[1] >= '0' && next[1] <= '9';
    return (*next == '=' && next[1] != '=') || begins(next, "<-") || begins(next, "|>") || *next == ',' ||
           *next == ':' || (*next == '.' && !digit_behind);
}

static bool is_keyword(const Parser *p, const Word *w)
{
    switch (w->place) {
    case ANYWHERE: return p->last != '.';
    case AFTER_OPERAND: return token_ends_operand(p->last) && (w->token == TOK_IN || name_follows(p));
    case AFTER_AS: return p->last == TOK_AS && name_follows(p);
    case DECLARATION: return at_start(p) && name_follows(p);
    case STATEMENT: return at_start(p) && !used_as_name(p);
    case BEFORE_BLOCK: return at_start(p) && *following(p) == '{';
    case DEFINITION: return at_start(p) && (!p->brackets.n || name_follows(p) || *following(p) == '"');
    }
    return false;
}

const char *lex_nearest(const char *name, bool definition)
{
    const char *candidates[LEN(words)];
    int n = 0;
    for (int i = 0; i < LEN(words); i++)
        if ((words[i].place == DEFINITION) == definition && words[i].place != AFTER_OPERAND && words[i].place != AFTER_AS)
            candidates[n++] = words[i].text;
    const char *nearest = nearest_name(name, candidates, n);
    return str_eq(nearest, name) ? NULL : nearest;
}

/* ---- doc comments -------------------------------------------------------------------------------------- */

/* Where the line before the one that begins at `line` begins. */
static uint32_t line_before(const Parser *p, uint32_t line)
{
    uint32_t at = line - 1;
    while (at > 0 && p->text[at - 1] != '\n')
        at--;
    return at;
}

static bool is_comment_line(const Parser *p, uint32_t line)
{
    return p->text[line + strspn(p->text + line, " \t")] == '#';
}

/* The comment lines right before the definition that begins at `lo`, without their '#'; NULL when none. */
static const char *doc_before(Parser *p, uint32_t lo)
{
    uint32_t line = lo;
    while (line > 0 && p->text[line - 1] != '\n')
        line--;
    uint32_t first = line;
    while (first > 0 && is_comment_line(p, line_before(p, first)))
        first = line_before(p, first);
    if (first == line)
        return NULL;
    StrBuf sb = {.a = p->a};
    for (uint32_t at = first; at < line;) {
        const char *text = p->text + at;
        size_t whole = strcspn(text, "\n"), lead = strspn(text, " \t") + 1;
        lead += text[lead] == ' ';
        size_t n = whole > lead ? whole - lead : 0;
        n -= n && text[lead + n - 1] == '\r';
        sb_printf(&sb, "%s%.*s", at == first ? "" : "\n", (int)n, text + lead);
        at += (uint32_t)whole + 1;
    }
    return sb_text(&sb);
}

/* ---- called by flex's actions -------------------------------------------------------------------------- */

Span lex_span(Parser *p, int length)
{
    uint32_t lo = p->offset;
    p->offset += (uint32_t)length;
    return (Span){p->source, lo, p->offset};
}

void lex_comments(Parser *p, Span sp)
{
    for (uint32_t at = sp.lo; p->tokens && at < sp.hi; at++) {
        if (p->text[at] != '#')
            continue;
        uint32_t lo = at;
        while (at < sp.hi && p->text[at] != '\n')
            at++;
        vec_push(p->a, &p->comments, ((Token){TOK_COMMENT, {p->source, lo, at}}));
    }
}

/* The comments before a token, then the token. */
static void record(Parser *p, int token, Span sp)
{
    while (p->ncomment < p->comments.n && (p->comments.at[p->ncomment].span.lo < sp.lo || token == TOK_END))
        vec_push(p->a, p->tokens, p->comments.at[p->ncomment++]);
    vec_push(p->a, p->tokens, ((Token){token, sp}));
}

/* ---- brackets ------------------------------------------------------------------------------------------ */

static int open_bracket(Parser *p, int token, Span sp)
{
    if (p->brackets.n >= TREE_HEIGHT_MAX) {
        report_depth(p, sp);
        p->gave_up = true;
        return TOK_END;
    }
    vec_push(p->a, &p->brackets, ((Bracket){token, sp}));
    return token;
}

static void drop_parentheses(Parser *p)
{
    while (!in_statements(p))
        p->brackets.n--;
}

/* A '}' closes its '{' and what was left open since; ')' and ']' close only their own. */
static int close_bracket(Parser *p, int token)
{
    p->unclosed = in_statements(p) ? (Bracket){0} : p->brackets.at[p->brackets.n - 1];
    if (token == '}')
        drop_parentheses(p);
    int opener = token == '}' ? '{' : token == ']' ? '[' : '(';
    if (p->brackets.n && p->brackets.at[p->brackets.n - 1].token == opener)
        p->brackets.n--;
    return token;
}

/* `held` cannot come with brackets open: complains, and from here on closes them all before it. */
static void begin_closing(Parser *p, int held, Span sp, const char *doc)
{
    Bracket open = p->brackets.at[p->brackets.n - 1];
    diag_error(p->d, open.span, "this '%c' is never closed", open.token);
    diag_note_at(p->d, sp, "%s comes before its '%c'", token_text(p, held, sp),
                 open.token == '{' ? '}' : open.token == '[' ? ']' : ')');
    p->closing = true;
    p->held = held;
    p->held_span = sp;
    p->held_doc = doc;
}

static Span place_behind_last(const Parser *p)
{
    return (Span){p->source, p->last_span.hi, p->last_span.hi};
}

/* The next of: a '}' for each open '{', the end of the line, the held token. */
static int next_closing(Parser *p, Value *value, Span *span)
{
    *span = place_behind_last(p);
    drop_parentheses(p);
    if (p->brackets.n) {
        p->brackets.n--;
        return '}';
    }
    if (p->last != TOK_SEP)
        return TOK_SEP;
    p->closing = false;
    *span = p->held_span;
    value->text = p->held_doc;
    return p->held;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

static int settle_word(Parser *p, Value *value, Span *span)
{
    const char *text = arena_strndup(p->a, p->text + span->lo, span->hi - span->lo);
    value->name = (Name){text, *span};
    const Word *w = words, *end = words + LEN(words);
    while (w < end && !str_eq(w->text, text))
        w++;
    if (w == end || !is_keyword(p, w))
        return TOK_NAME;
    if (w->place != DEFINITION)
        return w->token;
    value->text = doc_before(p, span->lo);
    if (!p->brackets.n || w->token == TOK_OPTIMIZER)
        return w->token;
    begin_closing(p, w->token, *span, value->text);     /* within a block, which was not closed then */
    return next_closing(p, value, span);
}

static bool line_ends(const Parser *p)
{
    return in_statements(p) && !at_start(p) && !token_continues(p->last) && !begins(p->text + p->offset, "|>");
}

static int settle_end(Parser *p, Value *value, Span *span)
{
    p->ended = true;
    *span = place_behind_last(p);
    if (p->gave_up)
        return TOK_END;
    if (p->brackets.n) {
        begin_closing(p, TOK_END, *span, NULL);
        return next_closing(p, value, span);
    }
    return at_start(p) ? TOK_END : TOK_SEP;
}

static int next_token(Parser *p, Value *value, Span *span)
{
    if (p->closing)
        return next_closing(p, value, span);
    for (;;) {
        int token = p->ended || p->gave_up ? TOK_END : raw_token(value, span, p->scanner);
        switch (token) {
        case TOK_END: return settle_end(p, value, span);
        case TOK_NAME: return settle_word(p, value, span);
        case '(': case '[': case '{': return open_bracket(p, token, *span);
        case ')': case ']': case '}': return close_bracket(p, token);
        case TOK_NEWLINE:
            if (!line_ends(p))
                continue;
            *span = place_behind_last(p);
            return TOK_SEP;
        case ';':
            if (!in_statements(p))
                return token;
            if (at_start(p))
                continue;
            return TOK_SEP;
        default: return token;
        }
    }
}

/* Called with each token while skipping: true when the parser should have it. */
static bool ends_skipping(Parser *p, int token)
{
    if (token == '{' && p->brackets.n > 1)
        p->skipped_braces++;
    else if (token == '}' && p->skipped_braces)
        p->skipped_braces--;
    else if (token == TOK_END || token == '{' || token == '}' || (token == TOK_SEP && !p->skipped_braces))
        p->skipping = false;
    return !p->skipping;
}

void lex_recover(Parser *p, int token)
{
    drop_parentheses(p);
    if (token == TOK_SEP || token == TOK_END || token == '}')
        return;
    if (token == '{' && p->brackets.n == 1)     /* after a definition's unreadable head: its body is read */
        return;
    p->skipping = true;
    p->skipped_braces = token == '{';
}

int dlc_yylex(Value *value, Span *span, Parser *p)
{
    int token;
    do {
        token = next_token(p, value, span);
        p->position = at_start(p) ? 1 : p->position + 1;
        if (p->position == 1)
            p->opening = token == TOK_NAME ? value->name : (Name){0};
        p->last = token;
        p->last_span = *span;
        if (p->tokens)
            record(p, token, *span);
    } while (p->skipping && !ends_skipping(p, token));
    return token;
}
