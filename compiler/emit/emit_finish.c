/* SPDX-License-Identifier: MIT */
/* emit_finish.c: element work that a tile does on its sums before it stores them: see kernels/finish.c.
 *
 * A tile's function is told where the sums go, or in their stead the first result of that work, as c, where further results go as e1, e2,
 * ..., and where what is loaded besides comes from as d0, d1, ...: all at its first row and column. */
#include "emit_internal.h"

#include <inttypes.h>

/* ---- places ------------------------------------------------------------------------------------------ */
bool stores_sums(Out *o, const Stage *s)
{
    const Stage *finish = s->tile->finish;
    bool overwritten = false;
    for (int i = 0; i < finish->items.n; i++)
        overwritten |= finish_overwrites(o->a, s, &finish->items.at[i]);
    return s->items.at[0].buffer->kind != BUFFER_LOCAL && !overwritten;
}

/* The item of the work that c is for; NULL: the sums. */
static const Item *first_result(Out *o, const Stage *s)
{
    const Stage *finish = s->tile->finish;
    for (int i = 0; i < finish->items.n; i++)
        if (finish_overwrites(o->a, s, &finish->items.at[i]))
            return &finish->items.at[i];
    return stores_sums(o, s) ? NULL : &finish->items.at[finish_result(finish, 0)];
}

/* What an item's place is called; NULL where it has none. */
static const char *result_name(Out *o, const Stage *s, const Item *item)
{
    if (!item->buffer)
        return NULL;
    return item == first_result(o, s) ? "c" : arena_printf(o->a, "e%d", (int)(item - s->tile->finish->items.at));
}

/* The place of something that is loaded: where a result goes, if it is overwritten. */
static const char *operand_name(Out *o, const Stage *s, const Ex *e)
{
    const Tile *t = s->tile;
    for (int i = 0; i < t->finish->items.n; i++) {
        const Item *item = &t->finish->items.at[i];
        if (item->buffer && buffer_root(item->buffer) == buffer_root(e->buffer))
            return result_name(o, s, item);
    }
    for (int i = 0; i < t->operands.n; i++)
        if (t->operands.at[i]->buffer == e->buffer && lin_eq(t->operands.at[i]->at, e->at))
            return arena_printf(o->a, "d%d", i);
    BUG("a tile is not told where %s lies, which it needs for its sums", e->buffer->name ? e->buffer->name : "a tensor");
}

/* From the tile's first row to row r. */
static int64_t row_step(const Tile *t, const Lin *at, int r)
{
    const int inner = tile_inner(t);
    return (t->m ? r / inner * lin_factor(at, t->m) : 0) + (t->inner ? r % inner * lin_factor(at, t->inner) : 0);
}

static int64_t place_in_tile(const Tile *t, const Lin *at, int r, int c)
{
    return row_step(t, at, r) + lin_factor(at, t->finish->loop[0]) * c * t->schedule.lanes;
}

static bool is_same_in_rows(const Tile *t, const Lin *at)
{
    return !(t->m && lin_uses(at, t->m)) && !(t->inner && lin_uses(at, t->inner));
}

int64_t finish_place(Out *o, const Stage *s, int r, int c)
{
    const Tile *t = s->tile;
    const Item *first = first_result(o, s);
    return place_in_tile(t, first ? first->at : tile_place(o->a, t, t->finish->loop[0]), r, c);
}

/* ---- parameters -------------------------------------------------------------------------------------- */
const char *finish_parameters(Out *o, const Stage *s)
{
    StrBuf sb = {.a = o->a};
    const Tile *t = s->tile;
    for (int i = 0; t->finish && i < t->operands.n; i++)
        if (*operand_name(o, s, t->operands.at[i]) == 'd')
            sb_printf(&sb, ", const float *restrict d%d", i);
    for (int i = 0; t->finish && i < t->finish->items.n; i++) {
        const char *name = result_name(o, s, &t->finish->items.at[i]);
        if (name && *name == 'e')
            sb_printf(&sb, ", float *restrict %s", name);
    }
    return sb_text(&sb);
}

static const char *pointer_to(Out *o, const Tile *t, Buffer *buffer, const Lin *at, const char *column)
{
    const Var *n = t->finish->loop[0];
    const bool moves = lin_uses(at, n);
    const int64_t step = t->m ? lin_factor(at, t->m) : 0;
    at = lin_without(o->a, at, n);
    at = t->m ? lin_without(o->a, at, t->m) : at;
    at = t->inner ? lin_without(o->a, at, t->inner) : at;
    return tile_pointer(o, buffer, with_block(o, at, step), moves ? column : "0");
}

