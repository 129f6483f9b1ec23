/* SPDX-License-Identifier: MIT */
/* session.c: a model being run. */
#include "commands.h"
#include "session.h"

#include "../../runtime/dl_status.h"
#include "../verify/model.h"

#include <string.h>

static const char *const call_name[CALLS] = {"init", "start", "infer", "evaluate", "gradients", "train_step"};

const char *session_call_name(Call call)
{
    return call_name[call];
}

/* ---- tensors --------------------------------------------------------------------------------------- */
/* By role and index: the bytes of the largest tensor that goes by that name. */
typedef struct Sizes {
    VEC(int64_t) bytes[ROLE_CARRY];
} Sizes;

static void want(Arena *a, Sizes *sizes, Role role, int index, Type t)
{
    while (sizes->bytes[role].n <= index)
        vec_push(a, &sizes->bytes[role], 0);
    int64_t *bytes = &sizes->bytes[role].at[index];
    *bytes = type_bytes(t) > *bytes ? type_bytes(t) : *bytes;
}

static void want_ports(Arena *a, Sizes *sizes, const Port *port, int n)
{
    for (int i = 0; i < n; i++)
        want(a, sizes, port[i].role, port[i].index, port[i].node->type);
}

static void want_entries(Arena *a, Sizes *sizes, Role role, const Entry *entry, int n)
{
    for (int i = 0; i < n; i++)
        want(a, sizes, role, i, entry[i].type);
}

/* These have room for a batch even where no function takes them: session_feed fills all inputs and targets. */
static void want_batches(Arena *a, Sizes *sizes, Role role, const Entry *entry, int n, const Module *m)
{
    int64_t batch = m->batch > m->train_batch ? m->batch : m->train_batch;
    for (int i = 0; i < n; i++)
        want(a, sizes, role, i, type_insert(entry[i].type, 0, batch));
}

static void make_tensors(Session *s)
{
    Sizes sizes = {0};
    want_batches(s->a, &sizes, ROLE_INPUT, s->m->inputs.at, s->m->inputs.n, s->m);
    want_batches(s->a, &sizes, ROLE_TARGET, s->m->targets.at, s->m->targets.n, s->m);
    want_entries(s->a, &sizes, ROLE_PARAM, s->m->params.at, s->m->params.n);
    want_entries(s->a, &sizes, ROLE_STATE, s->m->states.at, s->m->states.n);
    want_batches(s->a, &sizes, ROLE_STREAM, s->m->streams.at, s->m->streams.n, s->m);
    want_entries(s->a, &sizes, ROLE_OPTIMIZER, s->m->optimizer.at, s->m->optimizer.n);
    for (int c = 0; c < CALLS; c++) {
        if (!s->fn[c])
            continue;
        want_ports(s->a, &sizes, s->fn[c]->input.at, s->fn[c]->input.n);
        want_ports(s->a, &sizes, s->fn[c]->result.at, s->fn[c]->result.n);
    }
    for (int role = 0; role < ROLE_CARRY; role++) {
        int n = sizes.bytes[role].n;
        s->ntensor[role] = n;
        s->tensor[role] = NEWN(s->a, void *, n + 1);
        for (int i = 0; i < n; i++)
            s->tensor[role][i] = arena_alloc(s->a, (size_t)sizes.bytes[role].at[i] + 64);
    }
}

void *session_tensor(const Session *s, Role role, int index)
{
    return index < s->ntensor[role] ? s->tensor[role][index] : NULL;
}

static void **pointers(Session *s, const Port *port, int n)
{
    void **at = NEWN(s->a, void *, n + 1);
    for (int i = 0; i < n; i++)
        at[i] = session_tensor(s, port[i].role, port[i].index);
    return at;
}

void session_take(Session *s, Call call, const Fn *fn)
{
    s->in[call] = pointers(s, fn->input.at, fn->input.n);
    s->out[call] = pointers(s, fn->result.at, fn->result.n);
}

