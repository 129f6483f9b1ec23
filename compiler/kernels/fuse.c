/* SPDX-License-Identifier: MIT */
/* fuse.c: which units share a kernel.
 *
 * A unit joins the group of one of its producers when both run over the same leading axes and it reads the group's values only at its own
 * position along these: an epilogue (all axes but a contraction's last), element work side by side (all axes), or rows (reductions and
 * element work over the same row, and a concatenation of what is made there). A contraction may join that of the rows it contracts
 * (chain.c). Joining must not make the groups wait for each other. */
#include "lower.h"

enum {
    ROW_LIMIT = 16384,      /* elements of one row of a group: what stays in the cache between its stages */
    MOST_UNITS = 256,       /* of a group: what looks at pairs of them, and compilers of C, take their time */
    MOST_FILLS = 8,         /* constants stored by one kernel */
    SMALL = 1024,           /* elements: small enough to share a kernel without sharing a loop */
    MOST_TRIED = 32,        /* users of a tensor whose group another might join */
};

static bool is_tiled(const Unit *u)
{
    return u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_CONTRACT && contraction_tiles(u->context->p->target, u->node);
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

/* Of a concatenation each operand at its own positions. */
static bool pieces_fit(Build *b, const Node *n, const Group *g, int k, Var *outer)
{
    const Lin *index[MAX_RANK];
    for (int i = 0; i < n->nin; i++) {
        Var own[MAX_RANK];
        for (int r = 0; r < n->type.rank; r++) {
            own[r] = (Var){.id = -1 - r, .extent = n->in[i]->type.dim[r]};
            index[r] = lin_var(b->a, r < k ? &outer[r] : &own[r]);
        }
        if (!loads_fit(b, resolve(b, b->c, n->in[i], index), g, k, outer))
            return false;
    }
    return true;
}

static bool reads_here(Lower *c, Arena *a, const Unit *u, const Group *g, int k)
{
    Build b = {.a = a, .c = c};
    Var var[3 * MAX_RANK];
    const Lin *index[MAX_RANK], *reduced[MAX_RANK];
    for (int i = 0; i < u->type.rank; i++) {
        var[i] = (Var){.id = -1 - i, .extent = u->type.dim[i]};
        index[i] = lin_var(a, &var[i]);
    }
    const Node *n = u->node;
    if (u->kind == UNIT_COPY)
        return loads_fit(&b, resolve(&b, c, n, index), g, k, var);
    if (n->op == OP_CONCAT)
        return pieces_fit(&b, n, g, k, var);
    bool reduces = (op_info(n->op)->class == CLASS_REDUCE || op_info(n->op)->class == CLASS_CONTRACT) && !reduces_inline(c, n);
    if (!reduces)
        return loads_fit(&b, resolve_body(&b, c, n, index), g, k, var);
    int64_t extent[MAX_RANK];
    int nr = reduced_axes(n, extent);
    for (int i = 0; i < nr; i++) {
        Var *v = &var[MAX_RANK + i];
        *v = (Var){.id = -1 - MAX_RANK - i, .extent = extent[i]};
        reduced[i] = lin_var(a, v);
    }
    return loads_fit(&b, resolve_reduced(&b, c, n, index, reduced), g, k, var);
}

static bool reads_in_place(Lower *c, const Unit *u, const Group *g, int k)
{
    bool here = reads_here(c, c->work, u, g, k);
    arena_reset(c->work);
    return here;
}

/* ---- does u want a nest of its own? ---------------------------------------------------------------- */
static bool any_guard(const Ex *e)
{
    bool any = e->nguard > 0;
    for (int i = 0; !any && i < e->part.n; i++)
        any = any_guard(e->part.at[i]);
    return any;
}

bool has_guards(Lower *c, const Node *n)
{
    Build b = {.a = c->work, .c = c};
    Var var[MAX_RANK];
    const Lin *index[MAX_RANK];
    if (c->p->target->lanes == 1 || type_count(n->type) < WORTH_RANGES)
        return false;
    for (int i = 0; i < n->type.rank; i++) {
        var[i] = (Var){.id = -1 - i, .extent = n->type.dim[i]};
        index[i] = lin_var(c->work, &var[i]);
    }
    const bool any = any_guard(resolve_body(&b, c, n, index));
    arena_reset(c->work);
    return any;
}

static bool is_one_nest(const Unit *u, const Group *g)
{
    bool all = is_map(u);
    for (int i = 0; all && i < g->units.n; i++)
        all = is_map(g->units.at[i]) && shape_eq(g->units.at[i]->type, u->type);
    return all;
}

/* ---- may u wait for g's other readers? ------------------------------------------------------------- */
/* May group g wait for all that u waits for? */
static bool may_wait(Lower *c, const Unit *u, int g)
{
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i]->group != g && !order_may_wait(&c->group_order, g, u->needs.at[i]->group))
            return false;
    for (int i = 0; i < u->behind.n; i++)
        if (u->behind.at[i]->group != g && !order_may_wait(&c->group_order, g, u->behind.at[i]->group))
            return false;
    for (int i = 0; i < u->follows.n; i++)      /* not in one kernel either */
        if (!order_may_wait(&c->group_order, g, u->follows.at[i]->group))
            return false;
    return true;
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

