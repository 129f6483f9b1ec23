/* SPDX-License-Identifier: MIT */
/* tune.c: `dlc tune`: other schedules of a model's contractions than the cost model's, tried on this machine.
 *
 * A variant of a function has of each contraction another candidate, so that one compilation tries as many as there are
 * contractions, each in its place; all variants run in turn. What seemed faster is then compared once more, all of it together, with
 * what there was before, and stays where it is faster again. */
#include "timing.h"

#include <inttypes.h>
#include <string.h>

typedef struct Tuning {
    Arena *a;
    Diag *d;
    ModelChoice choice;
    ElaborateOptions options;
    const char *path, *output, *target_name, *cc;
    StringList functions;
    int64_t batch, candidates;
    double seconds;
    const Target *target;
    StrBuf file;
} Tuning;

enum { PERCENT_WORTH_IT = 2 };

/* ---- the file ---------------------------------------------------------------------------------------- */
static void put_line(Tuning *u, const char *format, ...) PRINTF(2, 3);
static void put_line(Tuning *u, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sb_vprintf(&u->file, format, args);
    va_end(args);
    sb_putc(&u->file, '\n');
}

/* ---- figures ----------------------------------------------------------------------------------------- */
typedef struct Timed { /* of all kernels with a contraction of one name */
    double seconds;
    int units;           /* what these make: with another row axis a contraction may leave its kernel's others */
} Timed;

static bool has_contraction(const Kernel *k, const char *name)
{
    for (int i = 0; i < k->stages.n; i++)
        if (k->stages.at[i]->tile && str_eq(k->stages.at[i]->tile->name, name))
            return true;
    return false;
}

static void add_steps(Timed *sum, const Variant *v, Step *const *step, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        const Kernel *k = step[i]->kernel;
        if (step[i]->kind == STEP_SCAN) {
            add_steps(sum, v, step[i]->body.at, step[i]->body.n, name);
        } else if (!name || has_contraction(k, name)) {
            sum->seconds += v->seconds[step[i]->at];
            sum->units += k->units.n;
        }
    }
}

/* `name`: NULL for all kernels. */
static Timed timed(const Variant *v, const char *name)
{
    Timed sum = {0};
    add_steps(&sum, v, v->plan->steps.at, v->plan->steps.n, name);
    return sum;
}

static bool is_worth_it(double before, double after)
{
    return after * 100 < before * (100 - PERCENT_WORTH_IT);
}

/* ---- variants ---------------------------------------------------------------------------------------- */
/* Candidate `which` of every contraction that has so many; NULL where none has. */
static Schedules *variant(Tuning *u, const Schedules *all, int which)
{
    Schedules *s = schedules_new(u->a, u->d);
    const Candidates *c;
    bool any = false;
    for (int i = 0; (c = schedules_candidates(all, i)) != NULL; i++)
        if (which < c->n) {
            schedules_add(s, c->function, c->name, c->s[which]);
            any = true;
        }
    return any ? s : NULL;
}

/* best[i]: the fastest candidate of contraction i. */
static Schedules *pick(const Tuning *u, const Timing *t, const Schedules *all, int *best)
{
    Schedules *s = schedules_new(u->a, u->d);
    const Candidates *c;
    for (int i = 0; (c = schedules_candidates(all, i)) != NULL; i++) {
        const Timed first = timed(t->variants.at[0], c->name);
        double least = first.seconds;
        best[i] = 0;
        for (int v = 1; v < t->variants.n && v < c->n; v++) {
            const Timed found = timed(t->variants.at[v], c->name);
            if (found.units == first.units && found.seconds < least) {
                least = found.seconds;
                best[i] = v;
            }
        }
        if (!is_worth_it(first.seconds, least))
            best[i] = 0;
        if (best[i])
            schedules_add(s, c->function, c->name, c->s[best[i]]);
    }
    return s;
}

/* ---- one function ------------------------------------------------------------------------------------ */
static const char *kernel_of(const Plan *p, const char *name)
{
    for (int i = 0; i < p->kernels.n; i++)
        for (int s = 0; s < p->kernels.at[i]->stages.n; s++)
            if (p->kernels.at[i]->stages.at[s]->tile && str_eq(p->kernels.at[i]->stages.at[s]->tile->name, name))
                return p->kernels.at[i]->name;
    return "";
}

static void print_line(const char *what, double before, double after, const char *schedule)
{
    printf("%-28s %10.2f %10.2f %7.1f%% %s\n", what, before * 1e6, after * 1e6, 100 * (after / before - 1), schedule);
}

/* Nothing is kept where the whole has not become faster: what one kernel wins another may lose, by what lies in the caches. */
static void report(Tuning *u, const Timing *t, const Schedules *all, const int *best)
{
    const Variant *before = t->variants.at[0], *after = t->variants.at[1];
    const Timed all_before = timed(before, NULL), all_after = timed(after, NULL);
    const Candidates *c;
    put_line(u, "\nfunction %s", before->plan->fn->name);
    printf("%-28s %10s %10s %8s  %s\n", "contraction of", "us before", "us after", "", "schedule");
    for (int i = 0; (c = schedules_candidates(all, i)) != NULL; i++) {
        double first = timed(before, c->name).seconds, second = timed(after, c->name).seconds;
        const char *kernel = kernel_of(before->plan, c->name), *text = schedule_text(u->a, c->s[best[i]]);
        bool kept = best[i] && is_worth_it(first, second) && all_after.seconds < all_before.seconds;
        print_line(kernel, first, second, kept ? text : "stays");
        if (kept)
            put_line(u, "# %s: %.2f us instead of %.2f\ncontraction %s =%s", kernel, second * 1e6, first * 1e6, c->name, text);
    }
    print_line("all of the function", all_before.seconds, all_after.seconds, "");
    putchar('\n');
}

