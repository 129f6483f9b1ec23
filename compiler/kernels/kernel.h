/* SPDX-License-Identifier: MIT */
/* kernel.h: what a graph function becomes: a list of steps over buffers.
 *
 * Glossary: p plan, k kernel, s stage, u unit, e expression, x linear index, v loop variable, b buffer.
 *
 * A unit is a node that gets storage; every other node is inlined into the units that use it, moves as edits of their
 * indices. A kernel is a group of units that share their outer loops; a stage is a loop nest inside these. */
#ifndef DLC_KERNEL_H
#define DLC_KERNEL_H

#include "../graph/ir.h"

typedef struct Var Var;
typedef struct Atom Atom;
typedef struct Lin Lin;
typedef struct Ex Ex;
typedef struct Buffer Buffer;
typedef struct Unit Unit;
typedef struct Stage Stage;
typedef struct Kernel Kernel;
typedef struct Step Step;
typedef struct Plan Plan;
typedef struct Target Target;
typedef struct Schedules Schedules;

/* ---- targets.c: one row a target ------------------------------------------------------------------- */
struct Target {
    const char *name;       /* as --target spells it */
    int lanes;              /* floats a vector holds; 1: scalar C99 */
    int registers;          /* vector registers (scalar: floating-point registers) */
    int columns;            /* of a register tile without vectors, at the most */
    int pipes, latency;     /* multiply-adds begun each cycle, vectors of them; cycles until one's sum can be added to */
    int loads;              /* vectors loaded each cycle from L1 */
    int64_t l1, l2;         /* bytes of data cache of one core; 0: none */
    int l2_width;           /* bytes from L2 each cycle */
    bool calls_gemm;        /* contractions call dl_gemm instead of being written out (in-memory tcc) */
    const char *needs;      /* of the preprocessor: what emitted C is for; NULL: any machine */
    const char *flags;      /* what makes the compiler's code fast; in-memory work is compiled so */
    const char *gcc_flags, *clang_flags;    /* the same, of one of them besides; NULL: none */
    const char *machine;    /* for whoever chooses */
    struct {
        int n;              /* that share a kernel's work, at the most: 1 in the table */
        int hand_over;      /* cycles until another thread has begun with a piece, and its end is seen */
    } threads;
    int issue;              /* instructions begun each cycle, of a core that takes them in order; 0: others are what counts */
    bool compact;           /* of little code rather than fast: plain loops. false in the table */
    bool flushes;           /* vectors take subnormal numbers for zeros, as scalars do not */
    bool deterministic;     /* the same bits as of every other such target: sums run in the order of what is summed */
    int64_t panel;          /* bytes of a tile's panel at the most: it lies on the stack; 0: as much as caches have room for */
    bool slow_subnormals;   /* arithmetic takes a hundred cycles or more for each: training makes zeros of them (dl_flush.h) */
};
/* What makes this compiler's code fast; one whose name has no "clang" in it takes what gcc does. */
const char *target_flags(Arena *a, const Target *target, const char *compiler);
/* A user's command, "zig cc -O1", with these flags and some more before its own ones, which may say otherwise. */
const char *target_command(Arena *a, const Target *target, const char *command, const char *more);
/* The same for a reader: of any compiler, then, after `between`, what gcc and clang want besides. */
const char *target_advice(Arena *a, const Target *target, const char *between);
/* The same machine, its work shared by so many threads. */
const Target *target_with_threads(Arena *a, const Target *target, int threads);
/* The same machine, for little code: plain loops without vectors, kernels that are alike, flags that say so. */
const Target *target_compact(Arena *a, const Target *target);
/* The same machine, its results the same bits as every other's: target itself without `wanted`. */
const Target *target_deterministic(Arena *a, const Target *target, bool wanted);
const Target *target_find(const char *name);        /* NULL where unknown; "native" is detected */
const Target *target_at(int i);                     /* NULL past the last */

