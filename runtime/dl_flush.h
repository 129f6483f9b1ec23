/* SPDX-License-Identifier: MIT-0 */
/* dl_flush.h: numbers below 2^-126 taken for zeros for as long as a function runs. What fades in training, the moments of a weight
 * without a gradient or the gradient of a loss near 0, ends as such subnormal numbers, and on each of them an x86 spends a
 * hundred cycles or more. Other machines lose little or nothing, or have no such mode: there these do nothing. */
#ifndef DL_FLUSH_H
#define DL_FLUSH_H

#if defined(__x86_64__) && defined(__SSE__) && defined(__GNUC__) && !defined(__TINYC__)

#define DL_FLUSHES 0x8040u /* two bits of MXCSR: subnormal results are zeros, and so are subnormal operands */

/* How this thread takes subnormal numbers. */
static inline unsigned dl_subnormals(void)
{
    return __builtin_ia32_stmxcsr() & DL_FLUSHES;
}

/* As dl_subnormals said elsewhere or before; what exceptions there have been stays known. */
static inline void dl_set_subnormals(unsigned how)
{
    if (dl_subnormals() != how)
        __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~DL_FLUSHES) | how);
}

#else

#define DL_FLUSHES 0u

static inline unsigned dl_subnormals(void)
{
    return 0;
}

static inline void dl_set_subnormals(unsigned how)
{
    (void)how;
}

#endif

/* Zeros from here on. Returns what dl_set_subnormals takes to have them back. */
static inline unsigned dl_flush(void)
{
    const unsigned before = dl_subnormals();
    dl_set_subnormals(DL_FLUSHES);
    return before;
}

#endif
