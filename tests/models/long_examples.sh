#!/bin/sh
# SPDX-License-Identifier: MIT
# An example that takes longer to compile than all of test_examples.sh takes to train: it learns, too.
. tests/models/learning.sh

digits() { "$dlc" data digits "$work/digits" --train 2000 --test 500; }

check "digits" digits
check "mobilenet" learns 0.85 0.3 mobilenet "$work/digits" --epochs 4 --batch 16 --set SIZE=28 --set CHANNELS=1 --set CLASSES=10 --set MIDDLE=1
finish
