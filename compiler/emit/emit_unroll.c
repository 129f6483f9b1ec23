/* SPDX-License-Identifier: MIT */
/* emit_unroll.c: steps of a tile's sums, written out one behind the other, at literal places. Steps of the innermost loop in which
 * rows read the same element of the left operand, as those of a window do, load it once for all of them. */
#include "emit_internal.h"

#include <inttypes.h>
#include <stdlib.h>

typedef VEC(Written) WrittenList;

/* ---- which steps ------------------------------------------------------------------------------------- */
/* Of loop i at position k, the rows of the set that have it. */
static uint32_t rows_at(const Tile *t, const TileForm *form, int i, int64_t k, uint32_t rows)
{
    if (i != t->by_row)
        return rows;
    for (int part = 0; part < form->parts.n; part++)
        if (k >= form->parts.at[part].from && k < form->parts.at[part].to)
            return rows & form->parts.at[part].rows;
    return 0;
}

/* Those of the loops from i on; of the first one only `turn`, unless it is to be written out whole. */
static void list_steps(Out *o, const Tile *t, const TileForm *form, int i, int64_t turn, Written at, WrittenList *list)
{
    if (i == t->nk) {
        vec_push(o->a, list, at);
        return;
    }
    for (int64_t k = 0; k < turn; k++) {
        Written next = {.a = at.a + k * t->k[i].a, .b = at.b + k * (t->schedule.panel_tiles ? t->k[i].panel : t->k[i].b),
                        .rows = rows_at(t, form, i, k, at.rows), .run = i + 1 < t->nk ? at.run * (int)turn + (int)k : at.run,
                        .channel = i == t->by_channel ? k : at.channel};
        if (next.rows)
            list_steps(o, t, form, i + 1, i + 1 < t->nk ? t->k[i + 1].var->extent : 0, next, list);
    }
}

static WrittenList written_steps(Out *o, const Tile *t, const TileForm *form, uint32_t rows)
{
    WrittenList list = {0};
    int whole = t->nk;
    int64_t turn = 1;
    tile_unroll(t, &whole, &turn);
    if (turn > 1)
        list_steps(o, t, form, whole - 1, turn, (Written){.rows = rows}, &list);
    else
        list_steps(o, t, form, whole, whole < t->nk ? t->k[whole].var->extent : 0, (Written){.rows = rows}, &list);
    return list;
}

bool has_steps_alone(Out *o, const Tile *t, const TileForm *form)
{
    const WrittenList list = written_steps(o, t, form, (1u << form->rows) - 1);
    for (int i = 0; i < list.n; i += 2)
        if (i + 1 == list.n || !make_a_pair(t, &list.at[i], &list.at[i + 1]))
            return true;
    return false;
}

/* ---- text -------------------------------------------------------------------------------------------- */
static const char *element(Out *o, int lanes, const char *base, int64_t at)
{
    return lanes > 1 ? arena_printf(o->a, "*(const dl_v%d *)(%s + %" PRId64 ")", lanes, base, at)
                     : arena_printf(o->a, "%s[%" PRId64 "]", base, at);
}

static void print_right(Out *o, const Tile *t, const Written *step, int number)
{
    StrBuf sb = {.a = o->a};
    const int lanes = t->schedule.lanes;
    for (int c = 0; c < t->schedule.columns; c++) {
        const char *b = element(o, lanes, "bk", step->b + (int64_t)c * lanes);
        b = o->abreast > 1 ? arena_printf(o->a, "DL_TWICE%d(%s)", o->abreast * lanes, b) : b;
        sb_printf(&sb, "%sb%d_%d = %s", c ? ", " : "", number, c, b);
    }
    if (lanes > 1)
        line(o, "const dl_v%d %s;", o->abreast * lanes, sb_text(&sb));
    else
        line(o, "const float %s;", sb_text(&sb));
}

/* Whether each vector of columns has one of the left operand. */
static bool has_vectors(const Tile *t)
{
    return t->a_n || tile_spans_groups(t);
}

