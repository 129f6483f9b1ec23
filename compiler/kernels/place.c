/* SPDX-License-Identifier: MIT */
/* place.c: what lies in which memory. Some orders are tried, in each of which everything takes the fastest memory it fits when its turn
 * comes; the arrangement that costs least is kept. */
#include "place.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct Thing {      /* one tensor that has to lie somewhere */
    KeptTensor *kept;             /* or */
    Buffer *buffer;
    int64_t bytes;
    double accesses;
    int id;
} Thing;

typedef VEC(Thing) Things;

typedef struct Spot {
    int memory;
    int64_t offset;
} Spot;

typedef struct Search {
    Arena *a;
    const Memories *memories;
    Plan *const *plan;
    int nplan;
    Things kept, *buffers;              /* buffers: by plan */
    /* the arrangement being tried */
    int64_t kept_bytes[MAX_MEMORIES], end[MAX_MEMORIES], most[MAX_MEMORIES];
    Buffer **placed[MAX_MEMORIES];
    int nplaced[MAX_MEMORIES];
    int64_t lacking;                    /* bytes that found no place */
    Things left;                        /* what that is */
    /* the best one */
    double cost;
    int64_t bytes;
    bool found;
    VEC(Spot) spots;                    /* of kept tensors, and then of each plan's buffers */
    int64_t best_kept[MAX_MEMORIES], best_most[MAX_MEMORIES];
    int64_t least_lacking;
    Things best_left;
} Search;

/* ---- orders ---------------------------------------------------------------------------------------- */
static int by_id(const Thing *x, const Thing *y)
{
    return x->id - y->id;
}

static int by_density(const void *x, const void *y)
{
    const Thing *a = x, *b = y;
    double p = a->accesses * (double)b->bytes, q = b->accesses * (double)a->bytes;
    return p != q ? (p < q ? 1 : -1) : by_id(a, b);
}

static int by_bytes(const void *x, const void *y)
{
    const Thing *a = x, *b = y;
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : by_id(a, b);
}

/* An order of buffers that plan_memory knows too. */
static int buffers_by(int (*order)(const void *, const void *), const void *x, const void *y)
{
    return order(&((const Thing *)x)->buffer, &((const Thing *)y)->buffer);
}

static int by_buffer_size(const void *x, const void *y)
{
    return buffers_by(by_size, x, y);
}

static int by_buffer_area(const void *x, const void *y)
{
    return buffers_by(by_area, x, y);
}

static int by_buffer_start(const void *x, const void *y)
{
    return buffers_by(by_start, x, y);
}

typedef int Order(const void *, const void *);

/* ---- one arrangement ------------------------------------------------------------------------------- */
static int64_t round_up(int64_t bytes)      /* an arena lies in front of what is kept, and ends aligned */
{
    return (bytes + 15) / 16 * 16;
}

static bool place_kept(Search *s, KeptTensor *k)
{
    for (int r = 0; r < s->memories->n; r++)
        if (s->kept_bytes[r] + k->bytes + round_up(s->end[r]) <= s->memories->at[r].bytes) {
            k->memory = r;
            s->kept_bytes[r] += k->bytes;
            return true;
        }
    return false;
}

static bool place_buffer(Search *s, Buffer *b)
{
    for (int r = 0; r < s->memories->n; r++) {
        int64_t offset = lowest_fit(s->placed[r], s->nplaced[r], b), end = offset + b->room;
        if (round_up(end) + s->kept_bytes[r] > s->memories->at[r].bytes)
            continue;
        b->memory = r;
        b->offset = offset;
        put_by_offset(s->placed[r], s->nplaced[r]++, b);
        s->end[r] = end > s->end[r] ? end : s->end[r];
        return true;
    }
    return false;
}

static void place_things(Search *s, const Things *things)
{
    for (int i = 0; i < things->n; i++) {
        const Thing *t = &things->at[i];
        if (t->kept ? place_kept(s, t->kept) : place_buffer(s, t->buffer))
            continue;
        s->lacking += t->bytes;
        vec_push(s->a, &s->left, *t);
    }
}

static void begin_arena(Search *s)
{
    for (int r = 0; r < s->memories->n; r++) {
        s->end[r] = 0;
        s->nplaced[r] = 0;
    }
}

static void end_arena(Search *s)
{
    for (int r = 0; r < s->memories->n; r++)
        s->most[r] = s->end[r] > s->most[r] ? s->end[r] : s->most[r];
}

