/* SPDX-License-Identifier: MIT */
/* emit_kernel.c: one kernel as a C function. Values are written where they are used, except those used twice and those
 * that stay the same in an inner loop: these get a constant at the loop where they are first known. */
#include "emit.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct Out {
    StrBuf *sb;
    Arena *a;
    const Plan *p;
    const Kernel *k;
    const char *prefix;
    int indent;
    int ntemp;
    const Stage *stage;
    Buffer *const *locals;
} Out;

/* ---- text ------------------------------------------------------------------------------------------------------------------------ */
static void line(Out *o, const char *format, ...) PRINTF(2, 3);
static void line(Out *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    va_start(args, format);
    text = arena_alloc(o->a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    sb_printf(o->sb, "%*s%s\n", 4 * o->indent, "", text);
}

const char *c_type(DType dt)
{
    return dt == DT_F32 ? "float" : dt == DT_I32 ? "int32_t" : "uint8_t";
}

static const char *c_value_type(DType dt)
{
    return dt == DT_F32 ? "float" : dt == DT_I32 ? "int32_t" : "int";
}

const char *c_float(Arena *a, double value)
{
    float x = (float)value;
    if (isnan(x))
        return "DL_NAN";
    if (isinf(x))
        return x > 0 ? "DL_INFINITY" : "-DL_INFINITY";
    char *text = arena_printf(a, "%.9g", (double)x);
    for (int digits = 1; digits < 9; digits++) {        /* the shortest that reads back the same */
        char *shorter = arena_printf(a, "%.*g", digits, (double)x);
        float back;
        if (sscanf(shorter, "%f", &back) == 1 && back == x) {
            text = shorter;
            break;
        }
    }
    return arena_printf(a, strpbrk(text, ".e") ? "%sf" : "%s.0f", text);
}

/* ---- indices -------------------------------------------------------------------------------------------------------------------------- */
static void put_ex(Out *o, StrBuf *sb, const Ex *e, int outside);
static void put_lin(Out *o, StrBuf *sb, const Lin *x);

static void put_atom(Out *o, StrBuf *sb, const Atom *atom)
{
    switch (atom->kind) {
    case ATOM_VAR:
        sb_puts(sb, atom->var->name);
        break;
    case ATOM_VALUE:
        put_ex(o, sb, atom->value, 10);
        break;
    default: {
        bool bare = atom->of->n == 1 && atom->of->constant == 0 && atom->of->term[0].factor == 1;
        sb_puts(sb, bare ? "" : "(");
        put_lin(o, sb, atom->of);
        sb_printf(sb, "%s %s %" PRId64, bare ? "" : ")", atom->kind == ATOM_DIV ? "/" : "%", atom->by);
    }
    }
}

static void put_term(Out *o, StrBuf *sb, int64_t factor, const Atom *atom)
{
    bool compound = atom->kind == ATOM_DIV || atom->kind == ATOM_REM;
    sb_puts(sb, compound && factor != 1 ? "(" : "");
    put_atom(o, sb, atom);
    sb_puts(sb, compound && factor != 1 ? ")" : "");
    if (factor != 1)
        sb_printf(sb, " * %" PRId64, factor);
}

static void put_lin(Out *o, StrBuf *sb, const Lin *x)
{
    bool first = true;
    for (int i = 0; i < x->n; i++) {
        int64_t f = x->term[i].factor;
        sb_puts(sb, first ? (f < 0 ? "-" : "") : f < 0 ? " - " : " + ");
        if (first && f < 0 && f != -1)
            sb_printf(sb, "%" PRId64 " * ", -f), f = 1;
        put_term(o, sb, f < 0 ? -f : f, x->term[i].atom);
        first = false;
    }
    if (first)
        sb_printf(sb, "%" PRId64, x->constant);
    else if (x->constant)
        sb_printf(sb, " %c %" PRId64, x->constant < 0 ? '-' : '+', x->constant < 0 ? -x->constant : x->constant);
}

static const char *lin_text(Out *o, const Lin *x)
{
    StrBuf sb = {.a = o->a};
    put_lin(o, &sb, x);
    return sb_text(&sb);
}

/* ---- buffers ---------------------------------------------------------------------------------------------------------------------------- */
static bool is_scalar_local(const Buffer *b)
{
    return b->kind == BUFFER_LOCAL && type_count(b->type) == 1;
}

static void put_element(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at)
{
    buffer = buffer_root(buffer);
    sb_puts(sb, buffer->name);
    if (is_scalar_local(buffer))
        return;
    for (int i = 0; buffer->kind == BUFFER_LOCAL && i < o->k->nouter; i++)   /* it holds one outer position */
        at = lin_without(o->a, at, o->k->outer[i]);
    sb_putc(sb, '[');
    put_lin(o, sb, at);
    sb_putc(sb, ']');
}

/* The C variable that holds a unit's value inside its kernel. */
static const char *unit_name(Out *o, const Unit *u)
{
    const char *name = u->node->name ? u->node->name : op_info(u->node->op)->text;
    return arena_printf(o->a, "%s_v%d", c_identifier(o->a, name), u->id);
}

/* ---- expressions ------------------------------------------------------------------------------------------------------------------------ */
enum { TIGHT = 10, UNARY = 9, TIMES = 8, PLUS = 7, COMPARE = 6, EQUAL = 5, BOTH = 4, EITHER = 3, CHOOSE = 2, ANY = 0 };

/* One row an element operation: a function's name, or an operator with its binding strength. */
static const struct { const char *call, *infix; int strength; } spelling[OP_COUNT] = {
    [OP_ABS] = {.call = "dl_abs"},         [OP_EXP] = {.call = "dl_exp"},         [OP_LOG] = {.call = "dl_log"},
    [OP_SQRT] = {.call = "dl_sqrt"},       [OP_TANH] = {.call = "dl_tanh"},       [OP_SIGMOID] = {.call = "dl_sigmoid"},
    [OP_ERF] = {.call = "dl_erf"},         [OP_FLOOR] = {.call = "dl_floor"},     [OP_POW] = {.call = "dl_pow"},
    [OP_ADD] = {.infix = "+", .strength = PLUS},     [OP_SUB] = {.infix = "-", .strength = PLUS},
    [OP_MUL] = {.infix = "*", .strength = TIMES},    [OP_DIV] = {.infix = "/", .strength = TIMES},
    [OP_EQ] = {.infix = "==", .strength = EQUAL},    [OP_LT] = {.infix = "<", .strength = COMPARE},
    [OP_LE] = {.infix = "<=", .strength = COMPARE},  [OP_AND] = {.infix = "&&", .strength = BOTH},
    [OP_OR] = {.infix = "||", .strength = EITHER},
};

static void open_paren(StrBuf *sb, bool yes)
{
    if (yes)
        sb_putc(sb, '(');
}

static void close_paren(StrBuf *sb, bool yes)
{
    if (yes)
        sb_putc(sb, ')');
}

static void put_call(Out *o, StrBuf *sb, const char *name, const Ex *e)
{
    sb_printf(sb, "%s(", name);
    for (int i = 0; i < e->nin; i++) {
        sb_puts(sb, i ? ", " : "");
        put_ex(o, sb, e->in[i], ANY);
    }
    sb_putc(sb, ')');
}

static bool plain_const(const Ex *e)
{
    return e->kind == X_CONST && !isnan(e->value);
}

/* max(x, y) and min(x, y) keep a NaN; against a constant one comparison does. */
static void put_extremum(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    bool max = e->op == OP_MAX2;
    if (e->dt == DT_F32 && !plain_const(e->in[1])) {
        put_call(o, sb, max ? "dl_max" : "dl_min", e);
        return;
    }
    open_paren(sb, outside > CHOOSE);
    put_ex(o, sb, e->in[0], COMPARE + 1);
    sb_puts(sb, max ? " < " : " > ");
    put_ex(o, sb, e->in[1], COMPARE + 1);
    sb_puts(sb, " ? ");
    put_ex(o, sb, e->in[1], CHOOSE + 1);
    sb_puts(sb, " : ");
    put_ex(o, sb, e->in[0], CHOOSE + 1);
    close_paren(sb, outside > CHOOSE);
}

static void put_cast(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    open_paren(sb, outside > UNARY);
    if (e->dt == DT_BOOL) {
        put_ex(o, sb, e->in[0], EQUAL + 1);
        sb_puts(sb, " != 0");
    } else {
        sb_printf(sb, "(%s)", c_type(e->dt));
        put_ex(o, sb, e->in[0], UNARY);
    }
    close_paren(sb, outside > UNARY);
}

static void put_op(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    int strength = spelling[e->op].strength;
    if (spelling[e->op].call) {
        put_call(o, sb, spelling[e->op].call, e);
    } else if (e->op == OP_DIV && e->dt == DT_I32) {
        put_call(o, sb, "dl_floordiv_i32", e);
    } else if (strength) {
        open_paren(sb, outside > strength || (strength <= EITHER && outside > ANY));
        put_ex(o, sb, e->in[0], strength == BOTH ? EQUAL : strength);
        sb_printf(sb, " %s ", spelling[e->op].infix);
        put_ex(o, sb, e->in[1], strength + 1);
        close_paren(sb, outside > strength || (strength <= EITHER && outside > ANY));
    } else if (e->op == OP_MAX2 || e->op == OP_MIN2) {
        put_extremum(o, sb, e, outside);
    } else if (e->op == OP_CAST) {
        put_cast(o, sb, e, outside);
    } else if (e->op == OP_REM) {
        put_call(o, sb, e->dt == DT_F32 ? "dl_rem" : "dl_rem_i32", e);
    } else if (e->op == OP_NEG || e->op == OP_NOT) {
        open_paren(sb, outside > UNARY);
        sb_putc(sb, e->op == OP_NEG ? '-' : '!');
        put_ex(o, sb, e->in[0], TIGHT);
        close_paren(sb, outside > UNARY);
    } else if (e->op == OP_SELECT) {
        open_paren(sb, outside > CHOOSE);
        for (int i = 0; i < 3; i++) {
            put_ex(o, sb, e->in[i], CHOOSE + 1);
            sb_puts(sb, i == 0 ? " ? " : i == 1 ? " : " : "");
        }
        close_paren(sb, outside > CHOOSE);
    } else {
        BUG("no C for %s", op_info(e->op)->text);
    }
}

static void put_bound(Out *o, StrBuf *sb, const Guard *g, bool lower)
{
    sb_puts(sb, lin_text(o, g->at));
    sb_printf(sb, lower ? " >= %" PRId64 : " < %" PRId64, lower ? g->lo : g->hi);
}

static void put_guard(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    open_paren(sb, outside > CHOOSE);
    bool first = true;
    for (int i = 0; i < e->nguard; i++) {
        int64_t lo, hi;
        lin_range(e->guard[i].at, &lo, &hi);
        for (int lower = 1; lower >= 0; lower--) {
            if (lower ? lo >= e->guard[i].lo : hi < e->guard[i].hi)
                continue;
            sb_puts(sb, first ? "" : " && ");
            if (!lower && e->guard[i].lo == 0 && e->guard[i].hi == 1 && lo >= 0)
                sb_printf(sb, "%s == 0", lin_text(o, e->guard[i].at));
            else
                put_bound(o, sb, &e->guard[i], lower);
            first = false;
        }
    }
    sb_puts(sb, " ? ");
    put_ex(o, sb, e->in[0], CHOOSE + 1);
    sb_puts(sb, " : ");
    put_ex(o, sb, e->in[1], CHOOSE + 1);
    close_paren(sb, outside > CHOOSE);
}

static void put_whole(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    switch (e->kind) {
    case X_CONST:
        if (e->dt == DT_F32) {
            bool sign = e->value < 0 && outside >= TIGHT;
            open_paren(sb, sign);
            sb_puts(sb, c_float(o->a, e->value));
            close_paren(sb, sign);
        } else {
            sb_printf(sb, "%.0f", e->value);
        }
        break;
    case X_INDEX:
        open_paren(sb, outside > PLUS && (e->at->n > 1 || e->at->constant || e->at->term[0].factor != 1));
        put_lin(o, sb, e->at);
        close_paren(sb, outside > PLUS && (e->at->n > 1 || e->at->constant || e->at->term[0].factor != 1));
        break;
    case X_LOAD:
        put_element(o, sb, e->buffer, e->at);
        break;
    case X_OP:
        put_op(o, sb, e, outside);
        break;
    case X_GUARD:
        put_guard(o, sb, e, outside);
        break;
    case X_UNIFORM:
        sb_puts(sb, "dl_uniform(");
        for (int i = 0; i < 3; i++) {
            sb_puts(sb, "(uint32_t)");
            put_ex(o, sb, e->in[i], TIGHT);
            sb_puts(sb, ", ");
        }
        sb_printf(sb, "0x%08" PRIx32 "u, (uint32_t)(%s))", e->salt, lin_text(o, e->at));
        break;
    case X_UNIT:
        sb_puts(sb, unit_name(o, e->unit));
        break;
    }
}

static void put_ex(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    if (e->temp > 0)
        sb_printf(sb, "v%d", e->temp);
    else
        put_whole(o, sb, e, outside);
}

static const char *ex_text(Out *o, const Ex *e, int outside)
{
    StrBuf sb = {.a = o->a};
    put_ex(o, &sb, e, outside);
    return sb_text(&sb);
}

/* ---- which expressions become constants, and where -------------------------------------------------------------------------------------- */
static int lin_depth(const Lin *x);

static int ex_depth(Ex *e)
{
    if (e->depth >= 0)
        return e->depth;
    int depth = e->kind == X_UNIT ? MAX_RANK * 4 : 0;
    if (e->at && lin_depth(e->at) > depth)
        depth = lin_depth(e->at);
    for (int i = 0; i < e->nguard; i++)
        depth = lin_depth(e->guard[i].at) > depth ? lin_depth(e->guard[i].at) : depth;
    for (int i = 0; i < e->nin; i++)
        depth = ex_depth(e->in[i]) > depth ? ex_depth(e->in[i]) : depth;
    return e->depth = depth;
}

static int lin_depth(const Lin *x)
{
    int depth = 0;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        int d = atom->kind == ATOM_VAR ? atom->var->depth : atom->kind == ATOM_VALUE ? ex_depth(atom->value) : lin_depth(atom->of);
        depth = d > depth ? d : depth;
    }
    return depth;
}

