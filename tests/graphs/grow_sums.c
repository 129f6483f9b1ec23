/* SPDX-License-Identifier: MIT */
/* grow_sums.c: reductions, contractions and operations over indices. */
#include "grow.h"

#include <math.h>

/* ---- reductions ---------------------------------------------------------------------------------- */
static void grow_reduce(Grower *g, Op op)
{
    double most, count = 1;
    Node *x = pick_ranked(g, chance(g, 8) ? DT_I32 : DT_F32, 1000, &most, chance(g, 20) ? 0 : 1, 6);
    if (!x)
        return;
    Attr attr = {0};
    attr.axes.n = some_axes(g, x->type.rank, attr.axes.axis);
    for (int i = 0; i < attr.axes.n; i++)
        count *= (double)x->type.dim[attr.axes.axis[i]];
    keep(g, make1(g, op, x, &attr), op == OP_SUM ? most * count : op == OP_ARGMAX ? count : most);
}

void grow_sum(Grower *g)
{
    grow_reduce(g, OP_SUM);
}

void grow_max(Grower *g)
{
    grow_reduce(g, OP_MAX);
}

void grow_argmax(Grower *g)
{
    grow_reduce(g, OP_ARGMAX);
}

/* ---- contractions -------------------------------------------------------------------------------- */
/* What often stands behind one: a bias, a relu. */
static Node *epilogue(Grower *g, Node *x, double *most)
{
    double other;
    if (x && chance(g, 3)) {
        Node *bias = stretched(g, x->type, &other);
        x = bias ? make2(g, OP_ADD, x, bias) : x;
        *most += other;
    }
    if (x && chance(g, 3))
        x = make2(g, OP_MAX2, x, full(g, x->type, 0));
    return x;
}

/* An attention: products in batches that are larger than their factors, something of each, and what a row of them weighs. */
static void grow_attention(Grower *g)
{
    const int64_t batch = 1 + draw(g, 2), rows = 3 + draw(g, 8), columns = 3 + draw(g, 8), k = 1 + draw(g, 2);
    Node *q = new_input(g, type_make(DT_F32, 3, (int64_t[]){batch, rows, k}), NULL);
    Node *keys = new_input(g, type_make(DT_F32, 3, (int64_t[]){batch, columns, k}), NULL);
    Node *values = new_input(g, type_make(DT_F32, 3, (int64_t[]){batch, columns, 1 + draw(g, 3)}), NULL);
    Attr at = {.dot = {.nbatch = 1, .ncontract = 1, .lhs_contract = {2}, .rhs_contract = {2}}};
    double most = 9.0 * (double)k;
    Node *scores = epilogue(g, make(g, OP_DOT, 2, (Node *[]){q, keys}, &at), &most);
    if (chance(g, 2)) {
        Attr last = {.axes = {1, {2}}}, along = {.broadcast = {2, {0, 1}, scores->type}};
        Node *row = make1(g, chance(g, 2) ? OP_SUM : OP_MAX, scores, &last);
        scores = make2(g, OP_MUL, scores, make1(g, OP_BROADCAST, row, &along));
        most *= most * (double)columns;
    }
    at.dot.rhs_contract[0] = 1;
    most *= 3.0 * (double)columns;
    keep(g, make(g, OP_DOT, 2, (Node *[]){scores, values}, &at), most);
}

void grow_dot(Grower *g)
{
    double x_most, y_most;
    if (!g->depth && chance(g, 4)) {
        grow_attention(g);
        return;
    }
    Node *x = pick_ranked(g, DT_F32, 60, &x_most, 0, 4), *y = pick_ranked(g, DT_F32, 60, &y_most, 0, 4);
    if (!x)
        return;
    if (chance(g, 2) && x->type.rank) { /* a matrix for one of its axes */
        int64_t dim[] = {x->type.dim[draw(g, x->type.rank)], some_extent(g)};
        bool turned = chance(g, 3);
        y_most = 3;
        y = new_input(g, type_make(DT_F32, 2, turned ? (int64_t[]){dim[1], dim[0]} : dim), NULL);
    }
    if (!y)
        return;
    if (chance(g, 4)) {
        Node *first = x;
        x = y, y = first;
    }
    Attr at = {0};
    bool used[MAX_RANK] = {false};
    double k = 1, work = (double)type_count(x->type) * (double)type_count(y->type);
    for (int i = 0; i < x->type.rank; i++)
        for (int j = 0; j < y->type.rank; j++) {
            if (used[j] || x->type.dim[i] != y->type.dim[j] || chance(g, 4))
                continue;
            used[j] = true;
            bool batch = chance(g, 4);
            int n = batch ? at.dot.nbatch++ : at.dot.ncontract++;
            (batch ? at.dot.lhs_batch : at.dot.lhs_contract)[n] = i;
            (batch ? at.dot.rhs_batch : at.dot.rhs_contract)[n] = j;
            work /= (double)x->type.dim[i];
            k *= batch ? 1 : (double)x->type.dim[i];
            break;
        }
    if (work > MOST_WORK)
        return;
    double most = x_most * y_most * k;
    Node *z = make(g, OP_DOT, 2, (Node *[]){x, y}, &at);
    keep(g, epilogue(g, z, &most), most);
}

