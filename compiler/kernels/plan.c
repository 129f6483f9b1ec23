/* SPDX-License-Identifier: MIT */
/* plan.c: a function becomes steps: kernels in order, and loops of them for scans; and how long each buffer lives. */
#include "lower.h"
#include "verify.h"
#include "../passes/passes.h"

#include <ctype.h>
#include <string.h>

/* ---- who touches what ------------------------------------------------------------------------------ */
typedef void Visit(void *context, Buffer *buffer, bool writes);

static void visit_ex(const Ex *e, Visit *visit, void *context)
{
    if (e->kind == X_LOAD)
        visit(context, e->buffer, false);
    for (int i = 0; i < e->part.n; i++)
        visit_ex(e->part.at[i], visit, context);
}

static void visit_kernel(const Kernel *k, Visit *visit, void *context)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->tile) {
            visit(context, s->tile->a, false);
            visit(context, s->tile->b, false);
        }
        for (int j = 0; j < s->items.n; j++) {
            if (s->items.at[j].value)
                visit_ex(s->items.at[j].value, visit, context);
            ExList values = {0};
            lin_values(k->a, s->items.at[j].at, &values);
            for (int n = 0; n < values.n; n++)
                visit_ex(values.at[n], visit, context);
            if (s->items.at[j].buffer)
                visit(context, s->items.at[j].buffer, true);
        }
    }
}

/* ---- the scans a kernel stands in ------------------------------------------------------------------ */
static bool ex_uses_time(const Ex *e, const Var *t)
{
    if (e->at && lin_uses(e->at, t))
        return true;
    for (int i = 0; i < e->nguard; i++)
        if (lin_uses(e->guard[i].at, t))
            return true;
    for (int i = 0; i < e->nin; i++)
        if (ex_uses_time(e->in[i], t))
            return true;
    return false;
}

bool kernel_uses_time(const Kernel *k, const Var *t)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->tile && (s->tile->turn == t || lin_uses(s->tile->a_at, t) || lin_uses(s->tile->b_at, t) || lin_uses(s->tile->c_at, t)))
            return true;
        for (int j = 0; j < s->items.n; j++)
            if (lin_uses(s->items.at[j].at, t) || (s->items.at[j].value && ex_uses_time(s->items.at[j].value, t)))
                return true;
    }
    return false;
}

/* ---- steps ----------------------------------------------------------------------------------------- */
typedef VEC(Step *) StepList;

static void make_steps(Lower *c, StepList *steps);

static void kernel_step(Lower *c, Group *g, StepList *steps)
{
    Step *step = NEW(c->a, Step);
    step->kernel = schedule_group(c, g);
    step->at = c->p->nstep++;
    for (int i = 0; i < g->units.n; i++)
        g->units.at[i]->step = step->at;
    for (const Lower *at = c; at->parent; at = at->parent)
        if (kernel_uses_time(step->kernel, at->time))
            vec_push(c->a, &step->kernel->scans, at->time);
    vec_push(c->a, &c->p->kernels, step->kernel);
    vec_push(c->a, steps, step);
}

static void scan_step(Lower *c, const Node *scan, StepList *steps)
{
    Lower *body = c->body[scan->id];
    Step *step = NEW(c->a, Step);
    step->kind = STEP_SCAN;
    step->time = body->time;
    step->reverse = scan->attr.scan.reverse;
    step->apart = !scan->attr.scan.ncarry;
    step->at = c->p->nstep++;
    vec_push(c->a, steps, step);
    StepList inner = {0};
    make_steps(body, &inner);
    step->body.at = inner.at;
    step->body.n = inner.n;
    step->end = c->p->nstep++;
    c->unit[scan->id]->step = step->end;
}

static void make_steps(Lower *c, StepList *steps)
{
    make_groups(c);
    for (int i = 0; i < c->groups.n; i++) {
        Group *g = c->groups.at[i];
        if (g->units.at[0]->kind == UNIT_LOOP)
            scan_step(c, g->units.at[0]->node, steps);
        else
            kernel_step(c, g, steps);
    }
}