static bool is_plain(const Unit *u)
{
    return u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_ELEMENT;
}

/* u makes the next value of a carry, or of a tensor of the caller's, in its place, and v, which is made before it, reads the old one: only
 * where u then writes, in each turn of the k loops they share? */
static bool reads_before(Lower *c, const Unit *u, const Unit *v, int k)
{
    Group own = {0};
    OpClass class = op_info(v->node->op)->class;
    if (!is_plain(u) || v->kind != UNIT_VALUE)
        return false;
    vec_push(c->work, &own.units, (Unit *)u);
    if (is_plain(v))
        return shape_eq(v->type, u->type) && reads_in_place(c, v, &own, u->type.rank);
    return (class == CLASS_CONTRACT || class == CLASS_REDUCE) && k >= 1 && reads_in_place(c, v, &own, k);
}

/* A unit that overwrites a tensor of the caller's, or a carry, must not share a kernel with others that read it elsewhere or later. */
static bool overwrites(Lower *c, const Unit *u, const Group *g, int k)
{
    for (int i = 0; i < g->units.n; i++) {
        const Unit *v = g->units.at[i];
        for (int r = 0; r < v->reads.n; r++)
            if (v->reads.at[r] == u->buffer && !reads_before(c, u, v, k))
                return true;
        for (int r = 0; r < u->reads.n; r++)
            if (u->reads.at[r] == v->buffer)
                return true;
    }
    return false;
}

/* Element work on the same elements: all that shares a kernel in small code, where kernels are to be alike. */
static bool is_side_by_side(const Unit *u, const Group *g)
{
    return is_plain(u) && is_plain(g->units.at[0]) && shape_eq(u->type, g->units.at[0]->type);
}

/* How many outer loops u would share with g; -1: none it may join with. */
static int shared_outer(Lower *c, const Unit *u, const Group *g)
{
    int most = u->max_outer < g->outer ? u->max_outer : g->outer;
    int least = group_has_tile(g) ? g->outer : 1;
    if (c->p->target->compact && !is_side_by_side(u, g))
        return -1;
    if ((u->guarded || g->guarded) && !is_one_nest(u, g))
        return -1;
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
    return u->kind == UNIT_VALUE && u->node->op != OP_SCATTER;
}

/* Those that others may join: not a concatenation, which chooses its own loops where it is the first. */
static bool is_open(const Unit *u)
{
    return is_sociable(u) && u->node->op != OP_CONCAT;
}

/* ---- groups ---------------------------------------------------------------------------------------- */
static Group *group_new(Lower *c)
{
    Group *g = NEW(c->a, Group);
    vec_push(c->a, &c->groups, g);
    order_add(&c->group_order);
    return g;
}

static bool others_need(const Lower *c, int g, const Unit *u)
{
    const Group *group = c->groups.at[g];
    for (int i = 0; i < group->units.n; i++)
        for (int k = 0; k < group->units.at[i]->users.n; k++)
            if (group->units.at[i]->users.at[k] != u && group->units.at[i]->users.at[k]->group != g)
                return true;
    return false;
}

