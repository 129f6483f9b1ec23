/* SPDX-License-Identifier: MIT */
/* record.c: one execution of a plan by the interpreter: what each kernel reads, and what it has to write.
 *
 * A kernel's nodes are evaluated from what stands in memory before it: from other kernels' values as they are
 * stored there, rounded to float. What is inlined into several kernels is evaluated for each. */
#include "verify.h"

#include "../kernels/verify.h"
#include "bound.h"

#include <math.h>
#include <string.h>

typedef struct Held { /* what a buffer holds now */
    Value value;
    Region place;
} Held;

typedef struct Frame { /* a function, or a loop's body at one of its steps */
    Lower *c;
    struct Frame *parent;
    Bounded b;
    double **own;   /* by node id: room for a value computed here */
    unsigned *made; /* by node id: the stamp it was computed at */
    int *gathered;  /* by node id: the moment it was last looked at for, from 1 */
    unsigned stamp;
    Value *given;  /* by node id, stored nodes: as other kernels get it */
    Region *place; /* likewise: where it stands */
    Held *carry;   /* at the start of the step */
    int64_t t;
} Frame;

typedef struct Leaf {
    Frame *f;
    const Node *node;
} Leaf;

typedef struct Record {
    Trace *t;
    Given given;
    Random chance;
    const Value *in;
    Region *input;   /* by port */
    Held *held;      /* by buffer id */
    const Kernel *k; /* being recorded */
    Moment *m;
    VEC(Leaf) leaf; /* by region of m->in */
    bool unchecked; /* indices pass whatever they are */
    const char *why;
} Record;

static bool is_data(Role role)
{
    return role != ROLE_SEED && role != ROLE_STEP && role != ROLE_COUNT;
}

/* ---- frames ---------------------------------------------------------------------------------------- */
static Frame *frame_new(Record *r, Lower *c, Frame *parent)
{
    Arena *a = r->t->a;
    Frame *f = NEW(a, Frame);
    int n = c->fn->node.n + 1;
    *f = (Frame){.c = c, .parent = parent, .stamp = 1};
    bounded_prepare(&f->b, a, c->fn);
    f->own = NEWN(a, double *, n);
    f->made = NEWN(a, unsigned, n);
    f->gathered = NEWN(a, int, n);
    f->given = NEWN(a, Value, n);
    f->place = NEWN(a, Region, n);
    f->carry = NEWN(a, Held, parent ? c->scan->attr.scan.ncarry + 1 : 1);
    return f;
}

static bool in_kernel(const Record *r, const Unit *u)
{
    for (int i = 0; i < r->k->units.n; i++)
        if (r->k->units.at[i] == u)
            return true;
    return false;
}

/* The stored value that n is read from, or NULL where the kernel computes it. */
static const Unit *foreign(const Record *r, const Frame *f, const Node *n)
{
    const Unit *u = f->c->stored[n->id] ? f->c->unit[n->id] : NULL;
    return u && !in_kernel(r, u) ? u : NULL;
}

static const Node *outside(const Frame *f, const Node *n)
{
    const Attr *scan = &f->c->scan->attr;
    int skip = n->attr.input.role == ROLE_SLICE ? scan->scan.ncarry : scan->scan.ncarry + scan->scan.nslice;
    return f->c->scan->in[skip + n->attr.input.index];
}

/* Of a place that depends on nothing but the steps of the loops around. */
static int64_t frame_at(const Frame *f, const Lin *x)
{
    int64_t at = x->constant;
    for (; f->parent; f = f->parent)
        at += lin_factor(x, f->c->time) * f->t;
    return at;
}

static int64_t lin_at(const Record *r, const Lin *x)
{
    int64_t at = x->constant;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        int64_t position = -1;
        for (int k = 0; atom->kind == ATOM_VAR && k < r->m->when.n; k++)
            if (r->m->when.at[k].time == atom->var)
                position = r->m->when.at[k].at;
        if (position < 0)
            BUG("a unit's place depends on more than time");
        at += x->term[i].factor * position;
    }
    return at;
}

static int stack_of(const Lower *c, const Buffer *b)
{
    for (int i = 0; c->parent && i < c->scan->attr.scan.nyield; i++)
        if (c->stacked[i] == b)
            return i;
    return -1;
}

/* The tensor that begins there in what a buffer holds. */
static Held part_of(Held held, int64_t first, Type t)
{
    held.value = (Value){t, held.value.at + first};
    held.place.first = first;
    held.place.count = type_count(t);
    held.place.bits = (const char *)held.place.bits + first * dtype_bytes(t.dt);
    return held;
}