/* ---- lifetimes ------------------------------------------------------------------------------------- */
static void touch(void *context, Buffer *buffer, bool writes)
{
    int at = *(int *)context;
    (void)writes;
    if (buffer->first < 0 || at < buffer->first)
        buffer->first = at;
    if (at > buffer->last)
        buffer->last = at;
}

static void touch_steps(Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN)
            touch_steps(steps[i]->body.at, steps[i]->body.n);
        else
            visit_kernel(steps[i]->kernel, touch, &steps[i]->at);
}

/* What a loop touches and what lives outside of it lives through all of it. */
static void outlast_loop(void *context, Buffer *b, bool writes)
{
    const Step *loop = context;
    (void)writes;
    if (b->first >= loop->at && b->last <= loop->end)
        return;
    b->first = b->first < loop->at ? b->first : loop->at;
    b->last = b->last > loop->end ? b->last : loop->end;
}

static void outlast_in_steps(Step *loop, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN)
            outlast_in_steps(loop, steps[i]->body.at, steps[i]->body.n);
        else
            visit_kernel(steps[i]->kernel, outlast_loop, loop);
}

static void extend_through_loops(Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN) {
            extend_through_loops(steps[i]->body.at, steps[i]->body.n);
            outlast_in_steps(steps[i], steps[i]->body.at, steps[i]->body.n);
        }
}

static void find_lifetimes(Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++)
        p->buffers.at[i]->first = p->buffers.at[i]->last = -1;
    touch_steps(p->steps.at, p->steps.n);
    extend_through_loops(p->steps.at, p->steps.n);
}

/* ---- in place -------------------------------------------------------------------------------------- */
Buffer *buffer_root(Buffer *b)
{
    while (b->alias)
        b = b->alias;
    return b;
}

enum { LOADS_NONE = 0, LOADS_HERE = 1, LOADS_ELSEWHERE = 2 };

static int how_loaded(const Ex *e, const Buffer *buffer, const Lin *at)
{
    int how = e->kind == X_LOAD && e->buffer == buffer ? lin_eq(e->at, at) ? LOADS_HERE : LOADS_ELSEWHERE : 0;
    for (int i = 0; i < e->part.n; i++)
        how |= how_loaded(e->part.at[i], buffer, at);
    return how;
}

static bool made_in(const Kernel *k, const Buffer *buffer)
{
    for (int i = 0; i < k->units.n; i++)
        if (k->units.at[i]->buffer == buffer)
            return true;
    return false;
}

typedef struct Turns {
    const Kernel *k;
    const Buffer *x;
    bool own;               /* so far each turn loads of x what is its own */
} Turns;

static void note_load(void *context, const Load *load)
{
    Turns *t = context;
    const Lin *rest = load->at;
    int64_t stride = type_count(t->x->type), lo, hi;
    if (load->buffer != t->x)
        return;
    for (int i = 0; i < t->k->nouter; i++) {
        const Var *v = t->k->outer[i];
        t->own &= v->extent == 1 || lin_factor(rest, v) * v->extent == stride;
        stride /= v->extent;
        rest = lin_without(t->k->a, rest, v);
        t->own &= !lin_uses(rest, v);
    }
    lin_range(rest, &lo, &hi);
    t->own &= lo >= 0 && hi < stride;
}

/* Whether a kernel reads of x in each turn of its outer loops what is that turn's own, so that one stage may store `to` there once that is
 * read. */
static bool reads_own_turn(const Kernel *k, const Buffer *x, const Buffer *to)
{
    Turns t = {k, x, k->nouter > 0};
    int stores = 0;
    for (int i = 0; i < k->stages.n && t.own; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++) {
            const Item *item = &k->stages.at[i]->items.at[j];
            stores += item->buffer == to;
            if (item->value)
                visit_loads(k->a, item->value, note_load, &t);
        }
    return t.own && stores == 1;
}