/* Would others who need group g wait, with u in it, for something that g itself does not? */
static bool delays_others(Lower *c, const Unit *u, int g)
{
    bool new_wait = false;
    for (int i = 0; i < u->needs.n; i++)
        new_wait |= !order_waits(&c->group_order, g, u->needs.at[i]->group);
    return new_wait && others_need(c, g, u);
}

/* Takes group `at` for u where it may join it and no later group was found before. */
static void consider(Lower *c, const Unit *u, int at, int *best, int *outer)
{
    if (at <= *best || !is_open(c->groups.at[at]->units.at[0]) || c->groups.at[at]->units.n == MOST_UNITS)
        return;
    int k = shared_outer(c, u, c->groups.at[at]);
    if (k < 0 || overwrites(c, u, c->groups.at[at], k) || !may_wait(c, u, at))
        return;
    if (k == 0 && delays_others(c, u, at))
        return;
    *best = at;
    *outer = k;
}

/* Long reductions over the same loops, both of rows or both of columns. */
static bool are_twins(Lower *c, const Unit *u, const Unit *v)
{
    int64_t extent[MAX_RANK], other[MAX_RANK];
    const Unit *const both[] = {u, v};
    for (int i = 0; i < 2; i++)
        if (both[i]->kind != UNIT_VALUE || op_info(both[i]->node->op)->class != CLASS_REDUCE || reduces_inline(u->context, both[i]->node))
            return false;
    int n = reduced_axes(u->node, extent);
    if (!shape_eq(u->type, v->type) || reduced_axes(v->node, other) != n)
        return false;
    for (int i = 0; i < n; i++)
        if (extent[i] != other[i])
            return false;
    const bool alike = u == v || sums_columns(c->work, c, u) == sums_columns(c->work, c, v);
    arena_reset(c->work);
    return alike;
}

/* A group of element work, or of sums, over a tensor that u works on too, side by side. */
static void consider_neighbours(Lower *c, const Unit *u, int *best, int *outer)
{
    for (int i = 0; i < u->needs.n; i++) {
        const Unit *needed = u->needs.at[i];
        for (int k = needed->placed > MOST_TRIED ? needed->placed - MOST_TRIED : 0; k < needed->placed && *best < 0; k++)
            if ((is_plain(u) && is_plain(needed->users.at[k]) && type_eq(needed->users.at[k]->type, u->type)) ||
                are_twins(c, u, needed->users.at[k]))
                consider(c, u, needed->users.at[k]->group, best, outer);
    }
}

/* Stores a value that depends on nothing, and waits for nothing: whoever shares a kernel with it never waits. */
static bool is_fill(const Unit *u)
{
    return u->kind == UNIT_COPY && !u->needs.n && !u->reads.n && !u->reads_carry && !u->from && !u->follows.n && !u->behind.n;
}

/* The last group of fills of u's shape that has room for another, or -1. */
static int group_of_fills(const Lower *c, const Unit *u)
{
    for (int i = c->fills.n - 1; i >= 0; i--)
        if (shape_eq(c->groups.at[c->fills.at[i]]->shape, u->type))
            return c->fills.at[i];
    return -1;
}

/* Keeps the list of those that have room: g has one more. */
static void count_fill(Lower *c, int g)
{
    const Group *group = c->groups.at[g];
    if (group->units.n == 1)
        vec_push(c->a, &c->fills, g);
    for (int i = c->fills.n - 1; i >= 0 && group->units.n == MOST_FILLS; i--)
        if (c->fills.at[i] == g) {
            c->fills.at[i] = c->fills.at[--c->fills.n];
            return;
        }
}