/* A loop's result as it is there after the loop. */
static Held result_held(const Record *r, const Frame *f, const Node *n)
{
    const Lin *at;
    const Buffer *buffer = loop_result(f->c, n, &at);
    return part_of(r->held[buffer->id], lin_at(r, at), n->type);
}

/* ---- evaluation ------------------------------------------------------------------------------------ */
static void give(Frame *f, const Node *n, double *at, double *error)
{
    f->b.e.value[n->id] = (Value){n->type, at};
    f->b.error[n->id] = error;
}

static bool need(Record *r, Frame *f, const Node *n);

static bool need_input(Record *r, Frame *f, const Node *n)
{
    if (!f->parent) {
        for (int i = 0; i < f->c->fn->input.n; i++)
            if (f->c->fn->input.at[i].node == n)
                give(f, n, r->in[i].at, NULL);
        return true;
    }
    if (n->attr.input.role == ROLE_CARRY) {
        give(f, n, f->carry[n->attr.input.index].value.at, NULL);
        return true;
    }
    const Node *x = outside(f, n);
    if (!need(r, f->parent, x))
        return false;
    int64_t offset = n->attr.input.role == ROLE_SLICE ? f->t * type_count(n->type) : 0;
    double *error = f->parent->b.error[x->id];
    give(f, n, f->parent->b.e.value[x->id].at + offset, error ? error + offset : NULL);
    return true;
}

/* n's value in f, and how far off the kernel may be when it gets there. */
static bool need(Record *r, Frame *f, const Node *n)
{
    if (f->made[n->id] == f->stamp)
        return true;
    f->made[n->id] = f->stamp;
    if (foreign(r, f, n)) {
        give(f, n, f->given[n->id].at, NULL);
        return true;
    }
    if (n->op == OP_INPUT)
        return need_input(r, f, n);
    if (n->op == OP_RESULT) {
        give(f, n, result_held(r, f, n).value.at, NULL);
        return true;
    }
    for (int i = 0; i < n->nin; i++)
        if (!need(r, f, n->in[i]))
            return false;
    if (n->op == OP_CHECK && r->unchecked) {
        give(f, n, f->b.e.value[n->in[0]->id].at, f->b.error[n->in[0]->id]);
        return true;
    }
    if (!f->own[n->id])
        f->own[n->id] = NEWN(r->t->a, double, type_count(n->type));
    give(f, n, f->own[n->id], NULL);
    if (bounded_node(&f->b, n))
        return true;
    r->why = f->b.e.why;
    return false;
}

static void forget(Frame *f)
{
    for (; f; f = f->parent)
        f->stamp++;
}

/* ---- what a kernel reads --------------------------------------------------------------------------- */
typedef struct Loads {
    Arena *a;
    VEC(const Buffer *) list;
} Loads;

static void add_load(void *context, const Load *load)
{
    Loads *loads = context;
    vec_push(loads->a, &loads->list, load->buffer);
}

static Loads kernel_loads(Arena *a, const Kernel *k)
{
    Loads loads = {.a = a};
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->tile) {
            vec_push(a, &loads.list, s->tile->a);
            vec_push(a, &loads.list, s->tile->b);
        }
        for (int j = 0; j < s->items.n; j++) {
            if (s->items.at[j].value)
                visit_loads(a, s->items.at[j].value, add_load, &loads);
            visit_index_loads(a, s->items.at[j].at, add_load, &loads);
        }
    }
    return loads;
}

static bool has(const Loads *loads, const Buffer *b)
{
    for (int i = 0; i < loads->list.n; i++)
        if (loads->list.at[i] == b)
            return true;
    return false;
}

static void touch(Record *r, const Loads *loads, Region place, Frame *f, const Node *n)
{
    if (!has(loads, place.buffer) || !place.bits)
        return;
    place = region_of_turn(r->t->a, r->m, place);
    for (int i = 0; i < r->m->in.n; i++)
        if (r->m->in.at[i].buffer == place.buffer && r->m->in.at[i].first == place.first)
            return;
    vec_push(r->t->a, &r->m->in, place);
    vec_push(r->t->a, &r->leaf, ((Leaf){f, n}));
}

static void gather(Record *r, const Loads *loads, Frame *f, const Node *n);

