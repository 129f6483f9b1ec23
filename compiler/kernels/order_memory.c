/* SPDX-License-Identifier: MIT */
/* order_memory.c: kernels in the order that keeps few bytes at once.
 *
 * From an order in which they can run, each group is moved as long as that helps: one that makes more than it is the last to
 * read goes back to just before its first reader; one that is the last to read more than it makes goes forward to where
 * everything it waits for is there: an optimizer's update to its gradient. Nothing is tried twice without gain, so that this
 * takes a few walks over all. */
#include "lower.h"

enum {
    MOST_WALKS = 8,
    ALIGN = 16,
};

typedef struct Kept {           /* a unit's, in the arena */
    int64_t bytes;
    int maker;                  /* its group */
    Numbers readers;            /* other groups, each once */
} Kept;

typedef struct Line {           /* the groups in their order, */
    const Lower *c;
    Arena *a;
    int n, *before, *after;     /* linked; group n is the end and the beginning */
    double *at;                 /* and numbered: x runs before y where at[x] < at[y] */
    int nvalue;
    Kept *value;
    Numbers *makes, *reads;     /* by group: values */
} Line;

/* ---- what each group makes and reads ----------------------------------------------------------------- */
static int64_t padded(Type t)
{
    return (type_bytes(t) + ALIGN - 1) / ALIGN * ALIGN;
}

static int64_t bytes_made(const Lower *c, const Unit *u)
{
    int64_t bytes = 0;
    if (u->kind == UNIT_LOOP) {
        const Lower *body = c->body[u->node->id];
        for (int i = 0; i < u->node->attr.scan.nyield; i++)
            bytes += body->stacked_at[i]->n ? 0 : padded(body->stacked[i]->type);   /* of a loop around */
        return bytes;
    }
    return u->buffer && u->buffer->kind == BUFFER_ARENA ? padded(u->buffer->type) : 0;
}

static void list_values(Line *l)
{
    const Lower *c = l->c;
    Marks marks = {0};
    l->value = NEWN(l->a, Kept, c->units.n + 1);
    for (int i = 0; i < c->units.n; i++) {
        const Unit *u = c->units.at[i];
        Kept *v = &l->value[l->nvalue];
        *v = (Kept){.bytes = bytes_made(c, u), .maker = u->group};
        marks_clear(l->a, &marks, l->n);
        for (int k = 0; v->bytes && k < u->users.n; k++)
            if (u->users.at[k]->group != u->group && marks_add(&marks, u->users.at[k]->group))
                vec_push(l->a, &v->readers, u->users.at[k]->group);
        if (!v->readers.n)
            continue;
        vec_push(l->a, &l->makes[v->maker], l->nvalue);
        for (int k = 0; k < v->readers.n; k++)
            vec_push(l->a, &l->reads[v->readers.at[k]], l->nvalue);
        l->nvalue++;
    }
}

static int64_t makes(const Line *l, int g)
{
    int64_t bytes = 0;
    for (int i = 0; i < l->makes[g].n; i++)
        bytes += l->value[l->makes[g].at[i]].bytes;
    return bytes;
}

/* The last group other than g that makes or reads a value. */
static int last_other(const Line *l, const Kept *v, int g)
{
    int last = v->maker;
    for (int i = 0; i < v->readers.n; i++)
        if (v->readers.at[i] != g && l->at[v->readers.at[i]] > l->at[last])
            last = v->readers.at[i];
    return last;
}

/* What nothing reads behind g. */
static int64_t frees(const Line *l, int g)
{
    int64_t bytes = 0;
    for (int i = 0; i < l->reads[g].n; i++) {
        const Kept *v = &l->value[l->reads[g].at[i]];
        bytes += l->at[last_other(l, v, g)] < l->at[g] ? v->bytes : 0;
    }
    return bytes;
}

