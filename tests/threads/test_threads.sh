#!/bin/sh
# --threads: the same bits with any number of threads and without the option, no data race, nothing of it in other files.
. tests/tap.sh

strict='-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror'
fast='-ffp-contract=fast -fno-math-errno -fno-trapping-math'

# emitted MODEL TARGET THREADS BATCH: $work/THREADS/cnn.c, whatever the model
emitted() {
    mkdir -p "$work/$3" && "$dlc" "$1" --name cnn --train --train-batch "$4" --batch "$4" --target "$2" --threads "$3" \
        -o "$work/$3/cnn.c"
}

# built PROGRAM THREADS COMPILER...
built() {
    program=$1 threads=$2
    shift 2
    "$@" -D_POSIX_C_SOURCE=200809L -DTHREADS="$((threads > 1))" -I"$work/$threads" -Iruntime -o "$work/$program" tests/threads/driver.c \
        "$work/$threads/cnn.c" runtime/dl_threads.c -lpthread
}

# hashes PROGRAM THREADS...: they are all the same
hashes() {
    program=$1
    shift
    "$work/$program" "$@" >"$work/$program.hashes" || return 1
    cat "$work/$program.hashes"
    [ "$(sort -u "$work/$program.hashes" | wc -l)" = 1 ]
}

by_target() {
    emitted dsl_examples/mlp.dl "$1" 3 20 && emitted dsl_examples/mlp.dl "$1" 1 20 || return 1
    built shared 3 gcc -std=c11 -O1 -ftree-vectorize $fast $2 && built alone 1 gcc -std=c11 -O1 -ftree-vectorize $fast $2 || return 1
    hashes shared 0 1 2 3 4 && hashes alone 0 && cmp "$work/alone.hashes" - <<END
$(head -1 "$work/shared.hashes")
END
}

warning_free() {
    gcc -std=c99 $strict -fsyntax-only -Iruntime "$work/3/cnn.c" && gcc -std=c11 -D_POSIX_C_SOURCE=200809L $strict -c -o "$work/pool.o" runtime/dl_threads.c &&
        clang -std=c11 -D_POSIX_C_SOURCE=200809L $strict -fsyntax-only runtime/dl_threads.c
}

by_itself() {
    "$dlc" dsl_examples/cnn.dl --train -o "$work/cnn.c" && ! grep -E 'pool\)|dl_pool|dl_parallel' "$work/cnn.c" "$work/cnn.h" &&
        "$dlc" dsl_examples/cnn.dl --train --threads 2 -o "$work/2.c" && grep -q dl_parallel "$work/2.c"
}

# BLESS=1 writes it anew.
as_it_was() {
    "$dlc" tests/threads/shared.dl --batch 40 --threads 2 -o - >"$work/golden.c" || return 1
    [ -z "${BLESS:-}" ] || cp "$work/golden.c" tests/threads/shared.c
    diff tests/threads/shared.c "$work/golden.c"
}

# A user's model, by the pool in memory and from files.
verified() {
    "$dlc" verify tests/threads/shared.dl --threads 3 --batch 24 "$@" >"$work/verified" && tail -1 "$work/verified" | grep 'is right'
}

# Of a recurrence each thread takes some examples through all steps.
same_in_memory() {
    "$dlc" ir --target native --train --after plan -f train_step --batch 16 --threads 2 --set LENGTH=4 dsl_examples/rnn.dl |
        grep -q 'backwards, threads share the examples 0 to ' &&
        "$build/bits" dsl_examples/rnn.dl 16 2 LENGTH=4
}

# Threads at different steps of a part, whose tensors take each other's places.
same_by_parts() {
    "$dlc" ir --target native --after plan -f infer --batch 24 --threads 2 tests/threads/turns.dl | grep -q '^    turn 0 ' &&
        "$build/bits" tests/threads/turns.dl 24 2 3
}

# And where loops stand in such a part.
same_by_nested_parts() {
    "$dlc" ir --target native --train --after plan -f train_step --train-batch 8 --threads 2 tests/threads/nested.dl |
        grep -A 99 '^for t<8, threads share them' | grep -q '^        for t2<2 {' &&
        "$build/bits" tests/threads/nested.dl 8 2 3
}

# A map in ranges: threads make parts of each.
same_in_ranges() {
    "$dlc" ir --target native --after plan -f infer --threads 2 tests/threads/parts.dl | grep -q 'threads a part of each j0' &&
        "$build/bits" tests/threads/parts.dl 1 2 3
}

# guarded SANITIZER MODEL WHAT: of what has it
guarded() {
    emitted "$2" generic 3 20 && grep -q "$3" "$work/3/cnn.c" &&
        built guarded 3 clang -std=c11 -O0 -g "-fsanitize=$1" -fno-sanitize-recover=all &&
        TSAN_OPTIONS=halt_on_error=1 hashes guarded 1 2 3
}

check "without the option, nothing of it" by_itself
case $(grep -o -m 1 -w -e avx2 /proc/cpuinfo) in
avx2) check "x86-64-v3: the same bits" by_target x86-64-v3 -march=haswell ;;
*) check "generic: the same bits" by_target generic "" ;;
esac
check "no data races" guarded thread dsl_examples/mlp.dl dl_parallel
check "no data races in a recurrence" guarded thread tests/threads/recurrent.dl '{infer_rows'
check "no wrong accesses" guarded address,undefined dsl_examples/mlp.dl dl_parallel
check "no wrong accesses in a recurrence" guarded address,undefined tests/threads/recurrent.dl '{train_rows'
check "no warnings" warning_free
check "C as it was" as_it_was
check "verified in memory" verified --jit tcc
check "verified from files" verified --cc "gcc -O1" --steps 1
check "the same bits in memory" same_in_memory
check "the same bits by parts" same_by_parts
check "the same bits by nested parts" same_by_nested_parts
check "the same bits in ranges" same_in_ranges
finish
