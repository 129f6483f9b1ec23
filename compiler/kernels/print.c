/* SPDX-License-Identifier: MIT */
/* print.c: a plan as text: its kernels in the order they run, and where its buffers lie.
 *
 *     k0_dot  for i0<8  512 multiply-accumulates
 *         reads x, w, b
 *         writes h
 *         tile 8 rows of 1*16 columns  n<16  k<4
 *             h[i0 * 16 + n] = sum(x[i0 * 4 + k] * w[k * 16 + n])
 *         map j0<16
 *             h[i0 * 16 + j0] = max2(h[i0 * 16 + j0] + b[j0], 0)
 *
 * A buffer that shares another's storage goes by that one's name. What is used twice, or would make a line
 * long, gets a line of its own as v1, v2, ... Everything printed follows from the plan: the same plan gives
 * the same bytes. */
#include "place.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDE = 88,  /* characters of an expression, before its longest part moves to a line of its own */
    WORTH = 16, /* characters of a part that is worth moving */
};

typedef struct Shown { /* an expression of the stage being printed */
    int uses;
    const char *name; /* v1, once it has a line of its own */
} Shown;

typedef struct Printer {
    StrBuf *sb;
    Arena *a;
    const Plan *p;
    const char **name; /* by buffer */
    const Kernel *k;   /* the kernel being printed */
    VEC(Shown) shown;  /* by expression */
    int indent, nvalue;
} Printer;

static void line(Printer *o, const char *format, ...) PRINTF(2, 3);
static void line(Printer *o, const char *format, ...)
{
    va_list args;
    sb_printf(o->sb, "%*s", 4 * o->indent, "");
    va_start(args, format);
    sb_vprintf(o->sb, format, args);
    va_end(args);
    sb_putc(o->sb, '\n');
}

/* ---- names ----------------------------------------------------------------------------------------- */
static const Unit *unit_stored_in(const Plan *p, const Buffer *b)
{
    for (int i = 0; i < p->kernels.n; i++)
        for (int k = 0; k < p->kernels.at[i]->units.n; k++)
            if (p->kernels.at[i]->units.at[k]->buffer == b)
                return p->kernels.at[i]->units.at[k];
    return NULL;
}

static bool taken(Printer *o, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(o->name[i], name))
            return true;
    return false;
}

static void choose_names(Printer *o)
{
    o->name = NEWN(o->a, const char *, o->p->buffers.n);
    for (int i = 0; i < o->p->buffers.n; i++) {
        const Buffer *b = o->p->buffers.at[i];
        const Unit *u = b->name ? NULL : unit_stored_in(o->p, b);
        const char *name = b->name ? b->name : u ? op_info(u->node->op)->text : "unused";
        o->name[i] = name;
        for (int k = 2; taken(o, i, o->name[i]); k++)
            o->name[i] = arena_printf(o->a, "%s_%d", name, k);
    }
}

static Printer printer(StrBuf *sb, const Plan *p)
{
    Printer o = {.sb = sb, .a = p->a, .p = p};
    choose_names(&o);
    return o;
}

static const char *name_of(Printer *o, const Buffer *b)
{
    return o->name[buffer_root((Buffer *)b)->id];
}

/* ---- indices --------------------------------------------------------------------------------------- */
static const char *ex_text(Printer *o, const Ex *e, int outside);
static const char *lin_text(Printer *o, const Lin *x);

static const char *atom_text(Printer *o, const Atom *atom)
{
    if (atom->kind == ATOM_VAR)
        return atom->var->name;
    if (atom->kind == ATOM_VALUE)
        return ex_text(o, atom->value, 10);
    bool bare = atom->of->n == 1 && !atom->of->constant && atom->of->term[0].factor == 1 &&
                atom->of->term[0].atom->kind == ATOM_VAR;
    return arena_printf(o->a, bare ? "%s %c %" PRId64 : "(%s) %c %" PRId64, lin_text(o, atom->of),
                        atom->kind == ATOM_DIV ? '/' : '%', atom->by);
}

