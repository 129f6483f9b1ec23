/* SPDX-License-Identifier: MIT */
/* ast.h: the syntax tree of the model language; what the parser makes and elaboration reads. */
#ifndef DLC_AST_H
#define DLC_AST_H

#include "../base/base.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef VEC(Expr *) ExprList;
typedef VEC(Stmt *) Block;

typedef struct Name {
    const char *text;
    Span span;
} Name;
typedef VEC(Name) NameList;

/* ---- expressions --------------------------------------------------------------------------------------- */
typedef enum ExprKind {
    EX_ERROR,           /* the parser already complained */
    EX_INT,             /* integer */
    EX_FLOAT,           /* number */
    EX_BOOL,            /* integer: 0 or 1 */
    EX_STRING,          /* text, unescaped */
    EX_NAME,            /* text */
    EX_FIELD,           /* base.text: hidden.kernel */
    EX_LIST,            /* [items] */
    EX_UNARY,           /* op base */
    EX_BINARY,          /* base op right */
    EX_CONDITIONAL,     /* condition ? base : right */
    EX_CALL,            /* text(args) as name; `x |> f(a)` is the call f(x, a) with piped set */
    EX_INDEX,           /* base[subscripts] */
    EX_FOR,             /* for a in x, b in y { body }; its value stacks what the body yields */
} ExprKind;

typedef enum Operator {
    OPR_OR, OPR_AND, OPR_NOT,
    OPR_EQ, OPR_NE, OPR_LT, OPR_LE, OPR_GT, OPR_GE,
    OPR_ADD, OPR_SUB, OPR_MUL, OPR_DIV, OPR_FLOOR_DIV, OPR_REM, OPR_MATMUL,
    OPR_NEG, OPR_POW,
} Operator;
const char *operator_text(Operator op);     /* "<=", "not", ... */

typedef struct Argument {
    Name name;          /* text NULL for a positional one */
    Expr *value;
} Argument;
typedef VEC(Argument) ArgumentList;

typedef struct Subscript {
    enum { SUB_INDEX, SUB_SLICE, SUB_ELLIPSIS } kind;
    Expr *index;                    /* SUB_INDEX */
    Expr *start, *stop, *stride;    /* SUB_SLICE; each may be NULL */
    Span span;
} Subscript;
typedef VEC(Subscript) SubscriptList;

typedef struct ForClause {
    Name name;
    Expr *over;
} ForClause;
typedef VEC(ForClause) ForClauseList;

/* No tree is higher than this; the parser refuses what would be, so that walking one may recurse. */
enum { TREE_HEIGHT_MAX = 1000 };

struct Expr {
    ExprKind kind;
    Span span;
    int height;                 /* of the tree from here down, statements included; 1 for a leaf */
    Operator op;
    int64_t integer;
    double number;
    const char *text;
    Span text_span;             /* EX_CALL, EX_FIELD: of the name alone */
    Expr *base, *right, *condition;
    ExprList items;
    ArgumentList args;
    bool piped;                 /* EX_CALL: the first argument stood before |> */
    Name as;                    /* EX_CALL: text NULL without `as` */
    bool same;                  /* EX_CALL: `as same NAME`: with that call's parameters */
    SubscriptList subscripts;
    ForClauseList clauses;
    Block body;
};

/* ---- types: f32[..., T, 4 * units] --------------------------------------------------------------------- */
typedef struct Dim {
    bool ellipsis;      /* ... : any number of leading axes */
    Expr *extent;       /* otherwise; a capital name in a layer's formals binds */
    Span span;
} Dim;
typedef VEC(Dim) DimList;

typedef struct TypeExpr {
    const char *dtype;  /* "f32", "i32", "bool", "u8"; spelled as in the source, not yet checked */
    DimList dims;
    Span span;
    int height;         /* of the highest extent */
} TypeExpr;

/* ---- statements ---------------------------------------------------------------------------------------- */
typedef enum StmtKind {
    ST_ERROR,
    ST_ASSIGN,      /* names = value (several names unpack) */
    ST_UPDATE,      /* names[0] <- value */
    ST_EXPR,        /* value */
    ST_INPUT,       /* input names[0]: type */
    ST_OUTPUT,      /* output names[0] = value, or output names[0] */
    ST_PARAM,       /* param names[0]: type = value */
    ST_STATE,       /* state names[0][: type] = value */
    ST_STREAM,      /* stream names[0][: type] = value */
    ST_RETURN,      /* return values */
    ST_YIELD,       /* yield values */
    ST_IF,          /* if value { body } else { orelse } */
    ST_REPEAT,      /* repeat value { body } */
    ST_REQUIRE,     /* require value, message */
    ST_TRAIN,       /* train { body } */
    ST_TARGET,      /* target names[0]: type */
    ST_LOSS,        /* loss = value */
    ST_OPTIMIZER,   /* optimizer value (a call) */
    ST_METRIC,      /* metric names[0] = value */
    ST_CLIP,        /* clip value (a call) */
    ST_FREEZE,      /* freeze value (a path) */
    ST_PENALTY,     /* penalty value */
} StmtKind;

struct Stmt {
    StmtKind kind;
    Span span;
    int height;         /* of the tree from here down */
    NameList names;
    TypeExpr *type;     /* NULL where none was written */
    Expr *value;        /* NULL where none was written */
    Expr *message;      /* ST_REQUIRE */
    ExprList values;    /* ST_RETURN, ST_YIELD */
    Block body, orelse;
};

/* ---- definitions --------------------------------------------------------------------------------------- */
typedef struct Formal {
    Name name;
    TypeExpr *type;     /* tensors: always; attributes: NULL */
    Expr *fallback;     /* the default, or NULL when required; a tensor that has one is given by name */
} Formal;
typedef VEC(Formal) FormalList;

typedef enum DefKind { DEF_MODEL, DEF_LAYER, DEF_OPTIMIZER, DEF_INITIALIZER, DEF_CONST, DEF_IMPORT } DefKind;

typedef struct Def {
    DefKind kind;
    Name name;                  /* DEF_IMPORT: the path */
    Span span;
    FormalList tensors;         /* before ';' (an initializer's formals are attributes) */
    FormalList attributes;      /* after ';' */
    TypeExpr *result;           /* NULL where none was written */
    Expr *value;                /* DEF_CONST */
    Block body;
    const char *doc;            /* the comment lines right before it, or NULL */
} Def;

typedef struct Program Program;
struct Program {
    int source;                     /* where it was read, a diag_add_source */
    VEC(Def *) defs;
    VEC(const Program *) imports;   /* every file whose definitions this one sees: its imports, theirs, ... each once */
};

enum { SOURCE_MAX = 16 << 20 };     /* bytes; a model description of this size is a mistake */

/* Parses a whole source. Syntax errors are diagnosed and recovered from; the program holds what could be read.
 * Never NULL. Nesting deeper than a fixed bound is diagnosed, not overflowed. */
Program *parse_program(Arena *a, Diag *d, int source);      /* imports are not followed */

/* ---- import.c: a source with the files it imports, each read once -------------------------------------- */
/* `path` "-" is standard input. An import is looked for beside the file that names it; what cannot be read, and a file
 * that imports itself, is diagnosed where it is imported. NULL where `path` itself cannot be read. */
const Program *program_read(Arena *a, Diag *d, const char *path);
const Program *program_read_text(Arena *a, Diag *d, const char *name, const char *text, size_t bytes);

/* One line a node, indented; stable. For `dlc ir --after parse`. */
void ast_print(StrBuf *sb, const Program *program);

#endif
