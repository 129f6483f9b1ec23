/* SPDX-License-Identifier: MIT */
/* parse.c: reads the graph's text form (print.c writes it; docs/ir.md describes it).
 *
 * Nodes are made as they stand, without rewriting, so that what was dumped is what is read. Every shape rule
 * is asked before a node is made: no text ends in a BUG. Space and line ends only separate; # begins a
 * comment. The first error ends the reading. */
#include "attr.h"
#include "text.h"

#include <string.h>

/* A name or label that stands for a node of the function being read. */
typedef struct Symbol Symbol;
struct Symbol {
    const char *name;
    Node *node;
    Symbol *next;
};

enum { BUCKETS = 512, MAX_NESTING = 32 };

typedef struct Scope {
    Fn *fn;
    Symbol *bucket[BUCKETS];
} Scope;

static Fn *parse_fn(Parser *p);

/* ---- symbols ------------------------------------------------------------------------------------------- */
static Symbol **symbol_bucket(Scope *s, const char *name)
{
    return &s->bucket[hash_bytes(name, strlen(name)) % BUCKETS];
}

static Node *symbol_find(Scope *s, const char *name)
{
    for (Symbol *y = *symbol_bucket(s, name); y; y = y->next)
        if (str_eq(y->name, name))
            return y->node;
    return NULL;
}

static bool symbol_add(Parser *p, Scope *s, Token name, Node *n)
{
    if (symbol_find(s, name.text))
        return fail(p, name.span, "%.40s is there already", name.text);
    Symbol *y = NEW(p->a, Symbol), **bucket = symbol_bucket(s, name.text);
    *y = (Symbol){name.text, n, *bucket};
    *bucket = y;
    return true;
}

static bool parse_ref(Parser *p, Scope *s, Node **n)
{
    if (p->token.kind != TOKEN_LABEL && p->token.kind != TOKEN_NAME)
        return unexpected(p, "an operand");
    *n = symbol_find(s, p->token.text);
    if (!*n)
        return fail(p, p->token.span, "%.40s has not been defined", p->token.text);
    return advance(p);
}

/* ---- attributes ---------------------------------------------------------------------------------------- */
/* [1, 2]; lists that share a length must agree on it. */
static bool parse_list(Parser *p, const AttrField *f, bool first, Attr *attr)
{
    Span span = p->token.span;
    int n = 0;
    if (!expect_mark(p, '['))
        return false;
    while (!is_mark(p, ']')) {
        if (n && !expect_mark(p, ','))
            return false;
        if (n == f->most)
            return fail(p, p->token.span, "at most %d numbers are possible here", f->most);
        bool fine = f->kind == FIELD_INTS
                        ? parse_int(p, &ATTR_AT(int, attr, f->offset + (size_t)n * sizeof(int)))
                        : parse_integer(p, INT64_MIN, INT64_MAX,
                                        &ATTR_AT(int64_t, attr, f->offset + (size_t)n * sizeof(int64_t)));
        if (!fine)
            return false;
        n++;
    }
    if (!first && ATTR_GET(int, attr, f->count) != n)
        return fail(p, span, "%d numbers, where the other list has %d", n, ATTR_GET(int, attr, f->count));
    ATTR_AT(int, attr, f->count) = n;
    return advance(p);
}

static bool parse_field(Parser *p, const AttrField *f, bool first, Attr *attr)
{
    int64_t wide = 0;
    size_t at = f->offset;
    switch (f->kind) {
    case FIELD_INT:
        return parse_int(p, &ATTR_AT(int, attr, at));
    case FIELD_BOOL:
        if (!parse_integer(p, 0, 1, &wide))
            return false;
        ATTR_AT(int, attr, at) = (int)wide;
        return true;
    case FIELD_I64:
        return parse_integer(p, INT64_MIN, INT64_MAX, &ATTR_AT(int64_t, attr, at));
    case FIELD_U32:
        if (!parse_integer(p, 0, UINT32_MAX, &wide))
            return false;
        ATTR_AT(uint32_t, attr, at) = (uint32_t)wide;
        return true;
    case FIELD_DOUBLE:
        return parse_double(p, &ATTR_AT(double, attr, at));
    case FIELD_ROLE:
        return parse_role(p, &ATTR_AT(Role, attr, at));
    case FIELD_INTS:
    case FIELD_I64S:
        return parse_list(p, f, first, attr);
    case FIELD_BODY:
        ATTR_AT(Fn *, attr, at) = parse_fn(p);
        return ATTR_GET(Fn *, attr, at) != NULL;
    default:
        return false;
    }
}

static bool is_from_type(const AttrField *f)
{
    return f->kind == FIELD_TYPE || f->kind == FIELD_DTYPE;
}

