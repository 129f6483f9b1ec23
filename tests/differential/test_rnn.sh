#!/bin/sh
. tests/differential/emitted.sh
emitted_quickly rnn --train --batch 3 --train-batch 5 --set LENGTH=7 --set VOCABULARY=50 --limit tokens=50
