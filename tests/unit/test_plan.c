/* SPDX-License-Identifier: MIT */
/* test_plan.c: distrust the planner. Every function of every example is walked kernel by kernel, through all
 * turns of its loops, while each 16 bytes of the arena remember whose they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernels/verify.h"
#include "pipeline.h"

enum { BLOCK = 16 };

/* ---- which elements of which buffers a kernel touches
 * --------------------------------------------------------------- */
typedef struct Touch {
    Buffer *root;
    int64_t lo, hi; /* bytes, hi exclusive */
    bool writes, whole;
} Touch;

typedef struct Event {
    int at; /* which kernel, counted as they run */
    Touch touch;
} Event;

typedef struct Turn { /* a loop's variable and its value now */
    const Var *var;
    int64_t now;
} Turn;

typedef struct Sim {
    Arena *a;
    const Plan *p;
    VEC(Turn) turns;
    VEC(Touch) touches; /* of the kernel being walked */
    const int **owner;  /* by block: the id of the storage that wrote it last, or NULL */
    int *ids;
    VEC(Event) trace;
    int position;
} Sim;

static int64_t bytes_of(const Buffer *b)
{
    int64_t n = b->type.dt == DT_BOOL || b->type.dt == DT_U8 ? 1 : 4;
    for (int i = 0; i < b->type.rank; i++)
        n *= b->type.dim[i];
    return n;
}

/* Bytes of which tensors take a multiple: of a vector, or a block. */
static int64_t unit_of(const Plan *p)
{
    return p->target->lanes * 4 > BLOCK ? p->target->lanes * 4 : BLOCK;
}

/* The range of an index; loops around kernels stand at their present turn. */
static void extent_of(const Sim *s, const Lin *x, int64_t *lo, int64_t *hi)
{
    *lo = *hi = x->constant;
    for (int i = 0; i < x->n; i++) {
        const Atom *atom = x->term[i].atom;
        int64_t f = x->term[i].factor, least = atom->lo, most = atom->hi;
        for (int k = 0; k < s->turns.n; k++)
            if (atom->kind == ATOM_VAR && atom->var == s->turns.at[k].var)
                least = most = s->turns.at[k].now;
        *lo += f > 0 ? f * least : f * most;
        *hi += f > 0 ? f * most : f * least;
    }
}

static void touch(Sim *s, Buffer *b, int64_t lo, int64_t hi, bool writes)
{
    int64_t size = b->type.dt == DT_BOOL || b->type.dt == DT_U8 ? 1 : 4, all = bytes_of(b);
    Buffer *root = b;
    while (root->alias)
        root = root->alias;
    if (root->kind != BUFFER_ARENA)
        return;
    lo = lo < 0 ? 0 : lo * size; /* a guard keeps what lies outside from being read */
    hi = (hi + 1) * size > all ? all : (hi + 1) * size;
    vec_push(s->a, &s->touches, ((Touch){root, lo, hi, writes, lo == 0 && hi == all}));
}

static void touch_lin(Sim *s, const Lin *x, bool *seen);

static void touch_ex(Sim *s, const Ex *e, bool *seen)
{
    int64_t lo, hi;
    if (seen[e->id])
        return;
    seen[e->id] = true;
    if (e->kind == X_LOAD) {
        extent_of(s, e->at, &lo, &hi);
        touch(s, e->buffer, lo, hi, false);
    }
    if (e->at)
        touch_lin(s, e->at, seen);
    for (int i = 0; i < e->nin; i++)
        touch_ex(s, e->in[i], seen);
}

static void touch_lin(Sim *s, const Lin *x, bool *seen)
{
    for (int i = 0; i < x->n; i++)
        if (x->term[i].atom->kind == ATOM_VALUE)
            touch_ex(s, x->term[i].atom->value, seen);
}

static void stretch(int64_t *lo, int64_t *hi, int64_t reach)
{
    *(reach < 0 ? lo : hi) += reach;
}

