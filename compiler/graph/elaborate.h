/* SPDX-License-Identifier: MIT */
/* elaborate.h: syntax tree to graph. Names, shapes, compile-time values, batches. */
#ifndef DLC_ELABORATE_H
#define DLC_ELABORATE_H

#include "../syntax/ast.h"
#include "ir.h"

typedef struct Setting {
    const char *name, *value; /* --set NAME=VALUE; the value is an expression of the language */
} Setting;

typedef struct ElaborateOptions {
    const char *model;          /* NULL: the file's only model */
    bool definitions;           /* of no model: what is wrong with the definitions' names and constants alone */
    int64_t batch, train_batch; /* examples per call; >= 1 */
    bool stepwise;              /* inference of one time step at a time (passes/stepwise.c); without training functions */
    int64_t micro_batch;        /* examples at a time in training (passes/micro_batch.c); 0: the whole batch */
    bool sparing;               /* there may be too little memory for what training would be faster with (passes/blockwise.c) */
    bool train;                 /* also the training functions; an error where the model has no train block */
    const Setting *set;
    int nset;
    int most_nodes;             /* of one function, before the program is too large; 0: ten thousand layers' worth */
} ElaborateOptions;

/* The module of one model, or NULL with diagnostics (without, where only definitions are asked for). `std` programs are the standard library, parsed. */
Module *elaborate(Arena *a, Diag *d, const Program *program, const Program *const *std, int nstd,
                  const ElaborateOptions *options);

/* The functions the language is born with. */
typedef struct BuiltinDoc {
    const char *name;
    const char *formals; /* "x axis? keepdims?": a ? marks what may be left out */
    const char *doc;
} BuiltinDoc;
bool builtin_doc(int i, BuiltinDoc *out); /* false past the last */

#endif
