/* SPDX-License-Identifier: MIT */
/* DL_MAX and DL_MIN of dl_tile.h keep the first operand unless the second is more, or less: signs of zeros and what is no number, too. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dl_tile.h"

#define SAME(x, y) (!memcmp(&(float){x}, &(float){y}, sizeof(float)))
#define TRY(n) \
    for (int i = 0; i < 8; i++) \
        for (int j = 0; j < 8; j++) { \
            const float x = number[i], y = number[j]; \
            const dl_v##n all = DL_ALL##n(x), more = DL_MAX##n(all, y), less = DL_MIN##n(all, y); \
            if (!SAME(more[n - 1], x < y ? y : x) || !SAME(less[n - 1], x > y ? y : x)) { \
                printf("of %g and %g: %g %g, %d floats\n", (double)x, (double)y, (double)more[n - 1], (double)less[n - 1], n); \
                wrong = 1; \
            } \
        }

int main(void)
{
    volatile float number[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, -NAN};
    int wrong = 0;
    TRY(4)
    TRY(8)
    TRY(16)
    return wrong;
}
