/* SPDX-License-Identifier: MIT-0 */
/* dl_tile.h: what contraction kernels need: vectors, and which taps of a padded window lie on the data. */
#ifndef DL_TILE_H
#define DL_TILE_H

/* A tap k of a window lies at start + k * dilation. `reach` is how far the window starts before the data: the first tap on it. */
static inline int dl_first_tap(int reach, int dilation)
{
    return reach > 0 ? (reach + dilation - 1) / dilation : 0;
}

/* `room` is the distance from the window's start to the data's last element: one past the last of `taps` on the data. */
static inline int dl_end_tap(int room, int dilation, int taps)
{
    const int end = room < 0 ? 0 : room / dilation + 1;
    return end < taps ? end : taps;
}

static inline int dl_later(int x, int y)
{
    return x > y ? x : y;
}

static inline int dl_sooner(int x, int y)
{
    return x < y ? x : y;
}

#if defined(__GNUC__) && !defined(__TINYC__)
#define DL_ALIGNED __attribute__((aligned(64)))
/* x[i] into the cache; it need not exist. */
#define DL_PREFETCH(x, i) __builtin_prefetch((const void *)((__UINTPTR_TYPE__)(x) + 4 * (__UINTPTR_TYPE__)(i)))
/* The same, to be written. */
#define DL_PREFETCH_RESULT(x, i) __builtin_prefetch((const void *)((__UINTPTR_TYPE__)(x) + 4 * (__UINTPTR_TYPE__)(i)), 1)
typedef float dl_v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float dl_v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float dl_v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int dl_m4 __attribute__((vector_size(16), aligned(4), may_alias));     /* of comparisons: all bits, or none */
typedef int dl_m8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int dl_m16 __attribute__((vector_size(64), aligned(4), may_alias));

/* A number for all elements of a vector; a vector itself. */
#define DL_ALL4(x) ((x) - (dl_v4){0})
#define DL_ALL8(x) ((x) - (dl_v8){0})
#define DL_ALL16(x) ((x) - (dl_v16){0})
/* By element x where the comparison holds, else y. */
#define DL_CHOOSE4(where, x, y) ((dl_v4)(((dl_m4)(where) & (dl_m4)DL_ALL4(x)) | (~(dl_m4)(where) & (dl_m4)DL_ALL4(y))))
#define DL_CHOOSE8(where, x, y) ((dl_v8)(((dl_m8)(where) & (dl_m8)DL_ALL8(x)) | (~(dl_m8)(where) & (dl_m8)DL_ALL8(y))))
#define DL_CHOOSE16(where, x, y) ((dl_v16)(((dl_m16)(where) & (dl_m16)DL_ALL16(x)) | (~(dl_m16)(where) & (dl_m16)DL_ALL16(y))))

/* By element y where it is more, or less, than x, else x. gcc makes of a choice three instructions, which keep nothing but NaNs as this one does. */
#if defined(__SSE__) && !defined(__clang__)
#define DL_MAX4(x, y) ((dl_v4)__builtin_ia32_maxps(DL_ALL4(y), DL_ALL4(x)))
#define DL_MIN4(x, y) ((dl_v4)__builtin_ia32_minps(DL_ALL4(y), DL_ALL4(x)))
#else
#define DL_MAX4(x, y) DL_CHOOSE4((x) < (y), y, x)
#define DL_MIN4(x, y) DL_CHOOSE4((x) > (y), y, x)
#endif
#if defined(__AVX__) && !defined(__clang__)
#define DL_MAX8(x, y) ((dl_v8)__builtin_ia32_maxps256(DL_ALL8(y), DL_ALL8(x)))
#define DL_MIN8(x, y) ((dl_v8)__builtin_ia32_minps256(DL_ALL8(y), DL_ALL8(x)))
#else
#define DL_MAX8(x, y) DL_CHOOSE8((x) < (y), y, x)
#define DL_MIN8(x, y) DL_CHOOSE8((x) > (y), y, x)
#endif
#if defined(__AVX512F__) && !defined(__clang__)
#define DL_MAX16(x, y) ((dl_v16)__builtin_ia32_maxps512_mask(DL_ALL16(y), DL_ALL16(x), (dl_v16){0}, (short)-1, 4))
#define DL_MIN16(x, y) ((dl_v16)__builtin_ia32_minps512_mask(DL_ALL16(y), DL_ALL16(x), (dl_v16){0}, (short)-1, 4))
#else
#define DL_MAX16(x, y) DL_CHOOSE16((x) < (y), y, x)
#define DL_MIN16(x, y) DL_CHOOSE16((x) > (y), y, x)
#endif

