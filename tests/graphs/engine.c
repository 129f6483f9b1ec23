/* SPDX-License-Identifier: MIT */
/* engine.c: compiled functions against their bounds. Many functions make one unit, so that a compiler's start
 * is paid once. */
#define _GNU_SOURCE
#include "graphs.h"
#include "compiler/emit/emit.h"
#include "compiler/jit/jit.h"
#include "compiler/passes/passes.h"
#include "runtime/dl_status.h"

#include <dlfcn.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- the table ----------------------------------------------------------------------------------- */
#define FAST "-ffp-contract=fast -fno-math-errno -fno-trapping-math"
#define TRAP "-O0 -fsanitize=undefined -fsanitize-undefined-trap-on-error"
/* gcc 12's vectoriser loads whole vectors of which it uses the first elements, and so reads behind a tensor:
 * for the factor x[1] of a row of products, x[1] to x[4]; for AVX-512, where y[j] = j < 2 ? x[j] : 0, x[0] to
 * x[3], and before it where y[j] = j > 0 ? x[j - 1] : 0 (a masked load that becomes a blend with memory). */
static const Engine engines[] = {
    {.name = "tcc", .target = "tcc"},
    {.name = "tcc-generic", .target = "generic"},
    {.name = "gcc-generic",
     .target = "generic",
     .compiler = "gcc",
     .flags = "-O1 -ftree-vectorize " FAST,
     .overreads = true},
    {.name = "clang-v3", .target = "x86-64-v3", .compiler = "clang", .flags = "-O1 -march=haswell " FAST},
    {.name = "gcc-v4",
     .target = "x86-64-v4",
     .compiler = "gcc",
     .flags = "-O1 -ftree-vectorize -march=skylake-avx512 -mprefer-vector-width=512 " FAST,
     .overreads = true},
    {.name = "tcc-compact", .target = "generic", .compact = true},
    {.name = "clang-compact", .target = "generic", .compiler = "clang", .flags = "-Os " FAST, .compact = true},
    {.name = "tcc-unrolled", .target = "cortex-m4f"},
    {.name = "gcc-unrolled", .target = "cortex-m7", .compiler = "gcc", .flags = "-O1 " FAST},
    {.name = "tcc-threads", .target = "generic", .threads = 3},
    {.name = "clang-generic", .target = "generic", .compiler = "clang", .flags = "-O1 " FAST},
    {.name = "gcc-v3",
     .target = "x86-64-v3",
     .compiler = "gcc",
     .flags = "-O2 -ftree-vectorize -march=haswell " FAST,
     .overreads = true},
    {.name = "clang-v4",
     .target = "x86-64-v4",
     .compiler = "clang",
     .flags = "-O1 -march=skylake-avx512 " FAST},
    {.name = "gcc-threads",
     .target = "x86-64-v3",
     .compiler = "gcc",
     .flags = "-O1 -ftree-vectorize -march=haswell " FAST,
     .overreads = true,
     .threads = 3},
    {.name = "gcc-blocks",
     .target = "x86-64-v3",
     .compiler = "gcc",
     .flags = "-O1 -ftree-vectorize -march=haswell " FAST,
     .overreads = true,
     .caches = 256},
    {.name = "clang-blocks",
     .target = "aarch64",
     .compiler = "clang",
     .flags = "-O1 " FAST,
     .threads = 3,
     .caches = 256},
    {.name = "gcc-4lanes", .target = "aarch64", .compiler = "gcc", .flags = "-O1 " FAST},
    {.name = "clang-4lanes", .target = "aarch64", .compiler = "clang", .flags = "-O1"},
    {.name = "gcc-checked", .target = "generic", .compiler = "gcc", .flags = TRAP},
    {.name = "clang-checked",
     .target = "x86-64-v3",
     .compiler = "clang",
     .flags = "-march=haswell -O0 -fsanitize=undefined -fsanitize-trap=all"},
    {.name = "gcc-O3",
     .target = "generic",
     .compiler = "gcc",
     .flags = "-O3 -march=native " FAST,
     .slow = true,
     .overreads = true},
    {.name = "clang-O3",
     .target = "generic",
     .compiler = "clang",
     .flags = "-O3 -march=native " FAST,
     .slow = true},
};

