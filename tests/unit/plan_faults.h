/* SPDX-License-Identifier: MIT */
/* plan_faults.h: faults planted into plans, one row of a table a kind; each can be taken out again. */
#ifndef DLC_PLAN_FAULTS_H
#define DLC_PLAN_FAULTS_H

#include <stdlib.h>
#include <string.h>

#include "compiler/kernels/lower.h"
#include "compiler/verify/verify.h"

/* ---- changes that can be undone -------------------------------------------------------------------- */
typedef struct Change {
    void *at, *old;
    size_t bytes;
} Change;

typedef struct Spot { /* where a fault of some kind can stand */
    Kernel *k;
    Stage *s;
    Item *item;
    Ex *e;
    int i;
    Step ***steps; /* a list of steps, and its length */
    int *nstep;
    Step *step;
    Buffer *b, *other;
} Spot;

typedef struct Planter {
    Arena *a;
    Plan *p;
    VEC(Change) changes;
    VEC(Spot) spots;
    VEC(const Kernel *) guilty; /* who may be named */
    const char *what;           /* the change, in words */
} Planter;

static inline void set_bytes(Planter *p, void *at, const void *new, size_t bytes)
{
    vec_push(p->a, &p->changes, ((Change){at, arena_dup(p->a, at, bytes), bytes}));
    memcpy(at, new, bytes);
}

#define SET(p, place, value)                                                                                 \
    do {                                                                                                     \
        __typeof__(place) new_value = (value);                                                               \
        set_bytes(p, &(place), &new_value, sizeof new_value);                                                \
    } while (0)

/* One of a list's n elements, of so many bytes each, is left out. */
static inline void drop_at(Planter *p, void *list, size_t bytes, int *n, int i)
{
    set_bytes(p, list, list, bytes * (size_t)*n);
    memmove((char *)list + bytes * (size_t)i, (char *)list + bytes * (size_t)(i + 1), bytes * (size_t)(*n - i - 1));
    SET(p, *n, *n - 1);
}

static inline void take_out(Planter *p)
{
    for (int i = p->changes.n - 1; i >= 0; i--)
        memcpy(p->changes.at[i].at, p->changes.at[i].old, p->changes.at[i].bytes);
    p->changes.n = p->guilty.n = 0;
}

static inline void say(Planter *p, const char *format, ...) PRINTF(2, 3);
static inline void say(Planter *p, const char *format, ...)
{
    StrBuf sb = {.a = p->a};
    va_list args;
    va_start(args, format);
    sb_vprintf(&sb, format, args);
    va_end(args);
    p->what = sb_text(&sb);
}

/* ---- where: expressions ---------------------------------------------------------------------------- */
typedef bool Fits(const Spot *s);

static inline void visit_ex(Planter *p, Spot at, Ex *e, Fits *fits);

static inline void visit_index(Planter *p, Spot at, const Lin *x, Fits *fits)
{
    for (int i = 0; x && i < x->n; i++)
        if (x->term[i].atom->kind == ATOM_VALUE)
            visit_ex(p, at, x->term[i].atom->value, fits);
}

static inline void visit_ex(Planter *p, Spot at, Ex *e, Fits *fits)
{
    at.e = e;
    for (int i = 0; i < p->spots.n; i++)
        if (p->spots.at[i].e == e)
            return;
    if (fits(&at))
        vec_push(p->a, &p->spots, at);
    visit_index(p, at, e->at, fits);
    for (int i = 0; i < e->nin; i++)
        visit_ex(p, at, e->in[i], fits);
}

static inline void each_item(Planter *p, Fits *fits, bool values)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int s = 0; s < p->p->kernels.at[k]->stages.n; s++) {
            Stage *stage = p->p->kernels.at[k]->stages.at[s];
            for (int i = 0; i < stage->items.n; i++) {
                Spot at = {.k = p->p->kernels.at[k], .s = stage, .item = &stage->items.at[i], .i = i};
                if (values && at.item->value)
                    visit_ex(p, at, at.item->value, fits);
                else if (!values && fits(&at))
                    vec_push(p->a, &p->spots, at);
            }
        }
}

