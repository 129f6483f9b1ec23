#!/usr/bin/env python3
"""What icount.c counted, by kernel: instructions, and cycles by the timing table of the core's manual.

    instructions.py table TARGET WORK COUNTS     lines of instructions.txt; WORK has lines `KERNEL N UNIT`, MACs or elements
    instructions.py compare KEPT FRESH           one target's fresh lines (with its line `compiler NAME VERSION`) against the file
"""
import sys

# Cycles of an instruction: (of one, of each register it lists, of each that the plugin found paired). Sources:
#   Cortex-M4: "Cortex-M4 Technical Reference Manual" (ARM DDI 0439), tables 3-1 and 7-1, and 3.3.2 on pairs: a load or a store behind
#   another begins while that ends, which is taken to hold for those of floats as well. Floating-point arithmetic whose result the next
#   instruction needs takes one cycle more (below table 7-1).
#   Cortex-M3: "Cortex-M3 Technical Reference Manual" r2p1 (ARM DDI 0337I), table 3-1.
#   Cortex-M0+: "Cortex-M0+ Technical Reference Manual" r0p1 (ARM DDI 0484C), table 3-1, with the fast multiplier.
# A taken branch refills the pipeline in 1 to 3 cycles on an M3 or M4: 2 is taken here. All memory answers at once.
# Arm publishes no such table for the Cortex-M7, and there is none for RISC-V as such: no cycles are given.
REFILL = 2
M3 = {
    "branch": (1, 0, REFILL), "list": (1, 1, 0), "load": (2, 0, -1), "store": (1, 0, 0), "divide": (6, 0, 0), "long": (4, 0, 0),
    "add-multiply": (2, 0, 0), "": (1, 0, 0),
}
M4 = dict(M3, **{
    "long": (1, 0, 0), "add-multiply": (1, 0, 0), "vload": (2, 0, -1), "vstore": (2, 0, -1), "fused": (3, 0, 1), "vdivide": (14, 0, 1),
    "": (1, 0, 1),
})
M0PLUS = {"branch": (1, 0, 1), "list": (1, 1, 0), "load": (2, 0, 0), "store": (2, 0, 0), "": (1, 0, 0)}
CORES = {"cortex-m0plus": M0PLUS, "cortex-m3": M3, "cortex-m4f": M4, "cortex-m4f-fma": M4}
KINDS = [
    ("fused", "vfma vfms vfnma vfnms vmla vmls vnmla vnmls"), ("vdivide", "vdiv vsqrt"), ("list", "vldm vstm vpush vpop ldm stm push pop"),
    ("vload", "vldr"), ("vstore", "vstr"), ("load", "ldr"), ("store", "str"), ("divide", "sdiv udiv"), ("long", "umull smull umlal smlal"),
    ("add-multiply", "mla mls"), ("branch", "b bl bx blx cbz cbnz tbb tbh " + " ".join(
        "b" + c for c in "eq ne cs cc hs lo mi pl vs vc hi ls ge lt gt le".split())),
]
TOLERANCE = 0.03    # with another version of the compiler


def kind_of(mnemonic, table):
    name = mnemonic.split("/")[0].split(".")[0]
    for kind, names in KINDS:
        for known in names.split():
            whole = kind == "branch" or known in ("mla", "mls")
            if kind in table and (name == known if whole else name.startswith(known)):
                return kind
    return ""


def cycles_of(mnemonic, n, paired, table):
    registers = int(mnemonic.split("/")[1]) if "/" in mnemonic else 0
    one, each, more = table[kind_of(mnemonic, table)]
    return n * (one + each * registers) + paired * more


def print_table(target, work_path, counts_path):
    work = [line.split() for line in open(work_path, encoding="utf-8")]
    instructions, cycles = {}, {}
    for line in open(counts_path, encoding="utf-8"):
        kernel, _, mnemonic, n, paired = line.split()
        instructions[kernel] = instructions.get(kernel, 0) + int(n)
        if target in CORES:
            cycles[kernel] = cycles.get(kernel, 0) + cycles_of(mnemonic, int(n), int(paired), CORES[target])
    for kernel, units, unit in work:
        units, n, c = int(units), instructions[kernel], cycles.get(kernel)
        print(f"{target:15} {kernel:14} {units:7} {unit:8} {n:9} {n / units:7.2f}", *([f"{c:9} {c / units:7.2f}"] if c else []))


def rows_of(path, target=None):
    rows, compilers = {}, set()
    for line in open(path, encoding="utf-8"):
        words = line.split()
        if words and words[0] == "compiler":
            compilers.add(" ".join(words))
        elif words and words[0] != "#":
            rows[words[0], words[1]] = words[2:]
    return {key: row for key, row in rows.items() if target in (None, key[0])}, compilers


def compare(kept_path, fresh_path):
    fresh, compiler = rows_of(fresh_path)
    target = next(iter(fresh))[0]
    kept, compilers = rows_of(kept_path, target)
    tolerance = 0 if compiler <= compilers else TOLERANCE
    print(f"{'the same compiler' if not tolerance else 'another compiler'}: instructions may differ by {tolerance:.0%}")
    wrong = set(kept) ^ set(fresh)
    for key in sorted(set(kept) & set(fresh)):
        was, now = int(kept[key][2]), int(fresh[key][2])
        if abs(now - was) > tolerance * was or kept[key][:2] != fresh[key][:2]:
            print(*key, "was", *kept[key][:4], "and is", *fresh[key][:4])
            wrong.add(key)
    for key in sorted(set(kept) ^ set(fresh)):
        print(*key, "is in one of them alone")
    return 1 if wrong else 0


if sys.argv[1] == "table":
    print_table(*sys.argv[2:])
else:
    sys.exit(compare(*sys.argv[2:]))
