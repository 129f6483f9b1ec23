# SPDX-License-Identifier: MIT
"""How near each kind of kernel comes to what the machine can do: contractions to the peak of multiply-adds, others to how fast what they read
and write could be read, once. Figures that fall below half of what they were fail. A busy machine is given time: the best of
many short runs counts, taken in turn with the probe of the machine."""
import json
import os
import subprocess
import sys
import time

BUILD = os.environ.get("BUILD", "build")
PEAK, READ = "of the peak", "of reading"
TRIES = 40

# The model of floors.dl, the call, its batch; of what it is a fraction; the least there may be: half of what it was on a busy
# machine with AVX-512. Whoever makes a kind faster raises its limit.
FLOORS = [
    ("matmul", "infer", 1, PEAK, 0.38),
    ("conv", "infer", 1, PEAK, 0.46),
    ("conv_stem", "infer", 1, PEAK, 0.44),
    ("conv_strided", "infer", 1, PEAK, 0.44),
    ("depthwise", "infer", 1, PEAK, 0.3),
    ("conv_few_filters", "infer", 1, PEAK, 0.28),
    ("depthwise_few_channels", "infer", 1, PEAK, 0.28),
    ("conv_input_gradient", "infer", 1, PEAK, 0.4),
    ("strided_input_gradient", "infer", 1, PEAK, 0.31),
    ("conv_kernel_gradient", "train", 8, PEAK, 0.42),
    ("depthwise_kernel_gradient", "train", 8, PEAK, 0.19),
    ("grouped", "infer", 1, PEAK, 0.44),
    ("grouped_kernel_gradient", "train", 8, PEAK, 0.38),
    ("few_channels_a_group", "infer", 1, PEAK, 0.33),
    ("few_channels_kernel_gradient", "train", 8, PEAK, 0.23),
    ("lstm_steps", "infer", 32, PEAK, 0.27),
    ("attention_heads", "infer", 1, PEAK, 0.19),
    ("gemv", "infer", 1, READ, 0.5),
    ("softmax_rows", "infer", 1, READ, 0.048),
    ("softmax_odd_rows", "infer", 1, READ, 0.045),
    ("group_norm_groups", "infer", 1, READ, 0.048),
    ("layer_norm_rows", "infer", 1, READ, 0.13),
    ("max_pool", "infer", 1, READ, 0.32),
    ("max_pool_gradient", "infer", 1, READ, 0.15),
    ("transposed", "infer", 1, READ, 0.17),
    ("element_wise", "infer", 1, READ, 0.42),
    ("batch_norm_step", "train", 8, READ, 0.075),
    ("adam_step", "train", 1, READ, 0.165),
]


class Answering:
    """A process that answers each line with one."""
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(model, what, batch, of, limit, probe):
    """The best fraction: of three tries, or of more until it is no less than the limit. None where it does not run."""
    calls = Answering(BUILD + "/bench/calls", "tests/bench/floors.dl:" + model, what, str(batch), "cc")
    line = calls.process.stdout.readline()
    if not line:
        return None
    facts = json.loads(line)
    kib, best, fastest = str(facts["bytes"] // 1024), 0, 1e30
    for attempt in range(TRIES):
        peak, _, read = probe.ask("0 0 " + kib)
        best = max(best, peak if of == PEAK else read)
        fastest = min(fastest, calls.ask("8")[0])
        fraction = (2e-6 * facts["macs"] if of == PEAK else 1e-6 * facts["bytes"]) / fastest / best
        if attempt >= 2 and fraction >= limit:
            break
        if attempt >= 2:
            time.sleep(0.05)
    calls.close()
    return fraction


def main():
    probe, failed, names = Answering(BUILD + "/bench/peak", "-"), 0, sys.argv[1:]
    rows = [row for row in FLOORS if not names or row[0] in names]
    for number, (model, what, batch, of, limit) in enumerate(rows, 1):
        fraction = measure(model, what, batch, of, limit, probe)
        good = fraction is not None and fraction >= limit
        failed += not good
        print("%s %d - %s %s %s, at least %g" % ("ok" if good else "not ok", number, model, "%.3f" % fraction if fraction else "-", of, limit), flush=True)
    probe.close()
    print("1..%d" % len(rows))
    sys.exit(failed > 0)


main()
