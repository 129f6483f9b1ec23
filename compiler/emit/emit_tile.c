/* SPDX-License-Identifier: MIT */
/* emit_tile.c: a contraction as a register tile, its sums spelled out as named variables. */
#include "emit_internal.h"

#include <inttypes.h>
#include <string.h>

/* ---- tiles ----------------------------------------------------------------------------------------- */
/* Where row r of a tile lies, of all its rows, those of the second axis first. */
static int64_t left_row(const Tile *t, int r)
{
    return r / tile_inner(t) * t->a_m + r % tile_inner(t) * t->a_inner;
}

static int64_t result_row(const Tile *t, int r)
{
    return r / tile_inner(t) * t->c_m + r % tile_inner(t) * t->c_inner;
}

/* Of all rows those at the positions of the first axis in `outer` and of the second in `inner`. */
static uint32_t rows_at(const Tile *t, uint32_t outer, uint32_t inner)
{
    uint32_t rows = 0;
    for (int r = 0; r < 32; r++)
        rows |= (outer >> (r / tile_inner(t)) & inner >> (r % tile_inner(t)) & 1) << r;
    return rows;
}

/* Floats of what a tile adds to: 1, or a vector's, along the columns or along k. */
static int lanes_added(const Tile *t)
{
    return t->k_lanes ? t->k_lanes : t->schedule.lanes;
}

/* What sums are called while they are made: those of vectors along k are still to be added up. */
static const char *sum_name(const Tile *t)
{
    return t->k_lanes ? "v" : "c";
}

static const char *element_type(Out *o, int lanes)
{
    return lanes > 1 ? arena_printf(o->a, "dl_v%d", lanes) : "float";
}

/* The sums begin at 0, or where blocks of k before this one have left them. */
static void accumulators(Out *o, const Tile *t, const TileForm *form)
{
    const int rows = form->rows * tile_inner(t);
    if (tile_pairs_steps(t)) {
        print_paired_sums(o, t, form);
        return;
    }
    for (int r = 0; r < rows; r++) {
        const int lanes = lanes_added(t) * rows_of_vector(form, r);
        StrBuf sb = {.a = o->a};
        if (!lanes)
            continue;
        for (int c = 0; c < t->schedule.columns; c++)
            sb_printf(&sb, lanes > 1 ? "%s%s%d_%d = {0}" : "%s%s%d_%d = 0.0f", c ? ", " : "", sum_name(t), r, c);
        line(o, "%s %s;", element_type(o, lanes), sb_text(&sb));
    }
    if (!tile_has_blocks(t))
        return;
    open_block(o, "if (more) {");
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < t->schedule.columns; c++)
            line(o, "c%d_%d = *(const dl_v%d *)(c + %" PRId64 ");", r, c, t->schedule.lanes,
                 result_row(t, r) + c * t->schedule.lanes);
    close_loops(o, 1);
}

/* Where the first n loops over k are in an operand. */
static const char *k_offset(Out *o, const Tile *t, bool right, int n)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < n; i++) {
        int64_t stride = !right ? t->k[i].a : t->schedule.panel_tiles ? t->k[i].panel : t->k[i].b;
        if (k_is_joined(t, i))
            continue;
        if (sb.n || stride < 0)
            sb_puts(&sb, stride < 0 ? " - " : " + ");
        int64_t step = stride < 0 ? -stride : stride;
        sb_printf(&sb, step == 1 ? "%s" : "%s * %" PRId64, t->k[i].var->name, step);
    }
    return sb.n ? sb_text(&sb) : "0";
}

const char *left_vector(Out *o, const Tile *t, int lanes, int64_t at, int64_t channel, int c)
{
    if (!tile_spans_groups(t)) {
        const int64_t to = at + (int64_t)c * t->schedule.lanes;
        return lanes > 1 ? arena_printf(o->a, "*(const dl_v%d *)(ak + %" PRId64 ")", lanes, to) : arena_printf(o->a, "ak[%" PRId64 "]", to);
    }
    const int64_t first = at - channel + c * lanes * t->channels / t->group;
    return t->channels == 1 ? arena_printf(o->a, "DL_REPEAT%d_%d(ak + %" PRId64 ")", lanes, (int)t->group, first)
                            : arena_printf(o->a, "DL_EACH%d_%d(*(const dl_v%d *)(ak + %" PRId64 "), %d)", lanes, (int)t->group, lanes, first, (int)channel);
}

