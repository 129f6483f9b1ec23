/* SPDX-License-Identifier: MIT */
/* plan_faults_values.h: faults in what kernels compute: expressions and stages. */
#ifndef DLC_PLAN_FAULTS_VALUES_H
#define DLC_PLAN_FAULTS_VALUES_H

#include "plan_planting.h"

/* ---- expressions: what is changed ------------------------------------------------------------------ */
static inline bool is_load(const Spot *s)
{
    return s->e->kind == X_LOAD;
}

static inline bool is_strided_load(const Spot *s)
{
    return is_load(s) && s->e->at->n > 0;
}

static inline bool has_two_strides(const Spot *s)
{
    return is_load(s) && s->e->at->n > 1 && s->e->at->term[0].factor != s->e->at->term[1].factor;
}

static inline bool reads_time(const Spot *s)
{
    for (int i = 0; is_load(s) && i < s->k->scans.n; i++)
        if (lin_uses(s->e->at, s->k->scans.at[i]))
            return true;
    return false;
}

static inline void shift_load(Planter *p, const Spot *s)
{
    say(p, "a load's index is one too large");
    SET(p, s->e->at, lin_offset(p->a, s->e->at, 1));
}

static inline const Lin *with_factor(Planter *p, const Lin *x, int i, int64_t factor)
{
    size_t bytes = sizeof *x + sizeof x->term[0] * (size_t)x->n;
    Lin *y = arena_dup(p->a, x, bytes);
    y->term[i].factor = factor;
    return y;
}

static inline void stretch_load(Planter *p, const Spot *s)
{
    say(p, "a load's stride is one too large");
    SET(p, s->e->at, with_factor(p, s->e->at, s->e->at->n - 1, s->e->at->term[s->e->at->n - 1].factor + 1));
}

static inline void swap_strides(Planter *p, const Spot *s)
{
    say(p, "two strides of a load are exchanged");
    const Lin *once = with_factor(p, s->e->at, 0, s->e->at->term[1].factor);
    SET(p, s->e->at, with_factor(p, once, 1, s->e->at->term[0].factor));
}

static inline void freeze_time(Planter *p, const Spot *s)
{
    say(p, "a load always reads the loop's first step");
    for (int i = 0; i < s->k->scans.n; i++)
        SET(p, s->e->at, lin_without(p->a, s->e->at, s->k->scans.at[i]));
}

static inline Buffer *another_argument(const Spot *s, const Buffer *than)
{
    for (int i = 0; i < s->k->args.n; i++) {
        Buffer *b = s->k->args.at[i];
        if (b != buffer_root((Buffer *)than) && b->type.dt == than->type.dt &&
            type_count(b->type) >= type_count(than->type))
            return b;
    }
    return NULL;
}

static inline bool has_other_load(const Spot *s)
{
    return is_load(s) && buffer_root(s->e->buffer)->kind != BUFFER_LOCAL && another_argument(s, s->e->buffer);
}

static inline void load_another(Planter *p, const Spot *s)
{
    say(p, "a load reads %s instead of %s", another_argument(s, s->e->buffer)->name, s->e->buffer->name);
    SET(p, s->e->buffer, another_argument(s, s->e->buffer));
}

static inline bool is_ordered(const Spot *s)
{
    static const Op ops[] = {OP_SUB, OP_DIV, OP_POW, OP_LT, OP_LE, OP_REM};
    for (int i = 0; i < LEN(ops); i++)
        if (s->e->kind == X_OP && s->e->op == ops[i] && s->e->in[0] != s->e->in[1])
            return true;
    return false;
}

static inline void swap_operands(Planter *p, const Spot *s)
{
    say(p, "the operands of %s are exchanged", op_info(s->e->op)->text);
    Ex *first = s->e->in[0];
    SET(p, s->e->in[0], s->e->in[1]);
    SET(p, s->e->in[1], first);
}

static inline bool is_select(const Spot *s)
{
    return s->e->kind == X_OP && s->e->op == OP_SELECT;
}

static inline void swap_choices(Planter *p, const Spot *s)
{
    say(p, "the choices of a select are exchanged");
    Ex *first = s->e->in[1];
    SET(p, s->e->in[1], s->e->in[2]);
    SET(p, s->e->in[2], first);
}

static inline Op wrong_op(Op op)
{
    static const Op pairs[][2] = {
        {OP_ADD, OP_SUB},      {OP_SUB, OP_ADD}, {OP_MUL, OP_ADD},   {OP_DIV, OP_MUL},  {OP_MAX2, OP_MIN2},
        {OP_MIN2, OP_MAX2},    {OP_LT, OP_LE},   {OP_LE, OP_LT},     {OP_EXP, OP_TANH}, {OP_TANH, OP_SIGMOID},
        {OP_SIGMOID, OP_TANH}, {OP_AND, OP_OR},  {OP_OR, OP_AND},    {OP_SQRT, OP_EXP}, {OP_LOG, OP_NEG},
        {OP_EQ, OP_LT},        {OP_NEG, OP_ABS}, {OP_FLOOR, OP_NEG}, {OP_POW, OP_MUL},
    };
    for (int i = 0; i < LEN(pairs); i++)
        if (pairs[i][0] == op)
            return pairs[i][1];
    return OP_COUNT;
}

