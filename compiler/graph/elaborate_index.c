/* SPDX-License-Identifier: MIT */
/* elaborate_index.c: x[0], x[1:3, :], x[..., -1], and x[i] with an index known only at run time. */
#include "elaborate_internal.h"

static const char *ordinal_axis(Elab *e, int axis, int64_t extent)
{
    return arena_printf(e->a, "axis %d, which has %lld element%s", axis, (long long)extent,
                        extent == 1 ? "" : "s");
}

static bool index_in_range(Elab *e, Span sp, int axis, int64_t extent, int64_t *i)
{
    if (*i >= -extent && *i < extent) {
        *i += *i < 0 ? extent : 0;
        return true;
    }
    elab_error(e, sp, "index %lld is out of range for %s", (long long)*i, ordinal_axis(e, axis, extent));
    return false;
}

/* start:stop:stride as Python reads it; the elements taken are start, start + stride, ... (count of them). */
static bool slice_range(Elab *e, const Subscript *s, int64_t extent, int64_t *start, int64_t *count,
                        int64_t *stride)
{
    int64_t stop;
    *stride = 1;
    if (s->stride && !want_int(e, s->stride->span, "a slice's stride", eval(e, s->stride), stride))
        return false;
    if (*stride == 0 || *stride > MAX_EXTENT || *stride < -MAX_EXTENT) {
        elab_error(e, s->span, "a slice's stride cannot be %lld", (long long)*stride);
        return false;
    }
    bool back = *stride < 0;
    *start = back ? extent - 1 : 0;
    stop = back ? -1 : extent;
    if (s->start) {
        if (!want_int(e, s->start->span, "a slice's start", eval(e, s->start), start))
            return false;
        *start += *start < 0 ? extent : 0;
        *start = *start < 0 ? (back ? -1 : 0) : *start >= extent ? (back ? extent - 1 : extent) : *start;
    }
    if (s->stop) {
        if (!want_int(e, s->stop->span, "a slice's stop", eval(e, s->stop), &stop))
            return false;
        stop += stop < 0 ? extent : 0;
        stop = stop < 0 ? (back ? -1 : 0) : stop > extent ? extent : stop;
    }
    int64_t span = back ? *start - stop : stop - *start, step = back ? -*stride : *stride;
    *count = span > 0 ? (span + step - 1) / step : 0;
    return true;
}

/* ---- run-time indices ---------------------------------------------------------------------------------- */

/* table[..., V, ...] by index[i...] along the axis: [..., i..., ...]. Every index is checked when it runs. */
Term elab_gather(Elab *e, Span sp, Term table, int axis, Term index)
{
    Fn *fn = e->frame->fn;
    Type t = example_type(table), it = example_type(index);
    int64_t extent = t.dim[axis];
    int order[MAX_RANK] = {0}, rank = t.rank, irank = it.rank;
    Type result = t;
    for (int i = 0; i < rank - 1; i++)
        order[i + 1] = i < axis ? i : i + 1;
    order[0] = axis;
    result = type_drop(t, axis);
    if (result.rank + irank + (table.batched || index.batched) > MAX_RANK) {
        elab_error(e, sp, "the result of indexing has too many axes");
        return term_error();
    }
    for (int i = 0; i < irank; i++)
        result = type_insert(result, axis + i, it.dim[i]);
    bool batched = table.batched || index.batched;
    if (!shape_allowed(e, sp, result, batched))
        return term_error();
    if (rank > 1)
        table = elab_permute(e, table, order); /* [V, r...] */
    Node *i = node_check_index(fn, index.node, extent), *n;
    if (table.batched && index.batched) { /* one table of batch * V rows */
        Type flat = type_insert(type_drop(table.node->type, 0), 0, e->batch * extent);
        flat = type_drop(flat, 1);
        if (flat.dim[0] > MAX_EXTENT) {
            elab_error(e, sp, "indexing %s in %lld examples at once is too large", type_text(e->a, t),
                       (long long)e->batch);
            return term_error();
        }
        Node *rows = node_reshape(fn, table.node, flat.rank, flat.dim);
        Node *base = node_iota(fn, type_make(DT_I32, 1, (int64_t[]){e->batch}), 0);
        base = node_broadcast(fn, node_binary_const(fn, OP_MUL, base, (double)extent), i->type, (int[]){0});
        n = node_gather(fn, rows, node_binary(fn, OP_ADD, i, base));
    } else if (table.batched) { /* [V, batch, r...] -> [i..., batch, r...] -> [batch, i..., r...] */
        int front[MAX_RANK] = {1, 0}, back[MAX_RANK] = {irank};
        for (int k = 2; k <= rank; k++)
            front[k] = k;
        n = node_gather(fn, node_permute(fn, table.node, front), i);
        for (int k = 1; k < n->type.rank; k++)
            back[k] = k <= irank ? k - 1 : k;
        n = node_permute(fn, n, back);
    } else
        n = node_gather(fn, table.node, i);
    Term out = term_node(e, n, batched); /* [i..., r...]: the index's axes go where the axis was */
    if (axis == 0 || irank == 0)
        return out;
    int place[MAX_RANK] = {0};
    for (int k = 0; k < rank - 1 + irank; k++)
        place[k] = k < axis ? irank + k : k < axis + irank ? k - axis : k;
    return elab_permute(e, out, place);
}

