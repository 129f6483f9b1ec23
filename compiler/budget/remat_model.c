/* SPDX-License-Identifier: MIT */
/* remat_model.c: which tensors a plan's kernels make and read. */
#include "remat.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGN = 16,
    LEAST = 200,        /* a tensor of less than this part of the limit is kept */
};

typedef struct Making {
    Model *m;
    const Fn *fn;
    bool *stored;               /* by node */
    int *task;                  /* by step of the plan */
    const Node *now;            /* looked at */
    bool *batched;              /* by node: an example of it is read for an example of that one */
    Marks marks;
} Making;

static int64_t padded_bytes(Type t)
{
    return (type_bytes(t) + ALIGN - 1) / ALIGN * ALIGN;
}

static Tensor *at(const Model *m, int i)
{
    return &m->tensor.at[i];
}

/* ---- tasks --------------------------------------------------------------------------------------------- */
static void number_steps(Making *k, Step *const *steps, int n, int task)
{
    for (int i = 0; i < n; i++) {
        k->task[steps[i]->at] = task;
        if (steps[i]->kind != STEP_SCAN)
            continue;
        number_steps(k, steps[i]->body.at, steps[i]->body.n, task);
        k->task[steps[i]->end] = task;
    }
}

static void list_tasks(Making *k)
{
    const Plan *p = k->m->plan;
    for (int i = 0; i < p->steps.n; i++) {
        vec_push(k->m->a, &k->m->task, (Task){0});
        number_steps(k, &p->steps.at[i], 1, i);
    }
}

/* ---- tensors ------------------------------------------------------------------------------------------- */
/* In operations as they are met in n and what is worked out on the way to it. */
static int64_t elements_of(const Node *n)
{
    int64_t elements = type_count(n->type);
    for (int i = 0; n->op != OP_SCAN && i < n->nin; i++)
        elements = type_count(n->in[i]->type) > elements ? type_count(n->in[i]->type) : elements;
    if (n->op != OP_SCAN)
        return elements * (op_info(n->op)->cost + 1);
    elements = 0;
    for (int i = 0; i < n->attr.scan.body->node.n; i++)
        elements += elements_of(n->attr.scan.body->node.at[i]);
    return elements * n->attr.scan.length;
}

static int overwritten(const Fn *fn, const Buffer *b)
{
    return b && b->kind == BUFFER_PORT && fn_find_input(fn, b->role, b->index) ? b->id : -1;
}

/* What b has of n: all of b, unless n is a piece of it, as of a concatenation. */
static int64_t bytes_in(const Buffer *b, const Node *n)
{
    const bool piece = n->op != OP_RESULT && type_bytes(n->type) < type_bytes(b->type);
    return padded_bytes(piece ? n->type : b->type);
}

static int add_tensor(Making *k, const Node *n, Unit *u, Buffer *b)
{
    Model *m = k->m;
    Tensor t = {.node = n, .unit = u, .task = k->task[u->step], .overwrites = overwritten(k->fn, b), .batch = n->type.rank ? n->type.dim[0] : 1};
    int i = m->tensor.n;
    if (b && b->kind == BUFFER_ARENA && b->first >= 0) {
        t.private = k->task[b->first] == k->task[b->last];
        t.inner = t.private && !b->alias && !b->block ? bytes_in(b, n) : 0;
        t.bytes = t.private ? 0 : bytes_in(b, n);
    } else {
        t.private = b && b->kind == BUFFER_LOCAL;
    }
    vec_push(m->a, &m->tensor, t);
    vec_push(m->a, &m->task.at[t.task].makes, i);
    return i;
}

static void list_loop(Making *k, Unit *u)
{
    for (int i = 0; i < k->fn->node.n; i++) {
        const Node *n = k->fn->node.at[i];
        if (n->op == OP_RESULT && n->in[0] == u->node)
            k->m->of_node[i] = add_tensor(k, n, u, k->m->plan->held[i]);
    }
}

static void list_tensors(Making *k)
{
    Model *m = k->m;
    for (int i = 0; i < m->plan->units.n; i++) {
        Unit *u = m->plan->units.at[i];
        if (u->kind == UNIT_LOOP)
            list_loop(k, u);
        else if (u->kind == UNIT_PACK)
            add_tensor(k, u->node, u, NULL);
        else if (u->kind == UNIT_VALUE)
            m->of_node[u->node->id] = add_tensor(k, u->node, u, u->buffer);
        else
            add_tensor(k, u->node, u, u->kind == UNIT_COPY && u->buffer->kind == BUFFER_PORT ? u->buffer : NULL);
    }
}

