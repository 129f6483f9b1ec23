/* SPDX-License-Identifier: MIT */
/* train.c: `dlc train`: epochs over a data folder, evaluated after each, the weights saved at the end. */
#include "commands.h"
#include "session.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct Train {
    Arena *a;
    ModelChoice choice;
    ElaborateOptions options;
    const char *path, *data, *start, *output, *engine;
    int64_t epochs, threads;
    bool deterministic;
    uint64_t seed;
    bool json;
    Session *s;
    const Dataset *train, *test;
    Progress *progress;
    Scores scores, tested; /* of this epoch's training so far; of the evaluation behind it */
    int64_t *order;        /* the training examples, shuffled */
    int32_t step;
} Train;

/* ---- Ctrl-C: the batch under way is finished and the weights are saved; a second one ends at once --- */
static volatile bool interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = true;
}

static void watch_interrupt(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    struct sigaction old;
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what is said ---------------------------------------------------------------------------------- */
static int figures_of(const Scores *scores, const char *const *name, Figure *out)
{
    for (int i = 0; i < scores->n; i++)
        out[i] = (Figure){name[i], scores_value(scores, i)};
    return scores->n;
}

static void print_json(const Train *t, int64_t epoch, const char *split, const Scores *scores, double seconds)
{
    if (!t->json)
        return;
    json_t *line = json_object();
    json_object_set_new(line, "epoch", json_integer(epoch));
    json_object_set_new(line, "split", json_string(split));
    scores_json(line, scores);
    json_object_set_new(line, "seconds", json_number(seconds));
    if (interrupted)
        json_object_set_new(line, "interrupted", json_true());
    json_print(line);
}

static void say_epoch(Train *t, int64_t epoch)
{
    int n = t->scores.n;
    Figure figure[2 * n];
    const char *tested[n];
    for (int i = 0; i < n; i++)
        tested[i] = arena_printf(t->a, "%s %s", dataset_split(t->test), t->scores.name[i]);
    figures_of(&t->scores, t->scores.name, figure);
    figures_of(&t->tested, tested, figure + n);
    progress_epoch(t->progress, epoch, figure, 2 * n);
}

static void say_start(const Train *t, double seconds)
{
    int64_t parameters = 0;
    for (int i = 0; i < t->s->m->params.n; i++)
        parameters += type_count(t->s->m->params.at[i].type);
    fprintf(
        stderr, "%s: %lld parameters; %lld examples to train, %lld to evaluate (%s); %s, ready in %.2f s\n",
        t->s->m->name, (long long)parameters, (long long)dataset_examples(t->train),
        (long long)dataset_examples(t->test), dataset_split(t->test), executable_engine(t->s->x), seconds);
}

/* ---- epochs ---------------------------------------------------------------------------------------- */
static bool train_batch(Train *t, int64_t at, int64_t n, const char **why)
{
    session_feed(t->s, t->train, t->order + at, n, t->options.train_batch);
    session_step(t->s, ++t->step);
    if (!session_call(t->s, CALL_TRAIN_STEP, why)) {
        *why = session_blame(t->s, CALL_EVALUATE, t->train, t->order + at, n);
        return false;
    }
    scores_add(&t->scores, t->s, n, true);
    return true;
}

static bool train_epoch(Train *t, int64_t epoch, const char **why)
{
    int64_t total = dataset_examples(t->train), batch = t->options.train_batch;
    Figure figure[t->scores.n];
    dataset_shuffle(t->order, total, t->seed, epoch);
    scores_clear(&t->scores);
    for (int64_t at = 0; at < total && !interrupted; at += batch) {
        int64_t n = total - at < batch ? total - at : batch;
        if (!train_batch(t, at, n, why))
            return false;
        figures_of(&t->scores, t->scores.name, figure);
        progress_batch(t->progress, epoch, at / batch + 1, at + n, figure, t->scores.n);
    }
    return true;
}

static bool epoch_done(Train *t, int64_t epoch, const char **why)
{
    double start = now();
    bool ok = train_epoch(t, epoch, why);
    double trained = now();
    if (ok)
        print_json(t, epoch, "train", &t->scores, trained - start);
    if (!ok || interrupted)
        return ok;
    ok = session_evaluate(t->s, t->test, &t->tested, &interrupted, why);
    if (!ok || interrupted)
        return ok;
    say_epoch(t, epoch);
    print_json(t, epoch, dataset_split(t->test), &t->tested, now() - trained);
    return true;
}

static bool train_all(Train *t, const char **why)
{
    int64_t epoch = 1, total = dataset_examples(t->train), batch = t->options.train_batch;
    t->progress = progress_start(t->a, stderr, t->epochs, (total + batch - 1) / batch, total);
    while (epoch <= t->epochs && !interrupted) {
        if (!epoch_done(t, epoch, why))
            return false;
        epoch += !interrupted;
    }
    if (interrupted)
        fprintf(stderr, "%sdlc: interrupted in epoch %lld, after %d training steps\n",
                isatty(STDERR_FILENO) ? "\n" : "", (long long)epoch, (int)t->step);
    return true;
}

/* ---- before and after ------------------------------------------------------------------------------ */
static bool open_data(Train *t, const Module *m, const char **why)
{
    DatasetWanted wanted = session_wanted(m, true);
    t->train = dataset_open(t->a, t->data, "train", &wanted, why);
    t->test = t->train ? dataset_open(t->a, t->data, "val", &wanted, why) : NULL;
    if (!t->test)
        return false;
    t->order = NEWN(t->a, int64_t, dataset_examples(t->train));
    return true;
}

static bool start(Train *t, const char **why)
{
    session_seed(t->s, t->seed);
    if (!session_call(t->s, CALL_INIT, why))
        return false;
    return !t->start || session_load(t->s, t->start, why);
}

static bool save(const Train *t, const char **why)
{
    if (!t->output)
        return true;
    if (!session_save(t->s, t->output, why))
        return false;
    fprintf(stderr, "weights saved to %s\n", t->output);
    return true;
}

static int train(Train *t)
{
    const char *why;
    double begun = now();
    Diag *d = diag_new(t->a);
    Module *m = model_read(t->a, d, t->path, &t->options);
    if (!m)
        return EXIT_BAD;
    if ((t->output && !file_can_write(t->a, t->output, &why)) || !open_data(t, m, &why))
        return bad("%s", why);
    unsigned calls = 1u << CALL_INIT | 1u << CALL_TRAIN_STEP | 1u << CALL_EVALUATE;
    t->s = session_open(t->a, d, m, calls, t->engine, t->threads, t->deterministic, &why);
    if (!t->s)
        return bad("%s", why);
    t->scores = scores_new(t->a, m);
    t->tested = scores_new(t->a, m);
    bool ok = start(t, &why);
    if (ok) {
        say_start(t, now() - begun);
        watch_interrupt();
        ok = train_all(t, &why) && save(t, &why);
    }
    session_close(t->s);
    return ok ? EXIT_OK : bad("%s", why);
}

int cmd_train(Arena *a, int argc, char **argv)
{
    Train t = {.a = a, .options = {.batch = 1, .train_batch = 32, .train = true}, .epochs = 5, .threads = 1, .seed = 1};
    const Option rows[] = {
        {"data", 'd', OPTION_TEXT, &t.data, "DIR", "the data folder", 0, 0},
        {"epochs", 'e', OPTION_INT, &t.epochs, "N",
         "how often to go through the training examples (default 5)", 0, 1000000},
        {"batch", 'b', OPTION_INT, &t.options.train_batch, "N", "examples of one step (default 32)", 1,
         1000000},
        {"seed", 's', OPTION_SEED, &t.seed, "S",
         "of the initial weights, the order of examples and dropout (default 1)", 0, 0},
        {"weights", 'w', OPTION_TEXT, &t.start, "START", "begin with these weights", 0, 0},
        {"output", 'o', OPTION_TEXT, &t.output, "W.safetensors", "where the weights go", 0, 0},
        OPTION_JIT(t.engine),
        OPTION_THREADS(t.threads),
        OPTION_DETERMINISTIC(t.deterministic),
        OPTION_MODEL(t.choice),
        OPTION_SET(t.choice),
        OPTION_JSON(t.json),
    };
    const Command command = {
        .name = "dlc train",
        .operands = "[options] MODEL.dl --data DIR [-o W.safetensors]",
        .summary =
            "Trains a model on DIR's train examples. After every epoch it is evaluated on val, or on test\n"
            "where there is no val; loss and metrics of the training itself are means over the epoch so far.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
        .epilogue =
            "Ctrl-C ends the training after the batch under way, and the weights are saved. The same seed,\n"
            "data and options give the same weights.",
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = choice_settle(a, &command, &t.choice, &t.options);
    if (status < 0 && !t.data)
        status = options_complain(&command, "--data DIR is missing");
    if (status >= 0)
        return status;
    t.path = operands.at[0];
    return train(&t);
}
