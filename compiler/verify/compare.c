/* SPDX-License-Identifier: MIT */
/* compare.c: what a kernel left in memory against what it had to, and how a fault is described. */
#include "verify.h"

#include <inttypes.h>
#include <math.h>

const char *buffer_label(const Buffer *b)
{
    return b->name ? b->name : "an unnamed tensor";
}

const char *when_text(Arena *a, const Moment *m)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i < m->when.n; i++)
        sb_printf(&sb, "%s%s = %" PRId64, i ? ", " : " at ", m->when.at[i].time->name, m->when.at[i].at);
    return sb_text(&sb);
}

Fault fault_make(const Trace *t, const Kernel *k, FaultKind kind, const char *text)
{
    return (Fault){.kind = kind, .plan = t->p, .kernel = k, .text = text};
}

static bool element_matches(const Wanted *w, int64_t i, double found)
{
    double value = w->value[i], slack = w->slack ? (double)w->slack[i] * 1.001 : 0;
    double want = w->unit->type.dt == DT_F32 ? (double)(float)value : value;
    if (found == want || (isnan(found) && isnan(want)) || isinf(slack) || isnan(slack))
        return true;
    return fabs(found - value) <= slack;
}

/* Element i of what the unit stores, as the user counts: by the axes of the value. */
static void user_index(const Unit *u, int64_t i, int64_t *index)
{
    for (int axis = u->type.rank - 1; axis >= 0; axis--) {
        index[u->kind == UNIT_PACK ? u->permutation[axis] : axis] = i % u->type.dim[axis];
        i /= u->type.dim[axis];
    }
}

bool wanted_matches(Arena *a, const Trace *t, const Moment *m, const Wanted *w, const void *found,
                    Fault *fault)
{
    int64_t first = -1, wrong = 0;
    for (int64_t i = 0; i < w->place.count; i++)
        if (!element_matches(w, i, bits_at(w->unit->type.dt, found, i))) {
            first = first < 0 ? i : first;
            wrong++;
        }
    if (!wrong)
        return true;
    *fault =
        fault_make(t, m->kernel, FAULT_VALUE, arena_printf(a, "computes a wrong value%s", when_text(a, m)));
    fault->tensor = buffer_label(w->unit->buffer);
    fault->type = w->unit->node->type;
    user_index(w->unit, first, fault->index);
    fault->has_element = true;
    fault->expected = w->value[first];
    fault->found = bits_at(w->unit->type.dt, found, first);
    fault->slack = w->slack ? (double)w->slack[first] : 0;
    fault->wrong = wrong;
    fault->of = w->place.count;
    return false;
}
