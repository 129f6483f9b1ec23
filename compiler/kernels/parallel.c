/* SPDX-License-Identifier: MIT */
/* parallel.c: which kernels several threads share, and along which loops.
 *
 * Only loops whose turns write different places are split, never sums, so that results do not depend on how many threads there
 * are. A kernel's outer loops are such loops (kernels/verify.c: reads of what it writes stay at the position of the outer
 * loops); a kernel of one stage has its loops that are not reduced. */
#include "lower.h"

static const double WORTH = 2.5;    /* times the hand-over must be saved: two threads then take seven tenths of the time at the most */
static const double LEAST = 0.05;   /* of a call's cycles must be saved, or nobody else takes part in it: who has slept meanwhile comes late */
static const double EVEN = 0.8;     /* of the threads' time that they work: shares as good as equal */

static const double FETCHED = 60000;    /* bytes that come from another's cache, beside other work, in the time of a hand-over */
static const double STREAMED = 8;   /* bytes a cycle from beyond L2 */

enum {
    PIECES = 8,     /* of a hand-over is how long a piece takes at the least */
    PLENTY = 8,     /* turns for each thread, so that none waits long for the last piece */
    VECTORS = 64,   /* elements of a contiguous loop that stay together: lines of the cache */
};

static const Tile *tile_of(const Kernel *k)
{
    return k->stages.at[0]->tile;
}

/* ---- work ------------------------------------------------------------------------------------------ */
typedef struct Seen {
    Arena *a;
    VEC(const Ex *) list;
} Seen;

static double ex_cost(Seen *seen, const Ex *e)
{
    for (int i = 0; i < seen->list.n; i++)
        if (seen->list.at[i] == e)
            return 0;
    vec_push(seen->a, &seen->list, e);
    double cost = e->kind == X_OP ? op_info(e->op)->cost : e->kind == X_UNIFORM ? op_info(OP_RANDOM)->cost : 1;
    for (int i = 0; i < e->part.n; i++)
        cost += ex_cost(seen, e->part.at[i]);
    return cost;
}

static double outer_turns(const Kernel *k, const Var *without)
{
    double turns = 1;
    for (int i = 0; i < k->nouter; i++)
        if (k->outer[i] != without)
            turns *= (double)k->outer[i]->extent;
    return turns;
}

/* Vectors of portable C are the compiler's to find. */
static int lanes_of(const Target *t)
{
    return t->lanes > 1 ? t->lanes : 4;
}

/* Cycles of a stage, if all is in the nearest cache. */
static double stage_cycles(const Plan *p, const Kernel *k, const Stage *s)
{
    double turns = outer_turns(k, NULL), cost = 0;
    if (s->kind == STAGE_TILE) {
        for (int i = 0; i < s->tile->nk; i++)
            turns *= (double)s->tile->k[i].var->extent;
        return turns * (double)s->tile->n->extent / (lanes_of(p->target) * p->target->pipes);
    }
    for (int i = 0; i < s->nloop; i++)
        turns *= (double)s->loop[i]->extent;
    Seen seen = {.a = p->a};
    for (int i = 0; i < s->items.n; i++)
        cost += 1 + ex_cost(&seen, s->items.at[i].value);
    return turns * cost / lanes_of(p->target);
}

/* Cycles of a kernel that reads and writes so much: of its arithmetic, or to move it. */
double cycles_with(const Plan *p, const Kernel *k, Moved moved)
{
    double cycles = 0, width = (double)p->target->l2_width / 2;
    for (int i = 0; i < k->stages.n; i++)
        cycles += stage_cycles(p, k, k->stages.at[i]);
    if (width == 0 || moved.all <= (double)p->target->l1)
        return cycles;
    double moving = (moved.all - moved.far) / width + moved.far / STREAMED;
    return moving > cycles ? moving : cycles;
}

bool saves_enough(const Plan *p, double cycles, double bytes)
{
    return cycles >= (WORTH + bytes / FETCHED) * p->target->threads.hand_over;
}