static void reset_ex(Ex *e)
{
    e->open = e->behind = 0;
    e->depth = -1;
    e->temp = 0;
    for (int i = 0; i < e->nin; i++)
        reset_ex(e->in[i]);
    for (int i = 0; e->at && i < e->at->n; i++)
        if (e->at->term[i].atom->kind == ATOM_VALUE)
            reset_ex(e->at->term[i].atom->value);
}

static bool written_twice(const Ex *e, int operand)
{
    return e->kind == X_OP && (e->op == OP_MAX2 || e->op == OP_MIN2) && operand == 0 && (e->dt != DT_F32 || plain_const(e->in[1]));
}

/* Counts uses. What is only reached behind a guard may not be computed outside of it: it is left in place. */
static void count_uses(Ex *e, bool guarded)
{
    bool known = e->open || (guarded && e->behind);
    *(guarded ? &e->behind : &e->open) += 1;
    if (known)
        return;
    bool behind = guarded || e->kind == X_GUARD;
    for (int i = 0; i < e->nin; i++)
        for (int times = 0; times < 1 + written_twice(e, i); times++)
            count_uses(e->in[i], behind);
    for (int i = 0; e->at && i < e->at->n; i++)
        if (e->at->term[i].atom->kind == ATOM_VALUE)
            count_uses(e->at->term[i].atom->value, guarded);
}

