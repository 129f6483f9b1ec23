/* SPDX-License-Identifier: MIT */
/* store.c: which nodes get storage; every other node is computed where it is used.
 *
 * Stored are results, contractions, long reductions, scatters; operands of these that are no strided view of something stored; and what
 * would be costly to compute again. An element-wise chain on a contraction is stored at its end, so that it becomes the
 * contraction's epilogue. */
#include "lower.h"

#include <string.h>

enum {
    SHORT_REDUCTION = 9,    /* elements: written out in place, so that pooling windows are element-wise work */
    CHEAP = 3,              /* element operations and loads worth repeating rather than storing */
    CHEAP_OF_ONE = 5,       /* likewise, where one tensor of many is read again instead */
    COSTLY = 8,             /* not worth repeating once per element of a row */
    COST_CAP = 1000,
    FEW_TENSORS = 2,        /* whose elements are read as fast as one is stored and read again */
};

static int64_t reduced_count(const Node *n)
{
    int64_t extent[MAX_RANK], total = 1;
    int nr = reduced_axes(n, extent);
    for (int i = 0; i < nr; i++)
        total *= extent[i];
    return total;
}

bool reduces_inline(const Lower *c, const Node *n)
{
    return op_info(n->op)->class == CLASS_REDUCE && reduced_count(n) <= (c->p->target->compact ? 1 : SHORT_REDUCTION);
}

/* A contraction of nothing: every element is one product. */
bool is_outer_product(const Node *n)
{
    return n->op == OP_DOT && n->attr.dot.ncontract == 0;
}

static bool always_stored(const Lower *c, const Node *n)
{
    switch (op_info(n->op)->class) {
    case CLASS_CONTRACT:
        return !is_outer_product(n);
    case CLASS_REDUCE:
        return !reduces_inline(c, n);
    case CLASS_INDEX:
        return n->op == OP_SCATTER;
    default:
        return n->op == OP_CONCAT && !c->joined[n->id];
    }
}

/* ---- strided views --------------------------------------------------------------------------------- */
/* n at an index made of the variables, if that is an element whose place has a stride along each. */
static bool view_along(Lower *c, const Node *n, const Lin *const *index, Var *var, int nvar, Buffer **buffer, const Lin **at,
                       int64_t *stride)
{
    Build b = {.a = c->a, .c = c};
    Ex *e = resolve(&b, c, n, index);
    if (e->kind != X_LOAD)
        return false;
    const Lin *rest = e->at;
    for (int i = 0; i < nvar; i++) {
        stride[i] = lin_factor(rest, &var[i]);
        rest = lin_without(c->a, rest, &var[i]);
    }
    for (int i = 0; i < nvar; i++)
        if (lin_uses(rest, &var[i]))
            return false;
    if (!lin_is_affine(rest))
        return false;
    *buffer = e->buffer;
    *at = rest;
    return true;
}

static bool grouped_view(Lower *c, const Node *n, int64_t groups, Buffer **buffer, const Lin **at, int64_t *stride)
{
    Var var[MAX_RANK + 1];
    const Lin *index[MAX_RANK];
    int rank = n->type.rank, nvar = rank + (groups > 1);
    int64_t inside = rank ? n->type.dim[rank - 1] / groups : 1;
    for (int i = 0; i < nvar; i++)
        var[i] = (Var){.id = -1 - i, .extent = i < rank ? n->type.dim[i] : inside};
    for (int i = 0; i < rank; i++)
        index[i] = lin_var(c->a, &var[i]);
    if (groups > 1) {
        var[rank - 1].extent = groups;
        index[rank - 1] = lin_add(c->a, lin_scale(c->a, lin_var(c->a, &var[rank - 1]), inside), lin_var(c->a, &var[rank]));
    }
    return view_along(c, n, index, var, nvar, buffer, at, stride);
}

bool strided_view(Lower *c, const Node *n, Buffer **buffer, const Lin **at, int64_t *stride)
{
    return grouped_view(c, n, 1, buffer, at, stride);
}

