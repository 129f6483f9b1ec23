# SPDX-License-Identifier: MIT
"""Metrics: keras/src/metrics (Keras 3): accuracy_metrics.py, confusion_metrics.py, f_score_metrics.py, iou_metrics.py."""
import numpy as np
import torch

from case import layer, metric

SCORES = np.array([[0.1, 0.9, 0.4], [0.7, 0.2, 0.5], [0.6, 0.8, 0.3], [0.505, 0.3, 0.495], [0.05, 0.6, 0.99]])
TRUTH = np.array([[0.0, 1, 1], [1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]])


@metric("accuracy(x, label)", x=(5,), ints={"label": ((), 5)}, batch=9)
def accuracy(x, label):
    return (x.argmax(-1) == label).double().mean()


@layer("accuracy(x, label)", x=(2, 3), ints={"label": ((2,), 3)}, gradients=False)
def accuracy_over_time(x, label):
    return (x.argmax(-1) == label).double()


@metric("categorical_accuracy(x, t)", x=(4,), t=(4,), batch=9)
def categorical_accuracy(x, t):
    return (x.argmax(-1) == t.argmax(-1)).double().mean()


@metric("binary_accuracy(x, t)", x=SCORES, t=TRUTH)
def binary_accuracy(x, t):
    return ((x > 0.5).double() == t).double().mean()


@metric("binary_accuracy(x, t, threshold = 0)", x=SCORES - 0.4, t=TRUTH)
def binary_accuracy_logits(x, t):
    return ((x > 0).double() == t).double().mean()


@metric("top_k_accuracy(x, label, k = 3)", x=(6,), ints={"label": ((), 6)}, batch=9)
def top_k_accuracy(x, label):
    return (x.topk(3)[1] == label[:, None]).any(-1).double().mean()


@metric("top_k_accuracy(x, label)", x=(7,), ints={"label": ((), 7)}, batch=9)
def top_5_accuracy(x, label):
    return (x.topk(5)[1] == label[:, None]).any(-1).double().mean()


@layer("top_k_accuracy(x, label, k = 2)", x=(3, 4), ints={"label": ((3,), 4)}, gradients=False)
def top_k_accuracy_over_time(x, label):
    return (x.topk(2)[1] == label[..., None]).any(-1).double()


def counts(x, t, threshold):
    p = x > threshold
    return (p & (t == 1)).sum().item(), (p & (t == 0)).sum().item(), (~p & (t == 1)).sum().item()


@metric("precision(x, t)", x=SCORES, t=TRUTH)
def precision(x, t):
    tp, fp, fn = counts(x, t, 0.5)
    return tp / (tp + fp)


@metric("precision(x, t, threshold = 2)", x=SCORES, t=TRUTH)
def precision_of_nothing(x, t):
    return 0.0


@metric("recall(x, t, threshold = 0.35)", x=SCORES, t=TRUTH)
def recall(x, t):
    tp, fp, fn = counts(x, t, 0.35)
    return tp / (tp + fn)


# FBetaScore: (1 + beta^2) * precision * recall / (beta^2 * precision + recall)
def keras_f_score(x, t, beta):
    tp, fp, fn = counts(x, t, 0.5)
    p, r = tp / (tp + fp), tp / (tp + fn)
    return (1 + beta ** 2) * p * r / (beta ** 2 * p + r)


@metric("f_score(x, t)", x=SCORES, t=TRUTH)
def f_score(x, t):
    return keras_f_score(x, t, 1)


@metric("f_score(x, t, beta = 2)", x=SCORES, t=TRUTH)
def f_score_beta(x, t):
    return keras_f_score(x, t, 2)


@metric("binary_iou(x, t)", x=SCORES, t=TRUTH)
def binary_iou(x, t):
    tp, fp, fn = counts(x, t, 0.5)
    return tp / (tp + fp + fn)