static inline void each_stage(Planter *p, Fits *fits)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int s = 0; s < p->p->kernels.at[k]->stages.n; s++) {
            Spot at = {.k = p->p->kernels.at[k], .s = p->p->kernels.at[k]->stages.at[s], .i = s};
            if (fits(&at))
                vec_push(p->a, &p->spots, at);
        }
}

static inline void each_step_in(Planter *p, Fits *fits, Step ***steps, int *n, Step *loop)
{
    for (int i = 0; i < *n; i++) {
        Step *step = (*steps)[i];
        Spot at = {.k = step->kernel, .step = step, .steps = steps, .nstep = n, .i = i};
        if (fits(&at))
            vec_push(p->a, &p->spots, at);
        if (step->kind == STEP_SCAN)
            each_step_in(p, fits, &step->body.at, &step->body.n, step);
    }
    (void)loop;
}

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

/* ---- tiles ----------------------------------------------------------------------------------------- */
static inline bool is_tile(const Spot *s)
{
    return s->s->kind == STAGE_TILE;
}

static inline bool has_rows(const Spot *s)
{
    return is_tile(s) && s->s->tile->m && s->s->tile->m->extent > 1;
}

static inline bool has_sum(const Spot *s)
{
    return is_tile(s) && s->s->tile->nk && s->s->tile->k[0].var->extent > 2;
}

static inline bool has_taps(const Spot *s)
{
    for (int i = 0; is_tile(s) && i < s->s->tile->nk; i++)
        if (s->s->tile->k[i].tapped)
            return true;
    return false;
}

static inline Tap *tap_of(const Spot *s)
{
    int i = 0;
    while (!s->s->tile->k[i].tapped)
        i++;
    return &s->s->tile->k[i].tap;
}

static inline void shift_left(Planter *p, const Spot *s)
{
    say(p, "a tile's left operand begins one element too far");
    SET(p, s->s->tile->a_at, lin_offset(p->a, s->s->tile->a_at, 1));
}

static inline void shift_right(Planter *p, const Spot *s)
{
    say(p, "a tile's right operand begins one element too far");
    SET(p, s->s->tile->b_at, lin_offset(p->a, s->s->tile->b_at, 1));
}

static inline void shift_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result begins one element too far");
    SET(p, s->s->tile->c_at, lin_offset(p->a, s->s->tile->c_at, 1));
}

static inline void stretch_rows(Planter *p, const Spot *s)
{
    say(p, "a tile's rows are one element too far apart");
    SET(p, s->s->tile->a_m, s->s->tile->a_m + 1);
}

static inline void stretch_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result's rows are one element too far apart");
    SET(p, s->s->tile->c_m, s->s->tile->c_m + 1);
}

static inline bool has_two_axes(const Spot *s)
{
    return is_tile(s) && s->s->tile->inner;
}

static inline void stretch_inner_rows(Planter *p, const Spot *s)
{
    say(p, "a tile's rows of the second axis are one element too far apart");
    SET(p, s->s->tile->a_inner, s->s->tile->a_inner + 1);
}

static inline void stretch_inner_result(Planter *p, const Spot *s)
{
    say(p, "a tile's result's rows of the second axis are one element too far apart");
    SET(p, s->s->tile->c_inner, s->s->tile->c_inner + 1);
}

static inline void stretch_sum(Planter *p, const Spot *s)
{
    int last = s->s->tile->nk - 1;
    say(p, "a tile's sum steps one element too far");
    SET(p, s->s->tile->k[last].b, s->s->tile->k[last].b + 1);
}

/* Where the taps hang on the tile's rows, its forms follow from them. */
static inline void form_again(Planter *p, const Spot *s)
{
    Tile formed = *s->s->tile;
    memset(&formed.forms, 0, sizeof formed.forms);
    memset(&formed.runs, 0, sizeof formed.runs);
    memset(&formed.inner_form, 0, sizeof formed.inner_form);
    tile_forms(p->a, &formed);
    SET(p, s->s->tile->forms, formed.forms);
    SET(p, s->s->tile->runs, formed.runs);
    SET(p, s->s->tile->inner_form, formed.inner_form);
}

static inline void miss_last_term(Planter *p, const Spot *s)
{
    Var *v = s->s->tile->k[0].var;
    say(p, "a tile's sum misses its last term");
    SET(p, v->extent, v->extent - 1);
    form_again(p, s);
}

