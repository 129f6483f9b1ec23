/* SPDX-License-Identifier: MIT */
/* gemm_tile.h: gemm.c's inner part for one vector width; included with LANES, TARGET and NAME(x) defined. */

typedef float NAME(vector) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* R rows and C vectors of columns, their sums in registers throughout. */
TARGET static inline __attribute__((always_inline)) void NAME(tile)(const int R, const int C, const Loop *l, int a_row, int c_row,
                                                                    const float *a, const float *b, float *c)
{
    NAME(vector) sum[6][2] = {{{0}}};
    for (int i = 0; i < l[0].extent; i++)
        for (int j = 0; j < l[1].extent; j++)
            for (int k = 0; k < l[2].extent; k++) {
                const float *x = a + ((long)i * l[0].a + (long)j * l[1].a + (long)k * l[2].a);
                const float *y = b + ((long)i * l[0].b + (long)j * l[1].b + (long)k * l[2].b);
                for (int n = 0; n < l[3].extent; n++, x += l[3].a, y += l[3].b) {
#pragma GCC unroll 6
                    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                        for (int v = 0; v < C; v++)
                            sum[r][v] += x[(long)r * a_row] * *(const NAME(vector) *)(y + v * LANES);
                }
            }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < C; v++)
            *(NAME(vector) *)(c + (long)r * c_row + v * LANES) = sum[r][v];
}

TARGET static void NAME(columns)(const int C, int rows, const Loop *l, int a_row, int c_row, const float *a, const float *b, float *c)
{
    int r = 0;
    if (C == 2) {
        for (; r + 6 <= rows; r += 6)
            NAME(tile)(6, 2, l, a_row, c_row, a + (long)r * a_row, b, c + (long)r * c_row);
        for (; r + 3 <= rows; r += 3)
            NAME(tile)(3, 2, l, a_row, c_row, a + (long)r * a_row, b, c + (long)r * c_row);
        for (; r < rows; r++)
            NAME(tile)(1, 2, l, a_row, c_row, a + (long)r * a_row, b, c + (long)r * c_row);
        return;
    }
    for (; r + 6 <= rows; r += 6)
        NAME(tile)(6, 1, l, a_row, c_row, a + (long)r * a_row, b, c + (long)r * c_row);
    for (; r < rows; r++)
        NAME(tile)(1, 1, l, a_row, c_row, a + (long)r * a_row, b, c + (long)r * c_row);
}

/* Whole vectors of columns; returns how many columns are done. */
TARGET static int NAME(gemm)(int rows, int columns, const Loop *l, int a_row, int c_row, const float *a, const float *b, float *c)
{
    int n = 0;
    for (; n + 2 * LANES <= columns; n += 2 * LANES)
        NAME(columns)(2, rows, l, a_row, c_row, a, b + n, c + n);
    for (; n + LANES <= columns; n += LANES)
        NAME(columns)(1, rows, l, a_row, c_row, a, b + n, c + n);
    return n;
}

#undef LANES
#undef TARGET
#undef NAME
