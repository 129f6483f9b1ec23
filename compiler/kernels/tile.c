/* SPDX-License-Identifier: MIT */
/* tile.c: contractions as register tiles. Matrix products, convolutions and the gradients of both are one thing: a result
 * whose axes walk through two operands with literal strides, summed over some more axes.
 *
 * Columns run along the result's last axis, contiguous in the right operand and in the result; rows along another axis of the
 * result that the right operand does not have, or along two, where the second is short. Zero padding costs nothing: where a position has no taps, they are left out of the loops. */
#include "stages.h"
#include "tile_schedule.h"

#include <stdlib.h>

/* Where several channels of one group are images, as in the gradient of a depthwise kernel: do the groups lie beside each other? */
static bool images_are_channels(const Node *x, int64_t groups)
{
    const Node *p = x->op == OP_RESHAPE ? x->in[0] : x;
    int last = x->type.rank - 1;
    if (p->op != OP_PERMUTE || p->type.rank != x->type.rank + 1 || p->type.dim[last] != groups)
        return false;
    for (int i = p->attr.axes.axis[last] + 1; i < p->type.rank; i++)
        if (p->in[0]->type.dim[i] != 1)
            return false;
    return true;
}

bool columns_are_groups(const Node *n)
{
    int64_t groups = n->attr.conv.groups, last = n->type.rank - 1;
    return groups > 1 && groups == n->type.dim[last] && (groups == n->in[0]->type.dim[last] || images_are_channels(n->in[0], groups));
}

static bool conv_tiles(const Node *n, const Target *target)
{
    for (int i = 0; i < n->attr.conv.nspatial; i++)
        if (n->attr.conv.lhs_dilation[i] != 1)
            return false;
    return (n->attr.conv.groups == 1 || !target->calls_gemm) && n->attr.conv.nspatial + 1 <= MAX_K;
}

/* ---- vectors along k --------------------------------------------------------------------------------- */
enum {
    ADDED_UP = 6,           /* vectors multiplied and added while one's elements are added up, */
    LEAST_ROWS = 32,        /* that are worth a right operand turned around for it */
    MOST_COLUMNS = 6,       /* for which there are registers */
};

/* Whether a move leaves elements that follow one another along the last axis as they are. */
static bool keeps_last(const Node *x)
{
    const int last = x->type.rank - 1, from = x->in[0]->type.rank - 1;
    if (last < 0 || from < 0)
        return false;
    switch (x->op) {
    case OP_RESHAPE:
        return x->in[0]->type.dim[from] % x->type.dim[last] == 0 || op_info(x->in[0]->op)->class != CLASS_MOVE;
    case OP_WINDOW:
        return x->attr.window.axis != from || x->attr.window.dilation == 1;
    case OP_PERMUTE:
        return x->attr.axes.axis[last] == from;
    case OP_REVERSE:
        return x->attr.axes.axis[x->attr.axes.n - 1] != last;
    case OP_SLICE:
        return x->attr.slice.stride[last] == 1;
    case OP_BROADCAST:
        return x->attr.broadcast.axis[from] == last && x->in[0]->type.dim[from] == x->type.dim[last];
    default:
        return true;
    }
}

/* Whether x is read as elements that follow one another along its last axis: as it is stored, or through moves that leave them so. */
static bool runs_along_last(const Node *x)
{
    for (; op_info(x->op)->class == CLASS_MOVE && x->op != OP_PAD && x->op != OP_CONCAT; x = x->in[0])
        if (!keeps_last(x))
            return false;
    return true;
}

/* The steps along the left operand's last axis, if it is contracted as the last one; or 1. */
static int64_t steps_along_last(const Node *n)
{
    const int last = n->in[0]->type.rank - 1, nc = n->attr.dot.ncontract;
    if (!runs_along_last(n->in[0]))
        return 1;
    if (n->op == OP_CONV)
        return n->attr.conv.groups == 1 ? n->in[0]->type.dim[last] : 1;
    return nc > 0 && n->attr.dot.nbatch == 0 && n->attr.dot.lhs_contract[nc - 1] == last ? n->in[0]->type.dim[last] : 1;
}

