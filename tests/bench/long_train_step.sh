#!/bin/sh
# The CNN's training step against PyTorch's, one thread: no slower than 1.5 times.
exec python3 tests/bench/train_step.py cnn 32