static inline bool has_wrong_op(const Spot *s)
{
    return s->e->kind == X_OP && wrong_op(s->e->op) != OP_COUNT;
}

static inline void change_op(Planter *p, const Spot *s)
{
    say(p, "%s instead of %s", op_info(wrong_op(s->e->op))->text, op_info(s->e->op)->text);
    SET(p, s->e->op, wrong_op(s->e->op));
}

static inline bool is_tie(const Spot *s)
{
    return s->e->kind == X_OP && (s->e->op == OP_LT || s->e->op == OP_LE) && s->e->in[0]->dt == DT_F32;
}

static inline void change_tie(Planter *p, const Spot *s)
{
    say(p, "%s: equal numbers are told apart the other way", op_info(s->e->op)->text);
    SET(p, s->e->op, s->e->op == OP_LT ? OP_LE : OP_LT);
}

static inline bool is_operand(const Spot *s)
{
    return s->e->kind == X_OP && s->e->nin > 1 && s->e->dt == s->e->in[0]->dt && s->e->op != OP_SELECT;
}

static inline void drop_operation(Planter *p, const Spot *s)
{
    say(p, "%s is left out", op_info(s->e->op)->text);
    Ex copy = *s->e->in[0];
    copy.id = s->e->id;
    SET(p, *s->e, copy);
}

static inline bool is_number(const Spot *s)
{
    return s->e->kind == X_CONST;
}

static inline void change_number(Planter *p, const Spot *s)
{
    double value = s->e->value == 0 || s->e->dt != DT_F32 ? s->e->value + 1 : s->e->value * 1.5;
    if (s->e->dt == DT_BOOL)
        value = s->e->value == 0;
    say(p, "the constant %g is %g", s->e->value, value);
    SET(p, s->e->value, value);
}

static inline bool is_guard(const Spot *s)
{
    return s->e->kind == X_GUARD;
}

static inline void loosen_guard(Planter *p, const Spot *s)
{
    say(p, "a guard lets one position too many pass");
    SET(p, s->e->guard[0].hi, s->e->guard[0].hi + 1);
}

static inline void tighten_guard(Planter *p, const Spot *s)
{
    say(p, "a guard lets one position too few pass");
    SET(p, s->e->guard[0].hi, s->e->guard[0].hi - 1);
}

static inline void drop_guard(Planter *p, const Spot *s)
{
    say(p, "a guard is missing");
    Ex copy = *s->e->in[0];
    copy.id = s->e->id;
    if (s->e->nguard > 1)
        SET(p, s->e->nguard, s->e->nguard - 1);
    else
        SET(p, *s->e, copy);
}

static inline bool is_uniform(const Spot *s)
{
    return s->e->kind == X_UNIFORM;
}

static inline void change_salt(Planter *p, const Spot *s)
{
    say(p, "another salt");
    SET(p, s->e->salt, s->e->salt + 1);
}

static inline void shift_counter(Planter *p, const Spot *s)
{
    say(p, "the random numbers' positions are one too large");
    SET(p, s->e->at, lin_offset(p->a, s->e->at, 1));
}

static inline bool is_rounding(const Spot *s)
{
    return s->e->kind == X_OP && s->e->op == OP_CAST && s->e->dt == DT_I32 && s->e->in[0]->dt == DT_F32;
}

static inline void round_wrong(Planter *p, const Spot *s)
{
    say(p, "a cast rounds to the nearest integer");
    Ex *half = NEW(p->a, Ex), *sum = NEW(p->a, Ex);
    *half = (Ex){.kind = X_CONST, .dt = DT_F32, .value = 0.5, .id = s->e->id};
    *sum =
        (Ex){.kind = X_OP, .dt = DT_F32, .op = OP_ADD, .nin = 2, .in = {s->e->in[0], half}, .id = s->e->id};
    SET(p, s->e->in[0], sum);
}

/* ---- stages ---------------------------------------------------------------------------------------- */
static inline bool is_long(const Spot *s)
{
    return s->s->kind != STAGE_TILE && s->s->nloop &&
           s->s->loop[s->s->nloop - 1]->extent > 2; /* a loop of one is not printed */
}

static inline void miss_last(Planter *p, const Spot *s)
{
    Var *v = s->s->loop[s->s->nloop - 1];
    say(p, "the loop over %s ends one too early", v->name);
    SET(p, v->extent, v->extent - 1);
}

static inline bool is_outer(const Spot *s)
{
    return s->i == 0 && s->k->nouter && s->k->outer[0]->extent > 2;
}

