/* SPDX-License-Identifier: MIT */
/* replay.c: the plan's steps in their order, in the arena as planned. Before a kernel runs, what it reads has
 * to stand there to the bit; behind it, what it wrote is made exact again. So whoever destroyed or forgot a
 * value is found where somebody misses it. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

typedef struct Replay {
    Arena *a;
    const Trace *t;
    const Code *code;
    unsigned char **at; /* by buffer id of a port; the arena for others */
    unsigned char *arena;
    Moment ***writer;  /* likewise: by byte, who wrote there last */
    int *ran;          /* by moment: when, from 1; 0: not yet */
    int clock, checks; /* calls so far; checks that have not run */
    When when[16];
    int nwhen;
    const Moment *m;
    void **arg;
    int *time;
    Fault *fault;
} Replay;

static unsigned char *memory_of(const Replay *r, const Region *place, Moment ***writer)
{
    const Buffer *root = buffer_root(place->buffer);
    int64_t skip =
        place->first * dtype_bytes(place->buffer->type.dt) + (root->kind == BUFFER_ARENA ? root->offset : 0);
    int id = root->kind == BUFFER_ARENA ? r->t->p->buffers.n : root->id;
    *writer = r->writer[id] ? r->writer[id] + skip : NULL;
    return r->at[id] ? r->at[id] + skip : NULL;
}

static int64_t bytes_of(const Region *place)
{
    return place->count * dtype_bytes(place->buffer->type.dt);
}

static bool blame(Replay *r, const Kernel *k, FaultKind kind, const char *text)
{
    *r->fault = fault_make(r->t, k, kind, text);
    return false;
}

/* A value is missed: the one who should have made it has not run, or someone has written over it since. */
static bool find_culprit(Replay *r, const Region *place, const char *reader, const Moment *writer)
{
    const char *tensor = buffer_label(place->buffer);
    const Moment *maker = place->maker;
    if (maker && !r->ran[maker->number]) {
        bool other_turn = false;
        for (int i = 0; i < r->t->moments.n; i++)
            other_turn |= r->t->moments.at[i]->kernel == maker->kernel && r->ran[i];
        return blame(r, maker->kernel, FAULT_ORDER,
                     arena_printf(r->a, "%s %s, which %s reads, by then%s",
                                  other_turn ? "has not made this turn's" : "has not made", tensor, reader,
                                  when_text(r->a, maker)));
    }
    if (writer && writer != maker)
        return blame(r, writer->kernel, FAULT_MEMORY,
                     arena_printf(r->a, "overwrites %s, which %s still reads%s", tensor, reader,
                                  when_text(r->a, writer)));
    return blame(r, maker ? maker->kernel : NULL, FAULT_MEMORY,
                 arena_printf(r->a, "leaves %s elsewhere than %s reads it", tensor, reader));
}

static bool stands_there(Replay *r, const Region *place, const char *reader)
{
    Moment **writer;
    const unsigned char *memory = memory_of(r, place, &writer);
    if (!memory || !memcmp(memory, place->bits, (size_t)bytes_of(place)))
        return true;
    int64_t i = 0;
    while (memory[i] == ((const unsigned char *)place->bits)[i])
        i++;
    return find_culprit(r, place, reader, writer[i]);
}

static void call_kernel(void *context)
{
    Replay *r = context;
    int status = r->code->kernel[r->m->kernel->id](r->arg, r->time);
    r->checks -= r->m->kernel->stages.at[0]->kind == STAGE_CHECK && status == 0;
}

static bool call(Replay *r, const Kernel *k)
{
    r->arg = NEWN(r->a, void *, k->args.n + 1);
    r->time = NEWN(r->a, int, k->scans.n + 1);
    for (int i = 0; i < k->args.n; i++) {
        Moment **writer;
        r->arg[i] = memory_of(r, &(Region){.buffer = k->args.at[i]}, &writer);
    }
    for (int i = 0; i < k->scans.n; i++)
        for (int w = 0; w < r->nwhen; w++)
            if (r->when[w].time == k->scans.at[i])
                r->time[i] = (int)r->when[w].at;
    return code_survives(call_kernel, r) || blame(r, k, FAULT_CRASH, "reads or writes memory nobody has");
}

static bool is_kept(const Replay *r, const Buffer *b)
{
    return b->kind == BUFFER_PORT && fn_find_input(r->t->p->fn, b->role, b->index);
}

static bool stands_in(Step *const *steps, int n, const Kernel *k)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN ? stands_in(steps[i]->body.at, steps[i]->body.n, k)
                                        : steps[i]->kernel == k)
            return true;
    return false;
}

/* What the caller keeps may change only when nothing can be refused any more. */
static bool comes_behind_checks(Replay *r, const Moment *m)
{
    for (int i = 0; i < m->out.n; i++) {
        const Buffer *b = m->out.at[i].place.buffer;
        for (int k = 0; r->checks > 0 && is_kept(r, b) && k < r->t->moments.n; k++) {
            const Kernel *check = r->t->moments.at[k]->kernel;
            if (check->stages.at[0]->kind != STAGE_CHECK || r->ran[k])
                continue;
            if (!stands_in(r->t->p->steps.at, r->t->p->steps.n, check))
                return blame(r, check, FAULT_ORDER, "never runs");
            return blame(r, m->kernel, FAULT_ORDER,
                         arena_printf(r->a, "overwrites %s before all indices are checked", buffer_label(b)));
        }
    }
    return true;
}

