/* SPDX-License-Identifier: MIT */
/* index.c: shapes of operations over indices. */
#include "ops.h"

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)

static const char *want_index(Arena *a, Type t)
{
    return t.dt == DT_I32 ? NULL : arena_printf(a, "an index is i32, not %s", type_text(a, t));
}

static const char *want_limit(Arena *a, int64_t limit)
{
    if (limit >= 1 && limit <= (int64_t)INT32_MAX + 1)
        return NULL;
    return arena_printf(a, "limit %lld is not an extent an i32 can index", (long long)limit);
}

SHAPE(check)
{
    (void)nin;
    *t = in[0]->type;
    const char *why = want_index(a, *t);
    return why ? why : want_limit(a, attr->limit.limit);
}

/* index's axes, then all but the first of rows' */
static const char *rows_by_index(Arena *a, Type index, Type rows, int skip, Type *t)
{
    if (index.rank + rows.rank - skip > MAX_RANK)
        return arena_printf(a, "the result would have %d axes", index.rank + rows.rank - skip);
    *t = type_with(index, rows.dt);
    for (int i = skip; i < rows.rank; i++)
        *t = type_insert(*t, t->rank, rows.dim[i]);
    return NULL;
}

SHAPE(gather)
{
    (void)nin, (void)attr;
    Type table = in[0]->type, index = in[1]->type;
    if (table.rank < 1)
        return "the table needs an axis to index";
    const char *why = want_index(a, index);
    return why ? why : rows_by_index(a, index, table, 1, t);
}

SHAPE(scatter)
{
    (void)nin;
    Type index = in[0]->type, updates = in[1]->type;
    const char *why = want_index(a, index);
    if (!why)
        why = want_limit(a, attr->limit.limit);
    if (why)
        return why;
    if (updates.dt != DT_F32 && updates.dt != DT_I32)
        return arena_printf(a, "adds f32 or i32, not %s", type_text(a, updates));
    if (updates.rank < index.rank || updates.rank - index.rank >= MAX_RANK)
        return arena_printf(a, "updates %s for indices %s", type_text(a, updates), type_text(a, index));
    Type leading = updates;
    while (leading.rank > index.rank)
        leading = type_drop(leading, leading.rank - 1);
    if (!shape_eq(leading, index))
        return arena_printf(a, "updates %s for indices %s", type_text(a, updates), type_text(a, index));
    *t = type_make(updates.dt, 1, &attr->limit.limit);
    for (int i = index.rank; i < updates.rank; i++)
        *t = type_insert(*t, t->rank, updates.dim[i]);
    return NULL;
}
