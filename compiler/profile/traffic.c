/* SPDX-License-Identifier: MIT */
/* traffic.c: operations and bytes of one call of a kernel.
 *
 * An access goes to as many elements as the variables in its index have values together, but to no more than lie between its
 * first and its last; different accesses to one tensor add up until all of that is touched. */
#include "traffic.h"

#include "../kernels/verify.h"

typedef struct Reach { /* of one kind of access to one tensor */
    const Buffer *buffer;
    bool writes;
    VEC(const Lin *) at; /* each index once */
    int64_t lo, hi, elements;
} Reach;

typedef struct Walk {
    Arena *a;
    const Kernel *k;
    const Stage *s;
    VEC(Var *) inside; /* all loops around the access being looked at */
    VEC(Reach) reaches;
} Walk;

/* ---- elements -------------------------------------------------------------------------------------- */
/* What a call sees of an index: positions of the scans around it stand still. */
static const Lin *in_one_call(Walk *w, const Lin *x)
{
    for (int i = 0; i < w->k->scans.n; i++)
        x = lin_without(w->a, x, w->k->scans.at[i]);
    return x;
}

static int64_t positions(const Walk *w, const Lin *x)
{
    int64_t n = 1;
    for (int i = 0; i < w->inside.n; i++)
        n *= lin_uses(x, w->inside.at[i]) ? w->inside.at[i]->extent : 1;
    return n;
}

static Reach *reach_of(Walk *w, const Buffer *b, bool writes)
{
    for (int i = 0; i < w->reaches.n; i++)
        if (w->reaches.at[i].buffer == b && w->reaches.at[i].writes == writes)
            return &w->reaches.at[i];
    vec_push(w->a, &w->reaches, ((Reach){.buffer = b, .writes = writes, .lo = INT64_MAX, .hi = INT64_MIN}));
    return &w->reaches.at[w->reaches.n - 1];
}

static void touch(Walk *w, Buffer *buffer, const Lin *at, bool writes)
{
    const Buffer *root = buffer_root(buffer);
    if (root->kind == BUFFER_LOCAL)
        return;
    Reach *r = reach_of(w, root, writes);
    for (int i = 0; i < r->at.n; i++)
        if (lin_eq(r->at.at[i], at))
            return;
    vec_push(w->a, &r->at, at);
    int64_t lo, hi;
    const Lin *still = in_one_call(w, at);
    lin_range(still, &lo, &hi);
    int64_t n = positions(w, still);
    r->elements += n < hi - lo + 1 ? n : hi - lo + 1;
    r->lo = lo < r->lo ? lo : r->lo;
    r->hi = hi > r->hi ? hi : r->hi;
}

static int64_t reached_bytes(const Reach *r)
{
    int64_t most = r->hi - r->lo + 1, all = type_count(r->buffer->type), n = r->elements;
    n = n < most ? n : most;
    return (n < all ? n : all) * dtype_bytes(r->buffer->type.dt);
}

/* ---- accesses -------------------------------------------------------------------------------------- */
static void add_load(void *context, const Load *load)
{
    touch(context, load->buffer, load->at, false);
}

static const Lin *stepping(Walk *w, const Lin *at, Var *v, int64_t stride)
{
    return v && stride ? lin_add(w->a, at, lin_scale(w->a, lin_var(w->a, v), stride)) : at;
}

static void visit_tile(Walk *w, const Tile *t)
{
    const Lin *a = lin_add(w->a, stepping(w, stepping(w, t->a_at, t->m, t->a_m), t->inner, t->a_inner), tile_left_column(w->a, t));
    const Lin *b = stepping(w, t->b_at, t->n, t->b_n), *c = stepping(w, stepping(w, t->c_at, t->m, t->c_m), t->inner, t->c_inner);
    for (int i = 0; i < t->nk; i++) {
        a = stepping(w, a, t->k[i].var, t->k[i].a);
        b = stepping(w, b, t->k[i].var, t->k[i].b);
        vec_push(w->a, &w->inside, t->k[i].var);
    }
    vec_push(w->a, &w->inside, t->n);
    touch(w, t->a, a, false);
    touch(w, t->b, b, false);
    touch(w, w->s->items.at[0].buffer, stepping(w, c, t->n, 1), true);
}

static void visit_item(Walk *w, const Item *item)
{
    if (item->value)
        visit_loads(w->a, item->value, add_load, w);
    if (item->at)
        visit_index_loads(w->a, item->at, add_load, w);
    if (item->buffer && item->at)
        touch(w, item->buffer, item->at, true);
}

