# SPDX-License-Identifier: MIT
"""Optimizers: update_step of keras/src/optimizers/*.py (Keras 3), which scales and places epsilon differently from PyTorch; clipping
and weight decay: optimizer.py there; penalties: keras/src/regularizers/regularizers.py."""
import numpy as np
import torch

from case import layer, optimizer


def mean_of(s, key, rate, x):
    """The running mean `key` of the state, which begins with 0, after taking in x."""
    s[key] = s.get(key, 0) + (x - s.get(key, 0)) * (1 - rate)
    return s[key]


@optimizer("sgd(learning_rate = 0.1)")
def sgd(p, g, t, s, lr=0.1):
    return p - lr * g


def sgd_velocity(p, g, s):
    s["m"] = s.get("m", 0) * 0.9 - 0.1 * g
    return s["m"]


@optimizer("sgd(learning_rate = 0.1, momentum = 0.9)")
def sgd_momentum(p, g, t, s):
    return p + sgd_velocity(p, g, s)


@optimizer("sgd(learning_rate = 0.1, momentum = 0.9, nesterov = true)")
def sgd_nesterov(p, g, t, s):
    return p + 0.9 * sgd_velocity(p, g, s) - 0.1 * g


# Optimizer._apply_weight_decay, in front of update_step: p -= p * weight_decay * learning_rate
@optimizer("sgd(learning_rate = 0.1, momentum = 0.9, weight_decay = 0.3)")
def sgd_weight_decay(p, g, t, s):
    return p - p * 0.3 * 0.1 + sgd_velocity(p, g, s)


def adam_update(p, g, t, s, lr=0.1, v_hat=lambda v, s: v):
    m, v = mean_of(s, "m", 0.9, g), mean_of(s, "v", 0.999, g * g)
    alpha = lr * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
    return p - m * alpha / (np.sqrt(v_hat(v, s)) + 1e-7)


@optimizer("adam(learning_rate = 0.1)")
def adam(p, g, t, s, lr=0.1):
    return adam_update(p, g, t, s, lr)


@optimizer("adam(0.1, beta_1 = 0, beta_2 = 0.9, epsilon = 0.001)")
def adam_other(p, g, t, s):
    v = mean_of(s, "v", 0.9, g * g)
    return p - g * 0.1 * np.sqrt(1 - 0.9 ** t) / (np.sqrt(v) + 0.001)


@optimizer("adam(learning_rate = 0.1, amsgrad = true, weight_decay = 0.1)")
def adam_amsgrad(p, g, t, s):
    def v_hat(v, s):
        s["v_hat"] = np.maximum(s.get("v_hat", 0), v)
        return s["v_hat"]
    return adam_update(p - p * 0.1 * 0.1, g, t, s, v_hat=v_hat)


@optimizer("adamw(learning_rate = 0.1)")
def adamw(p, g, t, s, lr=0.1):
    return adam_update(p - p * 0.004 * lr, g, t, s, lr)


@optimizer("adamax(learning_rate = 0.1)")
def adamax(p, g, t, s, lr=0.1):
    m = mean_of(s, "m", 0.9, g)
    s["u"] = np.maximum(0.999 * s.get("u", 0), abs(g))
    return p - lr * m / ((1 - 0.9 ** t) * (s["u"] + 1e-7))


@optimizer("nadam(learning_rate = 0.1)")
def nadam(p, g, t, s, lr=0.1):
    u_t, u_t_1 = 0.9 * (1 - 0.5 * 0.96 ** t), 0.9 * (1 - 0.5 * 0.96 ** (t + 1))
    s["u_product"] = s.get("u_product", 1) * u_t
    m, v = mean_of(s, "m", 0.9, g), mean_of(s, "v", 0.999, g * g)
    m_hat = u_t_1 * m / (1 - s["u_product"] * u_t_1) + (1 - u_t) * g / (1 - s["u_product"])
    return p - m_hat * lr / (np.sqrt(v / (1 - 0.999 ** t)) + 1e-7)


@optimizer("rmsprop(learning_rate = 0.1)")
def rmsprop(p, g, t, s, lr=0.1):
    return p - lr * g / np.sqrt(mean_of(s, "v", 0.9, g * g) + 1e-7)


@optimizer("rmsprop(0.01, momentum = 0.5, centered = true, epsilon = 0.01)")
def rmsprop_centered(p, g, t, s):
    v, average = mean_of(s, "v", 0.9, g * g), mean_of(s, "average", 0.9, g)
    s["m"] = 0.5 * s.get("m", 0) + 0.01 * g / np.sqrt(v - average ** 2 + 0.01)
    return p - s["m"]


@optimizer("adagrad(learning_rate = 0.1)")
def adagrad(p, g, t, s, lr=0.1):
    s["a"] = s.get("a", 0.1) + g * g
    return p - lr * g / np.sqrt(s["a"] + 1e-7)


