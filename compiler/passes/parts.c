/* SPDX-License-Identifier: MIT */
/* parts.c: work on a whole batch as loops over parts of it, so that what one step makes the next one finds in the cache.
 *
 *     y = conv(x, w); s = sum(y) over all; z = relu(y - s)
 *         ->   y, t = scan over parts of x { y = conv(x, w); yield y; yield sum(y) }; s = sum(t)
 *              z = scan over parts of y { yield relu(y - s) }
 *
 * A loop, or *level*, is all that can be made before the next sum over examples is there: of a network with batch normalization a layer, of one
 * without all of it. Sums over examples that are too large for each part to have one are those of a few groups of parts, in a loop behind it:
 * threads then add up what they have made themselves. What is wanted in a later loop is stored, or, where that reads no more than storing it
 * would write, made again there. A part is as many examples as a sixth of L2 holds with what is made of them; where a third of it holds them all
 * there is no loop, and where it does not hold an example, there are eight parts: what lies between two steps comes from further away, but is
 * less.
 *
 * needs: a function that is differentiated and hoisted. gives: the same, but that sums over examples add up parts first. */
#include "parts.h"

#include <stdlib.h>

enum {
    MOST_LEAVES = 3,        /* tensors that something made again is made of, */
    MOST_COST = 24,         /* in so many element operations */
    WHOLE_ROOM = 3,         /* of L2: the third may hold a batch that is no loop (the half is slower, the 4th and the 6th are no faster), */
    PART_ROOM = 6,          /* and the 6th a part of another one: measured, from the half to the 8th; */
    MORE_ROOM = 2,          /* so many times that where each turn reads more as a whole, weights, which then is read half as often, */
    ALL_ROOM = 4,           /* as long as it and the part take so many times that together */
    SMALL_PART = 16,        /* of L2: what is less than the 16th is no traffic */
    LARGE_TURNS = 8,        /* of examples that do not fit: sums of so many parts are short ones, written out by who reads them */
    LEAST_SUM = 32,         /* terms that a part's sum should have, for its sums to stay in registers */
    GROUPS = 4,             /* of parts, where these are too many to have sums of their own: 8 take a hundredth of a training step more */
    LEVELS = 2,             /* of a loop: its own, and that of the loop over groups behind it */
};

static bool is_given(const Node *n)
{
    return n->op == OP_INPUT || n->op == OP_CHECK;
}

/* Of its level, and that is a loop. */
static bool in_loop(const Parts *p, const Node *n)
{
    return !is_given(n) && (p->rule[n->id].at >= 0 || p->rule[n->id].sums) && p->turns[p->level[n->id]] > 1;
}

static bool of_examples(const Parts *p, const Node *n)
{
    return p->rule[n->id].at >= 0 || p->rule[n->id].sums;
}

/* ---- levels ------------------------------------------------------------------------------------------------ */
static bool is_small(const Parts *p, const Node *n)
{
    return !p->limits.always && type_bytes(n->type) <= p->limits.l2 / SMALL_PART;
}

/* The first level that may read all of x. */
static int there_at(const Parts *p, const Node *x)
{
    return p->level[x->id] + (of_examples(p, x) && !is_given(x) ? LEVELS : 0);
}

/* Small work that waits for more than its examples would make others wait for the end of a loop; sums of something small are no traffic. */
static bool belongs_in_loop(const Parts *p, const Node *n, const PartRule *r, int *level)
{
    int own = 0, all = 0;
    bool small = is_small(p, n) || r->sums;
    for (int i = 0; i < n->nin; i++) {
        const Node *x = n->in[i];
        bool part = part_operand(r, i) >= 0 && p->rule[x->id].at >= 0;
        int at = part ? p->level[x->id] : there_at(p, x);
        all = at > all ? at : all;
        own = part && at > own ? at : own;
        small &= !part || is_small(p, x);
    }
    *level = all;
    return !small || (!r->sums && all == own);
}

/* Made of constants and positions: not worth giving to a loop. */
static bool is_still(const Parts *p, const Node *n)
{
    OpClass class = op_info(n->op)->class;
    bool still = n->op == OP_CONST || n->op == OP_IOTA || class == CLASS_ELEMENT || class == CLASS_MOVE;
    for (int i = 0; i < n->nin; i++)
        still &= p->still[n->in[i]->id];
    return still;
}

