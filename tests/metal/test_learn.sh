#!/bin/sh
# SPDX-License-Identifier: MIT
# Networks learn on the STM32F405, in its two memories: a little of what targets_learn.sh does.
. tests/metal/learn.sh

# shellcheck disable=SC2046
learns learn_cnn learn_cnn 8 tests/metal/learn_cnn.c $(digits 48 16) 1
learns learn_gru net 8 tests/metal/learn_sequence.c 60
learns learn_attention net 4 tests/metal/learn_sequence.c 100
finish
