/* SPDX-License-Identifier: MIT */
/* test_syntax.c: the parser, from source text to tree and messages. Runs in the project's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "syntax/ast.h"

typedef struct Parsed {
    Arena *a;
    Diag *d;
    Program *program;
    const char *source;
} Parsed;

static Parsed parse_bytes(const char *source, size_t bytes)
{
    Parsed x = {.a = arena_new(), .source = source};
    x.d = diag_new(x.a);
    x.program = parse_program(x.a, x.d, diag_add_source(x.d, "t.dl", source, bytes));
    assert_non_null(x.program);
    return x;
}

static Parsed parse(const char *source)
{
    return parse_bytes(source, strlen(source));
}

static Parsed parse_clean(const char *source)
{
    Parsed x = parse(source);
    assert_string_equal(diag_text(x.d, x.a), "");
    return x;
}

static const char *printed(Parsed x)
{
    StrBuf sb = {.a = x.a};
    ast_print(&sb, x.program);
    return sb_text(&sb);
}

/* ---- expressions with all their parentheses ------------------------------------------------------------ */

static void show(StrBuf *sb, const Expr *e);

static void show_list(StrBuf *sb, const char *open, const ExprList *list, const char *close)
{
    sb_puts(sb, open);
    for (int i = 0; i < list->n; i++) {
        sb_puts(sb, i ? ", " : "");
        show(sb, list->at[i]);
    }
    sb_puts(sb, close);
}

static void show_optional(StrBuf *sb, const Expr *e)
{
    if (e)
        show(sb, e);
    else
        sb_putc(sb, '_');
}

static void show_subscripts(StrBuf *sb, const Expr *e)
{
    for (int i = 0; i < e->subscripts.n; i++) {
        const Subscript *s = &e->subscripts.at[i];
        sb_puts(sb, i ? ", " : "[");
        if (s->kind == SUB_ELLIPSIS)
            sb_puts(sb, "...");
        if (s->kind == SUB_INDEX)
            show(sb, s->index);
        if (s->kind == SUB_SLICE) {
            show_optional(sb, s->start);
            sb_putc(sb, ':');
            show_optional(sb, s->stop);
            sb_putc(sb, ':');
            show_optional(sb, s->stride);
        }
    }
    sb_putc(sb, ']');
}

static void show_call(StrBuf *sb, const Expr *e)
{
    sb_printf(sb, "%s%s(", e->piped ? "|" : "", e->text);
    for (int i = 0; i < e->args.n; i++) {
        sb_puts(sb, i ? ", " : "");
        if (e->args.at[i].name.text)
            sb_printf(sb, "%s = ", e->args.at[i].name.text);
        show(sb, e->args.at[i].value);
    }
    sb_putc(sb, ')');
    if (e->as.text)
        sb_printf(sb, " as %s%s", e->same ? "same " : "", e->as.text);
}

static void show(StrBuf *sb, const Expr *e)
{
    switch (e->kind) {
    case EX_ERROR: sb_puts(sb, "ERROR"); break;
    case EX_INT: sb_printf(sb, "%" PRId64, e->integer); break;
    case EX_FLOAT: sb_printf(sb, "%#g", e->number); break;
    case EX_BOOL: sb_puts(sb, e->integer ? "true" : "false"); break;
    case EX_STRING: sb_printf(sb, "\"%s\"", e->text); break;
    case EX_NAME: sb_puts(sb, e->text); break;
    case EX_LIST: show_list(sb, "[", &e->items, "]"); break;
    case EX_CALL: show_call(sb, e); break;
    case EX_FOR: sb_printf(sb, "for/%d/%d", e->clauses.n, e->body.n); break;
    case EX_FIELD:
        show(sb, e->base);
        sb_printf(sb, ".%s", e->text);
        break;
    case EX_UNARY:
        sb_printf(sb, "(%s ", operator_text(e->op));
        show(sb, e->base);
        sb_putc(sb, ')');
        break;
    case EX_BINARY:
        sb_putc(sb, '(');
        show(sb, e->base);
        sb_printf(sb, " %s ", operator_text(e->op));
        show(sb, e->right);
        sb_putc(sb, ')');
        break;
    case EX_CONDITIONAL:
        sb_putc(sb, '(');
        show(sb, e->condition);
        sb_puts(sb, " ? ");
        show(sb, e->base);
        sb_puts(sb, " : ");
        show(sb, e->right);
        sb_putc(sb, ')');
        break;
    case EX_INDEX:
        show(sb, e->base);
        show_subscripts(sb, e);
        break;
    }
}

