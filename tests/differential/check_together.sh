#!/bin/sh
# Models in one program: all examples, one of them under two names; in C, and from C++.
. tests/tap.sh
models="axpy mlp cnn rnn attention encoder"

written() {
    for name in $models; do
        train=--train
        [ "$name" != axpy ] || train=
        "$dlc" "dsl_examples/$name.dl" -o "$work/$name.c" $train || return 1
    done
    "$dlc" dsl_examples/mlp.dl -o "$work/other.c" --name other --train
}

# A program that takes the address of every function of every header.
program() {
    for name in $models other; do
        echo "#include \"$name.h\""
    done
    printf '%s\n' '#include <stdio.h>'
    printf '%s\n' 'typedef void (*function)(void);'
    printf '%s\n' 'int main(void) {'
    printf '%s\n' '    const function all[] = {'
    for name in $models other; do
        sed -n 's/^dl_status \([a-z0-9_]*\)(.*/        (function)\1,/p' "$work/$name.h"
    done
    printf '%s\n' '    };'
    printf '%s\n' '    return printf("%d functions\n", (int)(sizeof all / sizeof *all)) < 0;'
    printf '%s\n' '}'
}

compiled() {
    program >"$work/all.c" && cp "$work/all.c" "$work/all.cc" || return 1
    for name in $models other; do
        "$1" -std=c99 -Wall -Wextra -Iruntime -I"$work" -c -o "$work/$name.o" "$work/$name.c" || return 1
    done
}

linked() {
    "$@" -Iruntime -I"$work" -o "$work/all" $(for name in $models other; do echo "$work/$name.o"; done) &&
        "$work/all" | grep '^3[0-9] functions$'
}

check "written" written
check "compiled with tcc" compiled tcc
check "linked by tcc" linked tcc -std=c99 "$work/all.c"
check "compiled with gcc" compiled gcc
check "linked by gcc" linked gcc -std=c99 -pedantic "$work/all.c"
check "linked by g++" linked g++ "$work/all.cc"
finish
