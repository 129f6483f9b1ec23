/* SPDX-License-Identifier: MIT */
/* ulp STRIDE > docs/accuracy.md: one float in STRIDE through each function of runtime/dl_math.h, as several
 * compilers made it, against libm in double; then the time of a loop over 4096 floats. Progress goes to
 * stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/runtime/ulp.h"

extern const Variant gcc_plain, gcc_native, gcc_native_o3, clang_plain, clang_native, tcc_plain;

static const struct {
    const char *title;
    const Variant *variant;
    int accuracy;  /* its roundings differ from the others': sweep it */
    unsigned thin; /* sweep every thin-th block only */
} column[] = {
    {"gcc -O2", &gcc_plain, 1, 1},
    {"clang -O2", &clang_plain, 1, 1},
    {"gcc -O2 -march=native", &gcc_native, 1, 1},
    {"gcc -O3 -march=native", &gcc_native_o3, 0, 1},
    {"clang -O2 -march=native", &clang_native, 1, 1},
    {"tcc", &tcc_plain, 1, 64},
};
enum { COLUMNS = sizeof column / sizeof column[0] };

#define ROW(name, reference, bound) {"dl_" #name, reference},
static const struct {
    const char *name;
    double (*reference)(double);
} row[FUNCTIONS] = {EACH_FUNCTION(ROW)};

typedef struct Worst {
    double ulp;
    float x, y; /* y: the exponent, of pow */
} Worst;

static float x[BLOCK], e[BLOCK], y[BLOCK];
static double exact[BLOCK];

static float float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Take the BLOCK results in y into the maximum. */
static void compare(Worst *worst)
{
    for (int i = 0; i < BLOCK; i++) {
        const double ulp = ulp_error(y[i], exact[i]);
        if (ulp > worst->ulp) {
            worst->ulp = ulp;
            worst->x = x[i];
            worst->y = e[i];
        }
    }
}

/* One function at every stride-th bit pattern. */
static void sweep(int f, uint64_t stride, Worst worst[COLUMNS])
{
    unsigned block = 0;

    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += stride * BLOCK, block++) {
        for (uint64_t i = 0; i < BLOCK; i++) {
            x[i] = float_of((uint32_t)(bits + i * stride));
            exact[i] = row[f].reference(x[i]);
        }
        for (int c = 0; c < COLUMNS; c++) {
            if (!column[c].accuracy || block % column[c].thin)
                continue;
            column[c].variant->function[f](x, y);
            compare(&worst[c]);
        }
    }
}

/* A weak generator is enough to choose test points, and the same everywhere. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Pairs for pow: bases like an optimizer's with whole exponents; then any two bit patterns; then a base
 * anywhere and the exponent that puts the result somewhere between the smallest and the largest float. */
static void choose_pairs(int kind, uint64_t *state)
{
    static const float base[] = {0.9f, 0.99f, 0.999f, 0.9999f, 0.5f, 1.0001f, 2.0f, 10.0f};

    for (int i = 0; i < BLOCK; i++) {
        const uint32_t a = next_random(state), b = next_random(state);
        x[i] = kind == 0 ? base[a % 8] : float_of(a);
        e[i] = kind == 0 ? (float)(b % 100000) : float_of(b);
        if (kind == 2) {
            x[i] = fabsf(x[i]);
            e[i] = (float)((b * 0x1p-32 * 278 - 150) / log2(x[i]));
        }
        exact[i] = pow(x[i], e[i]);
    }
}

