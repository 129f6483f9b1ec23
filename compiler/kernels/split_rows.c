/* SPDX-License-Identifier: MIT */
/* split_rows.c: loops of which threads share the examples: a recurrence, each of whose steps is too little work to be handed over.
 *
 * Where all that a loop's kernels store and read of each other's lies at the example they are at, each thread takes some examples through
 * all turns, and nobody waits for anybody before the end. Where a tensor has its examples is one number, the elements that each has side by
 * side: element i is of example i / each % batch. A kernel's loop over examples may count several turns for each. */
#include "lower.h"
#include "verify.h"

typedef struct Rows {
    Plan *p;
    Arena *a;
    int64_t batch;
    int64_t *each;              /* by storage: elements of an example; 0: nothing is written there in the loop */
    const Kernel *k;
    const Var *v;               /* its loop over examples */
    bool fits;
} Rows;

static const Tile *tile_of(const Kernel *k)
{
    return k->stages.at[0]->tile;
}

int64_t row_turn(const Kernel *k, int64_t row, int64_t rows)
{
    const Tile *t = tile_of(k);
    int large, nlarge;
    if (!t || t->block != k->split.var[0])
        return k->split.turns / rows * row;
    const int tiles = tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge);
    for (int i = 0, at = 0; i <= tiles; at += i < nlarge ? large : large - 1, i++)
        if (at == row)
            return i;
    return -1;
}

/* ---- whose example a place is ---------------------------------------------------------------------- */
/* Without what is a multiple of `period` whatever the loops do. */
static const Lin *in_period(Rows *x, const Lin *at, int64_t period)
{
    for (int i = 0; i < at->n; i++)
        if (at->term[i].atom->kind == ATOM_VAR && at->term[i].factor % period == 0)
            return in_period(x, lin_without(x->a, at, at->term[i].atom->var), period);
    return lin_offset(x->a, at, -(at->constant - (at->constant % period + period) % period));
}

static bool is_own(Rows *x, const Lin *at, int64_t each)
{
    const int64_t f = lin_factor(at, x->v), turns = x->v->extent / x->batch;
    const Lin *rest = in_period(x, lin_without(x->a, at, x->v), each * x->batch);
    int64_t lo, hi;
    lin_range(rest, &lo, &hi);
    return f * turns == each && !lin_uses(rest, x->v) && lo >= 0 && hi + f * (turns - 1) < each;
}

static bool is_shared(const Buffer *b)
{
    const Buffer *root = buffer_root((Buffer *)b);
    return root->kind != BUFFER_LOCAL && !root->block && !b->block;
}

static void check_read(void *context, const Load *load)
{
    Rows *x = context;
    const int64_t each = is_shared(load->buffer) ? x->each[buffer_root(load->buffer)->id] : 0;
    x->fits &= !each || is_own(x, load->at, each);
}

static bool reads_own(Rows *x)
{
    x->fits = true;
    for (int i = 0; i < x->k->stages.n; i++) {
        const Stage *s = x->k->stages.at[i];
        for (int operand = 0; s->tile && operand < 2; operand++)
            check_read(x, &(Load){.buffer = operand ? s->tile->b : s->tile->a, .at = operand_index(x->a, s->tile, operand)});
        for (int j = 0; j < s->items.n; j++) {
            if (s->items.at[j].value)
                visit_loads(x->a, s->items.at[j].value, check_read, x);
            visit_index_loads(x->a, s->items.at[j].at, check_read, x);
        }
    }
    return x->fits;
}

/* Notes, with `note`, where the tensors it writes have their examples. */
static bool writes_own(Rows *x, bool note)
{
    for (int i = 0; i < x->k->stages.n; i++)
        for (int j = 0; j < x->k->stages.at[i]->items.n; j++) {
            const Item *item = &x->k->stages.at[i]->items.at[j];
            if (!item->buffer || !is_shared(item->buffer))
                continue;
            const Lin *at = store_index(x->a, x->k->stages.at[i], item);
            int64_t *known = &x->each[buffer_root(item->buffer)->id];
            const int64_t each = *known ? *known : lin_factor(at, x->v) * (x->v->extent / x->batch);
            if (each <= 0 || !is_own(x, at, each))
                return false;
            *known = note ? each : *known;
        }
    return true;
}

/* ---- a kernel's loop over examples ----------------------------------------------------------------- */
static bool try_loop(Rows *x, Kernel *k, Var *v, Var *split)
{
    x->k = k;
    x->v = v;
    if (!split || v->extent % x->batch || !writes_own(x, false))
        return false;
    writes_own(x, true);
    k->split = (Split){.n = 1, .var = {split}, .turns = 1, .grain = 1};
    k->split.turns = split_turns(k, split);
    return true;
}

/* The innermost one comes first: an outer one as long may be of time. */
static bool find_loop(Rows *x, Kernel *k)
{
    const Tile *t = tile_of(k);
    const Stage *s = k->stages.at[0];
    for (int i = k->nouter - 1; i >= 0; i--) {
        Var *v = k->outer[k->order[i]];
        if (v->extent == x->batch && !(t && v == t->inner) && try_loop(x, k, v, t && v == t->m ? t->block : v))
            return true;
    }
    const int most = s->nparallel - (s->square ? 2 : s->vector ? 1 : 0);
    for (int i = k->nouter || t || k->stages.n > 1 || k->locals.n ? -1 : most - 1; i >= 0; i--)
        if (try_loop(x, k, s->loop[i], s->loop[i]))
            return true;
    return false;
}

typedef bool OnKernel(Rows *x, Kernel *k);

