#!/bin/sh
# Every other example that has a place on a board, at sizes that soft floats get done with, on every board: `make test-targets`.
. tests/metal/models.sh
METAL_LIMIT=900
export METAL_LIMIT

# What does not fit where: the CNN's parameters and moments are 1.1 MB.
large=$boards
others=$(printf '%s\n' $large | grep -vx stm32f405)
boards=$others
both cnn --train-batch 1
both mlp --train-batch 2
both siamese --train-batch 2 --steps 1
both small_cnn --train-batch 2 --steps 1
infers mobilenet --set SIZE=32 --set MIDDLE=1
infers resnet18 --set SIZE=32 --set FILTERS=4 --set CLASSES=10
boards=$large
infers axpy
both sine --train-batch 8
# Of biases in front of a batch normalization the gradient is 0 but for rounding, and Adam makes steps of that: none of these is compared.
boards=$others
both resnet --train-batch 4 --steps 0 -- --set SIZE=8
boards=$large
both autoencoder --train-batch 8 --steps 0 -- --set FEATURES=32 --set WIDTH=16 --set DEPTH=2
both ds_cnn --train-batch 1 --steps 0 --limit word=12 -- --set FILTERS=8 --set BLOCKS=1
finish
