# SPDX-License-Identifier: MIT
"""Pooling: keras/src/layers/pooling (Keras 3), by windows written out: what lies outside of the data is in none."""
import torch

from case import layer


def pooled(x, size, strides, same, reduce):
    """x [N, space..., C] by windows; `reduce` takes [N, elements, C]."""
    if x.ndim == 3:
        return pooled(x[:, :, None], (*size, 1), (*strides, 1), same, reduce)[:, :, 0]
    starts = []
    for n, k, s in zip(x.shape[1:3], size, strides):
        out = -(-n // s) if same else (n - k) // s + 1
        before = max((out - 1) * s + k - n, 0) // 2 if same else 0
        starts.append([(max(o * s - before, 0), min(o * s - before + k, n)) for o in range(out)])
    rows = [torch.stack([reduce(x[:, a:b, c:d].flatten(1, 2)) for c, d in starts[1]], 1) for a, b in starts[0]]
    return torch.stack(rows, 1)


def mean(x):
    return x.mean(1)


def largest(x):
    return x.max(1).values


@layer("max_pool1d(x)", x=(7, 2))
def max_pool1d(x):
    return pooled(x, (2,), (2,), False, largest)


@layer('max_pool1d(x, 3, strides = 2, padding = "same")', x=(6, 2))
def max_pool1d_same(x):
    return pooled(x, (3,), (2,), True, largest)


@layer("avg_pool1d(x, 3, strides = 1)", x=(5, 2))
def avg_pool1d(x):
    return pooled(x, (3,), (1,), False, mean)


@layer('avg_pool1d(x, 3, strides = 2, padding = "same")', x=(6, 2))
def avg_pool1d_same(x):
    return pooled(x, (3,), (2,), True, mean)


@layer("max_pool2d(x)", x=(5, 4, 2))
def max_pool2d(x):
    return pooled(x, (2, 2), (2, 2), False, largest)


@layer('max_pool2d(x, [3, 2], strides = [2, 1], padding = "same")', x=(5, 4, 2))
def max_pool2d_same(x):
    return pooled(x, (3, 2), (2, 1), True, largest)


@layer("avg_pool2d(x, [2, 3])", x=(5, 7, 2))
def avg_pool2d(x):
    return pooled(x, (2, 3), (2, 3), False, mean)


@layer('avg_pool2d(x, 3, strides = 2, padding = "same")', x=(6, 5, 2))
def avg_pool2d_same(x):
    return pooled(x, (3, 3), (2, 2), True, mean)


@layer("global_avg_pool1d(x)", x=(5, 2))
def global_avg_pool1d(x):
    return x.mean(1)


@layer("global_max_pool1d(x)", x=(5, 2))
def global_max_pool1d(x):
    return x.max(1).values


@layer("global_avg_pool2d(x)", x=(3, 4, 2))
def global_avg_pool2d(x):
    return x.mean((1, 2))


@layer("global_max_pool2d(x)", x=(3, 4, 2))
def global_max_pool2d(x):
    return x.amax((1, 2))


@layer("global_avg_pool1d(x, keepdims = true)", x=(5, 2))
def global_avg_pool1d_keepdims(x):
    return x.mean(1, keepdim=True)


@layer("global_max_pool2d(x, true)", x=(3, 4, 2))
def global_max_pool2d_keepdims(x):
    return x.amax((1, 2), keepdim=True)
