/* SPDX-License-Identifier: MIT */
/* reference_driver.c: writes the C program that does with a model's emitted C what reference.c does in memory, and tries what has to be
 * refused. */
#include "reference.h"

#include "emit/emit.h"

#include <string.h>

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
        sb_printf(w->sb, "static %s %s[%ld];\n", c_type(entry[i].type.dt), id(w, &entry[i]), (long)case_count(w->c, &entry[i]));
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
        const char *bad[] = {arena_printf(c->a, "%d", case_limit(c, e->name)), "-1", "-2147483647 - 1", "2147483647"};
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

void write_driver(Case *c)
{
    StrBuf sb = {.a = c->a};
    char *big = arena_strdup(c->a, c->m->name);
    for (char *at = big; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    Driver w = {c, c->m, &sb, big};
    sb_printf(&sb, "#include \"driver.h\"\n#include <%s.h>    /* not the one beside this file: see emitted.sh */\n\n", c->m->name);
    put_objects(&w);
    put_main(&w);
    FILE *out = case_file(c, "driver.c", "w");
    fputs(sb_text(&sb), out);
    fclose(out);
}
