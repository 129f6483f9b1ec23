/* SPDX-License-Identifier: MIT */
/* test_by_turns.c: in loops whose turns have parts of tensors, which tensors lie where another one did, part by part: what such a loop makes
 * behind what it reads for the last time; that such code is right, and that the verifier of plans notices what is overwritten too soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compare.h"
#include "kernels/verify.h"

static Arena *arena;

/* y is stored by one loop and read by the next one, whose body this is; then `rest` of y, %3, and of what that loop makes, z, %5. */
#define LOOPS(rows, how, body, columns, rest) \
    "func f(x: f32[6, " rows ", 40] input 0, w: f32[40, 40] param 0, v: f32[40, 20] param 1) { " \
    "%3 = scan(x, w) carries=0 slices=1 yields=1 length=6 body=func b(s: f32[" rows ", 40] slice 0, w: f32[40, 40] invariant 0) { " \
    "%2 = dot(s, w) contract=[1]/[0] return yield 0 y = %2 } %4 = result(%3) index=0 : f32[6, " rows ", 40] " \
    "%5 = scan(" how ", w, v) carries=0 slices=1 yields=1 length=6 body=func c(" body " } %6 = result(%5) index=0 : f32[6, " rows ", " columns "] " rest " }"
#define INVARIANT(n) "w: f32[40, 40] invariant " #n ", v: f32[40, 20] invariant "
#define ROWS(rows) "s: f32[" rows ", 40] slice 0, " INVARIANT(0) "1) { "
#define SUM "%7 = sum(%6) axes=[0, 1] : f32[40] return output 0 r = %7"
static const char result[] = LOOPS("40", "%4", ROWS("40") "%3 = neg(s) as e %4 = dot(%3, w) contract=[1]/[0] return yield 0 z = %4", "40", SUM);
static const char own[] = LOOPS("40", "%4", ROWS("40") "%3 = neg(s) as e %4 = dot(%3, v) contract=[1]/[0] return yield 0 z = %4", "20",
                                "%7 = sum(%6) axes=[0, 1] : f32[20] return output 0 r = %7");
static const char small[] = LOOPS("20", "%4", ROWS("20") "%3 = neg(s) as e %4 = dot(%3, w) contract=[1]/[0] return yield 0 z = %4", "40", SUM);
static const char later[] = LOOPS("40", "%4", ROWS("40") "%3 = neg(s) as e %4 = dot(%3, w) contract=[1]/[0] return yield 0 z = %4", "40",
                                  "%7 = mul(%6, %4) %8 = sum(%7) axes=[0, 1] : f32[40] return output 0 r = %8");
static const char last[] = LOOPS("40", "%4", ROWS("40") "%3 = neg(s) as e %4 = dot(%3, w) contract=[1]/[0] %5 = dot(%4, s) contract=[1]/[0] return yield 0 z = %5",
                                 "40", SUM);
static const char others[] =    /* each turn reads all of y */
    LOOPS("40", "x, %4", "s: f32[40, 40] slice 0, y: f32[6, 40, 40] invariant 0, " INVARIANT(1) "2) { %4 = sum(y) axes=[0] : f32[40, 40] %5 = mul(%4, s) "
          "%6 = neg(%5) as e %7 = dot(%6, w) contract=[1]/[0] return yield 0 z = %7", "40", SUM);

static Plan *planned(const char *text)
{
    Diag *d = diag_new(arena);
    Fn *fn = fn_parse(arena, d, diag_add_source(d, "by_turns.ir", text, strlen(text)));
    if (!fn)
        fail_msg("%s", diag_text(d, arena));
    Plan *p = lower(arena, NULL, fn, target_find("x86-64-v4"));
    assert_null(plan_verify(arena, p));
    return p;
}

static Buffer *named(const Plan *p, const char *name)
{
    for (int i = 0; i < p->buffers.n; i++)
        if (p->buffers.at[i]->name && !strcmp(p->buffers.at[i]->name, name))
            return p->buffers.at[i];
    fail_msg("no %s", name);
    return NULL;
}

static const Buffer *place_of(const Plan *p, const char *name)
{
    return buffer_root(named(p, name));
}

static void in_place(void **state)
{
    (void)state;
    const Plan *p = planned(result);
    assert_ptr_equal(place_of(p, "z"), named(p, "y"));
    assert_ptr_equal(place_of(p, "e"), named(p, "e"));
    p = planned(own);                               /* z has other parts: what each turn makes for itself becomes a tensor */
    assert_ptr_equal(place_of(p, "z"), named(p, "z"));
    assert_ptr_equal(place_of(p, "e"), named(p, "y"));
    assert_int_equal(type_count(named(p, "e")->type), 6 * 40 * 40);
}

static void not_in_place(void **state)
{
    (void)state;
    static const char *const texts[] = {small, later, last, others};
    for (int i = 0; i < LEN(texts); i++) {
        const Plan *p = planned(texts[i]);
        assert_ptr_equal(place_of(p, "z"), named(p, "z"));
    }
}

static void same_values(void **state)
{
    (void)state;
    if (!jit_has_cc())
        skip();
    static const char *const texts[] = {result, own, small};
    Case *c[LEN(texts)];
    for (int i = 0; i < LEN(texts); i++) {
        Diag *d = diag_new(arena);
        c[i] = case_new(arena, "by turns", fn_parse(arena, d, diag_add_source(d, "by_turns.ir", texts[i], strlen(texts[i]))), 0);
    }
    assert_int_equal(check_cases(arena, c, LEN(texts), "by_turns", target_find("native"), jit_cc), 0);
}

/* Put there by hand, z lies on what its turn, or the next one, still reads. */
static void verified(void **state)
{
    (void)state;
    static const char *const texts[] = {last, others};
    for (int i = 0; i < LEN(texts); i++) {
        Plan *p = planned(texts[i]);
        named(p, "z")->alias = named(p, "y");
        assert_non_null(plan_verify(arena, p));
    }
    const Plan *p = planned(texts[1]);
    named(p, "z")->alias = named(p, "y");
    assert_non_null(strstr(verify_order(arena, p), "where another value has been put"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_place),
        cmocka_unit_test(not_in_place),
        cmocka_unit_test(same_values),
        cmocka_unit_test(verified),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
