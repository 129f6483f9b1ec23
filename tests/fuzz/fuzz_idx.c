/* SPDX-License-Identifier: MIT */
/* fuzz_idx.c: any bytes at all go through the IDX reader, gzip'd too. A libFuzzer target, built as fuzz_parse.c says; link
 * -ljansson -lz too. */
#include "lab/lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every element is there to be read. */
static double sum(Array x)
{
    double total = 0;
    for (int64_t i = 0, count = type_count(x.type); i < count; i++)
        total += array_at(x, i);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    Array x;
    const char *why;
    if (idx_parse(a, "fuzz", bytes, n, &x, &why)) {
        volatile double kept = sum(x);
        (void)kept;
    }
    arena_free(a);
    return 0;
}
