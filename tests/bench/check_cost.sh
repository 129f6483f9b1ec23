#!/bin/sh
# What dlc itself takes: the training CNN as C in under 50 ms of processor time and 30 MB.
case ${BUILD:-build} in *asan* | *coverage*) exit 77 ;; esac    # sanitizers and counters have their price
. tests/tap.sh

cheap() {
    measured=$("$build/bench/cost" "$dlc" dsl_examples/cnn.dl --train -o "$work/cnn.c") || return 1
    echo "milliseconds, megabytes: $measured"
    echo "$measured" | awk '{ exit !($1 < 50 && $2 < 30) }'
}

check "under 50 ms and 30 MB" cheap
sed 's/^/# /' "$work/tap.out"
finish
