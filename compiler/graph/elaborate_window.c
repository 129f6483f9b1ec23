/* SPDX-License-Identifier: MIT */
/* elaborate_window.c: the functions that read neighbourhoods: window, pad, convolution. */
#include "elaborate_internal.h"

static bool arg_positive(Elab *e, const Args *g, int i, const char *what, int64_t fallback, int64_t *x)
{
    *x = fallback;
    if (g->arg[i].given && !want_int(e, arg_span(g, i), what, g->arg[i].term, x))
        return false;
    if (*x >= 1 && *x <= MAX_EXTENT)
        return true;
    elab_error(e, arg_span(g, i), "%s must be at least 1, found %lld", what, (long long)*x);
    return false;
}

/* window(x, axis, size, stride = 1, dilation = 1): the axis of extent H becomes two, [positions, size]. */
Term bi_window(Elab *e, const Args *g)
{
    Term x;
    int axis;
    int64_t size, stride, dilation;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !arg_axis(e, g, 1, example_type(x).rank, 0, &axis) ||
        !arg_positive(e, g, 2, "a window's size", 1, &size) ||
        !arg_positive(e, g, 3, "a stride", 1, &stride) || !arg_positive(e, g, 4, "a dilation", 1, &dilation))
        return term_error();
    Type t = example_type(x);
    int64_t reach = (size - 1) * dilation + 1;
    if (reach > t.dim[axis]) {
        elab_error(e, g->sp, "a window of %lld does not fit axis %d of %s", (long long)reach, axis,
                   term_describe(e, x));
        return term_error();
    }
    if (t.rank + 1 + (x.batched ? 1 : 0) > MAX_RANK)
        return elab_error(e, g->sp, "the result would have too many axes; at most %d are possible", MAX_RANK), term_error();
    t.dim[axis] = (t.dim[axis] - reach) / stride + 1;
    if (!shape_allowed(e, g->sp, type_insert(t, axis + 1, size), x.batched))
        return term_error();
    return term_node(e, node_window(e->frame->fn, x.node, axis + (x.batched ? 1 : 0), size, stride, dilation),
                     x.batched);
}

/* A list of [low, high] pairs, one for each of n axes; a single integer means the same everywhere. */
static bool arg_pairs(Elab *e, const Args *g, int i, int n, int64_t *lo, int64_t *hi)
{
    Term t = g->arg[i].term;
    for (int k = 0; k < n; k++)
        lo[k] = hi[k] = t.kind == TERM_INT ? t.integer : 0;
    if (!g->arg[i].given || is_error(t))
        return !is_error(t) || !g->arg[i].given;
    bool ok = t.kind == TERM_INT || (t.kind == TERM_LIST && t.n == n);
    for (int k = 0; k < n && ok && t.kind == TERM_LIST; k++) {
        Term p = t.item[k];
        ok = p.kind == TERM_LIST && p.n == 2 && p.item[0].kind == TERM_INT && p.item[1].kind == TERM_INT;
        if (ok) {
            lo[k] = p.item[0].integer;
            hi[k] = p.item[1].integer;
        }
    }
    for (int k = 0; k < n && ok; k++)
        ok = lo[k] >= 0 && hi[k] >= 0 && lo[k] <= MAX_EXTENT && hi[k] <= MAX_EXTENT;
    if (!ok)
        elab_error(e, arg_span(g, i), "padding is a [before, after] pair for each of %d axes, found %s", n,
                   term_describe(e, t));
    return ok;
}

/* pad(x, [[before, after], ...], value = 0): one pair for each axis. */
Term bi_pad(Elab *e, const Args *g)
{
    Term x;
    double value = 0;
    int64_t lo[MAX_RANK + 1] = {0}, hi[MAX_RANK + 1] = {0}, interior[MAX_RANK + 1] = {0};
    if (!arg_tensor(e, g, 0, DT_F32, &x) ||
        (g->arg[2].given && !want_number(e, arg_span(g, 2), "the value to pad with", g->arg[2].term, &value)))
        return term_error();
    Type t = example_type(x);
    int b = x.batched ? 1 : 0;
    if (!arg_pairs(e, g, 1, t.rank, lo + b, hi + b))
        return term_error();
    bool any = false;
    for (int i = 0; i < t.rank; i++) {
        t.dim[i] += lo[i + b] + hi[i + b];
        any |= lo[i + b] || hi[i + b];
    }
    if (!any)
        return x;
    if (!shape_allowed(e, g->sp, t, x.batched))
        return term_error();
    return term_node(e, node_pad(e->frame->fn, x.node, lo, hi, interior, value), x.batched);
}

