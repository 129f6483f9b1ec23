/* SPDX-License-Identifier: MIT */
/* fetch.c TAPS ROWS: which lines of its weights a convolution's tiles fetch, whose blocks of k have ROWS rows of TAPS taps each and which
 * fetch the next block: all but those of the first block, and nothing else; and most of them one behind the other. In the emitted C
 * fetched(x, i) stands for DL_PREFETCH(x, i). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void fetched(const float *x, int i);
#include "fetch_emitted.c"

enum { ALL = 9, IN = 32, OUT = 64, LINE = 16, ROW = OUT / LINE, LINES = ALL * IN * ROW };

static fetch_params params;
static int times[LINES], last, fetches, outside, sequential;

static void fetched(const float *x, int i)
{
    const intptr_t at = (intptr_t)x + i * (intptr_t)sizeof(float) - (intptr_t)params.conv_kernel;
    const intptr_t line = at / (LINE * (intptr_t)sizeof(float));

    fetches++;
    if (at < 0 || line >= LINES) {
        outside++;
        return;
    }
    times[line]++;
    sequential += line == last + 1;
    last = (int)line;
}

int main(int argc, char **argv)
{
    static float image[7 * 7 * IN], y[7 * 7 * OUT];
    static _Alignas(64) unsigned char arena[FETCH_ARENA_BYTES];
    const int taps = atoi(argv[argc - 2]), rows = atoi(argv[argc - 1]);
    int missing = 0;

    fetch_infer(&params, image, y, arena);
    for (int i = 0; i < LINES; i++)
        missing += !times[i] && !(i / ROW / IN < taps && i / ROW % IN < rows);
    printf("# of %d fetches %d go on where the one before was; %d outside; of %d lines %d missing\n", fetches, sequential, outside, LINES, missing);
    return missing || outside || sequential < fetches / rows * (rows - 1);
}
