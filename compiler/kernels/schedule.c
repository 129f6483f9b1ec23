/* SPDX-License-Identifier: MIT */
/* schedule.c: a group of units becomes a kernel: its outer loops, and a stage for each unit or several that share their loops. */
#include "stages.h"

#include <string.h>

static Var *var_new(Kernel *k, int64_t extent, const char *prefix, int number)
{
    Var *v = NEW(k->a, Var);
    *v = (Var){.id = k->nvar++, .extent = extent, .name = arena_printf(k->a, "%s%d", prefix, number)};
    return v;
}

Stage *stage_new(Making *m, StageKind kind)
{
    Stage *s = NEW(m->k->a, Stage);
    s->kind = kind;
    s->lanes = 1;
    vec_push(m->k->a, &m->k->stages, s);
    return s;
}

static bool loads(const Ex *e)
{
    bool any = e->kind == X_LOAD || e->kind == X_UNIT;      /* of a unit compilers may load its operands where it is used */
    for (int i = 0; i < e->part.n && !any; i++)
        any = loads(e->part.at[i]);
    return any;
}

/* Whether C loads some of it only where a condition holds. */
static bool has_choices(const Ex *e)
{
    const bool guard = e->kind == X_GUARD, choice = e->kind == X_OP && (e->op == OP_SELECT || e->op == OP_AND || e->op == OP_OR);
    bool any = false;
    for (int i = choice ? 1 : 0; (guard || choice) && i < e->nin; i++)
        any |= loads(e->in[i]);
    for (int i = 0; i < e->part.n && !any; i++)
        any = has_choices(e->part.at[i]);
    return any;
}

/* gcc writes out loops of no more than 16 turns and makes vectors of the loop around them. What only one arm of a choice loads it loads
 * under a mask then, and gcc 12 masks other elements than those (AVX2 and AVX-512, at -O3 or where the loop is to be written out). */
static bool stays_a_loop(const Target *target, const Stage *s, int64_t turns)
{
    enum { MOST_WRITTEN_BY_GCC = 16 };
    if (target->compact || target->issue || turns <= 1 || turns > MOST_WRITTEN_BY_GCC)
        return false;
    for (int i = 0; i < s->items.n; i++)
        if (has_choices(s->items.at[i].value))
            return true;
    return false;
}

int64_t loop_unroll(const Target *target, const Stage *s, int64_t turns)
{
    enum { MOST_WRITTEN = 8 };
    if (stays_a_loop(target, s, turns))
        return 1;
    return s->kind == STAGE_MAP && !target->compact && turns > 1 && turns < target->lanes && turns <= MOST_WRITTEN ? turns : 0;
}

int outer_axes(const Making *m)
{
    int axes = 0;
    for (int i = 0; i < m->k->nouter; i++) {
        while (m->merged[axes])
            axes++;
        axes++;
    }
    return axes;
}

/* A variable for each outer loop. */
void make_outer(Making *m, const Type *shape)
{
    for (int i = 0, axis = 0; i < m->k->nouter; i++, axis++) {
        int64_t extent = shape->dim[axis];
        while (m->merged[axis])
            extent *= shape->dim[++axis];
        m->k->outer[i] = var_new(m->k, extent, "i", i);
    }
}

/* The kernel's outer variables, then the stage's. */
static const Lin *loop_var(const Making *m, const Stage *s, int loop)
{
    return lin_var(m->k->a, loop < m->k->nouter ? m->k->outer[loop] : s->loop[loop - m->k->nouter]);
}

/* The index of u's element: a variable for the axes that each loop runs over, or two for the last ones. */
void unit_index(Making *m, const Unit *u, const Stage *s, const Lin **index)
{
    int loop = 0;
    for (int i = 0; i < u->type.rank; i++) {
        Type run = type_scalar(u->type.dt);
        int first = i;
        for (bool more = true; more; i++) {
            run.dim[run.rank++] = u->type.dim[i];
            more = m->merged[i];
        }
        const Lin *at = loop_var(m, s, loop++);
        if (m->split && i >= u->type.rank)
            at = lin_add(m->k->a, lin_scale(m->k->a, at, m->split), loop_var(m, s, loop));
        if (m->range[first])
            at = lin_offset(m->k->a, lin_scale(m->k->a, at, m->range[first]->step), m->range[first]->start);
        lin_unflatten(m->k->a, at, run, index + first);
        i--;
    }
}

void add_loop(Making *m, Stage *s, int64_t extent, const char *prefix)
{
    s->loop[s->nloop] = var_new(m->k, extent, prefix, s->nloop);
    s->nloop++;
}

