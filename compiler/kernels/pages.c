/* SPDX-License-Identifier: MIT */
/* pages.c: work by element asks for what it reads from beyond the second cache a page ahead.
 *
 * Caches foresee what is read in order, up to the end of a page: behind that they have to find out again. So each row asks for the lines that
 * lie as far ahead as a page is long. So does each step of a tile that walks through its left operand by less than a line: a kernel's gradient
 * of a picture, which has few channels. */
#include "lower.h"
#include "verify.h"

enum {
    LEAST_ROW = LINE, MOST_ROW = 256,   /* floats: shorter ones compilers make vectors of only where nothing else is between them */
    MOST_FETCHED = 6,               /* tensors */
    LEAST_WALK = 16,                /* steps of a tile one behind the other */
    LARGE = 4,                      /* of L2: without a loop, a tensor above the 4th is one of several that it does not hold */
};

typedef struct Rows {
    const Plan *p;
    const Step *step;           /* a loop over parts, or the kernel's own */
    Stage *s;
} Rows;

/* Found beyond L2 by a kernel that stands in no loop and goes through all of it, perhaps to change it, as an optimizer does. */
static bool is_streamed(const Rows *x, const Buffer *b)
{
    const bool before = b->kind == BUFFER_PORT || (b->kind == BUFFER_ARENA && b->first < x->step->at);
    return before && b->type.dt == DT_F32 && 4 * type_count(b->type) > x->p->target->l2 / LARGE;
}

/* Rows one behind the other, which nothing guards. */
static void note_rows(void *context, const Load *load)
{
    const Rows *x = context;
    Stage *s = x->s;
    Buffer *root = buffer_root(load->buffer);
    const Var *row = s->loop[s->nloop - 2], *column = s->loop[s->nloop - 1];
    const Lin *at = lin_without(x->p->a, load->at, column);
    const bool far = x->step->kind == STEP_SCAN ? is_far(x->p, x->step, load->buffer) : is_streamed(x, root);
    if (load->nguard || !far || lin_factor(load->at, column) != 1 || lin_factor(at, row) != column->extent ||
        !lin_is_affine(at) || s->further.n == MOST_FETCHED)
        return;
    for (int i = 0; i < s->further.n; i++)
        if (s->further.at[i].buffer == root)
            return;
    vec_push(x->p->a, &s->further, ((Beside){.buffer = root, .at = lin_offset(x->p->a, at, PAGE_FLOATS)}));
}

static void fetch_in_stage(const Plan *p, const Step *step, Stage *s)
{
    const int64_t row = s->nloop > 1 ? s->loop[s->nloop - 1]->extent : 0;
    Rows x = {.p = p, .step = step, .s = s};
    if (s->kind != STAGE_MAP || s->in_tile || s->square || row < LEAST_ROW || row > MOST_ROW)
        return;
    for (int i = 0; i < s->items.n; i++)
        visit_loads(p->a, s->items.at[i].value, note_rows, &x);
}

static void fetch_in_tile(const Plan *p, const Step *loop, Tile *t)
{
    const KLoop *last = t->nk ? &t->k[t->nk - 1] : NULL;
    const bool walks = last && last->a > 0 && last->a < LINE && last->var->extent >= LEAST_WALK && !t->a_n && !t->k_lanes && t->schedule.unroll == 1;
    t->pages = walks && !t->ahead.n && !t->schedule.prefetch && !tile_has_blocks(t) && is_far(p, loop, t->a);
}

void fetch_pages(const Plan *p)
{
    for (int i = 0; i < p->steps.n && p->target->l2_width && p->target->lanes > 1; i++) {
        const Step *step = p->steps.at[i];
        if (step->kind == STEP_KERNEL && !step->kernel->nouter && step->kernel->stages.n == 1)
            fetch_in_stage(p, step, step->kernel->stages.at[0]);
        for (int j = 0; step->kind == STEP_SCAN && step->apart && j < step->body.n; j++) {
            const Kernel *k = step->body.at[j]->kernel;
            for (int n = 0; k && n < k->stages.n; n++) {
                fetch_in_stage(p, step, k->stages.at[n]);
                if (k->stages.at[n]->tile)
                    fetch_in_tile(p, step, k->stages.at[n]->tile);
            }
        }
    }
}