static void gather_input(Record *r, const Loads *loads, Frame *f, const Node *n)
{
    if (f->parent && n->attr.input.role == ROLE_CARRY)
        touch(r, loads, f->carry[n->attr.input.index].place, f, n);
    else if (f->parent)
        gather(r, loads, f->parent, outside(f, n));
    else
        for (int i = 0; i < f->c->fn->input.n; i++)
            if (f->c->fn->input.at[i].node == n)
                touch(r, loads, r->input[i], f, n);
}

static void gather_operands(Record *r, const Loads *loads, Frame *f, const Node *n)
{
    Unit *pack = right_pack(f->c, n);
    for (int i = 0; i < n->nin; i++)
        if (i == 0 || !pack)
            gather(r, loads, f, n->in[i]);
    if (pack && !in_kernel(r, pack))
        touch(r, loads, r->held[pack->buffer->id].place, f, n->in[1]);
}

/* The stored values below n. */
static void gather(Record *r, const Loads *loads, Frame *f, const Node *n)
{
    if (f->gathered[n->id] == r->m->number + 1)
        return;
    f->gathered[n->id] = r->m->number + 1;
    if (foreign(r, f, n))
        touch(r, loads, f->place[n->id], f, n);
    else if (n->op == OP_INPUT)
        gather_input(r, loads, f, n);
    else if (n->op == OP_RESULT)
        touch(r, loads, result_held(r, f, n).place, f, n);
    else
        gather_operands(r, loads, f, n);
}

/* ---- what a kernel writes -------------------------------------------------------------------------- */
/* Element i of what the unit stores, as an element of its node. */
static int64_t element_of_node(const Unit *u, int64_t i)
{
    if (u->kind != UNIT_PACK)
        return i;
    int64_t stride[MAX_RANK], at = 0;
    type_strides(u->node->type, stride);
    for (int axis = u->type.rank - 1; axis >= 0; axis--) {
        at += i % u->type.dim[axis] * stride[u->permutation[axis]];
        i /= u->type.dim[axis];
    }
    return at;
}

static Held stack_new(Record *r, Buffer *b)
{
    Region place = {b, 0, type_count(b->type), arena_alloc(r->t->a, (size_t)type_bytes(b->type)), NULL};
    return (Held){value_new(r->t->a, b->type), place};
}

/* Has it room for more than the unit, which is the first value of a carry that rolls? */
static bool begins_stack(const Unit *u)
{
    return !u->buffer->block && type_count(u->buffer->type) > type_count(u->type);
}

/* The place of a loop's results by step is filled step by step. */
static void hold(Record *r, const Frame *f, const Wanted *w, Value given)
{
    const Unit *u = w->unit;
    Held *held = &r->held[u->buffer->id];
    if (stack_of(f->c, u->buffer) < 0) {
        *held = begins_stack(u) ? stack_new(r, u->buffer) : (Held){given, w->place};
        if (!begins_stack(u))
            return;
    }
    int64_t bytes = dtype_bytes(u->type.dt);
    memcpy(held->value.at + w->place.first, given.at, sizeof(double) * (size_t)w->place.count);
    memcpy((char *)(uintptr_t)held->place.bits + w->place.first * bytes, w->place.bits,
           (size_t)(w->place.count * bytes));
    held->place.maker = r->m;
}

static void want(Record *r, Frame *f, Unit *u)
{
    Arena *a = r->t->a;
    int64_t count = type_count(u->type);
    const double *value = f->b.e.value[u->node->id].at, *error = f->b.error[u->node->id];
    if (u->from && r->held[u->from->id].place.maker != r->m) { /* as the other kernel left it */
        value = r->held[u->from->id].value.at;
        error = NULL;
    }
    Wanted w = {.unit = u, .value = NEWN(a, double, count)};
    Value given = value_new(a, u->type);
    bool packed = u->kind == UNIT_PACK && f->given[u->node->id].at; /* the same numbers as unpacked */
    if (error)
        w.slack = NEWN(a, float, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t from = element_of_node(u, i);
        w.value[i] = value[from];
        given.at[i] = packed ? f->given[u->node->id].at[from] : value[from];
        if (error)
            w.slack[i] = (float)(error[from] + (u->type.dt == DT_F32 ? float_unit() * fabs(value[from]) : 0));
    }
    given_change(&r->chance, r->given, u->kind, given);
    w.place = (Region){u->buffer, lin_at(r, u->base), count, value_bits(a, given), r->m};
    w.seen = u->buffer->kind != BUFFER_LOCAL && !u->buffer->block;
    vec_push(a, &r->m->out, w);
    if (u->kind == UNIT_VALUE) {
        f->given[u->node->id] = given;
        f->place[u->node->id] = w.place;
    }
    hold(r, f, &w, given);
}

