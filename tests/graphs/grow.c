/* SPDX-License-Identifier: MIT */
/* grow.c: graphs at random, the same for the same seed.
 *
 * A graph is of one mood: whole numbers, whose sums and products floats hold exactly, however they are computed; real numbers;
 * or special ones, infinities, NaN and numbers that overflow among them. `most` is a guess of how large a value is, so that values
 * are clamped before they grow beyond what is of interest; whether they were is bound.c's to say. */
#include "graphs.h"
#include "compiler/ops/ops.h"

#include <math.h>
#include <string.h>

enum { MOST_ELEMENTS = 1500, MOST_WORK = 60000, CLAMP = 4, TRIES = 12 };

typedef enum Mood { WHOLE, REAL, SPECIAL } Mood;

typedef struct Grower {
    Arena *a;
    Fn *fn;
    VEC(Node *) node;
    VEC(double) most;   /* by node of the list */
    Mood mood;
    bool as_is;         /* nothing is simplified as it is made */
    bool loops;         /* more of them, with longer bodies */
    int ninput, nparam, depth;
    uint64_t *state;
} Grower;

static int64_t draw(Grower *g, int64_t n)
{
    return random_below(g->state, n);
}

static bool chance(Grower *g, int one_in)
{
    return draw(g, one_in) == 0;
}

static void keep(Grower *g, Node *n, double most)
{
    if (!n)
        return;
    vec_push(g->a, &g->node, n);
    vec_push(g->a, &g->most, most);
}

/* The node, or NULL where these do not fit together or would be too large. */
static Node *make(Grower *g, Op op, int nin, Node *const *in, const Attr *attr)
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

static Node *make1(Grower *g, Op op, Node *x, const Attr *attr)
{
    return make(g, op, 1, &x, attr);
}

