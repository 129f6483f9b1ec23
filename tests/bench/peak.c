/* SPDX-License-Identifier: MIT */
/* What one core can do at most, as JSON: multiply-adds on registers for each vector width, the clock, and the
 * bandwidth of reading, copying and a triad from arrays of several sizes. Benchmarks are read as fractions of
 * these.
 *
 *     make build/bench/peak && build/bench/peak
 *
 * `peak -` measures at once what others are compared with: for each line `KIB...` on standard input it prints the
 * multiply-adds in GFLOP/s, and for each KIB in GB/s how fast an array of that size is read.
 *
 * A figure is the best of many short runs: other work on the machine makes runs slower, nothing makes them
 * faster. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

#if defined(__AVX512F__)
typedef v16 widest;
#elif defined(__AVX__)
typedef v8 widest;
#else
typedef v4 widest;
#endif
enum { WIDEST = sizeof(widest) / sizeof(float) };

/* Accumulators: more than latency * pipes (4 * 2 to 4 * 4) and, with the two operands, fewer than registers.
 */
#if defined(__AVX512VL__) || defined(__aarch64__) || defined(__riscv_vector)
enum { ACCUMULATORS = 24 };
#define EACH(DO) TWELVE(DO, a) TWELVE(DO, b)
#else
enum { ACCUMULATORS = 12 };
#define EACH(DO) TWELVE(DO, a)
#endif
#define TWELVE(DO, x)                                                                                        \
    DO(x##0)                                                                                                 \
    DO(x##1) DO(x##2) DO(x##3) DO(x##4) DO(x##5) DO(x##6) DO(x##7) DO(x##8) DO(x##9) DO(x##10) DO(x##11)

#define START(x) x = add * (float)(sizeof #x + __COUNTER__),
#define STEP(x)  x = x * factor + add;
#define TOTAL(x) +x

/* clang cuts vectors in halves where it thinks that wide ones lower the clock; not here. */
#if defined(__clang__) && defined(__AVX512F__)
#define WHOLE __attribute__((min_vector_width(512)))
#else
#define WHOLE
#endif

/* steps multiply-adds in each accumulator, all of which stay near 1; the sum goes to out, so that they are
 * made. */
#define DEFINE_CHAINS(name, vector)                                                                          \
    WHOLE static void name(long steps, float *out)                                                           \
    {                                                                                                        \
        const vector add = *(const vector *)(out + 16), factor = *(const vector *)(out + 32);                \
        vector EACH(START) zero = add - add;                                                                 \
        for (long i = 0; i < steps; i++) {                                                                   \
            EACH(STEP)                                                                                       \
        }                                                                                                    \
        *(vector *)out = zero EACH(TOTAL);                                                                   \
    }

DEFINE_CHAINS(chains4, v4)
#if defined(__AVX__)
DEFINE_CHAINS(chains8, v8)
#endif
#if defined(__AVX512F__)
DEFINE_CHAINS(chains16, v16)
#endif

static const struct {
    int floats;
    void (*chains)(long steps, float *out);
} width[] = {
    {4, chains4},
#if defined(__AVX__)
    {8, chains8},
#endif
#if defined(__AVX512F__)
    {16, chains16},
#endif
};
enum { WIDTHS = sizeof width / sizeof width[0] };

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double smaller(double x, double y)
{
    return x < y ? x : y;
}

/* Billions of floating-point operations a second, a multiply-add being two. */
static double fma_gflops(int w, int runs)
{
    const long steps = 20000;
    float out[48];
    volatile float sink;
    double best = 1e30;

    for (int i = 0; i < 16; i++) {
        out[16 + i] = 1e-6f;
        out[32 + i] = 1 - 1e-6f;
    }
    for (int run = 0; run < runs; run++) {
        const double start = seconds();
        width[w].chains(steps, out);
        sink = out[0];
        best = smaller(best, seconds() - start);
    }
    (void)sink;
    return 2.0 * width[w].floats * ACCUMULATORS * (double)steps / best * 1e-9;
}

/* Billions of dependent additions a second; one takes one cycle. */
static double clock_ghz(void)
{
    enum { STEPS = 20000 };
    double best = 1e30;

    for (int run = 0; run < 300; run++) {
        const double start = seconds();
        unsigned long x = 1, y = 3;
        __asm__ volatile("" : "+r"(y)); /* in a register: some machines add constants for nothing */
        for (int i = 0; i < STEPS; i++) {
#define TICK                                                                                                 \
    x += y;                                                                                                  \
    __asm__ volatile("" : "+r"(x));
            TICK TICK TICK TICK TICK TICK TICK TICK TICK TICK
#undef TICK
        }
        best = smaller(best, seconds() - start);
    }
    return STEPS * 10 / best * 1e-9;
}

/* The three patterns, over n floats, a multiple of 4 * WIDEST. They return something of what they have read.
 */
WHOLE static float read_all(const float *x, float *y, const float *z, long n)
{
    widest s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

    (void)y, (void)z;
    for (long i = 0; i < n; i += 4 * WIDEST) {
        s0 += *(const widest *)(x + i);
        s1 += *(const widest *)(x + i + WIDEST);
        s2 += *(const widest *)(x + i + 2 * WIDEST);
        s3 += *(const widest *)(x + i + 3 * WIDEST);
    }
    s0 += s1 + s2 + s3;
    return s0[0];
}

WHOLE static float copy(const float *x, float *y, const float *z, long n)
{
    (void)z;
    for (long i = 0; i < n; i += 2 * WIDEST) {
        const widest a = *(const widest *)(x + i), b = *(const widest *)(x + i + WIDEST);
        *(widest *)(y + i) = a;
        *(widest *)(y + i + WIDEST) = b;
    }
    return y[0];
}

WHOLE static float triad(const float *x, float *y, const float *z, long n)
{
    for (long i = 0; i < n; i += 2 * WIDEST) {
        const widest a = *(const widest *)(x + i), b = *(const widest *)(x + i + WIDEST);
        *(widest *)(y + i) = a + 3.0f * *(const widest *)(z + i);
        *(widest *)(y + i + WIDEST) = b + 3.0f * *(const widest *)(z + i + WIDEST);
    }
    return y[0];
}

static const struct {
    const char *name;
    float (*run)(const float *x, float *y, const float *z, long n);
    int arrays; /* touched: the bytes counted are arrays * n * 4 */
} pattern[] = {{"read", read_all, 1}, {"copy", copy, 2}, {"triad", triad, 3}};
enum { PATTERNS = sizeof pattern / sizeof pattern[0] };

/* GB/s of a pattern whose arrays take bytes together; memory holds them and the gaps between. */
static double bandwidth(int p, long bytes, float *memory, double effort)
{
    const long n = bytes / 4 / pattern[p].arrays / (4 * WIDEST) * (4 * WIDEST);
    const long gap = n + 16 * 9; /* so that loads and stores are not a multiple of 4 KiB apart */
    const long inner = bytes > 1 << 20 ? 1 : (1 << 20) / bytes;
    const int runs = (int)(effort * (bytes > 16 << 20 ? 12 : 200));
    volatile float sink;
    double best = 1e30;

    for (int run = 0; run < runs; run++) {
        const double start = seconds();
        for (long i = 0; i < inner; i++)
            sink = pattern[p].run(memory, memory + gap, memory + 2 * gap, n);
        best = smaller(best, (seconds() - start) / (double)inner);
    }
    (void)sink;
    return (double)pattern[p].arrays * (double)n * 4 / best * 1e-9;
}

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

/* For each line of sizes: the peak, and how fast arrays of these sizes are read. */
static void answer(float *memory)
{
    char line[1000];

    while (fgets(line, sizeof line, stdin)) {
        double peak = 0;
        for (int w = 0; w < WIDTHS; w++) {
            const double gflops = fma_gflops(w, 20);
            peak = gflops > peak ? gflops : peak;
        }
        printf("%.2f", peak);
        for (char *at = line, *end;; at = end) {
            const long kib = strtol(at, &end, 10);
            if (end == at)
                break;
            printf(" %.2f", bandwidth(0, kib < 2 ? 2048 : kib > 65536 ? 65536 * 1024 : kib * 1024, memory, 0.2));
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
        answer(memory);
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
