/* SPDX-License-Identifier: MIT */
/* run.c: `dlc run`: a model's outputs for examples from files or a data folder: printed, written or drawn. */
#include "commands.h"
#include "session.h"

#include <inttypes.h>
#include <string.h>

typedef struct Job {
    Arena *a;
    ModelChoice choice;
    ElaborateOptions options;
    const char *path, *weights, *data, *split, *engine;
    StringList input, output; /* NAME=FILE */
    int64_t first, show;      /* 0: all; 0: none */
    int64_t threads;
    bool deterministic;
    bool json, stream;        /* stream: the examples are one sequence, step by step */
    const Module *m;
    const Dataset *ds;
    bool labelled; /* ds has the targets too */
    Session *s;
    int64_t total;
    const char **file; /* by output: where it is written, or NULL */
    Array *all;        /* by output: every example's, where it is written */
    int image;         /* --show: which input is the picture, */
    int64_t height, width;
    Picture *picture;
} Job;

/* ---- NAME=FILE ------------------------------------------------------------------------------------- */
static int entry_index(const Entry *entry, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (str_eq(entry[i].name, name))
            return i;
    return -1;
}

static bool unknown_name(const Job *job, const char *kind, const char *name, const Entry *entry, int n,
                         const char **why)
{
    StringList names = {0};
    for (int i = 0; i < n; i++)
        vec_push(job->a, &names, entry[i].name);
    const char *near = nearest_name(name, names.at, names.n);
    *why = near ? arena_printf(job->a, "%s has no %s %s (did you mean %s?)", job->m->name, kind, name, near)
                : arena_printf(job->a, "%s has no %s %s", job->m->name, kind, name);
    return false;
}

/* file[i] becomes the file of entry i; without NAME= that of the only entry. */
static bool assign_files(const Job *job, const char *kind, const StringList *given, const Entry *entry, int n,
                         const char **file, const char **why)
{
    for (int i = 0; i < given->n; i++) {
        const char *text = given->at[i], *equals = strchr(text, '=');
        const char *name = n == 1 ? entry[0].name : text;
        if (equals)
            name = arena_strndup(job->a, text, (size_t)(equals - text));
        int at = entry_index(entry, n, name);
        if (at < 0)
            return unknown_name(job, kind, name, entry, n, why);
        if (file[at]) {
            *why = arena_printf(job->a, "--%s %s: there is one already, %s", kind, text, file[at]);
            return false;
        }
        file[at] = equals ? equals + 1 : text;
    }
    return true;
}

static bool open_files(Job *job, const char **why)
{
    const Module *m = job->m;
    const char **file = NEWN(job->a, const char *, m->inputs.n + 1);
    DatasetWanted wanted = session_wanted(m, false);
    if (!assign_files(job, "input", &job->input, m->inputs.at, m->inputs.n, file, why))
        return false;
    StrBuf missing = {.a = job->a};
    for (int i = 0; i < m->inputs.n; i++)
        if (!file[i])
            sb_printf(&missing, "\n  missing  --input %s=FILE, for %s", m->inputs.at[i].name,
                      type_text(job->a, m->inputs.at[i].type));
    if (missing.n) {
        *why = arena_printf(job->a, "not every input has a file:%s", sb_text(&missing));
        return false;
    }
    job->ds = dataset_files(job->a, file, &wanted, why);
    return job->ds != NULL;
}

/* With the targets where they are there and of use. */
static bool open_folder(Job *job, const char **why)
{
    DatasetWanted all = session_wanted(job->m, true), inputs = session_wanted(job->m, false);
    job->ds = job->show && all.ntargets ? dataset_open(job->a, job->data, job->split, &all, why) : NULL;
    job->labelled = job->ds != NULL;
    if (!job->ds)
        job->ds = dataset_open(job->a, job->data, job->split, &inputs, why);
    return job->ds != NULL;
}

