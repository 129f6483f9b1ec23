/* SPDX-License-Identifier: MIT */
/* fuzz.c: dlc-fuzz-graphs. Random graphs, or graphs from files, through the passes and every engine.
 *
 *   dlc-fuzz-graphs [--seed N] [--count N] [--seconds N] [--engines LIST] [--jobs N] [--batch N] [--out
 * FOLDER] [--shrink SECONDS]
 *                   [--mutants] [--one SEED] [--show SEED] [FILE.ir]... */
#define _GNU_SOURCE
#include "work.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct Options options = {
    .seed = 1, .count = 500, .jobs = 2, .batch = 25, .shrink = 40, .out = "build/graphs"};

long *next_job;
time_t begun;

void *shared_memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("dlc-fuzz-graphs");
        exit(2);
    }
    return at;
}

/* ---- the summary --------------------------------------------------------------------------------- */
static void sum_up(Shared *to, const Shared *from)
{
    to->graphs += from->graphs;
    to->wrong += from->wrong;
    to->failing += from->failing;
    for (int i = 0; i < OP_COUNT; i++)
        to->op[i] += from->op[i];
    for (int i = 0; i < DT_COUNT; i++)
        for (int k = 0; k < RANKS; k++)
            to->type[i][k] += from->type[i][k];
    for (int i = 0; i < VARIANTS; i++)
        to->functions[i] += from->functions[i];
    for (int i = 0; i < MOST_ENGINES; i++)
        to->calls[i] += from->calls[i];
    const Tally *t = &from->tally;
    to->tally = (Tally){to->tally.exact + t->exact,         to->tally.tight + t->tight,
                        to->tally.loose + t->loose,         to->tally.unknown + t->unknown,
                        to->tally.unclear + t->unclear,     to->tally.differences + t->differences,
                        to->tally.undecided + t->undecided, to->tally.micro + t->micro,
                        to->tally.mutants + t->mutants,     to->tally.survivors + t->survivors};
}

static Shared *summed(Shared *const *lanes)
{
    Shared *sum = calloc(1, sizeof *sum);
    for (int i = 0; i < options.jobs; i++)
        sum_up(sum, lanes[i]);
    return sum;
}

static void print_coverage(const Shared *s)
{
    printf("nodes of each operation:");
    for (int i = 0; i < OP_COUNT; i++)
        printf("%s%s %ld", i % 8 ? ", " : "\n    ", op_info((Op)i)->text, s->op[i]);
    printf("\nnodes of each type, by rank:\n");
    for (int i = 0; i < DT_COUNT; i++) {
        printf("    %-5s", dtype_name((DType)i));
        for (int k = 0; k < RANKS - 2; k++)
            printf("%9ld", s->type[i][k]);
        printf("\n");
    }
    printf("functions:");
    for (int i = 0; i < VARIANTS; i++)
        printf(" %s %ld", variant_names[i], s->functions[i]);
    printf("; %ld of these fail, as they should\ncalls:", s->failing);
    for (int i = 0; engine_at(i); i++)
        if (s->calls[i])
            printf(" %s %ld", engine_at(i)->name, s->calls[i]);
    const Tally *t = &s->tally;
    double all = (double)(t->exact + t->tight + t->loose + t->unknown) / 100;
    all = all > 0 ? all : 1;
    printf("\nelements compared: %.2f %% exactly, %.2f %% within 1e-3 or less, %.2f %% less sharply, %.2f %% "
           "not; %ld calls of unclear outcome\n",
           (double)t->exact / all, (double)t->tight / all, (double)t->loose / all, (double)t->unknown / all,
           t->unclear);
    printf("gradients compared with differences: %ld, undecided %ld\n", t->differences, t->undecided);
    printf("functions in micro-batches: %ld\n", t->micro);
}

/* In a long run everything has to take part. */
static bool complete(const Shared *s)
{
    bool fine = true;
    for (int i = 0; i < OP_COUNT && s->graphs >= 400 && !options.njob; i++)
        if (!s->op[i]) {
            printf("no graph has %s\n", op_info((Op)i)->text);
            fine = false;
        }
    return fine;
}

