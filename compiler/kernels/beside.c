/* SPDX-License-Identifier: MIT */
/* beside.c: what the stages behind a tile read and store for its rows is fetched while the tile multiplies.
 *
 * A normalization behind a product, or its gradient, reads rows of several tensors and makes rows of others. Where these lie beyond the second
 * cache it waits for each line, while tiles leave the way there idle. So each tile asks for a share of the block's rows, as large as its columns
 * are: some floats further in each step. */
#include "lower.h"
#include "verify.h"

enum {
    LEAST_STEPS = 64,       /* of a tile, in which that much comes */
    MOST_BESIDE = 6,        /* rows of so many tensors */
    SMALL = 16,             /* of L2: a tensor below the 16th is likely to be there still */
};

typedef struct Rows {       /* of a tile's block, as a stage behind it sees them */
    Plan *p;
    Kernel *k;
    Tile *t;
    const Stage *s;
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
    const Var *column = x->s->loop[0];
    const Lin *at = lin_without(x->p->a, lin_without(x->p->a, load->at, t->m), column);
    if (!is_large(x->p, root) || lin_factor(load->at, t->m) != t->n->extent || lin_factor(load->at, column) != 1 || !lin_is_affine(at) ||
        lin_uses(at, column) || t->beside.n == MOST_BESIDE)
        return;
    for (int i = 0; i < t->beside.n; i++)
        if (buffer_root(t->beside.at[i].buffer) == root)
            return;
    vec_push(x->p->a, &t->beside, ((Beside){.buffer = root, .at = at}));
}

static bool has_rows_behind(const Plan *p, const Kernel *k)
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
        Rows x = {.p = p, .k = k, .t = t, .s = s};
        if (s->in_tile || s->nloop != 1 || s->loop[0]->extent != t->n->extent)
            continue;
        for (int j = 0; j < s->items.n; j++) {
            visit_loads(p->a, s->items.at[j].value, note_rows, &x);
            if (s->items.at[j].buffer)
                note_rows(&x, &(Load){.buffer = s->items.at[j].buffer, .at = s->items.at[j].at});
        }
    }
}

int64_t beside_step(const Tile *t)
{
    const int64_t floats = (int64_t)t->schedule.rows * t->schedule.lanes * t->schedule.columns, steps = t->k[0].var->extent;
    return (floats + steps - 1) / steps;
}

void fetch_beside(Plan *p)
{
    for (int i = 0; i < p->kernels.n && p->target->l2_width && p->target->lanes > 1; i++)
        if (has_rows_behind(p, p->kernels.at[i]))
            fetch_rows_behind(p, p->kernels.at[i]);
}
