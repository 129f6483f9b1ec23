/* SPDX-License-Identifier: MIT */
/* fuzz.c: dlc-fuzz-graphs. Random graphs, or graphs from files, through the passes and every engine.
 *
 *   dlc-fuzz-graphs [--seed N] [--count N] [--seconds N] [--engines LIST] [--jobs N] [--batch N] [--out FOLDER] [--shrink SECONDS]
 *                   [--mutants] [--one SEED] [--show SEED] [FILE.ir]...
 *
 * The work is done by child processes, for what is tested may crash: a lane forks a worker for each batch, which notes in shared
 * memory what it is about to do. Where it dies, that was it; the next worker goes on without. */
#define _GNU_SOURCE
#include "graphs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BATCH = 64, MOST_ENGINES = 32, MOST_FAILURES = 40, MOST_LANES = 16, RANKS = 9 };

typedef struct Failure {
    int graph, engine;              /* engine -1: no engine, a pass */
    Variant variant;
    char stage[24], message[400];
} Failure;

/* What a worker tells its lane, and a lane the others. */
typedef struct Shared {
    int graph, engine;              /* what is being worked on */
    Variant variant;
    char stage[24];
    bool passed[MOST_BATCH];        /* by graph: check_passes was done */
    bool skip[MOST_BATCH][MOST_ENGINES + 1];    /* by graph and engine + 1: it crashed there */
    bool done[MOST_ENGINES];
    Failure failure[MOST_FAILURES];
    int nfailure;
    Tally tally;
    long op[OP_COUNT], type[DT_COUNT][RANKS], functions[VARIANTS], calls[MOST_ENGINES], failing, graphs, wrong;
} Shared;

typedef struct Job {
    const char *file;               /* NULL: by seed */
    uint64_t seed;                  /* of the graph, and the salt of its inputs */
} Job;

static struct Options {
    uint64_t seed;
    long count;
    int seconds, jobs, batch, shrink;
    const char *out;
    bool use[MOST_ENGINES], all;    /* all: every engine and variant for every graph */
    bool mutants;                   /* see whether changed graphs are found out, instead */
    Job *job;
    int njob;
} options = {.seed = 1, .count = 500, .jobs = 2, .batch = 25, .shrink = 40, .out = "build/graphs"};

static long *next_job;              /* shared by all lanes */
static time_t begun;

static void *shared_memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("dlc-fuzz-graphs");
        exit(2);
    }
    return at;
}

static void copy_text(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text);
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */
static Fn *read_graph(Arena *a, const char *file, uint64_t *salt)
{
    size_t bytes;
    const char *why, *text = file_read(a, file, &bytes, &why);
    if (!text) {
        fprintf(stderr, "%s: %s\n", file, why);
        exit(2);
    }
    const char *said = strstr(text, "# salt ");
    *salt = said ? strtoull(said + 7, NULL, 10) : 1;
    Diag *d = diag_new(a);
    Fn *fn = fn_parse(a, d, diag_add_source(d, file, text, bytes));
    if (!fn) {
        diag_print(d, stderr);
        exit(2);
    }
    return fn;
}

static Fn *graph_of(Arena *a, const Job *job, uint64_t *salt)
{
    if (job->file)
        return read_graph(a, job->file, salt);
    *salt = job->seed;
    return grow_graph(a, job->seed);
}

static void cover(Shared *s, const Fn *fn)
{
    for (int i = 0; i < fn->node.n; i++) {
        const Node *n = fn->node.at[i];
        s->op[n->op]++;
        if (n->op != OP_SCAN)
            s->type[n->type.dt][n->type.rank]++;
        else
            cover(s, n->attr.scan.body);
    }
}

/* ---- the worker -------------------------------------------------------------------------------------------------- */
static void note(Shared *s, int graph, int engine, Variant v, const char *stage)
{
    s->graph = graph;
    s->engine = engine;
    s->variant = v;
    copy_text(s->stage, sizeof s->stage, stage);
    alarm(400);
}

static void add_failure(Shared *s, int graph, int engine, Variant v, const char *stage, const char *message)
{
    if (s->nfailure == MOST_FAILURES)
        return;
    Failure *f = &s->failure[s->nfailure++];
    *f = (Failure){.graph = graph, .engine = engine, .variant = v};
    copy_text(f->stage, sizeof f->stage, stage);
    copy_text(f->message, sizeof f->message, message);
}

