/* SPDX-License-Identifier: MIT */
/* driver.h: what a driver of emitted C needs besides the calls, which reference.c writes: it loads inputs, runs every function
 * of the model as a user would, and records what comes out. C99, for every compiler the emitted C is for. */
#define _POSIX_C_SOURCE 200112L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *records;
static int complaints;

/* One record: a line `CLASS NAME COUNT`, then the floats. */
static void record(const char *class_, const char *name, const float *value, long n)
{
    fprintf(records, "%s %s %ld\n", class_, name, n);
    fwrite(value, sizeof *value, (size_t)n, records);
}

/* Of integers and truths, as floats. */
#define RECORD(name_, type)                                                                                  \
    static inline void name_(const char *class_, const char *name, const type *value, long n)                \
    {                                                                                                        \
        float *as_float = malloc((size_t)n * sizeof *as_float);                                              \
        for (long i = 0; i < n && as_float; i++)                                                             \
            as_float[i] = (float)value[i];                                                                   \
        if (as_float)                                                                                        \
            record(class_, name, as_float, n);                                                               \
        free(as_float);                                                                                      \
    }
RECORD(record_i32, int32_t)
RECORD(record_u8, uint8_t)

static void load(FILE *in, void *to, size_t bytes)
{
    if (fread(to, 1, bytes, in) != bytes) {
        fprintf(stderr, "inputs end early\n");
        exit(2);
    }
}

/* Exactly as many bytes as the header says, so that a sanitizer sees one more; full of NaN, as contents mean nothing. */
static void *scratch(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes))
        exit(2);
    memset(p, 0xff, bytes);
    return p;
}

static void expect(int holds, const char *what)
{
    if (!holds)
        fprintf(stderr, "%s\n", what);
    complaints += !holds;
}
