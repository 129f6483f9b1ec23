#!/bin/sh
# SPDX-License-Identifier: MIT
# Test the tests of --deterministic: break each of its rules in the compiler's text, as order.txt says, and see test_sum_order, or one of
# the models that test_same_bits.sh compares in memory, fail. Of what order.txt has not, the text is looked at there: pragmas, flags,
# folded weights.
set -u
. tests/tap.sh
. tests/mutants/rows.sh
flags="-std=gnu11 -O1 -w -I. -Icompiler -I$build/gen"
libs="-lcmocka -ltcc -ljansson -lz -ldl -lpthread -lm"

built() {
    make -s "$build/libdlc.a" && ${CC:-cc} $flags -c -o "$work/sum_order.o" tests/unit/test_sum_order.c &&
        ${CC:-cc} $flags -c -o "$work/bits.o" tests/threads/bits.c
}

# linked OBJECT...: both programs, with these objects in the place of the library's own
linked() {
    for program in sum_order bits; do
        ${CC:-cc} -o "$work/$program" "$work/$program.o" "$@" "$build/libdlc.a" $libs || return 1
    done
}

same() {
    "$work/sum_order" && "$work/bits" --deterministic dsl_examples/rnn.dl 16 3 LENGTH=4 &&
        "$work/bits" --deterministic dsl_examples/resnet.dl 4 1 &&
        "$work/bits" --deterministic dsl_examples/small_cnn.dl 4 1 &&
        "$work/bits" --deterministic dsl_examples/ds_cnn.dl 32 1
}

killed() { # killed FILE SED
    break_file "$1" "$2" "$work/broken.c" && ${CC:-cc} $flags -I"compiler/${1%/*}" -c -o "$work/broken.o" "$work/broken.c" &&
        linked "$work/broken.o" && ! same
}

unbroken() {
    linked && same
}

export XDG_CACHE_HOME="$work/cache"
check "the tests' programs" built
check "nothing broken, nothing found" unbroken
grep '^[a-z]' tests/mutants/order.txt >"$work/rules"
while read -r file script; do
    check "$file $script" killed "$file" "$script"
done <"$work/rules"
finish