static double processor_time(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static bool all_found(const Shared *s)
{
    printf("%ld changed graphs have other values, %ld of these are not found out\n", s->tally.mutants, s->tally.survivors);
    return s->tally.mutants > s->graphs / 4 && s->tally.survivors * 20 < s->tally.mutants;
}

static bool all_right(const Shared *s)
{
    print_coverage(s);
    const bool fine = complete(s);
    printf("%ld graphs, %ld wrong, %ld s, %.0f s of processor time\n", s->graphs, s->wrong, (long)(time(NULL) - begun), processor_time());
    return fine && !s->wrong && s->graphs;
}

static int run_lanes(void)
{
    Shared *lanes[MOST_LANES];
    next_job = shared_memory(sizeof *next_job);
    begun = time(NULL);
    fflush(NULL);
    for (int i = 0; i < options.jobs; i++) {
        lanes[i] = shared_memory(sizeof(Shared));
        if (fork() == 0) {
            lane(lanes[i]);
            _exit(0);
        }
    }
    for (int left = options.jobs, status; left > 0;) {
        if (waitpid(-1, &status, WNOHANG) > 0) {
            left--;
            continue;
        }
        usleep(200000);
        static time_t said;
        if (time(NULL) - said >= 10 && time(NULL) > begun) {
            said = time(NULL);
            Shared *sum = summed(lanes);
            printf("%ld graphs, %ld wrong, %ld s\n", sum->graphs, sum->wrong, (long)(time(NULL) - begun));
            fflush(stdout);
            free(sum);
        }
    }
    Shared *sum = summed(lanes);
    const bool fine = options.mutants ? all_found(sum) : all_right(sum);
    free(sum);
    return fine ? 0 : 1;
}

/* ---- the command line ---------------------------------------------------------------------------- */
static void usage(const char *what)
{
    fprintf(stderr,
            "dlc-fuzz-graphs: %s\nusage: dlc-fuzz-graphs [--seed N] [--count N] [--seconds N] [--engines "
            "NAME,...] [--jobs N] [--batch N]\n"
            "       [--out FOLDER] [--shrink SECONDS] [--mutants] [--one SEED] [--show SEED] "
            "[FILE.ir]...\nengines:",
            what);
    for (int i = 0; engine_at(i); i++)
        if (engine_at(i)->name)
            fprintf(stderr, " %s", engine_at(i)->name);
    fprintf(stderr, "\n");
    exit(2);
}

static void choose_engines(const char *list)
{
    char *copy = strdup(list), *state;
    for (char *name = strtok_r(copy, ",", &state); name; name = strtok_r(NULL, ",", &state)) {
        if (engine_find(name) < 0)
            usage(name);
        options.use[engine_find(name)] = true;
        options.all |= engine_at(engine_find(name))->slow;
    }
    free(copy);
}

static void add_job(const char *file, uint64_t seed)
{
    options.job = realloc(options.job, sizeof *options.job * (size_t)(options.njob + 1));
    options.job[options.njob++] = (Job){file, seed};
    options.all = true;
}

static void show(uint64_t seed)
{
    Arena *a = arena_new();
    StrBuf sb = {.a = a};
    fn_print(&sb, grow_graph(a, seed));
    printf("# salt %llu\n%s\n", (unsigned long long)seed, sb_text(&sb));
    exit(0);
}

static long number(const char *text)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : -1;
    if (!text || *end || n < 0)
        usage(text ? text : "a number is missing");
    return n;
}

static void read_options(int argc, char **argv)
{
    bool chosen = false;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(name, "--", 2)) {
            add_job(name, (uint64_t)i);
            continue;
        }
        if (!strcmp(name, "--mutants")) {
            options.mutants = true;
            continue;
        }
        i++;
        if (!strcmp(name, "--seed"))
            options.seed = (uint64_t)number(value);
        else if (!strcmp(name, "--count"))
            options.count = number(value);
        else if (!strcmp(name, "--seconds"))
            options.seconds = (int)number(value),
            options.count = options.count == 500 ? 1000000000 : options.count;
        else if (!strcmp(name, "--jobs"))
            options.jobs = (int)number(value);
        else if (!strcmp(name, "--batch"))
            options.batch = (int)number(value);
        else if (!strcmp(name, "--shrink"))
            options.shrink = (int)number(value);
        else if (!strcmp(name, "--one"))
            add_job(NULL, (uint64_t)number(value));
        else if (!strcmp(name, "--show"))
            show((uint64_t)number(value));
        else if (!strcmp(name, "--out") && value)
            options.out = value;
        else if (!strcmp(name, "--engines") && value)
            choose_engines(value), chosen = true;
        else
            usage(name);
    }
    for (int i = 0; !chosen && engine_at(i); i++)
        options.use[i] = true;
    if (options.jobs < 1 || options.jobs > MOST_LANES || options.batch < 1 || options.batch > MOST_BATCH)
        usage("--jobs or --batch out of range");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    Arena *a = arena_new();
    const char *problem = grow_problem(a);
    if (problem) {
        printf("%s\n", problem);
        return 1;
    }
    arena_free(a);
    return run_lanes();
}