/* The widest vectors that divide an extent evenly; 1: none does. */
static int widest(const Target *target, int64_t extent)
{
    int lanes = target->lanes;
    while (lanes >= LEAST_LANES && extent % lanes)
        lanes /= 2;
    return lanes >= LEAST_LANES ? lanes : 1;
}

/* How many products a vector adds, on average, that runs along the columns: the last may have some of the one before it. */
static double added_by_columns(const Target *target, int64_t columns)
{
    int lanes = target->lanes;
    while (lanes > columns)
        lanes /= 2;
    return lanes < LEAST_LANES ? 1 : (double)columns / (double)((columns + lanes - 1) / lanes);
}

/* How many steps of what is contracted make a vector, in both operands, because columns are too few for that; 0: they are not. */
static int contraction_k_lanes(const Target *target, const Node *n)
{
    int64_t extent[MAX_RANK];
    const int64_t columns = n->type.dim[n->type.rank - 1];
    if (target->lanes < LEAST_LANES || target->deterministic || target->calls_gemm || columns > MOST_COLUMNS ||
        type_count(n->type) < LEAST_ROWS * columns || reduced_axes(n, extent) == MAX_K)
        return 0;
    const int lanes = widest(target, steps_along_last(n));
    if (lanes == 1)
        return 0;
    const double vectors = (double)node_macs(n) / (double)type_count(n->type) / lanes;
    return lanes * vectors / (vectors + ADDED_UP) > added_by_columns(target, columns) ? lanes : 0;
}

bool contraction_tiles(const Target *target, const Node *n)
{
    if (target->compact || n->type.dt != DT_F32 || n->in[0]->type.dt != DT_F32 || n->in[1]->type.dt != DT_F32)
        return false;
    if (n->op == OP_CONV)
        return conv_tiles(n, target);
    int nfree = n->in[1]->type.rank - n->attr.dot.nbatch - n->attr.dot.ncontract;
    int64_t k = 1, extent[MAX_RANK];
    int nk = reduced_axes(n, extent);
    for (int i = 0; i < nk; i++)
        k *= extent[i];
    return nfree > 0 && nk <= MAX_K && k > 1 && n->type.dim[n->type.rank - 1] > 1;
}

/* The order of the right operand's axes that the result wants: batch, contracted, free; with vectors along what is contracted that is last. */
static void wanted_order(const Target *target, const Node *n, int *order)
{
    const int rank = n->in[1]->type.rank;
    const bool free_first = contraction_k_lanes(target, n) > 0;
    int at = 0;
    bool named[MAX_RANK] = {false};
    if (n->op == OP_CONV) {
        for (int i = 0; i < rank; i++)
            order[i] = free_first ? (i + rank - 1) % rank : i;
        return;
    }
    for (int i = 0; i < n->attr.dot.nbatch; i++)
        named[order[at++] = n->attr.dot.rhs_batch[i]] = true;
    for (int i = 0; i < n->attr.dot.ncontract; i++)
        named[n->attr.dot.rhs_contract[i]] = true;
    for (int i = 0; i < rank && free_first; i++)
        if (!named[i])
            order[at++] = i;
    for (int i = 0; i < n->attr.dot.ncontract; i++)
        order[at++] = n->attr.dot.rhs_contract[i];
    for (int i = 0; i < rank && !free_first; i++)
        if (!named[i])
            order[at++] = i;
}

bool contraction_wants_pack_of(Lower *c, const Node *n, const Node *right, int *permutation)
{
    Buffer *buffer;
    const Lin *at;
    int64_t stride[MAX_RANK];
    wanted_order(c->p->target, n, permutation);
    return strided_view(c, right, &buffer, &at, stride) && stride[permutation[right->type.rank - 1]] != 1;
}

/* What becomes no tile, because its left operand is a loop's and no view there, reads the right one itself; any other is stored as one. */
bool contraction_wants_pack(Lower *c, const Node *n, int *permutation)
{
    Buffer *buffer;
    const Lin *at;
    int64_t stride[MAX_RANK + 1];
    return (n->in[0]->op != OP_INPUT || operand_view(c, n, 0, &buffer, &at, stride)) &&
           contraction_wants_pack_of(c, n, n->in[1], permutation);
}

