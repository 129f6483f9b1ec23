/* SPDX-License-Identifier: MIT */
/* fuzz_safetensors.c: any bytes at all go through the safetensors reader, and what it reads is matched with a model's
 * parameters. */
#include "fuzz.h"

#include <string.h>

static void match(Arena *a, const ArrayList *list)
{
    static const Entry wanted[] = {
        {.name = "w", .type = {.dt = DT_F32, .rank = 2, .dim = {2, 3}}},
        {.name = "b", .type = {.dt = DT_F32, .rank = 1, .dim = {3}}},
        {.name = "n", .type = {.dt = DT_I32}},
    };
    Array found[LEN(wanted)];
    const char *why;
    if (weights_match(a, "fuzz", list, wanted, LEN(wanted), found, &why))
        for (int i = 0; i < LEN(wanted); i++)
            look_at(found[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    ArrayList list;
    const char *why;
    if (safetensors_parse(a, "fuzz", bytes, n, &list, &why)) {
        for (int i = 0; i < list.n; i++)
            look_at(list.at[i].array);
        match(a, &list);
    }
    arena_free(a);
    return 0;
}

/* The header is changed as text, and its length kept right. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
    static const char pool[] = "{\"__metadata__\": {\"format\": \"pt\"}, \"w\": {\"dtype\": \"F32\", \"shape\": [2, 3], "
                               "\"data_offsets\": [0, 24]}}\n"
                               "\"F64\" \"F16\" \"BF16\" \"I64\" \"I32\" \"I16\" \"I8\" \"U64\" \"U32\" \"U16\" \"U8\" \"BOOL\"\n"
                               "null true [] {} \"\\u0000\" \"\\ud800\" -1 1e3 \"b\" \"n\" [[0, 0]]\n";
    static uint8_t text[1 << 16], rest[1 << 16];
    enum { FRONT = 8 };
    uint64_t header = 0;
    for (size_t i = 0; i < FRONT && i < n; i++)
        header |= (uint64_t)bytes[i] << (8 * i);
    if (seed % 4 == 0 || n < FRONT || header > n - FRONT || n > sizeof rest || most < n || most > sizeof text)
        return LLVMFuzzerMutate(bytes, n, most);
    size_t length = (size_t)header, behind = n - FRONT - length;
    memcpy(text, bytes + FRONT, length);
    memcpy(rest, bytes + FRONT + length, behind);
    length = mutate_text(text, length, most - FRONT - behind, seed, pool, sizeof pool - 1);
    for (int i = 0; i < FRONT; i++)
        bytes[i] = (uint8_t)(length >> (8 * i));
    memcpy(bytes + FRONT, text, length);
    memcpy(bytes + FRONT + length, rest, behind);
    return FRONT + length + behind;
}
