# Training on the STM32F405, all of it: `learns NAME PREFIX BATCH PROGRAM ARGUMENT...` compiles tests/metal/NAME.dl for its two memories, and the program
# for the board and, of portable C, for this machine, runs both, and wants the same from each: every loss and every parameter has the same bits.
. tests/metal/boards.sh
board=stm32f405
memory=ccm=64K,sram=120K        # of SRAM's 128K there are left 4K for the stack, and some for the program's variables
cnn_memory=ccm=64K,sram=96K     # and here 25K for a batch of images
here=-O0                        # how it is compiled for this machine
unset METAL_CFLAGS

# The CNN works on one image of its batch at a time.
emitted_to_learn() { # NAME PREFIX BATCH TARGET
    case $1 in
    learn_cnn) set -- "$@" dsl_examples/small_cnn.dl --memory $cnn_memory --micro-batch 1 ;;
    *) set -- "$@" "tests/metal/$1.dl" --memory $memory ;;
    esac
    name=$1 prefix=$2 batch=$3 core=$4
    shift 4
    mkdir -p "$work/$name/$core" && $dlc "$@" --name "$prefix" --train --train-batch "$batch" --target "$core" --deterministic --report \
        -o "$work/$name/$core/$prefix.c" | sed -n '/^memory/,$p' >"$work/$name/$core/report"
}

built_to_learn() { # NAME PREFIX BATCH PROGRAM
    folder=$work/$1 own=$(metal_target $board)
    emitted_to_learn "$1" "$2" "$3" "$own" && emitted_to_learn "$1" "$2" "$3" generic && cp "$folder/$own/report" "$folder/report" &&
        METAL_CFLAGS="-I$folder/$own -Werror -Wl,--defsym=STACK_BYTES=4096" metal_build $board "$folder/there" "$4" "$folder/$own/$2.c" &&
        METAL_CFLAGS="-I$folder/generic -Werror $here -ffp-contract=fast" metal_build host "$folder/here" "$4" "$folder/generic/$2.c"
}

# Both memories hold something of it.
lies_in_both() {
    cat "$work/$1/report" && awk '$1 == "ccm" || $1 == "sram" { n += $2 > 0 } END { exit n != 2 }' "$work/$1/report"
}

learned() { # NAME ARGUMENT...
    folder=$work/$1
    shift
    metal_run $board "$folder/there" "$@" >"$folder/there.txt"
    status=$?
    cat "$folder/there.txt"
    [ $status = 0 ]
}

learned_alike() {
    folder=$work/$1
    shift
    metal_run host "$folder/here" "$@" >"$folder/here.txt" && sed '/^stack/d; /^memory/d' "$folder/here.txt" >"$folder/here.bits" &&
        sed '/^stack/d; /^memory/d' "$folder/there.txt" | diff "$folder/here.bits" - && grep learned "$folder/here.bits"
}

learns() {
    name=$1 prefix=$2 batch=$3 program=$4
    shift 4
    if ! metal_has $board; then
        skip "$name on $board" "its compiler or its emulator is not installed: make setup"
        return
    fi
    check "$name on $board: builds" built_to_learn "$name" "$prefix" "$batch" "$program"
    check "$name on $board: lies in both memories" lies_in_both "$name"
    check "$name on $board: learns" learned "$name" "$@"
    check "$name on $board: the same bits as here" learned_alike "$name" "$@"
}

digits() { # of so many examples: their files, as arguments
    "$dlc" data digits "$work/digits" --train "$1" --test "$2" >/dev/null 2>&1
    echo "$work/digits/train-images-idx3-ubyte $work/digits/train-labels-idx1-ubyte" \
        "$work/digits/t10k-images-idx3-ubyte $work/digits/t10k-labels-idx1-ubyte"
}
