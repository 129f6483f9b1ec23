/* SPDX-License-Identifier: MIT */
/* step_memory.c: what inference of one time step remembers of the others: streams, earlier steps, and the
 * number of this one. */
#include "stepwise.h"

#include "../graph/gradient.h"

#include <string.h>

/* ---- streams ------------------------------------------------------------------------------------------- */
/* A name nobody has yet: `base`, base_2, base_3 ... */
static const char *stream_name(Stepwise *s, const char *base)
{
    const int n = ++*str_map(&s->names, base);
    return n == 1 ? base : arena_printf(s->a, "%s_%d", base, n);
}

static Node *with_batch(Fn *fn, Node *n, int64_t batch, bool apart)
{
    return apart ? n : node_insert_axis(fn, n, 0, batch);
}

Memory remember(Stepwise *s, const char *name, Span span, Node *beginning)
{
    const Type t = beginning->type;
    const int64_t batch = s->m->batch;
    Memory kept = {.index = s->m->streams.n, .apart = t.rank && t.dim[0] == batch};
    name = stream_name(s, name);
    const Entry entry = {
        .name = name, .type = kept.apart ? type_drop(t, 0) : t, .span = span, .param = -1, .batched = true};
    vec_push(s->a, &s->m->streams, entry);
    Node *all = with_batch(s->start, beginning, batch, kept.apart);
    fn_result(s->start, ROLE_STREAM, kept.index, name, all);
    Node *in = fn_input(s->fn, ROLE_STREAM, kept.index, name, all->type);
    kept.value = kept.apart ? in : node_reshape(s->fn, node_slice_axis(s->fn, in, 0, 0, 1, 1), t.rank, t.dim);
    return kept;
}

void leave(Stepwise *s, const Memory *kept, Node *value)
{
    const char *name = s->m->streams.at[kept->index].name;
    fn_result(s->fn, ROLE_STREAM, kept->index, name, with_batch(s->fn, value, s->m->batch, kept->apart));
}

static Node *steps_before(Stepwise *s)
{
    if (s->count)
        return s->count;
    Memory kept = remember(s, "steps", s->fn->span, node_const(s->start, DT_I32, 0));
    s->count = kept.value;
    Node *next = node_binary(s->fn, OP_ADD, s->count, node_const(s->fn, DT_I32, 1));
    leave(s, &kept, node_binary(s->fn, OP_MIN2, next, node_const(s->fn, DT_I32, (double)s->length)));
    return s->count;
}

Node *from_step(Stepwise *s, int64_t offset, Node *late, Node *early)
{
    if (offset <= 0)
        return late;
    Node *limit = node_const(s->fn, DT_I32, (double)offset);
    Node *soon = node_binary(s->fn, OP_LT, steps_before(s), limit);
    return node_select(s->fn, node_broadcast(s->fn, soon, type_with(late->type, DT_BOOL), NULL), early, late);
}

/* ---- what is the same at every step -------------------------------------------------------------------- */
Node *fixed_in(Stepwise *s, Fn *fn, Node *n)
{
    if (fn == s->fn)
        return s->flow[n->id].step;
    graft(fn, s->old, 1, &n, s->begun, NULL);
    return s->begun[n->id];
}

Node *repeated_in(Stepwise *s, Fn *fn, Node *n, int axis)
{
    if (n->op == OP_BROADCAST) {
        Attr attr = n->attr;
        for (int i = 0; i < attr.broadcast.n; i++)
            if (attr.broadcast.axis[i] == axis && n->in[0]->type.dim[i] != 1)
                return NULL;
        attr.broadcast.type.dim[axis] = 1;
        return node_make(fn, OP_BROADCAST, 1, (Node *[]){fixed_in(s, fn, n->in[0])}, &attr);
    }
    Node *in[3];
    Repeated *known = &s->repeated[fn == s->start][n->id];
    if (known->axis == axis + 1)
        return known->one;
    *known = (Repeated){.axis = axis + 1};
    if (op_info(n->op)->class != CLASS_ELEMENT || n->nin > LEN(in))
        return NULL;
    for (int i = 0; i < n->nin; i++)
        if (!(in[i] = repeated_in(s, fn, n->in[i], axis)))
            return NULL;
    return known->one = node_make(fn, n->op, n->nin, in, &n->attr);
}