/* Taps beside the data are left out: of a slice they would be another one's. */
static void leave_out_taps(const KLoop *k, int64_t *lo, int64_t *hi)
{
    int64_t unit = k->a / k->tap.dilation, above;
    above = (k->tap.out->extent - 1) * k->tap.stride + (k->var->extent - 1) * k->tap.dilation - k->tap.pad - (k->tap.extent - 1);
    if (k->tap.pad > 0)
        *(unit < 0 ? hi : lo) += k->tap.pad * unit;
    if (above > 0)
        *(unit < 0 ? lo : hi) -= above * unit;
}

static void touch_tile(Sim *s, const Tile *t, Buffer *c)
{
    int64_t lo[3], hi[3], rows = t->m ? t->m->extent - 1 : 0;
    extent_of(s, t->a_at, &lo[0], &hi[0]);
    extent_of(s, t->b_at, &lo[1], &hi[1]);
    extent_of(s, t->c_at, &lo[2], &hi[2]);
    stretch(&lo[0], &hi[0], rows * t->a_m);
    stretch(&lo[0], &hi[0], (tile_inner(t) - 1) * t->a_inner);
    stretch(&lo[1], &hi[1], t->n->extent - 1);
    stretch(&lo[2], &hi[2], rows * t->c_m + (tile_inner(t) - 1) * t->c_inner + t->n->extent - 1);
    for (int i = 0; i < t->nk; i++) {
        stretch(&lo[0], &hi[0], (t->k[i].var->extent - 1) * t->k[i].a);
        stretch(&lo[1], &hi[1], (t->k[i].var->extent - 1) * t->k[i].b);
        if (t->k[i].tapped)
            leave_out_taps(&t->k[i], &lo[0], &hi[0]);
    }
    touch(s, t->a, lo[0], hi[0], false);
    touch(s, t->b, lo[1], hi[1], false);
    touch(s, c, lo[2], hi[2], true);
}

static void touch_kernel(Sim *s, const Kernel *k)
{
    bool seen[20000];
    s->touches.n = 0;
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *stage = k->stages.at[i];
        memset(seen, 0, sizeof seen);
        if (stage->tile)
            touch_tile(s, stage->tile, stage->items.at[0].buffer);
        for (int j = 0; j < stage->items.n && !stage->tile; j++) {
            const Item *item = &stage->items.at[j];
            int64_t lo, hi;
            touch_ex(s, item->value, seen);
            touch_lin(s, item->at, seen);
            extent_of(s, item->at, &lo, &hi);
            if (item->buffer)
                touch(s, item->buffer, lo, hi, true);
        }
    }
}

/* ---- whose bytes are they?
 * --------------------------------------------------------------------------------------------- */
static void check_owner(const Sim *s, const Kernel *k, const Touch *t, const char *when)
{
    int64_t first = (t->root->offset + t->lo) / BLOCK, last = (t->root->offset + t->hi - 1) / BLOCK;
    if (t->root->offset + t->hi > s->p->arena_bytes || t->root->offset < 0)
        fail_msg("%s: %s ends outside of the arena", k->name, t->root->name);
    for (int64_t i = first; i <= last; i++)
        if (s->owner[i] != &s->ids[t->root->id])
            fail_msg("%s: byte %lld of %s is not its own %s", k->name,
                     (long long)(i * BLOCK - t->root->offset), t->root->name ? t->root->name : "a buffer",
                     when);
}

static void run_kernel(Sim *s, const Kernel *k)
{
    touch_kernel(s, k);
    for (int i = 0; i < s->touches.n; i++) {
        const Touch *t = &s->touches.at[i];
        bool made_here = false;
        for (int j = 0; j < s->touches.n; j++)
            made_here |= s->touches.at[j].writes && s->touches.at[j].root == t->root;
        if (!t->writes && !made_here)
            check_owner(s, k, t, "when it is read");
        vec_push(s->a, &s->trace, ((Event){s->position, *t}));
    }
    for (int i = 0; i < s->touches.n; i++) {
        const Touch *t = &s->touches.at[i];
        if (t->writes)
            for (int64_t at = (t->root->offset + t->lo) / BLOCK; at <= (t->root->offset + t->hi - 1) / BLOCK;
                 at++)
                s->owner[at] = &s->ids[t->root->id];
    }
    for (int i = 0; i < s->touches.n;
         i++) /* loops run over all of it: what is read may not be what is written */
        check_owner(s, k, &s->touches.at[i], "once the kernel has written");
    s->position++;
}

