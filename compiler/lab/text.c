/* SPDX-License-Identifier: MIT */
/* text.c: label<TAB>text into token arrays, as Keras's Tokenizer and pad_sequences do with their defaults:
 * ASCII letters are lower-cased; each of !"#$%&()*+,-./:;<=>?@[\]^_`{|}~ and tab separates words as a space
 * does, while an apostrophe belongs to its word; bytes above 127 are kept as they are. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COMPLAINTS = 20 };

/* ---- lines and words ----------------------------------------------------------------------------------- */
static bool is_separator(char c)
{
    return c && strchr(" \t\r\f\v!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

static void split_words(Arena *a, const char *at, const char *end, TextLine *line)
{
    VEC(const char *) words = {0};
    while (at < end) {
        const char *lo = at;
        while (at < end && !is_separator(*at))
            at++;
        if (at > lo) {
            char *word = arena_strndup(a, lo, (size_t)(at - lo));
            for (char *c = word; *c; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
            vec_push(a, &words, word);
        }
        at++;
    }
    line->word = words.at;
    line->nwords = words.n;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(Arena *a, const char *at, const char *end, TextLine *line)
{
    const char *tab = memchr(at, '\t', (size_t)(end - at));
    if (memchr(at, 0, (size_t)(end - at)))
        return "a NUL byte";
    if (!tab)
        return "no tab: expected label<TAB>text";
    int64_t label = 0;
    for (const char *digit = at; digit < tab; digit++) {
        if (*digit < '0' || *digit > '9' || label > INT32_MAX)
            return arena_printf(a, "'%.*s' is not a label: expected a whole number from 0 to %d",
                                (int)(tab - at < 40 ? tab - at : 40), at, INT32_MAX);
        label = 10 * label + (*digit - '0');
    }
    if (tab == at || label > INT32_MAX)
        return arena_printf(a, "expected a label from 0 to %d before the tab", INT32_MAX);
    line->label = (int32_t)label;
    split_words(a, tab + 1, end, line);
    return NULL;
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\r'))
        at++;
    return at == end;
}

bool text_parse(Arena *a, const char *path, const char *bytes, size_t n, TextFile *out, const char **why)
{
    VEC(TextLine) lines = {0};
    StrBuf wrong = {a, NULL, 0, 0};
    int number = 0, complaints = 0;
    size_t mark = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;       /* UTF-8's byte order mark */
    for (const char *at = bytes + mark, *end = bytes + n; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        number++;
        TextLine line = {0};
        const char *reason = is_blank(at, stop) ? NULL : parse_line(a, at, stop, &line);
        if (reason && ++complaints <= MAX_COMPLAINTS)
            sb_printf(&wrong, "%s%s:%d: %s", wrong.n ? "\n" : "", path, number, reason);
        if (!reason && !is_blank(at, stop))
            vec_push(a, &lines, line);
        at = stop + 1;
    }
    if (complaints > MAX_COMPLAINTS)
        sb_printf(&wrong, "\n%s: %d more bad lines", path, complaints - MAX_COMPLAINTS);
    if (!complaints && lines.n == 0)
        sb_printf(&wrong, "%s: no line of label<TAB>text in it", path);
    *out = (TextFile){path, lines.n, lines.at};
    *why = sb_text(&wrong);
    return wrong.n == 0;
}

/* ---- the vocabulary ------------------------------------------------------------------------------------ */
typedef struct Word {
    const char *text;       /* NULL: a free slot of the table */
    int64_t count, first;   /* occurrences; number of words seen before the first of them */
    int32_t token;
} Word;

struct WordTable {
    Word *slot;             /* open addressing */
    size_t slots, n;        /* slots: a power of two, at least twice n */
};

static Word *table_find(const struct WordTable *t, const char *text)
{
    size_t i = hash_bytes(text, strlen(text)) & (t->slots - 1);
    while (t->slot[i].text && !str_eq(t->slot[i].text, text))
        i = (i + 1) & (t->slots - 1);
    return &t->slot[i];
}

static void table_widen(Arena *a, struct WordTable *t)
{
    struct WordTable wider = {NEWN(a, Word, 2 * t->slots), 2 * t->slots, t->n};
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].text)
            *table_find(&wider, t->slot[i].text) = t->slot[i];
    *t = wider;
}

static void table_count(Arena *a, struct WordTable *t, const char *text, int64_t seen)
{
    Word *w = table_find(t, text);
    if (!w->text) {
        *w = (Word){text, 0, seen, TOKEN_UNKNOWN};
        t->n++;
    }
    w->count++;
    if (2 * t->n > t->slots)
        table_widen(a, t);
}

static int by_frequency(const void *x, const void *y)
{
    const Word *const *p = x, *const *q = y;
    if ((*p)->count != (*q)->count)
        return (*p)->count > (*q)->count ? -1 : 1;
    return (*p)->first < (*q)->first ? -1 : 1;
}

Vocabulary *vocabulary_make(Arena *a, const TextFile *text, int64_t limit)
{
    Vocabulary *v = NEW(a, Vocabulary);
    struct WordTable *t = v->table = NEW(a, struct WordTable);
    *t = (struct WordTable){NEWN(a, Word, 1024), 1024, 0};
    int64_t seen = 0;
    for (int i = 0; i < text->n; i++)
        for (int w = 0; w < text->line[i].nwords; w++)
            table_count(a, t, text->line[i].word[w], seen++);

    Word **sorted = NEWN(a, Word *, t->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].text)
            sorted[n++] = &t->slot[i];
    qsort(sorted, n, sizeof *sorted, by_frequency);
    v->n = (int64_t)n <= limit - TOKEN_FIRST ? (int)n : limit > TOKEN_FIRST ? (int)(limit - TOKEN_FIRST) : 0;
    v->word = NEWN(a, const char *, v->n + 1);
    for (int i = 0; i < v->n; i++) {
        v->word[i] = sorted[i]->text;
        sorted[i]->token = TOKEN_FIRST + i;
    }
    return v;
}

int32_t vocabulary_token(const Vocabulary *v, const char *word)
{
    const Word *w = table_find(v->table, word);
    return w->text ? w->token : TOKEN_UNKNOWN;
}

void text_tokens(const Vocabulary *v, const TextLine *line, int64_t length, int32_t *out)
{
    int64_t n = line->nwords < length ? line->nwords : length;
    for (int64_t i = 0; i < length - n; i++)
        out[i] = TOKEN_PADDING;
    for (int64_t i = 0; i < n; i++)
        out[length - n + i] = vocabulary_token(v, line->word[line->nwords - n + i]);
}