typedef VEC(Ex *) ExList;

static bool is_trivial(const Ex *e)
{
    return e->kind == X_CONST || e->kind == X_INDEX || e->kind == X_UNIT ||
           (e->kind == X_LOAD && is_scalar_local(buffer_root(e->buffer)));
}

/* Constants needed for e, in order, each before those that use it. user_depth: the loop in which e is used. */
static void choose_temps(Out *o, Ex *e, int user_depth, ExList *list)
{
    if (e->temp)
        return;
    int depth = ex_depth(e);
    for (int i = 0; i < e->nin; i++)
        choose_temps(o, e->in[i], depth, list);
    for (int i = 0; e->at && i < e->at->n; i++)
        if (e->at->term[i].atom->kind == ATOM_VALUE)
            choose_temps(o, e->at->term[i].atom->value, depth, list);
    bool again = e->open + e->behind > 1, early = depth < user_depth && e->kind != X_LOAD;
    if (e->temp || is_trivial(e) || !e->open || !(again || early))
        return;
    e->temp = -1;       /* numbered when printed */
    vec_push(o->a, list, e);
}

static void print_temps(Out *o, const ExList *list, int depth)
{
    for (int i = 0; i < list->n; i++) {
        Ex *e = list->at[i];
        if (e->temp > 0 || e->depth > depth)
            continue;
        StrBuf sb = {.a = o->a};
        put_whole(o, &sb, e, ANY);
        e->temp = ++o->ntemp;
        line(o, "const %s v%d = %s;", c_value_type(e->dt), e->temp, sb_text(&sb));
    }
}

