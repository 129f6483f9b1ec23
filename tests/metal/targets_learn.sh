#!/bin/sh
# SPDX-License-Identifier: MIT
# Networks learn on the STM32F405, in its two memories: the CNN from 2000 digits, and recognizes 93 % of 1000 others.
. tests/metal/learn.sh
METAL_LIMIT=1800 here=-O2
export METAL_LIMIT

# shellcheck disable=SC2046
learns learn_cnn learn_cnn 8 tests/metal/learn_cnn.c $(digits 2000 1000) 6 2000 93
learns learn_gru net 8 tests/metal/learn_sequence.c 500
learns learn_attention net 4 tests/metal/learn_sequence.c 500
for name in learn_cnn learn_gru learn_attention; do
    sed 's/^/# /' "$work/$name/report" "$work/$name/there.txt"
done
finish
