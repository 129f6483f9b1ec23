/* SPDX-License-Identifier: MIT */
/* emit_kernel.c: one kernel as a C function. */
#include "emit_internal.h"

#include <inttypes.h>
#include <string.h>

/* ---- whole kernels --------------------------------------------------------------------------------- */
bool is_written(const Kernel *k, const Buffer *root)
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

/* Stages of a block of rows, from the i-th on, row by row. The place of the next one that waits for all rows. */
static int print_row_stages(Out *o, int i, const Tile *t)
{
    const Var *m = t->m, *block = t->block;
    const int n = o->k->stages.n;
    if (m && block)
        open_block(o, arena_printf(o->a, "for (int %s = %s; %s < %s + rows; %s++) {", m->name, block->name, m->name, block->name,
                                   m->name));
    else if (m)
        open_loop(o, m);
    if (t->inner)
        open_loop(o, t->inner);
    do
        print_stage(o, o->k->stages.at[i++]);
    while (i < n && o->k->stages.at[i]->kind != STAGE_TILE && !o->k->stages.at[i]->behind_rows);
    close_loops(o, (m != NULL) + (t->inner != NULL));
    return i;
}

/* Those up to the next tile, whose place it returns. */
int print_rows(Out *o, int i, const Tile *t)
{
    while (i < o->k->stages.n && o->k->stages.at[i]->kind != STAGE_TILE)
        i = print_row_stages(o, i, t);
    return i;
}

/* A block of rows. */
int open_rows(Out *o, const Tile *t)
{
    int large, nlarge, tiles = tile_rows(tile_extent(t), t->schedule.rows, &large, &nlarge);
    const char *v = t->block ? t->block->name : NULL;
    o->block = t->block;
    if (!v)
        return 0;
    if (is_split(o, t->block))
        open_split(o, t->block);
    else if (nlarge == tiles)
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s += %d) {", v, v, t->m->extent, v, large));
    else
        open_block(o, arena_printf(o->a, "for (int %s = 0, rows = %d; %s < %" PRId64 "; %s += rows) {", v, large, v, t->m->extent, v));
    if (nlarge < tiles && !is_split(o, t->block))
        line(o, "rows = %s < %d ? %d : %d;", v, nlarge * large, large, large - 1);
    else if (nlarge == tiles && o->wants_rows)
        line(o, "const int rows = %d;", large);
    return 1;
}

int open_outer(Out *o, const Tile *tile, int from, int to)
{
    int opened = 0, at = 0;
    for (int i = 0; i < o->k->nouter; i++) {
        const Var *v = o->k->outer[o->k->order[i]];
        if (tile && (v == tile->m || v == tile->inner))
            continue;
        if (at >= from && at < to) {
            open_loop(o, v);
            opened++;
        }
        at++;
    }
    return opened;
}

/* The rows of a kernel with tiles: a block of them, in which every stage is done before the next. */
static void print_blocked(Out *o, const Tile *t)
{
    int opened = open_rows(o, t);
    for (int i = 0; i < o->k->stages.n;) {
        if (o->k->stages.at[i]->kind == STAGE_TILE)
            print_tile(o, o->k->stages.at[i++]);
        else if (o->k->stages.at[i]->in_tile)
            i++;
        else
            i = print_rows(o, i, t);
    }
    close_loops(o, opened);
    o->block = NULL;
}

/* Where in the source it came from and what the user wrote there. */
static const char *places(Out *o, const Kernel *k)
{
    StrBuf sb = {.a = o->a};
    int last_line = 0, last_source = 0, column;
    for (int i = 0; o->p->d && i < k->spans.n && i < 6; i++) {
        Span sp = k->spans.at[i];
        int at = diag_line(o->p->d, sp, &column);
        const char *word = span_word(o->p, sp), *file = diag_source_name(o->p->d, sp.source), *slash = strrchr(file, '/');
        bool same = at == last_line && sp.source == last_source;
        if (at && !same)
            sb_printf(&sb, "%s%s:%d:", sb.n ? ", " : "", slash ? slash + 1 : file, at);
        sb_printf(&sb, "%s%s", word ? (same ? ", " : " ") : "", word ? word : "");
        last_line = at;
        last_source = sp.source;
    }
    return sb_text(&sb);
}

