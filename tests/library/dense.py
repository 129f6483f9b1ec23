# SPDX-License-Identifier: MIT
"""Dense layers: keras/src/layers/core/dense.py (Keras 3)."""
import torch

from case import layer


@layer("dense(x, 4) as it", x=(2, 3), params={"it.kernel": (3, 4), "it.bias": (4,)})
def dense(x, kernel, bias):
    return x @ kernel + bias


@layer("dense(x, 2, relu, use_bias = false) as it", x=(3,), params={"it.kernel": (3, 2)})
def dense_vector(x, kernel):
    return torch.relu(x @ kernel)


@layer("dense(x, 2, activation = softmax) as it", x=(2, 1, 3), params={"it.kernel": (3, 2), "it.bias": (2,)})
def dense_softmax(x, kernel, bias):
    return torch.softmax(x @ kernel + bias, -1)