void add_inner_loops(Making *m, Stage *s, const Unit *u)
{
    int64_t extent[MAX_RANK];
    int n = own_loops(m, u, extent);
    for (int i = 0; i < n; i++)
        add_loop(m, s, extent[i], "j");
    s->nparallel = s->nloop;
}

void add_item(Making *m, Stage *s, Unit *u, Ex *value, const Lin *flat, Op reduce)
{
    Item item = {.unit = u, .value = value, .buffer = u->buffer, .at = lin_add(m->k->a, u->base, flat), .reduce = reduce};
    vec_push(m->k->a, &s->items, item);
}

/* The loops of u's own axes, merged as far as they are. */
int own_loops(const Making *m, const Unit *u, int64_t *extent)
{
    int n = 0;
    for (int i = outer_axes(m); i < u->type.rank; i++) {
        const Range *range = m->range[i];
        extent[n] = u->type.dim[i];
        while (m->merged[i])
            extent[n] *= u->type.dim[++i];
        extent[n] = range ? range->count : extent[n];
        n++;
    }
    if (m->split) {
        extent[n] = m->split;
        extent[n - 1] /= m->split;
        n++;
    }
    return n;
}

bool same_loops(const Stage *s, int n, const int64_t *extent)
{
    if (s->nloop != n)
        return false;
    for (int i = 0; i < n; i++)
        if (s->loop[i]->extent != extent[i])
            return false;
    return true;
}

/* ---- scatter and checks ---------------------------------------------------------------------------- */
static void scatter_stage(Making *m, Unit *u)
{
    const Node *index_node = u->node->in[0], *updates = u->node->in[1];
    Stage *s = stage_new(m, STAGE_SCATTER);
    const Lin *index[MAX_RANK], *to[MAX_RANK];
    for (int i = 0; i < updates->type.rank; i++) {
        add_loop(m, s, updates->type.dim[i], "j");
        index[i] = lin_var(m->k->a, s->loop[i]);
    }
    int ni = index_node->type.rank;
    to[0] = lin_value(m->k->a, resolve(&m->b, m->c, index_node, index), u->type.dim[0]);
    for (int i = 1; i < u->type.rank; i++)
        to[i] = index[ni + i - 1];
    add_item(m, s, u, resolve(&m->b, m->c, updates, index), lin_flatten(m->k->a, u->type, to), OP_SUM);
    s->limit = type_count(u->type);
}

static void check_stage(Making *m, Unit *u)
{
    Stage *s = stage_new(m, STAGE_CHECK);
    const Lin *index[MAX_RANK];
    for (int i = 0; i < u->type.rank; i++) {
        add_loop(m, s, u->type.dim[i], "j");
        index[i] = lin_var(m->k->a, s->loop[i]);
    }
    s->limit = u->node->attr.limit.limit;
    Item item = {.unit = u, .value = resolve(&m->b, m->c, u->node->in[0], index), .at = lin_const(m->k->a, 0), .reduce = OP_COUNT};
    vec_push(m->k->a, &s->items, item);
}

/* ---- kernels --------------------------------------------------------------------------------------- */
void add_unit(Making *m, Unit *u)
{
    OpClass class = op_info(u->node->op)->class;
    if (u->kind == UNIT_CHECK) {
        check_stage(m, u);
        return;
    }
    if (u->kind != UNIT_VALUE || u->node->op == OP_RANDOM) {
        map_stage(m, u);
        return;
    }
    if (class == CLASS_CONTRACT && !is_outer_product(u->node)) {
        forget_here(m);
        Stage *s = tile_stage(m, u);
        if (s)
            vec_push(m->k->a, &m->k->stages, s);
        else
            reduce_stage(m, u);
    } else if (u->node->op == OP_SCATTER) {
        scatter_stage(m, u);
    } else if (u->node->op == OP_CONCAT) {
        concat_stages(m, u);
    } else if (class == CLASS_REDUCE && !reduces_inline(u->context, u->node)) {
        reduce_stage(m, u);
    } else {
        map_stage(m, u);
    }
}

/* ---- merging loops --------------------------------------------------------------------------------- */
static int divisions_in(const Lin *x);

static int divisions(const Ex *e)
{
    int n = e->at ? divisions_in(e->at) : 0;
    for (int i = 0; i < e->nguard; i++)
        n += divisions_in(e->guard[i].at);
    for (int i = 0; i < e->nin; i++)
        n += divisions(e->in[i]);
    return n;
}

