/* SPDX-License-Identifier: MIT */
/* schedule_file.c: schedules of contractions as text, printed and read back.
 *
 *     # comment
 *     function infer
 *     contraction 1:1152/0 9:128/0 64:0/1 sum 3:416/6144 96:1/64 = row_axis 1 row_axes 1 rows 9 lanes 16 columns 4
 *
 * A contraction is named by what it is, so that equal ones share a line and the name stays when a model changes elsewhere: the
 * result's axes, then those that are summed over, each EXTENT:STRIDE/STRIDE, the strides of the left and of the right operand, and
 * where a window is padded, (AXIS*STRIDE+DILATION-PAD<EXTENT): the taps k at which 0 <= i * STRIDE + k * DILATION - PAD < EXTENT. What
 * a line leaves out stays as it would be without. */
#include "lower.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at;
} fields[] = {
    {"row_axis", offsetof(TileSchedule, row_axis)},
    {"row_axes", offsetof(TileSchedule, row_axes)},
    {"rows", offsetof(TileSchedule, rows)},
    {"lanes", offsetof(TileSchedule, lanes)},
    {"columns", offsetof(TileSchedule, columns)},
    {"abreast", offsetof(TileSchedule, abreast)},
    {"panel_tiles", offsetof(TileSchedule, panel_tiles)},
    {"outside", offsetof(TileSchedule, outside)},
    {"k_split", offsetof(TileSchedule, k_split)},
    {"k_block", offsetof(TileSchedule, k_block)},
    {"k_outer", offsetof(TileSchedule, k_outer)},
    {"prefetch", offsetof(TileSchedule, prefetch)},
    {"zigzag", offsetof(TileSchedule, zigzag)},
    {"unroll", offsetof(TileSchedule, unroll)},
};
_Static_assert(sizeof(TileSchedule) == LEN(fields) * sizeof(int), "a row for each member");

static int *member(TileSchedule *s, int field)
{
    return (int *)(void *)((char *)s + fields[field].at);
}

typedef struct Scheduled {
    const char *function, *name;
    Span span;
    bool set[LEN(fields)];
    TileSchedule s;
    bool used, refused;
} Scheduled;

struct Schedules {
    Arena *a;
    Diag *d;
    VEC(Scheduled) list;
    StrMap at;               /* by function and name: 1 + place in the list */
    StrMap planned;          /* functions */
    bool collects;
    VEC(Candidates *) candidates;
};

Schedules *schedules_new(Arena *a, Diag *d)
{
    Schedules *all = NEW(a, Schedules);
    *all = (Schedules){.a = a, .d = d, .at = {.a = a}, .planned = {.a = a}};
    return all;
}

static int *place_of(Schedules *all, const char *function, const char *name)
{
    return str_map(&all->at, arena_printf(all->a, "%s %s", function, name));
}

/* ---- names ----------------------------------------------------------------------------------------- */
static void put_axis(StrBuf *sb, const Contraction *k, int axis)
{
    sb_printf(sb, " %" PRId64 ":%" PRId64 "/%" PRId64, k->extent[axis], k->sa[axis], k->sb[axis]);
    if (axis == k->n_axis && k->group)
        sb_printf(sb, "(/%" PRId64 "*%" PRId64 ")", k->group, k->a_group);
    for (int i = 0; i < k->ntap; i++)
        if (k->tap[i].k == axis)
            sb_printf(sb, "(%d*%" PRId64 "+%" PRId64 "-%" PRId64 "<%" PRId64 ")", k->tap[i].out, k->tap[i].stride,
                      k->tap[i].dilation, k->tap[i].pad, k->tap[i].extent);
}

const char *contraction_name(Arena *a, const Contraction *k)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i <= k->n_axis; i++)
        put_axis(&sb, k, i);
    sb_puts(&sb, " sum");
    for (int i = k->n_axis + 1; i < k->naxis; i++)
        put_axis(&sb, k, i);
    return sb_text(&sb) + 1;
}