/* ---- loops -------------------------------------------------------------------------------------------------------------------------------- */
static void open_loop(Out *o, const Var *v)
{
    line(o, "for (int %s = 0; %s < %" PRId64 "; %s++) {", v->name, v->name, v->extent, v->name);
    o->indent++;
}

static void close_loops(Out *o, int n)
{
    while (n-- > 0) {
        o->indent--;
        line(o, "}");
    }
}

static const char *stored(Out *o, const Item *item, const char *value)
{
    DType dt = item->unit->type.dt;
    return dt == DT_BOOL || dt == DT_U8 ? arena_printf(o->a, "(uint8_t)(%s)", value) : value;
}

static void print_store(Out *o, const Item *item, const char *operator, const char *value)
{
    StrBuf sb = {.a = o->a};
    put_element(o, &sb, item->buffer, item->at);
    line(o, "%s %s %s;", sb_text(&sb), operator, stored(o, item, value));
}

static bool unit_is_read(const Ex *e, const Unit *u)
{
    if (e->kind == X_UNIT && e->unit == u)
        return true;
    for (int i = 0; i < e->nin; i++)
        if (unit_is_read(e->in[i], u))
            return true;
    for (int i = 0; e->at && i < e->at->n; i++)
        if (e->at->term[i].atom->kind == ATOM_VALUE && unit_is_read(e->at->term[i].atom->value, u))
            return true;
    return false;
}

static bool read_later(const Stage *s, int from, const Unit *u)
{
    for (int i = from + 1; i < s->items.n; i++)
        if (unit_is_read(s->items.at[i].value, u))
            return true;
    return false;
}

/* Sets depths and chooses constants for all of a stage's items, as seen from its innermost loop. */
static void prepare(Out *o, const Stage *s, ExList *temps)
{
    int depth = 0;
    for (int i = 0; i < o->k->scans.n; i++)
        o->k->scans.at[i]->depth = 0;
    for (int i = 0; i < o->k->nouter; i++)
        o->k->outer[o->k->order[i]]->depth = 0;     /* constants of outer loops stand at the stage's start */
    for (int i = 0; i < s->nloop; i++)
        s->loop[i]->depth = ++depth;
    if (s->vector) {                                /* the last parallel loop runs inside of the reduce loops */
        for (int i = s->nparallel; i < s->nloop; i++)
            s->loop[i]->depth--;
        s->loop[s->nparallel - 1]->depth = depth;
    }
    for (int i = 0; i < s->items.n; i++)
        reset_ex(s->items.at[i].value);
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        count_uses(item->value, false);
        for (int k = 0; k < item->at->n; k++)
            if (item->at->term[k].atom->kind == ATOM_VALUE)
                count_uses(item->at->term[k].atom->value, false);
    }
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        choose_temps(o, item->value, depth, temps);
        for (int k = 0; k < item->at->n; k++)
            if (item->at->term[k].atom->kind == ATOM_VALUE)
                choose_temps(o, item->at->term[k].atom->value, depth, temps);
    }
}

/* Opens the loops s->loop[order[0]], ... one by one, each constant as soon as its loops are open. */
static void open_loops(Out *o, const Stage *s, int from, int to, const ExList *temps)
{
    for (int i = from; i < to; i++) {
        open_loop(o, s->loop[i]);
        print_temps(o, temps, s->loop[i]->depth);
    }
}

static void print_value(Out *o, const Stage *s, int i)
{
    const Item *item = &s->items.at[i];
    const char *value = ex_text(o, item->value, ANY);
    if (read_later(s, i, item->unit)) {
        const char *name = unit_name(o, item->unit);
        line(o, "const %s %s = %s;", c_value_type(item->unit->type.dt), name, value);
        value = name;
    }
    if (item->buffer)
        print_store(o, item, "=", value);
}

/* Constants not yet printed: those that use another item's value stand behind it. */
static void print_item_temps(Out *o, const Ex *e)
{
    for (int i = 0; i < e->nin; i++)
        print_item_temps(o, e->in[i]);
    if (e->temp >= 0)
        return;
    StrBuf sb = {.a = o->a};
    put_whole(o, &sb, e, ANY);
    ((Ex *)e)->temp = ++o->ntemp;
    line(o, "const %s v%d = %s;", c_value_type(e->dt), e->temp, sb_text(&sb));
}

static void print_map(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop, &temps);
    for (int i = 0; i < s->items.n; i++) {
        print_item_temps(o, s->items.at[i].value);
        print_value(o, s, i);
    }
    close_loops(o, s->nloop);
}

/* ---- reductions ---------------------------------------------------------------------------------------------------------------------------- */
static const char *accumulator(Out *o, const Stage *s, const Item *item)
{
    return arena_printf(o->a, s->lanes > 1 ? "%s[lane]" : "%s", unit_name(o, item->unit));
}

