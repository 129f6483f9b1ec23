/* SPDX-License-Identifier: MIT */
/* parser.y: the grammar of the model language. Line ends arrive as TOK_SEP where they end a statement (lex.c). */
%code top {
#include "syntax/parse.h"
#include <stdlib.h>
}
%code {
/* LALR(1) with exact lookaheads (LAC), so that the list of what was expected is true. */
#define YYMAXDEPTH 12000        /* entries; what nests deeper is diagnosed by dlc_yyerror */
#define YYLLOC_DEFAULT(whole, parts, n) ((whole) = span_of(parts, n))
static void dlc_yyerror(Span *span, Parser *p, const char *message);
}

%require "3.8"
%define api.pure full
%define api.prefix {dlc_yy}
%define api.token.prefix {TOK_}
%define api.value.type {union Value}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%param {Parser *p}
%initial-action { @$ = (Span){p->source, 0, 0}; }
%expect 0

%token END 0 "end of file"
%token SEP "end of line"
%token NEWLINE                  /* from the lexer to lex.c only */
%token COMMENT                  /* to format.c only */
%token <name> NAME "name"
%token <integer> INT "integer"
%token <number> FLOAT "number"
%token <text> STRING "string"
%token TRUE "true" FALSE "false" FOR "for" IN "in" AS "as" SAME "same" NOT "not" AND "and" OR "or"
%token PIPE "|>" ARROW "->" UPDATE "<-" ELLIPSIS "..." FLOOR_DIV "//" EQ "==" NE "!=" LE "<=" GE ">="
%token <text> MODEL "model" LAYER "layer" OPTIMIZER "optimizer" INITIALIZER "initializer" CONST "const"
%token <text> IMPORT "import"
%token INPUT "input" OUTPUT "output" PARAM "param" STATE "state" STREAM "stream" RETURN "return" YIELD "yield"
%token IF "if" ELSE "else" REPEAT "repeat" REQUIRE "require" TRAIN "train" TARGET "target" METRIC "metric"
%token CLIP "clip" FREEZE "freeze" PENALTY "penalty"

%precedence "|>"
%right '?' ':'
%left "or"
%left "and"
%precedence "not"
%nonassoc "==" "!=" '<' "<=" '>' ">="
%left '+' '-'
%left '*' '/' "//" '%' '@'
%precedence NEGATION
%right '^'
%precedence '.' '['

%type <def> definition
%type <formals> formals
%type <formal_list> opt_tensors tensors opt_attributes attributes
%type <formal> tensor attribute
%type <type> type opt_type opt_result
%type <dims> dims
%type <dim> dim
%type <block> block body
%type <stmt> statement conditional
%type <names> names
%type <expr> expr call opt_expr path
%type <as> opt_as
%type <exprs> exprs opt_exprs
%type <args> opt_args args
%type <arg> arg
%type <subscripts> subscripts
%type <subscript> subscript
%type <clauses> clauses
%type <clause> clause

%%

/* ---- definitions --------------------------------------------------------------------------------------- */

program
    : %empty
    | program SEP
    | program definition SEP            { program_add(p, $definition); }
    | program error SEP
    | program error block SEP
    ;

definition
    : MODEL NAME block                  { $$ = def_block(p, @$, DEF_MODEL, $1, $2, (Formals){0}, NULL, $3); }
    | LAYER NAME formals opt_result block
                                        { $$ = def_block(p, @$, DEF_LAYER, $1, $2, $3, $4, $5); }
    | OPTIMIZER NAME formals block      { $$ = def_block(p, @$, DEF_OPTIMIZER, $1, $2, $3, NULL, $4); }
    | INITIALIZER NAME '(' opt_attributes ')' block
                    { $$ = def_block(p, @$, DEF_INITIALIZER, $1, $2, (Formals){NULL, $4}, NULL, $6); }
    | CONST NAME '=' expr               { $$ = def_value(p, @$, DEF_CONST, $1, $2, $4); }
    | IMPORT STRING                     { $$ = def_value(p, @$, DEF_IMPORT, $1, (Name){$2, @2}, NULL); }
    ;