/* ---- opening and calling --------------------------------------------------------------------------- */
Session *session_new(Arena *a, const Module *m, unsigned calls)
{
    Fn *const all[CALLS] = {m->init, m->start, m->infer, m->evaluate, m->gradients, m->train_step};
    Session *s = NEW(a, Session);
    *s = (Session){.a = a, .m = m};
    for (int c = 0; c < CALLS; c++)
        s->fn[c] = calls & 1u << c ? all[c] : NULL;
    make_tensors(s);
    s->order = NEWN(a, int64_t, m->batch > m->train_batch ? m->batch : m->train_batch);
    s->fed = NEWN(a, void *, m->inputs.n + m->targets.n + 1);
    for (int i = 0; i < m->inputs.n; i++)
        s->fed[i] = session_tensor(s, ROLE_INPUT, i);
    for (int i = 0; i < m->targets.n; i++)
        s->fed[m->inputs.n + i] = session_tensor(s, ROLE_TARGET, i);
    for (int c = 0; c < CALLS; c++)
        if (s->fn[c])
            session_take(s, (Call)c, s->fn[c]);
    return s;
}

Session *session_open(Arena *a, Diag *d, const Module *m, unsigned calls, const char *engine,
                      int64_t threads, bool deterministic, const char **why)
{
    Session *s = session_new(a, m, calls);
    s->x = executable_new(a, d, engine, (int)threads, deterministic, s->fn, call_name, CALLS, why);
    return s->x ? s : NULL;
}

void session_close(Session *s)
{
    executable_close(s->x);
}

bool session_call(Session *s, Call call, const char **why)
{
    if (executable_call(s->x, call, s->in[call], s->out[call]) == DL_OK)
        return true;
    *why = "an index (a token or a label) is out of range";
    return false;
}

bool session_start(Session *s, const char **why)
{
    return !s->fn[CALL_START] || session_call(s, CALL_START, why);
}

void session_seed(Session *s, uint64_t seed)
{
    int32_t *words = session_tensor(s, ROLE_SEED, 0);
    if (!words)
        return;
    words[0] = (int32_t)(uint32_t)seed;
    words[1] = (int32_t)(uint32_t)(seed >> 32);
}

static void set_number(Session *s, Role role, int32_t value)
{
    int32_t *at = session_tensor(s, role, 0);
    if (at)
        *at = value;
}

void session_step(Session *s, int32_t step)
{
    set_number(s, ROLE_STEP, step);
}

void session_count(Session *s, int64_t examples)
{
    set_number(s, ROLE_COUNT, (int32_t)examples);
}

/* ---- weights --------------------------------------------------------------------------------------- */
int session_nweight(const Session *s)
{
    return s->m->params.n + s->m->states.n;
}

const Entry *session_weight(const Session *s, int i, void **tensor)
{
    bool param = i < s->m->params.n;
    int index = param ? i : i - s->m->params.n;
    *tensor = session_tensor(s, param ? ROLE_PARAM : ROLE_STATE, index);
    return param ? &s->m->params.at[index] : &s->m->states.at[index];
}

bool session_load(Session *s, const char *path, const char **why)
{
    Array *found = NEWN(s->a, Array, session_nweight(s) + 1);
    if (!weights_load(s->a, path, s->m, found, why))
        return false;
    for (int i = 0; i < session_nweight(s); i++) {
        void *tensor;
        const Entry *e = session_weight(s, i, &tensor);
        memcpy(tensor, found[i].data, (size_t)type_bytes(e->type));
    }
    return true;
}

bool session_save(Session *s, const char *path, const char **why)
{
    ArrayList list = {0};
    for (int i = 0; i < session_nweight(s); i++) {
        void *tensor;
        const Entry *e = session_weight(s, i, &tensor);
        array_add(s->a, &list, e->name, (Array){e->type, tensor});
    }
    return safetensors_write(s->a, path, &list, why);
}

/* ---- examples -------------------------------------------------------------------------------------- */
DatasetWanted session_wanted(const Module *m, bool targets)
{
    return (DatasetWanted){m->inputs.at, m->targets.at, m->inputs.n, targets ? m->targets.n : 0};
}

void session_feed(Session *s, const Dataset *ds, const int64_t *index, int64_t n, int64_t batch)
{
    dataset_batch(ds, index, n, batch, s->fed);
    session_count(s, n);
}