typedef struct Pair {
    const char *source, *shown;
} Pair;

static void check_expressions(const Pair *pairs, int n)
{
    for (int i = 0; i < n; i++) {
        Arena *a = arena_new();
        Parsed x = parse_clean(arena_printf(a, "layer t() { %s }", pairs[i].source));
        assert_int_equal(x.program->defs.n, 1);
        assert_int_equal(x.program->defs.at[0]->body.n, 1);
        const Stmt *s = x.program->defs.at[0]->body.at[0];
        assert_int_equal(s->kind, ST_EXPR);
        StrBuf sb = {.a = a};
        show(&sb, s->value);
        assert_string_equal(sb_text(&sb), pairs[i].shown);
        arena_free(x.a);
        arena_free(a);
    }
}

static void precedence(void **state)
{
    (void)state;
    static const Pair pairs[] = {
        {"a + b * c", "(a + (b * c))"},
        {"a * b + c", "((a * b) + c)"},
        {"a - b - c", "((a - b) - c)"},
        {"a / b * c // d % e @ f", "(((((a / b) * c) // d) % e) @ f)"},
        {"a ^ b ^ c", "(a ^ (b ^ c))"},
        {"-x ^ 2", "(- (x ^ 2))"},
        {"a ^ -b", "(a ^ (- b))"},
        {"a ^ -b ^ c", "(a ^ (- (b ^ c)))"},
        {"a ^ -b * c", "((a ^ (- b)) * c)"},
        {"-a * b", "((- a) * b)"},
        {"- -a", "(- (- a))"},
        {"a - -b", "(a - (- b))"},
        {"-x[0].y", "(- x[0].y)"},
        {"-f(x)", "(- f(x))"},
        {"a + b < c * d", "((a + b) < (c * d))"},
        {"not a == b", "(not (a == b))"},
        {"not not a", "(not (not a))"},
        {"not a and b", "((not a) and b)"},
        {"a and b or c and d", "((a and b) or (c and d))"},
        {"a or b and not c", "(a or (b and (not c)))"},
        {"a or b ? c : d", "((a or b) ? c : d)"},
        {"a ? b : c ? d : e", "(a ? b : (c ? d : e))"},
        {"a ? b ? c : d : e", "(a ? (b ? c : d) : e)"},
        {"a ? b : c |> f", "|f((a ? b : c))"},
        {"a + b |> f", "|f((a + b))"},
        {"a < b |> f |> g", "|g(|f((a < b)))"},
        {"not a |> f", "|f((not a))"},
        {"a + (b |> f(c) as d)", "(a + |f(b, c) as d)"},
        {"(a + b) * c", "((a + b) * c)"},
        {"a.b.c ^ 2", "(a.b.c ^ 2)"},
        {"1 - beta ^ step", "(1 - (beta ^ step))"},
        {"x < -1", "(x < (- 1))"},
        {"(a == b) == c", "((a == b) == c)"},
    };
    check_expressions(pairs, LEN(pairs));
}

