#!/bin/sh
# How many instructions each kind of kernel takes on a core, counted: as instructions.txt has it, to one, with the compiler it names, and
# not above what was promised of a Cortex-M4 with FPU.
. tests/tap.sh
. tests/metal/metal.sh
kept=tests/metal/instructions.txt

# A core of each kind of code; `make test-targets` counts on all.
boards="cortex-m4f cortex-m4f-fma rv32imafc"
[ -z "${METAL_BOARDS:-}" ] || boards=$(awk '/^[^#]/ && $1 != "compiler" { print $1 }' $kept | uniq)

# at_most KERNEL BOUND: instructions a multiply-accumulate with VFMA
at_most() {
    awk -v kernel="$1" -v bound="$2" '$1 == "cortex-m4f-fma" && $2 == kernel { print; fine = $6 <= bound } END { exit !fine }' \
        "$work/cortex-m4f-fma.table"
}

# By the manual's cycles the M4's own row, which has VMUL and VADD, is the faster one for every kind of contraction.
faster() {
    awk '$4 != "MACs" { next } $1 == "cortex-m4f" { own[$2] = $7 } $1 == "cortex-m4f-fma" && own[$2] >= $7 { print; slow = 1 }
        END { exit slow }' "$work/cortex-m4f.table" "$work/cortex-m4f-fma.table"
}

for board in $boards; do
    if metal_has "$board"; then
        check "$board: counted" tests/metal/count.sh "$board" "$work"
        check "$board: as it was" python3 tests/metal/instructions.py compare $kept "$work/$board.table"
    else
        skip "$board" "its compiler or its emulator is not installed: make setup"
    fi
done
if [ -e "$work/cortex-m4f-fma.table" ]; then
    check "several rows" at_most matmul 2.0
    check "a 1 x 1 convolution" at_most pointwise 2.0
    check "a single row" at_most vector 2.7
    check "a 3 x 3 convolution" at_most conv 2.2
    check "a padded one" at_most conv_same 2.2
    check "one of a single channel" at_most conv_first 2.2
    check "a depthwise convolution" at_most depthwise 3.0
    check "multiplying and adding apart takes fewer cycles" faster
fi
finish
