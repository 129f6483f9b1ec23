/* SPDX-License-Identifier: MIT */
/* bound_sums.c: sums, products, maxima, and what picks elements out. */
#include "bound.h"

#include <float.h>
#include <math.h>
#include <string.h>

static double *scratch(Run *r, int use, int64_t n)
{
    if (r->room[use] < n) {
        r->scratch[use] = NEWN(r->a, double, n);
        r->room[use] = n;
    }
    return r->scratch[use];
}

/* The largest power of two of which every finite element that is sure is a multiple. */
static double grain(const Run *r, const Node *x)
{
    int least = 2000;
    const double *value = r->e.value[x->id].at, *error = r->error[x->id];
    for (int64_t i = 0, n = type_count(x->type); i < n; i++) {
        if (error[i] || !isfinite(value[i]) || value[i] == 0)
            continue;
        int exponent;
        int64_t significand = (int64_t)ldexp(frexp(value[i], &exponent), 53);
        int low = exponent - 53 + __builtin_ctzll((uint64_t)significand);
        least = low < least ? low : least;
    }
    return least == 2000 ? 1 : ldexp(1, least);
}

static double finite_size(double x)
{
    return isfinite(x) ? fabs(x) : 0;
}

/* Operations that add elements of operand `of` up: sum, fold, scatter_add. */
void bound_sum(Run *r, const Node *n, int of)
{
    const Node *x = n->in[of];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *size = scratch(r, 0, count), *one = scratch(r, 1, count), *unsure = scratch(r, 4, count);
    double *sizes = scratch(r, 2, results), *terms = scratch(r, 3, results), *carried = r->error[n->id];
    const double *in[2] = {value_in(r, n, 0), n->nin > 1 ? value_in(r, n, 1) : NULL},
                 *value = eval_out(&r->e, n);
    for (int64_t i = 0; i < count; i++) {
        size[i] = finite_size(in[of][i]) + error_in(r, n, of)[i];
        one[i] = 1;
        unsure[i] = error_in(r, n, of)[i] > 0;
    }
    const double *original = in[of];
    if (x->type.dt != DT_F32) { /* exact, or unknown: errors cannot be added up where sums wrap around */
        in[of] = unsure, evaluate(r, n, in, 0, carried);
        for (int64_t i = 0; i < results; i++)
            carried[i] = carried[i] > 0 ? INFINITY : 0;
        return;
    }
    in[of] = error_in(r, n, of), evaluate(r, n, in, 0, carried);
    in[of] = size, evaluate(r, n, in, 0, sizes);
    in[of] = one, evaluate(r, n, in, 0, terms);
    in[of] = original;
    double step = grain(r, x);
    for (int64_t i = 0; i < results; i++) {
        bool exact = carried[i] == 0 && (terms[i] <= 1 || sizes[i] <= 0x1p24 * step);
        if (!isfinite(value[i]))
            carried[i] =
                isfinite(carried[i]) && (isnan(value[i]) || sizes[i] < 0.99 * FLT_MAX) ? 0 : INFINITY;
        else if (sizes[i] > 0.99 * FLT_MAX && terms[i] > 1)
            carried[i] = INFINITY;
        else if (!exact)
            carried[i] += 1.01 * terms[i] * (ROUND * sizes[i] + TINY);
    }
}

/* ---- products ------------------------------------------------------------------------------------ */
static double terms_of(const Node *n)
{
    double terms = 1;
    Type kernel = n->in[1]->type;
    if (n->op == OP_DOT)
        for (int i = 0; i < n->attr.dot.ncontract; i++)
            terms *= (double)n->in[0]->type.dim[n->attr.dot.lhs_contract[i]];
    else
        terms = (double)type_count(kernel) / (double)kernel.dim[kernel.rank - 1];
    return terms;
}

void bound_product(Run *r, const Node *n)
{
    int64_t results = type_count(n->type);
    double *size[2], *far[2];
    for (int k = 0; k < 2; k++) {
        int64_t count = type_count(n->in[k]->type);
        size[k] = scratch(r, 2 * k, count), far[k] = scratch(r, 2 * k + 1, count);
        for (int64_t i = 0; i < count; i++) {
            size[k][i] = finite_size(value_in(r, n, k)[i]);
            far[k][i] = size[k][i] + error_in(r, n, k)[i];
        }
    }
    double *sizes = scratch(r, 4, results), *error = r->error[n->id], terms = terms_of(n);
    bool sure = largest_error(r, n->in[0]) == 0 && largest_error(r, n->in[1]) == 0;
    const double *value = eval_out(&r->e, n);
    evaluate(r, n, (const double *[]){size[0], size[1]}, 0, sizes);
    evaluate(r, n, (const double *[]){far[0], far[1]}, 0, error);
    double step = grain(r, n->in[0]) * grain(r, n->in[1]);
    for (int64_t i = 0; i < results; i++) {
        double carried = error[i] - sizes[i], most = error[i];
        error[i] = sure ? 0 : carried + 1e-15 * most;
        if (!isfinite(value[i]))
            error[i] = sure && (isnan(value[i]) || most < 0.99 * FLT_MAX) ? 0 : INFINITY;
        else if (most > 0.99 * FLT_MAX || isnan(carried))
            error[i] = INFINITY;
        else if (!sure || most > 0x1p24 * step || step < TINY)
            error[i] += 1.01 * (terms + 1) * (ROUND * most + TINY);
    }
}

