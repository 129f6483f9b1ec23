/* SPDX-License-Identifier: MIT */
/* by_turns.c: what the turns of a loop over parts of a batch read for the last time gives its place to what they make, part by part.
 *
 * As a whole such a tensor lives until the loop ends. But a turn reads its own part alone, and behind the last kernel that does nobody wants
 * that part: what is stored there is found in the caches, and what lay there need not go back beyond them. So a tensor of results, part by
 * part, or what a turn makes for itself, lies where a tensor that ends with the loop does. */
#include "lower.h"
#include "verify.h"

enum { LEAST_FLOATS = 1024 };   /* of a part: a page; what is smaller is in some cache all the time */

typedef struct Seen {           /* of a storage, in a loop's body */
    Buffer *buffer;             /* the value it holds, the only one; NULL: several */
    int64_t part;               /* elements of it that each turn has for itself; 0: turns see the same; -1: neither */
    int read, write;            /* the last kernel that reads it and the first that writes it; -1: none */
} Seen;
typedef struct Turns {
    Plan *p;
    const Step *loop;
    int at;                     /* the kernel that is looked at */
    Seen *seen;                 /* by storage */
    VEC(Ex *) loads;            /* that have been moved */
} Turns;

static Kernel *kernel_at(const Turns *x, int i)
{
    return x->loop->body.at[i]->kernel;
}

/* ---- what turns touch ------------------------------------------------------------------------------ */
static Seen *see(Turns *x, Buffer *b, const Lin *at)
{
    Seen *seen = &x->seen[buffer_root(b)->id];
    const int64_t part = lin_uses(lin_without(x->p->a, at, x->loop->time), x->loop->time) ? -1 : lin_factor(at, x->loop->time);
    const bool first = seen->read < 0 && seen->write < 0;
    seen->buffer = first || seen->buffer == b ? b : NULL;
    seen->part = first || seen->part == part ? part : -1;
    return seen;
}

static void see_read(void *context, const Load *load)
{
    Turns *x = context;
    see(x, load->buffer, load->at)->read = x->at;
}

static void see_write(Turns *x, Buffer *b, const Lin *at)
{
    Seen *seen = see(x, b, at);
    if (seen->write < 0)
        seen->write = x->at;
}

static void see_stage(Turns *x, const Stage *s)
{
    if (s->tile) {
        see_read(x, &(Load){.buffer = s->tile->a, .at = s->tile->a_at});
        see_read(x, &(Load){.buffer = s->tile->b, .at = s->tile->b_at});
    }
    for (int j = 0; j < s->items.n; j++) {
        const Item *item = &s->items.at[j];
        if (item->value)
            visit_loads(x->p->a, item->value, see_read, x);
        visit_index_loads(x->p->a, item->at, see_read, x);
        if (item->buffer)
            see_write(x, item->buffer, item->at);
    }
}

static void see_loop(Turns *x)
{
    for (int i = 0; i < x->p->buffers.n; i++)
        x->seen[i] = (Seen){.read = -1, .write = -1};
    for (x->at = 0; x->at < x->loop->body.n; x->at++)
        for (int i = 0; i < kernel_at(x, x->at)->stages.n; i++)
            see_stage(x, kernel_at(x, x->at)->stages.at[i]);
}

/* ---- who may lie where ------------------------------------------------------------------------------ */
/* The loop only reads it, each turn its part, and nobody does behind the loop. */
static bool gives_place(const Turns *x, const Seen *from)
{
    const Buffer *root = from->buffer ? buffer_root(from->buffer) : NULL;
    return root && root->kind == BUFFER_ARENA && root->first < x->loop->at && root->last == x->loop->end && from->read >= 0 && from->write < 0 &&
           from->part >= LEAST_FLOATS && from->part * x->loop->time->extent == type_count(from->buffer->type);
}

/* Made in the loop, the parts of a tensor that lives on; or anew in each turn. */
static bool wants_place(const Turns *x, const Seen *to)
{
    const Buffer *b = to->buffer;
    if (!b || b->kind != BUFFER_ARENA || b->alias || b->block || to->write < 0 || (to->read >= 0 && to->read < to->write))
        return false;
    return to->part > 0 ? b->first == x->loop->at && b->last > x->loop->end : !to->part && b->first > x->loop->at && b->last < x->loop->end;
}

static int64_t turn_floats(const Seen *to)
{
    return to->part ? to->part : type_count(to->buffer->type);
}

/* Of a part at `at` of what all turns have. */
static const Lin *in_stack(const Turns *x, const Lin *at, int64_t part)
{
    return lin_add(x->p->a, at, lin_scale(x->p->a, lin_var(x->p->a, x->loop->time), part));
}

