# Models on boards: `trains MODEL OPTION...` and `infers MODEL OPTION...`.
. tests/metal/boards.sh

# prepare KIND NAME [--train-batch N] [--set K=V]... [--limit INPUT=N]... [--steps N]: what dsl_examples/NAME.dl has to compute, in
# double, and a program that does, both by reference.c: KIND is train, or baked for inference with weights as constants.
prepare() {
    kind=$1 model=$2
    shift 2
    options=$(printf '%s\n' "$@" | awk '/^--(limit|steps)$/ { getline; next } { print }')
    mkdir -p "$work/$model/$kind"
    check "$model: interpreted, to $kind" "$build/reference" "dsl_examples/$model.dl" -o "$work/$model/$kind" --$kind "$@"
}

# The largest arena that a header tells of.
arena_most() {
    sed -n 's/^#define [A-Z0-9_]*ARENA_BYTES \([0-9]*\).*/\1/p' "$1" | sort -n | tail -n 1
}

# built MODEL KIND BOARD DLC-OPTION...: a program in a folder of its own
built() {
    model=$1 kind=$2 board=$3 folder=$work/$1/$2/$3
    shift 3
    mkdir -p "$folder" && $dlc "dsl_examples/$model.dl" --target "$(metal_target "$board")" -o "$folder/$model.c" "$@" &&
        METAL_CFLAGS="-I$folder -DARENA_MOST=$(arena_most "$folder/$model.h") ${METAL_CFLAGS:-}" \
            metal_build "$board" "$folder/program" "$work/$model/$kind/driver.c" "$folder/$model.c"
}

# computes MODEL KIND BOARD: what the interpreter does, and every call that has to be refused is
computes() {
    folder=$work/$1/$2
    metal_run "$3" "$folder/$3/program" "$folder/inputs.bin" "$folder/$3/results.bin" &&
        "$build/reference" --compare "$folder/expected.bin" "$folder/$3/results.bin"
}

trains_on() {
    check "$1 on $2: builds, to train" built "$1" train "$2" --train $options
    check "$1 on $2: trains as the interpreter does, refuses bad indices" computes "$1" train "$2"
}

trains() {
    prepare train "$@"
    on_boards trains_on "$1"
}

infers_on() {
    check "$1 on $2: builds, weights in flash" built "$1" baked "$2" --weights "$work/$1/baked/weights.safetensors" $options
    check "$1 on $2: infers as the interpreter does, refuses bad indices" computes "$1" baked "$2"
}

infers() {
    prepare baked "$@"
    on_boards infers_on "$1"
}
