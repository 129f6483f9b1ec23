/* SPDX-License-Identifier: MIT */
/* pick.c: leaves, and operands for what is being made: values there are, stretched, or new ones. */
#include "grow.h"

#include <math.h>

int64_t draw(Grower *g, int64_t n)
{
    return random_below(g->state, n);
}

bool chance(Grower *g, int one_in)
{
    return draw(g, one_in) == 0;
}

void keep(Grower *g, Node *n, double most)
{
    if (!n)
        return;
    vec_push(g->a, &g->node, n);
    vec_push(g->a, &g->most, most);
}

/* The node, or NULL where these do not fit together or would be too large. */
Node *make(Grower *g, Op op, int nin, Node *const *in, const Attr *attr)
{
    static const Attr none;
    Type t;
    attr = attr ? attr : &none;
    for (int i = 0; i < nin; i++)
        if (!in[i])
            return NULL;
    if (node_infer(g->a, op, nin, in, attr, &t) || type_count(t) > MOST_ELEMENTS || t.rank > 6)
        return NULL;
    return g->as_is ? node_make_as_is(g->fn, op, nin, in, attr) : node_make(g->fn, op, nin, in, attr);
}

Node *make1(Grower *g, Op op, Node *x, const Attr *attr)
{
    return make(g, op, 1, &x, attr);
}

Node *make2(Grower *g, Op op, Node *x, Node *y)
{
    return make(g, op, 2, (Node *[]){x, y}, NULL);
}

/* ---- leaves -------------------------------------------------------------------------------------- */
Node *full(Grower *g, Type t, double value)
{
    Attr constant = {.constant = {.value = value, .dt = t.dt}}, broadcast = {.broadcast = {.type = t}};
    Node *scalar = make(g, OP_CONST, 0, NULL, &constant);
    return t.rank ? make1(g, OP_BROADCAST, scalar, &broadcast) : scalar;
}

double some_number(Grower *g, DType dt)
{
    static const double whole[] = {0, 1, -1, 2, 3, -2}, real[] = {0.5, -0.25, 1.5, 0.1f, 3, -1, 2, 0, 1},
                        special[] = {INFINITY, -INFINITY, NAN, 0, 3e38f, 1e-40f, 1};
    if (dt == DT_BOOL)
        return (double)draw(g, 2);
    if (dt == DT_U8)
        return (double)draw(g, 256);
    if (dt == DT_I32)
        return g->mood == SPECIAL && chance(g, 2) ? INT32_MIN + (double)draw(g, 3) : (double)draw(g, 9) - 3;
    const double value = g->mood == SPECIAL ? special[draw(g, LEN(special))]
                         : g->mood == REAL  ? real[draw(g, LEN(real))]
                                            : whole[draw(g, LEN(whole))];
    return dt == DT_F32 ? (double)(float)value : value;
}

int64_t some_extent(Grower *g)
{
    static const int64_t extents[] = {1, 1,  2,  2,  3,  3,  4,  5,  5,  6,  7,  7,  8,
                                      9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65};
    return extents[draw(g, chance(g, 3) ? LEN(extents) : 12)];
}

Type some_type(Grower *g, DType dt)
{
    static const int ranks[] = {0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5};
    Type t = {.dt = dt, .rank = ranks[draw(g, LEN(ranks))]};
    for (int i = 0; i < t.rank; i++) {
        t.dim[i] = some_extent(g);
        while (type_count((Type){.rank = i + 1, .dim = {t.dim[0], t.dim[1], t.dim[2], t.dim[3], t.dim[4]}}) >
               900)
            t.dim[i] = (t.dim[i] + 1) / 2;
    }
    return t;
}

DType some_dtype(Grower *g)
{
    return chance(g, 4) ? (DType)draw(g, DT_COUNT) : DT_F32;
}

/* An input of the function; in a body, which has only those of its loop, a constant. */
Node *new_input(Grower *g, Type t, const char *name)
{
    if (g->depth)
        return full(g, t, some_number(g, t.dt));
    static const char *const names[] = {"x", "real", "special"};
    static const Role roles[] = {ROLE_INPUT, ROLE_INPUT, ROLE_TARGET, ROLE_STATE, ROLE_OPTIMIZER};
    Role role = t.dt == DT_F32 && !name && !chance(g, 3) ? ROLE_PARAM : roles[draw(g, name ? 2 : LEN(roles))];
    int index = role == ROLE_PARAM ? g->nparam++ : g->ninput++;
    return fn_input(g->fn, role, index, name ? name : names[g->mood], t);
}

double input_most(const Grower *g, DType dt)
{
    return dt == DT_U8 ? 255 : dt == DT_BOOL ? 1 : g->mood == SPECIAL ? 100 : 3;
}