/* May_overwrite, where `own` says whether stages before i may have read other elements of x. */
static bool may_store_over(const Kernel *k, int i, int j, const Buffer *x, const Lin *at, bool own)
{
    if (how_loaded(k->stages.at[i]->items.at[j].value, x, at) != LOADS_HERE)
        return false;
    for (int s = 0; s < k->stages.n; s++) {
        const Stage *stage = k->stages.at[s];
        if (stage->tile && (stage->tile->a == x || stage->tile->b == x))
            return false;
        for (int t = 0; t < stage->items.n; t++) {
            if (!stage->items.at[t].value)
                continue;
            int how = how_loaded(stage->items.at[t].value, x, at);
            bool before = s < i || (s == i && t <= j);
            if (how && (!before || (s < i && !own) || (s == i && how != LOADS_HERE)))
                return false;
            if (t != j && s >= i && stage->items.at[t].buffer == x)
                return false;
        }
    }
    return true;
}

bool may_overwrite(const Kernel *k, int i, int j, const Buffer *x, const Lin *at)
{
    return may_store_over(k, i, j, x, at, made_in(k, x));
}

static void find_candidate(void *context, Buffer *buffer, bool writes)
{
    struct { VEC(Buffer *) list; Arena *a; } *found = context;
    if (!writes && buffer->kind == BUFFER_ARENA)
        vec_push(found->a, &found->list, buffer);
}

/* Does what x lies in end with this step? */
static bool ends_here(const Step *step, Buffer *x)
{
    const Buffer *root = buffer_root(x);
    return root == x || (root->kind == BUFFER_ARENA && root->last == step->at);
}

/* Of what item j reads in its place: may it lie where x does, or x where it does? */
static bool share_with(const Plan *p, const Step *step, const Kernel *k, int i, int j, Buffer *x)
{
    Buffer *to = k->stages.at[i]->items.at[j].buffer;
    if (x == to || !ends_here(step, x) || to->alias || x->last != step->at || type_bytes(x->type) != type_bytes(to->type) ||
        x->type.dt != to->type.dt || !may_store_over(k, i, j, x, k->stages.at[i]->items.at[j].at, made_in(k, x) || reads_own_turn(k, x, to)))
        return false;
    bool fresh = to->kind == BUFFER_PORT ? !fn_find_input(p->fn, to->role, to->index) : to->first == step->at;
    if (x->first == x->last && fresh && !x->alias) {
        x->alias = to;
        return true;
    }
    if (to->kind != BUFFER_ARENA || to->first != step->at)
        return false;
    to->alias = x;
    for (Buffer *b = x; b; b = b->alias)
        b->last = to->last;
    return true;
}

/* Where bytes count, what was there before is what is overwritten: what the kernel makes itself may need a block only. */
static void share_storage(Plan *p, const Step *step, Kernel *k, int i, int j)
{
    struct { VEC(Buffer *) list; Arena *a; } found = {.a = p->a};
    visit_ex(k->stages.at[i]->items.at[j].value, find_candidate, &found);
    for (int own = p->sparing ? 0 : 1; own < 2; own++)
        for (int c = 0; c < found.list.n; c++)
            if ((own || found.list.at[c]->first < step->at) && share_with(p, step, k, i, j, found.list.at[c]))
                return;
}

/* A map does, and a reduction what it makes on its way. */
static bool stores_by_element(const Stage *s, const Item *item)
{
    return (s->kind == STAGE_MAP || (s->kind == STAGE_REDUCE && item->reduce == OP_COUNT)) && item->buffer && item->buffer->kind != BUFFER_LOCAL;
}

