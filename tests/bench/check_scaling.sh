#!/bin/sh
# Four times the layers take four times dlc's time and memory, and add calls to the C, but no functions.
. tests/tap.sh
. tests/bench/scaling.sh

functions() {
    grep -c '^static void ' "$work/$1.c"
}

# grows MODEL N [--train]: from N layers to 4 N, time and memory less than fivefold. A processor that becomes slower between the two makes
# it seem more: then both are measured again, twice at the most. What grows by the square would take 16 times each time.
grows() {
    for turn in 1 2 3; do
        small=$(cost_of "$1" "$2" 3 $3) && large=$(cost_of "$1" $((4 * $2)) 2 $3) || return 1
        few=$(functions "$1$2") many=$(functions "$1$((4 * $2))")
        echo "$1 $3: $2 layers: $small, $((4 * $2)): $large (milliseconds, megabytes); $few functions, $many"
        echo "$small $large $few $many" | awk '{ exit !($3 < 5 * $1 && $4 < 5 * $2 && $6 <= $5 + 5) }' && return 0
    done
    return 1
}

if [ "$build" != "${build%asan*}" ]; then
    skip "grows" "sanitizers have their price"
else
    for model in 'dense 500' 'dense 150 --train' 'residual 300' 'residual 60 --train'; do
        check "$model: four times the layers, no more than five times the cost" grows $model
        sed 's/^/# /' "$work/tap.out"
    done
fi
finish