static Node *make2(Grower *g, Op op, Node *x, Node *y)
{
    return make(g, op, 2, (Node *[]){x, y}, NULL);
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */
static Node *full(Grower *g, Type t, double value)
{
    Attr constant = {.constant = {.value = value, .dt = t.dt}}, broadcast = {.broadcast = {.type = t}};
    Node *scalar = make(g, OP_CONST, 0, NULL, &constant);
    return t.rank ? make1(g, OP_BROADCAST, scalar, &broadcast) : scalar;
}

static double some_number(Grower *g, DType dt)
{
    static const double whole[] = {0, 1, -1, 2, 3, -2}, real[] = {0.5, -0.25, 1.5, 0.1f, 3, -1, 2, 0, 1}, special[] = {INFINITY, -INFINITY, NAN, 0, 3e38f, 1e-40f, 1};
    if (dt == DT_BOOL)
        return (double)draw(g, 2);
    if (dt == DT_U8)
        return (double)draw(g, 256);
    if (dt == DT_I32)
        return g->mood == SPECIAL && chance(g, 2) ? INT32_MIN + (double)draw(g, 3) : (double)draw(g, 9) - 3;
    const double value = g->mood == SPECIAL ? special[draw(g, LEN(special))] : g->mood == REAL ? real[draw(g, LEN(real))] : whole[draw(g, LEN(whole))];
    return dt == DT_F32 ? (double)(float)value : value;
}

static int64_t some_extent(Grower *g)
{
    static const int64_t extents[] = {1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65};
    return extents[draw(g, chance(g, 3) ? LEN(extents) : 12)];
}

static Type some_type(Grower *g, DType dt)
{
    static const int ranks[] = {0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5};
    Type t = {.dt = dt, .rank = ranks[draw(g, LEN(ranks))]};
    for (int i = 0; i < t.rank; i++) {
        t.dim[i] = some_extent(g);
        while (type_count((Type){.rank = i + 1, .dim = {t.dim[0], t.dim[1], t.dim[2], t.dim[3], t.dim[4]}}) > 900)
            t.dim[i] = (t.dim[i] + 1) / 2;
    }
    return t;
}

static DType some_dtype(Grower *g)
{
    return chance(g, 4) ? (DType)draw(g, DT_COUNT) : DT_F32;
}

/* An input of the function; in a body, which has only those of its loop, a constant. */
static Node *new_input(Grower *g, Type t, const char *name)
{
    if (g->depth)
        return full(g, t, some_number(g, t.dt));
    static const char *const names[] = {"x", "real", "special"};
    static const Role roles[] = {ROLE_INPUT, ROLE_INPUT, ROLE_TARGET, ROLE_STATE, ROLE_OPTIMIZER};
    Role role = t.dt == DT_F32 && !name && !chance(g, 3) ? ROLE_PARAM : roles[draw(g, name ? 2 : LEN(roles))];
    int index = role == ROLE_PARAM ? g->nparam++ : g->ninput++;
    return fn_input(g->fn, role, index, name ? name : names[g->mood], t);
}

static double input_most(const Grower *g, DType dt)
{
    return dt == DT_U8 ? 255 : dt == DT_BOOL ? 1 : g->mood == SPECIAL ? 100 : 3;
}

static void grow_input(Grower *g)
{
    if (g->depth || g->ninput + g->nparam > 9)
        return;
    DType dt = some_dtype(g);
    keep(g, new_input(g, some_type(g, dt), NULL), input_most(g, dt));
}

static void grow_const(Grower *g)
{
    DType dt = some_dtype(g);
    double value = some_number(g, dt);
    keep(g, full(g, some_type(g, dt), value), fabs(value));
}

static void grow_iota(Grower *g)
{
    Attr attr = {.shape = {.type = type_make(DT_I32, 1, (int64_t[]){some_extent(g)})}};
    keep(g, make(g, OP_IOTA, 0, NULL, &attr), (double)attr.shape.type.dim[0]);
}

/* ---- picking operands -------------------------------------------------------------------------------------------- */
static double number_of_most(double most)
{
    return isfinite(most) ? most : 1e30;
}

/* A value not above CLAMP in size. */
static Node *clamped(Grower *g, Node *x)
{
    if (x->type.dt != DT_F32 && x->type.dt != DT_I32)
        return x;
    if (g->mood == REAL && x->type.dt == DT_F32 && chance(g, 2))
        return make1(g, OP_TANH, x, NULL);
    return make2(g, OP_MAX2, make2(g, OP_MIN2, x, full(g, x->type, CLAMP)), full(g, x->type, -CLAMP));
}

static Node *limited(Grower *g, int i, double limit, double *most)
{
    Node *x = g->node.at[i];
    *most = g->most.at[i];
    if (number_of_most(*most) <= limit || g->mood == SPECIAL || x->type.dt == DT_U8)
        return x;
    *most = CLAMP;
    return clamped(g, x);
}

/* A value of the list of this element type (DT_COUNT: any), the later ones more likely, limited; or a new one. */
static Node *pick(Grower *g, DType dt, double limit, double *most)
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

static Node *pick_ranked(Grower *g, DType dt, double limit, double *most, int least, int greatest)
{
    for (int tries = 0; tries < TRIES; tries++) {
        Node *x = pick(g, dt, limit, most);
        if (x->type.rank >= least && x->type.rank <= greatest)
            return x;
    }
    return NULL;
}

/* Something smaller stretched to t: an axis left out, or of extent 1, or a scalar. */
static Node *stretched(Grower *g, Type t, double *most)
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
static Node *partner(Grower *g, Type t, double limit, double *most)
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

/* ---- element-wise operations: any row ---------------------------------------------------------------------------- */
static double value_at(Grower *g, Op op, int nin, Node *const *in, const Attr *attr, const double *at, Type t)
{
    enum { ROOM = 4 };
    Node leaf[ROOM], *operand[ROOM], n = {.id = nin, .op = op, .type = type_scalar(t.dt), .nin = nin, .in = operand, .attr = *attr};
    double number[ROOM + 1] = {0};
    Value value[ROOM + 1];
    for (int i = 0; i < nin; i++) {
        leaf[i] = (Node){.id = i, .type = type_scalar(in[i]->type.dt)};
        operand[i] = &leaf[i];
        number[i] = at[i];
        value[i] = (Value){leaf[i].type, &number[i]};
    }
    value[nin] = (Value){n.type, &number[nin]};
    EvalCtx e = {.a = g->a, .precision = PRECISION_F64, .value = value};
    op_info(op)->eval(&e, &n);
    return number[nin];
}

/* How large results become where operands are this large. */
static double most_of(Grower *g, Op op, int nin, Node *const *in, const Attr *attr, const double *most, Type t)
{
    double largest = 0, at[3] = {0};
    for (int corner = 0; corner < 1 << nin; corner++) {
        for (int i = 0; i < nin; i++) {
            bool positive = must_be_positive(op) >> i & 1;
            at[i] = corner >> i & 1 ? most[i] : positive ? 0.25 : -most[i];
        }
        double size = fabs(value_at(g, op, nin, in, attr, at, t));
        largest = size > largest || isnan(size) ? size : largest;
    }
    return isnan(largest) ? INFINITY : largest;
}

static Node *made_positive(Grower *g, Node *x)
{
    return make2(g, OP_MAX2, make1(g, OP_ABS, x, NULL), full(g, x->type, x->type.dt == DT_F32 && g->mood == REAL ? 0.25 : 1));
}

/* An element type that operand 0 of this operation may have. */
static DType fitting_dtype(Grower *g, Op op)
{
    const OpInfo *info = op_info(op);
    for (int tries = 0; tries < 30; tries++) {
        DType dt = tries < 3 ? some_dtype(g) : (DType)draw(g, DT_COUNT);
        Node leaf = {.type = type_scalar(dt)}, *in[3] = {&leaf, &leaf, &leaf};
        Type t;
        if (!node_infer(g->a, op, info->nin, in, &(Attr){0}, &t))
            return dt;
    }
    return DT_BOOL; /* as select, whose others are of another type */
}

static void grow_element(Grower *g, Op op)
{
    const OpInfo *info = op_info(op);
    double most[3] = {0};
    if (g->mood == WHOLE && !keeps_whole(op) && !chance(g, 8))
        return;
    double limit = op == OP_MUL ? 300 : op == OP_EXP || op == OP_POW ? 5 : 1e6;
    for (int tries = 0; tries < TRIES; tries++) {
        Node *x = pick(g, fitting_dtype(g, op), limit, &most[0]), *in[3] = {x};
        Attr attr = {0};
        Type t;
        if (info->attr == ATTR_DTYPE)
            attr.dtype.dt = (DType)draw(g, DT_COUNT);
        bool chooses = info->nin == 3 && x->type.dt == DT_BOOL;
        Type other = chooses ? type_with(x->type, some_dtype(g)) : x->type;
        for (int i = 1; i < info->nin; i++)
            in[i] = partner(g, other, limit, &most[i]);
        if (!in[info->nin - 1] || node_infer(g->a, op, info->nin, in, &attr, &t))
            continue;
        if (info->nin == 2 && chance(g, 3)) {
            Node *first = in[0];
            double first_most = most[0];
            in[0] = in[1], in[1] = first;
            most[0] = most[1], most[1] = first_most;
        }
        for (int i = 0; i < info->nin; i++)
            if (must_be_positive(op) >> i & 1 && g->mood != SPECIAL && !chance(g, 12) && (in[i]->type.dt == DT_F32 || in[i]->type.dt == DT_I32))
                in[i] = made_positive(g, in[i]);
        keep(g, make(g, op, info->nin, in, &attr), most_of(g, op, info->nin, in, &attr, most, t));
        return;
    }
}

/* ---- moves ------------------------------------------------------------------------------------------------------- */
static void grow_reshape(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Type t = type_scalar(x->type.dt);
    int64_t rest = type_count(x->type);
    if (chance(g, 3)) { /* axes of extent 1 in and out */
        for (int i = 0; i < x->type.rank; i++) {
            if (chance(g, 4) && t.rank < 5)
                t = type_insert(t, t.rank, 1);
            if (x->type.dim[i] != 1 || chance(g, 2))
                t = type_insert(t, t.rank, x->type.dim[i]);
        }
    } else {
        while (rest > 1 && t.rank < 4) {
            int64_t d = 1 + draw(g, rest < 12 ? rest : 12);
            if (rest % d == 0) {
                t = type_insert(t, (int)draw(g, t.rank + 1), d);
                rest /= d;
            }
        }
        if (rest > 1 || chance(g, 2))
            t = type_insert(t, (int)draw(g, t.rank + 1), rest);
    }
    Attr attr = {.shape = {.type = t}};
    keep(g, make1(g, OP_RESHAPE, x, &attr), most);
}

static void grow_permute(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, chance(g, 20) ? 0 : 2, 6);
    if (!x)
        return;
    Attr attr = {.axes = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        int k = (int)draw(g, i + 1);
        attr.axes.axis[i] = attr.axes.axis[k];
        attr.axes.axis[k] = i;
    }
    keep(g, make1(g, OP_PERMUTE, x, &attr), most);
}

