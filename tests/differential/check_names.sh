#!/bin/sh
# Whatever a model's values are called, its C compiles.
. tests/tap.sh
strict='-std=c99 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'

check "dlc writes names.c" "$dlc" tests/differential/names.dl --train -o "$work/names.c"
for compiler in gcc clang; do
    # shellcheck disable=SC2086
    check "names.c compiles with $compiler" "$compiler" $strict -Iruntime -c "$work/names.c" -o "$work/names.o"
done
finish