/* Whether equal shares of so many cycles are. */
static bool is_worth_it(const Plan *p, double cycles, double bytes)
{
    return saves_enough(p, cycles - cycles / p->target->threads.n, bytes);
}

/* ---- loops ----------------------------------------------------------------------------------------- */
bool is_column(const Kernel *k, const Var *v)
{
    const Stage *s = k->stages.at[0];
    return k->stages.n == 1 && s->kind == STAGE_REDUCE && s->vector && s->nparallel == 1 && s->loop[0] == v;
}

int64_t column_step(const Tile *t)
{
    const TileSchedule *s = &t->schedule;
    return (int64_t)s->lanes * s->columns * (s->panel_tiles ? s->panel_tiles : 1);
}

int64_t split_turns(const Kernel *k, const Var *v)
{
    if (tile_of(k) && tile_of(k)->n == v)
        return v->extent % column_step(tile_of(k)) ? 1 : v->extent / column_step(tile_of(k));
    if (is_column(k, v))
        return v->extent % SPLIT_COLUMNS ? 1 : v->extent / SPLIT_COLUMNS;
    const Tile *t = tile_of(k);
    int large, nlarge;
    return t && t->block == v ? tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge) : v->extent;
}

bool splits(const Kernel *k, const Split *s, const Var *v)
{
    for (int i = 0; i < s->n; i++)
        if (s->var[i] == v)
            return true;
    for (int i = 0; s->in_parts && i < k->stages.n; i++)
        if (k->stages.at[i]->loop[0] == v)
            return true;
    return false;
}

static void add_loop(const Kernel *k, Split *s, Var *v)
{
    s->var[s->n++] = v;
    s->turns *= split_turns(k, v);
}

/* The outer loops from the from-th on, as many as make plenty of turns. */
static void split_outer(const Plan *p, const Kernel *k, int from, Split *s)
{
    const Tile *t = tile_of(k);
    for (int i = from; i < k->nouter && s->turns < PLENTY * p->target->threads.n; i++) {
        Var *v = k->outer[k->order[i]];
        if (t && v == t->m)
            v = t->block;
        if (t && v == t->inner)
            v = NULL;
        if (v && split_turns(k, v) > 1)
            add_loop(k, s, v);
    }
}

/* Of the threads' time, what they all work. */
static double balance(const Plan *p, int64_t turns)
{
    const int n = p->target->threads.n;
    return (double)turns / (double)(n * ((turns + n - 1) / n));
}

/* Where a tile has panels or blocks of k: the loops around these, or, if they make few turns, those within. */
static void split_blocks(const Plan *p, const Kernel *k, Split *s)
{
    int outside = tile_of(k)->schedule.outside;
    for (int i = 0; i < outside; i++)
        if (k->outer[k->order[i]]->extent > 1)
            add_loop(k, s, k->outer[k->order[i]]);
    if (s->turns >= 2 * p->target->threads.n)
        return;
    *s = (Split){.turns = 1};
    split_outer(p, k, outside, s);
    if (balance(p, s->turns) < EVEN)        /* each piece goes through all of them */
        *s = (Split){.turns = 1};
}

/* One loop of a kernel's only stage: the outermost with plenty of turns, or the longest. Columns that are summed up in memory stay
 * together in the innermost loop. */
static void split_stage(const Plan *p, const Kernel *k, Split *s)
{
    const Stage *stage = k->stages.at[0];
    Var *best = NULL;
    if (k->stages.n > 1 || k->locals.n || stage->tile)
        return;
    for (int i = 0; i < stage->nparallel - (stage->square ? 2 : 0); i++) {
        Var *v = stage->loop[i];
        bool columns = stage->vector && i == stage->nparallel - 1 && !is_column(k, v);
        if (best && (columns || best->extent >= PLENTY * p->target->threads.n || v->extent <= best->extent))
            continue;
        best = v;
    }
    if (best && split_turns(k, best) >= (is_column(k, best) ? 2 * p->target->threads.n : 2))
        add_loop(k, s, best);
}

