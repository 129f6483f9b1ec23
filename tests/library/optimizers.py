# SPDX-License-Identifier: MIT
"""Optimizers: update_step of keras/src/optimizers/*.py (Keras 3). Keras scales and places epsilon differently from PyTorch."""
import numpy as np

from case import optimizer


@optimizer("sgd(learning_rate = 0.1)")
def sgd(p, g, step, s):
    return p - 0.1 * g


@optimizer("adam(learning_rate = 0.1)")
def adam(p, g, t, s):
    s["m"] = s.get("m", 0) * 0.9 + (1 - 0.9) * g
    s["v"] = s.get("v", 0) * 0.999 + (1 - 0.999) * g * g
    alpha = 0.1 * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
    return p - s["m"] * alpha / (np.sqrt(s["v"]) + 1e-7)
