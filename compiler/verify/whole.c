/* SPDX-License-Identifier: MIT */
/* whole.c: the entry points, called as a user calls them, against the interpreter in double. What rounding
 * may add up to on its way through a function is tried: a tensor may be off by three times the worst of what
 * the interpreter is in float, and in double with rounding by chance; and an element by what becomes of that
 * through its last operations (bound.h). */
#include "model.h"

#include "bound.h"
#include "../../runtime/dl_flush.h"
#include "../../runtime/dl_status.h"

#include <math.h>
#include <string.h>

enum { MARGIN = 64, ODD = 0xa5 };

typedef struct Call { /* tensors between margins, and an arena full of rubbish */
    const Fn *fn;
    const Code *code;
    void **in, **out;
    unsigned char *arena;
    int status;
} Call;

static void *tensor_new(Arena *a, Type t)
{
    size_t bytes = (size_t)type_bytes(t);
    unsigned char *at = arena_alloc(a, bytes + 2 * MARGIN + 64);
    at += (64 - (uintptr_t)at % 64) % 64;
    memset(at, ODD, bytes + 2 * MARGIN);
    return at + MARGIN;
}

static bool margins_intact(const void *tensor, Type t)
{
    const unsigned char *at = (const unsigned char *)tensor - MARGIN;
    for (int i = 0; i < MARGIN; i++)
        if (at[i] != ODD || at[MARGIN + type_bytes(t) + i] != ODD)
            return false;
    return true;
}

static int input_of(const Fn *fn, const Port *result)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == result->role && fn->input.at[i].index == result->index)
            return i;
    return -1;
}

static Call *call_new(Arena *a, const Code *code, const Value *in, int rubbish)
{
    Call *c = NEW(a, Call);
    const Fn *fn = code->plan->fn;
    *c = (Call){.fn = fn,
                .code = code,
                .in = NEWN(a, void *, fn->input.n + 1),
                .out = NEWN(a, void *, fn->result.n + 1)};
    for (int i = 0; i < fn->input.n; i++) {
        c->in[i] = tensor_new(a, in[i].type);
        memcpy(c->in[i], value_bits(a, in[i]), (size_t)type_bytes(in[i].type));
    }
    for (int i = 0; i < fn->result.n; i++) {
        int same = input_of(fn, &fn->result.at[i]);
        c->out[i] = same >= 0 ? c->in[same] : tensor_new(a, fn->result.at[i].node->type);
    }
    Type bytes = {.dt = DT_U8, .rank = 1, .dim = {code->plan->arena_bytes + 64}};
    c->arena = tensor_new(a, bytes);
    memset(c->arena, rubbish, (size_t)code->plan->arena_bytes);
    return c;
}

static void enter(void *context)
{
    Call *c = context;
    c->status = c->code->entry(c->in, c->out, c->arena, c->code->pool);
}

static void add_fault(Whole *w, const Code *code, const char *text)
{
    Fault fault = {.kind = FAULT_ENTRY, .plan = code->plan, .text = text};
    vec_push(w->verdict->a, &w->verdict->faults, fault);
}

/* ---- one result -------------------------------------------------------------------------------------- */
enum { CHANCES = 2 };
static const double MARGIN_OF_CHANCE = 3;

/* What the interpreter says: in double, in float, and in double with each operation's rounding by chance. */
typedef struct Expected {
    const Value *in;
    Value *exact, *single;
    Bounded chance[CHANCES];
    Bounded *ends; /* NULL: nobody has asked yet */
} Expected;

/* The interpreter in float, subnormal numbers taken as the plan does. */
static bool interpret_single(Arena *a, const Plan *p, const Value *in, Value *out, const char **why)
{
    const unsigned before = p->flushes ? dl_flush() : dl_subnormals();
    const bool fine = fn_interpret(a, p->fn, PRECISION_F32, in, out, why);
    dl_set_subnormals(before);
    return fine;
}