/* ---- what they read ------------------------------------------------------------------------------------ */
typedef struct Way {            /* from a unit to what it reads */
    bool in_line, in_place;
} Way;

static bool may_be_in_line(const Node *n)
{
    OpClass class = op_info(n->op)->class;
    return class == CLASS_ELEMENT || (class == CLASS_MOVE && n->op != OP_WINDOW && n->op != OP_CONCAT);
}

static void read_tensor(Making *k, int of, int tensor, Way way)
{
    Tensor *t = at(k->m, of);
    for (int i = 0; i < t->reads.n; i++)
        if (t->reads.at[i].tensor == tensor) {
            t->reads.at[i].in_line = false;     /* used twice */
            t->reads.at[i].in_place &= way.in_place;
            return;
        }
    const Tensor *x = at(k->m, tensor);
    Read read = {.tensor = tensor, .in_line = way.in_line && is_element(x->node)};
    read.in_place = way.in_place && x->bytes && x->node->type.dt == t->node->type.dt && type_bytes(x->node->type) == type_bytes(t->node->type);
    vec_push(k->m->a, &t->reads, read);
}

static void read_operands_of(Making *k, int of, const Node *n, Way way);

static void read_node(Making *k, int of, const Node *n, Way way)
{
    Tensor *t = at(k->m, of);
    if (n->op == OP_INPUT)
        return;
    if (k->stored[n->id]) {
        read_tensor(k, of, k->m->of_node[n->id], way);
        return;
    }
    bool shared = !marks_add(&k->marks, n->id);
    t->elements += shared ? 0 : elements_of(n);
    way.in_line = way.in_line && may_be_in_line(n) && !shared;
    way.in_place = way.in_place && (is_element(n) || n->op == OP_RESHAPE || n->op == OP_AGAIN);
    if (shared || n->op == OP_SCAN)
        return;
    read_operands_of(k, of, n, way);
}

static void read_operands_of(Making *k, int of, const Node *n, Way way)
{
    for (int i = 0; i < read_operands(n); i++)
        read_node(k, of, n->in[i], way);
}

static void read_ports(Making *k, Tensor *t, const Unit *u)
{
    for (int i = 0; i < u->reads.n; i++)
        vec_push(k->m->a, &t->ports, u->reads.at[i]->id);
}

static void find_reads(Making *k, int of)
{
    Tensor *t = at(k->m, of);
    const Unit *u = t->unit;
    OpClass class = op_info(u->node->op)->class;
    read_ports(k, t, u);
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i]->kind == UNIT_PACK) {
            t->packs += padded_bytes(u->needs.at[i]->type);
            read_ports(k, t, u->needs.at[i]);
        }
    marks_clear(k->m->a, &k->marks, k->fn->node.n);
    Way way = {.in_line = class == CLASS_ELEMENT || u->node->op == OP_SUM || u->node->op == OP_MAX, .in_place = class == CLASS_ELEMENT};
    if (u->kind == UNIT_LOOP)
        way = (Way){0};
    if (u->kind == UNIT_VALUE || u->kind == UNIT_LOOP || u->kind == UNIT_CHECK) {
        t->macs = u->kind == UNIT_CHECK ? 0 : node_macs(u->node);
        t->elements += elements_of(u->node);
        read_operands_of(k, of, u->node, way);
    } else {
        read_node(k, of, u->node, (Way){0});
    }
}

/* Of what is private to its task and what is made of it. */
static void find_anchored(Making *k, int of)
{
    Tensor *t = at(k->m, of);
    for (int i = 0; i < t->reads.n; i++) {
        const Tensor *x = at(k->m, t->reads.at[i].tensor);
        t->anchored |= x->private && (x->macs || x->anchored);
    }
}

/* ---- by example ---------------------------------------------------------------------------------------- */
static bool is_inside(void *context, const Node *n)
{
    const Making *k = context;
    return !k->stored[n->id] || n == k->now;
}

static void enters(void *context, const Node *n)
{
    Making *k = context;
    k->batched[n->id] = true;
}

static void find_by_example(Making *k, int of)
{
    Tensor *t = at(k->m, of);
    if (!(t->large || t->private) || t->unit->kind != UNIT_VALUE || t->batch < 2)
        return;
    const Outside out = {.context = k, .is_inside = is_inside};
    k->now = t->node;
    t->goes_by_example = reads_by_example(k->m->a, t->node, &out, enters);
    for (int i = 0; i < t->reads.n; i++) {
        const Tensor *x = at(k->m, t->reads.at[i].tensor);
        t->reads.at[i].by_example = k->batched[x->node->id];
        k->batched[x->node->id] = false;
        t->goes_by_example &= !(x->private && t->reads.at[i].by_example && !x->goes_by_example);
    }
}