static int divisions_in(const Lin *x)
{
    int n = 0;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        n += atom->kind == ATOM_VALUE ? divisions(atom->value) : atom->kind == ATOM_VAR ? 0 : 1 + divisions_in(atom->of);
    }
    return n;
}

/* All of the group's values in one stage, or NULL. */
static Stage *one_map(Making *m)
{
    m->k->stages.n = 0;
    forget_here(m);
    for (int i = 0; i < m->g->units.n; i++)
        map_stage(m, m->g->units.at[i]);
    return m->k->stages.n == 1 ? m->k->stages.at[0] : NULL;
}

int stages_divisions(const Making *m)
{
    int n = 0;
    for (int k = 0; k < m->k->stages.n; k++) {
        const Stage *s = m->k->stages.at[k];
        for (int i = 0; i < s->items.n; i++)
            n += divisions(s->items.at[i].value) + divisions_in(s->items.at[i].at);
    }
    return n;
}

bool is_map(const Unit *u)
{
    OpClass class = op_info(u->node->op)->class;
    if (u->kind == UNIT_COPY || u->kind == UNIT_PACK)
        return true;
    return u->kind == UNIT_VALUE && u->node->op != OP_CONCAT && u->node->op != OP_SCATTER && class != CLASS_CONTRACT &&
           (class != CLASS_REDUCE || reduces_inline(u->context, u->node));
}

static bool draws(const Ex *e)
{
    bool any = e->kind == X_UNIFORM;
    for (int i = 0; !any && i < e->part.n; i++)
        any = draws(e->part.at[i]);
    return any;
}

/* Random numbers are drawn by rows, before the loop over one: it stays as short as it is. */
static bool stage_draws(const Stage *s)
{
    bool any = false;
    for (int i = 0; !any && i < s->items.n; i++)
        any = draws(s->items.at[i].value);
    return any;
}

/* Where v is divided by a number in e, or what is left of it is used: the least such number, or `least`. */
static int64_t divided_by(const Ex *e, const Var *v, int64_t least);

static int64_t divided_in(const Lin *x, const Var *v, int64_t least)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        if (atom->kind == ATOM_VALUE)
            least = divided_by(atom->value, v, least);
        else if (atom->kind != ATOM_VAR)
            least = divided_in(atom->of, v, lin_factor(atom->of, v) == 1 && atom->by < least ? atom->by : least);
    }
    return least;
}

static int64_t divided_by(const Ex *e, const Var *v, int64_t least)
{
    least = e->at ? divided_in(e->at, v, least) : least;
    for (int i = 0; i < e->nguard; i++)
        least = divided_in(e->guard[i].at, v, least);
    for (int i = 0; i < e->nin; i++)
        least = divided_by(e->in[i], v, least);
    return least;
}

/* A last loop whose positions are divided is two, where that leaves fewer divisions and the inner one has vectors enough: compilers make no
 * vectors of elements whose places they do not see. */
static void choose_split(Making *m)
{
    const Stage *s = one_map(m);
    const int before = stages_divisions(m);
    const Var *last = s->nloop ? s->loop[s->nloop - 1] : NULL;
    if (!before || !last || stage_draws(s))
        return;
    int64_t by = last->extent;
    for (int i = 0; i < s->items.n; i++)
        by = divided_by(s->items.at[i].value, last, by);
    if (by < m->c->p->target->lanes || by == last->extent || last->extent % by)
        return;
    m->split = by;
    one_map(m);
    m->split = stages_divisions(m) < before ? by : 0;
}

/* Which axes share a loop: as many as cost no division. false where the group is not one nest. */
static bool choose_merged(Making *m)
{
    Stage *s = one_map(m);
    if (!s)
        return false;
    const int least = stages_divisions(m), last = m->g->units.at[0]->type.rank - 1 - stage_draws(s);
    for (int i = last - 1; i >= 0; i--) {
        m->merged[i] = true;
        s = one_map(m);
        m->merged[i] = s && stages_divisions(m) <= least;
    }
    return true;
}

void make_in(Making *m, Arena *a)
{
    m->k->a = a;
    m->k->stages.at = NULL;
    m->k->stages.n = m->k->stages.cap = 0;
    m->b = (Build){.a = a, .c = m->c, .k = m->k};
}

/* All of the group's values, in a stage for each combination of ranges of the loops from axis i on. */
static void map_ranges(Making *m, int i)
{
    if (i == m->g->units.at[0]->type.rank) {
        int before = m->k->stages.n;
        forget_here(m);
        m->fresh = true;
        for (int u = 0; u < m->g->units.n; u++)
            map_stage(m, m->g->units.at[u]);
        if (m->k->stages.n != before + 1)
            BUG("a group of maps is not one stage");
        return;
    }
    for (int r = 0; r < m->ranges[i].n; r++) {
        m->range[i] = &m->ranges[i].at[r];
        map_ranges(m, i + 1);
    }
    m->range[i] = NULL;
    if (!m->ranges[i].n)
        map_ranges(m, i + 1);
}