/* A value whose place a later unit of the same kernel takes cannot be seen. */
static void mark_seen(Moment *m)
{
    for (int i = 0; i < m->out.n; i++)
        for (int k = i + 1; k < m->out.n; k++) {
            const Region *x = &m->out.at[i].place, *y = &m->out.at[k].place;
            if (buffer_root(x->buffer) == buffer_root(y->buffer) && x->first < y->first + y->count &&
                y->first < x->first + x->count)
                m->out.at[i].seen = false;
        }
}

/* ---- checks ---------------------------------------------------------------------------------------- */
static bool in_range(const Frame *f, const Unit *u)
{
    const double *index = f->b.e.value[u->node->in[0]->id].at;
    for (int64_t i = 0; i < type_count(u->node->type); i++)
        if (!(index[i] >= 0 && index[i] < (double)u->node->attr.limit.limit))
            return false;
    return true;
}

/* With one index of one input replaced: does the check fail? */
static void try_index(Record *r, Frame *f, const Unit *u, int region, int64_t element, int32_t value)
{
    Leaf leaf = r->leaf.at[region];
    double *at = &leaf.f->b.e.value[leaf.node->id].at[element], old = *at;
    *at = value;
    r->unchecked = true;
    forget(f);
    bool known = need(r, f, u->node->in[0]) && !f->b.error[u->node->in[0]->id];
    Trial trial = {region, element, value, known && !in_range(f, u)};
    r->unchecked = false;
    r->why = NULL;
    *at = old;
    forget(f);
    if (known)
        vec_push(r->t->a, &r->m->trial, trial);
}

static void try_indices(Record *r, Frame *f, const Unit *u)
{
    int32_t limit = u->node->attr.limit.limit < INT32_MAX ? (int32_t)u->node->attr.limit.limit : INT32_MAX;
    const int32_t values[] = {-1, limit, limit - 1, INT32_MIN, INT32_MAX};
    for (int i = 0; i < r->m->in.n; i++) {
        int64_t count = r->m->in.at[i].count, elements[] = {0, count / 2, count - 1};
        Leaf leaf = r->leaf.at[i];
        if (r->m->in.at[i].buffer->type.dt != DT_I32 || leaf.node->type.dt != DT_I32 ||
            type_count(leaf.node->type) != count)
            continue;
        for (int k = 0; k < LEN(elements); k++)
            for (int v = 0; v < LEN(values) && (k == 0 || elements[k] != elements[k - 1]); v++)
                try_index(r, f, u, i, elements[k], values[v]);
    }
}

/* ---- steps ----------------------------------------------------------------------------------------- */
static bool record_kernel(Record *r, Frame *f, Kernel *k)
{
    Arena *a = r->t->a;
    Moment *m = NEW(a, Moment);
    *m = (Moment){.kernel = k, .number = r->t->moments.n};
    int depth = 0;
    for (const Frame *at = f; at->parent; at = at->parent)
        depth++;
    for (int level = depth; level > 0; level--) {
        const Frame *at = f;
        for (int i = 1; i < level; i++)
            at = at->parent;
        vec_push(a, &m->when, ((When){at->c->time, at->t}));
    }
    r->k = k;
    r->m = m;
    r->leaf.n = 0;
    forget(f);
    Loads loads = kernel_loads(a, k);
    for (int i = 0; i < k->units.n; i++) {
        const Unit *u = k->units.at[i];
        const Node *n =
            u->kind == UNIT_CHECK ? u->node->in[0] : u->node; /* a check's value may be another's */
        if (!need(r, f, n))
            return false;
        if (u->kind == UNIT_CHECK && !in_range(f, u)) {
            r->why = "an index is out of range";
            return false;
        }
        if (u->from)
            touch(r, &loads, r->held[u->from->id].place, f, u->node);
        if (u->kind == UNIT_VALUE || u->kind == UNIT_CHECK)
            gather_operands(r, &loads, f, u->node);
        else if (!u->from)
            gather(r, &loads, f, u->node);
    }
    vec_push(a, &r->t->moments, m);
    for (int i = 0; i < k->units.n; i++)
        if (k->units.at[i]->kind != UNIT_CHECK)
            want(r, f, k->units.at[i]);
        else
            try_indices(r, f, k->units.at[i]);
    mark_seen(m);
    return true;
}