void grow_input(Grower *g)
{
    if (g->depth || g->ninput + g->nparam > 9)
        return;
    DType dt = some_dtype(g);
    keep(g, new_input(g, some_type(g, dt), NULL), input_most(g, dt));
}

void grow_const(Grower *g)
{
    DType dt = some_dtype(g);
    double value = some_number(g, dt);
    keep(g, full(g, some_type(g, dt), value), fabs(value));
}

void grow_iota(Grower *g)
{
    Attr attr = {.shape = {.type = type_make(DT_I32, 1, (int64_t[]){some_extent(g)})}};
    keep(g, make(g, OP_IOTA, 0, NULL, &attr), (double)attr.shape.type.dim[0]);
}

/* ---- picking operands ---------------------------------------------------------------------------- */
static double number_of_most(double most)
{
    return isfinite(most) ? most : 1e30;
}

/* A value not above CLAMP in size. */
Node *clamped(Grower *g, Node *x)
{
    if (x->type.dt != DT_F32 && x->type.dt != DT_I32)
        return x;
    if (g->mood == REAL && x->type.dt == DT_F32 && chance(g, 2))
        return make1(g, OP_TANH, x, NULL);
    return make2(g, OP_MAX2, make2(g, OP_MIN2, x, full(g, x->type, CLAMP)), full(g, x->type, -CLAMP));
}

Node *limited(Grower *g, int i, double limit, double *most)
{
    Node *x = g->node.at[i];
    *most = g->most.at[i];
    if (number_of_most(*most) <= limit || g->mood == SPECIAL || x->type.dt == DT_U8)
        return x;
    *most = CLAMP;
    return clamped(g, x);
}

/* A value of the list of this element type (DT_COUNT: any), the later ones more likely, limited; or a new
 * one. */
Node *pick(Grower *g, DType dt, double limit, double *most)
{
    for (int tries = 0; tries < 20 && g->node.n; tries++) {
        int i = (int)draw(g, g->node.n);
        if (chance(g, 2))
            i = g->node.n - 1 - (int)draw(g, g->node.n < 4 ? g->node.n : 4);
        if (dt == DT_COUNT || g->node.at[i]->type.dt == dt)
            return limited(g, i, limit, most);
    }
    dt = dt == DT_COUNT ? DT_F32 : dt;
    *most = input_most(g, dt);
    Node *x = new_input(g, some_type(g, dt), NULL);
    keep(g, x, *most);
    return x;
}

Node *pick_ranked(Grower *g, DType dt, double limit, double *most, int least, int greatest)
{
    for (int tries = 0; tries < TRIES; tries++) {
        Node *x = pick(g, dt, limit, most);
        if (x->type.rank >= least && x->type.rank <= greatest)
            return x;
    }
    return NULL;
}

/* Something smaller stretched to t: an axis left out, or of extent 1, or a scalar. */
Node *stretched(Grower *g, Type t, double *most)
{
    Type small = t;
    Attr attr = {.broadcast = {.type = t}};
    int gone = t.rank ? (int)draw(g, t.rank) : 0;
    *most = input_most(g, t.dt);
    if (!t.rank)
        return new_input(g, t, NULL);
    switch (draw(g, 3)) {
    case 0:
        small = type_drop(t, gone);
        attr.broadcast.n = small.rank;
        for (int i = 0; i < small.rank; i++)
            attr.broadcast.axis[i] = i < gone ? i : i + 1;
        break;
    case 1:
        small.dim[gone] = 1;
        attr.broadcast.n = small.rank;
        for (int i = 0; i < small.rank; i++)
            attr.broadcast.axis[i] = i;
        break;
    default:
        small = type_scalar(t.dt);
    }
    Node *x = NULL;
    for (int i = g->node.n - 1; i >= 0 && !x; i--)
        if (type_eq(g->node.at[i]->type, small) && chance(g, 2)) {
            x = g->node.at[i];
            *most = g->most.at[i];
        }
    return make1(g, OP_BROADCAST, x ? x : new_input(g, small, NULL), &attr);
}

/* Another value of this type: from the list, stretched, or new. */
Node *partner(Grower *g, Type t, double limit, double *most)
{
    int start = g->node.n ? (int)draw(g, g->node.n) : 0;
    for (int k = 0; k < g->node.n && !chance(g, 12); k++) {
        int i = (start + k) % g->node.n;
        if (type_eq(g->node.at[i]->type, t))
            return limited(g, i, limit, most);
    }
    if (!chance(g, 3)) {
        Node *x = stretched(g, t, most);
        if (x && (number_of_most(*most) <= limit || g->mood == SPECIAL))
            return x;
    }
    *most = input_most(g, t.dt);
    return chance(g, 3) ? full(g, t, some_number(g, t.dt)) : new_input(g, t, NULL);
}