/* ---- analysis -------------------------------------------------------------------------------------- */
static bool view_right(Lower *c, const Node *n, Contraction *k, int64_t *stride)
{
    int order[MAX_RANK];
    wanted_order(c->p->target, n, order);
    const Unit *pack = right_pack(c, n);
    if (!pack)
        return strided_view(c, n->in[1], &k->b, &k->b_at, stride);
    int64_t step = 1;
    for (int i = pack->type.rank - 1; i >= 0; i--) {
        stride[order[i]] = step;
        step *= pack->type.dim[i];
    }
    k->b = pack->buffer;
    k->b_at = pack->base;
    return true;
}

static void add_axis(Contraction *k, int64_t extent, int64_t sa, int64_t sb)
{
    k->extent[k->naxis] = extent;
    k->sa[k->naxis] = sa;
    k->sb[k->naxis++] = sb;
}

static void dot_axes(const Node *n, Contraction *k, const int64_t *a, const int64_t *b)
{
    bool named[2][MAX_RANK] = {{false}};
    const int nb = n->attr.dot.nbatch, nc = n->attr.dot.ncontract;
    for (int i = 0; i < nb; i++) {
        int x = n->attr.dot.lhs_batch[i], y = n->attr.dot.rhs_batch[i];
        named[0][x] = named[1][y] = true;
        add_axis(k, n->in[0]->type.dim[x], a[x], b[y]);
    }
    for (int i = 0; i < nc; i++)
        named[0][n->attr.dot.lhs_contract[i]] = named[1][n->attr.dot.rhs_contract[i]] = true;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < n->in[side]->type.rank; i++)
            if (!named[side][i])
                add_axis(k, n->in[side]->type.dim[i], side ? 0 : a[i], side ? b[i] : 0);
    for (int i = 0; i < nc; i++) {
        int x = n->attr.dot.lhs_contract[i], y = n->attr.dot.rhs_contract[i];
        add_axis(k, n->in[0]->type.dim[x], a[x], b[y]);
    }
}

static double tapped_part(int64_t windows, int64_t taps, int64_t stride, int64_t dilation, int64_t pad, int64_t extent)
{
    int64_t on = 0;
    for (int64_t i = 0; i < windows; i++)
        for (int64_t k = 0; k < taps; k++) {
            const int64_t at = i * stride + k * dilation - pad;
            on += at >= 0 && at < extent;
        }
    return (double)on / (double)(windows * taps);
}

static void conv_axes(Lower *c, const Node *n, Contraction *k, const int64_t *a, const int64_t *b)
{
    int ns = n->attr.conv.nspatial;
    add_axis(k, n->type.dim[0], a[0], 0);
    for (int i = 0; i < ns; i++)
        add_axis(k, n->type.dim[i + 1], a[i + 1] * n->attr.conv.stride[i], 0);
    const bool grouped = n->attr.conv.groups > 1, by_column = columns_are_groups(n);
    if (grouped && !by_column) {
        k->group = n->type.dim[ns + 1] / n->attr.conv.groups;
        k->a_group = a[ns + 1];
    }
    add_axis(k, n->type.dim[ns + 1], by_column ? a[ns + 1] : 0, b[ns + 1]);
    for (int i = 0; i < ns; i++) {
        int64_t pad = n->attr.conv.pad_lo[i], extent = n->in[0]->type.dim[i + 1];
        int64_t stride = n->attr.conv.stride[i], dilation = n->attr.conv.rhs_dilation[i];
        k->a_at = lin_offset(c->a, k->a_at, -pad * a[i + 1]);
        int64_t last = (n->type.dim[i + 1] - 1) * stride + (n->in[1]->type.dim[i] - 1) * dilation - pad;
        if (pad > 0 || last >= extent) {
            k->tap[k->ntap].out = i + 1;
            k->tap[k->ntap].k = k->naxis;
            k->tap[k->ntap].stride = stride;
            k->tap[k->ntap].dilation = dilation;
            k->tap[k->ntap].pad = pad;
            k->tap[k->ntap].part = tapped_part(n->type.dim[i + 1], n->in[1]->type.dim[i], stride, dilation, pad, extent);
            k->tap[k->ntap++].extent = extent;
        }
        add_axis(k, n->in[1]->type.dim[i], a[i + 1] * dilation, b[i]);
    }
    add_axis(k, n->in[1]->type.dim[ns], a[ns + 1 + grouped], b[ns]);
    find_channels(k);
}

