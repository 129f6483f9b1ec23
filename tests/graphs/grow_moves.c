/* SPDX-License-Identifier: MIT */
/* grow_moves.c: moves at random, and fold, a window's adjoint. */
#include "grow.h"

#include <math.h>

/* ---- moves --------------------------------------------------------------------------------------- */
void grow_reshape(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Type t = type_scalar(x->type.dt);
    int64_t rest = type_count(x->type);
    if (chance(g, 3)) { /* axes of extent 1 in and out */
        for (int i = 0; i < x->type.rank; i++) {
            if (chance(g, 4) && t.rank < 5)
                t = type_insert(t, t.rank, 1);
            if (x->type.dim[i] != 1 || chance(g, 2))
                t = type_insert(t, t.rank, x->type.dim[i]);
        }
    } else {
        while (rest > 1 && t.rank < 4) {
            int64_t d = 1 + draw(g, rest < 12 ? rest : 12);
            if (rest % d == 0) {
                t = type_insert(t, (int)draw(g, t.rank + 1), d);
                rest /= d;
            }
        }
        if (rest > 1 || chance(g, 2))
            t = type_insert(t, (int)draw(g, t.rank + 1), rest);
    }
    Attr attr = {.shape = {.type = t}};
    keep(g, make1(g, OP_RESHAPE, x, &attr), most);
}

void grow_permute(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, chance(g, 20) ? 0 : 2, 6);
    if (!x)
        return;
    Attr attr = {.axes = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        int k = (int)draw(g, i + 1);
        attr.axes.axis[i] = attr.axes.axis[k];
        attr.axes.axis[k] = i;
    }
    keep(g, make1(g, OP_PERMUTE, x, &attr), most);
}

void grow_broadcast(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {.broadcast = {.n = x->type.rank, .type = x->type}};
    for (int i = 0; i < x->type.rank; i++) {
        attr.broadcast.axis[i] = i;
        if (x->type.dim[i] == 1 && chance(g, 2))
            attr.broadcast.type.dim[i] = some_extent(g);
    }
    for (int extra = (int)draw(g, 3); extra > 0 && attr.broadcast.type.rank < 5; extra--) {
        int at = (int)draw(g, attr.broadcast.type.rank + 1);
        attr.broadcast.type =
            type_insert(attr.broadcast.type, at, chance(g, 2) ? some_extent(g) : 1 + draw(g, 3));
        for (int i = 0; i < x->type.rank; i++)
            attr.broadcast.axis[i] += attr.broadcast.axis[i] >= at;
    }
    keep(g, make1(g, OP_BROADCAST, x, &attr), most);
}

void grow_slice(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {.slice = {.n = x->type.rank}};
    for (int i = 0; i < x->type.rank; i++) {
        bool all = chance(g, 2);
        attr.slice.start[i] = all || chance(g, 2) ? 0 : draw(g, x->type.dim[i]);
        attr.slice.limit[i] =
            all ? x->type.dim[i] : attr.slice.start[i] + 1 + draw(g, x->type.dim[i] - attr.slice.start[i]);
        attr.slice.stride[i] = all && chance(g, 2) ? 1 : 1 + draw(g, 3);
    }
    keep(g, make1(g, OP_SLICE, x, &attr), most);
}

void grow_pad(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, chance(g, 20) ? 0 : 1, 5);
    if (!x)
        return;
    double value = chance(g, 3) ? some_number(g, x->type.dt) : 0;
    Attr attr = {.pad = {.n = x->type.rank, .value = value}};
    for (int i = 0; i < x->type.rank; i++) {
        if (!chance(g, x->type.rank))
            continue;
        attr.pad.lo[i] = draw(g, 3) * (1 + draw(g, 2));
        attr.pad.hi[i] = draw(g, 3);
        attr.pad.interior[i] = chance(g, 3) ? draw(g, 3) : 0;
    }
    keep(g, make1(g, OP_PAD, x, &attr), fmax(most, fabs(value)));
}

int some_axes(Grower *g, int rank, int *axis)
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (chance(g, 2))
            axis[n++] = i;
    return n;
}

/* Waits for anything there is. */
void grow_waiting(Grower *g)
{
    double most, other;
    Node *in[2] = {pick(g, DT_COUNT, 1e6, &most), pick(g, DT_COUNT, 1e6, &other)};
    Attr attr = {0};
    keep(g, make(g, OP_AGAIN, 2, in, &attr), most);
}

void grow_reverse(Grower *g)
{
    double most;
    Node *x = pick(g, DT_COUNT, 1e6, &most);
    Attr attr = {0};
    attr.axes.n = some_axes(g, x->type.rank, attr.axes.axis);
    keep(g, make1(g, OP_REVERSE, x, &attr), most);
}

/* Of itself, of others of its type, of slices of these. */
void grow_concat(Grower *g)
{
    double most, other;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 5), *in[4] = {x};
    int n = 1 + (int)draw(g, 4);
    if (!x)
        return;
    Attr attr = {.axis = {.axis = (int)draw(g, x->type.rank)}};
    for (int k = 1; k < n; k++) {
        in[k] = chance(g, 4) ? x : partner(g, x->type, 1e6, &other);
        if (in[k] && chance(g, 2)) {
            Attr slice = {.slice = {.n = x->type.rank}};
            for (int i = 0; i < x->type.rank; i++) {
                slice.slice.limit[i] = x->type.dim[i];
                slice.slice.stride[i] = 1;
            }
            slice.slice.start[attr.axis.axis] = draw(g, x->type.dim[attr.axis.axis]);
            in[k] = make1(g, OP_SLICE, in[k], &slice);
        }
        most = in[k] != x ? fmax(most, other) : most;
    }
    keep(g, make(g, OP_CONCAT, n, in, &attr), most);
}

void grow_window(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, DT_COUNT, 1e6, &most, 1, 5);
    if (!x)
        return;
    int axis = (int)draw(g, x->type.rank);
    int64_t extent = x->type.dim[axis], dilation = 1 + draw(g, 2);
    Attr attr = {.window = {.axis = axis, .stride = 1 + draw(g, 3), .dilation = dilation}};
    attr.window.size = 1 + draw(g, chance(g, 2) && extent > 3 ? 3 : (extent - 1) / dilation + 1);
    keep(g, make1(g, OP_WINDOW, x, &attr), most);
}

/* The adjoint of a window, of one that was taken or of any two axes that are like one. */
void grow_fold(Grower *g)
{
    double most;
    Node *x = pick_ranked(g, chance(g, 8) ? DT_I32 : DT_F32, 1000, &most, 2, 6);
    if (!x)
        return;
    for (int tries = 0; tries < TRIES; tries++) {
        int axis = (int)draw(g, x->type.rank - 1);
        Attr attr = {.window = {.axis = axis,
                                .size = x->type.dim[axis + 1],
                                .stride = 1 + draw(g, 4),
                                .dilation = 1 + draw(g, 2)}};
        if (x->op == OP_WINDOW && chance(g, 2)) {
            attr.window = x->attr.window;
            attr.window.extent = x->in[0]->type.dim[attr.window.axis];
        } else {
            attr.window.extent = (x->type.dim[axis] - 1) * attr.window.stride +
                                 (attr.window.size - 1) * attr.window.dilation + 1 +
                                 draw(g, 2) * draw(g, attr.window.stride);
        }
        Node *y = make1(g, OP_FOLD, x, &attr);
        if (y) {
            keep(g, y, most * (double)attr.window.size);
            return;
        }
    }
}
