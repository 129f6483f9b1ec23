/* SPDX-License-Identifier: MIT */
/* emit_fetch.c: what a tile fetches into the cache for those after it: see kernels/fetch.c; and for the next turn: kernels/ahead.c. */
#include "emit_internal.h"

#include <inttypes.h>
#include <string.h>

/* As many floats further in each step as there are rows: through the next ones, as they lie in memory. */
static void fetch_rows(Out *o, const Tile *t, int rows)
{
    line(o, "DL_PREFETCH(a, at + %" PRId64 " + %s * %d);", rows * t->a_m, t->k[0].var->name, rows);
}

void print_further(Out *o, const Stage *s)
{
    for (int i = 0; i < s->further.n; i++) {
        const char *from = buffer_root(s->further.at[i].buffer)->name, *at = lin_text(o, s->further.at[i].at);
        const int64_t row = s->loop[s->nloop - 1]->extent;
        if (row <= LINE) {
            line(o, "DL_PREFETCH(%s, %s);", from, at);
            continue;
        }
        line(o, "#pragma GCC unroll %" PRId64, (row + LINE - 1) / LINE);
        line(o, "for (int q = 0; q < %" PRId64 "; q += %d)", row, LINE);
        o->indent++;
        line(o, "DL_PREFETCH(%s, %s + q);", from, at);
        o->indent--;
    }
}

/* The line on which the piece for these rows ends: the one on which it begins, if that is another, has been read for the rows before. Behind a block's
 * last steps come the first ones of the next tile. */
static void fetch_left_operand(Out *o, const Tile *t, int rows)
{
    const char *k = arena_printf(o->a, "(%s + %d)", t->k[0].var->name, t->lead);
    const int64_t steps = k_steps(t, 0);
    if (k_is_cut(t, 0))
        line(o, "DL_PREFETCH(a, at + %s %% %" PRId64 " * %" PRId64 " + %s / %" PRId64 " * %d + %d);", k, steps, t->k[0].a, k, steps, rows, rows - 1);
    else
        line(o, "DL_PREFETCH(a, at + (%s + %d) * %" PRId64 " + %d);", t->k[0].var->name, t->lead, t->k[0].a, rows - 1);
}

void print_fetch(Out *o, const Tile *t, int rows)
{
    if (tile_fetches_rows(t))
        fetch_rows(o, t, rows);
    if (t->lead)
        fetch_left_operand(o, t, rows);
    for (int i = 0; i < t->beside.n; i++)
        line(o, "DL_PREFETCH(beside%d, %s);", i,
             lin_text(o, lin_offset(o->a, lin_scale(o->a, lin_var(o->a, t->k[0].var), beside_step(t)), t->beside.at[i].further)));
}

/* Of the next columns each step fetches a line of its own row; of the next block the steps fetch a line each, one behind the other. */
void print_fetch_columns(Out *o, const Tile *t)
{
    if (!tile_fetches_columns(t))
        return;
    const KLoop *last = &t->k[t->nk - 1];
    if (tile_fetches_block(t) && last->b != LINE)
        line(o, "DL_PREFETCH(bk, next - %s * %" PRId64 ");", last->var->name, last->b - LINE);
    else
        line(o, "DL_PREFETCH(bk, next);");
}

/* From a block to the one behind it, or 0 from the last one. */
static const char *to_next_block(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    int64_t back = 0;       /* from the last step of the loops inside to the first */
    for (int i = t->nk - 1; i >= 0; i--) {
        const int64_t steps = k_steps(t, i), last = t->k[i].var->extent - steps;
        if (k_is_cut(t, i) && last)
            sb_printf(&sb, "%s_0 < %" PRId64 " ? %" PRId64 " : ", t->k[i].var->name, last, steps * t->k[i].b - back);
        back += last * t->k[i].b;
    }
    return arena_printf(o->a, "(%s0)", sb_text(&sb));
}

/* From a tile's columns to what is fetched meanwhile: columns of the same block, or the first of the block behind it; or of that one as
 * large a share as the columns are. */
void print_next_columns(Out *o, const Tile *t)
{
    const int64_t last = t->n->extent - column_step(t);
    if (!tile_fetches_columns(t))
        return;
    const char *block = to_next_block(o, t);
    if (!last)
        line(o, "const int next = %s;", block);
    else if (tile_fetches_block(t))
        line(o, "const int next = %s + n * %" PRId64 ";", block, rows_in_sequence(t) - 1);
    else
        line(o, "const int next = n < %" PRId64 " ? %" PRId64 " : %s - %" PRId64 ";", last, column_step(t), block, last);
}

/* Of each line that the tile stores through c, the one so far behind it: a few tiles further. */
void print_fetch_result(Out *o, const Stage *s, int rows)
{
    const Tile *t = s->tile;
    int64_t last = -LINE;
    for (int r = 0; tile_fetches_result(t) && r < rows; r++)
        for (int c = 0; c < t->schedule.columns; c++) {
            const int64_t at = place_stored(o, s, r, c);
            if (at - last < LINE)
                continue;
            line(o, "DL_PREFETCH_RESULT(c, %" PRId64 ");", at + RESULT_AHEAD);
            last = at;
        }
}

