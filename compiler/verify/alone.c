/* SPDX-License-Identifier: MIT */
/* alone.c: every kernel alone. Its tensors lie apart, with guards around them; what it does not read is
 * rubbish, of two kinds: NaN, and large numbers. It must leave the right values in its own places, the same
 * for both, and nothing elsewhere. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 512, RUBBISHES = 2 };
static const int rubbish[RUBBISHES] = {0xff, 0x4b}; /* as floats: NaN, 13323083 */

typedef struct Bench { /* memory for one kernel's call */
    Arena *a;
    const Trace *t;
    const Moment *m;
    const Code *code;
    unsigned char *live, *image; /* what the kernel sees; what has to be there behind it */
    size_t bytes;
    size_t *at; /* by argument: offset of its tensor */
    void **arg;
    int *time;
    int litter; /* what the stack holds when the kernel begins */
    int status;
} Bench;

static size_t guard_of(const Buffer *b)
{
    size_t bytes = (size_t)type_bytes(b->type); /* wrong strides go far */
    return GUARD + (bytes + 63) / 64 * 64;
}

static bool bench_new(Bench *b, const Moment *m)
{
    const Kernel *k = m->kernel;
    b->m = m;
    b->at = NEWN(b->a, size_t, k->args.n + 1);
    b->arg = NEWN(b->a, void *, k->args.n + 1);
    b->time = NEWN(b->a, int, k->scans.n + 1);
    b->bytes = 0;
    for (int i = 0; i < k->args.n; i++) {
        size_t guard = guard_of(k->args.at[i]);
        b->at[i] = b->bytes + guard;
        b->bytes += 3 * guard;
    }
    for (int i = 0; i < k->scans.n; i++)
        for (int w = 0; w < m->when.n; w++)
            if (m->when.at[w].time == k->scans.at[i])
                b->time[i] = (int)m->when.at[w].at;
    b->live = aligned_alloc(64, (b->bytes + 64) / 64 * 64 + 64);
    b->image = aligned_alloc(64, (b->bytes + 64) / 64 * 64 + 64);
    for (int i = 0; b->live && i < k->args.n; i++)
        b->arg[i] = b->live + b->at[i];
    return b->live && b->image;
}

static void bench_free(Bench *b)
{
    free(b->live);
    free(b->image);
    b->live = b->image = NULL;
}

/* Offset of a place on the bench; false where the kernel has no such tensor. */
static bool offset_of(const Bench *b, const Region *place, size_t *offset, size_t *bytes)
{
    const Buffer *root = buffer_root(place->buffer);
    for (int i = 0; i < b->m->kernel->args.n; i++)
        if (b->m->kernel->args.at[i] == root) {
            int64_t size = dtype_bytes(place->buffer->type.dt);
            *offset = b->at[i] + (size_t)(place->first * size);
            *bytes = (size_t)(place->count * size);
            return true;
        }
    return false;
}

static void lay_out(Bench *b, int filling)
{
    size_t offset, bytes;
    b->litter = filling;
    memset(b->live, filling, b->bytes);
    for (int i = 0; i < b->m->in.n; i++)
        if (offset_of(b, &b->m->in.at[i], &offset, &bytes))
            memcpy(b->live + offset, b->m->in.at[i].bits, bytes);
    memcpy(b->image, b->live, b->bytes);
}

static void call_kernel(void *context)
{
    Bench *b = context;
    code_litter_stack(b->litter); /* at the last moment: every call before this one writes there too */
    b->status = b->code->kernel[b->m->kernel->id](b->arg, b->time);
}

/* Changes in the kernel's own places are allowed; what else differs from the image is a stray write. */
static bool stays_home(Bench *b, Fault *fault)
{
    const Kernel *k = b->m->kernel;
    size_t offset, bytes;
    for (int i = 0; i < b->m->out.n; i++) {
        Region place = b->m->out.at[i].place;
        if (place.buffer->block)
            place = (Region){place.buffer, 0, type_count(place.buffer->type), NULL, NULL};
        if (offset_of(b, &place, &offset, &bytes))
            memcpy(b->image + offset, b->live + offset, bytes);
    }
    if (!memcmp(b->image, b->live, b->bytes))
        return true;
    size_t at = 0;
    while (b->image[at] == b->live[at])
        at++;
    int near = 0;
    for (int i = 0; i < k->args.n; i++)
        if (at + guard_of(k->args.at[i]) >= b->at[i])
            near = i;
    const Buffer *tensor = k->args.at[near];
    int64_t element = ((int64_t)at - (int64_t)b->at[near]) / dtype_bytes(tensor->type.dt);
    *fault = fault_make(
        b->t, k, FAULT_STRAY,
        arena_printf(b->a, "writes what is not its own: element %lld, counted from the start of %s : %s%s",
                     (long long)element, buffer_label(tensor), type_text(b->a, tensor->type),
                     when_text(b->a, b->m)));
    return false;
}

