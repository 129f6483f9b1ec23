/* SPDX-License-Identifier: MIT */
/* model.h: a whole model verified: every function, kernel by kernel and as it is called, and its gradients.
 */
#ifndef DLC_VERIFY_MODEL_H
#define DLC_VERIFY_MODEL_H

#include "../emit/emit.h"
#include "verify.h"

/* ---- tensors.c: what the model is given ------------------------------------------------------------ */
typedef struct Tensor {
    Role role;
    int index;
    const char *name;
    Value value;
    int64_t limit; /* of an i32 input: drawn below it */
    bool checked;  /* the graph says so: larger ones are refused */
} Tensor;

typedef struct Tensors {
    Arena *a;
    VEC(Tensor) list;
} Tensors;

Tensor *tensor_find(const Tensors *t, Role role, int index); /* NULL where no function has it */
/* Inputs and targets by chance, weights as init leaves them or from a file (found[]: parameters, then states;
 * NULL: init), all of them then moved a little, so that no zero hides a fault. false with *why when no inputs
 * are found that the model takes. */
bool tensors_draw(Tensors *t, Arena *a, const Module *m, uint64_t seed, const Array *found, const char **why);
void tensors_number(Tensors *t, Role role, double value); /* count, step */
/* limit[i]: the least limit that values of fn's input i meet on their way, as they are; 0: none. */
void input_limits(Arena *a, const Fn *fn, int64_t *limit);
/* In the order of fn's inputs. */
Value *tensors_for(const Tensors *t, Arena *a, const Fn *fn);

/* ---- what was found ---------------------------------------------------------------------------------- */
typedef struct Row { /* one tensor of one call, or one gradient against differences */
    const char *function, *name;
    const char *how; /* "count 2", "step 3": which call; or "" */
    Type type;
    double error, allowed; /* the worst of its elements; of differences: where error / allowed is largest */
    double rounding;       /* how far the interpreter in float is off, at the worst */
    int64_t samples,
        corners; /* of differences: how many were compared, and how many met a corner and were not */
    bool fine;
} Row;

typedef struct Verdict {
    Arena *a;
    VEC(Row) rows, differences;
    VEC(Fault) faults;
    struct {
        const char *function;
        int kernels, calls;
        bool fine;
    } function[8];
    int nfunction;
} Verdict;

/* ---- whole.c ----------------------------------------------------------------------------------------- */
typedef struct Whole {
    Arena *a;
    const Module *m;
    Tensors *tensors;
    Verdict *verdict;
    uint64_t seed;
    bool counts; /* the functions look at `count` themselves: those of dlc's files do */
} Whole;
/* A function called as a user calls it, its results compared and kept: what it updates is new in w->tensors.
 */
void whole_call(Whole *w, const char *function, const Code *code, const char *how);
/* Calls that must be refused and change nothing. */
void whole_refusals(Whole *w, const char *function, const Code *code);

/* ---- differences.c ------------------------------------------------------------------------------------- */
void check_differences(Verdict *v, const Module *m, const Tensors *t, uint64_t seed);

/* ---- model.c ------------------------------------------------------------------------------------------- */
typedef struct VerifyOptions {
    uint64_t seed;
    int steps;            /* of training */
    const Array *weights; /* parameters, then states; or NULL */
    ModulePlans plans;
    bool files;           /* what is compiled comes from code_files */
} VerifyOptions;

/* From code_source or code_files. */
typedef Jit *CompileCode(void *context, const Module *m, const MemoryFunction *functions, int n,
                         const char **why);
/* files.c: the files that `dlc -o` writes for these functions, the runtime's headers, and, last, the one to
 * compile. */
FileText *code_files(Arena *a, Diag *d, const Module *m, const MemoryFunction *functions, int n, int *nfile);

/* Compiles the module's functions, as they are planned for the target, and checks everything. NULL with *why where that is not possible. */
Verdict *verify_model(Arena *a, const Module *m, const Target *target, CompileCode *compile, void *context,
                      const VerifyOptions *options, const char **why);

#endif
