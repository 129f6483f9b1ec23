#!/bin/sh
# The draws that tests/unit/test_random.c compares with are those of philox.py, which knows its generator's published answers; rows of
# them are the same numbers for every machine.
set -u
. tests/tap.sh

draws_are_fresh() {
    "${PYTHON:-python3}" tests/runtime/philox.py >"$work/draws.h" && diff tests/runtime/draws.h "$work/draws.h"
}

rows_are_draws() { # rows_are_draws COMPILER...
    "$@" -std=c99 -O2 -Wall -Wextra -Wconversion -Wsign-conversion -pedantic -Werror -I. -o "$work/rows" tests/runtime/rows.c && "$work/rows"
}

has() { # has FLAG: of the processor
    test -z "$1" || grep -qw "$1" /proc/cpuinfo
}

check "tests/runtime/draws.h is what philox.py draws" draws_are_fresh
for compiler in gcc clang; do
    while read -r march flag; do
        if has "$flag"; then
            check "rows are draws: $compiler -march=$march" rows_are_draws $compiler -march="$march"
        else
            check "rows of draws compile: $compiler -march=$march" $compiler -O2 -march="$march" -I. -c -o "$work/rows.o" tests/runtime/rows.c
        fi
    done <<END
x86-64
haswell avx2
skylake-avx512 avx512vl
END
done
finish