static void operands(void **state)
{
    (void)state;
    static const Pair pairs[] = {
        {"7", "7"},
        {"9223372036854775807", "9223372036854775807"},
        {"1.5", "1.50000"},
        {"1e-7", "1.00000e-07"},
        {".5", "0.500000"},
        {"2.5E+3", "2500.00"},
        {"true", "true"},
        {"\"a \\\"q\\\" \\\\ \\n\"", "\"a \"q\" \\ \n\""},
        {"\"# ; {\"", "\"# ; {\""},
        {"[]", "[]"},
        {"[1, a + 2, [3]]", "[1, (a + 2), [3]]"},
        {"[1,\n 2,\n]", "[1, 2]"},
        {"f()", "f()"},
        {"f(a, n = 3, b,)", "f(a, n = 3, b)"},
        {"dense(x, 10) as head", "dense(x, 10) as head"},
        {"x |> f", "|f(x)"},
        {"x |> f as g |> h(1) as i", "|h(|f(x) as g, 1) as i"},
        {"x |> f(n = 1)", "|f(x, n = 1)"},
        {"x[0]", "x[0]"},
        {"x[-1]", "x[(- 1)]"},
        {"x[1:3, :]", "x[1:3:_, _:_:_]"},
        {"x[::2]", "x[_:_:2]"},
        {"x[1::-1]", "x[1:_:(- 1)]"},
        {"x[..., 0]", "x[..., 0]"},
        {"x[a ? b : c : d]", "x[(a ? b : c):d:_]"},
        {"x[0][1]", "x[0][1]"},
        {"f(x)[0]", "f(x)[0]"},
        {"for a in x { yield a }", "for/1/1"},
        {"for a in x, b in y |> f { c = a; yield c }", "for/2/2"},
        {"(for a in x {\n yield a\n})", "for/1/1"},
        {"for a in x { yield a } |> f", "|f(for/1/1)"},
    };
    check_expressions(pairs, LEN(pairs));
}

static void contextual_keywords_are_names(void **state)
{
    (void)state;
    static const Pair pairs[] = {
        {"input + state * step", "(input + (state * step))"},
        {"input(target, loss = metric)", "input(target, loss = metric)"},
        {"clip(x, 0, 1)", "clip(x, 0, 1)"},
        {"x |> clip(0, 1) |> output", "|output(|clip(x, 0, 1))"},
        {"f(as, in, yield, repeat, as = in)", "f(as, in, yield, repeat, as = in)"},
        {"for in in in { yield in }", "for/1/1"},
        {"f(x) as as", "f(x) as as"},
        {"f(x) as same", "f(x) as same"},
        {"f(x) as same g", "f(x) as same g"},
        {"x |> f as same same |> same(1)", "|same(|f(x) as same same, 1)"},
        {"state[0] + model.layer", "(state[0] + model.layer)"},
        {"train + optimizer", "(train + optimizer)"},
        {"a.for + a.if", "(a.for + a.if)"},
        {"[param, stream, freeze, penalty, require, const, import, model]",
         "[param, stream, freeze, penalty, require, const, import, model]"},
    };
    check_expressions(pairs, LEN(pairs));
    Parsed x = parse_clean("layer layer(input: f32[T], state: f32; step = 1, loss, as, in) -> f32[T] {\n"
                           "    state = input + step\n"
                           "    loss, metric = f(state)\n"
                           "    yield = 1; repeat = 2; require = 3; penalty = 4; model = 5; train = 6; const = 7\n"
                           "    step <- step + 1\n"
                           "    target |> f; clip.x; repeat |> f\n"
                           "    state state = state\n"
                           "    return input, output\n"
                           "}\n"
                           "optimizer optimizer(p: f32[...]) { optimizer <- p }\n"
                           "const model = 1\n");
    const Block *body = &x.program->defs.at[0]->body;
    static const StmtKind kinds[] = {
        ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN, ST_ASSIGN,
        ST_UPDATE, ST_EXPR, ST_EXPR, ST_EXPR, ST_STATE, ST_RETURN,
    };
    assert_int_equal(body->n, LEN(kinds));
    for (int i = 0; i < body->n; i++)
        assert_int_equal(body->at[i]->kind, kinds[i]);
    arena_free(x.a);
}

/* ---- statements and separators ------------------------------------------------------------------------- */

static const char every_statement[] =
    "# Doc, line one.\n"
    "#   line two\n"
    "model m {\n"
    "    input x: f32[28, 4 * n, T - K + 1]\n"
    "    state s: f32[3] = zeros()\n"
    "    state t = full_like(0, x)\n"
    "    stream h: f32[3] = zeros()\n"
    "    param w: f32[..., units] = uniform(-1, 1)\n"
    "    a, b = split(x, 2)\n"
    "    s <- a\n"
    "    if c == 1 {\n        a = 1\n    } else if c == 2 {\n        a = 2\n    } else {\n        a = 3\n    }\n"
    "    repeat 2 * n { a = f(a) }\n"
    "    require n > 0, \"n must be positive\"\n"
    "    require n > 0\n"
    "    for q in a { yield q, q }\n"
    "    penalty 0.5 * sum(w ^ 2)\n"
    "    output y\n"
    "    output z = a\n"
    "    train {\n"
    "        target label: i32\n"
    "        loss = f(y, label)\n"
    "        if smooth { loss = g(y) }\n"
    "        optimizer adam(learning_rate = 0.1)\n"
    "        metric accuracy = y == label\n"
    "        clip global_norm(1.0)\n"
    "        freeze encoder.query.kernel\n"
    "    }\n"
    "    return a, b\n"
    "}\n"
    "import \"other.dl\"\n";

