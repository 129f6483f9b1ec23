#!/bin/sh
# generated/ is what the compiler writes now (`make generated` brings it up to date), and compilers have nothing to say of it.
. tests/tap.sh

# silent COMPILER: about every file
silent() {
    for file in generated/*.c; do
        "$1" -std=c99 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror -Iruntime -fsyntax-only "$file" || return 1
    done
}

check "written" tests/generate.sh "$work/generated"
check "up to date" diff -rq generated "$work/generated"
check "gcc is silent" silent gcc
check "clang is silent" silent clang
finish