const char *finish_arguments(Out *o, const Stage *s, const char *column)
{
    StrBuf sb = {.a = o->a};
    const Tile *t = s->tile;
    const Item *first = first_result(o, s);
    if (first)
        sb_puts(&sb, pointer_to(o, t, first->buffer, first->at, column));
    else
        sb_puts(&sb, pointer_to(o, t, s->items.at[0].buffer, tile_place(o->a, t, t->finish->loop[0]), column));
    for (int i = 0; i < t->operands.n; i++)
        if (*operand_name(o, s, t->operands.at[i]) == 'd')
            sb_printf(&sb, ", %s", pointer_to(o, t, t->operands.at[i]->buffer, t->operands.at[i]->at, column));
    for (int i = 0; i < t->finish->items.n; i++) {
        const Item *item = &t->finish->items.at[i];
        if (item->buffer && item != first)
            sb_printf(&sb, ", %s", pointer_to(o, t, item->buffer, item->at, column));
    }
    return sb_text(&sb);
}

/* ---- values ------------------------------------------------------------------------------------------ */
typedef struct Sum {            /* being finished */
    const Stage *s;
    int r, c;
    int rows;                   /* it is a vector of so many, from r on */
    ExList from, to;            /* expressions of the stage's, and what they are for this one */
} Sum;

static Ex *named(Out *o, BufferKind kind, const char *name, int64_t at)
{
    Buffer *b = NEW(o->a, Buffer);
    Ex *e = NEW(o->a, Ex);
    *b = (Buffer){.kind = kind, .type = type_scalar(DT_F32), .name = name};
    *e = (Ex){.kind = X_LOAD, .dt = DT_F32, .buffer = b, .at = lin_const(o->a, at)};
    return e;
}

/* A vector of the same number, where the place does not change with the column. */
static const char *operand_vector(Out *o, const Tile *t, const char *name, const Lin *at, int64_t place, int rows)
{
    const int lanes = t->schedule.lanes * rows;
    return lin_uses(at, t->finish->loop[0]) ? arena_printf(o->a, "*(const dl_v%d *)(%s + %" PRId64 ")", lanes, name, place)
                                            : arena_printf(o->a, "DL_ALL%d(%s[%" PRId64 "])", lanes, name, place);
}

/* Whether two rows lie there side by side. */
static bool follow_one_another(const Tile *t, const Lin *at)
{
    return lin_uses(at, t->finish->loop[0]) && lin_factor(at, t->m) == t->schedule.lanes;
}

/* What is loaded for a sum: of two rows, if it is so, together or each. */
static const char *row_vector(Out *o, const Sum *sum, const char *name, const Lin *at)
{
    const Tile *t = sum->s->tile;
    const int64_t place = place_in_tile(t, at, sum->r, sum->c);
    if (sum->rows == 1 || follow_one_another(t, at))
        return operand_vector(o, t, name, at, place, sum->rows);
    const char *second = operand_vector(o, t, name, at, place_in_tile(t, at, sum->r + 1, sum->c), 1);
    return arena_printf(o->a, "DL_JOIN%d(%s, %s)", o->lanes, operand_vector(o, t, name, at, place, 1), second);
}

static Ex *operand_of(Out *o, const Sum *sum, const Ex *e)
{
    const Tile *t = sum->s->tile;
    const char *name = operand_name(o, sum->s, e);
    const int64_t place = place_in_tile(t, e->at, sum->r, sum->c);
    if (t->schedule.lanes == 1)
        return named(o, BUFFER_PORT, name, place);
    if (!is_same_in_rows(t, e->at))
        return named(o, BUFFER_LOCAL, row_vector(o, sum, name, e->at), 0);
    return named(o, BUFFER_LOCAL, arena_printf(o->a, "%s_%d", name, lin_uses(e->at, t->finish->loop[0]) ? sum->c : 0), 0);
}

static bool is_sum(Out *o, const Stage *s, const Ex *e)
{
    return e->kind == X_LOAD && buffer_root(e->buffer) == buffer_root(s->items.at[0].buffer) &&
           lin_eq(e->at, tile_place(o->a, s->tile, s->tile->finish->loop[0]));
}

static Ex *on_sum(Out *o, Sum *sum, const Ex *e);

static Ex *unit_on_sum(Out *o, Sum *sum, const Unit *u)
{
    const Stage *finish = sum->s->tile->finish;
    for (int i = 0; i < finish->items.n; i++)
        if (finish->items.at[i].unit == u)
            return on_sum(o, sum, finish->items.at[i].value);
    BUG("a tile's sums want a value their stage does not make");
}

