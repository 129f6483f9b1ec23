# SPDX-License-Identifier: MIT
"""The models that are measured, as PyTorch writes them: the same layers and sizes as in dsl_examples/. Inputs are made by MODELS[name]."""
import torch
from torch import nn
import torch.nn.functional as F


def conv_norm(i, o, size, strides=1, padding=0, groups=1, bias=True):
    return nn.Sequential(nn.Conv2d(i, o, size, strides, padding, groups=groups, bias=bias), nn.BatchNorm2d(o))


def head(width, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def separable(i, o, strides=1):
    return nn.Sequential(conv_norm(i, i, 3, strides, 1, i), nn.ReLU(), conv_norm(i, o, 1), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, i, o, strides, shortcut, bias=True):
        super().__init__()
        self.a, self.b = conv_norm(i, o, 3, strides, 1, 1, bias), conv_norm(o, o, 3, 1, 1, 1, bias)
        self.shortcut = nn.Identity() if i == o and strides == 1 else shortcut(i, o, strides)

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))) + self.shortcut(x))


class Recurrent(nn.Module):
    """Two LSTMs; or one, behind an attention over time."""
    def __init__(self, attention):
        super().__init__()
        self.table = nn.Embedding(10000, 64)
        self.w = nn.ParameterList([nn.Parameter(torch.rand(64)) for _ in range(2)]) if attention else None
        self.lstm = nn.LSTM(64, 64, num_layers=1 if attention else 2, batch_first=True)
        self.hidden, self.classifier = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, tokens):
        x = self.table(tokens)
        if self.w is not None:
            x = torch.softmax(self.w[0] * x * torch.tanh(self.w[1] * x), dim=1) * x
        y, _ = self.lstm(x)
        return self.classifier(F.relu(self.hidden(y[:, -1])))


class EncoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query_key_value, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm_a, self.norm_b = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.query_key_value(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(torch.matmul(q * (d // self.heads) ** -0.5, k.transpose(2, 3)), dim=-1)
        attended = torch.matmul(weights, v).transpose(1, 2).reshape(n, t, d)
        x = self.norm_a(x + self.output(attended))
        return self.norm_b(x + self.down(F.relu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self, length=128, width=128):
        super().__init__()
        self.table, self.positions = nn.Embedding(10000, width), nn.Parameter(torch.rand(length, width))
        self.blocks = nn.Sequential(EncoderBlock(width, 4, 4 * width), EncoderBlock(width, 4, 4 * width))
        self.classifier = nn.Linear(width, 10)

    def forward(self, tokens):
        return self.classifier(self.blocks(self.table(tokens) + self.positions).mean(dim=1))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10))


def resnet8():
    def shortcut(i, o, strides):
        return nn.Conv2d(i, o, 1, strides)
    return nn.Sequential(conv_norm(3, 16, 3, 1, 1), nn.ReLU(), Residual(16, 16, 1, shortcut), Residual(16, 32, 2, shortcut),
                         Residual(32, 64, 2, shortcut), head(64, 10))


def ds_cnn():
    return nn.Sequential(conv_norm(1, 64, (10, 4), 2, (5, 1)), nn.ReLU(), *[separable(64, 64) for _ in range(4)], head(64, 12))


def mobilenet():
    layers, width = [conv_norm(3, 8, 3, 2, 1), nn.ReLU()], 8
    for filters, strides in [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + 5 * [(128, 1)] + [(256, 2), (256, 1)]:
        layers.append(separable(width, filters, strides))
        width = filters
    return nn.Sequential(*layers, head(width, 2))


def autoencoder():
    widths = [640] + 4 * [128] + [8] + 4 * [128]
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def resnet18():
    def shortcut(i, o, strides):
        return conv_norm(i, o, 1, strides, bias=False)
    layers, width = [conv_norm(3, 64, 7, 2, 3, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for filters, strides in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        layers.append(Residual(width, filters, strides, shortcut, False))
        width = filters
    return nn.Sequential(*layers, head(width, 1000))


def image(*shape):
    return lambda batch: torch.rand(batch, *shape)


def tokens(length):
    return lambda batch: torch.randint(0, 10000, (batch, length))


# name: the module, its input for a batch, its classes (0: it restores its input)
MODELS = {
    "cnn": (cnn, image(1, 28, 28), 10),
    "rnn": (lambda: Recurrent(False), tokens(100), 10),
    "attn": (lambda: Recurrent(True), tokens(100), 10),
    "encoder": (Encoder, tokens(128), 10),
    "resnet8": (resnet8, image(3, 32, 32), 10),
    "dscnn": (ds_cnn, image(1, 49, 10), 12),
    "mobilenet": (mobilenet, image(3, 96, 96), 2),
    "autoencoder": (autoencoder, lambda batch: torch.rand(batch, 640), 0),
    "resnet18": (resnet18, image(3, 224, 224), 1000),
}


def parameters(model):
    """How many, where an LSTM has one bias and not two."""
    return sum(p.numel() for name, p in model.named_parameters() if "bias_hh" not in name)
