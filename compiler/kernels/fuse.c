/* SPDX-License-Identifier: MIT */
/* fuse.c: which units share a kernel.
 *
 * A unit joins the group of one of its producers when both run over the same leading axes and it reads the group's values only at its own position
 * along these: an epilogue (all axes but a contraction's last), element work side by side (all axes), or rows (reductions and
 * element work over the same row). Joining must not make the groups wait for each other. */
#include "lower.h"

enum {
    ROW_LIMIT = 16384,      /* elements of one row of a group: what stays in the cache between its stages */
    MOST_UNITS = 256,       /* of a group: what looks at pairs of them, and compilers of C, take their time */
    MOST_FILLS = 8,         /* constants stored by one kernel */
    SMALL = 1024,           /* elements: small enough to share a kernel without sharing a loop */
};

static bool is_tiled(const Unit *u)
{
    return u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_CONTRACT && contraction_tiles(u->node);
}

/* ---- does u read a group's values only at its own outer position? ---------------------------------- */
static bool loads_fit(Build *b, const Ex *e, const Group *g, int k, Var *outer);

static bool load_fits(Build *b, const Ex *e, const Group *g, int k, Var *outer)
{
    const Unit *from = NULL;
    for (int i = 0; i < g->units.n; i++)
        if (g->units.at[i]->buffer == e->buffer)
            from = g->units.at[i];
    if (!from)
        return true;
    if (from->type.rank < k)
        return false;
    const Lin *rest = lin_add(b->a, e->at, lin_scale(b->a, from->base, -1));
    int64_t stride = type_count(from->type);
    for (int i = 0; i < k; i++) {
        stride /= from->type.dim[i];
        if (outer[i].extent > 1 && lin_factor(rest, &outer[i]) != stride)
            return false;
        rest = lin_without(b->a, rest, &outer[i]);
    }
    int64_t lo, hi;
    lin_range(rest, &lo, &hi);
    for (int i = 0; i < k; i++)
        if (lin_uses(rest, &outer[i]))
            return false;
    return lo >= 0 && hi < stride;
}

static bool loads_fit(Build *b, const Ex *e, const Group *g, int k, Var *outer)
{
    if (e->kind == X_LOAD && !load_fits(b, e, g, k, outer))
        return false;
    for (int i = 0; i < e->part.n; i++)
        if (!loads_fit(b, e->part.at[i], g, k, outer))
            return false;
    return true;
}

static bool reads_in_place(Lower *c, const Unit *u, const Group *g, int k)
{
    Build b = {.a = c->a, .c = c};
    Var var[3 * MAX_RANK];
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    for (int i = 0; i < u->type.rank; i++) {
        var[i] = (Var){.id = -1 - i, .extent = u->type.dim[i]};
        index[i] = lin_var(c->a, &var[i]);
    }
    const Node *n = u->node;
    if (u->kind == UNIT_COPY)
        return loads_fit(&b, resolve(&b, c, n, index), g, k, var);
    bool reduces = (op_info(n->op)->class == CLASS_REDUCE || op_info(n->op)->class == CLASS_CONTRACT) && !reduces_inline(n);
    if (!reduces)
        return loads_fit(&b, resolve_body(&b, c, n, index), g, k, var);
    int64_t extent[MAX_RANK];
    int nr = reduced_axes(n, extent);
    for (int i = 0; i < nr; i++) {
        Var *v = &var[MAX_RANK + i];
        *v = (Var){.id = -1 - MAX_RANK - i, .extent = extent[i]};
        reduced[i] = lin_var(c->a, v);
    }
    return loads_fit(&b, resolve_reduced(&b, c, n, index, reduced), g, k, var);
}

/* ---- may u wait for g's other readers? ------------------------------------------------------------- */
/* Does group `from` depend, through other groups than those marked, on `to`? */
static bool depends(Lower *c, int from, int to)
{
    if (from == to)
        return true;
    if (from < 0 || !marks_add(&c->marks, from))
        return false;
    const Group *g = c->groups.at[from];
    for (int i = 0; i < g->after.n; i++)
        if (depends(c, g->after.at[i], to))
            return true;
    return false;
}