static bool all_kernels(Rows *x, const Step *loop, OnKernel *does)
{
    for (int i = 0; i < loop->body.n; i++) {
        const Step *s = loop->body.at[i];
        if (s->grain || !(s->kind == STEP_SCAN ? all_kernels(x, s, does) : does(x, s->kernel)))
            return false;
    }
    return true;
}

static bool is_by_rows(Rows *x, Kernel *k)
{
    return may_split(k) && find_loop(x, k);
}

static bool reads_by_rows(Rows *x, Kernel *k)
{
    const Tile *t = tile_of(k);
    x->k = k;
    x->v = t && t->block == k->split.var[0] ? t->m : k->split.var[0];
    return reads_own(x);
}

static bool forget(Rows *x, Kernel *k)
{
    (void)x;
    k->split = (Split){0};
    return true;
}

/* ---- who gets which -------------------------------------------------------------------------------- */
/* Leaves those examples that a share may begin with: all kernels have a turn that does. */
static void keep_begins(const Rows *x, const Step *loop, bool *begins)
{
    for (int i = 0; i < loop->body.n; i++) {
        const Step *s = loop->body.at[i];
        if (s->kind == STEP_SCAN)
            keep_begins(x, s, begins);
        for (int64_t row = 0; row < x->batch && s->kind == STEP_KERNEL; row++)
            begins[row] &= row_turn(s->kernel, row, x->batch) >= 0;
    }
}

static int64_t distance(int64_t x, int64_t y)
{
    return x < y ? y - x : x - y;
}

/* Shares as even as beginnings allow; the most examples of one; 0: there are too few beginnings. */
static int64_t share_out(const Rows *x, const bool *begins, int64_t *rows)
{
    const int n = x->p->target->threads.n;
    int64_t most = 0;
    rows[0] = 0;
    rows[n] = x->batch;
    for (int i = 1; i < n; i++) {
        rows[i] = -1;
        for (int64_t row = rows[i - 1] + 1; row < x->batch; row++)
            if (begins[row] && (rows[i] < 0 || distance(row * n, x->batch * i) < distance(rows[i] * n, x->batch * i)))
                rows[i] = row;
        if (rows[i] < 0)
            return 0;
    }
    for (int i = 0; i < n; i++)
        most = rows[i + 1] - rows[i] > most ? rows[i + 1] - rows[i] : most;
    return most;
}

static double cycles_of(const Plan *p, const Step *loop)
{
    double cycles = 0;
    for (int i = 0; i < loop->body.n; i++)
        cycles += loop->body.at[i]->kind == STEP_SCAN ? cycles_of(p, loop->body.at[i]) : cycles_with(p, loop->body.at[i]->kernel, (Moved){0});
    return cycles * (double)loop->time->extent;
}

/* ---- all of it ------------------------------------------------------------------------------------- */
static void cut(const Plan *p, const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++) {
        if (loop->body.at[i]->kind == STEP_SCAN) {
            cut(p, loop->body.at[i]);
            continue;
        }
        loop->body.at[i]->kernel->by_rows = true;
        copy_blocks(p, loop->body.at[i]->kernel);
    }
}

/* Threads are at different turns: what lives in the loop has its place all the while. */
static void outlast(const Plan *p, const Step *loop)
{
    for (int i = 0; i < p->buffers.n; i++) {
        Buffer *b = p->buffers.at[i];
        if (b->kind != BUFFER_ARENA || b->first < 0 || b->first > loop->end || b->last < loop->at)
            continue;
        b->first = b->first < loop->at ? b->first : loop->at;
        b->last = b->last > loop->end ? b->last : loop->end;
    }
}

/* The shares of a loop whose kernels are by rows; NULL where they are not, or it is not worth it. */
static const int64_t *find_rows(Rows *x, Step *loop)
{
    const Plan *p = x->p;
    bool *begins = NEWN(x->a, bool, x->batch);
    int64_t *rows = NEWN(p->a, int64_t, p->target->threads.n + 1);
    const double cycles = cycles_of(p, loop);
    x->each = NEWN(x->a, int64_t, p->buffers.n + 1);
    if (!saves_enough(p, cycles, 0) || !all_kernels(x, loop, is_by_rows) || !all_kernels(x, loop, reads_by_rows))
        return NULL;
    for (int64_t i = 0; i < x->batch; i++)
        begins[i] = true;
    keep_begins(x, loop, begins);
    const int64_t most = share_out(x, begins, rows);
    return most && saves_enough(p, cycles * (double)(x->batch - most) / (double)x->batch, 0) ? rows : NULL;
}

static bool split_loop(Rows *x, Step *loop)
{
    loop->rows = find_rows(x, loop);
    if (!loop->rows) {
        all_kernels(x, loop, forget);
        return false;
    }
    cut(x->p, loop);
    outlast(x->p, loop);
    return true;
}

static void split_loops(Rows *x, Step *const *steps, int n)
{
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == STEP_SCAN && !steps[i]->grain && !split_loop(x, steps[i]))
            split_loops(x, steps[i]->body.at, steps[i]->body.n);
}

int64_t examples_of(const Fn *fn)
{
    for (int i = 0; i < fn->input.n; i++)
        if (fn->input.at[i].role == ROLE_INPUT && fn->input.at[i].node->type.rank)
            return fn->input.at[i].node->type.dim[0];
    return 1;
}

void split_rows(Plan *p)
{
    Rows x = {.p = p, .a = arena_inner(p->a), .batch = examples_of(p->fn)};
    if (x.batch >= p->target->threads.n && !p->target->calls_gemm)
        split_loops(&x, p->steps.at, p->steps.n);
    arena_free(x.a);
}