static const char *start_of(const Item *item)
{
    if (item->value->dt != DT_F32)
        return item->reduce == OP_SUM ? "0" : "-2147483647 - 1";
    return item->reduce == OP_SUM ? "0.0f" : "-DL_INFINITY";
}

static bool is_reduced(const Item *item)
{
    return item->reduce != OP_COUNT;
}

static const char *position_text(Out *o, const Stage *s)
{
    const Lin *at = lin_const(o->a, 0);
    for (int i = s->nparallel; i < s->nloop; i++)
        at = lin_add(o->a, lin_scale(o->a, at, s->loop[i]->extent), lin_var(o->a, s->loop[i]));
    return lin_text(o, at);
}

static void print_start(Out *o, const Stage *s, const Item *item)
{
    const char *name = unit_name(o, item->unit);
    if (item->reduce == OP_ARGMAX) {
        line(o, "int32_t %s = 0;", name);
        line(o, "%s best_%s = %s;", c_value_type(item->value->dt), name, start_of(item));
    } else if (s->lanes > 1) {
        line(o, "%s %s[%d];", c_value_type(item->value->dt), name, s->lanes);
        line(o, "for (int lane = 0; lane < %d; lane++)", s->lanes);
        line(o, "    %s[lane] = %s;", name, start_of(item));
    } else {
        line(o, "%s %s = %s;", c_value_type(item->unit->type.dt), name, start_of(item));
    }
}

static void print_step(Out *o, const Stage *s, const Item *item, const char *sofar)
{
    const char *value = ex_text(o, item->value, item->reduce == OP_SUM ? ANY : COMPARE + 1);
    if (item->reduce == OP_SUM) {
        line(o, "%s += %s;", sofar, value);
        return;
    }
    const char *name = unit_name(o, item->unit);
    line(o, "const %s x_%s = %s;", c_value_type(item->value->dt), name, value);
    if (item->reduce == OP_MAX) {
        if (item->value->dt == DT_F32)
            line(o, "%s = dl_max(%s, x_%s);", sofar, sofar, name);
        else
            line(o, "%s = %s < x_%s ? x_%s : %s;", sofar, sofar, name, name, sofar);
        return;
    }
    line(o, "if (best_%s < x_%s) {", name, name);
    line(o, "    best_%s = x_%s;", name, name);
    line(o, "    %s = %s;", sofar, position_text(o, s));
    line(o, "}");
}

static void print_finish(Out *o, const Stage *s, const Item *item)
{
    const char *name = unit_name(o, item->unit);
    if (s->lanes > 1) {
        line(o, "for (int lane = 1; lane < %d; lane++)", s->lanes);
        if (item->reduce == OP_SUM)
            line(o, "    %s[0] += %s[lane];", name, name);
        else if (item->value->dt != DT_F32)
            line(o, "    %s[0] = %s[0] < %s[lane] ? %s[lane] : %s[0];", name, name, name, name, name);
        else
            line(o, "    %s[0] = dl_max(%s[0], %s[lane]);", name, name, name);
        name = arena_printf(o->a, "%s[0]", name);
    }
    if (item->buffer)
        print_store(o, item, "=", name);
}

/* Whether `name` stands in text as a word of its own. */
static bool mentions(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '_')) && !isalnum((unsigned char)at[n]) && at[n] != '_')
            return true;
    return false;
}

static void print_reduce_body(Out *o, const Stage *s)
{
    for (int i = 0; i < s->items.n; i++) {
        const Item *item = &s->items.at[i];
        print_item_temps(o, item->value);
        if (is_reduced(item))
            print_step(o, s, item, accumulator(o, s, item));
        else
            print_value(o, s, i);
    }
}

/* One position of the last loop for each lane. A sum of the same value again and again has no use for the position. */
static void print_reduce_lanes(Out *o, const Stage *s, const Var *last)
{
    line(o, "for (int %s_0 = 0; %s_0 < %" PRId64 "; %s_0 += %d)", last->name, last->name, last->extent, last->name, s->lanes);
    line(o, "for (int lane = 0; lane < %d; lane++) {", s->lanes);
    o->indent++;
    StrBuf *out = o->sb, body = {.a = o->a};
    o->sb = &body;
    print_reduce_body(o, s);
    o->sb = out;
    if (mentions(sb_text(&body), last->name))
        line(o, "const int %s = %s_0 + lane;", last->name, last->name);
    sb_puts(o->sb, sb_text(&body));
}

static void print_reduce(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nparallel, &temps);
    for (int i = 0; i < s->items.n; i++)
        if (is_reduced(&s->items.at[i]))
            print_start(o, s, &s->items.at[i]);
    open_loops(o, s, s->nparallel, s->nloop - 1, &temps);
    const Var *last = s->loop[s->nloop - 1];
    if (s->lanes > 1) {
        print_reduce_lanes(o, s, last);
    } else {
        open_loop(o, last);
        print_reduce_body(o, s);
    }
    close_loops(o, s->nloop - s->nparallel);
    for (int i = 0; i < s->items.n; i++)
        if (is_reduced(&s->items.at[i]))
            print_finish(o, s, &s->items.at[i]);
    close_loops(o, s->nparallel);
}