/* ---- index.c: linear indices over loop variables --------------------------------------------------- */
enum { FIRST_TIME = -100 };     /* ids of loops' positions in time, downwards; ordinary ones count from 0, passing ones lie between */
struct Var {
    int id;
    int64_t extent;         /* runs 0 .. extent - 1 */
    const char *name;       /* in emitted C; unique among the loops around it */
    int depth;              /* scratch of whoever places expressions: 0 outermost */
};
typedef enum AtomKind { ATOM_VAR, ATOM_DIV, ATOM_REM, ATOM_VALUE } AtomKind;
struct Atom {
    AtomKind kind;
    Var *var;               /* ATOM_VAR */
    const Lin *of;          /* ATOM_DIV: of / by; ATOM_REM: of % by; of is never negative */
    int64_t by;
    Ex *value;              /* ATOM_VALUE: an integer found at run time (an index that was checked) */
    int64_t lo, hi;         /* its range, inclusive */
};
struct Lin {
    int64_t constant;
    int n;
    struct {
        int64_t factor;
        const Atom *atom;
    } term[];
};
const Lin *lin_const(Arena *a, int64_t c);
const Lin *lin_var(Arena *a, Var *v);
const Lin *lin_value(Arena *a, Ex *value, int64_t extent);
const Lin *lin_add(Arena *a, const Lin *x, const Lin *y);
const Lin *lin_scale(Arena *a, const Lin *x, int64_t factor);
const Lin *lin_offset(Arena *a, const Lin *x, int64_t c);
const Lin *lin_div(Arena *a, const Lin *x, int64_t by);     /* x >= 0 */
const Lin *lin_rem(Arena *a, const Lin *x, int64_t by);
bool lin_eq(const Lin *x, const Lin *y);
void lin_range(const Lin *x, int64_t *lo, int64_t *hi);
typedef VEC(Ex *) ExList;
void lin_values(Arena *a, const Lin *x, ExList *list);      /* the values found at run time in it, also inside div and rem */
bool lin_uses(const Lin *x, const Var *v);                  /* also inside div, rem and values */
int64_t lin_factor(const Lin *x, const Var *v);             /* of v's own term; 0 without one */
bool lin_is_affine(const Lin *x);                           /* variables only */
const Lin *lin_without(Arena *a, const Lin *x, const Var *v);   /* v's own term left out */
const Lin *lin_flatten(Arena *a, Type t, const Lin *const *index);  /* row-major position */
void lin_unflatten(Arena *a, const Lin *flat, Type t, const Lin **index);
void lin_reshape(Arena *a, Type from, const Lin *const *index, Type to, const Lin **result); /* one element's, in two shapes */

/* ---- expressions: one scalar, at the current values of the loop variables -------------------------- */
typedef enum ExKind {
    X_CONST,       /* value */
    X_INDEX,       /* at, as an i32 */
    X_LOAD,        /* buffer[at] */
    X_OP,          /* element op of in[] */
    X_GUARD,       /* in[0] where every guard holds, else in[1], or value where there is no in[1] */
    X_UNIFORM,     /* random: in[0], in[1] seed words, in[2] step, salt, at */
    X_UNIT,        /* the value of a unit computed in this kernel at the same position: a C variable */
} XKind;
typedef struct Guard {
    const Lin *at;          /* lo <= at < hi */
    int64_t lo, hi;
} Guard;
struct Ex {
    XKind kind;
    int id;                 /* order of creation: stable names and orders */
    DType dt;
    Op op;
    int nin;
    Ex *in[3];
    double value;
    Buffer *buffer;
    const Lin *at;
    int nguard;
    Guard *guard;
    uint32_t salt;
    Unit *unit;
    Ex *next;               /* scratch of who makes it: others of its hash */
    ExList part;            /* every expression directly in this one: in[], then the values in at and in the guards' indices */
    /* scratch of the emitter */
    int open, behind;       /* uses outside of guards, and behind them */
    int depth, temp;
};