/* The left operand's element at a row's first column, or each of its columns. */
static const char *left_text(Out *o, const Tile *t, int64_t at, int64_t channel)
{
    const int lanes = o->abreast * t->schedule.lanes;
    if (!has_vectors(t))
        return arena_printf(o->a, "const float x0 = ak[%" PRId64 "];", at);
    StrBuf sb = {.a = o->a};
    for (int c = 0; c < t->schedule.columns; c++)
        sb_printf(&sb, "%sx%d = %s", c ? ", " : "", c, left_vector(o, t, lanes, at, channel, c));
    return lanes > 1 ? arena_printf(o->a, "const dl_v%d %s;", lanes, sb_text(&sb)) : arena_printf(o->a, "const float %s;", sb_text(&sb));
}

/* All that is made of the element at `at`, by the steps of a run in their order. */
static void print_uses(Out *o, const Tile *t, const Written *steps, int n, int64_t at)
{
    StrBuf sb = {.a = o->a};
    sb_printf(&sb, "{ %s", left_text(o, t, at, steps[0].channel));
    for (int s = 0; s < n; s++)
        for (int r = 0; steps[s].rows >> r; r++)
            if ((steps[s].rows >> r & 1) && steps[s].a + r * t->a_m == at)
                for (int c = 0; c < t->schedule.columns; c++)
                    sb_printf(&sb, " c%d_%d += x%d * b%d_%d;", r, c, has_vectors(t) ? c : 0, s, c);
    line(o, "%s }", sb_text(&sb));
}

static int by_place(const void *x, const void *y)
{
    const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* The places the steps read in the left operand, each once, in an order in which every row has its steps in theirs. */
static int places(Out *o, const Tile *t, const Written *steps, int n, int64_t **at)
{
    int found = 0, distinct = 0;
    *at = NEWN(o->a, int64_t, n * 32 + 1);
    for (int s = 0; s < n; s++)
        for (int r = 0; steps[s].rows >> r; r++)
            if (steps[s].rows >> r & 1)
                (*at)[found++] = steps[s].a + r * t->a_m;
    qsort(*at, (size_t)found, sizeof **at, by_place);
    for (int i = 0; i < found; i++)
        if (!i || (*at)[i] != (*at)[i - 1])
            (*at)[distinct++] = (*at)[i];
    for (int i = 0; n > 1 && steps[1].a < steps[0].a && i < distinct / 2; i++) {
        int64_t first = (*at)[i];
        (*at)[i] = (*at)[distinct - 1 - i];
        (*at)[distinct - 1 - i] = first;
    }
    return distinct;
}

static int rows_of(const Written *steps, int n)
{
    int rows = 0;
    for (int s = 0; s < n; s++)
        for (int r = 0; steps[s].rows >> r; r++)
            rows += (int)(steps[s].rows >> r & 1);
    return rows;
}

static void print_run(Out *o, const Tile *t, const Written *steps, int n)
{
    int64_t *at;
    int distinct = places(o, t, steps, n, &at);
    if (n > 1 && distinct == rows_of(steps, n)) {     /* nothing is shared: one step after the other wants fewer registers */
        for (int s = 0; s < n; s++)
            print_run(o, t, steps + s, 1);
        return;
    }
    open_block(o, "{");
    for (int s = 0; s < n; s++)
        print_right(o, t, &steps[s], s);
    for (int i = 0; i < distinct; i++)
        print_uses(o, t, steps, n, at[i]);
    close_loops(o, 1);
}

/* Those of the rows that stand in vectors of so many. */
static void print_vectors(Out *o, const Tile *t, const TileForm *form, const WrittenList *all, int abreast)
{
    WrittenList list = {0};
    for (int i = 0; i < all->n; i++) {
        Written step = all->at[i];
        step.rows = rows_abreast(form, step.rows, abreast);
        if (step.rows)
            vec_push(o->a, &list, step);
    }
    o->abreast = abreast;
    for (int i = 0, n; i < list.n; i += n) {
        for (n = 1; i + n < list.n && list.at[i + n].run == list.at[i].run;)
            n++;
        print_run(o, t, &list.at[i], n);
    }
}

void print_unrolled(Out *o, const Tile *t, const TileForm *form, uint32_t rows)
{
    const WrittenList list = written_steps(o, t, form, rows);
    if (tile_pairs_steps(t)) {
        print_paired_steps(o, t, list.at, list.n);
        return;
    }
    for (int abreast = t->schedule.abreast; abreast >= 1; abreast--)
        print_vectors(o, t, form, &list, abreast);
}