static const char *lin_text(Printer *o, const Lin *x)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        int64_t f = x->term[i].factor, size = f < 0 ? -f : f;
        bool compound = size != 1 && (atom->kind == ATOM_DIV || atom->kind == ATOM_REM);
        sb_puts(&sb, !i ? (f < 0 ? "-" : "") : f < 0 ? " - " : " + ");
        sb_printf(&sb, compound ? "(%s)" : "%s", atom_text(o, atom));
        if (size != 1)
            sb_printf(&sb, " * %" PRId64, size);
    }
    if (!x->n)
        sb_printf(&sb, "%" PRId64, x->constant);
    else if (x->constant)
        sb_printf(&sb, " %c %" PRId64, x->constant < 0 ? '-' : '+',
                  x->constant < 0 ? -x->constant : x->constant);
    return sb_text(&sb);
}

/* An element of a buffer; of a local one, which holds one outer position, without the outer variables. */
static const char *element_text(Printer *o, const Buffer *b, const Lin *at)
{
    const char *name = name_of(o, b);
    b = buffer_root((Buffer *)b);
    if (b->kind == BUFFER_LOCAL && type_count(b->type) == 1)
        return name;
    for (int i = 0; b->kind == BUFFER_LOCAL && i < o->k->nouter; i++)
        at = lin_without(o->a, at, o->k->outer[i]);
    return arena_printf(o->a, "%s[%s]", name, lin_text(o, at));
}

/* ---- expressions ----------------------------------------------------------------------------------- */
int op_strength(Op op)
{
    static const struct {
        const char *sign;
        int strength;
    } rows[] = {{"*", TIMES},    {"/", TIMES},     {"+", PLUS},   {"-", PLUS},   {"<", COMPARE},
                {"<=", COMPARE}, {"==", EQUAL},    {"&&", BOTH},  {"||", EITHER}};
    for (int i = 0; i < LEN(rows); i++)
        if (op_info(op)->c && str_eq(op_info(op)->c, rows[i].sign))
            return rows[i].strength;
    return 0;
}

static const char *number_text(Printer *o, double value, DType dt)
{
    if (isnan(value) || isinf(value))
        return isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    for (int digits = 1; digits < 17; digits++) {
        const char *text = arena_printf(o->a, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back == value || (dt == DT_F32 && (float)back == (float)value))
            return text;
    }
    return arena_printf(o->a, "%.17g", value);
}

/* Long texts become values with a line of their own, the longest first, until what is left fits a line. */
static void shorten(Printer *o, const char **part, int n)
{
    for (;;) {
        size_t all = 0;
        int longest = 0;
        for (int i = 0; i < n; i++) {
            all += strlen(part[i]);
            if (strlen(part[i]) > strlen(part[longest]))
                longest = i;
        }
        if (all <= WIDE || strlen(part[longest]) < WORTH)
            return;
        const char *name = arena_printf(o->a, "v%d", ++o->nvalue);
        line(o, "%s = %s", name, part[longest]);
        part[longest] = name;
    }
}