/* The other functions' arenas, in what is left beside the kept tensors. */
static void place_others(Search *s)
{
    static Order *const orders[] = {by_buffer_size, by_buffer_area, by_buffer_start};
    for (int p = 1; p < s->nplan; p++) {
        int64_t lacking = s->lacking;
        for (int i = 0; i < LEN(orders); i++) {
            begin_arena(s);
            s->lacking = lacking;
            Things *things = &s->buffers[p];
            if (things->n)
                qsort(things->at, (size_t)things->n, sizeof *things->at, orders[i]);
            place_things(s, things);
            if (s->lacking == lacking)
                break;
        }
        end_arena(s);
    }
}

/* ---- which is best --------------------------------------------------------------------------------- */
static double cost_of(const Search *s)
{
    double cost = 0;
    for (int i = 0; i < s->kept.n; i++)
        cost += s->kept.at[i].accesses * s->memories->at[s->kept.at[i].kept->memory].cycles;
    for (int i = 0; i < s->buffers[0].n; i++)
        cost += s->buffers[0].at[i].accesses * s->memories->at[s->buffers[0].at[i].buffer->memory].cycles;
    return cost;
}

static void visit_spots(Search *s, void (*visit)(Search *s, int at, int *memory, int64_t *offset))
{
    int at = 0;
    int64_t none = 0;
    for (int i = 0; i < s->kept.n; i++)
        visit(s, s->kept.at[i].id, &s->kept.at[i].kept->memory, &none);
    at = s->kept.n;
    for (int p = 0; p < s->nplan; p++)
        for (int i = 0; i < s->plan[p]->buffers.n; i++, at++)
            visit(s, at, &s->plan[p]->buffers.at[i]->memory, &s->plan[p]->buffers.at[i]->offset);
}

static void save_spot(Search *s, int at, int *memory, int64_t *offset)
{
    while (s->spots.n <= at)
        vec_push(s->a, &s->spots, (Spot){0});
    s->spots.at[at] = (Spot){*memory, *offset};
}

static void restore_spot(Search *s, int at, int *memory, int64_t *offset)
{
    *memory = s->spots.at[at].memory;
    *offset = s->spots.at[at].offset;
}

static void keep_if_better(Search *s)
{
    if (s->lacking) {
        if (!s->found && (s->least_lacking < 0 || s->lacking < s->least_lacking)) {
            s->least_lacking = s->lacking;
            s->best_left = s->left;
            s->left = (Things){0};
        }
        return;
    }
    double cost = cost_of(s);
    int64_t bytes = 0;
    for (int r = 0; r < s->memories->n; r++)
        bytes += s->kept_bytes[r] + round_up(s->most[r]);
    if (s->found && (cost > s->cost || (cost == s->cost && bytes >= s->bytes)))
        return;
    s->found = true;
    s->cost = cost;
    s->bytes = bytes;
    visit_spots(s, save_spot);
    for (int r = 0; r < s->memories->n; r++) {
        s->best_kept[r] = s->kept_bytes[r];
        s->best_most[r] = round_up(s->most[r]);
    }
}

/* First one kind of things, then the other; NULL: both kinds together, in the order of the first. */
static void attempt(Search *s, Things *first, Order *order, Things *second, Order *second_order)
{
    for (int r = 0; r < s->memories->n; r++)
        s->kept_bytes[r] = s->most[r] = 0;
    s->lacking = 0;
    s->left.n = 0;
    begin_arena(s);
    Things *const both[] = {first, second};
    Order *const orders[] = {order, second_order};
    for (int i = 0; i < 2; i++) {
        if (both[i] && both[i]->n) {
            qsort(both[i]->at, (size_t)both[i]->n, sizeof *both[i]->at, orders[i]);
            place_things(s, both[i]);
        }
    }
    end_arena(s);
    place_others(s);
    keep_if_better(s);
}

/* ---- what there is --------------------------------------------------------------------------------- */
static void collect_buffers(Search *s, int p)
{
    const Plan *plan = s->plan[p];
    const double *count = p == 0 ? count_accesses(s->a, plan) : NULL;
    for (int i = 0; i < plan->buffers.n; i++) {
        Buffer *b = plan->buffers.at[i];
        if (is_placed(b))
            vec_push(s->a, &s->buffers[p], ((Thing){.buffer = b, .bytes = b->room, .accesses = count ? count[b->id] : 0, .id = s->kept.n + b->id}));
        for (int k = 0; count && b->kind == BUFFER_PORT && k < s->kept.n; k++)
            if (s->kept.at[k].kept->role == b->role && s->kept.at[k].kept->index == b->index)
                s->kept.at[k].accesses = s->kept.at[k].kept->accesses += count[b->id];
    }
}

static const char *thing_text(Arena *a, const Thing *t)
{
    const char *name = t->kept ? t->kept->name : t->buffer->name;
    return arena_printf(a, "%s (%" PRId64 " bytes)", name ? name : type_text(a, t->buffer->type), t->bytes);
}

