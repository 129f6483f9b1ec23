#!/bin/sh
. tests/differential/emitted.sh
emitted cnn --train --batch 2 --train-batch 4