/* ---- buffers --------------------------------------------------------------------------------------- */
typedef enum BufferKind {
    BUFFER_PORT,        /* the caller's: an input or result of the function */
    BUFFER_ARENA,       /* at `offset` in the arena */
    BUFFER_LOCAL,       /* an array or scalar inside its kernel */
} BufferKind;
struct Buffer {
    int id;
    BufferKind kind;
    Type type;              /* local and scratch: of what one outer iteration holds */
    const char *name;       /* identifier in emitted C */
    Role role;              /* BUFFER_PORT */
    int index;
    bool written;           /* BUFFER_PORT: a result */
    bool block;             /* BUFFER_ARENA: holds one block of the rows of a kernel with tiles, made anew for the next */
    VEC(Unit *) readers;    /* while units are put in order: those that read its old contents, in order */
    Buffer *turn;           /* BUFFER_ARENA: lies in that, once for each thread: made anew in each turn of a loop that threads share; NULL:
                             * all see the same */
    int64_t inside;         /* with turn: bytes from where a thread's part begins; set by plan_memory */
    int64_t part;           /* of what holds such, behind each other for all threads: bytes of one's part; of others 0 */
    Buffer *alias;          /* shares the storage of another (in place); NULL: its own */
    int first, last;        /* steps (plan order) from its first write to its last read, inclusive */
    int64_t room;           /* BUFFER_ARENA: bytes that are its own, with those up to where the next one may begin; set by plan_memory */
    int64_t offset;         /* BUFFER_ARENA: bytes; set by plan_memory */
    int memory;             /* BUFFER_ARENA: in which of the plan's memories, where it has some */
};
Buffer *buffer_root(Buffer *b);     /* behind all aliases */
/* Elements from the first thread's to the second's; 0: all see the same. */
int64_t thread_stride(const Buffer *b);
bool is_placed(const Buffer *b);    /* has a place in an arena of its own, neither in another's nor in a turn's */
void settle_turns(const Plan *p);   /* plan_memory.c: the places of what lies in a turn's, once that has one */

/* ---- kernels --------------------------------------------------------------------------------------- */
typedef enum UnitKind {
    UNIT_VALUE,     /* the node's value, computed from its operands */
    UNIT_COPY,      /* the node's value, which lies elsewhere or nowhere, copied to where a result is wanted */
    UNIT_PACK,      /* the same with its axes in the order of `permutation`, for a contraction */
    UNIT_CHECK,     /* no value: the call fails where the node's index is out of range */
    UNIT_LOOP,      /* a scan */
} UnitKind;
struct Unit {
    UnitKind kind;
    const Node *node;
    struct Lower *context;  /* the function (or scan body) it stands in */
    int permutation[MAX_RANK];  /* stored axis i is the node's axis permutation[i] */
    Type type;              /* of what is stored */
    Buffer *buffer;
    Buffer *from;           /* UNIT_COPY: copy this buffer rather than the node's value */
    const Lin *base;        /* where its first element lies in buffer: a scan's yield lands at its time's slot */
    int id, group;          /* group: index into the context's groups */
    int place;              /* in its kernel */
    int step;               /* in plan order: when it runs; a loop: when it ends */
    int max_outer;          /* how many of its leading axes may be outer loops of a group */
    VEC(Unit *) needs;      /* the units of its function it reads, inlined nodes seen through */
    VEC(Unit *) behind;     /* those that read the old contents of what it overwrites */
    VEC(Unit *) follows;    /* those that must have run when it begins, although it reads nothing of them: OP_AGAIN */
    VEC(Unit *) users;      /* those that need it, in their order, */
    int placed;             /* and how many of them have a group by now: the first ones */
    Unit *next_pack;        /* UNIT_PACK: another of the node's, in another order */
    VEC(Buffer *) reads;    /* the caller's buffers it reads, likewise */
    bool reads_carry;       /* one that rolls (carry.c): it need not run before who makes the next one */
    bool private;           /* read only inside its own kernel */
    bool guarded;           /* element work with guards: in a nest that can be cut where they are known (ranges.c), and nothing else */
    const Lin *here;        /* while its kernel is made: the position whose value is a variable in this stage, or NULL */
};

typedef enum StageKind { STAGE_MAP, STAGE_REDUCE, STAGE_TILE, STAGE_SCATTER, STAGE_CHECK } StageKind;

