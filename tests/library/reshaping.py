# SPDX-License-Identifier: MIT
"""Borders and sizes: keras/src/layers/reshaping (Keras 3), by PyTorch's pad and interpolate, whose align_corners=False is Keras's sampling."""
import torch
import torch.nn.functional as F

from case import layer


def interpolated(x, size, mode):
    how = {"align_corners": False} if mode == "bilinear" else {}
    return F.interpolate(x.movedim(-1, 1), size=size, mode=mode, **how).movedim(1, -1)


@layer("zero_padding1d(x)", x=(3, 2))
def zero_padding1d(x):
    return F.pad(x, (0, 0, 1, 1))


@layer("zero_padding1d(x, [2, 0])", x=(3, 2))
def zero_padding1d_pair(x):
    return F.pad(x, (0, 0, 2, 0))


@layer("zero_padding2d(x, [1, 2])", x=(2, 3, 2))
def zero_padding2d(x):
    return F.pad(x, (0, 0, 2, 2, 1, 1))


@layer("zero_padding2d(x, [[1, 0], [0, 3]])", x=(2, 3, 2))
def zero_padding2d_pairs(x):
    return F.pad(x, (0, 0, 0, 3, 1, 0))


@layer("cropping1d(x, [2, 1])", x=(6, 2))
def cropping1d(x):
    return x[:, 2:5]


@layer("cropping2d(x, [[1, 0], [0, 2]])", x=(3, 4, 2))
def cropping2d(x):
    return x[:, 1:, :2]


@layer("cropping2d(x, 1)", x=(3, 4, 1))
def cropping2d_all(x):
    return x[:, 1:2, 1:3]


@layer("repeat_vector(x, 3)", x=(4,))
def repeat_vector(x):
    return x[:, None].expand(-1, 3, -1)


@layer("upsampling1d(x, 3)", x=(3, 2))
def upsampling1d(x):
    return x.repeat_interleave(3, 1)


@layer("upsampling2d(x, [2, 3])", x=(2, 3, 2))
def upsampling2d(x):
    return x.repeat_interleave(2, 1).repeat_interleave(3, 2)


@layer('upsampling2d(x, interpolation = "bilinear")', x=(3, 2, 2))
def upsampling2d_bilinear(x):
    return interpolated(x, (6, 4), "bilinear")


@layer('upsampling2d(x, [1, 3], "bilinear")', x=(1, 3, 1))
def upsampling2d_bilinear_row(x):
    return interpolated(x, (1, 9), "bilinear")


@layer("resizing(x, 7, 2)", x=(3, 5, 2))
def resizing(x):
    return interpolated(x, (7, 2), "bilinear")


@layer('resizing(x, 5, 3, "nearest")', x=(3, 7, 2))
def resizing_nearest(x):
    return interpolated(x, (5, 3), "nearest-exact")
