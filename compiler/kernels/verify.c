/* SPDX-License-Identifier: MIT */
/* verify.c: is a plan sound? What must hold, in the order in which it is checked:
 *
 * Kernels, one by one
 * - Every step has a kernel of the plan, and every kernel one step.
 * - Loop variables: an index mentions only variables of loops around it, and positions of scans the kernel is
 * told.
 * - Accesses: every load, store and operand of a tile lies in its buffer, whatever the loop variables are,
 * wherever the guards around it hold. A tile's columns fit into its rows, and every row takes part in just the
 * steps of a sum that have a tap for it. A panel of the right operand is the same for all loops within, and its blocks and
 * tiles end where the operand does.
 * - Stores: over the loops that are not reduced, different positions store to different elements; the reduced
 * loops are no part of the index; all stores of a unit together fill just its place in the buffer. (A scatter
 * adds where it is told.)
 * - No lanes look for a position, nor leave some over but of the only loop. Sums of columns that are vectors are made of vectors, and end with the columns and the rows.
 * - A value that another item of a stage uses comes before it. Local arrays are listed, and written before
 * they are read; a tile's sums without an array are read by what the tile does on them.
 * - Where a kernel both reads and writes a tensor, its reads stay at the position of the outer loops it
 * writes at; in the stage that writes they are at the very element. A tile's operand that its kernel writes
 * was written by a stage before it; a local array, which holds one row, is not read when other rows of the block have been there.
 * - All tiles of a kernel have the same rows.
 *
 * Needs (verify_reads.c)
 * - What a kernel reads is among what its units, or a loop around them, need: by that alone they are in order.
 *
 * Pieces (verify_split.c), where threads share a kernel
 * - The loops it is cut along stand around all it does; what it stores moves with them, and so does what it reads of its own.
 * - Each thread has a block of rows of its own.
 *
 * Turns (verify_turns.c), where threads share a loop of kernels
 * - What a turn writes is its thread's own, or a part of a tensor that no other turn writes or reads.
 *
 * Examples (verify_rows.c), where each thread takes some of them through a loop of kernels
 * - What is written in the loop is written and read there by who has that example.
 *
 * Order (verify_memory.c), walking the steps, through loops twice
 * - No two loops' positions in time are the same variable.
 * - A tensor is written before it is read, and what is read is not what another value left in the same
 * storage; where each turn of a loop has a part of that for itself (verify_parts.c), not what this turn left.
 * - Units that need an input's old contents stand before the kernel that overwrites it.
 *
 * Memory (verify_memory.c)
 * - Buffers that live at the same time do not overlap in the arena, nor, of a turn's, in a thread's part. There is a part for each thread.
 * A shared storage has the size of both. */
#include "verify.h"

/* ---- one kernel ------------------------------------------------------------------------------------ */
void check_complain(Check *c, const char *format, ...)
{
    if (c->why)
        return;
    StrBuf sb = {.a = c->a};
    va_list args;
    va_start(args, format);
    sb_printf(&sb, "%s, stage %d: ", c->k->name, c->stage);
    sb_vprintf(&sb, format, args);
    va_end(args);
    c->why = sb_text(&sb);
}

const char *check_label(const Buffer *b)
{
    return b->name ? b->name : "an unnamed buffer";
}

/* Without the outer variables: how a local buffer, which holds one outer position, is indexed. */
static const Lin *inner_part(Check *c, const Lin *x)
{
    for (int i = 0; i < c->k->nouter; i++)
        x = lin_without(c->a, x, c->k->outer[i]);
    return x;
}

/* The row being worked on is one of the block's. */
static Guard row_in_block(Check *c, const Tile *t)
{
    const Lin *row = lin_add(c->a, lin_var(c->a, t->m), lin_scale(c->a, lin_var(c->a, t->block), -1));
    return (Guard){row, 0, t->schedule.rows};
}

static void check_range(Check *c, const Buffer *b, const Lin *at, const Guard *guard, int nguard,
                        const char *what)
{
    const Tile *t = kernel_tile(c->k);
    if (buffer_root((Buffer *)b)->kind == BUFFER_LOCAL)
        at = inner_part(c, at);
    if (b->block && t && t->block) {
        Guard *more = NEWN(c->a, Guard, nguard + 1);
        for (int i = 0; i < nguard; i++)
            more[i] = guard[i];
        more[nguard++] = row_in_block(c, t);
        guard = more;
    }
    if (!index_in_range(c->a, at, guard, nguard, type_count(b->type)))
        check_complain(c, "%s %s outside of %s", what, check_label(b), type_text(c->a, b->type));
}

