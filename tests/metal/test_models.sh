#!/bin/sh
# The article's CNN and RNN on boards: inference with weights in flash, and training; of the CNN where an emulator does it in two seconds
# rather than seven. targets_models.sh has all of it.
. tests/metal/models.sh

small="--set LENGTH=5 --set VOCABULARY=50 --limit tokens=50"
export METAL_CFLAGS=-O1      # compilers are done sooner
all=$boards
boards=$(printf '%s\n' $all | grep -v rv32imafc)
trains cnn --train-batch 2 --steps 1
boards=$all
infers cnn
infers rnn $small
unset METAL_CFLAGS
trains rnn --train-batch 3 $small
on_boards uses_known_stack_on rnn
finish
