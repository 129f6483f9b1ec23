/* SPDX-License-Identifier: MIT */
/* test_ranges.c: which loops of element work are made in ranges, so that no guard is left in them, and what stands in a kernel with such
 * work. What they compute is for test_kernels. */
#include "read_graph.h"

#include <string.h>

#include "kernels/verify.h"

static Arena *arena;

static Plan *plan_of(const char *text, const char *target)
{
    Diag *d = diag_new(arena);
    Plan *p = lower(arena, d, read_graph_for(arena, d, text), target_find(target));
    assert_null(plan_verify(arena, p));
    return p;
}

static int count_guards(const Ex *e)
{
    int n = e->nguard;
    for (int i = 0; i < e->part.n; i++)
        n += count_guards(e->part.at[i]);
    return n;
}

static int guards_in(const Plan *p)
{
    int n = 0;
    for (int i = 0; i < p->kernels.n; i++)
        for (int j = 0; j < p->kernels.at[i]->stages.n; j++)
            for (int k = 0; k < p->kernels.at[i]->stages.at[j]->items.n; k++)
                n += count_guards(p->kernels.at[i]->stages.at[j]->items.at[k].value);
    return n;
}

/* The gradient of a pooling, window by window, put back where the windows are. */
#define PUT_BACK(windows, size, stride, extent, channels) \
    "func f(x: f32[2, " #windows ", " #size ", " #windows ", " #size ", " #channels "] input 0) { " \
    "%1 = exp(x) %2 = fold(%1) axis=3 size=" #size " stride=" #stride " dilation=1 extent=" #extent \
    " %3 = fold(%2) axis=1 size=" #size " stride=" #stride " dilation=1 extent=" #extent
#define ALONE " return output 0 y = %3 }"
#define WITH_SUM " %4 = sum(%3) axes=[1, 2] return output 0 y = %3, output 1 s = %4 }"
#define POOLED(extent, channels, stride) \
    "func f(x: f32[2, " #extent ", " #extent ", " #channels "] input 0) { " \
    "%1 = pad(x) lo=[0, 1, 1, 0] hi=[0, 1, 1, 0] interior=[0, 0, 0, 0] value=-inf %2 = window(%1) axis=1 size=3 stride=" #stride " dilation=1 " \
    "%3 = window(%2) axis=3 size=3 stride=" #stride " dilation=1 %4 = max(%3) axes=[2, 4] "
#define PADDED(extent, channels, stride) POOLED(extent, channels, stride) "return output 0 y = %4 }"
#define SUMMED(extent, channels, stride) POOLED(extent, channels, stride) "%5 = sum(%4) axes=[1, 2] return output 0 y = %5 }"

static void cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int kernels, stages;    /* of the first kernel: by rows times by columns */
        bool guarded;           /* some guard is left */
    } rows[] = {
        {PUT_BACK(15, 3, 2, 31, 16) ALONE, 1, 4 * 4, false},        /* 0; 2 .. 28; 30; 1 .. 29. No window is stored */
        {PUT_BACK(16, 3, 2, 34, 16) ALONE, 1, 5 * 5, false},        /* 33 is in no window */
        {PUT_BACK(24, 5, 1, 28, 16) ALONE, 1, 0, true},             /* more ranges than are worth their text */
        {PUT_BACK(26, 3, 1, 28, 16) ALONE, 1, 5 * 5, false},        /* 0; 1; 2 .. 25; 26; 27 */
        {PUT_BACK(31, 3, 2, 63, 1) ALONE, 1, 4 * 4, false},         /* the innermost loop, too */
        {PUT_BACK(15, 3, 2, 31, 16) WITH_SUM, 2, 4 * 4, false},     /* a nest of its own, although rows are short */
        {PUT_BACK(5, 3, 2, 11, 16) WITH_SUM, 1, 2, true},           /* little work: one kernel */
        {PADDED(28, 16, 1), 1, 3 * 3, false},
        {PADDED(60, 1, 1), 1, 3 * 3, false},
        {PADDED(60, 16, 2), 1, 2 * 2, false},
        {SUMMED(60, 16, 2), 2, 2 * 2, false},                       /* not in the loop of the sum */
    };
    for (int i = 0; i < LEN(rows); i++) {
        const Plan *p = plan_of(rows[i].text, "x86-64-v4");
        StrBuf sb = {.a = arena};
        plan_print(&sb, p);
        if (p->kernels.n != rows[i].kernels || (rows[i].stages && p->kernels.at[0]->stages.n != rows[i].stages) ||
            (guards_in(p) > 0) != rows[i].guarded)
            fail_msg("row %d: %d kernels, %d stages, %d guards\n%s", i, p->kernels.n, p->kernels.at[0]->stages.n, guards_in(p), sb_text(&sb));
    }
}

static void whole(void **state)
{
    (void)state;
    const Plan *p = plan_of(PUT_BACK(15, 3, 2, 31, 16) ALONE, "generic");
    assert_int_equal(p->kernels.at[p->kernels.n - 1]->stages.n, 1);     /* without vectors guards do no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut),
        cmocka_unit_test(whole),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