/* ---- variables ------------------------------------------------------------------------------------- */
static bool is_around(const Check *c, const Var *v)
{
    for (int i = 0; i < c->k->nouter; i++)
        if (c->k->outer[i] == v)
            return true;
    for (int i = 0; i < c->s->nloop; i++)
        if (c->s->loop[i] == v)
            return true;
    for (int i = 0; i < c->k->scans.n; i++)
        if (c->k->scans.at[i] == v)
            return true;
    return kernel_tile(c->k) && kernel_tile(c->k)->block == v;
}

static void check_variables(Check *c, const Lin *x)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        if (atom->kind == ATOM_VAR && !is_around(c, atom->var))
            check_complain(c, "an index uses %s, which is no loop around it",
                     atom->var->name ? atom->var->name : "a variable");
        if (atom->of)
            check_variables(c, atom->of);
    }
}

static void check_load(void *context, const Load *load)
{
    Check *c = context;
    check_variables(c, load->at);
    check_range(c, load->buffer, load->at, load->guard, load->nguard, "reads");
}

/* ---- stores ---------------------------------------------------------------------------------------- */
static bool is_row(const Tile *t, const Var *v)
{
    return t && (v == t->m || v == t->inner);
}

/* The variables of the loops an item is stored in. */
static int store_loops(const Check *c, const Item *item, Var **var)
{
    int n = 0;
    for (int i = 0; i < c->k->nouter; i++)
        if (!item->buffer || !item->buffer->block || is_row(kernel_tile(c->k), c->k->outer[i]))
            var[n++] = c->k->outer[i];
    bool reduced = c->s->kind == STAGE_REDUCE && item->reduce != OP_COUNT;
    for (int i = 0; i < (reduced ? c->s->nparallel : c->s->nloop); i++)
        var[n++] = c->s->loop[i];
    if (c->s->kind == STAGE_TILE)
        var[n++] = c->s->tile->n;
    return n;
}

const Lin *store_index(Arena *a, const Stage *s, const Item *item)
{
    return s->tile ? tile_place(a, s->tile, s->tile->n) : item->at;
}

static void check_store(Check *c, const Item *item)
{
    Var *var[4 * MAX_RANK];
    if (item->buffer->block && !kernel_tile(c->k) && !c->k->nouter) {
        check_complain(c, "%s holds a block of rows, and there are none", check_label(item->buffer));
        return;
    }
    int n = store_loops(c, item, var);
    const Lin *at = store_index(c->a, c->s, item);
    check_range(c, item->buffer, at, NULL, 0, "writes");
    if (c->s->kind == STAGE_SCATTER)
        return;
    if (c->s->kind != STAGE_TILE)
        check_variables(c, at);
    if (!index_is_injective(at, var, n))
        check_complain(c, "writes elements of %s more than once", check_label(item->buffer));
    for (int i = c->s->nparallel; c->s->kind == STAGE_REDUCE && item->reduce != OP_COUNT && i < c->s->nloop;
         i++)
        if (lin_uses(at, c->s->loop[i]))
            check_complain(c, "%s is stored by the variable it is reduced over", check_label(item->buffer));
    const bool leaves = c->s->lanes > 1 && c->s->loop[c->s->nloop - 1]->extent % c->s->lanes;
    if (leaves && (c->s->vector || c->s->nloop > c->s->nparallel + 1))
        check_complain(c, "%s is made of lanes that leave some of an inner loop over", check_label(item->buffer));
    if (item->reduce == OP_ARGMAX && c->s->lanes > 1)
        check_complain(c, "%s is a position that several lanes look for", check_label(item->buffer));
    for (int i = 0; i < n; i++)
        at = lin_without(c->a, at, var[i]);
    for (int i = 0; i < c->k->scans.n; i++)
        at = lin_without(c->a, at, c->k->scans.at[i]);
    if (item->buffer->block && kernel_tile(c->k) && kernel_tile(c->k)->block)
        at = lin_without(c->a, at, kernel_tile(c->k)->block);
    if (at->n)
        check_complain(c, "stores %s at no plain index", check_label(item->buffer));
}

/* How many elements a stage's item stores. */
static int64_t store_count(const Check *c, const Item *item)
{
    Var *var[4 * MAX_RANK];
    int n = store_loops(c, item, var);
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= var[i]->extent;
    return c->s->kind == STAGE_SCATTER ? c->s->limit : count;
}

