/* SPDX-License-Identifier: MIT */
/* weights.c: whether a file's tensors are the ones a model wants; all that is wrong is said at once. */
#include "lab.h"

static const Entry *wanted_find(const Entry *wanted, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (str_eq(wanted[i].name, name))
            return &wanted[i];
    return NULL;
}

static void say_missing(StrBuf *sb, const StringList *unexpected, const Entry *e)
{
    const char *near = nearest_name(e->name, unexpected->at, unexpected->n);
    sb_printf(sb, "\n  missing      %s: %s", e->name, type_text(sb->a, e->type));
    if (near)
        sb_printf(sb, " (is it the file's %s?)", near);
}

static void say_different(StrBuf *sb, const Entry *e, Type t)
{
    sb_printf(sb, "\n  wrong %s  %s: the model has %s, the file %s", shape_eq(e->type, t) ? "dtype" : "shape",
              e->name, type_text(sb->a, e->type), type_text(sb->a, t));
}

bool weights_match(Arena *a, const char *path, const ArrayList *file, const Entry *wanted, int n,
                   Array *found, const char **why)
{
    StrBuf sb = {a, NULL, 0, 0};
    StringList unexpected = {0};
    for (int i = 0; i < file->n; i++)
        if (!wanted_find(wanted, n, file->at[i].name))
            vec_push(a, &unexpected, file->at[i].name);
    for (int i = 0; i < n; i++) {
        const Array *x = array_find(file, wanted[i].name);
        if (!x)
            say_missing(&sb, &unexpected, &wanted[i]);
        else if (!type_eq(x->type, wanted[i].type))
            say_different(&sb, &wanted[i], x->type);
        else
            found[i] = *x;
    }
    for (int i = 0; i < unexpected.n; i++)
        sb_printf(&sb, "\n  unexpected   %s: %s", unexpected.at[i],
                  type_text(a, array_find(file, unexpected.at[i])->type));
    if (sb.n == 0)
        return true;
    *why = arena_printf(a, "%s does not fit the model:%s", path, sb_text(&sb));
    return false;
}

bool weights_load(Arena *a, const char *path, const Module *m, Array *found, const char **why)
{
    ArrayList file = {0};
    int n = m->params.n + m->states.n;
    Entry *wanted = NEWN(a, Entry, n + 1);
    for (int i = 0; i < n; i++)
        wanted[i] = i < m->params.n ? m->params.at[i] : m->states.at[i - m->params.n];
    return safetensors_read(a, path, &file, why) && weights_match(a, path, &file, wanted, n, found, why);
}
