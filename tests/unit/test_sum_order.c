/* SPDX-License-Identifier: MIT */
/* test_sum_order.c: with --deterministic a contraction adds its products in the order in which the operation
 * names its axes, each rounded by itself, whatever the target, its caches, the schedule and the places of the
 * operands. So do sums. */
#include "compare.h"

/* ---- products of two tensors over two axes each, as f32 adds them
 * ----------------------------------------------- */
typedef struct Product {
    const char *text;
    int contract[2][2]; /* axes of x, and those of w that go with them, outermost first */
} Product;

static const Product products[] = {
    {"func f(real_x: f32[7, 5, 60] input 0, real_w: f32[5, 60, 34] param 0) { %9 = dot(real_x, real_w) "
     "contract=[1,2]/[0,1] "
     "return output 0 y = %9 }",
     {{1, 2}, {0, 1}}},
    {"func f(real_x: f32[7, 5, 60] input 0, real_w: f32[60, 5, 34] param 0) { %9 = dot(real_x, real_w) "
     "contract=[1,2]/[1,0] "
     "return output 0 y = %9 }",
     {{1, 2}, {1, 0}}},
    {"func f(real_x: f32[40, 12, 9] input 0, real_w: f32[40, 12, 16] param 0) { %9 = dot(real_x, real_w) "
     "contract=[0,1]/[0,1] "
     "return output 0 y = %9 }",
     {{0, 1}, {0, 1}}},
    {"func f(real_x: f32[40, 9, 12] input 0, real_w: f32[12, 40, 16] param 0) { %9 = dot(real_x, real_w) "
     "contract=[0,2]/[1,0] "
     "return output 0 y = %9 }",
     {{0, 2}, {1, 0}}},
    {"func f(real_x: f32[24, 6, 33] input 0, real_w: f32[33, 24, 32] param 0) { %9 = dot(real_x, real_w) "
     "contract=[2,0]/[0,1] "
     "return output 0 y = %9 }",
     {{2, 0}, {0, 1}}},
    {"func f(real_x: f32[96, 8, 40] input 0, real_w: f32[40, 8, 64] param 0) { %9 = dot(real_x, real_w) "
     "contract=[1,2]/[1,0] "
     "return output 0 y = %9 }",
     {{1, 2}, {1, 0}}},
    {"func f(real_x: f32[24, 5, 60] input 0, real_w: f32[5, 60, 8] param 0) { %9 = dot(real_x, real_w) "
     "contract=[1,2]/[0,1] "
     "return output 0 y = %9 }",
     {{1, 2}, {0, 1}}},
};

static int64_t stride_of(Type t, int axis)
{
    int64_t stride = 1;
    for (int i = axis + 1; i < t.rank; i++)
        stride *= t.dim[i];
    return stride;
}

/* The axis of three that is not contracted. */
static int free_axis(const int contract[2])
{
    return 3 - contract[0] - contract[1];
}

static void expect_in_order(Case *c, const Product *p)
{
    const Value x = c->in[0], w = c->in[1];
    const int *a = p->contract[0], *b = p->contract[1], m = free_axis(a), n = free_axis(b);
    for (int64_t i = 0; i < x.type.dim[m]; i++)
        for (int64_t j = 0; j < w.type.dim[n]; j++) {
            volatile float sum = 0;
            for (int64_t k = 0; k < x.type.dim[a[0]]; k++)
                for (int64_t l = 0; l < x.type.dim[a[1]]; l++) {
                    volatile float product =
                        (float)x.at[i * stride_of(x.type, m) + k * stride_of(x.type, a[0]) +
                                    l * stride_of(x.type, a[1])] *
                        (float)w.at[j * stride_of(w.type, n) + k * stride_of(w.type, b[0]) +
                                    l * stride_of(w.type, b[1])];
                    sum += product;
                }
            c->out[0].at[i * w.type.dim[n] + j] = (double)sum;
        }
}

/* ---- and a convolution: rows, columns, channels
 * ------------------------------------------------------------------ */
enum { SIZE = 12, KERNEL = 3, OUT = SIZE - KERNEL + 1, CHANNELS = 40, FILTERS = 16 };
static const char *const convolution =
    "func f(real_x: f32[1, 12, 12, 40] input 0, real_w: f32[3, 3, 40, 16] param 0) { %9 = conv(real_x, "
    "real_w) stride=[1, 1] pad_lo=[0, 0] pad_hi=[0, 0] "
    "lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %9 }";

