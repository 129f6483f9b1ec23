#!/bin/sh
. tests/differential/emitted.sh
emitted_quickly encoder --train --batch 2 --train-batch 3 --set LENGTH=6 --set VOCABULARY=50 --set WIDTH=16 --set BLOCKS=1 --limit tokens=50
