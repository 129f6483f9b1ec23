/* SPDX-License-Identifier: MIT */
/* ast_print.c: the syntax tree as text, one line a node, two blanks a level. */
#include "ast.h"

#include <inttypes.h>

const char *operator_text(Operator op)
{
    static const char *const texts[] = {
        [OPR_OR] = "or", [OPR_AND] = "and", [OPR_NOT] = "not",
        [OPR_EQ] = "==", [OPR_NE] = "!=", [OPR_LT] = "<", [OPR_LE] = "<=", [OPR_GT] = ">", [OPR_GE] = ">=",
        [OPR_ADD] = "+", [OPR_SUB] = "-", [OPR_MUL] = "*", [OPR_DIV] = "/", [OPR_FLOOR_DIV] = "//",
        [OPR_REM] = "%", [OPR_MATMUL] = "@", [OPR_NEG] = "-", [OPR_POW] = "^",
    };
    return texts[op];
}

static void print_line(StrBuf *sb, int level, const char *format, ...) PRINTF(3, 4);
static void print_expr(StrBuf *sb, int level, const char *role, const Expr *e);
static void print_block(StrBuf *sb, int level, const Block *block);

static void print_indent(StrBuf *sb, int level)
{
    for (int i = 0; i < level; i++)
        sb_puts(sb, "  ");
}

static void print_line(StrBuf *sb, int level, const char *format, ...)
{
    va_list args;
    print_indent(sb, level);
    va_start(args, format);
    sb_vprintf(sb, format, args);
    va_end(args);
    sb_putc(sb, '\n');
}

static void print_quoted(StrBuf *sb, const char *text)
{
    sb_putc(sb, '"');
    for (; *text; text++) {
        const char *escape = *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : *text == '\r' ? "\\r" : NULL;
        if (*text == '"' || *text == '\\')
            sb_putc(sb, '\\');
        if (escape)
            sb_puts(sb, escape);
        else
            sb_putc(sb, *text);
    }
    sb_putc(sb, '"');
}

/* ---- types --------------------------------------------------------------------------------------------- */

/* Arithmetic over names and integers: fits in a type's line. */
static bool is_arithmetic(const Expr *e)
{
    switch (e->kind) {
    case EX_INT:
    case EX_NAME: return true;
    case EX_UNARY: return is_arithmetic(e->base);
    case EX_BINARY: return is_arithmetic(e->base) && is_arithmetic(e->right);
    default: return false;
    }
}

static void print_arithmetic(StrBuf *sb, const Expr *e)
{
    if (e->kind == EX_INT) {
        sb_printf(sb, "%" PRId64, e->integer);
    } else if (e->kind == EX_NAME) {
        sb_puts(sb, e->text);
    } else {
        sb_putc(sb, '(');
        if (e->kind == EX_BINARY)
            print_arithmetic(sb, e->base);
        sb_printf(sb, e->kind == EX_BINARY ? " %s " : "%s", operator_text(e->op));
        print_arithmetic(sb, e->kind == EX_BINARY ? e->right : e->base);
        sb_putc(sb, ')');
    }
}

static void print_type(StrBuf *sb, int level, const TypeExpr *t)
{
    if (!t)
        return;
    print_indent(sb, level);
    sb_printf(sb, "type %s", t->dtype);
    for (int i = 0; i < t->dims.n; i++) {
        const Dim *dim = &t->dims.at[i];
        sb_puts(sb, i ? ", " : "[");
        if (dim->ellipsis)
            sb_puts(sb, "...");
        else if (is_arithmetic(dim->extent))
            print_arithmetic(sb, dim->extent);
        else
            sb_puts(sb, "extent");
    }
    sb_puts(sb, t->dims.n ? "]\n" : "\n");
    for (int i = 0; i < t->dims.n; i++)
        if (!t->dims.at[i].ellipsis && !is_arithmetic(t->dims.at[i].extent))
            print_expr(sb, level + 1, "extent ", t->dims.at[i].extent);
}

/* ---- expressions --------------------------------------------------------------------------------------- */

static void print_call(StrBuf *sb, int level, const Expr *e)
{
    sb_printf(sb, "call %s%s%s%s\n", e->text, e->piped ? " piped" : "", e->same ? " as same " : e->as.text ? " as " : "",
              e->as.text ? e->as.text : "");
    for (int i = 0; i < e->args.n; i++) {
        const char *name = e->args.at[i].name.text;
        if (name)
            print_line(sb, level + 1, "%s =", name);
        print_expr(sb, level + 1 + (name != NULL), "", e->args.at[i].value);
    }
}

static void print_subscript(StrBuf *sb, int level, const Subscript *s)
{
    if (s->kind == SUB_ELLIPSIS)
        print_line(sb, level, "...");
    else if (s->kind == SUB_INDEX)
        print_expr(sb, level, "at ", s->index);
    else
        print_line(sb, level, "slice");
    print_expr(sb, level + 1, "start ", s->start);
    print_expr(sb, level + 1, "stop ", s->stop);
    print_expr(sb, level + 1, "stride ", s->stride);
}

static void print_for(StrBuf *sb, int level, const Expr *e)
{
    sb_puts(sb, "for\n");
    for (int i = 0; i < e->clauses.n; i++) {
        print_line(sb, level + 1, "%s in", e->clauses.at[i].name.text);
        print_expr(sb, level + 2, "", e->clauses.at[i].over);
    }
    print_line(sb, level + 1, "do");
    print_block(sb, level + 2, &e->body);
}

