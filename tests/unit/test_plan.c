/* SPDX-License-Identifier: MIT */
/* test_plan.c: distrust the planner. Every function of every example is walked kernel by kernel, through all
 * turns of its loops, while each 16 bytes of the arena remember whose they are; and the verifier is shown
 * plans with one thing wrong. */
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
        int64_t size = (bytes_of(t->root) + BLOCK - 1) / BLOCK * BLOCK;
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
    assert_true(p->arena_bytes <= bound + bound / 20 + BLOCK);
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

/* ---- plans with one thing wrong
 * --------------------------------------------------------------------------------------------- */
static Arena *arena;

static const char both[] =
    "func f(x: f32[40, 8] input 0, w: f32[8, 8] param 0, u: f32[8, 8] param 1) { %1 = dot(x, w) "
    "contract=[1]/[0] "
    "%2 = dot(x, u) contract=[1]/[0] %3 = dot(%1, %2) contract=[0]/[0] return output 0 y = %3 }";
static const char chain[] = "func f(x: f32[40, 8] input 0, w: f32[8, 8] param 0) { %1 = dot(x, w) "
                            "contract=[1]/[0] %2 = dot(%1, w) contract=[1]/[0] "
                            "%3 = dot(%2, w) contract=[1]/[0] return output 0 y = %3 }";
static const char padded[] =
    "func f(x: f32[6] input 0) { %1 = pad(x) lo=[2] hi=[1] interior=[0] value=0 return output 0 y = %1 }";
static const char summed[] = "func f(x: f32[9, 40] input 0) { %1 = sum(x) axes=[1] return output 0 y = %1 }";
static const char conv[] = "func f(x: f32[20, 9, 3] input 0, w: f32[3, 3, 8] param 0) { %1 = conv(x, w) "
                           "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] "
                           "rhs_dilation=[1] groups=1 return output 0 y = %1 }";
static const char conv_of_one[] = "func f(x: f32[1, 9, 3] input 0, w: f32[3, 3, 8] param 0) { %1 = conv(x, w) "
                           "stride=[1] pad_lo=[1] pad_hi=[1] lhs_dilation=[1] "
                           "rhs_dilation=[1] groups=1 return output 0 y = %1 }";
static const char small_image[] = "func f(x: f32[1, 3, 3, 3] input 0, w: f32[3, 3, 3, 8] param 0) { %1 = conv(x, w) "
                                  "stride=[1, 1] pad_lo=[1, 1] pad_hi=[1, 1] lhs_dilation=[1, 1] "
                                  "rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char biased[] = "func f(x: f32[8, 6] input 0, w: f32[6, 4] param 0, b: f32[4] param 1) { %1 = dot(x, w) contract=[1]/[0] "
                             "%2 = broadcast(b) axes=[1] : f32[8, 4] %3 = add(%1, %2) return output 0 y = %3 }";
static const char spread[] = "func f(x: f32[2, 3, 3, 64] input 0, w: f32[3, 3, 64, 64] param 0) { %1 = conv(x, w) stride=[1, 1] pad_lo=[2, 2] "
                             "pad_hi=[2, 2] lhs_dilation=[1, 1] rhs_dilation=[1, 1] groups=1 return output 0 y = %1 }";
static const char masked[] = "func f(x: f32[8, 6] input 0, w: f32[6, 4] param 0, z: f32[8, 4] input 1, p: f32[8, 4] param 1) { "
                             "%1 = dot(x, w) contract=[1]/[0] %2 = const() value=0 : f32 %3 = broadcast(%2) axes=[] : f32[8, 4] %4 = lt(%3, z) %5 = select(%4, %1, %3) "
                             "return param 1 p = %5 }";
static const char update[] = "func f(p: f32[9] param 0, x: f32[9, 9] input 0) { %1 = dot(x, p) "
                             "contract=[1]/[0] %2 = neg(p) return param 0 p = %2, output 0 y = %1 }";
static const char adam[] = "func f(x: f32[40, 30] input 0, y: f32[40, 8] input 1, p: f32[30, 8] param 0) { %1 = dot(x, y) "
                           "contract=[0]/[0] %2 = sub(p, %1) return param 0 p = %2 }";
static const char wide[] = "func f(x: f32[1, 40] input 0, w: f32[40, 96] param 0) { %1 = dot(x, w) contract=[1]/[0] return output 0 y = %1 }";
static const char turned[] = "func f(x: f32[3, 16, 24] input 0) { %1 = permute(x) axes=[0, 2, 1] return output 0 y = %1 }";
static const char twins[] = "func f(x: f32[9, 40] input 0) { %1 = exp(x) %2 = mul(%1, x) return output 0 y = %1, output 1 z = %2 }";
static const char turns[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0) { %1 = scan(x, w) carries=0 slices=1 yields=1 length=6 "
    "body=func b(s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %2 = dot(s, w) contract=[1]/[0] "
    "%3 = dot(%2, %2) contract=[0]/[0] return yield 0 y = %3 } "
    "%4 = result(%1) index=0 : f32[6, 20, 20] return output 0 y = %4 }";
static const char carried[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=0 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = tanh(%4) return carry 0 h = %5 } %4 = result(%3) index=0 : f32[9, 20] return output 0 y = %4 }";
static const char carried_sums[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=0 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = neg(%4) return carry 0 h = %5 } %4 = result(%3) index=0 : f32[9, 20] return output 0 y = %4 }";
static const char rolling[] =
    "func f(x: f32[6, 9, 20] input 0, w: f32[20, 20] param 0, h: f32[9, 20] input 1) { %3 = scan(h, x, w) carries=1 slices=1 yields=1 "
    "length=6 body=func b(h: f32[9, 20] carry 0, s: f32[9, 20] slice 0, w: f32[20, 20] invariant 0) { %3 = dot(h, w) contract=[1]/[0] "
    "%4 = add(s, %3) %5 = tanh(%4) return carry 0 h = %5, yield 0 y = h } "
    "%4 = result(%3) index=1 : f32[6, 9, 20] return output 0 y = %4 }";
