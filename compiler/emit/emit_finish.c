/* SPDX-License-Identifier: MIT */
/* emit_finish.c: element work that a tile does on its sums before it stores them: see kernels/finish.c. */
#include "emit_internal.h"

#include <inttypes.h>

const char *finish_parameters(Out *o, const Tile *t)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; t->finish && i < t->operands.n; i++)
        sb_printf(&sb, ", const float *restrict d%d", i);
    return sb_text(&sb);
}

const char *finish_arguments(Out *o, const Tile *t, const char *column)
{
    StrBuf sb = {.a = o->a};
    for (int i = 0; t->finish && i < t->operands.n; i++) {
        const Ex *e = t->operands.at[i];
        const Var *n = t->finish->loop[0];
        sb_printf(&sb, ", %s", tile_pointer(o, e->buffer, lin_without(o->a, e->at, n), lin_uses(e->at, n) ? column : "0"));
    }
    return sb_text(&sb);
}

static Ex *named(Out *o, BufferKind kind, const char *name, const Lin *at)
{
    Buffer *b = NEW(o->a, Buffer);
    Ex *e = NEW(o->a, Ex);
    *b = (Buffer){.kind = kind, .type = type_scalar(DT_F32), .name = name};
    *e = (Ex){.kind = X_LOAD, .dt = DT_F32, .buffer = b, .at = at};
    return e;
}

/* The stage's value for one sum; *operand: how many were met so far. */
static Ex *on_sum(Out *o, const Tile *t, const Ex *e, int r, int c, int *operand)
{
    if (finish_is_sum(t->finish, e))
        return named(o, BUFFER_LOCAL, arena_printf(o->a, "c%d_%d", r, c), lin_const(o->a, 0));
    if (e->kind == X_LOAD)
        return named(o, BUFFER_PORT, arena_printf(o->a, "d%d", (*operand)++),
                     lin_const(o->a, lin_uses(e->at, t->finish->loop[0]) ? c : 0));
    Ex *copy = arena_dup(o->a, e, sizeof *e);
    copy->part = (ExList){0};
    for (int i = 0; i < e->nin; i++) {
        copy->in[i] = on_sum(o, t, e->in[i], r, c, operand);
        vec_push(o->a, &copy->part, copy->in[i]);
    }
    return copy;
}

void print_finished(Out *o, const Tile *t, int64_t at, int r, int c)
{
    int operand = 0;
    ExList temps = {0};
    Ex *value = on_sum(o, t, t->finish->items.at[0].value, r, c, &operand);
    reset_ex(value);
    count_uses(value, false);
    choose_temps(o, value, 0, &temps);
    print_temps(o, &temps, 0);
    line(o, "c[%" PRId64 "] = %s;", at, ex_text(o, value, ANY));
}
