/* SPDX-License-Identifier: MIT */
/* compare_trace: whether a file of `dlc trace` agrees with recorded numbers.
 *
 *     compare_trace EXPECTED.safetensors TRACE.safetensors [TINY]...
 *
 * Every tensor of EXPECTED must be in TRACE, in its shape. Gradients are compared relative to the tensor's
 * largest entry, everything else absolutely. Each TINY names a tensor that is zero in exact arithmetic: only
 * its size is checked, against the largest gradient of all. Prints the worst error of each kind; exit status
 * 1 where one is out of bounds. */
#include "compiler/lab/lab.h"

#include <math.h>
#include <string.h>

typedef struct Kind {
    const char *name, *prefix; /* names that begin so; "": what no other kind claims */
    double limit;
    bool relative;
    double worst;
    const char *at;
} Kind;

static Kind kinds[] = {
    {"gradients, relative to the tensor's largest", "gradient.", 2e-5, true, 0, "-"},
    {"losses", "losses", 1e-5, false, 0, "-"},
    {"parameters after the steps", "after", 2e-5, false, 0, "-"},
    {"outputs", "", 1e-5, false, 0, "-"},
};

static Kind *kind_of(const char *name)
{
    for (int i = 0; i < LEN(kinds); i++)
        if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return &kinds[i];
    return NULL;
}

static double largest(Array x)
{
    double most = 0;
    for (int64_t i = 0; i < type_count(x.type); i++)
        most = fmax(most, fabs(array_at(x, i)));
    return most;
}

static double difference(Array x, Array y)
{
    double most = 0;
    for (int64_t i = 0; i < type_count(x.type); i++) {
        double d = fabs(array_at(x, i) - array_at(y, i));
        most = d <= most ? most : d; /* NaN wins */
    }
    return most;
}

static void note(Kind *k, const char *name, double error)
{
    if (error <= k->worst)
        return;
    k->worst = error;
    k->at = name;
}

static bool compare(const NamedArray *expected, const ArrayList *trace, bool tiny, double scale)
{
    const Array *found = array_find(trace, expected->name);
    Kind *k = kind_of(expected->name);
    if (!found || !shape_eq(found->type, expected->array.type)) {
        printf("  %s: %s\n", expected->name, found ? "another shape" : "missing");
        return false;
    }
    double error = tiny ? largest(*found) / scale : difference(*found, expected->array);
    if (!tiny && k->relative)
        error /= fmax(largest(expected->array), 1e-30);
    note(k, expected->name, error);
    return error <= k->limit;
}

static bool is_tiny(const char *name, char **tiny, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(name, tiny[i]))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    ArrayList expected = {0}, trace = {0};
    const char *why;
    if (argc < 3) {
        fprintf(stderr, "usage: compare_trace EXPECTED.safetensors TRACE.safetensors [TINY]...\n");
        return 2;
    }
    if (!safetensors_read(a, argv[1], &expected, &why) || !safetensors_read(a, argv[2], &trace, &why)) {
        fprintf(stderr, "compare_trace: %s\n", why);
        return 1;
    }
    double scale = 0;
    for (int i = 0; i < expected.n; i++)
        if (!strncmp(expected.at[i].name, "gradient.", 9))
            scale = fmax(scale, largest(expected.at[i].array));
    bool ok = expected.n > 0;
    for (int i = 0; i < expected.n; i++)
        ok &= compare(&expected.at[i], &trace, is_tiny(expected.at[i].name, argv + 3, argc - 3), scale);
    for (int i = 0; i < LEN(kinds); i++)
        printf("  %-44s worst %.2e of %.0e  at %s\n", kinds[i].name, kinds[i].worst, kinds[i].limit,
               kinds[i].at);
    arena_free(a);
    return ok ? 0 : 1;
}
