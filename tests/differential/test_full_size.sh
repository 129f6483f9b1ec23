#!/bin/sh
# The examples as they stand, 32 examples a step: C without a warning, generic and native, and quickly.
. tests/tap.sh
strict='-std=c99 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'

for name in mlp cnn rnn attention encoder; do
    for target in generic native; do
        check "$name for $target" $dlc "dsl_examples/$name.dl" --train --target $target -o "$work/$name.c"
        flags= object=-fsyntax-only
        [ $target = generic ] || flags=-march=native object="-c -o $work/$name.o"
        check "$name for $target, gcc" gcc -O0 $flags $strict -Wvla -Iruntime $object "$work/$name.c"
        check "$name for $target, clang" clang $flags $strict -Wvla -Iruntime -fsyntax-only "$work/$name.c"
    done
done
finish