bool operand_view(Lower *c, const Node *n, int operand, Buffer **buffer, const Lin **at, int64_t *stride)
{
    const Node *x = n->in[operand];
    const int64_t groups = n->op == OP_CONV && operand == 0 ? n->attr.conv.groups : 1, *along = &stride[x->type.rank - 1];
    return grouped_view(c, x, groups, buffer, at, stride) && (groups == 1 || !columns_are_groups(n) || *along == 0 || *along == 1);
}

/* Whether an operand of contraction n, moves of `from`, would have strides if that were stored. */
static bool may_be_view(Lower *c, const Node *n, int operand, const Node *from)
{
    Buffer buffer = {.id = -1, .kind = BUFFER_ARENA, .type = from->type}, *found;
    Unit unit = {.node = from, .type = from->type, .buffer = &buffer, .base = lin_const(c->a, 0)}, *old = c->unit[from->id];
    const Lin *at;
    int64_t stride[MAX_RANK + 1];
    c->stored[from->id] = true;
    c->unit[from->id] = &unit;
    bool strided = operand_view(c, n, operand, &found, &at, stride);
    c->stored[from->id] = false;
    c->unit[from->id] = old;
    return strided;
}

/* ---- the decision ---------------------------------------------------------------------------------- */
/* Repeats its operand across axes that lie outside of one the operand has: not a row's scalar, which a loop keeps. */
static bool repeats_outside(const Node *n)
{
    int last = -1;
    for (int i = 0; i < n->attr.broadcast.n; i++)
        if (n->in[0]->type.dim[i] > 1)
            last = n->attr.broadcast.axis[i];
    for (int i = 0, k = 0; i < last; i++) {
        bool own = false;
        for (k = 0; k < n->attr.broadcast.n; k++)
            own |= n->attr.broadcast.axis[k] == i && n->in[0]->type.dim[k] == n->type.dim[i];
        if (!own && n->type.dim[i] > 1)
            return true;
    }
    return false;
}

/* Stores an operand of contraction n: the first value of which it is a view, of those that it is with its axes in another order, or in
 * another shape besides, and of the element work before these. */
static void store_view(Lower *c, const Node *n, int operand)
{
    const Node *first = n->in[operand], *next = first;
    while (next) {
        const Node *from = next;
        const bool moves = from->op == OP_PERMUTE || from->op == OP_RESHAPE;
        if ((moves || is_element(from)) && !c->stored[from->id] && may_be_view(c, n, operand, from))
            first = from;
        next = moves ? from->in[0] : NULL;
    }
    store_node(c, first);
}

/* Random numbers that each step of a scan takes some of: drawn where a step reads them. */
static bool is_drawn(const Lower *c, const Node *n)
{
    while ((n->op == OP_RESHAPE || n->op == OP_PERMUTE) && !c->stored[n->id])
        n = n->in[0];
    return n->op == OP_RANDOM && !c->stored[n->id];
}

/* How many tensors of so many elements or more, made by kernels, are read for n. */
static int count_made(Lower *c, const Node *n, int64_t least)
{
    int made = 0;
    if (!marks_add(&c->marks, n->id))
        return 0;
    if (c->stored[n->id] || n->op == OP_RESULT)
        return type_count(n->type) >= least;
    for (int i = 0; i < read_operands(n); i++)
        made += count_made(c, n->in[i], least);
    return made;
}

/* What is scattered stands in a kernel of its own, which reads all that is made for it. Made with those tensors, of more than a few it is
 * one, and they may not be needed any further. */
static bool is_made_of_many(Lower *c, const Node *n)
{
    marks_clear(c->a, &c->marks, c->fn->node.n);
    return !c->p->sparing && !c->p->target->compact && count_made(c, n, type_count(n->type)) > FEW_TENSORS;
}

/* Whether n, which is not stored, is made of reductions of windows, which are written out. */
static bool has_windows(Lower *c, const Node *n)
{
    if (c->stored[n->id] || !marks_add(&c->marks, n->id) || (!is_element(n) && !reduces_inline(c, n)))
        return false;
    bool any = reduces_inline(c, n) && n->in[0]->op == OP_WINDOW;
    for (int i = 0; i < n->nin && !any; i++)
        any = has_windows(c, n->in[i]);
    return any;
}