static void on_progress(void *context, const Case *c, const char *stage)
{
    Shared *s = context;
    note(s, c->graph, s->engine, c->variant, stage);
}

static void on_verdict(void *context, const Case *c, const char *wrong, const char *stage)
{
    Shared *s = context;
    add_failure(s, c->graph, s->engine, c->variant, stage, wrong);
    s->skip[c->graph][s->engine + 1] = true;
}

typedef struct Cases {
    VEC(Case *) list;
} Cases;

static void add_case(Shared *s, Arena *a, Cases *cases, int graph, const Fn *fn, Variant v, uint64_t salt)
{
    Fn *function = variant_make(fn, v);
    if (!function)
        return;
    Case *c = variant_case(a, function, v, salt);
    c->graph = graph;
    vec_push(a, &cases->list, c);
    s->functions[v]++;
    s->failing += c->outcome == OUTCOME_FAILS;
}

static void add_cases(Shared *s, Arena *a, Cases *cases, int graph, const Fn *fn, uint64_t salt, bool all)
{
    bool first = salt & 1, second = salt >> 1 & 1;
    int before = cases->list.n;
    if (all || first)
        add_case(s, a, cases, graph, fn, VARIANT_HOISTED, salt);
    if (all || cases->list.n == before)
        add_case(s, a, cases, graph, fn, VARIANT_PLAIN, salt);
    if (all || second)
        add_case(s, a, cases, graph, fn, VARIANT_GRADIENTS, salt);
    if (all || !second)
        add_case(s, a, cases, graph, fn, VARIANT_STEP, salt);
}

static bool compiles(int engine)
{
    return engine_at(engine)->name && options.use[engine] && engine_at(engine)->compiler && (options.all || !engine_at(engine)->slow);
}

/* Of the engines asked for: libtcc always; of the others, whose work is most of it, one, in turn. */
static bool takes_part(int engine, long batch)
{
    const Engine *e = engine_at(engine);
    if (!e->name || !options.use[engine])
        return false;
    if (options.all || !e->compiler)
        return true;
    int n = 0, place = -1;
    for (int i = 0; engine_at(i); i++) {
        place = i == engine && compiles(i) ? n : place;
        n += compiles(i);
    }
    return n && batch % n == place;
}

/* And of a graph's two functions one, the other one when it is this compiler's turn again. */
static bool takes_case(int engine, long batch, const Case *c)
{
    int n = 0;
    for (int i = 0; engine_at(i); i++)
        n += compiles(i);
    return options.all || !engine_at(engine)->compiler || (c->variant >= VARIANT_GRADIENTS) == (batch / n % 2 == 0);
}

static void work(Shared *s, const Job *jobs, int n, long batch)
{
    Arena *a = arena_new();
    Cases cases = {0};
    for (int i = 0; i < n; i++) {
        if (s->skip[i][0])
            continue;
        note(s, i, -1, VARIANT_PLAIN, "growing");
        uint64_t salt;
        Fn *fn = graph_of(a, &jobs[i], &salt);
        if (options.mutants) {
            s->graphs++;
            check_mutant(a, fn, salt, &s->tally);
            continue;
        }
        if (!s->passed[i]) {
            s->passed[i] = true;
            s->graphs++;
            cover(s, fn);
            note(s, i, -1, VARIANT_PLAIN, "passes");
            Arena *each = arena_new();
            const char *wrong = check_passes(each, fn, salt, &s->tally);
            if (wrong)
                add_failure(s, i, -1, VARIANT_PLAIN, "passes", wrong);
            arena_free(each);
        }
        note(s, i, -1, VARIANT_PLAIN, "variants");
        add_cases(s, a, &cases, i, fn, salt, options.all);
    }
    for (int e = 0; engine_at(e); e++) {
        if (s->done[e] || !takes_part(e, batch))
            continue;
        Case **list = NEWN(a, Case *, cases.list.n + 1);
        int ncase = 0;
        for (int i = 0; i < cases.list.n; i++)
            if (!s->skip[cases.list.at[i]->graph][e + 1] && takes_case(e, batch, cases.list.at[i]))
                list[ncase++] = cases.list.at[i];
        s->engine = e;
        s->calls[e] += ncase;
        if (ncase)
            engine_check(a, engine_at(e), list, ncase, &s->tally, on_progress, on_verdict, s);
        s->done[e] = true;
    }
    arena_free(a);
}