/* Half of a vector, from its element i on; a part of memory as a vector in which each element stands 2 or 4 times. */
#if defined(__clang__) || __GNUC__ >= 12
#define DL_HALF8(x, i) __builtin_shufflevector(x, x, i, i + 1, i + 2, i + 3)
#define DL_HALF16(x, i) __builtin_shufflevector(x, x, i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7)
#define DL_SPREAD(n, x, ...) __builtin_shufflevector(*(const dl_v##n *)(x), *(const dl_v##n *)(x), __VA_ARGS__)
#define DL_REPEAT8_2(x) DL_SPREAD(4, x, 0, 0, 1, 1, 2, 2, 3, 3)
#define DL_REPEAT16_2(x) DL_SPREAD(8, x, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7)
#define DL_REPEAT16_4(x) DL_SPREAD(4, x, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
#else
#define DL_HALF8(x, i) (dl_v4){(x)[i], (x)[i + 1], (x)[i + 2], (x)[i + 3]}
#define DL_HALF16(x, i) (dl_v8){(x)[i], (x)[i + 1], (x)[i + 2], (x)[i + 3], (x)[i + 4], (x)[i + 5], (x)[i + 6], (x)[i + 7]}
#define DL_TWICE(x, i) (x)[i], (x)[i], (x)[i + 1], (x)[i + 1]
#define DL_REPEAT8_2(x) (dl_v8){DL_TWICE(x, 0), DL_TWICE(x, 2)}
#define DL_REPEAT16_2(x) (dl_v16){DL_TWICE(x, 0), DL_TWICE(x, 2), DL_TWICE(x, 4), DL_TWICE(x, 6)}
#define DL_REPEAT16_4(x) \
    (dl_v16){(x)[0], (x)[0], (x)[0], (x)[0], (x)[1], (x)[1], (x)[1], (x)[1], (x)[2], (x)[2], (x)[2], (x)[2], (x)[3], (x)[3], (x)[3], (x)[3]}
#endif
/* Of each 2, 4 or 8 elements of a vector the i-th, as often. */
#if defined(__clang__) || __GNUC__ >= 12
#define DL_PICK(n, x, ...) __builtin_shufflevector(x, x, __VA_ARGS__)
#else
#define DL_PICK(n, x, ...) __builtin_shuffle(x, (dl_m##n){__VA_ARGS__})
#endif
#define DL_PAIRS(i) i, i, (i) + 2, (i) + 2
#define DL_FOURS(i) i, i, i, i, (i) + 4, (i) + 4, (i) + 4, (i) + 4
#define DL_EIGHT(i) i, i, i, i, i, i, i, i
#define DL_EACH4_2(x, i) DL_PICK(4, x, DL_PAIRS(i))
#define DL_EACH8_2(x, i) DL_PICK(8, x, DL_PAIRS(i), DL_PAIRS((i) + 4))
#define DL_EACH8_4(x, i) DL_PICK(8, x, DL_FOURS(i))
#define DL_EACH16_2(x, i) DL_PICK(16, x, DL_PAIRS(i), DL_PAIRS((i) + 4), DL_PAIRS((i) + 8), DL_PAIRS((i) + 12))
#define DL_EACH16_4(x, i) DL_PICK(16, x, DL_FOURS(i), DL_FOURS((i) + 8))
#define DL_EACH16_8(x, i) DL_PICK(16, x, DL_EIGHT(i), DL_EIGHT((i) + 8))
/* Two vectors, or one twice, as one; two steps of sums, element by element side by side; and of two vectors of such sums the sums of both
 * steps, the first's before the second's. */
#if defined(__clang__) || __GNUC__ >= 12
#define DL_JOIN8(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7)
#define DL_JOIN16(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define DL_STEPS8(x) __builtin_shufflevector(x, x, 0, 4, 1, 5, 2, 6, 3, 7)
#define DL_STEPS16(x) __builtin_shufflevector(x, x, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)
#define DL_ADD_STEPS8(x, y) (__builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14) + __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15))
#define DL_ADD_STEPS16(x, y) \
    (__builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) + \
     __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31))
#else
#define DL_4_OF(x) (x)[0], (x)[1], (x)[2], (x)[3]
#define DL_8_OF(x) DL_4_OF(x), (x)[4], (x)[5], (x)[6], (x)[7]
#define DL_JOIN8(x, y) (dl_v8){DL_4_OF(x), DL_4_OF(y)}
#define DL_JOIN16(x, y) (dl_v16){DL_8_OF(x), DL_8_OF(y)}
#define DL_STEPS8(x) (dl_v8){(x)[0], (x)[4], (x)[1], (x)[5], (x)[2], (x)[6], (x)[3], (x)[7]}
#define DL_STEPS16(x) \
    (dl_v16){(x)[0], (x)[8], (x)[1], (x)[9], (x)[2], (x)[10], (x)[3], (x)[11], (x)[4], (x)[12], (x)[5], (x)[13], (x)[6], (x)[14], (x)[7], (x)[15]}
