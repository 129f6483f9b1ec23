/* SPDX-License-Identifier: MIT */
/* elaborate_moves.c: the built-in functions that move elements or make tensors, and those on shapes and
 * lists. */
#include "elaborate_internal.h"

/* ---- moves --------------------------------------------------------------------------------------------- */

Term bi_transpose(Elab *e, const Args *g)
{
    Term x;
    int axis[MAX_RANK];
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    int rank = example_type(x).rank;
    if (rank < 2) {
        elab_error(e, g->sp, "`transpose` swaps the last two axes; %s has fewer", term_describe(e, x));
        return term_error();
    }
    for (int i = 0; i < rank; i++)
        axis[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return elab_permute(e, x, axis);
}

Term bi_permute(Elab *e, const Args *g)
{
    Term x;
    int64_t list[MAX_RANK];
    int n, axis[MAX_RANK], seen = 0;
    if (!arg_tensor(e, g, 0, DT_F32, &x) ||
        !want_ints(e, arg_span(g, 1), "axes", g->arg[1].term, MAX_RANK, list, &n))
        return term_error();
    int rank = example_type(x).rank;
    for (int i = 0; i < n; i++) {
        if (!axis_in_range(e, arg_span(g, 1), rank, &list[i]))
            return term_error();
        axis[i] = (int)list[i];
        seen |= 1 << axis[i];
    }
    if (n != rank || seen != (1 << rank) - 1) {
        elab_error(e, arg_span(g, 1), "`permute` must name each of the %d axes of %s once", rank,
                   term_describe(e, x));
        return term_error();
    }
    return elab_permute(e, x, axis);
}

Term bi_reshape(Elab *e, const Args *g)
{
    Term x;
    int64_t dim[MAX_RANK], known = 1;
    int n, open = -1;
    if (!arg_tensor(e, g, 0, DT_F32, &x) ||
        !want_ints(e, arg_span(g, 1), "a shape", g->arg[1].term, MAX_RANK, dim, &n))
        return term_error();
    int64_t count = type_count(example_type(x));
    bool fits = true;
    for (int i = 0; i < n && fits; i++) {
        if (dim[i] == -1 && open < 0)
            open = i;
        else
            fits = dim[i] >= 1 && !__builtin_mul_overflow(known, dim[i], &known);
    }
    if (fits && open >= 0)
        fits = count % known == 0;
    if (!fits || (open < 0 && known != count)) {
        elab_error(e, g->sp, "%s, of %lld elements, cannot be reshaped to %s", term_describe(e, x),
                   (long long)count, term_describe(e, g->arg[1].term));
        return term_error();
    }
    if (open >= 0)
        dim[open] = count / known;
    if (n + (x.batched ? 1 : 0) > MAX_RANK)
        return elab_error(e, g->sp, "a shape of %d axes is too deep", n), term_error();
    return elab_reshape(e, x, type_make(x.node->type.dt, n, dim));
}

Term bi_flatten(Elab *e, const Args *g)
{
    Term x;
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    int64_t count = type_count(example_type(x));
    return elab_reshape(e, x, type_make(x.node->type.dt, 1, &count));
}

/* A list's items, copied so that they may be changed. */
static bool arg_items(Elab *e, const Args *g, int i, int *n, Term **item)
{
    Term t = g->arg[i].term;
    if (t.kind != TERM_LIST || t.n == 0) {
        elab_error(e, arg_span(g, i), "`%s` takes a list of tensors: %s([a, b])", g->name, g->name);
        return false;
    }
    *n = t.n;
    *item = arena_dup(e->a, t.item, sizeof(Term) * (size_t)t.n);
    return true;
}

Term bi_concat(Elab *e, const Args *g)
{
    Term *item;
    int n, axis;
    if (!arg_items(e, g, 0, &n, &item))
        return term_error();
    Term first = term_tensor(e, g->sp, "an item", item[0], DT_COUNT);
    if (is_error(first) || !arg_axis(e, g, 1, example_type(first).rank, 0, &axis))
        return term_error();
    return elab_concat(e, g->sp, n, item, axis);
}

Term bi_stack(Elab *e, const Args *g)
{
    Term *item;
    int n, axis;
    if (!arg_items(e, g, 0, &n, &item))
        return term_error();
    Term first = term_tensor(e, g->sp, "an item", item[0], DT_COUNT);
    if (is_error(first) || !arg_axis(e, g, 1, example_type(first).rank + 1, 0, &axis))
        return term_error();
    return elab_stack(e, g->sp, n, item, axis, DT_COUNT);
}

Term bi_split(Elab *e, const Args *g)
{
    Term x;
    int64_t parts;
    int axis;
    if (!arg_tensor(e, g, 0, DT_F32, &x) ||
        !want_int(e, arg_span(g, 1), "the number of parts", g->arg[1].term, &parts) ||
        !arg_axis(e, g, 2, example_type(x).rank, 0, &axis))
        return term_error();
    int64_t extent = example_type(x).dim[axis];
    if (parts < 1 || extent % parts != 0) {
        elab_error(e, g->sp, "axis %d of %s cannot be split into %lld equal parts", axis, term_describe(e, x),
                   (long long)parts);
        return term_error();
    }
    Term *item = NEWN(e->a, Term, parts);
    for (int64_t i = 0; i < parts; i++)
        item[i] = elab_slice_axis(e, x, axis, i * (extent / parts), extent / parts, 1);
    return (Term){.kind = TERM_TUPLE, .item = item, .n = (int)parts};
}

Term bi_reverse(Elab *e, const Args *g)
{
    Term x;
    int n, axis[MAX_RANK];
    if (!arg_tensor(e, g, 0, DT_F32, &x))
        return term_error();
    Args one = *g;
    int rank = example_type(x).rank;
    if (!g->arg[1].given) {
        n = 1;
        axis[0] = 0;
        if (rank == 0)
            return elab_error(e, g->sp, "a scalar has no axis to reverse"), term_error();
    } else if (!arg_axes(e, &one, 1, rank, &n, axis))
        return term_error();
    for (int i = 0; i < n; i++)
        axis[i] += x.batched ? 1 : 0;
    return term_node(e, node_reverse(e->frame->fn, x.node, n, axis), x.batched);
}

Term bi_gather(Elab *e, const Args *g)
{
    Term x, index;
    int axis;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !arg_tensor(e, g, 1, DT_I32, &index) ||
        !arg_axis(e, g, 2, example_type(x).rank, 0, &axis))
        return term_error();
    if (index.node->type.dt != DT_I32)
        return elab_error(e, arg_span(g, 1), "an index must be i32, found %s", term_describe(e, index)),
               term_error();
    return elab_gather(e, g->sp, x, axis, index);
}

