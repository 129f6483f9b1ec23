/* SPDX-License-Identifier: MIT */
/* fuzz_tsv.c: any bytes at all go through the preparation of text. */
#include "fuzz.h"

enum { LENGTH = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    TextFile text;
    const char *why;
    if (text_parse(a, "fuzz", (const char *)bytes, n, &text, &why)) {
        Vocabulary *v = vocabulary_make(a, &text, 10);
        int32_t tokens[LENGTH];
        for (int i = 0; i < text.n; i++)
            text_tokens(v, &text.line[i], LENGTH, tokens);
    }
    arena_free(a);
    return 0;
}
