/* SPDX-License-Identifier: MIT */
/* print.c: the graph as text; parse.c reads it back. docs/ir.md describes it.
 *
 *     func loss(x: f32[8, 4] input 0, w: f32[4, 16] param 0) {
 *         %2 = dot(x, w) contract=[1]/[0] : f32[8, 16] as logits
 *         return output 0 logits = %2
 *     }
 *
 * Numbers count the inputs first, then the other nodes in order, so that they depend on the graph alone. */
#include "attr.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 100,      /* a header or a return line longer than this is broken, one port a line */
    MAX_NESTING = 70, /* bodies in bodies: only a broken function has more than can be read */
};

typedef struct Printer {
    StrBuf *sb;
    const Fn *fn;  /* NULL: a node by itself, numbered by its id */
    int *number;   /* by id */
    bool *by_name; /* by id: an input that is spelled by its name */
    int depth;
    const Node *guilty; /* the node `why` is about; NULL: the whole function */
    const char *why;    /* NULL: nothing is wrong */
} Printer;

static void print_fn(StrBuf *sb, const Fn *fn, int depth, const Node *guilty, const char *why);

/* ---- names and numbers --------------------------------------------------------------------------------- */
static bool is_plain_name(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.')
            return false;
    return true;
}

static void print_name(StrBuf *sb, const char *name)
{
    if (is_plain_name(name)) {
        sb_puts(sb, name);
        return;
    }
    sb_putc(sb, '"');
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        if (*c == '"' || *c == '\\')
            sb_printf(sb, "\\%c", *c);
        else if (*c < 32 || *c == 127)
            sb_printf(sb, "\\x%02x", *c);
        else
            sb_putc(sb, (char)*c);
    }
    sb_putc(sb, '"');
}

/* The shortest decimal that reads back as this value of the element type. */
static void print_double(StrBuf *sb, double value, DType dt)
{
    char text[64];
    if (isnan(value)) {
        sb_puts(sb, "nan");
        return;
    }
    if (isinf(value)) {
        sb_puts(sb, value < 0 ? "-inf" : "inf");
        return;
    }
    if (value == trunc(value) && fabs(value) < 1e7) {
        sb_printf(sb, "%.0f", value);
        return;
    }
    bool single = dt == DT_F32 && (double)(float)value == value;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back == value || (single && (double)(float)back == value))
            break;
    }
    sb_puts(sb, text);
}

static void print_list(StrBuf *sb, const AttrField *f, const Attr *attr)
{
    int n = ATTR_GET(int, attr, f->count);
    sb_putc(sb, '[');
    for (int i = 0; i < n && i < f->most; i++) {
        size_t at = f->offset + (size_t)i * (f->kind == FIELD_INTS ? sizeof(int) : sizeof(int64_t));
        long long item =
            f->kind == FIELD_INTS ? ATTR_GET(int, attr, at) : (long long)ATTR_GET(int64_t, attr, at);
        sb_printf(sb, "%s%lld", i ? ", " : "", item);
    }
    sb_putc(sb, ']');
}

static bool field_is_zero(const AttrField *f, const Attr *attr)
{
    if (field_is_list(f))
        return ATTR_GET(int, attr, f->count) == 0;
    return f->kind == FIELD_I64 ? ATTR_GET(int64_t, attr, f->offset) == 0
                                : ATTR_GET(int, attr, f->offset) == 0;
}

static void print_field(Printer *p, const AttrField *f, const Node *n)
{
    const Attr *attr = &n->attr;
    if (f->kind == FIELD_TYPE || f->kind == FIELD_DTYPE || (f->optional && field_is_zero(f, attr)))
        return;
    if (f->key)
        sb_printf(p->sb, " %s=", f->key);
    else
        sb_putc(p->sb, '/');
    switch (f->kind) {
    case FIELD_INT:
    case FIELD_BOOL:
        sb_printf(p->sb, "%d", ATTR_GET(int, attr, f->offset));
        break;
    case FIELD_I64:
        sb_printf(p->sb, "%lld", (long long)ATTR_GET(int64_t, attr, f->offset));
        break;
    case FIELD_U32:
        sb_printf(p->sb, "%lu", (unsigned long)ATTR_GET(uint32_t, attr, f->offset));
        break;
    case FIELD_DOUBLE:
        print_double(p->sb, ATTR_GET(double, attr, f->offset), n->type.dt);
        break;
    case FIELD_ROLE:
        sb_puts(p->sb, role_name(ATTR_GET(Role, attr, f->offset)));
        break;
    case FIELD_INTS:
    case FIELD_I64S:
        print_list(p->sb, f, attr);
        break;
    case FIELD_BODY:
        if (p->fn && p->depth < MAX_NESTING && ATTR_GET(Fn *, attr, f->offset))
            print_fn(p->sb, ATTR_GET(Fn *, attr, f->offset), p->depth + 1, NULL, NULL);
        else
            sb_puts(p->sb, "...");
        break;
    case FIELD_TYPE:
    case FIELD_DTYPE:
        break;
    }
}

/* ---- nodes --------------------------------------------------------------------------------------------- */
static bool belongs(const Fn *fn, const Node *n)
{
    return n && n->id >= 0 && n->id < fn->node.n && fn->node.at[n->id] == n;
}

static void print_ref(Printer *p, const Node *n)
{
    if (p->fn && !belongs(p->fn, n)) {
        sb_puts(p->sb, "%?");
        return;
    }
    bool by_name = p->fn ? p->by_name[n->id] : n->op == OP_INPUT && n->name;
    if (by_name)
        print_name(p->sb, n->name);
    else
        sb_printf(p->sb, "%%%d", p->fn ? p->number[n->id] : n->id);
}

