/* SPDX-License-Identifier: MIT */
/* bits.c: `bits [--deterministic] FILE.dl BATCH THREADS... [CONST=VALUE]...`: an inference and two training steps, compiled in memory, on
 * random inputs, by one thread and by each number of them: all tensors have to be the same, bit for bit. With --deterministic the one
 * thread's code is libtcc's, plain loops and dl_gemm_exact, and that of the others cc's, with what is best on this machine. */
#include "commands/session.h"
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLED = 1u << CALL_INIT | 1u << CALL_INFER | 1u << CALL_TRAIN_STEP, STEPS = 2 };

static void fill(Session *s, Role role, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < type_count(entry[i].type) * s->m->train_batch; k++)
            if (entry[i].type.dt == DT_F32)
                ((float *)session_tensor(s, role, i))[k] = (float)rand() / (float)RAND_MAX;
            else
                ((int32_t *)session_tensor(s, role, i))[k] = rand() % 2;
}

static bool run(Session *s, const char **why)
{
    srand(1);
    session_seed(s, 1);
    fill(s, ROLE_INPUT, s->m->inputs.at, s->m->inputs.n);
    fill(s, ROLE_TARGET, s->m->targets.at, s->m->targets.n);
    session_count(s, s->m->train_batch);
    bool fine = !s->fn[CALL_INIT] || session_call(s, CALL_INIT, why);
    for (int step = 1; fine && s->fn[CALL_TRAIN_STEP] && step <= STEPS; step++) {
        session_step(s, step);
        fine = session_call(s, CALL_TRAIN_STEP, why);
    }
    return fine && session_call(s, CALL_INFER, why);
}

/* The results of all functions. */
static bool same_results(const Session *x, const Session *y)
{
    for (int c = 0; c < CALLS; c++)
        for (int i = 0; x->fn[c] && i < x->fn[c]->result.n; i++) {
            const Port *port = &x->fn[c]->result.at[i];
            const void *one = session_tensor(x, port->role, port->index), *other = session_tensor(y, port->role, port->index);
            if (memcmp(one, other, (size_t)type_bytes(port->node->type))) {
                printf("%s differs\n", port->name);
                return false;
            }
        }
    return true;
}

static Session *session_by(Arena *a, Diag *d, const Module *m, const char *engine, int threads, bool deterministic)
{
    const char *why = "";
    Session *s = session_open(a, d, m, CALLED, engine, threads, deterministic, &why);
    if (s && run(s, &why))
        return s;
    printf("%s\n", why);
    return NULL;
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    Setting set[8];
    bool deterministic = argc > 1 && !strcmp(argv[1], "--deterministic");
    argc -= deterministic;
    argv += deterministic;
    int nset = 0, nthread = 0, threads[8];
    for (int i = 3; i < argc && nset < 8 && nthread < 8; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals) {
            *equals = '\0';
            set[nset++] = (Setting){argv[i], equals + 1};
        } else {
            threads[nthread++] = atoi(argv[i]);
        }
    }
    if (!nthread)
        return 2;
    ElaborateOptions options = {.batch = atoi(argv[2]), .train_batch = atoi(argv[2]), .train = true, .set = set, .nset = nset};
    Diag *d = diag_new(a);
    const Module *m = pipeline_module(a, d, argv[1], &options, NULL, NULL);
    if (!m)
        diag_print(d, stderr);
    Session *one = m ? session_by(a, d, m, deterministic ? "tcc" : "cc", 1, deterministic) : NULL;
    bool fine = one != NULL;
    for (int i = 0; fine && i < nthread; i++) {
        Session *s = session_by(a, d, m, "cc", threads[i], deterministic);
        fine = s && same_results(one, s);
        printf("%s, %d threads: %s\n", m->name, threads[i], fine ? "the same" : "WRONG");
        if (s)
            session_close(s);
    }
    if (one)
        session_close(one);
    arena_free(a);
    return !fine;
}
