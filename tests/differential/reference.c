/* SPDX-License-Identifier: MIT */
/* reference.c: what emitted C has to compute, and the program that computes it.
 *
 *     reference MODEL.dl -o DIR [--set K=V]... [--batch N] [--train-batch N] [--limit NAME=N]...
 *         writes DIR/inputs.bin, DIR/expected.bin (the interpreter's results, in double) and DIR/driver.c, which does the same
 *         through MODEL.h and leaves its results in a file. Training is --steps N (3). DIR/weights.safetensors has the parameters that
 *         inference begins with; with --baked the driver is for what dlc makes of these: it has none of its own, and no init
 *     reference MODEL.dl -o DIR --engine tcc|cc ...     the same through code in memory; leaves DIR/ENGINE.bin
 *     reference --compare EXPECTED ACTUAL               within the tolerances below
 *
 * Integer inputs are drawn below --limit; the driver (reference_driver.c) also tries the limit itself, and other calls that must change nothing. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tolerances: the most a value may be off, as a part of the largest in its tensor, or of `floor` where that is larger ---- */
static const struct Tolerance {
    const char *class;
    double part, floor;
} tolerances[] = {
    {"init", 1e-6, 1e-3},       /* the same random bits, rounded as f32 operations round */
    {"output", 1e-5, 1e-2},
    {"stream", 1e-5, 1e-2},
    {"loss", 1e-5, 1e-2},
    {"metric", 1e-6, 1},        /* counts of examples, or parts of a batch */
    {"gradient", 2e-5, 1e-2},   /* sums of many terms in another order */
    {"param", 5e-5, 1e-1},      /* Adam divides by a root of what may be tiny: a gradient's error is seen enlarged */
    {"optimizer", 1e-4, 1e-4},
    {"state", 1e-5, 1e-2},
};

/* ---- records ------------------------------------------------------------------------------------------------------- */
static void record(FILE *out, const char *class, const char *name, const float *value, int64_t n)
{
    fprintf(out, "%s %s %ld\n", class, name, (long)n);
    fwrite(value, sizeof *value, (size_t)n, out);
}

typedef struct Record {
    char class[32], name[200];
    long n;
    float *value;
} Record;

static bool read_record(FILE *in, Record *r)
{
    if (fscanf(in, "%31s %199s %ld", r->class, r->name, &r->n) != 3 || fgetc(in) != '\n' || r->n < 1)
        return false;
    r->value = malloc((size_t)r->n * sizeof *r->value);
    return r->value && fread(r->value, sizeof *r->value, (size_t)r->n, in) == (size_t)r->n;
}

/* Says what is wrong with the actual record; true when nothing is. */
static bool close_enough(const Record *want, const Record *got, double *worst)
{
    if (strcmp(want->class, got->class) || strcmp(want->name, got->name) || want->n != got->n) {
        printf("expected %s %s of %ld, found %s %s of %ld\n", want->class, want->name, want->n, got->class, got->name, got->n);
        return false;
    }
    const struct Tolerance *t = tolerances;
    while (strcmp(t->class, want->class))
        t++;
    double largest = t->floor, off = 0;
    long at = 0;
    for (long i = 0; i < want->n; i++) {
        largest = fmax(largest, fabs((double)want->value[i]));
        double d = fabs((double)want->value[i] - (double)got->value[i]);
        if (!(d <= off))
            off = isnan(d) ? INFINITY : d, at = i;
    }
    *worst = fmax(*worst, off / (t->part * largest));
    if (off <= t->part * largest)
        return true;
    printf("%s %s[%ld]: %.9g instead of %.9g, off by %.2g of %.3g; %.0e is allowed\n", want->class, want->name, at,
           (double)got->value[at], (double)want->value[at], off / largest, largest, t->part);
    return false;
}

static int compare(const char *expected, const char *actual)
{
    FILE *e = fopen(expected, "rb"), *a = fopen(actual, "rb");
    Record want, got;
    int bad = !e || !a, n = 0;
    double worst = 0;
    for (; !bad && read_record(e, &want); n++) {
        if (!read_record(a, &got)) {
            printf("%s %s is missing\n", want.class, want.name);
            bad = 1;
            break;
        }
        if (!close_enough(&want, &got, &worst) && ++bad == 10)
            break;
        free(want.value);
        free(got.value);
    }
    if (!bad && (n == 0 || fgetc(a) != EOF))
        bad = puts(n ? "there are more results than expected" : "nothing to compare");
    printf("%d tensors, at worst %.2f of what is allowed\n", n, worst);
    return bad != 0;
}

/* ---- the case -------------------------------------------------------------------------------------------------------- */
FILE *case_file(Case *c, const char *name, const char *mode)
{
    FILE *f = fopen(arena_printf(c->a, "%s/%s", c->folder, name), mode);
    if (!f) {
        fprintf(stderr, "cannot open %s/%s\n", c->folder, name);
        exit(2);
    }
    return f;
}