static void print_node(Printer *p, const Node *n, int number)
{
    if ((unsigned)n->op >= OP_COUNT) {
        sb_printf(p->sb, "%%%d = ?", number);
        return;
    }
    const OpInfo *info = op_info(n->op);
    const AttrKindInfo *fields = attr_fields(info->attr);
    sb_printf(p->sb, "%%%d = %s(", number, info->text);
    for (int i = 0; i < n->nin; i++) {
        if (i)
            sb_puts(p->sb, ", ");
        print_ref(p, n->in[i]);
    }
    sb_putc(p->sb, ')');
    for (int i = 0; i < fields->n; i++)
        print_field(p, &fields->field[i], n);
    if (n->op != OP_SCAN)
        sb_printf(p->sb, " : %s", type_text(p->sb->a, n->type));
    if (n->name) {
        sb_puts(p->sb, " as ");
        print_name(p->sb, n->name);
    }
}

const char *node_text(Arena *a, const Node *n)
{
    StrBuf sb = {.a = a};
    Printer p = {.sb = &sb};
    print_node(&p, n, n->id);
    return sb_text(&sb);
}

/* ---- functions ----------------------------------------------------------------------------------------- */
static bool name_is_unique(const Fn *fn, int at)
{
    for (int i = 0; i < fn->input.n; i++)
        if (i != at && str_eq(fn->input.at[i].name, fn->input.at[at].name))
            return false;
    return true;
}

static void number_nodes(Printer *p)
{
    const Fn *fn = p->fn;
    int next = 0;
    p->number = NEWN(p->sb->a, int, fn->node.n + 1);
    p->by_name = NEWN(p->sb->a, bool, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++)
        p->number[id] = -1;
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        if (!belongs(fn, port->node))
            continue;
        p->number[port->node->id] = next++;
        p->by_name[port->node->id] = str_eq(port->name, port->node->name) && port->name &&
                                     is_plain_name(port->name) && name_is_unique(fn, i);
    }
    for (int id = 0; id < fn->node.n; id++)
        if (p->number[id] < 0)
            p->number[id] = next++;
}

/* x: f32[8, 4] input 0   or   %0 "odd name": f32[8, 4] input 0 */
static void print_input(Printer *p, const Port *port)
{
    print_ref(p, port->node);
    if (!belongs(p->fn, port->node))
        return;
    if (port->name && !p->by_name[port->node->id]) {
        sb_putc(p->sb, ' ');
        print_name(p->sb, port->name);
    }
    sb_printf(p->sb, ": %s %s %d", type_text(p->sb->a, port->node->type), role_name(port->role), port->index);
}

/* output 0 probs = %7 */
static void print_result(Printer *p, const Port *port)
{
    sb_printf(p->sb, "%s %d ", role_name(port->role), port->index);
    if (port->name) {
        print_name(p->sb, port->name);
        sb_putc(p->sb, ' ');
    }
    sb_puts(p->sb, "= ");
    print_ref(p, port->node);
}

static void indent(StrBuf *sb, int depth)
{
    for (int i = 0; i < depth; i++)
        sb_puts(sb, "    ");
}

/* The ports on one line where they fit, else one a line. */
static void print_ports(Printer *p, const char *space, const Port *ports, int n,
                        void (*print)(Printer *, const Port *))
{
    StrBuf line = {.a = p->sb->a};
    Printer one = *p;
    one.sb = &line;
    for (int i = 0; i < n; i++) {
        if (i)
            sb_puts(&line, ", ");
        print(&one, &ports[i]);
    }
    if (line.n <= WIDTH) {
        sb_printf(p->sb, "%s%s", n ? space : "", sb_text(&line));
        return;
    }
    for (int i = 0; i < n; i++) {
        sb_puts(p->sb, i ? ",\n" : "\n");
        indent(p->sb, p->depth + 2);
        print(p, &ports[i]);
    }
}

static bool is_port(const Fn *fn, const Node *n)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].node == n)
            return true;
    return false;
}

static void print_complaint(Printer *p)
{
    indent(p->sb, p->depth + 1);
    sb_printf(p->sb, "# ^ %s\n", p->why);
}

static void print_fn(StrBuf *sb, const Fn *fn, int depth, const Node *guilty, const char *why)
{
    Printer p = {.sb = sb, .fn = fn, .depth = depth, .guilty = guilty, .why = why};
    number_nodes(&p);
    sb_puts(sb, "func ");
    if (fn->name)
        print_name(sb, fn->name);
    sb_putc(sb, '(');
    print_ports(&p, "", fn->input.at, fn->input.n, print_input);
    sb_puts(sb, ") {\n");
    if (why && (!guilty || is_port(fn, guilty)))
        print_complaint(&p);
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        if (n->op == OP_INPUT && is_port(fn, n))
            continue;
        indent(sb, depth + 1);
        print_node(&p, n, p.number[id]);
        sb_putc(sb, '\n');
        if (why && n == guilty)
            print_complaint(&p);
    }
    indent(sb, depth + 1);
    sb_puts(sb, "return");
    print_ports(&p, " ", fn->result.at, fn->result.n, print_result);
    sb_putc(sb, '\n');
    indent(sb, depth);
    sb_putc(sb, '}');
}

void fn_print(StrBuf *sb, const Fn *fn)
{
    fn_print_error(sb, fn, NULL, NULL);
}

void fn_print_error(StrBuf *sb, const Fn *fn, const Node *guilty, const char *why)
{
    print_fn(sb, fn, 0, guilty, why);
    sb_putc(sb, '\n');
}
