/* SPDX-License-Identifier: MIT */
/* by_example.c: a chain of work that treats the examples of a batch alike, made by a loop over them.
 *
 *     x = relu(conv(image, k)); y = conv(x, l)   ->   y = scan over image_n { x = relu(conv(image_n, k)); yield conv(x, l) }
 *
 * x is there for one example at a time. Each example's numbers are the same. What belongs to no example enters as an invariant,
 * what is there of each example as a slice; inside, tensors keep their first axis, of extent 1. */
#include "examples.h"
#include "passes.h"

enum { MOST_NODES = 400 };     /* of a chain: what is looked through for each */

typedef enum Place { INSIDE, SLICE, INVARIANT } Place;

typedef struct Link {           /* a node of the chain, or of what enters it */
    const Node *node;
    Place place;
    Node *made;                 /* in the body; NULL until it is there */
} Link;

typedef struct Chain {
    const Outside *out;
    Arena *a;
    int64_t batch;
    VEC(Link) link;             /* operands first; a node may be both a slice and an invariant */
    Fn *body;
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

/* What a value is read through. */
static const Node *again_of(const Node *n)
{
    while (n->op == OP_AGAIN)
        n = n->in[0];
    return n;
}

static bool is_free(const Node *n)
{
    return n->op == OP_CONST || n->op == OP_IOTA;
}

static Link *find(const Chain *c, const Node *n, bool invariant)
{
    for (int i = 0; i < c->link.n; i++)
        if (c->link.at[i].node == n && (c->link.at[i].place == INVARIANT) == invariant)
            return &c->link.at[i];
    return NULL;
}

static void add(Chain *c, const Node *n, Place place)
{
    Link link = {n, place, NULL};
    if (!find(c, n, place == INVARIANT))
        vec_push(c->a, &c->link, link);
}

/* Lists what is made inside, and what enters; false where that cannot go by example. */
static bool list(Chain *c, const Node *n)
{
    n = again_of(n);
    if (find(c, n, false))
        return true;
    if (is_free(n) || c->link.n >= MOST_NODES)
        return false;
    if (n->op == OP_INPUT || n->op == OP_CHECK || !c->out->is_inside(c->out->context, n)) {
        add(c, n, SLICE);
        return n->type.rank && n->type.dim[0] == c->batch;
    }
    bool *batched = NEWN(c->a, bool, n->nin + 1);
    if (!goes(c->a, n, c->batch, batched))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (batched[i] && !list(c, n->in[i]))
            return false;
        else if (!batched[i] && again_of(n->in[i])->op != OP_CONST)
            add(c, again_of(n->in[i]), INVARIANT);
    add(c, n, INSIDE);
    return true;
}

static bool has_slices(const Chain *c)
{
    for (int i = 0; i < c->link.n; i++)
        if (c->link.at[i].place == SLICE)
            return true;
    return false;
}

bool reads_by_example(Arena *a, const Node *n, const Outside *out, void (*enters)(void *context, const Node *n))
{
    Arena *work = arena_inner(a);
    Chain c = {.out = out, .a = work, .batch = n->type.rank ? n->type.dim[0] : 1};
    bool may = c.batch > 1 && list(&c, n) && has_slices(&c);
    for (int i = 0; may && i < c.link.n; i++)
        if (c.link.at[i].place == SLICE)
            enters(out->context, c.link.at[i].node);
    arena_free(work);
    return may;
}

/* ---- making it ----------------------------------------------------------------------------------------------- */
static Node *operand(const Chain *c, const Node *n, bool batched)
{
    n = again_of(n);
    if (!batched && n->op == OP_CONST)
        return node_const(c->body, n->type.dt, n->attr.constant.value);
    return find(c, n, !batched)->made;
}

static Node *inside(const Chain *c, const Node *n)
{
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
    return made;
}

/* The body's input for the i-th of what enters in that place. */
static Node *input(const Chain *c, const Link *link, int i)
{
    const Node *n = link->node;
    if (link->place == INVARIANT)
        return fn_input(c->body, ROLE_INVARIANT, i, n->name, n->type);
    Type one = n->type;
    one.dim[0] = 1;
    return node_reshape(c->body, fn_input(c->body, ROLE_SLICE, i, n->name, type_drop(n->type, 0)), one.rank, one.dim);
}

/* In `in`, what enters in that place. */
static int enter(const Chain *c, Place place, Node **in)
{
    int n = 0;
    for (int i = 0; i < c->link.n; i++)
        if (c->link.at[i].place == place) {
            in[n] = c->out->value(c->out->context, c->link.at[i].node);
            c->link.at[i].made = input(c, &c->link.at[i], n++);
        }
    return n;
}

Node *make_by_example(const Node *n, const Outside *out)
{
    Arena *a = out->to->a;
    Chain c = {.out = out, .a = a, .batch = n->type.dim[0], .body = fn_new(a, "example")};
    if (!list(&c, n))
        return NULL;
    Node **in = NEWN(a, Node *, c.link.n + 1);
    int nslice = enter(&c, SLICE, in), ninvariant = enter(&c, INVARIANT, in + nslice);
    for (int i = 0; i < c.link.n; i++)
        if (c.link.at[i].place == INSIDE)
            c.link.at[i].made = inside(&c, c.link.at[i].node);
    Type t = type_drop(n->type, 0);
    fn_result(c.body, ROLE_YIELD, 0, n->name, node_reshape(c.body, find(&c, n, false)->made, t.rank, t.dim));
    Span span = out->to->span;
    out->to->span = n->span;
    Node *scan = node_scan(out->to, c.body, 0, nslice, 1, false, nslice + ninvariant, in);
    Node *result = node_result(out->to, scan, 0);
    out->to->span = span;
    if (!result->name)
        result->name = n->name;
    return result;
}