static void find_level(Parts *p, const Node *n)
{
    PartRule *r = &p->rule[n->id], none = {.at = -1};
    int level = 0;
    p->still[n->id] = is_still(p, n);
    if (n->op == OP_CHECK) {        /* all are checked before anything is done */
        *r = (PartRule){.at = p->rule[n->in[0]->id].at == 0 ? 0 : -1};
        level = there_at(p, n->in[0]);
    } else if (is_given(n)) {
        bool batched = n->attr.input.role == ROLE_INPUT || n->attr.input.role == ROLE_TARGET;
        *r = none;
        r->at = batched && n->type.rank && n->type.dim[0] == p->batch ? 0 : -1;
    } else if (!part_rule(p, n, r) || !belongs_in_loop(p, n, r, &level) || (r->sums && p->limits.exact)) {
        *r = none;
        for (int i = 0; i < n->nin; i++)
            level = there_at(p, n->in[i]) > level ? there_at(p, n->in[i]) : level;
    }
    p->level[n->id] = level;
    p->nlevel = level >= p->nlevel ? level + 1 : p->nlevel;
}

/* ---- what is stored ---------------------------------------------------------------------------------------- */
typedef struct Leaves {
    int n, cost;
    const Node *at[MOST_LEAVES];
} Leaves;

static bool add_leaf(Leaves *l, const Node *x)
{
    for (int i = 0; i < l->n; i++)
        if (l->at[i] == x)
            return true;
    if (l->n == MOST_LEAVES)
        return false;
    l->at[l->n++] = x;
    return true;
}

/* What n is made of if it is made again; false where that is too much. */
static bool leaves_of(const Parts *p, const Node *n, const Leaves *leaves, Leaves *l)
{
    bool move = op_info(n->op)->class == CLASS_MOVE && n->op != OP_CONCAT;
    int64_t bytes = 0;
    *l = (Leaves){.cost = op_info(n->op)->cost};
    if (!move && op_info(n->op)->class != CLASS_ELEMENT)
        return false;
    for (int i = 0; i < n->nin; i++) {
        const Node *x = n->in[i];
        const Leaves *of = &leaves[x->id];
        if (x->op == OP_BROADCAST && p->rule[x->id].at < 0)
            continue;
        for (int k = 0; k < of->n; k++)
            if (!add_leaf(l, of->at[k]))
                return move;
        l->cost += of->cost;
    }
    for (int i = 0; i < l->n; i++)
        bytes += type_bytes(l->at[i]->type);
    return move || (l->cost <= MOST_COST && 4 * bytes <= 5 * 4 * type_count(n->type));
}

/* By node: its only user, or NULL. */
static const Node **only_users(const Parts *p)
{
    const Fn *fn = p->from;
    const Node **user = NEWN(p->a, const Node *, fn->node.n + 1);
    bool *several = NEWN(p->a, bool, fn->node.n + 1);
    for (int id = 0; id < fn->node.n; id++)
        for (int i = 0; i < fn->node.at[id]->nin; i++) {
            int x = fn->node.at[id]->in[i]->id;
            several[x] |= user[x] && user[x] != fn->node.at[id];
            user[x] = several[x] ? NULL : fn->node.at[id];
        }
    for (int i = 0; i < fn->result.n; i++)
        user[fn->result.at[i].node->id] = NULL;
    return user;
}

/* What a contraction's sums become in its kernel is stored in their place. */
static bool is_epilogue(const Parts *p, const Node *n, const Node *const *user)
{
    for (int i = 0; i < n->nin && op_info(n->op)->class == CLASS_ELEMENT && n->type.dt == DT_F32; i++) {
        const Node *x = n->in[i];
        if (user[x->id] == n && p->rule[x->id].at == 0 && p->fresh[x->id] && p->level[x->id] == p->level[n->id] && !is_given(x))
            return true;
    }
    return false;
}