/* Accumulates into memory along the last parallel loop, which is the contiguous one. */
static void print_reduce_columns(Out *o, const Stage *s)
{
    ExList temps = {0};
    const Item *item = &s->items.at[0];
    const Var *column = s->loop[s->nparallel - 1];
    prepare(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nparallel - 1, &temps);
    open_loop(o, column);
    print_store(o, item, "=", start_of(item));
    close_loops(o, 1);
    open_loops(o, s, s->nparallel, s->nloop, &temps);
    open_loop(o, column);
    print_item_temps(o, item->value);
    StrBuf sb = {.a = o->a};
    put_element(o, &sb, item->buffer, item->at);
    print_step(o, s, item, sb_text(&sb));
    close_loops(o, s->nloop);
}

/* ---- scatter, check --------------------------------------------------------------------------------------------------------------------------- */
static void print_scatter(Out *o, const Stage *s)
{
    const Item *item = &s->items.at[0];
    ExList temps = {0};
    line(o, "for (int i = 0; i < %" PRId64 "; i++)", s->limit);
    line(o, "    %s[i] = 0;", buffer_root(item->buffer)->name);
    prepare(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop, &temps);
    print_item_temps(o, item->value);
    print_store(o, item, "+=", ex_text(o, item->value, ANY));
    close_loops(o, s->nloop);
}

static void print_check(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nloop, &temps);
    print_item_temps(o, s->items.at[0].value);
    line(o, "if ((uint32_t)%s >= %" PRId64 "u)", ex_text(o, s->items.at[0].value, TIGHT), s->limit);
    line(o, "    return DL_INDEX;");
    close_loops(o, s->nloop);
    line(o, "return DL_OK;");
}

/* ---- tiles ---------------------------------------------------------------------------------------------------------------------------------- */
static void accumulators(Out *o, const Tile *t, int rows)
{
    for (int r = 0; r < rows; r++) {
        StrBuf sb = {.a = o->a};
        for (int c = 0; c < t->columns; c++)
            sb_printf(&sb, t->lanes > 1 ? "%sc%d_%d = {0}" : "%sc%d_%d = 0.0f", c ? ", " : "", r, c);
        if (t->lanes > 1)
            line(o, "dl_v%d %s;", t->lanes, sb_text(&sb));
        else
            line(o, "float %s;", sb_text(&sb));
    }
}

static const char *k_offset(Out *o, const Tile *t, bool right)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->nk; i++) {
        int64_t stride = right ? t->k[i].b : t->k[i].a;
        if (i || stride < 0)
            sb_puts(&sb, stride < 0 ? " - " : " + ");
        int64_t step = stride < 0 ? -stride : stride;
        sb_printf(&sb, step == 1 ? "%s" : "%s * %" PRId64, t->k[i].var->name, step);
    }
    return sb.n ? sb_text(&sb) : "0";
}

static void multiply(Out *o, const Tile *t, int rows)
{
    line(o, "const float *const ak = a + (at + %s), *const bk = b + (%s);", k_offset(o, t, false), k_offset(o, t, true));
    StrBuf sb = {.a = o->a};
    for (int c = 0; c < t->columns; c++) {
        sb_printf(&sb, c ? ", b%d = " : "b%d = ", c);
        if (t->lanes > 1)
            sb_printf(&sb, "*(const dl_v%d *)(bk + %d)", t->lanes, c * t->lanes);
        else
            sb_printf(&sb, "bk[%d]", c);
    }
    if (t->lanes > 1)
        line(o, "const dl_v%d %s;", t->lanes, sb_text(&sb));
    else
        line(o, "const float %s;", sb_text(&sb));
    for (int r = 0; r < rows; r++) {
        StrBuf row = {.a = o->a};
        sb_printf(&row, "{ const float x = ak[%" PRId64 "];", r * t->a_m);
        for (int c = 0; c < t->columns; c++)
            sb_printf(&row, " c%d_%d += x * b%d;", r, c, c);
        line(o, "%s }", sb_text(&row));
    }
}

static void tile_function(Out *o, const Tile *t, int rows)
{
    StrBuf bounds = {.a = o->a};
    for (int i = 0; i < t->nk; i++)
        if (t->k[i].tapped)
            sb_printf(&bounds, ", int %s_lo, int %s_hi", t->k[i].var->name, t->k[i].var->name);
    line(o, "static inline void %s%s_tile_%d(const float *restrict a, int at, const float *restrict b, float *restrict c%s)",
         o->prefix, o->k->name, rows, sb_text(&bounds));
    line(o, "{");
    o->indent++;
    accumulators(o, t, rows);
    for (int i = 0; i < t->nk; i++) {
        const char *v = t->k[i].var->name;
        if (t->k[i].tapped)
            line(o, "for (int %s = %s_lo; %s < %s_hi; %s++) {", v, v, v, v, v);
        else
            line(o, "for (int %s = 0; %s < %" PRId64 "; %s++) {", v, v, t->k[i].var->extent, v);
        o->indent++;
    }
    if (!t->nk)
        line(o, "{"), o->indent++;
    multiply(o, t, rows);
    close_loops(o, t->nk ? t->nk : 1);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < t->columns; c++) {
            int64_t at = r * t->c_m + c * t->lanes;
            if (t->lanes > 1)
                line(o, "*(dl_v%d *)(c + %" PRId64 ") = c%d_%d;", t->lanes, at, r, c);
            else
                line(o, "c[%" PRId64 "] = c%d_%d;", at, r, c);
        }
    o->indent--;
    line(o, "}");
    sb_putc(o->sb, '\n');
}

static int64_t rows_extent(const Tile *t)
{
    return t->m ? t->m->extent : 1;
}

static void tile_functions(Out *o, const Tile *t)
{
    if (o->p->target->calls_gemm)
        return;
    int large, nlarge, tiles = tile_rows(rows_extent(t), t->rows, &large, &nlarge);
    tile_function(o, t, large);
    if (nlarge < tiles)
        tile_function(o, t, large - 1);
}

