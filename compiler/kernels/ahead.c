/* SPDX-License-Identifier: MIT */
/* ahead.c: what the next turn of a loop over parts of a batch reads from beyond the second cache is fetched while this turn multiplies.
 *
 * A part's work reads what loops before it stored, a page here and a page there: by element it takes as long as that takes to come. Tiles
 * leave the way to the caches idle. So tiles fetch a few lines each time before their innermost loop over what is summed begins, the first
 * tile the first lines: as many as can come while that loop runs, so that no tile waits. Where it is long, each of its steps asks for what comes
 * next. What does not fit into a turn's tiles is not fetched. */
#include "lower.h"
#include "verify.h"

enum {
    LEAST_FLOATS = 1024,        /* of a tensor in a turn: a page */
    MOST_LINES = 8,             /* at a time: a core waits for 10 to 16 lines at once */
    LINE_CYCLES = 40,           /* in which one comes */
    LONG = 64,                  /* steps of a loop: there lines are asked for evenly, so that */
    STEP_CYCLES = 22,           /* they may follow one another faster */
    SMALL = 8,                  /* of L2: a tensor below the 8th may still be there */
};

typedef struct Region {         /* of a tensor what a turn reads */
    Buffer *root;
    int64_t floats, fetched;    /* and how much of it tiles fetch */
} Region;
typedef struct Turn {
    const Plan *p;
    const Step *loop;
    VEC(Region) regions;        /* in the order in which they are wanted */
} Turn;

bool is_far(const Plan *p, const Step *loop, Buffer *b)
{
    const Buffer *root = buffer_root(b);
    const bool before = root->kind == BUFFER_PORT || (root->kind == BUFFER_ARENA && b->first < loop->at);
    return before && !root->written && root->type.dt == DT_F32 && 4 * type_count(root->type) > p->target->l2 / SMALL;
}

static void note_read(void *context, const Load *load)
{
    Turn *x = context;
    Buffer *root = buffer_root(load->buffer);
    const int64_t floats = lin_factor(load->at, x->loop->time);
    if (floats < LEAST_FLOATS || !is_far(x->p, x->loop, load->buffer))
        return;
    for (int i = 0; i < x->regions.n; i++)
        if (x->regions.at[i].root == root)
            return;
    vec_push(x->p->a, &x->regions, ((Region){.root = root, .floats = floats}));
}

static void note_reads(Turn *x, const Stage *s, bool tiles)
{
    if (tiles && s->tile) {
        note_read(x, &(Load){.buffer = s->tile->a, .at = s->tile->a_at});
        note_read(x, &(Load){.buffer = s->tile->b, .at = s->tile->b_at});
    }
    for (int i = 0; i < s->items.n && !tiles; i++)
        if (s->items.at[i].value)
            visit_loads(x->p->a, s->items.at[i].value, note_read, x);
}

/* Tiles themselves wait less. */
static void find_regions(Turn *x)
{
    for (int tiles = 0; tiles < 2; tiles++)
        for (int i = 0; i < x->loop->body.n; i++) {
            const Kernel *k = x->loop->body.at[i]->kernel;
            for (int j = 0; j < k->stages.n; j++)
                note_reads(x, k->stages.at[j], tiles);
        }
}

int ahead_loop(const Tile *t)
{
    return t->nk > 1 && k_is_joined(t, t->nk - 2) ? t->nk - 2 : t->nk - 1;
}

int64_t ahead_times(const Tile *t)
{
    int64_t times = 1;
    for (int i = 0; i < ahead_loop(t); i++)
        times *= t->k[i].var->extent;
    return times;
}

/* Tiles of a call. */
static int64_t tiles_of(const Kernel *k, const Tile *t)
{
    const int64_t width = (int64_t)t->schedule.lanes * t->schedule.columns;
    int64_t tiles = (t->n->extent + width - 1) / width;
    int large, nlarge;
    for (int i = 0; i < k->nouter; i++)
        tiles *= k->outer[i] == t->inner ? 1 : k->outer[i] == t->m ? tile_rows(t->m->extent, t->schedule.rows, &large, &nlarge) : k->outer[i]->extent;
    return tiles;
}