static void find_fresh(Parts *p)
{
    Leaves *leaves = NEWN(p->a, Leaves, p->from->node.n + 1);
    const Node **user = only_users(p);
    for (int id = 0; id < p->from->node.n; id++) {
        const Node *n = p->from->node.at[id];
        p->fresh[id] = p->rule[id].at < 0 || is_given(n) || !leaves_of(p, n, leaves, &leaves[id]) || is_epilogue(p, n, user);
        if (p->fresh[id])
            leaves[id] = (Leaves){.n = 1, .at = {n}};
    }
}

/* ---- how large a part is ----------------------------------------------------------------------------------- */
/* Of a loop's tensors, if made for the whole batch, the most bytes there are at once, and of all; and those of what it reads whole in each
 * turn. */
typedef struct Demand {
    int64_t most, made, whole;
    bool contracts;
} Demand;

static bool is_made(const Parts *p, const Node *n)
{
    OpClass class = op_info(n->op)->class;
    return p->fresh[n->id] && (class == CLASS_CONTRACT || class == CLASS_ELEMENT || n->op == OP_RESULT);
}

/* What each turn reads of x, which n takes whole. */
static int64_t read_whole(const Node *n, const Node *x)
{
    int64_t rows = type_bytes(n->type);
    return n->op == OP_GATHER && rows < type_bytes(x->type) ? rows : type_bytes(x->type);
}

static Demand find_demand(const Parts *p, int level, int *last, int *seen, int *place)
{
    Demand d = {0};
    const NodeList *own = &p->own[level];
    int64_t live = 0;
    for (int i = own->n - 1; i >= 0; i--) {     /* from here on it is last used by id last[] */
        const Node *n = own->at[i];
        int until = is_made(p, n) ? n->id : last[n->id] > n->id ? last[n->id] : n->id;
        for (int k = 0; k < n->nin; k++)
            if (last[n->in[k]->id] < until)
                last[n->in[k]->id] = until;
    }
    int64_t *ends = NEWN(p->a, int64_t, own->n + 1);
    for (int i = 0; i < own->n; i++)
        place[own->at[i]->id] = i;
    for (int i = 0; i < own->n; i++) {
        const Node *n = own->at[i];
        d.contracts |= op_info(n->op)->class == CLASS_CONTRACT;
        for (int k = 0; k < n->nin; k++) {
            const Node *x = n->in[k];
            if (p->rule[n->id].at < 0 || seen[x->id] == level + 1)
                continue;
            seen[x->id] = level + 1;
            if (part_operand(&p->rule[n->id], k) < 0)
                d.whole += read_whole(n, x);
            else if (p->rule[x->id].at < 0 && x->op == OP_BROADCAST)
                d.whole += type_bytes(x->in[0]->type);
            else if (p->level[x->id] < level || p->rule[x->id].at < 0 || is_given(x))
                live += is_given(x) || p->fresh[x->id] ? type_bytes(x->type) : 0;
        }
        bool in_place = op_info(n->op)->class == CLASS_ELEMENT;     /* of what is last wanted here */
        live -= in_place ? ends[i] : 0;
        if (is_made(p, n) && p->rule[n->id].at >= 0) {
            live += type_bytes(n->type);
            d.made += type_bytes(n->type);
            ends[last[n->id] > n->id ? place[last[n->id]] : i] += type_bytes(n->type);
        }
        d.most = live > d.most ? live : d.most;
        live -= in_place ? 0 : ends[i];
    }
    return d;
}

static int64_t part_room(const Parts *p, const Demand *d)
{
    const int64_t room = p->limits.l2 / PART_ROOM, left = ALL_ROOM * room - d->whole;
    if (d->whole <= room || left <= room)
        return room;
    return left < MORE_ROOM * room ? left : MORE_ROOM * room;
}

/* The fewest turns, so that a part takes no more of L2 than that: weights pass through it, too, and what is wanted later. */
static int64_t fewest_turns(const Parts *p, const Demand *d)
{
    if (d->most <= p->limits.l2 / WHOLE_ROOM)
        return 1;
    for (int64_t turns = 2; turns <= p->batch; turns++)
        if (p->batch % turns == 0 && d->most / turns <= part_room(p, d))
            return turns;
    if (d->most / p->batch <= p->limits.l2)
        return p->batch;
    int64_t turns = LARGE_TURNS;
    while (p->batch % turns)
        turns--;
    return turns;
}