static const char loops[] = "func f(x: f32[3, 4] input 0) { %1 = scan(x) carries=0 slices=1 yields=1 length=3 "
                            "body=func b(s: f32[4] slice 0) { %1 = scan(s) carries=0 slices=1 yields=1 length=4 "
                            "body=func b(s: f32 slice 0) { return yield 0 y = s } "
                            "%2 = result(%1) index=0 : f32[4] return yield 0 y = %2 } "
                            "%2 = result(%1) index=0 : f32[3, 4] return output 0 y = %2 }";
static const char row[] = "func f(x: f32[9, 40] input 0) { %1 = exp(x) %2 = sum(%1) axes=[1] %3 = "
                          "broadcast(%2) axes=[0] : f32[9, 40] %4 = div(%1, %3) return output 0 y = %4 }";

static const char attention[] =
    "func f(q: f32[2, 40, 8] input 0, k: f32[2, 8, 90] input 1, v: f32[2, 90, 8] input 2) { "
    "%1 = dot(q, k) batch=[0]/[0] contract=[2]/[1] %2 = max(%1) axes=[2] "
    "%3 = broadcast(%2) axes=[0, 1] : f32[2, 40, 90] %4 = sub(%1, %3) %5 = exp(%4) "
    "%6 = dot(%5, v) batch=[0]/[0] contract=[2]/[1] return output 0 y = %6 }";

/* One row and five by the same matrix, whose columns lie apart. */
static const char shared_matrix[] =
    "func f(x: f32[5, 8] input 0, m: f32[3, 8, 8] input 1, h: f32[1, 8] input 2) { "
    "%1 = scan(h, m, x) carries=1 slices=1 yields=1 length=3 "
    "body=func b(h: f32[1, 8] carry 0, m: f32[8, 8] slice 0, x: f32[5, 8] invariant 0) { "
    "%2 = dot(h, m) contract=[1]/[1] %3 = dot(x, m) contract=[1]/[1] return carry 0 h = %2, yield 0 y = %3 } "
    "%4 = result(%1) index=0 : f32[1, 8] %5 = result(%1) index=1 : f32[3, 5, 8] return output 0 h = %4, output 1 y = %5 }";

static Fn *fn_of(const char *text, Diag **d)
{
    *d = diag_new(arena);
    Fn *fn = fn_parse(arena, *d, diag_add_source(*d, "plan.ir", text, strlen(text)));
    if (!fn)
        fail_msg("%s", diag_text(*d, arena));
    return fn;
}