static bool runs_here(const Engine *e)
{
#if !defined(__x86_64__)
    if (e->compiler && strstr(e->flags, "-march="))
        return false;
#endif
    return target_find(e->target)->lanes <= 4 ||
           target_find("native")->lanes >= target_find(e->target)->lanes;
}

const Engine *engine_at(int i)
{
    static const Engine none = {0};
    if (i < 0 || i >= LEN(engines))
        return NULL;
    return runs_here(&engines[i]) ? &engines[i] : &none;
}

int engine_find(const char *name)
{
    for (int i = 0; i < LEN(engines); i++)
        if (!strcmp(engines[i].name, name))
            return i;
    return -1;
}

/* ---- threads ------------------------------------------------------------------------------------- */
/* Pieces as small as they may be, the last first, in turn for each thread. */
static void run_backwards(dl_pool *pool, const dl_work *work)
{
    (void)pool;
    for (int from = (work->count - 1) / work->grain * work->grain; from >= 0; from -= work->grain)
        work->piece(work->arguments, from / work->grain % work->threads, from,
                    work->count - from < work->grain ? work->count : from + work->grain);
}

static dl_pool backwards = {run_backwards};

static const Target *target_of(Arena *a, const Engine *e)
{
    const Target *row = target_find(e->target);
    Target *t = arena_dup(a, e->compact ? target_compact(a, row) : row, sizeof *t);
    t->threads.n = e->threads ? e->threads : 1;
    t->threads.hand_over = 0;
    t->slow_subnormals = false; /* what they come to is asked, too */
    t->l1 = e->caches ? e->caches : t->l1;
    t->l2 = e->caches ? 4 * e->caches : t->l2;
    return t;
}

/* ---- compiling ----------------------------------------------------------------------------------- */
typedef struct Library {
    Jit *jit;     /* libtcc */
    void *handle; /* the others */
} Library;

static bool spawned(Arena *a, const char *command, const char **why)
{
    char *argv[] = {"sh", "-c", (char *)command, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) || waitpid(pid, &status, 0) < 0) {
        *why = "cannot run sh";
        return false;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        *why = arena_printf(a, "%s: status %d", command, status);
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool compile_by(Arena *a, const Engine *e, const char *source, Library *l, const char **why)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(a, "%s/dlc-graphs-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        *why = "cannot make a folder";
        return false;
    }
    const char *c = arena_printf(a, "%s/graphs.c", folder), *so = arena_printf(a, "%s/graphs.so", folder),
               *log = arena_printf(a, "%s/log", folder);
    const char *command =
        arena_printf(a, "CCACHE_DISABLE=1 timeout 200 %s %s -std=gnu11 -w -fPIC -shared -o %s %s 2>%s",
                     e->compiler, e->flags, so, c, log);
    bool fine = file_write(a, c, source, strlen(source), why) && spawned(a, command, why);
    size_t bytes;
    const char *ignored, *text = fine ? NULL : file_read(a, log, &bytes, &ignored);
    if (text)
        *why = arena_printf(a, "%s\n%.1500s", *why, text);
    if (fine && !(l->handle = dlopen(so, RTLD_NOW | RTLD_LOCAL))) {
        *why = arena_strdup(a, dlerror());
        fine = false;
    }
    unlink(c), unlink(so), unlink(log), rmdir(folder);
    return fine;
}

static bool compile(Arena *a, const Engine *e, const char *source, Library *l, const char **why)
{
    *l = (Library){0};
    if (e->compiler)
        return compile_by(a, e, source, l, why);
    l->jit = jit_tcc(a, source, target_find(e->target), why);
    return l->jit != NULL;
}

static JitFunction *symbol(const Library *l, const char *name)
{
    return (JitFunction *)(l->jit ? jit_symbol(l->jit, name) : dlsym(l->handle, name));
}

static void library_close(Library *l)
{
    if (l->jit)
        jit_close(l->jit);
    if (l->handle)
        dlclose(l->handle);
}

/* ---- memory between pages that nobody may touch -------------------------------------------------- */
enum { PAGE = 4096, MARGIN = 64, RUBBISH = 0xFF, UNTOUCHED = 0xA5 };

typedef struct Guarded {
    unsigned char *base, *at;
    size_t room, bytes;
} Guarded;