static void choose_turns(Parts *p)
{
    int n = p->from->node.n + 1, *last = NEWN(p->a, int, n), *seen = NEWN(p->a, int, n), *place = NEWN(p->a, int, n);
    for (int level = 0; level < p->nlevel; level++)
        p->turns[level] = 1;
    for (int level = 0; level < p->nlevel; level += LEVELS) {
        Demand d = find_demand(p, level, last, seen, place);
        int64_t turns = fewest_turns(p, &d);
        bool stays = d.whole + d.most / turns <= p->limits.l2;     /* what is read whole in each turn */
        if (p->limits.always)
            p->turns[level] = p->batch;
        else
            p->turns[level] = d.contracts && (stays || turns * d.whole <= d.made) ? turns : 1;
    }
}

/* Whether n's sums should be made of so many parts, of that many terms and bytes. */
static bool adds_up_in(const Parts *p, const Node *n, int64_t turns)
{
    int64_t bytes = 0;
    for (int i = 0; i < n->nin; i++)
        bytes += type_bytes(n->in[i]->type);
    const int64_t columns = n->type.rank ? n->type.dim[n->type.rank - 1] : 1;
    bool few = op_info(n->op)->class == CLASS_CONTRACT && type_count(n->in[1]->type) / columns < turns * LEAST_SUM;
    return p->limits.always || (!few && turns * type_bytes(n->type) <= bytes / 2);
}

static int64_t groups_of(int64_t batch)
{
    int64_t groups = GROUPS;
    while (batch % groups)
        groups--;
    return groups;
}

/* Sums of few terms, and those that are large beside what is added up, are not the parts' own. They are of a few groups of parts, in a loop
 * behind that of the parts, or if these are still too many, of all examples at once. */
static void place_sums(Parts *p)
{
    const int64_t groups = groups_of(p->batch);
    for (int id = 0; id < p->from->node.n; id++) {
        const Node *n = p->from->node.at[id];
        const int64_t turns = p->turns[p->level[id]];
        const bool tried = p->limits.always && id % 2;          /* each kind has its turn in tests */
        if (!p->rule[id].sums || (turns > 1 && !tried && adds_up_in(p, n, turns)))
            continue;
        const bool in_groups = groups > 1 && turns >= groups && adds_up_in(p, n, groups);
        p->level[id]++;
        if (in_groups) {
            p->turns[p->level[id]] = groups;
        } else {
            p->rule[id] = (PartRule){.at = -1};
            p->level[id] += LEVELS - 1;
        }
    }
}

/* ---- who is wanted ----------------------------------------------------------------------------------------- */
static void want_out(Parts *p, const Node *n)
{
    if (in_loop(p, n) && p->fresh[n->id]) {
        p->yield[n->id] = true;
    } else if (!p->out[n->id]) {
        p->out[n->id] = true;
        for (int i = 0; i < n->nin && in_loop(p, n); i++)       /* made again outside; of others it is their level's turn later */
            want_out(p, n->in[i]);
    }
}

static void want_operands(Parts *p, const Node *n, int level);

/* x as n's operand in the loop of a level. */
static void want_inside(Parts *p, const Node *x, int axis, int level)
{
    bool repeated = p->rule[x->id].at < 0 && x->op == OP_BROADCAST;
    double value;
    if (is_const(x, &value))
        return;
    if ((axis < 0 && p->still[x->id]) || (axis >= 0 && p->inside[x->id] == level + 1))
        return;
    if (axis < 0 || !(repeated || (p->rule[x->id].at >= 0 && !is_given(x) && (p->level[x->id] == level || !p->fresh[x->id])))) {
        want_out(p, x);
        return;
    }
    p->inside[x->id] = level + 1;
    if (!repeated && p->level[x->id] == level)
        return;                 /* its own, whose turn comes */
    vec_push(p->a, &p->made[level], x);
    want_operands(p, x, level);
}