/* Element work alone needs no shared outer loops: one nest, its loops merged where that costs no division. */
static bool merge_loops(Making *m)
{
    Kernel *k = m->k;
    const Unit *first = m->g->units.at[0];
    for (int i = 0; i < m->g->units.n; i++)
        if (!is_map(m->g->units.at[i]) || !shape_eq(m->g->units.at[i]->type, first->type))
            return false;
    int outer = k->nouter, nvar = k->nvar;
    k->nouter = 0;
    make_in(m, m->c->work);     /* what is tried is soon forgotten */
    bool one = choose_merged(m);
    if (one)
        choose_split(m);
    if (one && m->c->p->target->lanes > 1)
        find_ranges(m, one_map(m));
    forget_here(m);
    make_in(m, m->c->a);
    k->nvar = nvar;
    arena_reset(m->c->work);
    k->nouter = one ? before_ranges(m) : outer;
    if (one) {
        make_outer(m, &first->type);
        map_ranges(m, 0);
    }
    return one;
}

static void add_span(Kernel *k, Span sp)
{
    for (int i = 0; i < k->spans.n; i++)
        if (k->spans.at[i].source == sp.source && k->spans.at[i].lo == sp.lo)
            return;
    if (sp.source)
        vec_push(k->a, &k->spans, sp);
}

int64_t node_macs(const Node *n)
{
    int64_t extent[MAX_RANK], macs = 0;
    if (n->op == OP_SCAN) {
        const Fn *body = n->attr.scan.body;
        for (int i = 0; i < body->node.n; i++)
            macs += node_macs(body->node.at[i]);
        return macs * n->attr.scan.length;
    }
    if (op_info(n->op)->class != CLASS_CONTRACT)
        return 0;
    macs = type_count(n->type);
    int nr = reduced_axes(n, extent);
    for (int i = 0; i < nr; i++)
        macs *= extent[i];
    return macs;
}

static int64_t unit_macs(const Unit *u)
{
    return u->kind == UNIT_VALUE ? node_macs(u->node) : 0;
}

static void set_order(Kernel *k)
{
    int at = 0;
    for (int i = 0; i < k->nouter; i++)
        if (i != k->blocked)
            k->order[at++] = i;
    if (k->blocked >= 0)
        k->order[at] = k->blocked;
}

/* Whether a concatenation of the last axis lays few elements beside each other: then row after row of the result is written, not each
 * row as often as there are operands. */
static bool has_short_pieces(const Node *concat)
{
    enum { SHORT = 64 };
    const int axis = concat->attr.axis.axis;
    return axis == concat->type.rank - 1 && concat->type.dim[axis] <= SHORT * concat->nin;
}

Kernel *schedule_group(Lower *c, Group *g)
{
    Kernel *k = NEW(c->a, Kernel);
    Making m = {.k = k, .c = c, .g = g};
    *k = (Kernel){.a = c->a, .nouter = g->outer, .blocked = -1, .id = c->p->kernels.n};
    m.b = (Build){.a = c->a, .c = c, .k = k};
    const Unit *first = g->units.at[0];
    if (first->kind != UNIT_VALUE || first->node->op == OP_SCATTER || first->node->op == OP_CONCAT)
        k->nouter = 0;
    /* for threads to share, or where pieces are short */
    if (first->kind == UNIT_VALUE && first->node->op == OP_CONCAT && (c->p->target->threads.n > 1 || has_short_pieces(first->node)))
        k->nouter = first->node->attr.axis.axis;
    merge_rows(&m);
    make_outer(&m, &g->shape);
    if (op_info(first->node->op)->class == CLASS_REDUCE && first->kind == UNIT_VALUE && !reduces_inline(c, first->node))
        free_last_axis(&m, first);
    bool merged = merge_loops(&m);
    for (int i = 0; i < g->units.n; i++) {
        Unit *u = g->units.at[i];
        if (!merged)
            add_unit(&m, u);
        add_span(k, u->node->span);
        k->macs += unit_macs(u);
        u->place = k->units.n;
        vec_push(c->a, &k->units, u);
    }
    forget_here(&m);
    set_order(k);
    if (c->p->target->lanes > 1)
        put_behind_rows(k);
    keep_local(&m);
    return k;
}