/* Windows over a padded picture that a long reduction runs over are made before: of element work alone loops are cut where guards are known. */
static bool reduces_windows(Lower *c, const Node *n)
{
    marks_clear(c->a, &c->marks, c->fn->node.n);
    return op_info(n->op)->class == CLASS_REDUCE && !reduces_inline(c, n) && has_windows(c, n->in[0]) && has_guards(c, n->in[0]);
}

static bool draws(Lower *c, const Node *n)
{
    if (c->stored[n->id] || !marks_add(&c->marks, n->id))
        return false;
    bool any = n->op == OP_RANDOM;
    for (int i = 0; i < n->nin && !any; i++)
        any = draws(c, n->in[i]);
    return any;
}

/* Random numbers are drawn by rows, before the loop over one; a fold goes through its operand in another order. */
static bool folds_draws(Lower *c, const Node *n)
{
    marks_clear(c->a, &c->marks, c->fn->node.n);
    return n->op == OP_FOLD && draws(c, n->in[0]);
}

static void store_operands(Lower *c, const Node *n)
{
    Buffer *buffer;
    const Lin *at;
    int64_t stride[MAX_RANK + 1];
    if (op_info(n->op)->class == CLASS_CONTRACT && contraction_tiles(c->p->target, n)) {
        for (int i = 0; i < 2; i++)
            if (!operand_view(c, n, i, &buffer, &at, stride))
                store_view(c, n, i);
    } else if (n->op == OP_SCAN) {
        int nslices = n->attr.scan.ncarry + n->attr.scan.nslice;
        for (int i = n->attr.scan.ncarry; i < n->nin; i++)      /* read at every step: worth a plain load */
            if (n->in[i]->op != OP_CONST && !(i < nslices && is_drawn(c, n->in[i])) && !strided_view(c, n->in[i], &buffer, &at, stride))
                store_node(c, n->in[i]);
    } else if (n->op == OP_GATHER || n->op == OP_WINDOW || op_info(n->op)->class == CLASS_REDUCE || op_info(n->op)->class == CLASS_CONTRACT) {
        const bool again = op_info(n->op)->class == CLASS_CONTRACT || n->op == OP_WINDOW || n->op == OP_ARGMAX;   /* a fold reads each once */
        for (int i = 0; i < n->nin; i++)
            if (again && c->cost[n->in[i]->id] > CHEAP)
                store_node(c, n->in[i]);
        if (reduces_windows(c, n) || folds_draws(c, n))
            store_node(c, n->in[0]);
        if (n->op == OP_GATHER && c->cost[n->in[0]->id] > 1)
            store_node(c, n->in[0]);
    } else if (n->op == OP_SCATTER && is_made_of_many(c, n->in[1])) {
        store_node(c, n->in[1]);
    } else if (n->op == OP_AGAIN) {
        store_node(c, n->in[1]);
    } else if (n->op == OP_BROADCAST && c->cost[n->in[0]->id] >= COSTLY && repeats_outside(n)) {
        store_node(c, n->in[0]);
    }
}

/* Whether an element of n is made of elements all over its operands, not of a row of them: what can stand in one kernel with them. */
static bool reaches_far(const Node *n)
{
    OpClass class = op_info(n->op)->class;
    if (class == CLASS_REDUCE)
        return n->op != OP_FOLD && n->attr.axes.n && n->attr.axes.axis[0] == 0 && n->in[0]->type.dim[0] > 1;
    return class == CLASS_CONTRACT || class == CLASS_LOOP || n->op == OP_SCATTER;
}

/* How many such nodes one after the other n needs. */
static int level_of(const Lower *c, const Node *n)
{
    int level = 0;
    for (int i = 0; i < read_operands(n); i++)
        level = c->level[n->in[i]->id] > level ? c->level[n->in[i]->id] : level;
    return level + reaches_far(n);
}

/* The contraction at the beginning of the chain that n belongs to, so that n can be made right behind it: nothing else that n is made of may
 * need it all. Where an element of a chain is stored, the chain ends. */
static const Node *find_anchor(const Lower *c, const Node *n)
{
    if (op_info(n->op)->class == CLASS_CONTRACT && contraction_tiles(c->p->target, n))
        return n;
    if (op_info(n->op)->class != CLASS_ELEMENT)
        return NULL;
    for (int i = 0; i < n->nin; i++) {
        const Node *x = n->in[i];
        if (c->anchor[x->id] && c->level[x->id] == c->level[n->id] && !(c->stored[x->id] && is_element(x)))
            return c->anchor[x->id];
    }
    return NULL;
}

