# SPDX-License-Identifier: MIT
"""Recurrent layers: keras/src/layers/rnn (Keras 3), by the equations of each step. PyTorch's own LSTM and GRU order gates otherwise, and
its GRU has but one form."""
import numpy as np
import torch

from case import layer


def lstm_step(x, h, c, kernel, recurrent_kernel, bias, activation=torch.tanh, gate=torch.sigmoid):
    i, f, g, o = (x @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
    c = gate(f) * c + gate(i) * activation(g)
    return gate(o) * activation(c), c


def gru_step(x, h, kernel, recurrent_kernel, bias, reset_after=True, activation=torch.tanh, gate=torch.sigmoid):
    u = h.shape[-1]
    wz, wr, wh = kernel.split(u, 1)
    uz, ur, uh = recurrent_kernel.split(u, 1)
    bz, br, bh = (bias[0] if reset_after else bias).split(u)
    cz, cr, ch = bias[1].split(u) if reset_after else (0, 0, 0)
    z = gate(x @ wz + bz + h @ uz + cz)
    r = gate(x @ wr + br + h @ ur + cr)
    new = activation(x @ wh + bh + (r * (h @ uh + ch) if reset_after else (r * h) @ uh))
    return z * h + (1 - z) * new


def run(step, x, state, mask=None, backwards=False):
    """The states of every step, [N, T, U] for each, in the order they are made."""
    states, order = [], range(x.shape[1])
    for t in reversed(order) if backwards else order:
        new = step(x[:, t], *state)
        new = new if isinstance(new, tuple) else (new,)
        if mask is not None:
            new = tuple(torch.where(mask[:, t, None], n, s) for n, s in zip(new, state))
        state = new
        states.append(state)
    return [torch.stack(s, 1) for s in zip(*states)]


def zeros(x, u, n=1):
    return (x.new_zeros(len(x), u),) * n


def lstm_of(x, kernel, recurrent_kernel, bias, state=None, mask=None, backwards=False, **how):
    u = recurrent_kernel.shape[0]
    return run(lambda x, h, c: lstm_step(x, h, c, kernel, recurrent_kernel, bias, **how), x, state or zeros(x, u, 2), mask, backwards)


def gru_of(x, kernel, recurrent_kernel, bias, state=None, mask=None, backwards=False, **how):
    u = recurrent_kernel.shape[0]
    return run(lambda x, h: gru_step(x, h, kernel, recurrent_kernel, bias, **how), x, state or zeros(x, u), mask, backwards)[0]


def rnn_of(x, kernel, recurrent_kernel, bias, state=None, mask=None, backwards=False, activation=torch.tanh):
    u = recurrent_kernel.shape[0]
    return run(lambda x, h: activation(x @ kernel + h @ recurrent_kernel + bias), x, state or zeros(x, u), mask, backwards)[0]


def params(i, u, gates, bias=None, at="it"):
    return {f"{at}.kernel": (i, gates * u), f"{at}.recurrent_kernel": (u, gates * u), f"{at}.bias": bias or (gates * u,)}


MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0]])
MASKED = {"m": MASK}


# ---- LSTM

@layer("lstm(x, 3) as it", x=(4, 2), params=params(2, 3, 4))
def lstm(x, kernel, recurrent_kernel, bias):
    return lstm_of(x, kernel, recurrent_kernel, bias)[0][:, -1]


@layer("lstm(x, 2, return_sequences = true) as it", x=(3, 3), params=params(3, 2, 4))
def lstm_sequences(x, kernel, recurrent_kernel, bias):
    return lstm_of(x, kernel, recurrent_kernel, bias)[0]


@layer("lstm(x, 2, softsign, hard_sigmoid, use_bias = false, go_backwards = true, return_sequences = true) as it", x=(3, 2),
       params={"it.kernel": (2, 8), "it.recurrent_kernel": (2, 8)})
