#!/bin/sh
# Each fuzz target for SECONDS (60), under the sanitizers, from the project's own files as the first inputs.
. tests/tap.sh
seconds=${SECONDS_EACH:-60}
flags=-fsanitize=address,undefined

built() {
    make -s -j2 CC=clang BUILD=build/fuzz CFLAGS="-O1 -g" SANITIZE="-fsanitize=fuzzer-no-link,address,undefined" build/fuzz/libdlc.a
}

survives() {
    mkdir -p "$work/$1" &&
        clang -g -O1 -fsanitize=fuzzer $flags -I. -Icompiler "tests/fuzz/fuzz_$1.c" build/fuzz/libdlc.a -o "build/fuzz/$1" \
            -ltcc -ljansson -lz -ldl -lpthread -lm || return 1
    target=$1
    shift
    "build/fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=4000 -timeout=20 -artifact_prefix="$work/" "$@" 2>&1 | tail -n 30 >"$work/$target.log"
    grep -E '^Done [0-9]+ runs' "$work/$target.log" || { cat "$work/$target.log" && return 1; }
}

check "built" built
check "parser" survives parse -dict=tests/fuzz/dl.dict "$work/parse" dsl_examples compiler/std tests/errors
for target in idx npy safetensors tsv; do
    check "$target" survives $target "$work/$target"
done
finish
