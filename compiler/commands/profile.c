/* SPDX-License-Identifier: MIT */
/* profile.c: `dlc profile`: where the time of a function goes, kernel by kernel, and how near that is to what the machine can
 * do. */
#include "compile.h"
#include "timing.h"

#include "../../runtime/dl_threads.h"
#include "../profile/profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct Profile {
    Arena *a;
    Diag *d;
    Compile c;
    const char *path, *function, *cc, *order;
    int64_t batch;
    double seconds; /* how long to run */
    bool json;
    Timing timing;
    const Variant *code;
    Machine machine;
    Costs costs;
} Profile;

/* ---- the flags ------------------------------------------------------------------------------------- */
static bool has_word(const char *text, const char *word, size_t n)
{
    for (const char *at = text; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == n && !strncmp(at, word, n))
            return true;
    }
    return false;
}

static bool has_prefix(const char *text, const char *prefix)
{
    for (const char *at = text; (at = strstr(at, prefix)) != NULL; at++)
        if (at > text && at[-1] == ' ')
            return true;
    return false;
}

/* Of the target's flags those that the command has nothing like. */
static const char *missing_flags(Profile *p)
{
    StrBuf sb = {.a = p->a};
    for (const char *at = p->c.target->flags; p->timing.cc && *at;) {
        at += strspn(at, " ");
        size_t n = strcspn(at, " ");
        bool has = has_word(p->timing.cc, at, n) || (!strncmp(at, "-O", 2) && (has_prefix(p->timing.cc, "-O3") || has_prefix(p->timing.cc, "-Ofast"))) ||
                   (!strncmp(at, "-march=", 7) && (has_prefix(p->timing.cc, "-march=") || has_prefix(p->timing.cc, "-mcpu=")));
        if (!has)
            sb_printf(&sb, "%s%.*s", sb.n ? " " : "", (int)n, at);
        at += n;
    }
    return sb_text(&sb);
}

/* ---- printing -------------------------------------------------------------------------------------- */
static const char *level_name(const Profile *p, const Cost *c)
{
    int most = 0;
    for (int i = 0; i < p->machine.nlevel; i++)
        most = c->level[i] > c->level[most] ? i : most;
    return c->compute >= c->memory ? "FMA" : p->machine.level[most].name;
}

static Cost total_of(const Profile *p)
{
    Cost total = {0};
    for (int i = 0; i < p->costs.n; i++) {
        const Cost *c = &p->costs.at[i];
        total.calls += c->calls;
        total.seconds += c->seconds;
        total.operations += c->operations;
        total.bytes += c->bytes;
        total.memory += cost_bound(c); /* the sum of what each of them takes at least */
    }
    return total;
}

static int by_time(const void *x, const void *y)
{
    double a = ((const Cost *)x)->seconds, b = ((const Cost *)y)->seconds;
    return (a < b) - (a > b);
}

static void print_row(const char *name, const Cost *c, double all, const char *bound, const char *place, int width)
{
    printf("%-*s %7" PRId64 " %10.2f %6.1f%% %8.1f %10.1f %7.1f %6.0f%% %-7s%s\n", width, name, c->calls, c->seconds * 1e6,
           100 * c->seconds / all, c->operations / c->seconds * 1e-9, c->bytes / 1024, c->bytes / c->seconds * 1e-9,
           100 * cost_bound(c) / c->seconds, bound, place);
}

static void print_machine(const Profile *p)
{
    printf("%.1f GFLOP/s at the most", p->machine.flops * 1e-9);
    for (int i = 0; i < p->machine.nlevel; i++) {
        const Level *l = &p->machine.level[i];
        printf("; %s ", l->name);
        if (l->bytes < INT64_MAX)
            printf("(%lld KiB) ", (long long)(l->bytes / 1024));
        printf("%.0f/%.0f/%.0f GB/s read/copied/filled", l->read * 1e-9, l->copy * 1e-9, l->fill * 1e-9);
    }
    putchar('\n');
}

