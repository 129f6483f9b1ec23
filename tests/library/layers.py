# SPDX-License-Identifier: MIT
"""Layers without recurrence: keras/src/layers/core, normalization (Keras 3)."""
import torch

from case import layer


@layer("dense(x, 4) as it", x=(2, 3), params={"it.kernel": (3, 4), "it.bias": (4,)})
def dense(x, kernel, bias):
    return x @ kernel + bias


@layer("embedding(index, 5, 2) as it", ints={"index": ((3,), 5)}, params={"it.embeddings": (5, 2)})
def embedding(index, embeddings):
    return embeddings[index]


# BatchNormalization.call: keepdims moments over all axes but the last, the running ones with momentum.
@layer("batch_norm(x) as it", x=(2, 4), params={"it.gamma": (4,), "it.beta": (4,)},
       states={"it.moving_mean": (4,), "it.moving_variance": (4,)})
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training):
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = x.mean((0, 1)), x.var((0, 1), unbiased=False)
        moving_mean = 0.99 * moving_mean + 0.01 * mean
        moving_variance = 0.99 * moving_variance + 0.01 * variance
    y = (x - mean) / torch.sqrt(variance + 0.001) * gamma + beta
    return y, {"it.moving_mean": moving_mean, "it.moving_variance": moving_variance}