typedef struct Item {       /* one value a stage computes */
    Unit *unit;
    Ex *value;
    Buffer *buffer;
    const Lin *at;          /* where it goes in buffer */
    Op reduce;              /* OP_SUM, OP_MAX, OP_ARGMAX; OP_COUNT: stored as it is */
} Item;

/* out[m, n] = sum over k of a[m, k] * b[k, n], or of a[m, k, n] * b[k, n], for literal strides. See tile.c. */
enum { MAX_K = 4 };
typedef struct Tap {        /* k runs only where 0 <= out * stride + k * dilation - pad < extent */
    Var *out;
    int64_t stride, dilation, pad, extent;
} Tap;
typedef struct KLoop {
    Var *var;
    int64_t a, b;           /* strides in elements */
    bool tapped;
    Tap tap;
    int64_t panel;          /* stride in a panel of b */
} KLoop;
/* What may be chosen freely about a tile: the sums are the same, in another order. All of it is chosen by one function,
 * tile_schedule (tile_schedule.c), or read from a file (schedule_file.c, which has a row for each member: all are ints). */
/* What a tile fetches for the next ones, as schedules say it: rows of the left operand, columns of the right one, lines of the result,
 * or the right one's next block of k. */
typedef enum Prefetch { FETCH_NOTHING, FETCH_ROWS, FETCH_COLUMNS, FETCH_RESULT, FETCH_BLOCK } Prefetch;
enum { RESULT_AHEAD = 512 };            /* floats, so much further than what is stored: half a page; twice that, or half, was no better */

typedef struct TileSchedule {
    int row_axis;           /* the result's axis whose positions are rows; -1: a single row */
    int row_axes;           /* 2: so are, for each of them, all positions of the next axis; else 1 */
    int rows;               /* at the most per tile, of row_axis; they are split evenly by tile_rows */
    int lanes, columns;     /* vectors of `lanes` floats, `columns` of them a row */
    int abreast;            /* 2: vectors are twice as long and have two rows side by side, of all columns; else 1. See abreast.c */
    int panel_tiles;        /* so many tiles' columns are copied from b to an array of the kernel's, a panel; 0: b is read as it is */
    int outside;            /* with panels or blocks of k: how many of the kernel's loops, of which m is none, lie around them; else -1 */
    int k_split;            /* the k loop that is cut into blocks, each with a panel of its own if there are panels; -1: none */
    int k_block;            /* its steps in a block */
    int prefetch;           /* a Prefetch: what the next tiles want is fetched while one is made */
    int zigzag;             /* 1: in odd turns of the loop around, the steps of k run from the last to the first */
    int unroll;             /* steps of k that are written out one behind the other: of the innermost loop, or all of it and of more */
    int k_outer;            /* without panels: so many k loops, the first ones, stand around the blocks: a step of each at a time */
} TileSchedule;
typedef struct TilePart {   /* steps from <= k < to of the loop whose taps hang on the row */
    int64_t from, to;
    uint32_t rows;          /* bit r: row r, of one axis, has them */
} TilePart;
typedef struct TileForm {   /* tiles that one C function makes */
    int rows;
    int64_t at;             /* the first row of a tile at the edge, which has parts of its own; -1: any */
    VEC(TilePart) parts;    /* of k[by_row]; none without such a loop */
    uint32_t pairs;         /* with schedule.abreast: the first rows of those that are two in a vector */
} TileForm;
typedef struct TileRun {    /* tiles one behind the other that have one form */
    int form;
    int64_t end;            /* the row behind them */
} TileRun;
typedef struct Ahead {      /* what a tile fetches of the next turn's, see ahead.c */
    Buffer *buffer;
    const Lin *at;          /* where the first tile of a call begins, over the loop's position */
    int lines;              /* of the cache, each time; */
    int floats;             /* or, where the innermost loop is long, how far each of its steps goes on: it asks for the line it comes to */
} Ahead;
typedef struct Beside {     /* rows that the stages behind a tile read or store, which it fetches: see beside.c; or a stage's own, see pages.c */
    Buffer *buffer;
    const Lin *at;          /* those of m = 0, over the outer variables; they are as long as the result's */
    int64_t further;        /* floats behind these: those of the next block */
} Beside;
typedef struct Tile {
    Buffer *a, *b;
    const Lin *a_at, *b_at, *c_at;      /* at m = n = k = 0, over the outer variables */
    Var *m, *n;
    int64_t a_m, c_m;                   /* strides along m */
    Var *inner;                         /* with two axes of rows: the second one's, all of it in each tile; else NULL */
    int64_t a_inner, c_inner;           /* strides along it */
    int64_t a_n;                        /* stride of a along n, 0 or 1; of c it is 1, */
    int64_t b_n;                        /* and of b without k_lanes */
    int k_lanes;                        /* 0, or the steps of the last k loop: these are a vector's elements, which are added up at the end */
    int64_t group, a_group;             /* 0: none; or so many columns read the same of a, the next ones a_group elements further */
    int64_t channels;                   /* that these read, where they follow one another in a, or 1, where groups do; else 0 */
    int by_channel;                     /* the k loop over the channels; -1: none, as where they are rows */
    int nk;
    KLoop k[MAX_K];
    int by_row;             /* the k loop whose taps depend on m; -1: none */
    int by_inner;           /* the one whose taps depend on inner; -1: none */
    TileForm inner_form;    /* its parts, in each tile the same */
    int number;             /* how many tiles of its kernel come before it */
    const char *name;       /* its contraction, by its shape and strides: equal ones have equal names */
    TileSchedule schedule;
    Var *block;             /* first row of the block being made, when there are several */
    Var *turn;              /* with schedule.zigzag: the scan whose turns are odd or even */
    Stage *finish;          /* the stage behind it that it does itself, or NULL, */
    ExList operands;        /* and what that loads besides the sums, each place once */
    VEC(Ahead) ahead;
    VEC(Beside) beside;
    bool pages;             /* each step asks for what lies a page behind what it reads of the left operand: pages.c */
    int lead;               /* each step fetches what the one so many steps further on reads of the left operand: fetch.c; 0: it does not */
    VEC(TileForm) forms;    /* follow from the schedule: tile_forms.c */
    VEC(TileRun) runs;
} Tile;
/* Splits `extent` rows evenly into tiles of at most `most` (tile_forms.c): the first *nlarge have *large rows, the others one
 * less. Returns how many tiles there are. */
