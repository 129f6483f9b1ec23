/* SPDX-License-Identifier: MIT */
/* Whether rows of random numbers, which vectors draw where the machine has them, are what dl_uniform draws one by one: of every
 * length, the last ones of the largest tensor, too. */
#include <stdio.h>

#include "runtime/dl_random.h"

enum { BLOCKS = 37 };

int main(void)
{
    static const uint32_t first[] = {0, 5, 0x40000000u - BLOCKS};
    int wrong = 0, drawn = 0;

    for (int i = 0; i < 3; i++)
        for (int blocks = 0; blocks <= BLOCKS; blocks++) {
            float row[4 * BLOCKS + 1];
            row[4 * blocks] = -1;
            dl_uniforms(0x9ABCDEF0u, 0xFEDCBA98u, 7, 0x89ABCDEFu, first[i], blocks, row);
            for (uint32_t j = 0; j < (uint32_t)(4 * blocks); j++, drawn++)
                wrong += row[j] != dl_uniform(0x9ABCDEF0u, 0xFEDCBA98u, 7, 0x89ABCDEFu, 4 * first[i] + j);
            wrong += row[4 * blocks] != -1;
        }
    printf("%d of %d\n", wrong, drawn);
    return wrong != 0 || drawn == 0;
}
