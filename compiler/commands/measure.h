/* SPDX-License-Identifier: MIT */
/* measure.h: how large the emitted code is and how much stack it needs, which its compiler alone knows. */
#ifndef DLC_MEASURE_H
#define DLC_MEASURE_H

#include "../kernels/kernel.h"

typedef struct StackNode {
    const char *name;               /* of a function, without the file that a static one is in */
    int64_t own;                    /* bytes of its frame; 0: it is not in the file (a routine of the compiler's) */
    bool told;                      /* the graph has a node of it, and not only calls */
    VEC(int) calls;
    int64_t most;                   /* with the deepest of what it calls; -1 while that is not known */
    bool under_way;
} StackNode;

typedef struct Measured {
    int64_t text, constants, data;  /* bytes of the object: code, what is never written, and what is (there should be none) */
    VEC(StackNode) nodes;
} Measured;

/* Compiles what emit_source and emit_header gave, the header's file being NAME.h, by `command`: its first word, the target's flags, its
 * other words, so that these have the last say. gcc 10 and later can tell the stack's use (-fcallgraph-info=su). */
bool measure(Arena *a, const char *command, const Target *target, const char *name, const char *source, const char *header,
             Measured *m, const char **why);

/* The bytes of stack that a call of this function needs, at the most, all that it calls included but for routines of the compiler's own
 * library; -1: there is no such function. */
int64_t measured_stack(const Measured *m, const char *function);

#endif