/* ---- the line ---------------------------------------------------------------------------------------- */
static void number(Line *l)
{
    double at = 0;
    for (int g = l->after[l->n]; g != l->n; g = l->after[g])
        l->at[g] = at++;
    l->at[l->n] = at;
}

static void link(Line *l, int x, int y)
{
    l->after[x] = y;
    l->before[y] = x;
}

/* Takes g out and puts it in behind x. */
static void move_behind(Line *l, int g, int x)
{
    link(l, l->before[g], l->after[g]);
    int y = l->after[x];
    link(l, x, g);
    link(l, g, y);
    double from = x == l->n ? -1 : l->at[x];
    l->at[g] = (from + l->at[y]) / 2;
    if (!(l->at[g] > from && l->at[g] < l->at[y]))
        number(l);
}

/* ---- moves ------------------------------------------------------------------------------------------- */
/* Back to just before the first that waits for it, if what it makes is more than what would have to be kept for it. */
static bool move_back(Line *l, int g)
{
    const Place *place = &l->c->group_order.place.at[g];
    int first = l->n;
    for (int i = 0; i < place->before.n; i++)
        if (first == l->n || l->at[place->before.at[i]] < l->at[first])
            first = place->before.at[i];
    if (first == l->n || l->before[first] == g)
        return false;
    int64_t kept = 0;
    for (int i = 0; i < l->reads[g].n; i++) {
        const Kept *v = &l->value[l->reads[g].at[i]];
        if (l->at[last_other(l, v, g)] < l->at[first])
            kept += v->bytes;
    }
    if (makes(l, g) <= kept)
        return false;
    move_behind(l, g, l->before[first]);
    return true;
}

/* Forward to behind all it waits for and the other readers of what it is the last to read, if that is more than it makes. */
static bool move_forward(Line *l, int g)
{
    const Place *place = &l->c->group_order.place.at[g];
    int behind = l->n;      /* the beginning */
    for (int i = 0; i < place->after.n; i++)
        if (behind == l->n || l->at[place->after.at[i]] > l->at[behind])
            behind = place->after.at[i];
    int64_t freed = 0;
    for (int i = 0; i < l->reads[g].n; i++) {
        const Kept *v = &l->value[l->reads[g].at[i]];
        int last = last_other(l, v, g);
        if (l->at[last] > l->at[g])
            continue;
        freed += v->bytes;
        behind = behind == l->n || l->at[last] > l->at[behind] ? last : behind;
    }
    if (freed <= makes(l, g))
        return false;
    for (int x = l->after[behind]; x != g && makes(l, x) <= makes(l, g) && frees(l, x) > makes(l, x); x = l->after[x])
        behind = x;
    if (l->before[g] == behind)
        return false;
    move_behind(l, g, behind);
    return true;
}

int *order_sparing(const Lower *c)
{
    int n = c->groups.n, *order = order_sorted(&c->group_order);
    Line l = {.c = c, .a = c->a, .n = n, .before = NEWN(c->a, int, n + 1), .after = NEWN(c->a, int, n + 1)};
    l.at = NEWN(c->a, double, n + 1);
    l.makes = NEWN(c->a, Numbers, n + 1);
    l.reads = NEWN(c->a, Numbers, n + 1);
    list_values(&l);
    for (int i = 0; i < n; i++)
        link(&l, i ? order[i - 1] : n, order[i]);
    link(&l, n ? order[n - 1] : n, n);
    number(&l);
    bool moved = true;
    for (int walk = 0; walk < MOST_WALKS && moved; walk++) {
        moved = false;
        for (int g = l.before[n], next; g != n; g = next) {
            next = l.before[g];
            moved |= move_back(&l, g);
        }
        for (int g = l.after[n], next; g != n; g = next) {
            next = l.after[g];
            moved |= move_forward(&l, g);
        }
    }
    for (int i = 0, g = l.after[n]; g != n; g = l.after[g])
        order[i++] = g;
    return order;
}
