/* SPDX-License-Identifier: MIT */
/* work.c: what is tested may crash, so child processes do the work: a lane forks a worker for each batch,
 * which notes in shared memory what it is about to do. Where it dies, that was it; the next worker goes on
 * without. */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy_text(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text);
}

/* ---- graphs -------------------------------------------------------------------------------------- */
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

/* ---- the worker ---------------------------------------------------------------------------------- */
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
    return engine_at(engine)->name && options.use[engine] && engine_at(engine)->compiler &&
           (options.all || !engine_at(engine)->slow);
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
    return options.all || !engine_at(engine)->compiler ||
           (c->variant >= VARIANT_GRADIENTS) == (batch / n % 2 == 0);
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

/* ---- one failure, smaller ------------------------------------------------------------------------ */
typedef struct Same {
    Failure failure;
    uint64_t salt;
    Shared *s;
} Same;

/* Is the complaint of the same kind: the same words in front of the first number? */
static bool same_kind(const Failure *x, const Failure *y)
{
    size_t n = strcspn(x->message, "0123456789:");
    return !strcmp(x->stage, y->stage) && strcspn(y->message, "0123456789:") == n &&
           !strncmp(x->message, y->message, n);
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
    fprintf(stderr, "WRONG: %s, %s, %s, %s: %s\n", source, engine_name(f->engine), variant_names[f->variant],
            f->stage, f->message);
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
        sb_printf(&sb, "# %s, %s: %s\n", engine_name(f->engine), variant_names[f->variant],
                  same.s->failure[0].message);
        if (same.salt != 1)
            sb_printf(&sb, "# salt %llu\n", (unsigned long long)same.salt);
        fn_print(&sb, fn);
        mkdir("build", 0777), mkdir(options.out, 0777);
        const char *why,
            *path = arena_printf(a, "%s/%llu-%s-%s.ir", options.out, (unsigned long long)job->seed,
                                 engine_name(f->engine), variant_names[f->variant]);
        if (!file_write(a, path, sb_text(&sb), strlen(sb_text(&sb)), &why))
            fprintf(stderr, "%s: %s\n", path, why);
        fprintf(stderr, "%s\n    %s\n", sb_text(&sb), path);
    }
    munmap(same.s, sizeof(Shared));
    arena_free(a);
}

/* ---- lanes --------------------------------------------------------------------------------------- */
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

void lane(Shared *s)
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
            jobs[i] =
                options.njob ? options.job[first + i] : (Job){NULL, options.seed + (uint64_t)(first + i)};
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
