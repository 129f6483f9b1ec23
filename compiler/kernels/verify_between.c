/* SPDX-License-Identifier: MIT */
/* verify_between.c: what a kernel reads of what it writes. */
#include "verify.h"

typedef struct Access {
    Buffer *buffer;
    const Lin *at;
    const Guard *guard;
    int nguard;
    int stage, item;
    bool writes, tile;
    const Item *by; /* a write */
} Access;

typedef struct Accesses {
    Check *c;
    VEC(Access) list;
} Accesses;

static void add_load(void *context, const Load *load)
{
    Accesses *all = context;
    Guard *guard = arena_dup(all->c->a, load->guard, sizeof(Guard) * (size_t)load->nguard);
    Access access = {load->buffer, load->at, guard, load->nguard, all->c->stage,
                     all->c->item, false,    false, NULL};
    vec_push(all->c->a, &all->list, access);
}

static void add_operand(Accesses *all, const Tile *t, int operand)
{
    Arena *a = all->c->a;
    Guard *guard = NEWN(a, Guard, MAX_K);
    Access access = {.buffer = operand ? t->b : t->a, .at = operand_index(a, t, operand), .guard = guard, .nguard = tap_guards(a, t, guard),
                     .stage = all->c->stage, .tile = true};
    vec_push(all->c->a, &all->list, access);
}

static void find_accesses(Accesses *all)
{
    Check *c = all->c;
    for (c->stage = 0; c->stage < c->k->stages.n; c->stage++) {
        c->s = c->k->stages.at[c->stage];
        if (c->s->tile) {
            add_operand(all, c->s->tile, 0);
            add_operand(all, c->s->tile, 1);
        }
        for (c->item = 0; c->item < c->s->items.n; c->item++) {
            const Item *item = &c->s->items.at[c->item];
            if (item->value)
                visit_loads(c->a, item->value, add_load, all);
            visit_index_loads(c->a, item->at, add_load, all);
            if (!item->buffer)
                continue;
            Access access = {.buffer = item->buffer,
                             .at = store_index(c->a, c->s, item),
                             .stage = c->stage,
                             .item = c->item,
                             .writes = true,
                             .by = item};
            vec_push(c->a, &all->list, access);
        }
    }
}

static bool comes_before(const Access *x, const Access *y)
{
    return x->stage < y->stage || (x->stage == y->stage && x->item < y->item);
}

/* Does the kernel write this buffer before x? */
static bool written_before(const Accesses *all, const Access *x)
{
    for (int i = 0; i < all->list.n; i++)
        if (all->list.at[i].writes && all->list.at[i].buffer == x->buffer &&
            comes_before(&all->list.at[i], x))
            return true;
    return false;
}

/* Do both stay within what one position of the outer loops owns? */
static bool same_outer_position(Check *c, const Access *read, const Access *write)
{
    int64_t own = type_count(read->buffer->type);
    bool any = false;
    const Lin *rest = lin_add(c->a, read->at, lin_scale(c->a, write->by->unit->base, -1));
    for (int i = 0; i < c->k->nouter; i++) {
        const Var *v = c->k->outer[i];
        int64_t step = lin_factor(write->at, v);
        if (lin_factor(rest, v) != step && v->extent > 1)
            return false;
        if (v->extent == 1 || (step == 0 && write->buffer->block))
            continue;
        rest = lin_without(c->a, rest, v);
        if (lin_uses(rest, v))
            return false;
        any = true;
        own = step < own ? step : own;
    }
    if (write->buffer->block && kernel_tile(c->k) && kernel_tile(c->k)->block)
        rest = lin_without(c->a, rest, kernel_tile(c->k)->block);
    return !any || index_in_range(c->a, rest, read->guard, read->nguard, own);
}