static int inline_cost(const Lower *c, const Node *n)
{
    int64_t cost = op_info(n->op)->cost;
    if (c->joined[n->id])
        return 1;
    if (n->op == OP_GATHER && n->in[0]->type.rank > 1)      /* a row's elements lie behind one another: its index is read once */
        return c->cost[n->in[0]->id];
    for (int i = 0; i < read_operands(n); i++)
        cost += c->cost[n->in[i]->id];
    if (n->op == OP_INPUT && c->parent && n->attr.input.role == ROLE_SLICE)
        cost = c->parent->cost[c->scan->in[c->scan->attr.scan.ncarry + n->attr.input.index]->id];
    if (reduces_inline(c, n) && !(n->op == OP_FOLD && n->attr.window.stride >= reduced_count(n)))
        cost *= reduced_count(n);
    return cost > COST_CAP ? COST_CAP : (int)cost;
}

static bool is_arithmetic(const Node *n)
{
    return n->op == OP_ADD || n->op == OP_SUB || n->op == OP_MUL || n->op == OP_NEG || n->op == OP_BROADCAST;
}

/* How many tensors of so many elements or more n is made of; by other work than arithmetic counts as several. */
static int count_operands(Lower *c, const Node *n, int64_t least)
{
    int made = 0;
    if (!marks_add(&c->marks, n->id))
        return 0;
    if (c->stored[n->id] || !read_operands(n))
        return type_count(n->type) >= least;
    if (!is_arithmetic(n))
        return FEW_TENSORS + 1;
    for (int i = 0; i < read_operands(n); i++)
        made += count_operands(c, n->in[i], least);
    return made;
}

/* Made by a few operations of one tensor as large as n is, which is stored anyway: who reads that again moves no more than who would
 * read n. What can stand right behind a contraction should: its sums need not be stored then. */
static bool is_made_of_one(Lower *c, const Node *n)
{
    marks_clear(c->a, &c->marks, c->fn->node.n);
    return !c->anchor[n->id] && c->cost[n->id] <= CHEAP_OF_ONE && count_operands(c, n, type_count(n->type)) == 1;
}

static bool worth_storing(Lower *c, const Node *n)
{
    if (c->cost[n->id] >= COST_CAP)
        return true;
    if (c->uses[n->id] > 1 && c->cost[n->id] > CHEAP && op_info(n->op)->class != CLASS_MOVE && !is_made_of_one(c, n))
        return true;
    return op_info(n->op)->class == CLASS_ELEMENT && c->anchor[n->id] && c->moved[n->id];
}

/* ---- the decision ---------------------------------------------------------------------------------- */
static void make_bodies(Lower *c)
{
    for (int i = 0; i < c->fn->node.n; i++)
        if (c->fn->node.at[i]->op == OP_SCAN)
            decide_storage(c->body[i]);
}

static void count_uses(Lower *c)
{
    for (int i = 0; i < c->fn->node.n; i++) {
        const Node *user = c->fn->node.at[i];
        for (int k = 0; k < read_operands(user); k++) {
            c->uses[user->in[k]->id] += k == 0 || user->in[k] != user->in[0];     /* a square reads once */
            c->moved[user->in[k]->id] |= !is_element(user);
        }
    }
    for (int i = 0; i < c->fn->result.n; i++)
        c->uses[c->fn->result.at[i].node->id]++;
}

void decide_storage(Lower *c)
{
    count_uses(c);
    place_results(c);
    place_pieces(c);
    for (int i = 0; i < c->fn->node.n; i++) {
        const Node *n = c->fn->node.at[i];
        if (n->op == OP_SCAN)
            c->body[i] = lower_context(c->a, c->p, n->attr.scan.body, c, n);
        store_operands(c, n);
        c->level[i] = level_of(c, n);
        c->anchor[i] = find_anchor(c, n);
        if (!c->stored[i])
            c->cost[i] = n->op == OP_SCAN ? 0 : inline_cost(c, n);
        if (always_stored(c, n) || worth_storing(c, n))
            store_node(c, n);
    }
    list_units(c);
    make_bodies(c);
}

