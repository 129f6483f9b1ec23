/* SPDX-License-Identifier: MIT */
/* promises.h: budgets of flash and stack, held against what was measured. */
#ifndef DLC_PROMISES_H
#define DLC_PROMISES_H

#include "../budget/budget.h"
#include "measure.h"

int64_t flash_of(const Measured *m);        /* bytes of code, constants and data */
/* false, with what is in the way in d, at `place`, where one is not kept. */
bool promises_kept(Arena *a, Diag *d, const Module *m, Span place, const Budget *budget, bool baked, const Measured *measured);

#endif
