/* SPDX-License-Identifier: MIT */
/* emit_exact.c: what keeps a compiler to IEEE's floats, as the text of C says them. gcc and clang fuse multiplications and additions where
 * nobody tells them not to; pragmas of one mean nothing to the other. */
#include "emit.h"

const char *emit_exact(const Target *target)
{
    if (!target->deterministic)
        return "";
    return "/* The same bits on every machine: each operation rounds by itself, in the order written. */\n"
           "#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \\\n"
           "    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || (defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__)\n"
           "#error \"made with --deterministic: not for -ffast-math, nor for floats of more than 32 bits\"\n"
           "#elif defined(__clang__)\n"
           "#pragma STDC FP_CONTRACT OFF\n"
           "#elif defined(__GNUC__)\n"
           "#pragma GCC optimize(\"fp-contract=off\")\n"
           "#if defined(__ARM_FEATURE_MVE) /* its vectors have no subnormal numbers */\n"
           "#pragma GCC optimize(\"no-tree-vectorize\")\n"
           "#endif\n"
           "#endif\n\n";
}
