#!/bin/sh
# Every example of sequences, at sizes that soft floats get done with, on every board: `make test-targets`.
. tests/metal/models.sh
METAL_LIMIT=900
export METAL_LIMIT

small="--limit tokens=50 --set VOCABULARY=50"
boards=$(printf '%s\n' $boards | grep -vx stm32f405)     # they do not fit there
both rnn --train-batch 2 -- --set LENGTH=4 $small
both attention --train-batch 2 -- --set LENGTH=4 $small
both encoder --train-batch 2 -- --set LENGTH=6 --set WIDTH=16 --set BLOCKS=1 $small
both gru_attention --train-batch 2 -- --set LENGTH=4 $small
both transformer --train-batch 2 --limit next=256 -- --set LENGTH=6 --set WIDTH=16 --set BLOCKS=1 --limit tokens=256
finish
