/* SPDX-License-Identifier: MIT */
/* report.h: what a model needs, per kernel and in all. */
#ifndef DLC_REPORT_H
#define DLC_REPORT_H

#include "../budget/budget.h"
#include "measure.h"

/* A table on standard output, or with `json` one object a line. Bytes are exact; a kernel's are those of the
 * tensors it touches, a function's what it needs in all (the arena's buffers share bytes, so a column of
 * kernels adds up to more). With a placement, in the end what lies in each memory. */
void report_print(Arena *a, const Module *m, const ModulePlans *plans, const EmitOptions *emit, bool json);

/* report_budget.c: the choices made to keep a budget, what each saved and costs, and with `ram` what is needed of that in all. */
void report_budget(Arena *a, const Diag *d, const BudgetReport *report, bool ram, bool json);

/* The object's sizes, and the stack that each function of the interface needs. `name` is their prefix. */
void report_measured(Arena *a, const Module *m, const char *name, const ModulePlans *plans, const Measured *measured, bool json);

#endif