/* The children of nodes that are nothing but a head and expressions. */
static void print_operands(StrBuf *sb, int level, const Expr *e)
{
    print_expr(sb, level, "", e->condition);
    print_expr(sb, level, "", e->base);
    print_expr(sb, level, "", e->right);
    for (int i = 0; i < e->items.n; i++)
        print_expr(sb, level, "", e->items.at[i]);
    for (int i = 0; i < e->subscripts.n; i++)
        print_subscript(sb, level, &e->subscripts.at[i]);
}

static void print_expr(StrBuf *sb, int level, const char *role, const Expr *e)
{
    if (!e)
        return;
    print_indent(sb, level);
    sb_puts(sb, role);
    switch (e->kind) {
    case EX_ERROR: sb_puts(sb, "error\n"); return;
    case EX_INT: sb_printf(sb, "%" PRId64 "\n", e->integer); return;
    case EX_FLOAT: sb_printf(sb, "float %.17g\n", e->number); return;
    case EX_BOOL: sb_puts(sb, e->integer ? "true\n" : "false\n"); return;
    case EX_NAME: sb_printf(sb, "%s\n", e->text); return;
    case EX_STRING:
        print_quoted(sb, e->text);
        sb_putc(sb, '\n');
        return;
    case EX_CALL: print_call(sb, level, e); return;
    case EX_FOR: print_for(sb, level, e); return;
    case EX_FIELD: sb_printf(sb, "field %s\n", e->text); break;
    case EX_LIST: sb_puts(sb, "list\n"); break;
    case EX_UNARY: sb_printf(sb, "unary %s\n", operator_text(e->op)); break;
    case EX_BINARY: sb_printf(sb, "binary %s\n", operator_text(e->op)); break;
    case EX_CONDITIONAL: sb_puts(sb, "conditional\n"); break;
    case EX_INDEX: sb_puts(sb, "index\n"); break;
    }
    print_operands(sb, level + 1, e);
}

/* ---- statements ---------------------------------------------------------------------------------------- */

static const char *const stmt_heads[] = {
    [ST_ERROR] = "error", [ST_ASSIGN] = "assign", [ST_UPDATE] = "update", [ST_EXPR] = "expression",
    [ST_INPUT] = "input", [ST_OUTPUT] = "output", [ST_PARAM] = "param", [ST_STATE] = "state",
    [ST_STREAM] = "stream", [ST_RETURN] = "return", [ST_YIELD] = "yield", [ST_IF] = "if",
    [ST_REPEAT] = "repeat", [ST_REQUIRE] = "require", [ST_TRAIN] = "train", [ST_TARGET] = "target",
    [ST_LOSS] = "loss", [ST_OPTIMIZER] = "optimizer", [ST_METRIC] = "metric", [ST_CLIP] = "clip",
    [ST_FREEZE] = "freeze", [ST_PENALTY] = "penalty",
};

static void print_stmt(StrBuf *sb, int level, const Stmt *s)
{
    print_indent(sb, level);
    sb_puts(sb, stmt_heads[s->kind]);
    for (int i = 0; s->kind != ST_LOSS && i < s->names.n; i++)
        sb_printf(sb, "%s%s", i ? ", " : " ", s->names.at[i].text);
    sb_putc(sb, '\n');
    if (s->kind == ST_ERROR)
        return;
    print_type(sb, level + 1, s->type);
    print_expr(sb, level + 1, "", s->value);
    print_expr(sb, level + 1, "", s->message);
    for (int i = 0; i < s->values.n; i++)
        print_expr(sb, level + 1, "", s->values.at[i]);
    bool headed = s->kind == ST_IF || s->kind == ST_REPEAT;
    if (headed)
        print_line(sb, level + 1, "do");
    print_block(sb, level + 1 + headed, &s->body);
    if (s->orelse.n)
        print_line(sb, level + 1, "else");
    print_block(sb, level + 2, &s->orelse);
}

static void print_block(StrBuf *sb, int level, const Block *block)
{
    for (int i = 0; i < block->n; i++)
        print_stmt(sb, level, block->at[i]);
}

/* ---- definitions --------------------------------------------------------------------------------------- */

static void print_formals(StrBuf *sb, const char *role, const FormalList *formals)
{
    for (int i = 0; i < formals->n; i++) {
        print_line(sb, 1, "%s %s", role, formals->at[i].name.text);
        print_type(sb, 2, formals->at[i].type);
        print_expr(sb, 2, "default ", formals->at[i].fallback);
    }
}

static void print_def(StrBuf *sb, const Def *def)
{
    static const char *const heads[] = {
        [DEF_MODEL] = "model", [DEF_LAYER] = "layer", [DEF_OPTIMIZER] = "optimizer",
        [DEF_INITIALIZER] = "initializer", [DEF_CONST] = "const", [DEF_IMPORT] = "import",
    };
    sb_printf(sb, "%s ", heads[def->kind]);
    if (def->kind == DEF_IMPORT)
        print_quoted(sb, def->name.text);
    else
        sb_puts(sb, def->name.text);
    sb_putc(sb, '\n');
    if (def->doc) {
        sb_puts(sb, "  doc ");
        print_quoted(sb, def->doc);
        sb_putc(sb, '\n');
    }
    print_formals(sb, "tensor", &def->tensors);
    print_formals(sb, "attribute", &def->attributes);
    if (def->result) {
        print_line(sb, 1, "result");
        print_type(sb, 2, def->result);
    }
    print_expr(sb, 1, "", def->value);
    print_block(sb, 1, &def->body);
}

void ast_print(StrBuf *sb, const Program *program)
{
    for (int i = 0; i < program->defs.n; i++)
        print_def(sb, program->defs.at[i]);
}
