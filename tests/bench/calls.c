/* SPDX-License-Identifier: MIT */
/* calls.c: `calls FILE.dl[:MODEL] infer|train BATCH ENGINE [CONST=VALUE]...` compiles a model in memory and says, as one line of JSON, what
 * one call has to compute. Then for each line `MILLISECONDS` on standard input it makes calls for so long, on random inputs made before,
 * and prints the least and the median time of one in milliseconds. ENGINE is what --jit takes, or `cc:TARGET`. BENCH_CLOCK=wall
 * measures time instead of the processor's; BENCH_THREADS=2 shares the work among two threads. */
#include "commands/session.h"
#include "pipeline.h"
#include "work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 4000 };

static clockid_t timer = CLOCK_PROCESS_CPUTIME_ID;

static double now(void)
{
    struct timespec t;
    clock_gettime(timer, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* ---- the model ---------------------------------------------------------------------------------------------------- */
typedef struct Bench {
    Arena *a;
    Session *s;
    Call call;
    int32_t step;
    int64_t macs;
} Bench;

static void after_pass(void *context, const char *pass, const Module *m)
{
    Bench *b = context;
    if (!strcmp(pass, "elaborate"))
        b->macs = b->call == CALL_INFER ? work_macs(m->infer, false) : work_macs(m->loss, true);
}

static int64_t port_bytes(const Fn *fn)
{
    int64_t bytes = 0;
    for (int i = 0; i < fn->input.n; i++)
        bytes += type_bytes(fn->input.at[i].node->type);
    for (int i = 0; i < fn->result.n; i++)
        bytes += type_bytes(fn->result.at[i].node->type);
    return bytes;
}

static void print_work(Bench *b, const Module *m)
{
    StreamList streams = {0};
    int64_t parameters = 0;
    const Fn *fn = b->call == CALL_INFER ? m->infer : m->train_step;
    work_streams(b->a, fn, &streams);
    for (int i = 0; i < m->params.n; i++)
        parameters += type_count(m->params.at[i].type);
    printf("{\"parameters\": %" PRId64 ", \"macs\": %" PRId64 ", \"bytes\": %" PRId64 ", \"streams\": [", parameters, b->macs,
           port_bytes(fn));
    for (int i = 0; i < streams.n; i++) {
        const Stream *s = &streams.at[i];
        printf("%s{\"macs\": %" PRId64 ", \"bytes\": %" PRId64 ", \"times\": %" PRId64 ", \"among\": %" PRId64 "}", i ? ", " : "",
               s->macs, s->bytes, s->times, s->among);
    }
    puts("]}");
    fflush(stdout);
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */
static void call(Bench *b, int times)
{
    const char *why;
    for (int i = 0; i < times; i++) {
        session_step(b->s, ++b->step);
        if (!session_call(b->s, b->call, &why)) {
            fprintf(stderr, "%s\n", why);
            exit(1);
        }
    }
}

/* Calls for as long as that, in samples long enough for the clock. */
static void measure(Bench *b, double milliseconds)
{
    static double took[SAMPLES];
    double begin = now(), once;
    int n = 0, inner;
    call(b, 1);
    once = now() - begin;
    inner = once > 0.1 ? 1 : (int)(0.1 / (once > 1e-6 ? once : 1e-6)) + 1;      /* a clock may stand still during one call */
    do {
        double from = now();
        call(b, inner);
        took[n++] = (now() - from) / inner;
    } while (n < SAMPLES && now() - begin < milliseconds);
    qsort(took, (size_t)n, sizeof *took, by_size);
    printf("%.6f %.6f\n", took[0], took[n / 2]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    Bench b = {.a = arena_new()};
    char *model = argc > 1 ? strchr(argv[1], ':') : NULL;
    Diag *d = diag_new(b.a);
    Setting set[8];
    if (argc < 5 || argc > 5 + LEN(set))
        return 2;
    b.call = strcmp(argv[2], "train") ? CALL_INFER : CALL_TRAIN_STEP;
    if (getenv("BENCH_CLOCK") && !strcmp(getenv("BENCH_CLOCK"), "wall"))
        timer = CLOCK_MONOTONIC;
    if (model)
        *model++ = '\0';
    int64_t batch = atoi(argv[3]), threads = getenv("BENCH_THREADS") ? atoi(getenv("BENCH_THREADS")) : 1;
    ElaborateOptions options = {.model = model, .batch = batch, .train_batch = batch, .train = b.call == CALL_TRAIN_STEP, .set = set, .nset = argc - 5};
    for (int i = 5; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return 2;
        *equals = '\0';
        set[i - 5] = (Setting){argv[i], equals + 1};
    }
    const char *why = "";
    const Module *m = pipeline_module(b.a, d, argv[1], &options, after_pass, &b);
    b.s = m ? session_open(b.a, d, m, 1u << CALL_INIT | 1u << b.call, argv[4], threads, false, &why) : NULL;
    if (!b.s) {
        diag_print(d, stderr);
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    print_work(&b, m);
    session_seed(b.s, 1);
    session_call(b.s, CALL_INIT, &why);
    session_draw(b.s, b.call);
    session_count(b.s, batch);
    for (double milliseconds; scanf("%lf", &milliseconds) == 1;)
        measure(&b, milliseconds);
    session_close(b.s);
    arena_free(b.a);
    return 0;
}