int32_t case_limit(const Case *c, const char *name)
{
    for (int i = 0; i < c->nlimit; i++)
        if (!strcmp(c->limit[i].name, name))
            return atoi(c->limit[i].value);
    return 10;
}

static uint32_t draw(Case *c)
{
    c->noise = c->noise * 1664525u + 1013904223u;
    return c->noise >> 8;
}

static float draw_float(Case *c)    /* in [-1, 1) */
{
    return (float)draw(c) / (float)(1 << 23) - 1;
}

int64_t case_count(const Case *c, const Entry *e)
{
    return type_count(e->type) * (e->batched ? c->examples : 1);
}

static void fill(Case *c, const Entry *e, void *tensor)
{
    for (int64_t i = 0; i < case_count(c, e); i++)
        if (e->type.dt == DT_F32)
            ((float *)tensor)[i] = draw_float(c);
        else if (e->type.dt == DT_I32)
            ((int32_t *)tensor)[i] = (int32_t)(draw(c) % (uint32_t)case_limit(c, e->name));
        else
            ((uint8_t *)tensor)[i] = (uint8_t)(draw(c) % (e->type.dt == DT_BOOL ? 2 : 256));
}

/* The driver's function for records of an element type. */
const char *record_of(DType dt)
{
    return dt == DT_F32 ? "record" : dt == DT_I32 ? "record_i32" : "record_u8";
}

static void record_entry(FILE *out, const char *class, const Entry *e, const void *tensor, int64_t n)
{
    float *value = malloc((size_t)n * sizeof *value);
    for (int64_t i = 0; i < n && value; i++)
        value[i] = e->type.dt == DT_F32   ? ((const float *)tensor)[i]
                   : e->type.dt == DT_I32 ? (float)((const int32_t *)tensor)[i]
                                          : (float)((const uint8_t *)tensor)[i];
    if (value)
        record(out, class, e->name, value, n);
    free(value);
}

