/* SPDX-License-Identifier: MIT */
/* eval.c: `dlc eval`: loss and metrics over one split of a data folder, every example exactly once. */
#include "commands.h"
#include "session.h"

typedef struct Eval {
    Arena *a;
    ModelChoice choice;
    ElaborateOptions options;
    const char *path, *data, *split, *weights, *engine;
    int64_t threads;
    bool deterministic;
    bool json;
} Eval;

static void print_scores(const Eval *e, const Dataset *ds, const Scores *scores)
{
    if (e->json) {
        json_t *line = json_object();
        json_object_set_new(line, "split", json_string(dataset_split(ds)));
        scores_json(line, scores);
        json_print(line);
        return;
    }
    printf("%s", dataset_split(ds));
    for (int i = 0; i < scores->n; i++)
        printf("  %s %.4f", scores->name[i], scores_value(scores, i));
    printf("  (%lld examples)\n", (long long)scores->examples);
}

static int eval(const Eval *e)
{
    const char *why;
    Diag *d = diag_new(e->a);
    Module *m = model_read(e->a, d, e->path, &e->options);
    if (!m)
        return EXIT_BAD;
    if (!e->weights && m->params.n + m->states.n)
        return bad("%s has parameters: --weights W.safetensors is missing", m->name);
    DatasetWanted wanted = session_wanted(m, true);
    Dataset *ds = dataset_open(e->a, e->data, e->split, &wanted, &why);
    if (!ds)
        return bad("%s", why);
    if (dataset_note(ds))
        fprintf(stderr, "dlc: %s\n", dataset_note(ds));
    Session *s = session_open(e->a, d, m, 1u << CALL_EVALUATE, e->engine, e->threads, e->deterministic, &why);
    if (!s)
        return bad("%s", why);
    Scores scores = scores_new(e->a, m);
    bool ok =
        (!e->weights || session_load(s, e->weights, &why)) && session_evaluate(s, ds, &scores, NULL, &why);
    session_close(s);
    if (!ok)
        return bad("%s", why);
    print_scores(e, ds, &scores);
    return EXIT_OK;
}

int cmd_eval(Arena *a, int argc, char **argv)
{
    Eval e = {.a = a, .options = {.batch = 1, .train_batch = 32, .train = true}, .split = "test", .threads = 1};
    const Option rows[] = {
        {"data", 'd', OPTION_TEXT, &e.data, "DIR", "the data folder", 0, 0},
        {"split", 's', OPTION_CHOICE, &e.split, "train|val|test", "which part of it (default test)", 0, 0},
        {"weights", 'w', OPTION_TEXT, &e.weights, "W.safetensors", "the model's weights", 0, 0},
        {"batch", 'b', OPTION_INT, &e.options.train_batch, "N", "examples at a time (default 32)", 1,
         1000000},
        OPTION_JIT(e.engine),
        OPTION_THREADS(e.threads),
        OPTION_DETERMINISTIC(e.deterministic),
        OPTION_MODEL(e.choice),
        OPTION_SET(e.choice),
        OPTION_JSON(e.json),
    };
    const Command command = {
        .name = "dlc eval",
        .operands = "[options] MODEL.dl --data DIR --weights W.safetensors",
        .summary =
            "Computes the loss and the metrics of a model's train block, outside of training, over every\n"
            "example of a split exactly once.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = choice_settle(a, &command, &e.choice, &e.options);
    if (status < 0 && !e.data)
        status = options_complain(&command, "--data DIR is missing");
    if (status >= 0)
        return status;
    e.path = operands.at[0];
    return eval(&e);
}