void grow_conv(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_F32, 60, &most, 3, 5);
    if (!x && !g->depth) {
        Type t = type_make(DT_F32, 3, (int64_t[]){1 + draw(g, 2), 3 + draw(g, 15), 1 + draw(g, 6)});
        if (chance(g, 2))
            t = type_insert(t, 2, 1 + draw(g, 9));
        x = new_input(g, t, NULL);
        most = 3;
    }
    if (!x)
        return;
    int ns = x->type.rank - 2;
    Attr at = {.conv = {.nspatial = ns, .groups = 1}};
    int64_t channels = x->type.dim[ns + 1], dim[MAX_RANK];
    if (chance(g, 3))
        for (at.conv.groups = 1 + draw(g, channels); channels % at.conv.groups; at.conv.groups--)
            ;
    for (int i = 0; i < ns; i++) {
        at.conv.stride[i] = chance(g, 2) ? 1 : 1 + draw(g, 3);
        at.conv.lhs_dilation[i] = chance(g, 4) ? 1 + draw(g, 3) : 1;
        at.conv.rhs_dilation[i] = chance(g, 4) ? 1 + draw(g, 3) : 1;
        dim[i] = 1 + draw(g, ns == 1 ? 5 : 3);
        int64_t reach = (dim[i] - 1) * at.conv.rhs_dilation[i];
        at.conv.pad_lo[i] = chance(g, 5) ? -draw(g, 3) : draw(g, reach + 2);
        at.conv.pad_hi[i] = chance(g, 5) ? -draw(g, 3) : draw(g, reach + 2);
    }
    dim[ns] = channels / at.conv.groups;
    dim[ns + 1] = at.conv.groups * (chance(g, 4) ? some_extent(g) : 1 + draw(g, 5));
    double k = (double)channels, work = (double)dim[ns + 1];
    for (int i = 0; i < ns; i++)
        k *= (double)dim[i];
    Type t = type_make(DT_F32, ns + 2, dim);
    if (type_count(t) > MOST_ELEMENTS || type_count(x->type) > 800)
        return;
    Node *kernel = chance(g, 3) ? partner(g, t, 60, &work) : new_input(g, t, NULL),
         *y = make(g, OP_CONV, 2, (Node *[]){x, kernel}, &at);
    most *= 3 * k;
    keep(g, epilogue(g, y, &most), most);
}

/* ---- indices ------------------------------------------------------------------------------------- */
/* An index below the limit, or one that a check has to find out about. */
static Node *some_index(Grower *g, int64_t limit)
{
    double most;
    Type t = type_make(DT_I32, (int)draw(g, 3), (int64_t[]){1 + draw(g, 7), 1 + draw(g, 3)});
    Attr check = {.limit = {.limit = limit}};
    Node *x = NULL;
    switch (draw(g, 4)) {
    case 0:
        if (!g->depth) {
            bool bad = chance(g, 3);
            x = new_input(g, t, arena_printf(g->a, "%s%lld", bad ? "bad" : "index", (long long)limit));
            return bad || chance(g, 2) ? make1(g, OP_CHECK, x, &check) : x;
        }   /* fall through */
    case 1: /* a number below `limit` steps, as positions are */
        for (int i = g->node.n - 1; i >= 0 && !x; i--) {
            Node *n = g->node.at[i];
            bool position = n->op == OP_ARGMAX && n->in[0]->type.rank &&
                            type_count(n->in[0]->type) == limit * type_count(n->type);
            if (position || (n->op == OP_IOTA && n->type.dim[0] == limit))
                x = n;
        }
        if (x)
            return chance(g, 2) ? make1(g, OP_CHECK, x, &check) : x;
        /* fall through */
    default:
        x = pick_ranked(g, DT_I32, 1e9, &most, 0, 3);
        if (x && type_count(x->type) > 60)
            return NULL;
        if (x)
            x = make2(g, OP_REM, x, full(g, x->type, (double)limit));
        return x && chance(g, 2) ? make1(g, OP_CHECK, x, &check) : x;
    }
}

void grow_check(Grower *g)
{
    int64_t limit = some_extent(g);
    Attr attr = {.limit = {.limit = limit + draw(g, 2)}};
    Node *x = some_index(g, limit);
    keep(g, x ? make1(g, OP_CHECK, x, &attr) : NULL, (double)limit);
}

void grow_gather(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 4), *index = x ? some_index(g, x->type.dim[0]) : NULL;
    keep(g, index ? make2(g, OP_GATHER, x, index) : NULL, most);
}

void grow_scatter(Grower *g)
{
    double most = 3;
    int64_t limit = some_extent(g);
    Node *index = some_index(g, limit), *updates = NULL;
    if (!index)
        return;
    DType dt = chance(g, 8) ? DT_I32 : DT_F32;
    for (int i = g->node.n - 1; i >= 0 && !updates; i--) {
        Type t = g->node.at[i]->type;
        bool leading = t.dt == dt && t.rank >= index->type.rank;
        for (int k = 0; leading && k < index->type.rank; k++)
            leading = t.dim[k] == index->type.dim[k];
        if (leading && chance(g, 2))
            updates = limited(g, i, 1000, &most);
    }
    Type t = type_with(index->type, dt);
    for (int more = (int)draw(g, 3); more > 0; more--)
        t = type_insert(t, t.rank, some_extent(g));
    if (!updates && type_count(t) <= MOST_ELEMENTS)
        updates = partner(g, t, 1000, &most);
    Attr attr = {.limit = {.limit = limit + draw(g, 2)}};
    keep(g, updates ? make(g, OP_SCATTER, 2, (Node *[]){index, updates}, &attr) : NULL,
         most * (double)type_count(index->type));
}