static void check_filled(Check *c, const Unit *u)
{
    int64_t count = 0;
    bool stored = false;
    for (c->stage = 0; c->stage < c->k->stages.n; c->stage++) {
        c->s = c->k->stages.at[c->stage];
        for (int i = 0; i < c->s->items.n; i++)
            if (c->s->items.at[i].unit == u && c->s->items.at[i].buffer) {
                count += store_count(c, &c->s->items.at[i]);
                stored = true;
            }
    }
    c->stage = 0;
    if (u->buffer && u->buffer->block) /* made again for every block */
        return;
    if (stored && count != type_count(u->type))
        check_complain(c, "stores %lld of the %lld elements of %s", (long long)count,
                 (long long)type_count(u->type), check_label(u->buffer));
}

/* ---- tiles ----------------------------------------------------------------------------------------- */
const Lin *operand_index(Arena *a, const Tile *t, int operand)
{
    const Lin *at = lin_add(a, operand ? t->b_at : t->a_at, operand ? lin_scale(a, lin_var(a, t->n), t->b_n) : tile_left_column(a, t));
    if (t->m && !operand)
        at = lin_add(a, at, lin_scale(a, lin_var(a, t->m), t->a_m));
    if (t->inner && !operand)
        at = lin_add(a, at, lin_scale(a, lin_var(a, t->inner), t->a_inner));
    for (int i = 0; i < t->nk; i++)
        at = lin_add(a, at, lin_scale(a, lin_var(a, t->k[i].var), operand ? t->k[i].b : t->k[i].a));
    return at;
}

int tap_guards(Arena *a, const Tile *t, Guard guard[MAX_K])
{
    int nguard = 0;
    for (int i = 0; i < t->nk; i++) {
        const KLoop *loop = &t->k[i];
        const Lin *k = lin_var(a, loop->var);
        if (!loop->tapped)
            continue;
        const Lin *tap = lin_scale(a, lin_var(a, loop->tap.out), loop->tap.stride);
        tap = lin_offset(a, lin_add(a, tap, lin_scale(a, k, loop->tap.dilation)), -loop->tap.pad);
        guard[nguard++] = (Guard){tap, 0, loop->tap.extent};
    }
    return nguard;
}

static void check_operand(Check *c, int operand)
{
    const Tile *t = c->s->tile;
    Guard guard[MAX_K];
    int nguard = tap_guards(c->a, t, guard);
    check_variables(c, operand ? t->b_at : t->a_at);
    for (int i = 0; i < t->nk; i++)
        if (t->k[i].tapped && !is_around(c, t->k[i].tap.out))
            check_complain(c, "taps depend on no loop around the tile");
    check_range(c, operand ? t->b : t->a, operand_index(c->a, t, operand), guard, nguard, "tile reads");
}

/* How often row r of a tile of this form takes part in step k. */
static int times_made(const TileForm *form, int r, int64_t k)
{
    int times = 0;
    for (int i = 0; i < form->parts.n; i++)
        if (form->parts.at[i].from <= k && k < form->parts.at[i].to)
            times += form->parts.at[i].rows >> r & 1;
    return times;
}

static void check_taps(Check *c, const KLoop *loop, const TileForm *form, int64_t first)
{
    for (int r = 0; r < form->rows; r++)
        for (int64_t k = 0; k < loop->var->extent; k++) {
            int64_t at = (first + r) * loop->tap.stride + k * loop->tap.dilation - loop->tap.pad;
            if (times_made(form, r, k) != (at >= 0 && at < loop->tap.extent))
                check_complain(c, "row %lld of the tile does not have the taps it should", (long long)(first + r));
        }
}

static void check_forms(Check *c)
{
    const Tile *t = c->s->tile;
    int64_t row = 0;
    for (int i = 0; i < t->runs.n; i++) {
        const TileForm *form = &t->forms.at[t->runs.at[i].form];
        while (row < t->runs.at[i].end && form->rows > 0) {
            if (t->by_row >= 0)
                check_taps(c, &t->k[t->by_row], form, row);
            row += form->rows;
        }
        if (row != t->runs.at[i].end)
            check_complain(c, "tiles do not end with their run");
    }
    if (t->by_inner >= 0)
        check_taps(c, &t->k[t->by_inner], &t->inner_form, 0);
    if (row != tile_extent(t))
        check_complain(c, "tiles make %lld of %lld rows", (long long)row, (long long)tile_extent(t));
}

