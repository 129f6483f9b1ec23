#!/bin/sh
. tests/differential/emitted.sh
emitted axpy --batch 3