/* The largest ones, each name once: functions have much alike. */
static const char *why_not(Search *s)
{
    enum { MOST = 4 };
    const char *said[MOST];
    int n = 0;
    StrBuf sb = {.a = s->a};
    Things *left = &s->best_left;
    qsort(left->at, (size_t)left->n, sizeof *left->at, by_bytes);
    sb_printf(&sb, "%" PRId64 " bytes more are needed; there is no place for ", s->least_lacking);
    for (int i = 0; i < left->n && n < MOST; i++) {
        const char *text = thing_text(s->a, &left->at[i]);
        bool again = false;
        for (int k = 0; k < n && !again; k++)
            again = str_eq(said[k], text);
        if (!again)
            sb_printf(&sb, "%s%s", n ? ", " : "", said[n] = text);
        n += !again;
    }
    return sb_text(&sb);
}

/* ---- the way in ------------------------------------------------------------------------------------ */
static Placement *settle(Search *s, KeptTensor *kept, int nkept)
{
    Placement *to = NEW(s->a, Placement);
    visit_spots(s, restore_spot);
    *to = (Placement){.memories = s->memories, .nkept = nkept, .kept = kept};
    for (int r = 0; r < s->memories->n; r++) {
        to->kept_bytes[r] = s->best_kept[r];
        to->arena_bytes[r] = s->best_most[r];
    }
    for (int i = 0; i < nkept; i++)
        to->accesses[kept[i].memory] += kept[i].accesses;
    for (int p = 0; p < s->nplan; p++) {
        Plan *plan = s->plan[p];
        plan->memories = s->memories;
        plan->memory_bytes = NEWN(s->a, int64_t, MAX_MEMORIES);
        plan->arena_bytes = 0;
        for (int i = 0; i < s->buffers[p].n; i++) {
            const Thing *t = &s->buffers[p].at[i];
            int64_t *bytes = &plan->memory_bytes[t->buffer->memory], end = t->buffer->offset + t->bytes;
            *bytes = end > *bytes ? end : *bytes;
            to->accesses[t->buffer->memory] += t->accesses;
        }
        for (int r = 0; r < s->memories->n; r++)
            plan->arena_bytes += plan->memory_bytes[r];
        settle_turns(plan);
    }
    return to;
}

Placement *place_tensors(Arena *a, const Memories *memories, Plan *const *plan, int nplan, KeptTensor *kept, int nkept, const char **why)
{
    Search s = {.a = a, .memories = memories, .plan = plan, .nplan = nplan, .least_lacking = -1};
    int most = 1;
    for (int i = 0; i < nkept; i++) {
        kept[i].accesses = 0;
        vec_push(a, &s.kept, ((Thing){.kept = &kept[i], .bytes = kept[i].bytes, .id = i}));
    }
    s.buffers = NEWN(a, Things, nplan);
    for (int p = 0; p < nplan; p++) {
        collect_buffers(&s, p);
        most = s.buffers[p].n > most ? s.buffers[p].n : most;
    }
    for (int r = 0; r < memories->n; r++)
        s.placed[r] = NEWN(a, Buffer *, most);
    Things all = {0}, *buffers = &s.buffers[0];
    for (int i = 0; i < s.kept.n; i++)
        vec_push(a, &all, s.kept.at[i]);
    for (int i = 0; i < buffers->n; i++)
        vec_push(a, &all, buffers->at[i]);
    attempt(&s, &all, by_density, NULL, NULL);
    attempt(&s, &all, by_bytes, NULL, NULL);
    attempt(&s, &s.kept, by_density, buffers, by_buffer_size);
    attempt(&s, &s.kept, by_bytes, buffers, by_buffer_size);
    attempt(&s, buffers, by_density, &s.kept, by_density);
    attempt(&s, buffers, by_buffer_size, &s.kept, by_density);
    attempt(&s, buffers, by_buffer_area, &s.kept, by_density);
    attempt(&s, buffers, by_buffer_start, &s.kept, by_bytes);
    if (s.found)
        return settle(&s, kept, nkept);
    *why = why_not(&s);
    return NULL;
}

const char *placement_verify(Arena *a, const Placement *p, Plan *const *plan, int nplan)
{
    int64_t kept[MAX_MEMORIES] = {0};
    for (int i = 0; i < p->nkept; i++)
        kept[p->kept[i].memory] += p->kept[i].bytes;
    for (int r = 0; r < p->memories->n; r++)
        for (int i = 0; i < nplan; i++)
            if (plan[i]->memory_bytes[r] > p->arena_bytes[r] || kept[r] + p->arena_bytes[r] > p->memories->at[r].bytes)
                return arena_printf(a, "%s does not hold what was put there", p->memories->at[r].name);
    return NULL;
}
