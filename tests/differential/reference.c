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
 * Integer inputs are drawn below --limit; the driver also tries the limit itself, and other calls that must change nothing. */
#include "commands/session.h"
#include "emit/emit.h"
#include "pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 7 };

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
typedef struct Case {
    Arena *a;
    const Module *m;
    const char *folder, *engine;
    Setting set[16], limit[16];
    int nset, nlimit;
    ElaborateOptions options;
    int64_t examples;           /* of the larger batch: what inputs.bin holds */
    uint32_t noise;
    int steps;                  /* of training */
    bool baked;                 /* the driver's model has its weights in it */
} Case;

static FILE *file(Case *c, const char *name, const char *mode)
{
    FILE *f = fopen(arena_printf(c->a, "%s/%s", c->folder, name), mode);
    if (!f) {
        fprintf(stderr, "cannot open %s/%s\n", c->folder, name);
        exit(2);
    }
    return f;
}

static int32_t limit_of(const Case *c, const char *name)
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

static int64_t entry_count(const Case *c, const Entry *e)
{
    return type_count(e->type) * (e->batched ? c->examples : 1);
}

static void fill(Case *c, const Entry *e, void *tensor)
{
    for (int64_t i = 0; i < entry_count(c, e); i++)
        if (e->type.dt == DT_F32)
            ((float *)tensor)[i] = draw_float(c);
        else if (e->type.dt == DT_I32)
            ((int32_t *)tensor)[i] = (int32_t)(draw(c) % (uint32_t)limit_of(c, e->name));
        else
            ((uint8_t *)tensor)[i] = (uint8_t)(draw(c) % (e->type.dt == DT_BOOL ? 2 : 256));
}

/* The driver's function for records of an element type. */
static const char *record_of(DType dt)
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
                fwrite(tensor, (size_t)dtype_bytes(e->type.dt), (size_t)entry_count(c, e), save);
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

/* ---- the driver ----------------------------------------------------------------------------------------------------------- */
typedef struct Driver {
    Case *c;
    const Module *m;
    StrBuf *sb;
    const char *big;            /* the model's name in capitals */
} Driver;

static const char *id(Driver *w, const Entry *e)
{
    return c_identifier(w->c->a, e->name);
}

static void put_arrays(Driver *w, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        sb_printf(w->sb, "static %s %s[%ld];\n", c_type(entry[i].type.dt), id(w, &entry[i]), (long)entry_count(w->c, &entry[i]));
}

static bool needs_seed(const Module *m)
{
    return fn_find_input(m->gradients, ROLE_SEED, 0) != NULL;
}

/* A call, as the header promises it: EXPRESSION == DL_OK and the like are made of it. */
static const char *text_of_call(Driver *w, Call call, const char *count)
{
    static const char *const name[CALLS] = {"init", "start", "infer", "evaluate", "gradients", "train_step"};
    static const char *const bytes[CALLS] = {"INIT_ARENA", "ARENA", "ARENA", "TRAIN_ARENA", "TRAIN_ARENA", "TRAIN_ARENA"};
    const Module *m = w->m;
    StrBuf sb = {.a = w->c->a};
    sb_printf(&sb, "%s_%s(", m->name, name[call]);
    sb_puts(&sb, m->params.n && !w->c->baked ? "&params, " : "");
    sb_puts(&sb, m->states.n && !w->c->baked ? "&state, " : "");
    sb_puts(&sb, m->streams.n && (call == CALL_START || call == CALL_INFER) ? "&stream, " : "");
    sb_puts(&sb, w->c->options.train && (call == CALL_INIT || call == CALL_TRAIN_STEP) ? "&optimizer, " : "");
    if (call == CALL_INIT)
        sb_printf(&sb, "%d, ", SEED);
    if (call == CALL_GRADIENTS && needs_seed(m))
        sb_printf(&sb, "%d, 1, ", SEED);
    for (int i = 0; call >= CALL_INFER && i < m->inputs.n; i++)
        sb_printf(&sb, "%s, ", id(w, &m->inputs.at[i]));
    for (int i = 0; call == CALL_INFER && i < m->outputs.n; i++)
        sb_printf(&sb, "%s, ", id(w, &m->outputs.at[i]));
    for (int i = 0; call > CALL_INFER && i < m->targets.n; i++)
        sb_printf(&sb, "%s, ", id(w, &m->targets.at[i]));
    sb_puts(&sb, call > CALL_INFER ? count : "");
    sb_puts(&sb, call > CALL_INFER ? ", " : "");
    sb_puts(&sb, call == CALL_GRADIENTS ? "&gradients, " : "");
    sb_printf(&sb, "%sarena = scratch(%s_%s_BYTES))", call > CALL_INFER ? "&metrics, " : "", w->big, bytes[call]);
    return sb_text(&sb);
}

static void put_call(Driver *w, Call call, const char *count)
{
    sb_printf(w->sb, "    expect(%s == DL_OK, \"a call fails\");\n    free(arena);\n", text_of_call(w, call, count));
}

