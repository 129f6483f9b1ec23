/* SPDX-License-Identifier: MIT */
/* grow_loops.c: loops, random numbers, and what models are made of. */
#include "grow.h"

#include <math.h>

/* ---- random numbers, loops ----------------------------------------------------------------------- */
void grow_random(Grower *g)
{
    Type pair = type_make(DT_I32, 1, (int64_t[]){2}), one = type_scalar(DT_I32);
    double most;
    Node *seed = NULL, *step = NULL;
    for (int i = g->node.n - 1; i >= 0; i--) {
        seed = seed || !type_eq(g->node.at[i]->type, pair) ? seed : g->node.at[i];
        step = step || !type_eq(g->node.at[i]->type, one) ? step : g->node.at[i];
    }
    if (!seed || chance(g, 3))
        seed = g->depth ? full(g, pair, 7) : fn_input(g->fn, ROLE_SEED, 0, "x", pair);
    if (!step || chance(g, 3))
        step = g->depth ? full(g, one, 3) : fn_input(g->fn, ROLE_STEP, 0, "x", one);
    Attr attr = {.random = {.salt = (uint32_t)random_next(g->state), .type = some_type(g, DT_F32)}};
    Node *x = make(g, OP_RANDOM, 2, (Node *[]){seed, step}, &attr);
    most = 1;
    if (x && g->mood == WHOLE) { /* back to whole numbers: the fraction is exact */
        x = make1(g, OP_FLOOR, make2(g, OP_MUL, x, full(g, x->type, 8)), NULL);
        most = 8;
    }
    keep(g, x, most);
}

enum {
    MOST_CARRIES = 3,
    MOST_SLICES = 2,
    MOST_INVARIANTS = 2,
    MOST_OPERANDS = MOST_CARRIES + MOST_SLICES + MOST_INVARIANTS,
    MOST_YIELDS = 3
};

typedef struct Loop {
    int ncarry, nslice, ninvariant, nyield, nin;
    int64_t length;
    Node *in[MOST_OPERANDS];
} Loop;

/* What a carry becomes: of its type, and no larger than it may be at the beginning. */
static Node *next_of(Grower *body, Node *carry)
{
    double most = 0;
    Node *x = chance(body, 12) ? carry : NULL;
    for (int i = body->node.n - 1; i >= 0 && !x; i--)
        if (type_eq(body->node.at[i]->type, carry->type) && (body->node.at[i] != carry || chance(body, 4)) &&
            !chance(body, 3))
            x = limited(body, i, CLAMP, &most);
    if (!x)
        x = carry;
    if (carry->type.dt == DT_F32 && chance(body, 4)) {
        Node *sum = make2(body, OP_ADD, carry, x);
        x = body->mood == SPECIAL || chance(body, 2) ? sum : clamped(body, sum);
    }
    return x;
}

static Fn *grow_body(Grower *g, Loop *l)
{
    Grower body = {.a = g->a,
                   .fn = fn_new(g->a, "step"),
                   .mood = g->mood,
                   .as_is = g->as_is,
                   .loops = g->loops,
                   .depth = g->depth + 1,
                   .state = g->state};
    for (int i = 0; i < l->nin; i++) {
        Role role = i < l->ncarry ? ROLE_CARRY : i < l->ncarry + l->nslice ? ROLE_SLICE : ROLE_INVARIANT;
        int index = i - (role == ROLE_CARRY ? 0 : role == ROLE_SLICE ? l->ncarry : l->ncarry + l->nslice);
        Type t = role == ROLE_SLICE ? type_drop(l->in[i]->type, 0) : l->in[i]->type;
        keep(&body,
             fn_input(body.fn, role, index,
                      role == ROLE_CARRY   ? "c"
                      : role == ROLE_SLICE ? "s"
                                           : "w",
                      t),
             CLAMP);
    }
    for (int i = 2 + (int)draw(g, g->loops ? 20 : 7); i > 0; i--)
        grow(&body);
    for (int i = 0; i < l->ncarry; i++)
        fn_result(body.fn, ROLE_CARRY, i, "c", next_of(&body, body.fn->input.at[i].node));
    for (int tries = 0; l->nyield < MOST_YIELDS && body.node.n && tries < 6; tries++) {
        double most;
        Node *x = limited(&body, body.node.n - 1 - (int)draw(&body, body.node.n), 1e4, &most);
        if (x && x->type.rank < 5 && type_count(x->type) * l->length <= MOST_ELEMENTS &&
            (!chance(&body, 3) || l->nyield + l->ncarry == 0))
            fn_result(body.fn, ROLE_YIELD, l->nyield++, "y", x);
    }
    return fn_prune(body.fn);
}

