/* SPDX-License-Identifier: MIT */
/* test_groups.c: tiles of convolutions in groups: of one group, and of several that fill a vector. */
#include "plan_case.h"

static const char two_a_channel[] = "func f(x: f32[2, 8, 8, 16] input 0, w: f32[3, 3, 1, 32] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] "
                                    "pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=16 return output 0 y = %1 }";

/* Each group of columns has channels of its own on the left; a tile has columns of one. */
static void tiles_of_groups(void **state)
{
    (void)state;
    static const struct {
        int64_t groups, inside, outside;    /* channels of a group */
        int lanes;
    } rows[] = {{8, 6, 8, 8}, {3, 8, 48, 16}, {16, 3, 4, 4}, {4, 6, 5, 1}, {8, 1, 3, 1}};
    const Target *target = target_find("x86-64-v4");
    for (int i = 0; i < LEN(rows); i++) {
        const char *text = arena_printf(arena, "func f(x: f32[2, 9, %d] input 0, w: f32[3, %d, %d] param 0) { %%1 = conv(x, w) stride=[1] pad_lo=[1] "
                                        "pad_hi=[1] lhs_dilation=[1] rhs_dilation=[1] groups=%d return output 0 y = %%1 }",
                                        (int)(rows[i].groups * rows[i].inside), (int)rows[i].inside, (int)(rows[i].groups * rows[i].outside),
                                        (int)rows[i].groups);
        Plan *p = plan_for(text, target);
        assert_int_equal(stage(p, 0, 0)->kind, STAGE_TILE);
        Tile *t = stage(p, 0, 0)->tile;
        assert_int_equal(t->group, rows[i].outside);
        assert_int_equal(t->a_group, rows[i].inside);
        assert_int_equal(t->schedule.lanes, rows[i].lanes);
        assert_int_equal(rows[i].outside % (t->schedule.lanes * t->schedule.columns), 0);
        t->schedule.columns = (int)(2 * rows[i].outside / t->schedule.lanes);
        expect(p, "the tile has columns of two groups");
        p = plan_for(text, target);
        stage(p, 0, 0)->tile->a_group++;
        expect(p, "tile reads x outside");
    }
}

/* Vectors of several groups of a channel each, where these fill them. */
static void repeated_channels(void **state)
{
    (void)state;
    Plan *p = plan_for(two_a_channel, target_find("x86-64-v4"));
    Tile *t = stage(p, 0, 0)->tile;
    assert_true(tile_spans_groups(t));
    assert_int_equal(t->schedule.lanes, 16);
    t->schedule.unroll = 3;
    expect(p, "the tile's vectors do not end with a group");
    p = plan_for(two_a_channel, target_find("x86-64-v4"));
    stage(p, 0, 0)->tile->schedule.lanes = 4;
    expect(p, "the tile has columns of two groups");
    assert_false(tile_spans_groups(stage(plan_for(two_a_channel, target_find("x86-64")), 0, 0)->tile));      /* vectors of 4: of two channels */
}

/* A convolution of groups of so many channels, and the gradient of its kernel. */
static Plan *groups_for(const Target *target, int channels)
{
    return plan_for(arena_printf(arena, "func f(x: f32[2, 9, 11, 32] input 0, w: f32[3, 3, %d, 32] param 0, d: f32[2, 9, 11, 32] input 1) { "
                                        "%%1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=%d "
                                        "%%2 = reshape(x) : f32[2, 9, 11, %d, %d] %%3 = permute(%%2) axes=[4, 1, 2, 3, 0] %%4 = reshape(%%3) : f32[%d, 9, 11, %d] "
                                        "%%5 = permute(d) axes=[1, 2, 0, 3] %%6 = conv(%%4, %%5) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] "
                                        "rhs_dilation=[1, 1] groups=%d return output 0 y = %%1, output 1 z = %%6 }",
                                 channels, 32 / channels, 32 / channels, channels, channels, 64 / channels, 32 / channels), target);
}

/* Vectors of several groups: the channels of a group are steps that are written out, with the taps along the rows inside, or all rows. */
static void vectors_of_groups(void **state)
{
    (void)state;
    const Target *v4 = target_find("x86-64-v4");
    Target exact = *v4;
    exact.deterministic = true;
    for (int channels = 2; channels <= 16; channels *= 2) {
        Plan *p = groups_for(v4, channels);
        const Tile *t = stage(p, 0, 0)->tile, *gradient = stage(p, 1, 0)->tile;
        assert_int_equal(t->schedule.lanes, 16);
        assert_int_equal(tile_spans_groups(t), channels < 16);
        assert_int_equal(t->by_channel, channels < 16 ? 1 : 2);
        assert_int_equal(t->schedule.unroll, channels < 16 ? 3 * channels : 1);
        assert_int_equal(tile_spans_groups(gradient), channels < 16);
        assert_int_equal(gradient->by_channel, -1);
        assert_int_equal(gradient->schedule.rows, channels < 16 ? channels : gradient->schedule.rows);
        assert_int_equal(stage(groups_for(&exact, channels), 0, 0)->tile->schedule.unroll, channels < 16 ? channels : 1);
        assert_int_equal(tile_spans_groups(stage(groups_for(target_find("aarch64"), channels), 0, 0)->tile), channels < 4);
    }
    Plan *p = groups_for(v4, 4);
    stage(p, 0, 0)->tile->schedule.unroll = 3;
    expect(p, "the tile's vectors do not have one channel of each group");
    p = groups_for(v4, 4);
    stage(p, 0, 0)->tile->by_channel = 2;
    expect(p, "the tile's vectors do not have one channel of each group");
    p = groups_for(v4, 4);
    stage(p, 1, 0)->tile->a_m = 2;
    expect(p, "the tile's vectors do not have one channel of each group");
    p = groups_for(v4, 8);
    stage(p, 0, 0)->tile->channels = 4;
    expect(p, "the tile has columns of two groups");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_of_groups),
        cmocka_unit_test(repeated_channels),
        cmocka_unit_test(vectors_of_groups),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