static void grow_broadcast(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {.broadcast = {.n = x->type.rank, .type = x->type}};
    for (int i = 0; i < x->type.rank; i++) {
        attr.broadcast.axis[i] = i;
        if (x->type.dim[i] == 1 && chance(g, 2))
            attr.broadcast.type.dim[i] = some_extent(g);
    }
    for (int extra = (int)draw(g, 3); extra > 0 && attr.broadcast.type.rank < 5; extra--) {
        int at = (int)draw(g, attr.broadcast.type.rank + 1);
        attr.broadcast.type = type_insert(attr.broadcast.type, at, chance(g, 2) ? some_extent(g) : 1 + draw(g, 3));
        for (int i = 0; i < x->type.rank; i++)
            attr.broadcast.axis[i] += attr.broadcast.axis[i] >= at;
    }
    keep(g, make1(g, OP_BROADCAST, x, &attr), most);
}

static void grow_slice(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {.slice = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        bool all = chance(g, 2);
        attr.slice.start[i] = all || chance(g, 2) ? 0 : draw(g, x->type.dim[i]);
        attr.slice.limit[i] = all ? x->type.dim[i] : attr.slice.start[i] + 1 + draw(g, x->type.dim[i] - attr.slice.start[i]);
        attr.slice.stride[i] = all && chance(g, 2) ? 1 : 1 + draw(g, 3);
    }
    keep(g, make1(g, OP_SLICE, x, &attr), most);
}