static const char *call_text(Printer *o, const char *name, const char **part, int n)
{
    StrBuf sb = {.a = o->a};
    shorten(o, part, n);
    sb_printf(&sb, "%s(", name);
    for (int i = 0; i < n; i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", part[i]);
    sb_putc(&sb, ')');
    return sb_text(&sb);
}

static const char *op_text(Printer *o, const Ex *e, int outside)
{
    int strength = op_strength(e->op);
    const char *part[3];
    for (int i = 0; i < e->nin; i++)
        part[i] = ex_text(o, e->in[i], strength ? strength + i : 0);
    if (!strength)
        return call_text(o, e->op == OP_CAST ? dtype_name(e->dt) : op_info(e->op)->text, part, e->nin);
    shorten(o, part, 2);
    return arena_printf(o->a, outside > strength ? "(%s %s %s)" : "%s %s %s", part[0], op_info(e->op)->c,
                        part[1]);
}

static const char *guard_text(Printer *o, const Ex *e)
{
    StrBuf sb = {.a = o->a};
    const char *part[2];
    for (int i = 0; i < 2; i++)
        part[i] = ex_text(o, e->in[i], 0);
    shorten(o, part, 2);
    for (int i = 0; i < e->nguard; i++)
        sb_printf(&sb, "%s%" PRId64 " <= %s < %" PRId64, i ? ", " : "", e->guard[i].lo,
                  lin_text(o, e->guard[i].at), e->guard[i].hi);
    return arena_printf(o->a, "{%s ? %s : %s}", sb_text(&sb), part[0], part[1]);
}

static const char *uniform_text(Printer *o, const Ex *e)
{
    const char *part[5];
    for (int i = 0; i < 3; i++)
        part[i] = ex_text(o, e->in[i], 0);
    part[3] = arena_printf(o->a, "salt %" PRIu32, e->salt);
    part[4] = lin_text(o, e->at);
    return call_text(o, "random", part, 5);
}

static const char *whole_text(Printer *o, const Ex *e, int outside)
{
    switch (e->kind) {
    case X_CONST:
        return number_text(o, e->value, e->dt);
    case X_INDEX:
        return arena_printf(o->a, outside > 7 && (e->at->n > 1 || e->at->constant) ? "(%s)" : "%s",
                            lin_text(o, e->at));
    case X_LOAD:
        return element_text(o, e->buffer, e->at);
    case X_OP:
        return op_text(o, e, outside);
    case X_GUARD:
        return guard_text(o, e);
    case X_UNIFORM:
        return uniform_text(o, e);
    case X_UNIT:
        return name_of(o, e->unit->buffer);
    }
    return "?";
}

/* What is used twice and is long goes to a line of its own the first time it is met. */
static const char *ex_text(Printer *o, const Ex *e, int outside)
{
    Shown *shown = &o->shown.at[e->id];
    if (shown->name)
        return shown->name;
    if (shown->uses < 2 || e->kind == X_UNIT)
        return whole_text(o, e, outside);
    const char *text = whole_text(o, e, 0);
    if (strlen(text) < WORTH)
        return whole_text(o, e, outside);
    o->shown.at[e->id].name = arena_printf(o->a, "v%d", ++o->nvalue);
    line(o, "%s = %s", o->shown.at[e->id].name, text);
    return o->shown.at[e->id].name;
}

static void count_uses(Printer *o, const Ex *e);

static void count_in_index(Printer *o, const Lin *x)
{
    for (int i = 0; x && i < x->n; i++) {
        if (x->term[i].atom->kind == ATOM_VALUE)
            count_uses(o, x->term[i].atom->value);
        else
            count_in_index(o, x->term[i].atom->of);
    }
}

static void count_uses(Printer *o, const Ex *e)
{
    while (o->shown.n <= e->id)
        vec_push(o->a, &o->shown, (Shown){0});
    if (o->shown.at[e->id].uses++)
        return;
    count_in_index(o, e->at);
    for (int i = 0; i < e->nguard; i++)
        count_in_index(o, e->guard[i].at);
    for (int i = 0; i < e->nin; i++)
        count_uses(o, e->in[i]);
}

/* ---- stages ---------------------------------------------------------------------------------------- */
static const char *loops_text(Printer *o, Var *const *loop, int from, int to)
{
    StrBuf sb = {.a = o->a};
    for (int i = from; i < to; i++)
        sb_printf(&sb, " %s<%" PRId64, loop[i]->name, loop[i]->extent);
    return sb_text(&sb);
}

static const char *strided_text(Printer *o, const Buffer *b, const Lin *at, const Tile *t, int64_t m,
                                int64_t n, int operand)
{
    Var column = {.id = 2000, .extent = t->n->extent, .name = t->n->name};
    Var row = {
        .id = t->m ? t->m->id : 0, .extent = t->m ? t->m->extent : 1, .name = t->m ? t->m->name : NULL};
    at = lin_add(o->a, at, lin_scale(o->a, lin_var(o->a, &row), m));
    if (t->inner)
        at = lin_add(o->a, at, lin_scale(o->a, lin_var(o->a, t->inner), operand == 0 ? t->c_inner : operand == 1 ? t->a_inner : 0));
    for (int i = 0; operand && i < t->nk; i++) {
        Var *k = NEW(o->a, Var);
        *k = (Var){.id = 1001 + i, .extent = t->k[i].var->extent, .name = t->k[i].var->name};
        at = lin_add(o->a, at, lin_scale(o->a, lin_var(o->a, k), operand == 1 ? t->k[i].a : t->k[i].b));
    }
    const Lin *columns = lin_var(o->a, &column);
    if (operand == 1 && t->group)
        at = lin_add(o->a, at, lin_scale(o->a, lin_div(o->a, columns, t->group), t->a_group));
    else
        at = lin_add(o->a, at, lin_scale(o->a, columns, n));
    return arena_printf(o->a, "%s[%s]", name_of(o, b), lin_text(o, at));
}

static void print_tile(Printer *o, const Stage *s)
{
    const Tile *t = s->tile;
    const Item *item = &s->items.at[0];
    StrBuf sb = {.a = o->a};
    sb_printf(&sb, t->inner ? "tile %d*%d rows of %d*%d columns" : "tile %d%.0d rows of %d*%d columns", t->schedule.rows,
              t->inner ? tile_inner(t) : 0, t->schedule.columns, t->schedule.lanes);
    if (t->schedule.abreast > 1)
        sb_puts(&sb, ", two rows abreast");
    if (t->k_lanes)
        sb_printf(&sb, ", vectors of %d steps", t->k_lanes);
    if (t->by_row >= 0)
        sb_printf(&sb, " in %d forms", t->forms.n);
    if (t->schedule.panel_tiles)
        sb_printf(&sb, ", panels of %d tiles and %" PRId64 " steps within %d loops", t->schedule.panel_tiles,
                  panel_rows(t), t->schedule.outside);
    else if (tile_has_blocks(t))
        sb_printf(&sb, ", blocks of %" PRId64 " steps within %d loops", panel_rows(t), t->schedule.outside);
    if (t->schedule.prefetch)
        sb_printf(&sb, ", fetching the next %s", tile_fetches_rows(t) ? "rows" : tile_fetches_block(t) ? "block" : tile_fetches_columns(t) ? "columns" : "lines to store");
    if (t->turn)
        sb_printf(&sb, ", backwards in odd turns of %s", t->turn->name);
    sb_printf(&sb, "  n<%" PRId64, t->n->extent);
    for (int i = 0; i < t->nk; i++)
        sb_printf(&sb, "%s %s<%" PRId64, i ? "" : " ", t->k[i].var->name, t->k[i].var->extent);
    line(o, "%s", sb_text(&sb));
    o->indent++;
    for (int i = 0; i < t->nk; i++) {
        const Tap *tap = &t->k[i].tap;
        if (t->k[i].tapped)
            line(o, "where 0 <= %s * %" PRId64 " + %s * %" PRId64 " - %" PRId64 " < %" PRId64, tap->out->name,
                 tap->stride, t->k[i].var->name, tap->dilation, tap->pad, tap->extent);
    }
    line(o, "%s = sum(%s * %s)", strided_text(o, item->buffer, t->c_at, t, t->c_m, 1, 0),
         strided_text(o, t->a, t->a_at, t, t->a_m, t->a_n, 1), strided_text(o, t->b, t->b_at, t, 0, t->b_n, 2));
    if (t->pages)
        line(o, "fetches a page ahead of what the steps read");
    if (t->lead)
        line(o, "fetches what the steps read that are %d further on", t->lead);
    for (int i = 0; i < t->beside.n; i++)
        line(o, "fetches %srows, from %s", t->beside.at[i].further ? "the next " : "", element_text(o, t->beside.at[i].buffer, t->beside.at[i].at));
    for (int i = 0; i < t->ahead.n; i++) {
        const Ahead *ahead = &t->ahead.at[i];
        const char *much = ahead->floats ? arena_printf(o->a, "%d floats a step", ahead->floats) : arena_printf(o->a, "%d lines at a time", ahead->lines);
        line(o, "fetches ahead, from %s, %s", element_text(o, ahead->buffer, ahead->at), much);
    }
    o->indent--;
}

static void print_item(Printer *o, const Stage *s, const Item *item)
{
    const char *to = item->buffer         ? element_text(o, item->buffer, item->at)
                     : item->unit->buffer ? name_of(o, item->unit->buffer)
                                          : "";
    const char *value = ex_text(o, item->value, 0);
    if (s->kind == STAGE_SCATTER)
        line(o, "%s += %s", to, value);
    else if (s->kind == STAGE_CHECK)
        line(o, "0 <= %s < %" PRId64, value, s->limit);
    else if (item->reduce != OP_COUNT)
        line(o, "%s = %s(%s)", to, op_info(item->reduce)->text, value);
    else
        line(o, "%s = %s", to, value);
}

static void print_stage(Printer *o, const Stage *s)
{
    static const char *const kind[] = {
        [STAGE_MAP] = "map", [STAGE_REDUCE] = "reduce", [STAGE_SCATTER] = "scatter", [STAGE_CHECK] = "check"};
    const char *behind = s->behind_rows ? "behind all rows: " : "";
    if (s->kind == STAGE_TILE) {
        print_tile(o, s);
        return;
    }
    if (s->kind == STAGE_REDUCE)
        line(o, "%sreduce%s  over%s%s%s%s", behind, loops_text(o, s->loop, 0, s->nparallel),
             loops_text(o, s->loop, s->nparallel, s->nloop),
             s->lanes > 1 ? arena_printf(o->a, "  %d lanes", s->lanes) : "", s->vector ? "  by columns" : "",
             s->wide ? arena_printf(o->a, ", %d*%d at a time", s->together, s->wide) : "");
    else
        line(o, "%s%s%s%s", behind, kind[s->kind], loops_text(o, s->loop, 0, s->nloop),
             s->square ? arena_printf(o->a, "  in squares of %d", s->square) : "");
    o->indent++;
    o->shown.n = 0;
    for (int i = 0; i < s->items.n; i++) {
        count_uses(o, s->items.at[i].value);
        count_in_index(o, s->items.at[i].at);
    }
    for (int i = 0; i < s->items.n; i++)
        print_item(o, s, &s->items.at[i]);
    for (int i = 0; i < s->further.n; i++)
        line(o, "fetches a page ahead, %s", element_text(o, s->further.at[i].buffer, s->further.at[i].at));
    o->indent--;
}

/* ---- kernels and steps ----------------------------------------------------------------------------- */
static bool writes(const Kernel *k, const Buffer *root)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++) {
            Buffer *b = k->stages.at[i]->items.at[j].buffer;
            if (b && buffer_root(b) == root)
                return true;
        }
    return false;
}

