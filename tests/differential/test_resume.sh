#!/bin/sh
# SPDX-License-Identifier: MIT
# What emitted C has learned can be saved and loaded: training goes on with the same bits, and another model's records are known.
set -u
. tests/tap.sh

emits() { # emits FOLDER MODEL OPTION...
    mkdir -p "$work/$1" && folder=$1 && shift && "$dlc" "$@" --name memories --train --train-batch 5 -o "$work/$folder/memories.c"
}

resumes() {
    emits same tests/differential/memories.dl && "$@" -O1 -Iruntime -I"$work/same" tests/differential/resume.c runtime/dl_store.c \
        "$work/same/memories.c" -o "$work/resume" && "$work/resume"
}

signatures() {
    sed -n 's/^#define MEMORIES_\([A-Z]*\)_SIGNATURE \(0x[0-9A-F]*\)u.*/\1 \2/p' "$work/$1/memories.h"
}

# A layer wider, one renamed, and a batch: all but the last are another network.
differ() {
    sed 's/gru(7,/gru(8,/' tests/differential/memories.dl >"$work/wider.dl" && emits wider "$work/wider.dl" &&
        sed 's/dense(24)/dense(24) as middle/' tests/differential/memories.dl >"$work/renamed.dl" && emits renamed "$work/renamed.dl" &&
        emits larger tests/differential/memories.dl --batch 3 || return 1
    for kind in PARAMS OPTIMIZER; do
        [ "$(for one in same wider renamed larger; do signatures $one; done | grep -c "^$kind")" = 4 ] &&
            [ "$(for one in same wider renamed; do signatures $one; done | grep "^$kind" | sort -u | wc -l)" = 3 ] &&
            [ "$(signatures same | grep "^$kind")" = "$(signatures larger | grep "^$kind")" ] || return 1
    done
    [ "$(signatures same | grep ^STREAM)" != "$(signatures larger | grep ^STREAM)" ]
}

check "training goes on where it was saved, also when that was cut" resumes gcc -std=c11 -Wall -Wextra -Wconversion -Werror
check "signatures differ as networks do" differ
finish
