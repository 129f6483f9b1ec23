/* SPDX-License-Identifier: MIT */
/* emit_expr.c: values as C text. A value is written where it is used, except those used twice and those that stay the same in
 * an inner loop: these get a constant at the loop where they are first known. */
#include "emit_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------------ */
void line(Out *o, const char *format, ...)
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
    emit_line(o->sb, 4 * o->indent, text);
}

const char *c_type(DType dt)
{
    return dt == DT_F32 ? "float" : dt == DT_I32 ? "int32_t" : "uint8_t";
}

const char *c_storage_type(const Buffer *b)
{
    bool word = b->type.dt == DT_I32 && buffer_root((Buffer *)b)->kind == BUFFER_ARENA;
    return word ? "dl_word" : c_type(b->type.dt);
}

const char *c_value_type(DType dt)
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
    char text[320];
    int low = 1, high = 9;                      /* the fewest digits that read back the same; more never do worse */
    while (low < high) {
        int digits = (low + high) / 2;
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x)
            high = digits;
        else
            low = digits + 1;
    }
    snprintf(text, sizeof text, "%.*g", low, (double)x);
    return arena_printf(a, strpbrk(text, ".e") ? "%sf" : "%s.0f", text);
}

/* ---- indices --------------------------------------------------------------------------------------- */
/* By how much a row or a column that is written out moves an index. */
static int64_t shift_of(const Out *o, const Lin *x)
{
    return (o->column.v ? lin_factor(x, o->column.v) * o->column.by : 0) + (o->row.v ? lin_factor(x, o->row.v) * o->row.by : 0);
}

/* Whether it is printed as one variable or value. */
static bool is_bare(const Out *o, const Lin *x)
{
    return x->n == 1 && x->constant + shift_of(o, x) == 0 && x->term[0].factor == 1;
}

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
        const bool bare = is_bare(o, atom->of);
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

static bool stands_still(const Out *o, const Atom *atom)
{
    return (atom->kind == ATOM_DIV || atom->kind == ATOM_REM) && lin_depth(atom->of) < o->inner;
}

const Lin *still_part(Out *o, const Lin *x)
{
    Lin *part = arena_alloc(o->a, sizeof *part + sizeof part->term[0] * (size_t)x->n);
    part->constant = 0;
    part->n = 0;
    for (int i = 0; o->inner && i < x->n; i++)
        if (stands_still(o, x->term[i].atom))
            part->term[part->n++] = x->term[i];
    return part->n ? part : NULL;
}

static const Place *place_of(Out *o, const Lin *x)
{
    const Lin *still = o->places.n ? still_part(o, x) : NULL;
    for (int i = 0; still && i < o->places.n; i++)
        if (lin_eq(o->places.at[i].still, still))
            return &o->places.at[i];
    return NULL;
}

static bool is_fixed(const Out *o, const Atom *atom)
{
    return atom->kind == ATOM_VAR && ((o->column.fixed && atom->var == o->column.v) || (o->row.fixed && atom->var == o->row.v));
}

static void put_lin(Out *o, StrBuf *sb, const Lin *x)
{
    const Place *place = place_of(o, x);
    bool first = place == NULL;
    const int64_t constant = x->constant + shift_of(o, x);
    if (place)
        sb_puts(sb, place->name);
    for (int i = 0; i < x->n; i++) {
        int64_t f = x->term[i].factor;
        if ((place && stands_still(o, x->term[i].atom)) || is_fixed(o, x->term[i].atom))
            continue;
        sb_puts(sb, first ? (f < 0 ? "-" : "") : f < 0 ? " - " : " + ");
        put_term(o, sb, f < 0 ? -f : f, x->term[i].atom);
        first = false;
    }
    if (first)
        sb_printf(sb, "%" PRId64, constant);
    else if (constant)
        sb_printf(sb, " %c %" PRId64, constant < 0 ? '-' : '+', constant < 0 ? -constant : constant);
}

const char *lin_text(Out *o, const Lin *x)
{
    StrBuf sb = {.a = o->a};
    put_lin(o, &sb, x);
    return sb_text(&sb);
}

/* ---- buffers --------------------------------------------------------------------------------------- */
bool is_scalar_local(const Buffer *b)
{
    return b->kind == BUFFER_LOCAL && type_count(b->type) == 1;
}

