#!/bin/sh
# The examples as they stand, 32 examples a step: C without a warning, generic and native, and quickly.
. tests/tap.sh
strict='-std=c99 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'

for name in mlp cnn rnn attention encoder; do
    for target in generic native; do
        check "$name for $target" $dlc "dsl_examples/$name.dl" --train --target $target -o "$work/$name.c"
        flags=
        [ $target = generic ] || flags=-march=native
        check "$name for $target, gcc" gcc -O0 $flags $strict -Wvla -Iruntime -c -o "$work/$name.o" "$work/$name.c"
        check "$name for $target, clang" clang -O0 $flags $strict -Wvla -Iruntime -c -o "$work/$name.o" "$work/$name.c"
    done
done
finish