/* ---- printing -------------------------------------------------------------------------------------- */
const char *schedule_text(Arena *a, TileSchedule s)
{
    StrBuf sb = {.a = a};
    for (int f = 0; f < LEN(fields); f++)
        sb_printf(&sb, " %s %d", fields[f].name, *member(&s, f));
    return sb_text(&sb);
}

static void put_kernel(StrBuf *sb, StrMap *seen, const Kernel *k)
{
    for (int i = 0; i < k->stages.n; i++) {
        const Tile *t = k->stages.at[i]->tile;
        if (!t || (*str_map(seen, t->name))++)
            continue;
        sb_printf(sb, "# %s\ncontraction %s =%s\n", k->name, t->name, schedule_text(sb->a, t->schedule));
    }
}

void plan_print_schedule(StrBuf *sb, const Plan *p)
{
    StrMap seen = {.a = sb->a};
    sb_printf(sb, "function %s\n", p->fn->name);
    for (int i = 0; i < p->kernels.n; i++)
        put_kernel(sb, &seen, p->kernels.at[i]);
}

/* ---- reading --------------------------------------------------------------------------------------- */
typedef struct Words { /* of one line */
    Schedules *all;
    int source;
    bool (*is_function)(const char *name);
    const char *text, *at, *end;
} Words;

/* The next one; empty behind the last. */
static const char *next(Words *w, Span *span)
{
    while (w->at < w->end && isspace((unsigned char)*w->at))
        w->at++;
    const char *from = w->at;
    while (w->at < w->end && !isspace((unsigned char)*w->at))
        w->at++;
    *span = (Span){w->source, (uint32_t)(from - w->text), (uint32_t)(w->at - w->text)};
    return arena_strndup(w->all->a, from, (size_t)(w->at - from));
}

static bool to_number(const char *word, int *value)
{
    char *end;
    long found = strtol(word, &end, 10);
    *value = (int)found;
    return *word && !*end && found == *value;
}

static int field_named(Diag *d, Span span, const char *word)
{
    const char *names[LEN(fields)];
    for (int f = 0; f < LEN(fields); f++) {
        names[f] = fields[f].name;
        if (str_eq(word, names[f]))
            return f;
    }
    const char *near = nearest_name(word, names, LEN(fields));
    diag_error(d, span, "a schedule has no %s", word);
    if (near)
        diag_help(d, "did you mean %s?", near);
    return -1;
}

/* "rows 9 lanes 16": behind the =. */
static bool read_fields(Words *w, Scheduled *to)
{
    Span span;
    int value;
    for (const char *word; *(word = next(w, &span));) {
        int f = field_named(w->all->d, span, word);
        if (f < 0)
            return false;
        if (!to_number(next(w, &span), &value)) {
            diag_error(w->all->d, span, "expected a whole number for %s", word);
            return false;
        }
        if (to->set[f]) {
            diag_error(w->all->d, span, "%s is given twice", word);
            return false;
        }
        *member(&to->s, f) = value;
        to->set[f] = true;
    }
    return true;
}

static void add(Schedules *all, Scheduled entry)
{
    int *place = place_of(all, entry.function, entry.name);
    if (*place) {
        diag_error(all->d, entry.span, "this contraction of %s is scheduled twice", entry.function);
        diag_note_at(all->d, all->list.at[*place - 1].span, "first");
        return;
    }
    vec_push(all->a, &all->list, entry);
    *place = all->list.n;
}

void schedules_add(Schedules *all, const char *function, const char *name, TileSchedule s)
{
    Scheduled entry = {.function = function, .name = name, .s = s};
    for (int f = 0; f < LEN(fields); f++)
        entry.set[f] = true;
    add(all, entry);
}

/* What stands between "contraction" and "=", words one blank apart. */
static bool read_name(Words *w, Scheduled *to)
{
    StrBuf name = {.a = w->all->a};
    Span span;
    const char *word;
    while (*(word = next(w, &span)) && !str_eq(word, "=")) {
        sb_printf(&name, "%s%s", name.n ? " " : "", word);
        to->span = name.n == strlen(word) ? span : span_join(to->span, span);
    }
    if (*word && name.n) {
        to->name = sb_text(&name);
        return true;
    }
    diag_error(w->all->d, span, "expected a contraction, = and its schedule");
    return false;
}