static void put_indexed(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at, const char *type)
{
    buffer = buffer_root(buffer);
    sb_puts(sb, buffer->name);
    if (is_scalar_local(buffer))
        return;
    for (int i = 0; buffer->kind == BUFFER_LOCAL && i < o->k->nouter; i++)   /* it holds one outer position */
        at = lin_without(o->a, at, o->k->outer[i]);
    sb_printf(sb, "[%s", type);
    put_lin(o, sb, at);
    sb_putc(sb, ']');
}

void put_element(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at)
{
    put_indexed(o, sb, buffer, at, "");
}

void put_vector(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at, const char *qualifier)
{
    StrBuf element = {.a = o->a};
    put_element(o, &element, buffer, at);
    sb_printf(sb, "*(%sdl_v%d *)&%s", qualifier, o->column.wide, sb_text(&element));
}

/* The C variable that holds a unit's value inside its kernel. */
const char *unit_name(Out *o, const Unit *u)
{
    const char *name = u->node->name ? u->node->name : op_info(u->node->op)->text;
    return arena_printf(o->a, "%s_v%d", o->nameless ? "unit" : c_identifier(o->a, name), u->place);
}

/* ---- expressions ----------------------------------------------------------------------------------- */
/* Integers wrap around, where C's operators may not. */
static const char *wrapping(Op op)
{
    switch (op) {
    case OP_ADD: return "dl_add_i32";
    case OP_SUB: return "dl_sub_i32";
    case OP_MUL: return "dl_mul_i32";
    case OP_DIV: return "dl_floordiv_i32";
    case OP_REM: return "dl_rem_i32";
    case OP_NEG: return "dl_neg_i32";
    case OP_ABS: return "dl_abs_i32";
    default: return NULL;
    }
}

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

/* x where the condition holds, else y; C chooses between scalars only. */
static void put_choice(Out *o, StrBuf *sb, const char *condition, const Ex *x, const Ex *y, int outside)
{
    const bool vectors = o->lanes > 1;
    const int part = vectors ? ANY : CHOOSE + 1;
    open_paren(sb, !vectors && outside > CHOOSE);
    if (vectors)
        sb_printf(sb, "DL_CHOOSE%d(", o->lanes);
    sb_printf(sb, "%s%s%s%s", condition, vectors ? ", " : " ? ", ex_text(o, x, part), vectors ? ", " : " : ");
    sb_puts(sb, ex_text(o, y, part));
    close_paren(sb, vectors || outside > CHOOSE);
}

/* max(x, y) and min(x, y) keep a NaN; against a constant one comparison does. */
static void put_extremum(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    bool max = e->op == OP_MAX2;
    if (e->dt == DT_F32 && !plain_const(e->in[1])) {
        put_call(o, sb, max ? "dl_max" : "dl_min", e);
        return;
    }
    if (o->lanes > 1) {
        put_call(o, sb, arena_printf(o->a, "%s%d", max ? "DL_MAX" : "DL_MIN", o->lanes), e);
        return;
    }
    const char *x = ex_text(o, e->in[0], COMPARE + 1), *y = ex_text(o, e->in[1], COMPARE + 1);
    put_choice(o, sb, arena_printf(o->a, "%s %s %s", x, max ? "<" : ">", y), e->in[1], e->in[0], outside);
}

const char *salt_name(Arena *a, int i)
{
    return i ? arena_printf(a, "salt_%d", i + 1) : "salt";
}

const char *salt_text(Out *o, uint32_t salt)
{
    for (int i = 0; i < o->k->salts.n; i++)
        if (o->k->salts.at[i] == salt)
            return salt_name(o->a, i);
    return arena_printf(o->a, "0x%08" PRIx32 "u", salt);
}

static void put_cast(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    open_paren(sb, outside > UNARY);
    if (e->dt == DT_BOOL) {
        put_ex(o, sb, e->in[0], EQUAL + 1);
        sb_puts(sb, " != 0");
    } else {
        bool from_float = e->in[0]->dt == DT_F32 && e->dt != DT_F32;
        if (from_float)
            sb_puts(sb, e->dt == DT_I32 ? "dl_i32_of(" : "dl_u8_of(");
        else
            sb_printf(sb, "(%s)", c_type(e->dt));
        put_ex(o, sb, e->in[0], from_float ? ANY : UNARY);
        close_paren(sb, from_float);
    }
    close_paren(sb, outside > UNARY);
}

