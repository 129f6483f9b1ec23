# SPDX-License-Identifier: MIT
"""Attention: keras/src/layers/attention/multi_head_attention.py (Keras 3), by einsum as there; what a mask hides is taken away by minus
infinity, as in PyTorch's scaled_dot_product_attention."""
import numpy as np
import torch

from case import layer


def attention(q, k, v, mask=None, causal=False):
    scores = torch.einsum("...sd,...td->...st", q, k) / q.shape[-1] ** 0.5
    seen = torch.ones_like(scores, dtype=torch.bool)
    seen = seen if mask is None else seen & mask
    seen = seen.tril() if causal else seen
    return torch.einsum("...st,...te->...se", torch.softmax(scores.masked_fill(~seen, -torch.inf), -1), v)


@layer("weighted_mean(s, v)", s=(2, 3), v=(3, 2))
def weighted_mean(s, v):
    return torch.softmax(s, -1) @ v


# Its infinities would be alike in any case: what they leave of the values is compared.
@layer("weighted_mean(causal_scores(q, k, first = 1), v)", q=(2, 3), k=(4, 3), v=(4, 2))
def causal_scores(q, k, v):
    seen = torch.arange(4) <= torch.arange(2)[:, None] + 1
    return torch.softmax((q @ k.transpose(-1, -2)).masked_fill(~seen, -torch.inf), -1) @ v


SEEN = np.array([[[1, 0, 1], [1, 1, 0]], [[0, 1, 0], [1, 1, 1]], [[1, 0, 0], [0, 0, 1]]])
PADDING = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]])


@layer("scaled_dot_product_attention(q, k, v)", q=(2, 4), k=(3, 4), v=(3, 2))
def scaled_dot_product_attention(q, k, v):
    return attention(q, k, v)


@layer("scaled_dot_product_attention(q, k, v, causal = true)", q=(2, 3, 2), k=(2, 3, 2), v=(2, 3, 1))
def scaled_dot_product_attention_causal(q, k, v):
    return attention(q, k, v, causal=True)


@layer("scaled_dot_product_attention(q, k, v, causal = true)", q=(197, 2), k=(197, 2), v=(197, 1))
def scaled_dot_product_attention_in_blocks(q, k, v):
    return attention(q, k, v, causal=True)


@layer("scaled_dot_product_attention(q, k, v, mask = m > 0)", q=(2, 2), k=(3, 2), v=(3, 2), ints={"m": SEEN})
def scaled_dot_product_attention_masked(q, k, v, m):
    return attention(q, k, v, m > 0)


@layer("scaled_dot_product_attention(q, k, v, causal = true, mask = reshape(m > 0, [1, 3]))", q=(3, 2), k=(3, 2), v=(3, 2),
       ints={"m": PADDING})
def scaled_dot_product_attention_padded(q, k, v, m):
    return attention(q, k, v, m[:, None] > 0, causal=True)


def heads(x, kernel, bias, n):
    kernel = kernel.reshape(kernel.shape[0], n, -1)
    return torch.einsum("btd,dhe->bhte", x, kernel) + (0 if bias is None else bias.reshape(n, 1, -1))


def mixed(y, kernel, bias=0):
    return torch.einsum("bhte,heu->btu", y, kernel.reshape(y.shape[1], y.shape[3], -1)) + bias


def params(query, key, value, output):
    """(inputs, outputs) of each kernel."""
    kernels = {"query": query, "key": key, "value": value, "output": output}
    return {f"it.{name}.kernel": shape for name, shape in kernels.items()} | {f"it.{name}.bias": shape[1:] for name, shape in kernels.items()}


@layer("multi_head_attention(x, x, 2, 3) as it", x=(3, 4), params=params((4, 6), (4, 6), (4, 6), (6, 4)))
def multi_head_attention(x, query_kernel, key_kernel, value_kernel, output_kernel, query_bias, key_bias, value_bias, output_bias):
    q, k, v = heads(x, query_kernel, query_bias, 2), heads(x, key_kernel, key_bias, 2), heads(x, value_kernel, value_bias, 2)
    return mixed(attention(q, k, v), output_kernel, output_bias)


@layer("multi_head_attention(q, v, 2, 3, 1, key = k, output_dim = 5, mask = m > 0) as it", q=(2, 4), v=(3, 3), k=(3, 2), ints={"m": SEEN},
       params=params((4, 6), (2, 6), (3, 2), (2, 5)))
def multi_head_attention_keys(q, v, k, m, query_kernel, key_kernel, value_kernel, output_kernel, query_bias, key_bias, value_bias, output_bias):
    q, k, v = heads(q, query_kernel, query_bias, 2), heads(k, key_kernel, key_bias, 2), heads(v, value_kernel, value_bias, 2)
    return mixed(attention(q, k, v, m[:, None] > 0), output_kernel, output_bias)


@layer("multi_head_attention(x, x, 3, 2, use_bias = false, causal = true, mask = reshape(m > 0, [1, 3])) as it", x=(3, 2), ints={"m": PADDING},
       params={"it.query.kernel": (2, 6), "it.key.kernel": (2, 6), "it.value.kernel": (2, 6), "it.output.kernel": (6, 2)})
def multi_head_attention_causal(x, m, query_kernel, key_kernel, value_kernel, output_kernel):
    q, k, v = (heads(x, kernel, None, 3) for kernel in (query_kernel, key_kernel, value_kernel))
    return mixed(attention(q, k, v, m[:, None, None] > 0, causal=True), output_kernel)
