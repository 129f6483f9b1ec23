/* SPDX-License-Identifier: MIT */
/* targets.c: what the schedule must know of a machine; nothing else in the compiler knows a target's name.
 *
 * Pipes, latencies and widths are those of the kind of core that is usual under the name: of x86-64-v3 Haswell to Zen 3, of
 * x86-64-v4 Skylake-X to Sapphire Rapids, of aarch64 Cortex-A76. Microcontrollers' are from Arm's technical reference manuals;
 * they have no L2, and those without an FPU count the integer registers that soft-float code is left with. */
#include "kernel.h"

#include <string.h>
#include <unistd.h>

/* clang's loops over a tile's sums are better left as they are; gcc leaves them at -O2, but would vectorise too little besides. */
#define FAST "-O2 -ftree-vectorize -fno-unroll-loops -ffp-contract=fast -fno-math-errno -fno-trapping-math"
/* A kernel inlined into its only caller loses what `restrict` says of its tensors: gcc and clang then leave loops as they are. */
#define OF_GCC "-fvect-cost-model=dynamic -fno-inline-functions-called-once"
/* Of loops of fewer than 16 turns clang makes vectors only if told that they are worth it: those over a few channels. */
#define OF_CLANG "-fno-inline-functions -mllvm -vectorizer-min-trip-count=4"
#define SMALL "-O2 -fno-unroll-loops -fno-math-errno -fno-trapping-math "    /* in-order scalar cores: nothing to vectorise for */
#define CALLS_NOTHING "-fno-tree-loop-distribute-patterns"    /* no loop becomes a call of memset or memcpy */
#define KIB 1024
#define ALONE {1, 10000}       /* some 4 microseconds, of a kernel whose operands half lie in the other's cache: tests/bench/threads.c */

/*  name            lanes registers columns pipes latency loads l1        l2         l2_width calls_gemm needs, flags, gcc_flags, clang_flags, machine, threads, issue, compact, flushes, deterministic, panel, slow_subnormals */
static const Target targets[] = {
    {"generic",         1, 24, 4, 2, 4, 2, 32 * KIB,  256 * KIB, 32, false, NULL, FAST, OF_GCC, OF_CLANG, "any: portable C99", ALONE, 0, false, false, false, 0, true},
    {"x86-64",          4, 16, 2, 2, 8, 2, 32 * KIB,  256 * KIB, 32, false, "defined(__SSE2__)",
     FAST " -march=x86-64", OF_GCC, OF_CLANG, "any x86-64: SSE2, no fused multiply-add", ALONE, 0, false, false, false, 0, true},
    {"x86-64-v3",       8, 16, 2, 2, 4, 2, 32 * KIB,  512 * KIB, 32, false, "defined(__AVX2__) && defined(__FMA__)",
     FAST " -march=haswell", OF_GCC, OF_CLANG, "x86-64 with AVX2 and FMA", ALONE, 0, false, false, false, 0, true},
    {"x86-64-v4",      16, 32, 2, 2, 4, 2, 32 * KIB, 1024 * KIB, 48, false, "defined(__AVX512F__)",
     FAST " -march=skylake-avx512 -mprefer-vector-width=512", OF_GCC, OF_CLANG, "x86-64 with AVX-512", ALONE, 0, false, false, false, 0, true},
    {"aarch64",         4, 32, 2, 2, 4, 2, 64 * KIB,  512 * KIB, 32, false, "defined(__aarch64__)", FAST, OF_GCC, OF_CLANG, "64-bit Arm: Neon", ALONE, 0, false, false, false, 0, false},
    {"wasm32",          1, 16, 4, 2, 4, 2, 32 * KIB,  256 * KIB, 32, false, NULL, FAST, NULL, NULL, "WebAssembly without SIMD", ALONE, 0, false, false, false, 0, false},
    {"wasm32-simd128",  4, 16, 2, 2, 8, 2, 32 * KIB,  256 * KIB, 32, false, "defined(__wasm_simd128__)",
     FAST " -msimd128", NULL, NULL, "WebAssembly with 128-bit SIMD", ALONE, 0, false, false, false, 16 * KIB, false},      /* linkers give it 64 KiB of stack */
    {"cortex-m0plus",   1,  6, 2, 1, 1, 1, 0, 0, 0, false, NULL, SMALL "-mcpu=cortex-m0plus -mthumb", CALLS_NOTHING, NULL, "Cortex-M0+: no FPU", ALONE, 1, false, false, false, 0, false},
    {"cortex-m3",       1,  9, 2, 1, 1, 1, 0, 0, 0, false, NULL, SMALL "-mcpu=cortex-m3 -mthumb", CALLS_NOTHING, NULL, "Cortex-M3: no FPU", ALONE, 1, false, false, false, 0, false},
    {"cortex-m4f",      1, 26, 8, 1, 1, 1, 0, 0, 0, false, NULL,    /* VFMA takes 3 cycles, VMUL and VADD one each; 6 registers for products */
     SMALL "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffp-contract=off", CALLS_NOTHING, NULL, "Cortex-M4 with FPU", ALONE, 1, false, false, false, 0, false},
    {"cortex-m4f-fma",  1, 32, 8, 1, 3, 1, 0, 0, 0, false, NULL,    /* a third fewer instructions, a quarter more cycles: docs/microcontrollers.md */
     SMALL "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffp-contract=fast", CALLS_NOTHING, NULL, "the same with VFMA: less code", ALONE, 1, false, false, false, 0, false},
    {"cortex-m7",       1, 32, 8, 1, 3, 2, 16 * KIB, 0, 0, false, NULL,
     SMALL "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16 -ffp-contract=fast", CALLS_NOTHING, NULL, "Cortex-M7 with FPU", ALONE, 2, false, false, false, 0, false},
    {"cortex-m55",      4,  8, 2, 1, 4, 1, 16 * KIB, 0, 0, false, "defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE >= 2",
     SMALL "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard -ffp-contract=fast", CALLS_NOTHING, NULL, "Cortex-M55: Helium vectors", ALONE, 0, false, true, false, 0, false},
    {"rv32imac",        1,  9, 2, 1, 1, 1, 0, 0, 0, false, NULL, SMALL "-march=rv32imac -mabi=ilp32", CALLS_NOTHING, NULL, "32-bit RISC-V: no FPU", ALONE, 1, false, false, false, 0, false},
    {"rv32imafc",       1, 32, 8, 1, 4, 1, 0, 0, 0, false, NULL,
     SMALL "-march=rv32imafc -mabi=ilp32f -ffp-contract=fast", CALLS_NOTHING, NULL, "32-bit RISC-V with FPU", ALONE, 1, false, false, false, 0, false},
    {"rv64gc",          1, 32, 8, 1, 4, 1, 32 * KIB, 1024 * KIB, 16, false, NULL,
     SMALL "-march=rv64gc -mabi=lp64d -ffp-contract=fast", CALLS_NOTHING, NULL, "64-bit RISC-V: Linux boards", ALONE, 1, false, false, false, 0, false},
    {"tcc",             1, 16, 4, 2, 4, 2, 32 * KIB,  256 * KIB, 32, true, NULL, "", NULL, NULL, "in-memory work without a compiler", ALONE, 0, false, false, false, 0, false},
};