static bool would_wait_in_a_circle(Lower *c, const Unit *u, int g)
{
    marks_clear(c->a, &c->marks, c->groups.n);
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i]->group != g && depends(c, u->needs.at[i]->group, g))
            return true;
    for (int i = 0; i < u->behind.n; i++)
        if (u->behind.at[i]->group != g && depends(c, u->behind.at[i]->group, g))
            return true;
    return false;
}

/* A unit that overwrites a tensor of the caller's must not share a kernel with other readers of it. */
static bool overwrites(const Unit *u, const Group *g)
{
    for (int i = 0; i < g->units.n; i++) {
        const Unit *v = g->units.at[i];
        for (int k = 0; k < v->reads.n; k++)
            if (v->reads.at[k] == u->buffer)
                return true;
        for (int k = 0; k < u->reads.n; k++)
            if (u->reads.at[k] == v->buffer)
                return true;
    }
    return false;
}

static int64_t row_elements(const Unit *u, int k)
{
    int64_t count = 1, extent[MAX_RANK];
    for (int i = k; i < u->type.rank; i++)
        count *= u->type.dim[i];
    if (op_info(u->node->op)->class == CLASS_REDUCE && u->kind == UNIT_VALUE) {
        int nr = reduced_axes(u->node, extent);
        for (int i = 0; i < nr; i++)
            count *= extent[i];
    }
    return count;
}

static bool group_has_tile(const Group *g)
{
    return g->units.n > 0 && is_tiled(g->units.at[0]);
}

static bool rows_are_short(const Unit *u, const Group *g, int k, int64_t limit)
{
    if (row_elements(u, k) > limit)
        return false;
    for (int i = 0; i < g->units.n; i++)
        if (row_elements(g->units.at[i], k) > limit)
            return false;
    return true;
}

/* How many outer loops u would share with g; -1: none it may join with. */
static int shared_outer(Lower *c, const Unit *u, const Group *g)
{
    int most = u->max_outer < g->outer ? u->max_outer : g->outer;
    int least = group_has_tile(g) ? g->outer : 1;
    for (int k = most; k >= least && k >= 1; k--) {
        bool same = true;
        for (int i = 0; i < k; i++)
            same &= u->type.dim[i] == g->shape.dim[i];
        if (same && rows_are_short(u, g, k, ROW_LIMIT) && reads_in_place(c, u, g, k))
            return k;
    }
    return !group_has_tile(g) && rows_are_short(u, g, 0, SMALL) ? 0 : -1;
}

/* Units that share a kernel with others; the rest stand alone. */
static bool is_sociable(const Unit *u)
{
    return u->kind == UNIT_VALUE && u->node->op != OP_SCATTER && u->node->op != OP_CONCAT;
}

/* ---- groups ---------------------------------------------------------------------------------------- */
static void wait_for(Lower *c, Group *g, int other)
{
    if (other >= 0 && c->groups.at[other] != g)
        vec_push(c->a, &g->after, other);
}

static void wait_for_needs(Lower *c, Group *g, const Unit *u)
{
    for (int i = 0; i < u->needs.n; i++)
        wait_for(c, g, u->needs.at[i]->group);
    for (int i = 0; i < u->behind.n; i++)
        wait_for(c, g, u->behind.at[i]->group);
}

static Group *group_new(Lower *c)
{
    Group *g = NEW(c->a, Group);
    vec_push(c->a, &c->groups, g);
    return g;
}

static bool is_in(const Unit *u, const Group *g)
{
    for (int i = 0; i < g->units.n; i++)
        if (g->units.at[i] == u)
            return true;
    return false;
}

/* Would others who need group g wait, with u in it, for something that g itself does not? */
static bool delays_others(Lower *c, const Unit *u, int g)
{
    bool new_wait = false;
    for (int i = 0; i < u->needs.n; i++) {
        marks_clear(c->a, &c->marks, c->groups.n);
        new_wait |= !depends(c, g, u->needs.at[i]->group);
    }
    for (int i = 0; i < c->units.n && new_wait; i++)
        for (int k = 0; k < c->units.at[i]->needs.n; k++)
            if (c->units.at[i] != u && c->units.at[i]->group != g && is_in(c->units.at[i]->needs.at[k], c->groups.at[g]))
                return true;
    return false;
}