/* Where a tensor lies in its pages. All bytes beside it must stay UNTOUCHED, at least MARGIN of them on a side
 * that is no edge. RUBBISH is NaN as a float. */
typedef enum Place { AT_BEGINNING, AT_END, BETWEEN } Place;

static Guarded guarded_new(int64_t bytes, int64_t alignment, Place place)
{
    Guarded g = {.bytes = (size_t)bytes};
    g.room = ((size_t)bytes + 2 * MARGIN + PAGE - 1) / PAGE * PAGE;
    g.base = mmap(NULL, g.room + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.base == MAP_FAILED || mprotect(g.base + PAGE, g.room, PROT_READ | PROT_WRITE))
        BUG("no memory");
    size_t offset = place == AT_END    ? (g.room - g.bytes) / (size_t)alignment * (size_t)alignment
                    : place == BETWEEN ? MARGIN
                                       : 0;
    g.at = g.base + PAGE + offset;
    memset(g.base + PAGE, UNTOUCHED, g.room);
    memset(g.at, RUBBISH, g.bytes);
    return g;
}

static bool margins_intact(const Guarded *g)
{
    for (unsigned char *p = g->base + PAGE; p < g->base + PAGE + g->room; p++) {
        if (p == g->at)
            p += g->bytes;
        if (p < g->base + PAGE + g->room && *p != UNTOUCHED)
            return false;
    }
    return true;
}

static void guarded_free(Guarded *g)
{
    if (g->base)
        munmap(g->base, g->room + 2 * PAGE);
}

static void store(DType dt, void *at, int64_t i, double value)
{
    if (dt == DT_F32)
        ((float *)at)[i] = (float)value;
    else if (dt == DT_I32)
        ((int32_t *)at)[i] = (int32_t)value;
    else
        ((uint8_t *)at)[i] = (uint8_t)value;
}

static double load(DType dt, const void *at, int64_t i)
{
    return dt == DT_F32   ? (double)((const float *)at)[i]
           : dt == DT_I32 ? (double)((const int32_t *)at)[i]
                          : (double)((const uint8_t *)at)[i];
}

/* ---- one call ------------------------------------------------------------------------------------ */
static int input_of_result(const Fn *fn, int result)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == fn->result.at[result].role &&
            fn->input.at[i].index == fn->result.at[result].index)
            return i;
    return -1;
}

static void count(Tally *t, const Bounded *want, int64_t i)
{
    double error = want->error[i];
    if (error == 0)
        t->exact++;
    else if (isinf(error))
        t->unknown++;
    else if (error <= 1e-3 * fmax(fabs(want->value[i]), 1e-3))
        t->tight++;
    else
        t->loose++;
}

static const char *compare(Arena *a, const Bounded *want, int result, const void *got, Tally *tally)
{
    const char *wrong = NULL;
    for (int64_t i = 0; i < type_count(want->type); i++) {
        double is = load(want->type.dt, got, i);
        count(tally, want, i);
        if (!wrong && !bound_holds(want, i, is))
            wrong = arena_printf(a, "result %d, element %lld: %.9g, not %.9g (+- %.3g)", result, (long long)i,
                                 is, want->value[i], want->error[i]);
    }
    return wrong;
}