static inline void miss_last_outer(Planter *p, const Spot *s)
{
    say(p, "the loop over %s ends one too early", s->k->outer[0]->name);
    SET(p, s->k->outer[0]->extent, s->k->outer[0]->extent - 1);
}

static inline bool is_reduction(const Spot *s)
{
    return s->s->kind == STAGE_REDUCE && (s->item->reduce == OP_SUM || s->item->reduce == OP_MAX) &&
           !s->s->vector;
}

static inline void change_reduction(Planter *p, const Spot *s)
{
    Op other = s->item->reduce == OP_SUM ? OP_MAX : OP_SUM;
    say(p, "%s instead of %s", op_info(other)->text, op_info(s->item->reduce)->text);
    SET(p, s->item->reduce, other);
}

static inline bool is_sum_in_memory(const Spot *s)
{
    return s->s->kind == STAGE_REDUCE && s->s->vector && s->item->buffer;
}

static inline Ex *add_to_memory(Planter *p, const Spot *s)
{
    Ex *load = NEW(p->a, Ex), *sum = NEW(p->a, Ex);
    *load = (Ex){.kind = X_LOAD, .dt = DT_F32, .buffer = s->item->buffer, .at = s->item->at};
    *sum = (Ex){.kind = X_OP, .dt = DT_F32, .op = OP_ADD, .nin = 2, .in = {load, s->item->value}};
    return sum;
}

static inline void do_not_zero(Planter *p, const Spot *s)
{
    say(p, "a sum begins at what memory holds");
    SET(p, s->item->value, add_to_memory(p, s));
    SET(p, s->item->reduce, OP_COUNT);
    SET(p, s->s->kind, STAGE_MAP);
    SET(p, s->s->vector, 0);
}

static inline bool is_scatter(const Spot *s)
{
    return s->s->kind == STAGE_SCATTER;
}

static inline void overwrite(Planter *p, const Spot *s)
{
    say(p, "a scatter overwrites instead of adding");
    SET(p, s->item->reduce, OP_COUNT);
    SET(p, s->s->kind, STAGE_MAP);
}

static inline void zero_less(Planter *p, const Spot *s)
{
    say(p, "a scatter does not zero its last element");
    SET(p, s->s->limit, s->s->limit - 1);
}

static inline bool has_lanes(const Spot *s)
{
    return s->s->kind == STAGE_REDUCE && s->s->lanes > 1;
}

static inline void wrong_lanes(Planter *p, const Spot *s)
{
    say(p, "%d lanes of %lld elements", s->s->lanes - 1, (long long)s->s->loop[s->s->nloop - 1]->extent);
    SET(p, s->s->lanes, s->s->lanes - 1);
}

static inline bool is_store(const Spot *s)
{
    return s->item->buffer && s->item->buffer->kind != BUFFER_LOCAL && s->s->kind == STAGE_MAP;
}

static inline void shift_store(Planter *p, const Spot *s)
{
    say(p, "a store's index is one too large");
    SET(p, s->item->at, lin_offset(p->a, s->item->at, 1));
}

static inline bool is_strided_store(const Spot *s)
{
    return is_store(s) && s->item->at->n > 0;
}

static inline void stretch_store(Planter *p, const Spot *s)
{
    int last = s->item->at->n - 1;
    say(p, "a store's stride is one too large");
    SET(p, s->item->at, with_factor(p, s->item->at, last, s->item->at->term[last].factor + 1));
}

static inline bool has_other_store(const Spot *s)
{
    return is_store(s) && another_argument(s, s->item->buffer);
}

static inline void store_elsewhere(Planter *p, const Spot *s)
{
    Buffer *other = another_argument(s, s->item->buffer);
    say(p, "a value is stored in %s instead of %s", other->name, s->item->buffer->name);
    SET(p, s->item->buffer, other);
}

static inline bool is_epilogue(const Spot *s)
{
    return s->i > 0 && s->i == s->k->stages.n - 1 && s->s->kind == STAGE_MAP;
}

static inline void drop_stage(Planter *p, const Spot *s)
{
    say(p, "the last stage is left out");
    SET(p, s->k->stages.n, s->k->stages.n - 1);
}

static inline bool is_check(const Spot *s)
{
    return s->s->kind == STAGE_CHECK;
}

static inline void raise_limit(Planter *p, const Spot *s)
{
    say(p, "a check's limit is one too large");
    SET(p, s->s->limit, s->s->limit + 1);
}

static inline void lower_limit(Planter *p, const Spot *s)
{
    say(p, "a check's limit is one too small");
    SET(p, s->s->limit, s->s->limit - 1);
}

static inline void check_nothing(Planter *p, const Spot *s)
{
    say(p, "a check looks at a constant");
    Ex *zero = NEW(p->a, Ex);
    *zero = (Ex){.kind = X_CONST, .dt = DT_I32};
    SET(p, s->s->items.at[0].value, zero);
}

#endif