Node *fixed_part(Stepwise *s, Node *n, int axis, int64_t offset)
{
    Node *all = s->flow[n->id].step, *part = repeated_in(s, s->fn, n, axis);
    if (part)
        return part;
    Fn *fn = s->fn;
    int order[MAX_RANK] = {axis}, back[MAX_RANK] = {0};
    for (int i = 0, k = 1; i < n->type.rank; i++)
        if (i != axis)
            order[k++] = i;
    for (int i = 0; i < n->type.rank; i++)
        back[order[i]] = i;
    Node *at = node_check_index(fn, steps_before(s), s->length);
    at = node_binary_const(fn, OP_MAX2, node_binary_const(fn, OP_SUB, at, (double)offset), 0);
    at = node_binary_const(fn, OP_MIN2, at, (double)(n->type.dim[axis] - 1));
    Node *place = node_reshape(fn, at, 1, (int64_t[]){1});
    Node *row = node_gather(fn, node_permute(fn, all, order), place);
    return node_permute(fn, row, back);
}

/* ---- what lies in front of the first step -------------------------------------------------------------- */
Node *before_start(Stepwise *s, const Node *n)
{
    const Flow *f = &s->flow[n->id];
    Node *in[MAX_RANK] = {NULL};
    if (f->offset >= 0)
        return node_full(s->start, f->step->type, 0);
    if (n->op == OP_PAD && n->attr.pad.lo[f->axis] && s->flow[n->in[0]->id].offset >= 0)
        return node_full(s->start, f->step->type, n->attr.pad.value);
    if (n->nin > LEN(in) || n->op == OP_SCAN || n->op == OP_RESULT || n->op == OP_WINDOW || n->op == OP_CONV)
        return NULL;
    for (int i = 0; i < n->nin; i++) {
        const int axis = axis_before(n, i, f->axis);
        in[i] = is_timed(s, n->in[i]) ? before_start(s, n->in[i])
                : axis < 0            ? fixed_in(s, s->start, n->in[i])
                                      : repeated_in(s, s->start, n->in[i], axis);
        if (!in[i])
            return NULL;
    }
    const Attr attr = attr_of_part(n, f->axis, 1);
    return node_make(s->start, n->op, n->nin, in, &attr);
}

/* ---- earlier steps ------------------------------------------------------------------------------------- */
/* conv1d_1.past for conv1d_1.y */
static const char *past_name(Stepwise *s, const Node *n)
{
    const char *name = n->name ? n->name : op_info(n->op)->text, *dot = strrchr(name, '.');
    return arena_printf(s->a, "%.*s.past", dot ? (int)(dot - name) : (int)strlen(name), name);
}

Node *with_past(Stepwise *s, const Node *n, Node *x, Node *early, int axis, int64_t reach)
{
    if (!reach)
        return x;
    Type t = early->type;
    int same[MAX_RANK] = {0};
    t.dim[axis] = reach;
    for (int i = 0; i < t.rank; i++)
        same[i] = i;
    Memory kept = remember(s, past_name(s, n), n->span, node_broadcast(s->start, early, t, same));
    Node *all = node_concat(s->fn, 2, (Node *[]){kept.value, x}, axis);
    leave(s, &kept, node_slice_axis(s->fn, all, axis, 1, reach + 1, 1));
    return all;
}

Node *delayed(Stepwise *s, const Node *n, int64_t by)
{
    const Flow *f = &s->flow[n->id];
    Node *early = by ? before_start(s, n) : NULL;
    if (!by || !early)
        return by ? NULL : f->step;
    return node_slice_axis(s->fn, with_past(s, n, f->step, early, f->axis, by), f->axis, 0, 1, 1);
}