static bool expect(Arena *a, const Plan *p, const Value *in, uint64_t seed, Expected *e, const char **why)
{
    const Fn *fn = p->fn;
    *e = (Expected){.in = in,
                    .exact = NEWN(a, Value, fn->result.n + 1),
                    .single = NEWN(a, Value, fn->result.n + 1)};
    bool fine = fn_interpret(a, fn, PRECISION_F64, in, e->exact, why) &&
                interpret_single(a, p, in, e->single, why);
    for (int i = 0; fine && i < CHANCES; i++) {
        Random r = random_start(seed, 100 + (uint64_t)i);
        bounded_prepare(&e->chance[i], a, fn);
        fine = run_by_chance(&e->chance[i], in, &r);
        *why = e->chance[i].e.why;
    }
    return fine;
}

/* How far off elements may be by themselves; NULL: not at all. */
static const double *slack_by_ends(Arena *a, const Fn *fn, int i, Expected *e)
{
    if (!e->ends) {
        e->ends = NEW(a, Bounded);
        bounded_prepare(e->ends, a, fn);
        if (!run_by_ends(e->ends, e->in, e->chance, CHANCES, MARGIN_OF_CHANCE))
            BUG("the interpreter takes an index and then does not");
    }
    return e->ends->error[fn->result.at[i].node->id];
}

/* A tensor that is too far off: is it still, where each element may be off by its own slack, too? The worst
 * of them stands for all. */
static void compare_elements(Row *row, Value got, Value exact, const double *slack)
{
    const double of_tensor = row->allowed;
    double most = 0;
    row->error = 0;
    for (int64_t k = 0; k < type_count(got.type); k++) {
        const double allowed = fmax(of_tensor, slack ? slack[k] : 0), error = apart(got.at[k], exact.at[k]);
        if (error / allowed > most) {
            most = error / allowed;
            row->error = error;
            row->allowed = allowed;
        }
    }
}

static double worst_error(Value x, Value exact)
{
    double most = 0;
    for (int64_t i = 0; i < type_count(exact.type); i++)
        most = fmax(most, apart(x.at[i], exact.at[i]));
    return most;
}

static Row compare(Arena *a, const Fn *fn, int i, const void *found, Expected *e)
{
    const Value *exact = &e->exact[i];
    Value got = value_new(a, exact->type);
    double largest = 0;
    for (int64_t k = 0; k < type_count(got.type); k++) {
        got.at[k] = bits_at(got.type.dt, found, k);
        largest = isfinite(exact->at[k]) ? fmax(largest, fabs(exact->at[k])) : largest;
        if (isinf(got.at[k]) && got.at[k] == (double)(float)exact->at[k])
            got.at[k] = exact->at[k]; /* too large for float */
    }
    Row row = {.name = fn->result.at[i].name, .type = exact->type};
    row.error = worst_error(got, *exact);
    row.rounding = worst_error(e->single[i], *exact);
    row.allowed = row.rounding;
    for (int k = 0; k < CHANCES; k++)
        row.allowed = fmax(row.allowed, worst_error(e->chance[k].e.value[fn->result.at[i].node->id], *exact));
    row.allowed = MARGIN_OF_CHANCE * row.allowed + (exact->type.dt == DT_F32 ? float_unit() * largest : 0);
    if (row.error > row.allowed)
        compare_elements(&row, got, *exact, slack_by_ends(a, fn, i, e));
    row.fine = row.error <= row.allowed;
    return row;
}

static void keep_updates(Whole *w, const Fn *fn, const Call *c)
{
    for (int i = 0; i < fn->result.n; i++) {
        Tensor *x = tensor_find(w->tensors, fn->result.at[i].role, fn->result.at[i].index);
        for (int64_t k = 0; x && k < type_count(x->value.type); k++)
            x->value.at[k] = bits_at(x->value.type.dt, c->out[i], k);
    }
}

static bool same_results(const Call *x, const Call *y)
{
    for (int i = 0; i < x->fn->result.n; i++)
        if (memcmp(x->out[i], y->out[i], (size_t)type_bytes(x->fn->result.at[i].node->type)))
            return false;
    return true;
}

static bool all_intact(const Call *c)
{
    bool intact = true;
    for (int i = 0; i < c->fn->input.n; i++)
        intact &= margins_intact(c->in[i], c->fn->input.at[i].node->type);
    for (int i = 0; i < c->fn->result.n; i++)
        intact &= margins_intact(c->out[i], c->fn->result.at[i].node->type);
    return intact;
}

