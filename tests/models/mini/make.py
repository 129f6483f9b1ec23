#!/usr/bin/env python3
"""Writes weights.safetensors and batch.safetensors beside itself: uniform numbers from a fixed seed."""
import json
import os
import random
import struct

here = os.path.dirname(os.path.abspath(__file__))
numbers = random.Random(1)


def floats(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return "F32", shape, struct.pack(f"<{count}f", *(numbers.uniform(-1, 1) for _ in range(count)))


def write(name, tensors):
    header, data = {}, b""
    for key, (dtype, shape, raw) in tensors.items():
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(here, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


write("weights.safetensors", {
    "hidden.kernel": floats(6, 8), "hidden.bias": floats(8),
    "classifier.kernel": floats(8, 3), "classifier.bias": floats(3),
})
write("batch.safetensors", {
    "x": floats(8, 6), "label": ("I32", (8,), struct.pack("<8i", *(i % 3 for i in range(8)))),
})