static bool outputs_match(Bench *b, Fault *fault)
{
    for (int i = 0; i < b->m->out.n; i++) {
        const Wanted *w = &b->m->out.at[i];
        size_t offset, bytes;
        if (!w->seen)
            continue;
        bool there = offset_of(b, &w->place, &offset, &bytes);
        void *found = arena_alloc(b->a, (size_t)type_bytes(w->unit->type));
        if (there)
            memcpy(found, b->live + offset, bytes);
        else /* not written at all: whatever lies there */
            memset(found, 0xff, (size_t)type_bytes(w->unit->type));
        if (!wanted_matches(b->a, b->t, b->m, w, found, fault))
            return false;
    }
    return true;
}

/* What it leaves with one kind of rubbish and with another. */
static bool same_again(Bench *b, unsigned char *const *left, Fault *fault)
{
    for (int i = 0; i < b->m->out.n; i++) {
        const Wanted *w = &b->m->out.at[i];
        size_t offset, bytes;
        if (!w->seen || !offset_of(b, &w->place, &offset, &bytes) ||
            !memcmp(left[0] + offset, left[1] + offset, bytes))
            continue;
        *fault = fault_make(
            b->t, b->m->kernel, FAULT_OLD,
            arena_printf(b->a, "leaves in %s what depends on rubbish in memory that it should not read%s",
                         buffer_label(w->unit->buffer), when_text(b->a, b->m)));
        return false;
    }
    return true;
}

static bool survives(Bench *b, Fault *fault)
{
    if (code_survives(call_kernel, b))
        return true;
    *fault = fault_make(b->t, b->m->kernel, FAULT_CRASH,
                        arena_printf(b->a, "reads or writes memory nobody has%s", when_text(b->a, b->m)));
    return false;
}

static bool check_values(Bench *b, Fault *fault)
{
    unsigned char *left[RUBBISHES];
    for (int i = 0; i < RUBBISHES; i++) {
        lay_out(b, rubbish[i]);
        if (!survives(b, fault) || !outputs_match(b, fault) || !stays_home(b, fault))
            return false;
        if (b->status) {
            *fault =
                fault_make(b->t, b->m->kernel, FAULT_CHECK,
                           arena_printf(b->a, "refuses indices that are in range%s", when_text(b->a, b->m)));
            return false;
        }
        left[i] = arena_dup(b->a, b->live, b->bytes);
    }
    return same_again(b, left, fault);
}

static bool check_trial(Bench *b, const Trial *trial, Fault *fault)
{
    const Region *place = &b->m->in.at[trial->region];
    size_t offset, bytes;
    lay_out(b, rubbish[0]);
    if (!offset_of(b, place, &offset, &bytes))
        return true;
    memcpy(b->live + offset + (size_t)trial->element * 4, &trial->value, 4);
    if (!survives(b, fault))
        return false;
    if ((b->status != 0) == trial->fails)
        return true;
    *fault =
        fault_make(b->t, b->m->kernel, FAULT_CHECK,
                   arena_printf(b->a,
                                trial->fails ? "lets an index pass that is out of range: %s[%lld] = %ld%s"
                                             : "refuses an index that is in range: %s[%lld] = %ld%s",
                                buffer_label(place->buffer), (long long)trial->element, (long)trial->value,
                                when_text(b->a, b->m)));
    return false;
}

bool check_alone(Arena *a, const Trace *t, const Code *code, Fault *fault)
{
    bool fine = true;
    for (int i = 0; fine && i < t->moments.n; i++) {
        Arena *scratch = arena_new();
        Bench b = {.a = scratch, .t = t, .code = code};
        if (!bench_new(&b, t->moments.at[i])) {
            *fault = fault_make(t, NULL, FAULT_ENTRY, "no memory to run it");
            fine = false;
        }
        fine = fine && check_values(&b, fault);
        for (int k = 0; fine && k < b.m->trial.n; k++)
            fine = check_trial(&b, &b.m->trial.at[k], fault);
        bench_free(&b);
        if (!fine)
            fault->text = arena_strdup(a, fault->text);
        arena_free(scratch);
    }
    return fine;
}