Term bi_check_index(Elab *e, const Args *g)
{
    Term x;
    int64_t limit;
    if (!arg_tensor(e, g, 0, DT_I32, &x) || !want_int(e, arg_span(g, 1), "the limit", g->arg[1].term, &limit))
        return term_error();
    if (x.node->type.dt != DT_I32)
        return elab_error(e, arg_span(g, 0), "an index must be i32, found %s", term_describe(e, x)),
               term_error();
    if (limit < 1 || limit > MAX_EXTENT)
        return elab_error(e, arg_span(g, 1), "a limit is from 1 to 2^40, found %lld", (long long)limit), term_error();
    return term_node(e, node_check_index(e->frame->fn, x.node, limit), x.batched);
}

/* ---- making tensors ------------------------------------------------------------------------------------ */

static DType value_dtype(Term t)
{
    return is_tensor(t) ? t.node->type.dt : t.kind == TERM_BOOL ? DT_BOOL : DT_F32;
}

Term bi_full(Elab *e, const Args *g)
{
    Type shape;
    Term v = g->arg[0].term;
    if (!want_shape(e, arg_span(g, 1), "a shape", g->arg[1].term, &shape))
        return term_error();
    return elab_full(e, g->sp, v, type_with(shape, value_dtype(v)));
}

Term bi_full_like(Elab *e, const Args *g)
{
    Term x;
    if (!arg_tensor(e, g, 1, DT_F32, &x))
        return term_error();
    return elab_full(e, g->sp, g->arg[0].term, example_type(x));
}

