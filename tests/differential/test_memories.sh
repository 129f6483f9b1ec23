#!/bin/sh
# SPDX-License-Identifier: MIT
# With --memory a model computes the same bits in each memory, and needs no more of it than was said.
set -u
. tests/tap.sh

model=tests/differential/memories.dl
flags="-std=c11 -O1 -g -Wall -Wextra -Wconversion -Wshadow -Werror -ffp-contract=off -Iruntime"

# builds NAME MEMORIES COMPILER...: its output is NAME.txt. The driver has a struct of each memory, which sanitizers watch the ends of.
builds() {
    name=$1 memories=$2
    shift 2
    mkdir -p "$work/$name" && "$dlc" $model --train --train-batch 7 ${memories:+--memory "$memories"} -o "$work/$name/memories.c" || return 1
    where=$(sed -n 's/^} memories_\(.*\);$/\1/p' "$work/$name/memories.h" | grep -v -e metrics -e params)
    places=$(for one in $where; do printf ', &%s' "$one"; done)
    set -- "$@" ${memories:+"-DWHERE=$(for one in $where; do printf 'OWN(%s) ' "$one"; done)"} "-DPLACES=${places#, }"
    # shellcheck disable=SC2086
    "$@" $flags -I"$work/$name" tests/differential/memories.c "$work/$name/memories.c" -o "$work/$name/program" &&
        "$work/$name/program" >"$work/$name.txt"
}

same() {
    builds "$@" && cmp "$work/plain.txt" "$work/$1.txt"
}

uses() { # uses NAME N: of that many memories
    [ "$(grep -c '_fits' "$work/$1/memories.h")" = "$2" ]
}

# One memory may be as small as what is said to lie in it. What is kept alone, without an arena, is refused, and what is
# in the way is said.
to_the_byte() {
    set -- $("$dlc" $model --train --train-batch 7 --memory one=1M --report | awk '$1 == "one" { print $2, $6 + $7 }')
    builds least "one=$1" tcc && cmp "$work/plain.txt" "$work/least.txt" || return 1
    ! "$dlc" $model --train --train-batch 7 --memory "one=$2" -o "$work/none.c" 2>"$work/said" && [ ! -e "$work/none.c" ] &&
        grep "bytes more are needed; there is no place for " "$work/said"
}

# What is used most by its size lies in the faster memory, whichever name and place in the list it has.
the_fastest_first() {
    for list in a=4K@1,b=64K@9 b=64K@9,a=4K@1 a=4K,b=64K; do
        "$dlc" $model --train --train-batch 7 --memory $list --report --json | python3 -c '
import json, sys
rows = {row["memory"]: row for row in map(json.loads, sys.stdin) if "memory" in row}
a, b = rows["a"], rows["b"]
assert 3500 < a["bytes"] <= a["of_bytes"] == 4096 and b["of_bytes"] == 65536, rows
assert a["accesses"] / a["bytes"] > 2 * b["accesses"] / b["bytes"], rows
for row in rows.values():
    assert row["bytes"] == row["parameter_bytes"] + row["state_bytes"] + row["arena_bytes"], row
assert a["cycles"] < b["cycles"], rows' || return 1
    done
}

in_cpp() {
    printf '#include "memories.h"\nint main() { static memories_fast fast; static memories_slow slow; return memories_init(&fast, &slow, 1); }\n' \
        >"$work/main.cc" && g++ -Wall -Wextra -Werror -Iruntime -I"$work/two" -c "$work/main.cc" -o "$work/main.o"
}

check "structs and an arena" builds plain "" gcc
check "one memory" same one one=64K tcc
check "two memories" same two fast=16K,slow=32K tcc
check "both are used" uses two 2
check "three memories" same three slow=32K@5.5,fast=2K@1,middle=8K@2 clang -fsanitize=address
check "all are used" uses three 3
check "one that is not needed" same unneeded fast=64K,slow=64K tcc
check "it is not there" uses unneeded 1
check "to the byte" to_the_byte
check "the fastest memory has what is used most" the_fastest_first
check "as C++" in_cpp
finish