static void check_panels(Check *c)
{
    const Tile *t = c->s->tile;
    const TileSchedule *s = &t->schedule;
    bool cuts = s->k_split >= 0 && s->k_split < t->nk;
    if (s->k_split >= t->nk || s->k_outer > t->nk || (cuts && (s->k_block < 1 || t->k[s->k_split].var->extent % s->k_block)))
        check_complain(c, "blocks of k do not end with the loop");
    if (tile_fetches_columns(t) && (!tile_has_blocks(t) || s->panel_tiles || s->unroll > 1 || !fetching_loop(c->k, t)))
        check_complain(c, "columns are fetched in turns of a loop over rows, in blocks of k without panels");
    if (tile_fetches_block(t) && (t->k[t->nk - 1].tapped || t->k[t->nk - 1].b != t->n->extent))
        check_complain(c, "a block is fetched whose rows follow one another, all of the innermost loop");
    if (tile_fetches_result(t) && (tile_has_blocks(t) || s->lanes == 1))
        check_complain(c, "lines of the result are fetched where each is stored once");
    if (tile_fetches_rows(t) && (t->nk != 1 || t->k[0].tapped || !t->m || t->inner || s->unroll > 1))
        check_complain(c, "rows are fetched along one loop without taps");
    if (t->turn && (t->nk != 1 || t->k[0].tapped || s->outside >= 0 || s->unroll > 1))
        check_complain(c, "steps that run backwards want one loop, without taps, panels, blocks or unrolling");
    if (tile_has_blocks(t) && s->outside < 0)
        check_complain(c, "blocks of k stand around no loops");
    if (tile_has_blocks(t) && !s->panel_tiles && t->n->extent % ((int64_t)s->lanes * s->columns))
        check_complain(c, "blocks of k are added twice to some columns");
    if (s->panel_tiles && (s->k_outer || (cuts && t->k[s->k_split].tapped)))
        check_complain(c, "a panel holds a block of k that has taps");
    if (t->by_row >= 0 && k_is_cut(t, t->by_row))
        check_complain(c, "a block of k has some of the taps that hang on the rows");
    if (s->panel_tiles > 1 && t->n->extent % ((int64_t)s->lanes * s->columns * s->panel_tiles))
        check_complain(c, "panels do not end with the columns");
    for (int i = 0, at = 0; s->panel_tiles && i < c->k->nouter; i++) {
        const Var *v = c->k->outer[c->k->order[i]];
        if (v != t->m && at++ >= s->outside && lin_uses(t->b_at, v))
            check_complain(c, "a panel is not the same in the loop over %s", v->name);
    }
}

static void check_unroll(Check *c)
{
    int whole;
    int64_t turn;
    if (!tile_unroll(c->s->tile, &whole, &turn))
        check_complain(c, "steps that are written out do not end with the loop");
}

/* What a tile does on its sums stands behind it, and needs no more than them and what the tile is given. */
static void check_finish(Check *c)
{
    ExList operands = {0};
    if (!c->s->in_tile)
        return;
    bool may = tile_may_finish(c->a, c->k, c->stage, &operands);
    const Tile *t = may ? c->k->stages.at[c->stage - 1]->tile : NULL;
    may = may && t->finish == c->s && t->operands.n == operands.n;
    for (int i = 0; may && i < operands.n; i++)
        may = t->operands.at[i]->buffer == operands.at[i]->buffer && lin_eq(t->operands.at[i]->at, operands.at[i]->at);
    if (!may)
        check_complain(c, "the tile cannot do on its sums what it should");
}

/* Squares are turned only where loads go along rows and stores along columns, and fill both loops, of which no thread has a part. */
static void check_square(Check *c)
{
    const int square = c->s->square;
    if (!square)
        return;
    if (stage_square(c->s, square) != square)
        check_complain(c, "no squares of %d can be turned", square);
    for (int i = 0; i < c->k->split.n; i++)
        if (c->k->split.var[i] == c->s->loop[c->s->nloop - 1] || c->k->split.var[i] == c->s->loop[c->s->nloop - 2])
            check_complain(c, "threads share the loops of a square");
}

static void check_columns(Check *c)
{
    if (c->s->wide && !columns_fit(c->a, c->k, c->s))
        check_complain(c, "no %d vectors of %d columns can be added up", c->s->together, c->s->wide);
}

