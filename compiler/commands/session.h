/* SPDX-License-Identifier: MIT */
/* session.h: a model being run: its functions, ready to be called, and one tensor for everything they share.
 *
 * (role, index) names the same tensor in every function, so a parameter that init writes is the one
 * train_step updates and infer reads. Inputs and targets are as large as the largest batch any function
 * takes. */
#ifndef DLC_SESSION_H
#define DLC_SESSION_H

#include "../jit/execute.h"
#include "../lab/lab.h"

typedef enum Call { CALL_INIT, CALL_START, CALL_INFER, CALL_EVALUATE, CALL_GRADIENTS, CALL_TRAIN_STEP, CALLS } Call;

typedef struct Session {
    Arena *a;
    const Module *m;
    Executable *x;
    Fn *fn[CALLS]; /* NULL: not asked for */
    void **in[CALLS], **out[CALLS];
    void **tensor[ROLE_CARRY]; /* by role and index; see session_tensor */
    int ntensor[ROLE_CARRY];
    void **fed;     /* inputs, then targets: where a data set's batch goes */
    int64_t *order; /* room for the numbers of one batch's examples */
} Session;

const char *session_call_name(Call call); /* "init", ... */
/* The tensors of those of the functions in `calls` that the module has, without code. */
Session *session_new(Arena *a, const Module *m, unsigned calls);
/* Compiles those of the functions in `calls` (bits 1u << CALL_INFER, ...) that the module has. `engine` as
 * --jit spells it, NULL for the default; `threads` as --threads, `deterministic` as --deterministic. NULL with *why set on failure. */
Session *session_open(Arena *a, Diag *d, const Module *m, unsigned calls, const char *engine,
                      int64_t threads, bool deterministic, const char **why);
/* The call is made as this function takes it: the same tensors, in another order, as a plan within a budget has them. */
void session_take(Session *s, Call call, const Fn *fn);
void session_close(Session *s);
void *session_tensor(const Session *s, Role role, int index); /* NULL where no function has it */
void session_seed(Session *s, uint64_t seed);
void session_step(Session *s, int32_t step);      /* of the optimizer, from 1 */
void session_count(Session *s, int64_t examples); /* how many of the batch count */
bool session_call(Session *s, Call call, const char **why);
enum { SESSION_INFERS = 1u << CALL_START | 1u << CALL_INFER }; /* calls for session_open: inference with its streams */
bool session_start(Session *s, const char **why); /* streams as they begin, where there are any */

/* Parameters, then states. */
int session_nweight(const Session *s);
const Entry *session_weight(const Session *s, int i, void **tensor);
bool session_load(Session *s, const char *path, const char **why);
bool session_save(Session *s, const char *path, const char **why);

/* ---- examples -------------------------------------------------------------------------------------- */
DatasetWanted session_wanted(const Module *m, bool targets);
/* Examples index[0..n) become the inputs (and targets, where the data set has them) of the next call; n at
 * most `batch`. */
void session_feed(Session *s, const Dataset *ds, const int64_t *index, int64_t n, int64_t batch);
/* Inputs and targets of a call are normal numbers, and integers that the model takes. */
void session_draw(Session *s, Call call);

/* After a call on these examples failed: tries each alone with `call` (which updates nothing) and names the
 * guilty one. */
const char *session_blame(Session *s, Call call, const Dataset *ds, const int64_t *index, int64_t n);

/* Loss and metrics, summed over examples: figure 0 is the loss. `metric` is the module's entry that a figure is of, and `over`
 * the sum a ratio is divided by; other figures are divided by the number of examples. */
typedef struct Scores {
    int n;
    const char **name;
    const Entry **metric;
    double *sum, *over;
    int64_t examples;
} Scores;
Scores scores_new(Arena *a, const Module *m);
void scores_clear(Scores *scores);
/* Adds what the last call said of `examples` examples. `mean`: it was a mean over them (of ratios, it is always sums). */
void scores_add(Scores *scores, const Session *s, int64_t examples, bool mean);
double scores_value(const Scores *scores, int i); /* the mean, or the ratio; 0 of nothing */
struct json_t;
/* Adds the figures, and how many examples there were. */
void scores_json(struct json_t *object, const Scores *scores);
/* Every example of ds exactly once. false with *why where an index is out of range. *stop, when it becomes
 * true, ends it early. */
bool session_evaluate(Session *s, const Dataset *ds, Scores *scores, const volatile bool *stop,
                      const char **why);

#endif
