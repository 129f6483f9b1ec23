/* SPDX-License-Identifier: MIT */
/* handed.c: what threads that share a kernel have to fetch from each other's caches.
 *
 * Of what the same list of steps has made: all of it but a thread's own part, where each piece reads the whole; where it reads just the
 * part that is its own, nothing if threads have shared the making, otherwise that. And somebody else has to fetch what a
 * kernel makes, where he who reads it does so alone. */
#include "lower.h"
#include "verify.h"

struct Handed {
    Arena *a;
    const Plan *p;
    int *list;              /* by storage: the list of steps that made it last, by number; 0: none yet */
    const Kernel **maker;   /* by storage: the kernel that did */
    bool *by_all;           /* by storage: threads shared the making */
    double *alone;          /* by storage: bytes of it that a kernel reads that is too small for several threads */
    double *bytes;          /* by storage: of the kernel being looked at, */
    VEC(int) touched;       /* which has these */
    bool leaves;            /* tensors are half more than L2 holds: what the call before has touched is there no more */
    bool *in_loop;          /* by kernel: it finds there what the turn before has touched */
};

typedef struct Look {
    Handed *h;
    const Kernel *k;
    const Split *s;
    int at;                 /* number of the list of steps */
} Look;

static void note_loops(Handed *h, Step *const *step, int n, bool in_loop)
{
    for (int i = 0; i < n; i++)
        if (step[i]->kind == STEP_SCAN)
            note_loops(h, step[i]->body.at, step[i]->body.n, true);
        else
            h->in_loop[step[i]->kernel->id] = in_loop;
}

Handed *handed_new(Arena *a, const Plan *p)
{
    Handed *h = NEW(a, Handed);
    const int n = p->buffers.n + 1;
    int64_t bytes = 0;
    *h = (Handed){.a = a, .p = p, .list = NEWN(a, int, n), .maker = NEWN(a, const Kernel *, n), .by_all = NEWN(a, bool, n),
                  .alone = NEWN(a, double, n), .bytes = NEWN(a, double, n), .in_loop = NEWN(a, bool, p->kernels.n + 1)};
    for (int i = 0; i < p->buffers.n; i++)
        bytes += p->buffers.at[i]->kind == BUFFER_LOCAL || p->buffers.at[i]->alias ? 0 : type_bytes(p->buffers.at[i]->type);
    h->leaves = p->target->l2 && 2 * bytes > 3 * p->target->l2;
    note_loops(h, p->steps.at, p->steps.n, false);
    return h;
}

static void note(Handed *h, const Buffer *root, double bytes)
{
    if (bytes > 0 && h->bytes[root->id] == 0)
        vec_push(h->a, &h->touched, root->id);
    h->bytes[root->id] = bytes > h->bytes[root->id] ? bytes : h->bytes[root->id];
}

static double take_noted(Handed *h)
{
    double bytes = 0;
    for (int i = 0; i < h->touched.n; i++) {
        bytes += h->bytes[h->touched.at[i]];
        h->bytes[h->touched.at[i]] = 0;
    }
    h->touched.n = 0;
    return bytes;
}

static double range_bytes(const Buffer *b, const Lin *at)
{
    int64_t lo, hi, all = type_bytes(b->type);
    lin_range(at, &lo, &hi);
    hi = (hi - lo + 1) * dtype_bytes(b->type.dt);
    return (double)(hi < all ? hi : all);
}

/* A place of one turn of the loops around the kernel. */
static const Lin *in_turn(Look *x, const Lin *at)
{
    for (int i = 0; i < x->k->scans.n; i++)
        at = lin_without(x->h->a, at, x->k->scans.at[i]);
    return at;
}

static bool has_values(Arena *a, const Lin *at)
{
    ExList list = {0};
    lin_values(a, at, &list);
    return list.n > 0;
}

static void visit_reads(Look *x, VisitLoad *visit)
{
    for (int i = 0; i < x->k->stages.n; i++) {
        const Stage *s = x->k->stages.at[i];
        if (s->tile) {
            visit(x, &(Load){.buffer = s->tile->a, .at = operand_index(x->h->a, s->tile, 0)});
            visit(x, &(Load){.buffer = s->tile->b, .at = operand_index(x->h->a, s->tile, 1)});
        }
        for (int j = 0; j < s->items.n; j++) {
            if (s->items.at[j].value)
                visit_loads(x->h->a, s->items.at[j].value, visit, x);
            visit_index_loads(x->h->a, s->items.at[j].at, visit, x);
        }
    }
}

/* Of an index found at run time nobody knows what is read. */
static const Buffer *known_root(Look *x, const Load *load)
{
    const Buffer *root = buffer_root(load->buffer);
    return root->kind == BUFFER_LOCAL || has_values(x->h->a, load->at) ? NULL : root;
}