def lstm_backwards(x, kernel, recurrent_kernel):
    gate = lambda x: torch.clamp(x / 6 + 0.5, 0, 1)
    return lstm_of(x, kernel, recurrent_kernel, 0, backwards=True, activation=torch.nn.functional.softsign, gate=gate)[0]


@layer("lstm(x, 2, return_sequences = true, return_state = true, initial_h = h, initial_c = c) as it", x=(3, 2), h=(2,), c=(2,),
       params=params(2, 2, 4))
def lstm_states(x, h, c, kernel, recurrent_kernel, bias):
    hs, cs = lstm_of(x, kernel, recurrent_kernel, bias, (h, c))
    return hs, hs[:, -1], cs[:, -1]


@layer("lstm(x, 2, return_sequences = true, return_state = true, mask = m > 0) as it", x=(4, 2), ints=MASKED, params=params(2, 2, 4))
def lstm_masked(x, m, kernel, recurrent_kernel, bias):
    hs, cs = lstm_of(x, kernel, recurrent_kernel, bias, mask=m > 0)
    return hs, hs[:, -1], cs[:, -1]


@layer("lstm(x, 2, go_backwards = true, mask = m > 0) as it", x=(4, 2), ints=MASKED, params=params(2, 2, 4))
def lstm_masked_backwards(x, m, kernel, recurrent_kernel, bias):
    return lstm_of(x, kernel, recurrent_kernel, bias, mask=m > 0, backwards=True)[0][:, -1]


# ---- GRU

@layer("gru(x, 3) as it", x=(4, 2), params=params(2, 3, 3, (2, 9)))
def gru(x, kernel, recurrent_kernel, bias):
    return gru_of(x, kernel, recurrent_kernel, bias)[:, -1]


@layer("gru(x, 2, reset_after = false, return_sequences = true) as it", x=(3, 2), params=params(2, 2, 3))
def gru_reset_before(x, kernel, recurrent_kernel, bias):
    return gru_of(x, kernel, recurrent_kernel, bias, reset_after=False)


@layer("gru(x, 2, relu, tanh, use_bias = false, go_backwards = true) as it", x=(3, 2),
       params={"it.kernel": (2, 6), "it.recurrent_kernel": (2, 6)})
def gru_backwards(x, kernel, recurrent_kernel):
    return gru_of(x, kernel, recurrent_kernel, torch.zeros(2, 6), backwards=True, activation=torch.relu, gate=torch.tanh)[:, -1]


@layer("gru(x, 2, return_sequences = true, return_state = true, initial_state = h, mask = m > 0) as it", x=(4, 2), h=(2,), ints=MASKED,
       params=params(2, 2, 3, (2, 6)))
def gru_masked(x, h, m, kernel, recurrent_kernel, bias):
    hs = gru_of(x, kernel, recurrent_kernel, bias, (h,), m > 0)
    return hs, hs[:, -1]


@layer("gru(x, 2, reset_after = false, use_bias = false, go_backwards = true, mask = m > 0) as it", x=(4, 2), ints=MASKED,
       params={"it.kernel": (2, 6), "it.recurrent_kernel": (2, 6)})
def gru_masked_backwards(x, m, kernel, recurrent_kernel):
    return gru_of(x, kernel, recurrent_kernel, torch.zeros(6), mask=m > 0, backwards=True, reset_after=False)[:, -1]


# ---- simple RNN

@layer("simple_rnn(x, 3) as it", x=(4, 2), params=params(2, 3, 1))
def simple_rnn(x, kernel, recurrent_kernel, bias):
    return rnn_of(x, kernel, recurrent_kernel, bias)[:, -1]


@layer("simple_rnn(x, 2, relu, use_bias = false, return_sequences = true, go_backwards = true) as it", x=(3, 2),
       params={"it.kernel": (2, 2), "it.recurrent_kernel": (2, 2)})
def simple_rnn_backwards(x, kernel, recurrent_kernel):
    return rnn_of(x, kernel, recurrent_kernel, 0, backwards=True, activation=torch.relu)