/* The taps of a padded position: 0 <= out * stride + k * dilation - pad < extent. */
static void print_tap_bounds(Out *o, const Tile *t)
{
    for (int i = 0; i < t->nk; i++) {
        const KLoop *loop = &t->k[i];
        if (!loop->tapped)
            continue;
        const char *v = loop->var->name;
        const Lin *out = lin_scale(o->a, lin_var(o->a, loop->tap.out), -loop->tap.stride);
        line(o, "const int %s_lo = dl_first_tap(%s, %" PRId64 ");", v, lin_text(o, lin_offset(o->a, out, loop->tap.pad)), loop->tap.dilation);
        line(o, "const int %s_hi = dl_end_tap(%s, %" PRId64 ", %" PRId64 ");", v,
             lin_text(o, lin_offset(o->a, out, loop->tap.pad + loop->tap.extent - 1)), loop->tap.dilation, loop->var->extent);
    }
}

static const Lin *with_block(Out *o, const Lin *at, const Var *block, int64_t stride)
{
    return block ? lin_add(o->a, at, lin_scale(o->a, lin_var(o->a, (Var *)block), stride)) : at;
}

static const char *tap_arguments(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->nk; i++)
        if (t->k[i].tapped)
            sb_printf(&sb, ", %s_lo, %s_hi", t->k[i].var->name, t->k[i].var->name);
    return sb_text(&sb);
}

static void print_gemm_call(Out *o, const Stage *s, const char *rows, const Lin *a_at, const Lin *c_at)
{
    const Tile *t = s->tile;
    StrBuf loops = {.a = o->a}, start_a = {.a = o->a}, start_b = {.a = o->a};
    for (int i = 0; i < t->nk; i++) {
        const char *v = t->k[i].var->name;
        sb_puts(&loops, i ? ", " : "");
        if (t->k[i].tapped) {
            sb_printf(&loops, "%s_hi > %s_lo ? %s_hi - %s_lo : 0", v, v, v, v);
            sb_printf(&start_a, " + %s_lo * %" PRId64, v, t->k[i].a);
            sb_printf(&start_b, " + %s_lo * %" PRId64, v, t->k[i].b);
        } else {
            sb_printf(&loops, "%" PRId64, t->k[i].var->extent);
        }
        sb_printf(&loops, ", %" PRId64 ", %" PRId64, t->k[i].a, t->k[i].b);
    }
    line(o, "const int loops[] = {%s};", t->nk ? sb_text(&loops) : "1, 0, 0");
    line(o, "dl_gemm(%s, %" PRId64 ", %d, loops, %" PRId64 ", %" PRId64 ", %s + (%s%s), %s + (%s%s), %s + (%s));", rows,
         t->n->extent, t->nk ? t->nk : 1, t->a_m, t->c_m, buffer_root(t->a)->name, lin_text(o, a_at), sb_text(&start_a),
         buffer_root(t->b)->name, lin_text(o, t->b_at), sb_text(&start_b), buffer_root(s->items.at[0].buffer)->name,
         lin_text(o, c_at));
}

static const char *tile_pointer(Out *o, Buffer *buffer, const Lin *at, const char *column)
{
    const char *name = buffer_root(buffer)->name, *offset = lin_text(o, at);
    bool nowhere = !strcmp(offset, "0"), first = !strcmp(column, "0");
    if (nowhere && first)
        return name;
    return nowhere || first ? arena_printf(o->a, at->n > 1 ? "%s + (%s)" : "%s + %s", name, first ? offset : column)
                            : arena_printf(o->a, "%s + (%s + %s)", name, offset, column);
}

static void print_tile(Out *o, const Stage *s)
{
    const Tile *t = s->tile;
    int large, nlarge, tiles = tile_rows(rows_extent(t), t->rows, &large, &nlarge);
    const Lin *a_at = with_block(o, t->a_at, o->k->block, t->a_m), *c_at = with_block(o, t->c_at, o->k->block, t->c_m);
    const char *rows = tiles == 1 ? arena_printf(o->a, "%d", large) : "rows";
    print_tap_bounds(o, t);
    if (o->p->target->calls_gemm) {
        print_gemm_call(o, s, rows, a_at, c_at);
        return;
    }
    int64_t width = t->lanes * t->columns, extent = t->n->extent;
    const char *column = extent == width ? "0" : "n";
    if (extent % width) {       /* the last columns are computed again rather than one by one */
        column = arena_printf(o->a, "(n < %" PRId64 " ? n : %" PRId64 ")", extent - width, extent - width);
    }
    if (extent != width)
        line(o, "for (int n = 0; n < %" PRId64 "; n += %" PRId64 ")", extent, width);
    o->indent += extent != width;
    const char *call = arena_printf(o->a, "(%s, %s, %s, %s%s);", buffer_root(t->a)->name, lin_text(o, a_at),
                                    tile_pointer(o, t->b, t->b_at, column),
                                    tile_pointer(o, s->items.at[0].buffer, c_at, column), tap_arguments(o, t));
    if (nlarge == tiles) {
        line(o, "%s%s_tile_%d%s", o->prefix, o->k->name, large, call);
    } else {
        line(o, "if (rows == %d)", large);
        line(o, "    %s%s_tile_%d%s", o->prefix, o->k->name, large, call);
        line(o, "else");
        line(o, "    %s%s_tile_%d%s", o->prefix, o->k->name, large - 1, call);
    }
    o->indent -= extent != width;
}