static void print_table(Profile *p)
{
    Cost total = total_of(p);
    size_t width = strlen("kernel");
    for (int i = 0; i < p->costs.n; i++)
        width = strlen(p->costs.at[i].kernel->name) > width ? strlen(p->costs.at[i].kernel->name) : width;
    printf("%s %s, batch %" PRId64 ", target %s, %s: each kernel at its best in %" PRId64 " calls; the best call took %.2f us\n",
           p->timing.s->m->name, p->function, p->batch, p->c.target->name, p->cc ? p->cc : "cc with its flags", p->timing.runs, p->code->whole * 1e6);
    print_machine(p);
    printf("\n%-*s %7s %10s %7s %8s %10s %7s %7s %-7s%s\n", (int)width, "kernel", "calls", "us", "share", "GFLOP/s", "KiB moved", "GB/s",
           "bound", "by", "from");
    for (int i = 0; i < p->costs.n; i++) {
        const Cost *c = &p->costs.at[i];
        print_row(c->kernel->name, c, total.seconds, level_name(p, c), kernel_places(p->a, p->d, p->code->plan, c->kernel), (int)width);
    }
    print_row("in all", &total, total.seconds, "", "", (int)width);
    const char *missing = missing_flags(p);
    if (*missing)
        printf("\nflags that would make it fast are missing: %s\n", missing);
}

static json_t *cost_json(const Cost *c, double all)
{
    json_t *o = json_object();
    json_object_set_new(o, "calls", json_integer(c->calls));
    json_object_set_new(o, "seconds", json_number(c->seconds));
    json_object_set_new(o, "share", json_number(c->seconds / all));
    json_object_set_new(o, "operations", json_number(c->operations));
    json_object_set_new(o, "gflops", json_number(c->operations / c->seconds * 1e-9));
    json_object_set_new(o, "bytes", json_number(c->bytes));
    json_object_set_new(o, "of_bound", json_number(cost_bound(c) / c->seconds));
    return o;
}

static void print_json(Profile *p)
{
    Cost total = total_of(p);
    for (int i = 0; i < p->costs.n; i++) {
        const Cost *c = &p->costs.at[i];
        json_t *o = cost_json(c, total.seconds);
        json_object_set_new(o, "kernel", json_string(c->kernel->name));
        json_object_set_new(o, "bound", json_string(level_name(p, c)));
        json_object_set_new(o, "place", json_string(kernel_places(p->a, p->d, p->code->plan, c->kernel)));
        json_print(o);
    }
    json_t *o = cost_json(&total, total.seconds), *levels = json_array();
    json_object_set_new(o, "total", json_true());
    json_object_set_new(o, "function", json_string(p->function));
    json_object_set_new(o, "batch", json_integer(p->batch));
    json_object_set_new(o, "target", json_string(p->c.target->name));
    json_object_set_new(o, "best_seconds", json_number(p->code->whole));
    json_object_set_new(o, "runs", json_integer(p->timing.runs));
    json_object_set_new(o, "peak_gflops", json_number(p->machine.flops * 1e-9));
    for (int i = 0; i < p->machine.nlevel; i++) {
        const Level *l = &p->machine.level[i];
        json_array_append_new(levels, json_pack("{s:s,s:f,s:f,s:f}", "level", l->name, "read_gb_s", l->read * 1e-9, "copy_gb_s",
                                                l->copy * 1e-9, "fill_gb_s", l->fill * 1e-9));
    }
    json_object_set_new(o, "bandwidth", levels);
    json_object_set_new(o, "missing_flags", json_string(missing_flags(p)));
    json_print(o);
}

/* ---- the command ----------------------------------------------------------------------------------- */
static int measure(Profile *p)
{
    const char *why;
    if (!timing_start(&p->timing))
        return bad("the code crashed: is this a machine that target %s and these flags are for?", p->c.target->name);
    if (p->c.threads > 1 && !(p->timing.pool = dl_threads_open((int)p->c.threads)))
        return bad("cannot start %d threads", (int)p->c.threads);
    if (!machine_open(&p->machine, p->c.target, plan_bytes(p->a, p->code->plan), timing_compile, &p->timing, &why))
        return bad("%s", why);
    timing_run(&p->timing, p->seconds);
    machine_again(&p->machine);
    p->costs = costs_of(p->a, p->code->plan, &p->machine);
    for (int i = 0; i < p->costs.n; i++)
        p->costs.at[i].seconds = p->code->seconds[p->costs.at[i].step];
    return EXIT_OK;
}