static inline bool has_tail(const Spot *s)
{
    const Tile *t = is_tile(s) ? s->s->tile : NULL;
    int64_t width = t ? (int64_t)t->schedule.lanes * t->schedule.columns : 1;
    return t && t->n->extent > width && t->n->extent % width;
}

static inline void miss_tail(Planter *p, const Spot *s)
{
    Tile *t = s->s->tile;
    say(p, "a tile misses its last columns");
    int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns;
    SET(p, t->n->extent, t->n->extent / width * width);
}

static inline void shift_tap(Planter *p, const Spot *s)
{
    say(p, "taps begin one too early");
    SET(p, tap_of(s)->pad, tap_of(s)->pad + 1);
    form_again(p, s);
}

static inline void loosen_tap(Planter *p, const Spot *s)
{
    say(p, "taps end one too late");
    SET(p, tap_of(s)->extent, tap_of(s)->extent + 1);
    form_again(p, s);
}

static inline void tighten_tap(Planter *p, const Spot *s)
{
    say(p, "taps end one too early");
    SET(p, tap_of(s)->extent, tap_of(s)->extent - 1);
    form_again(p, s);
}

/* ---- steps and memory ------------------------------------------------------------------------------ */
static inline bool is_kernel_step(const Spot *s)
{
    return s->step->kind == STEP_KERNEL;
}

static inline bool is_carry_copy(const Spot *s)
{
    const Unit *u = s->k ? s->k->units.at[0] : NULL;
    return u && u->kind == UNIT_COPY && u->from && u->context->parent;
}

static inline void drop_step(Planter *p, const Spot *s)
{
    say(p, "%s does not run", s->k->name);
    drop_at(p, *s->steps, sizeof **s->steps, s->nstep, s->i);
}

static inline bool has_next(const Spot *s)
{
    return is_kernel_step(s) && s->i + 1 < *s->nstep && (*s->steps)[s->i + 1]->kind == STEP_KERNEL;
}

static inline void swap_steps(Planter *p, const Spot *s)
{
    Step *next = (*s->steps)[s->i + 1];
    say(p, "%s runs before %s", next->kernel->name, s->k->name);
    SET(p, (*s->steps)[s->i], next);
    SET(p, (*s->steps)[s->i + 1], s->step);
    vec_push(p->a, &p->guilty, next->kernel);
}

static inline bool is_loop(const Spot *s)
{
    return s->step->kind == STEP_SCAN && s->step->time->extent > 1;
}

static inline void blame_loop(Planter *p, const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++) {
        if (loop->body.at[i]->kind == STEP_KERNEL)
            vec_push(p->a, &p->guilty, loop->body.at[i]->kernel);
        else
            blame_loop(p, loop->body.at[i]);
    }
}

static inline void turn_loop(Planter *p, const Spot *s)
{
    say(p, "the loop over %s runs the other way", s->step->time->name);
    SET(p, s->step->reverse, !s->step->reverse);
    blame_loop(p, s->step);
}

static inline void miss_last_turn(Planter *p, const Spot *s)
{
    say(p, "the loop over %s ends one too early", s->step->time->name);
    SET(p, s->step->time->extent, s->step->time->extent - 1);
    blame_loop(p, s->step);
}

static inline bool live_together(const Buffer *x, const Buffer *y)
{
    return x->first <= y->last && y->first <= x->last;
}

static inline void blame_writers(Planter *p, const Buffer *b)
{
    for (int k = 0; k < p->p->kernels.n; k++)
        for (int u = 0; u < p->p->kernels.at[k]->units.n; u++) {
            Buffer *made = p->p->kernels.at[k]->units.at[u]->buffer;
            if (made && buffer_root(made) == b)
                vec_push(p->a, &p->guilty, p->p->kernels.at[k]);
        }
}

static inline void find_pairs(Planter *p)
{
    for (int i = 0; i < p->p->buffers.n; i++)
        for (int k = 0; k < i; k++) {
            Buffer *b = p->p->buffers.at[i], *other = p->p->buffers.at[k];
            if (b->kind == BUFFER_ARENA && other->kind == BUFFER_ARENA && !b->alias && !other->alias &&
                b->first >= 0 && other->first >= 0 && live_together(b, other))
                vec_push(p->a, &p->spots, ((Spot){.b = b, .other = other}));
        }
}

