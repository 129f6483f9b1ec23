#!/bin/sh
# Trajectories recorded with another framework, in DLC_GOLDEN (or ../shared/golden): five models, with the interpreter and both
# engines. A case is a folder with model.dl, weights, one batch, and what is expected of ten training steps on it.
. tests/tap.sh
golden=${DLC_GOLDEN:-../shared/golden}
export XDG_CACHE_HOME="$PWD/$work/cache"

# agrees CASE ENGINE
agrees() {
    "$dlc" trace "$golden/$1/model.dl" --weights "$golden/$1/weights.safetensors" --batch "$golden/$1/batch.safetensors" \
        --steps 10 --jit "$2" -o "$work/trace.safetensors" &&
        "$build/models/compare_trace" "$golden/$1/expected.safetensors" "$work/trace.safetensors" gradient.key.bias
}

for case in cnn rnn attention encoder ties; do
    if [ ! -d "$golden/$case" ]; then
        skip "$case" "no $golden/$case"
        continue
    fi
    for engine in interpret tcc cc; do
        check "$case $engine" agrees $case $engine
    done
done
finish