static void sweep_pow(uint64_t stride, Worst worst[COLUMNS])
{
    const uint64_t blocks = ((uint64_t)1 << 28) / stride / BLOCK + 16;
    uint64_t state = 1;

    for (uint64_t block = 0; block < blocks; block++) {
        choose_pairs(block % 8 == 0 ? 0 : block % 8 == 1 ? 1 : 2, &state);
        for (int c = 0; c < COLUMNS; c++) {
            if (!column[c].accuracy || (block / 8) % column[c].thin)
                continue;
            column[c].variant->pow(x, e, y);
            compare(&worst[c]);
        }
    }
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void expf_loop(const float *in, float *out)
{
    for (int i = 0; i < BLOCK; i++)
        out[i] = expf(in[i]);
}

/* Seconds for a block: the best of many. Function FUNCTIONS is pow, the next one uniform; no variant: libm's
 * expf. */
static double time_of(const Variant *v, int f)
{
    double best = INFINITY;

    for (int i = 0; i < 300; i++) {
        const double start = seconds();
        if (!v)
            expf_loop(x, y);
        else if (f < FUNCTIONS)
            v->function[f](x, y);
        else if (f == FUNCTIONS)
            v->pow(x, e, y);
        else
            v->uniform(y);
        best = fmin(best, seconds() - start);
    }
    return best;
}

static void print_head(int accuracy)
{
    printf("| function |");
    for (int c = 0; c < COLUMNS; c++)
        if (!accuracy || column[c].accuracy)
            printf(" %s |", column[c].title);
    printf("\n|---|");
    for (int c = 0; c < COLUMNS; c++)
        if (!accuracy || column[c].accuracy)
            printf("---|");
    printf("\n");
}

static void print_accuracy(uint64_t stride)
{
    print_head(1);
    for (int f = 0; f <= FUNCTIONS; f++) {
        Worst worst[COLUMNS] = {{0, 0, 0}};
        const double start = seconds();

        if (f < FUNCTIONS)
            sweep(f, stride, worst);
        else
            sweep_pow(stride, worst);
        printf("| %s |", f < FUNCTIONS ? row[f].name : "dl_pow");
        for (int c = 0; c < COLUMNS; c++) {
            if (!column[c].accuracy)
                continue;
            printf(" %.3f at %.9g", worst[c].ulp, worst[c].x);
            printf(f == FUNCTIONS ? ", %.9g |" : " |", worst[c].y);
        }
        printf("\n");
        fprintf(stderr, "%s: %.0f s\n", f < FUNCTIONS ? row[f].name : "dl_pow", seconds() - start);
    }
}

static void print_speed(void)
{
    double libm;

    for (int i = 0; i < BLOCK; i++) {
        x[i] = (float)i * (8.0f / BLOCK) + 0.01f;
        e[i] = (float)(i % 64) * 0.1f;
    }
    libm = time_of(NULL, 0);
    print_head(0);
    for (int f = 0; f <= FUNCTIONS + 1; f++) {
        printf("| %s |", f < FUNCTIONS ? row[f].name : f == FUNCTIONS ? "dl_pow" : "dl_uniform");
        for (int c = 0; c < COLUMNS; c++)
            printf(" %.3f |", time_of(column[c].variant, f) / libm);
        printf("\n");
    }
    printf("\nlibm's `expf` took %.2f ns an element in this run.\n", libm / BLOCK * 1e9);
}

int main(int argc, char **argv)
{
    const uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

    if (stride < 1 || stride > 1 << 20) {
        fprintf(stderr, "usage: ulp [STRIDE]\n");
        return 2;
    }
    printf(
        "# Accuracy and speed of the runtime's functions\n\n"
        "Made by `make docs/accuracy.md`; do not edit.\n\n"
        "## Error\n\n"
        "The largest error of each function of `runtime/dl_math.h`, in units in the last place of the exact\n"
        "result (libm's in double), and the argument it occurs at; 0.5 is correctly rounded. Swept: one "
        "float in\n"
        "%llu (with tcc one in %llu), and for `dl_pow` pairs: the bases of optimizers with "
        "whole\n"
        "exponents, arbitrary ones, and such as have a finite result. Special values count: a NaN, an "
        "infinity\n"
        "or a signed zero in the wrong place would be an infinite error. With `-march=native` products and "
        "sums\n"
        "contract to FMA, without they do not. Further flags, also below: `-ffp-contract=fast "
        "-fno-math-errno\n"
        "-fno-trapping-math`. `dl_sqrt_soft` is `dl_sqrt` where there is no instruction for it. `dl_sin` and\n"
        "`dl_cos` are as good for the largest float as for small ones.\n\n",
        (unsigned long long)stride, (unsigned long long)stride * 64);
    print_accuracy(stride);
    printf(
        "\n## Speed\n\n"
        "The time of a loop over 4096 floats as a multiple of a loop that calls libm's `expf`. Both\n"
        "compilers fill only half of an AVX-512 register on some Xeons; `-mprefer-vector-width=512` makes\n"
        "most of these loops a quarter faster there.\n\n");
    print_speed();
    return 0;
}