@layer("simple_rnn(x, 2, return_sequences = true, return_state = true, initial_state = h, mask = m > 0) as it", x=(4, 2), h=(2,),
       ints=MASKED, params=params(2, 2, 1))
def simple_rnn_masked(x, h, m, kernel, recurrent_kernel, bias):
    hs = rnn_of(x, kernel, recurrent_kernel, bias, (h,), m > 0)
    return hs, hs[:, -1]


# ---- in both directions

def both(i, u, gates, bias=None):
    return params(i, u, gates, bias, "it.forward") | params(i, u, gates, bias, "it.backward")


@layer("bidirectional(x, lstm(2)) as it", x=(3, 2), params=both(2, 2, 4))
def bidirectional(x, forward_kernel, forward_recurrent_kernel, forward_bias, backward_kernel, backward_recurrent_kernel, backward_bias):
    a = lstm_of(x, forward_kernel, forward_recurrent_kernel, forward_bias)[0][:, -1]
    b = lstm_of(x, backward_kernel, backward_recurrent_kernel, backward_bias, backwards=True)[0][:, -1]
    return torch.cat([a, b], -1)


@layer('bidirectional(x, gru(2, return_sequences = true), "mul") as it', x=(3, 2), params=both(2, 2, 3, (2, 6)))
def bidirectional_mul(x, forward_kernel, forward_recurrent_kernel, forward_bias, backward_kernel, backward_recurrent_kernel, backward_bias):
    a = gru_of(x, forward_kernel, forward_recurrent_kernel, forward_bias)
    b = gru_of(x, backward_kernel, backward_recurrent_kernel, backward_bias, backwards=True).flip(1)
    return a * b


@layer('bidirectional(x, simple_rnn(2, return_sequences = true), "ave", mask = m > 0) as it', x=(4, 2), ints=MASKED, params=both(2, 2, 1))
def bidirectional_masked(x, m, forward_kernel, forward_recurrent_kernel, forward_bias, backward_kernel, backward_recurrent_kernel,
                         backward_bias):
    a = rnn_of(x, forward_kernel, forward_recurrent_kernel, forward_bias, mask=m > 0)
    b = rnn_of(x, backward_kernel, backward_recurrent_kernel, backward_bias, mask=m > 0, backwards=True).flip(1)
    return (a + b) / 2 * m[:, :, None]


@layer('bidirectional(x, simple_rnn(2), "sum", backward_layer = simple_rnn(2, relu), mask = m > 0) as it', x=(4, 2), ints=MASKED,
       params=both(2, 2, 1))
def bidirectional_sum(x, m, forward_kernel, forward_recurrent_kernel, forward_bias, backward_kernel, backward_recurrent_kernel, backward_bias):
    a = rnn_of(x, forward_kernel, forward_recurrent_kernel, forward_bias, mask=m > 0)
    b = rnn_of(x, backward_kernel, backward_recurrent_kernel, backward_bias, mask=m > 0, backwards=True, activation=torch.relu)
    return a[:, -1] + b[:, -1]


@layer("bidirectional(x, simple_rnn(2, return_sequences = true), none) as it", x=(3, 2), params=both(2, 2, 1))
def bidirectional_pair(x, forward_kernel, forward_recurrent_kernel, forward_bias, backward_kernel, backward_recurrent_kernel, backward_bias):
    a = rnn_of(x, forward_kernel, forward_recurrent_kernel, forward_bias)
    b = rnn_of(x, backward_kernel, backward_recurrent_kernel, backward_bias, backwards=True).flip(1)
    return a, b


@layer("time_distributed(x, dense(3, relu)) as it", x=(4, 2), params={"it.step.kernel": (2, 3), "it.step.bias": (3,)})
def time_distributed(x, step_kernel, step_bias):
    return torch.relu(x @ step_kernel + step_bias)