/* The caller's and the arena's buffers a kernel reads only, or writes, over as many lines as they need. */
static void print_arguments(Printer *o, const Kernel *k, bool written)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < k->nused; i++) {
        if (writes(k, k->args.at[i]) != written)
            continue;
        if (sb.n > WIDE) {
            line(o, "%s,", sb_text(&sb));
            sb = (StrBuf){.a = o->a};
            sb_puts(&sb, "       ");
        } else {
            sb_puts(&sb, !sb.n ? (written ? "writes " : "reads ") : ", ");
        }
        sb_puts(&sb, name_of(o, k->args.at[i]));
    }
    if (sb.n)
        line(o, "%s", sb_text(&sb));
}

static const char *split_text(Printer *o, const Kernel *k)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < k->split.n; i++)
        sb_printf(&sb, " %s%s", k->split.in_parts ? "a part of each " : "", k->split.var[i]->name);
    return sb_text(&sb);
}

static void print_kernel(Printer *o, const Kernel *k)
{
    StrBuf loops = {.a = o->a};
    for (int i = 0; i < k->nouter; i++)
        sb_printf(&loops, " %s<%" PRId64, k->outer[k->order[i]]->name, k->outer[k->order[i]]->extent);
    o->k = k;
    o->nvalue = 0;
    line(o, "%s%s%s%s", k->name, k->nouter ? "  for" : "", sb_text(&loops),
         k->macs ? arena_printf(o->a, "  %" PRId64 " multiply-accumulates", k->macs) : "");
    o->indent++;
    print_arguments(o, k, false);
    print_arguments(o, k, true);
    if (k->split.n && !k->by_rows)
        line(o, "threads%s  %" PRId64 " turns, %" PRId64 " at least", split_text(o, k), k->split.turns, k->split.grain);
    for (int i = 0; i < k->locals.n; i++)
        line(o, "local %s : %s", name_of(o, k->locals.at[i]), type_text(o->a, k->locals.at[i]->type));
    for (int i = 0; i < k->stages.n; i++)
        print_stage(o, k->stages.at[i]);
    o->indent--;
}