static void share_in_steps(Plan *p, Step *const *steps, int n)
{
    for (int s = 0; s < n; s++) {
        if (steps[s]->kind == STEP_SCAN) {
            share_in_steps(p, steps[s]->body.at, steps[s]->body.n);
            continue;
        }
        Kernel *k = steps[s]->kernel;
        for (int i = 0; i < k->stages.n; i++)
            for (int j = 0; j < k->stages.at[i]->items.n; j++) {
                if (stores_by_element(k->stages.at[i], &k->stages.at[i]->items.at[j]))
                    share_storage(p, steps[s], k, i, j);
            }
    }
}

/* ---- arguments and names --------------------------------------------------------------------------- */
static void add_argument(void *context, Buffer *buffer, bool writes)
{
    Kernel *k = context;
    (void)writes;
    buffer = buffer_root(buffer);
    if (buffer->kind == BUFFER_LOCAL)
        return;
    for (int i = 0; i < k->args.n; i++)
        if (k->args.at[i] == buffer)
            return;
    vec_push(k->a, &k->args, buffer);
}

static void add_salts(Kernel *k, const Ex *e)
{
    bool known = e->kind != X_UNIFORM;
    for (int i = 0; i < k->salts.n && !known; i++)
        known = k->salts.at[i] == e->salt;
    if (!known)
        vec_push(k->a, &k->salts, e->salt);
    for (int i = 0; i < e->part.n; i++)
        add_salts(k, e->part.at[i]);
}

static void find_salts(Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++)
            if (k->stages.at[i]->items.at[j].value)
                add_salts(k, k->stages.at[i]->items.at[j].value);
}

/* The layer's or function's name in the source text of a span: what the user wrote there. */
const char *span_word(const Plan *p, Span sp)
{
    if (!p->d || !sp.source)
        return NULL;
    size_t bytes;
    const char *text = diag_source_text(p->d, sp.source, &bytes);
    uint32_t lo = sp.lo, hi = sp.lo;
    while (hi < sp.hi && (isalnum((unsigned char)text[hi]) || text[hi] == '_'))
        hi++;
    if (hi == lo || isdigit((unsigned char)text[lo]) || (hi < bytes && text[hi] != '(' && hi < sp.hi))
        return NULL;
    return arena_strndup(p->a, text + lo, hi - lo);
}

static const char *main_op(const Kernel *k)
{
    static const char *const other[] = {[UNIT_COPY] = "copy", [UNIT_PACK] = "pack", [UNIT_CHECK] = "check", [UNIT_LOOP] = "loop"};
    const Unit *first = k->units.at[0];
    if (first->kind == UNIT_COPY && !first->needs.n && !first->reads.n && !first->reads_carry)
        return "fill";
    return first->kind == UNIT_VALUE ? op_info(first->node->op)->text : other[first->kind];
}

static void name_kernel(Plan *p, Kernel *k, int number)
{
    StrBuf sb = {.a = p->a};
    sb_printf(&sb, "k%d", number);
    int words = 0;
    for (int i = 0; i < k->spans.n && words < 3; i++) {
        const char *word = span_word(p, k->spans.at[i]);
        if (word && !strstr(sb_text(&sb), word)) {
            sb_printf(&sb, "_%s", word);
            words++;
        }
    }
    if (!words || k->units.at[0]->kind != UNIT_VALUE)
        sb_printf(&sb, "_%s", main_op(k));
    k->name = sb_text(&sb);
}

/* Emitted C indexes by int. */
static bool buffers_are_countable(const Plan *p)
{
    for (int i = 0; i < p->buffers.n; i++) {
        const Buffer *b = p->buffers.at[i];
        if (type_count(b->type) <= INT32_MAX)
            continue;
        if (p->d)
            diag_error(p->d, p->fn->span, "%s needs a tensor %s, which has more than 2^31 - 1 elements", p->fn->name,
                       type_text(p->a, b->type));
        return false;
    }
    return true;
}

/* An unsound plan is never emitted. A tenth of what lowering costs. */
static void check_plan(Plan *p)
{
    const char *why = plan_verify(p->a, p);
    if (!why)
        return;
    StrBuf sb = {.a = p->a};
    plan_print(&sb, p);
    BUG("the plan of %s is unsound: %s\n%s", p->fn->name, why, sb_text(&sb));
}

