/* SPDX-License-Identifier: MIT */
/* leaf_eval.c: values of constants, positions and random numbers. An input's value is given. */
#include "ops.h"

#include "../../runtime/dl_random.h"

#define EVAL(name) void eval_##name(EvalCtx *e, const Node *n)

EVAL(const)
{
    eval_out(e, n)[0] = n->attr.constant.value;
}

EVAL(iota)
{
    double *y = eval_out(e, n);
    for (int64_t i = 0; i < n->type.dim[0]; i++)
        y[i] = (double)i;
}

/* The very numbers the runtime draws: element i is number i of the block that seed, step and salt select. */
EVAL(random)
{
    const double *seed = eval_in(e, n, 0), *step = eval_in(e, n, 1);
    uint32_t lo = (uint32_t)(int32_t)seed[0], hi = (uint32_t)(int32_t)seed[1];
    uint32_t at = (uint32_t)(int32_t)step[0];
    double *y = eval_out(e, n);
    for (int64_t i = 0, count = type_count(n->type); i < count; i++)
        y[i] = (double)dl_uniform(lo, hi, at, n->attr.random.salt, (uint32_t)i);
}
