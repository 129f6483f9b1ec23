#!/bin/sh
# The article's CNN and RNN on boards: inference with weights in flash, and training.
. tests/metal/models.sh

small="--set LENGTH=5 --set VOCABULARY=50 --limit tokens=50"
export METAL_CFLAGS=-O1      # compilers are done sooner
trains cnn --train-batch 2 --steps 1
infers cnn
unset METAL_CFLAGS
trains rnn --train-batch 3 $small
on_boards uses_known_stack_on rnn
infers rnn $small
finish
