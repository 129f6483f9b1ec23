# SPDX-License-Identifier: MIT
"""Regularization: keras/src/layers/regularization (Keras 3), from the same uniform draws."""
import torch
from scipy.special import erfinv

from case import layer


def dropped(x, draw, rate, path, shape):
    return x if draw is None else torch.where(draw(path, shape) < rate, 0, x / (1 - rate))


def normal(draw, path, shape):
    """The inverse of the normal distribution, at the middle of each of the 2^24 cells that a draw can fall in."""
    return torch.tensor(2 ** 0.5 * erfinv(2 * (draw(path, shape).numpy() + 2.0 ** -25) - 1))


@layer("dropout(x, 0.4) as it", x=(3, 4))
def dropout(x, draw):
    return dropped(x, draw, 0.4, "it.dropped_1", (3, 4))


@layer("dropout(x, 0.5, noise_shape = [3, 1]) as it", x=(3, 4))
def dropout_shared(x, draw):
    return dropped(x, draw, 0.5, "it.dropped_1", (3, 1))


@layer("dropout(x, 0) as it", x=(3,))
def dropout_none(x):
    return x


@layer("spatial_dropout1d(x, 0.4) as it", x=(3, 5))
def spatial_dropout1d(x, draw):
    return dropped(x, draw, 0.4, "it.dropped_1", (1, 5))


@layer("spatial_dropout2d(x, 0.4) as it", x=(2, 3, 4))
def spatial_dropout2d(x, draw):
    return dropped(x, draw, 0.4, "it.dropped_1", (1, 1, 4))


@layer("gaussian_noise(x, 0.3) as it", x=(3, 4))
def gaussian_noise(x, draw):
    return x if draw is None else x + 0.3 * normal(draw, "it.standard_normal_1", (3, 4))


@layer("gaussian_dropout(x, 0.2) as it", x=(3, 4))
def gaussian_dropout(x, draw):
    return x if draw is None else x * (1 + (0.2 / 0.8) ** 0.5 * normal(draw, "it.standard_normal_1", (3, 4)))


@layer("alpha_dropout(x, 0.3) as it", x=(3, 4))
def alpha_dropout(x, draw, rate=0.3):
    least = -1.0507009873554805 * 1.6732632423543772    # selu at minus infinity
    if draw is None:
        return x
    a = ((1 - rate) * (1 + rate * least ** 2)) ** -0.5
    return a * torch.where(draw("it", (3, 4)) < rate, least, x) - a * least * rate


@layer("scaled_dot_product_attention(q, k, v, dropout = 0.5) as it", q=(2, 3), k=(4, 3), v=(4, 2))
def attention_dropout(q, k, v, draw):
    weights = torch.softmax(q @ k.transpose(1, 2) / 3 ** 0.5, -1)
    return dropped(weights, draw, 0.5, "it.weighted_mean_1.dropout_1.dropped_1", (2, 4)) @ v