static Node *scan_operand(Grower *g, int64_t most_elements, int least, double *most)
{
    for (int tries = 0; tries < TRIES; tries++) {
        Node *x = pick(g, chance(g, 4) ? DT_COUNT : DT_F32, CLAMP, most);
        if (x->type.rank >= least && x->type.rank <= 4 && type_count(x->type) <= most_elements)
            return x;
    }
    return NULL;
}

void grow_scan(Grower *g)
{
    double most;
    Loop l = {.length = 1 + draw(g, 6)};
    if (g->depth > 2 || (g->depth && !chance(g, 2)))
        return;
    int ncarry = (int)draw(g, MOST_CARRIES + 1), nslice = (int)draw(g, MOST_SLICES + 1),
        ninvariant = (int)draw(g, MOST_INVARIANTS + 1);
    for (; l.ncarry < ncarry && (l.in[l.nin] = scan_operand(g, 120, 0, &most)); l.ncarry++)
        l.nin++;
    for (; l.nslice < nslice && (l.in[l.nin] = scan_operand(g, 900, 1, &most)); l.nslice++) {
        Node *x = l.in[l.nin];
        if (!l.nslice && x->type.dim[0] <= (g->depth ? 8 : 33))
            l.length = x->type.dim[0];
        if (x->type.dim[0] != l.length) { /* a new one, as long as the loop */
            Type t = type_insert(type_drop(x->type, 0), 0, l.length);
            if (type_count(t) > MOST_ELEMENTS)
                break;
            l.in[l.nin] = new_input(g, t, NULL);
        }
        l.nin++;
    }
    for (; l.ninvariant < ninvariant && (l.in[l.nin] = scan_operand(g, 200, 0, &most)); l.ninvariant++)
        l.nin++;
    Fn *body = grow_body(g, &l);
    if (!l.ncarry && !l.nyield)
        return;
    Attr attr = {.scan = {.body = body,
                          .ncarry = l.ncarry,
                          .nslice = l.nslice,
                          .nyield = l.nyield,
                          .length = l.length,
                          .reverse = (int)draw(g, 2)}};
    Node *scan = make(g, OP_SCAN, l.nin, l.in, &attr);
    for (int i = 0; scan && i < l.ncarry + l.nyield; i++) {
        Attr index = {.index = {.index = i}};
        Node *x = make1(g, OP_RESULT, scan, &index);
        keep(g, x,
             x && x->type.dt == DT_U8                                     ? 255
             : i < l.ncarry && body->result.at[i].node->type.dt == DT_F32 ? CLAMP * 2
                                                                          : 1e4);
    }
}

/* ---- what models are made of --------------------------------------------------------------------- */
/* The gradient of a split: parts put back into their places and added. */
void grow_parts(Grower *g)
{
    double most, other;
    Node *x = pick_ranked(g, DT_F32, 1e4, &most, 1, 4), *in[2];
    if (!x)
        return;
    in[0] = x, in[1] = partner(g, x->type, 1e4, &other);
    int axis = (int)draw(g, x->type.rank);
    int64_t gap = draw(g, 2), extent = x->type.dim[axis];
    for (int i = 0; i < 2; i++) {
        Attr attr = {.pad = {.n = x->type.rank}};
        attr.pad.lo[axis] = i ? extent + gap : 0;
        attr.pad.hi[axis] = i ? 0 : extent + gap;
        in[i] = in[i] ? make1(g, OP_PAD, in[i], &attr) : NULL;
    }
    bool turned = chance(g, 2);
    keep(g, in[0] && in[1] ? make2(g, OP_ADD, in[turned], in[!turned]) : NULL, most + other);
}

