/* SPDX-License-Identifier: MIT */
/* batch.c: one step's work for all steps at once: a node made again with the steps as a new leading axis.
 *
 * `in` are the operands outside of the loop; those that are stepped have the leading axis, the others are
 * the same at every step. The result has the axis too. A rule for each operation that has one; the others
 * stay in their loop. */
#include "loop.h"

typedef struct Batch {
    Fn *fn;
    const Node *n;
    Node *const *in;
    const bool *stepped;
    int64_t steps;
} Batch;

typedef struct BatchRule {
    bool (*fits)(const Node *n, const bool *stepped); /* NULL: always */
    Node *(*make)(const Batch *b);
} BatchRule;

static Node *lifted(const Batch *b, int i)
{
    return b->stepped[i] ? b->in[i] : node_insert_axis(b->fn, b->in[i], 0, b->steps);
}

/* Same operation and attribute, every operand lifted. */
static Node *make_lifted(const Batch *b, const Attr *attr)
{
    Node **in = NEWN(b->fn->a, Node *, b->n->nin + 1);
    for (int i = 0; i < b->n->nin; i++)
        in[i] = lifted(b, i);
    return node_make(b->fn, b->n->op, b->n->nin, in, attr);
}

static Node *batch_element(const Batch *b)
{
    return make_lifted(b, &b->n->attr);
}

/* ---- moves and reductions ------------------------------------------------------------------------------ */
static Node *batch_reshape(const Batch *b)
{
    Type t = type_insert(b->n->type, 0, b->steps);
    return node_reshape(b->fn, b->in[0], t.rank, t.dim);
}

static Node *batch_permute(const Batch *b)
{
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < b->n->type.rank; i++)
        axis[i + 1] = b->n->attr.axes.axis[i] + 1;
    return node_permute(b->fn, b->in[0], axis);
}

static Node *batch_broadcast(const Batch *b)
{
    int axis[MAX_RANK] = {0};
    for (int i = 0; i < b->n->attr.broadcast.n; i++)
        axis[i + 1] = b->n->attr.broadcast.axis[i] + 1;
    return node_broadcast(b->fn, b->in[0], type_insert(b->n->type, 0, b->steps), axis);
}

static Node *batch_slice(const Batch *b)
{
    int64_t start[MAX_RANK] = {0}, limit[MAX_RANK] = {b->steps}, stride[MAX_RANK] = {1};
    for (int i = 0; i < b->n->type.rank; i++) {
        start[i + 1] = b->n->attr.slice.start[i];
        limit[i + 1] = b->n->attr.slice.limit[i];
        stride[i + 1] = b->n->attr.slice.stride[i];
    }
    return node_slice(b->fn, b->in[0], start, limit, stride);
}

static Node *batch_pad(const Batch *b)
{
    int64_t lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
    for (int i = 0; i < b->n->type.rank; i++) {
        lo[i + 1] = b->n->attr.pad.lo[i];
        hi[i + 1] = b->n->attr.pad.hi[i];
        interior[i + 1] = b->n->attr.pad.interior[i];
    }
    return node_pad(b->fn, b->in[0], lo, hi, interior, b->n->attr.pad.value);
}

/* reverse, sum, max, argmax: named axes are one further */
static Node *batch_axes(const Batch *b)
{
    Attr attr = b->n->attr;
    for (int i = 0; i < attr.axes.n; i++)
        attr.axes.axis[i]++;
    return node_make(b->fn, b->n->op, 1, b->in, &attr);
}

static Node *batch_concat(const Batch *b)
{
    Attr attr = b->n->attr;
    attr.axis.axis++;
    return make_lifted(b, &attr);
}

/* window and fold */
static Node *batch_window(const Batch *b)
{
    Attr attr = b->n->attr;
    attr.window.axis++;
    return node_make(b->fn, b->n->op, 1, b->in, &attr);
}

/* ---- contractions -------------------------------------------------------------------------------------- */
static void shift(int *axis, int n)
{
    for (int i = 0; i < n; i++)
        axis[i]++;
}

/* Axis `at` of x becomes the first. */
static Node *to_front(Fn *fn, Node *x, int at)
{
    int axis[MAX_RANK] = {at};
    for (int i = 0, next = 1; i < x->type.rank; i++)
        if (i != at)
            axis[next++] = i;
    return node_permute(fn, x, axis);
}

