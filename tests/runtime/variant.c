/* SPDX-License-Identifier: MIT */
/* Loops over the functions of the runtime, to be compiled several times: -DVARIANT=name names what comes out.
 */
#include "runtime/dl_math.h"
#include "runtime/dl_random.h"
#include "tests/runtime/ulp.h"

#define LOOP(name, reference, bound)                                                                             \
    static void loop_##name(const float *restrict x, float *restrict y)                                      \
    {                                                                                                        \
        for (int i = 0; i < BLOCK; i++)                                                                      \
            y[i] = dl_##name(x[i]);                                                                          \
    }
EACH_FUNCTION(LOOP)

static void loop_pow(const float *restrict x, const float *restrict e, float *restrict y)
{
    for (int i = 0; i < BLOCK; i++)
        y[i] = dl_pow(x[i], e[i]);
}

static void loop_uniform(float *restrict y)
{
    for (uint32_t i = 0; i < BLOCK; i++)
        y[i] = dl_uniform(1, 2, 3, 4, i);
}

#define NAME(name, reference, bound) loop_##name,
const Variant VARIANT = {{EACH_FUNCTION(NAME)}, loop_pow, loop_uniform};