/* Runs `work` in a child; true when it came to its end. */
static bool run_worker(Shared *s, const Job *jobs, int n, long batch)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        work(s, jobs, n, batch);
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    char message[100];
    snprintf(message, sizeof message, "%s: %s", WIFSIGNALED(status) ? "died" : "left",
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "with an error");
    add_failure(s, s->graph, s->engine, s->variant, s->stage, message);
    s->skip[s->graph][s->engine + 1] = true;
    return false;
}

/* ---- one failure, smaller ---------------------------------------------------------------------------------------- */
typedef struct Same {
    Failure failure;
    uint64_t salt;
    Shared *s;
} Same;

/* Is the complaint of the same kind: the same words in front of the first number? */
static bool same_kind(const Failure *x, const Failure *y)
{
    size_t n = strcspn(x->message, "0123456789:");
    return !strcmp(x->stage, y->stage) && strcspn(y->message, "0123456789:") == n && !strncmp(x->message, y->message, n);
}

static void try_one(Same *same, const Fn *fn)
{
    Arena *a = arena_new();
    Shared *s = same->s;
    int engine = same->failure.engine;
    note(s, 0, engine, same->failure.variant, "passes");
    alarm(60);
    if (engine < 0 && strcmp(same->failure.stage, "variants")) {
        Fn *copy = fn_prune(fn);
        const char *wrong = check_passes(a, copy, same->salt, &s->tally);
        if (wrong)
            add_failure(s, 0, engine, same->failure.variant, "passes", wrong);
        return;
    }
    note(s, 0, engine, same->failure.variant, "variants");
    Cases cases = {0};
    add_case(s, a, &cases, 0, fn, same->failure.variant, same->salt);
    if (engine >= 0 && cases.list.n && cases.list.at[0]->outcome <= OUTCOME_FAILS)
        engine_check(a, engine_at(engine), cases.list.at, 1, &s->tally, on_progress, on_verdict, s);
}

static bool still_fails(void *context, const Fn *fn)
{
    Same *same = context;
    Shared *s = same->s;
    memset(s, 0, sizeof *s);
    s->engine = same->failure.engine;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 2);
        try_one(same, fn);
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status)) {
        char message[100];
        snprintf(message, sizeof message, "died: %s", strsignal(WTERMSIG(status)));
        add_failure(s, 0, s->engine, s->variant, s->stage, message);
    }
    for (int i = 0; i < s->nfailure; i++)
        if (same_kind(&same->failure, &s->failure[i]))
            return true;
    return false;
}

static const char *engine_name(int engine)
{
    return engine < 0 ? "passes" : engine_at(engine)->name;
}

static void report(const Failure *f, const Job *job)
{
    char source[300];
    if (job->file)
        snprintf(source, sizeof source, "%s", job->file);
    else
        snprintf(source, sizeof source, "seed %llu", (unsigned long long)job->seed);
    fprintf(stderr, "WRONG: %s, %s, %s, %s: %s\n", source, engine_name(f->engine), variant_names[f->variant], f->stage, f->message);
}

