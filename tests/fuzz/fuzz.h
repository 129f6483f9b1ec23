/* SPDX-License-Identifier: MIT */
/* fuzz.h: what the libFuzzer targets share. Each fuzz_NAME.c is one program; tests/fuzz/fuzz.sh builds and runs them. */
#ifndef FUZZ_H
#define FUZZ_H

#include "lab/lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most);     /* libFuzzer's own */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed);

/* The elements are there to be read: all of a few, else some up to the last. */
static inline void look_at(Array x)
{
    int64_t count = type_count(x.type), step = count < 1000 ? 1 : count / 997;
    static volatile double kept;      /* so that no reading is left out */
    for (int64_t i = 0; i < count; i += step)
        kept += array_at(x, i);
    if (count)
        kept += array_at(x, count - 1);
    (void)kept;
}

/* mutate.c: changes text by whole words and lines, and now and then by bytes. What is put in comes from the text itself and
 * from `pool`. The new length, at most `most`. */
size_t mutate_text(uint8_t *bytes, size_t n, size_t most, unsigned seed, const char *pool, size_t npool);

#endif
