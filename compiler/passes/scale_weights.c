/* SPDX-License-Identifier: MIT */
/* scale_weights.c: scales and shifts of the channels of a convolution or a product are one of each, and go into its weights, where
 * these are constants:
 *
 *     (conv(x, k) + b) * s + t   ->   conv(x, k * s) + (b * s + t)        s, t, b: one number a channel, of
 * weights
 *
 * and fold_weights works them out, so that a batch normalization of inference costs nothing (Krishnamoorthi,
 * arXiv:1806.08342, 3.2). Of weights that are none it is (conv(x, k) * s) + (b * s + t): an addition less for each element.
 *
 * needs: a function whose parameters and states stay as they are. gives: one that is equal up to rounding. */
#include "passes.h"

#include <string.h>

enum { MANY = 4 }; /* elements of a channel, for which what is computed for the channel does not count */

/* A convolution or product of data and weights, times `scale` plus `shift`: vectors of the new function, or
 * NULL. */
typedef struct Affine {
    const Node *core; /* NULL: a value that is nothing of the kind */
    Node *scale, *shift;
    int shifts; /* how many make the one */
} Affine;

typedef struct Scaling {
    Arena *a;
    bool constant; /* are the weights constants? */
    bool found;    /* what is worth it */
    const Fn *fn;
    Fn *to;
    Node **map;  /* by old node, as all of these */
    bool *fixed; /* of weights and constants alone */
    int *uses;
    Affine *form;
} Scaling;

static bool is_fixed(const Scaling *s, const Node *n)
{
    return s->fixed[n->id];
}

/* ---- what hangs on what ------------------------------------------------------------------------------ */
static bool hangs_on_weights_alone(const Scaling *s, const Node *n)
{
    if (n->op == OP_INPUT)
        return n->attr.input.role == ROLE_PARAM || n->attr.input.role == ROLE_STATE;
    if (n->op == OP_CHECK || n->op == OP_SCAN) /* a loop's results alone are values */
        return false;
    for (int i = 0; i < n->nin; i++)
        if (!is_fixed(s, n->in[i]))
            return false;
    return true;
}

static void look_at(Scaling *s)
{
    for (int id = 0; id < s->fn->node.n; id++) {
        const Node *n = s->fn->node.at[id];
        s->fixed[id] = hangs_on_weights_alone(s, n);
        for (int i = 0; i < n->nin; i++)
            s->uses[n->in[i]->id]++;
    }
    for (int i = 0; i < s->fn->result.n; i++)
        s->uses[s->fn->result.at[i].node->id]++;
}

/* ---- scales and shifts of channels --------------------------------------------------------------------- */
/* The last free axis of a product's right operand, which becomes the result's last; -1 where it has none. */
static int last_free_axis(const Node *dot)
{
    for (int axis = dot->in[1]->type.rank - 1; axis >= 0; axis--) {
        bool taken = false;
        for (int i = 0; i < dot->attr.dot.ncontract; i++)
            taken |= dot->attr.dot.rhs_contract[i] == axis;
        for (int i = 0; i < dot->attr.dot.nbatch; i++)
            taken |= dot->attr.dot.rhs_batch[i] == axis;
        if (!taken)
            return axis;
    }
    return -1;
}

static int channel_axis(const Node *core)
{
    return core->op == OP_CONV ? core->in[1]->type.rank - 1 : last_free_axis(core);
}

/* Whoever else uses the weights would want them as they were, and both would have to be kept. */
static bool is_alone(const Scaling *s, const Node *n)
{
    while (s->uses[n->id] == 1 && op_info(n->op)->class == CLASS_MOVE && n->nin == 1)
        n = n->in[0];
    return s->uses[n->id] == 1;
}

static bool is_core(const Scaling *s, const Node *n)
{
    return (n->op == OP_CONV || n->op == OP_DOT) && n->type.dt == DT_F32 && n->type.rank > 0 &&
           !is_fixed(s, n) && is_fixed(s, n->in[1]) && channel_axis(n) >= 0 && (!s->constant || is_alone(s, n->in[1]));
}

static Type vector_type(const Node *like)
{
    return type_make(like->type.dt, 1, &like->type.dim[like->type.rank - 1]);
}

/* As a vector over the last axis: n, if it is the same along all other axes; else NULL. */
static Node *as_vector(Scaling *s, const Node *n)
{
    Type t = vector_type(n);
    const Node *x = n->op == OP_BROADCAST ? n->in[0] : n;
    int last = n->type.rank - 1;
    for (int i = 0; i < x->type.rank; i++) {
        int axis = n->op == OP_BROADCAST ? n->attr.broadcast.axis[i] : i;
        if (axis != last && x->type.dim[i] != 1)
            return NULL;
    }
    Node *made = s->map[x->id];
    bool one = type_count(x->type) == 1;
    return one ? node_broadcast(s->to, node_reshape(s->to, made, 0, NULL), t, NULL)
               : node_reshape(s->to, made, 1, t.dim);
}

