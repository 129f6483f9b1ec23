/* SPDX-License-Identifier: MIT */
/* elaborate_call_names.c: what the calls in a scope are called. Each is found by its base (`dense`), its name (`dense_2`) and what
 * `as` says: the latest by hash, those before it from there. */
#include "elaborate_internal.h"

static const char *key_of(const CallName *c, CallKey key)
{
    return key == CALL_BASE ? c->base : key == CALL_NAME ? c->name : c->call->as.text;
}

/* The latest call of this key, or NULL. */
static const CallName *latest_call(Elab *e, Instance *i, CallKey key, const char *text)
{
    i->latest[key].a = e->a;
    int at = *str_map(&i->latest[key], text);
    return at ? &i->calls.at[at - 1] : NULL;
}

static const CallName *call_before(const Instance *i, const CallName *c, CallKey key)
{
    return c->before[key] ? &i->calls.at[c->before[key] - 1] : NULL;
}

static void add_call(Elab *e, Instance *i, CallName c)
{
    const CallName *other = latest_call(e, i, CALL_BASE, c.base);
    c.number = other ? other->number + 1 : 1;
    for (int key = 0; key < CALL_KEYS; key++) {
        if (!key_of(&c, (CallKey)key))
            continue;
        i->latest[key].a = e->a;
        int *latest = str_map(&i->latest[key], key_of(&c, (CallKey)key));
        c.before[key] = *latest;
        *latest = i->calls.n + 1;
    }
    vec_push(e->a, &i->calls, c);
}

void forget_calls(Instance *i, int n)
{
    while (i->calls.n > n) {
        const CallName *c = &i->calls.at[--i->calls.n];
        for (int key = 0; key < CALL_KEYS; key++)
            if (key_of(c, (CallKey)key))
                *str_map(&i->latest[key], key_of(c, (CallKey)key)) = c->before[key];
    }
}

/* base_1, base_2, ... */
static const char *numbered(Elab *e, const char *base)
{
    const CallName *last = latest_call(e, e->instance, CALL_BASE, base);
    int count = last ? last->number + 1 : 1;
    const char *name;
    do
        name = arena_printf(e->a, "%s_%d", base, count++);
    while (latest_call(e, e->instance, CALL_NAME, name));
    return name;
}

/* A call before this one that has its name, another round of a `repeat` apart. */
static const CallName *namesake(Elab *e, const Expr *call, const char *name)
{
    Instance *i = e->instance;
    const CallName *found = NULL;
    for (const CallName *c = latest_call(e, i, CALL_AS, call->as.text); c && !found; c = call_before(i, c, CALL_AS)) {
        if (i->repeats && c->call == call)
            break;          /* it had none then, and those since are rounds of its own */
        found = c->call->same ? NULL : c;
    }
    for (const CallName *c = latest_call(e, i, CALL_NAME, name); c && !found; c = call_before(i, c, CALL_NAME))
        found = c->call->same || (i->repeats && c->call == call) ? NULL : c;
    return found;
}

const char *name_call(Elab *e, const Expr *call, const Def *def)
{
    Instance *i = e->instance;
    const char *as = call->as.text, *base = as ? as : def->name.text;
    if (as && call->same) /* sharing does not change what others are called */
        base = arena_printf(e->a, "%s_again", as);
    const char *name = as && !i->repeats && !call->same ? as : numbered(e, base);
    const CallName *other = as && !call->same ? namesake(e, call, name) : NULL;
    if (other) {
        elab_error(e, call->as.span, "two calls named `%s` in one scope", as);
        diag_note_at(e->d, other->call->as.text ? other->call->as.span : other->call->span, "the first");
    }
    add_call(e, i, (CallName){.base = base, .name = name, .call = call, .def = def});
    return name;
}