/* Loops whose steps follow one another in both operands are one. */
static bool merges(const Contraction *k, int i)
{
    return k->loop[i].tap < 0 && k->loop[i + 1].tap < 0 && k->loop[i].a == k->loop[i + 1].a * k->loop[i + 1].extent &&
           k->loop[i].b == k->loop[i + 1].b * k->loop[i + 1].extent;
}

static int64_t longer(int64_t a, int64_t b)
{
    a = llabs(a);
    b = llabs(b);
    return a > b ? a : b;
}

/* The loop that goes in the longest steps through either operand stands outermost: steps of many rows miss the cache. */
static bool stands_outside(const Contraction *k, int axis, int loop)
{
    int64_t p = longer(k->sa[axis], k->sb[axis]), q = longer(k->loop[loop].a, k->loop[loop].b);
    return p != q ? p > q : llabs(k->sa[axis]) > llabs(k->loop[loop].a);
}

/* The loops over what is contracted; `in_order`: as the operation names its axes, however the operands lie. */
static void find_loops(Contraction *k, bool in_order)
{
    for (int i = k->n_axis + 1; i < k->naxis; i++) {
        int tap = contraction_tap(k, i), at = k->nloop;
        if (k->extent[i] == 1 && tap < 0)
            continue;
        for (; !in_order && at > 0 && stands_outside(k, i, at - 1); at--)
            k->loop[at] = k->loop[at - 1];
        k->loop[at].extent = k->extent[i];
        k->loop[at].a = k->sa[i];
        k->loop[at].b = k->sb[i];
        k->loop[at].tap = tap;
        k->nloop++;
    }
    for (int i = 0; i + 1 < k->nloop;) {
        if (!merges(k, i)) {
            i++;
            continue;
        }
        k->loop[i + 1].extent *= k->loop[i].extent;
        for (int j = i; j + 1 < k->nloop; j++)
            k->loop[j] = k->loop[j + 1];
        k->nloop--;
    }
}

/* The innermost loop's steps become those of vectors and, as a loop inside it, their elements. */
static bool cut_into_vectors(Contraction *k, int lanes)
{
    const int last = k->nloop - 1;
    const bool whole = last >= 0 && k->loop[last].extent == lanes;
    if (last < 0 || k->loop[last].a != 1 || k->loop[last].b != 1 || k->loop[last].tap >= 0 || k->loop[last].extent % lanes ||
        (!whole && k->nloop == MAX_K))
        return false;
    k->k_lanes = lanes;
    if (whole)
        return true;
    k->loop[k->nloop] = k->loop[last];
    k->loop[k->nloop++].extent = lanes;
    k->loop[last].extent /= lanes;
    k->loop[last].a = k->loop[last].b = lanes;
    return true;
}

static bool is_recurrent(const Lower *c)
{
    return c->parent && (c->scan->attr.scan.ncarry || is_recurrent(c->parent));
}

bool contraction_analyse(Lower *c, const Node *n, Contraction *k)
{
    int64_t a[MAX_RANK + 1], b[MAX_RANK];
    *k = (Contraction){.node = n, .n_axis = n->type.rank - 1};
    if (!contraction_tiles(c->p->target, n) || !operand_view(c, n, 0, &k->a, &k->a_at, a) ||
        !view_right(c, n, k, b))
        return false;
    if (n->op == OP_CONV)
        conv_axes(c, n, k, a, b);
    else
        dot_axes(n, k, a, b);
    find_loops(k, c->p->target->deterministic);
    stand_taps_inside(k, c->p->target);
    k->shared = is_recurrent(c) ? examples_of(c->p->fn) : 0;
    k->turn = c->parent && !lin_uses(k->b_at, c->time) ? c->time : NULL;
    const int lanes = contraction_k_lanes(c->p->target, n);
    return lanes ? cut_into_vectors(k, lanes) : k->sb[k->n_axis] == 1;
}

