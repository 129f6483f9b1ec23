/* SPDX-License-Identifier: MIT */
/* by_example.c: a chain of work that treats the examples of a batch alike, made by a loop over them.
 *
 *     x = relu(conv(image, k)); y = conv(x, l)   ->   y = scan over image_n { x = relu(conv(image_n, k)); yield conv(x, l) }
 *
 * x is there for one example at a time. Each example's numbers are the same. What belongs to no example enters as an invariant,
 * what is there of each example as a slice; inside, tensors keep their first axis, of extent 1. */
#include "examples.h"
#include "recomputing.h"

typedef struct Chain {
    Again *g;
    Arena *a;
    const Node *node;
    int64_t batch;
    VEC(const Node *) slices, invariants;   /* what enters the loop */
    bool *seen;                             /* by node: as a slice or made inside */
    bool *outer;                            /* by node: as an invariant */
    Fn *body;
    Node **inside, **given;                 /* by node: of one example; an invariant */
} Chain;

/* ---- which operands have the examples along their first axis ----------------------------------------------- */
static int64_t elements_of_one(const Node *n, int64_t batch)
{
    return type_count(n->type) / batch;
}

/* False where n mixes examples, or nothing is known of it. batched[i]: of operand i. */
static bool goes(Arena *a, const Node *n, int64_t batch, bool *batched)
{
    int64_t *in = NEWN(a, int64_t, n->nin + 1);
    bool first = n->type.rank && n->type.dim[0] == batch && examples_wanted(n, batch, elements_of_one(n, batch), in);
    for (int i = 0; i < n->nin && first; i++) {
        batched[i] = in[i] != SAME;
        first = !batched[i] || (n->in[i]->type.dim[0] == batch && in[i] == elements_of_one(n->in[i], batch));
    }
    return first;
}

static bool is_free(const Node *n)
{
    return n->op == OP_CONST || n->op == OP_IOTA;
}

static void enters(Chain *c, const Node *n)
{
    if (!c->outer[n->id])
        vec_push(c->a, &c->invariants, n);
    c->outer[n->id] = true;
}

/* Lists what enters; false where the chain cannot go by example. */
static bool list(Chain *c, const Node *n)
{
    n = again_of(n);
    if (c->seen[n->id])
        return true;
    c->seen[n->id] = true;
    bool *batched = NEWN(c->a, bool, n->nin + 1);
    if (is_free(n))
        return false;
    if (again_is_there(c->g, n)) {
        vec_push(c->a, &c->slices, n);
        return n->type.rank && n->type.dim[0] == c->batch;
    }
    if (!goes(c->a, n, c->batch, batched))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (batched[i] && !list(c, n->in[i]))
            return false;
        else if (!batched[i] && again_of(n->in[i])->op != OP_CONST)
            enters(c, again_of(n->in[i]));
    return true;
}

static Chain chain_new(Again *g, Arena *a)
{
    const Node *x = g->what->node;
    int n = g->from->node.n + 1;
    Chain c = {.g = g, .a = a, .node = x, .batch = x->type.rank ? x->type.dim[0] : 1};
    c.seen = NEWN(a, bool, n);
    c.outer = NEWN(a, bool, n);
    c.inside = NEWN(a, Node *, n);
    c.given = NEWN(a, Node *, n);
    return c;
}

bool goes_by_example(Arena *a, const Fn *fn, const Recompute *what)
{
    Again g = {.from = fn, .what = what};
    Chain c = chain_new(&g, a);
    return c.batch > 1 && list(&c, what->node) && c.slices.n;
}

/* ---- making it ----------------------------------------------------------------------------------------------- */
static Node *inside(Chain *c, const Node *n);

static Node *operand(Chain *c, const Node *n, bool batched)
{
    n = again_of(n);
    if (batched)
        return inside(c, n);
    return n->op == OP_CONST ? node_const(c->body, n->type.dt, n->attr.constant.value) : c->given[n->id];
}

static Node *inside(Chain *c, const Node *n)
{
    if (c->inside[n->id])
        return c->inside[n->id];
    bool *batched = NEWN(c->a, bool, n->nin + 1);
    Node **in = NEWN(c->a, Node *, n->nin + 1);
    goes(c->a, n, c->batch, batched);
    for (int i = 0; i < n->nin; i++)
        in[i] = operand(c, n->in[i], batched[i]);
    Attr attr = examples_attr(n, c->batch, elements_of_one(n, c->batch), 1);
    c->body->span = n->span;
    Node *made = node_make_as_is(c->body, n->op, n->nin, in, &attr);
    if (!made->name)
        made->name = n->name;
    return c->inside[n->id] = made;
}

static void make_inputs(Chain *c)
{
    for (int i = 0; i < c->slices.n; i++) {
        const Node *n = c->slices.at[i];
        Type t = type_drop(n->type, 0), one = n->type;
        one.dim[0] = 1;
        c->inside[n->id] = node_reshape(c->body, fn_input(c->body, ROLE_SLICE, i, n->name, t), one.rank, one.dim);
    }
    for (int i = 0; i < c->invariants.n; i++) {
        const Node *n = c->invariants.at[i];
        c->given[n->id] = fn_input(c->body, ROLE_INVARIANT, i, n->name, n->type);
    }
}

Node *again_by_example(Again *g)
{
    Arena *a = g->to->a;
    Chain c = chain_new(g, a);
    list(&c, c.node);
    Node **in = NEWN(a, Node *, c.slices.n + c.invariants.n + 1);
    for (int i = 0; i < c.slices.n; i++)
        in[i] = made_again(g, c.slices.at[i]);
    for (int i = 0; i < c.invariants.n; i++)
        in[c.slices.n + i] = made_again(g, c.invariants.at[i]);
    c.body = fn_new(a, "example");
    make_inputs(&c);
    Node *made = inside(&c, c.node);
    Type t = type_drop(c.node->type, 0);
    fn_result(c.body, ROLE_YIELD, 0, c.node->name, node_reshape(c.body, made, t.rank, t.dim));
    Span span = g->to->span;
    g->to->span = c.node->span;
    Node *scan = node_scan(g->to, c.body, 0, c.slices.n, 1, false, c.slices.n + c.invariants.n, in);
    Node *result = node_result(g->to, scan, 0);
    g->to->span = span;
    if (!result->name)
        result->name = c.node->name;
    return result;
}