int tile_rows(int64_t extent, int most, int *large, int *nlarge);
int64_t tile_extent(const Tile *t);     /* how many rows there are along m */
int tile_inner(const Tile *t);          /* and at each of them: 1 without a second axis */
/* Where the steps that are written out begin: at loop `whole` of k, of which and of those inside all steps are, and of the one around
 * them `turn` in each turn. whole is nk where no loop is. false: the schedule's unroll is no such number. */
bool tile_unroll(const Tile *t, int *whole, int64_t *turn);
/* groups.c: whether vectors of so many columns have several groups, of so many channels each, side by side. */
bool groups_fill_vectors(int64_t group, int64_t channels, int lanes);
bool tile_spans_groups(const Tile *t);  /* this tile's do */
/* abreast.c: of a tile with rows abreast, whether its vectors have two steps of k for one row until they are added up. */
bool tile_pairs_steps(const Tile *t);
const Lin *tile_left_column(Arena *a, const Tile *t);   /* how far n moves a */
int64_t column_step(const Tile *t);                     /* columns that one turn of a tile's loop over them makes */
/* Of a loop. A tile's block makes one for each of its blocks, its columns one for each step, columns one for each SPLIT_COLUMNS, or one where these do not fit. */
int64_t split_turns(const Kernel *k, const Var *v);
int64_t row_turn(const Kernel *k, int64_t row, int64_t rows);   /* by_rows: its turn with which that of so many examples begins; -1: none does */
bool is_column(const Kernel *k, const Var *v);          /* the only loop of sums of columns, and all the kernel does */
bool tile_does_all(const Kernel *k);                    /* its first stage is a tile, which does the others on its sums */
int64_t panel_rows(const Tile *t);      /* how many steps of k a panel holds */
bool panel_is_whole(const Tile *t);     /* one has all columns and steps: rows are done with before the next ones begin */
/* Blocks of k: all tiles add one block's steps to their sums before the next block begins. */
bool tile_has_blocks(const Tile *t);
bool k_is_cut(const Tile *t, int i);    /* whether a block has only some steps of the i-th k loop */
bool k_is_joined(const Tile *t, int i); /* whether the i-th k loop and the one inside it are one */
int k_turning(const Tile *t);           /* how many of the k loops are loops: all, but for that of k_lanes */
int64_t k_steps(const Tile *t, int i);  /* how many, or all of them */
/* fetch.c */
enum { LINE = 16 };                     /* floats of a line of the cache */
int tile_lines(const TileSchedule *s);  /* that a step reads of the right operand */
bool tile_fetches_rows(const Tile *t);
bool tile_fetches_columns(const Tile *t);   /* of this block, or the next block as it lies: */
bool tile_fetches_block(const Tile *t);
int64_t rows_in_sequence(const Tile *t);    /* of a block, in the right operand: those that the innermost loop walks through */
bool tile_fetches_result(const Tile *t);
void fetch_left(Plan *p);                   /* of the left operand what steps a few further on read; once it is known what is ahead */
/* ahead.c: in loops over parts of a batch, tiles fetch what the next turn reads from beyond L2; once kernels have their arguments */
void fetch_ahead(Plan *p);
int ahead_loop(const Tile *t);          /* the loop of k before which they do, each time */
int64_t ahead_times(const Tile *t);     /* so often in each tile */
int64_t ahead_floats(const Tile *t, const Ahead *ahead);        /* so many each time */
/* beside.c: tiles fetch what the stages behind them read and store of their rows beyond L2; once stages are what they will be */
void fetch_beside(Plan *p);
/* pages.c: stages by element, and tiles in short steps, fetch what they read from beyond L2 a page ahead */
enum { PAGE_FLOATS = 1024 };
void fetch_pages(const Plan *p);
int64_t beside_step(const Tile *t);     /* floats that a step fetches of each */
const Var *fetching_loop(const Kernel *k, const Tile *t);   /* in whose turns a tile fetches one line or another of the next columns; NULL: none has turns enough */

