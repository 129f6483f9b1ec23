/* SPDX-License-Identifier: MIT */
/* Random numbers, bit by bit: the generator against its authors' answers, its draws against those of an
 * implementation in Python (tests/runtime/philox.py), as the runtime, the interpreter and compiled code give
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "compare.h"
#include "emit/emit.h"
#include "../../runtime/dl_random.h"
#include "tests/runtime/draws.h"

enum { DRAWS = LEN(streams[0].draw) };

/* The lines "philox4x32 10" of Random123's tests/kat_vectors (github.com/DEShawResearch/random123). */
static void philox_gives_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], word[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (int i = 0; i < LEN(known); i++) {
        uint32_t word[4];
        dl_philox(known[i].counter, known[i].key, word);
        assert_memory_equal(word, known[i].word, sizeof word);
    }
}

static void elements_take_the_words_of_their_block(void **state)
{
    const uint32_t counter[4] = {5, 7, 3, 0}, key[2] = {123, 456};
    uint32_t word[4];
    float four[4];

    (void)state;
    dl_philox(counter, key, word);
    dl_uniform4(123, 456, 3, 7, 5, four);
    for (uint32_t j = 0; j < 4; j++) {
        assert_true(four[j] == (float)(word[j] >> 8) * 0x1p-24f);
        assert_true(four[j] == dl_uniform(123, 456, 3, 7, 20 + j));
    }
    assert_true(dl_unit(0) == 0);
    assert_true(dl_unit(0xffffffff) == 0x1.fffffep-1f);
}

/* Mean 1/2, variance 1/12, neighbours, steps and salts uncorrelated: each within five standard deviations. */
static void uniform_is_uniform(void **state)
{
    enum { N = 200000 };
    double sum = 0, squares = 0, along = 0, steps = 0, salts = 0, last = 0;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        const double u = (double)dl_uniform(42, 0, 1, 9, i) - 0.5;
        assert_true(u >= -0.5 && u < 0.5);
        sum += u;
        squares += u * u;
        along += u * last;
        steps += u * ((double)dl_uniform(42, 0, 2, 9, i) - 0.5);
        salts += u * ((double)dl_uniform(42, 0, 1, 10, i) - 0.5);
        last = u;
    }
    assert_true(fabs(sum / N) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - 1.0 / 12) < 5 * sqrt(1.0 / 180 / N));
    assert_true(fabs(along / N) < 5 * sqrt(1.0 / 144 / N));
    assert_true(fabs(steps / N) < 5 * sqrt(1.0 / 144 / N));
    assert_true(fabs(salts / N) < 5 * sqrt(1.0 / 144 / N));
}

/* ---- the draws ----------------------------------------------------------------------------------------- */
static void the_runtime_draws_as_python_does(void **state)
{
    (void)state;
    for (int s = 0; s < LEN(streams); s++)
        for (uint32_t i = 0; i < DRAWS; i++) {
            float four[4], want = (float)streams[s].draw[i] * 0x1p-24f;
            uint32_t at = streams[s].first + i;
            dl_uniform4(streams[s].seed[0], streams[s].seed[1], streams[s].step, streams[s].salt, at / 4,
                        four);
            assert_true(four[at % 4] == want);
            assert_true(want == dl_uniform(streams[s].seed[0], streams[s].seed[1], streams[s].step,
                                           streams[s].salt, at));
        }
}

/* A tensor of a stream's draws, as a model's functions have it, in one shape or another. */
static Case *case_of_stream(Arena *a, int s, Type t)
{
    Fn *fn = fn_new(a, "draws");
    Node *seed = fn_input(fn, ROLE_SEED, 0, "seed", type_make(DT_I32, 1, (int64_t[]){2}));
    Node *step = fn_input(fn, ROLE_STEP, 0, "step", type_scalar(DT_I32));
    fn_result(fn, ROLE_OUTPUT, 0, "draws", node_random(fn, t, streams[s].salt, seed, step));
    Case *c = case_new(a, arena_printf(a, "stream %d, %s", s, type_text(a, t)), fn, 0);
    c->in[0].at[0] = (int32_t)streams[s].seed[0];
    c->in[0].at[1] = (int32_t)streams[s].seed[1];
    c->in[1].at[0] = (int32_t)streams[s].step;
    c->out[0] = value_new(a, t);
    for (int i = 0; i < DRAWS; i++)
        c->out[0].at[i] = streams[s].draw[i] * 0x1p-24;
    return c;
}

static int cases_of_streams(Arena *a, Case **cases)
{
    int n = 0;
    for (int s = 0; s < LEN(streams); s++) {
        if (streams[s].first)
            continue;
        cases[n++] = case_of_stream(a, s, type_make(DT_F32, 1, (int64_t[]){DRAWS}));
        cases[n++] = case_of_stream(a, s, type_make(DT_F32, 3, (int64_t[]){7, 1, 3}));
    }
    return n;
}

static void the_interpreter_draws_as_python_does(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Case *cases[2 * LEN(streams)];
    const char *why;
    for (int k = 0, n = cases_of_streams(a, cases); k < n; k++)
        for (int precision = PRECISION_F32; precision <= PRECISION_F64; precision++) {
            Value out;
            assert_true(fn_interpret(a, cases[k]->fn, (Precision)precision, cases[k]->in, &out, &why));
            for (int i = 0; i < DRAWS; i++)
                assert_true(out.at[i] == cases[k]->out[0].at[i]);
        }
    arena_free(a);
}

static void compiled_code_draws_as_python_does(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Case *cases[2 * LEN(streams)];
    int n = cases_of_streams(a, cases);
    assert_int_equal(check_cases(a, cases, n, "tcc", target_find("tcc"), jit_tcc), 0);
    if (jit_has_cc())
        assert_int_equal(check_cases(a, cases, n, "native", target_find("native"), jit_cc), 0);
    arena_free(a);
}

/* Four at a time, where a row is kept and where it is summed up at once. */
static void rows_are_drawn_at_once(void **state)
{
    (void)state;
    static const char *const head = "func f(x: f32[8, 64] input 0, seed: i32[2] input 1, step: i32 input 2) {\n"
                                    "%3 = random(seed, step) salt=7 : f32[8, 64]\n%4 = add(x, %3) : f32[8, 64]\n",
                      *const end[] = {"return output 0 y = %4 }", "%5 = sum(%4) axes=[1] : f32[8]\nreturn output 0 y = %4, output 1 s = %5 }"};
    Arena *a = arena_new();
    for (int i = 0; i < LEN(end); i++) {
        const char *text = arena_printf(a, "%s%s", head, end[i]);
        Diag *d = diag_new(a);
        Fn *fn = fn_parse(a, d, diag_add_source(d, "rows.ir", text, strlen(text)));
        MemoryFunction function = {.name = "f", .plan = lower(a, d, fn, target_find("generic"))};
        const char *body = strstr(emit_memory(a, &function, 1), "static void f_k0");
        assert_int_equal(function.plan->kernels.n, 1);
        assert_non_null(strstr(body, "dl_uniforms("));
        assert_null(strstr(body, "dl_uniform("));
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_known_answers),
        cmocka_unit_test(elements_take_the_words_of_their_block),
        cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(the_runtime_draws_as_python_does),
        cmocka_unit_test(the_interpreter_draws_as_python_does),
        cmocka_unit_test(compiled_code_draws_as_python_does),
        cmocka_unit_test(rows_are_drawn_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
