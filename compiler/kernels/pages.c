/* SPDX-License-Identifier: MIT */
/* pages.c: work by element asks for what it reads from beyond the second cache a page ahead.
 *
 * Caches foresee what is read in order, up to the end of a page: behind that they have to find out again. So each row asks for the lines that
 * lie as far ahead as a page is long. */
#include "lower.h"
#include "verify.h"

enum {
    PAGE = 1024,                    /* floats */
    LEAST_ROW = LINE, MOST_ROW = 256,   /* floats: shorter ones compilers make vectors of only where nothing else is between them */
    MOST_FETCHED = 6,               /* tensors */
};

typedef struct Rows {
    const Plan *p;
    const Step *loop;
    Stage *s;
} Rows;

/* Rows one behind the other, which nothing guards. */
static void note_rows(void *context, const Load *load)
{
    const Rows *x = context;
    Stage *s = x->s;
    Buffer *root = buffer_root(load->buffer);
    const Var *row = s->loop[s->nloop - 2], *column = s->loop[s->nloop - 1];
    const Lin *at = lin_without(x->p->a, load->at, column);
    if (load->nguard || !is_far(x->p, x->loop, load->buffer) || lin_factor(load->at, column) != 1 || lin_factor(at, row) != column->extent ||
        !lin_is_affine(at) || s->further.n == MOST_FETCHED)
        return;
    for (int i = 0; i < s->further.n; i++)
        if (s->further.at[i].buffer == root)
            return;
    vec_push(x->p->a, &s->further, ((Beside){.buffer = root, .at = lin_offset(x->p->a, at, PAGE)}));
}

static void fetch_in_stage(const Plan *p, const Step *loop, Stage *s)
{
    const int64_t row = s->nloop > 1 ? s->loop[s->nloop - 1]->extent : 0;
    Rows x = {.p = p, .loop = loop, .s = s};
    if (s->kind != STAGE_MAP || s->in_tile || s->square || row < LEAST_ROW || row > MOST_ROW)
        return;
    for (int i = 0; i < s->items.n; i++)
        visit_loads(p->a, s->items.at[i].value, note_rows, &x);
}

void fetch_pages(const Plan *p)
{
    for (int i = 0; i < p->steps.n && p->target->l2_width && p->target->lanes > 1; i++) {
        const Step *loop = p->steps.at[i];
        for (int j = 0; loop->kind == STEP_SCAN && loop->apart && j < loop->body.n; j++) {
            const Kernel *k = loop->body.at[j]->kernel;
            for (int n = 0; k && n < k->stages.n; n++)
                fetch_in_stage(p, loop, k->stages.at[n]);
        }
    }
}
