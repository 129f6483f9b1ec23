#!/bin/sh
# The recorded trajectories in tests/models/golden, with the interpreter and both engines.
. tests/tap.sh
golden=tests/models/golden
export XDG_CACHE_HOME="$PWD/$work/cache"

# agrees CASE ENGINE
agrees() {
    "$dlc" trace "$golden/$1/model.dl" --weights "$golden/$1/weights.safetensors" --batch "$golden/$1/batch.safetensors" \
        --steps 10 --jit "$2" -o "$work/trace.safetensors" &&
        "$build/models/compare_trace" "$golden/$1/expected.safetensors" "$work/trace.safetensors" gradient.key.bias
}

for case in cnn rnn attention encoder ties; do
    for engine in interpret tcc cc; do
        check "$case $engine" agrees $case $engine
    done
done
finish
