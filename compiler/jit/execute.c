/* SPDX-License-Identifier: MIT */
/* execute.c: one interface over the interpreter and the engines. */
#include "execute.h"

#include "../emit/emit.h"
#include "../../runtime/dl_status.h"
#include "../../runtime/dl_threads.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE_BYTES = 64, HUGE_PAGE = 2 << 20 };      /* the latter of x86-64 and of most Arm systems */

struct Executable {
    Arena *a;
    const char *engine;
    int n;
    Fn *const *fn;
    bool interpreted;
    Precision precision;
    Jit *jit;
    JitFunction **call;
    void *scratch;              /* one arena for all functions, aligned to 64 */
    int threads;
    dl_pool *pool;              /* NULL: one thread */
};

void *scratch_new(int64_t bytes)
{
    size_t unit = bytes < HUGE_PAGE ? LINE_BYTES : HUGE_PAGE, size = ((size_t)bytes + unit - 1) / unit * unit;
    void *scratch = aligned_alloc(unit, size);
#ifdef MADV_HUGEPAGE
    if (scratch && unit == HUGE_PAGE)
        madvise(scratch, size, MADV_HUGEPAGE);      /* a wish: where it is not granted nothing changes */
#endif
    return scratch;
}

/* ---- the interpreter ------------------------------------------------------------------------------- */
static double element(DType dt, const void *at, int64_t i)
{
    return dt == DT_F32 ? (double)((const float *)at)[i] : dt == DT_I32 ? (double)((const int32_t *)at)[i]
                                                         : (double)((const uint8_t *)at)[i];
}

static void set_element(DType dt, void *at, int64_t i, double value)
{
    if (dt == DT_F32)
        ((float *)at)[i] = (float)value;
    else if (dt == DT_I32)
        ((int32_t *)at)[i] = (int32_t)value;
    else
        ((uint8_t *)at)[i] = (uint8_t)value;
}

static void *result_place(const Fn *fn, int result, void *const *in, void *const *out)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == fn->result.at[result].role && fn->input.at[i].index == fn->result.at[result].index)
            return in[i];
    return out[result];
}

static int interpret(Executable *x, const Fn *fn, void *const *in, void *const *out)
{
    Arena *a = arena_new();
    Value *from = NEWN(a, Value, fn->input.n), *to = NEWN(a, Value, fn->result.n);
    const char *why;
    for (int i = 0; i < fn->input.n; i++) {
        from[i] = value_new(a, fn->input.at[i].node->type);
        for (int64_t k = 0; k < type_count(from[i].type); k++)
            from[i].at[k] = element(from[i].type.dt, in[i], k);
    }
    bool ok = fn_interpret(a, fn, x->precision, from, to, &why);
    for (int i = 0; ok && i < fn->result.n; i++)
        for (int64_t k = 0; k < type_count(to[i].type); k++)
            set_element(to[i].type.dt, result_place(fn, i, in, out), k, to[i].at[k]);
    arena_free(a);
    return ok ? DL_OK : DL_INDEX;
}

/* ---- compiled code --------------------------------------------------------------------------------- */
static bool compile(Executable *x, Diag *d, const JitEngine *engine, const Target *target, const char *const *name, const char **why)
{
    MemoryFunction *functions = NEWN(x->a, MemoryFunction, x->n);
    int n = 0;
    int64_t bytes = 64;
    for (int i = 0; i < x->n; i++) {
        if (!x->fn[i])
            continue;
        Plan *p = lower(x->a, d, x->fn[i], target);
        if (!p) {
            *why = arena_printf(x->a, "%s needs a tensor of more than 2^31 - 1 elements", name[i]);
            return false;
        }
        functions[n++] = (MemoryFunction){.name = name[i], .plan = p};
        bytes = p->arena_bytes > bytes ? p->arena_bytes : bytes;
    }
    x->jit = engine->compile(x->a, emit_memory(x->a, functions, n), target, why);
    if (!x->jit)
        return false;
    for (int i = 0; i < x->n; i++)
        if (x->fn[i])
            x->call[i] = (JitFunction *)jit_symbol(x->jit, arena_printf(x->a, "dlc_%s", name[i]));
    x->scratch = scratch_new(bytes);
    if (!x->scratch) {
        *why = arena_printf(x->a, "cannot allocate %lld bytes for activations", (long long)bytes);
        return false;
    }
    if (x->threads > 1 && !(x->pool = dl_threads_open(x->threads))) {
        *why = arena_printf(x->a, "cannot start %d threads", x->threads);
        return false;
    }
    return true;
}

Executable *executable_new(Arena *a, Diag *d, const char *engine, int threads, bool deterministic, Fn *const *fn, const char *const *name, int n,
                           const char **why)
{
    Executable *x = NEW(a, Executable);
    *x = (Executable){.a = a, .n = n, .fn = fn, .threads = threads, .call = NEWN(a, JitFunction *, n)};
    x->interpreted = engine && !strncmp(engine, "interpret", 9);
    if (x->interpreted && (deterministic || threads > 1)) {
        *why = arena_printf(a, "%s is for compiled code: --jit cc or tcc", deterministic ? "--deterministic" : "--threads");
        return NULL;
    }
    if (x->interpreted) {
        x->engine = engine;
        x->precision = strcmp(engine, "interpret") ? PRECISION_F64 : PRECISION_F32;
        return x;
    }
    const char *colon = engine ? strchr(engine, ':') : NULL;
    const JitEngine *e = jit_engine(colon ? arena_strndup(a, engine, (size_t)(colon - engine)) : engine);
    const Target *target = colon ? target_find(colon + 1) : e ? target_find(e->target) : NULL;
    if (!e || !target) {
        *why = arena_printf(a, "no engine is called %s", engine);
        return NULL;
    }
    x->engine = e->name;
    if (compile(x, d, e, target_deterministic(a, target_with_threads(a, target, threads), deterministic), name, why))
        return x;
    executable_close(x);
    return NULL;
}

int executable_call(Executable *x, int i, void *const *in, void *const *out)
{
    return x->interpreted ? interpret(x, x->fn[i], in, out) : x->call[i](in, out, x->scratch, x->pool);
}

const char *executable_engine(const Executable *x)
{
    return x->engine;
}

void executable_close(Executable *x)
{
    if (x->jit)
        jit_close(x->jit);
    free(x->scratch);
    dl_threads_close(x->pool);
    x->pool = NULL;
    x->jit = NULL;
    x->scratch = NULL;
}