static Node *along_channels(Scaling *s, Node *vector, Type t, int axis)
{
    return node_broadcast(s->to, vector, t, &axis);
}

static Node *times(Scaling *s, Node *x, Node *y)
{
    return !x ? y : node_binary(s->to, OP_MUL, x, y);
}

/* x with one more operation upon it, by the numbers of a vector. */
static Affine extended(Scaling *s, Affine x, Op op, Node *vector)
{
    if (op == OP_MUL) {
        x.scale = times(s, x.scale, vector);
        x.shift = x.shift ? times(s, x.shift, vector) : NULL;
        return x;
    }
    x.shifts++;
    x.shift = x.shift        ? node_binary(s->to, op, x.shift, vector)
              : op == OP_SUB ? node_unary(s->to, OP_NEG, vector)
                             : vector;
    return x;
}

static Affine form_of(Scaling *s, const Node *n)
{
    Affine none = {0};
    if (is_core(s, n))
        return (Affine){.core = n};
    if (n->op != OP_MUL && n->op != OP_ADD && n->op != OP_SUB)
        return none;
    for (int i = 0; i < (n->op == OP_SUB ? 1 : 2); i++) {
        const Node *x = n->in[i], *y = n->in[1 - i];
        Node *vector = s->form[x->id].core && s->uses[x->id] == 1 && is_fixed(s, y) ? as_vector(s, y) : NULL;
        if (vector)
            return extended(s, s->form[x->id], n->op, vector);
    }
    return none;
}

/* a.b.kernel, scaled_ -> a.b.scaled_kernel */
static void call(Scaling *s, Node *n, const char *prefix, const char *name)
{
    const char *dot = name ? strrchr(name, '.') : NULL;
    int before = dot ? (int)(dot + 1 - name) : 0;
    if (name && n->op != OP_INPUT)
        n->name = arena_printf(s->a, "%.*s%s%s", before, name, prefix, name + before);
}

static Node *with_scaled_weights(Scaling *s, const Affine *f)
{
    const Node *core = f->core, *kernel = core->in[1];
    const char *name = NULL;
    for (const Node *n = kernel; n; n = n->nin == 1 ? n->in[0] : NULL)
        name = n->op == OP_INPUT ? n->name : name;
    Node *in[] = {s->map[core->in[0]->id], s->map[kernel->id]};
    if (f->scale) {
        in[1] = times(s, in[1], along_channels(s, f->scale, kernel->type, channel_axis(core)));
        call(s, in[1], "scaled_", name);
    }
    if (f->shift)
        call(s, f->shift, "shift_of_", name);
    return node_rebuild(s->to, core, in);
}

static Node *assembled(Scaling *s, const Affine *f, Type t)
{
    Node *made = s->constant ? with_scaled_weights(s, f) : s->map[f->core->id];
    if (f->scale && !s->constant)
        made = times(s, made, along_channels(s, f->scale, t, t.rank - 1));
    return f->shift ? node_binary(s->to, OP_ADD, made, along_channels(s, f->shift, t, t.rank - 1)) : made;
}

/* Two shifts are worth one, for which vectors are computed; a scale is if weights take it. */
static bool is_worth_it(const Scaling *s, const Affine *f, Type t)
{
    return (f->scale && s->constant) || (f->shifts > 1 && (s->constant || type_count(t) > MANY * t.dim[t.rank - 1]));
}

static void rebuild(Scaling *s, const Node *n)
{
    Node **in = NEWN(s->a, Node *, n->nin + 1);
    for (int i = 0; i < n->nin; i++)
        in[i] = s->map[n->in[i]->id];
    s->map[n->id] = node_rebuild(s->to, n, in);
    s->to->span = n->span;
    Affine *form = &s->form[n->id];
    *form = form_of(s, n);
    if (!is_worth_it(s, form, n->type))
        return;
    s->map[n->id] = assembled(s, form, n->type);
    s->found = true;
}

static Fn *scaled(Fn *fn, bool constant)
{
    int n = fn->node.n + 1;
    Scaling s = {.a = fn->a, .constant = constant, .fn = fn, .to = fn_new(fn->a, fn->name)};
    s.map = NEWN(s.a, Node *, n);
    s.fixed = NEWN(s.a, bool, n);
    s.uses = NEWN(s.a, int, n);
    s.form = NEWN(s.a, Affine, n);
    look_at(&s);
    for (int id = 0; id < fn->node.n; id++)
        rebuild(&s, fn->node.at[id]);
    if (!s.found)
        return fn;
    s.to->span = fn->span;
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i];
        fn_result(s.to, port->role, port->index, port->name, s.map[port->node->id]);
    }
    return fn_prune(s.to);
}

Fn *scale_weights(Fn *fn)
{
    return scaled(fn, true);
}

Fn *merge_shifts(Fn *fn)
{
    return scaled(fn, false);
}