static Node *reduced_and_back(Grower *g, Op op, Node *x, int axis)
{
    Attr reduce = {.axes = {.n = 1, .axis = {axis}}},
         back = {.broadcast = {.n = x->type.rank - 1, .type = x->type}};
    for (int i = 0; i < x->type.rank - 1; i++)
        back.broadcast.axis[i] = i < axis ? i : i + 1;
    return make1(g, OP_BROADCAST, make1(g, op, x, &reduce), &back);
}

void grow_softmax(Grower *g)
{
    double most;
    Node *x = g->mood == WHOLE ? NULL : pick_ranked(g, DT_F32, 20, &most, 1, 4);
    if (!x)
        return;
    int axis = (int)draw(g, x->type.rank);
    Node *e = make1(g, OP_EXP, make2(g, OP_SUB, x, reduced_and_back(g, OP_MAX, x, axis)), NULL);
    keep(g, e, 1);
    keep(g, make2(g, OP_DIV, e, reduced_and_back(g, OP_SUM, e, axis)), 1);
}

void grow_normalized(Grower *g)
{
    double most;
    Node *x = g->mood == WHOLE ? NULL : pick_ranked(g, DT_F32, 100, &most, 1, 4);
    if (!x)
        return;
    int axis = (int)draw(g, x->type.rank);
    double share = 1 / (double)x->type.dim[axis];
    Node *mean =
        make2(g, OP_MUL, reduced_and_back(g, OP_SUM, x, axis), full(g, x->type, (double)(float)share));
    Node *apart = make2(g, OP_SUB, x, mean), *square = make2(g, OP_MUL, apart, apart);
    Node *variance = make2(g, OP_ADD, reduced_and_back(g, OP_SUM, square, axis), full(g, x->type, 0.125));
    keep(g, make2(g, OP_DIV, apart, make1(g, OP_SQRT, variance, NULL)), sqrt((double)x->type.dim[axis]));
}

/* A maximum or a sum over windows along one axis or two. */
void grow_pool(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_F32, 1000, &most, 2, 4);
    if (!x)
        return;
    Attr attr = {.window = {.axis = 0, .size = 2 + draw(g, 2), .stride = 1 + draw(g, 3), .dilation = 1}},
         over = {.axes = {.n = 2, .axis = {1, 3}}};
    Node *w = make1(g, OP_WINDOW, x, &attr);
    attr.window.axis = 2;
    w = w ? make1(g, OP_WINDOW, w, &attr) : NULL;
    keep(g, w ? make1(g, chance(g, 2) ? OP_MAX : OP_SUM, w, &over) : NULL, most * 9);
}

/* The same operation once more, upon what it has made: what rewrites of pairs look for. */
void grow_again(Grower *g)
{
    Node *in[4];
    for (int i = g->node.n - 1; i >= 0; i--) {
        const Node *n = g->node.at[i];
        if (n->nin < 1 || n->nin > LEN(in) || n->op == OP_RESULT || n->op == OP_EXP || n->op == OP_GATHER ||
            chance(g, 3))
            continue;
        for (int k = 0; k < n->nin; k++)
            in[k] = n->in[k];
        in[n->op == OP_SCATTER ? 1 : draw(g, n->nin)] = g->node.at[i]; /* sums are no indices */
        keep(g, make(g, n->op, n->nin, in, &n->attr), g->most.at[i] * g->most.at[i]);
        return;
    }
}
