/* SPDX-License-Identifier: MIT */
/* share.c: kernels whose C is the same but for names become one function with several calls: layers that are alike, and those
 * that inference, evaluation and training have in common. It has the name, and its tensors the names, of the first.
 *
 * Where the code is to be small, kernels may also differ by whole numbers: extents and strides. Those that do are parameters of the
 * function, numbers that are always equal are one. */
#include "emit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIZES = 8, DEEPEST = 64 };      /* parameters of a function: more would cost its calls what they save */

/* ---- the whole numbers of a text --------------------------------------------------------------------- */
typedef struct Number {
    const char *at;
    size_t length;
} Number;
typedef VEC(Number) NumberList;

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Whether the bracket at `at` belongs to an array's declaration, whose extent has to be a constant. */
static bool declares(const char *text, const char *at)
{
    const char *line = at;
    while (line > text && line[-1] != '\n')
        line--;
    line += strspn(line, " ");
    const char *type_end = line + strcspn(line, " ");
    return isalpha((unsigned char)*line) && *type_end == ' ' && !memchr(line, '=', (size_t)(at - line)) && !memchr(line, '(', (size_t)(at - line)) &&
           type_end < at && isalpha((unsigned char)type_end[1]) && strncmp(line, "return ", 7);
}

/* What an opening bracket begins: the arguments of a call, whose types may be others than int; an index; anything else. */
static char bracket_kind(const char *text, const char *at)
{
    const char *word = at;
    while (word > text && is_word(word[-1]))
        word--;
    if (*at == '[')
        return declares(text, at) ? 'd' : 'i';
    return word == at ? 'p' : 'c';      /* keywords have a blank before the bracket */
}

/* Those that may be variables of type int, in order. */
static NumberList numbers_of(Arena *a, const char *text)
{
    NumberList list = {0};
    char open[DEEPEST + 1] = {'p'};
    int depth = 0;
    for (const char *at = strchr(text, '{'); at && *at; at++) {
        if (*at == '(' || *at == '[') {
            if (depth == DEEPEST)
                BUG("brackets in brackets: %s", text);
            char kind = bracket_kind(text, at);
            open[depth + 1] = kind == 'p' ? open[depth] : kind;
            depth++;
        } else if (*at == ')' || *at == ']') {
            depth--;
        } else if (is_word(*at)) {
            size_t n = 0;
            while (is_word(at[n]) || ((at[n] == '-' || at[n] == '+') && (at[n - 1] == 'e') && isdigit((unsigned char)*at) && !strchr("xX", at[1])))
                n++;
            if (strspn(at, "0123456789") == n && (open[depth] == 'p' || open[depth] == 'i'))
                vec_push(a, &list, ((Number){at, n}));
            at += n - 1;
        }
    }
    return list;
}

/* The text with # for each of them. */
static const char *skeleton(Arena *a, const char *text, const NumberList *list)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i < list->n; i++) {
        sb_printf(&sb, "%.*s#", (int)(list->at[i].at - text), text);
        text = list->at[i].at + list->at[i].length;
    }
    sb_puts(&sb, text);
    return sb_text(&sb);
}

/* ---- parameters -------------------------------------------------------------------------------------- */
/* Whether the i-th and the k-th number are equal in every kernel that calls first's function. */
static bool always_equal(const Kernel *first, int i, int k)
{
    bool equal = first->numbers.at[i] == first->numbers.at[k];
    for (int other = 0; equal && other < first->others.n; other++)
        equal = first->others.at[other]->numbers.at[i] == first->others.at[other]->numbers.at[k];
    return equal;
}

static bool varies(const Kernel *first, int i)
{
    bool varies = false;
    for (int other = 0; !varies && other < first->others.n; other++)
        varies = first->others.at[other]->numbers.at[i] != first->numbers.at[i];
    return varies;
}

/* By number: which parameter it is, or -1. Returns how many parameters there are. */
static int parameters_of(const Kernel *first, int *parameter)
{
    int n = 0;
    for (int i = 0; i < first->numbers.n; i++) {
        parameter[i] = -1;
        if (!varies(first, i))
            continue;
        for (int k = 0; k < i && parameter[i] < 0; k++)
            if (parameter[k] >= 0 && always_equal(first, i, k))
                parameter[i] = parameter[k];
        if (parameter[i] < 0)
            parameter[i] = n++;
    }
    return n;
}

