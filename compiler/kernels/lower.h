/* SPDX-License-Identifier: MIT */
/* lower.h: shared by the files that turn a function into kernels: store.c (what gets storage), units.c (where, and in which
 * order), pack.c (copies for contractions), lower.c (expressions), fuse.c (groups), schedule.c (stages), tile.c (contractions), plan.c (all of it in order). */
#ifndef DLC_LOWER_H
#define DLC_LOWER_H

#include "kernel.h"

typedef struct Group {
    VEC(Unit *) units;          /* in topological order; a loop stands alone */
    int outer;                  /* how many leading axes they share as outer loops */
    Type shape;                 /* dim[0 .. outer - 1] are the shared extents */
    bool guarded;               /* some unit is */
} Group;

/* A set of small numbers that is emptied at once. */
typedef struct Marks {
    int *at, cap, now;          /* at[i] == now: i is in it */
} Marks;
void marks_clear(Arena *a, Marks *m, int n);    /* numbers below n may be added now */
bool marks_add(Marks *m, int i);                /* false where it was in already */

/* order.c: numbered things, and who waits for whom, in an order in which they can run. */
typedef VEC(int) Numbers;
typedef struct Place {
    int position;
    Numbers after, before;      /* whom it waits for, and who waits for it */
} Place;
typedef struct Order {
    Arena *a;
    VEC(Place) place;           /* by thing */
    Numbers at;                 /* the thing at each position */
    Marks marks;                /* of a search, like the following */
    Numbers behind, front, places, moved;
} Order;
int order_add(Order *o);                        /* a new thing's number; it stands behind all others */
bool order_waits(Order *o, int x, int y);       /* x waits for y, as far as can be seen nearby */
bool order_may_wait(Order *o, int x, int y);    /* that closes no circle, as far as can be seen nearby */
void order_begin(Order *o, int x, int y);       /* x waits for y from the beginning: in front of all the others, */
void order_begun(Order *o);                     /* which may follow from here on */
void order_wait(Order *o, int x, int y);        /* x runs behind y from now on; where it may */
int *order_sorted(const Order *o);              /* by number, but each behind all it waits for, which comes as late as can be */

/* One function, or one scan body inside its parent. */
typedef struct Lower {
    Arena *a, *work;            /* work: for one question; emptied behind it */
    Plan *p;
    const Fn *fn;
    struct Lower *parent;
    const Node *scan;           /* the scan this is the body of */
    Var *time;                  /* its position, as an index into the scanned operands */
    int *uses;                  /* by node: edges to consumers and results */
    bool *moved;                /* by node: a consumer is more than work by element */
    int *cost;                  /* by node: element operations to compute it inline */
    bool *stored;               /* by node */
    int *level;                 /* by node: how many contractions and sums over all examples it needs, one after the other */
    const Node **anchor;        /* by node: the contraction whose elements this element-wise value is made of */
    Unit **unit;                /* by node: where a stored node lies */
    Buffer **joined;            /* by node: of a concatenation whose operands are made side by side, the tensor they are then; or NULL */
    struct Lower **body;        /* by node: a scan's */
    Buffer **carry;             /* body: by carry */
    Type *carry_type;
    int *rolls;                 /* body: by carry: the yield through whose stack it rolls; -1: it stays where it is */
    Buffer **stacked;           /* body: by yield: [length, ...] */
    const Lin **stacked_at;     /* body: by yield: where that begins in its buffer: the slot of a loop around, or 0 */
    VEC(Unit *) units;
    VEC(Group *) groups;
    Unit **check;               /* by node: a check_index's unit */
    VEC(Unit *) copies;         /* results that need one */
    Unit **pack;                /* by node: the first of its packs, transposed copies for contractions; also in units */
    VEC(Unit *) failing;        /* units after which the call may fail, in order */
    Order unit_order;           /* of units, by id */
    Order group_order;          /* of groups by their place in groups */
    Numbers fills;              /* groups of values that depend on nothing, with room for another */
    Marks marks;                /* of whatever search is going on: by node, unit or group */
} Lower;

