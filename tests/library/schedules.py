# SPDX-License-Identifier: MIT
"""Schedules: keras/src/optimizers/schedules/learning_rate_schedule.py (Keras 3), whose steps count from 0; one_cycle by PyTorch."""
import math

import torch

from case import schedule

HEAD = """
optimizer case_assign(p: f32[...], gradient: f32[...], step: i32; rate) {
    p <- rate * gradient
}
"""


@schedule("piecewise_constant(step, [3, 5], [0.5, 0.25, 0.1])")
def piecewise_constant(step):
    return 0.5 if step - 1 <= 3 else 0.25 if step - 1 <= 5 else 0.1


@schedule("exponential_decay(step, 0.1, 5, 0.96)")
def exponential_decay(step):
    return 0.1 * 0.96 ** ((step - 1) / 5)


@schedule("exponential_decay(step, 0.1, 5, 0.5, staircase = true)")
def exponential_decay_staircase(step):
    return 0.1 * 0.5 ** ((step - 1) // 5)


@schedule("inverse_time_decay(step, 0.1, 4, 0.5)")
def inverse_time_decay(step):
    return 0.1 / (1 + 0.5 * (step - 1) / 4)


@schedule("inverse_time_decay(step, 0.1, 4, 0.5, staircase = true)")
def inverse_time_decay_staircase(step):
    return 0.1 / (1 + 0.5 * ((step - 1) // 4))


@schedule("polynomial_decay(step, 0.1, 8)")
def polynomial_decay(step):
    return (0.1 - 0.0001) * (1 - min(step - 1, 8) / 8) + 0.0001


@schedule("polynomial_decay(step, 0.1, 5, 0.01, power = 0.5)")
def polynomial_decay_power(step):
    return (0.1 - 0.01) * (1 - min(step - 1, 5) / 5) ** 0.5 + 0.01


@schedule("polynomial_decay(step, 0.1, 4, 0.01, power = 2, cycle = true)")
def polynomial_decay_cycle(step):
    t = step - 1
    multiplier = 1 if t == 0 else math.ceil(t / 4)
    return (0.1 - 0.01) * (1 - t / (4 * multiplier)) ** 2 + 0.01


def keras_cosine(fraction):
    return 0.5 * (1 + math.cos(math.pi * fraction))


@schedule("cosine_decay(step, 0.1, 20)")
def cosine_decay(step):
    return 0.1 * keras_cosine((step - 1) / 20)


@schedule("cosine_decay(step, 0.1, 10, alpha = 0.05)")
def cosine_decay_alpha(step):
    return 0.1 * (0.95 * keras_cosine(min(step - 1, 10) / 10) + 0.05)


@schedule("cosine_decay(step, 0.01, 6, alpha = 0.1, warmup_target = 0.2, warmup_steps = 4)")
def cosine_decay_warmup(step):
    t = min(step - 1, 10)
    return 0.01 + (0.2 - 0.01) * t / 4 if t < 4 else 0.2 * (0.9 * keras_cosine((t - 4) / 6) + 0.1)


# CosineDecayRestarts, with the number of the restart counted rather than by logarithms
def keras_restarts(step, first, t_mul, m_mul, alpha):
    begin, length, peak = 0, first, 1.0
    while step - 1 >= begin + length:
        begin, length, peak = begin + length, length * t_mul, peak * m_mul
    return (1 - alpha) * peak * keras_cosine((step - 1 - begin) / length) + alpha


@schedule("cosine_decay_restarts(step, 0.1, 3)", steps=46)
def cosine_decay_restarts(step):
    return 0.1 * keras_restarts(step, 3, 2, 1, 0)


@schedule("cosine_decay_restarts(step, 0.1, 4, t_mul = 1, m_mul = 0.5, alpha = 0.1)", steps=14)
def cosine_decay_restarts_equal(step):
    return 0.1 * keras_restarts(step, 4, 1, 0.5, 0.1)


@schedule("cosine_decay_restarts(step, 0.1, 10, 1.5, 0.8)", steps=50)
def cosine_decay_restarts_longer(step):
    return 0.1 * keras_restarts(step, 10, 1.5, 0.8, 0)


def torch_one_cycle(step, **options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, **options)
    for _ in range(step - 1):
        optimizer.step()
        scheduler.step()
    return scheduler.get_last_lr()[0]


@schedule("one_cycle(step, 0.1, 12)")
def one_cycle(step):
    return torch_one_cycle(step, max_lr=0.1, total_steps=12)


@schedule("one_cycle(step, 0.1, 12, 0.5, 10, 100)")
def one_cycle_other(step):
    return torch_one_cycle(step, max_lr=0.1, total_steps=12, pct_start=0.5, div_factor=10, final_div_factor=100)


@schedule("0.2 * linear_warmup(step, 5)")
def linear_warmup(step):
    return 0.2 * min(step / 5, 1)


# section 5.3 of the paper: size^-0.5 * min(step^-0.5, step * warmup_steps^-1.5), here with size 64
@schedule("inverse_square_root(step, (64 * 4) ^ -0.5, 4)")
def inverse_square_root(step):
    return 64 ** -0.5 * min(step ** -0.5, step * 4 ** -1.5)
