#!/bin/sh
# Small versions of long_accuracy.sh, on data made here: each example learns, with each engine.
. tests/models/learning.sh

# Lines whose topic is one word among fillers; every third line also names another topic, later, behind "not".
text() {
    awk -v seed="$1" -v lines="$2" '
        function draw(n) { seed = (seed * 16807) % 2147483647; return int(seed / 65536) % n }
        BEGIN {
            for (i = 0; i < lines; i++) {
                topic = draw(10); line = topic "\t"; at = draw(4)
                for (k = 0; k < 8; k++)
                    line = line (k == at ? "topic" topic "x" draw(3) : "filler" draw(40)) " "
                if (i % 3 == 0) line = line "not topic" draw(10) "x" draw(3)
                print line
            }
        }'
}

digits() { "$dlc" data digits "$work/digits" --train 3000 --test 500; }
texts() {
    text 1 2000 >"$work/train.tsv" && text 2 500 >"$work/test.tsv" &&
        "$dlc" data text "$work/train.tsv" "$work/test.tsv" --vocab 200 --length 12 -o "$work/text"
}

# The figure that training ends with is the one eval gives for the saved weights, to the last digit: each example counts once.
evaluates() {
    trained=$(accuracy_of mlp "$work/digits" --epochs 1 --batch 128 -o "$work/mlp.safetensors")
    evaluated=$("$dlc" eval dsl_examples/mlp.dl --data "$work/digits" --weights "$work/mlp.safetensors" --batch 77 --json |
        sed -n 's/.*"accuracy": \([0-9.]*\).*/\1/p')
    echo "trained to $trained, evaluated as $evaluated"
    [ -n "$trained" ] && [ "$trained" = "$evaluated" ]
}

sizes="--set LENGTH=12 --set VOCABULARY=200"
check "digits" digits
check "text" texts
check "cnn" reaches 0.9 cnn "$work/digits" --epochs 2 --jit cc
check "small_cnn with tcc" reaches 0.7 small_cnn "$work/digits" --epochs 1 --batch 8 --jit tcc
check "mlp" reaches 0.8 mlp "$work/digits" --epochs 3 --jit cc
check "mlp, evaluated anew" evaluates
check "rnn" reaches 0.95 rnn "$work/text" $sizes --epochs 4 --jit cc
check "attention" reaches 0.9 attention "$work/text" $sizes --epochs 15 --jit cc
check "gru_attention" reaches 0.9 gru_attention "$work/text" $sizes --epochs 4 --jit cc
check "encoder" reaches 0.95 encoder "$work/text" $sizes --epochs 8 --jit cc --set WIDTH=32 --set BLOCKS=1
finish