/* What is needed while the expressions of one kernel are made. */
typedef struct Build {
    Arena *a;
    int n;                      /* expressions so far, */
    Ex *bucket[64];             /* by hash, so that equal ones are made once */
    Lower *c;
    Kernel *k;
} Build;

/* lower.c */
Ex *ex_const(Build *b, DType dt, double value);
Ex *ex_load(Build *b, Buffer *buffer, DType dt, const Lin *at);
Ex *ex_op(Build *b, Op op, DType dt, Ex *x, Ex *y, Ex *z);
Ex *resolve(Build *b, Lower *c, const Node *n, const Lin *const *index);
/* n's value from its operands, although n itself is stored. */
Ex *resolve_body(Build *b, Lower *c, const Node *n, const Lin *const *index);
/* A reduction's operand, at the result's index and the reduced positions. */
Ex *resolve_reduced(Build *b, Lower *c, const Node *n, const Lin *const *index, const Lin *const *reduced);
int read_operands(const Node *n);                   /* how many of its operands, the first ones, n's value is made of */
int reduced_axes(const Node *n, int64_t *extent);   /* extents of what a reducing node (sum, max, argmax, fold, dot) runs over */

/* store.c */
void decide_storage(Lower *c);          /* results first, then by cost; makes the units, in order, with what each needs */
bool reduces_inline(const Lower *c, const Node *n);
bool is_outer_product(const Node *n);
/* n as a strided operand: its buffer, and the position of its first element and the strides of its axes. */
bool strided_view(Lower *c, const Node *n, Buffer **buffer, const Lin **at, int64_t *stride);
/* The same of a contraction's operand. The left one's last axis is two where there are groups: these, and what is in each. */
bool operand_view(Lower *c, const Node *n, int operand, Buffer **buffer, const Lin **at, int64_t *stride);

/* units.c */
Lower *lower_context(Arena *a, Plan *p, const Fn *fn, Lower *parent, const Node *scan);
Buffer *buffer_new(Plan *p, BufferKind kind, Type t, const char *name);
void store_node(Lower *c, const Node *n);                       /* leaves and scans have storage of their own: nothing happens */
Buffer *port_buffer(Lower *c, const Port *port);                /* the caller's tensor for a result */
void place_results(Lower *c);                                   /* results are made in their places where they can be */
void place_pieces(Lower *c);                                    /* and so are operands of concatenations, which are nothing to do then */
void list_units(Lower *c);                                      /* in an order in which they can run, with what each needs */
Unit *unit_new(Lower *c, UnitKind kind, const Node *n, Buffer *buffer, const Lin *base);       /* base: NULL, where it begins the buffer */
void push_unit(Lower *c, Unit *u);                              /* behind the others */
void need_unit(Lower *c, Unit *u, Unit *needed);

/* pack.c */
Unit *right_pack(Lower *c, const Node *n);                      /* the transposed copy that contraction n reads for its right operand, or NULL */
void push_right_pack(Lower *c, const Node *n);                  /* the unit that makes it, where n wants one that there is not */
/* What contractions of a scan, and of scans in it, want packed of what does not change along its steps: made once rather than at every
 * step. in: the scan's operands, as c has them; NULL where it does not. */
void push_loop_packs(Lower *c, Unit *loop, const Node *scan, Node *const *in);
bool is_read_packed(Lower *body, const Node *x);                /* nothing of a loop's body reads invariant x but contractions, in a copy made before */

const Node *same_elements(const Node *n);                       /* the node whose elements, in row-major order, are n's */

/* carry.c */
bool is_stacked_by_loop(const Lower *c, const Port *port);      /* a result that a loop stacks, in its place */
void place_loop(Lower *body);           /* gives what the loop carries and yields its place, and its steps a variable */
/* Where in its buffer a carry begins before the first step, at each step, and where the step puts the next one; where a yield does. */
const Lin *first_slot(const Lower *body, int carry);
const Lin *carry_slot(const Lower *body, int carry);
const Lin *next_slot(const Lower *body, int carry);
const Lin *slot_of(const Lower *body, int yield);
bool is_next_slot(const Unit *u);       /* of a carry that rolls: u overwrites nothing that is there to be read */
bool yield_has_place(const Lower *body, int yield);     /* it stands in its stack without being put there */
/* A loop's result where it is read outside of it: its buffer, and where it begins there. */
Buffer *loop_result(const Lower *c, const Node *n, const Lin **at);

