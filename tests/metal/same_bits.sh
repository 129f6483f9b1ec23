# `same_bits MODEL OPTION...`: a model compiled with --deterministic gives the same bits on this machine, by its compilers, flags, targets and
# threads, and on boards. What is compared is all that a driver of reference.c records: initial values, outputs, losses, gradients, and 20
# training steps' losses, parameters and moments.
. tests/metal/models.sh

# BITS_HERE names some of these for where there is little time.
# One for each compiler and its kinds of code: name | command | target
here='
gcc-O0       | gcc -O0                                                  | generic
gcc-O3       | gcc -O3                                                  | generic
clang        | clang -O3                                                | generic
tcc          | tcc                                                      | generic
sse2         | gcc -O2 -march=x86-64                                    | x86-64
avx2         | gcc -O3 -march=haswell -ffp-contract=fast                | x86-64-v3
avx2-clang   | clang -O3 -march=haswell                                 | x86-64-v3
avx512       | gcc -O2 -march=skylake-avx512 -mprefer-vector-width=512  | x86-64-v4
avx512-clang | clang -O2 -march=skylake-avx512                          | x86-64-v4
microcontroller | gcc -O2 -march=haswell                             | cortex-m7
size         | gcc -Os -march=haswell                                   | cortex-m4f --optimize size
'

# runs_here COMMAND: this machine has the compiler, and the vectors it is told to use
runs_here() {
    command -v "${1%% *}" >/dev/null || return 1
    case $1 in
    *skylake-avx512*) grep -qw avx512vl /proc/cpuinfo ;;
    *haswell*) grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo ;;
    *march=x86-64*) grep -qw sse2 /proc/cpuinfo ;;
    esac
}

# same_as_first FILE: the first is what others are compared with
same_as_first() {
    [ -e "$work/$model/first" ] || cp "$1" "$work/$model/first"
    cmp "$work/$model/first" "$1" && [ "$(wc -c <"$1")" -gt 1000 ]
}

here_gives() { # here_gives NAME COMMAND TARGET: the driver of the C library, and the board's hash of it
    folder=$work/$model/$1
    mkdir -p "$folder" && $dlc "dsl_examples/$model.dl" --deterministic --train $options --target $3 -o "$folder/$model.c" &&
        $2 -isystem tests/differential -Iruntime -I"$folder" -o "$folder/program" "$work/$model/train/driver.c" "$folder/$model.c" &&
        "$folder/program" "$work/$model/train/inputs.bin" "$folder/results.bin" && same_as_first "$folder/results.bin"
}

board_gives() {
    board=$1
    built "$model" train "$board" --deterministic --train $options &&
        metal_run "$board" "$work/$model/train/$board/program" "$work/$model/train/inputs.bin" "$work/$model/train/$board/results.bin" &&
        same_as_first "$work/$model/train/$board/results.bin"
}

# No vectors of Helium's, which have no subnormal numbers.
no_vectors() {
    arm-none-eabi-objdump -d "$work/$1/train/$2/$1.o" >"$work/listing" && ! grep -E 'v(add|sub|mul|fma|neg|abs)\.f32[[:space:]]+q' "$work/listing"
}

on_board() {
    check "$model: the same bits on $1" board_gives "$1"
    [ "$1" != cortex-m55 ] || check "$model: no vectors on $1" no_vectors "$model" "$1"
}

same_bits() {
    prepare train "$@" --steps 20
    saved=$IFS
    IFS='
'
    for row in $here; do
        IFS=$saved
        command=$(echo "$row" | sed 's/^[^|]*| *//; s/ *|.*//')
        name=$(echo "$row" | sed 's/ *|.*//')
        case " ${BITS_HERE:-$name} " in *" $name "*) ;; *) continue ;; esac
        if runs_here "$command"; then
            check "$model: the same bits by $name" here_gives "$name" "$command" "$(echo "$row" | sed 's/.*| *//')"
        else
            skip "$model: the same bits by $name" "not on this machine"
        fi
    done
    IFS=$saved
    on_boards on_board
}
