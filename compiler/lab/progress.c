/* SPDX-License-Identifier: MIT */
/* progress.c: how training goes. A terminal gets a line that is drawn over:
 *     epoch 2/5  [##########----------]  187/375  loss 0.2131  accuracy 0.9358  8211/s  0:09 left
 * and every epoch leaves one line behind, in a file too. */
#include "lab.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 20, LEAST_BAR = 5, DEFAULT_COLUMNS = 80 };
static const double redraw_seconds = 0.1;

struct Progress {
    FILE *out;
    bool terminal;
    int64_t epochs, batches, examples;  /* batches and examples of one epoch */
    double start, epoch_start;          /* seconds on the monotonic clock */
    double drawn;                       /* when the bar was drawn last */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Progress *progress_start(Arena *a, FILE *out, int64_t epochs, int64_t batches, int64_t examples)
{
    Progress *p = NEW(a, Progress);
    *p = (Progress){out, isatty(fileno(out)), epochs, batches, examples, now(), now(), 0};
    return p;
}

double progress_seconds(const Progress *p)
{
    return now() - p->start;
}

int terminal_columns(FILE *out)
{
    struct winsize w;
    return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : DEFAULT_COLUMNS;
}

/* A bounded line of text; what does not fit is cut off. Drawing must not grow the arena. */
typedef struct Line {
    char at[512];
    int n;
} Line;

static void add(Line *line, const char *format, ...) PRINTF(2, 3);
static void add(Line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->at + line->n, sizeof line->at - (size_t)line->n, format, args);
    va_end(args);
    line->n = n < 0 ? line->n : line->n + n < LEN(line->at) ? line->n + n : LEN(line->at) - 1;
}

static void add_figures(Line *line, const Figure *figure, int n)
{
    for (int i = 0; i < n; i++)
        add(line, "  %s %.4f", figure[i].name, figure[i].value);
}

static void add_left(Line *line, double seconds)
{
    if (!(seconds >= 0 && seconds < 360000))
        return;
    int left = (int)(seconds + 0.5);
    if (left >= 3600)
        add(line, "  %d:%02d:%02d left", left / 3600, left / 60 % 60, left % 60);
    else
        add(line, "  %d:%02d left", left / 60, left % 60);
}

/* Of the batches of all epochs that are left, at the pace of this epoch. */
static double seconds_left(const Progress *p, int64_t epoch, int64_t batch, double seconds)
{
    double left = (double)(p->batches - batch) + (double)(p->epochs - epoch) * (double)p->batches;
    return batch > 0 ? seconds / (double)batch * left : -1;
}

/* "[#######-------]  ", as wide as there is room for; nothing where there is little. */
static void add_bar(Line *line, int64_t done, int64_t of, int room)
{
    int width = room < BAR + 4 ? room - 4 : BAR;
    if (width < LEAST_BAR)
        return;
    int64_t full = of > 0 ? width * done / of : width;
    add(line, "[");
    for (int i = 0; i < width; i++)
        add(line, "%c", i < full ? '#' : '-');
    add(line, "]  ");
}

void progress_batch(Progress *p, int64_t epoch, int64_t batch, int64_t examples, const Figure *figure, int n)
{
    double at = now(), seconds = at - p->epoch_start;
    if (!p->terminal || (at - p->drawn < redraw_seconds && batch < p->batches))
        return;
    p->drawn = at;
    Line line = {.n = 0}, rest = {.n = 0};
    add(&rest, "%lld/%lld", (long long)batch, (long long)p->batches);
    add_figures(&rest, figure, n);
    if (seconds > 0)
        add(&rest, "  %.0f/s", (double)examples / seconds);
    add_left(&rest, seconds_left(p, epoch, batch, seconds));
    int columns = terminal_columns(p->out) - 1;
    add(&line, "epoch %lld/%lld  ", (long long)epoch, (long long)p->epochs);
    add_bar(&line, batch, p->batches, columns - line.n - rest.n);
    add(&line, "%s", rest.at);
    fprintf(p->out, "\r%.*s\x1b[K", columns < line.n ? columns : line.n, line.at);
    fflush(p->out);
}

void progress_epoch(Progress *p, int64_t epoch, const Figure *figure, int n)
{
    double seconds = now() - p->epoch_start;
    Line line = {.n = 0};
    add(&line, "epoch %lld/%lld", (long long)epoch, (long long)p->epochs);
    add_figures(&line, figure, n);
    if (seconds > 0)
        add(&line, "  %.0f examples/s", (double)p->examples / seconds);
    add(&line, "  %.1f s", seconds);
    fprintf(p->out, "%s%s%s\n", p->terminal ? "\r" : "", line.at, p->terminal ? "\x1b[K" : "");
    fflush(p->out);
    p->epoch_start = now();         /* the next epoch counts from here */
    p->drawn = 0;
}