static bool outputs_match(Replay *r, Moment *m)
{
    for (int i = 0; i < m->out.n; i++) {
        const Wanted *w = &m->out.at[i];
        Moment **writer;
        const unsigned char *memory = w->seen ? memory_of(r, &w->place, &writer) : NULL;
        if (!memory)
            continue;
        if (!wanted_matches(r->a, r->t, m, w, memory, r->fault)) {
            r->fault->kind = FAULT_MEMORY;
            r->fault->text = arena_printf(r->a, "is right alone, and wrong in its place in the arena%s",
                                          when_text(r->a, m));
            return false;
        }
    }
    return true;
}

/* What the kernel has written becomes what the next ones are to be given. */
static void make_exact(Replay *r, Moment *m)
{
    for (int i = 0; i < m->out.n; i++) {
        Moment **writer;
        const Wanted *w = &m->out.at[i];
        Region place = w->place;
        if (place.buffer->block)
            place = (Region){place.buffer, 0, type_count(place.buffer->type), NULL, NULL};
        unsigned char *memory = place.buffer->kind == BUFFER_LOCAL ? NULL : memory_of(r, &place, &writer);
        if (!memory)
            continue;
        if (w->seen)
            memcpy(memory, place.bits, (size_t)bytes_of(&place));
        for (int64_t k = 0; k < bytes_of(&place); k++)
            writer[k] = m;
    }
}

static bool replay_kernel(Replay *r, const Kernel *k)
{
    Moment *m = trace_find(r->t, k, r->when, r->nwhen);
    if (!m || r->ran[m->number])
        return blame(r, k, FAULT_ORDER, m ? "runs twice" : "runs where it should not");
    r->m = m;
    for (int i = 0; i < m->in.n; i++)
        if (!stands_there(r, &m->in.at[i], k->name))
            return false;
    if (!comes_behind_checks(r, m))
        return false;
    if (!call(r, k) || !outputs_match(r, m))
        return false;
    make_exact(r, m);
    r->ran[m->number] = ++r->clock;
    return true;
}

static bool replay_steps(Replay *r, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++) {
        const Step *s = steps[i];
        if (s->kind == STEP_KERNEL) {
            if (!replay_kernel(r, s->kernel))
                return false;
            continue;
        }
        int depth = r->nwhen++;
        for (int64_t step = 0; step < s->time->extent; step++) {
            r->when[depth] = (When){s->time, s->reverse ? s->time->extent - 1 - step : step};
            if (!replay_steps(r, s->body.at, s->body.n))
                return false;
        }
        r->nwhen--;
    }
    return true;
}

/* Everyone has run, and the results stand where the caller looks. */
static bool check_end(Replay *r)
{
    for (int i = 0; i < r->t->moments.n; i++)
        if (!r->ran[i])
            return blame(r, r->t->moments.at[i]->kernel, FAULT_ORDER, "never runs");
    for (int i = 0; i < r->t->after.n; i++)
        if (!stands_there(r, &r->t->after.at[i], "the caller"))
            return false;
    return true;
}

static unsigned char *memory_new(Replay *r, int id, int64_t bytes)
{
    size_t room = (size_t)(bytes + 63) / 64 * 64 + 64;
    r->at[id] = arena_alloc(r->a, room + 128);
    r->at[id] += (64 - (uintptr_t)r->at[id] % 64) % 64;
    memset(r->at[id], 0xff, room);
    r->writer[id] = NEWN(r->a, Moment *, bytes + 1);
    return r->at[id];
}

bool check_replay(Arena *a, const Trace *t, const Code *code, Fault *fault)
{
    const Plan *p = t->p;
    Arena *scratch = arena_new();
    Replay r = {.a = scratch, .t = t, .code = code, .fault = fault};
    r.at = NEWN(scratch, unsigned char *, p->buffers.n + 1);
    r.writer = NEWN(scratch, Moment **, p->buffers.n + 1);
    r.ran = NEWN(scratch, int, t->moments.n + 1);
    memory_new(&r, p->buffers.n, p->arena_bytes);
    for (int i = 0; i < p->buffers.n; i++)
        if (p->buffers.at[i]->kind == BUFFER_PORT)
            memory_new(&r, i, type_bytes(p->buffers.at[i]->type));
    for (int i = 0; i < t->before.n; i++)
        memcpy(r.at[t->before.at[i].buffer->id], t->before.at[i].bits, (size_t)bytes_of(&t->before.at[i]));
    for (int i = 0; i < t->moments.n; i++)
        r.checks += t->moments.at[i]->kernel->stages.at[0]->kind == STAGE_CHECK;
    bool fine = replay_steps(&r, p->steps.at, p->steps.n) && check_end(&r);
    if (!fine)
        fault->text = arena_strdup(a, fault->text);
    arena_free(scratch);
    return fine;
}