static void expect_convolution(Case *c)
{
    const double *x = c->in[0].at, *w = c->in[1].at;
    for (int y = 0; y < OUT * OUT; y++)
        for (int n = 0; n < FILTERS; n++) {
            volatile float sum = 0;
            for (int k = 0; k < KERNEL * KERNEL * CHANNELS; k++) {
                int row = y / OUT + k / CHANNELS / KERNEL, column = y % OUT + k / CHANNELS % KERNEL;
                volatile float product =
                    (float)x[(row * SIZE + column) * CHANNELS + k % CHANNELS] * (float)w[k * FILTERS + n];
                sum += product;
            }
            c->out[0].at[y * FILTERS + n] = (double)sum;
        }
}

/* ---- and sums over one axis of two
 * ------------------------------------------------------------------------------------------------------ */
typedef struct Sum {
    const char *text;
    int axis;
} Sum;

static const Sum sums[] = {
    {"func f(real_x: f32[48, 512] input 0) { %1 = sum(real_x) axes=[1] return output 0 y = %1 }", 1},
    {"func f(real_x: f32[512, 48] input 0) { %1 = sum(real_x) axes=[0] return output 0 y = %1 }", 0},
    {"func f(real_x: f32[512, 16] input 0) { %1 = sum(real_x) axes=[0] return output 0 y = %1 }", 0},
    {"func f(real_x: f32[512, 6] input 0) { %1 = sum(real_x) axes=[0] return output 0 y = %1 }", 0},
};

static void expect_sum(Case *c, int axis)
{
    const Type t = c->in[0].type;
    for (int64_t i = 0; i < t.dim[1 - axis]; i++) {
        volatile float sum = 0;
        for (int64_t k = 0; k < t.dim[axis]; k++)
            sum += (float)c->in[0].at[i * stride_of(t, 1 - axis) + k * stride_of(t, axis)];
        c->out[0].at[i] = (double)sum;
    }
}

/* ---- tests
 * ------------------------------------------------------------------------------------------------------ */
static Arena *arena;
enum { CASES = LEN(products) + LEN(sums) + 1 };
static Case *cases[CASES];

static Case *case_of(const char *text)
{
    return case_new(arena, text, read_graph(arena, text), 0);
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    for (int i = 0; i < LEN(products); i++) {
        cases[i] = case_of(products[i].text);
        expect_in_order(cases[i], &products[i]);
    }
    for (int i = 0; i < LEN(sums); i++) {
        cases[LEN(products) + i] = case_of(sums[i].text);
        expect_sum(cases[LEN(products) + i], sums[i].axis);
    }
    cases[CASES - 1] = case_of(convolution);
    expect_convolution(cases[CASES - 1]);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void in_order(const char *how, const Target *target,
                     Jit *(*compile)(Arena *, const char *, const Target *, const char **))
{
    assert_int_equal(
        check_cases(arena, cases, CASES, how, target_deterministic(arena, target, true), compile), 0);
}

static void plain(void **state)
{
    (void)state;
    in_order("tcc", target_find("tcc"), jit_tcc);
    in_order("generic", target_find("generic"), jit_tcc);
    in_order("cortex-m4f", target_find("cortex-m4f"), jit_tcc);
    in_order("compact", target_compact(arena, target_find("generic")), jit_tcc);
}

static void vectors(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    in_order("native", target_find("native"), jit_cc);
}

/* Of each contraction every schedule there is: none that is offered adds in another order. */
static int candidate;
enum { SCHEDULES = 8 };

static Schedules *chosen(Arena *a, const Case *c, const Target *target)
{
    Schedules *all = schedules_new(a, diag_new(a)), *one = schedules_new(a, diag_new(a));
    schedules_collect(all);
    lower_with(a, NULL, c->fn, target, all);
    const Candidates *found = schedules_candidates(all, 0);
    if (found && found->n)
        schedules_add(one, found->function, found->name,
                      found->s[(candidate * found->n / SCHEDULES) % found->n]);
    return one;
}

/* Caches that hold next to nothing: panels, blocks, blocks in place. */
static void blocks(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    Target small = *target_find("native");
    small.flags = arena_printf(arena, "%s -O0", small.flags);
    small.l1 = 1024;
    small.l2 = 4096;
    small.lanes = 4;
    in_order("small caches", &small, jit_cc);
    choose_schedules = chosen;
    for (candidate = 0; candidate < SCHEDULES; candidate++)
        in_order("a schedule", &small, jit_cc);
    choose_schedules = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(vectors),
                                       cmocka_unit_test(blocks)};
    return cmocka_run_group_tests(tests, begin, end);
}
