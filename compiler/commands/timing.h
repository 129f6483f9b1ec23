/* SPDX-License-Identifier: MIT */
/* timing.h: a function of a model, compiled with a timer behind each kernel, in one or several variants that run in turn. */
#ifndef DLC_TIMING_H
#define DLC_TIMING_H

#include "commands.h"
#include "session.h"

typedef struct Variant { /* of the code */
    Plan *plan;
    JitFunction *code[CALLS];
    void *arena;
    double *ticks;         /* by step: how often its timer stops a thread in one call of the function */
    uint64_t *best;        /* by step: of all its calls, in the fastest of the function */
    double *seconds;       /* by step, the same; without what the timers take */
    double whole;          /* seconds of the fastest call, likewise */
    uint64_t best_whole;
} Variant;

typedef struct Timing {
    Arena *a;
    Diag *d;
    const Target *target;
    const char *cc; /* a compiler's command; NULL: the system's, with the target's flags */
    Call call;      /* what is timed */
    Session *s;
    VEC(Variant *) variants;
    int64_t runs; /* of each variant */
    dl_pool *pool; /* of threads that share the work; NULL: one */
} Timing;

bool call_named(const char *name, Call *call);

/* Tensors for the function and what makes its weights. false where the module has no such function. */
bool timing_open(Timing *t, const Module *m);
/* Compiled, as it is planned (NULL: not at all); NULL with *why, which is NULL where it has been said in t->d. */
Variant *timing_add(Timing *t, Plan *plan, const char **why);
/* Random inputs, initial weights, and a first call of each variant. false where the code crashes. */
bool timing_start(Timing *t);
/* Runs all variants in turn for so long, three times at least. May be called again, for better figures. */
void timing_run(Timing *t, double seconds);
void timing_close(Timing *t);

/* What compiles where a user says `cc`: a name alone gets the target's flags, one with options is as the user builds. NULL: NULL. */
const char *timing_command(Arena *a, const Target *target, const char *cc);
/* A text compiled as the functions are. `context` is a Timing. */
Jit *timing_compile(void *context, const char *source, const char **why);

#endif