static Plan *plan_for(const char *text, const Target *target)
{
    Diag *d;
    const Fn *fn = fn_of(text, &d);
    return lower(arena, d, fn, target);
}

static Plan *plan_of(const char *text)
{
    return plan_for(text, target_find("generic"));
}

/* Everything that can be split is. */
static Plan *split_plan(const char *text)
{
    Target *target = arena_dup(arena, target_with_threads(arena, target_find("generic"), 3), sizeof *target);
    target->threads.hand_over = 0;
    return plan_for(text, target);
}

static void expect(const Plan *p, const char *complaint)
{
    const char *why = plan_verify(arena, p);
    if (!why || !strstr(why, complaint)) {
        StrBuf sb = {.a = arena};
        plan_print(&sb, p);
        fail_msg("expected \"%s\", not \"%s\"\n%s", complaint, why ? why : "(no complaint)", sb_text(&sb));
    }
}

static Stage *stage(const Plan *p, int kernel, int i)
{
    return p->kernels.at[kernel]->stages.at[i];
}

static Item *item(const Plan *p, int kernel, int i)
{
    return &stage(p, kernel, i)->items.at[0];
}

/* The first arena buffer that is used, counted from 0. */
static Buffer *stored(const Plan *p, int i)
{
    for (int k = 0; k < p->buffers.n; k++)
        if (p->buffers.at[k]->kind == BUFFER_ARENA && !p->buffers.at[k]->alias &&
            p->buffers.at[k]->first >= 0 && i-- == 0)
            return p->buffers.at[k];
    fail_msg("too few buffers");
    return NULL;
}

static void sound(void **state)
{
    (void)state;
    const char *const all[] = {both, chain, padded, summed, conv, update, row};
    for (int i = 0; i < LEN(all); i++)
        assert_null(plan_verify(arena, plan_of(all[i])));
}

static void wrong_stores(void **state)
{
    (void)state;
    Plan *p = plan_of(padded);
    item(p, 0, 0)->at = lin_offset(arena, item(p, 0, 0)->at, 1);
    expect(p, "writes y outside of f32[9]");
    p = plan_of(padded);
    item(p, 0, 0)->at = lin_const(arena, 0);
    expect(p, "more than once");
    p = plan_of(padded);
    stage(p, 0, 0)->loop[0]->extent = 8;
    item(p, 0, 0)->at = lin_var(arena, stage(p, 0, 0)->loop[0]);
    expect(p, "stores 8 of the 9 elements");
    p = plan_of(summed);
    Stage *s = stage(p, 0, 0);
    item(p, 0, 0)->at =
        lin_add(arena, item(p, 0, 0)->at, lin_scale(arena, lin_var(arena, s->loop[s->nloop - 1]), 0));
    assert_null(plan_verify(arena, p));
    item(p, 0, 0)->at = lin_div(
        arena, lin_add(arena, lin_scale(arena, item(p, 0, 0)->at, 40), lin_var(arena, s->loop[s->nloop - 1])),
        40);
    item(p, 0, 0)->at =
        lin_add(arena, item(p, 0, 0)->at, lin_div(arena, lin_var(arena, s->loop[s->nloop - 1]), 39));
    expect(p, "y");
}

static void wrong_loads(void **state)
{
    (void)state;
    Plan *p = plan_of(padded);
    assert_int_equal(item(p, 0, 0)->value->kind, X_GUARD);
    item(p, 0, 0)->value->guard[0].hi++;
    expect(p, "reads x outside of f32[6]");
    p = plan_of(padded);
    item(p, 0, 0)->value->in[0]->at = lin_offset(arena, item(p, 0, 0)->value->in[0]->at, -1);
    expect(p, "reads x outside of f32[6]");
    p = plan_of(summed);
    item(p, 0, 0)->value->at = lin_offset(arena, item(p, 0, 0)->value->at, 1);
    expect(p, "reads x outside of f32[9, 40]");
    p = plan_of(summed);
    Var stranger = {.id = 77, .extent = 2, .name = "stranger"};
    item(p, 0, 0)->value->at = lin_var(arena, &stranger);
    expect(p, "stranger, which is no loop around it");
}