/* Where each node's value is stored, and when. */
static void note_held(const Lower *c)
{
    Plan *p = c->p;
    p->held = NEWN(p->a, Buffer *, c->fn->node.n + 1);
    p->units.at = c->units.at;
    p->units.n = c->units.n;
    for (int i = 0; i < c->fn->node.n; i++) {
        const Node *n = c->fn->node.at[i];
        if (n->op == OP_RESULT) {
            const Lin *at;
            p->held[i] = loop_result(c, n, &at);
        } else if (n->op == OP_INPUT || c->stored[i]) {
            p->held[i] = c->unit[i]->buffer;
        }
    }
}

/* Whether it makes gradients, or of parameters better ones. */
static bool trains(const Fn *fn)
{
    for (int i = 0; i < fn->result.n; i++) {
        const Port *made = &fn->result.at[i];
        if (made->role == ROLE_GRADIENT || (made->role == ROLE_PARAM && fn_find_input(fn, ROLE_PARAM, made->index)))
            return true;
    }
    return false;
}

static Plan *lower_as(Arena *a, Plan how)
{
    Plan *p = NEW(a, Plan);
    *p = how;
    p->flushes = p->target->slow_subnormals && trains(p->fn);
    if (p->schedules)
        schedules_begin(p->schedules, p->fn->name);
    Lower *c = lower_context(a, p, p->fn, NULL, NULL);
    decide_storage(c);
    if (!buffers_are_countable(p))
        return NULL;
    StepList steps = {0};
    make_steps(c, &steps);
    p->steps.at = steps.at;
    p->steps.n = steps.n;
    find_lifetimes(p);
    share_in_steps(p, p->steps.at, p->steps.n);
    share_by_turns(p);
    finish_tiles(p);
    shrink_to_blocks(p);
    find_squares(p);
    split_kernels(p);
    choose_columns(p);
    for (int i = 0; i < p->kernels.n; i++) {
        visit_kernel(p->kernels.at[i], add_argument, p->kernels.at[i]);
        p->kernels.at[i]->nused = p->kernels.at[i]->args.n;
        find_salts(p->kernels.at[i]);
        name_kernel(p, p->kernels.at[i], i);
    }
    fetch_ahead(p);
    fetch_beside(p);
    fetch_pages(p);
    fetch_left(p);
    plan_memory(p);
    check_plan(p);
    note_held(c);
    arena_free(c->work);
    return p;
}

Plan *lower(Arena *a, Diag *d, const Fn *fn, const Target *target)
{
    return lower_with(a, d, fn, target, NULL);
}

enum { TABLE_ROOM = 2 };     /* of L2: a table of zeros that is larger than the half is kept as the rows that are none */

Plan *lower_with(Arena *a, Diag *d, const Fn *fn, const Target *target, Schedules *schedules)
{
    bool loops = !target->compact && !target->calls_gemm;
    const Fn *parts = loops ? by_parts(a, fn, (PartLimits){.l2 = target->l2, .exact = target->deterministic}) : NULL;
    const Node *what;
    const Fn *rows = loops && target->l2 ? compact_scatter(a, parts ? parts : fn, target->l2 / TABLE_ROOM, &what) : NULL;
    return lower_as(a, (Plan){.a = a, .fn = rows ? rows : parts ? parts : fn, .whole = fn, .d = d, .target = target, .schedules = schedules});
}

Plan *lower_whole(const Plan *p)
{
    return lower_as(p->a, (Plan){.a = p->a, .fn = p->whole, .whole = p->whole, .d = p->d, .target = p->target, .schedules = p->schedules});
}

Plan *lower_sparing(Arena *a, Diag *d, const Fn *fn, const Target *target, Schedules *schedules)
{
    return lower_as(a, (Plan){.a = a, .fn = fn, .whole = fn, .d = d, .target = target, .schedules = schedules, .sparing = true});
}