bool contraction_merges(const Contraction *k, int axis)
{
    const int next = axis + 1;
    return contraction_tap(k, axis) < 0 && contraction_tap(k, next) < 0 && k->sa[axis] == k->sa[next] * k->extent[next] &&
           k->sb[axis] == k->sb[next] * k->extent[next];
}

void contraction_merge(Contraction *k, int axis)
{
    k->extent[axis + 1] *= k->extent[axis];
    for (int i = axis; i + 1 < k->naxis; i++) {
        k->extent[i] = k->extent[i + 1];
        k->sa[i] = k->sa[i + 1];
        k->sb[i] = k->sb[i + 1];
    }
    for (int i = 0; i < k->ntap; i++) {
        k->tap[i].out -= k->tap[i].out > axis;
        k->tap[i].k -= k->tap[i].k > axis;
    }
    k->channel_axis -= k->channel_axis > axis;
    k->naxis--;
    k->n_axis--;
}

/* ---- the tile --------------------------------------------------------------------------------------- */
const Lin *tile_left_column(Arena *a, const Tile *t)
{
    const Lin *n = lin_var(a, t->n);
    return t->group ? lin_scale(a, lin_div(a, n, t->group), t->a_group) : lin_scale(a, n, t->a_n);
}

static void choose_k_loops(Kernel *kernel, const Contraction *k, Tile *t)
{
    t->by_row = t->by_inner = t->by_channel = -1;
    for (int i = 0; i < k->nloop; i++) {
        KLoop *loop = &t->k[t->nk++];
        Var *v = NEW(kernel->a, Var);
        *v = (Var){.id = kernel->nvar++, .extent = k->loop[i].extent};
        v->name = k->nloop == 1 ? "k" : arena_printf(kernel->a, "k%d", i);
        *loop = (KLoop){.var = v, .a = k->loop[i].a, .b = k->loop[i].b, .tapped = k->loop[i].tap >= 0};
        if (i == channel_loop(k))
            t->by_channel = i;
        if (!loop->tapped)
            continue;
        int tap = k->loop[i].tap;
        loop->tap = (Tap){kernel->outer[k->tap[tap].out], k->tap[tap].stride, k->tap[tap].dilation, k->tap[tap].pad,
                          k->tap[tap].extent};
        if (loop->tap.out == t->m)
            t->by_row = i;
        if (t->inner && loop->tap.out == t->inner)
            t->by_inner = i;
    }
}

/* A panel holds the steps of its block in the order of the loops, each a row as wide as the tile. */
static void lay_out_panel(Tile *t)
{
    int64_t stride = (int64_t)t->schedule.lanes * t->schedule.columns;
    for (int i = t->nk - 1; i >= 0; i--) {
        t->k[i].panel = stride;
        stride *= k_steps(t, i);
    }
}

/* Whether the group begins with a contraction and has no other. */
static bool is_alone(const Kernel *kernel, const Group *g)
{
    int contractions = 0;
    for (int i = 0; i < g->units.n; i++) {
        const Unit *u = g->units.at[i];
        contractions += u->kind == UNIT_VALUE && op_info(u->node->op)->class == CLASS_CONTRACT;
    }
    return contractions == 1 && kernel->stages.n == 0;
}

/* Bytes of what the loop around makes of the turns' parts that g stores. */
static int64_t stacked_bytes(const Lower *c, const Group *g)
{
    int64_t bytes = 0;
    for (int i = 0; c->parent && i < g->units.n; i++)
        if (lin_uses(g->units.at[i]->base, c->time))
            bytes += c->scan->attr.scan.length * type_bytes(g->units.at[i]->type);
    return bytes;
}

