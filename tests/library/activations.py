# SPDX-License-Identifier: MIT
"""Activations: keras/src/activations/activations.py (Keras 3), by PyTorch's functions of the same name where there is one."""
import torch
import torch.nn.functional as F

from case import layer


@layer("relu(x)", x=(8,))
def relu(x):
    return F.relu(x)


@layer("gelu(x)", x=(8,))
def gelu(x):
    return F.gelu(x)


@layer("softmax(x)", x=(2, 4))
def softmax(x):
    return torch.softmax(x, -1)
