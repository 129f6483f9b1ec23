/* SPDX-License-Identifier: MIT */
/* graphs.h: random graphs and what is checked of them. docs/hacking.md says how to use dlc-fuzz-graphs.
 *
 *   - grow.c     makes a graph from a seed, every row of ops.def taking part (pick.c, grow_*.c)
 *   - bound.c    interprets a graph, with a bound on how far correctly compiled code may be off, element by
 *                element (bound_*.c)
 *   - variant.c  what becomes of a graph in the compiler: simplified, hoisted, differentiated, a training
 *                step; all checked
 *   - engine.c   compiles many functions at once and calls them
 *   - shrink.c   makes a graph that shows a fault smaller; changes one on purpose
 *   - work.c     workers that may crash
 *   - fuzz.c     the command, the summary
 */
#ifndef TEST_GRAPHS_H
#define TEST_GRAPHS_H

#include "compiler/graph/ir.h"

/* ---- random numbers: the same for the same seed -------------------------------------------------- */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline int64_t random_below(uint64_t *state, int64_t n)
{
    return (int64_t)(random_next(state) % (uint64_t)n);
}

/* ---- grow.c -------------------------------------------------------------------------------------- */
Fn *grow_graph(Arena *a, uint64_t seed);
const char *grow_problem(Arena *a); /* NULL when every row of ops.def can be made; otherwise which can not */

/* ---- bound.c, bound_element.c -------------------------------------------------------------------- */
/* A tensor as it is in exact arithmetic, and how far off each element may be when every operation is done in
 * float, sums in any order, products and sums perhaps contracted: 0 is "this very number", infinity "nothing
 * can be said". */
typedef struct Bounded {
    Type type;
    double *value, *error;
} Bounded;

typedef enum Outcome {
    OUTCOME_FINE,
    OUTCOME_FAILS,   /* an index is out of range */
    OUTCOME_UNCLEAR, /* whether one is depends on roundings */
    OUTCOME_INVALID, /* one is, and nothing checked it: no program */
} Outcome;

/* `in` and `out` follow fn->input and fn->result. */
Outcome bound_interpret(Arena *a, const Fn *fn, const Value *in, Bounded *out);
bool bound_holds(const Bounded *want, int64_t i, double got); /* is `got` a legitimate element i? */
bool keeps_whole(Op op);                                      /* of whole numbers it makes whole numbers */
int must_be_positive(Op op);                                  /* operands that mostly should be, as bits */

/* What an input holds follows from its name: special..., index7... (0..6), bad7... (-1..5, mostly 0..5),
 * positive..., real..., generic...; otherwise whole numbers from -3 to 3. `salt` gives others of the kind. */
Value input_value(Arena *a, const Port *port, uint64_t salt);

/* ---- variant.c ----------------------------------------------------------------------------------- */
typedef enum Variant { VARIANT_PLAIN, VARIANT_HOISTED, VARIANT_GRADIENTS, VARIANT_STEP, VARIANTS } Variant;
extern const char *const variant_names[VARIANTS];

/* A function to be compiled, its inputs, and what has to come out. */
typedef struct Case {
    const Fn *fn;
    Value *in;
    Bounded *out;
    Outcome outcome;
    int graph; /* which of a batch */
    Variant variant;
} Case;

/* What was compared, in elements. */
typedef struct Tally {
    long exact, tight, loose, unknown, unclear; /* unclear: functions, of which nothing is known */
    long differences, undecided;                /* gradients compared with finite differences, and not */
    long micro;              /* functions that could be cut into micro-batches */
    long mutants, survivors; /* changed functions with other values, and those within the bounds */
} Tally;

/* A variant's function, NULL where the graph has none (no parameters to differentiate by, no loop to hoist
 * from). */
Fn *variant_make(const Fn *graph, Variant v);
Case *variant_case(Arena *a, const Fn *fn, Variant v, uint64_t salt);
/* Is a change of the graph outside of its bounds? Counts the changes of any value, and those that are within.
 */
void check_mutant(Arena *a, const Fn *graph, uint64_t salt, Tally *tally);
/* Everything that needs no compiler: verifiers, printing and reading, each pass keeps the values, gradients
 * are differences. NULL, or what is wrong. */
const char *check_passes(Arena *a, const Fn *graph, uint64_t salt, Tally *tally);

/* ---- engine.c ------------------------------------------------------------------------------------ */
typedef struct Engine {
    const char *name;
    const char *target;   /* a row of kernels/targets.c */
    const char *compiler; /* NULL: libtcc */
    const char *flags;
    bool slow;      /* only where it is asked for, or everything is */
    bool overreads; /* its code may read, and not use, a few bytes beside a tensor */
    bool compact;   /* for little code */
    int threads;    /* whatever can be split is, in the smallest pieces, and done backwards; 0: nothing is */
    int caches; /* L1 of so many bytes and L2 four times as large: sums go in panels and blocks; 0: the row's */
} Engine;

const Engine *engine_at(int i);    /* NULL past the last; of a target this machine cannot run, name is NULL */
int engine_find(const char *name); /* -1 */

typedef void Progress(void *context, const Case *c, const char *stage);
typedef void Verdict(void *context, const Case *c, const char *wrong, const char *stage);
/* Compiles n cases as one unit, runs each, and reports those that are wrong. `progress` hears before anything
 * that may crash. */
void engine_check(Arena *a, const Engine *e, Case *const *cases, int n, Tally *tally, Progress *progress,
                  Verdict *verdict, void *context);

/* ---- shrink.c ------------------------------------------------------------------------------------ */
typedef bool StillFails(void *context, const Fn *fn);
/* The function with one operation or one number of an attribute changed; NULL where none was found that fits.
 */
Fn *mutated(Arena *a, const Fn *fn, uint64_t *random);
Fn *shrink(Arena *a, const Fn *fn, StillFails *fails, void *context, int seconds);

#endif
