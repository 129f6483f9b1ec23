/* SPDX-License-Identifier: MIT */
/* move.c: shapes of operations that move elements. */
#include "ops.h"

#define SHAPE(name) const char *shape_##name(Arena *a, Node *const *in, int nin, const Attr *attr, Type *t)

static const char *want_axes(Arena *a, int n, Type t)
{
    return n == t.rank ? NULL : arena_printf(a, "%d axes described, %s has %d", n, type_text(a, t), t.rank);
}

SHAPE(reshape)
{
    (void)nin;
    *t = attr->shape.type;
    const char *why = type_problem(a, *t);
    if (!why && (t->dt != in[0]->type.dt || type_count(*t) != type_count(in[0]->type)))
        why = arena_printf(a, "%s has other elements than %s", type_text(a, in[0]->type), type_text(a, *t));
    return why;
}

SHAPE(permute)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->axes.n, x);
    if (why)
        return why;
    bool seen[MAX_RANK] = {false};
    *t = type_scalar(x.dt);
    for (int i = 0; i < x.rank; i++) {
        int axis = attr->axes.axis[i];
        if (axis < 0 || axis >= x.rank || seen[axis])
            return arena_printf(a, "axes must name each axis of %s once", type_text(a, x));
        seen[axis] = true;
        *t = type_insert(*t, i, x.dim[axis]);
    }
    return NULL;
}

SHAPE(broadcast)
{
    (void)nin;
    Type x = in[0]->type;
    *t = attr->broadcast.type;
    const int *axis = attr->broadcast.axis;
    const char *why = type_problem(a, *t);
    if (!why)
        why = want_axes(a, attr->broadcast.n, x);
    if (!why && t->rank < x.rank)
        why = arena_printf(a, "%s has more axes than %s", type_text(a, x), type_text(a, *t));
    if (!why)
        why = axes_problem(a, attr->broadcast.n, axis, t->rank);
    if (!why && t->dt != x.dt)
        why = arena_printf(a, "gives %s from %s", dtype_name(t->dt), dtype_name(x.dt));
    if (why)
        return why;
    for (int i = 0; i < x.rank; i++)
        if (x.dim[i] != 1 && x.dim[i] != t->dim[axis[i]])
            return arena_printf(a, "axis %d of %s cannot become axis %d of %s", i, type_text(a, x), axis[i],
                                type_text(a, *t));
    return NULL;
}

SHAPE(slice)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->slice.n, x);
    if (why)
        return why;
    *t = x;
    for (int i = 0; i < x.rank; i++) {
        int64_t start = attr->slice.start[i], limit = attr->slice.limit[i], stride = attr->slice.stride[i];
        if (start < 0 || limit <= start || limit > x.dim[i] || stride < 1)
            return arena_printf(a, "%lld:%lld:%lld on axis %d of %s", (long long)start, (long long)limit,
                                (long long)stride, i, type_text(a, x));
        t->dim[i] = (limit - start - 1) / stride + 1;
    }
    return NULL;
}

SHAPE(pad)
{
    (void)nin;
    Type x = in[0]->type;
    const char *why = want_axes(a, attr->pad.n, x);
    if (why)
        return why;
    *t = x;
    for (int i = 0; i < x.rank; i++) {
        int64_t lo = attr->pad.lo[i], hi = attr->pad.hi[i], interior = attr->pad.interior[i];
        if (lo < 0 || hi < 0 || interior < 0 || lo > MAX_COUNT || hi > MAX_COUNT ||
            interior > MAX_COUNT / x.dim[i])
            return arena_printf(a, "padding %lld, %lld, %lld between on axis %d", (long long)lo,
                                (long long)hi, (long long)interior, i);
        t->dim[i] = lo + x.dim[i] + (x.dim[i] - 1) * interior + hi;
    }
    if (!dtype_holds(x.dt, attr->pad.value))
        return arena_printf(a, "%.17g is no value of %s", attr->pad.value, dtype_name(x.dt));
    return NULL;
}

SHAPE(reverse)
{
    (void)nin;
    *t = in[0]->type;
    return axes_problem(a, attr->axes.n, attr->axes.axis, t->rank);
}

SHAPE(concat)
{
    int axis = attr->axis.axis;
    if (nin < 1)
        return "needs an operand";
    *t = in[0]->type;
    if (axis < 0 || axis >= t->rank)
        return arena_printf(a, "axis %d of %s", axis, type_text(a, *t));
    for (int i = 1; i < nin; i++) {
        Type x = in[i]->type;
        int64_t extent = x.rank > axis ? x.dim[axis] : 0;
        if (x.rank == t->rank)
            x.dim[axis] = t->dim[axis];
        if (!type_eq(x, *t))
            return arena_printf(a, "operand %d is %s, operand 0 %s; only axis %d may differ", i,
                                type_text(a, in[i]->type), type_text(a, in[0]->type), axis);
        t->dim[axis] += extent;
    }
    return NULL;
}

/* How many windows fit into an extent; 0 when none does. */
static int64_t window_count(const Attr *attr, int64_t extent)
{
    int64_t span = (attr->window.size - 1) * attr->window.dilation + 1;
    return extent < span ? 0 : (extent - span) / attr->window.stride + 1;
}

static const char *window_problem(Arena *a, const Attr *attr)
{
    int64_t size = attr->window.size, stride = attr->window.stride, dilation = attr->window.dilation;
    if (size >= 1 && stride >= 1 && dilation >= 1 && size <= MAX_COUNT / dilation)
        return NULL;
    return arena_printf(a, "a window of %lld every %lld, dilated by %lld", (long long)size, (long long)stride,
                        (long long)dilation);
}

SHAPE(window)
{
    (void)nin;
    Type x = in[0]->type;
    int axis = attr->window.axis;
    const char *why = window_problem(a, attr);
    if (why)
        return why;
    if (axis < 0 || axis >= x.rank || x.rank == MAX_RANK)
        return arena_printf(a, "axis %d of %s", axis, type_text(a, x));
    if (attr->window.extent)
        return "extent belongs to fold";
    int64_t n = window_count(attr, x.dim[axis]);
    if (!n)
        return arena_printf(a, "%lld elements do not hold a window of %lld dilated by %lld",
                            (long long)x.dim[axis], (long long)attr->window.size,
                            (long long)attr->window.dilation);
    *t = x;
    t->dim[axis] = n;
    *t = type_insert(*t, axis + 1, attr->window.size);
    return NULL;
}

SHAPE(fold)
{
    (void)nin;
    Type x = in[0]->type;
    int axis = attr->window.axis;
    int64_t extent = attr->window.extent;
    const char *why = window_problem(a, attr);
    if (why)
        return why;
    if (axis < 0 || axis + 1 >= x.rank)
        return arena_printf(a, "axes %d and %d of %s", axis, axis + 1, type_text(a, x));
    if (x.dt != DT_F32 && x.dt != DT_I32)
        return arena_printf(a, "adds f32 or i32, not %s", type_text(a, x));
    if (extent < 1 || extent > MAX_COUNT || x.dim[axis + 1] != attr->window.size ||
        x.dim[axis] != window_count(attr, extent))
        return arena_printf(a, "axes %d and %d of %s are not the windows of an extent of %lld", axis,
                            axis + 1, type_text(a, x), (long long)extent);
    *t = type_drop(x, axis + 1);
    t->dim[axis] = extent;
    return NULL;
}