/* Takes group `at` for u where it may join it and no later group was found before. */
static void consider(Lower *c, const Unit *u, int at, int *best, int *outer)
{
    if (at <= *best || !is_sociable(c->groups.at[at]->units.at[0]) || c->groups.at[at]->units.n == MOST_UNITS)
        return;
    int k = shared_outer(c, u, c->groups.at[at]);
    if (k < 0 || overwrites(u, c->groups.at[at]) || would_wait_in_a_circle(c, u, at))
        return;
    if (k == 0 && delays_others(c, u, at))
        return;
    *best = at;
    *outer = k;
}

static bool is_plain(const Unit *u)
{
    return u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_ELEMENT;
}

/* Element work over the same tensor, side by side. */
static bool shares_operand(const Unit *u, const Unit *v)
{
    for (int i = 0; i < u->needs.n; i++)
        for (int k = 0; k < v->needs.n; k++)
            if (u->needs.at[i] == v->needs.at[k])
                return true;
    return false;
}

/* Stores a value that depends on nothing. */
static bool is_fill(const Unit *u)
{
    return u->kind == UNIT_COPY && !u->needs.n && !u->reads.n && !u->from;
}

/* The last group of fills of u's shape that has room for another, or -1. */
static int group_of_fills(const Lower *c, const Unit *u)
{
    for (int i = c->groups.n - 1; i >= 0; i--) {
        const Unit *first = c->groups.at[i]->units.at[0];
        if (is_fill(first) && shape_eq(first->type, u->type) && c->groups.at[i]->units.n < MOST_FILLS)
            return i;
    }
    return -1;
}

static void place_unit(Lower *c, Unit *u)
{
    int best = is_fill(u) ? group_of_fills(c, u) : -1, outer = best >= 0 ? c->groups.at[best]->outer : -1;
    for (int i = 0; i < u->needs.n && is_sociable(u) && !is_tiled(u); i++)
        consider(c, u, u->needs.at[i]->group, &best, &outer);
    for (int i = 0; i < c->units.n && best < 0 && is_plain(u); i++)
        if (c->units.at[i]->group >= 0 && is_plain(c->units.at[i]) && type_eq(c->units.at[i]->type, u->type) &&
            shares_operand(u, c->units.at[i]))
            consider(c, u, c->units.at[i]->group, &best, &outer);
    Group *g = best >= 0 ? c->groups.at[best] : group_new(c);
    u->group = best >= 0 ? best : c->groups.n - 1;
    if (best < 0) {
        g->shape = u->type;
        outer = u->max_outer;
    }
    g->outer = outer;
    wait_for_needs(c, g, u);
    vec_push(c->a, &g->units, u);
}

/* Appends group `at` to the order, behind everything it waits for. */
static void order_group(Lower *c, int at, Group **order, int *n, char *state)
{
    if (state[at] == 2)
        return;
    if (state[at] == 1)
        BUG("groups of %s wait for each other", c->fn->name);
    state[at] = 1;
    for (int i = 0; i < c->groups.at[at]->after.n; i++)
        order_group(c, c->groups.at[at]->after.at[i], order, n, state);
    state[at] = 2;
    order[(*n)++] = c->groups.at[at];
}

static void find_private(Lower *c)
{
    for (int i = 0; i < c->units.n; i++)
        for (int k = 0; k < c->units.at[i]->needs.n; k++)
            if (c->units.at[i]->needs.at[k]->group != c->units.at[i]->group)
                c->units.at[i]->needs.at[k]->private = false;
}

void make_groups(Lower *c)
{
    for (int i = 0; i < c->units.n; i++)
        place_unit(c, c->units.at[i]);
    find_private(c);
    Group **order = NEWN(c->a, Group *, c->groups.n);
    char *state = NEWN(c->a, char, c->groups.n);
    int n = 0;
    for (int i = 0; i < c->groups.n; i++)
        order_group(c, i, order, &n, state);
    c->groups.at = order;
}