static void put_loads(Driver *w, const char *owner, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        sb_printf(w->sb, "    load(in, %s%s, sizeof %s%s);\n", owner, id(w, &entry[i]), owner, id(w, &entry[i]));
}

static void put_records(Driver *w, const char *class, const char *owner, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        sb_printf(w->sb, "    %s(\"%s\", \"%s\", %s%s, %ld);\n", record_of(entry[i].type.dt), class, entry[i].name, owner, id(w, &entry[i]),
                  (long)type_count(entry[i].type));
}

static void put_metrics(Driver *w, const char *count)
{
    sb_printf(w->sb, "    record(\"loss\", \"loss\", &metrics.loss, 1);\n    expect(metrics.count == %s, \"a wrong count\");\n", count);
    for (int i = 0; i < w->m->metrics.n; i++)
        sb_printf(w->sb, "    record(\"metric\", \"%s\", &metrics.%s, 1);\n", w->m->metrics.at[i].name, id(w, &w->m->metrics.at[i]));
}

/* A call that has to fail with `status` and leave everything as it was. */
static void put_refusal(Driver *w, Call call, const char *count, const char *status, const char *what)
{
    bool train = w->c->options.train;
    sb_printf(w->sb, "    expect(%s == %s, \"%s: not %s\");\n    free(arena);\n", text_of_call(w, call, count), status, what, status);
    if (w->m->params.n && !w->c->baked)
        sb_printf(w->sb, "    expect(!memcmp(&params, &old_params, sizeof params), \"%s: parameters change\");\n", what);
    if (w->m->states.n && !w->c->baked)
        sb_printf(w->sb, "    expect(!memcmp(&state, &old_state, sizeof state), \"%s: states change\");\n", what);
    if (w->m->streams.n)
        sb_printf(w->sb, "    expect(!memcmp(&stream, &old_stream, sizeof stream), \"%s: streams change\");\n", what);
    if (train)
        sb_printf(w->sb, "    expect(!memcmp(&optimizer, &old_optimizer, sizeof optimizer), \"%s: the optimizer changes\");\n", what);
}

/* The last example's last number becomes the first that is too large, then negative. */
static void put_bad_indices(Driver *w, const Entry *entry, int n, bool infer)
{
    Case *c = w->c;
    for (int i = 0; i < n; i++) {
        const Entry *e = &entry[i];
        if (e->type.dt != DT_I32)
            continue;
        int64_t each = type_count(e->type);
        const char *bad[] = {arena_printf(c->a, "%d", limit_of(c, e->name)), "-1", "-2147483647 - 1", "2147483647"};
        for (int k = 0; k < LEN(bad); k++) {
            const char *what = arena_printf(c->a, "%s = %s", e->name, bad[k]);
            if (infer) {
                long at = (long)(each * c->options.batch - 1);
                sb_printf(w->sb, "    kept = %s[%ld];\n    %s[%ld] = %s;\n", id(w, e), at, id(w, e), at, bad[k]);
                put_refusal(w, CALL_INFER, "", "DL_INDEX", arena_printf(c->a, "infer with %s", what));
                sb_printf(w->sb, "    %s[%ld] = kept;\n", id(w, e), at);
            }
            if (!c->options.train)
                continue;
            long at = (long)(each * c->options.train_batch - 1);
            sb_printf(w->sb, "    kept = %s[%ld];\n    %s[%ld] = %s;\n", id(w, e), at, id(w, e), at, bad[k]);
            static const char *const name[] = {"evaluate", "gradients", "train_step"};
            for (int call = CALL_EVALUATE; call < CALLS; call++)
                put_refusal(w, (Call)call, arena_printf(c->a, "%s_TRAIN_BATCH", w->big), "DL_INDEX",
                            arena_printf(c->a, "%s with %s", name[call - CALL_EVALUATE], what));
            sb_printf(w->sb, "    %s[%ld] = kept;\n", id(w, e), at);
        }
    }
}

static void put_refusals(Driver *w)
{
    const Module *m = w->m;
    bool train = w->c->options.train;
    if (m->params.n && !w->c->baked)
        sb_puts(w->sb, "    old_params = params;\n");
    if (m->states.n && !w->c->baked)
        sb_puts(w->sb, "    old_state = state;\n");
    if (m->streams.n)
        sb_puts(w->sb, "    old_stream = stream;\n");
    if (train)
        sb_puts(w->sb, "    old_optimizer = optimizer;\n");
    put_bad_indices(w, m->inputs.at, m->inputs.n, true);
    if (!train)
        return;
    put_bad_indices(w, m->targets.at, m->targets.n, false);
    const char *counts[] = {"0", "-1", arena_printf(w->c->a, "%s_TRAIN_BATCH + 1", w->big)};
    for (int k = 0; k < LEN(counts); k++)
        for (int call = CALL_EVALUATE; call < CALLS; call++)
            put_refusal(w, (Call)call, counts[k], "DL_COUNT", arena_printf(w->c->a, "count = %s", counts[k]));
}