static void grow_pad(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, chance(g, 20) ? 0 : 1, 5);
    if (!x)
        return;
    double value = chance(g, 3) ? some_number(g, x->type.dt) : 0;
    Attr attr = {.pad = {.n = x->type.rank, .value = value}};
    for (int i = 0; i < x->type.rank; i++) {
        if (!chance(g, x->type.rank))
            continue;
        attr.pad.lo[i] = draw(g, 3) * (1 + draw(g, 2));
        attr.pad.hi[i] = draw(g, 3);
        attr.pad.interior[i] = chance(g, 3) ? draw(g, 3) : 0;
    }
    keep(g, make1(g, OP_PAD, x, &attr), fmax(most, fabs(value)));
}

static int some_axes(Grower *g, int rank, int *axis)
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (chance(g, 2))
            axis[n++] = i;
    return n;
}

static void grow_reverse(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {0};
    attr.axes.n = some_axes(g, x->type.rank, attr.axes.axis);
    keep(g, make1(g, OP_REVERSE, x, &attr), most);
}

/* Of itself, of others of its type, of slices of these. */
static void grow_concat(Grower *g)
{
    double most, other;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 5), *in[4] = {x};
    int n = 1 + (int)draw(g, 4);
    if (!x)
        return;
    Attr attr = {.axis = {.axis = (int)draw(g, x->type.rank)}};
    for (int k = 1; k < n; k++) {
        in[k] = chance(g, 4) ? x : partner(g, x->type, 1e6, &other);
        if (in[k] && chance(g, 2)) {
            Attr slice = {.slice = {.n = x->type.rank}};
            for (int i = 0; i < x->type.rank; i++) {
                slice.slice.limit[i] = x->type.dim[i];
                slice.slice.stride[i] = 1;
            }
            slice.slice.start[attr.axis.axis] = draw(g, x->type.dim[attr.axis.axis]);
            in[k] = make1(g, OP_SLICE, in[k], &slice);
        }
        most = in[k] != x ? fmax(most, other) : most;
    }
    keep(g, make(g, OP_CONCAT, n, in, &attr), most);
}

