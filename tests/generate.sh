#!/bin/sh
# Write the C of the examples into a folder: `tests/generate.sh generated`. At sizes one can read; of the largest, inference alone.
set -eu
dlc=${BUILD:-build}/dlc
mkdir -p "$1"
for model in dsl_examples/*.dl; do
    name=$(basename "$model" .dl) settings= train=--train
    case $name in
    rnn | attention | gru_attention) settings="--set LENGTH=16 --set VOCABULARY=1000" ;;
    sine) settings="--optimize size" ;;
    small_cnn) settings="--train-batch 8 --optimize size" ;;
    resnet) settings="--set SIZE=16 --train-batch 4" ;;
    autoencoder) settings="--set FEATURES=64 --set WIDTH=32 --set DEPTH=2 --train-batch 4" ;;
    transformer) settings="--set LENGTH=8 --set WIDTH=16 --set BLOCKS=1 --train-batch 4" ;;
    ds_cnn) settings="--set FILTERS=16 --set BLOCKS=1 --train-batch 4" ;;
    mobilenet) settings="--set SIZE=32 --set MIDDLE=1" train= ;;
    resnet18) settings="--set SIZE=32 --set FILTERS=8 --set CLASSES=10" train= ;;
    encoder) settings="--set LENGTH=16 --set VOCABULARY=1000 --set WIDTH=16 --set BLOCKS=1" ;;
    esac
    grep -q '^ *train {' "$model" || train=
    # shellcheck disable=SC2086
    "$dlc" "$model" -o "$1/$name.c" $settings $train
done