/* ---- operations ------------------------------------------------------------------------------------ */
/* Of what is no single instruction, as runtime/dl_math.h has it and as AVX-512 takes it: cycles of a pipe for a vector. */
static int slots_of(Op op)
{
    switch (op) {
    case OP_EXP:
    case OP_LOG:
        return 18;
    case OP_EXPM1:
    case OP_LOG1P:
    case OP_SIGMOID:
    case OP_SIN:
    case OP_COS:
        return 24;
    case OP_TANH:
    case OP_ERF:
        return 30;
    case OP_POW:
        return 60;
    case OP_DIV:
    case OP_SQRT:
    case OP_RSQRT:
        return 8;
    default:
        return op_info(op)->cost > 0;
    }
}

typedef struct Count {
    Arena *a;
    VEC(bool) seen; /* by expression */
    double operations, slots;
} Count;

/* A sum with it is one instruction. */
static bool is_product(const Ex *e)
{
    return e && e->kind == X_OP && e->op == OP_MUL;
}

static void count_expression(Count *c, const Ex *e)
{
    while (c->seen.n <= e->id)
        vec_push(c->a, &c->seen, false);
    if (c->seen.at[e->id])
        return;
    c->seen.at[e->id] = true;
    if (e->kind == X_OP) {
        c->operations += op_info(e->op)->cost > 0;
        c->slots += slots_of(e->op) - ((e->op == OP_ADD || e->op == OP_SUB) && (is_product(e->in[0]) || is_product(e->in[1])));
    } else if (e->kind == X_UNIFORM) {
        c->slots += 40; /* ten rounds of Philox, two multiplications and two exclusive ors each */
    }
    for (int i = 0; i < e->part.n; i++)
        count_expression(c, e->part.at[i]);
}

/* Of a window's taps, over all its positions, the part that lies on the data. */
static double tapped_part(const KLoop *loop)
{
    int64_t on = 0, of = loop->tap.out->extent * loop->var->extent;
    for (int64_t i = 0; i < of; i++) {
        int64_t out = i / loop->var->extent, k = i % loop->var->extent;
        int64_t at = out * loop->tap.stride + k * loop->tap.dilation - loop->tap.pad;
        on += at >= 0 && at < loop->tap.extent;
    }
    return (double)on / (double)of;
}

static void count_stage(Walk *w, Traffic *t)
{
    Count count = {.a = w->a};
    double times = 1;
    for (int i = 0; w->s->tile && i < w->s->tile->nk; i++)
        times *= w->s->tile->k[i].tapped ? tapped_part(&w->s->tile->k[i]) : 1;
    for (int i = 0; i < w->inside.n; i++)
        times *= (double)w->inside.at[i]->extent;
    for (int i = 0; i < w->s->items.n; i++) {
        const Item *item = &w->s->items.at[i];
        if (item->value)
            count_expression(&count, item->value);
        count.operations += w->s->tile ? 2 : item->reduce != OP_COUNT;
        count.slots += item->reduce != OP_COUNT && !(item->reduce == OP_SUM && is_product(item->value));
    }
    t->operations += count.operations * times;
    t->slots += count.slots * times;
}

/* ---- a kernel -------------------------------------------------------------------------------------- */
/* Around a stage are the kernel's loops, its own, and a tile's. */
static void visit_stage(Walk *w, const Stage *s, Traffic *t)
{
    w->s = s;
    w->inside.n = 0;
    for (int i = 0; i < w->k->nouter; i++)
        vec_push(w->a, &w->inside, w->k->outer[i]);
    for (int i = 0; i < s->nloop; i++)
        vec_push(w->a, &w->inside, s->loop[i]);
    if (s->tile)
        visit_tile(w, s->tile);
    for (int i = 0; i < s->items.n && !s->tile; i++)
        visit_item(w, &s->items.at[i]);
    count_stage(w, t);
}

static Touch *touch_of(Arena *a, Traffic *t, const Buffer *b)
{
    for (int i = 0; i < t->touches.n; i++)
        if (t->touches.at[i].buffer == b)
            return &t->touches.at[i];
    vec_push(a, &t->touches, ((Touch){.buffer = b}));
    return &t->touches.at[t->touches.n - 1];
}

Traffic traffic_of(Arena *a, const Kernel *k)
{
    Traffic t = {0};
    Walk w = {.a = a, .k = k};
    for (int i = 0; i < k->stages.n; i++)
        visit_stage(&w, k->stages.at[i], &t);
    for (int i = 0; i < w.reaches.n; i++) {
        int64_t bytes = reached_bytes(&w.reaches.at[i]);
        Touch *to = touch_of(a, &t, w.reaches.at[i].buffer);
        *(w.reaches.at[i].writes ? &to->written : &to->read) += bytes;
        *(w.reaches.at[i].writes ? &t.written : &t.read) += bytes;
    }
    return t;
}
