#!/bin/sh
# SPDX-License-Identifier: MIT
# Examples that take longer to compile than others take to train: they learn, too.
. tests/models/learning.sh

digits() { "$dlc" data digits "$work/digits" --train 2000 --test 500; }

check "digits" digits
check "resnet" learns 0.5 0.5 resnet "$work/digits" --epochs 2 --batch 16 --set SIZE=28 --set CHANNELS=1
check "mobilenet" learns 0.85 0.3 mobilenet "$work/digits" --epochs 4 --batch 16 --set SIZE=28 --set CHANNELS=1 --set CLASSES=10 --set MIDDLE=1
finish
