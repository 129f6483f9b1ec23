#!/usr/bin/env python3
"""Continue a text with a trained transformer, the most likely byte each time: continue.py DLC MODEL.dl WEIGHTS TEXT LENGTH N ARGUMENTS...
The first LENGTH bytes of TEXT are given; fails unless the N bytes that follow are the text's own."""
import json
import struct
import subprocess
import sys

dlc, model, weights, path = sys.argv[1:5]
length, wanted = int(sys.argv[5]), int(sys.argv[6])
with open(path, "rb") as file:
    text = file.read()[:length + wanted]


def most_likely_after(tokens):
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': (1, {length}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(weights + ".npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{length}i", *tokens))
    line = subprocess.run([dlc, "run", model, "--weights", weights, "--input", weights + ".npy", "--json", *sys.argv[7:]],
                          check=True, capture_output=True, text=True).stdout
    probs = json.loads(line)["probs"]
    return probs.index(max(probs))


said = list(text[:length])
for _ in range(wanted):
    said.append(most_likely_after(said[-length:]))
print(bytes(said).decode(errors="replace"))
sys.exit(bytes(said) != text)
