/* SPDX-License-Identifier: MIT */
/* step.c: `step MODEL.dl BATCH ENGINE [K=V]...` compiles a model's training step in memory. For each line `N` on standard input it
 * runs N steps, on random inputs made before, and prints the median of their times in milliseconds. */
#include "commands/session.h"
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void fill(const Session *s, Role role, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t count = type_count(entry[i].type) * s->m->train_batch;
        void *tensor = session_tensor(s, role, i);
        for (int64_t k = 0; k < count; k++)
            if (entry[i].type.dt == DT_F32)
                ((float *)tensor)[k] = (float)rand() / (float)RAND_MAX;
            else
                ((int32_t *)tensor)[k] = rand() % 10;
    }
}

static double median_step(Session *s, int n)
{
    static double took[10000];
    static int32_t step;
    const char *why;
    n = n < 1 ? 1 : n > LEN(took) ? LEN(took) : n;
    for (int i = 0; i < n; i++) {
        double begin = now();
        session_step(s, ++step);
        if (!session_call(s, CALL_TRAIN_STEP, &why))
            exit(1);
        took[i] = now() - begin;
    }
    qsort(took, (size_t)n, sizeof *took, by_size);
    return took[n / 2];
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    Setting set[8];
    if (argc < 4 || argc > 4 + LEN(set))
        return 2;
    ElaborateOptions options = {.batch = 1, .train_batch = atoi(argv[2]), .train = true, .set = set, .nset = argc - 4};
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return 2;
        *equals = '\0';
        set[i - 4] = (Setting){argv[i], equals + 1};
    }
    const char *why = "";
    const Module *m = pipeline_module(a, d, argv[1], &options, NULL, NULL);
    Session *s = m ? session_open(a, d, m, 1u << CALL_INIT | 1u << CALL_TRAIN_STEP, argv[3], &why) : NULL;
    if (!s) {
        diag_print(d, stderr);
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    session_seed(s, 1);
    session_call(s, CALL_INIT, &why);
    fill(s, ROLE_INPUT, m->inputs.at, m->inputs.n);
    fill(s, ROLE_TARGET, m->targets.at, m->targets.n);
    int32_t *count = session_tensor(s, ROLE_COUNT, 0);
    if (count)
        *count = (int32_t)m->train_batch;
    for (int n; scanf("%d", &n) == 1; fflush(stdout))
        printf("%.6f\n", median_step(s, n));
    session_close(s);
    arena_free(a);
    return 0;
}
