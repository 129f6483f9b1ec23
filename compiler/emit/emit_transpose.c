/* SPDX-License-Identifier: MIT */
/* emit_transpose.c: a copy that goes by squares (kernels/transpose.c), each of which a function of the runtime turns. */
#include "emit_internal.h"

#include <inttypes.h>

static void open_squares(Out *o, const Stage *s, const Var *v)
{
    open_block(o, arena_printf(o->a, "for (int %s = 0; %s < %" PRId64 "; %s += %d) {", v->name, v->name, v->extent, v->name, s->square));
}

static const char *first_element(Out *o, Buffer *buffer, const Lin *at)
{
    StrBuf sb = {.a = o->a};
    sb_puts(&sb, "&");
    put_element(o, &sb, buffer, at);
    return sb_text(&sb);
}

void print_squares(Out *o, const Stage *s)
{
    const Item *item = &s->items.at[0];
    const Ex *load = item->value;
    const Var *row = s->loop[s->nloop - 2], *column = s->loop[s->nloop - 1];
    for (int i = 0; i < s->nloop - 2; i++)
        open_loop(o, s->loop[i]);
    open_squares(o, s, row);
    open_squares(o, s, column);
    line(o, "dl_transpose%d(%s, %" PRId64 ", %s, %" PRId64 ");", s->square, first_element(o, load->buffer, load->at),
         lin_factor(load->at, column), first_element(o, item->buffer, item->at), lin_factor(item->at, row));
    close_loops(o, s->nloop);
}
