/* SPDX-License-Identifier: MIT */
/* fuzz_npy.c: any bytes at all go through the .npy reader. */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    Array x;
    const char *why;
    if (npy_parse(a, "fuzz", bytes, n, &x, &why))
        look_at(x);
    arena_free(a);
    return 0;
}

/* The dictionary of version 1 is changed as text, and its length kept right. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
    static const char pool[] = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }\n"
                               "'|u1' '|b1' '>i8' '<f2' '=f8' \"<u4\" '<c8' False () (5,) (2, 3, 4) 'V4' [('a', '<f4')]\n";
    enum { FRONT = 10 };
    size_t header = n < FRONT ? 0 : bytes[8] | (size_t)bytes[9] << 8;
    if (seed % 4 == 0 || n < FRONT || bytes[6] != 1 || header > n - FRONT || most < n)
        return LLVMFuzzerMutate(bytes, n, most);
    size_t behind = n - FRONT - header;
    static uint8_t text[1 << 16], rest[1 << 20];
    if (behind > sizeof rest)
        return LLVMFuzzerMutate(bytes, n, most);
    memcpy(text, bytes + FRONT, header);
    memcpy(rest, bytes + FRONT + header, behind);
    size_t room = most - FRONT - behind;
    header = mutate_text(text, header, room < 60000 ? room : 60000, seed, pool, sizeof pool - 1);
    bytes[8] = header & 255;
    bytes[9] = header >> 8 & 255;
    memcpy(bytes + FRONT, text, header);
    memcpy(bytes + FRONT + header, rest, behind);
    return FRONT + header + behind;
}
