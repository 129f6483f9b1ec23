/* SPDX-License-Identifier: MIT */
/* parse.h: what lexer.l, lex.c, parser.y, parse.c and ast.c share. Nobody else needs it. */
#ifndef DLC_PARSE_H
#define DLC_PARSE_H

#include "ast.h"

typedef struct Bracket {
    int token;              /* '(', '[' or '{' */
    Span span;
} Bracket;

/* What the source is made of, for format.c: tokens as the grammar gets them, and comments between them. */
typedef struct Token {
    int kind;               /* TOK_COMMENT, TOK_SEP and TOK_END included */
    Span span;
} Token;
typedef VEC(Token) TokenList;

typedef struct Parser {
    Arena *a;
    Diag *d;
    int source;
    TokenList *tokens;      /* NULL: not wanted */
    TokenList comments;
    int ncomment;           /* so many of them are among the tokens */
    const char *text;       /* the whole source, NUL behind it */
    uint32_t bytes;
    Program *program;
    void *scanner;          /* flex's */

    uint32_t offset;        /* flex has read so far */
    VEC(Bracket) brackets;  /* open ones; line ends count where the innermost is a '{' or none is */
    Bracket unclosed;       /* innermost that the last '}' closed besides its '{'; token 0: none */
    int last;               /* the token returned last; at first as after a line's end */
    Span last_span;
    Name opening;           /* the statement's first token where it is a name, else NULL */
    int position;           /* of the last token in its statement, 1 up */
    bool ended;             /* flex has seen the end */

    bool closing;           /* the tokens that follow are ours, to close what the source left open, */
    int held;               /* and this is the one that waits behind them */
    Span held_span;
    const char *held_doc;

    bool skipping;          /* after a syntax error: tokens are dropped up to the end of the statement */
    int skipped_braces;     /* opened meanwhile */
    bool told_depth;        /* too deep a nesting was diagnosed */
    bool gave_up;           /* and the rest of the source is not read */
} Parser;

/* Formals as the grammar gathers them; NULL lists are empty. */
typedef struct Formals {
    FormalList *tensors, *attributes;
} Formals;

typedef struct As {
    Name name;
    bool same;
} As;

typedef union Value {       /* a token's or a rule's; bison's YYSTYPE */
    int64_t integer;
    double number;
    const char *text;
    Name name;
    As as;
    Expr *expr;
    Stmt *stmt;
    Def *def;
    TypeExpr *type;
    Dim dim;
    Argument arg;
    Subscript subscript;
    ForClause clause;
    Formal formal;
    Formals formals;
    ExprList *exprs;
    Block *block;
    NameList *names;
    ArgumentList *args;
    SubscriptList *subscripts;
    ForClauseList *clauses;
    DimList *dims;
    FormalList *formal_list;
} Value;

/* ---- lexer.l ------------------------------------------------------------------------------------------- */
int raw_token(Value *value, Span *span, void *scanner);     /* 0 at the end; line ends as TOK_NEWLINE */
void scanner_open(Parser *p);

/* ---- lex.c: line ends, brackets, words that are keywords only in their place --------------------------- */
int dlc_yylex(Value *value, Span *span, Parser *p);
Span lex_span(Parser *p, int length);                       /* of the text just read */
int lex_integer(Parser *p, Value *value, Span sp);
int lex_number(Parser *p, Value *value, Span sp);
int lex_string(Parser *p, Value *value, Span sp);
int lex_malformed(Parser *p, Value *value, Span sp);        /* 3x */
int lex_foreign(Parser *p, Span sp);                        /* && for and, ... : complains, then goes on */
void lex_stray(Parser *p, Span sp);                         /* characters that begin no token */
void lex_comments(Parser *p, Span sp);                      /* blanks and comments */
bool token_ends_operand(int token);                         /* `x`, `)`: an operator may follow, a sign may not */
bool token_continues(int token);                            /* the statement goes on in the next line */
/* Forgets parentheses left open and, unless `token` itself ends a statement, skips to the statement's end. */
void lex_recover(Parser *p, int token);
/* The word of definitions (or statements) that `name` may be a misspelling of, or NULL. */
const char *lex_nearest(const char *name, bool definition);
bool lex_in_block(const Parser *p);