#define DL_TWO_SUMS(x, i) (x)[i] + (x)[i + 1], (x)[i + 2] + (x)[i + 3]
#define DL_4_SUMS(x, i) DL_TWO_SUMS(x, i), DL_TWO_SUMS(x, i + 4)
#define DL_ADD_STEPS8(x, y) (dl_v8){DL_4_SUMS(x, 0), DL_4_SUMS(y, 0)}
#define DL_ADD_STEPS16(x, y) (dl_v16){DL_4_SUMS(x, 0), DL_4_SUMS(x, 8), DL_4_SUMS(y, 0), DL_4_SUMS(y, 8)}
#endif
#define DL_TWICE8(x) DL_JOIN8(x, x)
#define DL_TWICE16(x) DL_JOIN16(x, x)

/* Two neighbours, again and again. */
typedef long long dl_two __attribute__((aligned(4), may_alias));
typedef long long dl_twos8 __attribute__((vector_size(32)));
typedef long long dl_twos16 __attribute__((vector_size(64)));
#define DL_TWO8(x) ((dl_v8)(*(const dl_two *)(x) - (dl_twos8){0}))
#define DL_TWO16(x) ((dl_v16)(*(const dl_two *)(x) - (dl_twos16){0}))

/* The sum of a vector's elements: of its halves' sum, and so on. */
#define DL_SUM4(x) (((x)[0] + (x)[2]) + ((x)[1] + (x)[3]))
#define DL_SUM8(x) DL_SUM4((DL_HALF8(x, 0) + DL_HALF8(x, 4)))
#define DL_SUM16(x) DL_SUM8((DL_HALF16(x, 0) + DL_HALF16(x, 8)))

/* Squares of floats whose rows become columns, `step` being from one row to the next. Half of the rows change places with half of the
 * columns, then a quarter, and so on. */
#if defined(__clang__) || __GNUC__ >= 12
#define DL_CHANGE4_2(x, y) \
    do { \
        const dl_v4 kept = __builtin_shufflevector(x, y, 0, 1, 4, 5); \
        y = __builtin_shufflevector(x, y, 2, 3, 6, 7); \
        x = kept; \
    } while (0)
#define DL_CHANGE4_1(x, y) \
    do { \
        const dl_v4 kept = __builtin_shufflevector(x, y, 0, 4, 2, 6); \
        y = __builtin_shufflevector(x, y, 1, 5, 3, 7); \
        x = kept; \
    } while (0)
#define DL_CHANGE8_4(x, y) \
    do { \
        const dl_v8 kept = __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11); \
        y = __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15); \
        x = kept; \
    } while (0)
#define DL_CHANGE8_2(x, y) \
    do { \
        const dl_v8 kept = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13); \
        y = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15); \
        x = kept; \
    } while (0)
#define DL_CHANGE8_1(x, y) \
    do { \
        const dl_v8 kept = __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14); \
        y = __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15); \
        x = kept; \
    } while (0)
#define DL_CHANGE16_8(x, y) \
    do { \
        const dl_v16 kept = __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23); \
        y = __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31); \
        x = kept; \
    } while (0)
#define DL_CHANGE16_4(x, y) \
    do { \
        const dl_v16 kept = __builtin_shufflevector(x, y, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27); \
        y = __builtin_shufflevector(x, y, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31); \
        x = kept; \
    } while (0)
#define DL_CHANGE16_2(x, y) \
    do { \
        const dl_v16 kept = __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29); \
        y = __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31); \
        x = kept; \
    } while (0)
#define DL_CHANGE16_1(x, y) \
    do { \
        const dl_v16 kept = __builtin_shufflevector(x, y, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30); \
        y = __builtin_shufflevector(x, y, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31); \
        x = kept; \
    } while (0)

#define DL_ROW(n, i) dl_v##n r##i = *(const dl_v##n *)(from + i * from_step)
#define DL_COLUMN(n, i) *(dl_v##n *)(to + i * to_step) = r##i

static inline void dl_transpose4(const float *from, long from_step, float *to, long to_step)
{
    DL_ROW(4, 0); DL_ROW(4, 1); DL_ROW(4, 2); DL_ROW(4, 3);
    DL_CHANGE4_2(r0, r2); DL_CHANGE4_2(r1, r3);
    DL_CHANGE4_1(r0, r1); DL_CHANGE4_1(r2, r3);
    DL_COLUMN(4, 0); DL_COLUMN(4, 1); DL_COLUMN(4, 2); DL_COLUMN(4, 3);
}