static void every_statement_has_its_node(void **state)
{
    (void)state;
    static const StmtKind kinds[] = {
        ST_INPUT, ST_STATE, ST_STATE, ST_STREAM, ST_PARAM, ST_ASSIGN, ST_UPDATE, ST_IF, ST_REPEAT,
        ST_REQUIRE, ST_REQUIRE, ST_EXPR, ST_PENALTY, ST_OUTPUT, ST_OUTPUT, ST_TRAIN, ST_RETURN,
    };
    static const StmtKind train_kinds[] = {
        ST_TARGET, ST_LOSS, ST_IF, ST_OPTIMIZER, ST_METRIC, ST_CLIP, ST_FREEZE,
    };
    Parsed x = parse_clean(every_statement);
    const Def *def = x.program->defs.at[0];
    assert_string_equal(def->doc, "Doc, line one.\n  line two");
    assert_int_equal(def->body.n, LEN(kinds));
    for (int i = 0; i < LEN(kinds); i++)
        assert_int_equal(def->body.at[i]->kind, kinds[i]);
    const Block *train = &def->body.at[15]->body;
    assert_int_equal(train->n, LEN(train_kinds));
    for (int i = 0; i < LEN(train_kinds); i++)
        assert_int_equal(train->at[i]->kind, train_kinds[i]);
    assert_int_equal(train->at[2]->body.at[0]->kind, ST_LOSS);
    const Stmt *chain = def->body.at[7];
    assert_int_equal(chain->orelse.n, 1);
    assert_int_equal(chain->orelse.at[0]->kind, ST_IF);
    assert_int_equal(chain->orelse.at[0]->orelse.n, 1);
    assert_null(x.program->defs.at[1]->doc);
    assert_string_equal(x.program->defs.at[1]->name.text, "other.dl");
    arena_free(x.a);
}

/* Sources on the left mean what those on the right mean. */
static void separators(void **state)
{
    (void)state;
    static const Pair pairs[] = {
        {"layer f() { a = 1; b = 2 }", "layer f() {\n a = 1\n b = 2\n}"},
        {"layer f() { ;; a = 1 ;;\n;\n }", "layer f() {\n a = 1\n}"},
        {"layer f(\n x: f32,\n y: f32;\n n,\n m = 1\n) {\n}", "layer f(x: f32, y: f32; n, m = 1) {}"},
        {"layer f() {\n a = b +\n\n  c *\n d\n}", "layer f() { a = b + c * d }"},
        {"layer f() {\n a =\n b\n c <-\n d\n}", "layer f() { a = b; c <- d }"},
        {"layer f(x: f32) ->\n f32 {}", "layer f(x: f32) -> f32 {}"},
        {"layer f() {\n a = x\n |> f\n\n # why\n\n   |> g(\n 1\n )\n b = 1 }", "layer f() { a = x |> f |> g(1); b = 1 }"},
        {"layer f() {\n a = x |>\n f\n}", "layer f() { a = x |> f }"},
        {"layer f() { a = b ?\n c :\n d }", "layer f() { a = b ? c : d }"},
        {"layer f() { a = [\n1,\n2\n] # end\n b = c }", "layer f() { a = [1, 2]; b = c }"},
        {"layer f() { a = (b\n + c) }", "layer f() { a = (b + c) }"},
        {"layer f() { a = not\n b and\n c }", "layer f() { a = not b and c }"},
        {"layer f() {\r\n a = 1\r\n b = 2\r\n}\r\n", "layer f() { a = 1; b = 2 }"},
        {"\xef\xbb\xbflayer f() { a = 1 }", "layer f() { a = 1 }"},
        {"layer f() {\n a = b\n - c\n}", "layer f() { a = b; -c }"},
        {"layer f() { for a in x { b = a; yield b }; if c { d = 1 } else { d = 2 }; e = 1 }",
         "layer f() {\n for a in x {\n b = a\n yield b\n }\n if c {\n d = 1\n } else {\n d = 2\n }\n e = 1\n}"},
        {"const A = 1; const B = 2\nimport \"x\"", "const A = 1\nconst B = 2\nimport \"x\""},
        {"layer f(x: f32[],) { g(h(\n for a in x {\n b = a\n yield b\n }\n )) }",
         "layer f(x: f32) { g(h(for a in x { b = a; yield b })) }"},
    };
    for (int i = 0; i < LEN(pairs); i++) {
        Parsed x = parse_clean(pairs[i].source), y = parse_clean(pairs[i].shown);
        assert_string_equal(printed(x), printed(y));
        arena_free(x.a);
        arena_free(y.a);
    }
}

