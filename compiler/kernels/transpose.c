/* SPDX-License-Identifier: MIT */
/* transpose.c: copies that make columns of rows go by squares, which vectors can turn: a contraction's right operand that lies the other
 * way round, as the keys of an attention, or weights in the gradient of what they are multiplied with. */
#include "lower.h"

enum { LEAST_SQUARE = 4 };

/* Of the last two loops the inner one runs along the rows of what is stored, the outer one along those of what is loaded. */
int stage_square(const Stage *s, int lanes)
{
    if (s->kind != STAGE_MAP || s->items.n != 1 || s->nloop < 2 || s->in_tile)
        return 0;
    const Item *item = &s->items.at[0];
    const Ex *load = item->value;
    const Var *row = s->loop[s->nloop - 2], *column = s->loop[s->nloop - 1];
    if (load->kind != X_LOAD || load->dt != DT_F32 || !item->buffer || buffer_root(load->buffer) == buffer_root(item->buffer))
        return 0;
    if (!lin_is_affine(load->at) || !lin_is_affine(item->at) || lin_factor(load->at, row) != 1 || lin_factor(item->at, column) != 1 ||
        lin_factor(load->at, column) <= 1 || lin_factor(item->at, row) <= 1)
        return 0;
    while (lanes >= LEAST_SQUARE && (row->extent % lanes || column->extent % lanes))
        lanes /= 2;
    return lanes >= LEAST_SQUARE ? lanes : 0;
}

void find_squares(Plan *p)
{
    const int lanes = p->target->l2 ? p->target->lanes : 0;
    for (int i = 0; i < p->kernels.n; i++)
        for (int k = 0; k < p->kernels.at[i]->stages.n; k++)
            p->kernels.at[i]->stages.at[k]->square = stage_square(p->kernels.at[i]->stages.at[k], lanes);
}