static const char *rows_text(Printer *o, const int64_t *rows)
{
    StrBuf sb = {.a = o->a};
    sb_puts(&sb, ", threads share the examples");
    for (int i = 0; i < o->p->target->threads.n; i++)
        sb_printf(&sb, "%s%" PRId64 " to %" PRId64, i ? ", " : " ", rows[i], rows[i + 1] - 1);
    return sb_text(&sb);
}

static void print_steps(Printer *o, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++) {
        if (steps[i]->kind == STEP_KERNEL) {
            print_kernel(o, steps[i]->kernel);
            continue;
        }
        const char *shared = steps[i]->grain ? arena_printf(o->a, ", threads share them, %" PRId64 " at least", steps[i]->grain)
                           : steps[i]->rows  ? rows_text(o, steps[i]->rows) : "";
        line(o, "for %s<%" PRId64 "%s%s {", steps[i]->time->name, steps[i]->time->extent, steps[i]->reverse ? ", backwards" : "", shared);
        o->indent++;
        print_steps(o, steps[i]->body.at, steps[i]->body.n);
        o->indent--;
        line(o, "}");
    }
}

void plan_print_kernels(StrBuf *sb, const Plan *p)
{
    Printer o = printer(sb, p);
    print_steps(&o, p->steps.at, p->steps.n);
}