struct Stage {
    StageKind kind;
    int nloop;
    Var *loop[2 * MAX_RANK];    /* inside the kernel's outer loops, outermost first */
    int nparallel;              /* REDUCE: how many leading loops are not reduced; the others are */
    int vector;                 /* REDUCE: 1: accumulate into memory along the last parallel loop, reduce loops outside it */
    int lanes;                  /* REDUCE: accumulators side by side along the last reduce loop */
    int wide, together;         /* REDUCE by columns: sums are variables, so many vectors of so many columns (columns.c); wide 0: in memory */
    VEC(Item) items;
    Tile *tile;
    bool in_tile;               /* MAP: the tile in front of it does it on its sums, see finish.c */
    bool behind_rows;           /* with tiles: all rows of a block are done with the stages before it (latency.c) */
    VEC(Beside) further;        /* MAP: of what it reads, a page further on, the row that each turn of the loop around the last one asks for */
    int square;                 /* MAP: its last two loops go by squares of so many, rows made columns (transpose.c); 0: by elements */
    int64_t limit;              /* CHECK, SCATTER */
};

/* parallel.c: the loops whose turns are done in any order, in pieces, by several threads. They stand outermost, and their turns
 * are numbered together, the last loop's fastest. A tile's block counts its blocks. */
enum { MAX_SPLIT = 2 * MAX_RANK };
typedef struct Split {
    int n;                      /* loops; 0: one thread does it all */
    Var *var[MAX_SPLIT];
    bool in_parts;              /* var[0] is the first stage's outermost loop, and each stage's is cut: into `turns` parts, of which a turn has one of each */
    int64_t turns;              /* of all of them together */
    int64_t grain;              /* turns: a piece of fewer is not worth its call */
} Split;
bool splits(const Kernel *k, const Split *s, const Var *v);                 /* s cuts k along v */
enum { SPLIT_COLUMNS = 16 };    /* of a sum of columns, that make one turn: a line of the cache, or its vectors */

