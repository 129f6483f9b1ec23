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
        metal_compile "$board" "$folder/$model.o" "$folder/$model.c" &&
        METAL_CFLAGS="-I$folder -DARENA_MOST=$(arena_most "$folder/$model.h") ${METAL_CFLAGS:-}" \
            metal_build "$board" "$folder/program" "$work/$model/$kind/driver.c" "$folder/$model.o"
}

# self_contained MODEL KIND BOARD: no library but the compiler's own, no variables. nm knows no objects of WebAssembly: these have no bytes
# that are written where a program's data is as large as its constants, which is what --report says.
self_contained() {
    object=$work/$1/$2/$3/$1.o
    metal_closed "$3" "$object" || return
    case $3 in
    wasm32*) ;;
    *) ! nm "$object" | grep -E ' [BbDdGgSsCVv] ' ;;
    esac
}

# stack_is_known MODEL BOARD OPTION...: what `computes` has seen calls use of the stack is what --report has, but for the last words of
# a frame that nothing was written to. A routine of the compiler's library is not in that, and has less than 64 bytes.
stack_is_known() {
    model=$1 board=$2
    shift 2
    $dlc "dsl_examples/$model.dl" --target "$(metal_target "$board")" --cc "$(metal_field "$board" 3)" --report "$@" >"$work/report" || return
    big=$(echo "$model" | tr a-z A-Z)
    known "$big"_INIT_ARENA_BYTES init && known "$big"_ARENA_BYTES infer && known "$big"_TRAIN_ARENA_BYTES 'train_step|gradients|evaluate'
}

known() { # known ARENA FUNCTIONS
    used=$(sed -n "s/^stack $1 //p" "$work/$model/train/$board/printed")
    said=$(awk -v functions="^${model}_($2)$" '$1 ~ functions && NF == 2 && $2 > most { most = $2 } END { print most + 0 }' "$work/report")
    echo "$2: $used bytes used, $said expected"
    [ "$used" -gt $((said - 16)) ] && [ "$used" -lt $((said + 64)) ]
}

# computes MODEL KIND BOARD: what the interpreter does, and every call that has to be refused is
computes() {
    folder=$work/$1/$2
    metal_run "$3" "$folder/$3/program" "$folder/inputs.bin" "$folder/$3/results.bin" >"$folder/$3/printed" || {
        cat "$folder/$3/printed"
        return 1
    }
    "$build/reference" --compare "$folder/expected.bin" "$folder/$3/results.bin"
}

trains_on() {
    check "$1 on $2: builds, to train" built "$1" train "$2" --train $options
    check "$1 on $2: needs no library, keeps no variables" self_contained "$1" train "$2"
    check "$1 on $2: trains as the interpreter does, refuses bad indices" computes "$1" train "$2"
}

trains() {
    prepare train "$@"
    on_boards trains_on "$1"
}

# Behind `trains`, with the same options.
uses_known_stack_on() {
    case $2 in
    host | wasm32*) ;;
    *) check "$1 on $2: the stack that --report says" stack_is_known "$1" "$2" --train $options ;;
    esac
}

infers_on() {
    check "$1 on $2: builds, weights in flash" built "$1" baked "$2" --weights "$work/$1/baked/weights.safetensors" $options
    check "$1 on $2: needs no library, has its weights in flash" self_contained "$1" baked "$2"
    check "$1 on $2: infers as the interpreter does, refuses bad indices" computes "$1" baked "$2"
}

infers() {
    prepare baked "$@"
    on_boards infers_on "$1"
}

both() { # both MODEL TRAINING-OPTION... -- OPTION...: the latter for inference too
    model=$1 training=
    shift
    while [ $# != 0 ] && [ "$1" != -- ]; do
        training="$training $1"
        shift
    done
    [ $# = 0 ] || shift
    trains "$model" $training "$@"
    case $training in
    *'--steps 0'*) ;; # the deepest call is no part of it
    *) on_boards uses_known_stack_on "$model" ;;
    esac
    infers "$model" "$@"
}
