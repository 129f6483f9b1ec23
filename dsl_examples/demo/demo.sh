#!/bin/sh
# The whole way, in under two minutes: draw digits, train the CNN on them, write the trained network as one C file, compile
# that with the system's compiler and ask it. Needs build/dlc (`make demo` makes it); leaves everything in build/demo.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
dlc=$build/dlc
demo=$build/demo
mkdir -p "$demo"

# Say what is done, show the command, run it.
step() {
    printf '\n# %s\n$ ' "$1"
    shift
    echo "$*"
    "$@"
}

step "Draw 12000 digits to train on and 2000 to test with." \
    "$dlc" data digits "$demo/data" --train 12000 --test 2000 --seed 1
step "Train the model of dsl_examples/cnn.dl: gradients and training step are derived from its text." \
    "$dlc" train dsl_examples/cnn.dl --data "$demo/data" --epochs "${EPOCHS:-3}" --batch 32 --seed 1 -o "$demo/cnn.safetensors"
step "Write the trained network as C, the weights in it as constants." \
    "$dlc" dsl_examples/cnn.dl --weights "$demo/cnn.safetensors" -o "$demo/cnn.c" --report
step "Compile it into a program. No library but the C compiler's own." \
    "${CC:-cc}" -std=c11 -O2 -Iruntime -I"$demo" dsl_examples/demo/main.c "$demo/cnn.c" -o "$demo/digits"
step "Ask it." \
    "$demo/digits" "$demo/data/t10k-images-idx3-ubyte" "$demo/data/t10k-labels-idx1-ubyte"
