/* SPDX-License-Identifier: MIT */
/* ast.c: constructors of the syntax tree, one for each action of the grammar. */
#include "parse.h"

Span span_of(const Span *parts, int n)
{
    if (n == 0)
        return (Span){parts[0].source, parts[0].hi, parts[0].hi};
    int first = 1;
    while (first < n && parts[first].lo == parts[first].hi)
        first++;
    return (Span){parts[n].source, parts[first].lo, parts[n].hi};
}

/* ---- lists --------------------------------------------------------------------------------------------- */

#define LIST(List, Item, push)                                                                               \
    List *push(Parser *p, List *list, Item item)                                                             \
    {                                                                                                        \
        if (!list)                                                                                           \
            list = NEW(p->a, List);                                                                          \
        vec_push(p->a, list, item);                                                                          \
        return list;                                                                                         \
    }
LIST(ExprList, Expr *, expr_push)
LIST(Block, Stmt *, stmt_push)
LIST(NameList, Name, name_push)
LIST(ArgumentList, Argument, arg_push)
LIST(SubscriptList, Subscript, subscript_push)
LIST(ForClauseList, ForClause, clause_push)
LIST(DimList, Dim, dim_push)
LIST(FormalList, Formal, formal_push)

/* ---- heights ------------------------------------------------------------------------------------------- */

static int higher(int x, int y)
{
    return x > y ? x : y;
}

static int height_of(const Expr *e)
{
    return e ? e->height : 0;
}

static int exprs_height(const ExprList *list)
{
    int height = 0;
    for (int i = 0; list && i < list->n; i++)
        height = higher(height, list->at[i]->height);
    return height;
}

static int block_height(const Block *block)
{
    int height = 0;
    for (int i = 0; block && i < block->n; i++)
        height = higher(height, block->at[i]->height);
    return height;
}

/* ---- expressions --------------------------------------------------------------------------------------- */

/* A node above a tree of `below`; an EX_ERROR leaf, diagnosed, where that grows too high. */
static Expr *expr_new(Parser *p, Span sp, ExprKind kind, int below)
{
    Expr *e = NEW(p->a, Expr);
    e->kind = kind;
    e->span = sp;
    e->height = below + 1;
    if (e->height > TREE_HEIGHT_MAX) {
        report_depth(p, sp);
        e->kind = EX_ERROR;
        e->height = 1;
    }
    return e;
}

Expr *expr_integer(Parser *p, Span sp, ExprKind kind, int64_t integer)
{
    Expr *e = expr_new(p, sp, kind, 0);
    e->integer = integer;
    return e;
}

Expr *expr_number(Parser *p, Span sp, double number)
{
    Expr *e = expr_new(p, sp, EX_FLOAT, 0);
    e->number = number;
    return e;
}

Expr *expr_text(Parser *p, Span sp, ExprKind kind, const char *text)
{
    Expr *e = expr_new(p, sp, kind, 0);
    e->text = text;
    return e;
}

Expr *expr_field(Parser *p, Span sp, Expr *base, Name field)
{
    Expr *e = expr_new(p, sp, EX_FIELD, base->height);
    e->base = base;
    e->text = field.text;
    e->text_span = field.span;
    return e;
}

Expr *expr_list(Parser *p, Span sp, ExprList *items)
{
    Expr *e = expr_new(p, sp, EX_LIST, exprs_height(items));
    if (items)
        e->items = *items;
    return e;
}

Expr *expr_unary(Parser *p, Span sp, Operator op, Expr *base)
{
    Expr *e = expr_new(p, sp, EX_UNARY, base->height);
    e->op = op;
    e->base = base;
    return e;
}

Expr *expr_binary(Parser *p, Span sp, Expr *base, Operator op, Expr *right)
{
    Expr *e = expr_new(p, sp, EX_BINARY, higher(base->height, right->height));
    e->op = op;
    e->base = base;
    e->right = right;
    return e;
}

Expr *expr_conditional(Parser *p, Span sp, Expr *condition, Expr *yes, Expr *no)
{
    Expr *e = expr_new(p, sp, EX_CONDITIONAL, higher(condition->height, higher(yes->height, no->height)));
    e->condition = condition;
    e->base = yes;
    e->right = no;
    return e;
}

Expr *expr_call(Parser *p, Span sp, Name name, ArgumentList *args, As as)
{
    int below = 0;
    for (int i = 0; args && i < args->n; i++)
        below = higher(below, args->at[i].value->height);
    Expr *e = expr_new(p, sp, EX_CALL, below);
    e->text = name.text;
    e->text_span = name.span;
    e->as = as.name;
    e->same = as.same;
    if (args)
        e->args = *args;
    return e;
}

/* first |> call: the call with one argument more, in front. */
Expr *expr_pipe(Parser *p, Span sp, Expr *first, Expr *call)
{
    Expr *e = expr_new(p, sp, EX_CALL, higher(first->height, call->height - 1));
    e->text = call->text;
    e->text_span = call->text_span;
    e->as = call->as;
    e->same = call->same;
    e->piped = true;
    vec_push(p->a, &e->args, (Argument){.value = first});
    for (int i = 0; i < call->args.n; i++)
        vec_push(p->a, &e->args, call->args.at[i]);
    return e;
}