static void grow_window(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 5);
    if (!x)
        return;
    int axis = (int)draw(g, x->type.rank);
    int64_t extent = x->type.dim[axis], dilation = 1 + draw(g, 2);
    Attr attr = {.window = {.axis = axis, .stride = 1 + draw(g, 3), .dilation = dilation}};
    attr.window.size = 1 + draw(g, chance(g, 2) && extent > 3 ? 3 : (extent - 1) / dilation + 1);
    keep(g, make1(g, OP_WINDOW, x, &attr), most);
}

/* The adjoint of a window, of one that was taken or of any two axes that are like one. */
static void grow_fold(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, chance(g, 8) ? DT_I32 : DT_F32, 1000, &most, 2, 6);
    if (!x)
        return;
    for (int tries = 0; tries < TRIES; tries++) {
        int axis = (int)draw(g, x->type.rank - 1);
        Attr attr = {.window = {.axis = axis, .size = x->type.dim[axis + 1], .stride = 1 + draw(g, 4), .dilation = 1 + draw(g, 2)}};
        if (x->op == OP_WINDOW && chance(g, 2)) {
            attr.window = x->attr.window;
            attr.window.extent = x->in[0]->type.dim[attr.window.axis];
        } else {
            attr.window.extent = (x->type.dim[axis] - 1) * attr.window.stride + (attr.window.size - 1) * attr.window.dilation + 1 +
                                 draw(g, 2) * draw(g, attr.window.stride);
        }
        Node *y = make1(g, OP_FOLD, x, &attr);
        if (y) {
            keep(g, y, most * (double)attr.window.size);
            return;
        }
    }
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */
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

static void grow_sum(Grower *g)
{
    grow_reduce(g, OP_SUM);
}

static void grow_max(Grower *g)
{
    grow_reduce(g, OP_MAX);
}

static void grow_argmax(Grower *g)
{
    grow_reduce(g, OP_ARGMAX);
}

/* ---- contractions ------------------------------------------------------------------------------------------------ */
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

static void grow_dot(Grower *g)
{
    double x_most, y_most;
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

static void grow_conv(Grower *g)
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
    Node *kernel = chance(g, 3) ? partner(g, t, 60, &work) : new_input(g, t, NULL), *y = make(g, OP_CONV, 2, (Node *[]){x, kernel}, &at);
    most *= 3 * k;
    keep(g, epilogue(g, y, &most), most);
}

