/* SPDX-License-Identifier: MIT */
/* pipeline.h: from a model description to a module whose functions are ready to be lowered. */
#ifndef DLC_PIPELINE_H
#define DLC_PIPELINE_H

#include "graph/elaborate.h"
#include "graph/ir.h"

/* The passes in order. After each, every function is verified; an unsound one is a BUG, printed with its dump. */
typedef struct Pass {
    const char *name;               /* as `dlc ir --after` spells it */
    void (*run)(Module *m, Diag *d);    /* with errors in d where the model does not allow it */
    const char *idea;
} Pass;
const Pass *pipeline_pass(int i);   /* NULL past the last */

/* Called after elaboration ("elaborate") and after each pass. */
typedef void AfterPass(void *context, const char *pass, const Module *m);

/* Elaborates what program_read (syntax/ast.h) has read and runs the passes. NULL with diagnostics in d, which may be of the
 * reading: then nothing is built. A program may be built several times, with diag_again for messages of their own. */
Module *pipeline_build(Arena *a, Diag *d, const Program *program, const ElaborateOptions *options, AfterPass *after,
                       void *context);
/* The same with a standard library that was parsed before (its sources among d's), for whoever builds many programs. */
Module *pipeline_build_with(Arena *a, Diag *d, const Program *program, const Program *const *std, int nstd,
                            const ElaborateOptions *options, AfterPass *after, void *context);
/* Reads `path` ("-": standard input), or a text, and builds it. */
Module *pipeline_module(Arena *a, Diag *d, const char *path, const ElaborateOptions *options, AfterPass *after, void *context);
Module *pipeline_text(Arena *a, Diag *d, const char *name, const char *text, size_t bytes, const ElaborateOptions *options,
                      AfterPass *after, void *context);

/* The functions a module has, by name: "init", "infer", ...; NULL past the last. *fn may be NULL. */
const char *module_function(const Module *m, int i, Fn **fn);

#endif