/* stage_reduce.c */
bool sums_columns(Arena *a, Lower *c, const Unit *u);      /* u reduces an operand that is contiguous along u's own last axis */

enum { WORTH_RANGES = 4096 };              /* elements of element work from which on its loops are cut in ranges (ranges.c) */
bool is_map(const Unit *u);             /* schedule.c: element work, short reductions written out included */

/* fuse.c */
/* Element work with guards, which the loops of a nest of its own do without (ranges.c): a window over a padded picture, and what a window's
 * gradient adds up. */
bool has_guards(Lower *c, const Node *n);
void make_groups(Lower *c);             /* in an order in which they can run */

/* order_memory.c */
int *order_sparing(const Lower *c);     /* of groups: the order in which they can run that keeps the fewest bytes at once, near enough */

/* tile.c */
typedef struct Contraction {
    const Node *node;
    Buffer *a, *b;
    const Lin *a_at, *b_at;
    int64_t extent[2 * MAX_RANK], sa[2 * MAX_RANK], sb[2 * MAX_RANK];   /* by axis: the result's, then the contracted ones */
    int naxis;
    int n_axis;                                 /* the result's axis along which b and the result are contiguous */
    int64_t group, a_group;                     /* as a Tile's: columns that read the same of a, and how far it is to what the next ones do */
    int64_t channels;                           /* as a Tile's: those of a group, where they or the groups follow one another in a, or 0; */
    int channel_axis;                           /* and which axis they are, the result's or a contracted one; -1: none, of one channel */
    struct { int out, k; int64_t stride, dilation, pad, extent; double part; } tap[MAX_SPATIAL];     /* part: of the windows what lies on the data */
    int ntap;
    struct { int64_t extent, a, b; int tap; } loop[MAX_K];  /* over what is contracted, outermost first; tap: -1 without one */
    int nloop;
    int k_lanes;                                /* as a Tile's: the last loop's steps, or 0 */
    bool alone;                                 /* its kernel has no other contraction and begins with it */
    bool rows;                                  /* what follows in its kernel wants whole rows, or reads other tensors as large */
    Var *turn;                                  /* the scan around it in whose turns b is the same, or NULL */
    bool alike;                                 /* b is, and that scan carries something, and the product is all its kernel does */
    int64_t shared;                             /* an axis of rows so long is of examples, that threads may share through all steps of a recurrence; or 0 */
    int64_t stacked;                            /* bytes of what that scan makes, where its kernel stores a turn's part of it, which no cache has yet; or 0 */
} Contraction;
bool columns_are_groups(const Node *n);        /* each column of a convolution is a group, and groups lie side by side on the left: a vector has several */
bool contraction_tiles(const Target *target, const Node *n);     /* worth a register tile; otherwise a plain reduction */
/* Whether operand 1 must be copied first, into which axis order, for its columns to be contiguous. */
bool contraction_wants_pack(Lower *c, const Node *n, int *permutation);
bool contraction_wants_pack_of(Lower *c, const Node *n, const Node *right, int *permutation);   /* of a loop's body: operand 1 as c has it */
bool contraction_analyse(Lower *c, const Node *n, Contraction *k);
int contraction_tap(const Contraction *k, int axis);        /* which tap hangs on an axis, the result's or a contracted one; -1: none */
/* Whether the positions of two axes of the result, the second of which is behind the first, follow one another in both operands; they
 * become one axis. */
bool contraction_merges(const Contraction *k, int axis);
void contraction_merge(Contraction *k, int axis);

/* tile_schedule.c: the cheapest schedule by a model of the target; the same sums with any. */
TileSchedule tile_schedule(const Contraction *k, const Target *target);
/* The cheapest by that model, one for each way to cut columns and choice of rows, the one of tile_schedule first: at most `most`. */
int tile_candidates(const Contraction *k, const Target *target, TileSchedule *list, int most);
/* tile_fits.c: NULL where a tile may be made so; otherwise why not. Splits rows evenly. */
const char *tile_schedule_fits(Arena *a, const Contraction *k, const Target *target, TileSchedule *s);

