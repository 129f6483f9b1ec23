/* SPDX-License-Identifier: MIT */
/* compare.h: a graph function compiled for a target against the interpreter in double. Included by one test
 * file each. */
#ifndef TEST_COMPARE_H
#define TEST_COMPARE_H

#include "read_graph.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "emit/emit.h"
#include "jit/jit.h"
#include "../../runtime/dl_status.h"

static uint64_t random_state = 88172645463325252u;

static uint32_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static int64_t random_below(int64_t n)
{
    return (int64_t)(random_word() % (uint32_t)n);
}

/* What an input holds follows from its name: special..., infinite... (upwards only: sums know
 * what becomes of it), index7... (0..6), bad7... (-1..7), positive..., real...; otherwise whole numbers from
 * -3 to 3, whose sums and products are exact. */
static double random_element(const char *name, DType dt)
{
    static const double floats[] = {0,     -0.0, 1,   -1,   INFINITY, -INFINITY, NAN,
                                    1e-40, 3e38, 0.5, -2.5, 100,      -100};
    static const double integers[] = {INT32_MIN, INT32_MAX, 0, -1, 1, -7, 65536, 16777217, 16777219};
    if (!strncmp(name, "index", 5))
        return (double)random_below(atoi(name + 5));
    if (!strncmp(name, "bad", 3))
        return (double)random_below(atoi(name + 3) + 2) - 1;
    if (dt == DT_BOOL)
        return (double)random_below(2);
    if (dt == DT_U8)
        return (double)random_below(256);
    if (!strncmp(name, "special", 7))
        return dt == DT_I32 ? integers[random_below(LEN(integers))]
                            : (double)(float)floats[random_below(LEN(floats))];
    if (!strncmp(name, "infinite", 8) && dt == DT_F32)
        return random_below(40)  ? (double)random_below(7) - 3
               : random_below(2) ? (double)INFINITY
                                 : (double)NAN;
    if (!strncmp(name, "positive", 8))
        return dt == DT_I32 ? (double)(1 + random_below(9))
                            : (double)(float)(0.1 + (double)random_word() / 1e9);
    if (!strncmp(name, "real", 4) && dt == DT_F32)
        return (double)(float)((double)random_word() / 2e9 - 1.0);
    return (double)random_below(7) - 3;
}

/* ---- one function with its inputs and what the interpreter says
 * ---------------------------------------------------- */
typedef struct Case {
    const char *name;
    Fn *fn;
    double tolerance; /* relative to the larger of 1 and the value; 0: the same number */
    Value *in, *out;
    bool fails; /* an index is out of range */
} Case;

static Case *case_new(Arena *a, const char *name, Fn *fn, double tolerance)
{
    Case *c = NEW(a, Case);
    const char *why;
    *c = (Case){.name = name, .fn = fn, .tolerance = tolerance};
    c->in = NEWN(a, Value, fn->input.n);
    c->out = NEWN(a, Value, fn->result.n);
    for (int i = 0; i < fn->input.n; i++) {
        c->in[i] = value_new(a, fn->input.at[i].node->type);
        for (int64_t k = 0; k < type_count(c->in[i].type); k++)
            c->in[i].at[k] = random_element(fn->input.at[i].name, c->in[i].type.dt);
    }
    c->fails = !fn_interpret(a, fn, PRECISION_F64, c->in, c->out, &why);
    return c;
}

static void store_element(DType dt, void *at, int64_t i, double value)
{
    if (dt == DT_F32)
        ((float *)at)[i] = (float)value;
    else if (dt == DT_I32)
        ((int32_t *)at)[i] = (int32_t)value;
    else
        ((uint8_t *)at)[i] = (uint8_t)value;
}

static double load_element(DType dt, const void *at, int64_t i)
{
    return dt == DT_F32   ? (double)((const float *)at)[i]
           : dt == DT_I32 ? (double)((const int32_t *)at)[i]
                          : (double)((const uint8_t *)at)[i];
}

static bool agrees(double x, double y, double tolerance)
{
    double size = fabs(y) > 1 ? fabs(y) : 1;
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= tolerance * size;
}

enum { MARGIN = 64 }; /* bytes on either side of every tensor that must stay as they are */

static void *tensor_new(Arena *a, Type t)
{
    unsigned char *at = arena_alloc(a, (size_t)type_bytes(t) + 2 * MARGIN);
    memset(at, 0xA5, (size_t)type_bytes(t) + 2 * MARGIN);
    return at + MARGIN;
}

static bool margins_intact(const void *tensor, Type t)
{
    const unsigned char *at = (const unsigned char *)tensor - MARGIN;
    for (int i = 0; i < MARGIN; i++)
        if (at[i] != 0xA5 || at[MARGIN + type_bytes(t) + i] != 0xA5)
            return false;
    return true;
}

static int input_of_result(const Fn *fn, int result)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == fn->result.at[result].role &&
            fn->input.at[i].index == fn->result.at[result].index)
            return i;
    return -1;
}

static const char *compare_result(Arena *a, const Case *c, int result, const void *tensor)
{
    Value want = c->out[result];
    if (!margins_intact(tensor, want.type))
        return arena_printf(a, "result %d: written outside of the tensor", result);
    for (int64_t i = 0; i < type_count(want.type); i++) {
        double wanted = want.type.dt == DT_F32 ? (double)(float)want.at[i] : want.at[i];
        double got = load_element(want.type.dt, tensor, i);
        if (!agrees(got, wanted, c->tolerance))
            return arena_printf(a, "result %d, element %lld: %.9g, not %.9g", result, (long long)i, got,
                                wanted);
    }
    return NULL;
}