static void wrong_tiles(void **state)
{
    (void)state;
    Plan *p = plan_of(conv);
    assert_int_equal(stage(p, 0, 0)->kind, STAGE_TILE);
    stage(p, 0, 0)->tile->k[0].tap.pad++;
    expect(p, "tile reads");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->k[0].tapped = false;
    expect(p, "tile reads");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->b_at = lin_const(arena, 1);
    expect(p, "tile reads w outside");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.columns = 100;
    expect(p, "wider than the result");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->c_m--;
    expect(p, "y");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule = (TileSchedule){.rows = 1, .lanes = 1, .columns = 1, .panel_tiles = 1, .k_split = 1, .k_block = 2, .unroll = 1};
    expect(p, "blocks of k do not end with the loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    expect(p, "blocks of k stand around no loops");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 1;
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    expect(p, "a panel holds a block of k that has taps");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1;
    stage(p, 0, 0)->tile->schedule.columns = 3;
    expect(p, "blocks of k are added twice to some columns");
    p = plan_of(conv_of_one);
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->schedule.k_outer = 1 + stage(p, 0, 0)->tile->by_row;
    expect(p, "a block of k has some of the taps that hang on the rows");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 3;
    expect(p, "panels do not end with the columns");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.panel_tiles = 1;
    stage(p, 0, 0)->tile->schedule.outside = 0;
    stage(p, 0, 0)->tile->b_at = lin_var(arena, p->kernels.at[0]->outer[1]);
    expect(p, "a panel is not the same in the loop over i1");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.prefetch = 2;
    expect(p, "columns are fetched in turns of a loop over rows");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.prefetch = 1;
    expect(p, "rows are fetched along one loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->turn = p->kernels.at[0]->outer[0];
    expect(p, "steps that run backwards want one loop");
    p = plan_of(conv);
    stage(p, 0, 0)->tile->schedule.unroll = 5;
    expect(p, "steps that are written out do not end with the loop");
    p = plan_of(conv_of_one);
    Tile *t = stage(p, 0, 0)->tile;
    assert_true(t->by_row >= 0);
    t->forms.at[0].parts.at[0].rows ^= 1;
    expect(p, "row 0 of the tile does not have the taps it should");
    p = plan_of(conv_of_one);
    t = stage(p, 0, 0)->tile;
    t->runs.n--;
    expect(p, "tiles make 6 of 9 rows");
}

/* Rows along both axes of an image. */
static void wrong_second_axes(void **state)
{
    (void)state;
    const Target *v3 = target_find("x86-64-v3");
    Plan *p = plan_for(small_image, v3);
    Tile *t = stage(p, 0, 0)->tile;
    assert_true(t->inner && tile_inner(t) == 3 && t->by_inner >= 0);
    t->inner_form.parts.at[0].rows ^= 1;
    expect(p, "row 0 of the tile does not have the taps it should");
    p = plan_for(small_image, v3);
    stage(p, 0, 0)->tile->a_inner++;
    expect(p, "tile reads x outside");
    p = plan_for(small_image, v3);
    stage(p, 0, 0)->tile->c_inner = 0;
    expect(p, "writes elements of y more than once");
    p = plan_for(small_image, v3);
    t = stage(p, 0, 0)->tile;
    t->inner = arena_dup(arena, t->inner, sizeof *t->inner);
    expect(p, "second axis of rows is not the one behind its first");
}

/* Both tiles of an attention: what lies between them is a block of rows. */
static void wrong_chains(void **state)
{
    (void)state;
    Plan *p = plan_of(attention);
    assert_int_equal(p->kernels.n, 1);
    assert_int_equal(stage(p, 0, 3)->kind, STAGE_TILE);
    assert_true(stage(p, 0, 3)->tile->a->block && stage(p, 0, 3)->tile->a->type.dim[0] < 40);
    stage(p, 0, 3)->tile->schedule.rows--;
    expect(p, "rows are not those of the tile before it");
    p = plan_of(attention);
    Stage *last = stage(p, 0, 3);
    p->kernels.at[0]->stages.at[3] = p->kernels.at[0]->stages.at[2];
    p->kernels.at[0]->stages.at[2] = last;
    expect(p, "operand an unnamed buffer is not written before it");
    p = plan_of(attention);
    Kernel *k = p->kernels.at[0];
    vec_push(arena, &k->stages, k->stages.at[3]);
    k->stages.at[3] = k->stages.at[2];
    k->stages.at[2] = k->stages.at[0];
    expect(p, "is read across a tile");
    p = plan_of(attention);
    stage(p, 0, 3)->tile->a_m--;
    expect(p, "tile reads");
    p = plan_of(attention);
    stage(p, 0, 2)->items.at[0].at = lin_offset(arena, stage(p, 0, 2)->items.at[0].at, 1);
    expect(p, "writes an unnamed buffer outside");
}

/* Where bytes count, one row takes a matrix as it lies, also where a pack of it is made for others. */
static void sparing_packs(void **state)
{
    (void)state;
    Diag *d;
    const Fn *fn = fn_of(shared_matrix, &d);
    const Target *target = target_find("x86-64-v3");
    const Plan *plan[] = {lower(arena, d, fn, target), lower_sparing(arena, d, fn, target, NULL)};
    for (int i = 0; i < LEN(plan); i++) {
        int packs = 0, packed[6] = {0};     /* packed: by rows */
        for (int k = 0; k < plan[i]->kernels.n; k++) {
            const Kernel *kernel = plan[i]->kernels.at[k];
            const Stage *s = kernel->stages.at[0];
            packs += kernel->units.at[0]->kind == UNIT_PACK;
            if (s->tile)
                packed[tile_extent(s->tile)] += s->tile->b->kind == BUFFER_ARENA;
        }
        assert_int_equal(packs, 1);
        assert_int_equal(packed[5], 1);
        assert_int_equal(packed[1], i == 0);
    }
}

/* A carry's next value takes its place, or the next slot of the stack it rolls through. */
static void wrong_carries(void **state)
{
    (void)state;
    Plan *p = plan_of(carried);
    assert_int_equal(p->kernels.n, 3);      /* the first value, a step, and the result */
    assert_ptr_equal(stage(p, 1, 0)->tile->a, item(p, 1, 1)->buffer);
    stage(p, 1, 0)->tile->a_m = 0;
    expect(p, "at another position of the outer loops");
    p = plan_for(carried_sums, target_find("x86-64-v3"));
    assert_true(stage(p, 1, 0)->tile && !stage(p, 1, 1)->in_tile);  /* other columns' tiles read what it stores */
    stage(p, 1, 1)->in_tile = true;
    stage(p, 1, 0)->tile->finish = stage(p, 1, 1);
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_of(rolling);
    assert_int_equal(p->kernels.n, 3);
    assert_ptr_equal(stage(p, 1, 0)->tile->a, item(p, 1, 1)->buffer);
    assert_int_equal(item(p, 1, 1)->at->constant, 180);
    item(p, 1, 1)->at = lin_offset(arena, item(p, 1, 1)->at, -20);      /* a row into the slot that is read */
    expect(p, "at another position of the outer loops");
}

static void wrong_orders(void **state)
{
    (void)state;
    Plan *p = plan_of(chain);
    Step *first = p->steps.at[0];
    p->steps.at[0] = p->steps.at[1];
    p->steps.at[1] = first;
    expect(p, "before it is written");
    p = plan_of(chain);
    p->steps.n--;
    expect(p, "is run by 0 steps");
    p = plan_of(chain);
    p->steps.at[1] = p->steps.at[0];
    expect(p, "steps");
    p = plan_of(update);
    assert_int_equal(p->steps.n, 2);
    first = p->steps.at[0];
    p->steps.at[0] = p->steps.at[1];
    p->steps.at[1] = first;
    expect(p, "wants what stood in p before it was overwritten");
    p = plan_of(loops);
    assert_null(plan_verify(arena, p));
    Step *loop = p->steps.at[0];
    assert_int_equal(loop->body.at[0]->kind, STEP_SCAN);
    loop->body.at[0]->time->id = loop->time->id;
    expect(p, "two loops have the same position in time");
    p = plan_of(chain);
    p->kernels.at[0]->args.n--;
    expect(p, "is no argument");
    p = plan_of(row);
    assert_true(p->kernels.at[0]->locals.n > 0);
    p->kernels.at[0]->locals.n--;
    expect(p, "has no declaration");
    p = plan_of(row);
    Kernel *k = p->kernels.at[0];
    Stage *s = k->stages.at[0];
    k->stages.at[0] = k->stages.at[k->stages.n - 1];
    k->stages.at[k->stages.n - 1] = s;
    expect(p, "is read before it is written");
}

static void wrong_memory(void **state)
{
    (void)state;
    Plan *p = plan_of(chain);
    stored(p, 1)->offset = stored(p, 0)->offset + 4;
    expect(p, "lies on");
    p = plan_of(chain);
    stored(p, 1)->offset = p->arena_bytes;
    expect(p, "does not lie in the arena");
    p = plan_of(chain);
    p->arena_bytes -= 4;
    expect(p, "does not lie in the arena");
    p = plan_of(chain);
    stored(p, 1)->alias = stored(p, 0);
    expect(p, "the tile's operand");
    p = plan_of(both);
    Buffer *kept = stored(p, 0);
    stored(p, 1)->alias = kept;
    vec_push(arena, &p->kernels.at[1]->args, kept);
    expect(p, "where another value has been put");
}

/* Turns of a loop that threads share, and that touch something of each other's. */
static Plan *shared_turns(Buffer **own, Stage **yield)
{
    Plan *p = split_plan(turns);
    const Step *loop = NULL;
    for (int i = 0; i < p->steps.n; i++)
        loop = p->steps.at[i]->kind == STEP_SCAN ? p->steps.at[i] : loop;
    assert_non_null(loop);
    assert_int_equal(loop->body.n, 2);
    assert_true(loop->grain > 0);
    *own = loop->body.at[0]->kernel->stages.at[0]->items.at[0].buffer;
    *yield = loop->body.at[1]->kernel->stages.at[0];
    assert_int_equal((*own)->own, 9 * 20);
    assert_int_equal(type_count((*own)->type), 3 * 9 * 20);
    assert_int_equal((*yield)->items.at[0].buffer->own, 0);
    assert_null(plan_verify(arena, p));
    return p;
}

static void wrong_turns(void **state)
{
    (void)state;
    Buffer *own;
    Stage *yield;
    Plan *p = shared_turns(&own, &yield);
    own->type.dim[0] = 9;
    expect(p, "threads have no room of their own");
    p = shared_turns(&own, &yield);
    own->own = 0;
    expect(p, "writes what others write");
    p = shared_turns(&own, &yield);
    yield->tile->c_at = lin_const(arena, 0);
    assert_non_null(strstr(verify_turns(arena, p), "writes what others write"));
    p = shared_turns(&own, &yield);
    p->kernels.at[0]->split.n = 1;
    assert_non_null(verify_turns(arena, p));
    p = shared_turns(&own, &yield);
    for (int i = 0; i < p->steps.n; i++)
        p->steps.at[i]->grain = 0;
    expect(p, "has no thread for");
}

/* A kernel cut where it must not be. */
/* Squares of the largest vectors that fill both loops; only of what makes columns of rows; threads share the others. */
static void wrong_squares(void **state)
{
    (void)state;
    const Target *target = target_find("x86-64-v4");
    Plan *p = plan_for(turned, target);
    Stage *s = stage(p, 0, 0);
    assert_int_equal(s->square, 8);
    s->square = 16;
    expect(p, "no squares of 16 can be turned");
    p = plan_for(turned, target_with_threads(arena, target, 2));
    s = stage(p, 0, 0);
    p->kernels.at[0]->split = (Split){1, {s->loop[s->nloop - 1]}, s->loop[s->nloop - 1]->extent, 1};
    expect(p, "threads share the loops of a square");
    assert_int_equal(stage(plan_of(turned), 0, 0)->square, 0);
    p = plan_of(twins);
    stage(p, 0, 0)->square = 4;
    expect(p, "no squares of 4 can be turned");
}

static void wrong_pieces(void **state)
{
    (void)state;
    Plan *p = split_plan(chain);
    Kernel *k = p->kernels.at[0];
    const Tile *tile = k->stages.at[0]->tile;
    assert_int_equal(k->split.n, 1);
    assert_ptr_equal(k->split.var[0], tile->block);
    k->split.var[0] = tile->m;
    expect(p, "a loop that is not around all of it");
    p = split_plan(chain);
    p->kernels.at[0]->split.turns++;
    expect(p, "other pieces than its loops have turns");
    p = split_plan(summed);
    assert_int_equal(p->kernels.at[0]->split.n, 1);
    Stage *s = stage(p, 0, 0);
    p->kernels.at[0]->split.var[0] = s->loop[s->nloop - 1];
    expect(p, "a loop that is not around all of it");
    p = split_plan(conv);
    k = p->kernels.at[0];
    assert_true(k->split.n > 0);
    k->split = (Split){2, {k->outer[k->order[1]], k->outer[k->order[0]]}, 1, 1};
    k->split.turns = split_turns(k, k->split.var[0]) * split_turns(k, k->split.var[1]);
    expect(p, k->blocked == k->order[1] ? "not around all of it" : "do not stand in one another");
    p = split_plan(wide);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    assert_ptr_equal(k->split.var[0], k->stages.at[0]->tile->n);
    k->stages.at[0]->tile->n->extent++;
    assert_non_null(strstr(verify_split(arena, p, k), "a loop that is not around all of it"));
    p = split_plan(row);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    item(p, 0, 0)->buffer = item(p, 0, k->stages.n - 1)->buffer;
    assert_non_null(plan_verify(arena, p));
    p = split_plan(adam);
    k = p->kernels.at[p->kernels.n - 1];
    assert_true(k->split.n > 0 && item(p, p->kernels.n - 1, 0)->buffer->block);
    item(p, p->kernels.n - 1, 0)->buffer->type.dim[0] /= 3;
    expect(p, "threads share a block of rows");
    p = split_plan(twins);
    k = p->kernels.at[0];
    assert_int_equal(k->split.n, 1);
    Item *last = item(p, 0, k->stages.n - 1);
    last->value = arena_dup(arena, last->value, sizeof *last->value);
    last->value->part.n = 0;
    last->value->kind = X_LOAD;
    last->value->nin = 0;
    last->value->buffer = last->buffer;
    last->value->at = lin_without(arena, last->at, k->split.var[0]);
    assert_non_null(strstr(verify_split(arena, p, k), "reads what another piece stores"));
}

/* A bias is added to the sums of a tile by the tile that has them and none else: with vectors, or where loads take time of their own. */
static void finished_tiles(void **state)
{
    (void)state;
    const Target *vectors = target_find("x86-64");
    assert_true(stage(plan_for(biased, vectors), 0, 1)->in_tile);
    assert_false(stage(plan_of(biased), 0, 1)->in_tile);
    Plan *p = plan_for(biased, target_find("cortex-m4f"));
    assert_true(stage(p, 0, 1)->in_tile && stage(p, 0, 0)->tile->finish == stage(p, 0, 1));
    assert_int_equal(stage(p, 0, 0)->tile->operands.n, 1);
    assert_null(plan_verify(arena, p));
    stage(p, 0, 0)->tile->finish = NULL;
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(biased, target_find("cortex-m4f"));
    stage(p, 0, 0)->tile->operands.n = 0;
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);      /* by other numbers in every row: the sums have no place in memory */
    assert_null(plan_verify(arena, p));
    assert_true(stage(p, 0, 1)->in_tile && item(p, 0, 0)->buffer->kind == BUFFER_LOCAL);
    assert_int_equal(p->kernels.at[0]->locals.n, 0);
    assert_int_equal(p->arena_bytes, 0);
    item(p, 0, 1)->value = item(p, 0, 1)->value->in[1];
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);
    item(p, 0, 1)->value->in[1]->at = lin_const(arena, 0);
    expect(p, "the tile cannot do on its sums what it should");
    p = plan_for(masked, vectors);
    stage(p, 0, 1)->in_tile = false;
    stage(p, 0, 0)->tile->finish = NULL;
    expect(p, "has no declaration");
}

/* Where three fifths of the windows of a row lie on the data, tiles along that row alone have few sums for each vector of weights. */
static void rows_on_data(void **state)
{
    (void)state;
    assert_int_equal(stage(plan_for(spread, target_find("x86-64-v4")), 0, 0)->tile->schedule.row_axes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_on_data),
        cmocka_unit_test(sound),       cmocka_unit_test(wrong_stores), cmocka_unit_test(wrong_loads),
        cmocka_unit_test(wrong_tiles), cmocka_unit_test(wrong_second_axes), cmocka_unit_test(wrong_chains), cmocka_unit_test(wrong_carries), cmocka_unit_test(wrong_orders), cmocka_unit_test(sparing_packs), cmocka_unit_test(wrong_memory),
        cmocka_unit_test(wrong_pieces),
        cmocka_unit_test(wrong_turns),
        cmocka_unit_test(wrong_squares),
        cmocka_unit_test(examples),
        cmocka_unit_test(finished_tiles),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