static void documents_stand_right_before(void **state)
{
    (void)state;
    Parsed x = parse_clean("# licence\n\n#one\n#\n# two  \nconst A = 1 # not this\nconst B = 2\n# far\n\nconst C = 3\n");
    assert_string_equal(x.program->defs.at[0]->doc, "one\n\ntwo  ");
    assert_null(x.program->defs.at[1]->doc);
    assert_null(x.program->defs.at[2]->doc);
    arena_free(x.a);
}

static void check_span(const Parsed *x, Span sp, const char *text)
{
    assert_int_equal(sp.source, 1);
    assert_int_equal(sp.hi - sp.lo, strlen(text));
    assert_memory_equal(x->source + sp.lo, text, strlen(text));
}

static void spans_are_exact(void **state)
{
    (void)state;
    static const char source[] = "layer f(x: f32[..., 2 * T]; n = 1) -> f32 { # c\n"
                                 "    y = (a + b) * -g(x, n = 2)[1:, ...]   # c\n"
                                 "    h = x\n"
                                 "        |> dense(3) as d   # c\n"
                                 "    if n { z = for q in x { yield q } } \n"
                                 "}  \n";
    Parsed x = parse_clean(source);
    const Def *f = x.program->defs.at[0];
    check_span(&x, f->span, "layer f(x: f32[..., 2 * T]; n = 1) -> f32 { # c\n"
                            "    y = (a + b) * -g(x, n = 2)[1:, ...]   # c\n"
                            "    h = x\n"
                            "        |> dense(3) as d   # c\n"
                            "    if n { z = for q in x { yield q } } \n"
                            "}");
    check_span(&x, f->name.span, "f");
    const TypeExpr *t = f->tensors.at[0].type;
    check_span(&x, f->tensors.at[0].name.span, "x");
    check_span(&x, t->span, "f32[..., 2 * T]");
    check_span(&x, t->dims.at[0].span, "...");
    check_span(&x, t->dims.at[1].span, "2 * T");
    check_span(&x, t->dims.at[1].extent->right->span, "T");
    check_span(&x, f->attributes.at[0].fallback->span, "1");
    check_span(&x, f->result->span, "f32");

    const Stmt *y = f->body.at[0];
    check_span(&x, y->span, "y = (a + b) * -g(x, n = 2)[1:, ...]");
    check_span(&x, y->names.at[0].span, "y");
    check_span(&x, y->value->span, "(a + b) * -g(x, n = 2)[1:, ...]");
    check_span(&x, y->value->base->span, "a + b");
    const Expr *index = y->value->right->base;
    check_span(&x, y->value->right->span, "-g(x, n = 2)[1:, ...]");
    check_span(&x, index->span, "g(x, n = 2)[1:, ...]");
    check_span(&x, index->subscripts.at[0].span, "1:");
    check_span(&x, index->subscripts.at[1].span, "...");
    check_span(&x, index->base->span, "g(x, n = 2)");
    check_span(&x, index->base->text_span, "g");
    check_span(&x, index->base->args.at[1].name.span, "n");

    const Expr *call = f->body.at[1]->value;
    check_span(&x, call->span, "x\n        |> dense(3) as d");
    check_span(&x, call->text_span, "dense");
    check_span(&x, call->as.span, "d");
    const Stmt *branch = f->body.at[2];
    check_span(&x, branch->span, "if n { z = for q in x { yield q } }");
    const Expr *loop = branch->body.at[0]->value;
    check_span(&x, loop->span, "for q in x { yield q }");
    check_span(&x, loop->clauses.at[0].name.span, "q");
    check_span(&x, loop->body.at[0]->span, "yield q");
    arena_free(x.a);
}

