/* SPDX-License-Identifier: MIT */
/* verify_subjects.h: small examples, and one function of one with its traces and its code, for tests of dlc verify. Included by one test file each. */
#ifndef TEST_VERIFY_SUBJECTS_H
#define TEST_VERIFY_SUBJECTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compiler/pipeline.h"
#include "compiler/verify/model.h"

/* ---- models: the examples, smaller ----------------------------------------------------------------- */
typedef struct Example {
    const char *file; /* of dsl_examples, without .dl */
    Setting set[4];
    int nset;
    const char *replace[8][2]; /* sizes that are no constants */
    int most;                  /* spots of a kind in a function */
    bool two_axes;             /* tiles have rows of two axes where they can */
} Example;

/* No example has these: streams, states, loops that run backwards, an integer drawn from random numbers, groups of several channels. */
static const char *const listener =
    "model listener {\n"
    "    input frames: f32[4, 3]\n"
    "    input tone: i32\n"
    "    h = lstm(batch_norm(frames), 5, stateful = true)\n"
    "    backwards = for f in reverse(frames) { s = 0.5 * h + sum(f); yield s }\n"
    "    stream loudest: f32 = 0\n"
    "    loudest <- max(loudest, max(frames))\n"
    "    grouped = frames |> dense(4) |> conv1d(6, 2, groups = 2)\n"
    "    z = concat([dense(h, 3), backwards[2, :3], one_hot(tone, 4), grouped[0]])\n"
    "    output y = dense(z, 2) * loudest\n"
    "    train {\n"
    "        target t: f32[2]\n"
    "        loss = sum((dense(z, 2) - t) ^ 2)\n"
    "        optimizer adam()\n"
    "    }\n"
    "}\n";

static const Example examples[] = {
    {"axpy", .most = 2},
    {"mlp", .replace = {{"28, 28, 1", "3, 4, 1"}, {"(128)", "(13)"}}, .most = 1},
    {"cnn", .replace = {{"28, 28, 1", "18, 18, 1"}, {"(32,", "(5,"}, {"(64,", "(7,"}, {"(64)", "(6)"}},
     .most = 1},
    {"rnn", {{"LENGTH", "5"}, {"VOCABULARY", "11"}}, 2, {{"64", "6"}}, .most = 2},
    {"attention", {{"LENGTH", "4"}, {"VOCABULARY", "9"}}, 2, {{"64", "5"}}, .most = 1},
    {"listener", .most = 1},
    {"encoder", {{"LENGTH", "4"}, {"VOCABULARY", "9"}, {"WIDTH", "8"}, {"BLOCKS", "1"}}, 4, .most = 1},
    {"cnn", .replace = {{"28, 28, 1", "18, 18, 1"}, {"(32,", "(5,"}, {"(64,", "(7,"}, {"(64)", "(6)"}},
     .most = 1, .two_axes = true},
};

static inline const char *replaced(Arena *a, const char *text, const char *from, const char *to)
{
    StrBuf sb = {.a = a};
    for (const char *at; (at = strstr(text, from)) != NULL; text = at + strlen(from))
        sb_printf(&sb, "%.*s%s", (int)(at - text), text, to);
    sb_puts(&sb, text);
    return sb_text(&sb);
}

static inline Module *read_model(Arena *a, Diag *d, const Example *e)
{
    const char *path = arena_printf(a, "dsl_examples/%s.dl", e->file), *why;
    size_t bytes;
    const char *text = str_eq(e->file, "listener") ? listener : file_read(a, path, &bytes, &why);
    assert_non_null(text);
    for (int i = 0; i < LEN(e->replace) && e->replace[i][0]; i++)
        text = replaced(a, text, e->replace[i][0], e->replace[i][1]);
    ElaborateOptions options = {.batch = 2, .train_batch = 2, .set = e->set, .nset = e->nset};
    options.train = strstr(text, "train {") != NULL;
    Module *m = pipeline_text(a, d, path, text, strlen(text), &options, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    return m;
}

/* ---- one function and its traces ------------------------------------------------------------------- */
typedef struct Subject {
    Arena *a;
    const char *name;
    Plan *p;
    const char **buffer_name;
    Trace *trace[GIVENS];
    Jit *jit;       /* closed by who opened the subject */
    Code code;
    Tensors *tensors;
} Subject;

static const char *code_what = "as it is";

static inline Jit *compile(Subject *s, Arena *scratch, Code *code)
{
    MemoryFunction function = {.name = s->name, .plan = s->p};
    const char *why = NULL;
    Arena *own = s->p->a;
    s->p->a = scratch;
    Jit *jit = jit_tcc(scratch, code_source(scratch, &function, 1), s->p->target, &why);
    s->p->a = own;
    for (int i = 0; s->buffer_name && i < s->p->buffers.n; i++)
        s->p->buffers.at[i]->name = s->buffer_name[i];
    if (!jit || !code_find(scratch, jit, &function, code, &why))
        fail_msg("%s: %s; %s", s->name, why, code_what);
    return jit;
}

static inline bool verified(Subject *s, const Code *code, Fault *fault)
{
    for (int i = 0; i < LEN(s->trace); i++)
        if (!check_alone(s->a, s->trace[i], code, fault) || !check_replay(s->a, s->trace[i], code, fault))
            return false;
    return true;
}

/* Schedules in which every contraction that can have rows of two axes has them. */
static inline Schedules *two_axes(Arena *a, const Fn *fn, const Target *target)
{
    Schedules *all = schedules_new(a, diag_new(a)), *chosen = schedules_new(a, diag_new(a));
    schedules_collect(all);
    lower_with(a, NULL, fn, target, all);
    const Candidates *found;
    for (int i = 0; (found = schedules_candidates(all, i)); i++)
        for (int k = 0, done = 0; k < found->n && !done; k++)
            if (found->s[k].row_axes == 2) {
                schedules_add(chosen, found->function, found->name, found->s[k]);
                done = 1;
            }
    return chosen;
}

static inline void open_subject(Subject *s, Arena *a, const char *name, const Fn *fn, bool two, Tensors *tensors)
{
    const Target *target = target_find("generic");
    *s = (Subject){.a = a, .name = name, .tensors = tensors};
    s->p = lower_with(a, NULL, fn, target, two ? two_axes(a, fn, target) : NULL);
    const char *why;
    for (int i = 0; i < GIVENS; i++) {
        tensors_number(tensors, ROLE_COUNT, given_partly((Given)i) ? 1 : 2);
        s->trace[i] = trace_record(a, s->p, tensors_for(tensors, a, fn), (Given)i, &why);
        assert_non_null(s->trace[i]);
    }
    s->jit = compile(s, a, &s->code);
    s->buffer_name = NEWN(a, const char *, s->p->buffers.n + 1);
    for (int i = 0; i < s->p->buffers.n; i++)
        s->buffer_name[i] = s->p->buffers.at[i]->name;
    Fault fault;
    if (!verified(s, &s->code, &fault))
        fail_msg("healthy %s: %s %s, %s[...] = %.9g, not %.9g", name, fault.kernel ? fault.kernel->name : "",
                 fault.text, fault.tensor ? fault.tensor : "", fault.found, fault.expected);
}

#endif