static inline void dl_transpose8(const float *from, long from_step, float *to, long to_step)
{
    DL_ROW(8, 0); DL_ROW(8, 1); DL_ROW(8, 2); DL_ROW(8, 3);
    DL_ROW(8, 4); DL_ROW(8, 5); DL_ROW(8, 6); DL_ROW(8, 7);
    DL_CHANGE8_4(r0, r4); DL_CHANGE8_4(r1, r5); DL_CHANGE8_4(r2, r6); DL_CHANGE8_4(r3, r7);
    DL_CHANGE8_2(r0, r2); DL_CHANGE8_2(r1, r3); DL_CHANGE8_2(r4, r6); DL_CHANGE8_2(r5, r7);
    DL_CHANGE8_1(r0, r1); DL_CHANGE8_1(r2, r3); DL_CHANGE8_1(r4, r5); DL_CHANGE8_1(r6, r7);
    DL_COLUMN(8, 0); DL_COLUMN(8, 1); DL_COLUMN(8, 2); DL_COLUMN(8, 3);
    DL_COLUMN(8, 4); DL_COLUMN(8, 5); DL_COLUMN(8, 6); DL_COLUMN(8, 7);
}

static inline void dl_transpose16(const float *from, long from_step, float *to, long to_step)
{
    DL_ROW(16, 0); DL_ROW(16, 1); DL_ROW(16, 2); DL_ROW(16, 3);
    DL_ROW(16, 4); DL_ROW(16, 5); DL_ROW(16, 6); DL_ROW(16, 7);
    DL_ROW(16, 8); DL_ROW(16, 9); DL_ROW(16, 10); DL_ROW(16, 11);
    DL_ROW(16, 12); DL_ROW(16, 13); DL_ROW(16, 14); DL_ROW(16, 15);
    DL_CHANGE16_8(r0, r8); DL_CHANGE16_8(r1, r9); DL_CHANGE16_8(r2, r10); DL_CHANGE16_8(r3, r11);
    DL_CHANGE16_8(r4, r12); DL_CHANGE16_8(r5, r13); DL_CHANGE16_8(r6, r14); DL_CHANGE16_8(r7, r15);
    DL_CHANGE16_4(r0, r4); DL_CHANGE16_4(r1, r5); DL_CHANGE16_4(r2, r6); DL_CHANGE16_4(r3, r7);
    DL_CHANGE16_4(r8, r12); DL_CHANGE16_4(r9, r13); DL_CHANGE16_4(r10, r14); DL_CHANGE16_4(r11, r15);
    DL_CHANGE16_2(r0, r2); DL_CHANGE16_2(r1, r3); DL_CHANGE16_2(r4, r6); DL_CHANGE16_2(r5, r7);
    DL_CHANGE16_2(r8, r10); DL_CHANGE16_2(r9, r11); DL_CHANGE16_2(r12, r14); DL_CHANGE16_2(r13, r15);
    DL_CHANGE16_1(r0, r1); DL_CHANGE16_1(r2, r3); DL_CHANGE16_1(r4, r5); DL_CHANGE16_1(r6, r7);
    DL_CHANGE16_1(r8, r9); DL_CHANGE16_1(r10, r11); DL_CHANGE16_1(r12, r13); DL_CHANGE16_1(r14, r15);
    DL_COLUMN(16, 0); DL_COLUMN(16, 1); DL_COLUMN(16, 2); DL_COLUMN(16, 3);
    DL_COLUMN(16, 4); DL_COLUMN(16, 5); DL_COLUMN(16, 6); DL_COLUMN(16, 7);
    DL_COLUMN(16, 8); DL_COLUMN(16, 9); DL_COLUMN(16, 10); DL_COLUMN(16, 11);
    DL_COLUMN(16, 12); DL_COLUMN(16, 13); DL_COLUMN(16, 14); DL_COLUMN(16, 15);
}
#else
static inline void dl_transpose4(const float *from, long from_step, float *to, long to_step)
{
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            to[i * to_step + k] = from[k * from_step + i];
}

static inline void dl_transpose8(const float *from, long from_step, float *to, long to_step)
{
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++)
            to[i * to_step + k] = from[k * from_step + i];
}

static inline void dl_transpose16(const float *from, long from_step, float *to, long to_step)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            to[i * to_step + k] = from[k * from_step + i];
}
#endif
#endif

#endif