formals
    : '(' opt_tensors ')'                       { $$ = (Formals){$2, NULL}; }
    | '(' opt_tensors ';' opt_attributes ')'    { $$ = (Formals){$2, $4}; }
    ;

opt_tensors: %empty                     { $$ = NULL; }
    | tensors opt_comma
    ;
tensors: tensor                         { $$ = formal_push(p, NULL, $1); }
    | tensors ',' tensor                { $$ = formal_push(p, $1, $3); }
    ;
tensor: NAME ':' type                   { $$ = (Formal){$1, $3, NULL}; }
    | NAME ':' type '=' expr            { $$ = (Formal){$1, $3, $5}; }
    ;

opt_attributes: %empty                  { $$ = NULL; }
    | attributes opt_comma
    ;
attributes: attribute                   { $$ = formal_push(p, NULL, $1); }
    | attributes ',' attribute          { $$ = formal_push(p, $1, $3); }
    ;
attribute: NAME                         { $$ = (Formal){$1, NULL, NULL}; }
    | NAME '=' expr                     { $$ = (Formal){$1, NULL, $3}; }
    ;

opt_comma: %empty | ',' ;

opt_result: %empty                      { $$ = NULL; }
    | "->" type                         { $$ = $2; }
    ;

/* ---- types --------------------------------------------------------------------------------------------- */

type
    : NAME                              { $$ = type_new(p, @$, $1, NULL); }
    | NAME '[' ']'                      { $$ = type_new(p, @$, $1, NULL); }
    | NAME '[' dims opt_comma ']'       { $$ = type_new(p, @$, $1, $3); }
    ;
opt_type: %empty                        { $$ = NULL; }
    | ':' type                          { $$ = $2; }
    ;
dims: dim                               { $$ = dim_push(p, NULL, $1); }
    | dims ',' dim                      { $$ = dim_push(p, $1, $3); }
    ;
dim: expr                               { $$ = (Dim){false, $1, @$}; }
    | "..."                             { $$ = (Dim){true, NULL, @$}; }
    ;

/* ---- statements ---------------------------------------------------------------------------------------- */

block
    : '{' body '}'                      { $$ = $2; }
    | '{' body statement '}'            { $$ = stmt_push(p, $2, $3); }
    | '{' body error '}'                { $$ = $2; yyerrok; }
    ;
body
    : %empty                            { $$ = NULL; }
    | body SEP
    | body statement SEP                { $$ = stmt_push(p, $1, $2); }
    | body error SEP                    { $$ = $1; yyerrok; }
    ;

