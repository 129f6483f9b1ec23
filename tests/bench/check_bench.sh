#!/bin/sh
# The benchmark counts what models have to compute as others do (He and others, 2016, say 1.8 billion multiply-adds of ResNet-18,
# torchvision 11 689 512 parameters), and runs: table, JSON.
. tests/tap.sh

# counts MACS_OF_INFERENCE MACS_OF_TRAINING PARAMETERS MODEL [CONST=VALUE]...
counts() {
    infer=$1 train=$2 parameters=$3 model=dsl_examples/$4.dl
    shift 4
    "$build/bench/calls" "$model" infer 1 interpret "$@" </dev/null | grep "^{\"parameters\": $parameters, \"macs\": $infer," &&
        "$build/bench/calls" "$model" train 1 interpret "$@" </dev/null | grep "^{\"parameters\": $parameters, \"macs\": $train,"
}

runs() {
    python3 tests/bench/bench.py --models cnn --what infer1 --peers "" --rounds 1 --ms 5 --engine tcc --out "$work/out" >"$work/said" &&
        grep -q '^cnn .* of the bound' "$work/said" && grep -q '^| cnn | – | 0\.' "$work/out/bench.md" && grep -q '"macs": 2794240' "$work/out/bench.json"
}

# Two threads take turns with one.
compares() {
    python3 tests/bench/bench.py --models cnn --what infer1 --threads 2 --peers "" --rounds 2 --ms 5 --engine tcc --out "$work/two" >"$work/said" &&
        grep -Eq '; one thread [0-9.]+ ms \([0-9.]+\)$' "$work/said" && grep -Eq '^\| cnn \| inference of 1 \| 2 \|.* [0-9.]+ \|$' "$work/two/bench.md" &&
        test ! -e "$work/two/bench.svg"
}

# A table of 256 rows, of which no other exists.
looks_up() {
    echo 1 | "$build/bench/calls" dsl_examples/transformer.dl "$1" 2 tcc
}

check "cnn" counts 2794240 8188032 93322 cnn
check "rnn" counts 6558336 19675008 710858 rnn
check "attention" counts 3281536 9844608 677962 attention
check "encoder" counts 58721536 176164608 1694218 encoder LENGTH=128 WIDTH=128 DROPOUT=0 SMOOTH=false
check "resnet" counts 12501632 37062528 78186 resnet
check "ds_cnn" counts 2656768 7650304 23756 ds_cnn
check "mobilenet" counts 7489664 21971328 216322 mobilenet
check "autoencoder" counts 264192 710656 267928 autoencoder
check "resnet18" counts 1814073344 5324206080 11689512 resnet18
check "inference takes indices that its table has" looks_up infer
check "and training" looks_up train
check "the benchmark runs" runs
check "and compares two threads with one" compares
finish