/* ---- output: numbers ------------------------------------------------------------------------------- */
static Array output_of(const Job *job, int i, int64_t example)
{
    const Entry *e = &job->m->outputs.at[i];
    char *data = session_tensor(job->s, ROLE_OUTPUT, i);
    return (Array){e->type, data + (e->batched ? example * type_bytes(e->type) : 0)};
}

static json_t *element_json(Array x, int64_t i)
{
    return x.type.dt == DT_F32 ? json_number(array_at(x, i)) : json_integer((json_int_t)array_at(x, i));
}

/* Nested as the shape is; *at: elements used so far. */
static json_t *array_json(Array x, int axis, int64_t *at)
{
    if (axis == x.type.rank)
        return element_json(x, (*at)++);
    json_t *list = json_array();
    for (int64_t i = 0; i < x.type.dim[axis]; i++)
        json_array_append_new(list, array_json(x, axis + 1, at));
    return list;
}

static void print_json(const Job *job, int64_t number, int64_t example)
{
    json_t *line = json_object();
    json_object_set_new(line, "example", json_integer(number));
    for (int i = 0; i < job->m->outputs.n; i++) {
        int64_t at = 0;
        if (!job->file[i])
            json_object_set_new(line, job->m->outputs.at[i].name,
                                array_json(output_of(job, i, example), 0, &at));
    }
    json_print(line);
}

static void print_numbers(const Job *job, int64_t number, int64_t example)
{
    for (int i = 0; i < job->m->outputs.n; i++) {
        if (job->file[i])
            continue;
        Array x = output_of(job, i, example);
        printf("%" PRId64 "  %s ", number, job->m->outputs.at[i].name);
        for (int64_t k = 0; k < type_count(x.type); k++)
            printf(" %.6g", array_at(x, k));
        putchar('\n');
    }
}

static void keep(const Job *job, int64_t number, int64_t example)
{
    for (int i = 0; i < job->m->outputs.n; i++) {
        if (!job->file[i])
            continue;
        Array x = output_of(job, i, example);
        int64_t bytes = type_bytes(x.type);
        memcpy((char *)job->all[i].data + (job->m->outputs.at[i].batched ? number * bytes : 0), x.data,
               (size_t)bytes);
    }
}

static bool all_written(const Job *job)
{
    for (int i = 0; i < job->m->outputs.n; i++)
        if (!job->file[i])
            return false;
    return true;
}

/* ---- output: pictures ------------------------------------------------------------------------------ */
/* Height and width of what looks like a grey image. */
static bool is_image(Type t, int64_t *height, int64_t *width)
{
    int64_t dim[MAX_RANK];
    int n = 0;
    for (int i = 0; i < t.rank; i++)
        if (t.dim[i] != 1)
            dim[n++] = t.dim[i];
    if (n != 2 || (t.dt != DT_F32 && t.dt != DT_U8))
        return false;
    *height = dim[0];
    *width = dim[1];
    return true;
}

static bool is_classes(Type t)
{
    return t.dt == DT_F32 && t.rank == 1 && t.dim[0] > 1;
}

static bool find_picture(Job *job, const char **why)
{
    job->image = -1;
    for (int i = 0; i < job->m->inputs.n && job->image < 0; i++)
        if (is_image(job->m->inputs.at[i].type, &job->height, &job->width))
            job->image = i;
    bool ok = job->image >= 0 && is_classes(job->m->outputs.at[0].type);
    if (!ok)
        *why = arena_printf(job->a,
                            "--show is for models that take a grey image and give a number for each class; "
                            "%s does not",
                            job->m->name);
    return ok;
}

static int64_t most_likely(Array x)
{
    int64_t best = 0;
    for (int64_t i = 1; i < type_count(x.type); i++)
        if (array_at(x, i) > array_at(x, best))
            best = i;
    return best;
}