statement
    : names '=' expr                    { $$ = stmt_assign(p, @$, $1, $3); }
    | NAME "<-" expr                    { $$ = stmt_named(p, @$, ST_UPDATE, $1, NULL, $3); }
    | expr                              { $$ = stmt_value(p, @$, ST_EXPR, $1); }
    | INPUT NAME ':' type               { $$ = stmt_named(p, @$, ST_INPUT, $2, $4, NULL); }
    | OUTPUT NAME                       { $$ = stmt_named(p, @$, ST_OUTPUT, $2, NULL, NULL); }
    | OUTPUT NAME '=' expr              { $$ = stmt_named(p, @$, ST_OUTPUT, $2, NULL, $4); }
    | PARAM NAME ':' type '=' expr      { $$ = stmt_named(p, @$, ST_PARAM, $2, $4, $6); }
    | STATE NAME opt_type '=' expr      { $$ = stmt_named(p, @$, ST_STATE, $2, $3, $5); }
    | STREAM NAME opt_type '=' expr     { $$ = stmt_named(p, @$, ST_STREAM, $2, $3, $5); }
    | RETURN exprs                      { $$ = stmt_values(p, @$, ST_RETURN, $2); }
    | YIELD exprs                       { $$ = stmt_values(p, @$, ST_YIELD, $2); }
    | conditional
    | REPEAT expr block                 { $$ = stmt_repeat(p, @$, $2, $3); }
    | REQUIRE expr                      { $$ = stmt_require(p, @$, $2, NULL); }
    | REQUIRE expr ',' expr             { $$ = stmt_require(p, @$, $2, $4); }
    | TRAIN block                       { $$ = stmt_train(p, @$, $2); }
    | TARGET NAME ':' type              { $$ = stmt_named(p, @$, ST_TARGET, $2, $4, NULL); }
    | OPTIMIZER call                    { $$ = stmt_value(p, @$, ST_OPTIMIZER, $2); }
    | METRIC NAME '=' expr              { $$ = stmt_named(p, @$, ST_METRIC, $2, NULL, $4); }
    | CLIP call                         { $$ = stmt_value(p, @$, ST_CLIP, $2); }
    | FREEZE path                       { $$ = stmt_value(p, @$, ST_FREEZE, $2); }
    | PENALTY expr                      { $$ = stmt_value(p, @$, ST_PENALTY, $2); }
    ;

conditional
    : IF expr block                     { $$ = stmt_if(p, @$, $2, $3, NULL); }
    | IF expr block ELSE block          { $$ = stmt_if(p, @$, $2, $3, $5); }
    | IF expr block ELSE conditional    { $$ = stmt_if(p, @$, $2, $3, stmt_push(p, NULL, $5)); }
    ;

names: NAME                             { $$ = name_push(p, NULL, $1); }
    | names ',' NAME                    { $$ = name_push(p, $1, $3); }
    ;
path: NAME                              { $$ = expr_text(p, @$, EX_NAME, $1.text); }
    | path '.' NAME                     { $$ = expr_field(p, @$, $1, $3); }
    ;

/* ---- expressions --------------------------------------------------------------------------------------- */

expr
    : INT                               { $$ = expr_integer(p, @$, EX_INT, $1); }
    | FLOAT                             { $$ = expr_number(p, @$, $1); }
    | TRUE                              { $$ = expr_integer(p, @$, EX_BOOL, 1); }
    | FALSE                             { $$ = expr_integer(p, @$, EX_BOOL, 0); }
    | STRING                            { $$ = expr_text(p, @$, EX_STRING, $1); }
    | NAME                              { $$ = expr_text(p, @$, EX_NAME, $1.text); }
    | '(' expr ')'                      { $$ = $2; }
    | '[' opt_exprs ']'                 { $$ = expr_list(p, @$, $2); }
    | call
    | expr "|>" NAME opt_as             { $$ = expr_pipe(p, @$, $1, expr_call(p, @$, $3, NULL, $4)); }
    | expr "|>" call                    { $$ = expr_pipe(p, @$, $1, $3); }
    | "for" clauses block               { $$ = expr_for(p, @$, $2, $3); }
    | expr '.' NAME                     { $$ = expr_field(p, @$, $1, $3); }
    | expr '[' subscripts opt_comma ']' { $$ = expr_index(p, @$, $1, $3); }
    | expr '?' expr ':' expr            { $$ = expr_conditional(p, @$, $1, $3, $5); }
    | "not" expr                        { $$ = expr_unary(p, @$, OPR_NOT, $2); }
    | '-' expr %prec NEGATION           { $$ = expr_unary(p, @$, OPR_NEG, $2); }
    | expr "or" expr                    { $$ = expr_binary(p, @$, $1, OPR_OR, $3); }
    | expr "and" expr                   { $$ = expr_binary(p, @$, $1, OPR_AND, $3); }
    | expr "==" expr                    { $$ = expr_binary(p, @$, $1, OPR_EQ, $3); }
    | expr "!=" expr                    { $$ = expr_binary(p, @$, $1, OPR_NE, $3); }
    | expr '<' expr                     { $$ = expr_binary(p, @$, $1, OPR_LT, $3); }
    | expr "<=" expr                    { $$ = expr_binary(p, @$, $1, OPR_LE, $3); }
    | expr '>' expr                     { $$ = expr_binary(p, @$, $1, OPR_GT, $3); }
    | expr ">=" expr                    { $$ = expr_binary(p, @$, $1, OPR_GE, $3); }
    | expr '+' expr                     { $$ = expr_binary(p, @$, $1, OPR_ADD, $3); }
    | expr '-' expr                     { $$ = expr_binary(p, @$, $1, OPR_SUB, $3); }
    | expr '*' expr                     { $$ = expr_binary(p, @$, $1, OPR_MUL, $3); }
    | expr '/' expr                     { $$ = expr_binary(p, @$, $1, OPR_DIV, $3); }
    | expr "//" expr                    { $$ = expr_binary(p, @$, $1, OPR_FLOOR_DIV, $3); }
    | expr '%' expr                     { $$ = expr_binary(p, @$, $1, OPR_REM, $3); }
    | expr '@' expr                     { $$ = expr_binary(p, @$, $1, OPR_MATMUL, $3); }
    | expr '^' expr                     { $$ = expr_binary(p, @$, $1, OPR_POW, $3); }
    ;

