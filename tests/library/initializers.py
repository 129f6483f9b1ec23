# SPDX-License-Identifier: MIT
"""Initial values: keras/src/initializers/*.py (Keras 3), from the same uniform draws."""
import numpy as np

from case import initializer


@initializer("uniform(-1, 3)", (3, 4), draws="uniform_1")
def uniform(shape, draw):
    return -1 + 4 * draw(shape)


@initializer("glorot_uniform()", (3, 4), draws="glorot_uniform_1.random_uniform_1")
def glorot_uniform(shape, draw):
    limit = np.sqrt(6 / 7)
    return limit * (2 * draw(shape) - 1)