/* How tight a left operand must be: compilers want parentheses where comparisons are compared, or are in doubt about && and ||. */
static int left_strength(int strength)
{
    return strength == BOTH ? EQUAL : strength == EQUAL || strength == COMPARE ? COMPARE + 1 : strength;
}

static void put_op(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    int strength = op_strength(e->op);
    if (e->dt == DT_I32 && wrapping(e->op)) {
        put_call(o, sb, wrapping(e->op), e);
    } else if (strength) {
        open_paren(sb, outside > strength || (strength <= EITHER && outside > ANY));
        bool negative = e->op == OP_ADD && e->dt == DT_F32 && plain_const(e->in[1]) && e->in[1]->value < 0;     /* x + -1 reads x - 1 */
        put_ex(o, sb, e->in[0], left_strength(strength));
        sb_printf(sb, " %s ", negative ? "-" : op_info(e->op)->c);
        if (negative)
            sb_puts(sb, c_float(o->a, -e->in[1]->value));
        else
            put_ex(o, sb, e->in[1], strength == EQUAL ? COMPARE + 1 : strength + 1);
        close_paren(sb, outside > strength || (strength <= EITHER && outside > ANY));
    } else if (op_info(e->op)->c) {
        put_call(o, sb, op_info(e->op)->c, e);
    } else if (e->op == OP_MAX2 || e->op == OP_MIN2) {
        put_extremum(o, sb, e, outside);
    } else if (e->op == OP_CAST) {
        put_cast(o, sb, e, outside);
    } else if (e->op == OP_NEG || e->op == OP_NOT) {
        open_paren(sb, outside > UNARY);
        sb_putc(sb, e->op == OP_NEG ? '-' : '!');
        put_ex(o, sb, e->in[0], TIGHT);
        close_paren(sb, outside > UNARY);
    } else if (e->op == OP_SELECT) {
        put_choice(o, sb, ex_text(o, e->in[0], o->lanes > 1 ? ANY : CHOOSE + 1), e->in[1], e->in[2], outside);
    } else {
        BUG("no C for %s", op_info(e->op)->text);
    }
}

static void put_bound(Out *o, StrBuf *sb, const Guard *g, bool lower)
{
    sb_puts(sb, lin_text(o, g->at));
    sb_printf(sb, lower ? " >= %" PRId64 : " < %" PRId64, lower ? g->lo : g->hi);
}

void put_conditions(Out *o, StrBuf *sb, const Ex *e)
{
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
}

/* Of vectors an index is long: what is computed under a condition alone gcc makes unsigned, and an int that may wrap around is no row of
 * elements to it but a gather. */
static void put_guarded(Out *o, StrBuf *sb, const Ex *e)
{
    if (o->p->target->lanes > 1 && e->kind == X_LOAD && e->temp <= 0 && !o->column.wide)
        put_indexed(o, sb, e->buffer, e->at, "(long)");
    else
        put_ex(o, sb, e, CHOOSE + 1);
}

static void put_guard(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    open_paren(sb, outside > CHOOSE);
    put_conditions(o, sb, e);
    sb_puts(sb, " ? ");
    put_guarded(o, sb, e->in[0]);
    sb_puts(sb, " : ");
    put_ex(o, sb, e->in[1], CHOOSE + 1);
    close_paren(sb, outside > CHOOSE);
}

void put_whole(Out *o, StrBuf *sb, const Ex *e, int outside)
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
        open_paren(sb, outside > PLUS && !is_bare(o, e->at));
        put_lin(o, sb, e->at);
        close_paren(sb, outside > PLUS && !is_bare(o, e->at));
        break;
    case X_LOAD:
        if (o->column.wide && lin_uses(e->at, o->column.v))
            put_vector(o, sb, e->buffer, e->at, "const ");
        else
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
            sb_puts(sb, e->in[i]->kind == X_CONST ? "" : "(uint32_t)");
            put_ex(o, sb, e->in[i], TIGHT);
            sb_puts(sb, ", ");
        }
        sb_printf(sb, "%s, (uint32_t)(%s))", salt_text(o, e->salt), lin_text(o, e->at));
        break;
    case X_UNIT:
        sb_puts(sb, unit_name(o, e->unit));
        break;
    }
}

