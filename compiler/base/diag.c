/* SPDX-License-Identifier: MIT */
/* diag.c: sources, spans and messages. Lines are found when a message needs them. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXCERPT = 160,      /* bytes of a source line shown at most */
    LEAD = 60,          /* of which so many before the span, where the line is cut */
};

typedef struct Source {
    const char *name, *text;
    uint32_t bytes;
    VEC(uint32_t) lines;        /* where each line begins */
} Source;

typedef struct Message {
    Span span;
    const char *text;
    VEC(const char *) notes;    /* already with "= " or "help: " in front */
} Message;

struct Diag {
    Arena *a;
    VEC(Source) sources;
    VEC(Message) messages;
    int errors;                 /* reported; those past DIAG_MAX_ERRORS are not among the messages */
};

void bug_at(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "dlc: internal error at %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

/* ---- sources ------------------------------------------------------------------------------------------- */

Diag *diag_new(Arena *a)
{
    Diag *d = NEW(a, Diag);
    d->a = a;
    return d;
}

Diag *diag_again(Arena *a, const Diag *d)
{
    Diag *again = diag_new(a);
    again->sources = d->sources;
    again->sources.cap = again->sources.n;  /* what either adds is its own */
    return again;
}

int diag_add_source(Diag *d, const char *name, const char *text, size_t bytes)
{
    if (bytes > UINT32_MAX - 1)
        bytes = UINT32_MAX - 1;
    Source s = {.name = arena_strdup(d->a, name), .bytes = (uint32_t)bytes};
    s.text = arena_strndup(d->a, text, bytes);
    vec_push(d->a, &s.lines, 0);
    for (uint32_t i = 0; i < s.bytes; i++)
        if (s.text[i] == '\n')
            vec_push(d->a, &s.lines, i + 1);
    vec_push(d->a, &d->sources, s);
    return d->sources.n;
}

static const Source *source_of(const Diag *d, int source)
{
    return source >= 1 && source <= d->sources.n ? &d->sources.at[source - 1] : NULL;
}

const char *diag_source_name(const Diag *d, int source)
{
    const Source *s = source_of(d, source);
    return s ? s->name : "";
}

const char *diag_source_text(const Diag *d, int source, size_t *bytes)
{
    const Source *s = source_of(d, source);
    if (bytes)
        *bytes = s ? s->bytes : 0;
    return s ? s->text : "";
}

/* Index of the line that holds the byte at `offset`. */
static int line_of(const Source *s, uint32_t offset)
{
    int low = 0, high = s->lines.n;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (s->lines.at[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Characters, not bytes, in text[lo, hi). */
static int characters(const char *text, uint32_t lo, uint32_t hi)
{
    int n = 0;
    for (uint32_t i = lo; i < hi; i++)
        n += !is_continuation(text[i]);
    return n;
}

int diag_line(const Diag *d, Span sp, int *column)
{
    const Source *s = source_of(d, sp.source);
    if (column)
        *column = 0;
    if (!s)
        return 0;
    uint32_t lo = sp.lo < s->bytes ? sp.lo : s->bytes;
    int line = line_of(s, lo);
    if (column)
        *column = characters(s->text, s->lines.at[line], lo) + 1;
    return line + 1;
}

Span span_join(Span x, Span y)
{
    if (!x.source || !y.source || x.source != y.source)
        return x.source ? x : y;
    return (Span){x.source, x.lo < y.lo ? x.lo : y.lo, x.hi > y.hi ? x.hi : y.hi};
}

/* ---- reporting ----------------------------------------------------------------------------------------- */

static const char *format_text(Diag *d, const char *format, va_list args)
{
    StrBuf sb = {.a = d->a};
    sb_vprintf(&sb, format, args);
    return sb_text(&sb);
}

void diag_error(Diag *d, Span sp, const char *format, ...)
{
    if (d->errors++ >= DIAG_MAX_ERRORS)
        return;
    va_list args;
    va_start(args, format);
    Message m = {.span = sp, .text = format_text(d, format, args)};
    va_end(args);
    vec_push(d->a, &d->messages, m);
}

/* The message that notes belong to; NULL when the last error was not kept. */
static Message *last_message(const Diag *d)
{
    return d->errors && d->errors == d->messages.n ? &d->messages.at[d->messages.n - 1] : NULL;
}

const char *diag_place(const Diag *d, Span sp)
{
    const Message *m = last_message(d);
    int line = diag_line(d, sp, NULL);
    if (!line)
        return NULL;
    if (m && m->span.source == sp.source)
        return arena_printf(d->a, "line %d", line);
    return arena_printf(d->a, "%s, line %d", diag_source_name(d, sp.source), line);
}

static void add_note(Diag *d, const char *lead, const char *text, const char *tail)
{
    Message *m = last_message(d);
    if (m)
        vec_push(d->a, &m->notes, arena_printf(d->a, "%s%s%s", lead, text, tail));
}

void diag_note(Diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(d, "= ", format_text(d, format, args), "");
    va_end(args);
}

void diag_note_at(Diag *d, Span sp, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(d, format, args), *place = diag_place(d, sp);
    va_end(args);
    add_note(d, "= ", text, place ? arena_printf(d->a, " (%s)", place) : "");
}

void diag_help(Diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(d, "help: ", format_text(d, format, args), "");
    va_end(args);
}

int diag_errors(const Diag *d)
{
    return d->errors;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at text[i], before `end`; 0 when it is not one, or not for a terminal. */
static uint32_t printable(const char *text, uint32_t i, uint32_t end)
{
    unsigned char c = (unsigned char)text[i];
    if (c < 0x80)
        return (c >= ' ' && c != 0x7f) || c == '\t';
    uint32_t n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!n || n > end - i || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
        return 0;
    for (uint32_t k = 1; k < n; k++)
        if (!is_continuation(text[i + k]))
            return 0;
    return n;
}

/* text[lo, hi) as it may be shown: anything but characters and tabs is a '?'. */
static void print_shown(StrBuf *sb, const char *text, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = lo; i < hi;) {
        uint32_t n = printable(text, i, hi);
        if (!n)
            sb_putc(sb, '?');
        for (uint32_t k = 0; k < n; k++)
            sb_putc(sb, text[i + k]);
        i += n ? n : 1;
    }
}

/* A mark under each character of text[lo, hi); tabs stay tabs, so that the columns stay under the line. */
static void print_under(StrBuf *sb, const char *text, uint32_t lo, uint32_t hi, char mark)
{
    for (uint32_t i = lo; i < hi;) {
        uint32_t n = printable(text, i, hi);
        sb_putc(sb, mark == ' ' && text[i] == '\t' ? '\t' : mark);
        i += n ? n : 1;
    }
}

/* The span's first line and the carets under it; a long line is cut around the span. */
static void print_excerpt(StrBuf *sb, const Source *s, Span sp)
{
    uint32_t lo = sp.lo < s->bytes ? sp.lo : s->bytes;
    int line = line_of(s, lo);
    uint32_t begin = s->lines.at[line];
    uint32_t end = line + 1 < s->lines.n ? s->lines.at[line + 1] - 1 : s->bytes;
    if (end > begin && s->text[end - 1] == '\r')
        end--;
    uint32_t hi = sp.hi < end ? sp.hi : end;
    const char *before = "", *after = "";
    if (end - begin > EXCERPT && lo - begin > LEAD) {
        begin = lo - LEAD;
        while (begin < lo && is_continuation(s->text[begin]))
            begin++;
        before = "...";
    }
    if (end - begin > EXCERPT) {
        end = begin + EXCERPT;
        while (end > lo && is_continuation(s->text[end]))
            end--;
        hi = hi < end ? hi : end;
        after = "...";
    }
    sb_printf(sb, "%5d | %s", line + 1, before);
    print_shown(sb, s->text, begin, end);
    sb_printf(sb, "%s\n      | %*s", after, (int)strlen(before), "");
    print_under(sb, s->text, begin, lo < end ? lo : end, ' ');
    if (hi > lo)
        print_under(sb, s->text, lo, hi, '^');
    else
        sb_putc(sb, '^');
    sb_putc(sb, '\n');
}

static void print_message(StrBuf *sb, const Diag *d, const Message *m)
{
    const Source *s = source_of(d, m->span.source);
    if (s) {
        int column, line = diag_line(d, m->span, &column);
        sb_printf(sb, "%s:%d:%d: ", s->name, line, column);
    }
    sb_printf(sb, "error: %s\n", m->text);
    if (s)
        print_excerpt(sb, s, m->span);
    for (int i = 0; i < m->notes.n; i++)
        sb_printf(sb, "      %s\n", m->notes.at[i]);
}

const char *diag_text(const Diag *d, Arena *a)
{
    StrBuf sb = {.a = a};
    for (int i = 0; i < d->messages.n; i++)
        print_message(&sb, d, &d->messages.at[i]);
    int unseen = d->errors - d->messages.n;
    if (unseen)
        sb_printf(&sb, "error: %d more error%s not shown\n", unseen, unseen == 1 ? "" : "s");
    return sb_text(&sb);
}

void diag_print(const Diag *d, FILE *out)
{
    fputs(diag_text(d, d->a), out);
}
