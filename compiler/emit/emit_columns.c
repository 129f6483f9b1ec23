/* SPDX-License-Identifier: MIT */
/* emit_columns.c: sums along rows, of columns that lie side by side: in memory, or as vectors in registers (kernels/columns.c). */
#include "emit_internal.h"

#include <inttypes.h>
#include <math.h>

/* ---- in memory ------------------------------------------------------------------------------------- */
/* Whether the item's value adds nothing where its guards do not hold, whatever the column: a window beside the
 * data. */
static bool is_passed_over(const Item *item, const Var *column)
{
    const Ex *e = item->value;
    bool over = e->kind == X_GUARD && !e->temp && e->nin == 2 && e->in[1]->kind == X_CONST &&
                e->dt == DT_F32 && e->in[1]->value == (item->reduce == OP_SUM ? 0 : -INFINITY);
    for (int i = 0; over && i < e->nguard; i++)
        over = lin_depth(e->guard[i].at) < column->depth;
    return over;
}

static void open_columns(Out *o, const Var *column)
{
    const char *v = column->name;
    if (is_split(o, column))
        open_block(o, arena_printf(o->a, "for (int %s = dl_at * %d; %s < dl_at * %d + %d; %s++) {", v, SPLIT_COLUMNS, v, SPLIT_COLUMNS,
                                   SPLIT_COLUMNS, v));
    else
        open_loop(o, column);
}

/* Where a column's sum so far is: with lanes in an array of the kernel's own, else where the result goes. */
static const char *column_sum(Out *o, const Stage *s, const Item *item, const char *lane)
{
    if (s->lanes > 1)
        return arena_printf(o->a, "lanes_%s[%s][%s]", unit_name(o, item->unit), lane, s->loop[s->nparallel - 1]->name);
    StrBuf sb = {.a = o->a};
    put_element(o, &sb, item->buffer, item->at);
    return sb_text(&sb);
}

static void print_columns_start(Out *o, const Stage *s)
{
    const Var *column = s->loop[s->nparallel - 1];
    for (int i = 0; i < s->items.n && s->lanes > 1; i++)
        line(o, "%s lanes_%s[%d][%" PRId64 "];", c_value_type(s->items.at[i].value->dt), unit_name(o, s->items.at[i].unit), s->lanes,
             column->extent);
    if (s->lanes > 1)
        open_block(o, arena_printf(o->a, "for (int lane = 0; lane < %d; lane++) {", s->lanes));
    open_columns(o, column);
    for (int i = 0; i < s->items.n; i++)
        line(o, "%s = %s;", column_sum(o, s, &s->items.at[i], "lane"), start_of(&s->items.at[i]));
    close_loops(o, 1 + (s->lanes > 1));
}

/* One position of the reduce loops, for all columns. */
static void print_columns_step(Out *o, const Stage *s)
{
    const Var *column = s->loop[s->nparallel - 1];
    bool over = s->items.n == 1 && is_passed_over(&s->items.at[0], column);
    if (over) {
        StrBuf head = {.a = o->a};
        sb_puts(&head, "if (");
        put_conditions(o, &head, s->items.at[0].value);
        sb_puts(&head, ") {");
        open_block(o, sb_text(&head));
    }
    if (!is_split(o, column))
        print_unroll(o, s, column->extent);
    open_columns(o, column);
    for (int i = 0; i < s->items.n; i++) {
        Item item = s->items.at[i];
        item.value = over ? item.value->in[0] : item.value;
        print_item_temps(o, item.value);
        print_step(o, s, &item, column_sum(o, s, &item, "lane"));
    }
    close_loops(o, 1 + over);
}

/* Lanes are added up by halves. */
static void print_columns_finish(Out *o, const Stage *s)
{
    for (int half = s->lanes / 2; half > 0; half /= 2) {
        if (half > 1)
            open_block(o, arena_printf(o->a, "for (int lane = 0; lane < %d; lane++) {", half));
        open_columns(o, s->loop[s->nparallel - 1]);
        for (int i = 0; i < s->items.n; i++) {
            const Item *item = &s->items.at[i];
            const char *to = column_sum(o, s, item, half > 1 ? "lane" : "0");
            line(o, "%s", joined(o, item, to, column_sum(o, s, item, half > 1 ? arena_printf(o->a, "lane + %d", half) : "1")));
            if (half == 1)
                print_store(o, item, to);
        }
        close_loops(o, 1 + (half > 1));
    }
}

/* Sums along the last parallel loop, which is the contiguous one; lanes of them for positions of the last reduce loop side by side, so
 * that few columns need not wait for one another. */
static void print_in_memory(Out *o, const Stage *s)
{
    ExList temps = {0};
    const Var *last = s->loop[s->nloop - 1], *column = s->loop[s->nparallel - 1];
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    if (is_split(o, column))
        open_split(o, column);
    open_loops(o, s, 0, s->nparallel - 1, &temps);
    print_columns_start(o, s);
    open_loops(o, s, s->nparallel, s->nloop - (s->lanes > 1), &temps);
    if (s->lanes > 1) {
        open_lanes(o, s, last);
        open_block(o, arena_printf(o->a, "for (int lane = 0; lane < %d; lane++) {", s->lanes));
        StrBuf *out = o->sb, body = {.a = o->a};
        o->sb = &body;
        print_temps(o, &temps, last->depth);
        print_columns_step(o, s);
        o->sb = out;
        print_at(o, last, arena_printf(o->a, "%s_0 + lane", last->name), &body);
        close_loops(o, 2);
    } else {
        print_columns_step(o, s);
    }
    close_loops(o, s->nloop - s->nparallel - (s->lanes > 1));
    print_columns_finish(o, s);
    close_loops(o, s->nparallel - 1 + is_split(o, column));
}

