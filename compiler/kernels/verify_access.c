/* SPDX-License-Identifier: MIT */
/* verify_access.c: does an index stay in its range, whatever the loop variables are, where the guards around
 * it hold?
 *
 * First by intervals: guards that are part of the index replace the range of that part by their own. What
 * this cannot settle is tried out: at all values of the variables if these are few, else at some. */
#include "verify.h"

enum {
    ALL_POINTS = 20000, /* combinations of values up to which all are tried */
    SOME_POINTS = 500,
    MOST_UNKNOWNS = 24,
};

typedef struct Unknown { /* a loop variable, or a value found at run time */
    const void *key;
    int64_t lo, hi, now;
} Unknown;

typedef struct Trial {
    Unknown unknown[MOST_UNKNOWNS];
    int n;
} Trial;

/* ---- intervals ------------------------------------------------------------------------------------- */
static int64_t floor_div(int64_t x, int64_t by)
{
    int64_t q = x / by;
    return q * by > x ? q - 1 : q;
}

typedef struct Known { /* lo <= at <= hi */
    const Lin *at;
    int64_t lo, hi;
} Known;

typedef VEC(Known) Facts;

static void range_with(Arena *a, const Lin *x, const Facts *facts, int from, int64_t *lo, int64_t *hi);

/* x as q times what is known, plus a rest with fewer terms. */
static void use_fact(Arena *a, const Lin *x, const Facts *facts, int i, int64_t *lo, int64_t *hi)
{
    const Known *known = &facts->at[i];
    if (!known->at->n)
        return;
    for (int t = 0; t < x->n; t++) {
        int64_t f = known->at->term[0].factor, q = x->term[t].factor / f, rest_lo, rest_hi;
        if (q * f != x->term[t].factor)
            continue;
        const Lin *rest = lin_add(a, x, lin_scale(a, known->at, -q));
        if (rest->n >= x->n)
            continue;
        range_with(a, rest, facts, i + 1, &rest_lo, &rest_hi);
        rest_lo += q > 0 ? q * known->lo : q * known->hi;
        rest_hi += q > 0 ? q * known->hi : q * known->lo;
        *lo = rest_lo > *lo ? rest_lo : *lo;
        *hi = rest_hi < *hi ? rest_hi : *hi;
    }
}

static void range_with(Arena *a, const Lin *x, const Facts *facts, int from, int64_t *lo, int64_t *hi)
{
    lin_range(x, lo, hi);
    for (int i = from; i < facts->n; i++)
        use_fact(a, x, facts, i, lo, hi);
}

/* What the guards say, also of their quotients by what x divides by. */
static void gather_facts(Arena *a, const Lin *x, const Guard *guard, int nguard, Facts *facts)
{
    for (int i = 0; i < nguard; i++)
        vec_push(a, facts, ((Known){guard[i].at, guard[i].lo, guard[i].hi - 1}));
    for (int t = 0; t < x->n; t++)
        for (int i = 0; i < nguard && x->term[t].atom->kind == ATOM_DIV; i++) {
            int64_t by = x->term[t].atom->by;
            Known known = {lin_div(a, guard[i].at, by), floor_div(guard[i].lo, by),
                           floor_div(guard[i].hi - 1, by)};
            if (guard[i].lo >= 0)
                vec_push(a, facts, known);
        }
}

/* ---- trials ---------------------------------------------------------------------------------------- */
static void add_unknown(Trial *t, const void *key, int64_t lo, int64_t hi)
{
    for (int i = 0; i < t->n; i++)
        if (t->unknown[i].key == key)
            return;
    if (t->n < MOST_UNKNOWNS)
        t->unknown[t->n++] = (Unknown){key, lo, hi, lo};
}

static void add_unknowns(Trial *t, const Lin *x)
{
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        if (atom->kind == ATOM_VAR)
            add_unknown(t, atom->var, 0, atom->var->extent - 1);
        else if (atom->kind == ATOM_VALUE)
            add_unknown(t, atom->value, atom->lo, atom->hi);
        else
            add_unknowns(t, atom->of);
    }
}

static int64_t evaluate(const Trial *t, const Lin *x)
{
    int64_t sum = x->constant;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        const void *key = atom->kind == ATOM_VAR ? (const void *)atom->var : atom->value;
        int64_t value = 0;
        if (atom->kind == ATOM_DIV || atom->kind == ATOM_REM) {
            int64_t of = evaluate(t, atom->of);
            value = atom->kind == ATOM_DIV ? of / atom->by : of % atom->by;
        } else {
            for (int k = 0; k < t->n; k++)
                value = t->unknown[k].key == key ? t->unknown[k].now : value;
        }
        sum += x->term[i].factor * value;
    }
    return sum;
}