/* ---- indices ----------------------------------------------------------------------------------------------------- */
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
        } /* fall through */
    case 1: /* a number below `limit` steps, as positions are */
        for (int i = g->node.n - 1; i >= 0 && !x; i--) {
            Node *n = g->node.at[i];
            bool position = n->op == OP_ARGMAX && n->in[0]->type.rank && type_count(n->in[0]->type) == limit * type_count(n->type);
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

static void grow_check(Grower *g)
{
    int64_t limit = some_extent(g);
    Attr attr = {.limit = {.limit = limit + draw(g, 2)}};
    Node *x = some_index(g, limit);
    keep(g, x ? make1(g, OP_CHECK, x, &attr) : NULL, (double)limit);
}

static void grow_gather(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 4), *index = x ? some_index(g, x->type.dim[0]) : NULL;
    keep(g, index ? make2(g, OP_GATHER, x, index) : NULL, most);
}

static void grow_scatter(Grower *g)
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
    keep(g, updates ? make(g, OP_SCATTER, 2, (Node *[]){index, updates}, &attr) : NULL, most * (double)type_count(index->type));
}

/* ---- random numbers, loops --------------------------------------------------------------------------------------- */
static void grow_random(Grower *g)
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

static void grow(Grower *g);

enum { MOST_CARRIES = 3, MOST_SLICES = 2, MOST_INVARIANTS = 2, MOST_OPERANDS = MOST_CARRIES + MOST_SLICES + MOST_INVARIANTS, MOST_YIELDS = 3 };

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
        if (type_eq(body->node.at[i]->type, carry->type) && (body->node.at[i] != carry || chance(body, 4)) && !chance(body, 3))
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
    Grower body = {.a = g->a, .fn = fn_new(g->a, "step"), .mood = g->mood, .as_is = g->as_is, .loops = g->loops, .depth = g->depth + 1, .state = g->state};
    for (int i = 0; i < l->nin; i++) {
        Role role = i < l->ncarry ? ROLE_CARRY : i < l->ncarry + l->nslice ? ROLE_SLICE : ROLE_INVARIANT;
        int index = i - (role == ROLE_CARRY ? 0 : role == ROLE_SLICE ? l->ncarry : l->ncarry + l->nslice);
        Type t = role == ROLE_SLICE ? type_drop(l->in[i]->type, 0) : l->in[i]->type;
        keep(&body, fn_input(body.fn, role, index, role == ROLE_CARRY ? "c" : role == ROLE_SLICE ? "s" : "w", t), CLAMP);
    }
    for (int i = 2 + (int)draw(g, g->loops ? 20 : 7); i > 0; i--)
        grow(&body);
    for (int i = 0; i < l->ncarry; i++)
        fn_result(body.fn, ROLE_CARRY, i, "c", next_of(&body, body.fn->input.at[i].node));
    for (int tries = 0; l->nyield < MOST_YIELDS && body.node.n && tries < 6; tries++) {
        double most;
        Node *x = limited(&body, body.node.n - 1 - (int)draw(&body, body.node.n), 1e4, &most);
        if (x && x->type.rank < 5 && type_count(x->type) * l->length <= MOST_ELEMENTS && (!chance(&body, 3) || l->nyield + l->ncarry == 0))
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

static void grow_scan(Grower *g)
{
    double most;
    Loop l = {.length = 1 + draw(g, 6)};
    if (g->depth > 2 || (g->depth && !chance(g, 2)))
        return;
    int ncarry = (int)draw(g, MOST_CARRIES + 1), nslice = (int)draw(g, MOST_SLICES + 1), ninvariant = (int)draw(g, MOST_INVARIANTS + 1);
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
    Attr attr = {.scan = {.body = body, .ncarry = l.ncarry, .nslice = l.nslice, .nyield = l.nyield, .length = l.length, .reverse = (int)draw(g, 2)}};
    Node *scan = make(g, OP_SCAN, l.nin, l.in, &attr);
    for (int i = 0; scan && i < l.ncarry + l.nyield; i++) {
        Attr index = {.index = {.index = i}};
        Node *x = make1(g, OP_RESULT, scan, &index);
        keep(g, x, x && x->type.dt == DT_U8 ? 255 : i < l.ncarry && body->result.at[i].node->type.dt == DT_F32 ? CLAMP * 2 : 1e4);
    }
}

/* ---- what models are made of ------------------------------------------------------------------------------------- */
/* The gradient of a split: parts put back into their places and added. */
static void grow_parts(Grower *g)
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
    Attr reduce = {.axes = {.n = 1, .axis = {axis}}}, back = {.broadcast = {.n = x->type.rank - 1, .type = x->type}};
    for (int i = 0; i < x->type.rank - 1; i++)
        back.broadcast.axis[i] = i < axis ? i : i + 1;
    return make1(g, OP_BROADCAST, make1(g, op, x, &reduce), &back);
}