/* Whether it waits for no other stage of k, as none does that makes a range of a map. */
static bool stands_alone(const Kernel *k, const Stage *s)
{
    bool alone = s->kind == STAGE_MAP && !s->in_tile && s->nloop > (s->square ? 2 : 1);
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; k->stages.at[i] != s && j < k->stages.at[i]->items.n; j++)
            alone &= !k->stages.at[i]->items.at[j].buffer || !stage_loads(s, k->stages.at[i]->items.at[j].buffer);
    return alone;
}

/* Of several stages that do not wait for each other a part of each, so that pieces take equally long. */
static void split_parts(const Plan *p, const Kernel *k, Split *s)
{
    int64_t longest = 0;
    for (int i = 0; i < k->stages.n; i++) {
        if (!stands_alone(k, k->stages.at[i]))
            return;
        longest = k->stages.at[i]->loop[0]->extent > longest ? k->stages.at[i]->loop[0]->extent : longest;
    }
    const int64_t most = PLENTY * p->target->threads.n, parts = longest < most ? longest : most;
    if (k->nouter || k->locals.n || parts < 2 || longest * parts > INT32_MAX)
        return;
    *s = (Split){.n = 1, .var = {k->stages.at[0]->loop[0]}, .in_parts = true, .turns = parts};
}

bool tile_does_all(const Kernel *k)
{
    for (int i = 1; i < k->stages.n; i++)
        if (!k->stages.at[i]->in_tile)
            return false;
    return tile_of(k) && tile_of(k)->n;
}

/* A tile that does all that its kernel does may be cut between its columns, where that leaves nobody waiting, and panels are copied once. */
static void split_columns(const Plan *p, const Kernel *k, Split *s)
{
    const Tile *t = tile_of(k);
    if (!tile_does_all(k) || p->target->calls_gemm || t->schedule.outside > 0)
        return;
    double so_far = balance(p, s->turns), bar = t->schedule.outside >= 0 ? 1 : 1.1;
    if (balance(p, split_turns(k, t->n)) < bar * so_far || split_turns(k, t->n) == 1)
        return;
    *s = (Split){.turns = 1};
    add_loop(k, s, t->n);
}

static int64_t round_up(int64_t x, int64_t to)
{
    return (x + to - 1) / to * to;
}

/* Whether v is one of the loops around panels and blocks of k. */
static bool is_around(const Kernel *k, const Var *v)
{
    for (int i = 0; i < tile_of(k)->schedule.outside; i++)
        if (k->outer[k->order[i]] == v)
            return true;
    return false;
}

/* Pieces long enough for what handing them over takes. Contiguous elements stay together by lines. */
static int64_t grain_of(const Plan *p, const Kernel *k, const Split *s, double cycles)
{
    const Stage *stage = k->stages.at[0];
    int64_t share = (s->turns + p->target->threads.n - 1) / p->target->threads.n;
    bool last = stage->kind == STAGE_MAP && stage->nloop && s->var[0] == stage->loop[stage->nloop - 1];
    if (stage->tile && stage->tile->schedule.outside >= 0 && s->var[0] != stage->tile->n && !is_around(k, s->var[0]))
        return share;       /* each piece goes through all panels and blocks */
    int64_t grain = (int64_t)(p->target->threads.hand_over / PIECES / (cycles / (double)s->turns)) + 1;
    grain = grain > share / 2 ? share / 2 : grain;
    grain = grain < 1 ? 1 : grain;
    return round_up(grain, last && share >= VECTORS ? VECTORS : 1);
}

