# SPDX-License-Identifier: MIT
"""Activations: keras/src/activations/activations.py (Keras 3), by PyTorch's functions where these mean the same."""
import numpy as np
import torch
import torch.nn.functional as F

from case import layer

# Where f32 overflows, underflows or cancels, a case each: an error is measured against the largest of its tensor.
HUGE = np.array([[-1e4, 1e4, -100, 100]])
FAR = np.array([[-20.0, -15.0, -12.0, -9.0]])
NEAR = np.array([[-1e-6, -1e-5, 1e-6, 1e-5]])


@layer("relu(x)", x=(8,))
def relu(x):
    return F.relu(x)


# ReLU.call: static_call of activations.relu
def keras_relu(x, negative_slope, max_value, threshold):
    y = torch.where(x > threshold, x, 0.0).clamp(max=max_value)
    return y - negative_slope * F.relu(threshold - x)


@layer("relu(x, max_value = 0.8)", x=(8,))
def relu_max_value(x):
    return keras_relu(x, 0, 0.8, 0)


@layer("relu(x, 0.1, 1.2, 0.3)", x=(8,))
def relu_all(x):
    return keras_relu(x, 0.1, 1.2, 0.3)


@layer("relu(x, threshold = 0.4)", x=(8,))
def relu_threshold(x):
    return keras_relu(x, 0, np.inf, 0.4)


@layer("relu6(6 * x)", x=(8,))
def relu6(x):
    return F.relu6(6 * x)


@layer("leaky_relu(x)", x=(8,))
def leaky_relu(x):
    return F.leaky_relu(x, 0.3)


@layer("prelu(x) as it", x=(2, 4), params={"it.alpha": (2, 4)})
def prelu(x, alpha):
    return torch.where(x > 0, x, alpha * x)


@layer("prelu(x, shared_axes = [0, -2]) as it", x=(2, 3, 4), params={"it.alpha": (1, 1, 4)})
def prelu_shared(x, alpha):
    return torch.where(x > 0, x, alpha * x)


@layer("elu(x) + elu(2 * x, 0.7)", x=(8,))
def elu(x):
    return F.elu(x) + F.elu(2 * x, 0.7)


@layer("elu(x)", x=NEAR)
def elu_near(x):
    return F.elu(x)


@layer("selu(x)", x=(8,))
def selu(x):
    return F.selu(x)


@layer("celu(x) + celu(2 * x, 0.7)", x=(8,))
def celu(x):
    return F.celu(x) + F.celu(2 * x, 0.7)


@layer("exponential(x)", x=(8,))
def exponential(x):
    return torch.exp(x)


@layer("softplus(x)", x=(8,))
def softplus(x):
    return torch.logaddexp(x, torch.zeros(()))


@layer("softplus(x)", x=FAR)
def softplus_far(x):
    return torch.log1p(torch.exp(x))


@layer("softsign(x)", x=(8,))
def softsign(x):
    return F.softsign(x)


@layer("squareplus(x) + squareplus(x, 2)", x=(8,))
def squareplus(x):
    return (x + torch.sqrt(x ** 2 + 4)) / 2 + (x + torch.sqrt(x ** 2 + 2)) / 2


@layer("log_sigmoid(x)", x=(8,))
def log_sigmoid(x):
    return F.logsigmoid(x)


@layer("log_sigmoid(-x)", x=FAR)
def log_sigmoid_far(x):
    return -torch.log1p(torch.exp(x))


@layer("silu(x) + swish(2 * x)", x=(8,))
def silu(x):
    return F.silu(x) + F.silu(2 * x)


@layer("mish(x)", x=(8,))
def mish(x):
    return F.mish(x)


@layer("gelu(x)", x=(8,))
def gelu(x):
    return F.gelu(x)


@layer("gelu(x, approximate = true)", x=(8,))
def gelu_approximate(x):
    return F.gelu(x, approximate="tanh")


@layer("glu(x)", x=(2, 6))
def glu(x):
    return F.glu(x, -1)


@layer("glu(x, axis = 0)", x=(2, 3))
def glu_axis(x):
    return F.glu(x, 1)


@layer("hard_sigmoid(3 * x)", x=(8,))
def hard_sigmoid(x):
    return F.hardsigmoid(3 * x)