/* "7  99.8 %", and where that is wrong "7  62.1 %, is 9". */
static const char *caption(const Job *job, int64_t example)
{
    Array x = output_of(job, 0, example);
    int64_t class = most_likely(x);
    double sum = 0;
    for (int64_t i = 0; i < type_count(x.type); i++)
        sum += array_at(x, i);
    bool shares = sum > 0.99 && sum < 1.01;
    const char *text = shares ? arena_printf(job->a, "%" PRId64 "  %.1f %%", class, 100 * array_at(x, class))
                              : arena_printf(job->a, "%" PRId64, class);
    const Entry *target = job->m->targets.at;
    if (!job->labelled || target->type.dt != DT_I32 || type_count(target->type) != 1)
        return text;
    int32_t label = ((const int32_t *)session_tensor(job->s, ROLE_TARGET, 0))[example];
    return label == class ? text : arena_printf(job->a, "%s, is %d", text, (int)label);
}

static void draw(const Job *job, int64_t number, int64_t example)
{
    Type t = job->m->inputs.at[job->image].type;
    const char *data = session_tensor(job->s, ROLE_INPUT, job->image);
    job->picture[number] = (Picture){
        .data = arena_dup(job->a, data + example * type_bytes(t), (size_t)type_bytes(t)),
        .dt = t.dt,
        .caption = caption(job, example),
    };
}

static void show_pictures(const Job *job)
{
    StrBuf sb = {.a = job->a};
    pictures_print(&sb, picture_style(stdout), (int)job->height, (int)job->width, job->picture,
                   (int)job->total, terminal_columns(stdout));
    fputs(sb_text(&sb), stdout);
}

/* ---- all examples, batch by batch ------------------------------------------------------------------ */
static void one_example(const Job *job, int64_t number, int64_t example, bool print)
{
    keep(job, number, example);
    if (job->show)
        draw(job, number, example);
    else if (print && job->json)
        print_json(job, number, example);
    else if (print)
        print_numbers(job, number, example);
}

static bool run_batches(Job *job, const char **why)
{
    int64_t batch = job->options.batch;
    bool print = !all_written(job);
    for (int64_t at = 0; at < job->total; at += batch) {
        int64_t n = job->total - at < batch ? job->total - at : batch;
        for (int64_t i = 0; i < n; i++)
            job->s->order[i] = at + i;
        session_feed(job->s, job->ds, job->s->order, n, batch);
        if ((at == 0 || !job->stream) && !session_start(job->s, why))
            return false;
        if (!session_call(job->s, CALL_INFER, why)) {
            *why = session_blame(job->s, CALL_INFER, job->ds, job->s->order, n);
            return false;
        }
        for (int64_t i = 0; i < n; i++)
            one_example(job, at + i, i, print);
    }
    return true;
}

static bool make_room(Job *job, const char **why)
{
    int n = job->m->outputs.n;
    job->file = NEWN(job->a, const char *, n + 1);
    job->all = NEWN(job->a, Array, n + 1);
    if (!assign_files(job, "output", &job->output, job->m->outputs.at, n, job->file, why))
        return false;
    for (int i = 0; i < n; i++) {
        const Entry *e = &job->m->outputs.at[i];
        if (job->file[i] && !file_can_write(job->a, job->file[i], why))
            return false;
        if (job->file[i])
            job->all[i] = array_new(job->a, e->batched ? type_insert(e->type, 0, job->total) : e->type);
    }
    job->picture = NEWN(job->a, Picture, job->show + 1);
    return !job->show || find_picture(job, why);
}

static bool write_outputs(const Job *job, const char **why)
{
    for (int i = 0; i < job->m->outputs.n; i++)
        if (job->file[i] && !npy_write(job->a, job->file[i], job->all[i], why))
            return false;
    return true;
}

static bool prepare(Job *job, const char **why)
{
    if (!(job->data ? open_folder(job, why) : open_files(job, why)))
        return false;
    if (dataset_note(job->ds))
        fprintf(stderr, "dlc: %s\n", dataset_note(job->ds));
    int64_t limit = job->show ? job->show : job->first;
    job->total = dataset_examples(job->ds);
    job->total = limit && limit < job->total ? limit : job->total;
    return make_room(job, why);
}