static void want_operands(Parts *p, const Node *n, int level)
{
    const PartRule *r = &p->rule[n->id];
    if (r->at < 0 && !r->sums)
        want_inside(p, n->in[0], broadcast_source(n, 0), level);
    for (int i = 0; i < n->nin && (r->at >= 0 || r->sums); i++)
        want_inside(p, n->in[i], part_operand(r, i), level);
}

static void want_level(Parts *p, int level)
{
    for (int i = p->own[level].n - 1; i >= 0; i--) {
        const Node *n = p->own[level].at[i];
        if (p->turns[level] == 1) {
            for (int k = 0; k < n->nin && p->out[n->id]; k++)
                want_out(p, n->in[k]);
        } else if (p->yield[n->id] || p->inside[n->id] == level + 1) {
            vec_push(p->a, &p->made[level], n);
            want_operands(p, n, level);
        }
    }
}

static int by_id(const void *x, const void *y)
{
    return (*(const Node *const *)x)->id - (*(const Node *const *)y)->id;
}

static void find_wanted(Parts *p)
{
    for (int i = 0; i < p->from->result.n; i++)
        want_out(p, p->from->result.at[i].node);
    for (int level = p->nlevel - 1; level >= 0; level--) {
        want_level(p, level);
        NodeList *made = &p->made[level], *others = &p->others[level];
        if (made->n)
            qsort(made->at, (size_t)made->n, sizeof *made->at, by_id);
        for (int i = others->n - 1; i >= 0; i--)
            for (int k = 0; k < others->at[i]->nin && p->out[others->at[i]->id]; k++)
                want_out(p, others->at[i]->in[k]);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------- */
/* By level: those of its loop, and the others. */
static void list_nodes(Parts *p)
{
    for (int level = 0; level < p->nlevel; level++)
        p->own[level].n = p->others[level].n = 0;
    for (int id = 0; id < p->from->node.n; id++) {
        const Node *n = p->from->node.at[id];
        vec_push(p->a, &(of_examples(p, n) && !is_given(n) ? p->own : p->others)[p->level[id]], n);
    }
}

static void list_levels(Parts *p)
{
    p->nlevel += LEVELS;                        /* behind the last loop */
    p->turns = NEWN(p->a, int64_t, p->nlevel);
    p->own = NEWN(p->a, NodeList, p->nlevel);
    p->others = NEWN(p->a, NodeList, p->nlevel);
    p->made = NEWN(p->a, NodeList, p->nlevel);
    list_nodes(p);
}

static Parts parts_of(Arena *a, const Fn *fn, int64_t batch, PartLimits limits)
{
    int n = fn->node.n + 1;
    Parts p = {.a = a, .from = fn, .batch = batch, .limits = limits};
    p.rule = NEWN(a, PartRule, n);
    p.level = NEWN(a, int, n);
    p.still = NEWN(a, bool, n);
    p.fresh = NEWN(a, bool, n);
    p.out = NEWN(a, bool, n);
    p.yield = NEWN(a, bool, n);
    p.inside = NEWN(a, int, n);
    for (int id = 0; id < fn->node.n; id++)
        find_level(&p, fn->node.at[id]);
    return p;
}

static bool any_loop(const Parts *p)
{
    for (int level = 0; level < p->nlevel; level++)
        if (p->turns[level] > 1)
            return true;
    return false;
}

static void choose(Parts *p)
{
    list_levels(p);
    find_fresh(p);
    choose_turns(p);
    place_sums(p);
    list_nodes(p);
}

static int64_t batch_of(const Fn *fn)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == ROLE_INPUT && fn->input.at[i].node->type.rank)
            return fn->input.at[i].node->type.dim[0];
    return 1;
}

Fn *by_parts(Arena *a, const Fn *fn, PartLimits limits)
{
    int64_t batch = batch_of(fn);
    if (batch == 1 || !limits.l2)
        return NULL;
    Parts p = parts_of(a, fn, batch, limits);
    choose(&p);
    if (!any_loop(&p))
        return NULL;
    Fn *centered = limits.exact ? NULL : parts_center(&p);
    if (centered) {
        p = parts_of(a, centered, batch, limits);
        choose(&p);
    }
    find_wanted(&p);
    return parts_make(&p);
}
