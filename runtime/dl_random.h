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
 * blocks (dl_uniforms) and still gives each element what dl_uniform gives it. */
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

/* A product of 32 x 32 bits in each word of 64, whose upper halves are not looked at. gcc makes three instructions of what is one. */
#if defined(__AVX2__) && defined(__clang__)
#define DL_WIDE_PRODUCT(x, y) (((x) & 0xFFFFFFFFu) * (y))
#elif defined(__AVX512F__) && defined(__GNUC__) && __GNUC__ >= 12
#define DL_WIDE_PRODUCT(x, y) \
    ((dl_words)__builtin_ia32_pmuludq512_mask((dl_halves)(x), (dl_halves)(y), (dl_products)(x), 0xFF))
#elif defined(__AVX2__) && defined(__GNUC__) && __GNUC__ >= 12
#define DL_WIDE_PRODUCT(x, y) ((dl_words)__builtin_ia32_pmuludq256((dl_halves)(x), (dl_halves)(y)))
#endif

#ifdef DL_WIDE_PRODUCT
#ifdef __AVX512F__
#define DL_LANES 8
#define DL_EACH_LANE {0, 1, 2, 3, 4, 5, 6, 7}
#define DL_FIRST_LANES(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11)
#define DL_LAST_LANES(x, y) __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define DL_LANES 4
#define DL_EACH_LANE {0, 1, 2, 3}
#define DL_FIRST_LANES(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define DL_LAST_LANES(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#endif
typedef uint64_t dl_words __attribute__((vector_size(8 * DL_LANES)));
typedef long long dl_products __attribute__((vector_size(8 * DL_LANES)));
typedef int32_t dl_halves __attribute__((vector_size(8 * DL_LANES)));
typedef float dl_units __attribute__((vector_size(8 * DL_LANES)));
typedef float dl_some_units __attribute__((vector_size(8 * DL_LANES), aligned(4), may_alias));

/* The upper 24 bits of each half: lanes of 64 bits hold two words, the first in their lower half. */
#define DL_UNITS(words) \
    (__builtin_convertvector((dl_halves)((words) >> 8 & 0x00FFFFFF00FFFFFFu), dl_units) * 5.9604644775390625e-8f)

/* dl_uniform4 for DL_LANES blocks, one in each lane: the round is dl_philox's. */
DL_INLINE void dl_uniform_lanes(uint32_t seed_lo, uint32_t seed_hi, uint32_t step, uint32_t salt, uint32_t block,
                                float *out)
{
    const dl_words none = {0}, each = DL_EACH_LANE;
    dl_words c0 = each + block, c1 = none + salt, c2 = none + step, c3 = none;

#pragma GCC unroll 10
    for (uint32_t round = 0; round < 10; round++) {
        const dl_words p0 = DL_WIDE_PRODUCT(c0, none + 0xD2511F53u), p1 = DL_WIDE_PRODUCT(c2, none + 0xCD9E8D57u);
        c0 = p1 >> 32 ^ c1 ^ (seed_lo + round * 0x9E3779B9u);
        c2 = p0 >> 32 ^ c3 ^ (seed_hi + round * 0xBB67AE85u);
        c1 = p1;
        c3 = p0;
    }
    c0 = (c0 & 0xFFFFFFFFu) | c1 << 32;
    c2 = (c2 & 0xFFFFFFFFu) | c3 << 32;
    *(dl_some_units *)out = DL_UNITS(DL_FIRST_LANES(c0, c2));
    *(dl_some_units *)(out + 2 * DL_LANES) = DL_UNITS(DL_LAST_LANES(c0, c2));
}

#undef DL_WIDE_PRODUCT
#undef DL_EACH_LANE
#undef DL_FIRST_LANES
#undef DL_LAST_LANES
#undef DL_UNITS
#endif

/* dl_uniform4 for so many blocks, the first of which is given. */
DL_INLINE void dl_uniforms(uint32_t seed_lo, uint32_t seed_hi, uint32_t step, uint32_t salt, uint32_t block,
                           int blocks, float *out)
{
#ifdef DL_LANES
    for (; blocks >= DL_LANES; blocks -= DL_LANES, block += DL_LANES, out += 4 * DL_LANES)
        dl_uniform_lanes(seed_lo, seed_hi, step, salt, block, out);
#endif
    for (; blocks > 0; blocks--, block++, out += 4)
        dl_uniform4(seed_lo, seed_hi, step, salt, block, out);
}

#endif