static const char *native_name(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "x86-64-v3";
    return "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#elif defined(__riscv) && __riscv_xlen == 64
    return "rv64gc";
#else
    return "generic";
#endif
}

static int64_t cache_bytes(int name, int64_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : otherwise;
}

/* This machine's row, with the caches it says it has. */
static const Target *native(void)
{
    static Target row;
    row = *target_find(native_name());
    row.l1 = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, row.l1);
    row.l2 = cache_bytes(_SC_LEVEL2_CACHE_SIZE, row.l2);
    return &row;
}

const char *target_flags(Arena *a, const Target *target, const char *compiler)
{
    const char *own = strstr(compiler, "clang") ? target->clang_flags : target->gcc_flags;
    return own ? arena_printf(a, "%s %s", target->flags, own) : target->flags;
}

const char *target_command(Arena *a, const Target *target, const char *command, const char *more)
{
    const char *own = strstr(command, " -");
    own = own ? own : command + strlen(command);
    const char *compiler = arena_strndup(a, command, (size_t)(own - command));
    return arena_printf(a, "%s %s %s%s", compiler, target_flags(a, target, compiler), more, own);
}

const char *target_advice(Arena *a, const Target *target, const char *between)
{
    const char *gcc = target->gcc_flags ? arena_printf(a, "%sof gcc also %s", between, target->gcc_flags) : "";
    const char *clang = target->clang_flags ? arena_printf(a, ", of clang %s", target->clang_flags) : "";
    return arena_printf(a, "%s%s%s", target->flags, gcc, clang);
}

const Target *target_with_threads(Arena *a, const Target *target, int threads)
{
    Target *t = NEW(a, Target);
    *t = *target;
    t->threads.n = threads;
    return t;
}

const Target *target_compact(Arena *a, const Target *target)
{
    static const char fast[] = "-O2 ", vectors[] = "-ftree-vectorize ";
    const char *flags = target->flags;
    Target *t = NEW(a, Target);
    *t = *target;
    t->compact = true;
    t->lanes = 1;
    if (!strncmp(flags, fast, strlen(fast))) {
        flags += strlen(fast);
        if (!strncmp(flags, vectors, strlen(vectors))) {
            flags += strlen(vectors);
            t->gcc_flags = t->clang_flags = NULL;       /* are for vectors, too */
        }
        t->flags = arena_printf(a, "-Os %s", flags);
    }
    return t;
}

/* Flags that let multiply-adds be fused: clang's go before what a file says. */
static const char *unfused(Arena *a, const char *flags)
{
    const char *fast = "-ffp-contract=fast", *at = strstr(flags, fast);
    return at ? arena_printf(a, "%.*s-ffp-contract=off%s", (int)(at - flags), flags, at + strlen(fast)) : flags;
}

const Target *target_deterministic(Arena *a, const Target *target, bool wanted)
{
    if (!wanted)
        return target;
    Target *t = NEW(a, Target);
    *t = *target;
    t->deterministic = true;
    t->slow_subnormals = false;     /* slow or not, they are kept: not every machine can do without */
    t->flags = unfused(a, t->flags);
    if (t->flushes) {       /* a scalar core, as its compiler must see it too */
        const Target *scalar = target_find("cortex-m7");
        t->lanes = 1;
        t->registers = scalar->registers;
        t->columns = scalar->columns;
        t->issue = 1;
        t->needs = NULL;
        t->flags = arena_printf(a, "%s -fno-tree-vectorize -fno-tree-slp-vectorize", t->flags);
    }
    return t;
}

const Target *target_at(int i)
{
    return i >= 0 && i < LEN(targets) ? &targets[i] : NULL;
}

const Target *target_find(const char *name)
{
    if (!strcmp(name, "native"))
        return native();
    for (int i = 0; i < LEN(targets); i++)
        if (!strcmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}
