/* SPDX-License-Identifier: MIT */
/* emit_internal.h: shared by the files that print a kernel: emit_expr.c (values), emit_stage.c (loop nests), emit_tile.c
 * (contractions), emit_kernel.c (the function around them). */
#ifndef DLC_EMIT_INTERNAL_H
#define DLC_EMIT_INTERNAL_H

#include "emit.h"

/* The terms of an index with divisions that stand still in the innermost loop: a constant in front of it. Compilers do not see under
 * conditions that such an index goes on by one. */
typedef struct Place {
    const Lin *still;
    const char *name;
} Place;

/* A loop that goes several positions at a time: what is printed is for the one `by` behind the loop's. */
typedef struct Shift {
    const Var *v;               /* NULL: none */
    int by;
    int wide;                   /* that position and those behind it are a vector of so many */
    bool fixed;                 /* there is no loop: the first position is 0 */
} Shift;

typedef struct Out {
    StrBuf *sb;
    Arena *a;
    const Plan *p;
    const Kernel *k;
    bool nameless;              /* names of the model's are left out: see share.c */
    const Var *block;           /* first row of the block of rows being printed; NULL outside of one */
    bool wants_rows;            /* a block of rows says how many `rows` it has */
    int indent;
    int abreast;                /* rows in each vector of the steps or sums being printed */
    int lanes;                  /* values being printed are vectors of so many floats, and comparisons masks; 0 or 1: scalars */
    int ntemp;                  /* constants v1, v2, ... so far */
    int inner;                  /* depth of the innermost loop, while its body is printed; else 0 */
    Shift column, row;          /* of sums of columns in registers */
    VEC(Place) places;          /* constants of outer loops in that body */
    int nloop;                  /* open loops */
    bool loop[64];              /* by open loop: was printed (its extent is not 1) */
} Out;

typedef struct Written {        /* a step of a tile's sums that is written out */
    int64_t a, b;               /* places from where the loops around leave off */
    uint32_t rows;
    int run;                    /* of the innermost loop: steps with the same number */
    int64_t channel;            /* of a group; 0 where it is none's */
} Written;

/* ---- emit_expr.c ----------------------------------------------------------------------------------- */
void line(Out *o, const char *format, ...) PRINTF(2, 3);        /* one indented line */
const char *c_value_type(DType dt);                             /* of a variable: bytes become int */
const char *lin_text(Out *o, const Lin *x);
const Lin *still_part(Out *o, const Lin *x);                    /* of an index, see Place; NULL where there is none */
bool is_scalar_local(const Buffer *b);
void put_element(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at);
void put_vector(Out *o, StrBuf *sb, Buffer *buffer, const Lin *at, const char *qualifier);     /* of column.wide floats */
void put_ex(Out *o, StrBuf *sb, const Ex *e, int outside);      /* a constant's name, or the expression */
void put_whole(Out *o, StrBuf *sb, const Ex *e, int outside);   /* the expression even where it has a name */
const char *ex_text(Out *o, const Ex *e, int outside);
void put_conditions(Out *o, StrBuf *sb, const Ex *e);           /* of an X_GUARD */
int lin_depth(const Lin *x);                                    /* the loop it changes in; after reset_ex, 0: in none */
const char *unit_name(Out *o, const Unit *u);                   /* the variable that holds a unit's value in its kernel */
const char *salt_name(Arena *a, int i);                         /* of a kernel's i-th salt, a parameter */
const char *salt_text(Out *o, uint32_t salt);                   /* the parameter that holds it */
void reset_ex(Ex *e);
void count_uses(Ex *e, bool guarded);
void choose_temps(Out *o, Ex *e, int user_depth, ExList *list);
void print_temps(Out *o, const ExList *list, int depth);        /* constants known at this loop depth */

/* ---- emit_stage.c ---------------------------------------------------------------------------------- */
void push_loop(Out *o, bool printed);               /* counts as a loop for close_loops */
void open_block(Out *o, const char *head);          /* a line that ends in {; closed by close_loops */
void open_loop(Out *o, const Var *v);               /* prints nothing for a loop of one */
void print_unroll(Out *o, const Stage *s, int64_t turns);       /* before a loop of so many turns */
void close_loops(Out *o, int n);
void prepare_stage(Out *o, const Stage *s, ExList *temps);      /* depths and constants of all items, as seen from the innermost loop */
void open_loops(Out *o, const Stage *s, int from, int to, const ExList *temps);
void print_item_temps(Out *o, const Ex *e);
void print_store(Out *o, const Item *item, const char *value);
const char *start_of(const Item *item);             /* what a reduction begins with */
void print_step(Out *o, const Stage *s, const Item *item, const char *sofar);
const char *joined(Out *o, const Item *item, const char *to, const char *from);     /* one accumulator takes in another */
void open_lanes(Out *o, const Stage *s, const Var *last);       /* the last loop, one position for each lane */
void print_at(Out *o, const Var *last, const char *at, StrBuf *body);      /* a loop's body where its position is that */
void print_stage(Out *o, const Stage *s);

/* ---- emit_columns.c -------------------------------------------------------------------------------- */
void print_columns(Out *o, const Stage *s);

/* ---- emit_transpose.c ------------------------------------------------------------------------------ */
void print_squares(Out *o, const Stage *s);         /* a stage that goes by squares */

