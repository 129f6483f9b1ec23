/* SPDX-License-Identifier: MIT */
/* elaborate_check.h: from the text of a model to the values its functions compute, for tests. */
#ifndef ELABORATE_CHECK_H
#define ELABORATE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "graph/elaborate.h"
#include "std/std.h"

typedef struct Built {
    Arena *a;
    Diag *d;
    Module *m;
    Value *param, *state, *optimizer; /* as init makes them */
    double seed, step, count;         /* inputs of these roles */
} Built;

/* A named input or target, row-major with the batch in front. */
typedef struct Given {
    const char *name;
    const double *at;
} Given;

static inline void check_fn(Built *b, const Fn *fn)
{
    const Node *guilty = NULL;
    const char *why = fn ? fn_verify(b->a, fn, &guilty) : NULL;
    if (why)
        fail_msg("%s: %s: %s", fn->name, why, guilty ? node_text(b->a, guilty) : "");
}

static inline Value scalar_value(Arena *a, double x)
{
    Value v = value_new(a, type_scalar(DT_I32));
    v.at[0] = x;
    return v;
}

static inline Value given_value(Built *b, const Port *p, const Given *given, int n)
{
    for (int i = 0; i < n; i++) {
        if (!str_eq(given[i].name, p->name))
            continue;
        Value v = value_new(b->a, p->node->type);
        memcpy(v.at, given[i].at, sizeof(double) * (size_t)type_count(v.type));
        return v;
    }
    fail_msg("no value for the input %s", p->name);
    return (Value){0};
}

static inline Value port_value(Built *b, const Port *p, const Given *given, int n)
{
    switch (p->role) {
    case ROLE_PARAM:
        return b->param[p->index];
    case ROLE_STATE:
        return b->state[p->index];
    case ROLE_OPTIMIZER:
        return b->optimizer[p->index];
    case ROLE_STEP:
        return scalar_value(b->a, b->step);
    case ROLE_COUNT:
        return scalar_value(b->a, b->count);
    case ROLE_SEED: {
        Value v = value_new(b->a, p->node->type);
        v.at[0] = b->seed;
        return v;
    }
    default:
        return given_value(b, p, given, n);
    }
}

/* The function's results, in double; NULL where an index was out of range. */
static inline Value *run_fn(Built *b, const Fn *fn, const Given *given, int n)
{
    const char *why;
    Value *in = NEWN(b->a, Value, fn->input.n + 1), *out = NEWN(b->a, Value, fn->result.n + 1);
    for (int i = 0; i < fn->input.n; i++)
        in[i] = port_value(b, &fn->input.at[i], given, n);
    return fn_interpret(b->a, fn, PRECISION_F64, in, out, &why) ? out : NULL;
}

/* A result by what it is for. */
static inline Value result_of(const Fn *fn, const Value *out, Role role, int index)
{
    for (int i = 0; i < fn->result.n; i++)
        if (fn->result.at[i].role == role && fn->result.at[i].index == index)
            return out[i];
    fail_msg("%s has no %s %d", fn->name, role_name(role), index);
    return (Value){0};
}

static inline void make_initial(Built *b)
{
    Value *out = run_fn(b, b->m->init, NULL, 0);
    assert_non_null(out);
    b->param = NEWN(b->a, Value, b->m->params.n + 1);
    b->state = NEWN(b->a, Value, b->m->states.n + 1);
    b->optimizer = NEWN(b->a, Value, b->m->optimizer.n + 1);
    for (int i = 0; i < b->m->params.n; i++)
        b->param[i] = result_of(b->m->init, out, ROLE_PARAM, i);
    for (int i = 0; i < b->m->states.n; i++)
        b->state[i] = result_of(b->m->init, out, ROLE_STATE, i);
    for (int i = 0; i < b->m->optimizer.n; i++)
        b->optimizer[i] = result_of(b->m->init, out, ROLE_OPTIMIZER, i);
}

static inline Built try_build(const char *text, ElaborateOptions options)
{
    Built b = {.a = arena_new(), .seed = 1, .step = 1, .count = (double)options.train_batch};
    b.d = diag_new(b.a);
    int n;
    const Program *const *std = std_programs(b.a, b.d, &n);
    const Program *program = parse_program(b.a, b.d, diag_add_source(b.d, "t.dl", text, strlen(text)));
    b.m = diag_errors(b.d) ? NULL : elaborate(b.a, b.d, program, std, n, &options);
    return b;
}

/* Elaborated without a word, every function sound, the initial values made. */
static inline Built build(const char *text, int64_t batch, bool train)
{
    Built b = try_build(text, (ElaborateOptions){.batch = batch, .train_batch = batch, .train = train});
    const char *said = diag_text(b.d, b.a);
    if (said[0] || !b.m)
        fail_msg("%s\n%s", text, said);
    check_fn(&b, b.m->init);
    check_fn(&b, b.m->infer);
    check_fn(&b, b.m->loss);
    check_fn(&b, b.m->evaluate);
    check_fn(&b, b.m->update);
    make_initial(&b);
    return b;
}

static inline void done(Built b) { arena_free(b.a); }

static inline int param_index(const Built *b, const char *name)
{
    for (int i = 0; i < b->m->params.n; i++)
        if (str_eq(b->m->params.at[i].name, name))
            return i;
    fail_msg("no parameter %s", name);
    return -1;
}

static inline void check_near(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%s: %.9g, expected %.9g", what, got, want);
}

static inline void check_values(const char *what, Value v, const double *want, int64_t n, double tolerance)
{
    if (type_count(v.type) != n)
        fail_msg("%s: %d values, expected %d", what, (int)type_count(v.type), (int)n);
    for (int64_t i = 0; i < n; i++)
        check_near(what, v.at[i], want[i], tolerance);
}

#endif