/* ---- in registers ---------------------------------------------------------------------------------- */
static const char *vector_name(Out *o, const Item *item, int i)
{
    return arena_printf(o->a, "%s_%d", unit_name(o, item->unit), i);
}

static void print_vectors(Out *o, const Stage *s)
{
    for (int i = 0; i < s->items.n; i++)
        for (int j = 0; j < s->lanes * s->together; j++)
            line(o, "dl_v%d %s = {0};", s->wide, vector_name(o, &s->items.at[i], j));
}

/* The constants of one row and vector, anew for each: those known in the loop at `depth`. */
static void print_temps_again(Out *o, const ExList *temps, int depth, int wide)
{
    for (int i = 0; i < temps->n; i++) {
        Ex *e = temps->at[i];
        if (e->depth != depth)
            continue;
        StrBuf sb = {.a = o->a};
        put_whole(o, &sb, e, ANY);
        e->temp = ++o->ntemp;
        line(o, "const %s v%d = %s;", wide ? arena_printf(o->a, "dl_v%d", wide) : c_value_type(e->dt), e->temp, sb_text(&sb));
    }
}

/* One row: its part of each vector of columns. */
static void print_row(Out *o, const Stage *s, const ExList *temps, int lane)
{
    const Var *column = s->loop[s->nparallel - 1], *last = s->loop[s->nloop - 1];
    const Ex *guarded = column_guarded(s);
    o->row.by = lane;
    print_temps_again(o, temps, last->depth, 0);
    if (guarded) {
        StrBuf head = {.a = o->a};
        sb_puts(&head, "if (");
        put_conditions(o, &head, s->items.at[0].value);
        sb_puts(&head, ") {");
        open_block(o, sb_text(&head));
    }
    for (int c = 0; c < s->together; c++) {
        o->column.by = c * s->wide;
        print_temps_again(o, temps, column->depth, s->wide);
        for (int i = 0; i < s->items.n; i++)
            line(o, "%s += %s;", vector_name(o, &s->items.at[i], lane * s->together + c), ex_text(o, guarded ? guarded : s->items.at[i].value, ANY));
    }
    close_loops(o, guarded != NULL);
    o->row.by = o->column.by = 0;
}

/* Rows that were side by side are added up by halves. */
static void print_sums(Out *o, const Stage *s)
{
    for (int half = s->lanes * s->together / 2; half >= s->together; half /= 2)
        for (int i = 0; i < s->items.n; i++)
            for (int j = 0; j < half; j++)
                line(o, "%s += %s;", vector_name(o, &s->items.at[i], j), vector_name(o, &s->items.at[i], j + half));
    for (int i = 0; i < s->items.n; i++)
        for (int c = 0; c < s->together; c++) {
            const Item *item = &s->items.at[i];
            StrBuf sb = {.a = o->a};
            o->column.by = c * s->wide;
            put_vector(o, &sb, item->buffer, item->at, "");
            line(o, "%s = %s;", sb_text(&sb), vector_name(o, item, c));
        }
    o->column.by = 0;
}

/* The loop over columns, so many at a time. */
static void open_vectors(Out *o, const Stage *s, const Var *column)
{
    const int step = s->wide * s->together;
    const char *v = column->name;
    o->column = (Shift){.v = column, .wide = s->wide};
    if (is_split(o, column))
        open_block(o, arena_printf(o->a, "for (int %s = dl_from * %d; %s < dl_to * %d; %s += %d) {", v, SPLIT_COLUMNS, v, SPLIT_COLUMNS, v, step));
    else if (column->extent > step)
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s += %d) {", v, v, column->extent, v, step));
    else {
        o->column.fixed = true;
        push_loop(o, false);
    }
}

/* The loop over rows, as many at a time as are side by side. */
static void open_row(Out *o, const Stage *s, const Var *last)
{
    const char *v = last->name;
    o->row = (Shift){.v = last, .fixed = last->extent == s->lanes};
    if (s->lanes == 1)
        open_loop(o, last);
    else if (o->row.fixed)
        push_loop(o, false);
    else
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s += %d) {", v, v, last->extent, v, s->lanes));
}

static void print_in_registers(Out *o, const Stage *s)
{
    ExList temps = {0};
    prepare_stage(o, s, &temps);
    print_temps(o, &temps, 0);
    open_loops(o, s, 0, s->nparallel - 1, &temps);
    open_vectors(o, s, s->loop[s->nparallel - 1]);
    print_vectors(o, s);
    open_loops(o, s, s->nparallel, s->nloop - 1, &temps);
    open_row(o, s, s->loop[s->nloop - 1]);
    for (int lane = 0; lane < s->lanes; lane++)
        print_row(o, s, &temps, lane);
    close_loops(o, s->nloop - s->nparallel);
    print_sums(o, s);
    close_loops(o, s->nparallel);
    o->column = o->row = (Shift){0};
}

void print_columns(Out *o, const Stage *s)
{
    if (s->wide)
        print_in_registers(o, s);
    else
        print_in_memory(o, s);
}
