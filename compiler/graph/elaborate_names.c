/* SPDX-License-Identifier: MIT */
/* elaborate_names.c: which names a loop's body reads and assigns, from the text alone. */
#include "elaborate_internal.h"

bool name_listed(const NameList *names, const char *name)
{
    for (int i = 0; i < names->n; i++)
        if (str_eq(names->at[i].text, name))
            return true;
    return false;
}

static void list_name(Arena *a, NameList *names, Name name)
{
    if (!name_listed(names, name.text))
        vec_push(a, names, name);
}

/* ---- walking ------------------------------------------------------------------------------------------- */

/* Visits in the order things happen. What is not of interest may be NULL. */
typedef struct Walk {
    void (*read)(struct Walk *w, const Expr *name);
    void (*set)(struct Walk *w, Name name);
    void (*call)(struct Walk *w, const Expr *call);
    Arena *a;
    NameList assigned; /* so far, in order */
    NameList *found;
    const char *name;
    Span skip; /* an expression not to look into */
    bool anywhere, hit;
} Walk;

static void walk_block(Walk *w, const Block *body);

static void walk_expr(Walk *w, const Expr *x)
{
    if (!x || (w->skip.source && x->kind == EX_FOR && x->span.lo == w->skip.lo && x->span.hi == w->skip.hi))
        return;
    if (x->kind == EX_NAME) {
        if (w->read)
            w->read(w, x);
        return;
    }
    if (x->kind == EX_FIELD)
        return; /* a path names a parameter, not a variable */
    if (x->kind == EX_CALL && w->call)
        w->call(w, x);
    walk_expr(w, x->condition);
    walk_expr(w, x->base);
    walk_expr(w, x->right);
    for (int i = 0; i < x->items.n; i++)
        walk_expr(w, x->items.at[i]);
    for (int i = 0; i < x->args.n; i++)
        walk_expr(w, x->args.at[i].value);
    for (int i = 0; i < x->subscripts.n; i++) {
        walk_expr(w, x->subscripts.at[i].index);
        walk_expr(w, x->subscripts.at[i].start);
        walk_expr(w, x->subscripts.at[i].stop);
        walk_expr(w, x->subscripts.at[i].stride);
    }
    for (int i = 0; i < x->clauses.n; i++)
        walk_expr(w, x->clauses.at[i].over);
    for (int i = 0; i < x->clauses.n && w->set; i++)
        w->set(w, x->clauses.at[i].name);
    walk_block(w, &x->body);
}

/* Only one branch is taken: what both assign counts as assigned after them. */
static void walk_branches(Walk *w, const Stmt *s)
{
    NameList before = w->assigned, first, both;
    w->assigned = (NameList){0};
    for (int i = 0; i < before.n; i++)
        vec_push(w->a, &w->assigned, before.at[i]);
    walk_block(w, &s->body);
    first = w->assigned;
    w->assigned = before;
    walk_block(w, &s->orelse);
    both = (NameList){0};
    for (int i = 0; i < w->assigned.n; i++)
        if (name_listed(&first, w->assigned.at[i].text))
            vec_push(w->a, &both, w->assigned.at[i]);
    w->assigned = both;
}

static void walk_stmt(Walk *w, const Stmt *s)
{
    walk_expr(w, s->value);
    walk_expr(w, s->message);
    for (int i = 0; i < s->values.n; i++)
        walk_expr(w, s->values.at[i]);
    if (s->kind == ST_OUTPUT && !s->value && w->read) {
        Expr name = {.kind = EX_NAME, .text = s->names.at[0].text, .span = s->names.at[0].span};
        w->read(w, &name);
    }
    if (s->kind == ST_IF)
        walk_branches(w, s);
    else
        walk_block(w, &s->body);
    if (s->kind == ST_ASSIGN && w->set)
        for (int i = 0; i < s->names.n; i++)
            w->set(w, s->names.at[i]);
}

static void walk_block(Walk *w, const Block *body)
{
    for (int i = 0; i < body->n; i++)
        walk_stmt(w, body->at[i]);
}

/* ---- questions ----------------------------------------------------------------------------------------- */

static void set_found(Walk *w, Name name) { list_name(w->a, w->found, name); }

void names_assigned(Arena *a, const Block *body, NameList *out)
{
    Walk w = {.set = set_found, .a = a, .found = out};
    walk_block(&w, body);
}

static void list_names(Walk *w, const Expr *x)
{
    if (x->kind == EX_NAME)
        list_name(w->a, w->found, (Name){x->text, x->span});
    for (int i = 0; x->kind == EX_LIST && i < x->items.n; i++)
        list_names(w, x->items.at[i]);
}

static void gradient_called(Walk *w, const Expr *call)
{
    for (int i = 0; i < call->args.n && str_eq(call->text, "gradient"); i++)
        if (i == 1 || str_eq(call->args.at[i].name.text, "x"))
            list_names(w, call->args.at[i].value);
}

void names_differentiated(Arena *a, const Block *body, NameList *out)
{
    Walk w = {.call = gradient_called, .a = a, .found = out};
    walk_block(&w, body);
}

static void read_before_set(Walk *w, const Expr *x)
{
    if (!name_listed(&w->assigned, x->text))
        list_name(w->a, w->found, (Name){x->text, x->span});
}

static void set_assigned(Walk *w, Name name) { list_name(w->a, &w->assigned, name); }

/* Names the body assigns and reads before that: what one step leaves, the next one finds. */
void names_carried(Arena *a, const Expr *loop, NameList *out)
{
    NameList assigned = {0}, read = {0};
    Walk w = {.read = read_before_set, .set = set_assigned, .a = a, .found = &read};
    for (int i = 0; i < loop->clauses.n; i++)
        list_name(a, &w.assigned, loop->clauses.at[i].name);
    walk_block(&w, &loop->body);
    names_assigned(a, &loop->body, &assigned);
    for (int i = 0; i < read.n; i++)
        if (name_listed(&assigned, read.at[i].text))
            vec_push(a, out, read.at[i]);
}

static void read_after(Walk *w, const Expr *x)
{
    if (str_eq(x->text, w->name) && (w->anywhere || x->span.lo >= w->skip.hi))
        w->hit = true;
}

/* Whether the text outside the loop reads the name: behind it, or `anywhere` where the surroundings come
 * round again. */
bool name_used_after(Arena *a, const Block *body, const char *name, Span loop, bool anywhere)
{
    Walk w = {.a = a, .read = read_after, .name = name, .skip = loop, .anywhere = anywhere};
    walk_block(&w, body);
    return w.hit;
}
