#!/usr/bin/env python3
"""Pairs of pictures from MNIST's files, for a siamese network: pairs.py FOLDER OUT writes OUT/{train,test}/{left,right,same}.npy. Every
second pair shows the same digit."""
import os
import random
import struct
import sys


def idx(path):
    with open(path, "rb") as file:
        raw = file.read()
    rank = raw[3]
    shape = struct.unpack(f">{rank}I", raw[4:4 + 4 * rank])
    return shape, raw[4 + 4 * rank:]


def npy(path, shape, raw):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + raw)


def pairs(folder, name, out):
    (n, height, width), images = idx(f"{folder}/{name}-images-idx3-ubyte")
    _, labels = idx(f"{folder}/{name}-labels-idx1-ubyte")
    by_label = {label: [i for i in range(n) if labels[i] == label] for label in set(labels)}
    draw, size = random.Random(1), height * width
    left, right, same = [], [], []
    for i in range(n):
        alike = i % 2
        other = labels[i] if alike else draw.choice([label for label in by_label if label != labels[i]])
        k = draw.choice(by_label[other])
        left.append(images[i * size:(i + 1) * size])
        right.append(images[k * size:(k + 1) * size])
        same.append(alike)
    os.makedirs(out, exist_ok=True)
    npy(f"{out}/left.npy", (n, height, width), b"".join(left))
    npy(f"{out}/right.npy", (n, height, width), b"".join(right))
    # a byte becomes a fraction of 255: 255 is 1
    npy(f"{out}/same.npy", (n,), bytes(255 * alike for alike in same))


pairs(sys.argv[1], "train", f"{sys.argv[2]}/train")
pairs(sys.argv[1], "t10k", f"{sys.argv[2]}/test")
