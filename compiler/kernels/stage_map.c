/* SPDX-License-Identifier: MIT */
/* stage_map.c: element work and copies as stages: what runs over the same loops, and reads what the others make only at its own position, is
 * one stage, so that it is a variable there. */
#include "stages.h"

static Ex *unit_value(Making *m, const Unit *u, const Lin *const *index)
{
    const Lin *original[MAX_RANK];
    switch (u->kind) {
    case UNIT_COPY:
        if (u->from)
            return ex_load(&m->b, u->from, u->type.dt, lin_flatten(m->k->a, u->type, index));
        return resolve(&m->b, m->c, u->node, index);
    case UNIT_PACK:
        for (int i = 0; i < u->type.rank; i++)
            original[u->permutation[i]] = index[i];
        return resolve(&m->b, m->c, u->node, original);
    default:
        return resolve_body(&m->b, m->c, u->node, index);
    }
}

/* Does e read memory that this stage is only writing? */
bool reads_stage(const Ex *e, const Stage *s)
{
    for (int i = 0; i < s->items.n; i++)
        if (e->kind == X_LOAD && e->buffer == s->items.at[i].buffer)
            return true;
    for (int i = 0; i < e->part.n; i++)
        if (reads_stage(e->part.at[i], s))
            return true;
    return false;
}

/* What a stage makes: a unit's value, or of a concatenation the part that an operand is. */
typedef struct Part {
    Unit *unit;
    const Node *operand;    /* NULL: all of it */
    int64_t start;          /* along the concatenation's axis */
} Part;

/* As if that were all: the loops over it. */
static Unit part_alone(const Part *p)
{
    Unit u = *p->unit;
    u.type = p->operand ? p->operand->type : u.type;
    return u;
}

static Ex *part_value(Making *m, const Part *p, const Lin *const *index)
{
    return p->operand ? resolve(&m->b, m->c, p->operand, index) : unit_value(m, p->unit, index);
}

static void add_part(Making *m, Stage *s, const Part *p, Ex *value, const Lin **index)
{
    Unit *u = p->unit;
    const int axis = p->operand ? u->node->attr.axis.axis : 0;
    if (p->operand)
        index[axis] = lin_offset(m->k->a, index[axis], p->start);
    const Lin *flat = lin_flatten(m->k->a, u->type, index);
    add_item(m, s, u, value, flat, OP_COUNT);
    u->here = p->operand ? NULL : flat;
}

/* A part inside the last stage's loops; false where it reads more than this stage's own position. What a concatenation that is alone copies
 * stays apart: it shares nothing with others, and may be turned by squares. */
static bool join_map(Making *m, const Part *p)
{
    if (!m->k->stages.n)
        return false;
    Stage *s = m->k->stages.at[m->k->stages.n - 1];
    int64_t extent[MAX_RANK];
    const Unit u = part_alone(p);
    int inner = own_loops(m, &u, extent);
    if (s->kind != STAGE_MAP || !same_loops(s, inner, extent))
        return false;
    const Lin *index[MAX_RANK];
    unit_index(m, &u, s, index);
    Ex *value = part_value(m, p, index);
    if (reads_stage(value, s) || (m->k->nouter && m->c->p->target->lanes > 1 && waits_for_slow(s, value)))
        return false;
    if (p->operand && m->g->units.n == 1 && value->kind != X_OP)
        return false;
    add_part(m, s, p, value, index);
    return true;
}

void forget_here(Making *m)
{
    for (int i = 0; i < m->g->units.n; i++)
        m->g->units.at[i]->here = NULL;
}

static void part_stage(Making *m, const Part *p)
{
    if (!m->fresh && join_map(m, p))
        return;
    m->fresh = false;
    forget_here(m);
    Stage *s = stage_new(m, STAGE_MAP);
    const Unit u = part_alone(p);
    add_inner_loops(m, s, &u);
    const Lin *index[MAX_RANK];
    unit_index(m, &u, s, index);
    add_part(m, s, p, part_value(m, p, index), index);
}

void map_stage(Making *m, Unit *u)
{
    part_stage(m, &(Part){.unit = u});
}

/* Each operand stores its own range. */
void concat_stages(Making *m, Unit *u)
{
    const Node *n = u->node;
    int64_t start = 0;
    for (int i = 0; i < n->nin; start += n->in[i++]->type.dim[n->attr.axis.axis])
        part_stage(m, &(Part){.unit = u, .operand = n->in[i], .start = start});
}
