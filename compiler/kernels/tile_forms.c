/* SPDX-License-Identifier: MIT */
/* tile_forms.c: which tiles of a schedule are alike, and so one function in C.
 *
 * Rows of a padded window lack taps at the edges. Where the rows of a tile run along the window's positions, a tile at an edge
 * is written out with the taps that each of its rows has: the loop over the taps becomes parts, of which each has the same rows.
 * All tiles away from the edges have one part, with all taps and rows, and are alike. */
#include "lower.h"

int tile_rows(int64_t extent, int most, int *large, int *nlarge)
{
    int tiles = (int)((extent + most - 1) / most);
    *large = (int)((extent + tiles - 1) / tiles);
    *nlarge = tiles - (int)((int64_t)*large * tiles - extent);
    return tiles;
}

int64_t tile_extent(const Tile *t)
{
    return t->m ? t->m->extent : 1;
}

bool k_is_cut(const Tile *t, int i)
{
    return i == t->schedule.k_split || i < t->schedule.k_outer;
}

/* Loop i's steps are as long as all of the other's together. Compilers write short ones out, which is as good. */
bool k_is_joined(const Tile *t, int i)
{
    enum { SHORT = 8 };
    const KLoop *outer = &t->k[i], *inner = outer + 1;
    if (i != t->by_row || i + 2 != t->nk || t->k_lanes || inner->var->extent <= SHORT || inner->tapped || t->schedule.unroll != 1 ||
        k_is_cut(t, i) || k_is_cut(t, i + 1))
        return false;
    return outer->a == inner->a * inner->var->extent &&
           (t->schedule.panel_tiles || outer->b == inner->b * inner->var->extent);
}

bool tile_has_blocks(const Tile *t)
{
    return t->schedule.k_split >= 0 || t->schedule.k_outer > 0;
}

int k_turning(const Tile *t)
{
    return t->nk - (t->k_lanes > 0);
}

int64_t k_steps(const Tile *t, int i)
{
    return i == t->schedule.k_split ? t->schedule.k_block : i < t->schedule.k_outer ? 1 : t->k[i].var->extent;
}

int tile_inner(const Tile *t)
{
    return t->inner ? (int)t->inner->extent : 1;
}

int64_t panel_rows(const Tile *t)
{
    int64_t rows = 1;
    for (int i = 0; i < t->nk; i++)
        rows *= k_steps(t, i);
    return rows;
}

bool tile_unroll(const Tile *t, int *whole, int64_t *turn)
{
    int64_t left = t->schedule.unroll;
    int i = t->nk;
    if (t->inner && left > 1)
        return false;
    for (; i > 0 && left > 1 && left % t->k[i - 1].var->extent == 0; i--) {
        if ((t->k[i - 1].tapped && i - 1 != t->by_row) || k_is_cut(t, i - 1))
            return false;
        left /= t->k[i - 1].var->extent;
    }
    *whole = i;
    *turn = left;
    return left == 1 || (left > 1 && i > 0 && !t->k[i - 1].tapped && !k_is_cut(t, i - 1) &&
                         t->k[i - 1].var->extent % left == 0);
}

bool panel_is_whole(const Tile *t)
{
    const TileSchedule *s = &t->schedule;
    return s->panel_tiles && s->k_split < 0 && t->n->extent == (int64_t)s->panel_tiles * s->lanes * s->columns;
}

static bool has_tap(const KLoop *loop, int64_t row, int64_t k)
{
    int64_t at = row * loop->tap.stride + k * loop->tap.dilation - loop->tap.pad;
    return at >= 0 && at < loop->tap.extent;
}

static uint32_t rows_with(const KLoop *loop, int64_t at, int rows, int64_t k)
{
    uint32_t set = 0;
    for (int r = 0; r < rows; r++)
        if (has_tap(loop, at + r, k))
            set |= 1u << r;
    return set;
}

/* The loop's steps in parts of the same rows; steps no row has are in none. */
static void find_parts(Arena *a, const KLoop *loop, int64_t at, TileForm *form)
{
    for (int64_t k = 0; k < loop->var->extent; k++) {
        TilePart *last = form->parts.n ? &form->parts.at[form->parts.n - 1] : NULL;
        uint32_t rows = rows_with(loop, at, form->rows, k);
        if (last && last->rows == rows && last->to == k)
            last->to++;
        else if (rows)
            vec_push(a, &form->parts, ((TilePart){k, k + 1, rows}));
    }
}

static bool same_parts(const TileForm *x, const TileForm *y)
{
    if (x->rows != y->rows || x->parts.n != y->parts.n)
        return false;
    for (int i = 0; i < x->parts.n; i++)
        if (x->parts.at[i].from != y->parts.at[i].from || x->parts.at[i].to != y->parts.at[i].to ||
            x->parts.at[i].rows != y->parts.at[i].rows)
            return false;
    return true;
}

static bool is_whole(const TileForm *form, const KLoop *loop)
{
    return form->parts.n == 1 && form->parts.at[0].from == 0 && form->parts.at[0].to == loop->var->extent &&
           form->parts.at[0].rows == (1u << form->rows) - 1;
}

static bool have_same_taps(const TileForm *form, int x, int y)
{
    for (int i = 0; i < form->parts.n; i++)
        if ((form->parts.at[i].rows >> x & 1) != (form->parts.at[i].rows >> y & 1))
            return false;
    return true;
}

/* Two rows in a vector are multiplied together, or, where vectors have two steps, come together at the end. */
static uint32_t pairs_of(const Tile *t, const TileForm *form)
{
    uint32_t pairs = 0;
    for (int r = 0; t->schedule.abreast > 1 && r + 1 < form->rows; r++)
        if (tile_pairs_steps(t) || have_same_taps(form, r, r + 1))
            pairs |= 1u << r++;
    return pairs;
}

static int form_of(Arena *a, Tile *t, int64_t at, int rows)
{
    TileForm form = {.rows = rows, .at = -1};
    if (t->by_row >= 0) {
        find_parts(a, &t->k[t->by_row], at, &form);
        if (!is_whole(&form, &t->k[t->by_row]))
            form.at = at;
    }
    form.pairs = pairs_of(t, &form);
    for (int i = 0; i < t->forms.n; i++)
        if (same_parts(&t->forms.at[i], &form))
            return i;
    vec_push(a, &t->forms, form);
    return t->forms.n - 1;
}

void tile_forms(Arena *a, Tile *t)
{
    int large, nlarge, tiles = tile_rows(tile_extent(t), t->schedule.rows, &large, &nlarge);
    t->forms.n = t->runs.n = 0;
    t->inner_form = (TileForm){.rows = tile_inner(t), .at = -1};
    if (t->by_inner >= 0)
        find_parts(a, &t->k[t->by_inner], 0, &t->inner_form);
    for (int64_t i = 0, at = 0; i < tiles; i++) {
        int rows = large - (i >= nlarge), form = form_of(a, t, at, rows);
        at += rows;
        if (t->runs.n && t->runs.at[t->runs.n - 1].form == form)
            t->runs.at[t->runs.n - 1].end = at;
        else
            vec_push(a, &t->runs, ((TileRun){form, at}));
    }
}
