#!/bin/sh
# SPDX-License-Identifier: MIT
# All that test_cnn.sh tries of the CNN; make test does it quickly.
. tests/differential/emitted.sh
emitted encoder --train --batch 2 --train-batch 3 --set LENGTH=6 --set VOCABULARY=50 --set WIDTH=16 --set BLOCKS=1 --limit tokens=50
