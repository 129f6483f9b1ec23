/* SPDX-License-Identifier: MIT */
/* Several memories: everything lies in one, nothing on top of another, and who moves something is found out. */
#include "compiler/commands/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct Placed {
    Arena *a;
    Module *m;
    ModulePlans plans;
    const Placement *placement;
    const char *why;
} Placed;

static Placed placed(const char *path, int64_t batch, const char *memories)
{
    Placed p = {.a = arena_new()};
    Diag *d = diag_new(p.a);
    ElaborateOptions options = {.batch = 1, .train_batch = batch, .train = true};
    const char *why;
    p.m = pipeline_module(p.a, d, path, &options, NULL, NULL);
    assert_non_null(p.m);
    p.plans = module_plans(p.a, d, p.m, target_find("cortex-m4f"), NULL);
    const Memories *all = memories_read(p.a, memories, &why);
    assert_non_null(all);
    p.placement = memories_place(p.a, p.m, all, &p.plans, false, true, &p.why);
    return p;
}

/* Recounts what place.c counted, from what it left behind. */
static void check_sums(const Placed *p)
{
    const Plan *const all[] = {p->plans.train_step, p->plans.infer, p->plans.evaluate, p->plans.init};
    int64_t kept[MAX_MEMORIES] = {0}, arena[MAX_MEMORIES] = {0}, entries = 0;
    const Placement *to = p->placement;
    for (int i = 0; i < to->nkept; i++) {
        kept[to->kept[i].memory] += to->kept[i].bytes;
        entries += to->kept[i].role != ROLE_STEP;
    }
    assert_int_equal(entries, p->m->params.n + p->m->states.n + p->m->streams.n + p->m->optimizer.n);
    for (int i = 0; i < LEN(all); i++)
        for (int k = 0; k < all[i]->buffers.n; k++) {
            const Buffer *b = all[i]->buffers.at[k];
            if (b->kind != BUFFER_ARENA || b->alias || b->first < 0)
                continue;
            int64_t end = b->offset + type_bytes(b->type);
            arena[b->memory] = end > arena[b->memory] ? end : arena[b->memory];
        }
    for (int r = 0; r < to->memories->n; r++) {
        assert_int_equal(kept[r], to->kept_bytes[r]);
        assert_true(arena[r] <= to->arena_bytes[r]);
        assert_true(kept[r] + to->arena_bytes[r] <= to->memories->at[r].bytes);
    }
}

static void everything_has_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t batch;
        const char *memories;
    } cases[] = {
        {"dsl_examples/small_cnn.dl", 2, "ccm=64K@1,sram=128K@1"},
        {"dsl_examples/small_cnn.dl", 8, "tcm=16K,sram=64K,psram=8M@20"},
        {"dsl_examples/mlp.dl", 4, "sram=256K,psram=8M"},
        {"dsl_examples/gru_attention.dl", 4, "sram=128K,psram=32M"},
        {"tests/differential/memories.dl", 4, "a=8K,b=8K,c=8K,d=8K"},
    };
    for (int i = 0; i < LEN(cases); i++) {
        Placed p = placed(cases[i].path, cases[i].batch, cases[i].memories);
        if (!p.placement)
            fail_msg("%s: %s", cases[i].path, p.why);
        check_sums(&p);
        arena_free(p.a);
    }
}

/* More room is never slower. */
static void larger_memories_cost_no_more(void **state)
{
    (void)state;
    static const char *const memories[] = {"fast=8K@1,slow=1M@10", "fast=16K@1,slow=1M@10", "fast=32K@1,slow=1M@10",
                                           "fast=128K@1,slow=1M@10", "fast=1M@1,slow=1M@10"};
    double before = -1;
    for (int i = 0; i < LEN(memories); i++) {
        Placed p = placed("dsl_examples/small_cnn.dl", 2, memories[i]);
        assert_non_null(p.placement);
        double slow = p.placement->accesses[1];
        assert_true(before < 0 || slow < before);
        before = slow;
        arena_free(p.a);
    }
    assert_true(before == 0);
}

/* What a fault does to a plan; false where it cannot. */
static bool to_another_memory(Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        int64_t end = b->offset + type_bytes(b->type);
        if (b->kind == BUFFER_ARENA && !b->alias && b->first >= 0 && end > p->memory_bytes[!b->memory]) {
            b->memory = !b->memory;
            return true;
        }
    }
    return false;
}

static bool to_no_memory(Plan *p)
{
    p->buffers.at[0]->memory = p->memories->n;
    return true;
}

static bool onto_another(Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++)
        for (int k = 0; k < p->buffers.n; k++) {
            Buffer *x = p->buffers.at[i], *y = p->buffers.at[k];
            if (x == y || x->kind != BUFFER_ARENA || y->kind != BUFFER_ARENA || x->alias || y->alias || x->first < 0 || y->first < 0)
                continue;
            if (x->memory == y->memory || x->first > y->last || y->first > x->last)
                continue;
            x->memory = y->memory;      /* at the place of one that is alive with it */
            x->offset = y->offset;
            return true;
        }
    return false;
}

static void faults_are_found(void **state)
{
    (void)state;
    bool (*const faults[])(Plan *p) = {to_another_memory, to_no_memory, onto_another};
    for (int i = 0; i < LEN(faults); i++) {
        Placed p = placed("dsl_examples/small_cnn.dl", 2, "fast=32K@1,slow=160K@3");
        assert_non_null(p.placement);
        assert_null(plan_verify(p.a, p.plans.train_step));
        assert_true(faults[i](p.plans.train_step));
        assert_non_null(plan_verify(p.a, p.plans.train_step));
        arena_free(p.a);
    }
    Placed p = placed("dsl_examples/small_cnn.dl", 2, "fast=32K@1,slow=160K@3");
    Plan *const all[] = {p.plans.train_step};
    assert_null(placement_verify(p.a, p.placement, all, 1));
    p.placement->kept[0].bytes += 1 << 20;
    assert_non_null(placement_verify(p.a, p.placement, all, 1));
    arena_free(p.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_a_place),
        cmocka_unit_test(larger_memories_cost_no_more),
        cmocka_unit_test(faults_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
