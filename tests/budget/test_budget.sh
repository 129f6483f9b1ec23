#!/bin/sh
# --ram: what is promised is what the header says and what the program keeps; the steps of training are the same to the bit as without,
# or, in micro-batches, to rounding.
. tests/tap.sh

# trains FOLDER INPUT COUNT VOCABULARY [FLAGS...]
trains() {
    folder=$1 input=$2 count=$3 vocabulary=$4
    shift 4
    state=$(grep -c 'typedef struct net_state' "$folder/net.h")
    gcc -std=c11 -O0 -DSTATE="$state" -DINPUT="$input" -DCOUNT="$count" -DVOCABULARY="$vocabulary" "$@" -I"$folder" -Iruntime \
        -o "$folder/run" tests/budget/driver.c "$folder/net.c" && "$folder/run" >"$folder/out"
}

# The losses of two runs, to five digits: sums are added up in another order.
near() {
    python3 - "$1" "$2" <<'END'
import sys
a, b = ([float.fromhex(line.split()[0]) for line in open(name)] for name in sys.argv[1:])
print(a, b)
sys.exit(len(a) != 5 or len(b) != 5 or any(abs(x - y) > 1e-5 * abs(x) for x, y in zip(a, b)))
END
}

bytes() { case $1 in *K) echo $((${1%K} * 1024)) ;; *) echo "$1" ;; esac; }

# with_budget HOW MODEL RAM INPUT COUNT VOCABULARY [OPTIONS...]
with_budget() {
    how=$1
    shift
    model=$1 ram=$2 input=$3 count=$4 vocabulary=$5
    shift 5
    mkdir -p "$work/free" "$work/kept"
    check "$model: without a budget" $dlc "dsl_examples/$model.dl" --train --name net -o "$work/free/net.c" "$@"
    check "$model: in $ram bytes" $dlc "dsl_examples/$model.dl" --train --name net --ram "$ram" -o "$work/kept/net.c" "$@"
    check "$model: it trains" trains "$work/free" "$input" "$count" "$vocabulary"
    check "$model: it trains in $ram bytes" trains "$work/kept" "$input" "$count" "$vocabulary" -DRAM="$(bytes "$ram")"
    check "$model: the same as without ($how)" "$how" "$work/free/out" "$work/kept/out"
}
# Two fifths of the scratch that the pictures' network takes without a budget, a third of the text's. Otherwise the pictures' goes through
# its batch by parts without a budget, and adds up in another order.
with_budget cmp resnet 1260000 float 768 0 --set SIZE=16 --train-batch 4 --deterministic
with_budget cmp encoder 688000 int32_t 16 500 --set LENGTH=16 --set VOCABULARY=500 --set WIDTH=32 --train-batch 4 --deterministic

# Two thirds of it, and no more work, one example at a time.
with_budget near small_cnn 160K float 784 0 --train-batch 8
chosen() {
    $dlc dsl_examples/small_cnn.dl --train --train-batch 8 --ram 160K --report -o "$work/kept/net.c" >"$work/report" && cat "$work/report" &&
        grep -q '^train_step *micro-batch *[0-9]* *0  1 examples at a time$' "$work/report"
}
check "small_cnn: by micro-batches, which cost nothing" chosen
refused() {
    ! $dlc dsl_examples/resnet.dl --train --train-batch 4 --micro-batch 2 -o "$work/kept/no.c" 2>"$work/error" && cat "$work/error" &&
        grep -q '^dsl_examples/resnet.dl:24:12: error: --micro-batch: this mixes the examples of a batch$' "$work/error" && [ ! -e "$work/kept/no.c" ]
}
check "resnet: no micro-batches across batch normalization" refused

# Where memory counts, an attention's scores are made again, also those of short texts.
encoder() { $dlc dsl_examples/encoder.dl --train --train-batch 8 --set LENGTH=128 --name net -o "$work/net.c" "$@"; }
scratch() { encoder "$@" && sed -n 's/.*NET_TRAIN_ARENA_BYTES \([0-9]*\).*/\1/p' "$work/net.h"; }
lies() { encoder "$@" && sed -n 's/.* \([0-9]*\) bytes of .*/\1/p' "$work/net.h"; }
check "encoder: a budget saves scores" [ "$(scratch --ram 1G)" -lt "$(scratch)" ]
check "encoder: so do micro-batches" [ "$(scratch --micro-batch 4)" -eq "$(scratch --micro-batch 4 --ram 1G)" ]
check "encoder: so do memories of given sizes" [ "$(lies --memory ram=1G)" -eq "$(lies --memory ram=1G --ram 1G)" ]

finish