static void language_page_parses(void **state)
{
    (void)state;
    Arena *a = arena_new();
    size_t bytes;
    const char *why, *source = file_read(a, "tests/unit/language.dl", &bytes, &why);
    assert_non_null(source);
    Parsed x = parse_clean(source);
    static const char *const names[] = {
        "cnn", "LENGTH", "VOCABULARY", "rnn", "feature_attention", "dense", "lstm", "scaled_dot_product_attention",
        "adam", "glorot_uniform",
    };
    assert_int_equal(x.program->defs.n, LEN(names));
    for (int i = 0; i < LEN(names); i++)
        assert_string_equal(x.program->defs.at[i]->name.text, names[i]);
    const Def *adam = x.program->defs.at[8], *glorot = x.program->defs.at[9];
    assert_int_equal(adam->tensors.n, 3);
    assert_int_equal(adam->attributes.n, 4);
    assert_string_equal(adam->tensors.at[2].type->dtype, "i32");
    assert_int_equal(glorot->tensors.n, 0);
    assert_int_equal(glorot->attributes.n, 1);
    arena_free(x.a);
    arena_free(a);
}

static void trees_print(void **state)
{
    (void)state;
    Parsed x = parse_clean("# d \"q\"\n"
                           "layer f(x: f32[..., 2 * T, n[0]], m: bool = none; n = 1.5, b) -> f32[-T] {\n"
                           "    a, b = x |> g(k = not true) as h\n"
                           "    if n { yield x[..., 1, :2] } else { s <- [1, \"t\"] }\n"
                           "    for q in x, r in y.z { return c ? q : r }\n"
                           "    train { loss = 1 }\n"
                           "}\n");
    assert_string_equal(printed(x), "layer f\n"
                                    "  doc \"d \\\"q\\\"\"\n"
                                    "  tensor x\n"
                                    "    type f32[..., (2 * T), extent]\n"
                                    "      extent index\n"
                                    "        n\n"
                                    "        at 0\n"
                                    "  tensor m\n"
                                    "    type bool\n"
                                    "    default none\n"
                                    "  attribute n\n"
                                    "    default float 1.5\n"
                                    "  attribute b\n"
                                    "  result\n"
                                    "    type f32[(-T)]\n"
                                    "  assign a, b\n"
                                    "    call g piped as h\n"
                                    "      x\n"
                                    "      k =\n"
                                    "        unary not\n"
                                    "          true\n"
                                    "  if\n"
                                    "    n\n"
                                    "    do\n"
                                    "      yield\n"
                                    "        index\n"
                                    "          x\n"
                                    "          ...\n"
                                    "          at 1\n"
                                    "          slice\n"
                                    "            stop 2\n"
                                    "    else\n"
                                    "      update s\n"
                                    "        list\n"
                                    "          1\n"
                                    "          \"t\"\n"
                                    "  expression\n"
                                    "    for\n"
                                    "      q in\n"
                                    "        x\n"
                                    "      r in\n"
                                    "        field z\n"
                                    "          y\n"
                                    "      do\n"
                                    "        return\n"
                                    "          conditional\n"
                                    "            c\n"
                                    "            q\n"
                                    "            r\n"
                                    "  train\n"
                                    "    loss\n"
                                    "      1\n");
    arena_free(x.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence),
        cmocka_unit_test(operands),
        cmocka_unit_test(contextual_keywords_are_names),
        cmocka_unit_test(every_statement_has_its_node),
        cmocka_unit_test(separators),
        cmocka_unit_test(documents_stand_right_before),
        cmocka_unit_test(spans_are_exact),
        cmocka_unit_test(language_page_parses),
        cmocka_unit_test(trees_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
