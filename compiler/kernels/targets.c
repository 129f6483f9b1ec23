/* SPDX-License-Identifier: MIT */
/* targets.c: what the schedule must know of a machine; nothing else in the compiler knows a target's name. */
#include "kernel.h"

#include <string.h>

#define FAST "-O2 -ftree-vectorize -fvect-cost-model=dynamic -ffp-contract=fast -fno-math-errno -fno-trapping-math"

/*  name          lanes registers columns calls_gemm flags */
static const Target targets[] = {
    {"generic",    1,   16,       4,      false,     FAST},
    {"x86-64-v3",  8,   16,       2,      false,     FAST " -march=haswell"},
    {"x86-64-v4",  16,  32,       2,      false,     FAST " -march=skylake-avx512 -mprefer-vector-width=512"},
    {"aarch64",    4,   32,       2,      false,     FAST},
    {"tcc",        1,   16,       4,      true,      ""},
};

static const char *native_name(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "x86-64-v3";
#elif defined(__aarch64__)
    return "aarch64";
#endif
    return "generic";
}

const Target *target_at(int i)
{
    return i >= 0 && i < LEN(targets) ? &targets[i] : NULL;
}

const Target *target_find(const char *name)
{
    if (!strcmp(name, "native"))
        name = native_name();
    for (int i = 0; i < LEN(targets); i++)
        if (!strcmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}