/* The innermost loop is written as one, and long. */
static bool is_long(const Tile *t)
{
    const int last = t->nk - 1;
    return ahead_loop(t) == last && !t->k[last].tapped && !k_is_cut(t, last) && t->k[last].var->extent >= LONG;
}

int64_t ahead_floats(const Tile *t, const Ahead *ahead)
{
    return ahead->floats ? ahead->floats * t->k[t->nk - 1].var->extent : ahead->lines * LINE;
}

/* Lines that come while a tile's innermost loop runs, or floats while one step of a long one does; 0: it is none that fetches. */
static int room_of(const Plan *p, const Kernel *k)
{
    const Tile *t = kernel_tile(k);
    if (!t || k->stages.at[0]->tile != t || !t->nk || t->a_n || t->turn || t->schedule.lanes < p->target->lanes || t->schedule.outside >= 0 ||
        t->schedule.unroll > 1 || t->schedule.prefetch)
        return 0;
    const int64_t cycles = t->schedule.rows * tile_inner(t) * t->schedule.columns / p->target->pipes;
    if (is_long(t))
        return cycles >= STEP_CYCLES ? LINE : (int)(LINE * cycles / STEP_CYCLES);
    int64_t steps = 1;
    for (int i = ahead_loop(t); i < t->nk; i++)
        steps *= t->k[i].var->extent;
    const int64_t lines = steps * cycles / LINE_CYCLES;
    return lines < MOST_LINES ? (int)lines : MOST_LINES;
}

static void add_argument(Kernel *k, Buffer *root, Var *time)
{
    bool has = false;
    for (int i = 0; i < k->args.n; i++)
        has |= k->args.at[i] == root;
    if (!has)
        vec_push(k->a, &k->args, root);
    has = false;
    for (int i = 0; i < k->scans.n; i++)
        has |= k->scans.at[i] == time;
    if (!has)
        vec_push(k->a, &k->scans, time);
}

/* k's tiles fetch so much each time of what is left of the region: lines, or floats a step. */
static void fetch(const Turn *x, Kernel *k, Region *r, int much)
{
    Arena *a = x->p->a;
    Tile *t = k->stages.at[0]->tile;
    Var *time = x->loop->time;
    const Lin *turn = lin_offset(a, lin_var(a, time), x->loop->reverse ? -1 : 1);
    const Ahead ahead = {.buffer = r->root, .at = lin_offset(a, lin_scale(a, turn, r->floats), r->fetched),
                         .lines = is_long(t) ? 0 : much, .floats = is_long(t) ? much : 0};
    vec_push(a, &t->ahead, ahead);
    r->fetched += ahead_floats(t, &ahead) * ahead_times(t) * tiles_of(k, t);
    add_argument(k, r->root, time);
}

static void fetch_in_turn(Turn *x)
{
    for (int i = 0, at = 0; i < x->loop->body.n; i++) {
        Kernel *k = x->loop->body.at[i]->kernel;
        int room = room_of(x->p, k);
        const Tile *t = kernel_tile(k);
        const Ahead one = {.lines = 1, .floats = room && is_long(t)};
        const int64_t each = room ? ahead_floats(t, &one) * ahead_times(t) * tiles_of(k, t) : 0;
        for (; room && at < x->regions.n; at += x->regions.at[at].fetched >= x->regions.at[at].floats) {
            const int64_t want = (x->regions.at[at].floats - x->regions.at[at].fetched + each - 1) / each;
            const int much = want < room ? (int)want : room;
            fetch(x, k, &x->regions.at[at], much);
            room -= much;
        }
    }
}

void fetch_ahead(Plan *p)
{
    for (int i = 0; i < p->steps.n; i++) {
        Turn x = {.p = p, .loop = p->steps.at[i]};
        bool plain = x.loop->kind == STEP_SCAN && x.loop->apart && p->target->l2_width && p->target->lanes > 1;
        for (int j = 0; plain && j < x.loop->body.n; j++)
            plain = x.loop->body.at[j]->kind == STEP_KERNEL;
        if (!plain)
            continue;
        find_regions(&x);
        fetch_in_turn(&x);
    }
}