static inline void overlap(Planter *p, const Spot *s)
{
    say(p, "%s lies on %s", s->b->name, s->other->name);
    int64_t room = s->other->offset + type_bytes(s->b->type);
    if (room > p->p->arena_bytes)
        SET(p, p->p->arena_bytes, room);
    SET(p, s->b->offset, s->other->offset);
    for (int i = 0; i < p->p->buffers.n; i++) { /* it may be longer than the other, and lie on more */
        const Buffer *x = p->p->buffers.at[i];
        if (x->kind == BUFFER_ARENA && !x->alias && x->offset < room &&
            x->offset + type_bytes(x->type) > s->b->offset)
            blame_writers(p, x);
    }
}

static inline void share(Planter *p, const Spot *s)
{
    say(p, "%s is made in place of %s", s->b->name, s->other->name);
    overlap(p, s);
}

static inline void find_dead_pairs(Planter *p) /* what the plan could take for dead one step too early */
{
    find_pairs(p);
    int n = 0;
    for (int i = 0; i < p->spots.n; i++)
        if (p->spots.at[i].b->first == p->spots.at[i].other->last &&
            p->spots.at[i].b->type.dt == p->spots.at[i].other->type.dt)
            p->spots.at[n++] = p->spots.at[i];
    p->spots.n = n;
}

/* ---- what units wait for --------------------------------------------------------------------------- */
/* Which of u's needs, or reads, b is; -1: none. */
static inline int need_of(const Unit *u, const Buffer *b)
{
    for (int i = 0; i < u->needs.n; i++)
        if (u->needs.at[i]->buffer == b)
            return i;
    return -1;
}

static inline int read_of(const Unit *u, const Buffer *b)
{
    for (int i = 0; i < u->reads.n; i++)
        if (u->reads.at[i] == b)
            return i;
    return -1;
}

/* Not where it may be a carry in the same stack that it reads. */
static inline bool has_need(const Unit *u, const Buffer *b)
{
    return !u->reads_carry && (need_of(u, b) >= 0 || read_of(u, b) >= 0);
}

static inline void forget_need(Planter *p, Unit *u, const Buffer *b)
{
    say(p, "a unit does not wait for %s, which it reads", b->name ? b->name : "a buffer");
    if (need_of(u, b) >= 0)
        drop_at(p, u->needs.at, sizeof *u->needs.at, &u->needs.n, need_of(u, b));
    else
        drop_at(p, u->reads.at, sizeof *u->reads.at, &u->reads.n, read_of(u, b));
}

static inline bool needs_load(const Spot *s)
{
    return is_load(s) && has_need(s->item->unit, s->e->buffer);
}

static inline void forget_load(Planter *p, const Spot *s)
{
    forget_need(p, s->item->unit, s->e->buffer);
}

static inline bool needs_left(const Spot *s)
{
    return is_tile(s) && has_need(s->s->items.at[0].unit, s->s->tile->a);
}

static inline void forget_left(Planter *p, const Spot *s)
{
    forget_need(p, s->s->items.at[0].unit, s->s->tile->a);
}

static inline bool needs_right(const Spot *s)
{
    return is_tile(s) && has_need(s->s->items.at[0].unit, s->s->tile->b);
}

static inline void forget_right(Planter *p, const Spot *s)
{
    forget_need(p, s->s->items.at[0].unit, s->s->tile->b);
}

/* ---- the kinds ------------------------------------------------------------------------------------- */
typedef enum Where { IN_VALUES, IN_ITEMS, IN_STAGES, IN_STEPS, IN_PAIRS, IN_DEAD_PAIRS } Where;

