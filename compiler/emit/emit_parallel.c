/* SPDX-License-Identifier: MIT */
/* emit_parallel.c: a kernel in pieces: a function for some turns of the loops that are split, one that threads call, and one in
 * the kernel's place that hands the pieces out. */
#include "emit_internal.h"

#include <inttypes.h>

bool is_split(const Out *o, const Var *v)
{
    return splits(o->k, &o->k->split, v);
}

/* ---- loops ----------------------------------------------------------------------------------------- */
/* Which turn of loop i of the split ones the turn dl_at of all is. */
static const char *turn_text(Out *o, int i)
{
    const Split *s = &o->k->split;
    int64_t by = 1;
    for (int j = i + 1; j < s->n; j++)
        by *= split_turns(o->k, s->var[j]);
    const char *text = by == 1 ? "dl_at" : arena_printf(o->a, "dl_at / %" PRId64, by);
    return i ? arena_printf(o->a, "%s %% %" PRId64, text, split_turns(o->k, s->var[i])) : text;
}

/* The first row of block number `block`, and how many it has. */
static void print_block_start(Out *o, const char *block)
{
    const Tile *t = o->k->stages.at[0]->tile;
    int large, nlarge, tiles = tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge);
    if (nlarge == tiles) {
        line(o, "const int %s = %s * %d;", t->block->name, block, large);
        return;
    }
    line(o, "const int dl_block = %s;", block);
    if (o->wants_rows)
        line(o, "const int rows = dl_block < %d ? %d : %d;", nlarge, large, large - 1);
    line(o, "const int %s = dl_block * %d + (dl_block < %d ? dl_block : %d);", t->block->name, large - 1, nlarge, nlarge);
}

static void print_position(Out *o, int i)
{
    const Tile *t = o->k->stages.at[0]->tile;
    const Var *v = o->k->split.var[i];
    if (t && t->block == v)
        print_block_start(o, arena_printf(o->a, o->k->split.n > 1 && i ? "(%s)" : "%s", turn_text(o, i)));
    else
        line(o, "const int %s = %s;", v->name, turn_text(o, i));
}

/* With which turn of a stage's loop a part of it begins. */
static const char *part_text(Out *o, const Var *v, const char *part)
{
    const int64_t parts = o->k->split.turns;
    return v->extent % parts ? arena_printf(o->a, "%s * %" PRId64 " / %" PRId64, part, v->extent, parts)
                             : arena_printf(o->a, "%s * %" PRId64, part, v->extent / parts);
}

void open_split(Out *o, const Var *v)
{
    const Split *s = &o->k->split;
    const Tile *t = o->k->stages.at[0]->tile;
    if (s->in_parts) {
        open_block(o, arena_printf(o->a, "for (int %s = %s; %s < %s; %s++) {", v->name, part_text(o, v, "dl_from"), v->name,
                                   part_text(o, v, "dl_to"), v->name));
        return;
    }
    if (v != s->var[0]) {
        push_loop(o, false);
        return;
    }
    if (s->n == 1 && !(t && t->block == v) && !is_column(o->k, v)) {
        open_block(o, arena_printf(o->a, "for (int %s = dl_from; %s < dl_to; %s++) {", v->name, v->name, v->name));
        return;
    }
    open_block(o, "for (int dl_at = dl_from; dl_at < dl_to; dl_at++) {");
    for (int i = 0; i < s->n && !is_column(o->k, v); i++)
        print_position(o, i);
}

void open_steps(Out *o, const Tile *t)
{
    const int64_t step = column_step(t);
    if (is_split(o, t->n))
        open_block(o, arena_printf(o->a, "for (int n = dl_from * %" PRId64 "; n < dl_to * %" PRId64 "; n += %" PRId64 ") {", step, step, step));
    else
        open_block(o, arena_printf(o->a, "for (int n = 0; n < %" PRId64 "; n += %" PRId64 ") {", t->n->extent, step));
}

/* ---- functions ------------------------------------------------------------------------------------- */
static const char *arguments_struct(Out *o)
{
    return arena_printf(o->a, "struct %s_arguments", o->k->function);
}

static void print_struct(Out *o)
{
    line(o, "%s {", arguments_struct(o));
    o->indent++;
    for (int i = 0; i < o->k->scans.n; i++)
        line(o, "int %s;", o->k->scans.at[i]->name);
    for (int i = 0; i < o->k->salts.n; i++)
        line(o, "uint32_t %s;", salt_name(o->a, i));
    for (int i = 0; i < o->k->args.n; i++) {
        const Buffer *b = o->k->args.at[i];
        line(o, "%s%s *%s;", is_written(o->k, b) ? "" : "const ", c_storage_type(b), b->name);
    }
    o->indent--;
    line(o, "};");
    sb_putc(o->sb, '\n');
}

/* What one thread's blocks of rows take; 0 where the buffer holds none. */
static int64_t own_block(Out *o, const Buffer *b)
{
    return b->block ? type_count(b->type) / o->p->target->threads.n : 0;
}

static void print_piece(Out *o)
{
    StrBuf call = {.a = o->a};
    bool own = false;
    sb_printf(&call, "%s_range(from, to", o->k->function);
    for (int i = 0; i < o->k->scans.n; i++)
        sb_printf(&call, ", with->%s", o->k->scans.at[i]->name);
    for (int i = 0; i < o->k->salts.n; i++)
        sb_printf(&call, ", with->%s", salt_name(o->a, i));
    for (int i = 0; i < o->k->args.n; i++) {
        const Buffer *b = o->k->args.at[i];
        sb_printf(&call, ", with->%s", b->name);
        if (own_block(o, b))
            sb_printf(&call, " + thread * %" PRId64, own_block(o, b));
        own |= own_block(o, b) > 0;
    }
    line(o, "static void %s_piece(const void *arguments, int thread, int from, int to)", o->k->function);
    line(o, "{");
    o->indent++;
    line(o, "const %s *const with = arguments;", arguments_struct(o));
    if (!own)
        line(o, "(void)thread;");
    line(o, "%s);", sb_text(&call));
    o->indent--;
    line(o, "}");
    sb_putc(o->sb, '\n');
}

void print_pieces(Out *o, const char *parameters)
{
    const Kernel *k = o->k;
    StrBuf with = {.a = o->a};
    for (int i = 0; i < k->scans.n; i++)
        sb_printf(&with, "%s%s", with.n ? ", " : "", k->scans.at[i]->name);
    for (int i = 0; i < k->salts.n; i++)
        sb_printf(&with, "%s%s", with.n ? ", " : "", salt_name(o->a, i));
    for (int i = 0; i < k->args.n; i++)
        sb_printf(&with, "%s%s", with.n ? ", " : "", k->args.at[i]->name);
    sb_putc(o->sb, '\n');
    print_struct(o);
    print_piece(o);
    line(o, "static void %s(dl_pool *pool, %s)", k->function, parameters);
    line(o, "{");
    o->indent++;
    line(o, "dl_parallel(pool, &(const dl_work){%s_piece, &(const %s){%s}, %" PRId64 ", %" PRId64 ", %d, 0});", k->function,
         arguments_struct(o), sb_text(&with), k->split.turns, k->split.grain, o->p->target->threads.n);
    o->indent--;
    line(o, "}");
}
