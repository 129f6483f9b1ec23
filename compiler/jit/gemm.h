/* SPDX-License-Identifier: MIT */
/* gemm.h: a contraction, as DL_GEMM, which gemm.c and gemm_exact.c are told to call it. */
typedef struct Loop {
    int extent, a, b;           /* strides in elements */
} Loop;

#define LANES 4
#define TARGET
#define NAME(x) x##_4
#include "gemm_tile.h"

#if defined(__x86_64__)
#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_8
#include "gemm_tile.h"

#define LANES 16
#define TARGET __attribute__((target("avx512f")))
#define NAME(x) x##_16
#include "gemm_tile.h"
#endif

typedef int Gemm(int rows, int columns, const Loop *l, int a_row, int c_row, const float *a, const float *b, float *c);

static Gemm *widest(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return gemm_16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return gemm_8;
#endif
    return gemm_4;
}

static float dot(const Loop *l, const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < l[0].extent; i++)
        for (int j = 0; j < l[1].extent; j++)
            for (int k = 0; k < l[2].extent; k++)
                for (int n = 0; n < l[3].extent; n++)
                    sum += a[(long)i * l[0].a + (long)j * l[1].a + (long)k * l[2].a + (long)n * l[3].a] *
                           b[(long)i * l[0].b + (long)j * l[1].b + (long)k * l[2].b + (long)n * l[3].b];
    return sum;
}

void DL_GEMM(int rows, int columns, int nloop, const int *loops, int a_row, int c_row, const float *a, const float *b, float *c)
{
    Loop l[MAX_K];
    for (int i = 0; i < MAX_K; i++) {
        const int *from = loops + 3 * (i - (MAX_K - nloop));
        l[i] = i < MAX_K - nloop ? (Loop){1, 0, 0} : (Loop){from[0], from[1], from[2]};
    }
    int done = widest()(rows, columns, l, a_row, c_row, a, b, c);
    if (done < columns && columns - done > 1)       /* a narrower vector for what is left */
        done += gemm_4(rows, columns - done, l, a_row, c_row, a, b + done, c + done);
    for (int r = 0; r < rows; r++)
        for (int n = done; n < columns; n++)
            c[(long)r * c_row + n] = dot(l, a + (long)r * a_row, b + n);
}
