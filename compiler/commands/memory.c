/* SPDX-License-Identifier: MIT */
/* memory.c: `--memory`: several memories, and what of a model lies in which. */
#include "memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- the option ------------------------------------------------------------------------------------ */
static bool is_name(Arena *a, const char *name)
{
    static const char *const taken[] = {"init", "start", "infer", "train_step", "evaluate"};   /* functions are called so */
    for (int i = 0; i < LEN(taken); i++)
        if (str_eq(name, taken[i]))
            return false;
    return isalpha((unsigned char)*name) && str_eq(c_identifier(a, name), name);
}

/* NAME=SIZE or NAME=SIZE@CYCLES; NULL, or what is wrong. */
static const char *read_memory(Arena *a, Memories *all, const char *text)
{
    const char *equals = strchr(text, '='), *at = strchr(text, '@');
    if (!equals || (at && at < equals))
        return "expected NAME=SIZE";
    Memory m = {.name = arena_strndup(a, text, (size_t)(equals - text)), .cycles = all->n + 1};
    if (!read_bytes(at ? arena_strndup(a, equals + 1, (size_t)(at - equals - 1)) : equals + 1, &m.bytes))
        return "expected bytes behind =, as 65536, 64K or 1M";
    if (at) {
        char *end;
        m.cycles = strtod(at + 1, &end);
        if (end == at + 1 || *end || !(m.cycles > 0 && m.cycles < 1e9))
            return "expected cycles behind @";
    }
    if (!is_name(a, m.name))
        return "a memory's name is a word that C and generated files do not use themselves";
    for (int i = 0; i < all->n; i++)
        if (str_eq(all->at[i].name, m.name))
            return "this memory is there twice";
    if (all->n == MAX_MEMORIES)
        return "at the most eight memories";
    all->at[all->n++] = m;
    return NULL;
}

/* The fastest first, as many as there are of one speed in their order. */
static void sort_memories(Memories *all)
{
    for (int i = 1; i < all->n; i++)
        for (int k = i; k > 0 && all->at[k].cycles < all->at[k - 1].cycles; k--) {
            Memory slower = all->at[k - 1];
            all->at[k - 1] = all->at[k];
            all->at[k] = slower;
        }
}

const Memories *memories_read(Arena *a, const char *text, const char **why)
{
    Memories *all = NEW(a, Memories);
    *why = NULL;
    while (!*why) {
        size_t n = strcspn(text, ",");
        *why = read_memory(a, all, arena_strndup(a, text, n));
        if (!text[n])
            break;
        text += n + 1;
    }
    sort_memories(all);
    return *why ? NULL : all;
}

/* ---- a module -------------------------------------------------------------------------------------- */
typedef VEC(KeptTensor) KeptList;

static void add_kept(Arena *a, KeptList *list, Role role, const Entry *entry, int n, int64_t batch)
{
    for (int i = 0; i < n; i++) {
        int64_t bytes = type_bytes(entry[i].type) * (entry[i].batched ? batch : 1);
        vec_push(a, list, ((KeptTensor){.role = role, .index = i, .name = entry[i].name, .bytes = (bytes + 3) / 4 * 4}));
    }
}

static KeptList kept_of(Arena *a, const Module *m, bool baked, bool train)
{
    KeptList list = {0};
    if (!baked) {
        add_kept(a, &list, ROLE_PARAM, m->params.at, m->params.n, 1);
        add_kept(a, &list, ROLE_STATE, m->states.at, m->states.n, 1);
    }
    add_kept(a, &list, ROLE_STREAM, m->streams.at, m->streams.n, m->batch);
    if (train) {
        add_kept(a, &list, ROLE_OPTIMIZER, m->optimizer.at, m->optimizer.n, 1);
        vec_push(a, &list, ((KeptTensor){.role = ROLE_STEP, .name = "step", .bytes = 24}));   /* with a seed, aligned */
    }
    return list;
}

/* An input or so that is called like a memory, or NULL. */
static const char *argument_of(Arena *a, const Module *m, const char *name)
{
    const struct {
        const Entry *entry;
        int n;
    } lists[] = {{m->inputs.at, m->inputs.n}, {m->outputs.at, m->outputs.n}, {m->targets.at, m->targets.n}};
    for (int i = 0; i < LEN(lists); i++)
        for (int k = 0; k < lists[i].n; k++)
            if (str_eq(c_identifier(a, lists[i].entry[k].name), name))
                return lists[i].entry[k].name;
    return NULL;
}

const Placement *memories_place(Arena *a, const Module *m, const Memories *memories, const ModulePlans *plans, bool baked, bool train,
                                const char **why)
{
    Plan *const order[] = {train ? plans->train_step : plans->infer, train ? plans->infer : NULL, plans->start, plans->gradients, plans->evaluate,
                           plans->init};
    Plan *all[LEN(order)];
    int n = 0;
    for (int i = 0; i < memories->n; i++)
        if (argument_of(a, m, memories->at[i].name)) {
            *why = arena_printf(a, "the model has a tensor that is called %s too", memories->at[i].name);
            return NULL;
        }
    for (int i = 0; i < LEN(order); i++)
        if (order[i])
            all[n++] = order[i];
    KeptList kept = kept_of(a, m, baked, train);
    Placement *placement = place_tensors(a, memories, all, n, kept.at, kept.n, why);
    const char *wrong = placement ? placement_verify(a, placement, all, n) : NULL;
    for (int i = 0; placement && i < n && !wrong; i++)
        wrong = plan_verify(a, all[i]);
    if (wrong)
        BUG("an unsound placement: %s", wrong);
    return placement;
}