Term bi_broadcast_to(Elab *e, const Args *g)
{
    Term x;
    Type shape;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !want_shape(e, arg_span(g, 1), "a shape", g->arg[1].term, &shape))
        return term_error();
    return elab_full(e, g->sp, x, type_with(shape, x.node->type.dt));
}

Term bi_iota(Elab *e, const Args *g)
{
    int64_t n;
    if (!want_int(e, arg_span(g, 0), "a length", g->arg[0].term, &n))
        return term_error();
    if (n < 1 || n > MAX_EXTENT)
        return elab_error(e, arg_span(g, 0), "a length is from 1 to 2^40, found %lld", (long long)n), term_error();
    return term_node(e, node_iota(e->frame->fn, type_make(DT_I32, 1, &n), 0), false);
}

Term bi_random(Elab *e, const Args *g)
{
    Type shape;
    if (!want_shape(e, arg_span(g, 0), "a shape", g->arg[0].term, &shape))
        return term_error();
    return elab_random(e, g->sp, shape);
}

/* ---- compile-time values ------------------------------------------------------------------------------- */

Term bi_shape(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (!is_tensor(t))
        return elab_error(e, g->sp, "`shape` takes a tensor, found %s", term_describe(e, t)), term_error();
    Type x = example_type(t);
    return term_shape(e->a, x.dim, x.rank);
}

/* Elements of a tensor, or the product of a list. */
Term bi_size(Elab *e, const Args *g)
{
    Term t = g->arg[0].term, n = term_int(1);
    if (is_tensor(t))
        return term_int(type_count(example_type(t)));
    if (t.kind != TERM_LIST)
        return elab_error(e, g->sp, "`size` takes a tensor or a list, found %s", term_describe(e, t)),
               term_error();
    for (int i = 0; i < t.n && !is_error(n); i++)
        n = fold_binary(e, g->sp, OPR_MUL, n, t.item[i]);
    return n;
}

Term bi_len(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (t.kind == TERM_LIST || t.kind == TERM_TUPLE)
        return term_int(t.n);
    if (is_tensor(t) && example_type(t).rank > 0)
        return term_int(example_type(t).dim[0]);
    return elab_error(e, g->sp, "`len` takes a list or a tensor with axes, found %s", term_describe(e, t)),
           term_error();
}

Term bi_ndim(Elab *e, const Args *g)
{
    Term t = g->arg[0].term;
    if (!is_tensor(t))
        return elab_error(e, g->sp, "`ndim` takes a tensor, found %s", term_describe(e, t)), term_error();
    return term_int(example_type(t).rank);
}

/* range(n) or range(start, stop): a list of integers, for axes and shapes. */
Term bi_range(Elab *e, const Args *g)
{
    int64_t start = 0, stop;
    if (!want_int(e, arg_span(g, 0), "a bound of range", g->arg[0].term, &stop))
        return term_error();
    if (g->arg[1].given) {
        start = stop;
        if (!want_int(e, arg_span(g, 1), "a bound of range", g->arg[1].term, &stop))
            return term_error();
    }
    int64_t n;
    if (__builtin_sub_overflow(stop, start, &n) || n > MAX_REPEAT)
        return elab_error(e, g->sp, "this range is too long"), term_error();
    n = n < 0 ? 0 : n;
    Term *item = NEWN(e->a, Term, n + 1);
    for (int64_t i = 0; i < n; i++)
        item[i] = term_int(start + i);
    return term_list(item, (int)n);
}

Term bi_is_list(Elab *e, const Args *g)
{
    (void)e;
    return term_bool(g->arg[0].term.kind == TERM_LIST);
}