/* ---- parser.y, parse.c --------------------------------------------------------------------------------- */
int dlc_yyparse(Parser *p);
Program *parse_recorded(Arena *a, Diag *d, int source, TokenList *tokens);      /* as parse_program; tokens too */
/* `found` is a token, `expected` are the grammar's names for what could have stood there. */
void report_syntax(Parser *p, Span sp, int found, const char *const *expected, int n);
void report_depth(Parser *p, Span sp);      /* once */
const char *token_text(Parser *p, int token, Span sp);      /* as messages name it */

/* ---- ast.c: constructors, one a grammar action --------------------------------------------------------- */
Span span_of(const Span *parts, int n);     /* parts[1..n] of a rule; parts[0] came before it */

ExprList *expr_push(Parser *p, ExprList *list, Expr *e);    /* the lists begin as NULL */
Block *stmt_push(Parser *p, Block *list, Stmt *s);
NameList *name_push(Parser *p, NameList *list, Name name);
ArgumentList *arg_push(Parser *p, ArgumentList *list, Argument arg);
SubscriptList *subscript_push(Parser *p, SubscriptList *list, Subscript subscript);
ForClauseList *clause_push(Parser *p, ForClauseList *list, ForClause clause);
DimList *dim_push(Parser *p, DimList *list, Dim dim);
FormalList *formal_push(Parser *p, FormalList *list, Formal formal);

Expr *expr_integer(Parser *p, Span sp, ExprKind kind, int64_t integer);     /* EX_INT, EX_BOOL */
Expr *expr_number(Parser *p, Span sp, double number);
Expr *expr_text(Parser *p, Span sp, ExprKind kind, const char *text);       /* EX_STRING, EX_NAME */
Expr *expr_field(Parser *p, Span sp, Expr *base, Name field);
Expr *expr_list(Parser *p, Span sp, ExprList *items);
Expr *expr_unary(Parser *p, Span sp, Operator op, Expr *base);
Expr *expr_binary(Parser *p, Span sp, Expr *base, Operator op, Expr *right);
Expr *expr_conditional(Parser *p, Span sp, Expr *condition, Expr *yes, Expr *no);
Expr *expr_call(Parser *p, Span sp, Name name, ArgumentList *args, As as);
Expr *expr_pipe(Parser *p, Span sp, Expr *first, Expr *call);
Expr *expr_index(Parser *p, Span sp, Expr *base, SubscriptList *subscripts);
Expr *expr_for(Parser *p, Span sp, ForClauseList *clauses, Block *body);

TypeExpr *type_new(Parser *p, Span sp, Name dtype, DimList *dims);

Stmt *stmt_value(Parser *p, Span sp, StmtKind kind, Expr *value);
Stmt *stmt_named(Parser *p, Span sp, StmtKind kind, Name name, TypeExpr *type, Expr *value);
Stmt *stmt_assign(Parser *p, Span sp, NameList *names, Expr *value);
Stmt *stmt_values(Parser *p, Span sp, StmtKind kind, ExprList *values);
Stmt *stmt_require(Parser *p, Span sp, Expr *value, Expr *message);
Stmt *stmt_if(Parser *p, Span sp, Expr *condition, Block *body, Block *orelse);
Stmt *stmt_repeat(Parser *p, Span sp, Expr *count, Block *body);
Stmt *stmt_train(Parser *p, Span sp, Block *body);

Def *def_block(Parser *p, Span sp, DefKind kind, const char *doc, Name name, Formals formals,
               TypeExpr *result, Block *body);
Def *def_value(Parser *p, Span sp, DefKind kind, const char *doc, Name name, Expr *value);
void program_add(Parser *p, Def *def);

#endif
