#!/bin/sh
. tests/differential/emitted.sh
emitted mlp --train --batch 3 --train-batch 5