static void read_line(Words *w, const char **function)
{
    Span span;
    const char *word = next(w, &span);
    Scheduled entry = {.function = *function};
    if (!*word || *word == '#')
        return;
    if (str_eq(word, "function")) {
        *function = next(w, &span);
        if (!w->is_function(*function))
            diag_error(w->all->d, span, "there is no function %s", *function);
    } else if (!str_eq(word, "contraction")) {
        diag_error(w->all->d, span, "expected function, contraction or a comment");
    } else if (!*function) {
        diag_error(w->all->d, span, "a contraction of which function? A line `function NAME` is missing before it");
    } else if (read_name(w, &entry) && read_fields(w, &entry)) {
        add(w->all, entry);
    }
}

void schedules_read(Schedules *all, int source, bool (*is_function)(const char *name))
{
    size_t bytes;
    const char *text = diag_source_text(all->d, source, &bytes), *function = NULL;
    for (const char *at = text; at < text + bytes;) {
        const char *end = memchr(at, '\n', (size_t)(text + bytes - at));
        end = end ? end : text + bytes;
        Words line = {all, source, is_function, text, at, end};
        read_line(&line, &function);
        at = end + 1;
    }
}

/* ---- use ------------------------------------------------------------------------------------------- */
static const Fn *whole_function(const Lower *c)
{
    while (c->parent)
        c = c->parent;
    return c->fn;
}

static void collect(Schedules *all, const char *function, const char *name, const Contraction *k, const Target *target)
{
    for (int i = 0; i < all->candidates.n; i++)
        if (str_eq(all->candidates.at[i]->function, function) && str_eq(all->candidates.at[i]->name, name))
            return;
    Candidates *found = NEW(all->a, Candidates);
    *found = (Candidates){.function = function, .name = name};
    found->n = tile_candidates(k, target, found->s, MOST_CANDIDATES);
    vec_push(all->a, &all->candidates, found);
}

void schedules_collect(Schedules *all)
{
    all->collects = true;
}

const Candidates *schedules_candidates(const Schedules *all, int i)
{
    return i < all->candidates.n ? all->candidates.at[i] : NULL;
}

TileSchedule tile_choose(Lower *c, const Contraction *k)
{
    Schedules *all = c->p->schedules;
    TileSchedule chosen = tile_schedule(k, c->p->target);
    if (!all)
        return chosen;
    const char *function = whole_function(c)->name, *name = contraction_name(c->a, k);
    int place = *place_of(all, function, name);
    if (all->collects)
        collect(all, function, name, k, c->p->target);
    if (!place)
        return chosen;
    Scheduled *entry = &all->list.at[place - 1];
    TileSchedule wanted = chosen;
    for (int f = 0; f < LEN(fields); f++)
        if (entry->set[f])
            *member(&wanted, f) = *member(&entry->s, f);
    entry->used = true;
    const char *why = tile_schedule_fits(c->a, k, c->p->target, &wanted);
    if (!why)
        return wanted;
    if (!entry->refused)
        diag_error(all->d, entry->span, "this schedule is not possible: %s", why);
    entry->refused = true;
    return chosen;
}

void schedules_begin(Schedules *all, const char *function)
{
    *str_map(&all->planned, function) = 1;
}

static void missing(Schedules *all, const Scheduled *entry)
{
    bool first = !diag_errors(all->d);
    diag_error(all->d, entry->span, "%s has no such contraction", entry->function);
    if (first)
        diag_help(all->d, "the extents have the batch in them: was the file made for another one?");
}

void schedules_check(Schedules *all)
{
    for (int i = 0; i < all->list.n; i++) {
        const Scheduled *entry = &all->list.at[i];
        if (!entry->used && *str_map(&all->planned, entry->function))
            missing(all, entry);
    }
}
