/* SPDX-License-Identifier: MIT */
/* finish.c: element work that a tile does on its sums before it stores them: a bias, an activation, the mask of a relu. A loop of its own
 * loads and stores every sum again, which takes as long as several multiply-adds of each.
 *
 * Of scalars that is written out for every sum of a tile, of vectors for every vector: what is loaded besides may then differ from row to
 * row. Sums that nobody else reads have no place in memory. */
#include "lower.h"

#include <math.h>

enum {
    FEW_STEPS = 64,         /* of a sum on a core without vectors: with more, what a loop would cost is little beside it */
};

static bool has_vectors(const Tile *t)
{
    return t->schedule.lanes > 1;
}

static int most_operations(const Tile *t)
{
    return has_vectors(t) ? 16 : 6;
}

static int most_operands(const Tile *t)
{
    return has_vectors(t) ? 6 : 2;
}

const Lin *tile_place(Arena *a, const Tile *t, Var *n)
{
    const Lin *at = lin_add(a, t->c_at, lin_var(a, n));
    at = t->inner ? lin_add(a, at, lin_scale(a, lin_var(a, t->inner), t->c_inner)) : at;
    return t->m ? lin_add(a, at, lin_scale(a, lin_var(a, t->m), t->c_m)) : at;
}

typedef struct Fit {            /* what is looked at */
    Arena *a;
    const Kernel *k;
    const Tile *t;
    const Stage *tile, *s;
    const Lin *sum;             /* where the tile stores, at the columns of s */
    int item, left;             /* of s; operations that may still come */
    ExList *operands;
} Fit;

static bool is_sum(const Fit *f, const Ex *e)
{
    return e->kind == X_LOAD && buffer_root(e->buffer) == buffer_root(f->tile->items.at[0].buffer) && lin_eq(e->at, f->sum);
}

/* Stored by the stage at this place: where something else was, which is read before. */
static bool is_overwritten(const Fit *f, const Ex *e)
{
    for (int i = 0; i < f->s->items.n; i++)
        if (f->s->items.at[i].buffer && buffer_root(f->s->items.at[i].buffer) == buffer_root(e->buffer))
            return i >= f->item && lin_eq(f->s->items.at[i].at, e->at);
    return false;
}

/* Made by the kernel itself. */
static bool is_made_here(const Kernel *k, Buffer *b)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].buffer && buffer_root(k->stages.at[i]->items.at[j].buffer) == buffer_root(b))
                return true;
    return false;
}

/* An element for each column, or the same for all; for all rows the same as well without vectors. The last columns of a tile may be made
 * twice: then nothing they are made of may be overwritten. */
static bool is_operand(const Fit *f, const Ex *e)
{
    const int64_t by_column = lin_factor(e->at, f->s->loop[0]);
    if (e->dt != DT_F32 || !lin_is_affine(e->at) || (by_column != 0 && by_column != 1))
        return false;
    if (!has_vectors(f->t) && ((f->t->m && lin_uses(e->at, f->t->m)) || (f->t->inner && lin_uses(e->at, f->t->inner))))
        return false;
    if (is_made_here(f->k, e->buffer))
        return is_overwritten(f, e) && f->t->n->extent % ((int64_t)f->t->schedule.lanes * f->t->schedule.columns) == 0;
    return true;
}

static bool is_known(const ExList *list, const Ex *e)
{
    for (int i = 0; i < list->n; i++)
        if (list->at[i]->buffer == e->buffer && lin_eq(list->at[i]->at, e->at))
            return true;
    return false;
}

static bool add_operand(Fit *f, const Ex *e)
{
    if (!is_operand(f, e))
        return false;
    if (!is_known(f->operands, e))
        vec_push(f->a, f->operands, (Ex *)e);
    return f->operands->n <= most_operands(f->t);
}

static bool is_unit_before(const Fit *f, const Unit *u)
{
    for (int i = 0; i < f->item; i++)
        if (f->s->items.at[i].unit == u)
            return true;
    return false;
}

static bool is_cheap(const Fit *f, const Ex *e)
{
    const bool vectors = has_vectors(f->t);
    switch (e->op) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_NEG:
        return true;
    case OP_MAX2:
    case OP_MIN2:
        return !vectors || (e->in[1]->kind == X_CONST && !isnan(e->in[1]->value));
    case OP_DIV:
    case OP_SELECT:
        return vectors;
    default:
        return false;
    }
}

static bool is_comparison(const Ex *e)
{
    return e->kind == X_OP && (e->op == OP_LT || e->op == OP_LE || e->op == OP_EQ);
}

static bool is_fit(Fit *f, const Ex *e);

static bool parts_fit(Fit *f, const Ex *e, int from)
{
    bool constant = true;
    for (int i = from; i < e->nin; i++) {
        constant &= e->in[i]->kind == X_CONST;
        if (!is_fit(f, e->in[i]))
            return false;
    }
    return !constant || from > 0;
}