/* ---- who has made what ----------------------------------------------------------------------------- */
static void read_alone(void *context, const Load *load)
{
    Look *x = context;
    const Buffer *root = known_root(x, load);
    double bytes = root ? range_bytes(load->buffer, load->at) : 0;
    if (root && bytes > x->h->alone[root->id])
        x->h->alone[root->id] = bytes;
}

void handed_alone(Handed *h, const Kernel *k)
{
    visit_reads(&(Look){h, k, NULL, 0}, read_alone);
}

void handed_made(Handed *h, const Step *step, int list, bool by_all)
{
    for (int i = 0; step->kind == STEP_SCAN && i < step->body.n; i++)
        handed_made(h, step->body.at[i], list, by_all);
    for (int i = 0; step->kind == STEP_KERNEL && i < step->kernel->stages.n; i++) {
        const Stage *s = step->kernel->stages.at[i];
        for (int j = 0; j < s->items.n; j++) {
            if (!s->items.at[j].buffer)
                continue;
            int id = buffer_root(s->items.at[j].buffer)->id;
            h->list[id] = list;
            h->by_all[id] = by_all;
            h->maker[id] = step->kernel;
        }
    }
}

/* ---- what a kernel moves --------------------------------------------------------------------------- */
static bool moves_with_pieces(const Look *x, const Lin *at)
{
    const Tile *t = x->k->stages.at[0]->tile;
    bool moves = false;
    for (int i = 0; i < x->s->n; i++)
        moves |= lin_uses(at, t && t->block == x->s->var[i] ? t->m : x->s->var[i]);
    for (int i = 0; x->s->in_parts && i < x->k->stages.n; i++)
        moves |= lin_uses(at, x->k->stages.at[i]->loop[0]);
    return moves;
}

static void read_handed(void *context, const Load *load)
{
    Look *x = context;
    const double n = x->h->p->target->threads.n;
    const Buffer *root = known_root(x, load);
    if (!root || x->h->list[root->id] != x->at)
        return;
    double bytes = range_bytes(load->buffer, in_turn(x, load->at));
    if (!moves_with_pieces(x, load->at))
        note(x->h, root, bytes * (n - 1) / n);
    else if (!x->h->by_all[root->id] && x->h->maker[root->id] != x->k)      /* what it makes anew it has shared before */
        note(x->h, root, bytes / n);
}

static void note_results(Look *x)
{
    const double n = x->h->p->target->threads.n;
    for (int i = 0; i < x->k->stages.n; i++)
        for (int j = 0; j < x->k->stages.at[i]->items.n; j++) {
            const Item *item = &x->k->stages.at[i]->items.at[j];
            const Buffer *root = item->buffer ? buffer_root(item->buffer) : NULL;
            if (!root || root->kind == BUFFER_LOCAL || has_values(x->h->a, item->at))
                continue;
            double bytes = range_bytes(item->buffer, in_turn(x, store_index(x->h->a, x->k->stages.at[i], item)));
            bytes = bytes < x->h->alone[root->id] ? bytes : x->h->alone[root->id];
            note(x->h, root, bytes * (n - 1) / n);
        }
}

double handed_bytes(Handed *h, const Kernel *k, const Split *s, int list)
{
    Look x = {h, k, s, list};
    visit_reads(&x, read_handed);
    double bytes = take_noted(h);
    note_results(&x);
    return bytes + take_noted(h);
}

/* ---- what it touches ------------------------------------------------------------------------------- */
static void read_any(void *context, const Load *load)
{
    Look *x = context;
    const Buffer *root = known_root(x, load);
    if (root)
        note(x->h, root, range_bytes(load->buffer, in_turn(x, load->at)));
}

/* Of what the kernel has been seen to touch. Beyond L2 lies what the caller keeps, where a call touches much more than L2 holds. */
static void add_noted(Look *x, Moved *moved)
{
    Handed *h = x->h;
    for (int i = 0; i < h->touched.n && h->leaves && !h->in_loop[x->k->id]; i++)
        moved->far += h->p->buffers.at[h->touched.at[i]]->kind == BUFFER_PORT ? h->bytes[h->touched.at[i]] : 0;
    moved->all += take_noted(h);
}

Moved kernel_moved(Handed *h, const Kernel *k)
{
    Look x = {h, k, NULL, 0};
    Moved moved = {0};
    visit_reads(&x, read_any);
    add_noted(&x, &moved);
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++) {
            const Item *item = &k->stages.at[i]->items.at[j];
            if (item->buffer && !has_values(h->a, item->at))
                read_any(&x, &(Load){.buffer = item->buffer, .at = store_index(h->a, k->stages.at[i], item)});
        }
    add_noted(&x, &moved);
    if (h->p->target->l2 && moved.all > (double)h->p->target->l2)
        moved.far = moved.all;
    return moved;
}
