# SPDX-License-Identifier: MIT
"""Convolutions: keras/src/layers/convolutional (Keras 3), by PyTorch's convolutions, whose channels come first. The padding of "same" is
TensorFlow's (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2)."""
import torch
import torch.nn.functional as F

from case import layer


def tuple_of(x, n):
    return x if isinstance(x, tuple) else (x,) * n


def padded(x, k, s, d, padding):
    """x [N, space..., C] with zeros around it."""
    widths = [0, 0]
    for i in reversed(range(x.ndim - 2)):
        reach, total = (k[i] - 1) * d[i] + 1, 0
        if padding == "same":
            total = max((-(-x.shape[i + 1] // s[i]) - 1) * s[i] + reach - x.shape[i + 1], 0)
        widths += [reach - 1, 0] if padding == "causal" else [total // 2, total - total // 2]
    return F.pad(x, widths)


def conv(x, kernel, strides=1, padding="valid", dilation=1, groups=1):
    """x [N, space..., C], kernel [size..., C / groups, O]."""
    n = x.ndim - 2
    s, d = tuple_of(strides, n), tuple_of(dilation, n)
    x = padded(x, kernel.shape[:n], s, d, padding).movedim(-1, 1)
    kernel = kernel.movedim(-1, 0).movedim(-1, 1)
    y = (F.conv1d if n == 1 else F.conv2d)(x, kernel, stride=s, dilation=d, groups=groups)
    return y.movedim(1, -1)


def depthwise(x, kernel, **how):
    """kernel [size..., C, M]: channel c has results c * M to c * M + M - 1."""
    c, m = kernel.shape[-2:]
    parts = [conv(x[..., i:i + 1], kernel[..., i:i + 1, :], **how) for i in range(c)]
    return torch.cat(parts, -1)


def transposed(x, kernel, strides=1, padding="valid", output_padding=None, dilation=1):
    """Every element spread over its window, then cut to what Keras's documentation says of the shape: compute_conv_transpose_output_shape."""
    n = x.ndim - 2
    s, d = tuple_of(strides, n), tuple_of(dilation, n)
    x, kernel = x.movedim(-1, 1), kernel.movedim(-1, 0).movedim(-1, 1)
    y = (F.conv_transpose1d if n == 1 else F.conv_transpose2d)(x, kernel, stride=s, dilation=d).movedim(1, -1)
    for i in range(n):
        inputs, full, reach = x.shape[i + 2], y.shape[i + 1], (kernel.shape[i + 2] - 1) * d[i] + 1
        p = None if output_padding is None else tuple_of(output_padding, n)[i]
        if padding == "valid":
            before, length = 0, (inputs - 1) * s[i] + (max(reach, s[i]) if p is None else reach + p)
        elif p is None:
            before, length = max(reach - s[i], 0) // 2, inputs * s[i]
        else:
            before, length = reach - 1 - (reach + reach % 2 - 2 + p + 1) // 2, (inputs - 1) * s[i] + reach % 2 + p
        y = F.pad(y.movedim(i + 1, -1), (0, max(before + length - full, 0)))[..., before:before + length].movedim(-1, i + 1)
    return y


def kernels(*kernel, bias):
    return {"it.kernel": kernel, "it.bias": (bias,)}


# ---- over time

@layer("conv1d(x, 3, 2) as it", x=(5, 2), params=kernels(2, 2, 3, bias=3))
def conv1d(x, kernel, bias):
    return conv(x, kernel) + bias


@layer('conv1d(x, 4, 3, strides = 2, padding = "same", activation = tanh) as it', x=(6, 2), params=kernels(3, 2, 4, bias=4))
def conv1d_same(x, kernel, bias):
    return torch.tanh(conv(x, kernel, 2, "same") + bias)


@layer('conv1d(x, 4, 3, padding = "causal", dilation_rate = 2, groups = 2, use_bias = false) as it', x=(7, 4), params={"it.kernel": (3, 2, 4)})
def conv1d_causal(x, kernel):
    return conv(x, kernel, 1, "causal", 2, 2)


@layer('conv1d(x, 2, 2, strides = 3, padding = "causal") as it', x=(7, 1), params=kernels(2, 1, 2, bias=2))
def conv1d_causal_strided(x, kernel, bias):
    return conv(x, kernel, 3, "causal") + bias


@layer("depthwise_conv1d(x, 3, depth_multiplier = 2) as it", x=(6, 3), params=kernels(3, 3, 2, bias=6))
def depthwise_conv1d(x, kernel, bias):
    return depthwise(x, kernel) + bias


@layer('separable_conv1d(x, 4, 3, padding = "causal", depth_multiplier = 2) as it', x=(5, 2),
       params={"it.depthwise_kernel": (3, 2, 2), "it.pointwise_kernel": (1, 4, 4), "it.bias": (4,)})
def separable_conv1d(x, depthwise_kernel, pointwise_kernel, bias):
    return conv(depthwise(x, depthwise_kernel, padding="causal"), pointwise_kernel) + bias


# ---- over images

@layer("conv2d(x, 3, [3, 2]) as it", x=(5, 4, 2), params=kernels(3, 2, 2, 3, bias=3))
def conv2d(x, kernel, bias):
    return conv(x, kernel) + bias


@layer('conv2d(x, 3, 3, strides = 2, padding = "same", activation = relu) as it', x=(5, 6, 2), params=kernels(3, 3, 2, 3, bias=3))
def conv2d_same(x, kernel, bias):
    return torch.relu(conv(x, kernel, 2, "same") + bias)


@layer('conv2d(x, 2, [2, 4], strides = [1, 3], padding = "same", use_bias = false) as it', x=(3, 7, 1), params={"it.kernel": (2, 4, 1, 2)})
def conv2d_even(x, kernel):
    return conv(x, kernel, (1, 3), "same")


@layer("conv2d(x, 2, [3, 2], dilation_rate = [2, 3]) as it", x=(6, 5, 2), params=kernels(3, 2, 2, 2, bias=2))
def conv2d_dilated(x, kernel, bias):
    return conv(x, kernel, dilation=(2, 3)) + bias


@layer('conv2d(x, 2, 3, dilation_rate = 2, strides = 2, padding = "same") as it', x=(6, 5, 1), params=kernels(3, 3, 1, 2, bias=2))
def conv2d_dilated_strided(x, kernel, bias):
    return conv(x, kernel, 2, "same", 2) + bias


@layer('conv2d(x, 6, 2, groups = 3, padding = "same") as it', x=(4, 3, 6), params=kernels(2, 2, 2, 6, bias=6))
def conv2d_groups(x, kernel, bias):
    return conv(x, kernel, 1, "same", 1, 3) + bias


@layer("conv2d(x, 4, 2, groups = 2, strides = 2) as it", x=(5, 5, 2), params=kernels(2, 2, 1, 4, bias=4))
def conv2d_groups_strided(x, kernel, bias):
    return conv(x, kernel, 2, "valid", 1, 2) + bias


@layer("depthwise_conv2d(x, 3) as it", x=(5, 4, 3), params=kernels(3, 3, 3, 1, bias=3))
def depthwise_conv2d(x, kernel, bias):
    return depthwise(x, kernel) + bias


@layer('depthwise_conv2d(x, [2, 3], strides = 2, padding = "same", depth_multiplier = 2, activation = relu) as it', x=(5, 4, 2),
       params=kernels(2, 3, 2, 2, bias=4))
def depthwise_conv2d_same(x, kernel, bias):
    return torch.relu(depthwise(x, kernel, strides=2, padding="same") + bias)


@layer('depthwise_conv2d(x, 2, dilation_rate = 2, padding = "same", use_bias = false) as it', x=(4, 5, 2), params={"it.kernel": (2, 2, 2, 1)})
def depthwise_conv2d_dilated(x, kernel):
    return depthwise(x, kernel, dilation=2, padding="same")


@layer('separable_conv2d(x, 3, 3, strides = 2, padding = "same", depth_multiplier = 2) as it', x=(5, 4, 2),
       params={"it.depthwise_kernel": (3, 3, 2, 2), "it.pointwise_kernel": (1, 1, 4, 3), "it.bias": (3,)})
def separable_conv2d(x, depthwise_kernel, pointwise_kernel, bias):
    return conv(depthwise(x, depthwise_kernel, strides=2, padding="same"), pointwise_kernel) + bias


# ---- transposed

@layer("conv1d_transpose(x, 3, 2) as it", x=(4, 2), params=kernels(2, 3, 2, bias=3))
def conv1d_transpose(x, kernel, bias):
    return transposed(x, kernel) + bias


@layer('conv1d_transpose(x, 2, 4, strides = 3, padding = "same") as it', x=(3, 2), params=kernels(4, 2, 2, bias=2))
def conv1d_transpose_same(x, kernel, bias):
    return transposed(x, kernel, 3, "same") + bias


@layer("conv1d_transpose(x, 2, 2, strides = 3) as it", x=(3, 1), params=kernels(2, 2, 1, bias=2))
def conv1d_transpose_gaps(x, kernel, bias):
    return transposed(x, kernel, 3) + bias


@layer("conv1d_transpose(x, 2, 3, dilation_rate = 2) as it", x=(4, 2), params=kernels(3, 2, 2, bias=2))
def conv1d_transpose_dilated(x, kernel, bias):
    return transposed(x, kernel, dilation=2) + bias


@layer("conv2d_transpose(x, 3, 3, strides = 2) as it", x=(3, 2, 2), params=kernels(3, 3, 3, 2, bias=3))
def conv2d_transpose(x, kernel, bias):
    return transposed(x, kernel, 2) + bias


@layer('conv2d_transpose(x, 2, 3, strides = 2, padding = "same", activation = relu) as it', x=(3, 2, 2), params=kernels(3, 3, 2, 2, bias=2))
def conv2d_transpose_same(x, kernel, bias):
    return torch.relu(transposed(x, kernel, 2, "same") + bias)


@layer('conv2d_transpose(x, 2, [2, 1], strides = [3, 2], padding = "same") as it', x=(2, 3, 2), params=kernels(2, 1, 2, 2, bias=2))
def conv2d_transpose_same_gaps(x, kernel, bias):
    return transposed(x, kernel, (3, 2), "same") + bias


@layer('conv2d_transpose(x, 2, [3, 4], strides = 2, padding = "same", output_padding = [1, 0], use_bias = false) as it', x=(3, 2, 1),
       params={"it.kernel": (3, 4, 2, 1)})
def conv2d_transpose_same_output_padding(x, kernel):
    return transposed(x, kernel, 2, "same", (1, 0))


@layer("conv2d_transpose(x, 2, 2, strides = 3, output_padding = [1, 2]) as it", x=(2, 2, 1), params=kernels(2, 2, 2, 1, bias=2))
def conv2d_transpose_output_padding(x, kernel, bias):
    return transposed(x, kernel, 3, "valid", (1, 2)) + bias