/* Vectors along k lie in both operands as they are loaded, and a tile has all columns. */
static void check_k_lanes(Check *c)
{
    const Tile *t = c->s->tile;
    const KLoop *last = t->nk ? &t->k[t->nk - 1] : NULL;
    if (!t->k_lanes && t->b_n != 1)
        check_complain(c, "the tile's columns do not lie side by side");
    if (t->k_lanes && (!last || last->var->extent != t->k_lanes || last->a != 1 || last->b != 1 || last->tapped || k_is_cut(t, t->nk - 1)))
        check_complain(c, "no steps of k make vectors");
    if (t->k_lanes && (t->schedule.lanes != 1 || t->schedule.columns != t->n->extent || t->schedule.panel_tiles || t->schedule.unroll != 1))
        check_complain(c, "vectors of k want tiles of all columns, without panels and unrolling");
}

/* Two rows in a vector follow one another where they are stored, and where they are loaded so; then they have the same taps. */
static void check_abreast(Check *c)
{
    const Tile *t = c->s->tile;
    const TileSchedule *s = &t->schedule;
    if (s->abreast > 1 && (s->lanes == 1 || s->columns != 1 || s->lanes != t->n->extent || t->c_m != s->lanes || !t->m || t->inner || s->unroll == 1 ||
                           s->panel_tiles || tile_has_blocks(t)))
        check_complain(c, "rows abreast want one axis of them, all columns in half of a vector and steps written out, neither panels nor blocks");
    if (s->abreast > 1 && t->a_n && t->a_m != s->lanes)
        check_complain(c, "rows abreast do not follow one another in the left operand");
    for (int i = 0; i < t->forms.n; i++) {
        const TileForm *form = &t->forms.at[i];
        if (form->pairs & form->pairs << 1 || (form->pairs && (s->abreast == 1 || form->pairs >> (form->rows - 1))))
            check_complain(c, "a row is in two vectors, or in none");
        for (int j = 0; j < form->parts.n && !tile_pairs_steps(t); j++)
            if ((form->parts.at[j].rows ^ form->parts.at[j].rows >> 1) & form->pairs)
                check_complain(c, "two rows of a vector do not have the same taps");
    }
}

/* Which channel a vector of several groups has of each is known where it is written: its steps are, or it is one row of all. */
static void check_groups(Check *c)
{
    const Tile *t = c->s->tile;
    const TileSchedule *s = &t->schedule;
    int whole = t->nk;
    int64_t turn = 1;
    if (t->group && !tile_spans_groups(t) && t->group % ((int64_t)s->lanes * s->columns))
        check_complain(c, "the tile has columns of two groups");
    if (!t->group || !tile_spans_groups(t))
        return;
    if (t->n->extent % t->group || (t->channels == 1 && s->unroll != 1))
        check_complain(c, "the tile's vectors do not end with a group");
    tile_unroll(t, &whole, &turn);
    const bool steps = t->by_channel >= 0 && t->k[t->by_channel].a == 1 && t->k[t->by_channel].var->extent == t->channels;
    const bool rows = t->by_channel < 0 && t->m && t->a_m == 1 && t->m->extent == t->channels && s->rows == t->channels && s->unroll == 1;
    if (t->channels > 1 && (t->a_group != t->channels || !(rows || (steps && whole <= t->by_channel && turn == 1))))
        check_complain(c, "the tile's vectors do not have one channel of each group");
}

static void check_tile(Check *c)
{
    const Tile *t = c->s->tile;
    check_k_lanes(c);
    check_abreast(c);
    check_panels(c);
    check_unroll(c);
    check_forms(c);
    check_operand(c, 0);
    check_operand(c, 1);
    const Tile *first = kernel_tile(c->k);
    if (t->m != first->m || t->inner != first->inner || t->schedule.rows != first->schedule.rows || t->block != first->block)
        check_complain(c, "the tile's rows are not those of the tile before it");
    if (t->m && (c->k->blocked < 0 || c->k->outer[c->k->blocked] != t->m))
        check_complain(c, "the tile's rows are not the kernel's blocked loop");
    if (t->inner && (c->k->blocked + 1 >= c->k->nouter || c->k->outer[c->k->blocked + 1] != t->inner))
        check_complain(c, "the tile's second axis of rows is not the one behind its first");
    const TileSchedule *s = &t->schedule;
    if ((int64_t)s->lanes * s->columns > t->n->extent || s->rows < 1 || s->lanes < 1 || s->columns < 1)
        check_complain(c, "the tile is wider than the result");
    check_groups(c);
    Buffer *to = c->s->items.at[0].buffer;
    if (!to)
        check_complain(c, "the tile stores nowhere");
}