static bool arg_per_axis(Elab *e, const Args *g, int i, const char *what, int n, int64_t *out)
{
    int64_t list[MAX_SPATIAL];
    int count = 1;
    list[0] = 1;
    if (g->arg[i].given && !want_ints(e, arg_span(g, i), what, g->arg[i].term, MAX_SPATIAL, list, &count))
        return false;
    if (count != 1 && count != n) {
        elab_error(e, arg_span(g, i), "%s: %d values for %d axes", what, count, n);
        return false;
    }
    for (int k = 0; k < n; k++) {
        out[k] = list[count == 1 ? 0 : k];
        if (out[k] >= 1 && out[k] <= MAX_EXTENT)
            continue;
        elab_error(e, arg_span(g, i), "%s must be at least 1, found %lld", what, (long long)out[k]);
        return false;
    }
    return true;
}

static bool conv_types(Elab *e, const Args *g, Term x, Term kernel, int64_t groups)
{
    Type t = example_type(x), k = example_type(kernel);
    int spatial = t.rank - 1;
    if (t.dt != DT_F32 || k.dt != DT_F32 || kernel.batched || k.rank != t.rank + 1 || spatial < 1 ||
        spatial > MAX_SPATIAL) {
        elab_error(e, g->sp,
                   "`convolution` takes x: f32[space..., C] and a kernel f32[size..., C / groups, O] that no "
                   "input changes, with 1 to %d axes of space",
                   MAX_SPATIAL);
        note_operand(e, g->arg[0].from, x);
        note_operand(e, g->arg[1].from, kernel);
        return false;
    }
    int64_t c = t.dim[spatial], o = k.dim[spatial + 1];
    if (c % groups == 0 && o % groups == 0 && k.dim[spatial] == c / groups)
        return true;
    elab_error(e, g->sp, "a kernel for %lld channels in each of %lld groups on %lld channels",
               (long long)k.dim[spatial], (long long)groups, (long long)c);
    note_operand(e, g->arg[0].from, x);
    note_operand(e, g->arg[1].from, kernel);
    return false;
}

/* convolution(x, kernel, strides = 1, padding = 0, dilation = 1, groups = 1, input_dilation = 1): x [s..., C] with
 * kernel [k..., C / groups, O]. */
Term bi_convolution(Elab *e, const Args *g)
{
    Term x, kernel;
    Attr attr = {0};
    int64_t groups;
    if (!arg_tensor(e, g, 0, DT_F32, &x) || !arg_tensor(e, g, 1, DT_F32, &kernel) ||
        !arg_positive(e, g, 5, "the number of groups", 1, &groups) || !conv_types(e, g, x, kernel, groups))
        return term_error();
    Type t = example_type(x), k = kernel.node->type;
    int n = t.rank - 1;
    attr.conv.nspatial = n;
    attr.conv.groups = groups;
    if (!arg_per_axis(e, g, 2, "strides", n, attr.conv.stride) ||
        !arg_per_axis(e, g, 4, "dilation", n, attr.conv.rhs_dilation) ||
        !arg_per_axis(e, g, 6, "the input's dilation", n, attr.conv.lhs_dilation) ||
        !arg_pairs(e, g, 3, n, attr.conv.pad_lo, attr.conv.pad_hi))
        return term_error();
    Type out = t;
    for (int i = 0; i < n; i++) {
        int64_t padded = (t.dim[i] - 1) * attr.conv.lhs_dilation[i] + 1 + attr.conv.pad_lo[i] + attr.conv.pad_hi[i];
        int64_t reach = (k.dim[i] - 1) * attr.conv.rhs_dilation[i] + 1;
        if (reach > padded) {
            elab_error(e, g->sp, "a kernel of %lld does not fit axis %d of %s", (long long)reach, i,
                       term_describe(e, x));
            return term_error();
        }
        out.dim[i] = (padded - reach) / attr.conv.stride[i] + 1;
    }
    out.dim[n] = k.dim[n + 1];
    if (!shape_allowed(e, g->sp, out, x.batched))
        return term_error();
    Node *in = x.batched ? x.node : node_insert_axis(e->frame->fn, x.node, 0, 1);
    Node *y = node_conv(e->frame->fn, in, kernel.node, &attr);
    return x.batched ? term_node(e, y, true)
                     : term_node(e, node_reshape(e->frame->fn, y, out.rank, out.dim), false);
}