static bool record_steps(Record *r, Frame *f, Step *const *steps, int n);

static const Node *scan_of(const Frame *f, const Step *s)
{
    for (int i = 0; i < f->c->fn->node.n; i++)
        if (f->c->body[i] && f->c->body[i]->time == s->time)
            return f->c->fn->node.at[i];
    BUG("a loop of no scan");
}

/* A carry that rolls through the stack has its first value there before the loop begins. */
static bool is_begun(const Lower *c, const Buffer *stack)
{
    for (int i = 0; i < c->scan->attr.scan.ncarry; i++)
        if (c->carry[i] == stack)
            return true;
    return false;
}

static bool record_scan(Record *r, Frame *f, const Step *s)
{
    const Node *scan = scan_of(f, s);
    Lower *c = f->c->body[scan->id];
    Frame *body = frame_new(r, c, f);
    for (int i = 0; i < scan->attr.scan.nyield; i++)
        if (stack_of(f->c, c->stacked[i]) < 0 && !is_begun(c, c->stacked[i]))   /* else there is room for it already */
            r->held[c->stacked[i]->id] = stack_new(r, c->stacked[i]);
    for (int64_t step = 0; step < scan->attr.scan.length; step++) {
        body->t = scan->attr.scan.reverse ? scan->attr.scan.length - 1 - step : step;
        for (int i = 0; i < scan->attr.scan.ncarry; i++)
            body->carry[i] = part_of(r->held[c->carry[i]->id], frame_at(body, carry_slot(c, i)), c->carry_type[i]);
        if (!record_steps(r, body, s->body.at, s->body.n))
            return false;
    }
    return true;
}

static bool record_steps(Record *r, Frame *f, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN ? !record_scan(r, f, steps[i])
                                        : !record_kernel(r, f, steps[i]->kernel))
            return false;
    return true;
}

/* ---- whole functions ------------------------------------------------------------------------------- */
static Lower *context_of(const Plan *p)
{
    for (int i = 0; i < p->kernels.n; i++)
        for (Lower *c = p->kernels.at[i]->units.at[0]->context; c; c = c->parent)
            if (!c->parent)
                return c;
    return NULL;
}

static void keep_results(Record *r)
{
    const Plan *p = r->t->p;
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (b->kind == BUFFER_PORT && b->written && r->held[i].place.bits)
            vec_push(r->t->a, &r->t->after, r->held[i].place);
    }
}

Trace *trace_record(Arena *a, Plan *p, const Value *in, Given given, const char **why)
{
    Trace *t = NEW(a, Trace);
    *t = (Trace){.a = a, .p = p};
    Record r = {
        .t = t, .given = given, .chance = random_start(1, 3), .held = NEWN(a, Held, p->buffers.n + 1)};
    Lower *c = context_of(p);
    r.input = NEWN(a, Region, p->fn->input.n + 1);
    Value *kept = NEWN(a, Value, p->fn->input.n + 1);
    for (int i = 0; i < p->fn->input.n; i++) {
        const Port *port = &p->fn->input.at[i];
        kept[i] =
            (Value){in[i].type, arena_dup(a, in[i].at, sizeof(double) * (size_t)type_count(in[i].type))};
        if (is_data(port->role))
            given_change(&r.chance, given, UNIT_VALUE, kept[i]);
        for (int k = 0; k < p->buffers.n; k++) {
            Buffer *b = p->buffers.at[k];
            if (b->kind == BUFFER_PORT && b->role == port->role && b->index == port->index)
                r.input[i] = (Region){b, 0, type_count(in[i].type), value_bits(a, kept[i]), NULL};
        }
        if (r.input[i].buffer)
            vec_push(a, &t->before, r.input[i]);
    }
    r.in = kept;
    if (!c || record_steps(&r, frame_new(&r, c, NULL), p->steps.at, p->steps.n)) {
        keep_results(&r);
        return t;
    }
    *why = r.why;
    return NULL;
}

Moment *trace_find(const Trace *t, const Kernel *k, const When *when, int nwhen)
{
    for (int i = 0; i < t->moments.n; i++) {
        Moment *m = t->moments.at[i];
        bool same = m->kernel == k && m->when.n == nwhen;
        for (int w = 0; same && w < nwhen; w++)
            same = m->when.at[w].time == when[w].time && m->when.at[w].at == when[w].at;
        if (same)
            return m;
    }
    return NULL;
}