static int run(Job *job)
{
    const char *why;
    Diag *d = diag_new(job->a);
    job->stream |= job->options.stepwise;
    job->m = job->show && job->data && !job->options.stepwise
                 ? model_read_whole(job->a, d, job->path, &job->options) /* for its targets */
                 : model_read(job->a, d, job->path, &job->options);
    if (!job->m)
        return EXIT_BAD;
    if (!job->weights && job->m->params.n + job->m->states.n)
        return bad("%s has parameters: --weights W.safetensors is missing", job->m->name);
    if (job->stream && !job->m->streams.n && !job->options.stepwise)
        return bad("%s keeps nothing from call to call: --stream is for models with a `stream`", job->m->name);
    if (!prepare(job, &why))
        return bad("%s", why);
    job->s = session_open(job->a, d, job->m, SESSION_INFERS, job->engine, job->threads, job->deterministic, &why);
    if (!job->s)
        return bad("%s", why);
    bool ok = (!job->weights || session_load(job->s, job->weights, &why)) && run_batches(job, &why) &&
              write_outputs(job, &why);
    session_close(job->s);
    if (ok && job->show)
        show_pictures(job);
    return ok ? EXIT_OK : bad("%s", why);
}

static int check_usage(const Job *job, const Command *command)
{
    if (!job->data && !job->input.n)
        return options_complain(command, "--input NAME=FILE or --data DIR is missing");
    if (job->data && job->input.n)
        return options_complain(command, "examples come from --input or from --data, not from both");
    if ((job->stream || job->options.stepwise) && job->options.batch > 1)
        return options_complain(command, "--stream takes one example after the other, --batch several at a time");
    if (job->show && job->json)
        return options_complain(command, "--show draws pictures, which --json cannot hold");
    return -1;
}

int cmd_run(Arena *a, int argc, char **argv)
{
    Job job = {.a = a, .options = {.train_batch = 1}, .split = "test", .threads = 1};
    const Option rows[] = {
        {"weights", 'w', OPTION_TEXT, &job.weights, "W.safetensors", "the model's weights", 0, 0},
        {"input", 'i', OPTION_LIST, &job.input, "NAME=FILE",
         ".npy or IDX (also .gz), examples in front; one for each input", 0, 0},
        {"data", 'd', OPTION_TEXT, &job.data, "DIR", "take the examples from a data folder", 0, 0},
        {"split", 's', OPTION_CHOICE, &job.split, "train|val|test", "which part of it (default test)", 0, 0},
        {"output", 'o', OPTION_LIST, &job.output, "NAME=FILE.npy",
         "write an output instead of printing it; may be repeated", 0, 0},
        {"first", 0, OPTION_INT, &job.first, "N", "only the first N examples", 1, INT64_MAX},
        {"stream", 0, OPTION_FLAG, &job.stream, NULL,
         "the examples are the steps of one sequence: streams are kept from each to the next", 0, 0},
        {"show", 0, OPTION_INT, &job.show, "N", "draw the first N images, the most likely class under each",
         1, 10000},
        {"batch", 'b', OPTION_INT, &job.options.batch, "N", "examples at a time (default 32)", 1, 1000000},
        OPTION_STREAMING(job.options.stepwise),
        OPTION_JIT(job.engine),
        OPTION_THREADS(job.threads),
        OPTION_DETERMINISTIC(job.deterministic),
        OPTION_MODEL(job.choice),
        OPTION_SET(job.choice),
        OPTION_JSON(job.json),
    };
    const Command command = {
        .name = "dlc run",
        .operands = "[options] MODEL.dl --weights W.safetensors --input NAME=FILE",
        .summary = "Computes a model's outputs and prints them, one line an example and output.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
        .epilogue = "A file may hold one example, without an axis that counts them; bytes become floats "
                    "divided by 255.\n"
                    "Where there is one input, or one output, its NAME= may be left out.",
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = choice_settle(a, &command, &job.choice, &job.options);
    if (status < 0)
        status = check_usage(&job, &command);
    if (status >= 0)
        return status;
    if (!job.options.batch)
        job.options.batch = job.stream || job.options.stepwise ? 1 : 32;
    job.path = operands.at[0];
    return run(&job);
}
