/* SPDX-License-Identifier: MIT */
/* c_names.c: whether what a model calls its tensors stays apart as identifiers of C, where a dot is an underscore. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

typedef struct CName {
    const char *identifier, *name, *what;
    Span span;
} CName;

typedef VEC(CName) CNames;

static void add_names(Arena *a, CNames *names, const char *what, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++) {
        const CName name = {c_identifier(a, entry[i].name), entry[i].name, what, entry[i].span};
        vec_push(a, names, name);
    }
}

static int by_identifier(const void *x, const void *y)
{
    const CName *p = x, *q = y;
    int order = strcmp(p->identifier, q->identifier);
    return order ? order : (p->span.lo > q->span.lo) - (p->span.lo < q->span.lo);
}

/* Of one struct, or of one function's parameters. */
static void check_apart(Diag *d, CNames *names)
{
    if (names->n > 1)
        qsort(names->at, (size_t)names->n, sizeof *names->at, by_identifier);
    for (int i = 1; i < names->n; i++) {
        const CName *x = &names->at[i - 1], *y = &names->at[i];
        if (strcmp(x->identifier, y->identifier) != 0)
            continue;
        diag_error(d, y->span, "the %s `%s` and the %s `%s` would both be `%s` in C", y->what, y->name, x->what, x->name,
                   y->identifier);
        if (x->span.source)
            diag_note_at(d, x->span, "the %s", x->what);
    }
}

bool c_names_apart(Arena *a, Diag *d, const Module *m, bool train)
{
    const struct {
        const char *what;
        const Entry *entry;
        int n;
        bool emitted;
    } groups[] = {
        {"parameter", m->params.at, m->params.n, true},
        {"state", m->states.at, m->states.n, true},
        {"stream", m->streams.at, m->streams.n, true},
        {"optimizer's state", m->optimizer.at, m->optimizer.n, train},
    };
    for (int i = 0; i < LEN(groups); i++) {
        CNames names = {0};
        add_names(a, &names, groups[i].what, groups[i].entry, groups[i].emitted ? groups[i].n : 0);
        check_apart(d, &names);
    }
    CNames metrics = {0}, infer = {0}, training = {0};
    const CName loss = {"loss", "loss", "loss", {0}};
    vec_push(a, &metrics, loss);
    add_names(a, &metrics, "metric", m->metrics.at, train ? m->metrics.n : 0);
    check_apart(d, &metrics);
    add_names(a, &infer, "input", m->inputs.at, m->inputs.n);
    add_names(a, &infer, "output", m->outputs.at, m->outputs.n);
    check_apart(d, &infer);
    add_names(a, &training, "input", m->inputs.at, m->inputs.n);
    add_names(a, &training, "target", m->targets.at, train ? m->targets.n : 0);
    check_apart(d, &training);
    return diag_errors(d) == 0;
}