static Term gather_at(Elab *e, Span sp, Term x, int axis, Term index)
{
    if (is_error(x))
        return x;
    if (index.node->type.dt == DT_I32)
        return elab_gather(e, sp, x, axis, index);
    elab_error(e, sp, "an index must be i32, found %s", term_describe(e, index));
    return term_error();
}

/* ---- lists --------------------------------------------------------------------------------------------- */

static Term index_list(Elab *e, const Expr *x, Term list)
{
    const Subscript *s = &x->subscripts.at[0];
    if (s->kind == SUB_INDEX) {
        int64_t i;
        Term index = eval(e, s->index);
        if (is_tensor(index))
            return gather_at(e, s->span, term_tensor(e, x->base->span, "what is indexed", list, DT_COUNT), 0,
                             index);
        if (!want_int(e, s->span, "a list's index", index, &i) || !index_in_range(e, s->span, 0, list.n, &i))
            return term_error();
        return list.item[i];
    }
    int64_t start = 0, count = list.n, stride = 1;
    if (s->kind == SUB_SLICE && !slice_range(e, s, list.n, &start, &count, &stride))
        return term_error();
    Term *item = NEWN(e->a, Term, count + 1);
    for (int64_t i = 0; i < count; i++)
        item[i] = list.item[start + i * stride];
    return term_list(item, (int)count);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static Term slice_axis(Elab *e, const Subscript *s, Term x, int axis)
{
    int64_t start, count, stride, extent = example_type(x).dim[axis];
    if (!slice_range(e, s, extent, &start, &count, &stride))
        return term_error();
    mark(e, s->span);
    if (count == 0) {
        elab_error(e, s->span, "an empty slice of %s", ordinal_axis(e, axis, extent));
        return term_error();
    }
    if (stride > 0)
        return elab_slice_axis(e, x, axis, start, count, stride);
    x = elab_slice_axis(e, x, axis, start + (count - 1) * stride, count, -stride);
    Node *n = node_reverse(e->frame->fn, x.node, 1, (int[]){axis + (x.batched ? 1 : 0)});
    return term_node(e, n, x.batched);
}

static Term index_axis(Elab *e, const Subscript *s, Term x, int *axis)
{
    int64_t i, extent = example_type(x).dim[*axis];
    Term index = eval(e, s->index);
    mark(e, s->span);
    if (is_tensor(index)) {
        int at = *axis;
        *axis += example_type(index).rank;
        return gather_at(e, s->span, x, at, index);
    }
    if (!want_int(e, s->span, "an index", index, &i) || !index_in_range(e, s->span, *axis, extent, &i))
        return term_error();
    x = elab_slice_axis(e, x, *axis, i, 1, 1);
    return elab_reshape(e, x, type_drop(example_type(x), *axis));
}

static Term index_tensor(Elab *e, const Expr *x, Term t)
{
    int rank = example_type(t).rank, axes = 0, axis = 0;
    for (int i = 0; i < x->subscripts.n; i++)
        axes += x->subscripts.at[i].kind != SUB_ELLIPSIS;
    if (axes > rank) {
        elab_error(e, x->span, "%d subscripts for %d ax%s", axes, rank, rank == 1 ? "is" : "es");
        note_operand(e, x->base, t);
        return term_error();
    }
    bool rest = false;
    for (int i = 0; i < x->subscripts.n && !is_error(t); i++) {
        const Subscript *s = &x->subscripts.at[i];
        if (s->kind == SUB_ELLIPSIS) {
            if (rest)
                return elab_error(e, s->span, "only one `...` can stand in a subscript"), term_error();
            rest = true;
            axis += rank - axes;
        } else if (s->kind == SUB_SLICE)
            t = slice_axis(e, s, t, axis++);
        else
            t = index_axis(e, s, t, &axis);
    }
    return t;
}

Term eval_index(Elab *e, const Expr *x)
{
    Term t = eval(e, x->base);
    mark(e, x->span);
    if (t.kind == TERM_LIST && x->subscripts.n > 1)
        t = term_tensor(e, x->base->span, "what is indexed", t, DT_COUNT);
    if (is_tensor(t))
        return index_tensor(e, x, t);
    if (t.kind == TERM_LIST || t.kind == TERM_TUPLE)
        return index_list(e, x, t);
    if (!is_error(t))
        elab_error(e, x->base->span, "%s cannot be indexed", term_describe(e, t));
    return term_error();
}
