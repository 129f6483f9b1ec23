/* SPDX-License-Identifier: MIT */
/* verify_parts.c: does each turn of a loop touch a part of a tensor that no other turn does? Shares no code with by_turns.c. */
#include "verify.h"

typedef struct Parts {
    Arena *a;
    const Var *time;            /* of the loop */
    const Buffer *root, *value; /* a storage; or, where root is NULL, one of the values that lie there */
    int64_t part;               /* elements of it that a turn has; 0: nothing was touched yet */
    bool apart;
} Parts;

bool lies_in_part(Arena *a, const Var *time, const Lin *at, int64_t part, const Guard *guard, int nguard)
{
    const Lin *rest = lin_without(a, at, time);
    return lin_factor(at, time) == part && !lin_uses(rest, time) && index_in_range(a, rest, guard, nguard, part);
}

static void look_at(Parts *x, Buffer *b, const Lin *at, const Guard *guard, int nguard)
{
    if (x->root ? buffer_root(b) != x->root : b != x->value)
        return;
    x->part = x->part ? x->part : lin_factor(at, x->time);
    x->apart &= x->part > 0 && lies_in_part(x->a, x->time, at, x->part, guard, nguard);
}

static void look_at_load(void *context, const Load *load)
{
    look_at(context, load->buffer, load->at, load->guard, load->nguard);
}

static void look_at_stage(Parts *x, const Stage *s)
{
    if (s->tile) {
        Guard guard[MAX_K];
        int nguard = tap_guards(x->a, s->tile, guard);
        look_at(x, s->tile->a, operand_index(x->a, s->tile, 0), guard, nguard);
        look_at(x, s->tile->b, operand_index(x->a, s->tile, 1), guard, nguard);
    }
    for (int j = 0; j < s->items.n; j++) {
        const Item *item = &s->items.at[j];
        if (item->value)
            visit_loads(x->a, item->value, look_at_load, x);
        visit_index_loads(x->a, item->at, look_at_load, x);
        if (item->buffer)
            look_at(x, item->buffer, store_index(x->a, s, item), NULL, 0);
    }
}

static void look_at_kernel(Parts *x, const Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++)
        look_at_stage(x, k->stages.at[i]);
}

static void look_at_steps(Parts *x, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN)
            look_at_steps(x, steps[i]->body.at, steps[i]->body.n);
        else
            look_at_kernel(x, steps[i]->kernel);
}

bool turns_have_parts(Arena *a, const Step *loop, const Buffer *root)
{
    Parts x = {.a = arena_inner(a), .time = loop->time, .root = root, .apart = true};
    look_at_steps(&x, loop->body.at, loop->body.n);
    arena_free(x.a);
    return x.apart;
}

int64_t part_of_turn(Arena *a, const Kernel *k, const Buffer *value, const Var *time)
{
    Parts x = {.a = arena_inner(a), .time = time, .value = value, .apart = true};
    look_at_kernel(&x, k);
    arena_free(x.a);
    return x.apart ? x.part : 0;
}
