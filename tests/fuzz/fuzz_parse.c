/* SPDX-License-Identifier: MIT */
/* fuzz_parse.c: any bytes at all go through the parser and the tree's printer. */
#include "fuzz.h"
#include "std/std.h"

#include <stdlib.h>

/* Spans lie within the source, the first line and column included. */
static void check_span(const Diag *d, Span sp, size_t bytes)
{
    int column;
    if (sp.lo > sp.hi || sp.hi > bytes || diag_line(d, sp, &column) < 1 || column < 1)
        abort();
}

static void check_block(const Diag *d, const Block *block, size_t bytes)
{
    for (int i = 0; i < block->n; i++) {
        const Stmt *s = block->at[i];
        check_span(d, s->span, bytes);
        if (s->value)
            check_span(d, s->value->span, bytes);
        if (s->kind == ST_ERROR)
            continue;
        check_block(d, &s->body, bytes);
        check_block(d, &s->orelse, bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    StrBuf sb = {.a = a};
    Program *program = parse_program(a, d, diag_add_source(d, "fuzz.dl", (const char *)bytes, n));
    ast_print(&sb, program);
    diag_text(d, a);
    for (int i = 0; i < program->defs.n; i++) {
        check_span(d, program->defs.at[i]->span, n);
        check_block(d, &program->defs.at[i]->body, n);
    }
    arena_free(a);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
    const StdSource *s = &std_sources[seed % (unsigned)std_nsources];
    return mutate_text(bytes, n, most, seed, s->text, s->bytes);
}