static bool group_has(const Group *g, const Unit *u)
{
    for (int i = 0; i < g->units.n; i++)
        if (g->units.at[i] == u)
            return true;
    return false;
}

/* Whether u reads more than contraction x and its group, of tensors as large. */
static bool reads_beside(const Group *g, const Unit *u, const Unit *x)
{
    const int64_t count = type_count(x->type);
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i] != x && type_count(u->needs.at[i]->type) >= count && !group_has(g, u->needs.at[i]))
            return true;
    for (int i = 0; i < u->reads.n; i++)
        if (type_count(u->reads.at[i]->type) >= count)
            return true;
    return false;
}

/* Whether what follows x in its kernel wants whole rows, or reads others. */
static bool wants_rows(const Group *g, const Unit *x)
{
    for (int i = 0; i < g->units.n; i++) {
        const Unit *u = g->units.at[i];
        if (u != x && (u->kind != UNIT_VALUE || op_info(u->node->op)->class != CLASS_ELEMENT || reads_beside(g, u, x)))
            return true;
    }
    return false;
}

bool contraction_in(const Making *m, const Unit *u, Contraction *k)
{
    if (!contraction_analyse(m->c, u->node, k))
        return false;
    for (int i = k->n_axis - 1; i >= 0; i--)
        if (m->merged[i])
            contraction_merge(k, i);
    k->alone = is_alone(m->k, m->g);
    k->alike = k->turn && is_recurrent(m->c) && m->g->units.n == 1;
    k->stacked = stacked_bytes(m->c, m->g);
    k->rows = wants_rows(m->g, u);
    return true;
}

/* The kernel's outer variables are the result's axes but the last, or several of them. */
Stage *tile_stage(Making *m, Unit *u)
{
    Kernel *kernel = m->k;
    Lower *c = m->c;
    Contraction k;
    if (!contraction_in(m, u, &k))
        return NULL;
    Tile *t = NEW(kernel->a, Tile);
    t->name = contraction_name(kernel->a, &k);
    t->schedule = tile_choose(c, &k);
    t->turn = t->schedule.zigzag ? k.turn : NULL;
    t->a = k.a;
    t->b = k.b;
    t->a_at = k.a_at;
    t->b_at = k.b_at;
    t->c_at = u->base;
    t->a_n = k.sa[k.n_axis];
    t->b_n = k.sb[k.n_axis];
    t->k_lanes = k.k_lanes;
    t->group = k.group;
    t->a_group = k.a_group;
    t->channels = k.channels;
    int64_t stride = k.extent[k.n_axis];
    for (int i = k.n_axis - 1; i >= 0; i--) {
        const Lin *v = lin_var(kernel->a, kernel->outer[i]);
        if (i == t->schedule.row_axis) {
            t->m = kernel->outer[i];
            t->a_m = k.sa[i];
            t->c_m = stride;
        } else if (t->schedule.row_axes == 2 && i == t->schedule.row_axis + 1) {
            t->inner = kernel->outer[i];
            t->a_inner = k.sa[i];
            t->c_inner = stride;
        } else {
            t->a_at = lin_add(kernel->a, t->a_at, lin_scale(kernel->a, v, k.sa[i]));
            t->b_at = lin_add(kernel->a, t->b_at, lin_scale(kernel->a, v, k.sb[i]));
            t->c_at = lin_add(kernel->a, t->c_at, lin_scale(kernel->a, v, stride));
        }
        stride *= k.extent[i];
    }
    t->n = NEW(kernel->a, Var);
    *t->n = (Var){.id = kernel->nvar++, .extent = k.extent[k.n_axis], .name = "n"};
    choose_k_loops(kernel, &k, t);
    lay_out_panel(t);
    share_rows(kernel, t);
    kernel->blocked = t->schedule.row_axis;
    Stage *s = NEW(kernel->a, Stage);
    s->kind = STAGE_TILE;
    s->tile = t;
    vec_push(kernel->a, &s->items, ((Item){.unit = u, .buffer = u->buffer, .at = t->c_at, .reduce = OP_SUM}));
    return s;
}
