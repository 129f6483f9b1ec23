/* SPDX-License-Identifier: MIT */
/* stages.h: shared by schedule.c, which makes a kernel, stage_map.c, stage_reduce.c and locals.c. */
#ifndef DLC_KERNEL_STAGES_H
#define DLC_KERNEL_STAGES_H

#include "lower.h"

enum { MOST_RANGES = 8 };
typedef struct Range {      /* positions start, start + step, ...: so many */
    int64_t start, step, count;
} Range;
typedef struct Ranges {     /* of one loop; n = 0: all its positions */
    int n;
    Range at[MOST_RANGES];
} Ranges;

typedef struct Making {     /* a kernel being made */
    Kernel *k;
    Lower *c;
    Group *g;
    Build b;
    bool merged[MAX_RANK];  /* axis i shares its loop with axis i + 1, since all tensors are contiguous across both: of map stages, and outer ones of rows */
    Ranges ranges[MAX_RANK];        /* map stages: in which the loop whose first axis is i is made, and */
    const Range *range[MAX_RANK];   /* the one that is being made; NULL: all */
    int64_t split;          /* map stages: the last loop is two, and the inner one has so many positions; 0: it is one */
    bool fresh;             /* the next map has a stage of its own */
} Making;

Stage *stage_new(Making *m, StageKind kind);                        /* the kernel's last one so far */
void add_loop(Making *m, Stage *s, int64_t extent, const char *prefix);
void add_inner_loops(Making *m, Stage *s, const Unit *u);           /* over u's axes within the outer loops */
void add_item(Making *m, Stage *s, Unit *u, Ex *value, const Lin *flat, Op reduce);
int outer_axes(const Making *m);        /* of units: so many leading ones the outer loops run over, more than these where some are merged */
/* The index of u's element: the kernel's outer variables, then the stage's first loops, each for the axes it runs over. */
void unit_index(Making *m, const Unit *u, const Stage *s, const Lin **index);
int own_loops(const Making *m, const Unit *u, int64_t *extent);     /* those add_inner_loops would make */
bool same_loops(const Stage *s, int n, const int64_t *extent);

/* ranges.c: the loops of a kernel's only stage, a map: in ranges in which guards are known, if there are few. */
void find_ranges(Making *m, const Stage *s);
int before_ranges(const Making *m);     /* how many leading axes have loops of their own in front of all that are in ranges */

/* stage_map.c */
void map_stage(Making *m, Unit *u);
void concat_stages(Making *m, Unit *u);
bool reads_stage(const Ex *e, const Stage *s);                      /* loads what s stores */
void forget_here(Making *m);            /* from here on, values made so far are no variables of the stage */

/* stage_reduce.c */
void reduce_stage(Making *m, Unit *u);
/* Columns keep their last axis for inner loops where that is the one the operand of their reduction is contiguous along. */
void free_last_axis(Making *m, const Unit *first);

/* tile.c */
Stage *tile_stage(Making *m, Unit *u);          /* a register tile for u, not yet in its kernel, or NULL where its operands do not allow one */
bool contraction_in(const Making *m, const Unit *u, Contraction *k);    /* u's contraction, as its kernel makes it; false likewise */

/* merge_rows.c: before there are outer loops: which of them are one, for there to be more rows to cut into tiles. */
void merge_rows(Making *m);
int stages_divisions(const Making *m);  /* divisions in the indices of all stages */
void make_in(Making *m, Arena *a);      /* the kernel anew, with no stage so far */
void make_outer(Making *m, const Type *shape);  /* a variable for each outer loop */
void add_unit(Making *m, Unit *u);

/* locals.c: a value no other kernel reads lives in a C variable, or in a small array, or nowhere. */
void keep_local(const Making *m);

#endif
