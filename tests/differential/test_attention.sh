#!/bin/sh
. tests/differential/emitted.sh
emitted_quickly attention --train --batch 3 --train-batch 5 --set LENGTH=9 --set VOCABULARY=50 --limit tokens=50
