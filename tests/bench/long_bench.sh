#!/bin/sh
# Against PyTorch and ONNX Runtime, one thread, where they are installed: nowhere slower than 0.9 of them.
exec python3 tests/bench/bench.py --models "cnn rnn attn" --least 0.9