static Ex *made_on_sum(Out *o, Sum *sum, const Ex *e)
{
    if (e->kind == X_UNIT)
        return unit_on_sum(o, sum, e->unit);
    if (is_sum(o, sum->s, e))
        return named(o, BUFFER_LOCAL, arena_printf(o->a, "c%d_%d", sum->r, sum->c), 0);
    if (e->kind == X_LOAD)
        return operand_of(o, sum, e);
    Ex *copy = arena_dup(o->a, e, sizeof *e);
    copy->part = (ExList){0};
    for (int i = 0; i < e->nin; i++) {
        copy->in[i] = on_sum(o, sum, e->in[i]);
        vec_push(o->a, &copy->part, copy->in[i]);
    }
    return copy;
}

/* A value of the stage's for one sum, made once. */
static Ex *on_sum(Out *o, Sum *sum, const Ex *e)
{
    for (int i = 0; i < sum->from.n; i++)
        if (sum->from.at[i] == e)
            return sum->to.at[i];
    Ex *made = made_on_sum(o, sum, e);
    vec_push(o->a, &sum->from, (Ex *)e);
    vec_push(o->a, &sum->to, made);
    return made;
}

static void print_result(Out *o, const Sum *sum, const Item *item, const Ex *value)
{
    const Tile *t = sum->s->tile;
    const char *name = result_name(o, sum->s, item);
    const int64_t at = place_in_tile(t, item->at, sum->r, sum->c);
    if (!name)
        return;
    if (o->lanes > 1)
        line(o, "*(dl_v%d *)(%s + %" PRId64 ") = %s;", o->lanes, name, at, ex_text(o, value, ANY));
    else
        line(o, "%s[%" PRId64 "] = %s;", name, at, ex_text(o, value, ANY));
}

static void print_sum(Out *o, const Stage *s, int r, int c, int rows)
{
    Sum sum = {.s = s, .r = r, .c = c, .rows = rows};
    const Stage *finish = s->tile->finish;
    Ex **value = NEWN(o->a, Ex *, finish->items.n);
    for (int i = 0; i < finish->items.n; i++) {
        value[i] = on_sum(o, &sum, finish->items.at[i].value);
        reset_ex(value[i]);
    }
    for (int i = 0; i < finish->items.n; i++)
        count_uses(value[i], false);
    for (int i = 0; i < finish->items.n; i++) {
        ExList temps = {0};
        choose_temps(o, value[i], 0, &temps);
        print_temps(o, &temps, 0);
        print_result(o, &sum, &finish->items.at[i], value[i]);
    }
}

/* Vectors of what is the same in all rows, for vectors of so many: loaded once. */
static void load_columns(Out *o, const Stage *s, int rows)
{
    const Tile *t = s->tile;
    for (int i = 0; i < t->operands.n; i++) {
        const Ex *e = t->operands.at[i];
        const char *name = operand_name(o, s, e);
        StrBuf sb = {.a = o->a};
        if (!is_same_in_rows(t, e->at))
            continue;
        for (int c = 0; c < (lin_uses(e->at, t->finish->loop[0]) ? t->schedule.columns : 1); c++) {
            const char *loaded = operand_vector(o, t, name, e->at, place_in_tile(t, e->at, 0, c), 1);
            loaded = rows > 1 ? arena_printf(o->a, "DL_TWICE%d(%s)", o->lanes, loaded) : loaded;
            sb_printf(&sb, "%s%s_%d = %s", c ? ", " : "", name, c, loaded);
        }
        line(o, "const dl_v%d %s;", o->lanes, sb_text(&sb));
    }
}

/* The sums that are vectors of so many rows. */
static void finish_vectors(Out *o, const Stage *s, const TileForm *form, int rows)
{
    const Tile *t = s->tile;
    o->lanes = t->schedule.lanes * rows;
    if (o->lanes > 1)
        load_columns(o, s, rows);
    for (int r = 0; r < form->rows * tile_inner(t); r++)
        for (int c = 0; c < t->schedule.columns && rows_of_vector(form, r) == rows; c++)
            print_sum(o, s, r, c, rows);
    o->lanes = 1;
}

void print_finished(Out *o, const Stage *s, const TileForm *form)
{
    const uint32_t all = (uint32_t)((1ull << form->rows * tile_inner(s->tile)) - 1), alone = rows_abreast(form, all, 1);
    const bool both = form->pairs && alone;
    for (int rows = 2; rows >= 1; rows--) {
        if (!(rows > 1 ? form->pairs : alone))
            continue;
        if (both)
            open_block(o, "{");
        finish_vectors(o, s, form, rows);
        close_loops(o, both);
    }
}