/* Where the kernel that reads `from` last writes `to`, it does so element by element. */
static bool overwrites(const Turns *x, const Seen *from, const Seen *to)
{
    const Kernel *k = kernel_at(x, to->write);
    bool all = true;
    for (int i = 0; i < k->stages.n; i++)
        for (int j = 0; j < k->stages.at[i]->items.n; j++) {
            const Item *item = &k->stages.at[i]->items.at[j];
            if (item->buffer == to->buffer)
                all &= k->stages.at[i]->kind == STAGE_MAP && may_overwrite(k, i, j, from->buffer, to->part ? item->at : in_stack(x, item->at, from->part));
        }
    return all;
}

static bool may_take(const Turns *x, const Seen *from, const Seen *to)
{
    return gives_place(x, from) && turn_floats(to) == from->part && to->buffer->type.dt == from->buffer->type.dt &&
           (to->part == 0 || type_count(to->buffer->type) == type_count(from->buffer->type)) &&
           (from->read < to->write || (from->read == to->write && overwrites(x, from, to)));
}

/* ---- what a turn makes for itself becomes the turn's part of a tensor ------------------------------- */
static void move_load(Turns *x, Ex *e, const Buffer *b, int64_t part)
{
    for (int i = 0; i < x->loads.n; i++)
        if (x->loads.at[i] == e)
            return;
    vec_push(x->p->a, &x->loads, e);
    if (e->kind == X_LOAD && e->buffer == b)
        e->at = in_stack(x, e->at, part);
    for (int i = 0; i < e->part.n; i++)
        move_load(x, e->part.at[i], b, part);
}

static void move_stage(Turns *x, Stage *s, const Buffer *b, int64_t part)
{
    if (s->tile && s->tile->a == b)
        s->tile->a_at = in_stack(x, s->tile->a_at, part);
    if (s->tile && s->tile->b == b)
        s->tile->b_at = in_stack(x, s->tile->b_at, part);
    for (int j = 0; j < s->items.n; j++) {
        Item *item = &s->items.at[j];
        ExList values = {0};
        lin_values(x->p->a, item->at, &values);
        for (int i = 0; i < values.n; i++)
            move_load(x, values.at[i], b, part);
        if (item->value)
            move_load(x, item->value, b, part);
        if (item->buffer != b)
            continue;
        item->at = in_stack(x, item->at, part);
        if (s->tile)
            s->tile->c_at = item->at;
    }
}

static bool is_given(const Kernel *k, const Var *time)
{
    for (int i = 0; i < k->scans.n; i++)
        if (k->scans.at[i] == time)
            return true;
    return false;
}

static void stack_turns(Turns *x, Buffer *b, int64_t part)
{
    x->loads.n = 0;
    for (int i = 0; i < x->loop->body.n; i++) {
        Kernel *k = kernel_at(x, i);
        for (int j = 0; j < k->stages.n; j++)
            move_stage(x, k->stages.at[j], b, part);
        if (kernel_uses_time(k, x->loop->time) && !is_given(k, x->loop->time))
            vec_push(k->a, &k->scans, x->loop->time);
        for (int j = 0; j < k->units.n; j++)
            if (k->units.at[j]->buffer == b)
                k->units.at[j]->base = in_stack(x, k->units.at[j]->base, part);
    }
    b->type = type_make(b->type.dt, 2, (int64_t[]){x->loop->time->extent, part});
}

/* ---- all -------------------------------------------------------------------------------------------- */
static void take(Turns *x, const Seen *from, const Seen *to)
{
    if (!to->part)
        stack_turns(x, to->buffer, from->part);
    to->buffer->alias = from->buffer;
    for (Buffer *b = from->buffer; b; b = b->alias)
        b->last = to->buffer->last > b->last ? to->buffer->last : b->last;
}

/* Of what the loop reads, the first that may be overwritten. */
static void find_place(Turns *x, Seen *to)
{
    int i = 0;
    while (i < x->p->buffers.n && !may_take(x, &x->seen[i], to))
        i++;
    if (i == x->p->buffers.n)
        return;
    take(x, &x->seen[i], to);
    x->seen[i] = *to = (Seen){.read = -1, .write = -1};
}

/* Tensors that live on first: there is more of them. */
static void share_in_loop(Turns *x)
{
    see_loop(x);
    for (int own = 0; own < 2; own++)
        for (int at = 0; at < x->loop->body.n; at++)
            for (int i = 0; i < x->p->buffers.n; i++)
                if (x->seen[i].write == at && (x->seen[i].part == 0) == own && wants_place(x, &x->seen[i]))
                    find_place(x, &x->seen[i]);
}

void share_by_turns(Plan *p)
{
    Turns x = {.p = p, .seen = NEWN(p->a, Seen, p->buffers.n + 1)};
    for (int i = 0; i < p->steps.n; i++) {
        x.loop = p->steps.at[i];
        bool plain = x.loop->kind == STEP_SCAN && x.loop->apart;
        for (int j = 0; plain && j < x.loop->body.n; j++)
            plain = x.loop->body.at[j]->kind == STEP_KERNEL;
        if (plain)
            share_in_loop(&x);
    }
}
