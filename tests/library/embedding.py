# SPDX-License-Identifier: MIT
"""Indices as vectors: keras/src/layers/core/embedding.py (Keras 3)."""
import torch
import torch.nn.functional as F

from case import layer


@layer("embedding(index, 5, 2) as it", ints={"index": ((3,), 5)}, params={"it.embeddings": (5, 2)})
def embedding(index, embeddings):
    return embeddings[index]


@layer("one_hot(index, 4)", ints={"index": ((3,), 4)}, gradients=False)
def one_hot(index):
    return F.one_hot(index, 4)