Expr *expr_index(Parser *p, Span sp, Expr *base, SubscriptList *subscripts)
{
    int below = base->height;
    for (int i = 0; i < subscripts->n; i++) {
        const Subscript *s = &subscripts->at[i];
        below = higher(below, higher(height_of(s->index), height_of(s->start)));
        below = higher(below, higher(height_of(s->stop), height_of(s->stride)));
    }
    Expr *e = expr_new(p, sp, EX_INDEX, below);
    e->base = base;
    e->subscripts = *subscripts;
    return e;
}

Expr *expr_for(Parser *p, Span sp, ForClauseList *clauses, Block *body)
{
    int below = block_height(body);
    for (int i = 0; i < clauses->n; i++)
        below = higher(below, clauses->at[i].over->height);
    Expr *e = expr_new(p, sp, EX_FOR, below);
    e->clauses = *clauses;
    if (body)
        e->body = *body;
    return e;
}

TypeExpr *type_new(Parser *p, Span sp, Name dtype, DimList *dims)
{
    TypeExpr *t = NEW(p->a, TypeExpr);
    t->dtype = dtype.text;
    t->span = sp;
    for (int i = 0; dims && i < dims->n; i++)
        t->height = higher(t->height, height_of(dims->at[i].extent));
    if (dims)
        t->dims = *dims;
    return t;
}

/* ---- statements ---------------------------------------------------------------------------------------- */

/* A node above a tree of `below`; an ST_ERROR, diagnosed, where that grows too high. */
static Stmt *stmt_new(Parser *p, Span sp, StmtKind kind, int below)
{
    Stmt *s = NEW(p->a, Stmt);
    s->kind = kind;
    s->span = sp;
    s->height = below + 1;
    if (s->height > TREE_HEIGHT_MAX) {
        report_depth(p, sp);
        s->kind = ST_ERROR;
        s->height = 1;
    }
    return s;
}

Stmt *stmt_value(Parser *p, Span sp, StmtKind kind, Expr *value)
{
    Stmt *s = stmt_new(p, sp, kind, value->height);
    s->value = value;
    return s;
}

Stmt *stmt_named(Parser *p, Span sp, StmtKind kind, Name name, TypeExpr *type, Expr *value)
{
    Stmt *s = stmt_new(p, sp, kind, higher(type ? type->height : 0, height_of(value)));
    vec_push(p->a, &s->names, name);
    s->type = type;
    s->value = value;
    return s;
}

Stmt *stmt_assign(Parser *p, Span sp, NameList *names, Expr *value)
{
    Stmt *s = stmt_value(p, sp, ST_ASSIGN, value);
    s->names = *names;
    return s;
}

Stmt *stmt_values(Parser *p, Span sp, StmtKind kind, ExprList *values)
{
    Stmt *s = stmt_new(p, sp, kind, exprs_height(values));
    s->values = *values;
    return s;
}

Stmt *stmt_require(Parser *p, Span sp, Expr *value, Expr *message)
{
    Stmt *s = stmt_new(p, sp, ST_REQUIRE, higher(value->height, height_of(message)));
    s->value = value;
    s->message = message;
    return s;
}

Stmt *stmt_if(Parser *p, Span sp, Expr *condition, Block *body, Block *orelse)
{
    int below = higher(condition->height, higher(block_height(body), block_height(orelse)));
    Stmt *s = stmt_new(p, sp, ST_IF, below);
    s->value = condition;
    if (body)
        s->body = *body;
    if (orelse)
        s->orelse = *orelse;
    return s;
}

Stmt *stmt_repeat(Parser *p, Span sp, Expr *count, Block *body)
{
    Stmt *s = stmt_new(p, sp, ST_REPEAT, higher(count->height, block_height(body)));
    s->value = count;
    if (body)
        s->body = *body;
    return s;
}

/* In `train`, and the branches of its `if`s, `loss = e` sets the loss. */
static void mark_losses(const Block *block)
{
    for (int i = 0; i < block->n; i++) {
        Stmt *s = block->at[i];
        if (s->kind == ST_ASSIGN && s->names.n == 1 && str_eq(s->names.at[0].text, "loss"))
            s->kind = ST_LOSS;
        if (s->kind == ST_IF) {
            mark_losses(&s->body);
            mark_losses(&s->orelse);
        }
    }
}

Stmt *stmt_train(Parser *p, Span sp, Block *body)
{
    Stmt *s = stmt_new(p, sp, ST_TRAIN, block_height(body));
    if (!body)
        return s;
    s->body = *body;
    mark_losses(&s->body);
    return s;
}

/* ---- definitions --------------------------------------------------------------------------------------- */

Def *def_value(Parser *p, Span sp, DefKind kind, const char *doc, Name name, Expr *value)
{
    Def *def = NEW(p->a, Def);
    def->kind = kind;
    def->name = name;
    def->span = sp;
    def->value = value;
    def->doc = doc;
    return def;
}

Def *def_block(Parser *p, Span sp, DefKind kind, const char *doc, Name name, Formals formals,
               TypeExpr *result, Block *body)
{
    Def *def = def_value(p, sp, kind, doc, name, NULL);
    if (formals.tensors)
        def->tensors = *formals.tensors;
    if (formals.attributes)
        def->attributes = *formals.attributes;
    def->result = result;
    if (body)
        def->body = *body;
    return def;
}

void program_add(Parser *p, Def *def)
{
    vec_push(p->a, &p->program->defs, def);
}
