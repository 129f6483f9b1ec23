/* SPDX-License-Identifier: MIT */
/* probe.h: what one core can do at most: multiply-adds on registers for each vector width, the clock, and the bandwidth of
 * reading, copying and a triad from arrays of any size. dlc profile and tests/bench/peak.c compile it with the flags of what they
 * measure, so that it knows the same vectors; it needs a C library and is no part of dlc, which carries it as a text, with
 * DLC_PROBE defined.
 *
 * A figure is the best of many short runs: other work on the machine makes runs slower, nothing makes them
 * faster. */
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

/* Makes some multiply-adds in each accumulator, and says how many. */
static double chain(int w)
{
    const long steps = 20000;
    float out[48];
    volatile float sink;

    for (int i = 0; i < 16; i++) {
        out[16 + i] = 1e-6f;
        out[32 + i] = 1 - 1e-6f;
    }
    width[w].chains(steps, out);
    sink = out[0];
    (void)sink;
    return (double)steps;
}

/* Billions of floating-point operations a second, a multiply-add being two. */
static double fma_gflops(int w, int runs)
{
    double best = 1e30;

    for (int run = 0; run < runs; run++) {
        const double start = seconds(), steps = chain(w);
        best = smaller(best, (seconds() - start) / steps);
    }
    return 2e-9 * width[w].floats * ACCUMULATORS / best;
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

/* The patterns, over n floats, a multiple of STEP. They return something of what they have read. Which way of reading is the fastest
 * hangs on the cache it comes from: one stream in eight sums, more than an addition takes cycles; four streams side by side; a float of
 * each line. */
enum { STEP = 32 * WIDEST };

#define ADD8(x, at, apart)                                                                                   \
    s0 += *(const widest *)((x) + (at)), s1 += *(const widest *)((x) + (at) + WIDEST);                       \
    s2 += *(const widest *)((x) + (at) + (apart)), s3 += *(const widest *)((x) + (at) + (apart) + WIDEST);   \
    s4 += *(const widest *)((x) + (at) + 2 * (apart));                                                       \
    s5 += *(const widest *)((x) + (at) + 2 * (apart) + WIDEST);                                              \
    s6 += *(const widest *)((x) + (at) + 3 * (apart));                                                       \
    s7 += *(const widest *)((x) + (at) + 3 * (apart) + WIDEST);

WHOLE static float read_stream(const float *x, float *y, const float *z, long n)
{
    widest s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};

    (void)y, (void)z;
    for (long i = 0; i < n; i += 8 * WIDEST) {
        ADD8(x, i, 2 * WIDEST)
    }
    s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7;
    return s0[0];
}

WHOLE static float read_four(const float *x, float *y, const float *z, long n)
{
    widest s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};

    (void)y, (void)z;
    for (long i = 0; i < n / 4; i += 2 * WIDEST) {
        ADD8(x, i, n / 4)
    }
    s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7;
    return s0[0];
}

static float read_lines(const float *x, float *y, const float *z, long n)
{
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;

    (void)y, (void)z;
    for (long i = 0; i < n; i += 64) {
        s0 += x[i];
        s1 += x[i + 16];
        s2 += x[i + 32];
        s3 += x[i + 48];
    }
    return s0 + s1 + s2 + s3;
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

WHOLE static float fill(const float *x, float *y, const float *z, long n)
{
    const widest a = *(const widest *)x;

    (void)z;
    for (long i = 0; i < n; i += 2 * WIDEST) {
        *(widest *)(y + i) = a;
        *(widest *)(y + i + WIDEST) = a;
        __asm__ volatile("" ::: "memory"); /* no call of memset */
    }
    return y[0];
}

typedef float Run(const float *x, float *y, const float *z, long n);
enum { WAYS = 3 };
static const struct {
    const char *name;
    Run *way[WAYS]; /* that do the same */
    int arrays;     /* touched: the bytes counted are arrays * n * 4 */
} pattern[] = {{"read", {read_stream, read_four, read_lines}, 1}, {"copy", {copy}, 2}, {"fill", {fill}, 1}, {"triad", {triad}, 3}};
enum { READ, COPY, FILL, TRIAD, PATTERNS };

/* Seconds of a pattern over n floats of each array, the mean of `times`. */
static double pattern_time(int p, int way, float *memory, long gap, long n, long times)
{
    volatile float sink;
    const double start = seconds();

    for (long i = 0; i < times; i++)
        sink = pattern[p].way[way](memory, pattern[p].arrays > 1 ? memory + gap : memory, memory + 2 * gap, n);
    (void)sink;
    return (seconds() - start) / (double)times;
}

/* The same of a pass over arrays that are large: of PARTS the one in the middle stands for all, so that neither what else the
 * machine did nor what happened to lie in a smaller cache counts. */
static double pass_time(int p, int way, float *memory, long gap, long n)
{
    enum { PARTS = 16 };
    const long part = n / PARTS / STEP * STEP;
    double time[PARTS];

    for (int i = 0; i < PARTS; i++) {
        const double t = pattern_time(p, way, memory + i * part, gap, part, 1);
        int at = i;
        for (; at > 0 && time[at - 1] > t; at--)
            time[at] = time[at - 1];
        time[at] = t;
    }
    return time[PARTS / 2] * (double)n / (double)part;
}

/* GB/s of a pattern whose arrays take bytes together, the fastest way; memory holds them and the gaps between. An effort of 1 is
 * thorough. */
static double bandwidth(int p, long bytes, float *memory, double effort)
{
    const long n = bytes / 4 / pattern[p].arrays / STEP * STEP;
    const long gap = n + 16 * 9; /* so that loads and stores are not a multiple of 4 KiB apart */
    const int large = bytes > 4 << 20, runs = (int)(effort * (bytes > 16 << 20 ? 5 : large ? 20 : 200));
    double best = 1e30;

    for (int run = 0; run < runs; run++)
        for (int way = 0; way < WAYS && pattern[p].way[way]; way++)
            best = smaller(best, large ? pass_time(p, way, memory, gap, n)
                                       : pattern_time(p, way, memory, gap, n, 1 + (1 << 20) / bytes));
    return (double)pattern[p].arrays * (double)n * 4 / best * 1e-9;
}

#ifdef DLC_PROBE
/* All of it in one call, in units: multiply-adds count twice in *flops; of each level of memory, which is measured with `bytes`, three
 * bandwidths. */
void dlc_probe(double *flops, double *clock, const long *bytes, int levels, double *bandwidths, float *memory)
{
    *flops = 0;
    *clock = clock_ghz() * 1e9;
    for (int w = 0; w < WIDTHS; w++) {
        const double found = fma_gflops(w, 200) * 1e9;
        *flops = found > *flops ? found : *flops;
    }
    for (int i = 0; i < levels; i++)
        for (int p = READ; p <= FILL; p++)
            bandwidths[3 * i + p] = bandwidth(p, bytes[i], memory, 0.5) * 1e9;
}
#endif