/* Row r where the left operand has the columns too, or elements for several groups of them. */
static void multiply_columns(Out *o, const Tile *t, int r)
{
    StrBuf row = {.a = o->a};
    const int64_t channel = t->channels > 1 ? r / tile_inner(t) : 0;
    for (int c = 0; c < t->schedule.columns; c++)
        sb_printf(&row, c ? " c%d_%d += %s * b%d;" : "c%d_%d += %s * b%d;", r, c, left_vector(o, t, t->schedule.lanes, left_row(t, r), channel, c), c);
    line(o, "%s", sb_text(&row));
}

static void print_operands(Out *o, const Tile *t, int loops)
{
    line(o, "const float *const ak = a + (at + %s), *const bk = b + (%s);", k_offset(o, t, false, loops), k_offset(o, t, true, loops));
}

/* An element of the left operand or a vector along k. */
static const char *left_element(Out *o, const Tile *t, int64_t at)
{
    return t->k_lanes ? arena_printf(o->a, "const dl_v%d x = *(const dl_v%d *)(ak + %" PRId64 ")", t->k_lanes, t->k_lanes, at)
                      : arena_printf(o->a, "const float x = ak[%" PRId64 "]", at);
}

/* One step, or as many as make a vector: of the rows in the set `rows`. */
static void multiply(Out *o, const Tile *t, uint32_t rows)
{
    const int lanes = lanes_added(t);
    print_operands(o, t, k_turning(t));
    if (t->pages)
        line(o, "DL_PREFETCH(ak, %d);", PAGE_FLOATS);
    print_fetch_columns(o, t);
    StrBuf sb = {.a = o->a};
    for (int c = 0; c < t->schedule.columns; c++) {
        const int64_t at = c * t->schedule.lanes * t->b_n;
        sb_printf(&sb, c ? ", b%d = " : "b%d = ", c);
        if (lanes > 1)
            sb_printf(&sb, "*(const dl_v%d *)(bk + %" PRId64 ")", lanes, at);
        else
            sb_printf(&sb, "bk[%" PRId64 "]", at);
    }
    line(o, "const %s %s;", element_type(o, lanes), sb_text(&sb));
    for (int r = 0; rows >> r; r++) {
        if (!(rows >> r & 1))
            continue;
        if (t->a_n || tile_spans_groups(t)) {
            multiply_columns(o, t, r);
            continue;
        }
        StrBuf row = {.a = o->a};
        sb_printf(&row, "{ %s;", left_element(o, t, left_row(t, r)));
        for (int c = 0; c < t->schedule.columns; c++)
            sb_printf(&row, " %s%d_%d += x * b%d;", sum_name(t), r, c, c);
        line(o, "%s }", sb_text(&row));
    }
}

static void print_steps(Out *o, const Tile *t, const TileForm *form, int i, uint32_t rows);

/* Loop i, over the taps that hang on the row, in parts, for those of the rows that have them; a part that begins and ends with the
 * loop is all of it. */
static void print_parts(Out *o, const Tile *t, const TileForm *form, int i, uint32_t rows)
{
    const Var *v = t->k[i].var;
    const TileForm *parts = i == t->by_row ? form : &t->inner_form;
    for (int p = 0; p < parts->parts.n; p++) {
        const TilePart *part = &parts->parts.at[p];
        uint32_t having = rows & (i == t->by_row ? rows_at(t, part->rows, UINT32_MAX) : rows_at(t, UINT32_MAX, part->rows));
        if (!having)
            continue;
        const bool joined = k_is_joined(t, i);
        const int64_t each = joined ? t->k[i + 1].var->extent : 1;
        const Var *over = joined ? t->k[i + 1].var : v;
        open_block(o, arena_printf(o->a, "for (int %s = %" PRId64 "; %s < %" PRId64 "; %s++) {", over->name, part->from * each,
                                   over->name, part->to * each, over->name));
        print_steps(o, t, form, i + 1 + joined, having);
        close_loops(o, 1);
    }
}

