# SPDX-License-Identifier: MIT
"""Indices and positions as vectors: keras/src/layers/core/embedding.py (Keras 3); keras_hub/src/layers/modeling."""
import numpy as np
import torch
import torch.nn.functional as F

from case import layer


@layer("embedding(index, 5, 2) as it", ints={"index": ((3,), 5)}, params={"it.embeddings": (5, 2)})
def embedding(index, embeddings):
    return embeddings[index]


@layer("one_hot(index, 4)", ints={"index": ((3,), 4)}, gradients=False)
def one_hot(index):
    return F.one_hot(index, 4)


@layer("position_embedding(x) as it", x=(3, 2), params={"it.embeddings": (3, 2)})
def position_embedding(x, embeddings):
    return embeddings.expand(x.shape) + 0 * x


@layer("x + position_embedding(x, 5) as it", x=(3, 2), params={"it.embeddings": (5, 2)})
def position_embedding_longer(x, embeddings):
    return x + embeddings[:3]


# "Attention is all you need", 3.5: PE(pos, 2i) = sin(pos / 10000^(2i / d)), PE(pos, 2i + 1) its cosine.
def sines(t, d, longest):
    table = np.zeros((t, d))
    for at in range(t):
        for i in range(d):
            angle = at / longest ** (i // 2 * 2 / d)
            table[at, i] = np.cos(angle) if i % 2 else np.sin(angle)
    return torch.tensor(table)


@layer("x + sinusoidal_positions(x)", x=(7, 6))
def sinusoidal_positions(x):
    return x + sines(7, 6, 10000)


@layer("x * sinusoidal_positions(x, max_wavelength = 50)", x=(4, 3))
def sinusoidal_positions_odd(x):
    return x * sines(4, 3, 50)


# RoFormer, equation 34, with element i + d / 2 in the place of 2i + 1, as in keras_hub.
def turned(x, longest):
    t, d = x.shape[-2:]
    y = [torch.zeros_like(x[..., 0]) for _ in range(d)]
    for i in range(d // 2):
        angle = torch.arange(t) / longest ** (2 * i / d)
        a, b = x[..., i], x[..., i + d // 2]
        y[i] = a * torch.cos(angle) - b * torch.sin(angle)
        y[i + d // 2] = b * torch.cos(angle) + a * torch.sin(angle)
    return torch.stack(y, -1)


@layer("rotary_positions(x)", x=(5, 6))
def rotary_positions(x):
    return turned(x, 10000)


@layer("rotary_positions(x, max_wavelength = 20)", x=(2, 3, 4))
def rotary_positions_heads(x):
    return turned(x, 20)