static void run_steps(Sim *s, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++) {
        const Step *step = steps[i];
        if (step->kind == STEP_KERNEL) {
            run_kernel(s, step->kernel);
            continue;
        }
        vec_push(s->a, &s->turns, ((Turn){step->time, 0}));
        for (int64_t t = 0; t < step->time->extent; t++) {
            s->turns.at[s->turns.n - 1].now = step->reverse ? step->time->extent - 1 - t : t;
            run_steps(s, step->body.at, step->body.n);
        }
        s->turns.n--;
    }
}

/* The most bytes that are needed at once: from one use to the next where that is not a write of the whole. */
static int64_t needed(const Sim *s)
{
    int64_t *change = NEWN(s->a, int64_t, s->position + 2), live = 0, most = 0;
    int *last = NEWN(s->a, int, s->p->buffers.n);
    for (int i = 0; i < s->p->buffers.n; i++)
        last[i] = -1;
    for (int i = 0; i < s->trace.n; i++) {
        const Touch *t = &s->trace.at[i].touch;
        int at = s->trace.at[i].at, id = t->root->id;
        int64_t unit = unit_of(s->p), size = (bytes_of(t->root) + unit - 1) / unit * unit;
        if (last[id] == at)
            continue;
        bool read = false, whole = false;
        for (int k = i; k < s->trace.n && s->trace.at[k].at == at; k++)
            if (s->trace.at[k].touch.root == t->root) {
                read |= !s->trace.at[k].touch.writes && !whole;
                whole |= s->trace.at[k].touch.whole && s->trace.at[k].touch.writes;
            }
        int from = last[id] >= 0 && (read || !whole) ? last[id] + 1 : at;
        change[from] += size;
        change[at + 1] -= size;
        last[id] = at;
    }
    for (int i = 0; i <= s->position; i++) {
        live += change[i];
        most = live > most ? live : most;
    }
    return most;
}

static void check_plan(Arena *a, const char *example, const char *function, const Plan *p)
{
    Sim s = {.a = a,
             .p = p,
             .owner = NEWN(a, const int *, p->arena_bytes / BLOCK + 1),
             .ids = NEWN(a, int, p->buffers.n)};
    run_steps(&s, p->steps.at, p->steps.n);
    int64_t bound = needed(&s);
    printf("    %-24s %-11s %9lld bytes, %9lld needed at once\n", example, function,
           (long long)p->arena_bytes, (long long)bound);
    assert_true(p->arena_bytes <= bound + bound / 20 + unit_of(p));
}

/* ---- all examples
 * -------------------------------------------------------------------------------------------------------- */
static void check_example(const char *path, int64_t batch, bool train, const char *target)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    ElaborateOptions o = {.batch = batch, .train_batch = 32, .train = train};
    Module *m = pipeline_module(a, d, path, &o, NULL, NULL);
    if (!m)
        fail_msg("%s", diag_text(d, a));
    Fn *fn = NULL;
    const char *name;
    for (int i = 0; (name = module_function(m, i, &fn)) != NULL; i++) {
        if (!fn)
            continue;
        Arena *scratch = arena_new();
        check_plan(scratch, path, name, lower(scratch, d, fn, target_find(target)));
        arena_free(scratch);
    }
    arena_free(a);
}

static void examples(void **state)
{
    (void)state;
    static const char *const models[] = {"mlp", "cnn", "rnn", "attention", "encoder"};
    char path[64];
    check_example("dsl_examples/axpy.dl", 1, false, "generic");
    for (int i = 0; i < LEN(models); i++) {
        snprintf(path, sizeof path, "dsl_examples/%s.dl", models[i]);
        check_example(path, 1, true, "x86-64-v4");
        check_example(path, 7, true, "tcc");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
