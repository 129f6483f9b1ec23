/* SPDX-License-Identifier: MIT */
/* What one core can do at most, as JSON: multiply-adds on registers for each vector width, the clock, and the
 * bandwidth of reading, copying and a triad from arrays of several sizes. Benchmarks are read as fractions of
 * these.
 *
 *     make build/bench/peak && build/bench/peak
 *
 * `peak - [LANES]` measures at once what others are compared with: for each line `CALL TOTAL KIB...` on standard input it prints in GFLOP/s
 * the multiply-adds, by vectors of LANES floats at the most, in a burst, and those of the best CALL milliseconds of TOTAL that they are
 * made without a pause (a processor lowers its clock after a while of wide vectors); and for each KIB in GB/s how fast an array of that
 * size is read.
 */
#include "compiler/profile/probe.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void print_bandwidths(float *memory)
{
    static const long kib[] = {16, 256, 4096, 65536};

    for (unsigned s = 0; s < sizeof kib / sizeof kib[0]; s++) {
        printf("    {\"kib\": %ld", kib[s]);
        for (int p = 0; p < PATTERNS; p++)
            printf(", \"%s_gb_s\": %.1f", pattern[p].name, bandwidth(p, kib[s] * 1024, memory, 1));
        printf("}%s\n", s + 1 < sizeof kib / sizeof kib[0] ? "," : "");
    }
}

/* The best `window` seconds of `total`. */
static double lasting_gflops(int w, double window, double total)
{
    const double begin = seconds();
    double best = 0;

    do {
        const double start = seconds();
        double made = 0, took;
        do {
            made += 2e-9 * width[w].floats * ACCUMULATORS * chain(w);
            took = seconds() - start;
        } while (took < window);
        best = made / took > best ? made / took : best;
    } while (seconds() - begin < total);
    return best;
}

/* For each line: the peaks, and how fast arrays of these sizes are read. */
static void answer(float *memory, int lanes)
{
    char line[1000];

    while (fgets(line, sizeof line, stdin)) {
        double peak = 0;
        int fastest = 0;
        char *at = line, *end;
        const double window = strtod(line, &at) * 1e-3, total = strtod(at, &at) * 1e-3;
        for (int w = 0; w < WIDTHS; w++) {
            const double gflops = w && width[w].floats > lanes ? 0 : fma_gflops(w, 20);
            fastest = gflops > peak ? w : fastest;
            peak = gflops > peak ? gflops : peak;
        }
        printf("%.2f %.2f", peak, lasting_gflops(fastest, window, total));
        for (;; at = end) {
            const long kib = strtol(at, &end, 10);
            if (end == at)
                break;
            printf(" %.2f", bandwidth(READ, kib < 2 ? 2048 : kib > 65536 ? 65536 * 1024 : kib * 1024, memory, 0.2));
        }
        putchar('\n');
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    const long floats = (64 << 20) / 4 + 4096;
    float *memory = aligned_alloc(64, (size_t)floats * 4);
    double gflops[WIDTHS], peak = 0;

    if (!memory) {
        fprintf(stderr, "peak: not enough memory\n");
        return 1;
    }
    for (long i = 0; i < floats; i++)
        memory[i] = 1;
    if (argc > 1 && argv[1][0] == '-') {
        answer(memory, argc > 2 ? atoi(argv[2]) : WIDEST);
        free(memory);
        return 0;
    }
    printf("{\n  \"clock_ghz\": %.2f,\n  \"fma\": [", clock_ghz());
    for (int w = 0; w < WIDTHS; w++) {
        gflops[w] = fma_gflops(w, 300);
        peak = gflops[w] > peak ? gflops[w] : peak;
        printf("%s{\"floats\": %d, \"gflops\": %.1f}", w ? ", " : "", width[w].floats, gflops[w]);
    }
    printf("],\n  \"peak_gflops\": %.1f,\n  \"bandwidth\": [\n", peak);
    print_bandwidths(memory);
    printf("  ]\n}\n");
    free(memory);
    return 0;
}
