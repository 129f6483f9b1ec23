/* SPDX-License-Identifier: MIT */
/* verify_reads.c: units and groups are put in order by what units need. So what a kernel reads has to be among it: of the unit that
 * reads it, or of a loop around that. */
#include "lower.h"
#include "verify.h"

enum { MAX_DEPTH = 64 };    /* of loops in loops; further ones are looked up anew each time */

typedef struct Needed {     /* the buffers that one unit needs */
    const Unit *of;
    Marks buffers;
} Needed;

typedef struct Reads {
    Arena *a;
    const Plan *p;
    const Kernel *k;
    const Unit *unit;       /* whose item is being looked at */
    Needed own, around[MAX_DEPTH];      /* around: by depth */
    const char *why;
} Reads;

static void add_loop(const Unit *loop, Marks *m)
{
    const Lower *body = loop->context->body[loop->node->id];
    for (int i = 0; i < loop->node->attr.scan.ncarry; i++)
        marks_add(m, body->carry[i]->id);
    for (int i = 0; i < loop->node->attr.scan.nyield; i++)
        marks_add(m, body->stacked[i]->id);
}

static void add_rolling(const Lower *body, Marks *m)
{
    for (int i = 0; i < body->scan->attr.scan.ncarry; i++)
        if (body->rolls[i] >= 0)
            marks_add(m, body->carry[i]->id);
}

/* A loop needs copies of its carries' first values: to read a carry inside is another matter. */
static void add_need(const Unit *u, const Unit *need, Marks *m)
{
    if (need->kind == UNIT_LOOP)
        add_loop(need, m);
    else if (need->buffer && !(u->kind == UNIT_LOOP && need->kind == UNIT_COPY))
        marks_add(m, need->buffer->id);
}

static void find_needed(Reads *r, Needed *needed, const Unit *u)
{
    if (needed->of == u)
        return;
    needed->of = u;
    marks_clear(r->a, &needed->buffers, r->p->buffers.n);
    for (int i = 0; i < u->reads.n; i++)
        marks_add(&needed->buffers, u->reads.at[i]->id);
    for (int i = 0; i < u->needs.n; i++)
        add_need(u, u->needs.at[i], &needed->buffers);
    if (u->reads_carry)
        add_rolling(u->context, &needed->buffers);
}

static bool is_needed(const Needed *needed, const Buffer *b)
{
    return needed->buffers.at[b->id] == needed->buffers.now;
}

static int depth_of(const Lower *c)
{
    int depth = 0;
    for (; c->parent; c = c->parent)
        depth++;
    return depth;
}

static bool is_known(Reads *r, const Buffer *b)
{
    const Unit *u = r->unit;
    find_needed(r, &r->own, u);
    if (is_needed(&r->own, b))
        return true;
    int depth = depth_of(u->context);
    for (const Lower *c = u->context; c->parent; c = c->parent, depth--) {
        Needed *around = &r->around[depth < MAX_DEPTH ? depth : 0];
        find_needed(r, around, c->parent->unit[c->scan->id]);
        if (is_needed(around, b))
            return true;
    }
    return false;
}

static void check_read(Reads *r, const Buffer *b)
{
    if (!r->why && !is_known(r, b))
        r->why = arena_printf(r->a, "%s reads %s, for which it does not wait", r->k->name, check_label(b));
}

static void check_load(void *context, const Load *load)
{
    check_read(context, load->buffer);
}

static void check_kernel(Reads *r, const Kernel *k)
{
    r->k = k;
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        for (int j = 0; j < s->items.n; j++) {
            const Item *item = &s->items.at[j];
            r->unit = item->unit;
            if (item->value)
                visit_loads(r->a, item->value, check_load, r);
            visit_index_loads(r->a, item->at, check_load, r);
        }
        if (s->tile) {
            check_read(r, s->tile->a);
            check_read(r, s->tile->b);
        }
    }
}

const char *verify_reads(Arena *a, const Plan *p)
{
    Reads r = {.a = a, .p = p};
    for (int i = 0; i < p->kernels.n && !r.why; i++)
        check_kernel(&r, p->kernels.at[i]);
    return r.why;
}