/* The loops over k from the i-th on, for the rows in the set. */
static void print_steps(Out *o, const Tile *t, const TileForm *form, int i, uint32_t rows)
{
    const char *v = i < t->nk ? t->k[i].var->name : "";
    int whole = t->nk;
    int64_t turn = 1;
    if (t->ahead.n && i == ahead_loop(t))
        print_ahead(o, t);
    if (t->schedule.unroll > 1)
        tile_unroll(t, &whole, &turn);
    if (i == whole && t->schedule.unroll > 1) {
        print_operands(o, t, whole);
        print_unrolled(o, t, form, rows);
        return;
    }
    if (i == k_turning(t)) {
        multiply(o, t, rows);
        return;
    }
    if (i == t->by_row || i == t->by_inner) {
        print_parts(o, t, form, i, rows);
        return;
    }
    if (t->turn) {
        open_block(o, arena_printf(o->a, "for (int %s_0 = 0; %s_0 < %" PRId64 "; %s_0++) {", v, v, t->k[i].var->extent, v));
        line(o, "const int %s = back ? %" PRId64 " - %s_0 : %s_0;", v, t->k[i].var->extent - 1, v, v);
    } else if (t->k[i].tapped)
        open_block(o, arena_printf(o->a, "for (int %s = %s_lo; %s < %s_hi; %s++) {", v, v, v, v, v));
    else if (k_is_cut(t, i))
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s++) {", v, v, k_steps(t, i), v));
    else if (i + 1 == whole && turn > 1)
        open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s += %" PRId64 ") {", v, v, t->k[i].var->extent, v, turn));
    else
        open_loop(o, t->k[i].var);
    print_fetch(o, t, form->rows);
    if (i == t->nk - 1)
        print_ahead_step(o, t);
    print_steps(o, t, form, i + 1, rows);
    close_loops(o, 1);
}

/* Taps that hang on a loop around the tile are told its function as bounds. */
static bool is_bounded(const Tile *t, int i)
{
    return t->k[i].tapped && i != t->by_row && i != t->by_inner;
}

/* A tile's function; those of a kernel's second tile have names of their own. */
static const char *form_name(Out *o, const Tile *t, const TileForm *form)
{
    const char *at = form->at < 0 ? "" : arena_printf(o->a, "_at_%" PRId64, form->at);
    const char *number = t->number ? arena_printf(o->a, "%d", t->number + 1) : "";
    return arena_printf(o->a, "%s_tile%s_%d%s", o->k->function, number, form->rows * tile_inner(t), at);
}

int64_t place_stored(Out *o, const Stage *s, int r, int c)
{
    const Tile *t = s->tile;
    return t->finish ? finish_place(o, s, r, c) : result_row(t, r) + c * t->schedule.lanes;
}

static void print_stores(Out *o, const Tile *t, const TileForm *form)
{
    for (int r = 0; r < form->rows * tile_inner(t); r++)
        for (int c = 0; c < t->schedule.columns; c++) {
            const int lanes = t->schedule.lanes * rows_of_vector(form, r);
            const int64_t at = result_row(t, r) + c * t->schedule.lanes;
            if (lanes > 1)
                line(o, "*(dl_v%d *)(c + %" PRId64 ") = c%d_%d;", lanes, at, r, c);
            else if (lanes)
                line(o, "c[%" PRId64 "] = c%d_%d;", at, r, c);
        }
}

/* Of each vector along k the sum of its elements. */
static void add_up(Out *o, const Tile *t, int rows)
{
    for (int r = 0; r < rows; r++) {
        StrBuf sb = {.a = o->a};
        for (int c = 0; c < t->schedule.columns; c++)
            sb_printf(&sb, "%sc%d_%d = DL_SUM%d(v%d_%d)", c ? ", " : "", r, c, t->k_lanes, r, c);
        line(o, "const float %s;", sb_text(&sb));
    }
}

