/* SPDX-License-Identifier: MIT */
/* verify_split.c: may a kernel's pieces run at once? Each loop that is split stands around everything the kernel does; what is
 * stored moves with it, and what is read of the kernel's own results moves just as what is stored there. Where pieces are parts of stages,
 * each one's loop stands around all of the stage, which reads nothing of what another makes. (That no two positions of the loops store to
 * the same element is verify.c's to say.) */
#include "verify.h"

#include <string.h>

typedef struct Pieces {
    Arena *a;
    const Plan *p;
    const Kernel *k;
    Var *v; /* the loop; of a tile's block, its rows */
    const Stage *s; /* where pieces are parts of stages: that of the loop */
    const Stage *reader; /* whose reads are looked at */
    const char *why;
} Pieces;

static const Tile *tile_of(const Kernel *k)
{
    return k->stages.at[0]->tile;
}

static bool is_outer(const Kernel *k, const Var *v)
{
    for (int i = 0; i < k->nouter; i++)
        if (k->outer[i] == v)
            return !tile_of(k) || (tile_of(k)->m != v && tile_of(k)->inner != v);
    return tile_of(k) && tile_of(k)->block == v;
}

/* A loop of the kernel's only stage, around all it does. */
static bool is_whole_stage(const Kernel *k, const Var *v)
{
    const Stage *s = k->stages.at[0];
    for (int i = 0; k->stages.n == 1 && !k->locals.n && i < s->nparallel; i++)
        if (s->loop[i] == v)
            return true;
    return false;
}

/* The columns of a tile that does all that the kernel does, each made once. */
static bool is_tile_column(const Kernel *k, const Var *v)
{
    const Tile *t = tile_of(k);
    return t && t->n == v && tile_does_all(k) && v->extent % column_step(t) == 0;
}

/* Of a stage: what a tile does on its sums goes along their columns. */
static const Lin *along_columns(Pieces *x, const Stage *s, const Lin *at)
{
    if (!s->in_tile || x->v != tile_of(x->k)->n)
        return at;
    return lin_add(x->a, lin_without(x->a, at, s->loop[0]), lin_scale(x->a, lin_var(x->a, x->v), lin_factor(at, s->loop[0])));
}

/* Where pieces are parts of stages: it is the element that is stored there. */
static bool is_own(const Pieces *x, const Load *load)
{
    for (int i = 0; x->s && i < x->s->items.n; i++)
        if (x->s->items.at[i].buffer && buffer_root(x->s->items.at[i].buffer) == buffer_root(load->buffer) && lin_eq(x->s->items.at[i].at, load->at))
            return true;
    return false;
}

static void check_read(void *context, const Load *load)
{
    Pieces *x = context;
    for (int i = 0; i < x->k->stages.n; i++)
        for (int j = 0; j < x->k->stages.at[i]->items.n; j++) {
            const Item *item = &x->k->stages.at[i]->items.at[j];
            if (!item->buffer || item->buffer->block || buffer_root(item->buffer)->kind == BUFFER_LOCAL ||
                buffer_root(item->buffer) != buffer_root(load->buffer))
                continue;
            const Lin *at = along_columns(x, x->k->stages.at[i], store_index(x->a, x->k->stages.at[i], item));
            const Lin *from = along_columns(x, x->reader, load->at);
            if (are_apart(x->a, x->k, load, at) || is_own(x, load))
                continue;
            if (x->s && x->s != x->k->stages.at[i])
                x->why = "a part of a stage reads what another stage stores";
            else if (lin_factor(at, x->v) != lin_factor(from, x->v) || lin_uses(lin_without(x->a, from, x->v), x->v))
                x->why = "reads what another piece stores";
        }
}

