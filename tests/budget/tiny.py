#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MLPerf Tiny's four networks, counted twice: here, by the formulas of their layers, and by dlc.   usage: tiny.py DLC FOLDER [--write] PAGE

Fails where the two differ, where an arena is larger than it should be, or where the table in PAGE says something else; --write
writes it anew. FOLDER is for what dlc writes. Without arm-none-eabi-gcc the sizes of code are left as they are; they may differ by a
tenth, since they change with all that is written. Layers: github.com/mlcommons/tiny, benchmark/training, the Keras models of each task.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys

ARM = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os", "-ffp-contract=fast",
       "-fno-math-errno", "-fno-trapping-math", "-ffreestanding", "-Iruntime"]
HEAD = ["network", "parameters", "MACs", "constants, bytes", "code, bytes", "largest live activations", "arena", "least arena", "for so many MACs more"]


class Net:
    """Parameters (running statistics among them), multiply-accumulates, and the most bytes of activations that must be there at once
    where each layer reads a whole tensor and writes another. The network's input is the caller's."""
    def __init__(self, *shape):
        self.shape, self.parameters, self.macs, self.live, self.held, self.first = shape, 0, 0, 0, 0, True

    def bytes(self, shape):
        size = 4
        for n in shape:
            size *= n
        return size

    def becomes(self, *shape):
        self.live = max(self.live, self.held + (0 if self.first else self.bytes(self.shape)) + self.bytes(shape))
        self.shape, self.first = shape, False
        return self

    def conv(self, filters, size, stride=1, depthwise=False):
        (h, w, c), (kh, kw) = self.shape, size
        h, w = -(-h // stride), -(-w // stride)             # "same"
        each = kh * kw * (1 if depthwise else c)            # products of one result
        self.parameters += each * filters + filters
        self.macs += h * w * filters * each
        return self.becomes(h, w, filters)

    def depthwise(self, stride=1):
        return self.conv(self.shape[2], (3, 3), stride, True)

    def norm(self):
        self.parameters += 4 * self.shape[-1]               # gamma, beta, mean, variance
        return self

    def dense(self, units):
        self.parameters += self.shape[-1] * units + units
        self.macs += self.shape[-1] * units
        return self.becomes(units)

    def pool(self):
        return self.becomes(self.shape[2])


def ds_cnn():
    n = Net(49, 10, 1).conv(64, (10, 4), 2).norm()
    for _ in range(4):
        n.depthwise().norm().conv(64, (1, 1)).norm()
    return n.pool().dense(12)


def mobilenet():
    n = Net(96, 96, 3).conv(8, (3, 3), 2).norm()
    for filters, stride in [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + 5 * [(128, 1)] + [(256, 2), (256, 1)]:
        n.depthwise(stride).norm().conv(filters, (1, 1)).norm()
    return n.pool().dense(2)


def resnet():
    n = Net(32, 32, 3).conv(16, (3, 3)).norm()
    for filters, stride in [(16, 1), (32, 2), (64, 2)]:
        shape = n.shape
        n.conv(filters, (3, 3), stride).norm()
        n.held = n.bytes(shape)
        n.conv(filters, (3, 3)).norm()
        n.held = 0
        if stride > 1:
            beside = Net(*shape).conv(filters, (1, 1), stride)
            n.parameters, n.macs = n.parameters + beside.parameters, n.macs + beside.macs
    return n.pool().dense(10)


def autoencoder():
    n = Net(640)
    for units in 4 * [128] + [8] + 4 * [128]:
        n.dense(units).norm()
    return n.dense(640)


# What others count: parameters as Keras's summary() of the reference models says.
NETS = {"ds_cnn": (ds_cnn, 24908), "mobilenet": (mobilenet, 221794), "resnet": (resnet, 78666), "autoencoder": (autoencoder, 269992)}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weights(dlc, model, path):
    """A file of weights that are no zeros; the compiler must not know them to be alike."""
    tensors, data = {}, b""
    for name, shape in re.findall(r"^ +(\S+): f32\[([\d, ]+)\] (?:param|state) ", run(dlc, "ir", model, "--after", "elaborate", "-f", "infer"), re.M):
        dims = [int(n) for n in shape.split(",")]
        count = Net().bytes(dims) // 4
        tensors[name] = {"dtype": "F32", "shape": dims, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *(0.5 + (i * 7919 % 1009) / 2048 for i in range(count)))
    head = json.dumps(tensors).encode()
    open(path, "wb").write(struct.pack("<Q", len(head)) + head + data)
    return len(data)


def report(dlc, model, out, *options):
    lines = [json.loads(line) for line in run(dlc, model, "-o", out, "--report", "--json", *options).splitlines()]
    total = next(line for line in lines if line.get("function") == "infer" and line.get("total"))
    return total, sum(line.get("more_macs", 0) for line in lines)


def least(dlc, model, out, *options):
    """The arena of the smallest plan dlc finds, as it says when asked for the impossible."""
    said = subprocess.run([dlc, model, "-o", out, "--ram", "16", *options], capture_output=True, text=True).stderr
    return int(re.search(r"infer needs (\d+) bytes", said).group(1))


def measure(dlc, folder, name, net, published):
    model, out, file = f"dsl_examples/{name}.dl", f"{folder}/{name}.c", f"{folder}/{name}.safetensors"
    stored = weights(dlc, model, file)          # of which inference keeps less: constant_bytes
    plain, _ = report(dlc, model, out, "--weights", file)
    code = None
    if shutil.which(ARM[0]):
        run(*ARM, "-c", out, "-o", out + ".o")
        code = int(run("arm-none-eabi-size", out + ".o").splitlines()[1].split()[0]) - plain["constant_bytes"]
    smallest = least(dlc, model, out, "--weights", file)
    small, more = report(dlc, model, out, "--weights", file, "--ram", str(smallest))
    wrong = [text for bad, text in (
        (net.parameters != published, f"{net.parameters} parameters by these formulas, {published} published"),
        (4 * net.parameters != stored, f"{net.parameters} parameters by these formulas, {stored // 4} by dlc"),
        (net.macs != plain["macs"], f"{net.macs} MACs by these formulas, {plain['macs']} by dlc"),
        (plain["arena_bytes"] > net.live or smallest > net.live, f"arenas of {plain['arena_bytes']} and {smallest} bytes, and no more than {net.live} must be live"),
        (len(net.shape) == 1 and name != "autoencoder" and smallest > 0.65 * net.live, f"rows save nothing: {smallest}"),
        (small["arena_bytes"] > smallest, f"{smallest} bytes were promised, {small['arena_bytes']} are taken")) if bad]
    for text in wrong:
        print(f"{name}: {text}")
    return [name, net.parameters, net.macs, plain["constant_bytes"], code, net.live, plain["arena_bytes"], small["arena_bytes"],
            f"{100 * more / net.macs:.1f} %"], not wrong


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def text_of(cell):
    return f"{cell:,}".replace(",", " ") if isinstance(cell, int) else str(cell)


def agrees(said, is_now):
    """A table's row with what is so now; the size of code nearly."""
    for i, (x, y) in enumerate(zip(said, is_now)):
        if HEAD[i].startswith("code"):
            if y is not None and not 0.9 * y < int(x.replace(" ", "")) < 1.1 * y:
                return False
        elif x != text_of(y):
            return False
    return len(said) == len(is_now)


def main(dlc, folder, *rest):
    write, page = rest[0] == "--write", rest[-1]
    os.makedirs(folder, exist_ok=True)
    text, rows, good = open(page, encoding="utf-8").read(), [], True
    for name, (make, published) in NETS.items():
        row, fine = measure(dlc, folder, name, make(), published)
        rows.append(row)
        good = good and fine
    head = "| " + " | ".join(HEAD) + " |\n"
    start = text.index(head)
    end = text.index("\n\n", start) + 1
    said = [cells(line) for line in text[start:end].splitlines()[2:]]
    if write:
        table = head + "|---" + "|---:" * (len(HEAD) - 1) + "|\n"
        table += "".join("| " + " | ".join(text_of(cell) for cell in row) + " |\n" for row in rows)
        open(page, "w", encoding="utf-8").write(text[:start] + table + text[end:])
    elif len(said) != len(rows) or not all(map(agrees, said, rows)):
        good = False
        print(f"{page} says otherwise (make {page}):", *rows, sep="\n")
    return 0 if good else 1


sys.exit(main(*sys.argv[1:]))
