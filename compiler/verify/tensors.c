/* SPDX-License-Identifier: MIT */
/* tensors.c: inputs, targets and weights to verify a model with. */
#include "model.h"

#include <math.h>
#include <string.h>

enum { FREE_LIMIT = 10 }; /* integers nothing is known of are drawn below it */

Tensor *tensor_find(const Tensors *t, Role role, int index)
{
    for (int i = 0; i < t->list.n; i++)
        if (t->list.at[i].role == role && t->list.at[i].index == index)
            return &t->list.at[i];
    return NULL;
}

/* ---- which tensors there are ----------------------------------------------------------------------- */
static void add_ports(Tensors *t, const Fn *fn)
{
    for (int i = 0; fn && i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        if (!tensor_find(t, port->role, port->index))
            vec_push(
                t->a, &t->list,
                ((Tensor){port->role, port->index, port->name, value_new(t->a, port->node->type), 0, false}));
    }
}

/* ---- which integers a model takes ------------------------------------------------------------------ */
static int64_t smaller(int64_t x, int64_t y)
{
    return !x || (y && y < x) ? y : x;
}

void input_limits(Arena *a, const Fn *fn, int64_t *limit)
{
    int64_t *of = NEWN(a, int64_t, fn->node.n + 1);
    for (int id = fn->node.n - 1; id >= 0; id--) {
        const Node *n = fn->node.at[id];
        OpClass class = op_info(n->op)->class;
        if (n->op == OP_SCAN) {
            int64_t *inner = NEWN(a, int64_t, n->nin + 1);
            input_limits(a, n->attr.scan.body, inner);
            for (int i = 0; i < n->nin; i++)
                of[n->in[i]->id] = smaller(of[n->in[i]->id], inner[i]);
        } else if (n->op == OP_CHECK) {
            of[n->in[0]->id] = smaller(of[n->in[0]->id], smaller(of[id], n->attr.limit.limit));
        } else if (n->op == OP_GATHER) {
            of[n->in[1]->id] = smaller(of[n->in[1]->id], n->in[0]->type.dim[0]);
        } else if (n->op == OP_SCATTER) {
            of[n->in[0]->id] = smaller(of[n->in[0]->id], n->type.dim[0]);
        } else if (class == CLASS_MOVE || n->op == OP_STOP) {
            for (int i = 0; i < n->nin; i++)
                of[n->in[i]->id] = smaller(of[n->in[i]->id], of[id]);
        }
    }
    for (int i = 0; i < fn->input.n; i++)
        limit[i] = of[fn->input.at[i].node->id];
}

static void limit_ports(Tensors *t, const Fn *fn)
{
    if (!fn)
        return;
    int64_t *limit = NEWN(t->a, int64_t, fn->input.n + 1);
    input_limits(t->a, fn, limit);
    for (int i = 0; i < fn->input.n; i++) {
        Tensor *x = tensor_find(t, fn->input.at[i].role, fn->input.at[i].index);
        x->limit = smaller(x->limit, limit[i]);
        x->checked = x->limit > 0;
    }
}

/* ---- drawing ----------------------------------------------------------------------------------------- */
static bool is_data(const Tensor *x)
{
    return x->role == ROLE_INPUT || x->role == ROLE_TARGET;
}

static double draw(Random *r, DType dt, int64_t limit, bool positive)
{
    switch (dt) {
    case DT_BOOL:
        return (double)random_below(r, 2);
    case DT_U8:
        return (double)random_below(r, 256);
    case DT_I32:
        return (double)random_below(r, (uint64_t)(limit ? limit : FREE_LIMIT));
    default:
        return (double)(float)(positive ? random_unit(r) : random_normal(r));
    }
}

/* Of integers the first is the largest there may be, and the last 0: what happens at an end is not left to
 * chance. */
static void draw_data(Tensors *t, Random *r, bool positive, int64_t most)
{
    for (int i = 0; i < t->list.n; i++) {
        Tensor *x = &t->list.at[i];
        int64_t limit = most && (!x->limit || x->limit > most) ? most : x->limit;
        int64_t count = type_count(x->value.type);
        if (!is_data(x))
            continue;
        for (int64_t k = 0; k < count; k++)
            x->value.at[k] = draw(r, x->value.type.dt, limit, positive);
        if (x->value.type.dt != DT_I32 || !limit)
            continue;
        x->value.at[count - 1] = 0;
        x->value.at[0] = (double)limit - 1;
    }
}

void tensors_number(Tensors *t, Role role, double value)
{
    Tensor *x = tensor_find(t, role, 0);
    if (x)
        x->value.at[0] = value;
}