/* tile_unroll.c: elements of the left operand that one step of k loads for so many rows; instructions of one step on a core that takes
 * them in order, per instruction it begins; the next larger unroll that is worth a try, or false; whether s's own fits. */
double unrolled_left(const Contraction *k, const Target *target, int rows, const TileSchedule *s);
double unrolled_cost(const Contraction *k, const Target *target, int rows, const TileSchedule *s);
bool next_unroll(const Contraction *k, const Target *target, TileSchedule *s);
bool unroll_fits(const Contraction *k, const TileSchedule *s);

/* schedule_file.c: what it is called; before a function is planned; the schedule of a file where there is one, or that of
 * tile_schedule. */
const char *contraction_name(Arena *a, const Contraction *k);
void schedules_begin(Schedules *all, const char *function);
TileSchedule tile_choose(Lower *c, const Contraction *k);

/* tile_forms.c */
void tile_forms(Arena *a, Tile *t);     /* which rows have which taps, and so which tiles are alike */

/* chain.c */
bool may_chain(Lower *c, const Unit *u, int group);         /* u contracts rows of a group whose first unit is a contraction */
void share_rows(Kernel *k, Tile *t);                        /* t, not yet in k, and the tiles that are */
bool crosses_rows(const Kernel *k, const Buffer *b);        /* read when other rows of the block have been there since it was stored */
bool stage_loads(const Stage *s, const Buffer *b);

/* latency.c */
bool waits_for_slow(const Stage *s, const Ex *e);           /* e has a slow function of a value of s that comes from another one */
void put_behind_rows(const Kernel *k);                      /* stages that wait for a number of their row: Stage.behind_rows */

/* plan.c */
bool kernel_uses_time(const Kernel *k, const Var *t);       /* the position of a scan around it */
/* May item `j` of stage `i` store at `at` in x, which is read there last? */
bool may_overwrite(const Kernel *k, int i, int j, const Buffer *x, const Lin *at);

/* by_turns.c: once lifetimes are known and kernels have overwritten what they may */
void share_by_turns(Plan *p);

/* ahead.c: stored before the loop over parts, and too large to be in L2 still */
bool is_far(const Plan *p, const Step *loop, Buffer *b);

/* transpose.c: once storage is shared */
void find_squares(Plan *p);

/* block.c */
int64_t unit_row(const Kernel *k, const Unit *u);           /* elements that u stores at one position of the outer loops; 0: it is not of so many of these */
void shrink_to_blocks(Plan *p);         /* once lifetimes are known and storage is shared */

/* schedule.c */
Kernel *schedule_group(Lower *c, Group *g);

/* parallel.c */
typedef struct Moved {          /* bytes that a kernel reads and writes, */
    double all, far;            /* and what of them lies beyond L2 */
} Moved;
bool may_split(const Kernel *k);                                    /* its places are known, and it leaves something behind */
double cycles_with(const Plan *p, const Kernel *k, Moved moved);    /* that k takes, if it moves that */
bool saves_enough(const Plan *p, double cycles, double bytes);      /* if threads share so many, and fetch so much of each other's */
void copy_blocks(const Plan *p, const Kernel *k);                   /* a block of rows for each thread */

/* split_rows.c: loops of which threads share the examples */
void split_rows(Plan *p);
int64_t examples_of(const Fn *fn);          /* in a batch */

/* handed.c: of a kernel's turns, what threads that share them so fetch from each other's caches; and what it reads and writes in all. Lists of
 * steps have numbers from 1. */
typedef struct Handed Handed;
Handed *handed_new(Arena *a, const Plan *p);
void handed_alone(Handed *h, const Kernel *k);                                  /* one thread will do it */
void handed_made(Handed *h, const Step *step, int list, bool by_all);           /* it has run, by one thread or by all */
double handed_bytes(Handed *h, const Kernel *k, const Split *s, int list);
Moved kernel_moved(Handed *h, const Kernel *k);

#endif