static void tile_function(Out *o, const Stage *s, const TileForm *form)
{
    const Tile *t = s->tile;
    StrBuf bounds = {.a = o->a};
    for (int i = 0; i < t->nk; i++)
        if (is_bounded(t, i))
            sb_printf(&bounds, ", int %s_lo, int %s_hi", t->k[i].var->name, t->k[i].var->name);
    if (tile_has_blocks(t))
        sb_puts(&bounds, ", int more");
    if (t->turn)
        sb_puts(&bounds, ", int back");
    if (tile_fetches_columns(t))
        sb_puts(&bounds, ", int next");
    sb_puts(&bounds, beside_parameters(o, t));
    sb_puts(&bounds, ahead_parameters(o, t));
    line(o, "static inline void %s(const float *restrict a, int at, const float *restrict b, float *restrict c%s%s)",
         form_name(o, t, form), finish_parameters(o, s), sb_text(&bounds));
    line(o, "{");
    o->indent++;
    const int rows = form->rows * tile_inner(t);
    print_fetch_result(o, s, rows);
    accumulators(o, t, form);
    if (!k_turning(t))
        open_block(o, "{");
    print_steps(o, t, form, 0, (uint32_t)((1ull << rows) - 1));
    if (!k_turning(t))
        close_loops(o, 1);
    if (t->k_lanes)
        add_up(o, t, rows);
    if (tile_pairs_steps(t))
        join_paired_sums(o, t, form);
    if (!t->finish || stores_sums(o, s))
        print_stores(o, t, form);
    if (t->finish)
        print_finished(o, s, form);
    o->indent--;
    line(o, "}");
    sb_putc(o->sb, '\n');
}

void tile_functions(Out *o, const Stage *s)
{
    if (o->p->target->calls_gemm)
        return;
    for (int i = 0; i < s->tile->forms.n; i++)
        tile_function(o, s, &s->tile->forms.at[i]);
}

/* The taps of a padded position: 0 <= out * stride + k * dilation - pad < extent. */
static void print_tap_bounds(Out *o, const Tile *t)
{
    for (int i = 0; i < t->nk; i++) {
        const KLoop *loop = &t->k[i];
        if (!is_bounded(t, i))
            continue;
        const char *v = loop->var->name;
        const Lin *out = lin_scale(o->a, lin_var(o->a, loop->tap.out), -loop->tap.stride);
        const char *lo = arena_printf(o->a, "dl_first_tap(%s, %" PRId64 ")", lin_text(o, lin_offset(o->a, out, loop->tap.pad)), loop->tap.dilation);
        const char *hi = arena_printf(o->a, "dl_end_tap(%s, %" PRId64 ", %" PRId64 ")",
                                      lin_text(o, lin_offset(o->a, out, loop->tap.pad + loop->tap.extent - 1)), loop->tap.dilation, loop->var->extent);
        if (k_is_cut(t, i)) {
            lo = arena_printf(o->a, "dl_later(%s, %s_0)", lo, v);
            hi = arena_printf(o->a, "dl_sooner(%s, %s_0 + %" PRId64 ")", hi, v, k_steps(t, i));
        }
        line(o, "const int %s_lo = %s;", v, lo);
        line(o, "const int %s_hi = %s;", v, hi);
    }
}

const Lin *with_block(Out *o, const Lin *at, int64_t stride)
{
    return o->block ? lin_add(o->a, at, lin_scale(o->a, lin_var(o->a, (Var *)o->block), stride)) : at;
}

static const char *tap_arguments(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->nk; i++)
        if (is_bounded(t, i))
            sb_printf(&sb, ", %s_lo, %s_hi", t->k[i].var->name, t->k[i].var->name);
    for (int i = 0, n = 0; i < t->nk; i++)
        if (k_is_cut(t, i))
            sb_printf(&sb, "%s%s_0 > 0", n++ ? " || " : ", ", t->k[i].var->name);
    if (t->turn)
        sb_printf(&sb, ", %s & 1", t->turn->name);
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
    open_block(o, "{");
    line(o, "const int loops[] = {%s};", t->nk ? sb_text(&loops) : "1, 0, 0");
    line(o, "dl_gemm(%s, %" PRId64 ", %d, loops, %" PRId64 ", %" PRId64 ", %s + (%s%s), %s + (%s%s), %s + (%s));", rows,
         t->n->extent, t->nk ? t->nk : 1, t->a_m, t->c_m, buffer_root(t->a)->name, lin_text(o, a_at), sb_text(&start_a),
         buffer_root(t->b)->name, lin_text(o, t->b_at), sb_text(&start_b), buffer_root(s->items.at[0].buffer)->name,
         lin_text(o, c_at));
    close_loops(o, 1);
}

