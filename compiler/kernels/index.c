/* SPDX-License-Identifier: MIT */
/* index.c: linear indices over loop variables, kept in one normal form: terms sorted, equal atoms merged, no zero factors,
 * and div and rem taken apart wherever the ranges of the variables allow it. */
#include "kernel.h"

#include <string.h>

static const Lin *lin_make(Arena *a, int64_t constant, int n)
{
    Lin *x = arena_alloc(a, sizeof(Lin) + (size_t)n * sizeof x->term[0]);
    x->constant = constant;
    return x;
}

const Lin *lin_const(Arena *a, int64_t c)
{
    return lin_make(a, c, 0);
}

static const Lin *lin_atom(Arena *a, const Atom *atom)
{
    Lin *x = (Lin *)lin_make(a, 0, 1);
    x->n = 1;
    x->term[0].factor = 1;
    x->term[0].atom = atom;
    return x;
}

const Lin *lin_var(Arena *a, Var *v)
{
    if (v->extent == 1)
        return lin_const(a, 0);
    Atom *atom = NEW(a, Atom);
    *atom = (Atom){.kind = ATOM_VAR, .var = v, .lo = 0, .hi = v->extent - 1};
    return lin_atom(a, atom);
}

const Lin *lin_value(Arena *a, Ex *value, int64_t extent)
{
    if (value->kind == X_CONST)
        return lin_const(a, (int64_t)value->value);
    if (value->kind == X_INDEX)
        return value->at;
    Atom *atom = NEW(a, Atom);
    *atom = (Atom){.kind = ATOM_VALUE, .value = value, .lo = 0, .hi = extent - 1};
    return lin_atom(a, atom);
}

static int var_order(const Var *x, const Var *y)
{
    return x->id - y->id;
}

static int atom_order(const Atom *x, const Atom *y);

static int lin_order(const Lin *x, const Lin *y)
{
    if (x->n != y->n)
        return x->n - y->n;
    if (x->constant != y->constant)
        return x->constant < y->constant ? -1 : 1;
    for (int i = 0; i < x->n; i++) {
        if (x->term[i].factor != y->term[i].factor)
            return x->term[i].factor < y->term[i].factor ? -1 : 1;
        int order = atom_order(x->term[i].atom, y->term[i].atom);
        if (order)
            return order;
    }
    return 0;
}

static int atom_order(const Atom *x, const Atom *y)
{
    if (x == y)
        return 0;
    if (x->kind != y->kind)
        return (int)x->kind - (int)y->kind;
    if (x->kind == ATOM_VAR)
        return var_order(x->var, y->var);
    if (x->kind == ATOM_VALUE)
        return x->value->id - y->value->id;
    if (x->by != y->by)
        return x->by < y->by ? -1 : 1;
    return lin_order(x->of, y->of);
}

bool lin_eq(const Lin *x, const Lin *y)
{
    return lin_order(x, y) == 0;
}

/* f * by * (x / by) + f * (x % by) is f * x: what unflattening and flattening again leaves behind. */
static const Lin *lin_reunite(Arena *a, const Lin *x)
{
    for (int i = 0; i < x->n; i++)
        for (int j = 0; j < x->n; j++) {
            const Atom *div = x->term[i].atom, *rem = x->term[j].atom;
            if (div->kind != ATOM_DIV || rem->kind != ATOM_REM || div->by != rem->by || !lin_eq(div->of, rem->of) ||
                x->term[i].factor != x->term[j].factor * div->by)
                continue;
            Lin *rest = (Lin *)lin_make(a, x->constant, x->n);
            for (int k = 0; k < x->n; k++)
                if (k != i && k != j)
                    rest->term[rest->n++] = x->term[k];
            return lin_add(a, rest, lin_scale(a, div->of, x->term[j].factor));
        }
    return x;
}

/* x + factor * y, both sorted: a merge. */
static const Lin *lin_combine(Arena *a, const Lin *x, const Lin *y, int64_t factor)
{
    Lin *z = (Lin *)lin_make(a, x->constant + factor * y->constant, x->n + y->n);
    int i = 0, j = 0;
    while (i < x->n || j < y->n) {
        int order = i == x->n ? 1 : j == y->n ? -1 : atom_order(x->term[i].atom, y->term[j].atom);
        int64_t f = 0;
        const Atom *atom = order <= 0 ? x->term[i].atom : y->term[j].atom;
        if (order <= 0)
            f += x->term[i++].factor;
        if (order >= 0)
            f += factor * y->term[j++].factor;
        if (f) {
            z->term[z->n].factor = f;
            z->term[z->n++].atom = atom;
        }
    }
    return lin_reunite(a, z);
}

const Lin *lin_add(Arena *a, const Lin *x, const Lin *y)
{
    return lin_combine(a, x, y, 1);
}

const Lin *lin_scale(Arena *a, const Lin *x, int64_t factor)
{
    return lin_combine(a, lin_const(a, 0), x, factor);
}

const Lin *lin_offset(Arena *a, const Lin *x, int64_t c)
{
    return c ? lin_combine(a, x, lin_const(a, c), 1) : x;
}

void lin_range(const Lin *x, int64_t *lo, int64_t *hi)
{
    *lo = *hi = x->constant;
    for (int i = 0; i < x->n; i++) {
        int64_t f = x->term[i].factor;
        const Atom *atom = x->term[i].atom;
        *lo += f * (f > 0 ? atom->lo : atom->hi);
        *hi += f * (f > 0 ? atom->hi : atom->lo);
    }
}

void lin_values(Arena *a, const Lin *x, ExList *list)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        if (atom->kind == ATOM_VALUE)
            vec_push(a, list, atom->value);
        else if (atom->of)
            lin_values(a, atom->of, list);
    }
}