static void write_smaller(const Failure *f, const Job *job)
{
    Arena *a = arena_new();
    Same same = {.failure = *f, .s = shared_memory(sizeof(Shared))};
    Fn *fn = graph_of(a, job, &same.salt);
    if (!still_fails(&same, fn)) {
        fprintf(stderr, "    alone it does not fail\n");
    } else {
        fn = shrink(a, fn, still_fails, &same, options.shrink);
        uint64_t salt = same.salt;
        for (same.salt = 1; same.salt <= 3 && same.salt < salt && !still_fails(&same, fn); same.salt++)
            ;
        if (same.salt > 3 || same.salt >= salt)
            same.salt = salt;
        still_fails(&same, fn);
        StrBuf sb = {.a = a};
        sb_printf(&sb, "# %s, %s: %s\n", engine_name(f->engine), variant_names[f->variant], same.s->failure[0].message);
        if (same.salt != 1)
            sb_printf(&sb, "# salt %llu\n", (unsigned long long)same.salt);
        fn_print(&sb, fn);
        mkdir("build", 0777), mkdir(options.out, 0777);
        const char *why, *path = arena_printf(a, "%s/%llu-%s-%s.ir", options.out, (unsigned long long)job->seed, engine_name(f->engine), variant_names[f->variant]);
        if (!file_write(a, path, sb_text(&sb), strlen(sb_text(&sb)), &why))
            fprintf(stderr, "%s: %s\n", path, why);
        fprintf(stderr, "%s\n    %s\n", sb_text(&sb), path);
    }
    munmap(same.s, sizeof(Shared));
    arena_free(a);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */
static bool time_is_up(void)
{
    return options.seconds && time(NULL) - begun >= options.seconds;
}

static void forget_batch(Shared *s)
{
    memset(s->passed, 0, sizeof s->passed);
    memset(s->skip, 0, sizeof s->skip);
    memset(s->done, 0, sizeof s->done);
    s->nfailure = 0;
}

static void lane(Shared *s)
{
    int shrunk = 0;
    while (!time_is_up()) {
        long batch = __sync_fetch_and_add(next_job, 1), first = batch * options.batch;
        long total = options.njob ? options.njob : options.count;
        if (first >= total)
            return;
        int n = (int)(total - first < options.batch ? total - first : options.batch);
        Job jobs[MOST_BATCH];
        for (int i = 0; i < n; i++)
            jobs[i] = options.njob ? options.job[first + i] : (Job){NULL, options.seed + (uint64_t)(first + i)};
        forget_batch(s);
        while (!run_worker(s, jobs, n, batch) && s->nfailure < MOST_FAILURES)
            ;
        bool wrong[MOST_BATCH] = {false};
        for (int i = 0; i < s->nfailure; i++) {
            report(&s->failure[i], &jobs[s->failure[i].graph]);
            s->wrong += !wrong[s->failure[i].graph];
            if (options.shrink && !wrong[s->failure[i].graph] && shrunk++ < 6)
                write_smaller(&s->failure[i], &jobs[s->failure[i].graph]);
            wrong[s->failure[i].graph] = true;
        }
    }
}

/* ---- the summary ------------------------------------------------------------------------------------------------- */
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
    to->tally = (Tally){to->tally.exact + t->exact,     to->tally.tight + t->tight,     to->tally.loose + t->loose,
                        to->tally.unknown + t->unknown, to->tally.unclear + t->unclear, to->tally.differences + t->differences,
                        to->tally.undecided + t->undecided, to->tally.mutants + t->mutants, to->tally.survivors + t->survivors};
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
    printf("\nelements compared: %.2f %% exactly, %.2f %% within 1e-3 or less, %.2f %% less sharply, %.2f %% not; %ld calls of unclear outcome\n",
           (double)t->exact / all, (double)t->tight / all, (double)t->loose / all, (double)t->unknown / all, t->unclear);
    printf("gradients compared with differences: %ld, undecided %ld\n", t->differences, t->undecided);
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
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
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
    if (options.mutants) {
        printf("%ld changed graphs have other values, %ld of these are not found out\n", sum->tally.mutants, sum->tally.survivors);
        return sum->tally.mutants > sum->graphs / 4 && sum->tally.survivors * 20 < sum->tally.mutants ? 0 : 1;
    }
    print_coverage(sum);
    bool fine = complete(sum);
    printf("%ld graphs, %ld wrong, %ld s, %.0f s of processor time\n", sum->graphs, sum->wrong, (long)(time(NULL) - begun), processor_time());
    return fine && !sum->wrong && sum->graphs ? 0 : 1;
}

/* ---- the command line -------------------------------------------------------------------------------------------- */
static void usage(const char *what)
{
    fprintf(stderr, "dlc-fuzz-graphs: %s\nusage: dlc-fuzz-graphs [--seed N] [--count N] [--seconds N] [--engines NAME,...] [--jobs N] [--batch N]\n"
                    "       [--out FOLDER] [--shrink SECONDS] [--mutants] [--one SEED] [--show SEED] [FILE.ir]...\nengines:", what);
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
            options.seconds = (int)number(value), options.count = options.count == 500 ? 1000000000 : options.count;
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
