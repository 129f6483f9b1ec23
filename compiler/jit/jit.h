/* SPDX-License-Identifier: MIT */
/* jit.h: emitted C, compiled in memory. Two engines behind one interface: libtcc, which needs no compiler on the machine, and
 * the system's cc, whose results are cached by content. */
#ifndef DLC_JIT_H
#define DLC_JIT_H

#include "../kernels/kernel.h"
#include "../../runtime/dl_pool.h"

typedef struct Jit Jit;

typedef struct JitEngine {
    const char *name;           /* as --jit spells it */
    const char *target;         /* what to emit for it */
    Jit *(*compile)(Arena *a, const char *source, const Target *target, const char **why);
} JitEngine;

const JitEngine *jit_engine(const char *name);      /* "tcc", "cc"; NULL: cc where there is a compiler, else tcc. NULL where unknown */
void *jit_symbol(Jit *jit, const char *name);       /* NULL where there is none */
void jit_close(Jit *jit);

/* A function of emit_memory(): pointers in the order of the graph function's inputs and results. `pool` may be NULL. Returns a
 * dl_status. */
typedef int JitFunction(void *const *in, void *const *out, void *arena, struct dl_pool *pool);

struct Jit {
    void *handle;               /* TCCState's code, or a shared object */
    void *(*symbol)(Jit *jit, const char *name);
    void (*close)(Jit *jit);
    void *code;                 /* tcc: mapped memory */
    size_t bytes;
};

Jit *jit_tcc(Arena *a, const char *source, const Target *target, const char **why);
Jit *jit_cc(Arena *a, const char *source, const Target *target, const char **why);
bool jit_has_cc(void);
/* Files written to a folder of their own, the last of them compiled by a command (words between blanks) as a shared object. */
Jit *jit_files(Arena *a, const char *command, const FileText *file, int n, const char **why);

/* gemm.c: c[i, j] = sum over loops of a[i * a_row + ...] * b[... + j]; loops: extent, stride in a, stride in b, outermost first. */
void dl_gemm(int rows, int columns, int nloop, const int *loops, int a_row, int c_row, const float *a, const float *b, float *c);
/* gemm_exact.c: the same without fused multiply-adds, each sum in the order of the loops. */
void dl_gemm_exact(int rows, int columns, int nloop, const int *loops, int a_row, int c_row, const float *a, const float *b, float *c);

#endif