const char *tile_pointer(Out *o, Buffer *buffer, const Lin *at, const char *column)
{
    const char *name = buffer_root(buffer)->name, *offset = lin_text(o, at);
    bool nowhere = !strcmp(offset, "0"), first = !strcmp(column, "0");
    if (nowhere && first)
        return name;
    return nowhere || first ? arena_printf(o->a, at->n > 1 ? "%s + (%s)" : "%s + %s", name, first ? offset : column)
                            : arena_printf(o->a, "%s + (%s + %s)", name, offset, column);
}

/* The first column of a tile. The last columns are computed again rather than one by one. */
const char *tile_column(Out *o, const Tile *t)
{
    int64_t width = t->schedule.lanes * t->schedule.columns, last = t->n->extent - width;
    if (last == 0)
        return "0";
    if (t->schedule.panel_tiles > 1)
        return t->n->extent == width * t->schedule.panel_tiles ? "p" : "(n + p)";
    return t->n->extent % width ? arena_printf(o->a, "(n < %" PRId64 " ? n : %" PRId64 ")", last, last) : "n";
}

/* What a tile's columns move the left operand by. */
static const char *left_column(Out *o, const Tile *t, const char *column)
{
    if (!strcmp(column, "0") || !(t->a_n || t->group))
        return "";
    return t->a_n ? arena_printf(o->a, " + %s", column) : arena_printf(o->a, " + %s / %" PRId64 " * %" PRId64, column, t->group, t->a_group);
}

/* From the first step of k to the block's, in the left or the right operand; steps with taps are counted from the first. */
static const char *block_offset(Out *o, const Tile *t, bool right)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; i < t->nk; i++)
        if (k_is_cut(t, i) && !t->k[i].tapped)
            sb_printf(&sb, " + %s_0 * %" PRId64, t->k[i].var->name, right ? t->k[i].b : t->k[i].a);
    return sb.n ? sb_text(&sb) : "";
}

void print_tile(Out *o, const Stage *s)
{
    const Tile *t = s->tile;
    const Lin *a_at = with_block(o, t->a_at, t->a_m), *c_at = with_block(o, t->c_at, t->c_m);
    const char *rows = t->block ? "rows" : arena_printf(o->a, "%d", t->schedule.rows);
    print_tap_bounds(o, t);
    if (o->p->target->calls_gemm) {
        print_gemm_call(o, s, rows, a_at, c_at);
        return;
    }
    int64_t width = t->schedule.lanes * t->schedule.columns, extent = t->n->extent;
    bool loop = extent != width && t->schedule.panel_tiles == 0 && !tile_has_blocks(t);
    const char *column = tile_column(o, t);
    if (loop && is_split(o, t->n))
        line(o, "for (int n = dl_from * %" PRId64 "; n < dl_to * %" PRId64 "; n += %" PRId64 ")", width, width, width);
    else if (loop)
        line(o, "for (int n = 0; n < %" PRId64 "; n += %" PRId64 ")", extent, width);
    o->indent += loop;
    const char *left = arena_printf(o->a, "%s%s%s", lin_text(o, a_at), left_column(o, t, column), block_offset(o, t, false));
    const char *right = t->schedule.panel_tiles > 1    ? arena_printf(o->a, "panel + p * %" PRId64, panel_rows(t))
                        : t->schedule.panel_tiles == 1 ? "panel"
                                                       : arena_printf(o->a, "%s%s", tile_pointer(o, t->b, t->b_at, column), block_offset(o, t, true));
    const char *stored = t->finish ? finish_arguments(o, s, column) : tile_pointer(o, s->items.at[0].buffer, c_at, column);
    const char *call = arena_printf(o->a, "(%s, %s, %s, %s%s%s);", buffer_root(t->a)->name, left, right, stored, tap_arguments(o, t),
                                    arena_printf(o->a, "%s%s%s", fetch_argument(o, t), beside_arguments(o, t, column), ahead_arguments(o, t, loop)));
    for (int i = 0; i < t->runs.n; i++) {
        const char *name = form_name(o, t, &t->forms.at[t->runs.at[i].form]);
        if (t->runs.n > 1)
            line(o, i == 0                 ? "if (%s < %" PRId64 ")"
                    : i + 1 < t->runs.n ? "else if (%s < %" PRId64 ")"
                                        : "else",
                 o->block->name, t->runs.at[i].end);
        line(o, t->runs.n > 1 ? "    %s%s" : "%s%s", name, call);
    }
    o->indent -= loop;
}