Attr dot_one_further(const Attr *dot, bool lhs, bool rhs)
{
    Attr attr = *dot;
    if (lhs) {
        shift(attr.dot.lhs_batch, attr.dot.nbatch);
        shift(attr.dot.lhs_contract, attr.dot.ncontract);
    }
    if (rhs) {
        shift(attr.dot.rhs_batch, attr.dot.nbatch);
        shift(attr.dot.rhs_contract, attr.dot.ncontract);
    }
    return attr;
}

static bool fits_dot(const Node *n, const bool *stepped)
{
    return !(stepped[0] && stepped[1]) || n->attr.dot.nbatch < MAX_RANK;
}

/* One stepped operand: the steps are one more free axis of it, and without batch axes on the left nothing
 * else changes:
 *     x_t [B, I] · w [I, O] for all t is x [T, B, I] · w [I, O].
 * Both: they are a batch axis. */
static Node *batch_dot(const Batch *b)
{
    Attr attr = dot_one_further(&b->n->attr, b->stepped[0], b->stepped[1]);
    int nbatch = attr.dot.nbatch;
    if (b->stepped[0] && b->stepped[1]) {
        for (int i = nbatch; i > 0; i--) {
            attr.dot.lhs_batch[i] = attr.dot.lhs_batch[i - 1];
            attr.dot.rhs_batch[i] = attr.dot.rhs_batch[i - 1];
        }
        attr.dot.lhs_batch[0] = attr.dot.rhs_batch[0] = 0;
        attr.dot.nbatch++;
        return node_dot(b->fn, b->in[0], b->in[1], &attr);
    }
    int lhs_free = b->n->in[0]->type.rank - nbatch - attr.dot.ncontract;
    Node *d = node_dot(b->fn, b->in[0], b->in[1], &attr);
    return to_front(b->fn, d, b->stepped[0] ? nbatch : nbatch + lhs_free);
}

static bool fits_conv(const Node *n, const bool *stepped)
{
    (void)n;
    return !stepped[1];
}

/* Steps are more images. */
static Node *batch_conv(const Batch *b)
{
    Type x = b->in[0]->type, merged = type_drop(x, 0), t = type_insert(b->n->type, 0, b->steps);
    merged.dim[0] *= b->steps;
    Node *images = node_reshape(b->fn, b->in[0], merged.rank, merged.dim);
    return node_reshape(b->fn, node_conv(b->fn, images, b->in[1], &b->n->attr), t.rank, t.dim);
}

/* ---- indices ------------------------------------------------------------------------------------------- */
static bool fits_gather(const Node *n, const bool *stepped)
{
    (void)n;
    return !stepped[0];
}

static Node *batch_same(const Batch *b)
{
    return node_make(b->fn, b->n->op, b->n->nin, b->in, &b->n->attr);
}

static const BatchRule rules[OP_COUNT] = {
    [OP_RESHAPE] = {NULL, batch_reshape},
    [OP_PERMUTE] = {NULL, batch_permute},
    [OP_BROADCAST] = {NULL, batch_broadcast},
    [OP_SLICE] = {NULL, batch_slice},
    [OP_PAD] = {NULL, batch_pad},
    [OP_REVERSE] = {NULL, batch_axes},
    [OP_CONCAT] = {NULL, batch_concat},
    [OP_WINDOW] = {NULL, batch_window},
    [OP_FOLD] = {NULL, batch_window},
    [OP_SUM] = {NULL, batch_axes},
    [OP_MAX] = {NULL, batch_axes},
    [OP_ARGMAX] = {NULL, batch_axes},
    [OP_DOT] = {fits_dot, batch_dot},
    [OP_CONV] = {fits_conv, batch_conv},
    [OP_GATHER] = {fits_gather, batch_same},
    [OP_CHECK] = {NULL, batch_same},
};

static const BatchRule *rule_of(const Node *n)
{
    static const BatchRule element = {NULL, batch_element};
    return op_info(n->op)->class == CLASS_ELEMENT ? &element : &rules[n->op];
}

bool can_stack(const Node *n, int64_t steps)
{
    return n->type.rank < MAX_RANK && type_count(n->type) <= MAX_COUNT / steps;
}

bool can_batch(const Node *n, const bool *stepped, int64_t steps)
{
    const BatchRule *rule = rule_of(n);
    if (!rule->make || !can_stack(n, steps))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (!can_stack(n->in[i], steps))
            return false;
    return !rule->fits || rule->fits(n, stepped);
}

Node *batch_node(Fn *fn, const Node *n, Node *const *in, const bool *stepped, int64_t steps)
{
    Batch b = {fn, n, in, stepped, steps};
    Span span = fn->span;
    fn->span = n->span;
    Node *made = rule_of(n)->make(&b);
    fn->span = span;
    return made;
}