/* The places in the model it serves, and what it makes. */
static void print_comment(Out *o)
{
    const Kernel *k = o->k;
    const char *where = places(o, k);
    StrMap seen = {.a = o->a};
    StrBuf sb = {.a = o->a};
    *str_map(&seen, where) = 1;
    sb_printf(&sb, "/* %s", where);
    for (int i = 0; i < k->others.n; i++) {
        const char *also = places(o, k->others.at[i]);
        if (!*also || *str_map(&seen, also))
            continue;
        *str_map(&seen, also) = 1;
        sb_printf(&sb, "%s%s", sb.n > 3 ? ";\n * " : "", also);
    }
    const Unit *last = k->units.at[k->units.n - 1];
    sb_printf(&sb, "%s%s", sb.n > 3 ? " -> " : "", last->buffer ? type_text(o->a, last->type) : "index check");
    if (k->macs)
        sb_printf(&sb, ", %" PRId64 " multiply-accumulates", k->macs);
    if (k->others.n)
        sb_printf(&sb, "; in %d places", k->others.n + 1);
    line(o, "%s */", sb_text(&sb));
}

static const char *parameters(Out *o)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < o->k->scans.n; i++)
        sb_printf(&sb, "%sint %s", sb.n ? ", " : "", o->k->scans.at[i]->name);
    for (int i = 0; i < o->k->salts.n; i++)
        sb_printf(&sb, "%suint32_t %s", sb.n ? ", " : "", salt_name(o->a, i));
    for (int i = 0; i < o->k->args.n; i++) {
        const Buffer *b = o->k->args.at[i];
        sb_printf(&sb, "%s%s%s *restrict %s", sb.n ? ", " : "", is_written(o->k, b) ? "" : "const ", c_storage_type(b), b->name);
    }
    if (!o->nameless)
        sb_puts(&sb, sizes_taken(o->a, o->k));
    return sb.n ? sb_text(&sb) : "void";
}

static void print_function(Out *o)
{
    const Kernel *k = o->k;
    const Tile *tile = kernel_tile(k);
    for (int i = 0; i < k->stages.n; i++)
        if (k->stages.at[i]->kind == STAGE_TILE)
            tile_functions(o, k->stages.at[i]);
    bool check = k->stages.at[0]->kind == STAGE_CHECK;
    const char *with = parameters(o);
    if (k->split.n)
        line(o, "static void %s_range(int dl_from, int dl_to, %s)", k->function, with);
    else
        line(o, "static %s %s(%s)", check ? "dl_status" : "void", k->function, with);
    line(o, "{");
    o->indent = 1;
    o->wants_rows = o->p->target->calls_gemm;
    for (int i = 0; i < k->stages.n; i++)
        o->wants_rows |= i > 0 && !k->stages.at[i]->in_tile;
    bool blocks = tile && tile->schedule.outside >= 0;
    int opened = open_outer(o, tile, 0, blocks ? tile->schedule.outside : k->nouter);
    print_locals(o);
    if (blocks)
        print_k_blocks(o, k->stages.at[0]);
    else if (tile)
        print_blocked(o, tile);
    else
        for (int i = 0; i < k->stages.n; i++)
            print_stage(o, k->stages.at[i]);
    close_loops(o, opened);
    o->indent = 0;
    line(o, "}");
    if (k->split.n && !k->by_rows)
        print_pieces(o, with);
}

void emit_kernel(StrBuf *sb, Arena *work, const Plan *p, const Kernel *k)
{
    Out o = {.sb = sb, .a = work, .p = p, .k = k};
    if (k->same)
        return;
    print_comment(&o);
    StrBuf text = {.a = work};
    o.sb = &text;
    print_function(&o);
    sb_printf(sb, "%s\n", with_sizes(work, k, sb_text(&text)));
    arena_reset(work);
}

/* ---- without names --------------------------------------------------------------------------------- */
static void rename_buffers(Arena *a, Buffer *const *buffers, int n, const char *prefix, const char **old)
{
    for (int i = 0; i < n; i++) {
        old[i] = buffers[i]->name;
        buffers[i]->name = arena_printf(a, "%s%d", prefix, i);
    }
}

static void restore_buffers(Buffer *const *buffers, int n, const char *const *old)
{
    for (int i = 0; i < n; i++)
        buffers[i]->name = old[i];
}

void emit_nameless(StrBuf *sb, Arena *work, const Plan *p, Kernel *k)
{
    Out o = {.sb = sb, .a = work, .p = p, .k = k, .nameless = true};
    const char **args = NEWN(work, const char *, k->args.n + 1), **locals = NEWN(work, const char *, k->locals.n + 1);
    rename_buffers(work, k->args.at, k->args.n, "arg", args);
    rename_buffers(work, k->locals.at, k->locals.n, "local", locals);
    k->function = "kernel";
    print_function(&o);
    restore_buffers(k->args.at, k->args.n, args);
    restore_buffers(k->locals.at, k->locals.n, locals);
    arena_reset(work);
}