static int64_t floor_div(int64_t x, int64_t by)
{
    int64_t q = x / by;
    return q * by > x ? q - 1 : q;
}

/* Splits x into by * quotient + rest, the rest holding what `by` does not divide. */
static void lin_split(Arena *a, const Lin *x, int64_t by, const Lin **quotient, const Lin **rest)
{
    int64_t whole = floor_div(x->constant, by);
    Lin *q = (Lin *)lin_make(a, whole, x->n), *r = (Lin *)lin_make(a, x->constant - whole * by, x->n);
    for (int i = 0; i < x->n; i++) {
        Lin *to = x->term[i].factor % by == 0 ? q : r;
        to->term[to->n] = x->term[i];
        if (to == q)
            to->term[to->n].factor /= by;
        to->n++;
    }
    *quotient = q;
    *rest = r;
}

static const Lin *lin_div_rem(Arena *a, const Lin *x, int64_t by, AtomKind kind)
{
    const Lin *quotient, *rest;
    int64_t lo, hi;
    lin_split(a, x, by, &quotient, &rest);
    lin_range(rest, &lo, &hi);
    int64_t q_lo = floor_div(lo, by), q_hi = floor_div(hi, by);
    if (q_lo == q_hi)       /* the rest never leaves one multiple of by */
        return kind == ATOM_DIV ? lin_offset(a, quotient, q_lo) : lin_offset(a, rest, -q_lo * by);
    if (lo < 0) {           /* C's / and % want it non-negative: fall back on the whole x, which is */
        rest = x;
        quotient = lin_const(a, 0);
        lin_range(rest, &lo, &hi);
        q_lo = 0;
        q_hi = floor_div(hi, by);
    }
    Atom *atom = NEW(a, Atom);
    *atom = (Atom){.kind = kind, .of = rest, .by = by};
    atom->lo = kind == ATOM_DIV ? q_lo : 0;
    atom->hi = kind == ATOM_DIV ? q_hi : by - 1;
    const Lin *result = lin_atom(a, atom);
    return kind == ATOM_DIV ? lin_add(a, quotient, result) : result;
}

const Lin *lin_div(Arena *a, const Lin *x, int64_t by)
{
    return by == 1 ? x : lin_div_rem(a, x, by, ATOM_DIV);
}

const Lin *lin_rem(Arena *a, const Lin *x, int64_t by)
{
    return by == 1 ? lin_const(a, 0) : lin_div_rem(a, x, by, ATOM_REM);
}

static bool ex_uses(const Ex *e, const Var *v)
{
    if (e->at && lin_uses(e->at, v))
        return true;
    for (int i = 0; i < e->nguard; i++)
        if (lin_uses(e->guard[i].at, v))
            return true;
    for (int i = 0; i < e->nin; i++)
        if (ex_uses(e->in[i], v))
            return true;
    return false;
}

bool lin_uses(const Lin *x, const Var *v)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        if (atom->kind == ATOM_VAR ? atom->var == v
            : atom->kind == ATOM_VALUE ? ex_uses(atom->value, v) : lin_uses(atom->of, v))
            return true;
    }
    return false;
}

int64_t lin_factor(const Lin *x, const Var *v)
{
    for (int i = 0; i < x->n; i++)
        if (x->term[i].atom->kind == ATOM_VAR && x->term[i].atom->var == v)
            return x->term[i].factor;
    return 0;
}

bool lin_is_affine(const Lin *x)
{
    for (int i = 0; i < x->n; i++)
        if (x->term[i].atom->kind != ATOM_VAR)
            return false;
    return true;
}

const Lin *lin_without(Arena *a, const Lin *x, const Var *v)
{
    Lin *y = (Lin *)lin_make(a, x->constant, x->n);
    for (int i = 0; i < x->n; i++)
        if (x->term[i].atom->kind != ATOM_VAR || x->term[i].atom->var != v)
            y->term[y->n++] = x->term[i];
    return y;
}

const Lin *lin_flatten(Arena *a, Type t, const Lin *const *index)
{
    const Lin *x = lin_const(a, 0);
    for (int i = 0; i < t.rank; i++)
        x = lin_add(a, lin_scale(a, x, t.dim[i]), index[i]);
    return x;
}

void lin_unflatten(Arena *a, const Lin *flat, Type t, const Lin **index)
{
    for (int i = t.rank - 1; i >= 0; i--) {
        index[i] = i == 0 ? flat : lin_rem(a, flat, t.dim[i]);
        flat = lin_div(a, flat, t.dim[i]);
    }
}

/* Axes are taken in runs of equal extent, as short as may be: what one run's indices are does not hang on another's, and so not on
 * whether it is within its extents, which a guard may ask later. */
void lin_reshape(Arena *a, Type from, const Lin *const *index, Type to, const Lin **result)
{
    for (int i = 0, j = 0;;) {
        while (i < from.rank && from.dim[i] == 1)
            i++;
        while (j < to.rank && to.dim[j] == 1)
            result[j++] = lin_const(a, 0);
        if (i == from.rank && j == to.rank)
            return;
        Type run = {.rank = 0};
        const Lin *flat = lin_const(a, 0), **in_run = result + j;
        for (int64_t there = 1, here = 1; run.rank == 0 || there != here;)
            if (there <= here && i < from.rank) {
                flat = lin_add(a, lin_scale(a, flat, from.dim[i]), index[i]);
                there *= from.dim[i++];
            } else {
                run.dim[run.rank++] = to.dim[j];
                here *= to.dim[j++];
            }
        lin_unflatten(a, flat, run, in_run);
    }
}
