# SPDX-License-Identifier: MIT
"""Initial values: keras/src/initializers/*.py (Keras 3), from the same uniform draws."""
import numpy as np
from scipy.special import erf, erfinv

from case import initializer

KERNEL = (3, 2, 5, 7)  # of a convolution: size, inputs, outputs
FAN_IN, FAN_OUT = 3 * 2 * 5, 3 * 2 * 7


def normal_of(u):
    """By the inverse distribution function at the middle of the 2^-24 wide cell u stands for."""
    return np.sqrt(2) * erfinv(2 * (u + 2.0 ** -25) - 1)


def truncated_of(u):
    """The same of the part within two standard deviations; at u itself."""
    return np.sqrt(2) * erfinv(erf(np.sqrt(2)) * (2 * u - 1))


def scaled(u, scale, n, kind):
    """VarianceScaling.__call__"""
    if kind == "uniform":
        return np.sqrt(3 * scale / n) * (2 * u - 1)
    if kind == "truncated":
        return np.sqrt(scale / n) / 0.87962566103423978 * truncated_of(u)
    return np.sqrt(scale / n) * normal_of(u)


@initializer("zeros()", (2, 3))
def zeros(shape):
    return np.zeros(shape)


@initializer("ones()", (2, 3))
def ones(shape):
    return np.ones(shape)


@initializer("constant(value = 0.3) + constant()", (2, 3))
def constant(shape):
    return np.full(shape, 0.3)


@initializer("uniform(-1, 3)", (3, 4), draws="uniform_1")
def uniform(shape, draw):
    return -1 + 4 * draw(shape)


@initializer("random_uniform()", (3, 4), draws="random_uniform_1")
def random_uniform(shape, draw):
    return -0.05 + 0.1 * draw(shape)


@initializer("normal(1, 2)", (8, 8), draws="normal_1.standard_normal_1")
def normal(shape, draw):
    return 1 + 2 * normal_of(draw(shape))


@initializer("random_normal()", (8, 8), draws="random_normal_1.standard_normal_1")
def random_normal(shape, draw):
    return 0.05 * normal_of(draw(shape))


@initializer("truncated_normal()", (8, 8), draws="truncated_normal_1.standard_truncated_normal_1")
def truncated_normal(shape, draw):
    return 0.05 * truncated_of(draw(shape))


@initializer("variance_scaling()", KERNEL, draws="variance_scaling_1.truncated_normal_1.standard_truncated_normal_1")
def variance_scaling(shape, draw):
    return scaled(draw(shape), 1, FAN_IN, "truncated")


@initializer('variance_scaling(0.5, "fan_out", "normal")', KERNEL,
             draws="variance_scaling_1.truncated_normal_1.standard_truncated_normal_1")
def variance_scaling_normal(shape, draw):
    return scaled(draw(shape), 0.5, FAN_OUT, "truncated")


@initializer('variance_scaling(3.0, "fan_avg", "untruncated_normal")', KERNEL,
             draws="variance_scaling_1.random_normal_1.standard_normal_1")
def variance_scaling_untruncated(shape, draw):
    return scaled(draw(shape), 3, (FAN_IN + FAN_OUT) / 2, "untruncated")


@initializer('variance_scaling(2, "fan_out", "uniform")', (5,), draws="variance_scaling_1.random_uniform_1")
def variance_scaling_uniform(shape, draw):
    return scaled(draw(shape), 2, 5, "uniform")


@initializer("glorot_uniform()", (3, 4), draws="glorot_uniform_1.random_uniform_1")
def glorot_uniform(shape, draw):
    return scaled(draw(shape), 1, 3.5, "uniform")


@initializer("glorot_normal()", (3, 4), draws="glorot_normal_1.variance_scaling_1.truncated_normal_1.standard_truncated_normal_1")
def glorot_normal(shape, draw):
    return scaled(draw(shape), 1, 3.5, "truncated")


@initializer("he_uniform()", KERNEL, draws="he_uniform_1.variance_scaling_1.random_uniform_1")
def he_uniform(shape, draw):
    return scaled(draw(shape), 2, FAN_IN, "uniform")


@initializer("he_normal()", (3, 4), draws="he_normal_1.variance_scaling_1.truncated_normal_1.standard_truncated_normal_1")
def he_normal(shape, draw):
    return scaled(draw(shape), 2, 3, "truncated")


@initializer("lecun_uniform()", (3, 4), draws="lecun_uniform_1.variance_scaling_1.random_uniform_1")
def lecun_uniform(shape, draw):
    return scaled(draw(shape), 1, 3, "uniform")


@initializer("lecun_normal()", (3, 4), draws="lecun_normal_1.variance_scaling_1.truncated_normal_1.standard_truncated_normal_1")
def lecun_normal(shape, draw):
    return scaled(draw(shape), 1, 3, "truncated")


def keras_orthogonal(draws, gain, shape):
    """OrthogonalInitializer.__call__ on normal draws, as dlc lays them out: the shorter axis first."""
    q, r = np.linalg.qr(normal_of(draws).T)
    q = q * np.sign(np.diag(r))
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    return gain * (q.T if rows < columns else q).reshape(shape)


@initializer("orthogonal()", (4, 6), draws="orthogonal_1.standard_normal_1")
def orthogonal(shape, draw):
    return keras_orthogonal(draw((4, 6)), 1, shape)


@initializer("orthogonal(gain = 1.5)", (2, 3, 4), draws="orthogonal_1.standard_normal_1")
def orthogonal_gain(shape, draw):
    return keras_orthogonal(draw((4, 6)), 1.5, shape)


@initializer("identity(2)", (3, 4))
def identity(shape):
    return 2 * np.eye(*shape)


# LSTM.build: bias_initializer in the second quarter is ones
@initializer("unit_forget_bias()", (8,))
def unit_forget_bias(shape):
    return np.repeat([0, 1, 0, 0], 2)
