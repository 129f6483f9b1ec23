# SPDX-License-Identifier: MIT
"""The models that are measured, and the bounds their times are compared with."""
from collections import namedtuple

# file; sizes: constants given other values; most: the largest batch; recurrent: a loop over time; streams: one example's inference is
# bound by how fast its weights are read, not by arithmetic; aims: inference of 1 faster than the best peer by, of its bound,
# training faster by, of its bound.
Model = namedtuple("Model", "file sizes most recurrent streams aims")
FULL, FEW = {"infer": 1000, "train": 1000}, {"infer": 1000, "train": 8}
ENCODER = {"LENGTH": 128, "WIDTH": 128, "DROPOUT": 0, "SMOOTH": "false"}

MODELS = {
    "cnn": Model("dsl_examples/cnn.dl", {}, FULL, False, False, (1.3, 0.90, 2.0, 0.72)),
    "rnn": Model("dsl_examples/rnn.dl", {}, FULL, True, True, (1.5, 0.85, 3.5, 0.65)),
    "attn": Model("dsl_examples/attention.dl", {}, FULL, True, True, (1.7, 0.80, 3.3, 0.60)),
    "encoder": Model("dsl_examples/encoder.dl", ENCODER, FULL, False, False, (1.5, 0.80, 1.6, 0.75)),
    "resnet8": Model("dsl_examples/resnet.dl", {}, FULL, False, False, (1.15, 0.87, 1.7, 0.72)),
    "dscnn": Model("dsl_examples/ds_cnn.dl", {"DROPOUT": 0}, FULL, False, False, (1.6, 0.80, 3.2, 0.60)),
    "mobilenet": Model("dsl_examples/mobilenet.dl", {}, FULL, False, False, (1.6, 0.78, 3.0, 0.55)),
    "autoencoder": Model("dsl_examples/autoencoder.dl", {}, FULL, False, True, (1.1, 0.80, 4.5, 0.45)),
    "resnet18": Model("dsl_examples/resnet18.dl", {}, FEW, False, False, (1.05, 0.85, 1.15, 0.75)),
}


def bound_seconds(facts, peak, read):
    """The multiply-accumulates at the peak, in GFLOP/s; and the same, where a contraction that takes longer to read its weights takes that
    long: read has the GB/s of arrays of so many KiB."""
    def at_peak(macs):
        return 2e-9 * macs / peak
    rest, stream = facts["macs"], 0
    for s in facts["streams"]:
        gb = read.get(s["among"] // 1024)
        rest -= s["times"] * s["macs"]
        stream += s["times"] * max(at_peak(s["macs"]), 1e-9 * s["bytes"] / gb if gb else 0)
    return at_peak(facts["macs"]), stream + at_peak(max(rest, 0))
