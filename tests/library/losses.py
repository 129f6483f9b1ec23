# SPDX-License-Identifier: MIT
"""Losses: keras/src/losses/losses.py (Keras 3), whose functions end in a mean over the last axis, as an example's here."""
import numpy as np
import torch
import torch.nn.functional as F

from case import layer

EPSILON = 1e-7  # keras.config.epsilon()
ONE = float(np.float32(1 - EPSILON))  # as near to 1 as probabilities get in f32
HUGE = np.array([[-1e4, 1e4, -100, 100]])
TRUTH = np.array([[0.0, 1.0, 1.0, 0.0]])
PROBS = np.array([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25], [0.05, 0.05, 0.9]])
POSITIVE = np.array([[0.3, 1.2, 2.5], [0.7, 0.1, 1.9], [3.0, 0.5, 0.2]])
SIGNS = np.array([[1.0, -1, -1], [-1, 1, 1], [1, 1, -1]])
ONE_HOT = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])


def examples(x):
    """The mean over everything but the examples."""
    return x.reshape(len(x), -1).mean(1)


def one_hot(label, classes, smoothing):
    return F.one_hot(label, classes) * (1 - smoothing) + smoothing / classes


@layer("cross_entropy(x, label)", x=(2, 4), ints={"label": ((2,), 4)})
def cross_entropy(x, label):
    return F.cross_entropy(x.transpose(1, 2), label, reduction="none")


@layer("cross_entropy(x, label, label_smoothing = 0.1)", x=(4,), ints={"label": ((), 4)})
def cross_entropy_smooth(x, label):
    return F.cross_entropy(x, label, reduction="none", label_smoothing=0.1)


