#!/bin/sh
# The larger examples learn: the loss falls, and where there is a right answer they find it. On data made here, at sizes for that.
. tests/models/learning.sh

digits() { "$dlc" data digits "$work/digits" --train 2000 --test 500; }
sines() { python3 tests/models/sine.py "$work/sines"; }
pairs() { python3 tests/models/pairs.py "$work/digits" "$work/pairs"; }

# The beginning of a text, cut at each byte.
text() {
    head -c 500 LICENSE >"$work/text" &&
        "$dlc" data bytes "$work/text" "$work/text" --length 32 --stride 1 -o "$work/bytes"
}

# What was learned by heart can be said.
continues() {
    python3 tests/models/continue.py "$dlc" dsl_examples/transformer.dl "$work/transformer.safetensors" "$work/text" 32 40 --set BLOCKS=1
}

check "digits" digits
check "pairs of digits" pairs
check "a short text" text
check "sines" sines
check "sine" learns 0.05 - sine "$work/sines" --epochs 60
check "small_cnn" learns 0.3 0.85 small_cnn "$work/digits" --epochs 4 --batch 8
check "autoencoder" learns 0.6 - autoencoder "$work/digits" --epochs 3 --set FEATURES=784
check "ds_cnn" learns 0.85 0.4 ds_cnn "$work/digits" --epochs 4 --batch 16 --set TIME=28 --set FEATURES=28 --set FILTERS=32 --set BLOCKS=2
check "siamese" learns 0.7 0.75 siamese "$work/pairs" --epochs 6
check "transformer" learns 0.1 0.9 transformer "$work/bytes" --epochs 24 --batch 16 --seed 2 --set BLOCKS=1 \
    -o "$work/transformer.safetensors"
check "transformer continues a text" continues
finish
