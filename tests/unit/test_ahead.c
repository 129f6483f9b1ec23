/* SPDX-License-Identifier: MIT */
/* test_ahead.c: what tiles of a loop over parts of a batch fetch of the next turn's: all of what is far and nothing else, as often as
 * there are tiles, and no more at a time than comes meanwhile; that such code is right, and that the verifier of plans notices what it has
 * no address of. */
#include "compare.h"

static Arena *arena;

/* A normalization between two convolutions: y is stored in one loop and wanted in the next one, forwards or backwards. */
static const char layers[] =
    "func f(x: f32[8, 32, 32, 16] input 0, w: f32[3, 3, 16, 16] input 1, v: f32[3, 3, 16, 16] input 2) { "
    "%3 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 "
    "%4 = sum(%3) axes=[0, 1, 2] : f32[16] %5 = broadcast(%4) axes=[3] : f32[8, 32, 32, 16] "
    "%6 = sub(%3, %5) "
    "%7 = conv(%6, v) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 "
    "return output 0 z = %7 }";

/* The same in front of a sum over all positions. */
static const char positions[] =
    "func f(x: f32[8, 32, 32, 16] input 0, w: f32[3, 3, 16, 16] input 1) { "
    "%2 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 "
    "%3 = sum(%2) axes=[0, 1, 2] : f32[16] %4 = broadcast(%3) axes=[3] : f32[8, 32, 32, 16] "
    "%5 = sub(%2, %4) %6 = neg(%5) "
    "%7 = dot(x, %6) contract=[0, 1, 2]/[0, 1, 2] "
    "return output 0 g = %7 }";

/* A machine whose second cache holds a sixth of what two examples need. */
static Target machine(const char *name, int64_t l2)
{
    Target t = *target_find(name);
    t.l2 = l2;
    return t;
}

/* The last loop of a plan whose tiles fetch, or NULL. */
static const Step *fetching(const Plan *p)
{
    const Step *found = NULL;
    for (int i = 0; i < p->steps.n; i++)
        for (int j = 0; p->steps.at[i]->kind == STEP_SCAN && j < p->steps.at[i]->body.n; j++) {
            const Tile *t = kernel_tile(p->steps.at[i]->body.at[j]->kernel);
            found = t && t->ahead.n ? p->steps.at[i] : found;
        }
    return found;
}

static Tile *fetching_tile(const Step *loop)
{
    for (int j = 0; j < loop->body.n; j++) {
        const Stage *s = loop->body.at[j]->kernel->stages.at[0];
        if (s->tile && s->tile->ahead.n)
            return s->tile;
    }
    fail_msg("no tile fetches");
    return NULL;
}

static void all_of_the_next_turn(void **state)
{
    (void)state;
    const Target small = machine("x86-64-v4", 512 << 10);
    const Plan *p = lower(arena, NULL, read_graph(arena, layers), &small);
    assert_null(plan_verify(arena, p));
    const Step *loop = fetching(p);
    assert_non_null(loop);
    const Tile *t = fetching_tile(loop);
    const int64_t turns = loop->time->extent, floats = 8 * 32 * 32 * 16 / turns;
    assert_int_equal(t->ahead.n, 1);
    const Ahead *ahead = &t->ahead.at[0];
    assert_int_equal(lin_factor(ahead->at, loop->time), floats);
    assert_int_equal(ahead->at->constant, loop->reverse ? -floats : floats);
    assert_in_range(ahead->lines, 1, 8);
    /* rows of 32 positions are two tiles of 16; three taps of the first loop over k */
    int64_t tiles = 8 / turns * 32 * (32 / t->schedule.rows) * (16 / (t->schedule.lanes * t->schedule.columns));
    assert_int_equal(ahead_times(t), 3);
    const int64_t fetched = tiles * 3 * ahead->lines * LINE;
    assert_in_range(fetched, floats, 2 * floats);
}

static void step_by_step(void **state)
{
    (void)state;
    const Target small = machine("x86-64-v4", 512 << 10);
    const Plan *p = lower(arena, NULL, read_graph(arena, positions), &small);
    assert_null(plan_verify(arena, p));
    const Step *loop = fetching(p);
    assert_non_null(loop);
    const Tile *t = fetching_tile(loop);
    const int64_t floats = 8 * 32 * 32 * 16 / loop->time->extent;
    int each = 0;
    for (int i = 0; i < t->ahead.n; i++) {
        const Ahead *ahead = &t->ahead.at[i];
        assert_int_equal(ahead->lines, 0);
        assert_in_range(ahead->floats, 1, LINE);
        assert_int_equal(lin_factor(ahead->at, loop->time), floats);
        assert_int_equal(ahead_floats(t, ahead), ahead->floats * floats / 16);
        each += ahead->floats;
    }
    assert_in_range(each, 1, LINE);
}

static void nothing_that_is_near(void **state)
{
    (void)state;
    const Target large = machine("x86-64-v4", 64 << 20), scalar = machine("generic", 512 << 10);
    assert_null(fetching(lower(arena, NULL, read_graph(arena, layers), &large)));
    assert_null(fetching(lower(arena, NULL, read_graph(arena, layers), &scalar)));
}

static void same_values(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    Target small = *target_find("native");
    small.l2 = 512 << 10;
    if (small.lanes > 1)
        assert_non_null(fetching(lower(arena, NULL, read_graph(arena, layers), &small)));
    Case *c[] = {case_new(arena, "fetching ahead", read_graph(arena, layers), 0), case_new(arena, "step by step", read_graph(arena, positions), 0)};
    assert_int_equal(check_cases(arena, c, 2, "ahead", &small, jit_cc), 0);
}

static void verified(void **state)
{
    (void)state;
    const Target small = machine("x86-64-v4", 512 << 10);
    Plan *p = lower(arena, NULL, read_graph(arena, layers), &small);
    const Step *loop = fetching(p);
    assert_non_null(loop);
    Buffer *image = NULL;       /* of the first convolution */
    for (int i = 0; i < p->buffers.n; i++)
        image = p->buffers.at[i]->name && !strcmp(p->buffers.at[i]->name, "x") ? p->buffers.at[i] : image;
    assert_non_null(image);
    fetching_tile(loop)->ahead.at[0].buffer = image;
    const char *why = plan_verify(arena, p);
    assert_non_null(why);
    assert_non_null(strstr(why, "which is no argument"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_the_next_turn),
        cmocka_unit_test(step_by_step),
        cmocka_unit_test(nothing_that_is_near),
        cmocka_unit_test(same_values),
        cmocka_unit_test(verified),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
