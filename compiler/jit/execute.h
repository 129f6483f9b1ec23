/* SPDX-License-Identifier: MIT */
/* execute.h: graph functions, ready to be called: interpreted, or compiled in memory. */
#ifndef DLC_EXECUTE_H
#define DLC_EXECUTE_H

#include "jit.h"

typedef struct Executable Executable;

/* `deterministic`: the same bits as of every other engine and machine, which the interpreter has not.
 * `threads`: how many share the work of a call; the interpreter has one whatever it is.
 * `engine`: "tcc", "cc", "cc:TARGET" for a target this machine can run, "interpret" (in f32), "interpret64" (entirely in double inside;
 * tensors stay f32), or NULL for the default.
 * fn[i] may be NULL: it cannot be called then. NULL with *why set on failure. */
Executable *executable_new(Arena *a, Diag *d, const char *engine, int threads, bool deterministic, Fn *const *fn, const char *const *name, int n,
                           const char **why);
/* Calls function i. in[] and out[] point to the tensors of fn->input and fn->result (row-major; bool as bytes); a result that has
 * an input of the same role and index is written over that input, and its out[] is not looked at. Returns a dl_status. */
int executable_call(Executable *x, int i, void *const *in, void *const *out);
const char *executable_engine(const Executable *x);
void executable_close(Executable *x);                   /* unloads code and frees scratch memory */

/* An arena for compiled functions, aligned to 64; a large one lies on huge pages where the system has them to
 * give, which spares a step that walks through tens of megabytes most misses of address translation. NULL: there
 * is no memory. It is freed with free. */
void *scratch_new(int64_t bytes);

#endif