/* ---- memory ---------------------------------------------------------------------------------------- */
static int by_first_step(const void *x, const void *y)
{
    const Buffer *a = *(Buffer *const *)x, *b = *(Buffer *const *)y;
    return a->first != b->first ? a->first - b->first : a->id - b->id;
}

void plan_print_memory(StrBuf *sb, const Plan *p)
{
    Printer o = printer(sb, p);
    Buffer **order = NEWN(o.a, Buffer *, p->buffers.n);
    int n = 0;
    for (int i = 0; i < p->buffers.n; i++)
        if (p->buffers.at[i]->kind == BUFFER_ARENA && p->buffers.at[i]->first >= 0)
            order[n++] = p->buffers.at[i];
    if (n)
        qsort(order, (size_t)n, sizeof *order, by_first_step);
    line(&o, "arena %" PRId64 " bytes, at the most %" PRId64 " in use at once", p->arena_bytes,
         p->arena_bound);
    for (int i = 0; i < n; i++) {
        const Buffer *b = order[i];
        StrBuf at = {.a = o.a};
        if (b->alias)
            sb_printf(&at, "in %s", name_of(&o, b));
        else if (b->turn)
            sb_printf(&at, "turn %" PRId64, b->inside);
        else
            sb_printf(&at, "%s %" PRId64, p->memories ? p->memories->at[b->memory].name : "at", b->offset);
        line(&o, "    %-12s %9" PRId64 " bytes  steps %3d..%-3d  %s : %s", sb_text(&at), type_bytes(b->type),
             b->first, b->last, o.name[b->id], type_text(o.a, b->type));
    }
}

void plan_print(StrBuf *sb, const Plan *p)
{
    plan_print_kernels(sb, p);
    sb_putc(sb, '\n');
    plan_print_memory(sb, p);
}