@optimizer("adadelta(learning_rate = 10)")
def adadelta(p, g, t, s):
    rms = lambda x: np.sqrt(x + 1e-7)
    delta = -rms(s.get("delta", 0)) * g / rms(mean_of(s, "g", 0.95, g * g))
    mean_of(s, "delta", 0.95, delta * delta)
    return p + 10 * delta


@optimizer("lion(learning_rate = 0.1)")
def lion(p, g, t, s, lr=0.1):
    direction = np.sign(s.get("m", 0) * 0.9 + g * (1 - 0.9))
    mean_of(s, "m", 0.99, g)
    return p - lr * direction


def ftrl_update(p, g, s, lr, power, l1, l2, shrinkage, beta):
    old = s.get("n", 0.1)
    s["n"] = old + g * g
    s["z"] = s.get("z", 0) + g + 2 * shrinkage * p - (s["n"] ** -power - old ** -power) / lr * p
    quadratic = s["n"] ** -power / lr + 2 * (l2 + beta / (2 * lr))
    return (np.clip(s["z"], -l1, l1) - s["z"]) / quadratic


@optimizer("ftrl(learning_rate = 0.1)")
def ftrl(p, g, t, s, lr=0.1):
    return ftrl_update(p, g, s, lr, -0.5, 0, 0, 0, 0)


@optimizer("ftrl(0.1, -0.7, l1 = 0.2, l2 = 0.1, l2_shrinkage = 0.05, beta = 0.3)")
def ftrl_all(p, g, t, s):
    return ftrl_update(p, g, s, 0.1, -0.7, 0.2, 0.1, 0.05, 0.3)


@optimizer("lion(learning_rate = 0.1, weight_decay = 0.2)")
def lion_weight_decay(p, g, t, s):
    return lion(p - p * 0.2 * 0.1, g, t, s)


# What Keras does when nothing is said.
def default(update, lr):
    name = update.__name__
    function = lambda p, g, t, s: update(p, g, t, s, lr)
    function.__name__ = f"{name}_default"
    globals()[function.__name__] = optimizer(f"{name}()")(function)


default(sgd, 0.01)
for update in adam, adamw, adamax, nadam, rmsprop, adagrad, lion, ftrl:
    default(update, 0.001)
del update


# ---- the train block: clipping, penalties, a schedule ------------------------------------------------------------------------

def norm(*gradients):
    return np.sqrt(sum((g ** 2).sum() for g in gradients))


@optimizer("sgd(learning_rate = 0.1)", train="clip value(0.4)", clip=lambda gs: [np.clip(g, -0.4, 0.4) for g in gs])
def clip_value(p, g, t, s):
    return p - 0.1 * g


@optimizer("sgd(learning_rate = 0.1)", train="clip norm(limit = 0.5)", clip=lambda gs: [g * 0.5 / max(norm(g), 0.5) for g in gs])
def clip_norm(p, g, t, s):
    return p - 0.1 * g


@optimizer("sgd(learning_rate = 0.1)", train="clip global_norm(1.5)", clip=lambda gs: [g * 1.5 / max(norm(*gs), 1.5) for g in gs])
def clip_global_norm(p, g, t, s):
    return p - 0.1 * g


@optimizer("sgd(learning_rate = 0.1)", train="penalty l1(w, 0.2)\npenalty l2(v)\npenalty l1_l2(v, 0.03, 0.2)",
           penalty=lambda v, w: 0.2 * abs(w).sum() + 0.01 * (v ** 2).sum() + 0.03 * abs(v).sum() + 0.2 * (v ** 2).sum())
def penalties(p, g, t, s):
    return p - 0.1 * g


@optimizer("adam(learning_rate = 0.5 / (4 + cast(step, f32)))")
def adam_scheduled(p, g, t, s):
    m, v = mean_of(s, "m", 0.9, g), mean_of(s, "v", 0.999, g * g)
    return p - m * 0.5 / (4 + t) * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t) / (np.sqrt(v) + 1e-7)


@layer("l1(x) + l1(x, 0.5) + l2(x) + l2(x, 0.5) + l1_l2(x)", x=(2, 3))
def norms(x):
    return 0.51 * abs(x).sum((1, 2)) + 0.51 * (x ** 2).sum((1, 2)) + 0.01 * (abs(x) + x ** 2).sum((1, 2))


# OrthogonalRegularizer
def keras_orthogonal(x, factor):
    unit = x / torch.linalg.norm(x, dim=-1, keepdim=True)
    product = unit @ unit.transpose(-1, -2) * (1 - torch.eye(x.shape[-2]))
    pairs = x.shape[-2] * (x.shape[-2] - 1) / 2
    return 0.5 * factor * abs(product).sum((-1, -2)) / pairs


@layer("orthogonal_penalty(x) + orthogonal_penalty(x, 0.5, mode = \"columns\")", x=(3, 4))
def orthogonal_penalty(x):
    return keras_orthogonal(x, 0.01) + keras_orthogonal(x.transpose(1, 2), 0.5)
