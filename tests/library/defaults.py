# SPDX-License-Identifier: MIT
"""What layers' parameters begin with: the defaults in keras/src/layers (Keras 3), from the same uniform draws. The fans are those of
compute_fans in keras/src/initializers/random_initializers.py, of the shapes that Keras's weights have."""
import numpy as np

from case import initial


def glorot(draw, param, shape, keras_shape=None):
    keras_shape = keras_shape or shape
    field = np.prod(keras_shape[:-2])
    limit = np.sqrt(6 / (field * (keras_shape[-2] + keras_shape[-1])))
    return limit * (2 * draw(f"{param}.glorot_uniform_1.random_uniform_1", shape) - 1)


def glorots(draw, **shapes):
    return {f"it.{name}": glorot(draw, f"it.{name}", shape) for name, shape in shapes.items()}


@initial("dense(x, 4) as it", x=(3,))
def dense(draw):
    return glorots(draw, kernel=(3, 4)) | {"it.bias": np.zeros(4)}


@initial("dense(x, 4, kernel_initializer = ones, bias_initializer = constant(0.5)) as it", x=(3,))
def dense_told(draw):
    return {"it.kernel": np.ones((3, 4)), "it.bias": np.full(4, 0.5)}


@initial("conv1d(x, 4, 3, groups = 2) as it", x=(5, 2))
def conv1d(draw):
    return glorots(draw, kernel=(3, 1, 4)) | {"it.bias": np.zeros(4)}


@initial("conv2d(x, 5, [3, 2]) as it", x=(5, 5, 2))
def conv2d(draw):
    return glorots(draw, kernel=(3, 2, 2, 5)) | {"it.bias": np.zeros(5)}


@initial("depthwise_conv2d(x, 3, depth_multiplier = 2) as it", x=(5, 5, 3))
def depthwise_conv2d(draw):
    return glorots(draw, kernel=(3, 3, 3, 2)) | {"it.bias": np.zeros(6)}


@initial("separable_conv2d(x, 4, 3, depth_multiplier = 2) as it", x=(5, 5, 3))
def separable_conv2d(draw):
    return glorots(draw, depthwise_kernel=(3, 3, 3, 2), pointwise_kernel=(1, 1, 6, 4)) | {"it.bias": np.zeros(4)}


@initial("conv2d_transpose(x, 4, 3) as it", x=(2, 2, 3))
def conv2d_transpose(draw):
    return glorots(draw, kernel=(3, 3, 4, 3)) | {"it.bias": np.zeros(4)}


@initial("embedding(iota(3), 5, 4) as it")
def embedding(draw):
    return {"it.embeddings": -0.05 + 0.1 * draw("it.embeddings.uniform_1", (5, 4))}


@initial("position_embedding(x) as it", x=(4, 3))
def position_embedding(draw):
    return glorots(draw, embeddings=(4, 3))


@initial("batch_norm(x) as it", x=(4, 3))
def batch_norm(draw):
    return {"it.gamma": np.ones(3), "it.beta": np.zeros(3), "it.moving_mean": np.zeros(3), "it.moving_variance": np.ones(3)}


@initial("lstm(x, 2) as it", x=(4, 3))
def lstm(draw):
    return glorots(draw, kernel=(3, 8)) | {"it.bias": np.array([0, 0, 1, 1, 0, 0, 0, 0.0])}


@initial("gru(x, 2) as it", x=(4, 3))
def gru(draw):
    return glorots(draw, kernel=(3, 6)) | {"it.bias": np.zeros((2, 6))}


# EinsumDense: kernels [D, heads, size] and [heads, size, D].
@initial("multi_head_attention(x, x, 2, 3, 5) as it", x=(4, 7))
def multi_head_attention(draw):
    shapes = {"query": (7, 2, 3), "key": (7, 2, 3), "value": (7, 2, 5)}
    kernels = {f"it.{name}.kernel": glorot(draw, f"it.{name}.kernel", (7, n * size), (7, n, size)) for name, (_, n, size) in shapes.items()}
    return kernels | {"it.output.kernel": glorot(draw, "it.output.kernel", (10, 7), (2, 5, 7)), "it.value.bias": np.zeros(10)}
