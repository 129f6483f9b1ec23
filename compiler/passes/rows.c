/* SPDX-License-Identifier: MIT */
/* rows.c: the first layers of a network for pictures a few rows at a time, so that no picture of theirs is
 * ever whole.
 *
 *     for each turn       the next rows of `end`, each layer's from a few rows of the layer before
 *     carried             the rows a window still reaches back to
 *     before the loop     the rows a window is ahead: the network on the top of the picture
 *     behind it           all of `end`; or, where that is a sum or a maximum over the rows, what the turns
 * have carried of it
 *
 * Nothing is computed twice. Behind the last row, where windows reach into the padding, a layer's rows are
 * made and not used: as many as it is ahead.
 *
 * needs: a function of pictures [batch, rows, columns, channels]. gives: one of the same results; sums over
 * the rows are added up turn by turn, all others in their order. */
#include "loop.h"
#include "step_axis.h"

#include <math.h>

enum { MOST_OPERANDS = 3 }; /* of what works by element */

typedef struct Repeated { /* a tensor that is the same all along an axis, with another extent of it */
    Fn *fn;
    int64_t extent;
    Node *node;
} Repeated;

typedef struct Rows {
    Arena *a;
    const Fn *old;
    Fn *fn;
    Loop *l;
    const Node *input, *end;
    const Node *last; /* the last that has rows: the end, or what it reduces */
    bool *inside;     /* by node: made of the input, and the end of it */
    int *axis;        /* by node inside: which is that of rows */
    int64_t *turn;    /* rows made in a turn */
    int64_t *ahead;   /* rows there are before the first */
    int64_t *from;    /* the first row that is read in it; negative: of the padding */
    bool *padded;     /* zeros are read behind the last row */
    int64_t turns;
    Node **map;    /* by node outside: in fn */
    Node **top;    /* by node inside: its rows below `ahead`, in fn */
    Node **block;  /* its rows of this turn, in the loop */
    Node **around; /* and the rows before that others of this turn read, from `from` on */
    Node *number;  /* of the turn, in the loop */
    int *asked; /* by node outside: the axis, from 1, along which repeats() was asked of it; negative where it
                   does not */
    Repeated *repeated; /* by node outside: the last that was made of it */
} Rows;

/* How rows of a result hang on those of its first operand: row j on from j * stride - pad on, `reach` of
 * them. */
typedef struct Window {
    int64_t stride, pad, pad_behind, reach;
} Window;

static Window window_of(const Rows *r, const Node *n)
{
    const int axis = r->axis[n->in[0]->id], k = axis - 1;
    if (n->op == OP_CONV && k >= 0 && k < n->attr.conv.nspatial)
        return (Window){n->attr.conv.stride[k], n->attr.conv.pad_lo[k], n->attr.conv.pad_hi[k],
                        (n->in[1]->type.dim[k] - 1) * n->attr.conv.rhs_dilation[k] + 1};
    if (n->op == OP_WINDOW && n->attr.window.axis == axis)
        return (Window){n->attr.window.stride, 0, 0, (n->attr.window.size - 1) * n->attr.window.dilation + 1};
    if (n->op == OP_PAD)
        return (Window){1, n->attr.pad.lo[axis], 0, 1}; /* what it puts there is not zeros; see make_block */
    return (Window){1, 0, 0, 1};
}