/* ---- the largest --------------------------------------------------------------------------------- */
void bound_max(Run *r, const Node *n)
{
    const Node *x = n->in[0];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *up = scratch(r, 0, count), *down = scratch(r, 1, count), *high = scratch(r, 2, results),
           *low = scratch(r, 3, results);
    for (int64_t i = 0; i < count; i++) {
        up[i] = value_in(r, n, 0)[i] + error_in(r, n, 0)[i];
        down[i] = value_in(r, n, 0)[i] - error_in(r, n, 0)[i];
    }
    evaluate(r, n, (const double *[]){up}, 0, high);
    evaluate(r, n, (const double *[]){down}, 0, low);
    bool sure = largest_error(r, x) < INFINITY;
    for (int64_t i = 0; i < results; i++) {
        double value = eval_out(&r->e, n)[i];
        if (isnan(value) || isinf(value))
            r->error[n->id][i] = sure ? 0 : INFINITY;
        else
            r->error[n->id][i] = isnan(high[i] - low[i]) ? INFINITY : fmax(high[i] - value, value - low[i]);
    }
}

/* Sure where no other element comes near the largest: pushing every element up but the chosen one, and that
 * down, must not change the position. Done by element of the operand: it belongs to the result whose position
 * it may be. */
void bound_argmax(Run *r, const Node *n)
{
    const Node *x = n->in[0];
    int64_t count = type_count(x->type), results = type_count(n->type);
    double *error = r->error[n->id];
    memset(error, 0, sizeof *error * (size_t)results);
    if (largest_error(r, x) == 0)
        return;
    double *moved_values = scratch(r, 0, count), *position = scratch(r, 1, results),
           *owner = scratch(r, 2, count), *rank = scratch(r, 3, count);
    /* owner and place of each element: by walking the operand's indices */
    Type t = x->type;
    int64_t at[MAX_RANK] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t result = 0, place = 0;
        for (int k = 0, next = 0; k < t.rank; k++) {
            bool reduced = next < n->attr.axes.n && n->attr.axes.axis[next] == k;
            next += reduced;
            int64_t *into = reduced ? &place : &result;
            *into = *into * t.dim[k] + at[k];
        }
        owner[i] = (double)result;
        rank[i] = (double)place;
        for (int k = t.rank - 1; k >= 0 && ++at[k] == t.dim[k]; k--)
            at[k] = 0;
    }
    for (int64_t i = 0; i < count; i++) {
        bool chosen = eval_out(&r->e, n)[(int64_t)owner[i]] == rank[i];
        double value = value_in(r, n, 0)[i], off = error_in(r, n, 0)[i];
        if (isinf(off))
            error[(int64_t)owner[i]] = INFINITY;
        moved_values[i] = chosen ? value - off : value + off;
    }
    evaluate(r, n, (const double *[]){moved_values}, 0, position);
    for (int64_t i = 0; i < results; i++)
        if (position[i] != eval_out(&r->e, n)[i])
            error[i] = INFINITY;
    for (int64_t i = 0; i < count;
         i++) { /* equal after the push: the first of them is a matter of roundings */
        double chosen_value = 0, *e = &error[(int64_t)owner[i]];
        bool chosen = eval_out(&r->e, n)[(int64_t)owner[i]] == rank[i];
        if (*e || !chosen)
            continue;
        chosen_value = moved_values[i];
        for (int64_t k = 0; k < count; k++)
            if (k != i && owner[k] == owner[i] && moved_values[k] == chosen_value &&
                (error_in(r, n, 0)[k] || error_in(r, n, 0)[i]))
                *e = INFINITY;
    }
}

/* ---- indices ------------------------------------------------------------------------------------- */
void bound_gather(Run *r, const Node *n)
{
    double *error = r->error[n->id];
    evaluate(r, n, (const double *[]){error_in(r, n, 0), value_in(r, n, 1)}, 0, error);
    int64_t count = type_count(n->in[1]->type), row = type_count(n->type) / count;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; error_in(r, n, 1)[i] && k < row; k++)
            error[i * row + k] = INFINITY;
}

void bound_scatter(Run *r, const Node *n)
{
    bound_sum(r, n, 1);
    for (int64_t i = 0; largest_error(r, n->in[0]) > 0 && i < type_count(n->type); i++)
        r->error[n->id][i] = INFINITY;
}