Value *tensors_for(const Tensors *t, Arena *a, const Fn *fn)
{
    Value *in = NEWN(a, Value, fn->input.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        in[i] = tensor_find(t, fn->input.at[i].role, fn->input.at[i].index)->value;
    return in;
}

/* ---- weights ------------------------------------------------------------------------------------------- */
/* What init or start makes. */
static void run_first(Tensors *t, const Fn *fn)
{
    const char *why;
    Value *out = fn ? NEWN(t->a, Value, fn->result.n + 1) : NULL;
    if (!fn || !fn_interpret(t->a, fn, PRECISION_F64, tensors_for(t, t->a, fn), out, &why))
        return;
    for (int i = 0; i < fn->result.n; i++) {
        Tensor *x = tensor_find(t, fn->result.at[i].role, fn->result.at[i].index);
        for (int64_t k = 0; x && k < type_count(x->value.type); k++)
            x->value.at[k] = x->value.type.dt == DT_F32 ? (double)(float)out[i].at[k] : out[i].at[k];
    }
}

static void take_weights(Tensors *t, const Module *m, const Array *found)
{
    for (int i = 0; i < m->params.n + m->states.n; i++) {
        Tensor *x =
            i < m->params.n ? tensor_find(t, ROLE_PARAM, i) : tensor_find(t, ROLE_STATE, i - m->params.n);
        for (int64_t k = 0; x && k < type_count(x->value.type); k++)
            x->value.at[k] = array_at(found[i], k);
    }
}

static double mean_size(Value v)
{
    double sum = 0;
    for (int64_t i = 0; i < type_count(v.type); i++)
        sum += v.at[i] * v.at[i];
    return sqrt(sum / (double)type_count(v.type));
}

/* Parameters and streams move both ways; states and moments, which may be variances, upwards. */
static void move_weights(Tensors *t, Random *r)
{
    for (int i = 0; i < t->list.n; i++) {
        Tensor *x = &t->list.at[i];
        double size = fmax(mean_size(x->value), 0.05);
        for (int64_t k = 0; k < type_count(x->value.type) && x->value.type.dt == DT_F32; k++) {
            double *at = &x->value.at[k];
            if (x->role == ROLE_PARAM || x->role == ROLE_STREAM)
                *at = (double)(float)(*at + 0.1 * size * random_normal(r));
            else if (x->role == ROLE_STATE)
                *at = (double)(float)(*at + fabs(*at) * 0.2 * random_unit(r) + 0.05 * random_unit(r));
            else if (x->role == ROLE_OPTIMIZER)
                *at = (double)(float)(*at + (random_below(r, 4) ? 1e-3 * random_unit(r) : 0));
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------
 */
static bool finite_results(const Fn *fn, const Value *out)
{
    for (int i = 0; i < fn->result.n; i++)
        for (int64_t k = 0; k < type_count(out[i].type); k++)
            if (!isfinite(out[i].at[k]))
                return false;
    return true;
}

static bool takes(const Tensors *t, const Fn *fn, bool *finite, const char **why)
{
    if (!fn)
        return true;
    Arena *scratch = arena_new();
    Value *out = NEWN(scratch, Value, fn->result.n + 1);
    bool fine = fn_interpret(scratch, fn, PRECISION_F64, tensors_for(t, scratch, fn), out, why);
    *finite &= fine && finite_results(fn, out);
    if (!fine)
        *why = arena_strdup(t->a, *why);
    arena_free(scratch);
    return fine;
}

static void make_positive(Tensors *t)
{
    for (int i = 0; i < t->list.n; i++) {
        Value *v = &t->list.at[i].value;
        for (int64_t k = 0; t->list.at[i].role == ROLE_PARAM && k < type_count(v->type); k++)
            v->at[k] = fabs(v->at[k]);
    }
}

/* Numbers around 0 or, where these lead to infinities, above it, at last parameters too; integers below their
 * limits or, where these are not known, smaller and smaller ones. */
bool tensors_draw(Tensors *t, Arena *a, const Module *m, uint64_t seed, const Array *found, const char **why)
{
    Fn *const functions[] = {m->init, m->start, m->infer, m->evaluate, m->gradients, m->train_step};
    *t = (Tensors){.a = a};
    for (int i = 0; i < LEN(functions); i++)
        add_ports(t, functions[i]);
    for (int i = 0; i < LEN(functions); i++)
        limit_ports(t, functions[i]);
    Random r = random_start(seed, 1);
    Tensor *words = tensor_find(t, ROLE_SEED, 0);
    for (int i = 0; words && i < 2; i++)
        words->value.at[i] = (double)(int32_t)(uint32_t)(i ? seed >> 32 : seed);
    tensors_number(t, ROLE_STEP, 2);
    tensors_number(t, ROLE_COUNT, (double)m->train_batch);
    run_first(t, m->init);
    if (found)
        take_weights(t, m, found);
    run_first(t, m->start);
    move_weights(t, &r);
    static const int64_t most[] = {0, 5, 2, 1};
    for (int i = 0; i < LEN(most); i++)
        for (int positive = 0; positive < 3; positive++) {
            bool finite = true;
            draw_data(t, &r, positive > 0, most[i]);
            if (positive == 2)
                make_positive(t);
            if (!takes(t, m->infer, &finite, why) || !takes(t, m->evaluate, &finite, why))
                break;
            if (finite || positive == 2)
                return true;
        }
    return false;
}
