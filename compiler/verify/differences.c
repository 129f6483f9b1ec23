/* SPDX-License-Identifier: MIT */
/* differences.c: gradients against finite differences of the loss, both by the interpreter in double.
 *
 * Each parameter is moved along one random direction, and at a few elements alone. Central differences of two
 * sizes are extrapolated (Richardson). Where they disagree with the gradient, smaller ones are tried, since a
 * corner (of relu, of a maximum) may lie between; where even the smallest disagree and the slopes to either
 * side differ, the loss has a corner there and no gradient to compare with. */
#include "model.h"

#include <math.h>
#include <string.h>

enum { ELEMENTS = 2 };
static const double sizes[] = {1e-3, 1e-5, 1e-7};
static const double allowed = 1e-5; /* of the larger of the two */
static const double roundings = 1e-13; /* of the loss, in double: some hundred layers' */

typedef struct Check {
    const Fn *loss;
    const Tensors *t;
    Tensor *x; /* the parameter */
    const double *way, *start;
    double here; /* the loss at the start */
} Check;

/* The loss with nothing else. */
static Fn *loss_alone(Arena *a, const Fn *whole)
{
    Fn *fn = NEW(a, Fn);
    *fn = *whole;
    memset(&fn->result, 0, sizeof fn->result);
    for (int i = 0; i < whole->result.n; i++)
        if (whole->result.at[i].role == ROLE_LOSS)
            vec_push(a, &fn->result, whole->result.at[i]);
    return fn_prune(fn);
}

static double loss_at(Check *c, double h)
{
    Arena *scratch = arena_new();
    const char *why;
    Value out[2];
    int64_t n = type_count(c->x->value.type);
    for (int64_t i = 0; i < n; i++)
        c->x->value.at[i] = c->start[i] + h * c->way[i];
    bool fine = fn_interpret(scratch, c->loss, PRECISION_F64, tensors_for(c->t, scratch, c->loss), out, &why);
    double loss = fine ? out[0].at[0] : NAN;
    memcpy(c->x->value.at, c->start, sizeof(double) * (size_t)n);
    arena_free(scratch);
    return loss;
}

typedef enum Agreement { AGREES, DISAGREES, CORNER } Agreement;

static Agreement compare(Check *c, double gradient, double *error, double *may)
{
    *error = INFINITY;
    for (int i = 0; i < LEN(sizes); i++) {
        double h = sizes[i], up = loss_at(c, h), down = loss_at(c, -h), up2 = loss_at(c, h / 2),
               down2 = loss_at(c, -h / 2);
        double wide = (up - down) / (2 * h), narrow = (up2 - down2) / h, slope = (4 * narrow - wide) / 3;
        double noise = roundings * (1 + fabs(c->here)) / h, off = fabs(slope - gradient);
        double limit = allowed * fmax(fabs(slope), fabs(gradient)) + noise;
        if (off / limit < *error / *may || i == 0) {
            *error = off;
            *may = limit;
        }
        if (off <= limit)
            return AGREES;
        if (!isfinite(slope) && !isfinite(gradient))
            return CORNER;
        double right = (up2 - c->here) / (h / 2), left = (c->here - down2) / (h / 2);
        if (i == LEN(sizes) - 1 && fabs(right - left) > 1e-3 * fmax(fabs(right), fabs(left)) + 4 * noise)
            return CORNER;
    }
    return DISAGREES;
}

static void check_parameter(Verdict *v, Check *c, const double *gradient, Random *r)
{
    Arena *a = arena_new();
    int64_t n = type_count(c->x->value.type);
    double *way = NEWN(a, double, n), worst = -1;
    Row row = {
        .function = "gradients", .name = c->x->name, .how = "", .type = c->x->value.type, .fine = true};
    c->start = arena_dup(a, c->x->value.at, sizeof(double) * (size_t)n);
    c->way = way;
    for (int k = 0; k < 1 + ELEMENTS && k <= n; k++) {
        double along = 0, error, may = 1;
        memset(way, 0, sizeof *way * (size_t)n);
        if (k)
            way[random_below(r, (uint64_t)n)] = 1;
        for (int64_t i = 0; i < n; i++) {
            way[i] = k ? way[i] : random_normal(r) / sqrt((double)n);
            along += way[i] * gradient[i];
        }
        Agreement how = compare(c, along, &error, &may);
        if (how == CORNER) {
            row.corners++;
            continue;
        }
        row.samples++;
        if (error / may > worst) {
            worst = error / may;
            row.error = error;
            row.allowed = may;
        }
        row.fine &= how == AGREES;
    }
    vec_push(v->a, &v->differences, row);
    arena_free(a);
}

void check_differences(Verdict *v, const Module *m, const Tensors *t, uint64_t seed)
{
    if (!m->gradients || !m->loss)
        return;
    Arena *a = arena_new();
    const Fn *fn = m->gradients;
    const char *why;
    Value *out = NEWN(a, Value, fn->result.n + 1);
    Random r = random_start(seed, 2);
    Check c = {.loss = loss_alone(a, m->loss), .t = t};
    if (!fn_interpret(a, fn, PRECISION_F64, tensors_for(t, a, fn), out, &why))
        BUG("gradients refuse what evaluation takes: %s", why);
    for (int i = 0; i < fn->result.n; i++) {
        const Port *port = &fn->result.at[i]; /* a frozen parameter's gradient is 0, whatever the loss says */
        bool moves = port->role == ROLE_GRADIENT && m->params.at[port->index].trainable;
        c.x = moves ? tensor_find(t, ROLE_PARAM, port->index) : NULL;
        if (!c.x)
            continue;
        for (int k = 0; k < fn->result.n; k++)
            if (fn->result.at[k].role == ROLE_LOSS)
                c.here = out[k].at[0];
        check_parameter(v, &c, out[i].at, &r);
    }
    arena_free(a);
}