/* Not one that leaves nothing behind: a value that others only wait for. */
bool may_split(const Kernel *k)
{
    bool leaves = false;
    for (int i = 0; i < k->stages.n; i++) {
        const Stage *s = k->stages.at[i];
        if (s->kind == STAGE_CHECK || s->kind == STAGE_SCATTER)
            return false;
        for (int j = 0; j < s->items.n; j++)
            leaves |= s->items.at[j].buffer && s->items.at[j].buffer->kind != BUFFER_LOCAL;
    }
    return leaves;
}

static void resize_blocks(const Kernel *k, int64_t times, int64_t part)
{
    for (int i = 0; i < k->units.n; i++) {
        Buffer *b = k->units.at[i]->buffer;
        if (b && b->block)
            b->type.dim[0] = b->type.dim[0] * times / part;
    }
}

/* Each thread has blocks of its own. */
void copy_blocks(const Plan *p, const Kernel *k)
{
    resize_blocks(k, p->target->threads.n, 1);
}

static void split_kernel(const Plan *p, Handed *h, Kernel *k, int list)
{
    Split s = {.turns = 1};
    const Moved moved = kernel_moved(h, k);
    const double cycles = cycles_with(p, k, moved);
    if (!may_split(k) || !is_worth_it(p, cycles, 0))
        return;
    if (tile_of(k) && tile_of(k)->schedule.outside >= 0)
        split_blocks(p, k, &s);
    else
        split_outer(p, k, 0, &s);
    split_columns(p, k, &s);
    if (!s.n)
        split_stage(p, k, &s);
    if (!s.n && k->stages.n > 1)
        split_parts(p, k, &s);
    const double fetched = moved.far == moved.all ? 0 : handed_bytes(h, k, &s, list);    /* or it is in no cache by now */
    if (!s.n || !is_worth_it(p, cycles, fetched))
        return;
    s.grain = grain_of(p, k, &s, cycles);
    if (s.grain >= s.turns)
        return;
    k->split = s;
    copy_blocks(p, k);
}

/* ---- loops of kernels ------------------------------------------------------------------------------ */
static bool lives_in(const Step *loop, const Buffer *b)
{
    return b->first >= loop->at && b->last <= loop->end;
}

/* Whether k leaves what a loop in this one carries a slot further in what all turns of this one stack: the last one lies in the next turn's part. */
static bool reaches_on(const Step *loop, const Kernel *k)
{
    for (int i = 0; i < k->units.n; i++)
        if (is_next_slot(k->units.at[i]) && !lives_in(loop, buffer_root(k->units.at[i]->buffer)))
            return true;
    return false;
}

/* Whether threads may share the turns of a loop, in whose body, or in a loop of it, `steps` are. */
static bool may_share(const Step *loop, Step *const *steps, int n)
{
    bool may = true;
    for (int i = 0; may && i < n; i++)
        may = steps[i]->kind == STEP_SCAN ? may_share(loop, steps[i]->body.at, steps[i]->body.n)
                                          : may_split(steps[i]->kernel) && !reaches_on(loop, steps[i]->kernel);
    return may;
}

/* Of one turn. */
static double body_cycles(const Plan *p, const Step *loop)
{
    double cycles = 0;
    for (int i = 0; i < loop->body.n; i++) {
        const Step *s = loop->body.at[i];
        cycles += s->kind == STEP_SCAN ? body_cycles(p, s) * (double)s->time->extent : cycles_with(p, s->kernel, (Moved){0});
    }
    return cycles;
}

static void note_in_turn(const Step *loop)
{
    for (int i = 0; i < loop->body.n; i++)
        if (loop->body.at[i]->kind == STEP_SCAN)
            note_in_turn(loop->body.at[i]);
        else
            loop->body.at[i]->kernel->in_turn = true;
}

/* What lives in the loop alone each thread has for itself: in its part of one tensor, so that a thread may be at another step than the
 * others. */
