/* SPDX-License-Identifier: MIT */
/* learn.h: one number for what was learned, whichever memory a parameter lies in: its words' hashes, added up. */
#ifndef LEARN_H
#define LEARN_H

#include "metal.h"

static inline uint32_t words_hash(const void *params, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes / 4; i++)
        sum += metal_hash(METAL_HASH, (const uint32_t *)params + i, 4);
    return sum;
}

#endif