/* Planned as in a file without training: a budget is for inference alone. */
static bool is_inference(const char *function)
{
    return str_eq(function, "infer") || str_eq(function, "start");
}

static int profile(Profile *p)
{
    const char *why = NULL;
    p->c.options.batch = p->c.options.train_batch = p->batch;
    const Module *m = is_inference(p->function) ? model_read(p->a, p->d, p->path, &p->c.options)
                                                : model_read_whole(p->a, p->d, p->path, &p->c.options);
    if (!m)
        return EXIT_BAD;
    p->timing.a = p->a;
    p->timing.d = p->d;
    p->timing.target = p->c.target;
    p->timing.cc = timing_command(p->a, p->c.target, p->cc);
    if (!timing_open(&p->timing, m))
        return bad("%s has no function %s", m->name, p->function);
    ModulePlans plans;
    BudgetReport kept;
    if (compile_plans(p->a, p->d, m, &p->c, false, &plans, &kept, &why))
        p->code = timing_add(&p->timing, module_plan(&plans, p->function), &why);
    diag_print(p->d, stderr);
    if (!p->code)
        return why ? bad("%s", why) : EXIT_BAD;
    int status = measure(p);
    if (status != EXIT_OK)
        return status;
    if (!str_eq(p->order, "program"))
        qsort(p->costs.at, (size_t)p->costs.n, sizeof *p->costs.at, by_time);
    if (p->json)
        print_json(p);
    else
        print_table(p);
    return EXIT_OK;
}

int cmd_profile(Arena *a, int argc, char **argv)
{
    Profile p = {.a = a, .d = diag_new(a), .batch = 1, .function = "infer", .c = {.threads = 1}, .order = "time", .seconds = 2};
    const Option rows[] = {
        {"function", 'f', OPTION_CHOICE, &p.function, "infer|train_step|gradients|evaluate|init|start",
         "what to run (default infer)", 0, 0},
        {"batch", 'b', OPTION_INT, &p.batch, "N", "examples of a call (default 1)", 1, 1000000},
        {"cc", 'c', OPTION_TEXT, &p.cc, "COMMAND", "compile it by this; a name alone gets the target's flags (default cc)", 0, 0},
        {"order", 'o', OPTION_CHOICE, &p.order, "time|program", "kernels by their time (default), or as they run", 0, 0},
        {"seconds", 's', OPTION_REAL, &p.seconds, "S", "how long to run it (default 2)", 0, 0},
        OPTIONS_COMPILE(p.c, "what the code is for (default native)"),
        OPTION_JSON(p.json),
    };
    const Command command = {
        .name = "dlc profile",
        .operands = "[options] MODEL.dl",
        .summary = "Runs a model's compiled code on random inputs and says where the time goes, kernel by kernel.",
        .options = rows,
        .noptions = LEN(rows),
        .min_operands = 1,
        .max_operands = 1,
        .epilogue =
            "Each row is a kernel: the calls in one call of the function, the time of all of them, operations (a multiply-add is two) and\n"
            "bytes: of each tensor what it reads and what it writes, once. bound is how much of that time the machine would need at the\n"
            "least, measured in the same run: for arithmetic at the pace of multiply-adds (by FMA), or to move these bytes from the cache\n"
            "where they can lie (by L1, L2, L3 or memory), whichever is more.",
    };
    StringList operands = {0};
    int status = options_parse(a, &command, argc, argv, &operands);
    if (status < 0)
        status = compile_settle(a, &command, &p.c, "native", false);
    if (status < 0 && p.c.options.stepwise && !is_inference(p.function))
        status = options_complain(&command, "--streaming is for infer and start");
    if (status < 0 && p.cc && !p.cc[strspn(p.cc, " ")])
        status = options_complain(&command, "--cc: expected a compiler's command");
    if (status >= 0)
        return status;
    call_named(p.function, &p.timing.call);
    p.path = operands.at[0];
    status = profile(&p);
    machine_close(&p.machine);
    timing_close(&p.timing);
    return status;
}
