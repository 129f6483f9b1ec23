/* SPDX-License-Identifier: MIT */
/* tile_schedule.h: what the parts of the search for a schedule share. Private to tile_schedule.c, tile_cost.c and tile_fits.c. */
#ifndef DLC_TILE_SCHEDULE_H
#define DLC_TILE_SCHEDULE_H

#include "lower.h"

enum {
    TALLEST = 16,           /* rows of a tile */
    WIDEST = 16,            /* vectors of a row */
    LEAST_LANES = 4,        /* floats of the narrowest vector */
    MOST_GEMM_ROWS = 256,   /* of one call of dl_gemm */
    MOST_ABREAST = 24,      /* rows of one that has two side by side */
    MOST_EDGE_TILES = 6,    /* tiles that need a function of their own */
};

/* ---- tile_cost.c ---- */
int64_t contraction_steps(const Contraction *k);                /* products of one sum */
int64_t tile_right_bytes(const Contraction *k);                 /* of what a row of the result reads of b */
int64_t tile_column_bytes(const Contraction *k, const TileSchedule *s);
int64_t tile_left_bytes(const Contraction *k, const TileSchedule *s, int64_t columns);
int64_t tile_both_bytes(const Contraction *k, const TileSchedule *s);
bool schedule_has_blocks(const TileSchedule *s);                /* of k, without panels */
int64_t schedule_blocks(const Contraction *k, const TileSchedule *s);
bool tile_is_streamed(const Contraction *k, const Target *target, const TileSchedule *s);
bool tile_finds_right(const Contraction *k, const TileSchedule *s);     /* in L2, at each step of a loop */
bool tile_finds_both(const Contraction *k, const Target *target, const TileSchedule *s);        /* both operands, from one tile to the next */
double tile_rows_within(const Contraction *k, const TileSchedule *s);
int tile_inner_rows(const Contraction *k, const TileSchedule *s);
bool reads_by_column(const Contraction *k, const TileSchedule *s);      /* each vector of columns a vector of the left operand, or a part */
double tile_schedule_cost(const Contraction *k, const Target *target, const TileSchedule *s);

/* ---- tile_fits.c ---- */
/* The columns that tiles divide: of a group, or all. Whether tiles so wide may be. */
int64_t contraction_columns(const Contraction *k);
bool tile_width_fits(const Contraction *k, const TileSchedule *s);
bool tile_has_one_row(const Contraction *k);
bool tile_may_zigzag(const Contraction *k, const TileSchedule *s);
bool tile_may_prefetch(const Contraction *k, const TileSchedule *s);                            /* the next rows */
bool tile_may_fetch_columns(const Contraction *k, const TileSchedule *s);
bool tile_may_fetch_block(const Contraction *k, const TileSchedule *s);
bool tile_may_fetch_result(const TileSchedule *s);
bool tile_may_fetch(const Contraction *k, const TileSchedule *s, Prefetch what);
bool contraction_hangs_on(const Contraction *k, int i, int axis);   /* the taps of the i-th loop of k, on an axis of the result */
bool tile_turns_fit(const Contraction *k, const TileSchedule *s, int loops);
int tile_edge_tiles(const Contraction *k, int axis, int rows);
bool contraction_gives_rows(const Contraction *k, int axis, const Target *target);
int contraction_loops_of_right(const Contraction *k, int row_axis);
bool tile_is_one_panel(const Contraction *k, const TileSchedule *s);
int64_t panel_room(const Target *target);       /* bytes of a panel at the most, */
int64_t tile_most_panel(const Contraction *k, const Target *target, const TileSchedule *s);     /* and of this one, which may be all there is */
bool tile_keeps_order(const TileSchedule *s);
bool tile_divides_columns(const Contraction *k, const TileSchedule *s);
bool contraction_gives_two(const Contraction *k, int axis, const Target *target);

/* ---- groups.c ---- */
void find_channels(Contraction *k);                             /* sets channels and channel_axis, once it has its axes; */
/* then, once it has its loops, puts that over the taps along the rows inside of that over the channels, where vectors may have several groups. */
void stand_taps_inside(Contraction *k, const Target *target);
int channel_loop(const Contraction *k);                         /* over a group's channels; -1: there is none */
bool spans_groups(const Contraction *k, const TileSchedule *s); /* vectors have columns of several groups */
int steps_of_groups(const Contraction *k, const TileSchedule *s);       /* that are written out for it */
const char *groups_fit(const Contraction *k, const TileSchedule *s);    /* NULL where they may have them */
bool groups_pay(const Contraction *k, const Target *target, const TileSchedule *s);      /* registers have room for it, and rows are enough */

/* ---- abreast.c ---- */
bool may_be_abreast(const Contraction *k, const Target *target, const TileSchedule *s);         /* so few columns may */
bool pairs_steps(const Contraction *k, const TileSchedule *s);  /* as tile_pairs_steps, */
double paired_steps(const Contraction *k, const TileSchedule *s);               /* of a step, what is left of it */
int tile_vectors(const Contraction *k, const TileSchedule *s, int rows);        /* and how many vectors of sums `rows` rows are then */
const char *abreast_fits(const Contraction *k, const Target *target, const TileSchedule *s);    /* NULL where it may be */
bool next_abreast(const Contraction *k, const Target *target, TileSchedule *s);                 /* the next unroll that is worth a try, or false */

#endif