static void grow_softmax(Grower *g)
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

static void grow_normalized(Grower *g)
{
    double most;
    Node *x = g->mood == WHOLE ? NULL : pick_ranked(g, DT_F32, 100, &most, 1, 4);
    if (!x)
        return;
    int axis = (int)draw(g, x->type.rank);
    double share = 1 / (double)x->type.dim[axis];
    Node *mean = make2(g, OP_MUL, reduced_and_back(g, OP_SUM, x, axis), full(g, x->type, (double)(float)share));
    Node *apart = make2(g, OP_SUB, x, mean), *square = make2(g, OP_MUL, apart, apart);
    Node *variance = make2(g, OP_ADD, reduced_and_back(g, OP_SUM, square, axis), full(g, x->type, 0.125));
    keep(g, make2(g, OP_DIV, apart, make1(g, OP_SQRT, variance, NULL)), sqrt((double)x->type.dim[axis]));
}

/* A maximum or a sum over windows along one axis or two. */
static void grow_pool(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_F32, 1000, &most, 2, 4);
    if (!x)
        return;
    Attr attr = {.window = {.axis = 0, .size = 2 + draw(g, 2), .stride = 1 + draw(g, 3), .dilation = 1}}, over = {.axes = {.n = 2, .axis = {1, 3}}};
    Node *w = make1(g, OP_WINDOW, x, &attr);
    attr.window.axis = 2;
    w = w ? make1(g, OP_WINDOW, w, &attr) : NULL;
    keep(g, w ? make1(g, chance(g, 2) ? OP_MAX : OP_SUM, w, &over) : NULL, most * 9);
}