static void check_pair(Check *c, const Accesses *all, const Access *read, const Access *write)
{
    if (are_apart(c->a, c->k, &(Load){read->buffer, read->at, read->guard, read->nguard}, write->at))
        return;
    const Stage *s = c->k->stages.at[write->stage];
    bool old = !written_before(all, read), same_stage = read->stage == write->stage;
    c->stage = read->stage;
    if (read->tile && (same_stage || (old && read->buffer->block)))
        check_complain(c, "the tile's operand %s is not written before it", check_label(read->buffer));
    if (old && read->stage > write->stage)
        check_complain(c, "reads %s after it was overwritten", check_label(read->buffer));
    if (old && same_stage && s->vector)
        check_complain(c, "reads %s while sums are collected in its place", check_label(read->buffer));
    if (same_stage && lin_eq(read->at, write->at)) {        /* what an item before it has made is a variable, and not read */
        if (comes_before(write, read))
            check_complain(c, "reads %s after it was overwritten", check_label(read->buffer));
        return;
    }
    if (same_stage)
        check_complain(c, "reads other elements of %s than it %s", check_label(read->buffer),
                       old ? "overwrites" : "has made");
    if (!same_outer_position(c, read, write))
        check_complain(c, "reads %s at another position of the outer loops than it is written at",
                 check_label(read->buffer));
}

/* A local array holds one row, and between its store and its load all rows go through a tile, or are done with a stage. */
static bool loses_rows(const Accesses *all, const Access *x)
{
    int last = -1;
    for (int i = 0; i < all->list.n; i++)
        if (all->list.at[i].writes && all->list.at[i].buffer == x->buffer && all->list.at[i].stage <= x->stage)
            last = all->list.at[i].stage > last ? all->list.at[i].stage : last;
    for (int i = last + 1; last >= 0 && i <= x->stage; i++)
        if (all->c->k->stages.at[i]->kind == STAGE_TILE || all->c->k->stages.at[i]->behind_rows)
            return true;
    return false;
}

static bool listed(Buffer *const *list, int n, const Buffer *b)
{
    for (int i = 0; i < n; i++)
        if (list[i] == b)
            return true;
    return false;
}

/* The stage that does what it does on the sums in b, which have no array, or 0. */
static int finished_by(const Kernel *k, const Buffer *b)
{
    for (int i = 0; i < k->stages.n; i++)
        if (k->stages.at[i]->tile && k->stages.at[i]->tile->finish && k->stages.at[i]->items.at[0].buffer == b)
            return i + 1;
    return 0;
}

static void check_local(Check *c, const Accesses *all, const Access *x)
{
    const Buffer *root = buffer_root(x->buffer);
    const int finish = finished_by(c->k, root);
    if (!finish && !listed(c->k->locals.at, c->k->locals.n, root))
        check_complain(c, "the local %s has no declaration", check_label(root));
    if (finish && x->stage != finish && !x->writes)
        check_complain(c, "reads %s, which the tile does not store", check_label(root));
    if (!x->writes && !written_before(all, x))
        check_complain(c, "the local %s is read before it is written", check_label(root));
    if (!x->writes && loses_rows(all, x))
        check_complain(c, "the local %s is read when other rows have been there", check_label(root));
}

/* What is fetched of a tensor needs its address. */
static void check_ahead(Check *c)
{
    for (c->stage = 0; c->stage < c->k->stages.n; c->stage++) {
        const Stage *s = c->k->stages.at[c->stage];
        const Tile *t = s->tile;
        for (int i = 0; i < s->further.n; i++)
            if (!listed(c->k->args.at, c->k->args.n, s->further.at[i].buffer))
                check_complain(c, "fetches a page of %s, which is no argument", check_label(s->further.at[i].buffer));
        for (int i = 0; t && i < t->ahead.n; i++)
            if (!listed(c->k->args.at, c->k->args.n, t->ahead.at[i].buffer))
                check_complain(c, "fetches of %s, which is no argument", check_label(t->ahead.at[i].buffer));
        for (int i = 0; t && i < t->beside.n; i++)
            if (!listed(c->k->args.at, c->k->args.n, t->beside.at[i].buffer))
                check_complain(c, "fetches rows of %s, which is no argument", check_label(t->beside.at[i].buffer));
    }
}

void check_accesses(Check *c)
{
    Accesses all = {.c = c};
    find_accesses(&all);
    check_ahead(c);
    for (int i = 0; i < all.list.n; i++) {
        const Access *x = &all.list.at[i];
        Buffer *root = buffer_root(x->buffer);
        c->stage = x->stage;
        if (root->kind == BUFFER_LOCAL) {
            check_local(c, &all, x);
            continue;
        }
        if (!listed(c->k->args.at, c->k->args.n, root))
            check_complain(c, "%s is no argument", check_label(root));
        for (int k = 0; !x->writes && k < all.list.n; k++)
            if (all.list.at[k].writes && buffer_root(all.list.at[k].buffer) == root)
                check_pair(c, &all, x, &all.list.at[k]);
    }
}
