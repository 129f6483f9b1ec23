#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""philox.py > tests/runtime/draws.h: uniform draws as docs/ir.md defines them, written from the paper (Salmon, Moraes, Dror, Shaw:
Parallel random numbers: as easy as 1, 2, 3; SC 2011) and not from runtime/dl_random.h, which has to give the same bits."""


def philox4x32(counter, key):
    """Ten rounds; the key grows by the Weyl constants after each."""
    a, b, c, d = counter
    for r in range(10):
        k0, k1 = (key[0] + r * 0x9E3779B9) % 2**32, (key[1] + r * 0xBB67AE85) % 2**32
        (hi0, lo0), (hi1, lo1) = divmod(0xD2511F53 * a, 2**32), divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = hi1 ^ b ^ k0, lo1, hi0 ^ d ^ k1, lo0
    return [a, b, c, d]


# Lines "philox4x32 10" of tests/kat_vectors in https://github.com/DEShawResearch/random123: counter, key, result.
KNOWN = """
00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1
"""
for line in KNOWN.split("\n")[1:-1]:
    w = [int(x, 16) for x in line.split()]
    assert philox4x32(w[:4], w[4:6]) == w[6:]


def draw(seed, step, salt, index):
    """The upper 24 bits of word index % 4 of block index / 4."""
    return philox4x32([index // 4, salt, step, 0], [seed % 2**32, seed >> 32])[index % 4] >> 8


#          seed                step        salt        first index
STREAMS = [(0,                 0,          0,          0),
           (1,                 1,          0,          0),
           (42,                7,          0x9E3779B9, 0),
           (0xFFFFFFFFFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0),
           (0x0123456789ABCDEF, 0xFFFFFFFF, 0x80000000, 0),
           (2**32,             123456,     1,          0),
           (5,                 3,          77,         2**31 - 10),
           (5,                 3,          77,         2**32 - 21)]
print("/* SPDX-License-Identifier: MIT */\n/* Made by tests/runtime/philox.py; a draw is draw[i] * 2^-24. */")
print("static const struct {\n    uint32_t seed[2], step, salt, first, draw[21];\n} streams[] = {")
for seed, step, salt, first in STREAMS:
    print(f"    {{{{{seed % 2**32:#x}u, {seed >> 32:#x}u}}, {step:#x}u, {salt:#x}u, {first:#x}u,")
    values = [f"{draw(seed, step, salt, first + i):#08x}" for i in range(21)]
    for i in range(0, 21, 7):
        print("     " + ("{" if i == 0 else " ") + ", ".join(values[i:i + 7]) + ("}}," if i == 14 else ","))
print("};")