static const struct FaultRow {
    const char *name;
    Where where;
    Fits *fits;
    void (*plant)(Planter *p, const Spot *s);
} fault_rows[] = {
    {"load index", IN_VALUES, is_load, shift_load},
    {"load stride", IN_VALUES, is_strided_load, stretch_load},
    {"load permutation", IN_VALUES, has_two_strides, swap_strides},
    {"load time", IN_VALUES, reads_time, freeze_time},
    {"load buffer", IN_VALUES, has_other_load, load_another},
    {"operands", IN_VALUES, is_ordered, swap_operands},
    {"choices", IN_VALUES, is_select, swap_choices},
    {"operation", IN_VALUES, has_wrong_op, change_op},
    {"tie", IN_VALUES, is_tie, change_tie},
    {"dropped operation", IN_VALUES, is_operand, drop_operation},
    {"constant", IN_VALUES, is_number, change_number},
    {"loose guard", IN_VALUES, is_guard, loosen_guard},
    {"tight guard", IN_VALUES, is_guard, tighten_guard},
    {"missing guard", IN_VALUES, is_guard, drop_guard},
    {"salt", IN_VALUES, is_uniform, change_salt},
    {"counter", IN_VALUES, is_uniform, shift_counter},
    {"rounding", IN_VALUES, is_rounding, round_wrong},
    {"last iteration", IN_STAGES, is_long, miss_last},
    {"last outer iteration", IN_STAGES, is_outer, miss_last_outer},
    {"reduction", IN_ITEMS, is_reduction, change_reduction},
    {"no zero", IN_ITEMS, is_sum_in_memory, do_not_zero},
    {"scatter", IN_ITEMS, is_scatter, overwrite},
    {"scatter zero", IN_ITEMS, is_scatter, zero_less},
    {"lanes", IN_STAGES, has_lanes, wrong_lanes},
    {"store index", IN_ITEMS, is_store, shift_store},
    {"store stride", IN_ITEMS, is_strided_store, stretch_store},
    {"store buffer", IN_ITEMS, has_other_store, store_elsewhere},
    {"epilogue", IN_STAGES, is_epilogue, drop_stage},
    {"high limit", IN_STAGES, is_check, raise_limit},
    {"low limit", IN_STAGES, is_check, lower_limit},
    {"no check", IN_STAGES, is_check, check_nothing},
    {"tile left", IN_STAGES, is_tile, shift_left},
    {"tile right", IN_STAGES, is_tile, shift_right},
    {"tile result", IN_STAGES, is_tile, shift_result},
    {"tile rows", IN_STAGES, has_rows, stretch_rows},
    {"tile result rows", IN_STAGES, has_rows, stretch_result},
    {"tile inner rows", IN_STAGES, has_two_axes, stretch_inner_rows},
    {"tile inner result rows", IN_STAGES, has_two_axes, stretch_inner_result},
    {"tile sum", IN_STAGES, has_sum, stretch_sum},
    {"tile last term", IN_STAGES, has_sum, miss_last_term},
    {"tile tail", IN_STAGES, has_tail, miss_tail},
    {"tap padding", IN_STAGES, has_taps, shift_tap},
    {"loose tap", IN_STAGES, has_taps, loosen_tap},
    {"tight tap", IN_STAGES, has_taps, tighten_tap},
    {"missing kernel", IN_STEPS, is_kernel_step, drop_step},
    {"carry", IN_STEPS, is_carry_copy, drop_step},
    {"order", IN_STEPS, has_next, swap_steps},
    {"direction", IN_STEPS, is_loop, turn_loop},
    {"last turn", IN_STEPS, is_loop, miss_last_turn},
    {"overlap", IN_PAIRS, NULL, overlap},
    {"in place", IN_DEAD_PAIRS, NULL, share},
}, need_rows[] = { /* no number is wrong, but by luck: plan_verify has to find them */
    {"load's need", IN_VALUES, needs_load, forget_load},
    {"tile's left need", IN_STAGES, needs_left, forget_left},
    {"tile's right need", IN_STAGES, needs_right, forget_right},
};

static inline void find_spots(Planter *p, const struct FaultRow *row)
{
    p->spots.n = 0;
    switch (row->where) {
    case IN_VALUES:
        each_item(p, row->fits, true);
        break;
    case IN_ITEMS:
        each_item(p, row->fits, false);
        break;
    case IN_STAGES:
        each_stage(p, row->fits);
        break;
    case IN_STEPS:
        each_step_in(p, row->fits, &p->p->steps.at, &p->p->steps.n, NULL);
        break;
    case IN_PAIRS:
        find_pairs(p);
        break;
    case IN_DEAD_PAIRS:
        find_dead_pairs(p);
        break;
    }
}

static inline void plant(Planter *p, const struct FaultRow *row, const Spot *s)
{
    if (s->k)
        vec_push(p->a, &p->guilty, s->k);
    row->plant(p, s);
}

#endif
