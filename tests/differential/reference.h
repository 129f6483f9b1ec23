/* SPDX-License-Identifier: MIT */
/* reference.h: a model, and how it is run to know what its emitted C has to compute. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "commands/session.h"
#include "pipeline.h"

#include <stdio.h>

enum { SEED = 7 };

typedef struct Case {
    Arena *a;
    const Module *m;
    const char *folder, *engine;
    Setting set[16], limit[16];
    int nset, nlimit;
    ElaborateOptions options;
    int64_t examples;           /* of the larger batch: what inputs.bin holds */
    uint32_t noise;
    int steps;                  /* of training */
    bool baked;                 /* the driver's model has its weights in it */
} Case;

/* ---- reference.c --------------------------------------------------------------------------------------------------------- */
FILE *case_file(Case *c, const char *name, const char *mode);    /* of the case's folder; ends the program where it cannot be opened */
int32_t case_limit(const Case *c, const char *name);                /* what integers of the input are below */
int64_t case_count(const Case *c, const Entry *e);                     /* elements of a tensor, of the larger batch */
const char *record_of(DType dt);                                  /* the name of driver.h's function that records such elements */

/* ---- reference_driver.c -------------------------------------------------------------------------------------------------- */
void write_driver(Case *c);     /* FOLDER/driver.c: the case through the model's C interface */

#endif