/* ---- running it in this process ------------------------------------------------------------------------------------------ */
static void call(Session *s, Call call)
{
    const char *why;
    if (!session_call(s, call, &why)) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

static void set_count(Session *s, int64_t count)
{
    int32_t *at = session_tensor(s, ROLE_COUNT, 0);
    if (at)
        *at = (int32_t)count;
}

static void record_all(FILE *out, Session *s, const char *class, Role role, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        record_entry(out, class, &entry[i], session_tensor(s, role, i), type_count(entry[i].type));
}

static void record_streams(Case *c, FILE *out, Session *s)
{
    for (int i = 0; i < s->m->streams.n; i++) {
        const Entry *e = &s->m->streams.at[i];
        record_entry(out, "stream", e, session_tensor(s, ROLE_STREAM, i), type_count(e->type) * c->options.batch);
    }
}

static void record_metrics(FILE *out, Session *s)
{
    record(out, "loss", "loss", session_tensor(s, ROLE_LOSS, 0), 1);
    record_all(out, s, "metric", ROLE_METRIC, s->m->metrics.at, s->m->metrics.n);
}

/* Inputs, targets, parameters, states: drawn here, read by the driver. Parameters are what init leaves, and some noise. */
static void feed(Case *c, Session *s, FILE *save)
{
    const Module *m = s->m;
    struct { const Entry *entry; int n; Role role; bool drawn; } groups[] = {
        {m->inputs.at, m->inputs.n, ROLE_INPUT, true}, {m->targets.at, c->options.train ? m->targets.n : 0, ROLE_TARGET, true},
        {m->params.at, m->params.n, ROLE_PARAM, false}, {m->states.at, m->states.n, ROLE_STATE, false},
    };
    for (int g = 0; g < LEN(groups); g++)
        for (int i = 0; i < groups[g].n; i++) {
            const Entry *e = &groups[g].entry[i];
            void *tensor = session_tensor(s, groups[g].role, i);
            if (groups[g].drawn)
                fill(c, e, tensor);
            else
                for (int64_t k = 0; k < type_count(e->type) && e->type.dt == DT_F32; k++)
                    ((float *)tensor)[k] += draw_float(c) * 0.02f;
            if (save)
                fwrite(tensor, (size_t)dtype_bytes(e->type.dt), (size_t)case_count(c, e), save);
        }
}

static void save_weights(Case *c, Session *s, const FILE *save)
{
    const char *why;
    if (save && !session_save(s, arena_printf(c->a, "%s/weights.safetensors", c->folder), &why)) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
}

static void train(Case *c, Session *s, FILE *out)
{
    const Module *m = s->m;
    int64_t most = c->options.train_batch, some = most > 1 ? most - 1 : 1;
    for (int part = 0; part < 2; part++) {
        set_count(s, part ? some : most);
        session_step(s, 1);
        call(s, CALL_EVALUATE);
        record_metrics(out, s);
        call(s, CALL_GRADIENTS);
        record_metrics(out, s);
        record_all(out, s, "gradient", ROLE_GRADIENT, m->params.at, m->params.n);
    }
    for (int step = 1; step <= c->steps; step++) {
        set_count(s, step == c->steps ? some : most);
        session_step(s, step);
        call(s, CALL_TRAIN_STEP);
        record_metrics(out, s);
    }
    record_all(out, s, "param", ROLE_PARAM, m->params.at, m->params.n);
    record_all(out, s, "state", ROLE_STATE, m->states.at, m->states.n);
    record_all(out, s, "optimizer", ROLE_OPTIMIZER, m->optimizer.at, m->optimizer.n);
}

static void run(Case *c, Session *s, FILE *out, FILE *save)
{
    const Module *m = s->m;
    session_seed(s, SEED);
    if (m->init) {
        call(s, CALL_INIT);
        record_all(out, s, "init", ROLE_PARAM, m->params.at, c->baked ? 0 : m->params.n);
        record_all(out, s, "init", ROLE_STATE, m->states.at, c->baked ? 0 : m->states.n);
        if (c->options.train)
            record_all(out, s, "init", ROLE_OPTIMIZER, m->optimizer.at, m->optimizer.n);
    }
    feed(c, s, save);
    save_weights(c, s, save);
    if (m->start) {
        call(s, CALL_START);
        record_streams(c, out, s);
        call(s, CALL_INFER);
        record_streams(c, out, s);
    }
    call(s, CALL_INFER);
    record_streams(c, out, s);
    for (int i = 0; i < m->outputs.n; i++)
        record_entry(out, "output", &m->outputs.at[i], session_tensor(s, ROLE_OUTPUT, i),
                     type_count(m->outputs.at[i].type) * (m->outputs.at[i].batched ? c->options.batch : 1));
    if (c->options.train)
        train(c, s, out);
    if (ferror(out) || fclose(out)) {
        fprintf(stderr, "cannot write the results\n");
        exit(2);
    }
}

/* ---- the command line --------------------------------------------------------------------------------------------------------- */
static Setting setting(char *text)
{
    char *equals = strchr(text, '=');
    if (!equals) {
        fprintf(stderr, "%s: expected NAME=VALUE\n", text);
        exit(2);
    }
    *equals = '\0';
    return (Setting){text, equals + 1};
}

static const char *read_options(Case *c, int argc, char **argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--train"))
            c->options.train = true;
        else if (!strcmp(argv[i], "-o"))
            c->folder = next, i++;
        else if (!strcmp(argv[i], "--engine"))
            c->engine = next, i++;
        else if (!strcmp(argv[i], "--baked"))
            c->baked = true;
        else if (!strcmp(argv[i], "--steps"))
            c->steps = atoi(next), i++;
        else if (!strcmp(argv[i], "--batch"))
            c->options.batch = atoi(next), i++;
        else if (!strcmp(argv[i], "--train-batch"))
            c->options.train_batch = atoi(next), i++;
        else if (!strcmp(argv[i], "--set"))
            c->set[c->nset++ % 16] = setting(argv[++i]);
        else if (!strcmp(argv[i], "--limit"))
            c->limit[c->nlimit++ % 16] = setting(argv[++i]);
        else
            path = argv[i];
    }
    c->options.set = c->set;
    c->options.nset = c->nset;
    c->examples = c->options.train && c->options.train_batch > c->options.batch ? c->options.train_batch : c->options.batch;
    return path;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "--compare"))
        return compare(argv[2], argv[3]);
    Case c = {.a = arena_new(), .options = {.batch = 1, .train_batch = 4}, .noise = 12345, .steps = 3};
    Diag *d = diag_new(c.a);
    const char *path = read_options(&c, argc, argv), *why = NULL;
    if (!path || !c.folder)
        return 2;
    c.m = pipeline_module(c.a, d, path, &c.options, NULL, NULL);
    if (!c.m) {
        diag_print(d, stderr);
        return 1;
    }
    unsigned calls = SESSION_INFERS | (c.m->init ? 1u << CALL_INIT : 0) |
                     (c.options.train ? 1u << CALL_EVALUATE | 1u << CALL_GRADIENTS | 1u << CALL_TRAIN_STEP : 0);
    Session *s = session_open(c.a, d, c.m, calls, c.engine ? c.engine : "interpret64", 1, false, &why);
    if (!s) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (!c.engine)
        write_driver(&c);
    run(&c, s, case_file(&c, c.engine ? arena_printf(c.a, "%s.bin", c.engine) : "expected.bin", "wb"),
        c.engine ? NULL : case_file(&c, "inputs.bin", "wb"));
    session_close(s);
    arena_free(c.a);
    return 0;
}
