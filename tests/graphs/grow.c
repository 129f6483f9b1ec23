/* SPDX-License-Identifier: MIT */
/* grow.c: graphs at random, the same for the same seed.
 *
 * A graph is of one mood: whole numbers, whose sums and products floats hold exactly, however they are
 * computed; real numbers; or special ones, infinities, NaN and numbers that overflow among them. `most` is a
 * guess of how large a value is, so that values are clamped before they grow beyond what is of interest;
 * whether they were is bound.c's to say. */
#include "grow.h"
#include "compiler/ops/ops.h"

#include <math.h>
#include <string.h>

/* ---- element-wise operations: any row ------------------------------------------------------------ */
static double value_at(Grower *g, Op op, int nin, Node *const *in, const Attr *attr, const double *at, Type t)
{
    enum { ROOM = 4 };
    Node leaf[ROOM], *operand[ROOM],
        n = {.id = nin, .op = op, .type = type_scalar(t.dt), .nin = nin, .in = operand, .attr = *attr};
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
static double most_of(Grower *g, Op op, int nin, Node *const *in, const Attr *attr, const double *most,
                      Type t)
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
    return make2(g, OP_MAX2, make1(g, OP_ABS, x, NULL),
                 full(g, x->type, x->type.dt == DT_F32 && g->mood == REAL ? 0.25 : 1));
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
            if (must_be_positive(op) >> i & 1 && g->mood != SPECIAL && !chance(g, 12) &&
                (in[i]->type.dt == DT_F32 || in[i]->type.dt == DT_I32))
                in[i] = made_positive(g, in[i]);
        keep(g, make(g, op, info->nin, in, &attr), most_of(g, op, info->nin, in, &attr, most, t));
        return;
    }
}

/* ---- the table ----------------------------------------------------------------------------------- */
static Maker *const makers[OP_COUNT] = {
    [OP_INPUT] = grow_input,         [OP_CONST] = grow_const,     [OP_IOTA] = grow_iota,
    [OP_RANDOM] = grow_random,       [OP_RESHAPE] = grow_reshape, [OP_PERMUTE] = grow_permute,
    [OP_BROADCAST] = grow_broadcast, [OP_SLICE] = grow_slice,     [OP_PAD] = grow_pad,
    [OP_AGAIN] = grow_waiting,
    [OP_REVERSE] = grow_reverse,     [OP_CONCAT] = grow_concat,   [OP_WINDOW] = grow_window,
    [OP_FOLD] = grow_fold,           [OP_SUM] = grow_sum,         [OP_MAX] = grow_max,
    [OP_ARGMAX] = grow_argmax,       [OP_DOT] = grow_dot,         [OP_CONV] = grow_conv,
    [OP_CHECK] = grow_check,         [OP_GATHER] = grow_gather,   [OP_SCATTER] = grow_scatter,
    [OP_SCAN] = grow_scan,           [OP_RESULT] = grow_scan,
};

/* An element-wise row needs no maker: any values of fitting types will do. */
static bool makes_itself(Op op)
{
    const OpInfo *info = op_info(op);
    return info->class == CLASS_ELEMENT && info->nin >= 1 && info->nin <= 3 &&
           (info->attr == ATTR_NONE || info->attr == ATTR_DTYPE);
}

const char *grow_problem(Arena *a)
{
    for (int op = 0; op < OP_COUNT; op++)
        if (!makers[op] && !makes_itself((Op)op))
            return arena_printf(a, "tests/graphs/grow.c has no way to make %s", op_info((Op)op)->text);
    return NULL;
}

void grow(Grower *g)
{
    static Maker *const models[] = {grow_parts, grow_softmax, grow_normalized,
                                    grow_pool,  grow_waiting,   grow_again};
    static const OpClass classes[] = {
        CLASS_ELEMENT,  CLASS_ELEMENT,  CLASS_ELEMENT, CLASS_ELEMENT, CLASS_ELEMENT,
        CLASS_ELEMENT,  CLASS_MOVE,     CLASS_MOVE,    CLASS_MOVE,    CLASS_MOVE,
        CLASS_MOVE,     CLASS_MOVE,     CLASS_REDUCE,  CLASS_REDUCE,  CLASS_REDUCE,
        CLASS_CONTRACT, CLASS_CONTRACT, CLASS_INDEX,   CLASS_LOOP,    CLASS_LEAF,
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
        if (port->role == ROLE_INPUT || port->role == ROLE_TARGET || port->role == ROLE_SEED ||
            port->role == ROLE_STEP || chance(g, 3))
            continue;
        for (int k = g->node.n - 1; k >= 0; k--) {
            Node *n = g->node.at[k];
            if (type_eq(n->type, port->node->type) && (n != port->node || chance(g, 3)) &&
                !has_result(g->fn, port->role, port->index)) {
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