/* ---- who touches them ---------------------------------------------------------------------------------- */
static int by_number(const void *x, const void *y)
{
    return (*(const int *)x > *(const int *)y) - (*(const int *)x < *(const int *)y);
}

static void find_touches(Making *k)
{
    Model *m = k->m;
    for (int i = 0; i < m->tensor.n; i++)
        vec_push(m->a, &at(m, i)->touches, at(m, i)->task);
    for (int i = 0; i < m->tensor.n; i++)
        for (int r = 0; r < at(m, i)->reads.n; r++)
            vec_push(m->a, &at(m, at(m, i)->reads.at[r].tensor)->touches, at(m, i)->task);
    for (int i = 0; i < m->tensor.n; i++) {
        Numbers *t = &at(m, i)->touches;
        qsort(t->at, (size_t)t->n, sizeof *t->at, by_number);
        int n = 1;
        for (int j = 1; j < t->n; j++)
            if (t->at[j] != t->at[n - 1])
                t->at[n++] = t->at[j];
        t->n = n;
    }
}

/* What another value of the task reads too has to be stored, and keeps its place. */
static void settle_shared(Making *k)
{
    Model *m = k->m;
    for (int i = 0; i < m->tensor.n; i++)
        for (int r = 0; r < at(m, i)->reads.n; r++) {
            Read *read = &at(m, i)->reads.at[r];
            const Numbers *makes = &m->task.at[at(m, i)->task].makes;
            for (int j = 0; j < makes->n; j++)
                for (int s = 0; makes->at[j] != i && s < at(m, makes->at[j])->reads.n; s++)
                    if (at(m, makes->at[j])->reads.at[s].tensor == read->tensor)
                        read->in_place = read->in_line = false;
        }
}

/* ---- what else lies in the arena ----------------------------------------------------------------------- */
static void list_fixed(Making *k)
{
    Model *m = k->m;
    bool *known = NEWN(m->a, bool, m->plan->buffers.n + 1);
    for (int i = 0; i < k->fn->node.n; i++)
        if (m->plan->held[i])
            known[m->plan->held[i]->id] = true;
    for (int i = 0; i < m->plan->units.n; i++)
        if (m->plan->units.at[i]->kind == UNIT_PACK)
            known[m->plan->units.at[i]->buffer->id] = true;
    for (int i = 0; i < m->plan->buffers.n; i++) {
        const Buffer *b = m->plan->buffers.at[i];
        if (b->kind != BUFFER_ARENA || b->alias || b->first < 0 || known[b->id])
            continue;
        Fixed f = {padded_bytes(b->type), k->task[b->first], k->task[b->last]};
        if (f.from == f.to)
            m->task.at[f.from].scratch += f.bytes;
        else
            vec_push(m->a, &m->fixed, f);
    }
    for (int i = 0; i < m->tensor.n; i++)
        m->task.at[at(m, i)->task].scratch += at(m, i)->inner + at(m, i)->packs;
}

/* ---- all ----------------------------------------------------------------------------------------------- */
Model *remat_model(Arena *a, const Plan *p, int64_t limit)
{
    Model *m = NEW(a, Model);
    *m = (Model){.a = a, .plan = p};
    int n = p->fn->node.n;
    Making k = {.m = m, .fn = p->fn, .stored = NEWN(a, bool, n + 1), .task = NEWN(a, int, p->nstep + 1), .batched = NEWN(a, bool, n + 1)};
    m->of_node = NEWN(a, int, n + 1);
    for (int i = 0; i < n; i++) {
        k.stored[i] = p->held[i] != NULL;
        m->of_node[i] = -1;
    }
    list_tasks(&k);
    list_tensors(&k);
    for (int i = 0; i < m->tensor.n; i++)
        find_reads(&k, i);
    for (int i = 0; i < m->tensor.n; i++)
        find_anchored(&k, i);
    find_touches(&k);
    for (int i = 0; i < m->tensor.n; i++) {
        Tensor *t = at(m, i);
        t->large = t->bytes && t->bytes * LEAST >= limit && (t->unit->kind == UNIT_VALUE || t->unit->kind == UNIT_LOOP);
        t->decision = m->ndecision;
        m->ndecision += t->large ? t->touches.n : 0;
        for (int j = 0; t->large && j < t->touches.n; j++)
            vec_push(a, &m->task.at[t->touches.at[j]].touches, i);
        find_by_example(&k, i);
    }
    settle_shared(&k);
    list_fixed(&k);
    return m;
}
