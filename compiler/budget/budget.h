/* SPDX-License-Identifier: MIT */
/* budget.h: plans that keep a promise of so many bytes, and what that costs.
 *
 * Without a budget functions are planned for speed. With one, those that need more are planned again by one means after the
 * other (the table in budget.c, the cheapest first) until they fit. */
#ifndef DLC_BUDGET_H
#define DLC_BUDGET_H

#include "../emit/emit.h"

typedef struct Budget {
    int64_t ram;        /* bytes of parameters, states, what the optimizer keeps, and scratch; 0: no promise */
    bool quiet;         /* nothing is said where that is not enough */
    int64_t flash, stack;       /* of the whole file, and of its deepest call: what a compiler measures (commands/promises.c) */
} Budget;

/* What was done for the budget, in its order. */
typedef struct Choice {
    const char *function, *means;
    const Node *what;           /* the tensor that is not kept; NULL: it is about the whole function */
    int64_t saved;              /* bytes: that tensor's, or of the arena; */
    int64_t macs;               /* multiply-accumulates done more than without */
    int64_t examples;           /* of a batch that are worked on at a time; 0: it is not about that */
    bool refused;               /* it cannot be done, because of `what` */
} Choice;

typedef struct BudgetReport {
    int64_t kept;               /* bytes of parameters, states and the optimizer's */
    int64_t arena;              /* of the function that needs most */
    VEC(Choice) choices;
} BudgetReport;

/* Plans again, in `plans`, what does not fit. false, with the nearest it can do and what stands in the way in d, where a
 * function does not fit in the end. `baked`: parameters and states are constants. */
bool budget_keep(Arena *a, Diag *d, const Module *m, const Budget *budget, bool baked, ModulePlans *plans, BudgetReport *report);

#endif