/* ---- whole kernels ---------------------------------------------------------------------------------------------------------------------------- */
static void print_stage(Out *o, const Stage *s)
{
    switch (s->kind) {
    case STAGE_MAP:
        print_map(o, s);
        break;
    case STAGE_REDUCE:
        if (s->vector)
            print_reduce_columns(o, s);
        else
            print_reduce(o, s);
        break;
    case STAGE_TILE:
        print_tile(o, s);
        break;
    case STAGE_SCATTER:
        print_scatter(o, s);
        break;
    case STAGE_CHECK:
        print_check(o, s);
        break;
    }
}

static bool is_written(const Kernel *k, const Buffer *root)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].buffer && buffer_root(k->stages.at[i]->items.at[j].buffer) == root)
                return true;
    return false;
}

static void print_locals(Out *o)
{
    for (int i = 0; i < o->k->locals.n; i++) {
        const Buffer *b = o->k->locals.at[i];
        if (is_scalar_local(b))
            line(o, "%s %s;", c_value_type(b->type.dt), b->name);
        else
            line(o, "%s %s[%" PRId64 "];", c_type(b->type.dt), b->name, type_count(b->type));
    }
}

static const Stage *tiled_stage(const Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++)
        if (k->stages.at[i]->kind == STAGE_TILE)
            return k->stages.at[i];
    return NULL;
}

/* The rows of a tile: a block of them, and behind it the stages that work on the block's rows. */
static void print_blocked(Out *o, const Stage *tile)
{
    const Tile *t = tile->tile;
    int large, nlarge, tiles = tile_rows(rows_extent(t), t->rows, &large, &nlarge);
    Var *m = t->m, block = {.id = m ? m->id : 0, .extent = m ? m->extent : 1, .name = m ? arena_printf(o->a, "%s_0", m->name) : ""};
    int opened = 0;
    if (m && tiles > 1) {
        if (nlarge == tiles) {
            line(o, "for (int %s = 0; %s < %" PRId64 "; %s += %d) {", block.name, block.name, m->extent, block.name, large);
            if (o->k->stages.n > 1 || o->p->target->calls_gemm)
                line(o, "    const int rows = %d;", large);
        } else {
            line(o, "for (int %s = 0, rows = %d; %s < %" PRId64 "; %s += rows) {", block.name, large, block.name, m->extent, block.name);
            line(o, "    rows = %s < %d ? %d : %d;", block.name, nlarge * large, large, large - 1);
        }
        o->indent++;
        opened = 1;
        ((Kernel *)o->k)->block = &block;
    }
    print_tile(o, tile);
    if (o->k->stages.n > 1 && m) {
        if (tiles > 1)
            line(o, "for (int %s = %s; %s < %s + rows; %s++) {", m->name, block.name, m->name, block.name, m->name);
        else
            line(o, "for (int %s = 0; %s < %" PRId64 "; %s++) {", m->name, m->name, m->extent, m->name);
        o->indent++;
    }
    for (int i = 0; i < o->k->stages.n; i++)
        if (o->k->stages.at[i] != tile)
            print_stage(o, o->k->stages.at[i]);
    close_loops(o, opened + (o->k->stages.n > 1 && m));
    ((Kernel *)o->k)->block = NULL;
}

static void print_comment(Out *o)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; o->p->d && i < o->k->spans.n && i < 6; i++) {
        int column, at = diag_line(o->p->d, o->k->spans.at[i], &column);
        if (at)
            sb_printf(&sb, "%s%s:%d", i ? ", " : "", diag_source_name(o->p->d, o->k->spans.at[i].source), at);
    }
    const Unit *last = o->k->units.at[o->k->units.n - 1];
    line(o, "/* %s%s%s%s */", sb_text(&sb), sb.n ? "   " : "", last->buffer ? type_text(o->a, last->type) : "index check",
         o->k->macs ? arena_printf(o->a, "   %" PRId64 " multiply-accumulates", o->k->macs) : "");
}

static const char *parameters(Out *o)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < o->k->scans.n; i++)
        sb_printf(&sb, "%sint %s", sb.n ? ", " : "", o->k->scans.at[i]->name);
    for (int i = 0; i < o->k->args.n; i++) {
        const Buffer *b = o->k->args.at[i];
        sb_printf(&sb, "%s%s%s *restrict %s", sb.n ? ", " : "", is_written(o->k, b) ? "" : "const ", c_type(b->type.dt), b->name);
    }
    return sb.n ? sb_text(&sb) : "void";
}

void emit_kernel(StrBuf *sb, const Plan *p, const Kernel *k, const char *prefix)
{
    Out o = {.sb = sb, .a = p->a, .p = p, .k = k, .prefix = prefix};
    const Stage *tile = tiled_stage(k);
    print_comment(&o);
    if (tile)
        tile_functions(&o, tile->tile);
    bool check = k->stages.at[0]->kind == STAGE_CHECK;
    line(&o, "static %s %s%s(%s)", check ? "dl_status" : "void", prefix, k->name, parameters(&o));
    line(&o, "{");
    o.indent = 1;
    int opened = 0;
    for (int i = 0; i < k->nouter; i++) {
        const Var *v = k->outer[k->order[i]];
        if (tile && v == tile->tile->m)
            continue;
        open_loop(&o, v);
        opened++;
    }
    print_locals(&o);
    if (tile)
        print_blocked(&o, tile);
    else
        for (int i = 0; i < k->stages.n; i++)
            print_stage(&o, k->stages.at[i]);
    close_loops(&o, opened);
    o.indent = 0;
    line(&o, "}");
    sb_putc(sb, '\n');
}