static bool is_fit(Fit *f, const Ex *e)
{
    if (e->dt != DT_F32)
        return false;
    if (e->kind == X_CONST || is_sum(f, e))
        return true;
    if (e->kind == X_UNIT)
        return is_unit_before(f, e->unit);
    if (e->kind == X_LOAD)
        return add_operand(f, e);
    if (e->kind != X_OP || !is_cheap(f, e) || --f->left < 0)
        return false;
    if (e->op == OP_SELECT)
        return is_comparison(e->in[0]) && --f->left >= 0 && parts_fit(f, e->in[0], 0) && parts_fit(f, e, 1);
    return parts_fit(f, e, 0);
}

/* The next value of a carry takes the place of what tiles that come still read. */
static bool is_read_still(const Fit *f, const Item *item)
{
    Buffer *b = item->buffer ? buffer_root(item->buffer) : NULL;
    return b && (b == buffer_root(f->t->a) || b == buffer_root(f->t->b)) && !is_next_slot(item->unit);
}

static bool item_fits(Fit *f, const Item *item)
{
    const Buffer *b = item->buffer;
    if (is_read_still(f, item) || (b && f->t->schedule.abreast > 1 && lin_factor(item->at, f->t->m) != f->t->c_m))
        return false;
    if (item->unit->type.dt != DT_F32 || item->reduce != OP_COUNT || !is_fit(f, item->value))
        return false;
    return !b || (b->kind != BUFFER_LOCAL && lin_is_affine(item->at) && lin_factor(item->at, f->s->loop[0]) == 1);
}

bool tile_may_finish(Arena *a, const Kernel *k, int stage, ExList *operands)
{
    const Stage *tile = stage > 0 ? k->stages.at[stage - 1] : NULL, *s = k->stages.at[stage];
    const Tile *t = tile ? tile->tile : NULL;
    if (!t || s->kind != STAGE_MAP || s->nloop != 1 || s->loop[0]->extent != t->n->extent || tile_has_blocks(t))
        return false;
    Fit f = {.a = a, .k = k, .t = t, .tile = tile, .s = s, .sum = tile_place(a, t, s->loop[0]), .left = most_operations(t), .operands = operands};
    for (; f.item < s->items.n; f.item++)
        if (!item_fits(&f, &s->items.at[f.item]))
            return false;
    return finish_result(s, 0) >= 0;
}

int finish_result(const Stage *s, int from)
{
    for (int i = from; i < s->items.n; i++)
        if (s->items.at[i].buffer)
            return i;
    return -1;
}

bool finish_overwrites(Arena *a, const Stage *tile, const Item *item)
{
    return item->buffer && buffer_root(item->buffer) == buffer_root(tile->items.at[0].buffer) &&
           lin_eq(item->at, tile_place(a, tile->tile, tile->tile->finish->loop[0]));
}

static int64_t steps_of(const Tile *t)
{
    int64_t steps = 1;
    for (int i = 0; i < t->nk; i++)
        steps *= t->k[i].var->extent;
    return steps;
}

static bool is_worth_it(const Plan *p, const Tile *t)
{
    return has_vectors(t) || (p->target->issue && steps_of(t) <= FEW_STEPS);
}

/* Whether only the finish of the tile at stage i reads its sums, which are not what a loop stacks, turn by turn, for nobody. */
static bool is_read_alone(const Kernel *k, int i)
{
    const Item *stored = &k->stages.at[i]->items.at[0];
    Buffer *sums = stored->buffer;
    if (sums->kind != BUFFER_ARENA || sums->alias || sums->first != sums->last || type_count(sums->type) != type_count(stored->unit->type))
        return false;
    for (int j = 0; j < k->stages.n; j++) {
        if (j != i + 1 && stage_loads(k->stages.at[j], sums))
            return false;
        for (int x = 0; j != i && x < k->stages.at[j]->items.n; x++)
            if (k->stages.at[j]->items.at[x].buffer && buffer_root(k->stages.at[j]->items.at[x].buffer) == sums)
                return false;
    }
    return true;
}

static void finish_tile(const Kernel *k, int i, ExList operands)
{
    const Stage *tile = k->stages.at[i];
    Buffer *sums = tile->items.at[0].buffer;
    tile->tile->finish = k->stages.at[i + 1];
    tile->tile->operands = operands;
    k->stages.at[i + 1]->in_tile = true;
    if (!is_read_alone(k, i))
        return;
    sums->kind = BUFFER_LOCAL;
    sums->type = type_make(DT_F32, 1, &tile->tile->n->extent);
}

void finish_tiles(Plan *p)
{
    if (p->target->calls_gemm)
        return;
    for (int i = 0; i < p->kernels.n; i++) {
        const Kernel *k = p->kernels.at[i];
        for (int j = 1; j < k->stages.n; j++) {
            ExList operands = {0};
            const Tile *t = k->stages.at[j - 1]->tile;
            if (t && is_worth_it(p, t) && tile_may_finish(p->a, k, j, &operands))
                finish_tile(k, j - 1, operands);
        }
    }
}