/* ---- emit_random.c --------------------------------------------------------------------------------- */
/* Arrays of what the stage's innermost loop draws, in front of it; each expression becomes a constant, which print_drawn sets first in
 * the loop. */
ExList draw_rows(Out *o, const Stage *s);
void print_drawn(Out *o, const ExList *drawn, const Var *v);

/* ---- emit_tile.c ----------------------------------------------------------------------------------- */
void tile_functions(Out *o, const Stage *s);
void print_tile(Out *o, const Stage *s);
/* What the c-th vector of columns is multiplied with, where the left operand has vectors: at `at`, of that channel where groups share one. */
const char *left_vector(Out *o, const Tile *t, int lanes, int64_t at, int64_t channel, int c);
const char *tile_column(Out *o, const Tile *t);
const Lin *with_block(Out *o, const Lin *at, int64_t stride);   /* `at`, counted from the first row, at the block's first one */
int64_t place_stored(Out *o, const Stage *s, int r, int c);      /* of row r's vector c, behind the c a tile is told */
const char *tile_pointer(Out *o, Buffer *buffer, const Lin *at, const char *column);

/* ---- emit_abreast.c: two rows in a vector ---------------------------------------------------------------- */
int rows_of_vector(const TileForm *form, int r);                /* of which r is the first: 2, 1, or 0 where it is none's first */
uint32_t rows_abreast(const TileForm *form, uint32_t rows, int n);      /* of the set the first ones of vectors of n rows */
void print_paired_sums(Out *o, const Tile *t, const TileForm *form);    /* begin at 0, of steps in pairs and of those without another */
bool make_a_pair(const Tile *t, const Written *x, const Written *y);    /* two steps do */
void print_paired_steps(Out *o, const Tile *t, const Written *steps, int n);
void join_paired_sums(Out *o, const Tile *t, const TileForm *form);     /* to c0_0, ..., vectors of rows */

/* ---- emit_unroll.c --------------------------------------------------------------------------------- */
/* All steps that are written out, for the rows in the set: ak and bk point to the first. */
void print_unrolled(Out *o, const Tile *t, const TileForm *form, uint32_t rows);
bool has_steps_alone(Out *o, const Tile *t, const TileForm *form);      /* of a tile that pairs its steps: some find no other */

/* ---- emit_finish.c: what a tile does on its sums ------------------------------------------------------ */
bool stores_sums(Out *o, const Stage *s);                               /* and whether it stores them as well */
const char *finish_parameters(Out *o, const Stage *s);                  /* behind c; "" where it does nothing */
const char *finish_arguments(Out *o, const Stage *s, const char *column);     /* c, and those */
int64_t finish_place(Out *o, const Stage *s, int r, int c);             /* place_stored's, then */
void print_finished(Out *o, const Stage *s, const TileForm *form);     /* does it, and stores what becomes of them */

/* ---- emit_fetch.c: what a tile fetches for those after it ---------------------------------------------- */
void print_fetch(Out *o, const Tile *t, int rows);              /* in a step of a tile of so many rows: of the next rows */
void print_fetch_result(Out *o, const Stage *s, int rows);      /* at the begin of a tile: of the result */
void print_fetch_columns(Out *o, const Tile *t);                /* in one that has its operands: of the next columns */
void print_next_columns(Out *o, const Tile *t);                 /* where these are; before the loops over rows */
const char *fetch_argument(Out *o, const Tile *t);              /* and which line of them; "" where none are fetched */
void print_further(Out *o, const Stage *s);                      /* what a stage by element fetches, before its last loop */
const char *beside_parameters(Out *o, const Tile *t);           /* of a tile that fetches what the stages behind it want; "" where it does not */
const char *beside_arguments(Out *o, const Tile *t, const char *column);        /* column: the tile's first */
const char *ahead_parameters(Out *o, const Tile *t);            /* of a tile that fetches of the next turn's; "" where it does not */
const char *ahead_arguments(Out *o, const Tile *t, bool columns);       /* columns: inside a loop over n */
void print_ahead(Out *o, const Tile *t);                        /* before the loop of ahead_loop, */
void print_ahead_step(Out *o, const Tile *t);                   /* and in each of its steps */

/* ---- emit_panel.c ---------------------------------------------------------------------------------- */
void print_k_blocks(Out *o, const Stage *tile);     /* a tile in blocks of k, or with panels, and the stages behind it */

/* ---- emit_parallel.c: of a kernel that several threads share ------------------------------------------ */
bool is_split(const Out *o, const Var *v);          /* one of the loops it is cut along */
void open_split(Out *o, const Var *v);              /* such a loop, over the turns from dl_from up to dl_to */
void open_steps(Out *o, const Tile *t);             /* the loop over a tile's columns, as many at a time as it makes: column_step */
void print_pieces(Out *o, const char *parameters);  /* the kernel, as what hands out the pieces of its range */

/* ---- emit_kernel.c --------------------------------------------------------------------------------- */
bool is_written(const Kernel *k, const Buffer *root);
int open_outer(Out *o, const Tile *tile, int from, int to);     /* those but the tile's rows; returns how many */
int open_rows(Out *o, const Tile *t);                           /* the loop over blocks of the tile's rows, if any: 1, or 0 */
int print_rows(Out *o, int i, const Tile *t);                   /* stages from the i-th to the next tile, by the block's rows */

#endif
