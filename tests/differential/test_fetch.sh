#!/bin/sh
# What tiles fetch that fetch the next block of the right operand: fetch.c counts.
. tests/tap.sh

cat >"$work/fetch.dl" <<'END'
model fetch {
    input image: f32[7, 7, 32]
    output y = image |> conv2d(64, 3, padding = "same", use_bias = false) as conv
}
END

contraction='contraction 1:0/0 7:224/0 7:32/0 64:0/1 sum 3:224/6144(1*1+1-1<7) 3:32/2048(2*1+1-1<7) 32:1/64'

fetches() { # fetches K_OUTER TAPS ROWS
    printf 'function infer\n%s = row_axis 2 row_axes 1 rows 7 lanes 4 columns 8 outside 0 k_split 2 k_block %d k_outer %d prefetch 4\n' "$contraction" "$3" "$1" >"$work/s" &&
        $dlc "$work/fetch.dl" --target x86-64 --schedule "$work/s" -o "$work/emitted.c" --name fetch &&
        sed 's/DL_PREFETCH(/fetched(/' "$work/emitted.c" >"$work/fetch_emitted.c" && grep -q 'fetched(' "$work/fetch_emitted.c" &&
        ${CC:-cc} -Wall -Iruntime -I"$work" tests/differential/fetch.c -o "$work/fetch" && "$work/fetch" "$2" "$3"
}

if [ "$(uname -m)" = x86_64 ]; then
    check "a block of all taps is fetched while the one before it is multiplied" fetches 0 9 8
    check "so is one of a row of taps, also where the next row begins" fetches 1 3 16
else
    skip "what tiles fetch" "no x86-64"
fi
finish
