/* SPDX-License-Identifier: MIT */
/* accesses.c: how often a function reads and writes each tensor, as its loops stand: a value that an inner loop does not change is
 * loaded once before it, and a tile's operands once for each tile. */
#include "place.h"
#include "verify.h"

typedef struct Count {
    Arena *a;
    const Kernel *k;
    const Var *inside[4 * MAX_RANK];    /* loops around the stage's innermost work, outermost first */
    int n;
    double calls;
    double *count;
} Count;

static void count_at(Count *c, const Buffer *b, double times)
{
    const Buffer *root = buffer_root((Buffer *)b);
    c->count[root->turn ? root->turn->id : root->id] += c->calls * times;
}

static double turns(const Count *c, int loops)
{
    double n = 1;
    for (int i = 0; i < loops; i++)
        n *= (double)c->inside[i]->extent;
    return n;
}

/* An access happens once for each turn of the innermost loop that its index needs. */
static void count_access(Count *c, const Buffer *b, const Lin *at)
{
    int loops = c->n;
    while (loops > 0 && !lin_uses(at, c->inside[loops - 1]))
        loops--;
    count_at(c, b, turns(c, loops));
}

static void count_load(void *context, const Load *load)
{
    count_access(context, load->buffer, load->at);
}

static void count_item(Count *c, const Item *item)
{
    if (item->value)
        visit_loads(c->a, item->value, count_load, c);
    if (item->at)
        visit_index_loads(c->a, item->at, count_load, c);
    if (item->buffer && item->at)
        count_access(c, item->buffer, item->at);
}

static int64_t pieces(int64_t n, int64_t of)
{
    return of > 0 ? (n + of - 1) / of : n;
}

static void count_tile(Count *c, const Tile *t, const Buffer *to)
{
    double others = 1, sums = 1;
    for (int i = 0; i < c->n; i++)
        others *= c->inside[i] == t->m ? 1 : (double)c->inside[i]->extent;
    for (int i = 0; i < t->nk; i++)
        sums *= (double)t->k[i].var->extent;
    double rows = t->m ? (double)t->m->extent : 1, columns = (double)t->n->extent;
    count_at(c, t->a, others * rows * sums * (double)pieces(t->n->extent, column_step(t)));
    count_at(c, t->b, others * (t->m ? (double)pieces(t->m->extent, t->schedule.rows) : 1) * sums * columns);
    count_at(c, to, others * rows * columns);
}

static void count_stage(Count *c, const Stage *s)
{
    c->n = 0;
    for (int i = 0; i < c->k->nouter; i++)
        c->inside[c->n++] = c->k->outer[c->k->order[i]];
    for (int i = 0; i < s->nloop; i++)
        c->inside[c->n++] = s->loop[i];
    if (s->tile)
        count_tile(c, s->tile, s->items.at[0].buffer);
    for (int i = 0; i < s->items.n && !s->tile; i++)
        count_item(c, &s->items.at[i]);
}

static void count_steps(Count *c, Step *const *step, int n, double calls)
{
    for (int i = 0; i < n; i++) {
        if (step[i]->kind == STEP_SCAN) {
            count_steps(c, step[i]->body.at, step[i]->body.n, calls * (double)step[i]->time->extent);
            continue;
        }
        c->k = step[i]->kernel;
        c->calls = calls;
        for (int k = 0; k < c->k->stages.n; k++)
            count_stage(c, c->k->stages.at[k]);
    }
}

double *count_accesses(Arena *a, const Plan *p)
{
    Count c = {.a = a, .count = NEWN(a, double, p->buffers.n + 1)};
    count_steps(&c, p->steps.at, p->steps.n, 1);
    return c.count;
}