/* Calls the compiled function; NULL, or what is wrong. The arena is full of rubbish and has margins, too. */
static const char *run_case(Arena *a, const Case *c, JitFunction *call, int64_t arena_bytes)
{
    const Fn *fn = c->fn;
    void **in = NEWN(a, void *, fn->input.n), **out = NEWN(a, void *, fn->result.n);
    for (int i = 0; i < fn->input.n; i++) {
        in[i] = tensor_new(a, c->in[i].type);
        for (int64_t k = 0; k < type_count(c->in[i].type); k++)
            store_element(c->in[i].type.dt, in[i], k, c->in[i].at[k]);
    }
    for (int i = 0; i < fn->result.n; i++)
        out[i] = input_of_result(fn, i) >= 0 ? NULL : tensor_new(a, fn->result.at[i].node->type);
    Type scratch = {.dt = DT_U8, .rank = 1, .dim = {arena_bytes + 64}};
    unsigned char *base = tensor_new(a, scratch), *aligned = base + (64 - (uintptr_t)base % 64) % 64;
    int status = call(in, out, aligned, NULL);
    if (status != (c->fails ? DL_INDEX : DL_OK))
        return arena_printf(a, "status %d", status);
    for (unsigned char *at = base - MARGIN; at < base + arena_bytes + 64 + MARGIN; at++)
        if ((at < aligned || at >= aligned + arena_bytes) && *at != 0xA5)
            return "written outside of the arena";
    for (int i = 0; !c->fails && i < fn->result.n; i++) {
        int same = input_of_result(fn, i);
        const char *wrong = compare_result(a, c, i, same >= 0 ? in[same] : out[i]);
        if (wrong)
            return wrong;
    }
    for (int i = 0; i < fn->input.n; i++) { /* what is no result stays, and after a failure everything does */
        bool result = false;
        for (int k = 0; !c->fails && k < fn->result.n; k++)
            result |= input_of_result(fn, k) == i;
        for (int64_t k = 0; !result && k < type_count(c->in[i].type); k++)
            if (!agrees(load_element(c->in[i].type.dt, in[i], k), (double)c->in[i].at[k], 0))
                return arena_printf(a, "input %d changed", i);
        if (!margins_intact(in[i], c->in[i].type))
            return arena_printf(a, "written outside of input %d", i);
    }
    return NULL;
}

/* Prints the function, its kernels and the complaint. */
static void report(Arena *a, const Case *c, const char *how, const Plan *p, const char *wrong)
{
    StrBuf sb = {.a = a};
    fn_print(&sb, c->fn);
    if (p)
        plan_print_kernels(&sb, p);
    fprintf(stderr, "%s, %s: %s\n%.6000s\n", c->name, how, wrong, sb_text(&sb));
}

/* A BUG in the compiler ends a case, not the test. */
static sigjmp_buf after_bug;

static void leave(int signal)
{
    (void)signal;
    siglongjmp(after_bug, 1);
}

/* Chooses other schedules than the compiler's; NULL: none. */
static Schedules *(*choose_schedules)(Arena *a, const Case *c, const Target *target);

static Plan *lower_or_null(Arena *a, const Case *c, const Target *target)
{
    Plan *volatile p = NULL;
    void (*before)(int) = signal(SIGABRT, leave);
    if (!sigsetjmp(after_bug, 1))
        p = lower_with(a, NULL, c->fn, target, choose_schedules ? choose_schedules(a, c, target) : NULL);
    signal(SIGABRT, before);
    return p;
}

/* Compiles all cases as one source and runs them; how many are wrong. */
static int check_cases(Arena *a, Case *const *cases, int n, const char *how, const Target *target,
                       Jit *(*compile)(Arena *, const char *, const Target *, const char **))
{
    Plan **plan = NEWN(a, Plan *, n);
    MemoryFunction *functions = NEWN(a, MemoryFunction, n);
    const char *why;
    int wrong = 0, nfunction = 0;
    for (int i = 0; i < n; i++) {
        plan[i] = lower_or_null(a, cases[i], target);
        if (plan[i])
            functions[nfunction++] = (MemoryFunction){.name = arena_printf(a, "f%d", i), .plan = plan[i]};
        else
            report(a, cases[i], how, NULL, "cannot be lowered");
        wrong += !plan[i];
    }
    Jit *jit = compile(a, emit_memory(a, functions, nfunction), target, &why);
    if (!jit && n == 1) {
        report(a, cases[0], how, plan[0], why);
        return 1;
    }
    if (!jit) { /* find the guilty one */
        wrong = 0;
        for (int i = 0; i < n; i++)
            wrong += check_cases(a, cases + i, 1, how, target, compile);
        return wrong ? wrong : (fprintf(stderr, "%s: %s\n", how, why), 1);
    }
    for (int i = 0; i < n; i++) {
        if (!plan[i])
            continue;
        Arena *scratch = arena_new();
        JitFunction *call = (JitFunction *)jit_symbol(jit, arena_printf(a, "dlc_f%d", i));
        const char *complaint = run_case(scratch, cases[i], call, plan[i]->arena_bytes);
        if (complaint)
            report(a, cases[i], how, plan[i], complaint);
        wrong += complaint != NULL;
        arena_free(scratch);
    }
    jit_close(jit);
    return wrong;
}

#endif
