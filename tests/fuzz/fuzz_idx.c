/* SPDX-License-Identifier: MIT */
/* fuzz_idx.c: any bytes at all go through the IDX reader, gzip'd too. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    Array x;
    const char *why;
    if (idx_parse(a, "fuzz", bytes, n, &x, &why))
        look_at(x);
    arena_free(a);
    return 0;
}
