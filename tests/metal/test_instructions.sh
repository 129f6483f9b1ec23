#!/bin/sh
# How many instructions each kind of kernel takes on a core, counted: as instructions.txt has it, to one, with the compiler it names, and
# not above what was promised of a Cortex-M4 with FPU.
. tests/tap.sh
. tests/metal/metal.sh
kept=tests/metal/instructions.txt

# A core of each kind of code; `make test-targets` counts on all.
boards="cortex-m4f cortex-m4f-fma rv32imafc"
[ -z "${METAL_BOARDS:-}" ] || boards=$(awk '/^[^#]/ && $1 != "compiler" { print $1 }' $kept | uniq)

# at_most BOARD KERNEL INSTRUCTIONS [CYCLES]: a multiply-accumulate
at_most() {
    awk -v kernel="$2" -v most="$3" -v cycles="${4:-100}" '$2 == kernel { print; fine = $6 <= most && $8 <= cycles } END { exit !fine }' \
        "$work/$1.table"
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
    # Kernel, instructions with VFMA as they are bounded; instructions and cycles with VMUL and VADD as they are, rounded up.
    while read -r kernel bound instructions cycles; do
        check "$kernel with VFMA" at_most cortex-m4f-fma "$kernel" "$bound"
        check "$kernel" at_most cortex-m4f "$kernel" "$instructions" "$cycles"
    done <<END
matmul      2.0  2.8  3.1
pointwise   2.0  2.8  3.1
vector      2.7  3.3  3.8
conv        2.2  2.8  3.0
conv_same   2.2  2.6  2.9
conv_first  2.2  2.9  3.2
depthwise   3.0  2.8  3.1
END
    check "multiplying and adding apart takes fewer cycles" faster
fi
finish