/* The function as it is, and variants of it, run in turn. false with *why, which is NULL where it has been said. */
static bool compare(Timing *t, const Module *m, Schedules *const *schedules, int n, double seconds, const char **why)
{
    timing_open(t, m);
    for (int i = 0; i < n; i++)
        if (!timing_add(t, lower_with(t->a, t->d, t->s->fn[t->call], t->target, schedules[i]), why))
            return false;
    if (!timing_start(t)) {
        *why = "the code crashed";
        return false;
    }
    timing_run(t, seconds);
    return true;
}

static int tune_function(Tuning *u, const Module *m, const char *function)
{
    Timing t = {.a = u->a, .d = u->d, .target = u->target, .cc = timing_command(u->a, u->target, u->cc)}, again = t;
    const char *why = NULL;
    call_named(function, &t.call);
    again.call = t.call;
    if (!timing_open(&t, m))
        return bad("%s has no function %s", m->name, function);
    Schedules *all = schedules_new(u->a, u->d), *tried[MOST_CANDIDATES] = {all};
    schedules_collect(all);
    if (!lower_with(u->a, u->d, t.s->fn[t.call], u->target, all)) {
        diag_print(u->d, stderr);
        return EXIT_BAD;
    }
    int n = 1, found = 0;
    while (n < u->candidates && (tried[n] = variant(u, all, n)) != NULL)
        n++;
    while (schedules_candidates(all, found))
        found++;
    if (!found) {
        printf("%s has no contractions that are cut into tiles\n", function);
        return EXIT_OK;
    }
    printf("%s, batch %" PRId64 ", target %s: %d contractions, %d variants\n", function, u->batch, u->target->name, found, n);
    fflush(stdout);
    int *best = NEWN(u->a, int, found);
    bool fine = compare(&t, m, tried, n, u->seconds, &why);
    if (fine) {
        Schedules *const two[] = {NULL, pick(u, &t, all, best)};
        fine = compare(&again, m, two, 2, u->seconds / 2, &why);
    }
    timing_close(&t);
    timing_close(&again);
    if (fine)
        report(u, &again, all, best);
    else
        diag_print(u->d, stderr);
    return fine ? EXIT_OK : why ? bad("%s", why) : EXIT_BAD;
}

/* ---- the command ----------------------------------------------------------------------------------- */
static int tune(Tuning *u)
{
    const char *why;
    u->options.batch = u->options.train_batch = u->batch;
    const Module *m = model_read_whole(u->a, u->d, u->path, &u->options);
    if (!m)
        return EXIT_BAD;
    if (u->output && !file_can_write(u->a, u->output, &why))
        return bad("%s", why);
    u->file.a = u->a;
    put_line(u, "# dlc tune: model %s, batch %" PRId64 ", target %s", m->name, u->batch, u->target->name);
    for (int i = 0; i < u->functions.n; i++) {
        int status = tune_function(u, m, u->functions.at[i]);
        if (status != EXIT_OK)
            return status;
    }
    const char *text = sb_text(&u->file);
    if (u->output && !file_write(u->a, u->output, text, strlen(text), &why))
        return bad("%s: %s", u->output, why);
    return EXIT_OK;
}

int cmd_tune(Arena *a, int argc, char **argv)
{
    Tuning u = {.a = a, .d = diag_new(a), .batch = 1, .candidates = 8, .target_name = "native", .seconds = 4};
    const Option rows[] = {
        {"output", 'o', OPTION_TEXT, &u.output, "FILE", "where the schedules that are faster go, for --schedule", 0, 0},
        {"function", 'f', OPTION_LIST, &u.functions, "NAME", "which function (default infer); may be repeated", 0, 0},
        {"batch", 'b', OPTION_INT, &u.batch, "N", "examples of a call (default 1)", 1, 1000000},
        OPTION_TARGET(u.target_name, "what the code is for (default native)"),
        {"cc", 'c', OPTION_TEXT, &u.cc, "COMMAND", "compile it by this; a name alone gets the target's flags (default cc)", 0, 0},
        {"candidates", 'n', OPTION_INT, &u.candidates, "N", "schedules of each contraction (default 8)", 2, MOST_CANDIDATES},
        {"seconds", 's', OPTION_REAL, &u.seconds, "S", "how long to run them all, of each function (default 4)", 0, 0},
        OPTION_MODEL(u.choice),
        OPTION_SET(u.choice),
    };
    const Command command = {
        .name = "dlc tune",
        .operands = "[options] MODEL.dl",
        .summary = "Tries on this machine how a model's contractions are best cut into tiles, and writes what is faster than the "
                   "compiler's choice to a file.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    Call call;
    if (status < 0)
        status = choice_settle(a, &command, &u.choice, &u.options);
    if (status < 0)
        status = target_settle(&command, u.target_name, false, &u.target);
    if (status < 0 && u.cc && !u.cc[strspn(u.cc, " ")])
        status = options_complain(&command, "--cc: expected a compiler's command");
    if (!u.functions.n)
        vec_push(a, &u.functions, "infer");
    for (int i = 0; status < 0 && i < u.functions.n; i++)
        if (!call_named(u.functions.at[i], &call))
            status = options_complain(&command, "--function %s: expected infer, train_step, gradients, evaluate, init or start",
                                      u.functions.at[i]);
    if (status >= 0)
        return status;
    u.path = operands.at[0];
    return tune(&u);
}
