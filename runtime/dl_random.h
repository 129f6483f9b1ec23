/* SPDX-License-Identifier: MIT-0 */
/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy
 * as 1, 2, 3; SC 2011). There is no state: a number is a pure function of a key and a counter, so results
 * depend neither on the order of evaluation nor on the number of threads, and are the same bits on every
 * machine.
 *
 *     key     = seed (64 bits)
 *     counter = element / 4, salt (which random tensor of the program), step (which call), 0
 *     number  = word (element modulo 4) of philox(counter, key)
 *
 * Four neighbouring elements share one block, so that a loop which fills a tensor pays for a quarter of the
 * blocks (dl_uniform4) and still gives each element what dl_uniform gives it. */
#ifndef DL_RANDOM_H
#define DL_RANDOM_H

#ifndef DL_HAVE_STDINT /* define it where the fixed-width types are there already and <stdint.h> is not */
#include <stdint.h>
#endif

/* Loops vectorise only if the calls in them are inlined. Firmware built for size may prefer not to. */
#ifndef DL_INLINE
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define DL_INLINE static inline __attribute__((always_inline))
#else
#define DL_INLINE static inline
#endif
#endif

/* One round: two 32 x 32 -> 64 bit products, crossed over and mixed with the round's key. */
#define DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1)                                                              \
    do {                                                                                                     \
        const uint64_t dl_p0 = (uint64_t)0xD2511F53u * (c0);                                                 \
        const uint64_t dl_p1 = (uint64_t)0xCD9E8D57u * (c2);                                                 \
        (c0) = (uint32_t)(dl_p1 >> 32) ^ (c1) ^ (k0);                                                        \
        (c2) = (uint32_t)(dl_p0 >> 32) ^ (c3) ^ (k1);                                                        \
        (c1) = (uint32_t)dl_p1;                                                                              \
        (c3) = (uint32_t)dl_p0;                                                                              \
        (k0) += 0x9E3779B9u; /* golden ratio */                                                              \
        (k1) += 0xBB67AE85u; /* sqrt(3) - 1 */                                                               \
    } while (0)

/* out = the block of four random words at counter under key. out may be counter. Written without loops or
 * arrays of its own: loops around it vectorise, and tcc needs no memset. */
DL_INLINE void dl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    DL_PHILOX_ROUND(c0, c1, c2, c3, k0, k1);
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

#undef DL_PHILOX_ROUND

/* The upper 24 bits of a word as a multiple of 2^-24 in [0, 1): exact, so no rounding can reach 1. */
DL_INLINE float dl_unit(uint32_t word)
{
    return (float)(int32_t)(word >> 8) * 5.9604644775390625e-8f;
}

/* Uniform in [0, 1): the element at index of the random tensor named salt, in call number step. */
DL_INLINE float dl_uniform(uint32_t seed_lo, uint32_t seed_hi, uint32_t step, uint32_t salt, uint32_t index)
{
    uint32_t counter[4], key[2], word[4];

    counter[0] = index >> 2;
    counter[1] = salt;
    counter[2] = step;
    counter[3] = 0;
    key[0] = seed_lo;
    key[1] = seed_hi;
    dl_philox(counter, key, word);
    /* a choice of values, not an index: it keeps the block in registers */
    return dl_unit((index & 2u) ? ((index & 1u) ? word[3] : word[2]) : ((index & 1u) ? word[1] : word[0]));
}

/* out[j] = dl_uniform(..., 4 * block + j) for j in 0..3, for the price of one. */
DL_INLINE void dl_uniform4(uint32_t seed_lo, uint32_t seed_hi, uint32_t step, uint32_t salt, uint32_t block,
                           float out[4])
{
    uint32_t counter[4], key[2], word[4];

    counter[0] = block;
    counter[1] = salt;
    counter[2] = step;
    counter[3] = 0;
    key[0] = seed_lo;
    key[1] = seed_hi;
    dl_philox(counter, key, word);
    out[0] = dl_unit(word[0]);
    out[1] = dl_unit(word[1]);
    out[2] = dl_unit(word[2]);
    out[3] = dl_unit(word[3]);
}

#endif
