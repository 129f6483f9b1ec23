/* SPDX-License-Identifier: MIT */
/* plan_case.h: plans of graphs that are written down, to be broken and shown to the verifier. Included by one test file each; they are
 * in `arena`, which main makes and frees. */
#ifndef TEST_PLAN_CASE_H
#define TEST_PLAN_CASE_H

#include "read_graph.h"

#include "kernels/verify.h"

static Arena *arena;

static const char conv[] = "func f(x: f32[20, 9, 3] input 0, w: f32[3, 3, 8] param 0) { %1 = conv(x, w) "
                           "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] "
                           "rhs_dilation=[1] groups=1 return output 0 y = %1 }";
static const char twins[] = "func f(x: f32[9, 40] input 0) { %1 = exp(x) %2 = mul(%1, x) return output 0 y = %1, output 1 z = %2 }";

static inline Fn *fn_of(const char *text, Diag **d)
{
    *d = diag_new(arena);
    return read_graph_for(arena, *d, text);
}

static inline Plan *plan_for(const char *text, const Target *target)
{
    Diag *d;
    const Fn *fn = fn_of(text, &d);
    return lower(arena, d, fn, target);
}

static inline Plan *plan_of(const char *text)
{
    return plan_for(text, target_find("generic"));
}

/* Everything that can be split is. */
static inline Plan *split_plan(const char *text)
{
    Target *target = arena_dup(arena, target_with_threads(arena, target_find("generic"), 3), sizeof *target);
    target->threads.hand_over = 0;
    return plan_for(text, target);
}

static inline void expect(const Plan *p, const char *complaint)
{
    const char *why = plan_verify(arena, p);
    if (!why || !strstr(why, complaint)) {
        StrBuf sb = {.a = arena};
        plan_print(&sb, p);
        fail_msg("expected \"%s\", not \"%s\"\n%s", complaint, why ? why : "(no complaint)", sb_text(&sb));
    }
}

static inline Stage *stage(const Plan *p, int kernel, int i)
{
    return p->kernels.at[kernel]->stages.at[i];
}

static inline Item *item(const Plan *p, int kernel, int i)
{
    return &stage(p, kernel, i)->items.at[0];
}

/* The first arena buffer that is used, counted from 0. */
static inline Buffer *stored(const Plan *p, int i)
{
    for (int k = 0; k < p->buffers.n; k++)
        if (p->buffers.at[k]->kind == BUFFER_ARENA && !p->buffers.at[k]->alias &&
            p->buffers.at[k]->first >= 0 && i-- == 0)
            return p->buffers.at[k];
    fail_msg("too few buffers");
    return NULL;
}

#endif
