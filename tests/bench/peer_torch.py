"""The examples in PyTorch, at its best on one thread: `peer_torch.py MODEL BATCH LENGTH`. For each line `N` on standard input
it runs N training steps and prints the median of their times in milliseconds, as step.c does."""
import ctypes
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.body(x)


class Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10000, 64)
        self.lstm = nn.LSTM(64, 64, num_layers=2, batch_first=True)
        self.hidden, self.classifier = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        y, _ = self.lstm(self.table(x))
        return self.classifier(F.relu(self.hidden(y[:, -1])))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10000, 64)
        self.w1, self.w2 = nn.Parameter(torch.rand(64)), nn.Parameter(torch.rand(64))
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.hidden, self.classifier = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = self.table(x)
        y, _ = self.lstm(torch.softmax(self.w1 * x * torch.tanh(self.w2 * x), dim=1) * x)
        return self.classifier(F.relu(self.hidden(y[:, -1])))


def keep_heap():
    """Large tensors stay mapped: much faster than faulting them in at every step."""
    libc = ctypes.CDLL(None)
    for what, value in ((-4, 0), (-1, 2 ** 31 - 1), (-2, 2 ** 28)):    # mmap_max, trim_threshold, top_pad
        libc.mallopt(what, value)


def main():
    name, batch, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    keep_heap()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = {"cnn": Cnn, "rnn": Rnn, "attention": Attention}[name]()
    x = torch.rand(batch, 1, 28, 28) if name == "cnn" else torch.randint(0, 10000, (batch, length))
    label = torch.randint(0, 10, (batch,))
    if name == "cnn":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        model = torch.jit.trace(model, x)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7, foreach=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), label)
        loss.backward()
        optimizer.step()

    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter_ns()
            step()
            times.append((time.perf_counter_ns() - begin) * 1e-6)
        print("%.6f" % sorted(times)[len(times) // 2], flush=True)


main()
