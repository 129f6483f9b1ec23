#!/bin/sh
# --ram: what is promised is what the header says and what the program keeps; the steps of training are the same to the bit as without.
. tests/tap.sh

# trains FOLDER INPUT COUNT VOCABULARY [FLAGS...]
trains() {
    folder=$1 input=$2 count=$3 vocabulary=$4
    shift 4
    state=$(grep -c 'typedef struct net_state' "$folder/net.h")
    gcc -std=c11 -O0 -DSTATE="$state" -DINPUT="$input" -DCOUNT="$count" -DVOCABULARY="$vocabulary" "$@" -I"$folder" -Iruntime \
        -o "$folder/run" tests/budget/driver.c "$folder/net.c" && "$folder/run" >"$folder/out"
}

# with_budget MODEL RAM INPUT COUNT VOCABULARY [OPTIONS...]
with_budget() {
    model=$1 ram=$2 input=$3 count=$4 vocabulary=$5
    shift 5
    mkdir -p "$work/free" "$work/kept"
    check "$model: without a budget" $dlc "dsl_examples/$model.dl" --train --name net -o "$work/free/net.c" "$@"
    check "$model: in $ram bytes" $dlc "dsl_examples/$model.dl" --train --name net --ram "$ram" -o "$work/kept/net.c" "$@"
    check "$model: it trains" trains "$work/free" "$input" "$count" "$vocabulary"
    check "$model: it trains in $ram bytes" trains "$work/kept" "$input" "$count" "$vocabulary" -DRAM="$ram"
    check "$model: the same bits" cmp "$work/free/out" "$work/kept/out"
}
# Two fifths of the scratch that the pictures' network takes without a budget, a third of the text's.
with_budget resnet 1297000 float 768 0 --set SIZE=16 --train-batch 4
with_budget encoder 688000 int32_t 16 500 --set LENGTH=16 --set VOCABULARY=500 --set WIDTH=32 --train-batch 4

finish