/* ---- values and local arrays ----------------------------------------------------------------------- */
static bool made_before(const Check *c, const Unit *u)
{
    for (int i = 0; i < c->item; i++)
        if (c->s->items.at[i].unit == u)
            return true;
    return false;
}

typedef VEC(bool) Marks; /* by expression */

static void check_values(Check *c, const Ex *e, Marks *seen)
{
    while (seen->n <= e->id)
        vec_push(c->a, seen, false);
    if (seen->at[e->id])
        return;
    seen->at[e->id] = true;
    if (e->kind == X_UNIT && !made_before(c, e->unit))
        check_complain(c, "uses a value that this stage has not made yet");
    for (int i = 0; i < e->part.n; i++)
        check_values(c, e->part.at[i], seen);
}

/* ---- all together ---------------------------------------------------------------------------------- */
static void check_item(Check *c, const Item *item, Marks *seen)
{
    if (item->value) {
        visit_loads(c->a, item->value, check_load, c);
        check_values(c, item->value, seen);
    }
    visit_index_loads(c->a, item->at, check_load, c);
    if (item->buffer)
        check_store(c, item);
}

static const char *verify_kernel(Arena *a, const Kernel *k)
{
    Check c = {.a = a, .k = k};
    for (c.stage = 0; c.stage < k->stages.n; c.stage++) {
        Marks seen = {0};
        c.s = k->stages.at[c.stage];
        if (c.s->kind == STAGE_TILE)
            check_tile(&c);
        check_finish(&c);
        check_square(&c);
        check_columns(&c);
        for (c.item = 0; c.item < c.s->items.n; c.item++) {
            seen.n = 0;
            check_item(&c, &c.s->items.at[c.item], &seen);
        }
    }
    for (int i = 0; i < k->units.n; i++)
        check_filled(&c, k->units.at[i]);
    check_accesses(&c);
    return c.why;
}

static void count_steps(const Plan *p, Step *const *steps, int n, int *count)
{
    for (int i = 0; i < n; i++) {
        const Kernel *k = steps[i]->kernel;
        if (steps[i]->kind == STEP_SCAN)
            count_steps(p, steps[i]->body.at, steps[i]->body.n, count);
        else if (k->id >= 0 && k->id < p->kernels.n && p->kernels.at[k->id] == k)
            count[k->id]++;
    }
}

/* Positions are told apart by their ids alone. seen: by loop. */
static bool same_time(Step *const *steps, int n, const Plan *p, bool *seen)
{
    bool same = false;
    for (int i = 0; i < n && !same; i++) {
        if (steps[i]->kind != STEP_SCAN)
            continue;
        const int loop = FIRST_TIME - steps[i]->time->id;
        same = loop < 0 || loop >= p->nloop || seen[loop];
        if (!same) {
            seen[loop] = true;
            same = same_time(steps[i]->body.at, steps[i]->body.n, p, seen);
        }
    }
    return same;
}

static const char *verify_kernels(Arena *a, const Plan *p)
{
    Arena *work = arena_inner(a);
    const char *why = NULL;
    for (int i = 0; i < p->kernels.n && !why; i++) {
        arena_reset(work);
        why = verify_kernel(work, p->kernels.at[i]);
        why = why ? why : verify_split(work, p, p->kernels.at[i]);
    }
    why = why ? arena_strdup(a, why) : NULL;
    arena_free(work);
    return why;
}

const char *plan_verify(Arena *a, const Plan *p)
{
    int *count = NEWN(a, int, p->kernels.n);
    count_steps(p, p->steps.at, p->steps.n, count);
    for (int i = 0; i < p->kernels.n; i++)
        if (count[i] != 1)
            return arena_printf(a, "%s is run by %d steps", p->kernels.at[i]->name, count[i]);
    if (same_time(p->steps.at, p->steps.n, p, NEWN(a, bool, p->nloop + 1)))
        return "two loops have the same position in time";
    const char *why = verify_kernels(a, p);
    why = why ? why : verify_reads(a, p);
    why = why ? why : verify_turns(a, p);
    why = why ? why : verify_rows(a, p);
    why = why ? why : verify_order(a, p);
    return why ? why : verify_arena(a, p);
}
