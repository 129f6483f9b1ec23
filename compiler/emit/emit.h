/* SPDX-License-Identifier: MIT */
/* emit.h: prints plans as C. Decides nothing: orders, tiles, offsets and names come from the plan. */
#ifndef DLC_EMIT_H
#define DLC_EMIT_H

#include "../kernels/place.h"

void name_buffers(Plan *p);                                 /* every buffer of the plan gets a C identifier of its own */
/* A kernel's function, or nothing where it calls another's. `work` is emptied. */
void emit_kernel(StrBuf *sb, Arena *work, const Plan *p, const Kernel *k);
/* The same, without comment and in words that are not the model's: equal for kernels that can be one function. */
void emit_nameless(StrBuf *sb, Arena *work, const Plan *p, Kernel *k);
const char *c_identifier(Arena *a, const char *name);       /* dots to underscores; keywords get one behind */
const char *c_type(DType dt);
const char *c_storage_type(const Buffer *b);                /* in the arena, where an integer may take a float's place */
const char *c_float(Arena *a, double value);

/* ---- share.c: kernels whose C is the same but for names become one function ------------------------ */
typedef struct Share {      /* {.a = arena}: none yet */
    Arena *a;
    StrMap text;            /* nameless text: 1 + index into first */
    VEC(Kernel *) first;    /* the kernels with a function of their own */
    VEC(int) next;          /* by function: 1 + index of another with its text but for whole numbers, or 0 */
} Share;
/* Which function each kernel of the plan calls; its own ones are called PREFIX and the kernel's name. */
void share_kernels(Share *s, Plan *p, const char *prefix);
/* Whole numbers by which the kernels of a function differ are its last parameters: as a call of k passes them, as k's function declares
 * them (each with a comma in front), and its text with them. */
const char *sizes_passed(Arena *a, const Kernel *k);
const char *sizes_taken(Arena *a, const Kernel *k);
const char *with_sizes(Arena *a, const Kernel *k, const char *text);

/* ---- emit_body.c: what every entry point consists of ----------------------------------------------- */
typedef const char *PortPointer(void *context, const Buffer *port);     /* the C expression that points to a port's tensor */
/* `ticks`: behind each kernel stands dlc_tick(0, its step), behind a loop that threads share dlc_tick(0, the loop's). */
void emit_steps(StrBuf *sb, const Plan *p, PortPointer *port, void *context, bool ticks);
/* emit_turns.c: functions for the loops whose turns or examples threads share, in front of whoever runs the steps; and the call of one. */
void emit_turns(StrBuf *sb, const Plan *p, bool ticks);
void emit_shared_loop(StrBuf *sb, const Plan *p, const Step *loop, PortPointer *port, void *context, int indent);
/* The call of a kernel's function, its tensors as `port` and `arena` say. */
const char *call_text(Arena *a, const Kernel *k, PortPointer *pointer, void *context);
/* The same with another begin than call_begin's: the function's name and what stands in front of the tensors, a pool or a range of examples. */
const char *call_text_from(Arena *a, const Kernel *k, const char *begin, PortPointer *pointer, void *context);
const char *call_begin(Arena *a, const Kernel *k, const char *pool);
const char *own_name(Arena *a, const Kernel *k);
void emit_time_loop(StrBuf *sb, const Step *loop, int indent);          /* the line that opens it */
void emit_line(StrBuf *sb, int indent, const char *text);       /* a long one is broken behind commas */
void emit_runtime(StrBuf *sb, const char *body, bool whole);    /* includes of the headers `body` needs, or their text */

/* ---- emit_memory.c: for compilation in memory: no includes; entry points `dl_status dlc_NAME(void *const *in, void *const *out,
 * void *arena, struct dl_pool *pool)`, the pointers in the order of the function's inputs and results. A result that takes an input's place
 * (parameters) is written there, and its own pointer is not looked at. ---- */
typedef struct MemoryFunction {
    const char *name;
    Plan *plan;
    bool ticks;                 /* calls `void (*dlc_tick)(int thread, int step)`, a variable of the text, behind each kernel: emit_steps, emit_turns */
} MemoryFunction;
const char *emit_memory(Arena *a, const MemoryFunction *functions, int n);

/* ---- emit_module.c: for files ---------------------------------------------------------------------- */
typedef struct EmitOptions {
    const char *name;           /* prefix of every symbol; "cnn" */
    const char *file_name;      /* what the header is called, without .h */
    bool train;
    bool baked;                 /* parameters are constants in the file: see `weights` */
    const float *const *weights;/* by parameter, then by state */
    const Placement *placement; /* several memories; NULL: structs and an arena of the caller's */
} EmitOptions;

typedef struct ModulePlans {    /* NULL where the module has no such function */
    Plan *init, *start, *infer, *train_step, *gradients, *evaluate;
} ModulePlans;

const char *emit_source(Arena *a, Diag *d, const Module *m, const ModulePlans *plans, const EmitOptions *options);
/* What a function of a module is called in C, behind the model's name: "infer" of single steps is "step". */
/* What a file begins with whose results are to be the same bits everywhere; nothing for others. */
const char *emit_exact(const Target *target);
const char *entrance_word(const Module *m, const char *function);
const char *emit_header(Arena *a, const Module *m, const ModulePlans *plans, const EmitOptions *options);

#endif
