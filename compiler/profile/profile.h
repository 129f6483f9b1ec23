/* SPDX-License-Identifier: MIT */
/* profile.h: how fast is a function, kernel by kernel, and how fast could it be?
 *
 * - traffic.c: what a kernel computes and moves
 * - machine.c: what this machine does at most, measured
 * - bound.c: the time a function's kernels take at least, by both */
#ifndef DLC_PROFILE_H
#define DLC_PROFILE_H

#include "../jit/jit.h"
#include "traffic.h"

/* ---- machine.c ------------------------------------------------------------------------------------- */
enum { MOST_LEVELS = 4 };
typedef struct Level { /* of the memory, as one core sees it */
    const char *name;
    int64_t bytes;           /* it holds so many */
    double read, copy, fill; /* bytes a second; a copy moves each byte twice */
} Level;

typedef struct Machine {
    double flops; /* a second, in multiply-adds of the vectors the code is compiled for */
    double clock; /* Hz */
    int nlevel;
    Level level[MOST_LEVELS];
    void *probe, *memory;
} Machine;

/* Compiles a text with the flags of what is profiled. */
typedef Jit *CompileText(void *context, const char *source, const char **why);

/* Measures; of memory behind the caches only where `bytes` do not fit into them. false with *why set. */
bool machine_open(Machine *m, const Target *target, int64_t bytes, CompileText *compile, void *context,
                  const char **why);
/* Once more: other work on the machine makes it seem slower, never faster, so the best counts. */
void machine_again(Machine *m);
void machine_close(Machine *m);

/* ---- bound.c --------------------------------------------------------------------------------------- */
typedef struct Cost { /* of all calls of the kernel of one step, in one call of the function */
    const Kernel *kernel;
    int step;
    int64_t calls;
    double seconds; /* measured, by whoever measures */
    double operations, bytes;
    double compute, memory; /* seconds at least, for what it computes and for what it moves */
    double level[MOST_LEVELS]; /* the latter, by where it comes from */
} Cost;
typedef VEC(Cost) Costs;

/* In program order. A tensor is taken to lie in the smallest cache that holds everything that was touched since it was touched
 * last; the function is called again and again. */
Costs costs_of(Arena *a, const Plan *p, const Machine *m);
int64_t plan_bytes(Arena *a, const Plan *p); /* of all tensors it touches, each once */
static inline double cost_bound(const Cost *c)
{
    return c->compute > c->memory ? c->compute : c->memory;
}

#endif
