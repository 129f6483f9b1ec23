/* SPDX-License-Identifier: MIT */
/* work.h: what the command (fuzz.c) and the work it has done by child processes (work.c) share. */
#ifndef TEST_WORK_H
#define TEST_WORK_H

#include "graphs.h"

#include <time.h>

enum { MOST_BATCH = 64, MOST_ENGINES = 32, MOST_FAILURES = 40, MOST_LANES = 16, RANKS = 9 };

typedef struct Failure {
    int graph, engine; /* engine -1: no engine, a pass */
    Variant variant;
    char stage[24], message[400];
} Failure;

/* What a worker tells its lane, and a lane the others. */
typedef struct Shared {
    int graph, engine; /* what is being worked on */
    Variant variant;
    char stage[24];
    bool passed[MOST_BATCH];                 /* by graph: check_passes was done */
    bool skip[MOST_BATCH][MOST_ENGINES + 1]; /* by graph and engine + 1: it crashed there */
    bool done[MOST_ENGINES];
    Failure failure[MOST_FAILURES];
    int nfailure;
    Tally tally;
    long op[OP_COUNT], type[DT_COUNT][RANKS], functions[VARIANTS], calls[MOST_ENGINES], failing, graphs,
        wrong;
} Shared;

typedef struct Job {
    const char *file; /* NULL: by seed */
    uint64_t seed;    /* of the graph, and the salt of its inputs */
} Job;

extern struct Options {
    uint64_t seed;
    long count;
    int seconds, jobs, batch, shrink;
    const char *out;
    bool use[MOST_ENGINES], all; /* all: every engine and variant for every graph */
    bool mutants;                /* see whether changed graphs are found out, instead */
    Job *job;
    int njob;
} options;

extern long *next_job; /* shared by all lanes */
extern time_t begun;

void *shared_memory(size_t bytes);
/* Takes batches until there are none left, or no time; says what is wrong, and makes it smaller. */
void lane(Shared *s);

#endif