@layer("hard_silu(3 * x) + hard_swish(2 * x)", x=(8,))
def hard_silu(x):
    return F.hardswish(3 * x) + F.hardswish(2 * x)


@layer("hard_tanh(2 * x)", x=(8,))
def hard_tanh(x):
    return F.hardtanh(2 * x)


@layer("tanh_shrink(x)", x=(8,))
def tanh_shrink(x):
    return F.tanhshrink(x)


@layer("soft_shrink(x) + soft_shrink(x, 0.2)", x=(8,))
def soft_shrink(x):
    return F.softshrink(x) + F.softshrink(x, 0.2)


@layer("hard_shrink(x) + hard_shrink(x, 0.2)", x=(8,))
def hard_shrink(x):
    return F.hardshrink(x) + F.hardshrink(x, 0.2)


@layer("softmax(x)", x=(2, 4))
def softmax(x):
    return torch.softmax(x, -1)


@layer("softmax(x, axis = 0)", x=(3, 2))
def softmax_axis(x):
    return torch.softmax(x, 1)


@layer("log_softmax(3 * x)", x=(2, 4))
def log_softmax(x):
    return torch.log_softmax(3 * x, -1)


@layer("log_softmax(x, axis = 0)", x=(3, 2))
def log_softmax_axis(x):
    return torch.log_softmax(x, 1)


# What grows with x; what stays bounded, where a NaN would come from infinity times 0.
@layer(["elu(x)", "selu(x)", "celu(x)", "softplus(x)", "squareplus(x)", "log_sigmoid(x)", "silu(x)", "mish(x)", "gelu(x)",
        "gelu(x, approximate = true)", "tanh_shrink(x)", "log_softmax(x)"], x=HUGE)
def huge(x):
    return (F.elu(x), F.selu(x), F.celu(x), F.softplus(x), (x + torch.sqrt(x ** 2 + 4)) / 2, F.logsigmoid(x), F.silu(x), F.mish(x),
            F.gelu(x), F.gelu(x, approximate="tanh"), F.tanhshrink(x), torch.log_softmax(x, -1))


@layer(["sigmoid(x)", "tanh(x)", "softsign(x)", "softmax(x)"], x=HUGE)
def huge_bounded(x):
    return torch.sigmoid(x), torch.tanh(x), F.softsign(x), torch.softmax(x, -1)


@layer("sigmoid(x) + tanh(x)", x=(8,))
def sigmoid_tanh(x):
    return torch.sigmoid(x) + torch.tanh(x)


# At infinity: a limit, or NaN where there is none. Keras's silu(-inf) is NaN as well.
INFINITE = np.array([[-np.inf, np.inf, np.nan]])


@layer(["relu(x)", "relu6(x)", "leaky_relu(x)", "elu(x)", "selu(x)", "celu(x)", "exponential(x)", "softplus(x)", "softsign(x)", "log_sigmoid(x)",
        "silu(x)", "hard_sigmoid(x)", "hard_tanh(x)", "tanh_shrink(x)", "soft_shrink(x)", "sigmoid(x)", "tanh(x)"],
       x=INFINITE, gradients=False)
def infinite(x):
    return (F.relu(x), F.relu6(x), F.leaky_relu(x, 0.3), F.elu(x), F.selu(x), F.celu(x), torch.exp(x), F.softplus(x), F.softsign(x),
            F.logsigmoid(x), F.silu(x), F.hardsigmoid(x), F.hardtanh(x), F.tanhshrink(x), F.softshrink(x), torch.sigmoid(x), torch.tanh(x))


# Where pieces meet, of what is smooth there.
@layer(["elu(x)", "selu(x)", "celu(x)", "softplus(x)", "squareplus(x)", "log_sigmoid(x)", "silu(x)", "mish(x)", "gelu(x)", "softsign(x)"],
       x=np.zeros((1, 1)))
def zero(x):
    return (F.elu(x), F.selu(x), F.celu(x), F.softplus(x), (x + torch.sqrt(x ** 2 + 4)) / 2, F.logsigmoid(x), F.silu(x), F.mish(x),
            F.gelu(x), F.softsign(x))