# backend.sparse_categorical_crossentropy: over the sum, clipped
def keras_probs(p):
    return (p / p.sum(-1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)


@layer("cross_entropy(x, label, from_logits = false)", x=POSITIVE, ints={"label": ((), 3)})
def cross_entropy_probs(x, label):
    return -(one_hot(label, 3, 0) * torch.log(keras_probs(x))).sum(-1)


@layer("cross_entropy(x, label, from_logits = false)", x=np.array([[[0.0, 2, 0], [0, 0, 0.5]]]), ints={"label": np.array([[1, 0]])},
       gradients=False)
def cross_entropy_certain(x, label):
    return -(one_hot(label, 3, 0) * torch.log((x / x.sum(-1, keepdim=True)).clamp(EPSILON, ONE))).sum(-1)


@layer("cross_entropy(x, 2 - label, from_logits = false)", x=np.array([[0.0, 2, 0]]), ints={"label": np.array([0])}, gradients=False)
def cross_entropy_wrong(x, label):
    return -(one_hot(2 - label, 3, 0) * torch.log((x / 2).clamp(EPSILON, ONE))).sum(-1)


@layer("cross_entropy(x, label)", x=HUGE, ints={"label": np.array([0])})
def cross_entropy_huge(x, label):
    return F.cross_entropy(x, label, reduction="none")


@layer("categorical_cross_entropy(x, t)", x=(2, 3), t=(2, 3))
def categorical_cross_entropy(x, t):
    return -(t * torch.log_softmax(x, -1)).sum(-1)


@layer("categorical_cross_entropy(x, t, label_smoothing = 0.2)", x=(3,), t=PROBS)
def categorical_cross_entropy_smooth(x, t):
    return -((t * 0.8 + 0.2 / 3) * torch.log_softmax(x, -1)).sum(-1)


@layer("categorical_cross_entropy(x, t, from_logits = false)", x=POSITIVE, t=PROBS)
def categorical_cross_entropy_probs(x, t):
    return -(t * torch.log(keras_probs(x))).sum(-1)


@layer("binary_cross_entropy(x, t) + binary_cross_entropy(x, t, label_smoothing = 0.1)", x=(3,), t=PROBS)
def binary_cross_entropy(x, t):
    loss = lambda t: F.binary_cross_entropy_with_logits(x, t, reduction="none")
    return loss(t) + loss(t * 0.9 + 0.05)


@layer("binary_cross_entropy(sigmoid(x), t, from_logits = false)", x=(3,), t=PROBS)
def binary_cross_entropy_probs(x, t):
    return F.binary_cross_entropy_with_logits(x, t, reduction="none")


@layer("binary_cross_entropy(p, t, from_logits = false)", p=np.array([[0.0, 1.0, 1.0, 0.0]]), t=TRUTH, gradients=False)
def binary_cross_entropy_certain(p, t):
    p = p.clamp(EPSILON, ONE)
    return -(t * torch.log(p) + (1 - t) * torch.log1p(-p))


@layer("binary_cross_entropy(p, 1 - p, from_logits = false)", p=np.array([[0.0, 1.0]]), gradients=False)
def binary_cross_entropy_wrong(p):
    q = p.clamp(EPSILON, ONE)
    return -((1 - p) * torch.log(q) + p * torch.log1p(-q))


@layer("binary_cross_entropy(x, t)", x=HUGE, t=TRUTH)
def binary_cross_entropy_huge(x, t):
    return F.binary_cross_entropy_with_logits(x, t, reduction="none")


@layer("binary_cross_entropy(x, t)", x=np.array([[-12.0, 14, 16, -20], [0, 0, 0, 0]]), t=np.repeat(TRUTH, 2, 0))
def binary_cross_entropy_sure(x, t):
    return F.binary_cross_entropy_with_logits(x, t, reduction="none")


# binary_focal_crossentropy: focal_factor = (1 - p_t) ^ gamma
def keras_focal(x, t, gamma):
    p = torch.sigmoid(x)
    p_t = t * p + (1 - t) * (1 - p)
    return (1 - p_t) ** gamma * F.binary_cross_entropy_with_logits(x, t, reduction="none")


@layer("binary_focal_cross_entropy(x, t) + binary_focal_cross_entropy(x, t, 1.5, alpha = 0.25)", x=(3,), t=PROBS)
def binary_focal_cross_entropy(x, t):
    return keras_focal(x, t, 2) + (t * 0.25 + (1 - t) * 0.75) * keras_focal(x, t, 1.5)


@layer("binary_focal_cross_entropy(x, t)", x=HUGE, t=TRUTH)
def binary_focal_cross_entropy_huge(x, t):
    return keras_focal(x, t, 2)


@layer("mean_squared_error(x, t)", x=(2, 3), t=(2, 3))
def mean_squared_error(x, t):
    return examples((x - t) ** 2)


@layer("mean_absolute_error(x, t)", x=(2, 3), t=(2, 3))
def mean_absolute_error(x, t):
    return examples(abs(x - t))


@layer("mean_absolute_percentage_error(x, t)", x=(2, 3), t=(2, 3))
def mean_absolute_percentage_error(x, t):
    return 100 * examples(abs((t - x) / abs(t).clamp(min=EPSILON)))


@layer("mean_squared_logarithmic_error(x, t)", x=POSITIVE, t=np.array([[0.5, 1, 0.1], [0, 2, 1], [1, -1, 0.3]]))
def mean_squared_logarithmic_error(x, t):
    log = lambda x: torch.log(x.clamp(min=EPSILON) + 1)
    return examples((log(x) - log(t)) ** 2)


@layer("huber(3 * x, t) + huber(x, t, delta = 0.3)", x=(2, 3), t=(2, 3))
def huber(x, t):
    return examples(F.huber_loss(3 * x, t, "none") + F.huber_loss(x, t, "none", delta=0.3))


@layer("log_cosh(x, t)", x=(2, 3), t=(2, 3))
def log_cosh(x, t):
    return examples(torch.log(torch.cosh(x - t)))


@layer("log_cosh(x, 0.5 * x)", x=HUGE)
def log_cosh_huge(x):
    return examples(abs(x / 2) + torch.log1p(torch.exp(-abs(x))) - np.log(2))


@layer("hinge(x, t)", x=(3,), t=SIGNS)
def hinge(x, t):
    return examples(F.relu(1 - t * x))


@layer("squared_hinge(x, t)", x=(3,), t=SIGNS)
def squared_hinge(x, t):
    return examples(F.relu(1 - t * x) ** 2)


@layer("categorical_hinge(2 * x, t)", x=(3,), t=ONE_HOT)
def categorical_hinge(x, t):
    return F.relu(((1 - t) * 2 * x).max(-1)[0] - (t * 2 * x).sum(-1) + 1)


@layer("kl_divergence(softmax(x), t)", x=(3,), t=PROBS)
def kl_divergence(x, t):
    return F.kl_div(torch.log_softmax(x, -1), t, reduction="none").sum(-1)


@layer("kl_divergence(x, t)", x=np.array([[0.0, 1.0, 0.0]]), t=np.array([[1.0, 0.0, 0.0]]), gradients=False)
def kl_divergence_certain(x, t):
    x, t = x.clamp(EPSILON, 1), t.clamp(EPSILON, 1)
    return (t * torch.log(t / x)).sum(-1)


@layer("poisson(x, t)", x=POSITIVE, t=np.array([[0.0, 1, 3], [2, 0, 1], [5, 0, 0]]))
def poisson(x, t):
    return examples(x - t * torch.log(x + EPSILON))


@layer("cosine_similarity(x, t)", x=(2, 3), t=(2, 3))
def cosine_similarity(x, t):
    return -F.cosine_similarity(x, t, -1)


@layer("cosine_similarity(x, t, axis = 0)", x=(2, 3), t=(2, 3))
def cosine_similarity_axis(x, t):
    return -F.cosine_similarity(x, t, 1)


# Of a vector of zeros: 0, and gradients that are finite.
@layer("cosine_similarity(x, t)", x=np.array([[0.0, 0, 0], [3, 4, 0]]), t=np.array([[1.0, 2, 3], [0, 0, 0]]))
def cosine_similarity_zero(x, t):
    unit = lambda x: x / (x ** 2).sum(-1, keepdim=True).clamp(min=EPSILON ** 2).sqrt()
    return -(unit(x) * unit(t)).sum(-1)


@layer("unit_vector(x)", x=(2, 3))
def unit_vector(x):
    return F.normalize(x, dim=-1)


@layer("smooth_one_hot(label, 4, 0.1) + smooth_one_hot(label, 4)", ints={"label": ((2,), 4)}, gradients=False)
def smooth_one_hot(label):
    return one_hot(label, 4, 0.1) + one_hot(label, 4, 0)


@layer("log_probs(x) + log_probs(exp(x), from_logits = false)", x=(3,))
def log_probs(x):
    return 2 * torch.log_softmax(x, -1)
