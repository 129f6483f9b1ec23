# SPDX-License-Identifier: MIT
"""Normalization: keras/src/layers/normalization (Keras 3)."""
import torch

from case import layer


def normalized(x, axes, epsilon=1e-3):
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


@layer("layer_norm(x) as it", x=(2, 4), params={"it.gamma": (4,), "it.beta": (4,)})
def layer_norm(x, gamma, beta):
    return normalized(x, -1) * gamma + beta


@layer("layer_norm(x, epsilon = 0.1, center = false) as it", x=(2, 4), params={"it.gamma": (4,)})
def layer_norm_scale(x, gamma):
    return normalized(x, -1, 0.1) * gamma


@layer("layer_norm(x, 0, scale = false) as it", x=(3, 2), params={"it.beta": (3,)})
def layer_norm_axis(x, beta):
    return normalized(x, 1) + beta[:, None]


@layer("layer_norm(x, [0, -1]) as it", x=(2, 3, 2), params={"it.gamma": (2, 2), "it.beta": (2, 2)})
def layer_norm_axes(x, gamma, beta):
    return normalized(x, (1, 3)) * gamma[:, None, :] + beta[:, None, :]


@layer("rms_norm(x) as it", x=(3, 4), params={"it.scale": (4,)})
def rms_norm(x, scale):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * scale


@layer("rms_norm(x, 1, epsilon = 0.1) as it", x=(2, 3, 2), params={"it.scale": (3,)})
def rms_norm_axis(x, scale):
    return x / torch.sqrt((x * x).mean(2, keepdim=True) + 0.1) * scale[:, None]


def grouped(x, groups):
    parts = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    return normalized(parts, (*range(1, x.ndim - 1), x.ndim)).reshape(x.shape)


@layer("group_norm(x, 2) as it", x=(3, 2, 4), params={"it.gamma": (4,), "it.beta": (4,)})
def group_norm(x, gamma, beta):
    return grouped(x, 2) * gamma + beta


@layer("group_norm(x, -1, center = false, scale = false)", x=(5, 3))
def group_norm_channels(x):
    return grouped(x, 3)


@layer("group_norm(x, 2, scale = false) as it", x=(6,), params={"it.beta": (6,)})
def group_norm_features(x, beta):
    return grouped(x, 2) + beta


@layer("instance_norm(x) as it", x=(3, 2, 2), params={"it.gamma": (2,), "it.beta": (2,)})
def instance_norm(x, gamma, beta):
    return normalized(x, (1, 2)) * gamma + beta


# BatchNormalization.call: keepdims moments over all axes but the last, the running ones with momentum.
def batch_normalized(x, moving_mean, moving_variance, training, momentum=0.99, epsilon=1e-3):
    mean, variance = moving_mean, moving_variance
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes, unbiased=False)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    return (x - mean) / torch.sqrt(variance + epsilon), {"it.moving_mean": moving_mean, "it.moving_variance": moving_variance}


@layer("batch_norm(x) as it", x=(2, 4), params={"it.gamma": (4,), "it.beta": (4,)},
       states={"it.moving_mean": (4,), "it.moving_variance": (4,)})
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training):
    y, after = batch_normalized(x, moving_mean, moving_variance, training)
    return y * gamma + beta, after


@layer("batch_norm(x, momentum = 0.5, epsilon = 0.01, scale = false) as it", x=(2, 3, 2), params={"it.beta": (2,)},
       states={"it.moving_mean": (2,), "it.moving_variance": (2,)})
def batch_norm_images(x, beta, moving_mean, moving_variance, training):
    y, after = batch_normalized(x, moving_mean, moving_variance, training, 0.5, 0.01)
    return y + beta, after


@layer("batch_norm(x, center = false) as it", x=(3,), params={"it.gamma": (3,)},
       states={"it.moving_mean": (3,), "it.moving_variance": (3,)})
def batch_norm_features(x, gamma, moving_mean, moving_variance, training):
    y, after = batch_normalized(x, moving_mean, moving_variance, training)
    return y * gamma, after


@layer("training ? batch_variance(x) * x : x", x=(3,))
def batch_variance(x, training):
    return x * x.var(0, unbiased=False) if training else x
