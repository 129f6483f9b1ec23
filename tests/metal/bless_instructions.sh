#!/bin/sh
# Writes tests/metal/instructions.txt anew: `make instructions`.
set -eu
folder=${BUILD:-build}/counts
boards="cortex-m4f cortex-m4f-fma cortex-m7 cortex-m3 cortex-m0plus rv32imafc rv32imac"
rm -rf "$folder"
for board in $boards; do
    tests/metal/count.sh "$board" "$folder"
done
cat <<'END'
# What kernels.dl takes on a core: instructions that QEMU executed, counted by icount.c, everything from the call of MODEL_infer on, with
# its bias. Cycles are by the timing tables of Arm's manuals, which instructions.py has; there is none for the Cortex-M7 and RISC-V. A padded
# convolution's MACs count the padding, of which none are made.
# Written by `make instructions`; test_instructions.sh compares.
END
cat "$folder"/*.table | grep '^compiler' | sort -u
echo "# target        kernel            work           instructions  each     cycles    each"
for board in $boards; do
    grep -v '^compiler' "$folder/$board.table"
done