void session_draw(Session *s, Call call)
{
    const Fn *fn = s->fn[call];
    int64_t *limit = NEWN(s->a, int64_t, fn->input.n + 1);
    Random r = random_start(1, 1);
    input_limits(s->a, fn, limit);
    for (int i = 0; i < fn->input.n; i++) {
        const Port *port = &fn->input.at[i];
        void *tensor = s->in[call][i];
        if (port->role != ROLE_INPUT && port->role != ROLE_TARGET)
            continue;
        for (int64_t k = 0; k < type_count(port->node->type); k++)
            if (port->node->type.dt == DT_F32)
                ((float *)tensor)[k] = (float)random_normal(&r);
            else if (port->node->type.dt == DT_I32)
                ((int32_t *)tensor)[k] = (int32_t)random_below(&r, (uint64_t)(limit[i] ? limit[i] : 2));
            else
                ((uint8_t *)tensor)[k] = (uint8_t)random_below(&r, port->node->type.dt == DT_BOOL ? 2 : 256);
    }
}

const char *session_blame(Session *s, Call call, const Dataset *ds, const int64_t *index, int64_t n)
{
    const char *why = "";
    for (int64_t i = 0; i < n; i++) {
        session_feed(s, ds, index + i, 1, call == CALL_INFER ? s->m->batch : s->m->train_batch);
        if (!session_call(s, call, &why))
            return arena_printf(s->a, "%s, in example %lld (from 0) of %s", why, (long long)index[i],
                                dataset_split(ds));
    }
    return arena_printf(s->a, "%s, in a batch of %s", why, dataset_split(ds));
}

Scores scores_new(Arena *a, const Module *m)
{
    int most = 1 + m->metrics.n;
    Scores scores = {.n = 1, .name = NEWN(a, const char *, most), .metric = NEWN(a, const Entry *, most)};
    scores.sum = NEWN(a, double, most);
    scores.over = NEWN(a, double, most);
    scores.name[0] = "loss";
    for (int i = 0; i < m->metrics.n; i++) {
        const Entry *metric = &m->metrics.at[i];
        scores.metric[scores.n] = metric;
        scores.name[scores.n++] = metric->ratio ? metric->ratio : metric->name;
        i += metric->ratio != NULL; /* its denominator follows */
    }
    return scores;
}

void scores_clear(Scores *scores)
{
    scores->examples = 0;
    memset(scores->sum, 0, sizeof *scores->sum * (size_t)scores->n);
    memset(scores->over, 0, sizeof *scores->over * (size_t)scores->n);
}

static double metric_value(const Session *s, int64_t index)
{
    return (double)*(const float *)session_tensor(s, ROLE_METRIC, (int)index);
}

void scores_add(Scores *scores, const Session *s, int64_t examples, bool mean)
{
    double weight = mean ? (double)examples : 1;
    scores->sum[0] += (double)*(const float *)session_tensor(s, ROLE_LOSS, 0) * weight;
    for (int i = 1; i < scores->n; i++) {
        const Entry *metric = scores->metric[i];
        int64_t index = metric - s->m->metrics.at;
        scores->sum[i] += metric_value(s, index) * (metric->ratio ? 1 : weight);
        if (metric->ratio)
            scores->over[i] += metric_value(s, index + 1);
    }
    scores->examples += examples;
}

double scores_value(const Scores *scores, int i)
{
    bool ratio = i > 0 && scores->metric[i]->ratio;
    double over = ratio ? scores->over[i] : (double)scores->examples;
    return scores->sum[i] == 0 && over == 0 ? 0 : scores->sum[i] / over;
}

void scores_json(json_t *object, const Scores *scores)
{
    for (int i = 0; i < scores->n; i++)
        json_object_set_new(object, scores->name[i], json_number(scores_value(scores, i)));
    json_object_set_new(object, "examples", json_integer(scores->examples));
}

bool session_evaluate(Session *s, const Dataset *ds, Scores *scores, const volatile bool *stop,
                      const char **why)
{
    int64_t total = dataset_examples(ds), batch = s->m->train_batch;
    scores_clear(scores);
    for (int64_t at = 0; at < total && !(stop && *stop); at += batch) {
        int64_t n = total - at < batch ? total - at : batch;
        for (int64_t i = 0; i < n; i++)
            s->order[i] = at + i;
        session_feed(s, ds, s->order, n, batch);
        if (!session_call(s, CALL_EVALUATE, why)) {
            *why = session_blame(s, CALL_EVALUATE, ds, s->order, n);
            return false;
        }
        scores_add(scores, s, n, false);
    }
    return true;
}