/* Calls the function; NULL, or what is wrong. */
static const char *call(Arena *a, const Case *c, JitFunction *function, int64_t arena_bytes, Place place,
                        Tally *tally)
{
    const Fn *fn = c->fn;
    bool fails = c->outcome == OUTCOME_FAILS;
    Guarded *input = NEWN(a, Guarded, fn->input.n + 1), *output = NEWN(a, Guarded, fn->result.n + 1);
    Guarded scratch = guarded_new((arena_bytes + 63) / 64 * 64, 64, place);
    void **in = NEWN(a, void *, fn->input.n + 1), **out = NEWN(a, void *, fn->result.n + 1);
    for (int i = 0; i < fn->input.n; i++) {
        Type t = c->in[i].type;
        input[i] = guarded_new(type_bytes(t), dtype_bytes(t.dt), place);
        in[i] = input[i].at;
        for (int64_t k = 0; k < type_count(t); k++)
            store(t.dt, in[i], k, c->in[i].at[k]);
    }
    for (int i = 0; i < fn->result.n; i++) {
        Type t = fn->result.at[i].node->type;
        if (input_of_result(fn, i) >= 0)
            continue;
        output[i] = guarded_new(type_bytes(t), dtype_bytes(t.dt), place);
        out[i] = output[i].at;
    }
    int status = function(in, out, scratch.at, &backwards);
    const char *wrong = status == (fails ? DL_INDEX : DL_OK) ? NULL : arena_printf(a, "status %d", status);
    if (!wrong && !margins_intact(&scratch))
        wrong = "written outside of the arena";
    for (int i = 0; !wrong && !fails && i < fn->result.n; i++) {
        int same = input_of_result(fn, i);
        wrong = compare(a, &c->out[i], i, same >= 0 ? in[same] : out[i], tally);
        if (!wrong && out[i] && !margins_intact(&output[i]))
            wrong = arena_printf(a, "written outside of result %d", i);
    }
    for (int i = 0; !wrong && i < fn->input.n;
         i++) { /* what is no result stays, and after a failure everything does */
        Type t = c->in[i].type;
        bool result = false;
        for (int k = 0; !fails && k < fn->result.n; k++)
            result |= input_of_result(fn, k) == i;
        for (int64_t k = 0; !result && !wrong && k < type_count(t); k++) {
            double is = load(t.dt, in[i], k), was = c->in[i].at[k];
            was = t.dt == DT_F32 ? (double)(float)was : was;
            if (is != was && !(isnan(is) && isnan(was)))
                wrong = arena_printf(a, "input %d changed", i);
        }
        if (!wrong && !margins_intact(&input[i]))
            wrong = arena_printf(a, "written outside of input %d", i);
    }
    guarded_free(&scratch);
    for (int i = 0; i < fn->input.n; i++)
        guarded_free(&input[i]);
    for (int i = 0; i < fn->result.n; i++)
        guarded_free(&output[i]);
    return wrong;
}

/* With small caches also a batch is done in parts, of an example each. */
static const Fn *function_for(Arena *a, const Engine *e, const Fn *fn)
{
    const Fn *parts = e->caches ? by_parts(a, fn, (PartLimits){.l2 = 1, .exact = true, .always = true}) : NULL;
    return parts ? parts : fn;
}

/* ---- a unit -------------------------------------------------------------------------------------- */
void engine_check(Arena *a, const Engine *e, Case *const *cases, int n, Tally *tally, Progress *progress,
                  Verdict *verdict, void *context)
{
    Plan **plan = NEWN(a, Plan *, n);
    MemoryFunction *function = NEWN(a, MemoryFunction, n);
    for (int i = 0; i < n; i++) {
        progress(context, cases[i], "lowering");
        plan[i] = lower(a, NULL, function_for(a, e, cases[i]->fn), target_of(a, e));
        const char *why = plan[i] ? plan_verify(a, plan[i]) : "cannot be lowered";
        if (why)
            verdict(context, cases[i], why, "lowering");
        function[i] = (MemoryFunction){.name = arena_printf(a, "g%d", i), .plan = plan[i]};
    }
    const char *why;
    Library l;
    progress(context, cases[0], n == 1 ? "compiling" : "compiling all");
    if (!compile(a, e, emit_memory(a, function, n), &l, &why)) {
        if (n == 1)
            verdict(context, cases[0], why, "compiling");
        for (int i = 0; n > 1 && i < n; i++) /* find the guilty one */
            engine_check(a, e, cases + i, 1, tally, progress, verdict, context);
        return;
    }
    for (int i = 0; i < n; i++) {
        progress(context, cases[i], "running");
        if (cases[i]->outcome > OUTCOME_FAILS) {
            tally->unclear++;
            continue;
        }
        Arena *each = arena_new();
        JitFunction *compiled = symbol(&l, arena_printf(a, "dlc_g%d", i));
        const char *wrong =
            call(each, cases[i], compiled, plan[i]->arena_bytes, e->overreads ? BETWEEN : AT_BEGINNING, tally);
        if (!wrong && !e->overreads)
            wrong = call(each, cases[i], compiled, plan[i]->arena_bytes, AT_END, tally);
        if (wrong)
            verdict(context, cases[i], wrong, "running");
        arena_free(each);
    }
    progress(context, cases[0], "closing");
    library_close(&l);
}