void whole_call(Whole *w, const char *function, const Code *code, const char *how)
{
    Arena *a = arena_new();
    const Fn *fn = code->plan->fn;
    Value *in = tensors_for(w->tensors, a, fn);
    const char *why = "";
    Expected expected;
    Call *first = call_new(a, code, in, 0xff), *second = call_new(a, code, in, 0x4b);
    if (!expect(a, code->plan, in, w->seed, &expected, &why)) {
        add_fault(w, code, arena_printf(w->verdict->a, "the interpreter refuses %s: %s", function, why));
    } else if (!code_survives(enter, first) || !code_survives(enter, second)) {
        add_fault(w, code,
                  arena_printf(w->verdict->a, "%s (%s) reads or writes memory nobody has", function, how));
    } else if (first->status != DL_OK || second->status != DL_OK) {
        add_fault(w, code, arena_printf(w->verdict->a, "%s (%s) returns %d", function, how, first->status));
    } else {
        if (!same_results(first, second))
            add_fault(
                w, code,
                arena_printf(w->verdict->a, "%s (%s) depends on what the arena held before", function, how));
        if (!all_intact(first) || !all_intact(second))
            add_fault(
                w, code,
                arena_printf(w->verdict->a, "%s (%s) writes beside the caller's tensors", function, how));
        for (int i = 0; i < fn->result.n; i++) {
            Row row = compare(a, fn, i, first->out[i], &expected);
            row.function = function;
            row.how = how;
            vec_push(w->verdict->a, &w->verdict->rows, row);
        }
        keep_updates(w, fn, first);
    }
    arena_free(a);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */
static bool unchanged(const Call *c, const Value *in, Arena *a)
{
    for (int i = 0; i < c->fn->input.n; i++)
        if (memcmp(c->in[i], value_bits(a, in[i]), (size_t)type_bytes(in[i].type)))
            return false;
    return all_intact(c);
}

static void refuse(Whole *w, const char *function, const Code *code, Tensor *x, int64_t element,
                   int32_t value)
{
    Arena *a = arena_new();
    const Fn *fn = code->plan->fn;
    double old = x->value.at[element];
    const char *why;
    x->value.at[element] = value;
    Value *in = tensors_for(w->tensors, a, fn), *out = NEWN(a, Value, fn->result.n + 1);
    int expected = x->role == ROLE_COUNT                               ? DL_COUNT
                   : fn_interpret(a, fn, PRECISION_F64, in, out, &why) ? DL_OK
                                                                       : DL_INDEX;
    Call *c = call_new(a, code, in, 0xff);
    const char *what = arena_printf(w->verdict->a, "%s with %s[%lld] = %ld", function, x->name,
                                    (long long)element, (long)value);
    if (!code_survives(enter, c))
        add_fault(w, code, arena_printf(w->verdict->a, "%s reads or writes memory nobody has", what));
    else if (c->status != expected)
        add_fault(w, code, arena_printf(w->verdict->a, "%s returns %d, not %d", what, c->status, expected));
    else if (expected != DL_OK && !unchanged(c, in, a))
        add_fault(w, code,
                  arena_printf(w->verdict->a, "%s is refused, but changes the caller's tensors", what));
    x->value.at[element] = old;
    arena_free(a);
}

void whole_refusals(Whole *w, const char *function, const Code *code)
{
    const Fn *fn = code->plan->fn;
    for (int i = 0; i < fn->input.n; i++) {
        Tensor *x = tensor_find(w->tensors, fn->input.at[i].role, fn->input.at[i].index);
        if (x->role == ROLE_COUNT && w->counts) {
            refuse(w, function, code, x, 0, 0);
            refuse(w, function, code, x, 0, (int32_t)w->m->train_batch + 1);
        }
        if (x->value.type.dt != DT_I32 || !x->checked || (x->role != ROLE_INPUT && x->role != ROLE_TARGET))
            continue;
        refuse(w, function, code, x, 0, x->limit < INT32_MAX ? (int32_t)x->limit : INT32_MAX);
        refuse(w, function, code, x, type_count(x->value.type) - 1, -1);
    }
}
