#!/bin/sh
# SPDX-License-Identifier: MIT
# All that test_cnn.sh tries of the CNN; make test does it quickly.
. tests/differential/emitted.sh
emitted rnn --train --batch 3 --train-batch 5 --set LENGTH=7 --set VOCABULARY=50 --limit tokens=50
