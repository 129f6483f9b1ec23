#!/bin/sh
# From 10 layers to 10000, forward and training: time and memory a layer stay what they are; and ResNet-18 with its training step:
# dlc in half a second, its C in 20 by gcc and clang. On an idle machine.
. tests/tap.sh
. tests/bench/scaling.sh

# stays MODEL [--train]: a layer of 10000 costs at most twice what one of 1000 does
stays() {
    for n in 10 100 1000 10000; do
        cost=$(cost_of "$1" $n 1 $2) || return 1
        echo "$n $cost"
    done | awk -v what="$*" '
        { printf "%s: %d layers: %.2f s, %.0f MB\n", what, $1, $2 / 1000, $3; time[$1] = $2; memory[$1] = $3 }
        END { exit !(NR == 4 && time[10000] < 20 * time[1000] && memory[10000] < 20 * memory[1000]) }'
}

# in_time MOST COMMAND...: in at most MOST milliseconds of processor time
in_time() {
    most=$1
    shift
    took=$(RUNS=1 "$build/bench/cost" "$@") || return 1
    echo "$* took $took (milliseconds, megabytes)"
    echo "$took" | awk -v most="$most" '{ exit !($1 <= most) }'
}

for model in dense residual 'dense --train' 'residual --train'; do
    check "$model: a layer costs the same among 10000" stays $model
    sed 's/^/# /' "$work/tap.out"
done
check "dlc on ResNet-18 with its training step" in_time 500 "$dlc" dsl_examples/resnet18.dl --train -o "$work/resnet18.c"
sed 's/^/# /' "$work/tap.out"
# clang inlines what it finds small, and takes twice as long over it
for cc in gcc 'clang -fno-inline-functions'; do
    check "$cc -O2 on its C" in_time 20000 $cc -O2 -Iruntime -I"$work" -c "$work/resnet18.c" -o "$work/resnet18.o"
    sed 's/^/# /' "$work/tap.out"
done
finish
