#!/bin/sh
# Every example by two and three threads: the same bits as by one.
. tests/tap.sh

for model in cnn:4 cnn:32 ds_cnn:32 mobilenet:32 resnet:3 ds_cnn:4 mobilenet:3 encoder:4:LENGTH=16:WIDTH=64 autoencoder:8 rnn:16:LENGTH=10 attention:16:LENGTH=10 \
    resnet18:2:SIZE=64 gru_attention:4 siamese:4 transformer:4; do
    set -- $(echo "$model" | tr : ' ')
    name=$1 batch=$2
    shift 2
    check "$name" "$build/bits" "dsl_examples/$name.dl" "$batch" 2 3 "$@"
done
finish