/* The first list of those that share a length sets it. */
static bool sets_length(const AttrKindInfo *info, const bool *seen, int at)
{
    for (int i = 0; i < info->n; i++)
        if (seen[i] && field_is_list(&info->field[i]) && info->field[i].count == info->field[at].count)
            return false;
    return true;
}

/* key=value ..., each at most once, none missing that is not optional. */
static bool parse_attr(Parser *p, Op op, Span span, Attr *attr)
{
    const AttrKindInfo *info = attr_fields(op_info(op)->attr);
    bool seen[MAX_FIELDS] = {false};
    while (p->token.kind == TOKEN_NAME && !is_word(p, "as") && !is_word(p, "return")) {
        int i = 0;
        while (i < info->n &&
               (is_from_type(&info->field[i]) || !info->field[i].key || !is_word(p, info->field[i].key)))
            i++;
        if (i == info->n || seen[i])
            return fail(p, p->token.span, "%s takes no %s%.40s", op_info(op)->text,
                        i == info->n ? "" : "second ", p->token.text);
        if (!advance(p) || !expect_mark(p, '='))
            return false;
        if (!parse_field(p, &info->field[i], sets_length(info, seen, i), attr))
            return false;
        seen[i] = true;
        while (i + 1 < info->n && !info->field[i + 1].key) {
            if (!expect_mark(p, '/') || !parse_field(p, &info->field[i + 1], false, attr))
                return false;
            seen[++i] = true;
        }
    }
    for (int i = 0; i < info->n; i++)
        if (!seen[i] && !info->field[i].optional && !is_from_type(&info->field[i]))
            return fail(p, span, "%s needs %s=", op_info(op)->text, info->field[i].key);
    return true;
}

/* What the type behind the colon says about the attribute. */
static bool attr_from_type(Parser *p, Op op, Span span, bool typed, Type t, Attr *attr)
{
    const AttrKindInfo *info = attr_fields(op_info(op)->attr);
    for (int i = 0; i < info->n; i++) {
        const AttrField *f = &info->field[i];
        if (!is_from_type(f))
            continue;
        if (!typed)
            return fail(p, span, "%s needs its type: \": f32[...]\"", op_info(op)->text);
        if (f->kind == FIELD_TYPE)
            ATTR_AT(Type, attr, f->offset) = t;
        else
            ATTR_AT(DType, attr, f->offset) = t.dt;
    }
    return true;
}

/* ---- nodes --------------------------------------------------------------------------------------------- */
static bool parse_op(Parser *p, Op *op)
{
    const char *texts[OP_COUNT];
    for (int i = 0; i < OP_COUNT; i++) {
        texts[i] = op_info((Op)i)->text;
        *op = (Op)i;
        if (i != OP_INPUT && is_word(p, texts[i]))
            return advance(p);
    }
    if (p->token.kind != TOKEN_NAME)
        return unexpected(p, "an operation");
    fail(p, p->token.span, "there is no operation %.40s", p->token.text);
    const char *near = nearest_name(p->token.text, texts, OP_COUNT);
    if (near)
        diag_help(p->d, "%s is one", near);
    return false;
}

static bool parse_operands(Parser *p, Scope *s, int *nin, Node ***in)
{
    VEC(Node *) operands = {0};
    if (!expect_mark(p, '('))
        return false;
    while (!is_mark(p, ')')) {
        Node *n;
        if (operands.n && !expect_mark(p, ','))
            return false;
        if (!parse_ref(p, s, &n))
            return false;
        vec_push(p->a, &operands, n);
    }
    *nin = operands.n;
    *in = operands.at;
    return advance(p);
}

static Node *make_checked(Parser *p, Scope *s, Op op, Span span, int nin, Node **in, Attr *attr, bool typed,
                          Type t)
{
    Type inferred;
    DType dt = typed ? t.dt : nin ? in[0]->type.dt : DT_F32;
    Attr clean = attr_clean(op_info(op)->attr, attr, dt);
    const char *why = node_infer(p->a, op, nin, in, &clean, &inferred);
    if (why) {
        fail(p, span, "%s: %s", op_info(op)->text, why);
        return NULL;
    }
    if (typed && !type_eq(t, inferred)) {
        fail(p, span, "%s gives %s, not %s", op_info(op)->text, type_text(p->a, inferred),
             type_text(p->a, t));
        return NULL;
    }
    s->fn->span = span;
    return node_make_as_is(s->fn, op, nin, in, &clean);
}

