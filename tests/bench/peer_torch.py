# SPDX-License-Identifier: MIT
"""`peer_torch.py MODEL infer|train BATCH THREADS` is to PyTorch what calls.c is to dlc: the same lines go in and come out. It tries
the ways PyTorch can be told to work, and goes on with the fastest. `peer_torch.py --export MODEL BATCH FILE.onnx` writes a model
for other engines instead."""
import ctypes
import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):     # read when the libraries are loaded
    os.environ.setdefault(variable, sys.argv[4] if len(sys.argv) > 4 and sys.argv[1] != "--export" else "1")
with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpu:      # OpenBLAS knows processors by number, and takes one
    if "avx512vl" in cpu.read():                                            # younger than itself for a Prescott: nine times as slow
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")

import torch
from torch import nn

import peer_models

clock = time.perf_counter_ns if os.environ.get("BENCH_CLOCK") == "wall" else time.process_time_ns


def keep_heap():
    """Large tensors stay mapped: much faster than faulting them in at every step."""
    libc = ctypes.CDLL(None)
    for what, value in ((-4, 0), (-1, 2 ** 31 - 1), (-2, 2 ** 28)):    # mmap_max, trim_threshold, top_pad
        libc.mallopt(what, value)


def channels_last(x, way):
    return x.to(memory_format=torch.channels_last) if "channels_last" in way else x


def inference(name, batch, way):
    make, inputs, classes = peer_models.MODELS[name]
    model, x = make(), channels_last(inputs(batch), way)
    model = channels_last(nn.Sequential(model, nn.Softmax(dim=-1)) if classes else model, way).eval()
    if "jit" in way:
        model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
    return lambda: model(x)


def training(name, batch, way):
    make, inputs, classes = peer_models.MODELS[name]
    x = channels_last(inputs(batch), way)
    model = channels_last(make(), way).train()
    target = torch.randint(0, classes, (batch,)) if classes else x
    loss_of = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7, foreach="foreach" in way)
    if "jit" in way:
        model = torch.jit.trace(model, x)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(x), target).backward()
        optimizer.step()
    return step


WAYS = {
    "infer": [(), ("channels_last",), ("jit",), ("channels_last", "jit")],
    "train": [("foreach",), ("foreach", "jit"), ("foreach", "channels_last"), ("foreach", "channels_last", "jit")],
}


def measure(step, milliseconds):
    """The least and the median time of a call, in samples long enough for the clock."""
    begin = clock()
    step()
    inner, took = int(1e5 / max(clock() - begin, 1)) + 1, []
    while not took or clock() - begin < milliseconds * 1e6:
        start = clock()
        for _ in range(inner):
            step()
        took.append((clock() - start) * 1e-6 / inner)
    return min(took), sorted(took)[len(took) // 2]


def best(name, what, batch):
    """The fastest way's step, and the way's name."""
    found = []
    for way in WAYS[what]:
        if "channels_last" in way and peer_models.MODELS[name][1](1).dim() != 4:
            continue
        step = (inference if what == "infer" else training)(name, batch, way)
        for _ in range(4):
            step()      # the second call of a traced model compiles it
        found.append((measure(step, 150)[0], len(found), " ".join(way) or "eager", step))
    return min(found)[2:]


def export(name, batch, path):
    from torch.nn.utils.fusion import fuse_linear_bn_eval
    make, inputs, classes = peer_models.MODELS[name]
    model = nn.Sequential(make(), nn.Softmax(dim=-1)) if classes else nn.Sequential(make())
    model.eval()
    for part in model.modules():
        layers = list(part._modules.items()) if isinstance(part, nn.Sequential) else []
        for (a, dense), (b, norm) in zip(layers, layers[1:]):   # the exporter does so for convolutions alone
            if isinstance(dense, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                part._modules[a], part._modules[b] = fuse_linear_bn_eval(dense, norm), nn.Identity()
    torch.onnx.export(model, (inputs(batch),), path, opset_version=14, input_names=["x"], output_names=["y"])


def main():
    keep_heap()
    torch.manual_seed(1)
    if sys.argv[1] == "--export":
        export(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    name, what, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    with torch.inference_mode(what == "infer"):
        way, step = best(name, what, batch)
        print(json.dumps({"version": torch.__version__, "way": way, "parameters": peer_models.parameters(peer_models.MODELS[name][0]())}),
              flush=True)
        for line in sys.stdin:
            print("%.6f %.6f" % measure(step, float(line)), flush=True)


main()
