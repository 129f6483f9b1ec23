# SPDX-License-Identifier: MIT
"""Helpers for arrays."""
import torch

from case import layer


@layer("x * clamp(x, -0.5, 0.7) + ones_like(x) - zeros_like(x)", x=(8,))
def elements(x):
    return x * torch.clamp(x, -0.5, 0.7) + 1
