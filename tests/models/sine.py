#!/usr/bin/env python3
"""Sines to learn: sine.py OUT writes OUT/{train,test}/{x,right}.npy, with x from 0 to 2 pi."""
import math
import os
import struct
import sys


def npy(path, values):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(values)}, 1), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}f", *values))


for part, count in (("train", 1000), ("test", 200)):
    folder = f"{sys.argv[1]}/{part}"
    os.makedirs(folder, exist_ok=True)
    xs = [2 * math.pi * (i + 0.5) / count for i in range(count)]
    npy(f"{folder}/x.npy", xs)
    npy(f"{folder}/right.npy", [math.sin(x) for x in xs])