static void check_item(Pieces *x, const Stage *s, const Item *item)
{
    x->reader = s;
    if (item->value)
        visit_loads(x->a, item->value, check_read, x);
    visit_index_loads(x->a, item->at, check_read, x);
    if (!item->buffer || buffer_root(item->buffer)->kind == BUFFER_LOCAL)
        return;
    const Tile *t = tile_of(x->k);
    int64_t own = item->buffer->block ? (t ? t->schedule.rows * tile_inner(t) : 1) * item->buffer->type.dim[1] : 0;
    if (item->buffer->block && type_count(item->buffer->type) < own * x->p->target->threads.n)
        x->why = "threads share a block of rows";
    if (!item->buffer->block && x->v->extent > 1 && !lin_factor(along_columns(x, s, store_index(x->a, s, item)), x->v))
        x->why = "pieces store to the same place";
}

/* A tile may read what an earlier stage has made: at the rows of its own piece. */
static void check_operands(Pieces *x, const Stage *s)
{
    const Tile *t = s->tile;
    x->reader = s;
    const Lin *at = t->m ? lin_add(x->a, t->a_at, lin_scale(x->a, lin_var(x->a, t->m), t->a_m)) : t->a_at;
    check_read(x, &(Load){.buffer = t->a, .at = at});
    check_read(x, &(Load){.buffer = t->b, .at = t->b_at});
}

static void check_loop(Pieces *x, Var *v)
{
    x->v = v;
    if (!is_outer(x->k, v) && !is_whole_stage(x->k, v) && !is_tile_column(x->k, v)) {
        x->why = "is cut along a loop that is not around all of it";
        return;
    }
    if (tile_of(x->k) && tile_of(x->k)->block == v)
        x->v = tile_of(x->k)->m;
    for (int i = 0; i < x->k->stages.n; i++) {
        const Stage *s = x->k->stages.at[i];
        if (s->kind == STAGE_CHECK || s->kind == STAGE_SCATTER)
            x->why = "is cut, although its places are found at run time";
        if (s->tile)
            check_operands(x, s);
        for (int j = 0; j < s->items.n; j++)
            check_item(x, s, &s->items.at[j]);
    }
}

static void check_parts(Pieces *x)
{
    for (int i = 0; i < x->k->stages.n; i++) {
        x->s = x->k->stages.at[i];
        if (x->s->kind != STAGE_MAP || x->s->in_tile || x->s->nloop < (x->s->square ? 3 : 1) || x->k->nouter || x->k->locals.n) {
            x->why = "has stages of which parts cannot be made";
            return;
        }
        x->v = x->s->loop[0];
        if (x->v->extent * x->k->split.turns > INT32_MAX)
            x->why = "has too many parts to count";
        for (int j = 0; j < x->s->items.n; j++)
            check_item(x, x->s, &x->s->items.at[j]);
    }
}

/* Loops that are numbered together stand directly one in the other. */
static bool stand_together(const Kernel *k)
{
    int n = 0;
    for (int i = 0; i < k->nouter && n < k->split.n; i++) {
        const Var *v = k->outer[k->order[i]];
        if (tile_of(k) && v == tile_of(k)->m)
            v = tile_of(k)->block;
        if (v && v == k->split.var[n])
            n++;
        else if (n && v && !(tile_of(k) && v == tile_of(k)->inner) && split_turns(k, v) > 1)
            return false;
    }
    return n == k->split.n;
}

const char *verify_split(Arena *a, const Plan *p, const Kernel *k)
{
    Pieces x = {.a = a, .p = p, .k = k};
    int64_t turns = 1;
    if (k->split.in_parts) {
        check_parts(&x);
        turns = k->split.turns;
    }
    for (int i = 0; i < k->split.n && !k->split.in_parts; i++) {
        check_loop(&x, k->split.var[i]);
        turns *= split_turns(k, k->split.var[i]);
    }
    if (k->split.n && !x.why && (turns != k->split.turns || k->split.grain < 1 || turns > INT32_MAX || p->target->threads.n < 2))
        x.why = "has other pieces than its loops have turns";
    if (k->split.n > 1 && !x.why && !stand_together(k))
        x.why = "numbers loops together that do not stand in one another";
    return x.why ? arena_printf(a, "%s: %s", k->name, x.why) : NULL;
}
