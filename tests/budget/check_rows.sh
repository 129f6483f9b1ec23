#!/bin/sh
# --ram of inference makes pictures a few rows at a time: into the bytes that docs/memory.md promises, to the same bits; only a mean
# over all rows is added up in another order.
. tests/tap.sh

# compiled FOLDER PIXELS CLASSES SCALE: what the model says
compiled() {
    tcc -DSTATE="$(grep -c 'typedef struct net_state' "$1/net.h")" -DPIXELS="$2" -DCLASSES="$3" -DSCALE="$4" -I"$1" -Iruntime \
        -o "$1/run" tests/budget/pictures.c "$1/net.c" && "$1/run" >"$1/out"
}

# Something is seen: no output is alike for two pictures.
tells_apart() {
    awk -v n="$1" 'NR > n && $1 == a[NR - n] { exit 1 } { a[NR] = $1 }' "$work/free/out"
}

same_digits() {
    cut -d' ' -f2 "$work/free/out" >"$work/free/digits" && cut -d' ' -f2 "$work/kept/out" | cmp "$work/free/digits" -
}

same_bits() {
    cmp "$work/free/out" "$work/kept/out"
}

# arena FOLDER BYTES: the header promises no more.
arena() {
    [ "$(sed -n 's/#define NET_ARENA_BYTES \([0-9]*\).*/\1/p' "$1/net.h")" -le "$2" ]
}

# in_rows MODEL PARAMETER_BYTES SCRATCH SAME PIXELS CLASSES SCALE
in_rows() {
    mkdir -p "$work/free" "$work/kept"
    sed 's/= softmax(logits)/= logits/' "dsl_examples/$1.dl" >"$work/$1.dl" &&
        "$dlc" "$work/$1.dl" --name net -o "$work/free/net.c" &&
        "$dlc" "$work/$1.dl" --name net --ram $(($2 + $3)) --report -o "$work/kept/net.c" >"$work/report" &&
        grep -q '^infer  *rows ' "$work/report" && arena "$work/kept" "$3" &&
        compiled "$work/free" "$5" "$6" "$7" && compiled "$work/kept" "$5" "$6" "$7" && tells_apart "$6" && "$4"
}

check "cnn" in_rows cnn 373288 50000 same_bits 784 10 1.5
check "resnet" in_rows resnet 314664 74000 same_bits 3072 10 1.5
check "mobilenet" in_rows mobilenet 887176 74000 same_bits 27648 2 2
check "mobilenet, two loops" in_rows mobilenet 887176 68000 same_bits 27648 2 2
check "ds_cnn" in_rows ds_cnn 99632 24000 same_digits 490 12 1.5
finish
