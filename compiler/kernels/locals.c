/* SPDX-License-Identifier: MIT */
/* locals.c: what only the kernel itself reads needs no place in the arena. */
#include "stages.h"

enum { LOCAL_BYTES = 1024 };    /* the largest array a kernel keeps on the stack */

static bool loads_buffer(const Ex *e, const Buffer *buffer)
{
    if (e->kind == X_LOAD && e->buffer == buffer)
        return true;
    for (int i = 0; i < e->part.n; i++)
        if (loads_buffer(e->part.at[i], buffer))
            return true;
    return false;
}

static bool kernel_loads(const Kernel *k, const Buffer *buffer)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++) {
            const Item *item = &k->stages.at[i]->items.at[j];
            if (item->value && loads_buffer(item->value, buffer))
                return true;
        }
    return false;
}

/* Columns, and what is scattered, are summed up in memory, whether or not somebody reads them there. */
static bool sums_in_memory(const Kernel *k, const Buffer *buffer)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        for (int j = 0; (s->vector || s->kind == STAGE_SCATTER) && j < s->items.n; j++)
            if (s->items.at[j].buffer == buffer)
                return true;
    }
    return false;
}

static void forget_storage(Kernel *k, const Buffer *buffer)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].buffer == buffer)
                k->stages.at[i]->items.at[j].buffer = NULL;
}

/* A value no other kernel reads lives in a C variable, or in a small array, or nowhere. */
void keep_local(const Making *m)
{
    Kernel *k = m->k;
    const Group *g = m->g;
    const int outer = outer_axes(m);
    for (int i = 0; i < g->units.n; i++) {
        Unit *u = g->units.at[i];
        if (!u->private || u->buffer->kind != BUFFER_ARENA)
            continue;
        Type t = {.dt = u->type.dt};
        for (int axis = outer; axis < u->type.rank; axis++)
            t.dim[t.rank++] = u->type.dim[axis];
        bool tiled = false;
        for (int s = 0; s < k->stages.n; s++)
            tiled |= k->stages.at[s]->kind == STAGE_TILE && k->stages.at[s]->items.at[0].unit == u;
        if (tiled || type_bytes(t) > LOCAL_BYTES || crosses_rows(k, u->buffer))
            continue;
        u->buffer->kind = BUFFER_LOCAL;
        u->buffer->type = t;
        if (kernel_loads(k, u->buffer) || sums_in_memory(k, u->buffer))
            vec_push(k->a, &k->locals, u->buffer);
        else
            forget_storage(k, u->buffer);
    }
}