struct Kernel {
    int id;
    const char *name;
    int nouter;
    Var *outer[MAX_RANK];       /* in axis order */
    int order[MAX_RANK];        /* outer[order[0]] is the outermost loop */
    int blocked;                /* which outer variable the tile's rows run along; -1 without a tile */
    VEC(Unit *) units;
    VEC(Stage *) stages;
    VEC(Buffer *) args;         /* caller's and arena's, in order of first appearance, deduplicated by storage, */
    int nused;                  /* of which so many are read or written; tiles fetch of the others */
    VEC(Buffer *) locals;
    VEC(Var *) scans;           /* scan positions it uses: int parameters */
    VEC(uint32_t) salts;        /* of its random draws: uint32_t parameters, so that draws that are alike are one function */
    VEC(Span) spans;            /* source places, deduplicated */
    int64_t macs;
    Split split;
    bool in_turn;               /* threads share the turns of the loop around it */
    bool by_rows;               /* threads share the examples of a loop around it: it is cut along them and called for some of them */
    Arena *a;
    int nvar;
    /* by who emits it (emit/share.c): */
    const char *function;       /* the C function called for it */
    const Kernel *same;         /* whose function that is; NULL: its own */
    VEC(const Kernel *) others; /* those that call its function too */
    VEC(int64_t) numbers;       /* of its text, in order, that kernels of one function may differ by */
};

typedef enum StepKind { STEP_KERNEL, STEP_SCAN } StepKind;
struct Step {
    StepKind kind;
    Kernel *kernel;
    Var *time;                  /* SCAN */
    bool reverse;
    VEC(Step *) body;
    int at;                     /* position in plan order; a scan's is its first body step's minus one */
    int end;                    /* SCAN: position behind its last body step */
    bool apart;                 /* SCAN: it carries nothing from turn to turn */
    int64_t grain;              /* SCAN: threads share its turns, at the least so many at a time; 0: one after the other */
    const int64_t *rows;        /* SCAN: threads share its examples: the i-th, through all turns, those from rows[i] up to rows[i + 1]; NULL:
                                 * they do not */
};

struct Plan {
    Arena *a;
    const Fn *fn;
    const Fn *whole;            /* the function that was asked for: fn may do it in parts */
    Diag *d;                    /* for source text in names and comments; may be NULL */
    const Target *target;
    Schedules *schedules;       /* or NULL */
    bool sparing;               /* kernels in the order that keeps the fewest bytes; otherwise nearly that of the graph */
    bool flushes;               /* subnormal numbers are zeros while it runs */
    const char *prefix;         /* of the functions in emitted C that are its own */
    Buffer **held;              /* by node of fn: where its value is stored; NULL where it is not */
    VEC(Unit *) units;          /* of fn itself, not of loops' bodies */
    VEC(Buffer *) buffers;
    VEC(Step *) steps;
    VEC(Kernel *) kernels;      /* all, in order of emission */
    int nstep, nloop;
    int64_t arena_bytes, arena_bound;   /* by plan_memory: what is used, and the most that is live at once */
    const struct Memories *memories;      /* by place_tensors: several memories (place.h), each with an arena; NULL: one arena */
    int64_t *memory_bytes;              /* of each one's arena; arena_bytes is their sum */
};

/* ---- schedule_file.c ------------------------------------------------------------------------------- */
/* Schedules to be used before those of tile_schedule. What is wrong with them is said in d; what does not fit is not used. */
Schedules *schedules_new(Arena *a, Diag *d);
void schedules_read(Schedules *all, int source, bool (*is_function)(const char *name));     /* of a text */
/* One more: `name` is a Tile's, `function` a Fn's. */
void schedules_add(Schedules *all, const char *function, const char *name, TileSchedule s);
/* What else tile_schedule might have chosen, of each contraction once: collected while functions are planned with these. */
enum { MOST_CANDIDATES = 32 };
typedef struct Candidates {
    const char *function, *name;
    int n;
    TileSchedule s[MOST_CANDIDATES];    /* the first is what was chosen */
} Candidates;
void schedules_collect(Schedules *all);
const Candidates *schedules_candidates(const Schedules *all, int i);    /* NULL past the last */
/* As a line of a file, without the name: " row_axis 1 rows 9 ..." */
const char *schedule_text(Arena *a, TileSchedule s);
/* An error for each schedule of a function that was planned with these and has no such contraction. */
void schedules_check(Schedules *all);