static int64_t larger(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

static int64_t smaller(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* ---- what can be had so -------------------------------------------------------------------------------- */
static void find_inside(Rows *r)
{
    bool *needed = reached_from(r->a, r->old, 1, (Node *[]){(Node *)r->end});
    r->inside[r->input->id] = true;
    for (int id = r->input->id + 1; id <= r->end->id; id++)
        for (int i = 0; needed[id] && i < r->old->node.at[id]->nin; i++)
            r->inside[id] |= r->inside[r->old->node.at[id]->in[i]->id];
}

/* Is the end all that anything else reads of what is inside? The input is the caller's. */
static bool is_cut(const Rows *r)
{
    for (int id = 0; id < r->old->node.n; id++)
        for (int i = 0; !r->inside[id] && i < r->old->node.at[id]->nin; i++) {
            const Node *of = r->old->node.at[id]->in[i];
            if (r->inside[of->id] && of != r->end && of != r->input)
                return false;
        }
    for (int i = 0; i < r->old->result.n; i++)
        if (r->inside[r->old->result.at[i].node->id] && r->old->result.at[i].node != r->end)
            return false;
    return true;
}

/* Is it the same all along the axis, as far as can be seen? */
static bool repeats(Rows *r, const Node *n, int axis)
{
    if (n->op == OP_BROADCAST) {
        for (int i = 0; i < n->attr.broadcast.n; i++)
            if (n->attr.broadcast.axis[i] == axis && n->in[0]->type.dim[i] != 1)
                return false;
        return true;
    }
    int *asked = &r->asked[n->id];
    if (*asked != axis + 1 && *asked != -axis - 1) {
        bool all = op_info(n->op)->class == CLASS_ELEMENT && n->nin <= MOST_OPERANDS;
        for (int i = 0; all && i < n->nin; i++)
            all = repeats(r, n->in[i], axis);
        *asked = all ? axis + 1 : -axis - 1;
    }
    return *asked > 0;
}

/* Convolutions, windows, and what treats each row alone; sets the result's axis. */
static bool by_rows(Rows *r, const Node *n)
{
    const char *why = NULL;
    const Attr *attr = &n->attr;
    int axis = -1;
    if (n->op == OP_SCAN || n->op == OP_RESULT)
        return false;
    for (int i = 0; i < n->nin; i++) {
        if (!r->inside[n->in[i]->id])
            continue;
        const int from = r->axis[n->in[i]->id], to = axis_behind(n, i, from, &why);
        if (to < 1 || (axis >= 0 && to != axis))
            return false;
        if ((n->op == OP_SLICE && n->type.dim[to] != n->in[0]->type.dim[from]) ||
            (n->op == OP_PAD && attr->pad.interior[from]))
            return false;
        if (n->op == OP_CONV && (i || attr->conv.lhs_dilation[from - 1] != 1 || attr->conv.pad_lo[from - 1] < 0))
            return false;
        axis = to;
    }
    r->axis[n->id] = axis;
    for (int i = 0; i < n->nin; i++) {
        const int fixed = axis_before(n, i, axis);
        if (!r->inside[n->in[i]->id] && fixed >= 0 && !repeats(r, n->in[i], fixed))
            return false;
    }
    return true;
}

/* From the end to the input: how many rows a turn makes of each, and how many it has to be ahead. */
static bool count_rows(Rows *r, int64_t rows)
{
    r->turn[r->last->id] = rows;
    for (int id = r->last->id; id > r->input->id; id--) {
        const Node *n = r->old->node.at[id];
        for (int i = 0; r->inside[id] && i < n->nin; i++) {
            const int of = n->in[i]->id;
            if (!r->inside[of])
                continue;
            const Window w = window_of(r, n);
            const int64_t turn = w.stride * r->turn[id];
            if (r->turn[of] && r->turn[of] != turn)
                return false;
            r->turn[of] = turn;
            const int64_t ahead = w.stride * (r->ahead[id] - 1) + w.reach - w.pad;
            if (r->ahead[id] && ahead < 1 && n->op != OP_PAD)
                return false; /* rows of padding alone */
            r->ahead[of] = larger(r->ahead[of], ahead);
            r->padded[of] |= w.pad_behind > 0;
        }
    }
    for (int id = r->last->id; id >= r->input->id; id--) {
        const Node *n = r->old->node.at[id];
        r->from[id] = smaller(r->from[id], r->ahead[id]);
        for (int i = 0; r->inside[id] && n != r->input && i < n->nin; i++) {
            const Window w = window_of(r, n);
            r->from[n->in[i]->id] = smaller(r->from[n->in[i]->id], w.stride * r->ahead[id] - w.pad);
        }
    }
    for (int id = r->input->id; id <= r->last->id; id++)
        if (r->inside[id] && r->ahead[id] > r->old->node.at[id]->type.dim[r->axis[id]])
            return false;
    return true;
}

static bool reduces(const Node *n, int axis)
{
    for (int i = 0; i < n->attr.axes.n; i++)
        if (n->attr.axes.axis[i] == axis)
            return true;
    return false;
}

static bool settle(Rows *r, int64_t rows)
{
    const int n = r->old->node.n + 1;
    r->inside = NEWN(r->a, bool, n);
    r->axis = NEWN(r->a, int, n);
    r->turn = NEWN(r->a, int64_t, n);
    r->ahead = NEWN(r->a, int64_t, n);
    r->map = NEWN(r->a, Node *, n);
    r->top = NEWN(r->a, Node *, n);
    r->block = NEWN(r->a, Node *, n);
    r->around = NEWN(r->a, Node *, n);
    r->from = NEWN(r->a, int64_t, n);
    r->padded = NEWN(r->a, bool, n);
    r->asked = NEWN(r->a, int, n);
    r->repeated = NEWN(r->a, Repeated, n);
    for (int i = 0; i < n; i++)
        r->from[i] = INT64_MAX;
    find_inside(r);
    if (!r->inside[r->end->id] || !is_cut(r))
        return false;
    r->axis[r->input->id] = 1;
    r->last = r->end->op == OP_SUM || r->end->op == OP_MAX ? r->end->in[0] : r->end;
    for (int id = r->input->id + 1; id <= r->last->id; id++)
        if (r->inside[id] && !by_rows(r, r->old->node.at[id]))
            return false;
    if (r->last != r->end && !reduces(r->end, r->axis[r->last->id]))
        return false;
    const int64_t all = r->last->type.dim[r->axis[r->last->id]];
    r->turns = all / rows;
    return r->turns > 1 && all % rows == 0 && count_rows(r, rows);
}

/* ---- the top of the picture, before the loop ----------------------------------------------------------- */
static Node *first_rows(Node *x, Fn *fn, int axis, int64_t from, int64_t to)
{
    return node_slice_axis(fn, x, axis, from, to, 1);
}

/* In fn, a tensor that repeats along the axis, so many times. */
static Node *repeated(Rows *r, Fn *fn, const Node *n, int axis, int64_t extent)
{
    Node *in[MOST_OPERANDS] = {NULL};
    Attr attr = n->attr;
    Repeated *known = &r->repeated[n->id];
    if (known->fn == fn && known->extent == extent && r->asked[n->id] == axis + 1)
        return known->node;
    if (n->op == OP_BROADCAST) {
        attr.broadcast.type.dim[axis] = extent;
        in[0] = fn == r->fn ? r->map[n->in[0]->id] : loop_invariant(r->l, NULL, r->map[n->in[0]->id]);
    }
    for (int i = 0; n->op != OP_BROADCAST && i < n->nin; i++)
        in[i] = repeated(r, fn, n->in[i], axis, extent);
    *known = (Repeated){fn, extent, node_make(fn, n->op, n->nin, in, &attr)};
    return known->node;
}

static Node *fixed_operand(Rows *r, Fn *fn, const Node *n, int i, int64_t rows)
{
    const int axis = axis_before(n, i, r->axis[n->id]);
    if (axis >= 0)
        return repeated(r, fn, n->in[i], axis, rows);
    return fn == r->fn ? r->map[n->in[i]->id] : loop_invariant(r->l, NULL, r->map[n->in[i]->id]);
}

/* n's attribute where it is given just the rows that it needs, and makes `rows` of its own. */
static Attr attr_of_rows(const Rows *r, const Node *n, int64_t rows, int64_t pad)
{
    Attr attr = attr_of_part(n, r->axis[n->id], rows);
    const int k = r->axis[n->in[0]->id] - 1;
    if (n->op == OP_CONV && k < n->attr.conv.nspatial) {
        attr.conv.pad_lo[k] = pad;
        attr.conv.pad_hi[k] = 0;
    }
    if (n->op == OP_PAD)
        attr.pad.lo[k + 1] = pad;
    return attr;
}

static Type type_of_rows(const Rows *r, const Node *n, int64_t rows)
{
    Type t = n->type;
    t.dim[r->axis[n->id]] = rows;
    return t;
}

static Node *make_top(Rows *r, const Node *n)
{
    Node **in = NEWN(r->a, Node *, n->nin + 1);
    const int64_t rows = r->ahead[n->id];
    if (n->op == OP_PAD && rows <= window_of(r, n).pad)
        return node_full(r->fn, type_of_rows(r, n, rows), n->attr.pad.value);
    if (n == r->input)
        return first_rows(r->map[n->id], r->fn, r->axis[n->id], 0, rows);
    const Window w = window_of(r, n);
    for (int i = 0; i < n->nin; i++) {
        const int of = n->in[i]->id;
        in[i] = r->inside[of]
                    ? first_rows(r->top[of], r->fn, r->axis[of], 0, w.stride * (rows - 1) + w.reach - w.pad)
                    : fixed_operand(r, r->fn, n, i, rows);
    }
    const Attr attr = attr_of_rows(r, n, rows, w.pad);
    return node_make(r->fn, n->op, n->nin, in, &attr);
}

/* ---- a turn -------------------------------------------------------------------------------------------- */
/* The numbers of `count` rows in n, of which turn 0 begins with row `first`: i32[count]. */
static Node *row_numbers(Rows *r, const Node *n, int64_t first, int64_t count)
{
    Fn *fn = r->l->body;
    const Type t = type_make(DT_I32, 1, &count);
    Node *at = node_binary_const(fn, OP_MUL, r->number, (double)r->turn[n->id]);
    at = node_broadcast(fn, node_binary_const(fn, OP_ADD, at, (double)first), t, NULL);
    return node_binary(fn, OP_ADD, node_iota(fn, t, 0), at);
}

/* Such rows, with `value` in the place of those whose number is not lo <= number < hi. */
static Node *rows_within(Rows *r, const Node *n, Node *x, int64_t first, int64_t lo, int64_t hi, double value)
{
    Fn *fn = r->l->body;
    const int axis = r->axis[n->id];
    Node *at = row_numbers(r, n, first, x->type.dim[axis]), *there = NULL;
    if (first + (r->turns - 1) * r->turn[n->id] + x->type.dim[axis] > hi)
        there = node_binary(fn, OP_LT, at, node_full(fn, at->type, (double)hi));
    if (first < lo) {
        Node *below = node_binary(fn, OP_LE, node_full(fn, at->type, (double)lo), at);
        there = there ? node_binary(fn, OP_AND, below, there) : below;
    }
    if (!there)
        return x;
    there = node_broadcast(fn, there, type_with(x->type, DT_BOOL), &r->axis[n->id]);
    return node_select(fn, there, x, node_full(fn, x->type, value));
}

/* The input is there as a whole: all that this turn reads of it, with zeros around. */
static Node *read_rows(Rows *r)
{
    Fn *fn = r->l->body;
    const Node *n = r->input;
    const int64_t first = r->from[n->id], last = n->type.dim[1] - 1;
    int order[MAX_RANK] = {1, 0, 2, 3, 4, 5, 6, 7};
    Node *x = loop_invariant(r->l, NULL, r->map[n->id]);
    Node *at = row_numbers(r, n, first, r->ahead[n->id] - first + r->turn[n->id]);
    at = node_binary_const(fn, OP_MAX2, node_binary_const(fn, OP_MIN2, at, (double)last), 0);
    x = node_permute(fn, node_gather(fn, node_permute(fn, x, order), at), order);
    return rows_within(r, n, x, first, 0, last + 1, 0);
}

/* Rows from[n] to ahead[n] before the first turn, those above the picture zeros. */
static Node *rows_before(Rows *r, const Node *n)
{
    const int64_t from = r->from[n->id], above = from < 0 ? -from : 0, ahead = r->ahead[n->id];
    int64_t lo[MAX_RANK] = {0}, none[MAX_RANK] = {0};
    if (!ahead)
        return node_full(r->fn, type_of_rows(r, n, above), 0);
    lo[r->axis[n->id]] = above;
    return node_pad(r->fn, first_rows(r->top[n->id], r->fn, r->axis[n->id], larger(from, 0), ahead), lo, none,
                    none, 0);
}

static Node *make_around(Rows *r, const Node *n)
{
    Fn *fn = r->l->body;
    const int axis = r->axis[n->id];
    const int64_t kept = r->ahead[n->id] - r->from[n->id];
    Node *block = r->block[n->id];
    if (n == r->input)
        return block;
    if (r->padded[n->id])
        block = rows_within(r, n, block, r->ahead[n->id], 0, n->type.dim[axis], 0);
    if (!kept)
        return block;
    const int carry = loop_carry(r->l, n->name, rows_before(r, n));
    Node *all = node_concat(fn, 2, (Node *[]){r->l->carry.at[carry].in, block}, axis);
    loop_next(r->l, carry, node_slice_axis(fn, all, axis, r->turn[n->id], r->turn[n->id] + kept, 1));
    return all;
}

/* In turn 0 rows from .. from + count - 1 of n, and as many further down in the others. */
static Node *rows_of(Rows *r, const Node *n, int64_t from, int64_t count)
{
    if (!r->around[n->id])
        r->around[n->id] = make_around(r, n);
    const int64_t start = from - r->from[n->id];
    return node_slice_axis(r->l->body, r->around[n->id], r->axis[n->id], start, start + count, 1);
}

static Node *make_block(Rows *r, const Node *n)
{
    Node **in = NEWN(r->a, Node *, n->nin + 1);
    const int64_t rows = r->turn[n->id];
    if (n == r->input)
        return read_rows(r);
    const Window w = window_of(r, n);
    for (int i = 0; i < n->nin; i++) {
        const Node *of = n->in[i];
        in[i] = !r->inside[of->id]
                    ? fixed_operand(r, r->l->body, n, i, rows)
                    : rows_of(r, of, w.stride * r->ahead[n->id] - w.pad, w.stride * (rows - 1) + w.reach);
    }
    const Attr attr = attr_of_rows(r, n, rows, 0);
    Node *made = node_make(r->l->body, n->op, n->nin, in, &attr);
    if (n->op != OP_PAD)
        return made;
    return rows_within(r, n, made, r->ahead[n->id], w.pad, w.pad + n->in[0]->type.dim[r->axis[n->in[0]->id]],
                       n->attr.pad.value);
}

/* ---- the function -------------------------------------------------------------------------------------- */
static void name_as(Node *made, const Node *n)
{
    if (n->name && !made->name)
        made->name = n->name;
}

/* The end's rows, turn behind turn. */
static int yield_rows(Rows *r)
{
    return loop_yield(r->l, r->end->name, r->block[r->end->id]);
}

static Node *rows_in_place(Rows *r, Node *yielded)
{
    const int axis = r->axis[r->end->id];
    int order[MAX_RANK] = {0};
    for (int i = 0; i < yielded->type.rank; i++) /* the turns' axis lands in front of that of a turn's rows */
        order[i] = i < axis ? i + 1 : i == axis ? 0 : i;
    return node_reshape(r->fn, node_permute(r->fn, yielded, order), r->end->type.rank, r->end->type.dim);
}

/* The end's reduction of the rows so far. */
static int carry_reduction(Rows *r)
{
    Fn *body = r->l->body;
    const bool sum = r->end->op == OP_SUM;
    const int carry = loop_carry(r->l, r->end->name, node_full(r->fn, r->end->type, sum ? 0 : -INFINITY));
    Node *part = node_make(body, r->end->op, 1, (Node *[]){r->block[r->last->id]}, &r->end->attr);
    loop_next(r->l, carry, node_binary(body, sum ? OP_ADD : OP_MAX2, r->l->carry.at[carry].in, part));
    return carry;
}

static Node *make_loop(Rows *r)
{
    const bool whole = r->last == r->end;
    r->fn->span = r->end->span;
    r->l = loop_new(r->fn, "rows", r->turns, false);
    r->number = loop_slice(r->l, "turn", node_iota(r->fn, type_make(DT_I32, 1, &r->turns), 0));
    for (int id = r->input->id; id <= r->last->id; id++) {
        const Node *n = r->old->node.at[id];
        if (!r->inside[id])
            continue;
        r->fn->span = r->l->body->span = n->span;
        if (r->ahead[id])
            r->top[id] = make_top(r, n);
        r->block[id] = make_block(r, n);
        name_as(r->block[id], n);
    }
    r->fn->span = r->l->body->span = r->end->span;
    const int result = whole ? yield_rows(r) : carry_reduction(r);
    bool *wanted = NEWN(r->a, bool, r->l->ncarry + 1);
    Node **carries = NEWN(r->a, Node *, r->l->ncarry + 1), **yields = NEWN(r->a, Node *, r->l->yield.n + 1);
    if (!whole)
        wanted[result] = true;
    loop_close(r->l, wanted, carries, yields);
    return whole ? rows_in_place(r, yields[result]) : carries[result];
}

Fn *stream_rows(Arena *a, const Fn *fn, const Node *input, const Node *end, int64_t rows)
{
    Rows r = {.a = a, .old = fn, .input = input, .end = end};
    if (!settle(&r, rows))
        return NULL;
    r.fn = fn_new(a, fn->name);
    r.fn->span = fn->span;
    for (int id = 0; id < fn->node.n; id++) {
        const Node *n = fn->node.at[id];
        Node **in = NEWN(a, Node *, n->nin + 1);
        for (int i = 0; i < n->nin; i++)
            in[i] = r.map[n->in[i]->id];
        if (n == end)
            r.map[id] = make_loop(&r);
        else if (!r.inside[id] || n == input)
            r.map[id] = node_rebuild(r.fn, n, in);
    }
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(r.fn, port->role, port->index, port->name, r.map[port->node->id]);
    }
    return fn_prune(r.fn);
}