/* %3 = dot(x, w) contract=[1]/[0] : f32[8, 16] as logits */
static bool parse_node(Parser *p, Scope *s)
{
    Token label = p->token;
    Op op;
    Attr attr;
    Type t = {0};
    int nin = 0;
    Node **in = NULL;
    memset(&attr, 0, sizeof attr);
    if (!advance(p) || !expect_mark(p, '='))
        return false;
    Span span = p->token.span;
    if (!parse_op(p, &op) || !parse_operands(p, s, &nin, &in) || !parse_attr(p, op, span, &attr))
        return false;
    bool typed = is_mark(p, ':');
    if (typed && (!advance(p) || !parse_type(p, &t)))
        return false;
    if (!attr_from_type(p, op, span, typed, t, &attr))
        return false;
    Node *n = make_checked(p, s, op, span, nin, in, &attr, typed, t);
    if (!n || !symbol_add(p, s, label, n))
        return false;
    if (!is_word(p, "as"))
        return true;
    if (!advance(p))
        return false;
    if (!at_name(p))
        return unexpected(p, "a name");
    n->name = p->token.text;
    return advance(p);
}

/* ---- functions ----------------------------------------------------------------------------------------- */
/* x: f32[8, 4] input 0   or   %0 "odd name": f32[8, 4] input 0 */
static bool parse_input(Parser *p, Scope *s)
{
    Token label = p->token;
    const char *name = label.kind == TOKEN_NAME ? label.text : NULL;
    Type t;
    Role role;
    int index = 0;
    if (label.kind != TOKEN_NAME && label.kind != TOKEN_LABEL)
        return unexpected(p, "an input");
    if (!advance(p))
        return false;
    if (!name && at_name(p)) {
        name = p->token.text;
        if (!advance(p))
            return false;
    }
    if (!expect_mark(p, ':') || !parse_type(p, &t) || !parse_role(p, &role) || !parse_int(p, &index))
        return false;
    if (fn_find_input(s->fn, role, index))
        return fail(p, label.span, "%s %d is there already", role_name(role), index);
    s->fn->span = label.span;
    return symbol_add(p, s, label, fn_input(s->fn, role, index, name, t));
}

/* output 0 probs = %7 */
static bool parse_result(Parser *p, Scope *s)
{
    Span span = p->token.span;
    const char *name = NULL;
    Role role;
    int index = 0;
    Node *n;
    if (!parse_role(p, &role) || !parse_int(p, &index))
        return false;
    if (at_name(p)) {
        name = p->token.text;
        if (!advance(p))
            return false;
    }
    if (!expect_mark(p, '=') || !parse_ref(p, s, &n))
        return false;
    if (fn_find_result(s->fn, role, index))
        return fail(p, span, "%s %d is there already", role_name(role), index);
    if (n->op == OP_SCAN)
        return fail(p, span, "a scan is no value; its results are");
    fn_result(s->fn, role, index, name, n);
    return true;
}

static bool parse_inputs(Parser *p, Scope *s)
{
    if (!expect_mark(p, '('))
        return false;
    for (bool first = true; !is_mark(p, ')'); first = false)
        if ((!first && !expect_mark(p, ',')) || !parse_input(p, s))
            return false;
    return advance(p);
}

static bool parse_results(Parser *p, Scope *s)
{
    if (!expect_word(p, "return"))
        return false;
    for (bool first = true; !is_mark(p, '}'); first = false)
        if ((!first && !expect_mark(p, ',')) || !parse_result(p, s))
            return false;
    return true;
}

static Fn *parse_fn(Parser *p)
{
    const char *name = NULL;
    Span span = p->token.span;
    if (p->depth == MAX_NESTING) {
        fail(p, span, "functions are nested more than %d deep", MAX_NESTING);
        return NULL;
    }
    if (!expect_word(p, "func"))
        return NULL;
    if (at_name(p)) {
        name = p->token.text;
        if (!advance(p))
            return NULL;
    }
    Scope *s = NEW(p->a, Scope);
    s->fn = fn_new(p->a, name);
    p->depth++;
    bool fine = parse_inputs(p, s) && expect_mark(p, '{');
    while (fine && p->token.kind == TOKEN_LABEL)
        fine = parse_node(p, s);
    fine = fine && parse_results(p, s) && expect_mark(p, '}');
    p->depth--;
    s->fn->span = span;
    return fine ? s->fn : NULL;
}

Fn *fn_parse(Arena *a, Diag *d, int source)
{
    Parser p = {.a = a, .d = d, .source = source};
    p.text = diag_source_text(d, source, &p.size);
    if (!advance(&p))
        return NULL;
    Fn *fn = parse_fn(&p);
    if (fn && p.token.kind != TOKEN_END) {
        unexpected(&p, "the end");
        return NULL;
    }
    return fn;
}