/* ---- lower.c, fuse.c, schedule.c ------------------------------------------------------------------- */
/* needs: a verified, simplified function. gives: kernels over buffers, scheduled for the target, arena offsets set. NULL with a
 * diagnostic where a tensor has more elements than emitted C can count. */
Plan *lower(Arena *a, Diag *d, const Fn *fn, const Target *target);
Plan *lower_with(Arena *a, Diag *d, const Fn *fn, const Target *target, Schedules *schedules);     /* NULL: none */
Plan *lower_whole(const Plan *p);   /* the same without loops over parts of the batch: what budgets begin with */
Plan *lower_sparing(Arena *a, Diag *d, const Fn *fn, const Target *target, Schedules *schedules);  /* kernels in the order that keeps few bytes */
int64_t node_macs(const Node *n);   /* schedule.c: of a contraction, and of a loop's all together; 0 of others */
void split_kernels(Plan *p);        /* parallel.c: where the target has threads and the work is worth it; before plan_memory */
/* finish.c: which stages tiles do on their sums, once tensors share their storage. Sums that are read there alone become a local without
 * an array. */
void finish_tiles(Plan *p);
const Lin *tile_place(Arena *a, const Tile *t, Var *n);     /* where a tile stores, with n for its columns */
/* Whether a kernel's stage may be done by the tile before it, and what it loads then besides the sums. */
bool tile_may_finish(Arena *a, const Kernel *k, int stage, ExList *operands);
int finish_result(const Stage *s, int from);                /* the first item from there on that is stored; -1: none */
bool finish_overwrites(Arena *a, const Stage *tile, const Item *item);  /* whether an item of its finish lies where its sums would */
/* schedule.c: how many turns of a stage's innermost loop are to be written out: all of a MAP's that are too few to be vectors, which the loop
 * around it is then; 1 if it has to stay a loop; 0: as the compiler likes. */
int64_t loop_unroll(const Target *target, const Stage *s, int64_t turns);
/* columns.c: which sums of columns are vectors in registers, once it is known what threads share; whether a stage that says so can be;
 * what its only item adds where guards hold that are the same for all columns, adding nothing elsewhere, or NULL. */
void choose_columns(Plan *p);
bool columns_fit(Arena *a, const Kernel *k, const Stage *s);
const Ex *column_guarded(const Stage *s);
void plan_memory(Plan *p);
const char *span_word(const Plan *p, Span sp);      /* the layer or function called at a place in the source, or NULL */
const char *plan_verify(Arena *a, const Plan *p);   /* NULL when sound */
int stage_square(const Stage *s, int lanes);        /* transpose.c: how large the squares are that it turns with such vectors; 0: it does not */
const Tile *kernel_tile(const Kernel *k);           /* chain.c: its first; NULL without one */
/* Binding strength of C's operators, of which dumps use the same. op_strength: of a row's; 0 where it has none. */
enum { TIGHT = 10, UNARY = 9, TIMES = 8, PLUS = 7, COMPARE = 6, EQUAL = 5, BOTH = 4, EITHER = 3, CHOOSE = 2, ANY = 0 };
int op_strength(Op op);
void plan_print(StrBuf *sb, const Plan *p);             /* both of the following */
void plan_print_kernels(StrBuf *sb, const Plan *p);     /* the steps: loops and kernels */
void plan_print_schedule(StrBuf *sb, const Plan *p);    /* of each contraction, as schedules_read takes it */
void plan_print_memory(StrBuf *sb, const Plan *p);      /* the arena: who lies where, and from when to when */

#endif
