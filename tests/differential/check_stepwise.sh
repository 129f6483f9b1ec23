#!/bin/sh
# Sequences one step at a time, with --streaming, give the bits of the whole sequence; models that cannot are refused.
. tests/tap.sh
model=tests/differential/stepwise.dl

cat >"$work/driver.c" <<'END'
#include "whole.h"
#include "piece.h"
#include <stdio.h>
#include <string.h>

#ifdef WORDS
typedef int32_t item;
enum { WIDTH = 1 };
#else
typedef float item;
enum { WIDTH = 4 };
#endif
enum { STEPS = 12, BATCH = WHOLE_BATCH, Y = 3, Z = 5 };
static whole_params params;
static piece_params same;
#ifdef STATE
static whole_state state;
static piece_state same_state;
#define WITH_STATE(p, s) &p, &s
#else
#define WITH_STATE(p, s) &p
#endif
static piece_stream memory;
static _Alignas(64) unsigned char arena[WHOLE_INIT_ARENA_BYTES + WHOLE_ARENA_BYTES + PIECE_ARENA_BYTES];
static item x[BATCH][STEPS][WIDTH], x_t[BATCH][WIDTH];
static float y[BATCH][STEPS - DELAY][Y], y_t[BATCH][Y], z[BATCH][Z], z_t[BATCH][Z];

/* Two sequences, each from the start. Outputs must be the same bits; and there must be something in them. */
int main(void)
{
    double size = 0;
    if (whole_init(WITH_STATE(params, state), 5, arena))
        return 2;
    for (size_t i = 0; i < sizeof params / sizeof(float); i++)
        ((float *)&params)[i] += (float)(i * i % 13) / 40 - 0.15f;
    memcpy(&same, &params, sizeof params);
#ifdef STATE
    memcpy(&same_state, &state, sizeof state);
#endif
    for (int sequence = 0; sequence < 2; sequence++) {
        memset(&memory, 0xff, sizeof memory);
        memset(arena, 0xff, sizeof arena);
        if (piece_start(WITH_STATE(same, same_state), &memory, arena))
            return 2;
        for (int i = 0; i < BATCH * STEPS * WIDTH; i++)
            (&x[0][0][0])[i] = (item)(i * i * (sequence + 3) % 29) / (item)(WIDTH > 1 ? 10.5 : 1);
        if (whole_infer(WITH_STATE(params, state), &x[0][0][0], &y[0][0][0], z[0], arena))
            return 2;
        for (int t = 0; t < STEPS; t++) {
            for (int b = 0; b < BATCH; b++)
                memcpy(x_t[b], x[b][t], sizeof x_t[b]);
            memset(arena, 0xff, sizeof arena);
            if (piece_step(WITH_STATE(same, same_state), &memory, x_t[0], y_t[0], z_t[0], arena))
                return 2;
            for (int b = 0; b < BATCH && t >= DELAY; b++) {
                if (memcmp(y_t[b], y[b][t - DELAY], sizeof y_t[b]) != 0)
                    return printf("y differs at step %d of example %d: %.9g, %.9g\n", t, b, y_t[b][0], y[b][t - DELAY][0]), 1;
                size += y_t[b][0] * y_t[b][0];
            }
        }
        if (memcmp(z, z_t, sizeof z) != 0)
            return printf("z differs: %.9g, %.9g\n", z_t[0][0], z[0][0]), 1;
    }
#ifdef ENDS
    if (piece_step(WITH_STATE(same, same_state), &memory, x_t[0], y_t[0], z_t[0], arena) != DL_INDEX)
        return printf("a step behind the last was taken\n"), 1;
#endif
    return !(size > 0.1);
}
END

whole='' piece=''      # options of each; the code for generic adds up in one order whatever the shapes are
# bits COMPILER MODEL BATCH FLAG...: of the driver
bits() {
    compiler=$1 name=$2 batch=$3
    shift 3
    # shellcheck disable=SC2086 # several options
    "$dlc" $model --model "$name" --batch "$batch" --name whole -o "$work/whole.c" $whole &&
        "$dlc" $model --model "$name" --batch "$batch" --streaming --name piece -o "$work/piece.c" $piece &&
        $compiler -std=c11 -Wall -Werror "$@" -Iruntime -I"$work" -o "$work/driver" "$work/driver.c" \
            "$work/whole.c" "$work/piece.c" && "$work/driver"
}

while read -r name flags; do
    # shellcheck disable=SC2086 # several flags
    check "$name in steps" bits tcc "$name" 1 $flags
    # shellcheck disable=SC2086
    check "$name in steps, batch of 2" bits tcc "$name" 2 $flags
done <<'END'
recurrent -DDELAY=0
words -DDELAY=0 -DWORDS
temporal -DDELAY=0 -DSTATE
valid -DDELAY=4
padded -DDELAY=0
spectra -DDELAY=0 -DSTATE
placed -DDELAY=0 -DENDS
END
# `dlc run`: a sequence whose steps are examples, against the whole one as a single example.
run_in_steps() {
    cat >"$work/average.dl" <<'END'
model average {
    input x: f32[6, 2]
    m = full(0.5, [2])
    output y = for x_t in x {
        m = 0.75 * m + 0.25 * x_t
        yield m
    }
}
END
    python3 - "$work" <<'END' &&
import struct, sys
for name, shape in ("whole", "(1, 6, 2)"), ("steps", "(6, 2)"):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % shape
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(f"{sys.argv[1]}/{name}.npy", "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<12f", *(i * i % 7 for i in range(12))))
END
        "$dlc" run "$work/average.dl" --input "$work/whole.npy" --json --jit tcc >"$work/whole" &&
        "$dlc" run "$work/average.dl" --streaming --input "$work/steps.npy" --json --jit tcc >"$work/steps" &&
        python3 - "$work" <<'END'
import json, sys
whole, = map(json.loads, open(sys.argv[1] + "/whole"))
steps = list(map(json.loads, open(sys.argv[1] + "/steps")))
assert whole["y"] == [step["y"] for step in steps] and len({str(y) for y in whole["y"]}) == 6, (whole, steps)
END
}

check "dlc run takes the steps as examples" run_in_steps
check "the same with gcc" bits "gcc -O1 -ffp-contract=off -Wextra" temporal 1 -DDELAY=0 -DSTATE
whole=--deterministic piece=--deterministic
if grep -q ' avx2 .* fma \| fma .* avx2 ' /proc/cpuinfo 2>/dev/null; then
    piece='--deterministic --target x86-64-v3'
    check "wide in steps for another target" bits "gcc -O2 -march=x86-64-v3" wide 1 -DDELAY=0
else
    check "wide in steps" bits "gcc -O1" wide 1 -DDELAY=0
fi
check "a step's code is right, kernel by kernel" "$dlc" verify $model --model valid --streaming --jit tcc
finish