static void copy_tensors(Plan *p, const Step *loop)
{
    const int n = p->buffers.n;
    Buffer *turn = NULL;
    for (int i = 0; i < n; i++) {
        Buffer *b = p->buffers.at[i];
        if (b->kind != BUFFER_ARENA || b->alias || b->first < 0 || !lives_in(loop, b))
            continue;
        if (!turn)
            turn = buffer_new(p, BUFFER_ARENA, (Type){.dt = DT_U8, .rank = 2, .dim = {p->target->threads.n, 1}}, "turns");
        b->turn = turn;
    }
    if (!turn)
        return;
    turn->part = 1;
    turn->first = loop->at;
    turn->last = loop->end;
}

static void split_loop(Plan *p, Step *loop)
{
    const int n = p->target->threads.n;
    const double cycles = body_cycles(p, loop), all = cycles * (double)loop->time->extent;
    if (!loop->apart || !may_share(loop, loop->body.at, loop->body.n) || all - all / n < WORTH * p->target->threads.hand_over || balance(p, loop->time->extent) < EVEN)
        return;
    loop->grain = (int64_t)(p->target->threads.hand_over / PIECES / cycles) + 1;
    note_in_turn(loop);
    copy_tensors(p, loop);
}

/* What is made in a list of steps, and in loops in it, has been made there before: in the turn before, or the call. */
static void split_steps(Plan *p, Handed *h, Step *const *step, int n, int *lists)
{
    const int list = ++*lists;
    for (int i = 0; i < n; i++)
        handed_made(h, step[i], list, false);
    for (int i = 0; i < n; i++) {
        if (step[i]->kind == STEP_KERNEL)
            split_kernel(p, h, step[i]->kernel, list);
        else if (!step[i]->grain && !step[i]->rows)
            split_steps(p, h, step[i]->body.at, step[i]->body.n, lists);
        handed_made(h, step[i], list, step[i]->kind == STEP_SCAN ? step[i]->grain > 0 || step[i]->rows : step[i]->kernel->split.n > 0);
    }
}

typedef struct Call {           /* cycles */
    double all, saved;
} Call;

static void add_steps(Handed *h, const Plan *p, Step *const *step, int n, double times, Call *call)
{
    for (int i = 0; i < n; i++) {
        const double before = call->all, others = 1 - 1.0 / p->target->threads.n;
        bool shared = step[i]->kind == STEP_SCAN ? step[i]->grain || step[i]->rows : step[i]->kernel->split.n > 0;
        if (step[i]->kind == STEP_SCAN)
            add_steps(h, p, step[i]->body.at, step[i]->body.n, times * (double)step[i]->time->extent, call);
        else
            call->all += times * cycles_with(p, step[i]->kernel, kernel_moved(h, step[i]->kernel));
        call->saved += shared ? (call->all - before) * others : 0;
    }
}

/* Nobody is waked where that changes little. */
static void leave_small_calls(Handed *h, const Plan *p)
{
    Call call = {0};
    add_steps(h, p, p->steps.at, p->steps.n, 1, &call);
    for (int i = 0; i < p->kernels.n && call.saved < LEAST * call.all; i++) {
        Kernel *k = p->kernels.at[i];
        if (!k->split.n || k->by_rows)
            continue;
        k->split = (Split){0};
        resize_blocks(k, 1, p->target->threads.n);
    }
}

void split_kernels(Plan *p)
{
    int lists = 0;
    if (p->target->threads.n < 2)
        return;
    for (int i = 0; i < p->steps.n; i++)
        if (p->steps.at[i]->kind == STEP_SCAN)
            split_loop(p, p->steps.at[i]);
    split_rows(p);
    Arena *work = arena_inner(p->a);
    Handed *h = handed_new(work, p);
    for (int i = 0; i < p->kernels.n; i++) {
        const Kernel *k = p->kernels.at[i];
        if (!k->in_turn && !k->by_rows && !is_worth_it(p, cycles_with(p, k, kernel_moved(h, k)), 0))
            handed_alone(h, k);
    }
    split_steps(p, h, p->steps.at, p->steps.n, &lists);
    leave_small_calls(h, p);
    arena_free(work);
}