static void join(Lower *c, Unit *u, int g)
{
    u->group = g;
    c->groups.at[g]->guarded |= u->guarded;
    vec_push(c->a, &c->groups.at[g]->units, u);
    for (int i = 0; i < u->needs.n; i++) {
        order_wait(&c->group_order, g, u->needs.at[i]->group);
        u->needs.at[i]->placed++;
    }
    for (int i = 0; i < u->behind.n; i++)
        order_wait(&c->group_order, g, u->behind.at[i]->group);
    for (int i = 0; i < u->follows.n; i++)
        order_wait(&c->group_order, g, u->follows.at[i]->group);
}

static void place_unit(Lower *c, Unit *u)
{
    u->guarded = u->kind == UNIT_VALUE && is_map(u) && has_guards(c, u->node);
    int best = is_fill(u) ? group_of_fills(c, u) : -1, outer = best >= 0 ? c->groups.at[best]->outer : u->max_outer;
    for (int i = 0; i < u->needs.n && is_sociable(u); i++)
        if (!is_tiled(u) || may_chain(c, u, u->needs.at[i]->group))
            consider(c, u, u->needs.at[i]->group, &best, &outer);
    if (best < 0 && (is_plain(u) || are_twins(c, u, u)))
        consider_neighbours(c, u, &best, &outer);
    if (best < 0) {
        group_new(c)->shape = u->type;
        best = c->groups.n - 1;
    }
    c->groups.at[best]->outer = outer;
    join(c, u, best);
    if (is_fill(u))
        count_fill(c, best);
}

/* ---- who reads last -------------------------------------------------------------------------------- */
/* Is v all there is of a tensor, which element work u, reading it last, could be made in the place of: the same elements, each read where
 * u is? */
static bool could_take_place(Lower *c, const Unit *u, Unit *v)
{
    Group of = {0};
    if (v->kind != UNIT_VALUE || v->group == u->group || v->buffer->kind != BUFFER_ARENA || !type_eq(v->type, u->type) ||
        !type_eq(v->buffer->type, v->type) || type_count(v->type) < SMALL)
        return false;
    vec_push(c->work, &of.units, v);
    return reads_in_place(c, u, &of, u->type.rank);
}

/* Who reads a tensor elsewhere runs before element work that reads it by element, where that can be, so that the tensor's place is taken:
 * of the mask of a relu, for one, by the gradient behind it. There is one tensor less that caches hold. (order_sparing knows better where
 * bytes count.) */
static void read_before_overwritten(Lower *c, const Unit *u)
{
    for (int i = 0; i < u->needs.n && is_plain(u) && u->buffer->kind == BUFFER_ARENA; i++) {
        const Unit *v = u->needs.at[i];
        bool may = could_take_place(c, u, u->needs.at[i]);
        for (int k = 0; k < v->users.n && may; k++)
            may = v->users.at[k]->group == u->group || order_may_wait(&c->group_order, u->group, v->users.at[k]->group);
        for (int k = 0; k < v->users.n && may; k++)
            order_wait(&c->group_order, u->group, v->users.at[k]->group);
        if (may)
            return;
    }
}

static void find_private(Lower *c)
{
    for (int i = 0; i < c->units.n; i++)
        for (int k = 0; k < c->units.at[i]->needs.n; k++)
            if (c->units.at[i]->needs.at[k]->group != c->units.at[i]->group)
                c->units.at[i]->needs.at[k]->private = false;
}

static void find_users(Lower *c)
{
    for (int i = 0; i < c->units.n; i++)
        for (int k = 0; k < c->units.at[i]->needs.n; k++)
            vec_push(c->a, &c->units.at[i]->needs.at[k]->users, c->units.at[i]);
}

void make_groups(Lower *c)
{
    c->group_order.a = c->a;
    find_users(c);
    for (int i = 0; i < c->units.n; i++)
        place_unit(c, c->units.at[i]);
    for (int i = 0; i < c->units.n && !c->p->sparing; i++)
        read_before_overwritten(c, c->units.at[i]);
    find_private(c);
    Group **order = NEWN(c->a, Group *, c->groups.n);
    const int *sorted = c->p->sparing ? order_sparing(c) : order_sorted(&c->group_order);
    for (int i = 0; i < c->groups.n; i++)
        order[i] = c->groups.at[sorted[i]];
    c->groups.at = order;
}