static void put_training(Driver *w)
{
    const Module *m = w->m;
    const char *most = arena_printf(w->c->a, "%s_TRAIN_BATCH", w->big);
    const char *some = w->c->options.train_batch > 1 ? arena_printf(w->c->a, "%s - 1", most) : most;
    for (int part = 0; part < 2; part++) {
        const char *count = part ? some : most;
        put_call(w, CALL_EVALUATE, count);
        put_metrics(w, count);
        put_call(w, CALL_GRADIENTS, count);
        put_metrics(w, count);
        put_records(w, "gradient", "gradients.", m->params.at, m->params.n);
    }
    for (int step = 1; step <= w->c->steps; step++) {
        put_call(w, CALL_TRAIN_STEP, step == w->c->steps ? some : most);
        put_metrics(w, step == w->c->steps ? some : most);
    }
    put_records(w, "param", "params.", m->params.at, m->params.n);
    put_records(w, "state", "state.", m->states.at, m->states.n);
    put_records(w, "optimizer", "optimizer.", m->optimizer.at, m->optimizer.n);
}

static void put_objects(Driver *w)
{
    const Module *m = w->m;
    bool train = w->c->options.train;
    if (m->params.n && !w->c->baked)
        sb_printf(w->sb, "static %s_params params, old_params%s;\n", m->name, train ? ", gradients" : "");
    if (m->states.n && !w->c->baked)
        sb_printf(w->sb, "static %s_state state, old_state;\n", m->name);
    if (m->streams.n)
        sb_printf(w->sb, "static %s_stream stream, old_stream;\n", m->name);
    if (train)
        sb_printf(w->sb, "static %s_optimizer optimizer, old_optimizer;\nstatic %s_metrics metrics;\n", m->name, m->name);
    put_arrays(w, m->inputs.at, m->inputs.n);
    put_arrays(w, m->outputs.at, m->outputs.n);
    put_arrays(w, m->targets.at, train ? m->targets.n : 0);
}

static void put_streams(Driver *w)
{
    for (int i = 0; i < w->m->streams.n; i++) {
        const Entry *e = &w->m->streams.at[i];
        sb_printf(w->sb, "    %s(\"stream\", \"%s\", stream.%s, %ld);\n", record_of(e->type.dt), e->name, id(w, e),
                  (long)(type_count(e->type) * w->c->options.batch));
    }
}

static void put_main(Driver *w)
{
    const Module *m = w->m;
    bool train = w->c->options.train;
    sb_puts(w->sb, "\nint main(int argc, char **argv)\n{\n    void *arena;\n    int32_t kept = 0;\n"
                   "    FILE *in = argc == 3 ? fopen(argv[1], \"rb\") : NULL;\n    records = argc == 3 ? fopen(argv[2], \"wb\") : NULL;\n"
                   "    if (!in || !records)\n        return 2;\n    (void)kept;\n");
    if (m->params.n + m->states.n && !w->c->baked) {
        put_call(w, CALL_INIT, "");
        put_records(w, "init", "params.", m->params.at, m->params.n);
        put_records(w, "init", "state.", m->states.at, m->states.n);
        put_records(w, "init", "optimizer.", m->optimizer.at, train ? m->optimizer.n : 0);
    }
    put_loads(w, "", m->inputs.at, m->inputs.n);
    put_loads(w, "", m->targets.at, train ? m->targets.n : 0);
    put_loads(w, "params.", m->params.at, w->c->baked ? 0 : m->params.n);
    put_loads(w, "state.", m->states.at, w->c->baked ? 0 : m->states.n);
    if (m->start) {
        put_call(w, CALL_START, "");
        put_streams(w);
        put_call(w, CALL_INFER, "");
        put_streams(w);
    }
    put_refusals(w);
    put_call(w, CALL_INFER, "");
    put_streams(w);
    for (int i = 0; i < m->outputs.n; i++)
        sb_printf(w->sb, "    %s(\"output\", \"%s\", %s, %ld);\n", record_of(m->outputs.at[i].type.dt), m->outputs.at[i].name, id(w, &m->outputs.at[i]),
                  (long)(type_count(m->outputs.at[i].type) * (m->outputs.at[i].batched ? w->c->options.batch : 1)));
    if (train)
        put_training(w);
    sb_puts(w->sb, "    expect(!fclose(records) && !fclose(in), \"cannot write the results\");\n    return complaints != 0;\n}\n");
}

static void write_driver(Case *c)
{
    StrBuf sb = {.a = c->a};
    char *big = arena_strdup(c->a, c->m->name);
    for (char *at = big; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    Driver w = {c, c->m, &sb, big};
    sb_printf(&sb, "#include \"driver.h\"\n#include <%s.h>    /* not the one beside this file: see emitted.sh */\n\n", c->m->name);
    put_objects(&w);
    put_main(&w);
    FILE *out = file(c, "driver.c", "w");
    fputs(sb_text(&sb), out);
    fclose(out);
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
    run(&c, s, file(&c, c.engine ? arena_printf(c.a, "%s.bin", c.engine) : "expected.bin", "wb"),
        c.engine ? NULL : file(&c, "inputs.bin", "wb"));
    session_close(s);
    arena_free(c.a);
    return 0;
}
