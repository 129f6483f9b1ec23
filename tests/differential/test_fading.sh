#!/bin/sh
# SPDX-License-Identifier: MIT
# What fades in training becomes 0 where subnormal numbers are slow, by one thread and by two, and nobody else notices.
set -u
. tests/tap.sh

strict='-std=c11 -O2 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'

# fades FLUSHES THREADS "COMPILER..." OPTION...
fades() {
    flushes=$1 threads=$2 compiler=$3 pool=''
    shift 3
    if [ "$threads" -gt 0 ]; then
        pool='runtime/dl_threads.c -lpthread'
        set -- "$@" --threads "$threads"
    fi
    "$dlc" tests/differential/fading.dl --train --train-batch 8 "$@" -o "$work/fading.c" &&
        $compiler -D_POSIX_C_SOURCE=200809L -DFLUSHES="$flushes" -DTHREADS="$threads" -Iruntime -I"$work" -o "$work/fading" \
            tests/differential/fading.c "$work/fading.c" $pool -lm && "$work/fading"
}

for name in gcc clang; do
    check "$name, any machine" fades 1 0 "$name $strict" --target generic
    check "$name, this one, two threads" fades 1 2 "$name $strict -march=native -ffp-contract=fast" --target native
    check "$name, with little code" fades 1 0 "$name $strict" --target generic --optimize size
done
check "the same bits everywhere: subnormal numbers are kept" fades 0 2 "gcc $strict" --target generic --deterministic
check "by a compiler that cannot: they are kept, too" fades 0 0 tcc --target generic

only_training() {
    "$dlc" tests/differential/fading.dl --target generic -o - | grep dl_flush && return 1
    "$dlc" tests/differential/fading.dl --train --target "$1" -o - | grep dl_flush && return 1
    "$dlc" tests/differential/fading.dl --train --target generic -o - | grep '= dl_flush()' >"$work/flushes" && [ "$(wc -l <"$work/flushes")" = 2 ]
}
check "inference and other machines are left alone" only_training aarch64
finish
