/* SPDX-License-Identifier: MIT */
/* fuzz_model.c: a model description goes the whole way to C, for inference and, where it has a train block, training. Its
 * functions are printed and read back on the way. */
#include "fuzz.h"
#include "commands/commands.h"
#include "std/std.h"

#include <string.h>

/* The library, parsed once. */
typedef struct Library {
    Diag *d;
    const Program *const *std;
    int n;
} Library;

static const Library *library(void)
{
    static Library known;
    if (!known.d) {
        Arena *a = arena_new();     /* lives as long as the process */
        known.d = diag_new(a);
        known.std = std_programs(a, known.d, &known.n);
    }
    return &known;
}

static const Def *first_model(const Program *program)
{
    for (int i = 0; i < program->defs.n; i++)
        if (program->defs.at[i]->kind == DEF_MODEL)
            return program->defs.at[i];
    return NULL;
}

/* What is printed reads back as the same function. */
static void read_back(Arena *a, const Fn *fn)
{
    StrBuf first = {.a = a}, second = {.a = a};
    Diag *d = diag_new(a);
    fn_print(&first, fn);
    Fn *again = fn_parse(a, d, diag_add_source(d, "printed", first.at, first.n));
    if (!again)
        BUG("a printed function cannot be read:\n%s\n%s", first.at, diag_text(d, a));
    fn_print(&second, again);
    if (!str_eq(first.at, second.at))
        BUG("printed, read and printed:\n%s\n%s", first.at, second.at);
}

static void emit(Arena *a, Diag *d, const Module *m, const Target *target, bool train)
{
    const ModulePlans plans = module_plans(a, d, m, target, NULL);
    if (diag_errors(d))
        return;
    const EmitOptions options = {.name = m->name, .file_name = m->name, .train = train};
    emit_source(a, d, m, &plans, &options);
    emit_header(a, m, &plans, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Arena *a = arena_new();
    const Library *l = library();
    Diag *d = diag_again(a, l->d);
    const Program *program = parse_program(a, d, diag_add_source(d, "fuzz.dl", (const char *)bytes, n));
    const Def *model = first_model(program);
    const ElaborateOptions options = {.batch = 1 + (int64_t)(n % 2), .train_batch = 4, .train = model && model_trains(model),
                                      .most_nodes = 20000};     /* under sanitizers, in a time-out */
    const char *name;
    Fn *fn = NULL;
    Module *m = diag_errors(d) ? NULL : pipeline_build_with(a, d, program, l->std, l->n, &options, NULL, NULL);
    for (int i = 0; m && (name = module_function(m, i, &fn)) != NULL; i++)
        if (fn)
            read_back(a, fn);
    if (m)
        emit(a, d, m, target_at((int)(n % 4)), options.train);
    diag_text(d, a);
    arena_free(a);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
    const StdSource *s = &std_sources[seed % (unsigned)std_nsources];
    return mutate_text(bytes, n, most, seed, s->text, s->bytes);
}
