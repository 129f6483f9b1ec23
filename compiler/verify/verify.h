/* SPDX-License-Identifier: MIT */
/* verify.h: is compiled code right, and if not, which kernel is wrong?
 *
 * - record.c: what every kernel reads and has to write, step by step, by the interpreter: a trace
 * - given.c: these values, and others in their place that hide less
 * - code.c, files.c: kernels and entry points, compiled so that each can be called alone
 * - alone.c: every kernel alone, on right inputs, between guards
 * - replay.c: all in the plan's order, in the arena: does each find what another left for it?
 * - whole.c: the entry points as a user calls them
 * - differences.c: gradients against finite differences
 * - model.c: all of that for a model
 *
 * The trace gives each kernel its inputs exactly as the interpreter has them, so that errors do not add up
 * from kernel to kernel, and an element may be off by no more than its own kernel's rounding (bound.h). */
#ifndef DLC_VERIFY_H
#define DLC_VERIFY_H

#include "../emit/emit.h"
#include "../jit/jit.h"
#include "../kernels/lower.h"
#include "../lab/lab.h"

typedef struct Moment Moment;

/* ---- a trace --------------------------------------------------------------------------------------- */
typedef struct Region { /* elements of a buffer, and what stands there */
    Buffer *buffer;
    int64_t first, count;
    const void *bits; /* as compiled code stores them */
    Moment *maker;    /* who wrote them; NULL: the caller */
} Region;

typedef struct Wanted { /* what a unit of a kernel has to leave in its place */
    Unit *unit;
    Region place; /* its bits are what kernels behind it are given */
    double *value;
    float *slack; /* how far off each element may be; INFINITY: undecided. NULL: not at all */
    bool seen;    /* stands in memory when the kernel is done: no later unit has taken its place */
} Wanted;

typedef struct Trial { /* a check's inputs with an index that may be out of range */
    int region;        /* which input */
    int64_t element;
    int32_t value;
    bool fails;
} Trial;

typedef struct When { /* a loop's position */
    const Var *time;
    int64_t at;
} When;

struct Moment { /* one call of a kernel */
    Kernel *kernel;
    int number;     /* in the order of the trace */
    VEC(When) when; /* the loops around it, outermost first */
    VEC(Region) in;
    VEC(Wanted) out;
    VEC(Trial) trial; /* of a kernel that checks indices */
};

typedef struct Trace {
    Arena *a;
    Plan *p;
    VEC(Moment *) moments;
    VEC(Region) before, after; /* the caller's buffers: inputs; results */
    const char *why;           /* the interpreter's complaint where an index is out of range */
} Trace;

/* What a kernel is given of the f32 values that others have stored. */
typedef enum Given {
    GIVEN_EXACT,       /* the values themselves */
    GIVEN_COARSE,      /* these with two significant bits: many are equal, and few ties undecided */
    GIVEN_SMALL,       /* random numbers whatever the values are, some of them 0; integers 0 and 1 */
    GIVEN_LARGE,       /* the same, so large that what is not guarded overflows */
    GIVEN_SMALL_AGAIN, /* the same with the other sign, and integers 0: all are equal */
    GIVEN_LARGE_AGAIN,
    GIVENS,
} Given;

/* Which of them go with an incomplete batch: each kind once. */
static inline bool given_partly(Given given)
{
    return given == GIVEN_COARSE || given == GIVEN_LARGE || given == GIVEN_SMALL_AGAIN;
}

/* What others are given of a tensor that a unit of this kind stores; in place. Copies stay copies, and no
 * index becomes larger. */
void given_change(Random *chance, Given given, UnitKind kind, Value v);

/* One execution of p's function on `in`, which follows p->fn->input. Everything lives in `a`. NULL with *why
 * when an index is out of range. */
Trace *trace_record(Arena *a, Plan *p, const Value *in, Given given, const char **why);
Moment *trace_find(const Trace *t, const Kernel *k, const When *when, int nwhen);
/* Value to memory: i32, f32 (rounded) or bytes. */
void *value_bits(Arena *a, Value v);
double bits_at(DType dt, const void *bits, int64_t i);
/* Of a tensor of which each turn of the innermost loop around m reads a part: that one, as others may have put what they make in theirs. */
Region region_of_turn(Arena *a, const Moment *m, Region place);

/* ---- faults ---------------------------------------------------------------------------------------- */
typedef enum FaultKind {
    FAULT_VALUE,  /* an element of what the kernel writes is wrong */
    FAULT_STRAY,  /* it writes what is not its own */
    FAULT_OLD,    /* what it writes depends on what memory held before */
    FAULT_CRASH,  /* it reads or writes memory nobody has */
    FAULT_CHECK,  /* an index out of range passes, or one in range does not */
    FAULT_MEMORY, /* it overwrites what another kernel still reads */
    FAULT_ORDER,  /* a kernel does not run, or too late, or too often */
    FAULT_ENTRY,  /* kernels are right, the entry point is not */
} FaultKind;

typedef struct Fault {
    FaultKind kind;
    const Plan *plan;
    const Kernel *kernel; /* the one at fault; NULL: none of them */
    const char *tensor;   /* what is wrong, and where in it */
    Type type;
    int64_t index[MAX_RANK];
    bool has_element;
    double expected, found, slack;
    int64_t wrong, of; /* elements */
    const char *text;  /* one sentence, without the kernel and its place */
} Fault;

/* ---- code ------------------------------------------------------------------------------------------ */
typedef int KernelCall(void *const *arg, const int *time);

typedef struct Code { /* of one function */
    const Plan *plan;
    KernelCall **kernel; /* by kernel id: tensors of its args, positions of its scans */
    JitFunction *entry;
    dl_pool *pool; /* of whole calls; NULL: one thread */
} Code;

/* A pool that one thread runs, for kernels alone: pieces as small as they may be, the last first, in turn for each thread. */
void code_put_pool(StrBuf *sb, const MemoryFunction *functions, int n);
/* A function of one shape that calls what the kernel calls, once that is known: behind emit_memory or emit_source. */
void code_put_caller(StrBuf *sb, const char *function, const Kernel *k);
/* Source of the functions with what calls their kernels one by one; see emit_memory. */
const char *code_source(Arena *a, const MemoryFunction *functions, int n);
bool code_find(Arena *a, Jit *jit, const MemoryFunction *function, Code *code, const char **why);
/* Fills the stack below its caller, where a kernel's own variables and arrays will lie. */
void code_litter_stack(int byte);
/* Runs call(context) and comes back even if it touches memory nobody has: false then. */
bool code_survives(void (*call)(void *context), void *context);

/* Every moment's kernel on its own. false with the first fault. */
bool check_alone(Arena *a, const Trace *t, const Code *code, Fault *fault);
/* All kernels in the plan's order. */
bool check_replay(Arena *a, const Trace *t, const Code *code, Fault *fault);

/* ---- what both checks share: compare.c ------------------------------------------------------------- */
bool wanted_matches(Arena *a, const Trace *t, const Moment *m, const Wanted *w, const void *found,
                    Fault *fault);
Fault fault_make(const Trace *t, const Kernel *k, FaultKind kind, const char *text);
const char *buffer_label(const Buffer *b);
const char *when_text(Arena *a, const Moment *m); /* " at t = 3", or "" */

#endif
