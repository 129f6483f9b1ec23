/* SPDX-License-Identifier: MIT */
/* remat.h: rematerialization: which tensors are kept from one use to the next, and which are made again.
 *
 * remat_model.c reads off a plan which kernel makes and reads which tensors, and what making one again costs. On that model,
 * remat_turns.c works out what a set of decisions comes to: what runs when, how many bytes live at each time and what is
 * computed more; and remat_search.c looks for decisions that fit and cost little. recompute.c has the function made so, and
 * planned. */
#ifndef DLC_REMAT_H
#define DLC_REMAT_H

#include "../kernels/lower.h"
#include "../passes/passes.h"
#include "fit.h"

typedef struct Read {           /* of a tensor, by another one that is made of it */
    int tensor;
    bool in_line;               /* element work on it can be done where it is read: nothing is stored */
    bool by_example;            /* an example of the one is made of an example of the other */
    bool in_place;              /* the one may take the other's place where that ends there */
} Read;

typedef struct Tensor {         /* what a unit makes; or one of a loop's results */
    const Node *node;
    const Unit *unit;
    int task;                   /* that makes it */
    int64_t bytes;              /* of the arena while it lives; 0: it lives elsewhere, or only inside of its task */
    int64_t inner;              /* of the arena inside of its task, where it lives only there */
    int64_t packs;              /* of the arena that making it takes: copies of operands */
    bool large;                 /* there are decisions about it */
    bool private;               /* lives only inside of its task: made again with what is made of it */
    bool anchored;              /* element work behind a contraction that is private */
    bool goes_by_example;
    int64_t batch;              /* its examples */
    int64_t macs, elements;     /* of making it, from what it reads */
    VEC(Read) reads;            /* each once */
    Numbers ports;              /* the caller's buffers that it reads, */
    int overwrites;             /* and overwrites; -1: none */
    Numbers touches;            /* the tasks that make and read it, in order */
    int decision;               /* the first of a large one's: one for each touch */
} Tensor;

typedef struct Task {           /* a kernel, or a loop */
    Numbers makes;              /* tensors, operands first */
    Numbers touches;            /* large ones that it makes or reads */
    int64_t scratch;            /* bytes of the arena that nothing else has */
} Task;

typedef struct Fixed {          /* in the arena, but no value: what loops carry */
    int64_t bytes;
    int from, to;               /* tasks */
} Fixed;

typedef struct Model {
    Arena *a;
    const Plan *plan;
    VEC(Tensor) tensor;
    VEC(Task) task;
    VEC(Fixed) fixed;
    int *of_node;               /* by node: its tensor, or -1 */
    int ndecision;
} Model;

Model *remat_model(Arena *a, const Plan *p, int64_t limit);

/* About a large tensor, for the time between two tasks that touch it; behind the last one, for who makes others again. */
enum {
    DROP = 1,           /* it is not kept */
    LINGER = 2,         /* when it was made again for others in that time, it is kept until the end of it */
    BY_EXAMPLE = 4,     /* when it is made again, what it is made of and is not there is made one example at a time */
    FIRST_BY_EXAMPLE = 8,   /* about a tensor's first time: when it is made first, likewise */
};
typedef uint8_t Decision;

typedef struct Made {           /* in a round */
    int tensor;
    int copy;                   /* of Turns.copy; -1: only for others of the round */
    bool again;
    bool kept;                  /* others can read it */
    bool along;                 /* a loop's result, made with another one of it */
} Made;

typedef struct Seen {
    int copy, tensor;
} Seen;

typedef struct Parts {          /* of a round */
    VEC(Made) made;             /* operands first */
    VEC(Seen) seen;             /* what it reads that others made */
    bool by_example;            /* what it makes for others of it */
    bool anchored;              /* it cannot begin with another contraction */
    int64_t scratch;            /* bytes */
} Parts;

typedef struct Round {          /* what runs at one time */
    int task;                   /* -1: it makes a tensor again, the last of made */
    int now;                    /* the task that it is, or that it is made for */
    bool by_example;
    bool idle;                  /* nobody needs what it makes */
    int made, nmade, seen, nseen;   /* in Turns' lists */
    int64_t scratch;
} Round;

typedef struct Life {           /* of a copy of a tensor, from when it is made to when it is read last */
    int tensor;
    int from, to;               /* rounds */
    bool needed, replaced;      /* replaced: another takes its place where it ends */
} Life;

typedef struct Turns {
    VEC(Round) round;
    VEC(Made) made;
    VEC(Seen) seen;
    VEC(Life) copy;
    int64_t peak;
    int64_t cost;               /* multiply-accumulates of all; element work counts by a part */
    int64_t excess;             /* bytes above the limit, summed over the rounds */
    /* while it is worked out: */
    int *live;                  /* by tensor: the copy that can be read, or -1 */
    int *touched;               /* by tensor: how many of its touches have been */
    int *last;                  /* by buffer: the last round that reads it */
    VEC(int) start;             /* by task: its round */
    VEC(int64_t) bytes;         /* by round */
    VEC(Parts *) parts;         /* by depth */
    int depth;
} Turns;

Turns *turns_new(Arena *a, const Model *m);
/* What `decision` comes to, in t, which is used over and over. */
void remat_turns(const Model *m, const Decision *decision, int64_t limit, Turns *t);
/* The decisions that cost least of those found that fit; otherwise those with the lowest peak. Another `number`, other ones. */
Decision *remat_search(Arena *a, const Model *m, int64_t limit, int number);

#endif