static bool holds(const Trial *t, const Lin *x, const Guard *guard, int nguard, int64_t extent)
{
    for (int i = 0; i < nguard; i++) {
        int64_t at = evaluate(t, guard[i].at);
        if (at < guard[i].lo || at >= guard[i].hi)
            return true;
    }
    int64_t at = evaluate(t, x);
    return at >= 0 && at < extent;
}

/* The next combination; false behind the last. */
static bool advance(Trial *t)
{
    for (int i = 0; i < t->n; i++) {
        if (t->unknown[i].now++ < t->unknown[i].hi)
            return true;
        t->unknown[i].now = t->unknown[i].lo;
    }
    return false;
}

static void draw(Trial *t, uint64_t *random)
{
    for (int i = 0; i < t->n; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        uint64_t pick = *random >> 33, span = (uint64_t)(t->unknown[i].hi - t->unknown[i].lo) + 1;
        t->unknown[i].now = pick % 4 == 0   ? t->unknown[i].lo
                            : pick % 4 == 1 ? t->unknown[i].hi
                                            : t->unknown[i].lo + (int64_t)(pick / 4 % span);
    }
}

static bool holds_when_tried(const Lin *x, const Guard *guard, int nguard, int64_t extent)
{
    Trial t = {.n = 0};
    add_unknowns(&t, x);
    for (int i = 0; i < nguard; i++)
        add_unknowns(&t, guard[i].at);
    int64_t points = 1;
    for (int i = 0; i < t.n && points <= ALL_POINTS; i++)
        points *= t.unknown[i].hi - t.unknown[i].lo + 1;
    if (points <= ALL_POINTS) {
        do
            if (!holds(&t, x, guard, nguard, extent))
                return false;
        while (advance(&t));
        return true;
    }
    uint64_t random = 1;
    for (int i = 0; i < SOME_POINTS; i++) {
        draw(&t, &random);
        if (!holds(&t, x, guard, nguard, extent))
            return false;
    }
    return true;
}

bool index_in_range(Arena *a, const Lin *x, const Guard *guard, int nguard, int64_t extent)
{
    int64_t lo, hi;
    lin_range(x, &lo, &hi);
    if (lo >= 0 && hi < extent)
        return true;
    Facts facts = {0};
    gather_facts(a, x, guard, nguard, &facts);
    range_with(a, x, &facts, 0, &lo, &hi);
    return (lo >= 0 && hi < extent) || holds_when_tried(x, guard, nguard, extent);
}

/* ---- stores ---------------------------------------------------------------------------------------- */
/* Different values of the variables give different indices: each factor is larger than all smaller ones can
 * add up to. */
bool index_is_injective(const Lin *x, Var *const *var, int n)
{
    int64_t reach = 0;
    bool done[MOST_UNKNOWNS] = {false};
    for (int round = 0; round < n; round++) {
        int best = -1;
        int64_t least = 0;
        for (int i = 0; i < n && i < MOST_UNKNOWNS; i++) {
            int64_t f = lin_factor(x, var[i]);
            f = f < 0 ? -f : f;
            if (!done[i] && (best < 0 || f < least)) {
                best = i;
                least = f;
            }
        }
        if (best < 0)
            return false;
        done[best] = true;
        if (var[best]->extent == 1)
            continue;
        if (least <= reach)
            return false;
        reach += least * (var[best]->extent - 1);
    }
    return true;
}

/* ---- two indices ------------------------------------------------------------------------------------ */
/* What it ranges over in one turn of the loops of kernels around k. */
static void range_in_turn(Arena *a, const Kernel *k, const Load *load, int64_t *lo, int64_t *hi)
{
    const Lin *x = load->at;
    Facts facts = {0};
    for (int i = 0; i < k->scans.n; i++)
        x = lin_without(a, x, k->scans.at[i]);
    gather_facts(a, x, load->guard, load->nguard, &facts);
    range_with(a, x, &facts, 0, lo, hi);
}

bool are_apart(Arena *a, const Kernel *k, const Load *load, const Lin *y)
{
    const Lin *x = load->at;
    int64_t x_lo, x_hi, y_lo, y_hi;
    for (int i = 0; i < k->scans.n; i++) {
        const Var *t = k->scans.at[i];
        if (lin_factor(x, t) != lin_factor(y, t) || lin_uses(lin_without(a, x, t), t) || lin_uses(lin_without(a, y, t), t))
            return false;
    }
    range_in_turn(a, k, load, &x_lo, &x_hi);
    range_in_turn(a, k, &(Load){.at = y}, &y_lo, &y_hi);
    return x_hi < y_lo || y_hi < x_lo;
}
