#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make.py FAMILY...: writes cases/FAMILY.dl and cases/FAMILY.safetensors. Needs PyTorch, NumPy and SciPy; the tests need what it
wrote alone. The first line of the .dl is a checksum of FAMILY.py, by which the tests know that it was run."""
import hashlib
import importlib
import json
import os
import struct
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))


def write_safetensors(path, tensors):
    header, data = {}, b""
    for key, x in tensors.items():
        x = np.array(x, dtype="<i4" if x.dtype.kind in "iu" else "<f4")
        header[key] = {"dtype": "I32" if x.dtype.kind == "i" else "F32", "shape": list(x.shape),
                       "data_offsets": [len(data), len(data) + x.nbytes]}
        data += x.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write(name):
    import case
    module = importlib.import_module(name)
    cases = case.family(module)
    names = [c.name for c in cases]
    assert cases and len(set(names)) == len(names), f"{name}: no cases, or two of one name"
    with open(os.path.join(here, f"{name}.py"), "rb") as file:
        checksum = hashlib.sha256(file.read()).hexdigest()
    head = f"# {checksum} {name}.py\n# Written by make.py: `make reference`. Each model is a case, and its numbers stand in {name}.safetensors.\n"
    with open(os.path.join(here, "cases", f"{name}.dl"), "w") as file:
        file.write("\n".join([head + getattr(module, "HEAD", "")] + [c.text for c in cases]))
    tensors = {}
    for c in cases:
        for kind, arrays in ("given", c.given), ("expected", c.expected):
            for key, x in arrays.items():
                tensors[f"{c.name}/{kind}/{key}"] = x
    for key, x in tensors.items():
        assert np.all(np.isfinite(x)) or key.startswith("infinite/"), f"{key} is not finite"
    write_safetensors(os.path.join(here, "cases", f"{name}.safetensors"), tensors)
    print(f"{name}: {len(cases)} cases")


sys.path.insert(0, here)
for argument in sys.argv[1:]:
    write(argument)
