/* SPDX-License-Identifier: MIT */
/* test_plan_tiles.c: tiles with one thing wrong are shown to the verifier; and what becomes a tile, a square or a pack. */
#include "plan_case.h"

static const char conv_of_one[] = "func f(x: f32[1, 9, 3] input 0, w: f32[3, 3, 8] param 0) { %1 = conv(x, w) "
                           "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] "
                           "rhs_dilation=[1] groups=1 return output 0 y = %1 }";
static const char small_image[] = "func f(x: f32[1, 3, 3, 3] input 0, w: f32[3, 3, 3, 8] param 0) { %1 = conv(x, w) "
                                  "stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] "
                                  "rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char few_filters[] = "func f(x: f32[2, 8, 8, 32] input 0, w: f32[3, 3, 32, 3] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] "
                                  "pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char few_of_permuted[] = "func f(x: f32[32, 64] input 0, w: f32[32, 3] param 0) { %1 = permute(x) axes=[1, 0] "
                                      "%2 = dot(%1, w) contract=[1]/[0] return output 0 y = %2 }";
static const char three_columns[] = "func f(x: f32[40, 3] input 0, b: f32[3] param 0) { %1 = broadcast(b) axes=[1] : f32[40, 3] %2 = add(x, %1) "
                                    "%3 = exp(%2) return output 0 y = %3 }";
static const char eight_columns[] = "func f(x: f32[40, 8] input 0, b: f32[8] param 0) { %1 = broadcast(b) axes=[1] : f32[40, 8] %2 = add(x, %1) "
                                    "%3 = exp(%2) return output 0 y = %3 }";
static const char three_chosen[] = "func f(x: f32[40, 3] input 0, y: f32[40, 3] input 1, z: f32[40, 3] input 2) { %1 = lt(x, y) : bool[40, 3] "
                                   "%2 = select(%1, y, z) : f32[40, 3] return output 0 y = %2 }";
static const char wide_conv[] = "func f(x: f32[1, 7, 7, 512] input 0, w: f32[3, 3, 512, 512] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] "
                                "pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char wide_conv_of_four[] = "func f(x: f32[4, 7, 7, 512] input 0, w: f32[3, 3, 512, 512] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] "
                                        "pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char biased[] = "func f(x: f32[8, 6] input 0, w: f32[6, 4] param 0, b: f32[4] param 1) { %1 = dot(x, w) contract=[1]/[0] "
                             "%2 = broadcast(b) axes=[1] : f32[8, 4] %3 = add(%1, %2) return output 0 y = %3 }";
static const char spread[] = "func f(x: f32[2, 3, 3, 64] input 0, w: f32[3, 3, 64, 64] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[2, 2] "
                             "pad_hi=[2, 2] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char masked[] = "func f(x: f32[8, 6] input 0, w: f32[6, 4] param 0, z: f32[8, 4] input 1, p: f32[8, 4] param 1) { "
                             "%1 = dot(x, w) contract=[1]/[0] %2 = const() value=0 : f32 %3 = broadcast(%2) axes=[] : f32[8, 4] %4 = lt(%3, z) %5 = select(%4, %1, %3) "
                             "return param 1 p = %5 }";
static const char turned[] = "func f(x: f32[3, 16, 24] input 0) { %1 = permute(x) axes=[0, 2, 1] return output 0 y = %1 }";
static const char attention[] =
    "func f(q: f32[2, 40, 8] input 0, k: f32[2, 8, 90] input 1, v: f32[2, 90, 8] input 2) { "
    "%1 = dot(q, k) batch=[0]/[0] contract=[2]/[1] %2 = max(%1) axes=[2] "
    "%3 = broadcast(%2) axes=[0, 1] : f32[2, 40, 90] %4 = sub(%1, %3) %5 = exp(%4) "
    "%6 = dot(%5, v) batch=[0]/[0] contract=[2]/[1] return output 0 y = %6 }";
/* One row and five by the same matrix, whose columns lie apart. */
static const char shared_matrix[] =
    "func f(x: f32[5, 8] input 0, m: f32[3, 8, 8] input 1, h: f32[1, 8] input 2) { "
    "%1 = scan(h, m, x) carries=1 slices=1 yields=1 length=3 "
    "body=func b(h: f32[1, 8] carry 0, m: f32[8, 8] slice 0, x: f32[5, 8] invariant 0) { "
    "%2 = dot(h, m) contract=[1]/[1] %3 = dot(x, m) contract=[1]/[1] return carry 0 h = %2, yield 0 y = %3 } "
    "%4 = result(%1) index=0 : f32[1, 8] %5 = result(%1) index=1 : f32[3, 5, 8] return output 0 h = %4, output 1 y = %5 }";

static void wrong_tiles(void **state)
{
    (void)state;
    Plan *p = plan_of(conv);
    assert_int_equal(stage(p, 0, 0)->kind, STAGE_TILE);
    stage(p, 0, 0)->tile->k[0].tap.pad++;
    expect(p, "tile reads");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->k[0].tapped = false;
    expect(p, "tile reads");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->b_at = lin_const(arena, 1);
    expect(p, "tile reads w outside");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.columns = 100;
    expect(p, "wider than the result");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->c_m--;
    expect(p, "y");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule = (TileSchedule){.rows = 1, .lanes = 1, .columns = 1, .panel_tiles = 1, .k_split = 1, .k_block = 2, .unroll = 1};
    expect(p, "blocks of k do not end with the loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    expect(p, "blocks of k stand around no loops");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 1;
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    expect(p, "a panel holds a block of k that has taps");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    stage(p, 0, 0)->tile->schedule.columns = 3;
    expect(p, "blocks of k are added twice to some columns");
    p = plan_of(conv_of_one);
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1 + stage(p, 0, 0)->tile->by_row;
    expect(p, "a block of k has some of the taps that hang on the rows");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 3;
    expect(p, "panels do not end with the columns");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 1;
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->b_at = lin_var(arena, p->kernels.at[0]->outer[1]);
    expect(p, "a panel is not the same in the loop over i1");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.prefetch = FETCH_COLUMNS;
    expect(p, "columns are fetched in turns of a loop over rows");
    Target small = *target_find("x86-64-v4");
    small.l2 = 256 << 10;
    p = plan_for(wide_conv, &small);
    assert_int_equal(stage(p, 0, 0)->tile->schedule.prefetch, FETCH_COLUMNS);
    stage(p, 0, 0)->tile->schedule.prefetch = FETCH_BLOCK;
    assert_null(plan_verify(arena, p));
    stage(p, 0, 0)->tile->k[stage(p, 0, 0)->tile->nk - 1].b--;
    expect(p, "a block is fetched whose rows follow one another");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.prefetch = FETCH_ROWS;
    expect(p, "rows are fetched along one loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.prefetch = FETCH_RESULT;
    stage(p, 0, 0)->tile->schedule.lanes = 1;
    expect(p, "lines of the result are fetched where each is stored once");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->turn = p->kernels.at[0]->outer[0];
    expect(p, "steps that run backwards want one loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.unroll = 5;
    expect(p, "steps that are written out do not end with the loop");
    p = plan_of(conv_of_one);
    Tile *t = stage(p, 0, 0)->tile;
    assert_true(t->by_row >= 0);
    t->forms.at[0].parts.at[0].rows ^= 1;
    expect(p, "row 0 of the tile does not have the taps it should");
    p = plan_of(conv_of_one);
    t = stage(p, 0, 0)->tile;
    t->runs.n--;
    expect(p, "tiles make 6 of 9 rows");
}

/* Columns too few for a vector: vectors run along what is summed over, in both operands. */
static void vectors_along_k(void **state)
{
    (void)state;
    const Target *v4 = target_find("x86-64-v4");
    Plan *p = plan_for(few_filters, v4);
    Tile *t = stage(p, 1, 0)->tile;     /* behind the pack of the kernel, whose filters come first */
    assert_int_equal(t->k_lanes, 16);
    assert_int_equal(t->b_n, 3 * 3 * 32);
    assert_int_equal(t->schedule.columns, 3);
    assert_int_equal(stage(plan_for(few_filters, target_find("x86-64")), 1, 0)->tile->k_lanes, 4);
    assert_int_equal(stage(plan_of(few_filters), 0, 0)->tile->k_lanes, 0);
    Target exact = *v4;
    exact.deterministic = true;
    assert_int_equal(stage(plan_for(few_filters, &exact), 0, 0)->tile->k_lanes, 0);
    t->schedule.columns = 2;
    expect(p, "vectors of k want tiles of all columns");
    p = plan_for(few_filters, v4);
    stage(p, 1, 0)->tile->k_lanes = 8;
    expect(p, "no steps of k make vectors");
    p = plan_for(few_filters, v4);
    stage(p, 1, 0)->tile->k_lanes = 0;
    expect(p, "the tile's columns do not lie side by side");
    p = plan_for(few_filters, v4);
    stage(p, 1, 0)->tile->b_n++;
    expect(p, "tile reads");
    /* what is read through a move of its last axis has no vectors there */
    p = plan_for(few_of_permuted, v4);
    assert_int_equal(stage(p, 0, 0)->tile->k_lanes, 0);
}

static Plan *conv_for(const Target *target, int stride, int channels, int groups)
{
    const char *text = arena_printf(arena, "func f(x: f32[1, 40, 37, %d] input 0, w: f32[3, 3, %d, 8] param 0) { %%1 = conv(x, w) stride=[%d, %d] "
                                    "pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=%d return output 0 y = %%1 }",
                                    channels, channels / groups, stride, stride, groups);
    return plan_for(text, target);
}

/* Two rows are a vector where all columns are half of one: of single elements in steps that follow one another, or of rows that do. */
static void rows_abreast(void **state)
{
    (void)state;
    const Target *v4 = target_find("x86-64-v4");
    Target exact = *v4;
    exact.deterministic = true;
    static const struct {
        int stride, channels, groups, abreast, exact;
    } rows[] = {{2, 3, 1, 2, 1}, {1, 2, 1, 2, 1}, {1, 8, 8, 2, 2}, {2, 8, 8, 1, 1}};
    for (int i = 0; i < LEN(rows); i++) {
        assert_int_equal(stage(conv_for(v4, rows[i].stride, rows[i].channels, rows[i].groups), 0, 0)->tile->schedule.abreast, rows[i].abreast);
        assert_int_equal(stage(conv_for(&exact, rows[i].stride, rows[i].channels, rows[i].groups), 0, 0)->tile->schedule.abreast, rows[i].exact);
        assert_int_equal(stage(conv_for(target_find("x86-64-v3"), rows[i].stride, rows[i].channels, rows[i].groups), 0, 0)->tile->schedule.abreast, 1);
    }
    Plan *p = conv_for(v4, 1, 8, 8);
    TileForm *form = &stage(p, 0, 0)->tile->forms.at[0];
    assert_int_equal(form->rows, 19);
    assert_int_equal(form->pairs, 0x2aaaa);     /* the first row has a tap less than the second */
    form->pairs = 0x15555;
    expect(p, "two rows of a vector do not have the same taps");
    form->pairs = 0x2aaaa | 1u << 18;
    expect(p, "a row is in two vectors, or in none");
    form->pairs = 0x2aaaa;
    stage(p, 0, 0)->tile->schedule.unroll = 1;
    expect(p, "rows abreast want");
    p = conv_for(v4, 1, 8, 8);
    stage(p, 0, 0)->tile->a_m = 16;
    expect(p, "rows abreast do not follow one another");
    form = &stage(conv_for(v4, 1, 2, 1), 0, 0)->tile->forms.at[0];
    assert_int_equal(form->pairs & 3, 1);       /* they come together when all has been added */
}

/* Too few columns to be vectors are written out, so that the loop around them is. */
static void written_out(void **state)
{
    (void)state;
    const Target *v4 = target_find("x86-64-v4"), *v3 = target_find("x86-64-v3");
    Plan *p = plan_for(three_columns, v4);
    assert_int_equal(loop_unroll(v4, stage(p, 0, 0), 3), 3);
    assert_int_equal(loop_unroll(target_find("generic"), stage(p, 0, 0), 3), 0);
    assert_int_equal(loop_unroll(target_compact(arena, v4), stage(p, 0, 0), 3), 0);
    p = plan_for(eight_columns, v4);
    assert_int_equal(loop_unroll(v4, stage(p, 0, 0), 8), 8);
    assert_int_equal(loop_unroll(v3, stage(p, 0, 0), 8), 0);
}

/* What C loads under a condition is not to be in a loop that compilers write out. */
static void stays_a_loop(void **state)
{
    (void)state;
    const Target *v4 = target_find("x86-64-v4");
    Plan *p = plan_for(three_chosen, v4);
    assert_int_equal(loop_unroll(v4, stage(p, 0, 0), 3), 1);
    assert_int_equal(loop_unroll(target_find("generic"), stage(p, 0, 0), 3), 1);
    assert_int_equal(loop_unroll(target_find("cortex-m4f"), stage(p, 0, 0), 3), 0);
    assert_int_equal(loop_unroll(v4, stage(p, 0, 0), 17), 0);
}

/* Rows along both axes of an image. */
static void wrong_second_axes(void **state)
{
    (void)state;
    const Target *v3 = target_find("x86-64-v3");
    Plan *p = plan_for(small_image, v3);
    Tile *t = stage(p, 0, 0)->tile;
    assert_true(t->inner && tile_inner(t) == 3 && t->by_inner >= 0);
    t->inner_form.parts.at[0].rows ^= 1;
    expect(p, "row 0 of the tile does not have the taps it should");
    p = plan_for(small_image, v3);
    stage(p, 0, 0)->tile->a_inner++;
    expect(p, "tile reads x outside");
    p = plan_for(small_image, v3);
    stage(p, 0, 0)->tile->c_inner = 0;
    expect(p, "writes elements of y more than once");
    p = plan_for(small_image, v3);
    t = stage(p, 0, 0)->tile;
    t->inner = arena_dup(arena, t->inner, sizeof *t->inner);
    expect(p, "second axis of rows is not the one behind its first");
}

/* Both tiles of an attention: what lies between them is a block of rows. */
static void wrong_chains(void **state)
{
    (void)state;
    Plan *p = plan_of(attention);
    assert_int_equal(p->kernels.n, 1);
    assert_int_equal(stage(p, 0, 3)->kind, STAGE_TILE);
    assert_true(stage(p, 0, 3)->tile->a->block && stage(p, 0, 3)->tile->a->type.dim[0] < 40);
    stage(p, 0, 3)->tile->schedule.rows--;
    expect(p, "rows are not those of the tile before it");
    p = plan_of(attention);
    Stage *last = stage(p, 0, 3);
    p->kernels.at[0]->stages.at[3] = p->kernels.at[0]->stages.at[2];
    p->kernels.at[0]->stages.at[2] = last;
    expect(p, "operand an unnamed buffer is not written before it");
    p = plan_of(attention);
    Kernel *k = p->kernels.at[0];
    vec_push(arena, &k->stages, k->stages.at[3]);
    k->stages.at[3] = k->stages.at[2];
    k->stages.at[2] = k->stages.at[0];
    expect(p, "is read when other rows have been there");
    p = plan_of(attention);
    stage(p, 0, 2)->behind_rows = true;
    expect(p, "is read when other rows have been there");
    p = plan_for(attention, target_find("x86-64-v3"));      /* whose maxima of all rows come first */
    assert_true(stage(p, 0, 2)->behind_rows && stage(p, 0, 1)->items.at[0].buffer->block);
    p = plan_of(attention);
    stage(p, 0, 3)->tile->a_m--;
    expect(p, "tile reads");
    p = plan_of(attention);
    stage(p, 0, 2)->items.at[0].at = lin_offset(arena, stage(p, 0, 2)->items.at[0].at, 1);
    expect(p, "writes an unnamed buffer outside");
}

/* A bias is added to the sums of a tile by the tile that has them and none else: with vectors, or where loads take time of their own. */
static void finished_tiles(void **state)
{
    (void)state;
    const Target *vectors = target_find("x86-64");
    assert_true(stage(plan_for(biased, vectors), 0, 1)->in_tile);
    assert_false(stage(plan_of(biased), 0, 1)->in_tile);
    Plan *p = plan_for(biased, target_find("cortex-m4f"));
    assert_true(stage(p, 0, 1)->in_tile && stage(p, 0, 0)->tile->finish == stage(p, 0, 1));
    assert_int_equal(stage(p, 0, 0)->tile->operands.n, 1);
    assert_null(plan_verify(arena, p));
    stage(p, 0, 0)->tile->finish = NULL;
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(biased, target_find("cortex-m4f"));
    stage(p, 0, 0)->tile->operands.n = 0;
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);      /* by other numbers in every row: the sums have no place in memory */
    assert_null(plan_verify(arena, p));
    assert_true(stage(p, 0, 1)->in_tile && item(p, 0, 0)->buffer->kind == BUFFER_LOCAL);
    assert_int_equal(p->kernels.at[0]->locals.n, 0);
    assert_int_equal(p->arena_bytes, 0);
    item(p, 0, 1)->value = item(p, 0, 1)->value->in[1];
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);
    item(p, 0, 1)->value->in[1]->at = lin_const(arena, 0);
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);
    stage(p, 0, 1)->in_tile = false;
    stage(p, 0, 0)->tile->finish = NULL;
    expect(p, "has no declaration");
}

/* Where three fifths of the windows of a row lie on the data, tiles along that row alone have few sums for each vector of weights. */
static void rows_on_data(void **state)
{
    (void)state;
    assert_int_equal(stage(plan_for(spread, target_find("x86-64-v4")), 0, 0)->tile->schedule.row_axes, 2);
}

/* The taps of a depthwise convolution along a tile's rows are written out, where registers hold sums and weights: so many, that tiles of
 * few rows are narrower for it. */
static void taps_written_out(void **state)
{
    (void)state;
    static const struct {
        int size, channels, stride, columns, unroll;
    } rows[] = {{24, 32, 1, 2, 3}, {6, 128, 1, 2, 3}, {24, 32, 3, 2, 1}};   /* windows apart share nothing */
    for (int i = 0; i < LEN(rows); i++) {
        const char *text = arena_printf(arena, "func f(x: f32[1, %d, %d, %d] input 0, w: f32[3, 3, 1, %d] param 0) { %%1 = conv(x, w) stride=[%d, %d] "
                                        "pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=%d return output 0 y = %%1 }",
                                        rows[i].size, rows[i].size, rows[i].channels, rows[i].channels, rows[i].stride, rows[i].stride, rows[i].channels);
        const TileSchedule *s = &stage(plan_for(text, target_find("x86-64-v4")), 0, 0)->tile->schedule;
        assert_int_equal(s->columns, rows[i].columns);
        assert_int_equal(s->unroll, rows[i].unroll);
    }
}

/* Weights that L2 does not hold are fetched by blocks where it holds two of them; otherwise a tile's columns are. */
static void fetched_blocks(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    assert_int_equal(stage(plan_for(wide_conv, &target), 0, 0)->tile->schedule.prefetch, FETCH_BLOCK);
    assert_int_equal(stage(plan_for(wide_conv, &target), 0, 0)->tile->schedule.k_outer, 0);     /* few rows: by pieces of all taps */
    target.l1 = 32 << 10;
    target.l2 = 2 << 20;
    assert_int_equal(stage(plan_for(wide_conv_of_four, &target), 0, 0)->tile->schedule.prefetch, FETCH_COLUMNS);
    target.l2 = 256 << 10;
    assert_int_equal(stage(plan_for(wide_conv, &target), 0, 0)->tile->schedule.prefetch, FETCH_COLUMNS);
    target.l2 = 64 << 20;
    assert_int_equal(stage(plan_for(wide_conv, &target), 0, 0)->tile->schedule.prefetch, FETCH_NOTHING);
}

/* Tiles of the panel of h w, 64 rows of `columns` floats, in a loop that makes 8 of them, stacked or the last one alone. */
static int panel_of_loop(const Target *target, int columns, bool stacked)
{
    const char *body = arena_printf(arena, "func step(h: f32[64, 64] carry 0, x: f32[64, %d] slice 0, w: f32[64, %d] invariant 0) {"
                                      " %%3 = dot(h, w) contract=[1]/[0] %%4 = add(%%3, x)"
                                      " %%5 = slice(%%4) start=[0, 0] limit=[64, 64] stride=[1, 1]"
                                      " return carry 0 h = %%5%s }", columns, columns, stacked ? ", yield 0 y = %4" : "");
    const Plan *p = plan_for(arena_printf(arena, "func f(h: f32[64, 64] input 0, x: f32[8, 64, %d] input 1, w: f32[64, %d] param 0) {"
                                            " %%3 = scan(h, x, w) carries=1 slices=1 yields=%d length=8 body=%s"
                                            " %%4 = result(%%3) index=%d return output 0 y = %%4 }",
                                     columns, columns, stacked, body, stacked), target);
    for (int i = 0; i < p->kernels.n; i++)
        if (kernel_tile(p->kernels.at[i]))
            return kernel_tile(p->kernels.at[i])->schedule.panel_tiles;
    fail_msg("no tile");
    return -1;
}

/* What a loop stacks is stored in whole rows where they are long, which one panel of all columns allows, if the stack has room. */
static void panels_of_stacked_rows(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    assert_int_equal(panel_of_loop(&target, 512, true), 512 / 32);
    assert_int_equal(panel_of_loop(&target, 512, false), 0);
    assert_int_equal(panel_of_loop(&target, 256, true), 0);
    target.panel = 4 * 64 * 512 - 1;
    assert_int_equal(panel_of_loop(&target, 512, true), 0);
}

/* One panel of all columns for a few rows only costs the copy. */
static void panels_of_many_rows(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    for (int pictures = 1; pictures <= 32; pictures *= 32) {
        const char *text = arena_printf(arena, "func f(x: f32[%d, 6, 6, 64] input 0, w: f32[1, 1, 64, 128] param 0) { %%1 = conv(x, w) stride=[1, 1] "
                                        "pad_lo=[0, 0] pad_hi=[0, 0] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %%1 }", pictures);
        assert_int_equal(stage(plan_for(text, &target), 0, 0)->tile->schedule.panel_tiles > 1, pictures > 1);
    }
}

/* Panels are strips that L1 holds, but for few rows, a left operand that L2 does not keep, short pieces of rows, or where what follows wants whole rows. */
static void panels_of_strips(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    target.l2 = 2 << 20;
    static const char none[] = "return output 0 y = %1 }", beside[] = "%2 = add(%1, z) return output 0 y = %2 }";
    static const char softened[] = "%2 = exp(%1) %3 = sum(%2) axes=[1] return output 0 y = %2, output 1 s = %3 }";
    const struct { int rows, steps; const char *behind; bool strips; } rows[] = {
        {320, 128, none, true}, {192, 128, none, false}, {4096, 128, none, false}, {320, 192, none, false}, {320, 128, beside, false},
        {320, 128, softened, false},
    };
    for (int i = 0; i < LEN(rows); i++) {
        const char *text = arena_printf(arena, "func f(x: f32[%d, %d] input 0, z: f32[%d, 256] input 1, w: f32[%d, 256] param 0) {"
                                          " %%1 = dot(x, w) contract=[1]/[0] %s", rows[i].rows, rows[i].steps, rows[i].rows, rows[i].steps, rows[i].behind);
        const TileSchedule *s = &stage(plan_for(text, &target), 0, 0)->tile->schedule;
        assert_int_equal(s->panel_tiles == 1 && s->k_split < 0, rows[i].strips);
    }
}

/* A kernel's gradient is made as it is where three quarters of L2 hold both operands, else in blocks of rows. */
static void whole_gradients(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    const char *text = "func f(x: f32[512, 128] input 0, y: f32[512, 512] input 1) { %1 = dot(x, y) contract=[0]/[0] return output 0 y = %1 }";
    for (int whole = 0; whole <= 1; whole++) {
        target.l2 = 4 * 512 * (128 + 512) * 4 / 3 - 16 + 32 * whole;
        const TileSchedule *s = &stage(plan_for(text, &target), 0, 0)->tile->schedule;
        assert_int_equal(s->k_split, whole ? -1 : 0);
        assert_int_equal(s->panel_tiles, 0);
    }
}

/* A matrix as wide as a tile is what a panel of it would be. */
static void no_panel_of_one_tile(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    target.l2 = 2 << 20;
    const Plan *p = plan_for("func f(x: f32[10, 32, 256] input 0, w: f32[256, 64] param 0) { %1 = dot(x, w) contract=[2]/[0] return output 0 y = %1 }", &target);
    assert_int_equal(stage(p, 0, 0)->tile->schedule.columns, 4);
    assert_int_equal(stage(p, 0, 0)->tile->schedule.panel_tiles, 0);
}

/* What a product by a matrix would copy in each turn of a loop it reads from L2, where the matrix lies since the turn before. */
static void no_panel_in_each_turn(void **state)
{
    (void)state;
    Target target = *target_find("x86-64-v4");
    target.l1 = 48 << 10;
    target.l2 = 2 << 20;
    const char *once = "func f(x: f32[10, 32, 64] input 0, w: f32[64, 256] param 0) { %1 = dot(x, w) contract=[2]/[0] return output 0 y = %1 }";
    const char *turns = "func f(s: f32[4] input 0, x: f32[10, 10, 32, 64] input 1, w: f32[64, 256] param 0) {"
                        " %3 = scan(s, x, w) carries=1 slices=1 yields=1 length=10 body=func step(s: f32[4] carry 0, x: f32[10, 32, 64] slice 0,"
                        " w: f32[64, 256] invariant 0) { %3 = dot(x, w) contract=[2]/[0] return carry 0 s = s, yield 0 y = %3 }"
                        " %4 = result(%3) index=1 return output 0 y = %4 }";
    assert_true(stage(plan_for(once, &target), 0, 0)->tile->schedule.panel_tiles);
    const Plan *p = plan_for(turns, &target);
    for (int i = 0; i < p->kernels.n; i++)
        if (kernel_tile(p->kernels.at[i]))
            assert_int_equal(kernel_tile(p->kernels.at[i])->schedule.panel_tiles, 0);
}

/* Where bytes count, one row takes a matrix as it lies, also where a pack of it is made for others. */
static void sparing_packs(void **state)
{
    (void)state;
    Diag *d;
    const Fn *fn = fn_of(shared_matrix, &d);
    const Target *target = target_find("x86-64-v3");
    const Plan *plan[] = {lower(arena, d, fn, target), lower_sparing(arena, d, fn, target, NULL)};
    for (int i = 0; i < LEN(plan); i++) {
        int packs = 0, packed[6] = {0};     /* packed: by rows */
        for (int k = 0; k < plan[i]->kernels.n; k++) {
            const Kernel *kernel = plan[i]->kernels.at[k];
            const Stage *s = kernel->stages.at[0];
            packs += kernel->units.at[0]->kind == UNIT_PACK;
            if (s->tile)
                packed[tile_extent(s->tile)] += s->tile->b->kind == BUFFER_ARENA;
        }
        assert_int_equal(packs, 1);
        assert_int_equal(packed[5], 1);
        assert_int_equal(packed[1], i == 0);
    }
}

/* Squares of the largest vectors that fill both loops; only of what makes columns of rows; threads share the others. */
static void wrong_squares(void **state)
{
    (void)state;
    const Target *target = target_find("x86-64-v4");
    Plan *p = plan_for(turned, target);
    Stage *s = stage(p, 0, 0);
    assert_int_equal(s->square, 8);
    s->square = 16;
    expect(p, "no squares of 16 can be turned");
    p = plan_for(turned, target_with_threads(arena, target, 2));
    s = stage(p, 0, 0);
    p->kernels.at[0]->split = (Split){.n = 1, .var = {s->loop[s->nloop - 1]}, .turns = s->loop[s->nloop - 1]->extent, .grain = 1};
    expect(p, "threads share the loops of a square");
    assert_int_equal(stage(plan_of(turned), 0, 0)->square, 0);
    p = plan_of(twins);
    stage(p, 0, 0)->square = 4;
    expect(p, "no squares of 4 can be turned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_tiles),
        cmocka_unit_test(vectors_along_k),
        cmocka_unit_test(rows_abreast),
        cmocka_unit_test(written_out),
        cmocka_unit_test(stays_a_loop),
        cmocka_unit_test(wrong_second_axes),
        cmocka_unit_test(wrong_chains),
        cmocka_unit_test(finished_tiles),
        cmocka_unit_test(rows_on_data),
        cmocka_unit_test(taps_written_out),
        cmocka_unit_test(fetched_blocks),
        cmocka_unit_test(panels_of_stacked_rows),
        cmocka_unit_test(panels_of_many_rows),
        cmocka_unit_test(panels_of_strips),
        cmocka_unit_test(whole_gradients),
        cmocka_unit_test(no_panel_of_one_tile),
        cmocka_unit_test(no_panel_in_each_turn),
        cmocka_unit_test(sparing_packs),
        cmocka_unit_test(wrong_squares),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