void put_ex(Out *o, StrBuf *sb, const Ex *e, int outside)
{
    if (e->temp > 0)
        sb_printf(sb, "v%d", e->temp);
    else
        put_whole(o, sb, e, outside);
}

const char *ex_text(Out *o, const Ex *e, int outside)
{
    StrBuf sb = {.a = o->a};
    put_ex(o, &sb, e, outside);
    return sb_text(&sb);
}

/* ---- which expressions become constants, and where ------------------------------------------------- */
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

int lin_depth(const Lin *x)
{
    int depth = 0;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        int d = atom->kind == ATOM_VAR ? atom->var->depth : atom->kind == ATOM_VALUE ? ex_depth(atom->value) : lin_depth(atom->of);
        depth = d > depth ? d : depth;
    }
    return depth;
}

void reset_ex(Ex *e)
{
    e->open = e->behind = 0;
    e->depth = -1;
    e->temp = 0;
    for (int i = 0; i < e->part.n; i++)
        reset_ex(e->part.at[i]);
}

static bool written_twice(const Ex *e, int operand)
{
    return e->kind == X_OP && (e->op == OP_MAX2 || e->op == OP_MIN2) && operand == 0 && (e->dt != DT_F32 || plain_const(e->in[1]));
}

/* Counts uses. What is only reached behind a guard may not be computed outside of it: it is left in place. */
void count_uses(Ex *e, bool guarded)
{
    bool known = e->open || (guarded && e->behind);
    *(guarded ? &e->behind : &e->open) += 1;
    if (known)
        return;
    bool behind = guarded || e->kind == X_GUARD;
    for (int i = 0; i < e->nin; i++)
        for (int times = 0; times < 1 + written_twice(e, i); times++)
            count_uses(e->in[i], behind);
    for (int i = e->nin; i < e->part.n; i++)
        count_uses(e->part.at[i], guarded);
}

static bool is_trivial(const Ex *e)
{
    return e->kind == X_CONST || e->kind == X_INDEX || e->kind == X_UNIT ||
           (e->kind == X_LOAD && is_scalar_local(buffer_root(e->buffer)));
}

/* Is this operand written where C computes it under a condition? */
static bool is_conditional(const Ex *e, int operand)
{
    return e->kind == X_OP && operand > 0 && (e->op == OP_SELECT || e->op == OP_AND || e->op == OP_OR);
}

/* `behind`: within an operand that C computes under a condition. */
static void choose_temps_in(Out *o, Ex *e, int user_depth, bool behind, ExList *list)
{
    if (e->temp)
        return;
    int depth = ex_depth(e);
    for (int i = 0; i < e->part.n; i++)
        choose_temps_in(o, e->part.at[i], depth, behind || (i < e->nin && is_conditional(e, i)), list);
    bool again = e->open + e->behind > 1, early = depth < user_depth && e->kind != X_LOAD;
    bool load = behind && e->kind == X_LOAD;    /* compilers do not vectorise loops with loads under conditions */
    bool choice = behind && e->kind == X_OP && e->op == OP_SELECT && is_trivial(e->in[1]);   /* nor those with choices in choices */
    if (e->temp || is_trivial(e) || !e->open || !(again || early || load || choice))
        return;
    e->temp = -1;       /* numbered when printed */
    vec_push(o->a, list, e);
}

/* Constants needed for e, in order, each before those that use it. user_depth: the loop in which e is used. */
void choose_temps(Out *o, Ex *e, int user_depth, ExList *list)
{
    choose_temps_in(o, e, user_depth, false, list);
}

static const char *vector_type(Out *o, DType dt)
{
    return arena_printf(o->a, dt == DT_BOOL ? "dl_m%d" : "dl_v%d", o->lanes);
}

void print_temps(Out *o, const ExList *list, int depth)
{
    for (int i = 0; i < list->n; i++) {
        Ex *e = list->at[i];
        if (e->temp > 0 || e->depth > depth)
            continue;
        StrBuf sb = {.a = o->a};
        put_whole(o, &sb, e, ANY);
        e->temp = ++o->ntemp;
        line(o, "const %s v%d = %s;", o->lanes > 1 ? vector_type(o, e->dt) : c_value_type(e->dt), e->temp, sb_text(&sb));
    }
}

