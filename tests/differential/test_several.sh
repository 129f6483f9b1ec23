#!/bin/sh
. tests/differential/emitted.sh
emitted_quickly several --train --batch 2 --train-batch 5 --limit class=3 --limit label=3