const char *fetch_argument(Out *o, const Tile *t)
{
    const Var *v = fetching_loop(o->k, t);
    const int lines = tile_lines(&t->schedule);
    if (!tile_fetches_columns(t))
        return "";
    if (lines == 1)
        return ", next";
    const char *turn = v == t->block ? arena_printf(o->a, "%s / %d", v->name, t->schedule.rows) : v->name;
    const int64_t each = LINE * (tile_fetches_block(t) ? rows_in_sequence(t) : 1);
    return arena_printf(o->a, ", next + %s %% %d * %" PRId64, turn, lines, each);
}

/* ---- of rows that the stages behind the tile want ------------------------------------------------------- */
const char *beside_parameters(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->beside.n; i++)
        sb_printf(&sb, ", const float *beside%d", i);
    return sb.n ? sb_text(&sb) : "";
}

/* Each tile of a block has its share: of so many rows, one behind the other, as much as it has columns. */
const char *beside_arguments(Out *o, const Tile *t, const char *column)
{
    StrBuf sb = {.a = o->a};
    const char *share = strcmp(column, "0") ? arena_printf(o->a, "%s * %d", column, t->schedule.rows) : column;
    for (int i = 0; i < t->beside.n; i++)
        sb_printf(&sb, ", %s", tile_pointer(o, t->beside.at[i].buffer, with_block(o, t->beside.at[i].at, t->n->extent), share));
    return sb.n ? sb_text(&sb) : "";
}

/* ---- of the next turn's ---------------------------------------------------------------------------- */
const char *ahead_parameters(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->ahead.n; i++)
        sb_printf(&sb, ", const float *next%d, int next%d_at", i, i);
    return sb.n ? sb_text(&sb) : "";
}

/* One more loop inside of those that `at` counts the turns of, NULL: none. */
static const char *counted(Out *o, const char *at, int64_t extent, const char *v)
{
    return at ? arena_printf(o->a, strchr(at, ' ') ? "(%s) * %" PRId64 " + %s" : "%s * %" PRId64 " + %s", at, extent, v) : v;
}

/* Behind a sum. */
static const char *times(Out *o, const char *at, int64_t n)
{
    return at ? arena_printf(o->a, strchr(at, ' ') ? " + (%s) * %" PRId64 : " + %s * %" PRId64, at, n) : "";
}

/* The number of the time, of ahead_times; NULL: there is one. */
static const char *time_number(Out *o, const Tile *t)
{
    const char *at = NULL;
    for (int i = 0; i < ahead_loop(t); i++)
        if (t->k[i].var->extent > 1)
            at = counted(o, at, t->k[i].var->extent, t->k[i].var->name);
    return at;
}

void print_ahead_step(Out *o, const Tile *t)
{
    const char *at = time_number(o, t), *step = t->k[t->nk - 1].var->name;
    for (int i = 0; i < t->ahead.n; i++)
        if (t->ahead.at[i].floats)
            line(o, "DL_PREFETCH(next%d, next%d_at%s + %s * %d);", i, i, times(o, at, ahead_floats(t, &t->ahead.at[i])), step, t->ahead.at[i].floats);
}

void print_ahead(Out *o, const Tile *t)
{
    const char *at = time_number(o, t);
    for (int i = 0; i < t->ahead.n && !t->ahead.at[i].floats; i++) {
        const int floats = t->ahead.at[i].lines * LINE;
        const char *from = times(o, at, floats);
        line(o, "for (int q = 0; q < %d; q += %d)", floats, LINE);
        line(o, "    DL_PREFETCH(next%d, next%d_at%s + q);", i, i, from);
    }
}

/* The tile's number among those of a call. */
static const char *tile_number(Out *o, const Tile *t, bool columns)
{
    const int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns;
    const char *at = NULL;
    for (int i = 0; i < o->k->nouter; i++) {
        const Var *v = o->k->outer[o->k->order[i]];
        if (v != t->m && v != t->inner && v->extent > 1)
            at = counted(o, at, v->extent, v->name);
    }
    int large, nlarge;
    if (t->block)
        at = counted(o, at, tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge), arena_printf(o->a, "%s / %d", t->block->name, t->schedule.rows));
    if (columns)
        at = counted(o, at, (t->n->extent + width - 1) / width, arena_printf(o->a, "n / %" PRId64, width));
    return at;
}

const char *ahead_arguments(Out *o, const Tile *t, bool columns)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->ahead.n; i++)
        sb_printf(&sb, ", %s, %s%s", buffer_root(t->ahead.at[i].buffer)->name, lin_text(o, t->ahead.at[i].at),
                  times(o, tile_number(o, t, columns), ahead_times(t) * ahead_floats(t, &t->ahead.at[i])));
    return sb.n ? sb_text(&sb) : "";
}