exprs: expr                             { $$ = expr_push(p, NULL, $1); }
    | exprs ',' expr                    { $$ = expr_push(p, $1, $3); }
    ;
opt_exprs: %empty                       { $$ = NULL; }
    | exprs opt_comma
    ;
opt_expr: %empty                        { $$ = NULL; }
    | expr
    ;

call: NAME '(' opt_args ')' opt_as      { $$ = expr_call(p, @$, $1, $3, $5); }
    ;
opt_as: %empty                          { $$ = (As){0}; }
    | "as" NAME                         { $$ = (As){$2, false}; }
    | "as" "same" NAME                  { $$ = (As){$3, true}; }
    ;
opt_args: %empty                        { $$ = NULL; }
    | args opt_comma
    ;
args: arg                               { $$ = arg_push(p, NULL, $1); }
    | args ',' arg                      { $$ = arg_push(p, $1, $3); }
    ;
arg: expr                               { $$ = (Argument){(Name){0}, $1}; }
    | NAME '=' expr                     { $$ = (Argument){$1, $3}; }
    ;

subscripts: subscript                   { $$ = subscript_push(p, NULL, $1); }
    | subscripts ',' subscript          { $$ = subscript_push(p, $1, $3); }
    ;
subscript
    : expr                              { $$ = (Subscript){.kind = SUB_INDEX, .index = $1, .span = @$}; }
    | "..."                             { $$ = (Subscript){.kind = SUB_ELLIPSIS, .span = @$}; }
    | opt_expr ':' opt_expr             { $$ = (Subscript){SUB_SLICE, NULL, $1, $3, NULL, @$}; }
    | opt_expr ':' opt_expr ':' opt_expr
                                        { $$ = (Subscript){SUB_SLICE, NULL, $1, $3, $5, @$}; }
    ;

clauses: clause                         { $$ = clause_push(p, NULL, $1); }
    | clauses ',' clause                { $$ = clause_push(p, $1, $3); }
    ;
clause: NAME "in" expr                  { $$ = (ForClause){$1, $3}; }
    ;

%%

/* Called when bison's stack is full, and for nothing else: syntax errors go through the function below. */
static void dlc_yyerror(Span *span, Parser *p, const char *message)
{
    (void)message;
    report_depth(p, *span);
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++)
        names[i] = yysymbol_name(kinds[i]);
    report_syntax(p, *yypcontext_location(context), p->last, names, n);
    return n == YYENOMEM ? YYENOMEM : 0;
}
