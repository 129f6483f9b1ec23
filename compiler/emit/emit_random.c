/* SPDX-License-Identifier: MIT */
/* emit_random.c: a row of random numbers, drawn before the loop over it: four neighbours share a block of the generator, and vectors
 * make several blocks at once, so that drawing each by itself would take ten times as long. */
#include "emit_internal.h"

#include <inttypes.h>

enum { LONGEST = 256 };     /* numbers of a row: the array is no larger than a kernel's others (kernels/locals.c) */

/* Neighbours in the loop over v are neighbours of the tensor, and the row begins with a block. */
static bool draws_row(const Ex *e, const Var *v)
{
    bool row = e->kind == X_UNIFORM && lin_factor(e->at, v) == 1 && e->at->constant % 4 == 0;
    for (int i = 0; row && i < e->at->n; i++)
        row = e->at->term[i].factor % 4 == 0 || (e->at->term[i].atom->kind == ATOM_VAR && e->at->term[i].atom->var == v);
    return row;
}

static void find_draws(Out *o, Ex *e, const Var *v, ExList *drawn)
{
    for (int i = 0; i < drawn->n; i++)
        if (drawn->at[i] == e)
            return;
    if (draws_row(e, v))
        vec_push(o->a, drawn, e);
    for (int i = 0; i < e->part.n; i++)
        find_draws(o, e->part.at[i], v, drawn);
}

static void draw_row(Out *o, Ex *e, const Var *v)
{
    const Lin *block = lin_div(o->a, lin_without(o->a, e->at, v), 4);
    StrBuf key = {.a = o->a};
    e->temp = ++o->ntemp;
    for (int i = 0; i < 3; i++) {
        sb_puts(&key, e->in[i]->kind == X_CONST ? "" : "(uint32_t)");
        put_ex(o, &key, e->in[i], TIGHT);
        sb_puts(&key, ", ");
    }
    line(o, "float drawn_%d[%" PRId64 "];", e->temp, v->extent);
    line(o, "dl_uniforms(%s%s, (uint32_t)(%s), %" PRId64 ", drawn_%d);", sb_text(&key), salt_text(o, e->salt), lin_text(o, block),
         v->extent / 4, e->temp);
}

ExList draw_rows(Out *o, const Stage *s)
{
    const Var *last = s->loop[s->nloop - 1];
    ExList drawn = {0};
    for (int i = 0; i < s->items.n && last->extent % 4 == 0 && last->extent <= LONGEST && !is_split(o, last); i++)
        find_draws(o, s->items.at[i].value, last, &drawn);
    for (int i = 0; i < drawn.n; i++)
        draw_row(o, drawn.at[i], last);
    return drawn;
}

void print_drawn(Out *o, const ExList *drawn, const Var *v)
{
    for (int i = 0; i < drawn->n; i++)
        line(o, "const float v%d = drawn_%d[%s];", drawn->at[i]->temp, drawn->at[i]->temp, v->name);
}
