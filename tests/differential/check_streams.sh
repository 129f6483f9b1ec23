#!/bin/sh
# A sequence in pieces gives what the whole one does: in emitted C, with every engine, and after training on whole sequences.
. tests/tap.sh
model=tests/differential/streaming.dl

cat >"$work/driver.c" <<'END'
#include "whole.h"
#include "piece.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH = 6, BATCH = WHOLE_BATCH };
static whole_params params;
static piece_params same;
static whole_stream as_whole;
static piece_stream in_pieces;
static _Alignas(64) unsigned char arena[WHOLE_INIT_ARENA_BYTES + WHOLE_ARENA_BYTES + PIECE_ARENA_BYTES];
static float x[2 * LENGTH][BATCH][4], frames[BATCH][LENGTH][4], y[BATCH][LENGTH][3], y_t[BATCH][1][3];

/* The largest difference over two sequences, the second of which goes on where the first ended. */
int main(void)
{
    double worst = 0, size = 0;
    if (whole_init(&params, 5, arena) || whole_start(&params, &as_whole, arena))
        return 2;
    memcpy(&same, &params, sizeof params);
    memset(&in_pieces, 0xff, sizeof in_pieces);
    if (piece_start(&same, &in_pieces, arena))
        return 2;
    for (int i = 0; i < 2 * LENGTH * BATCH * 4; i++)
        (&x[0][0][0])[i] = sinf((float)(i * i % 97));
    for (int half = 0; half < 2; half++) {
        for (int t = 0; t < LENGTH; t++)
            for (int b = 0; b < BATCH; b++)
                memcpy(frames[b][t], x[half * LENGTH + t][b], sizeof frames[b][t]);
        if (whole_infer(&params, &as_whole, &frames[0][0][0], &y[0][0][0], arena))
            return 2;
        for (int t = 0; t < LENGTH; t++) {
            memset(arena, 0xff, sizeof arena);
            if (piece_infer(&same, &in_pieces, &x[half * LENGTH + t][0][0], &y_t[0][0][0], arena))
                return 2;
            for (int b = 0; b < BATCH; b++)
                for (int k = 0; k < 3; k++) {
                    const double off = fabs((double)y_t[b][0][k] - (double)y[b][t][k]);
                    worst = off <= worst ? worst : off;
                    size = fmax(size, fabs((double)y[b][t][k]));
                }
        }
    }
    printf("off by %g of %g\n", worst, size);
    return !(worst < 1e-5 && size > 0.1) || fabsf(in_pieces.energy[1] - as_whole.energy[1]) > 1e-4f;
}
END

pieces() {
    "$1" -std=c11 -O1 -Wall -Wextra -Werror -Iruntime -I"$work" -o "$work/$1" "$work/driver.c" "$work/whole.c" "$work/piece.c" -lm && "$work/$1"
}

check "the whole sequence as C" "$dlc" $model --batch 2 --name whole -o "$work/whole.c"
check "one frame at a time as C" "$dlc" $model --batch 2 --set LENGTH=1 --name piece -o "$work/piece.c"
for compiler in gcc clang; do
    check "the same with $compiler" pieces "$compiler"
done
finish
