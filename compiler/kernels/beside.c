/* SPDX-License-Identifier: MIT */
/* beside.c: what the stages behind a tile read and store for its rows is fetched while the tile multiplies, and what tiles store of the next rows.
 *
 * A normalization behind a product, or its gradient, reads rows of several tensors and makes rows of others. Where these lie beyond the second
 * cache it waits for each line, while tiles leave the way there idle. So each tile asks for a share of the block's rows, as large as its columns
 * are: some floats further in each step.
 *
 * Rows wider than a tile are stored in pieces, a row further each, and caches do not see them coming; whole rows lie one behind the other, which
 * they do. So tiles ask for those of the block behind theirs in that order, of what they store and what they read with it. */
#include "lower.h"
#include "verify.h"

enum {
    LEAST_STEPS = 64,       /* of a tile, in which that much comes */
    MOST_BESIDE = 6,        /* rows of so many tensors */
    SMALL = 16,             /* of L2: a tensor below the 16th is likely to be there still */
};

typedef struct Rows {       /* of a tile's block, as a stage sees them */
    Plan *p;
    Tile *t;
    const Var *column;      /* the stage's */
    int64_t further;        /* from where these rows begin to those that are fetched, in floats */
} Rows;

static bool is_large(const Plan *p, const Buffer *root)
{
    return root->kind != BUFFER_LOCAL && root->type.dt == DT_F32 && 4 * type_count(root->type) > p->target->l2 / SMALL;
}

/* Rows as long as the product's, one behind the other. */
static void note_rows(void *context, const Load *load)
{
    const Rows *x = context;
    Tile *t = x->t;
    Buffer *root = buffer_root(load->buffer);
    const Lin *at = lin_without(x->p->a, lin_without(x->p->a, load->at, t->m), x->column);
    if (!is_large(x->p, root) || lin_factor(load->at, t->m) != t->n->extent || lin_factor(load->at, x->column) != 1 || !lin_is_affine(at) ||
        lin_uses(at, x->column) || t->beside.n == MOST_BESIDE)
        return;
    for (int i = 0; i < t->beside.n; i++)
        if (buffer_root(t->beside.at[i].buffer) == root)
            return;
    for (int i = 0; i < t->ahead.n; i++)        /* in the turn before */
        if (t->ahead.at[i].buffer == root)
            return;
    vec_push(x->p->a, &t->beside, ((Beside){.buffer = root, .at = at, .further = x->further}));
}

static void note_stage(Rows *x, const Stage *s)
{
    for (int j = 0; j < s->items.n; j++) {
        visit_loads(x->p->a, s->items.at[j].value, note_rows, x);
        if (s->items.at[j].buffer)
            note_rows(x, &(Load){.buffer = s->items.at[j].buffer, .at = s->items.at[j].at});
    }
}

/* One loop of some length, in which a tile may ask for something else in each step. */
static bool has_time(const Plan *p, const Kernel *k)
{
    const Tile *t = kernel_tile(k);
    return t && k->stages.at[0]->tile == t && t->block && t->nk == 1 && !t->k[0].tapped && !t->k_lanes && !t->inner && !t->turn && t->k[0].var->extent >= LEAST_STEPS &&
           t->schedule.k_split < 0 && t->schedule.unroll == 1 && t->schedule.lanes == p->target->lanes && t->n->extent % column_step(t) == 0;
}

static void fetch_rows_behind(Plan *p, Kernel *k)
{
    Tile *t = k->stages.at[0]->tile;
    for (int i = 1; i < k->stages.n && k->stages.at[i]->kind != STAGE_TILE; i++) {
        const Stage *s = k->stages.at[i];
        if (!s->in_tile && s->nloop == 1 && s->loop[0]->extent == t->n->extent)
            note_stage(&(Rows){.p = p, .t = t, .column = s->loop[0]}, s);
    }
}

/* All columns of some rows are made before those of the next. */
static bool makes_whole_rows(const Tile *t)
{
    return panel_is_whole(t) || t->schedule.outside < 0;
}

static void fetch_next_rows(Plan *p, Kernel *k)
{
    Tile *t = k->stages.at[0]->tile;
    const int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns;
    Rows x = {.p = p, .t = t, .column = t->finish ? t->finish->loop[0] : t->n, .further = t->schedule.rows * t->n->extent};
    if (t->n->extent == width || !makes_whole_rows(t))
        return;
    if (t->finish)
        note_stage(&x, t->finish);
    else
        note_rows(&x, &(Load){.buffer = k->stages.at[0]->items.at[0].buffer, .at = tile_place(p->a, t, t->n)});
}

int64_t beside_step(const Tile *t)
{
    const int64_t floats = (int64_t)t->schedule.rows * t->schedule.lanes * t->schedule.columns, steps = t->k[0].var->extent;
    return (floats + steps - 1) / steps;
}

void fetch_beside(Plan *p)
{
    for (int i = 0; i < p->kernels.n && p->target->l2_width && p->target->lanes > 1; i++)
        if (has_time(p, p->kernels.at[i])) {
            fetch_rows_behind(p, p->kernels.at[i]);
            fetch_next_rows(p, p->kernels.at[i]);
        }
}
