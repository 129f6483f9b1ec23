/* SPDX-License-Identifier: MIT */
/* test_pages.c: what stages by element of a loop over parts of a batch, or of none, ask for a page ahead: rows of what is far, as long as a line at the
 * least; and tiles that walk through a picture of few channels; that such code is right, and that the verifier of plans notices what it has no address of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compare.h"

static Arena *arena;

/* A normalization between two convolutions: what the first one stores in one loop is wanted in the next one. */
#define LAYERS(channels) \
    "func f(x: f32[8, 32, 32, " channels "] input 0, w: f32[3, 3, " channels ", " channels "] input 1, v: f32[3, 3, " channels ", 16] input 2) { " \
    "%3 = conv(x, w) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 as y " \
    "%4 = sum(%3) axes=[0, 1, 2] : f32[" channels "] %5 = broadcast(%4) axes=[3] : f32[8, 32, 32, " channels "] %6 = sub(%3, %5) " \
    "%7 = conv(%6, v) stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 z = %7 }"

static Plan *planned(const char *text, const char *target, int64_t l2)
{
    Diag *d = diag_new(arena);
    Fn *fn = fn_parse(arena, d, diag_add_source(d, "pages.ir", text, strlen(text)));
    if (!fn)
        fail_msg("%s", diag_text(d, arena));
    Target *t = arena_dup(arena, target_find(target), sizeof *t);
    t->l2 = l2;
    Plan *p = lower(arena, NULL, fn, t);
    assert_null(plan_verify(arena, p));
    return p;
}

/* The only stage of a plan that asks for rows, or NULL, and its kernel. */
static Stage *asking(const Plan *p, Kernel **kernel)
{
    Stage *found = NULL;
    for (int i = 0; i < p->kernels.n; i++)
        for (int j = 0; j < p->kernels.at[i]->stages.n; j++) {
            Stage *s = p->kernels.at[i]->stages.at[j];
            if (!s->further.n)
                continue;
            assert_null(found);
            found = s;
            *kernel = p->kernels.at[i];
        }
    return found;
}

static void a_page_ahead(void **state)
{
    (void)state;
    Kernel *k;
    const Stage *s = asking(planned(LAYERS("32"), "x86-64-v4", 512 << 10), &k);
    assert_non_null(s);
    assert_int_equal(s->further.n, 1);
    const Beside *row = &s->further.at[0];
    assert_string_equal(row->buffer->name, "y");
    assert_int_equal(row->at->constant, 4096 / 4);
    assert_int_equal(lin_factor(row->at, s->loop[s->nloop - 2]), 32);
    assert_int_equal(lin_factor(row->at, s->loop[s->nloop - 1]), 0);
}

/* Rows of a parameter, which are changed; a matrix of a few rows is likely to be near. */
#define UPDATE(rows) \
    "func f(x: f32[" rows ", 64] param 0, s: f32[" rows "] input 0) { " \
    "%2 = broadcast(s) axes=[0] : f32[" rows ", 64] %3 = mul(x, %2) return param 0 x = %3 }"

static void without_a_loop(void **state)
{
    (void)state;
    Kernel *k;
    const Stage *s = asking(planned(UPDATE("2000"), "x86-64-v4", 1 << 20), &k);
    assert_non_null(s);
    assert_int_equal(s->further.n, 1);
    assert_string_equal(s->further.at[0].buffer->name, "x");
    assert_null(asking(planned(UPDATE("1000"), "x86-64-v4", 1 << 20), &k));
}

static void nothing_else(void **state)
{
    (void)state;
    Kernel *k;
    assert_null(asking(planned(LAYERS("32"), "x86-64-v4", 64 << 20), &k));      /* near */
    assert_null(asking(planned(LAYERS("32"), "generic", 512 << 10), &k));       /* plain C */
    assert_null(asking(planned(LAYERS("8"), "x86-64-v4", 256 << 10), &k));      /* rows of half a line */
}

/* The gradient of a kernel for pictures of some channels, which other work on a batch comes before. */
#define GRADIENT(channels) \
    "func f(x: f32[32, 32, 32, " channels "] input 0, y: f32[32, 16, 16, 8] input 1) { " \
    "%2 = sum(y) axes=[0, 1, 2] : f32[8] %3 = broadcast(%2) axes=[3] : f32[32, 16, 16, 8] %4 = sub(y, %3) " \
    "%5 = permute(x) axes=[3, 1, 2, 0] : f32[" channels ", 32, 32, 32] %6 = permute(%4) axes=[1, 2, 0, 3] : f32[16, 16, 32, 8] " \
    "%7 = conv(%5, %6) stride=[1, 1] pad_lo=[0, 0] pad_hi=[1, 1] lhs_dilation=[1, 1] rhs_dilation=[2, 2] groups=1 " \
    "return gradient 0 dw = %7 }"

static int walking(const Plan *p)
{
    int n = 0;
    for (int i = 0; i < p->kernels.n; i++) {
        const Tile *t = kernel_tile(p->kernels.at[i]);
        n += t && t->pages;
    }
    return n;
}

static void in_short_steps(void **state)
{
    (void)state;
    Plan *p = planned(GRADIENT("3"), "x86-64-v4", 512 << 10);
    assert_int_equal(walking(p), 1);
    assert_non_null(strstr(emit_memory(arena, &(MemoryFunction){.name = "f", .plan = p}, 1), "DL_PREFETCH(ak, 1024);"));
    assert_int_equal(walking(planned(GRADIENT("3"), "x86-64-v4", 4 << 20)), 0);     /* near */
    assert_int_equal(walking(planned(GRADIENT("16"), "x86-64-v4", 512 << 10)), 0);  /* each step is a line */
    assert_int_equal(walking(planned(GRADIENT("3"), "generic", 512 << 10)), 0);
}

static void same_values(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    Target small = *target_find("native");
    small.l2 = 512 << 10;
    Diag *d = diag_new(arena);
    static const char *const text[] = {LAYERS("32"), GRADIENT("3")};
    for (int i = 0; i < 2; i++) {
        Case *c = case_new(arena, "a page ahead", fn_parse(arena, d, diag_add_source(d, "pages.ir", text[i], strlen(text[i]))), 0);
        assert_int_equal(check_cases(arena, &c, 1, "pages", &small, jit_cc), 0);
    }
}

static void verified(void **state)
{
    (void)state;
    Kernel *k;
    Plan *p = planned(LAYERS("32"), "x86-64-v4", 512 << 10);
    Stage *s = asking(p, &k);
    assert_non_null(s);
    for (int i = 0; i < p->buffers.n; i++)
        if (p->buffers.at[i]->name && !strcmp(p->buffers.at[i]->name, "x"))
            s->further.at[0].buffer = p->buffers.at[i];
    assert_non_null(strstr(plan_verify(arena, p), "fetches a page of x, which is no argument"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_ahead),
        cmocka_unit_test(without_a_loop),
        cmocka_unit_test(in_short_steps),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(same_values),
        cmocka_unit_test(verified),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
