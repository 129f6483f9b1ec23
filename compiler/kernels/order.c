/* SPDX-License-Identifier: MIT */
/* order.c: things that wait for each other, kept in an order in which they can run while more waits are added:
 * Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", 2006. A question, and a
 * new wait, looks only at what stands between the two; where that is much, the answer is no. */
#include "lower.h"

#include <stdlib.h>

enum { NEAR = 256 }; /* places between two things, beyond which nobody looks */

static int position(const Order *o, int x)
{
    return o->place.at[x].position;
}

int order_add(Order *o)
{
    Place p = {.position = o->at.n};
    vec_push(o->a, &o->at, o->place.n);
    vec_push(o->a, &o->place, p);
    return p.position;
}

/* ---- searches -------------------------------------------------------------------------------------- */
/* x, and all it waits for at position `end` or behind it. */
static void find_waited_for(Order *o, int x, int end, Numbers *found)
{
    marks_clear(o->a, &o->marks, o->place.n);
    marks_add(&o->marks, x);
    found->n = 0;
    vec_push(o->a, found, x);
    for (int i = 0; i < found->n; i++) {
        const Numbers *after = &o->place.at[found->at[i]].after;
        for (int k = 0; k < after->n; k++)
            if (position(o, after->at[k]) >= end && marks_add(&o->marks, after->at[k]))
                vec_push(o->a, found, after->at[k]);
    }
}

/* x, and all that wait for it at position `end` or in front of it. */
static void find_waiting(Order *o, int x, int end, Numbers *found)
{
    marks_clear(o->a, &o->marks, o->place.n);
    marks_add(&o->marks, x);
    found->n = 0;
    vec_push(o->a, found, x);
    for (int i = 0; i < found->n; i++) {
        const Numbers *before = &o->place.at[found->at[i]].before;
        for (int k = 0; k < before->n; k++)
            if (position(o, before->at[k]) <= end && marks_add(&o->marks, before->at[k]))
                vec_push(o->a, found, before->at[k]);
    }
}

/* y stands in front of x: does x wait for it? */
static bool waits(Order *o, int x, int y)
{
    find_waited_for(o, x, position(o, y), &o->behind);
    return !marks_add(&o->marks, y);
}

static bool are_near(const Order *o, int x, int y)
{
    return abs(position(o, x) - position(o, y)) <= NEAR;
}

bool order_waits(Order *o, int x, int y)
{
    return x == y || (position(o, y) < position(o, x) && are_near(o, x, y) && waits(o, x, y));
}

bool order_may_wait(Order *o, int x, int y)
{
    return x != y && (position(o, y) < position(o, x) || (are_near(o, x, y) && !waits(o, y, x)));
}

/* ---- one more wait --------------------------------------------------------------------------------- */
static int by_size(const void *x, const void *y)
{
    return (*(const int *)x > *(const int *)y) - (*(const int *)x < *(const int *)y);
}

static void sort(Numbers *numbers)
{
    qsort(numbers->at, (size_t)numbers->n, sizeof *numbers->at, by_size);
}

static void to_positions(const Order *o, Numbers *things)
{
    for (int i = 0; i < things->n; i++)
        things->at[i] = position(o, things->at[i]);
    sort(things);
}

/* y and what it waits for, as far as it stands behind x, goes in front of x and who waits for x. Between them they keep the
 * places they had. */
static void move_in_front(Order *o, int x, int y)
{
    Numbers *behind = &o->behind, *front = &o->front, *places = &o->places, *moved = &o->moved;
    find_waited_for(o, y, position(o, x), behind);
    find_waiting(o, x, position(o, y), front);
    to_positions(o, behind);
    to_positions(o, front);
    places->n = moved->n = 0;
    for (int i = 0; i < behind->n + front->n; i++) {
        int from = i < behind->n ? behind->at[i] : front->at[i - behind->n];
        vec_push(o->a, places, from);
        vec_push(o->a, moved, o->at.at[from]);
    }
    sort(places);
    for (int i = 0; i < moved->n; i++) {
        o->at.at[places->at[i]] = moved->at[i];
        o->place.at[moved->at[i]].position = places->at[i];
    }
}

static void link_places(Order *o, int x, int y)
{
    vec_push(o->a, &o->place.at[x].after, y);
    vec_push(o->a, &o->place.at[y].before, x);
}

void order_wait(Order *o, int x, int y)
{
    if (x == y)
        return;
    if (position(o, y) > position(o, x))
        move_in_front(o, x, y);
    link_places(o, x, y);
}

/* ---- all at once ------------------------------------------------------------------------------------ */
void order_begin(Order *o, int x, int y)
{
    if (x != y)
        link_places(o, x, y);
}

void order_begun(Order *o)
{
    o->at.at = order_sorted(o);
    o->at.cap = o->at.n;
    for (int i = 0; i < o->at.n; i++)
        o->place.at[o->at.at[i]].position = i;
}

int *order_sorted(const Order *o)
{
    int n = o->place.n, *sorted = NEWN(o->a, int, n + 1), nsorted = 0;
    int *stack = NEWN(o->a, int, n + 1), *next = NEWN(o->a, int, n + 1);    /* next: of those it waits for; behind all: done */
    for (int i = 0; i < n; i++)
        for (int depth = next[i] ? 0 : (stack[0] = i, 1); depth;) {
            int x = stack[depth - 1];
            const Numbers *after = &o->place.at[x].after;
            if (next[x] == after->n) {
                next[x]++;
                sorted[nsorted++] = x;
                depth--;
                continue;
            }
            int y = after->at[next[x]++];
            if (next[y] == 0)
                stack[depth++] = y;
        }
    return sorted;
}
