/* SPDX-License-Identifier: MIT */
/* verify_turns.c: may the turns of a loop of kernels run at once? A tensor that is written in such a loop is each thread's own and no one's
 * outside, or a turn writes and reads a part of it that no other turn does. Shares no code with parallel.c. */
#include "verify.h"

typedef struct Turns {
    Arena *a;
    const Plan *p;
    const Step *loop;
    const Kernel *k;
    int64_t *part;              /* by storage: elements of it that a turn has for itself; 0: nothing is written there */
    const char *why;
} Turns;

static void complain(Turns *x, const char *what, const Buffer *b)
{
    if (!x->why)
        x->why = arena_printf(x->a, "%s: %s %s in turns that threads share", x->k->name, what, b->name ? b->name : "an unnamed buffer");
}

static void check_write(Turns *x, const Stage *s, const Item *item)
{
    const Buffer *root = item->buffer ? buffer_root(item->buffer) : NULL;
    if (!root || root->kind == BUFFER_LOCAL)
        return;
    const Lin *at = store_index(x->a, s, item);
    if (root->turn)
        return;
    int64_t part = lin_factor(at, x->loop->time);
    if (part <= 0 || !lies_in_part(x->a, x->loop->time, at, part, NULL, 0) || (x->part[root->id] && x->part[root->id] != part))
        complain(x, "writes what others write of", root);
    x->part[root->id] = part;
}

static void check_place(Turns *x, Buffer *b, const Lin *at, const Guard *guard, int nguard)
{
    const Buffer *root = buffer_root(b);
    if (root->kind != BUFFER_LOCAL && x->part[root->id] && !lies_in_part(x->a, x->loop->time, at, x->part[root->id], guard, nguard))
        complain(x, "reads what others write of", root);
}

static void check_read(void *context, const Load *load)
{
    check_place(context, load->buffer, load->at, load->guard, load->nguard);
}

static void check_reads(Turns *x, const Stage *s)
{
    if (s->tile) {
        Guard guard[MAX_K];
        int nguard = tap_guards(x->a, s->tile, guard);
        check_place(x, s->tile->a, operand_index(x->a, s->tile, 0), guard, nguard);
        check_place(x, s->tile->b, operand_index(x->a, s->tile, 1), guard, nguard);
    }
    for (int j = 0; j < s->items.n; j++) {
        if (s->items.at[j].value)
            visit_loads(x->a, s->items.at[j].value, check_read, x);
        visit_index_loads(x->a, s->items.at[j].at, check_read, x);
    }
}

static void check_kernel(Turns *x, bool reads)
{
    for (int i = 0; i < x->k->stages.n; i++) {
        const Stage *s = x->k->stages.at[i];
        if (s->kind == STAGE_CHECK || s->kind == STAGE_SCATTER || x->k->split.n)
            complain(x, "finds at run time where it writes, or is cut itself, of", x->k->args.at[0]);
        if (reads)
            check_reads(x, s);
        for (int j = 0; j < s->items.n && !reads; j++)
            check_write(x, s, &s->items.at[j]);
    }
}

static void check_body(Turns *x, const Step *loop, bool reads)
{
    for (int i = 0; i < loop->body.n; i++) {
        const Step *s = loop->body.at[i];
        if (s->grain || s->rows)
            x->why = "a loop that threads share stands in one whose turns they share";
        x->k = s->kernel;
        if (s->kind == STEP_SCAN)
            check_body(x, s, reads);
        else
            check_kernel(x, reads);
    }
}

/* What is a thread's own is nobody's elsewhere. */
static void check_own(Turns *x, Step *const *steps, int n, const Step *inside, const Step **user)
{
    for (int i = 0; i < n; i++) {
        const Step *s = steps[i];
        if (s->kind == STEP_SCAN) {
            check_own(x, s->body.at, s->body.n, inside || !s->grain ? inside : s, user);
            continue;
        }
        x->k = s->kernel;
        for (int k = 0; k < s->kernel->args.n; k++) {
            const Buffer *b = buffer_root(s->kernel->args.at[k]);
            if (!b->turn)
                continue;
            if (!inside || (user[b->turn->id] && user[b->turn->id] != inside))
                complain(x, "has no thread for", b);
            user[b->turn->id] = inside;
        }
    }
}

const char *verify_turns(Arena *a, const Plan *p)
{
    Turns x = {.a = arena_inner(a), .p = p};
    for (int i = 0; i < p->steps.n && !x.why; i++) {
        x.loop = p->steps.at[i];
        if (x.loop->kind != STEP_SCAN || !x.loop->grain)
            continue;
        x.part = NEWN(x.a, int64_t, p->buffers.n + 1);
        check_body(&x, x.loop, false);
        check_body(&x, x.loop, true);
    }
    if (!x.why)
        check_own(&x, p->steps.at, p->steps.n, NULL, NEWN(x.a, const Step *, p->buffers.n + 1));
    const char *why = x.why ? arena_strdup(a, x.why) : NULL;
    arena_free(x.a);
    return why;
}