const char *sizes_passed(Arena *a, const Kernel *k)
{
    const Kernel *first = k->same ? k->same : k;
    StrBuf sb = {.a = a};
    int *parameter = NEWN(a, int, first->numbers.n + 1), n = 0;
    if (first->others.n)
        parameters_of(first, parameter);
    for (int i = 0; first->others.n && i < first->numbers.n; i++)
        if (parameter[i] == n) {
            sb_printf(&sb, ", %" PRId64, k->numbers.at[i]);
            n++;
        }
    return sb_text(&sb);
}

const char *sizes_taken(Arena *a, const Kernel *first)
{
    StrBuf sb = {.a = a};
    int *parameter = NEWN(a, int, first->numbers.n + 1), n = first->others.n ? parameters_of(first, parameter) : 0;
    for (int i = 0; i < n; i++)
        sb_printf(&sb, ", int dl_size_%d", i);
    return sb_text(&sb);
}

const char *with_sizes(Arena *a, const Kernel *first, const char *text)
{
    NumberList list = numbers_of(a, text);
    StrBuf sb = {.a = a};
    int *parameter = NEWN(a, int, first->numbers.n + 1);
    if (!first->others.n || !first->numbers.n)
        return text;
    if (list.n != first->numbers.n)
        BUG("%s has %d numbers with names and %d without", first->name, list.n, first->numbers.n);
    parameters_of(first, parameter);
    for (int i = 0; i < list.n; i++) {
        if (parameter[i] < 0)
            continue;
        sb_printf(&sb, "%.*sdl_size_%d", (int)(list.at[i].at - text), text, parameter[i]);
        text = list.at[i].at + list.at[i].length;
    }
    sb_puts(&sb, text);
    return sb_text(&sb);
}

/* ---- sharing ----------------------------------------------------------------------------------------- */
static bool few_sizes(Arena *a, Kernel *first, Kernel *k)
{
    vec_push(a, &first->others, k);
    int n = parameters_of(first, NEWN(a, int, first->numbers.n + 1));
    first->others.n--;
    return n <= MOST_SIZES;
}

/* Among the functions of k's text, from the list's `at` on, the first that k can call; or NULL. */
static Kernel *function_for(Share *s, Kernel *k, int at)
{
    for (; at > 0; at = s->next.at[at - 1])
        if (few_sizes(s->a, s->first.at[at - 1], k))
            return s->first.at[at - 1];
    return NULL;
}

static void note_numbers(Arena *a, Kernel *k, const NumberList *list)
{
    k->numbers.n = 0;
    for (int i = 0; i < list->n; i++)
        vec_push(a, &k->numbers, (int64_t)strtoll(list->at[i].at, NULL, 10));
}

/* Those that leave nothing behind have none: a size alone is not worth being the first. */
static bool takes_arguments(const Kernel *k)
{
    return k->args.n || k->scans.n || k->salts.n;
}

void share_kernels(Share *s, Plan *p, const char *prefix)
{
    p->prefix = arena_strdup(p->a, prefix);
    Arena *work = arena_inner(s->a), *held = arena_inner(s->a);
    s->text.a = s->a;
    for (int i = 0; i < p->kernels.n; i++) {
        Kernel *k = p->kernels.at[i];
        StrBuf sb = {.a = held};
        emit_nameless(&sb, work, p, k);
        const char *text = sb_text(&sb);
        NumberList list = {0};
        if (p->target->compact && !k->split.n && takes_arguments(k))
            list = numbers_of(held, text);
        note_numbers(p->a, k, &list);
        int *known = str_map(&s->text, skeleton(held, text, &list));
        Kernel *first = function_for(s, k, *known);
        vec_forget(&k->others);     /* of another text of this plan */
        if (first) {
            k->same = first;
            k->function = first->function;
            vec_push(s->a, &first->others, k);
            continue;
        }
        vec_push(s->a, &s->first, k);
        vec_push(s->a, &s->next, *known);
        *known = s->first.n;
        k->same = NULL;
        k->function = arena_printf(p->a, "%s%s", prefix, k->name);
    }
    arena_free(work);
}