/* The same operation once more, upon what it has made: what rewrites of pairs look for. */
static void grow_again(Grower *g)
{
    Node *in[4];
    for (int i = g->node.n - 1; i >= 0; i--) {
        const Node *n = g->node.at[i];
        if (n->nin < 1 || n->nin > LEN(in) || n->op == OP_RESULT || n->op == OP_EXP || n->op == OP_GATHER || chance(g, 3))
            continue;
        for (int k = 0; k < n->nin; k++)
            in[k] = n->in[k];
        in[draw(g, n->nin)] = g->node.at[i];
        keep(g, make(g, n->op, n->nin, in, &n->attr), g->most.at[i] * g->most.at[i]);
        return;
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */
typedef void Maker(Grower *g);
static Maker *const makers[OP_COUNT] = {
    [OP_INPUT] = grow_input,   [OP_CONST] = grow_const,         [OP_IOTA] = grow_iota,       [OP_RANDOM] = grow_random,
    [OP_RESHAPE] = grow_reshape, [OP_PERMUTE] = grow_permute,   [OP_BROADCAST] = grow_broadcast, [OP_SLICE] = grow_slice,
    [OP_PAD] = grow_pad,       [OP_REVERSE] = grow_reverse,     [OP_CONCAT] = grow_concat,   [OP_WINDOW] = grow_window,
    [OP_FOLD] = grow_fold,     [OP_SUM] = grow_sum,             [OP_MAX] = grow_max,         [OP_ARGMAX] = grow_argmax,
    [OP_DOT] = grow_dot,       [OP_CONV] = grow_conv,           [OP_CHECK] = grow_check,     [OP_GATHER] = grow_gather,
    [OP_SCATTER] = grow_scatter, [OP_SCAN] = grow_scan,         [OP_RESULT] = grow_scan,
};

/* An element-wise row needs no maker: any values of fitting types will do. */
static bool makes_itself(Op op)
{
    const OpInfo *info = op_info(op);
    return info->class == CLASS_ELEMENT && info->nin >= 1 && info->nin <= 3 && (info->attr == ATTR_NONE || info->attr == ATTR_DTYPE);
}

const char *grow_problem(Arena *a)
{
    for (int op = 0; op < OP_COUNT; op++)
        if (!makers[op] && !makes_itself((Op)op))
            return arena_printf(a, "tests/graphs/grow.c has no way to make %s", op_info((Op)op)->text);
    return NULL;
}

static void grow(Grower *g)
{
    static Maker *const models[] = {grow_parts, grow_softmax, grow_normalized, grow_pool, grow_again, grow_again};
    static const OpClass classes[] = {
        CLASS_ELEMENT, CLASS_ELEMENT, CLASS_ELEMENT, CLASS_ELEMENT, CLASS_ELEMENT, CLASS_ELEMENT, CLASS_MOVE,     CLASS_MOVE,
        CLASS_MOVE,    CLASS_MOVE,    CLASS_MOVE,    CLASS_MOVE,    CLASS_REDUCE,  CLASS_REDUCE,  CLASS_REDUCE,   CLASS_CONTRACT,
        CLASS_CONTRACT, CLASS_INDEX,  CLASS_LOOP,    CLASS_LEAF,
    };
    if (chance(g, 12)) {
        models[draw(g, LEN(models))](g);
        return;
    }
    OpClass class = g->loops && !g->depth && chance(g, 4) ? CLASS_LOOP : classes[draw(g, LEN(classes))];
    Op op;
    do
        op = (Op)draw(g, OP_COUNT);
    while (op_info(op)->class != class);
    if (makers[op])
        makers[op](g);
    else
        grow_element(g, op);
}

static bool has_result(const Fn *fn, Role role, int index)
{
    return fn_find_result(fn, role, index) != NULL;
}

/* New values in the place of parameters and the like, where the shapes allow. */
static void replace_inputs(Grower *g)
{
    for (int i = 0; i < g->fn->input.n; i++) {
        const Port *port = &g->fn->input.at[i];
        if (port->role == ROLE_INPUT || port->role == ROLE_TARGET || port->role == ROLE_SEED || port->role == ROLE_STEP || chance(g, 3))
            continue;
        for (int k = g->node.n - 1; k >= 0; k--) {
            Node *n = g->node.at[k];
            if (type_eq(n->type, port->node->type) && (n != port->node || chance(g, 3)) && !has_result(g->fn, port->role, port->index)) {
                fn_result(g->fn, port->role, port->index, port->name, n);
                break;
            }
        }
    }
}

Fn *grow_graph(Arena *a, uint64_t seed)
{
    uint64_t state = seed;
    Grower g = {.a = a, .fn = fn_new(a, "f"), .state = &state};
    g.mood = (Mood[]){WHOLE, WHOLE, WHOLE, REAL, REAL, SPECIAL}[draw(&g, 6)];
    g.as_is = chance(&g, 2);
    g.loops = chance(&g, 5);
    for (int i = 1 + (int)draw(&g, 3); i > 0; i--)
        keep(&g, new_input(&g, some_type(&g, DT_F32), NULL), input_most(&g, DT_F32));
    for (int i = 3 + (int)draw(&g, chance(&g, 5) ? 40 : 12); i > 0; i--)
        grow(&g);
    int noutput = 0;
    for (int i = g.node.n - 1; i >= 0 && noutput < 4; i -= 1 + (int)draw(&g, 4))
        fn_result(g.fn, ROLE_OUTPUT, noutput++, "y", g.node.at[i]);
    replace_inputs(&g);
    return fn_prune(g.fn);
}
